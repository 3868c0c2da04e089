"""Values out of replies: what is clearly the wanted value is read, anything else is None."""

from typing import Any

import pytest

from pushgateway.vendor import NoVerdict, Response
from pushgateway.vendor.toolkit.readers import (
    check_named_once,
    count,
    data_of,
    epoch_seconds,
    first_identifier,
    identifier,
    short,
    texts,
)


@pytest.mark.parametrize(
    ("value", "read"),
    [("m-1", "m-1"), ("m" * 200, "m" * 200), (7, "7"), (-7, "-7"), ("", None), ("m" * 201, None), ("a\nb", None)],
)
def test_ids_are_printable_and_bounded(value: object, read: str | None) -> None:
    """A text of 1 to 200 printable characters, or a whole number, which becomes its text."""
    assert identifier(value) == read


@pytest.mark.parametrize("value", [None, True, 1.0, b"m", ["m"], 10**200])
def test_what_is_no_id(value: object) -> None:
    """A truth value is no number, and an endless number no id."""
    assert identifier(value) is None


def test_the_first_readable_id_counts() -> None:
    """The names are tried in their order; an unreadable one is passed over, and a list has none."""
    assert first_identifier({"a": "", "b": "x", "c": "y"}, ("a", "b", "c")) == "x"
    assert first_identifier(["x"], ("a",)) is None


@pytest.mark.parametrize(
    ("value", "read"),
    [(None, []), ("a;b , c", ["a", "b", "c"]), (" a ", ["a"]), (["a", "b,c"], ["a", "b,c"]), ([1], None), (5, None)],
)
def test_lists_may_be_joined_texts(value: object, read: list[str] | None) -> None:
    """A list stays as it is; a text is cut at separators with blanks around them; anything else is none."""
    assert texts(value) == read


def test_separators_are_the_callers() -> None:
    """A character that separates nothing here stays in its text."""
    assert texts("a;b,c", ",") == ["a;b", "c"]
    assert texts("a|b-c", "|-") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("value", "read"),
    [(0, 0), ("12", 12), (10**15 - 1, 10**15 - 1), (10**15, None), ("9" * 16, None), (-1, None), (True, None)],
)
def test_counts(value: object, read: int | None) -> None:
    """From 0 to below 10**15, as a number or as its digits."""
    assert count(value) == read


@pytest.mark.parametrize("value", ["-1", "1.5", "", "１２", 1.0, None])
def test_what_is_no_count(value: object) -> None:
    """Neither a sign, nor a fraction, nor digits of another script."""
    assert count(value) is None


@pytest.mark.parametrize(
    ("value", "read"), [(1500, 1.5), ("1500", 1.5), (1500.0, 1.5), (0, None), (True, None), ("x", None)]
)
def test_times_are_milliseconds(value: object, read: float | None) -> None:
    """Milliseconds as a number or as digits become seconds."""
    assert epoch_seconds(value) == read


def test_a_time_has_a_limit() -> None:
    """The caller says from which moment on a time is none."""
    assert epoch_seconds(999, below=1000) == 0.999
    assert epoch_seconds("1000", below=1000) is None


def test_messages_are_cut() -> None:
    """At 200 units, with an ellipsis; what is no text is none."""
    assert short("x" * 200) == "x" * 200
    assert len(short("x" * 201) or "") == 200
    assert short(5) is None


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ({"data": {"a": 1}, "value": 2}, {"a": 1}),
        ({"data": None, "value": 2}, 2),
        ({"data": '{"a": 1}'}, {"a": 1}),
        ({"data": "sentence"}, "sentence"),
        ({"data": "[" * 100_000}, "[" * 100_000),
        ({"data": []}, []),
        ({}, None),
    ],
)
def test_data_may_be_text(body: dict[str, Any], read: object) -> None:
    """The first name that is not null counts; JSON as text is read, another text stays."""
    assert data_of(body, ("data", "value")) == read


def check(content: str) -> None:
    check_named_once(Response(200, {}, content.encode()), {"code", "token"}.__contains__, ("data",))


@pytest.mark.parametrize(
    "content",
    [
        '{"code": 0, "code": 1}',
        '{"code": 1, "code": true}',
        '{"data": {"token": "a", "token": "b"}}',
        '{"data": "{\\"token\\": 1, \\"token\\": 2}"}',
    ],
)
def test_one_thing_named_twice_is_no_verdict(content: str) -> None:
    """Wherever it stands, in JSON as text too; 1 and true are different."""
    with pytest.raises(NoVerdict, match="twice and differently"):
        check(content)


@pytest.mark.parametrize(
    "content", ['{"code": 0, "code": 0}', '{"other": 0, "other": 1}', '{"data": "sentence"}', "no JSON", "\ufeff{}"]
)
def test_what_contradicts_nothing_passes(content: str) -> None:
    """The same twice, a name that decides nothing, and text that is no JSON."""
    check(content)

    assert data_of({}, ()) is None
