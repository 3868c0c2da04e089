"""OPPO's request bodies.

Law of this file: pure; from the model to the wire. `message` and `messages` are JSON text inside a form field, and
quoting that text is the greatest cost of a push, so each distinct notification of a batch is quoted once and spliced
between the parts that differ (target and message id).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from pushgateway.rules import Dialect
from pushgateway.text import clean, form_encode, form_quote
from pushgateway.vendor import Audience, AudienceKind, Notification, Outcome, Push, Reason, Refused
from pushgateway_oppo.fields import Content, encode_notification
from pushgateway_oppo.limits import Json, WireValue, encode_json, invalid
from pushgateway_oppo.ordinary import PLAIN, Plan, encode_ordinary, make_plan

FORM: Final = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}

_PLAIN_LIST = re.compile(r"[A-Za-z0-9_.~;-]+", re.ASCII)

_TARGET_END = form_quote('",')
_NOTIFICATION = form_quote('"notification":{')
_MESSAGE_ID = form_quote('"app_message_id":"')
_END = form_quote("}}")
_COMMA = form_quote(",")
_OPENING = _TARGET_END + _NOTIFICATION


Fragment: TypeAlias = tuple[bytes, bytes, tuple[str, ...]]
"""A notification ready to be spliced, in quoted JSON: what comes between target and message id, what comes after the
message id, and the names of the fields that were cut."""


@attrs.frozen(repr=False)
class Encoded:
    """A batch on the wire, and what was settled without it."""

    pieces: list[bytes]
    """The quoted messages with the commas between them, in pieces: joined once, because copies are dear."""
    sent: list[Push]
    truncated: list[tuple[str, ...]]
    """For each push sent: the names of the fields that were cut."""
    places: list[int]
    """For each push sent: its place in the batch."""
    settled: dict[int, Outcome]
    """By place: outcomes of pushes that the rules forbid."""


def encode_batch(batch: Sequence[Push], dialect: Dialect) -> Encoded:
    """Each push of `batch` as a quoted message, or its outcome where the rules forbid it."""
    encoded = Encoded([], [], [], [], {})
    pieces, sent, truncated, places = encoded.pieces, encoded.sent, encoded.truncated, encoded.places
    fragments: dict[int, Fragment | Refused] = {}
    plan = _plan(dialect)
    first = form_quote(f'{{"target_type":{dialect.targets["tokens"].unicast},"target_value":"')
    target, next_target = first, _COMMA + first
    longest = dialect.number("token_bytes")
    is_plain = PLAIN.fullmatch
    for place, push in enumerate(batch):
        token = push.push_token.token
        plain = is_plain(token)
        if plain is None and (problem := token_problem(token, longest)):
            encoded.settled[place] = Outcome.not_sent(push, Reason.UNREGISTERED, problem)
            continue
        note = push.notification
        fragment = fragments.get(id(note))
        if fragment is None:
            fragment = fragments[id(note)] = _fragment(note, plan)
        if isinstance(fragment, Refused):
            encoded.settled[place] = Outcome.not_sent(push, fragment.reason, fragment.detail)
            continue
        value = token.encode("ascii") if plain else _quote_inner(token)
        opening, closing, cut = fragment
        pieces += (target, value, opening, _encode_id(push.dedupe_id), closing)
        target = next_target
        sent.append(push)
        truncated.append(cut)
        places.append(place)
    return encoded


def encode_unicast(encoded: Encoded, dialect: Dialect) -> tuple[str, bytes]:
    """Path and body of the request for what is to be sent: `unicast` for one push, `unicast_batch` for more."""
    if len(encoded.sent) == 1:
        call, opening, closing = dialect.operations["unicast"], b"=", b""
    else:
        call, opening, closing = dialect.operations["unicast_batch"], b"=%5B", b"%5D"
    return call.path, b"".join((call.body.encode("ascii"), opening, *encoded.pieces, closing))


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
        limit = dialect.numbers.get("alias_characters")
        for alias in audience.values:
            if not alias.strip() or not alias.isprintable() or ";" in alias:
                raise invalid("audience", "an alias must not be blank and must hold no control character and no ';'")
            if limit is not None and len(alias) > limit.value:
                raise invalid("audience", f"an alias must have at most {limit.value} characters, one has {len(alias)}")


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


def _fragment(note: Notification, plan: Plan) -> Fragment | Refused:
    ordinary = encode_ordinary(note, plan)
    if ordinary is not None:
        return _OPENING, ordinary + _END, ()
    try:
        content = encode_notification(note, plan.dialect)
    except Refused as refused:
        return refused
    opening = _OPENING
    if content.beside:
        opening = _TARGET_END + _members(content.beside) + _COMMA + _NOTIFICATION
    return opening, _members(content.fields) + _END, content.truncated


def _members(fields: Mapping[str, WireValue]) -> bytes:
    return _COMMA.join([_name(name) + _quote_value(value) for name, value in fields.items()])


_NAMES: dict[str, bytes] = {}


def _name(name: str) -> bytes:
    # Only names that the rules know come here, so this table stays small.
    quoted = _NAMES.get(name)
    if quoted is None:
        quoted = _NAMES[name] = form_quote(encode_json(name) + ":")
    return quoted


def _quote_value(value: WireValue) -> bytes:
    if isinstance(value, str):
        if value.isascii() and PLAIN.fullmatch(value):
            return b"%22" + value.encode("ascii") + b"%22"
        return form_quote(encode_json(value))
    if type(value) is int:
        return b"%d" % value
    return form_quote(_form_text(value))


def _quote_inner(text: str) -> bytes:
    return form_quote(encode_json(text)[1:-1])


def _encode_id(dedupe_id: str) -> bytes:
    if not dedupe_id:
        return b""
    plain = PLAIN.fullmatch(dedupe_id)
    return _MESSAGE_ID + (dedupe_id.encode("ascii") if plain else _quote_inner(clean(dedupe_id))) + _TARGET_END


def _form_text(value: WireValue) -> str:
    if isinstance(value, Json):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
