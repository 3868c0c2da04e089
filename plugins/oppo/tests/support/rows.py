"""Values at the limit of a field's row, and one beyond it, with the other fields that they need.

Made from the row alone. What a row cannot say (which field needs which other) is in the table `REQUIRED_WITH`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from pushgateway.vendor.rules import FieldRule

MOMENT = 1_700_000_000_000
FIRST, LAST = 1_000_000_000_000, 9_999_999_999_999
"""The first and the last time that the rules allow: the longest display window."""
REQUIRED_WITH: Mapping[str, Mapping[str, Any]] = {
    "click_action_type": {"click_action_activity": "a", "click_action_url": "u"},
    "click_action_activity": {"click_action_type": 1},
    "click_action_url": {"click_action_type": 2},
    "show_time_type": {"show_start_time": MOMENT, "show_end_time": MOMENT + 1},
    "show_start_time": {"show_time_type": 1, "show_end_time": LAST},
    "show_end_time": {"show_time_type": 1, "show_start_time": FIRST},
    "push_time_type": {"push_start_time": MOMENT},
    "push_start_time": {"push_time_type": 1},
    "fix_speed": {"fix_speed_rate": 1000},
    "fix_speed_rate": {"fix_speed": True},
    "style": {"big_picture_id": "p"},
    "big_picture_id": {"style": 3},
    "notify_level": {"category": "IM"},
    "private_title_parameters": {"private_msg_template_id": "t"},
    "private_content_parameters": {"private_msg_template_id": "t"},
}
ONE_OF_A_FEW = {"category": "IM", "big_picture_id": "p", "small_picture_id": "s"}
"""Texts that OPPO accepts only from a list of its own."""


@attrs.frozen
class Case:
    """A value of a field, the other fields that it needs, and whether it is within the row's limits."""

    value: Any
    others: Mapping[str, Any]
    fits: bool


def cases(name: str, rule: FieldRule) -> Iterator[Case]:
    """The values that test a row: each of its limits, at it and one beyond."""
    others = REQUIRED_WITH.get(name, {})
    for value, fits in _values(name, rule):
        yield Case(value, others, fits)
    for condition, most in rule.max_when.items():
        other, _, text = condition.partition("=")
        more = {**others, other: int(text), **({"big_picture_id": "p"} if condition == "style=3" else {})}
        yield Case("x" * most, more, True)
        yield Case("x" * (most + 1), more, False)


def _values(name: str, rule: FieldRule) -> Iterator[tuple[Any, bool]]:
    if rule.choices:
        yield from ((number, number in rule.choices) for number in range(-1, 20))
        return
    match rule.kind:
        case "text":
            yield from _texts(name, rule)
        case "json":
            assert rule.max is not None
            yield json.dumps({"k": "x" * (rule.max - len('{"k": ""}'))}), True
            yield json.dumps({"k": "x" * (rule.max + 1 - len('{"k": ""}'))}), False
        case "object":
            yield {"name": "Ann"}, True
            yield 5, False
        case "bool":
            yield True, True
            yield False, True
            yield 5, False
        case "int" | "time":
            yield from _numbers(rule, start=name == "show_start_time", end=name == "show_end_time")


def _texts(name: str, rule: FieldRule) -> Iterator[tuple[Any, bool]]:
    if rule.max is None:
        yield ONE_OF_A_FEW.get(name, "text"), True
        yield 5, False
        return
    start = "http://h/" if name == "call_back_url" else ""
    yield start.ljust(rule.max, "x"), True
    yield start.ljust(rule.max + 1, "x"), False


def _numbers(rule: FieldRule, *, start: bool, end: bool) -> Iterator[tuple[Any, bool]]:
    yield (rule.min + end if rule.min is not None else 7), True
    if rule.min is not None:
        yield rule.min - 1, False
    if rule.max is not None:
        yield rule.max - start, True
        yield rule.max + 1, False
    if rule.min is None and rule.max is None:
        yield "seven", False
