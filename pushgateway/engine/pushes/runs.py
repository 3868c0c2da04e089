"""Pushes between being handed in and having their outcome, one by one and side by side.

Law of this file: they carry their own history and decide nothing. Pushes of one call travel as a `Cohort` for as long
as the same happens to all of them: what has to be done for each of a thousand costs as much as all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, TypeAlias

from pushgateway.model.batch import Batch, distinct
from pushgateway.model.intent import Priority
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Notification, Push, PushToken
from pushgateway.observe.traces import BatchTrace


class Sink(Protocol):
    """Where an outcome goes: one caller's `send`, `send_each` or `stream`."""

    withdrawn: bool
    """True: the caller of all is gone; what has not left yet shall not leave."""

    def left(self, places: Sequence[Any]) -> bool:
        """Whether the caller of one of these is gone."""

    def put(self, place: Any, outcome: Outcome) -> None:
        """Take the outcome of the push at `place`. Called once for each place."""

    def put_all(self, places: Sequence[Any], outcomes: Sequence[Outcome]) -> None:
        """The same for many of its pushes at once."""


class Waiting:
    """A push on its way through a lane. Mutable, because it collects its own history."""

    __slots__ = (
        "attempts",
        "begun",
        "deadline",
        "doubtful",
        "flight",
        "grain",
        "place",
        "push",
        "region",
        "settled",
        "sink",
        "tries",
    )

    size = 1
    """Pushes."""

    def __init__(self, push: Push, deadline: float, sink: Sink, place: Any, begun: float = 0.0) -> None:
        self.push = push
        self.begun = begun  # when it was handed in, on the loop's clock
        self.deadline = deadline  # on the loop's clock
        self.region = ""  # where it waits, once it does
        self.grain: dict[Item, None] | None = None  # where its deadline is filed
        self.sink = sink
        self.place = place  # what its sink knows it by
        self.attempts = 0  # vendor requests made for it
        self.tries = 0  # times it was taken up, failed logins included
        self.doubtful = False  # an attempt ended without a verdict
        self.settled = False  # the outcome has been given
        self.flight: Flight | None = None

    @property
    def gone(self) -> bool:
        """True when there is nothing left to do for it."""
        return self.settled or self.withdrawn

    @property
    def withdrawn(self) -> bool:
        """Whether its caller is gone."""
        return self.sink.left((self.place,))

    @property
    def priority(self) -> Priority:
        """Of its push."""
        return self.push.priority


class Files(Protocol):
    """Where deadlines are filed: `deadlines.Deadlines`."""

    def add(self, those: Iterable[Item]) -> float:
        """File some."""

    def discard(self, those: Iterable[Item]) -> None:
        """Forget some."""


Name: TypeAlias = Callable[[Sequence[PushToken], Sequence[Notification], Sequence[Push] | None], Sequence[str]]
"""Gives the ids of pushes to these phones; the pushes themselves where there are any."""


class Column:
    """Pushes before they have their ids: cheap to cut, and what is made of them is made at the last moment, because
    what lies about until then goes cold."""

    __slots__ = ("_name", "_origins", "notes", "push_tokens")

    def __init__(
        self,
        push_tokens: Sequence[PushToken],
        notes: Sequence[Notification],
        name: Name | None,
        origins: Sequence[Push] | None = None,
    ) -> None:
        """`notes` to these phones. `origins`: the pushes they are like, but for phone and id; None: they are as usual.
        `name`: gives their ids; None: they are the origins, and have their ids."""
        self._origins = origins
        self._name = name
        self.push_tokens = push_tokens
        self.notes = notes

    @classmethod
    def of(cls, pushes: Sequence[Push], name: Name | None = None) -> Column:
        """These pushes; `name` gives their ids where they have none."""
        return cls([push.push_token for push in pushes], [push.notification for push in pushes], name, pushes)

    @property
    def notifications(self) -> Sequence[Notification]:
        """Each that is among theirs, once."""
        return distinct(self.notes)

    def __getitem__(self, which: slice) -> Column:
        origins = None if self._origins is None else self._origins[which]
        return Column(self.push_tokens[which], self.notes[which], self._name, origins)

    def pick(self, numbers: Sequence[int]) -> Column:
        """Those with these numbers, in this order."""
        push_tokens, notes = [self.push_tokens[one] for one in numbers], [self.notes[one] for one in numbers]
        origins = None if self._origins is None else [self._origins[one] for one in numbers]
        return Column(push_tokens, notes, self._name, origins)

    def batch(self) -> Batch:
        """They, with their ids."""
        if self._name is None:
            return Batch.of(self._origins or ())
        ids = self._name(self.push_tokens, self.notes, self._origins)
        return Batch(self.push_tokens, self.notes, ids, self._origins)

    def pushes(self) -> Sequence[Push]:
        """The same one by one."""
        return self.batch() if self._name is not None else self._origins or ()


