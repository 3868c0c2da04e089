"""`RedisDatabase`: a URL with a wrong option is refused before the first call, and no password is shown."""

import asyncio

import pytest

from pushgateway.databases.redis import RedisDatabase
from pushgateway.model.errors import FieldError

CANARY = "canary-5d1f"


@pytest.mark.parametrize("option", ["db=first", f"user={CANARY}", "socket_timeout=soon", f"max_connections={CANARY}"])
def test_an_option_that_the_client_does_not_know_is_refused(option: str) -> None:
    """Otherwise each call would fail, as if the server were gone. The error quotes nothing of the URL."""
    with pytest.raises(FieldError, match=r"^state\.url: has an option that redis-py does not know") as refused:
        RedisDatabase(f"redis://user:{CANARY}@localhost/0?{option}", field="state.url")

    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("url", ["redis://localhost", "rediss://[::1]:6380/3", "unix:///run/redis.sock?db=1"])
def test_answers_are_bytes(url: str) -> None:
    """An option of the URL that would make texts of them has no effect; others have."""
    separator = "&" if "?" in url else "?"
    database = RedisDatabase(f"{url}{separator}decode_responses=True&socket_timeout=3")
    options = database.client.connection_pool.connection_kwargs

    assert options["decode_responses"] is False
    assert options["socket_timeout"] == 3.0


def test_a_task_that_is_cancelled_ends_although_the_client_lost_that() -> None:
    """Before Python 3.12 `asyncio.wait_for` loses a cancellation that comes with the answer, and redis-py uses it. The
    limit of `asyncio.timeout`, which cancels too, stays a `TimeoutError`."""

    async def loses_it() -> str:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            return "an answer"
        return "too late"

    async def answers() -> str:
        return "an answer"

    async def scene() -> None:
        database = RedisDatabase("redis://localhost")
        task = asyncio.ensure_future(database.answer(loses_it()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await database.answer(loses_it())
        assert await database.answer(answers()) == "an answer"

    asyncio.run(scene())
