"""A logged request as text: readable, cut, and without secrets."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from pushgateway.sandbox.kit.request_log import LoggedRequest
from pushgateway.sandbox.page.requests import (
    DEEPEST,
    HIDDEN,
    LARGEST,
    LONGEST,
    SHORTEST,
    Hider,
    is_secret_name,
    request_json,
)
from pushgateway.vendor import Request, Response

SETTINGS = {"app_key": "the-key", "client_secret": "the-secret", "more": [{"private_key": {"a": "inner-secret"}}]}
FORM = "application/x-www-form-urlencoded; charset=UTF-8"
JSON = "application/json"
HIDER = Hider(SETTINGS, lambda text: text == "access-1")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Authorization",
            "auth_token",
            "authToken",
            "auth-token",
            "access_token",
            "sign",
            "client_secret",
            "master_secret",
        ),
        *("password", "private_key", "Cookie", "set-cookie", "X-Signature", "refresh_token", "service_account"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    """Whatever the spelling of the vendor."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["token", "tokens", "registration_id", "design", "app_key", "title", "signal", ""])
def test_other_names_are_shown(name: str) -> None:
    """Tokens of phones too: who looks at the page has the phones in front of them."""
    assert not is_secret_name(name)


def test_json_is_indented_and_its_secrets_are_hidden() -> None:
    """By name, by value, and whatever lies within a secret; Chinese stays readable."""
    body = {"title": "你好", "token": "t-1", "auth_token": "x", "any": "access-1", "sign": {"a": [1, "y"]}, "n": 5}

    text = HIDER.content(json.dumps(body).encode(), JSON)

    hidden = {**body, "auth_token": HIDDEN, "any": HIDDEN, "sign": {"a": [HIDDEN, HIDDEN]}}
    assert text == json.dumps(hidden, ensure_ascii=False, indent=2)


def test_json_within_texts_is_searched_too() -> None:
    """It stays as it came where there is no secret in it."""
    plain, secret, twice = '{"a" :  1}', '{"sign": {"a": "x"}}', '{"sign":"x","sign":null}'
    body = {"plain": plain, "secret": secret, "twice": twice, "odd": '{"sign":"x"', "key": "the-secret"}

    shown = json.loads(HIDER.content(json.dumps({**body, "the-secret": 1}).encode(), JSON))

    assert shown == {
        "plain": plain,
        "secret": '{"sign": {"a": "***"}}',
        "twice": '{"sign": null}',
        "odd": '{"sign":"***"',
        "key": HIDDEN,
        HIDDEN: HIDDEN,
    }


def test_a_form_has_a_line_for_each_field() -> None:
    """JSON in a field is indented too."""
    fields = {"auth_token": "x", "message": '{"title":"a b","sign":"y"}', "note": "the-secret is in it", "empty": ""}

    text = HIDER.content(urlencode(fields).encode(), FORM)

    message = '{\n  "title": "a b",\n  "sign": "***"\n}'
    assert text == f"auth_token: ***\nmessage: {message}\nnote: *** is in it\nempty: "


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"code":0,"data":{"auth_token":"abc', '{"code":0,"data":{"auth_token":"***'),
        ('{"sign" : "abc", "title": "x"', '{"sign" : "***", "title": "x"'),
        ('{\\"sign\\":\\"abc\\"', '{\\"sign\\":\\"***\\"'),
        ("[inner-secret", "[***"),
        ("plain text", "plain text"),
        ("", ""),
    ],
)
def test_what_is_no_json_is_shown_as_it_is_without_secrets(text: str, shown: str) -> None:
    """Such as a reply that a fault has cut."""
    assert HIDER.content(text.encode(), JSON) == shown


def test_other_bytes_are_counted() -> None:
    """A picture is no text."""
    assert HIDER.content(b"\x89PNG" + b"\0" * 996, "image/png") == "(1,000 bytes that are not text)"


def test_long_bodies_are_cut() -> None:
    """At the limit it is whole, one more character is named."""
    assert HIDER.content(b"x" * LONGEST, JSON) == "x" * LONGEST
    assert HIDER.content(b"x" * (LONGEST + 1), JSON) == "x" * LONGEST + "\n… (1 more characters)"


def test_json_values_fit_into_a_browser() -> None:
    """Integers that it would round, numbers that JSON has not, and nesting without end."""
    nested: Any = "bottom"
    for _ in range(DEEPEST):
        nested = [nested]

    values = HIDER.value([LARGEST - 1, LARGEST, -LARGEST, 1.5, float("inf"), float("nan"), True, None, (1,), {5: 6}])

    assert values == [LARGEST - 1, str(LARGEST), str(-LARGEST), 1.5, "inf", "nan", True, None, [1], {"5": 6}]
    assert "bottom" in json.dumps(HIDER.value(nested))
    assert "bottom" not in json.dumps(HIDER.value([nested]))


def test_the_secret_part_of_a_receipt_address_is_hidden() -> None:
    """24 characters at the end of a URL; a picture keeps its address."""
    secret = "a" * 24

    shown = [
        HIDER.text(text)
        for text in (
            f"https://im.example/push/7005/{secret}",
            f'"https://im.example/push/7005/{secret}"',
            f"https://img.example/{secret}.png",
            f"https://img.example/{secret}a",
        )
    ]

    assert shown == [
        "https://im.example/push/7005/***",
        '"https://im.example/push/7005/***"',
        f"https://img.example/{secret}.png",
        f"https://img.example/{secret}a",
    ]


def test_a_short_secret_is_hidden_by_its_name_only() -> None:
    """Within other texts it would be found by chance."""
    hider = Hider({"secret": "a" * (SHORTEST - 1)}, lambda _: False)
    longer = Hider({"secret": "a" * SHORTEST}, lambda _: False)

    assert (hider.text("aaaaaaa"), longer.text("aaaaaaa")) == ("aaaaaaa", "***a")
    assert hider.text("aaaaa", "secret") == HIDDEN


def test_a_url_is_shown_without_secrets_in_its_query() -> None:
    """The path stays; a URL that cannot be read is shown as it is."""
    assert HIDER.url("http://v.example/a?x=1&sign=abc&y") == "http://v.example/a?x=1&sign=***&y"
    assert HIDER.url("http://v.example/a") == "http://v.example/a"
    assert HIDER.url("//[") == "//["


def test_a_request_has_everything_that_was_sent_and_answered() -> None:
    """With the faults that were played; a connection that broke has no reply."""
    request = Request("POST", "http://v.example/push", {"authorization": "Bearer x", "content-type": JSON}, b'{"a":1}')
    reply = Response(200, {"content-type": JSON, "set-cookie": "c"}, b'{"access_token":"x"}')
    answered = LoggedRequest(3, 5.0, "push", request, reply, 2.5, ("delay", "shuffle"))
    broken = LoggedRequest(4, 5.0, "push", request, None, 0.0)

    shown = request_json(answered, HIDER)

    assert shown == {
        "number": 3,
        "at": 5.0,
        "operation": "push",
        "method": "POST",
        "url": "http://v.example/push",
        "headers": {"authorization": HIDDEN, "content-type": JSON},
        "content": '{\n  "a": 1\n}',
        "reply": {
            "status": 200,
            "headers": {"content-type": JSON, "set-cookie": HIDDEN},
            "content": '{\n  "access_token": "***"\n}',
        },
        "delay": 2.5,
        "fault": "delay, shuffle",
    }
    assert (request_json(broken, HIDER)["reply"], request_json(broken, HIDER)["fault"]) == (None, None)


def test_a_repr_shows_no_secret() -> None:
    """Not even their number."""
    assert repr(HIDER) == "Hider(***)"
