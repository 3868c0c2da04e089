"""`Checks`: whether the vendor would accept the fields of a notification, by the same rows of `rules.toml` as the
translator's, and if not, the code and the field.

Pure. The rows are compiled once, because a batch needs them a thousand times. A field that is required and missing is
reported first, then wrong values in the order of the fields, then fields that cannot stand together. Fields have their
wire names, with dots where they are nested (`readers.flatten`). Unknown fields are ignored, as by all known vendors.

Decided here for all vendors: None and "" count as missing, because clients fill in the whole table; a text that is
counted in UTF-16 units by the translator is counted in code points here, which no text within the limit exceeds; a
number above a maximum that the vendor lowers (`past = "clamp"`) is right.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from pushgateway.model.secret import safe_repr
from pushgateway.sandbox.kit.readers import read_json_text
from pushgateway.sandbox.kit.values import as_text, read_date, whole
from pushgateway.vendor.rules import Dialect, FieldRule

Objection: TypeAlias = tuple[str, str]
"""(code, field)"""
Fields: TypeAlias = Mapping[str, Any]
Fault: TypeAlias = Literal["", "wrong", "size"]
"""What is wrong with a value: "" nothing, its type or content, or its length."""
Check: TypeAlias = Callable[[Any, Fields], Fault]
"""Takes a value and all fields."""

_NOTHING = (None, 0, False, "", "0", "false")


@safe_repr
@attrs.frozen(kw_only=True)
class CheckCodes:
    """The vendor's codes for what is wrong with fields."""

    missing: str
    """A required field is missing."""
    wrong: str
    """A value is of the wrong type, not allowed, or beyond its limits."""
    size: str = ""
    """A text is too long or too short; "": as `wrong`."""
    together: str = ""
    """Fields cannot stand together; "": as `wrong`."""
    fields: Mapping[str, str] = attrs.field(factory=dict)
    """By field: the code for a value of it that is wrong, whatever is wrong."""
    absent: Mapping[str, str] = attrs.field(factory=dict)
    """By field: the code for its absence, in the place of `missing`."""

    def code(self, fault: str, field: str) -> str:
        """The code for a fault of a field that is there."""
        return self.fields.get(field) or (self.size if fault == "size" else "") or self.wrong


