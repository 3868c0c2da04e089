"""Encodes a notification into OPPO's fields.

Pure. Which field carries what, and the limits, are rows of `rules.toml`, read by the toolkit's `Sheet`. Here is what a
row cannot say: click actions, the long text, the fields of a broadcast, and fields that exclude each other. Fields that
are not set are left out, so that OPPO's own defaults apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from pushgateway.vendor import (
    AudienceKind,
    Broadcast,
    Notification,
    OpenActivity,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
)
from pushgateway.vendor.rules import Rules, load_rules
from pushgateway.vendor.toolkit.clicks import Click, Clicks
from pushgateway.vendor.toolkit.fields import Content, Sheet, milliseconds
from pushgateway.vendor.toolkit.intents import IntentTable
from pushgateway.vendor.toolkit.refusals import invalid

BRAND: Final = "oppo"
RULES: Final[Rules] = load_rules("pushgateway_oppo")
CLICKS: Final = Clicks(
    {
        OpenIntent: Click({"click_action_type": 1}, "click_action_activity"),
        OpenUrl: Click({"click_action_type": 2}, "click_action_url"),
        OpenActivity: Click({"click_action_type": 4}, "click_action_activity"),
        OpenIntentUri: Click({"click_action_type": 5}, "click_action_url"),
    },
    switch="click_action_type",
    vendor="OPPO",
)
SHEETS: Final[Mapping[str, Sheet]] = {
    name: Sheet(RULES, name, clicks=CLICKS, carries=("rate", "start_at")) for name in RULES.dialects
}
"""By dialect."""
_BIG_PICTURE = 3


def encode_notification(
    note: Notification,
    sheet: Sheet,
    intents: IntentTable | None = None,
    audience: AudienceKind | None = None,
    planned: Mapping[str, Any] | None = None,
) -> Content:
    """The fields of `note`: for unicast when `audience` is None, else for a broadcast with these `planned` fields too.

    Raises `Refused` (`INVALID_NOTIFICATION` or `UNSUPPORTED`), whose `detail` names the field.
    """
    raw = gather(note, sheet, intents, planned)
    content = sheet.write(note, raw, audience)
    if raw.get("content") is note.long_body and "body" in content.truncated:
        cut = tuple("long_body" if word == "body" else word for word in content.truncated)
        content = attrs.evolve(content, truncated=cut)
    if note.overrides:
        _check_together(content, sheet, note)
    return content


def gather(
    note: Notification, sheet: Sheet, intents: IntentTable | None = None, planned: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """All fields to be sent, by OPPO's names, not yet checked. Raises `Refused` as `Sheet.gather`."""
    raw = sheet.gather(note, planned, intents)
    given = sheet.overrides(note)
    if note.long_body is not None and raw.get("style") == 2 and given.keys().isdisjoint({"style", "content"}):
        raw["content"] = note.long_body  # with style 2 it is the one text, of which the phone shows the beginning
    if note.alert is not None and "category" not in raw and "notify_level" not in given:
        raw.pop("notify_level", None)  # OPPO refuses it without a category; it is left out instead
    return raw


def planned_fields(broadcast: Broadcast) -> dict[str, Any]:
    """The fields that only a broadcast has: its start, its speed and the id under which OPPO stores it once."""
    fields: dict[str, Any] = {}
    if broadcast.notification.dedupe_id:
        fields["app_message_id"] = broadcast.notification.dedupe_id
    if broadcast.start_at is not None:
        fields["push_time_type"] = 1
        fields["push_start_time"] = milliseconds(broadcast.start_at)
    if broadcast.rate is not None:
        fields["fix_speed"] = True
        fields["fix_speed_rate"] = broadcast.rate
    return fields


def _check_together(content: Content, sheet: Sheet, note: Notification) -> None:
    """Raise `Refused` for overrides that exclude each other by their values."""
    fields = content.fields
    if fields.get("style") == _BIG_PICTURE and fields.get("fix_speed") is True:
        raise invalid(sheet.word("style", note), "3 cannot be sent at a fixed speed: leave the rate out")
    start, end = fields.get("show_start_time"), fields.get("show_end_time")
    if fields.get("show_time_type") == 1 and isinstance(start, int) and isinstance(end, int) and start >= end:
        raise invalid(sheet.word("show_end_time", note), "must be later than the start of the window")
