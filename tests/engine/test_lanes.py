"""Reloads while certificates are at work: what was learned under old settings is not used for the new ones, and
certificates with equal credentials share a login."""

import asyncio
from typing import Any

import attrs
import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import (
    Audience,
    BroadcastOutcome,
    Certificate,
    CertificateCheck,
    FieldError,
    Gateway,
    Outcome,
    PushToken,
    Reason,
    Status,
)
from pushgateway.certificates.settings import _structure
from pushgateway.engine.lane import Lane
from pushgateway.engine.options import LaneOptions
from pushgateway.engine.session.vendor_session import VendorSession
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Request, Response, Vendor


def test_a_late_login_with_old_settings_is_not_used_for_the_new_ones() -> None:
    """A batch of the old settings logs in again after the reload: the new settings use a login of their own."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> None:
        async with gateway(server) as g:
            first = asyncio.create_task(g.send(PushToken(1, "a"), note()))
            await asyncio.sleep(1.5)  # logged in, the push under way with t1
            server.refuse_access.add("t1")
            g.reload([certificate(secret="new")])
            await first
            assert (await g.send(PushToken(1, "b"), note())).ok

    run_virtual(main())

    assert server.secrets[-1] == "new"
    assert server.secrets.count("new") == 1


def test_a_refusal_of_the_old_settings_does_not_affect_the_new_ones() -> None:
    """The old key is refused after the reload: the new one is tried nevertheless."""
    server = ToyServer()
    server.latency = 1.0
    server.login_answers = ["0", "8", "0"]

    async def main() -> tuple[Outcome, Outcome]:
        async with gateway(server) as g:
            first = asyncio.create_task(g.send(PushToken(1, "a"), note()))
            await asyncio.sleep(1.5)
            server.refuse_access.add("t1")
            g.reload([certificate(secret="new")])
            return await first, await g.send(PushToken(1, "b"), note())

    old, new = run_virtual(main())

    assert old.reason is Reason.CREDENTIALS
    assert new.ok


def test_a_broadcast_under_way_stops_when_its_certificate_changes() -> None:
    """The rest is sent neither with the old settings nor with the new ones, which may be of another app."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> BroadcastOutcome:
        async with gateway(server, certificate(logs_in=False)) as g:
            audience = Audience.of_tokens(f"k{i}" for i in range(9))
            task = asyncio.create_task(g.broadcast(1, note(), audience))
            await asyncio.sleep(1.5)  # saved at 1 s, the first part under way
            g.reload([certificate(secret="new", logs_in=False)])
            return await task

    outcome = run_virtual(main())

    assert [(one.status, one.reason) for one in outcome.outcomes] == (
        [(Status.ACCEPTED, None)] * 3 + [(Status.NOT_SENT, Reason.CREDENTIALS)] * 6
    )


def test_pushes_that_wait_for_a_hanging_login_use_the_new_settings() -> None:
    """After a reload the first send succeeds within a second, whatever becomes of the old login."""

    class FirstLoginHangs(ToyServer):
        async def send(self, request: Request, *, pool: str, timeout: float) -> Any:  # noqa: ASYNC109
            if request.url.endswith("login") and b"s3cret" in request.content:
                await asyncio.sleep(9.0)
            return await super().send(request, pool=pool, timeout=timeout)

    server = FirstLoginHangs()

    async def main() -> tuple[list[Outcome], float]:
        async with gateway(server, certificate(size=1)) as g:
            waiting = [asyncio.create_task(g.send(PushToken(1, f"k{i}"), note())) for i in range(20)]
            await asyncio.sleep(1.0)
            g.reload([certificate(size=1, secret="new")])
            outcomes = await asyncio.gather(*waiting, g.send(PushToken(1, "new"), note()))
            return outcomes, asyncio.get_running_loop().time()

    outcomes, took = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert took <= 2.0


