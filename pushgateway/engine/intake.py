"""From pushes handed in to pushes on their way: each gets its deadline and goes to its certificate's lane.

Law of this file: nothing waits here. Pushes of one call come in side by side, because to take them in one by one would
cost as much as the rest of their way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pushgateway.engine.lane import Lane
from pushgateway.engine.lanes import Lanes
from pushgateway.engine.pushes.gathering import Apart, Manner, Row, manner, side_by_side
from pushgateway.engine.pushes.ids import Ids
from pushgateway.engine.pushes.runs import Column, Item, Sink, each
from pushgateway.model.outcome import Outcome, Reason
from pushgateway.model.push import Notification, Push, PushToken
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import OutcomeGiven
from pushgateway.observe.traces import Traces


class Intake:
    """Where pushes come in."""

    def __init__(
        self,
        lanes: Lanes,
        ids: Ids,
        emitter: Emitter,
        traces: Traces | None,
        *,
        now: Callable[[], float],
        timeout: float,
    ) -> None:
        """`now`: the loop's clock. `timeout`: seconds for pushes that name none."""
        self._lanes = lanes
        self._ids = ids
        self._emitter = emitter
        self._traces = traces
        self._now = now
        self._timeout = timeout

    def take_usual(self, push_token: PushToken, notification: Notification, sink: Sink, place: object) -> None:
        """Send a notification on its way, with everything else as it is by default; its values were checked."""
        lane = self._lanes.open.get(push_token.certificate_id)
        if lane is None or not lane.gathers:
            self.take_one(
                Push.ordinary(push_token, notification, self._ids.make(push_token, notification)), sink, place
            )
            return
        row = lane.fresh.open
        if not isinstance(row, Row):
            now = self._now()
            row = Row(sink, self._ids.make_each, begun=now, deadline=now + self._timeout)
            lane.submit_row(row)
        row.push_tokens.append(push_token)
        row.notifications.append(notification)
        row.places.append(place)

    def take_one(self, push: Push, sink: Sink, place: object) -> None:
        """Send a push on its way that has its id already."""
        lane = self._lane(push.push_token.certificate_id)
        if not isinstance(lane, Lane):
            sink.put(place, self.refused(push, *lane))
            return
        now, row = self._now(), lane.fresh.open
        if not isinstance(row, Apart):
            row = Apart(sink, begun=now, together=lane.gathers)
            lane.submit_row(row)
        row.add(push, now + (self._timeout if push.timeout is None else push.timeout), place)

    def take_each(self, pushes: Sequence[Push], sink: Sink, place: int) -> None:
        """Send each on its way, under its id or a new one; the first one has this place at the sink."""
        self._take(Column.of(pushes, self._ids.make_each), list(map(manner, pushes)), sink, place)

    def take_all(self, first: Push, push_tokens: Sequence[PushToken], sink: Sink, place: int) -> None:
        """Send the same push to each of these phones, under an id of its own."""
        count = len(push_tokens)
        column = Column(push_tokens, [first.notification] * count, self._ids.make_each, [first] * count)
        self._take(column, [manner(first)] * count, sink, place)

    def _take(self, column: Column, manners: Sequence[Manner], sink: Sink, place: int) -> None:
        now = self._now()
        deadlines = [now + (self._timeout if timeout is None else timeout) for timeout, _, _ in manners]
        places: Sequence[int] = range(place, place + len(manners))
        keys = [push_token.certificate_id for push_token in column.push_tokens]
        if len(set(keys)) == 1:
            self._let_in(keys[0], side_by_side(column, manners, places, deadlines, sink, begun=now))
            return
        numbers: dict[str, list[int]] = {}
        for number, key in enumerate(keys):
            numbers.setdefault(key, []).append(number)
        for key, own in numbers.items():
            items = side_by_side(
                column.pick(own),
                [manners[number] for number in own],
                [places[number] for number in own],
                [deadlines[number] for number in own],
                sink,
                begun=now,
            )
            self._let_in(key, items)

    def _let_in(self, key: str, items: Sequence[Item]) -> None:
        lane = self._lane(key)
        if isinstance(lane, Lane):
            lane.submit(items)
            return
        for waiting in each(items):
            waiting.sink.put(waiting.place, self.refused(waiting.push, *lane))

    def _lane(self, key: str) -> Lane | tuple[Reason, str]:
        """Where its pushes go, or why they do not."""
        lane = self._lanes.open.get(key)
        return lane or self._lanes.obstacle(key) or self._lanes.lane(key)

    def refused(self, push: Push, reason: Reason, detail: str) -> Outcome:
        """The outcome of a push that does not come in."""
        key = push.push_token.certificate_id
        outcome = Outcome.not_sent(push, reason, detail)
        given = OutcomeGiven(
            certificate_id=key, brand=self._lanes.brand(key), status=outcome.status, reason=reason, duration=0.0
        )
        self._emitter.emit(given, detail)
        if self._traces is not None:
            self._traces.ended(outcome, self._now(), None)
        return outcome
