"""Faults planted between a push and its outcome: results, repeats, batches, deadlines."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pytest

from planted.plant import Plant, again, plant
from pushgateway import Outcome, Reason
from pushgateway.engine import endpoint
from pushgateway.engine.delivery import Delivery
from pushgateway.engine.endpoint import Endpoint
from pushgateway.engine.flow_control.retry import RetryPolicy
from pushgateway.engine.lane import Lane
from pushgateway.engine.pushes.completion import Completions
from pushgateway.engine.pushes.ids import Ids
from pushgateway.engine.pushes.queue import Line, _Cut
from pushgateway.engine.pushes.runs import Run, Sink, separate, size_of
from pushgateway.engine.session import results
from pushgateway.engine.session.plugin_guard import GuardedVendor
from pushgateway.gateway import Gateway
from pushgateway.vendor import Request

PLANTS: list[Plant] = []
Patch = pytest.MonkeyPatch
_may_repeat = endpoint.may_repeat
_finish, _try_later, _replace, _enqueue = Completions.finish, Lane.try_later, Lane.replace, Lane.enqueue
_conclude, _cut, _add = Endpoint._conclude, Line.cut, Line.add
Finish = Callable[[Completions, Run, Sequence[Outcome]], None]


def _run_by_run(self: Completions, runs: Sequence[Run], outcomes: Sequence[Outcome]) -> None:
    for run in runs:
        self.finish(run, outcomes[: run.size])
        outcomes = outcomes[run.size :]


def _spoil(patch: Patch, finish: Finish) -> None:
    """Let `finish` give every outcome, those of whole requests too."""
    patch.setattr(Completions, "finish", finish)
    patch.setattr(Completions, "accepted", _run_by_run)


def _doubtless(self: Completions, run: Run, outcomes: Sequence[Outcome]) -> None:
    run.doubtful = False
    _finish(self, run, outcomes)


class _Losing:
    """The sink of a run that drops the outcomes at some places."""

    def __init__(self, sink: Sink[Any], lost: Sequence[Any]) -> None:
        self._sink, self._lost = sink, lost
        self.withdrawn = sink.withdrawn

    def is_abandoned(self, places: Sequence[Any]) -> bool:
        return self._sink.is_abandoned(places)

    def put(self, places: Sequence[Any], outcomes: Sequence[Outcome]) -> None:
        for place, outcome in zip(places, outcomes, strict=True):
            if place not in self._lost:
                self._sink.put((place,), (outcome,))


@plant(PLANTS, "I1", 10)
def lost(patch: Patch) -> None:
    """Every fortieth outcome is lost."""
    count = itertools.count(1)

    def finish(self: Completions, run: Run, outcomes: Sequence[Outcome]) -> None:
        if not run.settled:
            run.sink = _Losing(run.sink, [place for place in run.places if next(count) % 40 == 0])
        _finish(self, run, outcomes)

    _spoil(patch, finish)


@plant(PLANTS, "I1")
def twice(patch: Patch) -> None:
    """An outcome is given twice."""

    def finish(self: Completions, run: Run, outcomes: Sequence[Outcome]) -> None:
        _finish(self, run, outcomes)
        run.sink.put(run.places, outcomes)

    _spoil(patch, finish)


@plant(PLANTS, "I1", 2, troubles=again("misbehaviour"))
def anothers(patch: Patch) -> None:
    """The outcome of another push is used."""
    patch.setattr(results, "checked", lambda pushes, outcomes: outcomes)


@plant(PLANTS, "L3", 2, troubles=())
def first_only(patch: Patch) -> None:
    """Only the first half of a batch get their outcomes."""

    def conclude(self: Endpoint, delivery: Delivery, outcomes: Sequence[Outcome]) -> None:
        half = -(-len(outcomes) // 2)
        delivery.runs, _ = separate(delivery.runs, range(half))
        _conclude(self, delivery, outcomes[:half])

    patch.setattr(Endpoint, "_conclude", conclude)


@plant(PLANTS, "I4", 7)
def unknown_again(patch: Patch) -> None:
    """A push without a verdict is repeated although the vendor does not drop repeats."""
    patch.setattr(endpoint, "may_repeat", lambda outcome, deduplicates: _may_repeat(outcome, True))


@plant(PLANTS, "I3", 7)
def accepted_again(patch: Patch) -> None:
    """A refusal after an attempt without a verdict counts for both attempts."""
    patch.setattr(Completions, "finish", _doubtless)


@plant(PLANTS, "I3", 7)
def silence_is_no(patch: Patch) -> None:
    """A missing reply counts as not sent."""

    def silent(pushes: Any, silence: Any) -> list[Outcome]:
        return [Outcome.not_sent(push, Reason.UNAVAILABLE, "silence") for push in pushes]

    patch.setattr(results, "silent", silent)


@plant(PLANTS, "I2")
def silence_is_yes(patch: Patch) -> None:
    """A missing reply counts as accepted."""
    patch.setattr(results, "silent", lambda pushes, silence: [Outcome.accepted(push, None) for push in pushes])


@plant(PLANTS, "I3")
def never_asked(patch: Patch) -> None:
    """It is not recorded that a request was sent."""
    leaving = Delivery.leaving

    def forgets(self: Delivery, request: Request) -> None:
        leaving(self, request)
        self.of_this_try = 0
        for run in self.runs:
            run.asked = False

    patch.setattr(Delivery, "leaving", forgets)


@plant(PLANTS, "I3")
def late_is_not_sent(patch: Patch) -> None:
    """A push whose deadline passes during its request ends NOT_SENT."""

    def expire(self: Completions, run: Run) -> None:
        self.not_sent(run, Reason.EXPIRED, "late")

    patch.setattr(Completions, "_expire", expire)


@plant(PLANTS, "I8")
def no_timer(patch: Patch) -> None:
    """Deadlines are ignored while a push waits for its reply."""
    patch.setattr(Completions, "_set_timer", lambda self: None)


@plant(PLANTS, "I8")
def leaves_late(patch: Patch) -> None:
    """Deadlines are not checked when a batch is sent."""
    patch.setattr(Completions, "_set_timer", lambda self: None)
    patch.setattr(Completions, "still_wanted", lambda self, runs, now, needed=0.0: runs)

    def leaving(self: Delivery, request: Request) -> None:
        self.requests += 1
        self.of_this_try += 1
        for run in self.runs:
            run.asked = True
        self.built()

    patch.setattr(Delivery, "leaving", leaving)


@plant(PLANTS, "I8", 13)
def leaves_unwanted(patch: Patch) -> None:
    """A push that its caller has withdrawn is sent."""

    class Deaf:
        """A sink that never counts as abandoned."""

        withdrawn = False

        def is_abandoned(self, places: Any) -> bool:
            """Never."""
            return False

        def __init__(self, sink: Any) -> None:
            self.put = sink.put

    submit = Lane.submit

    def deafly(self: Lane, runs: Sequence[Run]) -> None:
        for run in runs:
            run.sink = Deaf(run.sink)
        submit(self, runs)

    patch.setattr(Lane, "submit", deafly)


@plant(PLANTS, "I8")
def waits_too_long(patch: Patch) -> None:
    """A push gets twice the time that its timeout allows."""
    submit = Lane.submit

    def later(self: Lane, runs: Sequence[Run]) -> None:
        for run in runs:
            run.deadline += run.deadline - run.begun
        submit(self, runs)

    patch.setattr(Lane, "submit", later)


@plant(PLANTS, "I7", 12)
def for_ever(patch: Patch) -> None:
    """Attempts have no limit and no pauses."""

    def at_once(self: Lane, those: Any, tries: int, retry_after: float) -> None:
        _try_later(self, those, 0, 0.0)

    patch.setattr(Lane, "try_later", at_once)
    patch.setattr(RetryPolicy, "delay", lambda self, attempt, jitter, retry_after=None: 0.05)


@plant(PLANTS, "B1", 4)
def token_twice(patch: Patch) -> None:
    """A batch may have two pushes for one token."""

    patch.setattr(_Cut, "_changes", lambda self, run: ())


@plant(PLANTS, "B1")
def one_too_many(patch: Patch) -> None:
    """A batch has one push more than the vendor accepts."""

    def cut(self: Line, batching: Any, weigh: Any, most: Any = None) -> Any:
        return _cut(self, attrs.evolve(batching, size=batching.size + 1), weigh, None)

    patch.setattr(Line, "cut", cut)


@plant(PLANTS, "B1")
def mixed(patch: Patch) -> None:
    """Different notifications share a request although the vendor cannot mix them."""
    patch.setattr(Line, "add", lambda self, run, part=None: _add(self, run, None))


@plant(PLANTS, "B1")
def regions(patch: Patch) -> None:
    """All tokens go to one of the vendor's servers."""
    route = GuardedVendor.route

    def near(self: GuardedVendor, push_tokens: Any, notifications: Any, part: Any) -> Any:
        found = route(self, push_tokens, notifications, part)
        return [("near", *one[1:]) for one in found] if isinstance(found, list) else ("near", *found[1:])

    patch.setattr(GuardedVendor, "route", near)


