"""Receipts: both styles, all types, and what the sandbox posts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pushgateway_vivo.replies import RULES
from pushgateway_vivo.sandbox import RECEIPT_ID

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.vendor import Notification, Push, PushToken, Reason, Receipt, ReceiptKind, Refused

Drivers = Callable[..., ExchangeDriver]
URL = "https://im.example/r"


def read(one: ExchangeDriver, posted: Any) -> list[Receipt | None]:
    """The receipts of a posted body."""
    return list(one.vendor.receipts("7", {}, json.dumps(posted).encode(), 0.0))


def posted(one: ExchangeDriver) -> list[Receipt]:
    """What the sandbox posts, read."""
    found = [
        receipt
        for request in one.sandbox.callbacks()
        for receipt in one.vendor.receipts("1", dict(request.headers), request.content, 0.0)
    ]
    assert all(receipt is not None for receipt in found)
    return [receipt for receipt in found if receipt is not None]


def push(one: ExchangeDriver, *tokens: str, **fields: Any) -> None:
    """Push one notification to these tokens."""
    note = Notification(**{"title": "t", "body": "b", **fields})
    one.push([Push(PushToken(1, token), note, dedupe_id=f"d-{token}") for token in tokens])


@pytest.mark.parametrize("event", RULES.dialects["v2"].events)
def test_every_event_of_the_rules(driver: Drivers, event: str) -> None:
    """By its type alone or with its details, as texts or numbers."""
    kind, _, detail = event.partition("/")
    row = RULES.dialects["v2"].events[event]
    for make in (str, int):
        element = {"targets": "v2-a", "ackType": make(kind), **({"subAckType": make(detail)} if detail else {})}
        (receipt,) = read(driver(), {"9": element})

        assert receipt is not None
        assert (receipt.kind, receipt.event) == (ReceiptKind[row.kind], event)


def test_a_detail_that_no_document_has(driver: Drivers) -> None:
    """Is as its type; a type that no document has is passed on."""
    known, unknown = (
        read(driver(), {"9": {"targets": "a", "ackType": kind, "subAckType": "7"}})[0] for kind in ("104", "105")
    )

    assert known is not None
    assert unknown is not None
    assert (known.kind, known.event) == (ReceiptKind.DROPPED, "104/7")
    assert (unknown.kind, unknown.event) == (ReceiptKind.OTHER, "105/7")


def test_several_phones_and_tasks(driver: Drivers) -> None:
    """One receipt for each phone; an element that cannot be read costs itself."""
    found = read(
        driver(),
        {
            "9": {"targets": "a, b,,a", "param": "m", "ackTime": 1_764_000_123_456, "ackType": "0"},
            "10": {"targets": ["c"], "param": "n"},
            "11": 7,
            "12": {"targets": ""},
            "13": {"targets": "d", "ackType": "x"},
        },
    )

    assert [one and (one.push_token.token, one.message_id, one.parameter, one.kind) for one in found] == [
        ("a", "9", "m", ReceiptKind.ARRIVED),
        ("b", "9", "m", ReceiptKind.ARRIVED),
        ("c", "10", "n", ReceiptKind.ARRIVED),
        None,
        None,
        None,
    ]
    assert found[0] is not None
    assert found[0].at == 1_764_000_123.456


def test_two_receipts_of_one_task(driver: Drivers) -> None:
    """Both are read, and one that is said to have two kinds is not."""
    body = (
        b'{"9":{"targets":"a","ackType":"0"},"9":{"targets":"b","ackType":"103"},'
        b'"10":{"targets":"c","ackType":"0","ackType":"102","subAckType":"20002"}}'
    )
    found = driver().vendor.receipts("7", {}, body, 0.0)

    assert [one and (one.push_token.token, one.kind) for one in found] == [
        ("a", ReceiptKind.ARRIVED),
        ("b", ReceiptKind.DROPPED),
        None,
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'"x"', b"{"])
def test_what_holds_no_receipts_is_refused(driver: Drivers, body: bytes) -> None:
    """Anybody may have posted it."""
    with pytest.raises(Refused) as refused:
        driver().vendor.receipts("7", {}, body, 0.0)

    assert refused.value.reason is Reason.INVALID_NOTIFICATION


@pytest.mark.parametrize(("most", "is_read"), [(10_000, True), (10_001, False)])
def test_a_body_is_about_so_many_phones(driver: Drivers, most: int, is_read: bool) -> None:
    """At the limit and one beyond."""
    body = {"9": {"targets": ",".join(f"t{number}" for number in range(most)), "ackType": "0"}}
    if is_read:
        assert len(read(driver(), body)) == most
        return
    with pytest.raises(Refused):
        read(driver(), body)


def test_an_unsubscribed_phone_may_be_kept(driver: Drivers) -> None:
    """As the reply's status 2, by the same setting."""
    element = {"9": {"targets": "a", "ackType": "102", "subAckType": "20001"}}
    dead, kept = (read(driver({"unsubscribed": word}), element)[0] for word in ("dead", "keep"))

    assert dead is not None
    assert kept is not None
    assert (dead.kind, kept.kind) == (ReceiptKind.UNREGISTERED, ReceiptKind.DROPPED)


