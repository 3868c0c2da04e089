"""Fields of a vendor from a notification, by the rows of its rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolkit_rules import RULES

from pushgateway.model.appearance import Alert, Badge, Button
from pushgateway.model.audience import AudienceKind
from pushgateway.model.click import OpenActivity, OpenApp, OpenIntent, OpenUrl
from pushgateway.model.intent import Intent
from pushgateway.model.notification import Network, Notification
from pushgateway.model.reason import Reason
from pushgateway.vendor.features import FEATURES, LOOKS, find_omitted, find_unsupported
from pushgateway.vendor.refusals import Refused
from pushgateway.vendor.text import clean, form_quote
from pushgateway.vendor.toolkit.clicks import Click, Clicks
from pushgateway.vendor.toolkit.fields import Content, Sheet, flatten, nest, shrink, weigh_data
from pushgateway.vendor.toolkit.intents import IntentTable, stable_id
from pushgateway.vendor.toolkit.json_text import Json, WireValue

CLICKS = Clicks(
    {OpenUrl: Click({"click.kind": 2}, "click.url"), OpenActivity: Click({"click.kind": 3}, "click.name")},
    switch="click.kind",
    vendor="ACME",
)
NEW = Sheet(RULES, "new", clicks=CLICKS, checks={"extra.sound": lambda value: "" if "." in value else "needs a dot"})
OLD = Sheet(RULES, "old")
START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def note(**fields: Any) -> Notification:
    return Notification(**{"title": "Hi", "body": "You have mail", **fields})


def refusal(sheet: Sheet, notification: Notification, **how: Any) -> tuple[Reason, str]:
    with pytest.raises(Refused) as caught:
        sheet.build(notification, **how)
    return caught.value.reason, caught.value.detail


def test_a_plain_notification() -> None:
    """Title and body under the vendor's names, and nothing that was not given."""
    content = NEW.build(note())

    assert content.fields == {"title": "Hi", "text": "You have mail"}
    assert (content.beside, content.truncated, content.omitted) == ({}, (), ())


def test_every_attribute_becomes_its_field() -> None:
    """Values are written in the vendor's unit, under dotted names."""
    content = NEW.build(
        note(
            click=OpenUrl("https://a.example/"),
            data={"a": "你", "b": 1},
            ttl=3600,
            store_offline=False,
            network=Network.WIFI,
            channel_id="77",
            show_from=START,
            show_until=END,
            alert=Alert.URGENT,
            replace_key="room 7",
            sound="a.mp3",
            show_in_foreground=False,
            badge=Badge.set(3),
            overrides={"acme": {"badge.class": "com.a.Main", "category": "IM"}},
        )
    )

    assert json.loads(content.json()) == {
        "title": "Hi",
        "text": "You have mail",
        "click": {"kind": 2, "url": "https://a.example/"},
        "extra": {
            "data": '{"a":"你","b":1}',
            "keep": 3600000,
            "online": "1",
            "net": "wifi",
            "channel": "77",
            "window": 1,
            "from": "1767225600000",
            "until": "1767312000000",
            "level": "HIGH",
            "notify": stable_id("room 7"),
            "sound": "a.mp3",
            "front": "0",
        },
        "badge": {"set": 3, "class": "com.a.Main"},
        "category": "IM",
    }
    assert dict(parse_qsl(content.form().decode("ascii")))["extra.window"] == "1"


def test_one_bound_of_a_window_asks_for_the_window() -> None:
    """A field with a fixed value is sent for each of its attributes, once."""
    assert NEW.build(note(show_until=END)).fields["extra.window"] == 1


