"""How a push ends and why: `Status`, `Reason` and the advice that goes with each reason.

Closed enumerations; vendors' codes are mapped to these words in the plug-ins. What a push ended with is an `Outcome`,
in `pushgateway.model.outcome`. Used everywhere.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Status(enum.Enum):
    """How a push ended. Four endings: to call the last two success or failure would lose or repeat pushes."""

    ACCEPTED = "accepted"
    """The vendor accepted it. Whether it reached the phone is reported later by a receipt."""
    REJECTED = "rejected"
    """The vendor refused it with a readable reply. It reached no phone."""
    NOT_SENT = "not_sent"
    """No complete request left the process. Nobody got it."""
    UNKNOWN = "unknown"
    """The request was sent and no readable verdict came. It may have reached the phone."""


class SumStatus(enum.Enum):
    """The status of a broadcast whose targets did not all end with the same `Status`. A push never has it."""

    PARTLY = "partly"
    """Its targets ended with different statuses; `BroadcastOutcome.counts` has how many with each."""


class Reason(enum.Enum):
    """Why a push did not end `ACCEPTED`, and what the host does then. A closed list: vendors' codes are mapped to
    it."""

    UNREGISTERED = "unregistered"
    """The token is dead, malformed or of another app. Host: retire it, if it is still the same token."""
    MUTED = "muted"
    """The user switched notifications off, or this phone reached its daily limit. Host: keep the token, do not send
    now."""
    INVALID_NOTIFICATION = "invalid_notification"
    """The content was refused by the vendor or, before a request, by the vendor's rules (`NOT_SENT`). Host: fix it."""
    UNSUPPORTED = "unsupported"
    """This vendor has no such feature; found before any request. Host: use another feature."""
    CREDENTIALS = "credentials"
    """The certificate is unknown, its plug-in is missing, or its key or permission was refused. Host: fix the
    certificate, keep the token."""
    QUOTA_EXCEEDED = "quota_exceeded"
    """The vendor's daily quota is used up. Host: send again tomorrow."""
    RATE_LIMITED = "rate_limited"
    """The vendor's rate limit was exceeded. Host: send later. The core has retried until the deadline."""
    UNAVAILABLE = "unavailable"
    """The vendor is down or said "try later"; certainly not delivered. Host: send later. The core has retried."""
    OVERLOADED = "overloaded"
    """The gateway's queue was full. Host: send later."""
    EXPIRED = "expired"
    """The deadline passed before a request was sent. Host: send it again if it still matters."""
    CLOSED = "closed"
    """The gateway was closed before a request was sent. Host: send it again elsewhere."""
    UNBOUND = "unbound"
    """The phone no longer belongs to the user that the push was for: it was unbound, or taken over by another user.
    Host: nothing; the token may be another user's by now, so keep it."""
    NO_VERDICT = "no_verdict"
    """Always with `UNKNOWN`. Host: decide whether to send it again (it may arrive twice) or not (it may never
    arrive)."""

    @property
    def advice(self) -> str:
        """Who must act, and how: one English sentence, as the command line, traces and the journal show it."""
        return _ADVICE[self]


_ADVICE: Mapping[Reason, str] = {
    Reason.UNREGISTERED: "you: retire this token, if your records still hold the same one",
    Reason.MUTED: "nobody: keep the token, try another day; pushes are switched off or its daily limit is reached",
    Reason.INVALID_NOTIFICATION: "you: change the content; sending it again unchanged does not help",
    Reason.UNSUPPORTED: "you: use another feature; this vendor cannot do it",
    Reason.CREDENTIALS: "you: fix the certificate; the token is fine, keep it",
    Reason.QUOTA_EXCEEDED: "nobody today: the vendor's daily quota is used up; try again tomorrow",
    Reason.RATE_LIMITED: "nobody: the vendor's rate limit was exceeded until the deadline; try again later",
    Reason.UNAVAILABLE: "nobody: the vendor could not be reached or is overloaded; try again later",
    Reason.OVERLOADED: "you: the queue here was full; send slower or later",
    Reason.EXPIRED: "you: the deadline passed before a request could be sent; send it again if it still matters",
    Reason.CLOSED: "you: the gateway was closed before a request could be sent; send it again",
    Reason.UNBOUND: "nobody: the phone no longer belongs to this user; the token may be another user's by now, keep it",
    Reason.NO_VERDICT: "you: decide whether to send it again (it may arrive twice) or not (it may never arrive)",
}
"""By reason: who must act, and how."""
