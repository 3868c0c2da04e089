"""The gate before one of a vendor's servers: whether a request of one certificate may leave now, and how big.

Law of this file: it puts `limits` together for one region and tells observers what changes. It is told what leaves and
what came of it, and waits for nobody. Pushes wait for the rate and for the end of an outage; those for which waiting
would be in vain (the day is used up, the credentials are refused) are answered here, without a request.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable

from pushgateway.engine.flow_control.limits import Breaker, Contents, Quotas, Rate, RetryBudget, SizeLimit
from pushgateway.model.errors import NoVerdict, Refused
from pushgateway.model.outcome import Outcome, Reason, Status
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import BreakerChanged, BreakerState, QuotaLatched, QuotaReleased, RateChanged
from pushgateway.vendor import Rates

URGENT_LOAN = 1.0
"""Seconds of the rate that urgent pushes may take in advance, so that they need not wait behind bulk."""
REQUESTS = 10.0
"""Requests a second into which a limited rate of pushes is cut."""


class Leave:
    """One request that left through the gate; what came of it is told with it."""

    __slots__ = ("at", "probe", "pushes", "told")

    def __init__(self, at: float, pushes: int, probe: bool) -> None:
        self.at = at
        self.pushes = pushes
        self.probe = probe  # it finds out whether the vendor is back
        self.told = False  # what came of it is known


class Gate:
    """May it leave?"""

    def __init__(
        self,
        certificate_id: str,
        brand: str,
        region: str,
        *,
        rates: Rates,
        day_offset: float,
        emitter: Emitter,
        clock: Callable[[], float],
        rng: random.Random,
        now: float,
    ) -> None:
        """`clock`: wall clock, epoch seconds; all other times are the loop's."""
        self._whose = {"certificate_id": certificate_id, "brand": brand, "region": region}
        self._emitter = emitter
        self._clock = clock
        self._rng = rng
        self._pushes, self._requests = Rate(rates.pushes), Rate(rates.requests)
        self._breaker = Breaker()
        self._quotas = Quotas(day_offset)
        self._pause_until = -math.inf
        self._usual = 0.0  # seconds that an answer takes
        self._told_rate: float | None = None  # what observers think, while it comes back from being too fast
        self.is_troubled = False
        """Whether `obstacle` may have anything to say; a plain attribute, because it is looked at for every push."""
        self.budget = RetryBudget(now)
        self.contents = Contents()
        self.size_limit = SizeLimit()
        """Of requests with pushes, in units of `Vendor.weigh`."""
        self.list_limit = SizeLimit()
        """Of requests with a list of tokens or aliases, in characters of the list."""

    # Before

    def obstacle(self, now: float, quota: str, deadline: float = math.inf) -> Refused | None:
        """Why waiting for a request would be in vain, if so: for a push of this quota that must be there by then."""
        breaker = self._breaker
        if breaker.refusal is not None and breaker.is_open(now):
            why = breaker.refusal
            detail = f"not asked again for now, {why.detail or 'the vendor refused the credentials'}"
            return Refused(why.reason, why.code, why.message, max(0.0, breaker.until - now), detail)
        if self._quotas and (left := self._quota_left(now, quota)) > 0:
            return Refused(Reason.QUOTA_EXCEEDED, retry_after=left, detail="the day's quota is used up")
        if breaker.until > deadline and breaker.is_open(now):
            detail = f"the vendor is not there: {breaker.detail}"
            return Refused(Reason.UNAVAILABLE, retry_after=breaker.until - now, detail=detail)
        return None

    def delay(self, now: float, *, urgent: bool = False) -> float:
        """Seconds until a request may leave; infinity until something is heard from one that is under way."""
        if self._breaker.refusal is None and (delay := self._breaker.delay(now)) > 0:
            return delay
        loan = URGENT_LOAN if urgent else 0.0
        return max(self._pause_until - now, self._pushes.delay(now, loan), self._requests.delay(now, loan), 0.0)

    def why(self, now: float) -> str:
        """What holds pushes up, in words; empty when nothing does."""
        if self._breaker.state is not BreakerState.CLOSED:
            return f"the vendor is not there: {self._breaker.detail}"
        if self._pause_until > now:
            return "the vendor asked us to pause"
        return "the vendor's rate is used up" if self.delay(now) > 0 else ""

    def room(self, now: float, size: int) -> int:
        """Pushes that the next request may carry, `size` at the most."""
        if self._breaker.may_try(now) or self._breaker.is_in_doubt:
            return 1
        pushes = self._pushes.current(now)
        if pushes == math.inf:
            return size
        return max(1, min(size, int(pushes / min(self._requests.current(now), REQUESTS))))

    def leaves(self, now: float, pushes: int) -> Leave:
        """A request with so many pushes leaves."""
        probe = self._breaker.leaves(now)
        if probe:
            self._tell_breaker(now)
        self._pushes.spend(now, pushes)
        self._requests.spend(now, 1)
        if self._told_rate is not None and abs(self._pushes.current(now) - self._told_rate) > 0.1 * self._told_rate:
            self._tell_rate(now)
        return Leave(now, pushes, probe)

    @property
    def needed(self) -> float:
        """Seconds that a push must have left to leave now: half as much again as an answer usually takes.

        In an overload pushes would leave in their last moments otherwise, keep others from leaving in time, and nobody
        would hear of them.
        """
        return 1.5 * self._usual

    # After

    def heard(self, now: float, leave: Leave, outcomes: Iterable[Outcome], quota: str) -> None:
        """An answer about each push came."""
        leave.told = True
        self._usual += (0.2 if self._usual else 1.0) * (now - leave.at - self._usual)
        rejected = Status.REJECTED  # enum members are looked up in Python
        reasons = [outcome.reason for outcome in outcomes if outcome.status is rejected]
        self._answered(now)
        if reasons and 2 * reasons.count(Reason.RATE_LIMITED) > leave.pushes:  # of a few, it is about their phones
            self._slow_down(now, leave, 0.0)
        else:
            self._pushes.went_well(leave.at)
            self._requests.went_well(leave.at)
        if reasons and Reason.QUOTA_EXCEEDED in reasons:
            self._use_up(now, quota, leave)

    def failed(
        self, now: float, leave: Leave, error: Refused | NoVerdict, quota: str, content: int | None = None
    ) -> None:
        """The request was refused as a whole, or there was no verdict. `content`: as in `Breaker.refused`."""
        leave.told = True
        if isinstance(error, NoVerdict) or error.reason is Reason.UNAVAILABLE:
            if self._breaker.failed(now, self._rng.random, error.detail or "unavailable", probe=leave.probe):
                self._tell_breaker(now)
            return
        if error.reason is Reason.CREDENTIALS:
            refusal = error.with_traceback(None)
            if self._breaker.refused(now, self._rng.random, refusal, probe=leave.probe, content=content):
                self._tell_breaker(now)
            return
        self._answered(now)
        if error.reason is Reason.RATE_LIMITED:
            self._slow_down(now, leave, error.retry_after or 0.0)
        if error.reason is Reason.QUOTA_EXCEEDED:
            self._use_up(now, quota, leave)

    def over(self, now: Callable[[], float], leave: Leave) -> None:
        """Its end. Where nothing was told of it, it was cut off or never left, and nothing was learned."""
        if leave.probe and not leave.told:
            self._breaker.give_up()
            self._tell_breaker(now())

    # What changes

    def replaced(self) -> None:
        """Another gate takes its place: nothing of what observers were told of this one holds any more."""
        self._answered(0.0)
        for quota in self._quotas.over(math.inf, math.inf):
            self._emitter.emit(QuotaReleased(**self._whose, quota=quota))

    def _answered(self, now: float) -> None:
        if self._breaker.answered():
            self._tell_breaker(now)

    def _slow_down(self, now: float, leave: Leave, pause: float) -> None:
        self._pause_until = max(self._pause_until, now + pause)
        slower = self._pushes.slow_down(now, leave.at)
        if self._requests.slow_down(now, leave.at) or slower:
            self._tell_rate(now)

    def _tell_rate(self, now: float) -> None:
        pushes, requests = self._pushes.current(now), self._requests.current(now)
        self._told_rate = pushes if self._pushes.recovers else None
        self._emitter.emit(RateChanged(**self._whose, pushes_per_second=pushes, requests_per_second=requests))

    def _use_up(self, now: float, quota: str, leave: Leave) -> None:
        wall = self._clock()
        if self._quotas.left(quota, now, wall) > 0:
            return
        seconds = self._quotas.use_up(quota, now, wall, self._rng.random())
        self.is_troubled = True
        self._emitter.emit(QuotaLatched(**self._whose, quota=quota, seconds=seconds, pushes=leave.pushes))

    def _quota_left(self, now: float, quota: str) -> float:
        wall = self._clock()
        for over in self._quotas.over(now, wall):
            self._emitter.emit(QuotaReleased(**self._whose, quota=over))
        self._look()
        return self._quotas.left(quota, now, wall)

    def _look(self) -> None:
        self.is_troubled = self._breaker.state is not BreakerState.CLOSED or bool(self._quotas)

    def _tell_breaker(self, now: float) -> None:
        self._look()
        breaker = self._breaker
        refusal, reason = breaker.refusal, None
        if breaker.state is not BreakerState.CLOSED:
            reason = Reason.UNAVAILABLE if refusal is None else refusal.reason
        changed = BreakerChanged(
            **self._whose,
            state=breaker.state,
            reason=reason,
            vendor_code=None if refusal is None else refusal.code,
            seconds=max(0.0, breaker.until - now) if breaker.state is BreakerState.OPEN else 0.0,
        )
        self._emitter.emit(changed, breaker.detail if reason is not None else "")
