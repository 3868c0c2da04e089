"""Printing: to people with rich, to scripts as JSON.

The only module that knows rich's consoles. No markup is read from any text. On a terminal, sentences are broken at its
width, never inside a word; a line that is to be copied (`whole=True`), and everything where the output is no terminal,
stays in one line. Colour and progress are left out where the output is no terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pushgateway.cli.wrapping import wrap

GOOD = "green"
BAD = "red"
OPEN = "yellow"
"""Neither good nor bad: nobody has said so."""
QUIET = "dim"
LABEL = 15
"""Columns of a label with the blanks behind it."""


def console() -> Console:
    """Where people read: standard output as it is now."""
    return Console(highlight=False, markup=False, emoji=False)


def line(to: Console, *parts: str | tuple[str, str], whole: bool = False) -> None:
    """One line of texts, or (text, style) pairs. `whole`: never broken, so that it can be copied."""
    text = Text.assemble(*parts)
    indent = len(text.plain) - len(text.plain.lstrip(" "))
    for number, piece in enumerate(_lines(to, text, whole, indent)):
        to.print(Text(" " * indent if number else "") + piece, soft_wrap=True)


def labelled(to: Console, lines: Iterable[tuple[str, str]], style: str = QUIET, *, indent: int = 2) -> None:
    """(label, text) lines with the labels in a column, `indent` columns from the left."""
    for label, text in lines:
        for number, piece in enumerate(_lines(to, Text(text), False, LABEL + indent)):
            shown = "" if number else label
            to.print(Text.assemble(" " * indent, (padded(shown, LABEL), style), piece), soft_wrap=True)


def padded(text: str, columns: int) -> str:
    """`text` and blanks, at least one, up to so many columns of a terminal; a Chinese character takes two."""
    return text + " " * max(columns - cell_len(text), 1 if text else 0)


def _lines(to: Console, text: Text, whole: bool, indent: int) -> Iterator[Text]:
    """`text` in lines that leave `indent` columns free, where it is to be broken at all."""
    if whole or not to.is_terminal:
        yield text
        return
    plain, place = text.plain, 0
    for number, piece in enumerate(wrap(plain.rstrip(), to.width - indent)):
        place = plain.index(piece, place)
        yield text[place if number else 0 : place + len(piece)]
        place += len(piece)


def table(to: Console, heads: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[str] = ()) -> None:
    """A small table without lines around it; columns named in `numbers` are aligned to the right."""
    shown = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style=QUIET)
    shown.add_column("")  # an indent that belongs to the table
    for head in heads:
        # Folded, because an ellipsis would look like a text that was cut by the vendor's rules.
        shown.add_column(head, justify="right" if head in numbers else "left", overflow="fold")
    for row in rows:
        shown.add_row("", *(Text(cell) for cell in row))
    to.print(shown)


def as_json(value: Any) -> None:
    """One JSON object on one line, flushed at once. Chinese is written as it is, where standard output can take it."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = json.dumps(value)
    click.echo(text)
