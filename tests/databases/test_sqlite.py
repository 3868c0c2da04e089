"""`Database`: transactions, group commit, wrong files, a full disk, other processes, forks."""

import asyncio
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pushgateway.databases import sqlite
from pushgateway.databases.sqlite import Database, sqlite_path
from pushgateway.model.errors import FieldError, LoopError, StoreError, StoreFull

OURS = 0x70677465
TABLES = [("CREATE TABLE words (word TEXT PRIMARY KEY, amount INTEGER NOT NULL)",)]


def database(path: Path, **more: Any) -> Database:
    """A database with one table `words`."""
    return Database(path, **{"application_id": OURS, "migrations": TABLES, **more})


def add(word: str) -> Any:
    """Work that stores one word."""
    return lambda connection: connection.execute("INSERT INTO words VALUES (?, 1)", (word,)) and None


def words(connection: sqlite3.Connection) -> list[str]:
    """Work that reads all words."""
    return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY word")]


def kept(path: Path) -> list[str]:
    """The words that another connection finds in the file."""
    connection = sqlite3.connect(path)
    try:
        return words(connection)
    finally:
        connection.close()


def remove_all(folder: Path) -> None:
    """Remove all files of a folder."""
    for file in folder.iterdir():
        file.unlink()


async def hold(store: Database, statements: list[str]) -> Callable[[], None]:
    """Keep the database's thread busy until the returned function is called; collect its statements from then on."""
    held, begun, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()

    def work(connection: sqlite3.Connection) -> None:
        loop.call_soon_threadsafe(begun.set)
        held.wait()
        connection.set_trace_callback(statements.append)

    holding = asyncio.ensure_future(store.run(work))
    await begun.wait()
    return lambda: held.set() if not holding.done() else None


def test_what_has_returned_is_in_the_file(tmp_path: Path) -> None:
    """When `run` has returned, another connection sees the change, before the database is closed."""

    async def scene() -> list[str]:
        store = database(tmp_path / "a.db")
        await store.run(add("one"))
        seen = kept(tmp_path / "a.db")
        await store.aclose()
        return seen

    assert asyncio.run(scene()) == ["one"]


def test_what_waits_shares_a_commit_and_fails_alone(tmp_path: Path) -> None:
    """Works that wait together are committed together; one that raises, by its own fault or by SQLite's rules, undoes
    its own changes only."""

    def faulty(connection: sqlite3.Connection) -> None:
        add("undone")(connection)
        raise KeyError("mine")

    async def scene() -> tuple[list[Any], int]:
        store = database(tmp_path / "a.db")
        await store.open()
        transactions: list[str] = []
        release = await hold(store, transactions)
        several = [asyncio.ensure_future(store.run(work)) for work in (add("one"), faulty, add("two"))]
        await asyncio.sleep(0)
        release()
        first = await asyncio.gather(*several, return_exceptions=True)
        commits = transactions.count("COMMIT") - 1  # without that of the work which held the others
        second = await asyncio.gather(store.run(add("one")), store.run(add("three")), return_exceptions=True)
        await store.aclose()
        return [type(one) for one in (*first, *second)], commits

    kinds, commits = asyncio.run(scene())

    assert kinds == [type(None), KeyError, type(None), StoreError, type(None)]
    assert commits == 1
    assert kept(tmp_path / "a.db") == ["one", "three", "two"]


