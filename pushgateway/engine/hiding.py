"""Secrets out of what is shown: every spelling in which a request carries them.

Pure; `Gateway.explain` uses it. A plug-in is free to put a secret anywhere: a header, a query, a form, JSON, JSON as
text in a form, base64. So what is shown is decoded in each order of these, each decoded form is searched for each
`Secret` of the certificate, and what is found is replaced where it stands in the original.
"""

from __future__ import annotations

import base64
import encodings.utf_16_be  # noqa: F401 - as in `text`
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from pushgateway.model.secret import Secret, safe_repr

HIDDEN: Final = "SECRET-NOT-SHOWN"
"""Stands where a secret was."""
_DEEPEST = 6
"""Levels of values within values that are searched for secrets."""
_LAYERS = 4
"""Encodings around each other: JSON as text in JSON, as text in a form, in a URL."""
_LEAST = 6
"""Characters of base64 or hex from which on a secret is looked for in them: fewer would match by chance."""


def secrets_of(value: Any, depth: int = _DEEPEST) -> Iterator[Secret]:
    """Each `Secret` in a value, in the fields of attrs classes, in mappings and in lists."""
    if isinstance(value, Secret):
        yield value
    elif depth <= 0 or isinstance(value, str | bytes):
        return
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from secrets_of(getattr(value, field.name, None), depth - 1)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from secrets_of(one, depth - 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from secrets_of(one, depth - 1)
    elif hasattr(value, "__dict__"):
        yield from secrets_of(vars(value), depth - 1)


@safe_repr
class Hider:
    """Replaces secrets in texts and bytes. Its `repr` shows none."""

    __slots__ = ("_needles",)

    def __init__(self, secrets: Iterable[str]) -> None:
        self._needles = [_Needle(text.encode("utf-8", "surrogatepass")) for text in dict.fromkeys(secrets) if text]

    def content(self, content: bytes) -> bytes:
        """The same bytes without secrets."""
        if not self._needles:
            return content
        found = sorted({span for layer in _layers(content) for one in self._needles for span in one.spans(layer)})
        pieces, place = [], 0
        for start, end in found:
            if start >= place:
                pieces += [content[place:start], HIDDEN.encode()]
            place = max(place, end)
        return b"".join([*pieces, content[place:]])

    def text(self, text: str) -> str:
        """The same text without secrets."""
        if not self._needles:
            return text
        return self.content(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")

    def __repr__(self) -> str:
        return "Hider(***)"


@attrs.frozen(repr=False)
class _Layer:
    """A content, decoded as far as this layer, and where each of its bytes stood in the original."""

    content: bytes
    starts: Sequence[int]
    ends: Sequence[int]

    def decoded(self, escape: re.Pattern[bytes], read: Callable[[re.Match[bytes]], bytes]) -> _Layer | None:
        """The layer beneath, with each match of `escape` as the bytes that it stands for. None: there is no match."""
        parts: list[bytes] = []
        starts: list[int] = []
        ends: list[int] = []
        place = 0
        for match in escape.finditer(self.content):
            start, end = match.span()
            parts.append(self.content[place:start])
            starts += self.starts[place:start]
            ends += self.ends[place:start]
            value = read(match)
            parts.append(value)
            starts += [self.starts[start]] * len(value)
            ends += [self.ends[end - 1]] * len(value)
            place = end
        if not parts:
            return None
        parts.append(self.content[place:])
        return _Layer(b"".join(parts), [*starts, *self.starts[place:]], [*ends, *self.ends[place:]])


def _layers(content: bytes) -> Iterator[_Layer]:
    """The content as it is, and decoded in each order; each decoded form once."""
    seen = {content}
    layers = [_Layer(content, range(len(content)), range(1, len(content) + 1))]
    for depth in range(_LAYERS + 1):
        yield from layers
        beneath = [layer.decoded(*how) for layer in layers for how in _DECODINGS] if depth < _LAYERS else []
        layers = []
        for layer in beneath:
            if layer is not None and layer.content not in seen:
                seen.add(layer.content)
                layers.append(layer)


def _percent(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)]) if match[1] else b" "


def _json(match: re.Match[bytes]) -> bytes:
    if match[1] is not None:
        return _LETTERS.get(match[1], match[1])
    units = bytes.fromhex(match[0].decode("ascii").replace("\\u", ""))
    return units.decode("utf-16-be", "replace").encode()


_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_DECODINGS: Final = (
    (re.compile(rb"%([0-9A-Fa-f]{2})"), _percent),
    (re.compile(rb"%([0-9A-Fa-f]{2})|\+"), _percent),
    (re.compile(rb'\\(["\\/bfnrt])|\\u[dD][89abAB]..\\u[dD][c-fC-F][0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}'), _json),
)
"""Percent escapes; the same with + for a blank; and JSON's escapes."""


class _Needle:
    """One secret: as it is, in base64 (alone or within a longer text), in hex."""

    __slots__ = ("_cores", "_hex", "_whole")

    def __init__(self, whole: bytes) -> None:
        self._whole = whole
        self._hex = whole.hex().encode() if 2 * len(whole) >= _LEAST else b""
        self._cores = []
        for lead in range(3):
            # What stands before it decides where its bytes fall; the letters that it shares with others differ.
            encoded = base64.b64encode(b"\0" * lead + whole)
            core = encoded[-(-lead * 8 // 6) : (lead + len(whole)) * 8 // 6]
            if len(core) >= _LEAST:
                self._cores.append(core)

    def spans(self, layer: _Layer) -> Iterator[tuple[int, int]]:
        """Where it stands in the original (start, end)."""
        content = layer.content
        places = list(_find(content, self._whole))
        if self._hex:
            places += _find(content.lower(), self._hex)
        standard = content.translate(_STANDARD)
        for core in self._cores:
            for start, end in _find(standard, core):
                # All of the text in base64: its beginning and its end hold bits of the secret.
                before, behind = _BASE64_BEFORE.search(content[:start]), _BASE64_BEHIND.match(content, end)
                places.append((start if before is None else before.start(), end if behind is None else behind.end()))
        for start, end in places:
            yield layer.starts[start], layer.ends[end - 1]


_STANDARD = bytes.maketrans(b"-_", b"+/")
_BASE64_BEFORE = re.compile(rb"[A-Za-z0-9+/_-]+\Z")
_BASE64_BEHIND = re.compile(rb"[A-Za-z0-9+/_-]*=*")


def _find(content: bytes, part: bytes) -> Iterator[tuple[int, int]]:
    place = content.find(part)
    while place >= 0:
        yield place, place + len(part)
        place = content.find(part, place + 1)
