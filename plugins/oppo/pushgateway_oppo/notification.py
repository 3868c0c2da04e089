"""Encodes a notification into OPPO's fields, checked against the rules.

Pure. The names of the fields and their meaning are here; the limits are rows of `rules.toml`, checked by
`field_checks`. Titles and texts that are too long are cut; any other value that OPPO would refuse is refused here.
Fields that are not set are left out, so that OPPO's own defaults apply.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

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
from pushgateway.vendor.rules import Dialect, FieldRule
from pushgateway.vendor.text import clean, is_visible
from pushgateway.vendor.toolkit.json_text import WireValue
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway_oppo.field_checks import check_text, check_together, check_value, missing
from pushgateway_oppo.intents import Intents, usual

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
"""By OPPO's field name: the host's name of it, for sentences and `Outcome.truncated`. Other fields have one name."""

_CLICK_FIELDS = ("click_action_type", "click_action_activity", "click_action_url")
CLICKS: Final[Mapping[type[ClickAction], tuple[int, str, Callable[[Any], str]]]] = {
    OpenIntent: (1, "click_action_activity", lambda click: click.action),
    OpenUrl: (2, "click_action_url", lambda click: click.url),
    OpenActivity: (4, "click_action_activity", lambda click: click.class_name),
    OpenIntentUri: (5, "click_action_url", lambda click: click.uri),
}
"""By click action: `click_action_type`, the field of its target, and the target."""


@attrs.frozen(repr=False)
class Content:
    """A notification in OPPO's fields, checked."""

    fields: Mapping[str, WireValue]
    message_fields: Mapping[str, WireValue]
    """Fields of the message, which stand outside the notification object."""
    truncated: tuple[str, ...]
    """The host's names of the fields that were cut."""


def encode_notification(
    note: Notification,
    dialect: Dialect,
    audience: AudienceKind | None = None,
    planned: Mapping[str, Any] | None = None,
    intents: Intents | None = None,
) -> Content:
    """The fields of `note`: for unicast when `audience` is None, else for a broadcast with these `planned` fields too.

    `intents`: the certificate's; None: as the rules have them. Raises `Refused` (`INVALID_NOTIFICATION` or
    `UNSUPPORTED`), whose `detail` names the field.
    """
    raw = gather_fields(note, dialect, planned, intents)
    given = note.overrides.get(BRAND) if note.overrides else None
    fields: dict[str, WireValue] = {}
    message_fields: dict[str, WireValue] = {}
    truncated: tuple[str, ...] = ()
    for name, value in raw.items():
        word = _word(name, given) if given else WORDS.get(name, name)
        rule = dialect.fields.get(name)
        if rule is None:
            raise Refused(Reason.UNSUPPORTED, detail=f"{word}: {missing(name, dialect)}")
        maximum = rule.maximum(raw) if rule.max_when else rule.max
        checked, was_cut = check_field(word, name, rule, value, maximum, audience=audience)
        if was_cut:
            truncated = (*truncated, WORDS.get(name, name))
        (message_fields if rule.scope == "message" else fields)[name] = checked
    if given or "show_time_type" in raw:
        check_together(fields, dialect, lambda name: _word(name, given), audience)
    return Content(fields, message_fields, truncated)


def check_field(
    word: str, name: str, rule: FieldRule, value: Any, maximum: int | None, *, audience: AudienceKind | None
) -> tuple[WireValue, bool]:
    """One value as it is sent, and whether it was cut. Raises `Refused`, naming the field as `word`."""
    if rule.scope != "all" or rule.audiences:
        _check_scope(word, rule, audience)
    if rule.kind == "text":
        return check_text(word, name, rule, value, maximum)
    return check_value(word, rule, value, maximum), False


def gather_fields(
    note: Notification,
    dialect: Dialect,
    planned: Mapping[str, Any] | None = None,
    intents: Intents | None = None,
) -> dict[str, Any]:
    """All fields to be sent, by OPPO's names, not yet checked.

    Overrides win over the notification's other fields, and those over the fields of its intent. Raises `Refused` for an
    unknown override, and for parameters or a category that do not fit the intent.
    """
    raw = _neutral(note)
    if planned:
        raw.update(planned)
    given = note.overrides.get(BRAND) if note.overrides else None
    if given:
        _override(raw, given, dialect)
    if note.intent is not None:
        (usual(dialect) if intents is None else intents).add(raw, note, given)
    return raw


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


def _neutral(note: Notification) -> dict[str, Any]:
    raw: dict[str, Any] = {"title": note.title, "content": note.body}
    if note.subtitle is not None and is_visible(clean(note.subtitle)):  # a blank one counts as none
        raw["sub_title"] = note.subtitle
    if (click := CLICKS.get(type(note.click))) is not None:
        raw["click_action_type"], name, target = click
        raw[name] = target(note.click)
    if note.data:
        raw["action_parameters"] = note.data
    # A ttl of 0 asks OPPO to store nothing for phones that are offline: OPPO documents no smallest ttl.
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
            raise invalid(word, missing(name, dialect) + hint)
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


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
