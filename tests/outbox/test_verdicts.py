"""What an outcome means for an entry: ended, tried again at which time, or a dead letter."""

import attrs
import pytest
from inline_outbox import entry

from pushgateway import Outcome, Push, PushToken, Reason, Status
from pushgateway.model.notification import Notification
from pushgateway.outbox.content import decode_outcome
from pushgateway.outbox.store import Leased
from pushgateway.outbox.verdicts import (
    EXPIRED,
    EXPIRED_IN_DOUBT,
    LONGEST_PAUSE,
    PAUSES,
    WITHDRAWN,
    Rules,
    UnknownPolicy,
    Verdict,
    before_sending,
    delay,
    judge,
    unreadable,
)

TOKEN = PushToken(1, "token")
PUSH = Push(TOKEN, Notification("t", "b"), dedupe_id="a")
RULES = Rules(give_up_after=1000.0, most_lost=3)
NOW = 2000.0


def leased(**more: object) -> Leased:
    """An entry that was put at 1,900 and never tried."""
    put = entry("a", put_at=1900.0, since=1900.0)._asdict()
    del put["due"], put["digest"]
    return Leased(**{**put, "id": 1, "lease": 1, "tries": 0, "lost": 0, "doubtful": False, "attempts": 0, **more})


def judged(
    outcome: Outcome,
    held: Leased | None = None,
    *,
    deduplicates: bool = True,
    unknown: UnknownPolicy = "repeat",
    jitter: float = 1.0,
    closing: bool = False,
) -> Verdict:
    return judge(
        held or leased(),
        outcome,
        deduplicates=deduplicates,
        unknown=unknown,
        rules=RULES,
        closing=closing,
        now=NOW,
        jitter=jitter,
    )


def ended(reason: Reason, **more: object) -> Outcome:
    """A refusal with this reason."""
    return Outcome(push_token=TOKEN, status=Status.REJECTED, reason=reason, attempts=1, dedupe_id="a", **more)  # type: ignore[arg-type]


UNKNOWN = Outcome.unknown(PUSH, "silence")
FINAL = [Reason.UNREGISTERED, Reason.MUTED, Reason.INVALID_NOTIFICATION, Reason.UNSUPPORTED, Reason.UNBOUND]


def test_accepted_has_ended() -> None:
    """An accepted push is not sent again."""
    verdict = judged(Outcome.accepted(PUSH, "m"))

    assert (verdict.due, verdict.dead, verdict.outcome.message_id) == (None, False, "m")


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_either_final_or_tried_again(reason: Reason) -> None:
    """Waiting helps for some reasons and not for others; each reason is decided."""
    verdict = judged(UNKNOWN if reason is Reason.NO_VERDICT else ended(reason))

    assert (verdict.due is None) is (reason in FINAL)
    assert not verdict.dead


@pytest.mark.parametrize("reason", list(PAUSES))
def test_pauses_grow_up_to_a_limit(reason: Reason) -> None:
    """Each try waits twice as long as the one before, at most `LONGEST_PAUSE`, and the jitter takes off up to half."""
    pauses = [delay(PAUSES[reason], tries, None, 1.0) for tries in range(12)]

    assert pauses[:2] == [PAUSES[reason], min(2 * PAUSES[reason], LONGEST_PAUSE)]
    assert pauses[-1] == LONGEST_PAUSE
    assert delay(PAUSES[reason], 0, None, 0.0) == PAUSES[reason] / 2


def test_a_retry_after_is_the_least() -> None:
    """A day's quota is tried again after `retry_after`, spread over the first pause, however few tries there were; a
    short `retry_after` does not shorten a long pause."""
    quota = ended(Reason.QUOTA_EXCEEDED, retry_after=500.0)

    assert judged(quota, jitter=0.0).due == NOW + 500
    assert judged(quota, jitter=1.0).due == NOW + 500 + PAUSES[Reason.QUOTA_EXCEEDED]
    assert delay(5.0, 10, 1.0, 1.0) == LONGEST_PAUSE


def test_tries_and_requests_are_counted() -> None:
    """The next try knows how many there were, and the last outcome has the requests of all of them."""
    verdict = judged(ended(Reason.UNAVAILABLE), leased(tries=2, attempts=5))

    assert (verdict.tries, verdict.outcome.attempts) == (3, 6)


def test_closing_is_no_try() -> None:
    """A push that was not sent because the gateway closed is due at once, for another worker."""
    verdict = judged(Outcome.not_sent(PUSH, Reason.CLOSED, "closed"), leased(tries=2), closing=True)

    assert (verdict.due, verdict.tries) == (NOW, 2)


def test_closed_in_a_gateway_that_is_open_is_a_try() -> None:
    """A push that ended `CLOSED` for another reason, such as a fault of the gateway, is tried again after a pause."""
    verdict = judged(Outcome.not_sent(PUSH, Reason.CLOSED, "failed"), leased(tries=2))

    assert (verdict.due, verdict.tries) == (NOW + 20.0, 3)


