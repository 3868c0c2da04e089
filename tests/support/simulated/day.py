"""A simulated day of ten minutes: drawn from its seed, run in virtual time, checked at its end.

First safety is checked, during all troubles that were drawn; then liveness: when all troubles are over, everything must
be finished and work as on an ordinary day. `live` reports broken promises; `shrink` removes one trouble after the other
for as long as the day still fails.
"""

from __future__ import annotations

import asyncio
import logging
import random
import weakref
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import attrs

from pushgateway import Certificate, Gateway, Notification, Push, PushToken, RetryPolicy, Status
from pushgateway.testing.virtual_time import run_virtual
from simulated.host import QUEUE, Act, Host
from simulated.inbox import ADDRESS, SECRET, Inbox
from simulated.kinds import BATCHES, Kind
from simulated.ledger import Ledger
from simulated.operator import Operator
from simulated.plugin import MISBEHAVIOURS, Sim, certificate
from simulated.receipt_ledger import ReceiptLedger
from simulated.reports import Reports
from simulated.server import SimServer
from simulated.troubles import CODE, HOST, RECEIPTS, STORES, Trouble, TroubleSchedule, draw
from simulated.visits import App, Bucket
from simulated.wire import NEWS

APPS = ("c1", "c2", "c3", "c4")
"""Each at a vendor of another kind."""
OVER = 420.0
"""Second at which all troubles are over. The vendor's midnight is at 400."""
SOUND = 535.0
"""Second at which every pause that the engine may make is over too."""
REPORTED = 595.0
"""Second at which every receipt has been posted."""
END = 600.0
ATTEMPTS = 4
USUAL_CONNECTIONS = 8
"""Of a gateway for which the host gives no number, where the plug-in gives none either."""


@attrs.frozen
class Plan:
    """Everything that will happen on a day."""

    seed: int
    kinds: tuple[Kind, ...]
    """Of the vendors of `APPS`."""
    connections: int | None
    """What the host says; None: nothing, so that it is up to the plug-in."""
    linger: float
    request_timeout: float
    troubles: tuple[Trouble, ...]
    acts: tuple[Act, ...]

    @classmethod
    def drawn(cls, seed: int) -> Plan:
        """The day of a seed."""
        chance = random.Random(seed)
        usual = ["crowd"] * 6 + ["several"] * 3 + ["multicast"] * 2 + ["stream"] * 2 + ["broadcast", "check"]
        acts = [
            *_acts(chance, usual, chance.randrange(12, 32)),
            *_acts(chance, ["group"], chance.randrange(4, 24)),
            *_acts(chance, ["recall", "alive"], chance.randrange(2, 12)),
        ]
        troubles = [
            *draw(chance, APPS, OVER),
            *draw(chance, APPS, OVER, STORES, 4),
            *draw(chance, APPS, OVER, RECEIPTS, 5),
        ]
        return cls(
            seed=seed,
            kinds=tuple(Kind.drawn(chance, batches) for batches in (*BATCHES, chance.choice(BATCHES))),
            connections=chance.choice([None, 1, 2, 4]),
            linger=chance.choice([0.0, 0.01, 0.01, 0.2]),
            request_timeout=chance.choice([2.0, 10.0]),
            troubles=tuple(troubles),
            acts=tuple(sorted(acts)),
        )


