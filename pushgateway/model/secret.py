"""`Secret`, a string that is never printed by accident; and what a log may show of tokens, errors and values.

Used everywhere. `mask` and `where` are for log lines, `safe_repr` decorates every value class of the core.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import unicodedata
from collections.abc import Callable
from typing import Any, TypeVar

from pushgateway.model.errors import FieldError


def mask(token: str) -> str:
    """What a log may show of a token: a short digest, the same for the same token in every process."""
    digest = hashlib.blake2b(token.encode("utf-8", "replace"), digest_size=4, person=b"pushgateway")
    return f"tok:{digest.hexdigest()}"


def where(error: BaseException) -> str:
    """What a log may show of an error: its type and where it was raised. Its message may quote content."""
    place = ""
    if (trace := error.__traceback__) is not None:
        while trace.tb_next is not None:
            trace = trace.tb_next
        module = trace.tb_frame.f_globals.get("__name__", "?")
        place = f" in {module}.{trace.tb_frame.f_code.co_name}, line {trace.tb_lineno}"
    return f"{type(error).__name__}{place}"


def unseen(text: str) -> str:
    """A sentence that names an invisible character in a text such as a secret; "" if there is none.

    Invisible are control characters and zero-width characters anywhere, and blanks at an end. A text of several lines,
    such as a key in PEM, may end with a line end.
    """
    lines = text.strip()
    if text.isprintable() and text == lines:
        return ""
    for place, letter in enumerate(text, 1):
        if not letter.isprintable() and not letter.isspace():
            name = f"U+{ord(letter):04X} ({unicodedata.name(letter, 'a control character')})"
            return f"character {place} of {len(text)} is {name}, which cannot be seen: take it out"
    if text == lines or "\n" in lines:
        return ""
    return f"a blank stands at its {'end' if text.startswith(lines[:1]) else 'beginning'}: take it off"


V = TypeVar("V")


def safe_repr(kind: type[V]) -> type[V]:
    """A class decorator: the `repr` of an instance never raises, even if the instance is not complete.

    A debugger or crash reporter shows the values of a frame in which something failed, also an instance whose
    constructor has failed and whose fields have no value yet.
    """
    made: Callable[[V], str] = kind.__repr__

    @functools.wraps(made)
    def __repr__(self: V) -> str:  # noqa: N807
        try:
            return made(self)
        except Exception:
            return f"{type(self).__name__}(not finished)"

    kind.__repr__ = __repr__  # type: ignore[assignment]
    return kind


def shown(value: object, name: str) -> str:
    """The `repr` of a field; `unset` if the field has no value yet (in a debugger or a crash report)."""
    return repr(getattr(value, name, UNSET))


@safe_repr
class _Unset:
    def __repr__(self) -> str:
        return "unset"


UNSET = _Unset()
"""Shown in a `repr` for a field that has no value yet."""


class Secret:
    """A string that is masked in `repr`, `str` and formatting, and cannot be pickled.

    `reveal()` returns the text. Two secrets with the same text are equal (compared in constant time). A copy is the
    same object, so a certificate can be copied within a process.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str) or not text:
            del text  # it may be a secret as bytes, and a crash reporter stores the variables of this frame
            raise FieldError("secret", "must be a non-empty string")
        self._text = text

    def reveal(self) -> str:
        """The text itself. Call it where the text is used, and do not keep the result."""
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # Digests, because compare_digest takes only ASCII text and its time depends on the length.
        mine, theirs = (hashlib.sha256(s.encode("utf-8", "surrogatepass")).digest() for s in (self._text, other._text))
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return "Secret(***)"  # also while it is being made

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _: Any) -> Secret:
        return self

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not pickled: hand the certificate over by its env: or file: source")
