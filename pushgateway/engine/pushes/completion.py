"""How pushes end: each with exactly one outcome, at its deadline at the latest.

Here are the last word on a push, the deadline timer, and what observers and traces get to know of it. Not here: whether
a push is tried again, which the endpoint decides. Used by `Lane`, `Endpoint` and `Delivery`; it knows none of them.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence

from pushgateway.engine.bindings import Bindings
from pushgateway.engine.flow_control.retry import last_word, repeat
from pushgateway.engine.pushes.deadlines import Deadlines
from pushgateway.engine.pushes.runs import Run, is_wanted
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.model.reason import Reason, Status
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import OutcomeGiven
from pushgateway.observe.traces import Traces
from pushgateway.transport.limit import ARRIVED
from pushgateway.vendor.refusals import Refused

TURN = 1000
"""Pushes given their outcome before the event loop gets a turn, where there may be many."""
HELD = 0.01
"""Seconds that the deadline timer may be late; more means that the event loop was held."""


class Completions:
    """Gives the pushes of one lane their outcomes.

    Invariants: every run that was added is settled exactly once, by its end or by the deadline timer; whatever is said
    of it later changes nothing. `held` is the number of pushes that were added and are not settled. After an attempt
    without a verdict no push ends `REJECTED` or `NOT_SENT`.
    """

    def __init__(
        self,
        certificate_id: str,
        brand: str,
        emitter: Emitter,
        traces: Traces | None,
        why_held_up: Callable[[str], str],
        *,
        bindings: Bindings | None = None,
    ) -> None:
        """`why_held_up`: in words, what keeps pushes from leaving for the endpoint of this key; "": nothing does."""
        self.held = 0
        self.bindings = bindings
        """Whom to ask about pushes that have an owner; None: nobody."""
        self.deduplicates = False
        """Whether the vendor drops repeats of one id; by the settings in force."""
        self.traces = traces
        self._certificate_id = certificate_id
        self._brand = brand
        self._emitter = emitter
        self._why_held_up = why_held_up
        self._loop = asyncio.get_running_loop()
        self._deadlines = Deadlines()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    def add(self, runs: Sequence[Run]) -> None:
        """From now on these have a deadline."""
        for run in runs:
            self.held += run.size
        if self._deadlines.add(runs) < self._timer_at:
            self._set_timer()

    # The end of a push

    def finish(self, run: Run, outcomes: Sequence[Outcome]) -> None:
        """The last word on each push of a run, in their order. Ignored where it is settled already."""
        if run.settled:
            return
        if run.attempts or run.doubtful:
            doubtful, drops = run.doubtful, self.deduplicates
            outcomes = [
                last_word(one, attempts=run.attempts + one.attempts, doubtful=doubtful, deduplicates=drops)
                for one in outcomes
            ]
        for outcome in outcomes:
            if outcome.repeated:
                outcomes = [
                    repeat(one, push) if one.repeated else one for one, push in zip(outcomes, run.pushes, strict=True)
                ]
                break
        if self.traces is not None:
            for outcome in outcomes:
                self.traces.ended(outcome, run.begun, run.trace)
        if self.bindings is not None:
            self._report_dead(self.bindings, run, outcomes)
        self._settle(run, outcomes)
        for outcome in outcomes:
            if outcome.status is not Status.ACCEPTED or self._emitter.is_observed:
                self._tell(outcome, run.begun)

    @staticmethod
    def _report_dead(bindings: Bindings, run: Run, outcomes: Sequence[Outcome]) -> None:
        for owner, outcome in zip(run.owners, outcomes, strict=True):
            if owner is not None and outcome.reason is Reason.UNREGISTERED:
                bindings.report_dead(outcome.push_token, owner)

    def end(self, run: Run, outcome: Callable[[Push], Outcome]) -> None:
        """The same where all of a run end alike: `outcome` says how, of each push."""
        if not run.settled:
            self.finish(run, list(map(outcome, run.pushes)))

    def not_sent(self, run: Run, reason: Reason, detail: str) -> None:
        """Nothing of it left the process."""
        self.end(run, lambda push: Outcome.not_sent(push, reason, detail))

    def refused(self, run: Run, refusal: Refused) -> None:
        """What would have to come before it, or waiting for it, is refused: it did not leave."""
        self.end(run, lambda push: refusal.outcome(push, sent=False))

    def accepted(self, runs: Sequence[Run], outcomes: Sequence[Outcome]) -> None:
        """The last word on all runs of one request: accepted, at the first attempt, and none is settled yet."""
        if self.traces is not None and (trace := runs[0].trace) is not None:
            if len(outcomes) == 1:
                self.traces.ended(outcomes[0], runs[0].begun, trace)
            else:
                begun = [run.begun for run in runs for _ in range(run.size)]
                self.traces.all_accepted(outcomes, begun, trace)
        start = 0
        for run in runs:
            end = start + run.size
            self._settle(run, outcomes if run.size == len(outcomes) else outcomes[start:end])
            start = end
        if self._emitter.is_observed:
            start = 0
            for run in runs:
                for outcome in outcomes[start : start + run.size]:
                    self._tell(outcome, run.begun)
                start += run.size

    def cut_off(self, runs: Iterable[Run], detail: str) -> None:
        """Their request came to no end, or they never got into one."""
        for run in runs:
            if run.asked:
                self.end(run, lambda push: Outcome.unknown(push, f"{detail} while the vendor was asked"))
            else:
                self.not_sent(run, Reason.CLOSED, detail)

    def _settle(self, run: Run, outcomes: Sequence[Outcome]) -> None:
        run.settled = True
        run.trace = None
        self.held -= run.size
        self._deadlines.discard((run,))
        run.sink.put(run.places, outcomes)

    def _tell(self, outcome: Outcome, begun: float) -> None:
        given = OutcomeGiven(
            certificate_id=self._certificate_id,
            brand=self._brand,
            status=outcome.status,
            reason=outcome.reason,
            vendor_code=outcome.vendor_code,
            attempts=outcome.attempts,
            duration=self._loop.time() - begun,
            truncated=bool(outcome.truncated),
            possible_duplicate=outcome.possible_duplicate,
        )
        self._emitter.emit(given, outcome.detail)

    # Who is still to be sent

    def in_time(self, runs: Iterable[Run], now: float, needed: float = 0.0) -> list[Run]:
        """Those that are not too late: `needed` seconds must be left, or half of what they had. The others expire."""
        early: list[Run] = []
        for run in runs:
            left = run.deadline - now
            if left <= needed and (left <= 0 or 2 * left <= run.deadline - run.begun):
                self._expire(run)
            else:
                early.append(run)
        return early

    def still_wanted(self, runs: Iterable[Run], now: float) -> list[Run]:
        """Those that are not too late and not taken back."""
        return [run for run in self.in_time(runs, now) if is_wanted(run)]

    # Deadlines

    def _set_timer(self) -> None:
        when = self._deadlines.next()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if when is None else self._loop.call_at(when, self._deadline)
        self._timer_at = math.inf if when is None else when

    def _deadline(self) -> None:
        """Give those whose deadline has passed their outcome, wherever they are; the rest of them next turn.

        If the loop was held, replies that came in time may not be read yet: pushes of which the vendor was asked wait
        for them some turns of the loop.
        """
        now, unanswered = self._loop.time(), dict[Run, None]()
        was_held = now - self._timer_at > HELD
        for run in self._deadlines.due(now, TURN):
            if was_held and run.asked:
                unanswered[run] = None
                run.bucket = unanswered  # a run that leaves it meanwhile is here too
            else:
                self._expire(run)
        if unanswered:
            self._loop.call_soon(self._expire_unanswered, unanswered, ARRIVED)
        self._timer = None
        self._set_timer()

    def _expire_unanswered(self, unanswered: dict[Run, None], turns: int) -> None:
        if turns > 0:
            self._loop.call_soon(self._expire_unanswered, unanswered, turns - 1)
            return
        for run in list(unanswered):
            self._expire(run)

    def _expire(self, run: Run) -> None:
        if run.asked:
            self.end(run, lambda push: Outcome.unknown(push, "the deadline passed while the vendor was asked"))
            return
        why = self._why_held_up(run.region)
        detail = f"the deadline came before it could leave in time{why and ': '}{why}"
        self.not_sent(run, Reason.EXPIRED, detail)

    def close(self) -> None:
        """No deadline is waited for any more; everything is settled."""
        if self._timer is not None:
            self._timer.cancel()
