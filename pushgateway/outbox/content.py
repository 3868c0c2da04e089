"""Pushes and outcomes as JSON texts, and back: what an outbox stores.

Pure. Every field of a push is kept, fields with their default value by being left out. A text has the number of its
form; one of another form, or with a field that this program does not know, is not read in part: it raises `Unreadable`,
and the worker makes a dead letter of it. Used by `outbox` and `worker`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import compress
from operator import attrgetter, is_not
from typing import Any, Final, NamedTuple, TypeVar

import attrs

from pushgateway.model.appearance import Alert, Badge, Button
from pushgateway.model.checks import check_kind, check_seconds
from pushgateway.model.click import CLICKS, ClickAction
from pushgateway.model.errors import FieldError
from pushgateway.model.frozen import freeze_json
from pushgateway.model.intent import Intent, Priority
from pushgateway.model.notification import Network, Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Owner, Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.outbox.store import Leased, StoredLetter, StoredResult
from pushgateway.vendor.toolkit.json_text import decode_json, encode_json, quote_json

S = TypeVar("S")
T = TypeVar("T")

FORM: Final = 1
"""The form that is written, and the only one that is read."""


class Unreadable(Exception):
    """A stored text that this program cannot read as a whole. The message quotes nothing of it."""


def _bytes(text: str) -> bytes:
    """A text of JSON in UTF-8. Half of a surrogate pair, which UTF-8 cannot carry, is escaped: Python's escape of it is
    that of JSON."""
    return text.encode(errors="backslashreplace")


# Notifications

_CLICKS: Final[Mapping[str, Any]] = {kind.__name__: kind for kind in CLICKS}


_CLICK_FIELDS: Final = {kind: tuple(field.name for field in attrs.fields(kind)) for kind in CLICKS}


def _click(click: ClickAction) -> list[str]:
    kind = type(click)
    return [kind.__name__, *[getattr(click, name) for name in _CLICK_FIELDS[kind]]]


def _decode_click(given: list[str]) -> ClickAction:
    name, *values = given
    click: ClickAction = _CLICKS[name](*values)
    return click


_ENCODED: Final[Mapping[str, Callable[[Any], str]]] = {
    **dict.fromkeys(("data", "parameters", "overrides", "ttl", "store_offline", "show_in_foreground"), encode_json),
    **dict.fromkeys(("network", "intent", "alert"), lambda one: encode_json(one.value)),
    **dict.fromkeys(("show_from", "show_until"), lambda time: quote_json(time.isoformat())),
    "click": lambda click: encode_json(_click(click)),
    "badge": lambda badge: encode_json([badge.how, badge.number]),
    "buttons": lambda buttons: encode_json([[button.text, _click(button.click)] for button in buttons]),
}
"""By field of a notification: what makes JSON of its value. The values of the other fields are texts."""
_DECODED: Final[Mapping[str, Callable[[Any], Any]]] = {
    "click": _decode_click,
    "network": Network,
    "show_from": datetime.fromisoformat,
    "show_until": datetime.fromisoformat,
    "intent": Intent,
    "badge": lambda given: Badge(*given),
    "alert": Alert,
    "buttons": lambda given: tuple(Button(text, _decode_click(click)) for text, click in given),
}
_FIELDS: Final = tuple(field.name for field in attrs.fields(Notification))
_DEFAULTS: Final = tuple(attrgetter(*_FIELDS)(Notification("", "")))
_VALUES: Final[Callable[[Notification], tuple[Any, ...]]] = attrgetter(*_FIELDS)
_PLACES: Final = range(len(_FIELDS))
_KNOWN: Final = frozenset(_FIELDS)
_NAMED: Final = tuple((f'"{name}":', _ENCODED.get(name, quote_json)) for name in _FIELDS)


def _notification_text(notification: Notification) -> str:
    members = []
    values = _VALUES(notification)
    # Most values are the default itself: those are passed over without a step of Python for each.
    for place in compress(_PLACES, map(is_not, values, _DEFAULTS)):
        value = values[place]
        if value != _DEFAULTS[place]:
            name, encode = _NAMED[place]
            members.append(name + encode(value))
    return f"{{{','.join(members)}}}"


def _read_notification(given: dict[str, Any]) -> Notification:
    fields: dict[str, Any] = {"title": "", "body": ""}
    for name, value in given.items():
        decode = _DECODED.get(name)
        fields[name] = value if decode is None else decode(value)
    if not _KNOWN.issuperset(fields):
        raise Unreadable(f"a field of the notification is not known: {', '.join(sorted(fields.keys() - _KNOWN))}")
    return Notification(**fields)


# Pushes


def encode_push(push: Push) -> bytes:
    """The notification and the options of a push. Its push token, dedupe id, priority, context and owner are stored
    beside it; a `callback` is the gateway's and not stored."""
    text = f'{{"form":{FORM},"notification":{_notification_text(push.notification)}'
    if push.timeout is not None:
        text += f',"timeout":{encode_json(push.timeout)}'
    if not push.coalesce:
        text += ',"coalesce":false'
    return _bytes(text + "}")


