"""Runs for tests that need no gateway, and the caller that gets their outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pushgateway import Outcome, Push
from pushgateway.engine.pushes.runs import Run


class Caller:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.withdrawn = False
        self.given: dict[Any, Outcome] = {}
        self.gone: set[Any] = set()
        """Places whose own caller is gone."""

    def is_abandoned(self, places: Sequence[Any]) -> bool:
        """One caller for all, or one for each."""
        return self.withdrawn or not self.gone.isdisjoint(places)

    def put(self, places: Sequence[Any], outcomes: Sequence[Outcome]) -> None:
        """Many."""
        self.given.update(zip(places, outcomes, strict=True))


def run_of(
    pushes: Sequence[Push], first: int = 0, sink: Any = None, *, deadline: float = 60.0, begun: float = 0.0
) -> Run:
    """These pushes under the ids that they have; the first one has this place."""
    places = range(first, first + len(pushes))
    return Run.of(list(pushes), places, sink or Caller(), begun=begun, deadline=deadline)


def places_of(runs: Iterable[Run]) -> list[Any]:
    """Which pushes these are."""
    return [place for run in runs for place in run.places]
