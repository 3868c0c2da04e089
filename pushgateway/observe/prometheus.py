"""Events as Prometheus metrics (extra `prometheus`), for one process or several.

    observer = PrometheusObserver()                       # in each process, after a fork
    gateway = Gateway(certificates, observer=observer)
    ...
    return Response(metrics_page(), media_type=CONTENT_TYPE)      # GET /metrics, in any of the processes

With several processes set `PROMETHEUS_MULTIPROC_DIR` to a directory that is empty at start, before anything imports
`prometheus_client`. The values are then kept in files there, and each process can report all of them. Counters and
histograms are summed, also those of processes that have ended. A gauge is 1 if it is 1 in at least one running process:
`metrics_page` removes those of processes that have ended. If you make the page yourself, call `forget_ended` first.

Labels are brands, certificate ids and closed words: never a token, a text or a vendor's code. If there is no such
certificate, the labels for brand and certificate are "", because its id may be any text. Of the words that a plug-in or
a host chooses (regions, quotas, names of calls) the first 100 become labels, further ones are "other".
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from pushgateway.model.reason import Reason
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
    ReceiptsReceived,
    Reloaded,
    RequestDone,
    RetiringChanged,
    SharedStateChanged,
    Shed,
    TokensRetired,
)

__all__ = ["CONTENT_TYPE", "PrometheusObserver", "forget_ended", "metrics_page"]

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
"""The content type of what `metrics_page` returns."""
SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
MOST_VALUES: Final = 100
"""Number of different values of a label that is not a closed word."""
OTHER: Final = "other"

_Whose: TypeAlias = tuple[str, str]
_WHOSE = ("brand", "certificate")


class PrometheusObserver:
    """An observer for `Gateway(observer=…)`; one can serve several gateways of a process.

    Metrics, each with the labels `brand` and `certificate`:

    - `pushgateway_pushes_total{status,reason}`, `pushgateway_push_seconds`: pushes that got their outcome
    - `pushgateway_pushes_shed_total`: refused because the queue was full
    - `pushgateway_broadcasts_total{status,reason}`, `pushgateway_calls_total{name,status,reason}`
    - `pushgateway_receipts_total{result,kind}`: `fresh`, `duplicate`, `forged` or `unreadable`; the kind of fresh ones
    - `pushgateway_request_seconds{operation,ending}`, `pushgateway_batch_pushes`: vendor requests
    - `pushgateway_logins_total{reason}`: "" if the vendor returned an access token
    - `pushgateway_breaker_open{region}`, `pushgateway_quota_latched{region,quota}`: 1 if so in any process
    - `pushgateway_shared_state_gone`, without labels: 1 if it does not answer some process
    - `pushgateway_devices_gone`, without labels: 1 if some process cannot use their database
    - `pushgateway_outbox_gone`, without labels: 1 if some worker of the outbox cannot use its store
    - `pushgateway_tokens_retired_total`, `pushgateway_retiring_stopped`: dead tokens that the devices unbound
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """`registry`: where the metrics are registered. Raises `ValueError` for a second observer in one registry."""

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"pushgateway_{name}", text, (*_WHOSE, *labels), registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            names = (*_WHOSE, *labels)
            return Gauge(f"pushgateway_{name}", text, names, registry=registry, multiprocess_mode="livemax")

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"pushgateway_{name}", text, (*_WHOSE, *labels), registry=registry, buckets=buckets)

        self._pushes = counter("pushes", "Pushes that got their outcome", "status", "reason")
        self._shed = counter("pushes_shed", "Pushes refused because the queue was full")
        self._broadcasts = counter("broadcasts", "Broadcasts that got their outcome", "status", "reason")
        self._calls = counter("calls", "A vendor's own operations that got their outcome", "name", "status", "reason")
        self._receipts = counter("receipts", "Receipts that vendors posted", "result", "kind")
        self._waits = histogram("push_seconds", "From being handed in to the outcome", SECONDS)
        self._requests = histogram("request_seconds", "Vendor requests", SECONDS, "operation", "ending")
        self._sizes = histogram("batch_pushes", "Pushes that shared a vendor request", SIZES)
        self._logins = counter("logins", "Logins", "reason")
        self._breakers = gauge("breaker_open", "1: no requests are sent to the vendor", "region")
        self._latches = gauge("quota_latched", "1: the daily quota is used up", "region", "quota")
        text = "1: the store that several processes share does not answer"
        self._gone = Gauge("pushgateway_shared_state_gone", text, registry=registry, multiprocess_mode="livemax")
        text = "1: the database of the devices cannot be used"
        self._devices_gone = Gauge("pushgateway_devices_gone", text, registry=registry, multiprocess_mode="livemax")
        text = "1: a worker of the outbox cannot use its store"
        self._outbox_gone = Gauge("pushgateway_outbox_gone", text, registry=registry, multiprocess_mode="livemax")
        self._retired = counter("tokens_retired", "Dead tokens that the devices unbound")
        self._stopped = gauge("retiring_stopped", "1: so many tokens are called dead that none is retired")
        self._set: dict[str, set[tuple[Gauge, tuple[str, ...]]]] = {}
        self._known: dict[tuple[str, str], set[str]] = {}
        self._handlers: dict[type[Event], Callable[[Any, _Whose], None]] = {
            OutcomeGiven: self._outcome,
            RequestDone: self._request,
            LoginDone: lambda event, whose: self._logins.labels(*whose, _word(event.reason)).inc(),
            Shed: lambda event, whose: self._shed.labels(*whose).inc(event.count),
            BroadcastDone: lambda event, whose: self._broadcasts.labels(*whose, *_ending(event)).inc(),
            CallDone: self._call,
            ReceiptsReceived: self._receipt,
            BreakerChanged: lambda event, whose: self._show(
                self._breakers, whose, event.state is not BreakerState.CLOSED, region=event.region
            ),
            QuotaLatched: lambda event, whose: self._show(
                self._latches, whose, True, region=event.region, quota=event.quota
            ),
            QuotaReleased: lambda event, whose: self._show(
                self._latches, whose, False, region=event.region, quota=event.quota
            ),
            SharedStateChanged: lambda event, _: self._gone.set(not event.available),
            DevicesChanged: lambda event, _: self._devices_gone.set(not event.available),
            OutboxChanged: self._outbox,
            TokensRetired: lambda event, whose: self._retired.labels(*whose).inc(event.count),
            RetiringChanged: lambda event, whose: self._show(self._stopped, whose, event.stopped),
            Reloaded: self._reload,
        }

    def __call__(self, event: Event) -> None:
        """Take an event."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event, ("", "") if event.brand is None else (event.brand, event.certificate_id))

    def _outbox(self, event: OutboxChanged, _: _Whose) -> None:
        if event.what == "store":
            self._outbox_gone.set(not event.available)

    def _outcome(self, event: OutcomeGiven, whose: _Whose) -> None:
        self._pushes.labels(*whose, *_ending(event)).inc()
        self._waits.labels(*whose).observe(event.duration)

    def _request(self, event: RequestDone, whose: _Whose) -> None:
        self._requests.labels(*whose, event.operation, event.ending).observe(event.duration)
        if event.operation == "push":
            self._sizes.labels(*whose).observe(event.pushes)

    def _call(self, event: CallDone, whose: _Whose) -> None:
        name = "" if event.brand is None else self._few(whose[0], "name", event.name)
        self._calls.labels(*whose, name, *_ending(event)).inc()

    def _receipt(self, event: ReceiptsReceived, whose: _Whose) -> None:
        for kind, count in event.kinds:
            self._receipts.labels(*whose, "fresh", kind.value).inc(count)
        counts = {"duplicate": event.duplicates, "forged": event.forged, "unreadable": event.unreadable}
        for result, count in counts.items():
            if count:
                self._receipts.labels(*whose, result, "").inc(count)

    def _show(self, gauge: Gauge, whose: _Whose, on: bool, **labels: str) -> None:
        values = (*whose, *(self._few(whose[0], name, value) for name, value in labels.items()))
        gauge.labels(*values).set(on)
        shown = self._set.setdefault(whose[1], set())
        shown.add((gauge, values)) if on else shown.discard((gauge, values))

    def _reload(self, event: Reloaded, _: _Whose) -> None:
        """Reset the gauges of changed certificates, which start anew, and of removed ones."""
        for certificate_id in (*event.changed, *event.removed):
            for gauge, values in self._set.pop(certificate_id, ()):
                gauge.labels(*values).set(0)

    def _few(self, brand: str, name: str, value: str) -> str:
        known = self._known.setdefault((brand, name), set())
        if value not in known and len(known) >= MOST_VALUES:
            return OTHER
        known.add(value)
        return value


def _word(reason: Reason | None) -> str:
    return "" if reason is None else reason.value


def _ending(event: OutcomeGiven | BroadcastDone | CallDone) -> tuple[str, str]:
    return event.status.value, _word(event.reason)


def metrics_page(registry: CollectorRegistry = REGISTRY) -> bytes:
    """The metrics in Prometheus' text format: those of `registry`, or with `PROMETHEUS_MULTIPROC_DIR` those of all
    processes that share the directory, without the gauges of processes that have ended."""
    if _directory() is None:
        return generate_latest(registry)
    forget_ended()
    everyone = CollectorRegistry()
    MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
    return generate_latest(everyone)


def forget_ended() -> None:
    """Remove the gauges of processes that have ended from `PROMETHEUS_MULTIPROC_DIR`.

    Otherwise a worker that was killed while its quota was used up would report it for ever. Safe to call from several
    processes at once; does nothing without the directory.
    """
    directory = _directory()
    if directory is None:
        return
    for process in _processes(directory.glob("gauge_live*.db")):
        if not _runs(process):
            with suppress(FileNotFoundError):  # another process was faster
                mark_process_dead(process, str(directory))  # type: ignore[no-untyped-call]


def _directory() -> Path | None:
    path = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(path) if path else None


def _processes(files: Iterable[Path]) -> set[int]:
    found = (re.fullmatch(r"gauge_live[a-z]*_(\d+)\.db", file.name) for file in files)
    return {int(match[1]) for match in found if match}


def _runs(process: int) -> bool:
    """True if the process exists and is no zombie (ended, but its parent has not noticed)."""
    if os.name != "posix":  # elsewhere the signal 0 ends a process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # a process of another user
        return True
    try:
        state = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()[:1]
    except OSError:  # no Linux
        return True
    return state not in ([b"Z"], [b"X"])
