"""Virtual time: an event loop whose clock jumps, so that a test of an hour takes a millisecond and never sleeps.

One process, one thread, no network. While a callback can run, the time does not change; when none can, the clock jumps
to the next timer; when there is no timer either, the program would wait for ever and `DeadlockError` is raised. The
same program under the same seed runs the same way every time.

Not for real sockets, subprocesses or threads (`run_in_executor`, `to_thread`): their events come from outside of
virtual time, so the loop would jump past them or report a deadlock.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import selectors
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import Any, TypeVar

from pushgateway.model.errors import FieldError

T = TypeVar("T")


class DeadlockError(AssertionError):
    """Every task waits and no timer is set. The text names the tasks."""


class LeftoverError(AssertionError):
    """The program ended while tasks were still running, or a callback failed and its exception was not handled."""


class _JumpingSelector(selectors.DefaultSelector):
    """Makes its loop advance the virtual time instead of waiting."""

    jump: Callable[[float | None], None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Polled once without waiting: `call_soon_threadsafe` of another thread is seen through a socket pair.
        ready = super().select(0)
        if not ready and timeout != 0:
            self.jump(timeout)
        return ready


class _NumberedTask(asyncio.Task[T]):
    """A task whose place in a set depends on how many were made before it and not on its address in memory. asyncio
    cancels the tasks of a `TaskGroup` in the order of a set."""

    def __init__(self, number: int, coro: Coroutine[Any, Any, T], **options: Any) -> None:
        self._number = number  # before asyncio keeps the task in a set
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop with virtual time, starting at 0.0 seconds.

    `seed=None` keeps asyncio's own order. A seed shuffles the callbacks that are ready in each round: one of the
    orders that a busy process may see. asyncio promises first in, first out for `call_soon`, so a failure that only
    shows under a seed counts when our code relied on that order, not when a library did.
    """

    def __init__(self, seed: int | None = None) -> None:
        self._now = 0.0
        self._order = None if seed is None else random.Random(seed)  # noqa: S311  to replay an order, not for secrets
        selector = _JumpingSelector()
        selector.jump = self._jump
        super().__init__(selector)
        numbers = itertools.count()
        self.set_task_factory(lambda loop, coro, **options: _NumberedTask(next(numbers), coro, loop=loop, **options))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the time forward by `seconds`, at once. Timers that are due by then are called next, in their order.

        Raises `FieldError` for a negative number.
        """
        if not seconds >= 0:
            raise FieldError("seconds", "must be 0 or more: time does not go back")
        self._now += seconds

    def _jump(self, timeout: float | None) -> None:
        if timeout is None:
            raise DeadlockError(f"nothing can run and no timer is set at {self._now} s; {_names(self)}")
        self._now += timeout

    def _run_once(self) -> None:
        # asyncio has no public name for this: the queue of what is ready in this round.
        ready = self._ready  # type: ignore[attr-defined]
        if self._order is not None and len(ready) > 1:
            shuffled = list(ready)
            self._order.shuffle(shuffled)
            ready.clear()
            ready.extend(shuffled)
        super()._run_once()  # type: ignore[misc]


def run_virtual(main: Coroutine[Any, Any, T], *, seed: int | None = None) -> T:
    """Run `main` to its end in a fresh `VirtualLoop`, as `asyncio.run` does, and return its result.

    What `main` raises is raised here. Otherwise `LeftoverError` if tasks are left over at its end, or if a
    callback or a task failed and its exception was never retrieved. Leftovers are cancelled and asynchronous generators
    closed in any case.
    """
    unseen: list[str] = []

    async def program() -> T:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unseen.append(_describe(context)))
        result = await main
        if _leftovers(loop):
            raise LeftoverError(f"the program ended at {loop.time()} s; {_names(loop)}")
        await _dropped_generators()
        return result

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(seed)) as runner:
        result = runner.run(program())
    if unseen:
        raise LeftoverError("; ".join(unseen))
    return result


def loop_wall_clock(epoch: float = 1_700_000_000.0) -> Callable[[], float]:
    """A wall clock (epoch seconds) that starts at `epoch` and moves with the running loop's time."""
    return lambda: epoch + asyncio.get_running_loop().time()


async def _dropped_generators() -> None:
    # The loop closes a generator that was dropped in a task of its own, which it makes up to two rounds later.
    for _ in range(2):
        await asyncio.sleep(0)
    if closing := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(closing)


def _leftovers(loop: asyncio.AbstractEventLoop) -> list[str]:
    # Only coroutines are the program's: the loop itself makes a task of another type to close a dropped generator.
    tasks = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    coroutines = [(task.get_name(), task.get_coro()) for task in tasks]
    return sorted(f"{name} ({coro.__qualname__})" for name, coro in coroutines if isinstance(coro, CoroutineType))


def _names(loop: asyncio.AbstractEventLoop) -> str:
    return f"tasks not done: {', '.join(_leftovers(loop)) or 'none'}"


def _describe(context: dict[str, Any]) -> str:
    error = context.get("exception")
    return f"{context['message']}: {error!r}" if error is not None else str(context["message"])
