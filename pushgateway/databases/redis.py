"""`RedisDatabase`: a client of one Redis (or Valkey) server, made from a URL, with short time limits.

redis-py does the work; it is imported when the client is made. No error and no `repr` shows user or password. Used by
the shared state and the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pushgateway.model.errors import ConfigError, FieldError
from pushgateway.model.installing import core_command
from pushgateway.model.secret import Secret, safe_repr

if TYPE_CHECKING:
    from redis.asyncio import BlockingConnectionPool, Redis

T = TypeVar("T")

SCHEMES = frozenset({"redis", "rediss", "unix"})
"""Of the URLs that name a Redis: TCP, TLS and a socket of this machine."""


def check_redis_url(field: str, url: str) -> str:
    """What a log may call the server that this URL names: without user, password and options.

    Raises `FieldError` for what is no URL of a Redis.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    place = parts.path.strip("/") if parts.scheme == "unix" else parts.hostname
    if parts.scheme not in SCHEMES or not place:
        raise FieldError(field, "must be redis://host:6379/0, rediss://… for TLS, or unix:///path/of/redis.sock")
    if parts.scheme == "unix":
        return f"unix://{parts.path}"
    host = f"[{place}]" if ":" in place else place
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path}"


@safe_repr
class RedisDatabase:
    """One Redis, over as many connections as calls are made at once. It belongs to the event loop of its first call.

    Nothing is opened before the first call; a connection that broke is replaced by the next call.
    """

    def __init__(self, url: str, *, timeout: float = 0.5, connections: int = 16, field: str = "url") -> None:
        """`timeout`: seconds to connect, and again for each answer. `connections`: at most so many; a further call
        waits for one. `field`: what an error calls the URL. Raises `FieldError` for the URL and its options,
        `ConfigError` if redis-py is not installed."""
        self.name = check_redis_url(field, url)
        self._url = Secret(url)
        self._timeout = timeout
        self._connections = connections
        try:
            import redis  # noqa: F401
        except ImportError:
            raise ConfigError([f"{self.name} needs redis, which is not installed: {core_command('redis')}"]) from None
        try:
            pool = self._pool()
            pool.connection_class(**pool.connection_kwargs)  # it opens nothing
        except Exception:  # whatever redis-py raises: its text may quote the URL
            raise FieldError(field, "has an option that redis-py does not know, or a wrong value of one") from None

    @cached_property
    def client(self) -> Redis:
        """The client of redis-py; it answers with bytes.

        Its errors are those of redis-py, and `TimeoutError`.
        """
        from redis.asyncio import Redis

        return Redis.from_pool(self._pool())

    def _pool(self) -> BlockingConnectionPool:
        from redis.asyncio import BlockingConnectionPool
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        options: dict[str, Any] = {
            "socket_timeout": self._timeout,
            "socket_connect_timeout": self._timeout,
            "retry": Retry(NoBackoff(), 0),  # who calls decides whether to ask again
        }
        if not self.name.startswith("unix:"):
            options["socket_keepalive"] = True
        pool = BlockingConnectionPool.from_url(
            self._url.reveal(), max_connections=self._connections, timeout=self._timeout, **options
        )
        pool.connection_kwargs["decode_responses"] = False  # whatever the URL says
        return pool

    async def answer(self, call: Awaitable[T]) -> T:
        """The answer to a call of the client. Raises what the call raises, and `CancelledError` if the task was
        cancelled meanwhile: before Python 3.12 `asyncio.wait_for`, by which redis-py sends, may lose that, and a task
        that is to end would go on."""
        task = asyncio.current_task()
        before = 0 if task is None else task.cancelling()
        try:
            return await call
        finally:
            if task is not None and task.cancelling() > before:
                raise asyncio.CancelledError

    async def aclose(self) -> None:
        """Close all connections. Safe to call more than once."""
        client = self.__dict__.pop("client", None)
        if client is not None:
            await client.aclose()

    def __repr__(self) -> str:
        return f"RedisDatabase({self.name!r})"
