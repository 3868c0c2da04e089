"""Pushes handed in together, put side by side.

Law of this file: pure. Neighbours of one manner go together, and the order in which pushes came is never changed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeAlias

from pushgateway.engine.pushes.runs import Cohort, Column, Item, Name, Sink, Waiting
from pushgateway.model.intent import Priority
from pushgateway.model.push import Notification, Push, PushToken

FEW = 4
"""Fewer pushes go each by itself, which costs less than to keep them together."""
Manner: TypeAlias = tuple[float | None, bool, Priority]
"""How a push wants to go: its timeout, whether it takes company, its priority."""
manner: Callable[[Push], Manner] = attrgetter("timeout", "coalesce", "priority")


def side_by_side(
    column: Column,
    manners: Sequence[Manner],
    places: Sequence[Any],
    deadlines: Sequence[float],
    sink: Sink,
    *,
    begun: float,
) -> list[Item]:
    """Pushes to one certificate, together as far as neighbours are of one manner: two pushes for one phone must not
    change places. Of those that go together the first one's deadline counts."""
    items: list[Item] = []
    for start, end in _runs(manners):
        run = slice(start, end)
        _, coalesce, priority = manners[start]
        if coalesce and end - start >= FEW:
            items.append(Cohort(column[run], places[run], priority, deadlines[start], sink, begun=begun))
            continue
        rows = zip(column[run].pushes(), deadlines[run], places[run], strict=True)
        items += [Waiting(push, deadline, sink, place, begun) for push, deadline, place in rows]
    return items


class Row:
    """Single sends of one turn of the loop, one after the other; of each all is as usual but phone and notification.

    Who comes adds to `push_tokens`, `notifications` and `places`. The first one's deadline counts for all.
    """

    __slots__ = ("_begun", "_deadline", "_name", "_sink", "notifications", "places", "push_tokens")

    def __init__(self, sink: Sink, name: Name, *, begun: float, deadline: float) -> None:
        """`name` gives them their ids."""
        self._sink = sink
        self._name = name
        self._begun = begun
        self._deadline = deadline
        self.push_tokens: list[PushToken] = []
        self.notifications: list[Notification] = []
        self.places: list[Any] = []

    def __len__(self) -> int:
        return len(self.places)

    def items(self, start: int, end: int) -> list[Item]:
        """Some of them on their way."""
        run = slice(start, end)
        column, places = Column(self.push_tokens[run], self.notifications[run], self._name), self.places[run]
        manners = [_USUAL if note.intent is None else (None, True, note.intent.priority) for note in column.notes]
        deadlines = [self._deadline] * len(places)
        return side_by_side(column, manners, places, deadlines, self._sink, begun=self._begun)


_USUAL: Manner = (None, True, Priority.NORMAL)


class Apart:
    """Single sends of one turn of the loop that are pushes with ids and deadlines of their own."""

    __slots__ = ("_begun", "_deadlines", "_places", "_pushes", "_sink", "_together")

    def __init__(self, sink: Sink, *, begun: float, together: bool) -> None:
        """`together`: where it is worth its while."""
        self._sink = sink
        self._begun = begun
        self._together = together
        self._pushes: list[Push] = []
        self._deadlines: list[float] = []
        self._places: list[Any] = []

    def add(self, push: Push, deadline: float, place: Any) -> None:
        """One more."""
        self._pushes.append(push)
        self._deadlines.append(deadline)
        self._places.append(place)

    def __len__(self) -> int:
        return len(self._places)

    def items(self, start: int, end: int) -> list[Item]:
        """Some of them on their way."""
        run = slice(start, end)
        pushes, deadlines, places = self._pushes[run], self._deadlines[run], self._places[run]
        if self._together and len(pushes) >= FEW:
            manners = list(map(manner, pushes))
            return side_by_side(Column.of(pushes), manners, places, deadlines, self._sink, begun=self._begun)
        rows = zip(pushes, deadlines, places, strict=True)
        return [Waiting(push, deadline, self._sink, place, self._begun) for push, deadline, place in rows]


class Fresh:
    """Rows in the order in which they came."""

    def __init__(self) -> None:
        self.open: Row | Apart | None = None
        """The last one, while others may still join it."""
        self._rows: deque[Row | Apart] = deque()
        self._closed = 0  # pushes in all rows but the last
        self._taken = 0  # of the first row

    def __len__(self) -> int:
        return self._closed + len(self._rows[-1]) - self._taken if self._rows else 0

    def add(self, row: Row | Apart) -> None:
        """A new one, which others may join."""
        if self._rows:
            self._closed += len(self._rows[-1])
        self._rows.append(row)
        self.open = row

    def take(self, most: int) -> list[Item]:
        """So many at the most. Nobody joins those that are left."""
        self.open = None
        items: list[Item] = []
        while self._rows and most > 0:
            row, start = self._rows[0], self._taken
            end = self._taken = min(len(row), start + most)
            items += row.items(start, end)
            most -= end - start
            if end == len(row):
                self._rows.popleft()
                self._taken = 0
                self._closed -= len(row) if self._rows else 0
        return items


def _runs(manners: Sequence[Manner]) -> Iterator[tuple[int, int]]:
    """Where neighbours of one manner begin and end."""
    if len(set(manners)) == 1:  # nearly always
        yield 0, len(manners)
        return
    start = 0
    for _, run in groupby(manners):
        end = start + len(list(run))
        yield start, end
        start = end
