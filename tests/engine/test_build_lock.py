"""`BuildLock`: who comes while it is free goes on at once, nobody waits for ever, and a turn of the loop has an end."""

import asyncio
import random

import pytest

from pushgateway.engine.build_lock import MOST_IN_TURN, MOST_PASSED, BuildLock
from pushgateway.testing.virtual_time import run_virtual


async def use(lock: BuildLock, name: str, log: list[str], hold: int = 0) -> None:
    """Take the lock, hold it for so many turns of the loop, and give it back."""
    if not lock.take():
        await lock.wait()
    log.append(name)
    try:
        for _ in range(hold):
            await asyncio.sleep(0)
    finally:
        lock.give_back()


def test_who_waits_goes_in_the_order_of_coming() -> None:
    """One after the other; nobody is forgotten."""
    log: list[str] = []

    async def main() -> None:
        lock = BuildLock(4)
        await asyncio.gather(*(use(lock, name, log, hold=3) for name in "abcd"))

    run_virtual(main())

    assert log == list("abcd")


def test_a_free_lock_is_taken_at_once_though_others_wait() -> None:
    """Who was resumed has not run yet: the lock is free, so who comes now does not have to wait for its turn."""

    async def main() -> tuple[bool, list[str]]:
        lock, log = BuildLock(4), list[str]()
        assert lock.take()
        waiting = asyncio.create_task(use(lock, "waited", log))
        await asyncio.sleep(0)
        lock.give_back()
        came = lock.take()
        lock.give_back()
        await waiting
        return came, log

    assert run_virtual(main()) == (True, ["waited"])


def test_who_finds_it_taken_again_keeps_its_place() -> None:
    """Resumed, and beaten by one who came later: it stays before those who came after it."""

    async def main() -> list[str]:
        lock, log = BuildLock(4), list[str]()
        assert lock.take()
        waiting = [asyncio.create_task(use(lock, name, log)) for name in "ab"]
        await asyncio.sleep(0)
        lock.give_back()
        assert lock.take()
        await asyncio.sleep(0)  # the first was resumed and finds it taken
        await asyncio.sleep(0)
        assert log == []
        lock.give_back()
        await asyncio.gather(*waiting)
        return log

    assert run_virtual(main()) == ["a", "b"]


@pytest.mark.parametrize("passed", [MOST_PASSED, 2 * MOST_PASSED])
def test_nobody_is_passed_over_for_ever(passed: int) -> None:
    """A broadcast waits while replies come in each turn of the loop, whose workers take the lock at once: so many go
    before it, and no more."""

    async def main() -> tuple[int, list[str]]:
        lock, log, taken = BuildLock(4), list[str](), 1
        assert lock.take()
        waiting = asyncio.create_task(use(lock, "waited", log))
        await asyncio.sleep(0)
        for _ in range(passed):
            lock.give_back()
            if lock.take():
                taken += not log
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        lock.give_back()
        await waiting
        return taken, log

    assert run_virtual(main()) == (1 + MOST_PASSED, ["waited"])


@pytest.mark.parametrize(("workers", "turns"), [(40, 1), (100, 5), (300, 10)])
def test_a_flood_that_fills_each_turn_lets_others_through(workers: int, turns: int) -> None:
    """So many replies in each turn that those who come take all that may be built in it."""

    async def main() -> int:
        lock = BuildLock(workers)

        async def flood() -> None:
            while True:
                await use(lock, "", [])
                for _ in range(turns):
                    await asyncio.sleep(0)

        tasks = [asyncio.create_task(flood()) for _ in range(workers)]
        for _ in range(100):
            await asyncio.sleep(0)
        broadcast, waited = asyncio.create_task(use(lock, "", [])), 0
        while not broadcast.done() and waited < 1000:
            await asyncio.sleep(0)
            waited += 1
        for task in [broadcast, *tasks]:
            task.cancel()
        await asyncio.gather(broadcast, *tasks, return_exceptions=True)
        return waited

    assert run_virtual(main()) < 100


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_cancelled_or_resized_everyone_else_gets_it(seed: int) -> None:
    """No resumption is lost: in the end the lock is free and nobody waits."""
    rng = random.Random(seed)

    async def main() -> tuple[int, int]:
        lock, log = BuildLock(rng.choice([4, 300])), list[str]()
        tasks = list[asyncio.Task[None]]()
        for _ in range(300):
            tasks += [
                asyncio.create_task(use(lock, "", log, hold=rng.choice([0, 0, 0, 1, 3])))
                for _ in range(rng.choice([0, 1, 2, 40]))
            ]
            if tasks and rng.random() < 0.5:
                rng.choice(tasks[-50:]).cancel()
            if rng.random() < 0.1:
                lock.resize(rng.choice([1, 32, 33, 300]))
            if rng.random() < 0.5:
                await asyncio.sleep(0)
        async with asyncio.timeout(1.0):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert lock.take()
        lock.give_back()
        return len(log), sum(not task.cancelled() for task in tasks)

    built, ended = run_virtual(main())

    assert built >= ended > 0


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_one_that_is_cancelled_passes_its_turn_on(turns: int) -> None:
    """Whenever it is cancelled, the next one gets the lock."""

    async def main() -> list[str]:
        lock, log = BuildLock(4), list[str]()
        assert lock.take()
        first, second = (asyncio.create_task(use(lock, name, log)) for name in "ab")
        for _ in range(2):
            await asyncio.sleep(0)
        lock.give_back()
        for _ in range(turns):
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        assert lock.take()
        return log

    assert run_virtual(main())[-1] == "b"


@pytest.mark.parametrize(("workers", "most"), [(MOST_IN_TURN, 3 * MOST_IN_TURN), (300, MOST_IN_TURN)])
def test_a_turn_of_the_loop_builds_so_many(workers: int, most: int) -> None:
    """With hundreds of connections the replies of one turn do not hold the loop; all are built, some turns later."""

    async def main() -> tuple[int, int]:
        lock, log = BuildLock(workers), list[str]()
        tasks = [asyncio.create_task(use(lock, "", log)) for _ in range(3 * MOST_IN_TURN)]
        await asyncio.sleep(0)
        in_one_turn = len(log)
        await asyncio.gather(*tasks)
        return in_one_turn, len(log)

    assert run_virtual(main()) == (most, 3 * MOST_IN_TURN)


def test_its_limit_follows_the_number_of_workers() -> None:
    """After a reload with fewer connections nothing is counted any more."""

    async def main() -> int:
        lock, log = BuildLock(300), list[str]()
        lock.resize(8)
        tasks = [asyncio.create_task(use(lock, "", log)) for _ in range(2 * MOST_IN_TURN)]
        await asyncio.sleep(0)
        counted = len(log)
        await asyncio.gather(*tasks)
        return counted

    assert run_virtual(main()) == 2 * MOST_IN_TURN
