"""`Cell`: what becomes of one feature at one brand, and how it is written in a table.

Frozen values, and functions of them. Made by `asking` and `limits`, written by `table`.
"""

from __future__ import annotations

import enum
from typing import Any, Literal, TypeAlias

import attrs

from pushgateway.model.reason import Reason
from pushgateway.model.secret import safe_repr
from pushgateway.vendor.text import size

CountedAs: TypeAlias = Literal["points", "utf16", "double", "bytes", "seconds", "pieces", ""]
"""How a limit counts: characters (code points), UTF-16 units, characters of which one outside of ASCII counts 2, bytes
of UTF-8, seconds, or things; "": found for Latin letters only."""


class Verdict(enum.Enum):
    """What becomes of a feature."""

    CARRIED = "carried"
    """The phone has it."""
    CUT = "cut"
    """The push is sent with less than was asked for, and `Outcome.truncated` names the field."""
    LEFT_OUT = "left out"
    """The push is sent without it, and `Outcome.omitted` names the field."""
    NO_EFFECT = "no effect"
    """The push is sent as if it had not been given, as the contract allows for `intent` and `parameters`."""
    REFUSED = "refused"
    """No request: the push ends `NOT_SENT` / `UNSUPPORTED` or `INVALID_NOTIFICATION`."""
    WRONG = "wrong"
    """The outcome and the phone disagree, or the plug-in failed: a fault of the plug-in or of its sandbox."""


@safe_repr
@attrs.frozen(kw_only=True)
class Cell:
    """What becomes of one feature at one brand."""

    verdict: Verdict
    reason: Reason | None = None
    """Why it, or more of it than `most`, is refused."""
    detail: str = ""
    """The sentence of that refusal, or what is wrong. It holds names, limits and numbers, no content."""
    least: int | None = None
    """The smallest value that is carried, if it is more than 1."""
    most: int | None = None
    """The largest value that is carried whole. None: none was found."""
    counted: CountedAs = ""
    """What `least` and `most` count."""
    beyond: Verdict | None = None
    """What becomes of more than `most`: `CUT`, `REFUSED` or `LEFT_OUT`."""
    shared: bool = False
    """The limit is for several fields together: `most` is about what is left beside a short title and body, in
    bytes."""
    needs: tuple[str, ...] = ()
    """Other fields without which it is refused."""
    step: int = 1
    """A value is rounded up to a multiple of this."""
    as_texts: bool = False
    """The values of `data` arrive as their JSON texts."""
    alone: bool = False
    """A push with it goes in a request of its own, although others share theirs."""
    in_broadcasts: bool = False
    """It is refused for a single push, and carried in a broadcast."""

    def is_refused(self, reason: Reason) -> bool:
        """Whether the feature itself is refused for this reason."""
        return self.verdict is Verdict.REFUSED and self.reason is reason

    @property
    def is_there(self) -> bool:
        """Whether the brand has the feature, within its limit."""
        return self.verdict in (Verdict.CARRIED, Verdict.CUT)

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        values = attrs.asdict(self)
        for name in ("verdict", "reason", "beyond"):
            values[name] = None if values[name] is None else values[name].value
        return values


def measure(text: str, counted: CountedAs) -> int:
    """The size of a text."""
    if counted == "double":
        return sum(1 if letter.isascii() else 2 for letter in text)
    if counted in ("points", "utf16", "bytes"):
        return size(text, counted)
    return len(text)
