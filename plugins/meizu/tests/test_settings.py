"""The settings of a certificate, and what the plug-in says of itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from pushgateway_meizu import Meizu
from pushgateway_meizu.replies import FACTS

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.model.errors import ConfigError
from pushgateway.vendor import Audience, Broadcast, Notification, OpenUrl, Push, PushToken, Rates

Load = Callable[..., Meizu]
RIGHT: dict[str, Any] = {"app_id": "123456", "app_secret": "secret"}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"app_id": ""}, "app_id: must be a non-empty string"),
        ({"category": "system"}, "category: must be one of public, private"),
        ({"packages": ["chat"]}, "packages: must be a list of at most 50 packages"),
        ({"packages": ["com.a.b"] * 51}, "packages: must be a list of at most 50 packages"),
        ({"packages": "com.a.b"}, "packages: must be a list"),
        ({"host": "https://a.example/path"}, "host: must be a URL such as https://host"),
        ({"subscription_host": "http://a.example"}, "subscription_host: "),
        ({"vip": "yes"}, "vip: "),
        ({"overseas": 1}, "overseas: "),
        ({"intents": {"chat": {"category": "IM"}}}, "intents.chat.category: must be one of public, private"),
        ({"intents": {"news": {"category": "private"}}}, "'private' is private, and news is for everybody"),
        ({"intents": {"chat": {"channel_id": "c"}}}, "intents.chat.channel_id: Meizu has no such thing"),
        ({"intents": {"talk": {}}}, "intents.talk: must be one of chat"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], sentence: str) -> None:
    """When the certificate is loaded."""
    with pytest.raises(ConfigError) as wrong:
        load_vendors([Certificate(1, "meizu", {**RIGHT, **settings})], Plugins({"meizu": Meizu}))

    assert sentence in str(wrong.value)


def test_the_most_packages_are_taken(load: Load) -> None:
    """50."""
    assert len(load(packages=[f"com.example.a{number}" for number in range(50)]).packages) == 50


@pytest.mark.parametrize(
    ("settings", "push", "switch"),
    [
        ({}, "server-api-push.meizu.com", "api-push.meizu.com"),
        ({"overseas": True}, "server-api-push.in.meizu.com", "api-push.in.meizu.com"),
        ({"host": "https://a.example"}, "a.example", "api-push.meizu.com"),
        ({"overseas": True, "subscription_host": "https://b.example"}, "server-api-push.in.meizu.com", "b.example"),
    ],
)
def test_hosts(load: Load, settings: Any, push: str, switch: str) -> None:
    """Two servers, each in China and outside; a setting replaces one of them."""
    vendor = load(**settings)
    path = "/garcia/api/server"

    assert vendor.hosts.url("push") == f"https://{push}{path}/push/varnished/pushByPushId"
    assert vendor.hosts.url("switch") == f"https://{switch}{path}/message/getRegisterSwitch"
    assert all(vendor.hosts.url(name).startswith("https://") for name in FACTS.operations)


def test_the_advice(load: Load) -> None:
    """What is missing is named until it is there; then there is none, so that `check --strict` passes."""
    plain, full = load().advice(), load(receipt_token="r", category="private").advice()

    assert [sentence.split(":")[0] for sentence in plain] == ["receipt_token is missing", "category is public"]
    assert list(full) == []


def test_what_it_says_of_itself(load: Load) -> None:
    """100 tokens with one notification, 200 requests a second, no login; Meizu drops no repeats."""
    vendor = load()

    assert (vendor.batching.size, vendor.batching.mixed, vendor.audience_size) == (100, False, 100)
    assert vendor.rates == Rates(requests=200, connections=20)
    assert (vendor.login("", 0.0), vendor.deduplicates, vendor.marks, vendor.proves_receipts) == (
        None,
        False,
        "message",
        False,
    )
    assert sorted(kind.value for kind in vendor.audiences) == ["aliases", "everyone", "tags", "tokens"]
    assert "hidden" not in repr(load(receipt_token="hidden-r", app_secret="hidden-a"))


def explained(vendor: Meizu, asked: Push | Broadcast) -> dict[tuple[str, str], str]:
    """By field and effect: the rule of each ruling."""
    return {(one.field, one.effect): one.rule for one in vendor.rulings(asked)}


def test_rulings_of_a_push(load: Load) -> None:
    """Fields, looks without a setting, the type with its quotas, the rate, the batch."""
    note = Notification("t" * 40, "b", subtitle="s", ttl=10**6, click=OpenUrl("no url"))
    plain = explained(load(), Push(PushToken(1, "a"), attrs.evolve(note, click=OpenUrl("chat://a"))))
    chat = explained(load(), Push(PushToken(1, "a"), Notification("t", "b", intent="chat")))
    wrong = explained(load(), Push(PushToken(1, "a"), note))

    assert plain["title", "cut"] == 'dialects.current.fields."noticeBarInfo.title"'
    assert plain["ttl", "cut"] == 'dialects.current.fields."pushTimeInfo.validTime"'
    assert ("subtitle", "ignored") in plain
    assert plain["category", "applies"] == "dialects.current.categories.public"
    assert plain["quota", "applies"].startswith("dialects.current.quotas.")
    assert plain["batch", "applies"] == "dialects.current.numbers.batch_size"
    assert chat["category", "applies"] == "dialects.current.categories.private"
    assert ("quota", "applies") not in chat
    assert chat["rate", "applies"] == "dialects.current.quotas.rate_of_every_app"
    assert ("click", "refused") in wrong


def test_rulings_of_a_broadcast(load: Load) -> None:
    """Start and speed are for everyone and for tags; receipts for tokens."""
    note, start = Notification("t", "b"), datetime(2030, 1, 1, tzinfo=UTC)
    to_all = explained(load(), Broadcast("1", note, Audience.everyone(), start_at=start, rate=100))
    to_some = explained(load(), Broadcast("1", note, Audience.of_tokens(["a"]), start_at=start))
    asked = attrs.evolve(note, receipt_url="https://im.example/r")
    receipts = explained(load(), Broadcast("1", asked, Audience.of_tokens(["a"])))
    refused = explained(load(), Broadcast("1", asked, Audience.of_tags(["a"])))

    assert to_all["start_at", "applies"].startswith('dialects.current.fields."pushTimeInfo.')
    assert ("rate", "applies") in to_all
    assert ("start_at", "refused") in to_some
    assert ("receipt_url", "applies") in receipts
    assert ("receipt_url", "refused") in refused
