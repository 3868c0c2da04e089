"""Builds OPPO's request bodies for pushes and broadcasts.

Pure. `message` and `messages` are JSON text inside a form field. Quoting that text is the largest cost of a push, so
each distinct notification of a batch is quoted once (`splicing`) and put between the parts that differ: target,
message id and the fields that ask for receipts.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Generator, Iterator, Sequence
from io import BytesIO
from itertools import chain, repeat
from typing import Any, Final, TypeAlias

import attrs

from pushgateway.vendor import Audience, AudienceKind, Batch, CallBack, Notification, Outcome, Push, Reason, Refused
from pushgateway.vendor.rules import Dialect
from pushgateway.vendor.text import clean, form_encode, form_quote
from pushgateway.vendor.toolkit.json_text import encode_json
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway_oppo.fast_path import PLAIN, PLAIN_BYTES, Tails
from pushgateway_oppo.field_checks import check_alias
from pushgateway_oppo.intents import Intents
from pushgateway_oppo.notification import BRAND, Content
from pushgateway_oppo.splicing import (
    CHECKPOINT_EVERY,
    END,
    MESSAGE_ID,
    MOST_TAILS,
    TARGET_END,
    Fragment,
    Fragments,
    encode_fragment,
    form_text,
    frame_of,
    quote_inner,
)
from pushgateway_oppo.tokens import MISSPELT, token_refusal

_PLAIN_LETTERS: Final = PLAIN_BYTES.replace(b"_", b"")
_PLAIN_LIST = re.compile(r"[A-Za-z0-9_.~;-]+", re.ASCII)

_CALLBACK_URL = form_quote('"call_back_url":"')
_CALLBACK_PARAMETER = form_quote('"call_back_parameter":"')

_FEW: Final = 8
"""Batches of fewer pushes are encoded one push at a time, which costs less for them."""
_RUN: Final = 64
"""Neighbouring pushes of one notification that are written together, at most."""
_AT_ONCE: Final = 64
"""Pushes, or pieces, that are joined and written at once. To write each piece alone costs as much as to make it; more
than these fall out of the CPU cache before they are written."""


@attrs.define(eq=False, repr=False)
class Encoded:
    """An encoded batch, and the outcomes of the pushes that are not in it."""

    body: BytesIO
    """The form of `unicast_batch`. One buffer, because to join the pieces of a body of megabytes at the end costs as
    much as to make them."""
    sent: Batch
    truncated: list[tuple[str, ...]]
    """For each push sent: the names of the fields that were cut."""
    places: Sequence[int]
    """For each push sent: its place in the batch."""
    settled: dict[int, Outcome]
    """By place in the batch: outcomes of pushes that the rules forbid."""


def encode_single(
    batch: Batch, dialect: Dialect, intents: Intents | None, tails: Tails
) -> tuple[bytes, tuple[str, ...]] | Outcome:
    """The body of the request for a batch of one push, and the names of the fields that were cut; or its outcome where
    the rules forbid it. `intents`, `tails`: as for `encode_batch`."""
    frame, token, note = frame_of(dialect), batch.tokens[0], batch.notifications[0]
    if len(tails) > MOST_TAILS:
        tails.clear()
    if (refusal := token_refusal(token, frame.longest)) is not None:
        return Outcome.not_sent(batch[0], *refusal)
    fragment = encode_fragment(note, frame.plan, tails, intents)
    if isinstance(fragment, Refused):
        return Outcome.not_sent(batch[0], fragment.reason, fragment.detail)
    callback = None if batch.callbacks is None else batch.callbacks[0]
    message = _message(_quoted(token), _quoted(batch.dedupe_ids[0]), note, callback, fragment)
    return b"".join((frame.opening_of_one, frame.target, *message)), fragment[-1]


def _message(
    token: bytes, dedupe_id: bytes, note: Notification, callback: CallBack | None, fragment: Fragment
) -> tuple[bytes, ...]:
    """The pieces of one message behind the start of its target."""
    opening, head, texts, tail, _ = fragment
    back = () if callback is None else _callback(note, callback)
    if not dedupe_id:
        return token, opening, *back, head, texts, tail, END
    return token, opening, *back, MESSAGE_ID, dedupe_id, TARGET_END, head, texts, tail, END


def encode_batch(
    pushes: Sequence[Push], dialect: Dialect, intents: Intents | None = None, tails: Tails | None = None
) -> Generator[None, Any, Encoded]:
    """Each of `pushes` as a quoted message, or its outcome where the rules forbid it. Yields None at checkpoints.

    `intents`: the certificate's; None: as the rules have them. `tails`: the certificate's cache of quoted fields, kept
    from batch to batch.
    """
    batch = pushes if type(pushes) is Batch else Batch.of(pushes)
    fragments = Fragments(batch, dialect, intents, {} if tails is None else tails)
    plain = None if len(batch.tokens) < _FEW else _plain_addresses(batch, fragments.frame.longest)
    if plain is None or batch.callbacks is not None or not all(batch.dedupe_ids):
        return (yield from _encode_each(batch, fragments, plain))
    fragment = fragments.find(batch.notifications[0]) if fragments.are_shared else None
    if fragment is None or fragments.are_distinct or isinstance(fragment, Refused):
        return (yield from _encode_columns(batch, fragments, *plain))
    if len(batch) > CHECKPOINT_EVERY:
        yield  # what follows copies megabytes
    frame = fragments.frame
    body = b"".join((frame.opening, *_same(*plain, frame.target, fragment, frame.next_target), b"%5D"))
    return Encoded(BytesIO(body), batch, [fragment[-1]] * len(batch), range(len(batch)), {})


def _encode_columns(
    batch: Batch, fragments: Fragments, tokens: Sequence[bytes], ids: Sequence[bytes]
) -> Generator[None, Any, Encoded]:
    """The batch where all addresses are plain: up to `_AT_ONCE` messages at a time, each part as a list (a column)."""
    body, frame, notes = BytesIO(), fragments.frame, batch.notifications
    truncated: list[tuple[str, ...]] = []
    places: list[int] = []
    settled: dict[int, Outcome] = {}
    body.write(frame.opening)
    place, count = 0, len(batch)
    while place < count:
        if fragments.effort >= CHECKPOINT_EVERY:
            fragments.effort = 0
            yield
        begin = frame.next_target if places else frame.target
        end = _run_end(notes, place) if fragments.are_shared else 0
        if end and not isinstance(fragment := fragments.find(notes[place]), Refused):
            body.write(b"".join(_same(tokens[place:end], ids[place:end], begin, fragment, frame.next_target)))
            truncated += [fragment[-1]] * (end - place)
            places += range(place, end)
            place = end
            continue
        found = fragments.find_some(notes[place : place + _AT_ONCE])
        taken, kept = range(place, place + len(found)), []
        for number, one in zip(taken, found, strict=True):
            if isinstance(one, Refused):
                settled[number] = Outcome.not_sent(batch[number], one.reason, one.detail)
            else:
                kept.append(one)
        place = taken.stop
        if not kept:
            continue
        own = taken if len(kept) == len(found) else [number for number in taken if number not in settled]
        pieces = _different([tokens[one] for one in own], [ids[one] for one in own], begin, kept, frame.next_target)
        body.write(b"".join(pieces))
        truncated += [fragment[-1] for fragment in kept]
        places += own
    return (yield from _finish(body, batch, truncated, places, settled))


def _encode_each(batch: Batch, fragments: Fragments, plain: Addresses | None) -> Generator[None, Any, Encoded]:
    """The batch push by push: for addresses that have to be quoted, and for callbacks or ids that some pushes lack."""
    body = BytesIO()
    truncated: list[tuple[str, ...]] = []
    places: list[int] = []
    settled: dict[int, Outcome] = {}
    callbacks, frame = batch.callbacks, fragments.frame
    find = fragments.find if fragments.are_shared else fragments.encode
    pieces = [frame.opening]
    for place, note in enumerate(batch.notifications):
        if len(pieces) >= _AT_ONCE:
            body.write(b"".join(pieces))
            pieces = []
        if fragments.effort >= CHECKPOINT_EVERY:
            fragments.effort = 0
            yield
        fragment = find(note)
        fragments.effort += plain is None
        if plain is None:
            token, dedupe_id = _quoted(batch.tokens[place]), _quoted(batch.dedupe_ids[place])
            refusal = token_refusal(batch.tokens[place], frame.longest)
        else:
            token, dedupe_id, refusal = plain[0][place], plain[1][place], None
        if refusal is not None:
            settled[place] = Outcome.not_sent(batch[place], *refusal)
        elif isinstance(fragment, Refused):
            settled[place] = Outcome.not_sent(batch[place], fragment.reason, fragment.detail)
        else:
            callback = None if callbacks is None else callbacks[place]
            pieces.append(frame.next_target if places else frame.target)
            pieces += _message(token, dedupe_id, note, callback, fragment)
            truncated.append(fragment[-1])
            places.append(place)
    body.write(b"".join(pieces))
    return (yield from _finish(body, batch, truncated, places, settled))


def _finish(
    body: BytesIO, batch: Batch, truncated: list[tuple[str, ...]], places: list[int], settled: dict[int, Outcome]
) -> Generator[None, Any, Encoded]:
    if len(places) > 1:
        body.write(b"%5D")
    if len(places) > CHECKPOINT_EVERY:
        yield  # what follows copies megabytes
    return Encoded(body, batch if not settled else batch.pick(places), truncated, places, settled)


def _run_end(notes: Sequence[Notification], place: int) -> int:
    """The end of the run of pushes with one notification that begins at `place`, at most `_RUN` long; 0: no run."""
    note, end, stop = notes[place], place + 1, min(place + _RUN, len(notes))
    while end < stop and notes[end] is note:
        end += 1
    return end if end - place > 1 else 0


def _same(
    tokens: Sequence[bytes], ids: Sequence[bytes], begin: bytes, fragment: Fragment, next_target: bytes
) -> list[bytes]:
    """The pieces of a run of one notification, by slice assignment of whole lists: no Python code runs per push."""
    opening, *rest, _ = fragment
    end = b"".join((TARGET_END, *rest, END))
    pieces = [end + next_target] * (4 * len(tokens) + 1)
    pieces[0] = begin
    pieces[1::4] = tokens
    pieces[2::4] = [opening + MESSAGE_ID] * len(tokens)
    pieces[3::4] = ids
    pieces[-1] = end
    return pieces


def _different(
    tokens: Sequence[bytes], ids: Sequence[bytes], begin: bytes, fragments: Sequence[Fragment], next_target: bytes
) -> Iterator[bytes]:
    """The pieces of pushes that each have a notification of their own."""
    openings, heads, texts, tails, _ = zip(*fragments, strict=True)
    begins = chain((begin,), repeat(next_target))
    middles = openings, repeat(MESSAGE_ID), ids, repeat(TARGET_END)
    return chain.from_iterable(zip(begins, tokens, *middles, heads, texts, tails, repeat(END), strict=False))


def _quoted(text: str) -> bytes:
    """A token or a dedupe id as it stands inside a JSON string, quoted for a form."""
    # A subclass of str (such as an Enum) may encode as something else, so only a plain str is taken as it is.
    return text.encode() if type(text) is str and PLAIN.fullmatch(text) else quote_inner(clean(text))


Addresses: TypeAlias = tuple[list[bytes], list[bytes]]
"""All tokens and all dedupe ids of a batch, in its order."""


def _plain_addresses(batch: Batch, longest: int) -> Addresses | None:
    """All tokens and all dedupe ids unquoted, where none of them needs quoting in JSON or in a form; otherwise None.

    That is nearly always so, and all of them are checked as one text.
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
    if underscores:
        # Nearly always each belongs to a token's prefix "CN_"; to count these is cheaper than a search.
        prefixes = plain.count(b"\nCN_", 0, sum(sizes) + count - 1) + plain.startswith(b"CN_")
        if underscores != prefixes and MISSPELT.search(together):
            return None
    quoted = plain.split(b"\n")
    return quoted[:count], quoted[count:]


