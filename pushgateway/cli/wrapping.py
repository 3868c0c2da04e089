"""Text broken into lines by its width in a terminal, for English and Chinese.

A Chinese character takes two columns and may end a line; a run of Latin letters, digits and signs is a word and is
broken only where it is longer than a whole line. click and rich count and break otherwise: click counts characters,
rich breaks a Latin word that touches Chinese ones.
"""

from __future__ import annotations

import re
from gettext import gettext as _

import click
from rich.cells import cell_len

_WIDE = "\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u2018-\u201d\u2026"
_PIECES = re.compile(rf"\s+|[{_WIDE}]|[^\s{_WIDE}]+")
_NEVER_FIRST = "，。、；：！？）》」』】”’…%"
_NEVER_LAST = "（《「『【“‘"


def wrap(text: str, width: int) -> list[str]:
    """The lines of one paragraph, each at most `width` columns wide; blanks between two lines are left out.

    A word wider than `width` is broken. Closing punctuation never begins a line and opening punctuation never ends
    one. At least one line, which may be empty.
    """
    width = max(width, 2)
    lines: list[str] = []
    line = ""
    for piece in _inseparable(text):
        if cell_len(line) + cell_len(piece.rstrip()) > width and line.strip():
            lines.append(line.rstrip())
            line = ""
        piece = piece.lstrip() if not line and lines else piece  # noqa: PLW2901 - blanks do not begin a line
        while cell_len(piece.rstrip()) > width:
            cut = _columns(piece, width)
            lines.append(piece[:cut])
            piece = piece[cut:]  # noqa: PLW2901 - the rest of the long word
        line += piece
    return [*lines, line.rstrip()]


def _inseparable(text: str) -> list[str]:
    """Words, single wide characters and blanks, with punctuation joined to the neighbour that it must not leave."""
    pieces: list[str] = []
    for piece in _PIECES.findall(text):
        if pieces and not pieces[-1].isspace() and (piece in _NEVER_FIRST or pieces[-1][-1] in _NEVER_LAST):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces


def _columns(text: str, width: int) -> int:
    """How many characters of `text` fit into `width` columns; at least one."""
    taken = 0
    for number, character in enumerate(text):
        taken += cell_len(character)
        if taken > width:
            return max(number, 1)
    return len(text)


class HelpFormatter(click.HelpFormatter):
    """click's formatter of help texts, with lines measured and broken by `wrap`."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """`Usage: prog args`, continued below `args`."""
        head = f"{prefix if prefix is not None else _('Usage:') + ' '}{prog} "
        lines = wrap(args, self.width - cell_len(head))
        self.write(head + f"\n{' ' * cell_len(head)}".join(lines) + "\n")

    def write_text(self, text: str) -> None:
        """Paragraphs, divided by empty lines; one that begins with a line `\\b` keeps its lines."""
        indent = " " * self.current_indent
        paragraphs = []
        for paragraph in text.strip("\n").split("\n\n"):
            lines = [line.strip() for line in paragraph.splitlines()]
            if lines[:1] == ["\b"]:
                kept = paragraph.splitlines()[1:]
            else:
                kept = wrap(_joined(lines), self.width - self.current_indent)
            paragraphs.append("\n".join(indent + line for line in kept))
        self.write("\n\n".join(paragraphs) + "\n")

    def write_dl(self, rows: object, col_max: int = 30, col_spacing: int = 2) -> None:
        """Terms and what they mean, in two columns; a term wider than `col_max` has a line of its own."""
        pairs = [(term, " ".join(meaning.split())) for term, meaning in rows]  # type: ignore[attr-defined]
        column = min(max(cell_len(term) for term, __ in pairs), col_max) + col_spacing
        indent = " " * self.current_indent
        for term, meaning in pairs:
            lines = wrap(meaning, max(self.width - column - self.current_indent, 10))
            gap = (
                " " * (column - cell_len(term))
                if cell_len(term) + col_spacing <= column
                else f"\n{indent}{' ' * column}"
            )
            self.write(f"{indent}{term}{gap}".rstrip() if not meaning else f"{indent}{term}{gap}{lines[0]}")
            self.write("".join(f"\n{indent}{' ' * column}{line}" for line in lines[1:]) + "\n")


def _joined(lines: list[str]) -> str:
    """Lines of a docstring as one text: a blank between two of them, none between two wide characters."""
    text = ""
    for line in lines:
        wide = text and line and cell_len(text[-1]) == 2 == cell_len(line[0])
        text += line if not text or wide else f" {line}"
    return text
