"""OPPO's request bodies.

Law of this file: pure; from the model to the wire. `message` and `messages` are JSON text inside a form field, and
quoting that text is the greatest cost of a push, so each distinct notification of a batch is quoted once and spliced
between the parts that differ (target, message id and what comes back with receipts).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Generator, Mapping, Sequence
from io import BytesIO
from typing import Any, Final, TypeAlias
from urllib.parse import quote_plus, unquote_plus

import attrs

from pushgateway.rules import Dialect
from pushgateway.text import clean, form_encode, form_quote
from pushgateway.vendor import Audience, AudienceKind, Batch, CallBack, Notification, Outcome, Push, Reason, Refused
from pushgateway_oppo.fields import BRAND, Content, encode_notification
from pushgateway_oppo.intents import Intents
from pushgateway_oppo.limits import Json, WireValue, check_alias, encode_json, invalid, quote_json
from pushgateway_oppo.ordinary import PLAIN, PLAIN_BYTES, Plan, Tails, encode_ordinary, make_plan

_PLAIN_LIST = re.compile(r"[A-Za-z0-9_.~;-]+", re.ASCII)

_TARGET_END = form_quote('",')
_NOTIFICATION = form_quote('"notification":{')
_MESSAGE_ID = form_quote('"app_message_id":"')
_CALLBACK_URL = form_quote('"call_back_url":"')
_CALLBACK_PARAMETER = form_quote('"call_back_parameter":"')
_END = form_quote("}}")
_COMMA = form_quote(",")
_OPENING = _TARGET_END + _NOTIFICATION

BREATH: Final = 256
"""Ordinary notifications encoded between two breaths, or so many times `_LONG_WAY` fewer others."""
_LONG_WAY = 24
_TAILS = 256
"""Taps with ttl, channel and intent whose fields are kept ready from batch to batch."""
_SLIM = 200
"""Pushes for each notification from which on it is worth its while to make it short."""
_RUN = 64
"""Pushes of one notification that are written together."""
_AT_ONCE = 64
"""Pieces written at once: to write each costs as much as to make it, and more would lie about until they are cold."""


Fragment: TypeAlias = tuple[bytes, tuple[bytes, ...], tuple[str, ...]]
"""A notification ready to be spliced, in quoted JSON: what comes between target and message id, what comes after the
message id (in pieces, because to put them together is to copy them once more), and the names of the fields that were
cut."""


@attrs.frozen(repr=False)
class Encoded:
    """A batch on the wire, and what was settled without it."""

    body: BytesIO
    """The form of `unicast_batch`, written once: a body of megabytes in pieces costs as much as making them."""
    sent: Batch
    truncated: list[tuple[str, ...]]
    """For each push sent: the names of the fields that were cut."""
    places: Sequence[int]
    """For each push sent: its place in the batch."""
    settled: dict[int, Outcome]
    """By place: outcomes of pushes that the rules forbid."""


def encode_batch(
    pushes: Sequence[Push], dialect: Dialect, intents: Intents | None = None, tails: Tails | None = None
) -> Generator[None, Any, Encoded]:
    """Each of `pushes` as a quoted message, or its outcome where the rules forbid it; with breaths between.

    `intents`: the certificate's; None: as the rules have them. `tails`: what is kept from one batch of the certificate
    to the next.
    """
    batch = Batch.of(pushes)
    fragments = _Fragments(batch, dialect, intents, {} if tails is None else tails)
    plain = _plain_addresses(batch, fragments.frame.longest)
    may_run = plain is not None and fragments.are_shared and batch.callbacks is None and all(batch.dedupe_ids)
    if not may_run or plain is None:
        return (yield from _encode_each(batch, fragments, plain, may_run=False))
    fragment = fragments.find(batch.notifications[0])
    if fragments.are_distinct or isinstance(fragment, Refused):
        return (yield from _encode_each(batch, fragments, plain, may_run=True))
    if len(batch) > BREATH:
        yield  # what follows copies megabytes
    frame = fragments.frame
    body = b"".join((frame.opening, *_same(*plain, frame.target, fragment, frame.next_target), b"%5D"))
    return Encoded(BytesIO(body), batch, [fragment[2]] * len(batch), range(len(batch)), {})


def _encode_each(
    batch: Batch, fragments: _Fragments, plain: Addresses | None, *, may_run: bool
) -> Generator[None, Any, Encoded]:
    body = BytesIO()
    truncated: list[tuple[str, ...]] = []
    places: list[int] = []
    settled: dict[int, Outcome] = {}
    notes, callbacks = batch.notifications, batch.callbacks
    frame = fragments.frame
    pieces = [frame.opening]
    place, count = 0, len(batch)
    while place < count:
        if len(pieces) >= _AT_ONCE:
            body.write(b"".join(pieces))
            pieces = []
        if fragments.effort >= BREATH:
            fragments.effort = 0
            yield
        note = notes[place]
        fragment = fragments.find(note)
        begin = frame.next_target if places else frame.target
        if may_run and plain is not None and (end := _run_end(notes, place)) and not isinstance(fragment, Refused):
            pieces += _same(plain[0][place:end], plain[1][place:end], begin, fragment, frame.next_target)
            truncated += [fragment[2]] * (end - place)
            places += range(place, end)
            place = end
            continue
        fragments.effort += plain is None
        address = _address(batch[place], frame.longest) if plain is None else (plain[0][place], plain[1][place])
        if isinstance(address, Outcome):
            settled[place] = address
        elif isinstance(fragment, Refused):
            settled[place] = Outcome.not_sent(batch[place], fragment.reason, fragment.detail)
        else:
            opening, closing, cut = fragment
            token, dedupe_id = address
            callback = None if callbacks is None else callbacks[place]
            back = () if callback is None else _callback(note, callback)
            message_id = (_MESSAGE_ID, dedupe_id, _TARGET_END) if dedupe_id else ()
            pieces += (begin, token, opening, *back, *message_id, *closing)
            truncated.append(cut)
            places.append(place)
        place += 1
    if len(places) > 1:
        pieces.append(b"%5D")
    body.write(b"".join(pieces))
    if len(places) > BREATH:
        yield  # what follows copies megabytes
    return Encoded(body, batch if not settled else batch.pick(places), truncated, places, settled)


def _run_end(notes: Sequence[Notification], place: int) -> int:
    """Where a run of one notification ends that begins here, of `_RUN` pushes at the most. 0 when it is none."""
    note, end, stop = notes[place], place + 1, min(place + _RUN, len(notes))
    while end < stop and notes[end] is note:
        end += 1
    return end if end - place > 1 else 0


def _same(
    tokens: Sequence[bytes], ids: Sequence[bytes], begin: bytes, fragment: Fragment, next_target: bytes
) -> list[bytes]:
    """The pieces of a run, put side by side list by list: nothing is left to be done for each push alone."""
    opening, closing, _ = fragment
    end = b"".join((_TARGET_END, *closing))
    pieces = [end + next_target] * (4 * len(tokens) + 1)
    pieces[0] = begin
    pieces[1::4] = tokens
    pieces[2::4] = [opening + _MESSAGE_ID] * len(tokens)
    pieces[3::4] = ids
    pieces[-1] = end
    return pieces


Address: TypeAlias = tuple[bytes, bytes]
"""Token and dedupe id, quoted."""
Addresses: TypeAlias = tuple[list[bytes], list[bytes]]
"""Those of a batch, in its order."""


def _plain_addresses(batch: Batch, longest: int) -> Addresses | None:
    """All tokens and all dedupe ids as they are, where each of them stands for itself in JSON and in a form: nearly
    always, so they are looked at in one. Otherwise None."""
    tokens, ids = batch.tokens, batch.dedupe_ids
    sizes = list(map(len, tokens))
    if not sizes or min(sizes) < 1 or max(sizes) > longest:
        return None
    # Joined and cut again, not formatted: a str of a class of its own (an Enum's) may show itself as something else.
    together = "\n".join((*tokens, *ids))
    if not together.isascii() or together.encode().translate(None, PLAIN_BYTES) != b"\n" * (2 * len(batch) - 1):
        return None
    quoted = together.encode().split(b"\n")
    return quoted[: len(batch)], quoted[len(batch) :]


def _address(push: Push, longest: int) -> Address | Outcome:
    token = push.push_token.token
    if problem := token_problem(token, longest):
        return Outcome.not_sent(push, Reason.UNREGISTERED, problem)
    return _quote_inner(token), _quote_inner(clean(push.dedupe_id))


def _callback(note: Notification, callback: CallBack) -> tuple[bytes, ...]:
    """The fields of `Push.callback`, or nothing where the notification says itself where receipts go."""
    own = note.overrides.get(BRAND, {}) if note.overrides else {}
    if note.receipt_url is not None or note.receipt_parameter is not None or not _CALLBACK_FIELDS.isdisjoint(own):
        return ()
    parameter = callback.parameter
    quoted = _quote_inner(parameter) if PLAIN.fullmatch(parameter) is None else "".join((parameter,)).encode("ascii")
    return _CALLBACK_URL, _quoted_url(callback.url), _TARGET_END, _CALLBACK_PARAMETER, quoted, _TARGET_END


_CALLBACK_FIELDS = frozenset({"call_back_url", "call_back_parameter"})


@functools.lru_cache(maxsize=64)
def _quoted_url(url: str) -> bytes:
    return _quote_inner(url)  # the same for all pushes of a certificate


def encode_unicast(encoded: Encoded, dialect: Dialect) -> tuple[str, bytes]:
    """Path and body of the request for what is to be sent: `unicast` for one push, `unicast_batch` for more."""
    content = encoded.body.getvalue()
    if len(encoded.sent) > 1:
        return dialect.operations["unicast_batch"].path, content
    call = dialect.operations["unicast"]
    return call.path, call.body.encode("ascii") + b"=" + content[len(_frame(dialect).opening) :]


def encode_save(content: Content) -> bytes:
    """The flat form of `save_message_content`. Booleans are `true` and `false`, numbers decimal."""
    return form_encode({name: _form_text(value) for name, value in content.fields.items()})


def encode_broadcast(saved: str, audience: Audience, values: Sequence[str], dialect: Dialect) -> bytes:
    """The form of `broadcast` for the saved content; `values` are the tokens or aliases to be sent."""
    target = dialect.targets[audience.kind.value].broadcast
    form = form_encode({"message_id": saved, "target_type": str(target)})
    if audience.kind is AudienceKind.EVERYONE:
        return form
    joined = _tags(audience, dialect) if audience.kind is AudienceKind.TAGS else ";".join(values)
    if _PLAIN_LIST.fullmatch(joined):
        return form + b"&target_value=" + joined.replace(";", "%3B").encode("ascii")
    return form + b"&target_value=" + form_quote(joined)


def token_problem(token: str, longest: int) -> str:
    """Why this cannot be a registration id, or "". Loose: OPPO's own samples fit neither of its SDKs' patterns."""
    if 0 < len(token) <= longest and token.isascii() and f"_{token}".isidentifier():
        return ""  # letters, digits and "_": nearly all there are
    size = len(token.encode("utf-8", "surrogatepass"))
    if 0 < size <= longest and token.isprintable() and not any(mark in token for mark in " ;,"):
        return ""
    return f"token: must be 1 to {longest} bytes without blank, control character, ';' or ','; is {size} bytes"


def check_audience(audience: Audience, dialect: Dialect) -> None:
    """Raise `Refused` for an audience that this dialect cannot express. Tokens are judged one by one elsewhere."""
    if audience.kind is AudienceKind.TAGS:
        _tags(audience, dialect)
    if audience.kind is AudienceKind.ALIASES:
        for alias in audience.values:
            check_alias("audience", alias, dialect)


def _tags(audience: Audience, dialect: Dialect) -> str:
    tags = (*audience.values, *audience.all_of, *audience.none_of)
    if not all(tag.strip() and tag.isprintable() for tag in tags):
        raise invalid("audience", "a tag must not be blank and must hold no control character")
    if dialect.targets["tags"].struck_out:
        # V1.3 shows tags crossed out and gives a list as their only form.
        if audience.all_of or audience.none_of:
            raise Refused(Reason.UNSUPPORTED, detail="audience: this dialect of OPPO has no all_of and no none_of tags")
        if any(";" in tag for tag in tags):
            raise invalid("audience", "a tag must hold no ';'")
        return ";".join(audience.values)
    groups = {"or": audience.values, "and": audience.all_of, "not": audience.none_of}
    return encode_json({name: list(group) for name, group in groups.items() if group})


@attrs.frozen
class _Frame:
    """What is the same for all batches of a dialect, made once."""

    plan: Plan
    opening: bytes
    """Of the form, up to the first message."""
    target: bytes
    """Of a message, up to its target."""
    next_target: bytes
    longest: int
    """Bytes that a token may have."""


_frames: dict[int, _Frame] = {}


def _frame(dialect: Dialect) -> _Frame:
    # By identity: a dialect is a whole document, and each plan keeps its own alive.
    frame = _frames.get(id(dialect))
    if frame is None:
        opening = dialect.operations["unicast_batch"].body.encode("ascii") + b"=%5B"
        target = form_quote(f'{{"target_type":{dialect.targets["tokens"].unicast},"target_value":"')
        longest = dialect.number("token_bytes")
        frame = _frames[id(dialect)] = _Frame(make_plan(dialect), opening, target, _COMMA + target, longest)
    return frame


class _Fragments:
    """The notifications of one batch, each encoded once."""

    def __init__(self, batch: Batch, dialect: Dialect, intents: Intents | None, tails: Tails) -> None:
        self.effort = 0
        """What they have cost, in ordinary ones."""
        notes = set(map(id, batch.notifications))
        self.are_distinct = len(notes) > 1
        """Whether there is more than one."""
        self.are_shared = len(notes) < len(batch)
        """Whether one of them is for several pushes."""
        self._is_slim = len(notes) * _SLIM <= len(batch)
        self.frame = _frame(dialect)
        self._plan = self.frame.plan
        self._intents = intents
        self._tails = tails
        if len(tails) > _TAILS:
            tails.clear()
        self._known: dict[int, Fragment | Refused] = {}  # by identity: the batch keeps them alive

    def find(self, note: Notification) -> Fragment | Refused:
        """The notification ready to be spliced, or why it must not be sent."""
        fragment = self._known.get(id(note))
        if fragment is None:
            fragment = self._encode(note)
            if self.are_shared:
                self._known[id(note)] = fragment
        return fragment

    def _encode(self, note: Notification) -> Fragment | Refused:
        ordinary = encode_ordinary(note, self._plan, self._tails, self._intents)
        if ordinary is not None:
            self.effort += 1
            return _OPENING, (_slim(b"".join(ordinary)), _END) if self._is_slim else (*ordinary, _END), ()
        self.effort += _LONG_WAY
        try:
            content = encode_notification(note, self._plan.dialect, None, None, self._intents)
        except Refused as refused:
            return refused
        opening = _OPENING
        if content.beside:
            opening = _TARGET_END + _members(content.beside) + _COMMA + _NOTIFICATION
        return opening, (_members(content.fields), _END), content.truncated


@functools.lru_cache(maxsize=16)
def _slim(quoted: bytes) -> bytes:
    """The same with nothing quoted that need not be: a fifth less on the wire, for the price of a push."""
    return quote_plus(unquote_plus(quoted.decode("ascii"))).encode("ascii")


def _members(fields: Mapping[str, WireValue]) -> bytes:
    return _COMMA.join([_name(name) + _quote_value(value) for name, value in fields.items()])


_NAMES: dict[str, bytes] = {}


def _name(name: str) -> bytes:
    # Only names that the rules know come here, so this table stays small.
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
    return form_quote(_form_text(value))


def _quote_inner(text: str) -> bytes:
    return form_quote(quote_json(text)[1:-1])


def _form_text(value: WireValue) -> str:
    if isinstance(value, Json):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
