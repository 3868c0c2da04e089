"""What becomes of a notification: fields, limits, classes, looks, and what Honor lacks."""

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
    Network,
    Notification,
    OpenActivity,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Outcome,
    Push,
    PushToken,
    Reason,
    Status,
)

Drivers = Callable[..., ExchangeDriver]


def push(one: ExchangeDriver, count: int = 1, **fields: Any) -> list[Outcome]:
    """Push one notification to the first phones."""
    note = Notification(**{"title": "title", "body": "text", **fields})
    batch = Batch.of([Push(PushToken(1, token), note) for token in one.sandbox.tokens[:count]])
    return list(one.carry(lambda: one.vendor.push(batch), ""))


def body(one: ExchangeDriver) -> Any:
    """The body of the last request."""
    return json.loads(one.requests[-1].content)


def inside(one: ExchangeDriver) -> Any:
    """The notification in the last request."""
    return body(one)["android"]["notification"]


def size(one: ExchangeDriver) -> int:
    """Bytes of the last body without its tokens."""
    return len(one.requests[-1].content) - len(json.dumps(body(one)["token"], separators=(",", ":"))) + 2


# Lengths


@pytest.mark.parametrize(("word", "most"), [("title", 40), ("body", 256)])
def test_texts_are_cut_at_their_limits(driver: Drivers, word: str, most: int) -> None:
    """At the limit whole, with one character more cut and named."""
    one = driver(tokens=1)
    whole, cut = push(one, **{word: "长" * most}), push(one, **{word: "长" * (most + 1)})

    shown = [getattr(delivery, word) for delivery in one.sandbox.ledger.deliveries]
    assert (whole[0].truncated, cut[0].truncated) == ((), (word,))
    assert shown == ["长" * most, "长" * (most - 1) + "…"]


def test_a_certificate_has_limits_of_its_own(driver: Drivers) -> None:
    """Honor's are not known."""
    one = driver({"title_characters": 5, "body_characters": 1000}, tokens=1, long_texts=True)
    (outcome,) = push(one, title="title", body="b" * 1000)
    (cut,) = push(one, title="titles", body="b" * 1001, long_body="l")

    assert (outcome.truncated, cut.truncated) == ((), ("title", "body"))
    assert (inside(one)["title"], inside(one)["bigTitle"]) == ("titl…", "titl…")


@pytest.mark.parametrize("letter", ["x", "长", "😀"])
def test_a_body_takes_4096_bytes_without_its_tokens(driver: Drivers, letter: str) -> None:
    """At the limit a text is whole; one character more and it is cut and named. Tokens do not count."""
    one = driver(tokens=3)
    push(one, 3, long_body=letter)
    most = (4096 - size(one) + len(letter.encode())) // len(letter.encode())

    whole = push(one, 3, long_body=letter * most)
    cut = push(one, 3, long_body=letter * (most + 1))

    assert [outcome.truncated for outcome in whole] == [()] * 3
    assert [outcome.truncated for outcome in cut] == [("long_body",)] * 3
    assert 4096 - len("…".encode()) - 4 < size(one) <= 4096
    assert one.sandbox.ledger.deliveries[3].long_body == letter * most


@pytest.mark.parametrize(
    ("word", "fields"), [("data", {"data": {"key": "v" * 4096}}), ("click", {"click": OpenIntent("a" * 4096)})]
)
def test_what_cannot_be_cut_is_refused_by_name(driver: Drivers, word: str, fields: Any) -> None:
    """No request is made."""
    one = driver(tokens=1)
    (outcome,) = push(one, **fields)

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)
    assert outcome.detail.startswith(f"{word}: is too long")
    assert one.requests == []


@pytest.mark.parametrize(("ttl", "sent"), [(1, "1s"), (1_296_000, "1296000s"), (0, None), (1_296_001, None)])
def test_ttl(driver: Drivers, ttl: int, sent: str | None) -> None:
    """1 second to 15 days, as a text with its unit."""
    one = driver(tokens=1)
    (outcome,) = push(one, ttl=ttl)

    assert outcome.ok == (sent is not None)
    assert outcome.ok or outcome.detail.startswith("ttl: ")
    assert not outcome.ok or body(one)["android"]["ttl"] == sent


def test_an_ordinary_notification_is_encoded_as_any_other(driver: Drivers) -> None:
    """What is kept of one is right for the next: the same request as if it were built in full."""
    vendor: Any = driver(tokens=1).vendor
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

        assert sent == {**json.loads(content.json()), "token": []}
        assert (frame.truncated, frame.omitted) == (content.truncated, content.omitted)


# Fields


def test_the_usual_fields(driver: Drivers) -> None:
    """A notification without anything opens the app; data is a text, and nothing else is there."""
    one = driver(tokens=2)
    push(one, 2, data={"a": 1})

    assert body(one) == {
        "android": {
            "notification": {"title": "title", "body": "text", "clickAction": {"type": 3}},
            "data": '{"a":1}',
        },
        "token": list(one.sandbox.tokens),
    }


