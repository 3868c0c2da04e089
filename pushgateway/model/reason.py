"""How a push ends and why: `Status`, `Reason` and the advice that goes with each reason.

Closed enumerations; vendors' codes are mapped to these words in the plug-ins. What a push ended with is an `Outcome`,
in `pushgateway.model.outcome`. Used everywhere.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Status(enum.Enum):
    """How a push ended. Four endings, because folding the last two into success or failure loses or doubles."""

    ACCEPTED = "accepted"
    """The vendor took it. Not: the phone rang; that is a receipt."""
    REJECTED = "rejected"
    """The vendor refused it, readably. Nobody got it."""
    NOT_SENT = "not_sent"
    """No complete request left the process. Nobody got it."""
    UNKNOWN = "unknown"
    """The request left and no readable verdict came. Somebody may have got it."""


class SumStatus(enum.Enum):
    """How a broadcast ended whose targets did not all end alike. A push has one target, so it never ends so."""

    PARTLY = "partly"
    """Part of it was accepted, refused, not sent or without a verdict, and another part ended otherwise."""


class Reason(enum.Enum):
    """Why a push did not end `ACCEPTED`, and so who must act. Closed: vendors' codes are mapped to these."""

    UNREGISTERED = "unregistered"
    """Token dead, malformed or of another app. Host: retire it, if it is still the same token."""
    MUTED = "muted"
    """The user switched notifications off, or this phone had its share today. Host: keep the token, not now."""
    INVALID_NOTIFICATION = "invalid_notification"
    """The content is refused, by the vendor or (`NOT_SENT`) by the vendor's rules here. Host: fix the content."""
    UNSUPPORTED = "unsupported"
    """This vendor cannot express what was asked; found before any request. Host: another way."""
    CREDENTIALS = "credentials"
    """Certificate unknown, plug-in missing, key or right refused. Host: fix the certificate, keep the token."""
    QUOTA_EXCEEDED = "quota_exceeded"
    """The day's share is used up. Host: not today."""
    RATE_LIMITED = "rate_limited"
    """Too fast. Host: later. The core has already repeated within the deadline."""
    UNAVAILABLE = "unavailable"
    """Vendor down or "try later", surely not delivered. Host: later. The core has already repeated."""
    OVERLOADED = "overloaded"
    """Our queue was full. Host: later."""
    EXPIRED = "expired"
    """The deadline passed before the push could leave. Host: later, if it still matters."""
    CLOSED = "closed"
    """The gateway was closed before the push could leave. Host: send it again elsewhere."""
    NO_VERDICT = "no_verdict"
    """Goes with `UNKNOWN`: the host decides between perhaps twice and perhaps never."""

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
    Reason.NO_VERDICT: "you: decide whether to send it again (it may arrive twice) or not (it may never arrive)",
}
"""By reason: who must act, and how."""