@pytest.mark.parametrize(
    ("fields", "word", "reason"),
    [
        ({"click": OpenIntent("a.B")}, "click", Reason.UNSUPPORTED),
        ({"time_zone": "GMT+08:00"}, "time_zone", Reason.UNSUPPORTED),
        ({"receipt_url": "https://a.example/"}, "receipt_url", Reason.UNSUPPORTED),
        ({"user_id": "ann"}, "user_id", Reason.UNSUPPORTED),
        ({"ttl": 59}, "ttl", Reason.INVALID_NOTIFICATION),
        ({"ttl": 86401}, "ttl", Reason.INVALID_NOTIFICATION),
        ({"channel_id": "x"}, "channel_id", Reason.INVALID_NOTIFICATION),
        ({"data": {"a": "x" * 60}}, "data", Reason.INVALID_NOTIFICATION),
        ({"click": OpenUrl("https://" + "a" * 30)}, "click", Reason.INVALID_NOTIFICATION),
        ({"sound": "aaaaaa你"}, "sound", Reason.INVALID_NOTIFICATION),
        ({"sound": "ring"}, "sound", Reason.INVALID_NOTIFICATION),
        ({"title": " "}, "title", Reason.INVALID_NOTIFICATION),
        ({"body": "\u200b"}, "body", Reason.INVALID_NOTIFICATION),
        ({"badge": Badge.add(1)}, "badge", Reason.INVALID_NOTIFICATION),
        ({"alert": Alert.SILENT}, "alert", Reason.INVALID_NOTIFICATION),
    ],
)
def test_a_refusal_names_the_hosts_word(fields: dict[str, Any], word: str, reason: Reason) -> None:
    """Whatever the vendor calls it, the sentence begins with the name that the host has used."""
    found, sentence = refusal(NEW, note(**fields))

    assert found is reason
    assert sentence.startswith(f"{word}: ")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"ttl": 86401}, "ttl: must be at most 86400 seconds (1 day), is 86401"),
        ({"ttl": 59}, "ttl: must be at least 60 seconds, is 59"),
        ({"channel_id": "x"}, "channel_id: must be digits"),
        ({"sound": "aaaaaa你"}, "sound: must have at most 8 bytes, has 9"),
        ({"badge": Badge.add(1)}, "badge: ACME needs badge.class with it"),
        ({"click": OpenIntent("a.B")}, "click: ACME has no OpenIntent; it has OpenUrl, OpenActivity"),
    ],
)
def test_sentences_say_what_would_be_right(fields: dict[str, Any], sentence: str) -> None:
    """Limits are in the unit of the host, and what else is needed is named."""
    assert refusal(NEW, note(**fields))[1] == sentence


def test_texts_are_cut_and_named() -> None:
    """A text past its limit is cut and named by the host's word; a condition may allow more."""
    content = NEW.build(note(title="t" * 11, body="b" * 21))
    longer = NEW.build(note(body="b" * 21, overrides={"acme": {"style": 2}}))

    assert content.fields == {"title": "t" * 9 + "…", "text": "b" * 19 + "…"}
    assert content.truncated == ("title", "body")
    assert (longer.fields["text"], longer.truncated) == ("b" * 21, ())


LOOKING: dict[str, Any] = {
    "subtitle": "second",
    "channel_id": "7",
    "badge": Badge.add(1),
    "replace_key": "k",
    "alert": Alert.NORMAL,
    "sound": "a.mp3",
    "long_body": "long",
    "picture": "https://a.example/p.png",
    "icon": "https://a.example/i.png",
    "buttons": (Button("yes"),),
    "group": "g",
    "show_in_foreground": False,
}
DECISIVE: dict[str, Any] = {
    "click": OpenUrl("https://a.example/"),
    "data": {"a": 1},
    "ttl": 60,
    "store_offline": False,
    "network": Network.WIFI,
    "time_zone": "GMT+08:00",
    "show_from": START,
    "show_until": END,
    "receipt_url": "https://a.example/",
    "receipt_parameter": "p",
    "user_id": "ann",
}


def test_the_two_tables_hold_every_attribute_that_a_vendor_may_lack() -> None:
    """A new attribute of `Notification` must be one of the two."""
    others = {"title", "body", "dedupe_id", "intent", "parameters", "overrides"}

    assert LOOKING.keys() == LOOKS.keys()
    assert DECISIVE.keys() == FEATURES.keys()
    assert {field.name for field in attrs.fields(Notification)} == FEATURES.keys() | LOOKS.keys() | others