@pytest.mark.parametrize(
    ("click", "action"),
    [
        (OpenUrl("https://a.example/x"), {"type": 2, "url": "https://a.example/x"}),
        (OpenIntent("com.example.OPEN"), {"type": 1, "action": "com.example.OPEN"}),
        (OpenActivity("a.Main"), {"type": 1, "intent": "intent:#Intent;component=com.example.chat/a.Main;end"}),
        (OpenIntentUri("app://host/path?k=v"), {"type": 1, "intent": "app://host/path?k=v"}),
        (OpenIntentUri("intent://a#Intent;scheme=b;end"), {"type": 1, "intent": "intent://a#Intent;scheme=b;end"}),
    ],
)
def test_clicks(driver: Drivers, click: Any, action: Any) -> None:
    """Deep links and intent URIs are one field."""
    one = driver(tokens=1)

    assert push(one, click=click)[0].ok
    assert inside(one)["clickAction"] == action
    assert one.sandbox.ledger.deliveries[0].click == click


def test_wrong_clicks_are_refused_by_name(driver: Drivers) -> None:
    """A page that is not https, a URI with a blank, an activity of an unknown app."""
    one = driver({"package": None}, tokens=1)
    for click in (
        OpenUrl("http://a.example"),
        OpenIntentUri("app://a b"),
        OpenIntentUri("app://长"),
        OpenActivity("a.B"),
    ):
        (outcome,) = push(one, click=click)

        assert (outcome.reason, outcome.detail[:7]) == (Reason.INVALID_NOTIFICATION, "click: ")
    assert push(one, click=OpenActivity("com.example/.Main"))[0].ok


@pytest.mark.parametrize(
    ("click", "sent"),
    [
        (None, {"actionType": 0}),
        (OpenUrl("https://a.example"), {"actionType": 2, "intent": "https://a.example"}),
        (OpenIntent("a.B"), {"actionType": 1, "intentType": 1, "intent": "a.B"}),
        (OpenIntentUri("app://x"), {"actionType": 1, "intentType": 0, "intent": "app://x"}),
        (
            OpenActivity("a.Main"),
            {"actionType": 1, "intentType": 0, "intent": "intent:#Intent;component=com.example.chat/a.Main;end"},
        ),
    ],
)
def test_buttons(driver: Drivers, click: Any, sent: Any) -> None:
    """As the phone shows them."""
    one = driver(tokens=1)
    button = Button("Open") if click is None else Button("Open", click)

    assert push(one, buttons=(button,))[0].ok
    assert inside(one)["buttons"] == [{"name": "Open", **sent}]
    assert one.sandbox.ledger.deliveries[0].buttons == (button,)


@pytest.mark.parametrize(("text", "is_right"), [("b" * 40, True), ("b" * 41, False), ("", False), ("\u200b", False)])
def test_the_text_of_a_button(driver: Drivers, text: str, is_right: bool) -> None:
    """1 to 40 characters, of which one can be seen."""
    one = driver(tokens=1)
    (outcome,) = push(one, buttons=(Button(text),))

    assert outcome.ok == is_right
    assert outcome.ok or (outcome.reason, outcome.detail[:9]) == (Reason.INVALID_NOTIFICATION, "buttons: ")


def test_a_wrong_button_is_refused_by_name(driver: Drivers) -> None:
    """Its target is checked as that of a tap."""
    one = driver(tokens=1)
    for click in (OpenIntentUri("app://a b"), OpenUrl("http://a.example")):
        (outcome,) = push(one, buttons=(Button("b", click),))

        assert outcome.reason is Reason.INVALID_NOTIFICATION
        assert outcome.detail.startswith(("buttons: ", "click: "))


def test_a_badge_needs_the_launcher_activity(driver: Drivers) -> None:
    """With the setting it is sent with it, 0 too; without, it is left out and named."""
    known, unknown = driver(tokens=1), driver({"badge_class": None}, tokens=1)

    for badge, sent in ((Badge.set(0), {"setNum": 0}), (Badge.set(99), {"setNum": 99}), (Badge.add(2), {"addNum": 2})):
        assert push(known, badge=badge)[0].omitted == ()
        assert inside(known)["badge"] == {"badgeClass": "com.example.chat.MainActivity", **sent}
        assert known.sandbox.ledger.deliveries[-1].badge == badge
    assert push(unknown, badge=Badge.set(3), icon="https://a.example/i.png")[0].omitted == ("icon", "badge")
    assert "badge" not in inside(unknown)


def test_a_long_text_needs_a_title(driver: Drivers) -> None:
    """Style 1 with both; a blank one is none."""
    one = driver(tokens=1)
    push(one, long_body="more")
    long = inside(one)
    push(one, long_body=" ")

    assert (long["style"], long["bigTitle"], long["bigBody"]) == (1, "title", "more")
    assert {"style", "bigTitle", "bigBody"}.isdisjoint(inside(one))


