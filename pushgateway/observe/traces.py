"""`Traces` keeps what happened to the last pushes; `Trace` is that history in words, for `Gateway.trace`.

The memory is bounded, and little is done for each push: one tuple when it has its outcome, and one object for what its
batch has in common. The words of a `Trace` are made when it is asked for. Nothing here holds a title, a body, a
vendor's sentence or an object of the host. Used by the engine, the journal and `pushgateway why`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias
from weakref import WeakValueDictionary

import attrs

from pushgateway.model.errors import FieldError
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.receipt import Proof, Receipt
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
    """Epoch seconds by this machine's clock."""
    what: What
    detail: str = ""
    """More about it in words, without content."""


@safe_repr
@attrs.frozen(kw_only=True)
class Trace:
    """What happened to one push that has its outcome."""

    push_token: PushToken
    dedupe_id: str
    status: Status
    reason: Reason | None = None
    """None exactly when `ACCEPTED`."""
    message_id: str | None = None
    """The vendor's id of the message; None if it gave none."""
    vendor_code: str | None = None
    """The vendor's return code, as text."""
    detail: str = ""
    """As `Outcome.detail`."""
    attempts: int = 0
    """Vendor requests made for it, including those that failed."""
    truncated: tuple[str, ...] = ()
    """Names of the notification's fields that were cut."""
    region: str = ""
    """Region of the last attempt; "" if the vendor has only one server, or no request was made."""
    gathered: int = 0
    """Pushes in its last batch, including itself; 0: it never left the queue."""
    access: Literal["", "cached", "fetched"] = ""
    """Whether the access token of the last batch was cached or fetched by a login; "": there was none."""
    advice: str = ""
    """Who must act, and how (`Reason.advice`); "" if it was accepted."""
    steps: tuple[Step, ...] = ()
    """What happened, in order; receipts at the end."""


class BatchTrace:
    """The last attempt of a batch: what all its pushes have in common. Times are loop seconds; 0: not yet, or never."""

    __slots__ = ("access", "asked_at", "ended_at", "left_at", "mark", "region", "reports_later", "size")

    def __init__(self, region: str, size: int, left_at: float, access: Literal["", "cached", "fetched"]) -> None:
        self.region = region
        self.size = size
        self.left_at = left_at
        self.access: Literal["", "cached", "fetched"] = access
        self.asked_at = 0.0
        self.ended_at = 0.0
        self.reports_later = False
        """The vendor reports dead tokens only by receipts, so its accepted pushes are known for longer."""
        self.mark: Mark | None = None
        """The receipt parameter that its pushes share; None if each has its own, or none has one."""


class Mark:
    """A receipt parameter that several pushes share, of one request or of one saved content, and the phones that have
    got theirs. It is kept as long as one of its pushes is.

    The parameter is good for any token, so whoever has seen it can post receipts for any number of made-up tokens.
    There can be no more phones than pushes: with one more, something is forged, and no dead token is confirmed by it.
    """

    __slots__ = ("__weakref__", "arrived", "is_doubtful", "parameter", "pushes")

    def __init__(self, parameter: str) -> None:
        self.parameter = parameter
        self.pushes = 0
        self.arrived: set[str] = set()
        """The tokens, at most as many as `pushes`."""
        self.is_doubtful = False

    def arrive(self, token: str) -> None:
        """A receipt says that the push to this token arrived."""
        if token in self.arrived or len(self.arrived) < self.pushes:
            self.arrived.add(token)
        else:
            self.is_doubtful = True


Ended: TypeAlias = tuple[str, PushToken, str | None, float, BatchTrace | None, int, tuple[str, ...], "Loss | None"]
"""What is kept of a push that has its outcome: dedupe id, push token, message id, loop time at which it was handed in,
last batch, attempts, cut fields, and its `Loss`, which is None if it was accepted."""


class Loss:
    """The outcome of a push that was not accepted, and the loop time at which it ended."""

    __slots__ = ("at", "code", "detail", "reason", "status")

    def __init__(self, outcome: Outcome, at: float) -> None:
        self.status = outcome.status
        self.reason = outcome.reason
        self.code = outcome.vendor_code
        self.detail = outcome.detail
        self.at = at


