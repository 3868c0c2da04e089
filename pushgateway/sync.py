"""The same gateway for code without an event loop.

Law of this file: no logic of its own. One background thread runs one event loop with one `pushgateway.Gateway` in it;
every method here hands its call over and waits. Any thread may call. What belongs to the host, an iterable above all,
is read in the thread that calls. A call handed over is seen through before the loop ends; a later one is told what a
closed gateway tells.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import random
import threading
import time
import weakref
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from concurrent.futures import Future
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pushgateway import gateway as _async
from pushgateway.audience import Audience, Broadcast
from pushgateway.broadcasting import ended
from pushgateway.certificates import Certificate
from pushgateway.errors import LoopError
from pushgateway.flow import Crossing, as_push
from pushgateway.intent import Priority
from pushgateway.model import Notification, Push, PushToken, as_certificate_id
from pushgateway.outcome import BroadcastOutcome, CertificateCheck, Outcome, Reason, Status
from pushgateway.region import CLOSED
from pushgateway.retry import RetryPolicy
from pushgateway.transport import Transport
from pushgateway.vendor import Vendor
from pushgateway.watching import Observer

__all__ = ["Gateway"]

R = TypeVar("R")

EXIT_GRACE = 1.0
"""Seconds for what is under way when the process ends, or the gateway is dropped, without a `close()`."""


class Gateway:
    """`pushgateway.Gateway`, blocking. Same names, same values; use it as a context manager or call `close()`.

    Raises `LoopError` where an event loop runs, because blocking there would stop everything else in it, and in a
    process forked after it was made. One that nobody closed is closed at the end of the process.
    """

    def __init__(
        self,
        certificates: Iterable[Certificate],
        *,
        timeout: float = 30.0,
        request_timeout: float = 10.0,
        connections: int = 8,
        linger: float = 0.01,
        queue: int = 100_000,
        retry: RetryPolicy | None = None,
        observer: Observer | None = None,
        transport: Transport | None = None,
        vendors: Mapping[str, type[Vendor]] | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        """See `pushgateway.Gateway`. A `transport` and an `observer` of yours are used in the background thread."""
        _refuse_running_loop()
        self._inner = _async.Gateway(
            certificates,
            timeout=timeout,
            request_timeout=request_timeout,
            connections=connections,
            linger=linger,
            queue=queue,
            retry=retry,
            observer=observer,
            transport=transport,
            vendors=vendors,
            clock=clock,
            rng=rng,
        )
        self._background = _Background(self._inner)
        weakref.finalize(self, self._background.abandon).atexit = False  # `_end_all` waits as well

    def send(
        self,
        push_token: PushToken,
        notification: Notification,
        *,
        timeout: float | None = None,
        coalesce: bool = True,
        priority: Priority | None = None,
    ) -> Outcome:
        """See `pushgateway.Gateway.send`."""
        return self._call(
            lambda inner: inner.send(push_token, notification, timeout=timeout, coalesce=coalesce, priority=priority),
            lambda: _closed(Push(push_token, notification, timeout=timeout, coalesce=coalesce, priority=priority)),
        )

    def try_send(
        self,
        push_token: PushToken,
        notification: Notification,
        *,
        timeout: float | None = None,
        coalesce: bool = True,
        priority: Priority | None = None,
    ) -> Outcome:
        """See `pushgateway.Gateway.try_send`."""
        return self._call(
            lambda inner: inner.try_send(
                push_token, notification, timeout=timeout, coalesce=coalesce, priority=priority
            ),
            lambda: _closed(Push(push_token, notification, timeout=timeout, coalesce=coalesce, priority=priority)),
        )

    def send_each(self, pushes: Iterable[Push]) -> list[Outcome]:
        """See `pushgateway.Gateway.send_each`."""
        given = [as_push(push, place) for place, push in enumerate(pushes)]
        return self._call(lambda inner: inner.send_each(given), lambda: [_closed(push) for push in given])

    def multicast(
        self,
        push_tokens: Iterable[PushToken],
        notification: Notification,
        *,
        timeout: float | None = None,
        priority: Priority | None = None,
    ) -> list[Outcome]:
        """See `pushgateway.Gateway.multicast`."""
        given = list(push_tokens)
        return self._call(
            lambda inner: inner.multicast(given, notification, timeout=timeout, priority=priority),
            lambda: [_closed(Push(push_token, notification, timeout=timeout)) for push_token in given],
        )

    def stream(self, pushes: Iterable[Push], *, window: int = 4000) -> Generator[Outcome, None, None]:
        """See `pushgateway.Gateway.stream`. `pushes` is iterated here, in the thread that takes the outcomes.

        An outcome that is known goes before the next push is taken, but while `pushes` blocks none can come. Pushes
        taken when the gateway is closed from another thread have their outcomes too. Leaving early (`close()` of the
        generator) takes back what has not left yet.
        """
        self._ready()
        crossing = Crossing(self._background.loop, window)
        call = _Call(lambda inner: crossing.run(lambda supply: inner.stream(supply, window=window)))
        try:
            running = self._background.hand_over(call)
            if running is None:
                yield from (_closed(as_push(push, place)) for place, push in enumerate(pushes))
                return
            yield from crossing.outcomes(pushes, self._ready)
            running.result()
            yield from map(_closed, crossing.left())
            if crossing.failure is not None:
                raise crossing.failure
        finally:
            self._background.take_back(call)

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

        def closed() -> BroadcastOutcome:
            wanted = Broadcast(certificate_id, notification, audience, start_at=start_at, rate=rate)
            return ended(wanted, wanted.audience, Status.NOT_SENT, Reason.CLOSED, CLOSED)

        return self._call(
            lambda inner: inner.broadcast(
                certificate_id, notification, audience, start_at=start_at, rate=rate, timeout=timeout
            ),
            closed,
        )

    def reload(self, certificates: Iterable[Certificate]) -> None:
        """See `pushgateway.Gateway.reload`. After `close()` it changes nothing."""
        given = list(certificates)

        async def swap(inner: _async.Gateway) -> None:
            inner.reload(given)

        self._call(swap, lambda: None)

    def check(self, certificate_id: int | str) -> CertificateCheck:
        """See `pushgateway.Gateway.check`."""

        def closed() -> CertificateCheck:
            key = as_certificate_id(certificate_id)
            brand = next((one.brand for one in self.certificates if one.id == key), None)
            return CertificateCheck(certificate_id=key, brand=brand, ok=False, reason=Reason.CLOSED, detail=CLOSED)

        return self._call(lambda inner: inner.check(certificate_id), closed)

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The set in use."""
        return self._inner.certificates

    def close(self, grace: float = 5.0) -> None:
        """See `pushgateway.Gateway.aclose`; also ends the background thread. Safe to call more than once.

        Calls under way in other threads get their values; later ones get those of a closed gateway.
        """
        if not self._background.over:
            self._ready()
        self._background.end(grace)

    def _call(self, begin: Callable[[_async.Gateway], Coroutine[Any, Any, R]], closed: Callable[[], R]) -> R:
        self._ready()
        call = _Call(begin)
        try:
            under_way = self._background.hand_over(call)
            return closed() if under_way is None else under_way.result()
        except BaseException:  # interrupted, as by Ctrl-C
            self._background.take_back(call)
            raise

    def _ready(self) -> None:
        _refuse_running_loop()
        if self._background.forked:
            raise LoopError("this gateway was made before a fork: make one in each process, after the fork")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._background.forked:  # a child that leaves the block has nothing to close
            self.close()

    def __repr__(self) -> str:
        return f"sync.{self._inner!r}"


