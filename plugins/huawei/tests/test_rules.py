"""The facts of both brands: complete, with their sources, and never a configuration fault that retires a token."""

from __future__ import annotations

import pytest
from pushgateway_huawei.harmony import RULES as HARMONY
from pushgateway_huawei.huawei import RULES as HUAWEI

from pushgateway.vendor import Reason
from pushgateway.vendor.rules import Rules, rows

V1, V3 = HUAWEI.dialects["v1"], HARMONY.dialects["v3"]
BOTH = pytest.mark.parametrize("rules", [HUAWEI, HARMONY], ids=["huawei", "harmony"])


def test_each_brand_has_its_own_facts() -> None:
    """One dialect each: v1 and v2 have the same fields."""
    assert (HUAWEI.brand, HARMONY.brand) == ("huawei", "harmony")
    assert (list(HUAWEI.dialects), list(HARMONY.dialects)) == (["v1"], ["v3"])


@BOTH
def test_every_source_is_used(rules: Rules) -> None:
    """A source that no row cites is a fact that was lost."""
    assert {row.source for _, row in rows(rules)} == rules.sources.keys()


def test_few_reasons_retire_a_token() -> None:
    """A fault of the configuration (`noRight`) or a missing right never looks like a dead token."""

    def deadly(rules: Rules) -> set[str]:
        tables = {**rules.codes, **rules.target_codes}
        return {code for code, row in tables.items() if row.host_reason is Reason.UNREGISTERED}

    assert deadly(HUAWEI) == {"80300007", "82000010", "82000011", "illegal_tokens"}
    assert deadly(HARMONY) == {"80300028", "tokenFormatError", "tokenPlatformNotSupport"}
    assert HARMONY.target_codes["noRight"].host_reason is Reason.CREDENTIALS
    assert all(HUAWEI.codes[code].scope == "target" for code in deadly(HUAWEI) if code in HUAWEI.codes)


@BOTH
def test_words_of_codes(rules: Rules) -> None:
    """Success, success in part, and what a new access token or the right time heals."""
    words = {code: row.reason for code, row in rules.codes.items() if row.reason.islower()}

    assert words.items() >= {"80000000": "accepted", "80100000": "partial", "80200001": "expired"}.items()
    assert words["80200005"] == "clock"
    assert words.get("80300036", "clock") == "clock"


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (V1.numbers["batch_size"], 1000),
        (V3.numbers["batch_size"], 1000),
        (V3.numbers["test_batch_size"], 10),
        (V1.numbers["body_bytes"], 4096),
        (V3.numbers["body_bytes"], 4096),
        (V1.numbers["condition_topics"], 5),
        (V1.quotas["rate_of_every_app"], 6000),
        (V3.quotas["rate_of_every_app"], 6000),
        (V3.numbers["jwt_longest"], 86_400),
    ],
)
def test_figures_of_the_documents(row: object, value: int) -> None:
    """As Huawei's pages have them."""
    assert getattr(row, "value", None) == value


def test_a_ttl_is_a_text_in_v1_and_a_number_in_v3() -> None:
    """At most 15 days in both."""
    old, new = V1.fields["android.ttl"], V3.fields["pushOptions.ttl"]

    assert (old.wire, new.wire) == ("{}s", "")
    assert old.max == new.max == 15 * 86_400


@BOTH
def test_marketing_is_the_only_public_category(rules: Rules) -> None:
    """Every other one needs an approved right."""
    (dialect,) = rules.dialects.values()

    assert [name for name, row in dialect.categories.items() if not row.private] == ["MARKETING"]


@BOTH
def test_no_receipt_but_two_retires_a_token(rules: Rules) -> None:
    """Notifications off, an inactive phone and a message held by the server are no dead tokens."""
    (dialect,) = rules.dialects.values()
    kinds = {event: row.kind for event, row in dialect.events.items()}

    assert {event for event, kind in kinds.items() if kind == "UNREGISTERED"} == {"2", "5"}
    assert (kinds["0"], kinds["6"], kinds["10"], kinds["102"], kinds["256"]) == (
        "ARRIVED",
        "MUTED",
        "DROPPED",
        "LIMITED",
        "LIMITED",
    )
