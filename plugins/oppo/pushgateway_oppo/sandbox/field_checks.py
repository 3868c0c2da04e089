"""The checks of a notification: whether OPPO would accept it, and if not, the code and the field.

Pure. What is checked comes from the rows of `rules.toml` (`pushgateway.sandbox.kit.checks`). A missing field is code 40
and reported first, a wrong one 41, a wrong category or notify_level 67, template parameters without a template 54.
Characters are code points: the documents count Chinese, Latin and emoji as one each.

Not in the documents and decided here: `""` counts as missing, because clients fill in the whole table, and so do a time
of 0 and, where no other field requires it, a number of 0 (`fix_speed=false&fix_speed_rate=0`);
`action_parameters` may be any JSON text, `null` and `[]` too, unless `object_parameters` is set; a broadcast-only field
in a unicast is refused unless its value is empty (0, false, ""); numbers may come as text, as they do in a form, but
only as they are written ("1", not "01"), and truth values in any case ("True").
"""

from __future__ import annotations

from typing import Final

from pushgateway.sandbox.kit.checks import CheckCodes, Checks, Fields, Objection
from pushgateway.sandbox.kit.values import as_text, whole
from pushgateway.vendor.rules import Dialect

MISSING, WRONG, WRONG_CATEGORY, NO_TEMPLATE = "40", "41", "67", "54"
_CODES: Final = CheckCodes(
    missing=MISSING,
    wrong=WRONG,
    fields={"category": WRONG_CATEGORY, "notify_level": WRONG_CATEGORY},
    absent={"category": WRONG_CATEGORY, "private_msg_template_id": NO_TEMPLATE},
)
_TOGETHER = frozenset({"show_time_type", "style"})
"""Fields whose check depends on other fields."""


class OppoChecks(Checks):
    """The checks of one dialect for unicasts, or (`broadcast`) for saved content."""

    def __init__(self, dialect: Dialect, *, broadcast: bool) -> None:
        categories = dialect.categories
        also = {"category": lambda category, _: "" if category in categories else "wrong"} if categories else {}
        super().__init__(dialect, _CODES, broadcast=broadcast, zeros=True, also=also)  # type: ignore[arg-type]
        self._broadcast = broadcast

    def objection(self, fields: Fields) -> Objection | None:
        """Why OPPO refuses these fields, or None."""
        found = super().objection(fields)
        if found is not None or _TOGETHER.isdisjoint(fields):
            return found
        return self._between_fields(self.present(fields))

    def _between_fields(self, fields: Fields) -> Objection | None:
        if whole(fields.get("style")) == 3:
            # A big picture is for broadcasts only, and not together with a fixed speed.
            if not self._broadcast:
                return WRONG, "style"
            if as_text(fields.get("fix_speed")) == "true":
                return WRONG, "fix_speed"
        if whole(fields.get("show_time_type")) == 1:
            start, end = whole(fields.get("show_start_time")), whole(fields.get("show_end_time"))
            if start is not None and end is not None and start >= end:
                return WRONG, "show_end_time"
        return None


def message_checks(dialect: Dialect) -> Checks:
    """The checks of the fields of a message, which stand outside the notification object."""
    return Checks(dialect, _CODES, scope=("message",))


def late_start(fields: Fields, now: float) -> Objection | None:
    """The objection to a broadcast that starts in the past, or None. `now`: epoch seconds; clocks may differ by a
    minute.

    No document says what OPPO does with such a start. It is a mistake of the caller, so the sandbox refuses it.
    """
    start = whole(fields.get("push_start_time")) if whole(fields.get("push_time_type")) == 1 else None
    return (WRONG, "push_start_time") if start is not None and start < (now - 60) * 1000 else None
