"""`SqlDatabase` on SQLite, and what holds for every URL: wrong ones, passwords, a missing server, forks."""

import asyncio
import os
import socket
import sqlite3
import stat
import sys
from pathlib import Path

import pytest
from sql_promises import *  # noqa: F403 - the same tests as on real servers
from sql_promises import add, opened, words, write_migrations

from pushgateway.databases import sql
from pushgateway.databases.sql import SqlDatabase
from pushgateway.model.errors import ConfigError, FieldError, LoopError, StoreError


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A new file."""
    return f"sqlite:///{tmp_path}/words.sqlite"


def make(url: str, tmp_path: Path) -> SqlDatabase:
    """A database that is not opened."""
    return SqlDatabase(url, part="words", migrations=write_migrations(tmp_path / "m"), application_id=1)


@pytest.mark.parametrize(
    "url",
    ["", "push.sqlite", "sqlite://", "sqlite:///:memory:", "oracle://u:pass-word@h/d", "postgresql://u:pass-word@h", 7],
)
def test_a_wrong_url_is_not_quoted(url: str, tmp_path: Path) -> None:
    """The error names the field and says what would be right; a password is in none."""
    with pytest.raises(FieldError, match=r"^url: must ") as caught:
        make(url, tmp_path)

    assert "pass-word" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "mysql", "mariadb"])
def test_no_password_in_a_repr(scheme: str, tmp_path: Path) -> None:
    """What a log shows of a database is host and name."""
    database = make(f"{scheme}://user:pass-word@db.example:77/push?application_name=x", tmp_path)

    assert repr(database) == f"SqlDatabase('{'postgresql' if scheme[0] == 'p' else 'mysql'}://db.example:77/push')"


def error_of_opening(database: SqlDatabase, said: str) -> StoreError:
    """The error of opening it, which matches `said`."""

    async def scene() -> StoreError:
        try:
            with pytest.raises(StoreError, match=said) as caught:
                await database.open()
            return caught.value
        finally:
            await database.aclose()

    return asyncio.run(scene())


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_is_not_there_is_an_error_without_password(scheme: str, tmp_path: Path) -> None:
    """The user reads which database cannot be reached, and no password in error, cause or context."""
    with socket.socket() as taken:  # bound and not listening: refused
        taken.bind(("127.0.0.1", 0))
        database = make(f"{scheme}://user:pass-word@127.0.0.1:{taken.getsockname()[1]}/push", tmp_path)
        error = error_of_opening(database, r"127\.0\.0\.1:\d+/push: cannot be reached")

    assert "pass-word" not in f"{error!r} {error.__cause__!r} {error.__context__!r}"


@pytest.mark.parametrize(
    "url",
    ["mysql://u:pass-word@h/d?connect_timeout=long", "postgresql://u:pass-word@h/d?host=a&host=b&port=1"],
)
def test_a_parameter_that_the_driver_cannot_read_is_a_wrong_url(url: str, tmp_path: Path) -> None:
    """The error names the field, when the database is made and when a configuration is checked."""
    for refuse in (lambda: make(url, tmp_path), lambda: sql.check_sql_url("url", url)):
        with pytest.raises(
            FieldError, match=r"^url: has a parameter after `\?` that the driver does not take"
        ) as caught:
            refuse()

        assert "pass-word" not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"


@pytest.mark.parametrize("rest", ["h/d?ssl_ca=/no/such/file", "h/d?no_such_parameter=1", "a..b/d"])
def test_an_error_of_the_driver_itself_is_a_store_error(rest: str, tmp_path: Path) -> None:
    """A missing file for TLS, an unknown parameter, a host that cannot be: PyMySQL raises errors of Python there, and
    whoever waits for the database knows only `StoreError`."""
    database = make(f"mysql://user:pass-word@{rest}", tmp_path)
    error = error_of_opening(database, r"cannot be connected to \(\w+Error in ")

    assert "pass-word" not in f"{error!r} {error.__cause__!r} {error.__context__!r}"


def test_without_the_extra_there_is_the_install_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLAlchemy is imported with the first database only, and without it the error says what to install."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)

    with pytest.raises(ConfigError, match=r"url: needs SQLAlchemy and a driver: pip install .*sql"):
        make(f"sqlite:///{tmp_path}/x", tmp_path)


def test_the_file_is_private_and_in_wal_mode(url: str, tmp_path: Path) -> None:
    """Tokens are in it: nobody else on the machine may read the file, nor what SQLite puts beside it."""

    def rights() -> list[int]:
        return [stat.S_IMODE(file.stat().st_mode) for file in sorted(tmp_path.glob("words.sqlite*"))]

    async def scene() -> list[int]:
        async with opened(url, tmp_path) as database:
            await database.run(lambda connection: add(connection, "a"))
            return rights()

    assert asyncio.run(scene()) == [0o600, 0o600, 0o600]


def test_a_file_that_is_deleted_in_use_is_refused(url: str, tmp_path: Path) -> None:
    """Reading too: what other processes write is in the file that they make anew."""

    def remove(folder: Path) -> None:
        for file in folder.glob("words.sqlite*"):
            file.unlink()

    async def scene() -> None:
        async with opened(url, tmp_path) as database:
            await database.run(lambda connection: add(connection, "a"))
            remove(tmp_path)
            with pytest.raises(StoreError, match=r"^words\.sqlite: was deleted or replaced"):
                await database.run(lambda connection: add(connection, "b"))
            with pytest.raises(StoreError, match=r"^words\.sqlite: was deleted or replaced"):
                await database.run(words, reads=True)

    asyncio.run(scene())

    assert not (tmp_path / "words.sqlite").exists()


def test_a_file_of_another_kind_is_refused(url: str, tmp_path: Path) -> None:
    """The file stays as it is, and the error says what is wrong with it."""
    (tmp_path / "words.sqlite").write_bytes(b"something else" * 100)

    async def scene() -> None:
        async with opened(url, tmp_path) as database:
            with pytest.raises(StoreError, match=r"words\.sqlite: is no SQLite database"):
                await database.open()

    asyncio.run(scene())

    assert (tmp_path / "words.sqlite").read_bytes() == b"something else" * 100


def test_a_reader_does_not_wait_for_a_writer(url: str, tmp_path: Path) -> None:
    """While another process writes, a work that only reads has its result; one that writes has an error in time."""

    async def scene() -> list[str]:
        async with opened(url, tmp_path, timeout=0.05) as database:
            await database.run(lambda connection: add(connection, "a"))
            other = sqlite3.connect(tmp_path / "words.sqlite", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            try:
                with pytest.raises(StoreError, match="another process is writing"):
                    await database.run(words)
                return await database.run(words, reads=True)
            finally:
                other.close()

    assert asyncio.run(scene()) == ["a"]


def test_too_many_that_wait_are_refused(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Works that wait for a slow database do not fill the memory: one more than the limit fails at once."""
    monkeypatch.setattr(sql, "MOST_WAITING", 2)

    async def scene() -> list[object]:
        async with opened(url, tmp_path) as database:
            works = [asyncio.ensure_future(database.run(words)) for _ in range(3)]
            return await asyncio.gather(*works, return_exceptions=True)

    *done, refused = asyncio.run(scene())

    assert done == [[], []]
    assert isinstance(refused, StoreError)
    assert "2 works wait" in str(refused)


def test_a_database_that_was_used_is_not_used_after_a_fork(url: str, tmp_path: Path) -> None:
    """A child that shares a connection with its parent would mix their transactions: it is an error."""

    async def scene() -> None:
        async with opened(url, tmp_path) as database:
            await database.open()
            database._pid = os.getpid() + 1  # as a child finds it
            with pytest.raises(LoopError, match="before a fork"):
                await database.open()

    asyncio.run(scene())
