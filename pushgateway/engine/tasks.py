"""Work beside the queue, for which a caller waits: broadcasts and vendors' own operations.

`Retrying` repeats it within a deadline. `SupervisedTasks` ends it: with its caller, if that is cancelled, or with the
gateway, after a grace and with an outcome. Nothing is left running.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import attrs

from pushgateway.engine.flow_control.retry import RetryPolicy
from pushgateway.model.reason import Reason
from pushgateway.model.secret import safe_repr
from pushgateway.transport.limit import read_arrived
from pushgateway.vendor.refusals import NoVerdict, Refused

R = TypeVar("R")


class SupervisedTasks:
    """The pieces of work of one gateway."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[Any], None] = {}  # as a set, in the order in which they began

    async def see_through(self, work: Coroutine[Any, Any, R]) -> R:
        """Its result. Cancelling this cancels the work; `aclose` lets this have the result all the same."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.cancel()
            raise

    async def aclose(self, grace: float) -> None:
        """Wait for up to `grace` seconds for what is there, then cut it off."""
        tasks = list(self._tasks)
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=max(grace, 0.0))
        if grace > 0 and not all(task.done() for task in tasks):
            await read_arrived()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@safe_repr
@attrs.frozen
class Retrying:
    """Repeats what goes beside the queue, a broadcast or an operation, within a deadline. It counts tries and waits
    between them; what may be repeated without harm is for the caller to say."""

    policy: RetryPolicy
    rng: random.Random
    deadline: float
    """On the loop's clock."""

    async def run(self, attempt: Callable[[], Awaitable[R]], may_repeat: Callable[[Refused | NoVerdict], bool]) -> R:
        """What `attempt` returns. Raises what it raises when that may not be repeated or no tries or time are left."""
        number = 0
        failure: Refused | NoVerdict | None = None
        while True:
            number += 1
            try:
                return await attempt()
            except (Refused, NoVerdict) as failed:
                if failure is not None and isinstance(failed, Refused) and failed.reason is Reason.EXPIRED:
                    raise failure from None  # it could not leave again: the last answer counts
                if not may_repeat(failed):
                    raise
                failure = failed
            hint = failure.retry_after if isinstance(failure, Refused) else None
            delay = self.policy.delay(number, self.rng.random(), hint)
            if number >= self.policy.attempts or asyncio.get_running_loop().time() + delay >= self.deadline:
                raise failure
            await asyncio.sleep(delay)
