"""Receipts: who signed them, what they mean, and what Huawei wants to have as an answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from pushgateway_huawei.sandbox.server import CALLBACK_SECRET, CALLBACK_USER

from pushgateway.sandbox.kit.signatures import hmac_sha256
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import ConfigError, Notification, Push, PushToken, Reason, ReceiptKind, Refused, Response
from pushgateway.vendor.toolkit.receipts import MOST

Drivers = Callable[..., ExchangeDriver]
BRANDS = pytest.mark.parametrize("brand", ["huawei", "harmony"])
ONE = b'{"statuses":[{"token":"TOK-A","status":0}]}'


def header(at: float, secret: bytes, user: str = CALLBACK_USER, nonce: str = "n", **other: str) -> dict[str, str]:
    """A signature of this time; `other` replaces parts of it after it was made."""
    time = str(int(at * 1000))
    parts = {"timestamp": time, "nonce": nonce, "value": hmac_sha256(secret, time, nonce, user), **other}
    return {"x-huawei-callback-id": "; ".join(f"{name}={value}" for name, value in parts.items())}


def decoded(secret: str) -> bytes:
    """The bytes that a secret spells in Base64."""
    return base64.b64decode(secret)


@BRANDS
@pytest.mark.parametrize("kind", ["text", "base64"])
def test_both_encodings_of_the_secret_sign(driver: Drivers, brand: str, kind: str) -> None:
    """Old configurations use the text, new ones the bytes that it spells; what the sandbox posts is read."""
    one = driver(brand, tokens=1)
    one.sandbox.receipts_at = "https://im.example/r"
    one.sandbox.set_option("receipt_secret", kind)
    one.push([Push(PushToken(1, one.sandbox.tokens[0]), Notification("t", "b"))])
    (posted,) = one.sandbox.callbacks()
    (receipt,) = one.vendor.receipts("1", dict(posted.headers), posted.content, EPOCH)

    assert receipt is not None
    assert receipt.kind is ReceiptKind.ARRIVED
    assert one.vendor.proves_receipts


@pytest.mark.parametrize("secret", [CALLBACK_SECRET.encode(), decoded(CALLBACK_SECRET)], ids=["text", "base64"])
@pytest.mark.parametrize(("off", "taken"), [(0, True), (600, True), (-600, True), (601, False), (-601, False)])
def test_a_signature_holds_for_ten_minutes(driver: Drivers, secret: bytes, off: float, taken: bool) -> None:
    """Before and behind our clock."""
    vendor = driver("huawei").vendor
    signed = header(EPOCH + off, secret)
    if taken:
        assert len(vendor.receipts("1", signed, ONE, EPOCH)) == 1
        return
    with pytest.raises(Refused) as refused:
        vendor.receipts("1", signed, ONE, EPOCH)
    assert refused.value.reason is Reason.CREDENTIALS


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-huawei-callback-id": ""},
        {"x-huawei-callback-id": "value=x"},
        header(EPOCH, b"another"),
        header(EPOCH, CALLBACK_SECRET.encode(), user="another"),
        header(EPOCH, CALLBACK_SECRET.encode(), nonce="n", value="AAAA"),
        header(EPOCH - 3600, CALLBACK_SECRET.encode(), timestamp=str(int(EPOCH * 1000))),
        {"x-huawei-callback-id": header(EPOCH, CALLBACK_SECRET.encode())["x-huawei-callback-id"].replace("=n;", "=m;")},
    ],
)
def test_what_is_not_signed_is_refused(driver: Drivers, headers: dict[str, str]) -> None:
    """Another secret or user, another time or nonce than was signed, no signature."""
    with pytest.raises(Refused) as refused:
        driver("harmony").vendor.receipts("1", headers, ONE, EPOCH)

    assert refused.value.reason is Reason.CREDENTIALS
    assert "callback_secret" in refused.value.detail


@BRANDS
def test_without_user_and_secret_nothing_is_proved(driver: Drivers, brand: str) -> None:
    """Then receipts are read without a signature, and the gateway's own parameter has to prove them."""
    vendor = driver(brand, {"callback_user": None, "callback_secret": None}).vendor

    assert not vendor.proves_receipts
    assert len(vendor.receipts("1", {}, ONE, EPOCH)) == 1