class Content(NamedTuple):
    """What `encode_push` has written."""

    notification: Notification
    timeout: float | None
    coalesce: bool


def decode_content(text: bytes) -> Content:
    """Raises `Unreadable`."""
    try:
        return _read_content(decode_json(text.decode()))
    except Unreadable:
        raise
    except FieldError as wrong:
        raise Unreadable(str(wrong)) from None
    except Exception as wrong:  # whatever a damaged text leads to; its message may quote the text
        raise Unreadable(f"is damaged ({type(wrong).__name__})") from None


def _read_content(given: dict[str, Any]) -> Content:
    form = given.pop("form")
    if form != FORM:
        raise Unreadable(f"was written in form {str(form)[:20]}, this program reads form {FORM}")
    notification = _read_notification(given.pop("notification"))
    content = Content(notification, given.pop("timeout", None), given.pop("coalesce", True))
    check_seconds("Push.timeout", content.timeout)
    check_kind("Push.coalesce", bool, content.coalesce)
    if given:
        raise Unreadable(f"a field of the push is not known: {', '.join(sorted(given))}")
    return content


class Contents:
    """The contents that were stored or read last, so that equal ones are one object, which the gateway encodes once,
    and what was put in this process need not be read again."""

    def __init__(self, least: int) -> None:
        """`least`: how many are kept for certain, if there are so many; up to twice as many are."""
        self._least = least
        # Two dicts instead of one with an order: when the new one is full it becomes the old one, which is forgotten.
        self._new: dict[bytes, Content] = {}
        self._old: dict[bytes, Content] = {}

    def encode(self, push: Push) -> bytes:
        """`encode_push`, and the content is kept."""
        text = encode_push(push)
        if text not in self._new:
            self._keep(text, Content(push.notification, push.timeout, push.coalesce))
        return text

    def decode(self, text: bytes) -> Content:
        """`decode_content`, or what is kept. Raises `Unreadable`."""
        content = self._new.get(text)
        if content is None:
            content = self._old.get(text) or decode_content(text)
            self._keep(text, content)
        return content

    def _keep(self, text: bytes, content: Content) -> None:
        if len(self._new) >= self._least:
            self._old, self._new = self._new, {}
        self._new[text] = content


def push_of(content: Content, entry: Leased, push_token: PushToken, timeout: float) -> Push:
    """The push of an entry, which must have its outcome within `timeout` seconds, or sooner if it says so itself.
    Raises `Unreadable`."""
    if push_token.token != entry.token:
        raise Unreadable("has a token that this program does not take")
    try:
        return Push.restored(
            push_token,
            content.notification,
            timeout=timeout if content.timeout is None else min(timeout, content.timeout),
            coalesce=content.coalesce,
            dedupe_id=entry.dedupe_id,
            priority=_PRIORITIES[entry.priority],
            context=decode_context(entry.context),
            owner=owner_of(entry),
        )
    except (FieldError, ValueError, LookupError) as wrong:
        said = str(wrong) if isinstance(wrong, FieldError) else f"is damaged ({type(wrong).__name__})"
        raise Unreadable(said) from None


