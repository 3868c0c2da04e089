"""Every field of a notification in OPPO's names, cut or refused at the limits of its dialect."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from encoding import CURRENT, TOKEN, V13, encode_unicast, encoded_batch, message, note, unicast

from pushgateway.vendor import (
    Network,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Push,
    PushToken,
    Reason,
    Status,
)

INVALID = Reason.INVALID_NOTIFICATION
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def refusal(notification: Notification, dialect=V13) -> tuple[Reason | None, str]:
    encoded = encoded_batch([Push(PushToken(1, TOKEN), notification)], dialect)
    assert not encoded.sent
    outcome = encoded.settled[0]
    assert outcome.status is Status.NOT_SENT
    return outcome.reason, outcome.detail


def test_unset_fields_are_left_out() -> None:
    """A field that is not set is not sent, so that OPPO's default applies: `off_line` false would turn storing off."""
    sent = unicast(note())

    assert sent == {
        "target_type": 2,
        "target_value": TOKEN,
        "notification": {"title": "Hi", "content": "You have mail"},
    }


def test_every_field_of_a_notification_is_sent() -> None:
    """Each field that a notification can set in a unicast is sent under OPPO's name."""
    sent = unicast(
        note(
            subtitle="sub",
            click=OpenUrl("https://example.org/?a=1&b=2"),
            data={"k": "值", "n": [1, None]},
            ttl=60,
            time_zone="GMT+08:00",
            receipt_url="https://example.org/receipt",
            receipt_parameter="order-42",
            channel_id="chat",
        ),
        CURRENT,
        dedupe_id="d-1",
    )

    assert sent["notification"] == {
        "app_message_id": "d-1",
        "title": "Hi",
        "content": "You have mail",
        "sub_title": "sub",
        "click_action_type": 2,
        "click_action_url": "https://example.org/?a=1&b=2",
        "action_parameters": '{"k":"值","n":[1,null]}',
        "off_line_ttl": 60,
        "time_zone": "GMT+08:00",
        "call_back_url": "https://example.org/receipt",
        "call_back_parameter": "order-42",
        "channel_id": "chat",
    }


@pytest.mark.parametrize(
    ("click", "fields"),
    [
        (OpenApp(), {}),
        (OpenIntent("a.b"), {"click_action_type": 1, "click_action_activity": "a.b"}),
        (OpenUrl("https://e"), {"click_action_type": 2, "click_action_url": "https://e"}),
        (OpenActivity("a.B"), {"click_action_type": 4, "click_action_activity": "a.B"}),
        (OpenIntentUri("intent://x"), {"click_action_type": 5, "click_action_url": "intent://x"}),
    ],
)
def test_every_click_action(click: Any, fields: Mapping[str, object]) -> None:
    """Each click action has its type (OPPO has no type 3) and its target in the field of that type."""
    sent = unicast(note(click=click))["notification"]

    assert {name: value for name, value in sent.items() if name.startswith("click")} == fields


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"store_offline": False}, {"off_line": False}),
        ({"ttl": 0}, {"off_line": False}),
        ({"ttl": 9, "store_offline": False}, {"off_line": False, "off_line_ttl": 9}),
        ({"ttl": 0, "overrides": {"oppo": {"off_line": True}}}, {"off_line": True}),
    ],
)
def test_offline_storage(fields: Mapping[str, Any], expected: Mapping[str, object]) -> None:
    """A ttl of 0 means: only for phones that are online now."""
    sent = unicast(note(**fields))["notification"]

    assert {name: value for name, value in sent.items() if name.startswith("off")} == expected


@pytest.mark.parametrize(("dialect", "title", "body"), [(V13, 32, 200), (CURRENT, 50, 50)])
def test_texts_are_cut_at_the_limit_plus_one(dialect: Any, title: int, body: int) -> None:
    """A text at the limit is unchanged; one character more is cut with an ellipsis, and the field is named."""
    fitting = note(title="题" * title, body="b" * body, subtitle="s" * 10)
    over = note(title="题" * (title + 1), body="b" * (body + 1), subtitle="s" * 11)
    encoded = encoded_batch([Push(PushToken(1, "a"), fitting), Push(PushToken(1, "b"), over)], dialect)

    sent = [item["notification"] for item in message(encode_unicast(encoded, dialect)[1], "messages")]

    assert encoded.truncated == [(), ("title", "body", "subtitle")]
    assert sent[0] == {"title": "题" * title, "content": "b" * body, "sub_title": "s" * 10}
    assert sent[1] == {"title": "题" * (title - 1) + "…", "content": "b" * (body - 1) + "…", "sub_title": "s" * 9 + "…"}


