"""Single sends of one turn of the loop: whoever comes is taken once, in order, and counted right."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pushgateway import Intent, Notification, Priority, Push, PushToken
from pushgateway.engine.pushes.gathering import FEW, Apart, Fresh, Row
from pushgateway.engine.pushes.runs import Cohort, Item, each
from pushgateway.engine.pushes.sinks import SINGLES

NOTES = [Notification("t", "b"), Notification("t", "call", intent=Intent.CALL), Notification("t", "c")]


def named(
    push_tokens: Sequence[PushToken], notes: Sequence[Notification], pushes: Sequence[Push] | None = None
) -> list[str]:
    """Ids that tell the phone."""
    return [f"id of {one.token}" for one in push_tokens]


def usual(fresh: Fresh, number: int) -> None:
    """One more as the intake brings it, under its number."""
    row = fresh.open
    if not isinstance(row, Row):
        row = Row(SINGLES, named, begun=1.0, deadline=31.0)
        fresh.add(row)
    row.push_tokens.append(PushToken(1, str(number)))
    row.notifications.append(NOTES[number % 3])
    row.places.append(number)


def own(fresh: Fresh, number: int) -> None:
    """One that wants something of its own."""
    row = fresh.open
    if not isinstance(row, Apart):
        row = Apart(SINGLES, begun=1.0, together=True)
        fresh.add(row)
    push = Push(PushToken(1, str(number)), NOTES[0], coalesce=number % 2 == 0, dedupe_id=f"id of {number}")
    row.add(push, 100.0 + number, number)


def places(items: Sequence[Item]) -> list[int]:
    """Which they are."""
    return [place for item in items for place in (item.places if isinstance(item, Cohort) else (item.place,))]


@given(st.lists(st.sampled_from(["usual", "usual", "usual", "own"]) | st.integers(1, 9), max_size=60))
def test_each_is_taken_once_and_in_order(acts: list[str | int]) -> None:
    """Joined in any manner and taken in pieces of any size; nobody joins what was begun to be taken."""
    fresh = Fresh()
    came, taken = 0, list[int]()
    for act in [*acts, 100]:
        if isinstance(act, int):
            items = fresh.take(act)
            assert sum(item.size for item in items) <= act
            taken += places(items)
        else:
            (usual if act == "usual" else own)(fresh, came)
            came += 1
        assert len(fresh) == came - len(taken)

    assert taken == list(range(came))


def test_those_of_one_manner_go_together() -> None:
    """What a push is for says its priority; each keeps phone, notification and id."""
    fresh = Fresh()
    for number in (0, 2, 3, 5, 6, 1, 4, 7, 10, 13, 8, 9):
        usual(fresh, number)

    items = fresh.take(100)

    cohorts = [item for item in items if isinstance(item, Cohort)]
    assert [cohort.places for cohort in cohorts] == [[0, 2, 3, 5, 6], [1, 4, 7, 10, 13]]
    assert [cohort.priority for cohort in cohorts] == [Priority.NORMAL, Priority.URGENT]
    assert len(items) == 4
    assert min(map(len, (cohort.places for cohort in cohorts))) >= FEW
    for waiting in each(items):
        push = waiting.push
        assert (push.push_token.token, push.dedupe_id) == (str(waiting.place), f"id of {waiting.place}")
        assert push.notification is NOTES[waiting.place % 3]
        assert push.priority is (Priority.URGENT if waiting.place % 3 == 1 else Priority.NORMAL)
        assert (waiting.begun, waiting.deadline) == (1.0, 31.0)


def test_who_wants_something_of_its_own_keeps_it() -> None:
    """Deadline and company; of those that go together the first one's deadline counts."""
    fresh = Fresh()
    for number in (0, 2, 4, 6, 1, 8):
        own(fresh, number)

    together, alone, last = fresh.take(100)

    assert isinstance(together, Cohort)
    assert (together.places, together.deadline) == ([0, 2, 4, 6], 100.0)
    assert [(one.place, one.deadline, one.push.coalesce) for one in each((alone, last))] == [
        (1, 101.0, False),
        (8, 108.0, True),
    ]
