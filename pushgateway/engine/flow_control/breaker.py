"""`Breaker`: the circuit breaker of an endpoint, for outages and for refused credentials.

Pure: times and chances are parameters. `gate.Gate` has one for each endpoint and reports its changes to observers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pushgateway.observe.events import BreakerState
from pushgateway.vendor.refusals import Refused

FAILURES = 5
"""Requests in a row without a readable answer, or answered "unavailable", after which the breaker opens."""
SEVERAL = -1
"""Given as `content` for a request that held several texts."""
DOUBTS = 3
"""Requests with several texts that are refused in a row, after which each request carries one push."""
OUTAGE_PAUSES = (1.0, 15.0)
"""Seconds until a probe: the first pause, doubled each time up to the second figure. So sending resumes at most half a
minute after an outage ends."""
CREDENTIALS_PAUSES = (60.0, 300.0)
"""The same after refused credentials, which a person has to correct."""


class Breaker:
    """Circuit breaker: open, it lets one request at a time through as a probe, which closes or reopens it.

    It opens for two causes: an outage, during which pushes wait, and refused credentials (`refusal` is set), during
    which pushes get their outcome at once. Times are loop seconds.
    """

    def __init__(self) -> None:
        self.state = BreakerState.CLOSED
        self._contents: set[int] = set()  # texts refused without a code since the last readable answer
        self._together = 0  # refusals of that kind for requests with several texts
        self.until = 0.0
        """Where it is open: when a probe may be sent."""
        self.refusal: Refused | None = None
        """The vendor's refusal of the credentials, where that is what opened it."""
        self.detail = ""
        """What the last failure was, in words."""
        self._failures = 0
        self._pause = 0.0
        self._opened_at = -math.inf

    @property
    def is_clean(self) -> bool:
        """Whether it is closed and no failure counts against the vendor."""
        return self.state is BreakerState.CLOSED and not (self._failures or self._contents or self._together)

    def is_open(self, now: float) -> bool:
        """Whether nothing may be sent now."""
        return self.state is not BreakerState.CLOSED and not self.may_probe(now)

    def may_probe(self, now: float) -> bool:
        """Whether it is open and one request may be sent as a probe."""
        return self.state is BreakerState.OPEN and now >= self.until

    def delay(self, now: float) -> float:
        """Seconds until a request may be sent; infinity while a probe is under way."""
        if self.state is BreakerState.HALF_OPEN:
            return math.inf
        return max(0.0, self.until - now) if self.state is BreakerState.OPEN else 0.0

    def admit(self, now: float) -> bool:
        """A request is sent. True: it is the probe."""
        if not self.may_probe(now):
            return False
        self.state = BreakerState.HALF_OPEN
        return True

    def answered_elsewhere(self, now: float, at: float) -> bool:
        """Another process has had an answer at this time: if nothing has failed here since, a probe may be sent now.
        True: otherwise it would have waited."""
        if self.state is not BreakerState.OPEN or self.until <= now or at <= self._opened_at:
            return False
        self.until = now
        return True

    def give_up(self) -> None:
        """The probe ended without any result: the next request may be one."""
        if self.state is BreakerState.HALF_OPEN:
            self.state = BreakerState.OPEN

    def answered(self) -> bool:
        """A readable answer came that is not about the credentials. True: this closed the breaker."""
        was, self.state = self.state, BreakerState.CLOSED
        self._failures, self._pause, self.refusal = 0, 0.0, None
        if self._contents or self._together:
            self._contents.clear()
            self._together = 0
        return was is not BreakerState.CLOSED

    def failed(self, now: float, chance: Callable[[], float], detail: str, *, probe: bool) -> bool:
        """No readable answer came, or "unavailable". True: this opened the breaker, or kept it open."""
        self._failures += 1
        if self.state is BreakerState.CLOSED and self._failures < FAILURES:
            return False
        if self.state is not BreakerState.CLOSED and not probe:
            return False  # sent before it opened
        self.detail = detail
        self._open(now, chance, OUTAGE_PAUSES if self.refusal is None else CREDENTIALS_PAUSES)
        return True

    @property
    def is_in_doubt(self) -> bool:
        """Whether requests with several texts were refused in a row without a code of the vendor's. Then only requests
        with one text can show whether the credentials or the texts are refused."""
        return self._together >= DOUBTS

    def refused(
        self, now: float, chance: Callable[[], float], refusal: Refused, *, probe: bool, content: int | None = None
    ) -> bool:
        """The credentials were refused. True: this opened the breaker, or kept it open.

        `content`: a number for the only text that the request held, `SEVERAL` where it held several, None where it held
        none (a login). A refusal without a code of the vendor's may come from a firewall that judges the text, so the
        breaker opens only after such answers to `FAILURES` different texts, each alone, with no other answer between.
        """
        if refusal.code is None and content is not None:
            if content == SEVERAL:
                self._together += 1
            is_new = content != SEVERAL and content not in self._contents
            if is_new and len(self._contents) < FAILURES:
                self._contents.add(content)
            if not is_new or len(self._contents) < FAILURES:
                if probe and self.state is BreakerState.HALF_OPEN:
                    self.state, self.until = BreakerState.OPEN, now + OUTAGE_PAUSES[0]  # the next request is a probe
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
        self._opened_at = now
        self.until = now + self._pause * (0.8 + 0.2 * chance())
