"""Printing: to people with rich, to scripts as JSON.

Law of this file: the only one that knows rich's consoles. No markup is read from any text, no line is wrapped behind
the user's back, and colour and progress are left out where the output is no terminal.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

GOOD = "green"
BAD = "red"
QUIET = "dim"


def console() -> Console:
    """Where people read: standard output as it is now."""
    return Console(highlight=False, markup=False, emoji=False)


def line(to: Console, *parts: str | tuple[str, str]) -> None:
    """One line of texts, or (text, style) pairs; never wrapped, so that it can be copied."""
    to.print(Text.assemble(*parts), soft_wrap=True)


def labelled(to: Console, lines: Iterable[tuple[str, str]]) -> None:
    """(label, text) lines with the labels in a column."""
    for label, text in lines:
        line(to, "  ", (f"{label:<15}", QUIET), text)


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
    """One JSON object on one line, ASCII only, flushed at once."""
    click.echo(json.dumps(value))
