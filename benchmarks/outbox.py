"""What the outbox costs beside the bare engine under it: pushes in by `put`, out by a worker, and both at once.

The bare engine works on the outbox's own table with rows that are ready, in batches of 500, with nothing around it: an
insert for each row; then a query and an update that lease a batch, and a delete for each row. The outbox encodes pushes
and puts them; a worker leases, reads, judges and settles them. Its gateway takes no time, because it accepts everything
at once: the gateway, the vendor and the network are in `throughput.py`. "At once" is how a service runs: what was put
is sent while the next is put, so that its content need not be read again. There are two kinds of traffic: every push
has a text of its own, or a text goes to a group of 50 and is encoded and read once. Wall time, because a part of it is
waiting for the disk; contenders take turns. `--redis` names an empty Redis database for the same there: bare is what a
queue needs at least, pipelines of 500 with a hash and an entry in a sorted set for each push.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import redis
from common import CERTIFICATE_ID, SEED, Table, Target, make_pushes, median_ratio, options, report
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Outcome, Push
from pushgateway.databases.sqlite import Database
from pushgateway.outbox import Outbox, SQLiteStore, Worker
from pushgateway.outbox.content import encode_push
from pushgateway.outbox.redis import RedisStore
from pushgateway.outbox.sqlite import APPLICATION_ID, MIGRATIONS
from pushgateway.outbox.store import Entry
from pushgateway.outbox.tables import TABLE

BATCH = 500
AHEAD = 4 * BATCH
"""Pushes that may wait while the worker sends: a service that is not overloaded."""
LIMIT = 1.5
"""Time of the outbox, at most, as a multiple of the bare engine's."""
SQLITE, REDIS = "SQLite", "Redis"
SINGLE, GROUPED = "a text for each", "a text for 50"
GROUP = 50
"""Phones that get the same text."""


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


def bare_redis(url: str, rows: Sequence[Entry]) -> Times:
    """The same rows in hashes, and a sorted set by `due`, in pipelines."""
    client = redis.Redis.from_url(url)
    fields = [{name: value for name, value in row._asdict().items() if value is not None} for row in rows]
    begun = time.perf_counter()
    for some in batches(fields):
        pipeline = client.pipeline(transaction=True)
        for row in some:
            pipeline.hset(f"bare:{row['dedupe_id']}", mapping=row)
            pipeline.zadd("bare", {row["dedupe_id"]: row["due"]})
        pipeline.execute()
    stored = time.perf_counter()
    while names := client.zrangebyscore("bare", "-inf", 2.0, 0, BATCH):
        pipeline = client.pipeline(transaction=True)
        pipeline.zadd("bare", dict.fromkeys(names, 9.0))
        for name in names:
            pipeline.hgetall(b"bare:" + name)
        pipeline.execute()
        pipeline = client.pipeline(transaction=True)
        pipeline.zrem("bare", *names)
        for name in names:
            pipeline.delete(b"bare:" + name)
        pipeline.execute()
    ended = time.perf_counter()
    client.close()
    return Times(stored - begun, ended - stored, ended - begun)


class Accepting:
    """A gateway that accepts everything at once, and counts."""

    is_closed = False

    def __init__(self) -> None:
        self.accepted = 0

    def deduplicates(self, certificate_id: str) -> bool:
        return True

    async def stream(self, pushes: Sequence[Push], *, window: int) -> AsyncGenerator[Outcome, None]:
        self.accepted += len(pushes)
        for push in pushes:
            yield Outcome.accepted(push, "5f1c0a9e7d3b48d2a6e4c1f07b95d8e3")


async def through(outbox: Outbox, pushes: Sequence[Push]) -> Times:
    """The pushes through an outbox and a worker, one after the other and then at once."""
    async with outbox as box:
        begun = time.perf_counter()
        await _put(box, pushes, Accepting(), len(pushes))
        stored = time.perf_counter()
        await _send(box, Accepting(), len(pushes))
        sent = time.perf_counter()
        gateway = Accepting()
        async with asyncio.TaskGroup() as group:
            group.create_task(_send(box, gateway, len(pushes)))
            group.create_task(_put(box, pushes, gateway, AHEAD))
        ended = time.perf_counter()
        status = await box.status()
    if status.certificates:
        raise RuntimeError("some pushes are left")
    return Times(stored - begun, sent - stored, ended - sent)


