"""A gateway whose numbers Prometheus scrapes: a complete program, with OPPO's sandbox in OPPO's place.

    python examples/prometheus.py --port 9100

Each line typed is pushed to a phone of the sandbox, `!` and a return code (`!33 text`) makes OPPO refuse it with that
code. The page that is printed first shows the numbers. The end of the input, or Ctrl-C, ends it.

A server of several processes is `examples/host`.
"""

import argparse
import itertools
import re
import sys
from contextlib import suppress

from prometheus_client import CollectorRegistry, start_http_server
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Certificate, Notification, PushToken
from pushgateway.prometheus import PrometheusObserver
from pushgateway.sandbox import Fault
from pushgateway.sync import Gateway
from pushgateway.testing import SandboxTransport


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
                print(outcome.status.value, outcome.reason.value if outcome.reason else "", flush=True)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