def test_the_connections_of_a_removed_certificate_are_closed() -> None:
    """They are closed when its last batch has ended; those of other certificates are not."""

    class Forgetting(ToyServer):
        def __init__(self) -> None:
            super().__init__()
            self.forgotten: list[str] = []

        async def forget(self, pool: str) -> None:
            self.forgotten.append(pool)

    server = Forgetting()

    async def main() -> None:
        async with gateway(server, certificate(1), certificate(2)) as g:
            outcome = asyncio.create_task(g.send(PushToken(1, "a"), note()))
            await g.send(PushToken(2, "a"), note())
            g.reload([certificate(2)])
            assert server.forgotten == []
            await outcome
            await asyncio.sleep(30)

    run_virtual(main())

    assert server.forgotten == ["1"]


@pytest.mark.parametrize("wrong", [None, 7])
def test_an_argument_that_is_no_set_of_certificates_is_refused(wrong: Any) -> None:
    """It is a mistake of the host: an exception that says what is wrong."""

    async def main() -> None:
        async with gateway(ToyServer()) as g:
            g.reload(wrong)

    with pytest.raises(FieldError, match="certificates"):
        run_virtual(main())


def test_a_removed_certificate_repeats_nothing() -> None:
    """Pushes under way end with the vendor's next reply: there is no second attempt with settings that have been
    removed."""
    server = ToyServer()
    server.latency = 1.0
    server.answers = ["5"] * 10

    async def main() -> Outcome:
        async with gateway(server, certificate(1, logs_in=False), certificate(2)) as g:
            sending = asyncio.create_task(g.send(PushToken(1, "a"), note()))
            await asyncio.sleep(0.5)
            g.reload([certificate(2)])
            return await sending

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.REJECTED, Reason.UNAVAILABLE, 1)
    assert server.calls["push"] == 1


def test_a_batch_that_fails_while_closing_has_its_outcomes() -> None:
    """Thousands of waiting pushes end over several turns of the loop; a batch that fails in between is included."""
    server = ToyServer()
    server.latency = 0.5
    server.answers = ["5"] * 100

    async def main() -> list[Outcome]:
        g = gateway(server, certificate(logs_in=False), connections=3)
        sending = asyncio.gather(*(g.send(PushToken(1, f"k{i}"), note()) for i in range(20_000)))
        await asyncio.sleep(0.1)
        await g.aclose(0.4)
        return await sending

    outcomes = run_virtual(main())

    assert len(outcomes) == 20_000
    assert {outcome.status for outcome in outcomes} <= {Status.NOT_SENT, Status.UNKNOWN, Status.REJECTED}


