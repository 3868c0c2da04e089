"""Compares every page in docs/en (and the README) with its Chinese page in docs/zh, its twin.

A fault is a sentence that names the page, the line and the right value. Compared is what needs no knowledge of Chinese:
files, headings, code blocks byte for byte, tables, links, code words and figures. Whether the Chinese is good, only a
reader can say.

    python docs/tools/twins.py receipts.md    begins docs/zh/receipts.md from the English page
    python docs/tools/twins.py                lists what is left to do
"""

import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from reading import Heading, Link, Page, Passage, read
from tables import made

ROOT = Path(__file__).resolve().parents[2]
HAN = re.compile(r"[㐀-鿿]")
LATIN = re.compile(r"[A-Za-z][A-Za-z'-]*")
FIGURE = re.compile(r"\d+(?:[.,]\d+)*")
SWITCH_LINE = 3
LEAST_HAN = 0.5
"""Share of Han characters among the letters of a page, code excluded, at least. A copied page has none, a
translated one about 0.8."""
MOST_LATIN = 4
"""A cell or paragraph with this many words and no Chinese character was left in English."""


def twin(english: Path, root: Path = ROOT) -> Path:
    """The path of a page's Chinese version; for a page that has none, the page itself."""
    if english.parent == root / "docs" / "en" and english.suffix == ".md":
        return root / "docs" / "zh" / english.name
    return root / "README.zh.md" if english == root / "README.md" else english


def english_pages(root: Path = ROOT) -> list[Path]:
    """The pages that need a Chinese version."""
    return [root / "README.md", *sorted((root / "docs" / "en").glob("*.md"))]


def tree_faults(root: Path = ROOT) -> list[str]:
    """A sentence for each page without its counterpart."""
    pairs = {path: twin(path, root) for path in english_pages(root)}
    faults = [
        f"{_name(other, root)} is missing: `python docs/tools/twins.py {path.name}` begins it, then translate its words"
        for path, other in pairs.items()
        if not other.exists()
    ]
    strays = {*(root / "docs" / "zh").glob("*.md"), *root.glob("README.zh.md")} - set(pairs.values())
    return faults + [f"{_name(path, root)} has no English page" for path in sorted(strays)]


def faults(english: Path, root: Path = ROOT) -> list[str]:
    """A sentence for each difference between a page and its twin."""
    ours, theirs = read(english), read(twin(english, root))
    name = _name(theirs.path, root)
    found = [*_switch(ours, theirs, root), *(f"{name}{fault}" for fault in _outline(ours, theirs))]
    if not found:  # only now do section numbers correspond
        found = [f"{name}{fault}" for fault in (*_tables(ours, theirs), *_links(ours, theirs, root))]
        found += [f"{name}{fault}" for fault in (*_same_words(ours, theirs), *_chinese(theirs))]
    return found


def switch(page: Path, root: Path = ROOT) -> str:
    """The line below the title of a page that leads to the other language."""
    for english in english_pages(root):
        other = twin(english, root)
        if page == english:
            return f"English | [简体中文]({_relative(other, page)})"
        if page == other:
            return f"[English]({_relative(english, page)}) | 简体中文"
    raise ValueError(f"{page.name} has no twin")


def _switch(ours: Page, theirs: Page, root: Path) -> Iterator[str]:
    for page in (ours, theirs):
        right = switch(page.path, root)
        if page.path.read_text("utf-8").splitlines()[SWITCH_LINE - 2 : SWITCH_LINE + 1] != ["", right, ""]:
            yield f"{_name(page.path, root)}: below the title stands, between empty lines: {right}"


def _outline(ours: Page, theirs: Page) -> Iterator[str]:
    for mine, other in zip_longest(ours.headings, theirs.headings):
        if mine is None or other is None or mine.level != other.level:
            yield f": the headings part: English has {_heading(mine)}, Chinese has {_heading(other)}"
            return
    for block, same in zip_longest(ours.blocks, theirs.blocks):
        if block is None or same is None or (block.kind, block.text) != (same.kind, same.text):
            where = f"{same.kind} of line {same.line}" if same else "none any more"
            wanted = f"the {block.kind} of line {block.line}" if block else "none any more"
            yield f": blocks are copied to the byte: English has {wanted}, Chinese has {where}"
            return


def _heading(heading: Heading | None) -> str:
    return f"{'#' * heading.level} {heading.title} (line {heading.line})" if heading else "none any more"


def _tables(ours: Page, theirs: Page) -> Iterator[str]:
    for mine, other in zip_longest(ours.tables, theirs.tables):
        if mine is None or other is None:
            one = mine or other
            yield f": a table too {'few' if mine else 'many'}: line {one.line} of {'English' if mine else 'Chinese'}"
            return
        if mine.marker != other.marker:
            yield f":{other.line}: this table stands below the marker {other.marker!r}, in English {mine.marker!r}"
        if len(mine.widths) != len(other.widths):
            yield f":{other.line}: the table has {len(other.widths) - 2} rows, in English {len(mine.widths) - 2}"
        for line, width in enumerate(other.widths, other.line):
            if width != mine.widths[0]:
                yield f":{line}: the row has {width} cells, the table in English {mine.widths[0]}"


