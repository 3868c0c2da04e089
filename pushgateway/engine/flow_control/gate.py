"""`Gate`: whether and when a request of one certificate may go to one of a vendor's servers, and how large it may be.

It combines the rates, the circuit breaker and the daily quotas of one endpoint, learns from what came of each request,
and reports what changes to observers. It does not wait: the endpoint asks `delay` and waits itself. Pushes wait for a
rate and for the end of an outage; where waiting cannot help (the daily quota is used up, the credentials are refused)
`obstacle` says so, and the push gets its outcome without a request.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from pushgateway.engine.flow_control.breaker import Breaker
from pushgateway.engine.flow_control.quota import Quotas
from pushgateway.engine.flow_control.rate import Rate
from pushgateway.engine.flow_control.refused_contents import RefusedContents
from pushgateway.engine.flow_control.retry_budget import RetryBudget
from pushgateway.engine.flow_control.size_limit import SizeLimit
from pushgateway.model.outcome import Outcome
from pushgateway.model.reason import Reason, Status
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import (
    SAVED_CONTENTS,
    BreakerChanged,
    BreakerState,
    QuotaLatched,
    QuotaReleased,
    RateChanged,
)
from pushgateway.vendor import Rates
from pushgateway.vendor.refusals import NoVerdict, Refused

URGENT_LOAN = 1.0
"""Seconds of the rate that urgent pushes may use in advance, so that they need not wait behind bulk."""
REQUESTS = 10.0
"""Requests per second into which a limited rate of pushes is cut."""
REQUESTS_OF_ONE = 1.0
"""The same at vendors whose requests hold one notification each: at most a second of the rate goes into a request. Cut
into tenths, 100,000 phones at 3,000 a second would cost 334 requests instead of 100, and a push with another
notification waits no longer, because it needs a request of its own in any case."""


class SharedLimits(Protocol):
    """What a gate reports to the other processes that send with its certificate."""

    def admitted(self) -> None:
        """A request was admitted by a limited rate."""

    def delayed(self, seconds: float) -> None:
        """Pushes wait for a rate, for so long."""

    def closed(self, quota: str, seconds: float) -> None:
        """The vendor says that a quota is closed for so long; `SAVED_CONTENTS` for that of saved contents."""

    def answered_again(self) -> None:
        """The vendor answers again after an outage, or takes the credentials again."""


class Permit:
    """Permission for one request, from `Gate.admit`: given back to the gate with what came of the request."""

    __slots__ = ("at", "is_answered", "probe", "pushes")

    def __init__(self, at: float, pushes: int, probe: bool) -> None:
        self.at = at
        """Loop seconds at which it was given."""
        self.pushes = pushes
        self.probe = probe
        """The request tests whether the vendor works again."""
        self.is_answered = False
        """The gate knows what came of the request."""


class Gate:
    """Decides whether a request of this endpoint may be sent now: rate limits, daily quotas and circuit breaker.

    Times are loop seconds. Each request gets a `Permit` from `admit`; then comes at most one of `answered` and
    `failed`, and always `release`.
    """

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
        """`clock`: wall clock, epoch seconds. `day_offset`: seconds east of UTC of the vendor's day."""
        self._labels = {"certificate_id": certificate_id, "brand": brand, "region": region}
        self._emitter = emitter
        self._clock = clock
        self._rng = rng
        self._pushes, self._requests = Rate(rates.pushes), Rate(rates.requests)
        self.shared: SharedLimits | None = None
        """Where other processes share the limits of this endpoint: who reports to them."""
        self._breaker = Breaker()
        self._quotas = Quotas(day_offset)
        self._saving = Quotas(day_offset)
        self._pause_until = -math.inf
        self._usual_seconds = 0.0  # that an answer takes: a moving average
        self.seconds_needed = 0.0
        """Seconds that a push must have left to be sent now: 1.5 times what an answer usually takes.

        Without this, pushes would be sent in an overload just before their deadlines, delay others and get no answer in
        time.
        """
        self._reported_rate: float | None = None  # the last one that observers got, while the rate recovers
        self.is_free = not (self._pushes.is_limited or self._requests.is_limited)
        """Nothing delays a request or makes it smaller: there is no rate, no pause, and no failure counts against the
        vendor. A plain attribute, because it is read for each request; False may be out of date, True is not."""
        self.may_refuse = False
        """Whether `obstacle` can give anything but None; a plain attribute, because it is read for every push."""
        self.budget = RetryBudget(now)
        self.contents = RefusedContents()
        self.size_limit = SizeLimit()
        """Of requests with pushes, in units of `Vendor.weigh`."""
        self.list_limit = SizeLimit()
        """Of requests with a list of tokens or aliases, in characters of the list."""

    # Before a request

    def obstacle(self, now: float, quota: str, deadline: float = math.inf) -> Refused | None:
        """Why waiting cannot help a push of this class of quota that must be sent before `deadline`. None: it can."""
        breaker = self._breaker
        if breaker.refusal is not None and breaker.is_open(now):
            why = breaker.refusal
            detail = f"not asked again for now, {why.detail or 'the vendor refused the credentials'}"
            return Refused(why.reason, why.code, why.message, max(0.0, breaker.until - now), detail)
        if self._quotas and (seconds := self._quota_seconds(now, quota)) > 0:
            return Refused(Reason.QUOTA_EXCEEDED, retry_after=seconds, detail="the quota is used up, or closed for now")
        if breaker.until > deadline and breaker.is_open(now):
            detail = f"the vendor is not there: {breaker.detail}"
            return Refused(Reason.UNAVAILABLE, retry_after=breaker.until - now, detail=detail)
        return None

    def delay(self, now: float, *, urgent: bool = False) -> float:
        """Seconds until a request may be sent; infinity while a probe is under way, whose end decides."""
        if self._breaker.refusal is None and (delay := self._breaker.delay(now)) > 0:
            return delay
        loan = URGENT_LOAN if urgent else 0.0
        return max(self._pause_until - now, self._pushes.delay(now, loan), self._requests.delay(now, loan), 0.0)

    def note_wait(self, now: float) -> None:
        """Pushes wait. If a rate is what they wait for longest, other processes may leave more of it."""
        if self.shared is None:
            return
        rates = max(self._pushes.delay(now), self._requests.delay(now))
        if rates > max(0.0, self._breaker.delay(now), self._pause_until - now):
            self.shared.delayed(rates)

    def why(self, now: float) -> str:
        """What delays pushes now, in words; empty when nothing does."""
        if self._breaker.state is not BreakerState.CLOSED:
            return f"the vendor is not there: {self._breaker.detail}"
        if self._pause_until > now:
            return "the vendor asked us to pause"
        return "the vendor's rate is used up" if self.delay(now) > 0 else ""

    def next_size(self, now: float, size: int, *, mixed: bool = True) -> int:
        """How many pushes the next request may carry, at most `size`. `mixed`: as in `Batching`."""
        if self._breaker.may_probe(now) or self._breaker.is_in_doubt:
            return 1
        pushes = self._pushes.current(now)
        if pushes == math.inf:
            return size
        most = REQUESTS if mixed else REQUESTS_OF_ONE
        return max(1, min(size, int(pushes / min(self._requests.current(now), most))))

    def admit(self, now: float, pushes: int) -> Permit:
        """Count a request with so many pushes that is sent now."""
        self._pushes.spend(now, pushes)
        self._requests.spend(now, 1)
        if self.is_free:
            return Permit(now, pushes, probe=False)
        if self.shared is not None:
            self.shared.admitted()
        probe = self._breaker.admit(now)
        if probe:
            self._report_breaker(now)
        reported = self._reported_rate
        if reported is not None and abs(self._pushes.current(now) - reported) > 0.1 * reported:
            self._report_rate(now)
        return Permit(now, pushes, probe)

    def may_save(self, now: float) -> bool:
        """Whether contents may be saved: their quota is not used up."""
        if not self._saving:
            return True
        for _ in self._saving.pop_ended(now, self._clock()):
            self._emitter.emit(QuotaReleased(**self._labels, quota=SAVED_CONTENTS))
        return not self._saving

    def count_save(self, now: float) -> None:
        """Count a request that saves a content and carries no push. It waits for nothing: its batch may leave."""
        self._requests.spend(now, 1)

    # After a request

    def answered(self, now: float, permit: Permit, outcomes: Iterable[Outcome], quota: str) -> None:
        """The vendor answered, with these outcomes. `quota`: the class of quota of the pushes."""
        permit.is_answered = True
        self._usual_seconds += (0.2 if self._usual_seconds else 1.0) * (now - permit.at - self._usual_seconds)
        self.seconds_needed = 1.5 * self._usual_seconds
        rejected = Status.REJECTED  # enum members are looked up in Python
        reasons: list[Reason | None] = []
        closed_for: float | None = None
        for outcome in outcomes:
            if outcome.status is rejected:
                reasons.append(outcome.reason)
                if outcome.reason is Reason.QUOTA_EXCEEDED:
                    closed_for = outcome.retry_after
        if self.is_free and not reasons:
            return
        self._close_breaker(now)
        if reasons and 2 * reasons.count(Reason.RATE_LIMITED) > permit.pushes:  # of a few, it is about their phones
            self._slow_down(now, permit, 0.0)
        else:
            self._pushes.went_well(permit.at)
            self._requests.went_well(permit.at)
        if reasons and Reason.QUOTA_EXCEEDED in reasons:
            self._use_up(now, quota, permit, closed_for)
        rates = (self._pushes, self._requests)
        self.is_free = self._breaker.is_clean and self._pause_until <= now and not any(one.is_limited for one in rates)

    def failed(
        self, now: float, permit: Permit, error: Refused | NoVerdict, quota: str, content: int | None = None
    ) -> None:
        """The request was refused as a whole, or there was no verdict. `content`: as in `Breaker.refused`."""
        permit.is_answered = True
        self.is_free = False
        if isinstance(error, NoVerdict) or error.reason is Reason.UNAVAILABLE:
            if self._breaker.failed(now, self._rng.random, error.detail or "unavailable", probe=permit.probe):
                self._report_breaker(now)
            return
        if error.reason is Reason.CREDENTIALS:
            refusal = error.with_traceback(None)
            if self._breaker.refused(now, self._rng.random, refusal, probe=permit.probe, content=content):
                self._report_breaker(now)
            return
        self._close_breaker(now)
        if error.reason is Reason.RATE_LIMITED:
            self._slow_down(now, permit, error.retry_after or 0.0)
        if error.reason is Reason.QUOTA_EXCEEDED:
            self._use_up(now, quota, permit, error.retry_after)

    def saving_used_up(self, now: float, refused: Refused) -> None:
        """The quota of saved contents is used up: pushes go alone as long as it is closed."""
        self._close_breaker(now)
        if self.may_save(now):
            seconds = self._closed(self._saving, "", now, refused.retry_after)
            self._emitter.emit(QuotaLatched(**self._labels, quota=SAVED_CONTENTS, seconds=seconds, pushes=0))
            if self.shared is not None:
                self.shared.closed(SAVED_CONTENTS, seconds)

    def release(self, now: float, permit: Permit) -> None:
        """The request has ended. Without `answered` or `failed` before, it was cut off or never sent, and a probe has
        shown nothing."""
        if permit.probe and not permit.is_answered:
            self._breaker.give_up()
            self._report_breaker(now)

    # What other processes say

    @property
    def rates(self) -> tuple[Rate, Rate]:
        """Of pushes and of requests."""
        return self._pushes, self._requests

    def close(self, now: float, quota: str, seconds: float) -> None:
        """Another process has learned that a quota is closed for so long; `SAVED_CONTENTS` for that of saved contents.
        Of two ends the later one holds."""
        saving = quota == SAVED_CONTENTS
        quotas, key = (self._saving, "") if saving else (self._quotas, quota)
        wall = self._clock()
        left = quotas.seconds_left(key, now, wall)
        seconds = quotas.close(key, now, wall, max(left, seconds))
        if left > 0:
            return
        self._update_may_refuse()
        self._emitter.emit(QuotaLatched(**self._labels, quota=quota, seconds=seconds, pushes=0))

    def reopen(self, now: float, quota: str) -> None:
        """Somebody says that a quota is open again."""
        quotas, key = (self._saving, "") if quota == SAVED_CONTENTS else (self._quotas, quota)
        if quotas.open(key):
            self._update_may_refuse()
            self._emitter.emit(QuotaReleased(**self._labels, quota=quota))

    def answered_elsewhere(self, now: float, at: float) -> bool:
        """Another process has had an answer at this time, after an outage. True: a probe may be sent now instead of
        later."""
        return self._breaker.answered_elsewhere(now, at)

    def closed_quotas(self, now: float) -> Iterator[tuple[str, float]]:
        """The closed quotas, and for how many seconds."""
        wall = self._clock()
        yield from self._quotas.closed(now, wall)
        yield from ((SAVED_CONTENTS, seconds) for _, seconds in self._saving.closed(now, wall))

    # What changes

    def replaced(self) -> None:
        """Another gate takes its place: report that this one's breaker is closed and its quotas are released."""
        if self._breaker.answered():
            self._report_breaker(0.0)
        for quota in self._quotas.pop_ended(math.inf, math.inf):
            self._emitter.emit(QuotaReleased(**self._labels, quota=quota))
        for _ in self._saving.pop_ended(math.inf, math.inf):
            self._emitter.emit(QuotaReleased(**self._labels, quota=SAVED_CONTENTS))

    def _close_breaker(self, now: float) -> None:
        if self._breaker.answered():
            self._report_breaker(now)
            if self.shared is not None:
                self.shared.answered_again()

    def _slow_down(self, now: float, permit: Permit, pause: float) -> None:
        self._pause_until = max(self._pause_until, now + pause)
        slower = self._pushes.slow_down(now, permit.at)
        if self._requests.slow_down(now, permit.at) or slower:
            self._report_rate(now)

    def _report_rate(self, now: float) -> None:
        pushes, requests = self._pushes.current(now), self._requests.current(now)
        self._reported_rate = pushes if self._pushes.is_recovering else None
        self._emitter.emit(RateChanged(**self._labels, pushes_per_second=pushes, requests_per_second=requests))

    def _use_up(self, now: float, quota: str, permit: Permit, closed_for: float | None) -> None:
        if self._quotas.seconds_left(quota, now, self._clock()) > 0:
            return
        seconds = self._closed(self._quotas, quota, now, closed_for)
        self.may_refuse = True
        self._emitter.emit(QuotaLatched(**self._labels, quota=quota, seconds=seconds, pushes=permit.pushes))
        if self.shared is not None:
            self.shared.closed(quota, seconds)

    def _closed(self, quotas: Quotas, quota: str, now: float, closed_for: float | None) -> float:
        """Close a quota for the seconds that the vendor names, otherwise until its midnight; for how many seconds."""
        wall = self._clock()
        if closed_for is not None and 0 < closed_for < math.inf:
            return quotas.close(quota, now, wall, closed_for)
        return quotas.use_up(quota, now, wall, self._rng.random())

    def _quota_seconds(self, now: float, quota: str) -> float:
        wall = self._clock()
        for ended in self._quotas.pop_ended(now, wall):
            self._emitter.emit(QuotaReleased(**self._labels, quota=ended))
        self._update_may_refuse()
        return self._quotas.seconds_left(quota, now, wall)

    def _update_may_refuse(self) -> None:
        self.may_refuse = self._breaker.state is not BreakerState.CLOSED or bool(self._quotas)

    def _report_breaker(self, now: float) -> None:
        self._update_may_refuse()
        breaker = self._breaker
        refusal, reason = breaker.refusal, None
        if breaker.state is not BreakerState.CLOSED:
            reason = Reason.UNAVAILABLE if refusal is None else refusal.reason
        changed = BreakerChanged(
            **self._labels,
            state=breaker.state,
            reason=reason,
            vendor_code=None if refusal is None else refusal.code,
            seconds=max(0.0, breaker.until - now) if breaker.state is BreakerState.OPEN else 0.0,
        )
        self._emitter.emit(changed, breaker.detail if reason is not None else "")