async def _put(box: Outbox, pushes: Sequence[Push], gateway: Accepting, ahead: int) -> None:
    """Put all, while at most `ahead` wait to be sent."""
    for number, some in enumerate(batches(pushes)):
        while number * BATCH - gateway.accepted >= ahead:  # noqa: ASYNC110 - it looks as often as it may
            await asyncio.sleep(0.001)
        await box.put(some)


async def _send(box: Outbox, gateway: Any, count: int) -> None:
    async with Worker(box, gateway, at_once=BATCH) as worker:
        while True:
            if gateway.accepted == count and not worker.held:
                return
            await asyncio.sleep(0.001)


def measure(count: int, rounds: int, redis_url: str | None) -> dict[str, list[Times]]:
    """Let the contenders take turns, each with a new file, or with keys of its own."""
    single = list(make_pushes(OppoSandbox(tokens=count, seed=SEED).tokens, count))
    grouped = [attrs.evolve(push, notification=single[n // GROUP].notification) for n, push in enumerate(single)]
    traffic = [
        (name, pushes, [_row(number, push) for number, push in enumerate(pushes)])
        for name, pushes in ((SINGLE, single), (GROUPED, grouped))
    ]
    found: dict[str, list[Times]] = {}
    for _ in range(rounds):
        gc.collect()
        gc.freeze()  # the pushes made above must not cost garbage collection time
        for name, pushes, rows in traffic:
            with tempfile.TemporaryDirectory() as folder:
                here = Path(folder)
                found.setdefault(f"bare {SQLITE}, {name}", []).append(bare_sqlite(here / "bare.db", rows))
                times = asyncio.run(through(Outbox(SQLiteStore(here / "outbox.db")), pushes))
                found.setdefault(f"outbox in {SQLITE}, {name}", []).append(times)
            if redis_url is not None:
                found.setdefault(f"bare {REDIS}, {name}", []).append(bare_redis(redis_url, rows))
                times = asyncio.run(through(Outbox(RedisStore(redis_url)), pushes))
                found.setdefault(f"outbox in {REDIS}, {name}", []).append(times)
        gc.unfreeze()
    return found


def _row(number: int, push: Push) -> Entry:
    """The row of a push, ready."""
    token = push.push_token
    address = (f"{number:032x}", token.certificate_id, token.token, 1, encode_push(push))
    return Entry(*address, None, None, None, 1.0, 1.0, 1.0, None, 7, 0, 0, None)


READ: dict[str, Callable[[Times], float]] = {
    "in": lambda times: times.put,
    "out": lambda times: times.out,
    "in and out at once": lambda times: times.at_once,
}


def targets(found: dict[str, list[Times]]) -> list[Target]:
    """Each outbox beside its bare engine."""
    return [
        Target(
            f"{name}, outbox in {engine}, {kind}, times bare {engine}, at most",
            median_ratio(
                [read(one) for one in found[f"outbox in {engine}, {kind}"]],
                [read(one) for one in found[f"bare {engine}, {kind}"]],
            ),
            LIMIT,
        )
        for engine in (SQLITE, REDIS)
        for kind in (SINGLE, GROUPED)
        if f"bare {engine}, {kind}" in found
        for name, read in READ.items()
    ]


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--redis", default=None, help="URL of an empty Redis database, such as redis://localhost/9")


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=20_000, rounds=7, more=_more)
    found = measure(given.count, given.rounds, given.redis)
    rows = [
        (name, *(given.count / statistics.median(map(read, times)) for read in READ.values()))
        for name, times in found.items()
    ]
    table = Table("outbox", ("pushes a second", *READ), rows)
    return report([table], targets(found), as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
