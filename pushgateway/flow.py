"""Where outcomes go: to one caller of `send`, of `send_each`, or of `stream`, in the loop's thread or in another one.

Law of this file: each sink takes every outcome once and wakes its caller; none knows lanes or vendors. No task and,
but for `send`, no future per push. What a host's source does, it does in its own thread: in the loop for `Flow`, in
the caller's thread for `Crossing`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from operator import methodcaller

from pushgateway.errors import FieldError
from pushgateway.model import Push
from pushgateway.outcome import Outcome
from pushgateway.threads import Mailbox, mailbox

TURN = 256
"""Pushes a stream takes in before the event loop gets a turn."""
GATHER = 0.002
"""Seconds in which pushes from another thread gather: waking the loop for each costs more than the push itself."""


def as_push(push: object, place: int) -> Push:
    """`push`, if it is one. Raises `FieldError` naming its place otherwise."""
    if not isinstance(push, Push):
        raise FieldError(f"pushes[{place}]", f"must be a Push, is {type(push).__name__}")
    return push


def check_window(window: int) -> None:
    """Raises `FieldError` for a window in which no push has room."""
    if window < 1:
        raise FieldError("window", "must be 1 or more")


class Singles:
    """The sink of single sends. A push's place in it is the future that its caller awaits: one of asyncio's own, which
    a task waits for at less cost than for any class made of it. Whoever goes cancels it."""

    withdrawn = False

    def left(self, places: Sequence[asyncio.Future[Outcome]]) -> bool:
        """Whether one of these callers is gone."""
        return any(map(_CANCELLED, places))

    def put(self, place: asyncio.Future[Outcome], outcome: Outcome) -> None:
        """Wake the caller, if it is still there."""
        if not place.done():
            place.set_result(outcome)

    def put_all(self, places: Sequence[asyncio.Future[Outcome]], outcomes: Sequence[Outcome]) -> None:
        """Wake many."""
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

    def left(self, _: Sequence[int]) -> bool:
        """One caller for all."""
        return self.withdrawn

    def put(self, place: int, outcome: Outcome) -> None:
        """Note the outcome; wake the caller with the last one."""
        self._outcomes[place] = outcome
        self._noted(1)

    def put_all(self, places: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Note many."""
        known = self._outcomes
        if isinstance(places, range):  # neighbours
            known[places.start : places.stop] = outcomes
        else:
            for place, outcome in zip(places, outcomes, strict=True):
                known[place] = outcome
        self._noted(len(places))

    def _noted(self, count: int) -> None:
        self._open -= count
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

    def left(self, _: Sequence[int]) -> bool:
        """One consumer for all."""
        return self.withdrawn

    def put(self, place: int, outcome: Outcome) -> None:
        """Keep the outcome for the consumer and wake it."""
        self._settled += 1
        self._ready.append(outcome)
        _wake(self._wake_consumer)

    def put_all(self, places: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Keep many."""
        self._settled += len(places)
        self._ready.extend(outcomes)
        _wake(self._wake_consumer)

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
            _wake(self._wake_feeder)

    def feed(self, source: AsyncIterable[Push] | Iterable[Push], submit: Callable[[Sequence[Push], int], None]) -> None:
        """Start taking pushes from `source`, as far as the window allows."""
        self._feeder = self._loop.create_task(self._feed(source, submit))
        # Not at the end of the coroutine: one that is cancelled before its first step has none.
        self._feeder.add_done_callback(lambda _: _wake(self._wake_consumer))

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
                await self._make_room()
        else:
            pushes = iter(source)
            while self._take(pushes, submit):
                await self._make_room()

    def _take(self, pushes: Iterator[Push], submit: Callable[[Sequence[Push], int], None]) -> bool:
        """Take in as many as have room, of one turn at the most; False when there are no more."""
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

    async def _make_room(self) -> None:
        if self._given - self._taken >= self._window:
            # Wait until half the window is free: many small refills would make many small batches.
            self._wake_feeder = self._loop.create_future()
            await self._wake_feeder
        elif self._given % TURN == 0:
            await asyncio.sleep(0)


class Crossing:
    """A stream whose source and consumer live in another thread than the event loop.

    The caller's thread pulls from the source, as far as the window allows, and never while an outcome is there to be
    taken. Two boxes lie between the threads; each is filled by one of them and emptied by the other.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, window: int) -> None:
        check_window(window)
        self.failure: Exception | None = None
        """What the source raised."""
        self.turned_away = False
        """The gateway was closed before the stream began."""
        self.given = 0
        """Taken from the source."""
        self._loop = loop
        self._window = window
        self._inbox: deque[Push] = deque()
        self._outbox: Mailbox[Outcome | None] = mailbox()  # None: the last one
        self._open = 0  # of those, their outcome was not handed to the consumer
        self._pulls = True
        self._exhausted = False
        self._asleep = False  # the loop waits for `_more`
        self._more = asyncio.Event()

    # In the caller's thread

    def outcomes(self, source: Iterable[Push], check: Callable[[], None]) -> Iterator[Outcome]:
        """The outcomes as they come, until there will be no more. `check` raises where waiting would never end."""
        pushes = iter(source)
        while True:
            check()
            if self._pulls and self._outbox.empty():
                self._pull(pushes)
                continue
            outcome = self._outbox.get()
            if outcome is None:
                return
            self._open -= 1
            # As in `Flow`: half the window at a time.
            self._pulls = self._pulls or (not self._exhausted and self._open <= self._window // 2)
            yield outcome

    def left(self) -> Iterator[Push]:
        """Afterwards: pushes taken from the source that the gateway did not take any more."""
        return iter(self._inbox)

    def _pull(self, pushes: Iterator[Push]) -> None:
        try:
            self._inbox.append(as_push(next(pushes), self.given))
        except StopIteration:
            self._exhausted = True
        except Exception as broken:  # raised by the host's source: it comes after the outcomes of what it gave
            self.failure = broken
            self._exhausted = True
        else:
            self.given += 1
            self._open += 1
        self._pulls = not self._exhausted and self._open < self._window
        if self._asleep:
            self._asleep = False
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the last None lies in the outbox
                self._loop.call_soon_threadsafe(self._more.set)

    def turn_away(self) -> None:
        """In any thread: the stream is not begun; the caller is not to wait for it."""
        self.turned_away = True
        self._outbox.put(None)

    # In the loop

    async def run(self, stream: Callable[[AsyncIterable[Push]], AsyncIterator[Outcome]]) -> None:
        """Hand the pushes to `stream` and its outcomes to the other thread."""
        try:
            async for outcome in stream(self._pushes()):
                self._outbox.put(outcome)
        finally:
            self._outbox.put(None)

    async def _pushes(self) -> AsyncIterator[Push]:
        while True:
            while self._inbox:
                yield self._inbox.popleft()
            await asyncio.sleep(GATHER)
            # Says first that it sleeps and then looks once more; the other thread puts first and then wakes.
            self._more.clear()
            self._asleep = True
            if not self._inbox and not self._exhausted:
                await self._more.wait()
            self._asleep = False
            if self._exhausted and not self._inbox:
                return


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
