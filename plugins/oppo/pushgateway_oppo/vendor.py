"""`Oppo`, the plug-in's class: login, pushes, broadcasts and receipts.

Pure; one instance is one certificate. Bodies are made in `requests`, replies read in `replies`, facts are in
`rules.toml`. The settings and URLs are in `settings`; the calls other than sending in `operations`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from urllib.parse import urlsplit

import attrs

from pushgateway.vendor import (
    AccessToken,
    AudienceKind,
    Batch,
    Batching,
    Broadcast,
    BroadcastOutcome,
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
    Request,
    Ruling,
    Saved,
    Status,
    safe_repr,
)
from pushgateway.vendor.toolkit.access import digest_login
from pushgateway.vendor.toolkit.columns import Columns
from pushgateway.vendor.toolkit.requests import FORM, in_body, in_header
from pushgateway_oppo.intents import advice, lacking
from pushgateway_oppo.notification import BRAND, RULES, encode_notification, planned_fields
from pushgateway_oppo.operations import Operations
from pushgateway_oppo.receipts import decode_receipts
from pushgateway_oppo.replies import decode_batch, decode_broadcast, decode_login, decode_saved, decode_unicast
from pushgateway_oppo.requests import check_audience, encode_broadcast, make_columns
from pushgateway_oppo.rulings import rulings_of
from pushgateway_oppo.tokens import token_refusal

_AUDIENCES: Final = frozenset(AudienceKind) - {AudienceKind.ACCOUNTS}
_MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one request body, at most. OPPO documents no limit; 1,000 long Chinese texts stay below this."""


@functools.cache
def _batching(size: int) -> Batching:
    return Batching(size=size, mixed=True, max_bytes=_MAX_BYTES)


