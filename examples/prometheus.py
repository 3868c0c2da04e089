"""A gateway whose numbers Prometheus scrapes: a complete program, with OPPO's sandbox in OPPO's place.

    python examples/prometheus.py --port 9100

Each line typed is pushed to a phone of the sandbox, `!` and a return code (`!33 text`) makes OPPO refuse it with that
code. The page that is printed first shows the numbers. The end of the input, or Ctrl-C, ends it.

`PrometheusObserver` is what to take over into a server of your own: it needs `prometheus_client` and nothing else.
"""

import argparse
import itertools
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Certificate, Notification, PushToken
from pushgateway.events import (
    BreakerChanged,
    BreakerState,
    Event,
    LoginDone,
    OutcomeGiven,
    QuotaLatched,
    QuotaReleased,
    RequestDone,
    Shed,
)
from pushgateway.sandbox import Fault
from pushgateway.sync import Gateway
from pushgateway.testing import SandboxTransport

WHOSE = ("brand", "certificate")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class PrometheusObserver:
    """Events as Prometheus metrics. Labels are brands, certificate ids and closed words: never a token or a text."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"pushgateway_{name}", text, (*WHOSE, *labels), registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"pushgateway_{name}", text, (*WHOSE, *labels), registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"pushgateway_{name}", text, (*WHOSE, *labels), registry=registry, buckets=buckets)

        self._pushes = counter("pushes", "Pushes that got their outcome", "status", "reason")
        self._shed = counter("pushes_shed", "Pushes refused because the queue was full")
        self._waits = histogram("push_seconds", "From being handed in to the outcome", SECONDS)
        self._requests = histogram("request_seconds", "Vendor requests", SECONDS, "operation", "ending")
        self._sizes = histogram("batch_pushes", "Pushes that shared a vendor request", SIZES)
        self._logins = counter("logins", "Logins", "reason")
        self._breakers = gauge("breaker_open", "1: the vendor is not asked", "region")
        self._latches = gauge("quota_latched", "1: the day is used up", "region", "quota")
        self._tells: dict[type[Event], Callable[[Any, tuple[str, str]], None]] = {
            OutcomeGiven: self._outcome,
            RequestDone: self._request,
            LoginDone: lambda event, whose: self._logins.labels(*whose, _word(event.reason)).inc(),
            Shed: lambda event, whose: self._shed.labels(*whose).inc(event.count),
            BreakerChanged: lambda event, whose: self._breakers.labels(*whose, event.region).set(
                event.state is not BreakerState.CLOSED
            ),
            QuotaLatched: lambda event, whose: self._latches.labels(*whose, event.region, event.quota).set(1),
            QuotaReleased: lambda event, whose: self._latches.labels(*whose, event.region, event.quota).set(0),
        }

    def __call__(self, event: Event) -> None:
        """Take an event."""
        tell = self._tells.get(type(event))
        if tell is not None:
            # The id of a certificate that does not exist (no brand) is anything somebody said: no label for it.
            tell(event, ("", "") if event.brand is None else (event.brand, event.certificate_id))

    def _outcome(self, event: OutcomeGiven, whose: tuple[str, str]) -> None:
        self._pushes.labels(*whose, event.status.value, _word(event.reason)).inc()
        self._waits.labels(*whose).observe(event.duration)

    def _request(self, event: RequestDone, whose: tuple[str, str]) -> None:
        self._requests.labels(*whose, event.operation, event.ending).observe(event.duration)
        if event.operation == "push":
            self._sizes.labels(*whose).observe(event.pushes)


def _word(reason: Any) -> str:
    return "" if reason is None else str(reason.value)


def main() -> None:
    """Push what is typed, and show what became of it."""
    parser = argparse.ArgumentParser(description="Push lines of text; Prometheus scrapes what became of them.")
    parser.add_argument("--port", type=int, default=0, help="of /metrics on this machine; 0: any that is free")
    options = parser.parse_args()

    oppo = OppoSandbox()
    certificate = Certificate(7005, "oppo", {**oppo.settings("https://oppo.example")})
    phones = itertools.cycle(oppo.tokens)
    registry = CollectorRegistry()
    server, thread = start_http_server(options.port, addr="127.0.0.1", registry=registry)
    print(f"http://127.0.0.1:{server.server_port}/metrics", flush=True)
    try:
        observer = PrometheusObserver(registry)
        with Gateway([certificate], transport=SandboxTransport(oppo), observer=observer) as gateway:
            for line in sys.stdin:
                wanted = re.match(r"!(?P<code>-?\d+) ", line)
                if wanted is not None:
                    oppo.faults.add(Fault(kind="code", code=wanted["code"], operation="unicast"))
                outcome = gateway.send(PushToken(7005, next(phones)), Notification("A line", line.strip() or "empty"))
                print(outcome.status.value, _word(outcome.reason), flush=True)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
