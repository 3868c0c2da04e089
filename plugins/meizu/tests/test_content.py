"""What becomes of a notification: fields, limits, types, looks, and what Meizu lacks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from pushgateway_meizu.replies import FACTS

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.vendor import (
    Alert,
    Badge,
    Batch,
    Button,
    CallBack,
    Network,
    Notification,
    OpenActivity,
    OpenApp,
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
NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)
"""Noon in China."""


def push(one: ExchangeDriver, count: int = 1, **fields: Any) -> list[Outcome]:
    """Push one notification to the first phones."""
    note = Notification(**{"title": "title", "body": "text", **fields})
    batch = Batch.of([Push(PushToken(1, token), note) for token in one.sandbox.tokens[:count]])
    return list(one.carry(lambda: one.vendor.push(batch), ""))


def message(one: ExchangeDriver) -> Any:
    """The `messageJson` of the last request."""
    return json.loads(parse_qs(one.requests[-1].content.decode())["messageJson"][0])


@pytest.mark.parametrize(("word", "most"), [("title", 32), ("body", 100), ("subtitle", 16)])
def test_texts_are_cut_at_their_limits(driver: Drivers, word: str, most: int) -> None:
    """At the limit whole, with one character more cut and named: a longer one would make the push fail."""
    one = driver(tokens=1)
    whole, cut = push(one, **{word: "长" * most}), push(one, **{word: "长" * (most + 1)})

    shown = [getattr(delivery, word) for delivery in one.sandbox.ledger.deliveries]
    assert (whole[0].truncated, cut[0].truncated) == ((), (word,))
    assert shown == ["长" * most, "长" * (most - 1) + "…"]


def test_the_usual_fields(driver: Drivers) -> None:
    """A notification without anything opens the app, and says its type."""
    one = driver(tokens=2)
    push(one, 2)

    assert message(one) == {
        "noticeBarInfo": {"title": "title", "content": "text", "noticeMsgType": 0},
        "clickTypeInfo": {"clickType": 0},
    }


@pytest.mark.parametrize(
    ("ttl", "sent", "cut"),
    [
        (1, 1, False),
        (3600, 1, False),
        (3601, 2, False),
        (259_200, 72, False),
        (259_201, 72, True),
        (10**9, 72, True),
    ],
)
def test_a_ttl_is_in_hours(driver: Drivers, ttl: int, sent: int, cut: bool) -> None:
    """Rounded up, 72 at most; above, it is cut and named."""
    one = driver(tokens=1)
    (outcome,) = push(one, ttl=ttl)

    assert (outcome.ok, outcome.truncated) == (True, ("ttl",) if cut else ())
    assert message(one)["pushTimeInfo"] == {"validTime": sent}


@pytest.mark.parametrize("fields", [{"ttl": 0}, {"store_offline": False}])
def test_only_for_phones_that_are_online(driver: Drivers, fields: Any) -> None:
    """A ttl of 0 asks for it too; 0 hours would be refused."""
    one = driver(tokens=1)
    push(one, **fields)

    assert message(one)["pushTimeInfo"] == {"offLine": 0}
    assert one.sandbox.ledger.deliveries[0].store_offline is False


@pytest.mark.parametrize(
    ("click", "sent"),
    [
        (OpenApp(), {"clickType": 0}),
        (OpenActivity("com.a.Main"), {"clickType": 1, "activity": "com.a.Main"}),
        (OpenUrl("https://a.example/x"), {"clickType": 2, "url": "https://a.example/x"}),
        (OpenUrl("chat://room/7"), {"clickType": 2, "url": "chat://room/7"}),
    ],
)
def test_clicks(driver: Drivers, click: Any, sent: Any) -> None:
    """Deep links are URLs with the app's own scheme; data are extras, as an object."""
    one = driver(tokens=1)
    push(one, click=click, data={"a": 1})

    assert message(one)["clickTypeInfo"] == {**sent, "parameters": {"a": 1}}
    assert one.sandbox.ledger.deliveries[0].click == click


