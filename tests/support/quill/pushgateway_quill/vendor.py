"""Quill as a vendor: a login that asks, mixed batches of JSON, one result for each message.

Pure translation without the toolkit, so that a broken copy can break any single step of the contract.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import attrs

from pushgateway.vendor import (
    AccessExpired,
    AccessToken,
    AudienceKind,
    Batching,
    Broadcast,
    BroadcastOutcome,
    Exchange,
    FieldError,
    Notification,
    NoVerdict,
    OpenApp,
    OpenUrl,
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
    Secret,
    Status,
    Vendor,
    check_base_url,
    code_text,
    find_omitted,
    find_unsupported,
    read_posted,
    read_reply,
)
from pushgateway.vendor.rules import CodeRule, load_rules
from pushgateway.vendor.text import fit

RULES = load_rules("pushgateway_quill")
V1 = RULES.dialects["v1"]
Message = dict[str, Any]
FEATURES = frozenset({"click", "data", "ttl", "channel_id", "receipt_url", "receipt_parameter"})
"""Fields of a notification that Quill has besides title and body. The others are refused, or named in `omitted`."""
LIMITS = {"data": "data", "link": "click", "keep": "ttl", "channel": "channel_id", "note": "receipt_parameter"}
"""Quill's fields that are refused if they are too long, with the names that the host uses for them."""


