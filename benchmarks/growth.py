"""How the cost of a push grows with the number of pushes, and with the number of certificates.

The gateway is warm (logged in and connected) before the clock starts. A small number of pushes is sent repeatedly until
the reading is long enough; the same pushes are reused, so the messages do not grow with their number. With several
certificates, the same total is sent, one certificate after the other, in full batches.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from common import CERTIFICATE_ID, SEED, Reading, Stopwatch, Table, Target, make_pushes, neighbour, options, report
from contenders import opened, send_each, stream
from pushgateway_oppo.sandbox import OppoSandbox
from transports import transports, usual

from pushgateway import Certificate, Push, PushToken

SIZES = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
FLAT_FROM = 1_000
CERTIFICATES = (1, 10, 100, 500)
EACH_MOST = 100_000
"""Pushes of the longest `send_each`, which keeps all outcomes in memory. Larger numbers are measured with `stream`
only."""
ENOUGH, OFTEN = 10_000, 100
"""A reading has at least `ENOUGH` pushes, or `OFTEN` repetitions."""
POOL = 20_000
"""Number of different pushes: more than a stream's window, so no batch waits for another push to the same token."""
MOST = 1.3
"""Limit: the dearest, times the cheapest."""


def by_size(
    pushes: Sequence[Push], sizes: Sequence[int], rounds: int, settings: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The readings of `send_each` and `stream` for each size."""
    found: dict[str, dict[int, list[Reading]]] = {
        "send_each": {size: [] for size in sizes if size <= EACH_MOST},
        "stream": {size: [] for size in sizes},
    }

    async def run(call: str, size: int) -> Reading:
        certificate = Certificate(CERTIFICATE_ID, "oppo", settings)
        times = max(1, min(OFTEN, min(ENOUGH, sizes[-1]) // size))
        async with opened([certificate], transports()[usual()]) as gateway:
            await gateway.send_each(pushes[:FLAT_FROM])
            emitter = Stopwatch()
            for _ in range(times):
                some = itertools.islice(itertools.cycle(pushes), size)
                await (send_each(gateway, list(some)) if call == "send_each" else stream(gateway, some))
            return emitter.read(times * size)

    for number in range(rounds):
        for call, readings in found.items():
            for size, those in readings.items():
                if size < max(SIZES) or number == 0:  # the largest is long enough to be read once
                    those.append(asyncio.run(run(call, size)))
    return found


def by_certificates(
    pushes: Sequence[Push], numbers: Sequence[int], rounds: int, settings: Mapping[str, Any]
) -> Mapping[int, list[Reading]]:
    """The readings of `send_each` for each number of certificates; the same pushes, batches as large."""
    found: dict[int, list[Reading]] = {number: [] for number in numbers}
    batch = len(pushes) // numbers[-1]

    async def run(number: int) -> Reading:
        own = {**settings, "batch_size": batch}
        certificates = [Certificate(place, "oppo", own) for place in range(number)]
        share = len(pushes) // number
        given = [
            Push(PushToken(min(place // share, number - 1), push.push_token.token), push.notification)
            for place, push in enumerate(pushes)
        ]
        async with opened(certificates, transports()[usual()]) as gateway:
            await gateway.send_each(given[::share])
            emitter = Stopwatch()
            await send_each(gateway, given)
            return emitter.read(len(given))

    for _ in range(rounds):
        for number, those in found.items():
            those.append(asyncio.run(run(number)))
    return found


@attrs.frozen
class Cost:
    """The median over rounds of one size; microseconds of CPU per push."""

    size: int
    cpu: float

    @classmethod
    def of(cls, size: int, readings: Sequence[Reading]) -> Cost:
        """The cost by these readings."""
        return cls(size, 1e6 * statistics.median(one.cpu / one.pushes for one in readings))


def spread(costs: Sequence[Cost], start: int) -> float:
    """Among the costs from size `start` on: the highest, times the lowest."""
    those = [cost.cpu for cost in costs if cost.size >= start] or [cost.cpu for cost in costs]
    return max(those) / min(those)


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=max(SIZES), rounds=3)
    sizes = [size for size in SIZES if size <= given.count] or [given.count]
    numbers = [number for number in CERTIFICATES if number * 4 <= given.count] or [1]
    total = min(given.count, 50_000)
    tokens = OppoSandbox(tokens=max(POOL, total), seed=SEED).tokens
    pushes = list(make_pushes(tokens, min(max(POOL, total), given.count)))
    with neighbour(len(tokens)) as settings:
        found = by_size(pushes[:POOL], sizes, given.rounds, settings)
        shared = by_certificates(pushes[:total], numbers, given.rounds, settings)
    costs = {call: [Cost.of(size, those) for size, those in readings.items()] for call, readings in found.items()}
    crowd = [Cost.of(number, those) for number, those in shared.items()]
    each = {cost.size: cost.cpu for cost in costs["send_each"]}
    batch = total // numbers[-1]
    tables = [
        Table(
            "pushes",
            ("pushes", "send_each, CPU us/push", "stream, CPU us/push"),
            [(f"{cost.size:,}", each.get(cost.size), cost.cpu) for cost in costs["stream"]],
        ),
        Table(
            "certificates",
            ("certificates", "pushes", "pushes a batch", "send_each, CPU us/push"),
            [(f"{cost.size:,}", total, batch, cost.cpu) for cost in crowd],
        ),
    ]
    targets = [
        Target(f"dearest push, times the cheapest, {call}, from {FLAT_FROM:,} pushes on, at most", ratio, MOST)
        for call, ratio in ((call, spread(those, FLAT_FROM)) for call, those in costs.items())
    ]
    targets.append(
        Target(f"dearest push, times the cheapest, 1 to {numbers[-1]} certificates, at most", spread(crowd, 1), MOST)
    )
    return report(tables, targets, as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
