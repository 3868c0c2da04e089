"""A thread with an event loop and a gateway in it, for code that has no loop of its own.

A call handed over is seen through before the loop ends; one that comes later is turned away. Whether the gateway is
closing is decided in the loop alone, and values come back through a `Mailbox`: so there is no lock that a caller could
hold while it is interrupted. The thread is a daemon, and what is under way when the process ends gets a moment. It
does not know the gateway in front of it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import weakref
from collections import deque
from collections.abc import Callable, Coroutine
from queue import Empty
from typing import Any, Final, Generic, TypeVar

from pushgateway.gateway import Gateway
from pushgateway.model.errors import LoopError
from pushgateway.sync.mailbox import Mailbox, mailbox, start_thread

R = TypeVar("R")

EXIT_GRACE = 1.0
"""Seconds for what is under way when the process ends, or the gateway is dropped, without a `close()`."""


class TurnedAway(Exception):
    """The gateway is closed, or just closing: the call was not begun."""


class Crossover(Generic[R]):
    """A call, from before it is handed over: an interrupt may come when the loop has it already."""

    def __init__(
        self, begin: Callable[[Gateway], Coroutine[Any, Any, R]], turned_away: Callable[[], None] | None = None
    ) -> None:
        """`turned_away` is called in the loop's thread, or in the caller's, if the gateway is closed."""
        self.gone = False
        """The caller was interrupted: what has not left yet shall not leave."""
        self.settled = False
        self._begin = begin
        self._turned_away = turned_away
        self.task: asyncio.Task[Any] | None = None
        """In the loop, once it is begun."""
        self._mailbox: Mailbox[tuple[Any, BaseException | None]] = mailbox()

    def result(self) -> R:
        """In the caller's thread: wait for its value. Raises what it raised, and `TurnedAway`."""
        value, error = self._mailbox.get()
        if error is None:
            result: R = value
            return result
        try:
            raise error
        finally:
            del error  # its traceback holds this frame

    def start(self, inner: Gateway, ended: Callable[[Crossover[Any]], None]) -> None:
        """In the loop: begin; `ended` is called when it has its value."""
        self.task = asyncio.get_running_loop().create_task(self._run(inner))
        self.task.add_done_callback(self._settle)
        self.task.add_done_callback(lambda _: ended(self))

    async def _run(self, inner: Gateway) -> R:
        if self.gone:
            raise asyncio.CancelledError
        return await self._begin(inner)

    def _settle(self, task: asyncio.Task[R]) -> None:
        if task.cancelled():
            self.put(None, LoopError("the gateway's thread ended before this call did"))
        elif (error := task.exception()) is not None:
            self.put(None, error)
        else:
            self.put(task.result(), None)

    def turn_away(self) -> None:
        """It was not begun and will not be."""
        if self._turned_away is not None and not self.settled:
            self._turned_away()
        self.put(None, TurnedAway())

    def put(self, value: Any, error: BaseException | None) -> None:
        """Give the caller its value."""
        if not self.settled:
            self.settled = True
            self._mailbox.put((value, error))

    def cancel(self) -> None:
        """In the loop: break it off, if it runs."""
        if self.task is not None:
            self.task.cancel()


class _Ending:
    """Somebody wants the gateway closed."""

    def __init__(self, grace: float, told: Mailbox[None] | None) -> None:
        self.grace: Final = grace
        self.told: Final = told
        """Gets None when the loop has ended."""


