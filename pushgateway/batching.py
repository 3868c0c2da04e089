"""From waiting pushes to batches.

Law of this file: pure and synchronous. A `Queue` holds what waits in one lane; `cut` takes out what fits into one
vendor request. A batch holds one region, no token twice, and one notification unless the vendor can mix them.
"""

from __future__ import annotations

from collections import deque
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

    __slots__ = ("attempts", "deadline", "doubtful", "place", "push", "settled", "sink", "tries")

    def __init__(self, push: Push, deadline: float, sink: Sink, place: int) -> None:
        self.push = push
        self.deadline = deadline  # on the loop's clock
        self.sink = sink
        self.place = place
        self.attempts = 0  # vendor requests made for it
        self.tries = 0  # times it was taken up, failed logins included
        self.doubtful = False  # an attempt ended without a verdict
        self.settled = False  # the outcome has been given

    @property
    def gone(self) -> bool:
        """True when there is nothing left to do for it."""
        return self.settled or self.sink.withdrawn


class Queue:
    """First in, first out within a group; groups take turns.

    A group is what may share a request: one region, one notification where the vendor cannot mix, and one part of a
    batch that was split. `part` is any object; pushes given with different parts never meet again.
    """

    def __init__(self) -> None:
        self._groups: dict[tuple[str, Hashable], deque[Waiting]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Waiting]:
        for group in self._groups.values():
            yield from group

    def add(self, waiting: Waiting, region: str, part: Hashable = None) -> None:
        """Put at the end of its group."""
        key = (region, part)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = deque()
        group.append(waiting)
        self._size += 1

    def next_region(self) -> str | None:
        """Region of the group whose turn it is; None when nothing waits."""
        for (region, _), group in self._groups.items():
            if group:
                return region
        return None

    def cut(self, region: str, batching: Batching, weigh: Callable[[Push], int]) -> tuple[list[Waiting], Hashable]:
        """Take out the next batch of `region`, and its part. Empty when nothing of that region waits any more."""
        for key in list(self._groups):
            if key[0] != region:
                continue
            group = self._groups.pop(key)
            before = len(group)
            try:
                batch = _cut(group, batching, weigh)
            finally:
                self._size -= before - len(group)
                if group:
                    self._groups[key] = group  # at the end: the other groups come first now
            if batch:
                return batch, key[1]
        return [], None

    def clear(self) -> list[Waiting]:
        """Take out everything."""
        everything = list(self)
        self._groups.clear()
        self._size = 0
        return everything


def _cut(group: deque[Waiting], batching: Batching, weigh: Callable[[Push], int]) -> list[Waiting]:
    batch: list[Waiting] = []
    again: list[Waiting] = []  # second pushes for a token of this batch: they stay, in their order
    tokens: set[str] = set()
    room = batching.max_bytes
    try:
        while group and len(batch) < batching.size and len(again) < batching.size:
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
