"""The events that an observer gets: one frozen value for each thing that happened, with counts and seconds.

Values and nothing else. An event names the certificate and the brand, never a phone or a person: no field may hold a
token, a title, a body or a secret, and none is free text. A `repr` may be logged. Made by the engine, passed on by
`pushgateway.observe.emitter`.
"""

from __future__ import annotations

import enum
import math
from typing import Final, Literal, TypeAlias

import attrs

from pushgateway.model.reason import Reason, Status, SumStatus
from pushgateway.model.receipt import ReceiptKind
from pushgateway.model.secret import safe_repr

Operation: TypeAlias = Literal["push", "login", "save", "broadcast", "call"]
"""What a vendor request is for. `save` stores the content of a broadcast at the vendor; `call` is one of the vendor's
own operations (`Gateway.vendor`)."""

Ending: TypeAlias = Literal["reply", "no_verdict", "cancelled"]
"""`reply`: a complete HTTP reply came, of any content. `no_verdict`: none came. `cancelled`: the gateway stopped
waiting for it."""


class BreakerState(enum.Enum):
    """State of a circuit breaker: whether requests are sent to a server of the vendor."""

    CLOSED = "closed"
    """Normal: all requests are sent."""
    OPEN = "open"
    """No request is sent; pushes wait or end without one."""
    HALF_OPEN = "half_open"
    """One request is sent to test whether the vendor works again."""


@safe_repr
@attrs.frozen(kw_only=True)
class Event:
    """Base class of all events."""

    certificate_id: str
    """The certificate id that the host gave, even if there is no such certificate (`brand` is None then)."""
    brand: str | None
    """The certificate's brand. None: there is no such certificate."""


@safe_repr
@attrs.frozen(kw_only=True)
class RequestDone(Event):
    """One vendor request has ended."""

    region: str
    """Region of the vendor's server; "" if there is only one."""
    operation: Operation
    name: str = ""
    """For a `call` the vendor's name of it, such as `subscribe_alias`; otherwise ""."""
    pushes: int
    """Number of pushes in it: 0 for `login`, `save` and `call`; for `broadcast` the number of tokens."""
    duration: float
    """Seconds from passing it to the transport until its end."""
    status: int | None
    """The HTTP status; None if no reply came."""
    ending: Ending
    sent: bool
    """False: it is certain that the request was not sent completely."""


@safe_repr
@attrs.frozen(kw_only=True)
class OutcomeGiven(Event):
    """A push got its outcome."""

    status: Status
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    vendor_code: str | None = None
    """The vendor's return code, as text."""
    attempts: int = 0
    """Vendor requests made for it, including those that failed."""
    duration: float
    """Seconds since it was handed in."""
    truncated: bool = False
    """True: fields of the notification were cut to the vendor's limits."""
    possible_duplicate: bool = False
    """True: it was sent again after an attempt without a verdict, and this vendor does not drop repeats."""


@safe_repr
@attrs.frozen(kw_only=True)
class BroadcastDone(Event):
    """A broadcast got its outcome."""

    status: Status | SumStatus
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    vendor_code: str | None = None
    """The vendor's return code, as text."""
    duration: float
    """Seconds since it was handed in."""
    targets: int
    """Number of tokens, aliases or tags in its audience; 0 for everyone."""
    accepted: int = 0
    """Number of tokens or aliases for which the vendor accepted it; for everyone and tags 1 if accepted."""


@safe_repr
@attrs.frozen(kw_only=True)
class CallDone(Event):
    """One of a vendor's own operations got its outcome."""

    name: str
    """The vendor's name of the operation."""
    status: Status
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    vendor_code: str | None = None
    """The vendor's return code, as text."""
    attempts: int
    """Vendor requests made for it."""
    duration: float
    """Seconds since it was handed in."""


@safe_repr
@attrs.frozen(kw_only=True)
class LoginDone(Event):
    """A login has ended."""

    region: str
    """Region of the vendor's server; "" if there is only one."""
    ok: bool
    """True: the vendor returned an access token."""
    reason: Reason | None = None
    """None exactly when `ok`."""
    vendor_code: str | None = None
    """The vendor's return code, as text."""
    duration: float
    """Seconds it took."""


