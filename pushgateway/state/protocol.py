"""The protocol of a store of shared state, and the values that go in and out.

All times are seconds from now by the store's own clock, so the clocks of the processes need not agree. Every method is
atomic: two processes that call it at the same moment get answers as if one had called after the other. Keys are texts
of ours without secrets; what is stored of a login is secret.

Every method may raise any exception when the store cannot be reached; `guard` turns that into None. Used by the engine;
implemented by `memory`, `redis` and `sqlite`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final, Literal, Protocol

import attrs

from pushgateway.model.secret import safe_repr

RELEASED: Final = 3600.0
"""Seconds for which a store reports that somebody has opened a quota again, so that each process learns it."""
MOST_ANNOUNCEMENTS: Final = 2_000
"""Announcements of awaited receipts that a store keeps; the oldest are forgotten first."""
MOST_POSTED: Final = 10_000
"""Texts that a store keeps for one process; the oldest are forgotten first."""
POSTED_AT_ONCE: Final = 1_000
"""Of these, how many one exchange returns at most; the next one returns more."""


@safe_repr
@attrs.frozen
class Wish:
    """What one process wants of one rate until it asks again."""

    key: str
    """Of the rate: the same in all processes that share it."""
    rate: float
    """Per second, for all processes together."""
    demand: float
    """Per second: what this process would send if nothing limited it. 0: it gives its portion back."""
    portion: float
    """Per second: what it asks for."""


@safe_repr
@attrs.frozen
class Portion:
    """The answer to a `Wish`."""

    granted: float
    """Per second: what was asked for, or what the other processes leave of the rate, if that is less."""
    demands: tuple[float, ...] = ()
    """What each of the other processes with a portion has said as its demand."""


@safe_repr
@attrs.frozen(kw_only=True)
class Exchanged:
    """The answer to `SharedState.exchange`."""

    processes: int
    """How many processes there are, this one included."""
    version: int
    """Of the closed quotas: it changes with each change of them."""
    closed: Mapping[str, float] | None
    """Seconds for which each closed quota stays closed, by its key; 0 for one that somebody has opened again within
    `RELEASED` seconds. None: nothing has changed since the version that the caller knows."""
    portions: tuple[Portion, ...]
    """One for each wish, in their order."""
    awaited: int = 0
    """Number of the last announcement of awaited receipts (see `await_receipts`); while it stays the same there is no
    new one."""
    posted: tuple[str, ...] = attrs.field(default=(), repr=False)
    """What other processes have posted to this one (`post_receipts`), oldest first. Each text is returned once."""


@safe_repr
@attrs.frozen(kw_only=True)
class Awaited:
    """An announcement: the process `owner` waits for receipts."""

    number: int
    """Later announcements have higher numbers."""
    owner: str
    names: tuple[str, ...]
    """Of the receipts: digests, the same in all processes."""
    seconds: float
    """For how long it counts from now."""


@safe_repr
@attrs.frozen(kw_only=True)
class LoginTurn:
    """The answer to `SharedState.begin_login`."""

    kind: Literal["token", "yours", "busy", "failed"]
    """`token`: another process has logged in, and `text` is the result. `yours`: log in; no other process does until
    the hold ends. `busy`: another process is logging in. `failed`: another process could not log in, and `text` says
    why."""
    text: str = attrs.field(default="", repr=False)
    seconds: float = 0.0
    """How long that holds: the life of the token, the hold of the other process, the pause after the failure."""


@safe_repr
@attrs.frozen(kw_only=True)
class LoginResult:
    """What one process reports to the others about its login."""

    text: str = attrs.field(repr=False)
    """The access token, or why there is none; the engine's to write and to read."""
    seconds: float
    """How long the token lives, or how long nobody should log in after the failure; 0: only the turn ends, and the next
    process may log in."""
    mark: str = ""
    """A digest of the token, so that a process can say which one it does not want; "" for a failure."""