@pytest.mark.parametrize("extra", [0, 1])
def test_the_longest_url(driver: Drivers, extra: int) -> None:
    """1,000 bytes; one more is refused before the request, and so is the name of a class."""
    one = driver(tokens=1)
    start = "https://a.example/"
    (url,) = push(one, click=OpenUrl(start + "x" * (1000 - len(start) + extra)))
    (activity,) = push(one, click=OpenActivity("a" * (1000 + extra)))

    assert url.ok == activity.ok == (extra == 0)
    assert url.ok or url.detail.startswith("click: must have at most 1000 bytes")


def test_wrong_clicks_are_refused_by_name(driver: Drivers) -> None:
    """What is no URL, and no class."""
    one = driver(tokens=1)
    for click in (OpenUrl("a.example"), OpenUrl("https://a b"), OpenActivity("a b"), OpenActivity("")):
        (outcome,) = push(one, click=click)

        assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)
        assert outcome.detail.startswith("click: ")


def test_an_intent_uri_is_sent_where_the_certificate_says_so(driver: Drivers) -> None:
    """No source says whether phones open it. An intent's action is not offered at all."""
    plain, known = driver(tokens=1), driver(tokens=1, intent_uris=True)
    uri = OpenIntentUri("intent://x/#Intent;scheme=app;end")
    (refused,), (action,), (sent,) = (
        push(plain, click=uri),
        push(known, click=OpenIntent("a.B")),
        push(known, click=uri),
    )

    assert (refused.status, refused.reason) == (Status.NOT_SENT, Reason.UNSUPPORTED)
    assert "it has OpenApp, OpenActivity, OpenUrl" in refused.detail
    assert action.reason is Reason.UNSUPPORTED
    assert sent.ok
    assert message(known)["clickTypeInfo"] == {"clickType": 2, "url": uri.uri}


def test_the_display_window(driver: Drivers) -> None:
    """On the clock of China, and with both ends."""
    one = driver(tokens=1)
    push(one, show_from=NOON, show_until=NOON + timedelta(hours=1))
    windows = [push(one, show_from=NOON), push(one, show_until=NOON), push(one, time_zone="GMT+09:00")]

    (shown,) = one.sandbox.ledger.deliveries
    assert (shown.show_from, shown.show_until) == (NOON.timestamp(), NOON.timestamp() + 3600)
    assert [(outcome.status, outcome.reason) for (outcome,) in windows] == [
        (Status.NOT_SENT, Reason.INVALID_NOTIFICATION),
        (Status.NOT_SENT, Reason.INVALID_NOTIFICATION),
        (Status.NOT_SENT, Reason.UNSUPPORTED),
    ]
    details = [outcome.detail for (outcome,) in windows]
    assert "show_until" in details[0]
    assert "show_from" in details[1]


def test_the_display_window_is_written_as_text(driver: Drivers) -> None:
    """As the document has it."""
    one = driver(tokens=1)
    push(one, show_from=NOON, show_until=NOON + timedelta(hours=1))

    assert message(one)["advanceInfo"] == {
        "fixDisplay": 1,
        "fixStartDisplayTime": "2026-11-22 12:00:00",
        "fixEndDisplayTime": "2026-11-22 13:00:00",
    }


@pytest.mark.parametrize(
    ("alert", "sent"),
    [
        (Alert.SILENT, {"suspend": 0, "notificationType": {"vibrate": 0, "sound": 0}}),
        (Alert.NORMAL, {"suspend": 0, "notificationType": {"vibrate": 1, "sound": 1}}),
        (Alert.URGENT, {"suspend": 1, "notificationType": {"vibrate": 1, "sound": 1}}),
    ],
)
def test_alerts(driver: Drivers, alert: Alert, sent: Any) -> None:
    """A banner is for urgent ones; it is Meizu's default where nothing is said."""
    one = driver(tokens=1)
    push(one, alert=alert)

    assert message(one)["advanceInfo"] == sent
    assert one.sandbox.ledger.deliveries[0].alert is alert


@pytest.mark.parametrize(("key", "whole"), [("order_A1", True), ("order_A12", False), ("会话", False), ("a b", False)])
def test_a_replace_key_has_8_characters(driver: Drivers, key: str, whole: bool) -> None:
    """Itself where it fits; otherwise one made of it, the same for the same key."""
    one = driver(tokens=1)
    push(one, replace_key=key)
    push(one, replace_key=key)

    first, second = (delivery.replaces for delivery in one.sandbox.ledger.deliveries)
    assert first == second
    assert (first == key) == whole
    assert len(first) == 8


