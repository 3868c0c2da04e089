"""What it costs to ask before each request whether its phones still belong to their users.

The same pushes through a gateway without devices, through one with devices where no push has an owner, and with an
owner in each, in memory and in SQLite: in batches, and one push in a request. The bindings are made before the clock
starts. Another database is measured where `--database` names one (its table is filled); it runs beside this process,
and its CPU is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import attrs
from common import (
    CERTIFICATE_ID,
    SEED,
    Reading,
    Stopwatch,
    Target,
    cost_table,
    expect_accepted,
    make_pushes,
    median_ratio,
    median_row,
    neighbour,
    options,
    report,
    wire_message,
)
from contenders import Settings, opened, take_turns
from pushgateway_oppo.sandbox import OppoSandbox
from transports import transports, usual

from pushgateway import Certificate, Push
from pushgateway.devices import Devices, DeviceStore
from pushgateway.devices.memory import MemoryDevices

Store: TypeAlias = DeviceStore | str
ALONE = "no devices"
UNOWNED = "devices, pushes without an owner"
SIZES: Mapping[str, Mapping[str, int]] = {"batches": {}, "single requests": {"batch_size": 1}}
"""By name: settings of the certificate."""
LIMITS = {"batches": {UNOWNED: 1.05, "SQLite": 1.4}, "single requests": {UNOWNED: 1.05, "SQLite": 2.2}}
"""CPU of a push, at most, as a multiple of the same without devices."""
SEVERAL = 500
"""Bindings that are made at the same time."""


async def bind(store: Store, pushes: Sequence[Push]) -> list[Push]:
    """Bind the phone of each push; the pushes with their owners."""
    async with Devices(store) as devices:
        owned: list[Push] = []
        for start in range(0, len(pushes), SEVERAL):
            some = pushes[start : start + SEVERAL]
            each = [devices.bind(f"user-{start + place}", "phone", push.push_token) for place, push in enumerate(some)]
            bound = await asyncio.gather(*each)
            owned += [attrs.evolve(push, owner=one.owner) for push, one in zip(some, bound, strict=True)]
        return owned


def send_all(pushes: Sequence[Push], settings: Settings, store: Store | None) -> Reading:
    """One `send_each` of a gateway that is warm."""

    async def run() -> Reading:
        certificate = Certificate(CERTIFICATE_ID, "oppo", settings)
        more: dict[str, Any] = {}
        async with AsyncExitStack() as stack:
            if store is not None:
                more["devices"] = await stack.enter_async_context(Devices(store))
            gateway = await stack.enter_async_context(opened([certificate], transports()[usual()], **more))
            await gateway.send_each(pushes[:1])
            stopwatch = Stopwatch()
            outcomes = await gateway.send_each(pushes)
            reading = stopwatch.read(len(pushes))
        expect_accepted(outcomes, len(pushes))
        return reading

    return asyncio.run(run())


def measure(count: int, rounds: int, database: str | None) -> dict[str, list[Reading]]:
    """Let the contenders take turns."""
    pushes = list(make_pushes(OppoSandbox(tokens=count, seed=SEED).tokens, count))
    messages = [wire_message(push, "") for push in pushes]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = stack.enter_context(neighbour(count))
        memory = MemoryDevices(random.Random(SEED))
        stores: dict[str, Store] = {"memory": memory, "SQLite": f"sqlite:///{folder / 'devices.sqlite'}"}
        if database is not None:
            stores["database"] = database
        given: dict[str, tuple[Sequence[Push], Store | None]] = {ALONE: (pushes, None), UNOWNED: (pushes, memory)}
        given |= {name: (asyncio.run(bind(store, pushes)), store) for name, store in stores.items()}
        turns: dict[str, Callable[[], Reading]] = {
            f"{name}, {size}": partial(send_all, those, {**settings, **own}, store)
            for size, own in SIZES.items()
            for name, (those, store) in given.items()
        }
        return take_turns({name: (turn, messages) for name, turn in turns.items()}, rounds)


def targets(readings: Mapping[str, Sequence[Reading]]) -> list[Target]:
    """Each against the same without devices."""
    cpu = {name: [one.cpu / one.pushes for one in given] for name, given in readings.items()}
    return [
        Target(
            f"CPU per push, {name}, {size}, times that of {ALONE}, at most",
            median_ratio(cpu[f"{name}, {size}"], cpu[f"{ALONE}, {size}"]),
            limit,
        )
        for size, limits in LIMITS.items()
        for name, limit in limits.items()
    ]


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--database", default=None, help="URL of a database to measure too, such as postgresql://localhost/bench"
    )


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=10_000, rounds=7, more=_more)
    readings = measure(given.count, given.rounds, given.database)
    rows = [median_row(name, found) for name, found in readings.items()]
    return report([cost_table("devices", rows)], targets(readings), as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
