"""A fault planted in the engine, and the search for the promise that it breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import pytest
from simulated.day import Plan, live
from simulated.troubles import Trouble

Patch = Callable[[pytest.MonkeyPatch], None]
DAYS = 40
"""Number of days on which a plant is looked for."""


@attrs.frozen
class Plant:
    """One planted fault."""

    name: str
    """What the engine does wrong."""
    breaks: str
    """The promise that is seen broken."""
    patch: Patch
    first: int = 0
    """The day on which it is looked for first."""
    troubles: tuple[Trouble, ...] | None = None
    """Troubles to use instead of those drawn; an empty tuple is a calm day."""
    under_load: Callable[[], bool] | None = None
    """A check to use instead of days: whether the promise is kept under load."""

    def sound(self, day: int) -> bool:
        """Whether the engine without the fault keeps all promises on the same day."""
        if self.under_load is not None:
            return self.under_load()
        return not live(next(plan for plan in self.days() if plan.seed == day)).faults

    def days(self) -> Iterator[Plan]:
        """The days on which it is looked for."""
        for seed in dict.fromkeys([self.first, *range(DAYS)]):
            plan = Plan.drawn(seed)
            yield plan if self.troubles is None else attrs.evolve(plan, troubles=self.troubles)

    def caught(self) -> int | None:
        """The day on which the promise is seen broken; None if there is none."""
        with pytest.MonkeyPatch.context() as patch:
            self.patch(patch)
            if self.under_load is not None:
                return None if self.under_load() else 0
            return next((plan.seed for plan in self.days() if self.breaks in live(plan).promises), None)


def plant(
    plants: list[Plant],
    breaks: str,
    first: int = 0,
    *,
    troubles: tuple[Trouble, ...] | None = None,
    under_load: Callable[[], bool] | None = None,
) -> Callable[[Patch], Patch]:
    """Add a patch to a list of plants. Its docstring, which says what the engine then does wrong, becomes the
    plant's name.
    """

    def enter(patch: Patch) -> Patch:
        plants.append(Plant((patch.__doc__ or "").rstrip("."), breaks, patch, first, troubles, under_load))
        return patch

    return enter


def again(*kinds: str) -> tuple[Trouble, ...]:
    """Troubles of a day with slow replies on which each of these kinds happens every half minute."""
    often = [Trouble(kind, float(when), 4.0, 1.0, "", when) for when in range(5, 400, 30) for kind in kinds]
    return (Trouble("slow", 0.0, 400.0, 1.0, "", 1), *often)


def often(*kinds: str) -> tuple[Trouble, ...]:
    """Troubles of a day on which each of these kinds happens all the time, at half strength."""
    return tuple(Trouble(kind, 0.0, 420.0, 0.5, "", number) for number, kind in enumerate(kinds))