@pytest.mark.parametrize("word", LOOKING)
def test_looks_that_a_vendor_lacks_are_left_out_and_named(word: str) -> None:
    """The push is sent without them, and the outcome says so."""
    content = OLD.build(note(**{word: LOOKING[word]}))

    assert content.fields == {"title": "Hi", "text": "You have mail"}
    assert content.omitted == (word,)
    assert find_omitted(note(**{word: LOOKING[word]}), ()) == (word,)


@pytest.mark.parametrize("word", DECISIVE)
def test_other_features_that_a_vendor_lacks_are_refused(word: str) -> None:
    """What changes whether, when or to whom it is shown is never dropped."""
    reason, sentence = refusal(OLD, note(**{word: DECISIVE[word]}))

    assert (reason, sentence.partition(":")[0]) == (Reason.UNSUPPORTED, word)
    assert find_unsupported(note(**{word: DECISIVE[word]}), ()) == (word,)


def test_a_refusal_says_which_dialect_has_the_feature() -> None:
    """A host that can change the dialect reads which one."""
    sentence = 'ttl: dialect = "old" has no such field; dialect = "new" has it'

    assert refusal(OLD, note(ttl=60)) == (Reason.UNSUPPORTED, sentence)


def test_a_field_of_single_pushes() -> None:
    """A notification with it goes alone, also where an override has it; a broadcast with it is refused by name."""
    dialect = RULES.dialects["new"]
    user = attrs.evolve(dialect.fields["id"], says="user_id", alone=True)
    verify = attrs.evolve(dialect.fields["verify"], alone=True)
    fields = {**dialect.fields, "user": user, "verify": verify}
    sheet = Sheet(attrs.evolve(RULES, dialects={"new": attrs.evolve(dialect, fields=fields)}), "new")
    own, other = note(user_id="ann"), note(overrides={"acme": {"verify": True}})

    assert [sheet.is_alone(one) for one in (note(), own, other)] == [False, True, True]
    assert sheet.build(own).fields["user"] == "ann"
    for one, word in ((own, "user_id"), (other, 'overrides["acme"]["verify"]')):
        with pytest.raises(Refused) as caught:
            sheet.build(one, audience=AudienceKind.TAGS)
        assert caught.value.reason is Reason.UNSUPPORTED
        assert caught.value.detail == f"{word}: ACME has it for single pushes only"


@pytest.mark.parametrize(
    ("alert", "overrides", "omitted"),
    [
        (Alert.SILENT, {}, ()),
        (Alert.NORMAL, {}, ("alert",)),
        (Alert.NORMAL, {"extra": {"level": "HIGH"}}, ()),
    ],
)
def test_a_field_that_is_always_sent_shows_the_values_of_its_row_only(
    alert: Alert, overrides: dict[str, Any], omitted: tuple[str, ...]
) -> None:
    """A plug-in that sends a kind of alert with each push has not shown one that the vendor does not know; an override
    is the host's own choice."""
    asked = note(alert=alert, overrides={"acme": {**overrides, "category": "IM"}})

    assert NEW.build(asked, planned={"extra.level": "LOW"}).omitted == omitted


@pytest.mark.parametrize(
    ("fields", "omitted"),
    [
        ({"alert": Alert.NORMAL}, ("alert",)),
        ({"icon": "https://a.example/i.png"}, ("icon",)),
        ({"subtitle": " "}, ()),
        ({"channel_id": "7"}, ()),
        ({"group": "g", "picture": "https://a.example/"}, ("picture", "group")),
    ],
)
def test_a_value_or_a_call_without_the_look_leaves_it_out(fields: dict[str, Any], omitted: tuple[str, ...]) -> None:
    """A level that the vendor does not have, a field of broadcasts in a single push: left out, not refused."""
    assert NEW.build(note(**fields)).omitted == omitted


def test_a_look_of_broadcasts_is_sent_in_broadcasts() -> None:
    """The scope of the row decides."""
    content = NEW.build(note(icon="https://a.example/i.png"), audience=AudienceKind.EVERYONE)

    assert (content.fields["icon"], content.omitted) == ("https://a.example/i.png", ())


