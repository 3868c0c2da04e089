"""Events as OpenTelemetry metrics and spans (extra `otel`).

An observer that translates events. There is one span for each vendor request, none for a push. Every attribute has a
limited number of values: the vendor codes beyond the first 100 become "other", and certificates that do not exist have
no id. Names follow OpenTelemetry's conventions for messaging clients if there is one, otherwise they begin with
`pushgateway.`.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Meter, MeterProvider, Observation, get_meter_provider
from opentelemetry.trace import SpanKind, StatusCode, TracerProvider, get_tracer_provider

from pushgateway.model.reason import Reason, Status, SumStatus
from pushgateway.observe.events import (
    BreakerChanged,
    BreakerState,
    BroadcastDone,
    CallDone,
    DevicesChanged,
    Event,
    LoginDone,
    OutboxChanged,
    OutcomeGiven,
    QuotaLatched,
    QuotaReleased,
    RateChanged,
    ReceiptsReceived,
    Reloaded,
    RequestDone,
    RetiringChanged,
    SharedStateChanged,
    Shed,
    TokensRetired,
)

Attributes: TypeAlias = dict[str, str | int]

SYSTEM = "messaging.system"
"""The brand. Missing, like the certificate id, if there is no such certificate."""
CERTIFICATE = "pushgateway.certificate.id"
REGION = "pushgateway.region"
STATUS = "pushgateway.status"
REASON = "pushgateway.reason"
CODE = "pushgateway.vendor.code"
ERROR = "error.type"

CODES = 100
"""Number of different vendor codes for each brand; further ones are `OTHER`."""
OTHER = "other"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)  # of the conventions
_OUTCOME_SECONDS = (*_SECONDS, 30.0, 60.0, 300.0)  # a push is retried until its deadline
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

_Verdict: TypeAlias = tuple[str | None, str, Status, Reason | None, str | None]


class OpenTelemetryObserver:
    """An observer for `Gateway(observer=…)`; one can serve several gateways.

    Metrics, with `messaging.system` (the brand) and `pushgateway.certificate.id` on each:

    - `messaging.client.operation.duration` (s), `messaging.client.sent.messages`, `pushgateway.batch.size`: requests
    - `pushgateway.push.outcomes`, `pushgateway.broadcast.outcomes`: by status, reason and vendor code
    - `pushgateway.call.outcomes`: a vendor's own operations, by name, status, reason and vendor code
    - `pushgateway.push.duration` (s): from the call to the outcome
    - `pushgateway.receipts`: by verdict, `fresh`, `duplicate`, `forged` or `unreadable`, and fresh ones by kind
    - `pushgateway.logins`, `pushgateway.pushes.shed`
    - `pushgateway.breakers.open`, `pushgateway.quotas.latched`: the current number
    - `pushgateway.shared_state.gone`, without attributes: 1 if the store that several processes share does not answer
    - `pushgateway.devices.gone`, without attributes: 1 if the database of the devices cannot be used
    - `pushgateway.outbox.gone`, without attributes: workers of the outbox that cannot use its store
    - `pushgateway.tokens.retired`, `pushgateway.retiring.stopped` (1 if so): dead tokens that the devices unbound
    - `pushgateway.rate.limit`: what a certificate may send in a second; missing if there is no limit

    Outcomes are counted here and reported when metrics are collected, because a counter of the SDK costs more than a
    push. A histogram cannot be filled that way: with `durations_every` only each n-th duration is recorded.
    """

    def __init__(
        self,
        *,
        meter_provider: MeterProvider | None = None,
        tracer_provider: TracerProvider | None = None,
        durations_every: int = 1,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """Providers: the global ones by default. `durations_every`: record the duration of each n-th push.

        `clock` (wall clock, nanoseconds since the epoch) is for tests.
        """
        meter = (meter_provider or get_meter_provider()).get_meter("pushgateway")
        self._tracer = (tracer_provider or get_tracer_provider()).get_tracer("pushgateway")
        self._clock = clock
        self._every = max(1, durations_every)
        self._since = 0
        self._lock = threading.Lock()  # metrics are collected in a thread of the exporter
        self._outcomes: Counter[_Verdict] = Counter()
        self._codes: dict[str, set[str]] = {}
        self._rates: dict[tuple[str | None, str, str], RateChanged] = {}
        self._open: set[tuple[str | None, str, str]] = set()
        self._latched: set[tuple[str | None, str, str, str]] = set()
        self._make_instruments(meter)
        self._handlers: dict[type[Event], Callable[[Any], None]] = {
            OutcomeGiven: self._outcome,
            RequestDone: self._request,
            BroadcastDone: self._broadcast,
            CallDone: self._call,
            LoginDone: self._login,
            QuotaLatched: self._latch,
            QuotaReleased: self._release,
            BreakerChanged: self._breaker,
            RateChanged: self._rate,
            Shed: self._shed,
            ReceiptsReceived: self._receipts_received,
            SharedStateChanged: lambda event: self._gone.add(-1 if event.available else 1),
            DevicesChanged: lambda event: self._devices_gone.add(-1 if event.available else 1),
            OutboxChanged: self._outbox,
            TokensRetired: lambda event: self._retired.add(event.count, _of(event)),
            RetiringChanged: lambda event: self._stopped.add(1 if event.stopped else -1, _of(event)),
            Reloaded: self._reload,
        }

    def __call__(self, event: Event) -> None:
        """Take an event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    def _make_instruments(self, meter: Meter) -> None:
        self._request_seconds = meter.create_histogram(
            "messaging.client.operation.duration",
            "s",
            "Duration of a vendor request.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._messages = meter.create_counter(
            "messaging.client.sent.messages", "{message}", "Pushes in vendor requests, each attempt counted."
        )
        self._sizes = meter.create_histogram(
            "pushgateway.batch.size",
            "{push}",
            "Pushes that shared a vendor request.",
            explicit_bucket_boundaries_advisory=_SIZES,
        )
        self._push_seconds = meter.create_histogram(
            "pushgateway.push.duration",
            "s",
            "From being handed in to the outcome.",
            explicit_bucket_boundaries_advisory=_OUTCOME_SECONDS,
        )
        meter.create_observable_counter(
            "pushgateway.push.outcomes", [self._collect], "{push}", "Pushes that got their outcome."
        )
        self._broadcasts = meter.create_counter(
            "pushgateway.broadcast.outcomes", "{broadcast}", "Broadcasts that got their outcome."
        )
        self._calls = meter.create_counter(
            "pushgateway.call.outcomes", "{call}", "Vendors' own operations that got their outcome."
        )
        self._logins = meter.create_counter("pushgateway.logins", "{login}", "Logins, good and bad.")
        self._receipts = meter.create_counter("pushgateway.receipts", "{receipt}", "Receipts that came in.")
        self._sheds = meter.create_counter("pushgateway.pushes.shed", "{push}", "Pushes refused by a full queue.")
        self._breakers = meter.create_up_down_counter("pushgateway.breakers.open", "{breaker}", "Breakers not closed.")
        self._latches = meter.create_up_down_counter("pushgateway.quotas.latched", "{quota}", "Quotas used up.")
        self._gone = meter.create_up_down_counter("pushgateway.shared_state.gone", "{store}", "Shared state gone.")
        self._devices_gone = meter.create_up_down_counter("pushgateway.devices.gone", "{store}", "Devices gone.")
        self._outbox_gone = meter.create_up_down_counter("pushgateway.outbox.gone", "{store}", "Outbox gone.")
        self._retired = meter.create_counter("pushgateway.tokens.retired", "{token}", "Dead tokens unbound.")
        self._stopped = meter.create_up_down_counter(
            "pushgateway.retiring.stopped", "{certificate}", "So many tokens are called dead that none is retired."
        )
        meter.create_observable_gauge(
            "pushgateway.rate.limit", [self._collect_rates], "1/s", "What a lane may send in a second."
        )

    # Pushes

    def _outbox(self, event: OutboxChanged) -> None:
        if event.what == "store":
            self._outbox_gone.add(-1 if event.available else 1)

    def _outcome(self, event: OutcomeGiven) -> None:
        code = event.vendor_code
        if code is not None:
            code = self._folded(event.brand, code)
        certificate_id = "" if event.brand is None else event.certificate_id
        with self._lock:
            self._outcomes[event.brand, certificate_id, event.status, event.reason, code] += 1
        self._since += 1
        if self._since >= self._every:
            self._since = 0
            self._push_seconds.record(event.duration, {**_of(event), STATUS: event.status.value})

    def _collect(self, options: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            counts = list(self._outcomes.items())
        return [
            Observation(count, {**_whose(brand, certificate_id), **_verdict(status, reason, code)})
            for (brand, certificate_id, status, reason, code), count in counts
        ]

    def _shed(self, event: Shed) -> None:
        self._sheds.add(event.count, _of(event))

    # Requests

    def _request(self, event: RequestDone) -> None:
        attributes = {**_of(event), "messaging.operation.name": event.name or event.operation}
        if event.operation in ("push", "broadcast"):
            attributes["messaging.operation.type"] = "send"
        if event.status is not None:
            attributes["http.response.status_code"] = event.status
        error = _error(event)
        if error is not None:
            attributes[ERROR] = error
        self._request_seconds.record(event.duration, attributes)
        if event.pushes and event.sent:
            self._messages.add(event.pushes, attributes)
        if event.operation == "push":
            self._sizes.record(event.pushes, _of(event))
        self._span(event, attributes, error)

    def _span(self, event: RequestDone, attributes: Attributes, error: str | None) -> None:
        end = self._clock()
        span = self._tracer.start_span(
            f"{event.name or event.operation} {event.brand}",
            context=Context(),  # a request carries pushes of many callers, so it belongs to no caller's trace
            kind=SpanKind.CLIENT,
            attributes={
                **attributes,
                REGION: event.region,
                "messaging.batch.message_count": event.pushes,
                "pushgateway.request.sent": event.sent,
            },
            start_time=end - max(0, round(event.duration * 1e9)),
        )
        if error is not None:
            span.set_status(StatusCode.ERROR)
        span.end(end)

    # Broadcasts, calls and logins

    def _broadcast(self, event: BroadcastDone) -> None:
        code = self._folded(event.brand, event.vendor_code)
        self._broadcasts.add(1, {**_of(event), **_verdict(event.status, event.reason, code)})

    def _call(self, event: CallDone) -> None:
        code = self._folded(event.brand, event.vendor_code)
        verdict = _verdict(event.status, event.reason, code)
        self._calls.add(1, {**_of(event), "messaging.operation.name": event.name, **verdict})

    def _login(self, event: LoginDone) -> None:
        attributes = _of(event)
        if event.reason is not None:
            attributes[ERROR] = event.reason.value
        if (code := self._folded(event.brand, event.vendor_code)) is not None:
            attributes[CODE] = code
        self._logins.add(1, attributes)

    def _receipts_received(self, event: ReceiptsReceived) -> None:
        for kind, count in event.kinds:
            kind_of = {"pushgateway.receipt.verdict": "fresh", "pushgateway.receipt.kind": kind.value}
            self._receipts.add(count, {**_of(event), **kind_of})
        counts = {"duplicate": event.duplicates, "forged": event.forged, "unreadable": event.unreadable}
        for verdict, count in counts.items():
            if count:
                self._receipts.add(count, {**_of(event), "pushgateway.receipt.verdict": verdict})

    # State: breakers, quotas and rates

    def _breaker(self, event: BreakerChanged) -> None:
        key = (event.brand, event.certificate_id, event.region)
        if event.state is not BreakerState.CLOSED and key not in self._open:
            self._open.add(key)
            self._breakers.add(1, _of(event))
        elif event.state is BreakerState.CLOSED and key in self._open:
            self._open.discard(key)
            self._breakers.add(-1, _of(event))

    def _latch(self, event: QuotaLatched) -> None:
        key = (event.brand, event.certificate_id, event.region, event.quota)
        if key not in self._latched:
            self._latched.add(key)
            self._latches.add(1, _of(event))

    def _release(self, event: QuotaReleased) -> None:
        key = (event.brand, event.certificate_id, event.region, event.quota)
        if key in self._latched:
            self._latched.discard(key)
            self._latches.add(-1, _of(event))

    def _rate(self, event: RateChanged) -> None:
        with self._lock:
            self._rates[event.brand, event.certificate_id, event.region] = event

    def _collect_rates(self, options: CallbackOptions) -> Iterable[Observation]:
        """Rates without a limit are left out, because a gauge cannot hold infinity."""
        with self._lock:
            changes = list(self._rates.values())
        return [
            Observation(rate, {**_of(event), REGION: event.region, "pushgateway.rate.of": what})
            for event in changes
            for what, rate in (("push", event.pushes_per_second), ("request", event.requests_per_second))
            if rate is not None
        ]

    def _reload(self, event: Reloaded) -> None:
        """Removed certificates have no open breaker, no used-up quota and no rate."""
        gone = set(event.removed)
        with self._lock:
            for lane in [lane for lane in self._rates if lane[1] in gone]:
                del self._rates[lane]
        for key in [key for key in self._open if key[1] in gone]:
            self._open.discard(key)
            self._breakers.add(-1, _whose(*key[:2]))
        for latch in [latch for latch in self._latched if latch[1] in gone]:
            self._latched.discard(latch)
            self._latches.add(-1, _whose(*latch[:2]))

    def _folded(self, brand: str | None, code: str | None) -> str | None:
        """`code`, or `OTHER` if the brand has had `CODES` other ones, so that replies cannot make any number of time
        series."""
        if code is None:
            return None
        seen = self._codes.setdefault(brand or "", set())
        if code in seen:
            return code
        if len(seen) >= CODES:
            return OTHER
        seen.add(code)
        return code


def _of(event: Event) -> Attributes:
    return _whose(event.brand, event.certificate_id)


def _whose(brand: str | None, certificate_id: str) -> Attributes:
    # An id without a certificate may be any text that a client has sent.
    return {} if brand is None else {SYSTEM: brand, CERTIFICATE: certificate_id}


def _verdict(status: Status | SumStatus, reason: Reason | None, code: str | None) -> Attributes:
    attributes: Attributes = {STATUS: status.value}
    if reason is not None:
        attributes[REASON] = reason.value
    if code is not None:
        attributes[CODE] = code
    return attributes


def _error(event: RequestDone) -> str | None:
    if event.ending != "reply":
        return event.ending
    return str(event.status) if event.status is not None and event.status >= 400 else None
