"""Outcomes: they are made from the push, their words are fixed, and their exceptions say the same."""

import copy
from typing import Any

import attrs
import pytest

from pushgateway.engine.session.results import checked
from pushgateway.model.batch import Batch
from pushgateway.model.errors import FieldError
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import BroadcastOutcome, Outcome, PushFailed
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.vendor.refusals import AccessExpired, Refused

PUSH = Push(PushToken(7005, "token"), Notification("t", "b"), dedupe_id="d-1")
REFUSED = Refused(Reason.QUOTA_EXCEEDED, "33", "no more today", 60.0, "the day is used up")
ENDINGS = [
    Outcome.accepted(PUSH, "m-1"),
    Outcome.rejected(PUSH, Reason.UNREGISTERED),
    REFUSED.outcome(PUSH),
    REFUSED.outcome(PUSH, sent=False),
    Outcome.not_sent(PUSH, Reason.OVERLOADED, "full"),
    Outcome.unknown(PUSH, "silence"),
]


@pytest.mark.parametrize("outcome", ENDINGS)
def test_an_outcome_keeps_the_address_of_its_push(outcome: Outcome) -> None:
    """However it is made, it has the push token and the dedupe id of its push."""
    assert outcome.push_token is PUSH.push_token
    assert outcome.dedupe_id == "d-1"


@pytest.mark.parametrize("outcome", ENDINGS)
def test_only_an_accepted_push_has_no_reason(outcome: Outcome) -> None:
    """`ok`, status and reason never contradict each other."""
    assert outcome.ok is (outcome.status is Status.ACCEPTED) is (outcome.reason is None)


def test_accepted_outcomes_made_together_equal_single_ones() -> None:
    """They are equal in each field, also in those that `==` does not compare, and each belongs to its push."""
    pushes = [attrs.evolve(PUSH, dedupe_id=f"d-{number}", context=number) for number in range(3)]
    ids, cuts = ["m-0", None, "m-2"], [(), ("title",), ()]

    together = Outcome.all_accepted(pushes, ids, cuts)

    one_by_one = [Outcome.accepted(push, one, truncated=cut) for push, one, cut in zip(pushes, ids, cuts, strict=True)]
    assert [attrs.astuple(outcome) for outcome in together] == [attrs.astuple(outcome) for outcome in one_by_one]
    assert Outcome.all_accepted([], [], []) == []


def test_each_constructor_gives_its_status() -> None:
    """A refusal before the request was sent is `NOT_SENT`; a missing verdict is `UNKNOWN` with its one reason."""
    seen = [(outcome.status, outcome.reason, outcome.attempts) for outcome in ENDINGS]

    assert seen == [
        (Status.ACCEPTED, None, 1),
        (Status.REJECTED, Reason.UNREGISTERED, 1),
        (Status.REJECTED, Reason.QUOTA_EXCEEDED, 1),
        (Status.NOT_SENT, Reason.QUOTA_EXCEEDED, 0),
        (Status.NOT_SENT, Reason.OVERLOADED, 0),
        (Status.UNKNOWN, Reason.NO_VERDICT, 1),
    ]


@pytest.mark.parametrize("sent", [True, False])
def test_a_refusal_keeps_the_vendors_words(sent: bool) -> None:
    """The outcome of every push of the request holds code, message and pause of the vendor, and our own detail."""
    outcome = REFUSED.outcome(PUSH, sent=sent)

    assert (outcome.vendor_code, outcome.vendor_message) == ("33", "no more today")
    assert (outcome.retry_after, outcome.detail) == (60.0, "the day is used up")


@pytest.mark.parametrize(("given", "kept"), [(None, None), (0, 0.0), (-0.001, 0.0), (-1e12, 0.0), (5, 5.0), (0.5, 0.5)])
def test_retry_after_is_never_negative(given: float | None, kept: float | None) -> None:
    """This holds for pushes and broadcasts."""
    broadcast = BroadcastOutcome(certificate_id="1", status=Status.REJECTED, retry_after=given)

    assert Outcome.rejected(PUSH, Reason.MUTED, retry_after=given).retry_after == kept
    assert broadcast.retry_after == kept


@pytest.mark.parametrize("outcome", ENDINGS)
def test_raise_for_failure_raises_unless_accepted(outcome: Outcome) -> None:
    """The exception of `raise_for_failure` holds the same outcome; for an accepted push it does nothing."""
    if outcome.ok:
        assert outcome.raise_for_failure() is None
        return
    with pytest.raises(PushFailed) as caught:
        outcome.raise_for_failure()

    assert caught.value.outcome is outcome
    assert str(caught.value).startswith(outcome.status.value)


