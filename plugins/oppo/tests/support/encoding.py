"""Encodes notifications by the plug-in, and decodes the result by the standard library."""

from __future__ import annotations

import functools
import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from exchanges import result
from pushgateway_oppo.intents import make_intents
from pushgateway_oppo.notification import RULES, SHEETS
from pushgateway_oppo.notification import encode_notification as encode_fields
from pushgateway_oppo.requests import make_columns

from pushgateway.vendor import AudienceKind, Batch, Notification, Outcome, Push, PushToken
from pushgateway.vendor.rules import Dialect
from pushgateway.vendor.toolkit.columns import Columns, Encoded
from pushgateway.vendor.toolkit.fields import Content, Sheet
from pushgateway.vendor.toolkit.form_json import FormEncoder
from pushgateway.vendor.toolkit.intents import IntentTable

V13, CURRENT = RULES.dialects["v1.3"], RULES.dialects["current"]
TOKEN = "CN_0123456789abcdef0123456789abcdef"
Tails = dict[Any, bytes | None]


def note(**fields: Any) -> Notification:
    return Notification(**{"title": "Hi", "body": "You have mail", **fields})


def sheet_of(dialect: Dialect) -> Sheet:
    return next(sheet for sheet in SHEETS.values() if sheet.dialect is dialect)


def usual(dialect: Dialect) -> IntentTable:
    """The intents of a certificate without a table."""
    return _usual(sheet_of(dialect).name)


@functools.cache
def _usual(name: str) -> IntentTable:
    return make_intents({}, name)


def columns_of(dialect: Dialect, intents: IntentTable | None = None, tails: Tails | None = None) -> Columns:
    """How a certificate's pushes are written, with this cache."""
    columns = make_columns(sheet_of(dialect), usual(dialect) if intents is None else intents)
    assert columns.ordinary is not None
    if tails is not None:
        columns.ordinary.tails = tails
    return columns


def encode_notification(
    notification: Notification,
    dialect: Dialect,
    audience: AudienceKind | None = None,
    planned: Mapping[str, Any] | None = None,
    intents: IntentTable | None = None,
) -> Content:
    """The full encoder."""
    chosen = usual(dialect) if intents is None else intents
    return encode_fields(notification, sheet_of(dialect), chosen, audience, planned)


def encode_ordinary(
    notification: Notification, dialect: Dialect, tails: Tails, intents: IntentTable | None = None
) -> tuple[bytes, bytes, bytes] | None:
    """The fast encoder."""
    ordinary = FormEncoder(sheet_of(dialect), usual(dialect) if intents is None else intents)
    ordinary.tails = tails
    return ordinary.encode(notification)


def encode_batch(
    pushes: Sequence[Push], dialect: Dialect, intents: IntentTable | None = None, tails: Tails | None = None
) -> Generator[None, Any, Encoded]:
    return columns_of(dialect, intents, tails).encode(Batch.of(pushes))


def encode_single(
    batch: Batch, dialect: Dialect, intents: IntentTable | None, tails: Tails
) -> tuple[bytes, tuple[str, ...]] | Outcome:
    """The body for a batch of one push, and the names of the fields that were cut; or its outcome."""
    encoded = columns_of(dialect, intents, tails).encode_single(batch)
    return encoded if isinstance(encoded, Outcome) else encoded[:2]


def encode_unicast(encoded: Encoded, dialect: Dialect) -> tuple[str, bytes]:
    """Path and body of the request for the pushes to be sent."""
    if len(encoded.places) > 1:
        return dialect.operations["unicast_batch"].path, encoded.body.getvalue()
    return dialect.operations["unicast"].path, encoded.body_of_one()


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
