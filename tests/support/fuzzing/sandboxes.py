"""Fuzzing of the sandbox as a server: it answers any request, and a refused request has no effect.

Requests are generated from the vendor's grammar and then damaged. Every reply uses the vendor's codes, and the ledger
grows only with code 0. A request below `/_sandbox/` is carried out, or refused with a sentence.
"""

from __future__ import annotations

import json
import random
from collections.abc import Coroutine
from typing import Any, TypeVar
from urllib.parse import quote_plus

from pushgateway_oppo.sandbox import OppoSandbox
from pushgateway_oppo.sandbox.field_checks import OppoChecks, message_checks
from pushgateway_oppo.sandbox.server import APP_KEY

from fuzzing.odd import CANARY, broken, make_list, make_object, odd, some, text
from fuzzing.texts import make_text, unquoted
from pushgateway.sandbox.kit.bounded import Bounded
from pushgateway.sandbox.kit.readers import FORM, read_form
from pushgateway.sandbox.serving.app import app
from pushgateway.vendor import Request
from pushgateway.vendor.rules import load_rules

T = TypeVar("T")
_TOKENS = ("CN_a", "CN_b")
_TYPES = (
    FORM,
    FORM,
    FORM,
    FORM + "; charset=utf-8",
    FORM + ';charset="GBK"',
    "text/plain",
    "",
    FORM + "; charset=" * 500,
)
_DIALECTS = load_rules("pushgateway_oppo").dialects
_PATHS = [operation.path for dialect in _DIALECTS.values() for operation in dialect.operations.values()]
_ODD_PATHS = ("/", "", "//[", "//", "/_sandbox", "/server/v1/auth/", "http://[::1", "/\ud800", "/%00", "*", "a" * 9000)


def form_fields(chance: random.Random) -> bytes:
    """A form, sometimes damaged."""
    pairs = [
        f"{quote_plus(make_text(chance, 3), errors='replace')}={quote_plus(make_text(chance, 4), errors='replace')}"
    ]
    pairs += [
        some(chance, ("a", "=", "=b", "a=%", "a=%4", "a=%zz%41", "a+b=%2B+", "%61=1", "a=%ff", "a==b"))
        for _ in range(3)
    ]
    return broken(chance, "&".join(pairs).encode())


def forms(chance: random.Random) -> None:
    """`read_form` reads what the standard library reads, and the first value of a repeated field."""
    content, kind = form_fields(chance), some(chance, _TYPES)

    read = read_form(kind, content)

    right: dict[str, str] | None = {}
    try:
        for pair in content.split(b"&"):
            name, _, value = pair.partition(b"=")
            if name:
                right.setdefault(unquoted(name).decode(), unquoted(value).decode())
    except UnicodeDecodeError:
        right = None
    if (kind.startswith(FORM) and "GBK" not in kind) or not content:
        assert read == right
    else:
        assert read is None


# Notifications


def _literal(chance: random.Random) -> str:
    return some(
        chance, ("0", "1", "2", "3", '"1"', '"01"', "true", '"True"', '"x"', '"chat"', '"IM"', "16", "1.0", "259201")
    )


def _words(chance: random.Random) -> str:
    return text("标题" if chance.random() < 0.7 else make_text(chance))


_FIELDS = sorted({name for dialect in _DIALECTS.values() for name in dialect.fields})
_CHECKS = [
    checks
    for dialect in _DIALECTS.values()
    for checks in (OppoChecks(dialect, broadcast=True), OppoChecks(dialect, broadcast=False), message_checks(dialect))
]


def _notification(chance: random.Random) -> str:
    makers = {"title": _words, "content": _words, "app_message_id": lambda _: f'"{chance.randrange(5)}"'}
    for name in chance.sample(_FIELDS, chance.randrange(5)):
        makers.setdefault(name, _literal)
    return make_object(chance, makers, keep=0.95, extra=0.03)


def objections(chance: random.Random) -> None:
    """`OppoChecks.objection` returns None, or one of the vendor's codes with the name of a field."""
    try:
        fields = json.loads(_notification(chance))
    except (ValueError, RecursionError):
        return
    for checks in _CHECKS:
        found = checks.objection(fields)
        if found is not None:
            assert found[0] in ("40", "41", "54", "67")
            assert found[1] in _FIELDS


# Whole requests


def _message(chance: random.Random) -> str:
    target = some(chance, (*map(text, _TOKENS), '"CN_dead"', '""', '"\\ud800"', "5"))
    kind = some(chance, ("2", "2", "2", '"2"', "3", "1", "0", "true", '""'))
    made = {"target_type": lambda _: kind, "target_value": lambda _: target, "notification": _notification}
    return make_object(chance, made, keep=0.97, extra=0.04)


def _broadcast(chance: random.Random) -> dict[str, str]:
    values = ("CN_a;CN_b;CN_a;;CN_x", "", '{"or":["x"]}', '{"and":[]}', '{"or":5}', "[" * 3000, ";" * 2000, "{")
    return {
        "message_id": some(chance, ("", "x")),
        "target_type": some(chance, ("1", "2", "3", "5", "x")),
        "target_value": some(chance, values),
    }


