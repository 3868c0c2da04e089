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

from pushgateway import verdicts
from pushgateway.batching import Flight, Later, Queue, Waiting
from pushgateway.conversation import Conversation
from pushgateway.deadlines import Deadlines
from pushgateway.events import OutcomeGiven
from pushgateway.gate import Gate
from pushgateway.model import Notification
from pushgateway.outcome import Outcome, Reason, Status
from pushgateway.pace import Pace
from pushgateway.region import CLOSED, Region
from pushgateway.retry import last_word
from pushgateway.tracing import Traces
from pushgateway.vendor import Batching, Rates, Vendor
from pushgateway.watching import Watch

TURN = 1000
"""Pushes given their outcome before the event loop gets a turn, where there may be many."""


class Lane:
    """One certificate at work."""

    def __init__(
        self,
        conversation: Conversation,
        pace: Pace,
        *,
        watch: Watch,
        clock: Callable[[], float],
        rng: random.Random,
        traces: Traces | None = None,
    ) -> None:
        """`clock`: wall clock, epoch seconds. `traces`: what keeps the lives of pushes, if anything."""
        self.traces = traces
        self._watch = watch
        self._clock = clock
        self._rng = rng
        self._loop = asyncio.get_running_loop()
        self.queue = Queue()
        self._held = 0
        self._fresh: list[Waiting] = []  # came in during this turn of the loop
        self._regions: dict[str, Region] = {}
        self._later: set[Later] = set()
        self._deadlines = Deadlines()
        self._bell: asyncio.TimerHandle | None = None
        self._bell_at = math.inf
        self._refusal: tuple[Reason, str] | None = None
        self._winds_up = False  # nothing is tried again
        self._adopt(conversation, pace)

    def _adopt(self, conversation: Conversation, pace: Pace) -> None:
        # What every push needs to know is asked of the plug-in once.
        vendor = conversation.vendor
        self.conversation = conversation
        self._pace = pace
        self.linger = pace.linger
        self.seal = pace.seal
        self._fault = ""  # what is wrong with the plug-in, before any push
        self.batching, self._rates = Batching(), Rates()
        self.deduplicates = False
        self._day_offset = 0.0
        self._quota: Callable[[Notification], str] | None = None
        self._region_of, self._weigh = vendor.region, vendor.weigh
        self._seal_weight = 0 if pace.seal is None else pace.seal.weight
        try:
            self.batching = vendor.batching
            self.deduplicates = bool(vendor.deduplicates)
            self._rates = vendor.rates
            self._day_offset = float(vendor.day_offset)
            if type(vendor).quota is not Vendor.quota:
                self._quota = vendor.quota
        except Exception as broken:
            self._fault = self.conversation.blame(broken)
        self.hasty = 2 * self.linger  # seconds; who has no more time than that waits for no company
        self.full = max(1, self.batching.size) if self.linger > 0 else 1

    # What comes in

    def submit_one(self, waiting: Waiting) -> None:
        """Take a push of a single send: with all others of this turn of the loop, because together they cost less."""
        self._held += 1
        self._fresh.append(waiting)
        if len(self._fresh) == 1:
            self._loop.call_soon(self._let_in, TURN)

    def _let_in(self, most: int) -> None:
        those, self._fresh = self._fresh[:most], self._fresh[most:]
        self._held -= len(those)
        self.submit(those)
        if self._fresh:
            self._loop.call_soon(self._let_in, most)

    def submit(self, those: Sequence[Waiting]) -> None:
        """Take pushes; the sink of each gets exactly one outcome."""
        self._held += len(those)
        if self._refusal is not None:
            for waiting in those:
                self.finish(waiting, Outcome.not_sent(waiting.push, *self._refusal))
            return
        if self._deadlines.add(those) < self._bell_at:
            self._set_bell()
        self.enqueue(those)

    @property
    def brand(self) -> str:
        """Of its certificate."""
        return self.conversation.vendor.brand

    @property
    def is_full(self) -> bool:
        """Whether so many pushes are there that a further one should rather not wait."""
        return self._held >= self._pace.queue

    def replace(self, conversation: Conversation, pace: Pace) -> None:
        """The certificate's settings changed: what has not left yet goes out with the new ones."""
        self._adopt(conversation, pace)
        for name, region in self._regions.items():
            region.renew(self._gate(name))
        self.enqueue(self.queue.clear())  # regions and parts are the vendor's to say

    def region(self, name: str) -> Region:
        """One of the vendor's servers."""
        region = self._regions.get(name)
        if region is None:
            name = verdicts.is_text(name)
            region = self._regions[name] = Region(self, name, self._gate(name), self._pace.connections)
        return region

    def _gate(self, region: str) -> Gate:
        return Gate(
            self.conversation.certificate_id,
            self.conversation.vendor.brand,
            region,
            rates=self._pace.rates(self._rates),
            day_offset=self._day_offset,
            watch=self._watch,
            clock=self._clock,
            rng=self._rng,
            now=self._loop.time(),
        )

    def enqueue(self, those: Iterable[Waiting], part: Hashable = None) -> None:
        """Let them wait for the vendor, in this order; `part`: what they may share a request with."""
        if self._fault:
            for waiting in those:
                self.finish(waiting, Outcome.not_sent(waiting.push, Reason.CREDENTIALS, self._fault))
            return
        row: list[Waiting] = []  # neighbours of one region, part and priority get in line together
        where: Region | None = None
        shared = lot = note = priority = None
        quota = ""
        for waiting in those:
            push = waiting.push
            waiting.flight = None
            try:
                name = self._region_of(push.push_token.token)
                region = self._regions.get(name) or self.region(name)
                if push.notification is not note:
                    quota, shared = self._share(push.notification, part)
                    note = push.notification
            except Exception as broken:
                self._line_up(row, where, lot)
                self.finish(waiting, Outcome.not_sent(push, Reason.CREDENTIALS, self.conversation.blame(broken)))
                row, note = [], None  # whoever was told of it may have changed everything
                continue
            if region.gate.is_troubled:
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

    def _share(self, notification: Notification, part: Hashable) -> tuple[str, Hashable]:
        """The quota of a notification, and what its pushes may share a request with."""
        quota = "" if self._quota is None else verdicts.is_text(self._quota(notification))
        if part is None and (quota or not self.batching.mixed):
            part = quota if self.batching.mixed else (quota, notification)
        return quota, part

    def _line_up(self, row: Sequence[Waiting], region: Region | None, part: Hashable) -> None:
        if row and region is not None:
            self.queue.add(row, region.name, part)
            region.called(row, alone=part is row[0])

    def quota(self, notification: Notification) -> str:
        """The daily quota that a notification counts against."""
        try:
            return self._share(notification, None)[0]
        except Exception as broken:
            self.conversation.blame(broken)
            return ""

    def weigh(self, notification: Notification) -> int:
        """Bytes that a push of this notification adds to a request."""
        try:
            return int(self._weigh(notification)) + self._seal_weight
        except Exception as broken:
            self.conversation.blame(broken)
            return self.batching.max_bytes or 0  # so it goes alone

    def still_wanted(self, batch: list[Waiting], now: float, needed: float = 0.0) -> list[Waiting]:
        """Those that are not taken back and not too late: `needed` seconds must be left, or half of what they had."""
        wanted = []
        for waiting in batch:
            left = waiting.deadline - now
            if left <= needed and (left <= 0 or 2 * left <= waiting.deadline - waiting.begun):
                self._expire(waiting)
            elif not waiting.settled and not waiting.sink.withdrawn:
                wanted.append(waiting)
        return wanted

    # What goes out

    def finish(self, waiting: Waiting, outcome: Outcome) -> None:
        """The last word on a push. Later ones are not heard."""
        if waiting.settled:
            return
        if waiting.attempts or waiting.doubtful:
            attempts = waiting.attempts + outcome.attempts
            outcome = last_word(outcome, attempts=attempts, doubtful=waiting.doubtful, deduplicates=self.deduplicates)
        if self.traces is not None:
            flight = waiting.flight
            self.traces.ended(outcome, waiting.begun, None if flight is None else flight.leg)
        waiting.settled = True
        waiting.flight = None
        self._held -= 1
        self._deadlines.discard((waiting,))
        waiting.sink.put(waiting.place, outcome)
        if outcome.status is not Status.ACCEPTED or self._watch.is_observed:
            self._tell(waiting, outcome)

    def accepted(self, those: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        """The last word on many of a batch at once: accepted, at the first attempt, and none has its outcome yet."""
        if self.traces is not None and (flight := those[0].flight) is not None and flight.leg is not None:
            self.traces.all_accepted(outcomes, [waiting.begun for waiting in those], flight.leg)
        for waiting in those:
            waiting.settled = True
            waiting.flight = None
        self._held -= len(those)
        self._deadlines.discard(those)
        sink = those[0].sink
        if all(waiting.sink is sink for waiting in those):
            sink.put_all(those, outcomes)
        else:
            for waiting, outcome in zip(those, outcomes, strict=True):
                waiting.sink.put(waiting.place, outcome)
        if self._watch.is_observed:
            for waiting, outcome in zip(those, outcomes, strict=True):
                self._tell(waiting, outcome)

    def _tell(self, waiting: Waiting, outcome: Outcome) -> None:
        given = OutcomeGiven(
            certificate_id=self.conversation.certificate_id,
            brand=self.brand,
            status=outcome.status,
            reason=outcome.reason,
            vendor_code=outcome.vendor_code,
            attempts=outcome.attempts,
            duration=self._loop.time() - waiting.begun,
            truncated=bool(outcome.truncated),
            possible_duplicate=outcome.possible_duplicate,
        )
        self._watch.emit(given, outcome.detail)

    def try_later(self, again: list[tuple[Waiting, Outcome]], tries: int, retry_after: float) -> None:
        """Try these once more after a while, as far as there is time; the others have their outcome."""
        retry = self._pace.retry
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
        """Give those whose deadline has passed their outcome, wherever they are; the rest of them next turn."""
        for waiting in self._deadlines.due(self._loop.time(), TURN):
            self._expire(waiting)
        self._bell = None
        self._set_bell()

    def _expire(self, waiting: Waiting) -> None:
        if waiting.flight is not None and waiting.flight.asked:
            outcome = Outcome.unknown(waiting.push, "the deadline passed while the vendor was asked")
        else:
            region = self._regions.get(waiting.region)
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
        self._let_in(len(self._fresh))
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
        while (left := end - self._loop.time()) > 0:
            busy = [worker for region in self._regions.values() for worker in region.crew.busy]
            if busy:
                await asyncio.wait(busy, timeout=left)
            elif self.queue or self._later:
                await asyncio.sleep(min(left, 0.01))  # for company, or for another try
            else:
                break
        dismissed = [worker for region in self._regions.values() for worker in region.crew.dismiss()]
        await asyncio.gather(*dismissed, return_exceptions=True)
        await self._give_back(lambda later: True)  # at the very end, when nobody can put anything back any more
        if self._bell is not None:
            self._bell.cancel()

    async def _give_back(self, which: Callable[[Later], bool], *, queue: bool = True) -> None:
        waiting = self.queue.clear() if queue else []
        for later in [later for later in self._later if which(later)]:
            self._later.discard(later)
            if later.timer is not None:
                later.timer.cancel()
            waiting.extend(later.batch)
        reason, detail = self._refusal or (Reason.CLOSED, CLOSED)
        rest = iter(waiting)
        try:
            for number, one in enumerate(rest, 1):
                self.finish(one, Outcome.not_sent(one.push, reason, detail))
                if number % TURN == 0:
                    await asyncio.sleep(0)
        finally:
            # Taken out of the queue they are nowhere else: a cancellation between two turns must not lose them.
            for one in rest:
                self.finish(one, Outcome.not_sent(one.push, reason, detail))
