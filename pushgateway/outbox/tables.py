"""`TableStore`: an outbox in a table, in SQL that SQLite, PostgreSQL and MySQL understand.

`due` is when an entry may be leased, so a lease is nothing but a later `due` with the number of the lease: when its
worker is lost, the entry becomes due by itself. Each function does its work within a transaction of the connection that
it is given. `sqlite` and `sql` bring connections and tables.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

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

P = ParamSpec("P")
T = TypeVar("T")

WAITING, WITHDRAWN_UNDER_WAY, DONE, REMEMBERED, DEAD = range(5)
"""States of a row. A dead letter has `dead` = 1: its state is DONE until its result was taken, and then DEAD."""
AT_ONCE: Final = 500
"""Values in one statement."""
TABLE: Final = "pushgateway_outbox"


class Rows(Protocol):
    """What a statement has found or changed."""

    @property
    def rowcount(self) -> int:
        """Rows that were changed."""

    def fetchall(self) -> Sequence[Sequence[Any]]:
        """Rows that were found."""


class Executor(Protocol):
    """A connection within a transaction. Parameters are written as `:name`."""

    lock: str
    """What a SELECT ends with so that no other worker gets the same rows; "" where only one can write."""

    def execute(self, statement: str, values: Mapping[str, Any]) -> Rows:
        """Run a statement."""

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Run a statement for each row, whose values are in the order of the statement's parameters. Returns how many
        rows were changed."""


class TableStore(ABC):
    """The methods of `Store` that work on the table."""

    @abstractmethod
    async def _run(self, work: Callable[Concatenate[Executor, P], T], *values: P.args, **named: P.kwargs) -> T:
        """The result of `work(connection, *values)` in a transaction of its own, when it is committed."""

    async def put(self, entries: Sequence[Entry]) -> None:
        await self._run(put, entries)

    async def lease(self, ask: Ask) -> Sequence[Leased]:
        return await self._run(lease, ask)

    async def settle(self, done: Sequence[Done], later: Sequence[Later], times: SettleTimes) -> Collection[int]:
        return await self._run(settle, done, later, times)

    async def expire(self, times: SettleTimes, most: int) -> int:
        return await self._run(expire, times, most)

    async def results(self, now: float, until: float, most: int) -> Sequence[StoredResult]:
        return await self._run(results, now, until, most)

    async def take(self, taken: Sequence[tuple[int, int]], remember_until: float) -> None:
        await self._run(take, taken, remember_until)

    async def clean(self, now: float, results_before: float, most: int) -> int:
        return await self._run(clean, now, results_before, most)

    async def withdraw(self, whose: Whose, now: float) -> Withdrawn:
        return await self._run(withdraw, whose, now)

    async def counts(self, now: float) -> Sequence[Counts]:
        return await self._run(counts, now)

    async def letters(self, after: str, most: int) -> Sequence[StoredLetter]:
        return await self._run(letters, after, most)

    async def retry(self, dedupe_ids: Sequence[str] | None, now: float) -> int:
        return await self._run(retry, dedupe_ids, now)

    async def drop(self, dedupe_ids: Sequence[str] | None) -> int:
        return await self._run(drop, dedupe_ids)


@cache
def parameters(statement: str) -> tuple[str, ...]:
    """The names of a statement's parameters, in their order."""
    return tuple(re.findall(r":(\w+)", statement))


def _columns(kind: type[tuple[Any, ...]]) -> str:
    fields: Sequence[str] = kind._fields  # type: ignore[attr-defined]
    return ", ".join("user_id" if name == "user" else name for name in fields)  # "user" is a word of SQL


_INSERT: Final = f"INSERT INTO {TABLE} ({_columns(Entry)}) VALUES ({', '.join(f':{name}' for name in Entry._fields)})"
_LEASED: Final = (
    _columns(Leased)
    .replace("lease,", ":lease,")
    .replace("lost,", "lost + CASE WHEN lease <> 0 THEN 1 ELSE 0 END,")
    .replace("doubtful,", "CASE WHEN lease <> 0 THEN 1 ELSE doubtful END,")
)
"""The entry as it is after it was leased."""
_CERTIFICATES: Final = f"""WITH RECURSIVE found (id) AS (
        SELECT min(certificate_id) FROM {TABLE} WHERE state = 0
        UNION ALL
        SELECT (SELECT min(certificate_id) FROM {TABLE} WHERE state = 0 AND certificate_id > found.id)
        FROM found WHERE found.id IS NOT NULL
    ) SELECT id FROM found WHERE id IS NOT NULL"""
