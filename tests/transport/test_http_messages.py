"""Requests and replies of the transports byte by byte: which URL leads where, heads, bodies, TLS authorities. No
network, except for cookies."""

import asyncio
import ssl
import zlib
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest
from faulty_server import Authority
from raw_server import PLAIN, TRANSPORTS, Behaviour, Kind, Server, ask, replies, serving

from pushgateway import HttpTransport
from pushgateway.transport import body as replying
from pushgateway.transport.body import Body, decode_headers, failure_detail
from pushgateway.transport.connection import Connection
from pushgateway.transport.h11_reply import H11Reply
from pushgateway.transport.llhttp_reply import LlhttpReply
from pushgateway.transport.protocol import MAX_REPLY
from pushgateway.transport.request_head import Proxy, encode_headers, parse_url
from pushgateway.transport.tls import Authorities
from pushgateway.vendor import Request, Response
from pushgateway.vendor.refusals import NoVerdict

HEAD = b"HTTP/1.1 200 OK\r\n"
every_reader = pytest.mark.parametrize("reader", [H11Reply, LlhttpReply])
Reader = type[H11Reply] | type[LlhttpReply]


class Parts(Connection):
    """A connection on which these parts arrive, one for each read, then the end."""

    def __init__(self, parts: Sequence[bytes]) -> None:
        super().__init__()
        self.parts = [*parts, b""]

    async def read(self) -> bytes:
        return self.parts.pop(0)


def reply_of(reader: Reader, *parts: bytes, method: str = "POST") -> tuple[H11Reply | LlhttpReply, bytes]:
    """The reply made of these parts, and its body."""
    reply = reader(method)
    return reply, asyncio.run(reply.read(Parts(parts)))


# Requests


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://a.example", b"a.example", b"/"),
        ("https://a.example:443/x?y=1&z", b"a.example", b"/x?y=1&z"),
        ("https://a.example:8443/x", b"a.example:8443", b"/x"),
        ("http://127.0.0.1:80/x", b"127.0.0.1", b"/x"),
        ("http://[::1]:8080/x", b"[::1]:8080", b"/x"),
        ("https://推送.example/x", b"xn--jzu200h.example", b"/x"),
    ],
)
def test_a_url_leads_to_a_host_and_a_path(url: str, authority: bytes, path: bytes) -> None:
    """The usual port is left out, an IPv6 address stands in brackets, a query stays, and a host is ASCII."""
    target = parse_url(url)

    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize(
    "url", ["https://user@a.example/x", "https://a.example/x y", "https:///x", "https://a.example/é"]
)
def test_a_url_with_a_user_or_a_blank_is_refused(url: str) -> None:
    """A user would be lost or shown, and a blank would end the path."""
    with pytest.raises(NoVerdict, match="cannot be read") as caught:
        parse_url(url)

    assert not caught.value.sent


@pytest.mark.parametrize("kind", TRANSPORTS)
@pytest.mark.parametrize("url", ["https://999.0.0.1/x", "https://a.example/" + "x" * 65_536])
def test_a_url_that_leads_nowhere_is_not_sent(kind: Kind, url: str) -> None:
    """URLs that httpx does not take, and one that is too long: the request is not sent."""

    async def main() -> NoVerdict:
        with pytest.raises(NoVerdict) as caught:
            await ask(url, kind=kind)
        return caught.value

    assert asyncio.run(main()).sent is False


def test_the_longest_url_is_sent() -> None:
    """A URL at the limit is sent, one with a character more is not."""
    longest = "https://a.example/" + "x" * (65_536 - 18)

    assert len(parse_url(longest).path) == 65_536 - 17
    with pytest.raises(NoVerdict):
        parse_url(longest + "x")


@pytest.mark.parametrize("method", ["", "GET /other", "POST\r\n"])
def test_a_method_must_be_one_word(method: str) -> None:
    """Anything else could add to the request."""
    with pytest.raises(NoVerdict, match="method"):
        encode_headers(Request(method, "https://a.example/"), parse_url("https://a.example/"))


@pytest.mark.parametrize("name", ["auth token", "auth_token:", "auth_token\r\nx"])
def test_the_name_of_a_header_is_one_word(name: str) -> None:
    """Anything else could add to the request."""
    with pytest.raises(NoVerdict, match="header"):
        encode_headers(Request("POST", "https://a.example/", {name: "1"}), parse_url("https://a.example/"))


