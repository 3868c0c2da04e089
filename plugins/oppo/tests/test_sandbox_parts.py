"""Logins of the OPPO sandbox.

Pure: no network, and the clock is a number.
"""

from __future__ import annotations

import hashlib
import itertools
from typing import Any

import pytest
from pushgateway_oppo.sandbox import OppoSandbox
from pushgateway_oppo.sandbox.login import login_objection

from pushgateway.sandbox.kit.access_tokens import AccessTokens

NOON = 1_700_000_000.0


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def logins(clock: Clock, **options: Any) -> AccessTokens:
    """The logins of one app, by the rules of the dialect, with access tokens t0, t1 …"""
    numbers = itertools.count()
    access = OppoSandbox(clock=clock, tokens=0, **options).access
    access.make = lambda: f"t{next(numbers)}"
    return access


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, None),
        ({"app_key": ""}, "15"),
        ({"app_key": "another"}, "14"),
        ({"sign": ""}, "17"),
        ({"sign": "0" * 64}, "16"),
        ({"sign": "ä"}, "16"),
        ({"timestamp": ""}, "18"),
        ({"timestamp": "1700000000"}, "19"),
        ({"timestamp": "17000000000000"}, "19"),
        ({"timestamp": "-700000000000"}, "19"),
        ({"timestamp": "1699999400000"}, None),
        ({"timestamp": "1699999399999"}, "19"),
        ({"timestamp": "1700000600000"}, None),
        ({"timestamp": "1700000600001"}, "19"),
    ],
)
def test_a_login_is_refused_for_each_fault_by_its_own_code(fields: dict[str, str], code: str | None) -> None:
    """The client's clock may be wrong by ten minutes in either direction, not by a millisecond more."""
    stamp = fields.get("timestamp", "1700000000000")
    sign = hashlib.sha256(f"key{stamp}secret".encode()).hexdigest()
    form = {"app_key": "key", "timestamp": stamp, "sign": sign} | fields

    assert login_objection(form, "key", "secret", NOON, 600) == code


def test_logins_within_the_life_give_the_same_token() -> None:
    """After 24 h a new one is issued; the old one stays valid for ten more minutes."""
    clock = Clock()
    access = logins(clock)
    first = access.login()
    clock.now = NOON + 86_399.5
    second = access.login()
    clock.now = NOON + 86_400
    third = access.login()
    clock.now = NOON + 86_400 + 599.5
    both = access.knows("t0"), access.knows("t1")
    clock.now = NOON + 86_400 + 600
    after = access.knows("t0"), access.knows("t1")

    assert first == second == ("t0", 1_700_000_000)
    assert third == ("t1", 1_700_086_400)
    assert (both, after) == ((True, True), (False, True))


def test_last_login_wins_when_asked() -> None:
    """The other reading of the documents: each login ends the access token before it."""
    access = logins(Clock(), last_login_wins=True)
    access.login()
    access.login()

    assert (access.knows("t0"), access.knows("t1"), access.knows("")) == (False, True, False)
