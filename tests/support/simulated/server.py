"""The simulated vendor and the transport to it in one: strict, with limits, and with the troubles of the day.

It keeps the contract of `Transport` and records every request that it received completely and every push that it
delivered. It refuses what a real vendor refuses, and reports what the engine should never have sent. Its clock is the
loop's; the host's wall clock may be wrong, the vendor's is not.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from email.utils import formatdate
from typing import Any

import attrs

from pushgateway.vendor import NoVerdict, Request, Response
from simulated.ledger import Ledger, Order
from simulated.logins import Logins
from simulated.plugin import BLOCKED, BUSY, CONTENT, DEAD, EXPIRED, FAST, GONE, MUTED, QUOTA, REPEATED, SKEWED
from simulated.troubles import STORING, VERDICTS, WIRE, TroubleSchedule

MIDNIGHT = 1_700_064_000.0
"""Epoch seconds of a midnight in GMT+8."""
POISON = "!"
"""A text that ends with it makes a strict app refuse the whole request."""
Items = list[list[str]]
Stored = tuple[str, str, str]
"""App, region and text."""


class Bucket:
    """A token bucket, as vendors limit by it."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._level, self._at = burst, 0.0

    def take(self, now: float, count: float, share: float = 1.0) -> bool:
        """Whether `count` fit. `share`: the part of the rate that is allowed at the moment."""
        self._level = min(self.burst * share, self._level + (now - self._at) * self.rate * share)
        self._at = now
        # More than the bucket holds may pass when it is full, otherwise they never could.
        if self._level < min(count, self.burst * share):
            return False
        self._level -= count
        return True


@attrs.define(eq=False)
class App:
    """One app at the vendor: its credentials, limits and phones."""

    name: str
    size: int
    mixed: bool
    dedupe: bool
    by_message: bool
    """Its phones drop repeats of a message id."""
    stores: bool
    """It stores a text before it goes to several phones."""
    logs_in: bool
    strict: bool
    """A wrong text refuses the whole request."""
    lifetime: float
    last_wins: bool
    """A login revokes the earlier access tokens."""
    requests: Bucket
    targets: Bucket
    secrets: set[str] = attrs.field(factory=set)
    exhausted_until: float = 0.0
    latched: dict[str, tuple[object, ...]] = attrs.field(factory=dict)
    """By region: the engine has received the code for a used up daily quota."""
    seen: set[str] = attrs.field(factory=set)
    """Dedupe ids of delivered pushes; or token and message id, where its phones drop repeats."""
    full_until: float = 0.0
    """Until then it stores nothing."""
    full: set[tuple[object, ...]] = attrs.field(factory=set)
    """Where the engine knows that: by gateway, region and settings."""
    gone_since: float | None = None
    """Time since which its certificate is not configured."""
    removals: list[float] = attrs.field(factory=list)


