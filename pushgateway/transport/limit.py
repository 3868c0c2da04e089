"""Time limits that are applied only after everything that has arrived was read.

`asyncio.timeout` cancels as soon as its time is over. If the event loop was blocked for some seconds, a whole reply may
lie unread in the socket by then, and it would be thrown away. `within` looks whether bytes still come in before it
cancels. `TimeLimits` is one timer for many of them.

Used by the transports (request, connecting, TLS) and by the engine for the deadline of a vendor's own operation. The
deadlines of pushes wait the same `ARRIVED` turns of the loop (`pushgateway.engine.lane`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

_QUIET = 4
"""Turns of the event loop without new bytes after which nothing that arrived in time is unread: poll the socket, take
its bytes, schedule the task, run it."""
_MOST = 200
"""Turns at most: a peer that never stops sending does not extend the limit."""
ARRIVED = 50
"""Turns of the event loop after which the engine has an outcome from every reply that had arrived: the transport reads
it in some turns, and large batches are read one in each turn. Without anything to do they take less than 1 ms."""


async def read_arrived() -> None:
    """Give the event loop these turns."""
    for _ in range(ARRIVED):
        await asyncio.sleep(0)


def _no_progress() -> int:
    return 0


class within:  # noqa: N801 - used nearly as asyncio.timeout is
    """`asyncio.timeout(seconds)`, applied after the bytes that have arrived were read. Raises `TimeoutError`.

    Use it with `with`: there is nothing to wait for at either end, so no coroutines are made for it.
    """

    __slots__ = (
        "_cancelling",
        "_expired",
        "_handle",
        "_limits",
        "_progress",
        "_quiet",
        "_quiet_turns",
        "_seconds",
        "_seen",
        "_task",
        "_turns",
    )

    def __init__(
        self,
        seconds: float,
        progress: Callable[[], int] = _no_progress,
        quiet: int = _QUIET,
        limits: TimeLimits | None = None,
    ) -> None:
        """`progress`: a number that grows with every read. When the time is over, the task is cancelled once `quiet`
        turns of the loop have brought nothing new. `limits`: whose timer is used instead of one of its own."""
        self._seconds = seconds
        self._progress = progress
        self._quiet_turns = quiet
        self._limits = limits
        self._handle: asyncio.Handle | None = None
        self._expired = False

    @property
    def expired(self) -> bool:
        """Whether the task was cancelled because the time is over."""
        return self._expired

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a task")
        self._task = task
        self._cancelling = task.cancelling()
        loop = asyncio.get_running_loop()
        when = loop.time() + self._seconds
        if self._limits is None:
            self._handle = loop.call_at(when, self.expire)
        else:
            self._limits.add(self, when, loop)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._limits is not None:
            self._limits.discard(self)
        if self._handle is not None:
            self._handle.cancel()
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from None

    def expire(self) -> None:
        """The time is over: cancel the task as soon as no new bytes arrive."""
        self._quiet = self._turns = 0
        self._seen = -1
        self._look()

    def _look(self) -> None:
        seen = self._progress()
        self._quiet = self._quiet + 1 if seen == self._seen else 0
        self._seen = seen
        self._turns += 1
        if self._quiet < self._quiet_turns and self._turns < _MOST:
            self._handle = asyncio.get_running_loop().call_soon(self._look)
        else:
            self._expired = True
            self._task.cancel()


class TimeLimits:
    """The limits of many requests with one timer, which is set to the earliest of them.

    A timer of its own for each request costs 2 of the 30 microseconds that a request takes, and nearly none is needed.
    The timer stays when its request has ended, and is set anew when it fires, if there are limits left.
    """

    def __init__(self) -> None:
        self._running: dict[within, float] = {}
        """Until when, in seconds of the loop's clock."""
        self._next = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, limit: within, when: float, loop: asyncio.AbstractEventLoop) -> None:
        """Call `limit.expire` at `when`, unless it is discarded before."""
        self._running[limit] = when
        if when < self._next or loop is not self._loop:
            self._set(when, loop)

    def discard(self, limit: within) -> None:
        """The limit was kept; nothing is done where it is not there any more."""
        self._running.pop(limit, None)

    def close(self) -> None:
        """Stop the timer, unless there are limits left."""
        if not self._running and self._timer is not None:
            self._timer.cancel()
            self._next, self._timer = math.inf, None

    def _set(self, when: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None and loop is self._loop:
            self._timer.cancel()
        self._next, self._loop, self._timer = when, loop, loop.call_at(when, self._fire)

    def _fire(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._next, self._timer = math.inf, None
        for limit, when in list(self._running.items()):
            if when <= now:
                del self._running[limit]
                limit.expire()
        if self._running:
            self._set(min(self._running.values()), loop)
