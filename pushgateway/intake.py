"""From pushes handed in to pushes on their way: each gets its deadline and goes to its certificate's lane.

Law of this file: nothing waits here. Pushes of one call come in side by side, because to take them in one by one would
cost as much as the rest of their way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

from pushgateway.events import OutcomeGiven
from pushgateway.ids import Ids
from pushgateway.intent import Priority
from pushgateway.lane import Lane
from pushgateway.model import Push, PushToken
from pushgateway.outcome import Outcome, Reason
from pushgateway.roster import Roster
from pushgateway.tracing import Traces
from pushgateway.waiting import Cohort, Column, Item, Sink, Waiting, each
from pushgateway.watching import Watch

FEW = 4
"""Fewer pushes go each by itself, which costs less than to keep them together."""
_Manner: TypeAlias = tuple[float | None, bool, Priority]
_MANNER: Callable[[Push], _Manner] = attrgetter("timeout", "coalesce", "priority")


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

    def take_each(self, pushes: Sequence[Push], sink: Sink, place: int) -> None:
        """Send each on its way, under its id or a new one; the first one has this place at the sink."""
        column = Column(pushes, [push.push_token for push in pushes], self._ids.make_each)
        self._take(column, list(map(_MANNER, pushes)), sink, place)

    def take_all(self, first: Push, push_tokens: Sequence[PushToken], sink: Sink, place: int) -> None:
        """Send the same push to each of these phones, under an id of its own."""
        count = len(push_tokens)
        column = Column([first] * count, push_tokens, self._ids.make_each)
        self._take(column, [_MANNER(first)] * count, sink, place)

    def _take(self, column: Column, manners: Sequence[_Manner], sink: Sink, place: int) -> None:
        keys = [push_token.certificate_id for push_token in column.push_tokens]
        numbers: dict[str, list[int]] = {}
        if len(set(keys)) > 1:
            for number, key in enumerate(keys):
                numbers.setdefault(key, []).append(number)
        now = self._now()
        for key in numbers or keys[:1]:
            items: list[Item] = []  # one after the other: two pushes for a phone must not change places
            for manner, run in _runs(manners, numbers.get(key) or range(len(keys))):
                places = [place + number for number in run] if isinstance(run, list) else range(place, place + len(run))
                items += self._side_by_side(column.pick(run), manner, places, sink, now)
            lane = self._lane(key)
            if isinstance(lane, Lane):
                lane.submit(items)
                continue
            for waiting in each(items):
                sink.put(waiting.place, self.refused(waiting.push, *lane))

    def _side_by_side(
        self, column: Column, manner: _Manner, places: Sequence[int], sink: Sink, now: float
    ) -> Sequence[Item]:
        timeout, coalesce, priority = manner
        deadline = now + (self._timeout if timeout is None else timeout)
        if coalesce and len(places) >= FEW:
            return (Cohort(column, places, priority, deadline, sink, begun=now),)
        pairs = zip(column.batch(), places, strict=True)
        return [Waiting(push, deadline, sink, place, now) for push, place in pairs]

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


def _runs(manners: Sequence[_Manner], numbers: Sequence[int]) -> Iterator[tuple[_Manner, Sequence[int]]]:
    """Neighbours of one manner, by their numbers."""
    if len(set(manners)) == 1:  # nearly always
        yield manners[0], numbers
        return
    for manner, run in groupby(numbers, manners.__getitem__):
        yield manner, list(run)
