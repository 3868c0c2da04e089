"""`Vendor`, the class that a plug-in derives from. Plug-ins import it from `pushgateway.vendor`."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

import attrs

from pushgateway.model.audience import AudienceKind, Broadcast
from pushgateway.model.batch import Saved
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import BroadcastOutcome, Outcome
from pushgateway.model.push import CallBack, Push
from pushgateway.model.reason import Reason
from pushgateway.model.receipt import Receipt, Statistics
from pushgateway.vendor.capacity import Batching, Rates
from pushgateway.vendor.exchange import AccessToken, Exchange, Request, Response
from pushgateway.vendor.operation import Call
from pushgateway.vendor.refusals import Refused
from pushgateway.vendor.ruling import Ruling

CONTRACT: Final = "0.2"
"""The version of the contract between this core and its plug-ins. It changes when a plug-in would have to change."""


class Vendor(ABC):
    """The translator for one brand. One instance is one certificate; its fields are the certificate's settings.

    Write it as an attrs class. Its fields are filled from the settings, and unknown settings are refused. A
    `FieldError` or `ValueError` raised by a validator becomes a sentence of `ConfigError`; a validator that finds
    several faults raises a `ConfigError` itself, with sentences that begin with the field (`intents.chat.category: …`).
    """

    brand: ClassVar[str]
    """The phone maker as a key, such as "oppo"; equals the entry point's name."""
    contract: ClassVar[str] = ""
    """The contract that the class was written for: "0.2". A class of another version is refused, and its pushes end
    `NOT_SENT` / `CREDENTIALS`."""

    @property
    def deduplicates(self) -> bool | Literal["message"]:
        """Whether repeats are dropped, so that the core may repeat a push without a verdict. True: the vendor drops
        repeats of one dedupe id. "message": the phone drops repeats of one `Batch.message_ids`, which is the same for
        all phones. Default: False."""
        return False

    @property
    def dead_tokens(self) -> Literal["reply", "receipt"]:
        """Where the vendor says that a token is dead: in its reply, or only in a later receipt, so that the push itself
        ends `ACCEPTED`. Default: "reply"."""
        return "reply"

    @property
    def audiences(self) -> Collection[AudienceKind]:
        """The kinds of audience that `broadcast` can address. Default: none, there is no broadcast."""
        return frozenset()

    @property
    def audience_size(self) -> int:
        """Tokens, aliases or accounts that fit into one broadcast request; the core cuts longer lists. Default:
        1,000."""
        return 1000

    @property
    def day_offset(self) -> float:
        """The time zone of the vendor's day, in seconds east of UTC; daily quotas begin anew at its midnight. Default:
        that of China, as for all known vendors."""
        return 8 * 3600.0

    @property
    def batching(self) -> Batching:
        """How many pushes fit into one request. Default: one."""
        return Batching()

    @property
    def rates(self) -> Rates:
        """How much the vendor accepts in a second, and over how many connections. Default: no limit is known."""
        return Rates()

    def compartment(self, notification: Notification) -> str:
        """A name for what a mistake in this notification may cost others. Pushes of different compartments are sent in
        separate requests, so that a vendor that refuses a whole request for one wrong channel refuses that channel's
        pushes only. Asked only where `batching.mixed`. Default: one for everything."""
        return ""

    def quota(self, notification: Notification) -> str:
        """The name of the daily quota that this notification counts against, for a vendor with several.

        When one is used up (`QUOTA_EXCEEDED`), the core sends no push that counts against it until the vendor's
        midnight, or for `Refused.retry_after` seconds if that is given, such as for the hours of the night. Pushes of
        different quotas are sent in separate requests. Default: one quota for everything.
        """
        return ""

    def broadcast_quota(self, broadcast: Broadcast) -> str:
        """The name of the daily quota that a broadcast counts against, for a vendor that allows few broadcasts a day.
        When it is used up, single pushes go on if the name is another one. Default: that of its notification."""
        return self.quota(broadcast.notification)

    def is_alone(self, notification: Notification) -> bool:
        """Whether each push of this notification is sent in a request of its own, because it uses what the vendor has
        for single pushes only. Asked only where `batching.size` is more than 1. Default: no."""
        return False

    def region(self, token: str) -> str:
        """A key for the vendor's server that serves this token. Each region has its own batches and access tokens."""
        return ""

    def regions(self, tokens: Sequence[str]) -> Collection[str]:
        """The regions of these tokens. Default: `region` of each token.

        Override it where all tokens can be checked faster together; the result must be the same.
        """
        return set(map(self.region, tokens))

    @property
    def receipt_audiences(self) -> frozenset[AudienceKind]:
        """The kinds of audience of a broadcast that may ask for receipts. Default: none."""
        return frozenset()

    @property
    def home_region(self) -> str:
        """The region of broadcasts that are not addressed to tokens."""
        return self.region("")

    def weigh(self, notification: Notification) -> int:
        """At most how many bytes a push of this notification adds to a request.

        Only called when `batching.max_bytes` is set, and once for a notification that many pushes of a batch share. The
        core adds the largest size of token, dedupe id and receipt parameter, quoted as JSON in a form.

        Default: an upper bound for a vendor that writes each field once, in JSON within JSON within a form at most,
        under names that take 500 bytes together. It counts every field: texts, data, parameters, overrides of all
        brands, the click, times and the notification's own receipt fields. That is about four times as much as most
        vendors need; a vendor with large requests overrides it with its own figures.
        """
        return 1500 + 3 * _in_json_twice(notification)

    @abstractmethod
    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """Deliver `batch` and return one outcome for each push, in its order.

        The gateway passes a `Batch`. A fast plug-in reads the columns of `Batch.of(batch)` and returns
        `Outcome.all_accepted` if all were accepted, so that no `Push` object has to be made.

        A push that the vendor's rules forbid gets its outcome here (`Outcome.not_sent`) and is left out of the request;
        if none is left, nothing is yielded. If the request then fails as a whole, raise the error as
        `error.keeping({index: outcome})`, so that those pushes keep their own outcomes.
        """

    def save_push(self, notification: Notification, callback: CallBack | None, region: str) -> Exchange[Saved]:
        """Store the notification of a batch at the server of `region`. Called where `batching.saves`, before a batch of
        `batching.least` pushes or more; `push` then finds the result in `Batch.saved`. Nobody gets anything.

        The core calls it once for a notification and region, uses the result for its `lifetime`, and may repeat it.
        `callback`: where the receipts of its pushes go, if the certificate asks for them. `push` puts what was cut or
        left out, which is in `Batch.saved` too, into its outcomes.
        """
        raise NotImplementedError(f"{type(self).__name__} says batching.saves but has no save_push()")

    def save(self, broadcast: Broadcast) -> Exchange[Saved] | None:
        """First step of a broadcast at vendors that store the content before sending it. The core may repeat it. None:
        there is no such step.
        """
        return None

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        """Send to an audience that fits into one request; `saved` is the `Saved.id` of `save` ("" without).

        The core never repeats it after an attempt without a verdict. For an audience of tokens (all of one region) the
        outcome holds one `Outcome` per token, in order; tokens that the rules forbid get their outcome here, as in
        `push`. Only called for the kinds in `audiences`.
        """
        raise NotImplementedError(f"{type(self).__name__} lists audiences but has no broadcast()")

    def login(self, region: str, now: float) -> Exchange[AccessToken] | None:
        """Get an access token; `now` is epoch seconds by the vendor's clock. None: this vendor has no login.

        It may end without a request: an access token that is signed here. Certificates share one access token if the
        first request of their logins (for the same `now`) and all `Secret`s of their settings are equal. What
        distinguishes two accounts or apps must be in one of these.
        """
        return None

    def finish(self, request: Request, access: AccessToken | None, now: float) -> Request:
        """The last step before a request is sent: puts in the access token, a static key, a time, or a signature over
        the final body. Called for each request of every exchange but the login. `access` is None at a vendor without
        login; `now` is epoch seconds by the vendor's clock. Default: `Authorization: Bearer …` if there is an access
        token.

        Where the vendor's code for a wrong time is not known, the core does without `ClockSkew`: if a request is
        refused, the `Date` of the reply shows that our clock is off, and `finish` makes another request by the right
        time, it is sent once more so."""
        if access is None:
            return request
        return attrs.evolve(request, headers={**request.headers, "authorization": f"Bearer {access.value}"})

    def probe(self) -> Exchange[str] | None:
        """An exchange that proves the settings and reaches no phone, for `Gateway.check`; returns in words what it
        proved. None: there is none, and the login proves the settings where it makes a request."""
        return None

    # Receipts and statistics

    @property
    def marks(self) -> Literal["push", "message", "none"]:
        """What carries one receipt parameter: each push (`Batch.callbacks`), each request or saved content
        (`Batch.callback`), or nothing, because the vendor takes none. Default: "push"."""
        return "push"

    @property
    def proves_receipts(self) -> bool:
        """True: the vendor signs its receipts and `receipts` refuses a wrong signature, and one that is old by `now`.
        Then no parameter of ours is needed, and the core takes every field as it is, a dead token too. Where a setting
        holds the key, it is False without that setting. Default: False."""
        return False

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        """The receipts in a request that the vendor posted to the host.

        `headers` names are lower case; `now` is epoch seconds of this machine. Returns one receipt for each phone, and
        None for an element that cannot be read. Raises `Refused` (`INVALID_NOTIFICATION`) for a body that holds no
        receipts, and `Refused` (`CREDENTIALS`) for a wrong or old signature, or another text by which the vendor names
        the receiver. Anybody may have posted it: read its JSON
        with `read_posted`. Unless `proves_receipts`, the core verifies each receipt by the `Receipt.parameter` that
        comes back.
        """
        raise Refused(Reason.UNSUPPORTED, detail=f"{self.brand} posts no receipts")

    def receipt_answer(self, taken: bool) -> Response:
        """The answer that the vendor expects after it posted receipts. `taken`: False if the host could not keep them
        and the vendor should post them again. Default: 200 without a body, or 503."""
        return Response(200 if taken else 503)

    # Other calls that several vendors have

    def recall(self, handle: str, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """Take a notification back from these phones, which are of one region. `handle`: `Outcome.handle`, or else
        `Outcome.message_id`. The result has, by token, None or the reason for which it was not taken back; a token that
        is missing in it ends `UNKNOWN`. `Call.most` says how many tokens fit."""
        raise Refused(Reason.UNSUPPORTED, detail=f"{self.brand} cannot take a notification back")

    def check_tokens(self, tokens: Sequence[str]) -> Call[Mapping[str, Reason | None]]:
        """Ask whether tokens, which are of one region, are alive, without a push. The result has, by token, None for a
        live one, or the reason; a token that is missing in it ends `UNKNOWN`. `Call.most` says how many tokens fit."""
        raise Refused(Reason.UNSUPPORTED, detail=f"{self.brand} cannot check tokens")

    def statistics(self, message_id: str, task_id: str) -> Call[Statistics]:
        """How many phones a broadcast has reached. The arguments are `BroadcastOutcome.message_id` and one of its
        `task_ids`."""
        raise Refused(Reason.UNSUPPORTED, detail=f"{self.brand} has no statistics")

    # What it says about its settings and rules

    def advice(self) -> Sequence[str]:
        """Settings that are missing although nothing is wrong, such as a template or a channel; one sentence each.

        Shown by `pushgateway check`.
        """
        return ()

    @property
    def caution(self) -> str:
        """A warning about these settings: what a host may not expect of them, in one sentence; "": none.

        It is logged once when the certificate is loaded; list it in `advice` too, for `pushgateway check`.
        """
        return ""

    @property
    def dialect(self) -> str:
        """The version of the vendor's interface that it uses, if there are several; otherwise ""."""
        return ""

    def operation(self, request: Request) -> str:
        """The vendor's name of the call that a request makes. Default: the last part of its path."""
        return urlsplit(request.url).path.rstrip("/").rpartition("/")[2]

    def rulings(self, asked: Push | Broadcast) -> Sequence[Ruling]:
        """For `Gateway.explain`: what the vendor's rules do to a push or broadcast, one `Ruling` for each field that is
        cut, limited or chosen, the category, the quota and the rate. For what the rules forbid it returns a `Ruling`
        with `refused`, and raises nothing."""
        return ()


def _in_json_twice(notification: Notification) -> int:
    """The length of all fields of a notification as JSON within JSON, in characters."""
    values = [getattr(notification, name) for name in _FIELDS]
    try:
        return len(json.dumps(json.dumps(values, default=_as_json)))
    except Exception:  # a number that is too long, or an object of the host that fails
        return 10**9  # no JSON: it is sent in a request of its own, and the plug-in decides about it


def _as_json(value: Any) -> Any:
    """For values that `json` cannot encode: other mappings, clicks, enum members, datetimes."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(attrs.astuple(value, recurse=False)) if attrs.has(type(value)) else str(value)


_FIELDS = [field.name for field in attrs.fields(Notification)]
