"""How a notification looks and sounds on the phone: `Alert`, `Badge` and `Button`.

Frozen values; they raise `FieldError` for a wrong type or number. A `repr` may be logged, so it shows no text. Made by
hosts for `Notification`, read by plug-ins.
"""

from __future__ import annotations

import enum
from typing import Literal

import attrs

from pushgateway.model.click import CLICKS, ClickAction, OpenApp, plain_click
from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr

MOST_BUTTONS = 3
"""Buttons of one notification: Huawei, Honor and Xiaomi show three at most."""


class Alert(enum.Enum):
    """How strongly a notification asks for attention. The user's settings on the phone have the last word."""

    SILENT = "silent"
    """Listed without sound, vibration or banner."""
    NORMAL = "normal"
    """With the sound and vibration that the app's channel has."""
    URGENT = "urgent"
    """With a banner on the screen as well. Most vendors allow it for some apps or categories only."""


@safe_repr
@attrs.frozen
class Badge:
    """The number on the app's icon: `Badge.add(1)` or `Badge.set(3)`. Numbers are 0 to 99 (add: 1 to 99), the range
    that Huawei and Honor allow."""

    how: Literal["add", "set"]
    """Whether `number` is added to the number on the icon or replaces it."""
    number: int

    def __attrs_post_init__(self) -> None:
        if self.how not in ("add", "set"):
            raise FieldError("Badge.how", "must be 'add' or 'set'")
        least = 1 if self.how == "add" else 0
        if type(self.number) is not int or not least <= self.number <= 99:
            raise FieldError(f"Badge.{self.how}", f"must be a whole number, {least} to 99")

    @classmethod
    def add(cls, number: int = 1) -> Badge:
        """Add to the number on the icon."""
        return cls("add", number)

    @classmethod
    def set(cls, number: int) -> Badge:
        """Replace the number on the icon; 0 removes it."""
        return cls("set", number)


@safe_repr
@attrs.frozen(repr=False)
class Button:
    """A button below the text, and what a tap on it does."""

    text: str
    """What stands on the button."""
    click: ClickAction = OpenApp()

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise FieldError("Button.text", f"must be a str, is {type(self.text).__name__}")
        object.__setattr__(self, "text", str.__str__(self.text))
        click = plain_click(self.click)
        if type(click) not in CLICKS:
            raise FieldError("Button.click", f"must be a click action such as OpenApp(), is {type(click).__name__}")
        object.__setattr__(self, "click", click)

    def __repr__(self) -> str:
        return "Button(…)"
