"""Encodes ordinary notifications fast: what differs from one to the next is checked anew, the rest is kept encoded.

A chat message differs from the next one in its texts, its data, the values of its template and its replace key. Click,
channel, ttl and intent have few values, and so the fields that follow from them are built once by the plug-in, encoded
once by `render`, and kept. Checking the other fields costs a quarter of building all of them. A notification with any
other attribute or with overrides is built in full. Pure, but for the bounded table of what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

import attrs

from pushgateway.vendor import Notification, Refused
from pushgateway.vendor.rules import FieldRule
from pushgateway.vendor.text import size
from pushgateway.vendor.toolkit.field_checks import goes_whole
from pushgateway.vendor.toolkit.fields import Content, Sheet, replace_value
from pushgateway.vendor.toolkit.intents import PARTS, IntentTable
from pushgateway.vendor.toolkit.json_text import WireValue, encode_json

R = TypeVar("R")

OWN: Final = ("title", "body", "data", "replace_key")
"""Attributes that differ from one ordinary notification to the next, besides the parameters of a template."""
MOST: Final = 256
"""Kept entries of one certificate, at most; a larger table is cleared."""
_RARE = attrgetter(
    *("subtitle", "store_offline", "network", "show_from", "show_until", "time_zone", "receipt_url", "badge"),
    *("receipt_parameter", "alert", "sound", "long_body", "picture", "icon", "buttons", "group", "user_id"),
    "show_in_foreground",
)
_NO_RARE = _RARE(Notification("", ""))


def is_rare(note: Notification) -> bool:
    """Whether a notification is built in full: it has overrides, or an attribute that few have."""
    return bool(note.overrides) or _RARE(note) != _NO_RARE


@attrs.frozen(repr=False)
class Encoded(Generic[R]):
    """An encoded notification."""

    own: Mapping[str, WireValue]
    """The fields that differ from one notification to the next, by wire name, checked."""
    rest: R
    """All other fields, as `render` made them; the same object for many notifications."""
    truncated: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()


class OrdinaryEncoder(Generic[R]):
    """Encodes the notifications of one certificate."""

    def __init__(
        self,
        sheet: Sheet,
        build: Callable[[Notification], Content],
        render: Callable[[Content], R],
        intents: IntentTable | None = None,
    ) -> None:
        """`build`: the whole content of any notification, usually `sheet.build` with the plug-in's own fields; it may
        raise `Refused`, and must not change the fields of `own`. `render`: encodes a content without these."""
        self._sheet, self._build, self._render, self._intents = sheet, build, render, intents
        self._rows = [row for row in map(self._own_row, sheet.fields) if row is not None]
        wires = {} if intents is None else intents.wire
        self._parameters = tuple(dict.fromkeys(wires[part] for part in PARTS if part in wires))
        self.own = frozenset([*self._parameters, *(name for name, *_ in self._rows)])
        """The wire names of the fields in `Encoded.own`."""
        self._kept: dict[tuple[Any, ...], tuple[Encoded[R], Mapping[str, WireValue]]] = {}

    def _own_row(self, name: str) -> tuple[str, FieldRule, Callable[[Notification], Any], str] | None:
        """The name, row and attribute of a field that differs, and which short check it has: text, json, or ""."""
        row = self._sheet.fields[name]
        if row.says not in OWN or row.scope != "all" or row.values or row.sends is not None:
            return None
        is_plain = not (row.max_when or row.pattern or row.wire or self._sheet.has_check(name))
        short = row.kind if is_plain and (row.kind == "json" or (row.kind == "text" and row.past == "cut")) else ""
        return name, row, attrgetter(row.says), short

    def encode(self, note: Notification) -> Encoded[R] | Refused:
        """A notification, encoded, or why it must not be sent."""
        key = None if is_rare(note) else (note.channel_id, note.ttl, note.intent, note.click, bool(note.data))
        kept = None if key is None else self._kept.get(key)
        try:
            if kept is not None:
                return self._ordinary(note, *kept)
            content = self._build(note)
        except Refused as refused:
            return refused
        encoded = self.split(content)
        if key is not None:
            if len(self._kept) >= MOST:
                self._kept.clear()
            words = {row.says for _, row, *_ in self._rows}
            cut = tuple(word for word in content.truncated if word not in words)
            self._kept[key] = attrs.evolve(encoded, own={}, truncated=cut), content.fields
        return encoded

    def split(self, content: Content) -> Encoded[R]:
        """A content as `encode` gives it."""
        own = {name: value for name, value in content.fields.items() if name in self.own}
        rest = {name: value for name, value in content.fields.items() if name not in own}
        rendered = self._render(attrs.evolve(content, fields=rest))
        return Encoded(own, rendered, content.truncated, content.omitted)

    def _ordinary(self, note: Notification, kept: Encoded[R], others: Mapping[str, WireValue]) -> Encoded[R]:
        own: dict[str, WireValue] = {}
        truncated = kept.truncated
        for name, row, getter, short in self._rows:
            value = getter(note)
            if value is None or (not value and row.says == "data"):
                continue
            if (whole := _short(short, row, value)) is not None:
                own[name] = whole
                continue
            if row.says == "replace_key":
                value = replace_value(row, value)
            own[name], was_cut = self._sheet.check(row.says, name, row, value, others)
            if was_cut:
                truncated = (*truncated, row.says)
        usage = None if self._intents is None else self._intents.usage(note)
        if usage is not None and usage.places:
            self._fill(own, note)
        return Encoded(own, kept.rest, truncated, kept.omitted)

    def _fill(self, own: dict[str, WireValue], note: Notification) -> None:
        """Add the values of the intent's template."""
        raw: dict[str, Any] = dict(own)
        if self._intents is not None:
            self._intents.add(raw, note, {})
        for name in self._parameters:
            if name in raw:
                own[name], _ = self._sheet.check(name, name, self._sheet.fields[name], raw[name], raw)


def _short(kind: str, row: FieldRule, value: Any) -> str | None:
    """A usual value as it is sent, checked with few calls; None: it needs the full check."""
    if kind == "text":
        return value if goes_whole(value, row, row.max) else None
    if kind != "json":
        return None
    text = encode_json(value)
    count = size(text, "bytes") if row.counts == "bytes" else len(text)
    return text if row.max is None or count <= row.max else None
