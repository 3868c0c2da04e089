"""The table `[outbox]` of a `pushgateway.toml`, checked: from it an `Outbox` and a `Worker` are made.

Pure, except for what it makes. Sources such as `env:` have been resolved before. Used by `pushgateway.config`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, get_args

import attrs

from pushgateway.databases.redis import SCHEMES, check_redis_url
from pushgateway.databases.sqlite import sqlite_file, sqlite_path
from pushgateway.gateway import Gateway
from pushgateway.model.checks import check_count, check_seconds
from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr
from pushgateway.outbox.outbox import Outbox
from pushgateway.outbox.sqlite import SQLiteStore
from pushgateway.outbox.store import Store
from pushgateway.outbox.verdicts import UnknownPolicy
from pushgateway.outbox.webhook import Webhook, webhook_key
from pushgateway.outbox.worker import Worker, check_lease
from pushgateway.vendor.urls import check_base_url

Check = Callable[[str, Any], object]
_seconds: Check = partial(check_seconds, optional=False)
_POLICIES: Final = get_args(UnknownPolicy)


def _check_choice(choices: tuple[str, ...], field: str, value: object) -> None:
    if value not in choices:
        raise FieldError(field, f"must be {' or '.join(choices)}")


def _check_truth(field: str, value: object) -> None:
    if not isinstance(value, bool):
        raise FieldError(field, "must be true or false")


def _check_policies(field: str, value: object) -> None:
    if not isinstance(value, dict):
        raise FieldError(field, 'must be a table such as {7005 = "give_up"}')
    for key, policy in value.items():
        _check_choice(_POLICIES, f"{field}.{key}", policy)


_STORE: Final[Mapping[str, Check]] = {
    "synchronous": partial(_check_choice, ("FULL", "NORMAL")),
    "max_bytes": check_count,
}
"""Keys for SQLite only."""
_OUTBOX: Final[Mapping[str, Check]] = {"remember": _seconds, "keep_results": _seconds}
_WORKER: Final[Mapping[str, Check]] = {
    "results": partial(_check_choice, ("table",)),
    "unknown": partial(_check_choice, _POLICIES),
    "unknown_by_certificate": _check_policies,
    "timeout": _seconds,
    "lease": _seconds,
    "at_once": check_count,
    "newest_first": _check_truth,
    "give_up_after": _seconds,
    "most_lost": check_count,
}
_WEBHOOK: Final[Mapping[str, Check]] = {"webhook_url": check_base_url, "webhook_secret": webhook_key}
CHECKS: Final[Mapping[str, Check]] = {**_STORE, **_OUTBOX, **_WORKER, **_WEBHOOK}
"""The keys of the table besides `url`, and the check of each."""
SECRET: Final = ("url", "webhook_secret")
"""Keys whose value may have a source (`env:` or `file:`)."""


_SQL: Final = ("postgresql", "postgres", "mysql", "mariadb")


def check_url(field: str, url: object) -> None:
    """Raise `FieldError` unless the URL names a kind of store that there is."""
    kind = url.partition(":")[0] if isinstance(url, str) else ""
    if not isinstance(url, str) or kind not in ("sqlite", *_SQL, *SCHEMES):
        del url, kind  # it may hold a password, and a crash reporter stores the variables of this frame
        raise FieldError(field, "must be sqlite:///file, postgresql://user:password@host/name, mysql://… or redis://…")
    if kind == "sqlite":
        sqlite_path(field, url, Path())
    elif kind in SCHEMES:
        check_redis_url(field, url)


@safe_repr
@attrs.frozen(repr=False)
class OutboxSettings:
    """The table `[outbox]`. Raises `FieldError` where several of its values do not fit together."""

    url: str
    folder: Path
    """What a relative path in the URL is relative to."""
    values: Mapping[str, Any]
    """By key: values that passed `CHECKS`."""

    def __attrs_post_init__(self) -> None:
        check_lease("outbox.lease", self.values.get("lease", 120.0), self.values.get("timeout", 30.0))
        if len(self._of(_WEBHOOK)) == 1:
            raise FieldError("outbox.webhook_url", "needs webhook_secret, and the other way round")
        if self.file is None and (only := self._of(_STORE)):
            raise FieldError(f"outbox.{next(iter(only))}", "is for SQLite only")
        if "results" in self.values and "webhook_url" in self.values:
            raise FieldError("outbox.results", "leave it out: results go to webhook_url")

    def _of(self, names: Mapping[str, Check]) -> dict[str, Any]:
        return {name: self.values[name] for name in names if name in self.values}

    @property
    def file(self) -> Path | None:
        """The SQLite file; None: it is a server."""
        return sqlite_file("outbox.url", self.url, self.folder)

    def store(self) -> Store:
        """A store of its own; nothing is opened yet."""
        if (file := self.file) is not None:
            return SQLiteStore(file, **self._of(_STORE))
        if self.url.partition(":")[0] in SCHEMES:
            from pushgateway.outbox.redis import RedisStore

            return RedisStore(self.url, field="outbox.url")
        from pushgateway.outbox.sql import SqlStore

        return SqlStore(self.url, field="outbox.url")

    def outbox(self) -> Outbox:
        """An outbox with a store of its own."""
        return Outbox(self.store(), **self._of(_OUTBOX))

    def worker(self, outbox: Outbox, gateway: Gateway, **more: Any) -> Worker:
        """A worker for this outbox; `more` are further keyword arguments of `Worker`, which take precedence."""
        options = self._of(_WORKER)
        if "webhook_url" in self.values and "results" not in more:
            options["results"] = Webhook(self.values["webhook_url"], self.values["webhook_secret"])
        return Worker(outbox, gateway, **{**options, **more})

    def __repr__(self) -> str:
        return f"OutboxSettings({', '.join(sorted(self.values))})"
