"""`Devices` for hosts: what it refuses, receipts, pruning, and what a log may show. `test_gateway.py` has the rest."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy

from pushgateway import FieldError, Notification, PushToken
from pushgateway.devices import Binding, Devices, Owner
from pushgateway.devices.devices import SURE
from pushgateway.model.errors import ConfigError
from pushgateway.model.intent import Priority
from pushgateway.model.push import Push
from pushgateway.model.receipt import Proof, Receipt, ReceiptKind
from pushgateway.testing.virtual_time import run_virtual

T = TypeVar("T")
A, B, C = (PushToken(7005, text) for text in "abc")
NOW = 1_700_000_000.0


def run(scene: Callable[[Devices], Awaitable[T]]) -> T:
    """Run a scene with devices in memory, at the time `NOW`."""

    async def main() -> T:
        async with Devices("memory:", clock=lambda: NOW) as devices:
            return await scene(devices)

    return run_virtual(main())


def dead(push_token: PushToken, kind: ReceiptKind = ReceiptKind.UNREGISTERED, **more: object) -> Receipt:
    """A receipt that calls a token dead, two minutes after `NOW`."""
    return Receipt(**{"push_token": push_token, "kind": kind, "event": "dead", "at": NOW + 120, **more})  # type: ignore[arg-type]


async def owners(devices: Devices) -> dict[str, list[str]]:
    """The tokens of two users."""
    found = await devices.of_users(["ann", "bob"])
    return {user: [one.push_token.token for one in those] for user, those in found.items()}


WRONG = ["", " ann", "ann\n", "a\u200bb", "x" * 256, "李" * 86, 7, None]
RIGHT = ["x", "x" * 255, "李" * 85, "ann@example.com", "a b", "💡"]


@pytest.mark.parametrize("user", WRONG)
def test_an_id_that_databases_do_not_compare_exactly_is_refused(user: object) -> None:
    """Blanks around it, invisible characters, more than 255 bytes, other types: the error names the argument and does
    not quote it."""

    async def scene(devices: Devices) -> list[str]:
        calls = [
            devices.bind(user, "d", A),  # type: ignore[arg-type]
            devices.bind("ann", user, A),  # type: ignore[arg-type]
            devices.unbind(user, "d"),  # type: ignore[arg-type]
            devices.unbind("ann", user),  # type: ignore[arg-type]
            devices.unbind_user(user),  # type: ignore[arg-type]
            devices.of_users([user]),  # type: ignore[list-item]
        ]
        said = []
        for call in calls:
            with pytest.raises(FieldError) as caught:
                await call
            said.append(str(caught.value))
        return said

    said = run(scene)

    assert [one.split(":")[0] for one in said] == ["user", "device", "user", "device", "user", "users"]
    assert not any(user in one for one in said if isinstance(user, str) and user)


@pytest.mark.parametrize("user", RIGHT)
def test_every_other_id_is_kept_as_it_is(user: str) -> None:
    """At the limit too."""

    async def scene(devices: Devices) -> Binding:
        await devices.bind(user, user, A)
        return (await devices.of_users([user]))[user][0]

    binding = run(scene)

    assert (binding.user, binding.device) == (user, user)


def test_one_text_is_not_several_users() -> None:
    """`of_users("ann")` would ask for three users."""

    async def scene(devices: Devices) -> None:
        with pytest.raises(FieldError, match="several user ids, is one str"):
            await devices.of_users("ann")

    run(scene)


@pytest.mark.parametrize("locale", ["x" * 65, "zh\n", None])
def test_a_wrong_locale_is_refused(locale: object) -> None:
    """And nothing is bound."""

    async def scene(devices: Devices) -> dict[str, list[str]]:
        with pytest.raises(FieldError, match="locale: must be"):
            await devices.bind("ann", "d", A, locale=locale)  # type: ignore[arg-type]
        return await owners(devices)

    assert run(scene) == {"ann": [], "bob": []}


@pytest.mark.parametrize("store", ["devices.sqlite", "redis://localhost", "sqlite://", ""])
def test_a_wrong_url_is_refused_by_its_argument(store: str) -> None:
    """The error says what would be right."""
    with pytest.raises(FieldError, match=r"Devices\.store: must be sqlite:///file"):
        Devices(store)


def test_an_sqlite_file_is_relative_to_the_folder(tmp_path: Path) -> None:
    """As the path of any file in a configuration."""

    async def scene() -> None:
        async with Devices("sqlite:///d.sqlite", folder=tmp_path, shared=False) as devices:
            await devices.bind("ann", "d", A)

    asyncio.run(scene())

    assert (tmp_path / "d.sqlite").exists()


def test_nothing_that_a_log_shows_names_a_user_or_a_token() -> None:
    """Neither values nor the devices themselves."""
    owner = Owner("ann-secret", "phone-secret", 5, 1)
    token = PushToken(7005, "token-secret")
    binding = Binding(owner=owner, push_token=token, bound_at=1.0, seen_at=1.0)
    devices = Devices("postgresql://user:pass-secret@localhost/db")

    push = Push(token, Notification("title-secret", "body-secret"), owner=owner)

    assert "secret" not in repr([owner, binding, devices, push])


def test_without_the_extra_the_devices_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for databases; devices in memory need nothing."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)

    with pytest.raises(ConfigError, match="needs SQLAlchemy"):
        Devices("sqlite:///x.sqlite")
    assert repr(Devices("memory:")) == "Devices(MemoryDevices(0 bindings))"


@pytest.mark.parametrize(
    ("receipt", "left"),
    [
        (dead(A), []),
        (dead(A, ReceiptKind.SUSPECT), ["a"]),
        (dead(A, ReceiptKind.ARRIVED), ["a"]),
        (dead(B), ["a"]),
        (dead(A, at=None), ["a"]),
        (dead(A, at=NOW + SURE), ["a"]),
        (dead(A, at=NOW + SURE + 1), []),
        (dead(A, at=NOW - 1), ["a"]),
        (dead(A, replacement=C, proof=Proof.VENDOR), ["c"]),
        (dead(A, replacement=C, proof=Proof.PUSH), []),
        (dead(A, replacement=B, proof=Proof.VENDOR), []),
    ],
)
def test_a_receipt_changes_only_what_it_proves(receipt: Receipt, left: list[str]) -> None:
    """A confirmed dead token is retired if it was reported for the last time at least a minute before; a replacement is
    taken over if the vendor signs, and if it is nobody else's."""

    async def scene(devices: Devices) -> tuple[int, dict[str, list[str]]]:
        await devices.bind("ann", "d", A)
        await devices.bind("bob", "d", PushToken(7005, "b") if receipt.replacement == B else PushToken(7005, "z"))
        return await devices.take_receipts([receipt, receipt]), await owners(devices)

    changed, found = run(scene)

    assert found["ann"] == left
    assert changed == (left != ["a"])
    assert len(found["bob"]) == 1


