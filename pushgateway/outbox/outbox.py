"""`Outbox`: pushes that are stored before they are sent, so that a killed process or a long outage loses none.

`put` stores; a `Worker`, here or in another process, sends. This module has what a host and the command ask of an
outbox; how it is stored is in the adapters of `store`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from pushgateway.engine.pushes.ids import Ids
from pushgateway.engine.pushes.sinks import as_push
from pushgateway.model.checks import check_aware, check_seconds
from pushgateway.model.errors import FieldError, StoreFull
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Owner, Push, PushToken, as_owner_id
from pushgateway.model.secret import safe_repr
from pushgateway.outbox.content import (
    Contents,
    decode_context,
    decode_outcome,
    encode_context,
    owner_of,
    perhaps,
    push_token_of,
)
from pushgateway.outbox.store import Counts, Entry, IdsTaken, Store, StoredResult, Transactional, Whose, Withdrawn

if TYPE_CHECKING:
    from sqlalchemy import Connection

TURN: Final = 500
"""Pushes encoded before the event loop gets a turn."""
CONTENTS: Final = 5000
"""Notifications that are kept in memory as they were put or read."""
HANDED_OVER: Final = 60.0
"""Seconds for handing over results; after them they are handed over again."""


class OutboxFull(StoreFull):
    """The outbox has no space left, so nothing of the call was stored. Send without it, or have the host's own client
    try again later."""


class IdConflict(FieldError):
    """A dedupe id was put before with another content. `dedupe_ids` are those; nothing of the call was stored."""

    def __init__(self, dedupe_ids: Sequence[str]) -> None:
        some = ", ".join(dedupe_ids[:5]) + (" …" if len(dedupe_ids) > 5 else "")
        super().__init__("Push.dedupe_id", f"was put before with another content: {some}")
        self.dedupe_ids = tuple(dedupe_ids)


@safe_repr
@attrs.frozen(kw_only=True)
class Result:
    """What became of a push in the outbox. There is one for each, at least once."""

    outcome: Outcome
    """The last one, with the push's own `context`; `attempts` counts the vendor requests of all tries."""
    owner: Owner | None = None
    """`Push.owner`."""
    put_at: float = 0.0
    """When it was put (epoch seconds)."""
    tries: int = 0
    """How often it was tried before, each for as long as the worker's `timeout`."""
    dead: bool = False
    """It is a dead letter: the outbox has given it up and keeps it for `Outbox.retry`."""
    number: int = attrs.field(default=0, repr=False)
    """The store's own number, for `Outbox.take`."""
    lease: int = attrs.field(default=0, repr=False)
    """The number of the lease in which it ended, for the same."""


@safe_repr
@attrs.frozen(kw_only=True)
class DeadLetter:
    """A push that the outbox has given up and kept."""

    dedupe_id: str
    push_token: PushToken
    outcome: Outcome
    """The last one."""
    owner: Owner | None = None
    put_at: float = 0.0
    tries: int = 0


@safe_repr
@attrs.frozen
class OutboxStatus:
    """How many pushes are in which state, for each certificate that has any."""

    certificates: tuple[Counts, ...]

    def total(self, state: str) -> int:
        """The sum of `waiting`, `delayed`, `leased`, `results` or `dead`."""
        return sum(getattr(one, state) for one in self.certificates)


