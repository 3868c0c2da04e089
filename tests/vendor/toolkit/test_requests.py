"""Requests in four encodings, access tokens in them, signed forms."""

from __future__ import annotations

import hashlib
import json
from email.parser import BytesParser
from urllib.parse import parse_qs, urlsplit

from toolkit_rules import RULES

from pushgateway.vendor import Request
from pushgateway.vendor.toolkit.requests import File, bearer, in_body, in_header, make_request, sign_form

ROWS = RULES.dialects["old"].operations
FIELDS = {"a": "你 & 1", "b": 'x"y'}
URL = "https://push.acme.example/x"


def parts(request: Request) -> dict[str, bytes]:
    head = f"content-type: {request.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + request.content)
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
        for part in message.get_payload()
    }  # type: ignore[union-attr,misc]


def test_each_encoding_carries_the_fields() -> None:
    """Form, JSON, query and multipart, as the standard library reads them."""
    form, query = make_request(URL, ROWS["save"], FIELDS), make_request(URL, ROWS["find"], FIELDS)
    upload = make_request(URL, ROWS["upload"], {"a": "1"}, File("p.png", "image/png", b"\x89\x00\r\n--"))

    assert parse_qs(form.content.decode("ascii")) == {"a": ["你 & 1"], "b": ['x"y']}
    assert json.loads(make_request(URL, ROWS["send"], FIELDS).content) == FIELDS
    assert parse_qs(urlsplit(query.url).query) == {"a": ["你 & 1"], "b": ['x"y']}
    assert query.content == b""
    assert make_request(URL, ROWS["find"], {}).url == URL
    assert parts(upload) == {"a": b"1", "file": b"\x89\x00\r\n--"}


def test_a_lone_surrogate_is_replaced() -> None:
    """No encoding can carry it."""
    assert json.loads(make_request(URL, ROWS["send"], {"a": "\ud800"}).content) == {"a": "\ufffd"}


def test_an_access_token_in_each_place() -> None:
    """In a header, or as one more field of the body."""
    form, query = make_request(URL, ROWS["save"], FIELDS), make_request(URL, ROWS["find"], FIELDS)
    upload = make_request(URL, ROWS["upload"], {"a": "1"}, File("p.png", "image/png", b"x"))

    assert bearer(form, "T").headers["authorization"] == "Bearer T"
    assert in_header(form, "auth_token", "T").content == form.content
    assert parse_qs(in_body(form, "auth", "T &").content.decode())["auth"] == ["T &"]
    assert in_body(make_request(URL, ROWS["save"], {}), "auth", "T").content == b"auth=T"
    assert json.loads(in_body(make_request(URL, ROWS["send"], FIELDS), "auth", 'T"').content) == {
        **FIELDS,
        "auth": 'T"',
    }
    assert json.loads(in_body(make_request(URL, ROWS["send"], {}), "auth", "T").content) == {"auth": "T"}
    more = in_body(make_request(URL, ROWS["send"], FIELDS), "to", ["长", "\ud800"])
    assert next(iter(json.loads(more.content).items())) == ("to", ["长", "\ufffd"])
    assert parts(in_body(upload, "auth", "T"))["auth"] == b"T"
    assert in_body(query, "auth", "T") == query


def test_a_signed_form() -> None:
    """The fields by name, joined, with the secret at the end."""
    signed = sign_form({"b": "2", "a": "1"}, "secret")

    assert signed["sign"] == hashlib.md5(b"a=1b=2secret", usedforsecurity=False).hexdigest()
    assert sign_form({"b": "2", "a": "1"}, "s", algorithm="sha256", between="&", field="sig")["sig"] == (
        hashlib.sha256(b"a=1&b=2s").hexdigest()
    )
    odd = sign_form({"a": "x\ud800"}, "s")
    assert odd["sign"] == hashlib.md5("a=x\ufffds".encode(), usedforsecurity=False).hexdigest()  # as the form has it
