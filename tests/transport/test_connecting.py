"""Failures before a request can be sent: names, connections, handshakes, proxies, file descriptors. The outcome is
certain: `NOT_SENT`."""

import asyncio
import contextlib
import os
import resource
import socket
import ssl
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import trustme
from faulty_server import Authority
from raw_server import PLAIN, TRANSPORTS, Behaviour, Kind, Server, ask, replies, serving

from pushgateway import FieldError
from pushgateway.vendor import NoVerdict, Request, Response

SOON = 0.2
WANTS_PASSWORD = "it wants a user and password, or refuses those given (HTTP 407)"
every_transport = pytest.mark.parametrize("kind", TRANSPORTS)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def refusal(transport: Any, url: str, within: float = 5.0, content: bytes = b"x") -> NoVerdict:
    """The exception of `send`; the transport is closed afterwards."""
    try:
        with pytest.raises(NoVerdict) as caught:
            await ask(url, transport=transport, within=within, content=content)
    finally:
        await transport.aclose()
    return caught.value


def behaving(run: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> Callable[[Server], Behaviour]:
    return lambda _: run


# Connections


@every_transport
def test_a_full_backlog_is_not_sent_within_the_connect_time(kind: Kind) -> None:
    """No one accepts the connection: the connect timeout ends it, not the longer time limit of the whole exchange."""

    async def main() -> tuple[NoVerdict, float]:
        loop = asyncio.get_running_loop()
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            crowd = [socket.socket() for _ in range(4)]
            for one in crowd:
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            begun = loop.time()
            url = f"http://127.0.0.1:{full.getsockname()[1]}/push"
            refused = await refusal(kind(connect_timeout=SOON), url)
            took = loop.time() - begun
            for one in crowd:
                one.close()
            return refused, took

    refused, took = asyncio.run(main())

    assert (refused.sent, refused.detail) == (False, "connect: no answer in time")
    assert took < SOON + 0.5


@every_transport
def test_without_a_file_descriptor_nothing_is_sent(kind: Kind) -> None:
    """The process has no file descriptor left: the message says so, the loop keeps running, and later requests work."""

    async def main() -> tuple[NoVerdict, Response]:
        async with serving(replies(PLAIN)) as server:
            transport = kind()
            await ask(server.url(), transport=transport)
            await transport.forget("1")
            await asyncio.sleep(0.05)  # both ends of that connection are closed
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            spare = os.dup(0)
            taken = [spare]
            resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 8, hard))
            try:
                with contextlib.suppress(OSError):
                    while True:
                        taken.append(os.dup(0))
                with pytest.raises(NoVerdict) as caught:
                    await ask(server.url(), transport=transport)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
                for descriptor in taken:
                    os.close(descriptor)
            fine = await ask(server.url(), transport=transport)
            await transport.aclose()
            return caught.value, fine

    spent, fine = asyncio.run(main())

    assert (spent.sent, spent.detail) == (False, "resource: the process has no file descriptor or thread left")
    assert fine.status == 200


@pytest.mark.usefixtures("unburdened")
@every_transport
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_not_sent_or_unknown_depends_on_the_last_byte(kind: Kind, tls: bool, authority: Authority) -> None:
    """If the peer stops reading midway, by hanging or by a reset, the request is not sent. If it took all of it, the
    outcome is unknown."""
    content = b"x" * 20_000_000

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100_000)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(1)

    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(100_000)
        writer.transport.abort()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1_000_000):
            pass

    async def main() -> list[bool]:
        found = []
        for run, within in ((hang, 0.6), (leave, 0.6), (take, 1.5)):  # 20 MB take their time on a busy machine
            context = authority.context("127.0.0.1") if tls else None
            async with serving(behaving(run), context) as server:
                transport = kind(ca_file=authority.pem)
                url = server.url("https" if tls else "http")
                found.append((await refusal(transport, url, within=within, content=content)).sent)
        return found

    assert asyncio.run(main()) == [False, False, True]


# Handshakes


def old(context: ssl.SSLContext) -> ssl.SSLContext:
    """A server that supports nothing newer than TLS 1.1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@every_transport
def test_a_server_that_fails_verification_gets_nothing(kind: Kind, authority: Authority) -> None:
    """Untrusted, another name, expired, too old: each is not sent, and no request ever arrived."""
    untrusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(untrusted)
    contexts = {
        "untrusted": untrusted,
        "name": authority.context("push.example.com"),
        "expired": authority.context("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=UTC)),
        "old": old(authority.context("127.0.0.1")),
    }

    async def main() -> dict[str, tuple[bool, str, int]]:
        found = {}
        for name, context in contexts.items():
            async with serving(replies(PLAIN), context) as server:
                refused = await refusal(kind(ca_file=authority.pem), server.url("https"))
                found[name] = (refused.sent, refused.detail.split("(")[0].strip(), len(server.requests))
        return found

    distrusted = (False, "tls: the server's certificate is not trusted", 0)
    found = asyncio.run(main())

    assert found == {
        "untrusted": distrusted,
        "name": distrusted,
        "expired": distrusted,
        "old": (False, "tls: the handshake failed", 0),
    }


@every_transport
def test_a_handshake_that_hangs_or_breaks_is_not_sent(kind: Kind) -> None:
    """A server that is silent or closes the connection in the handshake; the first within the connect timeout."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass

    async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)

    async def main() -> list[tuple[bool, str]]:
        found = []
        for run in (silent, closing):
            async with serving(behaving(run)) as server:
                refused = await refusal(kind(connect_timeout=SOON), server.url("https"))
                found.append((refused.sent, refused.detail))
        return found

    assert asyncio.run(main()) == [(False, "tls: no answer in time"), (False, "tls: the handshake failed")]


