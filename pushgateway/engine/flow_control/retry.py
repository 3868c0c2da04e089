"""Repeats: what may be tried again, when, and what the outcome is in the end.

Pure. Pushes are repeated, not calls: of a batch that failed in part only those that may go again do. Used by the
endpoint and `Completions`; the loop for broadcasts and operations is `tasks.Retrying`.
"""

from __future__ import annotations

import attrs

from pushgateway.engine.pushes.ids import derived
from pushgateway.model.errors import FieldError
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import safe_repr

TEMPORARY = frozenset({Reason.RATE_LIMITED, Reason.UNAVAILABLE})
"""Refused for now, and surely nothing was done."""


@safe_repr
@attrs.frozen(kw_only=True)
class RetryPolicy:
    """Capped exponential backoff with full jitter: attempt n waits a random share of `min(cap, base * 2**(n-1))`."""

    attempts: int = 4
    """Attempts in all, the first one counted."""
    base: float = 0.5
    """Seconds."""
    cap: float = 30.0
    """Seconds."""

    def __attrs_post_init__(self) -> None:
        if self.attempts < 1:
            raise FieldError("RetryPolicy.attempts", "must be 1 or more")
        if not 0 < self.base <= self.cap:
            raise FieldError("RetryPolicy.base", "must be more than 0 and at most cap")

    def delay(self, attempt: int, jitter: float, retry_after: float | None = None) -> float:
        """Seconds to wait after `attempt` (1, 2, …). `jitter` in 0..1 is drawn by the caller.

        A vendor's `retry_after` is the least, with the jitter on top, so that not all processes come back at once.
        """
        backoff = min(self.cap, self.base * 2.0 ** min(attempt - 1, 60)) * jitter
        return backoff if retry_after is None else retry_after + backoff


def retry_policy(field: str, given: object) -> RetryPolicy:
    """The policy that is given, or the usual one for None. Raises `FieldError`."""
    if given is not None and not isinstance(given, RetryPolicy):
        raise FieldError(field, f"must be a RetryPolicy, is {type(given).__name__}")
    return given or RetryPolicy()


def may_repeat(outcome: Outcome, deduplicates: bool) -> bool:
    """True when the push may go again without harm.

    An `UNKNOWN` only where the vendor drops repeats of the same dedupe id; a refusal only when it is temporary.
    """
    if outcome.status is Status.UNKNOWN:
        return deduplicates
    return outcome.reason in TEMPORARY


def repeat(outcome: Outcome, push: Push) -> Outcome:
    """What "I have that already" says of a push.

    An id made of `Notification.dedupe_id` is that of one message to one phone, so the vendor has taken this message for
    this phone: `ACCEPTED`. An id that the host gave with the push itself may be that of a push to another phone, which
    a vendor may drop as well, so nothing is known of this phone and the refusal stays.
    """
    message = push.notification.dedupe_id
    if outcome.status is not Status.REJECTED or not message or outcome.dedupe_id != derived(push.push_token, message):
        return outcome
    return attrs.evolve(outcome, status=Status.ACCEPTED, reason=None)


def last_word(outcome: Outcome, *, attempts: int, doubtful: bool, deduplicates: bool) -> Outcome:
    """The outcome a caller gets after `attempts`, the last of which ended in `outcome`.

    `doubtful`: an earlier attempt ended without a verdict. Then a refusal now proves nothing about that attempt, so
    it cannot become `REJECTED` or `NOT_SENT`; only "I have that already" (`repeated`) proves that it arrived.
    """
    if not doubtful:
        return outcome if outcome.attempts == attempts else attrs.evolve(outcome, attempts=attempts)
    if outcome.status is Status.ACCEPTED:
        return attrs.evolve(outcome, attempts=attempts, possible_duplicate=not deduplicates)
    if outcome.repeated:
        return attrs.evolve(outcome, attempts=attempts, status=Status.ACCEPTED, reason=None)
    detail = "an earlier attempt had no verdict"
    if outcome.status is not Status.UNKNOWN and outcome.reason is not None:
        detail += f"; the last one ended {outcome.status.value}: {outcome.reason.value}"
    if outcome.detail:
        detail += f" ({outcome.detail})"
    return attrs.evolve(
        outcome,
        attempts=attempts,
        status=Status.UNKNOWN,
        reason=Reason.NO_VERDICT,
        detail=detail,
        possible_duplicate=attempts > 1 and not deduplicates,
    )
