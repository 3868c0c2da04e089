"""Time, connections and limits of both transports: what is waited for, what is kept open, how large a reply may be.

Raw sockets on loopback; no test sleeps.
"""

import asyncio
import gzip
import socket
from collections.abc import Callable
from typing import Any

import pytest
from faulty_server import Authority
from raw_server import BODY, PLAIN, TRANSPORTS, Behaviour, Kind, Server, ask, replies, serving, trouble

from pushgateway.transport import connection as connecting
from pushgateway.transport import dns as resolving
from pushgateway.transport import pool as kept
from pushgateway.transport.connection import MAX_IDLE
from pushgateway.transport.pool import _most_open
from pushgateway.transport.request_head import encode_headers, parse_url
from pushgateway.vendor import NoVerdict, Request, Response, read_json

every_transport = pytest.mark.parametrize("kind", TRANSPORTS)


async def turns(count: int = 50) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def move_clock() -> list[float]:
    """The loop's clock is moved on by the number in the list."""
    loop, later = asyncio.get_running_loop(), [0.0]
    plain = loop.time
    loop.time = lambda: plain() + later[0]  # type: ignore[method-assign]
    return later


@every_transport
def test_waiting_for_a_connection_does_not_count_as_time_of_the_request(kind: Kind) -> None:
    """Six requests over one connection: each gets its reply within its limit, all together take longer, and none
    fails."""

    def slow(server: Server) -> Behaviour:
        async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                await server.read(reader)
                later[0] += 1.5
                writer.write(PLAIN)

        return behaviour

    later: list[float] = []

    async def main() -> list[bytes]:
        later[:] = [0.0]
        loop = asyncio.get_running_loop()
        plain = loop.time
        loop.time = lambda: plain() + later[0]  # type: ignore[method-assign]
        async with serving(slow) as server:
            transport = kind(connections=1)
            asked = (ask(server.url(), transport=transport, within=2.0) for _ in range(6))
            found = [response.content for response in await asyncio.gather(*asked)]
            await transport.aclose()
            return found

    assert asyncio.run(main()) == [BODY] * 6


@every_transport
def test_a_reply_that_has_arrived_is_read_before_the_limit_ends_the_request(kind: Kind) -> None:
    """The event loop was blocked until the limit was over, and the whole reply was in the socket."""

    async def main() -> Response:
        later = move_clock()

        def block(server: Server) -> Behaviour:
            async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await server.read(reader)
                writer.write(PLAIN)
                later[0] += 5.0
                await reader.read()

            return behaviour

        async with serving(block) as server:
            return await ask(server.url(), kind=kind, within=2.0)

    assert asyncio.run(main()).content == BODY


@every_transport
def test_idle_connections_are_closed_without_another_request(kind: Kind) -> None:
    """Their pools are never used again: the server sees all of them close, and a busy one continues."""

    async def main() -> tuple[int, bytes]:
        later, ended, go = move_clock(), [0], asyncio.Event()

        def counting(server: Server) -> Behaviour:
            async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await server.read(reader)
                if b"busy" in server.requests[-1]:
                    await go.wait()
                writer.write(PLAIN)
                await reader.read()
                ended[0] += 1

            return behaviour

        async with serving(counting) as server:
            transport = kind()
            for pool in "abcdef":
                await transport.send(Request("POST", server.url(), content=b"x"), pool=pool, timeout=60)
            request = Request("POST", server.url(), content=b"busy")
            busy = asyncio.create_task(transport.send(request, pool="busy", timeout=60))
            await turns()
            later[0] += MAX_IDLE
            for _ in range(1000):
                await turns(1)
                if ended[0] == 6:
                    break
            found = ended[0]
            go.set()
            content = (await busy).content
            await transport.aclose()
            return found, content

    assert asyncio.run(main()) == (6, BODY)


