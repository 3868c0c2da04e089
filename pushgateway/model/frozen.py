"""Frozen copies of what a host passes as JSON: `data`, `parameters`, `overrides`, the settings of a certificate.

In: mappings and lists of any depth. Out: copies that cannot be changed, so that a push does not change while it waits,
whatever the host does with its own dict. They are subclasses of `dict` and `list`, so `json`, `==` and plug-ins can use
them as such. A value that JSON cannot hold raises a `FieldError` that names the key and never the value.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

from pushgateway.model.errors import FieldError

DEEPEST: Final = 64
"""Levels of mappings and lists, at most."""
MOST: Final = 100_000
"""Values in one notification at all depths, at most. A few lists that contain each other twice would make millions."""
_WIDE: Final = 2**63
_WIDEST: Final = 1024
"""Bits of a whole number, at most: JSON parsers refuse longer ones."""


class FrozenDict(dict[Any, Any]):
    """A `dict` that refuses every change. Its values are frozen too; equal to a plain dict with the same content."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("this mapping is frozen: make a new one, such as {**old, 'key': value}")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __copy__(self) -> FrozenDict:
        return self

    def __deepcopy__(self, _: Any) -> FrozenDict:
        return self

    def __reduce__(self) -> Any:
        return FrozenDict, (dict(self),)


class FrozenList(list[Any]):
    """A `list` that refuses every change. Its values are frozen too; equal to a plain list with the same content."""

    __slots__ = ()

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("this list is frozen: make a new one, such as [*old, value]")

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __copy__(self) -> FrozenList:
        return self

    def __deepcopy__(self, _: Any) -> FrozenList:
        return self

    def __reduce__(self) -> Any:
        return FrozenList, (list(self),)


# Sentences such as "must be a text, is list" name the type that the host gave. (Pickle goes by __qualname__.)
FrozenDict.__name__, FrozenList.__name__ = "dict", "list"

EMPTY: Final = FrozenDict()
"""The empty `FrozenDict`; one shared object."""


def freeze_json(field: str, given: Mapping[Any, Any]) -> FrozenDict:
    """A frozen copy of a mapping from names to what JSON can hold.

    Instances of subclasses of `str`, `int` and `float` become plain ones. Raises a `FieldError` that names `field`: for
    a key that is no text, for a value that JSON cannot hold, and for what is nested too deep or contains itself.
    """
    if type(given) is FrozenDict:
        return given
    made = FrozenDict(given)
    if not made:
        return EMPTY
    for key, value in made.items():  # nearly all are flat, with values of the usual types
        if type(key) is str and key.isascii():
            kind = type(value)
            if kind is str or kind is bool or value is None or (kind is int and -_WIDE < value < _WIDE):
                continue
        return _Freezing(field).mapping(made, ())
    return made


class _Freezing:
    """Copies and checks one mapping of any depth; used where the fast check of `freeze_json` does not suffice."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._left = MOST

    def mapping(self, given: Mapping[Any, Any], path: tuple[object, ...]) -> FrozenDict:
        made = FrozenDict({self._key(key, path): self._value(value, (*path, key)) for key, value in given.items()})
        if len(made) != len(given):
            raise FieldError(self._at(path), "two keys are the same text")
        return made

    def _key(self, key: object, path: tuple[object, ...]) -> str:
        if not isinstance(key, str):
            right = f"a key is of type {_kind(key)}; JSON takes text only: use str(key)"
            raise FieldError(self._at(path), right)
        text = str.__str__(key)
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise FieldError(self._at(path), "a key holds a lone surrogate, which no encoding can carry")
        return text

    def _value(self, value: Any, path: tuple[object, ...]) -> Any:
        self._left -= 1
        if self._left < 0:
            raise FieldError(self._field, f"must hold at most {MOST:,} values")
        if value is None or type(value) is bool:
            return value
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            if value.bit_length() > _WIDEST:
                raise FieldError(self._at(path), "is a number too long for JSON: use str(value)")
            return int.__int__(value)
        if isinstance(value, float):
            if not math.isfinite(value):
                raise FieldError(self._at(path), "is no finite number; JSON has no NaN and no Infinity")
            return float.__float__(value)
        if isinstance(value, Mapping | list | tuple):
            return self._nested(value, path)
        raise FieldError(self._at(path), f"is of type {_kind(value)}; {_RIGHT}{_advice(value)}")

    def _nested(self, value: Any, path: tuple[object, ...]) -> Any:
        if type(value) is FrozenDict:
            return value
        if len(path) >= DEEPEST:
            raise FieldError(self._field, f"must not be nested deeper than {DEEPEST} levels, or holds itself")
        if isinstance(value, Mapping):
            return self.mapping(value, path)
        made = [self._value(inner, (*path, place)) for place, inner in enumerate(value)]
        return tuple(made) if isinstance(value, tuple) else FrozenList(made)

    def _at(self, path: Iterable[object]) -> str:
        return self._field + "".join(_step(step) for step in path)


def _step(step: object) -> str:
    if isinstance(step, str):
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in step[:60])
        return f'["{shown}"]'
    return f"[{step}]"


_RIGHT = "JSON takes text, numbers, True, False, None, lists and mappings"


def _kind(value: object) -> str:
    return type(value).__name__


def _advice(value: object) -> str:
    """The call that makes a value for JSON of it, for an error sentence; "" if none is known."""
    kinds = {kind.__name__ for kind in type(value).__mro__}  # by name: three modules less to import
    for known, advice in _ADVICE:
        if known & kinds or any(hasattr(type(value), name) for name in known):
            return f": use {advice}"
    return ""


_ADVICE = (
    ({"UUID", "Decimal", "PurePath"}, "str(value)"),
    ({"date", "time"}, "value.isoformat()"),
    ({"bytes", "bytearray"}, "value.decode()"),
    ({"Enum"}, "value.value"),
    ({"__index__"}, "int(value)"),
    ({"__float__"}, "float(value)"),
    ({"__iter__"}, "list(value)"),
)
"""By name of a class or of a method: the call that makes a value for JSON."""


def freeze(value: Any) -> Any:
    """A frozen copy of mappings, lists and tuples at every depth; other values in them stay as they are."""
    if isinstance(value, Mapping):
        return FrozenDict({key: freeze(inner) for key, inner in value.items()})
    if isinstance(value, list):
        return FrozenList(map(freeze, value))
    return tuple(map(freeze, value)) if isinstance(value, tuple) else value


class Typed:
    """Wraps a frozen value so that `==` compares with `same`; for attrs' `field(eq=Typed)`."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Typed) and same(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)


def same(one: Any, other: Any) -> bool:
    """True if two frozen values are equal in value and in type, at every depth.

    `==` is not enough if one may be sent instead of the other: in Python `1`, `True` and `1.0` are equal, and `0.0`
    equals `-0.0`, but their JSON differs.
    """
    if one is other or type(one) is not type(other) or one != other:
        return one is other
    if isinstance(one, dict):
        return all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return all(map(same, one, other))
    if isinstance(one, float):
        return math.copysign(1.0, one) == math.copysign(1.0, other)
    return not isinstance(one, datetime) or one.utcoffset() == other.utcoffset()
