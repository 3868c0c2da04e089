"""JSON text: short, Chinese as it is, nothing that JSON has no word for."""

import json

import pytest

from pushgateway.vendor.toolkit.json_text import decode_json, encode_json, quote_json


def test_json_has_no_blanks_and_keeps_chinese() -> None:
    """Keys in their order, no blank after a comma, no escape for Chinese."""
    assert encode_json({"b": [1, "值"], "a": None}) == '{"b":[1,"值"],"a":null}'
    assert quote_json('说 "是"') == '"说 \\"是\\""'


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), float("inf"), b"x", {(): 1}])
def test_what_json_cannot_hold(value: object) -> None:
    """A set, bytes, a key that is no text, numbers that are none."""
    with pytest.raises((TypeError, ValueError)):
        encode_json(value)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "{", ""])
def test_what_is_no_json_text(text: str) -> None:
    """Python would read NaN and Infinity."""
    with pytest.raises((json.JSONDecodeError, ValueError), match=r"."):
        decode_json(text)
