"""From pushes handed in to pushes on their way: each gets its id and its deadline, and goes to its certificate's lane.

Law of this file: nothing waits here. Pushes of one call come in together, because to take them in one by one would cost
as much as the rest of their way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat

from pushgateway.batching import Sink, Waiting
from pushgateway.events import OutcomeGiven
from pushgateway.ids import Ids
from pushgateway.lane import Lane
from pushgateway.model import Push, PushToken
from pushgateway.outcome import Outcome, Reason
from pushgateway.roster import Roster
from pushgateway.tracing import Traces
from pushgateway.watching import Watch


class Intake:
    """Where pushes come in."""

    def __init__(
        self,
        roster: Roster,
        ids: Ids,
        watch: Watch,
        traces: Traces | None,
        *,
        now: Callable[[], float],
        timeout: float,
    ) -> None:
        """`now`: the loop's clock. `timeout`: seconds for pushes that name none."""
        self._roster = roster
        self._ids = ids
        self._watch = watch
        self._traces = traces
        self._now = now
        self._timeout = timeout

    def take_one(self, push: Push, sink: Sink, place: object) -> Waiting:
        """Send a push on its way that has its id already."""
        now = self._now()
        waiting = Waiting(push, now + (self._timeout if push.timeout is None else push.timeout), sink, place, now)
        lane = self._lane(push.push_token.certificate_id)
        if isinstance(lane, Lane):
            lane.submit_one(waiting)
        else:
            sink.put(place, self.refused(push, *lane))
        return waiting

    def identified(self, pushes: Sequence[Push]) -> list[Push]:
        """The same pushes, each with an id."""
        return Push.twins(pushes, [push.push_token for push in pushes], self._ids.make_each(pushes))

    def addressed(self, first: Push, push_tokens: Sequence[PushToken]) -> list[Push]:
        """The same push to each of these phones, under an id of its own."""
        return Push.twins(repeat(first), push_tokens, self._ids.make_all(push_tokens, first.notification))

    def take(self, pushes: Iterable[Push], sink: Sink, place: int) -> None:
        """Send each on its way, by the id it has; the first one has this place at the sink."""
        now = self._now()
        usual = now + self._timeout
        runs: dict[str, list[Waiting]] = {}
        for push in pushes:
            key = push.push_token.certificate_id
            run = runs.get(key)
            if run is None:
                run = runs[key] = []
            run.append(Waiting(push, usual if push.timeout is None else now + push.timeout, sink, place, now))
            place += 1
        for key, run in runs.items():
            lane = self._lane(key)
            if isinstance(lane, Lane):
                lane.submit(run)
                continue
            for waiting in run:
                sink.put(waiting.place, self.refused(waiting.push, *lane))

    def _lane(self, key: str) -> Lane | tuple[Reason, str]:
        """Where its pushes go, or why they do not."""
        lane = self._roster.open.get(key)
        return lane or self._roster.obstacle(key) or self._roster.lane(key)

    def refused(self, push: Push, reason: Reason, detail: str) -> Outcome:
        """The outcome of a push that does not come in."""
        key = push.push_token.certificate_id
        outcome = Outcome.not_sent(push, reason, detail)
        given = OutcomeGiven(
            certificate_id=key, brand=self._roster.brand(key), status=outcome.status, reason=reason, duration=0.0
        )
        self._watch.emit(given, detail)
        if self._traces is not None:
            self._traces.ended(outcome, self._now(), None)
        return outcome
