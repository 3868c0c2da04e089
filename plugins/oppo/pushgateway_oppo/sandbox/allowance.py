"""What the sandbox keeps between calls: ids it has seen, saved content, and how much of the day's quota is used.

Pure and bounded; the clock is a parameter.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

import attrs

from pushgateway.vendor import safe_repr

T = TypeVar("T")

DAY = 86_400


class Bounded(Generic[T]):
    """A dict that forgets its oldest entry when it is full."""

    def __init__(self, most: int) -> None:
        self._most = most
        # A plain dict gets slower with each entry that is removed from its front.
        self._entries: OrderedDict[Hashable, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> T | None:
        """The value of `key`, or None."""
        return self._entries.get(key)

    def put(self, key: Hashable, value: T) -> None:
        """Store a value; the oldest entry is dropped when there are too many."""
        self._entries[key] = value
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)


@safe_repr
@attrs.frozen
class Saved:
    """Saved content of broadcasts."""

    message_id: str
    fields: Mapping[str, Any] = attrs.field(repr=False)


@safe_repr
@attrs.define
class Allowance:
    """How many targets may still be pushed to, today and in this second.

    The day ends at midnight in the zone of `reset_offset` (seconds east of UTC). Targets are counted, not calls. A call
    that begins while the second is open is done as a whole, so that a batch larger than the rate gets through.
    """

    clock: Callable[[], float]
    daily_limit: int | None
    per_second: int | None
    reset_offset: int
    _day: int = attrs.field(default=-1, init=False)
    _used: int = attrs.field(default=0, init=False)
    _second: int = attrs.field(default=-1, init=False)
    _used_in_second: int = attrs.field(default=0, init=False)

    @property
    def left_today(self) -> int | None:
        """Targets left today; None: no limit."""
        if self.daily_limit is None:
            return None
        self._begin()
        return self.daily_limit - self._used

    @property
    def too_fast(self) -> bool:
        """Whether the targets of this second are used up."""
        if self.per_second is None:
            return False
        self._begin()
        return self._used_in_second >= self.per_second

    def use(self, targets: int) -> None:
        """Count `targets` that were pushed to, without a limit too: one may be set during the day."""
        self._begin()
        self._used += targets
        self._used_in_second += targets

    def _begin(self) -> None:
        now = self.clock()
        if int(now) != self._second:
            self._second, self._used_in_second = int(now), 0
            day = int((now + self.reset_offset) // DAY)
            if day != self._day:
                self._day, self._used = day, 0


@safe_repr
@attrs.define
class PhoneLimit:
    """How many pushes each phone may get per day (`most`; None: no limit). The day ends as in `Allowance`."""

    clock: Callable[[], float]
    reset_offset: int
    most: int | None = None
    _day: int = attrs.field(default=-1, init=False)
    _used: dict[str, int] = attrs.field(factory=dict, init=False, repr=False)

    def use(self, token: str) -> bool:
        """Count one more push to this phone. False: it is beyond the limit."""
        if self.most is None:
            return True
        day = int((self.clock() + self.reset_offset) // DAY)
        if day != self._day:
            self._day, self._used = day, {}
        self._used[token] = self._used.get(token, 0) + 1
        return self._used[token] <= self.most
