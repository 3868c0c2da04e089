"""Where outcomes go: to one caller of `send`, of `send_each`, or of `stream`.

Law of this file: each sink takes every outcome once and wakes its caller; none knows lanes or vendors. No task and,
but for `send`, no future per push.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable

from pushgateway.errors import FieldError
from pushgateway.model import Push
from pushgateway.outcome import Outcome

TURN = 256
"""Pushes a stream takes in before the event loop gets a turn."""


class One:
    """The sink of a single send."""

    __slots__ = ("_future", "withdrawn")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.withdrawn = False
        self._future: asyncio.Future[Outcome] = loop.create_future()

    def put(self, place: int, outcome: Outcome) -> None:
        """Wake the caller, if it is still there."""
        if not self._future.done():
            self._future.set_result(outcome)

    async def outcome(self) -> Outcome:
        """The outcome, once it is known. Cancelling withdraws the push."""
        try:
            return await self._future
        except asyncio.CancelledError:
            self.withdrawn = True
            raise


class Many:
    """The sink of a `send_each`: one list, one future for all."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self.withdrawn = False
        self._outcomes: list[Outcome | None] = [None] * count
        self._open = count
        self._done: asyncio.Future[None] = loop.create_future()
        if not count:
            self._done.set_result(None)

    def put(self, place: int, outcome: Outcome) -> None:
        """Note the outcome; wake the caller with the last one."""
        self._outcomes[place] = outcome
        self._open -= 1
        if not self._open and not self._done.done():
            self._done.set_result(None)

    async def outcomes(self) -> list[Outcome]:
        """All outcomes in the order of the pushes."""
        await self._done
        return [outcome for outcome in self._outcomes if outcome is not None]


class Flow:
    """The sink of a stream: a bounded number of pushes between the source and the consumer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, window: int) -> None:
        self.withdrawn = False
        self._loop = loop
        self._window = window
        self._ready: list[Outcome] = []
        self._given = 0  # taken from the source
        self._settled = 0  # have their outcome
        self._taken = 0  # outcome handed to the consumer
        self._exhausted = False
        self._wake_consumer: asyncio.Future[None] | None = None
        self._wake_feeder: asyncio.Future[None] | None = None

    def put(self, place: int, outcome: Outcome) -> None:
        """Keep the outcome for the consumer and wake it."""
        self._settled += 1
        self._ready.append(outcome)
        _wake(self._wake_consumer)

    async def ready(self) -> list[Outcome]:
        """The outcomes known by now, waiting for at least one; empty when there will be no more."""
        while not self._ready:
            if self._exhausted and self._settled == self._given:
                return []
            self._wake_consumer = self._loop.create_future()
            await self._wake_consumer
        ready, self._ready = self._ready, []
        return ready

    def taken(self) -> None:
        """The consumer took one outcome."""
        self._taken += 1
        if self._given - self._taken <= self._window // 2:
            _wake(self._wake_feeder)

    def feed(
        self, source: AsyncIterable[Push] | Iterable[Push], submit: Callable[[Push, int], None]
    ) -> asyncio.Task[None]:
        """Start taking pushes from `source`, as far as the window allows. The task raises what the source raises."""
        return self._loop.create_task(self._feed(source, submit))

    async def _feed(self, source: AsyncIterable[Push] | Iterable[Push], submit: Callable[[Push, int], None]) -> None:
        try:
            if isinstance(source, AsyncIterable):
                async for push in source:
                    await self._let_in(push, submit)
            else:
                for push in source:
                    await self._let_in(push, submit)
        finally:
            self._exhausted = True
            _wake(self._wake_consumer)

    async def _let_in(self, push: Push, submit: Callable[[Push, int], None]) -> None:
        if not isinstance(push, Push):
            raise FieldError(f"pushes[{self._given}]", f"must be a Push, is {type(push).__name__}")
        self._given += 1
        submit(push, self._given - 1)
        if self._given - self._taken >= self._window:
            # Wait until half the window is free: many small refills would make many small batches.
            self._wake_feeder = self._loop.create_future()
            await self._wake_feeder
        elif self._given % TURN == 0:
            await asyncio.sleep(0)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
