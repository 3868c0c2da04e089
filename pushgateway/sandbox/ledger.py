"""What a sandbox really did, whatever it answered.

Law of this file: the ledger is the truth that tests compare outcomes with, so only a performed push is written here.
With `keep=False` it counts and keeps nothing else, so that a million pushes cost no memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import attrs

from pushgateway.masking import safe_repr


@safe_repr
@attrs.frozen
class Delivery:
    """One push that a sandbox performed for one phone. Its `repr` shows no token and no text."""

    token: str = attrs.field(repr=False)
    title: str = attrs.field(repr=False)
    body: str = attrs.field(repr=False)
    dedupe_id: str | None
    """The sender's id of the push, by which repeats are dropped."""
    message_id: str
    """The vendor's id of the push, as answered."""
    operation: str
    """The vendor's name of the call, as `unicast`."""
    at: float
    """When, by the sandbox's clock (epoch seconds)."""
    notification: Mapping[str, Any] = attrs.field(repr=False)
    """The notification as it arrived, in the vendor's own field names."""


class Ledger:
    """Every push performed, and how often what was called.

    `calls` counts requests by operation (also refused ones), `bytes` their bodies, `receipts` what became of receipts
    (`posted`, `failed`, `refused`).
    """

    def __init__(self, *, keep: bool = True) -> None:
        self._keep = keep
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.total = 0
        self.bytes = 0
        self.calls: Counter[str] = Counter()
        self.receipts: Counter[str] = Counter()
        self._deliveries: list[Delivery] = []
        self._by_token: dict[str, int] = {}

    @property
    def keeps(self) -> bool:
        """Whether single deliveries are kept; asked before a `Delivery` is made, which costs time."""
        return self._keep

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """All deliveries, oldest first; empty when only counting."""
        return tuple(self._deliveries)

    def last(self, number: int) -> tuple[Delivery, ...]:
        """The last `number` deliveries, oldest first."""
        return tuple(self._deliveries[-number:]) if number > 0 else ()

    def count(self, token: str) -> int:
        """How many pushes this token got."""
        return self._by_token.get(token, 0)

    def note_call(self, operation: str, size: int) -> None:
        """A request arrived."""
        self.calls[operation] += 1
        self.bytes += size

    def note(self, token: str, delivery: Delivery | None) -> None:
        """A push was performed for `token`; `delivery` is None when only counting."""
        self.total += 1
        self._by_token[token] = self._by_token.get(token, 0) + 1
        if delivery is not None:
            self._deliveries.append(delivery)
