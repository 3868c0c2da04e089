"""A sandbox as an ASGI app.

Every path goes to `Sandbox.answer` except those below `/_sandbox/`: the control interface (ledger, faults, commands)
and the page of phones. Both show tokens and texts and change the phones, so they refuse web pages of other origins and
foreign `Host` headers (`web.objection`). This module needs the extra `sandbox` (Starlette); `server`
raises a `PluginError` that says so when it is absent. The vendor's side is a bare ASGI callable because benchmarks run
against it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pushgateway.model.errors import FieldError
from pushgateway.sandbox.kit.base import Sandbox
from pushgateway.sandbox.kit.faults import Fault
from pushgateway.sandbox.page.app import page_app
from pushgateway.sandbox.page.view import View
from pushgateway.sandbox.serving.ledger import ledger_json, phone_json
from pushgateway.sandbox.serving.receipt_sender import ReceiptSender
from pushgateway.sandbox.serving.web import (
    HOST,
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
from pushgateway.vendor import Request

MAX_COUNT = 1_000_000
"""Most new phones of one command."""
BREAK = "pushgateway.break"
"""Key in the ASGI state of a callable that breaks the connection; `server` puts it there."""


def app(sandbox: Sandbox, *, hosts: Collection[str] = (), post_receipts: bool = True) -> ASGIApp:
    """The ASGI app of `sandbox`. On another ASGI server than that of `server`, a broken connection is an exception.

    `hosts`: names besides loopback addresses under which the control interface may be reached, such as that of a
    container.
    """
    page = page_app(View({"": sandbox}), hosts=hosts, post_receipts=post_receipts)
    control = _control_app(sandbox, page)
    receipt_sender = ReceiptSender(sandbox)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send, receipt_sender.aclose)
        elif scope["type"] != "http":
            await control(scope, receive, send)
        elif not scope["path"].startswith("/_sandbox/"):
            await _answer_as_vendor(sandbox, receipt_sender if post_receipts else None, scope, receive, send)
        elif sentence := objection(scope.get("scheme", "http"), headers_of(scope), hosts):
            await error_reply(sentence, 403)(scope, receive, send)
        else:
            await control(scope, receive, send)

    return answer


async def _answer_as_vendor(
    sandbox: Sandbox, receipt_sender: ReceiptSender | None, scope: Scope, receive: Receive, send: Send
) -> None:
    try:
        body = await read_body(receive)
    except TooLargeError:
        await _send(send, 413, {"connection": "close"}, b"")
        return
    except ConnectionResetError:
        return  # the request never arrived as a whole
    reply = sandbox.answer(Request(scope["method"], _url(scope), headers_of(scope), body))
    if receipt_sender is not None:
        receipt_sender.post_due()
    if reply.delay > 0:
        await asyncio.sleep(reply.delay)
    if reply.response is None:
        await _break(scope, receive)
        return
    await _send(send, reply.response.status, reply.response.headers, reply.response.content)


def _url(scope: Scope) -> str:
    """The whole URL, as in the same process, and its path as it was sent, not decoded."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    if HOST.fullmatch(host) is None:
        host = "localhost"
    path = scope.get("raw_path", b"").decode("latin-1") or quote(scope["path"])
    query = scope["query_string"].decode("latin-1")
    return f"{scope.get('scheme', 'http')}://{host}{path}{f'?{query}' if query else ''}"


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


def _control_app(sandbox: Sandbox, page: ASGIApp) -> Starlette:
    async def ledger(request: HttpRequest) -> HttpResponse:
        return _read_ledger(sandbox, request.query_params.get("last", "20"))

    async def faults(request: HttpRequest) -> HttpResponse:
        try:
            lines = await read_json(request.receive)
        except TooLargeError:
            return error_reply(TOO_LARGE, 413)
        if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
            return error_reply("the body must be a JSON list of faults")
        try:
            sandbox.faults.add(*[_fault(line) for line in lines])
        except (TypeError, FieldError) as wrong:
            return error_reply(str(wrong))
        return json_reply({"faults": len(sandbox.faults)})

    async def control(request: HttpRequest) -> HttpResponse:
        try:
            return _execute(sandbox, await read_json(request.receive))
        except TooLargeError:
            return error_reply(TOO_LARGE, 413)

    async def phone(request: HttpRequest) -> HttpResponse:
        return _read_phone(sandbox, request.query_params.get("token", ""))

    async def to_page(_: HttpRequest) -> HttpResponse:
        return HttpResponse(status_code=307, headers={"location": "phones/"})

    return Starlette(
        routes=[
            Route("/_sandbox/ledger", ledger, methods=["GET"]),
            Route("/_sandbox/faults", faults, methods=["POST"]),
            Route("/_sandbox/control", control, methods=["POST"]),
            Route("/_sandbox/phone", phone, methods=["GET"]),
            Route("/_sandbox/phones", to_page, methods=["GET"]),
            Mount("/_sandbox/phones", page),
        ]
    )


def _read_ledger(sandbox: Sandbox, last: str) -> HttpResponse:
    if not (last.isascii() and last.isdigit() and len(last) < 10):
        return error_reply("last: must be a whole number, 0 or more")
    return json_reply(ledger_json(sandbox, int(last)))


def _read_phone(sandbox: Sandbox, token: str) -> HttpResponse:
    with sandbox.lock:
        phone = sandbox.phones_known.get(token)
        return (
            error_reply("token: no such phone is registered", 404) if phone is None else json_reply(phone_json(phone))
        )


# Commands. Each field that is missing, wrong or unknown is named.

