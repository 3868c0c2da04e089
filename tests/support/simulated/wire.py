"""What the simulated vendor's plug-in and server have in common: addresses, codes, events of receipts, signatures."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Literal, NamedTuple

from pushgateway.vendor import Reason, ReceiptKind

URL = "https://sim.example"
DEAD, CONTENT, MUTED, BUSY, FAST, QUOTA, BLOCKED, GONE = "2", "3", "4", "5", "6", "7", "8", "9"
EXPIRED, CHANNEL, SKEWED, REPEATED = "11", "12", "18", "32"
REASONS: Mapping[str, Reason] = {
    DEAD: Reason.UNREGISTERED,
    CONTENT: Reason.INVALID_NOTIFICATION,
    MUTED: Reason.MUTED,
    BUSY: Reason.UNAVAILABLE,
    FAST: Reason.RATE_LIMITED,
    QUOTA: Reason.QUOTA_EXCEEDED,
    BLOCKED: Reason.CREDENTIALS,
    GONE: Reason.INVALID_NOTIFICATION,
    CHANNEL: Reason.INVALID_NOTIFICATION,
}
ABOUT: Mapping[str, Literal["saved", "compartment"]] = {GONE: "saved", CHANNEL: "compartment"}

POISON = "!"
"""A text that ends with it is refused; a strict app refuses the whole request for it."""
NEWS, UNAPPROVED = "news", "unapproved"
"""Channels: one with a quota of its own, and one that the vendor has not approved."""

Mark = tuple[str, str]
"""Address and parameter for receipts."""


class Item(NamedTuple):
    """One push in a request."""

    token: str
    text: str
    channel: str | None
    dedupe_id: str
    message_id: str
    mark: Mark | None
    """Of the push, the request or the stored notification."""

    @property
    def key(self) -> tuple[str, str]:
        """What names the push in the ledger."""
        return (self.token, self.text)


ARRIVED, CLICKED, UNINSTALLED = "arrived", "clicked", "uninstalled"
OFF, LATE, ENOUGH, ODD = "off", "late", "enough", "odd"
EVENTS: Mapping[str, ReceiptKind] = {
    ARRIVED: ReceiptKind.ARRIVED,
    CLICKED: ReceiptKind.CLICKED,
    UNINSTALLED: ReceiptKind.UNREGISTERED,
    OFF: ReceiptKind.MUTED,
    LATE: ReceiptKind.DROPPED,
    ENOUGH: ReceiptKind.LIMITED,
    ODD: ReceiptKind.OTHER,
}
"""Events of receipts."""
SIGNATURE = "x-sim-signature"
FRESH = 100.0
"""Seconds for which the signature of posted receipts is good."""
TOLERANCE = 200.0
"""Seconds that a signed time may be ahead of the vendor's clock, and that of a request behind it too."""


def signature(secret: str, *parts: str) -> str:
    """What signs these texts."""
    return hmac.digest(secret.encode(), "\n".join(parts).encode(), hashlib.sha256).hex()[:16]