def test_pushes_are_made_for_all_devices_of_users() -> None:
    """With their owners and options, in the order of the users; such as for an outbox."""
    note = Notification("title", "body")

    async def scene(devices: Devices) -> list[Push]:
        for user, device, push_token in (("ann", "d1", A), ("bob", "d1", B), ("bob", "d2", C)):
            await devices.bind(user, device, push_token)
        return await devices.pushes(["bob", "nobody", "ann"], note, timeout=5.0, priority=Priority.BULK, context="row")

    pushes = run(scene)

    assert [push.push_token for push in pushes] == [B, C, A]
    assert [(push.owner.user, push.owner.device) for push in pushes if push.owner] == [
        ("bob", "d1"),
        ("bob", "d2"),
        ("ann", "d1"),
    ]
    assert {(push.notification, push.timeout, push.priority, push.context) for push in pushes} == {
        (note, 5.0, Priority.BULK, "row")
    }


def test_a_thousand_users_are_one_query(tmp_path: Path) -> None:
    """A push to a group costs the database one round trip."""
    users, queries = [f"user-{number}" for number in range(1000)], list[str]()

    def count(*given: object) -> None:
        queries.append(str(given[2]))

    async def main() -> int:
        async with Devices(f"sqlite:///{tmp_path}/devices.db") as devices:
            for user in users[::100]:
                await devices.bind(user, "d1", PushToken(7005, user))
            sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", count)
            try:
                return sum(map(len, (await devices.of_users(users)).values()))
            finally:
                sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", count)

    assert asyncio.run(main()) == 10
    assert [query.partition(" ")[0] for query in queries] == ["SELECT"]


def test_a_user_has_ten_devices_at_most_unless_the_host_says_more() -> None:
    """The eleventh takes the place of the one that was reported longest ago; `most` sets another number."""

    async def count(**options: int) -> list[str]:
        times = iter(range(100))
        async with Devices("memory:", clock=lambda: NOW + next(times), **options) as devices:
            for number in range(11):
                await devices.bind("ann", f"d{number:02}", PushToken(7005, f"t{number}"))
            return [one.device for one in (await devices.of_users(["ann"]))["ann"]]

    assert run_virtual(count()) == [f"d{number:02}" for number in range(1, 11)]
    assert run_virtual(count(most=2)) == ["d09", "d10"]
    assert len(run_virtual(count(most=11))) == 11


@pytest.mark.parametrize("most", [0, -1, True, 1.5])
def test_a_wrong_number_of_devices_is_refused(most: int) -> None:
    """It names the argument."""
    with pytest.raises(FieldError, match=r"^Devices\.most: "):
        Devices("memory:", most=most)


def test_a_report_may_come_late() -> None:
    """With the time of the report a later one stays; a time in the future is now."""

    async def scene(devices: Devices) -> list[float]:
        theirs = await devices.bind("bob", "d1", A)
        late = await devices.bind("ann", "d1", A, at=NOW - 5.0)
        assert late == theirs
        imported = await devices.bind("ann", "d1", B, at=NOW - 5.0)
        ahead = await devices.bind("ann", "d2", C, at=NOW + 99.0)
        return [imported.seen_at, ahead.seen_at]

    assert run(scene) == [NOW - 5.0, NOW]