def _text(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if not value.strip():
        raise FieldError(attribute.name, "must be a non-empty string")


def _host(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    check_base_url(attribute.name, value)


@attrs.frozen(kw_only=True)
class Quill(Vendor):
    """One Quill certificate: the app and its secret."""

    brand: ClassVar[str] = "quill"
    contract: ClassVar[str] = "0.2"
    deduplicates: ClassVar[bool] = True
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.EVERYONE, AudienceKind.TOKENS})
    audience_size: ClassVar[int] = V1.number("batch")

    app_id: str = attrs.field(validator=_text)
    """The app's id in Quill's console."""
    secret: Secret
    """The app's secret, which signs logins."""
    host: str = attrs.field(default=V1.hosts["main"].url, validator=_host)
    """`https://host` in place of Quill's; `http://` for loopback addresses only."""

    @property
    def batching(self) -> Batching:
        """Up to 100 messages in one request, each with its own text."""
        return Batching(size=V1.number("batch"), mixed=True, max_bytes=V1.number("bytes"))

    def compartment(self, notification: Notification) -> str:
        """Quill refuses a whole request for one channel that the app does not have."""
        return notification.channel_id or ""

    def weigh(self, notification: Notification) -> int:
        """An upper bound in bytes: 12 for each character as JSON, 200 for names and numbers."""
        note = notification
        link, data = getattr(note.click, "url", ""), str(dict(note.data))
        texts = (note.title, note.body, note.channel_id, note.receipt_url, note.receipt_parameter, link, data)
        return 200 + 12 * sum(len(text or "") for text in texts)

    # Access

    def login(self, region: str, now: float) -> Exchange[AccessToken]:
        """Log in. The signature is SHA-256 of app id, time in milliseconds and secret."""
        time = str(int(now * 1000))
        sign = hashlib.sha256(f"{self.app_id}{time}{self.secret.reveal()}".encode()).hexdigest()
        try:
            response = yield self._request("login", {"app": self.app_id, "time": time, "sign": sign})
            reply = checked(response, RULES.codes_of("login_codes"))
        except Refused as refused:
            # A login contains no notification, and logging in again would not end.
            busy = refused.reason in (Reason.RATE_LIMITED, Reason.UNAVAILABLE, Reason.QUOTA_EXCEEDED)
            raise Refused(refused.reason if busy else Reason.CREDENTIALS, refused.code, refused.message) from None
        token, seconds = reply.body.get("token"), reply.body.get("seconds")
        if not isinstance(token, str) or not token.isascii() or not isinstance(seconds, int) or seconds < 1:
            raise NoVerdict("the reply to a login holds no access token")
        return AccessToken(token, lifetime=min(seconds, 86_400))

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        """Quill expects the access token in its own header."""
        if access is None:
            return request
        return attrs.evolve(request, headers={**request.headers, "quill-access": access.value})

    # Pushes

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """Send in one request what Quill accepts. The others get their outcomes here, and keep them if it fails."""
        outcomes: dict[int, Outcome] = {}
        sent: dict[int, dict[str, Any]] = {}
        messages: list[Message] = []
        for place, push in enumerate(batch):
            message, changes = encode_message(push)
            reason, problem = find_problem(push, message)
            if reason is not None:
                outcomes[place] = Outcome.not_sent(push, reason, problem)
                continue
            sent[place] = changes
            messages.append({**message, "to": push.push_token.token})
        if sent:
            try:
                results = decode_results(checked((yield self._request("push", {"messages": messages}))))
            except (Refused, NoVerdict) as failed:
                raise failed.keeping(outcomes) from None
            for place, changes in sent.items():
                outcomes[place] = decode_outcome(batch[place], results, changes)
        return [outcomes[place] for place in range(len(batch))]

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """Send to a list of tokens, or to everyone if there is no list."""
        note, tokens = broadcast.notification, broadcast.audience.values
        to_all = Push(PushToken(broadcast.certificate_id, "everyone"), note, dedupe_id=note.dedupe_id or "")
        message, changes = encode_message(to_all)
        reason, problem = find_problem(to_all, message)
        if broadcast.start_at is not None or broadcast.rate is not None:
            reason, problem = Reason.UNSUPPORTED, "start_at, rate: Quill broadcasts at once, as fast as it can"
        if reason is not None:
            raise Refused(reason, detail=problem)
        order: dict[str, Any] = {"message": message}
        if broadcast.audience.kind is AudienceKind.TOKENS:
            order["tokens"] = list(tokens)
        reply = checked((yield self._request("broadcast", order)))
        results = decode_results(reply) if tokens else {}
        pushes = [Push(PushToken(broadcast.certificate_id, token), note) for token in tokens]
        return BroadcastOutcome(
            certificate_id=broadcast.certificate_id,
            status=Status.ACCEPTED,
            task_ids=(str(reply.body.get("task")),),
            outcomes=tuple(decode_outcome(push, results, changes) for push in pushes),
            **changes,
        )

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """The receipts of one posted list. `None` for an entry that cannot be read; the others count."""
        entries = read_posted(body)
        if not isinstance(entries, list):
            raise Refused(Reason.INVALID_NOTIFICATION, detail="not a list of Quill's receipts")
        return [decode_receipt(certificate_id, entry) for entry in entries]

    def _request(self, operation: str, order: Mapping[str, object]) -> Request:
        row = V1.operations[operation]
        headers = {"content-type": "application/json"}
        return Request(row.method, self.host.rstrip("/") + row.path, headers, json.dumps(order).encode())


# From the model to the wire


def encode_message(push: Push) -> tuple[Message, dict[str, Any]]:
    """The message of a push without its token, and the names of the fields that were cut and left out."""
    note, back = push.notification, push.callback
    title, title_cut = fit(note.title, V1.fields["title"].max or 0)
    text, text_cut = fit(note.body, V1.fields["text"].max or 0)
    message: Message = {"id": push.dedupe_id, "title": title, "text": text}
    link, data = getattr(note.click, "url", None), dict(note.data) or None
    others = {"data": data, "link": link, "keep": note.ttl, "channel": note.channel_id}
    message |= {name: value for name, value in others.items() if value is not None}
    if note.receipt_url is not None or note.receipt_parameter is not None:
        message |= {"receipts": note.receipt_url or "", "note": note.receipt_parameter or ""}
    elif back is not None:  # the gateway handles the receipts
        message |= {"receipts": back.url, "note": back.parameter}
    cut = (*(("title",) if title_cut else ()), *(("body",) if text_cut else ()))
    return message, {"truncated": cut, "omitted": find_omitted(note, FEATURES)}


