"""How a notification looks at OPPO: badge, replace key, alert, long text; what is left out, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from encoding import CURRENT, V13, encode_notification, note
from exchanges import OPPO, SETTINGS, first, push, reply
from pushgateway_oppo import Oppo

from pushgateway.vendor import (
    Alert,
    Audience,
    AudienceKind,
    Badge,
    Broadcast,
    Button,
    Intent,
    Notification,
    Reason,
    Refused,
    Status,
)
from pushgateway.vendor.toolkit.intents import stable_id

VENDOR = Oppo(**SETTINGS, dialect="current")
LOOKS: dict[str, Any] = {
    "subtitle": "s",
    "channel_id": "c",
    "badge": Badge.add(2),
    "replace_key": "room-7",
    "alert": Alert.URGENT,
    "sound": "ring.mp3",
    "long_body": "long " * 20,
    "picture": "https://a.example/p.png",
    "icon": "https://a.example/i.png",
    "buttons": (Button("yes"),),
    "group": "g",
    "show_in_foreground": False,
}


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"badge": Badge.add(2)}, {"badge_operation_type": 1, "badge_message_count": 2}),
        ({"badge": Badge.set(0)}, {"badge_operation_type": 0, "badge_message_count": 0}),
        ({"replace_key": "room-7"}, {"notify_id": stable_id("room-7", 31)}),
        ({"intent": "chat", "alert": Alert.SILENT}, {"category": "IM", "notify_level": 1}),
        ({"intent": "chat", "alert": Alert.NORMAL}, {"category": "IM", "notify_level": 2}),
        ({"intent": "chat", "alert": Alert.URGENT}, {"category": "IM", "notify_level": 16}),
        ({"long_body": "long " * 20}, {"style": 2, "content": "long " * 20}),
        ({"long_body": "l" * 129}, {"style": 2, "content": "l" * 127 + "…"}),
        ({"long_body": " "}, {}),
    ],
)
def test_looks_of_the_current_dialect(fields: dict[str, Any], sent: dict[str, Any]) -> None:
    """Each becomes OPPO's own fields; a long text is the text of style 2."""
    content = encode_notification(note(**fields), CURRENT)

    assert content.fields == {"title": "Hi", "content": "You have mail", **sent}
    assert content.truncated == (("long_body",) if "…" in str(content.fields["content"]) else ())
    assert content.omitted == ()


def test_an_override_wins_over_a_look() -> None:
    """A style or text of the host's own is not replaced by the long text."""
    own = note(long_body="long", badge=Badge.add(1), overrides={"oppo": {"content": "mine", "badge_message_count": 9}})

    fields = encode_notification(own, CURRENT).fields

    assert (fields["content"], fields["badge_message_count"], fields["style"]) == ("mine", 9, 2)


def test_an_alert_without_a_category_is_left_out() -> None:
    """OPPO refuses a level without a category; the push is sent without it."""
    content = encode_notification(note(alert=Alert.URGENT), CURRENT)

    assert "notify_level" not in content.fields
    assert content.omitted == ("alert",)


@pytest.mark.parametrize(
    ("dialect", "omitted"),
    [
        (V13, tuple(name for name in LOOKS if name != "subtitle")),
        (CURRENT, ("sound", "picture", "icon", "buttons", "group", "show_in_foreground")),
    ],
)
def test_what_oppo_lacks_is_left_out_and_named(dialect: Any, omitted: tuple[str, ...]) -> None:
    """Pictures need an upload first, buttons a paid contract: by override only."""
    content = encode_notification(note(intent=Intent.CHAT, **LOOKS), dialect)

    assert content.omitted == omitted


def test_outcomes_and_saved_contents_name_what_was_left_out() -> None:
    """Of a single push, of each push of a batch, and of a broadcast."""
    odd, plain = note(sound="a.mp3"), note()
    single, batch = VENDOR.push([push("CN_a", odd)]), VENDOR.push([push("CN_a", odd), push("CN_b", plain)])
    next(single)
    next(batch)
    items = [{"messageId": str(place), "registrationId": f"CN_{name}"} for place, name in enumerate("ab")]
    saved = VENDOR.save(Broadcast("7", odd, Audience.everyone()))
    next(saved)

    ends = []
    for exchange, answer in ((single, {"messageId": "m"}), (batch, items), (saved, {"message_id": "m"})):
        with pytest.raises(StopIteration) as done:
            exchange.send(reply(answer))
        ends.append(done.value.value)

    assert [one.omitted for one in ends[0]] == [("sound",)]
    assert [one.omitted for one in ends[1]] == [("sound",), ()]
    assert ends[2].omitted == ("sound",)


@pytest.mark.parametrize("vendor", [OPPO, VENDOR])
def test_a_user_is_refused(vendor: Oppo) -> None:
    """OPPO cannot drop a push for another user of the app, so it must not be sent."""
    with pytest.raises(StopIteration) as done:
        next(vendor.push([push("CN_a", note(user_id="ann"))]))

    (outcome,) = done.value.value
    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.UNSUPPORTED)
    assert outcome.detail.startswith("user_id: ")


def test_explain_says_what_is_left_out_cut_and_refused() -> None:
    """One ruling for each, with an existing row."""
    given = note(sound="a.mp3", user_id="ann", long_body="l" * 129, alert=Alert.URGENT)
    rulings = {one.field: one.effect for one in VENDOR.rulings(push("CN_a", given))}

    assert rulings["sound"] == rulings["alert"] == "ignored"
    assert rulings["user_id"] == "refused"
    assert rulings["body"] == "cut"
    assert "badge" not in rulings


def test_a_paid_field_is_sent_by_override() -> None:
    """Buttons and pictures by URL are a paid add-on, so the host asks for them in OPPO's own words."""
    own = note(overrides={"oppo": {"buttons": [{"name": "a"}], "small_picture_url": "https://a.example/"}})

    fields = encode_notification(own, CURRENT).fields

    assert fields["small_picture_url"] == "https://a.example/"
    assert fields.keys() >= {"buttons"}


def test_one_notification_of_looks_in_a_batch_changes_no_other() -> None:
    """The fast encoder takes the plain ones, the full one the others."""
    notes = [note(), note(**LOOKS), note(badge=Badge.set(5))]
    request = first(VENDOR.push([push(f"CN_{place}", one) for place, one in enumerate(notes)]))

    assert request.content.count(b"badge_message_count") == 2
    with pytest.raises(Refused, match="title: "):
        encode_notification(Notification(" ", "b"), CURRENT, AudienceKind.EVERYONE)
