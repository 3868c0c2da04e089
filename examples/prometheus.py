"""A gateway with metrics for Prometheus: a complete program that uses OPPO's sandbox instead of OPPO.

    python examples/prometheus.py --port 9100

Each line that you type is pushed to a phone of the sandbox. A line that begins with `!` and a return code (`!33 text`)
is refused with that code. The first line that it prints is the address of the metrics. The end of the input or Ctrl-C
ends the program.

For a server with several processes see `examples/host`.
"""

import argparse
import itertools
import re
import sys
from contextlib import suppress

from prometheus_client import CollectorRegistry, start_http_server
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Certificate, Notification, PushToken
from pushgateway.observe.prometheus import PrometheusObserver
from pushgateway.sandbox import Fault
from pushgateway.sync import Gateway
from pushgateway.testing import SandboxTransport


def main() -> None:
    """Push each line of the input and print its outcome."""
    parser = argparse.ArgumentParser(description="Push lines of text, with metrics for Prometheus.")
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
