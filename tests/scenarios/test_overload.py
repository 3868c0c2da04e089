"""More pushes than the vendor accepts: the vendor is used fully, no push waits for ever, and memory does not grow.

Rates are compared with the vendor's limit, in virtual time. Groups O and Q of the catalogue.
"""

import asyncio
import itertools
from typing import Any

import pytest
from loaded_vendor import LoadedServer, Offer, Quick
from toy_vendor import Toy, certificate, gateway

from pushgateway import Outcome, Priority, PushToken, Reason, Status
from pushgateway.testing.virtual_time import run_virtual

pytestmark = pytest.mark.days

LIMIT = 50.0


def offered(server: LoadedServer, per_second: float, seconds: float, **options: Any) -> Offer:
    """One certificate with this rate of pushes for so many seconds."""

    async def main() -> Offer:
        certificates = options.pop("certificates", [certificate()])
        async with gateway(server, *certificates, **options) as g:  # type: ignore[arg-type]
            offer = Offer(g)
            await offer.keep_up("1", per_second, seconds, Priority.NORMAL)
            return offer

    return run_virtual(main())


@pytest.mark.parametrize(("vendor", "lasts"), [(Toy, 180), (Quick, 600)])
def test_twice_the_limit_for_minutes(vendor: type[Toy], lasts: int) -> None:
    """The vendor serves nine tenths of its limit, whether it publishes the figure or not, and the queue does not
    grow.
    """
    server = LoadedServer()
    server.limit = lambda pool, now: LIMIT

    offer = offered(server, 2 * LIMIT, lasts, vendors={"toy": vendor}, queue=100)

    assert offer.accepted(0, lasts) >= 0.9 * lasts * LIMIT
    assert offer.accepted(lasts - 60, lasts) >= 0.9 * 60 * LIMIT
    assert len(offer.outcomes) == lasts * 2 * LIMIT
    assert max(offer.most_waiting.values()) <= 1.1 * offer.most_waiting[1]
    assert {one.reason for _, _, one in offer.outcomes} <= {
        None,
        Reason.OVERLOADED,
        Reason.RATE_LIMITED,
        Reason.EXPIRED,
    }


def test_a_limit_lowered_for_good_is_found() -> None:
    """After half a minute the rate is within a fifth of the new limit in every ten seconds."""
    server = LoadedServer()
    server.limit = lambda pool, now: LIMIT if now < 60 else 0.4 * LIMIT

    offered(server, 2 * LIMIT, 300, vendors={"toy": Quick})

    windows = [server.between(server.served, "1", at, at + 10) / 10 for at in range(90, 300, 10)]
    assert min(windows) >= 0.8 * 0.4 * LIMIT
    assert max(windows) <= 1.2 * 0.4 * LIMIT


@pytest.mark.parametrize(("complains", "forgotten"), [(0.3, 15), (1.0, 30), (3.0, 30)])
def test_complaints_are_forgotten(complains: float, forgotten: int) -> None:
    """Soon after the vendor has answered "too fast" to everything for a while, nine tenths of its limit are used
    again.
    """
    server = LoadedServer()
    server.code = lambda pool, now: "6" if 60 <= now < 60 + complains else "0"
    server.limit = lambda pool, now: LIMIT

    offered(server, 2 * LIMIT, 170, vendors={"toy": Quick}, queue=100)

    assert server.between(server.served, "1", 60 + forgotten, 170) >= 0.9 * (110 - forgotten) * LIMIT


def test_a_burst_that_does_not_fit_is_answered_at_once() -> None:
    """Fifty thousand pushes in one moment: those beyond the queue have their outcome immediately, the others in
    time.
    """
    server = LoadedServer()

    async def main() -> list[Outcome]:
        async with gateway(server, queue=10_000) as g:  # type: ignore[arg-type]
            offer = Offer(g)
            async with asyncio.TaskGroup() as group:
                for number in range(50_000):
                    group.create_task(offer._one(PushToken(1, f"p{number}"), Priority.NORMAL))
            shed = [took for _, took, one in offer.outcomes if one.reason is Reason.OVERLOADED]
            assert (len(shed), max(shed)) == (40_000, 0.0)
            return [one for _, _, one in offer.outcomes if one.reason is not Reason.OVERLOADED]

    assert {one.status for one in run_virtual(main())} == {Status.ACCEPTED}


def test_repeats_stay_within_their_budget() -> None:
    """If every second reply is "later", repeats stay within a tenth of the requests and one per second."""
    server = LoadedServer()
    asked = itertools.count()
    server.code = lambda pool, now: "5" if now < 60 and next(asked) % 2 else "0"

    offered(server, 100, 90, certificates=[certificate(size=1)])

    assert server.first_tries > 8000
    assert 100 < server.repeats <= 0.1 * server.first_tries + 90 + 60


def test_urgent_pushes_pass_bulk() -> None:
    """Beside four times the limit of bulk pushes, 99 of 100 urgent pushes take at most twice as long as without
    them.
    """

    async def main(bulk: float) -> float:
        server = LoadedServer()
        server.limit = lambda pool, now: LIMIT
        async with gateway(server, vendors={"toy": Quick}) as g:  # type: ignore[arg-type]
            marketing, calls = Offer(g, timeout=60.0), Offer(g)
            async with asyncio.TaskGroup() as group:
                if bulk:
                    group.create_task(marketing.keep_up("1", bulk, 120, Priority.BULK))
                group.create_task(calls.keep_up("1", 5, 120, Priority.URGENT))
            took = sorted(took for begun, took, one in calls.outcomes if begun > 30)
            return took[int(0.99 * len(took))]

    idle, loaded = run_virtual(main(0)), run_virtual(main(4 * LIMIT))

    assert loaded <= 2 * idle
