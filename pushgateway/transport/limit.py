"""A time limit that is judged only after everything that has arrived was read.

`asyncio.timeout` cancels as soon as its time is over. After the event loop was blocked for some seconds a whole reply
may lie in the socket by then, and it would be thrown away. Used by both transports for the request timeout and for the
limits of connecting, and by the engine for the deadline of a vendor's own operation. The deadlines of pushes wait the
same `ARRIVED` turns, see `Lane`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_QUIET = 4
"""Turns of the event loop without news after which nothing that arrived in time is unread: poll the socket, take its
bytes, wake the task, run it."""
_MOST = 200
"""Turns at most: a peer that never stops sending does not move the limit."""
ARRIVED = 50
"""Turns of the event loop after which the engine has an outcome from every reply that had arrived: the transport reads
it in some turns, and large batches are read one in each turn. Without anything to do they take less than 1 ms."""


async def read_arrived() -> None:
    """Give the event loop these turns."""
    for _ in range(ARRIVED):
        await asyncio.sleep(0)


class within:  # noqa: N801 - used nearly as asyncio.timeout is
    """`asyncio.timeout(seconds)`, judged after the bytes that have arrived were read. Raises `TimeoutError`.

    To be used with `with`: there is nothing to wait for at either end, so no coroutines are made for it.

    `progress`: a number that grows with every read. At the limit the task is cancelled once `quiet` turns of the loop
    have brought nothing new.
    """

    __slots__ = (
        "_cancelling",
        "_handle",
        "_loop",
        "_progress",
        "_quiet",
        "_quiet_turns",
        "_seconds",
        "_seen",
        "_struck",
        "_task",
        "_turns",
    )

    def __init__(self, seconds: float, progress: Callable[[], int] = lambda: 0, quiet: int = _QUIET) -> None:
        self._seconds = seconds
        self._quiet_turns = quiet
        self._progress = progress
        self._struck = False
        self._quiet = self._turns = 0
        self._seen = -1

    @property
    def expired(self) -> bool:
        """Whether the limit was judged to be over."""
        return self._struck

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.Handle = self._loop.call_at(self._loop.time() + self._seconds, self._judge)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._handle.cancel()
        if self._struck and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from None

    def _judge(self) -> None:
        seen = self._progress()
        self._quiet = self._quiet + 1 if seen == self._seen else 0
        self._seen = seen
        self._turns += 1
        if self._quiet < self._quiet_turns and self._turns < _MOST:
            self._handle = self._loop.call_soon(self._judge)
        else:
            self._struck = True
            self._task.cancel()
