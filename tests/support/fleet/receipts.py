"""The receipts of the fleet: what the sandboxes post is handed to the gateway, twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fleet.makers import Maker
from fleet.report import Dead, Report
from pushgateway import Gateway, Outcome, ReceiptKind


def take_receipts(
    gateway: Gateway, fleet: Sequence[Maker], outcomes: Sequence[Outcome], dead: Dead, report: Report
) -> None:
    """Hand over what is due, and again: each receipt comes out once, is genuine and readable, and agrees with what was
    delivered."""
    own: dict[str, list[Outcome]] = {maker.certificate_id: [] for maker in fleet}
    for outcome in outcomes:
        own[outcome.push_token.certificate_id].append(outcome)
    for maker in fleet:
        kinds: dict[str, Counter[ReceiptKind]] = {}
        for due in maker.sandbox.callbacks():
            first, again = (gateway.receipts(maker.certificate_id, due.headers, due.content) for _ in range(2))
            if not first.ok or first.forged or first.unreadable:
                report.broken.append(f"{maker.brand}: a receipt is not taken: {first!r}")
            if again.receipts:
                report.broken.append(f"{maker.brand}: a receipt comes out twice")
            for receipt in first.receipts:
                kinds.setdefault(receipt.push_token.token, Counter())[receipt.kind] += 1
        report.judge_receipts(maker, kinds, own[maker.certificate_id], dead)
