"""The OPPO sandbox over a real socket, found by its entry point and called by the standard library.

Only what needs a connection. Codes and limits are in `test_sandbox_calls` and `test_sandbox_batches_and_broadcasts`.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.sandbox import Fault, Sandbox, find_sandbox
from pushgateway.sandbox.serving.server import Served, serve

NOTIFICATION = "/server/v1/message/notification/"
FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}


class Wire:
    """One kept-alive connection to a served sandbox."""

    def __init__(self, sandbox: Sandbox, served: Served) -> None:
        self.sandbox = sandbox
        parts = urlsplit(served.url)
        host, port = parts.hostname or "", parts.port
        if served.ca_file:
            context = ssl.create_default_context(cafile=str(served.ca_file))
            self.connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, context=context, timeout=10
            )
        else:
            self.connection = http.client.HTTPConnection(host, port, timeout=10)

    def post(self, path: str, body: str, **headers: str) -> Any:
        """The decoded reply to a form."""
        self.connection.request("POST", path, body, {**FORM, **headers})
        reply = self.connection.getresponse()
        content = reply.read()
        assert reply.status == 200
        return json.loads(content)

    def order(self, order: dict[str, Any]) -> tuple[int, Any]:
        """Status and content of a request to the sandbox's own control paths."""
        self.connection.request("POST", "/_sandbox/control", json.dumps(order))
        reply = self.connection.getresponse()
        return reply.status, json.loads(reply.read())

    def login(self) -> str:
        """An access token."""
        settings = self.sandbox.settings("")
        stamp = str(int(time.time() * 1000))
        text = f"{settings['app_key']}{stamp}{settings['master_secret']}"
        form = {"app_key": settings["app_key"], "timestamp": stamp, "sign": hashlib.sha256(text.encode()).hexdigest()}
        return str(self.post("/server/v1/auth", urlencode(form))["data"]["auth_token"])


@pytest.fixture
def sandbox() -> Sandbox:
    """What `pushgateway sandbox oppo` runs."""
    return find_sandbox("oppo")()


@pytest.fixture(params=[False, True], ids=["http", "https"])
def wire(sandbox: Sandbox, request: pytest.FixtureRequest) -> Iterator[Wire]:
    """A connection, with TLS and without."""
    with serve(sandbox, tls=request.param) as served:
        wire = Wire(sandbox, served)
        yield wire
        wire.connection.close()


def message(token: str, **note: Any) -> str:
    """A message of a unicast as JSON text."""
    notification = {"title": "你好", "content": "a + b = c & d", **note}
    return json.dumps({"target_type": 2, "target_value": token, "notification": notification})


def test_the_entry_point_is_the_sandbox() -> None:
    """The installed plug-in brings its sandbox."""
    assert find_sandbox("oppo") is OppoSandbox


def test_login_and_push(wire: Wire) -> None:
    """Both over one connection, and the phone shows the push."""
    token = wire.sandbox.tokens[0]
    access = wire.login()

    reply = wire.post(NOTIFICATION + "unicast", urlencode({"auth_token": access, "message": message(token)}))

    (delivery,) = wire.sandbox.ledger.deliveries
    assert reply["code"] == 0
    assert (delivery.token, delivery.title, delivery.body) == (token, "你好", "a + b = c & d")


def test_the_access_token_is_read_from_header_or_body(wire: Wire) -> None:
    """A header name with an underscore passes this server. Both places are enough, none is code 29."""
    access = wire.login()
    form = urlencode({"message": message(wire.sandbox.tokens[0])})
    path = NOTIFICATION + "unicast"

    codes = [
        wire.post(path, form, auth_token=access)["code"],
        wire.post(path, f"{form}&auth_token={access}")["code"],
        wire.post(path, form)["code"],
        wire.post(path, form, auth_token="wrong")["code"],
    ]

    assert codes == [0, 0, 29, 11]


def test_both_ways_of_quoting_a_blank_are_read(wire: Wire) -> None:
    """Clients send it as `+` or as `%20`."""
    access = wire.login()
    text = message(wire.sandbox.tokens[0])

    wire.post(NOTIFICATION + "unicast", urlencode({"message": text}), auth_token=access)
    wire.post(NOTIFICATION + "unicast", f"message={quote(text, safe='')}", auth_token=access)

    first, second = wire.sandbox.ledger.deliveries
    assert (first.title, first.body) == (second.title, second.body) == ("你好", "a + b = c & d")


