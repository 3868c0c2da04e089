"""The tables of what the brands support, made by asking their plug-ins (`pushgateway.abilities`).

The columns are the brands of this repository, in alphabetical order, each dialect one column. `support.md` has a table
for each group of features and the legend, the README the short table. A brand's own page has its table, in words, where
it has the marker `<!-- table: support.<brand> -->`; `support.<brand>+<brand>` is one table for two. A brand without a
page is in the tables of the others all the same, without a link. The words that the command's table has too are
translated by the command's catalogue, the others by `words.toml`.
"""

import functools
import gettext
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pushgateway.abilities.brand import Abilities, abilities_of
from pushgateway.abilities.cells import Cell, Verdict
from pushgateway.abilities.table import WORDS, Group, Row, compact, groups, legend
from pushgateway.certificates.plugins import Plugins
from pushgateway.cli.language import LOCALE

ROOT = Path(__file__).resolve().parents[2]
MARKER = re.compile(r"<!-- table: (support\.(\S+)) -->")
UNITS = {
    "points": "characters",
    "utf16": "UTF-16 units",
    "double": "characters (a Chinese one counts 2)",
    "bytes": "bytes",
    "seconds": "seconds",
    "pieces": "buttons",
    "": "characters",
}
"""What the limit of a cell counts, in words."""
BEYOND = {Verdict.CUT: ", longer is cut", Verdict.REFUSED: ", longer is refused", Verdict.LEFT_OUT: ", else left out"}

Translate = Callable[[str], str]


def translated(language: str, translate: Translate) -> Translate:
    """Translates the words of the table by the command's catalogue, and other texts by `translate`."""
    catalogue = gettext.translation("messages", LOCALE, [language], fallback=True)
    return lambda text: catalogue.gettext(text) if text in WORDS else translate(text)


@functools.cache
def brands() -> Sequence[str]:
    """The brands that have a plug-in in this repository."""
    projects = [tomllib.loads(path.read_text("utf-8"))["project"] for path in ROOT.glob("plugins/*/pyproject.toml")]
    return sorted(brand for one in projects for brand in one["entry-points"]["pushgateway.vendors"])


@functools.cache
def columns() -> Sequence[Abilities]:
    """What each brand can do; several for one with several dialects."""
    return [column for brand in brands() for column in abilities_of(brand, Plugins())]


@functools.cache
def pages() -> dict[str, str]:
    """By brand: the page with its table."""
    found = {}
    for path in sorted(ROOT.glob("docs/en/*.md")):
        for _, named in MARKER.findall(path.read_text("utf-8")):
            found.update(dict.fromkeys(named.split("+"), path.name))
    return found


def _head(column: Abilities, folder: str) -> str:
    page, name = pages().get(column.brand), f"`{column.brand}`"
    link = name if page is None else f"[{name}]({folder}{page})"
    return f"{link} `{column.dialect}`" if column.dialect else link


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(heads), *rows]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _label(row: Row, translate: Translate) -> str:
    return f"`{row.label}`" if row.is_code else translate(row.label)


def _rows(rows: Iterable[Row], translate: Translate) -> list[list[str]]:
    return [[_label(row, translate), *(_short(cell, translate) for cell in row.cells)] for row in rows]


def _short(cell: str, translate: Translate) -> str:
    """A mark or a limit stays as it is."""
    return translate(cell) if cell.isalpha() else cell


def slug(title: str) -> str:
    """The name of a group's table."""
    return re.sub(r"\W+", "-", title)


def support(translate: Translate) -> dict[str, str]:
    """The tables of `support.md`."""
    made = groups(columns())
    marks = legend(cell for group in made for row in group.rows for cell in row.cells)
    heads = ["", *(_head(column, "") for column in columns())]
    return {
        **{slug(group.title): _table(heads, _rows(group.rows, translate)) for group in made},
        "marks": _table(
            [translate("mark"), translate("means")], [[mark, translate(text)] for mark, text in marks.items()]
        ),
    }


def readme(translate: Translate, language: str) -> dict[str, str]:
    """The short table of the README."""
    heads = ["", *(_head(column, f"docs/{language}/") for column in columns())]
    return {"brands": _table(heads, _rows(compact(columns()), translate))}


def of_page(page: str, translate: Translate) -> dict[str, str]:
    """The tables of the brands whose page this is."""
    text = (ROOT / "docs" / "en" / page).read_text("utf-8") if page in pages().values() else ""
    return {name: _of_brands(named.split("+"), translate) for name, named in MARKER.findall(text)}


def _of_brands(named: Sequence[str], translate: Translate) -> str:
    own = [column for column in columns() if column.brand in named]
    several = len(named) > 1
    heads = [translate("feature"), *(f"`{one.brand if several or not one.dialect else one.dialect}`" for one in own)]
    rows: list[list[str]] = []
    for group in groups(own):
        rows += [[f"**{translate(group.title)}**", *([""] * len(own))], *_in_words(group, own, translate)]
    return _table(heads, rows)


def _in_words(group: Group, own: Sequence[Abilities], translate: Translate) -> Iterable[list[str]]:
    for row in group.rows:
        cells = [column.cells.get(row.label) for column in own]
        pairs = zip(cells, row.cells, strict=True)
        texts = [_short(short, translate) if cell is None else translate(words(cell)) for cell, short in pairs]
        yield [_label(row, translate), *texts]


def words(cell: Cell) -> str:
    """A cell in words."""
    if cell.in_broadcasts:
        return "in broadcasts only"
    if not cell.is_there:
        return cell.verdict.value
    more = "".join(f"; with `{name}`" for name in cell.needs)
    more += f"; rounded up to a multiple of {cell.step:,} seconds" if cell.step > 1 else ""
    more += "; each value as its JSON text" if cell.as_texts else ""
    more += "; in a request of its own" if cell.alone else ""
    if cell.most is None:
        return f"{cell.verdict.value}{more}"
    unit, beyond = UNITS[cell.counted], "" if cell.beyond is None else BEYOND[cell.beyond]
    if cell.shared:
        return f"about {cell.most // 100 * 100:,} {unit}, shared with the other fields{beyond}{more}"
    least = "at most" if cell.least is None else f"{cell.least:,} to"
    return f"{least} {cell.most:,} {unit}{beyond}{more}"
