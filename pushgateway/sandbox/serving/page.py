"""The page of phones as HTML, and the ledger as JSON.

Pure, from a sandbox to text. Everything on the page is escaped: a title is whatever a client sent. There are no links,
and only one script, which writes times in the zone of the browser; `PAGE_POLICY` allows that script alone.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from html import escape
from typing import Any

import attrs

from pushgateway.sandbox.kit.base import Sandbox
from pushgateway.sandbox.kit.ledger import Delivery
from pushgateway.sandbox.kit.phones import Phone
from pushgateway.vendor import ClickAction

PHONES_ON_PAGE = 100
"""Phones on the page, at most, those with the latest notification first: a page of 100,000 would be unusable."""

_STYLE = """
body{font-family:system-ui,sans-serif;background:#eceff1;margin:1rem;color:#263238}
main{display:flex;flex-wrap:wrap;gap:1rem}h1{font-size:1.2rem}
section{box-sizing:border-box;background:#fff;border:4px solid #37474f;border-radius:18px;padding:.8rem;width:19rem;
max-width:100%;min-height:6rem}
h2{font:12px monospace;overflow-wrap:anywhere;margin:.2rem 0;color:#607d8b}
article{background:#f5f7f8;border-radius:10px;padding:.5rem .7rem;margin:.5rem 0;overflow-wrap:anywhere}
article.gone{opacity:.5}article.gone h3,article.gone p{text-decoration:line-through}
strong{background:#c62828;color:#fff;border-radius:1em;padding:0 .5em}
article h3{font-size:1rem;margin:0}article p{margin:.2rem 0;white-space:pre-wrap}
small,time{font-size:11px;color:#78909c}small{display:block}
"""
_SCRIPT = (
    "for(const one of document.getElementsByTagName('time'))one.textContent=new Date(one.dateTime).toLocaleString()"
)


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_hash(_STYLE)}'; script-src 'sha256-{_hash(_SCRIPT)}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content security policy of the page."""


def phones_page(sandbox: Sandbox) -> str:
    """One HTML page with the phones, those that got something last first; each shows its newest notification on top.
    It reloads itself every two seconds."""
    phones = sorted(sandbox.phones(), key=_last, reverse=True)  # stable: the others stay in the order of registration
    shown = phones[:PHONES_ON_PAGE]
    left = len(phones) - len(shown)
    more = f"<p>… and {left} more</p>" if left else ""
    brand = escape(sandbox.brand)
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{brand} sandbox</title><style>{_STYLE}</style></head><body><h1>{brand} sandbox: {len(phones)} phones, "
        f"{sandbox.ledger.total} pushes</h1><main>{''.join(map(_phone, shown))}</main>{more}"
        f"<script>{_SCRIPT}</script></body></html>"
    )


def _last(phone: Phone) -> float:
    return phone.shown[-1].at if phone.shown else float("-inf")


def _phone(phone: Phone) -> str:
    marks = [phone.token]
    if phone.alias is not None:
        marks.append(f"alias {phone.alias}")
    if phone.account is not None:
        marks.append(f"account {phone.account}")
    if phone.tags:
        marks.append(f"tags {', '.join(sorted(phone.tags))}")
    if phone.muted:
        marks.append("muted")
    badge = f" <strong>{phone.badge}</strong>" if phone.badge else ""
    shown = "".join(map(_article, reversed(phone.shown)))
    gone = "".join(_article(one.delivery, one.why) for one in reversed(phone.gone))
    return f"<section><h2>{escape(' · '.join(marks))}{badge}</h2>{shown}{gone}</section>"


def _article(one: Delivery, gone: str = "") -> str:
    """A notification; `gone`: why it is no longer on the screen."""
    named = {"": gone, **_facts(one)}
    facts = "".join(
        f"<small>{escape(f'{name}: {value}' if name else value)}</small>" for name, value in named.items() if value
    )
    opening = "<article class=gone>" if gone else "<article>"
    return f"{opening}<h3>{escape(one.title)}</h3><p>{escape(one.body)}</p>{facts}{_moment(one.at)}</article>"


def _facts(one: Delivery) -> dict[str, str]:
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


def _moment(at: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return f'<time datetime="{moment:%Y-%m-%dT%H:%M:%SZ}">{moment:%Y-%m-%d %H:%M:%S} UTC</time>'


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
        "looks": {name: value for name, value in _facts(one).items() if value},
    }
