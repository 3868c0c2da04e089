"""The servers of these tests themselves: each test has an empty database, and a server comes back where it was."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
import pymysql
import pytest
import redis
from servers import Postgres, Redis


@pytest.mark.parametrize("_time", ["first", "second"])
def test_each_test_has_an_empty_redis(redis_url: str, _time: str) -> None:
    """What one test wrote is not there in the next."""
    with redis.Redis.from_url(redis_url) as client:
        found = client.dbsize()
        client.set("left", "here")

    assert found == 0


@pytest.mark.parametrize("_time", ["first", "second"])
def test_each_test_has_a_new_postgresql_database(postgres_url: str, _time: str) -> None:
    """A table of the same name can be made in each."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE pushes (number integer)")
        connection.execute("INSERT INTO pushes VALUES (1)")
        count = connection.execute("SELECT count(*) FROM pushes").fetchone()

    assert count == (1,)


@pytest.mark.parametrize("_time", ["first", "second"])
def test_each_test_has_a_new_mariadb_database(mariadb_url: str, _time: str) -> None:
    """A table of the same name can be made in each, and takes every character."""
    parts = urlsplit(mariadb_url)
    with pymysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=parts.username, database=parts.path.strip("/")
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE pushes (title varchar(20))")
        cursor.execute("INSERT INTO pushes VALUES (%s)", ("你好 👋",))
        cursor.execute("SELECT title FROM pushes")
        found = cursor.fetchall()

    assert found == (("你好 👋",),)


def test_a_killed_redis_comes_back_at_its_address(own_redis: Redis) -> None:
    """Tests of outages stop a server and start it again: clients find it under the same URL."""
    url = own_redis.url
    own_redis.stop(kill=True)
    with redis.Redis.from_url(url) as client, pytest.raises(redis.exceptions.ConnectionError):
        client.ping()
    own_redis.start()

    with redis.Redis.from_url(url) as client:
        assert client.ping()
    assert own_redis.url == url


def test_a_killed_postgresql_comes_back_with_what_was_committed(own_postgres: Postgres) -> None:
    """A crash of the server costs nothing that it had said to be committed."""
    with psycopg.connect(f"{own_postgres.url}/postgres") as connection:
        connection.execute("CREATE TABLE kept (number integer)")
    own_postgres.stop(kill=True)
    own_postgres.start()

    with psycopg.connect(f"{own_postgres.url}/postgres") as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