def test_at_most_so_many_share_a_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`AT_ONCE` works are one transaction, one more is in the next."""
    monkeypatch.setattr(sqlite, "AT_ONCE", 3)

    async def scene(count: int) -> int:
        store = database(tmp_path / f"{count}.db")
        await store.open()
        transactions: list[str] = []
        release = await hold(store, transactions)
        several = [asyncio.ensure_future(store.run(add(str(number)))) for number in range(count)]
        await asyncio.sleep(0)
        release()
        await asyncio.gather(*several)
        await store.aclose()
        return transactions.count("COMMIT") - 1  # without that of the work which held the others

    assert asyncio.run(scene(3)) == 1
    assert asyncio.run(scene(4)) == 2


def test_a_full_disk_stores_nothing_and_names_itself(tmp_path: Path) -> None:
    """A work that needs more space than there is raises `StoreFull`, is undone as a whole, and does not fail those
    that wait with it; afterwards the database works."""

    def much(connection: sqlite3.Connection) -> None:
        for number in range(1000):
            connection.execute("INSERT INTO words VALUES (?, 1)", (f"{number:05}" * 100,))

    async def scene() -> list[Any]:
        store = database(tmp_path / "a.db")
        await store.run(lambda connection: connection.execute("PRAGMA max_page_count = 20").fetchone())
        results = await asyncio.gather(store.run(much), store.run(add("small")), return_exceptions=True)
        await store.run(add("later"))
        await store.aclose()
        return results

    full, small = asyncio.run(scene())

    assert isinstance(full, StoreFull)
    assert str(full) == "a.db: the disk is full"
    assert small is None
    assert kept(tmp_path / "a.db") == ["later", "small"]


def raised(path: Path, **more: Any) -> str:
    """The text of the `StoreError` that opening raises."""

    async def scene() -> None:
        store = database(path, **more)
        try:
            await store.open()
        finally:
            await store.aclose()

    with pytest.raises(StoreError) as error:
        asyncio.run(scene())
    return str(error.value)


def test_wrong_files_are_refused_and_left_as_they_are(tmp_path: Path) -> None:
    """A damaged file, no database, another program's, another part's, a newer one, a missing folder and a FIFO: each
    is refused with a sentence that says so, and its content is not changed."""
    files = {name: tmp_path / f"{name}.db" for name in ("noise", "foreign", "part", "newer", "fifo")}
    files["noise"].write_bytes(b"no database, but more than a hundred bytes of something " * 20)
    for name, change in (
        ("foreign", "CREATE TABLE theirs (a)"),
        ("part", "PRAGMA application_id = 5"),
        ("newer", f"PRAGMA application_id = {OURS}; PRAGMA user_version = 2"),
    ):
        connection = sqlite3.connect(files[name])
        connection.executescript(change)
        connection.close()
    os.mkfifo(files["fifo"])
    before = {name: path.read_bytes() for name, path in files.items() if name == "noise"}

    found = {name: raised(path).removeprefix(f"{name}.db: ") for name, path in files.items()}

    assert found == {
        "noise": "is no SQLite database",
        "foreign": "holds the tables of something else; give this part a file of its own",
        "part": "holds the tables of something else; give this part a file of its own",
        "newer": "has version 2, this program knows up to 1: update it",
        "fifo": "is no regular file",
    }
    assert files["noise"].read_bytes() == before["noise"]
    assert raised(tmp_path / "nowhere" / "a.db") == "a.db: No such file or directory"


def test_a_damaged_table_is_named_and_the_connection_opened_again(tmp_path: Path) -> None:
    """Damage that is found while working raises `StoreError`; when the file was repaired, the same database works."""
    path = tmp_path / "a.db"
    store = database(path)

    async def scene() -> tuple[str, list[str]]:
        await store.run(lambda connection: [add(f"{number:0500}")(connection) for number in range(200)])
        await store.aclose()
        intact = path.read_bytes()
        path.write_bytes(intact[:8192] + b"\xff" * 8192 + intact[16384:])
        again = database(path)
        with pytest.raises(StoreError) as error:
            await again.run(lambda connection: connection.execute("SELECT word FROM words ORDER BY word").fetchall())
        path.write_bytes(intact)
        found = await again.run(words)
        await again.aclose()
        return str(error.value), found

    said, found = asyncio.run(scene())

    assert said == "a.db: is damaged; restore it from a backup, or move it away to begin anew"
    assert len(found) == 200


def test_an_error_of_the_disk_opens_the_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an I/O error of the disk the connection is not used any more: the work that met it raises `StoreError`, and
    the next one opens the file again and finds what was committed before."""
    opened = []
    connect = Database.connect

    def counted(self: Database, **options: Any) -> sqlite3.Connection:
        opened.append(self)
        return connect(self, **options)

    monkeypatch.setattr(Database, "connect", counted)

    def broken(connection: sqlite3.Connection) -> None:
        add("lost")(connection)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
        raise error

    async def scene() -> tuple[str, list[str]]:
        store = database(tmp_path / "a.db")
        await store.run(add("kept"))
        with pytest.raises(StoreError) as error:
            await store.run(broken)
        found = await store.run(words)
        await store.aclose()
        return str(error.value), found

    said, found = asyncio.run(scene())

    assert said.startswith("a.db: SQLite has failed (")
    assert found == ["kept"]
    assert len(opened) == 2


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_deleted_or_replaced_in_use_is_refused(tmp_path: Path, replaced: bool) -> None:
    """SQLite goes on with the former file: what it stores there is lost, and what others store is not seen. After a
    restart the file that is there is used."""
    path = tmp_path / "words.db"

    async def scene() -> str:
        store = database(path)
        await store.run(add("before"))
        remove_all(tmp_path)
        if replaced:
            other = database(path)
            await other.run(add("other"))
            await other.aclose()
        with pytest.raises(StoreError) as refused:
            await store.run(add("after"))
        await store.aclose()
        return str(refused.value)

    said = asyncio.run(scene())

    assert said.startswith("words.db: was deleted or replaced while it was in use; stop all processes that use it")
    assert path.exists() == replaced
    if replaced:
        assert kept(path) == ["other"]


