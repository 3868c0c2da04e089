"""`GuardedState`: calls to a store of shared state that end in time and raise nothing, and reports of its end.

A store that is down, slow or full must cost no push anything. So each call has a time limit, and after a failure the
store counts as gone: nobody asks it, except for one probe at a time after a pause. Who asks gets None, and goes on as a
process without shared state does. Used by the engine.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from pushgateway.model.errors import StoreError
from pushgateway.model.secret import safe_repr, where
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import SharedStateChanged
from pushgateway.state.protocol import SharedState

T = TypeVar("T")

LIMIT = 0.5
"""Seconds for one call: a round trip takes a millisecond or two, a server under load a few dozen."""
FIRST_PAUSE, LAST_PAUSE = 0.5, 5.0
"""Seconds between two probes of a store that is gone: doubling from, up to."""


@safe_repr
class GuardedState:
    """A store that may be gone. It belongs to the event loop of its first call."""

    def __init__(self, state: SharedState, emitter: Emitter, rng: random.Random, *, limit: float = LIMIT) -> None:
        self.state = state
        self._emitter = emitter
        self._rng = rng
        self._limit = limit
        self.is_gone = False
        """The last call failed. It is asked again after a pause."""
        self._pause = 0.0
        self._retry_at = 0.0
        self._probing = False

    async def ask(self, call: Callable[[SharedState], Awaitable[T]]) -> T | None:
        """The answer of the store; None if it is gone or has just failed."""
        loop = asyncio.get_running_loop()
        is_probe = self.is_gone
        if is_probe and (self._probing or loop.time() < self._retry_at):
            return None
        self._probing = is_probe
        due = loop.time() + self._limit
        try:
            async with asyncio.timeout(None) as limit:
                timer = loop.call_at(due, _expire, limit, due)
                try:
                    answer = await call(self.state)
                finally:
                    timer.cancel()
        except Exception as failed:  # whatever a client raises, the pushes go on
            if is_probe or not self.is_gone:
                self._failed(loop.time(), failed)
            return None
        finally:
            if is_probe:
                self._probing = False
        self._answered()
        return answer

    def seconds_to_probe(self) -> float:
        """Seconds until a store that is gone is asked again; 0 if it is there."""
        return max(0.0, self._retry_at - asyncio.get_running_loop().time()) if self.is_gone else 0.0

    def _failed(self, now: float, failed: Exception) -> None:
        was_gone, self.is_gone = self.is_gone, True
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LAST_PAUSE)
        self._retry_at = now + self._pause * self._rng.uniform(0.8, 1.0)
        if not was_gone:
            self._emitter.emit(SharedStateChanged(available=False), why_gone(self.state, failed))

    def _answered(self) -> None:
        self._pause = 0.0
        if self.is_gone:
            self.is_gone = False
            self._emitter.emit(SharedStateChanged(available=True), self.state.name)

    async def aclose(self) -> None:
        """Close the store, in bounded time."""
        try:
            async with asyncio.timeout(self._limit):
                await self.state.aclose()
        except Exception as failed:
            self._emitter.complain(f"the shared state was not closed in order: {why_gone(self.state, failed)}")


def _expire(limit: asyncio.Timeout, due: float) -> None:
    """The time of a call is over. For as long as the event loop is late with this, it has read no answer either: one
    that came while the host blocked the loop is read before."""
    now = asyncio.get_running_loop().time()
    limit.reschedule(now + (now - due))


def why_gone(state: SharedState, failed: Exception) -> str:
    """What a log may show of a failed call: our own sentence, or where a client has failed, whose text may hold a
    password."""
    return str(failed) if isinstance(failed, StoreError) else f"{state.name}: {where(failed)}"
