"""The numbers of the demo's live table: one row for each brand, counted from the gateway's events and the receipts.

Pure: nothing is printed, sent or waited for. `demo_scenes` compares the rows with the outcomes and the ledgers.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from pushgateway.model.outcome import Outcome
from pushgateway.model.reason import Reason, Status
from pushgateway.model.receipt import Receipt, ReceiptKind
from pushgateway.model.secret import safe_repr
from pushgateway.observe.events import BreakerChanged, BreakerState, Event, LoginDone, OutcomeGiven, RequestDone

DEAD = frozenset({ReceiptKind.UNREGISTERED, ReceiptKind.SUSPECT})
UNDELIVERED = DEAD | {ReceiptKind.MUTED}
"""Receipts that report an accepted push as not delivered."""


@safe_repr
@attrs.define(eq=False)
class Row:
    """What became of one brand's pushes so far, and what its vendor was asked."""

    endings: Counter[tuple[Status, Reason | None]] = attrs.field(factory=Counter)
    """Outcomes by status and reason."""
    reported: dict[str, ReceiptKind] = attrs.field(factory=dict, repr=False)
    """By token: pushes that the vendor accepted and that a receipt reports as not delivered."""
    answered: int = 0
    """Requests with a reply."""
    unanswered: int = 0
    """Requests that left and got no reply: the vendor may have performed them."""
    logins: int = 0
    is_down: bool = False
    """Whether the gateway keeps pushes back because the vendor does not answer (its circuit breaker is not closed)."""
    resumed: float | None = None
    """When the vendor answered again, in seconds since the start of the board; None: it was never down, or still is."""
    seconds: float = 0.0
    """When the last outcome came, in seconds since the start of the board."""

    @property
    def calls(self) -> int:
        """Requests that left."""
        return self.answered + self.unanswered

    def numbers(self) -> dict[str, Any]:
        """The row for the table and for `--json`."""
        by_status: dict[Status, dict[str, int]] = {status: {} for status in Status}
        for (status, reason), number in self.endings.items():
            by_status[status][ending(status, reason)] = number
        pushes = self.endings.total()
        return {
            "pushes": pushes,
            "accepted": sum(by_status[Status.ACCEPTED].values()),
            "rejected": by_status[Status.REJECTED],
            "reported": dict(Counter(kind.value for kind in self.reported.values())),
            "not_sent": by_status[Status.NOT_SENT],
            "unknown": sum(by_status[Status.UNKNOWN].values()),
            "calls": self.calls,
            "pushes_per_second": per_second(pushes, self.seconds),
            "down": self.is_down,
        }


class Board:
    """The rows of all brands, by certificate id; an observer for the gateway."""

    def __init__(self, certificate_ids: Iterable[str], clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock`: seconds, of any origin."""
        self.rows: Mapping[str, Row] = {certificate_id: Row() for certificate_id in certificate_ids}
        self._clock = clock
        self._milestone, self._reached = 0, asyncio.Event()
        self.start()

    def start(self, milestone: int = 0) -> None:
        """Seconds count from now on. `milestone`: a number of outcomes for which `reached` waits."""
        self._began, self._milestone = self._clock(), milestone

    def seconds(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._began

    async def reached(self) -> None:
        """Wait until there are as many outcomes as the milestone says."""
        await self._reached.wait()

    def __call__(self, event: Event) -> None:
        """Count an event of the gateway."""
        row = self.rows.get(event.certificate_id)
        if row is None:
            return
        match event:
            case OutcomeGiven():
                row.endings[event.status, event.reason] += 1
                row.seconds = self.seconds()
                if not self._reached.is_set() and self.outcomes() >= self._milestone:
                    self._reached.set()
            case RequestDone(sent=True, ending="reply"):
                row.answered += 1
            case RequestDone(sent=True):
                row.unanswered += 1
            case LoginDone():
                row.logins += 1
            case BreakerChanged():
                row.is_down = event.state is not BreakerState.CLOSED
                row.resumed = None if row.is_down else self.seconds()

    def outcomes(self) -> int:
        """Outcomes of all brands so far."""
        return sum(row.endings.total() for row in self.rows.values())

    def report(self, certificate_id: str, receipts: Iterable[Receipt]) -> None:
        """Count receipts that report a push as not delivered."""
        for receipt in receipts:
            if receipt.kind in UNDELIVERED:
                self.rows[certificate_id].reported[receipt.push_token.token] = receipt.kind


def ending(status: Status, reason: Reason | None) -> str:
    """One word: `accepted`, or the reason."""
    word: str = (reason or status).value
    return word


def endings(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many ended how: `accepted`, `unregistered`, `muted` …"""
    return dict(Counter(ending(outcome.status, outcome.reason) for outcome in outcomes))


def per_second(number: int, seconds: float) -> int:
    """A whole number; 0 before any time has passed."""
    return round(number / seconds) if seconds else 0


def total(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sum of `Row.numbers` over all brands, without what cannot be added (speeds, and who is down)."""
    rows = list(rows)
    reasons = ("rejected", "reported", "not_sent")
    return {
        **{name: sum(row[name] for row in rows) for name in ("pushes", "accepted", "unknown", "calls")},
        **{name: dict(sum((Counter(row[name]) for row in rows), Counter[str]())) for name in reasons},
    }
