"""`PageGateway`: what the page needs of a gateway that sends to the phones it shows.

A sandbox is below the gateway in the layers, so the page knows it by this protocol only; `pushgateway.cli.page_gateway`
implements it. All values are JSON. The methods block and may be called in any thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from pushgateway.model.notification import Notification
from pushgateway.vendor import Response


class PagePush(NamedTuple):
    """One push that somebody sends on the page."""

    brand: str
    token: str
    notification: Notification

    def __repr__(self) -> str:
        return f"PagePush({self.brand})"


class PageGateway(Protocol):
    """A gateway with one certificate for each brand of the page."""

    @property
    def number(self) -> int:
        """Grows with every change of `state`."""

    def state(self) -> Mapping[str, Any]:
        """`outcomes`: by brand, how many pushes ended with each status or reason; `sends` and `events`: the last
        pushes sent on the page, and the last events of the gateway, each the newest first."""

    def send(self, pushes: Sequence[PagePush]) -> Sequence[Mapping[str, Any]]:
        """Send pushes and wait for their outcomes, in order."""

    def recall(self, brand: str, token: str, message_id: str) -> Mapping[str, Any]:
        """Take a push back from a phone. Returns `done`, `status`, `reason` and `detail`. Raises `FieldError` for a
        push that this gateway has not sent."""

    def renew(self, brand: str) -> None:
        """Forget what was learned about the daily quota of a brand, as at the vendor's midnight."""

    def is_verified(self, brand: str, token: str, message_id: str, kind: str) -> bool | None:
        """Whether it has accepted a receipt of this kind as genuine; None: it got none."""

    def receive(self, address: str, headers: Mapping[str, str], body: bytes) -> Response | None:
        """Take posted receipts, and answer as the vendor expects. `address`: what follows `/receipts/` in the path;
        None: nobody has this address."""

    def clear(self) -> None:
        """Forget outcomes, sends and events."""
