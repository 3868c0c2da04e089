"""Access tokens: cached, one login at a time, forgotten by value.

It decides when to log in; how is a function that is handed in. A key stands for one login at one server: that of a
certificate, or one that several certificates share. Ten thousand sends without a token make one login; a waiter that is
cancelled does not cancel it; after a refusal there is no login under that key until a pause is over; a late "expired"
for an old token does nothing. Used by `VendorSession`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import attrs
from cachetools import TLRUCache

from pushgateway.engine.session.shared_logins import SharedLogins, mark_of
from pushgateway.model.reason import Reason
from pushgateway.model.secret import safe_repr
from pushgateway.vendor import AccessToken
from pushgateway.vendor.refusals import ClockSkew, NoVerdict, Refused

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""(certificate id, region), or ("", digest) of a login that other certificates may have too."""
Login = Callable[[float], Awaitable[AccessToken]]
"""Log in once; takes epoch seconds by the vendor's clock. Raises `Refused`, `ClockSkew` or `NoVerdict`."""

REFUSED_PAUSE = 300.0
"""Seconds without a login after the vendor refused our credentials."""
FIRST_PAUSE, LAST_PAUSE = 1.0, 15.0
"""Seconds without a login after one failed for the vendor's or the network's sake: doubling from, up to. As short as
the breaker's, so that half a minute after an outage everything flows again."""
EARLY = (0.8, 0.9)
"""Share of its life at which a token is renewed while it still serves; drawn, so that processes spread."""
SHORTEST = 60.0
"""Seconds a token is used at least, however old the vendor says it is; also the least time between renewals."""
YOUNG = 600.0
"""Seconds. More than `CONTENTION` tokens refused within this time mean that another process logs in with our key: from
then on each further one doubles the pause before the next login, so that the two do not replace each other's tokens all
the time."""
CONTENTION = 3
LONGEST_CONTENTION = 60.0
"""Seconds."""
SAME_TIME = 2.0
"""Seconds. The `Date` of a reply is in whole seconds, so offsets that differ by less are one."""


@safe_repr
@attrs.define(eq=False)
class HeldToken:
    """An access token in the cache. Times are on the monotonic clock, like every time here.

    Until `renew` it may be used without asking the cache again, unless `is_forgotten`.
    """

    access: AccessToken
    expires: float
    renew: float
    """From then on a new one is fetched while this one still serves."""
    is_forgotten: bool = False
    """The vendor refused it, or its certificate changed."""


@safe_repr
class WithoutLogin:
    """Takes the place of a `HeldToken` at a vendor without login: there is never anything to be asked for."""

    access: Final = None
    renew: Final = math.inf
    is_forgotten: Final = False


@safe_repr
@attrs.define(eq=False)
class _Failure:
    error: Refused | NoVerdict
    until: float
    pause: float


