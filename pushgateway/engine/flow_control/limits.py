"""How much a vendor takes, and when it takes nothing.

Law of this file: pure; times and chances are handed in. `Rate` knows how fast, `Breaker` whether the vendor is there
and wants us, `Quotas` whether the day's share is used up, `RetryBudget` how much may be tried again. None of them
knows what a push is.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator

from pushgateway.model.errors import Refused
from pushgateway.observe.events import BreakerState

# Rate

RECOVERY = 2.0
"""Seconds from half the rate back to nearly all of it, in steps of a second."""
NEARLY = 0.97
"""The share of the rate that was too much to which it is raised quickly."""
CREEP = 0.005
"""From there on it is raised by this share of that rate each second: too fast is found out again, but seldom."""
CREPT = 1.05
"""Beyond this share there is evidently more room: the rate doubles every `DOUBLING` seconds."""
DOUBLING = 10.0
LOWEST = 1.0
"""A second; slower than this the vendor's word would never be heard again."""


class Rate:
    """The pace of one thing, pushes or requests: even steps below the vendor's figure, slower when it complains."""

    __slots__ = ("_before", "_count", "_low", "_most", "_next", "_peak", "_proved", "_second", "_since")

    def __init__(self, most: float | None) -> None:
        """`most` a second; None or infinity: the vendor names no figure."""
        self._most = math.inf if most is None else float(most)
        self._peak: float | None = None  # the rate that was too much, None when there is nothing to recover from
        self._low = 0.0  # what it was lowered to
        self._proved = False  # something went well since
        self._since = -math.inf  # when that was
        self._next = -math.inf  # when the next may leave
        self._second = 0  # what really left, by whole seconds
        self._count = self._before = 0.0

    def current(self, now: float) -> float:
        """A second, in force now; infinity where nothing limits it."""
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
                self._peak = None  # nothing was heard of it for long enough
                return self._most
        return min(rate, self._most)

    @property
    def recovers(self) -> bool:
        """Whether it comes back from having been too fast."""
        return self._peak is not None

    def delay(self, now: float, borrow: float = 0.0) -> float:
        """Seconds until the next may leave; `borrow` so many seconds of what comes later."""
        return max(0.0, self._next - borrow - now)

    def spend(self, now: float, amount: float) -> None:
        """So many leave now."""
        self._turn_to(now)
        self._count += amount
        rate = self.current(now)
        if rate < math.inf:
            self._next = max(self._next, now) + amount / rate

    def slow_down(self, now: float, left_at: float) -> bool:
        """The vendor said "too fast" to what left at `left_at`. False: that was before it was slowed down last."""
        if left_at < self._since:
            return False
        self._turn_to(now)
        left = self._count + self._before * (self._second + 1 - now)  # in the second before, as well as can be told
        rate = max(min(self.current(now), max(left, self._count)), 2 * LOWEST)
        if self._peak is None or self._proved:
            self._peak = rate  # otherwise nothing is known but that it complains
        self._proved = False
        self._low = rate / 2
        self._since = now
        return True

    def went_well(self, left_at: float) -> None:
        """The vendor took what left at `left_at`."""
        self._proved = self._proved or left_at >= self._since

    def _turn_to(self, now: float) -> None:
        second = math.floor(now)
        if second != self._second:
            self._before = self._count if second == self._second + 1 else 0.0
            self._count = 0.0
            self._second = second


def _climb(low: float, goal: float, steps: int) -> tuple[float, float]:
    """Seconds from `low` to `goal`, and the rate after so many steps of a second.

    From a half it is even steps; from further below, after complaint upon complaint, it doubles with each.
    """
    if low >= 0.45 * goal:
        return RECOVERY, goal if steps >= RECOVERY else low + (goal - low) * steps / RECOVERY
    needed = math.ceil(math.log2(goal / low))
    return float(needed), goal if steps >= needed else low * 2.0**steps


# Breaker

FAILURES = 5
"""Requests in a row without a readable answer before the vendor counts as gone."""
SEVERAL = -1
"""In the place of a content's number: the request held several."""
DOUBTS = 3
"""Requests with several contents refused in a row before the next ones carry one push each."""
OUTAGE_PAUSES = (1.0, 15.0)
"""Seconds until it is tried again: doubling from, up to. So half a minute after an outage everything flows again."""
CREDENTIALS_PAUSES = (60.0, 300.0)
"""The same after it refused our credentials, which a person has to mend."""