def test_a_thousand_in_one_request(wire: Wire) -> None:
    """A full batch is sent and answered over HTTP."""
    tokens = wire.sandbox.register(1000)
    messages = f"[{','.join(message(token, content='消息' * 50) for token in tokens)}]"

    reply = wire.post(NOTIFICATION + "unicast_batch", urlencode({"messages": messages}), auth_token=wire.login())

    assert reply["code"] == 0
    assert [item["registrationId"] for item in reply["data"]] == tokens
    assert wire.sandbox.ledger.total == 1000


def test_save_and_broadcast(wire: Wire) -> None:
    """Two requests reach many phones."""
    access = wire.login()
    fields = {"title": "Hi", "content": "There", "auth_token": access}
    saved = wire.post(NOTIFICATION + "save_message_content", urlencode(fields))["data"]["message_id"]
    form = {"message_id": saved, "target_type": 1, "auth_token": access}

    reply = wire.post(NOTIFICATION + "broadcast", urlencode(form))

    assert reply["code"] == 0
    assert wire.sandbox.ledger.total == len(wire.sandbox.tokens)


def test_a_push_whose_connection_breaks_was_performed(wire: Wire) -> None:
    """The client gets no reply, and the ledger has one push; a repeat with the same id does not add another."""
    access = wire.login()
    body = urlencode({"message": message(wire.sandbox.tokens[0], app_message_id="m-1")})
    wire.sandbox.faults.add(Fault(kind="drop", operation="unicast"))

    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError, ssl.SSLEOFError)):
        wire.post(NOTIFICATION + "unicast", body, auth_token=access)
    wire.connection.close()
    again = wire.post(NOTIFICATION + "unicast", body, auth_token=access)

    assert again["code"] == 32
    assert wire.sandbox.ledger.total == 1


def test_the_daily_quota_ends_over_http(wire: Wire) -> None:
    """Code 33 for a client that has nothing but HTTP: the limit is accepted, one more is not."""
    form = urlencode({"auth_token": wire.login(), "message": message(wire.sandbox.tokens[0])})

    ordered = wire.order({"do": "set", "daily_limit": 2})
    codes = [wire.post(NOTIFICATION + "unicast", form)["code"] for _ in range(3)]
    lifted = wire.order({"do": "set", "daily_limit": None, "repeats": "absorb"})

    assert ordered == lifted == (200, {"done": True})
    assert codes == [0, 0, 33]
    assert wire.post(NOTIFICATION + "unicast", form)["code"] == 0


def test_a_control_request_is_done_whole_or_not_at_all(wire: Wire) -> None:
    """An unknown name is refused with the known ones, and the other changes of the request are not made."""
    form = urlencode({"auth_token": wire.login(), "message": message(wire.sandbox.tokens[0])})

    unknown = wire.order({"do": "set", "daily_limit": 0, "colour": 1})
    wrong = wire.order({"do": "set", "daily_limit": 0, "repeats": "drop"})

    known = ", ".join(OppoSandbox.options)
    assert unknown == (400, {"error": f"set: colour: the sandbox of oppo has no such option; it has: {known}"})
    assert wrong == (400, {"error": "set: repeats: must be refuse or absorb"})
    assert wire.order({"do": "set"}) == (200, {"done": False})
    assert wire.post(NOTIFICATION + "unicast", form)["code"] == 0


def test_the_date_header_is_the_sandboxs_clock() -> None:
    """A client whose clock is wrong can read the server's time from any reply."""
    with serve(OppoSandbox(clock=lambda: 1_700_000_000.7)) as served:
        parts = urlsplit(served.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        connection.request("POST", "/server/v1/auth", "", FORM)
        reply = connection.getresponse()
        connection.close()

    assert reply.headers["date"] == "Tue, 14 Nov 2023 22:13:20 GMT"


def test_receipts_reach_a_listener(sandbox: Sandbox) -> None:
    """The document's JSON array is posted to the `call_back_url` of an accepted push."""
    got: list[Any] = []
    arrived = threading.Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.extend(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()
            arrived.set()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    listener = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    token = sandbox.tokens[0]
    with serve(sandbox) as served:
        wire = Wire(sandbox, served)
        text = message(token, call_back_url=f"http://127.0.0.1:{listener.server_port}/r", call_back_parameter="order")
        reply = wire.post(NOTIFICATION + "unicast", urlencode({"message": text}), auth_token=wire.login())
        wire.connection.close()
        assert arrived.wait(10)
    listener.shutdown()
    thread.join()
    listener.server_close()

    (receipt,) = got
    assert (receipt["registrationIds"], receipt["eventType"], receipt["param"]) == (token, "push_arrive", "order")
    assert receipt["messageId"] == reply["data"]["messageId"]
