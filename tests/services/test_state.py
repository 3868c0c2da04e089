"""A real Redis keeps what every store of shared state promises, by its own clock and with its own Lua.

Time passes there by waiting: what a test calls a second is 40 milliseconds.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from servers import Redis
from state_conformance import *  # noqa: F403 - the tests
from state_conformance import Store

from pushgateway.state import Claim, open_state

UNIT = 0.04


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    """An empty Redis database."""
    state = open_state(redis_url)
    yield Store(state, UNIT, asyncio.sleep)
    await state.aclose()


async def test_a_socket_of_this_machine_can_be_used(own_redis: Redis) -> None:
    """A URL `unix://` with a number of the database works like one with a host."""
    state = open_state(f"unix://{own_redis.folder}/redis.sock?db=1")
    first = await state.claim_receipts(["r"], "a", hold=60.0)
    second = await state.claim_receipts(["r"], "b", hold=60.0)
    await state.aclose()

    assert [*first, *second] == [Claim.NEW, Claim.BUSY]
