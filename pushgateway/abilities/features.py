"""What is asked of every brand: `FEATURES`, the uses of each field of `Notification`, and `AUDIENCES`.

A feature has a sample, which uses it and nothing else. A feature with a text has also notifications with a text of any
length there, by which the longest text is found. Names are code: the field, or a value of it. Values only; `asking`
sends them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from pushgateway.model.appearance import MOST_BUTTONS, Alert, Badge, Button
from pushgateway.model.audience import Audience
from pushgateway.model.click import OpenActivity, OpenApp, OpenIntent, OpenIntentUri, OpenUrl
from pushgateway.model.notification import Network, Notification
from pushgateway.model.secret import safe_repr

PLAIN: Final = Notification("title", "body")
"""The notification that every sample changes."""
URL: Final = "https://host.example/"
"""What every sample of a URL begins with."""


@safe_repr
@attrs.frozen(repr=False)
class Text:
    """The text in a feature, which may have any length."""

    fields: Callable[[str], Mapping[str, Any]]
    """The fields of a notification with this text."""
    written: Callable[[Notification], str]
    """What of such a notification counts: the whole value that the host gives, such as a URL or JSON."""
    is_free: bool = True
    """False: an address or a name, for which Chinese letters are not tried."""

    def note(self, text: str) -> Notification:
        """A notification with this text."""
        return attrs.evolve(PLAIN, **self.fields(text))


@safe_repr
@attrs.frozen(repr=False)
class Feature:
    """One use of a notification's fields."""

    name: str
    """As code: `title`, `OpenUrl`, `store_offline=False`."""
    words: tuple[str, ...]
    """The fields of `Notification` that it uses, as `Outcome.truncated` and `Outcome.omitted` name them."""
    fields: Callable[[datetime], Mapping[str, Any]]
    """The fields of the sample, sent at this moment."""
    text: Text | None = None
    beside: Mapping[str, Any] = attrs.field(factory=dict)
    """Other fields that a brand may need with it. They are given only where it is refused without them."""

    def sample(self, now: datetime) -> Notification:
        """A notification that uses it. `now`: the moment when it is sent."""
        return attrs.evolve(PLAIN, **self.fields(now))


def _value(name: str, **fields: Any) -> Feature:
    return Feature(name, tuple(fields), lambda _: fields)


def _text(name: str, sample: str, start: str = "", end: str = "", **beside: Any) -> Feature:
    """A field with a text; `start` and `end` stand around a text of any length."""
    text = Text(
        lambda letters: {name: f"{start}{letters}{end}"}, lambda note: str(getattr(note, name)), is_free=not start
    )
    return Feature(name, (name,), lambda _: {name: sample}, text, beside)


def _click(kind: Callable[[str], Any], sample: str, start: str = "", end: str = "") -> Feature:
    text = Text(
        lambda letters: {"click": kind(f"{start}{letters}{end}")},
        lambda note: "".join(attrs.astuple(note.click)),
        is_free=False,
    )
    return Feature(getattr(kind, "__name__", ""), ("click",), lambda _: {"click": kind(sample)}, text)


def _window(name: str, *bounds: str) -> Feature:
    hours = {"show_from": 1, "show_until": 2}
    return Feature(name, bounds, lambda now: {bound: now + timedelta(hours=hours[bound]) for bound in bounds})


_DATA: Final = Text(
    lambda letters: {"data": {"k": letters}},
    lambda note: json.dumps(dict(note.data), ensure_ascii=False, separators=(",", ":")),
)

FEATURES: Final[Sequence[Feature]] = (
    _text("title", "title"),
    _text("body", "body"),
    _text("subtitle", "line 2"),
    _text("long_body", "the body, and more of it"),
    _value("OpenApp", click=OpenApp()),
    _click(OpenIntent, "com.example.OPEN", "com.example."),
    _click(OpenActivity, "com.example.Main", "com.example."),
    _click(OpenUrl, f"{URL}page", URL),
    _click(OpenIntentUri, "intent://x/#Intent;scheme=app;end", "intent://", "/#Intent;scheme=app;end"),
    Feature("data", ("data",), lambda _: {"data": {"k": "v"}}, _DATA),
    _value('data={"k": [7]}', data={"k": [7, None, True, {"k": "v"}]}),
    _value("ttl", ttl=7200),
    _value("store_offline=False", store_offline=False),
    _value("Network.WIFI", network=Network.WIFI),
    _window("show_from, show_until", "show_from", "show_until"),
    _window("show_from", "show_from"),
    _window("show_until", "show_until"),
    _value("time_zone", time_zone="GMT+08:00"),
    _text("channel_id", "messages"),
    _text("replace_key", "chat-17"),
    _value("Badge.add(1)", badge=Badge.add(1)),
    _value("Badge.add(2)", badge=Badge.add(2)),
    _value("Badge.set", badge=Badge.set(3)),
    _value("Alert.SILENT", alert=Alert.SILENT),
    _value("Alert.NORMAL", alert=Alert.NORMAL),
    _value("Alert.URGENT", alert=Alert.URGENT),
    _text("sound", "ring.mp3", "r", ".mp3"),
    _text("picture", f"{URL}large.png", URL, ".png"),
    _text("icon", f"{URL}small.png", URL, ".png"),
    _value("buttons", buttons=(Button("Reply"),)),
    _text("group", "chats"),
    _value("show_in_foreground=False", show_in_foreground=False),
    _text("user_id", "ann"),
    _text("receipt_url", f"{URL}receipts", URL),
    _text("receipt_parameter", "p-1", receipt_url=f"{URL}receipts"),
)
"""Every use of a field that is carried, cut, left out or refused by itself. `intent`, `parameters`, `overrides` and
`dedupe_id` depend on more than the notification: `asking` and `facts` find them out."""


def with_buttons(number: int) -> Notification:
    """A notification with so many buttons."""
    return attrs.evolve(PLAIN, buttons=tuple(Button(f"Button {place}") for place in range(number)))


BUTTONS: Final = MOST_BUTTONS
"""The most that a notification can have."""

AUDIENCES: Final[Mapping[str, Callable[[Sequence[str]], Audience]]] = {
    "Audience.everyone": lambda _: Audience.everyone(),
    "Audience.of_tags": lambda _: Audience.of_tags(["vip", "beta"]),
    "of_tags(all_of=)": lambda _: Audience.of_tags(all_of=["vip", "beta"]),
    "of_tags(none_of=)": lambda _: Audience.of_tags(all_of=["vip"], none_of=["old"]),
    "Audience.of_aliases": lambda _: Audience.of_aliases(["ann"]),
    "Audience.of_accounts": lambda _: Audience.of_accounts(["ann"]),
    "Audience.of_tokens": Audience.of_tokens,
}
"""By name: makes an audience that holds the phone with the first of these tokens, with the alias and account `ann` and
with the tags `vip` and `beta`."""
