"""One of a vendor's servers, as one certificate sees it: which pushes go next, when, and what comes of it.

It cuts batches from its line of the queue, sends each as a `Delivery`, and decides what becomes of the pushes: an
outcome, another try, or another batch that is smaller. A batch that was cut is seen through to its end, whatever the
vendor, the network, the plug-in or a cancellation do. One worker at a time holds the build lock, from waiting at the
gate and logging in until its request is built, so that lanes take turns; then all `connections` of them wait for the
vendor side by side. Made by `Lane`, which it does not know.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from functools import partial
from typing import Literal, TypeAlias, TypeVar

import attrs

from pushgateway.engine.build_lock import BuildLock
from pushgateway.engine.delivery import Delivery
from pushgateway.engine.flow_control.gate import Gate, Permit
from pushgateway.engine.flow_control.refused_contents import PROOFS
from pushgateway.engine.flow_control.retry import may_repeat
from pushgateway.engine.pushes.completion import Completions
from pushgateway.engine.pushes.ids import message_ids
from pushgateway.engine.pushes.queue import HalvedBatch, Line
from pushgateway.engine.pushes.runs import Run, is_wanted, joined, separate, size_of
from pushgateway.engine.saved_contents import SavedContents
from pushgateway.engine.session import results
from pushgateway.engine.session.access_tokens import HeldToken, WithoutLogin
from pushgateway.engine.session.vendor_session import VendorSession
from pushgateway.engine.settings import LaneSettings
from pushgateway.engine.workers import Workers
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push
from pushgateway.model.reason import Reason, Status
from pushgateway.observe.traces import BatchTrace
from pushgateway.vendor import AccessToken, Batching
from pushgateway.vendor.refusals import NoVerdict, Refused
from pushgateway.vendor.text import most_quoted

R = TypeVar("R")

CLOSED = "the gateway was closed"
MOST_COUNTED = 10_000
"""Requests that wait, beyond which they are not counted."""
TICK = 0.001
"""Seconds; a shorter pause may be below the resolution of the clock, and would be repeated for ever."""


class _NotSent(Exception):
    """What had to come before the request of a batch did not come: nothing of the batch has left. `cause`: why; None:
    its pushes wait again, as pushes of `part`."""

    def __init__(self, cause: Exception | None = None, part: Hashable = None) -> None:
        super().__init__()
        self.cause = cause
        self.part = part


class Endpoint:
    """One of a vendor's servers, as one certificate sees it."""

    def __init__(
        self,
        name: str,
        gate: Gate,
        settings: LaneSettings,
        line: Line,
        completions: Completions,
        *,
        requeue: Callable[[Sequence[Run], Hashable], None],
        retry: Callable[[Sequence[tuple[Run, Sequence[Outcome]]], int, float], None],
    ) -> None:
        """`name`: the vendor's key for it. `line`: what waits for it. `requeue` puts runs into the queue again, as
        pushes of a part. `retry` has runs tried again, after so many tries and not before so many seconds; the outcomes
        are those that they have if there is no time for it."""
        self.name = name
        self.gate = gate
        self.line = line
        self.settings = settings
        self._completions = completions
        self._requeue = requeue
        self._retry = retry
        self._loop = asyncio.get_running_loop()
        self._contents = SavedContents()
        self.workers = Workers(settings.connections, self)
        self._build_lock = BuildLock(settings.connections)
        self._alarm: asyncio.Future[None] | None = None
        self._asking: list[int] = []  # the targets of each `ask` that waits at the gate
        self._left_at: dict[Hashable, float] = {}  # parts that left just now, the oldest first; see `rests`
        self._access: AccessToken | None = None  # of the last batch, for traces
        # The access token of `_held_by`, until it has to be asked for again.
        self._held: HeldToken | WithoutLogin | None = None
        self._held_by: VendorSession | None = None

    async def send_next(self) -> None:
        """Wait until something may leave, cut a batch at the last moment, and see it through to its end."""
        self.settings.catch_up()
        session = self.settings.session
        failure: Refused | NoVerdict | None = None
        held = self._usable_access(session)
        access = None if held is None else held.access
        must_wait = not self.gate.is_free and self._delay() > 0
        if held is None or must_wait or not self._build_lock.take():
            access, failure = await self.workers.interruptible(self._ready(session))
        delivery: Delivery | None = None
        try:
            delivery = self._cut(session, access)
        finally:
            if delivery is None:
                self._build_lock.give_back()
        if delivery is None:
            await asyncio.sleep(0)  # what is answered here is answered without holding the loop
            return
        try:
            if failure is None:
                try:
                    send = delivery.send if delivery.content is None else partial(self._send_saved, delivery)
                    outcomes = await send(access)
                except Exception as failed:
                    self._failed(delivery, failed)
                else:
                    self._answered(delivery, outcomes)
            else:
                delivery.failed(failure, login=True)
                self._conclude(delivery, [results.before(push, failure) for push in delivery.batch])
                delivery.built()
                await asyncio.sleep(0)  # a long queue fails without holding the loop
        except asyncio.CancelledError:
            self._completions.cut_off(delivery.runs, CLOSED)
            raise
        except BaseException as error:
            # Not a plug-in's fault, those are caught where they happen: ours.
            self._completions.cut_off(delivery.runs, f"the gateway itself failed: {type(error).__name__}")
            raise
        finally:
            delivery.over()
            if self._alarm is not None:
                self.wake()

    def called(self, run: Run, *, alone: bool) -> None:
        """A run came into its line; one that is `alone` in its request, or in haste, waits for no others."""
        if not self.workers.called:
            self.workers.call(at_once=alone or self._is_in_haste(run))
        if run.priority is Priority.URGENT:
            self.wake()

    def rests(self, run: Run, part: Hashable) -> bool:
        """Whether a run was put aside for a moment, because a push of its part has just left: the others of a group
        chat may come in one by one. The first one leaves at once, and these gather behind it."""
        if part not in self._left_at and part not in self.line.resting:
            return False
        in_haste = run.priority is Priority.URGENT or self._is_in_haste(run)
        resting = self.line.resting.get(part)
        if resting is None:
            now = self._loop.time()
            due = self._left_at[part] + self.settings.rests
            if in_haste or now >= due:
                return False
            self.line.resting[part] = [run]
            self._loop.call_at(due, self._rouse, part)
            return True
        resting.append(run)
        if in_haste or size_of(resting) >= self.settings.batch_size:
            self._rouse(part)
        return True

    def _is_in_haste(self, run: Run) -> bool:
        """Whether it has hardly any time: of one that is tried again, most may be over."""
        return run.deadline - (self._loop.time() if run.tries else run.begun) <= self.settings.in_haste

    def hurry(self) -> None:
        """Nothing waits for others to share its request from now on."""
        for part in list(self.line.resting):
            self.line.rouse(part)
        if self.line.size:
            self.workers.call(at_once=True)

    def _rouse(self, part: Hashable) -> None:
        if self.line.rouse(part):
            self.workers.call(at_once=True)

    def _note_left(self, part: Hashable, now: float) -> None:
        """Pushes of this part leave now. Forgotten when its followers need not rest any more."""
        if not self._left_at:
            self._loop.call_at(now + self.settings.rests, self._forget_left)
        self._left_at.pop(part, None)  # to the end of the row
        self._left_at[part] = now

    def _forget_left(self) -> None:
        before = self._loop.time() - self.settings.rests
        for part, left_at in list(self._left_at.items()):
            if left_at > before + TICK:
                self._loop.call_at(left_at + self.settings.rests, self._forget_left)
                return
            del self._left_at[part]

    def renew(self, gate: Gate) -> None:
        """The settings changed: nothing that was learned with the old ones counts, and nobody waits for it."""
        self.gate.replaced()
        self.gate = gate
        self.workers.resize(self.settings.connections)
        self._build_lock.resize(self.settings.connections)
        self._contents = SavedContents()
        self.workers.interrupt()
        self.wake()

    @property
    def waiting(self) -> int:
        """Pushes that wait for a request, and targets of what waits beside the queue."""
        return self.line.size + sum(self._asking)

    @property
    def waiting_requests(self) -> int:
        """Requests that they need, at least; of pushes `MOST_COUNTED` at most."""
        return self.line.batches(self.settings.batch_size, MOST_COUNTED) + len(self._asking)

    def wake(self) -> None:
        """Something changed: whoever waits at the gate shall look again."""
        if self._alarm is not None and not self._alarm.done():
            self._alarm.set_result(None)

    def answered_elsewhere(self, at: float) -> None:
        """Another process has had an answer of the vendor at this time, after an outage (loop seconds): if nothing has
        failed here since, the next request is sent now, with that process's access token."""
        if self.gate.answered_elsewhere(self._loop.time(), at):
            self.settings.session.end_pause(self.name)
            self.wake()

    # Before

    async def _ready(self, session: VendorSession) -> tuple[AccessToken | None, Refused | NoVerdict | None]:
        """Wait for the build lock, for the gate and for an access token, or for the login to fail. The lock is held
        afterwards."""
        if not self._build_lock.take():
            await self._build_lock.wait()
        try:
            return await self._pass_gate(session)
        except BaseException:
            self._build_lock.give_back()
            raise

    async def _pass_gate(self, session: VendorSession) -> tuple[AccessToken | None, Refused | NoVerdict | None]:
        while True:
            while (delay := self._delay()) > 0:
                await self._wait_at_gate(delay)
            if not self.line.size:
                return None, None
            try:
                access = await session.login(self.name)
            except (Refused, NoVerdict) as failed:
                return None, failed
            if not self._delay():  # much may have happened while we logged in
                return access, None

    def _usable_access(self, session: VendorSession) -> HeldToken | WithoutLogin | None:
        """What is held of the access token, where nothing has to be done for it. The cache is asked only when that may
        have changed, because to ask it takes a dozen calls."""
        held = self._held
        if held is None or held.is_forgotten or session is not self._held_by or self._loop.time() >= held.renew:
            held = self._held = session.held(self.name)
            self._held_by = session
        return held

    def _delay(self) -> float:
        if not self.line.size:
            return 0.0  # there is nothing to wait for any more
        return self.gate.delay(self._loop.time(), urgent=self.line.has_urgent)

    async def _pause(self, seconds: float) -> None:
        alarm = self._alarm = self._loop.create_future()
        timer = None if seconds == math.inf else self._loop.call_later(max(seconds, TICK), self.wake)
        try:
            await alarm
        finally:
            if timer is not None:
                timer.cancel()
            self._alarm = None

    def _cut(self, session: VendorSession, access: AccessToken | None) -> Delivery | None:
        """The next batch with a permit to leave; None where there is none, because its pushes were answered here."""
        if self.settings.renewal is not None:
            self.settings.catch_up()
        if session is not self.settings.session:
            return None  # replaced meanwhile: begin anew with the new settings
        settings, gate, completions, now = self.settings, self.gate, self._completions, self._loop.time()
        batching = self._batching(now) if gate.size_limit.is_known else settings.vendor.batching
        most = settings.batch_size
        if not gate.is_free:
            most = gate.next_size(now, most, mixed=batching.mixed)
        if batching.saves and not gate.may_save(now):
            most = 1
        runs, part = self.line.cut(batching, settings.vendor.weigh_each, most)
        runs = completions.in_time(runs, now, gate.seconds_needed)
        if not gate.contents.is_empty:
            runs = self._without_refused(runs, now)
        if not runs:
            return None
        # One quota for all of them: what counts against another one is of another part.
        if gate.may_refuse and (refusal := gate.obstacle(now, runs[0].quota)) is not None:
            for run in runs:
                completions.refused(run, refusal)
            return None
        self.workers.last_cut = now
        if settings.rests and not isinstance(part, HalvedBatch):
            self._note_left(part, now)
        return self._permitted(runs, part, access, now)

    def _permitted(self, runs: list[Run], part: Hashable, access: AccessToken | None, now: float) -> Delivery:
        """A delivery of these, which may leave now."""
        gate, session = self.gate, self.settings.session
        signer, marks = self.settings.options.signer, self.settings.vendor.marks
        if signer is not None and marks == "push":
            for run in runs:
                run.change(signer.sign)
        if session.vendor.deduplicates == "message":
            _name_messages(runs)
        size, is_repeat = 0, True
        for run in runs:
            size += run.size
            is_repeat = is_repeat and run.tries > 0
        if not is_repeat:
            gate.budget.first()
        batching, content = session.vendor.batching, None
        if batching.saves and size >= batching.least and gate.may_save(now):
            content = self._contents.join(runs[0].notifications[0])
        permit = gate.admit(now, size)
        if self._completions.traces is not None:
            how: Literal["", "cached", "fetched"] = ""
            if access is not None:
                how = "cached" if access is self._access else "fetched"
            self._access = access
            trace = BatchTrace(self.name, size, now, how)
            trace.reports_later = session.vendor.reports_later
            for run in runs:
                run.trace = trace
        return Delivery(
            runs,
            permit,
            part=part,
            gate=gate,
            session=session,
            completions=self._completions,
            release=self._build_lock.give_back,
            put_aside=self._put_aside,
            signer=signer if marks == "message" else None,
            content=content,
            leave=self._leave,
        )

    def _batching(self, now: float) -> Batching:
        """The plug-in's, with the size of requests that was found to be the most."""
        batching, most = self.settings.vendor.batching, self.gate.size_limit.current(now)
        if most >= (batching.max_bytes or math.inf):
            return batching
        return attrs.evolve(batching, max_bytes=max(1, int(most)))

    def _without_refused(self, runs: Sequence[Run], now: float) -> list[Run]:
        """Answer those whose notification was refused just now; the others."""
        refusal_of = self.gate.contents.refusal
        others: list[Run] = []
        for run in runs:
            refusals = [refusal_of(note, now) for note in run.notifications]
            for refusal, part, _ in run.grouped(refusals):
                if refusal is None:
                    others.append(part)
                    continue
                outcomes = [refusal.outcome(push, sent=part.attempts > 0) for push in part.pushes]
                self._completions.finish(part, [attrs.evolve(one, attempts=0) for one in outcomes])
        return others

    async def ask(
        self,
        quota: str,
        targets: int,
        deadline: float,
        attempt: Callable[[], Awaitable[R]],
        content: int | None = None,
    ) -> R:
        """Something beside the queue: hold a connection, and `attempt` it once the gate is open.

        `content`: a number for what is sent, as in `Breaker.refused`.

        Raises what `attempt` raises, and `Refused` where waiting cannot help, with `EXPIRED` when the deadline
        comes first.
        """
        try:
            async with asyncio.timeout_at(deadline):
                gate, permit = await self._pass(quota, targets, deadline)
        except TimeoutError:
            raise Refused(Reason.EXPIRED, detail="the deadline passed before it could leave") from None
        try:
            result = await attempt()
            gate.answered(self._loop.time(), permit, (), quota)
            return result
        except (Refused, NoVerdict) as error:
            if isinstance(error, NoVerdict) or error.reason in results.OF_THE_VENDOR:
                content = None if isinstance(error, Refused) and results.is_of_the_login(error) else content
                gate.failed(self._loop.time(), permit, error, quota, content)
            raise
        finally:
            self.workers.connections.give_back()
            gate.release(self._loop.time(), permit)
            self.wake()

    async def _pass(self, quota: str, targets: int, deadline: float) -> tuple[Gate, Permit]:
        """Get a connection, to be given back, and through the gate."""
        self._refuse(quota, deadline)  # before standing in line for nothing
        if not self.workers.connections.take():
            await self.workers.connections.wait()
        try:
            if not self._build_lock.take():
                await self._build_lock.wait()
            try:
                self._asking.append(targets)
                try:
                    return await self._admitted(quota, targets, deadline)
                finally:
                    self._asking.remove(targets)
            finally:
                self._build_lock.give_back()
        except BaseException:
            self.workers.connections.give_back()
            raise

    async def _admitted(self, quota: str, targets: int, deadline: float) -> tuple[Gate, Permit]:
        """Wait at the gate until it admits a request for so many targets."""
        while True:
            self._refuse(quota, deadline)
            now = self._loop.time()
            delay = self.gate.delay(now)
            if delay <= 0:
                return self.gate, self.gate.admit(now, targets)
            await self._wait_at_gate(delay)

    async def _wait_at_gate(self, delay: float) -> None:
        self.gate.note_wait(self._loop.time())
        await self._pause(delay)

    def _refuse(self, quota: str, deadline: float) -> None:
        if (refusal := self.gate.obstacle(self._loop.time(), quota, deadline)) is not None:
            raise refusal

    # On its way

    async def _send_saved(self, delivery: Delivery, access: AccessToken | None) -> Sequence[Outcome]:
        """Send a batch whose notification the vendor stores before; once more, with a new one, if the vendor does not
        know the stored one any more.

        Raises `_NotSent`, and what `Delivery.send` raises.
        """
        delivery.built()  # to save takes a round trip: others may build meanwhile
        is_again = False
        while True:
            try:
                stored = await delivery.have_stored(access)
            except Exception as failed:
                self._check_again(delivery)
                raise _NotSent(failed) from None
            self._check_again(delivery)
            access = await delivery.session.renewed(self.name)
            try:
                return await delivery.send(access)
            except Refused as refused:
                if refused.about != "saved":
                    raise
                delivery.forget(stored)
                if is_again:
                    detail = refused.detail or "the vendor does not know the content that it has just stored"
                    raise Refused(Reason.UNAVAILABLE, refused.code, refused.message, detail=detail) from None
            delivery.access_refused()
            is_again = True

    def _check_again(self, delivery: Delivery) -> None:
        """Much may have happened while a content was saved. Raises `_NotSent` if the batch may not leave any more, or
        not as it is."""
        settings, gate, now = self.settings, self.gate, self._loop.time()
        settings.catch_up()
        if settings.end is not None:
            reason, detail = settings.end
            raise _NotSent(Refused(reason, detail=detail))
        if settings.session is not delivery.session:
            raise _NotSent  # it goes with the new settings
        refusal = None
        if gate.may_refuse and not delivery.is_probe:  # to which an open breaker is no obstacle
            refusal = gate.obstacle(now, delivery.runs[0].quota)
        if refusal is not None:
            raise _NotSent(refusal)
        if delivery.stored is None and not gate.may_save(now):
            raise _NotSent(part=HalvedBatch(1, _base(delivery.part)))

    def _leave(self, delivery: Delivery) -> None:
        if delivery.content is not None:
            is_needed = delivery.comes_again or self.line.holds(delivery.part)
            self._contents.leave(delivery.content, is_needed=is_needed)

    def _not_sent(self, delivery: Delivery, why: _NotSent) -> None:
        cause = why.cause
        if cause is None:
            self._wait_again(delivery, delivery.runs, why.part)
        elif isinstance(cause, Refused | NoVerdict):
            self._conclude(delivery, [results.before(push, cause) for push in delivery.batch])
        else:
            detail = delivery.session.vendor.blame(cause)
            self._conclude(delivery, results.broken(delivery.batch, detail, asked=False))

    def _wait_again(self, delivery: Delivery, runs: Sequence[Run], part: Hashable) -> None:
        """Pushes of a batch wait for another one, as far as they are wanted."""
        delivery.comes_again = True
        self._requeue([run for run in runs if is_wanted(run)], part)

    def _put_aside(self, delivery: Delivery, runs: Sequence[Run], refusal: Refused) -> None:
        """Pushes of a batch cannot be sent now, for a cause that is not the vendor's: each has an outcome or another
        try. The others of the batch go on."""
        again: dict[tuple[int, float], list[tuple[Run, Sequence[Outcome]]]] = {}
        for run in runs:
            run.tries += 1
            if not run.settled:
                self._sort(run, [refusal.outcome(push, sent=False) for push in run.pushes], again)
        for (tries, retry_after), those in again.items():
            delivery.comes_again = True
            self._retry(those, tries, retry_after)

    def _answered(self, delivery: Delivery, outcomes: Sequence[Outcome]) -> None:
        """The vendor answered about each push."""
        if not self.gate.contents.is_empty:
            taken = {push.notification for push, one in zip(delivery.batch, outcomes, strict=True) if one.ok}
            self.gate.contents.accepted(taken, self._loop.time())
        self._conclude(delivery, outcomes)

    def _failed(self, delivery: Delivery, error: Exception) -> None:
        """The request was refused as a whole, had no verdict, or the plug-in failed. Each push has an outcome or
        another try afterwards."""
        has_left, reached = delivery.of_this_try > 0, True
        if isinstance(error, _NotSent):
            self._not_sent(delivery, error)
            return
        if isinstance(error, Refused):
            delivery.failed(error)
            if self._searched(delivery, error):
                return
            outcomes = results.refused(delivery.batch, error, asked=has_left)
        elif isinstance(error, NoVerdict):
            delivery.failed(error)
            outcomes, reached = results.silent(delivery.batch, error), error.sent
        else:
            detail = delivery.session.vendor.blame(error)
            if not has_left and delivery.pushes > 1:  # one push may be to blame, and finding it costs no request
                self._halve(delivery, delivery.runs)
                return
            outcomes = results.broken(delivery.batch, detail, asked=has_left)
        self._conclude(delivery, outcomes, reached=reached)

    def _searched(self, delivery: Delivery, refused: Refused) -> bool:
        """Send a batch that was refused as a whole again, in smaller ones, to find the pushes that are meant.

        False: all of it is meant, because the refusal is about the vendor or the certificate, about one push alone,
        about the compartment that all its pushes have, or about their one notification. A search costs at most two
        requests for each push, as vendors without batches would; rate, quota, breaker and deadlines hold for these
        requests as for all.
        """
        if results.is_of_the_vendor(refused) or refused.about == "compartment":
            return False
        kept = results.kept(delivery.batch, refused)
        left = delivery.pushes - len(kept)
        if not delivery.of_this_try:
            is_common, probes = False, 0
        elif refused.about == "size":
            if left > 1:
                sizes = [self._weigh(push) for place, push in enumerate(delivery.batch) if place not in kept]
                self.gate.size_limit.refused(self._loop.time(), sum(sizes))
            is_common, probes = False, 0
        else:
            notes = {push.notification for place, push in enumerate(delivery.batch) if place not in kept}
            is_common, probes = self._judge_content(notes, left, delivery.part, refused)
        if left < 2 or is_common:
            return False
        rest = delivery.runs
        if kept:
            known, rest = separate(delivery.runs, kept)
            places = sorted(kept)
            for run in known:
                self._completions.finish(run, [kept[place] for place in places[: run.size]])
                del places[: run.size]
        self._halve(delivery, rest, probes=probes)
        return True

    def _judge_content(
        self, notes: Collection[Notification], targets: int, part: Hashable, refused: Refused
    ) -> tuple[bool, int]:
        """Whether what was refused is the one notification that all these pushes have, and how many of them should now
        go alone to find that out. `targets`: how many pushes they are."""
        if len(notes) != 1 or refused.about == "target" or refused.reason in results.OF_A_PHONE:
            return False, 0
        (note,), contents, now = notes, self.gate.contents, self._loop.time()
        if refused.about == "content":
            contents.refused(note, now, refused)
            return True, 0
        if refused.reason is Reason.CREDENTIALS:  # no code of the vendor's: a firewall judges texts, not tokens
            contents.refused(note, now, refused, proofs=1)
            return True, 0
        if targets == 1:
            if isinstance(part, HalvedBatch):
                contents.refused(note, now, refused, proofs=1)
            return False, 0
        if contents.refusal(note, now) is not None:
            return True, 0
        probes = 0 if note in contents else PROOFS
        contents.refused(note, now, refused, proofs=0)
        return False, probes

    def _halve(self, delivery: Delivery, runs: Sequence[Run], *, probes: int = 0) -> None:
        """Have pushes of a batch go again in batches of at most half of them; `probes` of them alone."""
        base, half = _base(delivery.part), -(-size_of(runs) // 2)
        delivery.comes_again = True
        for run in runs:
            run.attempts += delivery.of_this_try > 0
        there = [run for run in runs if is_wanted(run)]
        if probes and (count := size_of(there)):
            alone, there = separate(there, range(0, count, max(1, count // probes))[:probes])
            self._requeue(alone, HalvedBatch(1, base))
        self._requeue(there, HalvedBatch(half, base))

    def _weigh(self, push: Push) -> int:
        return self.settings.vendor.weigh(push.notification) + most_quoted(push.push_token.token + push.dedupe_id)

    def _conclude(self, delivery: Delivery, outcomes: Sequence[Outcome], *, reached: bool = True) -> None:
        """Give each push its outcome, or another try. `reached`: False if it is certain that the request did not reach
        the vendor. Such an attempt takes nothing from the budget of repeats: it has loaded nobody, and while the vendor
        cannot be reached the breaker lets few requests through."""
        if delivery.trace is not None:
            delivery.trace.ended_at = self._loop.time()
        if _is_usual(delivery.runs, outcomes):
            self._completions.accepted(delivery.runs, outcomes)
            return
        again: dict[tuple[int, float], list[tuple[Run, Sequence[Outcome]]]] = {}
        start = 0
        for run in delivery.runs:
            end = start + run.size
            run.tries += 1
            if not run.settled:
                self._sort(run, outcomes[start:end], again)
            start = end
        in_budget = bool(again) and (not reached or self.gate.budget.spend(self._loop.time()))
        for (tries, retry_after), those in again.items():
            if in_budget:
                delivery.comes_again = True
                self._retry(those, tries, retry_after)
                continue
            for run, theirs in those:
                self._completions.finish(run, theirs)

    def _sort(
        self,
        run: Run,
        outcomes: Sequence[Outcome],
        again: dict[tuple[int, float], list[tuple[Run, Sequence[Outcome]]]],
    ) -> None:
        """Finish those of a run that are not to be tried again, and put the others into `again`."""
        drops, left, first = self._completions.deduplicates, run.sink.is_abandoned, run.tries == 1 and not run.attempts
        keys: list[_Ending] = []
        for place, outcome in zip(run.places, outcomes, strict=True):
            if outcome.status is Status.ACCEPTED:
                keys.append(_ACCEPTED if first else _ENDED)
            elif may_repeat(outcome, drops) and not left((place,)):
                keys.append((outcome.retry_after or 0.0, outcome.attempts, outcome.status is Status.UNKNOWN))
            else:
                keys.append(_ENDED)
        for key, part, indices in run.grouped(keys):
            theirs = outcomes if part.size == len(outcomes) else [outcomes[index] for index in indices]
            if key == _ACCEPTED:
                self._completions.accepted((part,), theirs)
            elif key == _ENDED:
                self._completions.finish(part, theirs)
            else:
                again.setdefault((part.tries, key[0]), []).append((part, theirs))


def _base(part: Hashable) -> Hashable:
    """The part that pushes had before their batch was halved."""
    return part.of if isinstance(part, HalvedBatch) else part


def _name_messages(runs: Sequence[Run]) -> None:
    """Give pushes that have none their message ids."""
    new = [run for run in runs if not run.has_message_ids]
    if not new:
        return
    batch, start = joined(new), 0
    ids = message_ids(batch.notifications, batch.dedupe_ids, batch.push_tokens[0].certificate_id)
    for run in new:
        run.pushes.under(ids[start : start + run.size])
        start += run.size


_Ending: TypeAlias = tuple[float, int, bool]
"""What pushes that are tried again together have in common: seconds to wait, attempts, and whether it is in doubt."""
_ACCEPTED: _Ending = (-1.0, 0, False)
_ENDED: _Ending = (-2.0, 0, False)


def _is_usual(runs: Sequence[Run], outcomes: Sequence[Outcome]) -> bool:
    """Whether all were accepted at the first attempt and none has its outcome yet: nearly always."""
    for run in runs:
        if run.tries or run.attempts or run.settled:
            return False
    accepted = Status.ACCEPTED  # enum members are looked up in Python
    for outcome in outcomes:
        if outcome.status is not accepted:
            return False
    return bool(runs)
