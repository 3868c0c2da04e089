"""Reading values of replies: a value that is clearly the wanted one is read, anything else is None."""

from typing import Any

import pytest

from pushgateway.vendor import NoVerdict, Response, Statistics
from pushgateway.vendor.toolkit.readers import (
    as_number,
    check_named_once,
    count,
    data_of,
    entry,
    epoch_seconds,
    figure_names,
    figures_of,
    first_identifier,
    identifier,
    needed,
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
def test_invalid_ids_are_none(value: object) -> None:
    """A boolean is no number, and an endless number no id."""
    assert identifier(value) is None


def test_the_first_readable_id_counts() -> None:
    """The names are tried in their order; an unreadable one is skipped, and a list has none."""
    assert first_identifier({"a": "", "b": "x", "c": "y"}, ("a", "b", "c")) == "x"
    assert first_identifier(["x"], ("a",)) is None


@pytest.mark.parametrize(
    ("value", "read"),
    [(None, []), ("a;b , c", ["a", "b", "c"]), (" a ", ["a"]), (["a", "b,c"], ["a", "b,c"]), ([1], None), (5, None)],
)
def test_lists_may_be_joined_texts(value: object, read: list[str] | None) -> None:
    """A list is unchanged; a text is cut at separators with blanks around them; anything else is None."""
    assert texts(value) == read


def test_the_caller_sets_the_separators() -> None:
    """A character that is no separator here stays in its text."""
    assert texts("a;b,c", ",") == ["a;b", "c"]
    assert texts("a|b-c", "|-") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("value", "read"),
    [(0, 0), ("12", 12), (10**15 - 1, 10**15 - 1), (10**15, None), ("9" * 16, None), (-1, None), (True, None)],
)
def test_counts_are_whole_numbers_within_limits(value: object, read: int | None) -> None:
    """They are from 0 to below 10**15, as a number or as its digits."""
    assert count(value) == read


@pytest.mark.parametrize(
    ("text", "sent"),
    [("100", 100), ("007", "007"), ("0", 0), ("9" * 15, 10**15 - 1), ("9" * 16, "9" * 16), ("a1", "a1"), ("", "")],
)
def test_an_id_of_digits_may_be_sent_as_a_number(text: str, sent: int | str) -> None:
    """At the limit of what every JSON parser keeps, and one digit more; zeros in front are kept, because a login is
    signed with the text."""
    assert as_number(text) == sent


@pytest.mark.parametrize("value", ["-1", "1.5", "", "１２", 1.0, None])
def test_invalid_counts_are_none(value: object) -> None:
    """Neither a sign, nor a fraction, nor digits of another script are accepted."""
    assert count(value) is None


@pytest.mark.parametrize(
    ("value", "read"), [(1500, 1.5), ("1500", 1.5), (1500.0, 1.5), (0, None), (True, None), ("x", None)]
)
def test_times_are_milliseconds(value: object, read: float | None) -> None:
    """Milliseconds as a number or as digits become seconds."""
    assert epoch_seconds(value) == read


def test_a_time_has_a_limit() -> None:
    """The caller gives the latest moment that is accepted."""
    assert epoch_seconds(999, below=1000) == 0.999
    assert epoch_seconds("1000", below=1000) is None


def test_messages_are_cut() -> None:
    """They are cut at 200 units, with an ellipsis; a value that is no text is None."""
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
    """The first name that is not null counts; JSON as text is parsed, other text stays."""
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
def test_a_contradictory_repeated_key_is_no_verdict(content: str) -> None:
    """This holds wherever it is, also in JSON as text; 1 and true are different."""
    with pytest.raises(NoVerdict, match="twice and differently"):
        check(content)


@pytest.mark.parametrize(
    "content", ['{"code": 0, "code": 0}', '{"other": 0, "other": 1}', '{"data": "sentence"}', "no JSON", "\ufeff{}"]
)
def test_a_harmless_repeated_key_is_accepted(content: str) -> None:
    """The same value twice, a key that decides nothing, and text that is no JSON."""
    check(content)

    assert data_of({}, ()) is None


def test_a_value_that_is_needed() -> None:
    """Of exactly that type: True is no number."""
    assert needed({"a": 1}, dict) == {"a": 1}
    for value, kind, said in ((None, dict, "no object"), ("[]", list, "no list"), (True, int, "no number")):
        with pytest.raises(NoVerdict, match=said):
            needed(value, kind)


def test_an_entry_that_is_needed() -> None:
    """Of an object, under its name, and of its type."""
    assert entry("a", str)({"a": "x"}) == "x"
    for value in ({"a": 1}, {}, None):
        with pytest.raises(NoVerdict):
            entry("a", str)(value)


def test_figures_by_the_vendors_names() -> None:
    """Numbers and their digits; what cannot be read is None; blanks around a name do not matter."""
    names = {"targets": "all", "arrived": "got"}

    assert figures_of({"all": "7", " got ": 5, "x": 1}, names) == Statistics(targets=7, arrived=5)
    assert figures_of({"all": -1}, names) == Statistics()
    assert figure_names(*"abcdef") == {
        "targets": "a",
        "valid": "b",
        "sent": "c",
        "arrived": "d",
        "shown": "e",
        "opened": "f",
    }
    for nothing in ({}, {"x": 1}, [], None):
        with pytest.raises(NoVerdict):
            figures_of(nothing, names)
