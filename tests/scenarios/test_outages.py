"""A vendor's server is down, its daily quota is used up, or it refuses access tokens; then it works again.

During an outage the vendor gets few requests, and soon after it all pushes arrive. Groups N, Q and A of the catalogue,
in virtual time.
"""

import asyncio
import logging
import random

import pytest
from loaded_vendor import LoadedServer, Offer
from toy_vendor import certificate, gateway, note

from pushgateway import Outcome, Priority, PushToken, Reason, Status
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual

pytestmark = pytest.mark.days

MIDNIGHT = 1_700_064_000.0
"""Epoch seconds; a midnight in GMT+8."""
DAY = 86400


def offered(server: LoadedServer, per_second: float, seconds: float) -> Offer:
    """One certificate with this rate of pushes for so many seconds."""

    async def main() -> Offer:
        async with gateway(server, certificate(size=1)) as g:  # type: ignore[arg-type]
            offer = Offer(g)
            await offer.keep_up("1", per_second, seconds, Priority.NORMAL)
            return offer

    return run_virtual(main())


def test_an_outage_of_ten_minutes() -> None:
    """During it the vendor gets at most a twentieth of the usual requests; half a minute after it all pushes are
    accepted.
    """
    server = LoadedServer()
    server.is_down = lambda pool, now: 120 <= now < 720

    offer = offered(server, 10, 900)

    assert server.between(server.calls, "1", 0, 120) >= 1200
    assert server.between(server.calls, "1", 120, 720) <= 0.05 * 6000
    assert offer.accepted(750, 900) >= 0.95 * 1500
    assert offer.accepted(721, 750) > 0
    away = [one.status for begun, _, one in offer.outcomes if 120 <= begun < 700]
    assert away.count(Status.NOT_SENT) >= 0.99 * len(away)


def test_a_network_that_flaps() -> None:
    """The network fails for half of every minute: in the other half most pushes are accepted."""
    server = LoadedServer()
    server.is_down = lambda pool, now: now % 60 >= 30

    offer = offered(server, 10, 600)

    good = [offer.accepted(minute * 60, minute * 60 + 30) for minute in range(1, 10)]
    assert min(good) >= 0.4 * 300
    assert server.repeats <= 0.1 * server.first_tries + 600 + 60


def test_an_outage_says_little(caplog: pytest.LogCaptureFixture) -> None:
    """Ten minutes and thousands of failed pushes give a few log lines per minute."""
    server = LoadedServer()
    server.is_down = lambda pool, now: 60 <= now < 660

    with caplog.at_level(logging.INFO, "pushgateway"):
        offer = offered(server, 10, 720)

    assert sum(not one.ok for _, _, one in offer.outcomes) > 3000
    assert 0 < len(caplog.records) <= 120


def calls_of_two_days(seed: int) -> tuple[list[float], list[Outcome]]:
    """Two days with a push every ten minutes; at noon of the first day the daily quota is used up.

    Returns the times of the vendor calls, in seconds after the midnight between the days, and all outcomes.
    """
    server = LoadedServer()
    noon = DAY / 2
    server.code = lambda pool, now: "7" if noon <= now < DAY else "0"
    calls: list[float] = []
    took: list[float] = []

    async def main() -> list[Outcome]:
        loop = asyncio.get_running_loop()
        outcomes = []
        async with gateway(server, clock=loop_wall_clock(MIDNIGHT - DAY), rng=random.Random(seed)) as g:  # type: ignore[arg-type]
            for at in sorted({*range(0, 2 * DAY, 600), *range(DAY, DAY + 200)}):
                await asyncio.sleep(at - loop.time())
                before = sum(server.calls.values())
                begun = loop.time()
                outcomes.append(await g.send(PushToken(1, f"k{at}"), note()))
                if outcomes[-1].reason is Reason.QUOTA_EXCEEDED:
                    took.append(loop.time() - begun)
                if sum(server.calls.values()) > before:
                    calls.append(at - DAY)
        return outcomes

    outcomes = run_virtual(main())
    assert max(took[1:]) == 0.0, "an answer that was known took time"
    return calls, outcomes


def test_a_daily_quota_that_is_used_up() -> None:
    """One refusal, then no request until the vendor's midnight, and a whole ordinary day after it."""
    calls, outcomes = calls_of_two_days(1)

    refused = [one for one in outcomes if one.reason is Reason.QUOTA_EXCEEDED]
    assert [at for at in calls if -DAY / 2 <= at < 0] == [-DAY / 2]
    assert [one.status for one in refused].count(Status.REJECTED) == 1
    assert {one.status for one in refused[1:]} == {Status.NOT_SENT}
    assert sum(one.ok for one in outcomes) == len(calls) - 1


def test_not_everybody_comes_back_at_midnight() -> None:
    """Forty processes resume within two minutes after midnight, none before it, and not at the same moment."""
    first = [min(at for at in calls_of_two_days(seed)[0] if at >= 0) for seed in range(40)]

    assert min(first) > 0
    assert max(first) <= 131
    assert max(first) - min(first) >= 60
    assert max(first.count(at) for at in first) <= 5


def test_an_access_token_that_expires_under_a_thousand_pushes() -> None:
    """All are sent again with one new access token, and all are accepted."""
    server = LoadedServer()
    server.code = lambda pool, now: "11" if 10 <= now < 10.05 else "0"

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=1), connections=1000) as g:  # type: ignore[arg-type]
            await g.send(PushToken(1, "first"), note())
            await asyncio.sleep(10.01 - asyncio.get_running_loop().time())
            async with asyncio.TaskGroup() as group:
                sends = [group.create_task(g.send(PushToken(1, f"k{number}"), note())) for number in range(1000)]
            return [send.result() for send in sends]

    outcomes = run_virtual(main())

    assert {one.status for one in outcomes} == {Status.ACCEPTED}
    assert max(one.attempts for one in outcomes) == 2
    assert len(server.logins) == 2
