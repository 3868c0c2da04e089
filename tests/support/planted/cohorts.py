"""Faults planted where pushes travel side by side."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from planted.plant import Plant, again, plant
from pushgateway.engine.lane import Lane
from pushgateway.engine.pushes.gathering import Fresh, Row
from pushgateway.engine.pushes.runs import Cohort, Item, Waiting
from pushgateway.engine.pushes.sinks import Singles
from pushgateway.model.outcome import Outcome

PLANTS: list[Plant] = []
Patch = pytest.MonkeyPatch
_split, _members, _accepted = Cohort.split, Cohort.members, Lane.accepted
_take, _items = Fresh.take, Row.items


@plant(PLANTS, "I1")
def rest_forgotten(patch: Patch) -> None:
    """What is left of a cohort that was cut is forgotten."""

    def split(self: Cohort, count: int) -> Cohort:
        first = _split(self, count)
        self.settled = True
        return first

    patch.setattr(Cohort, "split", split)


@plant(PLANTS, "I8", troubles=again("flood", "cancel"))
def leaves_with_the_others(patch: Patch) -> None:
    """A send that was taken back leaves with those beside it."""
    patch.setattr(Singles, "left", lambda self, places: False)


@plant(PLANTS, "I1", troubles=())
def changed_places(patch: Patch) -> None:
    """Of pushes side by side the first gets the outcome of the last."""

    def accepted(self: Lane, those: Sequence[Item], outcomes: Sequence[Outcome]) -> None:
        _accepted(self, those, list(reversed(outcomes)))

    patch.setattr(Lane, "accepted", accepted)


@plant(PLANTS, "I8")
def no_deadline_alone(patch: Patch) -> None:
    """Whoever goes on alone has no deadline any more."""

    def members(self: Cohort) -> list[Waiting]:
        those = _members(self)
        if self.files is not None:
            self.files.discard(those)
        return those

    patch.setattr(Cohort, "members", members)


@plant(PLANTS, "L1")
def joins_too_late(patch: Patch) -> None:
    """A single send joins those that have left already, and goes nowhere."""

    def take(self: Fresh, most: int) -> list[Item]:
        last = self.open
        taken = _take(self, most)
        self.open = last
        return taken

    patch.setattr(Fresh, "take", take)


@plant(PLANTS, "T7")
def one_for_all(patch: Patch) -> None:
    """Single sends side by side all get the notification of the first."""

    def items(self: Row, start: int, end: int) -> list[Item]:
        self.notifications[start:end] = [self.notifications[start]] * (end - start)
        return _items(self, start, end)

    patch.setattr(Row, "items", items)
