"""The checks of a notification: whether OPPO would accept it, and if not, the code and the field.

Pure. What is checked comes from the rows of `rules.toml`, compiled once because a batch needs it a thousand times. A
missing field is code 40 and reported first, a wrong one 41, a wrong category or notify_level 67, template
parameters without a template 54. Characters are code points: the documents count Chinese, Latin and emoji as one each.

Not in the documents and decided here: `""` counts as missing, because clients fill in the whole table, and so do a time
of 0 and, where no other field requires it, a number of 0 (`fix_speed=false&fix_speed_rate=0`);
`action_parameters` may be any JSON text, `null` and `[]` too, unless `object_parameters` is set; a broadcast-only field
in a unicast is refused unless its value is empty (0, false, ""); numbers may come as text, as they do in a form, but
only as they are written ("1", not "01"), and truth values in any case ("True").
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pushgateway.vendor.rules import Dialect, FieldRule
from pushgateway_oppo.sandbox.form import read_json_text

MISSING, WRONG, WRONG_CATEGORY, NO_TEMPLATE = "40", "41", "67", "54"

Objection: TypeAlias = tuple[str, str]
"""(code, field)"""
Fields: TypeAlias = Mapping[str, Any]
_Check: TypeAlias = Callable[[Any, Fields], bool]

_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}", re.ASCII)
_URL = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
_NOTHING = (None, 0, False, "", "0", "false")
_CODES = {"category": WRONG_CATEGORY, "notify_level": WRONG_CATEGORY}

_TEMPLATE_PARAMETERS = ("private_title_parameters", "private_content_parameters")
_TOGETHER = frozenset({"notify_level", "show_time_type", "style", *_TEMPLATE_PARAMETERS})
"""Fields whose check depends on other fields."""


class Checks:
    """The checks of one dialect for unicasts, or (`broadcast=True`) for saved content."""

    object_parameters = False
    """Whether the JSON text of `action_parameters` must be an object."""

    def __init__(self, dialect: Dialect, *, broadcast: bool) -> None:
        self._broadcast = broadcast
        rules = {name: rule for name, rule in dialect.fields.items() if rule.scope != "message"}
        allowed = {name: rule for name, rule in rules.items() if broadcast or rule.scope == "all"}
        self._message_checks = {
            name: _check(name, rule, dialect) for name, rule in dialect.fields.items() if name not in rules
        }
        self._conditional = {name: rule for name, rule in allowed.items() if rule.kind == "int" and rule.required_when}
        self._times = frozenset(name for name, rule in allowed.items() if rule.kind == "time")
        self._required = tuple(name for name, rule in allowed.items() if rule.required)
        self._required_when: dict[str, list[tuple[str, str]]] = {}
        for name, rule in allowed.items():
            for condition in rule.required_when:
                other, _, text = condition.partition("=")
                self._required_when.setdefault(other, []).append((text, name))
        self._checks = {name: _check(name, rule, dialect) for name, rule in allowed.items()}
        self._checks |= {name: self._json(rule) for name, rule in allowed.items() if rule.kind == "json"}
        self._checks |= {name: _is_empty for name in rules if name not in allowed}

    def objection(self, fields: Fields) -> Objection | None:
        """Why OPPO refuses these fields, or None. Unknown fields and fields that count as missing are ignored."""
        if (missing := self._missing(fields)) is not None:
            return MISSING, missing
        checks = self._checks
        for name, value in fields.items():
            check = checks.get(name)
            if check is None or value is None or value == "" or check(value, fields):
                continue
            if not self._is_absent(name, value) and not self._is_idle(name, value, fields):
                return _CODES.get(name, WRONG), name
        if _TOGETHER.isdisjoint(fields):
            return None
        present = {n: value for n, value in fields.items() if n in checks and not self._is_absent(n, value)}
        return _between_fields(present, self._broadcast)

    def _missing(self, fields: Fields) -> str | None:
        for name in self._required:
            if fields.get(name) in (None, ""):
                return name
        for other, needs in self._required_when.items():
            if other in fields:
                given = _as_text(fields[other])
                for text, name in needs:
                    if given == text and self._is_absent(name, fields.get(name)):
                        return name
        return None

    def message_objection(self, message: Fields) -> Objection | None:
        """The same for the fields of the message, which stand outside the notification object."""
        for name, check in self._message_checks.items():
            value = message.get(name)
            if value is not None and value != "" and not check(value, message):
                return WRONG, name
        return None

    def _is_absent(self, name: str, value: object) -> bool:
        return value is None or value == "" or (name in self._times and whole(value) == 0)

    def _is_idle(self, name: str, value: object, fields: Fields) -> bool:
        """Whether this is a number of 0 that no other field requires, as clients send that fill in the whole table."""
        rule = self._conditional.get(name)
        return rule is not None and whole(value) == 0 and not any(_is_given(one, fields) for one in rule.required_when)

    def _json(self, rule: FieldRule) -> _Check:
        def check(value: Any, _: Fields) -> bool:
            if not isinstance(value, str) or not _fits(value, rule):
                return False
            return _is_object(value) if self.object_parameters else _is_json(value)

        return check


def whole(value: object) -> int | None:
    """A whole number, given as `int` or as decimal text; None for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return None


