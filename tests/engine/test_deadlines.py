"""`Deadlines`: each push is due once, in time, and is not kept after it has its outcome."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import run_of
from toy_vendor import note

from pushgateway import Push, PushToken
from pushgateway.engine.pushes.deadlines import BUCKET, Deadlines
from pushgateway.engine.pushes.runs import Run


def waiting(deadline: float) -> Run:
    return run_of([Push(PushToken(1, "a"), note())], deadline=deadline)


@given(st.lists(st.floats(0, 100), max_size=50), st.floats(0, 120))
def test_due_are_those_whose_deadline_has_passed(deadlines: list[float], now: float) -> None:
    """No push is due too early, none more than a bucket too late, and each only once."""
    filed = Deadlines()
    pushes = [waiting(deadline) for deadline in deadlines]
    for one in pushes:
        filed.add([one])

    due = filed.due(now, 1000)

    assert all(one.deadline <= now for one in due)
    assert {id(one) for one in pushes if one.deadline <= now - BUCKET} <= {id(one) for one in due}
    assert len({id(one) for one in due}) == len(due)
    assert filed.due(now, 1000) == []


@pytest.mark.parametrize("most", [1, 2, 3, 4])
def test_no_more_are_taken_than_the_given_number(most: int) -> None:
    """The rest are due at once at the next call."""
    filed = Deadlines()
    for _ in range(3):
        filed.add([waiting(1.0)])

    first = filed.due(2.0, most)

    assert len(first) == min(most, 3)
    assert len(filed.due(2.0, 100)) == 3 - len(first)


def test_a_discarded_push_is_not_due_and_not_kept() -> None:
    """A discarded push is forgotten; discarding it twice, or one that was never filed, has no effect."""
    filed = Deadlines()
    done, other = waiting(1.0), waiting(5.0)
    filed.add([done, other])

    filed.discard([done])
    filed.discard([done])
    filed.discard([waiting(3.0)])

    assert filed.next() == 5.0
    assert filed.due(10.0, 100) == [other]
    assert filed.next() is None
