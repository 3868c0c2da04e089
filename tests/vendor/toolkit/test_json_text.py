"""JSON text: short, with Chinese unescaped, and only values that JSON has."""

import json

import pytest

from pushgateway.vendor.toolkit.json_text import decode_json, encode_json, quote_json


def test_json_has_no_blanks_and_keeps_chinese() -> None:
    """Keys keep their order, there is no blank after a comma, and Chinese is not escaped."""
    assert encode_json({"b": [1, "值"], "a": None}) == '{"b":[1,"值"],"a":null}'
    assert quote_json('说 "是"') == '"说 \\"是\\""'


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), float("inf"), b"x", {(): 1}])
def test_values_that_json_cannot_hold_are_refused(value: object) -> None:
    """A set, bytes, a key that is no text, and NaN and infinities."""
    with pytest.raises((TypeError, ValueError)):
        encode_json(value)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "{", ""])
def test_invalid_json_text_is_refused(text: str) -> None:
    """Python would read NaN and Infinity."""
    with pytest.raises((json.JSONDecodeError, ValueError), match=r"."):
        decode_json(text)
