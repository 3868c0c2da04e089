"""Checks that tables in the documents match the code, and that links have targets.

A fact in a document is compared with its one source: `rules.toml`, `Reason`, the fields of a class. Generated tables
(`docs/tools/tables.py`) are compared exactly. Tables written by hand are compared by the names in them, in both
languages.
"""

import inspect
import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import attrs
import pytest
import tables
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pushgateway_honor import Honor
from pushgateway_honor.sandbox import HonorSandbox
from pushgateway_meizu import Meizu
from pushgateway_meizu.sandbox import MeizuSandbox
from pushgateway_oppo import Oppo
from pushgateway_oppo.notification import RULES
from pushgateway_oppo.sandbox import OppoSandbox
from pushgateway_vivo import Vivo
from pushgateway_vivo.sandbox import VivoSandbox
from pushgateway_xiaomi import Xiaomi
from pushgateway_xiaomi.sandbox import XiaomiSandbox
from reading import Link, anchor, read
from support_tables import brands, columns, pages
from support_tables import words as in_words
from tables import (
    EXAMPLE,
    TUTORIAL,
    between,
    filled,
    made,
    main,
    make,
    measured,
    path_of,
    performance,
    quota_rows,
    stale,
    uncertain_rows,
)
from words import LANGUAGES, MissingWordsError, Words, shared, words

from pushgateway import Reason, Status
from pushgateway.abilities.cells import Cell, Verdict
from pushgateway.abilities.table import groups
from pushgateway.config import _OPTIONS
from pushgateway.observe import events
from pushgateway.observe.events import Event
from pushgateway.observe.otel import OpenTelemetryObserver
from pushgateway.observe.prometheus import PrometheusObserver
from pushgateway.sandbox.kit.ruled import RuledSandbox

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("[A-Z]*.md"), *ROOT.glob("docs/*/*.md")])
WRITE = "write it anew: python docs/tools/tables.py --write"

both_languages = pytest.mark.parametrize("language", LANGUAGES)


def page(name: str, language: str) -> str:
    """The text of a document."""
    return (ROOT / "docs" / language / name).read_text("utf-8")


