"""Faults planted in what a gateway holds: access tokens, connections, limits, its certificates, and its close."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from planted.plant import Plant, again, plant
from pushgateway.engine.broadcast import Broadcasting
from pushgateway.engine.endpoint import Endpoint
from pushgateway.engine.flow_control.breaker import Breaker
from pushgateway.engine.flow_control.gate import Gate
from pushgateway.engine.flow_control.quota import Quotas
from pushgateway.engine.lane import Lane
from pushgateway.engine.lanes import Lanes
from pushgateway.engine.pushes.completion import Completions
from pushgateway.engine.session.access_tokens import AccessTokens
from pushgateway.engine.session.vendor_session import VendorSession
from pushgateway.engine.workers import Workers
from pushgateway.observe.events import BreakerState
from pushgateway.vendor.refusals import NoVerdict

PLANTS: list[Plant] = []
Patch = pytest.MonkeyPatch


@plant(PLANTS, "A1")
def login_each(patch: Patch) -> None:
    """Access tokens are not kept: a login for every batch."""
    patch.setattr(AccessTokens, "_store", lambda self, key, access: None)


@plant(PLANTS, "A1", 2)
def login_herd(patch: Patch) -> None:
    """Each caller that needs an access token logs in separately."""
    get = AccessTokens.get

    async def alone(self: AccessTokens, key: Any, login: Any) -> Any:
        self._logins.pop(key, None)
        return await get(self, key, login)

    patch.setattr(AccessTokens, "get", alone)


@plant(PLANTS, "A1", 13)
def login_storm(patch: Patch) -> None:
    """A failed login is repeated at once."""
    patch.setattr(AccessTokens, "_paused", lambda self, key: None)


@plant(PLANTS, "A1", 6)
def forget_all(patch: Patch) -> None:
    """A late "expired" for an old access token discards the new one."""
    patch.setattr(AccessTokens, "forget", lambda self, key, access, **_: self._held.pop(key, None))


@plant(PLANTS, "L1", 2, troubles=again("revoked"))
def forget_none(patch: Patch) -> None:
    """An access token that the vendor refuses is kept."""
    patch.setattr(AccessTokens, "forget", lambda self, key, access, **_: None)


@plant(PLANTS, "A9", 1)
def anothers_access(patch: Patch) -> None:
    """Certificates share an access token."""
    patch.setattr(VendorSession, "key", lambda self, name: ("all", name))


@plant(PLANTS, "A9")
def elsewhere(patch: Patch) -> None:
    """An access token is used for all of a vendor's servers."""
    patch.setattr(VendorSession, "key", lambda self, name: (self.certificate_id, str(self.serial)))


@plant(PLANTS, "I7")
def one_more(patch: Patch) -> None:
    """One connection more than the limit."""
    init = Workers.__init__
    patch.setattr(Workers, "__init__", lambda self, connections, load: init(self, connections + 1, load))


@plant(PLANTS, "L2", troubles=again("rotate"))
def leaks(patch: Patch) -> None:
    """A worker that is cancelled keeps its connection."""

    async def work(self: Workers) -> None:
        try:
            if not self.connections.take():
                await self.connections.wait()
            await self._work.send_next()
            self.connections.give_back()
        finally:
            self._workers.pop(asyncio.current_task(), None)  # type: ignore[call-overload]
            if self._work.line.size and not self._loop.is_closed():
                self.call()

    patch.setattr(Workers, "_run", work)


@plant(PLANTS, "L3", troubles=())
def falls_asleep(patch: Patch) -> None:
    """A worker that ends does not check whether something waits."""

    async def work(self: Workers) -> None:
        if not self.connections.take():
            await self.connections.wait()
        await self._work.send_next()
        self.connections.give_back()
        self._workers.pop(asyncio.current_task(), None)  # type: ignore[call-overload]

    patch.setattr(Workers, "_run", work)


@plant(PLANTS, "Q2", 12)
def no_latch(patch: Patch) -> None:
    """After the daily quota is used up, requests go on."""
    patch.setattr(Quotas, "use_up", lambda self, quota, now, wall, chance: 0.0)


@plant(PLANTS, "Q2", 12)
def short_latch(patch: Patch) -> None:
    """A used up daily quota is forgotten after ten seconds."""

    def use_up(self: Quotas, quota: str, now: float, wall: float, chance: float) -> float:
        self._until[quota] = wall + 10, now + 10
        return 10.0

    patch.setattr(Quotas, "use_up", use_up)


