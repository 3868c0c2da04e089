"""Beam as a vendor: a static key, requests as forms, replies as JSON, receipts as forms.

Pure translation, as every plug-in. It differs from `examples/acme` wherever the contract allows, so that the
conformance kit is not fitted to one shape of vendor: no login, no rules file, one notification in a request, two
regions, and replies that list refused tokens in groups.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

import attrs

from pushgateway.vendor import (
    AudienceKind,
    Batching,
    Broadcast,
    BroadcastOutcome,
    Call,
    Exchange,
    FieldError,
    Intent,
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
    Secret,
    Statistics,
    Status,
    Vendor,
    check_base_url,
    find_omitted,
    find_unsupported,
    read_reply,
)
from pushgateway.vendor.text import clean, fit

SIZE, TITLE, TEXT, DATA, TTL = 50, 30, 60, 500, 86_400
REASONS = {
    "4": Reason.RATE_LIMITED,
    "5": Reason.QUOTA_EXCEEDED,
    "6": Reason.INVALID_NOTIFICATION,
    "8": Reason.CREDENTIALS,
    "9": Reason.UNAVAILABLE,
}
"""Reply codes that refuse a whole request."""
OF_A_TOKEN = {"1": Reason.UNREGISTERED, "2": Reason.MUTED, "5": Reason.QUOTA_EXCEEDED}
"""Reply codes of groups of refused tokens."""
EVENTS = {"arrived": ReceiptKind.ARRIVED, "gone": ReceiptKind.UNREGISTERED, "full": ReceiptKind.LIMITED}
FEATURES = {"click", "data", "ttl", "channel_id", "receipt_url", "receipt_parameter", "overrides"}
OWN = {"vibrate"}
"""Fields that `overrides` may set."""
PRIVATE, PUBLIC = "private", "public"
"""Channels."""


def _url(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    check_base_url(attribute.name, value)


def _texts(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise FieldError(attribute.name, "must be a list of names")


@attrs.frozen(kw_only=True)
class Beam(Vendor):
    """One Beam certificate: a static key."""

    brand: ClassVar[str] = "beam"
    contract: ClassVar[str] = "0.2"
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset(AudienceKind) - {AudienceKind.ACCOUNTS}
    audience_size: ClassVar[int] = 100

    key: Secret
    host: str = attrs.field(default="https://beam.example", validator=_url)
    us_host: str = attrs.field(default="https://us.beam.example", validator=_url)
    template: str = ""
    """Id of the template for chats."""
    places: Any = attrs.field(default=(), converter=tuple, validator=_texts)
    """The names of the placeholders in the template."""

    @property
    def batching(self) -> Batching:
        """One notification for up to fifty tokens."""
        return Batching(size=SIZE)

    def region(self, token: str) -> str:
        """`us` or the mainland, by the prefix of the token."""
        return "us" if token.startswith("US_") else ""

    # Pushes

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """One form. Tokens that a form cannot hold get their outcomes here, without a request."""
        note = batch[0].notification
        fields, truncated, problem = self.encode(note)
        if problem is not None:
            return [Outcome.not_sent(push, *problem) for push in batch]
        kept = {
            place: Outcome.not_sent(push, Reason.UNREGISTERED, "token: must be 1 to 99 letters, digits and signs")
            for place, push in enumerate(batch)
            if not is_token(push.push_token.token)
        }
        sent = {place: push for place, push in enumerate(batch) if place not in kept}
        if not sent:
            return list(kept.values())
        tokens = [push.push_token.token for push in sent.values()]
        fields |= {"tokens": ",".join(tokens)} | encode_callbacks(note, list(sent.values()))
        try:
            reply = checked(read_reply((yield self.request("send", self.region(tokens[0]), fields))))
        except (Refused, NoVerdict) as failed:
            raise failed.keeping(kept) from None
        groups, ids = decode_groups(reply), reply.body.get("ids")
        for place, push in sent.items():
            kept[place] = decode_outcome(push, groups, ids, truncated, find_omitted(note, FEATURES))
        return [kept[place] for place in range(len(batch))]

    def encode(self, note: Notification) -> tuple[dict[str, str], tuple[str, ...], tuple[Reason, str] | None]:
        """The fields of a notification, the names of the fields that were cut, and why it cannot be sent (None if it
        can).
        """
        title, title_cut = fit(note.title, TITLE)
        text, text_cut = fit(note.body, TEXT)
        truncated = (("title",) if title_cut else ()) + (("body",) if text_cut else ())
        fields = {"title": title, "text": text}
        own = note.overrides.get("beam", {})
        problem = find_problem(note, title, text, own)
        if problem is not None:
            return {}, (), problem
        if note.data:
            fields["payload"] = json.dumps(dict(note.data), default=dict)
        if isinstance(note.click, OpenUrl):
            fields["open"] = note.click.url
        if note.ttl is not None:
            fields["keep_ms"] = str(note.ttl * 1000)
        fields["channel"] = note.channel_id or (PUBLIC if note.intent is None or note.intent.is_public else PRIVATE)
        if note.intent is Intent.CHAT and self.template:
            odd = set(note.parameters) ^ set(self.places)
            if odd:
                return {}, (), (Reason.INVALID_NOTIFICATION, f"parameters: {', '.join(sorted(odd))}")
            fields |= {"template": self.template, "places": json.dumps(dict(note.parameters))}
        return fields | {name: str(value) for name, value in own.items()}, truncated, None

    def request(self, operation: str, region: str, fields: Mapping[str, str]) -> Request:
        """A form with the key in its header."""
        host = self.us_host if region == "us" else self.host
        headers = {"x-key": self.key.reveal(), "content-type": "application/x-www-form-urlencoded"}
        return Request("POST", f"{host.rstrip('/')}/{operation}", headers, urlencode(fields).encode())

    # Broadcasts

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """Send now or at a given time, to any audience."""
        note, audience = broadcast.notification, broadcast.audience
        fields, truncated, problem = self.encode(note)
        if problem is not None:
            raise Refused(problem[0], detail=problem[1])
        if note.receipt_url is not None or note.receipt_parameter is not None:
            raise Refused(Reason.UNSUPPORTED, detail="receipt_url, receipt_parameter: not for broadcasts")
        values = [value for value in audience.values if audience.kind is not AudienceKind.TOKENS or is_token(value)]
        fields |= encode_audience(broadcast, values)
        if broadcast.start_at is not None:
            fields["at"] = str(int(broadcast.start_at.timestamp()))
        if broadcast.rate is not None:
            fields["speed"] = str(broadcast.rate)
        region = self.region(values[0]) if audience.kind is AudienceKind.TOKENS and values else ""
        reply = checked(read_reply((yield self.request("cast", region, fields))))
        groups, outcomes, omitted = decode_groups(reply), list[Outcome](), find_omitted(note, FEATURES)
        for token in audience.values if audience.kind is AudienceKind.TOKENS else ():
            push = Push(PushToken(broadcast.certificate_id, token), note)
            if token in values:
                outcomes.append(decode_outcome(push, groups, {token: ""}, truncated, omitted))
            else:
                outcomes.append(Outcome.not_sent(push, Reason.UNREGISTERED, "token: cannot be one"))
        task = reply.body.get("task")
        if not isinstance(task, str):
            raise NoVerdict("the reply to a broadcast names no task")
        return BroadcastOutcome(
            certificate_id=broadcast.certificate_id,
            status=Status.ACCEPTED,
            task_ids=(task,),
            truncated=truncated,
            omitted=omitted,
            outcomes=tuple(outcomes),
        )

    def statistics(self, message_id: str, task_id: str) -> Call[Statistics]:
        """How many phones a broadcast reached."""

        def begin() -> Exchange[Statistics]:
            reply = checked(read_reply((yield self.request("stats", "", {"task": clean(task_id)}))))
            count = reply.body.get("arrived")
            return Statistics(arrived=count if isinstance(count, int) else None)

        return Call(name="stats", begin=begin, region="")

    # Receipts

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """One form about one phone."""
        try:
            form = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
        except ValueError:
            raise Refused(Reason.INVALID_NOTIFICATION, detail="not a form") from None
        token, what, at = form.get("token", ""), form.get("what", ""), form.get("at_ms", "")
        if not is_token(token) or not what or not (at.isascii() and at.isdigit() and len(at) == 13):
            raise Refused(Reason.INVALID_NOTIFICATION, detail="not a receipt of Beam's")
        return [
            Receipt(
                push_token=PushToken(certificate_id, token),
                kind=EVENTS.get(what, ReceiptKind.OTHER),
                event=what,
                message_id=form.get("id") or None,
                at=int(at) / 1000,
                parameter=form.get("mark", ""),
            )
        ]


def find_problem(note: Notification, title: str, text: str, own: Mapping[str, Any]) -> tuple[Reason, str] | None:
    """Why Beam cannot send this notification, or would refuse it."""
    if not title.strip() or not text.strip():
        return Reason.INVALID_NOTIFICATION, f"{'body' if title.strip() else 'title'}: shows nothing"
    if lacking := find_unsupported(note, FEATURES, "beam"):
        return Reason.UNSUPPORTED, f"{', '.join(lacking)}: Beam has none"
    if unknown := sorted(set(own) - OWN):
        return Reason.UNSUPPORTED, f"overrides: Beam has no {', '.join(unknown)}"
    if not isinstance(note.click, OpenApp | OpenUrl):
        return Reason.UNSUPPORTED, "click: Beam opens the app or a web page"
    if note.ttl is not None and note.ttl > TTL:
        return Reason.INVALID_NOTIFICATION, f"ttl: must be at most {TTL} seconds"
    if note.channel_id == PRIVATE and note.intent is not None and note.intent.is_public:
        return Reason.INVALID_NOTIFICATION, f"channel_id: {PRIVATE} is not for {note.intent.value}"
    sizes = {
        "data": len(json.dumps(dict(note.data), default=dict)) if note.data else 0,
        "click": len(getattr(note.click, "url", "")),
        "channel_id": len(note.channel_id or ""),
        "receipt_url": len(note.receipt_url or ""),
        "receipt_parameter": len(note.receipt_parameter or ""),
    }
    texts = [getattr(note.click, "url", ""), note.channel_id or "", note.receipt_parameter or ""]
    if not all(clean(one) == one for one in texts):
        return Reason.INVALID_NOTIFICATION, "click, channel_id, receipt_parameter: hold what no form can carry"
    big = [name for name, size in sizes.items() if size > DATA]
    return (Reason.INVALID_NOTIFICATION, f"{big[0]}: must have at most {DATA} characters") if big else None


def is_token(token: str) -> bool:
    """Whether a form can hold this token."""
    return 0 < len(token) < 100 and token.isascii() and token.isprintable() and "," not in token and " " not in token


def encode_callbacks(note: Notification, pushes: Sequence[Push]) -> dict[str, str]:
    """The address for receipts, and the parameter of each token."""
    if note.receipt_url is not None or note.receipt_parameter is not None:
        marks = [note.receipt_parameter or ""] * len(pushes)
        return {"receipts": note.receipt_url or "", "marks": json.dumps(marks)}
    backs = [push.callback for push in pushes if push.callback is not None]
    if len(backs) < len(pushes):
        return {}
    return {"receipts": backs[0].url, "marks": json.dumps([back.parameter for back in backs])}


def encode_audience(broadcast: Broadcast, values: Sequence[str]) -> dict[str, str]:
    """The form fields that name the audience of a broadcast."""
    audience = broadcast.audience
    if audience.kind is AudienceKind.EVERYONE:
        return {"to": "everyone"}
    if audience.kind is AudienceKind.TAGS:
        groups = {"any": audience.values, "all": audience.all_of, "none": audience.none_of}
        return {"to": "tags", "tags": json.dumps({name: list(group) for name, group in groups.items() if group})}
    if any("|" in value for value in values):
        raise Refused(Reason.INVALID_NOTIFICATION, detail="audience: an alias must hold no '|'")
    return {"to": audience.kind.value, "names": "|".join(values)}


def checked(reply: Reply) -> Reply:
    """The reply if Beam accepted the request. Otherwise raises what its code means."""
    if reply.code == "0":
        return reply
    raise Refused(REASONS.get(reply.code, Reason.UNAVAILABLE), reply.code, reply.message)


def decode_groups(reply: Reply) -> dict[str, str]:
    """By token: the code of the group of refused tokens that contains it."""
    groups = reply.body.get("refused")
    found: dict[str, str] = {}
    for code, tokens in groups.items() if isinstance(groups, dict) else ():
        found.update(
            dict.fromkeys([one for one in tokens if isinstance(one, str)] if isinstance(tokens, list) else (), code)
        )
    return found


def decode_outcome(
    push: Push, groups: Mapping[str, str], ids: object, truncated: tuple[str, ...], omitted: tuple[str, ...]
) -> Outcome:
    """The outcome of one push, by the groups of refused tokens."""
    token = push.push_token.token
    code = groups.get(token)
    if code is not None:
        return Outcome.rejected(push, OF_A_TOKEN.get(code, Reason.INVALID_NOTIFICATION), code=code)
    message_id = ids.get(token) if isinstance(ids, dict) else None
    if not isinstance(message_id, str):
        return Outcome.unknown(push, "the reply does not name this token")
    return Outcome.accepted(push, message_id[:99] or None, truncated=truncated, omitted=omitted)
