"""Encodes and decodes JSON as vendors require it: without blanks, Chinese unescaped, no `NaN`.

Pure functions of values. `Json` marks a text that is already JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import attrs

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _make_encode() -> Callable[[Any], str]:
    """The C function that `_ENCODER.encode` uses, or `_ENCODER.encode`, which makes that C function anew for every
    value and takes twice as long for a small one."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return _ENCODER.encode
    chunks = make(None, _ENCODER.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)

    def encode(value: Any) -> str:
        return "".join(chunks(value, 0))

    return encode


quote_json: Final[Callable[[str], str]] = json.encoder.encode_basestring
"""A text as JSON, with its quotation marks; Chinese stays Chinese."""
encode_json: Final[Callable[[Any], str]] = _make_encode()
"""A value as JSON without blanks. Raises `TypeError`, `ValueError` or `RecursionError` for what JSON cannot hold."""


def _no_constant(name: str) -> Any:
    # Python reads and writes NaN and Infinity; JSON has no such words.
    raise ValueError(name)


decode_json: Final[Callable[[str], Any]] = json.JSONDecoder(parse_constant=_no_constant).decode
"""The value of a JSON text. Raises `ValueError` or `RecursionError`; `NaN` and `Infinity` are refused."""


@attrs.frozen(repr=False)
class Json:
    """JSON text of a field: the request holds the JSON value itself and not a string with this text."""

    text: str


WireValue: TypeAlias = str | int | bool | Json
"""The checked value of one field of a request."""