REPORTED_LATER = 100_000
"""Accepted pushes that are known longer than others because dead tokens are only reported by receipts: some 15 MB."""
RECORDED_TOGETHER = 8
"""A batch with at least this many accepted pushes is kept as one `BatchRecord`."""


class BatchRecord:
    """Pushes of one batch that were all accepted at the first attempt, one list for each field. That costs half as much
    as a tuple for each push, and leaves the garbage collector almost nothing to visit."""

    __slots__ = ("batch", "begun", "dedupe_ids", "message_ids", "push_tokens", "truncated")

    def __init__(self, outcomes: Sequence[Outcome], begun: Sequence[float], batch: BatchTrace) -> None:
        self.dedupe_ids = [outcome.dedupe_id for outcome in outcomes]
        self.push_tokens = [outcome.push_token for outcome in outcomes]
        self.message_ids = [outcome.message_id for outcome in outcomes]
        self.truncated = [outcome.truncated for outcome in outcomes]
        self.begun = begun
        self.batch = batch

    def __len__(self) -> int:
        return len(self.dedupe_ids)

    def ended(self, place: int) -> Ended:
        """The push at this index."""
        what = (self.dedupe_ids[place], self.push_tokens[place], self.message_ids[place], self.begun[place], self.batch)
        return (*what, 1, self.truncated[place], None)

    def find(self, dedupe_id: str) -> Iterator[Ended]:
        """The pushes with this dedupe id."""
        return (self.ended(place) for place, known in enumerate(self.dedupe_ids) if known == dedupe_id)


