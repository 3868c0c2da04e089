"""Every message must be confirmed: who got it, who did not, and of whom nothing is known in time.

    confirming = Confirming(gateway)
    app.mount("/push", Receipts(gateway, confirming.hear))          # or call `hear` in a handler of your own
    outcomes = await gateway.send_each(pushes)
    confirmed = await confirming.confirm(outcomes, within=600.0)
    for push_token in confirmed.missing: ...                        # a text message, a call, a human
    for push_token in confirmed.unconfirmed: ...                    # another process may have its receipt: look there

With several processes behind one receipt address the vendor's receipt may reach another one than that which waits. What
it has received cannot be known here, so a phone without a receipt is `unconfirmed` and not `missing`, unless you say
that every receipt comes to `hear` of this object (`all_receipts=True`): there is one process, or you hand on what the
others receive.

Only a receipt that names a phone makes it confirmed. A vendor's statistics count phones and name none, so they end the
waiting only where nobody is named. What came before anybody asked is remembered, in bounded memory: a receipt may be
faster than its outcome.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import attrs

from pushgateway.gateway import Gateway
from pushgateway.model.checks import check_seconds
from pushgateway.model.errors import FieldError
from pushgateway.model.outcome import BroadcastOutcome, Outcome
from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason
from pushgateway.model.receipt import Proof, Receipt, ReceiptKind, Statistics
from pushgateway.model.secret import safe_repr

__all__ = ["Confirmation", "Confirming"]

REMEMBERED = 100_000
"""Ids by which receipts are found, one to three for each; beyond that the oldest are forgotten. Some 35 MB."""


@safe_repr
@attrs.frozen(kw_only=True)
class Confirmation:
    """What is known of some pushes, or of a broadcast, when the time is over or nothing is open any more.

    Each phone is in exactly one of the four, in the order given. A broadcast to everyone, tags or aliases names no
    phones, so all of them are empty; `statistics` has the counts.
    """

    arrived: tuple[PushToken, ...] = attrs.field(repr=False)
    """A receipt says that it reached the phone. Not: somebody saw it."""
    missing: tuple[PushToken, ...] = attrs.field(repr=False)
    """It did not get it: the vendor did not take the push, or its receipt says that the phone had its share; with
    `all_receipts`, also whoever has no receipt in time. Use another way."""
    dead: tuple[PushToken, ...] = attrs.field(repr=False)
    """The vendor says that the token is dead, at once or by a receipt: retire it, if it is still the same token."""
    unconfirmed: tuple[PushToken, ...] = attrs.field(default=(), repr=False)
    """No receipt came to this process in time. Another process may have received it: not known here. Always empty with
    `all_receipts`."""
    statistics: tuple[Statistics, ...] = ()
    """The vendor's last counts of a broadcast, one for each of its tasks; empty where it tells none."""

    @property
    def ok(self) -> bool:
        """True when there is proof for everybody: a receipt for each phone, or counts that are complete."""
        if self.missing or self.dead or self.unconfirmed:
            return False
        return bool(self.arrived) or (bool(self.statistics) and all(map(_is_complete, self.statistics)))


Key = tuple[str, str, str]
"""Certificate, token, and the dedupe id, the message id or the task id of a push: each of them finds it."""


class Confirming:
    """Waits for receipts. One for a gateway and its event loop; `hear` gets every receipt that comes to this process.

    `all_receipts`: True when that is every receipt of the gateway's pushes: one process behind the receipt address, or
    several that hand on to each other what they receive (in the order of your choice, more than once does no harm).
    False, the default: a phone without a receipt ends `unconfirmed`, because another process may have it.
    """

    def __init__(self, gateway: Gateway, *, all_receipts: bool = False) -> None:
        if not isinstance(all_receipts, bool):
            raise FieldError("Confirming.all_receipts", f"must be True or False, is {type(all_receipts).__name__}")
        self._gateway = gateway
        self._all_receipts = all_receipts
        self._early: OrderedDict[Key, ReceiptKind] = OrderedDict()
        self._open: dict[Key, list[_Waiting]] = {}

    async def hear(self, receipts: Sequence[Receipt]) -> None:
        """Take receipts; a `Handler` for `pushgateway.receipts.Receipts`, or called in yours."""
        for receipt in receipts:
            if receipt.kind in (ReceiptKind.OTHER, ReceiptKind.SUSPECT):
                continue
            ids = [receipt.dedupe_id, receipt.message_id, receipt.task_id]
            if receipt.proof is Proof.PUSH and receipt.dedupe_id:
                ids = [receipt.dedupe_id]  # the vendor's ids are not proved
            for key in _keys(receipt.push_token, *ids):
                for waiting in self._open.get(key, ()):
                    waiting.settle(receipt.push_token, receipt.kind)
                if self._early.get(key) is not ReceiptKind.ARRIVED:
                    self._early[key] = receipt.kind
        while len(self._early) > REMEMBERED:
            self._early.popitem(last=False)

    async def confirm(
        self,
        outcomes: Outcome | Iterable[Outcome] | BroadcastOutcome,
        *,
        within: float,
        poll: float = 5.0,
        slowest: float = 300.0,
    ) -> Confirmation:
        """Wait up to `within` seconds for a receipt of each push that was taken, or may have been (`UNKNOWN`).

        Of a broadcast the vendor's statistics are asked too, where it has any: after `poll` seconds, then after twice
        as long each time, at most `slowest`, and a last time when the time is over, which may take a moment more. Ends
        early when every phone has its receipt; where nobody is named, when the counts are complete. Raises
        `FieldError`.
        """
        for name, seconds in (("within", within), ("poll", poll), ("slowest", slowest)):
            check_seconds(name, seconds, optional=False)
        broadcast = outcomes if isinstance(outcomes, BroadcastOutcome) else None
        given = _outcomes(outcomes)
        waiting, counts = _Waiting(given), _Counts(self._gateway, broadcast)
        entries = [key for outcome in given for key in self._enter(outcome, broadcast, waiting)]
        for key in entries:
            if (early := self._early.get(key)) is not None:
                waiting.settle(PushToken(*key[:2]), early)
        waiting.look()
        try:
            async with asyncio.timeout(within):
                await self._wait(waiting, counts, poll, slowest)
        except TimeoutError:
            await counts.ask()
        finally:
            for key in entries:
                self._leave(key, waiting)
        return waiting.confirmation(counts.last, all_receipts=self._all_receipts)

    def _enter(self, outcome: Outcome, broadcast: BroadcastOutcome | None, waiting: _Waiting) -> Iterator[Key]:
        token = outcome.push_token
        if outcome.reason is Reason.UNREGISTERED:
            waiting.settle(token, ReceiptKind.UNREGISTERED)  # the vendor has said so already
        elif outcome.ok or outcome.reason is Reason.NO_VERDICT:
            waiting.expect(token)
            ids = [outcome.dedupe_id, outcome.message_id]
            if broadcast is not None:
                ids = [*broadcast.task_ids, None if broadcast.task_ids else broadcast.message_id]
            for key in _keys(token, *ids):
                self._open.setdefault(key, []).append(waiting)
                yield key

    def _leave(self, key: Key, waiting: _Waiting) -> None:
        others = [other for other in self._open.pop(key, ()) if other is not waiting]
        if others:
            self._open[key] = others

    async def _wait(self, waiting: _Waiting, counts: _Counts, poll: float, slowest: float) -> None:
        """Until nothing is open, as far as anybody can tell."""
        pause = poll
        while not waiting.over.is_set() and counts.has_any:
            try:
                async with asyncio.timeout(pause):
                    await waiting.over.wait()
            except TimeoutError:
                await counts.ask()
            if counts.are_complete and not waiting.names_anybody:
                return
            pause = min(2 * pause, slowest)
        if waiting.names_anybody:
            await waiting.over.wait()


