"""Cells in a few characters, groups of rows, and the legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pushgateway.abilities.brand import Abilities
from pushgateway.abilities.cells import Cell, Verdict
from pushgateway.abilities.facts import Facts
from pushgateway.abilities.features import AUDIENCES, FEATURES
from pushgateway.abilities.table import MARKS, WORDS, compact, duration, figure, groups, legend, quota, short, truth

CARRIED, CUT, REFUSED = Verdict.CARRIED, Verdict.CUT, Verdict.REFUSED


def column(cells: Mapping[str, Cell] | None = None, **facts: Any) -> Abilities:
    """A brand with these cells and facts."""
    known = Facts(recall=facts.pop("recall", False), check_tokens=facts.pop("check_tokens", False), **facts)
    return Abilities(brand="toy", dialect="", facts=known, cells=cells or {})


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ({}, "✓"),
        ({"alone": True}, "✓°"),
        ({"as_texts": True}, "✓t"),
        ({"most": 40, "counted": "points", "beyond": CUT}, "✂40"),
        ({"most": 1024, "counted": "utf16", "beyond": REFUSED}, "≤1,024"),
        ({"most": 64, "counted": "bytes", "beyond": REFUSED, "alone": True}, "≤64B°"),
        ({"most": 40, "counted": "double", "beyond": CUT}, "✂40w"),
        ({"most": 3999, "counted": "bytes", "beyond": CUT, "shared": True}, "✂≈3,900B"),
        ({"most": 4000, "counted": "bytes", "beyond": REFUSED, "shared": True}, "≈4,000B"),
        ({"most": 259_200, "counted": "seconds", "beyond": REFUSED}, "≤3d"),
        ({"most": 86_400, "least": 60, "counted": "seconds", "beyond": REFUSED}, "≥1m ≤1d"),
        ({"most": 3, "counted": "pieces"}, "≤3"),
        ({"verdict": Verdict.LEFT_OUT}, "–"),
        ({"verdict": Verdict.NO_EFFECT}, "○"),
        ({"verdict": REFUSED}, "✗"),
        ({"verdict": REFUSED, "in_broadcasts": True}, "(✓)"),
        ({"verdict": Verdict.WRONG}, "!"),
        ({"verdict": CUT}, "✂"),
    ],
)
def test_a_cell(cell: dict[str, Any], text: str) -> None:
    """A limit has its sign, its number and its unit; everything else is one mark. Each has its place in the legend."""
    made = Cell(**{"verdict": CARRIED, **cell})

    assert short(made) == text
    assert legend([text])
    assert short(None) == "?"


def test_durations_and_figures() -> None:
    """The largest unit that holds a number whole; figures with separators."""
    assert [duration(seconds) for seconds in (0, 59, 60, 3599, 3600, 86_400, 90_000)] == [
        *("0s", "59s", "1m", "3,599s", "1h", "1d", "25h")
    ]
    assert [figure(value) for value in (None, 1000, 2.5, 5000.0)] == ["?", "1,000", "2.5", "5,000"]
    assert [truth(value) for value in (None, True, False)] == ["?", "✓", "✗"]


@pytest.mark.parametrize(
    ("counted", "text"),
    [
        ([], "?"),
        (["marketing", "news"], "public"),
        (["", "marketing", "news"], "public"),
        (["chat"], "some"),
        (["", "chat", "marketing", "news"], "every"),
    ],
)
def test_which_pushes_have_a_quota(counted: Sequence[str], text: str) -> None:
    """Those for everybody, all, or some; unknown where no quota is known."""
    assert quota({name: ["2 a day"] if name in counted else [] for name in ("", "chat", "marketing", "news")}) == text
    assert quota(None) == "?"


def test_every_feature_has_a_row() -> None:
    """Each feature and each audience that is asked is in the table once."""
    labels = [row.label for group in groups([column()]) for row in group.rows]

    features = {feature.name for feature in FEATURES} | AUDIENCES.keys()
    assert len(labels) == len(set(labels))
    assert features | {"intent", "parameters", "overrides", "start_at", "rate"} <= set(labels)


def test_a_table_of_two_brands() -> None:
    """A column for each, in order; what is not known of one is a question mark."""
    known = column(
        {"title": Cell(verdict=CARRIED, most=40, counted="points", beyond=CUT)},
        receipts="signed",
        receipt_kinds=["arrived"],
        dead_tokens="receipt",
        login="signed",
        deduplicates="message",
        audiences=["tags"],
        audience_size=1000,
        batch_size=1000,
        recall=True,
    )

    rows = {row.label: row.cells for group in groups([known, column()]) for row in group.rows}

    assert rows["title"] == ("✂40", "?")
    assert (rows["receipts verified by"], rows["dead tokens reported by"]) == (("vendor", "?"), ("receipt", "?"))
    assert (rows["ARRIVED"], rows["CLICKED"]) == (("✓", "?"), ("✗", "?"))
    assert (rows["a repeat is dropped by"], rows["access token"]) == (("phone", "?"), ("signed", "?"))
    assert (rows["targets in a request"], rows["pushes in a request"]) == (("✗", "?"), ("1,000", "?"))
    assert (rows["recall"], rows["check_tokens"]) == (("✓", "✗"), ("✗", "✗"))
    assert {row.label for row in compact([known])} < rows.keys()


def test_the_legend_has_what_is_used_and_nothing_else() -> None:
    """In the order of the marks."""
    assert list(legend(["✂≈3,900B", "–", "✓", "1,000"])) == ["✓", "✂", "B", "≈", "–"]
    assert list(legend(["✓°", "≥1m ✂1d", "≤40w"])) == ["✓", "≤", "✂", "≥", "w", "°"]
    assert list(legend(["✓t°"])) == ["✓", "t", "°"]
    assert legend(["phone", "vendor", "request"]) == {}


def test_every_word_can_be_translated() -> None:
    """Each text of a table that is no code, figure or mark is listed for the catalogues."""
    facts: dict[str, Sequence[Any]] = {
        "receipts": ("signed", "push", "message", "unproved", "none"),
        "login": ("request", "signed", "none"),
        "deduplicates": (True, "message", False),
        "dead_tokens": ("reply", "receipt"),
        "quotas": ({"": ["q"]}, {"": ["q"], "chat": []}, {"chat": ["q"], "": []}),
    }
    parts = [groups([column(**{name: value})]) for name, values in facts.items() for value in values]

    shown = {cell for part in parts for group in part for row in group.rows for cell in row.cells if cell.isalpha()}
    labels = {row.label for group in parts[0] for row in group.rows if not row.is_code}
    titles = {group.title for group in parts[0]}

    assert len(shown) > 10
    assert shown | labels | titles <= set(WORDS)
    assert set(MARKS.values()) <= set(WORDS)