@BRANDS
@pytest.mark.parametrize("missing", ["callback_user", "callback_secret"])
def test_a_user_or_a_secret_alone_is_refused(driver: Drivers, brand: str, missing: str) -> None:
    """With one of them no signature would be checked, and nobody would notice."""
    with pytest.raises(ConfigError, match="callback_user: and callback_secret belong together"):
        driver(brand, {missing: None})


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (0, ReceiptKind.ARRIVED),
        (2, ReceiptKind.UNREGISTERED),
        (5, ReceiptKind.UNREGISTERED),
        (6, ReceiptKind.MUTED),
        (10, ReceiptKind.DROPPED),
        (15, ReceiptKind.DROPPED),
        (102, ReceiptKind.LIMITED),
        (201, ReceiptKind.OTHER),
        (256, ReceiptKind.LIMITED),
        (999, ReceiptKind.OTHER),
    ],
)
def test_statuses(driver: Drivers, status: int, kind: ReceiptKind) -> None:
    """In both versions; 6, 10 and 201 are no dead tokens, and an unknown one is passed on."""
    vendor = driver("huawei", {"callback_user": None, "callback_secret": None}).vendor
    body = {
        "statuses": [
            {"token": "A", "status": status, "requestId": "1698"},
            {"token": "B", "deliveryStatus": {"result": status, "timestamp": "1790000000123"}},
            {"token": "C", "formStatus": {"formId": 1, "result": status}},
        ]
    }
    read = vendor.receipts("1", {}, json.dumps(body).encode(), EPOCH)

    assert [one and (one.kind, one.event) for one in read] == [(kind, str(status))] * 3
    assert read[0] is not None
    assert read[1] is not None
    assert (read[0].message_id, read[1].at) == ("1698", 1_790_000_000.123)


def test_an_element_that_cannot_be_read_costs_itself(driver: Drivers) -> None:
    """No token, no status, no object; the others are read."""
    vendor = driver("huawei", {"callback_user": None, "callback_secret": None}).vendor
    statuses: list[Any] = [{"token": "A", "status": 0}, {"status": 0}, {"token": "B"}, 5, {"token": "a b", "status": 0}]
    read = vendor.receipts("1", {}, json.dumps({"statuses": statuses}).encode(), EPOCH)

    assert [one is not None for one in read] == [True, False, False, False, False]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"statuses":[]}', b'{"statuses":{}}'])
def test_what_holds_no_receipts_is_refused(driver: Drivers, body: bytes) -> None:
    """And so is a list that is longer than Huawei's."""
    vendor = driver("harmony", {"callback_user": None, "callback_secret": None}).vendor
    for one in (body, json.dumps({"statuses": [{}] * (MOST + 1)}).encode()):
        with pytest.raises(Refused) as refused:
            vendor.receipts("1", {}, one, EPOCH)
        assert refused.value.reason is Reason.INVALID_NOTIFICATION


@BRANDS
def test_the_answer_is_the_one_that_huawei_expects(driver: Drivers, brand: str) -> None:
    """Both names of both versions; a host that could not keep the receipts does not say that it did."""
    one = driver(brand)
    answer = one.vendor.receipt_answer(True)

    assert json.loads(answer.content) == {"code": "0", "message": "success", "errno": 0, "errmsg": "success"}
    assert one.sandbox.is_taken(answer)
    assert not one.sandbox.is_taken(one.vendor.receipt_answer(False))
    assert not one.sandbox.is_taken(Response(200))
    assert one.vendor.receipt_answer(False).status == 503
