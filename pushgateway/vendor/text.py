"""Counting, cleaning, cutting and form-quoting of text.

Pure functions of strings, without a vendor's limit or name; used by plug-ins and the toolkit. A text is cut between
grapheme clusters (a family emoji or a flag is one), and the time depends on the limit, not on the length of the text.

Characters that are changed: a lone surrogate, which no encoding can carry, becomes U+FFFD; control characters other
than newline and tab (C0 with NUL and carriage return, DEL, C1) are removed. Bidirectional marks are kept, because they
belong to the text.
"""

from __future__ import annotations

import encodings.utf_16_le  # noqa: F401 - else imported by the first text that is counted, in the event loop's thread
import re
from binascii import hexlify
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias
from urllib.parse import quote_plus

import regex

ELLIPSIS = "…"
_JOINER = "\u200d"

_ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Characters of which each is a cluster of its own beside any other of them, and one UTF-16 unit: Latin, Han and
# the usual Chinese punctuation. The marks among them that join the character before (U+302A…, U+FF9E…) are left out.
_PLAIN = re.compile("[\n\t\x20-\x7e\u2018-\u201f\u2026\u3001-\u3029\u4e00-\u9fff\uff01-\uff9d]*")
_CLUSTER = regex.compile(r"\X")
# A character with a visible glyph: no blank, control character or mark without a letter, nothing that a font may skip
# (zero-width characters, fillers of Hangul, variation selectors, tags), no blank that is a letter or a sign by its
# class (Braille without a dot, a note without a head), no sign around annotations.
_VISIBLE = regex.compile(r"[^\s\p{Cc}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb\U0001d159]")


def utf16_units(text: str) -> int:
    """UTF-16 code units, as Java's `String.length()` counts: an emoji is two or more."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


Counts: TypeAlias = Literal["utf16", "points", "bytes"]
"""How a vendor counts the characters of a text."""


def utf8_bytes(text: str) -> int:
    """Bytes in UTF-8. A lone surrogate counts as U+FFFD, which is sent in its place."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


_SIZES: Final[Mapping[Counts, Callable[[str], int]]] = {"utf16": utf16_units, "points": len, "bytes": utf8_bytes}

_MOST_UNITS: Final[Mapping[Counts, int]] = {"utf16": 2, "points": 1, "bytes": 4}
"""The size of one character, at most."""


def size(text: str, counts: Counts = "utf16") -> int:
    """The size of a text in UTF-16 units, code points, or bytes of UTF-8."""
    return _SIZES[counts](text)


def whole(text: str) -> str:
    """The text without surrogates: a pair becomes its character, a lone one U+FFFD."""
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def clean(text: str) -> str:
    """The text with the changes named at the top of this module; the same object if there is nothing to change."""
    if _ODD.search(text) is None:
        return text
    return _CONTROL.sub("", whole(text))


def is_visible(text: str) -> bool:
    """True if a reader sees anything of the text. False for a text of blanks, zero-width characters, fillers such as
    U+3164 or marks without a letter. The time is proportional to the invisible beginning."""
    first = text[:1]
    return "!" <= first <= "~" or "\u4e00" <= first <= "\u9fff" or _VISIBLE.search(text) is not None


def from_visible(text: str) -> str:
    """The text from its first visible character on; "" if there is none."""
    seen = _VISIBLE.search(text)
    return "" if seen is None else text[seen.start() :]


def cut(text: str, limit: int, ellipsis: str = ELLIPSIS, counts: Counts = "utf16") -> tuple[str, bool]:
    """The text, cut if it has more than `limit` UTF-16 units (or what `counts` says); and True if it was cut.

    Whole grapheme clusters are kept. The ellipsis counts towards the limit; if it does not fit, it is left out. If no
    cluster fits, because the first one is longer than the limit (a letter with a hundred marks), the cluster itself is
    cut. The time is proportional to `limit`, not to the length of the text.
    """
    measure = _SIZES[counts]
    if len(text) <= limit and (text.isascii() or measure(text) <= limit):
        return text, False
    if measure(ellipsis) > limit:
        ellipsis = ""
    left = max(limit - measure(ellipsis), 0)
    # One more character than fits, because only the next character shows where a cluster ends.
    prefix = text[: left + 1]
    if counts != "bytes" and _PLAIN.fullmatch(prefix):
        return prefix[:left] + ellipsis, True
    end = used = 0
    for cluster in _CLUSTER.finditer(prefix):
        used += measure(cluster.group())
        if used > left or cluster.end() > left:
            break
        end = cluster.end()
    kept = prefix[:end]
    return (kept if is_visible(kept) else _within(prefix, end, left, measure)) + ellipsis, True


def _within(prefix: str, end: int, left: int, measure: Callable[[str], int]) -> str:
    """The prefix up to `end`, and as many code points of the next cluster as fit into a size of `left`."""
    kept = prefix[:end]
    used = measure(kept)
    for letter in prefix[end:left]:
        used += measure(letter)
        if used > left:
            break
        kept += letter
    kept = kept.rstrip(_JOINER)  # a joiner at the end joins nothing
    return kept if is_visible(kept) else prefix[:end]


def fit(text: str, limit: int, ellipsis: str = ELLIPSIS, counts: Counts = "utf16") -> tuple[str, bool]:
    """`cut(clean(text), limit)`, which reads only as much of a long text as needed."""
    if _MOST_UNITS[counts] * len(text) <= limit and text.isprintable():
        return text, False  # the usual case, at a third of the cost
    if len(text) <= 2 * limit + 64:
        return cut(clean(text), limit, ellipsis, counts)
    kept = ""
    place = 0
    while len(kept) <= limit and place < len(text):
        # Twice the size each time, so that a text of control characters only is still read once.
        step = max(2 * limit + 64, place)
        kept += clean(text[place : place + step])
        place += step
    return cut(kept, limit, ellipsis, counts)


def form_quote(text: str | bytes) -> bytes:
    """A value in `application/x-www-form-urlencoded`; `parse_qsl` returns exactly this text (as UTF-8).

    Quoting was measured to be the largest cost of a request, so both cases are a few C calls: printable ASCII becomes
    what `urllib.parse.quote_plus` makes of it; any other text is quoted byte by byte, letters and digits too, which
    every decoder accepts and which makes Chinese text no longer. Lone surrogates become U+FFFD.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    if not (text.isascii() and text.isprintable()):
        try:
            plain = text.encode("utf-8")
        except UnicodeEncodeError:
            plain = whole(text).encode("utf-8")
        return b"%" + hexlify(plain, b"%") if plain else b""
    quoted = text.encode("ascii")
    for mark, code in _QUOTES:
        quoted = quoted.replace(mark, code)
    return quoted


# To replace a byte that does not occur costs one memchr. The percent sign must be the first.
_QUOTES = tuple((mark.encode("ascii"), quote_plus(mark).encode("ascii")) for mark in "%\\\":,{}[]+&=;/?#@!$'()*<>^`| ")


def form_encode(fields: Mapping[str, str]) -> bytes:
    """A whole form. Lone surrogates become U+FFFD; `parse_qsl` returns everything else exactly."""
    return b"&".join(form_quote(name) + b"=" + form_quote(value) for name, value in fields.items())


def most_quoted(text: str) -> int:
    """An upper bound for the bytes of a text as JSON in a form: 6 for `\\"`, 12 for a character of four bytes."""
    return (6 if text.isascii() else 12) * len(text)
