"""Makes files that begin like PNG or JPEG pictures, of any size in pixels and in bytes."""

from __future__ import annotations

import struct

JPEG_TABLES = b"\xff\xe0\x00\x04\x00\x00\xff\xff\xdb\x00\x03\x07\xff\xc4\x00\x03\x07\xff\x01"
"""Segments before the frame, one of them with a fill byte before its marker and one without a length."""


def png(width: int, height: int, size: int = 64) -> bytes:
    """A file with the header of a PNG; `size` in bytes."""
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x02\x00\x00\x00crc4"
    return head.ljust(size, b"\x00")


def jpeg(width: int, height: int, size: int = 64, *, frame: int = 0xC0) -> bytes:
    """A file with the header of a JPEG; `frame` is the marker of its frame, `size` in bytes."""
    head = b"\xff\xd8" + JPEG_TABLES + struct.pack(">BBHBHHB", 0xFF, frame, 8, 8, height, width, 0)
    return head.ljust(size, b"\x00")
