"""The transport on httpx.

httpx is the client, with redirects, cookies and the proxies of the environment switched off; h11 parses replies; `pool`
is what httpx calls its transport. httpx's own one is not used, because of what was measured: a time limit that is over
between two of its awaits takes a connection from its pool for ever, its bookkeeping walks all connections on each
request, it looks up names in threads that the whole process shares, and it cannot say for sure what had been sent. Used
by `Gateway` where the extra `fast` is not installed, or by choice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pushgateway.transport.body import failure_detail
from pushgateway.transport.pool import Pools, Reply, Sending
from pushgateway.transport.protocol import CONNECTIONS
from pushgateway.transport.request_head import Target, encode_headers, parse_url
from pushgateway.vendor import NoVerdict, Request, Response

if TYPE_CHECKING:
    import httpx  # imported when the first transport is made: it takes half the time of importing pushgateway

_CONTEXT = "pushgateway"
"""The key of httpx's `extensions` under which a request carries its context."""


class _Context:
    """What httpx carries from `HttpTransport.send` to `pool`, and what comes back."""

    def __init__(
        self, opening: bytes, reply: Reply, target: Target, pool: str, timeout: float, *, leave_before: float | None
    ) -> None:
        self.opening = opening
        """The first line of the request."""
        self.leave_before = leave_before
        self.reply = reply
        self.target = target
        self.pool = pool
        self.timeout = timeout
        self.sending: Sending | None = None
        self.content = b""
        """The body of the reply."""

    @property
    def sent(self) -> bool:
        """Whether the last byte of the request was handed to the operating system."""
        return self.sending is not None and self.sending.sent


class HttpTransport:
    """The transport on httpx, with a few kept connections for each certificate and server."""

    def __init__(
        self,
        *,
        connections: int = CONNECTIONS,
        connect_timeout: float = 3.0,
        ca_file: str | Path | None = None,
        proxy: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`connections` for each certificate and server; `connect_timeout` in seconds; `ca_file` adds trusted
        authorities (PEM); `clock`: epoch seconds, for `Response.received_at`.

        `proxy` is the URL of an HTTP proxy; proxies from the environment are not used. Raises `FieldError`.
        """
        from pushgateway.transport.h11_reply import H11Reply

        self._make_reply = H11Reply
        self._pools = Pools(
            "HttpTransport",
            H11Reply,
            connections=connections,
            connect_timeout=connect_timeout,
            ca_file=ca_file,
            proxy=proxy,
        )
        self._clock = clock
        # Made now: importing httpx takes some 100 ms, in which the first `send` would hold the event loop.
        self._client, self._invalid_url = _client(self._pools)

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        """See `Transport.send`."""
        target = parse_url(request.url)
        headers = encode_headers(request, target)
        # Method and path as they were given: httpx writes some of them in another way.
        opening = b"%b %b HTTP/1.1\r\n" % (request.method.encode(), target.path)
        context = _Context(
            opening,
            self._make_reply(request.method),
            target,
            pool,
            timeout,
            leave_before=request.leave_before,
        )
        try:
            await self._client.send(
                self._client.build_request(
                    request.method,
                    target.shown,  # httpx writes it into its log
                    headers=headers,
                    content=request.content,
                    extensions={_CONTEXT: context},
                )
            )
        except (TimeoutError, OSError) as broken:
            raise NoVerdict(failure_detail(broken, context.sent), sent=context.sent) from None
        except NoVerdict as unreadable:
            unreadable.sent = context.sent
            raise
        except self._invalid_url:  # such as https://999.0.0.1
            raise NoVerdict("the URL cannot be read", sent=False) from None
        return Response(context.reply.status, context.reply.headers, context.content, self._clock())

    @property
    def connections(self) -> int:
        """How many requests of one certificate to one server it sends at once; a gateway to which you give it adapts to
        it."""
        return self._pools.per_pool

    def resize(self, pool: str, connections: int) -> None:
        """Send so many requests of this certificate at once to each server."""
        self._pools.resize(pool, connections)

    async def forget(self, pool: str) -> None:
        """The certificate is gone: close its connections, those in use when their request has ended."""
        self._pools.forget(pool)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pools.aclose()


def _client(pools: Pools) -> tuple[httpx.AsyncClient, type[Exception]]:
    """The client over `pools`, and what it raises for a URL that it does not take."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy  # httpx imports it

    import httpx

    # A cookie that came for one certificate must not be sent with the requests of another one.
    no_cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))

    class Transport(httpx.AsyncBaseTransport):
        """What httpx asks for one reply to one request."""

        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            """See httpx."""
            context: _Context = request.extensions[_CONTEXT]
            lines = b"".join([b"%b: %b\r\n" % (name.lower(), value) for name, value in request.headers.raw])
            head = b"%b%b\r\n" % (context.opening, lines)
            context.sending = Sending(head, request.content, context.reply, context.leave_before)
            context.content = await pools.exchange(context.sending, context.pool, context.target, context.timeout)
            # Without the headers: httpx would unpack the body again, read where a redirect leads, and refuse some.
            return httpx.Response(context.reply.status)

    client = httpx.AsyncClient(
        transport=Transport(),
        follow_redirects=False,
        cookies=no_cookies,
        trust_env=False,
        timeout=None,  # noqa: S113 - the limit is ours, for all of a request: httpx has none like that
    )
    return client, httpx.InvalidURL
