"""A sandbox as an ASGI app.

Law of this file: every path goes to `Sandbox.answer`, and only what lies below `/_sandbox/` is ours. It needs the
extra `sandbox` (Starlette); `server` says so in a sentence when it is absent. The vendor's side is a bare ASGI
callable because benchmarks run against it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import HTMLResponse
from starlette.responses import Response as HttpResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pushgateway.errors import FieldError
from pushgateway.sandbox.base import Sandbox
from pushgateway.sandbox.faults import Fault
from pushgateway.sandbox.page import ledger_json, phones_page
from pushgateway.vendor import Request, is_loopback

MAX_BODY = 16 * 1024 * 1024
"""Bytes of a request; 1,000 long messages of a batch need about 4 MB."""
MAX_COUNT = 1_000_000
"""New phones of one order."""
BREAK = "pushgateway.break"
"""Key in the ASGI state of a callable that breaks the connection; `server` puts it there."""
RECEIPT_TIMEOUT = 5.0
"""Seconds a receiver of receipts has."""


def app(sandbox: Sandbox) -> ASGIApp:
    """The ASGI app of `sandbox`. Under a server other than ours a broken connection becomes an exception."""
    control = _control_app(sandbox)
    postman = Postman(sandbox)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox/"):
            await control(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            await _send(send, 413, {"connection": "close"}, b"")
            return
        reply = sandbox.answer(Request(scope["method"], _url(scope), _headers(scope), body))
        postman.wake()
        if reply.delay > 0:
            await asyncio.sleep(reply.delay)
        if reply.response is None:
            await _break(scope, receive)
            return
        await _send(send, reply.response.status, reply.response.headers, reply.response.content)

    return answer


def _url(scope: Scope) -> str:
    query = scope["query_string"]
    path: str = scope["path"]
    return f"{path}?{query.decode('latin-1')}" if query else path


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _body(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send(send: Send, status: int, headers: Any, content: bytes) -> None:
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    pairs.append((b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": content})


async def _break(scope: Scope, receive: Receive) -> None:
    break_connection: Callable[[], None] | None = scope.get("state", {}).get(BREAK)
    if break_connection is None:
        raise ConnectionAbortedError("a fault of the sandbox breaks this connection")
    break_connection()
    # Returning before the server has noticed would make it answer 500 for us.
    while (await receive())["type"] != "http.disconnect":
        pass


class Postman:
    """Posts receipts, to loopback only: a sandbox must not be able to call anybody else's machine."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._round: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Start a round unless one is under way, which then also takes what is due by now."""
        if self._round is None or self._round.done():
            due = self._sandbox.callbacks()
            if due:
                self._round = asyncio.get_running_loop().create_task(self._post_all(due))

    async def _post_all(self, due: list[Request]) -> None:
        while due:
            context = _trust(any(request.url.startswith("https:") for request in due))
            async with httpx.AsyncClient(timeout=RECEIPT_TIMEOUT, trust_env=False, verify=context) as client:
                for request in due:
                    self._sandbox.ledger.receipts[await self._post(client, request)] += 1
            due = self._sandbox.callbacks()

    async def _post(self, client: httpx.AsyncClient, request: Request) -> str:
        try:
            if not is_loopback(urlsplit(request.url).hostname or ""):
                return "refused"
            reply = await client.request(
                request.method, request.url, headers=dict(request.headers), content=request.content
            )
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return "failed"
        return "posted" if reply.status_code < 300 else "failed"