@pytest.mark.parametrize("status", Status)
def test_raise_for_failure_of_a_broadcast_raises_unless_accepted(status: Status) -> None:
    """This holds whatever became of single tokens."""
    outcome = BroadcastOutcome(certificate_id="7005", status=status, outcomes=(ENDINGS[1],))

    if status is Status.ACCEPTED:
        assert outcome.ok
        assert outcome.raise_for_failure() is None
        return
    with pytest.raises(PushFailed) as caught:
        outcome.raise_for_failure()
    assert caught.value.outcome is outcome


def test_outcomes_are_values() -> None:
    """Equal when all fields are equal, and not to be changed."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ENDINGS[0].status = Status.UNKNOWN  # type: ignore[misc]

    assert Outcome.accepted(PUSH, "m-1") == ENDINGS[0]
    assert Outcome.accepted(PUSH, "m-2") != ENDINGS[0]


def test_the_words_of_status_and_reason_are_fixed() -> None:
    """Four statuses and thirteen reasons, by the names that hosts store: renaming one would break their data."""
    assert [status.value for status in Status] == ["accepted", "rejected", "not_sent", "unknown"]
    assert [reason.value for reason in Reason] == [reason.name.lower() for reason in Reason]
    assert len(Reason) == 13


def test_a_refusal_keeps_outcomes_that_were_set_before() -> None:
    """`keeping` names the places of a batch that a refusal of the whole request is not about; the refusal itself is
    unchanged."""
    expired = AccessExpired(Reason.CREDENTIALS, "11")
    places = {2: ENDINGS[4]}

    kept = expired.keeping(places)
    places.clear()

    assert kept is expired
    assert kept.kept == {2: ENDINGS[4]}
    assert Refused(Reason.MUTED).kept == {}


@pytest.mark.parametrize("truncated", [(), ("title",)])
def test_an_accepted_outcome_has_every_field(truncated: tuple[str, ...]) -> None:
    """It is made without the usual constructor, to save time, so every field is compared here: it is equal to, and as
    frozen as, any other."""
    push = Push(PushToken(7005, "a"), Notification("Hi", "mail"), dedupe_id="d-1", context="row 5")
    plain = Outcome(
        push_token=push.push_token,
        status=Status.ACCEPTED,
        message_id="m-1",
        attempts=1,
        truncated=truncated,
        dedupe_id="d-1",
        context="row 5",
    )

    outcome = Outcome.accepted(push, "m-1", truncated=truncated)

    assert type(outcome) is Outcome
    assert (outcome, hash(outcome), repr(outcome)) == (plain, hash(plain), repr(plain))
    for field in attrs.fields(Outcome):
        assert getattr(outcome, field.name) == getattr(plain, field.name)
    assert copy.deepcopy(outcome) == copy.copy(outcome) == plain
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        outcome.message_id = "m-2"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"status": "accepted"}, "Outcome.status: must be a Status, is str"),
        ({"reason": Reason.MUTED}, "Outcome.reason: must be None for ACCEPTED"),
        ({"status": Status.REJECTED}, "Outcome.reason: must be None for ACCEPTED"),
        ({"status": Status.REJECTED, "reason": "muted"}, "Outcome.reason: must be None for ACCEPTED"),
        ({"attempts": -1}, "Outcome.attempts: must be a whole number"),
        ({"attempts": True}, "Outcome.attempts: must be a whole number"),
    ],
)
def test_a_contradictory_outcome_is_refused(wrong: dict[str, Any], says: str) -> None:
    """A plug-in that makes one has failed; hosts that compare with `is` can rely on the fields."""
    push = Push(PushToken(7005, "a"), Notification("a", "b"))

    with pytest.raises(FieldError, match=says):
        attrs.evolve(Outcome.accepted(push, None), **wrong)


def test_an_outcome_keeps_the_id_and_the_context_of_its_push() -> None:
    """The host finds its row by them: a plug-in that changes one has mixed up its pushes."""
    context = object()
    push = Push(PushToken(7005, "a"), Notification("a", "b"), dedupe_id="1", context=context)
    right = Outcome.accepted(push, None)

    assert checked(Batch.of([push]), [right]) == [right]
    for wrong in ({"dedupe_id": "2"}, {"context": object()}):
        with pytest.raises(TypeError, match="an outcome of another push"):
            checked(Batch.of([push]), [attrs.evolve(right, **wrong)])
