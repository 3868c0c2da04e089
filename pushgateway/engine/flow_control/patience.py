"""Asking again, within a deadline, for what is asked beside the queue: broadcasts and vendors' own operations.

Law of this file: it counts tries and waits between them; what may be asked again without harm is for the caller to say.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs

from pushgateway.engine.flow_control.retry import RetryPolicy
from pushgateway.model.reason import Reason
from pushgateway.model.secret import safe_repr
from pushgateway.vendor.refusals import NoVerdict, Refused

R = TypeVar("R")


@safe_repr
@attrs.frozen
class Retrying:
    """How often and how long."""

    policy: RetryPolicy
    rng: random.Random
    deadline: float
    """On the loop's clock."""

    async def persist(
        self, attempt: Callable[[], Awaitable[R]], may_repeat: Callable[[Refused | NoVerdict], bool]
    ) -> R:
        """What `attempt` gives; what it raises once that may not be repeated, or there are no tries or no time left."""
        number = 0
        failure: Refused | NoVerdict | None = None
        while True:
            number += 1
            try:
                return await attempt()
            except (Refused, NoVerdict) as failed:
                if failure is not None and isinstance(failed, Refused) and failed.reason is Reason.EXPIRED:
                    raise failure from None  # it could not leave again: what was said last counts
                if not may_repeat(failed):
                    raise
                failure = failed
            hint = failure.retry_after if isinstance(failure, Refused) else None
            delay = self.policy.delay(number, self.rng.random(), hint)
            if number >= self.policy.attempts or asyncio.get_running_loop().time() + delay >= self.deadline:
                raise failure
            await asyncio.sleep(delay)
