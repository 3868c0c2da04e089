"""What becomes of a notification: fields, limits, categories, looks, and what each brand lacks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.vendor import (
    Alert,
    Badge,
    Batch,
    Button,
    CallBack,
    ConfigError,
    FieldError,
    Network,
    Notification,
    OpenActivity,
    OpenIntent,
    OpenUrl,
    Outcome,
    Push,
    PushToken,
    Reason,
    Status,
)

Drivers = Callable[..., ExchangeDriver]
BRANDS = pytest.mark.parametrize("brand", ["huawei", "harmony"])
NOTE = {"huawei": ("message", "android", "notification"), "harmony": ("payload", "notification")}


def push(one: ExchangeDriver, count: int = 1, message_id: str = "m-1", **fields: Any) -> list[Outcome]:
    """Push one notification to the first phones."""
    note = Notification(**{"title": "title", "body": "text", **fields})
    batch = Batch.of([Push(PushToken(1, token), note) for token in one.sandbox.tokens[:count]])
    batch.under([message_id] * count)
    return list(one.carry(lambda: one.vendor.push(batch), ""))


def body(one: ExchangeDriver) -> Any:
    """The body of the last request."""
    return json.loads(one.requests[-1].content)


def inside(one: ExchangeDriver, brand: str) -> Any:
    """The notification in the last request."""
    found = body(one)
    for name in NOTE[brand]:
        found = found[name]
    return found


def size(one: ExchangeDriver) -> int:
    """Bytes of the last body without its tokens."""
    sent, content = body(one), one.requests[-1].content
    tokens = sent["message"]["token"] if "message" in sent else sent["target"]["token"]
    return len(content) - len(json.dumps(tokens, separators=(",", ":"))) + 2


# The size of a body


@BRANDS
@pytest.mark.parametrize("letter", ["x", "长", "😀"])
def test_a_body_takes_4096_bytes_without_its_tokens(driver: Drivers, brand: str, letter: str) -> None:
    """At the limit a text is whole; one byte more and it is cut and named. Tokens do not count."""
    one = driver(brand, tokens=3)
    push(one, 3, message_id="m-0", body=letter, replace_key="k")
    rest = size(one) - len(letter.encode())
    most = (4096 - rest) // len(letter.encode())

    whole = push(one, 3, body=letter * most, replace_key="k")
    cut = push(one, 3, "m-2", body=letter * (most + 1), replace_key="k")

    assert [outcome.truncated for outcome in whole] == [()] * 3
    assert [outcome.truncated for outcome in cut] == [("body",)] * 3
    assert 4096 - len("…".encode()) - 4 < size(one) <= 4096
    assert one.sandbox.ledger.deliveries[3].body == letter * most
    assert one.sandbox.ledger.deliveries[6].body.endswith("…")


@BRANDS
def test_the_longest_text_is_cut_first(driver: Drivers, brand: str) -> None:
    """A title that is longer than the text; and both where one is not enough."""
    one = driver(brand, tokens=1)

    assert push(one, title="t" * 5000)[0].truncated == ("title",)
    assert set(push(one, title="t" * 5000, body="b" * 6000)[0].truncated) == {"title", "body"}
    assert push(one, title="t" * 3000, long_body="l" * 5000)[0].truncated == ("long_body",)


@BRANDS
@pytest.mark.parametrize(
    ("word", "fields"),
    [
        ("data", {"data": {"key": "v" * 4096}}),
        ("click", {"click": OpenIntent("a" * 4096)}),
    ],
)
def test_what_cannot_be_cut_is_refused_by_name(driver: Drivers, brand: str, word: str, fields: Any) -> None:
    """No request is made."""
    one = driver(brand, tokens=1)
    (outcome,) = push(one, **fields)

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)
    assert outcome.detail.startswith(f"{word}: is too long")
    assert one.requests == []


@BRANDS
def test_an_ordinary_notification_is_encoded_as_any_other(driver: Drivers, brand: str) -> None:
    """What is kept of one is right for the next: the same request as if it were built in full."""
    vendor: Any = driver(brand, tokens=1).vendor
    notes: list[dict[str, Any]] = [
        {},
        {"data": {"a": [1, True, '长"']}},
        {"data": {"b": None}, "replace_key": "k", "ttl": 60, "intent": "chat", "channel_id": "c"},
        {"ttl": 60, "intent": "chat", "title": "\ud800t\0"},
        {"click": OpenIntent("a.B"), "badge": Badge.add(1)},
        {"click": OpenIntent("a.B"), "body": "x" * 300},
    ]
    for number, fields in enumerate(notes * 2):
        note = Notification(**{"title": "title", "body": "text", **fields})
        batch = Batch.of([Push(PushToken(1, "t"), note)]).under([f"m-{number}"])
        batch.callback = CallBack("https://im.example/r", f"mark-{number}")
        frame, content = vendor.encode(note, batch), vendor.build(note, batch)
        sent = json.loads(frame.around(b"[]"))
        sent = sent["message"] if brand == "huawei" else sent
        target = "token" if brand == "huawei" else "target"

        assert sent == {**json.loads(content.json()), target: sent[target]}
        assert (frame.truncated, frame.omitted) == (content.truncated, content.omitted)


# Fields


def test_the_forms_of_v1(driver: Drivers) -> None:
    """A ttl with its unit, data as text, a sound of the app's resources, an inner style for a long text."""
    one = driver("huawei", tokens=1)
    push(one, ttl=60, data={"a": 1}, sound="ring", long_body="more", user_id="u", group="g")
    message = body(one)["message"]
    note = inside(one, "huawei")

    assert (message["android"]["ttl"], message["data"]) == ("60s", '{"a":1}')
    assert (note["sound"], note["style"], note["big_body"]) == ("/raw/ring", 1, "more")
    assert (note["profile_id"], note["group"], note["click_action"]) == ("u", "g", {"type": 3})