def test_a_plugin_does_not_decide_the_framing_of_a_request() -> None:
    """Lengths that it sets are left out, names are lower case, and no compression is requested."""
    given = {"Connection": "close", "Content-Length": "9", "Transfer-Encoding": "chunked", "Auth_Token": "t"}
    request = Request("POST", "https://a.example/", given, b"x=1")

    assert encode_headers(request, parse_url(request.url)) == [
        (b"host", b"a.example"),
        (b"accept-encoding", b"identity"),
        (b"auth_token", b"t"),
        (b"content-length", b"3"),
    ]


@pytest.mark.parametrize(("method", "length"), [("POST", True), ("PUT", True), ("GET", False), ("HEAD", False)])
def test_an_empty_post_has_a_content_length_of_zero(method: str, length: bool) -> None:
    """Otherwise a server would wait for the body until its time is over."""
    headers = encode_headers(Request(method, "https://a.example/"), parse_url("https://a.example/"))

    assert ((b"content-length", b"0") in headers) is length


def test_user_and_password_of_a_proxy_are_decoded() -> None:
    """A `:` or `@` in them is a percent code in the URL and plain in the header. Port 80 is the default."""
    proxy = Proxy.read("proxy", "http://us%40er:p%3A%40ss@proxy.example")

    assert (proxy.user, proxy.password, proxy.port) == ("us@er", "p:@ss", 80)
    assert proxy.authorization == "proxy-authorization: Basic dXNAZXI6cDpAc3M=\r\n"
    assert Proxy.read("proxy", "http://proxy.example:3128").authorization == ""


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", "/push?a=b%20c&d=e|f", {"Auth_Token": "t", "x": "a\tb"}, b"x=1"),
        Request("post", "/a//b/./c/../d;e", {}, b""),
        Request("GET", '/"quoted"<path>{1}^`?q=[1]', {"accept": "text/plain"}),
        Request("M-SEARCH", "/%zz%2f", {"content-length": "9", "connection": "close"}, b"body"),
    ],
)
def test_both_transports_write_the_same_request(request_: Request) -> None:
    """Method, path and body are as given, with each header of the plug-in; httpx adds some of its own."""
    heads: list[bytes] = []

    def behaviour(_: Server) -> Behaviour:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(len(request_.content)))
            writer.write(PLAIN)

        return run

    async def main() -> None:
        async with serving(behaviour) as server:
            for kind in TRANSPORTS:
                transport = kind()
                request = attrs.evolve(request_, url=server.url().removesuffix("/push") + request_.url)
                await transport.send(request, pool="1", timeout=5)
                await transport.aclose()

    asyncio.run(main())
    httpx_lines, fast_lines = ([line for line in head.split(b"\r\n") if line] for head in heads)
    added = {b"user-agent", b"connection"} | ({b"accept"} - {name.encode() for name in request_.headers})

    assert [line for line in httpx_lines if line.split(b":")[0] not in added] == fast_lines
    assert fast_lines[0] == f"{request_.method} {request_.url} HTTP/1.1".encode()


def test_httpx_logs_no_query(caplog: pytest.LogCaptureFixture) -> None:
    """A query may hold a token, and httpx writes the URL of each request into its log."""
    caplog.set_level("DEBUG")

    async def main() -> None:
        async with serving(replies(PLAIN)) as server:
            transport = HttpTransport()
            await transport.send(Request("POST", f"{server.url()}?token=CANARY", {}, b"x"), pool="1", timeout=5)
            await transport.aclose()

    asyncio.run(main())

    assert "/push" in caplog.text
    assert "CANARY" not in caplog.text


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_no_cookie_is_kept(kind: Kind) -> None:
    """A cookie of a reply is not sent again, because the connections of all certificates would share it."""
    heads: list[bytes] = []

    def behaviour(server: Server) -> Behaviour:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(2):
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                await reader.readexactly(3)
                writer.write(PLAIN.replace(b"200 OK\r\n", b"200 OK\r\nSet-Cookie: a=b\r\n"))

        return run

    async def main() -> None:
        async with serving(behaviour) as server:
            transport = kind()
            for _ in range(2):
                await ask(server.url(), transport=transport)
            await transport.aclose()

    asyncio.run(main())

    assert len(heads) == 2
    assert not any(b"cookie" in head.lower() for head in heads)


# Replies