def test_the_log_does_not_grow_for_ever(tmp_path: Path) -> None:
    """While works go on, SQLite moves the log into the file again and again: after changes of many times its size the
    log has at most a few megabytes."""

    def much(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM words")
        connection.executemany("INSERT INTO words VALUES (?, 1)", ((f"{number:0500}",) for number in range(1000)))

    async def scene() -> int:
        store = database(tmp_path / "a.db", synchronous="NORMAL")
        for _ in range(40):
            await store.run(much)
        size = await store.run(lambda _: (tmp_path / "a.db-wal").stat().st_size)
        await store.aclose()
        return size

    assert asyncio.run(scene()) < 8_000_000


def test_a_locked_file_is_waited_for_within_the_limit(tmp_path: Path) -> None:
    """While another connection writes, works wait for `busy_timeout` and then raise `StoreError`; the event loop is not
    blocked, and when the lock is gone everything works."""

    async def scene() -> tuple[str, int]:
        store = database(tmp_path / "a.db", busy_timeout=0.2)
        await store.open()
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.ensure_future(store.run(add("one")))
        turns = 0
        while not waiting.done():
            await asyncio.sleep(0.01)
            turns += 1
        other.execute("ROLLBACK")
        other.close()
        await store.run(add("two"))
        await store.aclose()
        return str(waiting.exception()), turns

    said, turns = asyncio.run(scene())

    assert said == "a.db: another process is writing, and did not end in time"
    assert turns >= 5
    assert kept(tmp_path / "a.db") == ["two"]


def test_migrations_are_applied_once_and_in_order(tmp_path: Path) -> None:
    """An older file gets the statements that it has not had, in one transaction: all or nothing."""
    path = tmp_path / "a.db"
    second = ("ALTER TABLE words ADD COLUMN note TEXT", "UPDATE words SET note = 'old'")
    broken = [*TABLES, (*second, "INSERT INTO missing VALUES (1)")]

    async def opened(migrations: Any) -> list[Any]:
        store = database(path, migrations=migrations)
        try:
            await store.run(
                lambda connection: connection.execute("INSERT OR IGNORE INTO words (word, amount) VALUES ('a', 1)")
            )
            return await store.run(lambda connection: connection.execute("SELECT * FROM words").fetchall())
        finally:
            await store.aclose()

    before = asyncio.run(opened(TABLES))
    with pytest.raises(StoreError):
        asyncio.run(opened(broken))
    after_failure = asyncio.run(opened(TABLES))
    after = asyncio.run(opened([*TABLES, second]))

    assert before == after_failure == [("a", 1)]
    assert after == [("a", 1, "old")]


def test_many_open_a_new_file_at_the_same_time(tmp_path: Path) -> None:
    """Several connections that create one file at the same moment all succeed, and the tables are made once."""

    async def scene() -> None:
        stores = [database(tmp_path / "a.db") for _ in range(8)]
        await asyncio.gather(*(store.run(add(str(number))) for number, store in enumerate(stores)))
        await asyncio.gather(*(store.aclose() for store in stores))

    asyncio.run(scene())

    assert kept(tmp_path / "a.db") == [str(number) for number in range(8)]


def test_the_files_are_private(tmp_path: Path) -> None:
    """The file and its log can be read by the owner only, also a file that others could read before."""
    path = tmp_path / "a.db"
    path.touch(mode=0o644)

    def modes(_: sqlite3.Connection) -> list[int]:
        return [stat.S_IMODE(found.stat().st_mode) for found in sorted(tmp_path.iterdir())]

    async def scene() -> list[int]:
        store = database(path)
        await store.run(add("one"))
        found = await store.run(modes)
        await store.aclose()
        return found

    assert asyncio.run(scene()) == [0o600, 0o600, 0o600]


def test_a_second_connection_keeps_the_locks_of_the_first(tmp_path: Path) -> None:
    """When a process closes a file, the system ends all its locks on it. Without them another process that ends would
    remove the WAL, and what is written afterwards would be in no file any more.
    """
    path = tmp_path / "outbox.db"
    read = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM words').fetchall(); c.close()"
    )

    async def main() -> None:
        first = database(path)
        await first.run(add("before"))
        for second in (database(path), database(path)):
            await second.run(words)
            await second.aclose()
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", read, path], check=True)
        await first.run(add("after"))
        assert kept(path) == ["after", "before"]
        await first.aclose()

    asyncio.run(main())

    assert kept(path) == ["after", "before"]


