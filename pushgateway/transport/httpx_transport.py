"""The transport as it comes: httpx asks, over connections of ours.

Law of this file: httpx is the client, with redirects, cookies and the environment's proxies off; h11 reads the replies;
`connections` are what httpx calls its transport. httpx's own one is not used, because of what was measured: a time
limit that strikes between two of its awaits takes a connection from its pool for ever, its bookkeeping walks all
connections on each request, it looks up names in threads that the whole process shares, and it cannot say for sure what
had left.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pushgateway.transport.body import words
from pushgateway.transport.pool import Connections, Sending
from pushgateway.transport.protocol import CONNECTIONS
from pushgateway.transport.request_head import Target, encode_headers, find
from pushgateway.vendor import Request, Response
from pushgateway.vendor.refusals import NoVerdict

if TYPE_CHECKING:
    import httpx  # imported when the first transport is made: it takes half the time of importing pushgateway

_OURS = "pushgateway"
"""The key of httpx's `extensions` under which a request carries its pool and its progress."""


class _Asked:
    """A request on its way through httpx."""

    def __init__(self, pool: str, target: Target, timeout: float) -> None:
        self.pool = pool
        self.timeout = timeout
        self.target = target
        self.sending: Sending | None = None

    @property
    def sent(self) -> bool:
        """Whether its last byte was handed to the system."""
        return self.sending is not None and self.sending.sent


class HttpTransport:
    """The transport on httpx, with a few kept connections for each certificate and host."""

    def __init__(
        self,
        *,
        connections: int = CONNECTIONS,
        connect_timeout: float = 3.0,
        ca_file: str | Path | None = None,
        proxy: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`connections` per certificate and host; `connect_timeout` in seconds; `ca_file` adds trusted authorities
        (PEM).

        `proxy` is the URL of an HTTP proxy; proxies from the environment are not used.
        """
        from pushgateway.transport.h11_reply import H11Reply

        self._connections = Connections(
            "HttpTransport",
            H11Reply,
            connections=connections,
            connect_timeout=connect_timeout,
            ca_file=ca_file,
            proxy=proxy,
        )
        self._clock = clock
        # Made now: importing httpx takes some 100 ms, in which the first `send` would hold the event loop.
        self._client = _client(self._connections)

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        """See `Transport.send`."""
        target = find(request.url)
        asked = _Asked(pool, target, timeout)
        try:
            reply = await self._client.send(
                self._client.build_request(
                    request.method,
                    request.url,
                    headers=encode_headers(request, target),
                    content=request.content,
                    extensions={_OURS: asked},
                )
            )
        except (TimeoutError, OSError) as trouble:
            raise NoVerdict(words(trouble, asked.sent), sent=asked.sent) from None
        except NoVerdict as trouble:
            trouble.sent = asked.sent
            raise
        return Response(reply.status_code, dict(reply.headers), reply.content, self._clock())

    @property
    def connections(self) -> int:
        """How many requests of one certificate to one host are under way at most; a gateway adapts to it."""
        return self._connections.per_pool

    async def forget(self, pool: str) -> None:
        """The certificate is gone: close its connections, those in use when they are through."""
        self._connections.forget(pool)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()


def _client(connections: Connections) -> httpx.AsyncClient:
    from http.cookiejar import CookieJar, DefaultCookiePolicy  # httpx imports it

    import httpx

    # A cookie that came for one certificate must not go out with the requests of another one.
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))

    class Transport(httpx.AsyncBaseTransport):
        """What httpx asks for one reply to one request."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            """See httpx."""
            asked: _Asked = request.extensions[_OURS]
            head = b"%s %s HTTP/1.1\r\n" % (request.method.encode(), request.url.raw_path)
            head += b"".join([b"%s: %s\r\n" % (name.lower(), value) for name, value in request.headers.raw]) + b"\r\n"
            asked.sending = connections.sending(request.method, head, request.content)
            content = await connections.ask(asked.sending, asked.pool, asked.target, asked.timeout)
            reply = asked.sending.reply
            # The body is unpacked already; httpx must not try it once more.
            headers = {name: value for name, value in reply.headers.items() if name != "content-encoding"}
            return httpx.Response(reply.status, headers=headers, content=content)

    # The time limit is ours, for the whole of it: httpx has none like that.
    return httpx.AsyncClient(
        transport=Transport(),
        cookies=no_cookies,
        trust_env=False,
        follow_redirects=False,
        timeout=None,  # noqa: S113
    )
