"""The page as an ASGI app, in the process: its parts, its data, its events, and who may use it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import attrs
import pytest
from acme import AcmeSandbox

from pushgateway.sandbox.kit.faults import Fault
from pushgateway.sandbox.page.app import ALIVE, PAGE_POLICY, PAUSE, page_app
from pushgateway.sandbox.page.view import LAST_REQUESTS, View
from pushgateway.sandbox.serving.web import MAX_BODY
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Request

JSON = {"content-type": "application/json"}


@attrs.define
class Asked:
    """One request to the app, and what it answered."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    status: int = 0
    answer: dict[str, str] = attrs.field(factory=dict)
    content: bytes = b""
    left: asyncio.Event = attrs.field(factory=asyncio.Event)
    """Set when the client has left."""
    _sent: bool = False

    async def to(self, app: Any) -> Asked:
        """Send it to the app, and wait for the end of the answer."""
        path, _, query = self.path.partition("?")
        headers = {"host": "127.0.0.1:1", **self.headers}
        await app(
            {
                "type": "http",
                "method": self.method,
                "scheme": "http",
                "path": path,
                "root_path": "",
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
                "query_string": query.encode(),
            },
            self._receive,
            self._send,
        )
        return self

    @property
    def json(self) -> Any:
        """The answer as JSON."""
        return json.loads(self.content)

    async def _receive(self) -> dict[str, Any]:
        if self._sent:
            await self.left.wait()
            return {"type": "http.disconnect"}
        self._sent = True
        return {"type": "http.request", "body": self.body}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.answer = {name.decode(): value.decode() for name, value in message["headers"]}
        self.content += message.get("body", b"")


def ask(sandbox: AcmeSandbox, method: str, path: str, body: Any = None, **headers: str) -> Asked:
    """The answer of the page of this sandbox."""
    content = b"" if body is None else json.dumps(body).encode()
    sent = {**({} if body is None else JSON), **{name.replace("_", "-"): value for name, value in headers.items()}}
    app = page_app(View({"http://127.0.0.1:7": sandbox}))
    return asyncio.run(Asked(method, path, content, sent).to(app))


def push(sandbox: AcmeSandbox, text: str = "hello") -> None:
    """A push to the first phone."""
    body = json.dumps({"token": sandbox.tokens[0], "text": text}).encode()
    sandbox.answer(Request("POST", "http://acme.example/push", {}, body))


