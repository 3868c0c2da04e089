"""Exit codes: the one place where they are defined and explained.

Pure. Scripts rely on these numbers, so a number never changes its meaning.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

from pushgateway.model.reason import Status, SumStatus


class Exit(enum.IntEnum):
    """The exit codes of the command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    UNKNOWN = 3
    NOT_FOUND = 4


MEANINGS: Mapping[Exit, str] = {
    Exit.OK: "everything was accepted, or is in order",
    Exit.FAILED: "a push was not accepted, or a check failed",
    Exit.USAGE: "wrong usage, wrong configuration, or something is not installed",
    Exit.UNKNOWN: "a request was sent, but no readable reply came: the push may have been delivered",
    Exit.NOT_FOUND: "`why` found no problem, and no push to this token",
}
"""The sentences of `pushgateway --help`."""


def exit_code(statuses: Iterable[Status | SumStatus]) -> Exit:
    """The code for these statuses. `UNKNOWN` comes before a failure, because a repeat could deliver a message twice."""
    seen = set(statuses)
    if Status.UNKNOWN in seen:
        return Exit.UNKNOWN
    return Exit.OK if seen <= {Status.ACCEPTED} else Exit.FAILED
