"""Checks of fields by the rows of the rules, each at its limit and one beyond."""

from __future__ import annotations

from typing import Any

import pytest

from pushgateway.sandbox.kit.checks import CheckCodes, Checks
from pushgateway.vendor.rules import Dialect, parse_rules

CODES = CheckCodes(missing="10", wrong="20", size="30", together="40", fields={"kind": "50"})
HEAD = """
brand = "acme"
[sources.S1]
title = "Acme"
[codes]
[dialects.v1]
title = "V1"
[dialects.v1.hosts]
[dialects.v1.operations]
[dialects.v1.numbers]
[dialects.v1.fields]
"""
ROW = 'source = "S1", seen = 2026-01-01'


def dialect(fields: str) -> Dialect:
    """A dialect with these rows, one a line as `name: content`."""
    rows = (line.strip().partition(": ") for line in fields.strip().splitlines())
    text = HEAD + "\n".join(f'"{name}" = {{ {content}, {ROW} }}' for name, _, content in rows)
    return parse_rules(text).dialects["v1"]


def objection(fields: str, values: dict[str, Any], **options: Any) -> tuple[str, str] | None:
    """What is objected to these values by these rows."""
    return Checks(dialect(fields), CODES, **options).objection(values)


@pytest.mark.parametrize(
    ("row", "value", "code"),
    [
        ('kind = "text", max = 3', "汉字汉", None),
        ('kind = "text", max = 3', "汉字汉字", "30"),
        ('kind = "text", max = 3', "\U0001f600" * 3, None),
        ('kind = "text", min = 2', "ab", None),
        ('kind = "text", min = 2', "a", "30"),
        ('kind = "text", max = 6, counts = "bytes"', "汉字", None),
        ('kind = "text", max = 6, counts = "bytes"', "汉字a", "30"),
        ('kind = "text"', 5, "20"),
        ('kind = "text"', None, None),
        ('kind = "text"', "", None),
        ('kind = "text"', "\ud800", "20"),
        ('kind = "text", pattern = "[a-z]{1,3}"', "abc", None),
        ('kind = "text", pattern = "[a-z]{1,3}"', "abcd", "20"),
        ('kind = "text", pattern = "[a-z]{1,3}"', "a\n", "20"),
        ('kind = "choice", choices = ["LOW", "NORMAL"]', "LOW", None),
        ('kind = "choice", choices = ["LOW", "NORMAL"]', "low", "20"),
        ('kind = "choice", choices = ["LOW", "NORMAL"]', 1, "20"),
        ('kind = "int", min = 1, max = 9', 9, None),
        ('kind = "int", min = 1, max = 9', 10, "20"),
        ('kind = "int", min = 1, max = 9', 0, "20"),
        ('kind = "int", min = 1, max = 9', "9", None),
        ('kind = "int", min = 1, max = 9', "09", "20"),
        ('kind = "int", min = 1, max = 9', True, "20"),
        ('kind = "int", min = 1, max = 9', 1.0, "20"),
        ('kind = "int", max = 9, past = "clamp"', 10, None),
        ('kind = "int", choices = [1, 3]', 3, None),
        ('kind = "int", choices = [1, 3]', 2, "20"),
        ('kind = "int", min = 1, max = 60, wire = "{}s"', "60s", None),
        ('kind = "int", min = 1, max = 60, wire = "{}s"', "61s", "20"),
        ('kind = "int", min = 1, max = 60, wire = "{}s"', "60", "20"),
        ('kind = "int", min = 1, max = 60, wire = "{}s"', "s", "20"),
        ('kind = "int", min = 1, max = 60, wire = "{}s"', 60, "20"),
        ('kind = "time"', 1_700_000_000_000, None),
        ('kind = "time"', "x", "20"),
        ('kind = "bool"', True, None),
        ('kind = "bool"', "True", None),
        ('kind = "bool"', 1, "20"),
        ('kind = "time", wire = "date"', "2026-11-22 08:00:00", None),
        ('kind = "time", wire = "date"', "2026-11-31 08:00:00", "20"),
        ('kind = "time", wire = "date"', 1_795_276_799_000, "20"),
        ('kind = "bool", wire = "number"', 1, None),
        ('kind = "bool", wire = "number"', "0", None),
        ('kind = "bool", wire = "number"', 2, "20"),
        ('kind = "json"', "[1]", None),
        ('kind = "json"', "{", "20"),
        ('kind = "json"', {"a": 1}, "20"),
        ('kind = "json", max = 3', "[1]", None),
        ('kind = "json", max = 3', "[12]", "30"),
        ('kind = "object"', {"a": 1}, None),
        ('kind = "object"', '{"a": 1}', None),
        ('kind = "object"', 5, "20"),
        ('kind = "object", max = 9', {"a": "汉字"}, "30"),
        ('kind = "object", max = 10', {"a": "汉字"}, None),
        ('kind = "object", max = 7', '{"a":1}', None),
        ('kind = "object", max = 6', '{"a":1}', "30"),
        ('kind = "texts", max = 3', {"a": "汉字"}, None),
        ('kind = "texts", max = 3', {"a": "汉字汉"}, "30"),
        ('kind = "texts"', {"a": 1}, "20"),
        ('kind = "texts"', '{"a": "1"}', "20"),
    ],
)
def test_each_kind_of_value(row: str, value: Any, code: str | None) -> None:
    """The code says whether it is the size; the field is named."""
    expected = None if code is None else (code, "a.b")

    assert objection(f"a.b: {row}", {"a.b": value, "unknown": object()}) == expected


