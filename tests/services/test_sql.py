"""`SqlDatabase` on PostgreSQL and MariaDB: the same promises as on SQLite, and outages of a server."""

import asyncio
import os
import signal
import threading
import time
from pathlib import Path

import psycopg
import pytest
from servers import MariaDB, Postgres, mariadb_database, postgres_database, with_database
from sql_promises import *  # noqa: F403 - the same tests as on SQLite
from sql_promises import add, opened, words
from sqlalchemy import Connection, text

from pushgateway.model.errors import StoreError


@pytest.fixture(params=["postgres_url", "mariadb_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A new database."""
    found: str = request.getfixturevalue(request.param)
    return found


def test_a_restarted_server_is_found_again(own_postgres: Postgres, tmp_path: Path) -> None:
    """While the server is gone there is an error in time; afterwards the first work succeeds, over a new connection."""

    async def scene() -> list[str]:
        async with opened(with_database(own_postgres.url, "postgres"), tmp_path) as database:
            await database.run(lambda connection: add(connection, "a"))
            own_postgres.stop(kill=True)
            with pytest.raises(StoreError, match="cannot be reached"):
                await database.run(words)
            own_postgres.start()
            return await database.run(words)

    assert asyncio.run(scene()) == ["a"]


def test_a_connection_that_was_closed_meanwhile_costs_nobody_an_error(own_postgres: Postgres, tmp_path: Path) -> None:
    """The server was restarted while nothing was asked: the work is run again over a new connection."""

    async def scene() -> list[str]:
        async with opened(with_database(own_postgres.url, "postgres"), tmp_path) as database:
            await database.run(lambda connection: add(connection, "a"))
            own_postgres.stop(kill=True)
            own_postgres.start()
            return await database.run(words)

    assert asyncio.run(scene()) == ["a"]


@pytest.mark.parametrize(
    ("server", "sentence"),
    [("postgres_url", "or refuses the user, the password or the name"), ("mariadb_url", "no database of this name")],
)
def test_a_database_that_does_not_exist_is_named(
    server: str, sentence: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The user reads what may be missing, as far as the driver says it."""

    async def scene() -> None:
        async with opened(with_database(request.getfixturevalue(server), "nowhere"), tmp_path) as database:
            with pytest.raises(StoreError, match=f"nowhere: .*{sentence}"):
                await database.open()

    asyncio.run(scene())


def backend(connection: Connection) -> int:
    """The process of PostgreSQL that serves this connection."""
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


@pytest.mark.parametrize("kind", [Postgres, MariaDB])
def test_a_server_that_stands_still_is_given_up(kind: type[Postgres] | type[MariaDB], tmp_path: Path) -> None:
    """Its disk hangs, for example: the connection stands, and nothing comes, not even the end of a limit. There is an
    error in time, not one time limit after another, and later works have a connection of their own."""

    async def scene(url: str, server: Postgres | MariaDB) -> tuple[float, list[str]]:
        async with opened(url, tmp_path, timeout=1.0) as database:
            await database.run(lambda connection: add(connection, "a"))
            frozen = await database.run(backend) if isinstance(server, Postgres) else server.pid
            os.kill(frozen, signal.SIGSTOP)
            try:
                began = time.monotonic()
                with pytest.raises(StoreError, match="cannot be reached, or the connection broke"):
                    await database.run(words)
                took = time.monotonic() - began
            finally:
                os.kill(frozen, signal.SIGCONT)
            return took, await database.run(words)

    with kind() as server:
        assert isinstance(server, Postgres | MariaDB)
        new = postgres_database if kind is Postgres else mariadb_database
        with new(server.url) as url:
            took, found = asyncio.run(scene(url, server))

    assert took < 5.0
    assert found == ["a"]


def test_a_row_that_another_transaction_holds_is_waited_for_once(url: str, tmp_path: Path) -> None:
    """The server itself ends the wait at the time limit, and says what it waited for. The work is not run again."""
    runs = []

    def change(connection: Connection) -> None:
        runs.append(1)
        connection.execute(text("UPDATE words SET amount = 2"))

    async def scene() -> None:
        async with opened(url, tmp_path, timeout=1.0) as database, opened(url, tmp_path) as other:
            await other.run(lambda connection: add(connection, "a"))
            await database.open()
            with other._engine.begin() as holder:
                change(holder)
                with pytest.raises(StoreError, match="another transaction holds what is needed"):
                    await database.run(change)

    asyncio.run(scene())

    assert len(runs) == 2


def test_a_process_that_stands_still_holds_its_rows_for_a_while_only(url: str, tmp_path: Path) -> None:
    """In the middle of a transaction, as one whose machine has gone. The server ends that, and others go on; what the
    process had changed is undone."""
    is_held, may_go_on = threading.Event(), threading.Event()

    def stand_still(connection: Connection) -> None:
        connection.execute(text("UPDATE words SET amount = 2"))
        is_held.set()
        may_go_on.wait()

    async def scene() -> int:
        async with opened(url, tmp_path, timeout=0.1) as database, opened(url, tmp_path, timeout=20.0) as other:
            await other.run(lambda connection: add(connection, "a"))
            held = asyncio.ensure_future(database.run(stand_still))
            await asyncio.to_thread(is_held.wait)
            try:
                await other.run(lambda connection: connection.execute(text("UPDATE words SET amount = amount + 10")))
            finally:
                may_go_on.set()
            with pytest.raises(StoreError):
                await held
            return await other.run(lambda connection: connection.execute(text("SELECT amount FROM words")).scalar_one())

    assert asyncio.run(scene()) == 11


def test_texts_come_back_from_a_database_without_an_encoding(postgres_url: str, tmp_path: Path) -> None:
    """A PostgreSQL made with the locale C has databases in SQL_ASCII, where the driver returns bytes by default."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS no_encoding")
        connection.execute("CREATE DATABASE no_encoding ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'")

        async def scene() -> list[str]:
            async with opened(with_database(postgres_url, "no_encoding"), tmp_path) as database:
                await database.run(lambda connection: add(connection, "李"))
                return await database.run(words)

        found = asyncio.run(scene())
        connection.execute("DROP DATABASE no_encoding")

    assert found == ["李"]


def test_a_server_that_cuts_values_does_not_do_it_here(mariadb_url: str, tmp_path: Path) -> None:
    """Where MySQL or MariaDB is set up without its strict mode, it would store the beginning of a token as a token."""

    async def scene() -> list[str]:
        async with opened(f"{mariadb_url}?init_command=SET sql_mode = ''", tmp_path) as database:
            with pytest.raises(StoreError, match="1406"):
                await database.run(lambda connection: add(connection, "w" * 51))
            await database.run(lambda connection: add(connection, "w" * 50))
            return await database.run(words)

    assert asyncio.run(scene()) == ["w" * 50]
