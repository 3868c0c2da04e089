"""Receipts that one process waits for and another one receives.

A process that waits (`receipts.confirm`) announces in the shared state the names of the receipts: digests of push token
and id. Each exchange says whether there are new announcements, and only then a process reads them; after that it
compares its receipts with them in memory, and posts those that are waited for to the process that waits, whose next
exchange returns them. So a receipt for which nobody waits causes no call to the store. A receipt that came before it
was waited for is found too, among the last `RECENT` of its process.

What is posted has no token: kind, proof, ids, and the parameter where it is one of a request. If the store is gone,
nothing is learned and nothing fails. Made by `Sharing`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

from pushgateway.model.push import PushToken
from pushgateway.model.receipt import Proof, Receipt, ReceiptKind
from pushgateway.model.secret import safe_repr, where
from pushgateway.state.guard import GuardedState
from pushgateway.state.protocol import Awaited, SharedState

AWAITED = 30.0
"""Seconds for which an announcement counts: a process that was killed is waited for no longer."""
RENEWED = 10.0
"""Seconds after which a process that still waits announces it again."""
PERIOD = 0.25
"""Seconds between two announcements of one process; what begins meanwhile goes with the next one."""
POSTED = 30.0
"""Seconds for which the store keeps what was posted: the process asks twice a second."""
AT_ONCE = 1_000
"""Names in one announcement, and texts in one post: a store does one call after the other."""
READ_AT_ONCE = 20
"""Announcements that are read in one call."""
MOST = 50_000
"""Names that this process announces, one or two for each push that it waits for."""
MOST_OF_OTHERS = 100_000
"""Names of other processes that are known here; the oldest are forgotten first. About 30 MB."""
RECENT = 10_000
"""Receipts of this process that are kept in case that somebody will wait for them. About 8 MB."""
NAMED_AT_ONCE = 500
"""Of these, how many get their names without a pause, when somebody begins to wait."""

Take: TypeAlias = Callable[[Receipt], None]
"""Takes a receipt that another process has received."""


def receipt_ids(receipt: Receipt) -> list[str]:
    """The ids under which a receipt belongs to a push. Where the gateway's parameter proves the push, the vendor's ids
    are not proved, and do not count."""
    ids = [receipt.dedupe_id, receipt.message_id, receipt.task_id]
    if receipt.proof is Proof.PUSH and receipt.dedupe_id:
        ids = [receipt.dedupe_id]
    return [one for one in dict.fromkeys(ids) if one]


def _name(push_token: PushToken, one_id: str) -> str:
    """What all processes call the receipts of one push: a digest."""
    text = "\0".join((push_token.certificate_id, push_token.token, one_id))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12, person=b"pushgateway").hexdigest()


@safe_repr
class AwaitedReceipts:
    """What one gateway exchanges with other processes about receipts that one of them waits for."""

    def __init__(
        self,
        guard: GuardedState,
        owner: str,
        *,
        begin: Callable[[Coroutine[Any, Any, None]], object],
        call: Callable[[Coroutine[Any, Any, None]], object],
        complain: Callable[[str], object],
    ) -> None:
        """`owner`: what the other processes call this one. `begin`: runs something in a task; `call`: the same for one
        call to the store, which has its end before the gateway is closed. `complain`: logs a fault of the host's."""
        self._guard = guard
        self._owner = owner
        self._begin, self._call, self._complain = begin, call, complain
        self._loop = asyncio.get_running_loop()
        self._own: dict[str, list[tuple[PushToken, Take]]] = {}  # by name: who waits here
        self._fresh: list[str] = []  # names that were not announced yet
        self._is_announcing = False
        self._known = 0  # number of the last announcement that was read
        self._is_reading = False
        self._announced: deque[tuple[float, str, tuple[str, ...]]] = deque()  # by others: when it ends, owner, names
        self._others: dict[str, dict[str, float]] = {}  # by name and owner: when it ends, loop seconds
        self._unnamed: deque[Receipt] = deque(maxlen=RECENT)
        self._by_name: OrderedDict[str, Receipt] = OrderedDict()

    # The process that waits

    @contextmanager
    def waiting(self, pushes: Iterable[tuple[PushToken, str]], take: Take) -> Iterator[None]:
        """While this is entered, `take` is called with receipts of these pushes that other processes have. `pushes`:
        push token and id of each, once for each of its ids; if there are too many, the last are left out."""
        entry: list[tuple[str, tuple[PushToken, Take]]] = []
        for push_token, one_id in pushes:
            name, waiting = _name(push_token, one_id), (push_token, take)
            if name not in self._own:
                if len(self._own) >= MOST:
                    break
                self._fresh.append(name)
            self._own.setdefault(name, []).append(waiting)
            entry.append((name, waiting))
        if entry and not self._is_announcing:
            self._is_announcing = True
            self._begin(self._announce())
        try:
            yield
        finally:
            for name, waiting in entry:
                others = self._own.get(name, [])
                if waiting in others:
                    others.remove(waiting)
                if not others:
                    self._own.pop(name, None)

    async def _announce(self) -> None:
        """Announce what is waited for, until nobody waits here any more."""
        renew_at = self._loop.time() + RENEWED
        try:
            while self._own:
                names, self._fresh = self._fresh, []
                if self._loop.time() >= renew_at:
                    names, renew_at = list(self._own), self._loop.time() + RENEWED
                for part in _parts(names):
                    await self._guard.ask(partial(_announce, owner=self._owner, names=part))
                await asyncio.sleep(PERIOD)
        finally:
            self._fresh, self._is_announcing = [], False

    def _learn(self, text: str) -> None:
        """Take a receipt that was posted to this process."""
        try:
            name, kind, proof, dedupe_id, message_id, task_id, parameter = json.loads(text)
            kind, proof = ReceiptKind(kind), Proof(proof)
        except (TypeError, ValueError, RecursionError):  # another version of this program has written it
            return
        texts, perhaps = (name, dedupe_id, parameter), (message_id, task_id)
        if not all(isinstance(text, str) for text in (*texts, *(one for one in perhaps if one is not None))):
            return
        waiting = list(self._own.get(name, ()))
        if kind in _ON_THE_PHONE:
            self._own.pop(name, None)  # that is final: it is not announced again
        for push_token, take in waiting:
            receipt = Receipt(
                push_token=push_token,
                kind=kind,
                event="",
                message_id=message_id,
                task_id=task_id,
                parameter=parameter,
                dedupe_id=dedupe_id,
                proof=proof,
            )
            try:
                take(receipt)
            except Exception as failed:  # the host's function
                self._complain(f"what waits for receipts of other processes has failed: {where(failed)}")

    # The process that receives

    def stored(self, receipts: Iterable[Receipt]) -> None:
        """The host has stored these receipts: post those for which another process waits."""
        self._unnamed.extend(receipt for receipt in receipts if receipt.kind is not ReceiptKind.OTHER)
        self._forget()
        if self._others:
            names = self._named()
            self._post((name, owner) for name in names for owner in self._others.get(name, ()))

    def _named(self, most: int = RECENT) -> list[str]:
        """Note the names of what has come since the last call (of the first `most` receipts), and return them."""
        names = []
        for _ in range(min(len(self._unnamed), most)):
            receipt = self._unnamed.popleft()
            for name in [_name(receipt.push_token, one_id) for one_id in receipt_ids(receipt)]:
                known = self._by_name.get(name)
                if known is None or known.kind not in _ON_THE_PHONE:
                    self._by_name[name] = receipt
                    names.append(name)
        while len(self._by_name) > RECENT:
            self._by_name.popitem(last=False)
        return names

    def _post(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Post receipts, as far as they are here. `wanted`: pairs of a receipt's name and the process to post it to."""
        posts = [(owner, _text(name, self._by_name[name])) for name, owner in wanted if name in self._by_name]
        for part in _parts(posts):
            self._call(self._send(part))

    async def _send(self, posts: Sequence[tuple[str, str]]) -> None:
        await self._guard.ask(lambda state: state.post_receipts(posts, seconds=POSTED))

    async def _read(self, number: int) -> None:
        """Read the announcements up to a number that an exchange has returned."""
        try:
            while self._unnamed:  # in portions: all of them take some 30 ms, for which the loop should not stand still
                self._named(NAMED_AT_ONCE)
                await asyncio.sleep(0)
            known = self._known if self._known <= number else 0  # the store has begun anew
            while True:
                found = await self._guard.ask(partial(_announced, known=known))
                if found is None:
                    return
                for one in found:
                    self._note(one)
                    known = one.number
                if len(found) < READ_AT_ONCE:
                    break
            self._known = max(known, number)
        finally:
            self._is_reading = False

    def _note(self, announcement: Awaited) -> None:
        """Another process waits: post what is here already."""
        self._forget()
        if announcement.owner == self._owner:
            return
        self._named()
        owner, ends = announcement.owner, self._loop.time() + announcement.seconds
        for name in announcement.names:
            self._others.setdefault(name, {})[owner] = ends
        self._announced.append((ends, owner, announcement.names))
        self._post((name, owner) for name in announcement.names)

    def _forget(self) -> None:
        """Forget announcements that have ended, and the oldest if there are too many."""
        now = self._loop.time()
        while self._announced and (self._announced[0][0] <= now or len(self._others) > MOST_OF_OTHERS):
            ends, owner, names = self._announced.popleft()
            for name in names:
                owners = self._others.get(name, {})
                if owners.get(owner) == ends:  # not renewed since
                    del owners[owner]
                    if not owners:
                        del self._others[name]

    # Both

    def exchanged(self, number: int, posted: Iterable[str]) -> None:
        """An exchange has returned the number of the last announcement, and what was posted to this process."""
        for text in posted:
            self._learn(text)
        if number != self._known and not self._is_reading:
            self._is_reading = True
            self._begin(self._read(number))


_ON_THE_PHONE = (ReceiptKind.ARRIVED, ReceiptKind.CLICKED)
"""Kinds after which no other kind counts."""


async def _announce(state: SharedState, owner: str, names: Sequence[str]) -> None:
    await state.await_receipts(owner, names, seconds=AWAITED)


async def _announced(state: SharedState, known: int) -> Sequence[Awaited]:
    return await state.awaited_receipts(known, most=READ_AT_ONCE)


def _parts(whole: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (whole[start : start + AT_ONCE] for start in range(0, len(whole), AT_ONCE))


def _text(name: str, receipt: Receipt) -> str:
    """What is posted of a receipt. Its parameter is needed where it is that of a whole request: it shows there which
    request a dead token belongs to. Any other one may be the host's own text, and is left out."""
    parameter = receipt.parameter if receipt.proof is Proof.MESSAGE else ""
    ids = (receipt.dedupe_id, receipt.message_id, receipt.task_id)
    return json.dumps([name, receipt.kind.value, receipt.proof.value, *ids, parameter])
