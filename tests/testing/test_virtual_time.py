"""Virtual time: the clock jumps to the next timer, an order of callbacks can be repeated, and no failure goes
unnoticed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from pushgateway.model.errors import FieldError
from pushgateway.testing.virtual_time import DeadlockError, LeftoverError, VirtualLoop, loop_wall_clock, run_virtual


async def arrival_order() -> list[int]:
    """The order in which twenty tasks, started together, run."""
    order: list[int] = []

    async def arrive(number: int) -> None:
        await asyncio.sleep(0)
        order.append(number)

    await asyncio.gather(*(arrive(number) for number in range(20)))
    return order


def test_an_hour_takes_no_real_time() -> None:
    """Time jumps to the next timer: exactly as far as needed, and without waiting."""

    async def main() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    started = time.monotonic()
    virtual = run_virtual(main())

    assert virtual == 3600.0
    assert time.monotonic() - started < 60


def test_a_timer_beyond_a_day_is_reached() -> None:
    """asyncio looks ahead one day at most; a longer sleep still ends at its own time."""

    async def main() -> float:
        await asyncio.sleep(30 * 86400 + 0.25)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 30 * 86400 + 0.25


def test_time_stands_still_while_there_is_work() -> None:
    """Callbacks that are ready run at the same instant, however many there are."""

    async def main() -> float:
        for _ in range(1000):
            await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 0.0


def test_timers_fire_in_the_order_of_their_time() -> None:
    """A timer that was started later for an earlier time fires first."""

    async def main() -> list[float]:
        seen: list[float] = []

        async def at(delay: float) -> None:
            await asyncio.sleep(delay)
            seen.append(asyncio.get_running_loop().time())

        await asyncio.gather(*(at(delay) for delay in (3.0, 0.5, 2.0, 0.5)))
        return seen

    assert run_virtual(main()) == [0.5, 0.5, 2.0, 3.0]


def test_a_timeout_fires_at_its_limit_and_not_before() -> None:
    """`asyncio.timeout` counts virtual seconds: done within the limit passes, one tick later does not."""

    async def takes(seconds: float) -> bool:
        try:
            async with asyncio.timeout(5):
                await asyncio.sleep(seconds)
        except TimeoutError:
            return False
        return True

    assert run_virtual(takes(4.999)) is True
    assert run_virtual(takes(5.001)) is False


def test_without_a_seed_the_order_is_asyncios_own() -> None:
    """First in, first out, as in production."""
    assert run_virtual(arrival_order()) == list(range(20))


def test_a_seed_gives_a_repeatable_order() -> None:
    """One seed is one order, always the same; different seeds are different orders of the same work."""
    runs = {seed: run_virtual(arrival_order(), seed=seed) for seed in range(5)}

    assert all(run_virtual(arrival_order(), seed=seed) == run for seed, run in runs.items())
    assert all(sorted(run) == list(range(20)) for run in runs.values())
    assert len({tuple(run) for run in runs.values()}) == 5


def test_the_tasks_of_a_group_are_cancelled_in_the_same_order_each_time() -> None:
    """asyncio keeps them in a set; by their addresses in memory the order would differ from run to run."""

    async def member(number: int, ended: list[int]) -> None:
        try:
            await asyncio.sleep(1)
        finally:
            ended.append(number)

    async def main() -> list[int]:
        ended: list[int] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5), asyncio.TaskGroup() as group:
                for number in range(20):
                    group.create_task(member(number, ended))
        return ended

    kept: list[object] = []
    runs = set()
    for _ in range(10):
        runs.add(tuple(run_virtual(main())))
        kept.append([object() for _ in range(1000)])  # so that the next tasks are at other addresses

    assert len(runs) == 1


def test_a_deadlock_is_an_error_that_names_the_waiting_tasks() -> None:
    """Waiting for something that will never happen fails at once instead of hanging."""

    async def wait_for_nobody() -> None:
        await asyncio.Event().wait()

    async def main() -> None:
        await asyncio.create_task(wait_for_nobody(), name="stuck")

    with pytest.raises(DeadlockError, match=r"at 0\.0 s.*stuck \(.*wait_for_nobody\)"):
        run_virtual(main())


def test_a_task_left_over_fails_the_run_and_is_cancelled() -> None:
    """A program that ends with a task of its own still running has leaked it; the task is cancelled."""
    ended: list[str] = []

    async def linger() -> None:
        try:
            await asyncio.sleep(10)
        finally:
            ended.append("cancelled")

    async def main() -> asyncio.Task[None]:
        task = asyncio.create_task(linger(), name="leaked")
        await asyncio.sleep(1)
        return task

    with pytest.raises(LeftoverError, match=r"at 1\.0 s.*leaked \(.*linger\)"):
        run_virtual(main())

    assert ended == ["cancelled"]


def test_an_exception_of_main_hides_leftover_tasks() -> None:
    """The test reports the first cause."""

    async def main() -> None:
        task = asyncio.create_task(asyncio.sleep(10))
        await asyncio.sleep(0)
        raise LookupError(f"the cause, with {task.get_name()} still there")

    with pytest.raises(LookupError, match="the cause"):
        run_virtual(main())


def test_a_callback_that_fails_fails_the_run() -> None:
    """asyncio only logs an error in a callback; here the run fails."""

    async def main() -> str:
        asyncio.get_running_loop().call_later(1, [].pop)
        await asyncio.sleep(2)
        return "unharmed"

    with pytest.raises(LeftoverError, match="pop from empty list"):
        run_virtual(main())


def test_a_dropped_generator_is_closed_and_is_no_leftover() -> None:
    """The loop closes asynchronous generators itself; that is not the program's task."""
    closed: list[bool] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            for number in range(3):
                yield number
        finally:
            await asyncio.sleep(1)
            closed.append(True)

    async def main() -> int:
        async for number in numbers():
            return number
        return -1

    firsts = [run_virtual(main()), *(run_virtual(main(), seed=seed) for seed in range(9))]

    assert firsts == [0] * 10
    assert closed == [True] * 10


def test_the_wall_clock_moves_with_the_loop() -> None:
    """Epoch seconds start at the given value and advance by virtual seconds only."""

    async def main() -> tuple[float, float]:
        clock = loop_wall_clock(1_800_000_000.0)
        before = clock()
        await asyncio.sleep(90.5)
        return before, clock()

    assert run_virtual(main()) == (1_800_000_000.0, 1_800_000_090.5)


def test_the_loop_is_closed_afterwards() -> None:
    """No loop remains open after its run."""

    async def main() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    loop = run_virtual(main())

    assert isinstance(loop, VirtualLoop)
    assert loop.is_closed()


def test_moving_the_clock_fires_timers_that_are_due() -> None:
    """Timers fire in order, none is left out, and time does not go back."""
    rung: list[str] = []

    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for delay, name in ((2.0, "second"), (1.0, "first"), (9.0, "later")):
            loop.call_later(delay, rung.append, name)
        loop.advance(5.0)
        await asyncio.sleep(0)
        with pytest.raises(FieldError, match="must be 0 or more"):
            loop.advance(-1.0)
        return loop.time()

    assert run_virtual(main()) == 5.0
    assert rung == ["first", "second"]
