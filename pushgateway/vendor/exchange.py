"""What a vendor and the core say to each other: requests out, replies in, and the conversation that they make.

Law of this file: our own frozen values, no HTTP client's. What a reply means is read in `replies`.
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


@safe_repr
@attrs.frozen
class Response:
    """One HTTP reply. `headers` names are lower case; `received_at` is our wall clock (epoch seconds)."""

    status: int
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    content: bytes = attrs.field(default=b"", repr=False)
    received_at: float | None = None

    @property
    def date(self) -> float | None:
        """The vendor's clock by its `Date` header (epoch seconds), or None."""
        return _http_date(self.headers.get("date", ""))

    @property
    def retry_after(self) -> float | None:
        """`Retry-After` in seconds, from either form, clamped to 0..300; None when absent or unreadable.

        A date is measured against the reply's own `Date`, so a wrong clock here does no harm.
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
"""Seconds; a vendor's or a proxy's hint beyond this is not believed."""

Exchange: TypeAlias = Generator[Request | None, Response, T]
"""The conversation for one operation: `reply = yield request`, and what is returned is the result.

Where no readable reply came, the core throws `NoVerdict` in at the `yield`; an exchange of several requests may
catch it to keep what it already knows, any other lets it pass.

`yield None` is a breath: nothing is asked, and the event loop turns before the exchange goes on. A batch that takes
more than a few milliseconds to build or to read takes one now and then, so that nobody else in the process waits for
it. What comes back from a breath means nothing. At a breath an exchange may end, like at every `yield`.
"""


@safe_repr
@attrs.frozen
class AccessToken:
    """What a vendor's login returned."""

    value: str = attrs.field(repr=False)
    lifetime: float
    """Seconds it is valid, counted from `created_at`."""
    created_at: float | None = None
    """When the vendor made it, by the vendor's clock (epoch seconds). None: just now."""


def _http_date(text: str) -> float | None:
    try:
        then = parsedate_to_datetime(text)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
