"""The words of the tables in another language, from `docs/zh/words.toml`.

Law of this file: the data speaks English, and so does everything that makes a table of it; a cell is said in Chinese
only where it is written. A text without Chinese words is an error that names it: no page is half English.
"""

import functools
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

LANGUAGES = ("en", "zh")
DOCS = Path(__file__).resolve().parent
_CODE = re.compile(r"`[^`]*`")
_GAP = re.compile(r"\{(\w+)\}")

Say: TypeAlias = Callable[[str], str]
"""An English cell in the language of the page."""


class MissingWordsError(LookupError):
    """A cell that cannot be said; its text names the file, the table and the words."""


class Words:
    """The words for the tables of one page.

    An entry is an English text and a Chinese one. `{gaps}` stand for what differs: one in small letters is said in its
    turn, one in CAPITALS is a figure or a name and stays as it is. Figures, dashes and `code` need no entry.
    """

    def __init__(self, entries: Mapping[str, str], where: str) -> None:
        self._whole = {english: words for english, words in entries.items() if not _GAP.search(english)}
        self._forms = {english: _pattern(english) for english in entries if english not in self._whole}
        self._entries = entries
        self._where = where
        self.used: set[str] = set()
        """The entries that were needed so far."""

    def say(self, english: str) -> str:
        """A cell in Chinese. Raises `MissingWordsError`."""
        said = self._said(english)
        if said is None:
            raise MissingWordsError(f"{self._where} has no words for {english!r}")
        return said

    def unused(self) -> list[str]:
        """The entries that nothing has needed."""
        return [english for english in self._entries if english not in self.used]

    def _said(self, english: str) -> str | None:
        if english in self._whole:
            self.used.add(english)
            return self._whole[english]
        if not re.search(r"[A-Za-z]", _CODE.sub("", english)):
            return english
        for form, pattern in self._forms.items():
            if found := pattern.fullmatch(english):
                gaps = {name: text if name.isupper() else self._said(text) for name, text in found.groupdict().items()}
                if None not in gaps.values():
                    self.used.add(form)
                    return self._entries[form].format(**gaps)
        return None


def words(page: str, path: Path = DOCS / "zh" / "words.toml") -> Words:
    """The Chinese words for the tables of a page, fresh: nothing is used yet."""
    return Words(tomllib.loads(path.read_text("utf-8"))[page], f"docs/zh/words.toml [{page!r}]")


@functools.cache
def speaker(language: str, page: str) -> Say:
    """What says the cells of a page in a language."""
    return str if language == "en" else words(page).say


def _pattern(english: str) -> re.Pattern[str]:
    parts = _GAP.split(english)
    return re.compile("".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)))