class Checks:
    """The checks of one dialect, for single pushes or (`broadcast`) for broadcasts.

    `as_text`: numbers and truth values may be texts, as in a form. `blanks`: a text may consist of blanks; False: only
    where its row says so. `zeros`: a time of 0, and a number of 0 that no other field requires, count as missing.
    `also`: further checks by field, of values that are right by its row; `instead`: checks by field in the place of its
    row.
    """

    json_objects = False
    """Whether a field of JSON text must hold an object; may be set while the sandbox runs."""

    def __init__(
        self,
        dialect: Dialect,
        codes: CheckCodes,
        *,
        broadcast: bool = False,
        as_text: bool = True,
        blanks: bool = True,
        zeros: bool = False,
        also: Mapping[str, Check] | None = None,
        instead: Mapping[str, Check] | None = None,
        scope: Collection[str] = ("all", "broadcast"),
    ) -> None:
        """`scope`: the fields that are checked, by their `FieldRule.scope`. Those of scope "broadcast" are wrong in a
        single push, unless they are empty."""
        self._codes = codes
        rules = {name: rule for name, rule in dialect.fields.items() if rule.scope in scope}
        allowed = {name: rule for name, rule in rules.items() if broadcast or rule.scope != "broadcast"}
        self._zero_times = {name for name, rule in allowed.items() if zeros and rule.kind == "time"}
        self._zero_numbers = {
            name: rule for name, rule in allowed.items() if zeros and rule.kind == "int" and rule.required_when
        }
        self._required = tuple(name for name, rule in allowed.items() if rule.required)
        self._required_when: dict[str, list[tuple[str, str]]] = {}
        for name, rule in allowed.items():
            for condition in rule.required_when:
                other, _, text = condition.partition("=")
                self._required_when.setdefault(other, []).append((text, name))
        self._required_with = {name: rule.required_with for name, rule in allowed.items() if rule.required_with}
        self._excludes = {name: rule.excludes for name, rule in allowed.items() if rule.excludes}
        make = functools.partial(self._check, texts=as_text, blanks=blanks)
        self._checks: dict[str, Check] = {name: make(rule) for name, rule in allowed.items()}
        self._checks |= {name: check for name, check in (instead or {}).items() if name in allowed}
        self._checks |= {name: _is_empty for name in rules if name not in allowed}
        self._checks |= {
            name: _both(self._checks[name], more) for name, more in (also or {}).items() if name in allowed
        }

    def objection(self, fields: Fields) -> Objection | None:
        """Why the vendor refuses these fields, or None. Unknown fields and fields that count as missing are ignored."""
        if (missing := self._missing(fields)) is not None:
            return self._codes.absent.get(missing, self._codes.missing), missing
        for name, value in fields.items():
            check = self._checks.get(name)
            if check is None or value is None or value == "" or not (fault := check(value, fields)):
                continue
            if not self.is_absent(name, value) and not self._is_idle(name, value, fields):
                return self._codes.code(fault, name), name
        return self._between(fields) if self._required_with or self._excludes else None

    def present(self, fields: Fields) -> dict[str, Any]:
        """The known fields that do not count as missing."""
        return {
            name: value for name, value in fields.items() if name in self._checks and not self.is_absent(name, value)
        }

    def is_absent(self, name: str, value: object) -> bool:
        """Whether a field with this value counts as missing."""
        return value is None or value == "" or (name in self._zero_times and whole(value) == 0)

    def _missing(self, fields: Fields) -> str | None:
        for name in self._required:
            if fields.get(name) in (None, ""):
                return name
        for other, needs in self._required_when.items():
            if other in fields:
                given = as_text(fields[other])
                for text, name in needs:
                    if given == text.lower() and self.is_absent(name, fields.get(name)):
                        return name
        return None

    def _is_idle(self, name: str, value: object, fields: Fields) -> bool:
        """Whether this is a number of 0 that no other field requires, as clients send that fill in the whole table."""
        rule = self._zero_numbers.get(name)
        return rule is not None and whole(value) == 0 and not any(_holds(one, fields) for one in rule.required_when)

    def _between(self, fields: Fields) -> Objection | None:
        """The objection to fields that lack another, or cannot stand beside it."""
        for name, others in self._required_with.items():
            is_asked_for = any(not self.is_absent(other, fields.get(other)) for other in others)
            if is_asked_for and self.is_absent(name, fields.get(name)):
                return self._codes.absent.get(name, self._codes.missing), name
        for name, others in self._excludes.items():
            if not self.is_absent(name, fields.get(name)):
                for other in others:
                    if not self.is_absent(other, fields.get(other)):
                        return self._codes.fields.get(other) or self._codes.together or self._codes.wrong, other
        return None

    def _check(self, rule: FieldRule, *, texts: bool, blanks: bool) -> Check:
        check = self._plain(rule, texts=texts, blanks=blanks)
        return _unwired(rule.wire, check) if "{}" in rule.wire else check

    def _plain(self, rule: FieldRule, *, texts: bool, blanks: bool) -> Check:
        match rule.kind:
            case "text" | "choice":
                return _text(rule, blanks=blanks or rule.blank)
            case "time" if rule.wire == "date":
                return lambda value, _: "" if isinstance(value, str) and read_date(value) is not None else "wrong"
            case "int" | "time":
                return _number(rule, texts=texts or rule.wire not in ("", "number"))
            case "bool":
                return _truth(rule, texts=texts or rule.wire not in ("", "number"))
            case "json":
                return self._json(rule)
            case "object" | "texts":
                return _object(rule) if rule.kind == "object" else _texts(rule)

    def _json(self, rule: FieldRule) -> Check:
        def check(value: Any, _: Fields) -> Fault:
            if not isinstance(value, str):
                return "wrong"
            if rule.max is not None and _size(value, rule) > rule.max:
                return "size"
            return "" if (_is_object(value) if self.json_objects else _is_json(value)) else "wrong"

        return check


