"""One certificate at work: what comes in, what waits, what is tried again, and the end.

A push that came in waits in the queue until an `Endpoint` sends it, comes back to be tried again, or ends
(`Completions`). Not here: when and how it is sent. Made by `Lanes`, fed by `Intake`.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence

from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.engine.bindings import Bindings
from pushgateway.engine.endpoint import CLOSED, Endpoint
from pushgateway.engine.flow_control.gate import Gate
from pushgateway.engine.options import LaneOptions
from pushgateway.engine.pushes.completion import TURN, Completions
from pushgateway.engine.pushes.queue import Queue, of_message
from pushgateway.engine.pushes.runs import Run, is_wanted
from pushgateway.engine.session.plugin_guard import GuardedVendor, as_text, raise_again
from pushgateway.engine.session.vendor_session import VendorSession
from pushgateway.engine.settings import LaneSettings
from pushgateway.engine.sharing import Sharing, shared_key
from pushgateway.model.outcome import Outcome
from pushgateway.model.reason import Reason, Status
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.traces import Traces
from pushgateway.transport.limit import read_arrived
from pushgateway.vendor.refusals import Refused


class _Retry:
    """Runs that are tried again when the timer fires."""

    __slots__ = ("runs", "timer")

    def __init__(self, runs: list[Run]) -> None:
        self.runs = runs
        self.timer: asyncio.TimerHandle | None = None


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
        sharing: Sharing | None = None,
        bindings: Bindings | None = None,
    ) -> None:
        """`clock`: wall clock, epoch seconds. `traces`: what keeps the lives of pushes, if anything. `sharing`: what
        divides its limits among several processes, if anything. `bindings`: whom to ask about pushes that have an
        owner."""
        self._emitter = emitter
        self._clock = clock
        self._rng = rng
        self._sharing = sharing
        self._loop = asyncio.get_running_loop()
        self.settings = LaneSettings(session, lane_options)
        self.queue = Queue()
        self.completions = Completions(
            session.certificate_id, session.vendor.brand, emitter, traces, self._why_held_up, bindings=bindings
        )
        self._arrivals: deque[Run] = deque()  # came in during this turn of the loop
        self.arrived = 0
        """Pushes in them."""
        self.open_run: Run | None = None
        """The last one that came in, while further pushes may still join it."""
        self.open_manner: object = None
        """What a push must have in common with that run to join it; see `Intake`."""
        self._endpoints: dict[str, Endpoint] = {}
        self._retries: dict[_Retry, None] = {}  # as a set, in the order in which they began
        self._refusal: tuple[Reason, str] | None = None
        self._winds_up = False  # nothing is tried again
        self._is_over = False  # and nothing leaves
        self._adopt()

    def _adopt(self) -> None:
        self.completions.deduplicates = self.settings.vendor.deduplicates is not False
        self._rests = self.settings.rests > 0
        self.gathers = self.settings.batch_size > 1
        """Whether pushes may share a request."""
        vendor = self.settings.vendor
        self._has_one_message_id = vendor.deduplicates == "message" and not vendor.batching.mixed

    # What comes in

    def arrive(self, run: Run, manner: object = None) -> None:
        """Take a run of single sends, and those that join it in this turn of the loop: together they cost less.

        `manner`: what a push must have in common with it to join it; None: nobody joins it.
        """
        if not self._arrivals:
            self._loop.call_soon(self._let_in, TURN)
        self._arrivals.append(run)
        self.open_run, self.open_manner = (None, None) if manner is None else (run, manner)

    def _let_in(self, most: int) -> None:
        self.open_run = None
        arrivals, runs = self._arrivals, list[Run]()
        while arrivals and most > 0:
            run = arrivals.popleft()
            if run.size > most:
                first = run.split(most)
                arrivals.appendleft(run)
                run = first
            most -= run.size
            self.arrived -= run.size
            runs.append(run)
        self.submit(runs)
        if arrivals:
            self._loop.call_soon(self._let_in, TURN)

    def submit(self, runs: Sequence[Run]) -> None:
        """Take pushes; the sink of each gets exactly one outcome."""
        self.completions.add(runs)
        if self._refusal is None:
            self.enqueue(runs)
            return
        for run in runs:
            self.completions.not_sent(run, *self._refusal)

    @property
    def session(self) -> VendorSession:
        """By the settings in force."""
        self.settings.catch_up()
        return self.settings.session

    @property
    def vendor(self) -> GuardedVendor:
        """By the settings that it works with; after a reload these may be the old ones for some turns of the loop."""
        return self.settings.vendor

    @property
    def signer(self) -> ReceiptSigner | None:
        """What marks pushes for their receipts, by the same settings."""
        return self.settings.options.signer

    @property
    def brand(self) -> str:
        """Of its certificate."""
        return self.vendor.brand

    @property
    def is_full(self) -> bool:
        """Whether so many pushes are there that a further one should rather not wait."""
        return self.completions.held + self.arrived >= self.settings.options.queue

    def replace(self, session: VendorSession, lane_options: LaneOptions) -> None:
        """The certificate's settings changed: what has not left yet goes out with the new ones."""
        self.settings.adopt(session, lane_options)
        self._adopt()
        for name, endpoint in self._endpoints.items():
            endpoint.renew(self._gate(name))
            self._share(endpoint)
        self.enqueue(self.queue.clear())  # regions and parts are the vendor's to say

    def endpoint(self, name: str) -> Endpoint:
        """One of the vendor's servers. Raises `BrokenPromise` for a name that is no text."""
        endpoint = self._endpoints.get(name)
        if endpoint is None:
            name = as_text("region()", name)
            endpoint = self._endpoints[name] = Endpoint(
                name,
                self._gate(name),
                self.settings,
                self.queue.line(name),
                self.completions,
                requeue=self.enqueue,
                retry=self.try_later,
            )
            self._share(endpoint)
        return endpoint

    def _share(self, endpoint: Endpoint) -> None:
        """Its gate is new: from now on it shares its limits with other processes, if there are any."""
        if self._sharing is not None:
            key = shared_key(self.settings.session.certificate_id, self.settings.vendor.plugin)
            self._sharing.add(key, endpoint.name, endpoint)

    def _stop_sharing(self) -> None:
        if self._sharing is not None:
            for endpoint in self._endpoints.values():
                self._sharing.remove(endpoint)

    def _gate(self, region: str) -> Gate:
        settings = self.settings
        return Gate(
            settings.session.certificate_id,
            settings.vendor.brand,
            region,
            rates=settings.options.rates(settings.vendor.rates),
            day_offset=settings.vendor.day_offset,
            emitter=self._emitter,
            clock=self._clock,
            rng=self._rng,
            now=self._loop.time(),
        )

    def _why_held_up(self, region: str) -> str:
        endpoint = self._endpoints.get(region)
        return "" if endpoint is None else endpoint.gate.why(self._loop.time())

    def enqueue(self, runs: Iterable[Run], part: Hashable = None) -> None:
        """Let them wait for the vendor, in this order; `part`: what they may share a request with."""
        if self.settings.renewal is not None:
            self.settings.catch_up()
        for run in runs:
            run.asked = False
            run.trace = None
            if self._is_over:
                self.completions.not_sent(run, Reason.CLOSED, CLOSED)
            elif self.settings.vendor.fault:
                self.completions.not_sent(run, Reason.CREDENTIALS, self.settings.vendor.fault)
            else:
                self._line_up(run, part)

    def _line_up(self, run: Run, part: Hashable) -> None:
        """Put the pushes of a run into the queue, together as far as they may share a request."""
        try:
            alone = self.gathers and (not run.coalesce or self.settings.vendor.are_alone(run.notifications))
        except BaseException as broken:
            self._not_routed(run, part, broken)
            return
        if run.size > 1 and len(parts := self._parted(run, alone)) > 1:
            for one in parts:
                self._line_up(one, part)
            return
        self._route(run, part, is_alone=alone is True)

    def _route(self, run: Run, part: Hashable, *, is_alone: bool) -> None:
        """Put the pushes of a run into the lines of their endpoints. `is_alone`: each shares its request with none."""
        try:
            route = self.settings.vendor.route(run.push_tokens, run.notifications, part)
            regions = {one[0] for one in route} if isinstance(route, list) else {route[0]}
            for region in regions - self._endpoints.keys():
                self.endpoint(region)
        except BaseException as broken:
            self._not_routed(run, part, broken)
            return
        refused: list[tuple[Run, Refused]] = []
        routes = [(route, run)] if isinstance(route, tuple) else [one[:2] for one in run.grouped(route)]
        for (region, quota, share), one in routes:
            endpoint = self._endpoints[region]
            gate = endpoint.gate
            if gate.may_refuse and (refusal := gate.obstacle(self._loop.time(), quota, one.deadline)) is not None:
                refused.append((one, refusal))
                continue
            one.region, one.quota = region, quota
            # Where no pushes share a request, all of them are one group, in the order in which they came.
            group = share if self.gathers else None
            if self._has_one_message_id and self.gathers and (message_id := one.message_id):
                group = of_message(share, message_id)
            if self._rests and not is_alone and endpoint.rests(one, group):
                continue
            endpoint.line.add(one, one if is_alone else group)
            endpoint.called(one, alone=is_alone)
        for one, refusal in refused:  # last: a caller that gets its outcome may change everything
            self.completions.refused(one, refusal)

    def _parted(self, run: Run, alone: bool | list[bool]) -> list[Run]:
        """Runs of those of its pushes that may share a request, as far as that is known of them; often it is one.
        `alone`: which of them share none; True: all."""
        if isinstance(alone, list):
            return [one for _, one, _ in run.grouped(alone)]
        if alone:
            return run.apart()
        if self._has_one_message_id and run.has_message_ids and not run.message_id:
            # They were in one request before a reload, with other notifications.
            return [one for _, one, _ in run.grouped(run.pushes.message_ids)]
        return [run]

    def _not_routed(self, run: Run, part: Hashable, broken: BaseException) -> None:
        """The plug-in failed at a run: each push is asked about alone, and those at which it fails end."""
        raise_again(broken)
        if run.size > 1:
            for one in run.apart():
                self._line_up(one, part)
            return
        self.completions.not_sent(run, Reason.CREDENTIALS, self.settings.vendor.blame(broken))

    # What comes back

    def try_later(self, again: Sequence[tuple[Run, Sequence[Outcome]]], tries: int, retry_after: float) -> None:
        """Try these once more after a while, as far as there is time; the others have their outcomes."""
        policy = self.settings.options.retry
        when = self._loop.time() + policy.delay(tries, self._rng.random(), retry_after)
        retry = _Retry([])
        for run, outcomes in again:
            if tries >= policy.attempts or when >= run.deadline or self._winds_up:
                self.completions.finish(run, outcomes)
                continue
            if self.completions.traces is not None:
                for outcome in outcomes:
                    self.completions.traces.tried(outcome)
            run.attempts += outcomes[0].attempts  # of all the same, see `Endpoint`
            run.doubtful = run.doubtful or outcomes[0].status is Status.UNKNOWN
            run.asked = False
            run.trace = None
            retry.runs.append(run)
        if retry.runs:
            retry.timer = self._loop.call_at(when, self._try_again, retry)
            self._retries[retry] = None

    def _try_again(self, retry: _Retry) -> None:
        self._retries.pop(retry, None)
        self.enqueue([run for run in retry.runs if is_wanted(run)])

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
        """Take nothing more, send what waits (`drain`) and wait for what is on its way for up to `grace` seconds; then
        give the former back and cut the latter off as `UNKNOWN`."""
        self._let_in(self.arrived)
        self.refuse(Reason.CLOSED, CLOSED)
        end = self._loop.time() + grace
        self._winds_up = not drain
        if not drain:
            self.settings.end = self._refusal
        self.queue.purge()
        if drain and grace > 0:
            self._hurry()
        for endpoint in self._endpoints.values():
            endpoint.wake()  # nobody shall wait at a gate for nothing
        if not drain:
            await self._give_back(lambda retry: True)
        elif grace > 0:
            await self._give_back(lambda retry: retry.timer is None or retry.timer.when() >= end, queue=False)
        busy: list[asyncio.Task[None]] = []
        while (left := end - self._loop.time()) > 0:
            busy = [worker for endpoint in self._endpoints.values() for worker in endpoint.workers.busy]
            if busy:
                await asyncio.wait(busy, timeout=left)
            elif self.queue or self._retries:
                await asyncio.sleep(min(left, 0.01))  # for others to share a request with, or for another try
            else:
                break
        if busy and grace > 0:
            self._is_over = True
            await self._give_back(lambda retry: True)
            await read_arrived()
        dismissed = [worker for endpoint in self._endpoints.values() for worker in endpoint.workers.dismiss()]
        await asyncio.gather(*dismissed, return_exceptions=True)
        await self._give_back(lambda retry: True)  # at the very end, when nobody can put anything back any more
        self.completions.close()
        self._stop_sharing()

    def _hurry(self) -> None:
        """Send what waits for others to share its request: it may wait for longer than the grace."""
        self.settings.catch_up()
        self.settings.linger = self.settings.rests = 0.0
        self._rests = False
        for endpoint in self._endpoints.values():
            endpoint.hurry()

    async def _give_back(self, which: Callable[[_Retry], bool], *, queue: bool = True) -> None:
        waiting = self.queue.clear() if queue else []
        for retry in [retry for retry in self._retries if which(retry)]:
            self._retries.pop(retry, None)
            if retry.timer is not None:
                retry.timer.cancel()
            waiting += retry.runs
        reason, detail = self._refusal or (Reason.CLOSED, CLOSED)
        rest = iter(waiting)
        try:
            count = 0
            for run in rest:
                self.completions.not_sent(run, reason, detail)
                count += run.size
                if count >= TURN:
                    count = 0
                    await asyncio.sleep(0)
        finally:
            # Taken out of the queue they are nowhere else: a cancellation between two turns must not lose them.
            for run in rest:
                self.completions.not_sent(run, reason, detail)
