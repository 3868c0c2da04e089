"""What the outcome of a try means for an entry of the outbox: it has ended, is tried again later, or is a dead letter.

Pure: the clock and the random number are arguments. The gateway has repeated within its deadline already, so a try here
is a whole `send`, and the pauses between tries are long: an outage of hours, a daily quota. Used by `worker`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

import attrs

from pushgateway.engine.flow_control.retry import last_word
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.secret import safe_repr
from pushgateway.outbox.content import encode_outcome
from pushgateway.outbox.store import Leased

UnknownPolicy: TypeAlias = Literal["repeat", "give_up"]
"""What becomes of a push without a verdict at a vendor that does not drop repeats. `repeat`: it is sent again, and may
arrive twice. `give_up`: it ends `UNKNOWN`, and may never arrive."""

PAUSES: Final[Mapping[Reason, float]] = {
    Reason.RATE_LIMITED: 5.0,
    Reason.UNAVAILABLE: 5.0,
    Reason.OVERLOADED: 5.0,
    Reason.EXPIRED: 5.0,
    Reason.NO_VERDICT: 5.0,
    Reason.CLOSED: 5.0,
    Reason.CREDENTIALS: 60.0,
    Reason.QUOTA_EXCEEDED: 300.0,
}
"""Seconds before the second try of a push that ended so, if the outcome has no `retry_after`; twice as long before each
further one. Other reasons are final: waiting does not help."""
LONGEST_PAUSE: Final = 900.0
"""Seconds; a longer `retry_after` counts as it is."""


@safe_repr
@attrs.frozen
class Rules:
    """How long tries go on."""

    give_up_after: float
    """Seconds after which an entry without an end of its own (`expires`) becomes a dead letter."""
    most_lost: int
    """Leases in a row that may be lost; after them the entry becomes a dead letter."""


class Verdict(NamedTuple):
    """What becomes of an entry."""

    outcome: Outcome
    """The last one: what the host gets if the entry has ended."""
    due: float | None = None
    """When it is tried again; None: it has ended."""
    dead: bool = False
    """It has ended as a dead letter."""
    tries: int = 0
    doubtful: bool = False


def judge(  # noqa: PLR0911 - one return for each ending
    entry: Leased,
    outcome: Outcome,
    *,
    deduplicates: bool,
    unknown: UnknownPolicy,
    rules: Rules,
    closing: bool,
    now: float,
    jitter: float,
) -> Verdict:
    """What the outcome of one try means. `deduplicates`: the vendor drops repeats of the same id. `closing`: the
    gateway was closed; without that a push ends `CLOSED` if its certificate was removed or the gateway has failed.
    `jitter`: 0 to 1.

    The outcome in it counts all tries: `attempts` is their sum, and after a try without a verdict a refusal cannot make
    the push `REJECTED` or `NOT_SENT`.
    """
    whole = last_word(
        outcome,
        attempts=entry.attempts + outcome.attempts,
        doubtful=bool(entry.doubtful),
        deduplicates=deduplicates,
    )
    if whole.ok:
        return Verdict(whole)
    doubtful = bool(entry.doubtful) or outcome.status is Status.UNKNOWN
    if outcome.reason is Reason.CLOSED and closing:  # this worker ends; another one begins at once, and this was no try
        return Verdict(whole, due=now, tries=entry.tries, doubtful=doubtful)
    pause = PAUSES.get(outcome.reason) if outcome.reason is not None else None
    if pause is None or outcome.repeated:
        return Verdict(whole)
    if outcome.status is Status.UNKNOWN and not deduplicates and unknown == "give_up":
        return Verdict(whole)
    due = now + delay(pause, entry.tries, outcome.retry_after, jitter)
    if entry.expires is not None and due >= entry.expires:
        return Verdict(whole)
    if entry.expires is None and due >= entry.since + rules.give_up_after:
        return Verdict(whole, dead=True)
    return Verdict(whole, due=due, tries=entry.tries + 1, doubtful=doubtful)


def delay(pause: float, tries: int, retry_after: float | None, jitter: float) -> float:
    """Seconds until the next try, after `tries` others: between a half of the pause and all of it. Never less than
    `retry_after`, and then spread over the first pause, so that not all of a day come back in one second."""
    grown = min(pause * 2.0 ** min(tries, 30), LONGEST_PAUSE) * (0.5 + jitter / 2)
    return grown if retry_after is None else max(grown, retry_after + pause * jitter)


def before_sending(
    entry: Leased, push_token: PushToken, *, deduplicates: bool, unknown: UnknownPolicy, rules: Rules
) -> Verdict | None:
    """What becomes of an entry whose worker was lost, without sending it again; None: it is sent."""
    if not entry.lost:
        return None
    if entry.lost >= rules.most_lost:
        return Verdict(
            _lost(entry, push_token, f"{entry.lost} workers in a row were lost while they had this push"), dead=True
        )
    if entry.doubtful and not deduplicates and unknown == "give_up":
        return Verdict(_lost(entry, push_token, "its worker was lost; it may have been sent"))
    return None


def _lost(entry: Leased, push_token: PushToken, detail: str) -> Outcome:
    return _of(entry, push_token, Status.UNKNOWN, Reason.NO_VERDICT, detail)


def unreadable(entry: Leased, push_token: PushToken, said: str) -> Outcome:
    """The outcome of an entry whose content this program cannot read: `NOT_SENT`, unless an earlier try, perhaps of a
    program that could read it, ended without a verdict."""
    outcome = _of(entry, push_token, Status.NOT_SENT, Reason.INVALID_NOTIFICATION, f"the stored push {said}")
    return last_word(outcome, attempts=entry.attempts, doubtful=bool(entry.doubtful), deduplicates=False)


def _of(entry: Leased, push_token: PushToken, status: Status, reason: Reason, detail: str) -> Outcome:
    """The outcome of an entry that is not sent in this try."""
    return Outcome(
        push_token=push_token,
        status=status,
        reason=reason,
        detail=detail,
        attempts=entry.attempts,
        dedupe_id=entry.dedupe_id,
    )


_NOBODY = PushToken("0", "")
EXPIRED: Final = encode_outcome(
    Outcome(
        push_token=_NOBODY,
        status=Status.NOT_SENT,
        reason=Reason.EXPIRED,
        detail="it expired while it waited in the outbox",
    )
)
"""The stored outcome of an entry that expired before it was sent."""
EXPIRED_IN_DOUBT: Final = encode_outcome(
    Outcome(
        push_token=_NOBODY,
        status=Status.UNKNOWN,
        reason=Reason.NO_VERDICT,
        detail="it expired in the outbox after a try without a verdict",
    )
)
"""The same after a try without a verdict."""
WITHDRAWN: Final = encode_outcome(
    Outcome(
        push_token=_NOBODY,
        status=Status.UNKNOWN,
        reason=Reason.NO_VERDICT,
        detail="it was withdrawn while a worker had it, and that worker was lost",
    )
)
"""The same of one that was withdrawn while it was perhaps being sent, and whose worker was lost."""
