"""A page as its reader gets it: headings with their anchors, code blocks, tables, links and text, each with its line.

The text is parsed by markdown-it, as GitHub does. This module only reads; it compares nothing.
"""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import attrs
import regex
from markdown_it import MarkdownIt
from markdown_it.token import Token

MARKER = re.compile(r"<!-- table: (\S+) -->")


@attrs.frozen
class Heading:
    """A heading, and its anchor (the part of a link behind `#`)."""

    line: int
    level: int
    title: str
    anchor: str


@attrs.frozen
class Block:
    """A part that is the same in every language: a fenced block with its language (`python`), or a comment."""

    line: int
    kind: str
    text: str


@attrs.frozen
class Table:
    """The cells of a table by rows; `marker` is the name in the comment above it, or empty."""

    line: int
    marker: str
    widths: tuple[int, ...]


@attrs.frozen
class Link:
    """A link or a picture; `section` is the number of the heading above it."""

    line: int
    section: int
    target: str


@attrs.frozen
class Passage:
    """A heading, a paragraph, a list item or a cell."""

    line: int
    section: int
    marker: str
    """Of the table that the cell stands in, or empty."""
    text: str
    """Without the code in it."""
    code: tuple[str, ...]


@attrs.frozen
class Page:
    """All parts of a page, in order."""

    path: Path
    headings: tuple[Heading, ...]
    blocks: tuple[Block, ...]
    tables: tuple[Table, ...]
    links: tuple[Link, ...]
    passages: tuple[Passage, ...]

    def section(self, number: int) -> str:
        """The title of a section."""
        return self.headings[number].title if 0 <= number < len(self.headings) else "before the first heading"

    def heading(self, anchor: str) -> int | None:
        """The number of the heading that an anchor names, or None."""
        return next((number for number, one in enumerate(self.headings) if one.anchor == anchor), None)


def read(path: Path) -> Page:
    """Parse a file."""
    return attrs.evolve(_parsed(path.read_text("utf-8")), path=path)


def anchor(title: str) -> str:
    """How GitHub makes an anchor: letters of any script, digits, `-` and `_` stay, a blank is `-`, the rest goes."""
    return regex.sub(r"[^\p{L}\p{M}\p{Nd}\p{Pc}\- ]", "", title.lower()).replace(" ", "-")


@functools.cache
def _parsed(text: str) -> Page:
    lines = text.splitlines()
    headings: list[Heading] = []
    blocks: list[Block] = []
    tables: list[Table] = []
    links: list[Link] = []
    passages: list[Passage] = []
    above, marker = "", ""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    for place, token in enumerate(tokens):
        line = token.map[0] + 1 if token.map else 0
        if token.type == "fence":
            blocks.append(Block(line, token.info, token.content))
        elif token.type == "html_block":
            blocks.append(Block(line, "comment", token.content))
            found = MARKER.match(token.content)
            above = found[1] if found else ""
        elif token.type == "table_open":
            marker = above
            assert token.map is not None
            tables.append(Table(line, marker, tuple(map(_width, lines[slice(*token.map)]))))
        elif token.type == "table_close":
            marker = ""
        elif token.type == "inline":
            section = len(headings) - 1
            if tokens[place - 1].type == "heading_open":
                section += 1
                title = "".join(child.content for child in token.children or () if not child.nesting)
                headings.append(Heading(line, int(tokens[place - 1].tag[1]), title, _free(anchor(title), headings)))
            links += (Link(line, section, target) for target in _targets(token))
            passages.append(Passage(line, section, marker, _words(token), _code(token)))
    return Page(Path(), tuple(headings), tuple(blocks), tuple(tables), tuple(links), tuple(passages))


def _free(wanted: str, headings: list[Heading]) -> str:
    """A repeated heading gets `-1`, then `-2`."""
    before = sum(anchor(heading.title) == wanted for heading in headings)
    return f"{wanted}-{before}" if before else wanted


def _width(row: str) -> int:
    """The number of cells of a row; markdown-it itself adds missing cells and drops surplus ones."""
    return len(re.findall(r"(?<!\\)\|", row.strip())) - 1


def _targets(inline: Token) -> Iterator[str]:
    for child in inline.children or ():
        if child.type in ("link_open", "image"):
            yield unquote(str(child.attrs.get("href") or child.attrs.get("src")))


def _words(inline: Token) -> str:
    return "".join(_word(child) for child in inline.children or ())


def _word(child: Token) -> str:
    if child.type in ("text", "image"):
        return child.content
    return " " if child.type in ("code_inline", "softbreak", "hardbreak") else ""


def _code(inline: Token) -> tuple[str, ...]:
    return tuple(child.content for child in inline.children or () if child.type == "code_inline")