@safe_repr
class Outbox:
    """A durable queue in front of a gateway.

        outbox = Outbox(SQLiteStore("outbox.db"))
        async with outbox, Worker(outbox, gateway, results=keep_results):
            await outbox.put([Push(push_token, notification)])

    Any number of outboxes and workers, in one process or several, may use one store.
    """

    def __init__(
        self,
        store: Store,
        *,
        remember: float = 86_400.0,
        keep_results: float = 7 * 86_400.0,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        """`remember`: seconds for which an id of yours is remembered after its push has ended (see `put`).
        `keep_results`: seconds after the end of a push for which its result is kept if nobody takes it. `clock` (epoch
        seconds) and `rng` are for tests. Raises `FieldError`."""
        check_seconds("Outbox.remember", remember, optional=False)
        check_seconds("Outbox.keep_results", keep_results, optional=False)
        self.store = store
        self.remember, self.keep_results = remember, keep_results
        self.rng = rng or random.SystemRandom()
        self.contents = Contents(CONTENTS)
        self._clock = clock
        self._listeners: set[Callable[[], None]] = set()

    async def now(self) -> float:
        """The time that counts here: the store's own, so that the clocks of machines need not agree; else the
        clock's."""
        of_the_store = await self.store.now()
        return self._clock() if of_the_store is None else of_the_store

    # What hosts do

    async def put(
        self, pushes: Iterable[Push], *, not_before: datetime | None = None, expires: datetime | None = None
    ) -> list[str]:
        """Store pushes. When this returns they are durable, all of them. Returns their dedupe ids in the order given.

        `not_before`: they are not sent earlier. `expires`: they are not sent from then on, and end `NOT_SENT` /
        `EXPIRED`; without it a push that cannot be sent becomes a dead letter after the worker's `give_up_after`.

        A push keeps the id that you gave it (`Push.dedupe_id`), or that is made of your id of the message
        (`Notification.dedupe_id`); others get a new one. An id of yours may be put again while it waits and for
        `remember` seconds afterwards: with the same content it is the same push and is sent once, so a call that failed
        can be repeated. `Push.context` must be what JSON can hold.

        Raises `IdConflict`, `OutboxFull` and `FieldError`: then nothing was stored; `StoreError`: usually nothing was
        stored.
        """
        encoding = self._encoding(await self.now(), self.contents, not_before, expires)
        entries = []
        for place, push in enumerate(pushes):
            if place % TURN == TURN - 1:
                await asyncio.sleep(0)
            entries.append(encoding.entry(as_push(push, place)))
        if entries:
            try:
                await self.store.put(entries)
            except IdsTaken as taken:
                raise IdConflict(taken.dedupe_ids) from None
            except StoreFull as full:
                raise OutboxFull(str(full)) from None
            for listener in list(self._listeners):
                listener()
        return [entry.dedupe_id for entry in entries]

    def put_within(
        self,
        connection: Connection,
        pushes: Iterable[Push],
        *,
        not_before: datetime | None = None,
        expires: datetime | None = None,
    ) -> list[str]:
        """`put` within a transaction of yours, so that a message and its pushes are stored together or not at all.

        `connection`: one of SQLAlchemy to the database of the outbox, such as `session.connection()`. You commit; then
        the pushes are durable, and a worker finds them within its `poll` seconds. It blocks: call it in the thread that
        has the connection. Open the outbox once before, so that its table is there. Raises `FieldError` if the store is
        no SQL server, `IdConflict`, and what the database raises, after which you roll back.
        """
        if not isinstance(self.store, Transactional):
            raise FieldError("Outbox.store", f"{type(self.store).__name__} cannot put within a transaction of yours")
        # Contents of its own: it may be called in any thread.
        encoding = self._encoding(self.store.time_of(connection), Contents(1), not_before, expires)
        entries = [encoding.entry(as_push(push, place)) for place, push in enumerate(pushes)]
        try:
            self.store.put_within(connection, entries)
        except IdsTaken as taken:
            raise IdConflict(taken.dedupe_ids) from None
        return [entry.dedupe_id for entry in entries]

    async def withdraw(
        self, *, user: str | None = None, device: str | None = None, dedupe_id: str | None = None
    ) -> Withdrawn:
        """Take pushes back: those that match every argument; `user` and `device` are those of `Push.owner`. What a
        worker has is perhaps being sent: it is not tried again, and has a result; the others are removed without one.
        Raises `FieldError` without an argument, and for one that no user, device or id can be."""
        for name, value in (("user", user), ("device", device), ("dedupe_id", dedupe_id)):
            if value is not None:
                as_owner_id(f"withdraw.{name}", value)
        whose = Whose(user=user, device=device, dedupe_id=dedupe_id)
        if whose == Whose():
            raise FieldError("withdraw", "give user, device or dedupe_id")
        return await self.store.withdraw(whose, await self.now())

    async def status(self) -> OutboxStatus:
        """Counts of all states. With a million entries it takes about a second, in the store and not in the event
        loop."""
        return OutboxStatus(tuple(await self.store.counts(await self.now())))

    async def results(self, limit: int = 500) -> list[Result]:
        """Results that wait, oldest first; for a worker with `results="table"`. Take each within 60 seconds (`take`),
        or it is given out again."""
        now = await self.now()
        return [as_result(stored) for stored in await self.store.results(now, now + HANDED_OVER, limit)]

    async def take(self, results: Iterable[Result]) -> None:
        """These results were kept by you: the outbox forgets them."""
        taken = [(result.number, result.lease) for result in results]
        await self.store.take(taken, await self.now() + self.remember)

    async def dead_letters(self, *, after: str = "", limit: int = 100) -> list[DeadLetter]:
        """Dead letters in the order of their dedupe ids. `after`: the last id that you have seen."""
        found = []
        for stored in await self.store.letters(after, limit):
            push_token = push_token_of(stored)
            outcome = decode_outcome(stored.outcome, push_token, stored.dedupe_id, None)
            letter = DeadLetter(
                dedupe_id=stored.dedupe_id,
                push_token=push_token,
                outcome=outcome,
                owner=perhaps(owner_of, stored),
                put_at=stored.put_at,
                tries=stored.tries,
            )
            found.append(letter)
        return found

    async def retry(self, dedupe_ids: Iterable[str] | None = None) -> int:
        """Have dead letters sent again under their old ids, as if they were put now; None: all. Returns how many
        there were. Raises `FieldError`."""
        count = await self.store.retry(_letters("retry", dedupe_ids), await self.now())
        for listener in list(self._listeners):
            listener()
        return count

    async def drop(self, dedupe_ids: Iterable[str] | None = None) -> int:
        """Remove dead letters; None: all. Returns how many there were. Raises `FieldError`."""
        return await self.store.drop(_letters("drop", dedupe_ids))

    # Life

    async def open(self) -> None:
        """Open the store now, to learn of a wrong one before it is needed. Raises `StoreError`."""
        await self.store.open()

    async def aclose(self) -> None:
        """Close the store. Close the workers first."""
        await self.store.aclose()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have `listener` called after each `put` of this object; for workers. Returns what ends that."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    # Entries

    def _encoding(
        self, now: float, contents: Contents, not_before: datetime | None, expires: datetime | None
    ) -> _Encoding:
        check_aware("put", "not_before", not_before)
        check_aware("put", "expires", expires)
        due = now if not_before is None else max(now, not_before.timestamp())
        end = None if expires is None else expires.timestamp()
        if end is not None and end <= due:
            raise FieldError("put.expires", "must be in the future and later than not_before")
        return _Encoding(self.rng, contents, (now, due, due, end))

    def __repr__(self) -> str:
        return f"Outbox({self.store!r})"


def _letters(call: str, dedupe_ids: Iterable[str] | None) -> list[str] | None:
    """The ids of dead letters, checked: a text that is none may be equal to one for a database."""
    if isinstance(dedupe_ids, str):
        raise FieldError(f"{call}.dedupe_ids", "must be several ids, is a str")
    return None if dedupe_ids is None else [as_owner_id(f"{call}.dedupe_ids", one) for one in dedupe_ids]


class _Encoding:
    """Makes the entries of one `put`. A notification that many of its pushes share is encoded once."""

    def __init__(self, rng: random.Random, contents: Contents, times: tuple[float, float, float, float | None]) -> None:
        """`times`: those of an `Entry`: `put_at`, `due`, `since` and `expires`."""
        self._ids, self._contents, self._rng = Ids(rng), contents, rng
        self._put_at, self._due, self._since, self._expires = times
        self._lot = rng.getrandbits(62)
        self._tokens: set[str] = set()
        self._last: tuple[Notification | None, float | None, bool] = (None, None, True)
        self._content = b""
        self._certificate_id = ""

    def entry(self, push: Push) -> Entry:
        token, note = push.push_token, push.notification
        # Kept as objects, not by equality: comparing two notifications takes longer than encoding one.
        if self._last[0] is not note or self._last[1:] != (push.timeout, push.coalesce):
            self._last, self._content = (note, push.timeout, push.coalesce), self._contents.encode(push)
        dedupe_id, digest = push.dedupe_id, None
        if dedupe_id or note.dedupe_id:
            dedupe_id = dedupe_id or self._ids.make(token, note)
            as_owner_id("Push.dedupe_id", dedupe_id)
            digest = _digest(push, self._content)
        else:
            dedupe_id = self._ids.make(token, note)
        if token.certificate_id != self._certificate_id:
            self._certificate_id = as_owner_id("certificate_id", token.certificate_id)
        lot = self._lot
        if token.token in self._tokens:  # another lot, because a phone that drops repeats would drop an equal text
            lot = self._rng.getrandbits(62)
        self._tokens.add(token.token)
        owner, context = push.owner, push.context
        return Entry(
            dedupe_id,
            self._certificate_id,
            token.token,
            push.priority.value,
            self._content,
            None if context is None else encode_context(context),
            None if owner is None else owner.user,
            None if owner is None else owner.device,
            self._put_at,
            self._due,
            self._since,
            self._expires,
            lot,
            0 if owner is None else owner.binding,
            0 if owner is None else owner.generation,
            digest,
        )


def _digest(push: Push, content: bytes) -> bytes:
    """Of everything that must be the same if an id is put again. The order of the keys in a mapping does not count."""
    address = [push.push_token.certificate_id, push.push_token.token, push.priority.value]
    owner = None if push.owner is None else [push.owner.user, push.owner.device]
    text = json.dumps([address, owner, json.loads(content)], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16, person=b"pushgw outbox").digest()


def as_result(stored: StoredResult) -> Result:
    """A stored result as hosts see it."""
    push_token = push_token_of(stored)
    context: Any = perhaps(decode_context, stored.context)
    return Result(
        outcome=decode_outcome(stored.outcome, push_token, stored.dedupe_id, context),
        owner=perhaps(owner_of, stored),
        put_at=stored.put_at,
        tries=stored.tries,
        dead=stored.dead,
        number=stored.id,
        lease=stored.lease,
    )
