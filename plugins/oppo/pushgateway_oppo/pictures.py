"""Uploads of pictures for notifications: checks before the upload, and the id in the reply.

Pure. Kind and size of a file are read from its first bytes, not from its name. OPPO's sources disagree about the pixels
of a big picture, so both sizes are accepted.
"""

from __future__ import annotations

from typing import Final

import attrs

from pushgateway.vendor import NoVerdict, Response, safe_repr
from pushgateway.vendor.rules import Dialect
from pushgateway.vendor.toolkit.pictures import PNG, picture_size
from pushgateway.vendor.toolkit.readers import identifier
from pushgateway.vendor.toolkit.refusals import invalid
from pushgateway.vendor.toolkit.requests import File
from pushgateway_oppo.replies import read_accepted

KINDS: Final = ("big", "small")


@safe_repr
@attrs.frozen
class Picture:
    """A picture that was uploaded to OPPO. Source: OPPO's Java SDK 1.1.0 (S7)."""

    kind: str
    """`big` or `small`."""
    picture_id: str
    """For `overrides={"oppo": {"big_picture_id": ...}}` (with `style` 3) or `small_picture_id`, in broadcasts."""


def encode_picture(kind: str, content: bytes, ttl: int | None, rules: Dialect) -> tuple[dict[str, str], File]:
    """The fields and the file of an upload. Raises `Refused`, naming the argument and what it must be."""
    if kind not in KINDS:
        raise invalid("kind", f"must be one of {', '.join(KINDS)}")
    if not isinstance(content, bytes):
        raise invalid("content", f"must be bytes, is {type(content).__name__}")
    most = rules.number(f"{kind}_picture_bytes")
    if len(content) > most:
        raise invalid("content", f"must have at most {most} bytes, has {len(content)}")
    if ttl is None:
        ttl = rules.number("picture_ttl")
    if isinstance(ttl, bool) or not isinstance(ttl, int) or not 0 < ttl < 2**31:
        raise invalid("ttl", "must be a whole number of seconds, 1 or more")
    size = picture_size(content)
    if size is None:
        raise invalid("content", "must be a whole PNG or JPEG picture")
    allowed = sizes(kind, rules)
    if size not in allowed:
        right = " or ".join(f"{width}x{height}" for width, height in allowed)
        raise invalid("content", f"must have {right} pixels, has {size[0]}x{size[1]}")
    name, form = ("picture.png", "image/png") if content.startswith(PNG) else ("picture.jpg", "image/jpeg")
    return {"picture_ttl": str(ttl)}, File(name, form, content)


def sizes(kind: str, rules: Dialect) -> list[tuple[int, int]]:
    """(width, height) that sources name for this kind, the more often named first."""
    names = [name for name in (f"{kind}_picture", f"{kind}_picture_other") if f"{name}_width" in rules.numbers]
    return [(rules.number(f"{name}_width"), rules.number(f"{name}_height")) for name in names]


def decode_picture(response: Response, kind: str) -> Picture:
    """The picture with its id, from the reply's field of that kind."""
    data = read_accepted(response)
    picture_id = identifier(data.get(f"{kind}_picture_id")) if isinstance(data, dict) else None
    if picture_id is None:
        raise NoVerdict(f"the reply to the upload holds no {kind}_picture_id")
    return Picture(kind, picture_id)
