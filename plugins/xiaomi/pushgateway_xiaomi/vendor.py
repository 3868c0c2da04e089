"""`Xiaomi`, the plug-in's class: pushes, broadcasts and receipts. Its other calls are in `calls`.

Pure; one instance is one certificate. Bodies are made in `requests`, replies read in `replies`, facts are in
`rules.toml`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

import attrs

from pushgateway.vendor import (
    AccessToken,
    Audience,
    AudienceKind,
    Batch,
    Batching,
    Broadcast,
    BroadcastOutcome,
    CallBack,
    Exchange,
    Notification,
    Outcome,
    Push,
    PushToken,
    Rates,
    Receipt,
    Refused,
    Request,
    Ruling,
    safe_repr,
)
from pushgateway.vendor.toolkit.batches import push_mixed
from pushgateway.vendor.toolkit.broadcasts import broadcast_as_pushes, sum_of
from pushgateway.vendor.toolkit.fields import milliseconds
from pushgateway.vendor.toolkit.ordinary import Encoded
from pushgateway.vendor.toolkit.refusals import invalid, unsupported
from pushgateway.vendor.toolkit.requests import FORM, in_header
from pushgateway.vendor.toolkit.rulings import Rulings
from pushgateway_xiaomi.calls import Calls
from pushgateway_xiaomi.notification import Encoder, Rest, encode_each, encode_same
from pushgateway_xiaomi.replies import TOKENS, check_whole, decode_receipts, message_id_of, read_accepted, read_pushes
from pushgateway_xiaomi.settings import FACTS, RULES

_MAX_BYTES: Final = FACTS.number("request_bytes")
_SEPARATOR: Final = ";$;"
"""What joins several topics (page 1559)."""


@safe_repr
@attrs.frozen(kw_only=True)
class Xiaomi(Calls):
    """One Xiaomi certificate: its settings, and the exchanges of pushes, broadcasts and Xiaomi's other calls."""

    brand: ClassVar[str] = RULES.brand
    contract: ClassVar[str] = "0.2"
    deduplicates: ClassVar[Literal["message"]] = "message"
    dead_tokens: ClassVar[Literal["receipt"]] = "receipt"
    marks: ClassVar[Literal["message"]] = "message"
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset(AudienceKind)
    receipt_audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.TOKENS})
    audience_size: ClassVar[int] = FACTS.number("audience_size")
    day_offset: ClassVar[float] = float(FACTS.number("daily_reset_offset"))

    @functools.cached_property
    def batching(self) -> Batching:
        """Up to `batch_size` pushes, each with a notification of its own."""
        return Batching(size=self.batch_size, mixed=True, max_bytes=_MAX_BYTES)

    @property
    def rates(self) -> Rates:
        """Requests per second that Xiaomi allows an app with so many `devices`."""
        steps = (("10m", 10**7), ("5m", 5 * 10**6), ("1m", 10**6), ("100k", 10**5))
        name = next((f"rate_from_{name}" for name, least in steps if self.devices >= least), "rate_below_100k")
        return Rates(requests=FACTS.quotas[name].value)

    def compartment(self, notification: Notification) -> str:
        """The channel: Xiaomi refuses a whole request for one that it has not approved (27001)."""
        return self.channel(notification)

    def quota(self, notification: Notification) -> str:
        """The class of the channel, which has a daily quota; of a channel without a known class, its id."""
        channel = self.channel(notification)
        return self.channels.get(channel, channel)

    def weigh(self, notification: Notification) -> int:
        """An upper bound of the bytes that the notification adds to a request, computed without encoding it."""
        return self._encoder.sheet.weigh(notification, self.table) + 500

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        """The request with the key, which never changes."""
        return in_header(request, "authorization", f"key={self.app_secret.reveal()}")

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """One request for the whole batch: `push` for one notification, `push_each` for different ones."""
        return push_mixed(batch, TOKENS, encode=self._encoder.encode, send=self._send)

    def _send(self, sent: Batch, encoded: Sequence[Encoded[Rest]]) -> Exchange[Sequence[Outcome]]:
        callback = {} if sent.callback is None else self._callback(sent.callback)
        first, ids = encoded[0], sent.message_ids
        if all(one is first for one in encoded) and len(set(ids)) == 1:
            form, number = encode_same(first, ids[0], {"registration_id": ",".join(sent.tokens)}, callback)
            name, numbers = "push", [number] * len(sent)
        else:
            form, numbers = encode_each(encoded, ids, sent.tokens, callback)
            name = "push_each"
        response = yield self._request(name, form)
        return read_pushes(response, sent, encoded, numbers, self.channel)

    def _callback(self, callback: CallBack) -> dict[str, str]:
        types = str(self.receipt_types)
        return {
            "extra.callback": callback.url,
            "extra.callback.param": callback.parameter,
            "extra.callback.type": types,
        }

    def _request(self, name: str, form: bytes) -> Request:
        return Request("POST", self.url(name, sends=True), FORM, form)

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """Send to an audience. Tokens are pushes of one notification, with an outcome each."""
        audience, note = broadcast.audience, broadcast.notification
        encode = functools.partial(self._encoder.encode, planned=_planned(broadcast), audience=audience.kind)
        if audience.kind is AudienceKind.TOKENS:
            pushes = functools.partial(push_mixed, rule=TOKENS, encode=encode, send=self._send)
            return (yield from broadcast_as_pushes(broadcast, pushes))
        name, target = _target(audience)
        encoded = encode(note)
        if isinstance(encoded, Refused):
            raise encoded
        form, _ = encode_same(encoded, note.dedupe_id or "", target, {})
        reply = read_accepted((yield self._request(name, form)))
        check_whole(reply)
        message_id = message_id_of(reply)
        push, cut, omitted = Push(PushToken(broadcast.certificate_id, name), note), encoded.truncated, encoded.omitted
        return sum_of(broadcast, Outcome.accepted(push, message_id, truncated=cut, omitted=omitted))

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """The receipts that Xiaomi posts to the address of a message: one for each phone, None for an element that
        cannot be read."""
        return decode_receipts(certificate_id, body)

    def operation(self, request: Request) -> str:
        """The name of the request's call, as `rules.toml` has it."""
        path = urlsplit(request.url).path
        return next((name for name, row in FACTS.operations.items() if row.path == path), path)

    def rulings(self, asked: Push | Broadcast) -> Sequence[Ruling]:
        """What the rules say of each field, of the channel's class, quotas and rates of a push or broadcast."""
        found = Rulings(asked, self._encoder.sheet, self.table)
        gather = functools.partial(self._encoder.gather, planned=_planned(asked))
        note, quota = asked.notification, self.quota(asked.notification)
        rulings = [*found.fields(gather), *found.of_quotas_and_rates(quota), *found.of_batch()]
        row = FACTS.numbers.get(f"{quota}_ttl")
        if row is not None and note.ttl is not None and note.ttl > row.value:
            rulings.append(found.ruling("ttl", f"cut to {row.value} seconds", "numbers", f"{quota}_ttl", "cut"))
        return rulings

    @functools.cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self)


