"""The pictures that were uploaded to the sandbox.

Pure and bounded; the clock is a parameter. Takes fields, returns the `data` of a reply, or raises `CallRefused`. A file
that is too large, neither PNG nor JPEG, or of other pixels than the rules name is 51; uploads beyond the day's quota
are 34.

Not documented, decided here: without `picture_ttl` a picture is kept for 30 days, as clients usually ask; a
notification that names a picture that is not kept (any more), or one of the other kind, is refused with 51.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pushgateway.sandbox.kit.bounded import Bounded
from pushgateway.sandbox.kit.limits import Allowance
from pushgateway.sandbox.kit.pictures import pixels
from pushgateway.sandbox.kit.refusals import CallRefused
from pushgateway.sandbox.kit.values import whole
from pushgateway.vendor.rules import Dialect
from pushgateway_oppo.sandbox.field_checks import MISSING, WRONG

MOST_PICTURES = 10_000
"""Pictures that are remembered at most; then the oldest is forgotten."""
KINDS = ("big", "small")
UPLOADS = "pictures"
"""The name of the daily quota of uploads."""


class Media:
    """The calls of the picture host."""

    def __init__(self, dialect: Dialect, allowance: Allowance, new_id: Callable[[], str]) -> None:
        self._numbers = {name: number.value for name, number in dialect.numbers.items() if "picture" in name}
        self._clock = allowance.clock
        self._allowance = allowance
        self._new_id = new_id
        self._kept: Bounded[float] = Bounded(MOST_PICTURES)
        self.calls: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
            f"upload_{kind}_picture": self._upload(kind) for kind in KINDS
        }

    def keep(self, kind: str, picture_id: str, ttl: float) -> None:
        """Keep a picture id from now on, for `ttl` seconds."""
        self._kept.put((kind, picture_id), self._clock() + ttl)

    def check(self, fields: Mapping[str, Any]) -> None:
        """Raise `CallRefused` unless the pictures that a notification names are kept."""
        for kind in KINDS:
            picture_id = fields.get(f"{kind}_picture_id")
            if picture_id and self._clock() >= (self._kept.get((kind, picture_id)) or 0.0):
                raise CallRefused("51", f"{kind}_picture_id")

    def _upload(self, kind: str) -> Callable[[Mapping[str, Any]], Any]:
        def upload(fields: Mapping[str, Any]) -> Any:
            file, given = fields.get("file"), fields.get("picture_ttl")
            if not file:
                raise CallRefused(MISSING, "file")
            ttl = whole(given) if given not in (None, "") else self._numbers["picture_ttl"]
            if ttl is None or ttl <= 0:
                raise CallRefused(WRONG, "picture_ttl")
            if not isinstance(file, bytes) or len(file) > self._numbers[f"{kind}_picture_bytes"]:
                raise CallRefused("51", "file")
            if pixels(file) not in self._sizes(kind):
                raise CallRefused("51", "file")
            if not self._allowance.take(1, UPLOADS):
                raise CallRefused("34")
            picture_id = self._new_id()
            self.keep(kind, picture_id, ttl)
            return {f"{kind}_picture_id": picture_id}

        return upload

    def _sizes(self, kind: str) -> set[tuple[int | None, int | None]]:
        both = (f"{kind}_picture", f"{kind}_picture_other")
        return {(self._numbers.get(f"{name}_width"), self._numbers.get(f"{name}_height")) for name in both}