def events(content: bytes) -> list[tuple[str, Any]]:
    """(name, data) of the server-sent events in a stream; comments have the name ""."""
    found: list[tuple[str, Any]] = []
    for block in content.decode().split("\n\n")[:-1]:
        name, _, data = block.partition("\n")
        comment = name.startswith(":")
        found.append(("", None) if comment else (name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_the_page_and_its_parts_are_served_with_a_strict_policy() -> None:
    """Only its own script and style are allowed, and nothing of it is cached or embedded elsewhere."""
    sandbox = AcmeSandbox()
    page = ask(sandbox, "GET", "/")
    part = ask(sandbox, "GET", "/static/page.js")

    assert (page.status, page.answer["content-type"]) == (200, "text/html; charset=utf-8")
    assert (part.status, part.answer["content-type"]) == (200, "text/javascript; charset=utf-8")
    for answer in (page.answer, part.answer):
        assert answer["content-security-policy"] == PAGE_POLICY
        assert (answer["cache-control"], answer["x-content-type-options"]) == ("no-store", "nosniff")
    assert "unsafe" not in PAGE_POLICY
    assert PAGE_POLICY.startswith("default-src 'none'; ")


@pytest.mark.parametrize("name", ["none.js", "../view.py", "..%2Fview.py", "__init__.py", "page.html/x", ""])
def test_only_the_parts_of_the_page_are_served(name: str) -> None:
    """No path leads to another file."""
    assert ask(AcmeSandbox(), "GET", f"/static/{name}").status == 404


def test_data_is_answered_by_brand() -> None:
    """A state, one phone, a search and a request; what is not there is 404, what is wrong 400."""
    sandbox = AcmeSandbox(tokens=2)
    token = sandbox.tokens[0]
    sandbox.set_account(token, "ann")
    push(sandbox)

    state = ask(sandbox, "GET", "/state").json
    phone = ask(sandbox, "GET", f"/phone?brand=acme&token={token}").json
    found = ask(sandbox, "GET", "/find?brand=acme&text=an").json
    request = ask(sandbox, "GET", "/request?brand=acme&number=1").json
    missing = [ask(sandbox, "GET", f"/{path}") for path in ("phone?brand=acme&token=x", "request?brand=acme&number=2")]
    wrong = [
        ask(sandbox, "GET", f"/{path}")
        for path in ("phone?brand=x", "find?text=a", "request?brand=x&number=1", "request?brand=acme&number=-1")
    ]

    assert [brand["brand"] for brand in state["brands"]] == ["acme"]
    assert [one["title"] for one in phone["shown"]] == ["hello"]
    assert [one["token"] for one in found["phones"]] == [token]
    assert request["operation"] == "push"
    assert [(one.status, list(one.json)) for one in missing] == [(404, ["error"])] * 2
    assert [one.status for one in wrong] == [400] * 4
    assert wrong[0].json == {"error": "brand: must be one of acme"}


def test_the_last_requests_are_listed() -> None:
    """The newest first, at most `LAST_REQUESTS`, each with what it got: a status, a fault, or no reply at all."""
    sandbox = AcmeSandbox(tokens=1)
    push(sandbox)
    sandbox.faults.add(Fault(kind="html"))
    push(sandbox)
    sandbox.faults.add(Fault(kind="refuse"))
    push(sandbox)
    three = ask(sandbox, "GET", "/requests?brand=acme").json["requests"]
    for _ in range(LAST_REQUESTS - 2):
        push(sandbox)

    most = ask(sandbox, "GET", "/requests?brand=acme").json["requests"]

    assert [(one["number"], one["status"], one["fault"]) for one in three] == [
        (3, None, "refuse"),
        (2, 200, "html"),
        (1, 200, None),
    ]
    assert {one["operation"] for one in three} == {"push"}
    assert [one["number"] for one in most] == list(range(LAST_REQUESTS + 1, 1, -1))
    assert ask(sandbox, "GET", "/requests?brand=x").status == 400


def test_the_url_of_a_single_sandbox_is_the_one_that_the_browser_used() -> None:
    """A sandbox does not know on which port it is served, and its page is on the same port."""
    app = page_app(View({"": AcmeSandbox()}))

    state = asyncio.run(Asked("GET", "/state", headers={"host": "localhost:81"}).to(app)).json

    assert state["brands"][0]["url"] == "http://localhost:81"


def test_a_command_is_done_or_says_what_is_wrong() -> None:
    """Only JSON is a command, so that a form of a web page is none."""
    sandbox = AcmeSandbox(tokens=1)
    token = sandbox.tokens[0]
    mute = {"do": "mute", "brand": "acme", "token": token, "muted": True}

    done = ask(sandbox, "POST", "/do", mute)
    wrong = ask(sandbox, "POST", "/do", {**mute, "token": "x"})
    form = ask(sandbox, "POST", "/do", {**mute, "muted": False}, content_type="application/x-www-form-urlencoded")
    untyped = ask(sandbox, "POST", "/do", {**mute, "muted": False}, content_type="")
    got = ask(sandbox, "GET", "/do")

    assert (done.status, done.json) == (200, {"done": True})
    assert (wrong.status, wrong.json) == (400, {"error": "token: no such phone is registered"})
    assert [one.status for one in (form, untyped, got)] == [415, 415, 405]
    assert sandbox.phones()[0].muted


def test_a_command_that_is_no_json_or_too_large_is_refused() -> None:
    """The body is read within the same limit as that of every interface."""
    app = page_app(View({"": AcmeSandbox()}))

    answers = [
        asyncio.run(Asked("POST", "/do", body, JSON).to(app)).status for body in (b"{", b"[1]", b"x" * (MAX_BODY + 1))
    ]

    assert answers == [400, 400, 413]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "path", ["/", "/static/page.js", "/state", "/events", "/phone", "/find", "/request", "/requests", "/nothing"]
)
def test_other_web_pages_see_nothing(path: str, headers: dict[str, str]) -> None:
    """Neither a page of another origin nor one whose name was made to lead here, at any address."""
    app = page_app(View({"": AcmeSandbox()}))

    answer = asyncio.run(Asked("GET", path, headers=headers).to(app))

    assert (answer.status, list(answer.json)) == (403, ["error"])


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"host": "evil.example"}], ids=repr)
@pytest.mark.parametrize("path", ["/do", "/receipts/7001/x"])
def test_other_web_pages_change_nothing(path: str, headers: dict[str, str]) -> None:
    """The phone stays as it is."""
    sandbox = AcmeSandbox(tokens=1)
    command = {"do": "mute", "brand": "acme", "token": sandbox.tokens[0], "muted": True}
    app = page_app(View({"": sandbox}))

    answer = asyncio.run(Asked("POST", path, json.dumps(command).encode(), {**JSON, **headers}).to(app))

    assert answer.status == 403
    assert not sandbox.phones()[0].muted


