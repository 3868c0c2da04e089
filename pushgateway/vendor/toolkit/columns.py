"""Builds requests that hold different notifications, as JSON in a form field: OPPO's `messages`, Xiaomi's `messages`.

Pure. Quoting is the largest cost of such a request, so each distinct notification is quoted once and spliced (put in)
between the parts that differ from push to push: token, message id and where receipts go. A `Frame` says how the vendor
writes one message, a `Fragment` is one notification ready to be put in, and `Columns` writes batches: whole lists (the
columns of a `Batch`) where all addresses are plain, so that no Python code runs per push.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import chain, repeat
from typing import Any, Final, TypeAlias
from urllib.parse import quote_plus, unquote_plus

import attrs

from pushgateway.vendor import (
    Batch,
    CallBack,
    Exchange,
    Notification,
    NoVerdict,
    Outcome,
    Reason,
    Refused,
    Request,
    Response,
    safe_repr,
)
from pushgateway.vendor.text import clean, form_quote
from pushgateway.vendor.toolkit.fields import Content, encode_tree, form_text, nest
from pushgateway.vendor.toolkit.form_json import FormEncoder
from pushgateway.vendor.toolkit.json_text import WireValue, quote_json
from pushgateway.vendor.toolkit.requests import PLAIN, PLAIN_BYTES

CHECKPOINT_EVERY: Final = 256
"""Effort between two checkpoints (`yield None`, at which the event loop runs other tasks). An ordinary notification
costs 1, any other `_FULL_ENCODER`."""
_FULL_ENCODER: Final = 24
_SLIM: Final = 200
"""From so many pushes per notification on, it pays to quote the notification anew with fewer escapes (`_slim`)."""
_FEW: Final = 8
"""Batches of fewer pushes are encoded one push at a time, which costs less for them."""
_RUN: Final = 64
"""Neighbouring pushes of one notification that are written together, at most."""
_AT_ONCE: Final = 64
"""Pushes, or pieces, that are joined and written at once. To write each piece alone costs as much as to make it; more
than these fall out of the CPU cache before they are written."""
_COMMA: Final = form_quote(",")
_PLAIN_LETTERS: Final = PLAIN_BYTES.replace(b"_", b"")

Refusal: TypeAlias = tuple[Reason, str]
"""Why a text is not sent as a token: the reason and a sentence that does not quote it."""
Fragment: TypeAlias = tuple[bytes, bytes, bytes, bytes, tuple[str, ...], tuple[str, ...]]
"""A notification ready to be put in: what comes between target and message id; what comes after the message id, in
three pieces because to put them together is to copy them once more; the names of the fields that were cut, and those of
the looks that were left out."""
Names: TypeAlias = Sequence[tuple[str, ...]]
"""For each push the names of fields of its notification."""
Ask: TypeAlias = Callable[[Batch, bytes], Request]
"""Makes the request for these pushes of its body."""
ReadOne: TypeAlias = Callable[[Response, Batch, Names, Names], Sequence[Outcome]]
"""Reads the reply to a request for one push; gets the names of the fields that were cut, and of those left out."""
ReadMany: TypeAlias = Callable[[Response, Batch, Names, Names], Generator[None, Any, list[Outcome]]]
"""The same for a batch; yields None at checkpoints."""
Odd: TypeAlias = Callable[[str, bytes, int, int], bool]
"""Gets all tokens and then all dedupe ids, one a line; the same as bytes; where the tokens end; and the number of "_"
in all of it."""
Addresses: TypeAlias = tuple[list[bytes], list[bytes]]
"""All tokens and all dedupe ids of a batch, in its order."""


@safe_repr
@attrs.frozen(kw_only=True)
class Frame:
    """How a vendor writes messages: each part quoted for a form."""

    opening: bytes
    """The start of the body of a batch, up to the first message."""
    closing: bytes = b"%5D"
    """The end of the body of a batch."""
    opening_of_one: bytes
    """The start of the body for one push, up to its message."""
    target: bytes
    """The start of a message, up to its target."""
    before: bytes
    """What comes between target and message id: the opening of the object of the notification."""
    beside: bytes = b""
    """The same behind fields that stand beside the notification (`Content.beside`), which come first."""
    message_id: bytes
    """The opening of the message id, up to its text; b"": a message has none."""
    text_end: bytes = form_quote('",')
    """What ends a text that has a member behind it."""
    end: bytes
    """What ends a message."""


@attrs.define(eq=False, repr=False)
class Encoded:
    """An encoded batch, and the outcomes of the pushes that are not in it."""

    body: BytesIO
    """The body of the batch. One buffer, because to join the pieces of a body of megabytes at the end costs as much as
    to make them."""
    sent: Batch
    truncated: list[tuple[str, ...]]
    """For each push sent: the names of the fields that were cut."""
    omitted: list[tuple[str, ...]]
    """For each push sent: the names of the looks that were left out."""
    places: Sequence[int]
    """For each push sent: its place in the batch."""
    settled: dict[int, Outcome]
    """By place in the batch: outcomes of pushes that the rules forbid."""
    frame: Frame

    def body_of_one(self) -> bytes:
        """The body for the only push that is sent."""
        return self.frame.opening_of_one + self.body.getvalue()[len(self.frame.opening) :]


@safe_repr
@attrs.frozen(eq=False)
class Columns:
    """How one certificate's pushes are written."""

    frame: Frame = attrs.field(repr=False)
    build: Callable[[Notification], Content] = attrs.field(repr=False)
    """The full encoder: the fields of a notification. Raises `Refused`."""
    refuse: Callable[[str], Refusal | None] = attrs.field(repr=False)
    """Why a token is not sent; None: it is."""
    longest: int
    """Bytes of a token, at most."""
    ordinary: FormEncoder | None = attrs.field(default=None, repr=False)
    """The encoder of ordinary notifications."""
    odd: Odd = attrs.field(repr=False, default=lambda *_: False)
    """For tokens of letters, digits, "_", ".", "-" and "~" that `refuse` refuses nevertheless: whether there may be one
    in a batch."""
    callback: Callable[[Notification, CallBack], tuple[bytes, ...]] = attrs.field(repr=False, default=lambda *_: ())
    """The quoted fields that ask for receipts (before the message id); none if the notification asks itself."""

    def push(self, batch: Batch, ask: Ask, read_one: ReadOne, read_many: ReadMany) -> Exchange[Sequence[Outcome]]:
        """The `push` of a vendor: one request for the whole batch. Pushes that the rules forbid get their outcome here,
        and keep it if the request fails."""
        if len(batch.tokens) == 1:
            single = self.encode_single(batch)
            if isinstance(single, Outcome):
                return [single]
            content, truncated, omitted = single
            return read_one((yield ask(batch, content)), batch, [truncated], [omitted])
        encoded = yield from self.encode(batch)
        outcomes = encoded.settled
        if not encoded.places:
            return [outcomes[place] for place in range(len(batch))]
        is_one, sent = len(encoded.places) == 1, encoded.sent
        try:
            response = yield ask(sent, encoded.body_of_one() if is_one else encoded.body.getvalue())
            if is_one:
                verdicts = read_one(response, sent, encoded.truncated, encoded.omitted)
            else:
                verdicts = yield from read_many(response, sent, encoded.truncated, encoded.omitted)
        except (Refused, NoVerdict) as failed:
            raise failed.keeping(outcomes) from None
        if not outcomes:
            return verdicts
        outcomes.update(zip(encoded.places, verdicts, strict=True))
        return [outcomes[place] for place in range(len(batch))]

    def encode_single(self, batch: Batch) -> tuple[bytes, tuple[str, ...], tuple[str, ...]] | Outcome:
        """The body for a batch of one push, the names of the fields that were cut and of those that were left out; or
        its outcome where the rules forbid it."""
        token, note = batch.tokens[0], batch.notifications[0]
        if (refusal := self.refuse(token)) is not None:
            return Outcome.not_sent(batch[0], *refusal)
        ordinary = None if self.ordinary is None else self.ordinary.encode(note)
        fragment = self.encode_fully(note) if ordinary is None else (self.frame.before, *ordinary, (), ())
        if isinstance(fragment, Refused):
            return Outcome.not_sent(batch[0], fragment.reason, fragment.detail)
        callback = None if batch.callbacks is None else batch.callbacks[0]
        message = self._message(quote_address(token), quote_address(batch.dedupe_ids[0]), note, callback, fragment)
        return b"".join((self.frame.opening_of_one, self.frame.target, *message)), fragment[4], fragment[5]

    def encode(self, batch: Batch) -> Generator[None, Any, Encoded]:
        """Each push as a quoted message, or its outcome where the rules forbid it. Yields None at checkpoints."""
        fragments = _Fragments(batch, self)
        plain = None if len(batch.tokens) < _FEW else plain_addresses(batch, self.longest, self.odd)
        if plain is None or batch.callbacks is not None or not all(batch.dedupe_ids):
            return (yield from self._encode_each(batch, fragments, plain))
        fragment = fragments.find(batch.notifications[0]) if fragments.are_shared else None
        if fragment is None or fragments.are_distinct or isinstance(fragment, Refused):
            return (yield from self._encode_columns(batch, fragments, *plain))
        if len(batch) > CHECKPOINT_EVERY:
            yield  # what follows copies megabytes
        size, frame = len(batch), self.frame
        body = b"".join((frame.opening, *self._same(*plain, frame.target, fragment), frame.closing))
        return Encoded(BytesIO(body), batch, [fragment[4]] * size, [fragment[5]] * size, range(size), {}, frame)

    def encode_fully(self, note: Notification) -> Fragment | Refused:
        """A notification ready to be put in, by the full encoder; or why it must not be sent."""
        try:
            content = self.build(note)
        except Refused as refused:
            return refused
        opening = self.frame.before
        if content.beside:
            opening = self.frame.text_end + quote_members(content.beside) + self.frame.beside
        return opening, b"", quote_members(content.fields, content.nested), b"", content.truncated, content.omitted

    def _message(
        self, token: bytes, dedupe_id: bytes, note: Notification, callback: CallBack | None, fragment: Fragment
    ) -> tuple[bytes, ...]:
        """The pieces of one message behind the start of its target."""
        opening, head, texts, tail, _, _ = fragment
        frame = self.frame
        back = () if callback is None else self.callback(note, callback)
        if not dedupe_id:
            return token, opening, *back, head, texts, tail, frame.end
        return token, opening, *back, frame.message_id, dedupe_id, frame.text_end, head, texts, tail, frame.end

    def _encode_columns(
        self, batch: Batch, fragments: _Fragments, tokens: Sequence[bytes], ids: Sequence[bytes]
    ) -> Generator[None, Any, Encoded]:
        """The batch where all addresses are plain: up to `_AT_ONCE` messages at a time, each part as a column."""
        frame, notes = self.frame, batch.notifications
        encoded = Encoded(BytesIO(), batch, [], [], [], {}, frame)
        body, places, next_target = encoded.body, [0] * 0, _COMMA + frame.target
        body.write(frame.opening)
        place, count = 0, len(batch)
        while place < count:
            if fragments.effort >= CHECKPOINT_EVERY:
                fragments.effort = 0
                yield
            begin = next_target if places else frame.target
            end = _run_end(notes, place) if fragments.are_shared else 0
            if end and not isinstance(fragment := fragments.find(notes[place]), Refused):
                body.write(b"".join(self._same(tokens[place:end], ids[place:end], begin, fragment)))
                encoded.truncated += [fragment[4]] * (end - place)
                encoded.omitted += [fragment[5]] * (end - place)
                places += range(place, end)
                place = end
                continue
            found = fragments.find_some(notes[place : place + _AT_ONCE])
            taken, kept = range(place, place + len(found)), []
            for number, one in zip(taken, found, strict=True):
                if isinstance(one, Refused):
                    encoded.settled[number] = Outcome.not_sent(batch[number], one.reason, one.detail)
                else:
                    kept.append(one)
            place = taken.stop
            if not kept:
                continue
            own = taken if len(kept) == len(found) else [number for number in taken if number not in encoded.settled]
            body.write(b"".join(self._different([tokens[one] for one in own], [ids[one] for one in own], begin, kept)))
            encoded.truncated += [fragment[4] for fragment in kept]
            encoded.omitted += [fragment[5] for fragment in kept]
            places += own
        encoded.places = places
        return (yield from self._finish(encoded))

    def _encode_each(
        self, batch: Batch, fragments: _Fragments, plain: Addresses | None
    ) -> Generator[None, Any, Encoded]:
        """The batch push by push: for addresses that have to be quoted, and for callbacks or ids that some lack."""
        frame, callbacks, places = self.frame, batch.callbacks, [0] * 0
        encoded = Encoded(BytesIO(), batch, [], [], [], {}, frame)
        find, next_target = fragments.find if fragments.are_shared else fragments.encode, _COMMA + frame.target
        pieces = [frame.opening]
        for place, note in enumerate(batch.notifications):
            if len(pieces) >= _AT_ONCE:
                encoded.body.write(b"".join(pieces))
                pieces = []
            if fragments.effort >= CHECKPOINT_EVERY:
                fragments.effort = 0
                yield
            fragment = find(note)
            fragments.effort += plain is None
            if plain is None:
                token, dedupe_id = quote_address(batch.tokens[place]), quote_address(batch.dedupe_ids[place])
                refusal = self.refuse(batch.tokens[place])
            else:
                token, dedupe_id, refusal = plain[0][place], plain[1][place], None
            if refusal is not None:
                encoded.settled[place] = Outcome.not_sent(batch[place], *refusal)
            elif isinstance(fragment, Refused):
                encoded.settled[place] = Outcome.not_sent(batch[place], fragment.reason, fragment.detail)
            else:
                callback = None if callbacks is None else callbacks[place]
                pieces.append(next_target if places else frame.target)
                pieces += self._message(token, dedupe_id, note, callback, fragment)
                encoded.truncated.append(fragment[4])
                encoded.omitted.append(fragment[5])
                places.append(place)
        encoded.body.write(b"".join(pieces))
        encoded.places = places
        return (yield from self._finish(encoded))

    def _finish(self, encoded: Encoded) -> Generator[None, Any, Encoded]:
        if len(encoded.places) > 1:
            encoded.body.write(self.frame.closing)
        if len(encoded.places) > CHECKPOINT_EVERY:
            yield  # what follows copies megabytes
        if encoded.settled:
            encoded.sent = encoded.sent.pick(encoded.places)
        return encoded

    def _same(self, tokens: Sequence[bytes], ids: Sequence[bytes], begin: bytes, fragment: Fragment) -> list[bytes]:
        """The pieces of a run of one notification, by slice assignment of whole lists: no Python code runs per push."""
        frame = self.frame
        opening, head, texts, tail, _, _ = fragment
        end = b"".join((frame.text_end, head, texts, tail, frame.end))
        pieces = [b"".join((end, _COMMA, frame.target))] * (4 * len(tokens) + 1)
        pieces[0] = begin
        pieces[1::4] = tokens
        pieces[2::4] = [opening + frame.message_id] * len(tokens)
        pieces[3::4] = ids
        pieces[-1] = end
        return pieces

    def _different(
        self, tokens: Sequence[bytes], ids: Sequence[bytes], begin: bytes, fragments: Sequence[Fragment]
    ) -> Iterator[bytes]:
        """The pieces of pushes that each have a notification of their own."""
        frame = self.frame
        openings, heads, texts, tails, _, _ = zip(*fragments, strict=True)
        begins = chain((begin,), repeat(_COMMA + frame.target))
        middles = openings, repeat(frame.message_id), ids, repeat(frame.text_end)
        return chain.from_iterable(zip(begins, tokens, *middles, heads, texts, tails, repeat(frame.end), strict=False))


