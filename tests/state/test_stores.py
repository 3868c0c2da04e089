"""Every store keeps what the protocol promises: memory, SQLite, and Redis with its scripts in fakeredis.

Time is a number that the tests set; for fakeredis it takes the place of `time.time`.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakeredis import FakeAsyncRedis, FakeServer
from state_conformance import *  # noqa: F403 - the tests
from state_conformance import Store

from pushgateway.databases.redis import RedisDatabase
from pushgateway.state import MemoryState, SharedState, Wish
from pushgateway.state.redis import RedisState
from pushgateway.state.sqlite import SqliteState

EPOCH = 1_700_000_000.0


class Clock:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = EPOCH

    def __call__(self) -> float:
        return self.now

    async def passes(self, seconds: float) -> None:
        """Let so many seconds pass."""
        self.now += seconds


def fake_redis(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> RedisState:
    """A `RedisState` whose server is in this process."""
    monkeypatch.setattr("time.time", clock)
    server = FakeServer()

    def client(database: RedisDatabase) -> Any:
        return FakeAsyncRedis(server=server)

    monkeypatch.setattr(RedisDatabase, "client", property(client))
    return RedisState(RedisDatabase("redis://user:password@localhost:1/0"), prefix="a*[b]?\\é")


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Store]:
    """Each of the three, empty."""
    clock = Clock()
    state: SharedState
    if request.param == "memory":
        state = MemoryState(clock)
    elif request.param == "sqlite":
        state = SqliteState(tmp_path / "state.db", clock=clock)
    else:
        state = fake_redis(monkeypatch, clock)
    yield Store(state, 1.0, clock.passes)
    await state.aclose()


@pytest.mark.anyio
async def test_a_redis_full_of_receipts_can_be_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """A day has millions of receipts, and to count them takes long: beyond a limit they are not counted. Everything
    else is shown, so that a closed quota can be found and opened."""
    state = fake_redis(monkeypatch, Clock())
    await state.exchange("a", [Wish("rate", 100.0, 90.0, 70.0)], hold=2.0, known=-1)
    await state.close_quota("q", 60.0)
    await state.claim_receipts(["r1", "r2"], "a", hold=60.0)
    keys = await state._database.client.dbsize()
    found = []
    for most in (keys, keys - 1):
        monkeypatch.setattr("pushgateway.state.redis._COUNTED", most)
        found.append(await state.contents())

    assert [one.receipts for one in found] == [2, None]
    assert [one.portions for one in found] == [{"rate": {"a": (90.0, 70.0)}}] * 2
    assert [list(one.closed) for one in found] == [["q"]] * 2
