"""The tables of one part of pushgateway in an SQL database: plain SQL files with a version, applied under a lock.

A part (devices, outbox) has a folder for each dialect (`sqlite`, `postgresql`, `mysql`) and in it the files `0001.sql`,
`0002.sql` and so on. Each leads from one version of the tables to the next; a file that was released is never changed.
Which version a database has is in its table `pushgateway_migrations`; an SQLite file has it in its head (see
`pushgateway.databases.sqlite`). Used by `pushgateway.databases.sql`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Final

from pushgateway.model.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Connection

VERSIONS: Final = "pushgateway_migrations"
"""The table with the version of each part's tables."""
LONGEST_LOCK: Final = 2
"""Seconds to wait at MySQL for another process that is changing the tables; less than the driver waits for a reply."""
_LOCK: Final = 0x70757368
"""The key of PostgreSQL's advisory lock: "push"."""


def read_migrations(folder: Traversable, dialect: str) -> list[list[str]]:
    """The statements of each file of a dialect, in the order of their versions.

    A statement ends with `;` at the end of a line. Raises `ValueError` if a version is missing.
    """
    files = sorted((file for file in (folder / dialect).iterdir() if file.name.endswith(".sql")), key=_name)
    if [file.name for file in files] != [f"{number:04}.sql" for number in range(1, len(files) + 1)] or not files:
        raise ValueError(f"the files in {dialect} must be 0001.sql, 0002.sql and so on")
    return [_statements(file.read_text("utf-8")) for file in files]


def _name(file: Traversable) -> str:
    return file.name


def _statements(text: str) -> list[str]:
    lines = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("--"))
    return [statement for part in lines.split(";\n") if (statement := part.strip())]


def migrate(connection: Connection, part: str, migrations: Sequence[Sequence[str]]) -> None:
    """Bring the tables of a part up to date in a PostgreSQL or MySQL database, and commit.

    Only the first process needs the right to create tables; nothing is written if they are up to date. PostgreSQL
    applies all files in one transaction. MySQL commits each statement by itself, so a file that was cut off is run
    again from its beginning: its statements must allow that (`CREATE TABLE IF NOT EXISTS`). Raises `StoreError` for
    tables that are newer than this program, and what the database raises.
    """
    if _version(connection, part) == len(migrations):
        return
    with _locked(connection):
        connection.exec_driver_sql(
            f"CREATE TABLE IF NOT EXISTS {VERSIONS} (part VARCHAR(32) NOT NULL PRIMARY KEY, version INTEGER NOT NULL)"
        )
        version = _version(connection, part)
        if version > len(migrations):
            raise StoreError(
                f"the tables of {part} have version {version}, this program knows up to {len(migrations)}: update it"
            )
        for number, statements in enumerate(migrations[version:], version + 1):
            for statement in statements:
                connection.exec_driver_sql(statement)
            _set_version(connection, part, number, is_new=number == 1)
        connection.commit()  # before the lock is given back


def _version(connection: Connection, part: str) -> int:
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table(VERSIONS):
        return 0
    version = connection.execute(
        text(f"SELECT version FROM {VERSIONS} WHERE part = :part"),  # noqa: S608 - a constant
        {"part": part},
    ).scalar()
    return int(version or 0)


def _set_version(connection: Connection, part: str, version: int, *, is_new: bool) -> None:
    from sqlalchemy import text

    statement = (
        f"INSERT INTO {VERSIONS} (part, version) VALUES (:part, :version)"  # noqa: S608 - a constant
        if is_new
        else f"UPDATE {VERSIONS} SET version = :version WHERE part = :part"  # noqa: S608
    )
    connection.execute(text(statement), {"part": part, "version": version})


@contextmanager
def _locked(connection: Connection) -> Iterator[None]:
    """Held until the end of the transaction (PostgreSQL) or of the block (MySQL)."""
    from sqlalchemy import text

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield
        return
    got = connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), {"name": VERSIONS, "seconds": LONGEST_LOCK})
    if got.scalar() != 1:
        raise StoreError("another process is changing the tables, and did not end in time")
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": VERSIONS})
