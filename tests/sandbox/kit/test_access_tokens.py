"""Access tokens: how long they are valid, and what a new login does to them."""

from __future__ import annotations

import itertools
from typing import Any

from pushgateway.sandbox.kit.access_tokens import AccessTokens

NOON = 1_700_000_000.0


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def tokens(clock: Clock, **options: Any) -> AccessTokens:
    """Access tokens t0, t1 … for 100 s, and 10 s more."""
    numbers = itertools.count()
    return AccessTokens(clock, lambda: f"t{next(numbers)}", 100, 10, **options)


def test_within_the_lifetime_every_login_gives_the_same() -> None:
    """Afterwards a new one, and the old one works for the overlap, not longer."""
    clock = Clock()
    access = tokens(clock)
    first = access.login()
    clock.now += 99
    second = access.login()
    clock.now += 1
    third = access.login()
    clock.now += 9
    both = access.state("t0"), access.state("t1")
    clock.now += 1

    assert first == second == ("t0", NOON)
    assert third == ("t1", NOON + 100)
    assert both == ("valid", "valid")
    assert (access.state("t0"), access.state("t1"), access.knows("t1")) == ("expired", "valid", True)


def test_one_at_a_time() -> None:
    """Each login ends the access token before it."""
    access = tokens(Clock(), one_at_a_time=True)
    access.login()
    access.login()

    assert (access.state("t0"), access.state("t1")) == ("expired", "valid")


def test_always_new() -> None:
    """Each login returns another access token, and all live on."""
    access = tokens(Clock(), always_new=True)
    access.login()
    access.login()

    assert (access.knows("t0"), access.knows("t1")) == (True, True)


def test_expired_is_not_unknown() -> None:
    """Vendors have two codes for it. Anything may be sent in the place of a token."""
    access = tokens(Clock())
    access.login()
    access.expire()

    assert (access.state("t0"), access.state("x"), access.state(None), access.state(["t0"])) == (
        "expired",
        "unknown",
        "unknown",
        "unknown",
    )
    assert access.login().token == "t1"


def test_an_access_token_is_in_no_repr() -> None:
    """A log may show any of these."""
    access = tokens(Clock())

    assert "t0" not in repr(access.login()) + repr(access)