Fields = dict[str, Any]


def _fault(line: Fields) -> Fault:
    known = tuple(Fault.__annotations__)
    for name in line:
        if name not in known:
            raise FieldError(f"Fault.{name}", f"there is no such field; a fault has: {', '.join(known)}")
    return Fault(**line)


def _texts(command: Fields, field: str) -> list[str]:
    # Not any iterable: a text would be read letter by letter, an object name by name.
    values = command.get(field)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise FieldError(field, "is missing" if field not in command else "must be a list of texts")
    return values


def _tokens(command: Fields) -> list[str]:
    """The phones of a command: `tokens`, or `token` for one."""
    if "token" not in command:
        return _texts(command, "tokens")
    if "tokens" in command:
        raise FieldError("token", "give token or tokens, not both")
    if not isinstance(command["token"], str):
        raise FieldError("token", "must be a text")
    return [command["token"]]


def _register(sandbox: Sandbox, command: Fields) -> Fields:
    if "tokens" in command or "token" in command:
        return {"tokens": sandbox.register(_tokens(command))}
    count = command.get("count")
    if type(count) is not int or not 0 <= count <= MAX_COUNT:
        missing = "is missing: give tokens, or count, the number of new phones"
        raise FieldError("count", f"must be a whole number, 0 to {MAX_COUNT}" if "count" in command else missing)
    return {"tokens": sandbox.register(count)}


def _uninstall(sandbox: Sandbox, command: Fields) -> Fields:
    return _done(sandbox.uninstall(token) for token in _tokens(command))


def _mute(sandbox: Sandbox, command: Fields) -> Fields:
    muted = command.get("muted", True)
    if not isinstance(muted, bool):
        raise FieldError("muted", "must be true or false")
    return _done(sandbox.mute(token, muted) for token in _tokens(command))


def _alias(sandbox: Sandbox, command: Fields) -> Fields:
    alias = command.get("alias")
    if "alias" not in command or not (alias is None or isinstance(alias, str)):
        raise FieldError("alias", "must be a text, or null for none" if "alias" in command else "is missing")
    tokens = _tokens(command)
    if len(tokens) != 1:
        raise FieldError("tokens", "must be one: an alias names one phone")
    return _done(sandbox.set_alias(token, alias) for token in tokens)


def _account(sandbox: Sandbox, command: Fields) -> Fields:
    account = command.get("account")
    if "account" not in command or not (account is None or isinstance(account, str)):
        raise FieldError("account", "must be a text, or null for none" if "account" in command else "is missing")
    return _done(sandbox.set_account(token, account) for token in _tokens(command))


def _receipts_at(sandbox: Sandbox, command: Fields) -> Fields:
    url = command.get("url")
    if not isinstance(url, str):
        raise FieldError("url", "must be a text, empty for no receipts" if "url" in command else "is missing")
    with sandbox.lock:
        sandbox.receipts_at = url
    return {"done": True}


def _tags(sandbox: Sandbox, command: Fields) -> Fields:
    tags = _texts(command, "tags")
    return _done(sandbox.set_tags(token, tags) for token in _tokens(command))


def _done(each: Iterable[bool]) -> Fields:
    """Whether all of them succeeded; each is tried, also after one that fails."""
    return {"done": all(list(each))}


def _clear(sandbox: Sandbox, command: Fields) -> Fields:
    only = command.get("only", "")
    if only not in ("", "faults", "ledger"):
        raise FieldError("only", "must be faults or ledger; leave it out for both")
    with sandbox.lock:
        if only != "faults":
            sandbox.ledger.clear()
        if only != "ledger":
            sandbox.faults.clear()
    return {"done": True}


def _expire(sandbox: Sandbox, _: Fields) -> Fields:
    sandbox.expire_tokens()
    return {"done": True}


def _set(sandbox: Sandbox, command: Fields) -> Fields:
    options = {name: value for name, value in command.items() if name != "do"}
    for name, value in options.items():
        sandbox.check_option(name, value)  # all of them first: a command is executed whole or not at all
    with sandbox.lock:
        for name, value in options.items():
            sandbox.set_option(name, value)
    return {"done": bool(options)}


def _execute(sandbox: Sandbox, command: Any) -> HttpResponse:
    known = _COMMANDS.get(str(command.get("do"))) if isinstance(command, dict) else None
    if known is None:
        return error_reply(f"the body must be a JSON object whose do is one of: {', '.join(sorted(_COMMANDS))}")
    execute, fields = known
    unknown = [] if fields is None else [name for name in command if name not in ("do", *fields)]
    if unknown:
        return error_reply(
            f"{command['do']}: {unknown[0]}: there is no such field; it takes: {', '.join(fields or ())}"
        )
    try:
        return json_reply(execute(sandbox, command))
    except FieldError as wrong:
        return error_reply(f"{command['do']}: {wrong}")


_COMMANDS: dict[str, tuple[Callable[[Sandbox, Fields], Fields], Collection[str] | None]] = {
    "register": (_register, ("tokens", "token", "count")),
    "uninstall": (_uninstall, ("tokens", "token")),
    "mute": (_mute, ("tokens", "token", "muted")),
    "alias": (_alias, ("tokens", "token", "alias")),
    "account": (_account, ("tokens", "token", "account")),
    "receipts_at": (_receipts_at, ("url",)),
    "tags": (_tags, ("tokens", "token", "tags")),
    "expire": (_expire, ()),
    "set": (_set, None),
    "clear": (_clear, ("only",)),
}
"""By name: the function that executes it, and the fields that it takes; None: the options of the sandbox."""