# Proxies


@every_transport
@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", WANTS_PASSWORD),
        (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "it forbids this host (HTTP 403)"),
        (b"HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n", "it cannot reach the host (HTTP 502)"),
        (b"HTTP/1.1 418 No\r\nContent-Length: 0\r\n\r\n", "the tunnel was refused (HTTP 418)"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "it cannot serve now (HTTP 503)"),
        (b"", "the connection broke"),
        (b"nonsense\r\n\r\n", "the connection broke"),
        (None, "no answer in time"),
    ],
)
def test_a_proxy_without_a_tunnel_means_not_sent(kind: Kind, answer: bytes | None, detail: str) -> None:
    """Whatever a proxy does instead of opening a tunnel, nothing of the request was sent."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer or b"")
        if answer is None:
            await reader.read()

    async def main() -> NoVerdict:
        async with serving(behaving(run)) as proxy:
            transport = kind(proxy=f"http://127.0.0.1:{proxy.port}", connect_timeout=SOON)
            return await refusal(transport, "https://push.example.com/push")

    refused = asyncio.run(main())

    assert (refused.sent, refused.detail) == (False, f"proxy: {detail}")


@every_transport
def test_the_connection_of_a_refused_tunnel_is_closed(kind: Kind) -> None:
    """A proxy that refuses tunnels must not collect connections while the gateway is open."""

    async def main() -> bytes:
        ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            try:
                ended.set_result(await reader.read())
            except ConnectionError:
                ended.set_result(b"")

        async with serving(behaving(run)) as proxy:
            transport = kind(proxy=f"http://127.0.0.1:{proxy.port}")
            try:
                with pytest.raises(NoVerdict, match="it forbids this host"):
                    await ask("https://push.example.com/push", transport=transport)
                async with asyncio.timeout(2.0):
                    return await ended
            finally:
                await transport.aclose()

    assert asyncio.run(main()) == b""


@every_transport
@pytest.mark.parametrize("opened", [b"HTTP/1.1 200 OK", b"HTTP/1.1 201 Created"])
def test_a_proxy_cannot_read_the_request(kind: Kind, opened: bytes, authority: Authority) -> None:
    """The tunnel is requested with the proxy's own password, and any 2xx opens it (RFC 9110, section 9.3.6); the server
    behind it is verified end to end."""
    heads = []

    async def main() -> Response:
        async with serving(replies(PLAIN), authority.context("push.example.com")) as server:

            async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                while data := await reader.read(65536):
                    writer.write(data)
                writer.close()

            async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                there = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(opened + b"\r\n\r\n")
                try:
                    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
                finally:
                    there[1].close()

            async with serving(behaving(run)) as proxy:
                transport = kind(proxy=f"http://user:pa%20ss@127.0.0.1:{proxy.port}", ca_file=authority.pem)
                try:
                    return await ask("https://push.example.com/push", transport=transport)
                finally:
                    await transport.aclose()

    response = asyncio.run(main())

    assert response.status == 200
    assert heads[0].startswith(b"CONNECT push.example.com:443 HTTP/1.1\r\n")
    assert b"proxy-authorization: Basic dXNlcjpwYSBzcw==" in heads[0]
    assert b"auth_token" not in heads[0]


@every_transport
def test_a_wrong_proxy_is_an_error_at_once(kind: Kind) -> None:
    """The message does not quote its password."""
    with pytest.raises(FieldError, match="proxy") as caught:
        kind(proxy="https://user:hunter2@proxy.example")

    assert "hunter2" not in str(caught.value)


# Requests that are not sent


@every_transport
@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", "https://a.example/x", {"name": "a\r\nb: c"}),
        Request("POST", "https://a.example/x", {"na me": "a"}),
        Request("POST\r\n", "https://a.example/x"),
        Request("POST", "https://a.example/x y"),
        Request("POST", "https://user@a.example/x"),
        Request("POST", "https://a.example:99999/x"),
        Request("POST", "ftp://a.example/x"),
    ],
)
def test_an_invalid_request_is_not_sent(kind: Kind, request_: Request) -> None:
    """Headers, methods and URLs that could add to the request are refused, and no name is looked up."""

    async def main() -> NoVerdict:
        transport = kind()
        with pytest.raises(NoVerdict) as caught:
            await transport.send(request_, pool="1", timeout=1)
        return caught.value

    assert not asyncio.run(main()).sent