def test_a_long_text_and_a_picture(driver: Drivers) -> None:
    """There is one of them: the picture, which VIP apps may have."""
    vip, usual = driver(tokens=1), driver({"vip": False}, tokens=1, vip=False)
    vip.sandbox.verify_picture("https://a.example/p.png")
    both = {"long_body": "more", "picture": "https://a.example/p.png"}
    (one,) = push(vip, **both)
    pictured = message(vip)["noticeExpandInfo"]
    (other,) = push(usual, **both)

    assert (one.omitted, other.omitted) == (("long_body",), ("picture",))
    assert pictured == {"noticeExpandType": 2, "noticeExpandImgUrl": "https://a.example/p.png"}
    assert message(usual)["noticeExpandInfo"] == {"noticeExpandType": 1, "noticeExpandContent": "more"}
    assert usual.sandbox.ledger.deliveries[0].long_body == "more"


def test_looks_of_vip_apps(driver: Drivers) -> None:
    """Without the right they are left out and named."""
    vip, usual = driver(tokens=1), driver({"vip": False}, tokens=1, vip=False)
    vip.sandbox.verify_picture("https://a.example/i.png")
    looks = {"subtitle": "now", "icon": "https://a.example/i.png"}

    assert (push(vip, **looks)[0].omitted, push(usual, **looks)[0].omitted) == ((), ("subtitle", "icon"))
    assert message(vip)["vipInfo"] == {"subtitle": "now", "bigIconUrl": "https://a.example/i.png"}
    assert "vipInfo" not in message(usual)


def test_what_meizu_lacks(driver: Drivers) -> None:
    """Looks are left out and named; what changes when, to whom or what it does is refused."""
    one = driver(tokens=1)
    looks = {
        "badge": Badge.add(1),
        "sound": "ring.mp3",
        "channel_id": "c",
        "group": "g",
        "buttons": (Button("Yes"),),
        "show_in_foreground": False,
    }
    (outcome,) = push(one, **looks)
    refused = [push(one, **fields)[0] for fields in ({"network": Network.WIFI}, {"user_id": "ann"})]

    assert (outcome.ok, set(outcome.omitted)) == (True, set(looks))
    assert [(each.status, each.reason) for each in refused] == [(Status.NOT_SENT, Reason.UNSUPPORTED)] * 2


def test_receipts_are_asked_for_in_extra(driver: Drivers) -> None:
    """By the notification, or by the gateway's mark of the batch, with its address; both at their limits."""
    one = driver(tokens=1)
    url, parameter = "https://im.example/" + "r" * 109, "p" * 64
    (outcome,) = push(one, receipt_url=url, receipt_parameter=parameter)
    own = message(one)["extra"]
    batch = Batch.of([Push(PushToken(1, one.sandbox.tokens[0]), Notification("t", "b"))])
    batch.callback = CallBack("https://im.example/g", "mark")
    one.carry(lambda: one.vendor.push(batch), "")

    assert outcome.ok
    assert own == {"callback": url, "callback.param": parameter}
    assert message(one)["extra"] == {"callback": "https://im.example/g", "callback.param": "mark"}
    for fields in (
        {"receipt_url": url + "r"},
        {"receipt_url": url, "receipt_parameter": parameter + "p"},
        {"receipt_url": "ftp://a"},
        {"receipt_parameter": "p"},
    ):
        (refused,) = push(one, **fields)
        assert (refused.status, refused.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)


# Types


@pytest.mark.parametrize(
    ("intent", "sent"),
    [
        *((word, 1) for word in ("chat", "group_chat", "mention", "call", "recall", "friend", "system", "order")),
        ("marketing", 0),
        ("news", 0),
    ],
)
def test_the_type_of_an_intent(driver: Drivers, intent: str, sent: int) -> None:
    """Private for what concerns one user; the default of Meizu would limit a chat to three messages a day."""
    one = driver(tokens=1)
    push(one, intent=intent)

    assert message(one)["noticeBarInfo"]["noticeMsgType"] == sent
    assert one.vendor.quota(Notification("t", "b", intent=intent)) == ("private" if sent else "public")


