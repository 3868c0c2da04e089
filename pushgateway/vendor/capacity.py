"""`Batching`: how many pushes fit into one request of a vendor. `Rates`: how many it accepts in a second.

Frozen values, checked when they are made, because a wrong one would leave pushes waiting for ever. Given by plug-ins,
used by the engine.
"""

from __future__ import annotations

import attrs

from pushgateway.model.checks import check_rate
from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr


@safe_repr
@attrs.frozen
class Batching:
    """How many pushes fit into one request of this vendor. Raises `FieldError` for a number below 1."""

    size: int = 1
    """Pushes per request, at most."""
    mixed: bool = False
    """True: the pushes of one request may carry different notifications."""
    max_bytes: int | None = None
    """Bytes per request, at most, as the sum of `Vendor.weigh`, tokens and dedupe ids. None: no limit."""
    least: int = 1
    """A batch of fewer pushes is sent without a saved content (vivo: 2). Only with `saves`."""
    saves: bool = False
    """True: `Vendor.save_push` stores the notification before a batch of `least` pushes or more. Not with `mixed`."""

    def __attrs_post_init__(self) -> None:
        # With a size of 0 every push would wait, and the lane would loop, for ever.
        if not _is_count(self.size):
            raise FieldError("Batching.size", "must be a whole number of pushes, 1 or more")
        if not _is_count(self.least) or self.least > self.size:
            raise FieldError("Batching.least", "must be a whole number of pushes, 1 to size")
        if self.saves and self.mixed:
            raise FieldError("Batching.saves", "is for batches of one notification: leave out mixed")
        if self.max_bytes is not None and not _is_count(self.max_bytes):
            raise FieldError("Batching.max_bytes", "must be a whole number of bytes, 1 or more, or None")


@safe_repr
@attrs.frozen(kw_only=True)
class Rates:
    """What a vendor accepts in a second from one certificate, by its own figures. None: it publishes no figure.

    The core stays below them, halves its rate when the vendor says "too fast" and raises it again step by step.
    """

    pushes: float | None = None
    """Phones per second."""
    requests: float | None = None
    """Requests per second."""
    connections: int | None = None
    """Requests at once that this vendor is good for, where one request holds one notification: about requests per
    second times the seconds of a round trip. None: the gateway's own figure."""

    def __attrs_post_init__(self) -> None:
        for name in ("pushes", "requests"):
            check_rate(f"Rates.{name}", getattr(self, name))
        if self.connections is not None and not _is_count(self.connections):
            raise FieldError("Rates.connections", "must be a whole number of requests, 1 or more, or None")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
