"""`BuildLock`: one worker of an endpoint at a time waits at the gate, logs in and builds its request.

Whoever comes while it is free takes it, also before those who wait: a request is built without a turn of the event loop
in between, so the lock is free again at once, and a worker that was answered goes on at once. If it were handed to who
has waited longest, then after one moment in which many wait each request would cost a turn of the event loop, for as
long as pushes come. Which worker goes first does not matter: they all take from the same line. But broadcasts wait here
too, so after `MOST_PASSED` who came and went first it is the turn of one who waits.

Where hundreds of replies come in one turn of the event loop, at most `MOST_IN_TURN` requests are built in it, so that
everything else in the process has its turn. Used by `Endpoint`.
"""

from __future__ import annotations

import asyncio
from collections import deque

MOST_IN_TURN = 32
"""Requests of one endpoint that are built in one turn of the event loop: about 5 milliseconds with their replies."""
MOST_PASSED = 64
"""Requests that may be built before one that has waited longer, about 10 milliseconds. Without a limit a broadcast
would wait for as long as so many replies come in each turn of the event loop as requests may be built in it."""


class BuildLock:
    """A lock that is taken by who comes first while it is free, within limits."""

    def __init__(self, workers: int) -> None:
        """`workers`: how many there may be; a worker builds at most one request in a turn of the event loop."""
        self._is_taken = False
        self._waiting = deque[asyncio.Future[None]]()
        self._in_wait = 0  # those in `wait`, also when resumed and not running yet
        self._passed = 0  # how many came and took it while others waited, since one of these took it
        self._left = MOST_IN_TURN  # requests that may still be built in this turn, where they are counted
        self.resize(workers)

    def resize(self, workers: int) -> None:
        """From now on there may be so many workers."""
        self._is_counted = workers > MOST_IN_TURN

    def take(self) -> bool:
        """Take it, if it is free."""
        if self._is_taken or (self._in_wait and self._passed >= MOST_PASSED):
            return False
        if self._is_counted and not self._count():
            return False
        self._is_taken = True
        if self._in_wait:
            self._passed += 1
        return True

    async def wait(self) -> None:
        """Wait until it can be taken, and take it."""
        self._in_wait += 1
        try:
            await self._wait()
        finally:
            self._in_wait -= 1

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        self._waiting.append(waiter)
        while True:
            try:
                await waiter
            except BaseException:
                if waiter.done() and not waiter.cancelled():
                    self._resume(1)  # it was the turn of this one, and becomes that of the next
                raise
            if not self._is_taken and (not self._is_counted or self._count()):
                self._is_taken, self._passed = True, 0
                return
            waiter = loop.create_future()
            self._waiting.appendleft(waiter)

    def give_back(self) -> None:
        """Free it, and resume who has waited longest."""
        self._is_taken = False
        if self._waiting and self._left:
            self._resume(1)

    def _count(self) -> bool:
        """Count one more request in this turn of the event loop, if it may be built."""
        if self._left == MOST_IN_TURN:
            asyncio.get_running_loop().call_soon(self._begin_turn)
        if not self._left:
            return False
        self._left -= 1
        return True

    def _begin_turn(self) -> None:
        self._left = MOST_IN_TURN
        if not self._is_taken:
            self._resume(MOST_IN_TURN)

    def _resume(self, most: int) -> None:
        """Resume so many of those who wait, who have waited longest; each tries to take it."""
        while self._waiting and most:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                most -= 1
