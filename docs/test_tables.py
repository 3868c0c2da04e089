"""The guards of the documents: tables that tell facts say what the code says, and links lead somewhere.

Law of this file: a fact in a document is compared with its one source: `rules.toml`, `Reason`, the fields of a class.
A table that is wrong is printed as it should be, ready to be pasted between its markers.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from unittest.mock import Mock

import attrs
import pytest
from pushgateway_oppo import Oppo
from pushgateway_oppo.fields import WORDS
from pushgateway_oppo.replies import RULES

from pushgateway import Notification, Reason, Status, events
from pushgateway.events import Event
from pushgateway.otel import OpenTelemetryObserver
from pushgateway.rules import CodeRule, Dialect, FieldRule
from pushgateway.vendor import Secret

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "en").glob("*.md"))]

SPECIAL = {
    "expired": "the core logs in again and repeats once; after that `CREDENTIALS`",
    "clock": "the core corrects its clock and repeats the login once; after that `CREDENTIALS`",
    "repeated": "`INVALID_NOTIFICATION` with `repeated=True`; after an attempt without a verdict: `ACCEPTED`",
    "copy": "none: the first one counts",
}
SPECIAL_HEADS = ("code", "reason", "speaks of", "OPPO means", "what to do", "dialects")


def page(name: str) -> str:
    """The text of a document in docs/en."""
    return (ROOT / "docs" / "en" / name).read_text("utf-8")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def between(text: str, name: str) -> str:
    """What stands between the markers `<!-- table: name -->` and `<!-- end -->`."""
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", text, re.DOTALL)
    return found[1].strip() if found else ""


def first_cells(text: str) -> list[str]:
    """The first column of a table's rows, without its head and without backquotes."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [row.split("|")[1].strip().strip("`") for row in rows[2:]]


def code_rows(codes: Mapping[str, CodeRule]) -> Iterable[tuple[str, ...]]:
    """OPPO's return codes, as they stand in `rules.toml`."""
    for code, rule in codes.items():
        if code != "0":
            reason = SPECIAL.get(rule.reason, f"`{rule.reason}`")
            about = "the call" if rule.scope == "request" else "one target"
            dialects = "both" if len(rule.dialects) == len(RULES.dialects) else ", ".join(rule.dialects)
            yield f"`{code}`", reason, about, rule.meaning, rule.advice or "–", dialects


def limit(rule: FieldRule | None) -> str:
    """What a dialect allows in a field."""
    if rule is None:
        return "–"
    if rule.choices:
        return ", ".join(map(str, rule.choices))
    unit = {"text": "characters", "json": "characters of JSON"}.get(rule.kind, rule.unit)
    more = "".join(f"; {most} with `{condition}`" for condition, most in rule.max_when.items())
    if rule.max is None:
        words = {"bool": "true, false", "time": "a moment", "object": "JSON", "text": "any text, not empty"}
        return words.get(rule.kind) or ("any number" if rule.min is None else f"{rule.min} or more {unit}".strip())
    bounds = f"{rule.min} to {rule.max}" if rule.min else f"at most {rule.max}"
    return f"{bounds} {unit}{more}".replace(" ;", ";").strip()


def scope(rule: FieldRule) -> str:
    """For which calls a field is good."""
    if rule.scope == "message":
        return "single pushes"
    where = "broadcasts" if rule.scope == "broadcast" else "all"
    if not rule.audiences:
        return where
    kinds = " and ".join(rule.audiences)
    return f"broadcasts to {kinds}" if rule.scope == "broadcast" else f"single pushes, broadcasts to {kinds}"


def field_rows(old: Dialect, new: Dialect) -> Iterable[tuple[str, ...]]:
    """The fields of a notification in both dialects."""
    ours = {field.name for field in attrs.fields(Notification)}
    for name, rule in new.fields.items():
        word = WORDS.get(name, name)
        called = f"`{word}`" if word in ours or word in ("start_at", "rate") else "by `overrides`"
        beyond = "cut" if rule.past == "cut" else "refused"
        if rule.max is None and not rule.choices:
            beyond = "–"
        yield called, f"`{name}`", scope(rule), limit(old.fields.get(name)), limit(rule), beyond


