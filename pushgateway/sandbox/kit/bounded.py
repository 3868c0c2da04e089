"""`Bounded`: a dict of limited size, for ids that were seen and contents that were saved."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

REMEMBERED = 1_000_000
"""Entries of a `Bounded` unless it is made for fewer: ids of a long test."""


class Bounded(Generic[T]):
    """A dict that forgets its oldest entry when it is full."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        # A plain dict gets slower with each entry that is removed from its front.
        self._entries: OrderedDict[Hashable, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Any]:
        """The keys, the oldest first, as they are now."""
        return iter(tuple(self._entries))

    def get(self, key: Hashable) -> T | None:
        """The value of `key`, or None."""
        return self._entries.get(key)

    def put(self, key: Hashable, value: T) -> None:
        """Store a value; the oldest entry is dropped when there are too many."""
        self._entries[key] = value
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def pop(self, key: Hashable) -> T | None:
        """Remove an entry and return its value, or None."""
        return self._entries.pop(key, None)
