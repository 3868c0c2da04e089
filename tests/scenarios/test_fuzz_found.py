"""Regression tests for what fuzzing has found: each has one input in its shortest form."""

import json
from typing import Any

import pytest
from fuzzing.sandboxes import ask, finished
from pushgateway_oppo import Oppo
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.model.errors import ConfigError, PluginError
from pushgateway.sandbox.kit.readers import FORM, read_form
from pushgateway.vendor import Request, Response, read_reply
from pushgateway.vendor.refusals import NoVerdict
from pushgateway.vendor.rules import parse_rules


@pytest.mark.parametrize(
    "content",
    [
        b'{"code":11,"code":0}',
        b'{"code":0,"data":{},"code":10000}',
        b'{"code":[],"code":"0"}',
        b'\xef\xbb\xbf{"code":0,"code":1}',
    ],
)
def test_a_reply_with_two_codes_is_no_verdict(content: bytes) -> None:
    """JSON parsers take the last of two equal names. Which one the vendor meant is unknown."""
    with pytest.raises(NoVerdict, match="two codes"):
        read_reply(Response(200, {}, content))


@pytest.mark.parametrize(
    "content", [b'{"code":0,"code":"0"}', b'{"code":0,"data":{"code":11}}', b'{"x":"code","code":0}']
)
def test_a_code_said_twice_or_elsewhere_is_one_code(content: bytes) -> None:
    """The same code twice is no contradiction, and a code inside of `data` is something else."""
    assert read_reply(Response(200, {}, content)).code == "0"


@pytest.mark.parametrize(
    "text", ["brand = " + "9" * 5000, "brand = " + "[" * 100_000, "brand = 2026-13-01"], ids=range(3)
)
def test_rules_that_cannot_be_read_are_a_broken_plugin(text: str) -> None:
    """A number that is too long, or nesting that is too deep, is a `PluginError` like any other text that is not
    TOML.
    """
    with pytest.raises(PluginError, match="not TOML"):
        parse_rules(text)


class Silent:
    """A host's object whose `str` fails."""

    def __str__(self) -> str:
        raise RuntimeError("the text of it")


@pytest.mark.parametrize("value", [10**5000, Silent()], ids=["endless", "silent"])
def test_a_setting_that_cannot_be_shown_is_a_problem_like_any_other(value: object) -> None:
    """Such a setting (TOML allows very long numbers as 0xff…) is refused with a sentence that does not quote it."""
    settings = {"app_key": "key", "master_secret": "secret", "dialect": value}

    with pytest.raises(ConfigError, match=r"certificates\['7'\]\.dialect: ") as wrong:
        load_vendors([Certificate(7, "oppo", settings)], Plugins({"oppo": Oppo}))

    assert "the text of it" not in str(wrong.value)


@pytest.mark.parametrize("url", ["//[", "http://[::1", "//]"])
def test_the_sandbox_answers_under_any_path(url: str) -> None:
    """A path that is not a URL is an unknown call (code 20), not a server error."""
    answer = OppoSandbox(tokens=0).answer(Request("POST", url))

    assert answer.response is not None
    assert json.loads(answer.response.content)["code"] == 20


ORDERS: list[tuple[str, Any, int]] = [
    ("control", {"do": "register", "count": float("inf")}, 400),
    ("control", {"do": "register", "count": 10**15}, 400),
    ("control", {"do": "register", "count": 2}, 200),
    ("control", {"do": "register", "tokens": ["\ud800"]}, 200),
    ("faults", [{"kind": "drop", "\ud800": 1}], 400),
    ("phones/state", None, 200),
]


@pytest.mark.parametrize(("path", "order", "status"), ORDERS)
def test_orders_to_the_sandbox_are_obeyed_or_refused(path: str, order: Any, status: int) -> None:
    """Infinite or huge counts, and texts that UTF-8 cannot encode, do not break the server."""
    sandbox = OppoSandbox(tokens=0)
    sandbox.register(["\udfff"])
    method = "GET" if order is None else "POST"

    answered, _ = finished(ask(sandbox, method, f"/_sandbox/{path}", b"", json.dumps(order).encode()))

    assert answered == status


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        (FORM, {"a": "1"}),
        (f"{FORM}; charset=UTF-8", {"a": "1"}),
        (f'{FORM}; x=y; charset = "utf8"', {"a": "1"}),
        (f"{FORM};charset=gbk", None),
        (FORM + "; charset=" * 20_000, {"a": "1"}),
    ],
)
def test_a_content_type_is_read_in_one_pass(kind: str, read: object) -> None:
    """In linear time: a search that started again behind each semicolon took a second for 60 KB."""
    assert read_form(kind, b"a=1") == read


@pytest.mark.parametrize("values", ['"CN_a"', '{"CN_a":1}', "[1]", "3", "null"])
def test_what_is_no_list_of_texts_registers_nobody(values: str) -> None:
    """A string was registered letter by letter and an object name by name, as phones that do not exist."""
    sandbox = OppoSandbox(tokens=1)
    before = list(sandbox.tokens)

    status, reply = finished(
        ask(sandbox, "POST", "/_sandbox/control", b"", f'{{"do":"register","tokens":{values}}}'.encode())
    )

    assert status == 400
    assert json.loads(reply)["error"]
    assert list(sandbox.tokens) == before
