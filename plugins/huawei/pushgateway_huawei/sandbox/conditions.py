"""Conditions over topics, as `'a' in topics && ('b' in topics || !('c' in topics))`."""

from __future__ import annotations

import re
from collections.abc import Collection

_PART = re.compile(r"\s*(?:'(?P<topic>[^'\s]+)'\s+in\s+topics|(?P<sign>&&|\|\||!|\(|\)))\s*")


def topics_of(condition: str) -> list[str]:
    """The topics that a condition names. Raises `ValueError` if it is none."""
    parts = _parts(condition)
    holds(condition, ())
    return [part[1:] for part in parts if part.startswith("'")]


def holds(condition: str, topics: Collection[str]) -> bool:
    """Whether a phone with these topics is meant. Raises `ValueError` for a text that is no condition."""
    parts = _parts(condition)
    value = _any_of(parts, topics)
    if parts:
        raise ValueError("something stands behind the condition")
    return value


def _parts(condition: str) -> list[str]:
    """Its signs, and its topics behind a quotation mark."""
    parts, place = [], 0
    while place < len(condition):
        found = _PART.match(condition, place)
        if found is None:
            raise ValueError("no condition")
        parts.append(found["sign"] or f"'{found['topic']}")
        place = found.end()
    return parts


def _any_of(parts: list[str], topics: Collection[str]) -> bool:
    value = _all_of(parts, topics)
    while parts[:1] == ["||"]:
        del parts[0]
        value = _all_of(parts, topics) or value
    return value


def _all_of(parts: list[str], topics: Collection[str]) -> bool:
    value = _one(parts, topics)
    while parts[:1] == ["&&"]:
        del parts[0]
        value = _one(parts, topics) and value
    return value


def _one(parts: list[str], topics: Collection[str]) -> bool:
    if not parts:
        raise ValueError("the condition ends too early")
    part = parts.pop(0)
    if part.startswith("'"):
        return part[1:] in topics
    if part == "!":
        return not _one(parts, topics)
    if part != "(":
        raise ValueError("a topic or a parenthesis is missing")
    value = _any_of(parts, topics)
    if parts[:1] != [")"]:
        raise ValueError("a parenthesis is not closed")
    del parts[0]
    return value
