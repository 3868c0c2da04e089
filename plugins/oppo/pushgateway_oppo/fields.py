"""From a notification to OPPO's fields, checked by the rules.

Law of this file: pure; it knows names and meanings, the limits are rows of `rules.toml`. Titles and texts that are too
long are cut; everything else that OPPO would refuse is refused here, with the field's name, the limit and the actual
size and never with the content. Fields nobody set are left out, so that OPPO's own defaults hold.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from pushgateway.rules import Dialect, FieldRule
from pushgateway.text import ELLIPSIS, clean, fit
from pushgateway.vendor import (
    AudienceKind,
    Broadcast,
    ClickAction,
    Network,
    Notification,
    OpenActivity,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Reason,
    Refused,
)

BRAND: Final = "oppo"

WORDS: Final[Mapping[str, str]] = {
    "app_message_id": "dedupe_id",
    "title": "title",
    "sub_title": "subtitle",
    "content": "body",
    "click_action_type": "click",
    "click_action_activity": "click",
    "click_action_url": "click",
    "action_parameters": "data",
    "off_line": "store_offline",
    "off_line_ttl": "ttl",
    "network_type": "network",
    "show_time_type": "show_from",
    "show_start_time": "show_from",
    "show_end_time": "show_until",
    "push_time_type": "start_at",
    "push_start_time": "start_at",
    "fix_speed": "rate",
    "fix_speed_rate": "rate",
    "call_back_url": "receipt_url",
    "call_back_parameter": "receipt_parameter",
}
"""What hosts call the fields, for sentences and `Outcome.truncated`; others have the same name on both sides."""

_CLICK_FIELDS = ("click_action_type", "click_action_activity", "click_action_url")
_CLICKS: Final[Mapping[type[ClickAction], tuple[int, str, Callable[[Any], str]]]] = {
    OpenIntent: (1, "click_action_activity", lambda click: click.action),
    OpenUrl: (2, "click_action_url", lambda click: click.url),
    OpenActivity: (4, "click_action_activity", lambda click: click.class_name),
    OpenIntentUri: (5, "click_action_url", lambda click: click.uri),
}
"""By click action: `click_action_type`, the field of its target, and the target."""


@attrs.frozen(repr=False)
class Json:
    """JSON text that stands for itself: not a string on the wire but the value it spells."""

    text: str


WireValue = str | int | bool | Json


@attrs.frozen(repr=False)
class Content:
    """A notification in OPPO's fields."""

    fields: Mapping[str, WireValue]
    beside: Mapping[str, WireValue]
    """Fields of the message around the notification."""
    truncated: tuple[str, ...]


def encode_notification(
    note: Notification, dialect: Dialect, audience: AudienceKind | None = None, planned: Mapping[str, Any] | None = None
) -> Content:
    """The fields of `note`: for unicast when `audience` is None, else for a broadcast with these `planned` fields too.

    Raises `Refused` (`INVALID_NOTIFICATION` or `UNSUPPORTED`), whose `detail` names the field.
    """
    raw = _neutral(note)
    if planned:
        raw.update(planned)
    given = note.overrides.get(BRAND) if note.overrides else None
    if given:
        _override(raw, given, dialect)
    fields: dict[str, WireValue] = {}
    beside: dict[str, WireValue] = {}
    checked: WireValue
    truncated: tuple[str, ...] = ()
    for name, value in raw.items():
        word = _word(name, given) if given else WORDS.get(name, name)
        rule = dialect.fields.get(name)
        if rule is None:
            raise Refused(Reason.UNSUPPORTED, detail=f"{word}: OPPO's dialect {dialect.title!r} has no such field")
        if rule.scope != "all" or rule.audiences:
            _check_scope(word, rule, audience)
        maximum = rule.maximum(raw) if rule.max_when else rule.max
        if rule.kind == "text":
            checked, was_cut = _check_text(word, rule, value, maximum)
            if was_cut:
                truncated = (*truncated, WORDS.get(name, name))
        else:
            checked = _check(word, rule, value, maximum)
        (beside if rule.scope == "message" else fields)[name] = checked
    if given or "show_time_type" in raw:
        _check_together(fields, dialect, given)
    return Content(fields, beside, truncated)


def planned_fields(broadcast: Broadcast) -> dict[str, Any]:
    """The fields that only a broadcast has: its start, its speed and the id under which OPPO stores it once."""
    fields: dict[str, Any] = {}
    if broadcast.notification.dedupe_id:
        fields["app_message_id"] = broadcast.notification.dedupe_id
    if broadcast.start_at is not None:
        fields["push_time_type"] = 1
        fields["push_start_time"] = _milliseconds(broadcast.start_at)
    if broadcast.rate is not None:
        fields["fix_speed"] = True
        fields["fix_speed_rate"] = broadcast.rate
    return fields


def invalid(word: str, sentence: str) -> Refused:
    """A local refusal: the host has to change `word`."""
    return Refused(Reason.INVALID_NOTIFICATION, detail=f"{word}: {sentence}")


