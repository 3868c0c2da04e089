"""What the simulated vendor knows of an app, and of one request to it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import attrs

from pushgateway.vendor import Request
from simulated.kinds import Kind
from simulated.ledger import Order
from simulated.quotas import Gate, Quotas
from simulated.wire import Item, Mark


class Bucket:
    """A token bucket, as vendors limit by it."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._level, self._at = burst, 0.0

    def take(self, now: float, count: float, share: float = 1.0) -> bool:
        """Whether `count` fit. `share`: the part of the rate that is allowed at the moment."""
        self._level = min(self.burst * share, self._level + (now - self._at) * self.rate * share)
        self._at = now
        # More than the bucket holds may pass when it is full, otherwise they never could.
        if self._level < min(count, self.burst * share):
            return False
        self._level -= count
        return True


@attrs.define(eq=False)
class App:
    """One app at the vendor: its credentials, limits and phones."""

    name: str
    kind: Kind
    connections: int
    """Requests at once that the engine may make to each server."""
    is_strict: bool
    """A wrong text refuses the whole request."""
    last_wins: bool
    """A login revokes the earlier access tokens."""
    requests: Bucket
    targets: Bucket
    has_receipts: bool
    """Its certificate asks for receipts."""
    receipts_key: str
    secrets: set[str]
    quotas: Quotas = attrs.field(factory=Quotas)
    seen: set[str] = attrs.field(factory=set)
    """Dedupe ids of delivered pushes; or token and message id, where its phones drop repeats."""
    gone_since: float | None = None
    """Time since which its certificate is not configured."""
    removals: list[float] = attrs.field(factory=list)

    @property
    def drops_repeats(self) -> bool:
        """Whether a repeat is never delivered."""
        return self.kind.repeats != "performed"

    def has_died(self, token: str) -> bool:
        """Whether the app was removed from this phone."""
        return token.endswith("7")


class Stored(NamedTuple):
    """A notification that the vendor has stored."""

    app: str
    region: str
    text: str
    channel: str | None
    mark: Mark | None
    at: float
    """Loop seconds."""


@attrs.define(eq=False)
class Visit:
    """One request at the vendor."""

    app: App
    region: str
    what: str
    request: Request
    body: Any
    gate: Gate
    sent_at: float
    """Loop seconds."""
    items: Sequence[Item] = ()
    orders: list[Order] = attrs.field(factory=list)
    missing: set[tuple[str, str]] = attrs.field(factory=set)
    """The pushes that the reply does not mention."""
    is_readable: bool = True
    code: str | None = None
    saved: Stored | None = None
    """The stored notification that is used."""
    is_skewed: bool = False
    """It brings a wrong time."""
    ticket: object = None
    """Of a login."""

    @property
    def place(self) -> tuple[str, str]:
        """Which requests share a number of connections with this one."""
        if self.what in ("push", "store", "save", "broadcast"):
            return (self.app.name, self.region)
        return (self.app.name, f"{self.what} at {self.region}")

    @property
    def quota(self) -> str:
        """The class of quota of its pushes."""
        return self.app.kind.quota_of(self.items[0].channel)

    @classmethod
    def of(cls, request: Request, app: App, gate: Gate, now: float) -> Visit:
        """The visit that a request is. `now`: loop seconds."""
        region, what = request.url.rsplit("/", 2)[1:]
        return cls(app, region, what, request, json.loads(request.content), gate, now)

    def unpack(self, saved: Stored | None) -> None:
        """Read the pushes of the request. `saved`: the stored notification that it names."""
        self.saved = saved
        common = self.body["mark"] if saved is None else saved.mark
        self.items = [
            Item(
                token,
                text if saved is None else saved.text,
                channel if saved is None else saved.channel,
                dedupe_id,
                message_id,
                _as_mark(mark or common),
            )
            for token, text, channel, dedupe_id, message_id, mark in self.body["items"]
        ]


def _as_mark(given: Sequence[str] | None) -> Mark | None:
    return None if given is None else (given[0], given[1])
