"""The faster transport: requests written and replies read without an HTTP client between.

Law of this file: httptools (llhttp, in C) reads replies, `connections` carries them, and nothing else of HTTP is here.
Redirects, cookies, compression, pipelining and second tries are left out on purpose.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pushgateway.model.installing import core_command
from pushgateway.transport.body import words
from pushgateway.transport.pool import Connections
from pushgateway.transport.protocol import CONNECTIONS
from pushgateway.transport.request_head import Target, encode_headers, find
from pushgateway.vendor import Request, Response
from pushgateway.vendor.refusals import NoVerdict


class LeanTransport:
    """The same promises as `HttpTransport` for a part of the CPU time.

    Needs the extra `fast`.
    """

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
        self._connections = Connections(
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
        target = find(request.url)
        sending = self._connections.sending(request.method, _head(request, target), request.content)
        try:
            content = await self._connections.ask(sending, pool, target, timeout)
        except (TimeoutError, OSError) as trouble:
            raise NoVerdict(words(trouble, sending.sent), sent=sending.sent) from None
        except NoVerdict as trouble:
            trouble.sent = sending.sent
            raise
        return Response(sending.reply.status, sending.reply.headers, content, self._clock())

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


def _head(request: Request, target: Target) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (request.method.encode(), target.path)]
    lines += [b"%s: %s" % header for header in encode_headers(request, target)]
    return b"\r\n".join(lines) + b"\r\n\r\n"
