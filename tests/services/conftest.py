"""Real servers for all tests here: Redis, PostgreSQL and MariaDB, with an empty database for each test.

These tests need the servers' programs, so they have an environment of their own, `tox -e services`, and are collected
only if they are named (`norecursedirs` in pyproject.toml). Each server is the one that PUSHGATEWAY_TEST_REDIS,
PUSHGATEWAY_TEST_POSTGRES or PUSHGATEWAY_TEST_MARIADB names by its URL (its user must be allowed to make databases; the
Redis database is emptied), or one that is started here and stopped at the end.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from servers import MariaDB, Postgres, Redis, mariadb_database, missing, postgres_database, redis_database, running


def pytest_configure() -> None:
    """Say what to install before the first test."""
    lacks = missing()
    if lacks:
        raise pytest.UsageError("; ".join(lacks))


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a Redis or Valkey for the whole run."""
    with running(Redis) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL for the whole run."""
    with running(Postgres) as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    """The URL of a MariaDB for the whole run."""
    with running(MariaDB) as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """The URL of an empty Redis database."""
    with redis_database(redis_server) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of a new PostgreSQL database."""
    with postgres_database(postgres_server) as url:
        yield url


@pytest.fixture
def mariadb_url(mariadb_server: str) -> Iterator[str]:
    """The URL of a new MariaDB database."""
    with mariadb_database(mariadb_server) as url:
        yield url


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """A Redis for one test alone, which may be stopped, killed and started again."""
    with Redis() as server:
        assert isinstance(server, Redis)
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL for one test alone, which may be stopped, killed and started again."""
    with Postgres() as server:
        assert isinstance(server, Postgres)
        yield server
