"""Encodes notifications by the plug-in and decodes the result by the standard library."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from exchanges import result
from pushgateway_oppo.replies import RULES
from pushgateway_oppo.requests import Encoded, encode_batch, encode_unicast

from pushgateway.vendor import Notification, Push, PushToken
from pushgateway.vendor.rules import Dialect

V13, CURRENT = RULES.dialects["v1.3"], RULES.dialects["current"]
TOKEN = "CN_0123456789abcdef0123456789abcdef"


def note(**fields: Any) -> Notification:
    return Notification(**{"title": "Hi", "body": "You have mail", **fields})


def message(content: bytes, field: str = "message") -> Any:
    form = dict(parse_qsl(content.decode("ascii"), strict_parsing=True))
    assert form.keys() == {field}
    return json.loads(form[field])


def encoded_batch(batch: Sequence[Push], dialect: Dialect) -> Encoded:
    """The whole batch, its checkpoints ignored."""
    encoded = result(encode_batch(batch, dialect))
    assert isinstance(encoded, Encoded)
    return encoded


def unicast(notification: Notification, dialect: Dialect = V13, token: str = TOKEN, dedupe_id: str = "") -> Any:
    encoded = encoded_batch([Push(PushToken(1, token), notification, dedupe_id=dedupe_id)], dialect)
    assert not encoded.settled
    return message(encode_unicast(encoded, dialect)[1])
