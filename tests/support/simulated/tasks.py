"""Tasks of a simulated day: those under way, and what they raised."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import attrs


@attrs.define(eq=False)
class Tasks:
    """Runs coroutines concurrently."""

    under_way: dict[asyncio.Task[None], None] = attrs.field(factory=dict)
    """In the order in which they began."""
    failures: list[BaseException] = attrs.field(factory=list)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self.under_way[task] = None
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.under_way.pop(task)
        if not task.cancelled() and (failure := task.exception()) is not None:
            self.failures.append(failure)
