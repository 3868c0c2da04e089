"""Rulings for `explain`, by the rows of the rules."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from toolkit_rules import RULES

from pushgateway.model.appearance import Alert, Badge
from pushgateway.model.audience import Audience, Broadcast
from pushgateway.model.click import OpenUrl
from pushgateway.model.notification import Notification
from pushgateway.model.push import Push, PushToken
from pushgateway.vendor.rules import rows
from pushgateway.vendor.ruling import Ruling
from pushgateway.vendor.toolkit.clicks import Click, Clicks
from pushgateway.vendor.toolkit.fields import Sheet
from pushgateway.vendor.toolkit.intents import IntentSetting, IntentTable
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway.vendor.toolkit.rulings import Rulings, limit_of

SHEET = Sheet(RULES, "new", clicks=Clicks({OpenUrl: Click({"click.kind": 2}, "click.url")}))
OLD = Sheet(RULES, "old")
INTENTS = IntentTable(RULES, "new", {"order": IntentSetting(category="IM")}, {"category": "category"})


def of_fields(sheet: Sheet = SHEET, **fields: Any) -> dict[str, Ruling]:
    note = Notification(**{"title": "Hi", "body": "b", **fields})
    rulings = Rulings(Push(PushToken(7, "t"), note), sheet, INTENTS)
    return {one.field: one for one in rulings.fields(lambda given: sheet.gather(given, None, INTENTS))}


@pytest.mark.parametrize(
    ("fields", "word", "effect", "verdict"),
    [
        ({}, "title", "applies", "at least 1 and at most 10 characters"),
        ({"title": "t" * 11}, "title", "cut", "cut to 10 characters, has 11"),
        ({"overrides": {"acme": {"hours": 0}}}, "hours", "cut", "raised to 1 hours"),
        ({"ttl": 3600}, "ttl", "applies", "at least 60 and at most 86400 seconds"),
        ({"ttl": 5}, "ttl", "refused", "refused: must be at least 60 seconds, is 5"),
        ({"click": OpenUrl("https://a/")}, "click", "applies", "at most 30 characters"),
        ({"alert": Alert.NORMAL}, "alert", "ignored", "has no effect: ACME has no such value here"),
        ({"subtitle": "s"}, "subtitle", "ignored", "has no effect: ACME has no such field here"),
        ({"icon": "https://a/"}, "icon", "ignored", "has no effect: ACME has it for broadcasts only"),
        ({"user_id": "ann"}, "user_id", "refused", 'refused: dialect = "new" has no such field'),
        ({"overrides": {"acme": {"icon": "x"}}}, "icon", "ignored", "has no effect: ACME has it for broadcasts only"),
        ({"badge": Badge.set(3)}, "badge", "applies", "at most 99"),
    ],
)
def test_each_field_has_a_ruling(fields: dict[str, Any], word: str, effect: str, verdict: str) -> None:
    """Its limit, that it is cut, left out or refused, in the unit of the host."""
    ruling = of_fields(**fields)[word]

    assert (ruling.effect, ruling.verdict) == (effect, verdict)


def test_a_feature_of_another_dialect_is_cited_from_there() -> None:
    """Refused or left out, and the row that has it is named."""
    found = of_fields(OLD, ttl=60, channel_id="7", user_id="ann")

    assert found["ttl"].effect == found["user_id"].effect == "refused"
    assert found["ttl"].rule == 'dialects.new.fields."extra.keep"'
    assert found["channel_id"].verdict == 'has no effect: ACME has no such field here; dialect = "new" has it'
    assert found["user_id"].rule == "dialects.old.operations.send"


def test_the_other_fields_are_explained_beside_a_wrong_override() -> None:
    """An override that no row has is refused elsewhere."""
    assert of_fields(overrides={"acme": {"titel": "x"}}).keys() == {"title", "body"}


def rulings(broadcast: bool = False, **fields: Any) -> Rulings:
    note = Notification("Hi", "b", **fields)
    asked = Broadcast("7", note, Audience.everyone()) if broadcast else Push(PushToken(7, "t"), note)
    return Rulings(asked, SHEET, INTENTS)


def test_intents_parameters_and_limits() -> None:
    """By the rules or by the settings; quotas of a private category do not apply."""
    (chat,) = rulings(intent="chat").of_intent("category")
    (order,) = rulings(intent="order").of_intent("category")
    (unused,) = rulings(parameters={"a": 1}).of_intent("category", "template")
    private = [one.field for one in rulings().of_quotas_and_rates("IM")]
    public = [one.field for one in rulings().of_quotas_and_rates("ADS")]

    assert (chat.verdict, chat.rule) == ("chat is sent as category IM", "dialects.new.intents.chat")
    assert order.verdict == "order is sent as category IM by the certificate's settings"
    assert (unused.field, unused.effect) == ("parameters", "ignored")
    assert private == ["category", "rate"]
    assert public == ["category", "quota", "rate"]


def test_a_quota_that_names_what_it_limits_applies_to_that() -> None:
    """Also to a private category: its messages have a daily number of their own there."""
    quotas = {
        "orders": attrs.evolve(RULES.dialects["new"].quotas["daily"], quota="private"),
        "offers": attrs.evolve(RULES.dialects["new"].quotas["daily"], quota="public"),
    }
    dialect = attrs.evolve(RULES.dialects["new"], quotas=quotas)
    sheet = Sheet(attrs.evolve(RULES, dialects={"new": dialect}), "new")
    made = Rulings(Push(PushToken(7, "t"), Notification("Hi", "b")), sheet)

    private, public = (list(made.of_quotas_and_rates(*one)) for one in (("IM", "private"), ("ADS", "public")))
    without = list(made.of_quotas_and_rates("", "public"))

    assert [one.rule for one in private] == ["dialects.new.categories.IM", "dialects.new.quotas.orders"]
    assert private[0].verdict == "IM is a private category: counts against the daily quota, not for public intents"
    assert [one.rule for one in public] == ["dialects.new.categories.ADS", "dialects.new.quotas.offers"]
    assert [one.rule for one in without] == ["dialects.new.quotas.offers"]


def test_the_size_of_a_batch() -> None:
    """For a push and for a broadcast, by rows of the plug-in's choice."""
    (single,) = rulings().of_batch()
    (many,) = rulings(broadcast=True).of_batch(broadcast="token_bytes")

    assert (single.verdict, many.verdict) == ("at most 100 pushes", "at most 64 bytes of a token")


