"""`Quotas`: which of a vendor's quotas are used up or closed, and until when: its midnight, or when it says.

Pure: times and chances are parameters. The class of quota of a notification comes from the plug-in (`Vendor.quota`);
`gate.Gate` keeps one `Quotas` for each endpoint.
"""

from __future__ import annotations

from collections.abc import Iterator

DAY = 86400.0
"""Seconds."""
LATE = (10.0, 130.0)
"""Seconds after the vendor's midnight at which sending begins again, drawn from this range: so that not every process
begins at once, and not before midnight by the vendor's own clock."""
YOUNG_DAY = 900.0
"""Seconds. A quota that is reported as used up this soon after midnight is probably that of the day before, by the
vendor's clock: it is closed for this long only, and then tried once more."""


class Quotas:
    """Which of the vendor's quotas are used up or closed, and until when.

    The end is kept on the wall clock, which may be wrong or be set, and on the monotonic clock, which may
    stop while the machine sleeps. The first of the two that passes it counts: one request too early costs little,
    waiting for a clock that was set back would cost a day.
    """

    def __init__(self, day_offset: float) -> None:
        """`day_offset`: seconds east of UTC of the vendor's day."""
        self._day_offset = day_offset
        self._until: dict[str, tuple[float, float]] = {}  # epoch seconds, and on the loop's clock

    def __bool__(self) -> bool:
        return bool(self._until)

    def use_up(self, quota: str, now: float, wall: float, chance: float) -> float:
        """The vendor says that it is used up. Returns the seconds for which it is closed. `chance`: 0 to 1."""
        into_the_day = (wall + self._day_offset) % DAY
        least, most = LATE
        late = least + (most - least) * chance
        seconds = YOUNG_DAY + late if into_the_day < YOUNG_DAY else DAY - into_the_day + late
        self._until[quota] = wall + seconds, now + seconds
        return seconds

    def close(self, quota: str, now: float, wall: float, seconds: float) -> float:
        """The vendor takes nothing of it for so many seconds, such as in the hours of the night. Returns the seconds
        for which it is closed: a day at most, because an absurd figure would close it for ever."""
        seconds = min(seconds, DAY)
        self._until[quota] = wall + seconds, now + seconds
        return seconds

    def seconds_left(self, quota: str, now: float, wall: float) -> float:
        """Seconds for which it stays closed; 0 when it is open."""
        until = self._until.get(quota)
        return 0.0 if until is None else max(0.0, min(until[0] - wall, until[1] - now))

    def open(self, quota: str) -> bool:
        """Somebody says that it is open again. False: it was not closed."""
        return self._until.pop(quota, None) is not None

    def closed(self, now: float, wall: float) -> Iterator[tuple[str, float]]:
        """Those that are closed, and for how many seconds."""
        for quota in self._until:
            if (seconds := self.seconds_left(quota, now, wall)) > 0:
                yield quota, seconds

    def pop_ended(self, now: float, wall: float) -> Iterator[str]:
        """Forget those that are open again, and yield their names."""
        for quota in [quota for quota in self._until if self.seconds_left(quota, now, wall) <= 0]:
            del self._until[quota]
            yield quota
