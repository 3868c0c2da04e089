"""From waiting pushes to batches: none is lost, sent twice or out of order, whatever the mixture.

Pushes are numbered by their place, so that each check is about numbers.
"""

from collections.abc import Hashable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import Caller, each, places_of, run_of

from pushgateway.engine.pushes.queue import PIECE, HalvedBatch, OneMessage, Queue, of_message
from pushgateway.engine.pushes.runs import Run, is_wanted
from pushgateway.model.notification import Notification
from pushgateway.model.push import Push, PushToken
from pushgateway.vendor import Batching
from pushgateway.vendor.text import most_quoted

NOTES = [Notification("t", str(number)) for number in range(3)]


def waiting(place: int, token: str = "", note: Notification = NOTES[0], sink: Caller | None = None) -> Run:
    """The push at `place`; by default for a token of its own."""
    return run_of([Push(PushToken(1, token or f"token-{place}"), note)], place, sink)


def unweighed(_: Notification) -> int:
    """A `weigh` that must not be called, because there is no limit of bytes."""
    raise AssertionError("nobody asks for a weight without a limit")


def heavy(place: int) -> Run:
    """A push with a notification, and so a size, of its own."""
    return waiting(place, note=Notification("t", "b"))


def address(push: Push) -> int:
    """The bytes that the core adds to the size of a notification."""
    return most_quoted(push.push_token.token) + most_quoted(push.dedupe_id)


def drained(queue: Queue, batching: Batching, weigh: dict[int, int] | None = None) -> list[tuple[list[Run], Hashable]]:
    """All batches of the queue, in their order, with their parts."""
    found = []
    own = (
        {}
        if weigh is None
        else {id(one.notifications[0]): weigh[one.places[0]] - address(one.pushes[0]) for one in queue}
    )
    while queue.regions:
        region = queue.regions[0]
        batch, part = queue.line(region).cut(batching, each(unweighed if weigh is None else lambda note: own[id(note)]))
        found.append((batch, part))
    return found


PUSHES = st.lists(
    st.tuples(
        st.sampled_from("abcd"),  # token
        st.integers(0, 2),  # notification
        st.sampled_from(["cn", "cn", "cn", "overseas"]),  # region
        st.sampled_from([None, None, None, "left"]),  # part
        st.sampled_from([False, False, False, True]),  # the caller is cancelled
    ),
    max_size=40,
)


@given(PUSHES, st.integers(1, 7), st.booleans())
def test_a_queue_gives_every_push_once_and_in_order(
    pushes: list[tuple[str, int, str, str | None, bool]], size: int, mixed: bool
) -> None:
    """Every push that has not ended is taken once, in batches of one region and part, no token twice in a batch, in
    order for each token."""
    queue = Queue()
    everything = []
    for place, (token, note, region, part, gone) in enumerate(pushes):
        one = waiting(place, token, NOTES[note])
        one.sink.withdrawn = gone
        queue.line(region).add(one, part if mixed else (part, one.notifications[0]))
        everything.append(one)
    assert len(queue) == len(everything)
    batches = drained(queue, Batching(size, mixed))

    left = [one for batch, _ in batches for one in batch]
    assert sorted(places_of(left)) == [place for place, push in enumerate(pushes) if not push[4]]
    for batch, part in batches:
        tokens = [one.push_tokens[0].token for one in batch]
        assert len(batch) <= size
        assert len(set(tokens)) == len(tokens)
        assert len({pushes[one.places[0]][2] for one in batch}) <= 1
        assert {
            pushes[one.places[0]][3] if mixed else (pushes[one.places[0]][3], one.notifications[0]) for one in batch
        } <= {part}
    for key in {(push[0], push[2], push[3], mixed or push[1]) for push in pushes}:
        mine = [place for place in places_of(left) if (*(p := pushes[place])[:1], p[2], p[3], mixed or p[1]) == key]
        assert mine == sorted(mine)
    assert len(queue) == 0
    assert queue.regions == []


