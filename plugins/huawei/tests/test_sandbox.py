"""The sandboxes are strict: they refuse what Huawei refuses, with its codes, and say by receipt what it says so."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pushgateway_huawei.sandbox import HarmonySandbox, HuaweiSandbox

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import Badge, Batch, Notification, Outcome, Push, PushToken, Reason, ReceiptKind, Request

Drivers = Callable[..., ExchangeDriver]


def changed(body: Any, path: str, value: Any) -> Any:
    """A copy of the body with another value at a dotted path; None takes it out."""
    made = copy.deepcopy(body)
    *outer, last = path.split(".")
    here = made
    for name in outer:
        here = here[name]
    if value is None:
        del here[last]
    else:
        here[last] = value
    return made


@pytest.fixture
def send(driver: Drivers, samples: Path) -> Callable[..., tuple[int, str, str]]:
    """Sends a body to a sandbox with a right access token: status, code and message."""

    def sending(brand: str, body: Any, **headers: str) -> tuple[int, str, str]:
        one = driver(brand)
        one.sandbox.register(["TOK-A", "TOK-B", "MAMzLexampleTOKEN"])
        one.log_in("")
        assert one.access is not None
        path = "/v1/100000001/messages:send" if brand == "huawei" else "/v3/388420000000000001/messages:send"
        kinds = {"content-type": "application/json", "push-type": "0", "authorization": f"Bearer {one.access.value}"}
        request = Request("POST", f"https://x{path}", {**kinds, **headers}, json.dumps(body).encode())
        answer = one.sandbox.answer(request).response
        assert answer is not None
        read = json.loads(answer.content)
        return answer.status, read["code"], read["msg"]

    return sending


@pytest.mark.parametrize(
    ("path", "value", "code", "names"),
    [
        ("message.android.notification.title", None, "80100003", "title"),
        ("message.android.notification.body", "", "80100003", "body"),
        ("message.android.notification.click_action", {}, "80100003", "click_action"),
        ("message.android.notification.click_action", {"type": 1}, "80100003", "intent or action"),
        ("message.android.notification.click_action", {"type": 2, "url": "http://a"}, "80100003", "url"),
        ("message.android.notification.click_action", {"type": 9}, "80100003", "type"),
        ("message.android.notification.badge", {"add_num": 1}, "80100003", "class"),
        ("message.android.notification.badge", {"add_num": 100, "class": "a.B"}, "80100003", "add_num"),
        ("message.android.notification.style", 2, "80100003", "style"),
        ("message.android.notification.importance", "MAX", "80100003", "importance"),
        ("message.android.ttl", "1296001s", "80100003", "ttl"),
        ("message.android.ttl", "soon", "80100003", "ttl"),
        ("message.android.ttl", 3600, "80100003", "ttl"),
        ("message.android.collapse_key", 101, "80100003", "collapse_key"),
        ("message.android.category", "CHAT", "80100003", "category"),
        ("message.token", [], "80300010", ""),
        ("message.token", ["t"] * 1001, "80300010", ""),
        ("message.token", "TOK-A", "80300010", ""),
        ("message.token", None, "80300010", ""),
        ("message", None, "80300010", ""),
        ("message.topic", "weather", "80100003", "more than one"),
        ("message.data", "x" * 4096, "80300008", ""),
        ("validate_only", "yes", "80100003", "validate_only"),
    ],
)
def test_v1_refuses(send: Any, samples: Path, path: str, value: Any, code: str, names: str) -> None:
    """One wrong member of the sample."""
    body = json.loads((samples / "v1_send.request.json").read_text())
    status, given, message = send("huawei", changed(body, path, value))

    assert (status, given) == (400, code)
    assert names in message


@pytest.mark.parametrize(
    ("path", "value", "code", "names"),
    [
        ("payload.notification.category", None, "80100003", "category"),
        ("payload.notification.title", None, "80100003", "title"),
        ("payload.notification.clickAction", None, "80100003", "clickAction"),
        ("payload.notification.clickAction", {"actionType": 1}, "80100003", "action or uri"),
        ("payload.notification.clickAction", {"actionType": 3}, "80100003", "actionType"),
        ("payload.notification.badge.addNum", 100, "80100003", "addNum"),
        ("payload.notification.appMessageId", "x" * 65, "80100003", "appMessageId"),
        ("payload.notification.appMessageId", "a;b", "80100003", "appMessageId"),
        ("payload.notification.image", "https://a.example/p.png", "80100022", ""),
        ("pushOptions.ttl", "3600", "80100003", "ttl"),
        ("pushOptions.ttl", 1_296_001, "80100003", "ttl"),
        ("pushOptions.biTag", "长" * 22, "80100003", "biTag"),
        ("target.token", [], "80300010", ""),
        ("target.token", ["t"] * 11, "80300030", ""),
        ("target", None, "80300010", ""),
        ("payload.notification.body", "b" * 4096, "80300008", ""),
    ],
)
def test_v3_refuses(send: Any, samples: Path, path: str, value: Any, code: str, names: str) -> None:
    """One wrong member of the sample."""
    body = json.loads((samples / "v3_send.request.json").read_text())
    status, given, message = send("harmony", changed(body, path, value))

    assert (status, given) == (400, code)
    assert names in message


@pytest.mark.parametrize(
    ("path", "value"),
    [("message.android.ttl", "60"), ("message.android.ttl", "1.5s"), ("validate_only", True), ("message.webpush", {})],
)
def test_v1_takes(send: Any, samples: Path, path: str, value: Any) -> None:
    """A ttl without its unit, decimals, and members that it does not know."""
    body = json.loads((samples / "v1_send.request.json").read_text())

    assert send("huawei", changed(body, path, value))[:2] == (200, "80000000")


def test_v1_has_defaults_for_the_texts(send: Any, samples: Path) -> None:
    """`message.notification`, which `android.notification` replaces."""
    body = json.loads((samples / "v1_send.request.json").read_text())
    made = changed(changed(body, "message.android.notification.title", None), "message.notification", {"title": "t"})

    assert send("huawei", made)[1] == "80000000"


def test_v3_needs_its_header(send: Any, samples: Path) -> None:
    """`push-type` 0 is a notification; the others are not imitated."""
    body = json.loads((samples / "v3_send.request.json").read_text())

    assert send("harmony", body, **{"push-type": ""})[1] == "80100001"
    assert send("harmony", body, **{"push-type": "6"})[1] == "80100001"


def push(one: ExchangeDriver, *tokens: str, message_id: str = "m", **fields: Any) -> list[Outcome]:
    """Push one notification."""
    note = Notification(**{"title": "title", "body": "text", **fields})
    batch = Batch.of([Push(PushToken(1, token), note) for token in tokens]).under([message_id] * len(tokens))
    return list(one.carry(lambda: one.vendor.push(batch), ""))


def reported(one: ExchangeDriver) -> Mapping[str, tuple[ReceiptKind, str]]:
    """By token: kind and status of the receipts that are due."""
    read = [
        receipt
        for request in one.sandbox.callbacks()
        for receipt in one.vendor.receipts("1", dict(request.headers), request.content, EPOCH)
    ]
    return {one.push_token.token: (one.kind, one.event) for one in read if one is not None}


def test_an_android_token_has_no_right_at_harmony(driver: Drivers) -> None:
    """As Huawei says it of a phone that was upgraded: it is no dead token."""
    one = driver("harmony", tokens=1)
    android = HuaweiSandbox().make_token()
    outcomes = push(one, *one.sandbox.tokens, android, "other")

    assert [outcome.reason for outcome in outcomes] == [None, Reason.CREDENTIALS, Reason.UNREGISTERED]
    assert [outcome.vendor_code for outcome in outcomes] == [None, "noRight", "tokenFormatError"]


@pytest.mark.parametrize("brand", ["huawei", "harmony"])
def test_a_dead_token_may_be_reported_later(driver: Drivers, brand: str) -> None:
    """With `late_invalid` it is accepted, and a receipt says that the app was removed."""
    one = driver(brand, tokens=2, late_invalid=True)
    one.sandbox.receipts_at = "https://im.example/r"
    first, second = one.sandbox.tokens
    one.sandbox.uninstall(first)
    outcomes = push(one, first, second)

    assert [outcome.ok for outcome in outcomes] == [True, True]
    assert reported(one) == {first: (ReceiptKind.UNREGISTERED, "2"), second: (ReceiptKind.ARRIVED, "0")}


@pytest.mark.parametrize("brand", ["huawei", "harmony"])
def test_muted_phones_are_reported(driver: Drivers, brand: str) -> None:
    """The send succeeds, and the receipt says that notifications are off."""
    one = driver(brand, tokens=1)
    one.sandbox.receipts_at = "https://im.example/r"
    (token,) = one.sandbox.tokens
    one.sandbox.mute(token)

    assert push(one, token)[0].ok
    assert reported(one) == {token: (ReceiptKind.MUTED, "6")}
    assert one.sandbox.ledger.count(token) == 0


@pytest.mark.parametrize(("brand", "status"), [("huawei", "201"), ("harmony", "256")])
def test_marketing_is_limited_by_receipt(driver: Drivers, brand: str, status: str) -> None:
    """Two a day for a phone: the third is accepted, not shown, and reported; chats are not counted."""
    one = driver(brand, tokens=1, marketing_of_a_phone=2)
    one.sandbox.receipts_at = "https://im.example/r"
    (token,) = one.sandbox.tokens
    for number in range(3):
        assert push(one, token, message_id=f"m-{number}", intent="marketing")[0].ok
    events = [json.loads(request.content) for request in one.sandbox.callbacks()]
    push(one, token, message_id="m-4", intent="chat")

    assert one.sandbox.ledger.count(token) == 3
    assert status in json.dumps(events)
    assert reported(one)[token][1] == "0"


@pytest.mark.parametrize("brand", ["huawei", "harmony"])
def test_a_category_without_the_right_is_marketing(driver: Drivers, brand: str) -> None:
    """Without an error, as Huawei's page says."""
    one = driver(brand, tokens=1, approved=False)

    assert push(one, *one.sandbox.tokens, intent="chat")[0].ok
    assert one.sandbox.ledger.deliveries[0].category == "MARKETING"


