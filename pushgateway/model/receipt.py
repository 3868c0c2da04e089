"""What a vendor reports later: that a phone got a push, that its token is dead, how many there were.

Frozen values and nothing else. `Receipt` and `ReceivedReceipts` are what `Gateway.receipts` and `pushgateway.receipts`
hand to the host; `Statistics` holds what a vendor counts of a broadcast. What a receipt proves is decided in
`pushgateway.engine.receipts` and `pushgateway.certificates.receipt_signing`, and is kept in `Receipt.proof`.
"""

from __future__ import annotations

import enum

import attrs

from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason
from pushgateway.model.secret import safe_repr


class ReceiptKind(enum.Enum):
    """What a receipt reports, and what the host does then."""

    ARRIVED = "arrived"
    """The push reached the phone's push client. It does not say that the user saw it."""
    UNREGISTERED = "unregistered"
    """The token is dead, and this is confirmed: by the vendor's own signature (`Proof.VENDOR`), or by what this process
    knows of the push: it sent it, the vendor accepted it under the same message id, and no receipt says that it
    arrived. Host: retire the token, if it is still the same token, bound before the push was sent."""
    SUSPECT = "suspect"
    """The token is said to be dead, and nothing here confirms it: another process sent the push, or it was too long
    ago, or it was a broadcast. A receipt alone does not prove its event (see `Proof`). Host: keep the token; retire it
    when the outcome of a push says `UNREGISTERED`, or when the vendor's own list of dead tokens has it."""
    LIMITED = "limited"
    """The push was not delivered because this phone reached its daily number of such messages. Host: keep the token and
    do not send such a message today."""
    CLICKED = "clicked"
    """The user tapped the notification."""
    MUTED = "muted"
    """The push was not shown because the user has switched this app's notifications off. Host: keep the token."""
    DROPPED = "dropped"
    """The push will not arrive: its time to live ended, a newer one replaced it, the phone's cache was full, or the
    vendor withheld it. Host: keep the token."""
    OTHER = "other"
    """An event that this version does not know; `Receipt.event` has the vendor's name for it."""


class Proof(enum.Enum):
    """Which fields of a receipt are proved, and by what: the gateway's parameter that came back with it, or the
    vendor's own signature.

    Most vendors sign nothing. Anybody who knows the secret address and has seen a receipt can post it again with
    another event, other ids and another time: none of these is ever proved by the gateway's parameter.
    """

    NONE = "none"
    """Nothing: the certificate has no receipt secret, or the vendor returns no parameter and signs nothing."""
    MESSAGE = "message"
    """Certificate and message. A broadcast, and a request of a vendor that takes one parameter for all its pushes, has
    one parameter for all its phones, so the phone is not proved."""
    PUSH = "push"
    """Certificate, message and phone."""
    VENDOR = "vendor"
    """All fields: the vendor signs its receipts, and its plug-in has checked the signature and its time."""


@safe_repr
@attrs.frozen(kw_only=True)
class Receipt:
    """What the vendor reports later about one push on one phone."""

    push_token: PushToken
    kind: ReceiptKind
    event: str
    """The vendor's name of the event."""
    message_id: str | None = None
    """The vendor's id, as in `Outcome.message_id`. Where the vendor gives all pushes of a request one id, the push is
    named by it together with `push_token`."""
    task_id: str | None = None
    """The vendor's id of the broadcast, as in `BroadcastOutcome.task_ids`."""
    at: float | None = None
    """When it happened, by the vendor's clock (epoch seconds)."""
    parameter: str = attrs.field(default="", repr=False)
    """The text that was sent with the push so that the vendor returns it: the host's own, or the gateway's
    signature."""
    dedupe_id: str = ""
    """Id of the push if the gateway signed it, otherwise "". Also "" where the vendor takes one parameter for all
    pushes of a request: then the push is named by `message_id` and `push_token`."""
    replacement: PushToken | None = None
    """The token that takes the place of `push_token`, where the vendor names one with a dead token. Only with
    `UNREGISTERED`. Host: take it over for the same user and device, unless it is bound to another user. Except with
    `Proof.VENDOR` it is proved by nothing but the secret address."""
    proof: Proof = Proof.NONE
    """Which fields are proved; always set by the gateway, never by a plug-in."""


@safe_repr
@attrs.frozen(kw_only=True)
class ReceivedReceipts:
    """What `Gateway.receipts` read from one request of a vendor to the host."""

    receipts: tuple[Receipt, ...] = attrs.field(default=(), repr=False)
    """The verified new receipts, in the order of the request."""
    duplicates: int = 0
    """Number of receipts that were received before: the same kind about the same push and phone, whatever ids and event
    they name. Of receipts that the vendor signs: the same message, phone, kind and time."""
    forged: int = 0
    """Number of receipts whose parameter is not the gateway's, or that call the token of an arrived push dead; 1 if the
    vendor's signature of the whole body is wrong or old. The host ignores them."""
    unreadable: int = 0
    """Number of elements that could not be read; 1 if the whole body could not."""
    elsewhere: int = 0
    """Number of receipts that another process is storing just now (`Gateway.take_receipts`). If it cannot, they are new
    when they are posted again."""
    reason: Reason | None = None
    """None if the body was read. Otherwise `INVALID_NOTIFICATION` (it is no receipt), `CREDENTIALS` (no such
    certificate, or the vendor's signature is wrong or old: then `forged` is 1), `UNSUPPORTED` (this vendor posts none)
    or `CLOSED` (the gateway is closed)."""
    detail: str = ""
    """A sentence of ours on the reason; it holds no content and may be logged."""

    @property
    def ok(self) -> bool:
        """True if the body was read, whatever was in it."""
        return self.reason is None

    @property
    def should_repeat(self) -> bool:
        """True if the vendor should post the request again (see `Gateway.receipt_answer`): nothing was taken for a
        cause that the host can remove (the gateway is closed, or certificate, plug-in or signature key is wrong), or
        another process is storing some of it and has not said yet whether it could."""
        return self.elsewhere > 0 or self.reason in (Reason.CLOSED, Reason.CREDENTIALS)


@safe_repr
@attrs.frozen(kw_only=True)
class Statistics:
    """How many phones a broadcast reached, as the vendor counts them now. None: the vendor does not report this
    figure."""

    targets: int | None = None
    """Phones that it was addressed to."""
    valid: int | None = None
    """Of these, phones that are registered."""
    sent: int | None = None
    """Of these, phones that it was sent to."""
    arrived: int | None = None
    """Of these, phones that received it."""
    shown: int | None = None
    """Of these, phones that showed it."""
    opened: int | None = None
    """Of these, phones whose user tapped it."""
