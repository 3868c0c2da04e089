"""What a push costs by brand, compared with plain code that makes the same requests: three kinds of traffic.

Different texts, one text for many phones, and group chats: 70 % of the pushes have a text of their own, 30 % are in
groups of 50 phones with one text. N is `json.dumps` (in a form: and `urlencode`) of the bodies that the plug-in sends
for different texts, and nothing else. The plain loop posts such bodies with aiohttp to the same stub: one for each
push, or 1,000 messages in one where the vendor takes different messages in one request.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
import attrs
from brand_replies import BRANDS
from common import (
    CERTIFICATE_ID,
    SEED,
    Reading,
    Stopwatch,
    Table,
    Target,
    expect_accepted,
    median_ratio,
    median_row,
    neighbour,
    options,
    report,
    times_n,
)
from transports import transports, usual

from pushgateway import Certificate, Gateway, Notification, Outcome, Push, PushToken, Transport
from pushgateway.certificates.plugins import Plugins, installed
from pushgateway.certificates.settings import load_vendors
from pushgateway.sandbox import find_sandbox
from pushgateway.vendor import AccessToken, Request, Response, Vendor

DIFFERENT, SINGLY, ONE_TEXT, GROUPS = (
    "different texts, send_each",
    "different texts, send",
    "one text",
    "group chats, send",
)
NAIVE, LOOP = "N: the bodies alone", "plain loop: aiohttp"
GROUP = 50
GROUP_SHARE = 0.3
CONNECTIONS = 32
"""Of the plain loop and of the gateway. More would not help: the vendor answers at once."""
TIMEOUT = 600.0
EACH_LIMITS = {"oppo": 0.33, "xiaomi": 0.5}
"""Times N: different texts in one request."""
ONE_TEXT_LIMIT = 0.12
"""Times N."""
SINGLE_LIMIT = 0.6
"""Times the CPU of the plain loop, at a vendor without mixed batches."""
REQUESTS_LIMIT = 1.1
"""Requests of the group chats, times the least possible."""


def make_texts(tokens: Sequence[str], *, groups: bool = False) -> list[Push]:
    """A push for each phone, with a text of its own, or (`groups`) as in group chats."""
    rng = random.Random(SEED)

    def note(number: int) -> Notification:
        title = "".join(map(chr, rng.choices(range(0x4E00, 0x9FA6), k=rng.randint(8, 16))))
        body = "".join(map(chr, rng.choices(range(0x4E00, 0x9FA6), k=rng.randint(50, 70))))
        data = {"conversation": f"group-{number:09d}", "sender": f"user-{rng.getrandbits(40):012x}"}
        return Notification(title, body, data=data, ttl=86_400)

    pushes: list[Push] = []
    while len(pushes) < len(tokens):
        size = GROUP if groups and rng.random() < GROUP_SHARE / (GROUP_SHARE + (1 - GROUP_SHARE) * GROUP) else 1
        shared = note(len(pushes))
        phones = tokens[len(pushes) : len(pushes) + size]
        pushes += [Push(PushToken(CERTIFICATE_ID, token), shared) for token in phones]
    return pushes


class Counting:
    """A transport that counts its requests."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.requests = 0

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109 - as in `Transport`
        """See `Transport.send`."""
        self.requests += 1
        return await self._inner.send(request, pool=pool, timeout=timeout)

    async def aclose(self) -> None:
        """Close the transport inside."""
        await self._inner.aclose()


@attrs.frozen
class Body:
    """One request of the plug-in, decoded: what plain code would have as a dict before it posts it."""

    url: str
    headers: Mapping[str, str]
    fields: Any
    """The JSON value, or the fields of the form, of which those that hold JSON are decoded."""
    json_names: frozenset[str] | None
    """The fields of the form that hold JSON; None: the body is JSON."""

    def encode(self) -> bytes:
        """The body as plain code writes it."""
        if self.json_names is None:
            return json.dumps(self.fields).encode()
        form = {name: json.dumps(value) if name in self.json_names else value for name, value in self.fields.items()}
        return urlencode(form).encode()