def late_start(fields: Fields, now: float) -> Objection | None:
    """The objection to a broadcast that starts in the past, or None. `now`: epoch seconds; clocks may differ by a
    minute.

    No document says what OPPO does with such a start. It is a mistake of the caller, so the sandbox refuses it.
    """
    start = whole(fields.get("push_start_time")) if whole(fields.get("push_time_type")) == 1 else None
    return (WRONG, "push_start_time") if start is not None and start < (now - 60) * 1000 else None


def _between_fields(fields: Fields, broadcast: bool) -> Objection | None:
    if "notify_level" in fields and "category" not in fields:
        return WRONG_CATEGORY, "notify_level"
    for name in _TEMPLATE_PARAMETERS:
        if name in fields and "private_msg_template_id" not in fields:
            return NO_TEMPLATE, "private_msg_template_id"
    if whole(fields.get("style")) == 3:
        # A big picture is for broadcasts only, and not together with a fixed speed.
        if not broadcast:
            return WRONG, "style"
        if _as_text(fields.get("fix_speed")) == "true":
            return WRONG, "fix_speed"
    if whole(fields.get("show_time_type")) == 1:
        start, end = whole(fields.get("show_start_time")), whole(fields.get("show_end_time"))
        if start is not None and end is not None and start >= end:
            return WRONG, "show_end_time"
    return None


def _check(name: str, rule: FieldRule, dialect: Dialect) -> _Check:
    if name == "category" and dialect.categories:
        return lambda value, _: isinstance(value, str) and value in dialect.categories
    match rule.kind:
        case "text" | "choice":
            return _text(rule, is_url=name == "call_back_url")
        case "int" | "time":
            return _number(rule)
        case "bool":
            return lambda value, _: type(value) in (bool, str) and _as_text(value) in ("true", "false")
        case "json" | "object":
            return lambda value, _: isinstance(value, dict | list) or (isinstance(value, str) and _is_json(value))


def _text(rule: FieldRule, *, is_url: bool) -> _Check:
    least, most, by_condition = rule.min or 0, rule.max, bool(rule.max_when)

    def check(value: Any, fields: Fields) -> bool:
        if type(value) is not str or len(value) < least or (is_url and not _URL.fullmatch(value)):
            return False
        limit = rule.maximum(fields) if by_condition else most
        if limit is not None and len(value) > limit:
            return False
        return value.isascii() or _is_utf8(value)

    return check


def _number(rule: FieldRule) -> _Check:
    least = rule.min
    most = None if rule.past == "clamp" else rule.max
    choices = frozenset(rule.choices)

    def check(value: Any, _: Fields) -> bool:
        number = whole(value)
        if number is None or (choices and number not in choices):
            return False
        return (least is None or number >= least) and (most is None or number <= most)

    return check


def _fits(value: str, rule: FieldRule) -> bool:
    return rule.max is None or len(value) <= rule.max


def _is_empty(value: Any, _: Fields) -> bool:
    return (_as_text(value) if isinstance(value, str) else value) in _NOTHING


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


@functools.lru_cache(maxsize=1024)
def _is_object(text: str) -> bool:
    try:
        return isinstance(read_json_text(text), dict)
    except ValueError:
        return False


@functools.lru_cache(maxsize=1024)
def _is_json(text: str) -> bool:
    try:
        read_json_text(text)
    except ValueError:
        return False
    return True


def _is_given(condition: str, fields: Fields) -> bool:
    name, _, text = condition.partition("=")
    return name in fields and _as_text(fields[name]) == text


def _as_text(value: object) -> str:
    # Clients in Python write True where others write true.
    return str(value).lower() if isinstance(value, bool | str) else str(value)
