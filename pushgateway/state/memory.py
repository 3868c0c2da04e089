"""`MemoryState`: shared state inside one process, for several gateways in its threads and event loops, and for tests.

Nothing waits and nothing is lost but with the process. It is the shortest complete implementation of the protocol.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Final

import attrs

from pushgateway.model.secret import safe_repr
from pushgateway.state.protocol import (
    MOST_ANNOUNCEMENTS,
    MOST_POSTED,
    POSTED_AT_ONCE,
    RELEASED,
    Awaited,
    Claim,
    Contents,
    Exchanged,
    LoginResult,
    LoginTurn,
    Portion,
    Wish,
)

MOST_RECEIPTS: Final = 200_000
"""Receipts that are remembered; the oldest are forgotten first. About 30 MB."""


@safe_repr
@attrs.frozen
class _Result:
    """An access token, or a failure, and when it ends."""

    text: str = attrs.field(repr=False)
    mark: str
    ends: float


@safe_repr
@attrs.define
class _Login:
    """What is known of one login. Times are by the store's clock."""

    token: _Result | None = None
    failure: _Result | None = None
    owner: str = ""
    held_until: float = 0.0

    def is_of_use(self, now: float) -> bool:
        """Whether something in it has not ended yet."""
        ends = [one.ends for one in (self.token, self.failure) if one is not None]
        return max([self.held_until, *ends]) > now


@safe_repr
@attrs.frozen
class _Held:
    """A portion of one process."""

    demand: float
    portion: float
    ends: float


@safe_repr
@attrs.frozen
class _Receipt:
    """A receipt that one process has, or that was kept (`owner` is "")."""

    owner: str
    ends: float


@safe_repr
@attrs.frozen
class _Announcement:
    """Receipts that a process waits for."""

    number: int
    owner: str
    names: tuple[str, ...]
    ends: float


