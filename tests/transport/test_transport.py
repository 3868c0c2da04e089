"""The transport over raw sockets: whether a request was sent, TLS, pools and proxies."""

import asyncio
import json
import socket
import ssl
from pathlib import Path

import pytest
import trustme
from raw_server import BODY, PLAIN, TRANSPORTS, Behaviour, Kind, Server, ask, replies, serving, trouble

from pushgateway import FieldError
from pushgateway.vendor import NoVerdict, Request, Response

every_transport = pytest.mark.parametrize("kind", TRANSPORTS)


@every_transport
def test_a_reply_is_returned_unchanged(kind: Kind) -> None:
    """It has status, lower-case headers, body, and the time of its arrival by our clock."""

    async def main() -> tuple[Response, bytes]:
        async with serving(replies(PLAIN)) as server:
            return await ask(server.url(), content=b"a=1&b=2", kind=kind), server.requests[0]

    response, request = asyncio.run(main())

    assert (response.status, response.content, response.received_at) == (200, BODY, 1_700_000_000.0)
    assert response.headers["content-type"] == "application/json"
    assert request.startswith(b"POST /push HTTP/1.1\r\n")
    assert request.endswith(b"\r\n\r\na=1&b=2")
    assert b"accept-encoding: identity" in request.lower()
    assert b"auth_token: t" in request


@every_transport
def test_a_refused_connection_means_not_sent(kind: Kind) -> None:
    """No byte of the request was sent."""

    async def main() -> NoVerdict:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            with pytest.raises(NoVerdict) as caught:
                await ask(f"http://127.0.0.1:{free.getsockname()[1]}/push", kind=kind)
        return caught.value

    refused = asyncio.run(main())

    assert (refused.sent, refused.detail) == (False, "connect: refused or unreachable")


@every_transport
def test_a_name_that_does_not_resolve_means_not_sent(kind: Kind) -> None:
    """The message differs from that of a refused connection."""

    async def main() -> NoVerdict:
        with pytest.raises(NoVerdict) as caught:
            await ask("https://no-such-host.invalid/push", kind=kind)
        return caught.value

    unresolved = asyncio.run(main())

    assert (unresolved.sent, unresolved.detail) == (False, "dns: the host's name was not resolved")


@pytest.mark.parametrize("then", ["close", "reset"])
@every_transport
def test_a_connection_that_ends_before_the_reply_is_unknown(kind: Kind, then: str) -> None:
    """The request was sent completely, so what the vendor did with it is not known."""
    lost = trouble(replies(then=then), kind=kind)

    assert lost.sent
    assert lost.detail.startswith("reply: the connection broke")


@every_transport
def test_a_request_that_the_server_does_not_read_means_not_sent(kind: Kind) -> None:
    """The peer stops reading: the last byte was never handed over, so the push cannot have been performed."""

    def deaf(_: Server) -> Behaviour:
        async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(1.0)

        return behaviour

    stuck = trouble(deaf, within=0.5, content=b"x" * 50_000_000, kind=kind)

    assert (stuck.sent, stuck.detail) == (False, "timeout: the request did not leave in time")


@pytest.mark.parametrize("host", ["push.example.com", "10.0.0.1", "localhost.example.com", "127.0.0.1.example.com"])
@every_transport
def test_plain_http_goes_to_loopback_only(kind: Kind, host: str) -> None:
    """Anywhere else it would show secrets and texts to the network."""

    async def main() -> NoVerdict:
        with pytest.raises(NoVerdict) as caught:
            await ask(f"http://{host}/push", kind=kind)
        return caught.value

    refused = asyncio.run(main())

    assert not refused.sent
    assert "loopback" in refused.detail


@every_transport
def test_connections_are_reused_within_their_pool_only(kind: Kind) -> None:
    """One request after another uses the same connection; two certificates never wait for each other's."""

    async def main() -> list[int]:
        async with serving(replies(PLAIN, forever=True)) as server:
            transport = kind()
            counts = []
            for pool in ("1", "1", "1", "2"):
                await transport.send(Request("POST", server.url(), content=b"x"), pool=pool, timeout=5)
                counts.append(server.connections)
            await transport.aclose()
            return counts

    assert asyncio.run(main()) == [1, 1, 1, 2]


