"""How calls and gateways end: by the host's own time limits, by a close in the middle, or abandoned half-way.

Virtual time only; `run_virtual` itself fails if a task is left over or a callback raised an exception. Groups B and C
of the catalogue. Cancellation at every moment is tested by `test_cancellation.py`.
"""

import asyncio
import gc
import itertools
import weakref
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import Gateway, Outcome, Push, PushToken, Reason, Status
from pushgateway.observe.events import Event, OutcomeGiven
from pushgateway.testing.virtual_time import run_virtual

SEEDS = [None, *range(4)]
CLOSED = (Status.NOT_SENT, Reason.CLOSED)
Call = Callable[[Gateway, int], Awaitable[list[Outcome]]]


def slow(seconds: float) -> ToyServer:
    """A vendor that takes so many seconds for each request."""
    server = ToyServer()
    server.latency = seconds
    return server


def endings(outcomes: list[Outcome]) -> Counter[tuple[Status, Reason | None]]:
    return Counter((outcome.status, outcome.reason) for outcome in outcomes)


async def send(g: Gateway, count: int) -> list[Outcome]:
    return await asyncio.gather(*(g.send(PushToken(1, f"s{n}"), note()) for n in range(count)))


async def send_each(g: Gateway, count: int) -> list[Outcome]:
    return await g.send_each([Push(PushToken(1, f"e{n}"), note()) for n in range(count)])


async def multicast(g: Gateway, count: int) -> list[Outcome]:
    return await g.multicast([PushToken(1, f"m{n}") for n in range(count)], note())


async def stream(g: Gateway, count: int) -> list[Outcome]:
    return [one async for one in g.stream([Push(PushToken(1, f"t{n}"), note()) for n in range(count)])]


async def within(limit: asyncio.Timeout, call: Awaitable[object]) -> None:
    async with limit:
        await call


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("call", [send, send_each, multicast, stream])
def test_a_time_limit_around_a_call(call: Call, seed: int | None) -> None:
    """`asyncio.timeout`, also nested: the limit that expired raises, once and in time, and later calls are served
    (C2).
    """
    server = slow(3.0)

    async def main() -> tuple[float, bool, list[Outcome]]:
        loop = asyncio.get_running_loop()
        async with gateway(server, certificate(size=10, logs_in=False), connections=2) as g:
            outer, inner = asyncio.timeout(4.0), asyncio.timeout(20.0)
            with pytest.raises(TimeoutError):
                await within(outer, within(inner, call(g, 100)))
            took, kept = loop.time(), (outer.expired(), inner.expired()) == (True, False)
            task = asyncio.current_task()
            assert task is not None
            return took, kept and task.cancelling() == 0, await send(g, 5)

    took, kept, after = run_virtual(main(), seed=seed)

    assert (took, kept) == (4.0, True)
    assert endings(after) == {(Status.ACCEPTED, None): 5}
    assert sum(server.ledger.values()) <= 4 * 10 + 5, "what was taken back left all the same"


