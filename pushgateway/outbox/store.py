"""The port of an outbox: what a store must do, and the values that pass through it.

A store keeps entries (pushes that wait) and results (outcomes that nobody has taken yet). It decides nothing: what an
outcome means is decided in `verdicts`, who sends in `worker`. Adapters: `sqlite`, `sql`, `redis`. All times are epoch
seconds. An entry goes through these states:

    waiting ──lease──> leased ──settle──> done ──take──> (forgotten, or only its id is remembered)
       ^                 │ │
       └──later/expired──┘ └──settle──> dead ──retry──> waiting

Nothing here has a `repr` with a token or a content.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, runtime_checkable

import attrs

from pushgateway.model.secret import safe_repr

if TYPE_CHECKING:
    from sqlalchemy import Connection

SUSPECT: Final = 1
"""An entry is a suspect if this many leases had been lost when it was leased last, and that lease was lost too: its
worker was killed, or has settled nothing in time. Its content may be what kills workers, so it is leased alone."""


class Entry(NamedTuple):
    """A push as it is put into a store."""

    dedupe_id: str
    certificate_id: str
    token: str
    priority: int
    content: bytes
    context: bytes | None
    user: str | None
    device: str | None
    put_at: float
    due: float
    """Not to be leased before."""
    since: float
    """When it was put, or the time before which it was not to be sent: from then on tries can fail."""
    expires: float | None
    """Not to be sent from then on."""
    lot: int
    """The same number for all that were put together, except for further pushes to one phone. Equal contents of one lot
    are one message, of which a phone that drops repeats shows one."""
    binding: int
    generation: int
    """These two and user and device are `Push.owner`."""
    digest: bytes | None
    """Of what must be the same if this id is put again; None: the id is ours, nobody can put it again."""

    def __repr__(self) -> str:
        return f"Entry({self.dedupe_id!r})"


class Leased(NamedTuple):
    """An entry that a worker holds until the end of its lease."""

    id: int
    """The store's own number."""
    lease: int
    """The number of the lease. A later lease of the same entry has another one, and then this one settles nothing."""
    dedupe_id: str
    certificate_id: str
    token: str
    priority: int
    content: bytes
    context: bytes | None
    user: str | None
    device: str | None
    put_at: float
    since: float
    expires: float | None
    lot: int
    binding: int
    generation: int
    tries: int
    """How often it has had an outcome that was not its last."""
    lost: int
    """Leases since its last outcome that ended without one."""
    doubtful: int
    """1: it may have been sent before without a verdict; otherwise 0."""
    attempts: int
    """Vendor requests made for it so far, as far as they are known."""

    def __repr__(self) -> str:
        return f"Leased({self.dedupe_id!r})"


@safe_repr
@attrs.frozen
class Ask:
    """What a worker wants to lease."""

    lease: int
    """The number of the new lease, never used before."""
    now: float
    until: float
    most: int
    """Entries of one certificate that the worker holds at a time, about."""
    held: Mapping[tuple[str, int], int]
    """By certificate id and priority: how many it holds already."""
    newest_first: bool = False
    take_over: bool = True
    """False: no entry whose lease has ended, because the clock has jumped and its worker may be alive."""
    suspect: bool = False
    """True: one suspect, if there is any; False: only others."""


class Done(NamedTuple):
    """The end of a leased entry."""

    id: int
    lease: int
    outcome: bytes
    dead: bool
    """A dead letter: kept until somebody sends it again or drops it."""


class Later(NamedTuple):
    """A leased entry that is to be tried again."""

    id: int
    lease: int
    due: float
    outcome: bytes
    tries: int
    doubtful: bool
    attempts: int


@safe_repr
@attrs.frozen(kw_only=True)
class SettleTimes:
    """What becomes of results."""

    now: float
    keep: bool
    """False: nobody wants results; an entry that has ended is forgotten at once."""
    handed_over_until: float
    """Until then no other worker hands over these results."""
    remember_until: float
    """Until then an id that the host chose is remembered if no results are kept."""


class StoredResult(NamedTuple):
    """A result that nobody has taken yet."""

    id: int
    lease: int
    """The number of the lease in which the push ended. After a dead letter was sent again it has another one."""
    dedupe_id: str
    certificate_id: str
    token: str
    context: bytes | None
    user: str | None
    device: str | None
    binding: int
    generation: int
    put_at: float
    tries: int
    dead: bool
    outcome: bytes

    def __repr__(self) -> str:
        return f"StoredResult({self.dedupe_id!r})"


class StoredLetter(NamedTuple):
    """A dead letter."""

    dedupe_id: str
    certificate_id: str
    token: str
    user: str | None
    device: str | None
    binding: int
    generation: int
    put_at: float
    tries: int
    outcome: bytes

    def __repr__(self) -> str:
        return f"StoredLetter({self.dedupe_id!r})"


