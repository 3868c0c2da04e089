"""Reads single values of a vendor's reply or receipt strictly: a value that is not clearly of the kind is `None`.

Pure. Vendors write numbers as text and lists as joined text; each function says which spellings it accepts. Used by
`codes`, `items`, and by plug-ins for the replies of their own calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import attrs

from pushgateway.vendor import NoVerdict, Response, Statistics
from pushgateway.vendor.text import fit

T = TypeVar("T")

ID_LENGTH: Final = 200
"""Characters of an id, at most; a longer one is ignored. The vendors' ids have about 50."""
MESSAGE_LENGTH: Final = 200
"""Characters of a vendor's message that are kept, counted in UTF-16 units."""
_DIGITS = re.compile(r"[0-9]{1,15}", re.ASCII)
_LARGEST: Final = 10**15


def identifier(value: object) -> str | None:
    """An id that may be logged and sent again: a printable text of 1 to `ID_LENGTH` characters, or a whole number."""
    if type(value) is str:
        return value if 0 < len(value) <= ID_LENGTH and value.isprintable() else None
    if type(value) is int:
        return str(value) if abs(value) < 10**ID_LENGTH else None
    return None


def first_identifier(data: object, names: Iterable[str]) -> str | None:
    """The first id that an object has under one of these names; None if there is none or it is no object."""
    if not isinstance(data, dict):
        return None
    for name in names:
        value = data.get(name)
        if type(value) is str and 0 < len(value) <= ID_LENGTH and value.isprintable():
            return value  # the usual case, without a call
        if value is not None and (found := identifier(value)) is not None:
            return found
    return None


def texts(value: object, separators: str = ";,") -> list[str] | None:
    """The texts of a list, or of one text joined by one of `separators`; [] for None; None for any other value."""
    if value is None:
        return []
    if isinstance(value, str):
        return re.split(rf"\s*[{re.escape(separators)}]\s*", value.strip())
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return None


def count(value: object) -> int | None:
    """A whole number from 0 to 10**15 - 1, given as a number or as its digits."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LARGEST:
        return None
    return value


def as_number(text: str) -> int | str:
    """A text of at most 15 digits as a number, for a field that takes numbers; any other text as it is, and one that
    begins with 0, which as a number would be another text."""
    return int(text) if _DIGITS.fullmatch(text) and str(int(text)) == text else text


def epoch_seconds(value: object, *, below: int = _LARGEST) -> float | None:
    """Epoch seconds from epoch milliseconds, given as a number or as its digits; None from `below` milliseconds on."""
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < below:
        return None
    return value / 1000


def short(message: object) -> str | None:
    """A vendor's message, cut to `MESSAGE_LENGTH`; None if it is no text."""
    return fit(message, MESSAGE_LENGTH)[0] if isinstance(message, str) else None


def data_of(body: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The value of the first of these names in a reply that is not null. A text that is JSON is decoded; any other text
    is returned as it is."""
    data = None
    for name in names:
        if (data := body.get(name)) is not None:
            break
    if isinstance(data, str):
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            return data
    return data


def needed(value: object, kind: type[T]) -> T:
    """A value of a reply that must be of this type. Raises `NoVerdict` for any other."""
    if type(value) is not kind:
        raise NoVerdict(f"the reply holds no {_KINDS.get(kind, kind.__name__)} where one belongs")
    return value


def entry(name: str, kind: type[T]) -> Callable[[object], T]:
    """Reads an entry that an object of a reply must have, as `needed`."""
    return lambda value: needed(needed(value, dict).get(name), kind)


_KINDS: Final[Mapping[type[Any], str]] = {dict: "object", list: "list", str: "text", int: "number", bool: "truth value"}


def figure_names(*names: str) -> Mapping[str, str]:
    """The vendor's names for the fields of `Statistics`, in their order: targets, valid, sent, arrived, shown,
    opened."""
    return dict(zip((field.name for field in attrs.fields(Statistics)), names, strict=True))


def figures_of(data: object, names: Mapping[str, str]) -> Statistics:
    """The figures of an object; `names`: by field of `Statistics` the vendor's name, which may have blanks around it.
    A figure that cannot be read is None. Raises `NoVerdict` if the object has none of the names."""
    found = {name.strip(): value for name, value in needed(data, dict).items()}
    if found.keys().isdisjoint(names.values()):
        raise NoVerdict("the reply holds no figures")
    return Statistics(**{field: count(found.get(name)) for field, name in names.items()})


def check_named_once(response: Response, decides: Callable[[str], object], inside: Iterable[str] = ()) -> None:
    """Raise `NoVerdict` if an object in the JSON of a reply holds a name twice with different values, and `decides`
    returns True for the name. Python keeps the last value; which one the vendor meant is unknown.

    `inside`: names of the reply whose value may be JSON as text, which is checked too.
    """

    def clear(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            for name, value in pairs:
                if repr(found[name]) != repr(value) and decides(name):  # 1, 1.0 and true would be equal
                    raise _NamedTwiceError
        return found

    try:
        body = json.loads(response.content.decode("utf-8-sig"), object_pairs_hook=clear)
        for name in inside:
            if isinstance(body.get(name), str):
                json.loads(body[name], object_pairs_hook=clear)
    except _NamedTwiceError:
        raise NoVerdict("the reply names one thing twice and differently") from None
    except (ValueError, RecursionError):
        return  # text that is no JSON


class _NamedTwiceError(Exception):
    pass