"""Each certificate that has waiting entries, by one step in the index for each."""
_FREE: Final = "(lease = 0 OR due <= :now)"
"""Nobody holds the row: it was not leased, or its lease has ended."""
_REMEMBER: Final = f"""UPDATE {TABLE} SET state = {REMEMBERED}, due = :until, token = '', content = :nothing,
    context = NULL, user_id = NULL, device = NULL, outcome = NULL"""


def put(connection: Executor, entries: Sequence[Entry]) -> None:
    """See `Store`. Two processes that put the same id at the same time run into the unique index."""
    chosen: dict[str, bytes] = {}
    for entry in entries:
        if entry.digest is not None:
            chosen.setdefault(entry.dedupe_id, entry.digest)
    stored = dict(_found(connection, "dedupe_id, digest", "dedupe_id", list(chosen)))
    known = {**chosen, **stored}
    if taken := [one.dedupe_id for one in entries if one.digest is not None and known[one.dedupe_id] != one.digest]:
        raise IdsTaken(list(dict.fromkeys(taken)))
    missing = chosen.keys() - stored.keys()
    new = []
    for entry in entries:
        if entry.digest is not None:
            if entry.dedupe_id not in missing:  # it is there already, or further in front
                continue
            missing.discard(entry.dedupe_id)
        new.append(entry)
    connection.many(_INSERT, new)


def lease(connection: Executor, ask: Ask) -> Sequence[Leased]:
    """See `Store`."""
    rows = _suspects(connection, ask) if ask.suspect else _due(connection, ask)
    change = f"""UPDATE {TABLE} SET lost = lost + CASE WHEN lease <> 0 THEN 1 ELSE 0 END,
        doubtful = CASE WHEN lease <> 0 THEN 1 ELSE doubtful END, lease = :lease, due = :until"""
    for ids in _chunks([row[0] for row in rows]):
        which, values = _among("id", ids)
        connection.execute(f"{change} WHERE {which}", {"lease": ask.lease, "until": ask.until, **values})
    return [Leased._make(row) for row in rows]


def _due(connection: Executor, ask: Ask) -> list[Any]:
    way = "DESC" if ask.newest_first else "ASC"
    query = f"""SELECT {_LEASED} FROM {TABLE}
        WHERE state = 0 AND certificate_id = :certificate_id AND priority = :priority AND due <= :now
        AND lost < {SUSPECT} AND (expires IS NULL OR expires > :now) {"" if ask.take_over else "AND lease = 0"}
        ORDER BY due {way}, id {way} LIMIT :most {connection.lock}"""
    found: list[Any] = []
    for (certificate_id,) in connection.execute(_CERTIFICATES, {}).fetchall():

        def due(priority: int, most: int, which: str = certificate_id) -> Sequence[Any]:
            values = {"lease": ask.lease, "certificate_id": which, "priority": priority, "now": ask.now, "most": most}
            return connection.execute(query, values).fetchall()

        found += by_priority(ask, certificate_id, due)
    return found


def _suspects(connection: Executor, ask: Ask) -> Sequence[Any]:
    query = f"""SELECT {_LEASED} FROM {TABLE}
        WHERE state = 0 AND lost >= {SUSPECT} AND due <= :now AND (expires IS NULL OR expires > :now)
        {"" if ask.take_over else "AND lease = 0"} ORDER BY due LIMIT 1 {connection.lock}"""
    return connection.execute(query, {"lease": ask.lease, "now": ask.now}).fetchall()


def settle(connection: Executor, done: Sequence[Done], later: Sequence[Later], times: SettleTimes) -> Collection[int]:
    """See `Store`."""
    _settle_later(connection, later, times)
    if _end(connection, done, "state IN (0, 1)", times, times.handed_over_until) == len(done):
        return ()
    by_id = {one.id: one.lease for one in done}
    ended = _found(connection, "id, lease, state", "id", list(by_id))
    return by_id.keys() - {number for number, lease, state in ended if state == DONE and by_id[number] == lease}


def _settle_later(connection: Executor, later: Sequence[Later], times: SettleTimes) -> None:
    change = f"""UPDATE {TABLE} SET lease = 0, due = :due, outcome = :outcome, tries = :tries, lost = 0,
        doubtful = :doubtful, attempts = :attempts WHERE id = :id AND lease = :lease AND state = 0"""
    rows = [(one.due, one.outcome, one.tries, int(one.doubtful), one.attempts, one.id, one.lease) for one in later]
    if connection.many(change, rows) < len(later):  # some were withdrawn, or leased again
        ended = [Done(one.id, one.lease, one.outcome, False) for one in later]
        _end(connection, ended, "state = 1", times, times.now)


