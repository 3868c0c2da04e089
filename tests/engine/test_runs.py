"""Runs: whatever they are cut into, each push keeps its values, and many pushes in a run end as each would in a run of
its own.

Results are compared with the same pushes as plain lists, or with each in a run of its own.
"""

import asyncio
import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import Caller, each, places_of, run_of

from pushgateway import Notification, Outcome, Priority, Push, PushToken
from pushgateway.engine.pushes.deadlines import Deadlines
from pushgateway.engine.pushes.ids import Ids
from pushgateway.engine.pushes.queue import WEIGHED, Queue
from pushgateway.engine.pushes.runs import Run, is_wanted, joined, separate
from pushgateway.engine.pushes.sinks import Many
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Batching

NOTES = [Notification("t", str(number)) for number in range(3)]


class Numbered:
    """Makes ids from the phone and the number of ids made before, so that a second id for one push is detected."""

    def __init__(self) -> None:
        self.made = itertools.count()

    def make_each(
        self, push_tokens: Sequence[PushToken], notes: Sequence[Notification], origins: Sequence[Push] | None
    ) -> list[str]:
        """One id for each push."""
        return [f"{one.token}-{next(self.made)}" for one in push_tokens]


def push(place: int, token: str = "", notification: Notification = NOTES[0]) -> Push:
    """A push whose id holds its place."""
    return Push(PushToken(1, token or f"token-{place}"), notification, dedupe_id=f"id-{place}")


def fresh(count: int, kind: str) -> Run:
    """A run of so many pushes: for `usual` ones and `each` with options of its own the ids are made late, `named` ones
    have ids."""
    pushes = [Push(PushToken(1, f"t{n}"), NOTES[n % 3], context=n, dedupe_id=f"t{n}-own") for n in range(count)]
    if kind == "named":
        return run_of(pushes)
    ids = Numbered().make_each
    if kind == "each":
        return Run.of(pushes, range(count), Caller(), begun=0.0, deadline=60.0, make_ids=ids)
    run = Run([], [], [], Caller(), ids, priority=Priority.NORMAL, begun=0.0, deadline=60.0)
    for place, one in enumerate(pushes):
        run.append(one.push_token, one.notification, place)
    return run


def drained(queue: Queue, batching: Batching) -> list[list[int]]:
    """All batches of a queue, in their order."""
    found = []
    while queue.regions:
        batch, _ = queue.line("").cut(batching, each(lambda one: 5 * int(one.body)))
        found.append(places_of(batch))
    return [places for places in found if places]  # the last ones may all have ended


def cut(run: Run, act: str, argument: Any) -> list[Run]:
    """Cut a run in one of the ways and compare the result with a plain list; returns the further runs."""
    before = list(run.places)
    if act == "split" and 0 < argument < run.size:
        first = run.split(argument)
        assert [*first.places, *run.places] == before
        return [first]
    if act == "pick" and (indices := [index for index in argument if index < run.size]):
        picked = run.pick(indices)
        assert list(picked.places) == [before[index] for index in indices]
        assert picked is run or list(run.places) == [place for place in before if place not in picked.places]
        return [picked] if picked is not run else []
    if act == "group":
        keys = argument[: run.size]
        parts = run.grouped(keys)
        assert [key for key, _, _ in parts] == list(dict.fromkeys(keys))
        for key, part, indices in parts:
            assert list(part.places) == [before[index] for index in indices]
            assert {keys[index] for index in indices} == {key}
        return [part for _, part, _ in parts if part is not run]
    return []


CUTS = st.lists(
    st.one_of(
        st.tuples(st.just("split"), st.integers(0, 30)),
        st.tuples(st.just("pick"), st.sets(st.integers(0, 30), min_size=1)),
        st.tuples(st.just("group"), st.lists(st.integers(0, 2), min_size=31, max_size=31)),
        st.tuples(st.just("ids"), st.none()),
        st.tuples(st.just("attempt"), st.none()),
    ),
    max_size=8,
)


@given(st.integers(1, 31), st.sampled_from(["usual", "each", "named"]), CUTS, st.data())
def test_each_push_keeps_its_values_however_a_run_is_cut(
    count: int, kind: str, cuts: list[tuple[str, Any]], data: st.DataObject
) -> None:
    """Each push is in exactly one run, in order, with its push token, notification, place, context, history and
    deadline. Its id is made once, and stays."""
    filed = Deadlines()
    whole = fresh(count, kind)
    filed.add([whole])
    runs, attempts, ids = [whole], dict.fromkeys(range(count), 0), dict[int, str]()
    for act, argument in cuts:
        run = data.draw(st.sampled_from(runs))
        if act == "ids":
            ids |= zip(run.places, run.pushes.dedupe_ids, strict=True)
        elif act == "attempt":
            run.attempts += 1
            attempts |= {place: attempts[place] + 1 for place in run.places}
        else:
            runs += cut(run, act, argument)

    assert sorted(places_of(runs)) == list(range(count))
    for run in runs:
        assert run.size == len(run.push_tokens) == len(run.notifications) == len(run.pushes)
        assert {run.attempts} == {attempts[place] for place in run.places}
        check_pushes(run, kind)
    made = {place: one for run in runs for place, one in zip(run.places, run.pushes.dedupe_ids, strict=True)}
    assert made == made | ids
    assert len(set(made.values())) == count
    assert sorted(places_of(filed.due(60.0, 100))) == list(range(count))
    assert filed.next() is None


