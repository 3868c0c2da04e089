"""Receipts: what they mean, what the sandbox posts, and what Honor gets as an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pushgateway_honor.replies import RULES
from pushgateway_honor.sandbox import APP_ID

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import Notification, Push, PushToken, Reason, ReceiptKind, Refused, Response
from pushgateway.vendor.toolkit.receipts import MOST

Drivers = Callable[..., ExchangeDriver]
KINDS = {
    40000001: ReceiptKind.ARRIVED,
    40000002: ReceiptKind.ARRIVED,
    40000003: ReceiptKind.UNREGISTERED,
    40000004: ReceiptKind.UNREGISTERED,
    40000005: ReceiptKind.MUTED,
    40000006: ReceiptKind.MUTED,
    40000007: ReceiptKind.CLICKED,
    40000009: ReceiptKind.LIMITED,
    40000011: ReceiptKind.OTHER,
    40000013: ReceiptKind.OTHER,
    40000014: ReceiptKind.DROPPED,
    40000015: ReceiptKind.DROPPED,
    50000003: ReceiptKind.OTHER,
}


def read(one: ExchangeDriver, *statuses: Any) -> list[Any]:
    """What the plug-in makes of posted statuses."""
    return list(one.vendor.receipts("1", {}, json.dumps({"statuses": statuses}).encode(), EPOCH))


def reported(one: ExchangeDriver) -> list[tuple[str, ReceiptKind, str]]:
    """Token, kind and event of the receipts that are due."""
    posted = [each for request in one.sandbox.callbacks() for each in json.loads(request.content)["statuses"]]
    return [(receipt.push_token.token, receipt.kind, receipt.event) for receipt in read(one, *posted)]


def push(one: ExchangeDriver, *tokens: str, **fields: Any) -> Any:
    """Push one notification, with receipts."""
    one.sandbox.receipts_at = "https://im.example/r"
    note = Notification(**{"title": "t", "body": "b", **fields})
    return one.push([Push(PushToken(1, token), note) for token in tokens])


def test_every_status_has_its_kind(driver: Drivers) -> None:
    """As numbers or as texts; one without a row is passed on under its number."""
    one = driver()
    statuses = [*KINDS, 40009999]
    found = read(one, *({"token": "A", "status": kind(each)} for each in statuses for kind in (int, str)))

    assert {str(status) for status in KINDS} == RULES.dialects["v1"].events.keys()
    assert [receipt.kind for receipt in found[::2]] == [*KINDS.values(), ReceiptKind.OTHER]
    assert [receipt.event for receipt in found[1::2]] == list(map(str, statuses))


def test_an_element_that_cannot_be_read_costs_itself(driver: Drivers) -> None:
    """No token, no status, no object, an odd token; and one about another app."""
    good = {"appid": APP_ID, "token": "A", "status": 40000002}
    odd: list[Any] = [{**good, "appid": "7"}, {"status": 40000002}, {"token": "A"}, 5, {**good, "token": "a b"}]
    found = read(driver(), good, *odd, {**good, "appid": int(APP_ID)}, {"token": "B", "status": 40000002})

    assert [receipt is not None for receipt in found] == [True, *[False] * len(odd), True, True]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"statuses":[]}', b'{"statuses":{}}'])
def test_what_holds_no_receipts_is_refused(driver: Drivers, body: bytes) -> None:
    """And so is a list that is too long."""
    for one in (body, json.dumps({"statuses": [{}] * (MOST + 1)}).encode()):
        with pytest.raises(Refused) as refused:
            driver().vendor.receipts("1", {}, one, EPOCH)
        assert refused.value.reason is Reason.INVALID_NOTIFICATION


def test_the_answer_is_a_success(driver: Drivers) -> None:
    """In JSON; a host that could not keep the receipts does not say so. One client answers with the bare text 0."""
    one = driver()
    answer = one.vendor.receipt_answer(True)

    assert json.loads(answer.content) == {"code": "0", "message": "success"}
    assert one.sandbox.is_taken(answer)
    assert one.sandbox.is_taken(Response(200, {}, b"0"))
    for other in (
        one.vendor.receipt_answer(False),
        Response(200),
        Response(200, {}, b'{"code":"1"}'),
        Response(500, {}, b"0"),
    ):
        assert not one.sandbox.is_taken(other)


def test_muted_and_dead_phones_are_reported(driver: Drivers) -> None:
    """A muted phone is accepted and shows nothing; a dead one too with `late_invalid`."""
    one = driver(tokens=3, late_invalid=True)
    first, second, third = one.sandbox.tokens
    one.sandbox.uninstall(first)
    one.sandbox.mute(second)
    outcomes = push(one, first, second, third)

    assert [outcome.ok for outcome in outcomes] == [True] * 3
    assert reported(one) == [
        (first, ReceiptKind.UNREGISTERED, "40000004"),
        (second, ReceiptKind.MUTED, "40000005"),
        (third, ReceiptKind.ARRIVED, "40000002"),
    ]
    assert one.sandbox.ledger.total == 1


def test_a_tap_is_of_a_phone_that_shows_it(driver: Drivers) -> None:
    """It was delivered."""
    one = driver(tokens=1)
    (token,) = one.sandbox.tokens
    one.sandbox.target_receipts[token] = ReceiptKind.CLICKED
    push(one, token)

    assert reported(one) == [(token, ReceiptKind.CLICKED, "40000007")]
    assert one.sandbox.ledger.count(token) == 1


def test_a_phone_with_its_screen_off_reports_twice(driver: Drivers) -> None:
    """The first receipt is not the end."""
    one = driver(tokens=1, screen_off=True)
    push(one, *one.sandbox.tokens)

    assert [event for _, _, event in reported(one)] == ["40000013", "40000002"]


def test_marketing_is_limited_by_receipt(driver: Drivers) -> None:
    """Two a day for a phone: the third is accepted, not shown, and reported. Chats are not counted, unless the app
    lacks the right to classify; test messages never are."""
    one = driver(tokens=1, marketing_of_a_phone=2)
    (token,) = one.sandbox.tokens
    for _ in range(3):
        assert push(one, token, intent="marketing")[0].ok
    push(one, token, intent="chat")
    one.sandbox.set_option("approved", False)
    push(one, token, intent="chat")
    push(one, token, intent="marketing", overrides={"honor": {"android.targetUserType": 1}})

    events = [event for _, _, event in reported(one)]
    assert events == ["40000002", "40000002", "40000009", "40000002", "40000009", "40000002"]
    assert one.sandbox.ledger.count(token) == 4


def test_test_messages_have_a_quota(driver: Drivers) -> None:
    """At the quota and one more: accepted, not shown, and reported."""
    one = driver({"test_messages": True}, tokens=3, test_messages=2)
    outcomes = push(one, *one.sandbox.tokens)

    assert [outcome.ok for outcome in outcomes] == [True] * 3
    assert sorted(event for _, _, event in reported(one)) == ["40000002", "40000002", "40000009"]
    assert one.sandbox.ledger.total == 2