def test_the_style_changes_the_limit_of_the_text() -> None:
    """Style 2 (long text) allows 128 characters."""
    style = {"oppo": {"style": 2}}

    sent = [unicast(note(body="b" * size, overrides=style), CURRENT)["notification"]["content"] for size in (128, 129)]

    assert sent == ["b" * 128, "b" * 127 + "…"]


@pytest.mark.parametrize(
    ("dialect", "fields", "over", "reason", "sentence"),
    [
        (V13, {"title": "x"}, {"title": " \n"}, INVALID, "title: must have 1 to 32 characters, is blank"),
        (V13, {"body": "x"}, {"body": "\x00"}, INVALID, "body: must have 1 to 200 characters, is blank"),
        (V13, {"title": "\u200bx"}, {"title": "\u200b"}, INVALID, "title: must have 1 to 32 characters, is blank"),
        (V13, {"title": "\u3164x"}, {"title": "\u3164" * 99}, INVALID, "title: must have 1 to 32 characters, is blank"),
        (V13, {"body": "\u2800x"}, {"body": "\u2800"}, INVALID, "body: must have 1 to 200 characters, is blank"),
        (V13, {"body": " x"}, {"body": " " * 999}, INVALID, "body: must have 1 to 200 characters, is blank"),
        (V13, {"ttl": 259_200}, {"ttl": 259_201}, INVALID, "ttl: must be at most 259200 seconds (3 days), is 259201"),
        (
            CURRENT,
            {"ttl": 864_000},
            {"ttl": 864_001},
            INVALID,
            "ttl: must be at most 864000 seconds (10 days), is 864001",
        ),
        (
            V13,
            {"click": OpenUrl("u" * 500)},
            {"click": OpenUrl("u" * 501)},
            INVALID,
            "click: must have at most 500 characters, has 501",
        ),
        (
            CURRENT,
            {"click": OpenUrl("u" * 2000)},
            {"click": OpenUrl("u" * 2001)},
            INVALID,
            "click: must have at most 2000 characters, has 2001",
        ),
        (
            V13,
            {"click": OpenActivity("a" * 500)},
            {"click": OpenActivity("a" * 501)},
            INVALID,
            "click: must have at most 500 characters, has 501",
        ),
        (
            V13,
            {"click": OpenIntent("a")},
            {"click": OpenIntent("")},
            INVALID,
            "click: must have 1 to 500 characters, is blank",
        ),
        (
            V13,
            {"receipt_url": "https://e/" + "u" * 190},
            {"receipt_url": "https://e/" + "u" * 191},
            INVALID,
            "receipt_url: must have at most 200 characters, has 201",
        ),
        (
            V13,
            {"receipt_parameter": "p" * 50},
            {"receipt_parameter": "p" * 51},
            INVALID,
            "receipt_parameter: must have at most 50 characters, has 51",
        ),
        (
            CURRENT,
            {"receipt_parameter": "p" * 100},
            {"receipt_parameter": "p" * 101},
            INVALID,
            "receipt_parameter: must have at most 100 characters, has 101",
        ),
        (
            V13,
            {"data": {"k": "v" * 4088}},
            {"data": {"k": "v" * 4089}},
            INVALID,
            "data: must have at most 4096 characters as JSON, has 4097",
        ),
        (
            CURRENT,
            {"data": {"k": "值" * 3992}},
            {"data": {"k": "值" * 3993}},
            INVALID,
            "data: must have at most 4000 characters as JSON, has 4001",
        ),
        (V13, {}, {"network": Network.WIFI}, Reason.UNSUPPORTED, "network: OPPO has it for broadcasts only"),
        (V13, {}, {"show_from": NOON}, Reason.UNSUPPORTED, "show_from: OPPO has it for broadcasts only"),
        (
            CURRENT,
            {"channel_id": "c"},
            {"channel_id": ""},
            INVALID,
            "channel_id: must have at least 1 character, is blank",
        ),
    ],
)
def test_a_value_beyond_its_limit_is_refused(
    dialect: Any, fields: dict[str, Any], over: dict[str, Any], reason: Reason, sentence: str
) -> None:
    """At the limit a value is sent; beyond it the push is not sent, and field, limit and size are named."""
    assert unicast(note(**fields), dialect)["target_value"] == TOKEN

    refused = refusal(note(**over), dialect)

    assert refused[0] is reason
    assert refused[1].startswith(sentence)


