"""Threads of the operating system, and queues by which a caller waits for a value from another thread.

A `ThreadQueue` holds no lock that Python code could keep: a caller that is interrupted while it waits (a signal handler
that raises, Ctrl-C, Celery's soft time limit) leaves nothing locked, so the loop's thread never blocks on it. Under
gevent's monkey patching `start_thread` still starts a real thread, and waiting lets the other greenlets run. Used by
`pushgateway.sync.thread` and `pushgateway.sync.stream`.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from _queue import Empty, SimpleQueue
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from pushgateway.model.errors import LoopError

T = TypeVar("T")

EVENTLET = (
    "eventlet has replaced Python's threads in this process, and the gateway needs a real one: use threads or gevent "
    "workers (gunicorn -k gthread or -k gevent), or await pushgateway.Gateway in an asyncio process"
)


class ThreadQueue(Protocol[T]):
    """Passes values from any thread to the thread that created the queue, first in, first out."""

    def put(self, item: T) -> None:
        """Add a value. Never blocks."""

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        """Wait for the next value and return it. `timeout`: seconds, after which it raises `queue.Empty`."""

    def empty(self) -> bool:
        """True if there is no value now."""


class _GreenletQueue(Generic[T]):
    """A `ThreadQueue` for gevent: while one greenlet waits, the other greenlets of its thread run."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._came = importlib.import_module("gevent.event").Event()
        self._watcher = importlib.import_module("gevent").get_hub().loop.async_()
        self._watcher.start(self._came.set)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self._watcher.stop()
            self._watcher.close()

    def put(self, item: T) -> None:
        self._items.append(item)
        with contextlib.suppress(Exception):  # the hub has ended, and with it the greenlet that waited
            self._watcher.send()

    def get(self, block: bool = True, timeout: float | None = None) -> T:
        while not self._items:
            if not block or not self._came.wait(timeout):
                raise Empty
            self._came.clear()
        return self._items.popleft()

    def empty(self) -> bool:
        return not self._items


def make_queue() -> ThreadQueue[Any]:
    """A new queue; the thread that calls this is the one that reads from it."""
    return _GreenletQueue() if _gevent() is not None else SimpleQueue()


def start_thread(run: Callable[[], None], name: str) -> threading.Thread | None:
    """Run a function in a new daemon thread of the operating system.

    Returns the thread, or None under gevent, which has no object for such a thread. Raises `LoopError` under eventlet.
    """
    patched = _gevent()
    if patched is not None:
        patched.get_original("_thread", "start_new_thread")(run, ())
        return None
    refuse_eventlet()
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def refuse_eventlet() -> None:
    """Raises `LoopError` where eventlet has replaced Python's threads."""
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        raise LoopError(EVENTLET)


def _gevent() -> Any:
    """gevent's `monkey` module if it has replaced Python's threads, otherwise None."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey if monkey is not None and monkey.is_module_patched("threading") else None
