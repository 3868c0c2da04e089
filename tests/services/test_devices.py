"""The devices on PostgreSQL and MariaDB: the same promises as on SQLite."""

import pytest
from device_promises import *  # noqa: F403 - the same tests as without a server


@pytest.fixture(params=["postgres_url", "mariadb_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A new database."""
    found: str = request.getfixturevalue(request.param)
    return found