def first_cells(text: str) -> list[str]:
    """The first column of a table's rows, without its head and without backquotes."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    return [row.split("|")[1].strip().strip("`") for row in rows[2:]]


@both_languages
def test_the_made_tables_are_the_rules(language: str) -> None:
    """Codes, fields, limits and quotas in the document are those of `rules.toml`."""
    assert set(RULES.dialects["v1.3"].fields) <= set(RULES.dialects["current"].fields)
    assert set(made("oppo.md", language)) == {
        "support.oppo",
        "codes",
        "fields",
        "quotas",
        "hosts",
        "operations",
        "pictures",
        "uncertain",
    }
    assert stale("oppo.md", language) == [], WRITE
    for name in ("xiaomi.md",):
        assert set(made(name, language)) == {
            "support.xiaomi",
            "codes",
            "fields",
            "quotas",
            "hosts",
            "operations",
            "receipts",
            "uncertain",
        }
        assert stale(name, language) == [], WRITE


@both_languages
def test_the_tables_of_honor_are_its_rules(language: str) -> None:
    """Codes, lists of tokens, fields, quotas, hosts, calls and receipts."""
    names = {"support.honor", "codes", "lists", "fields", "quotas", "hosts", "operations", "receipts"}

    assert set(made("honor.md", language)) == names
    assert stale("honor.md", language) == [], WRITE


@both_languages
def test_the_tables_of_meizu_are_its_rules(language: str) -> None:
    """Codes of requests and of targets, fields, quotas, hosts, calls and receipts."""
    names = {"support.meizu", "codes", "targets", "fields", "quotas", "hosts", "operations", "receipts"}

    assert set(made("meizu.md", language)) == names
    assert stale("meizu.md", language) == [], WRITE


@both_languages
def test_the_tables_of_vivo_are_its_rules(language: str) -> None:
    """Codes of calls, of logins and of tokens, fields, quotas, hosts, calls and receipts."""
    names = {"support.vivo", "codes", "logins", "statuses", "fields", "quotas", "hosts", "operations", "receipts"}

    assert set(made("vivo.md", language)) == names
    assert stale("vivo.md", language) == [], WRITE


@both_languages
def test_the_performance_tables_are_the_run(language: str) -> None:
    """The figures in both languages are those of `measured.json`."""
    assert set(made("performance.md", language)) >= {"run", "targets", "throughput.cost"}
    assert stale("performance.md", language) == [], WRITE


@both_languages
def test_the_tutorial_is_the_plug_in(language: str) -> None:
    """The page shows the files of `examples/acme` exactly, and every promise of the conformance kit with its
    scenarios.
    """
    assert set(made("writing-a-plugin.md", language)) == {"promises", *(Path(name).name for name in TUTORIAL)}
    assert stale("writing-a-plugin.md", language) == [], WRITE


def test_what_is_not_documented_is_listed() -> None:
    """The list of uncertain facts has every row of the rules that is not `documented`, and no other row."""
    listed = {
        (section, name.strip(" `")) for section, names, _, _ in uncertain_rows(RULES) for name in names.split(",")
    }
    sections = {"codes": RULES.codes}
    for key, dialect in RULES.dialects.items():
        mappings = {name: rows for name, rows in attrs.asdict(dialect, recurse=False).items() if isinstance(rows, dict)}
        sections |= {f"{key}.{name}": rows for name, rows in mappings.items()}

    uncertain = {
        (f"`{section}`", name)
        for section, rows in sections.items()
        for name, row in rows.items()
        if RULES.confidence(row) != "documented"
    }

    assert listed == uncertain
    assert {("`current.fields`", name) for name in ("content", "style", "badge_operation_type")} <= listed


def test_one_quota_is_kept() -> None:
    """The page says which of OPPO's figures the gateway uses; it is one of the dialect's figures."""
    kept = [row[3] for row in quota_rows(RULES, "current")]

    assert kept.count("–") == len(kept) - 1
    assert list(quota_rows(RULES, "v1.3")) == []


def test_only_made_tables_are_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stale table is named, and writing changes it and nothing else."""
    for language in LANGUAGES:
        (tmp_path / "docs" / language).mkdir(parents=True)
        for name in tables.pages():
            path = path_of(name, language)
            (tmp_path / path.relative_to(ROOT)).write_text(path.read_text("utf-8"), "utf-8")
    changed = tmp_path / "docs" / "zh" / "oppo.md"
    changed.write_text(page("oppo.md", "zh").replace("| 1 到 32 个字符 |", "| 1 到 33 个字符 |"), "utf-8")
    monkeypatch.setattr("tables.ROOT", tmp_path)

    assert stale("oppo.md", "zh") == ["fields"]
    assert main([]) == 1
    assert main(["--write"]) == 0
    assert changed.read_text("utf-8") == page("oppo.md", "zh")
    assert capsys.readouterr().out == "docs/zh/oppo.md: fields: python docs/tools/tables.py --write\n"
    assert filled("<!-- table: hand -->\nold\n<!-- end -->", {}) == "<!-- table: hand -->\nold\n<!-- end -->"
    assert filled("<!-- table: t -->\n<!-- end -->", {"t": r"\1"}) == "<!-- table: t -->\n\\1\n<!-- end -->"


def all_missed() -> dict[str, Any]:
    """The measured results with every target missed."""
    given = measured()
    scripts = {}
    for name, script in given["scripts"].items():
        bars = [{**bar, "measured": 0.0 if bar["at_least"] else 2 * bar["limit"]} for bar in script["targets"]]
        scripts[name] = {**script, "targets": bars}
    return {**given, "scripts": scripts}


def test_every_chinese_word_is_needed() -> None:
    """`words.toml` has no entry that no table uses any more."""
    chinese = {name: words("zh", name) for name in tables.pages()}
    for name, one in chinese.items():
        make(name, "zh", one.translate)
    translate = chinese["performance.md"].translate
    performance(translate, {**measured(), "most": 1000})  # a short run says that it is one
    performance(translate, all_missed())

    assert {name: one.unused() for name, one in chinese.items()} == {name: [] for name in chinese}
    assert shared("zh").keys() - set().union(*(one.used for one in chinese.values())) == set()


def test_texts_are_translated_whole_or_by_form() -> None:
    """A literal entry is used first. A form translates its gaps in small letters and keeps those in CAPITALS. All
    missing texts are named.
    """
    entries = {"too fast": "太快", "fast": "快", "{what} of {COUNT}": "{COUNT} 个里的{what}", "{a}; {b}": "{a}；{b}"}
    chinese = Words(entries, "the file")
    translated = [
        chinese.translate(text) for text in ("too fast", "fast of 3 Latin", "fast; too fast; fast", "–", "1,000 `code`")
    ]

    assert translated == ["太快", "3 Latin 个里的快", "快；太快；快", "–", "1,000 `code`"]
    assert chinese.unused() == []
    chinese.check()
    assert [chinese.translate(text) for text in ("slow of 3", "fast", 'a "b"')] == ["slow of 3", "快", 'a "b"']
    with pytest.raises(MissingWordsError, match=r'the file has no words for:\n"slow of 3" = \n"a \\"b\\"" = $'):
        chinese.check()


