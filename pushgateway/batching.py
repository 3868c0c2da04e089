"""From waiting pushes to batches.

Law of this file: pure and synchronous. A `Queue` holds what waits in one lane; `cut` takes out what fits into one
vendor request. A batch holds one region, no token twice, and one notification unless the vendor can mix them.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Protocol

from pushgateway.intent import Priority
from pushgateway.model import Notification, Push
from pushgateway.outcome import Outcome
from pushgateway.text import most_quoted
from pushgateway.tracing import Leg
from pushgateway.vendor import Batching


class Sink(Protocol):
    """Where an outcome goes: one caller's `send`, `send_each` or `stream`."""

    withdrawn: bool
    """True: the caller is gone; what has not left yet shall not leave."""

    def put(self, place: Any, outcome: Outcome) -> None:
        """Take the outcome of the push at `place`. Called once for each place."""

    def put_all(self, those: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        """The same for many of its pushes at once."""


class Waiting:
    """A push on its way through a lane. Mutable, because it collects its own history."""

    __slots__ = (
        "attempts",
        "begun",
        "deadline",
        "doubtful",
        "flight",
        "grain",
        "place",
        "push",
        "region",
        "settled",
        "sink",
        "tries",
    )

    def __init__(self, push: Push, deadline: float, sink: Sink, place: Any, begun: float = 0.0) -> None:
        self.push = push
        self.begun = begun  # when it was handed in, on the loop's clock
        self.deadline = deadline  # on the loop's clock
        self.region = ""  # where it waits, once it does
        self.grain: dict[Waiting, None] | None = None  # where its deadline is filed
        self.sink = sink
        self.place = place  # what its sink knows it by
        self.attempts = 0  # vendor requests made for it
        self.tries = 0  # times it was taken up, failed logins included
        self.doubtful = False  # an attempt ended without a verdict
        self.settled = False  # the outcome has been given
        self.flight: Flight | None = None

    @property
    def gone(self) -> bool:
        """True when there is nothing left to do for it."""
        return self.settled or self.sink.withdrawn


class Thinned(Exception):
    """Somebody left a batch while it was being built. Nothing was asked, so it is built anew without him."""


class Flight:
    """A batch between being cut and having its outcomes."""

    __slots__ = ("asked", "batch", "leg")

    def __init__(self, batch: list[Waiting]) -> None:
        self.batch = batch
        self.asked = False  # a request of it was handed to the transport
        self.leg: Leg | None = None  # what a trace tells of it, where there are traces
        for waiting in batch:
            waiting.flight = self

    def asking(self, now: float) -> None:
        """A request with this batch is handed to the transport. Raises `Thinned` if it holds somebody who is gone or
        late, unless an earlier request has had it."""
        if not self.asked:
            for waiting in self.batch:
                if waiting.settled or waiting.deadline <= now or waiting.sink.withdrawn:
                    raise Thinned
        self.asked = True
        if self.leg is not None:
            self.leg.size, self.leg.asked_at = len(self.batch), now

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


SHARE = 8
"""Every so many batches begin with the lowest priority that waits: what is urgent goes first, and nobody starves."""

_Groups = OrderedDict[
    Hashable, deque[Waiting]
]  # ordered: a plain dict gets slow when it is always emptied from its front


class _Line:
    """What waits for one region: by priority, groups that take turns."""

    __slots__ = ("groups", "size", "turn")

    def __init__(self) -> None:
        self.groups: list[_Groups] = [OrderedDict() for _ in Priority]
        self.size = 0
        self.turn = 0

    def put_back(self, batch: list[Waiting], part: Hashable) -> None:
        """What was taken, to the front again."""
        for waiting in reversed(batch):
            self.groups[waiting.push.priority].setdefault(part, deque()).appendleft(waiting)
        self.size += len(batch)


class Queue:
    """First in, first out within a group; the groups of a region take turns; higher priorities come first.

    A group is what may share a request: one region, one notification where the vendor cannot mix, one daily quota and
    one part of a batch that was split. `part` is any object; pushes given with different parts never meet again. A
    batch begins with the highest priority that waits and is filled up from the others of its part.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        return sum(line.size for line in self._lines.values())

    def __iter__(self) -> Iterator[Waiting]:
        for line in self._lines.values():
            for groups in line.groups:
                for group in groups.values():
                    yield from group

    @property
    def regions(self) -> list[str]:
        """Regions for which something waits."""
        return [region for region, line in self._lines.items() if line.size]

    def add(self, those: Sequence[Waiting], region: str, part: Hashable = None) -> None:
        """Put at the end of their group; they are of one priority."""
        line = self._lines.get(region)
        if line is None:
            line = self._lines[region] = _Line()
        groups = line.groups[those[0].push.priority]
        group = groups.get(part)
        if group is None:
            group = groups[part] = deque()
        group.extend(those)
        line.size += len(those)

    def waiting(self, region: str) -> int:
        """How many pushes wait for `region`."""
        line = self._lines.get(region)
        return 0 if line is None else line.size

    def has_urgent(self, region: str) -> bool:
        """Whether an urgent push waits for `region`."""
        line = self._lines.get(region)
        return line is not None and bool(line.groups[Priority.URGENT])

    def batches(self, region: str, size: int, most: int) -> int:
        """How many batches of `size` wait for `region`; `most` is as good as more."""
        count = 0
        line = self._lines.get(region)
        for groups in () if line is None else line.groups:
            for group in groups.values():
                count += -(-len(group) // size)
                if count >= most:
                    return most
        return count

    def cut(
        self, region: str, batching: Batching, weigh: Callable[[Notification], int], most: int | None = None
    ) -> tuple[list[Waiting], Hashable]:
        """Take out the next batch of `region`, of `most` pushes at the most, and its part.

        Empty when nothing of that region waits any more.
        """
        line = self._lines.get(region)
        if line is None:
            return [], None
        line.turn += 1
        order = line.groups if line.turn % SHARE else line.groups[::-1]
        size = max(1, batching.size if most is None else min(most, batching.size))
        for groups in order:
            while groups:
                part = next(iter(groups))
                batch = _Batch(size, batching.max_bytes, weigh)
                try:
                    batch.fill(line, groups, part)
                    for others in order:
                        if others is not groups and part in others and not batch.is_full:
                            batch.fill(line, others, part)
                except BaseException:
                    line.put_back(batch.taken, part)  # a plug-in's weigh failed: each is still owed an outcome
                    raise
                if batch.taken:
                    return batch.taken, part
        return [], None

    def purge(self) -> None:
        """Let go of those that have their outcome."""
        for line in self._lines.values():
            line.size = 0
            for groups in line.groups:
                for part, group in list(groups.items()):
                    left = deque(waiting for waiting in group if not waiting.settled)
                    line.size += len(left)
                    if left:
                        groups[part] = left
                    else:
                        del groups[part]

    def clear(self) -> list[Waiting]:
        """Take out everything."""
        everything = list(self)
        self._lines.clear()
        return everything


class _Batch:
    """A batch while it is being cut."""

    __slots__ = ("_room", "_size", "_tokens", "_weigh", "_weights", "is_full", "taken")

    def __init__(self, size: int, room: int | None, weigh: Callable[[Notification], int]) -> None:
        self._size = size
        self._room = room
        self._weigh = weigh
        self._weights: dict[int, int] = {}  # by identity: a notification for many is weighed once
        self._tokens: set[str] = set()
        self.taken: list[Waiting] = []
        self.is_full = False

    def fill(self, line: _Line, groups: _Groups, part: Hashable) -> None:
        """Take from one group what still fits. The group goes to the end of its row: the others come first now."""
        group = groups[part]
        before = len(group)
        again: list[Waiting] = []  # second pushes for a token of this batch: they stay, in their order
        try:
            self._take(group, again)
        finally:
            group.extendleft(reversed(again))
            line.size -= before - len(group)
            if group:
                groups.move_to_end(part)
            else:
                del groups[part]

    def _take(self, group: deque[Waiting], again: list[Waiting]) -> None:
        taken, tokens, weigh, weights = self.taken, self._tokens, self._weigh, self._weights
        size = self._size
        room = self._room if size > 1 else None  # alone, the vendor judges what it weighs
        while group and len(again) < size:
            if len(taken) >= size:
                self.is_full = True
                break
            waiting = group.popleft()
            if waiting.settled or waiting.sink.withdrawn:
                continue
            push = waiting.push
            token = push.push_token.token
            if token in tokens:
                again.append(waiting)
                continue
            if room is not None:
                note = push.notification
                weight = weights.get(id(note))
                if weight is None:
                    try:
                        weight = weights[id(note)] = weigh(note)
                    except BaseException:
                        group.appendleft(waiting)
                        raise
                address = token + push.dedupe_id
                room -= weight + (6 * len(address) if address.isascii() else most_quoted(address))
                if room < 0 and taken:
                    group.appendleft(waiting)
                    self.is_full = True
                    break  # even the first may weigh too much: it goes alone, and the vendor judges
            tokens.add(token)
            taken.append(waiting)
        if room is not None:
            self._room = room
