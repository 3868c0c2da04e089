"""How a vendor's own operations end with those around them: the gateway, the caller, the certificate, the loop."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from operations_vendor import ClerkServer, clerks

from pushgateway import CallOutcome, Gateway, LoopError, Reason, Status
from pushgateway.testing.virtual_time import run_virtual


def alias(g: Gateway) -> Awaitable[CallOutcome[Any]]:
    return g.vendor(1).alias("k", "ann")


def test_closing_ends_calls_with_the_truth() -> None:
    """One under way is cut off after the grace, one after it is refused, and none is left over."""
    server = ClerkServer()
    server.latency = 9.0

    async def main() -> list[CallOutcome[Any]]:
        g = clerks(server)
        task = asyncio.ensure_future(alias(g))
        await asyncio.sleep(10)
        await g.aclose(grace=1.0)
        return [await task, await alias(g)]

    asked_before, after = run_virtual(main())

    assert (asked_before.status, asked_before.detail) == (
        Status.UNKNOWN,
        "the gateway was closed while the vendor was asked",
    )
    assert (after.status, after.reason) == (Status.NOT_SENT, Reason.CLOSED)


def test_cancelling_takes_the_call_along() -> None:
    """What has not left does not leave."""
    server = ClerkServer()
    server.latency = 4.0

    async def main() -> None:
        async with clerks(server) as g:
            task = asyncio.ensure_future(alias(g))
            await asyncio.sleep(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(60)

    run_virtual(main())

    assert server.called == []


def test_a_changed_certificate_ends_a_call_between_two_attempts() -> None:
    """It was made with settings that hold no more."""
    server = ClerkServer()
    server.given = [{"code": 6, "wait": 5.0}]

    async def main() -> CallOutcome[Any]:
        from toy_vendor import certificate

        async with clerks(server) as g:
            task = asyncio.ensure_future(alias(g))
            await asyncio.sleep(1)
            g.reload([certificate(secret="another")])
            return await task

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert "was changed" in outcome.detail


def test_a_gateway_of_another_loop_says_so() -> None:
    """As for every call."""
    server = ClerkServer()
    kept: list[Gateway] = []

    async def first() -> None:
        kept.append(clerks(server))
        await alias(kept[0])
        await kept[0].aclose()

    async def second() -> None:
        with pytest.raises(LoopError):
            await alias(kept[0])

    run_virtual(first())
    run_virtual(second())

    assert len(server.called) == 1
