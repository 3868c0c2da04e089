"""Twenty certificates in one process, one of which hangs and one of which is flooded: the others are not affected.
Virtual time.
"""

import asyncio

import pytest
from loaded_vendor import LoadedServer, Offer
from toy_vendor import certificate, gateway

from pushgateway import Priority
from pushgateway.testing.virtual_time import run_virtual

pytestmark = pytest.mark.days

CERTIFICATES = [str(number) for number in range(20)]
HANGING, FLOODED = "0", "1"


def accepted(*, trouble: bool) -> tuple[dict[str, int], dict[str, float]]:
    """By certificate: accepted pushes in a minute, and the time of the slowest one of a hundred."""
    server = LoadedServer()
    server.limit = lambda pool, now: 100.0
    if trouble:
        server.hangs = lambda pool, now: pool == HANGING

    async def main() -> tuple[dict[str, int], dict[str, float]]:
        certificates = [certificate(key, secret=f"secret {key}") for key in CERTIFICATES]  # twenty apps
        async with gateway(server, *certificates) as g:  # type: ignore[arg-type]
            offers = {key: Offer(g) for key in CERTIFICATES}
            async with asyncio.TaskGroup() as group:
                for key, offer in offers.items():
                    per_second = 200 if trouble and key == FLOODED else 20
                    group.create_task(offer.keep_up(key, per_second, 60, Priority.NORMAL))
            others = CERTIFICATES[2:]
            times = {key: sorted(took for _, took, _ in offers[key].outcomes) for key in others}
            return (
                {key: offers[key].accepted(0, 61) for key in others},
                {key: took[int(0.99 * len(took))] for key, took in times.items()},
            )

    return run_virtual(main())


def test_one_hangs_and_one_is_flooded() -> None:
    """The other eighteen keep their throughput, equal shares and their speed."""
    alone, alone_slowest = accepted(trouble=False)
    beside, beside_slowest = accepted(trouble=True)

    assert all(beside[key] >= 0.95 * alone[key] > 0 for key in alone)
    assert sum(beside.values()) ** 2 / (len(beside) * sum(one**2 for one in beside.values())) >= 0.95
    assert all(beside_slowest[key] <= 1.5 * alone_slowest[key] for key in alone)
