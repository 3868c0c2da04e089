"""Writes the receipts that OPPO posts for pushes with a `call_back_url`.

Pure; it makes requests and sends none. The body is always an array; receipts for the same URL are sent together (rules
S1, S3c).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pushgateway.vendor import Request

MOST_DUE = 100_000
"""Receipts that wait to be posted, at most; then the oldest is dropped."""
TOGETHER = 100
"""Receipts in one request, at most."""


ARRIVED, DEAD, LIMIT_REACHED = "push_arrive", "regid_invalid", "user_daily_limit"
"""The events that the sandbox produces itself."""


class Receipts:
    """Receipts that are due. `app_id`: only for the current dialect, whose receipts name app and time. `events`: the
    events of the dialect; others are not posted."""

    def __init__(self, app_id: str | None, events: Collection[str]) -> None:
        self._app_id = app_id
        self._events = events
        self._due: deque[tuple[str, dict[str, Any]]] = deque(maxlen=MOST_DUE)

    def note(
        self,
        fields: Mapping[str, Any],
        tokens: Sequence[str],
        message_id: str,
        at: float,
        *,
        task_id: str = "",
        event: str = ARRIVED,
    ) -> None:
        """Record an event of the push `message_id` at `tokens`, if its `fields` ask for receipts.

        `at`: epoch seconds.
        """
        url = fields.get("call_back_url")
        if not url or not tokens or event not in self._events:
            return
        receipt = {
            "messageId": message_id,
            "taskId": task_id or message_id,
            "registrationIds": ", ".join(tokens),
            "param": fields.get("call_back_parameter") or "",
            "eventType": event,
        }
        if self._app_id is not None:
            receipt |= {"appId": self._app_id, "eventTime": str(int(at * 1000))}
        self._due.append((url, receipt))

    def take(self) -> list[Request]:
        """The requests that post all receipts which are due; each receipt is returned once."""
        by_url: dict[str, list[dict[str, Any]]] = {}
        while self._due:
            url, receipt = self._due.popleft()
            by_url.setdefault(url, []).append(receipt)
        return [
            Request("POST", url, {"content-type": "application/json"}, _array(receipts[start : start + TOGETHER]))
            for url, receipts in by_url.items()
            for start in range(0, len(receipts), TOGETHER)
        ]


def _array(receipts: list[dict[str, Any]]) -> bytes:
    return json.dumps(receipts, ensure_ascii=False).encode("utf-8", "replace")