@pytest.mark.parametrize(
    ("given_fields", "sentence"),
    [
        ({"titel": "x"}, 'overrides["oppo"]["titel"]: '),
        ({"off_line_ttl": "60"}, 'overrides["oppo"]["off_line_ttl"]: must be an int, is str'),
        ({"off_line_ttl": True}, 'overrides["oppo"]["off_line_ttl"]: must be an int, is bool'),
        ({"off_line_ttl": 259_201}, 'overrides["oppo"]["off_line_ttl"]: must be at most 259200 seconds (3 days)'),
        ({"off_line_ttl": -1}, 'overrides["oppo"]["off_line_ttl"]: must be at least 0 seconds, is -1'),
        ({"off_line": 1}, 'overrides["oppo"]["off_line"]: must be True or False, is int'),
        ({"click_action_type": 3}, 'overrides["oppo"]["click_action_type"]: must be one of 0, 1, 2, 4, 5'),
        ({"click_action_type": 1}, "click: OPPO needs click_action_activity together with the other fields"),
        ({"title": 5}, 'overrides["oppo"]["title"]: must be a str, is int'),
        ({"title": ""}, 'overrides["oppo"]["title"]: must have 1 to 32 characters, is blank'),
        ({"action_parameters": "{"}, 'overrides["oppo"]["action_parameters"]: must be JSON'),
        ({"app_message_id": "x"}, 'overrides["oppo"]["app_message_id"]: is made for each push'),
    ],
)
def test_overrides_are_checked_like_other_fields(given_fields: dict[Any, Any], sentence: str) -> None:
    """Unknown names, wrong types and values beyond a limit are refused, named as the host wrote them."""
    reason, detail = refusal(note(overrides={"oppo": given_fields}))

    assert reason is INVALID
    assert detail.startswith(sentence)


def test_an_unknown_override_is_refused_with_the_nearest_name() -> None:
    """For a misspelt name the error suggests the name that was probably meant."""
    detail = refusal(note(overrides={"oppo": {"titel": "x"}}))[1]

    assert detail == 'overrides["oppo"]["titel"]: dialect = "v1.3" has no such field; nearest is title'


def test_overrides_replace_other_fields() -> None:
    """OPPO's own names replace the neutral fields and are cut the same way; overrides for another brand are ignored."""
    sent = unicast(
        note(
            click=OpenUrl("https://example.org"),
            ttl=60,
            overrides={
                "oppo": {"title": "t" * 33, "click_action_type": 4, "click_action_activity": "a.B", "off_line_ttl": 7},
                "acme": {"nonsense": [None]},
            },
        )
    )["notification"]

    assert sent == {
        "title": "t" * 31 + "…",
        "content": "You have mail",
        "off_line_ttl": 7,
        "click_action_type": 4,
        "click_action_activity": "a.B",
    }


def test_objects_and_message_fields_of_the_current_dialect() -> None:
    """Template parameters are objects (or text, as given); `verify_registration_id` stands outside the notification."""
    sent = unicast(
        note(
            overrides={
                "oppo": {
                    "verify_registration_id": True,
                    "private_msg_template_id": "t",
                    "private_title_parameters": {"名": '"x"'},
                    "private_content_parameters": '{"a":"b"}',
                }
            }
        ),
        CURRENT,
    )

    assert sent["verify_registration_id"] is True
    assert sent["notification"]["private_title_parameters"] == {"名": '"x"'}
    assert sent["notification"]["private_content_parameters"] == '{"a":"b"}'
