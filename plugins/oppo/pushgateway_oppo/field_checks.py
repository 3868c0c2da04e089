"""Checks of one value against its row of `rules.toml`, and of fields that need or exclude each other.

Pure. It turns a value of the host into the value that is sent, or into a refusal that names the field, the limit and
the actual size, never the content. What a row cannot express is code here: a text that is given must not be blank
(except the parameter that is only returned with receipts), a URL for receipts must be one that can be posted to, and
which fields need or exclude each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from pushgateway.vendor import AudienceKind, Reason, Refused
from pushgateway.vendor.rules import Dialect, FieldRule, load_rules
from pushgateway.vendor.text import ELLIPSIS, clean, fit, from_visible, is_visible, utf16_units
from pushgateway.vendor.toolkit.json_text import Json, WireValue, decode_json, encode_json
from pushgateway.vendor.toolkit.refusals import invalid, no_such_field

_URL = re.compile(r"https?://[^\s/]\S*", re.IGNORECASE)
_BIG_PICTURE = 3
_TEMPLATE_PARAMETERS = ("private_title_parameters", "private_content_parameters")


def missing(name: str, dialect: Dialect) -> str:
    """A sentence that the dialect has no such field, and which value of the setting `dialect` has it."""
    return no_such_field(name, dialect, load_rules("pushgateway_oppo"))


def goes_whole(text: str, maximum: int) -> bool:
    """Whether a text is sent unchanged: not blank, at most `maximum` UTF-16 units, and nothing in it to clean."""
    size = len(text)
    if size > maximum or (2 * size > maximum and utf16_units(text) > maximum):
        return False
    return (text.isprintable() or clean(text) is text) and is_visible(text)


def check_text(word: str, name: str, rule: FieldRule, value: object, maximum: int | None) -> tuple[str, bool]:
    """The text as it is sent, and whether it was cut. Raises `Refused`, naming the field as `word`."""
    if not isinstance(value, str):
        raise invalid(word, f"must be a str, is {type(value).__name__}")
    if rule.past == "cut" and maximum is not None:
        if goes_whole(value, maximum):
            return value, False
        text, was_cut = fit(value, maximum)
        if was_cut and not is_visible(text.removesuffix(ELLIPSIS)):
            # The part that is left is invisible (blanks, for example): cut from the first visible character on.
            text, _ = fit(from_visible(clean(value)), maximum)
            if text:
                return text, True
    else:
        if maximum is not None and len(value) > maximum:
            raise invalid(word, f"must have at most {maximum} characters, has {len(value)}")
        text, was_cut = clean(value), False
    if not is_visible(text) and name != "call_back_parameter":
        limit = f"1 to {maximum} characters" if maximum is not None else "at least 1 character"
        raise invalid(word, f"must have {limit}, is blank")
    if name == "call_back_url" and not _URL.fullmatch(text):
        raise invalid(word, "must be a URL that begins with http:// or https://")
    return text, was_cut


def check_value(word: str, rule: FieldRule, value: object, maximum: int | None) -> WireValue:
    """The value as it is sent, for every kind of field but text. Raises `Refused`, naming the field as `word`."""
    if rule.kind == "bool":
        if not isinstance(value, bool):
            raise invalid(word, f"must be True or False, is {type(value).__name__}")
        return value
    if rule.kind in ("int", "time"):
        return _check_number(word, rule, value, maximum)
    text = _json_text(word, rule, value)
    if maximum is not None and len(text) > maximum:
        raise invalid(word, f"must have at most {maximum} characters as JSON, has {len(text)}")
    # `json` is text to OPPO, `object` is a value (or, given as a string, text again).
    return text if rule.kind == "json" or isinstance(value, str) else Json(text)


def check_alias(word: str, alias: object, dialect: Dialect) -> None:
    """Raise `Refused`, naming `word`, if this cannot be an alias in this dialect."""
    if not isinstance(alias, str):
        raise invalid(word, f"an alias must be a str, is {type(alias).__name__}")
    if not alias.strip() or not alias.isprintable() or ";" in alias:
        raise invalid(word, "an alias must not be blank and must hold no control character and no ';'")
    limit = dialect.numbers.get("alias_characters")
    if limit is not None and len(alias) > limit.value:
        raise invalid(word, f"an alias must have at most {limit.value} characters, one has {len(alias)}")


def check_together(
    fields: Mapping[str, WireValue], dialect: Dialect, word: Callable[[str], str], audience: AudienceKind | None
) -> None:
    """Raise `Refused` for fields that need or exclude each other; `word` gives the host's name of a field."""
    if fields.get("style") == _BIG_PICTURE:
        # First: a single push cannot have a picture, so the error must not ask the host to add one.
        if audience is None:
            raise Refused(Reason.UNSUPPORTED, detail=f"{word('style')}: 3 is for broadcasts only")
        if fields.get("fix_speed") is True:
            raise invalid(word("style"), "3 cannot be sent at a fixed speed: leave the rate out")
    for name, rule in dialect.fields.items():
        if name not in fields and rule.needed(fields):
            raise invalid(word(name), f"OPPO needs {name} together with the other fields")
    if fields.get("show_time_type") == 1:
        _check_window(fields, word)
    if "notify_level" in fields and "category" not in fields:
        raise invalid(word("notify_level"), "OPPO needs category with it")
    for name in _TEMPLATE_PARAMETERS:
        if name in fields and "private_msg_template_id" not in fields:
            raise invalid(word(name), "OPPO needs private_msg_template_id with it")


def _check_window(fields: Mapping[str, WireValue], word: Callable[[str], str]) -> None:
    start, end = fields.get("show_start_time"), fields.get("show_end_time")
    if isinstance(start, int) and isinstance(end, int) and start >= end:
        raise invalid(word("show_end_time"), "must be later than the start of the window")


def _check_number(word: str, rule: FieldRule, value: object, maximum: int | None) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(word, f"must be an int, is {type(value).__name__}")
    if rule.choices and value not in rule.choices:
        raise invalid(word, f"must be one of {', '.join(map(str, rule.choices))}")
    unit = f" {rule.unit}" if rule.unit else ""
    if maximum is not None and value > maximum:
        days = f" ({maximum // 86400} days)" if rule.unit == "seconds" and maximum % 86400 == 0 else ""
        raise invalid(word, f"must be at most {maximum}{unit}{days}, is {_number(value)}")
    if rule.min is not None and value < rule.min:
        raise invalid(word, f"must be at least {rule.min}{unit}, is {_number(value)}")
    if abs(value) >= 2**63:
        raise invalid(word, "must fit into 64 bits")
    return value


def _number(value: int) -> str:
    return str(value) if abs(value) < 10**15 else "far beyond"


def _json_text(word: str, rule: FieldRule, value: object) -> str:
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
