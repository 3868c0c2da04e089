"""One of a vendor's servers as a host sees it through the gateway: what delays a push, and when the delay ends."""

import asyncio
from typing import Any, ClassVar

import attrs
import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Audience, BroadcastOutcome, Certificate, Gateway, Outcome, Push, PushToken, Reason, Status
from pushgateway.engine.flow_control.retry import RetryPolicy
from pushgateway.observe.events import BreakerChanged, BreakerState, Event, OutcomeGiven, RequestDone
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Exchange, NoVerdict, Refused, Request

DOWN = NoVerdict("connect: refused", sent=False)
ONCE = RetryPolicy(attempts=1)


def now() -> float:
    return asyncio.get_running_loop().time()


def to(token: str, **more: Any) -> Push:
    return Push(PushToken(1, token), note(), **more)


def paused(g: Gateway, seconds: float) -> None:
    """The vendor has just asked for a pause at the server "near" of certificate 1."""
    gate = g._lanes.lane("1").endpoint("near").gate
    gate.failed(now(), gate.admit(now(), 1), Refused(Reason.RATE_LIMITED, "6", retry_after=seconds), "")


async def broken_off(g: Gateway, server: ToyServer) -> None:
    """Five failures in a row: the breaker of the server "near" opens for about a second."""
    server.answers = [DOWN] * 5
    for number in range(5):
        await g.send(PushToken(1, f"down{number}"), note())


# The gate


def test_a_probe_carries_one_push() -> None:
    """After an outage one single push tests whether the vendor is back, however many wait."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, retry=ONCE) as g:
            await broken_off(g, server)
            return await g.send_each([to(f"k{number}") for number in range(50)])

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert [len(batch) for batch in server.batches[5:]] == [1, 49]


def test_a_push_waits_no_longer_than_the_broadcast_that_probes() -> None:
    """If a broadcast is the request that tests whether the vendor is back, a push that waits for it is sent as soon as
    it has ended."""
    server = ToyServer()

    async def main() -> tuple[BroadcastOutcome, Outcome, float]:
        async with gateway(server, certificate(logs_in=False), retry=ONCE) as g:
            await broken_off(g, server)
            server.latency = 1.0
            spread = asyncio.create_task(g.broadcast(1, note(), Audience.everyone()))
            await asyncio.sleep(1.5)  # it was sent, alone
            outcome = await g.send(PushToken(1, "a"), note(), timeout=30.0)
            took = now()
            return await spread, outcome, took

    spread, outcome, took = run_virtual(main())

    assert spread.ok
    assert outcome.ok
    assert took < 5.0


@pytest.mark.parametrize("count", [1, 10])
def test_a_push_that_cannot_outlast_an_outage_ends_at_once(count: int) -> None:
    """One push or many of one call: if the deadline comes before the next request is allowed, the outcome comes at
    once."""
    server = ToyServer()

    async def main() -> tuple[list[Outcome], float]:
        async with gateway(server, retry=ONCE) as g:
            await broken_off(g, server)
            begun = now()
            outcomes = await g.send_each([to(f"k{number}", timeout=0.2) for number in range(count)])
            return outcomes, now() - begun

    outcomes, took = run_virtual(main())

    assert {(one.status, one.reason) for one in outcomes} == {(Status.NOT_SENT, Reason.UNAVAILABLE)}
    assert took == 0.0


def test_an_expired_push_names_the_cause_of_its_wait() -> None:
    """If the deadline passes in an outage, the detail names the outage, because waiting alone explains nothing."""
    server = ToyServer()

    async def main() -> Outcome:
        async with gateway(server, retry=ONCE) as g:
            await broken_off(g, server)
            server.latency = 3.0  # the probe takes longer than the next push has left
            probe = asyncio.create_task(g.send(PushToken(1, "probe"), note()))
            await asyncio.sleep(1.5)
            outcome = await g.send(PushToken(1, "a"), note(), timeout=0.5)
            await probe
            return outcome

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.EXPIRED)
    assert "the vendor is not there: connect: refused" in outcome.detail


def test_a_push_without_time_for_a_reply_is_not_sent() -> None:
    """A reply takes two seconds: a push with two of its four seconds left is not sent, and ends EXPIRED, not
    UNKNOWN."""
    server = ToyServer()
    server.latency = 2.0

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=1, logs_in=False), connections=1) as g:
            await g.send(PushToken(1, "warm"), note())
            return await g.send_each([to("a", timeout=3.9), to("b", timeout=3.9), to("c", timeout=30.0)])

    outcomes = run_virtual(main())

    assert [(one.status, one.reason) for one in outcomes] == [
        (Status.ACCEPTED, None),
        (Status.NOT_SENT, Reason.EXPIRED),
        (Status.ACCEPTED, None),
    ]
    assert server.calls["push"] == 3


@pytest.mark.parametrize("code", ["8", None])
def test_a_refused_login_closes_the_gate(code: str | None) -> None:
    """One refusal is enough, with the vendor's code or without one, such as HTTP 403: a login holds no notification
    that could be the cause."""
    server = ToyServer()
    server.login_answers = ["8"]
    events: list[Event] = []

    class Refusing(Toy):
        def _refuse(self, given: str) -> None:
            if given != "0":
                raise Refused(Reason.CREDENTIALS, code, detail="HTTP 403")

    async def main() -> Outcome:
        async with gateway(server, vendors={"toy": Refusing}, observer=events.append) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    opened = [event for event in events if isinstance(event, BreakerChanged)]
    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert [(one.state, one.reason, one.vendor_code) for one in opened] == [
        (BreakerState.OPEN, Reason.CREDENTIALS, code)
    ]


def test_a_pause_that_begins_during_a_login_is_kept() -> None:
    """While a push waits for its access token a pause may begin: the gate is checked again before the push is sent."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> tuple[Outcome, float]:
        async with gateway(server) as g:
            sending = asyncio.create_task(g.send(PushToken(1, "a"), note()))
            await asyncio.sleep(0.5)
            assert (server.calls["login"], server.calls["push"]) == (1, 0)
            paused(g, 20.0)
            return await sending, now()

    outcome, when = run_virtual(main())

    assert outcome.ok
    assert when >= 20.5


