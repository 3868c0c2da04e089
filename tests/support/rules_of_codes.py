"""Return codes of an invented vendor: one row for each kind of row that a table of codes may have."""

from datetime import date
from typing import Any

from pushgateway.vendor import Notification, Push, PushToken
from pushgateway.vendor.rules import CodeRule

NOTE = Notification("title", "body")


def row(reason: str, scope: Any = "request", **more: Any) -> CodeRule:
    return CodeRule(reason=reason, scope=scope, meaning=reason, source="S", seen=date(2026, 1, 1), dialects=(), **more)


ROWS = {
    "0": row("accepted"),
    "200": row("accepted"),
    "11": row("expired", advice="log in again"),
    "12": row("clock"),
    "13": row("RATE_LIMITED", retry_after=60.0),
    "14": row("CREDENTIALS"),
    "32": row("repeated"),
    "40": row("INVALID_NOTIFICATION"),
    "100": row("UNREGISTERED", "target"),
    "101": row("MUTED", "target"),
    "104": row("copy", "target"),
}


def pushes(*tokens: str) -> list[Push]:
    return [Push(PushToken(1, token), NOTE, dedupe_id=f"d-{token}") for token in tokens]