def test_the_type_without_an_intent(driver: Drivers) -> None:
    """As the certificate says; an override has the last word, but for marketing."""
    one = driver({"category": "private"}, tokens=1)
    push(one)
    own = {"meizu": {"noticeBarInfo": {"noticeMsgType": 0}}}

    assert message(one)["noticeBarInfo"]["noticeMsgType"] == 1
    assert one.vendor.quota(Notification("t", "b")) == "private"
    assert one.vendor.quota(Notification("t", "b", overrides=own)) == "public"
    push(one, overrides=own)
    assert message(one)["noticeBarInfo"]["noticeMsgType"] == 0
    (refused,) = push(one, intent="marketing", overrides={"meizu": {"noticeBarInfo.noticeMsgType": 1}})
    assert refused.reason is Reason.INVALID_NOTIFICATION
    assert "'private' is private, and marketing is for everybody" in refused.detail


def test_a_table_of_intents(driver: Drivers) -> None:
    """The certificate's own type of an intent."""
    one = driver({"intents": {"order": {"category": "public"}}}, tokens=1)
    push(one, intent="order")

    assert message(one)["noticeBarInfo"]["noticeMsgType"] == 0


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"noticeBarInfo": {"noticeBarType": 1}}, "must be one of 0, 2"),
        ({"clickTypeInfo": {"clickType": 3}}, "Meizu needs clickTypeInfo.customAttribute"),
        ({"vipInfo": {"timeTop": 1799}}, "at least 1800"),
        ({"vipInfo": {"timeTop": 1800, "pullDownTop": 1}}, "cannot stand beside"),
        ({"vipInfo": {"titleColor": "#000000"}}, "must be one of #206CFF, #E42D22"),
        ({"advanceInfo": {"notifyKey": "too long!"}}, "must have at most 8 characters"),
        ({"advanceInfo": {"fixSpeed": 1}}, "broadcasts only"),
        ({"callback.type": 4}, "must be one of 1, 2, 3"),
        ({"callback.type": 1}, "Meizu needs callback with it"),
        ({"nothing": 1}, "no such field"),
    ],
)
def test_wrong_overrides_are_refused_by_name(driver: Drivers, fields: Any, sentence: str) -> None:
    """Before any request."""
    one = driver(tokens=1)
    (outcome,) = push(one, overrides={"meizu": fields})

    assert outcome.status is Status.NOT_SENT
    assert sentence in outcome.detail
    assert one.requests == []


def test_every_field_of_the_rules_is_taken_as_an_override(driver: Drivers) -> None:
    """With a right value each reaches the sandbox, which checks it by the same row."""
    one = driver(tokens=1)
    for url in ("https://a.example/b.png", "https://a.example/s.png"):
        one.sandbox.verify_picture(url)
    first = {
        "noticeBarInfo": {"noticeBarType": 2},
        "clickTypeInfo": {"clickType": 3, "customAttribute": "x"},
        "advanceInfo": {"clearNoticeBar": 0, "notificationType": {"lights": 0}},
        "vipInfo": {"timeTop": 7200, "notGroup": 1, "titleColor": "#206CFF", "smallIconUrl": "https://a.example/s.png"},
    }
    second = {"vipInfo": {"pullDownTop": 1, "backgroundImgUrl": "https://a.example/b.png"}, "callback.type": 2}

    assert push(one, overrides={"meizu": first})[0].ok
    assert push(one, receipt_url="https://im.example/r", overrides={"meizu": second})[0].ok
    set_by_overrides = {name for name, row in FACTS.fields.items() if not row.says}
    seen = {name for shown in one.sandbox.ledger.deliveries for name in shown.notification}
    assert set_by_overrides <= seen


def test_several_packages(driver: Drivers) -> None:
    """They are a field of the form, which is signed with the rest."""
    one = driver({"packages": ["com.a.chat", "com.a.chat.hd"]}, tokens=1)

    assert push(one)[0].ok
    assert parse_qs(one.requests[-1].content.decode())["restrictedPackageNames"] == ["com.a.chat,com.a.chat.hd"]
