"""The checks of receipts: what the vendor has posted, what the host has taken, and what came out of the gateway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import attrs

from pushgateway import Proof, Receipt, ReceiptKind
from simulated.kinds import Kind
from simulated.ledger import Ledger
from simulated.wire import EVENTS, UNINSTALLED


class Posted(NamedTuple):
    """A receipt as the vendor posts it, and which push it is about."""

    app: str
    token: str
    event: str
    parameter: str
    message_id: str
    at: float
    text: str

    @property
    def element(self) -> tuple[str, str, str, str, float]:
        """What stands in the request."""
        return (self.token, self.event, self.parameter, self.message_id, self.at)

    @property
    def about(self) -> tuple[str, str, str]:
        """The push on its phone, and the event."""
        return (self.token, self.text, self.event)


@attrs.define(eq=False)
class ReceiptLedger:
    """The receipts of a day."""

    _ledger: Ledger
    _is_forged: bool
    """Somebody forges receipts on this day."""
    _gateway: Callable[[], int]
    """Number of the gateway in use."""
    _posted: dict[tuple[object, ...], tuple[Posted, Kind]] = attrs.field(factory=dict)
    _taken: set[tuple[str, str, str]] = attrs.field(factory=set)
    _called_dead: set[tuple[str, str, str]] = attrs.field(factory=set)
    _out: Counter[tuple[object, ...]] = attrs.field(factory=Counter)

    def post(self, posted: Posted, kind: Kind) -> None:
        """The vendor is going to post this."""
        self._posted[posted.app, *posted.element] = (posted, kind)
        if posted.event == UNINSTALLED:
            self._ledger.named_dead(posted.app, posted.token)

    def take(self, reports: Sequence[Posted], confirmed: Sequence[Posted]) -> None:
        """The host has answered that it has taken these. `confirmed`: those of which the gateway knew that the token is
        dead."""
        self._taken |= {posted.about for posted in reports}
        for posted in confirmed:
            if posted.about not in self._called_dead:
                self._ledger.broken("R1", f"{posted.about}: the token is not called dead")

    def confirmed(self, reports: Sequence[Posted]) -> list[Posted]:
        """Those of a dead token for which the gateway now has all that it takes to call it so."""
        number = self._gateway()
        kinds = [self._posted[posted.app, *posted.element][1] for posted in reports]
        return [
            posted
            for posted, kind in zip(reports, kinds, strict=True)
            if posted.event == UNINSTALLED and self._is_confirmed(posted, kind, number)
        ]

    def came_out(self, receipt: Receipt, gateway: int) -> None:
        """The host has kept a receipt, which came out of the gateway with this number."""
        app, token = receipt.push_token.certificate_id, receipt.push_token.token
        self._ledger.calls[f"receipt {receipt.kind.value}"] += 1
        self._ledger.event("receipt", gateway, app, token, receipt.kind.value, receipt.message_id)
        known = self._posted.get((app, token, receipt.event, receipt.parameter, receipt.message_id, receipt.at))
        if known is None:
            self._look_at_forged(receipt)
            return
        posted, kind = known
        order = self._ledger.orders[posted.token, posted.text]
        self._out[posted.about] += 1
        own = (gateway, posted, receipt.kind)  # of a push that was tried again the vendor may report each try
        self._out[own] += 1
        if self._out[own] > 1:
            self._ledger.broken("R1", f"{posted.about}: comes out a second time")
        if receipt.proof is not _proof(kind):
            self._ledger.broken("R1", f"{posted.about}: proved by {receipt.proof.value}")
        if receipt.dedupe_id != (order.dedupe_id if kind.marks == "push" else ""):
            self._ledger.broken("R1", f"{posted.about}: with the dedupe id {receipt.dedupe_id}")
        if receipt.kind is ReceiptKind.UNREGISTERED:
            self._called_dead.add(posted.about)
        if receipt.kind not in (EVENTS[posted.event], _PERHAPS.get(posted.event)):
            self._ledger.broken("R1", f"{posted.about}: {receipt.kind.value}")

    def _look_at_forged(self, receipt: Receipt) -> None:
        """What is not the vendor's may come out if nothing can be proved, and never costs a token."""
        app, token = receipt.push_token.certificate_id, receipt.push_token.token
        if receipt.kind is ReceiptKind.UNREGISTERED and not self._ledger.is_named_dead(app, token):
            self._ledger.broken("I5", f"{token}: called dead by a forged receipt")
        elif receipt.kind is not ReceiptKind.SUSPECT and receipt.proof in (Proof.PUSH, Proof.VENDOR):
            self._ledger.broken("R1", f"a forged receipt came out, proved by {receipt.proof.value}")

    def _is_confirmed(self, posted: Posted, kind: Kind, gateway: int) -> bool:
        if kind.signs_receipts:
            return True
        order = self._ledger.orders[posted.token, posted.text]
        outcome = order.outcome
        if outcome is None or self._is_forged or order.gateway != gateway:
            return False
        is_of_last_try = outcome.attempts == 1 or kind.names_requests
        return outcome.ok and is_of_last_try and outcome.message_id == posted.message_id

    def check(self) -> None:
        """At the end of the day: whatever was posted has been taken, and came out."""
        for posted, _ in self._posted.values():
            if posted.about not in self._taken:
                self._ledger.broken("R1", f"{posted.about}: the host has never taken it")
            elif not self._out[posted.about]:
                self._ledger.broken("R1", f"{posted.about}: taken, and never came out")


_PERHAPS = {UNINSTALLED: ReceiptKind.SUSPECT}
"""What a receipt may become where nothing confirms it."""


def _proof(kind: Kind) -> Proof:
    if kind.signs_receipts:
        return Proof.VENDOR
    return {"push": Proof.PUSH, "message": Proof.MESSAGE, "none": Proof.NONE}[kind.marks]
