"""What a planted fault is, and how it is looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import pytest
from simulated.day import Plan, live
from simulated.troubles import Trouble

Patch = Callable[[pytest.MonkeyPatch], None]
DAYS = 40
"""Days on which a plant may stay unseen."""


@attrs.frozen
class Plant:
    """One fault."""

    name: str
    """What the engine does wrong."""
    breaks: str
    """The promise that is seen broken."""
    patch: Patch
    first: int = 0
    """The day on which it is looked for first."""
    troubles: tuple[Trouble, ...] | None = None
    """Instead of those drawn; none at all: seen on a calm day."""
    under_load: Callable[[], bool] | None = None
    """Instead of days: whether the promise is kept under load."""

    def sound(self, day: int) -> bool:
        """Whether all is well where it was caught."""
        if self.under_load is not None:
            return self.under_load()
        return not live(next(plan for plan in self.days() if plan.seed == day)).faults

    def days(self) -> Iterator[Plan]:
        """Where it is looked for."""
        for seed in dict.fromkeys([self.first, *range(DAYS)]):
            plan = Plan.drawn(seed)
            yield plan if self.troubles is None else attrs.evolve(plan, troubles=self.troubles)

    def caught(self) -> int | None:
        """The day on which the promise is seen broken; None if on none of them."""
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
    """Enter a patch in a list of plants; its docstring says what the engine then does wrong."""

    def enter(patch: Patch) -> Patch:
        plants.append(Plant((patch.__doc__ or "").rstrip("."), breaks, patch, first, troubles, under_load))
        return patch

    return enter


def again(*kinds: str) -> tuple[Trouble, ...]:
    """A day of slow replies on which these things happen every half minute."""
    often = [Trouble(kind, float(when), 4.0, 1.0, "", when) for when in range(5, 400, 30) for kind in kinds]
    return (Trouble("slow", 0.0, 400.0, 1.0, "", 1), *often)