def _planned(asked: Push | Broadcast) -> dict[str, Any]:
    """The fields that only a broadcast has."""
    start, rate = (None, None) if isinstance(asked, Push) else (asked.start_at, asked.rate)
    planned: dict[str, Any] = {} if start is None else {"time_to_send": milliseconds(start)}
    return planned if rate is None else {**planned, "extra.flow_control": rate}


def _target(audience: Audience) -> tuple[str, dict[str, str]]:
    """The call that reaches an audience, and the fields that name it. Raises `Refused`."""
    values = (*audience.values, *audience.all_of, *audience.none_of)
    if not all(value.strip() and value.isprintable() for value in values):
        raise invalid("audience", "a name must not be blank and must hold no control character")
    if audience.kind is AudienceKind.EVERYONE:
        return "everyone", {}
    if audience.kind is AudienceKind.TAGS:
        return _topics(audience)
    if any("," in value for value in values):
        raise invalid("audience", "a name must hold no comma, which separates them")
    name, field = ("aliases", "alias") if audience.kind is AudienceKind.ALIASES else ("accounts", "user_account")
    return name, {field: ",".join(values)}


def _topics(audience: Audience) -> tuple[str, dict[str, str]]:
    """Xiaomi joins up to five topics by one operation: all of them, one of them, or the first without the others."""
    any_of, all_of, none_of = audience.values, audience.all_of, audience.none_of
    if len(any_of) == 1:
        any_of, all_of = (), tuple(dict.fromkeys((*any_of, *all_of)))
    if none_of and (any_of or len(all_of) != 1):
        raise unsupported("audience", "Xiaomi has none_of beside one topic only (EXCEPT)")
    if any_of and all_of:
        raise unsupported("audience", "Xiaomi joins topics by one operation: any_of or all_of, not both")
    topics = (*any_of, *all_of, *none_of)
    if len(topics) == 1:
        return "topic", {"topic": topics[0]}
    most = FACTS.number("topics")
    if len(topics) > most:
        raise unsupported("audience", f"Xiaomi joins at most {most} topics, these are {len(topics)}")
    if any(_SEPARATOR in topic for topic in topics):
        raise invalid("audience", f"a topic must not hold {_SEPARATOR}, which separates them")
    how = "EXCEPT" if none_of else "UNION" if any_of else "INTERSECTION"
    return "topics", {"topics": _SEPARATOR.join(topics), "topic_op": how}
