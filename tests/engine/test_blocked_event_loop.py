"""The host blocked the event loop for seconds: replies that arrived meanwhile are read before a deadline decides the
outcome.

The loop's clock is moved on while a reply is under way. So the timers of the reply and of the deadline are due in the
same turn of the loop, as after a function that blocked it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from operations_vendor import OperationsServer, operations_gateway
from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import CallOutcome, Outcome, Push, PushToken, Reason, Status
from pushgateway.testing.virtual_time import VirtualLoop, run_virtual

SEEDS = [None, 1, 2, 3]


async def held(seconds: float, *, after: float) -> None:
    """Block the loop for `seconds` (loop time), starting `after` seconds from now."""
    await asyncio.sleep(after)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.advance(seconds)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [1, 40, 3000], ids=["one", "a batch", "batches"])
def test_a_reply_that_arrived_while_the_loop_was_blocked_is_used(seed: int | None, count: int) -> None:
    """Otherwise the pushes would end `UNKNOWN`: the user has the message, and the host sends it again or never learns
    that it arrived."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            await g.send(PushToken(1, "first"), note())  # so that there is an access token
            sending = asyncio.ensure_future(
                g.send_each([Push(PushToken(1, f"k{number}"), note(), timeout=2.0) for number in range(count)])
            )
            await held(5.0, after=0.5)
            return await sending

    outcomes = run_virtual(main(), seed=seed)

    assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}
    assert len(outcomes) == count


def test_without_a_reply_the_outcome_is_unknown_at_once() -> None:
    """The deadline applies: the turns of the loop that are waited for take no time."""
    server = ToyServer()
    server.latency = 100.0

    async def main() -> tuple[Outcome, float]:
        g = gateway(server, certificate(logs_in=False))
        sending = asyncio.ensure_future(g.send(PushToken(1, "k"), note(), timeout=2.0))
        await held(5.0, after=0.5)
        outcome = await sending
        ended = asyncio.get_running_loop().time()
        await g.aclose(grace=0)
        return outcome, ended

    outcome, ended = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.UNKNOWN, Reason.NO_VERDICT)
    assert ended == 5.5


def test_a_push_whose_deadline_passed_is_not_sent_late() -> None:
    """A push whose deadline passed before its request was sent ends EXPIRED, also if it could be sent now."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> Outcome:
        async with gateway(server) as g:
            sending = asyncio.ensure_future(g.send(PushToken(1, "k"), note(), timeout=2.0))
            await held(5.0, after=0.5)  # the reply to the login has arrived by then
            return await sending

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.EXPIRED)
    assert server.batches == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_call_uses_the_reply_that_arrived_while_the_loop_was_blocked(seed: int | None) -> None:
    """The same holds for a vendor's own operations."""
    server = OperationsServer()
    server.latency = 1.0

    async def main() -> CallOutcome[Any]:
        async with operations_gateway(server) as g:
            await g.check(1)
            calling = asyncio.ensure_future(g.vendor(1, timeout=2.0).alias("k", "ann"))
            await held(5.0, after=0.5)
            return await calling

    assert run_virtual(main(), seed=seed).status is Status.ACCEPTED


def test_a_call_makes_no_request_after_its_deadline() -> None:
    """The first of two requests has its reply; the second one would be sent too late, so it is not sent."""
    server = OperationsServer()
    server.latency = 1.0

    async def main() -> CallOutcome[Any]:
        async with operations_gateway(server) as g:
            await g.check(1)
            calling = asyncio.ensure_future(g.vendor(1, timeout=2.0).upload(b"x", twice=True))
            await held(5.0, after=0.5)
            return await calling

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.UNKNOWN, Reason.NO_VERDICT)
    assert server.calls["upload"] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_closing_reads_replies_that_arrived_while_the_loop_was_blocked(seed: int | None) -> None:
    """The grace time is over when the loop runs again, and the vendor had replied in time."""
    pushes, calls = ToyServer(), OperationsServer()
    pushes.latency = calls.latency = 1.0

    async def main() -> tuple[Outcome, CallOutcome[Any]]:
        sender, caller = gateway(pushes), operations_gateway(calls)
        await sender.send(PushToken(1, "first"), note())
        await caller.check(1)
        sending = asyncio.ensure_future(sender.send(PushToken(1, "k"), note()))
        calling = asyncio.ensure_future(caller.vendor(1).alias("k", "ann"))
        await asyncio.sleep(0.1)
        closing = asyncio.gather(sender.aclose(grace=2.0), caller.aclose(grace=2.0))
        await held(5.0, after=0.5)
        await closing
        return await sending, await calling

    sent, called = run_virtual(main(), seed=seed)

    assert (sent.status, called.status) == (Status.ACCEPTED, Status.ACCEPTED)


def test_nothing_is_sent_after_the_grace_time() -> None:
    """While the last replies are read, waiting pushes are not sent."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        g = gateway(server, connections=1, linger=0)
        await g.send(PushToken(1, "first"), note())
        sending = [asyncio.ensure_future(g.send(PushToken(1, f"k{number}"), note())) for number in range(3)]
        await asyncio.sleep(0.1)
        closing = asyncio.ensure_future(g.aclose(grace=0.7))
        await held(5.0, after=0.5)
        await closing
        return await asyncio.gather(*sending)

    outcomes = run_virtual(main())

    assert [outcome.status for outcome in outcomes] == [Status.ACCEPTED, Status.NOT_SENT, Status.NOT_SENT]
    assert {outcome.reason for outcome in outcomes[1:]} == {Reason.CLOSED}
