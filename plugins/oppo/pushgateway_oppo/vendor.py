"""`Oppo`, the plug-in's class: login, pushes, broadcasts and receipts.

Pure; one instance is one certificate. Bodies are made in `requests`, replies read in `replies`, facts are in
`rules.toml`. The settings and URLs are in `settings`; the calls other than sending in `operations`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

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
    Outcome,
    Push,
    Rates,
    Reason,
    Receipt,
    Request,
    Ruling,
    Saved,
    safe_repr,
)
from pushgateway.vendor.toolkit.access import digest_login
from pushgateway.vendor.toolkit.broadcasts import send_broadcast
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

_MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one request body, at most. OPPO documents no limit; 1,000 long Chinese texts stay below this."""


@safe_repr
@attrs.frozen(kw_only=True)
class Oppo(Operations):
    """One OPPO certificate: its settings, and the exchanges of login, pushes, broadcasts and OPPO's other calls."""

    brand: ClassVar[str] = BRAND
    contract: ClassVar[str] = "0.2"
    deduplicates: ClassVar[bool] = True
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset(AudienceKind) - {AudienceKind.ACCOUNTS}
    audience_size: ClassVar[int] = min(dialect.number("audience_size") for dialect in RULES.dialects.values())
    day_offset: ClassVar[float] = float(min(rules.number("daily_reset_offset") for rules in RULES.dialects.values()))

    @functools.cached_property
    def batching(self) -> Batching:
        """Up to `batch_size` pushes, each with a notification of its own."""
        return Batching(size=self.batch_size, mixed=True, max_bytes=_MAX_BYTES)

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
        return self._intents.quota(notification, notification.overrides.get(BRAND, {}))

    def weigh(self, notification: Notification) -> int:
        """An upper bound of the bytes that the notification adds to a request, computed without encoding it."""
        try:
            return self._sheet.weigh(notification, self._intents)
        except Exception:  # cannot be encoded: sent in a batch of its own, for which push() returns what is wrong
            return _MAX_BYTES

    def login(self, region: str, now: float) -> Exchange[AccessToken]:
        """Fetch an access token of `region`. The signature is SHA-256 over app key, milliseconds and master secret."""
        fields = {"app_key": self.app_key, "timestamp": str(int(now * 1000))}
        lifetime, longest = self._rules.number("access_lifetime"), self._rules.number("access_bytes")
        read = functools.partial(decode_login, lifetime=lifetime, longest=longest)
        return digest_login(self.url_of("auth", region), fields, (*fields.values(), self.master_secret.reveal()), read)

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

        def ask(sent: Batch, content: bytes) -> Request:
            name = "unicast" if len(sent.tokens) == 1 else "unicast_batch"
            return self._request(name, self.region(sent.tokens[0]), content)

        return self._columns.push(Batch.of(batch), ask, decode_unicast, decode_batch)

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
        region = self._region_of(broadcast)
        return send_broadcast(
            broadcast,
            saved,
            refuse=lambda token: self._refusal(token, region),
            ask=lambda values: self._request(
                "broadcast", region, encode_broadcast(saved, broadcast.audience, values, self._rules)
            ),
            read=lambda response, values: decode_broadcast(response, broadcast, saved, values),
        )

    @property
    def receipt_audiences(self) -> frozenset[AudienceKind]:
        """The audiences for which OPPO posts receipts: registration ids, in V1.3 aliases too."""
        return frozenset(map(AudienceKind, self._rules.fields["call_back_url"].audiences))

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """The receipts that OPPO posts to a `call_back_url`: one per phone, None for an element that cannot be read."""
        return decode_receipts(certificate_id, body, self._rules, RULES.dialects)

    def _refusal(self, token: str, region: str) -> tuple[Reason, str] | None:
        """Why a broadcast of this region does not send to a token."""
        refusal = token_refusal(token, self._rules.number("token_bytes"))
        if refusal is None and self.region(token) != region:
            # The host of the other region would report a valid token as invalid.
            return Reason.UNSUPPORTED, f"token: is of another region than {region}, to which this goes"
        return refusal

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
        return self._hosts.name_of(request.url) or super().operation(request)

    def rulings(self, asked: Push | Broadcast) -> Sequence[Ruling]:
        """What the rules say of each field, of category, quota, rate and host of a push or broadcast."""
        region = self.region(asked.push_token.token) if isinstance(asked, Push) else self._region_of(asked)
        return rulings_of(asked, self._sheet, self._intents, region, self.quota(asked.notification))

    @functools.cached_property
    def _columns(self) -> Columns:
        return make_columns(self._sheet, self._intents)

    def _request(self, name: str, region: str, content: bytes) -> Request:
        return Request("POST", self.url_of(name, region), FORM, content)
