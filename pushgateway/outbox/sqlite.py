"""The outbox in an SQLite file: for one machine, with any number of processes. The default.

What is not asked for often has a partial index, so that an entry costs two index entries: its id and its `due`. With
`synchronous=FULL` a commit is on the disk when it returns.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Concatenate, Final, Literal, ParamSpec, TypeVar

from pushgateway.databases.sqlite import Database
from pushgateway.model.checks import check_count
from pushgateway.model.errors import StoreFull
from pushgateway.model.secret import safe_repr
from pushgateway.outbox.store import Entry
from pushgateway.outbox.tables import Executor, TableStore, put

P = ParamSpec("P")
T = TypeVar("T")

APPLICATION_ID: Final = 0x50474F42  # "PGOB"
_TABLE: Final = (
    """CREATE TABLE pushgateway_outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        dedupe_id TEXT NOT NULL UNIQUE,
        certificate_id TEXT NOT NULL,
        token TEXT NOT NULL,
        priority INTEGER NOT NULL,
        content BLOB NOT NULL,
        context BLOB,
        user_id TEXT,
        device TEXT,
        put_at REAL NOT NULL,
        due REAL NOT NULL,
        since REAL NOT NULL,
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
    "CREATE INDEX pushgateway_outbox_due ON pushgateway_outbox (certificate_id, priority, due) WHERE state = 0",
    "CREATE INDEX pushgateway_outbox_suspect ON pushgateway_outbox (due) WHERE state = 0 AND lost >= 1",
    "CREATE INDEX pushgateway_outbox_expires ON pushgateway_outbox (expires) WHERE state = 0 AND expires IS NOT NULL",
    "CREATE INDEX pushgateway_outbox_withdrawn ON pushgateway_outbox (due) WHERE state = 1",
    "CREATE INDEX pushgateway_outbox_done ON pushgateway_outbox (due) WHERE state = 2",
    "CREATE INDEX pushgateway_outbox_remembered ON pushgateway_outbox (due) WHERE state = 3",
    "CREATE INDEX pushgateway_outbox_dead ON pushgateway_outbox (dedupe_id) WHERE dead = 1",
    "CREATE INDEX pushgateway_outbox_user ON pushgateway_outbox (user_id) WHERE user_id IS NOT NULL",
    "CREATE INDEX pushgateway_outbox_device ON pushgateway_outbox (device) WHERE device IS NOT NULL",
)
ROWS: Final = 50
"""Rows in one INSERT. Against one row in each this takes 0.6 of the time, and half of it while the event loop is busy,
because Python's lock is passed on with each statement. SQLite takes at least 999 values."""
MIGRATIONS: Final = [_TABLE]
"""The table in its versions; see `Database`."""


@safe_repr
class SQLiteStore(TableStore):
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
        when the file (without its log) would grow beyond it, `put` raises `OutboxFull` as for a full disk; workers go
        on. For the rest see `Database`. Raises `FieldError`.
        """
        if max_bytes is not None:
            check_count("SQLiteStore.max_bytes", max_bytes)
        self._max_bytes = max_bytes
        self._database = Database(
            path,
            application_id=APPLICATION_ID,
            migrations=MIGRATIONS,
            synchronous=synchronous,
            busy_timeout=busy_timeout,
        )

    async def open(self) -> None:
        await self._database.open()

    async def now(self) -> float | None:
        return None

    async def put(self, entries: Sequence[Entry]) -> None:
        await self._run(self._put, entries)

    def _put(self, connection: Executor, entries: Sequence[Entry]) -> None:
        put(connection, entries)
        # Not SQLite's own limit, which would stop workers, too: a lease may need a page more.
        if self._max_bytes is not None and _used_bytes(connection) > self._max_bytes:
            raise StoreFull(f"{self._database.path.name}: is as large as max_bytes allows")

    async def aclose(self) -> None:
        await self._database.aclose()

    async def _run(self, work: Callable[Concatenate[Executor, P], T], *values: P.args, **named: P.kwargs) -> T:
        return await self._database.run(lambda connection: work(_Executor(connection), *values, **named))

    def __repr__(self) -> str:
        return f"SQLiteStore({self._database.path.name!r})"


class _Executor:
    """See `tables.Executor`."""

    lock = ""  # one transaction writes at a time

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Mapping[str, Any]) -> sqlite3.Cursor:
        return self._connection.execute(statement, values)

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        whole = 0
        if statement.startswith("INSERT"):
            whole = len(rows) // ROWS * ROWS
            for place in range(0, whole, ROWS):
                self._connection.execute(_of_rows(statement), [*chain(*rows[place : place + ROWS])])
        if whole == len(rows):
            return whole
        return whole + self._connection.executemany(_by_place(statement), rows[whole:]).rowcount


def _used_bytes(connection: Executor) -> int:
    """What the pages of the file hold, without those that are free."""
    size, count, free = (
        connection.execute(f"PRAGMA {name}", {}).fetchall()[0][0]
        for name in ("page_size", "page_count", "freelist_count")
    )
    used: int = size * (count - free)
    return used


@cache
def _by_place(statement: str) -> str:
    """The statement with its parameters by their places: rows of values need not become dicts."""
    return re.sub(r":\w+", "?", statement)


@cache
def _of_rows(statement: str) -> str:
    """An INSERT for `ROWS` rows."""
    head, values = _by_place(statement).split(" VALUES ")
    return f"{head} VALUES {', '.join([values] * ROWS)}"
