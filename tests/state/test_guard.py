"""`GuardedState`: whatever a store does, a call ends in time and raises nothing; its end and return are reported once.

Virtual time.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import Event, SharedStateChanged
from pushgateway.state import MemoryState, SharedState
from pushgateway.state.guard import FIRST_PAUSE, LAST_PAUSE, LIMIT, GuardedState
from pushgateway.testing.virtual_time import VirtualLoop, run_virtual

SECRET = "canary-of-a-password"


def guarded(events: list[Event]) -> GuardedState:
    """A guard around an empty store; it appends its events to `events`."""
    time = asyncio.get_running_loop().time
    return GuardedState(MemoryState(time), Emitter(events.append, time), random.Random(1))


def now() -> float:
    """Loop seconds."""
    return asyncio.get_running_loop().time()


async def answers(_: SharedState) -> str:
    """A call that goes well."""
    return "answer"


async def fails(_: SharedState) -> str:
    """A call that fails at once."""
    raise ConnectionError(SECRET)


async def hangs(_: SharedState) -> str:
    """A call that takes for ever."""
    await asyncio.sleep(1e9)
    return "never"


def run(program: Callable[[GuardedState], Awaitable[Any]]) -> tuple[Any, list[Event]]:
    """What a program with a guard returns, and the events."""
    events: list[Event] = []

    async def main() -> Any:
        return await program(guarded(events))

    return run_virtual(main()), events


@pytest.mark.parametrize(("call", "takes"), [(fails, 0.0), (hangs, LIMIT)])
def test_a_call_that_fails_is_none_and_reported_once(
    call: Callable[[SharedState], Awaitable[str]], takes: float, caplog: pytest.LogCaptureFixture
) -> None:
    """It ends after its limit at the latest. One event and one line of the log report it, and nothing that the store's
    client has said is in the line."""

    async def program(guard: GuardedState) -> Any:
        return await guard.ask(call), now(), await guard.ask(call), now(), guard.is_gone

    found, events = run(program)

    assert found == (None, takes, None, takes, True)
    assert events == [SharedStateChanged(available=False)]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert SECRET not in caplog.text
    assert "memory" in caplog.text


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
@pytest.mark.parametrize(("steps", "available"), [(1, True), (3, True), (100, False)])
def test_an_answer_that_came_while_the_loop_was_blocked_counts(seed: int | None, steps: int, available: bool) -> None:
    """The host blocks the event loop for longer than a call may take, while the answer comes, or while the connection
    is made that needs some more steps. The store is not gone for that; one that needs much longer is."""

    async def answers_in_steps(_: SharedState) -> str:
        for _ in range(steps):
            await asyncio.sleep(0.1)
        return "answer"

    async def main() -> tuple[str | None, bool]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        guard = guarded([])
        asking = asyncio.ensure_future(guard.ask(answers_in_steps))
        await asyncio.sleep(0.05)
        loop.advance(2 * LIMIT)
        return await asking, guard.is_gone

    assert run_virtual(main(), seed=seed) == ("answer" if available else None, not available)


def test_a_store_that_is_gone_is_probed_by_one_call_at_a_time() -> None:
    """Of ten calls at the same moment one reaches it; the pauses between two probes double up to the longest. That the
    probes fail too is no news."""
    reached: list[float] = []

    async def counted(state: SharedState) -> str:
        reached.append(now())
        await asyncio.sleep(0.001)
        return await fails(state)

    async def program(guard: GuardedState) -> None:
        while now() < 30:
            await asyncio.gather(*(guard.ask(counted) for _ in range(10)))
            await asyncio.sleep(0.01)

    _, events = run(program)

    first, *probes = sorted(set(reached))
    gaps = [after - before for before, after in zip([first, *probes], probes, strict=False)]
    assert len(reached) == 10 + len(probes)  # the first ten were under way together
    assert events == [SharedStateChanged(available=False)]
    assert gaps[0] <= FIRST_PAUSE + 0.02
    assert max(gaps) <= LAST_PAUSE + 0.02
    assert gaps[-1] >= 0.8 * LAST_PAUSE


def test_a_store_that_is_back_is_reported_once() -> None:
    """The first answer ends it, for all calls."""

    async def program(guard: GuardedState) -> Any:
        await guard.ask(fails)
        await asyncio.sleep(FIRST_PAUSE)
        return [await guard.ask(answers) for _ in range(3)], guard.is_gone, guard.seconds_to_probe()

    found, events = run(program)

    assert found == (["answer"] * 3, False, 0.0)
    assert events == [SharedStateChanged(available=False), SharedStateChanged(available=True)]


def test_a_cancelled_call_says_nothing_about_the_store() -> None:
    """Who asks is cancelled: the store is not gone for that, and a probe that was cancelled leaves the way free."""

    async def program(guard: GuardedState) -> Any:
        async def cancelled() -> None:
            asking = asyncio.ensure_future(guard.ask(hangs))
            await asyncio.sleep(0.1)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

        await cancelled()
        before = guard.is_gone
        await guard.ask(fails)
        await asyncio.sleep(FIRST_PAUSE)
        await cancelled()
        return before, await guard.ask(answers)

    assert run(program)[0] == (False, "answer")


def test_closing_a_store_that_hangs_ends_in_time(caplog: pytest.LogCaptureFixture) -> None:
    """The end of the gateway does not wait for a store, and raises nothing."""

    class Hanging(MemoryState):
        async def aclose(self) -> None:
            await asyncio.sleep(1e9)

    async def program(guard: GuardedState) -> float:
        guard.state = Hanging()
        await guard.aclose()
        return now()

    found, _ = run(program)

    assert found == LIMIT
    assert "was not closed in order" in caplog.text
