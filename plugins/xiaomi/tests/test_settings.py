"""The settings of a Xiaomi certificate, and what follows from them."""

from typing import Any

import attrs
import pytest
from pushgateway_xiaomi import Xiaomi
from pushgateway_xiaomi.settings import FACTS, RULES
from xiaomi_client import CHANNELS, batch, fields_of, make, push

from pushgateway import Certificate, ConfigError, Gateway, Notification
from pushgateway.vendor import Rates, Request

NOTE = Notification("Lena", "Lunch?")
GOOD = {"app_secret": "s", "package_name": "com.example.chat"}


def fault(**settings: Any) -> str:
    """The sentence about a certificate with these settings."""
    with pytest.raises(ConfigError) as caught:
        Gateway([Certificate(1, "xiaomi", {**GOOD, **settings})], vendors={"xiaomi": Xiaomi})
    return str(caught.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"package_name": "chat"}, "package_name: must be the package name of the app"),
        ({"channels": {"1": "secret"}}, "channels: must be a table such as"),
        ({"channels": {"150001 ": "public"}}, "channels: must be a table such as"),
        ({"channels": CHANNELS, "channel_id": "9"}, "channel_id: is not one of channels: 150001, 150002"),
        *(({"app_secret": text}, "app_secret: must be the AppSecret") for text in ("密钥", "a\nb", "a b")),
        ({"home_region": "mars"}, "home_region: must be one of cn, russia, india, europe, global"),
        ({"host": "https://a.example/path"}, "host: must be a URL such as https://host"),
        ({"api": "v4"}, "api: must be one of v3, v2"),
        ({"receipt_types": 0}, "receipt_types: must be a whole number of 1 to 1267"),
        ({"batch_size": 1001}, "batch_size: must be a whole number of 1 to 1000"),
        ({"intents": {"chatter": {}}}, "intents.chatter: must be one of chat"),
        ({"intents": {"chat": {"category": "IM"}}}, "intents.chat.category: Xiaomi has no such thing"),
        (
            {"intents": {"chat": {"content_parameters": ["who"]}}},
            "intents.chat.content_parameters: needs template with it",
        ),
        (
            {"channels": CHANNELS, "intents": {"marketing": {"channel_id": "150002"}}},
            "intents.marketing.channel_id: is private, and marketing is for everybody",
        ),
        (
            {"channels": CHANNELS, "intents": {"chat": {"channel_id": "9"}}},
            "intents.chat.channel_id: is not one of channels",
        ),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, Any], says: str) -> None:
    """With what would be right."""
    assert says in fault(**settings)


@pytest.mark.parametrize(
    ("devices", "figure"),
    [(0, 500), (99_999, 500), (100_000, 1000), (10**6, 2000), (5 * 10**6, 2500), (10**7, 3000), (10**9, 3000)],
)
def test_requests_per_second_by_the_size_of_the_app(devices: int, figure: int) -> None:
    """The steps of Xiaomi's table; the limit counts requests, not phones."""
    assert make(devices=devices).rates == Rates(requests=figure)


def test_every_region_has_its_host() -> None:
    """A regid works on the host of its own region only; a setting replaces it."""
    for region in ("cn", "russia", "india", "europe", "global"):
        vendor = make(home_region=region)
        _, (request,) = push(vendor, batch(NOTE))

        assert request.url == f"{FACTS.hosts[region].url}/v3/message/regid"
        assert vendor.region("any") == region
    _, (request,) = push(make(host="http://127.0.0.1:8080"), batch(NOTE))
    assert request.url == "http://127.0.0.1:8080/v3/message/regid"


def test_an_own_host_is_that_of_the_region() -> None:
    """Whichever region it is."""
    for region in ("cn", "global"):
        assert make(home_region=region, host="https://push.example").url("push") == (
            "https://push.example/v3/message/regid"
        )


def test_the_channel_of_a_notification() -> None:
    """Overrides before the notification's own, that before the intent's, and last the certificate's."""
    vendor = make(channel_id="1", intents={"chat": {"channel_id": "2"}})
    note = Notification("t", "b", intent="chat", channel_id="3", overrides={"xiaomi": {"extra.channel_id": "4"}})
    given = [note, attrs.evolve(note, overrides={}), Notification("t", "b", intent="chat"), Notification("t", "b")]

    assert [vendor.channel(one) for one in given] == ["4", "3", "2", "1"]
    assert [vendor.compartment(one) for one in given] == ["4", "3", "2", "1"]
    assert [fields_of(vendor, one)["extra.channel_id"] for one in given] == ["4", "3", "2", "1"]


def test_the_key_is_in_the_header_only() -> None:
    """The word `key` in lower case; it never changes."""
    request = Request("POST", "https://a.example", {"content-type": "x"}, b"c")
    finished = make().finish(request, None, 0.0)

    assert finished.headers == {"content-type": "x", "authorization": "key=secret=="}
    assert (finished.url, finished.content) == (request.url, request.content)
    assert make().login("cn", 0.0) is None


def test_advice() -> None:
    """A missing channel, and private channels without a template."""
    chat = {"chat": {"channel_id": "150002"}}
    said = make(channels=CHANNELS, intents=chat).advice()

    assert [sentence.partition(" ")[0] for sentence in said] == ["channel_id", "intents.chat.template"]
    assert make(channel_id="150001", channels=CHANNELS).advice() == []


def test_what_it_says_of_itself() -> None:
    """For the core."""
    vendor = make()

    assert (vendor.deduplicates, vendor.dead_tokens, vendor.marks) == ("message", "receipt", "message")
    assert (vendor.brand, vendor.contract, RULES.brand) == ("xiaomi", "0.2", "xiaomi")
    assert not vendor.proves_receipts
    assert vendor.day_offset == 8 * 3600
