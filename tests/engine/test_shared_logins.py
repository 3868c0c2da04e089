"""Several gateways with one shared state log in once, whatever the login does and whatever happens to the store.

Virtual time: each gateway is what a process of its own would be, and the store answers after a millisecond.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
from shared_gateways import TimedServer, UnsteadyState, closed, now, processes, unsteady
from toy_vendor import Toy, certificate, note

from pushgateway import Gateway, Outcome, PushToken, Reason, Status
from pushgateway.engine.session.shared_logins import HOLD, mark_of
from pushgateway.state import LoginResult
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import AccessToken, ClockSkew, Exchange, NoVerdict, Refused, Request, Response

Program = Callable[[list[Gateway], "LastLoginWins", UnsteadyState], Awaitable[Any]]


class LastLoginWins(TimedServer):
    """A vendor at which each login ends the access token of the one before; a login takes `takes` seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.takes = 0.5
        self.takes_none = False  # no access token is good

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        if request.url.endswith("/login"):
            await asyncio.sleep(self.takes)
            self.refuse_access = {f"t{number}" for number in range(1, self.calls["login"] + 1 + self.takes_none)}
        return await super().send(request, pool=pool, timeout=timeout)


@attrs.frozen
class ShortLived(Toy):
    """The toy vendor, with access tokens that live for ten minutes."""

    def _login(self, region: str, now: float) -> Exchange[AccessToken]:
        access = yield from super()._login(region, now)
        return AccessToken(access.value, 600.0, None)


def shared_run(number: int, program: Program, seed: int | None = None, **options: Any) -> tuple[Any, LastLoginWins]:
    """What a program with so many gateways on one state returns, and the vendor's server."""
    server = LastLoginWins()

    async def main() -> Any:
        state = unsteady()
        gateways = processes(number, server, state, **options)
        try:
            return await program(gateways, server, state)
        finally:
            await closed(gateways)

    return run_virtual(main(), seed=seed), server


async def each_sends(gateways: list[Gateway], token: str = "a") -> list[Outcome]:
    """One push of each gateway, all at the same moment."""
    return await asyncio.gather(*(gate.send(PushToken(1, token), note()) for gate in gateways))


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
def test_eight_cold_processes_make_one_login(seed: int | None) -> None:
    """All begin at the same moment: one logs in, and the others have its access token a moment later."""

    async def program(gateways: list[Gateway], server: LastLoginWins, _: UnsteadyState) -> tuple[list[Outcome], float]:
        return await each_sends(gateways), now()

    (outcomes, ended), server = shared_run(8, program, seed)

    assert [outcome.status for outcome in outcomes] == [Status.ACCEPTED] * 8
    assert server.calls["login"] == 1
    assert ended < 1.0


def test_a_process_that_comes_later_makes_no_login() -> None:
    """Ten minutes later another process begins: it has the access token of the first one."""

    async def program(gateways: list[Gateway], server: LastLoginWins, _: UnsteadyState) -> list[Outcome]:
        first = await each_sends(gateways[:1])
        await asyncio.sleep(600)
        return first + await each_sends(gateways[1:])

    outcomes, server = shared_run(3, program)

    assert all(outcome.ok for outcome in outcomes)
    assert server.calls["login"] == 1


def test_an_access_token_that_was_ended_is_renewed_once() -> None:
    """Somebody else logs in with the key, so all processes are refused in the same second: one of them logs in, and
    every push is accepted."""

    async def program(gateways: list[Gateway], server: LastLoginWins, _: UnsteadyState) -> list[Outcome]:
        await each_sends(gateways)
        await asyncio.sleep(120)
        server.refuse_access.add("t1")
        return await each_sends(gateways, "b")

    outcomes, server = shared_run(6, program)

    assert [outcome.status for outcome in outcomes] == [Status.ACCEPTED] * 6
    assert server.calls["login"] == 2


def test_a_token_is_renewed_by_one_process_before_it_ends() -> None:
    """An access token lives for ten minutes. In half an hour three processes log in as often as one would, and lose
    nothing, although each login ends the access token that the others still use."""

    async def program(gateways: list[Gateway], server: LastLoginWins, _: UnsteadyState) -> list[bool]:
        sent: list[bool] = []
        for number in range(180):
            sent += [outcome.ok for outcome in await each_sends(gateways, f"k{number}")]
            await asyncio.sleep(10)
        return sent

    sent, server = shared_run(3, program, vendors={"toy": ShortLived})

    assert all(sent)
    assert server.calls["login"] == 4  # at the beginning, and at 80 to 90 % of each life


