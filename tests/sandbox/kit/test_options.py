"""The kinds of options that most sandboxes have."""

from __future__ import annotations

from typing import Any

import pytest

from pushgateway.sandbox.kit.options import SandboxOption, count, one_of, templates, truth


@pytest.mark.parametrize(
    ("option", "right", "wrong", "words", "default"),
    [
        (truth(), [True, False], [None, 0, "true"], "true or false", False),
        (truth(True), [False], [1], "true or false", True),
        (count(), [None, 0, 5], [-1, 1.0, True, "5"], "a whole number or null", None),
        (count(7, least=1), [None, 1], [0], "a whole number from 1 on, or null", 7),
        (one_of("refuse", "absorb"), ["absorb"], ["x", None, 1], "refuse or absorb", "refuse"),
        (one_of(200, 401), [200, 401], [True, "200", 200.0], "200 or 401", 200),
    ],
)
def test_options_take_their_values(
    option: SandboxOption, right: list[Any], wrong: list[Any], words: str, default: Any
) -> None:
    """Types count: True is not 1."""
    assert all(map(option.takes, right))
    assert not any(map(option.takes, wrong))
    assert (option.values, option.default) == (words, default)
    assert option.takes(option.default)


def test_templates_have_parts_with_names() -> None:
    """By id; a part of another name, or a name that is no text, is refused."""
    option = templates("title", "content")

    assert option.values == 'null or {id: {"title": [names], "content": [names]}}'
    assert all(map(option.takes, [None, {}, {"1": {}}, {"1": {"title": ["a"], "content": ("b",)}}]))
    assert not any(
        map(option.takes, [[], {"1": []}, {"1": {"body": []}}, {"1": {"title": "a"}}, {"1": {"title": [1]}}])
    )