def test_test_messages_have_a_quota(driver: Drivers) -> None:
    """Of HarmonyOS, counted in calls."""
    one = driver("harmony", {"test_messages": True}, tokens=2, test_messages=2)
    codes = []
    for number in range(3):
        try:
            codes.append(push(one, *one.sandbox.tokens, message_id=f"m-{number}")[0].vendor_code)
        except Exception as refused:  # a refusal of the whole request
            codes.append(getattr(refused, "code", ""))

    assert codes == [None, None, "80300029"]


def test_all_failed_may_come_without_names(driver: Drivers) -> None:
    """With `plain_all_invalid` as text: it may be for a wrong project, so one push is not dead by it."""
    one = driver("harmony", tokens=0, plain_all_invalid=True)

    assert push(one, "dead")[0].reason is Reason.INVALID_NOTIFICATION


def test_the_phone_replaces_and_counts(driver: Drivers) -> None:
    """The same `notifyId` takes the place of the old notification; badges are added and set."""
    one = driver("harmony", tokens=1)
    for number, badge in enumerate((Badge.add(2), Badge.add(3), Badge.set(1))):
        push(one, *one.sandbox.tokens, message_id=f"m-{number}", title=f"t{number}", replace_key="chat", badge=badge)
    (phone,) = one.sandbox.phones()

    assert [delivery.title for delivery in phone.shown] == ["t2"]
    assert phone.badge == 1


@pytest.mark.parametrize("kind", [HuaweiSandbox, HarmonySandbox])
def test_the_settings_of_a_sandbox_are_those_of_a_certificate(load: Any, kind: type[Any]) -> None:
    """For each login and version."""
    choices = [{"login": one, "version": two} for one in ("secret", "service account") for two in ("v1", "v2")]
    for options in choices if kind is HuaweiSandbox else [{}]:
        settings = kind(tokens=0, **options).settings("https://x.invalid")
        assert load(kind.brand, **settings).host == "https://x.invalid"
