"""The pushes of one request: as a list of pushes and as columns they are the same."""

from collections.abc import Sequence

import pytest

from pushgateway import Notification, Outcome, Push, PushToken
from pushgateway.model.batch import distinct
from pushgateway.model.push import CallBack
from pushgateway.vendor import Batch

NOTES = [Notification("t", "b"), Notification("t", "c")]
HERE = CallBack("https://host.example/r", "p")
PUSHES = [
    Push(PushToken(1, f"token-{place}"), NOTES[place % 2], dedupe_id=f"id-{place}", timeout=5.0 + place, context=place)
    for place in range(5)
]


def twins() -> Batch:
    """One push to many phones: its own phone and its own id count no more."""
    first = Push(PushToken(1, "nobody"), NOTES[0], dedupe_id="none", timeout=3.0, context="ours")
    return Batch([PushToken(1, token) for token in "abc"], [NOTES[0]] * 3, ["x", "y", "z"], [first] * 3)


def fields(pushes: Sequence[Push]) -> list[tuple[object, ...]]:
    """All that is in them."""
    return [
        (one.push_token, one.notification, one.timeout, one.dedupe_id, one.coalesce, one.priority, one.context)
        for one in pushes
    ]


def test_a_batch_of_pushes_is_those_pushes() -> None:
    """The very same, in order, and a batch of a batch is itself."""
    batch = Batch.of(iter(PUSHES))

    assert all(one is other for one, other in zip(batch, PUSHES, strict=True))
    assert len(batch) == 5
    assert Batch.of(batch) is batch
    assert PUSHES[3] in batch


@pytest.mark.parametrize("batch", [Batch.of(PUSHES), twins()], ids=["pushes", "twins"])
def test_columns_say_what_the_pushes_say(batch: Batch) -> None:
    """Column by column, whichever is asked for first."""
    columns = (batch.tokens, batch.push_tokens, batch.notifications, batch.dedupe_ids, batch.contexts)
    rows = list(zip(*columns, strict=True))

    assert rows == [
        (one.push_token.token, one.push_token, one.notification, one.dedupe_id, one.context) for one in batch
    ]
    assert batch.callbacks is None


def test_twins_take_everything_else_from_the_push_they_are_twins_of() -> None:
    """Phone and id are their own."""
    batch = twins()

    assert [(one.push_token.token, one.dedupe_id) for one in batch] == [("a", "x"), ("b", "y"), ("c", "z")]
    assert {(one.notification, one.timeout, one.context) for one in batch} == {(NOTES[0], 3.0, "ours")}
    assert batch[1] is batch[1]


def test_where_receipts_go_is_a_column_as_soon_as_one_push_says_it() -> None:
    """The others have None there."""
    batch = Batch.of([PUSHES[0], PUSHES[1].called_back(HERE)])

    assert batch.callbacks == [None, HERE]
    assert [one.callback for one in batch] == [None, HERE]


@pytest.mark.parametrize("asked", [True, False])
def test_cut_and_joined_it_is_the_same(asked: bool) -> None:
    """Whether its pushes were made before or not."""
    batch = twins()
    if asked:
        assert batch[0].dedupe_id == "x"
    first, rest = batch[:1], batch[1:]
    again = Batch.joined([first, rest])

    assert (len(first), len(rest)) == (1, 2)
    assert fields(again) == fields(batch)
    assert (again.tokens, again.contexts) == (batch.tokens, batch.contexts)
    assert fields(batch.pick([2, 0])) == fields([batch[2], batch[0]])
    assert Batch.joined([batch]) is batch


def test_outcomes_are_made_of_columns() -> None:
    """As of the pushes themselves."""
    batch, ids, cuts = twins(), ["1", "2", None], [(), ("title",), ()]

    assert Outcome.all_accepted(batch, ids, cuts) == [
        Outcome.accepted(push, message_id, truncated=cut)
        for push, message_id, cut in zip(twins(), ids, cuts, strict=True)
    ]
    assert [outcome.context for outcome in Outcome.all_accepted(batch, ids, cuts)] == ["ours"] * 3


def test_it_shows_nothing() -> None:
    """Neither a token nor a text."""
    assert repr(twins()) == "Batch(3 pushes)"


def test_batches_of_both_kinds_are_joined_with_all_that_each_has() -> None:
    """Those of one call, which are as usual, beside one with receipts, a context and a time of its own."""
    usual = Batch([PushToken(1, "a")], [NOTES[0]], ["x"])
    own = Batch.of([PUSHES[1].called_back(HERE)])

    for order in ([usual, own], [own, usual]):
        joined = Batch.joined(order)
        assert fields(joined) == [field for batch in order for field in fields(batch)]
        assert (
            [one.callback for one in joined] == joined.callbacks == [one.callback for batch in order for one in batch]
        )


def test_pushes_that_were_made_are_not_made_again_for_a_part() -> None:
    """Whoever holds one of them may compare by identity; of pushes that were handed in they are the very same."""
    batch, given = twins(), Batch.of(PUSHES)
    made = batch[1]

    assert batch[1:][0] is made
    assert given[2:4][1] is PUSHES[3]


def test_a_part_has_receipts_where_one_of_its_own_pushes_has() -> None:
    """The others of the whole do not count."""
    batch = Batch.of([PUSHES[0], PUSHES[1].called_back(HERE), PUSHES[2].called_back(HERE)])

    assert batch[:1].callbacks is None
    assert batch[:2].callbacks == [None, HERE]
    assert batch.pick([0, 2]).callbacks == [None, HERE]


def test_distinct_notifications_are_told_apart_by_identity() -> None:
    """In their order, each once; two that say the same are two."""
    one, same, other = Notification("t", "b"), Notification("t", "b"), Notification("t", "c")

    assert list(map(id, distinct([one, other, one, same]))) == [id(one), id(other), id(same)]
    assert list(distinct([one, one])) == [one]
