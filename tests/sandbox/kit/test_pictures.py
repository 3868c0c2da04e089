"""The size of a picture, from the bytes of its header."""

from __future__ import annotations

import struct

import pytest

from pushgateway.sandbox.kit.pictures import pixels

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 30, 40)


def jpeg(frame: int) -> bytes:
    """A JPEG of 30 x 40 whose frame has this marker, behind an APP0 segment and a fill byte."""
    app0 = struct.pack(">BBH", 0xFF, 0xE0, 16) + b"JFIF" + bytes(10)
    return b"\xff\xd8" + app0 + struct.pack(">BBHBHH", 0xFF, frame, 11, 8, 40, 30)


@pytest.mark.parametrize(
    ("file", "size"),
    [
        (PNG, (30, 40)),
        (PNG[:-1], (0, 0)),
        (PNG.replace(b"IHDR", b"IDAT"), (0, 0)),
        (jpeg(0xC0), (30, 40)),
        (jpeg(0xC2), (30, 40)),
        (jpeg(0xC4), (0, 0)),
        (jpeg(0xC0)[:-1], (0, 0)),
        (b"\xff\xd8\xff\xe0\x00\x01", (0, 0)),
        (b"\xff\xd8\xff\xff\xff\xd8", (0, 0)),
        (b"GIF89a", (0, 0)),
        (b"", (0, 0)),
    ],
)
def test_sizes_of_png_and_jpeg(file: bytes, size: tuple[int, int]) -> None:
    """(width, height); (0, 0) for anything else."""
    assert pixels(file) == size
