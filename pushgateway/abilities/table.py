"""The table of brands: `groups` of rows, one column for each brand, with cells of a few characters.

Nothing is sent here. Texts are English; `WORDS` has those that are translated where the table is shown, which are all
but the labels that are code. Used by `pushgateway vendors --table` and by the documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import attrs

from pushgateway.abilities.brand import Abilities
from pushgateway.abilities.cells import Cell, Verdict
from pushgateway.abilities.facts import Facts
from pushgateway.model.audience import AudienceKind
from pushgateway.model.receipt import ReceiptKind
from pushgateway.model.secret import safe_repr

YES: Final = "✓"
NO: Final = "✗"
UNKNOWN: Final = "?"
MARKS: Final[Mapping[str, str]] = {
    YES: "carried; for a call: there is one",
    "≤": "carried up to this limit; the push is refused (`INVALID_NOTIFICATION`) if it is longer",
    "✂": "carried up to this limit; if it is longer, it is cut and named in `Outcome.truncated`",
    "≥": "carried from this limit on",
    "B": "the limit counts bytes of UTF-8",
    "w": "in this limit a Chinese character counts 2",
    "≈": "the limit is for all fields together; about as much is left beside a short title and body",
    "–": "left out, and named in `Outcome.omitted`",
    "○": "the push is sent as if it had not been given",
    "(✓)": "refused for a single push, carried in a broadcast",
    "t": "each value arrives as its JSON text",
    "°": "such a push goes in a request of its own",
    NO: "refused before any request; for a call: there is none",
    "!": "a fault of the plug-in or its sandbox: the outcome and the phone disagree",
    UNKNOWN: "not known: no sandbox, or no figure of the vendor",
}
"""What a mark in a cell means, in the order of the legend. Limits count characters unless a mark says otherwise; d, h,
m, s are days, hours, minutes and seconds."""


@safe_repr
@attrs.frozen
class Row:
    """One feature or fact, with a cell for each column."""

    label: str
    cells: tuple[str, ...]
    is_code: bool = True
    """Whether the label is a name of the code."""


@safe_repr
@attrs.frozen
class Group:
    """Rows about one subject."""

    title: str
    rows: tuple[Row, ...]


_FEATURES: Final[Mapping[str, Sequence[str]]] = {
    "what is shown": (
        *("title", "body", "subtitle", "long_body", "picture", "icon", "buttons"),
        *("Badge.add(1)", "Badge.add(2)", "Badge.set"),
        *("Alert.SILENT", "Alert.NORMAL", "Alert.URGENT", "sound", "replace_key", "group", "show_in_foreground=False"),
    ),
    "what a tap does": (
        *("OpenApp", "OpenIntent", "OpenActivity", "OpenUrl", "OpenIntentUri", "data", 'data={"k": [7]}'),
    ),
    "when, and to whom": (
        *("ttl", "store_offline=False", "Network.WIFI", "show_from, show_until", "show_from", "show_until"),
        *("time_zone", "user_id"),
    ),
    "category and template": ("channel_id", "intent", "parameters", "overrides"),
    "receipts": ("receipt_url", "receipt_parameter"),
    "broadcasts": (
        *("Audience.everyone", "Audience.of_tags", "of_tags(all_of=)", "of_tags(none_of=)", "Audience.of_aliases"),
        *("Audience.of_accounts", "Audience.of_tokens", "start_at", "rate"),
    ),
    "requests": (),
}
"""By title of a group: its features."""


def short(cell: Cell | None) -> str:
    """A cell in a few characters."""
    if cell is None:
        return UNKNOWN
    if cell.in_broadcasts:
        return "(✓)"
    marks = {Verdict.LEFT_OUT: "–", Verdict.NO_EFFECT: "○", Verdict.REFUSED: NO, Verdict.WRONG: "!", Verdict.CUT: "✂"}
    return marks.get(cell.verdict) or f"{_limit(cell)}{'t' if cell.as_texts else ''}{'°' if cell.alone else ''}"


def _limit(cell: Cell) -> str:
    if cell.most is None:
        return YES
    sign = "✂" if cell.beyond is Verdict.CUT else "" if cell.shared else "≤"
    if cell.counted == "seconds":
        least = "" if cell.least is None else f"≥{duration(cell.least)} "
        return f"{least}{sign}{duration(cell.most)}"
    most = f"≈{cell.most // 100 * 100:,}" if cell.shared else f"{cell.most:,}"
    return f"{sign}{most}{'B' if cell.counted == 'bytes' else 'w' if cell.counted == 'double' else ''}"


def duration(seconds: int) -> str:
    """A number of seconds in the largest unit that holds it whole."""
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length:,}{unit}"
    return f"{seconds:,}s"


def truth(value: bool | None) -> str:
    """A fact that is true, false or unknown."""
    return UNKNOWN if value is None else YES if value else NO


def figure(value: float | None) -> str:
    """A number, or unknown."""
    return UNKNOWN if value is None else f"{value:,.10g}"


_LOGIN: Final = {None: UNKNOWN, "request": "login", "signed": "signed", "none": NO}
_PROOF: Final = {
    None: UNKNOWN,
    "signed": "vendor",
    "push": "push",
    "message": "request",
    "unproved": "nothing",
    "none": NO,
}
_REPEATS: Final = {None: UNKNOWN, True: "vendor", False: NO, "message": "phone"}


def _targets(facts: Facts) -> str:
    lists = {kind.value for kind in AudienceKind if kind.is_list}
    if facts.audiences is not None and lists.isdisjoint(facts.audiences):
        return NO
    return figure(facts.audience_size)


_FACTS: Final[Mapping[str, Mapping[str, Callable[[Facts], str]]]] = {
    "receipts": {
        "receipts verified by": lambda facts: _PROOF[facts.receipts],
        "dead tokens reported by": lambda facts: facts.dead_tokens or UNKNOWN,
    },
    "broadcasts": {
        "targets in a request": _targets,
    },
    "requests": {
        "pushes in a request": lambda facts: figure(facts.batch_size),
        "with different texts": lambda facts: truth(facts.mixed),
        "content is saved first": lambda facts: truth(facts.saves),
        "a repeat is dropped by": lambda facts: _REPEATS[facts.deduplicates],
        "access token": lambda facts: _LOGIN[facts.login],
        "pushes per second": lambda facts: figure(facts.pushes_per_second),
        "requests per second": lambda facts: figure(facts.requests_per_second),
        "connections": lambda facts: figure(facts.connections),
        "daily quota": lambda facts: quota(facts.quotas),
        "recall": lambda facts: truth(facts.recall),
        "check_tokens": lambda facts: truth(facts.check_tokens),
    },
}
"""By title of a group and label of a row: the cell of a brand."""
_CODE: Final = ("recall", "check_tokens")
"""Labels of facts that are names of the code."""
_KINDS: Final = tuple(kind for kind in ReceiptKind if kind not in (ReceiptKind.SUSPECT, ReceiptKind.OTHER))
"""The kinds of receipts that a vendor posts."""
_COMPACT: Final = (
    *("title", "body", "picture", "buttons", "Badge.set", "replace_key", "OpenUrl", "data", "ttl", "intent"),
    *("receipts verified by", "dead tokens reported by", "Audience.everyone", "Audience.of_tags"),
    *("Audience.of_aliases", "Audience.of_accounts", "Audience.of_tokens"),
    *("pushes in a request", "with different texts", "a repeat is dropped by", "recall", "check_tokens"),
)
"""The rows of the short table."""


def quota(quotas: Mapping[str, Sequence[str]] | None) -> str:
    """Which pushes have a daily quota, by the rules: "every", those for everybody ("public"), or "some"."""
    counted = [name for name, sentences in (quotas or {}).items() if sentences]
    if not counted or quotas is None:
        return UNKNOWN
    if len(counted) == len(quotas):
        return "every"
    return "public" if {"marketing", "news"} <= set(counted) <= {"", "marketing", "news"} else "some"


def groups(columns: Sequence[Abilities]) -> list[Group]:
    """The whole table."""
    return [
        Group(title, (*_feature_rows(features, columns), *_fact_rows(title, columns)))
        for title, features in _FEATURES.items()
    ]


def compact(columns: Sequence[Abilities]) -> list[Row]:
    """The rows that most readers look for."""
    return [row for group in groups(columns) for row in group.rows if row.label in _COMPACT]


def _feature_rows(names: Iterable[str], columns: Sequence[Abilities]) -> list[Row]:
    return [Row(name, tuple(short(column.cells.get(name)) for column in columns)) for name in names]


def _fact_rows(title: str, columns: Sequence[Abilities]) -> list[Row]:
    rows = [
        Row(label, tuple(read(column.facts) for column in columns), label in _CODE)
        for label, read in _FACTS.get(title, {}).items()
    ]
    if title == "receipts":
        rows += [Row(kind.name, tuple(truth(_has(column.facts, kind)) for column in columns)) for kind in _KINDS]
    return rows


def _has(facts: Facts, kind: ReceiptKind) -> bool | None:
    return None if facts.receipt_kinds is None else facts.receipts != "none" and kind.value in facts.receipt_kinds


def legend(cells: Iterable[str]) -> dict[str, str]:
    """The marks that these cells use, with their meanings."""
    used = set(cells)
    return {mark: meaning for mark, meaning in MARKS.items() if any(_uses(cell, mark) for cell in used)}


def _uses(cell: str, mark: str) -> bool:
    if mark in ("B", "w", "t", "°"):
        return not cell.isalpha() and cell.endswith((mark, f"{mark}°"))
    if mark in ("≤", "✂", "≥", "≈"):
        return mark in cell
    return cell.removesuffix("°").removesuffix("t") == mark


WORDS: Final = (
    *_FEATURES,
    *(label for facts in _FACTS.values() for label in facts if label not in _CODE),
    *(
        "login",
        "signed",
        "vendor",
        "push",
        "request",
        "nothing",
        "reply",
        "receipt",
        "phone",
        "every",
        "public",
        "some",
    ),
    *MARKS.values(),
)
"""Every text that is translated."""
