"""What `SqlDatabase` promises with every database: run on SQLite in the everyday suite, and on real servers in
`tests/services`. Each module that imports these tests has a fixture `url`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from pushgateway.databases.sql import TRIES, SqlDatabase
from pushgateway.model.errors import StoreError

MARK = 0x70777264
TABLE = "CREATE TABLE IF NOT EXISTS words (word VARCHAR(50) NOT NULL PRIMARY KEY, amount INTEGER NOT NULL);\n"


def write_migrations(folder: Path, *versions: str) -> Path:
    """A folder of migrations with these files for every dialect; default: one table."""
    for dialect in ("sqlite", "postgresql", "mysql"):
        (folder / dialect).mkdir(parents=True, exist_ok=True)
        for number, statements in enumerate(versions or (TABLE,), 1):
            (folder / dialect / f"{number:04}.sql").write_text(statements, "utf-8")
    return folder


@asynccontextmanager
async def opened(url: str, tmp_path: Path, *versions: str, **more: Any) -> AsyncIterator[SqlDatabase]:
    """A database with the table `words`."""
    migrations = write_migrations(tmp_path / f"migrations{len(versions)}", *versions)
    database = SqlDatabase(url, part="words", migrations=migrations, application_id=MARK, **more)
    try:
        yield database
    finally:
        await database.aclose()


def add(connection: Connection, word: str) -> None:
    """Store a word."""
    connection.execute(text("INSERT INTO words (word, amount) VALUES (:word, 1)"), {"word": word})


def words(connection: Connection) -> list[str]:
    """All words."""
    return list(connection.execute(text("SELECT word FROM words ORDER BY word")).scalars())


def test_what_was_committed_is_found_by_another_process(url: str, tmp_path: Path) -> None:
    """A second database object, as in another process, finds the tables made and what is in them."""

    async def scene() -> list[str]:
        async with opened(url, tmp_path) as first:
            await first.run(lambda connection: add(connection, "你好 👋"))
        async with opened(url, tmp_path) as second:
            return await second.run(words, reads=True)

    assert asyncio.run(scene()) == ["你好 👋"]


def test_an_error_of_the_work_undoes_it(url: str, tmp_path: Path) -> None:
    """The host's own exception is raised as it is, and nothing of that work is kept."""

    def fail(connection: Connection) -> None:
        add(connection, "lost")
        raise KeyError("mine")

    async def scene() -> list[str]:
        async with opened(url, tmp_path) as database:
            with pytest.raises(KeyError, match="mine"):
                await database.run(fail)
            return await database.run(words)

    assert asyncio.run(scene()) == []


def test_the_same_key_at_the_same_time_is_tried_again(url: str, tmp_path: Path) -> None:
    """Another process has stored the same key between reading and writing: the work is run again, and then sees it."""
    seen: list[list[str]] = []

    def add_if_new(connection: Connection) -> None:
        seen.append(words(connection))
        if not seen[-1] or len(seen) == 1:
            add(connection, "once")

    async def scene() -> None:
        async with opened(url, tmp_path) as database:
            await database.run(lambda connection: add(connection, "once"))
            await database.run(add_if_new)

    asyncio.run(scene())

    assert seen == [["once"], ["once"]]


def test_a_key_that_stays_taken_is_an_error_that_quotes_nothing(url: str, tmp_path: Path) -> None:
    """A work is not repeated for ever, and the database's own text, which quotes the value, is in no error."""
    runs = []

    def repeat(connection: Connection) -> None:
        runs.append(1)
        add(connection, "secret-token")

    async def scene() -> StoreError:
        async with opened(url, tmp_path) as database:
            await database.run(lambda connection: add(connection, "secret-token"))
            with pytest.raises(StoreError) as caught:
                await database.run(repeat)
            return caught.value

    error = asyncio.run(scene())

    assert len(runs) == TRIES
    assert "secret" not in f"{error!r} {error.__cause__!r} {error.__context__!r}"


