"""The host's recalls and checks of tokens, and whether their outcomes are what the vendor did."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import attrs

from pushgateway import Gateway, Outcome, PushToken, Reason, Status, TokenOutcome
from simulated.ledger import Ledger
from simulated.server import SimServer

LATE = 0.06
"""Seconds after the time limit at which every outcome must be there."""


@attrs.define(eq=False)
class TokenCalls:
    """Calls about many tokens, and the checks of their outcomes."""

    _ledger: Ledger
    _server: SimServer

    async def recall(self, gateway: Gateway, outcomes: Sequence[Outcome], timeout: float) -> None:  # noqa: ASYNC109
        """Take these back; none of them may have been taken back before."""
        begun = asyncio.get_running_loop().time()
        ended = await gateway.recall(outcomes, timeout=timeout)
        self._look_at_all([one.push_token for one in outcomes], ended, begun + timeout)
        for outcome, one in zip(outcomes, ended, strict=False):
            app, token = one.push_token.certificate_id, one.push_token.token
            performed = self._server.answers.recalled[app, outcome.handle or outcome.message_id or "", token]
            if one.status is not Status.UNKNOWN and one.ok is not (performed > 0):
                self._ledger.broken("V1", f"{token}: a recall ended {one.status.value}, performed {performed} times")

    async def alive(self, gateway: Gateway, tokens: Sequence[PushToken], timeout: float) -> None:  # noqa: ASYNC109
        """Ask which of these are alive."""
        begun = asyncio.get_running_loop().time()
        ended = await gateway.check_tokens(tokens, timeout=timeout)
        self._look_at_all(tokens, ended, begun + timeout)
        for one in ended:
            app, token = self._server.apps[one.push_token.certificate_id], one.push_token.token
            if one.ok and (app.has_died(token) or not app.kind.checks_tokens):
                self._ledger.broken("V1", f"{token} of {app.name}: called alive")

    def _look_at_all(self, asked: Sequence[PushToken], ended: Sequence[TokenOutcome], due: float) -> None:
        now = asyncio.get_running_loop().time()
        self._ledger.event("about tokens", round(now, 6), [one.status.value for one in ended])
        if [one.push_token for one in ended] != list(asked):
            self._ledger.broken("V1", "not one outcome for each token, in order")
        if now > due + LATE:
            self._ledger.broken("I8", f"outcomes about tokens came {now - due:.3f} s after the time limit")
        for one in ended:
            app, token = one.push_token.certificate_id, one.push_token.token
            self._ledger.calls[f"{one.operation} {one.status.value}"] += 1
            if one.reason is Reason.UNREGISTERED and not self._ledger.is_named_dead(app, token):
                self._ledger.broken("I5", f"{token} of {app}: called dead by {one.operation}")
