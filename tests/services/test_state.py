"""A real Redis keeps what every store of shared state promises, by its own clock and with its own Lua.

Time passes there by waiting: what a test calls a second is 40 milliseconds.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
from state_conformance import *  # noqa: F403 - the tests
from state_conformance import Store

from pushgateway.state import open_state

UNIT = 0.04


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    """An empty Redis database."""
    state = open_state(redis_url)
    yield Store(state, UNIT, asyncio.sleep)
    await state.aclose()
