"""`SqlDatabase`: SQLite, PostgreSQL, MySQL or MariaDB through SQLAlchemy Core, in a few threads of its own.

Work is a function of a SQLAlchemy `Connection`; each runs in one transaction in one of the threads, so the event loop
never waits for the database. Every wait is bounded. The drivers are sqlite3, psycopg 3 and PyMySQL (extra `sql`), and
SQLAlchemy is imported with the first database that is made. What is stored is the business of the caller, who hands in
the tables as a folder of migrations. Used by the devices and the outbox.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, TypeVar

import attrs

from pushgateway.databases.migrations import migrate, read_migrations
from pushgateway.databases.sqlite import Database, sqlite_path, store_error
from pushgateway.model.checks import check_count, check_seconds
from pushgateway.model.errors import ConfigError, FieldError, LoopError, StoreError, StoreFull
from pushgateway.model.installing import core_command
from pushgateway.model.secret import safe_repr, where

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

T = TypeVar("T")
Work: TypeAlias = Callable[["Connection"], T]
Dialect: TypeAlias = Literal["sqlite", "postgresql", "mysql"]

TRIES: Final = 12
"""Times that a work is run when the database undoes it because of others: a deadlock, the same key at the same time."""
PAUSE: Final = 0.01
"""Seconds between the first and the second run, at most; this much more before each further one."""
MOST_WAITING: Final = 10_000
"""Works that may wait for a thread; a further one fails at once."""
RECYCLED: Final = 1800
"""Seconds after which a connection is replaced: proxies and MySQL close idle ones."""
LATER: Final = 1
"""Seconds after the limit of a statement at which a server that has not answered is given up."""
IDLE: Final = 10
"""How many times the limit of a statement a transaction may last without one."""
_READS: Final = "pushgateway_reads"

_DRIVERS: Final[dict[str, tuple[Dialect, str]]] = {
    "sqlite": ("sqlite", "sqlite"),
    "postgresql": ("postgresql", "postgresql+psycopg"),
    "postgres": ("postgresql", "postgresql+psycopg"),
    "mysql": ("mysql", "mysql+pymysql"),
    "mariadb": ("mysql", "mysql+pymysql"),
}
"""By the scheme of a URL: the dialect, and SQLAlchemy's name of dialect and driver."""