@pytest.mark.parametrize("at", [float("nan"), float("inf"), 10**400, -NOW * 1000, NOW * 1000, True, "2026-11-29", None])
def test_a_wrong_time_is_refused(at: float) -> None:
    """Milliseconds too, by which `prune` would unbind everybody; nothing is changed."""

    async def scene(devices: Devices) -> None:
        await devices.bind("ann", "d1", A, at=NOW - 5.0)
        if at is not None:
            with pytest.raises(FieldError, match=r"^at: must be epoch seconds$"):
                await devices.bind("ann", "d1", B, at=at)
        with pytest.raises(FieldError, match=r"^before: must be epoch seconds$"):
            await devices.retire(A, before=at)
        with pytest.raises(FieldError, match=r"^seen_before: must be epoch seconds$"):
            await devices.prune(seen_before=at)
        assert await owners(devices) == {"ann": ["a"], "bob": []}

    run(scene)


@pytest.mark.parametrize(
    "wrong",
    [
        PushToken(1, ""),
        PushToken(1, "x" * 4097),
        PushToken("c" * 256, "x"),
        PushToken("\0", "x"),
        PushToken("\ud800", "x"),
    ],
)
def test_a_token_that_not_every_database_can_store_is_refused(wrong: PushToken) -> None:
    """An app may report anything. It is no fault of the database, which goes on being asked, and the token that the
    device had stays. Nothing is known of such a token, and nothing is replaced by it."""
    replaced = dead(A, replacement=wrong, proof=Proof.VENDOR)

    async def scene(devices: Devices) -> None:
        await devices.bind("ann", "d1", A)
        with pytest.raises(FieldError, match=r"^push_token: its "):
            await devices.bind("ann", "d1", wrong)
        with pytest.raises(FieldError, match=r"^new: its "):
            await devices.rotate(A, wrong)
        assert not await devices.retire(wrong, before=NOW)
        assert await owners(devices) == {"ann": ["a"], "bob": []}
        assert await devices.take_receipts([dead(wrong), replaced]) == 1
        assert await owners(devices) == {"ann": [], "bob": []}

    run(scene)


@pytest.mark.parametrize("url", ["memory:", "sqlite"])
def test_the_longest_token_and_certificate_id_are_stored(url: str, tmp_path: Path) -> None:
    """At the limit."""
    longest = PushToken("李" * 255, "x" * 4096)

    async def scene() -> list[PushToken]:
        async with Devices(f"sqlite:///{tmp_path}/devices.sqlite" if url == "sqlite" else url) as devices:
            await devices.bind("ann", "d1", longest)
            return [one.push_token for one in (await devices.of_users(["ann"]))["ann"]]

    assert asyncio.run(scene()) == [longest]


@pytest.mark.parametrize("wrong", ["1 OR 1=1", 1.5, True, None, -1, 2**63])
def test_an_owner_with_a_wrong_number_is_refused(wrong: object) -> None:
    """Before it is in a question to the database, which would fail for all pushes that are asked about with it."""
    with pytest.raises(FieldError, match=r"^Owner\.binding: "):
        Owner("ann", "d1", wrong)  # type: ignore[arg-type]
    with pytest.raises(FieldError, match=r"^Owner\.generation: "):
        Owner("ann", "d1", 1, wrong)  # type: ignore[arg-type]


def test_a_login_may_end_the_other_devices_of_its_user() -> None:
    """The device that is kept has its binding as before."""

    async def scene(devices: Devices) -> tuple[int, list[Binding], Binding]:
        kept, _, _ = [await devices.bind("ann", name, token) for name, token in (("d1", A), ("d2", B), ("d3", C))]
        return await devices.unbind_user("ann", keep="d1"), list((await devices.of_users(["ann"]))["ann"]), kept

    count, left, kept = run(scene)

    assert count == 2
    assert left == [kept]


def test_unread_messages_are_counted_by_user() -> None:
    """In the order given, each user once; read messages set the number back."""

    async def scene(devices: Devices) -> None:
        assert list((await devices.count_badges(["bob", "ann", "bob"])).items()) == [("bob", 1), ("ann", 1)]
        await devices.set_badge("ann")
        assert await devices.count_badges(["ann", "bob"]) == {"ann": 1, "bob": 2}
        for wrong in (-1, 10**9 + 1, True, 1.0):
            with pytest.raises(FieldError, match=r"^count: "):
                await devices.set_badge("ann", wrong)  # type: ignore[arg-type]
        for wrong in (10**9 + 1, -(10**9) - 1, True, 1.0):
            with pytest.raises(FieldError, match=r"^add: "):
                await devices.count_badges(["ann"], wrong)  # type: ignore[arg-type]
        with pytest.raises(FieldError, match=r"^users: "):
            await devices.count_badges("ann")

    run(scene)


def test_pruning_is_the_hosts_to_ask_for() -> None:
    """What was not seen since that time goes; nothing goes by itself."""

    async def scene(devices: Devices) -> tuple[int, int]:
        await devices.bind("ann", "d", A)
        return await devices.prune(seen_before=NOW), await devices.prune(seen_before=NOW + 1)

    assert run(scene) == (0, 1)
