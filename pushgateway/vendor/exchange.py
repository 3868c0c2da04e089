"""`Request`, `Response` and `Exchange`: how a plug-in asks the core to send requests and gets the replies.

Frozen values that belong to no HTTP client. What a reply means is read in `pushgateway.vendor.replies`. Used by
plug-ins, the engine and the transports.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeAlias, TypeVar

import attrs

from pushgateway.model.secret import safe_repr

T = TypeVar("T")


@safe_repr
@attrs.frozen
class Request:
    """One HTTP request. `headers` names are lower case; `content` is the whole body."""

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    content: bytes = attrs.field(default=b"", repr=False)
    leave_before: float | None = attrs.field(default=None, kw_only=True, eq=False, repr=False)
    """Seconds of the event loop's clock: if no byte of it has left by then, the transport does not send it and raises
    `TooLate`. Set by the core."""


@safe_repr
@attrs.frozen
class Response:
    """One HTTP reply. `headers` names are lower case; `received_at` is this machine's clock (epoch seconds)."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    content: bytes = attrs.field(default=b"", repr=False)
    received_at: float | None = None

    @property
    def date(self) -> float | None:
        """The vendor's time from the `Date` header (epoch seconds); None if absent or unreadable."""
        return _http_date(self.headers.get("date", ""))

    @property
    def retry_after(self) -> float | None:
        """The `Retry-After` header in seconds, between 0 and 300; None if absent or unreadable.

        If it is a date, the reply's own `Date` is subtracted, so a wrong clock of this machine does not matter.
        """
        text = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,15}", text):
            return min(float(text), MAX_RETRY_AFTER)
        then = _http_date(text)
        now = self.date if self.date is not None else self.received_at
        if then is None or now is None:
            return None
        return min(max(then - now, 0.0), MAX_RETRY_AFTER)


MAX_RETRY_AFTER = 300.0
"""Seconds; a longer `Retry-After` of a vendor or proxy counts as this."""

Exchange: TypeAlias = Generator[Request | None, Response, T]
"""The requests and replies of one operation, as a generator: `reply = yield request`; its return value is the result.

If no readable reply came, the core throws `NoVerdict` in at the `yield`. An exchange of several requests may catch it
to keep what it already knows; any other lets it pass.

`yield None` is a checkpoint: nothing is sent, and other tasks of the event loop may run before the exchange continues;
they do after some milliseconds without a turn. An exchange that needs more than a few milliseconds to build or to read
a batch yields None now and then. The value of such a `yield` has no meaning. The core may close the exchange at a
checkpoint, as at every `yield`.
"""


@safe_repr
@attrs.frozen
class AccessToken:
    """What a vendor's login returned."""

    value: str = attrs.field(repr=False)
    lifetime: float
    """Seconds it is valid, counted from `created_at`."""
    created_at: float | None = None
    """When the vendor issued it, by the vendor's clock (epoch seconds). None: just now."""


def _http_date(text: str) -> float | None:
    try:
        then = parsedate_to_datetime(text)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
