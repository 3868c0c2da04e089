"""Events as Prometheus metrics: what is counted, under which labels, and correct numbers where a server has several
processes."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from pushgateway import Reason, ReceiptKind, Status
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
    Shed,
    TokensRetired,
)
from pushgateway.observe.prometheus import MOST_VALUES, PrometheusObserver, metrics_page

Samples = dict[str, float]


def sample_name(name: str, labels: dict[str, str]) -> str:
    inner = ",".join(f"{key}={value}" for key, value in sorted(labels.items()) if key not in ("brand", "certificate"))
    return f"{name.removeprefix('pushgateway_')}{{{inner}}}"


def read(page: bytes, certificate: str = "7005") -> Samples:
    """The numbers on the page for one certificate."""
    return {
        sample_name(sample.name, sample.labels): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
        if sample.labels.get("certificate") == certificate and not sample.name.endswith(("_created", "_bucket"))
    }


def shown(*events: Event, certificate: str = "7005") -> Samples:
    registry = CollectorRegistry()
    observer = PrometheusObserver(registry)
    for event in events:
        observer(event)
    return read(metrics_page(registry), certificate)


def latched(quota: str = "") -> QuotaLatched:
    return QuotaLatched(certificate_id="7005", brand="oppo", region="cn", quota=quota, seconds=9.0, pushes=3)


def outcome(certificate_id: str = "7005", brand: str | None = "oppo") -> OutcomeGiven:
    return OutcomeGiven(certificate_id=certificate_id, brand=brand, status=Status.ACCEPTED, duration=0.25)


def test_every_kind_of_event_is_counted() -> None:
    """Pushes, broadcasts, calls, receipts, requests, logins, latches and breakers, each under labels of its own."""
    whose = {"certificate_id": "7005", "brand": "oppo"}
    found = shown(
        outcome(),
        OutcomeGiven(**whose, status=Status.REJECTED, reason=Reason.UNREGISTERED, duration=0.5),
        Shed(**whose, count=4),
        BroadcastDone(**whose, status=Status.UNKNOWN, reason=Reason.NO_VERDICT, duration=1.0, targets=9),
        CallDone(**whose, name="statistics", status=Status.ACCEPTED, attempts=1, duration=0.1),
        ReceiptsReceived(
            **whose,
            fresh=5,
            kinds=((ReceiptKind.ARRIVED, 4), (ReceiptKind.CLICKED, 1)),
            duplicates=2,
            forged=1,
            unreadable=3,
        ),
        RequestDone(
            **whose, region="cn", operation="push", pushes=20, duration=0.2, status=200, ending="reply", sent=True
        ),
        LoginDone(**whose, region="cn", ok=False, reason=Reason.CREDENTIALS, vendor_code="16", duration=0.1),
        latched("chat"),
        BreakerChanged(**whose, region="cn", state=BreakerState.OPEN, reason=Reason.UNAVAILABLE),
    )

    assert found == {
        "pushes_total{reason=,status=accepted}": 1,
        "pushes_total{reason=unregistered,status=rejected}": 1,
        "push_seconds_count{}": 2,
        "push_seconds_sum{}": 0.75,
        "pushes_shed_total{}": 4,
        "broadcasts_total{reason=no_verdict,status=unknown}": 1,
        "calls_total{name=statistics,reason=,status=accepted}": 1,
        "receipts_total{kind=arrived,result=fresh}": 4,
        "receipts_total{kind=clicked,result=fresh}": 1,
        "receipts_total{kind=,result=duplicate}": 2,
        "receipts_total{kind=,result=forged}": 1,
        "receipts_total{kind=,result=unreadable}": 3,
        "request_seconds_count{ending=reply,operation=push}": 1,
        "request_seconds_sum{ending=reply,operation=push}": 0.2,
        "batch_pushes_count{}": 1,
        "batch_pushes_sum{}": 20,
        "logins_total{reason=credentials}": 1,
        "quota_latched{quota=chat,region=cn}": 1,
        "breaker_open{region=cn}": 1,
    }


def test_gauges_are_reset() -> None:
    """They are reset when the quota is renewed, when the breaker closes, and when the certificate is changed or
    removed, because after that no event would do it."""
    whose = {"certificate_id": "7005", "brand": "oppo"}
    closed = BreakerChanged(**whose, region="cn", state=BreakerState.CLOSED)
    opened = BreakerChanged(**whose, region="cn", state=BreakerState.OPEN, reason=Reason.UNAVAILABLE)

    renewed = shown(latched(), QuotaReleased(**whose, region="cn", quota=""), opened, closed)
    changed = shown(latched(), opened, Reloaded(changed=("7005",)))
    removed = shown(latched(), opened, Reloaded(removed=("7005",)))
    others = shown(latched(), opened, Reloaded(changed=("7006",)))

    off, on = dict.fromkeys(renewed, 0.0), dict.fromkeys(renewed, 1.0)
    assert len(on) == 2
    assert (renewed, changed, removed, others) == (off, off, off, on)


def test_made_up_values_are_no_labels() -> None:
    """Ids of certificates that do not exist share one series, and of other free values the first hundred have one
    each."""
    made_up = [outcome(f"made-up-{number}", brand=None) for number in range(200)]
    calls = [
        CallDone(
            certificate_id=f"x{number}", brand=None, name=f"n{number}", status=Status.NOT_SENT, attempts=0, duration=0
        )
        for number in range(200)
    ]

    unknown = shown(*made_up, *calls, certificate="")
    quotas = shown(*(latched(f"q{number}") for number in range(MOST_VALUES + 50)))

    assert unknown["pushes_total{reason=,status=accepted}"] == 200
    assert unknown["calls_total{name=,reason=,status=not_sent}"] == 200
    assert len(quotas) == MOST_VALUES + 1
    assert quotas["quota_latched{quota=other,region=cn}"] == 1


WORKER = """
    import sys
    from pushgateway import Status
    from pushgateway.observe.events import OutcomeGiven, QuotaLatched
    from pushgateway.observe.prometheus import PrometheusObserver, metrics_page

    observer = PrometheusObserver()
    for line in sys.stdin:
        if line == "push\\n":
            observer(OutcomeGiven(certificate_id="7005", brand="oppo", status=Status.ACCEPTED, duration=0.25))
        elif line == "latch\\n":
            observer(QuotaLatched(certificate_id="7005", brand="oppo", region="cn", quota="", seconds=9, pushes=1))
        page = metrics_page() if line == "page\\n" else b"done\\n"
        sys.stdout.write(f"{len(page)}\\n")
        sys.stdout.flush()
        sys.stdout.buffer.write(page)
        sys.stdout.buffer.flush()
