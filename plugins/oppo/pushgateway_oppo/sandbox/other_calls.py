"""The sandbox's calls other than sending, by name: device, feedback and media host.

Pure; joins `aliases_and_tags`, `feedback` and `pictures`. Each call takes fields and returns the `data` of a reply
(None: a reply without data), or raises `CallRefused`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from pushgateway.sandbox import Phones, SandboxOption
from pushgateway.vendor.rules import Dialect, Operation
from pushgateway_oppo.sandbox.aliases_and_tags import Device
from pushgateway_oppo.sandbox.allowance import Allowance
from pushgateway_oppo.sandbox.feedback import Feedback
from pushgateway_oppo.sandbox.pictures import Media
from pushgateway_oppo.sandbox.targets import Audience

COUNT = SandboxOption(lambda value: value is None or (type(value) is int and value >= 0), "a whole number or null")
TRUTH = SandboxOption(lambda value: type(value) is bool, "true or false")
PAGE = SandboxOption(
    lambda value: value is None or (type(value) is int and value > 0), "a whole number from 1 on, or null"
)


class OtherCalls:
    """OPPO's calls other than sending, in one dialect."""

    def __init__(
        self, facts: Dialect, phones: Phones, allowance: Allowance, new_id: Callable[[], str], *, former: bool
    ) -> None:
        self._uploads = Allowance(allowance.clock, None, None, allowance.reset_offset)
        self._device = Device(facts, phones, new_id, former=former)
        self._feedback = Feedback(phones, allowance)
        self._media = Media(facts, allowance.clock, self._uploads, new_id)
        self.calls: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            **self._device.calls,
            **self._feedback.calls,
            **self._media.calls,
        }

    def apply_option(self, name: str, value: Any) -> None:
        """Change an option that concerns these calls."""
        match name:
            case "created_tags_only":
                self._device.created_tags_only = value
            case "daily_pictures":
                self._uploads.daily_limit = value
            case "feedback_page":
                self._feedback.page = value

    def uninstalled(self, token: str) -> None:
        """Record that the app was removed from this phone."""
        self._feedback.uninstalled(token)

    def broadcast(self, message_id: str, task_id: str, audience: Audience, arrived: int) -> None:
        """Record a broadcast that `arrived` phones got."""
        self._feedback.broadcast(message_id, task_id, audience, arrived)

    def keep_picture(self, kind: str, picture_id: str, ttl: float) -> None:
        """Keep a picture id from now on, for `ttl` seconds."""
        self._media.keep(kind, picture_id, ttl)

    def check_pictures(self, fields: Mapping[str, Any]) -> None:
        """Raise `CallRefused` unless the pictures that a notification names are kept."""
        self._media.check(fields)


def with_paths(operations: Mapping[str, Operation], paths: Mapping[str, str]) -> Mapping[str, Operation]:
    """The operations; those without a path in the rules have the one given in `paths`."""
    return {
        name: operation if operation.path else attrs.evolve(operation, path=paths.get(name, ""))
        for name, operation in operations.items()
    }