def _callback(note: Notification, callback: CallBack) -> tuple[bytes, ...]:
    """The fields of `Push.callback`; none if the notification itself names a URL or a parameter for receipts."""
    own = note.overrides.get(BRAND, {}) if note.overrides else {}
    if note.receipt_url is not None or note.receipt_parameter is not None or not _CALLBACK_FIELDS.isdisjoint(own):
        return ()
    parameter = callback.parameter
    quoted = quote_inner(parameter) if PLAIN.fullmatch(parameter) is None else "".join((parameter,)).encode("ascii")
    return _CALLBACK_URL, _quoted_url(callback.url), TARGET_END, _CALLBACK_PARAMETER, quoted, TARGET_END


_CALLBACK_FIELDS = frozenset({"call_back_url", "call_back_parameter"})


@functools.lru_cache(maxsize=64)
def _quoted_url(url: str) -> bytes:
    return quote_inner(url)  # cached: all pushes of a certificate have the same


def encode_unicast(encoded: Encoded, dialect: Dialect) -> tuple[str, bytes]:
    """Path and body of the request for the pushes to be sent: `unicast` for one, `unicast_batch` for more."""
    content = encoded.body.getvalue()
    if len(encoded.places) > 1:
        return dialect.operations["unicast_batch"].path, content
    frame = frame_of(dialect)
    return dialect.operations["unicast"].path, frame.opening_of_one + content[len(frame.opening) :]


def encode_save(content: Content) -> bytes:
    """The flat form of `save_message_content`. Booleans are `true` and `false`, numbers decimal."""
    return form_encode({name: form_text(value) for name, value in content.fields.items()})


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


def check_audience(audience: Audience, dialect: Dialect) -> None:
    """Raise `Refused` for an audience that this dialect cannot express. Tokens are checked later, one by one."""
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
        # V1.3 shows tags crossed out, and a list as their only form.
        if audience.all_of or audience.none_of:
            raise Refused(Reason.UNSUPPORTED, detail="audience: this dialect of OPPO has no all_of and no none_of tags")
        if any(";" in tag for tag in tags):
            raise invalid("audience", "a tag must hold no ';'")
        return ";".join(audience.values)
    groups = {"or": audience.values, "and": audience.all_of, "not": audience.none_of}
    return encode_json({name: list(group) for name, group in groups.items() if group})
