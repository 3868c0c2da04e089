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

import attrs

from pushgateway.rules import Dialect
from pushgateway.text import clean, form_encode, form_quote
from pushgateway.vendor import Audience, AudienceKind, CallBack, Notification, Outcome, Push, Reason, Refused
from pushgateway_oppo.fields import BRAND, Content, encode_notification
from pushgateway_oppo.intents import Intents
from pushgateway_oppo.limits import Json, WireValue, check_alias, encode_json, invalid, quote_json
from pushgateway_oppo.ordinary import PLAIN, Plan, Tails, encode_ordinary, make_plan

_PLAIN_LIST = re.compile(r"[A-Za-z0-9_.~;-]+", re.ASCII)

_TARGET_END = form_quote('",')
_NOTIFICATION = form_quote('"notification":{')
_MESSAGE_ID = form_quote('"app_message_id":"').decode("ascii")
_CALLBACK_URL = form_quote('"call_back_url":"').decode("ascii")
_CALLBACK_PARAMETER = form_quote('"call_back_parameter":"').decode("ascii")
_END = form_quote("}}")
_COMMA = form_quote(",")
_OPENING = (_TARGET_END + _NOTIFICATION).decode("ascii")
_ID_END = _TARGET_END.decode("ascii")

BREATH: Final = 256
"""Ordinary notifications encoded between two breaths, or so many times `_LONG_WAY` fewer others."""
_LONG_WAY = 16


Fragment: TypeAlias = tuple[str, bytes, tuple[str, ...]]
"""A notification ready to be spliced, in quoted JSON: what comes between target and message id, what comes after the
message id, and the names of the fields that were cut."""


@attrs.frozen(repr=False)
class Encoded:
    """A batch on the wire, and what was settled without it."""

    body: BytesIO
    """The form of `unicast_batch`, written once: a body of megabytes in pieces costs as much as making them."""
    sent: list[Push]
    truncated: list[tuple[str, ...]]
    """For each push sent: the names of the fields that were cut."""
    places: list[int]
    """For each push sent: its place in the batch."""
    settled: dict[int, Outcome]
    """By place: outcomes of pushes that the rules forbid."""


def encode_batch(
    batch: Sequence[Push], dialect: Dialect, intents: Intents | None = None
) -> Generator[None, Any, Encoded]:
    """Each push of `batch` as a quoted message, or its outcome where the rules forbid it; with breaths between.

    `intents`: the certificate's; None: as the rules have them.
    """
    encoded = Encoded(BytesIO(), [], [], [], {})
    sent, truncated, places, write = encoded.sent, encoded.truncated, encoded.places, encoded.body.write
    write(_opening(dialect))
    fragments: dict[int, Fragment | Refused] = {}
    notes = [id(push.notification) for push in batch]
    some_shared = len(set(notes)) < len(notes)
    plan = _plan(dialect)
    tails: Tails = {}
    target = form_quote(f'{{"target_type":{dialect.targets["tokens"].unicast},"target_value":"').decode("ascii")
    next_target = _COMMA.decode("ascii") + target
    longest = dialect.number("token_bytes")
    effort = 0
    for place, push in enumerate(batch):
        if effort >= BREATH:
            effort = 0
            yield
        token, dedupe_id = push.push_token.token, push.dedupe_id
        if not _are_plain(token, dedupe_id, longest):
            effort += 1
            if problem := token_problem(token, longest):
                encoded.settled[place] = Outcome.not_sent(push, Reason.UNREGISTERED, problem)
                continue
            token, dedupe_id = _quote_inner(token), _quote_inner(clean(dedupe_id))
        note = push.notification
        fragment = fragments.get(id(note))
        if fragment is None:
            fragment, spent = _fragment(note, plan, tails, intents)
            if some_shared:
                fragments[id(note)] = fragment
            effort += spent
        if isinstance(fragment, Refused):
            encoded.settled[place] = Outcome.not_sent(push, fragment.reason, fragment.detail)
            continue
        opening, closing, cut = fragment
        back = "" if push.callback is None else _callback(push, push.callback)
        # Joined, not formatted: a str of a class of its own (an Enum's) may show itself as something else.
        message_id = (_MESSAGE_ID, dedupe_id, _ID_END) if dedupe_id else ()
        write("".join((target if not sent else next_target, token, opening, back, *message_id)).encode("ascii"))
        write(closing)
        sent.append(push)
        truncated.append(cut)
        places.append(place)
    if len(sent) > 1:
        write(b"%5D")
    if len(sent) > BREATH:
        yield  # what follows copies megabytes
    return encoded