class _Waiting:
    """One `confirm` under way."""

    def __init__(self, given: Sequence[Outcome]) -> None:
        self.over = asyncio.Event()
        self.names_anybody = bool(given)
        self._tokens = list(dict.fromkeys(outcome.push_token for outcome in given))
        self._open: set[PushToken] = set()
        self._kinds: dict[PushToken, ReceiptKind] = {}

    def expect(self, token: PushToken) -> None:
        """A receipt may come for it."""
        self._open.add(token)

    def settle(self, token: PushToken, kind: ReceiptKind) -> None:
        """One came. What arrived has arrived, whatever is said of the phone later."""
        if self._kinds.get(token) is not ReceiptKind.ARRIVED:
            self._kinds[token] = kind
        self._open.discard(token)
        self.look()

    def look(self) -> None:
        """Whether anybody is still open."""
        if self.names_anybody and not self._open:
            self.over.set()

    def confirmation(self, statistics: tuple[Statistics, ...], *, all_receipts: bool) -> Confirmation:
        """What is known now."""
        arrived, missing, dead, unconfirmed = [], [], [], []
        for token in self._tokens:
            kind = self._kinds.get(token)
            if kind is ReceiptKind.ARRIVED:
                arrived.append(token)
            elif kind is ReceiptKind.UNREGISTERED:
                dead.append(token)
            elif token in self._open and not all_receipts:
                unconfirmed.append(token)
            else:
                missing.append(token)
        return Confirmation(
            arrived=tuple(arrived),
            missing=tuple(missing),
            dead=tuple(dead),
            unconfirmed=tuple(unconfirmed),
            statistics=statistics,
        )


class _Counts:
    """A broadcast's statistics, as far as its vendor has any."""

    def __init__(self, gateway: Gateway, broadcast: BroadcastOutcome | None) -> None:
        self._gateway = gateway
        self._broadcast = broadcast
        self.has_any = broadcast is not None and bool(broadcast.task_ids)
        self.last: tuple[Statistics, ...] = ()

    @property
    def are_complete(self) -> bool:
        """All of them say that everybody got it."""
        return bool(self.last) and all(map(_is_complete, self.last))

    async def ask(self) -> None:
        """Ask anew. What cannot be had now keeps what is known, and a vendor without statistics is not asked again."""
        if self._broadcast is None or not self.has_any:
            return
        operations = self._gateway.vendor(self._broadcast.certificate_id)
        answers = []
        for task_id in self._broadcast.task_ids:
            answer = await operations.statistics(self._broadcast.message_id or "", task_id)
            if answer.reason in (Reason.UNSUPPORTED, Reason.CREDENTIALS, Reason.INVALID_NOTIFICATION, Reason.CLOSED):
                self.has_any = False
                return
            if not isinstance(answer.value, Statistics):
                return
            answers.append(answer.value)
        self.last = tuple(answers)


def _is_complete(counts: Statistics) -> bool:
    wanted = counts.valid if counts.valid is not None else counts.targets
    return counts.arrived is not None and wanted is not None and counts.arrived >= wanted


def _keys(token: PushToken, *ids: str | None) -> Iterator[Key]:
    for one in dict.fromkeys(ids):
        if one:
            yield token.certificate_id, token.token, one


def _outcomes(given: Outcome | Iterable[Outcome] | BroadcastOutcome) -> list[Outcome]:
    if isinstance(given, Outcome):
        return [given]
    outcomes = list(given.outcomes if isinstance(given, BroadcastOutcome) else given)
    if not all(isinstance(one, Outcome) for one in outcomes):
        raise FieldError("outcomes", "must be an Outcome, several of them, or a BroadcastOutcome")
    return outcomes