def test_every_ruling_cites_a_row() -> None:
    """With its source and date, so that a host can look it up."""
    paths = {path.replace("$.", "").replace("['", ".").replace("']", "") for path, _ in rows(RULES)}
    made = [*of_fields(subtitle="s", ttl=60, user_id="a", title="t" * 11).values(), *rulings().of_batch()]

    assert {one.rule.replace('"', "") for one in made} <= paths
    assert {one.source for one in made} == {"Acme's document"}


def test_limits_in_words() -> None:
    """Choices, bounds, and no limit."""
    fields = SHEET.fields

    assert limit_of(fields["urgency"], None) == "one of LOW, HIGH"
    assert limit_of(fields["extra.sound"], 8) == "at most 8 bytes"
    assert limit_of(fields["verify"], None) == "is sent unchanged"
    assert limit_of(fields["extra.data"], 60) == "at most 60 characters of JSON"


def test_a_look_that_the_plug_in_refuses_is_ruled_out_by_its_own_sentence() -> None:
    """A plug-in may refuse a look, such as a channel that the vendor has not approved."""

    def gather(given: Notification) -> dict[str, Any]:
        if given.channel_id is not None:
            raise invalid("channel_id", "must be one of 1, 2")
        return SHEET.gather(given)

    asked = Push(PushToken(7, "t"), Notification("Hi", "b", channel_id="9", ttl=3600))
    found = {one.field: one for one in Rulings(asked, SHEET).fields(gather)}

    assert (found["channel_id"].effect, found["channel_id"].verdict) == ("refused", "refused: must be one of 1, 2")
    assert found["channel_id"].rule == 'dialects.new.fields."extra.channel"'
    assert found["ttl"].effect == "applies"
