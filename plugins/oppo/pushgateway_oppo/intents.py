"""What an intent means at OPPO: the settings of a certificate, and advice about templates and channels.

Pure. Categories, channels and templates are filled by the toolkit's `IntentTable`, from the certificate's table and the
rules (`[dialects.X.intents]`). Facts of templates: a title without parameters takes no parameters, and its field is
left out; parameters are an object in most clients and text in one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import attrs

from pushgateway.vendor import safe_repr
from pushgateway.vendor.toolkit.fields import Sheet
from pushgateway.vendor.toolkit.intents import IntentSetting, IntentTable
from pushgateway_oppo.notification import RULES

WIRE: Final[Mapping[str, str]] = {
    "category": "category",
    "notify_level": "notify_level",
    "channel_id": "channel_id",
    "template": "private_msg_template_id",
    "title_parameters": "private_title_parameters",
    "content_parameters": "private_content_parameters",
}
"""By the names of the settings of `OppoIntent`: OPPO's fields."""


@safe_repr
@attrs.frozen(kw_only=True)
class OppoIntent(IntentSetting):
    """The settings of one intent in a certificate; None: as the rules have it."""

    notify_level: int | None = None
    """1: notification drawer; 2: also lock screen; 16: also banner, vibration and sound (OPPO must grant it)."""


def make_intents(table: Mapping[str, OppoIntent], dialect: str, *, as_text: bool = False) -> IntentTable:
    """The intents of a certificate with this table. `as_text`: a template's parameters are sent as JSON text."""
    return IntentTable(RULES, dialect, table, WIRE, as_text=as_text)


_NO_TEMPLATE: Final = (
    "{0}.template is missing: since mid 2025 OPPO refuses a private category ({1}) without a template (code 54)"
)
_NO_CHANNEL: Final = "{0}.channel_id is missing: Android shows nothing without a channel that the app has created"


def advice(intents: IntentTable, sheet: Sheet) -> Iterator[str]:
    """A sentence for each intent of the table that lacks a template or a channel, and one for all other intents."""
    if not lacking(sheet):  # else this dialect has neither templates nor channels
        yield from intents.advice(no_template=_NO_TEMPLATE, no_channel=_NO_CHANNEL)


def lacking(sheet: Sheet) -> str:
    """A sentence that the dialect has no categories or channels, and which one has them; "" for one that has both."""
    if {"category", "channel_id"} <= sheet.fields.keys():
        return ""
    return (
        "OPPO now requires a category and a channel; for this certificate intent has no effect and channel_id is left "
        f"out: {sheet.missing('category')}"
    )