def test_the_code_table_is_the_rules() -> None:
    """The return codes in the document are those of `rules.toml`, each with the reason that a host sees."""
    right = table(SPECIAL_HEADS, code_rows(RULES.codes))

    assert between(page("oppo.md"), "codes") == right, right


def test_the_field_table_is_the_rules() -> None:
    """The fields and limits in the document are those of `rules.toml`, then and now."""
    heads = ("ours", "OPPO's field", "for", "`v1.3`", "`current`", "beyond the limit")
    right = table(heads, field_rows(RULES.dialects["v1.3"], RULES.dialects["current"]))

    assert set(RULES.dialects["v1.3"].fields) <= set(RULES.dialects["current"].fields)
    assert between(page("oppo.md"), "fields") == right, right


def quota_rows(dialect: str) -> Iterable[tuple[str, ...]]:
    """What OPPO takes in a second and in a day, and whether a certificate keeps to it by itself."""
    certificate = Oppo(app_key="key", master_secret=Secret("secret"), dialect=dialect)
    for name, figure in RULES.dialects[dialect].quotas.items():
        kept = "kept, unless you set another" if figure.value == certificate.rates.pushes else "–"
        yield f"`{name}`", f"{figure.value:,} {figure.unit}", RULES.sources[figure.source].title, kept


def test_the_quota_table_is_the_rules() -> None:
    """The figures in the document are those of `rules.toml`, and it is said which of them the gateway uses."""
    rows = list(quota_rows("current"))
    right = table(("figure", "is", "by", "here"), rows)

    assert [row[3] for row in rows].count("–") == len(rows) - 1
    assert list(quota_rows("v1.3")) == []
    assert between(page("oppo.md"), "quotas") == right, right


def test_the_settings_table_is_the_class() -> None:
    """Every setting of an OPPO certificate is explained, and none that does not exist."""
    assert first_cells(between(page("oppo.md"), "settings")) == [field.name for field in attrs.fields(Oppo)]


def test_every_reason_and_every_ending_is_explained() -> None:
    """The table of reasons is closed, like the enumeration, and in its order; so is that of the endings."""
    text = page("outcomes.md")

    assert first_cells(between(text, "reasons")) == [reason.name for reason in Reason]
    assert first_cells(between(text, "endings")) == [status.name for status in Status]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """A link to a file of this repository leads to a file, and one to a heading leads to that heading."""
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]

    assert [link for link in links if not _leads(path, *link.partition("#")[::2])] == []


def _leads(path: Path, file: str, heading: str) -> bool:
    target = (path.parent / file).resolve() if file else path
    if not target.exists() or not heading:
        return target.exists()
    titles = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
    return heading in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_events_are_told_as_they_are() -> None:
    """The table of events has each of them with all its fields, in the order of the code."""
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
    common = {field.name for field in attrs.fields(Event)}
    fields = {
        kind.__name__: [field.name for field in attrs.fields(kind) if field.name not in common]
        for kind in kinds
        if kind is not Event
    }
    rows = between(page("observing.md"), "events").splitlines()[2:]

    told = {cells[1].strip(" `"): re.findall(r"`(\w+)`", cells[3]) for row in rows if (cells := row.split("|"))}

    assert told == fields


def test_metrics_are_told_by_their_names() -> None:
    """The table of metrics has every instrument that the observer makes, and no other."""
    meters = Mock()
    OpenTelemetryObserver(meter_provider=meters)
    made = {call.args[0] for call in meters.get_meter.return_value.method_calls}

    assert set(first_cells(between(page("observing.md"), "metrics"))) == made