@both_languages
def test_the_settings_table_is_the_class(language: str) -> None:
    """Every setting of a certificate is explained, and no other."""
    for name, plugin in (
        ("oppo.md", Oppo),
        ("xiaomi.md", Xiaomi),
        ("honor.md", Honor),
        ("meizu.md", Meizu),
        ("vivo.md", Vivo),
    ):
        settings = first_cells(between(page(name, language), "settings"))

        assert settings == [field.name for field in attrs.fields(plugin)]


@both_languages
def test_the_tables_of_brands_are_what_the_plug_ins_do(language: str) -> None:
    """The page and the README have a column for each brand and dialect of this repository, and are up to date."""
    assert stale("support.md", language) == [], WRITE
    assert stale("README.md", language) == [], WRITE
    named = {column.brand for column in columns()}
    tables = {**made("support.md", language), **made("README.md", language)}
    heads = [text.splitlines()[0] for name, text in tables.items() if name != "marks"]
    assert set(brands()) == named
    assert len(heads) == 8
    assert {tuple(re.findall(r"`(\w+)`\]?", head)).count("oppo") for head in heads} == {2}
    assert all(set(re.findall(r"`(\w+)`", head)) >= named for head in heads)


@both_languages
def test_each_brand_with_a_page_has_its_table_there(language: str) -> None:
    """The marker in the English page names the brands; the table has every row of the comparison, in words."""
    rows = {row.label for group in groups(columns()) for row in group.rows if row.is_code}
    assert pages().keys() >= {"harmony", "huawei", "oppo", "xiaomi"}
    for name in sorted(set(pages().values())):
        assert [table for table in stale(name, language) if table.startswith("support.")] == [], WRITE
        tables = [text for table, text in made(name, language).items() if table.startswith("support.")]
        assert tables
        assert all(rows <= set(first_cells(text)) for text in tables)


def test_a_cell_in_words() -> None:
    """The limit with what it counts, what becomes of more, and what else the feature needs."""
    carried, cut, refused = Verdict.CARRIED, Verdict.CUT, Verdict.REFUSED
    cells = {
        Cell(verdict=carried): "carried",
        Cell(verdict=carried, needs=("receipt_url",)): "carried; with `receipt_url`",
        Cell(verdict=carried, alone=True): "carried; in a request of its own",
        Cell(verdict=carried, as_texts=True): "carried; each value as its JSON text",
        Cell(verdict=carried, most=40, counted="utf16", beyond=cut): "at most 40 UTF-16 units, longer is cut",
        Cell(verdict=carried, most=500, beyond=refused): "at most 500 characters, longer is refused",
        Cell(verdict=carried, most=3, counted="pieces"): "at most 3 buttons",
        Cell(verdict=carried, most=3999, counted="bytes", beyond=cut, shared=True): (
            "about 3,900 bytes, shared with the other fields, longer is cut"
        ),
        Cell(verdict=carried, least=60, most=86400, counted="seconds", beyond=refused, step=3600): (
            "60 to 86,400 seconds, longer is refused; rounded up to a multiple of 3,600 seconds"
        ),
        Cell(verdict=Verdict.LEFT_OUT): "left out",
        Cell(verdict=refused): "refused",
        Cell(verdict=refused, in_broadcasts=True): "in broadcasts only",
    }

    assert {cell: in_words(cell) for cell in cells} == cells


@both_languages
def test_every_reason_and_every_ending_is_explained(language: str) -> None:
    """The tables of reasons and of statuses have every member of the enumeration, in its order."""
    text = page("outcomes.md", language)

    assert first_cells(between(text, "reasons")) == [reason.name for reason in Reason]
    assert first_cells(between(text, "endings")) == [status.name for status in Status]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    """A link to a file of this repository leads to a file, and one to a heading leads to that heading."""
    links = [link for link in read(path).links if "://" not in link.target]

    assert [f"line {link.line}: {link.target}" for link in links if not _leads(path, link)] == []


def _leads(path: Path, link: Link) -> bool:
    file, _, heading = link.target.partition("#")
    target = (path.parent / file).resolve() if file else path
    return target.exists() and (not heading or read(target).heading(heading) is not None)


@pytest.mark.parametrize(
    ("title", "right"),
    [
        ("send, send_each, stream", "send-send_each-stream"),
        ("什么要等，什么在本地直接答复", "什么要等什么在本地直接答复"),
        ("4. 从 Python 发送", "4-从-python-发送"),
        ("截止时间（秒）与重发…", "截止时间秒与重发"),
        ("What's ① new – v1.3?", "whats--new--v13"),
    ],
)
def test_anchors_are_githubs(title: str, right: str) -> None:
    """Letters of every script stay, punctuation of every script is removed, a blank becomes a dash."""
    assert anchor(title) == right


