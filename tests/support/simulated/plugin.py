"""The plug-in of the simulated vendor, and the ways in which it may break its contract.

Pure, as every plug-in. Requests and replies are JSON: pushes are [token, text, dedupe id, message id], beside the id of
the stored text if there is one; a reply is a list of [token, code], matched by token. A token that is missing has no
verdict; of two verdicts the worse counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import attrs

from pushgateway import Certificate
from pushgateway.vendor import (
    AccessExpired,
    AccessToken,
    AudienceKind,
    Batch,
    Batching,
    Broadcast,
    BroadcastOutcome,
    CallBack,
    ClockSkew,
    Exchange,
    Notification,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Rates,
    Reason,
    Refused,
    Reply,
    Request,
    Saved,
    Secret,
    Status,
    Vendor,
    read_reply,
)

URL = "https://sim.example"
DEAD, CONTENT, MUTED, BUSY, FAST, QUOTA, BLOCKED, GONE = "2", "3", "4", "5", "6", "7", "8", "9"
EXPIRED, SKEWED, REPEATED = "11", "18", "32"
REASONS = {
    DEAD: Reason.UNREGISTERED,
    CONTENT: Reason.INVALID_NOTIFICATION,
    MUTED: Reason.MUTED,
    BUSY: Reason.UNAVAILABLE,
    FAST: Reason.RATE_LIMITED,
    QUOTA: Reason.QUOTA_EXCEEDED,
    BLOCKED: Reason.CREDENTIALS,
    GONE: Reason.INVALID_NOTIFICATION,
}
MISBEHAVIOURS = ("raise-before", "raise-after", "swap", "drop", "nothing")
"""Ways to break the contract: raising an unexpected exception before or after the request, or returning outcomes
that do not match the pushes."""


@attrs.frozen
class Sim(Vendor):
    """Code 0 is accepted, 9 a stored text that is gone, 11 an expired access token, 18 a wrong clock, 32 a dropped
    repeat; others by `REASONS`."""

    brand: ClassVar[str] = "sim"
    contract: ClassVar[str] = "0.2"
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.TOKENS, AudienceKind.EVERYONE})
    audience_size: ClassVar[int] = 4
    misbehaviour: ClassVar[Callable[[], str | None]] = staticmethod(lambda: None)

    app: str
    secret: Secret
    size: int = 1000
    mixed: bool = True
    weighs: bool = False
    dedupe: bool = True
    logs_in: bool = True
    saves: bool = True
    stores: bool = False
    stored_for: float = 3600.0
    by_message: bool = False
    pushes_per_second: int | None = None
    requests_per_second: int | None = None

    @property
    def deduplicates(self) -> bool | Literal["message"]:
        return "message" if self.by_message else self.dedupe

    @property
    def batching(self) -> Batching:
        least = min(2, self.size) if self.stores else 1
        return Batching(self.size, self.mixed, 7000 if self.weighs else None, least=least, saves=self.stores)

    @property
    def rates(self) -> Rates:
        return Rates(pushes=self.pushes_per_second, requests=self.requests_per_second)

    def region(self, token: str) -> str:
        return "far" if token.startswith("far-") else "near"

    def login(self, region: str, now: float) -> Exchange[AccessToken] | None:
        return self._login(region, now) if self.logs_in else None

    def _login(self, region: str, now: float) -> Exchange[AccessToken]:
        reply = yield from self._ask(region, "login", [self.app, self.secret.reveal(), now])
        return AccessToken(reply.body["token"], float(reply.body["lifetime"]), float(reply.body["created_at"]))

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        misbehaviour = self.misbehaviour()
        if misbehaviour == "raise-before":
            raise KeyError("before asking")
        kept = {
            place: Outcome.not_sent(push, Reason.INVALID_NOTIFICATION, "title: must not be empty")
            for place, push in enumerate(batch)
            if not push.notification.title
        }
        batch = Batch.of(batch)
        asked = [
            (push, message_id)
            for place, (push, message_id) in enumerate(zip(batch, batch.message_ids, strict=True))
            if place not in kept
        ]
        if not asked:
            return list(kept.values())
        saved = None if batch.saved is None else batch.saved.id
        items = [
            [push.push_token.token, push.notification.body if saved is None else "", push.dedupe_id, message_id]
            for push, message_id in asked
        ]
        try:
            reply = yield from self._ask(self.region(items[0][0]), "push", [saved, items])
        except (Refused, NoVerdict) as failed:
            raise failed.keeping(kept) from None
        codes: dict[str, str] = {}
        for token, code in reply.body["codes"]:
            codes[token] = max(codes.get(token, "0"), code, key=int)
        outcomes = [
            kept[place] if place in kept else _outcome(push, codes.get(push.push_token.token))
            for place, push in enumerate(batch)
        ]
        return outcomes if misbehaviour is None else _spoiled(outcomes, misbehaviour)

    def save_push(self, notification: Notification, callback: CallBack | None, region: str) -> Exchange[Saved]:
        misbehaviour = self.misbehaviour()
        if misbehaviour == "raise-before":
            raise KeyError("before asking")
        if not notification.title:
            raise Refused(Reason.INVALID_NOTIFICATION, detail="title: must not be empty", about="content")
        reply = yield from self._ask(region, "store", notification.body)
        if misbehaviour == "raise-after":
            raise KeyError("after asking")
        return Saved(reply.body["id"], lifetime=self.stored_for)

    def save(self, broadcast: Broadcast) -> Exchange[Saved] | None:
        return self._save(broadcast) if self.saves else None

    def _save(self, broadcast: Broadcast) -> Exchange[Saved]:
        reply = yield from self._ask(self._home(broadcast), "save", broadcast.notification.body)
        return Saved(reply.body["id"])

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        tokens = broadcast.audience.values
        what = [saved or broadcast.notification.body, *tokens]
        reply = yield from self._ask(self._home(broadcast), "broadcast", what)
        return BroadcastOutcome(
            certificate_id=broadcast.certificate_id,
            status=Status.ACCEPTED,
            task_ids=(str(reply.body["task"]),),
            outcomes=tuple(
                Outcome(push_token=PushToken(broadcast.certificate_id, token), status=Status.ACCEPTED, attempts=1)
                for token in tokens
            ),
        )

    def _home(self, broadcast: Broadcast) -> str:
        values = broadcast.audience.values
        return self.region(values[0]) if values else self.home_region

    def _ask(self, region: str, what: str, body: object) -> Exchange[Reply]:
        reply = read_reply((yield Request("POST", f"{URL}/{region}/{what}", {}, json.dumps(body).encode())))
        if reply.code == "0":
            return reply
        hint = reply.body.get("retry_after")
        if reply.code == EXPIRED:
            raise AccessExpired(Reason.CREDENTIALS, EXPIRED)
        if reply.code == SKEWED:
            raise ClockSkew(Reason.CREDENTIALS, SKEWED)
        about: Literal["saved", ""] = "saved" if reply.code == GONE else ""
        pause = None if hint is None else float(hint)
        raise Refused(REASONS[reply.code], reply.code, retry_after=pause, about=about)


def _outcome(push: Push, code: str | None) -> Outcome:
    if code is None:
        return Outcome.unknown(push, "no verdict on this one")
    if code == "0":
        return Outcome.accepted(push, f"m-{push.dedupe_id}")
    if code == REPEATED:
        return Outcome.rejected(push, Reason.INVALID_NOTIFICATION, code=code, repeated=True)
    return Outcome.rejected(push, REASONS[code], code=code)


def _spoiled(outcomes: list[Outcome], misbehaviour: str) -> Any:
    if misbehaviour == "raise-after":
        raise KeyError("after asking")
    if misbehaviour == "swap":
        return outcomes[1:] + outcomes[:1]
    return outcomes[1:] if misbehaviour == "drop" else None


def certificate(app: str, secret: str, linger: float | None = None, **settings: Any) -> Certificate:
    """A certificate of the simulated vendor; the app's name is the certificate's id."""
    return Certificate(app, "sim", {"app": app, "secret": secret, **settings}, linger=linger)
