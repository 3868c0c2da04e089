"""A power cut at any moment: what `put` had returned is there afterwards, and nothing is half there.

With `synchronous=FULL` SQLite writes a commit to its log and waits for the disk before `put` returns. So after a power
cut the disk has everything up to the last `put` that returned, and any part of what was written since: none, some of
its bytes, or garbage in their place. These tests make such disks, from copies of the files after each `put`, and open
them.
"""

import asyncio
import itertools
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from inline_outbox import entry
from outbox_conformance import ask, done, ids, times

from pushgateway.outbox.sqlite import SQLiteStore

STEPS = 40
PAGE = 4096


@attrs.frozen
class Disk:
    """The files at a moment, and what must be in them."""

    base: bytes
    log: bytes
    put: frozenset[str]
    """Ids that are there: put and not settled."""


async def history(path: Path) -> list[Disk]:
    """The files after each of `STEPS` calls: puts of three, settlements, and checkpoints, which move the log into the
    file."""
    store = SQLiteStore(path)
    await store.open()
    there: set[str] = set()
    disks = [_disk(path, there)]
    for step in range(STEPS):
        if step % 8 == 7:
            leased = await store.lease(ask(step, most=4, until=3000.0))
            disks.append(_disk(path, there))
            await store.settle(done(leased), [], times(keep=False))
            there -= set(ids(leased))
        elif step % 10 == 9:
            await store._database.run(lambda connection: None)
            checkpoint(path)
        else:
            new = [entry(f"{step}-{number}") for number in range(3)]
            await store.put(new)
            there |= set(ids(new))
        disks.append(_disk(path, there))
    await store.aclose()
    return disks


def checkpoint(path: Path) -> None:
    """Move the log into the file, as SQLite does by itself now and then."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    connection.close()


def _disk(path: Path, there: set[str]) -> Disk:
    return Disk(path.read_bytes(), path.with_name(f"{path.name}-wal").read_bytes(), frozenset(there))


def torn(before: bytes, after: bytes, rng: random.Random) -> Iterator[bytes]:
    """A file of which a change was written in part: cut off, with zeros or noise, or the rest of the former one."""
    same = next((n for n, (one, other) in enumerate(zip(before, after, strict=False)) if one != other), len(before))
    for _ in range(4):
        cut = rng.randint(min(same, len(after)), len(after))
        rest = max(len(after) - cut, 0)
        yield after[:cut]
        yield after[:cut] + bytes(rest)
        yield after[:cut] + rng.randbytes(rest)
        yield after[:cut] + before[cut:]


def mixed(before: bytes, after: bytes, rng: random.Random) -> bytes:
    """A file of which any of its changed pages were written."""
    pages = range(0, max(len(before), len(after)), PAGE)
    return b"".join((after if rng.random() < 0.5 else before)[page : page + PAGE] or bytes(PAGE) for page in pages)


def found(folder: Path, base: bytes, log: bytes) -> frozenset[str]:
    """What an outbox finds on such a disk. It must be whole."""
    path = folder / "after" / "outbox.db"
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir()
    path.write_bytes(base)
    path.with_name("outbox.db-wal").write_bytes(log)

    async def scene() -> frozenset[str]:
        store = SQLiteStore(path, synchronous="NORMAL")
        rows = await store._database.run(lambda one: one.execute("SELECT dedupe_id FROM pushgateway_outbox").fetchall())
        (whole,) = await store._database.run(lambda one: one.execute("PRAGMA integrity_check").fetchall())
        await store.aclose()
        assert whole == ("ok",)
        return frozenset(dedupe_id for (dedupe_id,) in rows)

    return asyncio.run(scene())


@pytest.fixture(scope="module")
def disks(tmp_path_factory: pytest.TempPathFactory) -> list[Disk]:
    """One history for all tests."""
    return asyncio.run(history(tmp_path_factory.mktemp("history") / "outbox.db"))


def test_while_the_log_is_written(disks: list[Disk], tmp_path: Path) -> None:
    """Whatever part of a call is in the log, the disk has the state before it or after it, never one in between."""
    rng = random.Random(1)
    seen = set()
    for before, after in itertools.pairwise(disks):
        for log in torn(before.log, after.log, rng):
            there = found(tmp_path, before.base, log)
            seen.add(there == after.put)

            assert there in (before.put, after.put)
    assert seen == {True, False}


def test_while_the_log_is_moved_into_the_file(disks: list[Disk], tmp_path: Path) -> None:
    """Whatever pages of a checkpoint are in the file, the log has them too, so nothing is missing."""
    rng = random.Random(2)
    moved = [(one, other) for one, other in itertools.pairwise(disks) if one.base != other.base]
    for before, after in moved:
        for _ in range(20):
            assert found(tmp_path, mixed(before.base, after.base, rng), before.log) == before.put
    assert moved


def test_a_return_means_that_the_disk_was_waited_for(tmp_path: Path) -> None:
    """The outbox's file is used with `synchronous=FULL` unless the host says otherwise: each commit waits for the
    disk."""

    async def level(store: SQLiteStore) -> int:
        ((found,),) = await store._database.run(lambda one: one.execute("PRAGMA synchronous").fetchall())
        await store.aclose()
        return int(found)

    usual = asyncio.run(level(SQLiteStore(tmp_path / "a.db")))
    normal = asyncio.run(level(SQLiteStore(tmp_path / "b.db", synchronous="NORMAL")))

    assert (usual, normal) == (2, 1)
