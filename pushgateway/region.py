"""One of a vendor's servers, as one certificate sees it: who goes next, on what conditions, and what comes back.

Law of this file: a batch that was cut is seen through to its end. Each of its pushes gets an outcome or another try,
whatever the vendor, the network, the plug-in or a cancellation do. One worker at a time stands at the gate, logs in,
cuts and builds its batch, so that lanes take turns; then all `connections` of them wait for the vendor side by side.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

from pushgateway import verdicts
from pushgateway.batch import Batch
from pushgateway.conversation import Conversation
from pushgateway.crew import Crew
from pushgateway.delivery import Delivery, Turn
from pushgateway.errors import NoVerdict, Refused
from pushgateway.gate import Gate, Leave
from pushgateway.intent import Priority
from pushgateway.outcome import Outcome, Reason, Status
from pushgateway.retry import may_repeat
from pushgateway.tracing import Leg
from pushgateway.vendor import AccessToken
from pushgateway.waiting import Cohort, Flight, Item, Part, Waiting, each, present

if TYPE_CHECKING:
    from pushgateway.lane import Lane

R = TypeVar("R")

CLOSED = "the gateway was closed"
TICK = 0.001
"""Seconds; a shorter pause may be less than what the clock can tell, and would be made again for ever."""
_OF_THE_VENDOR = frozenset({Reason.CREDENTIALS, Reason.UNAVAILABLE, Reason.RATE_LIMITED, Reason.QUOTA_EXCEEDED})
"""Refusals that say something about the vendor or the certificate, not about what was asked."""


class Region:
    """One of a vendor's servers."""

    def __init__(self, lane: Lane, name: str, gate: Gate, connections: int) -> None:
        self.name = name
        self.gate = gate
        self.crew = Crew(connections, self)
        self.lane = lane
        self._loop = asyncio.get_running_loop()
        self._bench = asyncio.Lock()  # fair: first come, first served
        self._alarm: asyncio.Future[None] | None = None
        self._access: AccessToken | None = None  # of the last batch, for traces

    # What its crew asks

    @property
    def linger(self) -> float:
        """See `crew.Load`."""
        return self.lane.linger

    @property
    def is_alone(self) -> bool:
        """See `crew.Load`."""
        return self.lane.full == 1

    def is_full(self) -> bool:
        """See `crew.Load`."""
        return self.lane.queue.waiting(self.name) >= self.lane.full

    def batches(self, most: int) -> int:
        """See `crew.Load`."""
        return self.lane.queue.batches(self.name, self.lane.full, most)

    async def take_up(self) -> None:
        """Wait until something may leave, cut a batch at the last moment, and see it through."""
        lane, conversation, turn = self.lane, self.lane.conversation, Turn(self._bench)
        try:
            failure: Refused | NoVerdict | None = None
            access = conversation.held(self.name)
            if access is None or self._bench.locked() or self._delay() > 0:
                access, failure = await self.crew.interruptible(self._ready(conversation, turn))
            else:  # nothing has to be waited for: nearly always, and at a tenth of the price
                await turn.begin()
                if self._delay() > 0:
                    return
            if conversation is not lane.conversation:
                return  # replaced meanwhile: begin anew with the new settings
            delivery = self._cut(conversation, turn)
            if delivery is None:
                turn.end()
                await asyncio.sleep(0)  # what is answered here is answered without holding the loop
                return
            self.crew.batch_left()
            if lane.traces is not None:
                self._trace(delivery.flight, access)
            await self._fly(delivery, access, failure)
        finally:
            turn.end()

    def _trace(self, flight: Flight, access: AccessToken | None) -> None:
        known, self._access = self._access, access
        how: Literal["", "cached", "fetched"] = "" if access is None else "cached" if access is known else "fetched"
        flight.leg = Leg(self.name, flight.size, self._loop.time(), how)

    def called(self, row: Sequence[Item], *, alone: bool) -> None:
        """Pushes of one priority came in for it; one that is `alone` or in haste waits for no company."""
        if not self.crew.called:
            self.crew.call(at_once=alone or any(one.deadline - one.begun <= self.lane.hasty for one in row))
        if row[0].priority is Priority.URGENT:
            self.wake()

    def renew(self, gate: Gate) -> None:
        """The settings changed: nothing that was learned with the old ones counts, and nobody waits for it."""
        self.gate.replaced()
        self.gate = gate
        self.crew.interrupt()
        self.wake()

    def wake(self) -> None:
        """Something changed: whoever stands at the gate shall look again."""
        if self._alarm is not None and not self._alarm.done():
            self._alarm.set_result(None)

    # Before

    async def _ready(
        self, conversation: Conversation, turn: Turn
    ) -> tuple[AccessToken | None, Refused | NoVerdict | None]:
        """It is our turn, the gate is open, and there is an access token, or the login failed."""
        await turn.begin()
        while True:
            await self._open_gate()
            if not self.lane.queue.waiting(self.name):
                return None, None
            try:
                access = await conversation.login(self.name)
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

    def _cut(self, conversation: Conversation, turn: Turn) -> Delivery | None:
        lane = self.lane
        now = self._loop.time()
        room = self.gate.room(now, lane.full)
        taken, part = lane.queue.cut(self.name, lane.terms.batching, lane.terms.weigh, room)
        taken = lane.still_wanted(taken, now, self.gate.needed)
        if not taken:
            return None
        one = taken[0]
        note = one.notification if isinstance(one, Cohort) else one.push.notification
        quota = lane.terms.quota(note)  # one for all of them: others are of another part
        if (refusal := self.gate.obstacle(now, quota)) is not None:
            for waiting in each(taken):
                lane.finish(waiting, Outcome.refused(waiting.push, refusal, sent=False))
            return None
        if lane.seal is not None:
            for item in taken:
                if isinstance(item, Cohort):
                    item.batch = Batch.of(map(lane.seal.on, item.batch))
                else:
                    item.push = lane.seal.on(item.push)
        return Delivery(self, conversation, Flight(taken), part=part, quota=quota, turn=turn)

    async def ask(self, quota: str, targets: int, deadline: float, attempt: Callable[[], Awaitable[R]]) -> R:
        """Something beside the queue: hold a connection, and `attempt` it once the gate is open.

        Raises what `attempt` raises, `Refused` where waiting would be in vain, and `NoVerdict` when the deadline comes
        first.
        """
        try:
            async with asyncio.timeout_at(deadline):
                gate, leave = await self._pass(quota, targets, deadline)
        except TimeoutError:
            raise NoVerdict("the deadline passed before it could leave", sent=False) from None
        try:
            result = await attempt()
            gate.heard(self._loop.time(), leave, (), quota)
            return result
        except (Refused, NoVerdict) as error:
            if isinstance(error, NoVerdict) or error.reason in _OF_THE_VENDOR:
                gate.failed(self._loop.time(), leave, error, quota)
            raise
        finally:
            self.crew.free.release()
            gate.over(self._loop.time, leave)
            self.wake()

    async def _pass(self, quota: str, targets: int, deadline: float) -> tuple[Gate, Leave]:
        """Get a connection, to be given back, and through the gate."""
        self._refuse(quota, deadline)  # before standing in line for nothing
        await self.crew.free.acquire()
        try:
            async with self._bench:
                while True:
                    self._refuse(quota, deadline)
                    now = self._loop.time()
                    delay = self.gate.delay(now)
                    if delay <= 0:
                        return self.gate, self.gate.leaves(now, targets)
                    await self._pause(delay)
        except BaseException:
            self.crew.free.release()
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
                self.conclude(flight, [verdicts.before(push, failure) for push in flight.pushes])
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
            outcomes = await delivery.conversation.with_access(self.name, access, delivery.run, delivery.expired)
            delivery.heard(outcomes)
        except Refused as refused:
            delivery.failed(refused)
            spent = ""
            if refused.reason is Reason.INVALID_NOTIFICATION and flight.asked:
                kept = verdicts.kept(flight.pushes, refused)
                if self._split(flight, kept, part, cost=2):
                    return
                spent = "refused together with others, perhaps not for its own content" if len(flight.batch) > 1 else ""
            outcomes = verdicts.refused(flight.pushes, refused, asked=flight.asked, detail=spent)
        except NoVerdict as silent:
            delivery.failed(silent)
            outcomes = verdicts.silent(flight.pushes, silent)
        except Exception as broken:
            detail = delivery.conversation.blame(broken)
            if not flight.asked and self._split(flight, {}, part, cost=0):
                return  # one push may be to blame: nothing left, so finding it costs no request
            outcomes = verdicts.broken(flight.pushes, detail, asked=flight.asked)
        self.conclude(flight, outcomes)

    def _split(self, flight: Flight, kept: Mapping[int, Outcome], part: Hashable, *, cost: int) -> bool:
        """Halve a batch of which nothing was pushed, until the guilty ones are alone; the others go again.

        `cost`: requests that the two halves cost. False: nothing to halve, or it has cost too much already.
        """
        rest = [waiting for place, waiting in enumerate(flight.batch) if place not in kept]
        budget = part.budget if isinstance(part, Part) else [8 * len(flight.batch).bit_length()]
        if len(rest) < 2 or budget[0] < cost:
            return False
        budget[0] -= cost
        for place, outcome in kept.items():
            self.lane.finish(flight.batch[place], outcome)
        middle = len(rest) // 2
        for half in (rest[:middle], rest[middle:]):
            fresh = Part(budget)
            for waiting in half:
                waiting.attempts += flight.asked
            self.lane.enqueue([waiting for waiting in half if not waiting.gone], fresh)
        return True

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
