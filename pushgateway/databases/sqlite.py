"""`Database`: one SQLite file, with one connection in a thread of its own; the event loop never waits for the disk.

Work is a function `(connection) -> T`. What waits at the same time shares one transaction, so that a disk which needs
5 ms for each commit still does thousands of small works a second. Several processes may use one file. What is stored is
the business of the caller, who hands in the tables as migrations. Used by the shared state and the outbox.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, Generic, Literal, TypeVar

import attrs

from pushgateway.model.checks import check_seconds
from pushgateway.model.errors import FieldError, LoopError, StoreError, StoreFull
from pushgateway.model.secret import safe_repr, where

T = TypeVar("T")

AT_ONCE: Final = 256
"""Works in one transaction, at most."""
WAL_BYTES: Final = 64 * 1024 * 1024
"""Size to which the write-ahead log is cut after it has grown beyond it."""
_RETRY: Final = 0.01
"""Seconds between two tries to change the journal mode, for which SQLite itself does not wait."""
_CREATING: Final = threading.Lock()
"""Held while a file may be created: another thread's connection must not be open before it is closed again."""
_BROKEN: Final = frozenset(
    {
        *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN),
        *(sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY),
    }
)
"""Primary error codes after which the connection is closed and the next work opens another one."""

Migration = Sequence[str]
"""The SQL statements that lead from one version of the tables to the next."""


def sqlite_path(field: str, url: str, folder: Path) -> Path:
    """The file that a URL names: `sqlite:///push.db` is relative to `folder`, `sqlite:////var/lib/push.db` absolute.

    Raises `FieldError` that names `field`.
    """
    path = url.removeprefix("sqlite:///")
    if path == url or not path or path.startswith(":") or "?" in path:
        raise FieldError(field, "must be sqlite:///file or, for an absolute path, sqlite:////folder/file")
    return folder / path


def sqlite_file(field: str, url: str, folder: Path) -> Path | None:
    """The same, and None for a URL that names something else than SQLite. Raises `FieldError`."""
    return sqlite_path(field, url, folder) if url.startswith("sqlite:") else None


@safe_repr
@attrs.frozen(eq=False)
class _Work(Generic[T]):
    run: Callable[[sqlite3.Connection], T]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[T]


@safe_repr
@attrs.frozen(eq=False)
class _Done:
    """What became of one work: a value or an error."""

    work: _Work[Any]
    value: Any = None
    error: BaseException | None = None


