"""What a notification becomes at Xiaomi: clicks, channels, templates, looks, own keys."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pushgateway_xiaomi.settings import FACTS
from xiaomi_client import CHANNELS, batch, fields_of, make, push, refusal_of

from pushgateway import (
    Badge,
    Button,
    Network,
    Notification,
    OpenActivity,
    OpenApp,
    OpenIntent,
    OpenIntentUri,
    OpenUrl,
    Push,
    PushToken,
)
from pushgateway.vendor import Alert, Reason
from pushgateway.vendor.toolkit.intents import stable_id

PLAIN = Notification("Lena", "Lunch?")


def note(**fields: Any) -> Notification:
    """A plain notification with these fields."""
    return Notification(**{"title": "Lena", "body": "Lunch?", **fields})


@pytest.mark.parametrize(
    ("click", "fields"),
    [
        (OpenApp(), {"extra.notify_effect": "1"}),
        (
            OpenIntent("com.example.OPEN"),
            {
                "extra.notify_effect": "2",
                "extra.intent_uri": "intent:#Intent;action=com.example.OPEN;package=com.example.chat;end",
            },
        ),
        (
            OpenActivity("com.example.chat.Main"),
            {
                "extra.notify_effect": "2",
                "extra.intent_uri": "intent:#Intent;component=com.example.chat/com.example.chat.Main;end",
            },
        ),
        (
            OpenIntentUri("intent://x#Intent;scheme=app;end"),
            {"extra.notify_effect": "2", "extra.intent_uri": "intent://x#Intent;scheme=app;end"},
        ),
        (OpenUrl("http://host.example/a"), {"extra.notify_effect": "3", "extra.web_uri": "http://host.example/a"}),
    ],
)
def test_clicks(click: Any, fields: dict[str, str]) -> None:
    """Every notification says what a tap does: without notify_effect none is served since 2024-09-30."""
    sent = fields_of(make(), note(click=click))

    names = ("extra.notify_effect", "extra.intent_uri", "extra.web_uri")
    assert {name: sent[name] for name in names if name in sent} == fields


def test_data_are_the_payload() -> None:
    """JSON text, encoded once with the form, or once more by the setting."""
    data = {"room": 17, "text": "长 & 短"}

    assert json.loads(fields_of(make(), note(data=data))["payload"]) == data
    once_more = fields_of(make(payload_pre_encode=True), note(data=data))["payload"]
    assert once_more.startswith("%7B%22room%22%3A17")
    assert "%E9%95%BF" in once_more
    assert refusal_of(make(), note(data=data, click=OpenUrl("https://a.example"))).startswith("UNSUPPORTED: data: ")


def test_data_of_4096_bytes_pass() -> None:
    """Counted in bytes of UTF-8; the figure is one source's, and no document's."""
    filled = 4096 - len('{"k":""}')

    assert len(fields_of(make(), note(data={"k": "x" * filled}))["payload"]) == 4096
    assert refusal_of(make(), note(data={"k": "x" * (filled + 1)})).startswith("INVALID_NOTIFICATION: data: ")
    assert refusal_of(make(), note(data={"k": "长" * (filled // 3 + 1)})).startswith("INVALID_NOTIFICATION: data: ")


def test_ttl_is_in_milliseconds() -> None:
    """Up to ten days, which a refusal gives in seconds; a ttl of 0 asks for phones that are online only."""
    assert fields_of(make(), note(ttl=3600))["time_to_live"] == "3600000"
    assert fields_of(make(), note(ttl=864_000))["time_to_live"] == "864000000"
    assert "ttl: must be at most 864000 seconds (10 days)" in refusal_of(make(), note(ttl=864_001))
    nothing = fields_of(make(), note(ttl=0))
    assert "time_to_live" not in nothing
    assert nothing["extra.only_send_once"] == "1"
    assert fields_of(make(), note(store_offline=False))["extra.only_send_once"] == "1"


@pytest.mark.parametrize(("channel", "most"), [("150001", 86_400), ("150002", 864_000), (None, 864_000)])
def test_ttl_is_lowered_to_what_the_class_of_the_channel_allows(channel: str | None, most: int) -> None:
    """A public channel keeps a message for a day; the outcome says that it was lowered."""
    vendor = make(channels=CHANNELS)
    for ttl in (most, 864_000):
        outcomes, requests = push(vendor, batch(note(ttl=ttl, channel_id=channel)))

        assert f"time_to_live={1000 * min(ttl, most)}".encode() in requests[0].content
        assert outcomes[0].truncated == (("ttl",) if ttl > most else ())


def test_texts_are_cut_to_what_xiaomi_takes() -> None:
    """Fewer than 50 and 128 characters, a Chinese one counts 1; one more is cut and named."""
    whole = note(title="长" * 49, body="b" * 127)
    assert fields_of(make(), whole)["title"] == "长" * 49
    outcomes, _ = push(make(), batch(note(title="长" * 50, body="b" * 128)))

    assert outcomes[0].truncated == ("title", "body")


# Channels, intents, templates

CHAT = {"channel_id": "150002", "template": "P1", "title_parameters": ("who",), "content_parameters": ("body",)}


def test_the_channel_is_that_of_notification_intent_or_certificate() -> None:
    """In this order."""
    vendor = make(channel_id="150001", channels=CHANNELS, intents={"chat": {"channel_id": "150002"}})

    assert fields_of(vendor, PLAIN)["extra.channel_id"] == "150001"
    assert fields_of(vendor, note(intent="chat"))["extra.channel_id"] == "150002"
    assert fields_of(vendor, note(intent="chat", channel_id="150001"))["extra.channel_id"] == "150001"
    assert vendor.channel(note(intent="chat")) == "150002"
    assert "extra.channel_id" not in fields_of(make(), PLAIN)


def test_a_channel_decides_compartment_and_quota() -> None:
    """Pushes of different channels share no request, and the class has the daily quota."""
    vendor = make(channel_id="150001", channels=CHANNELS)

    assert [vendor.compartment(note(channel_id=one)) for one in (None, "150002")] == ["150001", "150002"]
    assert [vendor.quota(note(channel_id=one)) for one in (None, "150002", "9")] == ["public", "private", "9"]
    assert make().quota(PLAIN) == ""


def test_an_unknown_channel_is_refused_where_the_certificate_lists_them() -> None:
    """Xiaomi would refuse the whole request; without a list any channel is sent."""
    assert refusal_of(make(channels=CHANNELS), note(channel_id="7")).startswith("INVALID_NOTIFICATION: channel_id: ")
    assert fields_of(make(), note(channel_id="7"))["extra.channel_id"] == "7"


def test_marketing_never_goes_under_a_private_channel() -> None:
    """By notification or certificate; apps are banned for that."""
    vendor = make(channel_id="150002", channels=CHANNELS)

    assert "is private, and marketing and news" in refusal_of(vendor, note(intent="marketing"))
    assert "is private, and marketing and news" in refusal_of(vendor, note(intent="news", channel_id="150002"))
    assert fields_of(vendor, note(intent="marketing", channel_id="150001"))["extra.channel_id"] == "150001"


def test_a_template_gets_its_variables_as_texts() -> None:
    """One object for title and text; the notification's own texts fill places of their names."""
    sent = fields_of(make(intents={"chat": CHAT}), note(intent="chat", parameters={"who": 3}))

    assert sent["extra.template_id"] == "P1"
    assert json.loads(sent["extra.template_param"]) == {"who": "3", "body": "Lunch?"}