@every_transport
def test_the_connections_of_a_certificate_can_be_changed(kind: Kind) -> None:
    """For the certificate that is named only, before its first request and while it has some; until it is forgotten."""

    async def main() -> list[int]:
        at_once, most = 0, 0

        def slow(server: Server) -> Behaviour:
            async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                nonlocal at_once, most
                while True:
                    await server.read(reader)
                    at_once += 1
                    most = max(most, at_once)
                    await asyncio.sleep(0.02)
                    at_once -= 1
                    writer.write(PLAIN)

            return behaviour

        async with asyncio.timeout(10), serving(slow) as server:
            transport, request = kind(connections=2), Request("POST", server.url(), content=b"x")

            async def peak(pool: str) -> int:
                nonlocal most
                most = 0
                await asyncio.gather(*(transport.send(request, pool=pool, timeout=5) for _ in range(15)))
                return most

            transport.resize("a", 5)
            found = [await peak("a"), await peak("b")]
            transport.resize("a", 3)
            found += [await peak("a"), await peak("b")]
            await transport.forget("a")
            found.append(await peak("a"))
            await transport.aclose()
            return found

    assert asyncio.run(main()) == [5, 2, 3, 2, 2]


@every_transport
def test_open_connections_of_all_pools_together_are_bounded(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten certificates, a limit of three: all requests are sent, never more than three connections are open, and the
    last ones stay."""
    monkeypatch.setattr(kept, "_most_open", lambda: 3)

    async def main() -> tuple[int, int]:
        now_open, most = [0], [0]

        def counting(server: Server) -> Behaviour:
            async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                now_open[0] += 1
                try:
                    while True:
                        await server.read(reader)
                        writer.write(PLAIN)
                finally:
                    now_open[0] -= 1

            return behaviour

        async with asyncio.timeout(10), serving(counting) as server:
            transport = kind()
            request = Request("POST", server.url(), content=b"x")
            for pool in "abcdefghij":
                await transport.send(request, pool=pool, timeout=5)
                await turns()
                most[0] = max(most[0], now_open[0])
            await transport.send(request, pool="j", timeout=5)
            connections = server.connections
            together = (transport.send(request, pool=pool, timeout=5) for pool in "klmnopqr")
            await asyncio.gather(*together)
            await transport.aclose()
            return most[0], connections

    assert asyncio.run(main()) == (3, 10)
    assert _most_open() >= 1


@every_transport
def test_an_unread_end_of_a_connection_is_noticed(kind: Kind) -> None:
    """The loop has not read it yet: the connection is not used, and the second request gets a new one."""

    async def main() -> int:
        taken: list[socket.socket] = []
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/push"
            listener.setblocking(False)
            loop = asyncio.get_running_loop()

            async def serve() -> None:
                one, _ = await loop.sock_accept(listener)
                taken.append(one)
                await loop.sock_recv(one, 10_000)
                await loop.sock_sendall(one, PLAIN)

            transport = kind()
            for _ in range(2):
                serving_one = asyncio.create_task(serve())
                await transport.send(Request("POST", url, content=b"x"), pool="1", timeout=5)
                await serving_one
                taken[-1].close()
            await transport.aclose()
        return len(taken)

    assert asyncio.run(main()) == 2


def test_a_dead_first_address_costs_a_quarter_of_a_second_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 8305: the next address is tried beside the first, and the one that connected comes first next time."""
    dead, alive = (socket.AF_INET6, ("::1", 1, 0, 0)), (socket.AF_INET, ("127.0.0.1", 1))
    tried: list[Any] = []

    async def connect(family: int, address: object) -> connecting.Connection:
        tried.append(address)
        if address == dead[1]:
            await asyncio.Event().wait()
        return connecting.Connection()

    monkeypatch.setattr(connecting, "_connect", connect)
    monkeypatch.setattr(connecting, "ATTEMPT_DELAY", 0.01)
    rows = [(family, None, None, "", address) for family, address in (dead, alive)]
    monkeypatch.setattr(resolving.socket, "getaddrinfo", lambda *_, **__: rows)

    async def main() -> None:
        now = [0.0]
        resolver = resolving.Resolver(clock=lambda: now[0])
        for later in (0.0, 1.0, resolving.KEEP_FOUND + 1):
            now[0] = later
            await connecting.open_connection(resolver, "push.example", 1, 5.0)

    asyncio.run(main())

    assert tried == [dead[1], alive[1], alive[1], alive[1]]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 9300 + b"Content-Length: 0\r\n\r\n", "lines"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n", "pieces"),
    ],
)
@every_transport
def test_headers_and_chunks_are_limited_before_they_are_processed(kind: Kind, reply: bytes, words: str) -> None:
    """More than any vendor needs is no verdict, and the request was sent."""
    refused = trouble(replies(reply, then="hang"), within=20.0, kind=kind)

    assert refused.sent
    assert words in refused.detail


