"""The same gateway for code without an event loop.

Law of this file: no logic of its own. One background thread runs one event loop with one `pushgateway.Gateway` in it
(anyio's blocking portal); every method here hands its call over and waits. Any thread may call.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from pushgateway import gateway as _async
from pushgateway.certificates import Certificate
from pushgateway.errors import LoopError
from pushgateway.model import Audience, Notification, Push, PushToken
from pushgateway.outcome import BroadcastOutcome, CertificateCheck, Outcome

__all__ = ["Gateway"]

R = TypeVar("R")


class Gateway:
    """`pushgateway.Gateway`, blocking. Same names, same values; use it as a context manager or call `close()`.

    Raises `LoopError` where an event loop runs: blocking there would stop everything else in it.
    """

    def __init__(self, certificates: Iterable[Certificate], **options: Any) -> None:
        """See `pushgateway.Gateway`; `options` are its keyword arguments."""
        _refuse_running_loop()
        self._inner = _async.Gateway(certificates, **options)
        self._stack = ExitStack()
        self._portal: BlockingPortal = self._stack.enter_context(start_blocking_portal("asyncio"))
        self._closed = False
        self._pid = os.getpid()

    def send(
        self,
        push_token: PushToken,
        notification: Notification,
        *,
        timeout: float | None = None,
        dedupe_id: str = "",
        coalesce: bool = True,
    ) -> Outcome:
        """See `pushgateway.Gateway.send`."""
        return self._call(
            lambda: self._inner.send(push_token, notification, timeout=timeout, dedupe_id=dedupe_id, coalesce=coalesce)
        )

    def send_each(self, pushes: Iterable[Push]) -> list[Outcome]:
        """See `pushgateway.Gateway.send_each`."""
        return self._call(lambda: self._inner.send_each(pushes))

    def multicast(self, tokens: Iterable[PushToken], notification: Notification) -> list[Outcome]:
        """See `pushgateway.Gateway.multicast`."""
        return self._call(lambda: self._inner.multicast(tokens, notification))

    def stream(self, pushes: Iterable[Push], *, window: int = 4000) -> Iterator[Outcome]:
        """See `pushgateway.Gateway.stream`. `pushes` is iterated in the background thread."""
        self._ready()
        outcomes = self._inner.stream(pushes, window=window)

        async def some() -> list[Outcome]:
            # Handing over costs far more than an outcome: take a handful at a time.
            taken: list[Outcome] = []
            async for outcome in outcomes:
                taken.append(outcome)
                if len(taken) >= HANDFUL:
                    break
            return taken

        try:
            while taken := self._call(some):
                yield from taken
        finally:
            if not self._closed:
                self._call(outcomes.aclose)

    def broadcast(
        self,
        certificate_id: int | str,
        notification: Notification,
        audience: Audience,
        *,
        start_at: datetime | None = None,
        rate: int | None = None,
        timeout: float = 300.0,
    ) -> BroadcastOutcome:
        """See `pushgateway.Gateway.broadcast`."""
        return self._call(
            lambda: self._inner.broadcast(
                certificate_id, notification, audience, start_at=start_at, rate=rate, timeout=timeout
            )
        )

    def reload(self, certificates: Iterable[Certificate]) -> None:
        """See `pushgateway.Gateway.reload`."""
        self._ready()
        self._portal.call(self._inner.reload, certificates)

    def check(self, certificate_id: int | str) -> CertificateCheck:
        """See `pushgateway.Gateway.check`."""
        return self._call(lambda: self._inner.check(certificate_id))

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The set in use."""
        return self._inner.certificates

    def close(self, grace: float = 5.0) -> None:
        """See `pushgateway.Gateway.aclose`; also ends the background thread. Safe to call more than once."""
        if self._closed:
            return
        self._ready()
        try:
            self._portal.call(self._inner.aclose, grace)
        finally:
            self._closed = True
            self._stack.close()

    def _call(self, begin: Callable[[], Coroutine[Any, Any, R]]) -> R:
        self._ready()
        result: R = self._portal.call(begin)
        return result

    def _ready(self) -> None:
        _refuse_running_loop()
        if self._pid != os.getpid():
            raise LoopError("this gateway was made before a fork: make one in each process, after the fork")
        if self._closed:
            raise LoopError("this gateway is closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"sync.{self._inner!r}"


HANDFUL = 200
"""Outcomes of a stream handed over at a time."""


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise LoopError("an event loop runs in this thread: use pushgateway.Gateway and await it")
