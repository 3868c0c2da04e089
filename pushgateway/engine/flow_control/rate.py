"""`Rate`: how many pushes or requests per second may be sent, and how that figure falls and recovers.

Pure: the times are parameters. `gate.Gate` has two of them for each endpoint: one for pushes, one for requests.
"""

from __future__ import annotations

import math

RECOVERY = 2.0
"""Seconds from half the rate back to `NEARLY` all of it, in steps of one second."""
NEARLY = 0.97
"""The share of the rate that was too much to which it is raised quickly."""
CREEP = 0.005
"""From there on it is raised by this share of that rate each second: it reaches the limit again, but seldom."""
CREPT = 1.05
"""Beyond this share the vendor evidently takes more: the rate doubles every `DOUBLING` seconds."""
DOUBLING = 10.0
"""Seconds."""
LATE = 0.01
"""Seconds by which something may be sent after its time without a loss: the next is then due as if it had been sent in
time. A timer fires a millisecond late, in which a rate of 6,000 single requests a second would lose six; and the event
loop may be busy for a turn. In no time is more sent than the rate allows for that time and these seconds."""
LOWEST = 1.0
"""Per second. A rate below this would send so little that the vendor's recovery would hardly ever be noticed."""


class Rate:
    """How many of one thing (pushes or requests) may be sent per second.

    They are sent at even intervals. When the vendor says "too fast" the rate is halved; it recovers as the constants of
    this module say, up to the vendor's figure. Times are loop seconds.
    """

    __slots__ = (
        "_before",
        "_count",
        "_low",
        "_most",
        "_next",
        "_peak",
        "_proved",
        "_second",
        "_since",
        "portion",
        "used",
    )

    def __init__(self, most: float | None) -> None:
        """`most`: per second; None or infinity where the vendor gives no figure."""
        self._most = math.inf if most is None else float(most)
        self.portion = math.inf
        """Per second: what this process may send of it, where other processes share it; see `share`."""
        self.used = 0.0
        """What was sent since somebody set it to 0; counted only where there is a figure that limits the rate."""
        self._peak: float | None = None  # the rate that was too fast; None: it was never too fast, or has recovered
        self._low = 0.0  # the rate just after it was lowered
        self._proved = False  # the vendor accepted something that was sent since then
        self._since = -math.inf  # when it was lowered last
        self._next = -math.inf  # when the next may be sent
        self._second = 0  # the whole second that `_count` belongs to
        self._count = self._before = 0.0  # sent in this second and in the one before

    @property
    def most(self) -> float:
        """The vendor's figure, for all processes together; infinity where it gives none."""
        return self._most

    def share(self, now: float, portion: float) -> None:
        """Other processes send too: from now on `portion` per second is for this one. Who waits already waits for as
        much longer or shorter as that is less or more than before."""
        before, self.portion = self.current(now), portion
        if self._next > now:
            self._next = now + (self._next - now) * before / self.current(now)

    def current(self, now: float) -> float:
        """The rate per second that holds now for this process; infinity where nothing limits it."""
        return min(self._current(now), self.portion)

    def _current(self, now: float) -> float:
        if self._peak is None:
            return self._most
        steps = math.floor(now - self._since)
        goal = NEARLY * self._peak
        climb, rate = _climb(self._low, goal, steps)
        share = NEARLY + CREEP * max(0.0, now - self._since - climb)
        if rate >= goal:
            rate = self._peak * min(share, CREPT)
        if share > CREPT:
            doublings = (share - CREPT) / CREEP / DOUBLING
            rate *= 2.0 ** min(doublings, 64.0)
            if doublings > 24 or rate >= self._most:
                self._peak = None  # no complaint for long enough: recovered
                return self._most
        return min(rate, self._most)

    @property
    def is_limited(self) -> bool:
        """Whether there is a figure that limits it: the vendor's, or one that was lowered."""
        return self._peak is not None or self._most < math.inf

    @property
    def is_recovering(self) -> bool:
        """Whether it was lowered and is not yet back at the vendor's figure."""
        return self._peak is not None

    def delay(self, now: float, borrow: float = 0.0) -> float:
        """Seconds until the next may be sent. `borrow`: seconds of the later rate that may be used in advance."""
        return max(0.0, self._next - borrow - now)

    def spend(self, now: float, amount: float) -> None:
        """`amount` are sent now."""
        if int(now) != self._second:
            self._count_from(now)
        self._count += amount
        if self._peak is not None or self._most < math.inf:
            due = self._next if now - self._next <= LATE else now
            self._next = due + amount / self.current(now)
            self.used += amount

    def slow_down(self, now: float, sent_at: float) -> bool:
        """The vendor said "too fast" to what was sent at `sent_at`.

        False: it was sent before the rate was lowered last, so nothing changes.
        """
        if sent_at < self._since:
            return False
        self._count_from(now)
        sent = self._count + self._before * (self._second + 1 - now)  # in the last second, estimated
        rate = max(min(self.current(now), max(sent, self._count)), 2 * LOWEST)
        if self._peak is None or self._proved:
            self._peak = rate  # without an acceptance in between, this rate says nothing new about the limit
        self._proved = False
        self._low = rate / 2
        self._since = now
        return True

    def went_well(self, sent_at: float) -> None:
        """The vendor accepted what was sent at `sent_at`."""
        self._proved = self._proved or sent_at >= self._since

    def _count_from(self, now: float) -> None:
        second = math.floor(now)
        if second != self._second:
            self._before = self._count if second == self._second + 1 else 0.0
            self._count = 0.0
            self._second = second


def _climb(low: float, goal: float, steps: int) -> tuple[float, float]:
    """Seconds from `low` to `goal`, and the rate after `steps` steps of one second.

    From half of the goal the steps are even; from further below (several complaints in a row) each step doubles it.
    """
    if low >= 0.45 * goal:
        return RECOVERY, goal if steps >= RECOVERY else low + (goal - low) * steps / RECOVERY
    needed = math.ceil(math.log2(goal / low))
    return float(needed), goal if steps >= needed else low * 2.0**steps
