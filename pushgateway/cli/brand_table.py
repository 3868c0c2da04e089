"""Prints the table of brands (`pushgateway.abilities.table`), in as many parts as the terminal's width needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from gettext import gettext as _

from rich.cells import cell_len
from rich.console import Console

from pushgateway.abilities.brand import Abilities
from pushgateway.abilities.cells import Verdict
from pushgateway.abilities.table import NO, YES, Group, groups, legend
from pushgateway.cli import console

LABEL = 27
"""Columns of a label, with the blanks around it."""
WIDTH = 9
"""Columns of a cell, with the blank behind it, at least."""
_STYLES = {YES: console.GOOD, NO: console.BAD, "–": console.OPEN, "!": console.BAD, "?": console.QUIET}


def show(to: Console, columns: Sequence[Abilities]) -> None:
    """Print the table and its legend."""
    most = max((to.width - LABEL) // WIDTH, 1) if to.is_terminal else len(columns)
    for first in range(0, len(columns), most):
        _show_part(to, columns[first : first + most])
    cells = [cell for group in groups(columns) for row in group.rows for cell in row.cells]
    for mark, meaning in legend(cells).items():
        console.labelled(to, [(mark, _(meaning).replace("`", ""))], indent=0)
    if columns:
        console.line(to, _("Limits count characters unless a mark says otherwise."))
    for sentence in faults(columns):
        console.line(to, "! ", (sentence, console.BAD))
    for column in columns:
        if column.problem:
            console.line(to, "? ", column.problem)


def _show_part(to: Console, columns: Sequence[Abilities]) -> None:
    parts = groups(columns)
    widths = [
        max(WIDTH, *(cell_len(cell) + 1 for cell in (column.brand, column.dialect, *cells)))
        for column, cells in zip(columns, _by_column(parts, len(columns)), strict=True)
    ]
    for heads in ([column.brand for column in columns], [column.dialect for column in columns]):
        if any(heads):
            _line(to, "", list(zip(heads, widths, strict=True)), "bold")
    for part in parts:
        console.line(to, (_(part.title), "bold"))
        for row in part.rows:
            label = row.label if row.is_code else _(row.label)
            _line(to, f"  {label}", list(zip(map(_words, row.cells), widths, strict=True)))
    console.line(to, "")


def _by_column(parts: Iterable[Group], number: int) -> Iterator[list[str]]:
    """The translated cells of each column."""
    rows = [row for part in parts for row in part.rows]
    return ([_words(row.cells[place]) for row in rows] for place in range(number))


def _words(cell: str) -> str:
    return _(cell) if cell.isalpha() else cell


def _line(to: Console, label: str, cells: Sequence[tuple[str, int]], style: str = "") -> None:
    """A line without blanks at its end. `cells`: the texts and their widths."""
    last = max((place for place, (text, _width) in enumerate(cells) if text), default=-1)
    shown = [
        (text if place == last else console.padded(text, width), style or _STYLES.get(text, ""))
        for place, (text, width) in enumerate(cells[: last + 1])
    ]
    console.line(to, (console.padded(label, LABEL), console.QUIET), *shown, whole=True)


def faults(columns: Iterable[Abilities]) -> list[str]:
    """A sentence for each cell that is wrong."""
    return [
        f"{column.brand} {column.dialect}".rstrip() + f", {name}: {cell.detail}"
        for column in columns
        for name, cell in column.cells.items()
        if cell.verdict is Verdict.WRONG
    ]
