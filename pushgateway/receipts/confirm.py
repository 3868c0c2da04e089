"""Wait for the receipts of some pushes: which phones got them, which did not, and which are unknown in time.

    confirming = Confirming(gateway)
    app.mount("/push", Receipts(gateway, confirming.receive))          # or call `receive` in a handler of your own
    outcomes = await gateway.send_each(pushes)
    confirmed = await confirming.confirm(outcomes, within=600.0)
    for push_token in confirmed.missing: ...                        # a text message, a call, a human
    for push_token in confirmed.unconfirmed: ...                    # another process may have its receipt: look there

With several processes behind one receipt address, the vendor's receipt may reach another process than the one that
waits. With shared state (`Gateway(state=…)`) it counts here too, about a second after the other process has stored it.
Nevertheless a phone without a receipt is `unconfirmed` and not `missing`, because the state may be gone and a process
may have failed, unless you say that every receipt is passed to `receive` of this object (`all_receipts=True`): there is
only one process, or you forward what the others receive.

Only a receipt that names a phone confirms it. A vendor's statistics count phones and name none, so they end the waiting
only for a broadcast without tokens. Receipts that came before `confirm` was called are kept, in bounded memory, because
a receipt may arrive before its outcome.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

import attrs

from pushgateway.engine.awaited_receipts import receipt_ids
from pushgateway.gateway import Gateway
from pushgateway.model.checks import check_seconds
from pushgateway.model.errors import FieldError
from pushgateway.model.outcome import BroadcastOutcome, Outcome
from pushgateway.model.push import PushToken
from pushgateway.model.reason import Reason
from pushgateway.model.receipt import Receipt, ReceiptKind, Statistics
from pushgateway.model.secret import safe_repr

__all__ = ["Confirmation", "Confirming"]

REMEMBERED = 100_000
"""Ids under which receipts are kept, one to three for each receipt; the oldest are dropped first. About 35 MB."""


@safe_repr
@attrs.frozen(kw_only=True)
class Confirmation:
    """What is known of some pushes, or of a broadcast, when the time is over or every phone is known.

    Each phone is in exactly one of the four, in the order given. A broadcast to everyone, tags or aliases names no
    phones, so all of them are empty; `statistics` has the counts.
    """

    arrived: tuple[PushToken, ...] = attrs.field(repr=False)
    """A receipt says that it reached the phone, or that the user tapped it. Without the latter nobody may have seen
    it."""
    missing: tuple[PushToken, ...] = attrs.field(repr=False)
    """It did not get it: the vendor did not accept the push, or its receipt says that the phone reached its limit, that
    notifications are switched off there, or that the push was dropped; with `all_receipts` also every phone without a
    receipt in time. Use another channel."""
    dead: tuple[PushToken, ...] = attrs.field(repr=False)
    """The vendor says that the token is dead, at once or by a receipt: retire it, if it is still the same token."""
    unconfirmed: tuple[PushToken, ...] = attrs.field(default=(), repr=False)
    """No receipt came to this process in time, nor to another one with the same shared state; one that shares none may
    have received it. Always empty with `all_receipts`."""
    statistics: tuple[Statistics, ...] = ()
    """The vendor's last counts of a broadcast, one for each of its tasks; empty if the vendor has none."""

    @property
    def ok(self) -> bool:
        """True if every phone is confirmed: by a receipt each, or by counts that are complete."""
        if self.missing or self.dead or self.unconfirmed:
            return False
        return bool(self.arrived) or (bool(self.statistics) and all(map(_is_complete, self.statistics)))


Key = tuple[str, str, str]
"""Certificate id, token, and the dedupe id, message id or task id of a push. A push is found under each of its ids."""


