"""`StateAddress`: where the shared state is, as a host or `pushgateway.toml` names it; `open_state` opens it.

What a store needs is imported when its address is checked or opened.
"""

from __future__ import annotations

from pathlib import Path

import attrs

from pushgateway.databases.redis import SCHEMES, RedisDatabase, check_redis_url
from pushgateway.model.errors import FieldError
from pushgateway.model.secret import Secret, safe_repr
from pushgateway.state.protocol import SharedState

PREFIX = "pushgateway"
TIMEOUT = 5.0
"""Seconds for a Redis to connect or to answer. In a gateway `guard` ends a call much sooner."""


def _secret(value: str | Secret) -> Secret:
    if isinstance(value, Secret):
        return value
    check_state_url("state.url", value)  # before it is a secret: "" and what is no text can be none
    return Secret(value)


@safe_repr
@attrs.frozen
class StateAddress:
    """Where the shared state is. It opens nothing.

    Raises `FieldError` for a URL that is none of these: `sqlite:///file` (processes of one machine),
    `redis://host:6379/0`, `rediss://…` and `unix://…` (any number of machines).
    """

    url: Secret = attrs.field(converter=_secret)
    """It may hold a password."""
    prefix: str = PREFIX
    """Of all keys in a Redis: processes with different prefixes share nothing. Without meaning for SQLite."""
    folder: Path = attrs.field(default=Path(), converter=Path)
    """To which the path of an SQLite file is relative."""

    def __attrs_post_init__(self) -> None:
        check_state_url("state.url", self.url.reveal())
        check_prefix("state.prefix", self.prefix)

    @property
    def file(self) -> Path | None:
        """The SQLite file; None: it is a Redis."""
        url = self.url.reveal()
        if not url.startswith("sqlite:"):
            return None
        from pushgateway.databases.sqlite import sqlite_path  # only with SQLite: a Redis needs none of it

        return sqlite_path("state.url", url, self.folder)


def check_state_url(field: str, url: object) -> None:
    """Raise `FieldError` for what names no store of shared state."""
    scheme = url.partition(":")[0] if isinstance(url, str) else ""
    if isinstance(url, str) and scheme in SCHEMES:
        check_redis_url(field, url)
    elif isinstance(url, str) and scheme == "sqlite":
        from pushgateway.databases.sqlite import sqlite_path

        sqlite_path(field, url, Path())
    else:
        raise FieldError(field, "must be sqlite:///file, redis://host:6379/0, rediss://… or unix:///path/of/redis.sock")


def check_prefix(field: str, prefix: object) -> None:
    """Raise `FieldError` for what can be no prefix."""
    if not isinstance(prefix, str) or not prefix or not prefix.isprintable() or set(prefix) & set("{}"):
        raise FieldError(field, "must be a text without braces and control characters")


def open_state(address: StateAddress | str) -> SharedState:
    """The store at this address. It connects at the first call; close it with `aclose()`.

    Raises `FieldError` for the address, and `ConfigError` if its client is not installed.
    """
    if isinstance(address, str):
        address = StateAddress(address)
    if (file := address.file) is not None:
        from pushgateway.state.sqlite import SqliteState

        return SqliteState(file)
    from pushgateway.state.redis import RedisState

    return RedisState(RedisDatabase(address.url.reveal(), timeout=TIMEOUT, field="state.url"), prefix=address.prefix)