def test_the_new_style_is_posted_to_the_console(driver: Drivers) -> None:
    """For lists too, those with our parameter in one request; without the console's id nothing is."""
    one = driver(tokens=3)
    one.sandbox.receipts_at = URL
    first, second, third = one.sandbox.tokens
    one.sandbox.mute(second)
    one.sandbox.target_receipts[third] = ReceiptKind.DROPPED
    push(one, first, second, third, receipt_parameter="m-42")
    requests = one.sandbox.callbacks()
    found = {
        receipt.push_token.token: receipt
        for request in requests
        for receipt in one.vendor.receipts("1", {}, request.content, 0.0)
        if receipt is not None
    }

    assert {request.url for request in requests} == {URL}
    assert {token: receipt.kind for token, receipt in found.items()} == {
        first: ReceiptKind.ARRIVED,
        second: ReceiptKind.MUTED,
        third: ReceiptKind.DROPPED,
    }
    assert {receipt.parameter for receipt in found.values()} == {"m-42"}
    assert {receipt.message_id for receipt in found.values()} == {one.saved[-1].id}
    without = driver({"receipt_id": None}, tokens=1)
    without.sandbox.receipts_at = URL
    push(without, *without.sandbox.tokens)
    assert without.sandbox.callbacks() == []
    assert one.vendor.receipt_id == RECEIPT_ID  # type: ignore[attr-defined]


def test_the_old_style_is_posted_to_the_address_of_a_push(driver: Drivers) -> None:
    """Of single pushes that arrived, and of no test messages."""
    one, tests = driver(tokens=2, receipts="old"), driver({"test_messages": True}, tokens=1, receipts="old")
    first, second = one.sandbox.tokens
    one.sandbox.mute(second)
    for token in (first, second):
        push(one, token, receipt_url=URL, receipt_parameter="m-42")
    push(tests, *tests.sandbox.tokens, receipt_url=URL)
    (receipt,) = posted(one)

    assert (receipt.push_token.token, receipt.kind, receipt.parameter) == (first, ReceiptKind.ARRIVED, "m-42")
    assert posted(tests) == []


def test_what_is_not_shown_is_reported(driver: Drivers) -> None:
    """Identical operational texts, and more than a phone may get; system messages have neither limit."""
    one = driver(tokens=1, duplicates=True, phone_limit=1)
    one.sandbox.receipts_at = URL
    (token,) = one.sandbox.tokens
    for title, intent in (("a", None), ("a", None), ("b", None), ("a", "chat"), ("a", "chat")):
        push(one, token, title=title, intent=intent)

    assert [receipt.event for receipt in posted(one)] == ["0", "104/2124", "100/12000", "0", "0"]
    assert one.sandbox.ledger.count(token) == 3


@pytest.mark.parametrize(("taken", "status"), [(True, 200), (False, 503)])
def test_the_answer_to_receipts(driver: Drivers, taken: bool, status: int) -> None:
    """Nothing is documented: clients answer nothing."""
    one = driver()
    answer = one.vendor.receipt_answer(taken)

    assert answer.status == status
    assert one.sandbox.is_taken(answer) is taken