def test_a_plug_in_may_carry_an_attribute_itself() -> None:
    """Then it is neither missing nor left out."""
    sheet = Sheet(RULES, "old", carries=("ttl", "buttons"))

    assert sheet.build(note(ttl=60, buttons=(Button("yes"),)), planned={"id": "7"}).omitted == ()


def test_a_ttl_of_zero_stores_nothing() -> None:
    """Where the vendor has a field for "online only", a ttl of 0 uses it."""
    content = NEW.build(note(ttl=0))

    assert content.fields == {"title": "Hi", "text": "You have mail", "extra.online": "1"}


# Overrides


def test_overrides_replace_what_the_notification_says() -> None:
    """In the vendor's own names and units, flat or nested, in its own spelling or as a number."""
    fields = {"extra": {"keep": 60000, "channel": "5"}, "title": "Other", "hours": "7h", "verify": True}
    content = NEW.build(note(ttl=7200, channel_id="4", overrides={"acme": fields, "other": {"x": 1}}))

    assert content.fields == {
        "title": "Other",
        "text": "You have mail",
        "extra.keep": 60000,
        "extra.channel": "5",
        "hours": "7h",
    }
    assert content.beside == {"verify": True}


@pytest.mark.parametrize("given", [3, "3h"])
def test_a_spelling_of_the_vendor_is_read_back(given: object) -> None:
    """A number with the vendor's unit is checked as the number."""
    assert NEW.build(note(overrides={"acme": {"hours": given}})).fields["hours"] == "3h"
    assert refusal(NEW, note(overrides={"acme": {"hours": "73h"}}))[1].endswith("must be at most 72 hours, is 73")
    assert NEW.build(note(overrides={"acme": {"hours": 0}})).fields["hours"] == "1h"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"titel": "x"}, 'overrides["acme"]["titel"]: dialect = "new" has no such field; nearest is title'),
        ({"extra": {"kep": 1}}, 'overrides["acme"]["extra.kep"]: dialect = "new" has no such field; nearest is'),
        ({"id": "x"}, 'overrides["acme"]["id"]: is made for each push; set Notification.dedupe_id instead'),
        ({"hours": "3"}, 'overrides["acme"]["hours"]: must be an int, is str'),
        ({"urgency": "MID"}, 'overrides["acme"]["urgency"]: must be one of LOW, HIGH'),
        ({"title": " "}, 'overrides["acme"]["title"]: must have 1 to 10 characters, is blank'),
        (
            {"badge": {"add": 1, "set": 1, "class": "c"}},
            'overrides["acme"]["badge.add"]: cannot stand beside badge.set',
        ),
        ({"click": {"kind": 2}}, "click: ACME needs click.url together with the other fields"),
        ({"icon": "x"}, 'overrides["acme"]["icon"]: ACME has it for broadcasts only'),
        ({"template_text": {}}, 'overrides["acme"]["template_text"]: ACME needs template with it'),
        ({"note": "123456"}, 'overrides["acme"]["note"]: must have at most 5 characters, has 6'),
    ],
)
def test_a_wrong_override_is_named(fields: dict[str, Any], sentence: str) -> None:
    """By the words in which the host has written it."""
    assert refusal(NEW, note(overrides={"acme": fields}))[1].startswith(sentence)


def test_a_blank_text_is_allowed_by_its_row() -> None:
    """A text that the vendor only returns may be blank."""
    assert NEW.build(note(overrides={"acme": {"note": " "}})).fields["note"] == " "


def test_an_override_of_the_kind_of_click_replaces_the_click() -> None:
    """No field of the notification's own click action is left."""
    content = NEW.build(note(click=OpenUrl("https://a.example/"), overrides={"acme": {"click": {"kind": 1}}}))

    assert content.fields == {"title": "Hi", "text": "You have mail", "click.kind": 1}


def test_open_app_may_have_a_row() -> None:
    """A vendor that needs fields even to open the app gets them."""
    sheet = Sheet(RULES, "new", clicks=Clicks({OpenApp: Click({"click.kind": 1})}))

    assert sheet.build(note()).fields["click.kind"] == 1