def check_pushes(run: Run, kind: str) -> None:
    """Check that each push is the one that belongs to its place."""
    for place, one, push_token, note in zip(run.places, run.pushes, run.push_tokens, run.notifications, strict=True):
        assert (one.push_token.token, push_token.token) == (f"t{place}", f"t{place}")
        assert one.notification is note is NOTES[place % 3]
        assert one.context == (None if kind == "usual" else place)
        assert one.dedupe_id.startswith(f"t{place}-")


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.sets(st.integers(0, 23)))
def test_chosen_pushes_of_several_runs_are_separated(sizes: list[int], chosen: set[int]) -> None:
    """They are chosen by their place in the batch of all; both halves keep their order."""
    runs, start = list[Run](), 0
    for size in sizes:
        runs.append(run_of([push(start + offset) for offset in range(size)], start))
        start += size
    batch = joined(runs)

    picked, others = separate(runs, chosen)

    assert [one.dedupe_id for one in batch] == [f"id-{place}" for place in range(start)]
    assert places_of(picked) == [place for place in range(start) if place in chosen]
    assert places_of(others) == [place for place in range(start) if place not in chosen]


def test_a_part_of_a_run_keeps_its_history() -> None:
    """A part has the history of the whole, and shares nothing that happens later."""
    run = run_of([push(place) for place in range(4)], deadline=7.0, begun=1.0)
    run.attempts, run.tries, run.doubtful, run.asked, run.region, run.quota = 2, 3, True, True, "far", "public"

    part = run.pick([1, 2])
    run.attempts += 1

    history = (part.attempts, part.tries, part.doubtful, part.asked, part.region, part.quota)
    assert history == (2, 3, True, True, "far", "public")
    assert (part.begun, part.deadline, part.priority, part.coalesce) == (1.0, 7.0, Priority.NORMAL, True)
    assert part.sink is run.sink


def test_ended_pushes_are_taken_out_of_a_run() -> None:
    """The other pushes stay together, and each keeps its deadline."""
    sink, filed = Caller(), Deadlines()
    run = run_of([push(place) for place in range(4)], sink=sink)
    filed.add([run])
    sink.gone = {1, 3}

    assert is_wanted(run)
    assert list(run.places) == [0, 2]
    assert sorted(places_of(filed.due(60.0, 100))) == [0, 1, 2, 3]
    sink.gone = {0, 2}
    assert not is_wanted(run)


def test_an_id_is_made_late_and_once() -> None:
    """It is not made when a push comes in, and never a second time."""
    ids, calls = Numbered(), list[int]()

    def counted(*columns: Any) -> list[str]:
        calls.append(len(columns[0]))
        return ids.make_each(*columns)

    run = Run([], [], [], Caller(), counted, priority=Priority.NORMAL, begun=0.0, deadline=60.0)
    for place in range(5):
        run.append(PushToken(1, f"t{place}"), NOTES[0], place)
    first = run.split(2)
    assert calls == []

    once = [*first.pushes.dedupe_ids, *run.pushes.dedupe_ids]
    again = [*first.pushes.dedupe_ids, *run.apart()[0].pushes.dedupe_ids]

    assert calls == [2, 3]
    assert again == once[:3]


RUNS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from("abcdefghi"), st.integers(0, 2)), min_size=1, max_size=8),
        st.booleans(),  # in one run
        st.sampled_from([False, False, False, True]),  # the caller is cancelled
    ),
    max_size=8,
)


@given(RUNS, st.integers(1, 9), st.one_of(st.none(), st.integers(1, 400)))
def test_batches_are_the_same_as_of_runs_of_one(
    runs: list[tuple[list[tuple[str, int]], bool, bool]], size: int, limit: int | None
) -> None:
    """Also if tokens come twice, pushes are too large or batches are put back: the same pushes are sent together, in
    the same order, and the count of the queue is right at any time."""
    together, alone = Queue(), Queue()
    place = 0
    for members, side_by_side, gone in runs:
        pushes = [push(place + offset, token, NOTES[number]) for offset, (token, number) in enumerate(members)]
        sink = Caller()
        sink.withdrawn = gone
        for one in run_of(pushes, place, sink).apart():
            alone.line("").add(one)
        for one in [run_of(pushes, place, sink)] if side_by_side else run_of(pushes, place, sink).apart():
            together.line("").add(one)
        place += len(members)
        assert len(together) == len(alone)
    batching = Batching(size, True, limit)

    assert drained(together, batching) == drained(alone, batching)
    assert len(together) == len(alone) == 0