def test_a_close_right_after_a_removal_loses_no_push() -> None:
    """The certificate is removed and the gateway closed in the same turn of the loop: each waiting push has its
    outcome."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        g = gateway(server, certificate(logs_in=False, size=1), connections=1)
        sending = asyncio.gather(*(g.send(PushToken(1, f"k{i}"), note()) for i in range(10_000)))
        await asyncio.sleep(0.5)
        g.reload([])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await g.aclose(0)
        async with asyncio.timeout(5):
            return await sending

    outcomes = run_virtual(main())

    assert len(outcomes) == 10_000
    assert {outcome.status for outcome in outcomes} == {Status.NOT_SENT, Status.UNKNOWN}


@attrs.frozen
class Careful(Toy):
    """A vendor that warns about one of its settings."""

    @property
    def caution(self) -> str:
        if self.size == 13:
            raise KeyError("nothing to say")
        return "" if self.size == 7 else "size: is not what it was"


def test_a_warning_about_settings_is_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """Settings that are valid but unusual are reported once for all certificates that have them, when they are loaded,
    and not again for those that a reload does not change. A plug-in that fails at it has no other effect."""
    old = [Certificate(str(number), "toy", {"secret": "s"}) for number in range(12)]
    good, odd = (Certificate(f"size {size}", "toy", {"secret": "s", "size": size}) for size in (7, 13))

    async def main() -> None:
        async with Gateway([*old, good, odd], transport=ToyServer(), vendors={"toy": Careful}) as g:
            g.reload([*old, good, odd, Certificate("new", "toy", {"secret": "s"})])

    run_virtual(main())

    lines = [record.getMessage() for record in caplog.records if "size: is" in record.getMessage()]
    assert lines == [
        f"certificate {', '.join(map(str, range(10)))} and 2 more: size: is not what it was",
        "certificate new: size: is not what it was",
    ]


def test_a_reload_costs_the_same_for_each_changed_certificate() -> None:
    """Discarding what was learned about one certificate reads its own access tokens only, not those of all
    certificates."""
    looked: list[object] = []

    class Counting(dict[Any, Any]):
        def __iter__(self) -> Any:
            looked.append(self)
            return super().__iter__()

    async def main() -> None:
        async with gateway(ToyServer(), *map(certificate, range(20))) as g:
            await asyncio.gather(*(g.send(PushToken(key, "k"), note()) for key in range(20)))
            access = g._lanes._access
            assert access is not None
            access._failures, access.offsets = Counting(), Counting()
            g.reload([certificate(key, secret="new") for key in range(20)])
            await asyncio.sleep(0)
            assert not access._held

    run_virtual(main())

    assert looked == []


class LastLoginWins(ToyServer):
    """A vendor at which a new login ends the access token before it."""

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        if request.url.endswith("/login"):
            self.refuse_access |= {f"t{number}" for number in range(1, self.calls["login"] + 1)}
        return await super().send(request, pool=pool, timeout=timeout)


@pytest.mark.parametrize(("other", "logins"), [("x", 1), ("y", 2)], ids=["one app", "two apps"])
def test_certificates_of_one_app_share_its_access_token(other: str, logins: int) -> None:
    """If each of them logged in it would end the other's access token: equal credentials at one server are one login,
    whatever the other settings are. Other credentials log in for themselves."""
    server = LastLoginWins() if other == "x" else ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(1, secret="x"), certificate(2, secret=other, size=3)) as g:
            return [await g.send(PushToken(1 + number % 2, f"k{number}"), note()) for number in range(12)]

    outcomes = run_virtual(main())

    assert [(outcome.ok, outcome.attempts) for outcome in outcomes] == [(True, 1)] * 12
    assert server.calls["login"] == logins


@pytest.mark.parametrize("change", ["removed", "other settings", "other secret"])
def test_a_shared_login_stays_when_the_other_certificate_changes(change: str) -> None:
    """A certificate that a reload does not change keeps its access token, also if another certificate fetched it."""
    server = LastLoginWins()
    changed = {
        "removed": [],
        "other settings": [certificate(1, secret="x", size=7)],
        "other secret": [certificate(1, secret="y")],
    }[change]

    async def main() -> tuple[int, int, list[Outcome]]:
        async with gateway(server, certificate(1, secret="x"), certificate(2, secret="x")) as g:
            first = [await g.send(PushToken(key, "a"), note()) for key in (1, 2)]
            g.reload([*changed, certificate(2, secret="x")])
            kept = [await g.send(PushToken(2, "b"), note())]
            logins = server.calls["login"]
            server.refuse_access.clear()
            others = [await g.send(PushToken(one.id, "c"), note()) for one in changed]
            return logins, server.calls["login"], first + kept + others

    kept, logins, outcomes = run_virtual(main())

    assert {(outcome.ok, outcome.attempts) for outcome in outcomes} == {(True, 1)}
    assert (kept, logins) == (1, 2 if change == "other secret" else 1)


def test_a_revoked_access_token_is_renewed_once_for_all_that_share_it() -> None:
    """The vendor revokes it: the first certificate whose request is refused logs in, and the others use the new
    token."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, *(certificate(key, secret="x") for key in range(5))) as g:
            await g.send(PushToken(0, "a"), note())
            server.refuse_access.add("t1")
            return list(await asyncio.gather(*(g.send(PushToken(key, "b"), note()) for key in range(5))))

    outcomes = run_virtual(main())

    assert {outcome.ok for outcome in outcomes} == {True}
    assert server.calls["login"] == 2


def test_refused_credentials_cost_one_login_for_all_that_share_them() -> None:
    """There is one login for all certificates with these credentials; certificates with others still log in."""
    server = ToyServer()
    server.login_answers = ["8"]

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(1, secret="x"), certificate(2, secret="x"), certificate(3)) as g:
            return [await g.send(PushToken(key, "a"), note()) for key in (1, 2, 3)]

    one, two, three = run_virtual(main())

    assert (one.reason, two.reason) == (Reason.CREDENTIALS, Reason.CREDENTIALS)
    assert three.ok
    assert server.calls["login"] == 2


