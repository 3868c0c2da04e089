"""What a notification becomes: fields, limits, classes, clicks, data, receipts, and what vivo lacks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pushgateway_vivo.replies import RULES

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.vendor import (
    Alert,
    Audience,
    Badge,
    Broadcast,
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
    Refused,
)

Drivers = Callable[..., ExchangeDriver]
REVIEW = {"reviewer": "r", "type": 1, "result": 1}
AT = datetime(2026, 11, 22, 8, tzinfo=UTC)


def sent(one: ExchangeDriver, **fields: Any) -> tuple[dict[str, Any], Outcome]:
    """The body of a single push of this notification, and its outcome."""
    note = Notification(**{"title": "t", "body": "b", **fields})
    (outcome,) = one.push([Push(PushToken(1, one.sandbox.tokens[0]), note, dedupe_id="d-1")])
    return (json.loads(one.requests[-1].content) if one.requests else {}), outcome


@pytest.mark.parametrize(
    ("fields", "made"),
    [
        ({}, {"notifyType": 4, "skipType": 1, "classification": 0}),
        ({"alert": Alert.SILENT}, {"notifyType": 1}),
        ({"alert": Alert.NORMAL}, {"notifyType": 4}),
        ({"ttl": 60}, {"timeToLive": 60}),
        ({"ttl": 86_400}, {"timeToLive": 86_400}),
        ({"ttl": 0}, {"sendOnline": True}),
        ({"store_offline": False}, {"sendOnline": True}),
        ({"network": Network.WIFI}, {"networkType": 1}),
        ({"badge": Badge.add(1)}, {"addBadge": True}),
        ({"show_in_foreground": False}, {"foregroundShow": False}),
        ({"user_id": "ann"}, {"profileId": "ann"}),
        ({"data": {"a": "x", "b": 1, "c": [True]}}, {"clientCustomMap": {"a": "x", "b": "1", "c": "[true]"}}),
        ({"click": OpenUrl("http://a.example/x")}, {"skipType": 2, "skipContent": "http://a.example/x"}),
        (
            {"click": OpenActivity("com.example.chat.Room")},
            {"skipType": 4, "skipContent": "intent:#Intent;component=com.example.chat/com.example.chat.Room;end"},
        ),
        (
            {"click": OpenIntent("com.example.OPEN")},
            {"skipType": 4, "skipContent": "intent:#Intent;action=com.example.OPEN;package=com.example.chat;end"},
        ),
        ({"click": OpenIntentUri("app://chat/17")}, {"skipType": 4, "skipContent": "app://chat/17"}),
        (
            {"show_from": AT, "show_until": datetime(2026, 11, 22, 9, tzinfo=UTC)},
            {
                "timedDisplay": {
                    "overtimeDisplay": False,
                    "showStartTime": 1_795_334_400_000,
                    "showEndTime": 1_795_338_000_000,
                }
            },
        ),
        ({"overrides": {"vivo": {"auditReview": [REVIEW]}}}, {"auditReview": [REVIEW]}),
        ({"overrides": {"vivo": {"marketing": {"creativeId": "7"}}}}, {"marketing": {"creativeId": "7"}}),
        ({"overrides": {"vivo": {"skipType": 3, "skipContent": "x"}}}, {"skipType": 3, "skipContent": "x"}),
    ],
)
def test_a_field_of_ours_is_one_of_vivos(driver: Drivers, fields: dict[str, Any], made: dict[str, Any]) -> None:
    """And the sandbox takes it."""
    body, outcome = sent(driver(tokens=1), **fields)

    assert outcome.ok
    assert {name: body[name] for name in made} == made
    assert outcome.omitted == ()


def test_a_usual_push_has_no_other_fields(driver: Drivers) -> None:
    """Nothing is sent as null or empty; the app and the receipt id always go along."""
    body, _ = sent(driver(tokens=1))

    assert body.keys() == {
        *("appId", "requestId", "regId", "title", "content", "notifyType", "skipType", "classification", "extra"),
    }
    assert (body["appId"], body["requestId"], body["extra"]) == (100000001, "d-1", {"callback.id": "12345"})


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"alert": Alert.URGENT}, "alert"),
        ({"badge": Badge.add(2)}, "badge"),
        ({"badge": Badge.set(1)}, "badge"),
        ({"subtitle": "s"}, "subtitle"),
        ({"channel_id": "c"}, "channel_id"),
        ({"sound": "ring.mp3"}, "sound"),
        ({"long_body": "long"}, "long_body"),
        ({"picture": "https://a.example/p.png"}, "picture"),
        ({"icon": "https://a.example/i.png"}, "icon"),
        ({"buttons": (Button("yes"),)}, "buttons"),
        ({"group": "g"}, "group"),
    ],
)
def test_looks_that_vivo_lacks_are_left_out(driver: Drivers, fields: dict[str, Any], word: str) -> None:
    """And named; how it rings is then as the settings say."""
    body, outcome = sent(driver(tokens=1), **fields)

    assert outcome.omitted == (word,)
    assert body["notifyType"] == 4
    assert "addBadge" not in body


@pytest.mark.parametrize(
    ("fields", "reason", "sentence"),
    [
        ({"time_zone": "GMT+08:00"}, Reason.UNSUPPORTED, "time_zone: vivo has no such thing"),
        ({"show_from": AT}, Reason.INVALID_NOTIFICATION, "show_from: vivo needs timedDisplay.showEndTime with it"),
        ({"receipt_url": "https://a.example"}, Reason.UNSUPPORTED, "receipt_url: vivo posts to the address in its"),
        ({"user_id": "x" * 65}, Reason.INVALID_NOTIFICATION, "user_id: must have at most 64 characters, has 65"),
        ({"receipt_parameter": "x" * 65}, Reason.INVALID_NOTIFICATION, "receipt_parameter: must have at most 64"),
        ({"click": OpenUrl("ftp://a")}, Reason.INVALID_NOTIFICATION, "click: must be a URL that begins with"),
        ({"click": OpenIntentUri("a" * 1025)}, Reason.INVALID_NOTIFICATION, "click: must have at most 1024"),
        ({"data": {"k": "x" * 1024}}, Reason.INVALID_NOTIFICATION, "data: must have at most 1024 characters in all"),
        ({"title": " "}, Reason.INVALID_NOTIFICATION, "title: must have 1 to 40 characters, is blank"),
        (
            {"intent": "marketing", "overrides": {"vivo": {"category": "IM"}}},
            Reason.INVALID_NOTIFICATION,
            'overrides["vivo"]["category"]: \'IM\' is private, and marketing is for everybody',
        ),
        (
            {"intent": "chat", "overrides": {"vivo": {"classification": 0}}},
            Reason.INVALID_NOTIFICATION,
            'overrides["vivo"]["classification"]: does not fit IM, which is of class system',
        ),
        (
            {"overrides": {"vivo": {"classification": 2}}},
            Reason.INVALID_NOTIFICATION,
            'overrides["vivo"]["classification"]: must be one of 0, 1',
        ),
        (
            {"overrides": {"vivo": {"classification": "1"}}},
            Reason.INVALID_NOTIFICATION,
            'overrides["vivo"]["classification"]: must be an int, is str',
        ),
        (
            {"overrides": {"vivo": {"category": "im"}}},
            Reason.INVALID_NOTIFICATION,
            'overrides["vivo"]["category"]: must be one of IM, ACCOUNT',
        ),
        (
            {"overrides": {"vivo": {"requestId": "r"}}},
            Reason.INVALID_NOTIFICATION,
            'overrides["vivo"]["requestId"]: is made for each push',
        ),
        (
            {"overrides": {"vivo": {"notify_id": 7}}},
            Reason.INVALID_NOTIFICATION,
            "nearest is notifyId",
        ),
    ],
)
def test_what_vivo_would_refuse_is_not_sent(
    driver: Drivers, fields: dict[str, Any], reason: Reason, sentence: str
) -> None:
    """The sentence names the host's field, and no request is made."""
    one = driver(tokens=1)
    _, outcome = sent(one, **fields)

    assert one.requests == []
    assert outcome.reason is reason
    assert sentence in outcome.detail


