"""Rulings for `explain`: each cites an existing row, agrees with the encoder, and quotes nothing of the host."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from encoding import encode_notification
from exchanges import OPPO, SETTINGS, push
from hypothesis import given
from hypothesis import strategies as st
from pushgateway_oppo import Oppo
from pushgateway_oppo.intents import OppoIntent
from pushgateway_oppo.notification import RULES

from pushgateway.vendor import (
    Audience,
    Broadcast,
    Intent,
    Network,
    Notification,
    OpenActivity,
    OpenUrl,
    Refused,
    Ruling,
)
from pushgateway.vendor.rules import rows

TOKEN = "CN_0123456789abcdef0123456789abcdef"
CURRENT = Oppo(**SETTINGS, dialect="current")
TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
ROWS = {re.sub(r"\['([^']+)'\]", lambda m: f".{m[1]}", path[2:]): row for path, row in rows(RULES)}


def row_of(ruling: Ruling) -> Any:
    """The row that a ruling cites; `KeyError` if there is none."""
    return ROWS[ruling.rule.replace('"v1.3"', "v1.3")]


def effects(vendor: Oppo, notification: Notification) -> dict[str, str]:
    return {one.field: one.effect for one in vendor.rulings(push(TOKEN, notification)) if one.effect != "applies"}


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "subtitle": TEXT,
        "click": st.sampled_from([OpenActivity("a.B"), OpenUrl("x" * 2001)]),
        "data": st.sampled_from([{"k": 1}, {"k": "v" * 5000}]),
        "ttl": st.integers(0, 1_000_000),
        "network": st.just(Network.WIFI),
        "show_from": st.just(datetime(2026, 1, 1, tzinfo=UTC)),
        "receipt_url": st.sampled_from(["https://x.example", "nowhere"]),
        "channel_id": TEXT,
        "intent": st.sampled_from(Intent),
        "overrides": st.sampled_from([{"oppo": {"style": 2}}, {"oppo": {"colour": 1}}, {"oppo": {"notify_level": 9}}]),
    },
)


@given(TEXT, TEXT, FIELDS, st.sampled_from([OPPO, CURRENT]))
def test_rulings_agree_with_the_encoder(title: str, body: str, fields: dict[str, Any], vendor: Oppo) -> None:
    """The rulings cut the fields that the encoder cuts; if one refuses a field, the push is not sent; every cited row
    exists."""
    notification = Notification(title, body, **fields)

    rulings = vendor.rulings(push(TOKEN, notification))

    cut = tuple(one.field for one in rulings if one.effect == "cut")
    is_refused = any(one.effect == "refused" for one in rulings)
    try:
        content = encode_notification(notification, RULES.dialects[vendor.dialect])
    except Refused:
        content = None
    assert content is None or (cut == content.truncated and not is_refused)
    for ruling in rulings:
        row = row_of(ruling)
        assert (ruling.source, ruling.seen) == (RULES.sources[row.source].title, row.seen)
        assert ruling.confidence == RULES.confidence(row)


@given(st.text("QXZ", min_size=8, max_size=300), FIELDS)
def test_rulings_quote_nothing_of_the_host(text: str, fields: dict[str, Any]) -> None:
    """No title, body or other value of the host is in a ruling."""
    notification = Notification(text, text, **{**fields, "subtitle": text, "channel_id": text})

    assert not [one for one in CURRENT.rulings(push(TOKEN, notification)) if text in repr(one)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"title": "t" * 50, "body": "b" * 50}, {}),
        ({"title": "t" * 51, "body": "b" * 51}, {"title": "cut", "body": "cut"}),
        ({"ttl": 864_000}, {}),
        ({"ttl": 864_001}, {"ttl": "refused"}),
        ({"network": Network.WIFI}, {"network": "refused"}),
        ({"overrides": {"oppo": {"notify_level": 9, "category": "IM"}}}, {"notify_level": "refused"}),
    ],
)
def test_at_the_limit_and_beyond(fields: dict[str, Any], expected: dict[str, str]) -> None:
    """At its limit a row applies; beyond, it cuts or refuses."""
    assert effects(CURRENT, Notification(**{"title": "t", "body": "b", **fields})) == expected


def test_a_token_longer_than_the_row_is_refused() -> None:
    """The greatest length of a token is a row too."""
    at, beyond = (CURRENT.rulings(push("x" * size)) for size in (256, 257))

    assert [one.rule for one in at if one.effect == "refused"] == []
    assert [one.rule for one in beyond if one.effect == "refused"] == ["dialects.current.numbers.token_bytes"]


def test_the_daily_quota_follows_the_category() -> None:
    """Public messages are counted per day, private ones not; the intent decides which a message is."""
    private = {one.field for one in CURRENT.rulings(push(TOKEN, Notification("t", "b", intent="chat")))}
    public = {one.field for one in CURRENT.rulings(push(TOKEN, Notification("t", "b", intent="news")))}
    own = Oppo(**SETTINGS, dialect="current", intents={"chat": OppoIntent(category="TODO")})
    verdicts = [one.verdict for one in own.rulings(push(TOKEN, Notification("t", "b", intent="chat")))]

    assert "quota" in public
    assert "quota" not in private
    assert "chat is sent as category TODO by the certificate's settings" in verdicts


def test_the_path_of_a_v13_row_is_quoted_as_in_toml() -> None:
    """So it can be searched for in the file."""
    (title,) = [one for one in OPPO.rulings(push(TOKEN)) if one.field == "title"]

    assert title.rule == 'dialects."v1.3".fields.title'


def test_a_broadcast_has_rulings_of_its_own() -> None:
    """Fields of broadcasts, such as start and speed, apply, and the number of targets has a ruling."""
    broadcast = Broadcast("1", Notification("t", "b"), Audience.of_tokens([TOKEN]), rate=500)

    of_fields = {one.field: one.effect for one in CURRENT.rulings(broadcast)}

    assert of_fields["rate"] == "applies"
    assert [one.rule for one in CURRENT.rulings(broadcast) if one.effect == "refused"] == [
        "dialects.current.fields.fix_speed_rate"
    ]
    assert any(one.rule == "dialects.current.numbers.audience_size" for one in CURRENT.rulings(broadcast))


FORMER = Oppo(**SETTINGS)


@pytest.mark.parametrize(
    ("vendor", "fields", "expected"),
    [
        (FORMER, {"intent": "chat"}, {"intent": "ignored"}),
        (FORMER, {"intent": "chat", "parameters": {"a": 1}}, {"intent": "ignored", "parameters": "ignored"}),
        (FORMER, {"channel_id": "chat"}, {"channel_id": "ignored"}),
        (CURRENT, {"intent": "chat", "channel_id": "chat"}, {}),
        (CURRENT, {"intent": "chat", "parameters": {"a": 1}}, {"parameters": "ignored"}),
        (CURRENT, {"parameters": {"a": 1}}, {"parameters": "ignored"}),
    ],
)
def test_fields_without_effect_have_a_ruling(vendor: Oppo, fields: dict[str, Any], expected: dict[str, str]) -> None:
    """An intent in a dialect without categories, and parameters without a template."""
    notification = Notification("t", "b", **fields)

    assert effects(vendor, notification) == expected
    for one in vendor.rulings(push(TOKEN, notification)):
        if one.effect == "ignored":
            assert one.verdict.startswith("has no effect: ")
            assert ('dialect = "current" has it' in one.verdict) is (vendor is FORMER)


@pytest.mark.parametrize(
    ("token", "says"),
    [
        ("CN_0123456789abcdef0123456789abcdef", "belongs to the region cn"),
        ("EUEX_0123456789abcdef", "belongs to the region overseas"),
        ("0123456789abcdef0123456789abcdef", "belongs to the region cn"),
        ("odd_0123456789abcdef", "names no region: goes to the home region cn"),
    ],
)
def test_a_ruling_says_whether_the_token_names_its_region(token: str, says: str) -> None:
    """A reader of `explain` sees whether the token or the settings chose the server."""
    hosts = [one for one in CURRENT.rulings(push(token, Notification("a", "b"))) if ".hosts." in one.rule]

    assert [one.verdict for one in hosts] == [says]
