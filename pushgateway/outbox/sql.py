"""The outbox in PostgreSQL, MySQL or MariaDB: for several machines, and for putting within a transaction of the host.

Workers share the table by `SKIP LOCKED` (MySQL from 8.0, MariaDB from 10.6). All times are the server's. The tables
are in `migrations`. Needs the extra `sql`; imported when it is used.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, CursorResult, TextClause, text

from pushgateway.databases.sql import SqlDatabase
from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr
from pushgateway.outbox.clock import ServerClock
from pushgateway.outbox.store import Entry
from pushgateway.outbox.tables import Executor, TableStore, parameters, put

P = ParamSpec("P")
T = TypeVar("T")

_NOW: Final = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
    # Not UNIX_TIMESTAMP(NOW(6)): in the hour that local time has twice in autumn it is wrong by an hour.
    "mysql": "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6",
}


@safe_repr
class SqlStore(TableStore):
    """The store of an outbox in an SQL server; see `pushgateway.outbox.store.Store` for its methods."""

    def __init__(
        self,
        url: str,
        *,
        threads: int = 4,
        timeout: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
        field: str = "url",
    ) -> None:
        """`url`: `postgresql://user:password@host/name` or `mysql://…`; see `SqlDatabase` for it, `threads` and
        `timeout`. `monotonic` is for tests. Raises `FieldError` and `ConfigError`."""
        if isinstance(url, str) and url.startswith("sqlite"):
            raise FieldError(field, "an SQLite file is for SQLiteStore")
        self._database = SqlDatabase(
            url,
            part="outbox",
            migrations=files("pushgateway.outbox") / "migrations",
            application_id=0,
            threads=threads,
            timeout=timeout,
            field=field,
        )
        self._clock = ServerClock(lambda: self._database.run(self.time_of, reads=True), monotonic)

    async def open(self) -> None:
        await self._database.open()

    async def now(self) -> float | None:
        return await self._clock.now()

    def time_of(self, connection: Connection) -> float:
        """The server's time, asked for on this connection."""
        return float(connection.execute(text(_NOW[self._database.dialect])).scalar_one())

    def put_within(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """`put` in the transaction of this connection. It blocks. Raises what the database raises."""
        put(_Executor(connection), entries)

    async def aclose(self) -> None:
        await self._database.aclose()

    async def _run(self, work: Callable[Concatenate[Executor, P], T], *values: P.args, **named: P.kwargs) -> T:
        return await self._database.run(lambda connection: work(_Executor(connection), *values, **named))

    def __repr__(self) -> str:
        return f"SqlStore({self._database.name!r})"


class _Executor:
    """See `tables.Executor`."""

    lock = "FOR UPDATE SKIP LOCKED"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Mapping[str, Any]) -> CursorResult[Any]:
        return self._connection.execute(_prepared(statement), dict(values))

    def many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        if not rows:
            return 0
        names = parameters(statement)
        return self._connection.execute(
            _prepared(statement), [dict(zip(names, row, strict=True)) for row in rows]
        ).rowcount


@cache
def _prepared(statement: str) -> TextClause:
    return text(statement)
