"""`RequestLog`: the last requests that a sandbox got, with their answers, for people who look at it.

Pure; bounded by number and by bytes. It keeps the requests as they came, with the access tokens and signatures in them;
`pushgateway.sandbox.page.requests` shows them without.
"""

from __future__ import annotations

from collections import OrderedDict

import attrs

from pushgateway.model.secret import safe_repr
from pushgateway.vendor import Request, Response

MOST_REQUESTS = 2000
"""Requests that are kept, at most; then the oldest is forgotten."""
MOST_BYTES = 32 * 1024 * 1024
"""Bytes of their bodies and of the replies, at most; the newest request is kept whatever its size."""


@safe_repr
@attrs.frozen
class LoggedRequest:
    """A request, and how the sandbox answered it."""

    number: int
    """Its number among all requests of this sandbox, from 1."""
    at: float
    """When it came, by the sandbox's clock (epoch seconds)."""
    operation: str
    """The vendor's name of the call."""
    request: Request = attrs.field(repr=False)
    response: Response | None = attrs.field(repr=False)
    """None: the connection broke without a reply."""
    delay: float
    """Seconds until the reply came or the connection broke."""
    faults: tuple[str, ...] = ()
    """The kinds of the faults that changed the answer (`Fault.kind`)."""

    @property
    def size(self) -> int:
        """Bytes of both bodies."""
        return len(self.request.content) + (0 if self.response is None else len(self.response.content))


@safe_repr
class RequestLog:
    """The last requests of one sandbox."""

    def __init__(self, most: int = MOST_REQUESTS, most_bytes: int = MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._kept: OrderedDict[int, LoggedRequest] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __repr__(self) -> str:
        return f"RequestLog({len(self)} requests)"

    def add(self, logged: LoggedRequest) -> None:
        """Keep a request; the oldest ones are forgotten where there are too many."""
        self._kept[logged.number] = logged
        self._bytes += logged.size
        while len(self._kept) > self._most or (self._bytes > self._most_bytes and len(self._kept) > 1):
            self._bytes -= self._kept.popitem(last=False)[1].size

    def get(self, number: int) -> LoggedRequest | None:
        """The request with this number; None if there was none, or if it is forgotten."""
        return self._kept.get(number)

    def last(self, most: int) -> list[LoggedRequest]:
        """The last requests, at most `most`, the newest first."""
        return [logged for _, logged in zip(range(most), reversed(self._kept.values()), strict=False)]

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()
        self._bytes = 0
