"""What observers see: one frozen value for each thing that happened, with counts and seconds.

Law of this file: values and nothing else. An event names the certificate and the brand, never a phone or a person: no
field may hold a token, a title, a body or a secret, and none is free text. `repr` may be logged.
"""

from __future__ import annotations

import enum
import math
from typing import Literal, TypeAlias

import attrs

from pushgateway.model.reason import Reason, Status, SumStatus
from pushgateway.model.secret import safe_repr

Operation: TypeAlias = Literal["push", "login", "save", "broadcast", "call"]
"""What a vendor request is for. `save` stores the content of a broadcast at the vendor; `call` is one of the vendor's
own operations (`Gateway.vendor`)."""

Ending: TypeAlias = Literal["reply", "no_verdict", "cancelled"]
"""`reply`: a whole HTTP reply came, whatever it says. `no_verdict`: none came. `cancelled`: we no longer listened."""


class BreakerState(enum.Enum):
    """Whether a lane asks its vendor at all."""

    CLOSED = "closed"
    """In order: everything is asked."""
    OPEN = "open"
    """Broken: nothing is asked, pushes are answered here."""
    HALF_OPEN = "half_open"
    """One request is let through to find out."""


@safe_repr
@attrs.frozen(kw_only=True)
class Event:
    """Something happened."""

    certificate_id: str
    """Whose lane. What the host gave, also when there is no such certificate: `brand` is None then."""
    brand: str | None
    """The certificate's brand. None: there is no such certificate."""


@safe_repr
@attrs.frozen(kw_only=True)
class RequestDone(Event):
    """One vendor request is over."""

    region: str
    """Key of the vendor's host that was asked; "" where there is one for all."""
    operation: Operation
    name: str = ""
    """Of a `call`: what the vendor calls it, such as `subscribe_alias`; otherwise ""."""
    pushes: int
    """How many pushes it carried: 0 for `login`, `save` and `call`, for `broadcast` the tokens it named."""
    duration: float
    """Seconds from handing it to the transport to its end."""
    status: int | None
    """The HTTP status; None when no reply came."""
    ending: Ending
    sent: bool
    """False: it is sure that the request did not leave completely."""


@safe_repr
@attrs.frozen(kw_only=True)
class OutcomeGiven(Event):
    """A push got its outcome."""

    status: Status
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    vendor_code: str | None = None
    """The vendor's own number, as text."""
    attempts: int = 0
    """Vendor requests made for it, with those that did not get through."""
    duration: float
    """Seconds since it was handed in."""
    truncated: bool = False
    """Fields of the notification were cut to the vendor's limits."""
    possible_duplicate: bool = False
    """It was repeated after an attempt without a verdict, at a vendor that does not drop repeats."""


@safe_repr
@attrs.frozen(kw_only=True)
class BroadcastDone(Event):
    """A broadcast got its outcome."""

    status: Status | SumStatus
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    vendor_code: str | None = None
    """The vendor's own number, as text."""
    duration: float
    """Seconds since it was handed in."""
    targets: int
    """Tokens, aliases or tags that were named; 0 for everyone."""
    accepted: int = 0
    """Tokens or aliases for which the vendor took it; 1 for everyone and for tags, if it took it."""


@safe_repr
@attrs.frozen(kw_only=True)
class CallDone(Event):
    """One of a vendor's own operations got its outcome."""

    name: str
    """What the vendor calls it."""
    status: Status
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    vendor_code: str | None = None
    """The vendor's own number, as text."""
    attempts: int
    """Vendor requests made for it."""
    duration: float
    """Seconds since it was handed in."""


@safe_repr
@attrs.frozen(kw_only=True)
class LoginDone(Event):
    """A login is over."""

    region: str
    """Key of the vendor's host; "" where there is one for all."""
    ok: bool
    """The vendor gave an access token."""
    reason: Reason | None = None
    """None exactly when `ok`."""
    vendor_code: str | None = None
    """The vendor's own number, as text."""
    duration: float
    """Seconds it took."""


@safe_repr
@attrs.frozen(kw_only=True)
class ReceiptsReceived(Event):
    """A vendor, or somebody who says so, has posted receipts."""

    fresh: int
    """Receipts that were believed and new."""
    duplicates: int = 0
    """Receipts that were heard before."""
    forged: int = 0
    """Receipts that did not prove themselves."""
    unreadable: int = 0
    """What could not be read: elements, or 1 for the whole."""


@safe_repr
@attrs.frozen(kw_only=True)
class QuotaLatched(Event):
    """The day's share is used up: until it is renewed, pushes are answered here and the vendor is not asked."""

    region: str
    """Key of the vendor's host; "" where there is one for all."""
    quota: str
    """The vendor's class of quota; "" where there is one for all."""
    seconds: float
    """Until sending resumes."""
    pushes: int
    """How many pushes found it out or were waiting, and end here."""


@safe_repr
@attrs.frozen(kw_only=True)
class QuotaReleased(Event):
    """The vendor's new day has begun: sending resumes."""

    region: str
    """Key of the vendor's host; "" where there is one for all."""
    quota: str
    """The vendor's class of quota; "" where there is one for all."""


@safe_repr
@attrs.frozen(kw_only=True)
class BreakerChanged(Event):
    """A breaker opened, half opened or closed."""

    region: str
    """Key of the vendor's host; "" where there is one for all."""
    state: BreakerState
    """What it is now."""
    reason: Reason | None = None
    """Why it opened; None when it closed."""
    vendor_code: str | None = None
    """The vendor's own number for that, as text."""
    seconds: float = 0.0
    """Until one request is let through; 0 unless `OPEN`."""


def _limit(rate: float | None) -> float | None:
    return None if rate is None or math.isinf(rate) else rate


@safe_repr
@attrs.frozen(kw_only=True)
class RateChanged(Event):
    """How fast a lane may send was changed: lowered at the vendor's flow control, raised again step by step."""

    region: str
    """Key of the vendor's host; "" where there is one for all."""
    pushes_per_second: float | None = attrs.field(converter=_limit)
    """None: no limit."""
    requests_per_second: float | None = attrs.field(converter=_limit)
    """None: no limit."""


@safe_repr
@attrs.frozen(kw_only=True)
class Shed(Event):
    """Pushes were refused at once because the queue was full."""

    count: int


@safe_repr
@attrs.frozen(kw_only=True)
class Reloaded(Event):
    """A set of certificates was adopted. It is of no single certificate, so `certificate_id` is "", `brand` None."""

    certificate_id: str = ""
    brand: str | None = None
    added: tuple[str, ...] = ()
    """Certificate ids, as in the next two."""
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
