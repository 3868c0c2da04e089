"""What `send_each` costs beside a naive encoder and beside a plain loop of posts.

Law of this file: contenders take turns within each round, on the same messages. N is what `json.dumps` and
`urlencode` alone cost for them, with dicts that stand ready. What is made ready before the clock starts (dicts for N,
pushes for `send_each`) is a row of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import attrs
import httpx
from common import (
    CERTIFICATE_ID,
    SEED,
    Reading,
    Row,
    Stopwatch,
    Target,
    expect_accepted,
    make_pushes,
    median_ratio,
    median_row,
    neighbour,
    options,
    positive,
    report,
    table,
    wire_message,
)
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Certificate, Gateway, Push, Transport
from pushgateway.sandbox import Answer
from pushgateway.testing import SandboxTransport
from pushgateway.vendor import Request

BATCH = 1000
CONNECTIONS = 32
TIMEOUT = 600.0
"""Seconds; no push shall end early because the machine is slow."""


class TimedSandbox(OppoSandbox):
    """The sandbox in this process, which knows how much time its own answers took."""

    spent = 0.0
    """Seconds of CPU."""

    def answer(self, request: Request) -> Answer:
        """Answer, with one eye on the clock."""
        start = time.process_time()
        answer = super().answer(request)
        self.spent += time.process_time() - start
        return answer


# The contenders


def encode_naively(messages: Sequence[dict[str, Any]]) -> Reading:
    """N: bodies of 1,000 messages each, and nothing else."""
    watch = Stopwatch()
    for start in range(0, len(messages), BATCH):
        urlencode({"messages": json.dumps(messages[start : start + BATCH])})
    return watch.read(len(messages))


def build(tokens: Sequence[str], count: int) -> Reading:
    """Only the values: notification, push token and push, with random texts made for them."""
    watch = Stopwatch()
    for _ in make_pushes(tokens, count):
        pass
    return watch.read(count)


def send_inside(pushes: Sequence[Push]) -> tuple[Reading, Reading]:
    """`send_each` into a sandbox in this process: without the sandbox's own time, and that time."""
    sandbox = TimedSandbox(tokens=len(pushes), seed=SEED, keep=False)
    watch = Stopwatch()
    asyncio.run(_send(pushes, sandbox.settings("http://127.0.0.1"), SandboxTransport(sandbox)))
    answers = Reading(len(pushes), sandbox.spent, sandbox.spent)
    return watch.read(len(pushes), without=sandbox.spent), answers


def send_over_http(pushes: Sequence[Push], settings: Mapping[str, Any]) -> Reading:
    """`send_each` over loopback HTTP into a sandbox in another process."""
    watch = Stopwatch()
    asyncio.run(_send(pushes, settings, None))
    return watch.read(len(pushes))


async def _send(pushes: Sequence[Push], settings: Mapping[str, Any], transport: Transport | None) -> None:
    certificate = Certificate(CERTIFICATE_ID, "oppo", settings)
    async with Gateway([certificate], timeout=TIMEOUT, request_timeout=TIMEOUT, transport=transport) as gateway:
        expect_accepted(await gateway.send_each(pushes), len(pushes))


def post_one_by_one(messages: Sequence[dict[str, Any]], settings: Mapping[str, Any]) -> Reading:
    """A plain loop: one httpx client, one POST per push, 32 connections."""
    for message in messages:
        message["notification"]["app_message_id"] = uuid.uuid4().hex  # V1.3 takes an id once
    watch = Stopwatch()
    asyncio.run(_post_all(messages, settings))
    return watch.read(len(messages))


async def _post_all(messages: Sequence[dict[str, Any]], settings: Mapping[str, Any]) -> None:
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    async with httpx.AsyncClient(base_url=settings["host"], limits=limits, timeout=TIMEOUT) as client:
        key, stamp = settings["app_key"], str(int(time.time() * 1000))
        sign = hashlib.sha256(f"{key}{stamp}{settings['master_secret']}".encode()).hexdigest()
        login = await client.post("/server/v1/auth", data={"app_key": key, "timestamp": stamp, "sign": sign})
        client.headers["auth_token"] = login.json()["data"]["auth_token"]
        waiting = iter(messages)
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(_post(client, waiting))


async def _post(client: httpx.AsyncClient, waiting: Iterator[dict[str, Any]]) -> None:
    for message in waiting:
        form = {"message": json.dumps(message)}
        reply = await client.post("/server/v1/message/notification/unicast", data=form)
        if reply.json()["code"] != 0:
            raise RuntimeError("a plain post was refused")


# The rounds


@attrs.frozen
class Rounds:
    """The readings of each contender, by round."""

    naive: list[Reading] = attrs.field(factory=list)
    build: list[Reading] = attrs.field(factory=list)
    inside: list[Reading] = attrs.field(factory=list)
    answers: list[Reading] = attrs.field(factory=list)
    http: list[Reading] = attrs.field(factory=list)
    posts: list[Reading] = attrs.field(factory=list)


def measure(count: int, rounds: int, posts: int) -> Rounds:
    """Let the contenders take turns."""
    readings = Rounds()
    tokens = OppoSandbox(tokens=count, seed=SEED).tokens
    pushes = list(make_pushes(tokens, count))
    messages = [wire_message(push, uuid.uuid4().hex) for push in pushes]
    singles = [wire_message(push, "") for push in pushes[:posts]]
    with neighbour(count) as settings:
        for _ in range(rounds):
            readings.naive.append(encode_naively(messages))
            readings.http.append(send_over_http(pushes, settings))
            readings.posts.append(post_one_by_one(singles, settings))
            inside, answers = send_inside(pushes)
            readings.inside.append(inside)
            readings.answers.append(answers)
            readings.build.append(build(tokens, count))
    return readings


def rows(readings: Rounds) -> list[Row]:
    """The table, N first."""
    names = {
        "naive": "N: json.dumps + urlencode alone",
        "inside": "send_each, sandbox in this process, without the sandbox's own time",
        "http": "send_each over loopback HTTP",
        "posts": f"plain loop: one httpx POST per push, {CONNECTIONS} connections",
        "answers": "apart: the sandbox's own answers in this process",
        "build": "apart: making the pushes, random texts included",
    }
    return [median_row(text, getattr(readings, name)) for name, text in names.items()]


def targets(readings: Rounds) -> list[Target]:
    """What the first benchmark has to show."""
    cpu = {
        name: [reading.cpu / reading.pushes for reading in getattr(readings, name)]
        for name in ("naive", "inside", "http")
    }
    speed = {name: [reading.pushes / reading.wall for reading in getattr(readings, name)] for name in ("http", "posts")}
    return [
        Target(
            "pushes/s over HTTP, times the plain loop, at least",
            median_ratio(speed["http"], speed["posts"]),
            30,
            at_least=True,
        ),
        Target("CPU per push over HTTP, times N, at most", median_ratio(cpu["http"], cpu["naive"]), 1),
        Target("CPU per push without a network, times N, at most", median_ratio(cpu["inside"], cpu["naive"]), 1),
    ]


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=positive, default=5, help="rounds (default: %(default)s)")
    parser.add_argument("--posts", type=positive, default=640, help="posts of the plain loop (default: %(default)s)")


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=100_000, more=_more)
    readings = measure(given.count, given.rounds, min(given.posts, given.count))
    shown = rows(readings)
    figures = {"rounds": given.rounds, "rows": [attrs.asdict(row) for row in shown]}
    return report(figures, table(shown, shown[0]), targets(readings), as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