@safe_repr
@attrs.frozen(kw_only=True)
class ReceiptsReceived(Event):
    """Receipts were posted, by a vendor or by somebody else."""

    fresh: int
    """Number of verified new receipts."""
    kinds: tuple[tuple[ReceiptKind, int], ...] = ()
    """Of these, how many of each kind, the most first."""
    duplicates: int = 0
    """Number of receipts that were received before."""
    forged: int = 0
    """Number of receipts that could not be verified; 1 if the vendor's signature of the whole body is wrong or old."""
    unreadable: int = 0
    """Number of elements that could not be read; 1 if the whole body could not."""


SAVED_CONTENTS: Final = "saved contents"
"""`QuotaLatched.quota` of the quota that no push counts against, see there."""


@safe_repr
@attrs.frozen(kw_only=True)
class QuotaLatched(Event):
    """A daily quota is used up: until the vendor's midnight pushes end without a request.

    The quota `saved contents` is that of a vendor that stores a content before it goes to many phones: when it is used
    up, pushes are sent one by one.
    """

    region: str
    """Region of the vendor's server; "" if there is only one."""
    quota: str
    """The vendor's name of the quota; "" if there is only one."""
    seconds: float
    """Seconds until sending resumes."""
    pushes: int
    """Number of pushes that end because of it: those of the refused request and those that were waiting."""


@safe_repr
@attrs.frozen(kw_only=True)
class QuotaReleased(Event):
    """The vendor's new day has begun, and sending resumes."""

    region: str
    """Region of the vendor's server; "" if there is only one."""
    quota: str
    """The vendor's name of the quota; "" if there is only one."""


@safe_repr
@attrs.frozen(kw_only=True)
class BreakerChanged(Event):
    """A circuit breaker opened, half opened or closed."""

    region: str
    """Region of the vendor's server; "" if there is only one."""
    state: BreakerState
    """The new state."""
    reason: Reason | None = None
    """Why it opened; None if it closed."""
    vendor_code: str | None = None
    """The vendor's return code for that, as text."""
    seconds: float = 0.0
    """Seconds until one request is sent as a test; 0 unless `OPEN`."""


def _limit(rate: float | None) -> float | None:
    return None if rate is None or math.isinf(rate) else rate


@safe_repr
@attrs.frozen(kw_only=True)
class RateChanged(Event):
    """The rate limit of a certificate was changed: lowered after the vendor's "too fast", raised again in steps."""

    region: str
    """Region of the vendor's server; "" if there is only one."""
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
class SharedStateChanged(Event):
    """The store that several processes share does not answer any more, or answers again. It concerns no single
    certificate: `certificate_id` is "", `brand` None."""

    certificate_id: str = ""
    brand: str | None = None
    available: bool
    """False: each process goes on by itself, with its last portion of each rate and with logins of its own."""


@safe_repr
@attrs.frozen(kw_only=True)
class OutboxChanged(Event):
    """A worker of the outbox cannot go on with something, or can again. It concerns no single certificate:
    `certificate_id` is "", `brand` None."""

    certificate_id: str = ""
    brand: str | None = None
    what: Literal["store", "results", "worker"]
    """`store`: it cannot be used, and nothing more is sent. `results`: nobody takes them; pushes are sent. `worker`: a
    part of it has failed by a fault of ours and began anew, or it cannot use its gateway and has ended."""
    available: bool


@safe_repr
@attrs.frozen(kw_only=True)
class DevicesChanged(Event):
    """The database of the devices cannot be used any more, or again. Meanwhile pushes to users end `NOT_SENT` /
    `UNAVAILABLE`. It concerns no single certificate: `certificate_id` is "", `brand` None."""

    certificate_id: str = ""
    brand: str | None = None
    available: bool


@safe_repr
@attrs.frozen(kw_only=True)
class TokensRetired(Event):
    """The devices have unbound tokens that the vendor called dead."""

    count: int


@safe_repr
@attrs.frozen(kw_only=True)
class RetiringChanged(Event):
    """The vendor calls so many tokens dead that the devices retire none, or no longer so many. The certificate may be
    of another app or environment, or the vendor has a fault."""

    stopped: bool
    """True: none is retired from now on."""
    dead: int
    """Number of different tokens that were called dead, of `tried`, in the last 5 to 10 minutes."""
    tried: int


@safe_repr
@attrs.frozen(kw_only=True)
class Reloaded(Event):
    """A new set of certificates is in use. It concerns no single certificate: `certificate_id` is "", `brand` None."""

    certificate_id: str = ""
    brand: str | None = None
    added: tuple[str, ...] = ()
    """Certificate ids, as in `changed` and `removed`."""
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
