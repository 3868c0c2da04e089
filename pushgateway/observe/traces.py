"""The lives of the last pushes: queued, gathered, sent, ended, heard of.

Law of this file: bounded, and cheap where it is hot: what is kept of a push is one tuple, made when it has its
outcome, and what its batch has in common is kept once. It never holds a title, a body, a vendor's sentence or anything
of the host's. What a life means is put into words when somebody asks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias

import attrs

from pushgateway.model.errors import FieldError
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.receipt import Receipt
from pushgateway.model.secret import safe_repr

What: TypeAlias = Literal["queued", "gathered", "sent", "tried again", "ended", "receipt"]
"""`queued`: it was handed in; `gathered`: it left the queue with others; `sent`: the request was handed to the network;
`tried again`: an attempt failed and another one was to follow; `ended`: it got its outcome; `receipt`: the vendor
reported on it later."""


@safe_repr
@attrs.frozen
class Step:
    """Something that happened to a push."""

    at: float
    """Epoch seconds, by this machine's clock."""
    what: What
    detail: str = ""
    """In words, without content."""


@safe_repr
@attrs.frozen(kw_only=True)
class Trace:
    """The life of one push that has its outcome."""

    push_token: PushToken
    dedupe_id: str
    status: Status
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    message_id: str | None = None
    """The vendor's id of the message, where it gave one."""
    vendor_code: str | None = None
    """The vendor's own number, as text."""
    detail: str = ""
    """Our sentence on the outcome."""
    attempts: int = 0
    """Vendor requests made for it."""
    truncated: tuple[str, ...] = ()
    """Names of the fields that were cut."""
    region: str = ""
    """Key of the vendor's host of the last attempt; "" where there is one for all, or none was made."""
    gathered: int = 0
    """Pushes in its last batch, itself included; 0: it never left the queue."""
    access: Literal["", "cached", "fetched"] = ""
    """Where the access token of the last batch came from; "": there was none."""
    advice: str = ""
    """Who must act, and how; "" when it was accepted."""
    steps: tuple[Step, ...] = ()
    """What happened, in order; receipts at the end."""


class BatchTrace:
    """One batch on its way: what all its pushes have in common. Times are on the loop's clock, 0 for never."""

    __slots__ = ("access", "asked_at", "ended_at", "left_at", "region", "size")

    def __init__(self, region: str, size: int, left_at: float, access: Literal["", "cached", "fetched"]) -> None:
        self.region = region
        self.size = size
        self.left_at = left_at
        self.access: Literal["", "cached", "fetched"] = access
        self.asked_at = 0.0
        self.ended_at = 0.0


Ended: TypeAlias = tuple[str, PushToken, str | None, float, BatchTrace | None, int, tuple[str, ...], "Loss | None"]
"""Dedupe id, push token, message id, when it was handed in, last batch, attempts, cut fields, and how it was lost."""


class Loss:
    """How a push ended that was not accepted."""

    __slots__ = ("at", "code", "detail", "reason", "status")

    def __init__(self, outcome: Outcome, at: float) -> None:
        self.status = outcome.status
        self.reason = outcome.reason
        self.code = outcome.vendor_code
        self.detail = outcome.detail
        self.at = at


COMPANY = 8
"""Pushes from which on they are kept as a company."""


class BatchRecord:
    """Pushes of one batch that were all accepted at the first attempt, column by column: half the price of as many
    tuples, and next to nothing for the garbage collector to walk."""

    __slots__ = ("begun", "dedupe_ids", "leg", "message_ids", "push_tokens", "truncated")

    def __init__(self, outcomes: Sequence[Outcome], begun: Sequence[float], leg: BatchTrace) -> None:
        self.dedupe_ids = [outcome.dedupe_id for outcome in outcomes]
        self.push_tokens = [outcome.push_token for outcome in outcomes]
        self.message_ids = [outcome.message_id for outcome in outcomes]
        self.truncated = [outcome.truncated for outcome in outcomes]
        self.begun = begun
        self.leg = leg

    def __len__(self) -> int:
        return len(self.dedupe_ids)

    def life(self, place: int) -> Ended:
        """That of one of them."""
        what = (self.dedupe_ids[place], self.push_tokens[place], self.message_ids[place], self.begun[place], self.leg)
        return (*what, 1, self.truncated[place], None)

    def lives(self, dedupe_id: str) -> Iterator[Ended]:
        """Those with this id."""
        return (self.life(place) for place, known in enumerate(self.dedupe_ids) if known == dedupe_id)


