"""One certificate at work: what waits, what is on its way, and what became of it.

Law of this file: a push that came in goes out with exactly one outcome, whatever the vendor, the network, the plug-in
or a cancellation do. Pushes wait in a queue; up to `connections` workers each fetch an access token, cut a batch at
the last moment, have the plug-in converse, and hand every outcome to its caller. While all workers are busy, pushes
gather, so batches grow by themselves under load.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Iterator, Sequence

import attrs

from pushgateway.batching import Queue, Waiting
from pushgateway.conversation import Conversation, blame
from pushgateway.errors import ExchangeError, NoVerdict, Refused
from pushgateway.model import Push
from pushgateway.outcome import Outcome, Reason, Status
from pushgateway.retry import RetryPolicy, last_word, may_repeat
from pushgateway.vendor import AccessToken, Batching, Exchange

SWEEP = 0.05
"""Seconds between two looks for passed deadlines, at least."""


@attrs.define(eq=False)
class _Flight:
    """A batch between being cut and having its outcomes."""

    batch: list[Waiting]
    asked: bool = False  # a request of it was handed to the transport

    def asking(self) -> None:
        self.asked = True


@attrs.define(eq=False)
class _Later:
    """Pushes that will be tried again when the timer rings."""

    batch: list[Waiting]
    timer: asyncio.TimerHandle | None = None


@attrs.define(eq=False)
class _Site:
    """The vendor's server for one region, as far as it keeps us busy."""

    workers: set[asyncio.Task[None] | None] = attrs.field(factory=set)
    called: bool = False
    """Workers will be started at the end of this turn of the loop."""
    timer: asyncio.TimerHandle | None = None
    """Workers will be started when the pushes have lingered."""
    last_cut: float = float("-inf")
    """When a batch left last, on the loop's clock."""


@attrs.frozen(eq=False)
class _Part:
    """Marks one part of a split batch. `budget` is shared by all its parts: requests that the split may still cost."""

    budget: list[int]


