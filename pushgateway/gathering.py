"""Pushes handed in together, put side by side.

Law of this file: pure. Neighbours of one manner go together, and the order in which pushes came is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeAlias

from pushgateway.intent import Priority
from pushgateway.model import Push
from pushgateway.waiting import Cohort, Column, Item, Sink, Waiting

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
        rows = zip(column[run].batch(), deadlines[run], places[run], strict=True)
        items += [Waiting(push, deadline, sink, place, begun) for push, deadline, place in rows]
    return items


Single: TypeAlias = tuple[Push, float, Sink, Any, float]
"""A single send: push with its id, deadline, sink, place there, and when it was handed in."""


def gathered(singles: Sequence[Single], *, together: bool) -> list[Item]:
    """Single sends of one sink and of one turn of the loop; `together`: where it is worth its while."""
    if not together or len(singles) < FEW:
        return [Waiting(*single) for single in singles]
    pushes, deadlines, sinks, places, begun = zip(*singles, strict=True)
    column = Column(pushes, [push.push_token for push in pushes], None)
    return side_by_side(column, list(map(manner, pushes)), places, deadlines, sinks[0], begun=begun[0])


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
