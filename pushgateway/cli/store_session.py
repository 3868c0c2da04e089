"""Opens what a configuration stores (outbox, devices) for one subcommand, and closes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

from pushgateway.model.errors import FieldError, StoreError

S = TypeVar("S", bound=AbstractAsyncContextManager[Any])
T = TypeVar("T")


def ask(table: str, file: Path | None, store: S, question: Callable[[S], Awaitable[T]]) -> T:
    """Open the store of this table of the configuration, await `question` with it and close it. `file`: of the store,
    if that is SQLite.

    Raises `FieldError`, which is exit code 2, if it cannot be used. A file that is not there is not made: it would
    belong to the user of this command, and the services could not use it.
    """
    if file is not None and not file.exists():
        raise FieldError(f"{table}.url", f"{file.name} is not there; the service makes it when it starts")

    async def asking() -> T:
        async with store:
            return await question(store)

    try:
        return asyncio.run(asking())
    except StoreError as trouble:
        raise FieldError(table, str(trouble)) from None