class Traces:
    """The last pushes that have their outcome; the oldest is forgotten first. Those that were lost are kept apart, so
    that a thousand good ones do not push out the bad one that somebody asks about."""

    def __init__(self, most: int, *, now: Callable[[], float], clock: Callable[[], float]) -> None:
        """`most`: of those that were accepted, and of those that were not; of the former up to a batch more, because
        a batch is forgotten as a whole. `now`: the loop's clock, on which times are noted. `clock`: wall clock, epoch
        seconds."""
        self._now = now
        self._clock = clock
        self._most = most
        self._accepted: deque[Ended] = deque(maxlen=most)
        self._companies: deque[BatchRecord] = deque()
        self._kept = 0  # in all companies
        self._lost: deque[Ended] = deque(maxlen=most)
        self._tried: deque[tuple[str, float, str]] = deque(maxlen=most)
        self._receipts: deque[Receipt] = deque(maxlen=most)
        self._keep: Callable[[Ended], None] = self._accepted.append
        self._on_ended: Callable[[Ended], None] | None = None
        self._on_receipt: Callable[[Receipt], None] | None = None

    def subscribe(self, ended: Callable[[Ended], None], received: Callable[[Receipt], None]) -> None:
        """Call `ended` for each push that gets its outcome and `received` for each receipt, at once and in the event
        loop; used by the journal."""
        keep = self._accepted.append

        def both(life: Ended) -> None:
            keep(life)
            ended(life)

        self._keep, self._on_ended, self._on_receipt = both, ended, received

    def ended(self, outcome: Outcome, begun: float, leg: BatchTrace | None) -> None:
        """A push has its outcome; `begun`: when it was handed in."""
        if outcome.reason is not None:
            self._lose(outcome, begun, leg)
            return
        self._keep(
            (
                outcome.dedupe_id,
                outcome.push_token,
                outcome.message_id,
                begun,
                leg,
                outcome.attempts,
                outcome.truncated,
                None,
            )
        )

    def all_accepted(self, outcomes: Sequence[Outcome], begun: Sequence[float], leg: BatchTrace) -> None:
        """Pushes of one batch were accepted at the first attempt."""
        if len(outcomes) < COMPANY:
            for outcome, when in zip(outcomes, begun, strict=True):
                self.ended(outcome, when, leg)
            return
        company = BatchRecord(outcomes, begun, leg)
        if self._on_ended is not None:
            for place in range(len(company)):
                self._on_ended(company.life(place))
        self._companies.append(company)
        self._kept += len(company)
        while self._companies and self._kept - len(self._companies[0]) >= self._most:
            self._kept -= len(self._companies.popleft())

    def _lose(self, outcome: Outcome, begun: float, leg: BatchTrace | None) -> None:
        what = (outcome.dedupe_id, outcome.push_token, outcome.message_id, begun, leg)
        life: Ended = (*what, outcome.attempts, outcome.truncated, Loss(outcome, self._now()))
        self._lost.append(life)
        if self._on_ended is not None:
            self._on_ended(life)

    def tried(self, outcome: Outcome) -> None:
        """An attempt failed, and another one is to follow."""
        self._tried.append((outcome.dedupe_id, self._now(), _why(outcome.reason, outcome.vendor_code)))

    def received(self, receipt: Receipt) -> None:
        """The vendor reported on a push."""
        self._receipts.append(receipt)
        if self._on_receipt is not None:
            self._on_receipt(receipt)

    def find(self, dedupe_id: str) -> Trace | None:
        """The life of the last push with this id, None when it is not known (any more)."""
        if not isinstance(dedupe_id, str) or not dedupe_id:
            raise FieldError("dedupe_id", "must be a non-empty str, such as Outcome.dedupe_id")
        lives = [life for life in (*list(self._accepted), *list(self._lost)) if life[0] == dedupe_id]
        for company in list(self._companies):
            lives += company.lives(dedupe_id)
        return self._trace(max(lives, key=lambda life: life[3])) if lives else None

    def confirmed(self, receipts: Sequence[Receipt]) -> frozenset[int]:
        """Places of those whose push was accepted here, under the message id that the receipt names. One walk over what
        is kept, however many receipts: who posts 10,000 of them must not hold the loop."""
        dedupe_ids = {receipt.dedupe_id for receipt in receipts} - {""}
        message_ids = {receipt.message_id for receipt in receipts} - {None}
        lives = [life for life in self._accepted if life[0] in dedupe_ids or life[2] in message_ids]
        for company in self._companies:
            pairs = zip(company.dedupe_ids, company.message_ids, strict=True)
            places = [n for n, (own, theirs) in enumerate(pairs) if own in dedupe_ids or theirs in message_ids]
            lives += map(company.life, places)
        by_token: dict[PushToken, list[Ended]] = {}
        for life in lives:
            by_token.setdefault(life[1], []).append(life)
        return frozenset(
            place
            for place, one in enumerate(receipts)
            if any(
                one.message_id == life[2] and _is_about(one, life[0], life[2], life[1])
                for life in by_token.get(one.push_token, ())
            )
        )

    def _trace(self, ended: Ended) -> Trace:
        dedupe_id, _, message_id = ended[:3]
        tried = [entry for entry in list(self._tried) if entry[0] == dedupe_id]
        receipts = [one for one in list(self._receipts) if _is_about(one, dedupe_id, message_id, ended[1])]
        return make_trace(ended, self._clock() - self._now(), tried, receipts)


