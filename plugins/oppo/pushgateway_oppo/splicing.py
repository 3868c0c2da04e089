"""The quoted JSON of a notification, made once for each distinct notification of a batch.

"To splice" is to put it between the parts that differ from push to push. Pure; used by `requests`. The usual
notification is encoded by `fast_path`, any other by `notification`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias
from urllib.parse import quote_plus, unquote_plus

import attrs

from pushgateway.vendor import Batch, Notification, Refused, safe_repr
from pushgateway.vendor.rules import Dialect
from pushgateway.vendor.text import form_quote
from pushgateway.vendor.toolkit.json_text import Json, WireValue, quote_json
from pushgateway_oppo.fast_path import PLAIN, Plan, Tails, encode_ordinary, make_plan
from pushgateway_oppo.intents import Intents
from pushgateway_oppo.notification import encode_notification

TARGET_END: Final = form_quote('",')
MESSAGE_ID: Final = form_quote('"app_message_id":"')
END: Final = form_quote("}}")
_COMMA = form_quote(",")
_NOTIFICATION = form_quote('"notification":{')
_OPENING = TARGET_END + _NOTIFICATION

CHECKPOINT_EVERY: Final = 256
"""Effort between two checkpoints (`yield None`, at which the event loop runs other tasks). An ordinary notification
costs 1, any other `_FULL_ENCODER`."""
_FULL_ENCODER: Final = 24
MOST_TAILS: Final = 256
"""Entries of the cache of quoted fields (`Tails`), at most; a larger one is cleared."""
_SLIM: Final = 200
"""From so many pushes per notification on, it pays to quote the notification anew with fewer escapes (`_slim`)."""

Fragment: TypeAlias = tuple[bytes, bytes, bytes, bytes, tuple[str, ...]]
"""A notification ready to be spliced, in quoted JSON: what comes between target and message id; what comes after the
message id, in three pieces because to put them together is to copy them once more; and the names of the fields that
were cut."""


@safe_repr
@attrs.frozen
class Frame:
    """The parts of a batch that are the same for all batches of a dialect, made once."""

    plan: Plan
    opening: bytes
    """The start of the form of a batch, up to the first message."""
    opening_of_one: bytes
    """The start of the form of one push, up to its message."""
    target: bytes
    """The start of a message, up to its target."""
    next_target: bytes
    """The same behind a comma."""
    longest: int
    """Bytes that a token may have."""


_frames: dict[int, Frame] = {}


def frame_of(dialect: Dialect) -> Frame:
    """The frame of a dialect."""
    # Keyed by identity: a dialect is a large object. Each plan keeps its dialect alive, so no id is used again.
    frame = _frames.get(id(dialect))
    if frame is None:
        opening = dialect.operations["unicast_batch"].body.encode("ascii") + b"=%5B"
        single = dialect.operations["unicast"].body.encode("ascii") + b"="
        target = form_quote(f'{{"target_type":{dialect.targets["tokens"].unicast},"target_value":"')
        longest = dialect.number("token_bytes")
        frame = _frames[id(dialect)] = Frame(make_plan(dialect), opening, single, target, _COMMA + target, longest)
    return frame


class Fragments:
    """The notifications of one batch, each encoded once."""

    def __init__(self, batch: Batch, dialect: Dialect, intents: Intents | None, tails: Tails) -> None:
        self.effort = 0
        """The cost of encoding since the last checkpoint; an ordinary notification counts 1."""
        notes, count = set(map(id, batch.notifications)), len(batch.tokens)
        self.are_distinct = len(notes) > 1
        """Whether the batch has more than one notification."""
        self.are_shared = len(notes) < count
        """Whether several pushes have the same notification."""
        self._is_slim = len(notes) * _SLIM <= count
        self.frame = frame_of(dialect)
        self._plan = self.frame.plan
        self._intents = intents
        self._tails = tails
        if len(tails) > MOST_TAILS:
            tails.clear()
        self._known: dict[int, Fragment | Refused] = {}  # by identity: the batch keeps them alive

    def find(self, note: Notification) -> Fragment | Refused:
        """The notification ready to be spliced, or why it must not be sent."""
        fragment = self._known.get(id(note))
        if fragment is None:
            fragment = self.encode(note)
            if self.are_shared:
                self._known[id(note)] = fragment
        return fragment

    def find_some(self, notes: Sequence[Notification]) -> list[Fragment | Refused]:
        """The same for the first of `notes`: as many as are encoded before the next checkpoint."""
        find, found = self.find if self.are_shared else self.encode, list[Fragment | Refused]()
        for note in notes:
            found.append(find(note))
            if self.effort >= CHECKPOINT_EVERY:
                break
        return found

    def encode(self, note: Notification) -> Fragment | Refused:
        """The same, without a look at what was encoded before."""
        ordinary = encode_ordinary(note, self._plan, self._tails, self._intents)
        if ordinary is not None:
            self.effort += 1
            return _OPENING, *((b"", _slim(b"".join(ordinary)), b"") if self._is_slim else ordinary), ()
        self.effort += _FULL_ENCODER
        return _encode_fully(note, self._plan.dialect, self._intents)


def encode_fragment(note: Notification, plan: Plan, tails: Tails, intents: Intents | None) -> Fragment | Refused:
    """A single notification ready to be spliced, or why it must not be sent."""
    ordinary = encode_ordinary(note, plan, tails, intents)
    return _encode_fully(note, plan.dialect, intents) if ordinary is None else (_OPENING, *ordinary, ())


def _encode_fully(note: Notification, dialect: Dialect, intents: Intents | None) -> Fragment | Refused:
    try:
        content = encode_notification(note, dialect, None, None, intents)
    except Refused as refused:
        return refused
    opening = _OPENING
    if content.message_fields:
        opening = TARGET_END + _members(content.message_fields) + _COMMA + _NOTIFICATION
    return opening, b"", _members(content.fields), b"", content.truncated


@functools.lru_cache(maxsize=16)
def _slim(quoted: bytes) -> bytes:
    """Quoted JSON without needless percent escapes: a fifth fewer bytes, for the time that one push takes."""
    return quote_plus(unquote_plus(quoted.decode("ascii"))).encode("ascii")


def _members(fields: Mapping[str, WireValue]) -> bytes:
    return _COMMA.join([_name(name) + _quote_value(value) for name, value in fields.items()])


_NAMES: dict[str, bytes] = {}


def _name(name: str) -> bytes:
    # Only names from the rules come here, so this cache stays small.
    quoted = _NAMES.get(name)
    if quoted is None:
        quoted = _NAMES[name] = form_quote(quote_json(name) + ":")
    return quoted


def _quote_value(value: WireValue) -> bytes:
    if isinstance(value, str):
        if value.isascii() and PLAIN.fullmatch(value):
            return b"%22" + value.encode("ascii") + b"%22"
        return form_quote(quote_json(value))
    if type(value) is int:
        return b"%d" % value
    return form_quote(form_text(value))


def quote_inner(text: str) -> bytes:
    """A text as it stands inside a JSON string, quoted for a form, without the quotation marks."""
    return form_quote(quote_json(text)[1:-1])


def form_text(value: WireValue) -> str:
    """A value as a form field of its own."""
    if isinstance(value, Json):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