def _both(first: Check, second: Check) -> Check:
    return lambda value, fields: first(value, fields) or second(value, fields)


def _holds(condition: str, fields: Fields) -> bool:
    name, _, text = condition.partition("=")
    return name in fields and as_text(fields[name]) == text.lower()


def _text(rule: FieldRule, *, blanks: bool) -> Check:
    least, most, by_condition = rule.min or 0, rule.max, bool(rule.max_when)
    choices = frozenset(rule.choices)
    pattern = re.compile(rule.pattern) if rule.pattern else None
    in_bytes = rule.counts == "bytes"

    def check(value: Any, fields: Fields) -> Fault:
        if type(value) is not str:
            return "wrong"
        limit = rule.maximum(fields) if by_condition else most
        size = len(value) if not in_bytes else _size(value, rule)
        if size < least or (limit is not None and size > limit):
            return "size"
        if not value.isascii() and not _is_utf8(value):
            return "wrong"
        if (choices and value not in choices) or (pattern is not None and pattern.fullmatch(value) is None):
            return "wrong"
        return "" if blanks or not value.isspace() else "wrong"

    return check


def _number(rule: FieldRule, *, texts: bool) -> Check:
    least = rule.min
    most = None if rule.past == "clamp" else rule.max
    choices = frozenset(rule.choices)

    def check(value: Any, _: Fields) -> Fault:
        number = whole(value) if texts or type(value) is int else None
        if number is None or (choices and number not in choices):
            return "wrong"
        return "" if (least is None or number >= least) and (most is None or number <= most) else "wrong"

    return check


def _truth(rule: FieldRule, *, texts: bool) -> Check:
    if rule.wire == "number":
        return lambda value, _: "" if (texts or type(value) is int) and whole(value) in (0, 1) else "wrong"
    kinds = (bool, str) if texts else (bool,)
    return lambda value, _: "" if type(value) in kinds and str(value).lower() in ("true", "false") else "wrong"


def _object(rule: FieldRule) -> Check:
    def check(value: Any, _: Fields) -> Fault:
        if not isinstance(value, dict | list) and not _is_json(value):
            return "wrong"
        if rule.max is None:
            return ""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return "" if _size(text, rule) <= rule.max else "size"

    return check


def _texts(rule: FieldRule) -> Check:
    def check(value: Any, _: Fields) -> Fault:
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            return "wrong"
        size = sum(_size(text, rule) for text in (*value, *value.values()))
        return "" if rule.max is None or size <= rule.max else "size"

    return check


def _unwired(wire: str, check: Check) -> Check:
    """The check of a value that is written as a text around it, such as `{}s` for seconds."""
    before, _, after = wire.partition("{}")

    def check_inside(value: Any, fields: Fields) -> Fault:
        if not isinstance(value, str) or len(value) <= len(before) + len(after):
            return "wrong"
        if not (value.startswith(before) and value.endswith(after)):
            return "wrong"
        return check(value[len(before) : len(value) - len(after)], fields)

    return check_inside


def _size(value: str, rule: FieldRule) -> int:
    return len(value.encode("utf-8", "replace")) if rule.counts == "bytes" else len(value)


def _is_empty(value: Any, _: Fields) -> Fault:
    return "" if (as_text(value) if isinstance(value, str) else value) in _NOTHING else "wrong"


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


def _is_json(text: object) -> bool:
    return isinstance(text, str) and _is_json_text(text)


@functools.lru_cache(maxsize=1024)
def _is_json_text(text: str) -> bool:
    try:
        read_json_text(text)
    except ValueError:
        return False
    return True