@safe_repr
@attrs.frozen(kw_only=True)
class Counts:
    """How many entries of one certificate are in which state."""

    certificate_id: str
    waiting: int = 0
    """Can be leased now."""
    delayed: int = 0
    """Wait for their time: not before a moment, or until their next try."""
    leased: int = 0
    """A worker holds them."""
    results: int = 0
    """Ended, and their results were not taken yet."""
    dead: int = 0
    """Dead letters."""
    oldest: float | None = None
    """When the oldest of those that wait was put."""


@safe_repr
@attrs.frozen
class Withdrawn:
    """What `withdraw` found."""

    removed: int
    """They will not be sent."""
    under_way: int
    """A worker has them: they are perhaps being sent. They have a result and are not tried again."""


@safe_repr
@attrs.frozen(kw_only=True)
class Whose:
    """Which entries `withdraw` means: those that match every field that is not None."""

    user: str | None = attrs.field(default=None, repr=False)
    device: str | None = attrs.field(default=None, repr=False)
    dedupe_id: str | None = None


class IdsTaken(Exception):
    """Some ids have been put before with another content. Raised by `Store.put`, which then has stored nothing."""

    def __init__(self, dedupe_ids: Sequence[str]) -> None:
        super().__init__(f"{len(dedupe_ids)} ids")
        self.dedupe_ids = tuple(dedupe_ids)


class Store(Protocol):
    """Where an outbox keeps its entries. Every method raises `StoreError` when the store does not work, and `put`
    raises `StoreFull` when it has no space; nothing waits without end."""

    async def open(self) -> None:
        """Connect, and bring the tables up to date."""

    async def now(self) -> float | None:
        """The store's own time; None: it has none, and the clock of this machine counts."""

    async def put(self, entries: Sequence[Entry]) -> None:
        """Store all of these, or none. They are durable when this returns. An entry whose id is known already, waiting
        or remembered, is left out if its digest is the same; otherwise `IdsTaken` is raised."""

    async def lease(self, ask: Ask) -> Sequence[Leased]:
        """Lease entries that are due, as many of each certificate as the worker may hold: by priority, with a share for
        the lower ones, and in each the oldest (or newest) first.

        An entry whose lease has ended without a settlement is due again: its `lost` is one more, and it is `doubtful`.
        A suspect is leased only if `Ask.suspect`, and alone.
        """

    async def settle(self, done: Sequence[Done], later: Sequence[Later], times: SettleTimes) -> Collection[int]:
        """End these leases. An entry that has another lease by now is left as it is; one that was withdrawn is not
        tried again, and its outcome becomes its result. Returns the ids of those in `done` that were left."""

    async def expire(self, times: SettleTimes, most: int) -> int:
        """End up to `most` entries that nobody holds and that have expired (`verdicts.EXPIRED`, or `EXPIRED_IN_DOUBT`
        if they are doubtful), or were withdrawn while a worker held them that is gone (`WITHDRAWN`). Returns how
        many."""

    async def results(self, now: float, until: float, most: int) -> Sequence[StoredResult]:
        """Up to `most` results that nobody is handing over, oldest first; nobody else gets them before `until`."""

    async def take(self, taken: Sequence[tuple[int, int]], remember_until: float) -> None:
        """The results with these numbers and leases were handed over; one that has another lease by now is left. Ids
        that the host chose are remembered until `remember_until`."""

    async def clean(self, now: float, results_before: float, most: int) -> int:
        """Forget up to `most` remembered ids whose time is over, and results of what ended before `results_before`.
        Returns how many."""

    async def withdraw(self, whose: Whose, now: float) -> Withdrawn:
        """Remove entries that nobody holds, and have those that a worker holds never tried again."""

    async def counts(self, now: float) -> Sequence[Counts]:
        """For each certificate that has entries, in the order of their ids."""

    async def letters(self, after: str, most: int) -> Sequence[StoredLetter]:
        """Up to `most` dead letters in the order of their ids, after this one."""

    async def retry(self, dedupe_ids: Sequence[str] | None, now: float) -> int:
        """Have these dead letters (None: all) sent again. Returns how many there were."""

    async def drop(self, dedupe_ids: Sequence[str] | None) -> int:
        """Remove these dead letters (None: all). Returns how many there were."""

    async def aclose(self) -> None:
        """Close the connections."""


@runtime_checkable
class Transactional(Protocol):
    """A store that can put within a transaction of the host."""

    def time_of(self, connection: Connection) -> float:
        """The store's own time, asked for on this connection."""

    def put_within(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """`Store.put` in the transaction of this connection."""


def by_priority(ask: Ask, certificate_id: str, due: Callable[[int, int], Sequence[Any]]) -> list[Any]:
    """The entries of one certificate that a worker gets, by `due(priority, most)`.

    What it holds of lower priorities does not count for a higher one, and each priority has an eighth for itself, so
    that the lower ones are always served.
    """
    found: list[Any] = []
    held = 0
    for priority in (0, 1, 2):
        here = ask.held.get((certificate_id, priority), 0)
        held += here
        space = max(ask.most - held - len(found), max(ask.most // 8, 1) - here)
        if space > 0:
            found += due(priority, space)
    return found
