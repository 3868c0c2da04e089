"""Every fault of the network, through the whole gateway, over every transport: the outcome of the catalogue, in
time."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Set
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
from faults import FLOODS, IN_TIME, Ending, Rows, U, rows
from faulty_server import Authority, FaultServer, Wired, serving_faults
from raw_server import PLAIN, TRANSPORTS, Kind, replies, serving

from pushgateway import Certificate, Gateway, Notification, PushToken, RetryPolicy
from pushgateway.vendor import NoVerdict, Request

WITHIN, GRACE = 0.5, 0.25
AT_ONCE = 24
"""Number of faults that run side by side: few enough that a slow machine does not delay them."""


@attrs.frozen
class Observed:
    """What one run of a table observed."""

    endings: dict[str, Ending]
    asked: dict[str, int]
    connections: dict[str, int]
    failed_after: dict[str, str]
    durations: dict[str, float]
    visits: int

    def corrected(self, again: Observed, names: Set[str]) -> Observed:
        """A copy with everything that a further run observed for these names: all of it, so that no row mixes two
        runs."""
        kept = {name: detail for name, detail in self.failed_after.items() if name not in names}
        return Observed(
            {**self.endings, **again.endings},
            {**self.asked, **again.asked},
            {**self.connections, **again.connections},
            {**kept, **again.failed_after},
            {**self.durations, **again.durations},
            self.visits + again.visits,
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def gateway_on(server: FaultServer, transport: Any, scheme: str, names: Rows) -> AsyncIterator[Gateway]:
    certificates = [Certificate(name, "wired", {"url": f"{scheme}://127.0.0.1:{server.port}/{name}"}) for name in names]
    gateway = Gateway(
        certificates,
        transport=transport,
        vendors={"wired": Wired},
        request_timeout=WITHIN,
        retry=RetryPolicy(attempts=1),
    )
    async with gateway:
        yield gateway


async def live_through(
    kind: Kind, authority: Authority, only: set[str], *, tls: bool, warm: bool, step: int
) -> Observed:
    """Run the rows `only`, or all of them."""
    loop = asyncio.get_running_loop()
    endings: dict[str, Ending] = {}
    durations: dict[str, float] = {}
    failed_after: dict[str, str] = {}
    turns = asyncio.Semaphore(AT_ONCE)
    async with serving(replies(PLAIN)) as canary:
        table = {name: row for name, row in rows(canary.url(), step).items() if name in only or not only}
        answers = {name: answer for name, (answer, _) in table.items()}
        context = authority.context("127.0.0.1") if tls else None
        transport = kind(ca_file=authority.pem, connections=1)
        scheme = "https" if tls else "http"
        async with (
            serving_faults(answers, warm=warm, tls=context) as server,
            gateway_on(server, transport, scheme, table) as gateway,
        ):

            async def suffer(name: str) -> None:
                async with turns:
                    if warm:
                        first = await gateway.send(PushToken(name, "token"), Notification("t", "first"))
                        if not first.ok:  # before any fault: the machine was slow, so it is set up again
                            durations[name], endings[name] = math.inf, (first.status, first.reason)
                            return
                    begun = loop.time()
                    outcome = await gateway.send(PushToken(name, "token"), Notification("t", "b"))
                    durations[name] = loop.time() - begun
                    endings[name] = (outcome.status, outcome.reason)

            for wave in (IN_TIME & table.keys(), table.keys() - IN_TIME - FLOODS, FLOODS & table.keys()):
                await asyncio.gather(*map(suffer, wave))
            asked, connections = dict(server.asked), dict(server.connections)
            server.healed = True
            for name in table:
                request = Request("POST", f"{scheme}://127.0.0.1:{server.port}/{name}", content=b"x")
                try:
                    await transport.send(request, pool=name, timeout=1)
                except NoVerdict as lost:
                    failed_after[name] = lost.detail
        await transport.aclose()
        visits = canary.connections
    return Observed(endings, asked, connections, failed_after, durations, visits)


def _too_slow(took: float, expected: Ending) -> bool:
    return took >= (WITHIN + GRACE if expected == U else WITHIN)


@pytest.mark.usefixtures("unburdened")
@pytest.mark.parametrize("warm", [False, True], ids=["fresh", "kept"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("kind", TRANSPORTS)
def test_every_fault_ends_as_the_catalogue_says(
    kind: Kind, tls: bool, warm: bool, authority: Authority, pytestconfig: pytest.Config
) -> None:
    """Each has the right outcome within the limit and no hidden second attempt; the next request works, and redirects
    are not followed."""
    step = 1 if pytestconfig.getoption("--wire-all") else 5
    expected = {name: ending for name, (_, ending) in rows("", step).items()}

    observed = asyncio.run(live_through(kind, authority, set(), tls=tls, warm=warm, step=step))
    for _ in range(2):  # a slow machine may explain a late outcome, but not three times
        if slow := {name for name, took in observed.durations.items() if _too_slow(took, expected[name])}:
            again = asyncio.run(live_through(kind, authority, slow, tls=tls, warm=warm, step=step))
            observed = observed.corrected(again, slow)

    assert observed.endings == expected
    assert observed.asked == dict.fromkeys(expected, 1 + warm)
    assert observed.connections == dict.fromkeys(expected, 1)
    assert observed.failed_after == {}
    assert max(observed.durations.values()) < WITHIN + GRACE
    assert observed.visits == 0