@pytest.mark.parametrize(
    ("row", "value", "code"),
    [
        ('kind = "int"', "5", "20"),
        ('kind = "int"', 5, None),
        ('kind = "int", wire = "text"', "5", None),
        ('kind = "bool"', "true", "20"),
        ('kind = "bool", wire = "text"', "true", None),
        ('kind = "bool", wire = "number"', "1", "20"),
        ('kind = "bool", wire = "number"', True, "20"),
        ('kind = "bool", wire = "number"', 1, None),
        ('kind = "int", wire = "{}s"', "5s", None),
    ],
)
def test_json_has_types(row: str, value: Any, code: str | None) -> None:
    """Where the vendor takes JSON, a number as text is wrong unless its row says so."""
    assert objection(f"n: {row}", {"n": value}, as_text=False) == (None if code is None else (code, "n"))


def test_blank_texts() -> None:
    """Wrong where the vendor refuses them, except where the row allows it."""
    rows = 'a: kind = "text"\nb: kind = "text", blank = true'

    assert objection(rows, {"a": " \t", "b": " "}) is None
    assert objection(rows, {"a": " \t", "b": " "}, blanks=False) == ("20", "a")


def test_missing_fields_come_first() -> None:
    """Required ones, those that a condition requires, and empty ones."""
    rows = """
        kind: kind = "int"
        url: kind = "text", required_when = ["kind=2", "on=true"]
        on: kind = "bool"
        title: kind = "text", required = true
    """

    assert objection(rows, {"kind": "x"}) == ("10", "title")
    assert objection(rows, {"title": "", "kind": "x"}) == ("10", "title")
    assert objection(rows, {"title": "t", "kind": "2"}) == ("10", "url")
    assert objection(rows, {"title": "t", "on": True, "url": ""}) == ("10", "url")
    assert objection(rows, {"title": "t", "kind": 2, "url": "u"}) is None
    assert objection(rows, {"title": "t", "kind": "x"}) == ("50", "kind")


def test_fields_that_cannot_stand_together() -> None:
    """And fields that need another; empty ones are not there."""
    rows = """
        add: kind = "int", excludes = ["set"]
        set: kind = "int"
        class: kind = "text", required_with = ["add", "set"]
    """

    assert objection(rows, {"add": 1, "class": "c"}) is None
    assert objection(rows, {"add": 1, "set": "", "class": "c"}) is None
    assert objection(rows, {"add": 1, "set": 2, "class": "c"}) == ("40", "set")
    assert objection(rows, {"set": 2}) == ("10", "class")
    assert objection(rows, {}) is None


def test_fields_of_broadcasts() -> None:
    """In a single push they must be empty; those of the message are checked apart."""
    rows = 'speed: kind = "int", scope = "broadcast"\nmark: kind = "text", scope = "message", max = 1'

    assert [objection(rows, {"speed": value}) for value in (0, "0", False, "", 5)] == [*[None] * 4, ("20", "speed")]
    assert objection(rows, {"speed": 5, "mark": "long"}, broadcast=True) is None
    assert objection(rows, {"speed": 5, "mark": "long"}, scope=("message",)) == ("30", "mark")


def test_a_zero_may_mean_nothing() -> None:
    """A time of 0, and a number of 0 that nothing requires, for vendors whose clients fill in the whole table."""
    rows = """
        at: kind = "time", min = 5
        on: kind = "bool"
        rate: kind = "int", min = 5, required_when = ["on=true"]
    """

    assert objection(rows, {"at": 0, "rate": 0}, zeros=True) is None
    assert objection(rows, {"at": 0}) == ("20", "at")
    assert objection(rows, {"on": True, "rate": 0}, zeros=True) == ("20", "rate")
    checks = Checks(dialect(rows), CODES, zeros=True)
    assert checks.present({"at": 0, "rate": 7, "on": "", "x": 1}) == {"rate": 7}


def test_further_checks_of_a_field() -> None:
    """For what a row cannot say; they see values that are right by the row."""
    also = {"a": lambda value, _: "" if value > 5 else "wrong"}

    assert objection('a: kind = "int"', {"a": 6}, also=also, as_text=False) is None
    assert objection('a: kind = "int"', {"a": 5}, also=also, as_text=False) == ("20", "a")
    assert objection('a: kind = "int"', {"a": "6"}, also=also, as_text=False) == ("20", "a")


def test_a_check_in_the_place_of_a_row() -> None:
    """For a value that the vendor takes in more spellings than the row says."""
    instead = {"a": lambda value, _: "" if value == "x" else "wrong"}

    assert objection('a: kind = "int"', {"a": "x"}, instead=instead) is None
    assert objection('a: kind = "int"', {"a": 5}, instead=instead) == ("20", "a")


def test_absence_may_have_a_code_by_field() -> None:
    """Where a vendor says which field it lacks by its code."""
    codes = CheckCodes(missing="10", wrong="20", absent={"b": "60"})
    checks = Checks(
        dialect('a: kind = "text", required = true\nb: kind = "text", required_with = ["c"]\nc: kind = "int"'), codes
    )

    assert checks.objection({"c": 1}) == ("10", "a")
    assert checks.objection({"a": "x", "c": 1}) == ("60", "b")


def test_json_objects() -> None:
    """A switch of the sandbox, while it runs."""
    checks = Checks(dialect('a: kind = "json"'), CODES)
    before = checks.objection({"a": "[1]"})
    checks.json_objects = True

    assert (before, checks.objection({"a": "[1]"}), checks.objection({"a": "{}"})) == (None, ("20", "a"), None)


def test_a_maximum_by_condition() -> None:
    """Another field decides."""
    rows = 'style: kind = "int"\ntext: kind = "text", max = 2, max_when = { "style=2" = 4 }'

    assert objection(rows, {"text": "abc"}) == ("30", "text")
    assert objection(rows, {"text": "abc", "style": 2}) is None
    assert objection(rows, {"text": "abcde", "style": 2}) == ("30", "text")