@every_transport
def test_a_request_on_a_connection_that_breaks_is_not_repeated(kind: Kind) -> None:
    """A POST on a connection that the server closes meanwhile may have been performed, so there is no hidden second
    attempt."""

    async def main() -> tuple[NoVerdict, Response, int]:
        def once_then_break(server: Server) -> Behaviour:
            async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await server.read(reader)
                writer.write(PLAIN)
                await server.read(reader)  # the second request of the first connection is read and gets no reply

            return behaviour

        async with serving(once_then_break) as server:
            transport = kind()
            await ask(server.url(), transport=transport)
            with pytest.raises(NoVerdict) as caught:
                await ask(server.url(), transport=transport)
            third = await ask(server.url(), transport=transport)
            await transport.aclose()
            return caught.value, third, len(server.requests)

    lost, third, requests = asyncio.run(main())

    assert lost.sent
    assert third.content == BODY
    assert requests == 3


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _context(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@every_transport
def test_tls_is_verified_and_a_given_authority_is_trusted(kind: Kind, authority: trustme.CA, tmp_path: Path) -> None:
    """An unknown authority: not sent. The same authority by `ca_file`: a reply. Another name: not sent."""
    pem = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))

    async def main() -> tuple[NoVerdict, Response, NoVerdict]:
        async with serving(replies(PLAIN), _context(authority, "localhost")) as server:
            with pytest.raises(NoVerdict) as untrusted:
                await ask(server.url("https", "localhost"), kind=kind)
            trusting = kind(ca_file=pem)
            fine = await ask(server.url("https", "localhost"), transport=trusting)
            with pytest.raises(NoVerdict) as wrong_name:
                await ask(server.url("https", "127.0.0.1"), transport=trusting)
            await trusting.aclose()
            return untrusted.value, fine, wrong_name.value

    untrusted, fine, wrong_name = asyncio.run(main())

    assert fine.content == BODY
    for refused in (untrusted, wrong_name):
        assert not refused.sent
        assert refused.detail.startswith("tls: the server's certificate is not trusted")


@every_transport
def test_tls_to_a_plain_port_is_not_sent(kind: Kind) -> None:
    """The connection is never downgraded to plain HTTP."""

    def rude(_: Server) -> Behaviour:
        async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()

        return behaviour

    async def main() -> NoVerdict:
        async with serving(rude) as server:
            with pytest.raises(NoVerdict) as caught:
                await ask(server.url("https"), kind=kind)
            return caught.value

    refused = asyncio.run(main())

    assert not refused.sent
    assert refused.detail.startswith("tls:")


@every_transport
def test_proxies_of_the_environment_are_not_used(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the machine must not send tokens and texts to a proxy."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def main() -> Response:
        async with serving(replies(PLAIN)) as server:
            return await ask(server.url(), kind=kind)

    assert asyncio.run(main()).status == 200


@every_transport
def test_a_given_proxy_that_refuses_means_not_sent(kind: Kind) -> None:
    """The message differs from that of a failing vendor."""

    async def main() -> NoVerdict:
        refuse = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"

        def behaviour(_: Server) -> Behaviour:
            async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(refuse)
                await writer.drain()

            return run

        async with serving(behaviour) as proxy:
            transport = kind(proxy=f"http://127.0.0.1:{proxy.port}")
            with pytest.raises(NoVerdict) as caught:
                await ask("https://push.example.com/push", transport=transport)
            await transport.aclose()
            return caught.value

    refused = asyncio.run(main())

    assert (refused.sent, refused.detail) == (
        False,
        "proxy: it wants a user and password, or refuses those given (HTTP 407)",
    )


@every_transport
def test_cancelling_a_request_leaves_nothing_running(kind: Kind) -> None:
    """A cancelled request raises `CancelledError` and is no missing verdict; the next one works."""

    async def main() -> Response:
        async with serving(replies(then="hang")) as hanging, serving(replies(PLAIN)) as server:
            transport = kind(connections=1)
            task = asyncio.create_task(ask(hanging.url(), transport=transport))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            response = await ask(server.url(), transport=transport)
            await transport.aclose()
            return response

    assert asyncio.run(main()).status == 200


@every_transport
def test_a_detail_quotes_nothing_of_the_request(kind: Kind) -> None:
    """Details are logged: none holds a body, header or query of the request."""
    canary = "CANARY-7f3a"
    details = []

    async def main() -> None:
        for behaviour in (replies(), replies(then="hang"), replies(b"HTTP/1.1 " + canary.encode() + b"\r\n\r\n")):
            async with serving(behaviour) as server:
                transport = kind()
                request = Request("POST", f"{server.url()}?q={canary}", {"x": canary}, canary.encode())
                with pytest.raises(NoVerdict) as caught:
                    await transport.send(request, pool="1", timeout=0.2)
                await transport.aclose()
                details.append(json.dumps([str(caught.value), repr(caught.value), repr(request)]))

    asyncio.run(main())

    assert len(details) == 3
    assert not any(canary in detail.replace(f"?q={canary}", "") for detail in details)


@every_transport
def test_options_are_checked_at_once(kind: Kind) -> None:
    """The error is raised when the transport is made, with the name of the option."""
    with pytest.raises(FieldError, match="connections"):
        kind(connections=0)
