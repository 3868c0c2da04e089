"""Checks one value against its row of `rules.toml`, and turns it into the value that is sent.

Pure. A value of the host becomes the value on the wire, or a refusal that names the field, the limit and the actual
size, never the content. A text that is too long and a number that is too large are cut where the row says
`past = "cut"`, a number that is too small is raised where it says `below = "raise"`; every other value that the vendor
would refuse is refused here. Used by `fields.Sheet`, and by plug-ins for fields that they set by code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final

from pushgateway.vendor.rules import FieldRule
from pushgateway.vendor.text import ELLIPSIS, clean, fit, from_visible, is_visible, size
from pushgateway.vendor.toolkit.json_text import Json, WireValue, decode_json, encode_json
from pushgateway.vendor.toolkit.refusals import invalid

_UNITS = {"utf16": "characters", "points": "characters", "bytes": "bytes"}
_WIDE = 2**63


def check_field(word: str, rule: FieldRule, value: object, maximum: int | None = None) -> tuple[WireValue, bool]:
    """The value as it is sent, and whether it was cut (of a number: lowered or raised). Raises `Refused`
    (`INVALID_NOTIFICATION`), naming the field as `word`.

    `maximum`: that of the row beside the notification's other fields (`FieldRule.maximum`).
    """
    if rule.kind == "text":
        text, was_cut = _check_text(word, rule, value, maximum)
        return (spell(rule, text) if rule.wire else text), was_cut
    checked = _check_value(word, rule, value, maximum)
    was_cut = type(checked) is int and checked != value
    return (spell(rule, checked) if rule.wire else checked), was_cut


def spell(rule: FieldRule, value: WireValue) -> WireValue:
    """A checked value as the row's `wire` says: 3600 as "3600s", True as 1, a time as date and time."""
    if rule.wire == "date":
        moment = datetime.fromtimestamp(int(str(value)) // 1000, CHINA)
        return moment.replace(tzinfo=None).isoformat(sep=" ")
    if rule.wire == "number":
        return int(value) if isinstance(value, bool) else value
    text = value.text if isinstance(value, Json) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if rule.wire in ("", "text") else rule.wire.replace("{}", text)


def unspell(rule: FieldRule, value: object) -> object:
    """A value of the host in the vendor's own spelling as the value that the row checks: "3600s" as 3600. A value that
    is not spelled so stays as it is."""
    if not rule.wire or rule.kind not in ("int", "time", "bool"):
        return value
    if rule.wire == "number":
        return bool(value) if rule.kind == "bool" and value in (0, 1) else value
    if not isinstance(value, str) or rule.wire == "date":
        moment = read_date(value)
        return value if moment is None else moment
    start, _, end = (rule.wire if "{}" in rule.wire else "{}").partition("{}")
    inner = value.removeprefix(start).removesuffix(end)
    if start + inner + end != value:
        return value
    if rule.kind == "bool":
        return {"true": True, "false": False}.get(inner, value)
    return int(inner) if _WHOLE.fullmatch(inner) else value


_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
CHINA: Final = timezone(timedelta(hours=8))
"""The zone in which vendors write times without one."""
_YEAR_10000: Final = 253_402_272_000_000
"""Its beginning in China, in epoch milliseconds."""


def read_date(text: object) -> int | None:
    """Epoch milliseconds of a time such as `2026-11-22 08:00:00` on the clock of China; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        return int(datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA).timestamp() * 1000)
    except ValueError:
        return None


def goes_whole(text: str, rule: FieldRule, maximum: int | None) -> bool:
    """Whether a text is sent unchanged: not blank, not longer than the maximum, and nothing in it to clean."""
    if maximum is not None and (len(text) > maximum or size(text, rule.counts) > maximum):
        return False
    return (text.isprintable() or clean(text) is text) and is_visible(text)


def _check_text(word: str, rule: FieldRule, value: object, maximum: int | None) -> tuple[str, bool]:
    if not isinstance(value, str):
        raise invalid(word, f"must be a str, is {type(value).__name__}")
    was_cut = False
    if rule.past == "cut" and maximum is not None:
        if goes_whole(value, rule, maximum):
            text = value
        else:
            text, was_cut = fit(value, maximum, counts=rule.counts)
            if was_cut and not is_visible(text.removesuffix(ELLIPSIS)):
                # What is left is invisible (blanks, for example): cut from the first visible character on.
                text, _ = fit(from_visible(clean(value)), maximum, counts=rule.counts)
    else:
        text = clean(value)
        _check_length(word, rule, value, maximum)
    if not rule.blank and not is_visible(text):
        unit = _UNITS[rule.counts]
        limit = f"1 to {maximum} {unit}" if maximum is not None else "at least 1 character"
        raise invalid(word, f"must have {limit}, is blank")
    if rule.pattern and not _compiled(rule.pattern).fullmatch(text):
        raise invalid(word, rule.must or f"must match {rule.pattern}")
    return text, was_cut


def _check_length(word: str, rule: FieldRule, value: str, maximum: int | None) -> None:
    count = size(value, "bytes") if rule.counts == "bytes" else len(value)
    if maximum is not None and count > maximum:
        raise invalid(word, f"must have at most {maximum} {_UNITS[rule.counts]}, has {count}")
    if rule.min is not None and 0 < count < rule.min:
        raise invalid(word, f"must have at least {rule.min} {_UNITS[rule.counts]}, has {count}")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _check_value(word: str, rule: FieldRule, value: object, maximum: int | None) -> WireValue:
    if rule.kind == "bool":
        if not isinstance(value, bool):
            raise invalid(word, f"must be True or False, is {type(value).__name__}")
        return value
    if rule.kind in ("int", "time"):
        return _check_number(word, rule, value, maximum)
    if rule.kind == "choice":
        if not isinstance(value, str) or value not in rule.choices:
            raise invalid(word, f"must be one of {', '.join(map(str, rule.choices))}")
        return value
    if rule.kind == "texts":
        return _check_texts(word, rule, value, maximum)
    text = _json_text(word, rule, value)
    count = size(text, "bytes") if rule.counts == "bytes" else len(text)
    if maximum is not None and count > maximum:
        raise invalid(word, f"must have at most {maximum} {_UNITS[rule.counts]} as JSON, has {count}")
    # `json` is text to the vendor, `object` is a value (or, given as a string, text again).
    return text if rule.kind == "json" or isinstance(value, str) else Json(text)


def _check_texts(word: str, rule: FieldRule, value: object, maximum: int | None) -> WireValue:
    """An object of texts; of other values their JSON."""
    if not isinstance(value, Mapping):
        raise invalid(word, "must be an object")
    try:
        texts = {str(name): one if isinstance(one, str) else encode_json(one) for name, one in value.items()}
    except (TypeError, ValueError, RecursionError):
        raise invalid(word, "must be made of what JSON can hold") from None
    count = sum(size(text, rule.counts) for text in (*texts, *texts.values()))
    if maximum is not None and count > maximum:
        raise invalid(word, f"must have at most {maximum} {_UNITS[rule.counts]} in all keys and values, has {count}")
    return Json(encode_json(texts))


def _check_number(word: str, rule: FieldRule, value: object, maximum: int | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        right = "a time such as 2026-11-22 08:00:00" if rule.wire == "date" else f"an int, is {type(value).__name__}"
        raise invalid(word, f"must be {right}")
    if rule.wire == "date" and not 0 <= value < _YEAR_10000:
        raise invalid(word, "must be a time from 1970 to 9999")
    if rule.choices and value not in rule.choices:
        raise invalid(word, f"must be one of {', '.join(map(str, rule.choices))}")
    if maximum is not None and value > maximum:
        if rule.past == "cut":
            return maximum
        raise invalid(word, f"must be at most {_bound(rule, maximum)}, is {_number(rule, value)}")
    if rule.min is not None and value < rule.min:
        if rule.below == "raise":
            return rule.min
        raise invalid(word, f"must be at least {_bound(rule, rule.min)}, is {_number(rule, value)}")
    if abs(value) >= _WIDE:
        raise invalid(word, "must fit into 64 bits")
    return value


def _bound(rule: FieldRule, value: int) -> str:
    """A limit in the unit of the host, such as `864000 seconds (10 days)`."""
    ours = _in_our_unit(rule, value)
    days = (
        f" ({ours // 86400} day{'s' if ours > 86400 else ''})"
        if rule.unit == "seconds" and ours and ours % 86400 == 0
        else ""
    )
    return f"{ours} {rule.unit}".strip() + days


def _number(rule: FieldRule, value: int) -> str:
    ours = _in_our_unit(rule, value)
    return str(ours) if abs(ours) < 10**15 else "far beyond"


def _in_our_unit(rule: FieldRule, value: int) -> int:
    return value if rule.scale == 1 else int(value * rule.scale)


def scaled(rule: FieldRule, value: int) -> int:
    """A number of the host in the vendor's unit: 7200 seconds as 2 hours."""
    if rule.scale == 1:
        return value
    if rule.scale < 1:
        return value * round(1 / rule.scale)
    whole, rest = divmod(value, int(rule.scale))
    return whole + (1 if rest and rule.round == "up" else 0)


def _json_text(word: str, rule: FieldRule, value: object) -> str:
    spelled: Any
    try:
        if isinstance(value, str):
            text, spelled = value, decode_json(value)
        else:
            spelled = dict(value) if isinstance(value, Mapping) else value
            text = encode_json(spelled)
    except (TypeError, ValueError, RecursionError):
        raise invalid(word, "must be JSON, or made of what JSON can hold") from None
    if rule.kind == "json" and not isinstance(spelled, dict):
        raise invalid(word, "must be a JSON object")
    if rule.kind == "object" and not isinstance(value, str) and not isinstance(spelled, dict | list | tuple):
        raise invalid(word, "must be a JSON object, a list, or their text")
    return text
