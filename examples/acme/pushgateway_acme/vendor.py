"""The vendor Acme Push: turns pushes into requests and replies into outcomes.

It does not wait or send, and it keeps no state. The vendor's facts are rows of `rules.toml`; what most vendors have in
common comes from the toolkit.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

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
    OpenUrl,
    Outcome,
    Push,
    PushToken,
    Receipt,
    Refused,
    Request,
    Response,
    Secret,
    Status,
    Vendor,
    read_posted,
)
from pushgateway.vendor.rules import load_rules
from pushgateway.vendor.toolkit.access import digest_login, read_access_token
from pushgateway.vendor.toolkit.batches import TokenRule, push_mixed
from pushgateway.vendor.toolkit.clicks import Click, Clicks
from pushgateway.vendor.toolkit.codes import CodeTable
from pushgateway.vendor.toolkit.fields import Content, Sheet
from pushgateway.vendor.toolkit.items import ItemReader
from pushgateway.vendor.toolkit.json_text import encode_json
from pushgateway.vendor.toolkit.readers import count, identifier
from pushgateway.vendor.toolkit.receipts import make_receipt, no_receipts
from pushgateway.vendor.toolkit.refusals import unsupported
from pushgateway.vendor.toolkit.requests import in_header
from pushgateway.vendor.toolkit.settings import Hosts, host_setting, text_setting

RULES = load_rules("pushgateway_acme")
V1 = RULES.dialects["v1"]
CODES, LOGIN_CODES = CodeTable.of(RULES), CodeTable.of(RULES, "login_codes")
SHEET = Sheet(RULES, "v1", clicks=Clicks({OpenUrl: Click(target="link")}, vendor="Acme"))
TOKENS = TokenRule(vendor="Acme", longest=V1.number("token"))
RESULTS = ItemReader(CODES, "to", message_ids=("id",), code="code", message="text", inside=("results",))


@attrs.frozen(kw_only=True)
class Acme(Vendor):
    """One Acme certificate: the app and its secret."""

    brand: ClassVar[str] = "acme"
    contract: ClassVar[str] = "0.2"
    deduplicates: ClassVar[bool] = True
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.EVERYONE, AudienceKind.TOKENS})
    audience_size: ClassVar[int] = V1.number("batch")

    app_id: str = attrs.field(validator=text_setting)
    """The app's id in Acme's console."""
    secret: Secret
    """The app's secret, which signs logins."""
    host: str | None = attrs.field(default=None, validator=host_setting)
    """`https://host` in place of Acme's; `http://` for loopback addresses only."""

    @property
    def batching(self) -> Batching:
        """Up to 100 messages in one request, each with its own text."""
        return Batching(size=V1.number("batch"), mixed=True, max_bytes=V1.number("bytes"))

    def compartment(self, notification: Notification) -> str:
        """Acme refuses a whole request for one channel that the app does not have."""
        return notification.channel_id or ""

    def weigh(self, notification: Notification) -> int:
        """At most how many bytes a message takes, from the rows of the rules."""
        try:
            return SHEET.weigh(notification)
        except (TypeError, ValueError):  # data that JSON cannot hold: `push` refuses it
            return V1.number("bytes")

    # Access

    def login(self, region: str, now: float) -> Exchange[AccessToken]:
        """Log in. The signature is SHA-256 of app id, time in milliseconds and secret."""
        time = str(int(now * 1000))
        parts = (self.app_id, time, self.secret.reveal())
        return digest_login(self._url("login"), {"app": self.app_id, "time": time}, parts, read_login, encoding="json")

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        """Acme expects the access token in its own header."""
        return request if access is None else in_header(request, "acme-access", access.value)

    # Pushes

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """Send in one request what Acme accepts. The others get their outcomes without it."""
        return push_mixed(batch, TOKENS, encode=encode, send=self._send)

    def _send(self, sent: Batch, contents: Sequence[Content]) -> Exchange[Sequence[Outcome]]:
        messages = map(encode_message, sent, contents)
        response = yield self._post("push", b'{"messages":[%b]}' % b",".join(messages))
        results = CODES.read_accepted(response).body.get("results")
        cut, left_out = [one.truncated for one in contents], [one.omitted for one in contents]
        return (yield from RESULTS.outcomes(response, results, sent, cut, left_out))

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """Send to a list of tokens, or to everyone if there is no list."""
        if broadcast.start_at is not None or broadcast.rate is not None:
            raise unsupported("start_at, rate", "Acme broadcasts at once, as fast as it can")
        note, tokens = broadcast.notification, broadcast.audience.values
        content = SHEET.build(note)
        message = attrs.evolve(content, fields={"id": note.dedupe_id or "", **content.fields}).json()
        to = encode_json(list(tokens) or None).encode()
        response = yield self._post("broadcast", b'{"message":%b,"tokens":%b}' % (message, to))
        reply = CODES.read_accepted(response)
        sent = Batch.of([Push(PushToken(broadcast.certificate_id, token), note) for token in tokens])
        results, cut, left_out = reply.body.get("results"), [content.truncated], [content.omitted]
        outcomes = yield from RESULTS.outcomes(response, results, sent, cut * len(sent), left_out * len(sent))
        task = identifier(reply.body.get("task"))
        return BroadcastOutcome(
            certificate_id=broadcast.certificate_id,
            status=Status.ACCEPTED,
            task_ids=() if task is None else (task,),
            truncated=content.truncated,
            omitted=content.omitted,
            outcomes=tuple(outcomes),
        )

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """The receipts of one posted list. `None` for an entry that cannot be read; the others count."""
        entries = read_posted(body)
        if not isinstance(entries, list):
            raise no_receipts("is no list of Acme's receipts")
        return [decode_receipt(certificate_id, entry) for entry in entries]

    def _post(self, operation: str, content: bytes) -> Request:
        return Request("POST", self._url(operation), {"content-type": "application/json"}, content)

    def _url(self, operation: str) -> str:
        return Hosts(V1, {"main": self.host}).url(operation, "main")


# From the model to the wire


def encode(notification: Notification) -> Content | Refused:
    """The fields of a notification by the rules, or why Acme would refuse it or has no field for it."""
    try:
        return SHEET.build(notification)
    except Refused as refused:
        return refused


def encode_message(push: Push, content: Content) -> bytes:
    """The message of a push. If the notification names no receiver of receipts, the gateway handles them."""
    fields = {"to": push.push_token.token, "id": push.dedupe_id, **content.fields}
    if push.callback is not None and "receipts" not in fields:
        fields |= {"receipts": push.callback.url, "note": push.callback.parameter}
    return attrs.evolve(content, fields=fields).json()


# From the wire to the model


def read_login(response: Response) -> AccessToken:
    """The access token in the reply to a login. Acme gives it for two hours at most."""
    reply = LOGIN_CODES.read(response)
    if reply.code not in LOGIN_CODES.accepted:
        raise LOGIN_CODES.login_refusal(reply, response)
    seconds = min(count(reply.body.get("seconds")) or 0, 7200)
    return read_access_token(reply.body.get("token"), float(max(seconds, 60)), name="token")


def decode_receipt(certificate_id: str, entry: Any) -> Receipt | None:
    """One receipt; `None` for an entry that Acme would not post."""
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) for name in ("to", "event", "note")):
        return None
    return make_receipt(
        certificate_id, entry["to"], entry["event"], V1.events, at=entry.get("at"), parameter=entry["note"]
    )
