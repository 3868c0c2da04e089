"""What the gateway adds to a single request, for vendors and certificates that have no batch.

The same requests, byte for byte except for ids, go through the gateway and directly into the transport below it, over
the same number of connections. Beside them stands the aiohttp loop that one would write without a gateway.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Callable, Sequence

from common import (
    CERTIFICATE_ID,
    SEED,
    Reading,
    Stopwatch,
    Target,
    cost_table,
    make_pushes,
    median_ratio,
    median_row,
    neighbour,
    options,
    report,
    wire_message,
)
from contenders import (
    CONNECTIONS,
    TIMEOUT,
    Settings,
    first_request,
    opened,
    post_with_aiohttp,
    send,
    take_turns,
)
from pushgateway_oppo import Oppo
from pushgateway_oppo.sandbox import OppoSandbox
from transports import MakeTransport, transports

from pushgateway import Certificate, Push, Transport
from pushgateway.vendor import AccessToken, Request, Secret

LIMITS = {"fast": {"the aiohttp loop": 0.6, "the bare transport": 2.8}, "httpx": {"the bare transport": 1.5}}
"""By transport: CPU of a send, at most, as a multiple of each of these."""
LOOP = f"plain loop: one aiohttp POST per push, {CONNECTIONS} connections"


def through_gateway(pushes: Sequence[Push], settings: Settings, make: MakeTransport, linger: float) -> Reading:
    """Single sends; with `linger` 0 the gateway does not coalesce, otherwise the certificate's batch has one push."""
    own = {**settings, "batch_size": 1} if linger else settings

    async def run() -> Reading:
        async with opened([Certificate(CERTIFICATE_ID, "oppo", own)], make, linger=linger) as gateway:
            await send(gateway, pushes[:1])
            emitter = Stopwatch()
            await send(gateway, pushes)
            return emitter.read(len(pushes))

    return asyncio.run(run())


def bare(pushes: Sequence[Push], settings: Settings, make: MakeTransport) -> Reading:
    """The transport alone, with prepared requests."""
    vendor = Oppo(**{**settings, "master_secret": Secret(settings["master_secret"])})
    access = AccessToken("stub", 0.0)
    requests = [
        vendor.finish(first_request(vendor, [push.with_dedupe_id(uuid.uuid4().hex)]), access, 0.0) for push in pushes
    ]

    async def run() -> Reading:
        transport = make(CONNECTIONS)
        try:
            await _ask_all(transport, requests[:1])
            emitter = Stopwatch()
            await _ask_all(transport, requests)
            return emitter.read(len(requests))
        finally:
            await transport.aclose()

    return asyncio.run(run())


async def _ask_all(transport: Transport, requests: Sequence[Request]) -> None:
    waiting = iter(requests)

    async def ask() -> None:
        for request in waiting:
            reply = await transport.send(request, pool=CERTIFICATE_ID, timeout=TIMEOUT)
            if reply.status != 200:
                raise RuntimeError("a request was refused")

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(ask())


def measure(count: int, rounds: int) -> dict[str, list[Reading]]:
    """Let the contenders take turns."""
    tokens = OppoSandbox(tokens=count, seed=SEED).tokens
    pushes = list(make_pushes(tokens, count))
    messages = [wire_message(push, "") for push in pushes]
    with neighbour(count) as settings:
        turns: dict[str, Callable[[], Reading]] = {}
        for name, make in transports().items():
            turns |= _turns(name, make, pushes, settings)
        turns[LOOP] = lambda: post_with_aiohttp(messages, settings, CONNECTIONS)
        return take_turns({name: (turn, messages) for name, turn in turns.items()}, rounds)


WAYS = {"send, linger 0": 0.0, "send, batches of one": 0.01}
"""Two ways to have no batches: `linger=0` for the gateway, or a vendor whose batch has one push. Values: the linger."""


def _turns(
    name: str, make: MakeTransport, pushes: Sequence[Push], settings: Settings
) -> dict[str, Callable[[], Reading]]:
    def gateway(linger: float) -> Callable[[], Reading]:
        return lambda: through_gateway(pushes, settings, make, linger)

    ways = {f"{way} ({name} transport)": gateway(linger) for way, linger in WAYS.items()}
    return {**ways, f"bare {name} transport": lambda: bare(pushes, settings, make)}


def targets(readings: dict[str, list[Reading]]) -> list[Target]:
    """Each transport against itself alone, and the fast one against the loop without a gateway."""
    cpu = {name: [one.cpu / one.pushes for one in given] for name, given in readings.items()}
    found = []
    for name in transports():
        bases = {"the aiohttp loop": LOOP, "the bare transport": f"bare {name} transport"}
        for words, limit in LIMITS[name].items():
            for way in WAYS:
                own = f"{way} ({name} transport)"
                ratio = median_ratio(cpu[own], cpu[bases[words]])
                found.append(Target(f"CPU per push of {own}, times {words}, at most", ratio, limit))
    return found


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=1_000, rounds=9)
    readings = measure(given.count, given.rounds)
    rows = [median_row(name, found) for name, found in readings.items()]
    return report([cost_table("singles", rows)], targets(readings), as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
