"""From pushes handed in to runs on their way: each gets its deadline and goes to its certificate's lane.

Nothing waits here. Pushes of one call are put into runs, because to take them in one by one would cost as much as the
rest of their way; a push that wants to be sent in a manner of its own (timeout, priority, `coalesce`) is in a run with
neighbours of the same manner, or in one of its own. Used by `Gateway`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias, TypeVar

from pushgateway.engine.lane import Lane
from pushgateway.engine.lanes import Lanes
from pushgateway.engine.pushes.ids import Ids
from pushgateway.engine.pushes.runs import Run, Sink
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import OutcomeGiven
from pushgateway.observe.traces import Traces

P = TypeVar("P")
Manner: TypeAlias = tuple[float | None, bool, Priority]
"""How a push is to be sent: its timeout, whether it shares a request, its priority."""
_MANNER: Callable[[Push], Manner] = attrgetter("timeout", "coalesce", "priority")
_NORMAL = Priority.NORMAL  # enum members are looked up in Python


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

    def take_usual(self, push_token: PushToken, notification: Notification, sink: Sink[P], place: P) -> None:
        """Send a notification on its way, with everything else as it is by default; its values were checked."""
        lane = self._lanes.open.get(push_token.certificate_id)
        if lane is None:
            push = Push.with_defaults(push_token, notification, self._ids.make(push_token, notification))
            self.take_one(push, sink, place)
            return
        lane.arrived += 1
        priority = _NORMAL if notification.intent is None else notification.intent.priority
        run = lane.open_run
        if run is not None and lane.open_manner is priority:
            run.append(push_token, notification, place)
            return
        now = self._now()
        run = Run(
            [push_token],
            [notification],
            [place],
            sink,
            self._ids.make_each,
            priority=priority,
            begun=now,
            deadline=now + self._timeout,
        )
        lane.arrive(run, priority)

    def take_one(self, push: Push, sink: Sink[P], place: P) -> None:
        """Send a push on its way that has its id already."""
        lane = self._lane(push.push_token.certificate_id)
        if not isinstance(lane, Lane):
            sink.put((place,), (self.refused(push, *lane),))
            return
        lane.arrived += 1
        manner = (push.timeout, push.priority) if push.coalesce else None
        if manner is not None and lane.open_run is not None and lane.open_manner == manner:
            lane.open_run.append(push.push_token, push.notification, place, push)
            return
        now = self._now()
        deadline = now + (self._timeout if push.timeout is None else push.timeout)
        lane.arrive(Run.of([push], [place], sink, begun=now, deadline=deadline), manner)

    def take_each(self, pushes: Sequence[Push], sink: Sink[int], place: int) -> None:
        """Send each on its way, under its id or a new one; the first one has this place at the sink."""
        now = self._now()
        places: Sequence[int] = range(place, place + len(pushes))
        for key, numbers in _by_certificate([push.push_token for push in pushes]):
            if numbers is None:
                self._let_in(key, self._runs(pushes, places, sink, now))
            else:
                own = [pushes[number] for number in numbers]
                self._let_in(key, self._runs(own, [places[number] for number in numbers], sink, now))

    def _runs(self, pushes: Sequence[Push], places: Sequence[int], sink: Sink[int], now: float) -> list[Run]:
        """A run for neighbours that are sent in the same manner: two pushes for one phone must not change places."""
        runs: list[Run] = []
        for (timeout, _, _), start, end in _by_manner(pushes):
            deadline = now + (self._timeout if timeout is None else timeout)
            own = slice(start, end)
            run = Run.of(pushes[own], places[own], sink, begun=now, deadline=deadline, make_ids=self._ids.make_each)
            runs.append(run)
        return runs

    def take_all(self, first: Push, push_tokens: Sequence[PushToken], sink: Sink[int], place: int) -> None:
        """Send the same push to each of these phones, under an id of its own."""
        now = self._now()
        deadline = now + (self._timeout if first.timeout is None else first.timeout)
        places: Sequence[int] = range(place, place + len(push_tokens))
        for key, numbers in _by_certificate(push_tokens):
            own = push_tokens if numbers is None else [push_tokens[number] for number in numbers]
            run = Run(
                own,
                [first.notification] * len(own),
                places if numbers is None else [places[number] for number in numbers],
                sink,
                self._ids.make_each,
                priority=first.priority,
                begun=now,
                deadline=deadline,
                origins=[first] * len(own),
                coalesce=first.coalesce,
            )
            self._let_in(key, [run])

    def _let_in(self, key: str, runs: Sequence[Run]) -> None:
        lane = self._lane(key)
        if isinstance(lane, Lane):
            lane.submit(runs)
            return
        for run in runs:
            run.sink.put(run.places, [self.refused(push, *lane) for push in run.pushes])

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


def _by_certificate(push_tokens: Sequence[PushToken]) -> Iterator[tuple[str, Sequence[int] | None]]:
    """The certificates of these, each with the indices that are its; None: all of them."""
    keys = [push_token.certificate_id for push_token in push_tokens]
    if len(set(keys)) == 1:  # nearly always
        yield keys[0], None
        return
    numbers: dict[str, list[int]] = {}
    for number, key in enumerate(keys):
        numbers.setdefault(key, []).append(number)
    yield from numbers.items()


def _by_manner(pushes: Sequence[Push]) -> Iterator[tuple[Manner, int, int]]:
    """Where neighbours of one manner begin and end."""
    manners = list(map(_MANNER, pushes))
    if len(set(manners)) == 1:  # nearly always
        yield manners[0], 0, len(manners)
        return
    start = 0
    for manner, neighbours in groupby(manners):
        end = start + len(list(neighbours))
        yield manner, start, end
        start = end