class SimServer:
    """The vendor of all apps; an app's name is its certificate id."""

    def __init__(
        self, ledger: Ledger, schedule: TroubleSchedule, apps: Sequence[App], connections: int, seed: int
    ) -> None:
        self.ledger = ledger
        self.schedule = schedule
        self.apps = {app.name: app for app in apps}
        self.clock: Callable[[], float] = lambda: 0.0
        self.clock_is_right = True  # False: with a wrong wall clock the engine cannot know when the vendor's day ends
        self.latency = 0.0
        """Seconds in one direction; 0: drawn for each request."""
        self.closed = False
        self.open_requests = Counter[tuple[str, str]]()
        self.peak = Counter[tuple[str, str]]()
        self.broadcasts = Counter[tuple[str, ...]]()
        self.now = asyncio.get_running_loop().time
        self.logins = Logins(ledger, self.now)
        self._connections = connections
        self._chance = random.Random(seed)
        self._contents: dict[str, str] = {}
        self._stored: dict[str, Stored] = {}
        self._storing = Counter[tuple[object, ...]]()
        self._silent_broadcasts: set[tuple[str, ...]] = set()

    def wall(self) -> float:
        """The vendor's clock, which is right. The day begins 400 seconds before midnight."""
        return MIDNIGHT - 400.0 + self.now()

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        region, what = request.url.rsplit("/", 2)[1:]
        visit = Visit(pool, region, what, request, json.loads(request.content))
        if what == "push":
            self._unpack(visit)
        now = self.now()
        self.ledger.calls[what] += 1
        self.ledger.event("request", now, pool, region, what, len(request.content))
        if self.closed:
            self.ledger.broken("I9", f"a {what} leaves after the close")
        self._admit(visit, now)
        place = (pool, region) if what != "login" else ("login", pool)
        self.open_requests[place] += 1
        self._count(place, now)
        verdict = False
        try:
            async with asyncio.timeout(timeout):
                response = await self._carry(visit, timeout)
            verdict = visit.readable
            return Response(response.status, response.headers, response.content, self.clock())
        except TimeoutError:
            raise NoVerdict("timeout") from None
        except NoVerdict as silent:
            verdict = not silent.sent
            raise
        finally:
            self.open_requests[place] -= 1
            self._leave(visit, verdict)
            self.ledger.event("end", self.now(), pool, region, what, verdict)

    async def aclose(self) -> None:
        raise AssertionError("the transport is the host's to close")

    def _admit(self, visit: Visit, now: float) -> None:
        """Checks of a request at the moment when it is sent."""
        if visit.what == "login":
            visit.ticket = self.logins.begin(visit.app, visit.region, visit.body[1])
            return
        app = self.apps[visit.app]
        visit.gate = (self.logins.gateway, *sorted(app.secrets))
        if visit.what == "store":
            self._admit_store(visit, app)
        if visit.what == "push":
            visit.orders = self.ledger.dispatch(now, visit.app, visit.body, visit.message_ids)
            latched = app.latched.get(visit.region) == visit.gate and self.wall() < MIDNIGHT
            if latched and self.clock_is_right and not all(order.renewing for order in visit.orders):
                self.ledger.broken("Q2", f"{app.name} asks {visit.region} although its day is used up")
            self._look_at(app, visit.region, visit)
            for order in visit.orders:
                waited = order.first == now and any(order.begun < then < now for then in app.removals)
                if waited or (app.gone_since is not None and app.gone_since < order.begun):
                    self.ledger.broken("P8", f"{order.key}: leaves after {app.name} was removed")
        elif visit.what == "broadcast":
            part = self._part(visit)
            if part in self._silent_broadcasts:
                self.ledger.broken("B9", f"{part[0]} goes again without a verdict")

    def _admit_store(self, visit: Visit, app: App) -> None:
        known = (visit.region, visit.gate, self.logins.changed[visit.app])
        visit.storing = (visit.app, visit.body, *known)
        if self._storing[visit.storing]:
            self.ledger.broken("B2", f"{app.name} stores {visit.body} while it is being stored")
        self._storing[visit.storing] += 1
        if known in app.full and self.clock_is_right and self.wall() < MIDNIGHT:
            self.ledger.broken("Q2", f"{app.name} stores in {visit.region} although nothing is stored any more")

    def _unpack(self, visit: Visit) -> None:
        """Pushes as [token, text, dedupe id], with the text that was stored."""
        visit.saved, items = visit.body
        visit.message_ids = [message_id for *_, message_id in items]
        text = ""
        if visit.saved is not None:
            app, region, text = self._stored.get(visit.saved, ("", "", ""))
            if (app, region) != (visit.app, visit.region):
                self.ledger.broken(
                    "B2", f"{visit.app} comes to {visit.region} with a text stored for {app} in {region}"
                )
            if len(items) < 2:
                self.ledger.broken("B2", f"{visit.app} uses a stored text for a single phone")
        visit.body = [[token, text or own, dedupe_id] for token, own, dedupe_id, _ in items]

    def _look_at(self, app: App, region: str, visit: Visit) -> None:
        items: Items = visit.body
        tokens = {token for token, _, _ in items}
        if app.by_message and not app.mixed and len(set(visit.message_ids)) > 1:
            self.ledger.broken("B1", "different message ids in a batch")
        if app.stores and visit.saved is None and len(items) > 1:
            self.ledger.broken("B2", f"{len(items)} pushes whose text is not stored")
        if len(items) > app.size:
            self.ledger.broken("B1", f"{len(items)} pushes where {app.size} fit")
        if len(tokens) < len(items):
            self.ledger.broken("B1", "a token twice in a batch")
        if not app.mixed and len({text for _, text, _ in items}) > 1:
            self.ledger.broken("B1", "different notifications in a batch")
        if any(token.startswith("far-") != (region == "far") for token in tokens):
            self.ledger.broken("B1", "tokens of another region in a batch")

    def _count(self, place: tuple[str, str], now: float) -> None:
        self.peak[place] = max(self.peak[place], self.open_requests[place])
        if place[0] == "login":
            return
        # When a removed certificate comes back, the old lane may still have open requests.
        lanes = 1 + sum(now - then < 25 for then in self.apps[place[0]].removals)
        if self.open_requests[place] > self._connections * lanes:
            self.ledger.broken("I7", f"{self.open_requests[place]} requests at once where {self._connections} may be")

    def _leave(self, visit: Visit, verdict: bool) -> None:
        for order in visit.orders:
            order.renewing = visit.code == EXPIRED
            if not verdict or order.key in visit.missing:
                order.silent = True
        if visit.what == "broadcast" and not verdict:
            self._silent_broadcasts.add(self._part(visit))
        if visit.what == "store":
            self._storing[visit.storing] -= 1
            if visit.code == QUOTA and verdict:
                self.apps[visit.app].full.add(visit.storing[2:])
        elif visit.code == QUOTA and verdict:
            self.apps[visit.app].latched[visit.region] = visit.gate
        if visit.ticket is not None:
            self.logins.end(visit.ticket, visit.code if verdict else None)

    async def _carry(self, visit: Visit, limit: float) -> Response:
        struck = self.schedule.strikes(self.now(), visit.app, WIRE)
        kind, chance = struck or ("", self._chance)
        up = self.latency or self._chance.choice([0.005, 0.02, 0.02, 0.05, 0.4])
        if kind == "refused":
            await asyncio.sleep(chance.choice([0, 0.01]))
            raise NoVerdict("refused", sent=False)
        if kind == "connecting":
            await asyncio.sleep(min(3.0, limit))
            raise NoVerdict("connect timeout", sent=False)
        if kind == "odd":
            await asyncio.sleep(0)
            raise OSError("not what a transport may raise")
        await asyncio.sleep(up if kind != "slow" else chance.choice([0.5, 2.0, 9.0, 30.0]))
        if kind == "lost" or (kind in ("late", "html", "status") and chance.random() < 0.3):
            response = None  # the request was lost before the vendor acted on it
        else:
            response = self._answer(visit)
        if kind in ("lost", "late"):
            await asyncio.sleep(limit + 1)
        if kind == "cut":
            raise NoVerdict("cut")
        if kind in ("html", "status"):
            visit.readable = False
            return Response(200 if kind == "html" else chance.choice([500, 502, 504]), {}, b"<html>")
        await asyncio.sleep(up)
        assert response is not None
        return response

    # The vendor's side

    def _answer(self, visit: Visit) -> Response:
        self.ledger.calls["received"] += 1
        app, now = self.apps[visit.app], self.now()
        if visit.what == "login":
            return self._log_in(visit, app)
        access = visit.request.headers.get("authorization", "").removeprefix("Bearer ")
        if app.logs_in and not self.logins.takes(access, visit.app, visit.region, self.wall()):
            return self._reply(visit, EXPIRED)
        struck = self.schedule.strikes(now, visit.app, VERDICTS)
        kind, chance = struck or ("", self._chance)
        if kind == "stale" and app.logs_in:
            self.logins.doubt(access)
            return self._reply(visit, EXPIRED)
        if kind == "blocked":
            return self._reply(visit, BLOCKED)
        if kind == "busy":
            return self._reply(visit, BUSY)
        if kind == "fast":
            return self._reply(visit, FAST, **({"retry_after": 2} if chance.random() < 0.3 else {}))
        if visit.what == "store":
            return self._store(visit, app)
        if visit.what == "save":
            self._contents[f"c{len(self._contents)}"] = visit.body
            return self._reply(visit, "0", id=f"c{len(self._contents) - 1}")
        if visit.what == "broadcast":
            self.broadcasts[self._part(visit)] += 1
            return self._reply(visit, "0", task=f"task-{sum(self.broadcasts.values())}")
        return self._push(visit, app, kind, chance)

    def _log_in(self, visit: Visit, app: App) -> Response:
        _, secret, now = visit.body
        struck = self.schedule.strikes(self.now(), visit.app, ("login-fails", "login-silent", "blocked"))
        if struck and struck[0] == "login-silent":
            raise NoVerdict("cut")
        if struck and struck[0] == "login-fails":
            return self._reply(visit, struck[1].choice([BUSY, FAST]))
        if secret not in app.secrets or (struck and struck[0] == "blocked"):
            return self._reply(visit, BLOCKED)
        if abs(now - self.wall()) > 600:
            return self._reply(visit, SKEWED)
        value = self.logins.issue(app.name, visit.region, self.wall() + app.lifetime, last_wins=app.last_wins)
        return self._reply(visit, "0", token=value, lifetime=app.lifetime, created_at=self.wall())

    def _store(self, visit: Visit, app: App) -> Response:
        struck = self.schedule.strikes(self.now(), app.name, STORING[1:])
        if struck:
            app.full_until = MIDNIGHT
        if self.wall() < app.full_until:
            return self._reply(visit, QUOTA)
        if not app.requests.take(self.now(), 1):
            return self._reply(visit, FAST)
        if app.strict and visit.body.endswith(POISON):
            return self._reply(visit, CONTENT)
        name = f"s{len(self._stored)}"
        self._stored[name] = (visit.app, visit.region, visit.body)
        return self._reply(visit, "0", id=name)

    def _push(self, visit: Visit, app: App, kind: str, chance: random.Random) -> Response:
        items: Items = visit.body
        now, struck = self.now(), self.schedule.strikes(self.now(), app.name, ("tight", "quota"))
        share = 0.1 if struck and struck[0] == "tight" else 1.0
        if struck and struck[0] == "quota":
            app.exhausted_until = MIDNIGHT
        if self.wall() < app.exhausted_until:
            return self._reply(visit, QUOTA)
        if not (app.requests.take(now, 1, share) and app.targets.take(now, len(items), share)):
            return self._reply(visit, FAST)
        if visit.saved is not None and self.schedule.strikes(now, app.name, STORING[:1]):
            return self._reply(visit, GONE)
        if app.strict and any(text.endswith(POISON) for _, text, _ in items):
            return self._reply(visit, CONTENT)
        seen = [f"{token} {message_id}" for (token, *_), message_id in zip(items, visit.message_ids, strict=True)]
        codes = [
            [token, self._perform(app, token, text, known if app.by_message else dedupe_id)]
            for (token, text, dedupe_id), known in zip(items, seen, strict=True)
        ]
        if kind == "foreign":
            codes = [[f"{token}x", code] for token, code in codes]
        elif kind == "items":
            codes = self._muddled(codes, visit, chance)
        there = {token for token, _ in codes}
        visit.missing |= {order.key for order in visit.orders if order.key[0] not in there}
        return self._reply(visit, "0", codes=codes)

    def _perform(self, app: App, token: str, text: str, dedupe_id: str) -> str:
        if text.endswith(POISON):
            return CONTENT
        if token.endswith(("7", "13")):
            return DEAD if token.endswith("7") else MUTED
        if app.by_message and dedupe_id in app.seen:
            return "0"  # the phone drops it, and the vendor does not know
        if app.dedupe and dedupe_id in app.seen:
            return REPEATED
        app.seen.add(dedupe_id)
        order = self.ledger.orders.get((token, text))
        if order is None:
            return DEAD
        order.performed += 1
        return "0"

    def _muddled(self, codes: Items, visit: Visit, chance: random.Random) -> Items:
        """Out of order, some missing, some twice."""
        chance.shuffle(codes)
        kept = [pair for pair in codes if chance.random() < 0.9]
        again = [pair for pair in kept if chance.random() < 0.1]
        return kept + again

    def _part(self, visit: Visit) -> tuple[str, ...]:
        content, *tokens = visit.body
        return (self._contents.get(content, content), *tokens)

    def _reply(self, visit: Visit, code: str, **body: object) -> Response:
        visit.code = code
        headers = {"content-type": "application/json", "date": formatdate(self.wall(), usegmt=True)}
        return Response(200, headers, json.dumps({"code": int(code), **body}).encode())


@attrs.define(eq=False)
class Visit:
    """One request at the vendor."""

    app: str
    region: str
    what: str
    request: Request
    body: Any
    orders: list[Order] = attrs.field(factory=list)
    missing: set[tuple[str, str]] = attrs.field(factory=set)
    """The pushes that the reply does not mention."""
    readable: bool = True
    code: str | None = None
    saved: str | None = None
    """Id of the stored text."""
    message_ids: list[str] = attrs.field(factory=list)
    storing: tuple[Any, ...] = ()
    """What is being stored, and by which gateway and settings."""
    ticket: object = None
    gate: tuple[object, ...] = ()
    """Identifies gateway and settings, whose knowledge (such as a used up quota) ends with them."""
