"""The outbox in a Redis that is not there. With a real Redis it is tested in `tests/services`."""

import asyncio
import random

import pytest
from inline_outbox import entry

from pushgateway import FieldError, Notification, Push, PushToken
from pushgateway.model.errors import StoreError
from pushgateway.outbox import Outbox
from pushgateway.outbox.redis import RedisStore

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


def test_no_password_is_shown() -> None:
    """Neither a `repr` nor the error of a wrong URL has it."""
    assert repr(RedisStore(URL)) == "RedisStore('redis://127.0.0.1:1/0')"
    with pytest.raises(FieldError) as error:
        RedisStore("http://push:secret@127.0.0.1")
    assert "secret" not in str(error.value)
