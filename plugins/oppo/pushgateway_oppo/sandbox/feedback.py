"""The queries of the sandbox: statistics of broadcasts, invalid registration ids, what is left of the day's quota.

Pure and bounded; takes fields, returns the `data` of a reply, or raises `CallRefused`. The figures of a broadcast count
what the ledger says was done, not what was asked for. Nothing is tapped in a sandbox, so the number of opens is 0.

Not documented, decided here: reading the invalid ids does not empty the list, unless `feedback_page` cuts it into
pages, each of which is returned once; an id that is registered anew is valid again; the reply to the quota query, of
which no source has a sample, is `{"total": …, "left": …}`, null where there is no limit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from pushgateway.sandbox import Phones
from pushgateway.sandbox.kit.bounded import Bounded
from pushgateway.sandbox.kit.limits import Allowance
from pushgateway.sandbox.kit.readers import text_field
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway_oppo.sandbox.field_checks import MISSING, WRONG
from pushgateway_oppo.sandbox.targets import Audience

MOST_TASKS = 100_000
"""Broadcasts that are remembered at most; then the oldest is forgotten."""


_FIGURES = ("targetCount", "validCount", "sendCount", "arriveCount", "showCount", "openCount")


class Feedback:
    """The calls of the feedback host, and V1.3's statistics."""

    page: int | None = None
    """Invalid ids of one reply, at most, each returned once; None: every reply has all of them."""

    def __init__(self, phones: Phones, allowance: Allowance) -> None:
        self._phones = phones
        self._allowance = allowance
        self._tasks: Bounded[tuple[str, Counter[str]]] = Bounded(MOST_TASKS)
        self._messages: Bounded[Counter[str]] = Bounded(MOST_TASKS)
        self._dead: Bounded[bool] = Bounded()
        self.calls: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            "statistics": self._statistics,
            "invalid_tokens": self._invalid_tokens,
            "push_permit": self._push_permit,
        }

    def broadcast(self, message_id: str, task_id: str, audience: Audience, arrived: int) -> None:
        """Record a broadcast that `arrived` phones got."""
        reached = dict.fromkeys(_FIGURES[2:5], arrived)
        counts = Counter(targetCount=audience.targets, validCount=audience.valid, **reached)
        self._tasks.put(task_id, (message_id, counts))
        self._messages.put(message_id, (self._messages.get(message_id) or Counter()) + counts)

    def uninstalled(self, token: str) -> None:
        """Record that the app was removed from this phone."""
        self._dead.put(token, True)

    def _statistics(self, fields: Mapping[str, Any]) -> Any:
        message_id = text_field(fields, "message_id", MISSING, WRONG, required=False)
        task_id = text_field(fields, "task_id", MISSING, WRONG, required=False)
        if not (message_id or task_id):
            raise CallRefused(MISSING, "message_id")
        counts = self._messages.get(message_id)
        if task_id:
            of_task = self._tasks.get(task_id)
            counts = None if of_task is None or message_id not in ("", of_task[0]) else of_task[1]
        if counts is None:
            raise CallRefused("31", "task_id" if task_id else "message_id")
        return {name: counts[name] for name in _FIGURES}

    def _invalid_tokens(self, _: Mapping[str, Any]) -> Any:
        dead = [token for token in self._dead if self._phones.get(token) is None]
        listed = dead[: self.page]
        if self.page is not None:
            for token in listed:
                self._dead.pop(token)
        return {"registration_ids": listed, "totalCount": len(dead)}

    def _push_permit(self, _: Mapping[str, Any]) -> Any:
        return {"total": self._allowance.limits.get(""), "left": self._allowance.left()}