class AccessTokens:
    """All access tokens of a gateway.

    Certificates with the same login share a key: where the last login wins, as at OPPO, the logins of two certificates
    of one app would end each other's access tokens.
    """

    def __init__(
        self,
        *,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
        rng: random.Random,
        size: int = 10_000,
        shared: SharedLogins | None = None,
    ) -> None:
        """`shared`: the access tokens of all processes, if there are any."""
        self.wall = wall
        """Our own clock, epoch seconds."""
        self._monotonic = monotonic
        self._rng = rng
        self._held: TLRUCache[Key, HeldToken] = TLRUCache(size, lambda _, held, __: held.expires, timer=monotonic)
        self._logins: dict[Key, asyncio.Task[AccessToken]] = {}
        self._running: dict[asyncio.Task[AccessToken], None] = {}  # those of dropped certificates too
        self._failures: dict[Key, _Failure] = {}
        self.offsets: dict[Key, float] = {}
        """Seconds that the vendor's clock is ahead of ours, as far as it was learned; a plain attribute, because it is
        read for each request."""
        self._shared = shared
        self._unwanted: dict[Key, str] = {}  # the marks of access tokens that were refused, where they are shared
        self._own: dict[Key, str] = {}  # the marks of those for which this process logged in last
        self._closed = False
        self._of: dict[str, set[Key]] = {}  # the keys that each certificate uses
        self._users: dict[Key, set[str]] = {}  # and the other way round
        self._forgotten: dict[Key, deque[float]] = {}

    def join(self, certificate_id: str, key: Key) -> None:
        """This certificate uses `key`, until `drop`."""
        self._of.setdefault(certificate_id, set()).add(key)
        self._users.setdefault(key, set()).add(certificate_id)

    async def get(self, key: Key, login: Login) -> AccessToken:
        """A token that should be good: the cached one, or that of the one login all callers wait for.

        Raises what the login raised, again without asking while its pause lasts.
        """
        held = self._held.get(key)
        if held is not None:
            if self._is_to_be_renewed(key, held):
                held.renew = min(self._monotonic() + SHORTEST, held.expires)
                self._start(key, login)  # in the background: the present token still serves
            return held.access
        if self._closed:
            raise NoVerdict("the gateway was closed", sent=False)
        task = self._logins.get(key)
        if task is None:
            failure = self._paused(key)
            if failure is not None:
                # Without its traceback, which would grow with each caller and keep all their frames alive.
                raise failure.error.with_traceback(None)
            task = self._start(key, login)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and not _being_cancelled():
                raise NoVerdict("the gateway was closed", sent=False) from None
            raise

    def held(self, key: Key) -> HeldToken | None:
        """The cached one, where nothing has to be done for it."""
        held = self._held.get(key)
        return None if held is None or self._is_to_be_renewed(key, held) else held

    def learn_offset(self, key: Key, offset: float) -> None:
        """The vendor's clock is `offset` seconds ahead of ours. An access token that was made by another time is
        forgotten, also one that has just taken the place of the refused one."""
        if abs(offset - self.offsets.get(key, 0.0)) > SAME_TIME:
            self._report_offset(key, offset)
            self._forget_held(key)
        self.offsets[key] = offset

    def end_pause(self, key: Key) -> None:
        """Do not wait any longer after a failed login: the vendor answers, and another process may have logged in."""
        if (failure := self._paused(key)) is not None:
            failure.until = self._monotonic()

    def is_own(self, key: Key, access: AccessToken) -> bool:
        """Whether this process has logged in for it last. Another process's may have ended long ago: the store does not
        learn of logins that were made while it was gone."""
        return not self._is_shared(key) or self._own.get(key) == mark_of(access)

    def forget(self, key: Key, access: AccessToken, *, contended: bool = True) -> None:
        """The vendor does not take `access`. Does nothing when another one has taken its place already.

        `contended`: another process may have logged in with this key. False where that cannot be the cause: the access
        token was signed here, or our clock was wrong.
        """
        held = self._held.get(key)
        if held is not None and held.access.value != access.value:
            return
        if self._shared is not None:
            self._unwanted[key] = mark_of(access)  # the store may still have it
        if held is None:
            return
        held.is_forgotten = True
        self._forget_held(key)
        if not contended:
            return
        now = self._monotonic()
        times = self._forgotten.setdefault(key, deque(maxlen=32))
        times.append(now)
        excess = sum(now - then < YOUNG for then in times) - CONTENTION
        if excess > 0:
            detail = "access tokens are refused soon after each login; does another process log in with this key?"
            log.warning("%s: %s", self._named(key), detail)
            pause = min(FIRST_PAUSE * 2 ** (excess - 1), LONGEST_CONTENTION)
            failure = self._failures.get(key)
            if failure is None or failure.until < now + pause:  # a refused login's pause does not end earlier
                self._failures[key] = _Failure(Refused(Reason.UNAVAILABLE, detail=detail), now + pause, FIRST_PAUSE)

    def _forget_held(self, key: Key) -> None:
        held = self._held.pop(key, None)  # may expire between two looks at the clock
        if held is not None:
            held.is_forgotten = True

    def drop(self, certificate_id: str) -> None:
        """The certificate changed or went: nothing learned about it counts any more, unless others share it."""
        for key in self._of.pop(certificate_id, ()):  # a look at all keys would cost a reload the square of its size
            users = self._users[key]
            users.discard(certificate_id)
            if users:  # another certificate has the same login, and is not concerned
                continue
            del self._users[key]
            if (held := self._held.get(key)) is not None:
                held.is_forgotten = True
            for store in (self._held, self._failures, self.offsets, self._forgotten, self._unwanted, self._own):
                store.pop(key, None)
            self._logins.pop(key, None)  # it ends by itself; its waiters get its result, the cache does not

    async def aclose(self) -> None:
        """Cancel logins under way; from now on there are none."""
        self._closed = True
        tasks = list(self._running)
        self._logins.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_to_be_renewed(self, key: Key, held: HeldToken) -> bool:
        due = self._monotonic() >= held.renew and key not in self._logins
        return due and self._paused(key) is None and not self._closed

    def _paused(self, key: Key) -> _Failure | None:
        failure = self._failures.get(key)
        return failure if failure is not None and self._monotonic() < failure.until else None

    def _report_offset(self, key: Key, offset: float) -> None:
        log.warning("%s: our clock is %.0f s off the vendor's", self._named(key), -offset)

    def _named(self, key: Key) -> str:
        users = sorted(self._users.get(key, {key[0]}))
        return f"certificate {users[0]}" if len(users) == 1 else f"certificates {', '.join(users)} (one login)"

    def _start(self, key: Key, login: Login) -> asyncio.Task[AccessToken]:
        if key not in self._users:
            self.join(key[0], key)
        task = asyncio.get_running_loop().create_task(self._login(key, login))
        self._logins[key] = task
        self._running[task] = None
        task.add_done_callback(lambda done: self._finish(key, done))
        return task

    def _finish(self, key: Key, task: asyncio.Task[AccessToken]) -> None:
        del self._running[task]
        current = self._logins.get(key) is task
        if current:
            del self._logins[key]
        error = None if task.cancelled() else task.exception()  # read here, so that it is never "not retrieved"
        if current and isinstance(error, Refused | NoVerdict):
            self._note_failure(key, error)

    async def _login(self, key: Key, login: Login) -> AccessToken:
        log_in = partial(self._log_in, key, login)
        if self._shared is None or not self._is_shared(key):
            access, remaining = await log_in()
        else:
            held = self._held.get(key)
            unwanted = self._unwanted.get(key, "") if held is None else mark_of(held.access)
            access, remaining = await self._shared.obtain(key[1], unwanted, log_in)
        if self._logins.get(key) is asyncio.current_task():
            self._store(key, access, remaining)
        return access

    def _is_shared(self, key: Key) -> bool:
        return self._shared is not None and not key[0]  # a key of one certificate is no login, or is signed here

    async def _log_in(self, key: Key, login: Login) -> tuple[AccessToken, float]:
        """A new access token, and the seconds that it lives."""
        try:
            access = await login(self.wall() + self.offsets.get(key, 0.0))
        except ClockSkew as skew:
            if skew.offset is None:
                raise
            self._report_offset(key, skew.offset)
            if self._logins.get(key) is asyncio.current_task():
                self.offsets[key] = skew.offset
            access = await login(self.wall() + skew.offset)
        if self._is_shared(key) and self._logins.get(key) is asyncio.current_task():
            self._own[key] = mark_of(access)
        return access, self._remaining(key, access)

    def _remaining(self, key: Key, access: AccessToken) -> float:
        age = 0.0
        if access.created_at is not None:
            age = self.wall() + self.offsets.get(key, 0.0) - access.created_at
        # A lifetime of 0 would mean a login for every batch, so it is not used (nor is NaN).
        lifetime = access.lifetime if access.lifetime > 0 else SHORTEST
        return min(max(lifetime - age, SHORTEST), lifetime)

    def _store(self, key: Key, access: AccessToken, remaining: float) -> None:
        now = self._monotonic()
        renew = max(remaining * self._rng.uniform(*EARLY), min(SHORTEST, remaining))
        if (replaced := self._held.get(key)) is not None:
            replaced.is_forgotten = True  # by the endpoints that keep it: where the last login wins, it has ended
        self._held[key] = HeldToken(access, now + remaining, now + renew)
        self._failures.pop(key, None)

    def _note_failure(self, key: Key, error: Refused | NoVerdict) -> None:
        now = self._monotonic()
        if isinstance(error, Refused) and error.reason is Reason.CREDENTIALS:
            self._failures[key] = _Failure(error, now + REFUSED_PAUSE, FIRST_PAUSE)
            return
        previous = self._failures.get(key)
        pause = FIRST_PAUSE if previous is None else min(previous.pause * 2, LAST_PAUSE)
        hint = error.retry_after if isinstance(error, Refused) else None
        wait = max(pause * self._rng.uniform(0.5, 1.0), hint or 0.0)
        self._failures[key] = _Failure(error, now + wait, pause)


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
