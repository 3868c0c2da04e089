"""How calls of a vendor's own operations end when the gateway closes, the caller is cancelled, or the certificate or
the event loop changes."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from operations_vendor import OperationsServer, operations_gateway

from pushgateway import CallOutcome, Gateway, LoopError, Reason, Status
from pushgateway.testing.virtual_time import run_virtual


def alias(g: Gateway) -> Awaitable[CallOutcome[Any]]:
    return g.vendor(1).alias("k", "ann")


def test_closing_ends_every_call_with_its_outcome() -> None:
    """A call under way is interrupted after the grace time, one after that is refused, and no task remains."""
    server = OperationsServer()
    server.latency = 9.0

    async def main() -> list[CallOutcome[Any]]:
        g = operations_gateway(server)
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


def test_cancelling_the_caller_ends_the_call() -> None:
    """A request that has not been sent is not sent any more."""
    server = OperationsServer()
    server.latency = 4.0

    async def main() -> None:
        async with operations_gateway(server) as g:
            task = asyncio.ensure_future(alias(g))
            await asyncio.sleep(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(60)

    run_virtual(main())

    assert server.called == []


def test_a_changed_certificate_ends_a_call_between_two_attempts() -> None:
    """The call was made with settings that are no longer valid."""
    server = OperationsServer()
    server.given = [{"code": 6, "wait": 5.0}]

    async def main() -> CallOutcome[Any]:
        from toy_vendor import certificate

        async with operations_gateway(server) as g:
            task = asyncio.ensure_future(alias(g))
            await asyncio.sleep(1)
            g.reload([certificate(secret="another")])
            return await task

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert "was changed" in outcome.detail


def test_a_call_from_another_loop_is_refused() -> None:
    """The same error as for every other method of the gateway."""
    server = OperationsServer()
    kept: list[Gateway] = []

    async def first() -> None:
        kept.append(operations_gateway(server))
        await alias(kept[0])
        await kept[0].aclose()

    async def second() -> None:
        with pytest.raises(LoopError):
            await alias(kept[0])

    run_virtual(first())
    run_virtual(second())

    assert len(server.called) == 1
