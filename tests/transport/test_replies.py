"""Replies over raw sockets that never end, are cut, redirect or are too large: each ends within its limits."""

import asyncio
import gzip
import tracemalloc

import pytest
from raw_server import BODY, PLAIN, TRANSPORTS, Behaviour, Kind, Server, ask, replies, serving, trouble

from pushgateway.transport import MAX_REPLY
from pushgateway.vendor import Response

every_transport = pytest.mark.parametrize("kind", TRANSPORTS)


@every_transport
def test_a_reply_that_never_comes_ends_at_the_time_limit(kind: Kind) -> None:
    """`UNKNOWN` within the limit, whatever the time limits of the client library."""
    silent = trouble(replies(then="hang"), within=0.2, kind=kind)

    assert silent.sent
    assert silent.detail == "timeout: no complete reply in time"


@every_transport
def test_a_very_slow_reply_ends_at_the_time_limit(kind: Kind) -> None:
    """Each byte comes in time and the whole does not: the limit is for the whole reply."""

    def drip(server: Server) -> Behaviour:
        async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await server.read(reader)
            for byte in PLAIN:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)

        return behaviour

    dripping = trouble(drip, within=0.3, kind=kind)

    assert dripping.sent


@pytest.mark.parametrize("cut", range(0, len(PLAIN), 3))
@every_transport
def test_a_reply_cut_anywhere_is_no_verdict(kind: Kind, cut: int) -> None:
    """No part of a reply is taken for the whole."""
    assert trouble(replies(PLAIN[:cut]), kind=kind).sent


@every_transport
def test_a_reply_in_single_bytes_is_read(kind: Kind) -> None:
    """How a reply is divided on the network makes no difference."""

    async def main() -> Response:
        async with serving(replies(*(bytes([byte]) for byte in PLAIN))) as server:
            return await ask(server.url(), kind=kind)

    assert asyncio.run(main()).content == BODY


@every_transport
def test_a_redirect_is_not_followed(kind: Kind) -> None:
    """A redirect could send token and text to a host that was not configured."""

    async def main() -> tuple[Response, int]:
        async with serving(replies(PLAIN)) as canary:
            moved = f"HTTP/1.1 307 Moved\r\nLocation: {canary.url()}\r\nContent-Length: 0\r\n\r\n".encode()
            async with serving(replies(moved)) as server:
                return await ask(server.url(), kind=kind), canary.connections

    response, visits = asyncio.run(main())

    assert response.status == 307
    assert visits == 0


@every_transport
def test_an_endless_reply_is_stopped_and_takes_no_memory(kind: Kind) -> None:
    """The connection is closed at the limit; nothing larger is ever stored."""

    def endless(server: Server) -> Behaviour:
        async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await server.read(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
            while True:
                writer.write(chunk)
                await writer.drain()

        return behaviour

    tracemalloc.start()
    try:
        flood = trouble(endless, kind=kind)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert flood.sent
    assert flood.detail == f"the reply is larger than {MAX_REPLY} bytes"
    assert peak < 2 * MAX_REPLY + 2**20


def _zipped(content: bytes) -> bytes:
    packed = gzip.compress(content, mtime=0)
    return b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


@every_transport
def test_a_compressed_reply_that_was_not_requested_is_decompressed(kind: Kind) -> None:
    """A proxy that compresses replies does not cost the verdict."""

    async def main() -> Response:
        async with serving(replies(_zipped(BODY))) as server:
            return await ask(server.url(), kind=kind)

    assert asyncio.run(main()).content == BODY


@every_transport
def test_a_gzip_bomb_is_stopped_while_decompressing(kind: Kind) -> None:
    """30 KB that become 30 MB are never in memory completely."""
    tracemalloc.start()
    try:
        bomb = trouble(replies(_zipped(bytes(30_000_000))), kind=kind)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert bomb.detail == f"the reply is larger than {MAX_REPLY} bytes"
    assert peak < 100_000_000


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        (_zipped(BODY)[:-6], "reply: the connection broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", "compressed reply is broken"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", "reply is cut"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 4\r\n\r\nnope", "not asked for"),
        (b"HTTP/9.9 what\r\n\r\n", "reply: the connection broke"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n12345", "reply: the connection broke"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000, "the head of the reply has more"),
    ],
)
@every_transport
def test_broken_replies_are_no_verdict(kind: Kind, reply: bytes, detail: str) -> None:
    """Whatever came, the request was sent."""
    broken = trouble(replies(reply), kind=kind)

    assert broken.sent
    assert detail in broken.detail
