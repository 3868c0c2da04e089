"""What people and scripts see of a sandbox: the page of phones and the ledger as JSON.

Law of this file: pure, from a sandbox to text. Everything on the page is escaped: a title is whatever a client sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from typing import Any

from pushgateway.sandbox.base import Sandbox
from pushgateway.sandbox.ledger import Delivery
from pushgateway.sandbox.phones import Phone

PHONES_ON_PAGE = 100
"""A page of 100,000 phones would help nobody; those that show something come first."""

_STYLE = """
body{font-family:system-ui,sans-serif;background:#eceff1;margin:2rem;color:#263238}
main{display:flex;flex-wrap:wrap;gap:1rem}
section{background:#fff;border:4px solid #37474f;border-radius:18px;padding:.8rem;width:17rem;min-height:9rem}
h2{font:12px monospace;overflow-wrap:anywhere;margin:.2rem 0;color:#607d8b}
article{background:#f5f7f8;border-radius:10px;padding:.5rem .7rem;margin:.5rem 0;overflow-wrap:anywhere}
article h3{font-size:1rem;margin:0}article p{margin:.2rem 0;white-space:pre-wrap}time{font-size:11px;color:#90a4ae}
"""


def phones_page(sandbox: Sandbox) -> str:
    """One HTML page with the phones and what each shows, newest on top; it reloads itself."""
    phones = sorted(sandbox.phones(), key=lambda phone: not phone.shown)
    shown = phones[:PHONES_ON_PAGE]
    left = len(phones) - len(shown)
    more = f"<p>… and {left} more</p>" if left else ""
    brand = escape(sandbox.brand)
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">'
        f"<title>{brand} sandbox</title><style>{_STYLE}</style></head><body><h1>{brand} sandbox: {len(phones)} phones, "
        f"{sandbox.ledger.total} pushes</h1><main>{''.join(map(_phone, shown))}</main>{more}</body></html>"
    )


def _phone(phone: Phone) -> str:
    marks = [phone.token]
    if phone.alias is not None:
        marks.append(f"alias {phone.alias}")
    if phone.tags:
        marks.append(f"tags {', '.join(sorted(phone.tags))}")
    if phone.muted:
        marks.append("muted")
    articles = "".join(
        f"<article><h3>{escape(one.title)}</h3><p>{escape(one.body)}</p><time>{_moment(one.at)}</time></article>"
        for one in reversed(phone.shown)
    )
    return f"<section><h2>{escape(' · '.join(marks))}</h2>{articles}</section>"


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def ledger_json(sandbox: Sandbox, last: int) -> dict[str, Any]:
    """Counts and the last deliveries. This is a test's window: unlike a log it shows tokens and texts."""
    ledger = sandbox.ledger
    return {
        "brand": sandbox.brand,
        "phones": len(sandbox.phones_known),
        "total": ledger.total,
        "bytes": ledger.bytes,
        "calls": dict(ledger.calls),
        "receipts": dict(ledger.receipts),
        "deliveries": [_delivery(one) for one in ledger.last(last)],
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
    }
