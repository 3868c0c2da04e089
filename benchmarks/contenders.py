"""The contenders: the ways through the gateway, and loops that send without a gateway.

A measurement covers everything from opening to the last outcome, login and connections included. What is prepared
before the clock starts is passed in. A contender raises `RuntimeError` if a push was not accepted.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from urllib.parse import urlencode

import aiohttp
import attrs
import httpx
from common import CERTIFICATE_ID, Reading, Stopwatch, expect_accepted
from pushgateway_oppo import Oppo
from stub import CENSUS, PATHS
from transports import MakeTransport

from pushgateway import Audience, Certificate, Gateway, Notification, Outcome, Push
from pushgateway.vendor import Request, Secret

NAIVE = "N: json.dumps + urlencode alone"
BATCH = 1000
CONNECTIONS = 8
"""Connections of the gateway: its default."""
TRIES = 5
"""Attempts of a plain loop. On a busy machine a reply may arrive before the client has opened its other
connections; then the attempt does not count."""
CALLERS = 20_000
"""Number of concurrent callers, each of which sends one push after the other."""
TIMEOUT = 600.0
"""Seconds; large, so that no push expires because the machine is slow."""
SendAll = Callable[[Gateway, Sequence[Push]], Awaitable[Sequence[Outcome] | None]]
"""Sends all pushes. Returns the outcomes, to be checked after the clock has stopped, or None if it has checked them
itself."""
Settings = Mapping[str, Any]
Messages: TypeAlias = Sequence[dict[str, Any]]
"""The messages of a contender as the dicts that OPPO wants."""
_URLS = {name: path for path, name in PATHS.items()}


# Without a network


def encode_naively(messages: Messages) -> Reading:
    """N: bodies of 1,000 messages each, and nothing else."""
    emitter = Stopwatch()
    for start in range(0, len(messages), BATCH):
        urlencode({"messages": json.dumps(messages[start : start + BATCH])})
    return emitter.read(len(messages))


def take_turns(turns: Mapping[str, tuple[Callable[[], Reading], Messages]], rounds: int) -> dict[str, list[Reading]]:
    """Let the contenders take turns, each with the messages that it sends.

    N is measured for the same messages right before and right after each turn, because the speed of a shared machine
    changes from second to second, and because N for a tenth of the messages is cheaper per message (they fit into the
    CPU's caches). The measurement after one turn is also the one before the next turn with the same messages. The row
    of N has all its readings for the messages of the first contender.
    """
    readings: dict[str, list[Reading]] = {NAIVE: [], **{name: [] for name in turns}}
    first = next(iter(turns.values()))[1]

    def naive(messages: Messages) -> Reading:
        reading = encode_naively(messages)
        if messages is first:
            readings[NAIVE].append(attrs.evolve(reading, beside=reading.cpu / reading.pushes))
        return reading

    for _ in range(rounds):
        before: Reading | None = None
        former: Messages | None = None
        for name, (turn, messages) in turns.items():
            if before is None or messages is not former:
                before = naive(messages)
            reading = turn()
            after, former = naive(messages), messages
            beside = (before.cpu + after.cpu) / (before.pushes + after.pushes)
            readings[name].append(attrs.evolve(reading, beside=beside))
            before = after
    return readings


def encode_bare(pushes: Sequence[Push]) -> Reading:
    """The plug-in's own encoding of the same bodies, and nothing else."""
    vendor = Oppo(app_key="key", master_secret=Secret("secret"), host="http://127.0.0.1")
    named = [push.with_dedupe_id(uuid.uuid4().hex) for push in pushes]
    emitter = Stopwatch()
    for start in range(0, len(named), BATCH):
        first_request(vendor, named[start : start + BATCH])
    return emitter.read(len(named))


def first_request(vendor: Oppo, batch: Sequence[Push]) -> Request:
    """The first request that the plug-in yields for this batch."""
    exchange = vendor.push(batch)
    request: Request | None = next(exchange)
    while request is None:  # it only yields to the event loop
        request = exchange.send(None)  # type: ignore[arg-type]
    exchange.close()
    return request


# Through the gateway


async def send(gateway: Gateway, pushes: Sequence[Push]) -> None:
    """`send` by many concurrent callers; each waits for its outcome before it sends again."""
    waiting, accepted = iter(pushes), 0

    async def call() -> None:
        nonlocal accepted
        for push in waiting:
            outcome = await gateway.send(push.push_token, push.notification)
            accepted += outcome.ok and not outcome.truncated

    async with asyncio.TaskGroup() as group:
        for _ in range(min(CALLERS, len(pushes))):
            group.create_task(call())
    _expect(accepted, len(pushes))


async def send_each(gateway: Gateway, pushes: Sequence[Push]) -> Sequence[Outcome]:
    """`send_each` with all pushes in one call."""
    return await gateway.send_each(pushes)


async def stream(gateway: Gateway, pushes: Iterable[Push]) -> None:
    """`stream` over a source, in bounded memory."""
    given, accepted = 0, 0

    def counted() -> Iterator[Push]:
        nonlocal given
        for push in pushes:
            given += 1
            yield push

    async for outcome in gateway.stream(counted()):
        accepted += outcome.ok and not outcome.truncated
    _expect(accepted, given)


async def multicast(gateway: Gateway, pushes: Sequence[Push]) -> Sequence[Outcome]:
    """`multicast` of the first push's notification to all phones."""
    return await gateway.multicast([push.push_token for push in pushes], pushes[0].notification)


async def send_same(gateway: Gateway, pushes: Sequence[Push]) -> None:
    """`send` of the first push's notification to each phone, as for a large group chat."""
    note: Notification = pushes[0].notification
    await send(gateway, [Push(push.push_token, note) for push in pushes])


async def broadcast(gateway: Gateway, pushes: Sequence[Push]) -> Sequence[Outcome]:
    """`broadcast` of the first push's notification to the list of all tokens."""
    audience = Audience.of_tokens([push.push_token.token for push in pushes])
    outcome = await gateway.broadcast(CERTIFICATE_ID, pushes[0].notification, audience, timeout=TIMEOUT)
    return outcome.outcomes


def through_gateway(send_all: SendAll, pushes: Sequence[Push], settings: Settings, make: MakeTransport) -> Reading:
    """Open a gateway, send all pushes with `send_all`, and close it."""

    async def run() -> Sequence[Outcome] | None:
        async with opened([Certificate(CERTIFICATE_ID, "oppo", settings)], make) as gateway:
            return await send_all(gateway, pushes)

    emitter = Stopwatch()
    outcomes = asyncio.run(run())
    reading = emitter.read(len(pushes))
    if outcomes is not None:
        expect_accepted(outcomes, len(pushes))
    return reading


@asynccontextmanager
async def opened(certificates: Iterable[Certificate], make: MakeTransport, **more: Any) -> AsyncIterator[Gateway]:
    """A gateway with a transport of its own; both are closed at the end."""
    transport = make(CONNECTIONS)
    options = {"timeout": TIMEOUT, "request_timeout": TIMEOUT, "connections": CONNECTIONS, **more}
    try:
        async with Gateway(certificates, transport=transport, **options) as gateway:
            yield gateway
    finally:
        await transport.aclose()


# Plain loops


def post_with_httpx(messages: Sequence[dict[str, Any]], settings: Settings, connections: int) -> Reading:
    """One httpx client, one POST per push."""

    async def run() -> None:
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        async with httpx.AsyncClient(base_url=settings["host"], limits=limits, timeout=TIMEOUT) as client:

            async def post(path: str, form: Mapping[str, str]) -> Any:
                return (await client.post(path, data=form)).json()

            client.headers["auth_token"] = await _login(settings)
            await _post_all(post, messages, settings, connections)

    return _timed(run, messages)


def post_with_aiohttp(messages: Sequence[dict[str, Any]], settings: Settings, connections: int) -> Reading:
    """One aiohttp session, one POST per push."""

    async def run() -> None:
        connector = aiohttp.TCPConnector(limit=connections)
        async with aiohttp.ClientSession(settings["host"], connector=connector) as session:

            async def post(path: str, form: Mapping[str, str]) -> Any:
                async with session.post(path, data=form) as reply:
                    return await reply.json()

            session.headers["auth_token"] = await _login(settings)
            await _post_all(post, messages, settings, connections)

    return _timed(run, messages)


Post = Callable[[str, Mapping[str, str]], Awaitable[Any]]


class _TooFewError(RuntimeError):
    """The client did not open all the connections that it may use, so the figure would be of another contender."""


def _timed(run: Callable[[], Any], messages: Sequence[dict[str, Any]]) -> Reading:
    for left in reversed(range(TRIES)):
        for message in messages:
            message["notification"]["app_message_id"] = uuid.uuid4().hex  # V1.3 accepts an id once
        emitter = Stopwatch()
        try:
            asyncio.run(run())
        except _TooFewError:
            if not left:
                raise
            continue
        finally:
            reading = emitter.read(len(messages))
        break
    return reading


async def _login(settings: Settings) -> str:
    """Log in over a connection of its own. A client that already has one open connection would reuse it, and on
    loopback, where replies come at once, would open only some of the connections that it may have.
    """
    key, stamp = settings["app_key"], str(int(time.time() * 1000))
    sign = hashlib.sha256(f"{key}{stamp}{settings['master_secret']}".encode()).hexdigest()
    form = {"app_key": key, "timestamp": stamp, "sign": sign}
    return str((await _ask_apart(settings, _URLS["auth"], form))["data"]["auth_token"])


async def _ask_apart(settings: Settings, path: str, form: Mapping[str, str]) -> Any:
    async with aiohttp.ClientSession(settings["host"]) as session, session.post(path, data=form) as reply:
        return await reply.json()


async def _post_all(post: Post, messages: Sequence[dict[str, Any]], settings: Settings, connections: int) -> None:
    waiting = iter(messages)
    accepted = itertools.count()

    async def call() -> None:
        for message in waiting:
            reply = await post(_URLS["unicast"], {"message": json.dumps(message)})
            if reply["code"] == 0:
                next(accepted)

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(call())
    _expect(next(accepted), len(messages))
    used = (await _ask_apart(settings, CENSUS, {}))["connections"] - 1
    if used != min(connections, len(messages)):
        raise _TooFewError(f"the loop used {used} of its {connections} connections")


def _expect(accepted: int, count: int) -> None:
    if accepted != count:
        raise RuntimeError(f"{accepted} of {count} pushes were accepted whole")
