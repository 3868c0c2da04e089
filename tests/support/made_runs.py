"""Runs for tests that need no gateway, and a sink that records their outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pushgateway import Notification, Outcome, Push
from pushgateway.engine.pushes.runs import Run


class Caller:
    """A sink that records the outcomes that it gets."""

    def __init__(self) -> None:
        self.withdrawn = False
        self.given: dict[Any, Outcome] = {}
        self.gone: set[Any] = set()
        """Places whose own caller has left."""

    def is_abandoned(self, places: Sequence[Any]) -> bool:
        """True if the caller of one of these places has left."""
        return self.withdrawn or not self.gone.isdisjoint(places)

    def put(self, places: Sequence[Any], outcomes: Sequence[Outcome]) -> None:
        """Record these outcomes."""
        self.given.update(zip(places, outcomes, strict=True))


def run_of(
    pushes: Sequence[Push], first: int = 0, sink: Any = None, *, deadline: float = 60.0, begun: float = 0.0
) -> Run:
    """A run of these pushes with their own ids; the first one has this place."""
    places = range(first, first + len(pushes))
    return Run.of(list(pushes), places, sink or Caller(), begun=begun, deadline=deadline)


def places_of(runs: Iterable[Run]) -> list[Any]:
    """The places of all pushes in these runs."""
    return [place for run in runs for place in run.places]


def each(weigh: Callable[[Notification], int]) -> Callable[[Sequence[Notification]], list[int]]:
    """`Line.cut` takes the weights of several notifications at once; this asks for one after the other."""
    return lambda notifications: [weigh(one) for one in notifications]