def find_problem(push: Push, message: Message) -> tuple[Reason | None, str]:
    """Why Quill would refuse the request because of this push, or has no field for it; `None` if it can be sent."""
    token, note = push.push_token.token, push.notification
    if not (token.isascii() and token.isprintable() and 0 < len(token) <= V1.number("token")):
        return Reason.UNREGISTERED, f"token: must be 1 to {V1.number('token')} printable ASCII characters"
    if blank := [name for field, name in (("title", "title"), ("text", "body")) if not message[field].strip()]:
        return Reason.INVALID_NOTIFICATION, f"{blank[0]}: must hold at least one visible character"
    lacking = find_unsupported(note, FEATURES, "quill")
    if lacking or not isinstance(note.click, OpenApp | OpenUrl):
        return Reason.UNSUPPORTED, f"{', '.join(lacking) or 'click'}: Quill has no such thing"
    if note.receipt_parameter is not None and not note.receipt_url:
        return Reason.INVALID_NOTIFICATION, "receipt_url: is needed beside receipt_parameter"
    for field, name in LIMITS.items():
        if field in message and (most := V1.fields[field].max or 0) < _size(message[field]):
            return Reason.INVALID_NOTIFICATION, f"{name}: must be at most {most}"
    return None, ""


def _size(value: Any) -> int:
    return value if isinstance(value, int) else len(value if isinstance(value, str) else json.dumps(value))


# From the wire to the model


def checked(response: Response, codes: Mapping[str, CodeRule] = RULES.codes) -> Reply:
    """The reply, if Quill accepted the request. Otherwise raises what the code means."""
    reply = read_reply(response)
    rule = codes.get(reply.code)
    if rule is None or rule.scope == "target":
        raise Refused(Reason.INVALID_NOTIFICATION, reply.code, reply.message, detail="a code for no request")
    if rule.reason == "expired":
        raise AccessExpired(Reason.CREDENTIALS, reply.code, reply.message)
    if rule.host_reason is not None:
        raise Refused(rule.host_reason, reply.code, reply.message, rule.retry_after)
    return reply


def decode_results(reply: Reply) -> dict[str, tuple[str, str]]:
    """By token: the code, and Quill's id of the message. Entries that cannot be read are left out."""
    results: dict[str, tuple[str, str]] = {}
    entries = reply.body.get("results")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("to"), str):
            results[entry["to"]] = (code_text(entry.get("code")) or "", str(entry.get("id", ""))[:64])
    return results


def decode_outcome(push: Push, results: Mapping[str, tuple[str, str]], changes: dict[str, Any]) -> Outcome:
    """The outcome of one push by the results of the reply."""
    code, message_id = results.get(push.push_token.token, ("", ""))
    rule = RULES.codes.get(code)
    if rule is None:
        return Outcome.unknown(push, "the reply says nothing readable about this push", code=code or None)
    if rule.host_reason is None:
        return Outcome.accepted(push, message_id or None, **changes)
    return Outcome.rejected(push, rule.host_reason, code=code, repeated=rule.reason == "repeated")


def decode_receipt(certificate_id: str, entry: Any) -> Receipt | None:
    """One receipt; `None` for an entry that Quill would not post."""
    if not isinstance(entry, dict):
        return None
    token, event, note, at = (entry.get(name) for name in ("to", "event", "note", "at"))
    if not (isinstance(token, str) and isinstance(event, str) and isinstance(note, str)):
        return None
    if not isinstance(at, int) or not 0 <= at < 10**13:
        return None
    row = V1.events.get(event)
    kind = ReceiptKind.OTHER if row is None else ReceiptKind[row.kind]
    return Receipt(push_token=PushToken(certificate_id, token), kind=kind, event=event, at=at / 1000, parameter=note)