@given(st.lists(st.integers(0, 12), max_size=30), st.integers(1, 30), st.integers(1, 7))
def test_the_size_of_a_batch_stays_within_its_limit(weights: list[int], limit: int, size: int) -> None:
    """A batch has at most the limit, unless it is one push that is larger by itself; the other rules hold too."""
    queue = Queue()
    for place in range(len(weights)):
        queue.line("").add(heavy(place))

    batches = [places_of(batch) for batch, _ in drained(queue, Batching(size, True, limit), dict(enumerate(weights)))]

    assert [place for batch in batches for place in batch] == list(range(len(weights)))
    assert all(sum(weights[place] for place in batch) <= limit or len(batch) == 1 for batch in batches)
    assert all(1 <= len(batch) <= size for batch in batches)
    for batch, after in pairwise(batches):  # and none is cut earlier than it has to be
        assert len(batch) == size or sum(weights[place] for place in [*batch, after[0]]) > limit


def test_a_batch_is_full_at_its_size() -> None:
    """A thousand pushes fit, the thousand and first is in the next batch."""
    queue = Queue()
    for place in range(1001):
        queue.line("").add(waiting(place))

    sizes = [len(batch) for batch, _ in drained(queue, Batching(1000, True))]

    assert sizes == [1000, 1]


def test_a_size_at_the_limit_fits() -> None:
    """Exactly the limit fits into one batch; one byte more does not."""
    fits, too_much = Queue(), Queue()
    for queue in (fits, too_much):
        for place in range(2):
            queue.line("").add(heavy(place))

    assert [places_of(b) for b, _ in drained(fits, Batching(9, True, 10), {0: 5, 1: 5})] == [[0, 1]]
    assert [places_of(b) for b, _ in drained(too_much, Batching(9, True, 10), {0: 5, 1: 6})] == [[0], [1]]


def test_many_pushes_for_one_token_are_in_batches_of_their_own() -> None:
    """One phone gets its pushes in the order in which they came, each in a batch of its own, and the others do not
    wait."""
    queue = Queue()
    for place in range(5):
        queue.line("").add(waiting(place, "same"))
    queue.line("").add(waiting(5, "other"))

    batches = [places_of(batch) for batch, _ in drained(queue, Batching(10, True))]

    assert batches == [[0, 5], [1], [2], [3], [4]]


def test_a_push_that_waits_for_its_token_is_not_overtaken() -> None:
    """A push that waits for the next batch, because its token is in this one already, stays before a later one of the
    token."""
    queue = Queue()
    for place, token in enumerate("aabaa"):
        queue.line("").add(waiting(place, token))

    batches = [places_of(batch) for batch, _ in drained(queue, Batching(2, True))]

    assert batches == [[0, 2], [1], [3], [4]]


class Counted(Caller):
    """A sink that counts how often a push of it was checked."""

    looks = 0

    @property  # type: ignore[override]
    def withdrawn(self) -> bool:
        """Never withdrawn."""
        self.looks += 1
        return False

    @withdrawn.setter
    def withdrawn(self, value: bool) -> None:
        """Set once, by the base class."""


def test_taking_a_batch_checks_few_pushes() -> None:
    """With ten thousand pushes for one phone each batch checks two batches' worth at most, not all of them."""
    queue, sink = Queue(), Counted()
    for place in range(10_000):
        queue.line("").add(waiting(place, "same", sink=sink))

    batch, _ = queue.line("").cut(Batching(10, True), each(unweighed))

    assert places_of(batch) == [0]
    assert sink.looks <= 20


def test_parts_alternate_and_regions_are_separate() -> None:
    """A long group does not delay a short one: after each batch the other groups of its region come first."""
    queue = Queue()
    for place in range(6):
        queue.line("cn").add(waiting(place))
    queue.line("overseas").add(waiting(6))
    queue.line("cn").add(waiting(7), "part")

    order = [places_of(batch) for batch, _ in drained(queue, Batching(2, True))]

    assert order == [[0, 1], [7], [2, 3], [4, 5], [6]]


def test_separated_parts_are_not_joined_again() -> None:
    """What was split stays split, however much a batch could hold, even if the parts are equal."""
    queue = Queue()
    left, right = object(), object()
    for place, part in enumerate([left, right, None, left]):
        queue.line("").add(waiting(place), part)

    batches = [(places_of(batch), part) for batch, part in drained(queue, Batching(10, True))]

    assert batches == [([0, 3], left), ([1], right), ([2], None)]


def test_taking_from_one_region_leaves_the_others() -> None:
    """A batch for one region takes nothing of another; an unknown region gives an empty batch."""
    queue = Queue()
    queue.line("cn").add(waiting(0))

    assert queue.line("overseas").cut(Batching(10, True), each(unweighed)) == ([], None)
    assert (len(queue), queue.regions) == (1, ["cn"])


