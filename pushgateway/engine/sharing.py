"""What a gateway shares with the other processes that send with the same certificates: portions of rates, closed
quotas, and the news that a vendor answers again after an outage.

`Sharing` asks the shared state a few times a second, in one round trip for all certificates; no push waits for it. Each
process may send its portion of a rate, which it asks for by what it has sent and what waits. A process with nothing to
send gives its portion back. One that begins may send an equal share at once, until the store has answered.

When the store is gone, each process goes on with its last portion, but at least with an equal share of each rate among
the processes that were there: the vendor's rate is hardly exceeded, and no process stands still. A process that has
never reached the store has the whole rate, as without shared state.

Access tokens are shared in `session.shared_logins`, receipts in `receipts` and `awaited_receipts`. Made by `Gateway`.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import platform
import random
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, Protocol
from urllib.parse import quote, unquote

from pushgateway.engine.awaited_receipts import AwaitedReceipts
from pushgateway.engine.flow_control.gate import Gate
from pushgateway.engine.flow_control.portions import fair_portion
from pushgateway.engine.flow_control.rate import Rate
from pushgateway.engine.hiding import secrets_of
from pushgateway.model.secret import safe_repr, where
from pushgateway.observe.emitter import Emitter
from pushgateway.state.guard import GuardedState
from pushgateway.state.protocol import Exchanged, Portion, SharedState, Wish
from pushgateway.vendor import Vendor

PERIOD = 0.25
"""Seconds between two exchanges while something is sent through a limited rate; also what a demand is measured over."""
IDLE_PERIOD = 0.5
"""The same while nothing is: a quota that another process found used up is known here after so long."""
SOON = 0.05
"""Seconds until the next exchange where the others have not given up yet what is this process's share."""
HOLD = 2.0
"""Seconds after which a process that does not ask any more is forgotten, with its portions: it was killed."""
IDLE = 1.0
"""Seconds without anything sent or waiting after which a portion is given back."""
HEADROOM, GROWTH = 1.1, 2.0
"""A process asks for so many times what it has sent, so that a rising load is not held back between two exchanges; the
second figure where it was held back for more than `SOON`, because who sends one after the other never has many that
wait."""
AT_ONCE = 250
"""Endpoints in one call: a store does one call after the other, and nobody should wait for a long one."""
LEAST = 0.01
"""The share of a rate that a process may send in any case, but no more than an equal share: one push, which asks for
more."""
ANSWERS = "!answers"
"""In place of the name of a quota, which never has this character in a key: the vendor answers again. It is stored for
`ANSWERS_KEPT` seconds, so what is left of these says when that was."""
ANSWERS_KEPT = 30.0
SLACK = 1.0
"""Seconds by which the store's end of a closed quota may be earlier than the one that is known here."""


class SharedEndpoint(Protocol):
    """What `Sharing` needs of an endpoint."""

    gate: Gate

    @property
    def waiting(self) -> int:
        """Pushes that wait for it."""

    @property
    def waiting_requests(self) -> int:
        """Requests that they need, at least."""

    def wake(self) -> None:
        """Something changed: whoever waits at the gate shall look again."""

    def answered_elsewhere(self, at: float) -> None:
        """Another process has had an answer of the vendor at this time, after an outage (loop seconds)."""


def shared_key(certificate_id: str, vendor: Vendor) -> str:
    """What all processes call a certificate: its id, and a digest of its brand and its secrets.

    Processes that use one id for different apps, or one app before and after its secrets changed, share nothing.
    """
    secrets = [secret.reveal() for secret in secrets_of(vendor)]
    text = repr((certificate_id, vendor.brand, secrets)).encode("utf-8", "backslashreplace")
    return f"{_part(certificate_id)}.{hashlib.blake2b(text, digest_size=6, person=b'pushgateway').hexdigest()}"


def _part(text: str) -> str:
    """A text of a host or a plug-in as one part of a key: ASCII without a slash."""
    return quote(text, safe="", errors="surrogatepass")