@safe_repr
class Database:
    """One SQLite file in WAL mode. The file is opened by the first work, in the database's own thread.

    It may be made before a fork and used after it; once it was used, another process must make its own.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        application_id: int,
        migrations: Sequence[Migration],
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        busy_timeout: float = 5.0,
    ) -> None:
        """`application_id`: a number that marks the file, so that no other part of a program writes its tables into it.
        `migrations`: all of them, oldest first; the file knows how many it has had. Each is applied in one transaction.
        `synchronous`: FULL: what was committed survives a power cut. NORMAL: only a crash of the process; the file
        stays intact in any case. `busy_timeout`: seconds to wait for another process that is writing.

        A new file can be read and written by its owner only (mode 0600), and an existing one is changed to that.
        Raises `FieldError`; what is wrong with the file is raised by the first work or `open()`.
        """
        check_seconds("Database.busy_timeout", busy_timeout, optional=False)
        if synchronous not in ("FULL", "NORMAL"):
            raise FieldError("Database.synchronous", "must be FULL or NORMAL")
        self.path = Path(path)
        self._application_id, self._migrations = application_id, migrations
        self._synchronous, self._busy_timeout = synchronous, busy_timeout
        self._file: tuple[int, int] | None = None
        """Device and inode of the file, once it is open."""
        self._queue: queue.SimpleQueue[_Work[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._pid: int | None = None
        self._closed = False

    async def open(self) -> None:
        """Open the file now, to learn of a wrong one before it is needed. Raises `StoreError`."""
        await self.run(lambda connection: None)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` in a transaction, and return its result when it is committed.

        An exception of `work` undoes its own changes and is raised here; SQLite's own errors become `StoreError`, a
        full disk `StoreFull`. `work` runs in the database's thread, must not begin or end transactions, and may be run
        again if its first run was undone. After a `StoreError` a change is usually not made; after an I/O error during
        the commit it may be. Cancelling this call does not stop a work.
        """
        if self._closed:
            raise StoreError(f"{self.path.name}: the database is closed")
        self._begin()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._queue.put(_Work(work, loop, done))
        return await done

    async def aclose(self) -> None:
        """Finish the works that wait, and close the file. Safe to call more than once."""
        self._closed = True
        thread, self._thread = self._thread, None
        if thread is None or self._pid != os.getpid():
            return
        loop = asyncio.get_running_loop()
        self._queue.put(None)
        await loop.run_in_executor(None, thread.join)

    def _begin(self) -> None:
        if self._thread is None:
            self._pid = os.getpid()
            # A daemon: a host that ends without `aclose()` must not wait for it. What is committed is in the file.
            name = f"pushgateway-{self.path.name}"
            self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
            self._thread.start()
        elif self._pid != os.getpid():
            raise LoopError(f"{self.path.name}: was used before a fork; make a Database of its own in each process")

    # In the thread

    def _serve(self) -> None:
        connection: sqlite3.Connection | None = None
        while (works := self._next_works()) is not None:
            connection = self._serve_works(works, connection)
            del works  # what a work holds is not kept until the next one comes
        if connection is not None:
            _close(connection)

    def _next_works(self) -> list[_Work[Any]] | None:
        """What waits; None: the database was closed."""
        first = self._queue.get()
        if first is None:
            return None
        works = [first]
        with suppress(queue.Empty):
            while len(works) < AT_ONCE:
                work = self._queue.get_nowait()
                if work is None:
                    self._queue.put(None)  # it is the last one
                    break
                works.append(work)
        return works

    def _serve_works(self, works: list[_Work[Any]], connection: sqlite3.Connection | None) -> sqlite3.Connection | None:
        """Do these works and hand over their results. Returns the connection that is usable afterwards, if any."""
        try:
            if connection is None:
                connection = self.connect()
            self.check_file()
            done = _commit(connection, works)
        except Exception as trouble:
            if connection is not None and _code(trouble) in _BROKEN:
                _close(connection)
                connection = None
            done = [_Done(work, error=trouble) for work in works]
        for loop in {one.work.loop for one in done}:
            here = [self._explained(one) for one in done if one.work.loop is loop]
            with suppress(RuntimeError):  # the loop was closed: nobody waits any more
                loop.call_soon_threadsafe(_hand_over, here)
        return connection

    def _explained(self, done: _Done) -> _Done:
        """The same with SQLite's error as `StoreError`, each work with one of its own."""
        if not isinstance(done.error, sqlite3.Error):
            return done
        return _Done(done.work, error=store_error(self.path.name, done.error))

    def connect(self, *, any_thread: bool = False) -> sqlite3.Connection:
        """A new connection to the file, private, in WAL mode and with its tables up to date; it begins no transaction
        by itself. `any_thread`: it may be used by another thread than this one, by one at a time.

        It blocks: the event loop must not call it. Raises `StoreError` and SQLite's own errors.
        """
        if self._file is not None:
            self.check_file()
        self._make_private()
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=not any_thread
        )
        try:
            self._enter_wal(connection)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
            self._migrate(connection)
            self._file = self._file or self._found_file()
        except BaseException:
            _close(connection)
            raise
        return connection

    def check_file(self) -> None:
        """Raise `StoreError` if the file that is open was deleted or replaced. Its connections would go on with the
        former one: nobody else sees what they write, and it is gone with them. They are not opened anew, because
        what is in the former file would be lost without a word."""
        if self._found_file() != self._file:
            raise StoreError(
                f"{self.path.name}: was deleted or replaced while it was in use; stop all processes that use it, "
                "and then start them again"
            )

    def _found_file(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _make_private(self) -> None:
        """Create the file if there is none, for its owner only. SQLite gives its other files the rights of this one.

        A file that is there is not opened: when a process closes a file, the system ends all locks that the process has
        on it, those of SQLite's connections too, and another process that ends would remove the WAL that they use.
        """
        with _CREATING:
            try:
                mode = self._created()
            except OSError as trouble:
                raise StoreError(f"{self.path.name}: {trouble.strerror or 'cannot be opened'}") from None
            if not stat.S_ISREG(mode):
                raise StoreError(f"{self.path.name}: is no regular file")
            if mode & 0o077:
                with suppress(PermissionError):  # another owner's, who has given these rights
                    os.chmod(self.path, 0o600)

    def _created(self) -> int:
        """The mode of the file, which is created if it is not there."""
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600)
        except FileExistsError:
            return os.stat(self.path).st_mode
        try:
            return os.fstat(handle).st_mode
        finally:
            os.close(handle)

    def _enter_wal(self, connection: sqlite3.Connection) -> None:
        """Switch the file to WAL. If two connections do this to a new file at the same time, SQLite does not wait but
        answers "locked" at once."""
        until = time.monotonic() + self._busy_timeout
        while True:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as locked:
                if _code(locked) != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                threading.Event().wait(_RETRY)
            else:
                break
        if mode != "wal":
            raise StoreError(f"{self.path.name}: its file system cannot hold a database in WAL mode")

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Bring the tables up to date, or raise `StoreError` for a file that is another part's or newer than this."""
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = self._version(connection)
            for number, statements in enumerate(self._migrations[version:], version + 1):
                for statement in statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {number}")
            connection.execute(f"PRAGMA application_id = {self._application_id}")
            connection.execute("COMMIT")
        except BaseException:
            _undo(connection)
            raise

    def _version(self, connection: sqlite3.Connection) -> int:
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        known = len(self._migrations)
        if owner != self._application_id and (owner or version or tables):
            raise StoreError(f"{self.path.name}: holds the tables of something else; give this part a file of its own")
        if version > known:
            raise StoreError(f"{self.path.name}: has version {version}, this program knows up to {known}: update it")
        return int(version)

    def __repr__(self) -> str:
        return f"Database({self.path.name!r})"


