"""`ServerClock`: the time of a server that several machines share, without asking for it each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from pushgateway.model.secret import safe_repr

LASTS: Final = 60.0
"""Seconds after which the server is asked again: clocks of machines drift apart slowly."""


@safe_repr
class ServerClock:
    """The server's time, by this machine's monotonic clock between two questions, so that a jump of this machine's own
    time changes nothing."""

    def __init__(self, ask: Callable[[], Awaitable[float]], monotonic: Callable[[], float]) -> None:
        """`ask`: the server's time (epoch seconds)."""
        self._ask, self._monotonic = ask, monotonic
        self._offset, self._until = 0.0, float("-inf")

    async def now(self) -> float:
        """The server's time (epoch seconds). Raises what `ask` raises."""
        before = self._monotonic()
        if before >= self._until:
            there = await self._ask()
            after = self._monotonic()
            self._offset, self._until = there - (before + after) / 2, after + LASTS
        return self._monotonic() + self._offset
