"""What a run of the fleet found, and the checks of one round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import attrs

from fleet.makers import Maker
from pushgateway import Intent, Outcome, PushToken, Reason, ReceiptKind, Status, TokenOutcome

Dead = Collection[PushToken]


@attrs.define(eq=False)
class Report:
    """What a run of the fleet found."""

    outcomes: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    """By brand and ending."""
    receipts: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    """By brand and kind."""
    checks: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    """Of tokens: by brand and ending."""
    broken: list[str] = attrs.field(factory=list)
    """A sentence for each broken promise."""

    @property
    def pushes(self) -> int:
        """Pushes in all."""
        return sum(self.outcomes.values())

    def judge(
        self, fleet: Sequence[Maker], outcomes: Sequence[Outcome], dead: Dead, intent: Intent, hours: Sequence[float]
    ) -> None:
        """Compare outcomes with deliveries. `hours`: those in China at which the round began and ended."""
        makers = {maker.certificate_id: maker for maker in fleet}
        for outcome in outcomes:
            maker, is_dead = makers[outcome.push_token.certificate_id], outcome.push_token in dead
            self.outcomes[maker.brand, (outcome.reason or outcome.status).value] += 1
            if not _agrees(outcome, maker.delivered[outcome.push_token.token], is_dead=is_dead):
                times = maker.delivered[outcome.push_token.token]
                self._break(maker, f"ended {outcome.status.value}, delivered {times} times: {outcome!r}")
            if outcome.reason is Reason.UNREGISTERED and not is_dead:
                self._break(maker, f"a living token is called dead: {outcome!r}")
            if outcome.reason is Reason.QUOTA_EXCEEDED and all(maker.takes(intent, hour) for hour in hours):
                self._break(maker, f"refused for its hours although it takes {intent.value}: {outcome!r}")
        for maker in fleet:
            self.broken += maker.wrong
            maker.wrong.clear()

    def judge_receipts(
        self, maker: Maker, kinds: Mapping[str, Counter[ReceiptKind]], outcomes: Sequence[Outcome], dead: Dead
    ) -> None:
        """Compare receipts, by token, with deliveries. Of a push that was tried again the vendor may report each try,
        under an id of its own."""
        for outcome in outcomes:
            token = outcome.push_token.token
            times, found = maker.delivered[token], kinds.get(token, Counter())
            for kind, number in found.items():
                self.receipts[maker.brand, kind.value] += number
            if not min(times, 1) <= found[ReceiptKind.ARRIVED] <= (max(times, outcome.attempts) if times else 0):
                self._break(maker, f"delivered {times} times, and {found[ReceiptKind.ARRIVED]} receipts: {outcome!r}")
            is_called_dead = found[ReceiptKind.UNREGISTERED] or found[ReceiptKind.SUSPECT]
            if is_called_dead and outcome.push_token not in dead:
                self._break(maker, f"a receipt calls a living token dead: {outcome!r}")

    def judge_checks(self, fleet: Sequence[Maker], checks: Sequence[TokenOutcome], dead: Dead) -> None:
        """Compare what was said of tokens with what they are."""
        makers = {maker.certificate_id: maker for maker in fleet}
        for one in checks:
            maker = makers[one.push_token.certificate_id]
            self.checks[maker.brand, (one.reason or one.status).value] += 1
            if one.status is Status.ACCEPTED and one.push_token in dead:
                self._break(maker, "a dead token is called alive")
            if one.reason is Reason.UNREGISTERED and one.push_token not in dead:
                self._break(maker, "a living token is called dead by a check")

    def _break(self, maker: Maker, how: str) -> None:
        self.broken.append(f"{maker.brand}: {how}")


def _agrees(outcome: Outcome, times: int, *, is_dead: bool) -> bool:
    """Whether an outcome agrees with the number of deliveries."""
    most = 1 if not outcome.possible_duplicate else outcome.attempts
    if outcome.status is Status.ACCEPTED:
        return times == 0 if is_dead else 1 <= times <= most
    if outcome.status is Status.UNKNOWN:
        return times <= max(1, most)
    return times == 0