def decoded(request: Request) -> Body:
    """A request of the plug-in, for plain code."""
    headers = dict(request.headers)
    if "json" in headers.get("content-type", ""):
        return Body(request.url, headers, json.loads(request.content), None)
    form = dict(parse_qsl(request.content.decode("ascii"), keep_blank_values=True))
    values = {name: _as_json(value) for name, value in form.items()}
    names = frozenset(name for name, value in values.items() if isinstance(value, dict | list))
    return Body(request.url, headers, {name: values[name] if name in names else form[name] for name in form}, names)


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def bodies_of(vendor: Vendor, pushes: Sequence[Push]) -> list[Body]:
    """The requests that the plug-in makes for these: as many pushes in each as its batches hold."""
    size = vendor.batching.size if vendor.batching.mixed else 1
    access = AccessToken("stub", 3600.0)
    bodies = []
    for start in range(0, len(pushes), size):
        batch = [push.with_dedupe_id(uuid.uuid4().hex) for push in pushes[start : start + size]]
        exchange = vendor.push(batch)
        request: Request | None = next(exchange)
        while request is None:  # a checkpoint
            request = next(exchange)
        exchange.close()
        has_login = vendor.login(vendor.region(batch[0].push_token.token), 0.0) is not None
        bodies.append(decoded(vendor.finish(request, access if has_login else None, 0.0)))
    return bodies


def encode_all(bodies: Sequence[Body], pushes: int) -> Reading:
    """N: every body, and nothing else."""
    stopwatch = Stopwatch()
    for body in bodies:
        body.encode()
    return stopwatch.read(pushes)


def post_all(bodies: Sequence[Body], pushes: int) -> Reading:
    """One aiohttp session that posts every body."""

    async def run() -> None:
        waiting = iter(bodies)
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:

            async def call() -> None:
                for body in waiting:
                    async with session.post(body.url, data=body.encode(), headers=body.headers) as reply:
                        if reply.status != 200 or not await reply.json(content_type=None):
                            raise RuntimeError("the stub refused a body")

            for _ in range(CONNECTIONS):
                group.create_task(call())

    stopwatch = Stopwatch()
    asyncio.run(run())
    return stopwatch.read(pushes)


Send = Callable[[Gateway, Sequence[Push]], Awaitable[Sequence[Outcome]]]


async def send_each(gateway: Gateway, pushes: Sequence[Push]) -> Sequence[Outcome]:
    """All in one call."""
    return await gateway.send_each(pushes)


async def send_singly(gateway: Gateway, pushes: Sequence[Push]) -> Sequence[Outcome]:
    """Each in a call of its own, by a task of its own."""
    return await asyncio.gather(*(gateway.send(push.push_token, push.notification) for push in pushes))


async def multicast(gateway: Gateway, pushes: Sequence[Push]) -> Sequence[Outcome]:
    """The first notification to all phones."""
    return await gateway.multicast([push.push_token for push in pushes], pushes[0].notification)


def through_gateway(
    brand: str, settings: Mapping[str, Any], send: Send, pushes: Sequence[Push], requests: list[int]
) -> Reading:
    """Open a gateway, send all, close it. The number of requests goes into `requests`."""

    async def run() -> Sequence[Outcome]:
        infinite = float("inf")
        certificate = Certificate(
            CERTIFICATE_ID,
            brand,
            settings,
            pushes_per_second=infinite,
            requests_per_second=infinite,
            connections=CONNECTIONS,
        )
        transport = Counting(transports()[usual()](CONNECTIONS))
        try:
            async with Gateway([certificate], transport=transport, timeout=TIMEOUT, queue=10**9) as gateway:
                return await send(gateway, pushes)
        finally:
            requests.append(transport.requests)
            await transport.aclose()

    stopwatch = Stopwatch()
    outcomes = asyncio.run(run())
    reading = stopwatch.read(len(pushes))
    expect_accepted(outcomes, len(pushes))
    return reading


