"""The outbox in real PostgreSQL and MariaDB: the same tests as for SQLite, and what only servers can do."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from outbox_conformance import Make, StoreTests, ask, ids
from sqlalchemy import Connection, create_engine, text

from pushgateway import Notification, Push, PushToken
from pushgateway.model.errors import StoreError
from pushgateway.outbox import IdConflict, Outbox
from pushgateway.outbox.sql import SqlStore

NOTE = Notification("title", "body")


class TestPostgres(StoreTests):
    """PostgreSQL."""

    @pytest.fixture
    def make(self, postgres_url: str) -> Make:
        return lambda: SqlStore(postgres_url)


class TestMariaDB(StoreTests):
    """MariaDB."""

    @pytest.fixture
    def make(self, mariadb_url: str) -> Make:
        return lambda: SqlStore(mariadb_url)


@pytest.fixture(params=["postgres_url", "mariadb_url"])
def url(request: pytest.FixtureRequest) -> str:
    """Each server in turn."""
    found: str = request.getfixturevalue(request.param)
    return found


def push(name: str, **more: Any) -> Push:
    return Push(PushToken(1, name), NOTE, **more)


def within(url: str, work: Callable[[Connection], Any], *, commits: bool) -> Any:
    """The result of work in a transaction of the host's own connection."""
    driver = url.replace("postgresql://", "postgresql+psycopg://").replace("mysql://", "mysql+pymysql://")
    engine = create_engine(driver)
    try:
        with engine.connect() as connection:
            found = work(connection)
            if commits:
                connection.commit()
            return found
    finally:
        engine.dispose()


@pytest.mark.parametrize("commits", [True, False])
def test_putting_within_a_transaction_of_the_host(url: str, commits: bool) -> None:
    """The host's row and the push are stored together, or neither is."""

    async def scene() -> tuple[list[str], list[str]]:
        async with Outbox(SqlStore(url)) as outbox:

            def work(connection: Connection) -> list[str]:
                connection.execute(text("CREATE TABLE IF NOT EXISTS messages (id INTEGER)"))
                connection.execute(text("INSERT INTO messages VALUES (1)"))
                return outbox.put_within(connection, [push("a"), push("b", dedupe_id="mine")])

            put = await asyncio.to_thread(lambda: within(url, work, commits=commits))
            now = await outbox.now()
            return put, ids(await outbox.store.lease(ask(now=now + 1)))

    put, stored = asyncio.run(scene())

    assert put[1] == "mine"
    assert stored == (put if commits else [])


def test_an_id_that_is_taken_within_a_transaction(url: str) -> None:
    """The conflict is named, and the host's transaction can be rolled back as usual."""

    async def scene() -> tuple[str, ...]:
        async with Outbox(SqlStore(url)) as outbox:
            await outbox.put([push("a", dedupe_id="mine")])

            def work(connection: Connection) -> tuple[str, ...]:
                with pytest.raises(IdConflict) as error:
                    outbox.put_within(connection, [push("b", dedupe_id="mine")])
                return error.value.dedupe_ids

            found: tuple[str, ...] = await asyncio.to_thread(lambda: within(url, work, commits=False))
            return found

    assert asyncio.run(scene()) == ("mine",)


def test_many_put_the_same_id_at_the_same_time(url: str) -> None:
    """Several processes put one id with the same content at the same moment: it is stored once, and none fails."""

    async def scene() -> int:
        boxes = [Outbox(SqlStore(url), rng=random.Random(n)) for n in range(6)]
        await boxes[0].open()
        await asyncio.gather(*(box.put([push("a", dedupe_id="mine"), push(f"own-{n}")]) for n, box in enumerate(boxes)))
        now = await boxes[0].now()
        found = await boxes[0].store.lease(ask(now=now + 1))
        for box in boxes:
            await box.aclose()
        return len(found)

    assert asyncio.run(scene()) == 7


def test_the_time_is_the_servers(url: str) -> None:
    """The outbox goes by the server's clock, which is asked for once a minute."""
    times = iter([0.0, 0.0, 5.0, 59.9, 59.9, 60.0, 60.0, 60.0])  # asked before, after, and for the answer

    async def scene() -> list[float]:
        store = SqlStore(url, monotonic=lambda: next(times))
        found = [await store.now() for _ in range(3)]
        await store.aclose()
        return [now for now in found if now is not None]

    first, second, third = asyncio.run(scene())

    assert first > 1_700_000_000
    assert second - first == pytest.approx(54.9, abs=1e-3)
    assert third < second  # the server's real clock has hardly moved


def test_a_server_that_is_not_there() -> None:
    """It is a `StoreError` that names no password."""

    async def scene() -> str:
        store = SqlStore("postgresql://push:secret@127.0.0.1:1/push", timeout=1.0)
        with pytest.raises(StoreError) as error:
            await store.open()
        await store.aclose()
        return str(error.value)

    said = asyncio.run(scene())

    assert "secret" not in said
    assert "127.0.0.1:1" in said
