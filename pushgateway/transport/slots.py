"""`Slots`: a counter of free slots, each for one user at a time.

Used by `pool` for connections and by the engine's workers for requests at once.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """A number of slots. Whoever finds none free waits; the one that has waited longest is next.

    `asyncio.Semaphore` does the same with four calls for a slot that is free.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._count = count
        self._waiting = deque[asyncio.Future[None]]()

    @property
    def taken(self) -> int:
        """How many are not free."""
        return self._count - self._free

    def resize(self, count: int) -> None:
        """From now on there are so many. Where more than that are taken, none is free until enough were given back."""
        self._free += count - self._count
        self._count = count
        self._hand_over()

    def take(self) -> bool:
        """Take a slot, if one is free. (While somebody waits, none is.)"""
        if self._free < 1:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Wait for a slot and take it, after `take` has found none."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                self.give_back()  # it was handed over in the moment in which the wait ended
            raise

    def give_back(self) -> None:
        """Hand the slot over to who has waited longest, or free it."""
        self._free += 1
        if self._waiting:
            self._hand_over()

    def _hand_over(self) -> None:
        """Give the free slots to those who have waited longest."""
        while self._waiting and self._free > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._free -= 1
                waiter.set_result(None)
