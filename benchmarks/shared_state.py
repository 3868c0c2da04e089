"""What shared state costs a push: single sends of a gateway without it, and with each store.

The gateway is the only process on its state, so this is the price of being ready for others: an exchange four times a
second while it sends through a limited rate and twice a second otherwise, however much is sent. Two certificates: one
without a rate, and one with a rate that is never reached. The second table shows the exchanges alone: the CPU of a
gateway that sends nothing. A Redis is measured where `--redis` names one; it runs beside this process, and its CPU is
not counted. The last table has the memory of a remembered receipt there.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import redis
from common import (
    CERTIFICATE_ID,
    SEED,
    Reading,
    Stopwatch,
    Table,
    Target,
    cost_table,
    make_pushes,
    median_ratio,
    median_row,
    neighbour,
    options,
    report,
    wire_message,
)
from contenders import Settings, opened, send, take_turns
from pushgateway_oppo.sandbox import OppoSandbox
from transports import transports, usual

from pushgateway import Certificate, Push
from pushgateway.state import MemoryState, SharedState, open_state

LIMIT = 1.1
"""CPU of a send with shared state, at most, as a multiple of the same without."""
ALONE = "without shared state"
RATES = {"no rate": math.inf, "a rate": 1e6}
"""Pushes per second of the certificate."""
Store = Callable[[], SharedState | str | None]


def single_sends(pushes: Sequence[Push], settings: Settings, rate: float, store: Store) -> Reading:
    """Send one by one, several at a time, with a gateway that is warm."""

    async def run() -> Reading:
        certificate = Certificate(CERTIFICATE_ID, "oppo", settings, pushes_per_second=rate)
        async with opened([certificate], transports()[usual()], state=store()) as gateway:
            await send(gateway, pushes[:1])
            stopwatch = Stopwatch()
            await send(gateway, pushes)
            return stopwatch.read(len(pushes))

    return asyncio.run(run())


def idle(settings: Settings, store: Store, seconds: float) -> float:
    """CPU seconds of this process in a second in which a gateway sends nothing."""

    async def run() -> float:
        certificate = Certificate(CERTIFICATE_ID, "oppo", settings)
        async with opened([certificate], transports()[usual()], state=store()) as gateway:
            await gateway.check(CERTIFICATE_ID)
            stopwatch = Stopwatch()
            await asyncio.sleep(seconds)
            reading = stopwatch.read(1)
            return reading.cpu / reading.wall

    return asyncio.run(run())


def receipt_bytes(url: str, count: int) -> float:
    """Bytes of Redis's memory for each of so many receipts that are remembered."""
    server = redis.Redis.from_url(url)
    rng = random.Random(SEED)
    marks = [f"{rng.getrandbits(128):032x}" for _ in range(count)]

    async def remember() -> None:
        state = open_state(url)
        for start in range(0, count, 1000):
            part = marks[start : start + 1000]
            await state.claim_receipts(part, "benchmark", hold=60.0)
            await state.settle_receipts(part, "benchmark", seconds=60.0)
        await state.aclose()

    before = server.info("memory")["used_memory"]
    asyncio.run(remember())
    used: float = server.info("memory")["used_memory"] - before
    server.close()
    return used / count


def stores(folder: Path, redis_url: str | None) -> Mapping[str, Store]:
    """By name, without shared state first."""
    made: dict[str, Store] = {ALONE: lambda: None, "memory": MemoryState}
    made["SQLite"] = lambda: f"sqlite:///{folder / 'state.db'}"
    if redis_url is not None:
        made["Redis"] = lambda: redis_url
    return made


def named(store: str, rate: str) -> str:
    """The name of a row."""
    return f"{store}, {rate}"


def measure(
    count: int, rounds: int, seconds: float, redis_url: str | None
) -> tuple[dict[str, list[Reading]], Mapping[str, float]]:
    """Let the contenders take turns; then the CPU of each while nothing is sent."""
    pushes = list(make_pushes(OppoSandbox(tokens=count, seed=SEED).tokens, count))
    messages = [wire_message(push, "") for push in pushes]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = stack.enter_context(neighbour(count))
        turns = {
            named(store, rate): partial(single_sends, pushes, settings, figure, make)
            for rate, figure in RATES.items()
            for store, make in stores(folder, redis_url).items()
        }
        readings = take_turns({name: (turn, messages) for name, turn in turns.items()}, rounds)
        return readings, {name: idle(settings, make, seconds) for name, make in stores(folder, redis_url).items()}


def targets(readings: Mapping[str, Sequence[Reading]]) -> list[Target]:
    """Each store against none, with the same rate."""
    cpu = {name: [one.cpu / one.pushes for one in given] for name, given in readings.items()}
    return [
        Target(f"CPU per push, {name}, times that {ALONE}, at most", median_ratio(cpu[name], cpu[base]), LIMIT)
        for rate in RATES
        for base in [named(ALONE, rate)]
        for name in cpu
        if name.endswith(f", {rate}") and name != base
    ]


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="that a gateway sends nothing (default: %(default)s)"
    )
    parser.add_argument(
        "--redis", default=None, help="URL of a Redis database to measure too, such as redis://localhost/9"
    )


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=20_000, rounds=7, more=_more)
    readings, alone = measure(given.count, given.rounds, given.seconds, given.redis)
    rows = [median_row(name, found) for name, found in readings.items()]
    heads = ("nothing is sent", "CPU ms in a second")
    tables = [
        cost_table("shared state", rows),
        Table("idle", heads, [(name, 1e3 * cpu) for name, cpu in alone.items()]),
    ]
    if given.redis is not None:
        size = receipt_bytes(given.redis, 100_000)
        tables.append(Table("receipts", ("remembered in Redis", "bytes"), [("a receipt", size)]))
    return report(tables, targets(readings), as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