@safe_repr
class SqlDatabase:
    """One database behind a URL. The first work connects and brings the tables up to date.

    It may be made before a fork and used after it; once it was used, another process must make its own.
    """

    def __init__(
        self,
        url: str,
        *,
        part: str,
        migrations: Traversable,
        application_id: int,
        folder: Path | None = None,
        threads: int = 4,
        timeout: float = 5.0,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        field: str = "url",
    ) -> None:
        """`url`: `sqlite:///file`, `postgresql://user:password@host/name` or `mysql://…`; further parameters of the
        driver may follow (`?sslmode=verify-full`). `part`: whose tables these are, such as "devices"; an SQLite file
        holds one part only, which `application_id` marks. `migrations`: see `pushgateway.databases.migrations`.
        `folder`: what the path of an SQLite file is relative to (default: the working folder). `threads`: works at the
        same time, and as many more that only read: these never wait for those that write. `timeout`: seconds for
        connecting, for a statement, and for a lock; a server that has not answered a second later is given up, and
        nothing is tried again that has taken longer. `synchronous`: of SQLite, see `Database`. `field`: how errors name
        the URL.

        Raises `FieldError` for a wrong URL, which is not quoted, and `ConfigError` without the extra `sql`.
        """
        check_seconds(f"{part}.timeout", timeout, optional=False)
        check_count(f"{part}.threads", threads)
        given, self.dialect = _read_url(field, url)
        self.name = _shown(given)
        self._part, self._timeout = part, timeout
        self._migrations = read_migrations(migrations, self.dialect)
        if self.dialect == "sqlite":
            path = sqlite_path(field, url, Path() if folder is None else folder)
            self.name = path.name
            file = Database(
                path,
                application_id=application_id,
                migrations=self._migrations,
                synchronous=synchronous,
                busy_timeout=timeout,
            )
            self._engine = _sqlite_engine(file, threads, timeout)
        else:
            self._engine = _server_engine(given, self.dialect, threads, timeout)
        self._reading: dict[str, Any] = {_READS: True}
        if self.dialect == "postgresql":
            self._reading["isolation_level"] = "AUTOCOMMIT"  # two round trips less
        self._writers = ThreadPoolExecutor(threads, f"pushgateway-{part}")
        self._readers = ThreadPoolExecutor(threads, f"pushgateway-{part}-reads")
        self._is_ready = self.dialect == "sqlite"  # `Database.connect` brings the tables up to date
        self._getting_ready = threading.Lock()
        self._pid: int | None = None
        self._waiting = 0
        self._closed = False

    async def open(self) -> None:
        """Connect and bring the tables up to date now, to learn of a wrong database before it is needed. Raises
        `StoreError`."""
        await self.run(lambda connection: None)

    async def run(self, work: Work[T], *, reads: bool = False, timeout: float | None = None) -> T:  # noqa: ASYNC109
        """Do `work` in a transaction, and return its result when it is committed.

        `reads`: it changes nothing, and each of its statements is a transaction of its own. `timeout`: seconds for all
        of it; None: only the limits of each statement hold. `work` runs in another thread, must not begin or end
        transactions, and may be run again if the database has undone its first run. An exception of `work` itself
        undoes it and is raised here; those of the database and of SQLAlchemy become `StoreError`, whose text quotes
        nothing of what was stored, and `StoreFull`. After a `StoreError` a change is usually not made; if the
        connection broke during the commit, or the time was over, it may be. Cancelling this call does not stop a work
        that has begun.
        """
        if self._closed:
            raise StoreError(f"{self.name}: the database is closed")
        if self._pid is None:
            self._pid = os.getpid()
        elif self._pid != os.getpid():
            raise LoopError(f"{self.name}: was used before a fork; make one of its own in each process")
        if self._waiting >= MOST_WAITING:
            raise StoreError(f"{self.name}: {MOST_WAITING} works wait for it")
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout):
                threads = self._readers if reads else self._writers
                return await asyncio.wrap_future(threads.submit(self._run, work, reads))
        except TimeoutError:
            raise StoreError(f"{self.name}: did not answer in time") from None
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        """Finish the works that wait, and close all connections. Safe to call more than once."""
        self._closed = True
        if self._pid not in (None, os.getpid()):
            return
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    def _close(self) -> None:
        self._writers.shutdown()
        self._readers.shutdown()
        self._engine.dispose()

    # In a thread

    def _run(self, work: Work[T], reads: bool) -> T:
        until = time.monotonic() + self._timeout
        for tries in itertools.count(1):
            found = self._try(work, reads)
            if isinstance(found, _Done):
                return found.value
            if tries == TRIES or not found.again or time.monotonic() > until:
                raise found.error  # here, where nothing of the driver's own error is attached to it
            # At random, so that those that are in each other's way part.
            threading.Event().wait(random.SystemRandom().uniform(0, tries * PAUSE))
        raise RuntimeError("there is no end to counting")

    def _try(self, work: Work[T], reads: bool) -> _Done[T] | _Failed:
        """Run `work` once."""
        from sqlalchemy.exc import DBAPIError, SQLAlchemyError

        is_committing = False
        try:
            with self._connect() as connection:
                if reads:
                    connection.execution_options(**self._reading)
                with connection.begin() as transaction:
                    value = work(connection)
                    is_committing = True
                    transaction.commit()
            return _Done(value)
        except DBAPIError as trouble:
            return _Failed(_explained(self.name, trouble), _may_be_repeated(trouble, is_committing=is_committing))
        except SQLAlchemyError as trouble:
            return _Failed(StoreError(f"{self.name}: {_sentence(trouble)}"), False)
        except sqlite3.Error as trouble:  # from `Database.connect`
            return _Failed(store_error(self.name, trouble), False)

    def _connect(self) -> Connection:
        """A connection to a database whose tables are up to date. Raises `StoreError`, SQLAlchemy's and SQLite's
        errors."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            self._get_ready()
            return self._engine.connect()
        except (SQLAlchemyError, sqlite3.Error, StoreError):
            raise
        except Exception as trouble:  # of a driver: a missing file or package for TLS or a login, a wrong host
            failed = StoreError(f"{self.name}: cannot be connected to ({where(trouble)})")
        raise failed

    def _get_ready(self) -> None:
        if self._is_ready:
            return
        with self._getting_ready:
            if not self._is_ready:
                with self._engine.connect() as connection:
                    migrate(connection, self._part, self._migrations)
                self._is_ready = True

    def __repr__(self) -> str:
        return f"SqlDatabase({self.name!r})"


@safe_repr
@attrs.frozen(eq=False)
class _Done(Generic[T]):
    value: T


@safe_repr
@attrs.frozen(eq=False)
class _Failed:
    error: StoreError
    again: bool
    """The work was undone, and another run of it may succeed at once."""


# Errors


def _sentence(trouble: SQLAlchemyError) -> str:
    from sqlalchemy.exc import TimeoutError as NoneFree

    if isinstance(trouble, NoneFree):
        return "no connection was free in time"
    return f"SQLAlchemy has failed ({where(trouble)})"


def _code(trouble: DBAPIError) -> str:
    """The database's own code: the number of MySQL, the SQLSTATE of PostgreSQL; "" if there is none."""
    first = next(iter(getattr(trouble.orig, "args", ())), "")
    return str(first) if isinstance(first, int) else getattr(trouble.orig, "sqlstate", None) or ""