@given(RUNS, st.integers(1, 9), st.sets(st.integers(0, 63)))
def test_cancelled_single_sends_are_taken_out_of_a_run(
    runs: list[tuple[list[tuple[str, int]], bool, bool]], size: int, gone: set[int]
) -> None:
    """A single send that was cancelled is in no batch, and the others are not affected."""
    together, alone, sink = Queue(), Queue(), Caller()
    place = 0
    for members, _, _ in runs:
        pushes = [push(place + offset, token, NOTES[number]) for offset, (token, number) in enumerate(members)]
        together.line("").add(run_of(pushes, place, sink))
        for one in run_of(pushes, place, sink).apart():
            alone.line("").add(one)
        place += len(members)
    sink.gone = gone
    batching = Batching(size, True)

    assert drained(together, batching) == drained(alone, batching)
    assert len(together) == len(alone) == 0


def test_a_run_is_cut_where_the_batch_is_full() -> None:
    """The rest stays together, and both parts keep their deadline."""
    queue, filed = Queue(), Deadlines()
    whole = run_of([push(place) for place in range(10)])
    filed.add([whole])
    queue.line("").add(whole)

    first, _ = queue.line("").cut(Batching(4, True), each(lambda one: 0))

    assert places_of(first) == [0, 1, 2, 3]
    assert len(queue) == whole.size == 6
    assert sorted(places_of(filed.due(60.0, 100))) == list(range(10))


def test_many_pushes_for_few_phones_are_cut_in_pieces() -> None:
    """For a thousand pushes of one call for two phones each batch takes one push for each phone, and no push is checked
    again and again."""
    queue = Queue()
    queue.line("").add(run_of([push(place, "ab"[place % 2]) for place in range(100)]))

    assert drained(queue, Batching(10, True)) == [[place, place + 1] for place in range(0, 100, 2)]


def test_a_failing_weigh_loses_no_run() -> None:
    """After a plug-in's `weigh` raised, all pushes are still in the queue."""

    def broken(_: Notification) -> int:
        raise ArithmeticError("no weight")

    queue = Queue()
    queue.line("").add(run_of([push(place) for place in range(5)]))
    with pytest.raises(ArithmeticError):
        queue.line("").cut(Batching(3, True, 10), each(broken))

    assert places_of(queue.clear()) == [0, 1, 2, 3, 4]


def test_pushes_that_do_not_fit_are_not_measured_again_and_again() -> None:
    """Ten batches of one run, cut by bytes: each measures its own pushes and a portion of the others at most."""
    weighed: list[Notification] = []

    def weigh(note: Notification) -> int:
        weighed.append(note)
        return 100

    queue = Queue()
    queue.line("").add(run_of([push(place, notification=Notification("t", str(place))) for place in range(1000)]))
    sizes = []
    while queue.regions:
        batch, _ = queue.line("").cut(Batching(1000, True, 20_000), each(weigh))
        sizes.append(sum(run.size for run in batch))

    assert sum(sizes) == 1000
    assert len(weighed) <= 1000 + WEIGHED * len(sizes)


def test_a_list_takes_outcomes_in_any_order() -> None:
    """Outcomes of neighbours and of pushes far apart each come to their own place."""

    async def main() -> list[Outcome]:
        sink = Many(asyncio.get_running_loop(), 6)
        given = [Outcome.accepted(push(place), str(place)) for place in range(6)]
        sink.put(range(2, 5), given[2:5])
        sink.put([5], given[5:])
        sink.put([1, 0], [given[1], given[0]])
        return await sink.outcomes()

    assert [outcome.message_id for outcome in run_virtual(main())] == ["0", "1", "2", "3", "4", "5"]


def test_ids_are_the_same_for_a_run_and_for_single_pushes() -> None:
    """An id is derived from the host's id where there is one, otherwise it is new, for a run as for each push alone."""
    notes = [Notification("t", "b", dedupe_id="message"), Notification("t", "b")]
    tokens = [PushToken(1, "a"), PushToken(1, "b")]
    run = Run([], [], [], Caller(), Ids(random.Random(1)).make_each, priority=Priority.NORMAL, begun=0.0, deadline=60.0)
    for place in range(2):
        run.append(tokens[place], notes[place], place)
    single = Ids(random.Random(1))

    assert list(run.pushes.dedupe_ids) == [single.make(token, note) for token, note in zip(tokens, notes, strict=True)]
