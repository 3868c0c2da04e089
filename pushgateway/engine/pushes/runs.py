"""Runs: pushes that share one history on their way through the engine. One push is a run of one.

Here are `Run`, what is done with several of them (`joined`, `separate`), and `Sink`, where their outcomes go. What
becomes of a run is decided elsewhere: by the queue, the endpoint and `Completions`.

A run keeps its pushes as columns, because what has to be done for each of a thousand costs as much as all the rest
(`send_each` took 0.55 of a naive encoder with an object for each push and takes 0.37 with columns). Ids and `Push`
objects are made as late as possible: objects that wait long fall out of the CPU cache.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from pushgateway.model.batch import Batch
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Owner, Push, PushToken
from pushgateway.observe.traces import BatchTrace

P_contra = TypeVar("P_contra", contravariant=True)
K = TypeVar("K", bound=Hashable)


class Sink(Protocol[P_contra]):
    """Where outcomes go: to the caller of a `send`, `send_each` or `stream`. `P_contra`: what it knows a push by."""

    withdrawn: bool
    """True: the caller of all its pushes is gone; what has not left yet must not leave."""

    def is_abandoned(self, places: Sequence[P_contra]) -> bool:
        """Whether the caller of at least one of these pushes is gone."""

    def put(self, places: Sequence[P_contra], outcomes: Sequence[Outcome]) -> None:
        """Take the outcomes of the pushes at these places. Called once for each place."""


MakeIds: TypeAlias = Callable[[Sequence[PushToken], Sequence[Notification], Sequence[Push] | None], Sequence[str]]
"""Makes the ids of pushes; the third argument: the pushes they are made from, if there are any."""


class Run:
    """Pushes of one caller that share one history: sink, priority, deadline, attempts, where they wait.

    Invariants: it holds at least one push; all columns are of the same length; nothing that happened to one of its
    pushes did not happen to the others. When something happens to some of them only, `split`, `pick` and `divide` make
    runs of their own of them, each with a copy of the history so far and filed under the same deadline. A push never
    changes its id once that was made.
    """

    __slots__ = (
        *("_batch", "_make_ids", "notifications", "origins", "places", "push_tokens"),
        *("asked", "attempts", "begun", "bucket", "coalesce", "deadline", "doubtful", "priority", "quota", "region"),
        *("settled", "sink", "size", "trace", "tries"),
    )

    def __init__(
        self,
        push_tokens: Sequence[PushToken],
        notifications: Sequence[Notification],
        places: Sequence[Any],
        sink: Sink[Any],
        make_ids: MakeIds | None,
        *,
        priority: Priority,
        begun: float,
        deadline: float,
        origins: Sequence[Push] | None = None,
        coalesce: bool = True,
    ) -> None:
        """`places`: what the sink knows each push by. `make_ids`: None where the pushes are the `origins` as they are,
        ids included. `origins`: the pushes that they are like, but for push token and id; None: everything but push
        token, notification and priority is as by default. `begun`, `deadline`: loop seconds."""
        self.push_tokens = push_tokens
        self.notifications = notifications
        self.origins = origins
        self.places = places
        self.size = len(places)
        """Number of pushes; a plain attribute, because it is read some fifteen times on the way of a push."""
        self._make_ids = make_ids
        self._batch: Batch | None = None
        self.sink = sink
        self.priority = priority
        self.coalesce = coalesce  # False: it shares its request with no other push
        self.begun = begun  # when it was handed in
        self.deadline = deadline
        self.attempts = 0  # vendor requests made for each of its pushes
        self.tries = 0  # times it was taken up, failed logins included
        self.doubtful = False  # an attempt ended without a verdict
        self.asked = False  # it is in a request that was handed to the transport and has no end yet
        self.settled = False  # its pushes have their outcomes
        self.region = ""  # key of the endpoint where it waits, once it does
        self.quota = ""  # the daily quota that it counts against, once it waits
        self.bucket: dict[Run, None] | None = None  # where its deadline is filed
        self.trace: BatchTrace | None = None  # of its last request, where there are traces

    @classmethod
    def of(
        cls,
        pushes: Sequence[Push],
        places: Sequence[Any],
        sink: Sink[Any],
        *,
        begun: float,
        deadline: float,
        make_ids: MakeIds | None = None,
    ) -> Run:
        """These pushes, which have their ids unless `make_ids` makes them. All are like the first one in priority and
        in whether they share a request."""
        first = pushes[0]
        return cls(
            [push.push_token for push in pushes],
            [push.notification for push in pushes],
            places,
            sink,
            make_ids,
            priority=first.priority,
            begun=begun,
            deadline=deadline,
            origins=pushes,
            coalesce=first.coalesce,
        )

    def append(self, push_token: PushToken, notification: Notification, place: Any, origin: Push | None = None) -> None:
        """One more push, for a run whose columns are lists and which waits nowhere yet. `origin`: where the run has
        them."""
        self.push_tokens.append(push_token)  # type: ignore[attr-defined]
        self.notifications.append(notification)  # type: ignore[attr-defined]
        self.places.append(place)  # type: ignore[attr-defined]
        self.size += 1
        if origin is not None:
            self.origins.append(origin)  # type: ignore[union-attr]

    @property
    def pushes(self) -> Batch:
        """The pushes, with their ids; made when it is first asked for."""
        if self._batch is None:
            if self._make_ids is None:
                self._batch = Batch.of(self.origins or ())
            else:
                ids = self._make_ids(self.push_tokens, self.notifications, self.origins)
                self._batch = Batch(self.push_tokens, self.notifications, ids, self.origins)
        return self._batch

    def abandoned(self) -> list[int]:
        """Indices of the pushes whose caller is gone."""
        left = self.sink.is_abandoned
        return [index for index, place in enumerate(self.places) if left((place,))]

    def change(self, change: Callable[[Push], Push]) -> None:
        """Put a changed push in the place of each, such as one with a mark for receipts. Ids stay, message ids too."""
        before = self.pushes
        self._batch = Batch.of(map(change, before))
        if before.has_message_ids:
            self._batch.under(before.message_ids)

    @property
    def owners(self) -> list[Owner | None]:
        """Whose phones its pushes are for; None for a push that has no owner."""
        return [None] * self.size if self.origins is None else [push.owner for push in self.origins]

    @property
    def has_message_ids(self) -> bool:
        """Whether its pushes have message ids, which then stay."""
        return self._batch is not None and self._batch.has_message_ids

    @property
    def message_id(self) -> str:
        """The message id of all its pushes; "" if they have none yet or different ones."""
        return self.pushes.message_id if self.has_message_ids else ""

    def split(self, count: int) -> Run:
        """Its first `count` pushes as a run of their own; it keeps the others, at least one."""
        first = self._like(
            self.push_tokens[:count],
            self.notifications[:count],
            self.places[:count],
            None if self.origins is None else self.origins[:count],
        )
        self.push_tokens, self.notifications = self.push_tokens[count:], self.notifications[count:]
        self.places = self.places[count:]
        self.size -= count
        if self.origins is not None:
            self.origins = self.origins[count:]
        if self._batch is not None:
            first._batch, self._batch = self._batch[:count], self._batch[count:]
        return first

    def pick(self, indices: Collection[int]) -> Run:
        """Those with these indices as a run of their own, in the order of the indices; it keeps the others. If that
        would leave it empty, it is what is returned."""
        chosen = set(indices)
        rest = [index for index in range(self.size) if index not in chosen]
        return self.divide((rest, list(indices)))[1] if rest else self

    def divide(self, groups: Sequence[Sequence[int]]) -> list[Run]:
        """A run for each group of indices, in which every index is once. It is itself that of the first group."""
        push_tokens, notes, places, origins = self.push_tokens, self.notifications, self.places, self.origins
        batch = self._batch
        runs = [self]
        for group in groups[1:]:
            run = self._like(
                [push_tokens[index] for index in group],
                [notes[index] for index in group],
                [places[index] for index in group],
                None if origins is None else [origins[index] for index in group],
            )
            if batch is not None:
                run._batch = batch.pick(group)
            runs.append(run)
        first = groups[0]
        self.push_tokens, self.notifications = [push_tokens[one] for one in first], [notes[one] for one in first]
        self.places = [places[index] for index in first]
        self.size = len(first)
        if origins is not None:
            self.origins = [origins[index] for index in first]
        if batch is not None:
            self._batch = batch.pick(first)
        return runs

    def grouped(self, keys: Sequence[K]) -> list[tuple[K, Run, Sequence[int]]]:
        """A run for each different key of its pushes, in the order in which they come first, with the indices that its
        pushes had here. `keys`: one for each push."""
        groups: dict[K, list[int]] = {}
        for index, key in enumerate(keys):
            groups.setdefault(key, []).append(index)
        runs = [self] if len(groups) == 1 else self.divide(list(groups.values()))
        return [(key, run, indices) for run, (key, indices) in zip(runs, groups.items(), strict=True)]

    def apart(self) -> list[Run]:
        """A run for each of its pushes, in order; itself where it is one push."""
        return [self] if self.size == 1 else self.divide([(index,) for index in range(self.size)])

    def cut_at(self, starts: Sequence[int]) -> list[Run]:
        """Neighbours stay together: a run for what begins at each of these indices, of which the first is 0."""
        ends = [*starts[1:], self.size]
        return self.divide([range(start, end) for start, end in zip(starts, ends, strict=True)])

    def _like(
        self,
        push_tokens: Sequence[PushToken],
        notifications: Sequence[Notification],
        places: Sequence[Any],
        origins: Sequence[Push] | None,
    ) -> Run:
        """A run of these of its pushes, with the history so far."""
        run = Run(
            push_tokens,
            notifications,
            places,
            self.sink,
            self._make_ids,
            priority=self.priority,
            begun=self.begun,
            deadline=self.deadline,
            origins=origins,
            coalesce=self.coalesce,
        )
        run.attempts, run.tries, run.doubtful = self.attempts, self.tries, self.doubtful
        run.asked, run.settled, run.trace = self.asked, self.settled, self.trace
        run.region, run.quota = self.region, self.quota
        if self.bucket is not None:
            run.bucket = self.bucket
            self.bucket[run] = None
        return run


def is_wanted(run: Run) -> bool:
    """Whether something of a run is still to be sent. What its callers took back leaves the run, and is nowhere any
    more but among the deadlines."""
    if run.settled:
        return False
    if not run.sink.is_abandoned(run.places):
        return True
    return not run.sink.withdrawn and run.pick(run.abandoned()) is not run


def size_of(runs: Iterable[Run]) -> int:
    """Number of pushes in all of them."""
    size = 0
    for run in runs:
        size += run.size
    return size


def joined(runs: Sequence[Run]) -> Batch:
    """The pushes of all of them, one after the other, as a vendor gets them in one request."""
    return runs[0].pushes if len(runs) == 1 else Batch.joined([run.pushes for run in runs])


def separate(runs: Iterable[Run], chosen: Collection[int]) -> tuple[list[Run], list[Run]]:
    """The pushes with these places in `joined`, and the others, each in their order."""
    picked: list[Run] = []
    others: list[Run] = []
    start = 0
    for run in runs:
        size = run.size
        own = [place - start for place in range(start, start + size) if place in chosen]
        start += size
        if own:
            picked.append(run.pick(own))
        if len(own) < size:
            others.append(run)
    return picked, others
