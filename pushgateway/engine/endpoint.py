"""One of a vendor's servers, as one certificate sees it: who goes next, on what conditions, and what comes back.

Law of this file: a batch that was cut is seen through to its end. Each of its pushes gets an outcome or another try,
whatever the vendor, the network, the plug-in or a cancellation do. One worker at a time stands at the gate, logs in,
cuts and builds its batch, so that lanes take turns; then all `connections` of them wait for the vendor side by side.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

import attrs

from pushgateway.engine.delivery import Delivery, Turn
from pushgateway.engine.flow_control.gate import Gate, Permit
from pushgateway.engine.flow_control.refused_contents import PROOFS
from pushgateway.engine.flow_control.retry import may_repeat
from pushgateway.engine.pushes.runs import Cohort, Flight, Item, Part, Waiting, each, present
from pushgateway.engine.session import results
from pushgateway.engine.session.vendor_session import VendorSession
from pushgateway.engine.workers import Workers
from pushgateway.model.batch import Batch
from pushgateway.model.errors import NoVerdict, Refused
from pushgateway.model.intent import Priority
from pushgateway.model.outcome import Outcome, Reason, Status
from pushgateway.observe.traces import BatchTrace
from pushgateway.vendor import AccessToken, Batching
from pushgateway.vendor.text import most_quoted

if TYPE_CHECKING:
    from pushgateway.engine.lane import Lane

R = TypeVar("R")

CLOSED = "the gateway was closed"
TICK = 0.001
"""Seconds; a shorter pause may be less than what the clock can tell, and would be made again for ever."""


class Endpoint:
    """One of a vendor's servers."""

    def __init__(self, lane: Lane, name: str, gate: Gate, connections: int) -> None:
        self.name = name
        self.gate = gate
        self.workers = Workers(connections, self)
        self.lane = lane
        self._loop = asyncio.get_running_loop()
        self._bench = asyncio.Lock()  # fair: first come, first served
        self._alarm: asyncio.Future[None] | None = None
        self._access: AccessToken | None = None  # of the last batch, for traces

    # What its crew asks

    @property
    def linger(self) -> float:
        """See `workers.Work`."""
        return self.lane.linger

    @property
    def is_alone(self) -> bool:
        """See `workers.Work`."""
        return self.lane.full == 1

    def is_full(self) -> bool:
        """See `workers.Work`."""
        return self.lane.queue.waiting(self.name) >= self.lane.full

    def batches(self, most: int) -> int:
        """See `workers.Work`."""
        return self.lane.queue.batches(self.name, self.lane.full, most)

    async def take_up(self) -> None:
        """Wait until something may leave, cut a batch at the last moment, and see it through."""
        lane, session, turn = self.lane, self.lane.session, Turn(self._bench)
        try:
            failure: Refused | NoVerdict | None = None
            access = session.held(self.name)
            if access is None or self._bench.locked() or self._delay() > 0:
                access, failure = await self.workers.interruptible(self._ready(session, turn))
            else:  # nothing has to be waited for: nearly always, and at a tenth of the price
                await turn.begin()
                if self._delay() > 0:
                    return
            if session is not lane.session:
                return  # replaced meanwhile: begin anew with the new settings
            delivery = self._cut(session, turn)
            if delivery is None:
                turn.end()
                await asyncio.sleep(0)  # what is answered here is answered without holding the loop
                return
            self.workers.batch_left()
            if lane.traces is not None:
                self._trace(delivery.flight, access)
            await self._fly(delivery, access, failure)
        finally:
            turn.end()

    def _trace(self, flight: Flight, access: AccessToken | None) -> None:
        known, self._access = self._access, access
        how: Literal["", "cached", "fetched"] = "" if access is None else "cached" if access is known else "fetched"
        flight.leg = BatchTrace(self.name, flight.size, self._loop.time(), how)

    def called(self, row: Sequence[Item], *, alone: bool) -> None:
        """Pushes of one priority came in for it; one that is `alone` or in haste waits for no company."""
        if not self.workers.called:
            self.workers.call(at_once=alone or any(one.deadline - one.begun <= self.lane.hasty for one in row))
        if row[0].priority is Priority.URGENT:
            self.wake()

    def renew(self, gate: Gate) -> None:
        """The settings changed: nothing that was learned with the old ones counts, and nobody waits for it."""
        self.gate.replaced()
        self.gate = gate
        self.workers.interrupt()
        self.wake()

    def wake(self) -> None:
        """Something changed: whoever stands at the gate shall look again."""
        if self._alarm is not None and not self._alarm.done():
            self._alarm.set_result(None)

    # Before

    async def _ready(self, session: VendorSession, turn: Turn) -> tuple[AccessToken | None, Refused | NoVerdict | None]:
        """It is our turn, the gate is open, and there is an access token, or the login failed."""
        await turn.begin()
        while True:
            await self._open_gate()
            if not self.lane.queue.waiting(self.name):
                return None, None
            try:
                access = await session.login(self.name)
            except (Refused, NoVerdict) as failed:
                return None, failed
            if not self._delay():  # much may have happened while we logged in
                return access, None

    def _delay(self) -> float:
        queue = self.lane.queue
        if not queue.waiting(self.name):
            return 0.0  # there is nothing to wait for any more
        return self.gate.delay(self._loop.time(), urgent=queue.has_urgent(self.name))

    async def _open_gate(self) -> None:
        while (delay := self._delay()) > 0:
            await self._pause(delay)

    async def _pause(self, seconds: float) -> None:
        alarm = self._alarm = self._loop.create_future()
        timer = None if seconds == math.inf else self._loop.call_later(max(seconds, TICK), self.wake)
        try:
            await alarm
        finally:
            if timer is not None:
                timer.cancel()
            self._alarm = None

    def _cut(self, session: VendorSession, turn: Turn) -> Delivery | None:
        lane = self.lane
        now = self._loop.time()
        size = self.gate.next_size(now, lane.full)
        batching = self._batching(now) if self.gate.size_limit.is_known else lane.terms.batching
        taken, part = lane.queue.cut(self.name, batching, lane.terms.weigh, size)
        taken = lane.still_wanted(taken, now, self.gate.seconds_needed)
        if self.gate.contents:
            taken = self._without_refused(taken, now)
        if not taken:
            return None
        one = taken[0]
        note = one.notification if isinstance(one, Cohort) else one.push.notification
        quota = lane.terms.quota(note)  # one for all of them: others are of another part
        if (refusal := self.gate.obstacle(now, quota)) is not None:
            for waiting in each(taken):
                lane.finish(waiting, Outcome.refused(waiting.push, refusal, sent=False))
            return None
        if lane.signer is not None:
            for item in taken:
                if isinstance(item, Cohort):
                    item.batch = Batch.of(map(lane.signer.on, item.batch))
                else:
                    item.push = lane.signer.on(item.push)
        return Delivery(self, session, Flight(taken), part=part, quota=quota, turn=turn)

    def _batching(self, now: float) -> Batching:
        """The plug-in's, with the size of requests that was found to be the most."""
        batching, most = self.lane.terms.batching, self.gate.size_limit.current(now)
        if most >= (batching.max_bytes or math.inf):
            return batching
        return attrs.evolve(batching, max_bytes=max(1, int(most)))

    def _without_refused(self, taken: list[Item], now: float) -> list[Item]:
        """Answer those whose notification was refused just now; the others."""
        left: list[Item] = []
        for item in taken:
            notes = item.notifications if isinstance(item, Cohort) else (item.push.notification,)
            if not any(self.gate.contents.refusal(note, now) for note in notes):
                left.append(item)
                continue
            for waiting in each((item,)):
                if (refusal := self.gate.contents.refusal(waiting.push.notification, now)) is None:
                    left.append(waiting)
                else:
                    outcome = Outcome.refused(waiting.push, refusal, sent=waiting.attempts > 0)
                    self.lane.finish(waiting, attrs.evolve(outcome, attempts=0))
        return left

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

        Raises what `attempt` raises, and `Refused` where waiting would be in vain, with `EXPIRED` when the deadline
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
                content = None if isinstance(error, Refused) and error.about == "login" else content
                gate.failed(self._loop.time(), permit, error, quota, content)
            raise
        finally:
            self.workers.free.release()
            gate.release(self._loop.time, permit)
            self.wake()

    async def _pass(self, quota: str, targets: int, deadline: float) -> tuple[Gate, Permit]:
        """Get a connection, to be given back, and through the gate."""
        self._refuse(quota, deadline)  # before standing in line for nothing
        await self.workers.free.acquire()
        try:
            async with self._bench:
                while True:
                    self._refuse(quota, deadline)
                    now = self._loop.time()
                    delay = self.gate.delay(now)
                    if delay <= 0:
                        return self.gate, self.gate.admit(now, targets)
                    await self._pause(delay)
        except BaseException:
            self.workers.free.release()
            raise

    def _refuse(self, quota: str, deadline: float) -> None:
        if (refusal := self.gate.obstacle(self._loop.time(), quota, deadline)) is not None:
            raise refusal

    # On its way

    async def _fly(self, delivery: Delivery, access: AccessToken | None, failure: Refused | NoVerdict | None) -> None:
        """Deliver a batch; whatever happens on the way, each of its pushes has an outcome or another try."""
        lane, flight = self.lane, delivery.flight
        try:
            if failure is not None:
                delivery.failed(failure, login=True)
                self.conclude(flight, [results.before(push, failure) for push in flight.pushes])
                delivery.turn.end()
                await asyncio.sleep(0)  # a long queue fails without holding the loop
                return
            await self._deliver(delivery, access)
        except asyncio.CancelledError:
            lane.cut_off(flight, CLOSED)
            raise
        except BaseException as error:
            # Not a plug-in's fault, those are caught where they happen: ours.
            lane.cut_off(flight, f"the gateway itself failed: {type(error).__name__}")
            raise
        finally:
            delivery.over()

    async def _deliver(self, delivery: Delivery, access: AccessToken | None) -> None:
        flight, part = delivery.flight, delivery.part
        try:
            outcomes = await delivery.session.with_access(self.name, access, delivery.run, delivery.expired)
            delivery.heard(outcomes)
            if self.gate.contents:
                taken = {push.notification for push, one in zip(flight.pushes, outcomes, strict=True) if one.ok}
                self.gate.contents.accepted(taken, self._loop.time())
        except Refused as refused:
            delivery.failed(refused)
            if self._searched(flight, part, refused):
                return
            outcomes = results.refused(flight.pushes, refused, asked=flight.asked)
        except NoVerdict as silent:
            delivery.failed(silent)
            outcomes = results.silent(flight.pushes, silent)
        except Exception as broken:
            detail = delivery.session.blame(broken)
            if not flight.asked and flight.size > 1:  # one push may be to blame, and finding it costs no request
                self._split(flight.batch, part, flight)
                return
            outcomes = results.broken(flight.pushes, detail, asked=flight.asked)
        self.conclude(flight, outcomes)

    def _searched(self, flight: Flight, part: Hashable, refused: Refused) -> bool:
        """Send a batch that was refused as a whole again, in smaller ones, to find the pushes that are meant.

        False: all of it is meant, because the refusal is about the vendor or the certificate, about one push alone, or
        about the notification that all its pushes have. A search costs at most two requests for each push, as vendors
        without batches would; rate, quota, breaker and deadlines hold for these requests as for all.
        """
        if results.is_of_the_vendor(refused):
            return False
        kept = results.kept(flight.pushes, refused)
        rest = [waiting for place, waiting in enumerate(flight.batch) if place not in kept]
        if not flight.asked:
            is_common, probes = False, 0
        elif refused.about == "size":
            if len(rest) > 1:
                self.gate.size_limit.refused(self._loop.time(), sum(map(self._weigh, rest)))
            is_common, probes = False, 0
        else:
            is_common, probes = self._judge_content(rest, part, refused)
        if len(rest) < 2 or is_common:
            return False
        for place, outcome in kept.items():
            self.lane.finish(flight.batch[place], outcome)
        self._split(rest, part, flight, probes=probes)
        return True

    def _judge_content(self, rest: Sequence[Waiting], part: Hashable, refused: Refused) -> tuple[bool, int]:
        """Whether what was refused is the one notification that all these pushes have, and how many of them should now
        go alone to find that out."""
        notes = {waiting.push.notification for waiting in rest}
        if len(notes) > 1 or refused.about == "target" or not rest:
            return False, 0
        (note,), contents, now = notes, self.gate.contents, self._loop.time()
        if refused.about == "content":
            contents.refused(note, now, refused)
            return True, 0
        if refused.reason is Reason.CREDENTIALS:  # no code of the vendor's: a firewall judges texts, not tokens
            contents.refused(note, now, refused, proofs=1)
            return True, 0
        if len(rest) == 1:
            if isinstance(part, Part):
                contents.refused(note, now, refused, proofs=1)
            return False, 0
        if contents.refusal(note, now) is not None:
            return True, 0
        probes = 0 if note in contents else PROOFS
        contents.refused(note, now, refused, proofs=0)
        return False, probes

    def _split(self, rest: Sequence[Waiting], part: Hashable, flight: Flight, *, probes: int = 0) -> None:
        """Have pushes of a batch go again in batches of at most half of them; `probes` of them alone."""
        base = part.of if isinstance(part, Part) else part
        for waiting in rest:
            waiting.attempts += flight.asked
        there = [waiting for waiting in rest if not waiting.gone]
        step = max(1, len(there) // probes) if probes else 0
        alone = there[::step][:probes] if probes else []
        if alone:
            self.lane.enqueue(alone, Part(1, base))
            chosen = set(map(id, alone))
            there = [waiting for waiting in there if id(waiting) not in chosen]
        self.lane.enqueue(there, Part(-(-len(rest) // 2), base))

    def _weigh(self, waiting: Waiting) -> int:
        push = waiting.push
        return self.lane.terms.weigh(push.notification) + most_quoted(push.push_token.token + push.dedupe_id)

    def conclude(self, flight: Flight, outcomes: Iterable[Outcome]) -> None:
        """Give each push its outcome, or another try."""
        lane = self.lane
        if flight.leg is not None:
            flight.leg.ended_at = self._loop.time()
        finish, others = lane.finish, self._conclude_usual(flight, list(outcomes))
        again: dict[tuple[int, float], list[tuple[Waiting, Outcome]]] = {}
        for waiting, outcome in others:
            waiting.tries += 1
            if not waiting.gone and may_repeat(outcome, lane.terms.deduplicates):
                again.setdefault((waiting.tries, outcome.retry_after or 0.0), []).append((waiting, outcome))
            else:
                finish(waiting, outcome)
        in_budget = bool(again) and self.gate.budget.spend(self._loop.time())
        for (tries, retry_after), those in again.items():
            if in_budget:
                lane.try_later(those, tries, retry_after)
                continue
            for waiting, outcome in those:
                finish(waiting, outcome)

    def _conclude_usual(self, flight: Flight, outcomes: Sequence[Outcome]) -> list[tuple[Waiting, Outcome]]:
        """Give theirs to those that were accepted at the first attempt: nearly always all. The others."""
        if len(outcomes) == 1:
            return [(flight.batch[0], outcomes[0])]  # there is nothing to be gained
        accepted = Status.ACCEPTED
        taken = [outcome.status for outcome in outcomes].count(accepted)
        those = list(present(flight.items))
        if 0 < taken == len(outcomes) == flight.size and not any(
            one.tries or one.attempts or one.settled for one in those
        ):
            self.lane.accepted(those, outcomes)
            return []
        usual: list[Item] = []
        theirs: list[Outcome] = []
        others: list[tuple[Waiting, Outcome]] = []
        for waiting, outcome in zip(flight.batch, outcomes, strict=True):
            if outcome.status is accepted and not (waiting.tries or waiting.attempts or waiting.settled):
                usual.append(waiting)
                theirs.append(outcome)
            else:
                others.append((waiting, outcome))
        if usual:
            self.lane.accepted(usual, theirs)
        return others
