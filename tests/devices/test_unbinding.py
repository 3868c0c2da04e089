"""The promise of `unbind`: when it has returned, no request for that binding begins, in any process.

Virtual time. Two gateways with devices of their own stand for two processes; they share a store whose calls take a
while. Every seed is another order of events and other delays. The answer to the call that ends the binding may be lost;
then it is made again, by any of the processes.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import pytest
from toy_vendor import ToyServer, certificate, note
from toy_vendor import gateway as toy_gateway
from two_processes import Store, Wire

from pushgateway import Outcome, Push, PushToken, Reason, Status
from pushgateway.devices import Devices
from pushgateway.devices.confirmations import GOOD_FOR, MARGIN, Confirmations
from pushgateway.devices.devices import RECENT
from pushgateway.model.errors import StoreError
from pushgateway.testing.virtual_time import run_virtual

SEEDS = 150


async def nothing(_: object, __: object) -> None:
    """In place of the wait."""


def violations(seed: int, *, is_shared: bool = True, end: str = "unbind") -> tuple[int, int]:
    """Send to one phone from two processes (one, if the devices are not shared) while its binding ends. Returns how
    many requests began after the end was returned, and how many pushes ended `UNBOUND`."""
    rng = random.Random(seed)
    slow = rng.choice([0.001, 0.05, 0.2])
    server = ToyServer()
    store = Store(lambda: rng.uniform(0, slow), is_shared=is_shared)

    async def scene() -> tuple[int, int]:
        loop = asyncio.get_running_loop()
        wires = [Wire(server, lambda: rng.choice([0, 0.01, 0.1, 0.2, 0.6])) for _ in range(1 + is_shared)]
        wall = 0.0
        devices = [Devices(store, shared=is_shared, clock=lambda: wall) for _ in wires]
        gateways = [
            toy_gateway(wire, certificate(), devices=one, rng=random.Random(number))
            for number, (wire, one) in enumerate(zip(wires, devices, strict=True))
        ]
        bound = await devices[0].bind("ann", "d1", PushToken(1, "a"))
        wall = 1000.0
        outcomes: list[Outcome] = []

        async def send_on(number: int) -> None:
            for count in range(8):
                push = Push(PushToken(1, "a"), note(f"{number} {count}"), owner=bound.owner)
                outcomes.extend(await gateways[number].send_each([push]))
                await asyncio.sleep(rng.uniform(0, 0.1))

        async def end_it() -> float:
            await asyncio.sleep(rng.uniform(0, 1.0))
            store.lost = rng.choice([0, 0, 1, 2])
            while True:
                ended = rng.choice(devices)
                with contextlib.suppress(StoreError):
                    if end == "unbind":
                        await ended.unbind("ann", "d1")
                    elif end == "user":
                        await ended.unbind_user("ann")
                    else:
                        await ended.bind("bob", rng.choice(["d8", "d9"]), PushToken(1, "a"))
                    return loop.time()

        ended_at, *_ = await asyncio.gather(end_it(), *map(send_on, range(len(gateways))))
        for one, other in zip(gateways, devices, strict=True):
            await one.aclose()
            await other.aclose()
        assert {outcome.status for outcome in outcomes} <= {Status.ACCEPTED, Status.NOT_SENT}
        assert sum(outcome.ok for outcome in outcomes) == sum(server.ledger.values())
        late = sum(left_at >= ended_at for wire in wires for left_at, _ in wire.left)
        return late, sum(outcome.reason is Reason.UNBOUND for outcome in outcomes)

    return run_virtual(scene(), seed=seed)


@pytest.mark.parametrize("end", ["unbind", "user", "taken over"])
@pytest.mark.parametrize("is_shared", [True, False])
def test_nothing_begins_after_the_end_has_returned(is_shared: bool, end: str) -> None:
    """Whatever the delays of store, loop and dialling are: with other processes, and alone."""
    results = [violations(seed, is_shared=is_shared, end=end) for seed in range(SEEDS)]

    assert [seed for seed, (late, _) in enumerate(results) if late] == []
    assert sum(unbound for _, unbound in results) > SEEDS


@pytest.mark.parametrize("is_shared", [True, False])
def test_without_the_wait_something_would_begin(is_shared: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above can fail: it is the wait that keeps the promise."""
    monkeypatch.setattr(Confirmations, "wait_until_ended", nothing)

    assert any(violations(seed, is_shared=is_shared)[0] for seed in range(SEEDS))