@every_reader
@pytest.mark.parametrize(
    ("after", "reusable"),
    [
        (b"content-length: 2\r\n\r\nok", True),
        (b"content-length: 2\r\nconnection: close\r\n\r\nok", False),
        (b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
        (b"content-length: 2\r\n\r\nokHTTP/1.1 500 No\r\ncontent-length: 3\r\n\r\nbad", False),
        (b"content-length: 2\r\n\r\nokHTTP/1.1 500 No\r\n", False),
        (b"content-length: 2\r\n\r\nok\0", False),
    ],
)
def test_a_connection_is_reused_only_after_one_whole_reply(reader: Reader, after: bytes, reusable: bool) -> None:
    """Bytes after a reply change nothing in it, and the connection is not used again."""
    reply, body = reply_of(reader, HEAD + after)

    assert (reply.status, body, reply.reusable) == (200, b"ok", reusable)


@every_reader
def test_a_trailer_is_no_header(reader: Reader) -> None:
    """It comes after the body, so it was not there when the head was read."""
    chunks = b"transfer-encoding: chunked\r\nx-a: 1\r\n\r\n2\r\nok\r\n0\r\nretry-after: 300\r\nx-a: 2\r\n\r\n"
    reply, body = reply_of(reader, HEAD + chunks)

    assert body == b"ok"
    assert reply.headers == {"transfer-encoding": "chunked", "x-a": "1"}


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nX-Name: caf\xe9\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 302 Found\r\nLocation: http://[\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 301 Moved\r\nLocation: //999.1.1.1:99999/\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\nContent-Type: text/html; charset=none\r\nContent-Length: 2\r\n\r\n\xff\xfe",
        b"HTTP/1.1 204 No\r\nDate: now\r\nDate: then\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 2\r\n\r\nok",
    ],
)
def test_both_transports_give_the_same_reply(reply: bytes) -> None:
    """Headers are returned whatever they are, because the plug-in decides what they mean, not an HTTP client."""

    async def main() -> list[Response]:
        async with serving(replies(reply)) as server:
            return [await ask(server.url(), kind=kind) for kind in TRANSPORTS]

    by_httpx, by_fast = asyncio.run(main())

    assert by_httpx == by_fast
    assert by_fast.headers != {}


@every_reader
def test_an_interim_reply_is_ignored(reader: Reader) -> None:
    """Neither its status nor its headers are part of the reply."""
    early = b"HTTP/1.1 103 Early Hints\r\nretry-after: 300\r\n\r\n" * 2
    reply, body = reply_of(reader, early + HEAD + b"content-length: 2\r\n\r\nok")

    assert (reply.status, reply.headers, body, reply.reusable) == (200, {"content-length": "2"}, b"ok", True)


@every_reader
def test_another_protocol_is_no_reply(reader: Reader) -> None:
    """A switch was not requested, and the transport waits for nothing more."""
    switch = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"

    wire = Parts([switch, b"rubbish"])

    with pytest.raises(ConnectionAbortedError):
        asyncio.run(reader("POST").read(wire))
    assert wire.parts[0] == b"rubbish"


@every_reader
@pytest.mark.parametrize(
    "end", [b"content-length: 3\r\n\r\nok", b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n", b"x: y"]
)
def test_a_cut_reply_is_no_reply(reader: Reader, end: bytes) -> None:
    """Only a reply without any length ends where the connection ends."""
    with pytest.raises(ConnectionAbortedError):
        reply_of(reader, HEAD + end)


@every_reader
@pytest.mark.parametrize("method", ["HEAD", "CONNECT"])
def test_a_reply_to_some_methods_ends_with_its_head(reader: Reader, method: str) -> None:
    """An opened tunnel has no body, whatever its length says; waiting for one would not end."""
    reply, body = reply_of(reader, HEAD + b"content-length: 5\r\n\r\n", method=method)

    assert (reply.status, body) == (200, b"")


@every_reader
def test_lines_of_a_body_do_not_count_as_headers(reader: Reader) -> None:
    """A body of a thousand lines of JSON beside a short head, all in one part, is read."""
    content = b"\n" * 1000
    _, body = reply_of(reader, HEAD + b"content-length: 1000\r\n\r\n" + content)

    assert body == content


@every_reader
@pytest.mark.parametrize("large", ["interim replies", "chunks"])
def test_other_tasks_run_while_a_large_reply_is_read(reader: Reader, large: str) -> None:
    """A reply that comes in one part is not read in one turn of the event loop."""
    early, chunks = b"HTTP/1.1 100 Continue\r\n\r\n" * 100, b"1\r\nx\r\n" * 15_000 + b"0\r\n\r\n"
    chunked = HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunks
    plain = HEAD + b"content-length: 70000\r\n\r\n" + b"x" * 70_000
    data = early * 12 + plain if large == "interim replies" else chunked

    async def main() -> int:
        turns, reading = 0, asyncio.ensure_future(reader("POST").read(Parts([data])))
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1
        await reading
        return turns

    assert asyncio.run(main()) > 3


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP", " gzip ", "deflate"])
def test_a_compressed_reply_is_decompressed(encoding: str) -> None:
    """This holds for each spelling of the name of the compression."""
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | (16 if "gzip" in encoding.lower() else 0))
    packed = packer.compress(b"ok" * 100) + packer.flush()
    body = Body(encoding)
    body.add(packed[:9])
    body.add(packed[9:])

    assert body.whole() == b"ok" * 100


