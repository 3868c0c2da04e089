"""`SizeLimit`: the largest request that a vendor's servers accept, learned from refusals (HTTP 413).

Pure: times are parameters. `gate.Gate` has two of them: for requests with pushes, and for lists of broadcast targets.
"""

from __future__ import annotations

import math

SIZE_PAUSE = 3600.0
"""Seconds until a larger request is tried."""
SIZE_TRIAL = 60.0
"""Seconds after that trial from which on its size counts as accepted, if it was not refused."""


class SizeLimit:
    """The size to which requests are limited because larger ones were refused (HTTP 413, perhaps by a proxy).

    The unit is the caller's, such as that of `Vendor.weigh` by which batches are cut. Every refusal halves the limit;
    after an hour one request of twice the size is tried, and so on until requests are as large as the plug-in allows.
    """

    def __init__(self) -> None:
        self._most = math.inf
        self._peak = 0.0  # the largest that was refused: once the limit is beyond it, there is none
        self._until = math.inf
        self._tried = False  # one request of twice the size was allowed
        self.is_known = False
        """Whether there is a limit; a plain attribute, because it is read for each request."""

    def refused(self, now: float, size: float) -> None:
        """A request of this size, with more than one push, was too large."""
        self._peak = max(self._peak, size)
        self._most = min(self._most, size / 2)
        self._until = now + SIZE_PAUSE
        self._tried = False
        self.is_known = True

    def current(self, now: float) -> float:
        """The largest size of the next request; infinity where nothing is known."""
        if now < self._until:
            return self._most
        if not self._tried:
            self._tried = True
            self._until = now + SIZE_TRIAL
            return 2 * self._most
        self._tried = False
        self._most *= 2
        self._until = now + SIZE_PAUSE
        if self._most > self._peak:
            self._most, self._until, self._peak = math.inf, math.inf, 0.0
            self.is_known = False
        return self._most
