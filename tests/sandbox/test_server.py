"""A sandbox on a loopback port: the server, what remains after it, and the control interface below `/_sandbox/`.

The vendor here is invented, of a few lines, so that nothing depends on a real vendor. Requests over real sockets are
made with `http.client`, never with our own gateway.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from acme import AcmeSandbox

from pushgateway.sandbox import Answer, Delivery, Fault, Sandbox
from pushgateway.sandbox.serving.server import Served, ServedPage, serve, serve_page
from pushgateway.sandbox.serving.web import MAX_BODY, objection
from pushgateway.testing.transport import SandboxTransport
from pushgateway.transport import HttpTransport
from pushgateway.vendor import Badge, Request, Response


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
            """Log nothing."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/receipts", got, arrived
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_server_replies_and_leaves_nothing_running() -> None:
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


@pytest.mark.parametrize("path", ["/poll", "/a%2Fb/poll?c=%20d&e=%E4%BD%A0", "/a%20b/poll?"])
@pytest.mark.anyio
async def test_a_request_is_the_same_over_http_and_in_process(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox gets the same complete URL either way, so that a test that passes in process does not fail over
    HTTP."""
    seen: list[Request] = []
    sandbox = AcmeSandbox()
    answer = sandbox.answer
    monkeypatch.setattr(sandbox, "answer", lambda request: (seen.append(request), answer(request))[1])
    with serve(sandbox) as served:
        request = Request("POST", served.url + path, {"accept": "text/x", "auth_token": "a"}, b"body")
        for transport in (SandboxTransport(sandbox), HttpTransport(connections=1)):
            await transport.send(request, pool="p", timeout=10)
            await transport.aclose()

    inside, outside = seen
    assert (inside.method, inside.url.removesuffix("?"), inside.content) == (outside.method, outside.url, b"body")
    assert dict(inside.headers).items() <= dict(outside.headers).items()


def test_two_sandboxes_serve_at_once() -> None:
    """Port 0 is always a free port; a port in use is an OSError."""
    with serve(AcmeSandbox()) as one, serve(AcmeSandbox()) as two:
        assert one.url != two.url
        with pytest.raises(OSError, match=r".+"), serve(AcmeSandbox(), port=urlsplit(one.url).port or 0):
            pass


def test_tls_with_an_authority_of_its_own() -> None:
    """A client that trusts the authority's file gets a reply, any other is refused; the file is removed with the
    server."""
    with serve(AcmeSandbox(), tls=True) as served:
        assert served.ca_file is not None
        port = urlsplit(served.url).port
        trusting = ssl.create_default_context(cafile=str(served.ca_file))
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=trusting, timeout=10)
        connection.request("GET", "/poll")
        assert connection.getresponse().status == 200
        connection.close()
        untrusting = http.client.HTTPSConnection("127.0.0.1", port, context=ssl.create_default_context(), timeout=10)
        with pytest.raises(ssl.SSLCertVerificationError):
            untrusting.request("GET", "/poll")
        untrusting.close()

    assert served.url.startswith("https://127.0.0.1:")
    assert not served.ca_file.exists()


@pytest.mark.parametrize("tls", [False, True])
def test_a_fault_of_the_connection_closes_it(tls: bool) -> None:
    """The client gets no status line at all, and the next connection works."""
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
    """A delay of an hour must not delay the end of a test."""
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


def test_a_body_is_read_up_to_the_limit() -> None:
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
        larger, _ = call(served, "POST", "/poll", b"x" * (3 * MAX_BODY))
        order, _ = call(served, "POST", "/_sandbox/faults", b"[" * (MAX_BODY + 1))

    assert json.loads(content)["echo"] == MAX_BODY
    assert line == b"HTTP/1.1 413"
    assert (larger, order) == (413, 413)
    assert sandbox.ledger.calls["poll"] == 1


def test_an_incomplete_request_gets_no_reply() -> None:
    """A partial body is no request: it is not in the ledger."""
    sandbox = AcmeSandbox()
    with serve(sandbox) as served:
        parts = urlsplit(served.url)
        client = socket.create_connection((parts.hostname, parts.port or 0), timeout=10)
        client.sendall(b"POST /poll HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
        client.shutdown(socket.SHUT_WR)
        got = client.recv(100)
        client.close()
        call(served, "GET", "/poll")

    assert got == b""
    assert sandbox.ledger.calls["poll"] == 1


def test_the_ledger_can_be_read_from_outside() -> None:
    """Counts and the last deliveries can be read, as many as the client wants."""
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
    """A script in any language can set faults; a wrong script is refused as a whole."""
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
    """Each command does what its method does; a wrong command changes nothing, and the reply says why."""
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
        assert order(do="account", token=token, account="user-1")[1] == {"done": True}
        assert order(do="account", tokens=[token, "nobody"], account="ann")[1] == {"done": False}
        assert order(do="receipts_at", url="http://127.0.0.1:1/r")[1] == {"done": True}
        assert order(do="tags", token=token, tags=["a", "b"])[1] == {"done": True}
        assert order(do="expire")[1] == {"done": True}
        assert [order(**wrong)[0] for wrong in ({}, {"do": "x"}, {"do": "mute"}, {"do": ["mute"]})] == [400] * 4
        # one spelling everywhere: tokens, or token for one
        assert order(do="register", token="alone")[1] == {"tokens": ["alone"]}
        assert order(do="mute", tokens=["alone", "mine"])[1] == {"done": True}
        assert order(do="mute", tokens=["mine"], muted=False)[1] == {"done": True}
        assert order(do="uninstall", tokens=["nobody", "alone"])[1] == {"done": False}

    phone = sandbox.phones()[0]
    assert (phone.muted, phone.alias, sorted(phone.tags)) == (True, "ann", ["a", "b"])
    assert (phone.account, sandbox.receipts_at) == ("ann", "http://127.0.0.1:1/r")
    assert sandbox.tokens == (token, registered[1], "mine")
    assert sandbox.expired == 1


def test_clear_empties_ledger_and_script() -> None:
    """One command resets a shared sandbox; its phones stay."""
    sandbox = AcmeSandbox()
    sandbox.answer(push(sandbox))
    sandbox.faults.add(Fault(kind="code"))
    with serve(sandbox) as served:
        call(served, "POST", "/_sandbox/control", {"do": "clear"})

    assert (sandbox.ledger.total, sandbox.ledger.deliveries, len(sandbox.faults), len(sandbox.tokens)) == (0, (), 0, 20)


@pytest.mark.parametrize(("only", "left"), [("faults", (1, 0)), ("ledger", (0, 1))])
def test_clear_can_empty_one_of_both(only: str, left: tuple[int, int]) -> None:
    """The end of a planned outage must not delete what was counted during it."""
    sandbox = AcmeSandbox()
    sandbox.answer(push(sandbox))
    sandbox.faults.add(Fault(kind="code"))
    with serve(sandbox) as served:
        call(served, "POST", "/_sandbox/control", {"do": "clear", "only": only})

    assert (sandbox.ledger.total, len(sandbox.faults)) == left


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        ({"do": "uninstall"}, "uninstall: tokens: is missing"),
        ({"do": "uninstall", "tokens": "a"}, "uninstall: tokens: must be a list of texts"),
        ({"do": "uninstall", "token": 5}, "uninstall: token: must be a text"),
        ({"do": "uninstall", "token": "a", "tokens": ["a"]}, "uninstall: token: give token or tokens, not both"),
        ({"do": "uninstall", "tokn": "a"}, "uninstall: tokn: there is no such field; it takes: tokens, token"),
        ({"do": "register"}, "register: count: is missing: give tokens, or count, the number of new phones"),
        ({"do": "register", "count": "2"}, "register: count: must be a whole number, 0 to 1000000"),
        ({"do": "register", "count": 1_000_001}, "register: count: must be a whole number, 0 to 1000000"),
        ({"do": "mute", "token": "a", "muted": "no"}, "mute: muted: must be true or false"),
        ({"do": "alias", "token": "a"}, "alias: alias: is missing"),
        ({"do": "alias", "token": "a", "alias": 5}, "alias: alias: must be a text, or null for none"),
        ({"do": "alias", "tokens": ["a", "b"], "alias": "c"}, "alias: tokens: must be one: an alias names one phone"),
        ({"do": "tags", "token": "a"}, "tags: tags: is missing"),
        ({"do": "account", "token": "a"}, "account: account: is missing"),
        ({"do": "account", "token": "a", "account": 5}, "account: account: must be a text, or null for none"),
        ({"do": "receipts_at"}, "receipts_at: url: is missing"),
        ({"do": "receipts_at", "url": None}, "receipts_at: url: must be a text, empty for no receipts"),
        ({"do": "clear", "only": "phones"}, "clear: only: must be faults or ledger; leave it out for both"),
        ([{"knd": "code"}], "Fault.knd: there is no such field; a fault has: kind, operation, times"),
        ([{}], "missing 1 required keyword-only argument: 'kind'"),
    ],
)
def test_the_reply_to_a_wrong_command_names_the_field(order: Any, sentence: str) -> None:
    """The reply says which field is missing or wrong, and what would be right; nothing is changed."""
    sandbox = AcmeSandbox()
    before = sandbox.tokens
    with serve(sandbox) as served:
        path = "/_sandbox/control" if isinstance(order, dict) else "/_sandbox/faults"
        status, content = call(served, "POST", path, order)

    assert (status, sandbox.tokens, len(sandbox.faults)) == (400, before, 0)
    assert sentence in json.loads(content)["error"]


def test_receipts_are_posted_to_loopback() -> None:
    """What the vendor reports about phones arrives at a listener on this machine, and is counted."""
    sandbox = AcmeSandbox()
    with receiver() as (url, got, arrived), serve(sandbox) as served:
        call(served, "POST", "/push", json.loads(push(sandbox, receipts=url).content))
        assert arrived.wait(10)

    assert got == [("application/json", b"[1]")]


@pytest.mark.parametrize(("taken", "ending"), [(True, "posted"), (False, "failed")])
def test_the_vendor_decides_whether_receipts_were_taken(
    taken: bool, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some want to read a certain answer: the status alone says nothing to them."""
    sandbox, read = AcmeSandbox(), threading.Event()
    answers: list[Response] = []

    def is_taken(answer: Response) -> bool:
        answers.append(answer)
        return taken

    class Counting(dict[str, int]):
        def __missing__(self, key: str) -> int:
            return 0

        def __setitem__(self, key: str, value: int) -> None:
            super().__setitem__(key, value)
            read.set()

    monkeypatch.setattr(sandbox, "is_taken", is_taken)
    sandbox.ledger.receipts = Counting()  # type: ignore[assignment]
    with receiver() as (url, _, _), serve(sandbox) as served:
        call(served, "POST", "/push", json.loads(push(sandbox, receipts=url).content))
        assert read.wait(10)

    assert [(answer.status, answer.content) for answer in answers] == [(200, b"")]
    assert dict(sandbox.ledger.receipts) == {ending: 1}


@pytest.mark.parametrize(
    ("url", "ending"),
    [
        ("http://192.0.2.1/receipts", "refused"),
        ("http://vendor.example/receipts", "refused"),
        ("http://127.0.0.1.vendor.example/", "refused"),
        ("not a url", "refused"),
        ("http://127.0.0.1:1/", "failed"),
    ],
)
def test_receipts_never_leave_this_machine(url: str, ending: str) -> None:
    """Anyone can give a sandbox an address to call, so it must call only addresses of this machine."""
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

    assert dict(sandbox.ledger.receipts) == {ending: 1}


# Who may use the control interface


def asked(served: Served, headers: Mapping[str, str], path: str = "/_sandbox/control") -> tuple[int, bytes]:
    """The status of a command to uninstall every phone, sent with these headers."""
    parts = urlsplit(served.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    body = json.dumps({"do": "uninstall", "tokens": ["mine"]}).encode()
    try:
        connection.putrequest("POST" if path.endswith("control") else "GET", path, skip_host=True)
        for name, value in {"host": f"127.0.0.1:{parts.port}", "content-length": str(len(body)), **headers}.items():
            connection.putheader(name, value.replace("PORT", str(parts.port)))
        connection.endheaders(body)
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:PORT"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "192.0.2.1:PORT"},
        {"host": "127.0.0.1@evil.example"},
        {"host": ""},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "https://127.0.0.1:PORT"},
        {"origin": "http://localhost:PORT"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"content-type": "text/plain"},
        {"content-type": "Text/Plain;charset=UTF-8"},
        {"content-type": "multipart/form-data; boundary=x"},
    ],
    ids=repr,
)
def test_a_foreign_web_page_cannot_use_the_control_interface(headers: dict[str, str]) -> None:
    """A page of another origin, or one whose name was made to resolve to loopback (DNS rebinding), changes and reads
    nothing."""
    sandbox = AcmeSandbox(tokens=0)
    sandbox.register(["mine"])
    with serve(sandbox) as served:
        status, content = asked(served, headers)
        seen = [asked(served, headers, f"/_sandbox/{path}") for path in ("ledger", "phones/state", "nothing")]

    assert status == 403
    assert next(iter(headers)) in json.loads(content)["error"]
    assert [status for status, _ in seen] == [403] * 3
    assert not [content for _, content in seen if b"mine" in content]
    assert sandbox.tokens == ("mine",)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"host": "localhost:PORT"},
        {"host": "LocalHost"},
        {"host": "[::1]:PORT"},
        {"host": "127.9.9.9"},
        {"origin": "http://127.0.0.1:PORT"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"content-type": "application/json"},
        {"content-type": "application/x-www-form-urlencoded"},
    ],
    ids=repr,
)
def test_scripts_and_the_page_itself_can_use_the_control_interface(headers: dict[str, str]) -> None:
    """Allowed are curl with and without a content type, a script, and a browser in which the address was typed."""
    sandbox = AcmeSandbox(tokens=0)
    sandbox.register(["mine"])
    with serve(sandbox) as served:
        status, _ = asked(served, headers)
        page, _ = asked(served, headers, "/_sandbox/phones/")

    assert (status, page, sandbox.tokens) == (200, 200, ())


