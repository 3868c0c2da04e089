"""A long batch lets the event loop turn while it is built and while its reply is read."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import pytest
from exchanges import OPPO, first, push, reply, result
from pushgateway_oppo import replies

from pushgateway.vendor import Notification, Outcome, Push, Reason, Request, Status
from pushgateway.vendor.toolkit.items import ItemReader

LONG = {"subtitle": "说明" * 9, "data": {"conversation": {"names": ["名" * 20] * 9}}}


def batch(count: int, **fields: Any) -> list[Push]:
    return [push(f"t{place}", Notification(f"题{place}", "文" * 90, **fields)) for place in range(count)]


def long_batch(count: int) -> list[Push]:
    return [push(f"t{place}", Notification("题" * 99, f"{place}" + "文" * 999, **LONG)) for place in range(count)]


def between_breaths(pushes: Sequence[Push], counted: list[str]) -> list[int]:
    """How many notifications were encoded before each word of the exchange."""
    spans = []
    for word in OPPO.push(pushes):
        spans.append(counted.count("encode_ordinary"))
        counted.clear()
        if isinstance(word, Request):
            return spans
    raise AssertionError("nothing was asked")


@pytest.mark.parametrize(("count", "spans"), [(256, [256]), (257, [256, 1, 0]), (1000, [256, 256, 256, 232, 0])])
def test_ordinary_ones_are_encoded_in_breaths(count: int, spans: list[int], counted: list[str]) -> None:
    """256 of them take a millisecond or two; at the limit there is no breath. One more comes before the whole body."""
    assert between_breaths(batch(count), counted) == spans


@pytest.mark.parametrize(("count", "spans"), [(11, [11]), (12, [11, 1]), (1000, [11] * 90 + [10, 0])])
def test_long_ones_take_breath_more_often(count: int, spans: list[int], counted: list[str]) -> None:
    """What must be cut and checked field by field takes many times as long, so there are fewer of it in a breath."""
    assert between_breaths(long_batch(count), counted) == spans


@pytest.mark.parametrize(("count", "spans"), [(11, [11]), (12, [11, 1]), (100, [11] * 9 + [1])])
def test_long_ones_with_ids_take_breath_as_often(count: int, spans: list[int], counted: list[str]) -> None:
    """As a gateway hands them in: with an id each, they are written column by column."""
    pushes = [push(one.push_token.token, one.notification, f"d{one.push_token.token}") for one in long_batch(count)]

    assert between_breaths(pushes, counted) == spans


@pytest.mark.parametrize(("count", "spans"), [(256, [256]), (257, [256, 1, 0])])
def test_ordinary_ones_with_ids_take_breath_as_often(count: int, spans: list[int], counted: list[str]) -> None:
    """As a gateway hands them in."""
    pushes = [push(one.push_token.token, one.notification, f"d{one.push_token.token}") for one in batch(count)]

    assert between_breaths(pushes, counted) == spans


def test_one_for_all_needs_a_breath_for_its_size_alone(counted: list[str]) -> None:
    """It is encoded once, and a thousand splices take less than a millisecond."""
    note = Notification("Hi", "You have mail")

    assert between_breaths([push(f"t{place}", note) for place in range(1000)], counted) == [1, 0]
    assert between_breaths([push(f"t{place}", note) for place in range(256)], counted) == [1]


def test_pushes_that_are_refused_take_breath_too() -> None:
    """A batch of nothing but mistakes is work as well."""
    blank = [push(f"t{place}", Notification("", str(place))) for place in range(40)]
    tokens = [push(f"t;{place}") for place in range(600)]

    assert list(OPPO.push(blank)) == [None] * 3
    assert list(OPPO.push(tokens)) == [None] * 2


def test_what_is_built_in_breaths_is_what_is_built_at_once() -> None:
    """The message of each push is the one that it has alone, in order; nothing is lost at a breath."""
    pushes = [*long_batch(40), *batch(300)]

    messages = json.loads(form_of(first(OPPO.push(pushes))))

    assert messages == [json.loads(form_of(first(OPPO.push([one])))) for one in pushes]


def form_of(request: Request) -> str:
    ((_, text),) = parse_qsl(request.content.decode("ascii"), strict_parsing=True)
    return text


@pytest.mark.parametrize(("refused", "breaths"), [(0, 1), (256, 1), (257, 2), (1000, 4)])
def test_refusals_are_read_in_breaths(refused: int, breaths: int) -> None:
    """A thousand refusals with their sentences are some milliseconds; the accepted cost next to nothing."""
    pushes = batch(1000)
    items = [
        {"registrationId": one.push_token.token, "messageId": "m"}
        | ({"errorCode": 10000, "errorMessage": "无效" * 200} if place < refused else {})
        for place, one in enumerate(pushes)
    ]
    exchange = OPPO.push(pushes)
    first(exchange)

    words, outcomes = words_and_outcomes(exchange, items)

    assert words == [None] * breaths
    assert [outcome.status for outcome in outcomes] == [Status.REJECTED] * refused + [Status.ACCEPTED] * (
        1000 - refused
    )
    assert {outcome.reason for outcome in outcomes if not outcome.ok} <= {Reason.UNREGISTERED}
    assert [outcome.push_token for outcome in outcomes] == [one.push_token for one in pushes]


def words_and_outcomes(exchange: Any, items: object) -> tuple[list[object], list[Outcome]]:
    words: list[object] = []
    try:
        words.append(exchange.send(reply(items)))
        while True:
            words.append(next(exchange))
    except StopIteration as done:
        return words, done.value


def test_an_exchange_ends_at_any_breath() -> None:
    """Closed there it asks nothing, and the next one begins as if nothing had been."""
    pushes = long_batch(100)
    whole = first(OPPO.push(pushes))
    for breaths in range(1, 6):
        exchange = OPPO.push(pushes)
        assert [next(exchange) for _ in range(breaths)] == [None] * breaths
        exchange.close()
        assert list(exchange) == []

    assert first(OPPO.push(pushes)) == whole


def test_the_order_of_items_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply in the order of the batch is read faster and not otherwise."""
    pushes = batch(4)
    items = [{"registrationId": one.push_token.token, "messageId": f"m{i}"} for i, one in enumerate(pushes)]
    items[2] = {"registrationId": "t2", "errorCode": 10000, "errorMessage": "x"}  # type: ignore[dict-item]
    cuts = [()] * 4

    in_order = result(replies.decode_batch(reply(items), pushes, cuts))
    shuffled = result(replies.decode_batch(reply(items[::-1]), pushes, cuts))

    assert in_order == shuffled


