"""`Intent`: what a push is for the user, such as a chat message or an offer; and `Priority`, its place in the queue.

Both are closed lists, the same for all vendors. Which category, channel or template an intent has at a vendor is
defined by the vendor's rules and the certificate's settings.
"""

from __future__ import annotations

import enum
from typing import Any

from pushgateway.model.errors import FieldError


class Priority(enum.IntEnum):
    """Which pushes of one certificate are sent first when they have to wait. A share of the sending is kept for lower
    priorities, so that they are always served."""

    URGENT = 0
    """A call or a login code: seconds matter."""
    NORMAL = 1
    """A chat message."""
    BULK = 2
    """Marketing and digests: minutes do not matter."""


class Intent(enum.Enum):
    """What a push is for the user. Each vendor has categories of its own for it, by which it limits and shows
    pushes."""

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
    """News and recommended content. Never sent under such a category either."""

    @property
    def priority(self) -> Priority:
        """The default priority of a push with this intent."""
        return _PRIORITIES.get(self, Priority.NORMAL)

    @property
    def is_public(self) -> bool:
        """True for content that is for everybody and not about this user; it must not be sent under a private
        category."""
        return self in _PUBLIC


_PRIORITIES = {Intent.CALL: Priority.URGENT, Intent.MARKETING: Priority.BULK, Intent.NEWS: Priority.BULK}
_PUBLIC = frozenset({Intent.MARKETING, Intent.NEWS})
_BY_WORD = {intent.value: intent for intent in Intent}


def as_intent(value: Any) -> Intent | None:
    """The intent, given as an `Intent` or as its value such as "chat"; None stays None. Raises `FieldError` that lists
    the values."""
    if value is None or type(value) is Intent:
        return value
    intent = _BY_WORD.get(value) if isinstance(value, str) else None
    if intent is None:
        raise FieldError("Notification.intent", f"must be an Intent or one of {', '.join(_BY_WORD)}")
    return intent
