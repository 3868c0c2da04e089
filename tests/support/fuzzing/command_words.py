"""Fuzzing of the command line's arguments: JSON, times, lists of tokens, and the notification made of them.

A wrong argument raises `BadParameter`, `UsageError` or the model's `FieldError`, and the message does not quote the
argument.
"""

from __future__ import annotations

import io
import random
from datetime import datetime

import click

from fuzzing.odd import CANARY, broken, check_words, make_object, odd, some
from fuzzing.texts import make_text
from pushgateway.cli.broadcast import read_audience, read_tokens
from pushgateway.cli.options import json_object, moment, read_notification
from pushgateway.model.audience import Audience
from pushgateway.model.errors import FieldError
from pushgateway.model.notification import Notification

_MOMENTS = (
    "2026-11-22T20:00+08:00",
    "2026-11-22",
    "2026-11-22T20:00",
    "20261122T200000Z",
    "2026-W47-7T20+08",
    "",
    "\ud800",
)


def words(chance: random.Random) -> None:
    """`json_object` and `moment`."""
    given = make_object(chance, {"chat": odd, "a": odd}) if chance.random() < 0.8 else odd(chance)
    when = broken(chance, some(chance, _MOMENTS).encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
    given = broken(chance, given.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")

    try:
        read = json_object(given)
    except click.BadParameter as wrong:
        check_words(wrong)
    else:
        assert isinstance(read, dict)
    try:
        at = moment(when)
    except click.BadParameter:
        return
    assert isinstance(at, datetime)
    assert at.utcoffset() is not None


def content(chance: random.Random) -> None:
    """`read_notification`."""
    given = {name: make_text(chance) if chance.random() < 0.5 else None for name in _OPTIONS}
    given |= {"title": make_text(chance), "body": make_text(chance), "ttl": chance.choice((None, 0, 10**9, 10**400))}
    for name in ("data", "parameters", "overrides"):
        given[name] = chance.choice((None, {}, {"a": make_text(chance)}, {"": [{"x": None}]}, {"oppo": {}}))

    try:
        read = read_notification(given)
    except (click.UsageError, FieldError) as wrong:
        check_words(wrong)
    else:
        assert isinstance(read, Notification)
        assert CANARY not in repr(read)


_OPTIONS = ("subtitle", "url", "activity", "intent", "channel_id", "dedupe_id", "kind")


def audiences(chance: random.Random) -> None:
    """`read_tokens` and `read_audience`, with a file of tokens."""
    lines = broken(chance, "\n".join(make_text(chance, 4) for _ in range(6)).encode("utf-8", "surrogatepass"))
    file = io.TextIOWrapper(io.BytesIO(lines), encoding="utf-8") if chance.random() < 0.7 else None
    tokens = tuple(make_text(chance, 3) for _ in range(chance.randrange(2)))
    named = {
        "alias": (make_text(chance, 3),) * chance.randrange(2),
        "account": (make_text(chance, 3),) * chance.randrange(2),
        "tag": (make_text(chance, 3),) * chance.randrange(2),
    }

    try:
        read = read_audience(chance.random() < 0.1, chance.random() < 0.5, read_tokens(tokens, file), named)
    except (click.UsageError, FieldError) as wrong:
        check_words(wrong)
    else:
        assert isinstance(read, Audience)


TARGETS = {"words": words, "content": content, "audiences": audiences}