class MemoryState:
    """Shared state in the memory of this process. Every method ends without waiting, and any thread may call it."""

    name = "memory"

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock`: seconds; it must not go back."""
        self._clock = clock
        self._lock = threading.Lock()
        self._processes: dict[str, float] = {}
        self._rates: dict[str, dict[str, _Held]] = {}
        self._closed: dict[str, tuple[float, bool]] = {}  # when it ends, and whether it was opened before its end
        self._version = 0
        self._logins: dict[str, _Login] = {}
        self._receipts: OrderedDict[str, _Receipt] = OrderedDict()
        self._awaited: deque[_Announcement] = deque(maxlen=MOST_ANNOUNCEMENTS)
        self._announcements = 0  # so many there were
        self._posted: dict[str, deque[tuple[str, float]]] = {}  # by process: text, and when it ends

    async def exchange(self, owner: str, wishes: Sequence[Wish], *, hold: float, known: int) -> Exchanged:
        """See `SharedState`."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            self._processes[owner] = now + hold
            return Exchanged(
                processes=len(self._processes),
                version=self._version,
                closed=None if known == self._version else self._closed_for(now),
                portions=tuple(self._grant(owner, wish, now, hold) for wish in wishes),
                awaited=self._announcements,
                posted=self._posted_to(owner, now),
            )

    def _grant(self, owner: str, wish: Wish, now: float, hold: float) -> Portion:
        held = self._rates.setdefault(wish.key, {})
        for one in [one for one, its in held.items() if its.ends <= now]:
            del held[one]
        held.pop(owner, None)
        others = list(held.values())
        granted = max(0.0, min(wish.portion, wish.rate - sum(one.portion for one in others)))
        if wish.demand > 0:
            held[owner] = _Held(wish.demand, granted, now + hold)
        elif not held:
            del self._rates[wish.key]
        return Portion(granted, tuple(one.demand for one in others))

    def _closed_for(self, now: float) -> dict[str, float]:
        return {key: 0.0 if is_opened else ends - now for key, (ends, is_opened) in self._closed.items()}

    def _forget(self, now: float) -> None:
        for one in [one for one, ends in self._processes.items() if ends <= now]:
            del self._processes[one]
        for key in [key for key, (ends, _) in self._closed.items() if ends <= now]:
            del self._closed[key]

    def _posted_to(self, owner: str, now: float) -> tuple[str, ...]:
        waiting = self._posted.get(owner)
        if waiting is None:
            return ()
        found = [waiting.popleft() for _ in range(min(len(waiting), POSTED_AT_ONCE))]
        if not waiting:
            del self._posted[owner]
        return tuple(text for text, ends in found if ends > now)

    async def leave(self, owner: str, rates: Sequence[str]) -> None:
        """See `SharedState`."""
        with self._lock:
            self._processes.pop(owner, None)
            for key in rates:
                held = self._rates.get(key, {})
                held.pop(owner, None)
                if not held:
                    self._rates.pop(key, None)

    async def close_quota(self, key: str, seconds: float) -> None:
        """See `SharedState`."""
        with self._lock:
            ends, is_opened = self._closed.get(key, (0.0, True))
            ends = self._clock() + seconds if is_opened else max(ends, self._clock() + seconds)
            self._closed[key] = ends, False
            self._version += 1

    async def open_quota(self, key: str) -> None:
        """See `SharedState`."""
        with self._lock:
            self._closed[key] = self._clock() + RELEASED, True
            self._version += 1

    async def begin_login(self, key: str, owner: str, *, mark: str, hold: float) -> LoginTurn:
        """See `SharedState`."""
        with self._lock:
            now, login = self._clock(), self._logins.get(key)
            if login is None:
                self._logins = {one: its for one, its in self._logins.items() if its.is_of_use(now)}
                login = self._logins[key] = _Login()
            turn = _turn(login, now, mark, owner)
            if turn.kind == "yours":
                login.owner, login.held_until = owner, now + hold
            return turn

    async def extend_login(self, key: str, owner: str, *, hold: float) -> None:
        """See `SharedState`."""
        with self._lock:
            login = self._logins.get(key)
            if login is not None and login.owner == owner and login.held_until > self._clock():
                login.held_until = self._clock() + hold

    async def end_login(self, key: str, owner: str, result: LoginResult) -> None:
        """See `SharedState`."""
        with self._lock:
            login = self._logins.get(key)
            if login is None or login.owner != owner or login.held_until <= self._clock():
                return
            found = _Result(result.text, result.mark, self._clock() + result.seconds)
            login.owner, login.held_until = "", 0.0
            if result.mark:
                login.token, login.failure = found, None
            else:
                login.failure = found

    async def claim_receipts(self, marks: Sequence[str], owner: str, *, hold: float) -> Sequence[Claim]:
        """See `SharedState`."""
        with self._lock:
            return [self._claim(mark, owner, hold) for mark in marks]

    def _claim(self, mark: str, owner: str, hold: float) -> Claim:
        now, found = self._clock(), self._receipts.get(mark)
        if found is not None and found.ends > now and found.owner != owner:
            return Claim.BUSY if found.owner else Claim.KNOWN
        self._remember(mark, _Receipt(owner, now + hold))
        return Claim.NEW

    def _remember(self, mark: str, receipt: _Receipt) -> None:
        self._receipts[mark] = receipt
        self._receipts.move_to_end(mark)
        if len(self._receipts) > MOST_RECEIPTS:
            self._receipts.popitem(last=False)

    async def settle_receipts(self, marks: Sequence[str], owner: str, *, seconds: float) -> None:
        """See `SharedState`."""
        with self._lock:
            now = self._clock()
            for mark in marks:
                found = self._receipts.get(mark)
                if found is not None and found.owner != owner and found.ends > now:
                    continue
                if seconds > 0:
                    self._remember(mark, _Receipt("", now + seconds))
                else:
                    self._receipts.pop(mark, None)

    async def await_receipts(self, owner: str, names: Sequence[str], *, seconds: float) -> None:
        """See `SharedState`."""
        with self._lock:
            now = self._clock()
            while self._awaited and self._awaited[0].ends <= now:
                self._awaited.popleft()
            self._announcements += 1
            self._awaited.append(_Announcement(self._announcements, owner, tuple(names), now + seconds))

    async def awaited_receipts(self, known: int, *, most: int) -> Sequence[Awaited]:
        """See `SharedState`."""
        with self._lock:
            now = self._clock()
            found = [one for one in self._awaited if one.number > known and one.ends > now]
            return [
                Awaited(number=one.number, owner=one.owner, names=one.names, seconds=one.ends - now)
                for one in found[:most]
            ]

    async def post_receipts(self, posts: Sequence[tuple[str, str]], *, seconds: float) -> None:
        """See `SharedState`."""
        with self._lock:
            now = self._clock()
            for gone in [owner for owner, waiting in self._posted.items() if waiting[-1][1] <= now]:
                del self._posted[gone]
            for owner, text in posts:
                self._posted.setdefault(owner, deque(maxlen=MOST_POSTED)).append((text, now + seconds))

    async def contents(self) -> Contents:
        """See `SharedState`."""
        with self._lock:
            now = self._clock()
            self._forget(now)
            turns = {key: attrs.evolve(_turn(login, now, ""), text="") for key, login in self._logins.items()}
            return Contents(
                processes={one: ends - now for one, ends in self._processes.items()},
                logins={key: turn for key, turn in turns.items() if turn.kind != "yours"},
                closed={key: seconds for key, seconds in self._closed_for(now).items() if seconds},
                portions={
                    key: {one: (its.demand, its.portion) for one, its in held.items() if its.ends > now}
                    for key, held in self._rates.items()
                },
                receipts=sum(one.ends > now for one in self._receipts.values()),
            )

    async def aclose(self) -> None:
        """See `SharedState`. What it holds stays: other gateways may use it."""

    def __repr__(self) -> str:
        return "MemoryState()"


def _turn(login: _Login, now: float, mark: str, owner: str = "") -> LoginTurn:
    """The answer to the process `owner` that does not want the token of `mark`."""
    token, failure = login.token, login.failure
    if token is not None and token.ends > now and token.mark != mark:
        return LoginTurn(kind="token", text=token.text, seconds=token.ends - now)
    if failure is not None and failure.ends > now:
        return LoginTurn(kind="failed", text=failure.text, seconds=failure.ends - now)
    if login.owner not in ("", owner) and login.held_until > now:
        return LoginTurn(kind="busy", seconds=login.held_until - now)
    return LoginTurn(kind="yours")
