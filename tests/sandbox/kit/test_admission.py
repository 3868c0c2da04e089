"""Which call a request is, and whether it is admitted: the first reason is the one that is said."""

from __future__ import annotations

from datetime import date
from typing import Any

import attrs
import pytest

from pushgateway.sandbox.kit.admission import NO_CALL, Admission, AdmissionCodes, Asked
from pushgateway.sandbox.kit.limits import Speed
from pushgateway.sandbox.kit.readers import FORM
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.vendor import Request
from pushgateway.vendor.rules import Operation

CODES = AdmissionCodes(path="404", method="405", encoding="400", speed="429")


def operation(method: str, path: str, encoding: Any = "form") -> Operation:
    """A row of the rules."""
    return Operation(method=method, path=path, encoding=encoding, source="S1", seen=date(2026, 1, 1))


OPERATIONS = {
    "login": operation("POST", "/login"),
    "send": operation("POST", "/send"),
    "list": operation("GET", "/items", "query"),
    "add": operation("POST", "/items"),
    "send_of": operation("POST", "/v1/{client_id}/messages:send", "json"),
    "nowhere": operation("POST", ""),
}


def admission(**options: Any) -> Admission:
    """Admits those whose header `key` is right."""

    def access(asked: Asked) -> CallRefused | None:
        return None if asked.header("key") == "right" else CallRefused("401", status=401)

    return Admission(operations=OPERATIONS, codes=CODES, access=access, open_calls=("login",), **options)


def request(path: str, content: bytes = b"", method: str = "POST", **headers: str) -> Request:
    """A request with the right key."""
    return Request(method, f"http://x{path}", {"key": " right\t", "content-type": FORM, **headers}, content)


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/send", "send"),
        ("GET", "/send", "send"),
        ("POST", "/send/", NO_CALL),
        ("GET", "/items?a=1", "list"),
        ("POST", "/items", "add"),
        ("PUT", "/items", "list"),
        ("POST", "/v1/a%2Fb/messages:send", "send_of"),
        ("POST", "/v1//messages:send", NO_CALL),
        ("POST", "/v1/a/b/messages:send", NO_CALL),
        ("POST", "", NO_CALL),
    ],
)
def test_a_call_is_found_by_its_path(method: str, path: str, name: str) -> None:
    """Of two calls with one path that with the method; a call that the rules have no path for is never found."""
    assert admission().operation(request(path, method=method)) == name


def test_an_address_that_cannot_be_split_is_no_call() -> None:
    """Anything may be sent."""
    assert admission().operation(Request("POST", "//[")) == NO_CALL


def test_places_of_a_path() -> None:
    """They are decoded."""
    assert admission().ask(request("/v1/a%2Fb/messages:send")).places == {"client_id": "a/b"}


def code(admits: Admission, asked: Request) -> tuple[str, int]:
    """(code, status) of a refusal, ("", 0) for an admitted call."""
    try:
        admits.admit(admits.ask(asked))
    except CallRefused as refused:
        return refused.code, refused.status
    return "", 0


def test_the_first_reason_is_said() -> None:
    """Path, method, encoding, access, speed; each request has all faults but those before."""
    speed = Speed(lambda: 5.0, 0)
    admits = admission(speed=speed)

    seen = [
        code(admits, request("/x", method="GET", key="wrong")),
        code(admits, request("/send", b"%ff=", method="GET", key="wrong")),
        code(admits, request("/send", b"a=%ff", key="wrong")),
        code(admits, request("/send", b"a=1", key="wrong")),
        code(admits, request("/send", b"a=1")),
    ]
    speed.limit = None
    seen.append(code(admits, request("/send", b"a=1")))

    assert seen == [("404", 0), ("405", 0), ("400", 0), ("401", 401), ("429", 0), ("", 0)]


def test_open_calls_need_no_access() -> None:
    """Such as the login, which is never too fast either."""
    assert code(admission(speed=Speed(lambda: 5.0, 0)), request("/login", key="")) == ("", 0)


def test_an_admitted_call_has_its_fields() -> None:
    """Lists as lists, and the places of its path."""
    admits = admission(lists={"to"})

    assert admits.admit(admits.ask(request("/send", b"to=a,b&x=1"))).fields == {"to": ["a", "b"], "x": "1"}
    called = request("/v1/c/messages:send", b'{"a": 1}', **{"content-type": "application/json"})
    asked = admits.admit(admits.ask(called))
    assert (asked.fields, asked.places, asked.operation) == ({"a": 1}, {"client_id": "c"}, "send_of")


@pytest.mark.parametrize(("checked", "field"), [("412", "push-type"), ("", None)])
def test_headers_that_a_call_needs(checked: str, field: str | None) -> None:
    """Their absence is refused by name, where the vendor checks them; which value they have is the call's affair."""
    row = attrs.evolve(OPERATIONS["send"], headers={"push-type": "0"})
    codes = attrs.evolve(CODES, header=checked)
    admits = Admission(operations={"send": row}, codes=codes, access=lambda _: None)

    assert admits.admit(admits.ask(request("/send", b"a=1", **{"push-type": "2"}))).fields == {"a": "1"}
    if field is None:
        assert admits.admit(admits.ask(request("/send", b"a=1"))).fields == {"a": "1"}
        return
    with pytest.raises(CallRefused) as refused:
        admits.admit(admits.ask(request("/send", b"a=1")))
    assert (refused.value.code, refused.value.field) == (checked, field)


@pytest.mark.parametrize(("names", "field"), [(True, f"content-type must be {FORM}"), (False, "")])
def test_a_wrong_content_type_may_be_named(names: bool, field: str) -> None:
    """Where the vendor's reply does so."""
    admits = admission(names_field=names)

    with pytest.raises(CallRefused) as refused:
        admits.admit(admits.ask(request("/send", b"{}", **{"content-type": "application/json"})))

    assert (refused.value.code, refused.value.field) == ("400", field)


def test_a_request_is_in_no_repr() -> None:
    """It has the access token."""
    asked = admission().ask(request("/v1/secret-place/messages:send", b"secret-body", key="secret-key"))

    assert "secret" not in repr(asked)
