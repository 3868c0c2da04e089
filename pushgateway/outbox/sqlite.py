"""The outbox in an SQLite file: for one machine, with any number of processes. The default.

One table. `due` is when an entry may be leased, so a lease is nothing but a later `due` with the number of the lease:
when its worker is lost, the entry becomes due by itself. What is not asked for often has a partial index, so that an
entry costs two index entries: its id and its `due`. With `synchronous=FULL` a commit is on the disk when it returns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from pushgateway.databases.sqlite import Database
from pushgateway.model.secret import safe_repr
from pushgateway.outbox.store import (
    SUSPECT,
    Ask,
    Counts,
    Done,
    Entry,
    IdsTaken,
    Later,
    Leased,
    SettleTimes,
    StoredLetter,
    StoredResult,
    Whose,
    Withdrawn,
    by_priority,
)
from pushgateway.outbox.verdicts import EXPIRED, EXPIRED_IN_DOUBT, WITHDRAWN

T = TypeVar("T")

APPLICATION_ID: Final = 0x50474F42  # "PGOB"
WAITING, WITHDRAWN_UNDER_WAY, DONE, REMEMBERED, DEAD = range(5)
"""States of a row. A dead letter has `dead` = 1: its state is DONE until its result was taken, and then DEAD."""

_TABLES: Final = (
    """CREATE TABLE pushes (
        id INTEGER PRIMARY KEY,
        dedupe_id TEXT NOT NULL UNIQUE,
        certificate_id TEXT NOT NULL,
        token TEXT NOT NULL,
        priority INTEGER NOT NULL,
        content BLOB NOT NULL,
        context BLOB,
        user TEXT,
        device TEXT,
        put_at REAL NOT NULL,
        due REAL NOT NULL,
        expires REAL,
        lot INTEGER NOT NULL,
        binding INTEGER NOT NULL,
        generation INTEGER NOT NULL,
        digest BLOB,
        lease INTEGER NOT NULL DEFAULT 0,
        tries INTEGER NOT NULL DEFAULT 0,
        lost INTEGER NOT NULL DEFAULT 0,
        doubtful INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0,
        state INTEGER NOT NULL DEFAULT 0,
        dead INTEGER NOT NULL DEFAULT 0,
        outcome BLOB
    )""",
    "CREATE INDEX pushes_due ON pushes (certificate_id, priority, due) WHERE state = 0",
    "CREATE INDEX pushes_suspect ON pushes (due) WHERE state = 0 AND lost >= 1",
    "CREATE INDEX pushes_expires ON pushes (expires) WHERE state = 0 AND expires IS NOT NULL",
    "CREATE INDEX pushes_withdrawn ON pushes (due) WHERE state = 1",
    "CREATE INDEX pushes_done ON pushes (due) WHERE state = 2",
    "CREATE INDEX pushes_remembered ON pushes (due) WHERE state = 3",
    "CREATE INDEX pushes_dead ON pushes (dedupe_id) WHERE dead = 1",
    "CREATE INDEX pushes_user ON pushes (user) WHERE user IS NOT NULL",
    "CREATE INDEX pushes_device ON pushes (device) WHERE device IS NOT NULL",
)
_INSERT: Final = (
    f"INSERT INTO pushes ({', '.join(Entry._fields)}) VALUES ({', '.join('?' * len(Entry._fields))})"
    " ON CONFLICT (dedupe_id) DO NOTHING"
)
_LEASED: Final = ", ".join(Leased._fields)
_RESULT: Final = ", ".join(StoredResult._fields)
_LETTER: Final = ", ".join(StoredLetter._fields)
_CERTIFICATES: Final = """WITH RECURSIVE found (id) AS (
        SELECT min(certificate_id) FROM pushes WHERE state = 0
        UNION ALL
        SELECT (SELECT min(certificate_id) FROM pushes WHERE state = 0 AND certificate_id > found.id)
        FROM found WHERE found.id IS NOT NULL
    ) SELECT id FROM found WHERE id IS NOT NULL"""
"""Each certificate that has waiting entries, by one step in the index for each."""
_FREE: Final = "(lease = 0 OR due <= ?)"
"""Nobody holds the row: it was not leased, or its lease has ended."""


@safe_repr
class SQLiteStore:
    """The store of an outbox in an SQLite file; see `pushgateway.outbox.store.Store` for its methods."""

    def __init__(
        self,
        path: str | Path,
        *,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        busy_timeout: float = 5.0,
        max_bytes: int | None = None,
    ) -> None:
        """`synchronous`: with NORMAL a power cut may lose the last commits; a killed process never does. `max_bytes`:
        when the file would grow beyond it, `put` raises `OutboxFull` as for a full disk. For the rest see `Database`.
        """
        self._database = Database(
            path,
            application_id=APPLICATION_ID,
            migrations=[_TABLES],
            synchronous=synchronous,
            busy_timeout=busy_timeout,
            max_bytes=max_bytes,
        )

    async def open(self) -> None:
        await self._database.open()

    async def now(self) -> float | None:
        return None

    async def put(self, entries: Sequence[Entry]) -> None:
        await self._database.run(lambda connection: _put(connection, entries))

    async def lease(self, ask: Ask) -> Sequence[Leased]:
        return await self._database.run(lambda connection: _lease(connection, ask))

    async def settle(self, done: Sequence[Done], later: Sequence[Later], times: SettleTimes) -> Collection[int]:
        def work(connection: sqlite3.Connection) -> Collection[int]:
            _later(connection, later, times)
            return _done(connection, done, times)

        return await self._database.run(work)

    async def expire(self, times: SettleTimes, most: int) -> int:
        return await self._database.run(lambda connection: _expire(connection, times, most))

    async def results(self, now: float, until: float, most: int) -> Sequence[StoredResult]:
        return await self._database.run(lambda connection: _results(connection, now, until, most))

    async def take(self, ids: Sequence[int], remember_until: float) -> None:
        await self._database.run(lambda connection: _take(connection, ids, remember_until))

    async def clean(self, now: float, results_before: float, most: int) -> int:
        return await self._database.run(lambda connection: _clean(connection, now, results_before, most))

    async def withdraw(self, whose: Whose, now: float) -> Withdrawn:
        return await self._database.run(lambda connection: _withdraw(connection, whose, now))

    async def counts(self, now: float) -> Sequence[Counts]:
        return await self._database.run(lambda connection: _counts(connection, now))

    async def letters(self, after: str, most: int) -> Sequence[StoredLetter]:
        query = f"SELECT {_LETTER} FROM pushes WHERE dead = 1 AND dedupe_id > ? ORDER BY dedupe_id LIMIT ?"
        return await self._database.run(
            lambda connection: [StoredLetter(*row) for row in connection.execute(query, (after, most))]
        )

    async def retry(self, dedupe_ids: Sequence[str] | None, now: float) -> int:
        change = f"""UPDATE pushes SET state = {WAITING}, dead = 0, lease = 0, due = ?, put_at = ?, tries = 0, lost = 0
            WHERE dead = 1"""
        return await self._database.run(lambda connection: _each(connection, change, (now, now), dedupe_ids))

    async def drop(self, dedupe_ids: Sequence[str] | None) -> int:
        change = "DELETE FROM pushes WHERE dead = 1"
        return await self._database.run(lambda connection: _each(connection, change, (), dedupe_ids))

    async def aclose(self) -> None:
        await self._database.aclose()

    def __repr__(self) -> str:
        return f"SQLiteStore({self._database.path.name!r})"


# In the database's thread, within a transaction


def _put(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    stored = connection.executemany(_INSERT, entries).rowcount
    if stored == len(entries):
        return
    chosen = {entry.dedupe_id: entry.digest for entry in reversed(entries)}  # of two in one call the first is stored
    before = {
        dedupe_id: digest
        for ids in _chunks(list(chosen))
        for dedupe_id, digest in connection.execute(
            f"SELECT dedupe_id, digest FROM pushes WHERE dedupe_id IN ({_marks(ids)})", ids
        )
    }
    taken = [entry.dedupe_id for entry in entries if before[entry.dedupe_id] != entry.digest]
    if taken:
        raise IdsTaken(list(dict.fromkeys(taken)))


def _lease(connection: sqlite3.Connection, ask: Ask) -> Sequence[Leased]:
    rows = _suspects(connection, ask) if ask.suspect else _due(connection, ask)
    connection.executemany(
        """UPDATE pushes SET lost = lost + (lease <> 0), doubtful = doubtful OR lease <> 0, lease = ?, due = ?
           WHERE id = ?""",
        [(ask.lease, ask.until, row[0]) for row in rows],
    )
    return [_leased(row, ask.lease) for row in rows]


def _leased(row: Sequence[Any], lease: int) -> Leased:
    """The entry as it is after it was leased."""
    found = Leased(*row)
    if not found.lease:
        return found._replace(lease=lease, doubtful=bool(found.doubtful))
    return found._replace(lease=lease, lost=found.lost + 1, doubtful=True)


def _due(connection: sqlite3.Connection, ask: Ask) -> list[Any]:
    way = "DESC" if ask.newest_first else "ASC"
    query = f"""SELECT {_LEASED} FROM pushes
        WHERE state = 0 AND certificate_id = ? AND priority = ? AND due <= ? AND lost < {SUSPECT}
        AND (expires IS NULL OR expires > ?) {"" if ask.take_over else "AND lease = 0"}
        ORDER BY due {way}, id {way} LIMIT ?"""
    found: list[Any] = []
    for (certificate_id,) in connection.execute(_CERTIFICATES).fetchall():

        def due(priority: int, most: int, which: str = certificate_id) -> Sequence[Any]:
            return connection.execute(query, (which, priority, ask.now, ask.now, most)).fetchall()

        found += by_priority(ask, certificate_id, due)
    return found


def _suspects(connection: sqlite3.Connection, ask: Ask) -> list[Any]:
    query = f"""SELECT {_LEASED} FROM pushes
        WHERE state = 0 AND lost >= 1 AND due <= ? AND (expires IS NULL OR expires > ?)
        {"" if ask.take_over else "AND lease = 0"} ORDER BY due LIMIT 1"""
    return connection.execute(query, (ask.now, ask.now)).fetchall()


def _later(connection: sqlite3.Connection, later: Sequence[Later], times: SettleTimes) -> None:
    changed = connection.executemany(
        """UPDATE pushes SET lease = 0, due = ?, outcome = ?, tries = ?, lost = 0, doubtful = ?, attempts = ?
           WHERE id = ? AND lease = ? AND state = 0""",
        [(one.due, one.outcome, one.tries, one.doubtful, one.attempts, one.id, one.lease) for one in later],
    ).rowcount
    if changed < len(later):  # some were withdrawn, or leased again
        ended = [Done(one.id, one.lease, one.outcome, False) for one in later]
        _end(connection, ended, "state = 1", times, times.now)


def _done(connection: sqlite3.Connection, done: Sequence[Done], times: SettleTimes) -> Collection[int]:
    changed = _end(connection, done, "state IN (0, 1)", times, times.handed_over_until)
    if changed == len(done):
        return ()
    query = f"SELECT 1 FROM pushes WHERE id = ? AND lease = ? AND state = {DONE}"
    return {one.id for one in done if connection.execute(query, (one.id, one.lease)).fetchone() is None}


def _end(connection: sqlite3.Connection, done: Sequence[Done], among: str, times: SettleTimes, due: float) -> int:
    """End the rows that are in one of these states and still have this lease. Returns how many."""
    changed = 0
    held = f"WHERE id = ? AND lease = ? AND {among}"
    letters = [(due, one.outcome, one.id, one.lease) for one in done if one.dead]
    if letters:
        state = DONE if times.keep else DEAD
        changed += connection.executemany(
            f"UPDATE pushes SET state = {state}, dead = 1, due = ?, outcome = ? {held}", letters
        ).rowcount
    others = [(due, one.outcome, one.id, one.lease) for one in done if not one.dead]
    if not others:
        return changed
    if times.keep:
        end = f"UPDATE pushes SET state = {DONE}, due = ?, outcome = ?, content = x'' {held}"
        return changed + connection.executemany(end, others).rowcount
    ids = [(one.id, one.lease) for one in done if not one.dead]
    changed += connection.executemany(f"DELETE FROM pushes {held} AND digest IS NULL", ids).rowcount
    if changed < len(done):
        remember = f"{_REMEMBER} {held} AND digest IS NOT NULL"
        changed += connection.executemany(remember, [(times.remember_until, *one) for one in ids]).rowcount
    return changed


_REMEMBER: Final = f"""UPDATE pushes SET state = {REMEMBERED}, due = ?, token = '', content = x'', context = NULL,
    user = NULL, device = NULL, outcome = NULL"""


def _expire(connection: sqlite3.Connection, times: SettleTimes, most: int) -> int:
    expired = f"state = 0 AND expires <= ? AND {_FREE}"
    ended = 0
    for found, values, outcome in (
        (f"{expired} AND doubtful = 0 AND lease = 0", (times.now, times.now), EXPIRED),
        (f"{expired} AND (doubtful = 1 OR lease <> 0)", (times.now, times.now), EXPIRED_IN_DOUBT),
        ("state = 1 AND due <= ?", (times.now,), WITHDRAWN),
    ):
        rows = connection.execute(f"SELECT id, lease FROM pushes WHERE {found} LIMIT ?", (*values, most)).fetchall()
        over = [Done(number, lease, outcome, False) for number, lease in rows]
        ended += _end(connection, over, "state IN (0, 1)", times, times.now)
    return ended


def _results(connection: sqlite3.Connection, now: float, until: float, most: int) -> Sequence[StoredResult]:
    query = f"SELECT {_RESULT} FROM pushes WHERE state = 2 AND due <= ? ORDER BY due, id LIMIT ?"
    found = [StoredResult(*row) for row in connection.execute(query, (now, most))]
    connection.executemany("UPDATE pushes SET due = ? WHERE id = ?", [(until, one.id) for one in found])
    return [one._replace(dead=bool(one.dead)) for one in found]


def _take(connection: sqlite3.Connection, ids: Sequence[int], remember_until: float) -> None:
    for some in _chunks(ids):
        these = f"WHERE id IN ({_marks(some)}) AND state = {DONE}"
        connection.execute(f"DELETE FROM pushes {these} AND dead = 0 AND digest IS NULL", some)
        connection.execute(f"UPDATE pushes SET state = {DEAD} {these} AND dead = 1", some)
        connection.execute(f"{_REMEMBER} {these} AND digest IS NOT NULL", (remember_until, *some))


def _clean(connection: sqlite3.Connection, now: float, results_before: float, most: int) -> int:
    forgotten = connection.execute(
        "DELETE FROM pushes WHERE id IN (SELECT id FROM pushes WHERE state = 3 AND due <= ? LIMIT ?)", (now, most)
    ).rowcount
    query = "SELECT id FROM pushes WHERE state = 2 AND due <= ? AND put_at < ? LIMIT ?"
    unwanted = [found for (found,) in connection.execute(query, (now, results_before, most))]
    _take(connection, unwanted, now)
    return forgotten + len(unwanted)


def _withdraw(connection: sqlite3.Connection, whose: Whose, now: float) -> Withdrawn:
    asked = {"user": whose.user, "device": whose.device, "dedupe_id": whose.dedupe_id}
    named = {name: value for name, value in asked.items() if value is not None}
    these = " AND ".join(f"{name} = ?" for name in named)
    values = tuple(named.values())
    free = f"DELETE FROM pushes WHERE {these} AND (dead = 1 OR (state = 0 AND {_FREE}))"
    removed = connection.execute(free, (*values, now)).rowcount
    held = connection.execute(
        f"UPDATE pushes SET state = {WITHDRAWN_UNDER_WAY} WHERE {these} AND state = 0", values
    ).rowcount
    return Withdrawn(removed, held)


def _counts(connection: sqlite3.Connection, now: float) -> Sequence[Counts]:
    query = """SELECT certificate_id,
            sum(state = 0 AND due <= :now),
            sum(state = 0 AND lease = 0 AND due > :now),
            sum(state IN (0, 1) AND lease <> 0 AND due > :now),
            sum(state = 2),
            sum(dead),
            min(CASE WHEN state = 0 THEN put_at END)
        FROM pushes WHERE state <> 3 GROUP BY certificate_id ORDER BY certificate_id"""
    names = ("certificate_id", "waiting", "delayed", "leased", "results", "dead", "oldest")
    rows = connection.execute(query, {"now": now})
    return [Counts(**dict(zip(names, row, strict=True))) for row in rows]


def _each(
    connection: sqlite3.Connection, change: str, values: tuple[Any, ...], dedupe_ids: Sequence[str] | None
) -> int:
    """Apply a change to these dead letters, or to all of them."""
    if dedupe_ids is None:
        return connection.execute(change, values).rowcount
    return connection.executemany(f"{change} AND dedupe_id = ?", [(*values, one) for one in dedupe_ids]).rowcount


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parts that fit into one statement."""
    return (values[place : place + 500] for place in range(0, len(values), 500))


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