@pytest.mark.parametrize(
    ("value", "good"),
    [
        ("x" * 128, True),
        ("x" * 129, False),
        (" ", False),
        ("a😀", False),
        ("☃", False),
        ("长-1", True),
        ("\u0378", False),
    ],
)
def test_what_may_fill_a_template(value: str, good: bool) -> None:
    """1 to 128 characters, not blank, no emoji or symbol, no unassigned character (page 2314)."""
    vendor, given = make(intents={"chat": CHAT}), note(intent="chat", parameters={"who": value})

    if good:
        assert json.loads(fields_of(vendor, given)["extra.template_param"])["who"] == value
    else:
        assert "extra.template_param" in refusal_of(vendor, given)


def test_ten_variables_are_too_many() -> None:
    """Nine pass."""
    for count, good in ((9, True), (10, False)):
        names = tuple(f"v{number}" for number in range(count))
        vendor = make(intents={"chat": {"template": "P1", "content_parameters": names}})
        given = note(intent="chat", parameters=dict.fromkeys(names, "x"))
        outcomes, _ = push(vendor, batch(given))

        assert outcomes[0].ok is good


# Looks


def test_looks_that_xiaomi_has() -> None:
    """Picture, icon, sound, alert, buttons, foreground."""
    buttons = (
        Button("Open"),
        Button("Web", OpenUrl("https://a.example/b")),
        Button("Go", OpenIntent("com.example.GO")),
    )
    sent = fields_of(
        make(),
        note(
            picture="https://a.example/p.png",
            icon="https://a.example/i.png",
            sound="ring.mp3",
            alert=Alert.SILENT,
            buttons=buttons,
            show_in_foreground=False,
        ),
    )

    assert sent["extra.notification_style_type"] == "2"
    assert sent["extra.notification_bigPic_uri"] == "https://a.example/p.png"
    assert sent["extra.notification_large_icon_uri"] == "https://a.example/i.png"
    assert sent["extra.sound_uri"] == "android.resource://com.example.chat/raw/ring"
    assert sent["notify_type"] == "4"
    assert sent["extra.notify_foreground"] == "0"
    prefix = "extra.notification_style_button"
    assert [sent[f"{prefix}_{side}_name"] for side in ("left", "mid", "right")] == ["Open", "Web", "Go"]
    assert [sent[f"{prefix}_{side}_notify_effect"] for side in ("left", "mid", "right")] == ["1", "3", "2"]
    assert sent[f"{prefix}_mid_web_uri"] == "https://a.example/b"
    assert sent[f"{prefix}_right_intent_uri"].startswith("intent:#Intent;action=com.example.GO;")


