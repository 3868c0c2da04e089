"""Values of fields as clients spell them: numbers and truth values may be texts, objects may be JSON texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from pushgateway.sandbox.kit.readers import read_json_text

CHINA: Final = timezone(timedelta(hours=8))
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,14}", re.ASCII)


def whole(value: object) -> int | None:
    """A whole number, given as `int` or as decimal text; None for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return None


def read_date(value: object) -> float | None:
    """Epoch seconds of a time such as `2026-11-22 08:00:00` on the clock of China; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA).timestamp()
    except ValueError:
        return None


def as_text(value: object) -> str:
    """A value as the text of a condition in the rules. Clients in Python write True where others write true."""
    return str(value).lower() if isinstance(value, bool | str) else str(value)


def text(value: object) -> str:
    """A value as text; "" for None."""
    return "" if value is None else str(value)


def is_on(value: object, default: bool = False) -> bool:
    """Whether a truth value, given as such, as 1 or as text, is true; `default` for None and ""."""
    return default if value in (None, "") else str(value).lower() in ("true", "1")


def json_object(value: object) -> Mapping[str, Any] | None:
    """An object, given as such or as JSON text; {} for None; None for anything else."""
    if value is None:
        return {}
    if isinstance(value, str):
        try:
            value = read_json_text(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