@pytest.mark.parametrize("settled", [True, False])
def test_an_ended_push_is_not_taken(settled: bool) -> None:
    """A push whose caller was cancelled, or that has its outcome, is dropped; a group that holds only such pushes is
    skipped."""
    queue = Queue()
    gone = [waiting(place) for place in range(3)]
    for one in gone:
        queue.line("").add(one, "first")
        one.settled = settled
        one.sink.withdrawn = not settled
    queue.line("").add(waiting(3), "second")

    batch, part = queue.line("").cut(Batching(1, True), each(unweighed))

    assert (places_of(batch), part, len(queue)) == ([3], "second", 0)
    assert not any(map(is_wanted, gone))


def test_a_failing_weigh_affects_no_other_push() -> None:
    """After the plug-in's `weigh` raised, the count of the queue is right, and pushes that were not reached are still
    there."""

    def broken(note: Notification) -> int:
        raise ArithmeticError("no weight")

    queue = Queue()
    for place in range(3):
        queue.line("").add(waiting(place))
    with pytest.raises(ArithmeticError):
        queue.line("").cut(Batching(10, True, 10), each(broken))

    assert len(queue) == len(list(queue)) == 3
    assert queue.regions[0] == ""


def test_a_weigh_that_fails_within_a_batch_loses_no_push() -> None:
    """Pushes that were already taken for the batch are put back, in order for each token, because each must get an
    outcome."""

    def broken(note: Notification) -> int:
        if note is NOTES[1]:
            raise ArithmeticError("no weight")
        return 1

    queue = Queue()
    for place, token in enumerate(["token-0", "token-0", "token-1", "token-2", "token-3"]):
        queue.line("").add(waiting(place, token, NOTES[token == "token-2"]))
    with pytest.raises(ArithmeticError):
        queue.line("").cut(Batching(10, True, 1000), each(broken))

    assert len(queue) == 5
    assert places_of(queue.clear()) == [0, 2, 1, 3, 4]


def test_clearing_returns_every_push() -> None:
    """Group by group, in order; afterwards the queue is as new."""
    queue = Queue()
    for place, region in enumerate(["cn", "overseas", "cn"]):
        queue.line(region).add(waiting(place))

    everything = places_of(queue.clear())

    assert everything == [0, 2, 1]
    assert (len(queue), queue.regions, queue.clear()) == (0, [], [])


@pytest.mark.parametrize("count", [1, 2, PIECE, PIECE + 1, 2 * PIECE + 1, 1000])
def test_a_run_is_cut_into_single_pushes(count: int) -> None:
    """Where a request holds one push, a waiting run gives its pushes one by one, in order, without those whose callers
    have left; what still waits is counted exactly."""
    queue, sink = Queue(), Caller()
    sink.gone = {3, count - 1} - {0}
    queue.line("a").add(run_of([Push(PushToken(1, str(place)), NOTES[0]) for place in range(count)], sink=sink))

    cut = []
    while queue:
        before = len(queue)
        runs, _ = queue.line("a").cut(Batching(size=1), each(unweighed))
        assert len(queue) < before
        cut += runs

    assert all(run.size == 1 for run in cut)
    assert places_of(cut) == [place for place in range(count) if place not in sink.gone]


def test_a_lone_push_is_not_weighed() -> None:
    """A push that has a batch to itself is sent whatever it weighs, so the plug-in is not asked."""
    queue = Queue()
    queue.line("a").add(heavy(0))

    def weigh(_: Notification) -> int:
        pytest.fail("weighed")

    runs, _ = queue.line("a").cut(Batching(size=10, max_bytes=1), each(weigh))

    assert (places_of(runs), len(queue)) == ([0], 0)


def test_a_part_of_one_message_keeps_its_limit() -> None:
    """Pushes of a batch that was halved wait by their message id, and still in batches of half the size. A part that
    has a message id already stays what it is."""
    assert of_message("a", "m1") == OneMessage("m1", "a")
    assert of_message(HalvedBatch(5, "a"), "m1") == HalvedBatch(5, OneMessage("m1", "a"))
    for part in (OneMessage("m1", "a"), HalvedBatch(5, OneMessage("m1", "a"))):
        assert of_message(part, "m1") == part
