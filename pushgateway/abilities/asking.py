"""`Asker`: sends notifications of one certificate through a gateway to the brand's sandbox, and says what came of each.

The gateway is a real one, so a cell is what a host gets; time is virtual, so nothing waits. Every push goes to a new
phone. After an outcome that is neither accepted nor a refusal by the rules, gateway and sandbox are made anew, so that
a closed circuit breaker or a used quota does not change the next answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import attrs

from pushgateway.abilities.cells import Cell, Verdict
from pushgateway.abilities.facts import HOST, ID, load
from pushgateway.certificates.certificate import Certificate
from pushgateway.gateway import Gateway
from pushgateway.model.audience import Audience
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import BroadcastOutcome, Outcome
from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import safe_repr
from pushgateway.sandbox import Delivery, Sandbox
from pushgateway.testing import SandboxTransport, loop_wall_clock
from pushgateway.testing.delivery_comparison import changed, is_moment, with_texts
from pushgateway.vendor import Vendor

_BY_RULES: Final = (Reason.UNSUPPORTED, Reason.INVALID_NOTIFICATION)
MakeSandbox = Callable[[Callable[[], float]], Sandbox]
"""Makes the sandbox without phones, for a clock."""
MakeAudience = Callable[[list[str]], Audience]
"""Makes an audience that holds the phones with these tokens."""


@safe_repr
@attrs.frozen
class Answer:
    """What became of one push or broadcast."""

    outcome: Outcome | BroadcastOutcome
    seen: Delivery | None
    """What the phone shows. None: nothing."""
    problem: str = ""
    """How the outcome and the phone disagree."""
    as_texts: bool = False
    """The values of `data` arrived as their JSON texts."""

    @property
    def is_clean(self) -> bool:
        """Whether it is accepted and shown, or refused by the rules before a request."""
        if self.problem:
            return False
        return self.outcome.ok or (self.outcome.status is Status.NOT_SENT and self.outcome.reason in _BY_RULES)

    def cell(self, *words: str) -> Cell:
        """What it says about a feature that uses these fields."""
        outcome = self.outcome
        if not self.is_clean:
            code = "" if outcome.vendor_code is None else f"; code {outcome.vendor_code}"
            ending = f"{outcome.status.value}, {outcome.reason.value if outcome.reason else 'no reason'}{code}"
            return Cell(verdict=Verdict.WRONG, detail=self.problem or outcome.detail or ending)
        if not outcome.ok:
            return Cell(verdict=Verdict.REFUSED, reason=outcome.reason, detail=outcome.detail)
        if not set(words).isdisjoint(outcome.omitted):
            return Cell(verdict=Verdict.LEFT_OUT)
        verdict = Verdict.CARRIED if set(words).isdisjoint(outcome.truncated) else Verdict.CUT
        return Cell(verdict=verdict, as_texts=self.as_texts)


@safe_repr
class Asker:
    """Sends to the sandbox of one brand. Use it in one event loop with virtual time, and close it."""

    def __init__(
        self, vendor: type[Vendor], make_sandbox: MakeSandbox, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> None:
        """`change`: makes the certificate's settings of those of the sandbox. Raises `ConfigError` for settings that
        the plug-in does not take, `PluginError` for a plug-in that cannot be used."""
        self._vendor, self._make_sandbox, self._change = vendor, make_sandbox, change
        self.clock = loop_wall_clock()
        self.ttl_unit = 1
        """Seconds to which the vendor rounds a `ttl` up."""
        self._begin()

    def _begin(self) -> None:
        self.sandbox = self._make_sandbox(self.clock)
        settings = self._change(self.sandbox.settings(HOST))
        self._loaded = load(self._vendor, settings)
        self._gateway = Gateway(
            [Certificate(ID, self._vendor.brand, settings)],
            transport=SandboxTransport({HOST: self.sandbox}, clock=self.clock),
            vendors={self._vendor.brand: self._vendor},
            clock=self.clock,
            rng=random.Random(1),  # noqa: S311 - repeatable
        )

    @property
    def now(self) -> datetime:
        """The moment of the next push."""
        return datetime.fromtimestamp(self.clock(), UTC)

    def is_alone(self, note: Notification) -> bool:
        """Whether a push of it goes in a request of its own, although others share theirs."""
        return self._loaded.batching.size > 1 and self._loaded.is_alone(note)

    async def ask(self, note: Notification) -> Answer:
        """Push it to a new phone."""
        (token,) = self.sandbox.register(1)
        for url in (note.picture, note.icon):
            if url is not None:
                self.sandbox.verify_picture(url)
        outcome = await self._gateway.send(PushToken(ID, token), note)
        return await self._answered(note, outcome, self._delivered(token))

    async def broadcast(self, note: Notification, make: MakeAudience, **more: Any) -> Answer:
        """Broadcast it to an audience with a new phone. `more`: further arguments of `Gateway.broadcast`."""
        (token,) = self.sandbox.register(1)
        self.sandbox.set_alias(token, "ann")
        self.sandbox.set_account(token, "ann")
        self.sandbox.set_tags(token, ["vip", "beta"])
        outcome = await self._gateway.broadcast(ID, note, make([token]), **more)
        seen = self._delivered(token)
        return await self._answered(note, outcome, seen, _lost(seen, more))

    def _delivered(self, token: str) -> Delivery | None:
        """What a phone that is asked once has got."""
        return next((one for one in self.sandbox.ledger.deliveries if one.token == token), None)

    async def _answered(
        self, note: Notification, outcome: Outcome | BroadcastOutcome, seen: Delivery | None, problem: str = ""
    ) -> Answer:
        """The answer. `problem`: what is wrong apart from the notification."""
        as_texts = False
        if outcome.ok and seen is not None:
            compare = partial(
                changed, seen=seen, truncated=outcome.truncated, omitted=outcome.omitted, ttl_unit=self.ttl_unit
            )
            problems = compare(note)
            as_texts = bool(problems and note.data) and not compare(with_texts(note))
            problem = problem or ("" if as_texts else "; ".join(problems))
        elif outcome.ok:
            problem = "it is accepted, and the phone shows nothing"
        elif seen is not None:
            problem = "it is not accepted, and the phone shows it"
        answer = Answer(outcome, seen, problem, as_texts)
        if not answer.is_clean:
            await self.aclose()
            self._begin()
        return answer

    async def aclose(self) -> None:
        """Close the gateway."""
        await self._gateway.aclose()


def _lost(seen: Delivery | None, asked: Mapping[str, Any]) -> str:
    """Which of these arguments of a broadcast did not arrive, in a sentence; "": none."""
    if seen is None:
        return ""
    lost = [name for name, value in asked.items() if not _is_same(value, getattr(seen, name))]
    return f"{', '.join(lost)} was lost on the way" if lost else ""


def _is_same(given: object, arrived: Any) -> bool:
    return is_moment(given, arrived) if isinstance(given, datetime) else given == arrived