def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    """Works that were handed in before `aclose` are done; later ones raise `StoreError`; no thread is left."""

    async def scene() -> tuple[list[Any], str]:
        store = database(tmp_path / "a.db")
        waiting = [asyncio.ensure_future(store.run(add(str(number)))) for number in range(3)]
        await asyncio.sleep(0)
        await store.aclose()
        await store.aclose()
        with pytest.raises(StoreError) as error:
            await store.run(words)
        return [await one for one in waiting], str(error.value)

    done, said = asyncio.run(scene())

    assert done == [None, None, None]
    assert said == "a.db: the database is closed"
    assert not [thread for thread in threading.enumerate() if thread.name == "pushgateway-a.db"]
    assert kept(tmp_path / "a.db") == ["0", "1", "2"]


def test_a_cancelled_call_does_not_stop_the_others(tmp_path: Path) -> None:
    """Cancelling a call leaves the works of the others, and the database, in order."""

    async def scene() -> None:
        store = database(tmp_path / "a.db")
        calls = [asyncio.ensure_future(store.run(add(str(number)))) for number in range(3)]
        await asyncio.sleep(0)
        calls[1].cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await store.run(add("later"))
        await store.aclose()

    asyncio.run(scene())

    assert {"0", "2", "later"} <= set(kept(tmp_path / "a.db"))


def _use_after_fork(store: Database, answer: Any) -> None:
    async def scene() -> None:
        await store.run(words)

    try:
        asyncio.run(scene())
    except LoopError as error:
        answer.send(str(error))
    else:
        answer.send("worked")


@pytest.mark.parametrize(("used", "expected"), [(False, "worked"), (True, "a.db: was used before a fork")])
def test_after_a_fork(tmp_path: Path, used: bool, expected: str) -> None:
    """A database that was used before a fork refuses in the child; one that was only made there works."""
    fork = multiprocessing.get_context("fork")
    store = database(tmp_path / "a.db")
    if used:
        asyncio.run(store.open())
    receiving, sending = fork.Pipe(duplex=False)
    child = fork.Process(target=_use_after_fork, args=(store, sending))
    child.start()
    said = receiving.recv()
    child.join()
    asyncio.run(store.aclose())

    assert said.startswith(expected)


def test_paths_of_urls(tmp_path: Path) -> None:
    """Three strokes and a relative path mean a file beside the configuration, four an absolute one; others are
    refused without being quoted."""
    assert sqlite_path("outbox.url", "sqlite:///data/a.db", tmp_path) == tmp_path / "data/a.db"
    assert sqlite_path("outbox.url", "sqlite:////srv/a.db", tmp_path) == Path("/srv/a.db")
    for wrong in ("sqlite://", "sqlite:///", "sqlite:///:memory:", "a.db", "sqlite:///a.db?mode=ro"):
        with pytest.raises(FieldError, match=r"^outbox\.url: must be sqlite:///file"):
            sqlite_path("outbox.url", wrong, tmp_path)


def test_wrong_options(tmp_path: Path) -> None:
    """A wrong option is named when the database is made."""
    with pytest.raises(FieldError, match="synchronous"):
        database(tmp_path / "a.db", synchronous="OFF")
    with pytest.raises(FieldError, match="busy_timeout"):
        database(tmp_path / "a.db", busy_timeout=0)


def test_a_repr_names_the_file_only(tmp_path: Path) -> None:
    """The folder, which may hold a name, is not shown."""
    assert repr(database(tmp_path / "a.db")) == "Database('a.db')"