@every_transport
def test_a_reply_with_the_most_headers_is_read(kind: Kind) -> None:
    """A reply at the limit is valid."""
    lines = b"".join(b"a%d: b\r\n" % place for place in range(254))

    async def main() -> Response:
        async with serving(replies(b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: 0\r\n\r\n")) as server:
            return await ask(server.url(), kind=kind)

    assert asyncio.run(main()).headers["a253"] == "b"


@pytest.mark.parametrize("content", [b"[" + b"[]," * 1_300_000 + b"[]]", b"[" + b"0," * 2_000_000 + b"0]"])
def test_a_reply_of_too_many_parts_is_not_built(content: bytes) -> None:
    """4 MB of `[]` blocked the event loop for 0.9 s."""
    with pytest.raises(NoVerdict, match="parts"):
        read_json(Response(200, {}, content, 0.0))

    assert len(read_json(Response(200, {}, b"[" + b"[]," * 24_000 + b"[]]", 0.0))) == 24_001


@pytest.mark.parametrize("character", [chr(code) for code in (*range(9), *range(10, 32), 127)])
def test_a_header_with_a_control_character_is_not_sent(character: str) -> None:
    """Each but the tab could end the line, or be read as its end by a server or proxy."""
    request = Request("POST", "https://a.example/x", {"name": f"a{character}b"})

    with pytest.raises(NoVerdict) as caught:
        encode_headers(request, parse_url(request.url))

    assert not caught.value.sent


@every_transport
def test_a_tls_stream_without_its_closing_alert_is_no_whole_reply(kind: Kind, tmp_path: Any) -> None:
    """Without a length the end of the connection is the reply's end, and anybody on the network can cut a
    connection."""
    authority = Authority(tmp_path)

    def cutting(polite: bool) -> Callable[[Server], Behaviour]:
        def behaviour(server: Server) -> Behaviour:
            async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await server.read(reader)
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + BODY)
                await writer.drain()
                if not polite:
                    raw = writer.transport.get_extra_info("socket")
                    with socket.socket(fileno=socket.dup(raw.fileno())) as cut:
                        cut.shutdown(socket.SHUT_WR)
                    await reader.read()

            return run

        return behaviour

    async def main(polite: bool) -> Response:
        async with serving(cutting(polite), authority.context("127.0.0.1")) as server:
            transport = kind(ca_file=authority.pem)
            try:
                return await ask(server.url("https"), transport=transport)
            finally:
                await transport.aclose()

    assert asyncio.run(main(True)).content == BODY
    with pytest.raises(NoVerdict) as caught:
        asyncio.run(main(False))
    assert caught.value.sent


@every_transport
def test_a_compressed_reply_is_limited_while_it_is_decompressed(kind: Kind) -> None:
    """40 MB of zeros in 40 KB: the decompressed part is never much larger than the limit."""
    import tracemalloc

    packed = gzip.compress(bytes(40 * 1024 * 1024))
    reply = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    tracemalloc.start()
    try:
        assert trouble(replies(reply), kind=kind).sent
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 16 * 1024 * 1024
