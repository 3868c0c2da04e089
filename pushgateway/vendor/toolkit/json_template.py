"""`JsonTemplate`: JSON of nested fields that is kept, and into which the fields of one notification are put.

Pure, but for the pieces that an instance keeps. Used for bodies of which most is the same from one notification to the
next: `ordinary` says which fields differ.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from pushgateway.vendor.toolkit.fields import encode_tree, nest
from pushgateway.vendor.toolkit.json_text import Json, WireValue

_PLACE: Final = re.compile("\0([0-9]+)\0")
"""The place of a field: a character that no JSON text holds, around the field's number."""


class JsonTemplate:
    """Fields by wire name, with dots where they are nested."""

    def __init__(self, fields: Mapping[str, WireValue]) -> None:
        self._fields = dict(fields)
        self._made: dict[tuple[str, ...], tuple[Sequence[str], Sequence[str]]] = {}

    def filled(self, own: Mapping[str, WireValue]) -> str:
        """The JSON of the template's fields together with `own`. The first fields of an object are those of `own`."""
        names = tuple(own)
        made = self._made.get(names)
        if made is None:
            made = self._made[names] = self._pieces(names)
        pieces, order = made
        parts = [pieces[0]]
        for name, piece in zip(order, pieces[1:], strict=True):
            parts += (encode_tree(own[name]), piece)
        return "".join(parts)

    def _pieces(self, names: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """What stands around the fields of these names, and the names in the order of their places."""
        places: dict[str, WireValue] = {name: Json(f"\0{number}\0") for number, name in enumerate(names)}
        rest = {name: value for name, value in self._fields.items() if name not in places}
        parts = _PLACE.split(encode_tree(nest({**places, **rest})))
        return parts[::2], [names[int(number)] for number in parts[1::2]]
