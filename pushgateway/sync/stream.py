"""`ThreadStream`: the stream of the blocking gateway. It reads the host's iterable and yields outcomes in the caller's
thread, while the pushes are sent in the thread of the gateway's event loop. Used by `pushgateway.sync.gateway`."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator

from pushgateway.engine.pushes.sinks import as_push
from pushgateway.model.checks import check_window
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.sync.threads import ThreadQueue, make_queue

GATHER = 0.002
"""Seconds for which the loop collects pushes from the caller's thread: resuming the loop for each push costs more than
the push itself."""


class ThreadStream:
    """A stream whose source and consumer run in another thread than the event loop.

    The caller's thread takes pushes from the source as far as the window allows, but yields an outcome first when there
    is one. Between the threads there are two queues: pushes go to the loop through `_inbox`, outcomes come back through
    `_outbox`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, window: int) -> None:
        check_window(window)
        self.failure: Exception | None = None
        """What the source raised; None if it raised nothing."""
        self.refused = False
        """True: the gateway was closed before the stream began."""
        self.given = 0
        """Number of pushes taken from the source."""
        self._loop = loop
        self._window = window
        self._inbox: deque[Push] = deque()
        self._outbox: ThreadQueue[Outcome | None] = make_queue()  # None: there will be no more
        self._open = 0  # pushes of `given` whose outcome was not yielded yet
        self._may_take = True
        self._exhausted = False
        self._is_loop_waiting = False  # for `_more`
        self._more = asyncio.Event()

    # In the caller's thread

    def outcomes(self, source: Iterable[Push], check: Callable[[], None]) -> Iterator[Outcome]:
        """The outcomes as they come, until there will be no more. `check` raises if waiting would never end (a
        fork)."""
        pushes = iter(source)
        while True:
            check()
            if self._may_take and self._outbox.empty():
                self._take_one(pushes)
                continue
            outcome = self._outbox.get()
            if outcome is None:
                return
            self._open -= 1
            # As in `Flow`: half the window at a time.
            self._may_take = self._may_take or (not self._exhausted and self._open <= self._window // 2)
            yield outcome

    def unsent(self) -> Iterator[Push]:
        """After the end: pushes that were taken from the source and that the gateway did not accept any more."""
        return iter(self._inbox)

    def _take_one(self, pushes: Iterator[Push]) -> None:
        try:
            self._inbox.append(as_push(next(pushes), self.given))
        except StopIteration:
            self._exhausted = True
        except Exception as broken:  # raised by the host's source: raised again after the outcomes of the pushes before
            self.failure = broken
            self._exhausted = True
        else:
            self.given += 1
            self._open += 1
        self._may_take = not self._exhausted and self._open < self._window
        if self._is_loop_waiting:
            self._is_loop_waiting = False
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the last None is in the outbox
                self._loop.call_soon_threadsafe(self._more.set)

    def refuse(self) -> None:
        """In any thread: the stream was not started, so the caller must not wait for it."""
        self.refused = True
        self._outbox.put(None)

    # In the loop

    async def run(self, stream: Callable[[AsyncIterable[Push]], AsyncIterator[Outcome]]) -> None:
        """Pass the pushes to `stream` and its outcomes to the caller's thread."""
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
            # Sets the flag first and then looks once more; the other thread appends first and then reads the flag.
            self._more.clear()
            self._is_loop_waiting = True
            if not self._inbox and not self._exhausted:
                await self._more.wait()
            self._is_loop_waiting = False
            if self._exhausted and not self._inbox:
                return
