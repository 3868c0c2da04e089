"""The plug-in of the simulated vendor, and the ways in which it may break its contract.

Pure, as every plug-in. What it does depends on the kind of the vendor (`kinds.Kind`). Requests and replies are JSON:
each push is [token, text, channel, dedupe id, message id, mark], beside the id of the stored notification and the mark
of the request if there is one; a mark is address and parameter for receipts. A reply is a list of [token, code],
matched by token. A token that is missing has no verdict; of two verdicts the worse counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
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
    Call,
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
    Receipt,
    Refused,
    Reply,
    Request,
    Saved,
    Secret,
    Status,
    Vendor,
    read_posted,
    read_reply,
)
from simulated.kinds import Kind
from simulated.wire import (
    ABOUT,
    EVENTS,
    EXPIRED,
    FRESH,
    REASONS,
    REPEATED,
    SIGNATURE,
    SKEWED,
    URL,
    signature,
)

MISBEHAVIOURS = ("raise-before", "raise-after", "swap", "drop", "nothing")
"""Ways to break the contract: raising an unexpected exception before or after the request, or returning outcomes
that do not match the pushes."""


@attrs.frozen
class Sim(Vendor):
    """Code 0 is accepted, 9 a stored notification that is gone, 11 an expired access token, 18 a wrong clock, 32 a
    dropped repeat; others by `REASONS`."""

    brand: ClassVar[str] = "sim"
    contract: ClassVar[str] = "0.2"
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.TOKENS, AudienceKind.EVERYONE})
    audience_size: ClassVar[int] = 4
    misbehaviour: ClassVar[Callable[[], str | None]] = staticmethod(lambda: None)

    app: str
    secret: Secret
    receipts_key: Secret
    kind: Kind

    @property
    def deduplicates(self) -> bool | Literal["message"]:
        return "message" if self.kind.repeats == "dropped by phones" else self.kind.repeats == "dropped"

    @property
    def dead_tokens(self) -> Literal["reply", "receipt"]:
        return "receipt" if self.kind.reports_dead_tokens else "reply"

    @property
    def batching(self) -> Batching:
        kind = self.kind
        most = 7000 if kind.weighs else None
        return Batching(kind.size, kind.is_mixed, most, least=2 if kind.stores else 1, saves=kind.stores)

    @property
    def rates(self) -> Rates:
        kind = self.kind
        if not kind.names_rates:
            return Rates(connections=kind.connections)
        return Rates(pushes=kind.pushes_per_second, requests=kind.requests_per_second, connections=kind.connections)

    def compartment(self, notification: Notification) -> str:
        return notification.channel_id or "" if self.kind.has_compartments else ""

    def quota(self, notification: Notification) -> str:
        return self.kind.quota_of(notification.channel_id)

    def region(self, token: str) -> str:
        return "far" if token.startswith("far-") else "near"

    # Access

    def login(self, region: str, now: float) -> Exchange[AccessToken] | None:
        if self.kind.access == "login":
            return self._log_in(region, now)
        return self._sign(region, now) if self.kind.access == "signed" else None

    def _log_in(self, region: str, now: float) -> Exchange[AccessToken]:
        reply = yield from self._ask(region, "login", [self.app, self.secret.reveal(), now])
        return AccessToken(reply.body["token"], float(reply.body["lifetime"]), float(reply.body["created_at"]))

    def _sign(self, region: str, now: float) -> Exchange[AccessToken]:
        parts = (self.app, region, repr(now))
        return AccessToken("|".join([*parts, signature(self.secret.reveal(), *parts)]), self.kind.lifetime)
        yield  # an exchange without a request

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        secret = self.secret.reveal()
        if self.kind.access == "key":
            return _with_headers(request, {"key": f"{self.app}|{secret}"})
        if self.kind.access == "timed":
            signed = signature(secret, self.app, repr(now), request.content.decode())
            return _with_headers(request, {"time": repr(now), "signature": f"{self.app}|{signed}"})
        return Vendor.finish(self, request, access, now)

    def probe(self) -> Exchange[str] | None:
        return None if self.kind.access == "login" else self._probe()

    def _probe(self) -> Exchange[str]:
        yield from self._ask("near", "probe", None)
        return "the key was accepted"

    # Pushes

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
        marks = [None] * len(batch) if batch.callbacks is None else batch.callbacks
        items = [
            _item(push, message_id, mark, is_saved=batch.saved is not None)
            for place, (push, message_id, mark) in enumerate(zip(batch, batch.message_ids, marks, strict=True))
            if place not in kept
        ]
        if not items:
            return list(kept.values())
        body = {
            "saved": None if batch.saved is None else batch.saved.id,
            "mark": _mark(batch.callback) if batch.saved is None else None,
            "items": items,
        }
        try:
            reply = yield from self._ask(self.region(items[0][0]), "push", body)
        except (Refused, NoVerdict) as failed:
            raise failed.keeping(kept) from None
        codes: dict[str, str] = {}
        for token, code in reply.body["codes"]:
            codes[token] = max(codes.get(token, "0"), code, key=int)
        outcomes = [
            kept[place] if place in kept else self._outcome(push, codes.get(push.push_token.token), reply)
            for place, push in enumerate(batch)
        ]
        return outcomes if misbehaviour is None else _spoiled(outcomes, misbehaviour)

    def _outcome(self, push: Push, code: str | None, reply: Reply) -> Outcome:
        if code is None:
            return Outcome.unknown(push, "no verdict on this one")
        if code == "0":
            message_id = str(reply.body["id"]) if self.kind.names_requests else f"m-{push.dedupe_id}"
            return Outcome.accepted(push, message_id, handle=f"h-{message_id}" if self.kind.has_handles else None)
        if code == REPEATED:
            return Outcome.rejected(push, Reason.INVALID_NOTIFICATION, code=code, repeated=True)
        return Outcome.rejected(push, REASONS[code], code=code)

    def save_push(self, notification: Notification, callback: CallBack | None, region: str) -> Exchange[Saved]:
        misbehaviour = self.misbehaviour()
        if misbehaviour == "raise-before":
            raise KeyError("before asking")
        if not notification.title:
            raise Refused(Reason.INVALID_NOTIFICATION, detail="title: must not be empty", about="content")
        body = [notification.body, notification.channel_id, _mark(callback)]
        reply = yield from self._ask(region, "store", body)
        if misbehaviour == "raise-after":
            raise KeyError("after asking")
        return Saved(reply.body["id"], lifetime=self.kind.stored_for)

    # Broadcasts

    def save(self, broadcast: Broadcast) -> Exchange[Saved] | None:
        return self._save(broadcast) if self.kind.stores_broadcasts else None

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

    # Receipts

    @property
    def marks(self) -> Literal["push", "message", "none"]:
        return self.kind.marks

    @property
    def proves_receipts(self) -> bool:
        return self.kind.signs_receipts

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        if self.kind.signs_receipts:
            at, _, given = headers.get(SIGNATURE, "0:").partition(":")
            if given != signature(self.receipts_key.reveal(), at, body.decode("latin-1")):
                raise Refused(Reason.CREDENTIALS, detail="the signature of the receipts is wrong")
            if abs(now - float(at)) > FRESH:
                raise Refused(Reason.CREDENTIALS, detail="the signature of the receipts is old")
        posted = read_posted(body)
        if not isinstance(posted, list):
            raise Refused(Reason.INVALID_NOTIFICATION, detail="no list")
        return [_receipt(certificate_id, one) for one in posted]

    # Calls about tokens

    def recall(self, handle: str, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        if not self.kind.recalls:
            return super().recall(handle, tokens)
        return self._about(tokens, "recall", [handle, *tokens])

    def check_tokens(self, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        if not self.kind.checks_tokens:
            return super().check_tokens(tokens)
        return self._about(tokens, "alive", list(tokens))

    def _about(self, tokens: Sequence[str], what: str, body: list[str]) -> Call[Mapping[str, Reason | None]]:
        region = self.region(tokens[0])

        def begin() -> Exchange[Mapping[str, Reason | None]]:
            reply = yield from self._ask(region, what, body)
            return {token: None if code == "0" else REASONS[code] for token, code in reply.body["codes"]}

        return Call(name=what, begin=begin, region=region, most=self.kind.most_tokens)

    def _ask(self, region: str, what: str, body: object) -> Exchange[Reply]:
        reply = read_reply((yield Request("POST", f"{URL}/{region}/{what}", {}, json.dumps(body).encode())))
        if reply.code == "0":
            return reply
        if reply.code == EXPIRED:
            raise AccessExpired(Reason.CREDENTIALS, EXPIRED)
        if reply.code == SKEWED:
            raise ClockSkew(Reason.CREDENTIALS, SKEWED)
        hint = reply.body.get("retry_after")
        pause = None if hint is None else float(hint)
        raise Refused(REASONS[reply.code], reply.code, retry_after=pause, about=ABOUT.get(reply.code, ""))


def _with_headers(request: Request, headers: Mapping[str, str]) -> Request:
    return attrs.evolve(request, headers={**request.headers, **headers})


def _mark(callback: CallBack | None) -> list[str] | None:
    return None if callback is None else [callback.url, callback.parameter]


def _item(push: Push, message_id: str, mark: CallBack | None, *, is_saved: bool) -> list[Any]:
    note = push.notification
    content = ["", None] if is_saved else [note.body, note.channel_id]
    return [push.push_token.token, *content, push.dedupe_id, message_id, _mark(mark)]


def _receipt(certificate_id: str, posted: object) -> Receipt | None:
    """What one element of a posted list says; None if it cannot be read."""
    if not (isinstance(posted, list) and len(posted) == 5):
        return None
    token, event, parameter, message_id, at = posted
    return Receipt(
        push_token=PushToken(certificate_id, token),
        kind=EVENTS[event],
        event=event,
        message_id=message_id,
        at=at,
        parameter=parameter,
    )


def _spoiled(outcomes: list[Outcome], misbehaviour: str) -> Any:
    if misbehaviour == "raise-after":
        raise KeyError("after asking")
    if misbehaviour == "swap":
        return outcomes[1:] + outcomes[:1]
    return outcomes[1:] if misbehaviour == "drop" else None


def certificate(app: str, kind: Kind, secret: str, receipts_key: str, **options: Any) -> Certificate:
    """A certificate of the simulated vendor; the app's name is the certificate's id."""
    settings = {"app": app, "secret": secret, "receipts_key": receipts_key, "kind": attrs.asdict(kind)}
    return Certificate(app, "sim", settings, **options)
