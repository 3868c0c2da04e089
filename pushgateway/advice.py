"""Who must act on a reason, and how: one sentence for each.

Law of this file: pure. Complete: a test compares it with `Reason`. Command line, traces and journals all say these.
"""

from __future__ import annotations

from collections.abc import Mapping

from pushgateway.outcome import Reason

ADVICE: Mapping[Reason, str] = {
    Reason.UNREGISTERED: "you: retire this token, if your records still hold the same one",
    Reason.MUTED: "nobody: keep the token and try another day; the user wants quiet or the phone had its share",
    Reason.INVALID_NOTIFICATION: "you: change the content; repeating it as it is will not help",
    Reason.UNSUPPORTED: "you: ask for it another way; this vendor cannot do it",
    Reason.CREDENTIALS: "you: fix the certificate; the token is fine, keep it",
    Reason.QUOTA_EXCEEDED: "nobody today: the vendor's daily share is used up; try again tomorrow",
    Reason.RATE_LIMITED: "nobody: too fast, and repeating within the deadline did not help; try again later",
    Reason.UNAVAILABLE: "nobody: the vendor was not reached or asks for patience; try again later",
    Reason.OVERLOADED: "you: the queue here was full; send slower or later",
    Reason.EXPIRED: "you: the deadline passed before it could leave; send it again, if it still matters",
    Reason.CLOSED: "you: the gateway was closed before it could leave; send it again",
    Reason.NO_VERDICT: "you: decide between perhaps twice (send it again) and perhaps never (leave it)",
}
"""By reason: who must act, and how."""
