"""What the simulated vendor does with a request that has reached it, and its reply."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate

from pushgateway.vendor import NoVerdict, Response
from simulated.access import Access
from simulated.ledger import Ledger
from simulated.logins import Logins
from simulated.quotas import STORING
from simulated.reports import Reports
from simulated.troubles import STORES, VERDICTS, TroubleSchedule
from simulated.visits import App, Stored, Visit
from simulated.wire import (
    BLOCKED,
    BUSY,
    CHANNEL,
    CONTENT,
    DEAD,
    EXPIRED,
    FAST,
    GONE,
    MUTED,
    POISON,
    QUOTA,
    REPEATED,
    SKEWED,
    TOLERANCE,
    UNAPPROVED,
    Item,
)

Codes = list[list[str]]
"""[token, code] each."""


class Answers:
    """The vendor's side of all apps."""

    def __init__(
        self,
        ledger: Ledger,
        schedule: TroubleSchedule,
        logins: Logins,
        access: Access,
        reports: Reports,
        *,
        now: Callable[[], float],
        wall: Callable[[], float],
        chance: random.Random,
    ) -> None:
        """`now`: loop seconds. `wall`: the vendor's clock."""
        self.broadcasts = Counter[tuple[str, ...]]()
        """How often each was performed, by text and tokens."""
        self.recalled = Counter[tuple[str, str, str]]()
        """How often a notification was taken back, by app, handle and token."""
        self._ledger = ledger
        self._schedule = schedule
        self._logins = logins
        self._reports = reports
        self._now = now
        self._wall = wall
        self._chance = chance
        self._access = access
        self._contents: dict[str, str] = {}
        self._stored: dict[str, Stored] = {}
        self._requests = 0

    def resolve(self, visit: Visit) -> None:
        """Put into a request what it names by an id of the vendor's."""
        if visit.what == "push":
            visit.unpack(self._stored.get(visit.body["saved"]))
        elif visit.what == "broadcast":
            content, *tokens = visit.body
            visit.body = [self._contents.get(content, content), *tokens]

    def answer(self, visit: Visit) -> Response:
        """Act on a request. Raises `NoVerdict` if it stays without a reply."""
        self._ledger.calls["received"] += 1
        if visit.what == "login":
            return self._log_in(visit)
        refusal = self._access.refusal(visit)
        if refusal is not None:
            return self._reply(visit, refusal)
        kind, chance, _ = self._schedule.strikes(self._now(), visit.app.name, VERDICTS) or ("", self._chance, 0.0)
        if kind == "stale" and visit.app.kind.access in ("login", "signed"):
            self._access.doubt(visit)
            return self._reply(visit, EXPIRED)
        codes = {"blocked": BLOCKED, "busy": BUSY, "fast": FAST}
        if kind in codes:
            hint = {"retry_after": 2} if kind == "fast" and chance.random() < 0.3 else {}
            return self._reply(visit, codes[kind], **hint)
        if visit.what == "push":
            return self._push(visit, kind, chance)
        if visit.what in ("recall", "alive"):
            return self._call(visit, kind, chance)
        if visit.what == "probe":
            return self._reply(visit, "0")
        return {"store": self._store, "save": self._save, "broadcast": self._broadcast}[visit.what](visit)

    def _log_in(self, visit: Visit) -> Response:
        app = visit.app
        _, secret, now = visit.body
        struck = self._schedule.strikes(self._now(), app.name, ("login-fails", "login-silent", "blocked"))
        kind, chance, _ = struck or ("", self._chance, 0.0)
        if kind == "login-silent":
            raise NoVerdict("cut")
        if kind == "login-fails":
            return self._reply(visit, chance.choice([BUSY, FAST]))
        if secret not in app.secrets or kind == "blocked":
            return self._reply(visit, BLOCKED)
        if abs(now - self._wall()) > TOLERANCE:
            return self._reply(visit, SKEWED)
        lifetime = app.kind.lifetime
        value = self._logins.issue(app.name, visit.region, self._wall() + lifetime, last_wins=app.last_wins)
        return self._reply(visit, "0", token=value, lifetime=lifetime, created_at=self._wall())

    # Stored notifications, and broadcasts

    def _store(self, visit: Visit) -> Response:
        app = visit.app
        text, channel, mark = visit.body
        if struck := self._schedule.strikes(self._now(), app.name, STORES[1:]):
            self._close(app, STORING, struck.kind == "full", struck.ends)
        if (refusal := app.quotas.refusal(STORING, self._wall())) is not None:
            return self._reply(visit, QUOTA, **refusal)
        if not app.requests.take(self._now(), 1):
            return self._reply(visit, FAST)
        if app.is_strict and text.endswith(POISON):
            return self._reply(visit, CONTENT)
        name = f"s{len(self._stored)}"
        self._stored[name] = Stored(app.name, visit.region, text, channel, mark, self._now())
        return self._reply(visit, "0", id=name)

    def _close(self, app: App, quota: str, until_midnight: bool, ends: float) -> None:
        """A quota is used up, or closed until a trouble ends (loop seconds)."""
        if until_midnight:
            app.quotas.use_up(quota)
        else:
            app.quotas.close(quota, self._wall() + ends - self._now())

    def _save(self, visit: Visit) -> Response:
        name = f"c{len(self._contents)}"
        self._contents[name] = visit.body
        return self._reply(visit, "0", id=name)

    def _broadcast(self, visit: Visit) -> Response:
        self.broadcasts[tuple(visit.body)] += 1
        return self._reply(visit, "0", task=f"task-{self.broadcasts.total()}")

    # Pushes

    def _push(self, visit: Visit, kind: str, chance: random.Random) -> Response:
        app, now, items = visit.app, self._now(), visit.items
        limit, _, ends = self._schedule.strikes(now, app.name, ("tight", "quota", "hours")) or ("", None, 0.0)
        if limit in ("quota", "hours"):
            self._close(app, visit.quota, limit == "quota", ends)
        if (refusal := app.quotas.refusal(visit.quota, self._wall())) is not None:
            return self._reply(visit, QUOTA, **refusal)
        share = 0.1 if limit == "tight" else 1.0
        if not (app.requests.take(now, 1, share) and app.targets.take(now, len(items), share)):
            return self._reply(visit, FAST)
        if self._is_gone(visit):
            return self._reply(visit, GONE)
        if app.kind.has_compartments and items[0].channel == UNAPPROVED:
            return self._reply(visit, CHANNEL)
        if app.is_strict and any(item.text.endswith(POISON) for item in items):
            return self._reply(visit, CONTENT)
        self._requests += 1
        number = f"r{self._requests}"
        later = [chance.choice([BUSY, FAST]) if kind == "some" and chance.random() < 0.4 else "" for _ in items]
        codes = [
            [item.token, code or self._perform(app, item, number)] for item, code in zip(items, later, strict=True)
        ]
        if kind == "foreign":
            codes = [[f"{token}x", code] for token, code in codes]
        elif kind == "items":
            codes = _muddled(codes, chance)
        there = {token for token, _ in codes}
        visit.missing |= {order.key for order in visit.orders if order.key[0] not in there}
        return self._reply(visit, "0", codes=codes, id=number)

    def _is_gone(self, visit: Visit) -> bool:
        """Whether the stored notification of a request is lost or too old."""
        if visit.saved is None:
            return False
        is_old = self._now() > visit.saved.at + visit.app.kind.stored_for + FORGOTTEN
        return is_old or self._schedule.strikes(self._now(), visit.app.name, STORES[:1]) is not None

    def _perform(self, app: App, item: Item, number: str) -> str:
        """Deliver one push, which came in the request `number`; its code."""
        kind = app.kind
        if item.text.endswith(POISON):
            return CONTENT
        if app.has_died(item.token) and not kind.reports_dead_tokens:
            self._ledger.named_dead(app.name, item.token)
            return DEAD
        if item.token.endswith("13"):
            return MUTED
        order = self._ledger.orders.get(item.key)
        if order is None:
            return DEAD
        message_id = number if kind.names_requests else f"m-{item.dedupe_id}"
        order.handles.add(f"h-{message_id}" if kind.has_handles else message_id)
        is_by_phone = kind.repeats == "dropped by phones"
        name = f"{item.token} {item.message_id}" if is_by_phone else item.dedupe_id
        if app.drops_repeats and name in app.seen and not is_by_phone:
            return REPEATED
        self._reports.delivered(app, item, message_id)
        if app.drops_repeats and name in app.seen:
            return "0"  # of what a phone drops the vendor does not know
        app.seen.add(name)
        order.performed += 1
        return "0"

    # Calls about tokens

    def _call(self, visit: Visit, kind: str, chance: random.Random) -> Response:
        app, body = visit.app, visit.body
        handle, tokens = (body[0], body[1:]) if visit.what == "recall" else (None, body)
        codes: Codes = []
        for token in tokens:
            codes.append([token, DEAD if app.has_died(token) else "0"])
            if app.has_died(token):
                self._ledger.named_dead(app.name, token)
            elif handle is not None:
                self.recalled[app.name, handle, token] += 1
        return self._reply(visit, "0", codes=_muddled(codes, chance) if kind == "items" else codes)

    def _reply(self, visit: Visit, code: str, **body: object) -> Response:
        visit.code = code
        headers = {"content-type": "application/json", "date": formatdate(self._wall(), usegmt=True)}
        return Response(200, headers, json.dumps({"code": int(code), **body}).encode())


FORGOTTEN = 15.0
"""Seconds after its lifetime for which the vendor still knows a stored notification."""


def _muddled(codes: Codes, chance: random.Random) -> Codes:
    """Out of order, some missing, some twice."""
    chance.shuffle(codes)
    kept = [pair for pair in codes if chance.random() < 0.9]
    again = [pair for pair in kept if chance.random() < 0.1]
    return kept + again
