"""Pushes side by side: nothing is different for any of them but the price.

Law of this file: the oracle is always the same pushes each by itself.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgateway import Notification, Outcome, Priority, Push, PushToken
from pushgateway.engine.pushes.deadlines import Deadlines
from pushgateway.engine.pushes.queue import PIECE, Queue
from pushgateway.engine.pushes.runs import Cohort, Column, Item, Waiting, by_sink, each, present
from pushgateway.engine.pushes.sinks import Many
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Batching

NOTES = [Notification("t", str(number)) for number in range(3)]


class Caller:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.withdrawn = False
        self.told: dict[Any, Outcome] = {}

    def left(self, _: Sequence[Any]) -> bool:
        """One caller for all."""
        return self.withdrawn

    def put(self, place: Any, outcome: Outcome) -> None:
        """One."""
        self.told[place] = outcome

    def put_all(self, places: Sequence[Any], outcomes: Sequence[Outcome]) -> None:
        """Many."""
        self.told.update(zip(places, outcomes, strict=True))


def push(place: int, token: str = "", notification: Notification = NOTES[0]) -> Push:
    """With an id that tells its place."""
    return Push(PushToken(1, token or f"token-{place}"), notification, dedupe_id=f"id-{place}")


def cohort(pushes: Sequence[Push], first: int = 0, sink: Caller | None = None) -> Cohort:
    """These side by side; the first one has this place."""
    column = Column.of(list(pushes), lambda *columns: [one.dedupe_id for one in columns[2] or ()])
    places = range(first, first + len(pushes))
    return Cohort(column, places, Priority.NORMAL, 60.0, sink or Caller(), begun=0.0)


def places(items: Sequence[Item]) -> list[int]:
    """Which pushes these are."""
    return [one.place for one in each(items)]


def drained(queue: Queue, batching: Batching) -> list[list[int]]:
    """All batches, in their order."""
    found = []
    while queue.regions:
        batch, _ = queue.cut("", batching, lambda one: 5 * int(one.body))
        found.append(places(batch))
    return found


RUNS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from("abcdefghi"), st.integers(0, 2)), min_size=1, max_size=8),
        st.booleans(),  # side by side
        st.sampled_from([False, False, False, True]),  # the caller is gone
    ),
    max_size=8,
)


@given(RUNS, st.integers(1, 9), st.one_of(st.none(), st.integers(1, 400)))
def test_batches_are_the_same_side_by_side(
    runs: list[tuple[list[tuple[str, int]], bool, bool]], size: int, limit: int | None
) -> None:
    """Whatever tokens come twice, weigh too much or are taken back: the same pushes leave together, in the same order,
    and the queue counts them right at any time."""
    together, alone = Queue(), Queue()
    place = 0
    for members, side_by_side, gone in runs:
        pushes = [push(place + offset, token, NOTES[number]) for offset, (token, number) in enumerate(members)]
        sink = Caller()
        sink.withdrawn = gone
        apart = [Waiting(one, 60.0, sink, place + offset) for offset, one in enumerate(pushes)]
        alone.add(apart, "")
        together.add([cohort(pushes, place, sink)] if side_by_side else apart, "")
        place += len(members)
        assert len(together) == len(alone)
    batching = Batching(size, True, limit)

    assert drained(together, batching) == drained(alone, batching)
    assert len(together) == len(alone) == 0


def test_a_cohort_is_cut_where_the_batch_is_full() -> None:
    """The rest stays side by side, and both halves keep their deadline."""
    queue, filed = Queue(), Deadlines()
    whole = cohort([push(place) for place in range(10)])
    whole.files = filed
    filed.add([whole])
    queue.add([whole], "")

    first, _ = queue.cut("", Batching(4, True), lambda one: 0)

    assert places(first) == [0, 1, 2, 3]
    assert len(queue) == whole.size == 6
    assert sorted(places(filed.due(60.0, 100))) == list(range(10))


def test_a_weight_that_cannot_be_told_loses_no_cohort() -> None:
    """A plug-in's `weigh` fails: all are still there."""

    def broken(_: Notification) -> int:
        raise ArithmeticError("no weight")

    queue = Queue()
    queue.add([cohort([push(place) for place in range(5)])], "")
    with pytest.raises(ArithmeticError):
        queue.cut("", Batching(3, True, 10), broken)

    assert places(queue.clear()) == [0, 1, 2, 3, 4]


def test_what_does_not_fit_is_not_weighed_over_and_over() -> None:
    """Ten batches by weight of one cohort: each weighs its own pushes and a piece of the others at most."""
    weighed: list[Notification] = []

    def weigh(note: Notification) -> int:
        weighed.append(note)
        return 100

    queue = Queue()
    queue.add([cohort([push(place, notification=Notification("t", str(place))) for place in range(1000)])], "")
    sizes = []
    while queue.regions:
        batch, _ = queue.cut("", Batching(1000, True, 20_000), weigh)
        sizes.append(sum(item.size for item in batch))

    assert sum(sizes) == 1000
    assert len(weighed) <= 1000 + PIECE * len(sizes)


def test_what_was_dispersed_goes_on_one_by_one() -> None:
    """Each member with its deadline; one that ended is skipped, and a second dispersal finds the same members."""
    queue, filed = Queue(), Deadlines()
    whole = cohort([push(place) for place in range(3)])
    whole.files = filed
    filed.add([whole])
    queue.add([whole], "")

    members = whole.members()
    members[1].settled = True
    filed.discard(members[1:2])

    assert whole.members() is members
    assert list(present([whole])) == members
    assert filed.due(60.0, 100) == [members[0], members[2]]
    batch, _ = queue.cut("", Batching(9, True), lambda one: 0)
    assert (places(batch), len(queue)) == ([0, 2], 0)


def test_outcomes_find_their_sinks() -> None:
    """Neighbours of one sink together, each under its place, with or without company."""
    ours, theirs = Caller(), Caller()
    items: list[Item] = [
        Waiting(push(7), 60.0, ours, 7),
        cohort([push(place) for place in range(3)], sink=ours),
        cohort([push(5)], 5, sink=theirs),
        Waiting(push(8), 60.0, theirs, 8),
        Waiting(push(9), 60.0, theirs, 9),
    ]
    assert [(sink is ours, list(found)) for sink, found in by_sink(items)] == [
        (True, [7]),
        (True, [0, 1, 2]),
        (False, [5]),
        (False, [8, 9]),
    ]


def test_a_list_takes_outcomes_in_any_order() -> None:
    """Neighbours and strangers, each at its own place."""

    async def main() -> list[Outcome]:
        sink = Many(asyncio.get_running_loop(), 6)
        given = [Outcome.accepted(push(place), str(place)) for place in range(6)]
        sink.put_all(range(2, 5), given[2:5])
        sink.put(5, given[5])
        sink.put_all([1, 0], [given[1], given[0]])
        return await sink.outcomes()

    assert [outcome.message_id for outcome in run_virtual(main())] == ["0", "1", "2", "3", "4", "5"]
