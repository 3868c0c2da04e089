"""Encodes the usual notification in one pass, as JSON quoted for a form: for vendors that mix notifications.

Pure. It takes a title and a body that fit, a click action, data, a ttl, a channel, an intent and its template. For any
other field, and for a value that would be cut or refused, it returns None and `fields.Sheet` decides. Both give the
same fields. The fields behind the texts are the same for many pushes of a certificate, so they are kept encoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from pushgateway.vendor import Intent, Notification, OpenApp, Refused
from pushgateway.vendor.rules import FieldRule
from pushgateway.vendor.text import clean, form_quote, is_visible
from pushgateway.vendor.toolkit.clicks import TARGETS, target_of
from pushgateway.vendor.toolkit.field_checks import goes_whole
from pushgateway.vendor.toolkit.fields import Sheet, encode_tree, is_ordinary, nest
from pushgateway.vendor.toolkit.intents import IntentTable, Usage
from pushgateway.vendor.toolkit.json_text import encode_json, quote_json
from pushgateway.vendor.toolkit.requests import PLAIN

Key: TypeAlias = tuple[type, str, int | None, str | None, Intent | None]
Place: TypeAlias = tuple[str, str]
"""The opening of a template's place as JSON, and its name."""

MOST_TAILS: Final = 256
"""Entries of a cache of encoded fields, at most; a larger one is cleared."""
_LONG_NUMBER: Final = 10**15
_MISSING: Any = object()
"""Stands for "not in the cache"."""
_HAN, _BEYOND_HAN, _INK, _BEYOND_INK = "\u4e00", "\ua000", "!", "\x7f"
"""Bounds by which a text is compared: one between `_HAN` and `_BEYOND_HAN` begins with a Chinese character, one between
`_INK` and `_BEYOND_INK` with a visible ASCII character, so it is visible. Nearly every text is in one of the two, and a
comparison takes a fifth of the time of a call of `is_visible`."""