class _RateShare:
    """This process's part of one rate."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.granted: float | None = None  # by the store; None: it was not asked for
        self.others: tuple[float, ...] = ()  # their demands
        self.demand = self.usual = 0.0  # per second; `usual` is a moving average over about a second
        self.since = 0.0  # when `used` of the rate was set to 0
        self.waited = 0.0  # the longest wait for the rate since then, seconds

    def measure(self, rate: Rate, waiting: int, now: float) -> None:
        """What this process would send per second: what it usually sends, and where the rate holds it back (and not
        something else such as an outage), what it has sent just now and what waits."""
        elapsed = max(now - self.since, PERIOD)
        if now - self.since >= PERIOD:
            self.usual += (rate.used / elapsed - self.usual) / 4
        demand = self.usual * HEADROOM
        if self.waited > 0 or self.granted is None:
            held_back = waiting if self.waited > 0 else 0
            more = GROWTH if self.waited > SOON else HEADROOM
            demand = max(demand, (rate.used + held_back) / elapsed * more)
        elif now - self.since < PERIOD:
            demand = self.demand  # there is nothing new
        self.demand = min(demand, rate.most)
        if now - self.since >= PERIOD:
            self.since, rate.used, self.waited = now, 0.0, 0.0

    def fair(self, rate: Rate) -> float:
        """The portion that it should have."""
        return fair_portion(rate.most, self.demand, self.others)

    def wish(self, rate: Rate) -> Wish:
        """What to ask for."""
        return Wish(self.key, rate.most, self.demand, self.fair(rate))


class EndpointShare:
    """This process's part of what one endpoint may do; the gate's `SharedLimits`."""

    def __init__(self, sharing: Sharing, key: str, endpoint: SharedEndpoint) -> None:
        """`key`: of the endpoint, the same in all processes."""
        self.key = key
        self._sharing = sharing
        self._endpoint = endpoint
        self._gate = endpoint.gate
        self._shares = [_RateShare(f"{key}/{name}") for name in ("pushes", "requests")]
        self.is_active = False
        """It sends, or has sent just now: its portions are asked for."""
        self._last_used = -math.inf

    def _limited(self) -> Iterator[tuple[_RateShare, Rate, int]]:
        waiting = (self._endpoint.waiting, self._endpoint.waiting_requests)
        for share, rate, count in zip(self._shares, self._gate.rates, waiting, strict=True):
            if rate.most < math.inf:
                yield share, rate, count

    def admitted(self) -> None:
        """See `SharedLimits`."""
        if not self.is_active and any(rate.most < math.inf for rate in self._gate.rates):
            self.is_active = True
            self._last_used = asyncio.get_running_loop().time()
            for share in self._shares:
                share.since = self._last_used
            self._sharing.activate(self)

    def delayed(self, seconds: float) -> None:
        """See `SharedLimits`. Where all was granted that was asked for, more is asked for now: a burst after a trickle
        does not wait for the next exchange."""
        for share in self._shares:
            share.waited = max(share.waited, seconds)
        if self.is_active and any(
            share.granted is not None and share.granted >= share.demand for share in self._shares
        ):
            self._sharing.hurry()

    def closed(self, quota: str, seconds: float) -> None:
        """See `SharedLimits`."""
        self._sharing.publish(self.quota_key(quota), seconds)

    def answered_again(self) -> None:
        """See `SharedLimits`."""
        self._sharing.publish(f"{self.key}/{ANSWERS}", ANSWERS_KEPT)

    def quota_key(self, quota_name: str) -> str:
        """Of one of its quotas, the same in all processes."""
        return f"{self.key}/{_part(quota_name)}"

    def publish_closed(self, known: Mapping[str, float], now: float) -> None:
        """Publish again what is closed here and not, or not for so long, in the store: it may have lost it, or it did
        not answer. `known`: what it knows, by the keys of the quotas."""
        for quota_name, seconds in self._gate.closed_quotas(now):
            if seconds > known.get(self.quota_key(quota_name), 0.0) + SLACK:
                self.closed(quota_name, seconds)

    def apply_quota(self, quota_name: str, seconds: float) -> None:
        """Another process says that a quota is closed for so long, or somebody that it is open (0)."""
        now = asyncio.get_running_loop().time()
        if seconds > 0:
            self._gate.close(now, quota_name, seconds)
        else:
            self._gate.reopen(now, quota_name)
        self._endpoint.wake()

    def answered_elsewhere(self, seconds: float) -> None:
        """Another process has had an answer after an outage. `seconds`: what is left of `ANSWERS_KEPT`."""
        self._endpoint.answered_elsewhere(asyncio.get_running_loop().time() - (ANSWERS_KEPT - seconds))

    def wishes(self, now: float) -> list[Wish]:
        """What to ask for now; it gives its portions back when nothing was sent for a while."""
        wishes = []
        for share, rate, waiting in self._limited():
            if rate.used or share.waited:
                self._last_used = now
            share.measure(rate, waiting, now)
            wishes.append(share.wish(rate))
        if now - self._last_used < IDLE:
            return wishes
        self.is_active = False
        for share in self._shares:
            share.demand, share.usual, share.granted, share.others = 0.0, 0.0, None, ()
        return [Wish(share.key, rate.most, 0.0, 0.0) for share, rate, _ in self._limited()]

    def take(self, portions: Iterator[Portion], now: float) -> tuple[bool, bool]:
        """Take what was granted. Returns whether the others still have some of what is ours, and whether we have some
        of what is theirs."""
        lacks = exceeds = False
        for share, rate, _ in self._limited():
            portion = next(portions)
            if not self.is_active:
                continue
            share.granted, share.others = portion.granted, portion.demands
            fair = share.fair(rate)
            lacks = lacks or portion.granted < 0.95 * fair
            exceeds = exceeds or portion.granted > 1.05 * fair
            least = min(LEAST, 1 / (len(share.others) + 1))
            rate.share(now, max(portion.granted, least * rate.most))
        return lacks, exceeds

    def settle(self, now: float, processes: int, *, is_gone: bool) -> None:
        """Set the portions that nobody has granted: of an endpoint that has not asked, and of all if the store is
        gone. `processes`: how many were there; 0: unknown."""
        for share, rate, _ in self._limited():
            if share.granted is not None and not is_gone:
                continue
            if processes:
                portion = max(rate.most / processes, share.granted or 0.0)
            else:
                portion = rate.most if is_gone else LEAST * rate.most
            if portion != rate.portion:
                rate.share(now, portion)
        self._endpoint.wake()

    def wake(self) -> None:
        """The portions changed."""
        self._endpoint.wake()


@safe_repr
class Sharing:
    """One gateway's part in the shared state."""

    def __init__(self, guard: GuardedState, emitter: Emitter, rng: random.Random) -> None:
        self.guard = guard
        self.owner = f"{platform.node()}:{os.getpid()}:{rng.getrandbits(24):06x}"
        """What the other processes call this one."""
        self._emitter = emitter
        self._rng = rng
        self._shares: dict[SharedEndpoint, EndpointShare] = {}
        self._by_key: dict[str, EndpointShare] = {}
        self._held: set[str] = set()  # rates of which the store has a portion for this process
        self._active: dict[EndpointShare, None] = {}
        self._closed: dict[str, dict[str, float]] = {}  # by endpoint and quota: when it ends, loop seconds
        self._version = -1
        self._processes = 0  # 0: not known
        self._was_gone = False
        self._hurry = asyncio.Event()
        self._asked_at = -math.inf
        self._running: set[asyncio.Task[None]] = set()
        self._calls: set[asyncio.Task[None]] = set()  # single calls to the store that report something
        self._loop = asyncio.get_running_loop()
        self.awaited = AwaitedReceipts(guard, self.owner, begin=self._begin, call=self._call, complain=emitter.complain)
        """Receipts for which this or another process waits."""
        self._begin(self._run())

    # Endpoints

    def add(self, key: str, region: str, endpoint: SharedEndpoint) -> None:
        """An endpoint is there, or has a new gate. `key`: of its certificate (`shared_key`)."""
        self.remove(endpoint)
        share = EndpointShare(self, f"{key}/{_part(region)}", endpoint)
        self._shares[endpoint] = self._by_key[share.key] = share
        endpoint.gate.shared = share
        now = self._loop.time()
        share.settle(now, self._processes, is_gone=self.guard.is_gone)
        for quota_name, ends in self._closed.get(share.key, {}).items():
            if ends > now:
                share.apply_quota(quota_name, ends - now)

    def remove(self, endpoint: SharedEndpoint) -> None:
        """An endpoint is gone, or its gate is; its portions are forgotten by the store after `HOLD` seconds."""
        share = self._shares.pop(endpoint, None)
        if share is not None:
            self._active.pop(share, None)
            if self._by_key.get(share.key) is share:
                del self._by_key[share.key]

    def activate(self, share: EndpointShare) -> None:
        """It begins to send: ask for its portions now."""
        self._active[share] = None
        self._hurry.set()

    def hurry(self) -> None:
        """Ask now, unless that was done a moment ago."""
        if self._loop.time() - self._asked_at >= SOON:
            self._hurry.set()

    def publish(self, key: str, seconds: float) -> None:
        """Report to the other processes that a quota is closed for so long."""
        self._call(self._publish(key, seconds))

    async def _publish(self, key: str, seconds: float) -> None:
        async def close(state: SharedState) -> bool:
            await state.close_quota(key, seconds)
            return True

        if not await self.guard.ask(close):
            self._version = -1  # the next answer is compared with what is closed here

    # Exchanges

    async def _run(self) -> None:
        while True:
            self._hurry.clear()
            try:
                pause = await self._exchange()
            except Exception as failed:  # ours: the next exchange may go well
                self._emitter.complain(f"the exchange with other processes failed: {where(failed)}")
                pause = IDLE_PERIOD
            timer = self._loop.call_later(pause * self._rng.uniform(0.9, 1.1), self._hurry.set)
            try:
                await self._hurry.wait()
            finally:
                timer.cancel()

    async def _exchange(self) -> float:
        """Ask once, or twice where portions are to be given up at once; seconds until the next time."""
        lacks, exceeds = await self._ask()
        if exceeds:
            lacks, _ = await self._ask()
        if self.guard.is_gone:
            return max(PERIOD, self.guard.seconds_to_probe())
        return SOON if lacks else PERIOD if self._active else IDLE_PERIOD

    async def _ask(self) -> tuple[bool, bool]:
        """Ask for the portions of all that send. Returns what `EndpointShare.take` does, of any of them."""
        active = list(self._active)
        lacks = exceeds = False
        for start in range(0, max(1, len(active)), AT_ONCE):
            lacking, exceeding = await self._ask_for(active[start : start + AT_ONCE])
            lacks, exceeds = lacks or lacking, exceeds or exceeding
        return lacks, exceeds

    async def _ask_for(self, asking: Sequence[EndpointShare]) -> tuple[bool, bool]:
        self._asked_at = now = self._loop.time()
        wishes = [share.wishes(now) for share in asking]
        flat = [wish for its in wishes for wish in its]
        known = self._version
        self._held |= {wish.key for wish in flat if wish.demand > 0}
        answer = await self.guard.ask(lambda state: state.exchange(self.owner, flat, hold=HOLD, known=known))
        now = self._loop.time()
        for share in asking:
            if not share.is_active:
                self._active.pop(share, None)
        if answer is None:
            self._lose(now)
            return False, False
        self._held -= {wish.key for wish in flat if not wish.demand > 0}
        self._find(answer, now, known)
        portions = iter(answer.portions)
        lacks = exceeds = False
        for share, its in zip(asking, wishes, strict=True):
            own = iter([next(portions) for _ in its])
            if share.is_active and self._by_key.get(share.key) is share:
                lacking, exceeding = share.take(own, now)
                lacks, exceeds = lacks or lacking, exceeds or exceeding
                share.wake()
            else:
                share.settle(now, self._processes, is_gone=False)
        return lacks, exceeds

    def _lose(self, now: float) -> None:
        """The store is gone: each endpoint goes on with what it has, and at least with an equal share."""
        if self.guard.is_gone and not self._was_gone:
            self._was_gone, self._version = True, -1
            for share in self._shares.values():
                share.settle(now, self._processes, is_gone=True)

    def _find(self, answer: Exchanged, now: float, known: int) -> None:
        """The store has answered: take what is new. `known`: the version of the closed quotas in the question."""
        is_back, self._was_gone = self._was_gone, False
        if answer.processes != self._processes or is_back:
            self._processes = answer.processes
            for share in self._shares.values():
                share.settle(now, self._processes, is_gone=False)
        if answer.closed is not None:
            self._take_closed(answer.closed, now)
            for share in self._shares.values():
                share.publish_closed(answer.closed, now)
        if self._version == known:  # nothing has failed meanwhile
            self._version = answer.version
        self.awaited.exchanged(answer.awaited, answer.posted)

    def _take_closed(self, closed: Mapping[str, float], now: float) -> None:
        self._closed = {}
        for key, seconds in closed.items():
            endpoint, _, name = key.rpartition("/")
            share = self._by_key.get(endpoint)
            if name == ANSWERS:
                if share is not None:
                    share.answered_elsewhere(seconds)
                continue
            quota_name = unquote(name, errors="surrogatepass")
            if seconds > 0:
                self._closed.setdefault(endpoint, {})[quota_name] = now + seconds
            if share is not None:
                share.apply_quota(quota_name, seconds)

    # The end

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        _run_in(self._running, self._loop.create_task(work))

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        _run_in(self._calls, self._loop.create_task(work))

    async def aclose(self) -> None:
        """Give back what this process has, after its last reports to the others. The store itself is closed by who made
        it."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, *self._calls, return_exceptions=True)  # a call ends in time by itself
        rates = list(self._held)
        await self.guard.ask(lambda state: state.leave(self.owner, rates))

    def __repr__(self) -> str:
        return f"Sharing({self.guard.state.name!r})"


def _run_in(tasks: set[asyncio.Task[None]], task: asyncio.Task[None]) -> None:
    """Keep a task until it has ended."""
    tasks.add(task)
    task.add_done_callback(tasks.discard)