def test_without_the_time_limit_of_a_request_something_would_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transport that dials for long after the answer and then sends all the same breaks the promise."""
    send = Wire.send

    async def without_limit(self: Wire, request: object, **more: object) -> object:
        object.__setattr__(request, "leave_before", None)
        return await send(self, request, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Wire, "send", without_limit)

    assert any(violations(seed)[0] for seed in range(SEEDS))


def seconds_of(call: Callable[[Devices], Awaitable[object]], *, after: float, is_shared: bool = True) -> float:
    """How long a call takes so many seconds after `ann` was bound, while nothing is sent."""

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        devices = Devices(Store(is_shared=is_shared), clock=loop.time)
        await devices.bind("ann", "d1", PushToken(1, "a"))
        await asyncio.sleep(after)
        began = loop.time()
        await call(devices)
        took = loop.time() - began
        await devices.aclose()
        return took

    return run_virtual(scene())


CALLS: dict[str, Callable[[Devices], Awaitable[object]]] = {
    "unbind": lambda devices: devices.unbind("ann", "d1"),
    "unbind_user": lambda devices: devices.unbind_user("ann"),
    "unbind nothing": lambda devices: devices.unbind("bob", "d1"),
    "taken over": lambda devices: devices.bind("bob", "d1", PushToken(1, "a")),
    "bound first": lambda devices: devices.bind("bob", "d1", PushToken(1, "b")),
    "reported again": lambda devices: devices.bind("ann", "d1", PushToken(1, "a")),
    "new token": lambda devices: devices.bind("ann", "d1", PushToken(1, "b")),
    "new device": lambda devices: devices.bind("ann", "d2", PushToken(1, "a")),
    "rotated": lambda devices: devices.rotate(PushToken(1, "a"), PushToken(1, "b")),
}


@pytest.mark.parametrize("name", CALLS)
def test_only_what_may_end_a_users_binding_waits(name: str) -> None:
    """A login and a start of the app cost no time, unless they take a phone over from another user."""
    waits = name in {"unbind", "unbind_user", "unbind nothing", "taken over"}

    assert seconds_of(CALLS[name], after=RECENT) == pytest.approx(GOOD_FOR + MARGIN if waits else 0.0)


@pytest.mark.parametrize("name", CALLS)
def test_a_report_right_after_the_first_waits_too(name: str) -> None:
    """The first one may have taken the phone over, and its answer may have been lost."""
    waits = name not in {"bound first", "rotated"}

    assert seconds_of(CALLS[name], after=RECENT - 1) == pytest.approx(GOOD_FOR + MARGIN if waits else 0.0)


@pytest.mark.parametrize("name", CALLS)
def test_alone_nobody_waits_while_nothing_is_sent(name: str) -> None:
    """The one process that sends knows what it has asked."""
    assert seconds_of(CALLS[name], after=0.0, is_shared=False) == 0.0


def test_a_device_that_gives_its_place_to_another_is_waited_for() -> None:
    """Its user has too many: when the login on the new one has returned, no request for the old one begins, which may
    be another user's by then."""

    async def scene() -> float:
        loop = asyncio.get_running_loop()
        devices = Devices(Store(is_shared=True), clock=loop.time, most=1)
        await devices.bind("ann", "d1", PushToken(1, "a"))
        await asyncio.sleep(RECENT)
        began = loop.time()
        await devices.bind("ann", "d2", PushToken(1, "b"))
        took = loop.time() - began
        await devices.aclose()
        return took

    assert run_virtual(scene()) == pytest.approx(GOOD_FOR + MARGIN)
