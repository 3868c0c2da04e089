"""What a host gets back: `Outcome` for a push, `BroadcastOutcome`, `CallOutcome`, `TokenOutcome`, `CertificateCheck`.

Frozen values and nothing else. An `Outcome` is made from its push and carries its push token, so a host always
knows which push it belongs to. How a push can end and why is in `pushgateway.model.reason`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat
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
    """The slots of an outcome, not frozen. Nearly every push ends `ACCEPTED`, and writing sixteen fields of a frozen
    value one by one takes eight times as long as writing them here and then changing the class to `Outcome`."""

    __slots__ = (
        *("push_token", "status", "reason", "message_id", "vendor_code", "vendor_message", "detail", "retry_after"),
        *("attempts", "truncated", "omitted", "possible_duplicate", "repeated", "handle", "dedupe_id", "context"),
        "__weakref__",
    )


@safe_repr
@attrs.frozen(kw_only=True)
class Outcome(_Draft):
    """What became of one push.

    `vendor_message` may be in Chinese and may quote what was sent, so it is not in the `repr`. `detail` is a
    sentence of ours without content and may be logged.
    """

    push_token: PushToken
    status: Status
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    message_id: str | None = None
    """The vendor's id of the message; None if the vendor gave none."""
    vendor_code: str | None = None
    """The vendor's return code, as text."""
    vendor_message: str | None = attrs.field(default=None, repr=False)
    """The text that the vendor sent with its code."""
    detail: str = ""
    """A sentence of ours: what was wrong and what would be right."""
    retry_after: float | None = attrs.field(default=None, converter=_seconds)
    """Seconds after which the push may be tried again; None if it is not known."""
    attempts: int = 0
    """Vendor requests made for this push, including those that failed."""
    truncated: tuple[str, ...] = ()
    """Names of the notification's fields that were cut to the vendor's limits; also a `ttl` that was raised to the
    vendor's shortest."""
    omitted: tuple[str, ...] = ()
    """Names of the notification's fields that this vendor does not have and that were left out. They change only how
    the notification looks; a push with any other field that the vendor lacks ends `UNSUPPORTED`."""
    possible_duplicate: bool = False
    """True: it was sent again after an attempt without a verdict, and this vendor does not drop repeats."""
    repeated: bool = False
    """True: the vendor already has a push with this dedupe id and did not push again. `ACCEPTED` if that was certainly
    the same message to the same phone, because the id was made from `Notification.dedupe_id` or an earlier attempt had
    no verdict. `REJECTED` if the host gave the id itself: then the id was used twice, and the notification is not
    wrong."""
    handle: str | None = None
    """What the vendor needs to take the notification back (`Gateway.recall`), where that is not `message_id`."""
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
    def accepted(
        cls,
        push: Push,
        message_id: str | None,
        *,
        truncated: tuple[str, ...] = (),
        omitted: tuple[str, ...] = (),
        handle: str | None = None,
    ) -> Outcome:
        """The outcome of a push that the vendor accepted."""
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
        draft.omitted = omitted
        draft.possible_duplicate = False
        draft.repeated = False
        draft.handle = handle
        draft.dedupe_id = push.dedupe_id
        draft.context = push.context
        draft.__class__ = Outcome
        outcome: Outcome = draft
        return outcome

    @classmethod
    def all_accepted(
        cls,
        pushes: Sequence[Push],
        message_ids: Sequence[str | None],
        truncated: Sequence[tuple[str, ...]],
        omitted: Sequence[tuple[str, ...]] | None = None,
        handles: Sequence[str | None] | None = None,
    ) -> list[Outcome]:
        """`accepted` for each of these pushes, in their order, at half the cost."""
        batch = pushes if type(pushes) is Batch else Batch.of(pushes)
        count = len(batch.tokens)
        columns: tuple[Iterable[Any], ...] = (
            *(batch.push_tokens, batch.dedupe_ids, batch.contexts, message_ids, truncated),
            repeat((), count) if omitted is None else omitted,
            repeat(None, count) if handles is None else handles,
        )
        outcomes = []
        for push_token, dedupe_id, context, message_id, cut, left_out, handle in zip(*columns, strict=True):
            draft: Any = _Draft()
            draft.push_token = push_token
            draft.status = _ACCEPTED
            draft.reason = draft.vendor_code = draft.vendor_message = draft.retry_after = None
            draft.message_id = message_id
            draft.detail = ""
            draft.attempts = 1
            draft.truncated = cut
            draft.omitted = left_out
            draft.handle = handle
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
        omitted: tuple[str, ...] = (),
    ) -> Outcome:
        """The outcome of a push that the vendor refused with a readable reply."""
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
            omitted=omitted,
            repeated=repeated,
            dedupe_id=push.dedupe_id,
            context=push.context,
        )

    @classmethod
    def not_sent(cls, push: Push, reason: Reason, detail: str) -> Outcome:
        """The outcome of a push for which no complete request left the process."""
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
        """The outcome of a push whose request was sent and that got no readable verdict."""
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
        """True if the vendor accepted it."""
        return self.status is _ACCEPTED

    def raise_for_failure(self) -> None:
        """Raise `PushFailed` unless the vendor accepted it, for code that prefers exceptions."""
        if not self.ok:
            raise PushFailed(self)


