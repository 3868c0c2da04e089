"""When is it time to send, and how many requests at once: the workers of one endpoint.

Not here: what is sent. While an endpoint is idle, a push that comes leaves at once. Then pushes gather for `linger`
seconds, or until a batch is full, or, while all connections are busy, until one is free; so batches grow by themselves
under load. Where only pushes of one notification share a request there is no `linger`: what came in during one turn of
the loop leaves at its end, and the pushes of a group chat, which are sent in one turn, still share a request. (Those
that follow one by one are kept back by `Endpoint.rests`.) Used by `Endpoint`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol, TypeVar, cast

from pushgateway.engine.pushes.queue import Line
from pushgateway.engine.settings import LaneSettings
from pushgateway.transport.slots import Slots

T = TypeVar("T")


class Work(Protocol):
    """What the workers have to do."""

    settings: LaneSettings
    """`linger`: seconds that pushes may wait for others to share their request; 0: until the end of this turn of the
    loop. `batch_size`: pushes in a full batch; 1: pushes never share a request."""
    line: Line
    """The pushes that wait."""

    async def send_next(self) -> None:
        """Send one batch and give its pushes their outcomes. Raises nothing but a cancellation."""


class Workers:
    """Tasks that send one batch after the other; at most as many as there are connections. A worker ends when nothing
    is due."""

    def __init__(self, connections: int, work: Work) -> None:
        self.connections = Slots(connections)
        """One is taken by each request to the server, those of broadcasts and operations too."""
        self._most = connections
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._workers: dict[asyncio.Task[None], None] = {}  # as sets, in the order in which they began
        self._interruptible: dict[asyncio.Task[None], None] = {}
        self._interrupted: set[asyncio.Task[None]] = set()
        self.called = False
        """What waits will be taken up before the loop's next turn is over; there is no need to call."""
        self._about = 0  # workers that are about to take up a batch each
        self._dismissed = False
        self._timer: asyncio.TimerHandle | None = None
        self.last_cut = float("-inf")
        """Loop seconds when the last batch was cut: the next pushes gather from then on. Set by the work."""

    def resize(self, connections: int) -> None:
        """From now on so many connections; more workers than that end when they have sent their batch."""
        self.connections.resize(connections)
        self._most = connections

    @property
    def busy(self) -> list[asyncio.Task[None]]:
        """The workers at work."""
        return list(self._workers)

    def call(self, *, at_once: bool = False) -> None:
        """Have what waits sent: at once when it is due, otherwise when it has lingered."""
        if self.called or self._dismissed or len(self._workers) >= self._most:
            return
        settings, due_at = self._work.settings, self.last_cut + self._work.settings.linger
        # As `_is_due`, with a call less for each push.
        if at_once or self._loop.time() >= due_at or self._work.line.size >= settings.batch_size:
            if settings.batch_size == 1:
                self._start()
                return
            # Not in this very moment: sends of the same turn of the loop share a batch.
            self.called = True
            self._loop.call_soon(self._start)
        elif self._timer is None:
            self._timer = self._loop.call_at(due_at, self._start)

    async def interruptible(self, wait: Awaitable[T]) -> T:
        """Wait for something that `interrupt` may cut short; for workers that hold no batch yet."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._interruptible[task] = None
        try:
            return await wait
        finally:
            del self._interruptible[task]

    def interrupt(self) -> None:
        """What workers wait for is of no use any more: begin anew."""
        for worker in self._interruptible:
            self._interrupted.add(worker)
            worker.cancel()

    def dismiss(self) -> list[asyncio.Task[None]]:
        """Cancel everything and begin nothing more; the workers that are to be awaited."""
        self._dismissed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        workers, self._workers = list(self._workers), {}  # one that has not begun yet would not leave by itself
        for worker in workers:
            worker.cancel()
        return workers

    def _is_due(self) -> bool:
        settings = self._work.settings
        return self._work.line.size >= settings.batch_size or self._loop.time() >= self.last_cut + settings.linger

    def _start(self) -> None:
        self.called = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._dismissed:
            return
        work, free = self._work, max(0, self._most - len(self._workers))
        for _ in range(work.line.batches(work.settings.batch_size, free + self._about) - self._about):
            self._about += 1
            self._workers[self._loop.create_task(self._run())] = None

    async def _run(self) -> None:
        self._about -= 1
        me = cast("asyncio.Task[None]", asyncio.current_task())
        goes_on = True
        try:
            while True:
                if not self.connections.take():
                    await self.connections.wait()
                try:
                    await self._work.send_next()
                finally:
                    self.connections.give_back()
                if not self._work.line.size or not self._is_due() or len(self._workers) > self._most:
                    break
        except asyncio.CancelledError:
            goes_on = me in self._interrupted  # otherwise the loop comes to its end, and nothing is to be begun
            raise
        finally:
            # Here and not in a callback of the task: a push that comes in between must find the place free.
            self._workers.pop(me, None)
            self._interrupted.discard(me)
            if goes_on and self._work.line.size and not self._loop.is_closed():
                self.call()
