"""`RetryBudget`: how many of an endpoint's requests may be repeats. Pure: times are parameters."""

from __future__ import annotations


class RetryBudget:
    """How many requests may be repeats: a tenth of the first attempts, and one per second.

    Without it, repeats add to an overload and keep the vendor from recovering. Times are loop seconds.
    """

    SHARE = 0.1
    PER_SECOND = 1.0
    MOST = 60.0
    """Saved up at the most: one minute's worth, so that a short disturbance costs no push its repeat."""

    def __init__(self, now: float) -> None:
        self._left = self.MOST
        self._at = now

    def first(self) -> None:
        """A request is sent with at least one push that was not sent before."""
        self._left = min(self._left + self.SHARE, self.MOST)

    def spend(self, now: float) -> bool:
        """Whether one more repeat is allowed; if so, it is counted."""
        self._left = min(self._left + self.PER_SECOND * max(0.0, now - self._at), self.MOST)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