def test_an_access_token_is_renewed_before_it_ends() -> None:
    """When most of its lifetime is over it is still used, and the next one is requested beside the pushes."""
    server = ToyServer()

    async def main() -> float:
        async with gateway(server) as g:
            await g.send(PushToken(1, "a"), note())
            await asyncio.sleep(0.95 * 86400)
            server.latency = 1.0
            begun = now()
            assert (await g.send(PushToken(1, "b"), note())).ok
            took = now() - begun
            await asyncio.sleep(1.0)
            return took

    assert run_virtual(main()) == 1.0
    assert server.calls["login"] == 2


# A reload


@attrs.frozen
class Other(Toy):
    """Another brand that uses the same requests."""

    brand: ClassVar[str] = "other"


def test_waiting_pushes_do_not_go_to_another_brand_of_the_same_id() -> None:
    """Their tokens belong to the old vendor, so they are not sent. Pushes that come in later go to the new vendor."""
    server = ToyServer()
    server.latency = 1.0
    events: list[Event] = []

    async def main() -> tuple[list[Outcome], Outcome]:
        vendors = {"toy": Toy, "other": Other}
        old = certificate(size=1, logs_in=False)
        async with gateway(server, old, vendors=vendors, connections=1, observer=events.append) as g:
            waiting = asyncio.create_task(g.send_each([to(f"k{number}") for number in range(5)]))
            await asyncio.sleep(0.5)  # one is under way
            g.reload([Certificate(1, "other", {"secret": "new", "logs_in": False})])
            return await waiting, await g.send(PushToken(1, "later"), note())

    outcomes, later = run_virtual(main())

    assert [(one.status, one.reason) for one in outcomes] == (
        [(Status.ACCEPTED, None)] + [(Status.NOT_SENT, Reason.CREDENTIALS)] * 4
    )
    assert later.ok
    assert {token for token, _ in server.ledger} == {"k0", "later"}
    assert [event.brand for event in events if isinstance(event, OutcomeGiven)][-1] == "other"


