"""Faults planted in runs: pushes that travel together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from planted.plant import Plant, again, plant
from pushgateway.engine.lane import Lane
from pushgateway.engine.pushes.completion import Completions
from pushgateway.engine.pushes.runs import Run
from pushgateway.engine.pushes.sinks import Singles
from pushgateway.model.outcome import Outcome

PLANTS: list[Plant] = []
Patch = pytest.MonkeyPatch
_split, _divide, _accepted, _let_in = Run.split, Run.divide, Completions.accepted, Lane._let_in


@plant(PLANTS, "I1")
def rest_forgotten(patch: Patch) -> None:
    """When a run is cut, the rest is lost."""

    def split(self: Run, count: int) -> Run:
        first = _split(self, count)
        self.settled = True
        return first

    patch.setattr(Run, "split", split)


@plant(PLANTS, "I8", troubles=again("flood", "cancel"))
def leaves_with_the_others(patch: Patch) -> None:
    """A withdrawn send is sent with those beside it."""
    patch.setattr(Singles, "is_abandoned", lambda self, places: False)


@plant(PLANTS, "I1", troubles=())
def changed_places(patch: Patch) -> None:
    """Of pushes that end together, the first gets the outcome of the last."""

    def accepted(self: Completions, runs: Sequence[Run], outcomes: Sequence[Outcome]) -> None:
        _accepted(self, runs, list(reversed(outcomes)))

    patch.setattr(Completions, "accepted", accepted)


@plant(PLANTS, "I8")
def no_deadline_alone(patch: Patch) -> None:
    """A push that leaves a run loses its deadline."""

    def divide(self: Run, groups: Any) -> list[Run]:
        runs = _divide(self, groups)
        for run in runs[1:]:
            if run.bucket is not None:
                del run.bucket[run]
                run.bucket = None
        return runs

    patch.setattr(Run, "divide", divide)


@plant(PLANTS, "L1", 5)
def joins_too_late(patch: Patch) -> None:
    """A single send joins a run that was sent already, and is never sent."""

    def let_in(self: Lane, most: int) -> None:
        last = self.open_run
        _let_in(self, most)
        self.open_run = last if self.gathers else None

    patch.setattr(Lane, "_let_in", let_in)


@plant(PLANTS, "T7")
def one_for_all(patch: Patch) -> None:
    """Single sends in one run all get the notification of the first."""
    submit = Lane.submit

    def alike(self: Lane, runs: Sequence[Run]) -> None:
        for run in runs:
            run.notifications = [run.notifications[0]] * run.size
        submit(self, runs)

    patch.setattr(Lane, "submit", alike)