def owner_of(stored: Leased | StoredResult | StoredLetter) -> Owner | None:
    """The owner that a push was put with. Raises `FieldError` for a damaged one."""
    if stored.user is None or stored.device is None:
        return None
    return Owner(stored.user, stored.device, stored.binding, stored.generation)


def push_token_of(stored: Leased | StoredResult | StoredLetter) -> PushToken:
    """The push token of an entry, for what is not sent any more: with an empty token if this program does not take the
    stored one, so that its result can be handed over nevertheless."""
    try:
        return PushToken(stored.certificate_id, stored.token)
    except FieldError:
        return PushToken(stored.certificate_id or "0", "")


def perhaps(read: Callable[[S], T], stored: S) -> T | None:
    """What `read` makes of a stored value, None if it is damaged; for results, which are handed over in any case."""
    try:
        return read(stored)
    except Exception:
        return None


_PRIORITIES: Final = {priority.value: priority for priority in Priority}


def encode_context(context: object) -> bytes | None:
    """A context, which must be what JSON can hold: it has to outlive this process. Raises `FieldError`."""
    if context is None:
        return None
    if type(context) is str or (type(context) is int and context.bit_length() <= 64):
        return _bytes(encode_json(context))
    return _bytes(encode_json(freeze_json("Push.context", {"it": context})["it"]))


def decode_context(text: bytes | None) -> Any:
    """The context; a tuple has become a list."""
    return None if text is None else json.loads(text)


# Outcomes

_OUTCOME_FIELDS: Final = (
    *("status", "reason", "message_id", "vendor_code", "vendor_message", "detail", "retry_after", "attempts"),
    *("truncated", "omitted", "possible_duplicate", "repeated", "handle"),
)
"""The fields that are stored. Push token, dedupe id and context are those of the push."""
_OUTCOME_VALUES: Final[Callable[[Outcome], tuple[Any, ...]]] = attrgetter(*_OUTCOME_FIELDS)
_ACCEPTED: Final = Status.ACCEPTED


def encode_outcome(outcome: Outcome) -> bytes:
    """An outcome, without what the push has itself."""
    return _bytes(encode_json(outcome_fields(outcome)))


def outcome_fields(outcome: Outcome) -> dict[str, Any]:
    """The same as a dict for JSON; fields that say nothing are left out."""
    status, reason, *others = _OUTCOME_VALUES(outcome)
    fields: dict[str, Any] = {"status": status.value}
    if status is not _ACCEPTED:
        fields["reason"] = reason.value
    for name, value in zip(_OUTCOME_FIELDS[2:], others, strict=True):
        if value is not None and value != () and value is not False and value != "":
            fields[name] = value
    return fields


def decode_outcome(text: bytes, push_token: PushToken, dedupe_id: str, context: object) -> Outcome:
    """The outcome of this push. A text that is damaged or unknown gives `UNKNOWN` / `NO_VERDICT` with a detail: the
    push has ended, and what became of it cannot be read any more."""
    try:
        given = json.loads(text)
        return Outcome(
            push_token=push_token,
            status=Status(given.pop("status")),
            reason=Reason(given.pop("reason")) if "reason" in given else None,
            truncated=tuple(given.pop("truncated", ())),
            omitted=tuple(given.pop("omitted", ())),
            dedupe_id=dedupe_id,
            context=context,
            **given,
        )
    except Exception:
        return Outcome(
            push_token=push_token,
            status=Status.UNKNOWN,
            reason=Reason.NO_VERDICT,
            detail="the stored outcome cannot be read",
            dedupe_id=dedupe_id,
            context=context,
        )
