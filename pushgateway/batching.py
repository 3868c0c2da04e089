"""From waiting pushes to batches.

Law of this file: pure and synchronous. A `Queue` holds what waits in one lane; `cut` takes out what fits into one
vendor request. A batch holds one region, no token twice, and one notification unless the vendor can mix them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
from typing import Protocol

from pushgateway.model import Push
from pushgateway.outcome import Outcome
from pushgateway.vendor import Batching


class Sink(Protocol):
    """Where an outcome goes: one caller's `send`, `send_each` or `stream`."""

    withdrawn: bool
    """True: the caller is gone; what has not left yet shall not leave."""

    def put(self, place: int, outcome: Outcome) -> None:
        """Take the outcome of the push at `place`. Called once for each place."""


class Waiting:
    """A push on its way through a lane. Mutable, because it collects its own history."""

    __slots__ = ("attempts", "deadline", "doubtful", "flight", "place", "push", "settled", "sink", "tries")

    def __init__(self, push: Push, deadline: float, sink: Sink, place: int) -> None:
        self.push = push
        self.deadline = deadline  # on the loop's clock
        self.sink = sink
        self.place = place
        self.attempts = 0  # vendor requests made for it
        self.tries = 0  # times it was taken up, failed logins included
        self.doubtful = False  # an attempt ended without a verdict
        self.settled = False  # the outcome has been given
        self.flight: Flight | None = None

    @property
    def gone(self) -> bool:
        """True when there is nothing left to do for it."""
        return self.settled or self.sink.withdrawn


class Flight:
    """A batch between being cut and having its outcomes."""

    __slots__ = ("asked", "batch")

    def __init__(self, batch: list[Waiting]) -> None:
        self.batch = batch
        self.asked = False  # a request of it was handed to the transport
        for waiting in batch:
            waiting.flight = self

    def asking(self) -> None:
        """A request with this batch is handed to the transport."""
        self.asked = True

    @property
    def pushes(self) -> list[Push]:
        """What it carries, in order."""
        return [waiting.push for waiting in self.batch]


class Timer(Protocol):
    """What will ring: asyncio's timer handle."""

    def cancel(self) -> None:
        """It shall not ring."""

    def when(self) -> float:
        """When it rings, on the loop's clock."""


class Later:
    """Pushes that will be tried again when the timer rings."""

    __slots__ = ("batch", "timer")

    def __init__(self, batch: list[Waiting]) -> None:
        self.batch = batch
        self.timer: Timer | None = None


class Part:
    """Marks one part of a split batch. `budget` is shared by all its parts: requests that the split may still cost."""

    __slots__ = ("budget",)

    def __init__(self, budget: list[int]) -> None:
        self.budget = budget


class Queue:
    """First in, first out within a group; the groups of a region take turns.

    A group is what may share a request: one region, one notification where the vendor cannot mix, and one part of a
    batch that was split. `part` is any object; pushes given with different parts never meet again.
    """

    def __init__(self) -> None:
        # Ordered dictionaries, because a plain one gets slow when it is always emptied from its front.
        self._regions: dict[str, OrderedDict[Hashable, deque[Waiting]]] = {}
        self._sizes: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(self._sizes.values())

    def __iter__(self) -> Iterator[Waiting]:
        for groups in self._regions.values():
            for group in groups.values():
                yield from group

    @property
    def regions(self) -> list[str]:
        """Regions for which something waits."""
        return [region for region, groups in self._regions.items() if groups]

    def add(self, waiting: Waiting, region: str, part: Hashable = None) -> None:
        """Put at the end of its group."""
        groups = self._regions.get(region)
        if groups is None:
            groups = self._regions[region] = OrderedDict()
            self._sizes[region] = 0
        group = groups.get(part)
        if group is None:
            group = groups[part] = deque()
        group.append(waiting)
        self._sizes[region] += 1

    def waiting(self, region: str) -> int:
        """How many pushes wait for `region`."""
        return self._sizes.get(region, 0)

    def batches(self, region: str, size: int, most: int) -> int:
        """How many batches of `size` wait for `region`; `most` is as good as more."""
        count = 0
        for group in self._regions.get(region, {}).values():
            count += -(-len(group) // size)
            if count >= most:
                return most
        return count

    def cut(self, region: str, batching: Batching, weigh: Callable[[Push], int]) -> tuple[list[Waiting], Hashable]:
        """Take out the next batch of `region`, and its part. Empty when nothing of that region waits any more."""
        groups = self._regions.get(region)
        while groups:
            part, group = groups.popitem(last=False)
            before = len(group)
            try:
                batch = _cut(group, batching, weigh)
            finally:
                self._sizes[region] -= before - len(group)
                if group:
                    groups[part] = group  # at the end: the other groups come first now
            if batch:
                return batch, part
        return [], None

    def clear(self) -> list[Waiting]:
        """Take out everything."""
        everything = list(self)
        self._regions.clear()
        self._sizes.clear()
        return everything


def _cut(group: deque[Waiting], batching: Batching, weigh: Callable[[Push], int]) -> list[Waiting]:
    batch: list[Waiting] = []
    again: list[Waiting] = []  # second pushes for a token of this batch: they stay, in their order
    tokens: set[str] = set()
    room = batching.max_bytes
    size = max(1, batching.size)
    try:
        while group and len(batch) < size and len(again) < size:
            waiting = group[0]
            if waiting.gone:
                group.popleft()
                continue
            if waiting.push.push_token.token in tokens:
                again.append(group.popleft())
                continue
            if room is not None:
                room -= weigh(waiting.push)
                if room < 0 and batch:
                    break  # even the first may weigh too much: it goes alone, and the vendor judges
            tokens.add(waiting.push.push_token.token)
            batch.append(group.popleft())
    except BaseException:
        group.extendleft(reversed(batch + again))  # a plug-in's weigh failed: each of them is still owed an outcome
        raise
    group.extendleft(reversed(again))
    return batch