class Cohort:
    """Pushes of one call that wait side by side, of one sink, priority and deadline.

    As long as nothing has happened to one of them alone it goes through a lane like a `Waiting`, and never a second
    time. Then it is dispersed: its `members` go on, each by itself, and it is nothing any more.
    """

    __slots__ = (
        *("_batch", "_column", "_members", "begun", "deadline", "files", "flight", "grain", "places", "priority"),
        *("region", "settled", "sink"),
    )

    tries = attempts = 0

    def __init__(
        self, column: Column, places: Sequence[Any], priority: Priority, deadline: float, sink: Sink, *, begun: float
    ) -> None:
        self._column = column
        self._batch: Batch | None = None
        self._members: list[Waiting] | None = None
        self.places = places
        self.priority = priority
        self.deadline = deadline
        self.sink = sink
        self.begun = begun
        self.region = ""
        self.files: Files | None = None
        self.grain: dict[Item, None] | None = None
        self.settled = False  # all have their outcome, and got it together
        self.flight: Flight | None = None

    @property
    def size(self) -> int:
        """Pushes."""
        return len(self.places)

    @property
    def push_tokens(self) -> Sequence[PushToken]:
        """Of each."""
        return self._column.push_tokens

    @property
    def notifications(self) -> Sequence[Notification]:
        """Each that is among theirs, once."""
        return self._column.notifications

    @property
    def notification(self) -> Notification:
        """The first one's."""
        return self._column.notes[0]

    @property
    def batch(self) -> Batch:
        """They, with their ids."""
        if self._batch is None:
            self._batch = self._column.batch()
        return self._batch

    @batch.setter
    def batch(self, batch: Batch) -> None:
        self._batch = batch

    @property
    def withdrawn(self) -> bool:
        """Whether the caller of one of them is gone."""
        return self.sink.left(self.places)

    @property
    def dispersed(self) -> bool:
        """Whether its members go on by themselves."""
        return self._members is not None

    def members(self) -> list[Waiting]:
        """Each by itself, from now on and for ever."""
        if self._members is None:
            pairs = zip(self.batch, self.places, strict=True)
            self._members = [Waiting(push, self.deadline, self.sink, place, self.begun) for push, place in pairs]
            for one in self._members:
                one.region, one.flight, one.settled = self.region, self.flight, self.settled
            if self.files is not None and self.grain is not None:
                self.files.discard((self,))
                self.files.add(self._members)
        return self._members

    def split(self, count: int) -> Cohort:
        """Its first `count` pushes as a cohort of their own; it keeps the others."""
        first = Cohort(
            self._column[:count], self.places[:count], self.priority, self.deadline, self.sink, begun=self.begun
        )
        first.region, first.files = self.region, self.files
        if self.files is not None and self.grain is not None:
            self.files.add((first,))
        self._column, self.places = self._column[count:], self.places[count:]
        if self._batch is not None:
            first.batch, self._batch = self._batch[:count], self._batch[count:]
        return first


Item: TypeAlias = Waiting | Cohort
"""What goes through a lane."""


def each(items: Iterable[Item]) -> Iterator[Waiting]:
    """Every push by itself."""
    for item in items:
        if isinstance(item, Cohort):
            yield from item.members()
        else:
            yield item


def present(items: Iterable[Item]) -> Iterator[Item]:
    """The same with members in place of cohorts that were dispersed."""
    for item in items:
        if isinstance(item, Cohort) and item.dispersed:
            yield from item.members()
        else:
            yield item


def by_sink(items: Iterable[Item]) -> Iterator[tuple[Sink, Sequence[Any]]]:
    """Neighbours of one sink, by the places it knows them by."""
    for sink, those in groupby(items, _SINK):
        places: list[Any] = []
        for item in those:
            if not isinstance(item, Cohort):
                places.append(item.place)
                continue
            if places:
                yield sink, places
                places = []
            yield sink, item.places
        if places:
            yield sink, places


_SINK = attrgetter("sink")


class Thinned(Exception):
    """Somebody left a batch while it was being built. Nothing was asked, so it is built anew without him."""


class Flight:
    """A batch between being cut and having its outcomes."""

    __slots__ = ("asked", "items", "leg")

    def __init__(self, items: list[Item]) -> None:
        self.items = items
        self.asked = False  # a request of it was handed to the transport
        self.leg: BatchTrace | None = None  # what a trace tells of it, where there are traces
        for item in items:
            item.flight = self

    @property
    def size(self) -> int:
        """Pushes."""
        return sum([item.size for item in self.items])

    @property
    def batch(self) -> list[Waiting]:
        """Each push by itself."""
        those = list(each(self.items))
        self.items = list(those)
        return those

    @batch.setter
    def batch(self, those: list[Waiting]) -> None:
        self.items = list(those)

    def asking(self, now: float) -> None:
        """A request with this batch is handed to the transport. Raises `Thinned` if it holds somebody who is gone or
        late, unless an earlier request has had it."""
        if not self.asked:
            for item in present(self.items):
                if item.settled or item.deadline <= now or item.withdrawn:
                    raise Thinned
        self.asked = True
        if self.leg is not None:
            self.leg.size, self.leg.asked_at = self.size, now

    @property
    def pushes(self) -> Batch:
        """What it carries, in order."""
        cohorts = [item.batch for item in self.items if isinstance(item, Cohort)]
        if cohorts and len(cohorts) == len(self.items):
            return Batch.joined(cohorts)
        pushes: list[Push] = []
        for item in self.items:
            if isinstance(item, Cohort):
                pushes += item.batch
            else:
                pushes.append(item.push)
        return Batch.of(pushes)


class Timer(Protocol):
    """What will ring: asyncio's timer handle."""

    def cancel(self) -> None:
        """It shall not ring."""

    def when(self) -> float:
        """When it rings, on the loop's clock."""


class Later:
    """Pushes that will be tried again when the timer rings."""

    __slots__ = ("batch", "timer")

    def __init__(self, batch: list[Waiting]) -> None:
        self.batch = batch
        self.timer: Timer | None = None


class Part(NamedTuple):
    """What may share a request after a larger one was refused as a whole: at most `limit` pushes of what shared it.

    A value, so pushes of several refused batches wait together: however many were refused, there are at most as many
    groups as a batch can be halved, and fresh pushes keep their turns.
    """

    limit: int
    of: Hashable