@pytest.mark.parametrize(
    "odd",
    [
        {"messageId": "m"},
        {"messageId": "m", "errorCode": 10000},
        {"messageId": "m", "errorCode": None},
        {"messageId": "m", "errorCode": "0"},
        {"messageId": 7},
        {"messageId": ""},
        {"messageId": None},
        {"messageId": "m" * 200},
        {"messageId": "m" * 201},
        {"messageId": "a\nb"},
        {"message_id": "m"},
        {},
        {"registrationId": "t0"},
        {"registrationId": 5},
        {"registrationId": None},
        None,
        "t1",
        [],
    ],
)
def test_a_usual_reply_is_read_at_once_and_not_otherwise(odd: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever one item of three says, the way by which the reply is read changes nothing."""
    pushes = batch(3)
    items: list[object] = [{"registrationId": one.push_token.token, "messageId": "m"} for one in pushes]
    items[1] = {"registrationId": "t1", **odd} if isinstance(odd, dict) else odd
    cuts = [(), ("title",), ()]

    at_once = result(replies.decode_batch(reply(items), pushes, cuts))
    monkeypatch.setattr(ItemReader, "_usual_ids", lambda *_: None)

    assert at_once == result(replies.decode_batch(reply(items), pushes, cuts))
    assert at_once[0].ok