class Traces:
    """The last pushes that have their outcome; the oldest is dropped first. Those that were not accepted are kept in a
    list of their own, so that a thousand accepted ones do not displace the one that somebody asks about."""

    def __init__(self, most: int, *, now: Callable[[], float], clock: Callable[[], float]) -> None:
        """`most`: how many accepted pushes are kept, and how many others; of the former up to one batch more, because a
        batch is dropped as a whole. `now`: the loop's clock, in which times are noted. `clock`: epoch seconds."""
        self._now = now
        self._clock = clock
        self._most = most
        self._accepted: deque[Ended] = deque(maxlen=most)
        self._batches: deque[BatchRecord] = deque()
        self._kept = 0  # pushes in all of `_batches`
        self._lost: deque[Ended] = deque(maxlen=most)
        self._tried: deque[tuple[str, float, str]] = deque(maxlen=most)
        self._receipts: deque[Receipt] = deque(maxlen=most)
        self._marks: WeakValueDictionary[str, Mark] = WeakValueDictionary()
        self._reported_later: OrderedDict[int, None] = OrderedDict()
        self._keep: Callable[[Ended], None] = self._accepted.append
        self._on_ended: Callable[[Ended], None] | None = None
        self._on_receipt: Callable[[Receipt], None] | None = None

    def subscribe(self, ended: Callable[[Ended], None], received: Callable[[Receipt], None]) -> None:
        """Call `ended` for each push that gets its outcome and `received` for each receipt, at once and in the event
        loop; used by the journal."""
        keep = self._accepted.append

        def both(entry: Ended) -> None:
            keep(entry)
            ended(entry)

        self._keep, self._on_ended, self._on_receipt = both, ended, received

    def ended(self, outcome: Outcome, begun: float, batch: BatchTrace | None) -> None:
        """Keep a push that got its outcome. `begun`: the loop time at which it was handed in; `batch`: its last batch,
        None if it was in none."""
        if outcome.reason is not None:
            self._lose(outcome, begun, batch)
            return
        if batch is not None and batch.reports_later:
            self._keep_longer((outcome,), batch)
        self._keep(
            (
                outcome.dedupe_id,
                outcome.push_token,
                outcome.message_id,
                begun,
                batch,
                outcome.attempts,
                outcome.truncated,
                None,
            )
        )

    def all_accepted(self, outcomes: Sequence[Outcome], begun: Sequence[float], batch: BatchTrace) -> None:
        """Keep pushes of one batch that were all accepted at the first attempt."""
        if len(outcomes) < RECORDED_TOGETHER:
            for outcome, when in zip(outcomes, begun, strict=True):
                self.ended(outcome, when, batch)
            return
        record = BatchRecord(outcomes, begun, batch)
        if batch.reports_later:
            self._keep_longer(outcomes, batch)
        if self._on_ended is not None:
            for place in range(len(record)):
                self._on_ended(record.ended(place))
        self._batches.append(record)
        self._kept += len(record)
        while self._batches and self._kept - len(self._batches[0]) >= self._most:
            self._kept -= len(self._batches.popleft())

    def _keep_longer(self, outcomes: Sequence[Outcome], batch: BatchTrace) -> None:
        """Know these by a number each, until a receipt says that one has arrived."""
        known, mark = self._reported_later, "" if batch.mark is None else batch.mark.parameter
        for outcome in outcomes:
            known[hash((outcome.push_token, outcome.message_id, mark or outcome.dedupe_id))] = None
        while len(known) > REPORTED_LATER:
            known.popitem(last=False)

    def _lose(self, outcome: Outcome, begun: float, batch: BatchTrace | None) -> None:
        what = (outcome.dedupe_id, outcome.push_token, outcome.message_id, begun, batch)
        entry: Ended = (*what, outcome.attempts, outcome.truncated, Loss(outcome, self._now()))
        self._lost.append(entry)
        if self._on_ended is not None:
            self._on_ended(entry)

    def tried(self, outcome: Outcome) -> None:
        """Note an attempt that failed and that is retried."""
        self._tried.append((outcome.dedupe_id, self._now(), _why(outcome.reason, outcome.vendor_code)))

    def share(self, batch: BatchTrace, parameter: str) -> None:
        """The pushes of this batch share a receipt parameter, perhaps with those of other batches."""
        if batch.mark is not None and batch.mark.parameter == parameter:
            return  # the request is built anew
        mark = self._marks.get(parameter)
        if mark is None:
            mark = self._marks[parameter] = Mark(parameter)
        mark.pushes += batch.size
        batch.mark = mark

    def arrived(self, receipt: Receipt) -> None:
        """Remember that the push of a verified receipt is on its phone, so that its token cannot be called dead."""
        self._reported_later.pop(_number(receipt), None)
        mark = self._marks.get(receipt.parameter) if receipt.proof is Proof.MESSAGE else None
        if mark is not None:
            mark.arrive(receipt.push_token.token)

    def has_arrived(self, receipt: Receipt) -> bool:
        """Whether a push with the shared parameter of this receipt is on this phone."""
        mark = self._marks.get(receipt.parameter)
        return mark is not None and receipt.push_token.token in mark.arrived

    def received(self, receipt: Receipt) -> None:
        """Keep a receipt of a push."""
        self._receipts.append(receipt)
        if self._on_receipt is not None:
            self._on_receipt(receipt)

    def find(self, dedupe_id: str) -> Trace | None:
        """What happened to the last push with this dedupe id; None if it is not kept (any more). Raises
        `FieldError`."""
        if not isinstance(dedupe_id, str) or not dedupe_id:
            raise FieldError("dedupe_id", "must be a non-empty str, such as Outcome.dedupe_id")
        found = [entry for entry in (*list(self._accepted), *list(self._lost)) if entry[0] == dedupe_id]
        for record in list(self._batches):
            found += record.find(dedupe_id)
        return self._trace(max(found, key=lambda entry: entry[3])) if found else None

    def confirmed(self, receipts: Sequence[Receipt]) -> frozenset[int]:
        """Indices of the receipts whose push was accepted by this process under the message id that the receipt names,
        and which a parameter that the push shares with others does not contradict. All kept pushes are read once,
        however many receipts there are, so that a request with 10,000 of them does not block the loop."""
        dedupe_ids = {receipt.dedupe_id for receipt in receipts} - {""}
        message_ids = {receipt.message_id for receipt in receipts} - {None}
        found = [entry for entry in self._accepted if entry[0] in dedupe_ids or entry[2] in message_ids]
        for record in self._batches:
            pairs = zip(record.dedupe_ids, record.message_ids, strict=True)
            places = [n for n, (own, theirs) in enumerate(pairs) if own in dedupe_ids or theirs in message_ids]
            found += map(record.ended, places)
        by_token: dict[PushToken, list[Ended]] = {}
        for entry in found:
            by_token.setdefault(entry[1], []).append(entry)
        return frozenset(
            place
            for place, one in enumerate(receipts)
            if _number(one) in self._reported_later
            or any(
                one.message_id == entry[2]
                and _is_about(one, entry[0], entry[2], entry[1])
                and _is_marked_so(one, entry[4])
                for entry in by_token.get(one.push_token, ())
            )
        )

    def _trace(self, ended: Ended) -> Trace:
        dedupe_id, _, message_id = ended[:3]
        tried = [entry for entry in list(self._tried) if entry[0] == dedupe_id]
        receipts = [one for one in list(self._receipts) if _is_about(one, dedupe_id, message_id, ended[1])]
        return to_trace(ended, self._clock() - self._now(), tried, receipts)