class Background:
    """A thread, its event loop, and the gateway that lives in it. Does not know the `Gateway` in front of it."""

    def __init__(self, inner: Gateway) -> None:
        """Raises `LoopError` where no thread of the operating system can be had."""
        self._inner = inner
        self._pid = os.getpid()
        self.loop: asyncio.AbstractEventLoop
        self.over = False
        """True when the gateway is closed, and not just closing."""
        self._inbox: deque[Crossover[Any] | _Ending] = deque()
        self._calls: set[Crossover[Any]] = set()
        self._endings: list[_Ending] = []
        self._close: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        started = mailbox()
        try:
            self._thread = start_thread(lambda: self._run(started), "pushgateway")
            _raise(started.get())
        except BaseException:
            self._inbox.append(_Ending(0.0, None))  # read when the loop begins, if it ever does
            raise
        _RUNNING.add(self)

    @property
    def forked(self) -> bool:
        """True in a child process, where the thread does not exist."""
        return self._pid != os.getpid()

    # In any thread

    def hand_over(self, call: Crossover[Any]) -> None:
        """Run `call` in the loop, or turn it away if the gateway is closed or just closing."""
        self._post(call)

    def take_back(self, call: Crossover[Any]) -> None:
        """Its caller is gone: what has not left yet shall not leave."""
        call.gone = True
        if not call.settled and not self.forked:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the call with it
                self.loop.call_soon_threadsafe(call.cancel)

    def begin_ending(self, grace: float, told: Mailbox[None] | None = None) -> None:
        """Take no more calls, close the gateway, and end the thread when all calls have their values."""
        self._post(_Ending(grace, told))

    def end(self, grace: float) -> None:
        """The same, and wait for it."""
        told: Mailbox[None] = mailbox()
        self.begin_ending(grace, told)
        told.get()
        if self._thread is not None:
            self._thread.join()

    def abandon(self) -> None:
        """The gateway in front was dropped. Does not wait: garbage is collected in any thread, this one's too."""
        if not self.forked:
            self.begin_ending(EXIT_GRACE)

    def _post(self, item: Crossover[Any] | _Ending) -> None:
        self._inbox.append(item)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(self._take_in)
        if self.over:  # says so first and then empties the inbox once: what came later is ours to answer
            self._turn_all_away()

    def _turn_all_away(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                item = self._inbox.popleft()
                if isinstance(item, Crossover):
                    item.turn_away()
                elif item.told is not None:
                    item.told.put(None)

    # In the loop's thread

    def _run(self, started: Mailbox[BaseException | None]) -> None:
        async def live() -> None:
            self.loop = asyncio.get_running_loop()
            started.put(None)
            self._take_in()
            await self._ended.wait()

        try:
            asyncio.run(live())
        except BaseException as failed:
            started.put(failed)
            raise
        finally:
            self.over = True
            for call in self._calls:
                call.put(None, LoopError("the gateway's thread ended before this call did"))
            self._inbox.extend(self._endings)
            self._turn_all_away()

    def _take_in(self) -> None:
        while self._inbox:
            item = self._inbox.popleft()
            if isinstance(item, _Ending):
                self._endings.append(item)
                if self._close is None:
                    # Behind every call in the loop's queue: what was handed over before is under way by then.
                    self._close = self.loop.create_task(self._end(item.grace))
            elif self._close is not None:
                item.turn_away()
            else:
                self._calls.add(item)
                item.start(self._inner, self._calls.discard)

    async def _end(self, grace: float) -> None:
        try:
            await self._inner.aclose(grace)
            await asyncio.gather(*[call.task for call in self._calls if call.task], return_exceptions=True)
        finally:
            self._ended.set()


def _raise(error: BaseException | None) -> None:
    if error is not None:
        raise error


_RUNNING: weakref.WeakSet[Background] = weakref.WeakSet()
"""Those whose thread runs: it keeps each of them alive."""


@atexit.register
def _end_all() -> None:
    # A daemon thread is frozen at some point of the interpreter's end, with requests and sockets half done.
    mine = [background for background in list(_RUNNING) if not background.forked]
    waits: list[Mailbox[None]] = [mailbox() for _ in mine]
    for background, told in zip(mine, waits, strict=True):
        background.begin_ending(EXIT_GRACE, told)
    for told in waits:
        with contextlib.suppress(Empty):
            told.get(timeout=EXIT_GRACE + 1.0)
