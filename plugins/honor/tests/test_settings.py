"""Settings of a certificate: what it needs, its hosts, rates and advice, and the facts behind them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pushgateway_honor import Honor
from pushgateway_honor.replies import RULES

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.vendor import AudienceKind, ConfigError, Notification, Push, PushToken, Reason, Refused, Request
from pushgateway.vendor.rules import rows

Drivers = Callable[..., ExchangeDriver]
LEAST = {"app_id": "104400123", "client_id": "900000001", "client_secret": "s"}


@pytest.mark.parametrize("missing", LEAST)
def test_what_a_certificate_needs(load: Callable[..., Honor], missing: str) -> None:
    """Three credentials, each named where it is missing."""
    with pytest.raises(ConfigError, match=f"{missing}: "):
        load(**{name: value for name, value in LEAST.items() if name != missing})


@pytest.mark.parametrize(
    ("setting", "value", "problem"),
    [
        ("app_id", " ", "must be a non-empty string"),
        ("package", "", "must be a non-empty string"),
        ("title_characters", 0, "must be a whole number of 1 to 4096"),
        ("body_characters", 4097, "must be a whole number of 1 to 4096"),
        ("host", "http://a.example", "must be https"),
        ("login_host", "https://a.example/auth", "without a path"),
        ("login_path", "/token", "must be one of /auth/token, /auth/realms"),
        ("app_secret", "s", "is not a setting of honor"),
    ],
)
def test_a_wrong_setting_is_named(load: Callable[..., Honor], setting: str, value: Any, problem: str) -> None:
    """With a sentence of what would be right."""
    with pytest.raises(ConfigError, match=rf"{setting}: .*{problem}"):
        load(**{**LEAST, setting: value})


def test_the_limits_of_texts(load: Callable[..., Honor]) -> None:
    """At both ends."""
    one = load(**LEAST, title_characters=1, body_characters=4096)

    assert (one.title_characters, one.body_characters) == (1, 4096)


def urls(vendor: Honor) -> tuple[str, str]:
    """The URLs of the login and of a push."""
    login = next(vendor.login("", 0.0))
    push = next(vendor.push([Push(PushToken(1, "t"), Notification("t", "b"))]))
    assert login is not None
    assert push is not None
    return login.url, push.url


def test_hosts_and_paths(load: Callable[..., Honor]) -> None:
    """Honor's current ones, and those of older documents by settings."""
    realm = "/auth/realms/developer/protocol/openid-connect/token"
    old, login = "https://push-api.cloud.hihonor.com", "https://iam.developer.hihonor.com"

    assert urls(load(**LEAST)) == (
        "https://iam.developer.honor.com/auth/token",
        "https://push-api.cloud.honor.com/api/v1/104400123/sendMessage",
    )
    assert urls(load(**LEAST, host=old, login_host=login, login_path=realm)) == (
        f"{login}{realm}",
        f"{old}/api/v1/104400123/sendMessage",
    )


def test_test_messages(driver: Drivers) -> None:
    """All pushes are test messages."""
    one = driver({"test_messages": True}, tokens=1)
    one.push([Push(PushToken(1, one.sandbox.tokens[0]), Notification("t", "b"))])

    assert json.loads(one.requests[-1].content)["android"]["targetUserType"] == 1
    assert one.vendor.batching.size == 1000


def test_rates(load: Callable[..., Honor]) -> None:
    """3,000 a second, over connections that a round trip of 50 ms needs for single pushes."""
    rates = load(**LEAST).rates

    assert (rates.pushes, rates.connections, rates.requests) == (3000, 150, None)


def test_what_honor_has_not(load: Callable[..., Honor]) -> None:
    """No broadcasts, recall, token checks or statistics; repeats are not dropped, and receipts not signed."""
    one = load(**LEAST)

    assert one.audiences == frozenset[AudienceKind]()
    assert (one.deduplicates, one.proves_receipts, one.dead_tokens) == (False, False, "reply")
    for call in (lambda: one.recall("1", ["t"]), lambda: one.check_tokens(["t"]), lambda: one.statistics("1", "1")):
        with pytest.raises(Refused) as refused:
            call()
        assert refused.value.reason is Reason.UNSUPPORTED


def test_advice(load: Callable[..., Honor]) -> None:
    """A missing setting, and the usual mistake with the credentials."""
    advice = " ".join(load(**{**LEAST, "client_id": LEAST["app_id"]}).advice())

    assert "badge_class is missing" in advice
    assert "client_id is the app id" in advice
    assert load(**LEAST, badge_class="a.Main").advice() == []


@pytest.mark.parametrize(("now", "sent"), [(1_764_000_000.0, "1764000000000"), (1_764_000_000.9994, "1764000000999")])
def test_every_request_has_the_time_in_milliseconds(load: Callable[..., Honor], now: float, sent: str) -> None:
    """Seconds are refused: one client had to be changed. With or without an access token."""
    finished = load(**LEAST).finish(Request("POST", "https://x", {"a": "b"}), None, now)

    assert dict(finished.headers) == {"a": "b", "timestamp": sent}


def test_every_source_is_used() -> None:
    """A source that no row cites is a fact that was lost."""
    assert {row.source for _, row in rows(RULES)} == RULES.sources.keys()


def test_few_reasons_retire_a_token() -> None:
    """What Honor names as dead, and no code of a wrong setting."""
    tables = {**RULES.codes, **RULES.target_codes}
    deadly = {code for code, row in tables.items() if row.host_reason is Reason.UNREGISTERED}
    events = {name for name, row in RULES.dialects["v1"].events.items() if row.kind == "UNREGISTERED"}

    assert deadly == {"80300007", "expireTokens"}
    assert events == {"40000003", "40000004"}
    assert RULES.codes["80300007"].scope == "target"