def measure(brand: str, count: int, rounds: int) -> tuple[Table, list[Target]]:
    """The figures of one brand, and its targets."""
    kind = find_sandbox(brand)
    tokens = kind(tokens=count, seed=SEED, **kind.demo_options).tokens
    pushes, chats = make_texts(tokens), make_texts(tokens, groups=True)
    readings: dict[str, list[Reading]] = {name: [] for name in (NAIVE, LOOP, DIFFERENT, SINGLY, ONE_TEXT, GROUPS)}
    group_requests: list[int] = []
    with neighbour(count, brand=brand) as settings:
        loaded = load_vendors([Certificate(CERTIFICATE_ID, brand, settings)], Plugins())[CERTIFICATE_ID]
        assert isinstance(loaded, Vendor)
        vendor = loaded
        bodies = bodies_of(vendor, pushes)
        turns: dict[str, Callable[[], Reading]] = {
            LOOP: partial(post_all, bodies, count),
            DIFFERENT: partial(through_gateway, brand, settings, send_each, pushes, []),
            SINGLY: partial(through_gateway, brand, settings, send_singly, pushes, []),
            ONE_TEXT: partial(through_gateway, brand, settings, multicast, pushes, []),
            GROUPS: partial(through_gateway, brand, settings, send_singly, chats, group_requests),
        }
        for _ in range(rounds):
            before = encode_all(bodies, count)
            readings[NAIVE].append(attrs.evolve(before, beside=before.cpu / count))
            for name, turn in turns.items():
                reading = turn()
                after = encode_all(bodies, count)
                beside = (before.cpu + after.cpu) / (2 * count)
                readings[name].append(attrs.evolve(reading, beside=beside))
                before = after
    return _table(brand, readings), _targets(brand, vendor, readings, group_requests, chats)


def _table(brand: str, readings: Mapping[str, Sequence[Reading]]) -> Table:
    loop = [one.cpu for one in readings[LOOP]]
    rows = []
    for name, found in readings.items():
        row = median_row(name, found)
        beside = median_ratio([one.cpu for one in found], loop)
        rows.append((name, row.pushes, row.per_second, row.cpu, row.times_n, beside))
    return Table(brand, (brand, "pushes", "pushes/s", "CPU us/push", "CPU / N", "CPU / plain loop"), rows)


def _targets(
    brand: str,
    vendor: Vendor,
    readings: Mapping[str, Sequence[Reading]],
    group_requests: Sequence[int],
    chats: Sequence[Push],
) -> list[Target]:
    found = []
    if brand in EACH_LIMITS:
        text = f"{brand}: CPU per push of {DIFFERENT}, times N, at most"
        found.append(Target(text, times_n(readings[DIFFERENT]) or 0.0, EACH_LIMITS[brand]))
    if not vendor.batching.mixed:
        ratio = median_ratio([one.cpu for one in readings[SINGLY]], [one.cpu for one in readings[LOOP]])
        found.append(Target(f"{brand}: CPU of {SINGLY}, times the plain loop, at most", ratio, SINGLE_LIMIT))
    text = f"{brand}: CPU per push of {ONE_TEXT}, times N, at most"
    found.append(Target(text, times_n(readings[ONE_TEXT]) or 0.0, ONE_TEXT_LIMIT))
    least = least_requests(vendor, chats)
    text = f"{brand}: requests of {GROUPS}, times the least possible, at most"
    found.append(Target(text, max(group_requests) / least, REQUESTS_LIMIT))
    return found


def least_requests(vendor: Vendor, pushes: Sequence[Push]) -> int:
    """The fewest requests that can hold these pushes, with one login."""
    login = int(vendor.login(vendor.home_region, 0.0) is not None)
    if vendor.batching.mixed:
        return login + -(-len(pushes) // vendor.batching.size)
    return login + len({id(push.notification) for push in pushes})


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=20_000, rounds=3)
    chosen = [brand for brand in BRANDS if brand in installed()]
    measured = [measure(brand, given.count, given.rounds) for brand in chosen]
    return report([table for table, _ in measured], [one for _, own in measured for one in own], as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