class Lane:
    """One certificate at work."""

    def __init__(
        self,
        conversation: Conversation,
        *,
        retry: RetryPolicy,
        rng: random.Random,
        connections: int,
        linger: float,
    ) -> None:
        """`connections`: requests at once to each of the vendor's servers. `linger`: seconds a push may wait for
        others after a batch has left; 0 sends each push in a request of its own."""
        self._retry = retry
        self._rng = rng
        self._connections = connections
        self._adopt(conversation, linger)
        self._loop = asyncio.get_running_loop()
        self._queue = Queue()
        self._sites: dict[str, _Site] = {}
        self._flights: set[_Flight] = set()
        self._later: set[_Later] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._stopped: tuple[Reason, str] | None = None

    # What comes in

    def submit(self, waiting: Waiting) -> None:
        """Take a push; its sink gets exactly one outcome."""
        if self._stopped is not None:
            self._finish(waiting, Outcome.not_sent(waiting.push, *self._stopped))
            return
        self._enqueue(waiting)
        self._watch(waiting.deadline)

    def replace(self, conversation: Conversation, linger: float) -> None:
        """The certificate's settings changed: what has not left yet goes out with the new ones."""
        self._adopt(conversation, linger)
        for waiting in self._queue.clear():  # regions and parts are the vendor's to say
            self._enqueue(waiting)

    def _adopt(self, conversation: Conversation, linger: float) -> None:
        # What every push needs to know is asked of the plug-in once.
        vendor = conversation.vendor
        self.conversation = conversation
        self._linger = linger
        self._fault = ""
        try:
            self._batching = vendor.batching
            self._deduplicates = vendor.deduplicates
        except Exception as broken:
            self._batching, self._deduplicates = Batching(), False
            self._fault = blame(vendor.brand, broken)
        self._full = max(1, self._batching.size) if self._linger > 0 else 1

    def _enqueue(self, waiting: Waiting, part: object = None) -> None:
        vendor = self.conversation.vendor
        push = waiting.push
        fault = self._fault
        if not fault:
            try:
                region = vendor.region(push.push_token.token)
            except Exception as broken:
                fault = blame(vendor.brand, broken)
        if fault:
            self._finish(waiting, Outcome.not_sent(push, Reason.CREDENTIALS, fault))
            return
        alone = self._linger <= 0 or not push.coalesce
        if alone:
            part = waiting
        elif part is None and not self._batching.mixed:
            part = push.notification
        self._queue.add(waiting, region, part)
        self._call_workers(region, at_once=alone)

    def _call_workers(self, region: str, *, at_once: bool = False) -> None:
        """Have what waits for `region` taken up: at once when it is due, otherwise when it has lingered.

        Idle, the first push goes at once. Then pushes gather for `linger`, or until a batch is full, or, while all
        connections are busy, until one is free.
        """
        site = self._sites.get(region)
        if site is None:
            site = self._sites[region] = _Site()
        if site.called or len(site.workers) >= self._connections:
            return
        if at_once or self._is_due(region, site):
            # Not in this very moment: sends of the same turn of the loop share a batch.
            site.called = True
            self._loop.call_soon(self._start_workers, region, site)
        elif site.timer is None:
            site.timer = self._loop.call_at(site.last_cut + self._linger, self._start_workers, region, site)

    def _is_due(self, region: str, site: _Site) -> bool:
        """A batch is full, or the last one left long enough ago."""
        return self._queue.waiting(region) >= self._full or self._loop.time() >= site.last_cut + self._linger

    def _start_workers(self, region: str, site: _Site) -> None:
        site.called = False
        if site.timer is not None:
            site.timer.cancel()
            site.timer = None
        for _ in range(self._queue.batches(region, self._full, self._connections - len(site.workers))):
            site.workers.add(self._loop.create_task(self._work(region, site)))

    # The worker

    async def _work(self, region: str, site: _Site) -> None:
        try:
            await self._take_up(region, site)
            while self._queue.waiting(region) and self._is_due(region, site):
                await self._take_up(region, site)
        finally:
            # Here and not in a callback of the task: a push that comes in between must find the place free.
            site.workers.discard(asyncio.current_task())
            if self._queue.waiting(region) and self._stopped is None:
                self._call_workers(region)

    async def _take_up(self, region: str, site: _Site) -> None:
        """Fetch an access token, then cut the next batch of `region` and see it through."""
        conversation = self.conversation
        access, failure = None, None
        try:
            access = await conversation.login(region)
        except ExchangeError as failed:
            failure = failed
        if conversation is not self.conversation:
            return  # replaced meanwhile: begin anew with the new settings
        batch, part = self._cut(region)
        if not batch:
            return
        site.last_cut = self._loop.time()
        flight = _Flight(batch)
        self._flights.add(flight)
        try:
            if failure is not None:
                self._conclude(flight, [_before(waiting.push, failure) for waiting in batch])
                await asyncio.sleep(0)  # a long queue fails without holding the loop
            else:
                await self._deliver(conversation, flight, region, access, part)
        except asyncio.CancelledError:
            self._abandon(flight)
            raise
        finally:
            self._flights.discard(flight)

    def _cut(self, region: str) -> tuple[list[Waiting], object]:
        vendor = self.conversation.vendor
        try:
            batch, part = self._queue.cut(region, self._batching, vendor.weigh)
        except Exception as broken:
            detail = blame(vendor.brand, broken)
            for waiting in self._queue.clear():
                self._finish(waiting, Outcome.not_sent(waiting.push, Reason.CREDENTIALS, detail))
            return [], None
        now = self._loop.time()
        for waiting in batch:
            if waiting.deadline <= now:
                self._expire(waiting)
        return [waiting for waiting in batch if not waiting.settled], part

    async def _deliver(
        self, conversation: Conversation, flight: _Flight, region: str, access: AccessToken | None, part: object
    ) -> None:
        pushes = [waiting.push for waiting in flight.batch]

        def begin() -> Exchange[Sequence[Outcome]]:
            if flight.asked:  # once more, with a new access token
                for waiting in flight.batch:
                    waiting.attempts += 1
            return conversation.vendor.push(pushes)

        try:
            outcomes = await conversation.run_with_access(region, access, begin, flight.asking)
            outcomes = _checked(pushes, outcomes)
        except Refused as refused:
            if refused.reason is Reason.INVALID_NOTIFICATION and self._split(flight, refused, part):
                return
            outcomes = _whole(pushes, refused, flight.asked)
        except NoVerdict as silent:
            outcomes = [silent.kept.get(place) or _silent(push, silent) for place, push in enumerate(pushes)]
        except Exception as broken:
            detail = blame(conversation.vendor.brand, broken)
            outcomes = [_broken(push, detail, flight.asked) for push in pushes]
        self._conclude(flight, outcomes)

    # What goes out

    def _conclude(self, flight: _Flight, outcomes: Iterable[Outcome]) -> None:
        """Give each push its outcome, or another try."""
        again: list[tuple[Waiting, Outcome]] = []
        for waiting, outcome in zip(flight.batch, outcomes, strict=True):
            waiting.tries += 1
            if not waiting.gone and outcome.status is not Status.ACCEPTED and may_repeat(outcome, self._deduplicates):
                again.append((waiting, outcome))
            else:
                self._finish(waiting, outcome)
        if again:
            self._try_later(again)

    def _try_later(self, again: list[tuple[Waiting, Outcome]]) -> None:
        hint = max(outcome.retry_after or 0.0 for _, outcome in again)
        delay = self._retry.delay(max(waiting.tries for waiting, _ in again), self._rng.random(), hint)
        when = self._loop.time() + delay
        later = _Later([])
        for waiting, outcome in again:
            if waiting.tries >= self._retry.attempts or when >= waiting.deadline or self._stopped is not None:
                self._finish(waiting, outcome)
                continue
            waiting.attempts += outcome.attempts
            waiting.doubtful = waiting.doubtful or outcome.status is Status.UNKNOWN
            later.batch.append(waiting)
        if later.batch:
            later.timer = self._loop.call_at(when, self._try_again, later)
            self._later.add(later)

    def _try_again(self, later: _Later) -> None:
        self._later.discard(later)
        for waiting in later.batch:
            if not waiting.gone:
                self._enqueue(waiting)

    def _split(self, flight: _Flight, refused: Refused, part: object) -> bool:
        """The vendor refused a batch for its content: halve it, until the guilty ones are alone.

        Nothing of it was pushed, so the others may go again. False: nothing to halve, or it would cost too much.
        """
        rest = [waiting for place, waiting in enumerate(flight.batch) if place not in refused.kept]
        budget = part.budget if isinstance(part, _Part) else [4 * len(flight.batch).bit_length()]
        if len(rest) < 2 or budget[0] < 2 or not flight.asked or self._stopped is not None:
            return False
        budget[0] -= 2
        for place, outcome in refused.kept.items():
            self._finish(flight.batch[place], outcome)
        middle = len(rest) // 2
        for half in (rest[:middle], rest[middle:]):
            fresh = _Part(budget)
            for waiting in half:
                waiting.attempts += 1
                self._enqueue(waiting, fresh)
        return True

    def _finish(self, waiting: Waiting, outcome: Outcome) -> None:
        """The last word on a push. Later ones are not heard."""
        if waiting.settled:
            return
        waiting.settled = True
        waiting.attempts += outcome.attempts
        last = last_word(outcome, attempts=waiting.attempts, doubtful=waiting.doubtful, deduplicates=self._deduplicates)
        waiting.sink.put(waiting.place, last)

    # Deadlines

    def _expire(self, waiting: Waiting) -> None:
        self._finish(
            waiting, Outcome.not_sent(waiting.push, Reason.EXPIRED, "the deadline passed before it could leave")
        )

    def _watch(self, deadline: float) -> None:
        if self._sweeper is not None:
            if self._sweeper.when() <= deadline + SWEEP:
                return
            self._sweeper.cancel()
        self._sweeper = self._loop.call_at(max(deadline, self._loop.time() + SWEEP), self._sweep)

    def _sweep(self) -> None:
        """Give those whose deadline has passed their outcome, wherever they are."""
        self._sweeper = None
        now = self._loop.time()
        earliest: float | None = None
        for waiting, asked in list(self._alive()):
            if waiting.deadline > now:
                earliest = waiting.deadline if earliest is None else min(earliest, waiting.deadline)
            elif asked:
                self._finish(waiting, Outcome.unknown(waiting.push, "the deadline passed while the vendor was asked"))
            else:
                self._expire(waiting)
        if earliest is not None:
            self._watch(earliest)

    def _alive(self) -> Iterator[tuple[Waiting, bool]]:
        """Everything without an outcome, and whether the vendor is being asked about it."""
        places: list[tuple[Iterable[Waiting], bool]] = [(self._queue, False)]
        places += [(later.batch, False) for later in self._later]
        places += [(flight.batch, flight.asked) for flight in self._flights]
        for place, asked in places:
            for waiting in place:
                if not waiting.gone:
                    yield waiting, asked

    # The end

    def stop(self, reason: Reason, detail: str) -> None:
        """Take nothing more and give back what has not left; batches on their way go on."""
        if self._stopped is not None:
            return
        self._stopped = (reason, detail)
        waiting = self._queue.clear()
        for later in self._later:
            if later.timer is not None:
                later.timer.cancel()
            waiting.extend(later.batch)
        self._later.clear()
        for one in waiting:
            self._finish(one, Outcome.not_sent(one.push, reason, detail))

    @property
    def busy(self) -> bool:
        """Whether anything is on its way."""
        return any(site.workers for site in self._sites.values())

    async def aclose(self, grace: float) -> None:
        """Stop, wait up to `grace` seconds for batches on their way, then cut them off as `UNKNOWN`."""
        self.stop(Reason.CLOSED, CLOSED)
        workers = [worker for site in self._sites.values() for worker in site.workers if worker is not None]
        if workers:
            await asyncio.wait(workers, timeout=max(grace, 0.0))
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for timer in (self._sweeper, *(site.timer for site in self._sites.values())):
            if timer is not None:
                timer.cancel()

    def _abandon(self, flight: _Flight) -> None:
        """The worker was cut off: say the truth about what it carried."""
        for waiting in flight.batch:
            if flight.asked:
                outcome = Outcome.unknown(waiting.push, "the gateway was closed while the vendor was asked")
            else:
                outcome = Outcome.not_sent(waiting.push, Reason.CLOSED, CLOSED)
            self._finish(waiting, outcome)


