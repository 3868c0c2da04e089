"""`pixels`: the size of an uploaded picture, read from its header. Pure."""

from __future__ import annotations

import struct


def pixels(file: bytes) -> tuple[int, int]:
    """(width, height) of a PNG or a JPEG; (0, 0) for anything else."""
    try:
        if file[:8] == b"\x89PNG\r\n\x1a\n":
            length, kind, width, height = struct.unpack_from(">I4sII", file, 8)
            return (width, height) if (length, kind) == (13, b"IHDR") else (0, 0)
        if file[:2] != b"\xff\xd8":
            return 0, 0
        place = 2
        while True:
            lead, marker = struct.unpack_from(">BB", file, place)
            place += 1
            if lead != 0xFF or marker == 0xFF:
                if lead != 0xFF:
                    return 0, 0
                continue
            place += 1
            if marker == 0x01 or 0xD0 <= marker <= 0xD8:
                continue
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                _, _, height, width = struct.unpack_from(">HBHH", file, place)
                return width, height
            (length,) = struct.unpack_from(">H", file, place)
            if length < 2:
                return 0, 0
            place += length
    except struct.error:
        return 0, 0