def test_a_process_that_is_killed_while_it_logs_in_delays_the_others_by_seconds() -> None:
    """It has the turn and never ends it: after the hold of its turn another process logs in."""

    async def program(
        gateways: list[Gateway], server: LastLoginWins, state: UnsteadyState
    ) -> tuple[list[Outcome], float]:
        await each_sends(gateways[:1])
        (key,) = (await state.inner.contents()).logins
        server.refuse_access.add("t1")
        first = mark_of(AccessToken("t1", 86400.0, None))
        killed = await state.inner.begin_login(key, "killed", mark=first, hold=HOLD)
        assert killed.kind == "yours"
        begun = now()
        return await each_sends(gateways, "b"), now() - begun

    (outcomes, took), server = shared_run(3, program)

    assert all(outcome.ok for outcome in outcomes)
    assert server.calls["login"] == 2
    assert took < HOLD + 1.5


def test_a_slow_login_keeps_its_turn() -> None:
    """It takes three times as long as a turn is held: still nobody else logs in."""

    async def program(gateways: list[Gateway], server: LastLoginWins, _: UnsteadyState) -> list[Outcome]:
        server.takes = 9.0
        return await each_sends(gateways)

    outcomes, server = shared_run(4, program, request_timeout=10.0)

    assert all(outcome.ok for outcome in outcomes)
    assert server.calls["login"] == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [("8", Reason.CREDENTIALS), (NoVerdict("cut"), Reason.UNAVAILABLE)],
)
def test_a_failed_login_is_one_for_all(answer: Any, reason: Reason) -> None:
    """The vendor refuses or does not answer: processes that wait fail with the same reason, without a login each."""

    async def program(gateways: list[Gateway], server: LastLoginWins, _: UnsteadyState) -> list[Outcome]:
        server.login_answers = [answer] * 50
        return await each_sends(gateways)

    outcomes, server = shared_run(5, program, timeout=1.5)

    assert {outcome.status for outcome in outcomes} == {Status.NOT_SENT}
    assert {outcome.reason for outcome in outcomes} == {reason}
    assert server.calls["login"] <= 2  # once more at the most, within the second and a half


def test_a_process_that_is_closed_while_it_logs_in_delays_nobody() -> None:
    """It gives its turn back: another process logs in at once, and not after the hold of the turn."""

    async def program(gateways: list[Gateway], server: LastLoginWins, state: UnsteadyState) -> tuple[bool, float]:
        server.takes = 60.0
        first = asyncio.ensure_future(each_sends(gateways[:1]))
        await asyncio.sleep(0.1)
        second = asyncio.ensure_future(each_sends(gateways[1:]))
        await asyncio.sleep(0.1)
        await gateways[0].aclose(grace=0)
        await first
        server.takes, begun = 0.0, now()
        (outcome,) = await second
        return outcome.ok, now() - begun

    (ok, took), _ = shared_run(2, program)

    assert ok
    assert took < 0.5


def test_the_wrong_clock_of_one_process_is_not_that_of_all() -> None:
    """The vendor refuses its login for the time, and the reply has no date to learn from. The other process, whose
    clock is right, logs in."""

    class Timed(Toy):
        def _login(self, region: str, now: float) -> Exchange[AccessToken]:
            try:
                return (yield from super()._login(region, now))
            except Refused as refused:
                raise ClockSkew(refused.reason, refused.code) from None

    async def program(gateways: list[Gateway], server: LastLoginWins, _: UnsteadyState) -> list[Outcome]:
        server.login_answers = ["8"]
        first = asyncio.ensure_future(each_sends(gateways[:1]))
        await asyncio.sleep(0.1)
        return await first + await each_sends(gateways[1:])

    outcomes, _ = shared_run(2, program, vendors={"toy": Timed})

    assert [outcome.ok for outcome in outcomes] == [False, True]


def test_without_the_store_each_process_logs_in_by_itself() -> None:
    """It never answers: each process has its token after a second, and none waits for the other."""

    async def program(
        gateways: list[Gateway], server: LastLoginWins, state: UnsteadyState
    ) -> tuple[list[Outcome], float]:
        state.failure = ConnectionError("gone")
        return await each_sends(gateways), now()

    (outcomes, ended), server = shared_run(2, program)

    assert all(outcome.ok for outcome in outcomes)
    assert 2 <= server.calls["login"] <= 4  # each login ends the token of the other
    assert ended < 5.0


