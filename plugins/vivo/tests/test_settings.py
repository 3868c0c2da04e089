"""Settings of a certificate: what it needs, hosts, quotas, rates, advice, rulings, and the facts behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pushgateway_vivo import Vivo
from pushgateway_vivo.replies import RULES

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.vendor import Audience, Broadcast, ConfigError, Notification, Push, PushToken
from pushgateway.vendor.rules import rows

Drivers = Callable[..., ExchangeDriver]
LEAST = {"app_id": "100000001", "app_key": "k", "app_secret": "s"}
NOTE = Notification("t", "b")


@pytest.mark.parametrize("missing", LEAST)
def test_what_a_certificate_needs(load: Callable[..., Vivo], missing: str) -> None:
    """Three credentials, each named where it is missing."""
    with pytest.raises(ConfigError, match=f"{missing}: "):
        load(**{name: value for name, value in LEAST.items() if name != missing})


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ("app_id", " ", "must be a non-empty string"),
        ("package", "", "must be a non-empty string"),
        ("category", "im", "must be one of IM, ACCOUNT"),
        ("notify_type", 0, "must be one of 1, 2, 3, 4"),
        ("notify_type", 5, "must be one of 1, 2, 3, 4"),
        ("unsubscribed", "no", "must be one of dead, keep"),
        ("title_characters", 0, "must be a whole number of 1 to 4096"),
        ("body_characters", 4097, "must be a whole number of 1 to 4096"),
        ("host", "http://a.example", "must be https"),
        ("intents", {"chat": {"category": "NONE"}}, "category: must be one of IM"),
        ("intents", {"marketing": {"category": "IM"}}, "'IM' is private, and marketing is for everybody"),
        ("intents", {"chat": {"channel_id": "c"}}, "channel_id: vivo has no such thing"),
        ("client_secret", "s", "is not a setting of vivo"),
    ],
)
def test_a_wrong_setting_is_named(load: Callable[..., Vivo], setting: str, value: Any, problem: str) -> None:
    """With a sentence of what would be right."""
    with pytest.raises(ConfigError, match=rf"{setting}.*{problem}"):
        load(**{**LEAST, setting: value})


@pytest.mark.parametrize(("notify_type", "characters"), [(1, 1), (4, 4096)])
def test_settings_at_their_limits(load: Callable[..., Vivo], notify_type: int, characters: int) -> None:
    """At both ends."""
    one = load(**LEAST, notify_type=notify_type, title_characters=characters, body_characters=characters)

    assert (one.notify_type, one.title_characters) == (notify_type, characters)


def test_an_app_id_that_is_no_number(load: Callable[..., Vivo]) -> None:
    """Is sent as it is; digits are sent as a number."""
    for app_id, shown in (("100000001", b'"appId":100000001'), ("app-7", b'"appId":"app-7"')):
        request: Any = next(load(**{**LEAST, "app_id": app_id}).login("", 0.0))

        assert shown in request.content


def test_hosts(load: Callable[..., Vivo]) -> None:
    """vivo's only one, or that of the settings; the access token is in its own header."""
    for settings, host in (({}, "https://api-push.vivo.com.cn"), ({"host": "https://a.example"}, "https://a.example")):
        vendor = load(**LEAST, **settings)
        request: Any = next(vendor.push([Push(PushToken(1, "t"), NOTE)]))

        assert request.url == f"{host}/message/send"
        assert vendor.operation(request) == "send"


def test_what_it_says_of_its_limits(load: Callable[..., Vivo]) -> None:
    """Lists of 2 to 1,000, 3,000 pushes a second, and quotas by class."""
    vendor = load(**LEAST)

    assert (vendor.batching.size, vendor.batching.least, vendor.batching.saves) == (1000, 2, True)
    assert (vendor.rates.pushes, vendor.rates.connections) == (3000, 150)
    assert (vendor.audience_size, vendor.day_offset, vendor.deduplicates) == (1000, 8 * 3600, False)