def test_looks_that_xiaomi_lacks_are_left_out_and_named() -> None:
    """They change how it looks and nothing else."""
    outcomes, _ = push(
        make(),
        batch(note(subtitle="s", badge=Badge.add(1), long_body="long", group="g", alert=Alert.URGENT)),
    )

    assert outcomes[0].ok
    assert set(outcomes[0].omitted) == {"subtitle", "badge", "long_body", "group", "alert"}


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"show_from": datetime(2030, 1, 1, tzinfo=UTC)}, "show_from"),
        ({"show_until": datetime(2030, 1, 1, tzinfo=UTC)}, "show_until"),
        ({"time_zone": "GMT+08:00"}, "time_zone"),
        ({"user_id": "u"}, "user_id"),
    ],
)
def test_what_would_change_when_or_to_whom_is_refused(fields: dict[str, Any], name: str) -> None:
    """It would be shown at another time, or to somebody else."""
    assert refusal_of(make(), note(**fields)).startswith(f"UNSUPPORTED: {name}: ")


def test_only_over_wifi() -> None:
    """A filter: phones on another network do not get it."""
    assert fields_of(make(), note(network=Network.WIFI))["extra.connpt"] == "wifi"


# Overrides


def test_overrides_are_xiaomis_own_fields() -> None:
    """They win, and an unknown one is refused with the nearest name."""
    sent = fields_of(
        make(),
        note(
            overrides={
                "xiaomi": {
                    "notify_type": 1,
                    "extra.ticker": "t",
                    "notify_id": 7,
                    "extra.notify_effect": "2",
                    "extra.intent_uri": "intent:#Intent;end",
                    "time_to_live": 5,
                }
            }
        ),
    )

    assert (sent["notify_type"], sent["extra.ticker"], sent["notify_id"], sent["time_to_live"]) == ("1", "t", "7", "5")
    assert sent["extra.notify_effect"] == "2"
    assert "nearest is extra.ticker" in refusal_of(make(), note(overrides={"xiaomi": {"extra.tickr": "t"}}))
    assert "is made for each push" in refusal_of(make(), note(overrides={"xiaomi": {"extra.jobkey": "t"}}))


def test_own_keys_of_the_app() -> None:
    """At most ten texts of at most 1,024 characters; Xiaomi's own keys are not among them."""

    def own(**keys: Any) -> Notification:
        return note(overrides={"xiaomi": {"extra": keys}})

    sent = fields_of(make(), own(chat="17", **{f"k{number}": "v" for number in range(9)}))
    assert (sent["extra.chat"], sent["extra.k8"]) == ("17", "v")
    assert fields_of(make(), own(chat="x" * 1024))["extra.chat"] == "x" * 1024
    for wrong in (
        own(**{f"k{number}": "v" for number in range(11)}),
        own(chat="x" * 1025),
        own(chat=17),
        own(channel_id="150001"),
        note(overrides={"xiaomi": {"extra": "text"}}),
    ):
        assert refusal_of(make(), wrong).startswith('INVALID_NOTIFICATION: overrides["xiaomi"]["extra"]: ')


def test_a_replace_key_is_the_toolkits_number() -> None:
    """The same in every process."""
    assert fields_of(make(), note(replace_key="chat-1"))["notify_id"] == str(stable_id("chat-1", 31))
    assert stable_id("chat-1", 31) <= (FACTS.fields["notify_id"].max or 0)


def test_one_bad_notification_hurts_no_other() -> None:
    """It is settled before the request."""
    notes = [PLAIN, note(ttl=10**9), note(title="Bob")]
    outcomes, (request,) = push(make(), batch(notes, ["a", "b", "c"]))

    assert [outcome.reason for outcome in outcomes] == [None, Reason.INVALID_NOTIFICATION, None]
    assert request.content.count(b"target") == 2


@pytest.mark.parametrize(("ttl", "verdict"), [(86_400, None), (86_401, "cut to 86400 seconds")])
def test_explain_names_a_ttl_that_the_class_of_the_channel_cuts(ttl: int, verdict: str | None) -> None:
    """As sending does, by the row of the class."""
    asked = Push(PushToken(1, "a"), note(channel_id="150001", ttl=ttl))

    found = {one.verdict: one.rule for one in make(channels=CHANNELS).rulings(asked) if one.effect == "cut"}

    assert found == ({} if verdict is None else {verdict: "dialects.current.numbers.public_ttl"})


@pytest.mark.parametrize("key", ["jobkey\x07", "channel_id\x00", "callback\x1f"])
def test_a_control_character_hides_no_key_of_xiaomi(key: str) -> None:
    """It is removed before the key is looked at: no second jobkey, and no marketing under a private channel."""
    refused = refusal_of(make(channels=CHANNELS), note(overrides={"xiaomi": {"extra": {key: "150002"}}}))
    two = refusal_of(make(), note(overrides={"xiaomi": {"extra": {"k": "a", "k\x07": "b"}}}))

    assert "holds a key of Xiaomi" in refused
    assert "two keys" in two
