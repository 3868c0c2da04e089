"""The door for plug-in authors: the contract of a vendor, and what every vendor's replies have in common.

Law of this file: pure. A vendor is a translator, not a client: it turns pushes into requests and replies into
outcomes. It does not wait, does not remember, does not send and has no clock or random of its own. All patience and
all memory live in the core.

A plug-in is one class, registered in the entry point group `pushgateway.vendors` under its brand:

    @attrs.frozen
    class Acme(Vendor):
        brand = "acme"
        secret: Secret                       # the fields are the settings of a certificate

        def push(self, batch):
            body = json.dumps({"to": [push.push_token.token for push in batch], "title": batch[0].notification.title})
            reply = read_reply((yield Request("POST", "https://push.acme.example/send", content=body.encode())))
            if reply.code != "0":            # a refusal is a readable reply too: what its code means is for us to say
                raise Refused(Reason.CREDENTIALS, reply.code, reply.message)
            return [Outcome.accepted(push, reply.body.get("id")) for push in batch]

What the core promises: a batch holds pushes of one certificate and one region, at most `batching.size`, no token
twice, and (unless `batching.mixed`) one notification. What a plug-in promises: it raises nothing but `Refused` and
`NoVerdict`, and returns one outcome for each push in the order of the batch. A plug-in that breaks its promise costs
its own pushes, never anybody else's.
"""

from __future__ import annotations

import ipaddress
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, TypeAlias, TypeVar
from urllib.parse import urlsplit

import attrs

from pushgateway.audience import Audience, AudienceKind, Broadcast
from pushgateway.capacity import Batching, Rates
from pushgateway.errors import AccessExpired, ClockSkew, FieldError, NoVerdict, Refused
from pushgateway.masking import Secret
from pushgateway.model import (
    ClickAction,
    Network,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Push,
    PushToken,
)
from pushgateway.outcome import BroadcastOutcome, Outcome, Reason, Status

__all__ = [
    "AccessExpired",
    "AccessToken",
    "Audience",
    "AudienceKind",
    "Batching",
    "Broadcast",
    "BroadcastOutcome",
    "ClickAction",
    "ClockSkew",
    "Exchange",
    "FieldError",
    "Network",
    "NoVerdict",
    "Notification",
    "OpenActivity",
    "OpenApp",
    "OpenIntent",
    "OpenIntentUri",
    "OpenUrl",
    "Outcome",
    "Push",
    "PushToken",
    "Rates",
    "Reason",
    "Refused",
    "Reply",
    "Request",
    "Response",
    "Secret",
    "Status",
    "Vendor",
    "check_base_url",
    "code_text",
    "is_loopback",
    "read_json",
    "read_reply",
]

T = TypeVar("T")


@attrs.frozen
class Request:
    """One HTTP request. `headers` names are lower case; `content` is the whole body."""

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    content: bytes = attrs.field(default=b"", repr=False)


@attrs.frozen
class Response:
    """One HTTP reply. `headers` names are lower case; `received_at` is our wall clock (epoch seconds)."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    content: bytes = attrs.field(default=b"", repr=False)
    received_at: float | None = None

    @property
    def date(self) -> float | None:
        """The vendor's clock by its `Date` header (epoch seconds), or None."""
        return _http_date(self.headers.get("date", ""))

    @property
    def retry_after(self) -> float | None:
        """`Retry-After` in seconds, from either form, clamped to 0..300; None when absent or unreadable.

        A date is measured against the reply's own `Date`, so a wrong clock here does no harm.
        """
        text = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,15}", text):
            return min(float(text), MAX_RETRY_AFTER)
        then = _http_date(text)
        now = self.date if self.date is not None else self.received_at
        if then is None or now is None:
            return None
        return min(max(then - now, 0.0), MAX_RETRY_AFTER)


MAX_RETRY_AFTER = 300.0
"""Seconds; a vendor's or a proxy's hint beyond this is not believed."""

Exchange: TypeAlias = Generator[Request | None, Response, T]
"""The conversation for one operation: `reply = yield request`, and what is returned is the result.

Where no readable reply came, the core throws `NoVerdict` in at the `yield`; an exchange of several requests may
catch it to keep what it already knows, any other lets it pass.

`yield None` is a breath: nothing is asked, and the event loop turns before the exchange goes on. A batch that takes
more than a few milliseconds to build or to read takes one now and then, so that nobody else in the process waits for
it. What comes back from a breath means nothing. At a breath an exchange may end, like at every `yield`.
"""


