"""Limits of a day, of a phone and day, and of a second, by a clock that is a number."""

from __future__ import annotations

from pushgateway.sandbox.kit.limits import Allowance, Shares, Speed

CHINA = 8 * 3600.0
MIDNIGHT = 1_700_064_000.0
"""Midnight in China (epoch seconds)."""


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = MIDNIGHT - 1

    def __call__(self) -> float:
        return self.now


def test_the_constant_is_midnight_in_china() -> None:
    """So that the tests below are about midnight."""
    assert (MIDNIGHT + CHINA) % 86_400 == 0


def test_an_allowance_of_a_day_ends_at_midnight_of_the_vendor() -> None:
    """Up to the limit, not one more; the next day begins with nothing used."""
    clock = Clock()
    allowance = Allowance(clock, CHINA, {"": 3})

    taken = allowance.take(2), allowance.take(2), allowance.take(1)
    left = allowance.left()
    clock.now = MIDNIGHT

    assert (taken, left, allowance.left()) == ((2, 1, 0), 0, 3)


def test_allowances_have_names() -> None:
    """One that is used up leaves the others, and one without a limit is counted all the same."""
    allowance = Allowance(Clock(), CHINA, {"system": 1})
    allowance.use(5, "system")
    allowance.use(5, "other")
    before = allowance.left("system"), allowance.left("other"), allowance.used("other")
    allowance.limits["other"] = 6

    assert before == (0, None, 5)
    assert (allowance.left("other"), allowance.take(3, "other")) == (1, 1)


def test_each_phone_has_its_own_share() -> None:
    """By name and day; without a limit nothing is remembered."""
    clock = Clock()
    shares = Shares(clock, CHINA, {"marketing": 2})

    used = [shares.use("a", "marketing") for _ in range(3)]
    others = shares.use("b", "marketing"), shares.use("a", "chat"), shares.use("a")
    clock.now = MIDNIGHT

    assert (used, others, shares.use("a", "marketing")) == ([True, True, False], (True, True, True), True)


def test_phones_within_and_beyond_their_share() -> None:
    """In their order; without a limit all are within."""
    shares = Shares(Clock(), CHINA, {"marketing": 1})

    seen = [shares.split(["a"], "marketing"), shares.split(["c", "a", "b"], "marketing"), shares.split(["a"], "chat")]

    assert [(list(within), list(beyond)) for within, beyond in seen] == [(["a"], []), (["c", "b"], ["a"]), (["a"], [])]


def test_a_second_is_open_until_it_is_full() -> None:
    """A call that begins in time is done as a whole; the next second is open again."""
    clock = Clock()
    speed = Speed(clock, 3)

    seen = [speed.exceeded]
    for count in (2, 5):
        speed.use(count)
        seen.append(speed.exceeded)
    clock.now += 1
    seen.append(speed.exceeded)

    assert seen == [False, False, True, False]


def test_speed_without_a_limit() -> None:
    """Nothing is too fast, and a limit that is set later counts what was done in its second."""
    speed = Speed(Clock())
    speed.use(10)
    before = speed.exceeded
    speed.limit = 10

    assert (before, speed.exceeded) == (False, True)
