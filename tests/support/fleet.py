"""A mixed fleet: phones of every installed brand behind one gateway, with faults, on virtual time.

Each brand has its strict sandbox. Pushes go out in rounds by `send`, `send_each`, `multicast` and `stream`; every
delivery is compared with the text and the data that were sent to that phone, every outcome with the number of
deliveries. `python -m fleet COUNT [SEED]` prints what was sent and each broken promise. Used by `tests/scenarios`
(short) and by `tox -e fleet` (long).
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from pushgateway import Certificate, Gateway, Notification, Outcome, Push, PushToken, Reason, Status
from pushgateway.certificates.plugins import installed
from pushgateway.sandbox import Delivery, Fault, Phone, Sandbox, find_sandbox
from pushgateway.sandbox.find import SANDBOXES
from pushgateway.testing import SandboxTransport
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual

ROUND = 1_000
"""Pushes of one round to each brand, each to a phone that is registered for it."""
FAULTS = (
    Fault(kind="drop", share=0.03, times=None),
    Fault(kind="refuse", share=0.03, times=None),
    Fault(kind="cut", share=0.02, times=None, size=30),
    Fault(kind="html", share=0.02, times=None),
    Fault(kind="empty", share=0.02, times=None),
    Fault(kind="status", share=0.03, times=None, status=503),
    Fault(kind="delay", share=0.03, times=None, seconds=15),
    Fault(kind="expire", share=0.01, times=3),
)
"""Of every brand, for each call; the vendor's own manglings are added."""
SLOW = 0.02
"""Seconds of one way to a vendor."""


def brands() -> Sequence[str]:
    """The installed brands that have a sandbox."""
    return [brand for brand in installed() if brand in installed(SANDBOXES)]


@attrs.define(eq=False)
class Maker:
    """One brand of the fleet, and what was delivered in this round."""

    brand: str
    certificate_id: str
    sandbox: Sandbox
    delivered: Counter[str] = attrs.field(factory=Counter)
    wrong: list[str] = attrs.field(factory=list)
    """A sentence for each delivery that was not meant for its phone."""

    def watch(self) -> None:
        """Check each delivery when the sandbox performs it. Text and data of a push name the token that it is for, or
        are for all."""

        def deliver(phone: Phone, delivery: Callable[[], Delivery]) -> None:
            self._check(phone.token, delivery())

        def deliver_all(tokens: Sequence[str], delivery: Callable[[str], Delivery]) -> None:
            for token in tokens:
                self._check(token, delivery(token))

        self.sandbox.deliver = deliver  # type: ignore[method-assign]
        self.sandbox.deliver_all = deliver_all  # type: ignore[method-assign]

    def _check(self, token: str, made: Delivery) -> None:
        self.delivered[token] += 1
        if not made.body.startswith("for all ") and made.body != f"for {token}":
            self.wrong.append(f"{self.brand}: a phone got the text of another one")
        if made.data.get("to") not in (token, "all"):
            self.wrong.append(f"{self.brand}: a phone got the data of another one")
        if (made.data.get("to") == "all") != made.body.startswith("for all "):
            self.wrong.append(f"{self.brand}: text and data of different pushes")


@attrs.define(eq=False)
class Report:
    """What a run of the fleet found."""

    outcomes: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    """By brand and ending."""
    broken: list[str] = attrs.field(factory=list)
    """A sentence for each broken promise."""

    @property
    def pushes(self) -> int:
        """Pushes in all."""
        return sum(self.outcomes.values())


def make_fleet(names: Sequence[str], clock: Callable[[], float], seed: int) -> list[Maker]:
    """A sandbox of each brand, watched."""
    fleet = []
    for number, brand in enumerate(names, start=7001):
        kind = find_sandbox(brand)
        sandbox = kind(clock=clock, seed=seed + number, tokens=0, keep=False, **kind.demo_options)
        maker = Maker(brand, str(number), sandbox)
        maker.watch()
        fleet.append(maker)
    return fleet


def gateway_for(fleet: Sequence[Maker], clock: Callable[[], float], rng: random.Random) -> Gateway:
    """One gateway with a certificate of each brand."""
    urls = {maker.brand: f"https://{maker.brand}.example" for maker in fleet}
    certificates = [
        Certificate(
            maker.certificate_id,
            maker.brand,
            maker.sandbox.settings(urls[maker.brand]),
            pushes_per_second=float("inf"),
            requests_per_second=float("inf"),
        )
        for maker in fleet
    ]
    routes = {urls[maker.brand]: maker.sandbox for maker in fleet}
    transport = SandboxTransport(routes, clock=clock, latency=lambda: SLOW)
    return Gateway(certificates, transport=transport, clock=clock, rng=rng, queue=10**9, timeout=60.0)


def different(maker: Maker, tokens: Sequence[str]) -> list[Push]:
    """A push with a text and data of its own for each of these phones."""
    return [
        Push(PushToken(maker.certificate_id, token), Notification("title", f"for {token}", data={"to": token}))
        for token in tokens
    ]


