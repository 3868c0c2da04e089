"""OPPO's logins: checks the signature and issues access tokens with their lifetime.

Pure; the clock is a parameter. Within its lifetime every login returns the same access token, afterwards a new one, and
the old one still works for a while (`access_overlap`; one source, rules S16). With `last_login_wins` each login returns
a new one and ends the old one at once: some clients expect that.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping

import attrs

from pushgateway.vendor import safe_repr

_MILLISECONDS = re.compile(r"[0-9]{13}", re.ASCII)


@safe_repr
@attrs.define
class Access:
    """The access tokens of one app. `lifetime`, `overlap` and `tolerance` (of the client's clock) are in seconds."""

    app_key: str
    master_secret: str = attrs.field(repr=False)
    clock: Callable[[], float]
    make: Callable[[], str] = attrs.field(repr=False)
    lifetime: float
    overlap: float
    tolerance: float
    last_login_wins: bool = False
    _current: str | None = attrs.field(default=None, init=False, repr=False)
    _created: float = attrs.field(default=0.0, init=False)
    _expires_at: dict[str, float] = attrs.field(factory=dict, init=False, repr=False)

    def objection(self, form: Mapping[str, str]) -> str | None:
        """The code by which a login is refused, or None. Missing fields are reported before wrong ones."""
        app_key, sign, timestamp = (form.get(name, "") for name in ("app_key", "sign", "timestamp"))
        for value, code in ((app_key, "15"), (sign, "17"), (timestamp, "18")):
            if not value:
                return code
        if app_key != self.app_key:
            return "14"
        if not _MILLISECONDS.fullmatch(timestamp) or abs(int(timestamp) / 1000 - self.clock()) > self.tolerance:
            return "19"
        text = f"{app_key}{timestamp}{self.master_secret}"
        right = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return None if hmac.compare_digest(right.encode(), sign.encode("utf-8", "surrogatepass")) else "16"

    def login(self) -> tuple[str, int]:
        """(access token, when it was made in epoch milliseconds)."""
        now = self.clock()
        if self._current is None or self.last_login_wins or now >= self._created + self.lifetime:
            if self.last_login_wins:
                self._expires_at.clear()
            self._expires_at = {token: expires_at for token, expires_at in self._expires_at.items() if now < expires_at}
            self._current, self._created = self.make(), now
            self._expires_at[self._current] = now + self.lifetime + self.overlap
        return self._current, int(self._created * 1000)

    def is_valid(self, token: str) -> bool:
        """Whether this access token is valid now."""
        expires_at = self._expires_at.get(token)
        return expires_at is not None and self.clock() < expires_at

    def expire(self) -> None:
        """Make all access tokens invalid."""
        self._expires_at.clear()
        self._current = None
