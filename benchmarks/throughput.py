"""What a push costs: every call of the gateway, compared with a naive encoder and with plain loops of POST requests.

Contenders take turns within each round, with the same messages. N is the cost of `json.dumps` and `urlencode` alone for
the same messages, given as dicts; `take_turns` measures it right before and right after each contender. Creating the
pushes is a row of its own. The vendor is the fast stub, so that its speed does not matter; the same sends to the strict
sandbox are a row of their own too.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial

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
    times_n,
    wire_message,
)
from pushgateway_oppo.sandbox import OppoSandbox
from transports import transports, usual

LOOP = 32
"""Connections of the plain loops."""
CODEC, MAKING = "the plug-in's encoding alone", "making the pushes"
HTTPX, AIOHTTP = (f"plain loop: one {client} POST per push, {LOOP} connections" for client in ("httpx", "aiohttp"))
SEND, SAME = "send, coalesced", "send, coalesced, one notification for all"
EACH, STREAM, MULTICAST, BROADCAST = "send_each", "stream", "multicast", "broadcast to a list of tokens"
STRICT = "send, coalesced, into the strict sandbox"
CALLS: Mapping[str, contenders.SendAll] = {
    SEND: contenders.send,
    EACH: contenders.send_each,
    STREAM: contenders.stream,
    MULTICAST: contenders.multicast,
    SAME: contenders.send_same,
    BROADCAST: contenders.broadcast,
}
CPU_LIMITS = {
    "fast": {SEND: 0.55, EACH: 0.33, STREAM: 0.35, MULTICAST: 0.12},
    "httpx": {SEND: 0.8, EACH: 0.5, STREAM: 0.5, MULTICAST: 0.15},
}
"""Times N, per push, by transport."""
COMPARED = tuple(CPU_LIMITS["httpx"])
"""Measured with every transport; the other rows with the usual one only."""
TIMES_FASTER = {HTTPX: 100, AIOHTTP: 10}
"""Pushes per second of `SEND`, as a multiple of a plain loop's, at least."""

Readings = dict[str, list[Reading]]


def named(call: str, transport: str) -> str:
    """The name of a row: the transport is named unless it is the gateway's default."""
    return call if transport == usual() else f"{call} ({transport} transport)"


def measure(count: int, rounds: int, posts: Sequence[int]) -> Readings:
    """Let the contenders take turns. `posts`: messages of the httpx loop and of the aiohttp loop."""
    tokens = OppoSandbox(tokens=count, seed=SEED).tokens
    pushes = list(make_pushes(tokens, count))
    messages = [wire_message(push, uuid.uuid4().hex) for push in pushes]
    singles = [[wire_message(push, "") for push in pushes[:most]] for most in posts]
    with neighbour(count) as lean, neighbour(count, program="neighbour.py") as strict:
        turns: dict[str, tuple[Callable[[], Reading], contenders.Messages]] = {
            CODEC: (lambda: contenders.encode_bare(pushes), messages),
        }
        for transport, make in transports().items():
            for name, call in CALLS.items():
                if transport != usual() and name not in COMPARED:
                    continue
                turns[named(name, transport)] = partial(contenders.through_gateway, call, pushes, lean, make), messages
                if named(name, transport) == SEND:  # side by side with what it is compared with
                    turns[HTTPX] = (lambda: contenders.post_with_httpx(singles[0], lean, LOOP)), singles[0]
                    turns[AIOHTTP] = (lambda: contenders.post_with_aiohttp(singles[1], lean, LOOP)), singles[1]
        own = transports()[usual()]
        turns[STRICT] = (lambda: contenders.through_gateway(contenders.send, pushes, strict, own)), messages
        turns[MAKING] = (lambda: make_all(tokens, count)), messages
        return contenders.take_turns(turns, rounds)


def make_all(tokens: Sequence[str], count: int) -> Reading:
    """Only creating the values: notification, push token and push, with random texts."""
    emitter = Stopwatch()
    for _ in make_pushes(tokens, count):
        pass
    return emitter.read(count)


def targets(readings: Readings) -> list[Target]:
    """The targets, for each transport that was measured."""
    speed = {name: [one.pushes / one.wall for one in given] for name, given in readings.items()}
    found = []
    for transport in transports():
        for call, limit in CPU_LIMITS[transport].items():
            name = named(call, transport)
            found.append(Target(f"CPU per push of {name}, times N, at most", times_n(readings[name]) or 0.0, limit))
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
    rows = [median_row(name, found) for name, found in readings.items()]
    return report([cost_table("cost", rows)], targets(readings), as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