_UNDONE: Final = frozenset({"40001", "40P01", "1020", "1213"})
"""Codes after which the database has undone the transaction because of another one: it may be repeated at once."""
_FULL: Final = frozenset({"53100", "1021", "1114"})
_SENTENCES: Final = {
    **dict.fromkeys(("28000", "28P01", "1044", "1045", "1698"), "refuses the user or the password"),
    **dict.fromkeys(("3D000", "1049"), "there is no database of this name"),
    **dict.fromkeys(("42501", "1142"), "the user may not do this to its tables"),
    **dict.fromkeys(("25006", "1290", "1792", "1836"), "cannot be written: is it a replica?"),
    **dict.fromkeys(("53300", "1040", "1203"), "has no connection left"),
    **dict.fromkeys(
        ("55P03", "57014", "1205", "1969", "3024"), "another transaction holds what is needed, for too long"
    ),
    **dict.fromkeys(_FULL, "the disk is full"),
}
"""By code: what the user reads. The texts of the databases quote values."""


def _explained(name: str, trouble: DBAPIError) -> StoreError:
    if isinstance(trouble.orig, sqlite3.Error):
        return store_error(name, trouble.orig)
    code = _code(trouble)
    kind = StoreFull if code in _FULL else StoreError
    known = _SENTENCES.get(code)
    if known is None and (trouble.connection_invalidated or code in ("2002", "2003", "2006", "2013")):
        known = "cannot be reached, or the connection broke"
    elif not code:  # PostgreSQL's driver does not say why it got no connection
        known = "cannot be reached, or refuses the user, the password or the name of the database"
    return kind(f"{name}: {known or f'the database has failed ({type(trouble.orig).__name__} {code})'}")


def _may_be_repeated(trouble: DBAPIError, *, is_committing: bool) -> bool:
    """Whether the transaction was certainly undone, and another try may succeed at once: after a deadlock, after
    another process has stored the same key, or with a new connection where an old one was closed meanwhile."""
    from sqlalchemy.exc import IntegrityError

    if trouble.connection_invalidated:
        return not is_committing
    return isinstance(trouble, IntegrityError) or _code(trouble) in _UNDONE


# Engines


def check_sql_url(field: str, url: str) -> None:
    """Raise `FieldError` unless `url` is one that `SqlDatabase` takes, and `ConfigError` without the extra `sql`."""
    _, dialect = _read_url(field, url)
    if dialect == "sqlite":
        sqlite_path(field, url, Path())


def _read_url(field: str, url: str) -> tuple[URL, Dialect]:
    """SQLAlchemy's URL with the right driver, and the dialect. Raises `FieldError` that quotes nothing."""
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ImportError:
        raise ConfigError([f"{field}: needs SQLAlchemy and a driver: {core_command('sql')}"]) from None
    try:
        given = make_url(url) if isinstance(url, str) else None
    except (ArgumentError, ValueError):
        given = None
    del url  # it may hold a password, and a crash reporter stores the variables of this frame
    if given is None or given.drivername not in _DRIVERS:
        raise FieldError(field, "must be sqlite:///file, postgresql://user:password@host/name or mysql://…")
    dialect, driver = _DRIVERS[given.drivername]
    if dialect != "sqlite" and not given.database:
        raise FieldError(field, "must name a database: add /name to its end")
    given = given.set(drivername=driver)
    try:
        given.get_dialect()().create_connect_args(given)
    except (ArgumentError, ValueError):  # their texts quote the value
        wrong = FieldError(field, "has a parameter after `?` that the driver does not take")
    else:
        return given, dialect
    del given
    raise wrong