class _Fragments:
    """The notifications of one batch, each encoded once."""

    def __init__(self, batch: Batch, columns: Columns) -> None:
        self.effort = 0
        """The cost of encoding since the last checkpoint; an ordinary notification counts 1."""
        notes, count = set(map(id, batch.notifications)), len(batch.tokens)
        self.are_distinct = len(notes) > 1
        """Whether the batch has more than one notification."""
        self.are_shared = len(notes) < count
        """Whether several pushes have the same notification."""
        self._is_slim = len(notes) * _SLIM <= count
        self._columns, self._before = columns, columns.frame.before
        self._ordinary = None if columns.ordinary is None else columns.ordinary.encode
        self._known: dict[int, Fragment | Refused] = {}  # by identity: the batch keeps them alive

    def find(self, note: Notification) -> Fragment | Refused:
        """The notification ready to be put in, or why it must not be sent."""
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
        ordinary = None if self._ordinary is None else self._ordinary(note)
        if ordinary is not None:
            self.effort += 1
            return self._before, *((b"", _slim(b"".join(ordinary)), b"") if self._is_slim else ordinary), (), ()
        self.effort += _FULL_ENCODER
        return self._columns.encode_fully(note)


@functools.lru_cache(maxsize=16)
def _slim(quoted: bytes) -> bytes:
    """Quoted JSON without needless percent escapes: a fifth fewer bytes, for the time that one push takes."""
    return quote_plus(unquote_plus(quoted.decode("ascii"))).encode("ascii")


