"""`SqliteState`: shared state in an SQLite file, for the processes of one machine.

Each method is one transaction in the thread of `databases.sqlite`. Times are those of the machine's clock. If that is
set back, what ends unreasonably late counts as ended: nothing stays closed or held for longer than it was to be. The
file is readable for its owner only, because access tokens are stored in it as they are. It need not survive a power
cut, so a commit does not wait for the disk.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pushgateway.databases.sqlite import Database
from pushgateway.model.secret import safe_repr
from pushgateway.state.protocol import (
    MOST_ANNOUNCEMENTS,
    MOST_POSTED,
    POSTED_AT_ONCE,
    RELEASED,
    Awaited,
    Claim,
    Contents,
    Exchanged,
    LoginResult,
    LoginTurn,
    Portion,
    Wish,
)

APPLICATION_ID: Final = 0x70677374
"""Marks the file: "pgst"."""
_TABLES: Final = (
    (
        "CREATE TABLE processes (owner TEXT PRIMARY KEY, since REAL, ends REAL) WITHOUT ROWID",
        """CREATE TABLE portions (key TEXT, owner TEXT, demand REAL, portion REAL, since REAL, ends REAL,
        PRIMARY KEY (key, owner)) WITHOUT ROWID""",
        "CREATE TABLE closed (key TEXT PRIMARY KEY, is_opened INTEGER, since REAL, ends REAL) WITHOUT ROWID",
        "CREATE TABLE version (number INTEGER)",
        "INSERT INTO version VALUES (0)",
        # `kind`: token, failed, busy. `mark`: of a token. `owner`: of a turn.
        """CREATE TABLE logins (key TEXT, kind TEXT, owner TEXT, mark TEXT, text TEXT, since REAL, ends REAL,
        PRIMARY KEY (key, kind)) WITHOUT ROWID""",
        # `owner`: "" for one that was kept.
        "CREATE TABLE receipts (mark TEXT PRIMARY KEY, owner TEXT, since REAL, ends REAL) WITHOUT ROWID",
        "CREATE INDEX receipts_by_end ON receipts (ends)",
    ),
    (
        # `names`: separated by spaces. AUTOINCREMENT: the number of a deleted row is not given again.
        """CREATE TABLE awaited (number INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT, names TEXT,
        since REAL, ends REAL)""",
        "CREATE TABLE posted (number INTEGER PRIMARY KEY, owner TEXT, text TEXT, since REAL, ends REAL)",
        "CREATE INDEX posted_by_owner ON posted (owner, number)",
    ),
)
_HOLDS: Final = "ends > :now AND since <= :now"
"""What has not ended. A row from the future was written before the clock was set back."""
_FORGOTTEN: Final = 200
"""Receipts that have ended and are deleted with each claim: more than come in with most of them."""


@safe_repr
class SqliteState:
    """Shared state in an SQLite file."""

    def __init__(self, path: str | Path, *, clock: Callable[[], float] = time.time, busy_timeout: float = 0.3) -> None:
        """`clock`: epoch seconds, the same for all processes. `busy_timeout`: seconds to wait for another process that
        is writing."""
        self._database = Database(
            path,
            application_id=APPLICATION_ID,
            migrations=_TABLES,
            synchronous="NORMAL",
            busy_timeout=busy_timeout,
        )
        self.name = f"sqlite file {Path(path).name}"
        self._clock = clock

    async def exchange(self, owner: str, wishes: Sequence[Wish], *, hold: float, known: int) -> Exchanged:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> Exchanged:
            now = self._clock()
            for table in ("processes", "portions"):
                connection.execute(f"DELETE FROM {table} WHERE NOT (ends > ? AND since <= ?)", (now, now))  # noqa: S608
            row = (owner, now, now + hold)
            connection.execute("INSERT OR REPLACE INTO processes VALUES (?, ?, ?)", row)
            (processes,) = connection.execute("SELECT count(*) FROM processes").fetchone()
            (version,) = connection.execute("SELECT number FROM version").fetchone()
            (awaited,) = connection.execute("SELECT max(number) FROM awaited").fetchone()
            return Exchanged(
                processes=processes,
                version=version,
                closed=None if version == known else _closed(connection, now),
                portions=tuple(_grant(connection, owner, wish, now, hold) for wish in wishes),
                awaited=awaited or 0,
                posted=_posted_to(connection, owner, now),
            )

        return await self._database.run(work)

    async def leave(self, owner: str, rates: Sequence[str]) -> None:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM processes WHERE owner = ?", (owner,))
            connection.executemany("DELETE FROM portions WHERE key = ? AND owner = ?", [(key, owner) for key in rates])

        await self._database.run(work)

    async def close_quota(self, key: str, seconds: float) -> None:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> None:
            now = self._clock()
            before = _closed(connection, now).get(key, 0.0)
            _close(connection, key, False, now, max(before, seconds))

        await self._database.run(work)

    async def open_quota(self, key: str) -> None:
        """See `SharedState`."""
        await self._database.run(lambda connection: _close(connection, key, True, self._clock(), RELEASED))

    async def begin_login(self, key: str, owner: str, *, mark: str, hold: float) -> LoginTurn:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> LoginTurn:
            now = self._clock()
            turn = _turn(connection, key, mark, now, owner)
            if turn.kind == "yours":
                _store(connection, key, "busy", (owner, "", "", now, now + hold))
            return turn

        return await self._database.run(work)

    async def extend_login(self, key: str, owner: str, *, hold: float) -> None:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> None:
            now = self._clock()
            if _has_turn(connection, key, owner, now):
                _store(connection, key, "busy", (owner, "", "", now, now + hold))

        await self._database.run(work)

    async def end_login(self, key: str, owner: str, result: LoginResult) -> None:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> None:
            now = self._clock()
            if not _has_turn(connection, key, owner, now):
                return
            connection.execute("DELETE FROM logins WHERE key = ? AND kind IN ('busy', 'failed')", (key,))
            connection.execute("DELETE FROM logins WHERE ends <= ?", (now,))
            kind = "token" if result.mark else "failed"
            _store(connection, key, kind, ("", result.mark, result.text, now, now + result.seconds))

        await self._database.run(work)

    async def claim_receipts(self, marks: Sequence[str], owner: str, *, hold: float) -> Sequence[Claim]:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> list[Claim]:
            now = self._clock()
            connection.execute(
                "DELETE FROM receipts WHERE mark IN (SELECT mark FROM receipts WHERE ends <= ? ORDER BY ends LIMIT ?)",
                (now, _FORGOTTEN + len(marks)),
            )
            return [_claim(connection, mark, owner, now, hold) for mark in marks]

        return await self._database.run(work)

    async def settle_receipts(self, marks: Sequence[str], owner: str, *, seconds: float) -> None:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> None:
            now = self._clock()
            for mark in marks:
                holder = _holder(connection, mark, now)
                if holder is not None and holder != owner:
                    continue
                connection.execute("DELETE FROM receipts WHERE mark = ?", (mark,))
                if seconds > 0:
                    connection.execute("INSERT INTO receipts VALUES (?, '', ?, ?)", (mark, now, now + seconds))

        await self._database.run(work)

    async def await_receipts(self, owner: str, names: Sequence[str], *, seconds: float) -> None:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> None:
            now = self._clock()
            row = (owner, " ".join(names), now, now + seconds)
            added = connection.execute("INSERT INTO awaited (owner, names, since, ends) VALUES (?, ?, ?, ?)", row)
            kept = {"now": now, "last": (added.lastrowid or 0) - MOST_ANNOUNCEMENTS}
            connection.execute(f"DELETE FROM awaited WHERE NOT ({_HOLDS}) OR number <= :last", kept)  # noqa: S608

        await self._database.run(work)

    async def awaited_receipts(self, known: int, *, most: int) -> Sequence[Awaited]:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> list[Awaited]:
            now = self._clock()
            query = f"""SELECT number, owner, names, ends FROM awaited
            WHERE number > :known AND {_HOLDS} ORDER BY number LIMIT :most"""  # noqa: S608
            rows = connection.execute(query, {"known": known, "now": now, "most": most})
            return [
                Awaited(number=number, owner=owner, names=tuple(names.split(" ")), seconds=ends - now)
                for number, owner, names, ends in rows
            ]

        return await self._database.run(work)

    async def post_receipts(self, posts: Sequence[tuple[str, str]], *, seconds: float) -> None:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> None:
            now = self._clock()
            connection.execute(f"DELETE FROM posted WHERE NOT ({_HOLDS})", {"now": now})  # noqa: S608
            connection.executemany(
                "INSERT INTO posted (owner, text, since, ends) VALUES (?, ?, ?, ?)",
                [(owner, text, now, now + seconds) for owner, text in posts],
            )
            connection.executemany(
                """DELETE FROM posted WHERE owner = :owner AND number <= (SELECT number FROM posted
                WHERE owner = :owner ORDER BY number DESC LIMIT 1 OFFSET :most)""",
                [{"owner": owner, "most": MOST_POSTED} for owner in {owner for owner, _ in posts}],
            )

        await self._database.run(work)

    async def contents(self) -> Contents:
        """See `SharedState`."""

        def work(connection: sqlite3.Connection) -> Contents:
            now = self._clock()
            clock = {"now": now}
            processes = connection.execute(f"SELECT owner, ends FROM processes WHERE {_HOLDS}", clock)  # noqa: S608
            logins = connection.execute(f"SELECT DISTINCT key FROM logins WHERE {_HOLDS}", clock).fetchall()  # noqa: S608
            turns = {key: _turn(connection, key, "", now) for (key,) in logins}
            portions: dict[str, dict[str, tuple[float, float]]] = {}
            held = f"SELECT key, owner, demand, portion FROM portions WHERE {_HOLDS}"  # noqa: S608
            for key, owner, demand, portion in connection.execute(held, clock):
                portions.setdefault(key, {})[owner] = demand, portion
            (receipts,) = connection.execute(f"SELECT count(*) FROM receipts WHERE {_HOLDS}", clock).fetchone()  # noqa: S608
            return Contents(
                processes={owner: ends - now for owner, ends in processes},
                logins={key: LoginTurn(kind=turn.kind, seconds=turn.seconds) for key, turn in turns.items()},
                closed={key: left for key, left in _closed(connection, now).items() if left},
                portions=portions,
                receipts=receipts,
            )

        return await self._database.run(work)

    async def aclose(self) -> None:
        """See `SharedState`."""
        await self._database.aclose()

    def __repr__(self) -> str:
        return f"SqliteState({self._database.path.name!r})"


# In the thread of the database


def _grant(connection: sqlite3.Connection, owner: str, wish: Wish, now: float, hold: float) -> Portion:
    own = (wish.key, owner)
    connection.execute("DELETE FROM portions WHERE key = ? AND owner = ?", own)
    others = connection.execute("SELECT demand, portion FROM portions WHERE key = ?", (wish.key,)).fetchall()
    granted = max(0.0, min(wish.portion, wish.rate - sum(portion for _, portion in others)))
    if wish.demand > 0:
        row = (*own, wish.demand, granted, now, now + hold)
        connection.execute("INSERT INTO portions VALUES (?, ?, ?, ?, ?, ?)", row)
    return Portion(granted, tuple(demand for demand, _ in others))


def _posted_to(connection: sqlite3.Connection, owner: str, now: float) -> tuple[str, ...]:
    """What was posted to a process; it is taken away."""
    query = f"SELECT number, text FROM posted WHERE owner = :owner AND {_HOLDS} ORDER BY number LIMIT :most"  # noqa: S608
    rows = connection.execute(query, {"owner": owner, "now": now, "most": POSTED_AT_ONCE}).fetchall()
    connection.executemany("DELETE FROM posted WHERE number = ?", [(number,) for number, _ in rows])
    return tuple(text for _, text in rows)


def _closed(connection: sqlite3.Connection, now: float) -> dict[str, float]:
    rows = connection.execute(f"SELECT key, is_opened, ends FROM closed WHERE {_HOLDS}", {"now": now})  # noqa: S608
    return {key: 0.0 if is_opened else ends - now for key, is_opened, ends in rows}


def _close(connection: sqlite3.Connection, key: str, is_opened: bool, now: float, seconds: float) -> None:
    connection.execute("DELETE FROM closed WHERE ends <= ?", (now,))
    row = (key, is_opened, now, now + seconds)
    connection.execute("INSERT OR REPLACE INTO closed VALUES (?, ?, ?, ?)", row)
    connection.execute("UPDATE version SET number = number + 1")


def _turn(connection: sqlite3.Connection, key: str, mark: str, now: float, owner: str = "") -> LoginTurn:
    """The answer to the process `owner` that does not want the token of `mark`."""
    query = f"SELECT kind, mark, text, ends, owner FROM logins WHERE key = :key AND {_HOLDS}"  # noqa: S608
    rows = {kind: rest for kind, *rest in connection.execute(query, {"key": key, "now": now})}
    if "token" in rows and rows["token"][0] != mark:
        return LoginTurn(kind="token", text=rows["token"][1], seconds=rows["token"][2] - now)
    if "failed" in rows:
        return LoginTurn(kind="failed", text=rows["failed"][1], seconds=rows["failed"][2] - now)
    if "busy" in rows and rows["busy"][3] != owner:
        return LoginTurn(kind="busy", seconds=rows["busy"][2] - now)
    return LoginTurn(kind="yours")


def _has_turn(connection: sqlite3.Connection, key: str, owner: str, now: float) -> bool:
    query = f"SELECT count(*) FROM logins WHERE key = :key AND kind = 'busy' AND owner = :owner AND {_HOLDS}"  # noqa: S608
    (count,) = connection.execute(query, {"key": key, "owner": owner, "now": now}).fetchone()
    return bool(count)


def _store(connection: sqlite3.Connection, key: str, kind: str, values: tuple[str, str, str, float, float]) -> None:
    """`values`: owner, mark, text, since and end."""
    connection.execute("INSERT OR REPLACE INTO logins VALUES (?, ?, ?, ?, ?, ?, ?)", (key, kind, *values))


def _holder(connection: sqlite3.Connection, mark: str, now: float) -> str | None:
    """Whose a receipt is; "" for one that was kept, None for an unknown one."""
    query = f"SELECT owner FROM receipts WHERE mark = :mark AND {_HOLDS}"  # noqa: S608
    row = connection.execute(query, {"mark": mark, "now": now}).fetchone()
    return None if row is None else str(row[0])


def _claim(connection: sqlite3.Connection, mark: str, owner: str, now: float, hold: float) -> Claim:
    holder = _holder(connection, mark, now)
    if holder is not None and holder != owner:
        return Claim.BUSY if holder else Claim.KNOWN
    connection.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?, ?)", (mark, owner, now, now + hold))
    return Claim.NEW