def _acts(chance: random.Random, kinds: Sequence[str], count: int) -> list[Act]:
    """So many calls of the host, of these kinds."""
    return [
        (round(chance.uniform(0, OVER + 60), 2), chance.choice(kinds), chance.getrandbits(32)) for _ in range(count)
    ]


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
        kinds = {trouble.kind for trouble in plan.troubles}
        ledger.calm = not plan.troubles
        self.loop = asyncio.get_running_loop()
        self.schedule = TroubleSchedule(plan.troubles)
        self.receipts = ReceiptLedger(ledger, "forged" in kinds, lambda: self.server.logins.gateway)
        chance = random.Random(plan.seed + 1)
        apps = [self._app(name, kind, chance) for name, kind in zip(APPS, plan.kinds, strict=True)]
        certificates = [self._certificate(app, chance) for app in apps]
        self._consoles = {one.id: one.signer.url for one in certificates if one.signer is not None}
        self.server = SimServer(ledger, self.schedule, apps, self._make_reports, plan.seed)
        self.server.admission.clock_is_right = "clock" not in kinds
        self.host = Host(ledger, self.server, self._make_gateway(certificates))
        self.operator = Operator(ledger, self.server, self.host, certificates, self._make_gateway)

    def _make_gateway(self, certificates: Iterable[Certificate]) -> Gateway:
        plan, server = self.plan, self.server
        return Gateway(
            certificates,
            request_timeout=plan.request_timeout,
            connections=plan.connections,
            queue=QUEUE,
            linger=plan.linger,
            retry=RetryPolicy(attempts=ATTEMPTS),
            trace=10_000,
            transport=server,
            vendors={"sim": self._plugin()},
            clock=server.hosts_clock,
            rng=random.Random(f"{plan.seed}/{server.logins.gateway}"),  # each process has its own
        )

    def _make_reports(self, wall: Callable[[], float]) -> Reports:
        inbox = Inbox(self.receipts, self.schedule, lambda: self.host.gateway, lambda: self.server.logins.gateway)
        chance = random.Random(f"{self.plan.seed} reports")
        return Reports(self.receipts, self.schedule, wall, chance, inbox.post, self._consoles.__getitem__)

    def _app(self, name: str, kind: Kind, chance: random.Random) -> App:
        named = USUAL_CONNECTIONS if kind.is_mixed or kind.connections is None else kind.connections
        return App(
            name=name,
            kind=kind,
            connections=self.plan.connections or named,
            is_strict=chance.random() < 0.4,
            last_wins=chance.random() < 0.3,
            requests=Bucket(kind.requests_per_second, 100.0),
            targets=Bucket(kind.pushes_per_second, 1000.0),
            has_receipts=chance.random() < 0.8,
            receipts_key=f"{name}-key",
            secrets={f"{name}-s0"},
        )

    def _certificate(self, app: App, chance: random.Random) -> Certificate:
        url, secret = (ADDRESS, SECRET) if app.has_receipts else (None, None)
        return certificate(
            app.name,
            app.kind,
            f"{app.name}-s0",
            app.receipts_key,
            linger=chance.choice([None, None, 0.0]),
            receipt_url=url,
            receipt_secret=secret,
        )

    def _plugin(self) -> type[Sim]:
        """The plug-in with the misbehaviour of this day. It holds the day weakly: the loader of settings remembers each
        class for ever, and many days are lived in one process."""
        todays = weakref.WeakMethod(self._misbehaviour)

        def misbehaviour() -> str | None:
            found = todays()
            return None if found is None else found()

        return type("SimToday", (Sim,), {"misbehaviour": staticmethod(misbehaviour)})

    def _misbehaviour(self) -> str | None:
        struck = self.schedule.strikes(self.loop.time(), "", CODE[:1])
        return struck.chance.choice(MISBEHAVIOURS) if struck else None

    async def live(self) -> None:
        """Run from the first push to the close."""
        for when, what, seed in self.plan.acts:
            act: Callable[[random.Random], Coroutine[Any, Any, None]] = getattr(self.host, what)
            self.loop.call_at(when, self._begin, act, random.Random(seed))
        for trouble in self.plan.troubles:
            if trouble.kind in (*HOST, "clock", "revoked"):
                self.loop.call_at(trouble.begins, self._begin, self.operator.run_trouble, trouble)
        await self._until(OVER + 1)
        self._renew_refused_credentials()
        await self._until(SOUND)
        if self.host.tasks.under_way:
            self.ledger.broken("L1", f"{len(self.host.tasks.under_way)} calls have not come back")
        await self._ordinary()
        await self._as_many()
        await self._until(REPORTED)
        await self.operator.close(5.0)
        await self._until(END)
        for failure in (*self.host.tasks.failures, *self.server.reports.tasks.failures):
            raise failure
        self.ledger.check(ATTEMPTS)
        self.receipts.check()

    def _begin(self, act: Callable[[Any], Coroutine[Any, Any, None]], what: Any) -> None:
        self.host.tasks.begin(act(what))

    async def _until(self, when: float) -> None:
        await asyncio.sleep(when - self.loop.time())

    def _renew_refused_credentials(self) -> None:
        """Certificates whose credentials the vendor refused get new ones, which ends the pause after a refusal."""
        kinds = {trouble.kind for trouble in self.plan.troubles}
        # With a wrong clock the engine cannot know when the vendor's day ends.
        is_lost = "clock" in kinds and bool(kinds & {"quota", "full"})
        for name, app in self.server.apps.items():
            met = {trouble.kind for trouble in self.plan.troubles if trouble.app in ("", name)}
            # An access token that is signed here and called expired twice in a row counts as refused credentials.
            refusing = {"blocked", "rotate", "stale"} if app.kind.access == "signed" else {"blocked", "rotate"}
            if is_lost or met & refusing:
                self.operator.renew(name)
        self.operator.reload()

    async def _ordinary(self) -> None:
        """A new push for each certificate, region and quota is accepted at once."""
        self.server.latency = 0.05
        for app in APPS:
            for token, channel in ((f"{app}-1", None), (f"far-{app}-1", None), (f"{app}-2", NEWS)):
                begun = self.loop.time()
                note = Notification("title", f"fresh {token}", channel_id=channel)
                outcome = await self.host.one(Push(PushToken(app, token), note))
                took = self.loop.time() - begun
                if outcome.status is not Status.ACCEPTED or took > 0.5 + self.plan.linger:
                    detail = f"{outcome.status.value}, {outcome.detail!r}"
                    self.ledger.broken("L1", f"a fresh push to {token} after {took:.2f} s: {detail}")
        tokens = [PushToken(name, f"{name}-1") for name, app in self.server.apps.items() if app.kind.checks_tokens]
        if not all(one.ok for one in await self.host.gateway.check_tokens(tokens)):
            self.ledger.broken("L1", "a token that is alive is not called so")

    async def _as_many(self) -> None:
        """All connections can be used, as before."""
        self.server.latency = 0.5  # so slow that even a limited rate needs all connections
        peak = self.server.admission.peak
        for app in self.server.apps.values():
            peak.clear()
            burst = [
                Push(PushToken(app.name, f"{app.name}-1"), Notification("title", f"burst {number}"), coalesce=False)
                for number in range(3 * app.connections)
            ]
            async with asyncio.TaskGroup() as group:
                for push in burst:
                    group.create_task(self.host.one(push))
            if (used := peak[app.name, "near"]) != app.connections:
                self.ledger.broken("L2", f"{app.name} uses {used} connections of {app.connections}")


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
            "with these vendors:",
            *(f"{name}: {kind}" for name, kind in zip(APPS, report.plan.kinds, strict=True)),
            "with these troubles, as few as it takes:",
            *map(str, report.plan.troubles),
        ]
    )