def test_looks_that_honor_lacks_are_left_out(driver: Drivers) -> None:
    """And named; the push is sent. `alert` too: LOW would make a chat marketing."""
    one = driver(tokens=1)
    looks = {"subtitle": "s", "icon": "https://a.example/i.png", "channel_id": "c", "sound": "ring"}
    (outcome,) = push(one, **looks, alert=Alert.SILENT, show_in_foreground=False, group="g", replace_key="k")

    assert outcome.ok
    assert set(outcome.omitted) == {*looks, "alert", "show_in_foreground"}
    assert inside(one)["group"] == "g"


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        ("network", {"network": Network.WIFI}),
        ("store_offline", {"store_offline": False}),
        ("receipt_url", {"receipt_url": "https://im.example/r"}),
        ("time_zone", {"time_zone": "GMT+09:00"}),
        ("user_id", {"user_id": "ann"}),
    ],
)
def test_what_honor_lacks_otherwise_is_refused(driver: Drivers, word: str, fields: Any) -> None:
    """Without it something else would happen."""
    one = driver(tokens=1)
    (outcome,) = push(one, **fields)

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.UNSUPPORTED)
    assert outcome.detail.startswith(f"{word}: ")
    assert one.requests == []


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ({"android.notification.style": 1}, "bigTitle"),
        ({"android.notification.badge.addNum": 1}, "badgeClass"),
        ({"android.notification.clickAction.type": 2}, "url"),
        ({"android.notification.importance": "HIGH"}, "must be one of LOW, NORMAL"),
        ({"android.notification.when": "today"}, "must be a UTC time"),
        ({"android.ttl": "0s"}, "at least 1 second"),
        ({"android.notification.channelId": "c"}, "no such field"),
    ],
)
def test_a_wrong_override_is_named(driver: Drivers, override: Any, sentence: str) -> None:
    """By the same rules; Honor has no channels."""
    one = driver(tokens=1)
    (outcome,) = push(one, overrides={"honor": override})

    assert outcome.status is Status.NOT_SENT
    assert sentence in outcome.detail


def test_a_replace_key_is_a_number(driver: Drivers) -> None:
    """The same for the same key, another for another, and within 31 bits."""
    one = driver(tokens=1)
    numbers = []
    for key in ("chat-1", "chat-1", "chat-2"):
        push(one, replace_key=key)
        numbers.append(inside(one)["notifyId"])

    assert numbers[0] == numbers[1] != numbers[2]
    assert all(0 < number < 2**31 for number in numbers)


def test_the_mark_of_a_batch(driver: Drivers) -> None:
    """The gateway's parameter is the tag of the whole request, unless the notification has its own, of 64 bytes."""
    one = driver(tokens=2)
    batch = Batch.of([Push(PushToken(1, token), Notification("t", "b")) for token in one.sandbox.tokens])
    batch.callback = CallBack("https://im.example/r", "mark")
    one.carry(lambda: one.vendor.push(batch), "")

    assert body(one)["android"]["biTag"] == "mark"
    assert one.vendor.marks == "message"
    assert push(one, receipt_parameter="长" * 21)[0].ok
    assert push(one, receipt_parameter="长" * 22)[0].detail.startswith("receipt_parameter: ")


# Classes


@pytest.mark.parametrize(
    ("intent", "importance"),
    [("chat", "NORMAL"), ("call", "NORMAL"), ("order", "NORMAL"), ("marketing", "LOW"), ("news", "LOW"), (None, None)],
)
def test_classes_of_intents(driver: Drivers, intent: str | None, importance: str | None) -> None:
    """By the rules; without an intent Honor decides."""
    one = driver(tokens=1)
    push(one, intent=intent)

    assert inside(one).get("importance") == importance


def test_a_table_of_intents(driver: Drivers) -> None:
    """The certificate's classes come before those of the rules; marketing is never NORMAL."""
    one = driver({"intents": {"friend": {"category": "LOW"}}}, tokens=1)
    push(one, intent="friend")

    assert one.sandbox.ledger.deliveries[0].category == "LOW"
    own = {"honor": {"android.notification.importance": "NORMAL"}}
    assert "is private" in push(one, intent="marketing", overrides=own)[0].detail
    with pytest.raises(ConfigError, match=r"intents\.marketing\.category: 'NORMAL' is private"):
        driver({"intents": {"marketing": {"category": "NORMAL"}}})
    with pytest.raises(ConfigError, match=r"intents\.chat\.category: must be one of NORMAL, LOW"):
        driver({"intents": {"chat": {"category": "HIGH"}}})
    with pytest.raises(ConfigError, match=r"intents\.chat\.channel_id: Honor has no such thing"):
        driver({"intents": {"chat": {"channel_id": "c"}}})


def test_rulings(driver: Drivers) -> None:
    """What is cut, left out and chosen, by the rows of the rules."""
    one = driver({"badge_class": None}, tokens=1)
    note = Notification("t" * 41, "b", intent="chat", badge=Badge.add(1), alert=Alert.URGENT)
    rulings = one.vendor.rulings(Push(PushToken(1, "x"), note))

    found = {(ruling.field, ruling.effect) for ruling in rulings}
    assert {("title", "cut"), ("badge", "ignored"), ("alert", "ignored"), ("intent", "applies")} <= found
    assert "cut to 40 characters, has 41" in [ruling.verdict for ruling in rulings]
    assert {ruling.rule for ruling in rulings} >= {"dialects.v1.quotas.rate_of_an_app", "dialects.v1.intents.chat"}
