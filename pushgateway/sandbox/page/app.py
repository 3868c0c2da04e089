"""The page of phones as an ASGI app: the page itself, its data, its events and its commands.

All paths are relative to where the app is mounted. It shows tokens and texts and changes phones, so every request is
checked by `web.objection`, a command must be JSON, and the policy of the page allows its own script and style only.
Needs the extra `sandbox` (Starlette).

    GET  .                       the page
    GET  static/<file>           its parts
    GET  state                   everything that is shown first
    GET  events                  the same as server-sent events: `state` once, then `change` when something changed
    GET  phone?brand=&token=     one phone
    GET  find?brand=&text=       phones whose token, alias or account contains a text
    GET  requests?brand=         the last requests of a brand in short
    GET  request?brand=&number=  a logged request with its answer
    POST do                      a command
    POST receipts/<address>      receipts for the page's gateway
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Mapping
from importlib import resources
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pushgateway.model.errors import FieldError
from pushgateway.sandbox.page.commands import execute
from pushgateway.sandbox.page.view import View
from pushgateway.sandbox.serving.receipt_sender import ReceiptSender
from pushgateway.sandbox.serving.web import (
    PRIVATE,
    TOO_LARGE,
    TooLargeError,
    error_reply,
    headers_of,
    json_reply,
    live,
    objection,
    read_body,
    read_json,
)

PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The content security policy of the page."""
PAUSE = 0.25
"""Seconds between two looks for changes: a page gets at most four changes a second."""
ALIVE = 15.0
"""Seconds without a change after which a comment is sent, so that proxies keep the connection."""
_KINDS: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}
"""Content types of the parts of the page, by the end of their names."""


def page_app(view: View, *, hosts: Collection[str] = (), post_receipts: bool = True) -> ASGIApp:
    """The page of `view`. `hosts`: names besides loopback addresses under which it may be reached.
    `post_receipts=False`: receipts of taps wait for `Sandbox.callbacks`."""
    page = _Page(view, post_receipts)
    inner = Starlette(routes=page.routes())

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send, page.aclose)
        elif scope["type"] == "http" and (sentence := objection(scope.get("scheme", "http"), headers_of(scope), hosts)):
            await error_reply(sentence, 403)(scope, receive, send)
        else:
            await inner(scope, receive, send)

    return app


class _Page:
    """The routes of one page."""

    def __init__(self, view: View, post_receipts: bool) -> None:
        self._view = view
        self._files = {
            file.name: file.read_bytes()
            for file in resources.files("pushgateway.sandbox.page").joinpath("static").iterdir()
            if file.name.rpartition(".")[2] in _KINDS
        }
        self._senders = [ReceiptSender(brand.sandbox) for brand in view.brands.values()] if post_receipts else []

    def routes(self) -> list[Route]:
        """What the app answers."""
        return [
            Route("/", self.page, methods=["GET"]),
            Route("/static/{name}", self.static, methods=["GET"]),
            Route("/state", self.state, methods=["GET"]),
            Route("/events", self.events, methods=["GET"]),
            Route("/phone", self.phone, methods=["GET"]),
            Route("/find", self.find, methods=["GET"]),
            Route("/requests", self.requests, methods=["GET"]),
            Route("/request", self.request, methods=["GET"]),
            Route("/do", self.do, methods=["POST"]),
            Route("/receipts/{address:path}", self.receipts, methods=["POST"]),
        ]

    async def aclose(self) -> None:
        """Post no more receipts."""
        await asyncio.gather(*[sender.aclose() for sender in self._senders])

    async def page(self, _: HttpRequest) -> HttpResponse:
        return self._file("page.html")

    async def static(self, request: HttpRequest) -> HttpResponse:
        return self._file(request.path_params["name"])

    def _file(self, name: str) -> HttpResponse:
        if name not in self._files:
            return error_reply("there is no such file", 404)
        headers = {**PRIVATE, "content-security-policy": PAGE_POLICY}
        return HttpResponse(self._files[name], headers=headers, media_type=_KINDS[name.rpartition(".")[2]])

    async def state(self, request: HttpRequest) -> HttpResponse:
        return json_reply(_with_origin(self._view.state(), request))

    async def events(self, request: HttpRequest) -> HttpResponse:
        return StreamingResponse(self._stream(request), media_type="text/event-stream", headers=PRIVATE)

    async def _stream(self, request: HttpRequest) -> AsyncIterator[str]:
        numbers = self._view.numbers()
        yield _event("state", _with_origin(self._view.state(), request))
        loop = asyncio.get_running_loop()
        silent_since = loop.time()
        while True:
            await asyncio.sleep(PAUSE)
            numbers, change = self._view.change(numbers)
            if change is not None:
                yield _event("change", _with_origin(change, request))
            elif loop.time() - silent_since >= ALIVE:
                yield ": alive\n\n"
            else:
                continue
            silent_since = loop.time()

    async def phone(self, request: HttpRequest) -> HttpResponse:
        try:
            phone = self._view.brand(request.query_params.get("brand")).phone(request.query_params.get("token", ""))
        except FieldError as wrong:
            return error_reply(str(wrong))
        return error_reply("token: there is no such phone", 404) if phone is None else json_reply(phone)

    async def find(self, request: HttpRequest) -> HttpResponse:
        try:
            brand = self._view.brand(request.query_params.get("brand"))
        except FieldError as wrong:
            return error_reply(str(wrong))
        found = await run_in_threadpool(brand.find, request.query_params.get("text", ""))
        return json_reply({"phones": found})

    async def requests(self, request: HttpRequest) -> HttpResponse:
        try:
            brand = self._view.brand(request.query_params.get("brand"))
        except FieldError as wrong:
            return error_reply(str(wrong))
        return json_reply({"requests": brand.requests()})

    async def request(self, request: HttpRequest) -> HttpResponse:
        number = request.query_params.get("number", "")
        if not (number.isascii() and number.isdigit() and len(number) < 16):
            return error_reply("number: must be a whole number")
        try:
            brand = self._view.brand(request.query_params.get("brand"))
        except FieldError as wrong:
            return error_reply(str(wrong))
        logged = await run_in_threadpool(brand.request, int(number))
        missing = "number: there is no such request, or it is forgotten"
        return error_reply(missing, 404) if logged is None else json_reply(logged)

    async def do(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return error_reply("content-type: must be application/json", 415)
        try:
            command = await read_json(request.receive)
            reply = await run_in_threadpool(execute, self._view, command)
        except TooLargeError:
            return error_reply(TOO_LARGE, 413)
        except FieldError as wrong:
            return error_reply(str(wrong))
        for sender in self._senders:
            sender.post_due()
        return json_reply(reply)

    async def receipts(self, request: HttpRequest) -> HttpResponse:
        gateway = self._view.gateway
        if gateway is None:
            return error_reply("this page has no gateway", 404)
        try:
            body = await read_body(request.receive)
        except TooLargeError:
            return error_reply(TOO_LARGE, 413)
        headers = headers_of(request.scope)
        answer = await run_in_threadpool(gateway.receive, request.path_params["address"], headers, body)
        if answer is None:
            return error_reply("there is no such address", 404)
        return HttpResponse(answer.content, answer.status, headers=dict(answer.headers))


def _with_origin(shown: dict[str, Any], request: HttpRequest) -> dict[str, Any]:
    """The page of one sandbox is on the sandbox's own port: its URL is the one that the browser has used."""
    for brand in shown["brands"]:
        brand["url"] = brand["url"] or f"{request.url.scheme}://{request.url.netloc}"
    return shown


def _event(name: str, value: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(value)}\n\n"
