"""`pushgateway.sync.Gateway`: the gateway for code without an event loop.

It holds no logic of its own. A `GatewayThread` runs one event loop with one `pushgateway.Gateway` in it; each method
here hands its call to that thread and waits for the value. Any thread may call. Iterables of the host are read in the
thread that calls. A call handed over before `close()` is completed; a later one gets the values of a closed gateway
(`NOT_SENT` / `CLOSED`).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import weakref
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Literal, ParamSpec, Self, TypeAlias, TypeVar

from pushgateway import gateway as _async
from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import import_early
from pushgateway.engine.bindings import NO_DEVICES
from pushgateway.engine.broadcast import ended
from pushgateway.engine.endpoint import CLOSED
from pushgateway.engine.explain import Explanation
from pushgateway.engine.flow_control.retry import RetryPolicy
from pushgateway.engine.operations import Operations as _Operations
from pushgateway.engine.pushes.sinks import as_push
from pushgateway.engine.token_operations import as_outcomes, as_push_tokens
from pushgateway.model.audience import Audience, Broadcast
from pushgateway.model.checks import as_certificate_id
from pushgateway.model.errors import FieldError, LoopError
from pushgateway.model.intent import Priority
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import BroadcastOutcome, CallOutcome, CertificateCheck, Outcome, TokenOutcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.model.receipt import Receipt, ReceivedReceipts
from pushgateway.model.secret import safe_repr
from pushgateway.observe.emitter import Observer
from pushgateway.observe.journal import Journal
from pushgateway.observe.traces import Trace
from pushgateway.state.address import StateAddress
from pushgateway.state.protocol import SharedState
from pushgateway.sync.devices import Devices as BlockingDevices
from pushgateway.sync.devices import closed
from pushgateway.sync.outbox import Handler as ResultHandler
from pushgateway.sync.outbox import Outbox as BlockingOutbox
from pushgateway.sync.stream import ThreadStream
from pushgateway.sync.thread import CallRefused, GatewayThread, ThreadCall
from pushgateway.transport import Transport
from pushgateway.transport.auto import TransportName
from pushgateway.vendor import Response, Vendor
from pushgateway.vendor.operation import Call

if TYPE_CHECKING:
    from pushgateway.devices import Devices  # imported by hosts that have devices
    from pushgateway.outbox import Outbox

__all__ = ["Gateway"]

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V", bound=Vendor)

_Begin: TypeAlias = Callable[[_async.Gateway], Coroutine[Any, Any, R]]


@safe_repr
class Gateway:
    """`pushgateway.Gateway`, blocking. Same names, same values; use it as a context manager or call `close()`.

    Raises `LoopError` in a thread whose event loop runs (blocking would stop everything else in it), in a process
    forked after it was created, and under eventlet. Under gevent only the calling greenlet waits. If an exception of a
    signal handler ends a call, its pushes that were not sent yet are not sent. A gateway that is not closed is closed
    at the end of the process.
    """

    def __init__(
        self,
        certificates: Iterable[Certificate],
        *,
        timeout: float = 30.0,
        request_timeout: float = 10.0,
        connections: int | None = None,
        connect_timeout: float | None = None,
        proxy: str | None = None,
        ca_file: str | Path | None = None,
        linger: float = 0.01,
        queue: int = 100_000,
        retry: RetryPolicy | None = None,
        observer: Observer | None = None,
        trace: int = 1000,
        journal: Journal | None = None,
        transport: Transport | TransportName | None = None,
        vendors: Mapping[str, type[Vendor]] | None = None,
        state: SharedState | StateAddress | str | None = None,
        devices: Devices | None = None,
        clock: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        """See `pushgateway.Gateway`. Your `transport`, `observer`, `state` and `devices` are used in the gateway's
        thread; `devices` are closed with the gateway."""
        _refuse_running_loop()
        self._inner = _async.Gateway(
            certificates,
            timeout=timeout,
            request_timeout=request_timeout,
            connections=connections,
            connect_timeout=connect_timeout,
            proxy=proxy,
            ca_file=ca_file,
            linger=linger,
            queue=queue,
            retry=retry,
            observer=observer,
            trace=trace,
            journal=journal,
            transport=transport,
            vendors=vendors,
            state=state,
            devices=devices,
            clock=clock,
            rng=rng,
        )
        self._vendors = vendors
        self._devices = devices
        self._thread = GatewayThread(self._inner, None if devices is None else devices.aclose)
        weakref.finalize(self, self._thread.abandon).atexit = False  # `_close_all` does it then, and waits

    def send(
        self,
        push_token: PushToken,
        notification: Notification,
        *,
        timeout: float | None = None,
        coalesce: bool = True,
        priority: Priority | None = None,
        dedupe_id: str = "",
        context: object = None,
    ) -> Outcome:
        """See `pushgateway.Gateway.send`."""
        given = _send_options(timeout, coalesce, priority, dedupe_id, context)
        return self._call(
            lambda inner: inner.send(push_token, notification, **given),
            lambda: _closed(Push(push_token, notification, **given)),
        )

    def try_send(
        self,
        push_token: PushToken,
        notification: Notification,
        *,
        timeout: float | None = None,
        coalesce: bool = True,
        priority: Priority | None = None,
        dedupe_id: str = "",
        context: object = None,
    ) -> Outcome:
        """See `pushgateway.Gateway.try_send`."""
        given = _send_options(timeout, coalesce, priority, dedupe_id, context)
        return self._call(
            lambda inner: inner.try_send(push_token, notification, **given),
            lambda: _closed(Push(push_token, notification, **given)),
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
        context: object = None,
    ) -> list[Outcome]:
        """See `pushgateway.Gateway.multicast`."""
        given = list(push_tokens)
        return self._call(
            lambda inner: inner.multicast(given, notification, timeout=timeout, priority=priority, context=context),
            lambda: [_closed(Push(token, notification, timeout=timeout, context=context)) for token in given],
        )

    def stream(self, pushes: Iterable[Push], *, window: int = 4000) -> Generator[Outcome, None, None]:
        """See `pushgateway.Gateway.stream`. `pushes` is iterated here, in the thread that takes the outcomes.

        A known outcome is yielded before the next push is taken, but none can be yielded while `pushes` blocks. Pushes
        that were taken get their outcomes also when another thread closes the gateway. After `close()` of the generator
        pushes that were not sent yet are not sent.
        """
        self._ready()
        handover = ThreadStream(self._thread.loop, window)
        source = iter(pushes)
        call = ThreadCall(
            lambda inner: handover.run(lambda supply: inner.stream(supply, window=window)), handover.refuse
        )
        try:
            self._thread.hand_over(call)
            yield from handover.outcomes(source, self._ready)
            with contextlib.suppress(CallRefused):
                call.result()
            yield from map(_closed, handover.unsent())
            if handover.failure is not None:
                raise handover.failure
            if handover.refused:
                yield from (_closed(as_push(push, place)) for place, push in enumerate(source, handover.given))
        finally:
            self._thread.cancel(call)

    def push_to_users(
        self,
        users: Iterable[str],
        notification: Notification,
        *,
        timeout: float | None = None,
        priority: Priority | None = None,
        context: object = None,
    ) -> dict[str, dict[str, Outcome]]:
        """See `pushgateway.Gateway.push_to_users`. After `close()` it raises `StoreError`."""
        given = users if isinstance(users, str) else list(users)
        return self._call(
            lambda inner: inner.push_to_users(given, notification, timeout=timeout, priority=priority, context=context),
            closed,
        )

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

    def vendor(self, certificate_id: int | str, *, timeout: float | None = None) -> Operations:
        """See `pushgateway.Gateway.vendor`."""
        return Operations(self._inner.vendor(certificate_id, timeout=timeout), self._call)

    def recall(self, outcomes: Iterable[Outcome], *, timeout: float | None = None) -> list[TokenOutcome]:
        """See `pushgateway.Gateway.recall`."""
        given = as_outcomes(outcomes)
        return self._call(
            lambda inner: inner.recall(given, timeout=timeout),
            lambda: [_token_closed(outcome.push_token, "recall") for outcome in given],
        )

    def check_tokens(self, push_tokens: Iterable[PushToken], *, timeout: float | None = None) -> list[TokenOutcome]:
        """See `pushgateway.Gateway.check_tokens`."""
        given = as_push_tokens(push_tokens)
        return self._call(
            lambda inner: inner.check_tokens(given, timeout=timeout),
            lambda: [_token_closed(push_token, "check_tokens") for push_token in given],
        )

    def receipts(self, certificate_id: int | str, headers: Mapping[str, str], body: bytes) -> ReceivedReceipts:
        """See `pushgateway.Gateway.receipts`."""

        async def receive(inner: _async.Gateway) -> ReceivedReceipts:
            return inner.receipts(certificate_id, headers, body)

        return self._call(receive, lambda: ReceivedReceipts(reason=Reason.CLOSED, detail=CLOSED))

    def take_receipts(self, certificate_id: int | str, headers: Mapping[str, str], body: bytes) -> ReceivedReceipts:
        """See `pushgateway.Gateway.take_receipts`."""
        return self._call(
            lambda inner: inner.take_receipts(certificate_id, headers, body),
            lambda: ReceivedReceipts(reason=Reason.CLOSED, detail=CLOSED),
        )

    def settle_receipts(self, receipts: Iterable[Receipt], *, taken: bool) -> None:
        """See `pushgateway.Gateway.settle_receipts`. After `close()` it changes nothing."""
        given = list(receipts)
        self._call(lambda inner: inner.settle_receipts(given, taken=taken), lambda: None)

    @contextlib.contextmanager
    def waiting_elsewhere(
        self, pushes: Iterable[tuple[PushToken, str]], take: Callable[[Receipt], None]
    ) -> Generator[None, None, None]:
        """See `pushgateway.Gateway.waiting_elsewhere`. `take` is called in the gateway's thread, and not after
        `close()`."""
        given = list(pushes)
        waiting = contextlib.ExitStack()

        async def begin(inner: _async.Gateway) -> None:
            waiting.enter_context(inner.waiting_elsewhere(given, take))

        async def end(_: _async.Gateway) -> None:
            waiting.close()

        self._call(begin, lambda: None)
        try:
            yield
        finally:
            self._call(end, lambda: None)

    def receipt_address(self, certificate_id: int | str) -> str:
        """See `pushgateway.Gateway.receipt_address`."""
        return self._inner.receipt_address(certificate_id)

    def receipt_answer(self, certificate_id: int | str, *, taken: bool) -> Response:
        """See `pushgateway.Gateway.receipt_answer`. After `close()` it is a plain 200 or 503."""

        async def answer(inner: _async.Gateway) -> Response:
            return inner.receipt_answer(certificate_id, taken=taken)

        return self._call(answer, lambda: Response(200 if taken else 503))

    def forget_receipts(self, receipts: Iterable[Receipt]) -> None:
        """See `pushgateway.Gateway.forget_receipts`."""
        given = list(receipts)

        async def forget(inner: _async.Gateway) -> None:
            inner.forget_receipts(given)

        self._call(forget, lambda: None)

    def admits(self, certificate_id: int | str, path_secret: str) -> bool:
        """See `pushgateway.Gateway.admits`."""

        async def admit(inner: _async.Gateway) -> bool:
            return inner.admits(certificate_id, path_secret)

        return self._call(admit, lambda: False)

    def reload(self, certificates: Iterable[Certificate]) -> None:
        """See `pushgateway.Gateway.reload`. After `close()` it changes nothing."""
        given = list(certificates)
        import_early(given, self._vendors)

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

    def deduplicates(self, certificate_id: int | str) -> bool | Literal["message"]:
        """See `pushgateway.Gateway.deduplicates`."""

        async def ask(inner: _async.Gateway) -> bool | Literal["message"]:
            return inner.deduplicates(certificate_id)

        return self._call(ask, lambda: False)

    def explain(self, asked: Push | Broadcast) -> Explanation:
        """See `pushgateway.Gateway.explain`."""
        return self._inner.explain(asked)

    def trace(self, dedupe_id: str) -> Trace | None:
        """See `pushgateway.Gateway.trace`."""
        return self._inner.trace(dedupe_id)

    @property
    def devices(self) -> BlockingDevices:
        """Which phone belongs to which user: `Gateway(devices=…)`. Raises `FieldError` where there are none."""
        if self._devices is None:
            raise FieldError("Gateway.devices", NO_DEVICES)
        return BlockingDevices(self._devices, self._call)

    def outbox(
        self,
        outbox: Outbox,
        *,
        works: bool = True,
        results: ResultHandler | Literal["table"] | None = None,
        **options: Any,
    ) -> BlockingOutbox:
        """An outbox whose pushes are sent by this gateway, to be used as a context manager within that of the gateway.

        `works=False`: it only puts and reads, and another process sends. `results`: as of `pushgateway.outbox.Worker`;
        a function is called in a thread of its own. `options`: others of `Worker`. Opens the store; raises `StoreError`
        and `FieldError`.
        """
        return BlockingOutbox(outbox, self._call, works, results, **options)

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """The certificates in use."""
        return self._inner.certificates

    @property
    def is_closed(self) -> bool:
        """True when it is closed, and not yet while `close` waits for what is under way."""
        return self._thread.is_closed

    def close(self, grace: float = 5.0) -> None:
        """See `pushgateway.Gateway.aclose`; also ends the gateway's thread. Safe to call more than once.

        Calls under way in other threads get their values; later ones get the values of a closed gateway.
        """
        if not self._thread.is_closed:
            self._ready()
        self._thread.close(grace)

    def _call(self, begin: _Begin[R], closed: Callable[[], R]) -> R:
        self._ready()
        call = ThreadCall(begin)
        try:
            self._thread.hand_over(call)
            return call.result()
        except CallRefused:
            return closed()
        except BaseException:  # also an interrupt, such as Ctrl-C
            call.abandoned = True
            self._thread.cancel(call)
            raise

    def _ready(self) -> None:
        _refuse_running_loop()
        if self._thread.forked:
            raise LoopError("this gateway was made before a fork: make one in each process, after the fork")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._thread.forked:  # a child that leaves the block has nothing to close
            self.close()

    def __repr__(self) -> str:
        return f"sync.{self._inner!r}"


@safe_repr
class Operations:
    """`pushgateway.engine.operations.Operations`, blocking."""

    def __init__(self, inner: _Operations, call: Callable[[_Begin[Any], Callable[[], Any]], Any]) -> None:
        """`call` runs a call in the gateway's thread and waits for its value."""
        self._inner = inner
        self._call = call

    def ask(self, operation: Callable[Concatenate[V, P], Call[R]], *args: P.args, **kwargs: P.kwargs) -> CallOutcome[R]:
        """See `pushgateway.engine.operations.Operations.ask`."""
        name = getattr(operation, "__name__", "")
        outcome: CallOutcome[R] = self._call(
            lambda _: self._inner.ask(operation, *args, **kwargs), lambda: self._inner.closed(name)
        )
        return outcome

    def __getattr__(self, name: str) -> Callable[..., CallOutcome[Any]]:
        begin = getattr(self._inner, name)

        def operation(*args: Any, **kwargs: Any) -> CallOutcome[Any]:
            outcome: CallOutcome[Any] = self._call(lambda _: begin(*args, **kwargs), lambda: self._inner.closed(name))
            return outcome

        return operation

    def __dir__(self) -> list[str]:
        return dir(self._inner)

    def __repr__(self) -> str:
        return f"sync.{self._inner!r}"


def _send_options(
    timeout: float | None, coalesce: bool, priority: Priority | None, dedupe_id: str, context: object
) -> dict[str, Any]:
    """The options of one send, under the names that `send` and `Push` share."""
    return {
        "timeout": timeout,
        "coalesce": coalesce,
        "priority": priority,
        "dedupe_id": dedupe_id,
        "context": context,
    }


def _closed(push: Push) -> Outcome:
    return Outcome.not_sent(push, Reason.CLOSED, CLOSED)


def _token_closed(push_token: PushToken, operation: str) -> TokenOutcome:
    return TokenOutcome(
        push_token=push_token, operation=operation, status=Status.NOT_SENT, reason=Reason.CLOSED, detail=CLOSED
    )


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise LoopError("an event loop runs in this thread: use pushgateway.Gateway and await it")