def test_the_forms_of_v3(driver: Drivers) -> None:
    """A ttl as a number, data as an object of the click action, camelCase."""
    one = driver("harmony", tokens=1)
    push(one, ttl=60, data={"a": 1}, sound="ring.mp3", long_body="more", user_id="u")
    note = inside(one, "harmony")

    assert body(one)["pushOptions"]["ttl"] == 60
    assert note["clickAction"] == {"actionType": 0, "data": {"a": 1}}
    assert (note["sound"], note["style"], note["bigBody"], note["profileId"]) == ("ring.mp3", 1, "more", "u")


@pytest.mark.parametrize(
    ("alert", "importance", "omitted"),
    [(Alert.SILENT, "LOW", ()), (Alert.NORMAL, "NORMAL", ()), (Alert.URGENT, None, ("alert",))],
)
def test_importance(driver: Drivers, alert: Alert, importance: str | None, omitted: tuple[str, ...]) -> None:
    """HIGH is historic and needs a right, so an urgent push goes without it and says so."""
    one = driver("huawei", tokens=1)
    (outcome,) = push(one, alert=alert)

    assert (inside(one, "huawei").get("importance"), outcome.omitted) == (importance, omitted)


def test_a_badge_needs_the_launcher_activity(driver: Drivers) -> None:
    """With the setting it is sent with it; without, it is left out and named. v3 needs none."""
    known, unknown, harmony = (
        driver("huawei", tokens=1),
        driver("huawei", {"badge_class": None}, tokens=1),
        driver("harmony"),
    )

    assert push(known, badge=Badge.set(3))[0].omitted == ()
    assert inside(known, "huawei")["badge"] == {"class": "com.example.chat.MainActivity", "set_num": 3}
    assert push(unknown, badge=Badge.set(3), icon="https://a.example/i.png")[0].omitted == ("icon", "badge")
    assert "badge" not in inside(unknown, "huawei")
    push(harmony, badge=Badge.add(2))
    assert inside(harmony, "harmony")["badge"] == {"addNum": 2}


@BRANDS
def test_looks_that_a_brand_lacks_are_left_out(driver: Drivers, brand: str) -> None:
    """And named; the push is sent."""
    one = driver(brand, tokens=1)
    (outcome,) = push(
        one, subtitle="s", icon="https://a.example/i.png", buttons=(Button("b"),), channel_id="c", group="g"
    )

    both = {"subtitle", "icon", "buttons"}
    assert outcome.ok
    assert set(outcome.omitted) == (both if brand == "huawei" else both | {"channel_id", "group"})


