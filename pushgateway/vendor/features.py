"""The features of a notification that a vendor may lack, by name: for plug-ins that cannot express all of them.

Pure functions of a `Notification`. A plug-in must not drop a feature silently: the host would read `ACCEPTED` and the
phone would do something else. What changes when the notification is shown, to whom, or what it does is refused
(`find_unsupported`); what changes only its looks is left out and named in `Outcome.omitted` (`find_omitted`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Final

from pushgateway.model.click import OpenApp
from pushgateway.model.notification import Network, Notification

FEATURES: Final[Mapping[str, Callable[[Notification], bool]]] = {
    "click": lambda note: not isinstance(note.click, OpenApp),
    "data": lambda note: bool(note.data),
    "ttl": lambda note: note.ttl is not None,
    "store_offline": lambda note: not note.store_offline,
    "network": lambda note: note.network is not Network.ANY,
    "time_zone": lambda note: note.time_zone is not None,
    "show_from": lambda note: note.show_from is not None,
    "show_until": lambda note: note.show_until is not None,
    "receipt_url": lambda note: note.receipt_url is not None,
    "receipt_parameter": lambda note: note.receipt_parameter is not None,
    "user_id": lambda note: note.user_id is not None,
}
"""By field of `Notification`: a function that returns True if a notification uses the field. `intent` and `parameters`
are not listed: they select a category or template, and a vendor without these may ignore them."""

LOOKS: Final[Mapping[str, Callable[[Notification], bool]]] = {
    "subtitle": lambda note: note.subtitle is not None,
    "channel_id": lambda note: note.channel_id is not None,
    "badge": lambda note: note.badge is not None,
    "replace_key": lambda note: note.replace_key is not None,
    "alert": lambda note: note.alert is not None,
    "sound": lambda note: note.sound is not None,
    "long_body": lambda note: note.long_body is not None,
    "picture": lambda note: note.picture is not None,
    "icon": lambda note: note.icon is not None,
    "buttons": lambda note: bool(note.buttons),
    "group": lambda note: note.group is not None,
    "show_in_foreground": lambda note: not note.show_in_foreground,
}
"""The same for the fields that change only how a notification looks and sounds, and whether others stay beside it."""

_LOOKS: Final = attrgetter(*LOOKS)
_PLAIN: Final = _LOOKS(Notification("", ""))
"""What nearly every notification has: compared at once, which takes a fifth of twelve checks."""


def find_unsupported(notification: Notification, supported: Collection[str], brand: str = "") -> tuple[str, ...]:
    """The names of the features that `notification` uses and `supported` does not list, in the order of the fields.

    `overrides` is included if it holds fields of `brand`. A plug-in ends such a push with
    `Outcome.not_sent(push, Reason.UNSUPPORTED, …)` and these names in the detail.
    """
    found = [name for name, uses in FEATURES.items() if name not in supported and uses(notification)]
    if "overrides" not in supported and notification.overrides.get(brand):
        found.append("overrides")
    return tuple(found)


def find_omitted(notification: Notification, supported: Collection[str]) -> tuple[str, ...]:
    """The names of the looks that `notification` uses and `supported` does not list, in the order of `LOOKS`, for
    `Outcome.omitted`: the push is sent without them."""
    if _LOOKS(notification) == _PLAIN:
        return ()
    return tuple(name for name, uses in LOOKS.items() if name not in supported and uses(notification))
