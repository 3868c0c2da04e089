"""The outbox in real PostgreSQL, MariaDB and Redis: the same tests as for SQLite, and what only servers can do."""

import asyncio
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from inline_outbox import entry
from kills.judge import play
from outbox_conformance import NOW, Make, StoreTests, ask, done, ids, times
from servers import MariaDB, mariadb_database
from sqlalchemy import Connection, create_engine, text

from pushgateway import Notification, Push, PushToken
from pushgateway.model.errors import LoopError, StoreError
from pushgateway.outbox import IdConflict, Outbox, OutboxFull
from pushgateway.outbox.redis import PREFIX, RedisStore
from pushgateway.outbox.sql import SqlStore
from pushgateway.outbox.store import Whose

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


class TestRedis(StoreTests):
    """Redis."""

    @pytest.fixture
    def make(self, redis_url: str) -> Make:
        return lambda: RedisStore(redis_url)


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


def test_the_time_in_the_hour_that_comes_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A MariaDB in a time zone with summer time has the right time also while its local time goes back by an hour."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    first, second = 1_761_437_700.25, 1_761_441_300.25  # both are 02:15:00.25 on 26 October 2025
    found = []

    with MariaDB() as server, mariadb_database(server.url) as url:
        store = SqlStore(url)
        for now in (first, second):
            setting = text(f"SET timestamp = {now}")
            found.append(
                within(url, lambda it, setting=setting: (it.execute(setting), store.time_of(it)), commits=False)
            )

    assert [now for _, now in found] == [first, second]


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


def test_a_full_redis(redis_url: str) -> None:
    """Without memory `put` raises `OutboxFull` and nothing of the call is stored; what is there can be leased, settled,
    taken and withdrawn, so that there is memory again, and then everything works."""

    async def scene() -> Any:
        async with Outbox(RedisStore(redis_url)) as outbox:
            await outbox.put([push("a"), push("w", dedupe_id="w")])
            client = redis.asyncio.from_url(redis_url)
            await client.config_set("maxmemory", 1)
            try:
                with pytest.raises(OutboxFull) as error:
                    await outbox.put([push("b"), push("c")])
                withdrawn = await outbox.withdraw(dedupe_id="w")
                now = await outbox.now()
                leased = await outbox.store.lease(ask(1, now + 1))
                await outbox.store.settle(done(leased, dead=True), [], times(now))
                await outbox.take(await outbox.results())
                await outbox.store.expire(times(now + 1), 10)
                await outbox.store.clean(now + 1, now, 10)
                letters = await outbox.retry(), await outbox.drop()
            finally:
                await client.config_set("maxmemory", 0)
            await client.aclose()
            await outbox.put([push("d")])
            again = await outbox.store.lease(ask(2, now + 2))
            return str(error.value), withdrawn.removed, letters, [one.token for one in (*leased, *again)]

    said, withdrawn, letters, tokens = asyncio.run(scene())

    assert said.endswith("has no memory left")
    assert (withdrawn, letters) == (1, (1, 0))
    assert tokens == ["a", "a", "d"]


def test_a_redis_in_another_event_loop(redis_url: str) -> None:
    """Its connections belong to the first event loop; in another one it says so instead of failing now and then. When
    it was closed another one may use it."""
    store = RedisStore(redis_url)

    async def put(name: str, *, closes: bool = False) -> None:
        await store.put([entry(name)])
        await store._database.client.connection_pool.disconnect()
        if closes:
            await store.aclose()

    asyncio.run(put("a"))
    for _ in range(2):
        with pytest.raises(LoopError, match="another event loop"):
            asyncio.run(put("b"))
    asyncio.run(store.aclose())
    asyncio.run(put("c", closes=True))


def test_a_redis_that_would_lose_pushes_is_named(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Opening logs each setting with which pushes may be lost."""

    async def scene() -> None:
        client = redis.asyncio.from_url(redis_url)
        former = {**await client.config_get("appendonly"), **await client.config_get("maxmemory-policy")}
        try:
            await client.config_set("maxmemory-policy", "allkeys-lru")
            await client.config_set("appendonly", "no")
            async with Outbox(RedisStore(redis_url)):
                pass
        finally:
            for name, value in former.items():
                await client.config_set(name, value)
            await client.aclose()

    with caplog.at_level(logging.WARNING):
        asyncio.run(scene())

    said = [one.getMessage() for one in caplog.records if one.name == "pushgateway.outbox.redis"]
    assert [line.partition(": pushes")[0].rpartition("/")[2].partition(": ")[2] for line in said] == [
        "appendonly is no",
        "maxmemory-policy is allkeys-lru",
    ]


def test_a_redis_that_has_forgotten_the_scripts(redis_url: str) -> None:
    """After a restart of the server the scripts are sent again by themselves."""

    async def scene() -> int:
        async with Outbox(RedisStore(redis_url)) as outbox:
            await outbox.put([push("a")])
            client = redis.asyncio.from_url(redis_url)
            await client.script_flush()
            await client.aclose()
            await outbox.put([push("b")])
            return (await outbox.status()).total("waiting")

    assert asyncio.run(scene()) == 2


@pytest.mark.parametrize("state", ["waiting", "leased", "lost", "withdrawn", "done", "dead", "remembered"])
def test_an_entry_that_redis_has_evicted_stops_nobody(redis_url: str, state: str) -> None:
    """If a server that is set up wrongly evicts an entry, whatever became of it so far, all calls go on working for
    the others, and the same id can be put again."""
    now = 3000.0

    async def lead_to(store: RedisStore) -> None:
        if state == "waiting":
            return
        leased = await store.lease(ask(1))
        if state == "lost":
            await store.lease(ask(2, NOW + 100))
        elif state == "withdrawn":
            await store.withdraw(Whose(dedupe_id="a"), NOW)
        elif state != "leased":
            await store.settle(done(leased, dead=state == "dead"), [], times(keep=state != "remembered"))

    async def scene() -> Any:
        store = RedisStore(redis_url)
        await store.put([entry("a", digest=b"1", expires=NOW + 500), entry("b", digest=b"2")])
        await lead_to(store)
        client = redis.asyncio.from_url(redis_url)
        await client.delete(f"{PREFIX}e:{1:015d}")
        await client.aclose()
        await store.put([entry("a", digest=b"1"), entry("c")])
        await store.counts(now)
        await store.expire(times(now), 10)
        found = [*await store.lease(ask(5, now)), *await store.lease(ask(6, now, suspect=True))]
        found += await store.results(now, now, 10)
        letters = await store.letters("", 10)
        await store.clean(now + 1, now + 1, 10)
        again = await store.retry(None, now)
        await store.aclose()
        return sorted(ids(found)), ids(letters), again

    found, letters, again = asyncio.run(scene())

    assert found == (["a", "c"] if state == "remembered" else ["a", "b", "c"])
    assert (letters, again) == ((["b"], 1) if state == "dead" else ([], 0))


@pytest.mark.parametrize("kind", ["postgres_url", "mariadb_url", "redis_url"])
def test_killed_processes_lose_nothing(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """As with SQLite: processes that are killed at random moments lose and double nothing."""
    report = play(tmp_path, 6, seed=3, url=request.getfixturevalue(kind))

    assert report.broken == []
    assert report.put > 50