@safe_repr
@attrs.frozen(kw_only=True)
class BroadcastOutcome:
    """What became of one broadcast.

    A long audience is sent in several requests. `status` is the status of all targets if it is the same for all, and
    `SumStatus.PARTLY` if not: `counts` has the number of targets for each status and reason, and for an audience of
    tokens `outcomes` has each outcome, in the order given. A broadcast without a verdict is never repeated; an operator
    can look it up at the vendor by `message_id`.
    """

    certificate_id: str
    status: Status | SumStatus
    reason: Reason | None = None
    """None exactly when `ACCEPTED`. Of several reasons, the one of the most targets; `counts` has all."""
    message_id: str | None = None
    """The vendor's id of the saved content."""
    task_ids: tuple[str, ...] = ()
    """The vendor's id of each accepted request."""
    vendor_code: str | None = None
    vendor_message: str | None = attrs.field(default=None, repr=False)
    detail: str = ""
    retry_after: float | None = attrs.field(default=None, converter=_seconds)
    truncated: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    """As `Outcome.omitted`."""
    outcomes: tuple[Outcome, ...] = attrs.field(default=(), repr=False)
    """One for each token of `Audience.of_tokens`, in that order; empty for other audiences."""
    requests: tuple[tuple[Status, Reason | None, int], ...] = attrs.field(default=(), repr=False)
    """For other audiences, for each request: its status, its reason, and its number of targets. Where the vendor names
    the aliases or accounts that it refused: the same for each ending within a request."""

    @property
    def counts(self) -> dict[tuple[Status, Reason | None], int]:
        """Number of targets for each status and reason, the largest first. Targets are tokens, aliases or accounts;
        an audience of everyone or of tags counts as 1."""
        counts: Counter[tuple[Status, Reason | None]] = Counter((one.status, one.reason) for one in self.outcomes)
        for status, reason, targets in self.requests:
            counts[status, reason] += targets
        if not counts and isinstance(self.status, Status):
            counts[self.status, self.reason] = 1
        return dict(counts.most_common())

    @property
    def ok(self) -> bool:
        """True if the vendor accepted it for every target."""
        return self.status is Status.ACCEPTED

    def raise_for_failure(self) -> None:
        """Raise `PushFailed` unless the vendor accepted it for every target."""
        if not self.ok:
            raise PushFailed(self)


V = TypeVar("V")


@safe_repr
@attrs.frozen(kw_only=True)
class CallOutcome(Generic[V]):
    """What became of one of a vendor's own operations (`Gateway.vendor`)."""

    certificate_id: str
    operation: str
    """The vendor's name of the operation."""
    status: Status
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    value: V | None = attrs.field(default=None, repr=False)
    """The result of the operation if `ACCEPTED`, otherwise None."""
    vendor_code: str | None = None
    vendor_message: str | None = attrs.field(default=None, repr=False)
    detail: str = ""
    retry_after: float | None = attrs.field(default=None, converter=_seconds)
    attempts: int = 0
    """Vendor requests made for it, including those that failed."""

    @property
    def ok(self) -> bool:
        """True if the vendor performed it."""
        return self.status is Status.ACCEPTED

    def raise_for_failure(self) -> None:
        """Raise `PushFailed` unless the vendor performed it."""
        if not self.ok:
            raise PushFailed(self)


@safe_repr
@attrs.frozen(kw_only=True)
class TokenOutcome:
    """What became of one phone in an operation over many (`Gateway.recall`, `Gateway.check_tokens`).

    | status, reason | recall | check_tokens |
    | --- | --- | --- |
    | `ACCEPTED` | taken back, as far as the vendor still can | the token is alive |
    | `REJECTED`, `NOT_SENT` / `UNREGISTERED` | the token is dead | the token is dead: retire it |
    | `NOT_SENT` / `UNSUPPORTED` | this vendor cannot, or the push reached nobody or has no id | this vendor cannot |
    | `UNKNOWN` / `NO_VERDICT` | perhaps taken back | not known |
    | any other reason | as for a push: it was not taken back | as for a push: not known |
    """

    push_token: PushToken
    operation: str
    """The vendor's name of the operation."""
    status: Status
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    vendor_code: str | None = None
    vendor_message: str | None = attrs.field(default=None, repr=False)
    detail: str = ""
    retry_after: float | None = attrs.field(default=None, converter=_seconds)
    attempts: int = 0
    """Vendor requests made for the list that it was in, including those that failed."""

    @property
    def ok(self) -> bool:
        """True if it was taken back, or is alive."""
        return self.status is Status.ACCEPTED

    def raise_for_failure(self) -> None:
        """Raise `PushFailed` unless `ok`."""
        if not self.ok:
            raise PushFailed(self)


@safe_repr
@attrs.frozen(kw_only=True)
class CertificateCheck:
    """What `Gateway.check` found out about one certificate, without sending anything to a phone."""

    certificate_id: str
    brand: str | None
    """None: no such certificate."""
    ok: bool
    detail: str
    """A sentence: what was checked, or what is wrong and what would be right."""
    reason: Reason | None = None
    vendor_code: str | None = None
    advice: tuple[str, ...] = ()
    """Settings that are missing although nothing is wrong, such as a template; one sentence each."""
    proved: bool = False
    """The vendor was asked and took the settings. False with `ok`: they are well formed, and nothing was asked, because
    the access token is signed here or there is no login, and the plug-in has no probe."""


class PushFailed(PushgatewayError):
    """Raised by `raise_for_failure()` for every status but `ACCEPTED`. `outcome` holds all details."""

    def __init__(self, outcome: Outcome | BroadcastOutcome | CallOutcome[Any] | TokenOutcome) -> None:
        parts = [outcome.status.value]
        if outcome.reason is not None:
            parts.append(outcome.reason.value)
        if outcome.vendor_code is not None:
            parts.append(f"vendor code {outcome.vendor_code}")
        if outcome.detail:
            parts.append(outcome.detail)
        super().__init__(": ".join(parts))
        self.outcome = outcome
