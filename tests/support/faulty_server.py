"""A raw socket server on loopback whose URL path chooses the fault that it shows, and the vendor that asks it.

One gateway has a certificate for each fault. The server records every request that it received completely, so that a
test can compare outcomes with what really arrived.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import attrs
import trustme
from raw_server import PLAIN

from pushgateway.vendor import Exchange, Outcome, Push, Reason, Refused, Request, Vendor, read_reply

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REASONS = {"2": Reason.UNREGISTERED, "5": Reason.UNAVAILABLE}


@attrs.frozen
class Wired(Vendor):
    """A vendor that asks `url` and reads code 0 as accepted. `padding` bytes make the request longer."""

    brand: ClassVar[str] = "wired"
    contract: ClassVar[str] = "0.2"

    url: str
    padding: int = 0

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        content = json.dumps([push.push_token.token for push in batch]).encode() + b" " * self.padding
        reply = read_reply((yield Request("POST", self.url, {"auth_token": "t"}, content)))
        if reply.code != "0":
            raise Refused(REASONS[reply.code], reply.code)
        return [Outcome.accepted(push, None) for push in batch]


class FaultServer:
    """Answers each path as the table of faults says, or correctly once `healed` is set."""

    def __init__(self, answers: dict[str, Answer], *, warm: bool) -> None:
        """`warm`: the first request of each path is answered correctly, so that the fault meets a reused connection."""
        self.answers = answers
        self.asked: Counter[str] = Counter()
        self.connections: Counter[str] = Counter()
        self.healed = False
        self.port = 0
        self._warm = warm

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = True
        try:
            while True:
                name = await self._take_in(reader)
                self.connections[name] += first
                first = False
                if not self.healed and self.asked[name] == 1 + self._warm:
                    await self.answers[name](reader, writer)
                    break
                writer.write(PLAIN)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client disconnected: tests look at what the client reports
        finally:
            writer.close()

    async def _take_in(self, reader: asyncio.StreamReader) -> str:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line)
        await reader.readexactly(length)
        name = head.split(b" ")[1].decode().removeprefix("/")
        self.asked[name] += 1
        return name


@asynccontextmanager
async def serving_faults(
    answers: dict[str, Answer], *, warm: bool = False, tls: ssl.SSLContext | None = None
) -> AsyncIterator[FaultServer]:
    """Run the server on a port of its own."""
    server = FaultServer(answers, warm=warm)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close the connection with RST instead of FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class Authority:
    """A certificate authority for tests: its PEM file, and TLS contexts of servers with certificates that it signed."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.pem = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.pem))

    def context(self, *names: str, **more: object) -> ssl.SSLContext:
        """A server's TLS context for these host names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*names, **more).configure_cert(context)  # type: ignore[arg-type]
        return context
