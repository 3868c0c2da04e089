"""The contract of a vendor: the class that a plug-in derives from. Plug-ins import it from `pushgateway.vendor`."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit

import attrs

from pushgateway.model.audience import AudienceKind, Broadcast
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import BroadcastOutcome, Outcome
from pushgateway.model.push import Push
from pushgateway.model.reason import Reason
from pushgateway.model.receipt import Receipt, Statistics
from pushgateway.vendor.capacity import Batching, Rates
from pushgateway.vendor.exchange import AccessToken, Exchange, Request
from pushgateway.vendor.operation import Call
from pushgateway.vendor.refusals import Refused
from pushgateway.vendor.ruling import Ruling


class Vendor(ABC):
    """The translator for one brand. One instance is one certificate; its fields are the certificate's settings.

    Write it as an attrs class: the settings are structured into it with unknown names refused, and a `FieldError`
    or `ValueError` raised by a validator becomes a sentence of `ConfigError`; a validator that finds several faults
    raises a `ConfigError` of its own, with sentences that begin with the field (`intents.chat.category: …`).
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

    def regions(self, tokens: Sequence[str]) -> Collection[str]:
        """The regions among those of these tokens. Default: each one's `region`.

        Where one look at many tokens is cheaper than a look at each, override it; its answer must be the same.
        """
        return set(map(self.region, tokens))

    @property
    def receipt_audiences(self) -> frozenset[AudienceKind]:
        """Whom a broadcast may be addressed to when it asks for receipts. Default: nobody."""
        return frozenset()

    @property
    def home_region(self) -> str:
        """The region of broadcasts that are not addressed to tokens."""
        return self.region("")

    def weigh(self, notification: Notification) -> int:
        """At most how many bytes a push of this notification adds to a request.

        Only asked when `batching.max_bytes` is set, and once for a notification that many pushes of a batch share: the
        core adds for token and dedupe id what they take at most, quoted as JSON in a form, and for what it puts into a
        push so that receipts come.

        Default: an upper bound for a vendor that writes each field once, in JSON within JSON within a form at most,
        under names that take 500 bytes together. It counts every field: texts, data, parameters, overrides of all
        brands, the click, times and the notification's own receipt fields. Some four times as much as most vendors
        need: a vendor that fills large requests overrides it with its own figures.
        """
        return 1500 + 3 * _in_json_twice(notification)

    @abstractmethod
    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """Deliver `batch` and return one outcome for each push, in its order.

        What the gateway hands in is a `Batch`. One that is to be fast reads `Batch.of(batch)` column by column, and
        gives back `Outcome.all_accepted` where all were: the pushes of a call are then never made one by one.

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
        """Fetch an access token; `now` is epoch seconds by the vendor's clock. None: this vendor has no login.

        Certificates share one access token if their first request here, for the same `now`, and all `Secret`s of their
        settings are equal. What tells two accounts or apps apart must be in one of these.
        """
        return None

    def authorize(self, request: Request, access: AccessToken) -> Request:
        """The same request with the access token in it. Default: `Authorization: Bearer …`."""
        return attrs.evolve(request, headers={**request.headers, "authorization": f"Bearer {access.value}"})

    # What the vendor says later

    def receipts(self, certificate_id: str, headers: Mapping[str, str], body: bytes) -> Sequence[Receipt | None]:
        """The receipts in a request that the vendor has made to the host; pure, and liberal in shape.

        `headers` names are lower case. One receipt for each phone; None for an element that cannot be read: it costs
        itself only. Raises `Refused` (`INVALID_NOTIFICATION`) for what is no receipt at all; `read_posted` reads JSON
        that may be anything. Nobody is to be believed here: who posted it is checked by the core, by the
        `Receipt.parameter` that comes back.
        """
        raise Refused(Reason.UNSUPPORTED, detail=f"{self.brand} posts no receipts")

    def statistics(self, message_id: str, task_id: str) -> Call[Statistics]:
        """How far a broadcast has come: `BroadcastOutcome.message_id` and one of its `task_ids`."""
        raise Refused(Reason.UNSUPPORTED, detail=f"{self.brand} has no statistics")

    # What it says of itself

    def advice(self) -> Sequence[str]:
        """What is missing in the settings though they are not wrong, one sentence each: a template, a channel.

        `pushgateway check` shows them, so that they are found before a user complains.
        """
        return ()

    @property
    def caution(self) -> str:
        """One sentence on what a host would not expect of these settings, though they are not wrong; "": nothing.

        It is logged once when the certificate is taken on; list it in `advice` too, for `pushgateway check`.
        """
        return ""

    @property
    def dialect(self) -> str:
        """Which generation of the vendor's interface it speaks, where there are several."""
        return ""

    def operation(self, request: Request) -> str:
        """The vendor's name of the call that a request of this vendor is. Default: the last word of its path."""
        return urlsplit(request.url).path.rstrip("/").rpartition("/")[2]

    def rulings(self, asked: Push | Broadcast) -> Sequence[Ruling]:
        """Which rules decide about what is asked, for `explain`: each field that is cut, limited or chosen here, the
        category, the quota and the rate. Never raises for what the rules forbid: it says so."""
        return ()


def _in_json_twice(notification: Notification) -> int:
    """Characters of every field of a notification, whatever is in it, as JSON within JSON."""
    told = [getattr(notification, name) for name in _FIELDS]
    try:
        return len(json.dumps(json.dumps(told, default=_told)))
    except Exception:  # a number without end, a host's object that fails
        return 10**9  # JSON cannot say it: it goes alone, and the vendor's plug-in judges it


def _told(value: Any) -> Any:
    """What `json` does not know: mappings of other types, clicks, enum members, moments."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(attrs.astuple(value, recurse=False)) if attrs.has(type(value)) else str(value)


_FIELDS = [field.name for field in attrs.fields(Notification)]
