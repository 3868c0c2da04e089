"""`Worker`: leases what is due, sends it through the gateway, settles each push by itself, and hands over the results.

Three tasks: one leases and starts a `gateway.stream` for each lease, one settles outcomes (as many as are known by then
in one transaction), one hands over results. When the store does not work, nothing more is leased, and the outcomes that
are known wait in memory, no more than were leased. What a worker holds is sent again by another one if it is killed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from functools import partial
from types import TracebackType
from typing import Final, Literal, Self, TypeAlias

import attrs

from pushgateway.gateway import Gateway
from pushgateway.model.checks import as_certificate_id, check_count, check_seconds
from pushgateway.model.errors import FieldError, LoopError, NotTaken, StoreError
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.model.secret import safe_repr, where
from pushgateway.observe.emitter import Emitter, Observer
from pushgateway.observe.events import OutboxChanged
from pushgateway.outbox.content import (
    Content,
    Unreadable,
    decode_context,
    encode_outcome,
    owner_of,
    perhaps,
    push_of,
    push_token_of,
)
from pushgateway.outbox.outbox import CONTENTS, HANDED_OVER, Outbox, Result
from pushgateway.outbox.store import Ask, Done, Later, Leased, SettleTimes
from pushgateway.outbox.verdicts import Rules, UnknownPolicy, Verdict, before_sending, judge, unreadable

log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Sequence[Result]], Awaitable[None]]
"""Takes results. When it returns, the outbox forgets them; when it raises, they are handed over again later."""

AT_ONCE: Final = 500
"""Results in one call of a handler, and rows in one step of housekeeping, at most."""
WAITING_RESULTS: Final = 10_000
"""Results that may wait in memory for a handler; others wait in the store."""
JUMP: Final = 5.0
"""Seconds by which the clock must be ahead of the event loop's to count as a jump."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0
"""Seconds between tries when the store or the handler does not work; each pause is twice the one before."""