def _trust(tls: bool) -> ssl.SSLContext:
    # Reading the system's authorities takes 20 ms, and most receivers are plain HTTP. For an authority of one's own
    # OpenSSL looks at SSL_CERT_FILE.
    return ssl.create_default_context() if tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _control_app(sandbox: Sandbox) -> Starlette:
    async def ledger(request: HttpRequest) -> HttpResponse:
        last = request.query_params.get("last", "20")
        if not (last.isascii() and last.isdigit() and len(last) < 10):
            return _wrong("last: must be a whole number, 0 or more")
        return _json_reply(ledger_json(sandbox, int(last)))

    async def faults(request: HttpRequest) -> HttpResponse:
        lines = await _json(request)
        if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
            return _wrong("the body must be a JSON list of faults")
        try:
            sandbox.faults.add(*[Fault(**line) for line in lines])
        except (TypeError, FieldError) as wrong:
            return _wrong(str(wrong))
        return _json_reply({"faults": len(sandbox.faults)})

    async def control(request: HttpRequest) -> HttpResponse:
        return _obey(sandbox, await _json(request))

    async def phones(_: HttpRequest) -> HttpResponse:
        policy = "default-src 'none'; style-src 'unsafe-inline'"
        return HTMLResponse(
            phones_page(sandbox).encode("utf-8", "replace"), headers={"content-security-policy": policy}
        )

    return Starlette(
        routes=[
            Route("/_sandbox/ledger", ledger, methods=["GET"]),
            Route("/_sandbox/faults", faults, methods=["POST"]),
            Route("/_sandbox/control", control, methods=["POST"]),
            Route("/_sandbox/phones", phones, methods=["GET"]),
        ]
    )


async def _json(request: HttpRequest) -> Any:
    body = await _body(request.receive)
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(body or b"")
    return None


def _json_reply(content: Any, status: int = 200) -> HttpResponse:
    # Escaped to ASCII: what somebody registered or asked for may hold a lone surrogate, which UTF-8 cannot carry.
    return HttpResponse(json.dumps(content), status, media_type="application/json")


def _wrong(sentence: str) -> HttpResponse:
    return _json_reply({"error": sentence}, 400)


def _text(order: dict[str, Any], field: str) -> str:
    value = order[field]
    if not isinstance(value, str):
        raise TypeError(field)
    return value


def _texts(order: dict[str, Any], field: str) -> list[str]:
    # A text or an object would be taken letter by letter, or name by name.
    values = order[field]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError(field)
    return values


def _register(sandbox: Sandbox, order: dict[str, Any]) -> dict[str, Any]:
    if "tokens" in order:
        return {"tokens": sandbox.register(_texts(order, "tokens"))}
    count = int(order["count"])
    if count > MAX_COUNT:
        raise FieldError("count", f"must be {MAX_COUNT} or less")
    return {"tokens": sandbox.register(count)}


def _clear(sandbox: Sandbox, _: dict[str, Any]) -> dict[str, Any]:
    with sandbox.lock:
        sandbox.ledger.clear()
        sandbox.faults.clear()
    return {"done": True}


def _expire(sandbox: Sandbox, _: dict[str, Any]) -> dict[str, Any]:
    sandbox.expire_tokens()
    return {"done": True}


def _set(sandbox: Sandbox, order: dict[str, Any]) -> dict[str, Any]:
    switched = {name: value for name, value in order.items() if name != "do"}
    for name, value in switched.items():
        sandbox.check_switch(name, value)  # all of them first: an order is obeyed whole or not at all
    with sandbox.lock:
        for name, value in switched.items():
            sandbox.switch(name, value)
    return {"done": bool(switched)}


def _obey(sandbox: Sandbox, order: Any) -> HttpResponse:
    verb = _VERBS.get(str(order.get("do"))) if isinstance(order, dict) else None
    if verb is None:
        return _wrong(f"the body must be a JSON object with do: {', '.join(sorted(_VERBS))}")
    try:
        return _json_reply(verb(sandbox, order))
    except FieldError as wrong:
        return _wrong(f"{order['do']}: {wrong}")
    except (KeyError, TypeError, ValueError, OverflowError):
        return _wrong(f"{order['do']}: a field is missing or of the wrong type")


_VERBS: dict[str, Callable[[Sandbox, dict[str, Any]], dict[str, Any]]] = {
    "register": _register,
    "uninstall": lambda sandbox, order: {"done": sandbox.uninstall(_text(order, "token"))},
    "mute": lambda sandbox, order: {"done": sandbox.mute(_text(order, "token"), bool(order.get("muted", True)))},
    "alias": lambda sandbox, order: {"done": sandbox.set_alias(_text(order, "token"), order["alias"])},
    "tags": lambda sandbox, order: {"done": sandbox.set_tags(_text(order, "token"), _texts(order, "tags"))},
    "expire": _expire,
    "set": _set,
    "clear": _clear,
}
