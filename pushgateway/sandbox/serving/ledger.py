"""The ledger and one phone as JSON, for scripts.

Pure. Unlike a log it shows tokens and texts.
"""

from __future__ import annotations

from typing import Any

import attrs

from pushgateway.sandbox.kit.base import Sandbox
from pushgateway.sandbox.kit.ledger import Delivery
from pushgateway.sandbox.kit.phones import Phone
from pushgateway.vendor import ClickAction


def ledger_json(sandbox: Sandbox, last: int) -> dict[str, Any]:
    """Counts and the last deliveries. For tests: unlike a log it shows tokens and texts."""
    ledger = sandbox.ledger
    return {
        "brand": sandbox.brand,
        "phones": len(sandbox.phones_known),
        "total": ledger.total,
        "bytes": ledger.bytes,
        "calls": dict(ledger.calls),
        "receipts": dict(ledger.receipts),
        "dropped": dict(ledger.dropped),
        "deliveries": [_delivery(one) for one in ledger.last(last)],
    }


def phone_json(phone: Phone) -> dict[str, Any]:
    """One phone and what it shows, oldest first. For tests, as the ledger."""
    return {
        "token": phone.token,
        "alias": phone.alias,
        "account": phone.account,
        "tags": sorted(phone.tags),
        "muted": phone.muted,
        "badge": phone.badge,
        "shown": [_delivery(one) for one in phone.shown],
        "gone": [{"why": gone.why, **_delivery(gone.delivery)} for gone in phone.gone],
    }


def _delivery(one: Delivery) -> dict[str, Any]:
    return {
        "token": one.token,
        "title": one.title,
        "body": one.body,
        "dedupe_id": one.dedupe_id,
        "message_id": one.message_id,
        "operation": one.operation,
        "at": one.at,
        "notification": dict(one.notification),
        "looks": {name: value for name, value in _looks(one).items() if value},
    }


def _looks(one: Delivery) -> dict[str, str]:
    """What decides how the phone shows it and what a tap does, by name; "" where there is none."""
    return {
        "subtitle": one.subtitle,
        "category": one.category,
        "channel": one.channel_id,
        "badge": "" if one.badge is None else f"{'+' if one.badge.how == 'add' else '='}{one.badge.number}",
        "alert": "" if one.alert is None else one.alert.value,
        "sound": one.sound,
        "text when expanded": one.long_body,
        "picture": one.picture,
        "icon": one.icon,
        "group": one.group,
        "for user": one.user_id,
        "in foreground": "" if one.show_in_foreground else "no",
        "buttons": ", ".join(f"{button.text} ({_tap(button.click)})" for button in one.buttons),
        "tap": _tap(one.click),
    }


def _tap(click: ClickAction | None) -> str:
    if click is None:
        return "an action that cannot be described here"
    return " ".join([type(click).__name__, *map(str, attrs.astuple(click, recurse=False))])