def _shown(url: URL) -> str:
    """What errors and a `repr` show of it: no user, no password, no parameters."""
    dialect = url.get_backend_name()
    port = f":{url.port}" if url.port else ""
    return f"{dialect}://{url.host or ''}{port}/{url.database or ''}"


def _sqlite_engine(file: Database, threads: int, timeout: float) -> Engine:
    import sqlalchemy

    engine = sqlalchemy.create_engine(
        "sqlite://",
        creator=lambda: file.connect(any_thread=True),
        poolclass=sqlalchemy.QueuePool,
        **_pool_options(threads, timeout),
    )

    def begin(connection: Connection) -> None:
        file.check_file()
        # A write lock at once, because a transaction that first reads and then writes may find that it cannot.
        if not connection.get_execution_options().get(_READS, False):
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    sqlalchemy.event.listen(engine, "begin", begin)
    return engine


def _server_engine(url: URL, dialect: Dialect, threads: int, timeout: float) -> Engine:
    import sqlalchemy

    engine = sqlalchemy.create_engine(
        url,
        connect_args=_connect_options(dialect, timeout),
        isolation_level="READ COMMITTED",  # MySQL's default locks the gaps between rows, and that ends in deadlocks
        pool_recycle=RECYCLED,
        **_pool_options(threads, timeout),
    )
    if dialect == "postgresql":
        from pushgateway.databases.postgresql import LimitedConnection

        def connect(_: object, __: object, arguments: list[Any], options: dict[str, Any]) -> LimitedConnection:
            connection = LimitedConnection.connect(*arguments, **options)
            connection.longest_reply = timeout + LATER
            return connection

        sqlalchemy.event.listen(engine, "do_connect", connect)

    def limit(connection: Any, _: object) -> None:
        with connection.cursor() as cursor:
            for statement in _limits(dialect, timeout, connection):
                cursor.execute(statement)
        connection.commit()

    sqlalchemy.event.listen(engine, "connect", limit)
    return engine


def _limits(dialect: Dialect, timeout: float, connection: Any) -> list[str]:
    """The statements by which a server limits what it waits for itself. It does so before this process gives it up:
    a transaction that is given up holds its locks until the server notices. The same goes for one whose process has
    gone with its machine: PostgreSQL and MariaDB end it after `IDLE` times as long without a statement."""
    milliseconds, seconds = int(timeout * 1000), max(1, int(timeout))
    if dialect == "postgresql":
        limits = {"statement": milliseconds, "lock": milliseconds, "idle_in_transaction_session": IDLE * milliseconds}
        return [f"SET {name}_timeout = {limit}" for name, limit in limits.items()]
    if "mariadb" in connection.get_server_info().lower():
        longest = f"max_statement_time = {timeout}, idle_transaction_timeout = {IDLE * seconds}"
    else:
        longest = f"max_execution_time = {milliseconds}"
    # Without it a server stores what fits of a value that is too long.
    strict = "sql_mode = CONCAT(@@SESSION.sql_mode, ',STRICT_ALL_TABLES')"
    return [f"SET SESSION innodb_lock_wait_timeout = {seconds}, {longest}, {strict}"]


def _connect_options(dialect: Dialect, timeout: float) -> dict[str, Any]:
    seconds = max(2, round(timeout))  # both drivers count whole seconds, and PostgreSQL's has at least 2
    if dialect == "mysql":
        reply = seconds + LATER
        return {"connect_timeout": seconds, "read_timeout": reply, "write_timeout": reply, "charset": "utf8mb4"}
    return {
        "connect_timeout": seconds,
        "tcp_user_timeout": seconds * 1000,  # a server that is gone without a word
        "prepare_threshold": None,  # a proxy such as PgBouncer may send each transaction to another connection
        "client_encoding": "utf8",  # that of the database may be SQL_ASCII, where the driver returns bytes
    }


def _pool_options(threads: int, timeout: float) -> dict[str, Any]:
    return {"pool_size": 2 * threads, "max_overflow": 0, "pool_timeout": timeout, "hide_parameters": True}