def to_trace(
    ended: Ended,
    offset: float,
    tried: list[tuple[str, float, str]] | None = None,
    receipts: list[Receipt] | None = None,
) -> Trace:
    """The `Trace` of a push. `offset`: wall clock minus loop clock, in seconds."""
    dedupe_id, push_token, message_id, _, batch, attempts, truncated, loss = ended
    steps = [Step(at + offset, what, detail) for at, what, detail in _steps(ended, tried or [])]
    for one in receipts or []:
        when = one.at if one.at is not None else steps[-1].at
        steps.append(Step(when, "receipt", f"{one.kind.value} ({one.event})"))
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
        region="" if batch is None else batch.region,
        gathered=0 if batch is None else batch.size,
        access="" if batch is None else batch.access,
        advice="" if loss is None or loss.reason is None else loss.reason.advice,
        steps=tuple(sorted(steps, key=lambda step: step.at)),  # stable: steps at the same time keep their order
    )


def _steps(ended: Ended, tried: list[tuple[str, float, str]]) -> Iterator[tuple[float, What, str]]:
    begun, batch, loss = ended[3], ended[4], ended[7]
    yield begun, "queued", ""
    for _, at, why in tried:
        if at >= begun:
            yield at, "tried again", why
    last = begun
    if batch is not None:
        token = f", access token {batch.access}" if batch.access else ""
        others = "alone" if batch.size == 1 else f"with {batch.size - 1} others"
        yield batch.left_at, "gathered", f"{others}{token}"
        last = batch.left_at
        if batch.asked_at:
            last = batch.asked_at
            yield last, "sent", f"to the region {batch.region}" if batch.region else ""
        last = batch.ended_at or last
    if loss is None:
        yield last, "ended", Status.ACCEPTED.value
    else:
        yield loss.at, "ended", f"{loss.status.value}: {_why(loss.reason, loss.code)}"


def _why(reason: Reason | None, code: str | None) -> str:
    word = "" if reason is None else reason.value
    return f"{word} (vendor code {code})" if code is not None else word


def _number(receipt: Receipt) -> int:
    """What an accepted push is known by for longer, as a verified receipt of it has it. Python's hashes of texts have a
    secret of the process, so nobody else can make two that are the same."""
    mark = receipt.parameter if receipt.proof is Proof.MESSAGE else receipt.dedupe_id
    return hash((receipt.push_token, receipt.message_id, mark))


def _is_marked_so(receipt: Receipt, batch: BatchTrace | None) -> bool:
    """Whether the parameter of a receipt is that of the request. One that names no push is good for any push of its
    request, and for none of another request, whatever message id the receipt has."""
    if receipt.proof is not Proof.MESSAGE:
        return True
    mark = None if batch is None else batch.mark
    return mark is not None and mark.parameter == receipt.parameter and not mark.is_doubtful


def _is_about(receipt: Receipt, dedupe_id: str, message_id: str | None, push_token: PushToken) -> bool:
    if receipt.dedupe_id:
        return receipt.dedupe_id == dedupe_id and receipt.push_token == push_token
    return message_id is not None and receipt.message_id == message_id and receipt.push_token == push_token
