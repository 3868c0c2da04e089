"""The fast encoder for ordinary notifications writes what the full encoder writes, and leaves all others to it."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from encoding import encode_notification, encode_ordinary
from hypothesis import given
from hypothesis import strategies as st
from pushgateway_oppo.notification import RULES

from pushgateway.vendor import (
    Network,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Refused,
)
from pushgateway.vendor.rules import Dialect

DIALECTS = list(RULES.dialects.values())
V13 = RULES.dialects["v1.3"]
NOON = datetime(2026, 1, 1, tzinfo=UTC)

TEXT = st.text(st.characters(exclude_categories=()), max_size=60)
WORD = st.text("ab.:/_ 值", max_size=12)
CLICK = st.one_of(st.just(OpenApp()), *[WORD.map(kind) for kind in (OpenActivity, OpenIntent, OpenIntentUri, OpenUrl)])
NUMBER = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
DATA = st.dictionaries(st.text(max_size=60), st.one_of(TEXT, NUMBER, st.none(), st.lists(TEXT, max_size=2)))
TTL = st.one_of(st.none(), st.integers(0, 2_000_000))


def note(**fields: Any) -> Notification:
    return Notification(**{"title": "Hi", "body": "You have mail", **fields})


def encoded(notification: Notification, dialect: Dialect) -> bytes | None:
    pieces = encode_ordinary(notification, dialect, {})
    return None if pieces is None else b"".join(pieces)


def read(quoted: bytes) -> Any:
    return json.loads(b"{" + unquote_to_bytes(quoted.replace(b"+", b" ")) + b"}")


@given(
    st.builds(Notification, TEXT, TEXT, click=CLICK, data=DATA, ttl=TTL, channel_id=st.one_of(st.none(), WORD)),
    st.sampled_from(DIALECTS),
)
def test_fast_and_full_encoder_write_the_same_fields(notification: Notification, dialect: Any) -> None:
    """What the fast encoder accepts, the full encoder writes uncut with the same fields, and does not refuse."""
    quoted = encoded(notification, dialect)

    if quoted is not None:
        content = encode_notification(notification, dialect)
        assert read(quoted) == json.loads(json.dumps(dict(content.fields)).encode())
        assert (content.beside, content.truncated) == ({}, ())


@given(TEXT, TEXT)
def test_the_fast_encoder_accepts_nothing_that_the_full_one_refuses(title: str, body: str) -> None:
    """A blank title or text is left to the full encoder."""
    notification = note(title=title, body=body)
    try:
        encode_notification(notification, DIALECTS[0])
        fine = True
    except Refused:
        fine = False

    assert fine or encoded(notification, V13) is None


@pytest.mark.parametrize(
    ("fields", "over"),
    [
        ({"title": "题" * 32}, {"title": "题" * 33}),
        ({"title": "😀" * 16}, {"title": "😀" * 17}),
        ({"body": "b" * 200}, {"body": "b" * 201}),
        ({"body": "one\ntwo\tthree"}, {"body": "one\rtwo"}),
        ({"title": " x"}, {"title": " "}),
        ({"title": "x"}, {"title": ""}),
        ({"body": "x"}, {"body": " "}),
        ({"body": "文"}, {"body": "\ud800"}),
        ({"data": {"k": "v" * 4088}}, {"data": {"k": "v" * 4089}}),
        ({"data": {"k": 1.5}}, {"data": {"k": ["v" * 4096]}}),
        ({"ttl": 259_200}, {"ttl": 259_201}),
        ({"ttl": 1}, {"ttl": 0}),
        ({"click": OpenActivity("a" * 256)}, {"click": OpenActivity("a" * 501)}),
        ({"click": OpenIntent("a.b.C")}, {"click": OpenIntent("a b")}),
        ({}, {"channel_id": "chat"}),
        ({}, {"subtitle": "s"}),
        ({}, {"store_offline": False}),
        ({}, {"network": Network.WIFI}),
        ({}, {"time_zone": "GMT+08:00"}),
        ({}, {"show_from": NOON}),
        ({}, {"show_until": NOON}),
        ({}, {"receipt_url": "https://example.org"}),
        ({}, {"receipt_parameter": "p"}),
        ({"overrides": {"xiaomi": {"x": 1}}}, {"overrides": {"oppo": {}}}),
    ],
)
def test_what_the_fast_encoder_leaves_to_the_full_one(fields: dict[str, Any], over: dict[str, Any]) -> None:
    """At the limit a value is accepted; beyond it, and for fields that are not ordinary, the result is None."""
    assert encoded(note(**fields), V13) is not None
    assert encoded(note(**over), V13) is None


def test_a_channel_is_ordinary_in_a_dialect_with_channels() -> None:
    """Current phones show nothing without a channel."""
    quoted = encoded(note(channel_id="chat"), RULES.dialects["current"])

    assert quoted is not None
    assert read(quoted) == {"title": "Hi", "content": "You have mail", "channel_id": "chat"}
