"""How much memory a `stream` takes: the peak of this process above its size before the first push.

It runs in a process of its own and the vendor in another, so that only the gateway is measured. Pushes are created one
by one as the stream asks for them, and outcomes are dropped as they come. It needs Linux: `/proc` has a peak (`VmHWM`)
that does not contain the parent process.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from common import CERTIFICATE_ID, SEED, Reading, Stopwatch, Table, Target, make_pushes, neighbour, options, report
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Certificate, Gateway

PHONES = 20_000
"""More than a stream's window, so that no batch waits for another push to the same token."""
TIMEOUT = 600.0
"""Seconds; large, so that no push expires because the machine is slow."""
LIMIT = 100.0
"""Megabytes above the start."""


def resident(kind: str) -> float:
    """Megabytes of this process in memory: `VmRSS` now, `VmHWM` at most."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        name, _, rest = line.partition(":")
        if name == kind:
            return int(rest.split()[0]) / 1024
    raise RuntimeError(f"this system does not tell {kind}")


async def stream(count: int, settings: Mapping[str, Any]) -> tuple[Reading, float, float]:
    """Send so many pushes; what it took, and megabytes at the start and at the peak."""
    tokens = OppoSandbox(tokens=PHONES, seed=SEED).tokens
    certificate = Certificate(CERTIFICATE_ID, "oppo", settings)
    async with Gateway([certificate], timeout=TIMEOUT, request_timeout=TIMEOUT) as gateway:
        emitter = Stopwatch()
        start, accepted = resident("VmRSS"), 0
        async for outcome in gateway.stream(make_pushes(tokens, count)):
            accepted += outcome.ok
        reading, peak = emitter.read(count), resident("VmHWM")
    if accepted != count:
        raise RuntimeError(f"{accepted} of {count} pushes were accepted")
    return reading, start, peak


def main() -> int:
    """Measure and report; 1 when the target is missed."""
    given = options(__doc__ or "", count=1_000_000)  # no rounds: a process has one peak
    with neighbour(PHONES) as settings:
        reading, start, peak = asyncio.run(stream(given.count, settings))
    target = Target("MB of a stream at its peak, above its start, at most", peak - start, LIMIT)
    rows = [(f"{reading.pushes:,}", start, peak, reading.pushes / reading.wall)]
    heads = ("pushes", "MB at the start", "MB at the peak", "pushes/s")
    return report([Table("stream", heads, rows)], [target], as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
