"""Twenty certificates over real connections in one event loop: one hangs, one is flooded, the others keep their
throughput.

The vendor is the stub of the benchmarks in a process of its own, the transport is the default one, and time is real, so
bounds are generous and there are three tries. The same in virtual time: `test_fairness.py`.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pushgateway import Certificate, Gateway, Notification, Push, PushToken

pytestmark = pytest.mark.days

KEYS = [str(number) for number in range(20)]
HANGING, FLOODED, *OTHERS = KEYS
EVERY, PUSHES = 0.03, 60
"""Seconds between two pushes of a certificate, and the number of its pushes."""
TRIES = 3


@contextlib.contextmanager
def stub(root: Path) -> Iterator[Mapping[str, Any]]:
    """Settings of a vendor that accepts everything."""
    command = [sys.executable, str(root / "benchmarks" / "stub.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            announced = process.stdout.readline()
            assert announced, "the second process did not start"
            yield json.loads(announced)
        finally:
            process.stdin.close()  # which ends it


@contextlib.asynccontextmanager
async def tar_pit() -> AsyncIterator[str]:
    """The URL of a server that reads everything and never answers."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.read(65_536):
                pass
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def offer(g: Gateway, key: str) -> float:
    """Accepted pushes per second at a steady pace, from the first submission to the last outcome."""
    loop = asyncio.get_running_loop()
    begun, sends = loop.time(), []
    for number in range(PUSHES):
        await asyncio.sleep(begun + number * EVERY - loop.time())
        note = Notification("title", f"{key}: {number}")
        sends.append(asyncio.create_task(g.send(PushToken(key, f"CN_{number:032x}"), note, timeout=2.0)))
    accepted = sum(outcome.ok for outcome in await asyncio.gather(*sends))
    return accepted / (loop.time() - begun)


async def flood(g: Gateway, accepted: list[bool]) -> None:
    """Submit pushes without a pause."""
    while True:
        notes = [Notification("title", f"flood {number}") for number in range(2000)]
        pushes = [Push(PushToken(FLOODED, f"CN_{n:032x}"), note) for n, note in enumerate(notes)]
        accepted += [outcome.ok for outcome in await g.send_each(pushes)]


async def hang(g: Gateway) -> None:
    """Submit more and more pushes to a vendor that never answers."""
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(g.send(PushToken(HANGING, "CN_0"), Notification("title", "body")))
            await asyncio.sleep(0.005)


async def throughput(settings: Mapping[str, Any], *, trouble: bool) -> tuple[dict[str, float], int]:
    """By other certificate: accepted pushes per second. Also the number of accepted pushes of the flood."""
    async with tar_pit() as pit:
        stuck = {**settings, "host": pit, "overseas_host": pit}
        certificates = [Certificate(key, "oppo", stuck if key == HANGING else settings) for key in KEYS]
        g = Gateway(certificates)
        await asyncio.gather(*(g.check(key) for key in KEYS[1:]))
        accepted: list[bool] = []
        troubles = [asyncio.create_task(hang(g)), asyncio.create_task(flood(g, accepted))] if trouble else []
        rates = await asyncio.gather(*(offer(g, key) for key in OTHERS))
        for one in troubles:
            one.cancel()
        await asyncio.gather(*troubles, return_exceptions=True)
        await g.aclose(0.0)
        return dict(zip(OTHERS, rates, strict=True)), sum(accepted)


def jain(shares: list[float]) -> float:
    """Jain's fairness index: 1 if all shares are equal, 1/n if one has everything."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


@pytest.mark.usefixtures("unburdened")
@pytest.mark.anyio
async def test_eighteen_beside_one_that_hangs_and_one_that_floods(root: Path) -> None:
    """Each of the others keeps 95 % of its throughput, in equal shares, and the flood uses the rest (O5, O6)."""
    worst, fairness, flooded = 0.0, 0.0, 0
    with stub(root) as settings:
        for _ in range(TRIES):
            alone, _ = await throughput(settings, trouble=False)
            beside, flooded = await throughput(settings, trouble=True)
            worst, fairness = min(beside[key] / alone[key] for key in OTHERS), jain(list(beside.values()))
            if worst >= 0.95 and fairness >= 0.95:
                break

    assert flooded > 2000, "there was no flood"
    assert worst >= 0.95
    assert fairness >= 0.95


def test_the_index_sees_who_has_more() -> None:
    """Equal shares give 1; one of twenty with ten times the others' share gives far less than the limit."""
    assert jain([3.0] * 20) == pytest.approx(1.0)
    assert jain([10.0] + [1.0] * 19) < 0.5