class _Call(Generic[R]):
    """A call, from before it is handed over: an interrupt may come when the loop has it and no future is there yet."""

    def __init__(self, begin: Callable[[_async.Gateway], Coroutine[Any, Any, R]]) -> None:
        self.gone = False
        self._begin = begin
        self._task: asyncio.Task[Any] | None = None

    async def run(self, inner: _async.Gateway) -> R:
        """In the loop: see it through, unless its caller is gone."""
        self._task = asyncio.current_task()
        if self.gone:
            raise asyncio.CancelledError
        return await self._begin(inner)

    def cancel(self) -> None:
        """In the loop: break it off, if it runs."""
        if self._task is not None:
            self._task.cancel()


class _Background:
    """A thread, its event loop, and the gateway that lives in it. Does not know the `Gateway` in front of it."""

    def __init__(self, inner: _async.Gateway) -> None:
        self._inner = inner
        self._pid = os.getpid()
        # Reentrant: a signal's code or a finalizer may come in between in the thread that holds it.
        self._lock = threading.RLock()
        self._calls: set[Future[Any]] = set()
        self._ending: Future[None] | None = None
        self._ended = asyncio.Event()
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="pushgateway", daemon=True)
        self._thread.start()
        self.loop = started.result()
        _RUNNING.add(self)

    @property
    def forked(self) -> bool:
        """True in a child process, where the thread does not exist."""
        return self._pid != os.getpid()

    @property
    def over(self) -> bool:
        """True when the gateway is closed, and not just closing."""
        return self._ending is not None and self._ending.done()

    def hand_over(self, call: _Call[R]) -> Future[R] | None:
        """Run `call` in the loop. None: the gateway is closed, or just closing."""
        with self._lock:
            if self._ending is not None:
                return None
            future = asyncio.run_coroutine_threadsafe(call.run(self._inner), self.loop)
            self._calls.add(future)
        future.add_done_callback(self._calls.discard)
        return future

    def take_back(self, call: _Call[R]) -> None:
        """Its caller is gone: what has not left yet shall not leave."""
        call.gone = True
        if not self.forked:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the call with it
                self.loop.call_soon_threadsafe(call.cancel)

    def begin_ending(self, grace: float) -> Future[None]:
        """Take no more calls, close the gateway, and end the thread when all calls have their values."""
        with self._lock:
            if self._ending is None:
                # Behind every call in the loop's queue: what was handed over before is under way by then.
                self._ending = asyncio.run_coroutine_threadsafe(self._end(grace, list(self._calls)), self.loop)
            return self._ending

    def end(self, grace: float) -> None:
        """The same, and wait for it."""
        self.begin_ending(grace).result()
        self._thread.join()

    def join(self, timeout: float) -> None:
        """Wait for the thread, but not for ever."""
        self._thread.join(timeout)

    def abandon(self) -> None:
        """The gateway in front was dropped. Does not wait: garbage is collected in any thread, this one's too."""
        if not self.forked:
            self.begin_ending(EXIT_GRACE)

    def _run(self, started: Future[asyncio.AbstractEventLoop]) -> None:
        async def live() -> None:
            started.set_result(asyncio.get_running_loop())
            await self._ended.wait()

        try:
            asyncio.run(live())
        except BaseException as failed:
            if started.done():
                raise
            started.set_exception(failed)

    async def _end(self, grace: float, calls: list[Future[Any]]) -> None:
        try:
            await self._inner.aclose(grace)
            await asyncio.gather(*map(asyncio.wrap_future, calls), return_exceptions=True)
        finally:
            self._ended.set()


_RUNNING: weakref.WeakSet[_Background] = weakref.WeakSet()
"""Those whose thread runs: it keeps each of them alive."""


@atexit.register
def _end_all() -> None:
    # A daemon thread is frozen at some point of the interpreter's end, with requests and sockets half done.
    mine = [background for background in list(_RUNNING) if not background.forked]
    for background in mine:
        background.begin_ending(EXIT_GRACE)
    for background in mine:
        background.join(EXIT_GRACE + 1.0)


def _closed(push: Push) -> Outcome:
    return Outcome.not_sent(push, Reason.CLOSED, CLOSED)


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise LoopError("an event loop runs in this thread: use pushgateway.Gateway and await it")
