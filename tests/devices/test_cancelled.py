"""Calls of the devices that are cancelled at any of their awaits: what others share with them goes on."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cancelling import CancelAt
from toy_vendor import ToyServer, certificate, note
from toy_vendor import gateway as toy_gateway
from two_processes import Store, Wire

from pushgateway import Gateway, PushToken
from pushgateway.devices import Devices
from pushgateway.testing.virtual_time import run_virtual

Call = Callable[[Devices, Gateway], Awaitable[Any]]

CALLS: dict[str, Call] = {
    "bind": lambda devices, _: devices.bind("ann", "d1", PushToken(1, "a")),
    "take over": lambda devices, _: devices.bind("eve", "d1", PushToken(1, "b")),
    "unbind": lambda devices, _: devices.unbind("bob", "d1"),
    "of_users": lambda devices, _: devices.of_users(["bob"]),
    "push_to_users": lambda _, gateway: gateway.push_to_users(["bob"], note("cancelled")),
}


def cancelled_at(call: Call, k: int) -> bool:
    """Cancel a call at its k-th await, beside a push to another user. False: it has fewer awaits."""
    server = ToyServer()
    store = Store(lambda: 0.01, is_shared=False)

    async def scene() -> bool:
        devices = Devices(store)
        async with toy_gateway(Wire(server), certificate(), devices=devices) as gateway:
            await devices.bind("bob", "d1", PushToken(1, "b"))
            await devices.bind("cay", "d1", PushToken(1, "c"))
            swept = CancelAt(lambda: call(devices, gateway), k)

            async def run() -> None:
                with contextlib.suppress(asyncio.CancelledError):
                    await swept

            running = asyncio.ensure_future(run())
            beside = await gateway.push_to_users(["cay"], note("beside"))
            await running
            after = await gateway.push_to_users(["cay"], note("after"))

            assert beside["cay"]["d1"].ok
            assert after["cay"]["d1"].ok
        await devices.aclose()
        return swept.fired

    return run_virtual(scene())


@pytest.mark.parametrize("name", CALLS)
def test_a_cancelled_call_costs_no_other(name: str) -> None:
    """At each of its awaits: pushes to other users beside it and after it are sent, and no task is left (the virtual
    loop would report one)."""
    k = 1
    while cancelled_at(CALLS[name], k):
        k += 1

    assert k > 2