@attrs.frozen
class AccessToken:
    """What a vendor's login returned."""

    value: str = attrs.field(repr=False)
    lifetime: float
    """Seconds it is valid, counted from `created_at`."""
    created_at: float | None = None
    """When the vendor made it, by the vendor's clock (epoch seconds). None: just now."""


class Vendor(ABC):
    """The translator for one brand. One instance is one certificate; its fields are the certificate's settings.

    Write it as an attrs class: the settings are structured into it with unknown names refused, and a `FieldError`
    or `ValueError` raised by a validator becomes a sentence of `ConfigError`.
    """

    brand: ClassVar[str]
    """The phone maker as a key; equals the entry point's name."""
    deduplicates: ClassVar[bool] = False
    """True: the vendor drops repeats of the same dedupe id, so an `UNKNOWN` may be repeated without harm."""
    audiences: ClassVar[frozenset[AudienceKind]] = frozenset()
    """What `broadcast` can address; empty: there is no broadcast."""
    audience_size: ClassVar[int] = 1000
    """Tokens or aliases that fit into one broadcast request; the core cuts longer lists."""
    day_offset: ClassVar[float] = 8 * 3600.0
    """Seconds east of UTC of the vendor's day, by which quotas are counted. China's day for all known vendors."""

    @property
    def batching(self) -> Batching:
        """How many pushes fit into one request. Default: one by one."""
        return Batching()

    @property
    def rates(self) -> Rates:
        """What the vendor takes in a second. Default: it names no limit."""
        return Rates()

    def quota(self, notification: Notification) -> str:
        """The daily quota that this notification counts against, where the vendor has several.

        When one is used up (`QUOTA_EXCEEDED`), the core sends nothing that counts against it until the vendor's
        midnight; other quotas go on, in requests of their own. Default: one for everything.
        """
        return ""

    def region(self, token: str) -> str:
        """A key for the host that serves this token. Batches and access tokens are kept apart by it."""
        return ""

    @property
    def home_region(self) -> str:
        """The region of broadcasts that are not addressed to tokens."""
        return self.region("")

    def weigh(self, notification: Notification) -> int:
        """At most how many bytes a push of this notification adds to a request.

        Only asked when `batching.max_bytes` is set, and once for a notification that many pushes of a batch share: the
        core adds for token and dedupe id what they take at most, quoted as JSON in a form.
        """
        return 600 + 9 * (min(len(notification.title), 4000) + min(len(notification.body), 4000))

    @abstractmethod
    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """Deliver `batch` and return one outcome for each push, in its order.

        A push that the vendor's rules forbid is settled here (`Outcome.not_sent`) and left out of the request;
        nothing is yielded when none is left. When the request then fails as a whole, let the error through as
        `error.keeping({place: outcome})`, so that the settled ones keep their own outcomes.
        """

    def save(self, broadcast: Broadcast) -> Exchange[tuple[str, tuple[str, ...]]] | None:
        """First step of a broadcast at vendors that store the content before sending it.

        Returns (content id, truncated fields). Saving may be repeated without harm. None: there is no such step.
        """
        return None

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """Send to an audience that fits into one request; `saved` is the content id of `save` ("" without).

        Never repeated by the core once it left without a verdict. For an audience of tokens (all of one region) the
        outcome holds one `Outcome` per token, in order; tokens that the rules forbid are settled and kept as in
        `push`. Only called for the kinds in `audiences`.
        """
        raise NotImplementedError(f"{type(self).__name__} lists audiences but has no broadcast()")

    def login(self, region: str, now: float) -> Exchange[AccessToken] | None:
        """Fetch an access token; `now` is epoch seconds by the vendor's clock. None: this vendor has no login."""
        return None

    def authorize(self, request: Request, access: AccessToken) -> Request:
        """The same request with the access token in it. Default: `Authorization: Bearer …`."""
        return attrs.evolve(request, headers={**request.headers, "authorization": f"Bearer {access.value}"})


def check_base_url(field: str, url: str) -> str:
    """`url` without its trailing slash, or `FieldError` unless it is `https://host[:port]` or `http://` to loopback.

    Plain HTTP would show secrets and texts to the network, so it is for sandboxes on this machine only.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (ValueError, AttributeError):
        raise FieldError(field, "must be a URL such as https://host") from None
    if parts.scheme not in ("https", "http") or not host or parts.username or parts.query or parts.fragment:
        raise FieldError(field, "must be a URL such as https://host")
    if parts.scheme == "http" and not is_loopback(host):
        raise FieldError(field, "must be https://; plain http:// is for loopback addresses only")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """True for `localhost` and literal loopback addresses. No name is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@attrs.frozen
