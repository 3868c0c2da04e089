"""What the user sees, the same for every vendor: `Notification`.

A frozen value: no I/O, no clock, no random. A `repr` is what a log may show, so it never holds a title, a body or data.
What a tap does is in `click`; badge, alert and buttons are in `appearance`. A plug-in turns a notification into the
vendor's fields. Made by hosts, read by plug-ins.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

import attrs

from pushgateway.model.appearance import MOST_BUTTONS, Alert, Badge, Button
from pushgateway.model.checks import check_aware
from pushgateway.model.click import CLICKS, ClickAction, OpenApp, plain_click
from pushgateway.model.errors import FieldError
from pushgateway.model.frozen import EMPTY, FrozenDict, freeze_json, same
from pushgateway.model.intent import Intent, as_intent
from pushgateway.model.secret import safe_repr


def _size(value: object, name: str) -> str:
    text = getattr(value, name, None)
    return str(len(text)) if isinstance(text, str) else "unknown length"


_DICTS = frozenset({dict, FrozenDict})


class Network(enum.Enum):
    """Over which network a phone may be reached."""

    ANY = "any"
    WIFI = "wifi"


def _freeze_overrides(given: Mapping[Any, Any]) -> Mapping[str, Any]:
    """A frozen copy of `Notification.overrides`, with the brands in lower case as in a certificate."""
    if type(given) is FrozenDict:
        return given
    made: dict[str, Any] = {}
    for brand, fields in given.items():
        if not isinstance(brand, str) or not isinstance(fields, Mapping):
            raise FieldError("Notification.overrides", "must map a brand to a mapping of that vendor's fields")
        name = str.__str__(brand).strip().lower()
        if name in made:
            raise FieldError("Notification.overrides", "names a brand twice")
        made[name] = freeze_json(f'Notification.overrides["{name[:60]}"]', fields)
    return FrozenDict(made) if made else EMPTY


@safe_repr
@attrs.frozen(kw_only=True, repr=False, eq=False)
class Notification:
    """What the user sees, the same for every vendor.

    It is immutable: mappings and lists are copied when it is made, at every depth, and a value that JSON cannot hold
    raises `FieldError`. Two are equal if every value is equal in value and type, so that they make the same request.

    A text that is too long for the vendor is cut, and the field is named in `Outcome.truncated`; a field that cannot be
    cut ends the push as `NOT_SENT` / `INVALID_NOTIFICATION` with a `detail` that names field and limit. Wrong types
    raise `FieldError` here. Use the same object for many tokens if you can: it is then encoded once.
    """

    title: str = attrs.field(kw_only=False)
    """First line. Vendors require at least one character."""
    body: str = attrs.field(kw_only=False)
    """The text below the title."""
    subtitle: str | None = None
    """A short second line, for vendors that have one."""
    click: ClickAction = OpenApp()
    """What a tap does."""
    data: Mapping[str, Any] = EMPTY
    """JSON object that is passed to the app or page that the tap opens."""
    ttl: int | None = None
    """Seconds the vendor may keep it for a phone that is offline. None: the vendor's default."""
    store_offline: bool = True
    """False: only for phones that are online now."""
    dedupe_id: str | None = None
    """The host's id of this message. Each push gets its own id made of this, the certificate and the token, so a
    second `send` of the same message to the same phone is dropped by vendors that drop repeats."""
    network: Network = Network.ANY
    """Over which network it may be delivered."""
    time_zone: str | None = None
    """Time zone of the display window, such as `GMT+08:00`. None: the vendor's default."""
    show_from: datetime | None = None
    """Start of the display window (with a time zone)."""
    show_until: datetime | None = None
    """End of the display window (with a time zone)."""
    receipt_url: str | None = None
    """Where the vendor posts receipts for this push."""
    receipt_parameter: str | None = None
    """A short text that comes back with each receipt."""
    channel_id: str | None = None
    """Android notification channel, created by the app."""
    intent: Intent | None = attrs.field(default=None, converter=as_intent)
    """What the push is for the user, as an `Intent` or its value such as "chat". It selects the vendor's category,
    channel and template by the certificate's settings, and the push's default priority."""
    parameters: Mapping[str, Any] = EMPTY
    """Values for the placeholders of the vendor's template, by name."""
    badge: Badge | None = None
    """What happens to the number on the app's icon. None: the vendor's default."""
    replace_key: str | None = None
    """A new notification with the same key takes the place of the old one on the phone, such as one key for each chat.
    None: every notification stays."""
    alert: Alert | None = None
    """How strongly it asks for attention. None: as the intent or the vendor has it."""
    sound: str | None = None
    """File name of a sound that the app ships, such as `ring.mp3`. None: the sound of the app's channel."""
    long_body: str | None = None
    """The text of the expanded notification, in place of `body`."""
    picture: str | None = None
    """https URL of a large picture in the expanded notification."""
    icon: str | None = None
    """https URL of a small picture beside the text."""
    buttons: tuple[Button, ...] = ()
    """At most three buttons below the text."""
    group: str | None = None
    """Notifications with the same key are shown as one group."""
    show_in_foreground: bool = True
    """False: it is not shown while the app is on the screen."""
    user_id: str | None = None
    """The app's user that it is for. The phone drops it when another user is logged in."""
    overrides: Mapping[str, Mapping[str, Any]] = EMPTY
    """By brand: fields in that vendor's own names and units; they replace everything above."""

    def __attrs_post_init__(self) -> None:
        if not self._is_usual():
            self._check_types()
        if self.show_in_foreground is not True or _APPEARANCE(self) != _NO_APPEARANCE:
            self._check_appearance()
        if self.ttl is not None and (isinstance(self.ttl, bool) or self.ttl < 0):
            raise FieldError("Notification.ttl", f"must be {_NOTIFICATION_RIGHT['ttl']}")
        if self.show_from is not None or self.show_until is not None:
            self._check_window()
        if self.data is not EMPTY:
            object.__setattr__(self, "data", freeze_json("Notification.data", self.data))
        if self.parameters is not EMPTY:
            object.__setattr__(self, "parameters", freeze_json("Notification.parameters", self.parameters))
        if self.overrides is not EMPTY:
            object.__setattr__(self, "overrides", _freeze_overrides(self.overrides))

    def _is_usual(self) -> bool:
        """True if every value has exactly the usual type. This is fast; a notification is made for nearly every
        push."""
        return (
            type(self.title) is str
            and type(self.body) is str
            and type(self.click) in CLICKS
            and type(self.data) in _DICTS
            and type(self.parameters) in _DICTS
            and type(self.overrides) in _DICTS
            and type(self.store_offline) is bool
            and type(self.network) is Network
            and (self.ttl is None or type(self.ttl) is int)
            and (self.subtitle is None or type(self.subtitle) is str)
            and (self.dedupe_id is None or type(self.dedupe_id) is str)
            and (self.time_zone is None or type(self.time_zone) is str)
            and (self.receipt_url is None or type(self.receipt_url) is str)
            and (self.receipt_parameter is None or type(self.receipt_parameter) is str)
            and (self.channel_id is None or type(self.channel_id) is str)
        )

    def _check_types(self) -> None:
        for name, kind in _NOTIFICATION_TYPES.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise FieldError(
                    f"Notification.{name}", f"must be {_NOTIFICATION_RIGHT[name]}, is {type(value).__name__}"
                )
            if (plain := _plain(value)) is not value:
                object.__setattr__(self, name, plain)

    def _check_appearance(self) -> None:
        for name in ("replace_key", "sound", "long_body", "picture", "icon", "group", "user_id"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise FieldError(f"Notification.{name}", f"must be a str or None, is {type(value).__name__}")
            if value is not None:
                object.__setattr__(self, name, str.__str__(value))
        for name, kind, right in (("badge", Badge, "Badge.add(1) or Badge.set(3)"), ("alert", Alert, "Alert.NORMAL")):
            value = getattr(self, name)
            if value is not None and type(value) is not kind:
                raise FieldError(f"Notification.{name}", f"must be {right}, or None, is {type(value).__name__}")
        if type(self.show_in_foreground) is not bool:
            right = f"must be True or False, is {type(self.show_in_foreground).__name__}"
            raise FieldError("Notification.show_in_foreground", right)
        given: Any = self.buttons
        if not isinstance(given, tuple | list) or any(type(one) is not Button for one in given):
            raise FieldError("Notification.buttons", "must be a tuple of Button")
        if len(given) > MOST_BUTTONS:
            raise FieldError("Notification.buttons", f"must hold at most {MOST_BUTTONS} buttons, holds {len(given)}")
        object.__setattr__(self, "buttons", tuple(given))

    def _check_window(self) -> None:
        check_aware("Notification", "show_from", self.show_from)
        check_aware("Notification", "show_until", self.show_until)
        if self.show_from is not None and self.show_until is not None and self.show_from >= self.show_until:
            raise FieldError("Notification.show_until", "must be later than show_from")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(other) is not type(self):
            return NotImplemented
        mine, theirs = _NOTIFICATION_VALUES(self), _NOTIFICATION_VALUES(other)
        return mine == theirs and all(map(same, _COMPARED_BY_TYPE(self), _COMPARED_BY_TYPE(other)))

    def __hash__(self) -> int:
        # With the mappings, because many notifications differ only there, and equal ones are grouped by hash.
        mappings = (self.data or None, self.parameters or None, self.overrides or None)
        return hash((self.title, self.body, self.subtitle, self.ttl, self.dedupe_id, self.intent, mappings))

    def __repr__(self) -> str:
        return f"Notification(title of {_size(self, 'title')}, body of {_size(self, 'body')} characters)"


_NOTIFICATION_VALUES: Callable[[Notification], tuple[Any, ...]] = attrgetter(
    *(field.name for field in attrs.fields(Notification))
)


_COMPARED_BY_TYPE: Callable[[Notification], tuple[Any, ...]] = attrgetter(
    "data", "parameters", "overrides", "show_from", "show_until"
)
"""Fields whose values are also compared by type; every other field has one type only."""


_APPEARANCE: Callable[[Notification], tuple[Any, ...]] = attrgetter(
    *("badge", "replace_key", "alert", "sound", "long_body", "picture", "icon", "buttons", "group"),
    "user_id",
)
_NO_APPEARANCE = (None, None, None, None, None, None, None, (), None, None)
"""The values of `_APPEARANCE` of nearly every notification: compared at once, which takes a tenth of ten checks."""


def _plain(value: object) -> object:
    """An instance of a subclass of `str`, `int` or a click action as an instance of that class; others unchanged."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int.__int__(value)
    return plain_click(value)


_NOTIFICATION_TYPES: dict[str, Any] = {
    "title": str,
    "body": str,
    "subtitle": str | None,
    "click": ClickAction,
    "data": Mapping,
    "ttl": int | None,
    "store_offline": bool,
    "dedupe_id": str | None,
    "network": Network,
    "time_zone": str | None,
    "receipt_url": str | None,
    "receipt_parameter": str | None,
    "channel_id": str | None,
    "parameters": Mapping,
    "overrides": Mapping,
}


_NOTIFICATION_RIGHT = {
    **dict.fromkeys(("title", "body"), "a str"),
    **dict.fromkeys(("subtitle", "dedupe_id", "time_zone"), "a str or None"),
    **dict.fromkeys(("receipt_url", "receipt_parameter", "channel_id"), "a str or None"),
    "click": "OpenApp, OpenIntent, OpenActivity, OpenUrl or OpenIntentUri",
    "data": "a mapping",
    "parameters": "a mapping from names to values",
    "ttl": "whole seconds, 0 or more, or None",
    "store_offline": "True or False",
    "network": "Network.ANY or Network.WIFI",
    "overrides": "a mapping from brand to fields",
}
