"""Ask and listen: the only file of the core with a network.

Law of this file: one request in, one reply out, within a time limit. It judges nothing and repeats nothing. What it
owes everybody else is the truth about one question: had the request left completely when the trouble came?

Promises: server certificates are verified and there is no switch to stop that; redirects are not followed; plain
`http://` only goes to loopback; the whole reply is capped, before and after decoding; `asyncio.timeout` bounds the
whole exchange (httpx has no total limit, and a dripping body passes its read timeout).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import attrs

from pushgateway.errors import FieldError, NoVerdict
from pushgateway.vendor import Request, Response, is_loopback

if TYPE_CHECKING:
    import httpx  # imported when first used: it takes half the time of importing pushgateway

MAX_REPLY = 4 * 1024 * 1024
"""Bytes of a reply's body, decoded; 1,000 items of a batch need about 150 KB."""


class Transport(Protocol):
    """The port: what a lane needs of a network."""

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109 - the limit is ours
        """Ask once. `pool` keeps connections of different certificates apart; `timeout` is in seconds, for all of it.

        Raises `NoVerdict`, with `sent` False when it is sure that the request did not leave completely.
        """

    async def aclose(self) -> None:
        """Close all connections."""


@runtime_checkable
class Forgetful(Protocol):
    """A transport that can let go of one certificate's connections."""

    async def forget(self, pool: str) -> None:
        """Close the connections of `pool`, which is not used any more."""


@attrs.define
class _Progress:
    """httpcore's trace: learns whether the last byte of the request was handed over."""

    sent: bool = False
    _to_proxy: bool = False

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("send_request_headers.started"):
            self._to_proxy = info["request"].method == b"CONNECT"  # opens a tunnel, carries nothing of ours
        elif event.endswith("send_request_body.complete"):
            self.sent = not self._to_proxy


class HttpTransport:
    """The transport on httpx, with one small pool for each certificate and host.

    Small pools because httpx's bookkeeping walks every connection of a pool on every request.
    """

    def __init__(
        self,
        *,
        connections: int = 8,
        connect_timeout: float = 3.0,
        ca_file: str | Path | None = None,
        proxy: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`connections` per certificate; `connect_timeout` in seconds; `ca_file` adds trusted authorities (PEM).

        `proxy` is the URL of an HTTP proxy; proxies from the environment are not used.
        """
        if connections < 1:
            raise FieldError("HttpTransport.connections", "must be 1 or more")
        self._connections = connections
        self._connect_timeout = connect_timeout
        self._proxy = proxy
        self._clock = clock
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._clients: dict[tuple[str, str], httpx.AsyncClient] = {}  # by certificate and host

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        """See `Transport.send`."""
        import httpx

        _refuse_plain_http(request.url)
        progress = _Progress()
        try:
            async with asyncio.timeout(timeout):
                return await self._ask(request, self._client((pool, urlsplit(request.url).netloc)), progress)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, OSError) as trouble:
            raise NoVerdict(_words(trouble, progress.sent), sent=progress.sent) from None

    async def _ask(self, request: Request, client: httpx.AsyncClient, progress: _Progress) -> Response:
        asked = client.build_request(
            request.method,
            request.url,
            headers=dict(request.headers),
            content=request.content,
            extensions={"trace": progress},
        )
        reply = await client.send(asked, stream=True)
        try:
            content = await _read_capped(reply)
        finally:
            await reply.aclose()
        headers = {name.lower(): value for name, value in reply.headers.items()}
        return Response(reply.status_code, headers, content, self._clock())

    def _client(self, pool: tuple[str, str]) -> httpx.AsyncClient:
        client = self._clients.get(pool)
        if client is None:
            import httpx

            client = self._clients[pool] = httpx.AsyncClient(
                verify=self._context(),
                trust_env=False,
                proxy=self._proxy,
                follow_redirects=False,
                timeout=httpx.Timeout(None, connect=self._connect_timeout),
                limits=httpx.Limits(
                    max_connections=self._connections,
                    max_keepalive_connections=self._connections,
                    keepalive_expiry=4.0,  # below the 5 s after which common servers drop an idle connection
                ),
                headers={"accept-encoding": "identity"},
            )
        return client

    def _context(self) -> ssl.SSLContext:
        # Shared by all pools: reading the system's authorities costs tens of milliseconds.
        if self._tls is None:
            import httpx

            self._tls = httpx.create_ssl_context(trust_env=False)
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._ca_file is not None:
                self._tls.load_verify_locations(self._ca_file)
        return self._tls

    async def forget(self, pool: str) -> None:
        """The certificate is gone: close its connections."""
        for key in [key for key in self._clients if key[0] == pool]:
            await self._clients.pop(key).aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            await client.aclose()


def _refuse_plain_http(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return
    raise NoVerdict("plain http:// is for loopback addresses only", sent=False)


async def _read_capped(reply: httpx.Response) -> bytes:
    """The decoded body. We ask for no compression; what comes compressed all the same is unpacked with a bound."""
    encoding = reply.headers.get("content-encoding", "identity").strip().lower()
    unpack = None if encoding in ("", "identity") else _unpacker(encoding)
    parts: list[bytes] = []
    room = MAX_REPLY
    async for raw in reply.aiter_raw(65536):
        part = raw if unpack is None else _unpack(unpack, raw, room + 1)
        room -= len(part)
        if room < 0:
            raise NoVerdict(f"the reply is larger than {MAX_REPLY} bytes")
        parts.append(part)
    if unpack is not None and not unpack.eof:
        raise NoVerdict("the compressed reply is cut")
    return b"".join(parts)


def _unpacker(encoding: str) -> Any:
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise NoVerdict("the reply has a content encoding that was not asked for")
    return zlib.decompressobj(zlib.MAX_WBITS | 32)


def _unpack(unpacker: Any, raw: bytes, limit: int) -> bytes:
    try:
        part: bytes = unpacker.decompress(raw, limit)
    except zlib.error:
        raise NoVerdict("the compressed reply is broken") from None
    return part


def _words(trouble: BaseException, sent: bool) -> str:
    """What went wrong, in words that quote nothing that was sent."""
    import httpx

    before_it_left: tuple[tuple[type[BaseException], str], ...] = (
        (ssl.SSLError, "tls: the handshake failed"),
        (socket.gaierror, "dns: the host's name was not resolved"),
        (httpx.ConnectTimeout, "connect: no answer in time"),
        (httpx.ProxyError, "proxy: the connection was refused"),
        (httpx.ConnectError, "connect: refused or unreachable"),
    )
    cause = _root(trouble)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"tls: the server's certificate is not trusted ({cause.verify_message})"
    if not sent:
        for kind, words in before_it_left:
            if isinstance(cause, kind) or isinstance(trouble, kind):
                return words
    if isinstance(trouble, TimeoutError):
        return "timeout: no complete reply in time" if sent else "timeout: the request did not leave in time"
    return f"{'reply' if sent else 'request'}: the connection broke ({type(trouble).__name__})"


def _root(trouble: BaseException) -> BaseException:
    while (inner := trouble.__cause__ or trouble.__context__) is not None:
        trouble = inner
    return trouble