def _end(connection: Executor, done: Sequence[Done], among: str, times: SettleTimes, due: float) -> int:
    """End the rows that are in one of these states and still have this lease. Returns how many."""
    held = f"WHERE id = :id AND lease = :lease AND {among}"
    ended = (
        f"UPDATE {TABLE} SET state = {DONE if times.keep else DEAD}, dead = 1, due = :due, since = :since,"
        f" outcome = :outcome {held}"
    )
    changed = connection.many(ended, [(due, times.now, one.outcome, one.id, one.lease) for one in done if one.dead])
    others = [one for one in done if not one.dead]
    if times.keep:
        ended = (
            f"UPDATE {TABLE} SET state = {DONE}, due = :due, since = :since, outcome = :outcome, content = :nothing"
            f" {held}"
        )
        rows = [(due, times.now, one.outcome, b"", one.id, one.lease) for one in others]
        return changed + connection.many(ended, rows)
    by_lease: dict[int, list[int]] = {}
    for one in others:
        by_lease.setdefault(one.lease, []).append(one.id)
    for lease, ids in by_lease.items():
        for some in _chunks(ids):
            which, values = _among("id", some)
            held = f"WHERE {which} AND lease = :lease AND {among}"
            values["lease"] = lease
            gone = connection.execute(f"DELETE FROM {TABLE} {held} AND digest IS NULL", values).rowcount
            if gone < len(some):
                values |= {"until": times.remember_until, "nothing": b""}
                gone += connection.execute(f"{_REMEMBER} {held} AND digest IS NOT NULL", values).rowcount
            changed += gone
    return changed


def expire(connection: Executor, times: SettleTimes, most: int) -> int:
    """See `Store`."""
    expired = f"state = 0 AND expires <= :now AND {_FREE}"
    ended = 0
    for found, outcome in (
        (f"{expired} AND doubtful = 0 AND lease = 0", EXPIRED),
        (f"{expired} AND (doubtful = 1 OR lease <> 0)", EXPIRED_IN_DOUBT),
        ("state = 1 AND due <= :now", WITHDRAWN),
    ):
        query = f"SELECT id, lease FROM {TABLE} WHERE {found} LIMIT :most {connection.lock}"
        rows = connection.execute(query, {"now": times.now, "most": most}).fetchall()
        over = [Done(number, lease, outcome, False) for number, lease in rows]
        ended += _end(connection, over, "state IN (0, 1)", times, times.now)
    return ended


def results(connection: Executor, now: float, until: float, most: int) -> Sequence[StoredResult]:
    """See `Store`."""
    query = f"""SELECT {_columns(StoredResult)} FROM {TABLE} WHERE state = {DONE} AND due <= :now
        ORDER BY due, id LIMIT :most {connection.lock}"""
    found = [StoredResult(*row) for row in connection.execute(query, {"now": now, "most": most}).fetchall()]
    for ids in _chunks([one.id for one in found]):
        which, values = _among("id", ids)
        connection.execute(f"UPDATE {TABLE} SET due = :until WHERE {which}", {"until": until, **values})
    return [one._replace(dead=bool(one.dead)) for one in found]


def take(connection: Executor, taken: Sequence[tuple[int, int]], remember_until: float) -> None:
    """See `Store`."""
    asked = set(taken)
    there = _found(connection, "id, lease", "id", [number for number, _ in taken])
    for some in _chunks([number for number, lease in there if (number, lease) in asked]):
        which, values = _among("id", some)
        these = f"WHERE {which} AND state = {DONE}"
        connection.execute(f"DELETE FROM {TABLE} {these} AND dead = 0 AND digest IS NULL", values)
        connection.execute(f"UPDATE {TABLE} SET state = {DEAD} {these} AND dead = 1", values)
        remembered = {"until": remember_until, "nothing": b"", **values}
        connection.execute(f"{_REMEMBER} {these} AND digest IS NOT NULL", remembered)