class Claim(enum.Enum):
    """Whose a receipt is."""

    NEW = "new"
    """Nobody else has had it: it belongs to the caller until it is settled or the hold ends. Also if the caller had it
    already and asks again: it comes anew, because the answer to the first call was lost, or what was done with it."""
    BUSY = "busy"
    """Another process has it and has not said yet whether it could keep it."""
    KNOWN = "known"
    """It was kept."""


@safe_repr
@attrs.frozen(kw_only=True)
class Contents:
    """What is in a store, for people to read. No secret and no token; times in seconds from now."""

    processes: Mapping[str, float]
    """By process: how long it counts as there unless it comes again."""
    logins: Mapping[str, LoginTurn]
    """By login, as another process would be answered; the texts are left out."""
    closed: Mapping[str, float]
    """Quotas that are closed, and for how long."""
    portions: Mapping[str, Mapping[str, tuple[float, float]]]
    """By rate and process: demand and portion, per second."""
    receipts: int | None
    """How many receipts are remembered; None: too many to be counted in a moment."""


class SharedState(Protocol):
    """A store that several processes share."""

    @property
    def name(self) -> str:
        """What a log may call it: without user and password."""

    async def exchange(self, owner: str, wishes: Sequence[Wish], *, hold: float, known: int) -> Exchanged:
        """Say that the process `owner` is there and what it wants, and learn what there is: all in one round trip.

        `hold`: seconds after which the process and its portions are forgotten unless it asks again. `known`: the
        version of the closed quotas that it has; a negative number for none. Never are more portions granted than the
        `Wish.rate` allows, as long as all processes name the same.
        """

    async def leave(self, owner: str, rates: Sequence[str]) -> None:
        """The process ends: forget it and its portions of these rates."""

    async def close_quota(self, key: str, seconds: float) -> None:
        """A quota is closed for so long. Of two processes that say so the later end holds."""

    async def open_quota(self, key: str) -> None:
        """A quota is open again, whatever was said before: every process learns it within `RELEASED` seconds."""

    async def begin_login(self, key: str, owner: str, *, mark: str, hold: float) -> LoginTurn:
        """Ask for the access token of a login, and for the turn to log in if there is none.

        `mark`: that of the token that the caller does not want, because the vendor refused it or it is to be renewed;
        "" for none. `hold`: seconds for which nobody else gets the turn, until `extend_login` or `end_login`. A process
        that asks again while it has the turn gets it again: the answer to its first call was lost.
        """

    async def extend_login(self, key: str, owner: str, *, hold: float) -> None:
        """The login takes longer: nobody else gets the turn for so many seconds from now, if it is still `owner`'s."""

    async def end_login(self, key: str, owner: str, result: LoginResult) -> None:
        """The login has ended. Does nothing if the turn is not `owner`'s any more: another one's result counts."""

    async def claim_receipts(self, marks: Sequence[str], owner: str, *, hold: float) -> Sequence[Claim]:
        """Take receipts, one answer for each mark in their order. Those that are `NEW` are the caller's for `hold`
        seconds; then they count as never seen, unless it has settled them."""

    async def settle_receipts(self, marks: Sequence[str], owner: str, *, seconds: float) -> None:
        """The caller has kept these and they are known for so many seconds; 0: it could not, and they are new again.

        Those that another process has meanwhile, or has kept, stay as they are.
        """

    async def await_receipts(self, owner: str, names: Sequence[str], *, seconds: float) -> None:
        """Announce that the process `owner` waits for receipts with these names, for so many seconds (the same in all
        processes)."""

    async def awaited_receipts(self, known: int, *, most: int) -> Sequence[Awaited]:
        """The announcements with higher numbers than `known` that still count, oldest first; the first `most` of
        them."""

    async def post_receipts(self, posts: Sequence[tuple[str, str]], *, seconds: float) -> None:
        """Post texts to other processes, each a pair of process and text. The next exchange of that process within so
        many seconds returns it."""

    async def contents(self) -> Contents:
        """Everything, for people to read; it may take long."""

    async def aclose(self) -> None:
        """Close connections and files. Safe to call more than once."""
