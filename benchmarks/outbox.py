"""What the outbox costs beside the bare engine under it: pushes in by `put`, out by a worker, and both at once.

The bare engine works on the outbox's own table with rows that are ready, in batches of 500, with nothing around it: an
insert for each row; then a query and an update that lease a batch, and a delete for each row. The outbox encodes pushes
and puts them; a worker leases, reads, judges and settles them. Its gateway takes no time, because it accepts everything
at once: the gateway, the vendor and the network are in `throughput.py`. "At once" is how a service runs: what was put
is sent while the next is put, so that its content need not be read again. Wall time, because a part of it is waiting
for the disk; contenders take turns.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
from common import CERTIFICATE_ID, SEED, Table, Target, make_pushes, median_ratio, options, report
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Outcome, Push
from pushgateway.databases.sqlite import Database
from pushgateway.outbox import Outbox, SQLiteStore, Worker
from pushgateway.outbox.content import encode_push
from pushgateway.outbox.sqlite import APPLICATION_ID, MIGRATIONS
from pushgateway.outbox.store import Entry
from pushgateway.outbox.tables import TABLE

BATCH = 500
LIMIT = 1.5
"""Time of the outbox, at most, as a multiple of the bare engine's."""
BARE, OUTBOX = "bare SQLite", "outbox"


@attrs.frozen
class Times:
    """Seconds of one contender in one round."""

    put: float
    out: float
    at_once: float
    """For all of it, if the one runs beside the other; for the bare engine the sum."""


def batches(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Parts of `BATCH`."""
    return (values[place : place + BATCH] for place in range(0, len(values), BATCH))


def bare_sqlite(path: Path, rows: Sequence[Entry]) -> Times:
    """The same rows, in and out, with nothing around it."""
    connection = Database(path, application_id=APPLICATION_ID, migrations=MIGRATIONS).connect()
    names = ["user_id" if name == "user" else name for name in Entry._fields]
    insert = f"INSERT INTO {TABLE} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    due = f"""SELECT * FROM {TABLE} WHERE state = 0 AND certificate_id = ? AND priority = 1 AND due <= 2.0
        ORDER BY due, id LIMIT {BATCH}"""
    begun = time.perf_counter()
    for some in batches(rows):
        _transact(connection, lambda some=some: connection.executemany(insert, some))  # type: ignore[misc]
    stored = time.perf_counter()
    for lease in range(1, len(rows) // BATCH + 2):
        ids: list[tuple[int]] = []

        def lease_some(lease: int = lease, ids: list[tuple[int]] = ids) -> None:
            ids += [(row[0],) for row in connection.execute(due, (CERTIFICATE_ID,))]
            connection.executemany(f"UPDATE {TABLE} SET lease = {lease}, due = 9.0 WHERE id = ?", ids)

        _transact(connection, lease_some)
        settle = f"DELETE FROM {TABLE} WHERE id = ? AND lease = {lease}"
        _transact(connection, lambda ids=ids, settle=settle: connection.executemany(settle, ids))  # type: ignore[misc]
    ended = time.perf_counter()
    (left,) = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
    connection.close()
    if left:
        raise RuntimeError(f"{left} rows are left")
    return Times(stored - begun, ended - stored, ended - begun)


def _transact(connection: sqlite3.Connection, work: Callable[[], object]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    work()
    connection.execute("COMMIT")


class Accepting:
    """A gateway that accepts everything at once, and counts."""

    def __init__(self) -> None:
        self.accepted = 0

    def deduplicates(self, certificate_id: str) -> bool:
        return True

    async def stream(self, pushes: Sequence[Push], *, window: int) -> AsyncGenerator[Outcome, None]:
        self.accepted += len(pushes)
        for push in pushes:
            yield Outcome.accepted(push, "5f1c0a9e7d3b48d2a6e4c1f07b95d8e3")


async def through(make: Callable[[], Outbox], pushes: Sequence[Push]) -> Times:
    """The pushes through an outbox and a worker, one after the other and then at once."""
    async with make() as box:
        begun = time.perf_counter()
        await _put(box, pushes)
        stored = time.perf_counter()
        await _send(box, len(pushes))
        sent = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            group.create_task(_send(box, len(pushes)))
            group.create_task(_put(box, pushes))
        ended = time.perf_counter()
        status = await box.status()
    if status.certificates:
        raise RuntimeError("some pushes are left")
    return Times(stored - begun, sent - stored, ended - sent)


async def _put(box: Outbox, pushes: Sequence[Push]) -> None:
    for some in batches(pushes):
        await box.put(some)


async def _send(box: Outbox, count: int) -> None:
    gateway: Any = Accepting()
    async with Worker(box, gateway, at_once=BATCH) as worker:
        while True:
            if gateway.accepted == count and not worker.held:
                return
            await asyncio.sleep(0.001)


def measure(count: int, rounds: int) -> dict[str, list[Times]]:
    """Let the contenders take turns, each with a new file."""
    pushes = list(make_pushes(OppoSandbox(tokens=count, seed=SEED).tokens, count))
    rows = [_row(number, push) for number, push in enumerate(pushes)]
    found: dict[str, list[Times]] = {BARE: [], OUTBOX: []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder)
            found[BARE].append(bare_sqlite(here / "bare.db", rows))
            box = Outbox(SQLiteStore(here / "outbox.db"))
            found[OUTBOX].append(asyncio.run(through(lambda box=box: box, pushes)))  # type: ignore[misc]
    return found


def _row(number: int, push: Push) -> Entry:
    """The row of a push, ready."""
    token = push.push_token
    address = (f"{number:032x}", token.certificate_id, token.token, 1, encode_push(push))
    return Entry(*address, None, None, None, 1.0, 1.0, None, 7, 0, 0, None)


READ: dict[str, Callable[[Times], float]] = {
    "in": lambda times: times.put,
    "out": lambda times: times.out,
    "in and out at once": lambda times: times.at_once,
}


def targets(found: dict[str, list[Times]]) -> list[Target]:
    """The outbox beside the bare engine."""
    return [
        Target(
            f"{name}, {OUTBOX}, times {BARE}, at most",
            median_ratio([read(one) for one in found[OUTBOX]], [read(one) for one in found[BARE]]),
            LIMIT,
        )
        for name, read in READ.items()
    ]


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=20_000, rounds=7)
    found = measure(given.count, given.rounds)
    rows = [
        (name, *(given.count / statistics.median(map(read, times)) for read in READ.values()))
        for name, times in found.items()
    ]
    table = Table("outbox", ("pushes a second", *READ), rows)
    return report([table], targets(found), as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
