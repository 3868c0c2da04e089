"""`SqlDatabase` on PostgreSQL and MariaDB: the same promises as on SQLite, and outages of a server."""

import asyncio
from pathlib import Path

import pytest
from servers import Postgres, with_database
from sql_promises import *  # noqa: F403 - the same tests as on SQLite
from sql_promises import add, opened, words

from pushgateway.model.errors import StoreError


@pytest.fixture(params=["postgres_url", "mariadb_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A new database."""
    found: str = request.getfixturevalue(request.param)
    return found


def test_a_restarted_server_is_found_again(own_postgres: Postgres, tmp_path: Path) -> None:
    """While the server is gone there is an error in time; afterwards the first work succeeds, over a new connection."""

    async def scene() -> list[str]:
        async with opened(with_database(own_postgres.url, "postgres"), tmp_path) as database:
            await database.run(lambda connection: add(connection, "a"))
            own_postgres.stop(kill=True)
            with pytest.raises(StoreError, match="cannot be reached"):
                await database.run(words)
            own_postgres.start()
            return await database.run(words)

    assert asyncio.run(scene()) == ["a"]


def test_a_connection_that_was_closed_meanwhile_costs_nobody_an_error(own_postgres: Postgres, tmp_path: Path) -> None:
    """The server was restarted while nothing was asked: the work is run again over a new connection."""

    async def scene() -> list[str]:
        async with opened(with_database(own_postgres.url, "postgres"), tmp_path) as database:
            await database.run(lambda connection: add(connection, "a"))
            own_postgres.stop(kill=True)
            own_postgres.start()
            return await database.run(words)

    assert asyncio.run(scene()) == ["a"]


@pytest.mark.parametrize(
    ("server", "sentence"),
    [("postgres_url", "or refuses the user, the password or the name"), ("mariadb_url", "no database of this name")],
)
def test_a_database_that_does_not_exist_is_named(
    server: str, sentence: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The user reads what may be missing, as far as the driver says it."""

    async def scene() -> None:
        async with opened(with_database(request.getfixturevalue(server), "nowhere"), tmp_path) as database:
            with pytest.raises(StoreError, match=f"nowhere: .*{sentence}"):
                await database.open()

    asyncio.run(scene())