def _neutral(note: Notification) -> dict[str, Any]:
    raw: dict[str, Any] = {"title": note.title, "content": note.body}
    if note.subtitle is not None:
        raw["sub_title"] = note.subtitle
    if (click := _CLICKS.get(type(note.click))) is not None:
        raw["click_action_type"], name, target = click
        raw[name] = target(note.click)
    if note.data:
        raw["action_parameters"] = note.data
    # Nothing to keep for nobody: OPPO names no least ttl, and 0 seconds means just that.
    if not note.store_offline or note.ttl == 0:
        raw["off_line"] = False
    if note.ttl:
        raw["off_line_ttl"] = note.ttl
    if note.network is not Network.ANY:
        raw["network_type"] = 1
    if note.show_from is not None or note.show_until is not None:
        raw["show_time_type"] = 1
        raw.update(
            (name, _milliseconds(moment))
            for name, moment in (("show_start_time", note.show_from), ("show_end_time", note.show_until))
            if moment is not None
        )
    for name, text in (
        ("time_zone", note.time_zone),
        ("call_back_url", note.receipt_url),
        ("call_back_parameter", note.receipt_parameter),
        ("channel_id", note.channel_id),
    ):
        if text is not None:
            raw[name] = text
    return raw


def _override(raw: dict[str, Any], given: Mapping[str, Any], dialect: Dialect) -> None:
    for name in given:
        if name == "app_message_id":
            raise invalid(_word(name, given), "is made for each push; set Notification.dedupe_id instead")
        if name not in dialect.fields:
            near = difflib.get_close_matches(str(name)[:60], dialect.fields, n=1)
            hint = f"; nearest is {near[0]}" if near else ""
            word = f'overrides["{BRAND}"]["{clean(str(name))[:60]}"]'
            raise invalid(word, f"{dialect.title!r} has no such field{hint}")
    if "click_action_type" in given:
        for name in _CLICK_FIELDS:
            raw.pop(name, None)
    if "off_line" in given and raw.get("off_line") is False:
        del raw["off_line"]
    raw.update(given)


def _word(name: str, given: Mapping[str, Any] | None) -> str:
    return f'overrides["{BRAND}"]["{name}"]' if given and name in given else WORDS.get(name, name)


def _check_scope(word: str, rule: FieldRule, audience: AudienceKind | None) -> None:
    if rule.scope == "broadcast" and audience is None:
        raise Refused(Reason.UNSUPPORTED, detail=f"{word}: OPPO has it for broadcasts only")
    if rule.scope == "message" and audience is not None:
        raise Refused(Reason.UNSUPPORTED, detail=f"{word}: OPPO has it for single pushes only")
    if rule.audiences and audience is not None and audience.value not in rule.audiences:
        kinds = " and ".join(rule.audiences)
        raise Refused(Reason.UNSUPPORTED, detail=f"{word}: OPPO has it for broadcasts to {kinds} only")


def _check(word: str, rule: FieldRule, value: object, maximum: int | None) -> WireValue:
    if rule.kind == "bool":
        if not isinstance(value, bool):
            raise invalid(word, f"must be True or False, is {type(value).__name__}")
        return value
    if rule.kind in ("int", "time"):
        return _check_number(word, rule, value, maximum)
    text = _json_text(word, value)
    if maximum is not None and len(text) > maximum:
        raise invalid(word, f"must have at most {maximum} characters as JSON, has {len(text)}")
    # `json` is text to OPPO, `object` is a value (or, given as a string, text again).
    return text if rule.kind == "json" or isinstance(value, str) else Json(text)


def _check_text(word: str, rule: FieldRule, value: object, maximum: int | None) -> tuple[str, bool]:
    if not isinstance(value, str):
        raise invalid(word, f"must be a str, is {type(value).__name__}")
    if rule.past == "cut" and maximum is not None:
        text, was_cut = fit(value, maximum)
    else:
        if maximum is not None and len(value) > maximum:
            raise invalid(word, f"must have at most {maximum} characters, has {len(value)}")
        text, was_cut = clean(value), False
    if rule.min and not (text.removesuffix(ELLIPSIS) if was_cut else text).strip():
        limit = f"1 to {maximum} characters" if maximum is not None else "at least 1 character"
        raise invalid(word, f"must have {limit}, is blank")
    return text, was_cut


def _check_number(word: str, rule: FieldRule, value: object, maximum: int | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(word, f"must be an int, is {type(value).__name__}")
    if rule.choices and value not in rule.choices:
        raise invalid(word, f"must be one of {', '.join(map(str, rule.choices))}")
    unit = f" {rule.unit}" if rule.unit else ""
    if maximum is not None and value > maximum:
        days = f" ({maximum // 86400} days)" if rule.unit == "seconds" and maximum % 86400 == 0 else ""
        raise invalid(word, f"must be at most {maximum}{unit}{days}, is {_number(value)}")
    if rule.min is not None and value < rule.min:
        raise invalid(word, f"must be at least {rule.min}{unit}, is {_number(value)}")
    if abs(value) >= 2**63:
        raise invalid(word, "must fit into 64 bits")
    return value


def _number(value: int) -> str:
    return str(value) if abs(value) < 10**15 else "far beyond"


def _json_text(word: str, value: object) -> str:
    try:
        if isinstance(value, str):
            json.loads(value)
            return value
        plain = dict(value) if isinstance(value, Mapping) else value
        return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise invalid(word, "must be JSON, or made of what JSON can hold") from None


def _check_together(fields: Mapping[str, WireValue], dialect: Dialect, given: Mapping[str, Any] | None) -> None:
    for name, rule in dialect.fields.items():
        if name not in fields and rule.needed(fields):
            raise invalid(_word(name, given), f"OPPO needs {name} beside the other fields")
    start, end = fields.get("show_start_time"), fields.get("show_end_time")
    if isinstance(start, int) and isinstance(end, int) and start >= end:
        raise invalid("show_until", "must be later than show_from")


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
