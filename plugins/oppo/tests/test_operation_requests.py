"""Requests of the calls other than sending: their fields, and where the access token is, in each encoding."""

from __future__ import annotations

import hashlib
import json

import pytest
from exchanges import SETTINGS, first
from pictures import png
from pushgateway_oppo import Oppo

from pushgateway.vendor import AccessToken, Call, Request
from pushgateway.vendor.rules import load_rules
from pushgateway.vendor.toolkit.requests import File, make_request

CURRENT = load_rules("pushgateway_oppo").dialects["current"].operations
TOKEN = "CN_0123456789abcdef0123456789abcdef"
SECRET = 'to"k&en'
URL = "https://oppo.example/x"


def calls(oppo: Oppo) -> dict[str, Call[object]]:
    """A call of each encoding."""
    old = Oppo(**SETTINGS, access_token_in=oppo.access_token_in)
    return {
        "form": old.subscribe_alias(TOKEN, "安 &"),
        "json": oppo.subscribe_alias(TOKEN, "安 &"),
        "query": oppo.invalid_tokens(),
        "multipart": oppo.upload_picture("big", png(876, 324)),
    }


@pytest.mark.parametrize("encoding", ["form", "json", "query", "multipart"])
@pytest.mark.parametrize("place", ["both", "header", "body"])
def test_the_access_token_is_in_header_body_or_both(encoding: str, place: str) -> None:
    """Header and body as the setting says; a query has no body, so the header has to do, and no URL holds a secret."""
    oppo = Oppo(**SETTINGS, dialect="current", access_token_in=place)
    plain = first(calls(oppo)[encoding].begin())

    signed = oppo.finish(plain, AccessToken(SECRET, 60.0), 0.0)

    written = {
        "form": b"&auth_token=to%22k%26en",
        "json": b'{"auth_token":"to\\"k&en",',
        "query": b"",
        "multipart": b'; name="auth_token"\r\n\r\nto"k&en\r\n--',
    }[encoding]
    assert (signed.method, signed.url) == (plain.method, plain.url)
    assert "to" not in signed.url.partition("?")[2]
    assert (signed.headers.get("auth_token") == SECRET) is (place != "body" or encoding == "query")
    assert (written in signed.content) is (place != "header" or encoding == "query")
    assert (signed.content == plain.content) is (place == "header" or encoding == "query")
    if encoding == "json":
        assert json.loads(signed.content).items() >= {"registration_id": TOKEN, "alias": "安 &"}.items()


def test_the_boundary_is_made_of_the_file() -> None:
    """Without a random: the same file has the same body, and a file that quotes another's boundary has its own."""
    row = CURRENT["upload_big_picture"]

    def boundary(content: bytes) -> str:
        request = make_request(URL, row, {"a": "b"}, File("p.png", "image/png", content))
        return request.headers["content-type"].partition("boundary=")[2]

    once = boundary(b"some picture")

    assert once == boundary(b"some picture") == hashlib.sha256(b"some picture").hexdigest()
    assert boundary(b"some picture\r\n--" + once.encode()) != once


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    """UTF-8 cannot encode it, so it is U+FFFD in forms and in JSON."""
    form = make_request(URL, load_rules("pushgateway_oppo").dialects["v1.3"].operations["get_alias"], {"a": "\ud800"})
    sent = make_request(URL, CURRENT["get_tags"], {"a": "\ud800"})

    assert form.content == b"a=%ef%bf%bd"
    assert sent.content == '{"a":"\ufffd"}'.encode()


def test_a_request_without_a_body_has_the_token_in_the_header() -> None:
    """A request without a content type gets the header, whatever the setting, and is not changed otherwise."""
    signed = Oppo(**SETTINGS, access_token_in="body").finish(Request("GET", URL), AccessToken(SECRET, 60.0), 0.0)

    assert signed == Request("GET", URL, {"auth_token": SECRET})
