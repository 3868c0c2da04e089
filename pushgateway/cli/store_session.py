"""Opens what a configuration stores (outbox, devices) for one subcommand, and closes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

from pushgateway.model.errors import FieldError, StoreError

S = TypeVar("S", bound=AbstractAsyncContextManager[Any])
T = TypeVar("T")


def ask(table: str, store: S, question: Callable[[S], Awaitable[T]]) -> T:
    """Open the store of this table of the configuration, await `question` with it and close it. Raises `FieldError`,
    which is exit code 2, if it cannot be used."""

    async def asking() -> T:
        async with store:
            return await question(store)

    try:
        return asyncio.run(asking())
    except StoreError as trouble:
        raise FieldError(table, str(trouble)) from None