def test_a_configured_host_name_is_accepted() -> None:
    """That of a container, which its owner configures."""
    app = page_app(View({"": AcmeSandbox()}), hosts=("sandbox",))

    statuses = [asyncio.run(Asked("GET", "/", headers={"host": host}).to(app)).status for host in ("sandbox", "other")]

    assert statuses == [200, 403]


def test_events_begin_with_a_state_and_tell_changes() -> None:
    """Each change once, with the phones that changed; without a change there is a comment from time to time, and when
    the browser has left, the stream ends."""
    sandbox = AcmeSandbox(tokens=2)
    app = page_app(View({"http://127.0.0.1:7": sandbox}))

    async def watch() -> bytes:
        asked = Asked("GET", "/events")
        stream = asyncio.ensure_future(asked.to(app))
        await asyncio.sleep(PAUSE * 1.5)
        push(sandbox, "one")
        push(sandbox, "two")
        await asyncio.sleep(PAUSE)
        sandbox.mute(sandbox.tokens[1])
        await asyncio.sleep(PAUSE + ALIVE + PAUSE)
        asked.left.set()
        await stream
        assert (asked.status, asked.answer["content-type"]) == (200, "text/event-stream; charset=utf-8")
        return asked.content

    seen = events(run_virtual(watch()))

    assert [name for name, _ in seen] == ["state", "change", "change", ""]
    first, second = (change["brands"][0]["changed"] for name, change in seen if name == "change")
    assert [[one["title"] for one in phone["shown"]] for phone in first] == [["two", "one"]]
    assert [(phone["token"], phone["muted"]) for phone in second] == [(sandbox.tokens[1], True)]


def test_changes_come_at_most_four_times_a_second() -> None:
    """However many pushes there are; the last one is never lost."""
    sandbox = AcmeSandbox(tokens=1)
    app = page_app(View({"": sandbox}))

    async def watch() -> bytes:
        asked = Asked("GET", "/events")
        stream = asyncio.ensure_future(asked.to(app))
        for number in range(100):
            push(sandbox, str(number))
            await asyncio.sleep(0.01)
        await asyncio.sleep(PAUSE)
        asked.left.set()
        await stream
        return asked.content

    changes = [change for name, change in events(run_virtual(watch())) if name == "change"]

    assert 4 <= len(changes) <= 5
    assert changes[-1]["brands"][0]["changed"][0]["shown"][0]["title"] == "99"
