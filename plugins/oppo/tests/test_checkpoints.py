"""A long batch yields to the event loop while it is built and while its reply is read.

A checkpoint is a `yield None` of the exchange.
"""

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


def encoded_between_checkpoints(pushes: Sequence[Push], counted: list[str]) -> list[int]:
    """How many notifications were encoded before each checkpoint, and before the request."""
    spans = []
    for yielded in OPPO.push(pushes):
        spans.append(counted.count("encode_ordinary"))
        counted.clear()
        if isinstance(yielded, Request):
            return spans
    raise AssertionError("nothing was asked")


@pytest.mark.parametrize(("count", "spans"), [(256, [256]), (257, [256, 1, 0]), (1000, [256, 256, 256, 232, 0])])
def test_ordinary_notifications_have_a_checkpoint_after_256(count: int, spans: list[int], counted: list[str]) -> None:
    """256 take a millisecond or two; at 256 there is no checkpoint.

    With more, one also comes before the body is copied.
    """
    assert encoded_between_checkpoints(batch(count), counted) == spans


@pytest.mark.parametrize(("count", "spans"), [(11, [11]), (12, [11, 1]), (1000, [11] * 90 + [10, 0])])
def test_notifications_of_the_full_encoder_have_a_checkpoint_after_11(
    count: int, spans: list[int], counted: list[str]
) -> None:
    """Those that must be cut and checked field by field take many times as long."""
    assert encoded_between_checkpoints(long_batch(count), counted) == spans


@pytest.mark.parametrize(("count", "spans"), [(11, [11]), (12, [11, 1]), (100, [11] * 9 + [1])])
def test_notifications_of_the_full_encoder_with_ids_have_as_many_checkpoints(
    count: int, spans: list[int], counted: list[str]
) -> None:
    """With an id each, as a gateway sends them, pushes are written by another code path."""
    pushes = [push(one.push_token.token, one.notification, f"d{one.push_token.token}") for one in long_batch(count)]

    assert encoded_between_checkpoints(pushes, counted) == spans


@pytest.mark.parametrize(("count", "spans"), [(256, [256]), (257, [256, 1, 0])])
def test_ordinary_notifications_with_ids_have_as_many_checkpoints(
    count: int, spans: list[int], counted: list[str]
) -> None:
    """With an id each, as a gateway sends them, pushes are written by another code path."""
    pushes = [push(one.push_token.token, one.notification, f"d{one.push_token.token}") for one in batch(count)]

    assert encoded_between_checkpoints(pushes, counted) == spans


def test_one_notification_for_all_has_a_checkpoint_for_its_size_only(counted: list[str]) -> None:
    """It is encoded once, and to splice it a thousand times takes less than a millisecond."""
    note = Notification("Hi", "You have mail")

    assert encoded_between_checkpoints([push(f"t{place}", note) for place in range(1000)], counted) == [1, 0]
    assert encoded_between_checkpoints([push(f"t{place}", note) for place in range(256)], counted) == [1]


def test_refused_pushes_have_checkpoints_too() -> None:
    """A batch of refused pushes only takes time as well."""
    blank = [push(f"t{place}", Notification("", str(place))) for place in range(40)]
    tokens = [push(f"t;{place}") for place in range(600)]

    assert list(OPPO.push(blank)) == [None] * 3
    assert list(OPPO.push(tokens)) == [None] * 2


def test_checkpoints_do_not_change_the_request() -> None:
    """Each push has the message that it has alone, in order; no push is lost at a checkpoint."""
    pushes = [*long_batch(40), *batch(300)]

    messages = json.loads(form_of(first(OPPO.push(pushes))))

    assert messages == [json.loads(form_of(first(OPPO.push([one])))) for one in pushes]


def form_of(request: Request) -> str:
    ((_, text),) = parse_qsl(request.content.decode("ascii"), strict_parsing=True)
    return text


@pytest.mark.parametrize(("refused", "checkpoints"), [(0, 1), (256, 1), (257, 2), (1000, 4)])
def test_reading_refusals_has_checkpoints(refused: int, checkpoints: int) -> None:
    """A thousand refusals with their texts take some milliseconds; accepted items cost next to nothing."""
    pushes = batch(1000)
    items = [
        {"registrationId": one.push_token.token, "messageId": "m"}
        | ({"errorCode": 10000, "errorMessage": "无效" * 200} if place < refused else {})
        for place, one in enumerate(pushes)
    ]
    exchange = OPPO.push(pushes)
    first(exchange)

    yields, outcomes = yields_and_outcomes(exchange, items)

    assert yields == [None] * checkpoints
    assert [outcome.status for outcome in outcomes] == [Status.REJECTED] * refused + [Status.ACCEPTED] * (
        1000 - refused
    )
    assert {outcome.reason for outcome in outcomes if not outcome.ok} <= {Reason.UNREGISTERED}
    assert [outcome.push_token for outcome in outcomes] == [one.push_token for one in pushes]


def yields_and_outcomes(exchange: Any, items: object) -> tuple[list[object], list[Outcome]]:
    yields: list[object] = []
    try:
        yields.append(exchange.send(reply(items)))
        while True:
            yields.append(next(exchange))
    except StopIteration as done:
        return yields, done.value


def test_an_exchange_can_be_closed_at_any_checkpoint() -> None:
    """A closed exchange makes no request, and the next one is not affected."""
    pushes = long_batch(100)
    whole = first(OPPO.push(pushes))
    for checkpoints in range(1, 6):
        exchange = OPPO.push(pushes)
        assert [next(exchange) for _ in range(checkpoints)] == [None] * checkpoints
        exchange.close()
        assert list(exchange) == []

    assert first(OPPO.push(pushes)) == whole


def test_the_order_of_items_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply in the order of the batch is read by a faster code path, with the same result."""
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
def test_the_fast_reading_of_a_usual_reply_changes_nothing(odd: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever one item of three holds, the fast and the full reading give the same outcomes."""
    pushes = batch(3)
    items: list[object] = [{"registrationId": one.push_token.token, "messageId": "m"} for one in pushes]
    items[1] = {"registrationId": "t1", **odd} if isinstance(odd, dict) else odd
    cuts = [(), ("title",), ()]

    at_once = result(replies.decode_batch(reply(items), pushes, cuts))
    monkeypatch.setattr(ItemReader, "_usual_ids", lambda *_: None)

    assert at_once == result(replies.decode_batch(reply(items), pushes, cuts))
    assert at_once[0].ok