def test_a_configured_host_name_is_accepted() -> None:
    """In a container the sandbox is reached under the container's name, which its owner configures; no other name is
    accepted."""
    assert objection("http", {"host": "Sandbox:8080"}, ("sandbox",)) == ""
    assert objection("http", {"host": "sandbox:8080"}).startswith("host: ")
    assert objection("http", {"host": "evil.example"}, ("sandbox",)).startswith("host: ")


# Phones


def test_the_page_of_phones_has_moved_below_its_address() -> None:
    """Its parts have addresses relative to it, so the address without a slash leads to the one with it."""
    with serve(AcmeSandbox(tokens=1)) as served:
        parts = urlsplit(served.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        connection.request("GET", "/_sandbox/phones")
        reply = connection.getresponse()
        moved, to = reply.status, reply.headers["location"]
        connection.close()
        status, page = call(served, "GET", "/_sandbox/phones/")
        state, content = call(served, "GET", "/_sandbox/phones/state")

    (brand,) = json.loads(content)["brands"]
    assert (moved, to) == (307, "phones/")
    assert (status, page[:15].lower(), state) == (200, b"<!doctype html>", 200)
    assert (brand["brand"], brand["url"], brand["phones"]) == ("acme", served.url, 1)


def test_one_page_shows_several_sandboxes() -> None:
    """On a port of its own; afterwards nothing is left, even with a browser that still listens to events."""

    class Other(AcmeSandbox):
        brand = "other"

    before = set(threading.enumerate())
    with (
        serve(AcmeSandbox(tokens=1)) as acme,
        serve(Other(tokens=1)) as other,
        serve_page({acme.url: AcmeSandbox(tokens=1), other.url: Other(tokens=1)}, language="zh") as page,
    ):
        parts = urlsplit(page.url)
        browser = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        browser.request("GET", "/events")
        events = browser.getresponse()
        first = events.readline(), json.loads(events.readline().removeprefix(b"data: "))
        with pytest.raises(OSError, match=r".+"), serve_page({}, port=parts.port or 0):
            pass
        during = set(threading.enumerate()) - before
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        events.read()
    events.close()
    browser.close()

    assert first[0] == b"event: state\n"
    assert [(brand["brand"], brand["url"]) for brand in first[1]["brands"]] == [
        ("acme", acme.url),
        ("other", other.url),
    ]
    assert (first[1]["language"], page.receipts) == ("zh", f"{page.url}receipts")
    assert [thread.name for thread in during if thread.is_alive()] == []


def test_receipts_of_a_tap_are_posted_by_the_page() -> None:
    """The sandbox's own server does not know of a tap; with `post_receipts=False` they wait."""

    class Reporting(AcmeSandbox):
        def report_tap(self, delivery: Delivery) -> None:
            self.due.append(Request("POST", self.receipts_at, {"content-type": "application/json"}, b"[2]"))

    def tap(sandbox: AcmeSandbox, page: ServedPage) -> None:
        sandbox.answer(push(sandbox))
        command = {"do": "tap", "brand": "acme", "token": sandbox.tokens[0], "id": "1"}
        connection = http.client.HTTPConnection(urlsplit(page.url).netloc, timeout=10)
        connection.request("POST", "/do", json.dumps(command), {"content-type": "application/json"})
        reply = connection.getresponse()
        assert (reply.status, reply.read()) == (200, b'{"done": true}')
        connection.close()

    posting, waiting = Reporting(tokens=1), Reporting(tokens=1)
    with receiver() as (url, got, arrived):
        posting.receipts_at = waiting.receipts_at = url
        with serve_page({"http://127.0.0.1:1": posting}) as page:
            tap(posting, page)
            assert arrived.wait(10)
        with serve_page({"http://127.0.0.1:1": waiting}, post_receipts=False) as page:
            tap(waiting, page)

    assert [body for _, body in got] == [b"[2]"]
    assert [request.content for request in waiting.callbacks()] == [b"[2]"]
    assert [post.ending for post in posting.receipt_log.since(0)] == ["posted", "posted"]


def test_stopping_waits_for_the_receipt_under_way_and_posts_no_more() -> None:
    """What was not posted is still due in the log."""
    sandbox = AcmeSandbox(tokens=1)
    with receiver() as (url, got, arrived):
        with serve(sandbox) as served:
            sandbox.due += [Request("POST", url, {"content-type": "application/json"}, b"[%d]" % n) for n in range(400)]
            call(served, "POST", "/push", json.loads(push(sandbox).content))
            assert arrived.wait(10)
        posted = sandbox.ledger.receipts["posted"]
        arrivals = len(got)

    endings = [post.ending for post in dict.fromkeys(sandbox.receipt_log.since(0))]
    assert 0 < posted < 400
    assert posted == arrivals == endings.count("posted")
    assert endings.count("due") == 400 - posted


def test_one_phone_can_be_read() -> None:
    """What it shows, what was replaced or recalled, and the number on its icon; another token is no phone."""
    sandbox = AcmeSandbox(tokens=1)
    token = sandbox.tokens[0]
    sandbox.set_account(token, "ann")
    sandbox.set_tags(token, ["b", "a"])
    for title in ("first", "second"):
        looks: dict[str, Any] = {"replaces": "k", "badge": Badge.set(4), "group": "g"}
        sandbox.deliver(
            sandbox.phones()[0],
            lambda title=title, looks=looks: Delivery(token, title, "body", None, title, "push", 0.0, {}, **looks),
        )
    with serve(sandbox) as served:
        status, content = call(served, "GET", f"/_sandbox/phone?token={token}")
        other, sentence = call(served, "GET", "/_sandbox/phone?token=x")

    phone = json.loads(content)
    shown, gone = phone.pop("shown"), phone.pop("gone")
    right = {"token": token, "alias": None, "account": "ann", "tags": ["a", "b"], "muted": False, "badge": 4}
    assert (status, phone) == (200, right)
    assert [(one["title"], one["looks"]) for one in shown] == [
        ("second", {"badge": "=4", "group": "g", "tap": "OpenApp"})
    ]
    assert [(one["title"], one["why"]) for one in gone] == [("first", "replaced")]
    assert (other, json.loads(sentence)) == (404, {"error": "token: no such phone is registered"})
