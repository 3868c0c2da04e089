"""The OpenTelemetry observer, read back through the SDK's own in-memory reader and exporter."""

import threading
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from sample_events import OF, breaker, login_done, one_of_each, outcome_given, request_done

from pushgateway.model.reason import Reason, Status
from pushgateway.model.receipt import ReceiptKind
from pushgateway.observe.events import (
    BreakerState,
    BroadcastDone,
    DevicesChanged,
    OutboxChanged,
    QuotaLatched,
    QuotaReleased,
    RateChanged,
    ReceiptsReceived,
    Reloaded,
    RetiringChanged,
    Shed,
    TokensRetired,
)
from pushgateway.observe.otel import CODES, OpenTelemetryObserver

NOW = 1_700_000_000_000_000_000
WHOSE = {"messaging.system": "oppo", "pushgateway.certificate.id": "7005"}


class Backend:
    """An observer together with what it exports."""

    def __init__(self, **options: Any) -> None:
        self.reader = InMemoryMetricReader()
        self.spans = InMemorySpanExporter()
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(SimpleSpanProcessor(self.spans))
        self.meters = MeterProvider([self.reader])
        self.observer = OpenTelemetryObserver(
            meter_provider=self.meters, tracer_provider=self.tracers, clock=lambda: NOW, **options
        )

    def points(self, name: str) -> list[Any]:
        """The data points of one metric; an empty list if it was never set."""
        data = self.reader.get_metrics_data()
        metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
        return [point for metric in metrics if metric.name == name for point in metric.data.data_points]

    def values(self, name: str) -> dict[frozenset[tuple[str, Any]], float]:
        """Numbers by attributes, without brand and certificate."""
        return {
            frozenset(dict(point.attributes).items() - WHOSE.items()): (
                point.count if isinstance(point, HistogramDataPoint) else point.value
            )
            for point in self.points(name)
        }

    @property
    def span(self) -> ReadableSpan:
        """The only span."""
        (span,) = self.spans.get_finished_spans()
        return span


def labels(**more: Any) -> frozenset[tuple[str, Any]]:
    """Attributes by their short names."""
    names = {
        "status": "pushgateway.status",
        "reason": "pushgateway.reason",
        "code": "pushgateway.vendor.code",
        "error": "error.type",
        "region": "pushgateway.region",
        "of": "pushgateway.rate.of",
    }
    return frozenset((names[name], value) for name, value in more.items())


def test_pushes_are_counted_by_outcome() -> None:
    """Every push counts once, under its brand, certificate, status, reason and code."""
    backend = Backend()

    for _ in range(3):
        backend.observer(outcome_given())
    backend.observer(outcome_given(Reason.UNREGISTERED, vendor_code="10000"))
    backend.observer(outcome_given(Reason.NO_VERDICT, Status.UNKNOWN))

    assert backend.values("pushgateway.push.outcomes") == {
        labels(status="accepted"): 3,
        labels(status="rejected", reason="unregistered", code="10000"): 1,
        labels(status="unknown", reason="no_verdict"): 1,
    }
    assert all(WHOSE.items() <= dict(point.attributes).items() for point in backend.points("pushgateway.push.outcomes"))


def test_counting_goes_on_after_a_collection() -> None:
    """A collection does not reset or double the counters."""
    backend = Backend()

    backend.observer(outcome_given())
    assert backend.values("pushgateway.push.outcomes") == {labels(status="accepted"): 1}
    backend.observer(outcome_given())

    assert backend.values("pushgateway.push.outcomes") == {labels(status="accepted"): 2}


def test_nothing_is_lost_while_another_thread_collects() -> None:
    """The exporter's thread reads while the loop counts; every push is counted and no exception is raised."""
    backend = Backend(durations_every=10**9)
    counted = threading.Event()
    failures: list[BaseException] = []

    def collect() -> None:
        try:
            while not counted.is_set():
                backend.points("pushgateway.push.outcomes")
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=collect)
    thread.start()
    for number in range(3000):
        backend.observer(outcome_given(Reason.UNREGISTERED, vendor_code=str(number % 90)))
    counted.set()
    thread.join(30)

    assert failures == []
    assert not thread.is_alive()
    assert sum(backend.values("pushgateway.push.outcomes").values()) == 3000


@pytest.mark.parametrize(("every", "recorded"), [(1, 10), (5, 2), (11, 0)])
def test_durations_of_each_nth_push_are_recorded(every: int, recorded: int) -> None:
    """The histogram has the configured share of the pushes; the counter has all."""
    backend = Backend(durations_every=every)

    for _ in range(10):
        backend.observer(outcome_given(duration=0.3))

    assert sum(backend.values("pushgateway.push.duration").values()) == recorded
    assert sum(backend.values("pushgateway.push.outcomes").values()) == 10