def quote_members(fields: Mapping[str, WireValue], nested: bool = False) -> bytes:
    """Fields as members of a JSON object, quoted for a form, with commas between them. `nested`: as `nest` makes
    them."""
    if nested and any("." in name for name in fields):
        return form_quote(encode_tree(nest(fields))[1:-1])
    return _COMMA.join([_name(name) + _quote_value(value) for name, value in fields.items()])


@functools.lru_cache(maxsize=1024)  # only names from rules come here
def _name(name: str) -> bytes:
    return form_quote(quote_json(name) + ":")


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


def quote_address(text: str) -> bytes:
    """A token or a dedupe id as it stands inside a JSON string, quoted for a form."""
    # A subclass of str (such as an Enum) may encode as something else, so only a plain str is taken as it is.
    return text.encode() if type(text) is str and PLAIN.fullmatch(text) else quote_inner(clean(text))


def _run_end(notes: Sequence[Notification], place: int) -> int:
    """The end of the run of pushes with one notification that begins at `place`, at most `_RUN` long; 0: no run."""
    note, end, stop = notes[place], place + 1, min(place + _RUN, len(notes))
    while end < stop and notes[end] is note:
        end += 1
    return end if end - place > 1 else 0


def plain_addresses(batch: Batch, longest: int, odd: Odd = lambda *_: False) -> Addresses | None:
    """All tokens and all dedupe ids unquoted, where none of them needs quoting in JSON or in a form; otherwise None.

    That is nearly always so, and all of them are checked as one text. `longest`: bytes of a token; `odd`: as in
    `Columns`.
    """
    tokens, ids = batch.tokens, batch.dedupe_ids
    sizes = list(map(len, tokens))
    if not sizes or min(sizes) < 1 or max(sizes) > longest:
        return None
    # Joined and split, not formatted: a subclass of str (such as an Enum) may format as something else.
    together = "\n".join((*tokens, *ids))
    if not together.isascii():
        return None
    plain, count = together.encode(), len(tokens)
    marks = plain.translate(None, _PLAIN_LETTERS)  # "_" is plain too, and is checked below
    underscores = len(marks) - (2 * count - 1)
    if marks.count(b"\n") != 2 * count - 1 or marks.count(b"_") != underscores:
        return None
    if underscores and odd(together, plain, sum(sizes) + count - 1, underscores):
        return None
    quoted = plain.split(b"\n")
    return quoted[:count], quoted[count:]
