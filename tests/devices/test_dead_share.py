"""`DeadShare`: at which share of dead tokens none is retired, over which time, and in how much memory."""

import pytest

from pushgateway.devices.dead_share import LEAST, SAMPLE, WINDOW, DeadShare


def share_of(dead: int, alive: int, now: float = 1000.0) -> DeadShare:
    """After pushes to so many different tokens at one time."""
    share = DeadShare()
    for number in range(dead + alive):
        share.add(f"t{number}", now, is_dead=False)
    for number in range(dead):
        share.add(f"t{number}", now, is_dead=True)
    return share


@pytest.mark.parametrize(
    ("dead", "alive", "too_high"),
    [(20, 80, False), (21, 79, True), (99, 0, False), (100, 0, True), (0, 500, False), (19, 80, False)],
)
def test_more_than_a_fifth_of_at_least_a_hundred_is_too_many(dead: int, alive: int, too_high: bool) -> None:
    """At 20 % tokens are retired, above it none; below 100 tokens nothing can be concluded."""
    share = share_of(dead, alive)

    assert share.counts(1000.0) == (dead, dead + alive)
    assert share.is_too_high(1000.0) is too_high


def test_a_token_counts_once() -> None:
    """Many pushes to one dead token are one dead token."""
    share = share_of(1, LEAST)
    for _ in range(1000):
        share.add("t0", 1000.0, is_dead=True)

    assert share.counts(1000.0) == (1, LEAST + 1)


def test_what_is_older_than_two_windows_is_forgotten() -> None:
    """At the end of the second window it still counts in part, afterwards not at all."""
    share = share_of(60, 60)

    assert share.is_too_high(1000.0 + WINDOW)
    assert share.is_too_high(1000.0 + 2 * WINDOW - 1)
    assert share.counts(1000.0 + 2 * WINDOW) == (0, 0)


def test_a_long_pause_leaves_nothing_of_before() -> None:
    """After an hour without pushes the first verdict is judged for itself."""
    share = share_of(60, 60)
    share.add("new", 1000.0 + 3600.0, is_dead=True)

    assert share.counts(1000.0 + 3600.0) == (1, 1)


@pytest.mark.parametrize(("every", "too_high"), [(10, False), (3, True)])
def test_very_many_tokens_need_no_more_memory(every: int, too_high: bool) -> None:
    """Of 200,000 different tokens a sample is kept, and its share is about that of all."""
    share = DeadShare()
    for number in range(200_000):
        share.add(f"t{number}", 1000.0, is_dead=number % every == 0)
    dead, tried = share.counts(1000.0)

    assert share.is_too_high(1000.0) is too_high
    assert len(share._present.tried) <= SAMPLE
    assert tried == pytest.approx(200_000, rel=0.15)
    assert dead / tried == pytest.approx(1 / every, abs=0.05)
