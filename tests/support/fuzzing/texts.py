"""Fuzzing of texts and headers: cleaning, cutting and quoting, and the headers `Date` and `Retry-After`.

The properties can be checked by hand; round trips use the standard library.
"""

from __future__ import annotations

import math
import random
from urllib.parse import parse_qsl, unquote_to_bytes

from fuzzing.odd import CANARY, broken
from pushgateway.cli.render import plain
from pushgateway.vendor import Response, code_text
from pushgateway.vendor.text import clean, cut, fit, form_encode, form_quote, utf16_units

_PIECES = (
    *("a", "Z ", "0", "中", "文字", "。", "，", "\n", "\t", " ", "%", "&=+;", "…", "é", "e\u0301", "\u0301", "\u200d"),
    *(
        "👨‍👩‍👧‍👦",
        "🇨🇳",
        "🇨",
        "👍🏽",
        "😀",
        "\ufe0f",
        "가",
        "각",
        "ก็",
        "\U000e0067",
        "\ud83d",
        "\ude00",
        "\ud800",
        "\udfff",
    ),
    *("\x00", "\r\n", "\x1b[31m", "\x7f", "\x85", "\u202e", "\u2028", "\ufeff", "\uffff", "\U0010ffff", "\u302a", "ﾞ"),
    *("𠮷", "नि", "\u1100", "\u1161", "x" * 40, "中" * 40, "😀" * 20, "\u0301" * 30, "\x00" * 50, CANARY),
)


def make_text(chance: random.Random, most: int = 14) -> str:
    """A text of odd pieces."""
    pieces = [_PIECES[int(chance.random() * len(_PIECES))] for _ in range(chance.randrange(most))]
    if chance.random() < 0.01:
        pieces *= chance.randrange(300)
    return "".join(pieces)


def _encodable(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def cleaning(chance: random.Random) -> None:
    """`clean`, `cut` and `fit`."""
    text, limit = make_text(chance), chance.choice((0, 1, 2, 3, 10, 32, 50, 200))

    cleaned = clean(text)
    shorter, was_cut = cut(cleaned, limit)
    fitted = fit(text, limit)

    cleaned.encode()
    assert not [c for c in cleaned if (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0]
    assert clean(cleaned) == cleaned
    assert utf16_units(shorter) <= limit
    assert len(shorter) <= limit
    if was_cut:
        assert cleaned.startswith(shorter.removesuffix("…"))
        assert max(len(cleaned), utf16_units(cleaned)) > limit
    else:
        assert shorter == cleaned
    assert cut(shorter, limit) == (shorter, False)
    # Only the start of a very long text is read, which may split a surrogate pair at the end of that part.
    assert fitted == (shorter, was_cut) or (len(text) > 2 * limit + 64 and "\ud800" <= max(text) <= "\udfff")
    assert max(len(fitted[0]), utf16_units(fitted[0])) <= limit


def quoting(chance: random.Random) -> None:
    """`form_quote` and `form_encode`: decoding the form returns the original values."""
    text, other = make_text(chance), make_text(chance, 4)

    quoted = form_quote(text)
    form = form_encode({"a": text, "b": other})

    assert unquoted(quoted) == _encodable(text).encode()
    assert parse_qsl(form.decode("ascii"), keep_blank_values=True) == [
        ("a", _encodable(text)),
        ("b", _encodable(other)),
    ]
    as_bytes = broken(chance, text.encode("utf-8", "replace"))
    assert unquoted(form_quote(as_bytes)) == as_bytes.decode("utf-8", "replace").encode()


def unquoted(quoted: bytes) -> bytes:
    """The decoded bytes of a form's value, by the standard library."""
    return unquote_to_bytes(quoted.replace(b"+", b" "))


def terminal(chance: random.Random) -> None:
    """`plain` returns one line for a terminal, without the tokens that it was given."""
    text, token = make_text(chance), chance.choice((CANARY, "", "中", "x" * 40))

    shown = plain(text, token)

    assert shown.isprintable()
    assert len(shown) <= 300
    assert not token or token not in shown


_DAYS = ("Sun, ", "", "Foo, ", "Sunday ", "，")
_DATES = (
    "22 Nov 2026",
    "31 Feb 2026",
    "22-Nov-26",
    "1 Jan 0001",
    "1 Jan 9999",
    "0 Nov 2026",
    "22 11 2026",
    "Nov 22",
    "99999999999 Nov 2026",
)
_HOURS = (" 11:00:00", " 24:00:60", " 11:00", " 11.00.00", "", " 1e9:0:0", " ١١:00:00", " 11:00:" + "0" * 5000)
_ZONES = (" GMT", " +0800", " -9999", " +99999999", " EST", "", " Z", " (" * 3000, " +0000 (" + "x" * 100 + ")")
_HINTS = (
    "0",
    "7",
    "300",
    "301",
    "-1",
    "1e3",
    "007",
    "７",
    "9" * 16,
    "9" * 5000,
    "7, 8",
    " 7 ",
    "7.5",
    "nan",
    "",
    "\x00",
    CANARY,
)


def _moment(chance: random.Random) -> str:
    made = "".join(parts[int(chance.random() * len(parts))] for parts in (_DAYS, _DATES, _HOURS, _ZONES))
    if chance.random() < 0.6:
        return made
    return broken(chance, made.encode("utf-8", "replace")).decode("latin-1")


def moments(chance: random.Random) -> None:
    """`Response.date` and `Response.retry_after` return seconds within bounds, or None."""
    hint = _HINTS[chance.randrange(len(_HINTS))] if chance.random() < 0.4 else _moment(chance)
    response = Response(
        429, {"date": _moment(chance), "retry-after": hint}, b"", chance.choice((None, 0.0, 1.7e9, 1e300))
    )

    date, pause = response.date, response.retry_after

    assert date is None or math.isfinite(date)
    assert pause is None or 0 <= pause <= 300
    if hint.strip().isascii() and hint.strip().isdigit() and len(hint.strip()) <= 15:
        assert pause == min(int(hint), 300)


_CODE_PIECES = ("0", "1", "9", "-", "+", " ", "\n", ".0", "e3", "_", "０", "١", "x", "10000", "\u2212", "²", "00")


def codes(chance: random.Random) -> None:
    """`code_text` returns the text of an integer, and only of an exact one."""
    value: object = "".join(_CODE_PIECES[int(chance.random() * len(_CODE_PIECES))] for _ in range(chance.randrange(5)))
    if chance.random() < 0.3:
        odd = (True, False, None, 0, -1, 10**9, 1 - 10**9, 0.0, 11.0, math.nan, b"0", [0], {"code": 0}, 10**5000)
        value = odd[chance.randrange(len(odd))]

    read = code_text(value)

    assert type(read) in (str, type(None))
    if read is not None:
        assert type(value) in (int, str)
        assert str(int(read)) == read == str(value)
        assert len(read.removeprefix("-")) <= 9
    elif type(value) is int:
        assert abs(value) >= 10**9


TARGETS = {"cleaning": cleaning, "quoting": quoting, "terminal": terminal, "moments": moments, "codes": codes}
