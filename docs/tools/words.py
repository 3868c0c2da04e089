"""The words of the tables in another language, from `docs/zh/words.toml`.

Law of this file: the data speaks English, and so does everything that makes a table of it; a cell is said in Chinese
only where it is written. Texts without Chinese words are an error that names them: no page is half English.
"""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

LANGUAGES = ("en", "zh")
DOCS = Path(__file__).resolve().parents[1]
_CODE = re.compile(r"`[^`]*`")
_GAP = re.compile(r"\{(\w+)\}")

Say: TypeAlias = Callable[[str], str]
"""An English cell in the language of the page."""


class MissingWordsError(LookupError):
    """Cells that cannot be said; its text names the file and all of them, as lines to be filled in."""


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
        self._used: set[str] = set()
        self._missing: dict[str, None] = {}

    def say(self, english: str) -> str:
        """A cell in Chinese; one that cannot be said stays and is remembered for `check`."""
        said = self._said(english)
        if said is None:
            self._missing[english] = None
            return english
        return said

    def check(self) -> None:
        """Raise `MissingWordsError` when something could not be said."""
        if self._missing:
            lines = "".join(f"\n{json.dumps(english, ensure_ascii=False)} = " for english in self._missing)
            raise MissingWordsError(f"{self._where} has no words for:{lines}")

    def unused(self) -> list[str]:
        """The entries that nothing has needed so far."""
        return [english for english in self._entries if english not in self._used]

    def _said(self, english: str) -> str | None:
        if english in self._whole:
            self._used.add(english)
            return self._whole[english]
        if not re.search(r"[A-Za-z]", _CODE.sub("", english)):
            return english
        for form, pattern in self._forms.items():
            if found := pattern.fullmatch(english):
                gaps = {name: text if name.isupper() else self._said(text) for name, text in found.groupdict().items()}
                if None not in gaps.values():
                    self._used.add(form)
                    return self._entries[form].format(**gaps)
        return None


class English(Words):
    """Says what it is given."""

    def _said(self, english: str) -> str:
        return english


def words(language: str, page: str) -> Words:
    """The words for the tables of a page, fresh: nothing is used and nothing is missing yet."""
    if language == "en":
        return English({}, page)
    entries = tomllib.loads((DOCS / language / "words.toml").read_text("utf-8"))
    return Words(entries.get(page, {}), f'docs/{language}/words.toml ["{page}"]')


def _pattern(english: str) -> re.Pattern[str]:
    parts = _GAP.split(english)
    return re.compile("".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)))
