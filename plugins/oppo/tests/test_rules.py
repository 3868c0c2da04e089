"""OPPO's `rules.toml` is complete, has its sources, and agrees with the code that reads it."""

import pytest

from pushgateway.vendor import AudienceKind, Reason
from pushgateway.vendor.rules import load_rules

RULES = load_rules("pushgateway_oppo")
V13, CURRENT = RULES.dialects["v1.3"], RULES.dialects["current"]


CARRIED = {
    *("dedupe_id", "title", "subtitle", "body", "click", "data", "store_offline", "ttl", "network", "show_from"),
    *("show_until", "time_zone", "start_at", "rate", "receipt_url", "receipt_parameter"),
}
"""What both dialects carry of a notification and a broadcast."""


@pytest.mark.parametrize("dialect", RULES.dialects.values(), ids=RULES.dialects)
def test_every_dialect_is_complete(dialect) -> None:
    """Each dialect has every row that the code reads."""
    assert dialect.hosts.keys() >= {"cn", "overseas"}
    assert dialect.operations.keys() >= {"auth", "unicast", "unicast_batch", "save", "broadcast"}
    assert dialect.targets.keys() == {kind.value for kind in AudienceKind} - {"accounts"}
    assert {row.says for row in dialect.fields.values()} >= CARRIED
    assert dialect.numbers.keys() >= {"batch_size", "audience_size", "access_lifetime", "clock_tolerance"}


def test_limits_of_the_two_dialects() -> None:
    """The lengths of 2018 and of the current pages, as in the documents."""
    lengths = {
        name: [dialect.fields[name].max for dialect in (V13, CURRENT)]
        for name in ("title", "sub_title", "content", "click_action_url", "call_back_parameter", "off_line_ttl")
    }

    assert lengths == {
        "title": [32, 50],
        "sub_title": [10, 10],
        "content": [200, 50],
        "click_action_url": [500, 2000],
        "call_back_parameter": [50, 100],
        "off_line_ttl": [259_200, 864_000],
    }
    assert CURRENT.fields["content"].maximum({"style": 2}) == 128
    assert [V13.targets["tags"].broadcast, CURRENT.targets["tags"].broadcast] == [4, 6]


def test_facts_cite_the_source_that_has_them() -> None:
    """Facts about current broadcasts do not cite pages without them, and a fact with one source is marked so."""
    broadcasts = [CURRENT.operations["save"], CURRENT.operations["broadcast"], CURRENT.numbers["audience_size"]]

    assert {row.source for row in (*broadcasts, CURRENT.targets["everyone"])} == {"S28"}
    assert all("S28" in CURRENT.targets[kind].note for kind in ("tokens", "aliases", "tags"))
    assert {(row.source, row.note) for row in CURRENT.categories.values()} == {("S27", "one source")}
    assert "by one source (S23)" in CURRENT.fields["style"].note
    assert RULES.codes["1000"].dialects == tuple(RULES.dialects)


@pytest.mark.parametrize("dialect", RULES.dialects.values(), ids=RULES.dialects)
def test_only_documented_minimums_are_rows(dialect) -> None:
    """No document says that an optional text must not be empty, except for V1.3's subtitle."""
    least = {name for name, rule in dialect.fields.items() if rule.kind == "text" and rule.min and not rule.required}
    times = {(rule.min, rule.max) for rule in dialect.fields.values() if rule.kind == "time"}

    assert least == ({"sub_title"} if dialect is V13 else set())
    assert times == {(10**12, 10**13 - 1)}


def test_only_two_codes_retire_a_token() -> None:
    """A configuration mistake or a wrong argument never looks like a dead token."""
    deadly = {code for code, rule in RULES.codes.items() if rule.host_reason is Reason.UNREGISTERED}

    assert deadly == {"1000", "10000"}


def test_special_meanings_of_codes_are_in_the_rules() -> None:
    """Success, expired access tokens, clock errors, repeats and copies are rows, not code."""
    words = {code: rule.reason for code, rule in RULES.codes.items() if rule.reason.islower()}

    assert words == {
        "0": "accepted",
        "11": "expired",
        "29": "expired",
        "18": "clock",
        "19": "clock",
        "32": "repeated",
        "10004": "copy",
        "10005": "copy",
    }