@pytest.mark.parametrize(("expires", "again"), [(NOW + 5.0, False), (NOW + 5.1, True)])
def test_no_try_begins_after_the_end(expires: float, again: bool) -> None:
    """If the next try would begin when the push has expired, it has ended now, with what is known; otherwise it is
    tried once more."""
    verdict = judged(ended(Reason.UNAVAILABLE), leased(expires=expires))

    assert (verdict.due is not None) is again
    assert not verdict.dead
    assert verdict.outcome.reason is Reason.UNAVAILABLE


@pytest.mark.parametrize(("since", "dead"), [(1005.0, True), (1005.1, False)])
def test_after_too_long_it_is_a_dead_letter(since: float, dead: bool) -> None:
    """A push without an end of its own becomes a dead letter if its next try would be too late. The time before which
    it was not to be sent does not count."""
    verdict = judged(ended(Reason.UNAVAILABLE), leased(put_at=0.0, since=since))

    assert verdict.dead is dead
    assert (verdict.due is None) is dead


@pytest.mark.parametrize(
    ("deduplicates", "unknown", "again"),
    [(True, "give_up", True), (True, "repeat", True), (False, "repeat", True), (False, "give_up", False)],
)
def test_without_a_verdict_the_vendor_or_the_policy_decides(
    deduplicates: bool, unknown: UnknownPolicy, again: bool
) -> None:
    """A vendor that drops repeats gets the push again; otherwise the host's policy decides. The next try knows that
    there was one without a verdict."""
    verdict = judged(UNKNOWN, deduplicates=deduplicates, unknown=unknown)

    assert (verdict.due is not None) is again
    assert verdict.doubtful is again
    assert verdict.outcome.status is Status.UNKNOWN


def test_after_a_doubtful_try_a_repeat_is_accepted() -> None:
    """If the vendor says that it has the push already, the doubtful try had arrived."""
    repeated = attrs.evolve(ended(Reason.INVALID_NOTIFICATION), repeated=True)

    assert judged(repeated, leased(doubtful=True)).outcome.ok
    assert not judged(repeated, leased()).outcome.ok
    assert judged(repeated, leased()).due is None


def test_after_a_doubtful_try_a_refusal_proves_nothing() -> None:
    """A push that may have been sent is not reported as refused, and a second acceptance says that it may be there
    twice if the vendor does not drop repeats."""
    refused = judged(ended(Reason.UNREGISTERED), leased(doubtful=True), deduplicates=False)
    accepted = judged(Outcome.accepted(PUSH, "m"), leased(doubtful=True), deduplicates=False)

    assert refused.outcome.status is Status.UNKNOWN
    assert "unregistered" in refused.outcome.detail
    assert accepted.outcome.possible_duplicate


def test_before_sending_after_a_lost_worker() -> None:
    """An entry whose worker was lost is sent again, unless the policy is to give up at a vendor that does not drop
    repeats; after `most_lost` workers it is a dead letter in any case."""

    def verdict(lost: int, *, deduplicates: bool, unknown: UnknownPolicy) -> Verdict | None:
        held = leased(lost=lost, doubtful=lost > 0)
        return before_sending(held, TOKEN, deduplicates=deduplicates, unknown=unknown, rules=RULES)

    given_up, poison = (
        verdict(1, deduplicates=False, unknown="give_up"),
        verdict(3, deduplicates=True, unknown="repeat"),
    )

    assert verdict(0, deduplicates=False, unknown="give_up") is None
    assert verdict(2, deduplicates=True, unknown="give_up") is None
    assert verdict(2, deduplicates=False, unknown="repeat") is None
    assert given_up is not None
    assert (given_up.outcome.status, given_up.dead) == (Status.UNKNOWN, False)
    assert poison is not None
    assert (poison.outcome.status, poison.dead) == (Status.UNKNOWN, True)


@pytest.mark.parametrize(
    ("doubtful", "status", "reason"),
    [
        (False, Status.NOT_SENT, Reason.INVALID_NOTIFICATION),
        (True, Status.UNKNOWN, Reason.NO_VERDICT),
    ],
)
def test_what_cannot_be_read_may_have_been_sent(doubtful: bool, status: Status, reason: Reason) -> None:
    """A push that this program cannot read was not sent, unless another program may have sent it before."""
    outcome = unreadable(leased(doubtful=doubtful, attempts=2), TOKEN, "is damaged")

    assert (outcome.status, outcome.reason, outcome.attempts) == (status, reason, 2)
    assert "the stored push is damaged" in outcome.detail


def test_the_stored_endings() -> None:
    """What expires unsent was not sent; what expires or is withdrawn in doubt has no verdict."""
    found = [decode_outcome(text, TOKEN, "a", None) for text in (EXPIRED, EXPIRED_IN_DOUBT, WITHDRAWN)]

    assert [(one.status, one.reason) for one in found] == [
        (Status.NOT_SENT, Reason.EXPIRED),
        (Status.UNKNOWN, Reason.NO_VERDICT),
        (Status.UNKNOWN, Reason.NO_VERDICT),
    ]
