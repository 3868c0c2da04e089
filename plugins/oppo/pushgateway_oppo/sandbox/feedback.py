"""The queries of the sandbox: statistics of broadcasts, invalid registration ids, what is left of the day's quota.

Pure and bounded; takes fields, returns the `data` of a reply, or raises `CallRefused`. The figures of a broadcast count
what the ledger says was done, not what was asked for. Nothing is tapped in a sandbox, so the number of opens is 0.

Not documented, decided here: reading the invalid ids does not empty the list, unless `feedback_page` cuts it into
pages, each of which is returned once; an id that is registered anew is valid again; the reply to the quota query, of
which no source has a sample, is `{"total": …, "left": …}`, null where there is no limit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from pushgateway.sandbox import Phones
from pushgateway.vendor import safe_repr
from pushgateway_oppo.sandbox.aliases_and_tags import text_field
from pushgateway_oppo.sandbox.allowance import Allowance, Bounded
from pushgateway_oppo.sandbox.field_checks import MISSING
from pushgateway_oppo.sandbox.targets import Audience, CallRefused

MOST_TASKS = 100_000
MOST_DEAD = 1_000_000
"""Broadcasts and invalid ids that are remembered at most; then the oldest is forgotten."""


@safe_repr
@attrs.frozen
class Count:
    """The figures of one broadcast, in phones."""

    targets: int = 0
    valid: int = 0
    arrived: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.targets + other.targets, self.valid + other.valid, self.arrived + other.arrived)


class Feedback:
    """The calls of the feedback host, and V1.3's statistics."""

    page: int | None = None
    """Invalid ids of one reply, at most, each returned once; None: every reply has all of them."""

    def __init__(self, phones: Phones, allowance: Allowance) -> None:
        self._phones = phones
        self._allowance = allowance
        self._tasks: Bounded[tuple[str, Count]] = Bounded(MOST_TASKS)
        self._messages: Bounded[Count] = Bounded(MOST_TASKS)
        self._dead: OrderedDict[str, None] = OrderedDict()
        self.calls: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "statistics": self._statistics,
            "invalid_tokens": self._invalid_tokens,
            "push_permit": self._push_permit,
        }

    def broadcast(self, message_id: str, task_id: str, audience: Audience, arrived: int) -> None:
        """Record a broadcast that `arrived` phones got."""
        count = Count(audience.targets, audience.valid, arrived)
        self._tasks.put(task_id, (message_id, count))
        self._messages.put(message_id, (self._messages.get(message_id) or Count()) + count)

    def uninstalled(self, token: str) -> None:
        """Record that the app was removed from this phone."""
        self._dead[token] = None
        if len(self._dead) > MOST_DEAD:
            self._dead.popitem(last=False)

    def _statistics(self, fields: Mapping[str, Any]) -> Any:
        message_id = text_field(fields, "message_id", required=False)
        task_id = text_field(fields, "task_id", required=False)
        if not (message_id or task_id):
            raise CallRefused(MISSING, "message_id")
        count = self._messages.get(message_id)
        if task_id:
            of_task = self._tasks.get(task_id)
            count = None if of_task is None or message_id not in ("", of_task[0]) else of_task[1]
        if count is None:
            raise CallRefused("31", "task_id" if task_id else "message_id")
        return {
            "targetCount": count.targets,
            "validCount": count.valid,
            "sendCount": count.arrived,
            "arriveCount": count.arrived,
            "showCount": count.arrived,
            "openCount": 0,
        }

    def _invalid_tokens(self, _: Mapping[str, Any]) -> Any:
        dead = [token for token in self._dead if self._phones.get(token) is None]
        listed = dead[: self.page]
        if self.page is not None:
            for token in listed:
                del self._dead[token]
        return {"registration_ids": listed, "totalCount": len(dead)}

    def _push_permit(self, _: Mapping[str, Any]) -> Any:
        left = self._allowance.left_today
        return {"total": self._allowance.daily_limit, "left": None if left is None else max(left, 0)}
