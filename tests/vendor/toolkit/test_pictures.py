"""Kind and size of a picture by its first bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgateway.vendor.toolkit.pictures import PNG, picture_size


def png(width: int, height: int) -> bytes:
    return PNG + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", width, height) + bytes(9)


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    return b"\xff\xd8" + before + b"\xff\xc0\x00\x11\x08" + struct.pack(">HH", height, width) + bytes(9)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (png(876, 324), (876, 324)),
        (png(876, 324)[:32], None),
        (jpeg(144, 100, b"\xff\xe0\x00\x04ab"), (144, 100)),
        (jpeg(144, 100, b"\xff\xff\xe0\x00\x02"), (144, 100)),
        (jpeg(144, 100, b"\xff\xd0"), (144, 100)),
        (jpeg(144, 100, b"\xff\xc4\x00\x02"), (144, 100)),
        (b"\xff\xd8\xff\xe0\x00\x01", None),
        (b"GIF89a" + bytes(40), None),
        (b"", None),
    ],
)
def test_sizes(content: bytes, size: tuple[int, int] | None) -> None:
    """By the header; markers without a length, fill bytes and tables are passed over."""
    assert picture_size(content) == size


@given(st.binary(max_size=80))
def test_any_bytes_end(content: bytes) -> None:
    """A damaged header gives a size or None."""
    for start in (b"", PNG, b"\xff\xd8\xff"):
        assert picture_size(start + content) is None or len(content) > 3