def test_a_second_heading_of_a_name_has_its_own_anchor(tmp_path: Path) -> None:
    """A repeated heading gets a numbered anchor, as on GitHub. A comment in a code block is not a heading."""
    path = tmp_path / "page.md"
    path.write_text("# 限制\n\n```toml\n# 限制\n```\n\n## 限制\n", "utf-8")

    assert [heading.anchor for heading in read(path).headings] == ["限制", "限制-1"]


@both_languages
def test_the_table_of_events_is_the_code(language: str) -> None:
    """The table of events has each event with all its fields, in the order of the code."""
    kinds = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]
    common = {field.name for field in attrs.fields(Event)}
    fields = {
        kind.__name__: [field.name for field in attrs.fields(kind) if field.name not in common]
        for kind in kinds
        if kind is not Event
    }
    rows = between(page("observing.md", language), "events").splitlines()[2:]

    documented = {cells[1].strip(" `"): re.findall(r"`(\w+)`", cells[3]) for row in rows if (cells := row.split("|"))}

    assert documented == fields


@both_languages
def test_the_table_of_metrics_is_the_observer(language: str) -> None:
    """The table of metrics has every instrument that the observer makes, and no other."""
    meters = Mock()
    OpenTelemetryObserver(meter_provider=meters)
    made_here = {call.args[0] for call in meters.get_meter.return_value.method_calls}

    assert set(first_cells(between(page("observing.md", language), "metrics"))) == made_here


@both_languages
def test_the_prometheus_table_is_the_observer(language: str) -> None:
    """The table of Prometheus metrics has every metric of the observer with its labels, and no other."""
    registry = CollectorRegistry()
    observer = PrometheusObserver(registry)
    metrics = [one for one in vars(observer).values() if isinstance(one, Counter | Gauge | Histogram)]
    endings = {Counter: "_total", Gauge: "", Histogram: ""}
    made_here = {f"{one._name}{endings[type(one)]}": [*one._labelnames[2:]] for one in metrics}
    rows = between(page("observing.md", language), "prometheus").splitlines()[2:]

    documented = {cells[1].strip(" `"): re.findall(r"`(\w+)`", cells[2]) for row in rows if (cells := row.split("|"))}

    assert documented == made_here


@both_languages
def test_the_size_of_the_example_is_right(language: str) -> None:
    """The page says how many lines the whole example has, within a tenth."""
    files = [path for name in ("*.py", "*.toml") for path in EXAMPLE.rglob(name) if ".venv" not in path.parts]
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in files)
    (written,) = re.findall(r"about (\d+) lines|约 (\d+) 行", page("writing-a-plugin.md", language))

    assert lines == pytest.approx(int("".join(written)), rel=0.1)


@both_languages
def test_every_option_of_the_file_is_named(language: str) -> None:
    """The page names every key that the table `[gateway]` takes, and no other."""
    (passage,) = (one for one in read(ROOT / "docs" / language / "embedding.md").passages if "Gateway()" in one.code)

    documented = {word for word in passage.code if re.fullmatch(r"[a-z_]+", word)}

    assert documented == set(_OPTIONS)


@both_languages
def test_the_options_of_the_sandbox_are_described(language: str) -> None:
    """The page names every argument of `OppoSandbox`, and every option that `set` of its control interface changes."""
    passages = read(ROOT / "docs" / language / "oppo.md").passages
    (arguments,) = (one.code for one in passages if "OppoSandbox(...)" in one.code)
    (control,) = (one.code for one in passages if "OppoSandbox.set_option(name, value)" in one.code)

    own, common = (set(inspect.signature(one).parameters) for one in (OppoSandbox, RuledSandbox))
    assert "others" in own
    assert (own - {"others"} | common - {"options"} | set(OppoSandbox.options)) - set(arguments) == set()
    assert set(OppoSandbox.options) - set(control) == set()


@both_languages
@pytest.mark.parametrize(
    ("name", "kind", "described"),
    [
        ("xiaomi.md", XiaomiSandbox, {"channels"}),
        ("honor.md", HonorSandbox, set()),
        ("meizu.md", MeizuSandbox, set()),
        ("vivo.md", VivoSandbox, set()),
    ],
)
def test_the_options_of_a_sandbox_are_described(
    language: str, name: str, kind: type[RuledSandbox], described: set[str]
) -> None:
    """The page has every option of the sandbox with its default (some in words), and no other."""
    rows = [row.split("|") for row in between(page(name, language), "options").splitlines()[2:]]
    defaults = {option: str(one.default) for option, one in kind.options.items() if option not in described}

    shown = {row[1].strip(" `"): row[2].strip(" `").strip('"') for row in rows}
    assert list(shown) == list(kind.options)
    assert {option: text for option, text in shown.items() if option not in described} == defaults