def test_many_works_at_once_all_end(url: str, tmp_path: Path) -> None:
    """More works than threads wait for each other and not for the event loop."""

    async def scene() -> int:
        async with opened(url, tmp_path, threads=3) as database:
            await asyncio.gather(
                *[database.run(lambda connection, n=n: add(connection, f"{n:02}")) for n in range(40)]  # type: ignore[misc]
            )
            return len(await database.run(words))

    assert asyncio.run(scene()) == 40


def test_two_that_add_to_one_number_lose_nothing(url: str, tmp_path: Path) -> None:
    """Transactions that change the same row wait for each other."""
    plus = text("UPDATE words SET amount = amount + 1 WHERE word = 'a'")
    amount = text("SELECT amount FROM words WHERE word = 'a'")

    async def scene() -> int:
        async with opened(url, tmp_path) as one, opened(url, tmp_path) as other:
            await one.run(lambda connection: add(connection, "a"))
            await asyncio.gather(
                *[database.run(lambda connection: connection.execute(plus) and None) for database in (one, other) * 20]
            )
            found: int = await one.run(lambda connection: connection.execute(amount).scalar_one())
            return found

    assert asyncio.run(scene()) == 41


def test_further_migrations_are_applied_once(url: str, tmp_path: Path) -> None:
    """A newer program adds its tables to those of an older one; several processes that start at once do it once."""
    more = "ALTER TABLE words ADD COLUMN language VARCHAR(10);\n"

    async def scene() -> list[str]:
        async with opened(url, tmp_path) as old:
            await old.run(lambda connection: add(connection, "kept"))
        async with opened(url, tmp_path, TABLE, more) as one, opened(url, tmp_path, TABLE, more) as other:
            await asyncio.gather(one.open(), other.open())
        async with opened(url, tmp_path, TABLE, more) as later:
            return await later.run(lambda connection: list(connection.execute(text("SELECT * FROM words")).keys()))

    assert asyncio.run(scene()) == ["word", "amount", "language"]


def test_newer_tables_are_refused(url: str, tmp_path: Path) -> None:
    """An older program must not write into tables that it does not know."""

    async def scene() -> None:
        async with opened(url, tmp_path, TABLE, "CREATE TABLE more (word VARCHAR(5));\n") as newer:
            await newer.open()
        async with opened(url, tmp_path) as older:
            with pytest.raises(StoreError, match=r"ha(s|ve) version 2"):
                await older.open()

    asyncio.run(scene())


def test_a_slow_work_ends_at_the_time_limit(url: str, tmp_path: Path) -> None:
    """The caller has an error in time; the event loop goes on meanwhile."""
    held = threading.Event()

    async def scene() -> None:
        async with opened(url, tmp_path) as database:
            try:
                with pytest.raises(StoreError, match="did not answer in time"):
                    await database.run(lambda connection: held.wait() and None, timeout=0.01)
            finally:
                held.set()

    asyncio.run(scene())


def test_reads_do_not_wait_for_writes(url: str, tmp_path: Path) -> None:
    """However many works write and hold their threads, one that only reads has its result."""
    held = threading.Event()

    async def scene() -> list[str]:
        async with opened(url, tmp_path, threads=1) as database:
            await database.run(lambda connection: add(connection, "a"))
            writing = [asyncio.ensure_future(database.run(lambda connection: held.wait() and None)) for _ in range(3)]
            try:
                return await database.run(words, reads=True)
            finally:
                held.set()
                await asyncio.gather(*writing)

    assert asyncio.run(scene()) == ["a"]


def test_a_closed_database_says_so(url: str, tmp_path: Path) -> None:
    """After `aclose()` there is an error and no new connection; closing again changes nothing."""

    async def scene() -> None:
        async with opened(url, tmp_path) as database:
            await database.open()
            await database.aclose()
            with pytest.raises(StoreError, match="closed"):
                await database.open()

    asyncio.run(scene())
