"""What the HTTP interfaces of a sandbox share: who may use them, how a body is read, how JSON is answered, and how they
end.

They show tokens and texts and change phones, so `objection` refuses web pages of other origins and foreign `Host`
headers. Needs the extra `sandbox` (Starlette).
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from starlette.responses import Response as HttpResponse
from starlette.types import Receive, Scope, Send

from pushgateway.vendor import is_loopback

MAX_BODY = 16 * 1024 * 1024
"""Bytes of a request; 1,000 long messages of a batch need about 4 MB."""
MAX_DRAINED = 1024 * 1024 * 1024
"""Bytes of a request that is too large: up to here they are read and dropped, so that the client can read the 413."""
TOO_LARGE: Final = f"the body must have at most {MAX_BODY} bytes"
PRIVATE: Mapping[str, str] = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""Headers of replies that show tokens and texts: they are not cached, and no page of another origin embeds them."""
HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
"""What a `Host` header may be: name or address, and port."""


def objection(scheme: str, headers: Mapping[str, str], hosts: Collection[str] = ()) -> str:
    """Why a request must not use such an interface, or "". `headers` names are lower case.

    A web page of any origin can make a browser on this machine send requests to loopback, and by DNS rebinding its own
    name can lead here. The first carry `Sec-Fetch-Site` or `Origin`, the second the page's name as `Host`. The
    content types refused here are those that only a form of a web page sends; `curl -d` sends that of an ordinary form.
    """
    host = headers.get("host", "")
    name = HOST.fullmatch(host)
    if name is None or not (is_loopback(name[1].strip("[]").lower()) or name[1].lower() in hosts):
        return "host: must be a loopback address such as 127.0.0.1"
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return "sec-fetch-site: a web page of another origin must not use this"
    if headers.get("origin", f"{scheme}://{host}") != f"{scheme}://{host}":
        return "origin: a web page of another origin must not use this"
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in ("text/plain", "multipart/form-data"):
        return "content-type: must be application/json"
    return ""


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request, names in lower case."""
    # Blanks around a value are no part of it (RFC 9110, 5.5); not every server takes them off.
    return {name.decode("latin-1").lower(): value.decode("latin-1").strip(" \t") for name, value in scope["headers"]}


class TooLargeError(Exception):
    """The body has more than `MAX_BODY` bytes."""


async def read_body(receive: Receive) -> bytes:
    """The whole body. Raises `TooLargeError`, and `ConnectionResetError` when the client left in the middle of it."""
    parts: list[bytes] = []
    size, more = 0, True
    while more and size <= MAX_DRAINED:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY:
            parts.clear()
        else:
            parts.append(part)
        more = message.get("more_body", False)
    if size > MAX_BODY:
        # Read to its end all the same: a reply while the client still writes would be lost in a reset connection.
        raise TooLargeError
    return b"".join(parts)


async def read_json(receive: Receive) -> Any:
    """The body as JSON; None if it is none. Raises `TooLargeError`."""
    try:
        return json.loads(await read_body(receive))
    except (ValueError, RecursionError, ConnectionResetError):
        return None


def json_reply(content: Any, status: int = 200) -> HttpResponse:
    """A JSON reply that is not cached."""
    # Escaped to ASCII: what somebody registered or asked for may hold a lone surrogate, which UTF-8 cannot carry.
    return HttpResponse(json.dumps(content), status, media_type="application/json", headers=PRIVATE)


def error_reply(sentence: str, status: int = 400) -> HttpResponse:
    """A JSON reply that says what is wrong."""
    return json_reply({"error": sentence}, status)


async def live(receive: Receive, send: Send, at_the_end: Callable[[], Awaitable[None]]) -> None:
    """The lifespan of an app (see the ASGI specification): `at_the_end` is awaited before its server stops."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.shutdown":
            await at_the_end()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "lifespan.startup.complete"})
