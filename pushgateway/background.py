"""A thread with an event loop and a gateway in it, for code that has no loop of its own.

Law of this file: a call handed over is seen through before the loop ends. The thread is a daemon, and what is under way
when the process ends gets a moment. It does not know the gateway in front of it.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from pushgateway.gateway import Gateway

R = TypeVar("R")

EXIT_GRACE = 1.0
"""Seconds for what is under way when the process ends, or the gateway is dropped, without a `close()`."""


class Crossover(Generic[R]):
    """A call, from before it is handed over: an interrupt may come when the loop has it and no future is there yet."""

    def __init__(self, begin: Callable[[Gateway], Coroutine[Any, Any, R]]) -> None:
        self.gone = False
        self._begin = begin
        self._task: asyncio.Task[Any] | None = None

    async def run(self, inner: Gateway) -> R:
        """In the loop: see it through, unless its caller is gone."""
        self._task = asyncio.current_task()
        if self.gone:
            raise asyncio.CancelledError
        return await self._begin(inner)

    def cancel(self) -> None:
        """In the loop: break it off, if it runs."""
        if self._task is not None:
            self._task.cancel()


class Background:
    """A thread, its event loop, and the gateway that lives in it. Does not know the `Gateway` in front of it."""

    def __init__(self, inner: Gateway) -> None:
        self._inner = inner
        self._pid = os.getpid()
        # Reentrant: a signal's code or a finalizer may come in between in the thread that holds it.
        self._lock = threading.RLock()
        self._calls: set[Future[Any]] = set()
        self._ending: Future[None] | None = None
        self._ended = asyncio.Event()
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="pushgateway", daemon=True)
        self._thread.start()
        self.loop = started.result()
        _RUNNING.add(self)

    @property
    def forked(self) -> bool:
        """True in a child process, where the thread does not exist."""
        return self._pid != os.getpid()

    @property
    def over(self) -> bool:
        """True when the gateway is closed, and not just closing."""
        return self._ending is not None and self._ending.done()

    def hand_over(self, call: Crossover[R]) -> Future[R] | None:
        """Run `call` in the loop. None: the gateway is closed, or just closing."""
        with self._lock:
            if self._ending is not None:
                return None
            future = asyncio.run_coroutine_threadsafe(call.run(self._inner), self.loop)
            self._calls.add(future)
        future.add_done_callback(self._calls.discard)
        return future

    def take_back(self, call: Crossover[R]) -> None:
        """Its caller is gone: what has not left yet shall not leave."""
        call.gone = True
        if not self.forked:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the call with it
                self.loop.call_soon_threadsafe(call.cancel)

    def begin_ending(self, grace: float) -> Future[None]:
        """Take no more calls, close the gateway, and end the thread when all calls have their values."""
        with self._lock:
            if self._ending is None:
                # Behind every call in the loop's queue: what was handed over before is under way by then.
                self._ending = asyncio.run_coroutine_threadsafe(self._end(grace, list(self._calls)), self.loop)
            return self._ending

    def end(self, grace: float) -> None:
        """The same, and wait for it."""
        self.begin_ending(grace).result()
        self._thread.join()

    def join(self, timeout: float) -> None:
        """Wait for the thread, but not for ever."""
        self._thread.join(timeout)

    def abandon(self) -> None:
        """The gateway in front was dropped. Does not wait: garbage is collected in any thread, this one's too."""
        if not self.forked:
            self.begin_ending(EXIT_GRACE)

    def _run(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        async def live() -> None:
            started.set_result(asyncio.get_running_loop())
            await self._ended.wait()

        try:
            asyncio.run(live())
        except BaseException as failed:
            if started.done():
                raise
            started.set_exception(failed)

    async def _end(self, grace: float, calls: list[Future[Any]]) -> None:
        try:
            await self._inner.aclose(grace)
            await asyncio.gather(*map(asyncio.wrap_future, calls), return_exceptions=True)
        finally:
            self._ended.set()


_RUNNING: weakref.WeakSet[Background] = weakref.WeakSet()
"""Those whose thread runs: it keeps each of them alive."""


@atexit.register
def _end_all() -> None:
    # A daemon thread is frozen at some point of the interpreter's end, with requests and sockets half done.
    mine = [background for background in list(_RUNNING) if not background.forked]
    for background in mine:
        background.begin_ending(EXIT_GRACE)
    for background in mine:
        background.join(EXIT_GRACE + 1.0)
