"""Faults planted between a push and its outcome: verdicts, repeats, batches, deadlines."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest

from planted.plant import Plant, again, plant
from pushgateway import Outcome, Reason
from pushgateway.engine import endpoint as region
from pushgateway.engine.endpoint import Endpoint
from pushgateway.engine.flow_control.retry import RetryPolicy
from pushgateway.engine.lane import Lane
from pushgateway.engine.pushes.ids import Ids
from pushgateway.engine.pushes.queue import Queue, _Batch
from pushgateway.engine.pushes.runs import Flight, Item, Waiting, each
from pushgateway.engine.session import results as verdicts
from pushgateway.gateway import Gateway

PLANTS: list[Plant] = []
Patch = pytest.MonkeyPatch
_may_repeat = region.may_repeat
_finish, _try_later, _replace, _enqueue = Lane.finish, Lane.try_later, Lane.replace, Lane.enqueue
_conclude, _cut, _add = Endpoint.conclude, Queue.cut, Queue.add


def _one_by_one(self: Lane, those: Sequence[Item], outcomes: Sequence[Outcome]) -> None:
    for waiting, outcome in zip(each(those), outcomes, strict=True):
        self.finish(waiting, outcome)


def _spoil(patch: Patch, finish: Callable[[Lane, Waiting, Outcome], None]) -> None:
    """Every last word is spoken by `finish`, those on many at once too."""
    patch.setattr(Lane, "finish", finish)
    patch.setattr(Lane, "accepted", _one_by_one)


def _doubtless(self: Lane, waiting: Waiting, outcome: Outcome) -> None:
    waiting.doubtful = False
    _finish(self, waiting, outcome)


@plant(PLANTS, "I1")
def lost(patch: Patch) -> None:
    """Every fortieth outcome is lost."""
    count = itertools.count(1)

    def finish(self: Lane, waiting: Waiting, outcome: Outcome) -> None:
        if next(count) % 40 == 0:
            waiting.settled = True
            self._deadlines.discard([waiting])
            return
        _finish(self, waiting, outcome)

    _spoil(patch, finish)


@plant(PLANTS, "I1")
def twice(patch: Patch) -> None:
    """An outcome is given twice."""

    def finish(self: Lane, waiting: Waiting, outcome: Outcome) -> None:
        _finish(self, waiting, outcome)
        waiting.sink.put(waiting.place, outcome)

    _spoil(patch, finish)


@plant(PLANTS, "I1", troubles=again("mischief"))
def anothers(patch: Patch) -> None:
    """The outcome of another push is believed."""
    patch.setattr(verdicts, "checked", lambda pushes, outcomes: outcomes)


@plant(PLANTS, "L3", 2, troubles=())
def first_only(patch: Patch) -> None:
    """Of a batch only the first half have their outcome."""

    def conclude(self: Endpoint, flight: Flight, outcomes: Any) -> None:
        half = -(-len(flight.batch) // 2)
        flight.batch = flight.batch[:half]
        _conclude(self, flight, list(outcomes)[:half])

    patch.setattr(Endpoint, "conclude", conclude)


@plant(PLANTS, "I4", 5)
def unknown_again(patch: Patch) -> None:
    """What had no verdict is repeated also where the vendor does not drop repeats."""
    patch.setattr(region, "may_repeat", lambda outcome, deduplicates: _may_repeat(outcome, True))


@plant(PLANTS, "I3")
def accepted_again(patch: Patch) -> None:
    """A refusal after an attempt without a verdict is taken for the truth about both."""
    patch.setattr(Lane, "finish", _doubtless)


@plant(PLANTS, "I3")
def silence_is_no(patch: Patch) -> None:
    """A reply that did not come means that the push was not sent."""

    def silent(pushes: Any, silence: Any) -> list[Outcome]:
        return [Outcome.not_sent(push, Reason.UNAVAILABLE, "silence") for push in pushes]

    patch.setattr(verdicts, "silent", silent)


@plant(PLANTS, "I2")
def silence_is_yes(patch: Patch) -> None:
    """A reply that did not come means that all went well."""
    patch.setattr(verdicts, "silent", lambda pushes, silence: [Outcome.accepted(push, None) for push in pushes])


@plant(PLANTS, "I3")
def never_asked(patch: Patch) -> None:
    """That a request has left is not remembered."""
    asking = Flight.asking

    def forgets(self: Flight, now: float) -> None:
        asking(self, now)
        self.asked = False

    patch.setattr(Flight, "asking", forgets)


@plant(PLANTS, "I3")
def late_is_not_sent(patch: Patch) -> None:
    """A push whose deadline passes while the vendor is asked is told as not sent."""

    def expire(self: Lane, waiting: Waiting) -> None:
        self.finish(waiting, Outcome.not_sent(waiting.push, Reason.EXPIRED, "late"))

    patch.setattr(Lane, "_expire", expire)


@plant(PLANTS, "I8")
def no_bell(patch: Patch) -> None:
    """Nobody looks at deadlines while a push waits for its reply."""
    patch.setattr(Lane, "_set_bell", lambda self: None)


@plant(PLANTS, "I8")
def leaves_late(patch: Patch) -> None:
    """Deadlines are not looked at when a batch leaves."""
    patch.setattr(Lane, "_set_bell", lambda self: None)
    patch.setattr(Lane, "still_wanted", lambda self, batch, now, needed=0.0: batch)
    patch.setattr(Flight, "asking", lambda self, now: setattr(self, "asked", True))


@plant(PLANTS, "I8", 5)
def leaves_unwanted(patch: Patch) -> None:
    """What its caller has taken back leaves all the same."""

    class Deaf:
        """A sink that nobody can leave."""

        withdrawn = False

        def left(self, places: Any) -> bool:
            """Nobody."""
            return False

        def __init__(self, sink: Any) -> None:
            self.put, self.put_all = sink.put, sink.put_all

    submit = Lane.submit

    def deafly(self: Lane, those: Sequence[Item]) -> None:
        for waiting in those:
            waiting.sink = Deaf(waiting.sink)
        submit(self, those)

    patch.setattr(Lane, "submit", deafly)


@plant(PLANTS, "I8")
def waits_too_long(patch: Patch) -> None:
    """A push gets twice the time it was given."""
    submit = Lane.submit

    def later(self: Lane, those: Sequence[Item]) -> None:
        for waiting in those:
            waiting.deadline += waiting.deadline - waiting.begun
        submit(self, those)

    patch.setattr(Lane, "submit", later)


@plant(PLANTS, "I7", 20)
def for_ever(patch: Patch) -> None:
    """Attempts are not limited and wait for nothing."""

    def at_once(self: Lane, those: Any, tries: int, retry_after: float) -> None:
        _try_later(self, those, 0, 0.0)

    patch.setattr(Lane, "try_later", at_once)
    patch.setattr(RetryPolicy, "delay", lambda self, attempt, jitter, retry_after=None: 0.05)


@plant(PLANTS, "B1", 7)
def token_twice(patch: Patch) -> None:
    """A batch may hold two pushes for one token."""

    def take(self: _Batch, group: Any, again: Any) -> None:
        while group.items and self.count < self._size:
            self.taken.append(group.items.popleft())
            self.count += self.taken[-1].size
            group.size -= self.taken[-1].size

    patch.setattr(_Batch, "_take", take)


@plant(PLANTS, "B1")
def one_too_many(patch: Patch) -> None:
    """A batch holds one push more than the vendor takes."""

    def cut(self: Queue, name: str, batching: Any, weigh: Any, most: Any = None) -> Any:
        return _cut(self, name, attrs.evolve(batching, size=batching.size + 1), weigh, None)

    patch.setattr(Queue, "cut", cut)


@plant(PLANTS, "B1")
def mixed(patch: Patch) -> None:
    """Different notifications share a request where the vendor cannot mix."""
    patch.setattr(Queue, "add", lambda self, those, name, part=None: _add(self, those, name, None))


@plant(PLANTS, "B1")
def regions(patch: Patch) -> None:
    """All tokens go to one of the vendor's servers."""
    find = Lane.region
    patch.setattr(Lane, "region", lambda self, name: find(self, "near"))


