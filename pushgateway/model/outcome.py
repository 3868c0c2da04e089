"""The words a host gets back: what became of a push or a broadcast, and why.

Law of this file: frozen values and nothing else. An outcome is made from its push, so it cannot lose its address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import attrs

from pushgateway.model.batch import Batch
from pushgateway.model.errors import FieldError, PushgatewayError
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status, SumStatus
from pushgateway.model.secret import safe_repr

_ACCEPTED = Status.ACCEPTED  # enum members are looked up in Python


def _seconds(value: float | None) -> float | None:
    return None if value is None else max(0.0, float(value))


class _Draft:
    """The slots of an outcome without its lock. Nearly every push ends `ACCEPTED`, and to write fourteen fields of a
    frozen value one by one takes eight times as long as to write them here and let the draft become an `Outcome`."""

    __slots__ = (
        *("push_token", "status", "reason", "message_id", "vendor_code", "vendor_message", "detail", "retry_after"),
        *("attempts", "truncated", "possible_duplicate", "repeated", "dedupe_id", "context", "__weakref__"),
    )


@safe_repr
@attrs.frozen(kw_only=True)
class Outcome(_Draft):
    """What became of one push. A value, made from the push, so it cannot lose its address.

    `vendor_message` may be in Chinese and may quote what was sent, so it is not in the `repr`. `detail` is a
    sentence of ours without content, fit for a log.
    """

    push_token: PushToken
    status: Status
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    message_id: str | None = None
    """The vendor's id of the message, where it gave one."""
    vendor_code: str | None = None
    """The vendor's own number, as text."""
    vendor_message: str | None = attrs.field(default=None, repr=False)
    """The vendor's own sentence."""
    detail: str = ""
    """Our sentence: what was wrong and what would be right."""
    retry_after: float | None = attrs.field(default=None, converter=_seconds)
    """Seconds before the vendor wants to hear of it again, where it is known."""
    attempts: int = 0
    """Vendor requests made for this push, with those that did not get through."""
    truncated: tuple[str, ...] = ()
    """Names of the notification's fields that were cut to the vendor's limits."""
    possible_duplicate: bool = False
    """True: it was repeated after an attempt without a verdict at a vendor that does not drop repeats."""
    repeated: bool = False
    """True: the vendor says it already has a push with this dedupe id, so it did not push again. `ACCEPTED` where that
    was surely the same message to the same phone, because the id was made of `Notification.dedupe_id` or an attempt
    before had no verdict. `REJECTED` where the host gave the id itself: the notification is not at fault."""
    dedupe_id: str = ""
    """Id under which the push went to the vendor."""
    context: object = attrs.field(default=None, eq=False, repr=False)
    """`Push.context`, handed back."""

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.status, Status):
            raise FieldError("Outcome.status", f"must be a Status, is {type(self.status).__name__}")
        if not (self.reason is None if self.status is _ACCEPTED else isinstance(self.reason, Reason)):
            raise FieldError("Outcome.reason", "must be None for ACCEPTED, and a Reason for every other status")
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int) or self.attempts < 0:
            raise FieldError("Outcome.attempts", "must be a whole number, 0 or more")

    @classmethod
    def accepted(cls, push: Push, message_id: str | None, *, truncated: tuple[str, ...] = ()) -> Outcome:
        """The vendor took it."""
        draft: Any = _Draft()
        draft.push_token = push.push_token
        draft.status = _ACCEPTED
        draft.reason = None
        draft.message_id = message_id
        draft.vendor_code = None
        draft.vendor_message = None
        draft.detail = ""
        draft.retry_after = None
        draft.attempts = 1
        draft.truncated = truncated
        draft.possible_duplicate = False
        draft.repeated = False
        draft.dedupe_id = push.dedupe_id
        draft.context = push.context
        draft.__class__ = Outcome
        outcome: Outcome = draft
        return outcome

    @classmethod
    def all_accepted(
        cls, pushes: Sequence[Push], message_ids: Sequence[str | None], truncated: Sequence[tuple[str, ...]]
    ) -> list[Outcome]:
        """The vendor took all of these: `accepted` for each, at half the price."""
        batch = Batch.of(pushes)
        columns = (batch.push_tokens, batch.dedupe_ids, batch.contexts, message_ids, truncated)
        outcomes = []
        for push_token, dedupe_id, context, message_id, cut in zip(*columns, strict=True):
            draft: Any = _Draft()
            draft.push_token = push_token
            draft.status = _ACCEPTED
            draft.reason = draft.vendor_code = draft.vendor_message = draft.retry_after = None
            draft.message_id = message_id
            draft.detail = ""
            draft.attempts = 1
            draft.truncated = cut
            draft.possible_duplicate = draft.repeated = False
            draft.dedupe_id = dedupe_id
            draft.context = context
            draft.__class__ = Outcome
            outcomes.append(draft)
        return outcomes

    @classmethod
    def rejected(
        cls,
        push: Push,
        reason: Reason,
        *,
        code: str | None = None,
        message: str | None = None,
        detail: str = "",
        retry_after: float | None = None,
        message_id: str | None = None,
        repeated: bool = False,
        truncated: tuple[str, ...] = (),
    ) -> Outcome:
        """The vendor refused this push, readably."""
        return cls(
            push_token=push.push_token,
            status=Status.REJECTED,
            reason=reason,
            message_id=message_id,
            vendor_code=code,
            vendor_message=message,
            detail=detail,
            retry_after=retry_after,
            attempts=1,
            truncated=truncated,
            repeated=repeated,
            dedupe_id=push.dedupe_id,
            context=push.context,
        )

    @classmethod
    def not_sent(cls, push: Push, reason: Reason, detail: str) -> Outcome:
        """No complete request left the process."""
        return cls(
            push_token=push.push_token,
            status=Status.NOT_SENT,
            reason=reason,
            detail=detail,
            dedupe_id=push.dedupe_id,
            context=push.context,
        )

    @classmethod
    def unknown(cls, push: Push, detail: str, *, code: str | None = None, message: str | None = None) -> Outcome:
        """The request left and no readable verdict on this push came."""
        return cls(
            push_token=push.push_token,
            status=Status.UNKNOWN,
            reason=Reason.NO_VERDICT,
            vendor_code=code,
            vendor_message=message,
            detail=detail,
            attempts=1,
            dedupe_id=push.dedupe_id,
            context=push.context,
        )

    @property
    def ok(self) -> bool:
        """True when the vendor took it."""
        return self.status is _ACCEPTED

    def raise_for_failure(self) -> None:
        """Raise `PushFailed` unless the vendor took it; for those who like exceptions."""
        if not self.ok:
            raise PushFailed(self)


