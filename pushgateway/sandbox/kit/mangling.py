"""Changes the lists in a correct reply in ways that clients have seen, or must be able to handle.

Pure; the random is a parameter. Lists are changed in place; one in which there is nothing to change stays as it is.

    shuffle     in another order          omit   one item left out
    extra       an item more, for a token that was not asked for
    twice       one item there two times  text_codes  codes as text: "0" for 0
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")

ITEM_MANGLINGS: Final = ("shuffle", "omit", "extra", "twice", "text_codes")
"""The kinds for a list that has an item for each push."""
TOKEN_MANGLINGS: Final = ("shuffle", "extra", "twice")
"""The kinds for a list of refused tokens. A token that is left out of it means that the push was accepted, so `omit`
is for vendors that also count the refused ones."""


def mangle_items(
    kind: str,
    items: list[dict[str, Any]],
    chance: random.Random,
    *,
    foreign: Mapping[str, Any],
    code: str = "",
) -> None:
    """Change the items of a reply. `foreign`: an item about a token that was not asked for; `code`: the name of the
    field that holds an item's code."""
    if kind == "text_codes":
        for item in items:
            if code in item:
                item[code] = str(item[code])
        return
    _mangle(kind, items, chance, dict(foreign))


def mangle_tokens(kind: str, tokens: list[str], chance: random.Random, *, foreign: str) -> None:
    """Change a list of refused tokens. `foreign`: a token that was not asked for."""
    _mangle(kind, tokens, chance, foreign)


def _mangle(kind: str, items: list[T], chance: random.Random, foreign: T) -> None:
    match kind:
        case "shuffle":
            before = list(items)
            chance.shuffle(items)
            if len(items) > 1 and items == before:
                items.append(items.pop(0))
        case "omit" if items:
            del items[chance.randrange(len(items))]
        case "extra":
            items.insert(chance.randrange(len(items) + 1), foreign)
        case "twice" if items:
            one = items[chance.randrange(len(items))]
            items.append(type(one)(one))  # type: ignore[call-arg]
        case "omit" | "twice":
            return
        case _:
            raise ValueError(f"no such change of a list: {kind!r}")