@pytest.mark.parametrize("late", [True, False])
def test_what_the_store_has_missed_costs_no_push(late: bool) -> None:
    """While the store is gone each process logs in by itself, so that the access token in the store ends, and those of
    all but one process. When the store is back it gives the old one: every push is accepted all the same, also of a
    process that has never seen it (`late`), and all have one access token again."""

    async def program(gateways: list[Gateway], server: LastLoginWins, state: UnsteadyState) -> Any:
        first = gateways[:1] if late else gateways
        outcomes = await each_sends(first)
        await asyncio.sleep(200)
        state.failure = ConnectionError("gone")
        server.refuse_access.add("t1")
        for gate in gateways:
            outcomes += await each_sends([gate], "b")
            await asyncio.sleep(20)
        state.failure = None
        await asyncio.sleep(20)
        for number in range(4):
            outcomes += await each_sends(gateways, f"c{number}")
            await asyncio.sleep(1)
        before = server.calls["login"]
        for number in range(4):
            outcomes += await each_sends(gateways, f"d{number}")
            await asyncio.sleep(100)
        return outcomes, server.calls["login"] - before

    (outcomes, later), server = shared_run(4, program)

    assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}
    assert server.calls["login"] <= 1 + 4 + 2
    assert later == 0


@pytest.mark.parametrize("number", [1, 4])
def test_a_vendor_that_takes_no_access_token_costs_few_requests(number: int) -> None:
    """Every access token is refused as soon as it is used: each push ends as a refusal of the certificate, after a few
    requests."""

    async def program(gateways: list[Gateway], server: LastLoginWins, _: UnsteadyState) -> list[Outcome]:
        server.takes_none = True
        return await each_sends(gateways)

    outcomes, server = shared_run(number, program)

    assert {outcome.ok for outcome in outcomes} == {False}
    assert server.calls["push"] <= 4 * number
    assert server.calls["login"] <= 3 * number


def test_one_late_answer_of_the_store_costs_no_login() -> None:
    """A single call fails when a process begins: it asks again, and takes the token that is there."""

    async def program(gateways: list[Gateway], server: LastLoginWins, state: UnsteadyState) -> list[Outcome]:
        first = await each_sends(gateways[:1])
        state.failure = TimeoutError()
        second = asyncio.ensure_future(each_sends(gateways[1:]))
        await asyncio.sleep(0.002)
        state.failure = None
        return first + await second

    outcomes, server = shared_run(2, program)

    assert all(outcome.ok for outcome in outcomes)
    assert server.calls["login"] == 1


def test_an_answer_that_is_lost_costs_no_turn() -> None:
    """The store gives the turn to a process, and its answer is late: the process asks again and logs in within two
    seconds, instead of waiting until its own turn has ended."""

    async def program(gateways: list[Gateway], server: LastLoginWins, state: UnsteadyState) -> tuple[bool, float]:
        server.takes, state.slow_answers = 0.0, 60.0
        sending = asyncio.ensure_future(each_sends(gateways))
        await asyncio.sleep(0.1)
        state.slow_answers = 0.0
        (outcome,) = await sending
        return outcome.ok, now()

    (ok, took), server = shared_run(1, program)

    assert ok
    assert server.calls["login"] == 1
    assert took < 0.5 + 1.2


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "null", '{"value": 7, "lifetime": 5, "created_at": null}', '{"value": "x"}']
)
def test_what_cannot_be_read_in_the_store_is_not_used(text: str) -> None:
    """Another version, or a hand, has written it: the process logs in, and replaces it for all."""

    async def program(gateways: list[Gateway], server: LastLoginWins, state: UnsteadyState) -> list[Outcome]:
        await each_sends(gateways[:1])
        (key,) = (await state.inner.contents()).logins
        first = mark_of(AccessToken("t1", 86400.0, None))
        await state.inner.begin_login(key, "other", mark=first, hold=HOLD)
        await state.inner.end_login(key, "other", LoginResult(text=text, seconds=1000.0, mark="other"))
        return await each_sends(gateways[1:])

    outcomes, server = shared_run(2, program)

    assert [outcome.ok for outcome in outcomes] == [True]
    assert server.calls["login"] == 2


def test_two_certificates_of_one_app_share_the_login_over_processes() -> None:
    """They have other ids in the two processes: it is the app's secret that counts."""

    async def main() -> tuple[bool, bool, int]:
        server, state = LastLoginWins(), unsteady()
        one, other = processes(2, server, state)
        await other.check(1)  # in the loop from now on
        other.reload([certificate("another")])
        first = await one.send(PushToken(1, "a"), note())
        second = await other.send(PushToken("another", "a"), note())
        await closed([one, other])
        return first.ok, second.ok, server.calls["login"]

    assert run_virtual(main()) == (True, True, 1)


def test_the_store_has_no_secret_of_the_certificate() -> None:
    """It holds access tokens, and neither the app's secret nor a phone's token nor a text."""

    async def program(gateways: list[Gateway], server: LastLoginWins, state: UnsteadyState) -> str:
        await gateways[0].send(PushToken(1, "phone-token"), note("the title", "the body"))
        return repr(vars(state.inner)) + repr(await state.inner.contents())

    shown, _ = shared_run(1, program)

    assert not [word for word in ("s3cret", "phone-token", "the title", "the body", "t1") if json.dumps(word) in shown]
    assert "'t1'" not in shown
