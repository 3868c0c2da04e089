"""The kind and the size of a picture, read from its first bytes: for uploads that a vendor limits.

Pure; nothing is decoded, and the file's name says nothing. PNG and JPEG.
"""

from __future__ import annotations

from typing import Final

PNG: Final = b"\x89PNG\r\n\x1a\n"
"""How a PNG begins."""
_JPEG: Final = b"\xff\xd8\xff"
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers that begin a frame, whose header holds the size; the three others of the range are tables."""
_LONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG markers without a length."""


def picture_size(content: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels by the header of a PNG or a JPEG; None for anything else."""
    if content.startswith(PNG):
        # Signature, header and checksum have 33 bytes.
        if content[8:16] != b"\x00\x00\x00\x0dIHDR" or len(content) < 33:
            return None
        return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])
    return _jpeg_size(content) if content.startswith(_JPEG) else None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    place = 2
    while place + 4 <= len(content):
        if content[place] != 0xFF:
            return None
        marker = content[place + 1]
        if marker == 0xFF:  # a fill byte before the marker
            place += 1
        elif marker in _LONE:
            place += 2
        elif marker in _FRAMES:
            # After marker and length: one byte of bits per sample, then height, then width.
            frame = content[place + 5 : place + 9]
            return (int.from_bytes(frame[2:]), int.from_bytes(frame[:2])) if len(frame) == 4 else None
        else:
            length = int.from_bytes(content[place + 2 : place + 4])
            if length < 2:
                return None
            place += 2 + length
    return None