@pytest.mark.parametrize(("word", "name", "most"), [("title", "title", 40), ("body", "content", 100)])
def test_long_texts_are_cut(driver: Drivers, word: str, name: str, most: int) -> None:
    """At the limit and one beyond. An emoji counts 2, so that either way of counting takes what is sent."""
    one = driver(tokens=1)
    for text, cut in (
        ("长" * most, ()),
        ("长" * (most + 1), (word,)),
        ("😀" * (most // 2), ()),
        ("😀" * most, (word,)),
    ):
        body, outcome = sent(one, **{word: text})

        assert outcome.truncated == cut
        assert len(body[name].encode("utf-16-le")) // 2 <= most


def test_a_certificate_may_have_other_limits(driver: Drivers) -> None:
    """An app that is held to 20 and 50 Chinese characters, and one whose links may be longer."""
    one = driver({"title_characters": 20, "body_characters": 50, "click_characters": 2048}, tokens=1, longer=True)
    body, outcome = sent(one, title="长" * 21, body="长" * 51, click=OpenIntentUri("a" * 2048))

    assert (len(body["title"]), len(body["content"]), len(body["skipContent"])) == (20, 50, 2048)
    assert outcome.ok


@pytest.mark.parametrize(("ttl", "kept"), [(1, 60), (59, 60), (86_401, 86_400), (10**9, 86_400)])
def test_a_ttl_out_of_range_is_fitted_and_named(driver: Drivers, ttl: int, kept: int) -> None:
    """vivo keeps a push a minute at least and a day at most."""
    body, outcome = sent(driver(tokens=1), ttl=ttl)

    assert body["timeToLive"] == kept
    assert outcome.truncated == ("ttl",)


@pytest.mark.parametrize(
    ("intent", "category"),
    [(word, rule.category) for word, rule in RULES.dialects["v2"].intents.items()],
)
def test_an_intent_has_category_and_class(driver: Drivers, intent: str, category: str) -> None:
    """Which always fit each other; the class is the daily quota."""
    one = driver(tokens=1)
    body, outcome = sent(one, intent=intent)
    group = RULES.dialects["v2"].categories[category].group

    assert outcome.ok
    assert (body["category"], body["classification"]) == (category, int(group == "system"))
    assert one.vendor.quota(Notification("t", "b", intent=intent)) == group


@pytest.mark.parametrize(
    ("settings", "fields", "category", "classification"),
    [
        ({}, {}, None, 0),
        ({"category": "TODO"}, {}, "TODO", 1),
        ({"category": "TODO"}, {"intent": "news"}, "NEWS", 0),
        ({"category": "TODO"}, {"overrides": {"vivo": {"category": "CONTENT"}}}, "CONTENT", 0),
        ({}, {"overrides": {"vivo": {"classification": 1}}}, None, 1),
        ({"intents": {"friend": {"category": "IM"}}}, {"intent": "friend"}, "IM", 1),
    ],
)
def test_the_class_follows_the_category(
    driver: Drivers, settings: dict[str, Any], fields: dict[str, Any], category: str | None, classification: int
) -> None:
    """Wherever the category comes from."""
    one = driver(settings, tokens=1)
    body, outcome = sent(one, **fields)

    assert outcome.ok
    assert (body.get("category"), body["classification"]) == (category, classification)
    assert one.vendor.quota(Notification("t", "b", **fields)) == ("system" if classification else "operational")


def test_data_fit_to_the_character(driver: Drivers) -> None:
    """Keys and values together, without the signs of JSON."""
    body, outcome = sent(driver(tokens=1), data={"key": '"' * 1021})

    assert outcome.ok
    assert len(body["clientCustomMap"]["key"]) == 1021


@pytest.mark.parametrize("alone", [{"user_id": "ann"}, {"overrides": {"vivo": {"profileId": "ann"}}}])
def test_what_only_a_single_push_has_goes_alone(driver: Drivers, alone: dict[str, Any]) -> None:
    """A broadcast with it is refused by name."""
    vendor = driver().vendor
    note = Notification("t", "b", **alone)

    assert vendor.is_alone(note)
    assert not vendor.is_alone(Notification("t", "b", data={"a": 1}, overrides={"vivo": {"category": "IM"}}))
    with pytest.raises(Refused, match="for single pushes only"):
        next(vendor.broadcast(Broadcast("1", note, Audience.everyone()), ""))


def test_receipts_of_the_old_style_are_for_single_pushes(driver: Drivers) -> None:
    """Without a receipt id the notification may name an address; a parameter alone comes back with nothing."""
    one = driver(tokens=1, receipts="old")
    body, outcome = sent(one, receipt_url="https://a.example/r", receipt_parameter="m-42")
    _, refused = sent(one, receipt_parameter="m-42")

    assert outcome.ok
    assert body["extra"] == {"callback": "https://a.example/r", "callback.param": "m-42"}
    assert one.vendor.is_alone(Notification("t", "b", receipt_url="https://a.example/r"))
    assert refused.reason is Reason.UNSUPPORTED
    assert refused.detail.startswith("receipt_parameter: vivo returns it in receipts only")
    assert one.vendor.marks == "none"


def test_the_gateways_mark_is_saved_with_a_content(driver: Drivers) -> None:
    """One parameter for all of a list, beside the receipt id."""
    one = driver(tokens=3)
    callback = CallBack("https://im.example/r", "mark")
    one.push([Push(PushToken(1, token), Notification("t", "b"), callback=callback) for token in one.sandbox.tokens])
    saved = json.loads(one.saves[0].content)

    assert saved["extra"] == {"callback.id": "12345", "callback.param": "mark"}
    assert one.vendor.marks == "message"


def test_test_messages(driver: Drivers) -> None:
    """Single pushes, saved contents and lists."""
    one = driver({"test_messages": True}, tokens=2)
    body, _ = sent(one)
    one.push([Push(PushToken(1, token), Notification("t", "b")) for token in one.sandbox.tokens])

    assert body["pushMode"] == 1
    assert json.loads(one.saves[0].content)["pushMode"] == json.loads(one.requests[-1].content)["pushMode"] == 1


@pytest.mark.parametrize(("is_test", "mode"), [(False, 1), (True, 0)])
def test_a_list_is_a_test_where_its_content_is(driver: Drivers, is_test: bool, mode: int) -> None:
    """Also where the notification and not the certificate says so: a list without `pushMode` could go to users."""
    one = driver({"test_messages": is_test}, tokens=2)
    note = Notification("t", "b", overrides={"vivo": {"pushMode": mode}})
    one.push([Push(PushToken(1, token), note) for token in one.sandbox.tokens])

    assert json.loads(one.saves[0].content)["pushMode"] == json.loads(one.requests[-1].content)["pushMode"] == mode


def test_a_tap_without_a_package(driver: Drivers) -> None:
    """An activity needs it, an action does not."""
    one = driver({"package": None}, tokens=1)
    _, refused = sent(one, click=OpenActivity(".Main"))
    body, outcome = sent(one, click=OpenIntent("a.b"))

    assert refused.detail.startswith("click: OpenActivity needs the setting package")
    assert outcome.ok
    assert body["skipContent"] == "intent:#Intent;action=a.b;end"
    assert sent(one, click=OpenApp())[0]["skipType"] == 1