@safe_repr
class Worker:
    """Sends what is in an outbox, from `async with` (or `start`) until `aclose`."""

    def __init__(
        self,
        outbox: Outbox,
        gateway: Gateway,
        *,
        results: Handler | Literal["table"] | None = None,
        unknown: UnknownPolicy = "repeat",
        unknown_by_certificate: Mapping[int | str, UnknownPolicy] | None = None,
        timeout: float = 30.0,
        lease: float = 120.0,
        at_once: int = 500,
        newest_first: bool = False,
        give_up_after: float = 3 * 86_400.0,
        most_lost: int = 5,
        poll: float = 1.0,
        observer: Observer | None = None,
    ) -> None:
        """`results`: an async function that gets each `Result` at least once, or a `Webhook`, which is closed with the
        worker; "table": they wait for `Outbox.results`; None: only dead letters are kept. `unknown`: what becomes of a
        push that may have been sent, because there was no verdict or its worker was killed, at a vendor that does not
        drop repeats: "repeat" or "give_up"; `unknown_by_certificate` for single certificate ids. A vendor that drops
        repeats always gets it again under the same id. `timeout`: seconds for one try. `lease`: seconds after which
        another worker takes over what this one has not settled. `at_once`: pushes of one certificate in the gateway at
        a time, about. `newest_first`: after a long outage the newest pushes are sent before the old ones.
        `give_up_after`: seconds since `put` (or its `not_before`) after which a push without `expires` becomes a dead
        letter. `most_lost`:
        leases in a row that may end without an outcome before a push becomes a dead letter, because it may be what
        kills workers. `poll`: seconds between two looks at the store when there is nothing to do. `observer`: called
        with `OutboxChanged`; it may be the gateway's.

        Raises `FieldError`.
        """
        for name, seconds in (("timeout", timeout), ("lease", lease), ("give_up_after", give_up_after), ("poll", poll)):
            check_seconds(f"Worker.{name}", seconds, optional=False)
        check_count("Worker.at_once", at_once)
        check_count("Worker.most_lost", most_lost)
        check_lease("Worker.lease", lease, timeout)
        for policy in (unknown, *(unknown_by_certificate or {}).values()):
            if policy not in ("repeat", "give_up"):
                raise FieldError("Worker.unknown", 'must be "repeat" or "give_up"')
        if results is not None and results != "table" and not callable(results):
            raise FieldError("Worker.results", 'must be an async function, "table" or None')
        self._outbox, self._gateway = outbox, gateway
        self._keep = results is not None
        self._handler = results if callable(results) else None
        self._unknown = unknown
        self._unknown_by = {as_certificate_id(one): policy for one, policy in (unknown_by_certificate or {}).items()}
        self._timeout, self._lease_seconds, self._at_once, self._poll = timeout, lease, at_once, poll
        self._newest_first = newest_first
        self._rules = Rules(give_up_after=give_up_after, most_lost=most_lost)
        self._held: dict[str, Leased] = {}
        self._counts: Counter[tuple[str, int]] = Counter()
        """By certificate id and priority: how many of those held have no outcome yet."""
        self._known: list[tuple[str, Outcome | Verdict]] = []
        self._results: deque[Result] = deque()
        self._messages: OrderedDict[tuple[int, bytes], Content] = OrderedDict()
        self._streams: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._suspect: str | None = None
        self._handing_over = False
        self._offset: float | None = None
        self._no_take_over_until = 0.0
        self._stopping = False
        self._emitter = Emitter(observer, lambda: asyncio.get_running_loop().time())
        self._store_works = _Trouble("store", self._emitter)
        self._handler_works = _Trouble("results", self._emitter)
        self._parts_work = _Trouble("worker", self._emitter)
        self._to_lease, self._to_settle, self._to_hand_over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._progress = asyncio.Event()
        """Something was settled or handed over."""
        self._stop_listening: Callable[[], None] = lambda: None

    @property
    def is_healthy(self) -> bool:
        """False while the store or the handler of results does not work, or after a fault of the worker itself."""
        return self._store_works.is_over and self._handler_works.is_over and self._parts_work.is_over

    @property
    def held(self) -> int:
        """Number of pushes that this worker has leased and not settled."""
        return len(self._held)

    # Life

    def start(self) -> None:
        """Begin. The outbox and the gateway must stay open until `aclose`."""
        if self._tasks:
            return
        self._stop_listening = self._outbox.listen(self._to_lease.set)
        loop = asyncio.get_running_loop()
        parts = [self._lease_all, self._settle_all, self._clean_up]
        if self._handler is not None:
            parts.append(partial(self._hand_over_all, self._handler))
        self._tasks = [loop.create_task(self._keep_running(part)) for part in parts]

    async def aclose(self, grace: float = 10.0) -> None:
        """Lease nothing more, and wait up to `grace` seconds for the outcomes of what is being sent, until they are
        settled and handed over. What has none by then is leased again, here or elsewhere, when its lease has ended."""
        self._stopping = True
        self._stop_listening()
        self._to_lease.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self._tasks and (self._streams or self._held or self._results or self._handing_over):
                    self._progress.clear()
                    await self._progress.wait()
        for task in (*self._tasks, *self._streams):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._streams, return_exceptions=True)
        self._tasks = []
        if (close := getattr(self._handler, "aclose", None)) is not None:
            await close()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _keep_running(self, part: Callable[[], Awaitable[None]]) -> None:
        """Run a part of the worker, and begin it anew if it fails, which is a fault of ours."""
        while True:
            try:
                await part()
            except Exception as error:
                self._parts_work.note(where(error))
                await self._parts_work.pause()
            else:
                return

    # Leasing

    async def _lease_all(self) -> None:
        loop = asyncio.get_running_loop()
        looked = -math.inf  # when a suspect was looked for
        while not self._stopping and not self._gateway.is_closed:
            self._to_lease.clear()
            await self._lease(suspect=False)
            may_look = self._suspect is None and loop.time() >= looked + self._poll
            # At once again if there was one: after a machine has failed, many have lost their workers.
            if may_look and not await self._lease(suspect=True):
                looked = loop.time()
            if not self._store_works.is_over:
                await self._store_works.pause()
            else:
                await _wait(self._to_lease, self._poll)

    async def _lease(self, *, suspect: bool) -> int:
        """Lease what may be sent in addition, or one suspect, and begin to send it. Returns how many were leased."""
        if self._is_behind:
            return 0
        try:
            now = await self._outbox.now()
            ask = Ask(
                lease=self._outbox.rng.getrandbits(62) + 1,
                now=now,
                until=now + self._lease_seconds,
                most=self._at_once,
                held=self._counts,
                newest_first=self._newest_first,
                take_over=self._may_take_over(now),
                suspect=suspect,
            )
            leased = await self._outbox.store.lease(ask)
        except StoreError as trouble:
            self._store_works.note(str(trouble))
            return 0
        self._store_works.end()
        self._begin(leased, now, suspect=suspect)
        return len(leased)

    @property
    def _is_behind(self) -> bool:
        """The store takes long to settle what is known: nothing more is leased before it has."""
        return len(self._held) - self._counts.total() > self._at_once

    def _may_take_over(self, now: float) -> bool:
        """Whether a lease that has ended by the clock has really ended. After a jump of the clock it may belong to a
        worker that is alive, so for one lease's time nothing is taken over."""
        monotonic = asyncio.get_running_loop().time()
        offset, self._offset = self._offset, now - monotonic
        if offset is not None and self._offset - offset > JUMP:
            self._no_take_over_until = monotonic + self._lease_seconds
        return monotonic >= self._no_take_over_until

    def _begin(self, leased: Sequence[Leased], now: float, *, suspect: bool) -> None:
        pushes = []
        kinds = {one: self._gateway.deduplicates(one) for one in {entry.certificate_id for entry in leased}}
        for entry in leased:
            held = self._held.get(entry.dedupe_id)
            if held is not None:  # its lease ended before it could be settled: it is still this worker's
                self._held[entry.dedupe_id] = held._replace(lease=entry.lease)
                continue
            self._held[entry.dedupe_id] = entry
            self._counts[entry.certificate_id, entry.priority] += 1
            if suspect:
                self._suspect = entry.dedupe_id
            push = self._push(entry, kinds[entry.certificate_id], now)
            if push is not None:
                pushes.append(push)
        if pushes:
            task = asyncio.get_running_loop().create_task(self._send(pushes))
            self._streams.add(task)
            task.add_done_callback(self._streams.discard)

    def _push(self, entry: Leased, kind: bool | Literal["message"], now: float) -> Push | None:
        """The push of an entry; None if it has ended without one. `kind`: how repeats of it are dropped, if at all."""
        push_token = push_token_of(entry)
        if entry.lost:
            unknown = self._policy(entry.certificate_id)
            verdict = before_sending(entry, push_token, deduplicates=bool(kind), unknown=unknown, rules=self._rules)
            if verdict is not None:
                self._know(entry.dedupe_id, verdict)
                return None
        left = self._timeout if entry.expires is None else max(min(self._timeout, entry.expires - now), 0.001)
        try:
            content = self._outbox.contents.decode(entry.content)
            if kind == "message" and not content.notification.dedupe_id:
                content = self._named(content, entry)
            return push_of(content, entry, push_token, left)
        except Unreadable as wrong:
            said = str(wrong)
        except Exception as error:  # a fault of ours, which must not stop the others
            said = f"cannot be read ({where(error)})"
        self._know(entry.dedupe_id, Verdict(unreadable(entry, push_token, said), dead=True))
        return None

    def _named(self, content: Content, entry: Leased) -> Content:
        """The same content with an id of the message, by which phones drop repeats: it stays the same whenever the push
        is sent, and all pushes of one `put` with this content have the same, so that they can share requests."""
        key = (entry.lot, entry.content)
        named = self._messages.pop(key, None)
        if named is None:
            name = hashlib.blake2b(entry.content, digest_size=10, key=str(entry.lot).encode()).hexdigest()
            named = content._replace(notification=attrs.evolve(content.notification, dedupe_id=name))
        self._messages[key] = named
        if len(self._messages) > CONTENTS:
            self._messages.popitem(last=False)
        return named

    def _policy(self, certificate_id: str) -> UnknownPolicy:
        return self._unknown_by.get(certificate_id, self._unknown)

    # Sending and settling

    async def _send(self, pushes: Sequence[Push]) -> None:
        without = {push.dedupe_id for push in pushes}
        try:
            async with aclosing(self._gateway.stream(pushes, window=len(pushes))) as outcomes:
                async for outcome in outcomes:
                    without.discard(outcome.dedupe_id)
                    self._know(outcome.dedupe_id, outcome)
        except Exception as wrong:
            said = str(wrong) if isinstance(wrong, LoopError) else where(wrong)
            log.error("the outbox's worker cannot use its gateway, and ends: %s", said)  # noqa: TRY400 - a sentence
            self._parts_work.note(said)
            self._stopping = True
        finally:
            for dedupe_id in without:  # leased again when the lease has ended
                self._leave(dedupe_id)
                self._release(dedupe_id)

    def _know(self, dedupe_id: str, known: Outcome | Verdict) -> None:
        self._known.append((dedupe_id, known))
        self._leave(dedupe_id)
        self._to_settle.set()
        self._to_lease.set()  # now, so that the store can do both in one transaction

    def _leave(self, dedupe_id: str) -> None:
        """This entry is not in the gateway any more: another one may be leased."""
        entry = self._held[dedupe_id]
        self._counts[entry.certificate_id, entry.priority] -= 1

    async def _settle_all(self) -> None:
        while True:
            await self._to_settle.wait()
            self._to_settle.clear()
            known, self._known = self._known, []
            try:
                while not await self._settle(known):
                    await self._store_works.pause()
            except Exception:  # a fault of ours: they are leased again when their leases have ended
                for dedupe_id, _ in known:
                    self._release(dedupe_id)
                raise

    async def _settle(self, known: Sequence[tuple[str, Outcome | Verdict]]) -> bool:
        """Settle entries whose outcomes are known. False: the store does not work."""
        done: list[Done] = []
        later: list[Later] = []
        results: list[Result] = []
        try:
            times = await self._settle_times()
            for dedupe_id, one in known:
                entry = self._held[dedupe_id]
                verdict = self._judge(entry, one, times.now) if isinstance(one, Outcome) else one
                if verdict.due is not None:
                    outcome = encode_outcome(verdict.outcome)
                    more = (verdict.tries, verdict.doubtful, verdict.outcome.attempts)
                    later.append(Later(entry.id, entry.lease, verdict.due, outcome, *more))
                    continue
                outcome = encode_outcome(verdict.outcome) if times.keep or verdict.dead else b""
                done.append(Done(entry.id, entry.lease, outcome, verdict.dead))
                if self._handler is not None:
                    results.append(_result(entry, verdict))
            left = await self._outbox.store.settle(done, later, times)
        except StoreError as trouble:
            self._store_works.note(str(trouble))
            return False
        self._store_works.end()
        was_behind = self._is_behind
        for dedupe_id, _ in known:
            self._release(dedupe_id)
        if was_behind:
            self._to_lease.set()
        if results:
            space = WAITING_RESULTS - len(self._results)
            self._results.extend([one for one in results if one.number not in left][: max(space, 0)])
            self._to_hand_over.set()
        return True

    def _judge(self, entry: Leased, outcome: Outcome, now: float) -> Verdict:
        if outcome.ok and not entry.doubtful and not entry.attempts:
            return Verdict(outcome)  # nearly all
        return judge(
            entry,
            outcome,
            deduplicates=bool(self._gateway.deduplicates(entry.certificate_id)),
            unknown=self._policy(entry.certificate_id),
            rules=self._rules,
            closing=self._gateway.is_closed,
            now=now,
            jitter=self._outbox.rng.random(),
        )

    async def _settle_times(self) -> SettleTimes:
        now = await self._outbox.now()
        # Where a handler gets them from memory, no other worker looks for them before its time is over.
        until = now + HANDED_OVER if self._handler is not None else now
        return SettleTimes(
            now=now, keep=self._keep, handed_over_until=until, remember_until=now + self._outbox.remember
        )

    def _release(self, dedupe_id: str) -> None:
        self._held.pop(dedupe_id, None)
        if dedupe_id == self._suspect:
            self._suspect = None
            self._to_lease.set()  # there may be another one
        self._progress.set()

    # Results

    async def _hand_over_all(self, handler: Handler) -> None:
        loop = asyncio.get_running_loop()
        failed = -math.inf
        while True:
            results = await self._next_results()
            if not results:
                if self._store_works.is_over and loop.time() > failed + 2 * HANDED_OVER:
                    self._handler_works.end()  # what it did not take, another worker has handed over
                await _wait(self._to_hand_over, self._poll)
                continue
            self._handing_over = True
            is_taken = await self._hand_over(results, handler)
            self._handing_over = False
            self._progress.set()
            if not is_taken:
                failed = loop.time()
                await self._handler_works.pause()

    async def _hand_over(self, results: Sequence[Result], handler: Handler) -> bool:
        """Hand over these results. False: the handler has not taken them. They are in the store, and are handed over
        again when its time for them is over."""
        try:
            async with asyncio.timeout(HANDED_OVER):
                await handler(results)
        except Exception as error:  # the host's own code
            self._handler_works.note(str(error) if isinstance(error, NotTaken) else where(error))
            return False
        self._handler_works.end()
        try:
            await self._outbox.take(results)
        except StoreError as trouble:
            self._store_works.note(str(trouble))
        return True

    async def _next_results(self) -> Sequence[Result]:
        """Those that this worker has settled; otherwise those that another one has left."""
        self._to_hand_over.clear()
        if self._results:
            return [self._results.popleft() for _ in range(min(AT_ONCE, len(self._results)))]
        try:
            return await self._outbox.results(AT_ONCE)
        except StoreError as trouble:
            self._store_works.note(str(trouble))
            return ()

    # Housekeeping

    async def _clean_up(self) -> None:
        """End what has expired, and forget what is over."""
        while True:
            with suppress(StoreError):  # whoever leases or settles reports it
                times = await self._settle_times()
                expired = AT_ONCE if self._may_take_over(times.now) else 0
                while expired >= AT_ONCE:
                    expired = await self._outbox.store.expire(times, AT_ONCE)
                    self._to_hand_over.set()
                cleaned = AT_ONCE
                while cleaned >= AT_ONCE:
                    cleaned = await self._outbox.store.clean(times.now, times.now - self._outbox.keep_results, AT_ONCE)
            await asyncio.sleep(self._poll)

    def __repr__(self) -> str:
        return f"Worker({len(self._held)} held)"


