"""Receipts in the shapes of several vendors."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from pushgateway.sandbox.kit.outbox import Outbox, Writer, by_key, form_field, json_rows, signed
from pushgateway.vendor import Request

URL, OTHER = "http://127.0.0.1/a", "http://127.0.0.1/b"


def posted(write: Writer, *receipts: dict[str, Any], together: int = 100) -> list[Request]:
    """The requests that post these receipts to `URL`."""
    outbox = Outbox(write, together)
    for receipt in receipts:
        outbox.add(URL, receipt)
    return outbox.take()


@pytest.mark.parametrize("url", ["", None])
def test_without_a_url_nobody_asked_for_receipts(url: str | None) -> None:
    """They are dropped; the others are returned once."""
    outbox = Outbox(json_rows())
    outbox.add(url, {"a": 1})
    outbox.add(URL, {"b": "汉"})

    (request,) = outbox.take()

    assert (request.method, request.url, dict(request.headers)) == ("POST", URL, {"content-type": "application/json"})
    assert request.content == '[{"b": "汉"}]'.encode()
    assert outbox.take() == []


def test_receipts_of_one_url_go_together() -> None:
    """At most `together`, in their order; each URL has its own requests."""
    outbox = Outbox(json_rows("statuses"), 2)
    for number in range(5):
        outbox.add(OTHER if number == 1 else URL, {"n": number})

    bodies = [(request.url, json.loads(request.content)) for request in outbox.take()]

    assert bodies == [
        (URL, {"statuses": [{"n": 0}, {"n": 2}]}),
        (URL, {"statuses": [{"n": 3}, {"n": 4}]}),
        (OTHER, {"statuses": [{"n": 1}]}),
    ]


def test_an_outbox_that_is_full_drops_the_oldest() -> None:
    """Nobody may take them for hours."""
    outbox = Outbox(json_rows(), most=2)
    for number in range(3):
        outbox.add(URL, {"n": number})

    assert len(outbox) == 2
    assert [json.loads(request.content) for request in outbox.take()] == [[{"n": 1}, {"n": 2}]]


def test_receipts_by_key() -> None:
    """Alike ones become one with their texts joined; of different ones with one key each has its own request."""
    rows = [
        {"id": "m1", "type": 1, "targets": "a"},
        {"id": "m1", "type": 1, "targets": "b"},
        {"id": "m2", "type": 1, "targets": "a"},
        {"id": "m1", "type": 16, "targets": "c"},
    ]

    bodies = [json.loads(request.content) for request in posted(by_key("id", "targets"), *rows)]
    plain = [json.loads(request.content) for request in posted(by_key("id"), *rows[:2])]

    assert bodies == [
        {"m1": {"type": 1, "targets": "a,b"}, "m2": {"type": 1, "targets": "a"}},
        {"m1": {"type": 16, "targets": "c"}},
    ]
    assert plain == [{"m1": {"type": 1, "targets": "a"}}, {"m1": {"type": 1, "targets": "b"}}]


def test_lists_of_alike_receipts_become_one() -> None:
    """And the lists that were handed in stay as they are."""
    rows = [{"id": "m1", "targets": ["a"]}, {"id": "m1", "targets": ["b", "c"]}]
    (request,) = posted(by_key("id", "targets"), *rows)

    assert json.loads(request.content) == {"m1": {"targets": ["a", "b", "c"]}}
    assert rows[0]["targets"] == ["a"]


def test_a_form_with_json_in_a_field() -> None:
    """The value is decoded once."""
    (request,) = posted(form_field("data", by_key("id")), {"id": "m", "param": "a&b=汉"})

    assert request.headers == {"content-type": "application/x-www-form-urlencoded"}
    (value,) = parse_qs(request.content.decode())["data"]
    assert json.loads(value) == {"m": {"param": "a&b=汉"}}
    (request,) = posted(form_field("cb", by_key("id"), access_token="t &"), {"id": "m"})
    assert parse_qs(request.content.decode()) == {"cb": ['{"m": {}}'], "access_token": ["t &"]}


def test_a_signature_is_a_header_over_the_body() -> None:
    """It is made of what is posted."""
    (request,) = posted(signed(json_rows(), "x-signature", lambda body: str(len(body))), {"a": 1})

    assert request.headers == {"content-type": "application/json", "x-signature": str(len(request.content))}


def test_receipts_are_in_no_repr() -> None:
    """A log may show an outbox."""
    outbox = Outbox(json_rows())
    outbox.add(URL, {"token": "secret-token"})

    assert "secret" not in repr(outbox)
