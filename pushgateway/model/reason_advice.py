"""Who must act on a reason, and how: one sentence for each.

Law of this file: pure. Complete: a test compares it with `Reason`. Command line, traces and journals all say these.
"""

from __future__ import annotations

from collections.abc import Mapping

from pushgateway.model.outcome import Reason

ADVICE: Mapping[Reason, str] = {
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