"""


class Worker:
    """One of several processes of a server: it counts what a command says and renders the page."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
        )

    def __call__(self, line: str) -> bytes:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()
        return self.process.stdout.read(int(self.process.stdout.readline()))

    def page(self) -> Samples:
        return read(self("page"))


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    """A function that starts processes with a common directory; those that are left are ended."""
    started: list[Worker] = []

    def start() -> Worker:
        started.append(Worker(tmp_path))
        return started[-1]

    yield start
    for worker in started:
        with worker.process:
            worker.process.kill()


def test_two_workers_share_one_page_and_an_ended_one_leaves_no_latch(workers: Callable[[], Worker]) -> None:
    """Whichever process is scraped gives the sum of both. One is killed while its quota is used up: its counters stay
    counted, and its gauge is gone, without any message to the other process."""
    first, second = workers(), workers()
    for worker, line in ((first, "push"), (first, "latch"), (second, "push"), (second, "push")):
        worker(line)
    both = [first.page(), second.page()]
    first.process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, first.process.pid, os.WEXITED | os.WNOWAIT)  # its parent has not noticed yet
    alone = second.page()

    pushes, latch = "pushes_total{reason=,status=accepted}", "quota_latched{quota=,region=cn}"
    assert [(page[pushes], page["push_seconds_count{}"], page[latch]) for page in both] == [(3, 3, 1)] * 2
    assert (alone[pushes], alone["push_seconds_count{}"], alone.get(latch)) == (3, 3, None)


def test_a_latch_of_one_live_worker_is_shown(workers: Callable[[], Worker]) -> None:
    """The gauge is 1 if any running process has the latch; it is not the number of processes."""
    first, second, third = workers(), workers(), workers()
    for worker in (first, second):
        worker("latch")
    third("push")
    latch = "quota_latched{quota=,region=cn}"

    pages = [third.page()]
    for worker in (first, second):
        worker.process.kill()
        worker.process.wait(timeout=30)
        pages.append(third.page())

    assert [page.get(latch) for page in pages] == [1, 1, None]


def test_devices_are_shown() -> None:
    """Tokens that were retired are counted by certificate; what stands still is 1 until it goes on."""
    whose = {"certificate_id": "7005", "brand": "oppo"}
    gone, stopped = DevicesChanged(available=False), RetiringChanged(**whose, stopped=True, dead=90, tried=100)
    again, resumed = DevicesChanged(available=True), RetiringChanged(**whose, stopped=False, dead=1, tried=100)
    retired = (TokensRetired(**whose, count=3), TokensRetired(**whose, count=4))

    def gauge(*events: Event) -> float | None:
        registry = CollectorRegistry()
        observer = PrometheusObserver(registry)
        for event in events:
            observer(event)
        return registry.get_sample_value("pushgateway_devices_gone")

    assert shown(*retired)["tokens_retired_total{}"] == 7
    assert shown(stopped)["retiring_stopped{}"] == 1
    assert shown(stopped, resumed)["retiring_stopped{}"] == 0
    assert (gauge(), gauge(gone), gauge(gone, again)) == (0, 1, 0)


def test_an_outbox_that_stands_still_is_shown() -> None:
    """While a worker cannot use its store the gauge is 1; results that nobody takes are another thing."""

    def gauge(*events: Event) -> float | None:
        registry = CollectorRegistry()
        observer = PrometheusObserver(registry)
        for event in events:
            observer(event)
        return registry.get_sample_value("pushgateway_outbox_gone")

    gone, again = (OutboxChanged(what="store", available=available) for available in (False, True))

    assert (gauge(), gauge(gone)) == (0, 1)
    assert gauge(gone, again, OutboxChanged(what="results", available=False)) == 0
