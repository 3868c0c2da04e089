"""`pushgateway.outbox.Outbox`, blocking: with its worker, in the thread of a `sync.Gateway`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

from pushgateway.gateway import Gateway
from pushgateway.model.errors import StoreError
from pushgateway.model.push import Push
from pushgateway.model.secret import safe_repr
from pushgateway.sync.devices import RunInThread

if TYPE_CHECKING:  # imported by hosts that have an outbox
    from sqlalchemy import Connection

    from pushgateway import outbox as _async
    from pushgateway.outbox import DeadLetter, OutboxStatus, Result, Withdrawn, Worker

Handler = Callable[[Sequence["Result"]], object]
"""Takes results, in a thread of its own: when it returns, the outbox forgets them; when it raises, they are handed over
again later. An async function is called in the gateway's thread."""


@safe_repr
class Outbox:
    """`pushgateway.outbox.Outbox`, blocking. Got from `sync.Gateway.outbox`; close it before the gateway. After the
    gateway's close all methods raise `StoreError`."""

    def __init__(
        self,
        inner: _async.Outbox,
        call: RunInThread,
        works: bool,
        results: Handler | Literal["table"] | None,
        **options: Any,
    ) -> None:
        """See `sync.Gateway.outbox`. Opens the store. Raises `StoreError` and `FieldError`."""
        self._inner, self._call = inner, call
        self._worker: Worker | None = None
        handler = _awaited(results) if callable(results) else results

        async def begin(gateway: Gateway) -> None:
            from pushgateway.outbox import Worker

            worker = Worker(inner, gateway, results=handler, **options) if works else None
            await inner.open()  # when nothing can be wrong any more that would leave it open
            if worker is not None:
                worker.start()
            self._worker = worker

        call(begin, closed)

    def put(
        self, pushes: Iterable[Push], *, not_before: datetime | None = None, expires: datetime | None = None
    ) -> list[str]:
        """See `pushgateway.outbox.Outbox.put`."""
        given = list(pushes)
        return self._call(lambda _: self._inner.put(given, not_before=not_before, expires=expires), closed)

    def put_within(
        self,
        connection: Connection,
        pushes: Iterable[Push],
        *,
        not_before: datetime | None = None,
        expires: datetime | None = None,
    ) -> list[str]:
        """See `pushgateway.outbox.Outbox.put_within`: in this thread, on your connection."""
        return self._inner.put_within(connection, pushes, not_before=not_before, expires=expires)

    def withdraw(
        self, *, user: str | None = None, device: str | None = None, dedupe_id: str | None = None
    ) -> Withdrawn:
        """See `pushgateway.outbox.Outbox.withdraw`."""
        return self._call(lambda _: self._inner.withdraw(user=user, device=device, dedupe_id=dedupe_id), closed)

    def status(self) -> OutboxStatus:
        """See `pushgateway.outbox.Outbox.status`."""
        return self._call(lambda _: self._inner.status(), closed)

    def results(self, limit: int = 500) -> list[Result]:
        """See `pushgateway.outbox.Outbox.results`."""
        return self._call(lambda _: self._inner.results(limit), closed)

    def take(self, results: Iterable[Result]) -> None:
        """See `pushgateway.outbox.Outbox.take`."""
        given = list(results)
        return self._call(lambda _: self._inner.take(given), closed)

    def dead_letters(self, *, after: str = "", limit: int = 100) -> list[DeadLetter]:
        """See `pushgateway.outbox.Outbox.dead_letters`."""
        return self._call(lambda _: self._inner.dead_letters(after=after, limit=limit), closed)

    def retry(self, dedupe_ids: Iterable[str] | None = None) -> int:
        """See `pushgateway.outbox.Outbox.retry`."""
        given = _read(dedupe_ids)
        return self._call(lambda _: self._inner.retry(given), closed)

    def drop(self, dedupe_ids: Iterable[str] | None = None) -> int:
        """See `pushgateway.outbox.Outbox.drop`."""
        given = _read(dedupe_ids)
        return self._call(lambda _: self._inner.drop(given), closed)

    @property
    def is_healthy(self) -> bool:
        """False while the store or the handler of results does not work (`Worker.is_healthy`)."""
        return self._worker is None or self._worker.is_healthy

    def close(self, grace: float = 10.0) -> None:
        """See `pushgateway.outbox.Worker.aclose`; then the store is closed. Safe to call more than once."""

        async def end(_: Gateway) -> None:
            if self._worker is not None:
                await self._worker.aclose(grace)
            await self._inner.aclose()

        self._call(end, lambda: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"sync.{self._inner!r}"


def _read(dedupe_ids: Iterable[str] | None) -> Iterable[str] | None:
    """Several ids, read here: the gateway's thread must not iterate what is the caller's. A str stays one."""
    return dedupe_ids if dedupe_ids is None or isinstance(dedupe_ids, str) else list(dedupe_ids)


def _awaited(handler: Handler) -> _async.Handler:
    """The handler as an async function."""
    if inspect.iscoroutinefunction(handler) or hasattr(handler, "aclose"):  # a `Webhook` has an async `__call__`
        return handler  # type: ignore[return-value]

    async def call(results: Sequence[Result]) -> None:
        await asyncio.to_thread(handler, results)

    return call


def closed() -> NoReturn:
    """What a call gets after the close."""
    raise StoreError("the gateway was closed, and its outbox with it")
