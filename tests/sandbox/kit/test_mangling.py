"""Lists in replies, in disorder."""

from __future__ import annotations

import random
from typing import Any

import pytest

from pushgateway.sandbox.kit.mangling import ITEM_MANGLINGS, TOKEN_MANGLINGS, mangle_items, mangle_tokens

ITEMS = [{"token": "a", "code": 0}, {"token": "b", "code": 7}, {"token": "c"}]
FOREIGN = {"token": "x"}


def mangled(kind: str, items: list[dict[str, Any]], seed: int = 0) -> list[dict[str, Any]]:
    """A changed copy of `items`."""
    copies = [dict(item) for item in items]
    mangle_items(kind, copies, random.Random(seed), foreign=FOREIGN, code="code")
    return copies


@pytest.mark.parametrize("seed", range(20))
def test_each_kind_changes_items_as_it_says(seed: int) -> None:
    """The order always, or one item."""
    shuffled, omitted = mangled("shuffle", ITEMS, seed), mangled("omit", ITEMS, seed)
    extra, twice = mangled("extra", ITEMS, seed), mangled("twice", ITEMS, seed)

    assert shuffled != ITEMS
    assert sorted(map(str, shuffled)) == sorted(map(str, ITEMS))
    assert len(omitted) == 2
    assert all(item in ITEMS for item in omitted)
    assert [item for item in extra if item != FOREIGN] == ITEMS
    assert len(extra) == 4
    assert twice[:3] == ITEMS
    assert twice[3] in ITEMS


def test_codes_as_texts() -> None:
    """Only the codes that are there."""
    assert mangled("text_codes", ITEMS) == [{"token": "a", "code": "0"}, {"token": "b", "code": "7"}, {"token": "c"}]


@pytest.mark.parametrize("kind", ITEM_MANGLINGS)
def test_an_empty_list_has_nothing_to_change(kind: str) -> None:
    """But an item more."""
    assert mangled(kind, []) == ([FOREIGN] if kind == "extra" else [])


@pytest.mark.parametrize("kind", TOKEN_MANGLINGS)
def test_lists_of_refused_tokens(kind: str) -> None:
    """No refused token is lost, because that would say that it was accepted."""
    tokens = ["a", "b"]
    mangle_tokens(kind, tokens, random.Random(1), foreign="x")

    assert {"a", "b"} <= set(tokens)
    assert tokens != ["a", "b"]


def test_an_unknown_kind_is_a_mistake() -> None:
    """A sandbox lists its kinds itself."""
    with pytest.raises(ValueError, match="no such change"):
        mangled("turn", ITEMS)