@plant(PLANTS, "L3", 55, troubles=())
def half_lost(patch: Patch) -> None:
    """Of a batch that is split the second half is forgotten."""
    split = Endpoint._split

    def halve(self: Endpoint, rest: Sequence[Waiting], part: Any, flight: Flight, *, probes: int = 0) -> None:
        split(self, rest[: -(-len(rest) // 2)], part, flight, probes=probes)

    patch.setattr(Endpoint, "_split", halve)


@plant(PLANTS, "T7")
def shared_id(patch: Patch) -> None:
    """Phones that get one message share its dedupe id."""
    make = Ids.make
    patch.setattr(Ids, "make", lambda self, token, note: note.dedupe_id or make(self, token, note))


@plant(PLANTS, "T7")
def fresh_id(patch: Patch) -> None:
    """A repeat goes out under an id of its own."""
    count = itertools.count()

    def enqueue(self: Lane, those: Sequence[Item], part: Any = None) -> None:
        for waiting in those:
            if isinstance(waiting, Waiting) and waiting.tries:
                waiting.push = waiting.push.identified(f"again-{next(count)}")
        _enqueue(self, those, part)

    patch.setattr(Lane, "enqueue", enqueue)


@plant(PLANTS, "O2")
def never_full(patch: Patch) -> None:
    """The queue is never full."""
    patch.setattr(Lane, "is_full", property(lambda self: False))


@plant(PLANTS, "I1")
def miscounted(patch: Patch) -> None:
    """Attempts before the last one are not counted."""

    def finish(self: Lane, waiting: Waiting, outcome: Outcome) -> None:
        waiting.attempts = 0
        _finish(self, waiting, outcome)

    _spoil(patch, finish)


@plant(PLANTS, "I1", troubles=again("flood", "rotate"))
def reload_drops(patch: Patch) -> None:
    """A certificate that changes loses what waits for it."""

    def replace(self: Lane, *new: Any) -> None:
        for waiting in self.queue.clear():
            self._deadlines.discard([waiting])
        _replace(self, *new)

    patch.setattr(Lane, "replace", replace)


@plant(PLANTS, "I4")
def says_duplicate(patch: Patch) -> None:
    """Every outcome is called a possible duplicate."""

    def finish(self: Lane, waiting: Waiting, outcome: Outcome) -> None:
        _finish(self, waiting, attrs.evolve(outcome, possible_duplicate=True))

    _spoil(patch, finish)


@plant(PLANTS, "I1")
def list_forgets(patch: Patch) -> None:
    """Lists are told of fewer outcomes than pushes."""
    send_all = Gateway._send_all

    async def fewer(self: Gateway, count: int, pushes: Any) -> list[Outcome]:
        return (await send_all(self, count, pushes))[:30]

    patch.setattr(Gateway, "_send_all", fewer)
