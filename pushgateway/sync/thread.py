"""`GatewayThread`: a thread that runs one event loop with one `pushgateway.Gateway` in it, and the calls made to it.

A call handed over before the gateway closes is completed before the loop ends; a later one is refused. Only code in the
loop decides whether the gateway is closing, and values come back through a `ThreadQueue`, so there is no lock that a
caller could hold while it is interrupted. The thread is a daemon; when the process ends, calls under way get
`EXIT_GRACE` seconds. Used by `pushgateway.sync.gateway`, which this module does not import.
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
from pushgateway.sync.threads import ThreadQueue, make_queue, start_thread

R = TypeVar("R")

EXIT_GRACE = 1.0
"""Seconds for calls under way when the process ends, or the gateway is garbage collected, without a `close()`."""


class CallRefused(Exception):
    """The gateway is closed or closing: the call was not started."""


class ThreadCall(Generic[R]):
    """A call of the caller's thread that runs in the loop's thread, and its result.

    It exists before it is handed over, because an interrupt may come when the loop has it already.
    """

    def __init__(
        self, begin: Callable[[Gateway], Coroutine[Any, Any, R]], on_refused: Callable[[], None] | None = None
    ) -> None:
        """`begin` makes the coroutine to run. `on_refused` is called, in the loop's thread or in the caller's, if the
        gateway is closed."""
        self.abandoned = False
        """True: the caller was interrupted, so pushes whose request was not sent yet must not be sent."""
        self.settled = False
        self._begin = begin
        self._on_refused = on_refused
        self.task: asyncio.Task[Any] | None = None
        """The task that runs it; None before it is started. Only used in the loop's thread."""
        self._result: ThreadQueue[tuple[Any, BaseException | None]] = make_queue()

    def result(self) -> R:
        """In the caller's thread: wait for the value. Raises what the call raised, or `CallRefused`."""
        value, error = self._result.get()
        if error is None:
            result: R = value
            return result
        try:
            raise error
        finally:
            del error  # its traceback holds this frame

    def start(self, inner: Gateway, ended: Callable[[ThreadCall[Any]], None]) -> None:
        """In the loop: start the task; `ended` is called when it has ended."""
        self.task = asyncio.get_running_loop().create_task(self._run(inner))
        self.task.add_done_callback(self._settle)
        self.task.add_done_callback(lambda _: ended(self))

    async def _run(self, inner: Gateway) -> R:
        if self.abandoned:
            raise asyncio.CancelledError
        return await self._begin(inner)

    def _settle(self, task: asyncio.Task[R]) -> None:
        if task.cancelled():
            self.put(None, LoopError("the gateway's thread ended before this call did"))
        elif (error := task.exception()) is not None:
            self.put(None, error)
        else:
            self.put(task.result(), None)

    def refuse(self) -> None:
        """In any thread: the call was not started and will not be."""
        if self._on_refused is not None and not self.settled:
            self._on_refused()
        self.put(None, CallRefused())

    def put(self, value: Any, error: BaseException | None) -> None:
        """Give the caller its value or error; only the first one counts."""
        if not self.settled:
            self.settled = True
            self._result.put((value, error))

    def cancel(self) -> None:
        """In the loop: cancel the task if it runs."""
        if self.task is not None:
            self.task.cancel()


class _CloseRequest:
    """A request to close the gateway within `grace` seconds."""

    def __init__(self, grace: float, done: ThreadQueue[None] | None) -> None:
        self.grace: Final = grace
        self.done: Final = done
        """Gets None when the loop has ended; None where nobody waits for it."""