@pytest.mark.parametrize("grace", [0.0, 2.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_closing_with_thousands_on_their_way_and_thousands_waiting(seed: int | None, grace: float) -> None:
    """With a thousand pushes in requests and five thousand waiting, each has its correct outcome within the grace
    and half a second, and nothing is sent afterwards (C4).
    """
    server = slow(8.0)

    async def main() -> tuple[list[Outcome], float, Outcome, int]:
        loop = asyncio.get_running_loop()
        g = gateway(server, certificate(size=100, logs_in=False), connections=10)
        sends = [asyncio.create_task(g.send(PushToken(1, f"k{n}"), note())) for n in range(6000)]
        await asyncio.sleep(1.0)
        begun = loop.time()
        await g.aclose(grace)
        took, asked = loop.time() - begun, server.calls["push"]
        late = await g.send(PushToken(1, "late"), note())
        assert all(task.done() for task in sends)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(100)
        return [task.result() for task in sends], took, late, server.calls["push"] - asked

    outcomes, took, late, later = run_virtual(main(), seed=seed)

    assert endings(outcomes) == {(Status.UNKNOWN, Reason.NO_VERDICT): 1000, CLOSED: 5000}
    assert took <= grace + 0.5
    assert (late.status, late.reason) == CLOSED
    assert later == 0


def test_closing_before_anything_was_sent() -> None:
    """An unused gateway can be closed, repeatedly and concurrently; then it is closed (C5, C6)."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        g = gateway(server)
        await asyncio.gather(*(g.aclose() for _ in range(5)))
        await g.aclose(0)
        return [await g.send(PushToken(1, "a"), note()), *await send_each(g, 2)]

    assert endings(run_virtual(main())) == {CLOSED: 3}
    assert server.calls.total() == 0


def test_the_first_send_begins_everything() -> None:
    """A gateway works without `async with`: there is nothing to start (C6)."""

    async def main() -> Outcome:
        g = gateway(ToyServer())
        outcome = await g.send(PushToken(1, "a"), note())
        await g.aclose()
        return outcome

    assert run_virtual(main()).ok


@pytest.mark.parametrize("seed", SEEDS)
def test_a_close_that_is_cancelled_goes_on(seed: int | None) -> None:
    """A caller who is cancelled does not stop the close. A second call waits for the same close, and every push has
    its outcome (C5).
    """
    server = slow(3.0)

    async def main() -> tuple[bool, list[Outcome], float]:
        g = gateway(server, certificate(size=10, logs_in=False), connections=1)
        sends = [asyncio.create_task(g.send(PushToken(1, f"k{n}"), note())) for n in range(30)]
        await asyncio.sleep(1.0)
        closing = asyncio.create_task(g.aclose(4.0))
        await asyncio.sleep(0.5)
        closing.cancel()
        await asyncio.wait([closing])
        await g.aclose(100.0)
        return closing.cancelled(), [task.result() for task in sends], asyncio.get_running_loop().time()

    cancelled, outcomes, ended = run_virtual(main(), seed=seed)

    assert cancelled
    assert endings(outcomes) == {(Status.ACCEPTED, None): 10, (Status.UNKNOWN, Reason.NO_VERDICT): 10, CLOSED: 10}
    assert ended <= 1.0 + 4.0 + 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_closing_from_a_callback(seed: int | None) -> None:
    """From the observer during an outcome, and from a done-callback of a send: no deadlock, and no outcome is lost
    (C5, C8).
    """
    closings: list[asyncio.Task[None]] = []

    async def main() -> list[Outcome]:
        def close(_: object) -> None:
            closings.append(asyncio.get_running_loop().create_task(g.aclose(1.0)))

        def observe(event: Event) -> None:
            if isinstance(event, OutcomeGiven):
                close(event)

        g = gateway(slow(0.3), certificate(size=5, logs_in=False), connections=1, observer=observe)
        sends = [asyncio.create_task(g.send(PushToken(1, f"k{n}"), note())) for n in range(20)]
        sends[0].add_done_callback(close)
        outcomes = await asyncio.gather(*sends)
        await asyncio.gather(*closings)
        return outcomes

    outcomes = run_virtual(main(), seed=seed)

    assert len(closings) > 20
    assert len(outcomes) == 20
    assert endings(outcomes)[Status.ACCEPTED, None] >= 5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stream_that_is_dropped_half_way(seed: int | None) -> None:
    """A stream that is garbage collected without being closed: what was not sent is withdrawn, its source is
    released, and the gateway goes on (C9).
    """
    server = slow(1.0)
    given: list[int] = []

    async def source() -> AsyncGenerator[Push, None]:
        for number in itertools.count():
            given.append(number)
            yield Push(PushToken(1, f"k{number}"), note())

    async def main() -> tuple[int, list[Outcome]]:
        async with gateway(server, certificate(size=10, logs_in=False), connections=2) as g:
            pushes = source()
            flow = g.stream(pushes, window=100)
            assert (await anext(flow)).ok
            alive = weakref.ref(pushes)
            del flow, pushes
            await asyncio.sleep(5.0)
            gc.collect()
            taken = len(given)
            await asyncio.sleep(60.0)
            gc.collect()  # by now the loop has closed it
            assert alive() is None
            assert asyncio.all_tasks() == {asyncio.current_task()}
            assert len(given) == taken
            return sum(server.ledger.values()), await send(g, 5)

    left, after = run_virtual(main(), seed=seed)

    assert left <= 4 * 10
    assert endings(after) == {(Status.ACCEPTED, None): 5}


@pytest.mark.parametrize("call", [send, send_each, multicast, stream])
def test_the_collector_takes_nothing_that_is_needed(call: Call) -> None:
    """With garbage collection at every moment, and no references held by the host, each push still has its outcome
    (C10).
    """
    server = ToyServer()
    server.answers = ["5", "11"]  # one to be repeated later, and one that needs a login

    async def main() -> list[Outcome]:
        loop = asyncio.get_running_loop()

        def collect() -> None:
            gc.collect()
            turns[0] = loop.call_later(0.001, collect)

        turns = [loop.call_soon(collect)]
        async with gateway(server, certificate(size=10)) as g:
            outcomes = await call(g, 40)
        turns[0].cancel()
        gc.collect()
        return outcomes

    gc.freeze()  # exclude existing objects from each collection
    try:
        outcomes = run_virtual(main())
    finally:
        gc.unfreeze()

    assert endings(outcomes) == {(Status.ACCEPTED, None): 40}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_caller_that_left_after_its_push_did(seed: int | None) -> None:
    """The caller gets `CancelledError`, observers get the outcome, and the others of the batch get theirs (B12)."""
    server = slow(1.0)
    server.codes = {"k1": "2"}
    events: list[Event] = []

    async def main() -> tuple[bool, list[Outcome]]:
        async with gateway(server, certificate(logs_in=False), observer=events.append) as g:
            sends = [asyncio.create_task(g.send(PushToken(1, f"k{n}"), note())) for n in range(5)]
            await asyncio.sleep(0.5)
            sends[1].cancel()
            await asyncio.wait(sends)
            return sends[1].cancelled(), [task.result() for task in sends if not task.cancelled()]

    cancelled, others = run_virtual(main(), seed=seed)

    observed = Counter((event.status, event.reason) for event in events if isinstance(event, OutcomeGiven))
    assert cancelled
    assert endings(others) == {(Status.ACCEPTED, None): 4}
    assert observed == {(Status.ACCEPTED, None): 4, (Status.REJECTED, Reason.UNREGISTERED): 1}


def test_a_push_that_lingers_is_taken_back_or_given_back() -> None:
    """If cancelled it is never sent; at a close without grace it ends `CLOSED`; the others are sent after the
    linger (B11).
    """
    server = ToyServer()

    async def main() -> list[Outcome]:
        g = gateway(server, certificate(logs_in=False), linger=2.0)
        await g.send(PushToken(1, "first"), note())
        sends = [asyncio.create_task(g.send(PushToken(1, key), note())) for key in ("gone", "stays")]
        await asyncio.sleep(1.0)
        sends[0].cancel()
        stays = await sends[1]
        last = asyncio.create_task(g.send(PushToken(1, "last"), note()))
        await asyncio.sleep(0.5)
        await g.aclose(0)
        return [stays, await last]

    stays, last = run_virtual(main())

    assert stays.ok
    assert (last.status, last.reason) == CLOSED
    assert [token for batch in server.batches for token, *_ in batch] == ["first", "stays"]


def test_a_push_that_lingers_leaves_before_its_deadline() -> None:
    """It waits for others until the end of the linger or until its deadline gets near, whichever comes first, and
    is sent (B11).
    """
    server = ToyServer()

    async def main() -> Outcome:
        async with gateway(server, certificate(logs_in=False), linger=2.0) as g:
            await g.send(PushToken(1, "first"), note())
            return await g.send(PushToken(1, "hasty"), note(), timeout=0.5)

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.ACCEPTED, None)