def test_a_broadcast_has_its_own_fields() -> None:
    """A field for some audiences is refused for others, by the host's word."""
    planned = {"extra.speed": 100}

    assert NEW.build(note(), planned=planned, audience=AudienceKind.EVERYONE).fields["extra.speed"] == 100
    reason, sentence = refusal(NEW, note(), planned=planned, audience=AudienceKind.TOKENS)
    assert (reason, sentence) == (Reason.UNSUPPORTED, "rate: ACME has it for broadcasts to everyone only")
    reason, sentence = refusal(NEW, note(overrides={"acme": {"verify": True}}), audience=AudienceKind.EVERYONE)
    assert sentence == 'overrides["acme"]["verify"]: ACME has it for single pushes only'


def test_fields_of_an_intent_come_last() -> None:
    """Overrides first, then the notification, then its intent."""
    intents = IntentTable(RULES, "new", {}, {"category": "category"})
    usual = NEW.build(note(intent=Intent.CHAT), intents=intents)
    own = NEW.build(note(intent=Intent.CHAT, overrides={"acme": {"urgency": "LOW"}}), intents=intents)

    assert (usual.fields["category"], usual.fields["urgency"]) == ("IM", "HIGH")
    assert own.fields["urgency"] == "LOW"


# Helpers


def test_nested_names_and_back() -> None:
    """`flatten` undoes `nest`; a known name may hold a mapping."""
    flat = {"a": 1, "b.c": 2, "b.d.e": 3}

    assert nest(flat) == {"a": 1, "b": {"c": 2, "d": {"e": 3}}}
    assert flatten(nest(flat), flat.keys()) == flat
    assert flatten({"a": {"x": 1}, "z": {"y": 1}}, {"a"}) == {"a": {"x": 1}, "z": {"y": 1}}


def test_json_of_a_value_is_a_value() -> None:
    """`Json` is put in as it is, text is quoted, a lone surrogate is replaced."""
    content = Content({"a.b": Json('{"x":1}'), "c": "\ud800", "d": True})

    assert json.loads(content.json()) == {"a": {"b": {"x": 1}}, "c": "\ufffd", "d": True}
    assert Content({"d": True, "e": Json("[1]"), "f": 5}).form() == b"d=true&e=%5B1%5D&f=5"


@given(st.text(min_size=1).map(clean), st.integers(60, 400))
def test_a_text_is_cut_until_all_fits(text: str, most: int) -> None:
    """Bytes of the whole, whatever the characters need in JSON."""
    fields: dict[str, WireValue] = {"title": "t", "extra.body": "x" + text * 20}
    cut = shrink(fields, "extra.body", "body", most)

    assert len(Content(fields).json()) <= most
    assert cut == (fields["extra.body"] != "x" + text * 20)


def test_what_cannot_be_cut_enough_is_refused() -> None:
    """If the other fields alone are too large, the sentence names the field that should have been cut."""
    with pytest.raises(Refused, match="body: the notification must take at most 50 bytes"):
        shrink({"title": "t" * 60, "body": "b"}, "body", "body", 50)
    with pytest.raises(Refused, match=r"body: .* its other fields take more"):
        shrink({"title": "t" * 30, "body": "b" * 60}, "body", "body", len('{"title":"","body":"…"}'.encode()) + 30)


def test_a_shrunk_content_names_the_field_once() -> None:
    """`around` counts the bytes of the request around the content."""
    content = Content({"body": "b" * 100}, truncated=("body",))
    small = content.shrunk("body", "body", most=80, around=20)

    assert len(small.json()) <= 60
    assert small.truncated == ("body",)
    assert content.shrunk("body", "body", most=200) is content


@given(
    title=st.text(max_size=30),
    body=st.text(max_size=60),
    data=st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers() | st.booleans(), max_size=2),
    fields=st.fixed_dictionaries(
        {},
        optional={
            "channel_id": st.text("0123456789", min_size=1, max_size=6),
            "ttl": st.integers(60, 86400),
            "replace_key": st.text(max_size=9),
            "click": st.text("ab/:?&%", min_size=1, max_size=30).map(OpenUrl),
            "alert": st.sampled_from(Alert),
            "overrides": st.just({"acme": {"category": "IM", "urgency": "LOW"}}),
        },
    ),
)
def test_a_weight_is_never_too_small(title: str, body: str, data: dict[str, Any], fields: dict[str, Any]) -> None:
    """Quoted as JSON within a form, the fields take at most the weight."""
    one = note(title=title, body=body, data=data, **fields)
    try:
        content = NEW.build(one)
    except Refused:
        return

    assert len(form_quote(content.json())) <= NEW.weigh(one)


