"""What a push is for the user, and how urgent that makes it.

Law of this file: closed words of ours. Which category, channel or template a vendor wants for an intent is the
vendor's, in its rules and in a certificate's settings.
"""

from __future__ import annotations

import enum
from typing import Any

from pushgateway.model.errors import FieldError


class Priority(enum.IntEnum):
    """Who goes first when pushes of one certificate have to wait. Nobody waits for ever: lower ones get a share."""

    URGENT = 0
    """A call, a login code: seconds count."""
    NORMAL = 1
    """A chat message."""
    BULK = 2
    """Marketing, digests: minutes do not count."""


class Intent(enum.Enum):
    """What a push is. Vendors judge, limit and show messages by it, each in words of its own."""

    CHAT = "chat"
    """A message of one person to another."""
    GROUP_CHAT = "group_chat"
    """A message in a group."""
    MENTION = "mention"
    """Somebody was named in a group."""
    CALL = "call"
    """A voice or video call that rings now."""
    RECALL = "recall"
    """A message was taken back; usually replaces what the phone shows."""
    FRIEND = "friend"
    """A request to be friends, or its answer."""
    SYSTEM = "system"
    """The account: a login, a security notice."""
    ORDER = "order"
    """An order, a payment, a delivery."""
    MARKETING = "marketing"
    """Offers and campaigns. Never sent under a category that is kept for personal messages."""
    NEWS = "news"
    """News and recommended content. Never under such a category either."""

    @property
    def priority(self) -> Priority:
        """Its place among the pushes of a certificate that have to wait, unless the host says otherwise."""
        return _PRIORITIES.get(self, Priority.NORMAL)

    @property
    def is_public(self) -> bool:
        """Whether it is for everybody rather than about this user: then no private category may carry it."""
        return self in _PUBLIC


_PRIORITIES = {Intent.CALL: Priority.URGENT, Intent.MARKETING: Priority.BULK, Intent.NEWS: Priority.BULK}
_PUBLIC = frozenset({Intent.MARKETING, Intent.NEWS})
_BY_WORD = {intent.value: intent for intent in Intent}


def as_intent(value: Any) -> Intent | None:
    """An intent, given as itself or by its word. Raises `FieldError` that lists the words."""
    if value is None or type(value) is Intent:
        return value
    intent = _BY_WORD.get(value) if isinstance(value, str) else None
    if intent is None:
        raise FieldError("Notification.intent", f"must be an Intent or one of {', '.join(_BY_WORD)}")
    return intent
