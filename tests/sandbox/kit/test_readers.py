"""Fields of requests: forms, queries, JSON objects and multipart bodies, strictly."""

from __future__ import annotations

from urllib.parse import quote, quote_plus, unquote_to_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgateway.sandbox.kit.readers import (
    FORM,
    flatten,
    json_field,
    read_fields,
    read_form,
    read_json_text,
    read_multipart,
    read_object,
    read_query,
    text_field,
    unquote,
)
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.vendor import Request


@given(st.binary(max_size=200))
def test_unquoting_undoes_both_ways_of_quoting(raw: bytes) -> None:
    """`+` and `%20` are both a blank, and every byte is decoded, carriage returns and equal signs included."""
    assert unquote(quote_plus(raw).encode()) == raw
    assert unquote(quote(raw, safe="").encode()) == raw


@given(st.lists(st.sampled_from([b"%", b"%4", b"%41", b"%zz", b"=", b"+", b"a", b"%0D%0A", b"_", b"\n"]), max_size=12))
def test_broken_escapes_stay_as_they_are(parts: list[bytes]) -> None:
    """The fast decoder gives what the standard library gives, for invalid escapes too."""
    quoted = b"".join(parts)

    assert unquote(quoted) == unquote_to_bytes(quoted.replace(b"+", b" "))


@given(st.dictionaries(st.text("abc", min_size=1), st.text(max_size=20), max_size=5))
def test_a_form_of_the_standard_library_is_read(fields: dict[str, str]) -> None:
    """Its fields are decoded exactly."""
    fields = {name: value.encode("utf-8", "replace").decode() for name, value in fields.items()}

    assert read_form(FORM, urlencode(fields).encode()) == fields


@pytest.mark.parametrize(
    ("content", "fields"),
    [(b"", {}), (b"&&", {}), (b"a", {"a": ""}), (b"a=1&a=2", {"a": "1"}), (b"a=b=c", {"a": "b=c"}), (b"=x", {})],
)
def test_odd_forms(content: bytes, fields: dict[str, str]) -> None:
    """Of a repeated field the first counts; only the first equal sign separates name and value."""
    assert read_form(FORM, content) == fields


@pytest.mark.parametrize(
    ("content", "values"),
    [
        (b"to=a%2Cb", ["a", "b"]),
        (b"to=a,b", ["a", "b"]),
        (b"to=a&to=b", ["a", "b"]),
        (b"to=a&x=1&to=b,c", ["a", "b", "c"]),
        (b"to=a,,b", ["a", "", "b"]),
        (b"to=", None),
        (b"x=a,b", None),
    ],
)
def test_lists_are_joined_or_repeated(content: bytes, values: list[str] | None) -> None:
    """A field that is a list is read in both spellings that clients use; others keep their commas."""
    fields = read_form(FORM, content, {"to"})

    assert fields is not None
    assert fields.get("to") == values
    assert fields.get("x") in (None, "1", "a,b")


@pytest.mark.parametrize(
    ("kind", "content", "fields"),
    [
        ("", b"", {}),
        ("application/json", b"", {}),
        ("application/json", b"a=1", None),
        (f"{FORM}; charset=gbk", b"a=1", None),
        (f'{FORM.upper()} ; charset="UTF-8"', b"a=1", {"a": "1"}),
        (f"{FORM}; charset=utf8", b"a=%ff", None),
    ],
)
def test_an_empty_body_is_never_encoded_wrongly(kind: str, content: bytes, fields: dict[str, str] | None) -> None:
    """It has no fields, whatever the content type. Any other body must be a UTF-8 form."""
    assert read_form(kind, content) == fields


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "[" * 100_000, "{} {}", "9" * 5000])
def test_texts_that_are_not_json(text: str) -> None:
    """Each raises the same kind of error."""
    with pytest.raises(ValueError, match=r".+"):
        read_json_text(text)


@pytest.mark.parametrize(
    ("kind", "content", "fields"),
    [
        ("application/json", b'{"a": [1, true]}', {"a": [1, True]}),
        ("application/json;charset=UTF-8", b"{}", {}),
        ("text/plain", b"", {}),
        ("text/plain", b"{}", None),
        ("application/json; charset=gbk", b"{}", None),
        ("application/json", b"[1]", None),
        ("application/json", b'{"a": NaN}', None),
        ("application/json", b'{"a": "\xff"}', None),
        ("application/json", b"\xef\xbb\xbf{}", None),
    ],
)
def test_json_bodies(kind: str, content: bytes, fields: dict[str, object] | None) -> None:
    """One JSON object in UTF-8, named as JSON, or nothing."""
    assert read_object(kind, content) == fields


def test_a_query_is_read_as_a_form() -> None:
    """Percent escapes are decoded; a URL that cannot be split has no fields."""
    assert read_query("http://x/y?a=1%202&b=c,d", {"b"}) == {"a": "1 2", "b": ["c", "d"]}
    assert read_query("http://x/y") == {}
    assert read_query("//[") is None


def test_a_multipart_body_has_texts_and_files() -> None:
    """A part with a file name is bytes; a body without its last boundary is refused."""
    whole = (
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xe6\xb1\x89\r\n'
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n\xff\r\n--b--\r\n'
    )
    kind = "multipart/form-data; boundary=b"

    assert read_multipart(kind, whole) == {"a": "汉", "f": b"\xff"}
    assert read_multipart(kind, whole.removesuffix(b"--\r\n")) is None
    assert read_multipart("multipart/form-data", whole) is None
    assert read_multipart(kind, whole.replace(b"\xe6", b"\xff")) is None
    assert read_multipart(kind, b"") is None


@pytest.mark.parametrize(
    ("encoding", "kind", "content"),
    [
        ("form", FORM, b"a=1"),
        ("query", "", b""),
        ("json", "application/json", b'{"a": "1"}'),
        (
            "multipart",
            "multipart/form-data; boundary=b",
            b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--b--',
        ),
    ],
)
def test_fields_are_read_in_the_encoding_of_the_call(encoding: str, kind: str, content: bytes) -> None:
    """Each encoding of the rules has its reader."""
    assert read_fields(encoding, Request("POST", "http://x/?a=1", {"content-type": kind}, content)) == {"a": "1"}
    with pytest.raises(ValueError, match="no such encoding"):
        read_fields("xml", Request("POST", "http://x/"))


def test_nested_fields_have_dotted_names() -> None:
    """An object that is itself the value of a known field is not taken apart."""
    tree = {"a": {"b": {"c": 1}, "data": {"x": {"y": 2}}, "list": [{"z": 3}]}, "d": {}}

    assert flatten(tree, {"a.b.c", "a.data"}) == {"a.b.c": 1, "a.data": {"x": {"y": 2}}, "a.list": [{"z": 3}]}


@pytest.mark.parametrize(
    ("fields", "code"),
    [({}, "40"), ({"a": ""}, "40"), ({"a": None}, "40"), ({"a": 5}, "41"), ({"a": ["x"]}, "41"), ({"a": "{"}, "41")],
)
def test_a_field_that_a_call_needs(fields: dict[str, object], code: str) -> None:
    """What is missing has another code than what is wrong, and the field is named."""
    with pytest.raises(CallRefused) as refused:
        json_field(fields, "a", "40", "41")

    assert (refused.value.code, refused.value.field) == (code, "a")


def test_fields_of_a_call() -> None:
    """A text, or the value of its JSON; one that is not required may be missing."""
    assert text_field({"a": "x"}, "a", "40", "41") == "x"
    assert text_field({}, "a", "40", "41", required=False) == ""
    assert json_field({"a": "[1]"}, "a", "40", "41") == [1]