@safe_repr
@attrs.frozen(kw_only=True)
class Oppo(Operations):
    """One OPPO certificate: its settings, and the exchanges of login, pushes, broadcasts and OPPO's other calls."""

    brand: ClassVar[str] = BRAND
    contract: ClassVar[str] = "0.2"
    deduplicates: ClassVar[bool] = True
    audiences: ClassVar[frozenset[AudienceKind]] = _AUDIENCES
    audience_size: ClassVar[int] = min(dialect.number("audience_size") for dialect in RULES.dialects.values())

    day_offset: ClassVar[float] = float(min(rules.number("daily_reset_offset") for rules in RULES.dialects.values()))

    @property
    def batching(self) -> Batching:
        """Up to `batch_size` pushes, each with a notification of its own."""
        return _batching(self.batch_size)

    @property
    def rates(self) -> Rates:
        """Pushes per second that OPPO allows the smallest apps, where the dialect names a figure; else no limit. Larger
        apps set their own rate."""
        figure = self._rules.quotas.get("rate_below_10m")
        return Rates() if figure is None else Rates(pushes=figure.value)

    def quota(self, notification: Notification) -> str:
        """The name of the daily quota that the notification counts against: its category, or else its channel, or "".

        OPPO counts public messages by the day and private ones not; category or channel decide which of the two a
        message is. V1.3 has neither, so all messages share one quota.
        """
        note = notification
        if not (note.overrides or note.channel_id or note.intent):
            return ""
        return self._intents.quota(note, note.overrides.get(BRAND, {}))

    def weigh(self, notification: Notification) -> int:
        """An upper bound of the bytes that the notification adds to a request, computed without encoding it."""
        try:
            return self._sheet.weigh(notification, self._intents)
        except Exception:  # cannot be encoded: sent in a batch of its own, for which push() returns what is wrong
            return _MAX_BYTES

    def login(self, region: str, now: float) -> Exchange[AccessToken]:
        """Fetch an access token of `region`. The signature is SHA-256 over app key, milliseconds and master secret."""
        rules, timestamp = self._rules, str(int(now * 1000))
        read = functools.partial(
            decode_login, lifetime=rules.number("access_lifetime"), longest=rules.number("access_bytes")
        )
        fields, parts = {"app_key": self.app_key, "timestamp": timestamp}, (self.app_key, timestamp)
        return digest_login(self.url_of("auth", region), fields, (*parts, self.master_secret.reveal()), read)

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        """The request with the access token in header, body or both, as `access_token_in` says; never in a URL, so a
        request without a body has it in the header."""
        if access is None:
            return request
        place = self.access_token_in if "content-type" in request.headers else "header"
        if place != "header":
            request = in_body(request, "auth_token", access.value)
        return request if place == "body" else in_header(request, "auth_token", access.value)

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """One request for the whole batch: `unicast` for one push, `unicast_batch` for more."""
        given = Batch.of(batch)
        return self._push_one(given) if len(given.tokens) == 1 else self._push_many(given)

    def _push_many(self, batch: Batch) -> Exchange[Sequence[Outcome]]:
        encoded = yield from self._columns.encode(batch)
        outcomes: dict[int, Outcome] = encoded.settled
        if not encoded.places:
            return [outcomes[place] for place in range(len(batch))]
        is_one = len(encoded.places) == 1
        region, content = (
            self.region(encoded.sent.tokens[0]),
            encoded.body_of_one() if is_one else encoded.body.getvalue(),
        )
        try:
            response = yield self._request("unicast" if is_one else "unicast_batch", region, content)
            read = encoded.sent, encoded.truncated, encoded.omitted
            verdicts = decode_unicast(response, *read) if is_one else (yield from decode_batch(response, *read))
        except (Refused, NoVerdict) as failed:
            raise failed.keeping(outcomes) from None
        if not outcomes:
            return verdicts
        outcomes.update(zip(encoded.places, verdicts, strict=True))
        return [outcomes[place] for place in range(len(batch))]

    def _push_one(self, batch: Batch) -> Exchange[Sequence[Outcome]]:
        encoded = self._columns.encode_single(batch)
        if isinstance(encoded, Outcome):
            return [encoded]
        content, truncated, omitted = encoded
        response = yield self._request("unicast", self.region(batch.tokens[0]), content)
        return decode_unicast(response, batch, [truncated], [omitted])

    def save(self, broadcast: Broadcast) -> Exchange[Saved]:
        """Save the content of a broadcast: OPPO's id of it, and the names of the fields that were cut.

        OPPO stores the same `app_message_id` once.
        """
        check_audience(broadcast.audience, self._rules)
        note, kind, planned = broadcast.notification, broadcast.audience.kind, planned_fields(broadcast)
        content = encode_notification(note, self._sheet, self._intents, kind, planned)
        response = yield self._request("save", self._region_of(broadcast), content.form())
        return Saved(decode_saved(response), content.truncated, content.omitted)

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """Send saved content to an audience. A code 0 may still name targets that were refused."""
        rules = self._rules
        region = self._region_of(broadcast)
        values, kept = self._reachable(broadcast, region)
        if kept and not values:
            return BroadcastOutcome(
                certificate_id=broadcast.certificate_id,
                status=Status.NOT_SENT,
                reason=next(iter(kept.values())).reason,
                message_id=saved,
                detail="no token of this list can be sent to",
                outcomes=tuple(kept[token] for token in broadcast.audience.values),
            )
        content = encode_broadcast(saved, broadcast.audience, values, rules)
        try:
            response = yield self._request("broadcast", region, content)
            outcome, verdicts = decode_broadcast(response, broadcast, saved, values)
        except (Refused, NoVerdict) as failed:
            places = {token: place for place, token in enumerate(broadcast.audience.values)}
            raise failed.keeping({places[token]: outcome for token, outcome in kept.items()}) from None
        if broadcast.audience.kind is not AudienceKind.TOKENS:
            return outcome
        verdicts.update(kept)
        return attrs.evolve(outcome, outcomes=tuple(verdicts[token] for token in broadcast.audience.values))

    @property
    def receipt_audiences(self) -> frozenset[AudienceKind]:
        """The audiences for which OPPO posts receipts: registration ids, in V1.3 aliases too."""
        return frozenset(map(AudienceKind, self._rules.fields["call_back_url"].audiences))

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """The receipts that OPPO posts to a `call_back_url`: one per phone, None for an element that cannot be read."""
        return decode_receipts(certificate_id, body, self._rules, RULES.dialects)

    def _reachable(self, broadcast: Broadcast, region: str) -> tuple[Sequence[str], dict[str, Outcome]]:
        """The values to send to, and by token the outcomes of those that cannot be sent to."""
        values = broadcast.audience.values
        if broadcast.audience.kind is not AudienceKind.TOKENS:
            return values, {}
        kept: dict[str, Outcome] = {}
        longest = self._rules.number("token_bytes")
        for token in values:
            refusal = token_refusal(token, longest)
            if refusal is None and self.region(token) != region:
                # The host of the other region would report a valid token as invalid.
                refusal = Reason.UNSUPPORTED, f"token: is of another region than {region}, to which this goes"
            if refusal is not None:
                push = Push(PushToken(broadcast.certificate_id, token), broadcast.notification)
                kept[token] = Outcome.not_sent(push, *refusal)
        return [token for token in values if token not in kept], kept

    def _region_of(self, broadcast: Broadcast) -> str:
        if broadcast.audience.kind is AudienceKind.TOKENS:
            return self.region(broadcast.audience.values[0])
        return self.home_region

    # Advice and explanations

    def advice(self) -> Sequence[str]:
        """Sentences about intents without a template or a channel, and about a dialect that has neither."""
        return (*filter(None, (self.caution,)), *advice(self._intents, self._sheet))

    @property
    def caution(self) -> str:
        """A warning that OPPO's current API needs a category and a channel, if this dialect lacks them; else ""."""
        return lacking(self._sheet)

    def operation(self, request: Request) -> str:
        """The name of the request's call, as `rules.toml` has it."""
        known = self._rules.operations.items()
        names = (name for name, row in known if row.path and urlsplit(request.url).path == row.path)
        return next(names, "") or super().operation(request)

    def rulings(self, asked: Push | Broadcast) -> Sequence[Ruling]:
        """What the rules say of each field, of category, quota, rate and host of a push or broadcast."""
        region = self.region(asked.push_token.token) if isinstance(asked, Push) else self._region_of(asked)
        return rulings_of(asked, self._sheet, self._intents, region, self.quota(asked.notification))

    @functools.cached_property
    def _columns(self) -> Columns:
        return make_columns(self._sheet, self._intents)

    def _request(self, name: str, region: str, content: bytes) -> Request:
        return Request("POST", self.url_of(name, region), FORM, content)
