"""What a push costs: every door of the gateway beside a naive encoder and beside plain loops of posts.

Law of this file: contenders take turns within each round, on the same messages. N is what `json.dumps` and `urlencode`
alone cost for them, with dicts that stand ready; it is measured right before and right after each door, because a
machine with neighbours is not as fast one second as the next. Making the values is a row of its own. The vendor is the
lean stub, so that nobody waits for it; the same sends against the strict sandbox are a row of their own too.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs
import contenders
from common import (
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
    positive,
    report,
    wire_message,
)
from pushgateway_oppo.sandbox import OppoSandbox
from transports import transports

LOOP = 32
"""Connections of the plain loops."""
NAIVE, CODEC, MAKING = "N: json.dumps + urlencode alone", "the plug-in's encoding alone", "making the pushes"
HTTPX, AIOHTTP = (f"plain loop: one {client} POST per push, {LOOP} connections" for client in ("httpx", "aiohttp"))
SEND, SAME = "send, coalesced", "send, coalesced, one notification for all"
EACH, STREAM, MULTICAST, BROADCAST = "send_each", "stream", "multicast", "broadcast to a list of tokens"
STRICT = "send, coalesced, into the strict sandbox"
DOORS: Mapping[str, contenders.Door] = {
    SEND: contenders.send,
    EACH: contenders.send_each,
    STREAM: contenders.stream,
    MULTICAST: contenders.multicast,
    SAME: contenders.send_same,
    BROADCAST: contenders.broadcast,
}
CPU_LIMITS = {SEND: 0.8, EACH: 0.5, STREAM: 0.5, MULTICAST: 0.15}
"""Times N, per push."""
SLICE = 4000
"""Messages that N is measured with beside a door."""
TIMES_FASTER = {HTTPX: 100, AIOHTTP: 10}
"""Pushes a second of `SEND`, times those of a plain loop."""

Readings = dict[str, list[Reading]]


def named(door: str, transport: str) -> str:
    """A row's name."""
    return door if transport == "default" else f"{door} ({transport} transport)"


def measure(count: int, rounds: int, posts: Sequence[int]) -> Readings:
    """Let the contenders take turns. `posts`: of the httpx and of the aiohttp loop."""
    tokens = OppoSandbox(tokens=count, seed=SEED).tokens
    pushes = list(make_pushes(tokens, count))
    messages = [wire_message(push, uuid.uuid4().hex) for push in pushes]
    singles = [[wire_message(push, "") for push in pushes[:most]] for most in posts]
    with neighbour(count) as lean, neighbour(count, program="neighbour.py") as strict:
        turns: dict[str, Callable[[], Reading]] = {
            NAIVE: lambda: contenders.encode_naively(messages),
            CODEC: lambda: contenders.encode_bare(pushes),
        }
        for transport, make in transports().items():
            for name, door in DOORS.items():
                if transport != "default" and name not in CPU_LIMITS:
                    continue
                through = partial(contenders.through_gateway, door, pushes, lean, make)
                turns[named(name, transport)] = partial(_beside, through, messages[:SLICE])
                if named(name, transport) == SEND:  # side by side with what it is compared with
                    turns[HTTPX] = lambda: contenders.post_with_httpx(singles[0], lean, LOOP)
                    turns[AIOHTTP] = lambda: contenders.post_with_aiohttp(singles[1], lean, LOOP)
        default = transports()["default"]
        turns[STRICT] = lambda: contenders.through_gateway(contenders.send, pushes, strict, default)
        turns[MAKING] = lambda: make_all(tokens, count)
        readings: Readings = {name: [] for name in turns}
        for _ in range(rounds):
            for name, turn in turns.items():
                readings[name].append(turn())
    return readings


def _beside(turn: Callable[[], Reading], messages: Sequence[dict[str, Any]]) -> Reading:
    """A turn with N measured before and after it."""
    before = contenders.encode_naively(messages)
    reading = turn()
    after = contenders.encode_naively(messages)
    return attrs.evolve(reading, beside=(before.cpu + after.cpu) / (before.pushes + after.pushes))


def make_all(tokens: Sequence[str], count: int) -> Reading:
    """Only the values: notification, push token and push, with random texts made for them."""
    watch = Stopwatch()
    for _ in make_pushes(tokens, count):
        pass
    return watch.read(count)


def targets(readings: Readings) -> list[Target]:
    """What has to be shown, for each transport that was measured."""
    speed = {name: [one.pushes / one.wall for one in given] for name, given in readings.items()}
    found = []
    for transport in transports():
        for door, limit in CPU_LIMITS.items():
            name = named(door, transport)
            ratios = [one.cpu / one.pushes / one.beside for one in readings[name] if one.beside is not None]
            found.append(Target(f"CPU per push of {name}, times N, at most", statistics.median(ratios), limit))
        name = named(SEND, transport)
        for loop, limit in TIMES_FASTER.items():
            ratio = median_ratio(speed[name], speed[loop])
            found.append(Target(f"pushes/s of {name}, times the {loop}, at least", ratio, limit, at_least=True))
    return found


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--posts", type=positive, default=640, help="posts of the httpx loop, aiohttp: 5 times as many")


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=40_000, rounds=5, more=_more)
    posts = [min(most, given.count) for most in (given.posts, 5 * given.posts)]
    readings = measure(given.count, given.rounds, posts)
    rows = {name: median_row(name, found) for name, found in readings.items()}
    return report([cost_table("cost", list(rows.values()), rows[NAIVE])], targets(readings), as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