@attrs.frozen
class Moving(Toy):
    """A vendor whose settings say which of its servers is used."""

    home: str = "near"

    def region(self, token: str) -> str:
        return self.home


def test_waiting_pushes_go_to_the_server_of_the_new_settings() -> None:
    """When a certificate moves to another server of the vendor, waiting pushes go there, and events name that
    server."""
    server = ToyServer()
    server.latency = 1.0
    events: list[Event] = []

    async def main() -> list[Outcome]:
        old, new = (certificate(size=1, logs_in=False, home=home) for home in ("near", "far"))
        async with gateway(server, old, vendors={"toy": Moving}, connections=1, observer=events.append) as g:
            waiting = asyncio.create_task(g.send_each([to(f"k{number}") for number in range(3)]))
            await asyncio.sleep(0.5)
            g.reload([new])
            return await waiting

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert [event.region for event in events if isinstance(event, RequestDone)] == ["near", "far", "far"]


def test_new_settings_end_the_wait_at_a_gate() -> None:
    """The vendor asked for a pause under the old settings: under the new ones no push waits for its end."""
    server = ToyServer()

    async def main() -> tuple[Outcome, BroadcastOutcome, float]:
        async with gateway(server, certificate(logs_in=False)) as g:
            await g.send(PushToken(1, "warm"), note())
            paused(g, 100.0)
            spread = asyncio.create_task(g.broadcast(1, note(), Audience.everyone()))
            await asyncio.sleep(1.0)
            sending = asyncio.create_task(g.send(PushToken(1, "a"), note(), timeout=200.0))
            await asyncio.sleep(1.0)
            g.reload([certificate(logs_in=False, secret="new")])
            return await sending, await spread, now()

    outcome, spread, when = run_virtual(main())

    assert outcome.ok
    assert when < 3.0
    assert (spread.status, spread.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert server.calls["broadcast"] == server.calls["save"] == 0


# Between two requests of a batch


@attrs.frozen
class TwoSteps(Toy):
    """A vendor that needs two requests for each batch."""

    def push(self, batch: Any) -> Exchange[Any]:
        yield Request("POST", "https://toy.example/near/save")
        return (yield from super().push(batch))


def test_a_caller_cancelled_between_two_requests_repeats_nothing() -> None:
    """The first request of the batch was sent, so its exchange continues with the second one and does not start
    again."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> Outcome:
        async with gateway(server, certificate(logs_in=False), vendors={"toy": TwoSteps}, linger=1.0) as g:
            first = asyncio.create_task(g.send(PushToken(1, "a"), note()))
            second = asyncio.create_task(g.send(PushToken(1, "b"), note()))
            await asyncio.sleep(0.5)
            assert server.calls["save"] == 1
            first.cancel()
            return await second

    outcome = run_virtual(main())

    assert outcome.ok
    assert outcome.attempts == 1
    assert (server.calls["save"], server.calls["push"]) == (1, 1)


def test_pushes_that_a_used_up_quota_ends_do_not_block_the_loop() -> None:
    """Ten batches wait when the daily quota is used up: one batch of outcomes is set in each turn of the loop."""
    server = ToyServer()
    server.answers = ["7"]
    turns: list[int] = []
    count = 0

    async def main() -> list[Outcome]:
        nonlocal count
        loop: Any = asyncio.get_running_loop()
        run_once = loop._run_once

        def counting() -> None:
            nonlocal count
            count += 1
            run_once()

        loop._run_once = counting
        async with gateway(server, connections=1, observer=observe) as g:
            return await g.send_each([to(f"k{number}") for number in range(10_000)])

    def observe(event: Event) -> None:
        if isinstance(event, OutcomeGiven):
            turns.append(count)

    outcomes = run_virtual(main())

    assert {outcome.reason for outcome in outcomes} == {Reason.QUOTA_EXCEEDED}
    assert max(turns.count(turn) for turn in set(turns)) <= 2000
