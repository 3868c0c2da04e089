"""Encodes the usual notification in one pass; used by `splicing` before the full encoder in `notification`.

Pure. It takes a title and a text that fit, a tap, data, a ttl, a channel, an intent and its template. For any other
field, and for a value that would be cut or refused, it returns None and the full encoder decides. Both give the same
fields; tests compare them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import attrs

from pushgateway.vendor import ClickAction, Intent, Network, Notification, OpenApp, safe_repr
from pushgateway.vendor.rules import Dialect
from pushgateway.vendor.text import form_quote, is_visible
from pushgateway.vendor.toolkit.json_text import encode_json, quote_json
from pushgateway_oppo.field_checks import goes_whole
from pushgateway_oppo.intents import Intents, Usage, usual
from pushgateway_oppo.notification import BRAND, CLICKS

PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]{1,256}", re.ASCII)
"""A text that needs no quoting in JSON or in a form, as most registration ids, message ids and class names."""
PLAIN_BYTES: Final = bytes(code for code in range(128) if PLAIN.fullmatch(chr(code)))
"""The characters of such a text."""

_TITLE = form_quote('"title":')
_PARAMETERS = ',"action_parameters":'
_TTL = form_quote(',"off_line_ttl":')
_CHANNEL = form_quote(',"channel_id":"')
_QUOTE = form_quote('"')


Tails: TypeAlias = dict[tuple[type, str, int | None, str | None, Intent | None], bytes | None]
"""A certificate's cache: by tap (its type and target), ttl, channel and intent their quoted fields, which follow the
texts. None: these are not ordinary, and the full encoder decides."""


@safe_repr
@attrs.frozen
class Plan:
    """The rules of a dialect that an ordinary notification needs, looked up once. Limits are in characters, ttl in
    seconds."""

    dialect: Dialect = attrs.field(repr=False)
    title: int
    body: int
    data: int
    ttl: int
    channel: bool
    clicks: Mapping[type[ClickAction], tuple[bytes, int, Callable[[Any], str]]] = attrs.field(repr=False)
    """By click action: the quoted opening of its fields, the most characters of its target, how to read the target."""


def make_plan(dialect: Dialect) -> Plan:
    """The plan of a dialect."""
    rules = dialect.fields
    return Plan(
        dialect,
        title=rules["title"].max or 0,
        body=rules["content"].max or 0,
        data=rules["action_parameters"].max or 0,
        ttl=rules["off_line_ttl"].max or 0,
        channel="channel_id" in rules,
        clicks={
            kind: (form_quote(f',"click_action_type":{number},"{name}":"'), rules[name].max or 0, target)
            for kind, (number, name, target) in CLICKS.items()
        },
    )


def encode_ordinary(
    note: Notification, plan: Plan, tails: Tails, intents: Intents | None = None
) -> tuple[bytes, bytes, bytes] | None:
    """The quoted fields of a single push without braces and message id, in three pieces. None: not an ordinary one.

    `tails`: the certificate's cache; the fields after the texts are the same for many of its pushes.
    `intents`: the certificate's; None: as the rules have them.
    """
    if not _is_ordinary(note):
        return None
    # One JSON text for all fields that may hold Chinese, so that it is quoted in one call: each call costs time.
    text = _encode_texts(note.title, note.body, plan)
    if text is None:
        return None
    if note.data:
        parameters = _encode_data(note.data, plan.data)
        if parameters is None:
            return None
        text += _PARAMETERS + quote_json(parameters)
    usage = None
    if note.intent is not None:
        table = usual(plan.dialect) if intents is None else intents
        usage = table.rows.get(note.intent)
        if usage is not None and usage.template:
            filled = table.fill_ordinary(note, usage)
            if filled is None:
                return None
            text += filled
    tail = _encode_tail(note, plan, tails, usage)
    return None if tail is None else (_TITLE, form_quote(text), tail)


def _encode_tail(note: Notification, plan: Plan, tails: Tails, usage: Usage | None) -> bytes | None:
    kind = type(note.click)
    known = plan.clicks.get(kind)
    target = "" if known is None else known[2](note.click)
    key = (kind, target, note.ttl, note.channel_id, note.intent)
    if key in tails:
        return tails[key]
    tail: bytes | None = _encode_click(note.click, plan)
    if tail is not None and note.ttl is not None:
        tail = tail + _TTL + b"%d" % note.ttl if 0 < note.ttl <= plan.ttl else None
    channel = note.channel_id
    if tail is not None and usage is not None:
        tail += usage.quoted
        channel = usage.channel_id if channel is None else channel
    if tail is not None and channel is not None:
        fits = plan.channel and PLAIN.fullmatch(channel)
        tail = tail + _CHANNEL + channel.encode("ascii") + _QUOTE if fits else None
    tails[key] = tail
    return tail


_HAN, _BEYOND_HAN, _INK, _BEYOND_INK = "\u4e00", "\ua000", "!", "\x7f"
"""Bounds by which a text is compared: one between `_HAN` and `_BEYOND_HAN` begins with a Chinese character, one between
`_INK` and `_BEYOND_INK` with a visible ASCII character, so it is visible. Nearly every text is in one of the two, and a
comparison takes a fifth of the time of a call of `is_visible`."""


def _encode_texts(title: str, body: str, plan: Plan) -> str | None:
    """`"title","content":"text"` as JSON, or None when title or text would be cut, cleaned or refused."""
    both = title + body
    if (
        2 * len(title) <= plan.title
        and 2 * len(body) <= plan.body
        and both.isprintable()
        and '"' not in both
        and "\\" not in both
        and (_HAN <= title < _BEYOND_HAN or _INK <= title < _BEYOND_INK or is_visible(title))
        and (_HAN <= body < _BEYOND_HAN or _INK <= body < _BEYOND_INK or is_visible(body))
    ):
        return '"' + title + '","content":"' + body + '"'  # nothing that JSON would escape
    if not goes_whole(title, plan.title) or not goes_whole(body, plan.body):
        return None
    return quote_json(title) + ',"content":' + quote_json(body)


_ANY = Network.ANY  # a global: to look up an enum member takes Python code


def _is_ordinary(note: Notification) -> bool:
    return (
        note.subtitle is None
        and note.store_offline
        and note.network is _ANY
        and note.time_zone is None
        and note.show_from is None
        and note.show_until is None
        and note.receipt_url is None
        and note.receipt_parameter is None
        and BRAND not in note.overrides
    )


def _encode_data(data: Mapping[str, Any], maximum: int) -> str | None:
    try:
        text = encode_json(data)
    except (TypeError, ValueError, RecursionError):
        return None
    return text if len(text) <= maximum else None


def _encode_click(click: ClickAction, plan: Plan) -> bytes | None:
    if type(click) is OpenApp:
        return b""
    known = plan.clicks.get(type(click))
    if known is None:
        return None
    opening, maximum, read = known
    target = read(click)
    if len(target) > maximum or not PLAIN.fullmatch(target):
        return None
    return opening + target.encode("ascii") + _QUOTE