@plant(PLANTS, "L3", 7, troubles=())
def half_lost(patch: Patch) -> None:
    """When a batch is split, the second half is lost."""
    halve = Endpoint._halve

    def lose(self: Endpoint, delivery: Delivery, runs: Sequence[Run], *, probes: int = 0) -> None:
        kept, _ = separate(runs, range(-(-size_of(runs) // 2)))
        halve(self, delivery, kept, probes=probes)

    patch.setattr(Endpoint, "_halve", lose)


@plant(PLANTS, "T7")
def shared_id(patch: Patch) -> None:
    """Phones that get one notification share its dedupe id."""
    make = Ids.make
    patch.setattr(Ids, "make", lambda self, token, note: note.dedupe_id or make(self, token, note))


@plant(PLANTS, "T7")
def fresh_id(patch: Patch) -> None:
    """A repeat has a new id."""
    count = itertools.count()

    def enqueue(self: Lane, runs: Sequence[Run], part: Any = None) -> None:
        for run in runs:
            if run.tries:
                run.change(lambda push: push.with_dedupe_id(f"again-{next(count)}"))
        _enqueue(self, runs, part)

    patch.setattr(Lane, "enqueue", enqueue)


@plant(PLANTS, "O2", 2)
def never_full(patch: Patch) -> None:
    """The queue has no limit."""
    patch.setattr(Lane, "is_full", property(lambda self: False))


@plant(PLANTS, "I1")
def miscounted(patch: Patch) -> None:
    """Attempts before the last one are not counted."""

    def finish(self: Completions, run: Run, outcomes: Sequence[Outcome]) -> None:
        run.attempts = 0
        _finish(self, run, outcomes)

    _spoil(patch, finish)


@plant(PLANTS, "I1", troubles=again("flood", "rotate"))
def reload_drops(patch: Patch) -> None:
    """When a certificate changes, its waiting pushes are lost."""

    def replace(self: Lane, *new: Any) -> None:
        self.completions._deadlines.discard(self.queue.clear())
        _replace(self, *new)

    patch.setattr(Lane, "replace", replace)


@plant(PLANTS, "I4")
def says_duplicate(patch: Patch) -> None:
    """Every outcome is marked as a possible duplicate."""

    def finish(self: Completions, run: Run, outcomes: Sequence[Outcome]) -> None:
        _finish(self, run, [attrs.evolve(outcome, possible_duplicate=True) for outcome in outcomes])

    _spoil(patch, finish)


@plant(PLANTS, "I1")
def list_forgets(patch: Patch) -> None:
    """A list of pushes gets fewer outcomes than it has pushes."""
    send_all = Gateway._send_all

    async def fewer(self: Gateway, count: int, pushes: Any) -> list[Outcome]:
        return (await send_all(self, count, pushes))[:30]

    patch.setattr(Gateway, "_send_all", fewer)
