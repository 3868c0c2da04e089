"""Fuzzing of the page of phones: its commands, and how requests are shown.

A command is done, or refused with a sentence that quotes no value. Whatever was sent is shown as text, and the secrets
of the sandbox are nowhere in it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from pushgateway_oppo.sandbox import OppoSandbox

from fuzzing.odd import CANARY, broken, check_words, make_list, make_object, odd, some, text
from fuzzing.texts import make_text
from pushgateway.model.errors import FieldError
from pushgateway.sandbox.kit.readers import FORM
from pushgateway.sandbox.page.commands import execute
from pushgateway.sandbox.page.gateway import PagePush
from pushgateway.sandbox.page.requests import LONGEST, Hider
from pushgateway.sandbox.page.view import View
from pushgateway.vendor import Response

NAMES = ("fault", "mute", "uninstall", "install", "tap", "recall", "send", "clear", "nonsense")
BY_NAME = "hidden-by-its-name"
"""A secret that is found by the name of its field only."""
_HIDER = Hider({"client_secret": CANARY}, lambda token: token == "access-token")
_SECRET_NAMES = ("sign", "auth_token", "Authorization", "client_secret", "accessToken")


class NoGateway:
    """Accepts everything and does nothing."""

    number = 0

    def state(self) -> Mapping[str, Any]:
        return {}

    def send(self, pushes: Sequence[PagePush]) -> Sequence[Mapping[str, Any]]:
        return [{"status": "accepted", "reason": None} for _ in pushes]

    def recall(self, brand: str, token: str, message_id: str) -> Mapping[str, Any]:
        return {"done": True}

    def renew(self, brand: str) -> None:
        """Nothing."""

    def is_verified(self, brand: str, token: str, message_id: str, kind: str) -> bool | None:
        return None

    def receive(self, address: str, headers: Mapping[str, str], body: bytes) -> Response | None:
        return None

    def clear(self) -> None:
        """Nothing."""


def _command(chance: random.Random) -> str:
    """A command as JSON text; most of its fields fit its name."""
    name = some(chance, NAMES)
    fields: dict[str, Sequence[str]] = {
        "brand": ('"oppo"', '"oppo"', "null", '"x"'),
        "token": ('"CN_a"', '"CN_b"', "5"),
        "id": ('"1"', "1"),
        "fault": ('"down"', '"quota"', '"revoked"', '"x"'),
        "on": ("true", "false", "1"),
        "muted": ("true", "false", '"no"'),
        "tokens": ('["CN_a"]', '["CN_a","x y"]', "[]", '[["a"]]'),
        "all": ("true", "false", "1"),
        "title": ('"Ann"', '"\\ud800"', "5"),
        "body": ('"See you"', '""'),
        "click": ('{"kind":"OpenApp"}', '{"kind":"OpenUrl","target":"https://x/"}', '{"kind":[]}', "5"),
        "badge": ('{"how":"add","number":1}', '{"how":"set","number":"1"}', '{"how":[]}', "5"),
        "buttons": ('[{"text":"a"}]', '[{"text":5}]', "[5]"),
        "data": ('{"a":1}', '{"a":NaN}', "[]"),
        "ttl": ("60", "-1", "1.5"),
        "alert": ('"silent"', '"loud"', "[]"),
    }
    taken = {
        **dict.fromkeys(("mute", "uninstall"), ("brand", "token", "muted")[: 3 if name == "mute" else 2]),
        "fault": ("brand", "fault", "on"),
        "install": ("brand",),
        **dict.fromkeys(("tap", "recall"), ("brand", "token", "id")),
        "send": tuple(field for field in fields if field not in ("token", "id", "fault", "on", "muted")),
    }.get(name, ())
    makers: dict[str, Any] = {"do": lambda _: text(name)}
    makers |= {field: lambda c, values=fields[field]: some(c, values) for field in taken}
    return make_object(chance, makers, keep=0.95 if name != "send" else 0.6, extra=0.03)


def commands(chance: random.Random) -> None:
    """A command is done, or refused with a sentence."""
    sandbox = OppoSandbox(clock=lambda: 1.7e9, tokens=0, keep=False)
    sandbox.register(["CN_a", "CN_b"])
    view = View({"http://127.0.0.1:1": sandbox})
    if chance.random() < 0.9:
        view.attach(NoGateway())
    try:
        command = json.loads(broken(chance, _command(chance).encode("utf-8", "surrogatepass")))
    except (ValueError, RecursionError):
        return  # the app refuses it
    names = set(map(str, command)) if isinstance(command, dict) else set()

    wrong: FieldError | None = None
    try:
        assert json.dumps(execute(view, command))
    except FieldError as refused:
        wrong = refused

    assert wrong is None or str(wrong).startswith(f"{wrong.field}: ")
    if CANARY not in names:  # the name of an unknown field is quoted
        check_words(wrong)
    assert json.dumps(view.state())


def _body(chance: random.Random, depth: int = 0) -> str:
    """A JSON text with secrets in it: `CANARY` anywhere, `BY_NAME` below names of secrets."""
    makers: dict[str, Any] = {
        "title": lambda c: text(make_text(c, 3)),
        "note": lambda c: text(f"x{CANARY}y"),
        some(chance, _SECRET_NAMES): lambda c: some(c, (f'"{BY_NAME}"', f'["{BY_NAME}"]', f'{{"a":"{BY_NAME}"}}')),
        "inner": lambda c: _as_text(_body(c, depth + 1)) if depth < 2 and c.random() < 0.3 else odd(c),
    }
    if depth < 3 and chance.random() < 0.5:
        makers["message"] = lambda c: _body(c, depth + 1)
    return make_object(chance, makers, extra=0.1)


def _as_text(body: str) -> str:
    """JSON within the text of JSON. In one that is no JSON, what lies below the name of a secret cannot be found."""
    return text(body) if _is_json(body) else '""'


def shown(chance: random.Random) -> None:
    """A body is shown without secrets, whatever it is; a whole one also without those that only a name gives away."""
    body = make_list(chance, _body, most=3) if chance.random() < 0.2 else _body(chance)
    is_form = chance.random() < 0.5
    pairs = (f"{name}={quote_plus(body, errors='replace')}" for name in ("message", "sign"))
    whole = ("&".join(pairs) if is_form else body).encode("utf-8", "surrogatepass")
    content = broken(chance, whole)

    text_shown = _HIDER.content(content, FORM if is_form else "application/json")

    assert CANARY not in text_shown
    assert len(text_shown) <= LONGEST + 50
    if content == whole and _is_json(body):
        assert BY_NAME not in text_shown


def _is_json(body: str) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


TARGETS = {"page_commands": commands, "page_shown": shown}