def test_a_request_is_in_the_metrics_and_is_one_span() -> None:
    """Duration, pushes and batch size are recorded once; the span has the request's own time and no parent."""
    backend = Backend()

    with trace.use_span(backend.tracers.get_tracer("host").start_span("a caller's"), end_on_exit=False):
        backend.observer(request_done(duration=0.25, pushes=40))

    (duration,) = backend.points("messaging.client.operation.duration")
    (size,) = backend.points("pushgateway.batch.size")
    assert (duration.count, duration.sum) == (1, 0.25)
    assert (size.count, size.sum, dict(size.attributes)) == (1, 40, WHOSE)
    assert [point.value for point in backend.points("messaging.client.sent.messages")] == [40]
    span = backend.span
    assert (span.name, span.kind, span.parent) == ("push oppo", SpanKind.CLIENT, None)
    assert (span.start_time, span.end_time) == (NOW - 250_000_000, NOW)
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        **WHOSE,
        "messaging.operation.name": "push",
        "messaging.operation.type": "send",
        "http.response.status_code": 200,
        "pushgateway.region": "cn",
        "messaging.batch.message_count": 40,
        "pushgateway.request.sent": True,
    }


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"status": 399}, None),
        ({"status": 400}, "400"),
        ({"status": 503}, "503"),
        ({"status": None, "ending": "no_verdict"}, "no_verdict"),
        ({"status": None, "ending": "cancelled", "sent": False}, "cancelled"),
    ],
    ids=str,
)
def test_a_failed_request_shows_its_cause(given: dict[str, Any], error: str | None) -> None:
    """An HTTP error, a missing verdict and a cancellation are distinguished, in the metric and on the span."""
    backend = Backend()

    backend.observer(request_done(**given))

    (duration,) = backend.points("messaging.client.operation.duration")
    assert duration.attributes.get("error.type") == (backend.span.attributes or {}).get("error.type") == error
    assert (backend.span.status.status_code is StatusCode.ERROR) == (error is not None)


def test_pushes_of_an_incomplete_request_are_not_counted_as_sent() -> None:
    """Pushes count as sent only if their request was sent completely; a login has none."""
    backend = Backend()

    backend.observer(request_done(sent=False, ending="no_verdict", status=None))
    backend.observer(request_done(operation="login", pushes=0))

    assert backend.points("messaging.client.sent.messages") == []
    assert len(backend.points("messaging.client.operation.duration")) == 2
    assert len(backend.points("pushgateway.batch.size")) == 1


def test_open_breakers_and_used_up_quotas_count_once() -> None:
    """A breaker that opens, half opens and opens again counts as one open breaker; latches are counted by region and
    quota."""
    backend = Backend()

    for state in (BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.OPEN):
        backend.observer(breaker(state))
    backend.observer(breaker(BreakerState.OPEN, region="sg"))
    for quota in ("public", "private", "private"):
        backend.observer(QuotaLatched(**OF, region="cn", quota=quota, seconds=60.0, pushes=1))
    assert backend.values("pushgateway.breakers.open") == {frozenset(): 2}
    assert backend.values("pushgateway.quotas.latched") == {frozenset(): 2}

    backend.observer(breaker(BreakerState.CLOSED))
    backend.observer(QuotaReleased(**OF, region="cn", quota="private"))
    backend.observer(QuotaReleased(**OF, region="cn", quota="private"))

    assert backend.values("pushgateway.breakers.open") == {frozenset(): 1}
    assert backend.values("pushgateway.quotas.latched") == {frozenset(): 1}


def test_a_rate_limit_that_has_ended_is_not_exported() -> None:
    """A gauge does not stay at the lowest rate for ever."""
    backend = Backend()

    backend.observer(RateChanged(**OF, region="cn", pushes_per_second=1.0, requests_per_second=2.0))
    assert len(backend.points("pushgateway.rate.limit")) == 2
    backend.observer(RateChanged(**OF, region="cn", pushes_per_second=None, requests_per_second=None))

    assert backend.points("pushgateway.rate.limit") == []


def test_a_removed_certificate_has_no_open_breaker_and_no_latch() -> None:
    """An alarm on an open breaker ends when its certificate is removed, and so does its rate; those of others
    continue."""
    backend = Backend()
    other = {"certificate_id": "7006"}

    for whose in ({}, other):
        backend.observer(breaker(BreakerState.OPEN, **whose))
        backend.observer(QuotaLatched(**OF | whose, region="cn", quota="", seconds=60.0, pushes=1))
        backend.observer(RateChanged(**OF | whose, region="cn", pushes_per_second=1.0, requests_per_second=None))
    backend.observer(Reloaded(removed=("7005",)))

    for name in ("pushgateway.breakers.open", "pushgateway.quotas.latched"):
        by_id = {p.attributes["pushgateway.certificate.id"]: p.value for p in backend.points(name)}
        assert by_id == {"7005": 0, "7006": 1}
    assert [p.attributes["pushgateway.certificate.id"] for p in backend.points("pushgateway.rate.limit")] == ["7006"]


