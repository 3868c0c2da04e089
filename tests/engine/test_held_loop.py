"""The host held the event loop for seconds: what the vendor answered meanwhile is read before a deadline is judged.

The loop's clock is moved on while a reply is under way. So the timers of the reply and of the deadline are due in the
same turn of the loop, as after a function that blocked it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from operations_vendor import ClerkServer, clerks
from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import CallOutcome, Outcome, Push, PushToken, Reason, Status
from pushgateway.testing.virtual_time import VirtualLoop, run_virtual

SEEDS = [None, 1, 2, 3]


async def held(seconds: float, *, after: float) -> None:
    """Hold the loop for `seconds`, `after` some seconds."""
    await asyncio.sleep(after)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.advance(seconds)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [1, 40, 3000], ids=["one", "a batch", "batches"])
def test_a_reply_that_lies_there_is_the_outcome_of_its_pushes(seed: int | None, count: int) -> None:
    """They ended UNKNOWN: the user had the message, and the host asked for it again or never knew."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            await g.send(PushToken(1, "first"), note())  # so there is an access token
            sending = asyncio.ensure_future(
                g.send_each([Push(PushToken(1, f"k{number}"), note(), timeout=2.0) for number in range(count)])
            )
            await held(5.0, after=0.5)
            return await sending

    outcomes = run_virtual(main(), seed=seed)

    assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}
    assert len(outcomes) == count


def test_without_a_reply_the_outcome_is_unknown_at_once() -> None:
    """The deadline holds: some turns of the loop are no time."""
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


def test_what_has_not_left_does_not_leave_late() -> None:
    """A push whose deadline passed before its request was sent ends EXPIRED, also if the way is free now."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> Outcome:
        async with gateway(server) as g:
            sending = asyncio.ensure_future(g.send(PushToken(1, "k"), note(), timeout=2.0))
            await held(5.0, after=0.5)  # the reply to the login is there then
            return await sending

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.EXPIRED)
    assert server.batches == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_call_has_the_answer_that_lies_there(seed: int | None) -> None:
    """The same for a vendor's own operations."""
    server = ClerkServer()
    server.latency = 1.0

    async def main() -> CallOutcome[Any]:
        async with clerks(server) as g:
            await g.check(1)
            calling = asyncio.ensure_future(g.vendor(1, timeout=2.0).alias("k", "ann"))
            await held(5.0, after=0.5)
            return await calling

    assert run_virtual(main(), seed=seed).status is Status.ACCEPTED


def test_a_call_asks_nothing_more_after_its_deadline() -> None:
    """The first of two requests is answered, and the second one would leave too late."""
    server = ClerkServer()
    server.latency = 1.0

    async def main() -> CallOutcome[Any]:
        async with clerks(server) as g:
            await g.check(1)
            calling = asyncio.ensure_future(g.vendor(1, timeout=2.0).upload(b"x", twice=True))
            await held(5.0, after=0.5)
            return await calling

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.UNKNOWN, Reason.NO_VERDICT)
    assert server.calls["upload"] == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_end_of_a_close_reads_what_lies_there(seed: int | None) -> None:
    """The grace is over when the loop is free again, and the vendor had answered in time."""
    pushes, calls = ToyServer(), ClerkServer()
    pushes.latency = calls.latency = 1.0

    async def main() -> tuple[Outcome, CallOutcome[Any]]:
        sender, caller = gateway(pushes), clerks(calls)
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


def test_nothing_leaves_after_the_grace() -> None:
    """While the last replies are read, pushes that wait stay where they are."""
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