def make_trace(
    ended: Ended,
    offset: float,
    tried: list[tuple[str, float, str]] | None = None,
    receipts: list[Receipt] | None = None,
) -> Trace:
    """The words for what was kept. `offset`: seconds from the loop's clock to the wall clock."""
    dedupe_id, push_token, message_id, _, leg, attempts, truncated, loss = ended
    steps = [Step(at + offset, what, detail) for at, what, detail in _steps(ended, tried or [])]
    steps += [Step(one.at if one.at is not None else steps[-1].at, "receipt", one.event) for one in receipts or []]
    return Trace(
        push_token=push_token,
        dedupe_id=dedupe_id,
        status=Status.ACCEPTED if loss is None else loss.status,
        reason=None if loss is None else loss.reason,
        message_id=message_id,
        vendor_code=None if loss is None else loss.code,
        detail="" if loss is None else loss.detail,
        attempts=attempts,
        truncated=truncated,
        region="" if leg is None else leg.region,
        gathered=0 if leg is None else leg.size,
        access="" if leg is None else leg.access,
        advice="" if loss is None or loss.reason is None else loss.reason.advice,
        steps=tuple(sorted(steps, key=lambda step: step.at)),  # stable: what has the same time stays in its order
    )


def _steps(ended: Ended, tried: list[tuple[str, float, str]]) -> Iterator[tuple[float, What, str]]:
    begun, leg, loss = ended[3], ended[4], ended[7]
    yield begun, "queued", ""
    for _, at, why in tried:
        if at >= begun:
            yield at, "tried again", why
    last = begun
    if leg is not None:
        token = f", access token {leg.access}" if leg.access else ""
        company = "alone" if leg.size == 1 else f"with {leg.size - 1} others"
        yield leg.left_at, "gathered", f"{company}{token}"
        last = leg.left_at
        if leg.asked_at:
            last = leg.asked_at
            yield last, "sent", f"to the region {leg.region}" if leg.region else ""
        last = leg.ended_at or last
    if loss is None:
        yield last, "ended", Status.ACCEPTED.value
    else:
        yield loss.at, "ended", f"{loss.status.value}: {_why(loss.reason, loss.code)}"


def _why(reason: Reason | None, code: str | None) -> str:
    word = "" if reason is None else reason.value
    return f"{word} (vendor code {code})" if code is not None else word


def _is_about(receipt: Receipt, dedupe_id: str, message_id: str | None, push_token: PushToken) -> bool:
    if receipt.dedupe_id:
        return receipt.dedupe_id == dedupe_id and receipt.push_token == push_token
    return message_id is not None and receipt.message_id == message_id and receipt.push_token == push_token