@pytest.mark.parametrize("encoding", ["", "identity", "Identity"])
def test_an_uncompressed_reply_is_unchanged(encoding: str) -> None:
    """`identity` is what the request asked for."""
    body = Body(encoding)
    body.add(b"ok")

    assert body.whole() == b"ok"


def test_an_incomplete_compressed_reply_is_no_reply() -> None:
    """This holds even if its compressed length is right."""
    packer = zlib.compressobj()
    body = Body("deflate")
    body.add((packer.compress(b"ok") + packer.flush())[:-1])

    with pytest.raises(NoVerdict, match="cut"):
        body.whole()


def test_the_largest_reply_and_one_byte_more() -> None:
    """The limit is for the body as it is read, compressed or not."""
    largest = Body()
    largest.add(bytes(MAX_REPLY))

    assert len(largest.whole()) == MAX_REPLY
    with pytest.raises(NoVerdict, match="larger"):
        largest.add(b"x")


def test_the_limit_of_a_compressed_reply_is_for_its_decompressed_size() -> None:
    """Small compressed parts together become more than the limit."""
    packed = zlib.compress(bytes(MAX_REPLY + 2**20))
    body = Body("deflate")
    body.add(packed[:2000])

    with pytest.raises(NoVerdict, match="larger"):
        body.add(packed[2000:])


def test_one_part_is_not_decompressed_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found to be too large without being decompressed completely."""
    made: list[int] = []
    plain = replying._unpack

    def watched(unpacker: object, raw: bytes, limit: int) -> bytes:
        part = plain(unpacker, raw, limit)
        made.append(len(part))
        return part

    monkeypatch.setattr(replying, "_unpack", watched)

    with pytest.raises(NoVerdict, match="larger"):
        Body("deflate").add(zlib.compress(bytes(2 * MAX_REPLY)))
    assert made == [MAX_REPLY + 1]


def test_the_number_of_parts_is_limited() -> None:
    """The last allowed one, and one more."""
    body = Body()
    for _ in range(replying.MAX_PARTS):
        body.add(b"x")

    with pytest.raises(NoVerdict, match="pieces"):
        body.add(b"x")


def test_headers_of_one_name_are_joined() -> None:
    """They are joined as HTTP defines it, in their order; names are lower case."""
    raw = [(b"X-A", b"1"), (b"x-a", b"2"), (b"b", b"\xff")]

    assert decode_headers(raw) == {"x-a": "1, 2", "b": "\xff"}


def test_a_time_out_says_whether_the_request_was_sent() -> None:
    """This decides whether a push may be repeated."""
    assert failure_detail(TimeoutError(), True) == "timeout: no complete reply in time"
    assert failure_detail(TimeoutError(), False) == "timeout: the request did not leave in time"
    assert failure_detail(ConnectionResetError(), True) == "reply: the connection broke (ConnectionResetError)"
    assert failure_detail(ConnectionResetError(), False) == "request: the connection broke (ConnectionResetError)"


# TLS authorities


def test_a_context_requires_tls_1_2_and_verifies() -> None:
    """This holds whatever OpenSSL's configuration allows."""
    context = Authorities("ca_file", None).context()

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert len(context.get_ca_certs()) > 50  # certifi's


def test_authorities_of_the_environment_are_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE adds to the others, as `ca_file` does; a file that cannot be read is an error, and nothing is
    sent."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    plain = len(Authorities("ca_file", None).context().get_ca_certs())
    (tmp_path / "own").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).pem))

    assert len(Authorities("ca_file", Authority(tmp_path / "own").pem).context().get_ca_certs()) == plain + 2
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(NoVerdict, match="SSL_CERT_FILE") as caught:
        Authorities("ca_file", None).context()
    assert not caught.value.sent


def test_a_folder_of_authorities_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_DIR alone is enough."""
    asked: list[object] = []

    class Context(ssl.SSLContext):
        def load_verify_locations(self, cafile: object = None, capath: object = None, cadata: object = None) -> None:
            asked.append((cafile, capath))

    monkeypatch.setattr(ssl, "create_default_context", lambda **_: Context(ssl.PROTOCOL_TLS_CLIENT))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    Authorities("ca_file", None).context()

    assert asked == [(None, str(tmp_path))]