def store_error(name: str, error: sqlite3.Error) -> StoreError:
    """SQLite's error as `StoreError` that names the file and quotes nothing of what was stored."""
    code = _code(error)
    kind = StoreFull if code == sqlite3.SQLITE_FULL else StoreError
    said = _SENTENCES.get(code) or f"SQLite has failed ({getattr(error, 'sqlite_errorname', '') or where(error)})"
    return kind(f"{name}: {said}")


_SENTENCES: Final = {
    sqlite3.SQLITE_BUSY: "another process is writing, and did not end in time",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened",
    sqlite3.SQLITE_CORRUPT: "is damaged; restore it from a backup, or move it away to begin anew",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_NOTADB: "is no SQLite database",
    sqlite3.SQLITE_READONLY: "cannot be written",
}
"""By primary error code: what the user reads. SQLite's own text may quote values."""


def _commit(connection: sqlite3.Connection, works: Sequence[_Work[Any]]) -> list[_Done]:
    """Do these works in one transaction; if that fails because of one of them, each in its own.

    Raises SQLite's error if the database does not work, or another process keeps it locked.
    """
    try:
        return _commit_together(connection, works)
    except sqlite3.Error as trouble:
        code = _code(trouble)
        if code in _BROKEN or code == sqlite3.SQLITE_BUSY:
            raise
        if len(works) == 1:
            return [_Done(works[0], error=trouble)]
    # For example, the disk is full, but those that need no more space can be done.
    return [one for work in works for one in _commit(connection, [work])]


def _commit_together(connection: sqlite3.Connection, works: Sequence[_Work[Any]]) -> list[_Done]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = [_run(connection, work) for work in works]
        connection.execute("COMMIT")
    except BaseException:
        _undo(connection)
        raise
    return done


def _run(connection: sqlite3.Connection, work: _Work[Any]) -> _Done:
    """Do one work within the transaction. If it raises, only its own changes are undone, unless the error is
    SQLite's: then the transaction may be undone already, and the error is raised."""
    connection.execute("SAVEPOINT work")
    try:
        value = work.run(connection)
    except sqlite3.Error:
        raise
    except Exception as error:
        connection.execute("ROLLBACK TO work")
        done = _Done(work, error=error)
    else:
        done = _Done(work, value)
    connection.execute("RELEASE work")
    return done


def _code(error: BaseException) -> int:
    """SQLite's primary error code; 0 for an error that is not from SQLite itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _undo(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _close(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error), closing(connection):
        _undo(connection)


def _hand_over(done: Sequence[_Done]) -> None:
    """In the event loop: end the calls that wait for these works."""
    for one in done:
        if one.work.done.done():  # cancelled
            continue
        if one.error is None:
            one.work.done.set_result(one.value)
        else:
            one.work.done.set_exception(one.error)
