"""A simulated day of ten minutes: drawn from its seed, run in virtual time, checked at its end.

First safety is checked, during all troubles that were drawn; then liveness: when all troubles are over, everything must
be finished and work as on an ordinary day. `live` reports broken promises; `shrink` removes one trouble after the other
for as long as the day still fails.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import attrs

from pushgateway import Certificate, Gateway, Notification, Push, PushToken, RetryPolicy, Status
from pushgateway.testing.virtual_time import run_virtual
from simulated.host import QUEUE, Act, Host
from simulated.ledger import Ledger
from simulated.plugin import MISBEHAVIOURS, Sim, certificate
from simulated.server import App, Bucket, SimServer
from simulated.troubles import CODE, HOST, STORING, Trouble, TroubleSchedule, draw

APPS = ("c1", "c2", "c3")
OVER = 420.0
"""Second at which all troubles are over. The vendor's midnight is at 400."""
SOUND = 535.0
"""Second at which every pause that the engine may make is over too."""
END = 600.0
ATTEMPTS = 4


@attrs.frozen
class Plan:
    """Everything that will happen on a day."""

    seed: int
    connections: int
    linger: float
    request_timeout: float
    troubles: tuple[Trouble, ...]
    acts: tuple[Act, ...]

    @classmethod
    def drawn(cls, seed: int) -> Plan:
        """The day of a seed."""
        chance = random.Random(seed)
        kinds = ["crowd"] * 6 + ["several"] * 3 + ["multicast"] * 2 + ["stream"] * 2 + ["broadcast", "check"]
        acts = sorted(
            (round(chance.uniform(0, OVER + 60), 2), chance.choice(kinds), chance.getrandbits(32))
            for _ in range(chance.randrange(12, 32))
        )
        # By another generator, so that the rest of the day is as it was before there were groups.
        others = random.Random(f"{seed} groups")
        acts += [
            (round(others.uniform(0, OVER + 60), 2), "group", others.getrandbits(32))
            for _ in range(others.randrange(4, 24))
        ]
        storing = draw(others, APPS, OVER, STORING, 4)
        return cls(
            seed=seed,
            connections=chance.choice([1, 2, 4]),
            linger=chance.choice([0.0, 0.01, 0.01, 0.2]),
            request_timeout=chance.choice([2.0, 10.0]),
            troubles=(*draw(chance, APPS, OVER), *storing),
            acts=tuple(sorted(acts)),
        )


@attrs.frozen
class DayReport:
    """The result of a day."""

    plan: Plan
    faults: tuple[str, ...]
    story: str
    """A digest of all events and their times."""
    outcomes: dict[str, int]
    calls: dict[str, int]

    @property
    def promises(self) -> frozenset[str]:
        """Names of the promises that were broken."""
        return frozenset(fault.split(":")[0] for fault in self.faults)


