"""An outbox in an SQLite file that needs no thread, so that it works in virtual time; and entries for its store."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pushgateway.databases import sqlite
from pushgateway.databases.sqlite import Database
from pushgateway.model.errors import StoreError
from pushgateway.outbox.outbox import Outbox
from pushgateway.outbox.sqlite import SQLiteStore
from pushgateway.outbox.store import Entry
from pushgateway.testing.virtual_time import loop_wall_clock

T = TypeVar("T")


class InlineDatabase:
    """`Database` without its thread: works are done at once, in the event loop. `fails`: every work raises it."""

    def __init__(self, database: Database) -> None:
        self.path = database.path
        self.fails: Exception | None = None
        self.works = 0
        self._database = database
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        await self.run(lambda connection: None)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self.works += 1
        if self.fails is not None:
            raise self.fails
        if self._connection is None:
            self._connection = self._database.connect()
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            value = work(connection)
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise sqlite.store_error(self.path.name, error) from None
            raise
        connection.execute("COMMIT")
        return value

    async def aclose(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def inline_store(path: Path, **options: Any) -> SQLiteStore:
    """A store without a thread."""
    store = SQLiteStore(path, **{"synchronous": "NORMAL", **options})
    store._database = InlineDatabase(store._database)  # type: ignore[assignment]
    return store


def inline_outbox(path: Path, **options: Any) -> Outbox:
    """An outbox without a thread, with virtual time and a fixed random seed."""
    return Outbox(inline_store(path), **{"clock": loop_wall_clock(), "rng": random.Random(5), **options})


def database_of(outbox: Outbox) -> InlineDatabase:
    """The database of an `inline_outbox`."""
    database: InlineDatabase = outbox.store._database  # type: ignore[attr-defined]
    return database


BROKEN = StoreError("outbox.db: the disk does not answer")


def entry(dedupe_id: str, **more: Any) -> Entry:
    """An entry that was put at 1,000 and is due since then."""
    usual: dict[str, Any] = {
        "dedupe_id": dedupe_id,
        "certificate_id": "1",
        "token": f"token-{dedupe_id}",
        "priority": 1,
        "content": b'{"form":1,"notification":{"title":"t","body":"b"}}',
        "context": None,
        "user": None,
        "device": None,
        "put_at": 1000.0,
        "due": 1000.0,
        "since": 1000.0,
        "expires": None,
        "lot": 7,
        "binding": 0,
        "generation": 0,
        "digest": None,
    }
    return Entry(**{**usual, **more})
