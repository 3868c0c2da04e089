"""The rounds of the fleet: phones are registered, all of them get a push, what came of it is checked."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from fleet.makers import Maker, brands, certificates, gateway_for, make_fleet, make_harder
from fleet.receipts import take_receipts
from fleet.report import Report
from pushgateway import Gateway, Intent, Notification, Outcome, Push, PushToken
from pushgateway.sandbox import Fault
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual

ROUND = 1_000
"""Pushes of one round to each brand, each to a phone that is registered for it."""
APART = 1_800.0
"""Seconds between two rounds."""
CHECKED = 50
"""Tokens of each brand that are checked after a round."""


def different(maker: Maker, tokens: Sequence[str], intent: Intent | None = None) -> list[Push]:
    """A push with a text and data of its own for each of these phones."""
    return [
        Push(
            PushToken(maker.certificate_id, token),
            Notification("title", f"for {token}", data={"to": token}, intent=intent),
        )
        for token in tokens
    ]


async def _play_round(
    gateway: Gateway,
    fleet: Sequence[Maker],
    number: int,
    rng: random.Random,
    report: Report,
    clock: Callable[[], float],
) -> None:
    """Register phones, send to all of them in one of the ways, compare, and remove them."""
    tokens = {maker.brand: maker.sandbox.register(ROUND) for maker in fleet}
    dead: set[PushToken] = set()
    for maker in fleet:
        maker.delivered.clear()
        for token in rng.sample(tokens[maker.brand], ROUND // 50):
            maker.sandbox.uninstall(token)
            dead.add(PushToken(maker.certificate_id, token))
    began, intent = clock(), rng.choice([Intent.CHAT, Intent.NEWS])
    asked, outcomes = await _send(gateway, fleet, number, rng, tokens, intent)
    if number % 4 != 3 and [outcome.push_token for outcome in outcomes] != asked:
        report.broken.append("outcomes are not in the order of the pushes")
    if Counter(outcome.push_token for outcome in outcomes) != Counter(asked):
        report.broken.append("not one outcome for each push")
    report.judge(fleet, outcomes, dead, intent, [_hour(began), _hour(clock())])
    if gateway.certificates[0].receipt_url is not None:
        take_receipts(gateway, fleet, outcomes, dead, report)
    some = [PushToken(maker.certificate_id, token) for maker in fleet for token in tokens[maker.brand][:CHECKED]]
    report.judge_checks(fleet, await gateway.check_tokens(some), dead)
    for maker in fleet:
        for token in tokens[maker.brand]:
            maker.sandbox.uninstall(token)


async def _send(
    gateway: Gateway,
    fleet: Sequence[Maker],
    number: int,
    rng: random.Random,
    tokens: Mapping[str, Sequence[str]],
    intent: Intent,
) -> tuple[list[PushToken], Sequence[Outcome]]:
    """Send in one of four ways; to whom, and the outcomes."""
    way = number % 4
    if way == 0:
        note = Notification("title", f"for all {number}", data={"to": "all"}, intent=intent)
        everyone = [PushToken(maker.certificate_id, token) for maker in fleet for token in tokens[maker.brand]]
        rng.shuffle(everyone)
        return everyone, await gateway.multicast(everyone, note)
    pushes = [push for maker in fleet for push in different(maker, tokens[maker.brand], intent)]
    rng.shuffle(pushes)
    asked = [push.push_token for push in pushes]
    if way == 1:
        return asked, await gateway.send_each(pushes)
    if way == 2:
        return asked, await asyncio.gather(*(gateway.send(push.push_token, push.notification) for push in pushes))
    return asked, [outcome async for outcome in gateway.stream(iter(pushes))]


def _hour(wall: float) -> float:
    """The hour of the day in China."""
    return (wall / 3600 + 8) % 24


def play(
    count: int,
    *,
    seed: int = 0,
    names: Sequence[str] | None = None,
    faults: bool = True,
    dead: str | None = None,
    after_round: Callable[[int], None] = lambda pushes: None,
) -> Report:
    """Send about `count` pushes to a mixed fleet. `faults`: with faults and limits. `dead`: a brand whose server
    refuses every connection. `after_round` is called with the number of pushes so far."""
    chosen = list(names or brands())
    report = Report()

    async def main() -> None:
        clock, rng = loop_wall_clock(), random.Random(seed)
        fleet = make_fleet(chosen, clock, seed)
        for maker in fleet:
            if maker.brand == dead:
                maker.sandbox.faults.add(Fault(kind="refuse", times=None))
            elif faults:
                make_harder(maker)
        async with gateway_for(fleet, clock, rng) as gateway:
            for number in itertools.count():
                if number % 8 in (0, 4):  # half of the time with receipts, and each way to send
                    _ask_for_receipts(gateway, fleet, wanted=number % 8 == 0)
                await _play_round(gateway, fleet, number, rng, report, clock)
                after_round(report.pushes)
                if report.pushes >= count:
                    break
                await asyncio.sleep(APART)

    run_virtual(main())
    return report


def _ask_for_receipts(gateway: Gateway, fleet: Sequence[Maker], *, wanted: bool) -> None:
    gateway.reload(certificates(fleet, receipts=wanted))
    for maker in fleet:
        maker.sandbox.receipts_at = gateway.receipt_address(maker.certificate_id) if wanted else ""


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
