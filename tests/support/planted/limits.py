"""Faults planted in rates and priorities: they show under load, not on a day with a few hundred pushes."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from loaded_vendor import LoadedServer, Offer, Quick
from toy_vendor import Toy, certificate, gateway

from planted.plant import Plant, plant
from pushgateway import Priority
from pushgateway.engine.flow_control.rate import Rate
from pushgateway.engine.flow_control.retry_budget import RetryBudget
from pushgateway.engine.pushes.queue import Line
from pushgateway.engine.pushes.runs import Run
from pushgateway.testing.virtual_time import run_virtual

PLANTS: list[Plant] = []
Patch = pytest.MonkeyPatch
SECONDS = 20


def _offered(server: LoadedServer, size: int = 1000, **loads: float) -> dict[str, Offer]:
    """Pushes for one certificate at so many per second, by priority."""

    async def main() -> dict[str, Offer]:
        async with gateway(server, certificate(size=size), vendors={"toy": Quick if size > 1 else Toy}) as g:  # type: ignore[arg-type]
            offers = {name: Offer(g, timeout=30.0) for name in loads}
            async with asyncio.TaskGroup() as group:
                for name, per_second in loads.items():
                    group.create_task(offers[name].keep_up("1", per_second, SECONDS, Priority[name]))
            return offers

    return run_virtual(main())


def _stays_below() -> bool:
    server = LoadedServer()
    server.limit = lambda pool, now: 50.0
    _offered(server, NORMAL=100)
    return server.refused <= 2


def _repeats_little() -> bool:
    server = LoadedServer()
    asked = itertools.count()
    server.code = lambda pool, now: "5" if next(asked) % 2 else "0"  # every second reply is "later"
    _offered(server, size=1, NORMAL=100)
    return server.repeats <= 0.1 * server.first_tries + SECONDS + 30 + RetryBudget.MOST


def _urgent_first() -> bool:
    server = LoadedServer()
    server.limit = lambda pool, now: 50.0
    offers = _offered(server, BULK=200, URGENT=5)
    took = sorted(took for _, took, _ in offers["URGENT"].outcomes)
    return took[int(0.99 * len(took))] <= 2 * (2 * server.latency)


@plant(PLANTS, "O4", under_load=_stays_below)
def no_rate(patch: Patch) -> None:
    """The vendor's rate is not kept."""
    patch.setattr(Rate, "delay", lambda self, now, borrow=0.0: 0.0)


@plant(PLANTS, "O3", under_load=_repeats_little)
def no_budget(patch: Patch) -> None:
    """Repeats have no limit."""
    patch.setattr(RetryBudget, "spend", lambda self, now: True)


@plant(PLANTS, "O7", under_load=_urgent_first)
def upside_down(patch: Patch) -> None:
    """Bulk pushes go first."""
    add = Line.add

    def upside(self: Line, run: Run, part: Any = None) -> None:
        run.priority = Priority(2 - run.priority)
        add(self, run, part)

    patch.setattr(Line, "add", upside)


@plant(PLANTS, "O7", under_load=_urgent_first)
def all_alike(patch: Patch) -> None:
    """Priorities are ignored."""
    add = Line.add

    def alike(self: Line, run: Run, part: Any = None) -> None:
        run.priority = Priority.NORMAL
        add(self, run, part)

    patch.setattr(Line, "add", alike)