class FormEncoder:
    """The encoder of one certificate's ordinary notifications. Title, body and data must be at the top of the JSON."""

    def __init__(self, sheet: Sheet, intents: IntentTable | None = None) -> None:
        self.sheet = sheet
        self.intents = intents
        self._brand = sheet.brand
        self._usages: Mapping[Intent, Usage] = {} if intents is None else intents.usages
        self.tails: dict[Key, bytes | None] = {}
        """A cache: by click action (type and target), ttl, channel and intent their quoted fields, which follow the
        texts. None: these are not ordinary."""
        (title, self._title), (body, self._body) = self._row("title"), self._row("body")
        self._title_most, self._body_most = self._title.max or 2**30, self._body.max or 2**30
        # By size in the vendor's way of counting; a character has at most two UTF-16 units, or four bytes.
        self._title_sure = self._title_most // (4 if self._title.counts == "bytes" else 2)
        self._body_sure = self._body_most // (4 if self._body.counts == "bytes" else 2)
        self._opening = form_quote(quote_json(title) + ":")
        self._between = f",{quote_json(body)}:"
        data, row = self._row("data") if sheet.has("data") else ("", None)
        self._data_opening = f",{quote_json(data)}:"
        self._data_most = -1 if row is None else row.max or 2**30
        self._is_data_text = row is not None and row.kind == "json"
        self._channel = next((name for name, row in sheet.fields.items() if row.says == "channel_id"), "")
        self._parts: Mapping[Intent, tuple[tuple[str, tuple[Place, ...]], ...]] = {
            intent: tuple(
                (f",{quote_json(name)}:", tuple((quote_json(place) + ":", place) for place in places))
                for name, places in usage.places.items()
            )
            for intent, usage in self._usages.items()
        }

    def _row(self, word: str) -> tuple[str, FieldRule]:
        return next((name, row) for name, row in self.sheet.fields.items() if row.says == word)

    def encode(self, note: Notification) -> tuple[bytes, bytes, bytes] | None:
        """The quoted fields of a single push without braces and message id, in three pieces. None: not an ordinary
        one."""
        if not is_ordinary(note) or (note.overrides and self._brand in note.overrides):
            return None
        # One JSON text for all fields that may hold Chinese, so that it is quoted in one call: each call costs time.
        text = self._encode_texts(note.title, note.body)
        if text is None:
            return None
        if note.data:
            try:
                data = encode_json(note.data)
            except (TypeError, ValueError, RecursionError):
                return None
            if len(data) > self._data_most:
                return None
            text += self._data_opening + (quote_json(data) if self._is_data_text else data)
        usage = None if note.intent is None else self._usages.get(note.intent)
        if usage is not None and usage.template:
            filled = self._fill(note, usage)
            if filled is None:
                return None
            text += filled
        click = note.click
        kind = type(click)
        key = (kind, "" if kind is OpenApp else TARGETS[kind](click), note.ttl, note.channel_id, note.intent)
        tail = self.tails.get(key, _MISSING)
        if tail is _MISSING:
            if len(self.tails) >= MOST_TAILS:
                self.tails.clear()
            tail = self.tails[key] = self._encode_tail(note, usage)
        return None if tail is None else (self._opening, form_quote(text), tail)

    def _encode_texts(self, title: str, body: str) -> str | None:
        """`"title","content":"text"` as JSON, or None when title or body would be cut, cleaned or refused."""
        both = title + body
        if (
            len(title) <= self._title_sure
            and len(body) <= self._body_sure
            and both.isprintable()
            and '"' not in both
            and "\\" not in both
            and (_HAN <= title < _BEYOND_HAN or _INK <= title < _BEYOND_INK or is_visible(title))
            and (_HAN <= body < _BEYOND_HAN or _INK <= body < _BEYOND_INK or is_visible(body))
        ):
            return '"' + title + '"' + self._between + '"' + body + '"'  # nothing that JSON would escape
        if not goes_whole(title, self._title, self._title_most) or not goes_whole(body, self._body, self._body_most):
            return None
        return quote_json(title) + self._between + quote_json(body)

    def _fill(self, note: Notification, usage: Usage) -> str | None:
        """The template's parameters as JSON behind a comma, for a notification whose texts are sent uncut. None: a
        parameter is missing, unknown or unusual."""
        given = note.parameters
        if not usage.names.issuperset(given):
            return None
        text = ""
        for opening, places in () if note.intent is None else self._parts[note.intent]:
            members = []
            for name_opening, name in places:
                value = given.get(name)
                if value is None:
                    value = note.title if name == "title" else note.body if name == "body" else None
                if type(value) is str and (value.isprintable() or clean(value) is value):
                    members.append(name_opening + quote_json(value))
                elif type(value) is int and -_LONG_NUMBER < value < _LONG_NUMBER:
                    members.append(f"{name_opening}{value}")
                else:
                    return None
            filled = "{" + ",".join(members) + "}"
            text += opening + (quote_json(filled) if self.intents is not None and self.intents.as_text else filled)
        return text

    def _encode_tail(self, note: Notification, usage: Usage | None) -> bytes | None:
        """The fields behind the texts, for all notifications of one key. None: they are not ordinary."""
        channel = note.channel_id if note.channel_id is not None or usage is None else usage.channel_id
        if note.ttl == 0 or not _is_plain(target_of(note.click)) or not _is_plain(channel or "x"):
            return None
        bare = Notification("x", "x", click=note.click, ttl=note.ttl, channel_id=note.channel_id)
        try:
            raw = self.sheet.gather(bare)
            if usage is not None and self.intents is not None and note.intent is not None:
                self.intents.add_fixed(raw, note.intent, usage)
            content = self.sheet.write(bare, raw)
        except Refused:
            return None
        if content.omitted or content.beside:
            return None
        tail = {name: value for name, value in content.fields.items() if self.sheet.fields[name].says not in _TEXTS}
        if self._channel in tail:  # the last one
            tail[self._channel] = tail.pop(self._channel)
        return b"".join(form_quote(f",{encode_tree({name: one})[1:-1]}") for name, one in self._nested(tail).items())

    def _nested(self, fields: Mapping[str, Any]) -> Mapping[str, Any]:
        return nest(fields) if self.sheet.dialect.dots == "nested" else fields


_TEXTS: Final = ("title", "body")


def _is_plain(text: str) -> bool:
    return not text or PLAIN.fullmatch(text) is not None
