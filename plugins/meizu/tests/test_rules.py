"""The facts: complete, with their sources, and never a fault of the configuration that retires a token."""

from __future__ import annotations

import pytest
from pushgateway_meizu.replies import FACTS, RULES

from pushgateway.vendor import Reason
from pushgateway.vendor.rules import rows


def test_every_source_is_used() -> None:
    """A source that no row cites is a fact that was lost."""
    assert {row.source for _, row in rows(RULES)} == RULES.sources.keys()


def test_few_codes_retire_a_token() -> None:
    """Two, at both places; an alias without a phone and a switch that is off are no dead tokens."""
    for table in (RULES.codes, RULES.target_codes):
        deadly = {code for code, row in table.items() if row.host_reason is Reason.UNREGISTERED}

        assert deadly == {"110002", "110003"}
        assert all(table[code].scope == "target" for code in deadly)


def test_one_number_in_two_tables() -> None:
    """110010 is a rate for a request, and a switch for a target."""
    assert RULES.codes["110010"].host_reason is Reason.RATE_LIMITED
    assert RULES.target_codes["110010"].host_reason is Reason.MUTED


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (FACTS.numbers["batch_size"], 100),
        (FACTS.numbers["former_batch_size"], 1000),
        (FACTS.numbers["alias_characters"], 60),
        (FACTS.numbers["tag_characters"], 20),
        (FACTS.numbers["tags"], 100),
        (FACTS.numbers["packages"], 50),
        (FACTS.numbers["statistics_days"], 30),
        (FACTS.quotas["rate_of_every_app"], 200),
        (FACTS.quotas["public_of_a_phone"], 3),
        (FACTS.quotas["messages_in_a_minute"], 5),
    ],
)
def test_figures_of_the_documents(row: object, value: int) -> None:
    """As Meizu's and the aggregators' pages have them."""
    assert getattr(row, "value", None) == value


def test_limits_of_the_fields() -> None:
    """Characters of texts, hours, and bytes of what is for receipts."""
    limits = {name.rpartition("info.")[2].rpartition(".")[2]: row.max for name, row in FACTS.fields.items() if row.max}

    wanted = {
        "title": 32,
        "content": 100,
        "subtitle": 16,
        "validTime": 72,
        "notifyKey": 8,
        "url": 1000,
        "activity": 1000,
    }
    assert wanted.items() <= limits.items()
    assert (FACTS.fields["callback"].max, FACTS.fields["callback.param"].max) == (128, 64)


def test_the_service_has_no_new_phones() -> None:
    """The month, its source, and the sentence of the advice are one row."""
    row = FACTS.numbers["new_phones_until"]

    assert (row.value, row.source) == (202602, "N")
    assert row.note.startswith("Meizu has made no new phones for China since 2026-02-27")


def test_calls_that_the_document_has_as_get() -> None:
    """Each has a row of its own beside the one with POST, at the same path."""
    twins = {name: row for name, row in FACTS.operations.items() if name.endswith("_get")}

    assert len(twins) == 5
    for name, row in twins.items():
        other = FACTS.operations[name.removesuffix("_get")]
        assert (row.path, row.host, row.method, other.method) == (other.path, other.host, "GET", "POST")


def test_every_intent_has_a_type() -> None:
    """Marketing and news are public, all others private."""
    assert {word for word, row in FACTS.intents.items() if row.category == "public"} == {"marketing", "news"}
    assert len(FACTS.intents) == 10
