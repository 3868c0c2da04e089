"""Translates the cells of generated tables, with the texts of `docs/zh/words.toml`.

All data and all code that makes tables are in English; a cell is translated when the table is written. A text without a
translation is an error that names it, so no page is half in English.
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

Translate: TypeAlias = Callable[[str], str]
"""Translates an English cell into the language of the page."""


class MissingWordsError(LookupError):
    """Cells without a translation. The text names the file and all of them, as lines to be filled in."""


class Words:
    """The translations for the tables of one page.

    An entry is an English text and a Chinese one. A text may contain `{gaps}`: the content of a gap in small letters is
    translated too, that of a gap in CAPITALS is a figure or a name and stays as it is. Figures, dashes and `code` need
    no entry.
    """

    def __init__(self, own: Mapping[str, str], where: str, shared: Mapping[str, str] | None = None) -> None:
        """`own`: entries of this page. `shared`: those of several pages, whose forms are tried first."""
        self._own = own
        self._entries = {**(shared or {}), **own}
        self._whole = {english: words for english, words in self._entries.items() if not _GAP.search(english)}
        self._forms = {english: _pattern(english) for english in self._entries if english not in self._whole}
        self._where = where
        self.used: set[str] = set()
        self._missing: dict[str, None] = {}

    def translate(self, english: str) -> str:
        """The cell in Chinese. A cell without a translation is returned unchanged and remembered for `check`."""
        translated = self._translated(english)
        if translated is None:
            self._missing[english] = None
            return english
        return translated

    def check(self) -> None:
        """Raise `MissingWordsError` if a translation was missing."""
        if self._missing:
            lines = "".join(f"\n{json.dumps(english, ensure_ascii=False)} = " for english in self._missing)
            raise MissingWordsError(f"{self._where} has no words for:{lines}")

    def unused(self) -> list[str]:
        """The page's own entries that were not used so far."""
        return [english for english in self._own if english not in self.used]

    def _translated(self, english: str) -> str | None:
        if english in self._whole:
            self.used.add(english)
            return self._whole[english]
        if not re.search(r"[A-Za-z]", _CODE.sub("", english)):
            return english
        for form, pattern in self._forms.items():
            if found := pattern.fullmatch(english):
                gaps = {
                    name: text if name.isupper() else self._translated(text) for name, text in found.groupdict().items()
                }
                if None not in gaps.values():
                    self.used.add(form)
                    return self._entries[form].format(**gaps)
        return None


class English(Words):
    """Returns every cell unchanged."""

    def _translated(self, english: str) -> str:
        return english


def words(language: str, page: str) -> Words:
    """New translations for the tables of a page, with nothing marked as used or missing."""
    if language == "en":
        return English({}, page)
    entries = tomllib.loads((DOCS / language / "words.toml").read_text("utf-8"))
    return Words(entries.get(page, {}), f'docs/{language}/words.toml ["{page}"]', entries["shared"])


def shared(language: str) -> Mapping[str, str]:
    """The entries that several pages use."""
    return dict(tomllib.loads((DOCS / language / "words.toml").read_text("utf-8"))["shared"])


def _pattern(english: str) -> re.Pattern[str]:
    parts = _GAP.split(english)
    return re.compile("".join(f"(?P<{part}>.+?)" if place % 2 else re.escape(part) for place, part in enumerate(parts)))
