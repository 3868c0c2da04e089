"""What is repeated, when, and with which outcome it ends: bounds as properties, outcomes as a table."""

import itertools

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgateway.engine.flow_control.retry import RetryPolicy, last_word, may_repeat
from pushgateway.model.errors import FieldError
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status

PUSH = Push(PushToken(7005, "token"), Notification("t", "b"), dedupe_id="d")
TEMPORARY = {Reason.RATE_LIMITED, Reason.UNAVAILABLE}
FINITE = st.floats(1e-6, 1e6)
JITTER = st.floats(0, 1)


def ended(status: Status, *, repeated: bool = False, reason: Reason = Reason.UNREGISTERED) -> Outcome:
    """An attempt that ended with this status and reason."""
    outcome = {
        Status.ACCEPTED: Outcome.accepted(PUSH, "m"),
        Status.REJECTED: Outcome.rejected(PUSH, reason, code="5", detail="no"),
        Status.NOT_SENT: Outcome.not_sent(PUSH, reason, "no"),
        Status.UNKNOWN: Outcome.unknown(PUSH, "silence"),
    }[status]
    return attrs.evolve(outcome, repeated=repeated)


@given(FINITE, st.floats(1, 1e6), st.integers(1, 10**9), JITTER)
def test_a_delay_stays_within_its_bounds(base: float, factor: float, attempt: int, jitter: float) -> None:
    """A delay is never negative, never above the cap, and at most the base doubled for each earlier attempt."""
    policy = RetryPolicy(base=base, cap=base * factor)

    delay = policy.delay(attempt, jitter)

    assert 0 <= delay <= policy.cap
    assert delay <= base * 2.0 ** min(attempt - 1, 64) * jitter * (1 + 1e-9)


@given(st.integers(1, 100), JITTER, st.floats(0, 1e9))
def test_a_vendors_pause_is_the_shortest_delay(attempt: int, jitter: float, hint: float) -> None:
    """No repeat comes before the vendor's pause is over, and the jitter still spreads the repeats."""
    policy = RetryPolicy()

    assert policy.delay(attempt, jitter, hint) == hint + policy.delay(attempt, jitter)


def test_the_backoff_doubles_up_to_its_cap() -> None:
    """With the largest jitter: half a second, doubled each time, then thirty seconds for good; with the smallest: at
    once."""
    policy = RetryPolicy()

    assert [policy.delay(attempt, 1.0) for attempt in range(1, 9)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert [policy.delay(attempt, 0.0) for attempt in range(1, 9)] == [0.0] * 8


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"attempts": 0}, "RetryPolicy.attempts"),
        ({"attempts": -1}, "RetryPolicy.attempts"),
        ({"base": 0.0}, "RetryPolicy.base"),
        ({"base": -1.0}, "RetryPolicy.base"),
        ({"base": float("nan")}, "RetryPolicy.base"),
        ({"base": 30.1}, "RetryPolicy.base"),
        ({"cap": 0.4}, "RetryPolicy.base"),
    ],
)
def test_an_invalid_policy_is_refused(fields: dict[str, float], field: str) -> None:
    """Zero attempts, no pause, and a base above the cap are refused."""
    with pytest.raises(FieldError) as caught:
        RetryPolicy(**fields)  # type: ignore[arg-type]

    assert caught.value.field == field


def test_a_policy_at_its_limits_is_taken() -> None:
    """One attempt, and a base as high as the cap."""
    policy = RetryPolicy(attempts=1, base=30.0, cap=30.0)

    assert policy.delay(1, 1.0) == policy.delay(50, 1.0) == 30.0


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("deduplicates", [True, False])
def test_only_temporary_refusals_are_repeated(reason: Reason, deduplicates: bool) -> None:
    """A dead token, a wrong key or a used up quota stays refused in a repeat."""
    rejected, not_sent = ended(Status.REJECTED, reason=reason), ended(Status.NOT_SENT, reason=reason)

    assert may_repeat(rejected, deduplicates) is (reason in TEMPORARY)
    assert may_repeat(not_sent, deduplicates) is (reason in TEMPORARY)


def test_a_missing_reply_is_repeated_only_where_repeats_are_dropped() -> None:
    """Elsewhere the phone might show the message twice. An accepted push is never repeated."""
    silence, accepted = ended(Status.UNKNOWN), ended(Status.ACCEPTED)

    assert (may_repeat(silence, True), may_repeat(silence, False)) == (True, False)
    assert (may_repeat(accepted, True), may_repeat(accepted, False)) == (False, False)


@pytest.mark.parametrize(
    ("status", "doubtful", "repeated", "deduplicates"),
    list(itertools.product(Status, (True, False), (True, False), (True, False))),
)
def test_the_final_outcome_claims_only_what_is_proved(
    status: Status, doubtful: bool, repeated: bool, deduplicates: bool
) -> None:
    """After an attempt without a verdict no refusal proves anything, except "I have that already".

    If every attempt has a verdict, the last one is the outcome. Otherwise an acceptance stays one (perhaps the second),
    "I have that already" is an acceptance, and everything else is `UNKNOWN` with the reason `NO_VERDICT`.
    """
    outcome = ended(status, repeated=repeated)

    word = last_word(outcome, attempts=2, doubtful=doubtful, deduplicates=deduplicates)

    if not doubtful:
        expected = (status, outcome.reason, False)
    elif status is Status.ACCEPTED:
        expected = (Status.ACCEPTED, None, not deduplicates)
    elif repeated:
        expected = (Status.ACCEPTED, None, False)
    else:
        expected = (Status.UNKNOWN, Reason.NO_VERDICT, not deduplicates)
    assert (word.status, word.reason, word.possible_duplicate) == expected
    assert word.attempts == 2
    assert word.push_token == PUSH.push_token
    assert word.ok is (word.reason is None)


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("status", [Status.REJECTED, Status.NOT_SENT])
def test_an_unknown_outcome_shows_the_last_refusal(status: Status, reason: Reason) -> None:
    """The host still sees how the last attempt ended, with the vendor's code; the reason is `NO_VERDICT` in each
    case."""
    outcome = ended(status, reason=reason)

    word = last_word(outcome, attempts=3, doubtful=True, deduplicates=True)

    assert (word.status, word.reason) == (Status.UNKNOWN, Reason.NO_VERDICT)
    assert f"{status.value}: {reason.value}" in word.detail
    assert word.vendor_code == outcome.vendor_code


@pytest.mark.parametrize(("attempts", "possible"), [(1, False), (2, True)])
def test_one_request_is_no_duplicate(attempts: int, possible: bool) -> None:
    """A push whose only request got no verdict, and whose second attempt was not sent, arrived once at most."""
    word = last_word(ended(Status.NOT_SENT), attempts=attempts, doubtful=True, deduplicates=False)

    assert word.possible_duplicate is possible