@safe_repr
@attrs.frozen(kw_only=True)
class BroadcastOutcome:
    """What became of one broadcast.

    A long audience is sent in several requests. `status` is that of all its targets where it is the same, and
    `SumStatus.PARTLY` where it is not: `counts` says how many ended how, and for an audience of tokens `outcomes` has
    each, in the order given. A broadcast without a verdict is never repeated: `message_id` lets an operator look it up
    at the vendor.
    """

    certificate_id: str
    status: Status | SumStatus
    reason: Reason | None = None
    """None exactly when `ACCEPTED`. Of several reasons, that of the most targets; `counts` has all."""
    message_id: str | None = None
    """The vendor's id of the saved content."""
    task_ids: tuple[str, ...] = ()
    """The vendor's id of each request that was taken."""
    vendor_code: str | None = None
    vendor_message: str | None = attrs.field(default=None, repr=False)
    detail: str = ""
    retry_after: float | None = attrs.field(default=None, converter=_seconds)
    truncated: tuple[str, ...] = ()
    outcomes: tuple[Outcome, ...] = attrs.field(default=(), repr=False)
    """One for each token of `Audience.of_tokens`, in that order; empty for other audiences."""
    requests: tuple[tuple[Status, Reason | None, int], ...] = attrs.field(default=(), repr=False)
    """For other audiences, of each request: how it ended, why, and its number of targets."""

    @property
    def counts(self) -> dict[tuple[Status, Reason | None], int]:
        """How many targets ended how, most first: tokens or aliases; 1 for everyone and for tags."""
        counts: Counter[tuple[Status, Reason | None]] = Counter((one.status, one.reason) for one in self.outcomes)
        for status, reason, targets in self.requests:
            counts[status, reason] += targets
        if not counts and isinstance(self.status, Status):
            counts[self.status, self.reason] = 1
        return dict(counts.most_common())

    @property
    def ok(self) -> bool:
        """True when the vendor took it for every target."""
        return self.status is Status.ACCEPTED

    def raise_for_failure(self) -> None:
        """Raise `PushFailed` unless the vendor took it for every target."""
        if not self.ok:
            raise PushFailed(self)


V = TypeVar("V")


@safe_repr
@attrs.frozen(kw_only=True)
class CallOutcome(Generic[V]):
    """What became of one of a vendor's own operations (`Gateway.vendor`)."""

    certificate_id: str
    operation: str
    """What the vendor calls it."""
    status: Status
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    value: V | None = attrs.field(default=None, repr=False)
    """What the operation gives, when `ACCEPTED`."""
    vendor_code: str | None = None
    vendor_message: str | None = attrs.field(default=None, repr=False)
    detail: str = ""
    retry_after: float | None = attrs.field(default=None, converter=_seconds)
    attempts: int = 0
    """Vendor requests made for it."""

    @property
    def ok(self) -> bool:
        """True when the vendor did it."""
        return self.status is Status.ACCEPTED

    def raise_for_failure(self) -> None:
        """Raise `PushFailed` unless the vendor did it."""
        if not self.ok:
            raise PushFailed(self)


@safe_repr
@attrs.frozen(kw_only=True)
class CertificateCheck:
    """What `Gateway.check` found out about one certificate without sending anything to a phone."""

    certificate_id: str
    brand: str | None
    """None: no such certificate."""
    ok: bool
    detail: str
    """In words: what was proved, or what is wrong and what would be right."""
    reason: Reason | None = None
    vendor_code: str | None = None
    advice: tuple[str, ...] = ()
    """What is missing in the settings though they are not wrong, such as a template; one sentence each."""


class PushFailed(PushgatewayError):
    """Raised by `raise_for_failure()` for every ending but `ACCEPTED`. `outcome` holds all details."""

    def __init__(self, outcome: Outcome | BroadcastOutcome | CallOutcome[Any]) -> None:
        parts = [outcome.status.value]
        if outcome.reason is not None:
            parts.append(outcome.reason.value)
        if outcome.vendor_code is not None:
            parts.append(f"vendor code {outcome.vendor_code}")
        if outcome.detail:
            parts.append(outcome.detail)
        super().__init__(": ".join(parts))
        self.outcome = outcome