class GatewayThread:
    """A thread, its event loop, and the gateway that runs in it."""

    def __init__(self, inner: Gateway, close_more: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """`close_more`: called when the gateway is closed. Raises `LoopError` if no thread of the operating system can
        be started."""
        self._inner = inner
        self._close_more = close_more
        self._pid = os.getpid()
        self.loop: asyncio.AbstractEventLoop
        self.is_closed = False
        """True when the gateway is closed; still False while it is closing."""
        self._inbox: deque[ThreadCall[Any] | _CloseRequest] = deque()
        self._calls: set[ThreadCall[Any]] = set()
        self._close_requests: list[_CloseRequest] = []
        self._close: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        started = make_queue()
        try:
            self._os_thread = start_thread(lambda: self._run(started), "pushgateway")
            _raise(started.get())
        except BaseException:
            self._inbox.append(_CloseRequest(0.0, None))  # read when the loop begins, if it ever does
            raise
        _RUNNING.add(self)

    @property
    def forked(self) -> bool:
        """True in a forked child process, where the thread does not exist."""
        return self._pid != os.getpid()

    # In any thread

    def hand_over(self, call: ThreadCall[Any]) -> None:
        """Run `call` in the loop, or refuse it if the gateway is closed or closing."""
        self._post(call)

    def cancel(self, call: ThreadCall[Any]) -> None:
        """The caller was interrupted: pushes whose request was not sent yet are not sent."""
        call.abandoned = True
        if not call.settled and not self.forked:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the call with it
                self.loop.call_soon_threadsafe(call.cancel)

    def begin_closing(self, grace: float, done: ThreadQueue[None] | None = None) -> None:
        """Accept no more calls, close the gateway, and end the thread when all calls have their values. Does not
        wait."""
        self._post(_CloseRequest(grace, done))

    def close(self, grace: float) -> None:
        """Call `begin_closing` and wait until the thread has ended."""
        done: ThreadQueue[None] = make_queue()
        self.begin_closing(grace, done)
        done.get()
        if self._os_thread is not None:
            self._os_thread.join()

    def abandon(self) -> None:
        """Close because `sync.Gateway` was garbage collected. Does not wait, because that may happen in any thread,
        also in the loop's."""
        if not self.forked:
            self.begin_closing(EXIT_GRACE)

    def _post(self, item: ThreadCall[Any] | _CloseRequest) -> None:
        self._inbox.append(item)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self.loop.call_soon_threadsafe(self._read_inbox)
        # `is_closed` is set before the loop's thread empties the inbox for the last time: later items are refused here.
        if self.is_closed:
            self._refuse_all()

    def _refuse_all(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                item = self._inbox.popleft()
                if isinstance(item, ThreadCall):
                    item.refuse()
                elif item.done is not None:
                    item.done.put(None)

    # In the loop's thread

    def _run(self, started: ThreadQueue[BaseException | None]) -> None:
        async def live() -> None:
            self.loop = asyncio.get_running_loop()
            started.put(None)
            self._read_inbox()
            await self._ended.wait()

        try:
            asyncio.run(live())
        except BaseException as failed:
            started.put(failed)
            raise
        finally:
            self.is_closed = True
            for call in self._calls:
                call.put(None, LoopError("the gateway's thread ended before this call did"))
            self._inbox.extend(self._close_requests)
            self._refuse_all()

    def _read_inbox(self) -> None:
        while self._inbox:
            item = self._inbox.popleft()
            if isinstance(item, _CloseRequest):
                self._close_requests.append(item)
                if self._close is None:
                    # As a task it runs after every call that was handed over before: those are started by then.
                    self._close = self.loop.create_task(self._end(item.grace))
            elif self._close is not None:
                item.refuse()
            else:
                self._calls.add(item)
                item.start(self._inner, self._calls.discard)

    async def _end(self, grace: float) -> None:
        try:
            await self._inner.aclose(grace)
            await asyncio.gather(*[call.task for call in self._calls if call.task], return_exceptions=True)
            if self._close_more is not None:
                await self._close_more()
        finally:
            self._ended.set()


def _raise(error: BaseException | None) -> None:
    if error is not None:
        raise error


_RUNNING: weakref.WeakSet[GatewayThread] = weakref.WeakSet()
"""All whose thread runs. The running thread keeps each of them alive."""


@atexit.register
def _close_all() -> None:
    # The interpreter stops a daemon thread at some point of its own end, in the middle of requests.
    mine = [thread for thread in list(_RUNNING) if not thread.forked]
    waits: list[ThreadQueue[None]] = [make_queue() for _ in mine]
    for thread, done in zip(mine, waits, strict=True):
        thread.begin_closing(EXIT_GRACE, done)
    for done in waits:
        with contextlib.suppress(Empty):
            done.get(timeout=EXIT_GRACE + 1.0)
