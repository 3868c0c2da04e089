"""A raw socket server whose behaviour a test chooses: a reply that is cut, slow, missing, or not HTTP at all.

Each connection is handed to a behaviour; `replies` makes the usual ones.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pushgateway import HttpTransport, LeanTransport
from pushgateway.vendor import NoVerdict, Request, Response

Kind = type[HttpTransport]
TRANSPORTS: list[Kind] = [HttpTransport, LeanTransport]
"""Every transport that is shipped: the same tests run for all of them."""
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BODY = b'{"code":0}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


class Server:
    """A raw server that counts connections and complete requests, and otherwise runs the behaviour."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.connections = 0
        self.requests: list[bytes] = []
        self.port = 0

    def url(self, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}/push"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self.behaviour(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client disconnected: tests look at what the client reports
        finally:
            writer.close()

    async def read(self, reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line)
        self.requests.append(head + await reader.readexactly(length))


@asynccontextmanager
async def serving(behaviour: Callable[[Server], Behaviour], tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(lambda *_: asyncio.sleep(0))
    server.behaviour = behaviour(server)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


def replies(*parts: bytes, then: str = "close", forever: bool = False) -> Callable[[Server], Behaviour]:
    """Read a request, write `parts` one by one, then close, reset, or hang. `forever`: serve one request after
    another.
    """

    def behaviour(server: Server) -> Behaviour:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await server.read(reader)
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                if not forever:
                    break
            if then == "reset":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
            elif then == "hang":
                await reader.read()

        return run

    return behaviour


async def ask(
    url: str,
    *,
    within: float = 5.0,
    content: bytes = b"x=1",
    transport: HttpTransport | None = None,
    kind: Kind = HttpTransport,
) -> Response:
    """Send one request, through `transport` or one of its own, of this `kind`."""
    mine = transport or kind(clock=lambda: 1_700_000_000.0)
    try:
        return await mine.send(Request("POST", url, {"auth_token": "t"}, content), pool="1", timeout=within)
    finally:
        if transport is None:
            await mine.aclose()


def trouble(behaviour: Callable[[Server], Behaviour], **more: Any) -> NoVerdict:
    """The exception that `send` raises against this behaviour."""

    async def main() -> NoVerdict:
        async with serving(behaviour) as server:
            with pytest.raises(NoVerdict) as caught:
                await ask(server.url(), **more)
            return caught.value

    return asyncio.run(main())
