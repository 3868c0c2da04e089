"""The body of a reply, with bounds before and after it is unpacked; its headers; and why there is no whole reply.

Pure. No compression is asked for; what a proxy on the way compresses all the same is unpacked, and is never larger in
memory than the bound. Used by both readers of replies and by both transports.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

from pushgateway.transport.protocol import MAX_REPLY
from pushgateway.vendor import NoVerdict

MAX_HEAD = 64 * 1024
"""Bytes of a reply's head, interim replies (1xx) included."""
MAX_HEADERS = 256
"""Lines of a reply's head."""
MAX_PARTS = 20_000
"""Pieces in which a body may come: chunks of one byte cost more time than their content is worth."""


class Body:
    """The body of a reply, part by part. Raises `NoVerdict` when it grows too large or cannot be unpacked."""

    __slots__ = ("_bytes_left", "_parts", "_unpacker")

    def __init__(self, encoding: str = "") -> None:
        """`encoding`: the reply's `Content-Encoding`."""
        self._parts: list[bytes] = []
        self._bytes_left = MAX_REPLY
        self._unpacker = None
        if encoding and encoding.strip().lower() not in ("", "identity"):
            self._unpacker = _unpacker(encoding.strip().lower())

    def add(self, raw: bytes) -> None:
        """The next part as it came."""
        part = raw if self._unpacker is None else _unpack(self._unpacker, raw, self._bytes_left + 1)
        self._bytes_left -= len(part)
        if self._bytes_left < 0:
            raise NoVerdict(f"the reply is larger than {MAX_REPLY} bytes")
        self._parts.append(part)
        if len(self._parts) > MAX_PARTS:
            raise NoVerdict(f"the reply is in more than {MAX_PARTS} pieces")

    def whole(self) -> bytes:
        """All of it, unpacked."""
        if self._unpacker is not None and not self._unpacker.eof:
            raise NoVerdict("the compressed reply is cut")
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)


def decode_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names; several of one name are joined with a comma (RFC 9110, section 5.3)."""
    headers: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _unpacker(encoding: str) -> Any:
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise NoVerdict("the reply has a content encoding that was not asked for")
    return zlib.decompressobj(zlib.MAX_WBITS | 32)


def _unpack(unpacker: Any, raw: bytes, limit: int) -> bytes:
    try:
        part: bytes = unpacker.decompress(raw, limit)
    except zlib.error:
        raise NoVerdict("the compressed reply is broken") from None
    return part


def failure_detail(error: Exception, sent: bool) -> str:
    """Why there is no whole reply, in a sentence that quotes nothing of what was sent. `sent`: the whole request was
    sent."""
    if isinstance(error, TimeoutError):
        return "timeout: no complete reply in time" if sent else "timeout: the request did not leave in time"
    return f"{'reply' if sent else 'request'}: the connection broke ({type(error).__name__})"
