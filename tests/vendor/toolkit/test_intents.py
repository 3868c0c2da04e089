"""Intents of a certificate: categories, channels, templates, and what is wrong with its settings."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toolkit_rules import RULES

from pushgateway.model.errors import FieldError
from pushgateway.model.intent import Intent
from pushgateway.model.notification import Notification
from pushgateway.vendor.refusals import Refused
from pushgateway.vendor.toolkit.intents import IntentSetting, IntentTable, by_word, stable_id, stable_key

WIRE = {
    "category": "category",
    "urgency": "urgency",
    "channel_id": "extra.channel",
    "template": "template",
    "title_parameters": "template_title",
    "content_parameters": "template_text",
}


@attrs.frozen(kw_only=True)
class Setting(IntentSetting):
    urgency: str | None = None


def table(dialect: str = "new", as_text: bool = False, **rows: Setting) -> IntentTable:
    return IntentTable(RULES, dialect, rows, WIRE, as_text=as_text)


def note(intent: Intent | None = Intent.CHAT, **fields: Any) -> Notification:
    return Notification("Hi", "You have mail", intent=intent, **fields)


def added(intents: IntentTable, notification: Notification, **raw: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"title": notification.title, "text": notification.body, **raw}
    before = set(made) - set(raw)
    intents.add(made, notification, notification.overrides.get("acme", {}))
    return {name: value for name, value in made.items() if name not in before}


def test_the_rules_are_the_default() -> None:
    """Category and further fields of the intent, if the certificate says nothing."""
    assert added(table(), note()) == {"category": "IM", "urgency": "HIGH"}
    assert added(table(), note(None)) == {}


def test_settings_come_before_the_rules_and_the_notification_before_both() -> None:
    """A field that is there already stays."""
    intents = table(chat=Setting(category="ADS", urgency="LOW", channel_id="7"))

    assert added(intents, note()) == {"category": "ADS", "urgency": "LOW", "extra.channel": "7"}
    assert added(intents, note(), **{"extra.channel": "9"})["extra.channel"] == "9"
    assert "category" not in added(table(chat=Setting(category="")), note())


def test_a_category_may_be_sent_as_another_value() -> None:
    """By `values` of its field. An override has that value, and counts as the category: for the quota, and for the rule
    that nothing for everybody is private."""
    field = attrs.evolve(RULES.dialects["new"].fields["category"], kind="int", values={"IM": 1, "ADS": 0}, choices=())
    dialect = attrs.evolve(RULES.dialects["new"], fields={**RULES.dialects["new"].fields, "category": field})
    intents = IntentTable(attrs.evolve(RULES, dialects={"new": dialect}), "new", {}, WIRE)
    private, public = {"category": 1}, {"category": 0}

    assert added(intents, note())["category"] == 1
    assert added(intents, note(Intent.MARKETING))["category"] == 0
    assert (intents.quota(note(), {}), intents.quota(note(), public)) == ("IM", "ADS")
    assert intents.quota(note(), {"category": 7}) == "7"
    assert added(intents, note(Intent.MARKETING, overrides={"acme": public}), **public) == public
    with pytest.raises(Refused, match=r"'IM' is private, and marketing is for everybody"):
        added(intents, note(Intent.MARKETING, overrides={"acme": private}), **private)


def test_a_template_is_filled() -> None:
    """From the parameters, or from title and body where a place is named so, cut as the field is."""
    chat = Setting(template="T1", title_parameters=("who",), content_parameters=("body", "count"))
    given = note(parameters={"who": "Ann", "count": 3})

    assert added(table(chat=chat), given) == {
        "category": "IM",
        "urgency": "HIGH",
        "template": "T1",
        "template_title": {"who": "Ann"},
        "template_text": {"body": "You have mail", "count": 3},
    }
    assert added(table(as_text=True, chat=chat), given)["template_title"] == '{"who":"Ann"}'
    long = attrs.evolve(given, body="b" * 30)
    assert added(table(chat=chat), long)["template_text"]["body"] == "b" * 19 + "…"


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({}, 'parameters["who"]: is missing'),
        ({"who": "A", "x": 1}, 'parameters["x"]: the template of this intent has no such place; it has who, body'),
        ({"who": True}, 'parameters["who"]: must be a text or a number, is bool'),
    ],
)
def test_wrong_parameters_are_named(parameters: dict[str, Any], sentence: str) -> None:
    """Before the vendor refuses the template."""
    chat = Setting(template="T1", title_parameters=("who",), content_parameters=("body",))

    with pytest.raises(Refused) as caught:
        added(table(chat=chat), note(parameters=parameters))

    assert caught.value.detail.startswith(sentence)


def test_an_override_of_the_template_fills_nothing() -> None:
    """Then the host fills it itself."""
    chat = Setting(template="T1", title_parameters=("who",))
    own = note(overrides={"acme": {"template": "T2"}})

    assert "template_title" not in added(table(chat=chat), own, template="T2")


def test_a_public_intent_never_goes_under_a_private_category() -> None:
    """Not even by an override."""
    with pytest.raises(Refused, match="'IM' is private, and marketing is for everybody"):
        added(table(), note(Intent.MARKETING), category="IM")


def test_category_channel_and_quota() -> None:
    """The daily quota is that of the category, or else of the channel."""
    intents = table(order=Setting(channel_id="5"))

    assert (intents.category(note()), intents.quota(note(), {})) == ("IM", "IM")
    assert intents.quota(note(), {"category": "ADS"}) == "ADS"
    assert intents.quota(note(Intent.ORDER), {}) == "5"
    assert intents.quota(note(Intent.ORDER, channel_id="6"), {}) == "6"
    assert intents.quota(note(Intent.ORDER), {"extra.channel": "8"}) == "8"
    assert intents.quota(note(None), {}) == ""
    assert table("old").channel(note(channel_id="6")) == ""
    assert intents.weigh(note()) > 0 == intents.weigh(note(None))


@pytest.mark.parametrize(
    ("word", "setting", "sentence"),
    [
        ("chatter", Setting(), "intents.chatter: must be one of chat, group_chat"),
        ("chat", Setting(category="X"), "intents.chat.category: must be one of IM, ADS"),
        (
            "news",
            Setting(category="IM"),
            "intents.news.category: 'IM' is private, and news is for",
        ),
        ("chat", Setting(urgency="MID"), "intents.chat.urgency: must be one of LOW, HIGH"),
        ("chat", Setting(channel_id=" "), "intents.chat.channel_id: must not be blank"),
        ("chat", Setting(channel_id="x"), "intents.chat.channel_id: must be digits"),
        ("chat", Setting(title_parameters=("a",)), "intents.chat.title_parameters: needs template with it"),
        (
            "chat",
            Setting(template="T", title_parameters=("a", "a")),
            "intents.chat.title_parameters: must hold different names, none of them blank",
        ),
    ],
)
def test_wrong_settings_are_named(word: str, setting: Setting, sentence: str) -> None:
    """One sentence for each fault, with the setting."""
    (problem,) = table(**{word: setting}).problems()

    assert problem.startswith(sentence)


def test_a_dialect_without_the_field_is_named() -> None:
    """The sentence says which dialect has it."""
    (problem,) = table("old", chat=Setting(category="IM")).problems()

    assert problem == 'intents.chat.category: dialect = "old" has no such field; dialect = "new" has it'
    assert list(table(chat=Setting(category="IM", urgency="LOW", template="T")).problems()) == []


def test_advice_names_what_is_missing() -> None:
    """Each intent of the settings by itself, all others together."""
    intents = table(chat=Setting(), marketing=Setting(channel_id="4"))

    sentences = list(intents.advice(no_template="{0} ({1}): no template", no_channel="{0}: no channel"))

    assert sentences == ["intents.chat (IM): no template", "intents.chat: no channel"]
    assert list(table().advice(no_channel="{0}: no channel")) == ["intents.{chat, marketing}: no channel"]


def test_settings_may_be_keyed_by_intent() -> None:
    """In code a host may write `Intent.CHAT`."""
    assert by_word({Intent.CHAT: 1, "news": 2}) == {"chat": 1, "news": 2}
    with pytest.raises(FieldError):
        by_word([])


@given(st.text(), st.text())
def test_stable_numbers_and_keys(one: str, other: str) -> None:
    """The same for the same text, within their bounds, on every machine."""
    assert 1 <= stable_id(one) < 2**31
    assert len(stable_key(one, 8)) == 8
    assert stable_key(one, 8).isalnum()
    assert (stable_id(one) == stable_id(other)) == (one == other)
    assert stable_id(one, 4) < 16


def test_a_stable_number_does_not_change() -> None:
    """A phone replaces what an earlier release has sent."""
    assert (stable_id("room-17"), stable_key("room-17", 8)) == (1018985608, "oXGrbCbT")


def test_both_parts_of_a_template_may_have_one_field() -> None:
    """Xiaomi has one object of variables for title and text, and each value is a text."""
    wire = {"template": "template", "title_parameters": "template_text", "content_parameters": "template_text"}
    chat = Setting(template="t-1", title_parameters=("who",), content_parameters=("what", "who"))
    intents = IntentTable(RULES, "new", {"chat": chat}, wire, text_values=True)
    given = note(parameters={"who": "Ann", "what": 3})

    assert added(intents, given)["template_text"] == {"who": "Ann", "what": "3"}
    assert "template_title" not in added(intents, given)


def test_a_setting_that_the_vendor_does_not_have_is_named() -> None:
    """It would have no effect."""
    chat = Setting(category="IM", channel_id="7", title_parameters=("who",))
    intents = IntentTable(RULES, "new", {"chat": chat}, {"channel_id": "extra.channel"})

    assert list(intents.problems()) == [
        "intents.chat.category: ACME has no such thing",
        "intents.chat.title_parameters: ACME has no such thing",
    ]