def clean(connection: Executor, now: float, results_before: float, most: int) -> int:
    """See `Store`."""
    query = f"SELECT id FROM {TABLE} WHERE state = {REMEMBERED} AND due <= :now LIMIT :most {connection.lock}"
    over = [number for (number,) in connection.execute(query, {"now": now, "most": most}).fetchall()]
    for ids in _chunks(over):
        which, values = _among("id", ids)
        connection.execute(f"DELETE FROM {TABLE} WHERE {which}", values)
    query = f"""SELECT id, lease FROM {TABLE} WHERE state = {DONE} AND due <= :now AND since < :before
        LIMIT :most {connection.lock}"""
    found = connection.execute(query, {"now": now, "before": results_before, "most": most}).fetchall()
    unwanted = [(number, lease) for number, lease in found]
    take(connection, unwanted, now)
    return len(over) + len(unwanted)


def withdraw(connection: Executor, whose: Whose, now: float) -> Withdrawn:
    """See `Store`."""
    asked = {"user_id": whose.user, "device": whose.device, "dedupe_id": whose.dedupe_id}
    named = {name: value for name, value in asked.items() if value is not None}
    these = " AND ".join(f"{name} = :{name}" for name in named)
    free = f"DELETE FROM {TABLE} WHERE {these} AND (dead = 1 OR (state = 0 AND {_FREE}))"
    removed = connection.execute(free, {**named, "now": now}).rowcount
    held = f"UPDATE {TABLE} SET state = {WITHDRAWN_UNDER_WAY} WHERE {these} AND state = 0"
    return Withdrawn(removed, connection.execute(held, named).rowcount)


_COUNTED: Final = {
    "waiting": "state = 0 AND due <= :now",
    "delayed": "state = 0 AND lease = 0 AND due > :now",
    "leased": "state IN (0, 1) AND lease <> 0 AND due > :now",
    "results": f"state = {DONE}",
    "dead": "dead = 1",
}


def counts(connection: Executor, now: float) -> Sequence[Counts]:
    """See `Store`."""
    sums = ", ".join(f"sum(CASE WHEN {states} THEN 1 ELSE 0 END)" for states in _COUNTED.values())
    query = f"""SELECT certificate_id, min(CASE WHEN state = 0 THEN put_at END), {sums} FROM {TABLE}
        WHERE state <> {REMEMBERED} GROUP BY certificate_id ORDER BY certificate_id"""
    return [
        Counts(certificate_id=name, oldest=oldest, **dict(zip(_COUNTED, map(int, numbers), strict=True)))
        for name, oldest, *numbers in connection.execute(query, {"now": now}).fetchall()
    ]


def letters(connection: Executor, after: str, most: int) -> Sequence[StoredLetter]:
    """See `Store`."""
    query = f"""SELECT {_columns(StoredLetter)} FROM {TABLE} WHERE dead = 1 AND dedupe_id > :after
        ORDER BY dedupe_id LIMIT :most"""
    return [StoredLetter(*row) for row in connection.execute(query, {"after": after, "most": most}).fetchall()]


def retry(connection: Executor, dedupe_ids: Sequence[str] | None, now: float) -> int:
    """See `Store`."""
    change = f"""UPDATE {TABLE} SET state = {WAITING}, dead = 0, lease = 0, due = :now, put_at = :now, since = :now,
        tries = 0, lost = 0 WHERE dead = 1"""
    return _each(connection, change, {"now": now}, dedupe_ids)


def drop(connection: Executor, dedupe_ids: Sequence[str] | None) -> int:
    """See `Store`."""
    return _each(connection, f"DELETE FROM {TABLE} WHERE dead = 1", {}, dedupe_ids)


def _each(connection: Executor, change: str, values: Mapping[str, Any], dedupe_ids: Sequence[str] | None) -> int:
    """Apply a change to these dead letters, or to all of them."""
    if dedupe_ids is None:
        return connection.execute(change, values).rowcount
    changed = 0
    for some in _chunks(dedupe_ids):
        which, more = _among("dedupe_id", some)
        changed += connection.execute(f"{change} AND {which}", {**values, **more}).rowcount
    return changed


def _found(connection: Executor, columns: str, name: str, values: Sequence[Any]) -> Iterator[Any]:
    """These columns of the rows in which a column has one of these values."""
    for some in _chunks(values):
        which, given = _among(name, some)
        yield from connection.execute(f"SELECT {columns} FROM {TABLE} WHERE {which}", given).fetchall()


def _among(name: str, values: Sequence[Any]) -> tuple[str, dict[str, Any]]:
    """The condition that a column has one of these values, and its parameters."""
    given = {f"{name}_{number}": value for number, value in enumerate(values)}
    return f"{name} IN ({', '.join(f':{key}' for key in given)})", given


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parts that fit into one statement."""
    return (values[place : place + AT_ONCE] for place in range(0, len(values), AT_ONCE))
