"""An ASGI app that receives the receipts that vendors post; a host mounts it in its own ASGI server.

    async def store(receipts: Sequence[Receipt]) -> None: ...       # yours; raise Busy when you cannot take more

    app.mount("/push", Receipts(gateway, store))                    # Starlette, FastAPI; or by itself under uvicorn

A host that creates its gateway in its ASGI lifespan has none yet when it mounts the app. It passes a function instead,
which is called for each request:

    app.mount("/push", Receipts(lambda: app.state.gateway, store))

A certificate with `receipt_url="https://im.example.com/push"` then has its receipts posted to
`/push/<certificate id>/<secret part>`. A request with a wrong secret part is answered with 404, whether the certificate
exists or not, and its body is not read. With the right one the answer is 200 when the host has the receipts, and 503
when it could not take them: they then count as new when the vendor posts them again. A vendor may want another status
or a body (`Vendor.receipt_answer`); then it gets that. For vendors whose console asks for the address,
`Gateway.receipt_address` has it.

Nothing of a request is logged here. The secret part is also removed from the ASGI scope as soon as it was read, so that
the server's access log has `/push/7005/hidden`. A proxy in front that logs paths can send the secret part in the header
`X-Receipt-Secret` and post to `/push/<certificate id>`.

| status | means |
| --- | --- |
| 200 | received: new, known already, forged or unreadable; posting it again would change nothing |
| 404 | no certificate with receipts has this address |
| 405 | not a POST |
| 408 | the body did not come in time |
| 413 | the body is too large; no more of it was read |
| 503 | the host is overloaded, too slow, failed or closed, or has no gateway yet or a wrong key; post it again |
| 503 | another process stores these receipts just now; post it again |
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any, TypeAlias

from pushgateway.certificates.receipt_signing import of_segment
from pushgateway.gateway import Gateway
from pushgateway.model.checks import check_count, check_seconds
from pushgateway.model.errors import FieldError
from pushgateway.model.receipt import Receipt
from pushgateway.model.secret import where
from pushgateway.observe.emitter import PAUSE
from pushgateway.vendor.replies import MAX_POSTED

__all__ = ["Busy", "Handler", "Receipts"]

log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Sequence[Receipt]], Awaitable[None]]
"""Receives the new receipts of one request, at least one. If it raises, the request is answered with 503 and all its
receipts count as new when they are posted again: a handler stores all of them or none."""
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Busy(Exception):
    """Raised by a handler that cannot store more now. `retry_after`: seconds until the vendor should post them
    again."""

    def __init__(self, retry_after: float = 30.0) -> None:
        super().__init__("busy")
        self.retry_after = retry_after


class _TooLarge(Exception):
    pass


class _Gone(Exception):
    pass


GatewaySource: TypeAlias = Gateway | Callable[[], Gateway | None]
"""A gateway, or a function that returns it. While there is none the function returns None or raises."""
_SECRET_HEADER = b"x-receipt-secret"
_HIDDEN = "hidden"
_LIKE_A_SECRET = re.compile(r"(?<=/)[A-Za-z0-9_-]{24}(?=/|\Z)")
_LAST_PART = re.compile(r"(?<=/)[^/]+(?=/*\Z)")


class Receipts:
    """The ASGI app. Create one for each gateway; it must run in the gateway's event loop."""

    def __init__(
        self,
        gateway: GatewaySource,
        handler: Handler,
        *,
        concurrency: int = 64,
        body_timeout: float = 10.0,
        handler_timeout: float = 10.0,
        retry_after: float = 30.0,
    ) -> None:
        """`gateway`: a `Gateway`, or a function that returns it, called for each request; while it returns None or
        raises, requests are answered with 503. `concurrency`: requests handled at the same time; further ones are
        answered with 503. `body_timeout`: seconds in which the whole body must arrive; `handler_timeout`: seconds that
        `handler` may take. `retry_after`: the `Retry-After` of a 503, in seconds. Raises `FieldError`.
        """
        if not isinstance(gateway, Gateway) and not callable(gateway):
            raise FieldError("Receipts.gateway", f"must be a Gateway or a function, is {type(gateway).__name__}")
        if not callable(handler):
            raise FieldError("Receipts.handler", f"must be an async function, is {type(handler).__name__}")
        check_count("Receipts.concurrency", concurrency)
        check_seconds("Receipts.body_timeout", body_timeout, optional=False)
        check_seconds("Receipts.handler_timeout", handler_timeout, optional=False)
        check_seconds("Receipts.retry_after", retry_after, optional=False)
        self._source = gateway
        self._handler = handler
        self._concurrency = concurrency
        self._body_timeout = body_timeout
        self._handler_timeout = handler_timeout
        self._retry_after = retry_after
        self._under_way = 0
        self._being_taken: dict[str, set[asyncio.Future[bool]]] = {}
        self._failures = 0
        self._silent_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        else:
            certificate_id, path_secret = _address(scope)
            if scope["method"] != "POST":
                await _answer(send, 405, (("allow", "POST"),))
            elif (gateway := self._gateway()) is None:
                await self._later(send, self._retry_after)
            elif gateway.admits(certificate_id, path_secret):
                await self._take(gateway, certificate_id, scope, receive, send)
            else:
                await _answer(send, 404, _CLOSE)

    def _gateway(self) -> Gateway | None:
        if isinstance(self._source, Gateway):
            return self._source
        try:
            gateway = self._source()
        except Exception as failed:  # an attribute that is not set before the lifespan has begun
            self._complain(f"receipts are answered with 503: there is no gateway ({where(failed)})")
            return None
        if not isinstance(gateway, Gateway):
            self._complain(f"receipts are answered with 503: there is no gateway, but {type(gateway).__name__}")
            return None
        return gateway

    async def _take(self, gateway: Gateway, certificate_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        if self._under_way >= self._concurrency:
            await self._reply(gateway, certificate_id, send, self._retry_after)
            return
        self._under_way += 1
        try:
            async with asyncio.timeout(self._body_timeout):
                body = await _body(scope, receive)
            await self._take_body(gateway, certificate_id, scope, body, send)
        except TimeoutError:
            await _answer(send, 408, _CLOSE)
        except _TooLarge:
            await _answer(send, 413, _CLOSE)
        except _Gone:
            return  # the client has disconnected
        finally:
            self._under_way -= 1

    async def _take_body(self, gateway: Gateway, certificate_id: str, scope: Scope, body: bytes, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        under_way = self._being_taken.setdefault(certificate_id, set())
        before, done = set(under_way), asyncio.get_running_loop().create_future()
        under_way.add(done)
        pause: float | None = self._retry_after
        try:
            received = await gateway.take_receipts(certificate_id, headers, body)
            pause = await self._hand_over(gateway, certificate_id, received.receipts) if received.receipts else None
        finally:
            done.set_result(pause is None)
            under_way.discard(done)
            if not under_way:
                self._being_taken.pop(certificate_id, None)
        if pause is None and received.duplicates and before:
            # The handler may still be storing the first copy of a duplicate. If it fails, these must be posted again.
            await asyncio.wait(before)
            pause = None if all(taken.result() for taken in before) else self._retry_after
        if pause is None and received.should_repeat:
            pause = self._retry_after
        await self._reply(gateway, certificate_id, send, pause)

    async def _hand_over(self, gateway: Gateway, certificate_id: str, receipts: Sequence[Receipt]) -> float | None:
        """Call the handler. Returns None when it has stored them, otherwise the seconds until they should be posted
        again."""
        taken = False
        try:
            async with asyncio.timeout(self._handler_timeout):
                await self._handler(receipts)
            taken = True
        except Busy as busy:
            return busy.retry_after
        except Exception as failed:
            self._complain(f"certificate {certificate_id}: the handler of receipts failed: {where(failed)}")
            return self._retry_after
        finally:
            await gateway.settle_receipts(receipts, taken=taken)
        return None

    def _complain(self, trouble: str) -> None:
        """Log at most one line a minute: a database that is down for an hour must not fill the host's disk."""
        now = asyncio.get_running_loop().time()
        self._failures += 1
        if now >= self._silent_until:
            times = f", {self._failures} times since the last line" if self._failures > 1 else ""
            log.error("%s%s", trouble, times)
            self._failures, self._silent_until = 0, now + PAUSE

    async def _reply(self, gateway: Gateway, certificate_id: str, send: Send, pause: float | None) -> None:
        """Answer as the vendor wants it. `pause`: seconds until it should post them again; None: they are taken."""
        answer = gateway.receipt_answer(certificate_id, taken=pause is None)
        headers = dict(answer.headers)
        if pause is not None:
            headers = {**_again(pause), **headers}
        await _answer(send, answer.status, headers.items(), answer.content)

    async def _later(self, send: Send, seconds: float) -> None:
        await _answer(send, 503, _again(seconds).items())


_CLOSE = (("connection", "close"),)
"""The connection is closed because a body may follow that is not read."""


def _again(seconds: float) -> dict[str, str]:
    """The headers of an answer after which receipts should be posted again."""
    return {"retry-after": str(max(1, round(seconds))), **dict(_CLOSE)}


def _address(scope: Scope) -> tuple[str, str]:
    """Certificate id and secret part: the last two parts of the path, wherever the app is mounted; or the last part and
    the header `X-Receipt-Secret`, if a proxy has moved the secret part there.

    The secret part is removed from the scope, because servers write their access log from it when the response begins,
    and middleware and error reporters around this app see it too.
    """
    path = scope["path"]
    for name, value in scope["headers"]:
        if name.lower() == _SECRET_HEADER:
            _hide(scope, last=False)
            return of_segment(path.rpartition("/")[2]).strip() or "?", value.decode("latin-1")
    _hide(scope, last=True)
    parts = path.rsplit("/", 2)
    return (of_segment(parts[-2]).strip() or "?", parts[-1]) if len(parts) > 1 else ("?", "")


def _hide(scope: Scope, *, last: bool) -> None:
    """Replace every path part that looks like a secret part; with `last` also the last part, whatever it looks like."""
    scope["path"] = _hidden(scope["path"], last)
    raw = scope.get("raw_path")
    if isinstance(raw, bytes):
        scope["raw_path"] = _hidden(raw.decode("latin-1"), last).encode("latin-1")


def _hidden(path: str, last: bool) -> str:
    path = _LIKE_A_SECRET.sub(_HIDDEN, path)
    return _LAST_PART.sub(_HIDDEN, path) if last else path


async def _body(scope: Scope, receive: Receive) -> bytes:
    for name, value in scope["headers"]:
        if name.lower() == b"content-length" and value.isdigit() and (len(value) > 9 or int(value) > MAX_POSTED):
            raise _TooLarge
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_POSTED:
            raise _TooLarge
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _answer(send: Send, status: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
    given = (*headers, ("content-length", str(len(body))))
    pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in given]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
