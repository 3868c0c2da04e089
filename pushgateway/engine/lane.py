"""One certificate at work: what comes in, what waits, what goes out, and by when.

Law of this file: a push that came in goes out with exactly one outcome. It waits in a queue until one of the vendor's
servers (`region`) takes it up, comes back to be tried again, or has its outcome; a deadline or the end cut short
whatever it waits for. While all connections are busy, pushes gather, so batches grow by themselves under load.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Hashable, Iterable, Sequence

from pushgateway.engine.endpoint import CLOSED, Endpoint
from pushgateway.engine.flow_control.gate import Gate
from pushgateway.engine.flow_control.retry import last_word, repeat
from pushgateway.engine.options import LaneOptions
from pushgateway.engine.pushes.deadlines import Deadlines
from pushgateway.engine.pushes.gathering import FEW, Apart, Fresh, Row
from pushgateway.engine.pushes.queue import Queue
from pushgateway.engine.pushes.runs import Cohort, Flight, Item, Later, Waiting, by_sink, each, present
from pushgateway.engine.session import claims
from pushgateway.engine.session.plugin_guard import GuardedVendor
from pushgateway.engine.session.vendor_session import VendorSession
from pushgateway.model.outcome import Outcome, Reason, Status
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import OutcomeGiven
from pushgateway.observe.traces import Traces
from pushgateway.transport.limit import ARRIVED, read_arrived
from pushgateway.vendor import Vendor

TURN = 1000
"""Pushes given their outcome before the event loop gets a turn, where there may be many."""
HELD = 0.01
"""Seconds that the timer of the deadlines may be late; more means that the event loop was held."""


class Lane:
    """One certificate at work."""

    def __init__(
        self,
        session: VendorSession,
        lane_options: LaneOptions,
        *,
        emitter: Emitter,
        clock: Callable[[], float],
        rng: random.Random,
        traces: Traces | None = None,
    ) -> None:
        """`clock`: wall clock, epoch seconds. `traces`: what keeps the lives of pushes, if anything."""
        self.traces = traces
        self._emitter = emitter
        self._clock = clock
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self.queue = Queue()
        self._held = 0
        self.fresh = Fresh()  # came in during this turn of the loop
        self._regions: dict[str, Endpoint] = {}
        self._later: set[Later] = set()
        self._deadlines = Deadlines()
        self._bell: asyncio.TimerHandle | None = None
        self._bell_at = math.inf
        self._refusal: tuple[Reason, str] | None = None
        self._winds_up = False  # nothing is tried again
        self._is_over = False  # and nothing leaves
        self.renewal: Callable[[], None] | None = None
        """After a reload: what calls `replace` with the new settings, before anything is decided by the old ones."""
        self._adopt(session, lane_options)

    def _adopt(self, session: VendorSession, lane_options: LaneOptions) -> None:
        self._session = session
        self.terms = GuardedVendor(session, lane_options.signer)
        self._options = lane_options
        self.linger = lane_options.linger
        self.signer = lane_options.signer
        self.hasty = 2 * self.linger  # seconds; who has no more time than that waits for no company
        self.full = max(1, self.terms.batching.size) if self.linger > 0 else 1
        self.gathers = self.full >= FEW
        """Whether pushes travel side by side; where a request holds few, each would be cut from a cohort by itself."""

    # What comes in

    def submit_row(self, row: Row | Apart) -> None:
        """Take single sends, and those that join them in this turn of the loop: together they cost less."""
        if not self.fresh:
            self._loop.call_soon(self._let_in, TURN)
        self.fresh.add(row)

    def _let_in(self, most: int) -> None:
        self.submit(self.fresh.take(most))
        if self.fresh:
            self._loop.call_soon(self._let_in, most)

    def submit(self, those: Sequence[Item]) -> None:
        """Take pushes; the sink of each gets exactly one outcome."""
        self._held += sum([item.size for item in those])
        if self._refusal is not None:
            for waiting in each(those):
                self.finish(waiting, Outcome.not_sent(waiting.push, *self._refusal))
            return
        for item in those:
            if isinstance(item, Cohort):
                item.files = self._deadlines
        if self._deadlines.add(those) < self._bell_at:
            self._set_bell()
        self.enqueue(those)

    @property
    def session(self) -> VendorSession:
        """By the settings in force."""
        self.catch_up()
        return self._session

    @property
    def vendor(self) -> Vendor:
        """By the settings that it works with; after a reload these may be the old ones for some turns of the loop."""
        return self._session.vendor

    @property
    def brand(self) -> str:
        """Of its certificate."""
        return self._session.vendor.brand

    @property
    def is_full(self) -> bool:
        """Whether so many pushes are there that a further one should rather not wait."""
        return self._held + len(self.fresh) >= self._options.queue

    def catch_up(self) -> None:
        """Take the settings of the last reload, if that was not done yet."""
        if self.renewal is not None:
            renewal, self.renewal = self.renewal, None
            renewal()

    def replace(self, session: VendorSession, lane_options: LaneOptions) -> None:
        """The certificate's settings changed: what has not left yet goes out with the new ones."""
        self._adopt(session, lane_options)
        for name, region in self._regions.items():
            region.renew(self._gate(name))
        self.enqueue(self.queue.clear())  # regions and parts are the vendor's to say

    def region(self, name: str) -> Endpoint:
        """One of the vendor's servers."""
        region = self._regions.get(name)
        if region is None:
            name = claims.text("region()", name)
            region = self._regions[name] = Endpoint(self, name, self._gate(name), self._options.connections)
        return region

    def _gate(self, region: str) -> Gate:
        return Gate(
            self._session.certificate_id,
            self._session.vendor.brand,
            region,
            rates=self._options.rates(self.terms.rates),
            day_offset=self.terms.day_offset,
            emitter=self._emitter,
            clock=self._clock,
            rng=self._rng,
            now=self._loop.time(),
        )

    def enqueue(self, those: Iterable[Item], part: Hashable = None) -> None:
        """Let them wait for the vendor, in this order; `part`: what they may share a request with."""
        if self.renewal is not None:
            self.catch_up()
        if self._is_over:
            for waiting in each(those):
                self.finish(waiting, Outcome.not_sent(waiting.push, Reason.CLOSED, CLOSED))
            return
        if self.terms.fault:
            for waiting in each(those):
                self.finish(waiting, Outcome.not_sent(waiting.push, Reason.CREDENTIALS, self.terms.fault))
            return
        apart: list[Waiting] = []
        for item in those:
            if not isinstance(item, Cohort):
                apart.append(item)
                continue
            self._line_up_each(apart, part)
            apart = [] if self._line_up_together(item) else item.members()
        self._line_up_each(apart, part)

    def _line_up_together(self, cohort: Cohort) -> bool:
        """Give a cohort one place for all of it, if there is one. What a plug-in fails at comes out at its members."""
        try:
            found = self.terms.common(cohort.push_tokens, cohort.notifications) if self.gathers else None
            if found is None:
                return False
            name, quota, part = found
            region = self._regions.get(name) or self.region(name)
        except BaseException as broken:
            claims.passed_on(broken)
            return False
        obstacle = region.gate.obstacle if region.gate.may_refuse else None
        if obstacle and (refusal := obstacle(self._loop.time(), quota, cohort.deadline)) is not None:
            for waiting in cohort.members():
                self.finish(waiting, Outcome.refused(waiting.push, refusal, sent=False))
            return True
        cohort.region = region.name
        self._line_up((cohort,), region, part)
        return True

    def _line_up_each(self, those: Iterable[Waiting], part: Hashable) -> None:
        row: list[Waiting] = []  # neighbours of one region, part and priority get in line together
        where: Endpoint | None = None
        shared = lot = note = priority = None
        quota = ""
        for waiting in those:
            push = waiting.push
            waiting.flight = None
            try:
                name = self.terms.region_of(push.push_token.token)
                region = self._regions.get(name) or self.region(name)
                if push.notification is not note:
                    quota, shared = self.terms.share(push.notification, part)
                    note = push.notification
            except BaseException as broken:
                claims.passed_on(broken)
                self._line_up(row, where, lot)
                self.finish(waiting, Outcome.not_sent(push, Reason.CREDENTIALS, self._session.blame(broken)))
                row, note = [], None  # whoever was told of it may have changed everything
                continue
            if region.gate.may_refuse:
                self._line_up(row, where, lot)
                row, note = [], None
                if (refusal := region.gate.obstacle(self._loop.time(), quota, waiting.deadline)) is not None:
                    self.finish(waiting, Outcome.refused(push, refusal, sent=False))
                    continue
            own = shared if push.coalesce and self.linger > 0 else waiting  # itself: alone
            if not (region is where and push.priority is priority and (own is lot or own == lot)):
                self._line_up(row, where, lot)
                row, where, lot, priority = [], region, own, push.priority
            waiting.region = region.name
            row.append(waiting)
        self._line_up(row, where, lot)

    def _line_up(self, row: Sequence[Item], region: Endpoint | None, part: Hashable) -> None:
        if row and region is not None:
            self.queue.add(row, region.name, part)
            region.called(row, alone=part is row[0])

    def still_wanted(self, batch: Iterable[Item], now: float, needed: float = 0.0) -> list[Item]:
        """Those that are not taken back and not too late: `needed` seconds must be left, or half of what they had."""
        wanted: list[Item] = []
        for item in present(batch):
            left = item.deadline - now
            if left <= needed and (left <= 0 or 2 * left <= item.deadline - item.begun):
                self._expire(item)
            elif item.withdrawn:
                wanted += [one for one in each((item,)) if not one.gone]  # of a cohort some may still be there
            elif not item.settled:
                wanted.append(item)
        return wanted

    # What goes out

    def finish(self, waiting: Waiting, outcome: Outcome) -> None:
        """The last word on a push. Later ones are not heard."""
        if waiting.settled:
            return
        if waiting.attempts or waiting.doubtful:
            attempts, drops = waiting.attempts + outcome.attempts, self.terms.deduplicates
            outcome = last_word(outcome, attempts=attempts, doubtful=waiting.doubtful, deduplicates=drops)
        if outcome.repeated:
            outcome = repeat(outcome, waiting.push)
        if self.traces is not None:
            flight = waiting.flight
            self.traces.ended(outcome, waiting.begun, None if flight is None else flight.leg)
        waiting.settled = True
        waiting.flight = None
        self._held -= 1
        self._deadlines.discard((waiting,))
        waiting.sink.put(waiting.place, outcome)
        if outcome.status is not Status.ACCEPTED or self._emitter.is_observed:
            self._tell(outcome, waiting.begun)

    def accepted(self, those: Sequence[Item], outcomes: Sequence[Outcome]) -> None:
        """The last word on many of a batch at once: accepted, at the first attempt, and none has its outcome yet."""
        begun = [item.begun for item in those for _ in range(item.size)]
        if self.traces is not None and (flight := those[0].flight) is not None and flight.leg is not None:
            self.traces.all_accepted(outcomes, begun, flight.leg)
        for item in those:
            item.settled = True
            item.flight = None
        self._held -= len(outcomes)
        self._deadlines.discard(those)
        place = 0
        for sink, places in by_sink(those):
            sink.put_all(places, outcomes[place : place + len(places)])
            place += len(places)
        if self._emitter.is_observed:
            for outcome, when in zip(outcomes, begun, strict=True):
                self._tell(outcome, when)

    def _tell(self, outcome: Outcome, begun: float) -> None:
        given = OutcomeGiven(
            certificate_id=self._session.certificate_id,
            brand=self.brand,
            status=outcome.status,
            reason=outcome.reason,
            vendor_code=outcome.vendor_code,
            attempts=outcome.attempts,
            duration=self._loop.time() - begun,
            truncated=bool(outcome.truncated),
            possible_duplicate=outcome.possible_duplicate,
        )
        self._emitter.emit(given, outcome.detail)

    def try_later(self, again: list[tuple[Waiting, Outcome]], tries: int, retry_after: float) -> None:
        """Try these once more after a while, as far as there is time; the others have their outcome."""
        retry = self._options.retry
        when = self._loop.time() + retry.delay(tries, self._rng.random(), retry_after)
        later = Later([])
        for waiting, outcome in again:
            if tries >= retry.attempts or when >= waiting.deadline or self._winds_up:
                self.finish(waiting, outcome)
                continue
            if self.traces is not None:
                self.traces.tried(outcome)
            waiting.attempts += outcome.attempts
            waiting.doubtful = waiting.doubtful or outcome.status is Status.UNKNOWN
            waiting.flight = None
            later.batch.append(waiting)
        if later.batch:
            later.timer = self._loop.call_at(when, self._try_again, later)
            self._later.add(later)

    def _try_again(self, later: Later) -> None:
        self._later.discard(later)
        self.enqueue([waiting for waiting in later.batch if not waiting.gone])

    def cut_off(self, flight: Flight, detail: str) -> None:
        """A batch came to no end."""
        for waiting in flight.batch:
            if flight.asked:
                self.finish(waiting, Outcome.unknown(waiting.push, f"{detail} while the vendor was asked"))
            else:
                self.finish(waiting, Outcome.not_sent(waiting.push, Reason.CLOSED, detail))

    # Deadlines

    def _set_bell(self) -> None:
        when = self._deadlines.next()
        if self._bell is not None:
            self._bell.cancel()
        self._bell = None if when is None else self._loop.call_at(when, self._ring)
        self._bell_at = math.inf if when is None else when

    def _ring(self) -> None:
        """Give those whose deadline has passed their outcome, wherever they are; the rest of them next turn.

        If the loop was held, replies that came in time may not be read yet: pushes of which the vendor was asked wait
        for them some turns of the loop.
        """
        now, asked = self._loop.time(), list[Item]()
        was_held = now - self._bell_at > HELD
        for item in self._deadlines.due(now, TURN):
            if was_held and item.flight is not None and item.flight.asked:
                asked.append(item)
            else:
                self._expire(item)
        if asked:
            self._loop.call_soon(self._expire_unanswered, asked, ARRIVED)
        self._bell = None
        self._set_bell()

    def _expire_unanswered(self, asked: list[Item], turns: int) -> None:
        if turns > 0:
            self._loop.call_soon(self._expire_unanswered, asked, turns - 1)
            return
        for item in present(asked):
            if not item.settled:
                self._expire(item)

    def _expire(self, item: Item) -> None:
        region = self._regions.get(item.region)
        for waiting in each((item,)):
            if waiting.flight is not None and waiting.flight.asked:
                outcome = Outcome.unknown(waiting.push, "the deadline passed while the vendor was asked")
            else:
                why = "" if region is None else region.gate.why(self._loop.time())
                detail = f"the deadline came before it could leave in time{why and ': '}{why}"
                outcome = Outcome.not_sent(waiting.push, Reason.EXPIRED, detail)
            self.finish(waiting, outcome)

    # The end

    def refuse(self, reason: Reason, detail: str) -> None:
        """Take nothing more."""
        if self._refusal is None:
            self._refusal = (reason, detail)

    @property
    def refusal(self) -> tuple[Reason, str] | None:
        """Why it takes nothing more, if so."""
        return self._refusal

    async def aclose(self, grace: float, *, drain: bool = True) -> None:
        """Take nothing more, send what waits (`drain`) and hear what is on its way for up to `grace` seconds; then
        give the former back and cut the latter off as `UNKNOWN`."""
        self._let_in(len(self.fresh))
        self.refuse(Reason.CLOSED, CLOSED)
        end = self._loop.time() + grace
        self._winds_up = not drain
        self.queue.purge()
        for region in self._regions.values():
            region.wake()  # nobody shall wait at a gate for nothing
        if not drain:
            await self._give_back(lambda later: True)
        elif grace > 0:
            await self._give_back(lambda later: later.timer is None or later.timer.when() >= end, queue=False)
        busy: list[asyncio.Task[None]] = []
        while (left := end - self._loop.time()) > 0:
            busy = [worker for region in self._regions.values() for worker in region.workers.busy]
            if busy:
                await asyncio.wait(busy, timeout=left)
            elif self.queue or self._later:
                await asyncio.sleep(min(left, 0.01))  # for company, or for another try
            else:
                break
        if busy and grace > 0:
            self._is_over = True
            await self._give_back(lambda later: True)
            await read_arrived()
        dismissed = [worker for region in self._regions.values() for worker in region.workers.dismiss()]
        await asyncio.gather(*dismissed, return_exceptions=True)
        await self._give_back(lambda later: True)  # at the very end, when nobody can put anything back any more
        if self._bell is not None:
            self._bell.cancel()

    async def _give_back(self, which: Callable[[Later], bool], *, queue: bool = True) -> None:
        waiting: list[Item] = self.queue.clear() if queue else []
        for later in [later for later in self._later if which(later)]:
            self._later.discard(later)
            if later.timer is not None:
                later.timer.cancel()
            waiting.extend(later.batch)
        reason, detail = self._refusal or (Reason.CLOSED, CLOSED)
        rest = each(waiting)
        try:
            for number, one in enumerate(rest, 1):
                self.finish(one, Outcome.not_sent(one.push, reason, detail))
                if number % TURN == 0:
                    await asyncio.sleep(0)
        finally:
            # Taken out of the queue they are nowhere else: a cancellation between two turns must not lose them.
            for one in rest:
                self.finish(one, Outcome.not_sent(one.push, reason, detail))
