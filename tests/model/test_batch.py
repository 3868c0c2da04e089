"""`Batch`, the pushes of one request: its two forms, a list of pushes and columns, are equal."""

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


def one_for_many() -> Batch:
    """One push to many phones: each differs from it only in phone and id."""
    first = Push(PushToken(1, "nobody"), NOTES[0], dedupe_id="none", timeout=3.0, context="ours")
    return Batch([PushToken(1, token) for token in "abc"], [NOTES[0]] * 3, ["x", "y", "z"], [first] * 3)


def fields(pushes: Sequence[Push]) -> list[tuple[object, ...]]:
    """All fields of a batch."""
    return [
        (one.push_token, one.notification, one.timeout, one.dedupe_id, one.coalesce, one.priority, one.context)
        for one in pushes
    ]


def test_a_batch_of_pushes_is_those_pushes() -> None:
    """It holds the very same objects, in order, and a batch made of a batch is that batch."""
    batch = Batch.of(iter(PUSHES))

    assert all(one is other for one, other in zip(batch, PUSHES, strict=True))
    assert len(batch) == 5
    assert Batch.of(batch) is batch
    assert PUSHES[3] in batch


@pytest.mark.parametrize("batch", [Batch.of(PUSHES), one_for_many()], ids=["pushes", "one_for_many"])
def test_columns_equal_the_fields_of_the_pushes(batch: Batch) -> None:
    """This holds for each column, whichever is read first."""
    columns = (batch.tokens, batch.push_tokens, batch.notifications, batch.dedupe_ids, batch.contexts)
    rows = list(zip(*columns, strict=True))

    assert rows == [
        (one.push_token.token, one.push_token, one.notification, one.dedupe_id, one.context) for one in batch
    ]
    assert batch.callbacks is None


def test_pushes_of_one_call_share_everything_but_phone_and_id() -> None:
    """Phone and id are their own."""
    batch = one_for_many()

    assert [(one.push_token.token, one.dedupe_id) for one in batch] == [("a", "x"), ("b", "y"), ("c", "z")]
    assert {(one.notification, one.timeout, one.context) for one in batch} == {(NOTES[0], 3.0, "ours")}
    assert batch[1] is batch[1]


def test_there_is_a_receipt_column_as_soon_as_one_push_has_a_receipt_url() -> None:
    """The other pushes have None in it."""
    batch = Batch.of([PUSHES[0], PUSHES[1].with_callback(HERE)])

    assert batch.callbacks == [None, HERE]
    assert [one.callback for one in batch] == [None, HERE]


@pytest.mark.parametrize("asked", [True, False])
def test_a_batch_that_is_cut_and_joined_is_equal(asked: bool) -> None:
    """It makes no difference whether its pushes were made before."""
    batch = one_for_many()
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
    """They equal the outcomes that are made of the pushes."""
    batch, ids, cuts = one_for_many(), ["1", "2", None], [(), ("title",), ()]

    assert Outcome.all_accepted(batch, ids, cuts) == [
        Outcome.accepted(push, message_id, truncated=cut)
        for push, message_id, cut in zip(one_for_many(), ids, cuts, strict=True)
    ]
    assert [outcome.context for outcome in Outcome.all_accepted(batch, ids, cuts)] == ["ours"] * 3


def test_the_repr_of_a_batch_shows_no_content() -> None:
    """It holds neither a token nor a text."""
    assert repr(one_for_many()) == "Batch(3 pushes)"


def test_joined_batches_of_both_forms_keep_all_values() -> None:
    """Pushes of one call with default options are joined with one that has receipts, a context and a timeout of its
    own."""
    usual = Batch([PushToken(1, "a")], [NOTES[0]], ["x"])
    own = Batch.of([PUSHES[1].with_callback(HERE)])

    for order in ([usual, own], [own, usual]):
        joined = Batch.joined(order)
        assert fields(joined) == [field for batch in order for field in fields(batch)]
        assert (
            [one.callback for one in joined] == joined.callbacks == [one.callback for batch in order for one in batch]
        )


def test_pushes_that_were_made_are_not_made_again_for_a_part() -> None:
    """A caller that holds one of them may compare by identity; pushes that were handed in are always the same
    objects."""
    batch, given = one_for_many(), Batch.of(PUSHES)
    made = batch[1]

    assert batch[1:][0] is made
    assert given[2:4][1] is PUSHES[3]


def test_a_part_has_a_receipt_column_only_for_its_own_pushes() -> None:
    """The other pushes of the whole batch do not count."""
    batch = Batch.of([PUSHES[0], PUSHES[1].with_callback(HERE), PUSHES[2].with_callback(HERE)])

    assert batch[:1].callbacks is None
    assert batch[:2].callbacks == [None, HERE]
    assert batch.pick([0, 2]).callbacks == [None, HERE]


def test_distinct_notifications_are_distinguished_by_identity() -> None:
    """Each is listed once, in order; two equal objects count as two."""
    one, same, other = Notification("t", "b"), Notification("t", "b"), Notification("t", "c")

    assert list(map(id, distinct([one, other, one, same]))) == [id(one), id(other), id(same)]
    assert list(distinct([one, one])) == [one]


def test_message_ids_stay_with_their_pushes() -> None:
    """However a batch is split, picked from or joined; a part without any has its dedupe ids."""
    batch = Batch.of(PUSHES).under([f"m{place}" for place in range(5)])

    assert list(batch[1:3].message_ids) == ["m1", "m2"]
    assert list(batch.pick([4, 0]).message_ids) == ["m4", "m0"]
    joined = Batch.joined([batch[:1], one_for_many(), batch[4:]])
    assert list(joined.message_ids) == ["m0", "x", "y", "z", "m4"]
    assert (batch.message_id, batch[2:3].message_id) == ("", "m2")
    assert not Batch.of(PUSHES).has_message_ids
    assert batch[:1].has_message_ids
