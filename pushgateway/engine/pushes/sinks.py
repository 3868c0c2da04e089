"""Where outcomes go: to one caller of `send`, of `send_each`, or of `stream`, in the loop's thread or in another one.

Each sink takes every outcome once and resumes its caller; none knows lanes or vendors. There is no task and, except for
`send`, no future for each push. A host's source of a stream is iterated in the event loop (`Flow`), or in the caller's
thread (`sync.stream.ThreadStream`). Used by `Gateway`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sequence
from operator import methodcaller

from pushgateway.model.errors import FieldError
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push

TURN = 256
"""Pushes a stream takes in before the event loop gets a turn."""


def as_push(push: object, place: int) -> Push:
    """`push`, if it is one. Raises `FieldError` naming its place otherwise."""
    if not isinstance(push, Push):
        raise FieldError(f"pushes[{place}]", f"must be a Push, is {type(push).__name__}")
    return push


class Singles:
    """The sink of single sends. A push's place in it is the future that its caller awaits: one of asyncio's own, which
    a task waits for at less cost than for any class made of it. Whoever goes cancels it."""

    withdrawn = False

    def is_abandoned(self, places: Sequence[asyncio.Future[Outcome]]) -> bool:
        """Whether one of these callers is gone."""
        return any(map(_CANCELLED, places))

    def put(self, places: Sequence[asyncio.Future[Outcome]], outcomes: Sequence[Outcome]) -> None:
        """Resume the callers that are still there."""
        for place, outcome in zip(places, outcomes, strict=True):
            if not place.done():
                place.set_result(outcome)


_CANCELLED: Callable[[asyncio.Future[Outcome]], bool] = methodcaller("cancelled")
SINGLES = Singles()
"""Where all single sends are."""


class Many:
    """The sink of a `send_each`: one list, one future for all."""

    def __init__(self, loop: asyncio.AbstractEventLoop, count: int) -> None:
        self.withdrawn = False
        self._outcomes: list[Outcome | None] = [None] * count
        self._open = count
        self._done: asyncio.Future[None] = loop.create_future()
        if not count:
            self._done.set_result(None)

    def is_abandoned(self, places: Sequence[int]) -> bool:
        """One caller for all."""
        return self.withdrawn

    def put(self, places: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Keep the outcomes; the last one resumes the caller."""
        known = self._outcomes
        if isinstance(places, range):  # neighbours
            known[places.start : places.stop] = outcomes
        else:
            for place, outcome in zip(places, outcomes, strict=True):
                known[place] = outcome
        self._open -= len(places)
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
        self._stopped = False
        self._feeder: asyncio.Task[None] | None = None
        self._wake_consumer: asyncio.Future[None] | None = None
        self._wake_feeder: asyncio.Future[None] | None = None

    def is_abandoned(self, places: Sequence[int]) -> bool:
        """One consumer for all."""
        return self.withdrawn

    def put(self, places: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Keep the outcomes for the consumer and resume it."""
        self._settled += len(places)
        self._ready.extend(outcomes)
        _resume(self._wake_consumer)

    async def ready(self) -> list[Outcome]:
        """The outcomes known by now, waiting for at least one; empty when there will be no more."""
        while not self._ready:
            if self._feeder is not None and self._feeder.done() and self._settled == self._given:
                return []
            self._wake_consumer = self._loop.create_future()
            await self._wake_consumer
        ready, self._ready = self._ready, []
        return ready

    def taken(self) -> None:
        """The consumer took one outcome."""
        self._taken += 1
        if self._given - self._taken <= self._window // 2:
            _resume(self._wake_feeder)

    def feed(self, source: AsyncIterable[Push] | Iterable[Push], submit: Callable[[Sequence[Push], int], None]) -> None:
        """Start taking pushes from `source`, as far as the window allows."""
        self._feeder = self._loop.create_task(self._feed(source, submit))
        # Not at the end of the coroutine: one that is cancelled before its first step has none.
        self._feeder.add_done_callback(lambda _: _resume(self._wake_consumer))

    def stop(self) -> None:
        """Take nothing more from the source. The stream ends with the outcomes of what was taken."""
        self._stopped = True
        if self._feeder is not None:
            self._feeder.cancel()

    async def fed(self) -> None:
        """Wait until nothing more is taken from the source. Raises what the source raised."""
        if self._feeder is None:
            return
        await asyncio.wait([self._feeder])
        if not (self._stopped and self._feeder.cancelled()):
            self._feeder.result()

    async def leave(self) -> None:
        """The consumer is gone: what has not left shall not leave, and the source is let go."""
        self.withdrawn = True
        if self._feeder is not None:
            self._feeder.cancel()
            await asyncio.gather(self._feeder, return_exceptions=True)

    async def _feed(
        self, source: AsyncIterable[Push] | Iterable[Push], submit: Callable[[Sequence[Push], int], None]
    ) -> None:
        if isinstance(source, AsyncIterable):
            async for push in source:
                place = self._given
                given = (as_push(push, place),)
                self._given += 1
                submit(given, place)
                if self._stopped:  # the source did not mind being cancelled
                    return
                await self._wait_for_space()
        else:
            pushes = iter(source)
            while self._take(pushes, submit):
                await self._wait_for_space()

    def _take(self, pushes: Iterator[Push], submit: Callable[[Sequence[Push], int], None]) -> bool:
        """Take in as many as the window allows, at most those of one turn; False when there are no more."""
        place = self._given
        most = min(TURN - place % TURN, self._window - (place - self._taken))
        taken: list[Push] = []
        try:
            for push in itertools.islice(pushes, most):
                taken.append(as_push(push, place + len(taken)))
        finally:
            if taken:  # also those that came before the source failed
                self._given += len(taken)
                submit(taken, place)
        return len(taken) == most

    async def _wait_for_space(self) -> None:
        if self._given - self._taken >= self._window:
            # Wait until half the window is free: many small refills would make many small batches.
            self._wake_feeder = self._loop.create_future()
            await self._wake_feeder
        elif self._given % TURN == 0:
            await asyncio.sleep(0)


def _resume(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
