"""Inputs out of the ordinary: texts and notifications as users and hosts write them, and replies that make no sense.

Data, and pure functions that make such data from a correct reply. Used by the scenarios.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from pushgateway.model.click import OpenActivity, OpenIntent, OpenIntentUri, OpenUrl
from pushgateway.model.notification import Notification

TEXTS = {
    "long": "长" * 5000,
    "joined emoji": "👨‍👩‍👧‍👦" * 900,
    "combining": "e\u0301" * 3000,
    "right to left": "مرحبا " * 900,
    "control": "a\x00b\r\nc\x1b[0m\u202e\u2028",
    "surrogate": "x\ud800y",
    "reserved": "&=+%;\"\\'",
    "markup": "<b>{title}</b> {{x}} %s ${y} \\u0026",
    "blank": " \t ",
    "empty": "",
}

ODD_NOTES = (
    *(Notification(text, text) for text in TEXTS.values()),
    Notification("title", "body", subtitle="长" * 500, channel_id='"\\' * 300),
    Notification("title", "body", data={"quotes": '"\\' * 200, "control": "\x01" * 200, "汉字": "👨‍👩‍👧‍👦" * 50}),
    Notification("title", "body", data={"deep": [[[[{"a": None}]]]], "large": 10**30, "small": 1e-300, "no": False}),
    Notification("title", "body", click=OpenUrl("https://host.example/" + "?a=&" * 400)),
    Notification("title", "body", click=OpenIntentUri("intent://x#Intent;end"), ttl=10**9),
    Notification("title", "body", click=OpenActivity("a.B" * 200), store_offline=False, ttl=0),
    Notification("title", "body", click=OpenIntent('"' * 400), time_zone="GMT+08:00"),
    Notification("title", "body", receipt_url="https://host.example/r", receipt_parameter="😀" * 200),
    Notification("title", "body", channel_id="a\x00b", click=OpenUrl("https://host.example/\x1b\ud800")),
    Notification("title", "body", receipt_url="https://host.example/r", receipt_parameter="a\x00\ud800b"),
    Notification("title", "body", receipt_parameter="without a URL"),
    *(Notification("title", sign * count) for sign in ('"', "长", "😀", "&") for count in (49, 199, 999)),
    *(Notification(sign * count, "body") for sign in ("\\", "长", "😀") for count in (9, 31, 199)),
)
"""Values of the right type that are hard to encode, or that some vendors forbid."""

_ODD_VALUES: tuple[Any, ...] = (None, True, -1, 10**400, 1.5, "", "0", "x" * 300, [], {}, [[]], {"": None})

ODD_BODIES = (
    b"",
    b"null",
    b"true",
    b"0",
    b"[]",
    b"{}",
    b'""',
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"code": NaN}',
    b'{"code": "0", "code": "1"}',
    b"<html></html>",
    b"[1, null, {}, []]",
)
"""Values of wrong types and shapes, for replies and arguments."""


NOBODY = "nobody"
"""A target that was not in the request."""


def odd_twins(content: bytes, kind: str = "", names: Sequence[str] = ()) -> Iterator[bytes]:
    """A JSON text, or (by its content type `kind` or its look) a form, with each of its values in turn left out, and
    replaced by each of some odd ones. JSON within a field of a form, or within a text of JSON, is varied too.

    `names`: each JSON object also gets each of these as a key more, and each list an entry more that resembles its
    first but is about somebody else.
    """
    if "form" in kind or (content[:1] not in (b"{", b"[") and b"=" in content):
        yield from _odd_forms(content)
        return
    try:
        whole = json.loads(content)
    except ValueError:
        return
    for path in _paths(whole, ()):
        if path:
            twin = json.loads(content)
            _holder(twin, path).pop(path[-1])
            yield _written(twin)
        for odd in _ODD_VALUES:
            if not path:
                yield _written(odd)
                continue
            twin = json.loads(content)
            _holder(twin, path)[path[-1]] = odd
            yield _written(twin)
        if names:
            yield from _with_more(content, path, names)
        if path and (text := _at(whole, path)) and isinstance(text, str) and text[:1] in ("{", "["):
            # JSON within a string, as Huawei's `msg`; the last is no JSON any more
            for inner in (*odd_twins(text.encode(), "json", names), text[:-1].encode()):
                twin = json.loads(content)
                _holder(twin, path)[path[-1]] = inner.decode()
                yield _written(twin)


def _with_more(content: bytes, path: tuple[Any, ...], names: Sequence[str]) -> Iterator[bytes]:
    for name in names:
        for added in ([NOBODY], NOBODY, {NOBODY: 1}, None):
            twin = json.loads(content)
            place = _holder(twin, (*path, None))
            if not isinstance(place, dict) or name in place:
                break
            place[name] = added
            yield _written(twin)
    twin = json.loads(content)
    place = _holder(twin, (*path, None))
    if isinstance(place, list) and place:
        first = place[0]
        other = (
            {key: NOBODY if isinstance(value, str) else value for key, value in first.items()}
            if isinstance(first, dict)
            else NOBODY
        )
        for more in (other, first, None, {}):
            for at in (0, len(place)):
                again = json.loads(content)
                _holder(again, (*path, None)).insert(at, more)
                yield _written(again)


def _odd_forms(content: bytes) -> Iterator[bytes]:
    fields = parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True)
    for place, (name, value) in enumerate(fields):
        rest = fields[:place], fields[place + 1 :]
        yield _form(*rest)
        yield _form(*rest, [(name, value), (name, "twice")])
        for odd in (*map(_text, _ODD_VALUES), *(twin.decode() for twin in _odd_json(value))):
            yield _form(rest[0], [(name, odd)], rest[1])


def _odd_json(value: str) -> Iterator[bytes]:
    if value[:1] in ("{", "["):
        yield from odd_twins(value.encode(), "json", (NOBODY,))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _form(*parts: Sequence[tuple[str, str]]) -> bytes:
    return urlencode([pair for part in parts for pair in part]).encode()


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from _paths(value[key], (*path, key))
    elif isinstance(value, list):
        for place in range(len(value)):
            yield from _paths(value[place], (*path, place))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    return _holder(value, path)[path[-1]]


def _holder(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


def _written(value: Any) -> bytes:
    # 10**400 as it may arrive: Python writes it, and reads it as an int of 400 digits.
    return json.dumps(value).encode()
