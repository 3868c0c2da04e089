"""The simulated vendor's quotas of one app, and what the engine knows of them.

Each class of pushes has one (`Vendor.quota`), and storing has one. A quota that is used up is closed until midnight;
one with hours is closed for a time that the reply names. Times are epoch seconds by the vendor's clock.
"""

from __future__ import annotations

import attrs

MIDNIGHT = 1_700_064_000.0
"""A midnight in GMT+8."""
STORING = "storing"
"""The quota of stored notifications."""
UNTIL_MORNING = 131.0
"""Seconds after midnight until which the engine may wait."""
ON_ITS_WAY = 11.0
"""Seconds that a reply may take, and a request timeout at most: a pause that the reply names begins when it arrives."""

Gate = tuple[object, ...]
"""Identifies gateway and settings, whose knowledge ends with them."""


@attrs.frozen
class _Known:
    gate: Gate
    opens: float
    """Before this time nothing may be sent."""
    latest: float
    """From this time on something must be."""


@attrs.define(eq=False)
class Quotas:
    """What is closed, and what the engine knows."""

    _closed: dict[str, tuple[float, bool]] = attrs.field(factory=dict)
    _known: dict[tuple[str, str], _Known] = attrs.field(factory=dict)

    def use_up(self, quota: str) -> None:
        """Close it until midnight."""
        self._close(quota, MIDNIGHT, is_named=False)

    def close(self, quota: str, until: float) -> None:
        """Close it for some time, which the reply names."""
        self._close(quota, until, is_named=True)

    def _close(self, quota: str, until: float, *, is_named: bool) -> None:
        if until > self._closed.get(quota, (0.0, False))[0]:  # it does not open earlier than was said
            self._closed[quota] = until, is_named

    def refusal(self, quota: str, wall: float) -> dict[str, float] | None:
        """What a refusal says, if it is closed: nothing, or for how many seconds."""
        until, is_named = self._closed.get(quota, (0.0, False))
        if wall >= until:
            return None
        return {"retry_after": until - wall} if is_named else {}

    def report(self, region: str, quota: str, gate: Gate, wall: float) -> None:
        """The engine gets to know that it is closed. Of what replies to several requests say, the first counts."""
        if self.is_known_to_be_closed(region, quota, gate, wall):
            return
        until, is_named = self._closed[quota]
        self._known[region, quota] = _Known(gate, until, until + (ON_ITS_WAY if is_named else UNTIL_MORNING))

    def is_known_to_be_closed(self, region: str, quota: str, gate: Gate, wall: float) -> bool:
        """Whether the engine knows that it is closed now."""
        known = self._known.get((region, quota))
        return known is not None and known.gate == gate and wall < known.opens

    def may_be_thought_closed(self, region: str, quota: str, wall: float) -> bool:
        """Whether the engine may still take it for closed."""
        known = self._known.get((region, quota))
        return known is not None and wall <= known.latest
