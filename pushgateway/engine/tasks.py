"""What a caller waits for and the gateway ends: broadcasts and vendors' own operations.

Law of this file: a caller that goes takes its work with it; the gateway's end gives each piece a grace and waits until
it has said what became of it. Nothing is left running.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from pushgateway.transport.limit import read_arrived

R = TypeVar("R")


class SupervisedTasks:
    """The pieces of work of one gateway."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    async def see_through(self, work: Coroutine[Any, Any, R]) -> R:
        """Its result. Cancelling this cancels the work; `aclose` lets this have the result all the same."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def aclose(self, grace: float) -> None:
        """Wait for what is there for up to `grace` seconds, then cut it off."""
        tasks = set(self._tasks)
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=max(grace, 0.0))
        if grace > 0 and not all(task.done() for task in tasks):
            await read_arrived()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