def test_rare_events_have_metrics_too() -> None:
    """Logins, shed pushes, rates and broadcasts are metrics; a missing limit is no number."""
    backend = Backend()

    backend.observer(login_done())
    backend.observer(login_done(Reason.CREDENTIALS, vendor_code="14"))
    backend.observer(Shed(**OF, count=57))
    backend.observer(RateChanged(**OF, region="cn", pushes_per_second=250.0, requests_per_second=None))
    backend.observer(BroadcastDone(**OF, status=Status.ACCEPTED, duration=1.0, targets=0))

    assert backend.values("pushgateway.logins") == {frozenset(): 1, labels(error="credentials", code="14"): 1}
    assert backend.values("pushgateway.pushes.shed") == {frozenset(): 57}
    assert backend.values("pushgateway.rate.limit") == {labels(region="cn", of="push"): 250.0}
    assert backend.values("pushgateway.broadcast.outcomes") == {labels(status="accepted"): 1}


def test_a_vendor_cannot_cause_an_unlimited_number_of_time_series() -> None:
    """A fixed number of codes of a brand is distinguished, in all metrics together; another brand has its own."""
    backend = Backend()

    for number in range(CODES + 50):
        backend.observer(outcome_given(Reason.INVALID_NOTIFICATION, vendor_code=str(number)))
    backend.observer(login_done(Reason.CREDENTIALS, vendor_code="999"))
    backend.observer(login_done(Reason.CREDENTIALS, vendor_code="999", brand="vivo"))

    counts = backend.values("pushgateway.push.outcomes")
    assert len(counts) == CODES + 1
    assert counts[labels(status="rejected", reason="invalid_notification", code="other")] == 50
    codes = {
        p.attributes["messaging.system"]: p.attributes["pushgateway.vendor.code"]
        for p in backend.points("pushgateway.logins")
    }
    assert codes == {"oppo": "other", "vivo": "999"}


def test_certificates_that_do_not_exist_are_one_time_series() -> None:
    """A certificate id that a client makes up is counted, and appears nowhere."""
    backend = Backend()

    for number in range(200):
        backend.observer(
            outcome_given(Reason.CREDENTIALS, Status.NOT_SENT, certificate_id=f"made-up-{number}", brand=None)
        )

    assert backend.values("pushgateway.push.outcomes") == {labels(status="not_sent", reason="credentials"): 200}
    (duration,) = backend.points("pushgateway.push.duration")
    assert (duration.count, dict(duration.attributes)) == (200, {"pushgateway.status": "not_sent"})


def test_the_observer_handles_every_kind_of_event() -> None:
    """The observer has a method for each event class."""
    backend = Backend()

    for event in one_of_each():
        backend.observer(event)

    assert {type(event) for event in one_of_each()} == set(backend.observer._handlers)


def test_the_observer_works_without_an_sdk() -> None:
    """With the API alone nothing is exported, and no exception is raised."""
    observer = OpenTelemetryObserver()

    for event in one_of_each():
        observer(event)

    assert sum(observer._outcomes.values()) == 1  # for a provider that is set later


def test_receipts_are_counted_by_verdict_and_kind() -> None:
    """The fresh ones by what they report; the others are not taken, so they have no kind."""
    backend = Backend()

    backend.observer(
        ReceiptsReceived(**OF, fresh=3, kinds=((ReceiptKind.CLICKED, 2), (ReceiptKind.DROPPED, 1)), forged=4)
    )

    verdict, kind = "pushgateway.receipt.verdict", "pushgateway.receipt.kind"
    assert backend.values("pushgateway.receipts") == {
        frozenset({(verdict, "fresh"), (kind, "clicked")}): 2,
        frozenset({(verdict, "fresh"), (kind, "dropped")}): 1,
        frozenset({(verdict, "forged")}): 4,
    }


def test_an_outbox_that_stands_still_is_counted() -> None:
    """How many workers cannot use their store now; results that nobody takes are another thing."""
    backend = Backend()

    for available in (False, False, True):
        backend.observer(OutboxChanged(what="store", available=available))
        backend.observer(OutboxChanged(what="results", available=available))

    assert backend.values("pushgateway.outbox.gone") == {labels(): 1}


def test_devices_are_counted() -> None:
    """Tokens that were retired, and how many databases and certificates stand still now."""
    backend = Backend()

    for event in (
        DevicesChanged(available=False),
        TokensRetired(**OF, count=3),
        TokensRetired(**OF, count=4),
        RetiringChanged(**OF, stopped=True, dead=90, tried=100),
    ):
        backend.observer(event)
    stopped = backend.values("pushgateway.retiring.stopped"), backend.values("pushgateway.devices.gone")
    backend.observer(RetiringChanged(**OF, stopped=False, dead=1, tried=100))
    backend.observer(DevicesChanged(available=True))

    assert backend.values("pushgateway.tokens.retired") == {labels(): 7}
    assert stopped == ({labels(): 1}, {labels(): 1})
    assert backend.values("pushgateway.retiring.stopped") == backend.values("pushgateway.devices.gone") == {labels(): 0}
