"""What an operator should hear of: a line in the log when a vendor refuses for a reason that a person must mend.

Law of this file: one line for each reason and code, and then at most one a minute with the number of those between, so
that an outage does not fill a disk. Never a token, a title or a body.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs

from pushgateway.outcome import Outcome, Reason, Status

log = logging.getLogger(__name__)

PAUSE = 60.0
"""Seconds between two lines on the same thing."""
MOST = 100
"""Different things remembered; a vendor has about that many codes."""

_OPERATORS = frozenset({Reason.CREDENTIALS, Reason.QUOTA_EXCEEDED, Reason.RATE_LIMITED, Reason.UNAVAILABLE})


@attrs.define(eq=False)
class _Seen:
    until: float
    held_back: int = 0


class Notices:
    """The notices on one certificate."""

    def __init__(self, certificate_id: str, monotonic: Callable[[], float]) -> None:
        self._certificate_id = certificate_id
        self._monotonic = monotonic
        self._seen: dict[tuple[Status, Reason | None, str | None], _Seen] = {}

    def see(self, outcome: Outcome) -> None:
        """Note an outcome that is not `ACCEPTED`, and log it if it is time to."""
        if outcome.status is not Status.UNKNOWN and outcome.reason not in _OPERATORS:
            return
        key = (outcome.status, outcome.reason, outcome.vendor_code)
        now = self._monotonic()
        seen = self._seen.get(key)
        if seen is not None and now < seen.until:
            seen.held_back += 1
            return
        if len(self._seen) >= MOST:
            self._seen.clear()
        self._seen[key] = _Seen(now + PAUSE)
        log.warning(
            "certificate %s: pushes end %s: %s%s%s%s",
            self._certificate_id,
            outcome.status.value,
            outcome.reason.value if outcome.reason is not None else "",
            f", vendor code {outcome.vendor_code}" if outcome.vendor_code is not None else "",
            f" ({outcome.detail})" if outcome.detail else "",
            f"; {seen.held_back} more since the last line" if seen is not None and seen.held_back else "",
        )
