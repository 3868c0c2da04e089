"""What a vendor still accepts today and in this second: `Allowance`, `Shares` and `Speed`.

Pure; the clock is a parameter (epoch seconds). A limit of None means that there is none; each can be set while the
sandbox runs. A vendor's day ends at midnight in the zone of `offset`, in seconds east of UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from pushgateway.model.secret import safe_repr

DAY: int = 86_400


@safe_repr
@attrs.define
class Allowance:
    """How many pushes the whole app may send in a day, for each quota by its name."""

    clock: Callable[[], float]
    offset: float = 8 * 3600.0
    limits: dict[str, int | None] = attrs.field(factory=dict)
    """By quota: the pushes of a day. A quota without an entry has no limit."""
    _day: int = attrs.field(default=-1, init=False)
    _used: dict[str, int] = attrs.field(factory=dict, init=False)

    def left(self, name: str = "") -> int | None:
        """Pushes of this quota that are left today, 0 at least; None: no limit."""
        limit = self.limits.get(name)
        return None if limit is None else max(limit - self.used(name), 0)

    def used(self, name: str = "") -> int:
        """Pushes of this quota that were counted today."""
        day = int((self.clock() + self.offset) // DAY)
        if day != self._day:
            self._day, self._used = day, {}
        return self._used.get(name, 0)

    def use(self, count: int, name: str = "") -> None:
        """Count `count` pushes, without a limit too: one may be set during the day."""
        self._used[name] = self.used(name) + count

    def take(self, count: int, name: str = "") -> int:
        """Count as many of `count` pushes as are left, and return how many."""
        left = self.left(name)
        taken = count if left is None else min(count, left)
        self.use(taken, name)
        return taken


@safe_repr
@attrs.define
class Shares:
    """How many pushes each phone may get in a day, by the name of the limit."""

    clock: Callable[[], float]
    offset: float = 8 * 3600.0
    limits: dict[str, int | None] = attrs.field(factory=dict)
    """By name: the pushes of a phone and day. A name without an entry has no limit, and costs no memory."""
    _day: int = attrs.field(default=-1, init=False)
    _used: dict[str, dict[str, int]] = attrs.field(factory=dict, init=False, repr=False)

    def use(self, token: str, name: str = "") -> bool:
        """Count one more push to this phone. False: it is beyond the limit."""
        limit = self.limits.get(name)
        if limit is None:
            return True
        day = int((self.clock() + self.offset) // DAY)
        if day != self._day:
            self._day, self._used = day, {}
        used = self._used.setdefault(name, {})
        used[token] = count = used.get(token, 0) + 1
        return count <= limit

    def split(self, tokens: Sequence[str], name: str = "") -> tuple[Sequence[str], Sequence[str]]:
        """Count one more push to each of these phones: those within the limit, and those beyond it. Costs nothing
        without a limit."""
        if self.limits.get(name) is None:
            return tokens, ()
        within: list[str] = []
        beyond: list[str] = []
        for token in tokens:
            (within if self.use(token, name) else beyond).append(token)
        return within, beyond


@safe_repr
@attrs.define
class Speed:
    """How many requests, or pushes, the vendor accepts in one second of the clock.

    A call that begins while the second is open is done as a whole, so that a batch larger than the limit gets through.
    """

    clock: Callable[[], float]
    limit: int | None = None
    """Per second; None: no limit."""
    _second: int = attrs.field(default=-1, init=False)
    _used: int = attrs.field(default=0, init=False)

    @property
    def exceeded(self) -> bool:
        """Whether this second is used up."""
        if self.limit is None:
            return False
        used = self._used if self._second == int(self.clock()) else 0
        return used >= self.limit

    def use(self, count: int = 1) -> None:
        """Count requests or pushes of this second, without a limit too."""
        second = int(self.clock())
        if second != self._second:
            self._second, self._used = second, 0
        self._used += count