class Reply:
    """A vendor's JSON reply with its verdict read."""

    code: str
    """The vendor's return code as text: `0`, `-2`, `10000`."""
    message: str | None = attrs.field(repr=False)
    body: Mapping[str, Any] = attrs.field(repr=False)


_CODE = re.compile(r"0|-?[1-9][0-9]{0,8}", re.ASCII)


def code_text(value: object) -> str | None:
    """A return code as text, or None for what is none.

    Takes an integer, or a string that spells one of up to nine digits. `True`, `0.0`, `" 11 "`, `1e3`, `00`, `-0` and
    full-width digits are not codes: guessing here would turn rubbish into "accepted".
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < 10**9 else None
    if isinstance(value, str) and _CODE.fullmatch(value):
        return value
    return None


def read_json(response: Response) -> Any:
    """The JSON in a reply's body, whatever its status. A BOM is tolerated. Raises `NoVerdict` when there is none."""
    try:
        return json.loads(response.content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NoVerdict(_describe(response, "not UTF-8")) from None
    except (ValueError, RecursionError):
        raise NoVerdict(_describe(response, "not JSON")) from None


def read_reply(response: Response, *, code: str = "code", message: str = "message", success: str = "0") -> Reply:
    """The vendor's verdict in a JSON object, the same way for all vendors.

    A readable vendor code wins over the HTTP status, and **a refusal is returned like a success**: judge `Reply.code`,
    and raise `Refused` for every code that is not `success`. Without a readable code, 429 raises
    `Refused(RATE_LIMITED)`, 401/403/404/405/407 `Refused(CREDENTIALS)`, other 4xx `Refused(INVALID_NOTIFICATION)`;
    everything else (3xx, 5xx, HTML, cut JSON, success under an error status) raises `NoVerdict`: the push may have
    happened.
    """
    try:
        body = read_json(response)
        verdict = code_text(body.get(code)) if isinstance(body, dict) else None
        problem = "a JSON object without a readable code" if isinstance(body, dict) else "not a JSON object"
        if verdict is not None and response.content.count(b'"%b"' % code.encode()) > 1:
            verdict = _only_verdict(response, code)
            problem = "a JSON object with two codes"
    except NoVerdict as unreadable:
        verdict, problem = None, unreadable.detail
    if verdict is None:
        raise _without_verdict(response, problem)
    if verdict == success and not 200 <= response.status < 300:
        raise NoVerdict(f"HTTP {response.status} contradicts code {verdict}")
    text = body.get(message)
    return Reply(verdict, text if isinstance(text, str) else None, body)


def _only_verdict(response: Response, name: str) -> str | None:
    """The verdict of an object that may name it twice: JSON's readers take the last, but who knows which one counts."""
    pairs: list[tuple[str, Any]] = json.loads(response.content.decode("utf-8-sig"), object_pairs_hook=list)
    verdicts = {code_text(value) for key, value in pairs if key == name}
    return verdicts.pop() if len(verdicts) == 1 else None


_CONFIGURATION_STATUSES = frozenset({401, 403, 404, 405, 407})
_TOO_MANY_REQUESTS_FLOOR = 60.0  # seconds; what Sygnal waits on FCM's advice


def _without_verdict(response: Response, problem: str) -> NoVerdict | Refused:
    status = response.status
    detail = f"HTTP {status} without the vendor's code"
    if status == 429:
        pause = response.retry_after
        return Refused(
            Reason.RATE_LIMITED, retry_after=_TOO_MANY_REQUESTS_FLOOR if pause is None else pause, detail=detail
        )
    if status in _CONFIGURATION_STATUSES:
        return Refused(Reason.CREDENTIALS, detail=detail)
    if 400 <= status < 500 and status not in (408, 425):
        return Refused(Reason.INVALID_NOTIFICATION, detail=detail)
    if status != 200:
        return NoVerdict(detail)
    return NoVerdict(problem)


def _describe(response: Response, problem: str) -> str:
    kind = response.headers.get("content-type", "no content type").split(";")[0][:40]
    safe = "".join(c if c.isascii() and c.isprintable() else "?" for c in kind)
    return f"the reply is {problem} ({len(response.content)} bytes of {safe})"


def _http_date(text: str) -> float | None:
    try:
        then = parsedate_to_datetime(text)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
