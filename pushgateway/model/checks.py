"""Checks of single values that hosts, plug-ins and configuration files hand in. Each raises `FieldError`.

A message names the field and says what would be right; it never quotes the value, which may be a secret or a text. Used
by constructors all over the core.
"""

from __future__ import annotations

from datetime import datetime

from pushgateway.model.errors import FieldError


def as_certificate_id(value: int | str) -> str:
    """A certificate id as `str`. Raises `FieldError` for other types and for an empty one."""
    if type(value) is str:
        text = value.strip()
    elif isinstance(value, bool) or not isinstance(value, int | str):
        raise FieldError("certificate_id", f"must be an int or a str, is {type(value).__name__}")
    else:
        text = (str.__str__(value) if isinstance(value, str) else int.__repr__(value)).strip()
    if not text:
        raise FieldError("certificate_id", "must not be empty")
    return text


def check_kind(field: str, kind: type, value: object) -> None:
    """Raise `FieldError` unless `value` is of the class `kind`."""
    # Not attrs' instance_of: its message quotes the value.
    if not isinstance(value, kind):
        raise FieldError(field, f"must be a {kind.__name__}, is {type(value).__name__}")


LONGEST = 30 * 86400.0
"""Seconds: the longest time that `check_seconds` takes."""


def check_seconds(field: str, value: object, *, optional: bool = True) -> None:
    """Raise `FieldError` unless `value` is more than 0 seconds and at most 30 days, or (`optional`) None."""
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST:
        raise FieldError(field, "must be more than 0 seconds and at most 30 days")


def check_count(field: str, value: object) -> None:
    """Raise `FieldError` unless `value` is a whole number, 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise FieldError(field, "must be a whole number, 1 or more")


def check_connections(field: str, value: object) -> None:
    """Raise `FieldError` unless `value` is None or a number of requests at once, 1 or more."""
    if value is not None:
        check_count(field, value)


def check_aware(owner: str, name: str, value: datetime | None) -> None:
    """Raise `FieldError` for the field `owner`.`name` unless `value` is None or a datetime with a time zone."""
    if value is None:
        return
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise FieldError(f"{owner}.{name}", "must be a datetime with a time zone, such as datetime.now(timezone.utc)")


def check_rate(field: str, value: object) -> None:
    """Raise `FieldError` unless `value` is None or a number per second above 0; `math.inf` is no limit."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
        raise FieldError(field, "must be more than 0 a second; inf for no limit")


def check_linger(field: str, value: object) -> None:
    """Raise `FieldError` unless `value` is None or a number of seconds from 0 to 60."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 60):
        raise FieldError(field, "must be 0 to 60 seconds")


def check_window(window: int) -> None:
    """Raise `FieldError` unless `window`, the number of pushes that a stream may hold at a time, is 1 or more."""
    if window < 1:
        raise FieldError("window", "must be 1 or more")
