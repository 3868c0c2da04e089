"""Four real processes on one Redis are one sender to the vendor."""

import pytest
from several_processes import *  # noqa: F403 - the tests


@pytest.fixture
def state_url(redis_url: str) -> str:
    """An empty Redis database."""
    return redis_url


@pytest.fixture
def measured() -> float:
    """Seconds for which a rate is measured."""
    return 10.0
