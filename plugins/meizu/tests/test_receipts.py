"""Receipts as Meizu posts them: forms with an access token, from anybody."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from pushgateway_meizu import Meizu

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.vendor import Notification, Push, PushToken, Reason, Receipt, ReceiptKind, Refused

Load = Callable[..., Meizu]
Drivers = Callable[..., ExchangeDriver]


def read(vendor: Meizu, cb: Any, **fields: str) -> list[Receipt | None]:
    """The receipts in a posted form."""
    body = urlencode({"cb": cb if isinstance(cb, str) else json.dumps(cb), **fields}).encode()
    return list(vendor.receipts("7", {}, body, 0.0))


def test_a_receipt_of_each_type(load: Load) -> None:
    """Delivered and clicked; there is no time, and no other type is known."""
    posted = {f"m-{kind}": {"param": "p", "type": kind, "targets": ["a", "b"]} for kind in (1, 2, 7)}
    found = [one for one in read(load(), posted) if one is not None]

    assert [(one.push_token.token, one.kind, one.event) for one in found] == [
        (token, kind, event)
        for kind, event in ((ReceiptKind.ARRIVED, "1"), (ReceiptKind.CLICKED, "2"), (ReceiptKind.OTHER, "7"))
        for token in ("a", "b")
    ]
    assert {(one.message_id, one.parameter, one.at) for one in found} == {("m", "p", None)}


@pytest.mark.parametrize(
    ("key", "element", "message_id", "event"),
    [
        ("a-b-1", {"type": 1, "targets": ["t"]}, "a-b", "1"),
        ("m-2", {"targets": ["t"]}, "m", "2"),
        ("m-2", {"type": None, "targets": ["t"]}, "m", "2"),
        ("m-2", {"type": "", "targets": ["t"]}, "m", "2"),
        ("m-2", {"type": "1", "targets": ["t"]}, "m", "1"),
        ("m", {"type": 1, "targets": ["t"]}, None, "1"),
        ("m-1", {"type": 1, "targets": "t"}, "m", "1"),
    ],
)
def test_the_key_is_split_at_its_last_hyphen(
    load: Load, key: str, element: Any, message_id: str | None, event: str
) -> None:
    """The type is in the element too, which counts; a single target may be a text."""
    (receipt,) = read(load(), {key: element})

    assert receipt is not None
    assert (receipt.message_id, receipt.event, receipt.push_token.token) == (message_id, event, "t")


@pytest.mark.parametrize("element", [5, None, [], "t", {}, {"targets": []}, {"type": None, "targets": [5, "汉", ""]}])
def test_an_element_that_cannot_be_read_costs_itself(load: Load, element: Any) -> None:
    """The others are read."""
    found = read(load(), {"m-1": element, "n-1": {"targets": ["t"]}})

    assert [one and one.push_token.token for one in found] == [None, "t"]


@pytest.mark.parametrize("cb", ["", "[]", "{}", "7", "{", "\ud83d"])
def test_what_is_no_receipt_is_refused(load: Load, cb: str) -> None:
    """Whatever is posted."""
    with pytest.raises(Refused) as refused:
        list(load().receipts("7", {}, urlencode({"cb": cb}, errors="replace").encode(), 0.0))
    assert refused.value.reason is Reason.INVALID_NOTIFICATION
    with pytest.raises(Refused) as refused:
        load().receipts("7", {}, b'{"m-1":{"targets":["t"]}}', 0.0)
    assert refused.value.reason is Reason.INVALID_NOTIFICATION


@pytest.mark.parametrize("token", ["", "another", "secre", "secrets", "汉"])
def test_another_access_token_is_refused(load: Load, token: str) -> None:
    """Where the certificate has one; a body without it, too."""
    vendor, posted = load(receipt_token="secret"), {"m-1": {"targets": ["t"]}}

    assert len(read(vendor, posted, access_token="secret")) == 1
    assert len(read(load(), posted, access_token=token)) == 1
    for fields in ({"access_token": token}, {}):
        with pytest.raises(Refused) as refused:
            read(vendor, posted, **fields)
        assert refused.value.reason is Reason.CREDENTIALS
        assert "secret" not in refused.value.detail


@pytest.mark.parametrize(("count", "is_taken"), [(20_000, True), (20_001, False)])
def test_the_most_receipts(load: Load, count: int, is_taken: bool) -> None:
    """As many phones as an app reaches in a second, 200 requests of 100: Meizu posts each second, and never again."""
    posted = {"m-1": {"type": 1, "targets": [f"t{number}" for number in range(count)]}}

    if is_taken:
        assert len(read(load(), posted)) == count
    else:
        with pytest.raises(Refused):
            read(load(), posted)


def test_meizu_posts_only_once(load: Load) -> None:
    """It drops them after the call whatever the answer is; 200 says that they were taken."""
    assert (load().receipt_answer(True).status, load().receipt_answer(False).status) == (200, 503)


@pytest.mark.parametrize(
    ("kind", "wanted", "types"),
    [
        (ReceiptKind.ARRIVED, None, [1]),
        (ReceiptKind.CLICKED, None, [2]),
        (ReceiptKind.ARRIVED, 1, [1]),
        (ReceiptKind.ARRIVED, 2, []),
        (ReceiptKind.CLICKED, 2, [2]),
    ],
)
def test_the_types_that_are_asked_for(driver: Drivers, kind: ReceiptKind, wanted: int | None, types: list[int]) -> None:
    """Both, unless an override says which."""
    one = driver(tokens=1)
    (token,) = one.sandbox.tokens
    one.sandbox.target_receipts[token] = kind
    overrides = {} if wanted is None else {"meizu": {"callback.type": wanted}}
    note = Notification("t", "b", receipt_url="https://im.example/r", overrides=overrides)
    one.push([Push(PushToken(1, token), note)])

    posted = [
        receipt for request in one.sandbox.callbacks() for receipt in one.vendor.receipts("1", {}, request.content, 0)
    ]
    assert [int(receipt.event) for receipt in posted if receipt is not None] == types


def test_receipts_of_a_request_are_posted_together(driver: Drivers) -> None:
    """One element for the phones of one message and type."""
    one = driver(tokens=3)
    note = Notification("t", "b", receipt_url="https://im.example/r")
    one.push([Push(PushToken(1, token), note) for token in one.sandbox.tokens])
    (posted,) = one.sandbox.callbacks()

    receipts = one.vendor.receipts("1", {}, posted.content, 0.0)
    assert [one and one.push_token.token for one in receipts] == list(one.sandbox.tokens)
    assert len({receipt and receipt.message_id for receipt in receipts}) == 1
