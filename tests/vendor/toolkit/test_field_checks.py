"""One value against its row of the rules."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pushgateway.vendor.refusals import Refused
from pushgateway.vendor.rules import FieldRule
from pushgateway.vendor.toolkit.field_checks import check_field, goes_whole, scaled, spell, unspell
from pushgateway.vendor.toolkit.json_text import Json


def row(**entries: Any) -> FieldRule:
    return FieldRule(source="doc", seen=date(2020, 2, 2), **entries)


def problem(rule: FieldRule, value: object) -> str:
    with pytest.raises(Refused) as caught:
        check_field("it", rule, value, rule.max)
    return caught.value.detail


@pytest.mark.parametrize(
    ("rule", "value", "sent"),
    [
        (row(kind="text", max=3), "abc", "abc"),
        (row(kind="text", max=3, past="cut"), "abcd", "ab…"),
        (row(kind="text", max=3, past="cut", counts="points"), "😀😀😀", "😀😀😀"),
        (row(kind="text", max=3, past="cut"), "😀😀😀", "😀…"),
        (row(kind="text", max=7, past="cut", counts="bytes"), "你你你", "你…"),
        (row(kind="text", max=5, past="cut"), " " * 9 + "abc", "abc"),
        (row(kind="text"), "a\x00b\ud800", "ab\ufffd"),
        (row(kind="text", blank=True), " ", " "),
        (row(kind="text", pattern="[a-z]+"), "abc", "abc"),
        (row(kind="int", min=1, max=9), 9, 9),
        (row(kind="int", choices=(1, 2)), 2, 2),
        (row(kind="int", min=60, below="raise"), 5, 60),
        (row(kind="int", max=9, past="cut"), 10, 9),
        (row(kind="int", wire="{}s"), 5, "5s"),
        (row(kind="int", wire="text"), 5, "5"),
        (row(kind="bool"), True, True),
        (row(kind="bool", wire="number"), True, 1),
        (row(kind="bool", wire="text"), False, "false"),
        (row(kind="choice", choices=("A", "B")), "A", "A"),
        (row(kind="json"), {"a": 1}, '{"a":1}'),
        (row(kind="json"), '{"a": 1}', '{"a": 1}'),
        (row(kind="object"), [1], Json("[1]")),
        (row(kind="object"), "[1]", "[1]"),
        (row(kind="time"), 10**12, 10**12),
        (row(kind="texts"), {"a": "1", "b": 1, "长": {"c": [None]}}, Json('{"a":"1","b":"1","长":"{\\"c\\":[null]}"}')),
        (row(kind="texts", max=3), {"a": "bc"}, Json('{"a":"bc"}')),
    ],
)
def test_a_value_is_sent(rule: FieldRule, value: object, sent: object) -> None:
    """Cleaned, cut, raised and spelled as the row says."""
    checked, _ = check_field("it", rule, value, rule.max)

    assert (checked, type(checked)) == (sent, type(sent))


@pytest.mark.parametrize(
    ("value", "sent", "is_changed"), [(59, 60, True), (60, 60, False), (86400, 86400, False), (86401, 86400, True)]
)
def test_a_number_that_is_raised_or_lowered_says_so(value: int, sent: int, is_changed: bool) -> None:
    """At both limits and one beyond, so that the outcome can name the field."""
    rule = row(kind="int", min=60, max=86400, past="cut", below="raise")

    assert check_field("ttl", rule, value, rule.max) == (sent, is_changed)


@pytest.mark.parametrize(
    ("rule", "value", "sentence"),
    [
        (row(kind="text"), 1, "it: must be a str, is int"),
        (row(kind="text"), " ", "it: must have at least 1 character, is blank"),
        (row(kind="text", max=3), "\u200b", "it: must have 1 to 3 characters, is blank"),
        (row(kind="text", max=3), "abcd", "it: must have at most 3 characters, has 4"),
        (row(kind="text", min=3), "ab", "it: must have at least 3 characters, has 2"),
        (row(kind="text", max=3, counts="bytes"), "你你", "it: must have at most 3 bytes, has 6"),
        (row(kind="text", pattern="[a-z]+"), "A", "it: must match [a-z]+"),
        (row(kind="text", pattern="[a-z]+", must="must be small letters"), "A", "it: must be small letters"),
        (row(kind="texts", max=3), {"a": "bcd"}, "it: must have at most 3 characters in all keys and values, has 4"),
        (
            row(kind="texts", max=4, counts="bytes"),
            {"a": "bcd", "": "e"},
            "it: must have at most 4 bytes in all keys and values, has 5",
        ),
        (row(kind="texts"), "{}", "it: must be an object"),
        (row(kind="texts"), {"a": float("nan")}, "it: must be made of what JSON can hold"),
        (row(kind="int"), True, "it: must be an int, is bool"),
        (row(kind="int"), "1", "it: must be an int, is str"),
        (row(kind="int", choices=(1, 2)), 3, "it: must be one of 1, 2"),
        (row(kind="int", max=86400, unit="seconds"), 86401, "it: must be at most 86400 seconds (1 day), is 86401"),
        (
            row(kind="int", max=24, scale=3600.0, unit="seconds"),
            25,
            "it: must be at most 86400 seconds (1 day), is 90000",
        ),
        (row(kind="int", min=1), 0, "it: must be at least 1, is 0"),
        (row(kind="int", max=1), 10**15, "it: must be at most 1, is far beyond"),
        (row(kind="int"), 2**63, "it: must fit into 64 bits"),
        (row(kind="bool"), 1, "it: must be True or False, is int"),
        (row(kind="choice", choices=("A", "B")), "C", "it: must be one of A, B"),
        (row(kind="json"), "[1]", "it: must be a JSON object"),
        (row(kind="json", max=3), {"a": 1}, "it: must have at most 3 characters as JSON, has 7"),
        (row(kind="object"), 1, "it: must be a JSON object, a list, or their text"),
        (row(kind="object"), "{", "it: must be JSON, or made of what JSON can hold"),
        (row(kind="object"), {"a": float("nan")}, "it: must be JSON, or made of what JSON can hold"),
    ],
)
def test_a_wrong_value_is_refused(rule: FieldRule, value: object, sentence: str) -> None:
    """The sentence names limit and size, in the unit of the host."""
    assert problem(rule, value) == sentence


def test_a_cut_text_is_reported() -> None:
    """The second result says whether the text was cut."""
    rule = row(kind="text", max=3, past="cut")

    assert [check_field("it", rule, text, 3)[1] for text in ("abc", "abcd", "a\x00bc")] == [False, True, False]
    assert [goes_whole(text, rule, 3) for text in ("abc", "abcd", "a\x00b", " ")] == [True, False, False, False]


@pytest.mark.parametrize(
    ("entries", "seconds", "sent"),
    [
        ({"scale": 1.0}, 90, 90),
        ({"scale": 3600.0}, 3601, 1),
        ({"scale": 3600.0, "round": "up"}, 3601, 2),
        ({"scale": 3600.0, "round": "up"}, 3600, 1),
        ({"scale": 0.001}, 90, 90000),
    ],
)
def test_units(entries: dict[str, Any], seconds: int, sent: int) -> None:
    """Hours are rounded as the row says, milliseconds are exact."""
    assert scaled(row(kind="int", **entries), seconds) == sent


@pytest.mark.parametrize(
    ("rule", "given", "value"),
    [
        (row(kind="int", wire="{}s"), "60s", 60),
        (row(kind="int", wire="{}s"), "60", "60"),
        (row(kind="int", wire="{}s"), 60, 60),
        (row(kind="int", wire="text"), "60", 60),
        (row(kind="bool", wire="number"), 1, True),
        (row(kind="bool", wire="text"), "true", True),
        (row(kind="bool", wire="text"), "yes", "yes"),
        (row(kind="text", wire="{}s"), "60s", "60s"),
        (row(kind="int"), "60", "60"),
    ],
)
def test_the_vendors_spelling_is_read_back(rule: FieldRule, given: object, value: object) -> None:
    """What cannot be read stays, and is refused by its type."""
    assert unspell(rule, given) == value


def test_spelling() -> None:
    """A format, a text, a number."""
    assert spell(row(kind="json", wire="<{}>"), Json("[]")) == "<[]>"
    assert spell(row(kind="int", wire="number"), 5) == 5


def test_a_time_as_date_and_time() -> None:
    """On the clock of China, in whole seconds; overrides may be written so too."""
    rule = row(kind="time", wire="date")

    assert check_field("it", rule, 1_795_276_799_999) == ("2026-11-21 23:59:59", False)
    assert unspell(rule, "2026-11-21 23:59:59") == 1_795_276_799_000
    assert unspell(rule, "2026-11-22") == "2026-11-22"
    assert unspell(rule, "1970-01-01 08:00:00") == 0
    assert check_field("it", rule, 0)[0] == "1970-01-01 08:00:00"
    assert check_field("it", rule, 253_402_271_999_999)[0] == "9999-12-31 23:59:59"
    for wrong in (-1, 253_402_272_000_000):
        assert problem(rule, wrong) == "it: must be a time from 1970 to 9999"
    assert problem(rule, "2026-11-22") == "it: must be a time such as 2026-11-22 08:00:00"