async def _play_round(
    gateway: Gateway, fleet: Sequence[Maker], number: int, rng: random.Random, report: Report
) -> None:
    """Register phones, send to all of them in one of the ways, compare, and remove them."""
    tokens = {maker.brand: maker.sandbox.register(ROUND) for maker in fleet}
    dead: set[tuple[str, str]] = set()
    for maker in fleet:
        maker.delivered.clear()
        for token in rng.sample(tokens[maker.brand], ROUND // 50):
            maker.sandbox.uninstall(token)
            dead.add((maker.certificate_id, token))
    outcomes: Sequence[Outcome]
    way = number % 4
    if way == 0:
        note = Notification("title", f"for all {number}", data={"to": "all"})
        everyone = [PushToken(maker.certificate_id, token) for maker in fleet for token in tokens[maker.brand]]
        rng.shuffle(everyone)
        outcomes = await gateway.multicast(everyone, note)
        asked = everyone
    else:
        pushes = [push for maker in fleet for push in different(maker, tokens[maker.brand])]
        rng.shuffle(pushes)
        asked = [push.push_token for push in pushes]
        if way == 1:
            outcomes = await gateway.send_each(pushes)
        elif way == 2:
            outcomes = await asyncio.gather(*(gateway.send(push.push_token, push.notification) for push in pushes))
        else:
            outcomes = [outcome async for outcome in gateway.stream(iter(pushes))]
    if way != 3 and [outcome.push_token for outcome in outcomes] != asked:
        report.broken.append("outcomes are not in the order of the pushes")
    if Counter(outcome.push_token for outcome in outcomes) != Counter(asked):
        report.broken.append("not one outcome for each push")
    _judge(fleet, outcomes, dead, report)
    for maker in fleet:
        for token in tokens[maker.brand]:
            maker.sandbox.uninstall(token)


def _judge(fleet: Sequence[Maker], outcomes: Sequence[Outcome], dead: set[tuple[str, str]], report: Report) -> None:
    makers = {maker.certificate_id: maker for maker in fleet}
    for outcome in outcomes:
        key = outcome.push_token.certificate_id
        maker, token = makers[key], outcome.push_token.token
        report.outcomes[maker.brand, (outcome.reason or outcome.status).value] += 1
        times, is_dead = maker.delivered[token], (key, token) in dead
        most = 1 if not outcome.possible_duplicate else outcome.attempts
        if outcome.status is Status.ACCEPTED:
            right = times == 0 if is_dead else 1 <= times <= most
        elif outcome.status is Status.UNKNOWN:
            right = times <= max(1, most)
        else:
            right = times == 0
        if not right:
            report.broken.append(f"{maker.brand}: ended {outcome.status.value}, delivered {times} times: {outcome!r}")
        if outcome.reason is Reason.UNREGISTERED and not is_dead:
            report.broken.append(f"{maker.brand}: a living token is called dead: {outcome!r}")
    for maker in fleet:
        report.broken += maker.wrong
        maker.wrong.clear()


def play(
    count: int,
    *,
    seed: int = 0,
    names: Sequence[str] | None = None,
    faults: bool = True,
    dead: str | None = None,
    after_round: Callable[[int], None] = lambda pushes: None,
) -> Report:
    """Send about `count` pushes to a mixed fleet. `dead`: a brand whose server refuses every connection.
    `after_round` is called with the number of pushes so far."""
    chosen = list(names or brands())
    report = Report()

    async def main() -> None:
        clock, rng = loop_wall_clock(), random.Random(seed)
        fleet = make_fleet(chosen, clock, seed)
        for maker in fleet:
            if maker.brand == dead:
                maker.sandbox.faults.add(Fault(kind="refuse", times=None))
            elif faults:
                manglings = [Fault(kind=kind, share=0.1, times=None) for kind in maker.sandbox.manglings]
                maker.sandbox.faults.add(*FAULTS, *manglings)
        async with gateway_for(fleet, clock, rng) as gateway:
            for number in itertools.count():
                await _play_round(gateway, fleet, number, rng, report)
                after_round(report.pushes)
                if report.pushes >= count:
                    break

    run_virtual(main())
    return report


def throughput(count: int, names: Sequence[str], dead: str | None) -> float:
    """Pushes a second, in virtual time, that the brands `names` other than `dead` accept, with or without it."""
    living = [name for name in names if name != dead]

    async def main() -> float:
        clock, rng = loop_wall_clock(), random.Random(1)
        fleet = make_fleet(names, clock, 1)
        for maker in fleet:
            if maker.brand == dead:
                maker.sandbox.faults.add(Fault(kind="refuse", times=None))
        async with gateway_for(fleet, clock, rng) as gateway:
            pushes = [push for maker in fleet for push in different(maker, maker.sandbox.register(count))]
            rng.shuffle(pushes)
            loop = asyncio.get_running_loop()
            begun, last = loop.time(), 0.0
            ids = {maker.certificate_id for maker in fleet if maker.brand in living}

            async def send(push: Push) -> None:
                nonlocal last
                outcome = await gateway.send(push.push_token, push.notification)
                if push.push_token.certificate_id in ids:
                    assert outcome.ok, outcome
                    last = loop.time() - begun

            await asyncio.gather(*map(send, pushes))
            return count * len(living) / last

    return run_virtual(main())


def main(count: int, seed: int = 0) -> int:
    """Play, print what happened, and return 1 if a promise was broken."""
    begun, shown = time.monotonic(), 0

    def show(pushes: int) -> None:
        nonlocal shown
        if pushes >= shown + 100_000:
            shown = pushes
            sys.stdout.write(f"{pushes:,} pushes, {time.monotonic() - begun:.0f} s\n")
            sys.stdout.flush()

    report = play(count, seed=seed, after_round=show)
    by_brand: dict[str, dict[str, int]] = {}
    for (brand, ending), number in sorted(report.outcomes.items()):
        by_brand.setdefault(brand, {})[ending] = number
    for brand, endings in by_brand.items():
        sys.stdout.write(f"{brand}: {_counts(endings)}\n")
    sys.stdout.write(f"{report.pushes:,} pushes, {len(report.broken)} broken promises\n")
    for sentence in report.broken[:20]:
        sys.stdout.write(f"  {sentence}\n")
    return 1 if report.broken else 0


def _counts(endings: Mapping[str, Any]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in endings.items())


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