def _form(chance: random.Random, access: str) -> bytes:
    fields = {"auth_token": access} if chance.random() < 0.5 else {}
    fields |= chance.choice(
        (
            lambda: {"message": _message(chance)},
            lambda: {"messages": make_list(chance, _message)},
            lambda: {
                "title": make_text(chance),
                "content": make_text(chance),
                some(chance, _FIELDS): make_text(chance),
            },
            lambda: _broadcast(chance),
            lambda: {
                "app_key": APP_KEY,
                "sign": make_text(chance, 3),
                "timestamp": some(chance, ("1700000000000", "x", "９" * 13)),
            },
        )
    )()
    return "&".join(f"{name}={quote_plus(value, errors='replace')}" for name, value in fields.items()).encode()


def _logged_in(dialect: str) -> tuple[OppoSandbox, str]:
    sandbox = OppoSandbox(clock=lambda: 1.7e9, tokens=0, keep=False, dialect=dialect)
    sandbox.register(_TOKENS)
    return sandbox, sandbox.access.login().token


_SANDBOXES = [_logged_in(dialect) for dialect in _DIALECTS]


def requests(chance: random.Random) -> None:
    """`OppoSandbox.answer` answers any request with one of the vendor's codes."""
    sandbox, access = chance.choice(_SANDBOXES)
    sandbox.ledger.clear()
    sandbox._pushed = Bounded(9)  # a fresh sandbox for each input, so that an input can be repeated alone
    url = chance.choice(_PATHS) if chance.random() < 0.95 else some(chance, _ODD_PATHS)
    headers = {"content-type": some(chance, _TYPES[:5]) if chance.random() < 0.97 else some(chance, _TYPES)}
    headers |= {"auth_token": access if chance.random() < 0.97 else make_text(chance, 3)}
    method = "POST" if chance.random() < 0.97 else some(chance, ("GET", "", "\x00"))

    answer = sandbox.answer(Request(method, url, headers, broken(chance, _form(chance, access))))

    assert answer.response is not None
    assert answer.response.status == 200
    body = json.loads(answer.response.content)
    assert type(body["code"]) is int
    performed = sandbox.ledger.total
    assert body["code"] == 0 or not performed, "refused and done all the same"
    if url.endswith("unicast"):
        assert performed == (body["code"] == 0)
    elif url.endswith("unicast_batch") and body["code"] == 0:
        assert performed == sum("errorCode" not in item for item in body["data"])


# The control interface below /_sandbox/

STATE = "phones/state"
"""The data of the page of phones."""


def _order(chance: random.Random) -> str:
    verbs = ("register", "uninstall", "mute", "alias", "tags", "expire", "set", "clear", "nonsense")
    makers: dict[str, Any] = {"do": lambda c: text(some(c, verbs))}
    values = ('"CN_a"', "3", '"3"', "1e9", "Infinity", "-1", "true", '["x"]', "999999999999", "null", '"refuse"')
    for name in ("count", "token", "tokens", "alias", "tags", "muted", "daily_limit", "per_second", "repeats"):
        if chance.random() < 0.3:
            makers[name] = lambda c: some(c, values)
    return make_object(chance, makers, keep=0.98, extra=0.05)


def _fault(chance: random.Random) -> str:
    kinds = ('"code"', '"status"', '"drop"', '"delay"', '"shuffle"', '"nonsense"', "5")
    makers = {
        "kind": lambda c: some(c, kinds),
        "times": _literal,
        "share": _literal,
        "seconds": odd,
        "code": odd,
        "size": odd,
    }
    return make_object(chance, makers, keep=0.5, extra=0.02)


def control(chance: random.Random) -> None:
    """A request below `/_sandbox/` is carried out, or refused with a sentence."""
    sandbox = OppoSandbox(clock=lambda: 1.7e9, tokens=1, keep=False)
    path, content = chance.choice(
        (("control", _order(chance)), ("faults", make_list(chance, _fault)), ("ledger", ""), (STATE, ""), ("x", ""))
    )
    method = "GET" if path in ("ledger", STATE) and chance.random() < 0.9 else "POST"
    query = broken(chance, b"last=5") if path == "ledger" else b""
    raw = broken(chance, content.encode("utf-8", "surrogatepass"))

    status, reply = finished(ask(sandbox, method, f"/_sandbox/{path}", query, raw))

    assert status in (200, 400, 404, 405), status
    registered = path == STATE or reply.startswith(b'{"tokens": ')  # the reply names the tokens that were registered
    assert CANARY not in reply.decode() or registered or status == 400
    if status == 400:
        assert json.loads(reply)["error"]


def finished(asking: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, without an event loop: starting one would take longer than the rest
    of the input.
    """
    try:
        asking.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    asking.close()
    raise AssertionError("the sandbox's own door waits for something")


async def ask(sandbox: OppoSandbox, method: str, path: str, query: bytes, content: bytes) -> tuple[int, bytes]:
    """One request to the ASGI app, without a server."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1")]  # the control interface answers this machine only
    scope = {"type": "http", "method": method, "path": path, "query_string": query, "headers": headers, "root_path": ""}
    await app(sandbox)(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


TARGETS = {"forms": forms, "objections": objections, "requests": requests, "control": control}
