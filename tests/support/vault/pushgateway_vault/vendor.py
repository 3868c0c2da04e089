"""Vault as a vendor: it has what `acme` and `beam` lack, so that each part of the contract has a plug-in that uses it.

Access tokens are signed here, without a request. Each request carries a time and a signature over its body. The content
of a push to two phones or more is saved first, and a list of tokens names it. One receipt parameter for each content;
the receipts are signed, and only they say that a token is dead. Phones drop repeats by the id of the message. A
notification can be taken back, tokens can be checked, and accounts are an audience.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import attrs

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
    FieldError,
    Notification,
    NoVerdict,
    OpenApp,
    Outcome,
    Push,
    PushToken,
    Reason,
    Receipt,
    ReceiptKind,
    Refused,
    Reply,
    Request,
    Response,
    Saved,
    Secret,
    Status,
    Vendor,
    check_base_url,
    find_omitted,
    find_unsupported,
    read_posted,
    read_reply,
)
from pushgateway.vendor.rules import load_rules
from pushgateway.vendor.text import clean, fit, is_visible

RULES = load_rules("pushgateway_vault")
V1 = RULES.dialects["v1"]
TITLE, TEXT, LIST = V1.fields["title"].max or 0, V1.fields["text"].max or 0, V1.number("list")
FEATURES = {"data", "ttl", "receipt_url", "receipt_parameter", "badge", "replace_key", "alert", "user_id"}
EVENTS = {"arrived": ReceiptKind.ARRIVED, "gone": ReceiptKind.UNREGISTERED, "clicked": ReceiptKind.CLICKED}
OLD = 600.0
"""Seconds after which the signature of receipts is too old."""


def _text(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if not value.strip():
        raise FieldError(attribute.name, "must be a non-empty string")


def _url(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    check_base_url(attribute.name, value)


@attrs.frozen(kw_only=True)
class Vault(Vendor):
    """One Vault certificate: an account, a key that signs tokens and requests, and a key that signs receipts."""

    brand: ClassVar[str] = "vault"
    contract: ClassVar[str] = "0.2"
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.EVERYONE, AudienceKind.ACCOUNTS})
    dead_tokens: ClassVar[Literal["receipt"]] = "receipt"
    deduplicates: ClassVar[Literal["message"]] = "message"
    marks: ClassVar[Literal["message"]] = "message"
    proves_receipts: ClassVar[bool] = True

    account: str = attrs.field(validator=_text)
    key: Secret
    receipt_key: Secret
    receiver: str = attrs.field(validator=_text)
    """The user name of the receipts, as the vendor's console has it."""
    host: str = attrs.field(default=V1.hosts["main"].url, validator=_url)

    @property
    def batching(self) -> Batching:
        """Up to thirty tokens with one saved content, at least two."""
        return Batching(size=LIST, least=2, saves=True)

    @property
    def dialect(self) -> str:
        """The only one."""
        return "v1"

    # Access

    def login(self, region: str, now: float) -> Exchange[AccessToken]:
        """An access token that is signed here: there is no request."""
        claims = f"{self.account}.{int(now * 1000)}"
        return AccessToken(f"{claims}.{_sign(self.key, claims)}", lifetime=3000.0)
        yield

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        """The access token, the time, and a signature over both and the body."""
        assert access is not None
        at = str(int(now * 1000))
        signed = _sign(self.key, f"{access.value}{at}{request.content.decode()}")
        headers = {**request.headers, "authorization": f"Bearer {access.value}", "at": at, "sign": signed}
        return attrs.evolve(request, headers=headers)

    def probe(self) -> Exchange[str]:
        """A request that names the account."""
        reply = checked((yield self._ask("account", {})))
        return f"the account {str(reply.body.get('name'))[:40]!r} is known"

    # Pushes

    def save_push(self, notification: Notification, callback: CallBack | None, region: str) -> Exchange[Saved]:
        """Store the content, with the receipt parameter."""
        content, truncated = encode(notification, callback)
        reply = checked((yield self._ask("save", content)))
        return Saved(text_of(reply, "id"), truncated, find_omitted(notification, FEATURES), lifetime=1800.0)

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """A list of tokens with the saved content, or one token with the content itself."""
        given = Batch.of(batch)
        note = given.notifications[0]
        kept = {
            place: Outcome.not_sent(push, Reason.UNREGISTERED, "token: must be 1 to 64 letters and digits")
            for place, push in enumerate(given)
            if not is_token(push.push_token.token)
        }
        sent = [place for place in range(len(given)) if place not in kept]
        if not sent:
            return list(kept.values())
        fields: dict[str, Any] = {"to": [given.tokens[place] for place in sent], "message": given.message_id}
        if given.saved is not None:
            fields["content"], cut, left_out = given.saved.id, given.saved.truncated, given.saved.omitted
        else:
            try:
                fields["content"], cut = encode(note, given.callback)
            except Refused as refused:
                return [kept.get(place) or refused.outcome(push, sent=False) for place, push in enumerate(given)]
            left_out = find_omitted(note, FEATURES)
        try:
            reply = checked((yield self._ask("list" if given.saved else "one", fields)))
            message_id = text_of(reply, "id")
        except (Refused, NoVerdict) as failed:
            raise failed.keeping(kept) from None
        for place in sent:
            kept[place] = Outcome.accepted(
                given[place], message_id, truncated=cut, omitted=left_out, handle=f"{message_id}/v1"
            )
        return [kept[place] for place in range(len(given))]

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """To everyone, or to the phones of some accounts."""
        note, audience = broadcast.notification, broadcast.audience
        if broadcast.start_at is not None or broadcast.rate is not None:
            raise Refused(Reason.UNSUPPORTED, detail="start_at, rate: Vault sends at once")
        if note.receipt_url is not None or note.receipt_parameter is not None:
            raise Refused(Reason.UNSUPPORTED, detail="receipt_url, receipt_parameter: not for broadcasts")
        content, truncated = encode(note, None)
        fields: dict[str, Any] = {"content": content}
        if audience.kind is AudienceKind.ACCOUNTS:
            fields["accounts"] = list(audience.values)
        reply = checked((yield self._ask("cast", fields)))
        return BroadcastOutcome(
            certificate_id=broadcast.certificate_id,
            status=Status.ACCEPTED,
            task_ids=(text_of(reply, "id"),),
            truncated=truncated,
            omitted=find_omitted(note, FEATURES),
        )

    # Receipts

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """A signed list. The signature is over its time and the receiver."""
        parts = dict(part.strip().partition("=")[::2] for part in headers.get("vault-signature", "").split(";"))
        at, value = parts.get("at", ""), parts.get("value", "")
        right = _sign(self.receipt_key, f"{at}{self.receiver}")
        if not at.isascii() or not at.isdigit() or not hmac.compare_digest(right.encode(), value.encode()):
            raise Refused(Reason.CREDENTIALS, detail="the signature of the receipts is wrong")
        if abs(now - int(at[:15]) / 1000) > OLD:
            raise Refused(Reason.CREDENTIALS, detail="the signature of the receipts is old")
        posted = read_posted(body)
        items = posted.get("items") if isinstance(posted, dict) else None
        if not isinstance(items, list):
            raise Refused(Reason.INVALID_NOTIFICATION, detail="not a list of Vault's receipts")
        return [decode_receipt(certificate_id, item) for item in items]

    def receipt_answer(self, taken: bool) -> Response:
        """Vault reads the body."""
        return Response(200, {"content-type": "application/json"}, json.dumps({"got": taken}).encode())

    # Other calls

    def recall(self, handle: str, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """Take a message back."""

        def begin() -> Exchange[Mapping[str, Reason | None]]:
            fields = {"id": handle.removesuffix("/v1"), "to": list(tokens)}
            reply = checked((yield self._ask("recall", fields)))
            done = reply.body.get("done")
            if not isinstance(done, list):
                raise NoVerdict("the reply does not say which phones have shown it")
            return {token: None if token in done else Reason.UNREGISTERED for token in tokens}

        return Call(name="recall", begin=begin, region="")

    def check_tokens(self, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """Which tokens are alive."""

        def begin() -> Exchange[Mapping[str, Reason | None]]:
            reply = checked((yield self._ask("check", {"to": list(tokens)})))
            dead = reply.body.get("dead")
            if not isinstance(dead, list):
                raise NoVerdict("the reply does not say who is dead")
            return {token: Reason.UNREGISTERED if token in dead else None for token in tokens}

        return Call(name="check", begin=begin, region="")

    def _ask(self, operation: str, fields: Mapping[str, Any]) -> Request:
        headers = {"content-type": "application/json"}
        return Request("POST", f"{self.host.rstrip('/')}/{operation}", headers, json.dumps(fields).encode())


def _sign(key: Secret, text: str) -> str:
    digest = hmac.new(key.reveal().encode(), text.encode("utf-8", "replace"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def is_token(token: str) -> bool:
    """Whether this has the form of a token."""
    return token.isascii() and token.isalnum() and len(token) <= 64


def encode(note: Notification, callback: CallBack | None) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The fields of a notification, and the names of those that were cut. Raises `Refused` for what Vault lacks."""
    title, title_cut = fit(note.title, TITLE)
    text, text_cut = fit(note.body, TEXT)
    check(note, title, text)
    fields: dict[str, Any] = {"title": title, "text": text, "data": json.loads(json.dumps(note.data, default=dict))}
    if note.badge is not None:
        fields["badge"] = {note.badge.how: note.badge.number}
    if note.replace_key is not None:
        fields["tag"] = hashlib.sha256(note.replace_key.encode()).hexdigest()[:16]
    if note.alert is not None:
        fields["alert"] = note.alert.value
    given = {"keep": note.ttl, "user": note.user_id}
    fields |= {name: value for name, value in given.items() if value is not None}
    if note.receipt_url is not None or note.receipt_parameter is not None:
        fields |= {"receipts": note.receipt_url or "", "mark": note.receipt_parameter or ""}
    elif callback is not None:
        fields |= {"receipts": callback.url, "mark": callback.parameter}
    return fields, (("title",) if title_cut else ()) + (("body",) if text_cut else ())


def check(note: Notification, title: str, text: str) -> None:
    """Raise `Refused` for a notification that Vault would refuse."""
    if not is_visible(title) or not is_visible(text):
        raise _refused(f"{'body' if is_visible(title) else 'title'}: shows nothing")
    lacking = find_unsupported(note, FEATURES, "vault")
    if lacking or not isinstance(note.click, OpenApp):
        raise _refused(f"{', '.join(lacking) or 'click'}: Vault has no such thing", Reason.UNSUPPORTED)
    if note.ttl is not None and note.ttl > 86_400:
        raise _refused("ttl: must be at most 86400 seconds")
    for name in ("replace_key", "user_id", "receipt_parameter", "receipt_url"):
        value = getattr(note, name) or ""
        if len(value) > 100 or clean(value) != value:
            raise _refused(f"{name}: must have at most 100 characters, and no control characters")
    try:
        size = len(json.dumps(note.data, default=dict, ensure_ascii=False).encode())
    except (ValueError, RecursionError):
        raise _refused("data: cannot be sent as JSON") from None
    if size > 2000:
        raise _refused("data: must have at most 2000 bytes")


def _refused(detail: str, reason: Reason = Reason.INVALID_NOTIFICATION) -> Refused:
    return Refused(reason, detail=detail, about="content")


def checked(response: Response) -> Reply:
    """The reply if Vault took the request. Otherwise raises what its word means."""
    reply = read_reply(response, success="ok", words=RULES.codes)
    rule = RULES.codes.get(reply.code)
    if rule is None:
        raise Refused(Reason.UNAVAILABLE, reply.code, reply.message, detail="an unknown code")
    if rule.reason == "expired":
        raise AccessExpired(Reason.CREDENTIALS, reply.code, reply.message)
    if rule.reason == "clock":
        raise ClockSkew(Reason.CREDENTIALS, reply.code, reply.message)
    if rule.host_reason is not None:
        raise Refused(rule.host_reason, reply.code, reply.message, about=rule.about)
    if rule.reason != "accepted":
        raise NoVerdict("the reply says that some were taken, and not which")
    return reply


def text_of(reply: Reply, name: str) -> str:
    """A text of the reply, at most 99 characters long. Raises `NoVerdict`."""
    value = reply.body.get(name)
    if not isinstance(value, str) or not 0 < len(value) < 100:
        raise NoVerdict(f"the reply has no {name}")
    return value


def decode_receipt(certificate_id: str, item: Any) -> Receipt | None:
    """One receipt; None if it is not one of Vault's."""
    if not isinstance(item, dict):
        return None
    texts = [item.get(name) for name in ("token", "what", "id", "mark")]
    at = item.get("at")
    if not all(isinstance(text, str) for text in texts) or not isinstance(at, int) or not 0 < at < 10**13:
        return None
    token, what, message_id, mark = texts
    if not is_token(str(token)) or not what:
        return None
    return Receipt(
        push_token=PushToken(certificate_id, str(token)),
        kind=EVENTS.get(str(what), ReceiptKind.OTHER),
        event=str(what),
        message_id=str(message_id) or None,
        at=at / 1000,
        parameter=str(mark),
    )