def test_fields_that_nothing_fills_weigh_nothing() -> None:
    """A vendor with a hundred fields for overrides would get small batches of ordinary notifications."""
    assert NEW.weigh(note()) < 1000 < NEW.weigh(note(sound="a.b"))


def test_a_weight_of_long_texts_has_a_bound() -> None:
    """Texts that are cut count by their limits."""
    assert NEW.weigh(note(title="你" * 10_000, body="你" * 10_000)) < 3000
    assert weigh_data({"a": "x" * 100}) >= 100


def test_the_word_of_a_field() -> None:
    """Plug-ins name fields as the host did."""
    one = note(overrides={"acme": {"style": 2}})

    assert NEW.word("extra.keep", one) == "ttl"
    assert NEW.word("style", one) == 'overrides["acme"]["style"]'
    assert NEW.word("hours", one) == "hours"
    assert (NEW.has("ttl"), NEW.has("badge"), NEW.has("user_id"), OLD.has("ttl")) == (True, True, False, False)


def test_dots_may_nest_nothing() -> None:
    """A dialect of form fields such as `extra.channel` has plain names, in JSON too."""
    content = Content({"extra.a": 1}, nested=False)

    assert content.json() == b'{"extra.a":1}'
    plain = attrs.evolve(RULES, dialects={"new": attrs.evolve(RULES.dialects["new"], dots="plain")})
    assert not Sheet(plain, "new").build(note()).nested


def test_texts_are_shortened_the_longest_first() -> None:
    """One text where that is enough, and then the next; what is cut is named, and what nothing can shorten is named."""
    texts = ("title", "text")

    def short(most: int, **fields: Any) -> Content:
        return NEW.shorten(note(), Content(fields), texts, most)

    one = short(200, title="Hi", text="b" * 500)
    both = short(200, title="t" * 300, text="b" * 400)

    assert (one.truncated, one.fields["title"]) == (("body",), "Hi")
    assert set(both.truncated) == {"title", "body"}
    assert max(len(one.json()), len(both.json())) <= 200
    assert short(200, title="Hi", text="b").truncated == ()
    with pytest.raises(Refused, match=r"data: is too long: ACME takes 200 bytes for all fields together"):
        short(200, title="Hi", text="b" * 100, **{"extra.data": "v" * 300})


def test_fields_beside_the_notification_may_need_each_other() -> None:
    """The address of receipts, for example, where their parameter is given."""
    rows = {"callback": {"required_with": ("callback.param",)}, "callback.param": {}}
    base = RULES.dialects["new"].fields["title"]
    own = {name: attrs.evolve(base, scope="message", required=False, says="", **more) for name, more in rows.items()}
    dialect = attrs.evolve(RULES.dialects["new"], fields={**RULES.dialects["new"].fields, **own})
    sheet = Sheet(attrs.evolve(RULES, dialects={"new": dialect}), "new", clicks=CLICKS)
    note = Notification("Hi", "You have mail")

    tags = attrs.evolve(own["callback.param"], audiences=("tags",))
    assert sheet.scope_problem(tags, AudienceKind.TAGS) == ""
    assert "for single pushes and broadcasts to tags only" in sheet.scope_problem(tags, AudienceKind.TOKENS)
    assert "single pushes only" in sheet.scope_problem(own["callback"], AudienceKind.TAGS)

    both = sheet.write(note, {**sheet.gather(note), "callback": "u", "callback.param": "p"})
    assert both.beside == {"callback": "u", "callback.param": "p"}
    assert json.loads(both.json("extra"))["extra"] == {"callback": "u", "callback.param": "p"}
    assert "callback" not in both.json().decode()
    with pytest.raises(Refused, match="needs callback with it"):
        sheet.write(note, {**sheet.gather(note), "callback.param": "p"})