def check_lease(field: str, lease: float, timeout: float) -> None:
    """Raise `FieldError` unless outcomes come well before the end of a lease."""
    if lease < 2 * timeout:
        raise FieldError(field, "must be at least twice the timeout")


class _Trouble:
    """Whether something works: an event, and a line in the log, when it stops working and when it works again."""

    def __init__(self, what: Literal["store", "results", "worker"], emitter: Emitter) -> None:
        self._what: Literal["store", "results", "worker"] = what
        self._emitter = emitter
        self.is_over = True
        self._pause = _FIRST_PAUSE

    def note(self, said: str) -> None:
        """It has failed. `said`: why, without content."""
        if self.is_over:
            self._emitter.emit(OutboxChanged(what=self._what, available=False), said)
        self.is_over = False

    def end(self) -> None:
        """It has worked."""
        if not self.is_over:
            self._emitter.emit(OutboxChanged(what=self._what, available=True))
        self.is_over, self._pause = True, _FIRST_PAUSE

    async def pause(self) -> None:
        """Wait before it is tried again; longer each time."""
        pause, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        await asyncio.sleep(pause)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Until the event, but no longer than so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _result(entry: Leased, verdict: Verdict) -> Result:
    outcome = verdict.outcome
    if outcome.context is None and entry.context is not None:  # it was not sent
        outcome = attrs.evolve(outcome, context=perhaps(decode_context, entry.context))
    return Result(
        outcome=outcome,
        owner=perhaps(owner_of, entry),
        put_at=entry.put_at,
        tries=entry.tries,
        dead=verdict.dead,
        number=entry.id,
        lease=entry.lease,
    )
