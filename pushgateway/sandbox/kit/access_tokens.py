"""`AccessTokens`: issues the access tokens of a sandbox's logins, and says which are valid.

Pure; the clock is a parameter. Whether a login is right is decided by the vendor's sandbox, with `signatures` where it
is signed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from pushgateway.model.secret import safe_repr
from pushgateway.sandbox.kit.bounded import Bounded

_FORMER = 1000
"""Access tokens that are remembered after their end, so that "expired" can be distinguished from "unknown"."""


@safe_repr
class Login(NamedTuple):
    """What a login returns."""

    token: str
    created_at: float
    """When the access token was made (epoch seconds)."""

    def __repr__(self) -> str:
        return "Login(…)"


@safe_repr
class AccessTokens:
    """The access tokens of one app.

    Within the lifetime every login returns the same access token, afterwards a new one, and the old one still works
    for `overlap` seconds. `one_at_a_time`: each login returns a new one and ends the others at once. `always_new`: each
    login returns a new one, and the others live on.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        make: Callable[[], str],
        lifetime: float,
        overlap: float = 0.0,
        *,
        one_at_a_time: bool = False,
        always_new: bool = False,
    ) -> None:
        """`make` returns a new access token; `lifetime` and `overlap` are seconds."""
        self.lifetime = lifetime
        self.overlap = overlap
        self.one_at_a_time = one_at_a_time
        self.always_new = always_new
        self._clock = clock
        self.make = make
        self._current: Login | None = None
        self._expires_at: dict[str, float] = {}
        self._former: Bounded[bool] = Bounded(_FORMER)

    def __repr__(self) -> str:
        return f"AccessTokens({len(self._expires_at)} valid)"

    def login(self) -> Login:
        """The access token of a login that is right."""
        now, current = self._clock(), self._current
        usable = current is not None and now < current.created_at + self.lifetime
        if current is not None and usable and not (self.one_at_a_time or self.always_new):
            return current
        for token, expires_at in tuple(self._expires_at.items()):
            if self.one_at_a_time or now >= expires_at:
                self._end(token)
        self._current = login = Login(self.make(), now)
        self._expires_at[login.token] = now + self.lifetime + self.overlap
        return login

    def state(self, token: object) -> Literal["valid", "expired", "unknown"]:
        """Whether this access token is valid now, was valid once, or was never issued."""
        if not isinstance(token, str):
            return "unknown"
        expires_at = self._expires_at.get(token)
        if expires_at is None:
            return "expired" if self._former.get(token) else "unknown"
        return "valid" if self._clock() < expires_at else "expired"

    def knows(self, token: object) -> bool:
        """Whether this access token is valid now."""
        return self.state(token) == "valid"

    def expire(self) -> None:
        """Make all access tokens invalid."""
        for token in tuple(self._expires_at):
            self._end(token)
        self._current = None

    def _end(self, token: str) -> None:
        del self._expires_at[token]
        self._former.put(token, True)