@BRANDS
@pytest.mark.parametrize(
    ("word", "fields"),
    [
        ("network", {"network": Network.WIFI}),
        ("store_offline", {"store_offline": False}),
        ("receipt_url", {"receipt_url": "https://im.example/r"}),
        ("time_zone", {"time_zone": "GMT+09:00"}),
    ],
)
def test_what_a_brand_lacks_otherwise_is_refused(driver: Drivers, brand: str, word: str, fields: Any) -> None:
    """Without it something else would happen."""
    (outcome,) = push(driver(brand, tokens=1), **fields)

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.UNSUPPORTED)
    assert outcome.detail.startswith(f"{word}: ")


def test_clicks_that_need_more(driver: Drivers) -> None:
    """v1 needs the package for an activity, and https; HarmonyOS has neither activities nor web pages."""
    bare = driver("huawei", {"package": None}, tokens=1)
    harmony = driver("harmony", tokens=1)

    assert "setting package" in push(bare, click=OpenActivity("com.example.Main"))[0].detail
    assert push(bare, click=OpenActivity("com.example/.Main"))[0].ok
    assert "https://" in push(bare, click=OpenUrl("http://a.example"))[0].detail
    for click in (OpenActivity("a.B"), OpenUrl("https://a.example")):
        (outcome,) = push(harmony, click=click)
        assert (outcome.reason, outcome.detail[:6]) == (Reason.UNSUPPORTED, "click:")


# Categories


@BRANDS
@pytest.mark.parametrize(
    ("intent", "category"),
    [("chat", "IM"), ("call", "VOIP"), ("system", "ACCOUNT"), ("order", "EXPRESS"), ("marketing", "MARKETING")],
)
def test_categories_of_intents(driver: Drivers, brand: str, intent: str, category: str) -> None:
    """By the rules."""
    one = driver(brand, tokens=1)
    push(one, intent=intent)

    assert one.sandbox.ledger.deliveries[0].category == category


def test_a_notification_without_an_intent(driver: Drivers) -> None:
    """v1 lets Huawei's classifier decide; v3 needs a category, which the certificate names."""
    old, new = driver("huawei", tokens=1), driver("harmony", tokens=1)
    own = driver("harmony", {"category": "WORK"}, tokens=1)
    for one in (old, new, own):
        push(one)

    assert [one.sandbox.ledger.deliveries[0].category for one in (old, new, own)] == ["", "MARKETING", "WORK"]


@BRANDS
def test_a_table_of_intents(driver: Drivers, brand: str) -> None:
    """The certificate's categories come before those of the rules; marketing is never private."""
    one = driver(brand, {"intents": {"friend": {"category": "SUBSCRIPTION"}}}, tokens=1)
    push(one, intent="friend")

    assert one.sandbox.ledger.deliveries[0].category == "SUBSCRIPTION"
    with pytest.raises(ConfigError, match=r"intents\.marketing\.category: 'IM' is private"):
        driver(brand, {"intents": {"marketing": {"category": "IM"}}})
    with pytest.raises(ConfigError, match=r"intents\.chat\.category: must be one of"):
        driver(brand, {"intents": {"chat": {"category": "CHAT"}}})
    if brand == "harmony":
        with pytest.raises(ConfigError, match=r"category: must be one of IM"):
            driver("harmony", {"category": "CHAT"})


# Ids


@BRANDS
def test_a_replace_key_is_a_number(driver: Drivers, brand: str) -> None:
    """The same for the same key, another for another, and within 31 bits."""
    one = driver(brand, tokens=1)
    name = "notify_id" if brand == "huawei" else "notifyId"
    numbers = []
    for key in ("chat-1", "chat-1", "chat-2"):
        push(one, replace_key=key)
        numbers.append(inside(one, brand)[name])

    assert numbers[0] == numbers[1] != numbers[2]
    assert all(0 < number < 2**31 for number in numbers)


def test_every_harmony_push_can_be_taken_back(driver: Drivers) -> None:
    """It has a `notifyId` made of its message id, which is the handle; other messages have others."""
    one = driver("harmony", tokens=2)
    first = push(one, 2, message_id="m-1")
    note = inside(one, "harmony")
    (other,) = push(one, message_id="m-2")

    assert {outcome.handle for outcome in first} == {str(note["notifyId"])}
    assert other.handle not in (None, first[0].handle)
    assert note["appMessageId"] == "m-1"


