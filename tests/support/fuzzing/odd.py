"""Odd values and broken bytes that have broken parsers here or in other projects.

Pure functions of a seeded random that return texts and bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

CANARY = "cAnArY"
"""Marks values that must not be shown: no message of the library may contain it."""

DEEP = 100_000
ENDLESS = "9" * 5000
"""An integer with more than 4,300 digits, which Python refuses to convert."""

CODES = (
    *("0", '"0"', "0", "11", "-2", '"11"', "32", "33", "10000", '"10000"', "1000", "10004", "41", "99999", "-1", "13"),
    *("0.0", "-0", '"-0"', "00", '"00"', '" 0 "', '" 11 "', "1e0", "0e0", "true", "false", "null", "NaN", '""', "[]"),
    *('"０"', '"１１"', '"٠"', '"0\\n"', '"0x0"', "{}", '{"code":0}', "[0]", '"+0"', "1e3", "10000.0", '"1_0"'),
    *(ENDLESS, f'"{ENDLESS}"', "-" + ENDLESS, "1000000000", "999999999", '"999999999"', "4294967296", "Infinity"),
)
"""Return codes as JSON text: valid ones, and values that only look like a code."""

ODD = (
    *("null", "true", "false", "0", "-1", "1.5", "1e400", "-Infinity", "NaN", '""', "[]", "{}", "[[]]", "[null]"),
    *(f'"{CANARY}"', f'["{CANARY}"]', f'{{"{CANARY}":"{CANARY}"}}', '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"'),
    *('"\\r\\nx: y"', '"\\u202e"', '"{}"', '"[]"', '"[[1,2],{}]"', '"{\\"a\\":"', '"null"', ENDLESS, f'"{ENDLESS}"'),
    *("1700000000000", '"1700000000000"', "1e15", "-1700000000000", "1.7e12", '"１７００"', '"' + "x" * 5000 + '"'),
)
"""JSON texts of values (some of them invalid), for any place."""

RARE = (
    *("[" * DEEP, '{"a":' * DEEP, "[" * DEEP + "]" * DEEP, '"' + "[" * DEEP + '"', '"' + '{\\"a\\":' * 20_000 + '"'),
    *('"' + "\\ud83d\\ude00" * 10_000 + '"', '"' + "é" * 50_000 + '"'),
)
"""Large ones; seldom, because each takes its time."""


def check_words(words: object) -> None:
    """The message does not quote the input."""
    assert CANARY not in str(words), "a sentence that quotes what came"


def some(chance: random.Random, values: Sequence[str]) -> str:
    """One of these values, chosen at random."""
    return values[int(chance.random() * len(values))]


def odd(chance: random.Random) -> str:
    """A JSON text of a value that is not expected there."""
    return some(chance, RARE) if chance.random() < 0.002 else some(chance, ODD)


def text(value: object) -> str:
    """A value as JSON text."""
    return json.dumps(value, ensure_ascii=False)


Maker = Callable[[random.Random], str]


def make_object(chance: random.Random, makers: dict[str, Maker], *, keep: float = 0.85, extra: float = 0.15) -> str:
    """A JSON object with most of these fields in any order. Sometimes a value is odd, a field unknown, or a name given
    twice.
    """
    pairs = []
    for name, make in makers.items():
        if chance.random() < keep:
            pairs.append(f'"{name}":{odd(chance) if chance.random() < 0.1 else make(chance)}')
    while chance.random() < extra:
        name = some(chance, ("code", "data", CANARY, "", "10000", "\\ud800", *makers))
        pairs.append(f'"{name}":{makers[name](chance) if name in makers and chance.random() < 0.7 else odd(chance)}')
    if chance.random() < 0.5:
        chance.shuffle(pairs)
    return "{" + ",".join(pairs) + "}"


def make_list(chance: random.Random, item: Maker, most: int = 6) -> str:
    """A JSON list, sometimes with an odd item."""
    items = [odd(chance) if chance.random() < 0.03 else item(chance) for _ in range(chance.randrange(most + 1))]
    return f"[{','.join(items)}]"


_PIECES = ("{", "}", "[", "]", '"', ",", ":", "\\", "\\u", "0", "-", "e9", "\x00", "\ud800", "<html>", "NaN", "\ufeff")
_INSERTS = (
    *(piece.encode("utf-8", "surrogatepass") for piece in _PIECES),
    *(b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"%", b"&", b"=", b"+", b"%00", b"%zz", b"\r\n"),
)


def broken(chance: random.Random, content: bytes) -> bytes:
    """The same bytes, sometimes cut, spliced or in another encoding; usually unchanged."""
    draw = chance.random()
    if draw < 0.6:
        return content
    if draw < 0.64:
        return content.decode("utf-8", "replace").encode(
            chance.choice(("utf-16", "utf-16-le", "utf-32", "gb18030", "utf-8-sig"))
        )
    if draw < 0.66:
        return content + chance.choice((b" ", b"\x00", b"{}", b"x", content[:9], b"\n\n"))
    data = bytearray(content)
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(data) + 1)
        match chance.randrange(5):
            case 0:
                del data[place:]
            case 1:
                data[place:place] = chance.choice(_INSERTS)
            case 2:
                del data[place : place + chance.randrange(1, 6)]
            case 3 if place < len(data):
                data[place] ^= 1 << chance.randrange(8)
            case _:
                begin = chance.randrange(len(data) + 1)
                data[place:place] = data[begin : begin + chance.randrange(40)]
    return bytes(data)
