"""What a tap on a notification does: `OpenApp`, `OpenUrl` and the other click actions.

Frozen values. A `repr` may be logged, so it shows no URL and no class name. Made by hosts, read by plug-ins.
"""

from __future__ import annotations

from typing import Final

import attrs

from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr


def _keep_text(owner: object, name: str) -> None:
    """Keep a field as plain `str`. Raises `FieldError` for other types."""
    value = getattr(owner, name)
    if type(value) is not str:
        if not isinstance(value, str):
            raise FieldError(f"{type(owner).__name__}.{name}", f"must be a str, is {type(value).__name__}")
        object.__setattr__(owner, name, str.__str__(value))


@safe_repr
@attrs.frozen
class OpenApp:
    """A tap opens the app. The default."""


@safe_repr
@attrs.frozen(repr=False)
class OpenIntent:
    """A tap opens the activity with this intent action (Android `<action android:name=…>`)."""

    action: str

    def __attrs_post_init__(self) -> None:
        _keep_text(self, "action")

    def __repr__(self) -> str:
        return "OpenIntent(…)"


@safe_repr
@attrs.frozen(repr=False)
class OpenActivity:
    """A tap opens the activity of this fully qualified class name."""

    class_name: str

    def __attrs_post_init__(self) -> None:
        _keep_text(self, "class_name")

    def __repr__(self) -> str:
        return "OpenActivity(…)"


@safe_repr
@attrs.frozen(repr=False)
class OpenUrl:
    """A tap opens this web page."""

    url: str

    def __attrs_post_init__(self) -> None:
        _keep_text(self, "url")

    def __repr__(self) -> str:
        return "OpenUrl(…)"


@safe_repr
@attrs.frozen(repr=False)
class OpenIntentUri:
    """A tap opens this intent scheme URL (`intent://…#Intent;…;end`)."""

    uri: str

    def __attrs_post_init__(self) -> None:
        _keep_text(self, "uri")

    def __repr__(self) -> str:
        return "OpenIntentUri(…)"


ClickAction = OpenApp | OpenIntent | OpenActivity | OpenUrl | OpenIntentUri
"""What a tap on the notification does."""

CLICKS: Final = frozenset((OpenApp, OpenIntent, OpenActivity, OpenUrl, OpenIntentUri))
"""The classes of `ClickAction`."""


def plain_click(value: object) -> object:
    """An instance of a subclass of a click action as an instance of that class; any other value unchanged."""
    for kind in type(value).__mro__ if isinstance(value, tuple(CLICKS)) else ():
        if kind in CLICKS:
            return value if kind is type(value) else kind(*(getattr(value, one.name) for one in attrs.fields(kind)))
    return value