def _callback(push: Push, callback: CallBack) -> str:
    """The fields of `Push.callback`, or nothing where the notification says itself where receipts go."""
    note = push.notification
    own = note.overrides.get(BRAND, {}) if note.overrides else {}
    if note.receipt_url is not None or note.receipt_parameter is not None or not _CALLBACK_FIELDS.isdisjoint(own):
        return ""
    url, parameter = _quoted_url(callback.url), callback.parameter
    if PLAIN.fullmatch(parameter) is None:
        parameter = _quote_inner(parameter)
    return "".join((_CALLBACK_URL, url, _ID_END, _CALLBACK_PARAMETER, parameter, _ID_END))


_CALLBACK_FIELDS = frozenset({"call_back_url", "call_back_parameter"})


@functools.lru_cache(maxsize=64)
def _quoted_url(url: str) -> str:
    return _quote_inner(url)  # the same for all pushes of a certificate


def _are_plain(token: str, dedupe_id: str, longest: int) -> bool:
    """Whether both stand for themselves in JSON and in a form, and the token is surely one."""
    both = "_" + token + dedupe_id
    # Letters, digits and "_" of ASCII: nearly all there are, at a third of the price of a regular expression.
    if both.isidentifier() and both.isascii():
        return 0 < len(token) <= longest
    return (
        len(token) <= longest
        and PLAIN.fullmatch(token) is not None
        and (not dedupe_id or PLAIN.fullmatch(dedupe_id) is not None)
    )


def encode_unicast(encoded: Encoded, dialect: Dialect) -> tuple[str, bytes]:
    """Path and body of the request for what is to be sent: `unicast` for one push, `unicast_batch` for more."""
    content = encoded.body.getvalue()
    if len(encoded.sent) > 1:
        return dialect.operations["unicast_batch"].path, content
    call = dialect.operations["unicast"]
    return call.path, call.body.encode("ascii") + b"=" + content[len(_opening(dialect)) :]


def _opening(dialect: Dialect) -> bytes:
    return dialect.operations["unicast_batch"].body.encode("ascii") + b"=%5B"


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


_plans: dict[int, Plan] = {}


def _plan(dialect: Dialect) -> Plan:
    # By identity: a dialect is a whole document, and each plan keeps its own alive.
    plan = _plans.get(id(dialect))
    if plan is None:
        plan = _plans[id(dialect)] = make_plan(dialect)
    return plan


def _fragment(note: Notification, plan: Plan, tails: Tails, intents: Intents | None) -> tuple[Fragment | Refused, int]:
    """The notification ready to be spliced, and what it cost beside an ordinary one."""
    ordinary = encode_ordinary(note, plan, tails, intents)
    if ordinary is not None:
        return (_OPENING, ordinary + _END, ()), 1
    try:
        content = encode_notification(note, plan.dialect, None, None, intents)
    except Refused as refused:
        return refused, _LONG_WAY
    opening = _OPENING
    if content.beside:
        opening = (_TARGET_END + _members(content.beside) + _COMMA + _NOTIFICATION).decode("ascii")
    return (opening, _members(content.fields) + _END, content.truncated), _LONG_WAY


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


def _quote_inner(text: str) -> str:
    return form_quote(quote_json(text)[1:-1]).decode("ascii")


def _form_text(value: WireValue) -> str:
    if isinstance(value, Json):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
