"""The stream of the blocking gateway: a source and a consumer in the caller's thread, pushes in the loop's thread."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator

from pushgateway.engine.pushes.sinks import as_push
from pushgateway.model.checks import check_window
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.sync.mailbox import Mailbox, mailbox

GATHER = 0.002
"""Seconds in which pushes from another thread gather: waking the loop for each costs more than the push itself."""


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
