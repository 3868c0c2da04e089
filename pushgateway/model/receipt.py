"""What a vendor reports later: that a phone got a push, that its token is dead, how many there were.

Frozen values and nothing else. `Receipt` and `Heard` are what `Gateway.receipts` and `pushgateway.receipts` hand to the
host, `Statistics` what a vendor counts of a broadcast. What a receipt proves is decided in
`pushgateway.engine.receipts` and `pushgateway.certificates.receipt_signing`, and written down in `Receipt.proof`.
"""

from __future__ import annotations

import enum

import attrs

from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason
from pushgateway.model.secret import safe_repr


class ReceiptKind(enum.Enum):
    """What is reported, and so what the host does."""

    ARRIVED = "arrived"
    """It reached the phone's push client. Not: somebody saw it."""
    UNREGISTERED = "unregistered"
    """The token is dead, and what is known of the push confirms it: this process sent it, the vendor accepted it under
    the same message id, and no receipt says that it arrived. Host: retire the token, if it is still the same token,
    bound before the push was sent."""
    SUSPECT = "suspect"
    """The token is said to be dead, and nothing here confirms it: another process sent the push, or it was too long
    ago, or it was a broadcast. A receipt alone does not prove its event (see `Proof`). Host: keep the token; retire it
    when the outcome of a push says `UNREGISTERED`, or when the vendor's own list of dead tokens has it."""
    LIMITED = "limited"
    """This phone had its share of such messages today, and did not get it. Host: keep the token, not today."""
    OTHER = "other"
    """Something this version does not know; `Receipt.event` has the vendor's word."""


class Proof(enum.Enum):
    """What of a receipt is proved by the parameter that came back with it.

    Vendors sign nothing. Whoever knows the secret address and has seen a receipt can post it again with another event,
    other ids and another time: none of these is ever proved by our parameter.
    """

    NONE = "none"
    """Nothing: the certificate has no receipt secret."""
    MESSAGE = "message"
    """Certificate and message. A broadcast has one parameter for all its phones, so the phone is not proved."""
    PUSH = "push"
    """Certificate, message and phone."""


@safe_repr
@attrs.frozen(kw_only=True)
class Receipt:
    """What became of one push on one phone, by the vendor's later word."""

    push_token: PushToken
    kind: ReceiptKind
    event: str
    """The vendor's own word for it."""
    message_id: str | None = None
    """The vendor's id, as in `Outcome.message_id`."""
    task_id: str | None = None
    """The vendor's id of the broadcast, as in `BroadcastOutcome.task_ids`."""
    at: float | None = None
    """When it happened, by the vendor's clock (epoch seconds)."""
    parameter: str = attrs.field(default="", repr=False)
    """What was given along to come back: the host's own, or, where the gateway signed it, what proves the receipt."""
    dedupe_id: str = ""
    """Id of the push, where the gateway signed it; "" where the receipt does not tell."""
    proof: Proof = Proof.NONE
    """What of all this is proved; set by the gateway, whatever a plug-in says."""


@safe_repr
@attrs.frozen(kw_only=True)
class Heard:
    """What a request that a vendor has made to the host came to (`Gateway.receipts`)."""

    receipts: tuple[Receipt, ...] = attrs.field(default=(), repr=False)
    """Those that are believed and new, in the order given."""
    duplicates: int = 0
    """Receipts that were heard before: the same kind about the same push and phone, whatever ids and event it names."""
    forged: int = 0
    """Receipts that do not prove themselves, or say that the token of a push that has arrived is dead; nothing is to be
    done about them."""
    unreadable: int = 0
    """Elements that could not be read; 1 when the whole could not."""
    reason: Reason | None = None
    """Why nothing was read, if so: `INVALID_NOTIFICATION` for what is no receipt; `CREDENTIALS` without such a
    certificate, `CLOSED` once the gateway is."""
    detail: str = ""
    """Our sentence on that, without content."""

    @property
    def ok(self) -> bool:
        """True when it was read, whatever was in it."""
        return self.reason is None


@safe_repr
@attrs.frozen(kw_only=True)
class Statistics:
    """How many phones a broadcast reached, as the vendor counts them by now. None: this vendor does not say."""

    targets: int | None = None
    """Phones it was addressed to."""
    valid: int | None = None
    """Of these, phones that are registered."""
    sent: int | None = None
    """Of these, phones it was sent to."""
    arrived: int | None = None
    """Of these, phones that got it."""
    shown: int | None = None
    """Of these, phones that showed it."""
    opened: int | None = None
    """Of these, phones whose user tapped on it."""
