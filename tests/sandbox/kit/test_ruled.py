"""A sandbox by rules: calls, codes, texts and options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from pushgateway.model.errors import FieldError, PluginError
from pushgateway.sandbox import SandboxOption
from pushgateway.sandbox.kit.access_tokens import AccessTokens
from pushgateway.sandbox.kit.admission import Admission, AdmissionCodes, Asked
from pushgateway.sandbox.kit.checks import CheckCodes, Checks
from pushgateway.sandbox.kit.options import count, truth
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.sandbox.kit.ruled import RuledSandbox
from pushgateway.vendor import Reason, Request, Response
from pushgateway.vendor.rules import parse_rules

RULES = parse_rules("""
brand = "acme"
[sources.S1]
title = "Acme"
[codes]
10 = { reason = "INVALID_NOTIFICATION", meaning = "a field is wrong", source = "S1", seen = 2026-01-01, dialects = ["v1", "v2"] }
404 = { reason = "UNSUPPORTED", meaning = "no such call", text = "Not found.", source = "S1", seen = 2026-01-01, dialects = ["v1"] }
[dialects.v1]
title = "V1"
[dialects.v1.hosts]
[dialects.v1.numbers]
[dialects.v1.fields]
title = { kind = "text", required = true, max = 5, source = "S1", seen = 2026-01-01 }
[dialects.v1.operations]
send = { method = "POST", path = "/v1/{app}/send", encoding = "json", source = "S1", seen = 2026-01-01 }
poll = { method = "GET", path = "/poll", encoding = "query", source = "S1", seen = 2026-01-01 }
[dialects.v2]
title = "V2"
[dialects.v2.hosts]
[dialects.v2.numbers]
[dialects.v2.fields]
[dialects.v2.operations]
other = { method = "POST", path = "/other", source = "S1", seen = 2026-01-01 }
""")  # noqa: E501


class RuledAcme(RuledSandbox):
    """Takes a title for the app `a1`."""

    brand = "acme"
    rules = RULES
    operations = ("other", "poll", "send")
    pushing = ("send",)
    options: ClassVar[Mapping[str, SandboxOption]] = {"limit": count(3), "strict": truth()}

    def set_up(self) -> None:
        codes = AdmissionCodes(path="404", method="404", encoding="10", speed="10")
        self.applied: dict[str, Any] = {}
        self.admission = Admission(operations=self.facts.operations, codes=codes, access=self.check_app)
        self.checks = Checks(self.facts, CheckCodes(missing="10", wrong="10"), as_text=False)
        self.calls = {"send": self.send, "poll": lambda _: self.reply_json({"id": self.new_id()})}

    def apply_option(self, name: str, value: Any) -> None:
        self.applied[name] = value

    def check_app(self, asked: Asked) -> CallRefused | None:
        return CallRefused("404", "app", 401) if asked.places.get("app", "a1") != "a1" else None

    def send(self, fields: Mapping[str, Any]) -> Response:
        if (wrong := self.checks.objection(fields)) is not None:
            raise CallRefused(*wrong)
        return self.reply_json({"code": 0, "at": self.asked.places["app"]})

    def refusal(self, code: str, field: str = "") -> Response:
        return self.reply_json({"code": int(code), "message": self.text(code), "field": field})

    def settings(self, url: str) -> dict[str, object]:
        return {"host": url}


def ask(sandbox: RuledAcme, path: str = "/v1/a1/send", method: str = "POST", **fields: Any) -> tuple[int, Any]:
    """(status, body) of the reply to a request with these fields."""
    content = json.dumps(fields).encode()
    request = Request(method, f"http://x{path}", {"content-type": "application/json"}, content)
    response = sandbox.answer(request).response
    assert response is not None
    return response.status, json.loads(response.content)


def test_a_call_is_checked_and_done() -> None:
    """Path, access, fields, and the call itself, with the rest of the request at hand."""
    sandbox = RuledAcme()

    assert ask(sandbox, title="12345") == (200, {"code": 0, "at": "a1"})
    assert ask(sandbox, title="123456") == (200, {"code": 10, "message": "a field is wrong", "field": "title"})
    assert ask(sandbox) == (200, {"code": 10, "message": "a field is wrong", "field": "title"})
    assert ask(sandbox, "/v1/a2/send") == (401, {"code": 404, "message": "Not found.", "field": "app"})
    assert ask(sandbox, "/nowhere") == (200, {"code": 404, "message": "Not found.", "field": ""})
    assert sandbox.ledger.calls == {"send": 4, "unknown": 1}


def test_a_call_of_the_rules_that_is_not_imitated() -> None:
    """It is refused as one that does not exist."""
    sandbox = RuledAcme()
    sandbox.calls = {}

    assert ask(sandbox, title="1")[1]["code"] == 404


def test_ids_are_new_and_seeded() -> None:
    """The same seed gives the same ids, and none comes twice."""

    def ids(seed: int) -> list[str]:
        sandbox = RuledAcme(seed=seed)
        return [ask(sandbox, "/poll", "GET")[1]["id"] for _ in range(3)]

    assert ids(1) == ids(1) != ids(2)
    assert len({*ids(1)}) == 3
    assert {len(one) for one in ids(1)} == {24}


def test_options_have_defaults() -> None:
    """Each is applied at the start, and again when it is set; a wrong one changes nothing."""
    sandbox = RuledAcme(limit=7)
    first = dict(sandbox.applied)
    sandbox.set_option("strict", True)

    assert first == {"limit": 7, "strict": False}
    assert sandbox.chosen == sandbox.applied == {"limit": 7, "strict": True}
    for name, value in (("limit", -1), ("no such", 1)):
        with pytest.raises(FieldError):
            sandbox.set_option(name, value)
        with pytest.raises(FieldError):
            RuledAcme(**{name: value})
    assert sandbox.chosen == {"limit": 7, "strict": True}


def test_the_dialect_decides_the_calls() -> None:
    """The first of the rules, unless another is asked for."""
    assert (RuledAcme().dialect, ask(RuledAcme(dialect="v2"), title="1")[1]["code"]) == ("v1", 404)


def test_a_code_without_a_row_has_some_text() -> None:
    """A fault may name any code."""
    assert json.loads(RuledAcme().refusal("77").content)["message"] == "unknown error"


def test_the_rules_of_a_package() -> None:
    """They give the names of all calls; a package without rules is named."""

    class Oppo(RuledAcme):
        package = "pushgateway_oppo"
        operations = ("x",)

    assert Oppo.rules.brand == "oppo"
    assert Oppo.operations == ("x",)
    with pytest.raises(PluginError, match="no_such_package"):

        class Nobody(RuledAcme):
            package = "no_such_package"


def test_access_tokens_expire_where_there_are_any() -> None:
    """A vendor may have no login. What a login returned is known as an access token, also when it has expired."""
    sandbox = RuledAcme()
    sandbox.expire_tokens()
    none = sandbox.has_access_tokens(), sandbox.is_access_token("t")
    sandbox.access = AccessTokens(lambda: 0.0, lambda: "t", 60)
    sandbox.access.login()
    before = sandbox.access.knows("t")
    sandbox.expire_tokens()

    assert none == (False, False)
    assert (before, sandbox.access.knows("t")) == (True, False)
    assert (sandbox.has_access_tokens(), sandbox.is_access_token("t"), sandbox.is_access_token("u")) == (
        True,
        True,
        False,
    )


def test_a_sandbox_that_ends_its_tokens_itself_has_access_tokens() -> None:
    """Such as tokens that clients sign, which no login has returned."""

    class Signed(RuledAcme):
        def expire_tokens(self) -> None:
            """All of them."""

    assert Signed().has_access_tokens()


def test_the_code_for_a_reason_is_that_of_the_rules() -> None:
    """In the dialect; `codes` of the class come first, None there too."""

    class Own(RuledAcme):
        codes: ClassVar[Mapping[Reason, str | None]] = {
            Reason.INVALID_NOTIFICATION: "7",
            Reason.UNSUPPORTED: None,
        }

    asked = (Reason.INVALID_NOTIFICATION, Reason.UNSUPPORTED, Reason.QUOTA_EXCEEDED)

    assert [RuledAcme().code_for(reason) for reason in asked] == ["10", "404", None]
    assert [RuledAcme(dialect="v2").code_for(reason) for reason in asked] == ["10", None, None]
    assert [Own().code_for(reason) for reason in asked] == ["7", None, None]
