"""One certificate at work: what waits, what is on its way, and what became of it.

Law of this file: a push that came in goes out with exactly one outcome, whatever the vendor, the network, the plug-in
or a cancellation do. Pushes wait in a queue; for each of the vendor's servers up to `connections` workers fetch an
access token, cut a batch at the last moment, have the plug-in converse, and hand every outcome to its caller. While
all of them are busy, pushes gather, so batches grow by themselves under load.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import attrs

from pushgateway import verdicts
from pushgateway.batching import Flight, Later, Part, Queue, Waiting
from pushgateway.conversation import Conversation, blame
from pushgateway.crew import Crew
from pushgateway.deadlines import Deadlines
from pushgateway.errors import AccessExpired, ExchangeError, NoVerdict, Refused
from pushgateway.model import Push
from pushgateway.notices import Notices
from pushgateway.outcome import Outcome, Reason, Status
from pushgateway.retry import RetryPolicy, last_word, may_repeat
from pushgateway.vendor import AccessToken, Batching

TURN = 1000
"""Pushes given their outcome before the event loop gets a turn, where there may be many."""
CLOSED = "the gateway was closed"


@attrs.frozen(eq=False)
class _Region:
    """What waits for one of the vendor's servers, as its crew sees it."""

    lane: Lane
    name: str

    @property
    def linger(self) -> float:
        return self.lane.linger

    def is_full(self) -> bool:
        return self.lane.queue.waiting(self.name) >= self.lane.full

    def batches(self, most: int) -> int:
        return self.lane.queue.batches(self.name, self.lane.full, most)

    async def take_up(self) -> None:
        await self.lane.take_up(self.name)


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
        self._loop = asyncio.get_running_loop()
        self.queue = Queue()
        self._crews: dict[str, Crew] = {}
        self._later: set[Later] = set()
        self._deadlines = Deadlines()
        self._bell: asyncio.TimerHandle | None = None
        self._refusal: tuple[Reason, str] | None = None
        self._winds_up = False  # nothing is tried again
        self._notices = Notices(conversation.certificate_id, self._loop.time)
        self._adopt(conversation, linger)

    def _adopt(self, conversation: Conversation, linger: float) -> None:
        # What every push needs to know is asked of the plug-in once.
        vendor = conversation.vendor
        self.conversation = conversation
        self.linger = linger
        self._fault = ""
        try:
            self._batching = vendor.batching
            self._deduplicates = bool(vendor.deduplicates)
        except Exception as broken:
            self._batching, self._deduplicates = Batching(), False
            self._fault = blame(vendor.brand, broken)
        self.full = max(1, self._batching.size) if self.linger > 0 else 1

    # What comes in

    def submit(self, waiting: Waiting) -> None:
        """Take a push; its sink gets exactly one outcome."""
        if self._refusal is not None:
            self._finish(waiting, Outcome.not_sent(waiting.push, *self._refusal))
            return
        self._deadlines.add(waiting)
        if self._bell is None or waiting.deadline < self._bell.when():
            self._set_bell()
        self._enqueue(waiting)

    def replace(self, conversation: Conversation, linger: float) -> None:
        """The certificate's settings changed: what has not left yet goes out with the new ones."""
        self._adopt(conversation, linger)
        for crew in self._crews.values():
            crew.interrupt()
        for waiting in self.queue.clear():  # regions and parts are the vendor's to say
            self._enqueue(waiting)

    def slot(self, region: str) -> asyncio.Semaphore:
        """To be held while the vendor's server for `region` is asked something beside the queue."""
        return self._crew(region).free

    def _crew(self, region: str) -> Crew:
        crew = self._crews.get(region)
        if crew is None:
            crew = self._crews[region] = Crew(self._connections, _Region(self, region))
        return crew

    def _enqueue(self, waiting: Waiting, part: Hashable = None) -> None:
        vendor = self.conversation.vendor
        push = waiting.push
        waiting.flight = None
        fault = self._fault
        if not fault:
            try:
                region = verdicts.is_text(vendor.region(push.push_token.token))
            except Exception as broken:
                fault = blame(vendor.brand, broken)
        if fault:
            self._finish(waiting, Outcome.not_sent(push, Reason.CREDENTIALS, fault))
            return
        alone = self.linger <= 0 or not push.coalesce
        if alone:
            part = waiting
        elif part is None and not self._batching.mixed:
            part = push.notification
        self.queue.add(waiting, region, part)
        self._crew(region).call(at_once=alone)

    # The work

    async def take_up(self, region: str) -> None:
        """Fetch an access token, then cut the next batch of `region` and see it through."""
        crew, conversation = self._crew(region), self.conversation
        access, failure = None, None
        try:
            access = await crew.interruptible(conversation.login(region))
        except ExchangeError as failed:
            failure = failed
        if conversation is not self.conversation:
            return  # replaced meanwhile: begin anew with the new settings
        batch, part = self.queue.cut(region, self._batching, self._weigh)
        batch = self._still_wanted(batch)
        if not batch:
            return
        crew.batch_left()
        flight = Flight(batch)
        if failure is None:
            await self._fly(conversation, flight, region, access, part)
            return
        self._conclude(flight, [verdicts.before(push, failure) for push in flight.pushes])
        await asyncio.sleep(0)  # a long queue fails without holding the loop

    def _weigh(self, push: Push) -> int:
        try:
            return int(self.conversation.vendor.weigh(push))
        except Exception as broken:
            blame(self.conversation.vendor.brand, broken)
            return self._batching.max_bytes or 0  # so it goes alone

    async def _fly(
        self, conversation: Conversation, flight: Flight, region: str, access: AccessToken | None, part: Hashable
    ) -> None:
        """Deliver a batch; whatever happens on the way, each of its pushes has an outcome or another try."""
        try:
            await self._deliver(conversation, flight, region, access, part)
        except asyncio.CancelledError:
            self._cut_off(flight, CLOSED)
            raise
        except BaseException as error:
            # Not a plug-in's fault, those are caught where they happen: ours.
            self._cut_off(flight, f"the gateway itself failed: {type(error).__name__}")
            raise

    async def _deliver(
        self, conversation: Conversation, flight: Flight, region: str, access: AccessToken | None, part: Hashable
    ) -> None:
        try:
            outcomes = await self._converse(conversation, flight, region, access)
        except Refused as refused:
            spent = ""
            if refused.reason is Reason.INVALID_NOTIFICATION and flight.asked:
                kept = verdicts.kept(flight.pushes, refused)
                if self._split(flight, kept, part, cost=2):
                    return
                spent = "refused together with others, perhaps not for its own content" if len(flight.batch) > 1 else ""
            outcomes = verdicts.refused(flight.pushes, refused, asked=flight.asked, detail=spent)
        except NoVerdict as silent:
            outcomes = verdicts.silent(flight.pushes, silent)
        except Exception as broken:
            detail = blame(conversation.vendor.brand, broken)
            if not flight.asked and self._split(flight, {}, part, cost=0):
                return  # one push may be to blame: nothing left, so finding it costs no request
            outcomes = verdicts.broken(flight.pushes, detail, asked=flight.asked)
        self._conclude(flight, outcomes)

    async def _converse(
        self, conversation: Conversation, flight: Flight, region: str, access: AccessToken | None
    ) -> Sequence[Outcome]:
        """One exchange and, where the access token turns out to be no longer good, one more with a new one."""
        pushes = flight.pushes
        try:
            outcomes = await conversation.run(conversation.vendor.push(pushes), access, flight.asking)
            return verdicts.checked(pushes, outcomes)
        except AccessExpired:
            if access is None:
                raise
            conversation.forget(region, access)
        flight.asked = False  # that was refused: nothing of it was pushed
        for waiting in flight.batch:
            waiting.attempts += 1
        access = await conversation.renewed(region)
        flight.batch = self._still_wanted(flight.batch)
        pushes = flight.pushes
        if not pushes:
            return []
        outcomes = await conversation.run(conversation.vendor.push(pushes), access, flight.asking)
        return verdicts.checked(pushes, outcomes)

    def _still_wanted(self, batch: list[Waiting]) -> list[Waiting]:
        now = self._loop.time()
        for waiting in batch:
            if waiting.deadline <= now:
                self._expire(waiting)
        return [waiting for waiting in batch if not waiting.gone]

    # What goes out

    def _conclude(self, flight: Flight, outcomes: Iterable[Outcome]) -> None:
        """Give each push its outcome, or another try."""
        again: dict[tuple[int, float], list[tuple[Waiting, Outcome]]] = {}
        for waiting, outcome in zip(flight.batch, outcomes, strict=True):
            if outcome.status is Status.ACCEPTED and not waiting.tries:
                self._finish(waiting, outcome)
                continue
            waiting.tries += 1
            self._notices.see(outcome)
            if not waiting.gone and may_repeat(outcome, self._deduplicates):
                again.setdefault((waiting.tries, outcome.retry_after or 0.0), []).append((waiting, outcome))
            else:
                self._finish(waiting, outcome)
        for (tries, retry_after), those in again.items():
            self._try_later(those, tries, retry_after)

    def _try_later(self, again: list[tuple[Waiting, Outcome]], tries: int, retry_after: float) -> None:
        when = self._loop.time() + self._retry.delay(tries, self._rng.random(), retry_after)
        later = Later([])
        for waiting, outcome in again:
            if tries >= self._retry.attempts or when >= waiting.deadline or self._winds_up:
                self._finish(waiting, outcome)
                continue
            waiting.attempts += outcome.attempts
            waiting.doubtful = waiting.doubtful or outcome.status is Status.UNKNOWN
            waiting.flight = None
            later.batch.append(waiting)
        if later.batch:
            later.timer = self._loop.call_at(when, self._try_again, later)
            self._later.add(later)

    def _try_again(self, later: Later) -> None:
        self._later.discard(later)
        for waiting in later.batch:
            if not waiting.gone:
                self._enqueue(waiting)

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
            self._finish(flight.batch[place], outcome)
        middle = len(rest) // 2
        for half in (rest[:middle], rest[middle:]):
            fresh = Part(budget)
            for waiting in half:
                waiting.attempts += flight.asked
                if not waiting.gone:
                    self._enqueue(waiting, fresh)
        return True

    def _finish(self, waiting: Waiting, outcome: Outcome) -> None:
        """The last word on a push. Later ones are not heard."""
        if waiting.settled:
            return
        attempts = waiting.attempts + outcome.attempts
        last = last_word(outcome, attempts=attempts, doubtful=waiting.doubtful, deduplicates=self._deduplicates)
        waiting.settled = True
        waiting.flight = None
        self._deadlines.discard(waiting)
        waiting.sink.put(waiting.place, last)

    def _cut_off(self, flight: Flight, detail: str) -> None:
        for waiting in flight.batch:
            if flight.asked:
                self._finish(waiting, Outcome.unknown(waiting.push, f"{detail} while the vendor was asked"))
            else:
                self._finish(waiting, Outcome.not_sent(waiting.push, Reason.CLOSED, detail))

    # Deadlines

    def _set_bell(self) -> None:
        when = self._deadlines.next()
        if self._bell is not None:
            self._bell.cancel()
        self._bell = None if when is None else self._loop.call_at(when, self._ring)

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
            outcome = Outcome.not_sent(waiting.push, Reason.EXPIRED, "the deadline passed before it could leave")
        self._finish(waiting, outcome)

    # The end

    def refuse(self, reason: Reason, detail: str) -> None:
        """Take nothing more."""
        if self._refusal is None:
            self._refusal = (reason, detail)

    @property
    def refuses(self) -> bool:
        """Whether it takes nothing more."""
        return self._refusal is not None

    async def aclose(self, grace: float, *, drain: bool = True) -> None:
        """Take nothing more, send what waits (`drain`) and hear what is on its way for up to `grace` seconds; then
        give the former back and cut the latter off as `UNKNOWN`."""
        self.refuse(Reason.CLOSED, CLOSED)
        end = self._loop.time() + grace
        self._winds_up = not drain
        if not drain:
            await self._give_back(lambda later: True)
        elif grace > 0:
            await self._give_back(lambda later: later.timer is None or later.timer.when() >= end, queue=False)
        while (left := end - self._loop.time()) > 0:
            busy = [worker for crew in self._crews.values() for worker in crew.busy]
            if busy:
                await asyncio.wait(busy, timeout=left)
            elif self.queue or self._later:
                await asyncio.sleep(min(left, 0.01))  # for company, or for another try
            else:
                break
        dismissed = [worker for crew in self._crews.values() for worker in crew.dismiss()]
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
                self._finish(one, Outcome.not_sent(one.push, reason, detail))
                if number % TURN == 0:
                    await asyncio.sleep(0)
        finally:
            # Taken out of the queue they are nowhere else: a cancellation between two turns must not lose them.
            for one in rest:
                self._finish(one, Outcome.not_sent(one.push, reason, detail))