class Breaker:
    """Whether the vendor is there and wants us. Open, one request at a time finds out whether it is over.

    Two kinds of open: an outage, after which pushes wait, and refused credentials (`refusal`), after which pushes are
    answered here.
    """

    def __init__(self) -> None:
        self.state = BreakerState.CLOSED
        self._contents: set[int] = set()  # whose refusals without a code came since the last answer
        self._together = 0  # such refusals of several contents together
        self.until = 0.0
        """When it may be tried, if it is open."""
        self.refusal: Refused | None = None
        """What the vendor said, where it refused our credentials."""
        self.detail = ""
        """What was wrong last, in words."""
        self._failures = 0
        self._pause = 0.0

    def is_open(self, now: float) -> bool:
        """Whether nothing may leave now."""
        return self.state is not BreakerState.CLOSED and not self.may_try(now)

    def may_try(self, now: float) -> bool:
        """Whether it is open and one request may find out."""
        return self.state is BreakerState.OPEN and now >= self.until

    def delay(self, now: float) -> float:
        """Seconds until something may leave; infinity while somebody is finding out."""
        if self.state is BreakerState.HALF_OPEN:
            return math.inf
        return max(0.0, self.until - now) if self.state is BreakerState.OPEN else 0.0

    def leaves(self, now: float) -> bool:
        """A request leaves. True: it is the one that finds out."""
        if not self.may_try(now):
            return False
        self.state = BreakerState.HALF_OPEN
        return True

    def give_up(self) -> None:
        """The one that was to find out came to no end: let the next one try."""
        if self.state is BreakerState.HALF_OPEN:
            self.state = BreakerState.OPEN

    def answered(self) -> bool:
        """The vendor gave a readable answer that is not about our credentials. True: this closed the breaker."""
        was, self.state = self.state, BreakerState.CLOSED
        self._failures, self._pause, self.refusal = 0, 0.0, None
        if self._contents or self._together:
            self._contents.clear()
            self._together = 0
        return was is not BreakerState.CLOSED

    def failed(self, now: float, chance: Callable[[], float], detail: str, *, probe: bool) -> bool:
        """No readable answer, or "unavailable". True: this opened it, or kept it open."""
        self._failures += 1
        if self.state is BreakerState.CLOSED and self._failures < FAILURES:
            return False
        if self.state is not BreakerState.CLOSED and not probe:
            return False  # left before it was opened
        self.detail = detail
        self._open(now, chance, OUTAGE_PAUSES if self.refusal is None else CREDENTIALS_PAUSES)
        return True

    @property
    def is_in_doubt(self) -> bool:
        """Whether requests with several contents were refused in a row, without a code of the vendor's: credentials or
        contents? Only requests with one content can tell."""
        return self._together >= DOUBTS

    def refused(
        self, now: float, chance: Callable[[], float], refusal: Refused, *, probe: bool, content: int | None = None
    ) -> bool:
        """Our credentials were refused. True: this opened the breaker, or kept it open.

        `content`: a number for the only text that the request held, `SEVERAL` where it held several, None where no text
        was in play (a login). Without a code of the vendor's own a firewall before the vendor may have judged the
        text, so it takes such answers to `FAILURES` different texts, each alone, and none else in between.
        """
        if refusal.code is None and content is not None:
            if content == SEVERAL:
                self._together += 1
            is_new = content != SEVERAL and content not in self._contents
            if is_new and len(self._contents) < FAILURES:
                self._contents.add(content)
            if not is_new or len(self._contents) < FAILURES:
                if probe and self.state is BreakerState.HALF_OPEN:
                    self.state, self.until = BreakerState.OPEN, now + OUTAGE_PAUSES[0]  # the next one finds out
                    return True
                return False
        self._failures += 1
        if self.state is not BreakerState.CLOSED and self.refusal is not None and not probe:
            return False
        if self.refusal is None:
            self._pause = 0.0
        self.refusal = refusal
        self._open(now, chance, CREDENTIALS_PAUSES)
        return True

    def _open(self, now: float, chance: Callable[[], float], pauses: tuple[float, float]) -> None:
        least, most = pauses
        self._pause = min(max(2 * self._pause, least), most)
        self.state = BreakerState.OPEN
        self.until = now + self._pause * (0.8 + 0.2 * chance())


# Quotas

DAY = 86400.0
LATE = (10.0, 130.0)
"""Seconds after the vendor's midnight at which sending begins again, drawn: not every process at once, and not before
the vendor's own clock is there."""
YOUNG_DAY = 900.0
"""Seconds. A day that is said to be used up this soon after midnight is yesterday by the vendor's clock: it is believed
for as long, and then asked once more."""


