"""`Faults`: which faults a sandbox has to show, for which requests and how often.

Pure and repeatable: the random that decides about a `share` is seeded, so the same list and the same requests give the
same faults. A kind that a sandbox does not know is refused when it is added.

For one request the list is read from its start: at most one fault *replaces* the reply (`code` … `refuse`), and at most
one of each other kind is added. A fault that changes the vendor's reply waits for a request that gets such a reply.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from pushgateway.model.errors import FieldError
from pushgateway.model.secret import safe_repr

REPLACING: Mapping[str, bool] = {
    "code": False,
    "status": False,
    "html": False,
    "empty": True,
    "cut": True,
    "drop": True,
    "refuse": False,
}
"""Kinds that replace the reply, and whether the request is performed nevertheless, unless the fault says otherwise."""
JOINING = frozenset({"delay", "expire"})
"""Kinds that do not change the reply: it comes later, or all access tokens expire before the request is checked."""


def _within(low: float, high: float) -> Any:
    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise FieldError(f"Fault.{attribute.name}", f"must be a number from {low:g} to {high:g}")

    return check


@safe_repr
@attrs.frozen(kw_only=True)
class Fault:
    """One fault: what goes wrong, and for which requests."""

    kind: str = attrs.field(validator=attrs.validators.instance_of(str))
    """`code`: the vendor's code `code`. `status`: HTTP `status` with an HTML page. `html`: HTTP 200 with an HTML page.
    `empty`: HTTP 200 without a body. `cut`: the true reply, cut to `size` bytes. `drop`: the connection breaks after
    the request arrived. `refuse`: it breaks before (over a real socket a client sees no difference). `delay`: the
    reply comes `seconds` later. `expire`: all access tokens expire. A vendor's sandbox may know more
    (`Sandbox.manglings`)."""
    operation: str | None = None
    """Only for this call of the vendor; None: for any."""
    times: int | None = attrs.field(default=1, validator=_within(1, 10**9))
    """The number of requests that it changes; None: all."""
    share: float = attrs.field(default=1.0, validator=_within(0, 1))
    """The share of requests that it changes, by the sandbox's seeded random; 1: each."""
    after: int = attrs.field(default=0, validator=_within(0, 10**9))
    """The number of requests that pass unchanged before."""
    code: str = attrs.field(default="-1", converter=str)
    """For `code`: the vendor's code."""
    status: int = attrs.field(default=503, validator=_within(100, 599))
    """For `status`: the HTTP status."""
    retry_after: int | None = attrs.field(default=None, validator=_within(0, 10**6))
    """For `status`: seconds for a `Retry-After` header."""
    seconds: float = attrs.field(default=1.0, validator=_within(0, 3600))
    """For `delay`: how much later the reply comes."""
    size: int = attrs.field(default=20, validator=_within(0, 10**9))
    """For `cut`: bytes that are left."""
    performed: bool | None = None
    """Whether the request is performed although the reply is replaced. None: as the kind usually does."""

    @property
    def performs(self) -> bool:
        """Whether the request is performed."""
        return REPLACING.get(self.kind, True) if self.performed is None else self.performed


class _Line:
    """A fault, and for how many requests it still waits and applies."""

    __slots__ = ("after", "fault", "left")

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.after = fault.after
        self.left = fault.times


class Faults:
    """The faults of one sandbox, in order. Empty: everything works."""

    def __init__(self, *, kinds: Iterable[str] = (), operations: Iterable[str] = (), seed: int = 0) -> None:
        self._kinds = frozenset(REPLACING) | JOINING | frozenset(kinds)
        self._operations = frozenset(operations)
        # Shares of faults need no cryptographic random.
        self._random = random.Random(seed)  # noqa: S311
        self._lines: list[_Line] = []
        self.played: Counter[str] = Counter()
        """How many requests a fault of each kind has changed, since the start or `clear`."""

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, *faults: Fault) -> None:
        """Append faults. Raises `FieldError` for a kind or an operation that this sandbox does not know."""
        for fault in faults:
            if fault.kind not in self._kinds:
                raise FieldError("Fault.kind", f"must be one of {', '.join(sorted(self._kinds))}")
            if fault.operation is not None and self._operations and fault.operation not in self._operations:
                raise FieldError("Fault.operation", f"must be one of {', '.join(sorted(self._operations))}")
        self._lines.extend(_Line(fault) for fault in faults)

    def __contains__(self, fault: object) -> bool:
        """Whether an equal fault is set and still waits for requests."""
        return any(line.fault == fault for line in self._lines)

    def remove(self, *faults: Fault) -> None:
        """Remove the faults that are equal to these."""
        self._lines = [line for line in self._lines if line.fault not in faults]

    def clear(self) -> None:
        """Remove all faults and their counts."""
        self._lines.clear()
        self.played.clear()

    def take(self, operation: str) -> list[Fault]:
        """The faults for one request, in their order; each counts as used once."""
        if not self._lines:
            return []
        taken: dict[str, Fault] = {}
        mangling: list[_Line] = []
        for line in tuple(self._lines):
            fault = line.fault
            role = "replacing" if fault.kind in REPLACING else fault.kind
            if fault.operation not in (None, operation) or role in taken:
                continue
            if role != "replacing" and role not in JOINING:
                mangling.append(line)
            elif self._hits(line):
                taken[role] = fault
        if "replacing" not in taken:
            for line in mangling:
                if line.fault.kind not in taken and self._hits(line):
                    taken[line.fault.kind] = line.fault
        return list(taken.values())

    def _hits(self, line: _Line) -> bool:
        if line.after > 0:
            line.after -= 1
            return False
        if line.fault.share < 1.0 and self._random.random() >= line.fault.share:
            return False
        self.played[line.fault.kind] += 1
        if line.left is not None:
            line.left -= 1
            if line.left == 0:
                self._lines.remove(line)
        return True