def test_quotas_of_broadcasts(load: Callable[..., Vivo]) -> None:
    """By class, and by what has a number of its own; none of them is that of pushes."""
    vendor = load(**LEAST)
    audiences = Audience.everyone(), Audience.of_tags(["a"]), Audience.of_tokens(["a"]), Audience.of_aliases(["a"])

    assert [
        [vendor.broadcast_quota(Broadcast("1", note, one)) for one in audiences]
        for note in (NOTE, Notification("t", "b", intent="order"))
    ] == [[f"{name}.{kind}" for kind in ("everyone", "tags", "lists", "lists")] for name in ("operational", "system")]


def test_test_messages_count_against_no_class(load: Callable[..., Vivo]) -> None:
    """Whether the settings or an override say that it is one."""
    formal, test = (Notification("t", "b", intent="chat", overrides={"vivo": {"pushMode": mode}}) for mode in (0, 1))
    settings, users = load(**LEAST, test_messages=True), load(**LEAST)

    assert [settings.quota(note) for note in (NOTE, formal, test)] == ["test", "system", "test"]
    assert [users.quota(note) for note in (NOTE, formal, test)] == ["operational", "system", "test"]


@pytest.mark.parametrize("odd", [{"category": 7}, {"category": ["IM"]}, {"classification": "1"}])
def test_a_quota_of_odd_overrides(load: Callable[..., Vivo], odd: dict[str, Any]) -> None:
    """The core asks before anything is checked."""
    assert load(**LEAST).quota(Notification("t", "b", overrides={"vivo": odd})) == "operational"


def test_advice(driver: Drivers) -> None:
    """Each sentence goes when its setting is right."""
    lacking = driver({"receipt_id": None, "test_messages": True}).vendor.advice()
    complete = driver({"category": "IM"}).vendor.advice()

    assert [sentence.partition(" is ")[0] for sentence in lacking] == ["receipt_id", "category", "test_messages"]
    assert complete == []


def rulings(vendor: Any, **fields: Any) -> dict[tuple[str, str], str]:
    """By field and rule: the verdict."""
    found = vendor.rulings(Push(PushToken(1, "t"), Notification("t", "b", **fields)))
    return {(one.field, one.rule.rpartition(".")[2]): one.verdict for one in found}


def test_rulings_name_the_class(driver: Drivers) -> None:
    """System messages have a daily number too; operational ones are shared by offers and news."""
    vendor = driver().vendor
    chat, offer, none = rulings(vendor, intent="chat"), rulings(vendor, intent="marketing"), rulings(vendor)

    assert chat["category", "IM"] == (
        "IM is a private category: counts against the daily quota, not for public intents"
    )
    assert {rule for field, rule in chat if field == "quota"} == {"system"}
    assert {rule for field, rule in offer if field == "quota"} == {
        *("operational", "operational_of_a_phone", "operational_from"),
    }
    assert {rule for field, rule in none if field == "quota"} == {rule for field, rule in offer if field == "quota"}


def test_rulings_say_what_is_fitted(driver: Drivers) -> None:
    """Texts that are cut, a ttl that is raised, a look that is left out, what is refused."""
    vendor = driver().vendor
    found = rulings(vendor, ttl=5)
    long = vendor.rulings(Push(PushToken(1, "t"), Notification("长" * 41, "b", ttl=90_000)))

    assert found["ttl", "timeToLive"] == "raised to 60 seconds"
    assert [one.verdict for one in long if one.effect == "cut"] == [
        "cut to 40 characters, has 41",
        "cut to 86400 seconds",
    ]


def test_every_fact_has_source_date_and_confidence() -> None:
    """Facts of one client, of weak notes and of ours say so."""
    found = {path: RULES.confidence(row) for path, row in rows(RULES)}

    assert len(found) > 150
    assert found["$.codes['10104']"] == "one source"
    assert found["$.target_codes['2']"] == "contradicted"
    assert found["$.login_codes['10203']"] == "inferred"
    assert found["$.dialects['v2'].operations['recall']"] == "one source"
    assert found["$.dialects['v2'].fields['title']"] == "documented"