class Day:
    """A day while it runs."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan = plan
        self.ledger = ledger
        ledger.calm = not plan.troubles
        self.loop = asyncio.get_running_loop()
        chance = random.Random(plan.seed + 1)
        self._kinds = random.Random(f"{plan.seed} kinds")
        self.schedule = TroubleSchedule(plan.troubles)
        self.apps = [self._app(name, chance) for name in APPS]
        self.server = SimServer(ledger, self.schedule, self.apps, plan.connections, plan.seed)
        vendor = type("SimToday", (Sim,), {"misbehaviour": staticmethod(self._misbehaviour)})
        certificates = [self._certificate(app, chance) for app in self.apps]

        def make(certificates: Iterable[Certificate]) -> Gateway:
            return Gateway(
                certificates,
                request_timeout=plan.request_timeout,
                connections=plan.connections,
                queue=QUEUE,
                linger=plan.linger,
                retry=RetryPolicy(attempts=ATTEMPTS),
                transport=self.server,
                vendors={"sim": vendor},
                clock=self._wall,
                rng=random.Random(f"{plan.seed}/{self.server.logins.gateway}"),  # each process has its own
            )

        self.host = Host(ledger, self.server, certificates, make)
        self.server.clock = self._wall
        self.server.clock_is_right = all(trouble.kind != "clock" for trouble in plan.troubles)

    def _wall(self) -> float:
        return self.server.wall() + self.host.wall_offset

    def _app(self, name: str, chance: random.Random) -> App:
        size, mixed, dedupe = chance.choice([1, 3, 8, 8, 1000, 1000]), chance.random() < 0.7, chance.random() < 0.5
        return App(
            name=name,
            size=size,
            mixed=mixed,
            dedupe=dedupe,
            by_message=dedupe and self._kinds.random() < 0.5,
            stores=not mixed and size > 1 and self._kinds.random() < 0.8,
            logs_in=chance.random() < 0.85,
            strict=chance.random() < 0.4,
            lifetime=chance.choice([70.0, 200.0, 86400.0]),
            last_wins=chance.random() < 0.3,
            requests=Bucket(chance.choice([20.0, 200.0]), 100.0),
            targets=Bucket(chance.choice([100.0, 1000.0]), 1000.0),
            secrets={"s0"},
        )

    def _certificate(self, app: App, chance: random.Random) -> Certificate:
        own = chance.choice([None, None, 0.0])
        settings: dict[str, Any] = {"size": app.size, "mixed": app.mixed, "dedupe": app.dedupe, "logs_in": app.logs_in}
        if chance.random() < 0.3:
            settings |= {"requests_per_second": int(app.requests.rate), "pushes_per_second": int(app.targets.rate)}
        weighs, saves = chance.random() < 0.3, chance.random() < 0.7
        settings |= {"stores": app.stores, "by_message": app.by_message}
        settings["stored_for"] = self._kinds.choice([0.0, 5.0, 3600.0])
        return certificate(app.name, "s0", own, weighs=weighs, saves=saves, **settings)

    def _misbehaviour(self) -> str | None:
        struck = self.schedule.strikes(self.loop.time(), "", CODE[:1])
        return struck[1].choice(MISBEHAVIOURS) if struck else None

    async def live(self) -> None:
        """Run from the first push to the close."""
        for when, what, seed in self.plan.acts:
            act: Callable[[random.Random], Coroutine[Any, Any, None]] = getattr(self.host, what)
            self.loop.call_at(when, self._begin, act, random.Random(seed))
        for trouble in self.plan.troubles:
            if trouble.kind in (*HOST, "clock", "revoked"):
                self.loop.call_at(trouble.begins, self._begin, self.host.run_trouble, trouble)
        await self._until(OVER + 1)
        self._renew_refused_credentials()
        await self._until(SOUND)
        if self.host.acts:
            self.ledger.broken("L1", f"{len(self.host.acts)} calls have not come back")
        await self._ordinary()
        await self._as_many()
        await self.host.close(5.0)
        await self._until(END)
        for failure in self.host.failures:
            raise failure
        self.ledger.check(ATTEMPTS)

    def _begin(self, act: Callable[[Any], Coroutine[Any, Any, None]], what: Any) -> None:
        self.host.begin(act(what))

    async def _until(self, when: float) -> None:
        await asyncio.sleep(when - self.loop.time())

    def _renew_refused_credentials(self) -> None:
        """Certificates whose credentials the vendor refused get new ones, which ends the pause after a refusal."""
        kinds = {trouble.kind for trouble in self.plan.troubles}
        met = {trouble.app for trouble in self.plan.troubles if trouble.kind in ("blocked", "rotate")}
        if {"quota", "clock"} <= kinds:
            met.add("")  # with a wrong clock the engine cannot know when the vendor's day ends
        for app in APPS:
            if app in met or "" in met:
                self.host.renew(app)
        self.host.reload()

    async def _ordinary(self) -> None:
        """A new push for each certificate and region is accepted at once."""
        self.server.latency = 0.05
        for app in APPS:
            for token in (f"{app}-1", f"far-{app}-1"):
                begun = self.loop.time()
                outcome = await self.host.one(Push(PushToken(app, token), Notification("title", f"fresh {token}")))
                took = self.loop.time() - begun
                if outcome.status is not Status.ACCEPTED or took > 0.5 + self.plan.linger:
                    detail = f"{outcome.status.value}, {outcome.detail!r}"
                    self.ledger.broken("L1", f"a fresh push to {token} after {took:.2f} s: {detail}")

    async def _as_many(self) -> None:
        """All connections can be used, as before."""
        self.server.latency = 0.5  # so slow that even a limited rate needs all connections
        for app in APPS:
            self.server.peak.clear()
            burst = [
                Push(PushToken(app, f"{app}-1"), Notification("title", f"burst {number}"), coalesce=False)
                for number in range(3 * self.plan.connections)
            ]
            async with asyncio.TaskGroup() as group:
                for push in burst:
                    group.create_task(self.host.one(push))
            if self.server.peak[app, "near"] != self.plan.connections:
                used = self.server.peak[app, "near"]
                self.ledger.broken("L2", f"{app} uses {used} connections of {self.plan.connections}")


def live(plan: Plan) -> DayReport:
    """Run a day. Raises nothing: an exception of the engine or the loop counts as a broken promise."""
    ledger = Ledger()

    async def main() -> None:
        await Day(plan, ledger).live()

    log = logging.getLogger("pushgateway")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)  # a day with troubles logs much
    try:
        run_virtual(main(), seed=plan.seed if plan.seed % 3 else None)
    except Exception as failure:
        ledger.broken("I9", f"{type(failure).__name__}: {failure}")
    finally:
        log.setLevel(level)
    return DayReport(plan, tuple(ledger.faults), ledger.story, dict(ledger.outcomes), dict(ledger.calls))


def shrink(plan: Plan, fails: Callable[[Plan], bool]) -> Plan:
    """The same day with as few troubles as it still fails with."""
    for trouble in plan.troubles:
        less = attrs.evolve(plan, troubles=tuple(one for one in plan.troubles if one is not trouble))
        if fails(less):
            plan = less
    return plan


def describe(report: DayReport, most: int = 8) -> str:
    """The text to print about a day that failed."""
    return "\n".join(
        [
            f"seed {report.plan.seed}: {len(report.faults)} broken promises",
            *report.faults[:most],
            "with these troubles, as few as it takes:",
            *map(str, report.plan.troubles),
        ]
    )
