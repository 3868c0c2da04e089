"""`Outbox`: what hosts put, take back and read."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest
from inline_outbox import BROKEN, database_of, entry, inline_store
from outbox_conformance import ask, done, times

from pushgateway import FieldError, Notification, Push, PushToken
from pushgateway.engine.pushes.ids import derived
from pushgateway.model.errors import StoreError
from pushgateway.model.push import Owner
from pushgateway.outbox.outbox import IdConflict, Outbox, OutboxFull
from pushgateway.outbox.sqlite import SQLiteStore
from pushgateway.outbox.store import Ask, Done, Leased, Whose
from pushgateway.outbox.verdicts import EXPIRED

T = TypeVar("T")
NOW = 1_800_000_000.0
NOTE = Notification("title", "body")


def push(name: str, **more: Any) -> Push:
    return Push(PushToken(7005, name), more.pop("notification", NOTE), **more)


def at(seconds: float) -> datetime:
    """So many seconds from now."""
    return datetime.fromtimestamp(NOW + seconds, UTC)


def run(path: Path, scene: Callable[[Outbox], Awaitable[T]], **options: Any) -> T:
    """Run a scene with an outbox whose clock stands still at `NOW`."""

    async def whole() -> T:
        store = inline_store(path / "outbox.db", **options)
        async with Outbox(store, clock=lambda: NOW, rng=random.Random(3)) as outbox:
            return await scene(outbox)

    return asyncio.run(whole())


async def leased(outbox: Outbox, now: float = NOW) -> list[Leased]:
    """Everything that is due."""
    return list(await outbox.store.lease(Ask(lease=5, now=now, until=now + 10, most=10_000, held={})))


def test_ids_are_returned_in_order(tmp_path: Path) -> None:
    """Each push keeps the id that it has; others get the id of their message and phone, or a new one."""
    named = Notification("t", "b", dedupe_id="message-1")

    async def scene(outbox: Outbox) -> tuple[list[str], list[str]]:
        ids = await outbox.put([push("a"), push("b", dedupe_id="mine"), push("c", notification=named)])
        return ids, [one.dedupe_id for one in await leased(outbox)]

    ids, stored = run(tmp_path, scene)

    assert ids[1:] == ["mine", derived(PushToken(7005, "c"), "message-1")]
    assert len(ids[0]) == 32
    assert stored == ids


def test_not_before_and_expires(tmp_path: Path) -> None:
    """A push is due at `not_before`, not a moment earlier, and carries its end. From then on it can be given up."""

    async def scene(outbox: Outbox) -> list[Any]:
        await outbox.put([push("a")], not_before=at(10), expires=at(20))
        return [[(one.since, one.expires) for one in await leased(outbox, now)] for now in (NOW + 9.5, NOW + 10)]

    assert run(tmp_path, scene) == [[], [(NOW + 10, NOW + 20)]]


@pytest.mark.parametrize(
    "times",
    [
        {"expires": at(0)},
        {"expires": at(5), "not_before": at(5)},
        {"not_before": datetime(2030, 1, 1)},  # noqa: DTZ001 - that is what is refused
        {"expires": 5.0},
    ],
)
def test_wrong_times_are_refused(tmp_path: Path, times: dict[str, Any]) -> None:
    """An end that has passed or that comes before the beginning, and a time without a zone, raise `FieldError`, and
    nothing is stored."""

    async def scene(outbox: Outbox) -> int:
        with pytest.raises(FieldError):
            await outbox.put([push("a")], **times)
        return len(await leased(outbox, NOW + 1000))

    assert run(tmp_path, scene) == 0


def test_an_end_after_the_beginning_is_taken(tmp_path: Path) -> None:
    """A moment after `not_before` is the earliest end."""

    async def scene(outbox: Outbox) -> int:
        return len(await outbox.put([push("a")], not_before=at(5), expires=at(5.5)))

    assert run(tmp_path, scene) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ("no push", r"pushes\[1\]"),
        (push("b", context=object()), r"Push\.context"),
        (push("b", dedupe_id="x" * 256), r"Push\.dedupe_id"),
        (push("b", dedupe_id="é" * 128), r"Push\.dedupe_id"),
        (push("b", dedupe_id="a\0"), r"Push\.dedupe_id"),
        (push("b", dedupe_id="a "), r"Push\.dedupe_id"),
        (push("b", dedupe_id="\ud800"), r"Push\.dedupe_id"),
        (Push(PushToken("x" * 256, "b"), NOTE), "certificate_id"),
    ],
)
def test_one_wrong_push_refuses_the_call(tmp_path: Path, wrong: Any, field: str) -> None:
    """What cannot be stored is named, and none of the call is stored."""

    async def scene(outbox: Outbox) -> int:
        with pytest.raises(FieldError, match=field):
            await outbox.put([push("a"), wrong])
        return len(await leased(outbox))

    assert run(tmp_path, scene) == 0


def test_ids_at_their_longest(tmp_path: Path) -> None:
    """255 bytes are taken."""

    async def scene(outbox: Outbox) -> list[str]:
        return await outbox.put([push("a", dedupe_id="x" * 255), push("b", dedupe_id="é" * 127)])

    assert [len(one) for one in run(tmp_path, scene)] == [255, 127]


def test_putting_again(tmp_path: Path) -> None:
    """The same push again, with its data in another order, is one push. Another text, phone, timeout or user under the
    same id is an error that names the id."""
    note = Notification("t", "b", data={"a": 1, "b": 2})
    turned = Notification("t", "b", data={"b": 2, "a": 1})
    others = [
        push("a", notification=Notification("t", "c"), dedupe_id="mine"),
        push("b", notification=note, dedupe_id="mine"),
        push("a", notification=note, dedupe_id="mine", timeout=5.0),
        push("a", notification=Notification("t", "b", data={"a": True, "b": 2}), dedupe_id="mine"),
        push("a", notification=note, dedupe_id="mine", owner=Owner("ann", "1")),
    ]

    async def scene(outbox: Outbox) -> tuple[int, list[Any]]:
        await outbox.put([push("a", notification=note, dedupe_id="mine", context=1)])
        await outbox.put([push("a", notification=turned, dedupe_id="mine", context=2)], expires=at(9))
        errors = []
        for other in others:
            with pytest.raises(IdConflict) as error:
                await outbox.put([other])
            errors.append((error.value.dedupe_ids, str(error.value)))
        return len(await leased(outbox)), errors

    count, errors = run(tmp_path, scene)

    assert count == 1
    assert errors == [(("mine",), "Push.dedupe_id: was put before with another content: mine")] * 5


def test_a_full_store_stores_nothing_of_the_call(tmp_path: Path) -> None:
    """A call that does not fit raises `OutboxFull` and leaves nothing behind; what was put before stays, and a small
    call fits again."""
    long = Notification("t", "b" * 1000)

    async def scene(outbox: Outbox) -> tuple[str, int]:
        await outbox.put([push("a")])
        with pytest.raises(OutboxFull) as error:
            await outbox.put([push(f"b{number}", notification=long) for number in range(1000)])
        await outbox.put([push("c")])
        return str(error.value), len(await leased(outbox))

    assert run(tmp_path, scene, max_bytes=200_000) == ("outbox.db: is as large as max_bytes allows", 2)


@pytest.mark.parametrize("size", [200_000, 1_000_000])
def test_a_full_store_is_emptied_by_workers(tmp_path: Path, size: int) -> None:
    """What is in a store that is full can be leased and settled, although both need some space."""

    async def fill(outbox: Outbox) -> int:
        count = 0
        try:
            while True:
                count += len(await outbox.put([push(f"a{count + number}") for number in range(20)]))
        except OutboxFull:
            return count

    async def scene(outbox: Outbox) -> tuple[int, int, int]:
        count = await fill(outbox)
        settled = 0
        while leases := await outbox.store.lease(ask(settled + 1, NOW, most=500)):
            await outbox.store.settle(done(leases), [], times(NOW))
            settled += len(leases)
        return count, settled, len(await outbox.results(100_000))

    count, settled, results = run(tmp_path, scene, max_bytes=size)

    assert count > 100
    assert settled == results == count


def test_many_pushes_yield_to_the_event_loop(tmp_path: Path) -> None:
    """While thousands of pushes are encoded, other tasks run."""

    async def scene(outbox: Outbox) -> int:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(others())
        await outbox.put(push(str(number)) for number in range(3000))
        task.cancel()
        return turns

    assert run(tmp_path, scene) >= 5


def test_putting_within_a_transaction_needs_an_sql_server(tmp_path: Path) -> None:
    """A store that has its own connection only says so."""

    async def scene(outbox: Outbox) -> str:
        with pytest.raises(FieldError) as error:
            outbox.put_within(None, [push("a")])  # type: ignore[arg-type]
        return str(error.value)

    assert run(tmp_path, scene) == "Outbox.store: SQLiteStore cannot put within a transaction of yours"


def test_an_empty_call(tmp_path: Path) -> None:
    """Nothing to put is no error, and does not use the store."""

    async def scene(outbox: Outbox) -> tuple[list[str], int]:
        before = database_of(outbox).works
        return await outbox.put([]), database_of(outbox).works - before

    assert run(tmp_path, scene) == ([], 0)


def test_a_store_that_does_not_work(tmp_path: Path) -> None:
    """`put` raises `StoreError`, and the same call works when the store does."""

    async def scene(outbox: Outbox) -> int:
        database_of(outbox).fails = BROKEN
        with pytest.raises(StoreError, match="does not answer"):
            await outbox.put([push("a", dedupe_id="mine")])
        database_of(outbox).fails = None
        await outbox.put([push("a", dedupe_id="mine")])
        return len(await leased(outbox))

    assert run(tmp_path, scene) == 1


def test_withdraw_needs_to_know_what(tmp_path: Path) -> None:
    """Without an argument it raises `FieldError` and removes nothing."""

    async def scene(outbox: Outbox) -> tuple[int, int]:
        await outbox.put([push("a", dedupe_id="mine"), push("b")])
        with pytest.raises(FieldError):
            await outbox.withdraw()
        found = await outbox.withdraw(dedupe_id="mine")
        return found.removed, len(await leased(outbox))

    assert run(tmp_path, scene) == (1, 1)


@pytest.mark.parametrize("wrong", ["", "ann ", "a\0", "a" * 256, 5])
@pytest.mark.parametrize("name", ["user", "device", "dedupe_id"])
def test_withdraw_refuses_what_is_no_id(tmp_path: Path, name: str, wrong: Any) -> None:
    """A text that no user, device or id can be is refused, because some databases take "ann " for "ann", and others
    cannot hold it. The error does not quote it."""

    async def scene(outbox: Outbox) -> str:
        with pytest.raises(FieldError, match=rf"withdraw\.{name}") as error:
            await outbox.withdraw(**{"user": "bob", name: wrong})
        return str(error.value)

    assert "ann" not in run(tmp_path, scene)


@pytest.mark.parametrize("wrong", ["one", ["one "], [""], [5]])
def test_dead_letters_are_named_by_ids(tmp_path: Path, wrong: Any) -> None:
    """One text instead of several ids, or what no id can be, is refused and changes nothing."""

    async def scene(outbox: Outbox) -> None:
        for call in (outbox.retry, outbox.drop):
            with pytest.raises(FieldError, match="dedupe_ids"):
                await call(wrong)

    run(tmp_path, scene)


def test_withdraw_by_owner(tmp_path: Path) -> None:
    """Pushes are found by the user and the device of their owner."""
    owners = [Owner("ann", "1"), Owner("ann", "2"), Owner("bob", "1"), None]

    async def scene(outbox: Outbox) -> Any:
        await outbox.put([push(f"t{n}", owner=owner) for n, owner in enumerate(owners)])
        found = [await outbox.withdraw(user="ann", device="2"), await outbox.withdraw(device="1")]
        return [one.removed for one in found], [one.token for one in await leased(outbox)]

    assert run(tmp_path, scene) == ([1, 2], ["t3"])


def test_results_of_a_table(tmp_path: Path) -> None:
    """Results are read whole, with the host's context, are given out again if they are not taken, and are gone when
    they are."""

    async def scene(outbox: Outbox) -> tuple[Any, int, int]:
        await outbox.put([push("a", context={"row": 5})], expires=at(1))
        times = {"now": NOW + 1, "keep": True, "handed_over_until": NOW, "remember_until": NOW}
        from pushgateway.outbox.store import SettleTimes

        await outbox.store.expire(SettleTimes(**times), 10)
        outbox._clock = lambda: NOW + 1
        (first,) = await outbox.results()
        again = len(await outbox.results())
        await outbox.take([first])
        outbox._clock = lambda: NOW + 1000
        return first, again, len(await outbox.results())

    result, again, after = run(tmp_path, scene)

    assert result.outcome.context == {"row": 5}
    assert result.outcome.detail == "it expired while it waited in the outbox"
    assert (result.put_at, result.tries, result.dead) == (NOW, 0, False)
    assert (again, after) == (0, 0)


def test_dead_letters_and_status(tmp_path: Path) -> None:
    """A dead letter is listed with its last outcome, counted, and sent again or dropped by its id."""

    async def scene(outbox: Outbox) -> Any:
        await outbox.put([push("a", dedupe_id="one"), push("b", dedupe_id="two")])
        from pushgateway.outbox.store import SettleTimes

        times = SettleTimes(now=NOW, keep=False, handed_over_until=NOW, remember_until=NOW)
        over = [Done(one.id, one.lease, EXPIRED, True) for one in await leased(outbox)]
        await outbox.store.settle(over, [], times)
        letters = await outbox.dead_letters()
        status = await outbox.status()
        numbers = [await outbox.retry(["one"]), await outbox.drop(), await outbox.retry()]
        return letters, status, numbers, [one.dedupe_id for one in await leased(outbox)]

    letters, status, numbers, again = run(tmp_path, scene)

    assert [(one.dedupe_id, one.push_token, one.put_at) for one in letters] == [
        ("one", PushToken(7005, "a"), NOW),
        ("two", PushToken(7005, "b"), NOW),
    ]
    assert letters[0].outcome.detail == "it expired while it waited in the outbox"
    assert (status.total("dead"), status.total("waiting")) == (2, 0)
    assert numbers == [1, 1, 0]
    assert again == ["one"]


def test_nothing_private_is_shown(tmp_path: Path) -> None:
    """No `repr` shows a token, a text, a user or a context."""

    async def scene(outbox: Outbox) -> list[object]:
        note = Notification("PRIVATE-title", "PRIVATE-body")
        await outbox.put([push("PRIVATE-token", notification=note, context="PRIVATE-context")])
        return [outbox, outbox.store, await leased(outbox), await outbox.status()]

    shown = repr([*run(tmp_path, scene), entry("a", token="PRIVATE"), Whose(dedupe_id="a")])

    assert "PRIVATE" not in shown


def test_wrong_options(tmp_path: Path) -> None:
    """A wrong option is named when the outbox is made."""
    store = SQLiteStore(tmp_path / "outbox.db")
    with pytest.raises(FieldError, match="remember"):
        Outbox(store, remember=0)
    with pytest.raises(FieldError, match="keep_results"):
        Outbox(store, keep_results=-1)
    with pytest.raises(FieldError, match="max_bytes"):
        SQLiteStore(tmp_path / "outbox.db", max_bytes=0)