def test_a_message_id_that_huawei_does_not_take_is_replaced(driver: Drivers) -> None:
    """64 letters, digits and some signs are taken; others become a key of their own, the same for the same id."""
    one = driver("harmony", tokens=1)
    ids = []
    for message_id in ("a" * 64, "a" * 65, "a" * 65, "会议"):
        push(one, message_id=message_id)
        ids.append(inside(one, "harmony")["appMessageId"])

    assert ids[0] == "a" * 64
    assert ids[1] == ids[2] != ids[3]
    assert all(len(made) == 32 and made.isalnum() for made in ids[1:])


@BRANDS
def test_the_mark_of_a_batch(driver: Drivers, brand: str) -> None:
    """The gateway's parameter is the tag of the whole request, unless the notification has its own."""
    one = driver(brand, tokens=2)
    note = Notification("t", "b")
    batch = Batch.of([Push(PushToken(1, token), note) for token in one.sandbox.tokens])
    batch.callback = CallBack("https://im.example/r", "mark")
    one.carry(lambda: one.vendor.push(batch), "")
    tags = body(one)["message"]["android"]["bi_tag"] if brand == "huawei" else body(one)["pushOptions"]["biTag"]

    assert tags == "mark"
    assert one.vendor.marks == "message"


# Settings


@BRANDS
def test_test_messages(driver: Drivers, brand: str) -> None:
    """All pushes are test messages; of HarmonyOS 10 in a request."""
    one = driver(brand, {"test_messages": True}, tokens=1)
    push(one)

    if brand == "huawei":
        assert body(one)["message"]["android"]["target_user_type"] == 1
        assert one.vendor.batching.size == 1000
    else:
        assert body(one)["pushOptions"]["testMessage"] is True
        assert one.vendor.batching.size == 10


@BRANDS
def test_rates(driver: Drivers, brand: str) -> None:
    """6,000 phones a second, over connections that a round trip of 50 ms needs for single pushes."""
    rates = driver(brand).vendor.rates

    assert (rates.pushes, rates.connections, rates.requests) == (6000, 300, None)


def test_what_a_certificate_needs(load: Callable[..., Any]) -> None:
    """Huawei: a secret or a key file, and not both. HarmonyOS: a key file that can be read."""
    for settings, problem in (
        ({"client_id": "1"}, "client_secret: must be given, or else service_account"),
        ({"client_id": " ", "client_secret": "s"}, "client_id: must be a non-empty string"),
        ({"client_id": "1", "service_account": "{}"}, "service_account: must be the JSON key file"),
        ({"client_id": "1", "client_secret": "s", "host": "http://a.example"}, "host: must be https"),
    ):
        with pytest.raises((ConfigError, FieldError), match=problem):
            load("huawei", **settings)
    file = {"project_id": "1", "key_id": "k", "sub_account": "s", "private_key": "x"}
    with pytest.raises(ConfigError, match="service_account: private_key must be an RSA private key"):
        load("harmony", service_account=json.dumps(file))


def test_v2_is_the_call_of_a_project(driver: Drivers) -> None:
    """For the same phones, with the same body."""
    app, project = driver("huawei", tokens=1), driver("huawei", tokens=1, version="v2")
    for one in (app, project):
        push(one)

    assert app.requests[-1].url.endswith("/v1/100000001/messages:send")
    assert project.requests[-1].url.endswith("/v2/388420000000000001/messages:send")
    assert app.requests[-1].content.replace(app.sandbox.tokens[0].encode(), b"") == project.requests[
        -1
    ].content.replace(project.sandbox.tokens[0].encode(), b"")


def test_advice(driver: Drivers) -> None:
    """What a certificate of HarmonyOS cannot do yet."""
    advice = " ".join(driver("harmony", {"client_id": None}).vendor.advice())

    assert "client_id is missing" in advice
    assert "MARKETING" in advice
    assert driver("harmony", {"category": "IM"}).vendor.advice() == []


def test_a_message_id_cannot_be_overridden(driver: Drivers) -> None:
    """A constant `appMessageId` would make phones drop every message but the first of a day."""
    one = driver("harmony", tokens=1)
    own = {"payload": {"notification": {"appMessageId": "always"}}}

    (outcome,) = push(one, overrides={"harmony": own})

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)
    assert outcome.detail.endswith("is made for each push; set Notification.dedupe_id instead")
