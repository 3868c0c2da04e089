"""Printing: to people with rich, to scripts as JSON.

The only module that knows rich's consoles. No markup is read from any text. On a terminal, sentences are broken at its
width, never inside a word; a line that is to be copied (`whole=True`), and everything where the output is no terminal,
stays in one line. Colour and progress are left out where the output is no terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import click
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from pushgateway.cli.wrapping import wrap

GOOD = "green"
BAD = "red"
OPEN = "yellow"
"""Neither good nor bad: nobody has said so."""
QUIET = "dim"
Cell: TypeAlias = str | tuple[str, str]
"""A text, or a text with its style."""
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


@contextmanager
def waiting(to: Console, text: str, *, quiet: bool = False) -> Iterator[None]:
    """Show that something takes a while, until the block ends; nothing where the output is no terminal."""
    if quiet or not to.is_terminal:
        yield
        return
    with to.status(text):
        yield


def make_table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], *, numbers: Sequence[str] = ()) -> Table:
    """A small table without lines around it; columns named in `numbers` are aligned to the right and never folded."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=QUIET)
    made.add_column("")  # an indent that belongs to the table
    for head in heads:
        # Folded, because an ellipsis would look like a text that was cut by the vendor's rules.
        number = head in numbers
        made.add_column(head, justify="right" if number else "left", overflow="fold", no_wrap=number)
    for row in rows:
        made.add_row("", *(Text.assemble(cell) for cell in row))
    return made


def table(to: Console, heads: Sequence[str], rows: Iterable[Sequence[Cell]], *, numbers: Sequence[str] = ()) -> None:
    """Print the table of `make_table`."""
    to.print(make_table(heads, rows, numbers=numbers))


def below(first: RenderableType, lines: Iterable[str]) -> RenderableType:
    """Lines below a table, for `live`."""
    return Group(first, *map(Text, lines))


@contextmanager
def live(to: Console) -> Iterator[Callable[[RenderableType], None]]:
    """What shows something in the place of what it showed before. Where the output is no terminal, only the last one is
    printed, at the end."""
    with Live(console=to, auto_refresh=False) as shown:
        yield lambda what: shown.update(what, refresh=True)
    if not to.is_terminal:
        to.line()


def as_json(value: Any) -> None:
    """One JSON object on one line, flushed at once. Chinese is written as it is, where standard output can take it."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = json.dumps(value)
    click.echo(text)