CLOSED = "the gateway was closed"


def _before(push: Push, failure: ExchangeError) -> Outcome:
    """What had to come before the push, the login, failed."""
    if isinstance(failure, Refused):
        return Outcome.refused(push, failure, sent=False)
    return Outcome.not_sent(push, Reason.UNAVAILABLE, str(failure))


def _whole(pushes: Sequence[Push], refused: Refused, asked: bool) -> list[Outcome]:
    return [refused.kept.get(place) or Outcome.refused(push, refused, sent=asked) for place, push in enumerate(pushes)]


def _silent(push: Push, silent: NoVerdict) -> Outcome:
    if silent.sent:
        return Outcome.unknown(push, silent.detail)
    return attrs.evolve(Outcome.not_sent(push, Reason.UNAVAILABLE, silent.detail), attempts=1)


def _broken(push: Push, detail: str, asked: bool) -> Outcome:
    return Outcome.unknown(push, detail) if asked else Outcome.not_sent(push, Reason.CREDENTIALS, detail)


def _checked(pushes: Sequence[Push], outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """The outcomes, if they are one for each push in order: nobody shall get another's."""
    if len(outcomes) != len(pushes):
        raise TypeError("not one outcome for each push")
    for outcome, push in zip(outcomes, pushes, strict=True):
        if outcome.push_token is not push.push_token and outcome.push_token != push.push_token:
            raise TypeError("an outcome of another push")
    return outcomes
