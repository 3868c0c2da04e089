"""The outbox in a Redis that is not there. With a real Redis it is tested in `tests/services`."""

import asyncio
import random

import pytest
from inline_outbox import entry
from redis.exceptions import ResponseError

from pushgateway import FieldError, Notification, Push, PushToken
from pushgateway.model.errors import StoreError, StoreFull
from pushgateway.outbox import Outbox
from pushgateway.outbox.redis import RedisStore

IN_6_2 = "Error running script (call to f_1f): @user_script:9: @user_script: 9:"
URL = "redis://push:secret@127.0.0.1:1/0"


def test_nothing_is_raised_but_store_errors() -> None:
    """Opening and putting raise `StoreError`, which names the server and no password."""

    async def scene() -> list[str]:
        outbox = Outbox(RedisStore(URL, timeout=1.0), clock=lambda: 1.0, rng=random.Random(1))
        said = []
        for call in (outbox.open(), outbox.put([Push(PushToken(1, "a"), Notification("t", "b"))]), outbox.status()):
            with pytest.raises(StoreError) as error:
                await call
            said.append(str(error.value))
        with pytest.raises(StoreError) as error:
            await outbox.store.put([entry("a")])
        said.append(str(error.value))
        await outbox.aclose()
        return said

    assert asyncio.run(scene()) == ["redis://127.0.0.1:1/0: cannot be reached, or did not answer in time"] * 4


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        ("command not allowed when used memory > 'maxmemory'. script: 1f", StoreFull, "has no memory left"),
        (f"{IN_6_2} -OOM command not allowed when used memory > 'maxmemory'.", StoreFull, "has no memory left"),
        ("You can't write against a read only replica. script: 1f", StoreError, "cannot be written: is it a replica?"),
        (
            f"{IN_6_2} -READONLY You can't write against a read only replica.",
            StoreError,
            "cannot be written: is it a replica?",
        ),
        ("Error running script: secret", StoreError, "Redis has failed (ResponseError)"),
    ],
)
def test_errors_within_scripts(error: str, kind: type[StoreError], said: str) -> None:
    """A full memory and a replica are recognised in Redis 7, and in Redis 6.2, which words them in another way."""

    async def fails() -> None:
        raise ResponseError(error)

    async def scene() -> StoreError:
        with pytest.raises(StoreError) as found:
            await RedisStore(URL)._answer(fails())
        return found.value

    found = asyncio.run(scene())

    assert type(found) is kind
    assert str(found) == f"redis://127.0.0.1:1/0: {said}"


def test_no_password_is_shown() -> None:
    """Neither a `repr` nor the error of a wrong URL has it."""
    assert repr(RedisStore(URL)) == "RedisStore('redis://127.0.0.1:1/0')"
    with pytest.raises(FieldError) as error:
        RedisStore("http://push:secret@127.0.0.1")
    assert "secret" not in str(error.value)