def test_the_warning_about_a_shared_key_names_every_certificate(caplog: pytest.LogCaptureFixture) -> None:
    """The log line that another process logs in with this key names the certificates that have it."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server, certificate(2, secret="x"), certificate(1, secret="x")) as g:
            for number in range(1, 6):
                await g.send(PushToken(1 + number % 2, "a"), note())
                server.refuse_access.add(f"t{server.calls['login']}")

    run_virtual(main())

    assert "certificates 1, 2 (one login): access tokens are refused soon after each login" in caplog.text


def test_login_state_is_discarded_with_its_last_certificate() -> None:
    """A process that reloads for years keeps nothing of certificates that were removed."""

    async def main() -> None:
        async with gateway(ToyServer(), *(certificate(key, secret="x") for key in range(4))) as g:
            await asyncio.gather(*(g.send(PushToken(key, "k"), note()) for key in range(4)))
            access = g._lanes._access
            assert access is not None
            g.reload([certificate(key, secret="x") for key in range(2)])
            assert len(access._held) == len(access._users) == 1
            g.reload([])
            assert {**access._held, **access._users, **access._of} == {}

    run_virtual(main())


def test_a_reload_of_many_certificates_lets_other_tasks_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of lanes that take new settings at once would block the loop for tenths of a second: in each turn of
    the loop only some do."""
    replaced: list[str] = []
    replace = Lane.replace

    def counted(lane: Lane, session: VendorSession, lane_options: LaneOptions) -> None:
        replaced.append(session.certificate_id)
        replace(lane, session, lane_options)

    monkeypatch.setattr(Lane, "replace", counted)

    async def main() -> list[int]:
        async with gateway(ToyServer(), *(certificate(key, secret="a") for key in range(120))) as g:
            await asyncio.gather(*(g.send(PushToken(key, "k"), note()) for key in range(120)))
            g.reload([certificate(key, secret="b") for key in range(120)])
            counts = [len(replaced)]
            while len(replaced) < 120:
                await asyncio.sleep(0)
                counts.append(len(replaced))
            return counts

    assert run_virtual(main()) == [0, 50, 100, 120]


def test_new_settings_are_in_force_when_the_reload_returns() -> None:
    """New sends and waiting pushes use the new settings, also in lanes that take them in a later turn; a second reload
    before that replaces the first."""
    server = ToyServer()
    server.login_answers = ["8"]  # refused credentials: while this lasts, pushes end without a request

    def all_with(secret: str) -> list[Certificate]:
        return [certificate(key, secret=secret) for key in range(120)]

    async def main() -> tuple[list[Outcome], list[CertificateCheck]]:
        async with gateway(server, *all_with("a")) as g:
            refused = await asyncio.gather(*(g.send(PushToken(key, "k"), note()) for key in range(120)))
            assert {outcome.reason for outcome in refused} == {Reason.CREDENTIALS}
            g.reload(all_with("b"))
            g.reload(all_with("c"))
            sending = [asyncio.ensure_future(g.send(PushToken(key, "k"), note())) for key in range(119, 60, -1)]
            checks = [await g.check(key) for key in range(119, 60, -1)]
            return await asyncio.gather(*sending), checks

    outcomes, checks = run_virtual(main())

    assert {outcome.ok for outcome in outcomes} == {True}
    assert {check.ok for check in checks} == {True}
    assert set(server.secrets) == {"a", "c"}


def test_a_reload_that_changes_nothing_checks_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that reloads its whole file for one new certificate causes the work for that one only."""
    checked: list[str] = []

    def counted(one: Certificate, vendor: type[Vendor]) -> Vendor:
        checked.append(one.id)
        return _structure(one, vendor)

    async def main() -> None:
        async with gateway(ToyServer(), *map(certificate, range(50))) as g:
            monkeypatch.setattr("pushgateway.certificates.settings._structure", counted)
            g.reload([*map(certificate, range(50)), certificate("new")])

    run_virtual(main())

    assert checked == ["new"]