@plant(PLANTS, "L1", 12)
def no_midnight(patch: Patch) -> None:
    """A used up daily quota still counts after midnight."""

    def use_up(self: Quotas, quota: str, now: float, wall: float, chance: float) -> float:
        self._until[quota] = wall + 86400, now + 86400
        return 86400.0

    patch.setattr(Quotas, "use_up", use_up)


@plant(PLANTS, "L1")
def never_closes(patch: Patch) -> None:
    """A breaker that opened stays open."""
    patch.setattr(Breaker, "answered", lambda self: False)


@plant(PLANTS, "L1")
def probe_lost(patch: Patch) -> None:
    """After one more failure the breaker sends no further probe."""

    def reopen(self: Breaker, now: float, chance: Any, pauses: Any) -> None:
        self.state = BreakerState.OPEN
        self.until = math.inf if self._pause else now + 1.0
        self._pause = 1.0

    patch.setattr(Breaker, "_open", reopen)


@plant(PLANTS, "L1", 6)
def gate_shut(patch: Patch) -> None:
    """Each refusal as too fast lowers the rate a little more, for good."""
    slow_down = Gate._slow_down

    def slower(self: Gate, now: float, permit: Any, pause: float) -> None:
        slow_down(self, now, permit, pause)
        self._pause_until = math.inf

    patch.setattr(Gate, "_slow_down", slower)


@plant(PLANTS, "I1", 17)
def close_loses(patch: Patch) -> None:
    """A close drops the pushes that wait."""

    async def nothing(self: Lane, which: Any, *, queue: bool = True) -> None:
        self.completions._deadlines.discard(self.queue.clear())

    patch.setattr(Lane, "_give_back", nothing)


@plant(PLANTS, "I3", 34)
def close_denies(patch: Patch) -> None:
    """A push whose request a close cuts off ends NOT_SENT."""
    cut_off = Completions.cut_off

    def denies(self: Completions, runs: Any, detail: str) -> None:
        for run in runs:
            run.asked = False
        cut_off(self, runs, detail)

    patch.setattr(Completions, "cut_off", denies)


@plant(PLANTS, "I9", 2)
def close_waits(patch: Patch) -> None:
    """A close takes longer than its grace."""
    aclose = Lane.aclose

    async def slowly(self: Lane, grace: float, *, drain: bool = True) -> None:
        await asyncio.sleep(0.5)
        await aclose(self, grace, drain=drain)

    patch.setattr(Lane, "aclose", slowly)


@plant(PLANTS, "I9", troubles=again("rotate", "reopen"))
def login_stays(patch: Patch) -> None:
    """A close leaves logins running."""

    async def nothing(self: Lanes) -> None:
        return

    patch.setattr(Lanes, "end_logins", nothing)


@plant(PLANTS, "P8", 7)
def not_removed(patch: Patch) -> None:
    """Pushes that wait for a removed certificate are still sent."""
    outdate = Lanes._outdate
    patch.setattr(Lanes, "_outdate", lambda self, key, lane: key in self._vendors and outdate(self, key, lane))


@plant(PLANTS, "P8", 3)
def half_adopted(patch: Patch) -> None:
    """A wrong set of certificates replaces the right one before it is refused."""
    adopt = Lanes.adopt

    def hastily(self: Lanes, certificates: Any) -> Any:
        given = list(certificates)
        self._certificates = {getattr(one, "id", ""): one for one in given}
        return adopt(self, given)

    patch.setattr(Lanes, "adopt", hastily)


@plant(PLANTS, "B9")
def broadcasts_again(patch: Patch) -> None:
    """A broadcast without a verdict is repeated."""
    send = Broadcasting._send

    async def harmless(self: Broadcasting, *what: Any) -> Any:
        try:
            return await send(self, *what)
        except NoVerdict as silent:
            raise NoVerdict(silent.detail, sent=False) from None

    patch.setattr(Broadcasting, "_send", harmless)


@plant(PLANTS, "L1", troubles=again("rotate"))
def lock_kept(patch: Patch) -> None:
    """A worker that is cancelled during its login keeps the build lock."""
    ready = Endpoint._ready

    async def keeps(self: Endpoint, session: Any) -> Any:
        try:
            return await ready(self, session)
        except asyncio.CancelledError:
            self._build_lock.take()
            raise

    patch.setattr(Endpoint, "_ready", keeps)
