"""Values as clients spell them."""

from __future__ import annotations

import pytest

from pushgateway.sandbox.kit.values import as_text, is_on, json_object, read_date, text, whole


@pytest.mark.parametrize(
    ("value", "number"),
    [(5, 5), ("-5", -5), ("0", 0), ("00", None), (True, None), (None, None), ("9" * 16, None), ("٧", None)],
)
def test_whole_numbers(value: object, number: int | None) -> None:
    """As they are written, in ASCII digits."""
    assert whole(value) == number


def test_texts_of_values() -> None:
    """Truth values in lower case for a condition of the rules; nothing is an empty text."""
    assert [as_text(value) for value in (True, "True", 5, "X")] == ["true", "true", "5", "x"]
    assert [text(value) for value in (None, "", 5, "X")] == ["", "", "5", "X"]


@pytest.mark.parametrize("default", [True, False])
def test_truth_values(default: bool) -> None:
    """As such, as text or as 1; what is not given has the default."""
    assert [is_on(value, default) for value in (True, "True", 1, "1")] == [True] * 4
    assert [is_on(value, default) for value in (False, "false", 0, "0", "x")] == [False] * 5
    assert [is_on(value, default) for value in (None, "")] == [default] * 2


@pytest.mark.parametrize(
    ("value", "read"),
    [(None, {}), ({"a": 1}, {"a": 1}), ('{"a": 1}', {"a": 1}), ("[1]", None), ("{", None), ("", None), ([1], None)],
)
def test_objects(value: object, read: object) -> None:
    """As such or as JSON text."""
    assert json_object(value) == read


def test_dates_are_of_china() -> None:
    """Eight hours before UTC; anything else is no date."""
    assert read_date("1970-01-02 08:00:00") == 86_400.0
    assert [read_date(value) for value in ("1970-01-02", "1970-13-01 00:00:00", 5, None)] == [None] * 4
