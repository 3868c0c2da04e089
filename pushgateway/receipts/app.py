"""An ASGI app that takes the receipts which vendors post, to be mounted in a host.

    async def store(receipts: Sequence[Receipt]) -> None: ...       # yours; raise Busy when you cannot take more

    app.mount("/push", Receipts(gateway, store))                    # Starlette, FastAPI; or by itself under uvicorn

A host that makes its gateway in its lifespan has none yet when it mounts the app. It gives a function instead, which is
called for each request:

    app.mount("/push", Receipts(lambda: app.state.gateway, store))

A certificate with `receipt_url="https://im.example.com/push"` then has its receipts posted to
`/push/<certificate id>/<secret part>`. Who does not know the secret part learns nothing, not even which certificates
there are, and no byte of the body is read. Who knows it gets an answer soon: 200 for what was taken, and 503 for what
the host could not take, which is then new again when it is posted once more.

Nothing of a request is logged here. So that nobody else logs the secret part either, it is taken out of the ASGI scope
as soon as it was read: the server's access log then has `/push/7005/hidden`. A proxy in front that logs paths can hand
the secret part over in the header `X-Receipt-Secret`, and post to `/push/<certificate id>`.

| status | means |
| --- | --- |
| 200 | taken: new, known already, forged or unreadable; posting it again would change nothing |
| 404 | not an address of ours |
| 405 | not a POST |
| 408 | the body did not come in time |
| 413 | the body is too large; no more of it was read |
| 503 | the host is full, slow, failed or closed, or its gateway is not there yet: post it again |
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
from pushgateway.model.reason import Reason
from pushgateway.model.receipt import Receipt
from pushgateway.model.secret import where
from pushgateway.observe.emitter import PAUSE
from pushgateway.vendor.replies import MAX_POSTED

__all__ = ["Busy", "Handler", "Receipts"]

log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Sequence[Receipt]], Awaitable[None]]
"""Takes the new receipts of one request, at least one. What it raises is answered with 503, and none of them counts as
heard: it takes all or nothing."""
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Busy(Exception):
    """Raised by a handler that cannot take more now. `retry_after`: seconds after which it hopes to."""

    def __init__(self, retry_after: float = 30.0) -> None:
        super().__init__("busy")
        self.retry_after = retry_after


class _TooLarge(Exception):
    pass


class _Gone(Exception):
    pass


GatewaySource: TypeAlias = Gateway | Callable[[], Gateway | None]
"""A gateway, or a function that gives it: None, or any exception, while there is none."""
_SECRET_HEADER = b"x-receipt-secret"
_HIDDEN = "hidden"
_LIKE_A_SECRET = re.compile(r"(?<=/)[A-Za-z0-9_-]{24}(?=/|\Z)")
_LAST_PART = re.compile(r"(?<=/)[^/]+(?=/*\Z)")


class Receipts:
    """The ASGI app. One for a gateway; it lives in the gateway's event loop."""

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
        """`gateway`: a `Gateway`, or a function that gives it for each request; while it gives None or raises, requests
        are answered with 503. `concurrency`: requests at once; one more is answered with 503. `body_timeout`: seconds
        in which a body must have come, `handler_timeout`: in which `handler` must be done. `retry_after`: seconds that
        a 503 asks for. Raises `FieldError`.
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
        self._at_handler: dict[str, set[asyncio.Future[bool]]] = {}
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
            await self._later(send, self._retry_after)
            return
        self._under_way += 1
        try:
            async with asyncio.timeout(self._body_timeout):
                body = await _body(scope, receive)
            await self._hear(gateway, certificate_id, scope, body, send)
        except TimeoutError:
            await _answer(send, 408, _CLOSE)
        except _TooLarge:
            await _answer(send, 413, _CLOSE)
        except _Gone:
            return  # nobody is there to be answered
        finally:
            self._under_way -= 1

    async def _hear(self, gateway: Gateway, certificate_id: str, scope: Scope, body: bytes, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        heard = gateway.receipts(certificate_id, headers, body)
        if heard.reason is Reason.CLOSED:
            await self._later(send, self._retry_after)
            return
        before = set(self._at_handler.get(certificate_id, ())) if heard.duplicates else set()
        pause = await self._hand_over(gateway, certificate_id, heard.receipts) if heard.receipts else None
        if pause is None and before:
            # What is known already may be at the handler just now, which may yet fail: then this is the repeat of it.
            await asyncio.wait(before)
            pause = None if all(taken.result() for taken in before) else self._retry_after
        if pause is None:
            await _answer(send, 200)
        else:
            await self._later(send, pause)

    async def _hand_over(self, gateway: Gateway, certificate_id: str, receipts: Sequence[Receipt]) -> float | None:
        """Seconds until the vendor shall post them again; None when the host has them."""
        taken = False
        done = asyncio.get_running_loop().create_future()
        at_handler = self._at_handler.setdefault(certificate_id, set())
        at_handler.add(done)
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
            if not taken:
                gateway.unheard(receipts)
            done.set_result(taken)
            at_handler.discard(done)
            if not at_handler:
                self._at_handler.pop(certificate_id, None)
        return None

    def _complain(self, trouble: str) -> None:
        """One line a minute: a host's database that is down for an hour shall not fill its disk."""
        now = asyncio.get_running_loop().time()
        self._failures += 1
        if now >= self._silent_until:
            times = f", {self._failures} times since the last line" if self._failures > 1 else ""
            log.error("%s%s", trouble, times)
            self._failures, self._silent_until = 0, now + PAUSE

    async def _later(self, send: Send, seconds: float) -> None:
        await _answer(send, 503, (("retry-after", str(max(1, round(seconds)))), *_CLOSE))


_CLOSE = (("connection", "close"),)
"""There may be a body that nobody has read."""


def _address(scope: Scope) -> tuple[str, str]:
    """Certificate id and secret part: the last two parts of the path, wherever the app is mounted and whatever lies
    before; or the last part and the header, where a proxy has moved the secret part there. The secret part is taken out
    of the scope: servers write their access log from it when the answer begins, and middleware and error reports around
    this app see it too."""
    path = scope["path"]
    for name, value in scope["headers"]:
        if name.lower() == _SECRET_HEADER:
            _hide(scope, last=False)
            return of_segment(path.rpartition("/")[2]).strip() or "?", value.decode("latin-1")
    _hide(scope, last=True)
    parts = path.rsplit("/", 2)
    return (of_segment(parts[-2]).strip() or "?", parts[-1]) if len(parts) > 1 else ("?", "")


def _hide(scope: Scope, *, last: bool) -> None:
    """Replace what may be a secret part, wherever in the path a proxy has put it, and the `last` part in any case."""
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


async def _answer(send: Send, status: int, headers: Iterable[tuple[str, str]] = ()) -> None:
    pairs = [(name.encode("ascii"), value.encode("ascii")) for name, value in (*headers, ("content-length", "0"))]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": b""})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
