"""A sandbox on a loopback port: the server, what it leaves behind, and what lies below `/_sandbox/`.

Law of this file: the vendor here is an invented one of a few lines, so that nothing of a real vendor is tested by
accident. Real sockets are spoken to by `http.client`, never by our own gateway.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from acme import AcmeSandbox

from pushgateway.sandbox import Answer, Fault, Sandbox
from pushgateway.sandbox.asgi import MAX_BODY
from pushgateway.sandbox.server import Served, serve
from pushgateway.vendor import Request


def push(sandbox: Sandbox, text: str = "hello", **more: str) -> Request:
    body = {"token": sandbox.tokens[0], "text": text, **more}
    return Request("POST", "http://acme.example/push", {}, json.dumps(body).encode())


def call(served: Served, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    parts = urlsplit(served.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method, path, content)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


@contextmanager
def receiver() -> Iterator[tuple[str, list[tuple[str, bytes]], threading.Event]]:
    """A listener for receipts: its URL, what it got, and an event that is set when it got something."""
    got: list[tuple[str, bytes]] = []
    arrived = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.headers["content-type"], self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()
            arrived.set()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/receipts", got, arrived
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_server_answers_and_leaves_nothing_behind() -> None:
    """After the block there is no thread and no listener, even with a connection still open."""
    sandbox = AcmeSandbox()
    with serve(sandbox) as served:
        status, content = call(served, "POST", "/push", json.loads(push(sandbox).content))
        parts = urlsplit(served.url)
        idle = socket.create_connection((parts.hostname, parts.port or 0), timeout=10)

    assert (status, json.loads(content)) == (200, {"code": 0})
    assert idle.recv(1) == b""
    idle.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "pushgateway-sandbox"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((parts.hostname, parts.port or 0), timeout=10)


def test_the_server_passes_path_and_query() -> None:
    """What the vendor sees is what was asked for."""
    with serve(AcmeSandbox()) as served:
        _, content = call(served, "GET", "/a/poll?b=%20c")

    assert json.loads(content)["path"] == "/a/poll?b=%20c"


def test_two_sandboxes_serve_at_once() -> None:
    """Port 0 never meets a taken port; a port that is taken is an OSError."""
    with serve(AcmeSandbox()) as one, serve(AcmeSandbox()) as two:
        assert one.url != two.url
        with pytest.raises(OSError, match=r".+"), serve(AcmeSandbox(), port=urlsplit(one.url).port or 0):
            pass


def test_tls_with_an_authority_of_its_own() -> None:
    """Who trusts the authority's file gets through, who does not is stopped; the file goes with the server."""
    with serve(AcmeSandbox(), tls=True) as served:
        assert served.ca_file is not None
        port = urlsplit(served.url).port
        trusting = ssl.create_default_context(cafile=str(served.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting, timeout=10)
        connection.request("GET", "/poll")
        assert connection.getresponse().status == 200
        connection.close()
        stranger = http.client.HTTPSConnection("127.0.0.1", port, context=ssl.create_default_context(), timeout=10)
        with pytest.raises(ssl.SSLCertVerificationError):
            stranger.request("GET", "/poll")
        stranger.close()

    assert served.url.startswith("https://127.0.0.1:")
    assert not served.ca_file.exists()


@pytest.mark.parametrize("tls", [False, True])
def test_a_broken_connection_really_breaks(tls: bool) -> None:
    """The client sees no status line at all, and the next connection works."""
    sandbox = AcmeSandbox()
    sandbox.faults.add(Fault(kind="drop"))
    with serve(sandbox, tls=tls) as served:
        port = urlsplit(served.url).port or 0
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        context = ssl.create_default_context(cafile=str(served.ca_file)) if tls else None
        client = context.wrap_socket(plain, server_hostname="127.0.0.1") if context else plain
        body = push(sandbox).content
        client.sendall(b"POST /push HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        try:
            got = client.recv(100)
        except (ConnectionResetError, ssl.SSLEOFError):
            got = b""
        client.close()
        if not tls:
            assert call(served, "GET", "/poll")[0] == 200

    assert got == b""
    assert sandbox.ledger.total == 1


def test_stopping_does_not_wait_for_a_late_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    """A delay of an hour must not hold the end of a test."""
    sandbox = AcmeSandbox()
    sandbox.faults.add(Fault(kind="delay", seconds=3600))
    seen = threading.Event()
    answer = sandbox.answer

    def watched(request: Request) -> Answer:
        seen.set()
        return answer(request)

    monkeypatch.setattr(sandbox, "answer", watched)
    with serve(sandbox) as served:
        parts = urlsplit(served.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        connection.request("GET", "/poll")
        assert seen.wait(10)

    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        connection.getresponse()
    connection.close()


def test_a_body_is_taken_up_to_the_limit() -> None:
    """16 MiB pass, one byte more is refused with 413 and never reaches the vendor."""
    sandbox = AcmeSandbox()
    with serve(sandbox) as served:
        _, content = call(served, "POST", "/poll", b"x" * MAX_BODY)
        parts = urlsplit(served.url)
        client = socket.create_connection((parts.hostname, parts.port or 0), timeout=10)
        client.sendall(b"POST /poll HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY + 1))
        client.sendall(b"x" * (MAX_BODY + 1))
        line = client.recv(12)
        client.close()

    assert json.loads(content)["echo"] == MAX_BODY
    assert line == b"HTTP/1.1 413"
    assert sandbox.ledger.calls["poll"] == 1


def test_the_ledger_can_be_read_from_outside() -> None:
    """Counts and the last deliveries, as many as asked for."""
    sandbox = AcmeSandbox()
    for number in range(3):
        sandbox.answer(push(sandbox, f"text {number}"))
    with serve(sandbox) as served:
        _, content = call(served, "GET", "/_sandbox/ledger?last=2")
        wrong, _ = call(served, "GET", "/_sandbox/ledger?last=-1")

    ledger = json.loads(content)
    assert (ledger["brand"], ledger["phones"], ledger["total"], ledger["calls"]) == ("acme", 20, 3, {"push": 3})
    assert [one["title"] for one in ledger["deliveries"]] == ["text 1", "text 2"]
    assert wrong == 400


def test_faults_can_be_set_from_outside() -> None:
    """A script in any language can break the vendor; a wrong script is refused as a whole."""
    sandbox = AcmeSandbox()
    with serve(sandbox) as served:
        status, _ = call(served, "POST", "/_sandbox/faults", [{"kind": "code", "code": 9}])
        wrong = [
            call(served, "POST", "/_sandbox/faults", body)[0]
            for body in ([{"kind": "nope"}], [{"no": 1}], {"kind": "code"}, [1], b"{")
        ]
        _, content = call(served, "GET", "/poll")

    assert status == 200
    assert wrong == [400] * 5
    assert json.loads(content) == {"code": 9}


def test_phones_can_be_controlled_from_outside() -> None:
    """Each verb does what its method does; a wrong order changes nothing and says so."""
    sandbox = AcmeSandbox(tokens=1)
    token = sandbox.tokens[0]

    with serve(sandbox) as served:

        def order(**fields: Any) -> tuple[int, Any]:
            status, content = call(served, "POST", "/_sandbox/control", fields)
            return status, json.loads(content)

        registered = order(do="register", count=2)[1]["tokens"]
        assert order(do="register", tokens=["mine"])[1] == {"tokens": ["mine"]}
        assert order(do="uninstall", token=registered[0])[1] == {"done": True}
        assert order(do="uninstall", token=registered[0])[1] == {"done": False}
        assert order(do="mute", token=token)[1] == {"done": True}
        assert order(do="alias", token=token, alias="ann")[1] == {"done": True}
        assert order(do="tags", token=token, tags=["a", "b"])[1] == {"done": True}
        assert order(do="expire")[1] == {"done": True}
        assert [order(**wrong)[0] for wrong in ({}, {"do": "x"}, {"do": "mute"}, {"do": ["mute"]})] == [400] * 4

    phone = sandbox.phones()[0]
    assert (phone.muted, phone.alias, sorted(phone.tags)) == (True, "ann", ["a", "b"])
    assert sandbox.tokens == (token, registered[1], "mine")
    assert sandbox.expired == 1


def test_clear_empties_ledger_and_script() -> None:
    """One order puts a shared sandbox back to its beginning; phones stay."""
    sandbox = AcmeSandbox()
    sandbox.answer(push(sandbox))
    sandbox.faults.add(Fault(kind="code"))
    with serve(sandbox) as served:
        call(served, "POST", "/_sandbox/control", {"do": "clear"})

    assert (sandbox.ledger.total, sandbox.ledger.deliveries, len(sandbox.faults), len(sandbox.tokens)) == (0, (), 0, 20)


def test_the_page_of_phones_escapes_what_clients_sent() -> None:
    """A title is whatever somebody sent: it must not become a script in the developer's browser."""
    sandbox = AcmeSandbox(tokens=1)
    sandbox.register(["<b>token</b>"])
    sandbox.set_alias(sandbox.tokens[0], "<i>alias</i>")
    sandbox.set_tags(sandbox.tokens[0], ["<u>tag</u>"])
    sandbox.answer(push(sandbox, "<script>alert(1)</script>"))
    with serve(sandbox) as served:
        status, content = call(served, "GET", "/_sandbox/phones")

    page = content.decode()
    assert status == 200
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not [mark for mark in ("<script", "<b>", "<i>", "<u>") if mark in page]


def test_receipts_are_posted_to_loopback() -> None:
    """What the vendor reports about phones arrives at a listener on this machine, and is counted."""
    sandbox = AcmeSandbox()
    with receiver() as (url, got, arrived), serve(sandbox) as served:
        call(served, "POST", "/push", json.loads(push(sandbox, receipts=url).content))
        assert arrived.wait(10)

    assert got == [("application/json", b"[1]")]


@pytest.mark.parametrize(
    ("url", "fate"),
    [
        ("http://192.0.2.1/receipts", "refused"),
        ("http://vendor.example/receipts", "refused"),
        ("http://127.0.0.1.vendor.example/", "refused"),
        ("not a url", "refused"),
        ("http://127.0.0.1:1/", "failed"),
    ],
)
def test_receipts_never_leave_this_machine(url: str, fate: str) -> None:
    """A sandbox that anybody can order to call an address must not call one that is not ours."""
    sandbox = AcmeSandbox()
    counted = threading.Event()

    class Counting(dict[str, int]):
        def __missing__(self, _: str) -> int:
            return 0

        def __setitem__(self, key: str, value: int) -> None:
            super().__setitem__(key, value)
            counted.set()

    sandbox.ledger.receipts = Counting()  # type: ignore[assignment]
    with serve(sandbox) as served:
        call(served, "POST", "/push", json.loads(push(sandbox, receipts=url).content))
        assert counted.wait(10)

    assert dict(sandbox.ledger.receipts) == {fate: 1}
