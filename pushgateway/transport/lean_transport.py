"""The fast transport: requests are written and replies read without an HTTP client.

httptools (llhttp, in C) parses replies and `pool` has the connections; nothing else of HTTP is here. Redirects,
cookies, compression, pipelining and repeated requests are left out on purpose. Used by `Gateway` where the extra `fast`
is installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pushgateway.model.installing import core_command
from pushgateway.transport.body import failure_detail
from pushgateway.transport.pool import Pools, Sending
from pushgateway.transport.protocol import CONNECTIONS
from pushgateway.transport.request_head import encode_head, parse_url
from pushgateway.vendor import NoVerdict, Request, Response


class LeanTransport:
    """The same guarantees as `HttpTransport` for a part of the CPU time. Needs the extra `fast`."""

    def __init__(
        self,
        *,
        connections: int = CONNECTIONS,
        connect_timeout: float = 3.0,
        ca_file: str | Path | None = None,
        proxy: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """See `HttpTransport`. Raises `ImportError` where httptools is not installed."""
        try:
            from pushgateway.transport.llhttp_reply import LlhttpReply
        except ImportError as missing:
            raise ImportError(f"LeanTransport needs httptools: {core_command('fast')}") from missing
        self._make_reply = LlhttpReply
        self._pools = Pools(
            "LeanTransport",
            LlhttpReply,
            connections=connections,
            connect_timeout=connect_timeout,
            ca_file=ca_file,
            proxy=proxy,
        )
        self._clock = clock

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        """See `Transport.send`."""
        target = parse_url(request.url)
        reply = self._make_reply(request.method)
        sending = Sending(encode_head(request, target), request.content, reply, request.leave_before)
        try:
            content = await self._pools.exchange(sending, pool, target, timeout)
        except (TimeoutError, OSError) as broken:
            raise NoVerdict(failure_detail(broken, sending.sent), sent=sending.sent) from None
        except NoVerdict as unreadable:
            unreadable.sent = sending.sent
            raise
        return Response(reply.status, reply.headers, content, self._clock())

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
