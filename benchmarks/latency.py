"""What coalescing adds to the latency of a single send, in real time, at a steady rate and in a burst.

The latency is a caller's wait beyond the vendor's round trip, which is constant here. It contains the linger, queueing,
encoding, and a busy event loop. Callers start by a timetable that does not wait for replies. The comparison without
coalescing has enough connections, so that its queue is not measured.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Sequence

import attrs
from common import CERTIFICATE_ID, SEED, Stopwatch, Table, Target, make_pushes, options, report
from contenders import TIMEOUT
from near import Distant
from pushgateway_oppo.sandbox import OppoSandbox
from stub import settings

from pushgateway import Certificate, Gateway, Push

RATES = (10, 1_000, 10_000)
"""Pushes a second."""
LONGEST = 3.0
"""Seconds that one rate lasts in one round."""
ROUND_TRIP = 0.02
"""Seconds to the vendor and back."""
LINGER, CONNECTIONS, WIDE = 0.01, 8, 512
"""The gateway's defaults, and a number of connections that is always enough."""
MOST_ADDED = 20.0
"""Milliseconds."""
CALLS_SPREAD, CALLS_BURST, BURST = 110, 12, 10_000
"""Vendor calls for `BURST` pushes within a second, and at once."""


@attrs.frozen
class Wait:
    """One round at one rate; milliseconds above the round trip."""

    p50: float
    p99: float
    calls: float
    """Vendor calls for each 1,000 pushes, a figure that does not depend on the speed of the machine."""
    cpu: float
    """Share of one core."""


async def offer(pushes: Sequence[Push], rate: float, *, coalesced: bool) -> Wait:
    """Send them at `rate` a second and note how long each caller waited."""
    vendor = Distant(ROUND_TRIP)
    loop = asyncio.get_running_loop()
    certificate = Certificate(CERTIFICATE_ID, "oppo", settings(1))
    linger, connections = (LINGER, CONNECTIONS) if coalesced else (0.0, WIDE)
    waits: list[float] = []

    async def call(push: Push) -> None:
        begun = loop.time()
        outcome = await gateway.send(push.push_token, push.notification)
        if not outcome.ok:
            raise RuntimeError("a push was not accepted")
        waits.append(loop.time() - begun)

    async with Gateway(
        [certificate],
        transport=vendor,
        linger=linger,
        connections=connections,
        timeout=TIMEOUT,
        request_timeout=TIMEOUT,
    ) as gateway:
        await gateway.send(pushes[0].push_token, pushes[0].notification)  # logs in
        await asyncio.sleep(2 * LINGER)
        emitter, vendor.calls, start = Stopwatch(), 0, loop.time()
        async with asyncio.TaskGroup() as group:
            given = 0
            while given < len(pushes):
                due = min(len(pushes), 1 + int((loop.time() - start) * rate))
                for push in pushes[given:due]:
                    group.create_task(call(push))
                given = max(given, due)
                if given < len(pushes):
                    await asyncio.sleep(max(0.0, start + given / rate - loop.time()))
        reading, calls = emitter.read(len(pushes)), vendor.calls
    above = sorted(1000 * (wait - ROUND_TRIP) for wait in waits)
    return Wait(_share(above, 0.5), _share(above, 0.99), 1000 * calls / len(pushes), reading.cpu / reading.wall)


async def burst(pushes: Sequence[Push]) -> int:
    """Send all at once; how many vendor calls that took."""
    vendor = Distant(ROUND_TRIP)
    certificate = Certificate(CERTIFICATE_ID, "oppo", settings(1))
    async with Gateway([certificate], transport=vendor, timeout=TIMEOUT, request_timeout=TIMEOUT) as gateway:
        await asyncio.gather(*(gateway.send(push.push_token, push.notification) for push in pushes))
    return vendor.calls


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=20_000, rounds=3)
    tokens = OppoSandbox(tokens=max(given.count, 2), seed=SEED).tokens
    pushes = list(make_pushes(tokens, given.count))
    found: dict[tuple[int, bool], list[Wait]] = {(rate, on): [] for rate in RATES for on in (True, False)}
    for _ in range(given.rounds):
        for (rate, coalesced), waits in found.items():
            some = pushes[: max(1, int(rate * LONGEST))]
            waits.append(asyncio.run(offer(some, rate, coalesced=coalesced)))
    rows: list[tuple[str | float, ...]] = []
    targets: list[Target] = []
    for (rate, coalesced), waits in found.items():
        fields = ("p50", "p99", "calls", "cpu")
        p50, p99, calls, cpu = (statistics.median(getattr(wait, name) for wait in waits) for name in fields)
        rows.append((f"{rate:,} a second", "coalesced" if coalesced else "linger 0", p50, p99, calls, cpu))
        if coalesced:
            targets.append(Target(f"ms above the round trip, p99, {rate:,} a second, at most", p99, MOST_ADDED))
        if coalesced and rate == BURST:
            targets.append(
                Target(
                    f"vendor calls for {BURST:,} sends spread over a second, at most",
                    calls * BURST / 1000,
                    CALLS_SPREAD,
                )
            )
    calls = asyncio.run(burst(pushes[:BURST]))
    targets.append(Target(f"vendor calls for {BURST:,} sends at once, at most", calls, CALLS_BURST))
    heads = ("rate", "how", "p50 ms", "p99 ms", "vendor calls/1,000", "cores busy")
    return report([Table("added", heads, rows)], targets, as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