def _links(ours: Page, theirs: Page, root: Path) -> Iterator[str]:
    for section in range(-1, len(theirs.headings)):
        mine, other = (_own_links(page, section) for page in (ours, theirs))
        wanted = Counter(twin_target(ours, link, root) for link in mine)
        found = Counter(link.target for link in other)
        where = f": in {theirs.section(section)!r}"
        yield from (f"{where} there is no link to {target}" for target in (wanted - found).elements())
        yield from (f"{where} is a link that English has not: {target}" for target in (found - wanted).elements())


def _own_links(page: Page, section: int) -> list[Link]:
    """The links of a section, except the one to the other language."""
    return [link for link in page.links if link.section == section and link.line != SWITCH_LINE]


def twin_target(page: Page, link: Link, root: Path = ROOT) -> str:
    """The target of an English page's link in the Chinese page: the Chinese page, and the anchor of the same
    heading there; for a picture the Chinese one beside it, `x-zh.png` for `x.png`, if there is one.
    """
    file, _, anchor = link.target.partition("#")
    if ":" in file:
        return link.target
    target = (page.path.parent / file).resolve() if file else page.path
    other = twin(target, root)
    picture = target.with_stem(f"{target.stem}-zh")
    if target.suffix == ".png" and picture.exists():
        other = picture
    relative = _relative(other, twin(page.path, root)) if file else ""
    if not anchor or other == target or not other.exists():
        return f"{relative}#{anchor}" if anchor else relative
    number, headings = read(target).heading(anchor), read(other).headings
    here = headings[number].anchor if number is not None and number < len(headings) else anchor
    return f"{relative}#{here}"


def _same_words(ours: Page, theirs: Page) -> Iterator[str]:
    for section in range(-1, len(theirs.headings)):
        where = f": in {theirs.section(section)!r}"
        mine, other = (_by_hand(page, section) for page in (ours, theirs))
        code, coded = ({word for one in all_ for word in one.code} for all_ in (mine, other))
        yield from (f"{where} `{word}` is lost" for word in sorted(code - coded))
        yield from (f"{where} stands `{word}`, which English has not" for word in sorted(coded - code))
        figures, found = ({word for one in all_ for word in FIGURE.findall(one.text)} for all_ in (mine, other))
        yield from (f"{where} the figure {word} is lost" for word in sorted(figures - found))


def _by_hand(page: Page, section: int) -> list[Passage]:
    generated = made(page.path.name.replace(".zh.md", ".md"))
    return [one for one in page.passages if one.section == section and one.marker not in generated]


def _chinese(theirs: Page) -> Iterator[str]:
    for one in theirs.passages:
        if len(words := LATIN.findall(one.text)) >= MOST_LATIN and not HAN.search(one.text):
            yield f":{one.line}: is still in English: {' '.join(words[:8])}"
        if "*" in one.text:
            yield f":{one.line}: a `*` is shown as it is: bold ends before the punctuation mark, or before a blank"
    whole = "".join(one.text for one in theirs.passages)
    han = len(HAN.findall(whole))
    share = han / max(1, han + sum(map(len, LATIN.findall(whole))))
    if share < LEAST_HAN:
        yield f": {share:.0%} of its letters are Chinese: translate it ({LEAST_HAN:.0%} is the least)"


def begin(english: Path, root: Path = ROOT) -> Path:
    """Create the Chinese page for its translator: the English text with its links and the language line adapted."""
    other = twin(english, root)
    if other.exists():
        raise FileExistsError(f"{_name(other, root)} is there already")
    text, line = english.read_text("utf-8"), switch(english, root)
    if line not in text.splitlines():
        text = text.replace("\n", f"\n\n{line}\n", 1)
        english.write_text(text, "utf-8")
    page = read(english)
    for link in page.links:
        text = text.replace(f"]({link.target})", f"]({twin_target(page, link, root)})")
    first, _, rest = text.partition("\n\n")
    other.parent.mkdir(exist_ok=True)
    words = rest.partition("\n")[2]
    other.write_text(f"{first}\n\n{switch(other, root)}\n{words}", "utf-8")
    return other


def _relative(target: Path, page: Path) -> str:
    return Path(os.path.relpath(target, page.parent)).as_posix()


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def main(names: list[str], root: Path = ROOT) -> int:
    """Begin the named pages, or list what is left to do. Returns 1 if there is something."""
    for name in names:
        sys.stdout.write(f"{_name(begin(root / 'docs' / 'en' / Path(name).name, root), root)}\n")
    if names:
        return 0
    pairs = [path for path in english_pages(root) if twin(path, root).exists()]
    found = [*tree_faults(root), *(fault for path in pairs for fault in faults(path, root))]
    sys.stdout.writelines(f"{fault}\n" for fault in found or ["every page has its twin, and they say the same"])
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