class Confirming:
    """Waits for receipts. Create one for each gateway, and pass every receipt of this process to `receive`.

    `all_receipts`: True if `receive` gets every receipt of the gateway's pushes: there is one process behind the
    receipt address, or several that forward to each other what they receive (in any order, repeats do no harm). Then
    nothing is asked of the shared state. False, the default: a phone without a receipt ends `unconfirmed`, because
    another process may have its receipt.
    """

    def __init__(self, gateway: Gateway, *, all_receipts: bool = False) -> None:
        if not isinstance(all_receipts, bool):
            raise FieldError("Confirming.all_receipts", f"must be True or False, is {type(all_receipts).__name__}")
        self._gateway = gateway
        self._all_receipts = all_receipts
        self._early: OrderedDict[Key, ReceiptKind] = OrderedDict()
        self._open: dict[Key, list[_Waiting]] = {}

    async def receive(self, receipts: Sequence[Receipt]) -> None:
        """Take receipts. Pass it to `pushgateway.receipts.Receipts` as the handler, or call it in a handler of
        yours."""
        for receipt in receipts:
            self._take(receipt)

    def _take(self, receipt: Receipt) -> None:
        if receipt.kind in (ReceiptKind.OTHER, ReceiptKind.SUSPECT):
            return
        kind = ReceiptKind.ARRIVED if receipt.kind is ReceiptKind.CLICKED else receipt.kind
        for key in _keys(receipt.push_token, *receipt_ids(receipt)):
            for waiting in self._open.get(key, ()):
                waiting.settle(receipt.push_token, kind)
            if self._early.get(key) is not ReceiptKind.ARRIVED:
                self._early[key] = kind
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
        """Wait up to `within` seconds for a receipt of each push that was accepted, or may have been (`UNKNOWN`).

        For a broadcast the vendor's statistics are queried too, if it has any: after `poll` seconds, then after twice
        as long each time, at most `slowest`, and a last time when the time is over, which may take a moment more. Ends
        early when every phone has its receipt, or for a broadcast without tokens when the counts are complete. Raises
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
        waiting.check_over()
        asks = not self._all_receipts and not waiting.over.is_set()
        elsewhere = [(PushToken(*key[:2]), key[2]) for key in entries] if asks else []
        try:
            async with asyncio.timeout(within):
                with self._gateway.waiting_elsewhere(elsewhere, self._take):
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
        """Return when no phone is waited for any more, or when the counts of a broadcast without tokens are
        complete."""
        pause = poll
        while not waiting.over.is_set() and counts.has_any:
            try:
                async with asyncio.timeout(pause):
                    await waiting.over.wait()
            except TimeoutError:
                await counts.ask()
            if counts.are_complete and not waiting.names_phones:
                return
            pause = min(2 * pause, slowest)
        if waiting.names_phones:
            await waiting.over.wait()


class _Waiting:
    """The phones of one `confirm` call and what is known of each."""

    def __init__(self, given: Sequence[Outcome]) -> None:
        self.over = asyncio.Event()
        self.names_phones = bool(given)
        self._tokens = list(dict.fromkeys(outcome.push_token for outcome in given))
        self._open: set[PushToken] = set()
        self._kinds: dict[PushToken, ReceiptKind] = {}

    def expect(self, token: PushToken) -> None:
        """Wait for a receipt of this phone."""
        self._open.add(token)

    def settle(self, token: PushToken, kind: ReceiptKind) -> None:
        """Note what a receipt says of this phone. `ARRIVED` is final: no later receipt changes it."""
        if self._kinds.get(token) is not ReceiptKind.ARRIVED:
            self._kinds[token] = kind
        self._open.discard(token)
        self.check_over()

    def check_over(self) -> None:
        """Set `over` when no phone is waited for any more."""
        if self.names_phones and not self._open:
            self.over.set()

    def confirmation(self, statistics: tuple[Statistics, ...], *, all_receipts: bool) -> Confirmation:
        """The result as it is known now. `statistics`: the last counts of a broadcast."""
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
    """Queries the vendor's statistics of a broadcast and keeps the last ones."""

    def __init__(self, gateway: Gateway, broadcast: BroadcastOutcome | None) -> None:
        self._gateway = gateway
        self._broadcast = broadcast
        self.has_any = broadcast is not None and bool(broadcast.task_ids)
        self.last: tuple[Statistics, ...] = ()

    @property
    def are_complete(self) -> bool:
        """True if each task of the broadcast has reached all its phones."""
        return bool(self.last) and all(map(_is_complete, self.last))

    async def ask(self) -> None:
        """Query the statistics. If they cannot be had now, the last ones are kept; a vendor that has none (`has_any`
        becomes False) is not queried again."""
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