class Quotas:
    """Which of the vendor's daily quotas are used up, and until when.

    By the wall clock, which may be wrong or step, and by the monotonic one, which may stand still while the machine
    sleeps: whichever says first that the day is over is believed. Asking once too early costs a request, waiting for a
    clock that was set back costs a day.
    """

    def __init__(self, day_offset: float) -> None:
        """`day_offset`: seconds east of UTC of the vendor's day."""
        self._day_offset = day_offset
        self._until: dict[str, tuple[float, float]] = {}  # epoch seconds, and on the loop's clock

    def __bool__(self) -> bool:
        return bool(self._until)

    def use_up(self, quota: str, now: float, wall: float, chance: float) -> float:
        """The vendor says that it is used up. Returns the seconds for which that is believed."""
        into_the_day = (wall + self._day_offset) % DAY
        least, most = LATE
        late = least + (most - least) * chance
        seconds = YOUNG_DAY + late if into_the_day < YOUNG_DAY else DAY - into_the_day + late
        self._until[quota] = wall + seconds, now + seconds
        return seconds

    def left(self, quota: str, now: float, wall: float) -> float:
        """Seconds for which it is used up still; 0 when there is something left."""
        until = self._until.get(quota)
        return 0.0 if until is None else max(0.0, min(until[0] - wall, until[1] - now))

    def over(self, now: float, wall: float) -> Iterator[str]:
        """Forget those whose day is over, and name them."""
        for quota in [quota for quota in self._until if self.left(quota, now, wall) <= 0]:
            del self._until[quota]
            yield quota


# What was learned of requests that were refused

CONTENT_PAUSE = 60.0
"""Seconds for which a notification that was refused is not asked about again."""
PROOFS = 5
"""Phones, each alone in its request, for which a notification was refused before the notification is to blame."""


class Contents:
    """Notifications that the vendor refuses whichever phone they are for.

    So one forbidden text to ten thousand phones costs a few requests, not twenty thousand. Keeps at most `MOST`.
    """

    MOST = 64
    _PROVED_GOOD = -1_000_000

    def __init__(self) -> None:
        self._known: OrderedDict[Hashable, tuple[int, float, Refused]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._known)

    def __contains__(self, content: Hashable) -> bool:
        return content in self._known

    def refused(self, content: Hashable, now: float, refusal: Refused, *, proofs: int = PROOFS) -> None:
        """It was refused. `proofs`: `PROOFS` where the vendor says that it is about the notification, 1 for a request
        to one phone, because the phone may be to blame, 0 for a request to several."""
        before = self._known.pop(content, None)
        count = proofs + (before[0] if before is not None and now < before[1] else 0)
        self._known[content] = count, now + CONTENT_PAUSE, refusal
        if len(self._known) > self.MOST:
            self._known.popitem(last=False)

    def taken(self, contents: Iterable[Hashable], now: float) -> None:
        """These were taken, so a refusal was about a phone."""
        while self._known and (first := next(iter(self._known.items())))[1][1] <= now:
            del self._known[first[0]]
        for content in contents:
            if (known := self._known.get(content)) is not None:
                self._known[content] = self._PROVED_GOOD, *known[1:]

    def refusal(self, content: Hashable, now: float) -> Refused | None:
        """What was said of it, while that holds."""
        known = self._known.get(content)
        return known[2] if known is not None and known[0] >= PROOFS and now < known[1] else None


SIZE_PAUSE = 3600.0
"""Seconds until a larger request is tried again."""
SIZE_TRIAL = 60.0
"""Seconds after that trial at which its size counts as good, if it was not refused."""


class SizeLimit:
    """The size of requests that the way to a vendor takes, as far as it was found out by refusals (HTTP 413).

    Sizes are in any unit, such as that of `Vendor.weigh` by which batches are cut. Every refusal halves the limit;
    after an hour one request of the double is tried, and so on until a request is as large as the plug-in allows.
    """

    def __init__(self) -> None:
        self._most = math.inf
        self._peak = 0.0  # the largest that was refused: beyond it nothing limits any more
        self._until = math.inf
        self._tried = False  # one request of the double, at `_until`

    @property
    def is_known(self) -> bool:
        """Whether there is one."""
        return self._most < math.inf

    def refused(self, now: float, size: float) -> None:
        """A request of this size, with more than one push, was too large."""
        self._peak = max(self._peak, size)
        self._most = min(self._most, size / 2)
        self._until = now + SIZE_PAUSE
        self._tried = False

    def current(self, now: float) -> float:
        """The size that the next request must keep to; infinity where nothing is known."""
        if now < self._until:
            return self._most
        if not self._tried:
            self._tried = True
            self._until = now + SIZE_TRIAL
            return 2 * self._most
        self._tried = False
        self._most *= 2
        self._until = now + SIZE_PAUSE
        if self._most > self._peak:
            self._most, self._until, self._peak = math.inf, math.inf, 0.0
        return self._most


# Retry budget


class RetryBudget:
    """How many requests may be repeats: a tenth of the first ones, and one a second. A storm of repeats is what keeps
    a vendor down."""

    SHARE = 0.1
    PER_SECOND = 1.0
    MOST = 60.0
    """Saved up at the most: what a quiet minute leaves, so that a few bad moments cost no push."""

    def __init__(self, now: float) -> None:
        self._left = self.MOST
        self._at = now

    def first(self) -> None:
        """A request with pushes that leave for the first time."""
        self._left = min(self._left + self.SHARE, self.MOST)

    def spend(self, now: float) -> bool:
        """Whether one more repeat is in the budget; if so, it is spent."""
        self._left = min(self._left + self.PER_SECOND * max(0.0, now - self._at), self.MOST)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
