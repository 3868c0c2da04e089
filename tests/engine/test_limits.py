"""The limits of a vendor: rate, breaker, quotas, retry budget. Pure classes, times handed in."""

import math
from collections.abc import Callable

import pytest

from pushgateway.engine.flow_control.breaker import (
    CREDENTIALS_PAUSES,
    DOUBTS,
    FAILURES,
    OUTAGE_PAUSES,
    SEVERAL,
    Breaker,
)
from pushgateway.engine.flow_control.quota import DAY, LATE, YOUNG_DAY, Quotas
from pushgateway.engine.flow_control.rate import LOWEST, Rate
from pushgateway.engine.flow_control.retry_budget import RetryBudget
from pushgateway.model.reason import Reason
from pushgateway.observe.events import BreakerState
from pushgateway.vendor.refusals import Refused

EIGHT_HOURS = 8 * 3600.0
NOON = 1_700_020_800.0  # 2023-11-15 12:00 in China


def always(share: float) -> Callable[[], float]:
    """A fixed value in place of a random one."""
    return lambda: share


# Rate


def drive(rate: Rate, begin: float, end: float, amount: float, *, most: float = math.inf) -> tuple[float, float]:
    """Send batches of `amount` as fast as `rate` allows to a vendor that takes `most` a second (and one second's worth
    at once) and refuses more as too fast. Returns the totals that it took and refused."""
    taken = refused = 0.0
    now, bucket, at = begin, most, begin
    while now < end:
        now += rate.delay(now)
        rate.spend(now, amount)
        bucket, at = min(most, bucket + (now - at) * most), now
        if amount <= bucket:
            bucket -= amount
            taken += amount
            rate.went_well(now)
        else:
            refused += amount
            rate.slow_down(now, now)
        now += 1e-6 if rate.current(now) == math.inf else 0.0
    return taken, refused


def test_without_a_rate_nothing_waits() -> None:
    """Until the vendor refuses something as too fast there is no reason to wait."""
    rate = Rate(None)
    for _ in range(1000):
        rate.spend(5.0, 1000)

    assert rate.current(5.0) == math.inf
    assert rate.delay(5.0) == 0.0


def test_a_rate_is_spread_over_even_steps() -> None:
    """In no second more is sent than the rate and one step; an idle minute is not saved up."""
    rate = Rate(100)
    times: list[float] = []
    now = 60.0
    for _ in range(100):
        now += rate.delay(now)
        times.append(now)
        rate.spend(now, 10)

    for first in times:
        assert 10 * sum(first <= time < first + 1 for time in times) <= 110
    assert times[-1] - times[0] == pytest.approx(9.9)


def test_too_fast_halves_the_rate_and_steps_raise_it_again() -> None:
    """It is halved at once; steps of a second raise it to nearly the value before; then it grows slowly to that value
    and on to the configured rate."""
    rate = Rate(100)
    rate.spend(10.0, 100)

    assert rate.slow_down(10.5, 10.0)
    assert rate.is_recovering
    assert [round(rate.current(10.5 + after), 1) for after in (0, 0.9, 1, 2, 3, 4)] == [50, 50, 73.5, 97, 97.5, 98]
    assert rate.current(500.0) == 100
    assert not rate.is_recovering


def test_without_a_configured_rate_the_measured_one_is_halved() -> None:
    """The new rate is half of what was sent in the last second."""
    rate = Rate(None)
    rate.spend(10.2, 600)
    rate.spend(10.9, 200)
    rate.spend(11.25, 10)
    rate.slow_down(11.25, 11.25)

    assert rate.current(11.25) == (0.75 * 800 + 10) / 2
    assert rate.current(11.25 + 3600) == math.inf


def test_refusals_of_one_moment_count_once() -> None:
    """Eight requests under way together are refused together: that counts as one "too fast"."""
    rate = Rate(1000)
    rate.spend(10.0, 1000)

    assert [rate.slow_down(11.0, 10.5) for _ in range(8)] == [True] + [False] * 7
    assert rate.current(11.0) == 500
    assert rate.slow_down(11.5, 11.2)


def test_the_rate_recovers_soon_after_a_burst_of_refusals() -> None:
    """After two seconds in which everything was too fast it takes ten seconds until nearly the full rate is allowed
    again (Q1)."""
    rate = Rate(1000)
    rate.spend(9.1, 1000)
    now = 10.0
    while now < 12.0:
        rate.spend(now, 100)
        rate.slow_down(now, now)
        now += 0.05

    assert rate.current(12.0) <= 10
    assert rate.current(22.0) >= 900
    assert rate.current(90.0) == 1000


def test_a_rate_never_falls_to_zero() -> None:
    """However often the vendor refuses, requests are still sent, so that its recovery is noticed."""
    rate = Rate(1000)
    for second in range(100):
        rate.spend(second, 1)
        rate.slow_down(second, second)

    assert rate.current(99.0) >= LOWEST


@pytest.mark.parametrize("figure", [None, 1000.0, 100_000.0])
def test_most_of_what_a_vendor_allows_is_used(figure: float | None) -> None:
    """In ten minutes at the edge of the vendor's real rate at least 90 % of it is used, and few requests are refused
    (Q1)."""
    rate = Rate(figure)
    taken, refused = drive(rate, 0.0, 600.0, 25, most=500.0)

    assert taken >= 0.9 * 500 * 600
    assert refused <= 0.05 * taken


def test_a_lower_limit_is_found() -> None:
    """The vendor reduces its rate to a fifth: a minute later nearly all of that is used, and stays used (Q5)."""
    rate = Rate(None)
    drive(rate, 0.0, 60.0, 20, most=1000.0)
    drive(rate, 60.0, 120.0, 20, most=200.0)
    shares = [
        drive(rate, begin, begin + 30.0, 20, most=200.0)[0] / (200 * 30.0) for begin in (120.0, 150.0, 180.0, 210.0)
    ]

    assert all(0.8 <= share <= 1.2 for share in shares), shares


def test_urgent_pushes_may_use_the_next_second() -> None:
    """They do not wait for the rate that bulk pushes have used, and are still counted."""
    rate = Rate(10)
    rate.spend(5.0, 5)

    assert rate.delay(5.0) == 0.5
    assert rate.delay(5.0, borrow=1.0) == 0.0
    rate.spend(5.0, 10)
    assert rate.delay(5.0, borrow=1.0) == 0.5


# Breaker


def opened(breaker: Breaker, now: float = 0.0) -> Breaker:
    """A breaker after so many failures in a row."""
    for _ in range(FAILURES):
        breaker.failed(now, always(1.0), "cut", probe=False)
    return breaker


def test_a_few_failures_between_replies_do_not_open_it() -> None:
    """Some failures of the network are not an outage."""
    breaker = Breaker()
    for _ in range(100):
        for _ in range(FAILURES - 1):
            assert not breaker.failed(0.0, always(1.0), "cut", probe=False)
        assert not breaker.answered()

    assert breaker.state is BreakerState.CLOSED
    assert breaker.delay(0.0) == 0.0


def test_failures_in_a_row_open_it_and_one_request_probes() -> None:
    """Nothing is sent for a second, then one request is, and the others wait for its result."""
    breaker = opened(Breaker(), 10.0)

    assert (breaker.state, breaker.is_open(10.5), breaker.delay(10.5)) == (BreakerState.OPEN, True, 0.5)
    assert not breaker.admit(10.9)
    assert breaker.may_probe(11.0)
    assert breaker.admit(11.0)
    assert (breaker.state, breaker.delay(11.0)) == (BreakerState.HALF_OPEN, math.inf)
    assert not breaker.admit(11.0)
    assert breaker.answered()
    assert (breaker.state, breaker.delay(11.0)) == (BreakerState.CLOSED, 0.0)


def test_an_answer_that_another_process_got_ends_the_pause() -> None:
    """A probe may be sent at once, unless the vendor has failed here since that answer, a probe is under way, or the
    pause is over."""
    breaker = opened(Breaker(), 10.0)

    assert not breaker.answered_elsewhere(10.5, at=10.0)
    assert breaker.delay(10.5) == 0.5
    assert breaker.answered_elsewhere(10.5, at=10.1)
    assert breaker.delay(10.5) == 0.0
    assert not breaker.answered_elsewhere(10.5, at=10.1)
    assert breaker.admit(10.5)
    assert not breaker.answered_elsewhere(10.5, at=10.2)
    assert breaker.failed(10.6, always(1.0), "cut", probe=True)
    assert not breaker.answered_elsewhere(10.7, at=10.2)
    assert breaker.answered_elsewhere(10.9, at=10.8)
    assert not Breaker().answered_elsewhere(10.5, at=10.2)


def test_pauses_grow_to_15_seconds() -> None:
    """1, 2, 4, 8, 15, 15 … seconds, each shortened at random by up to a fifth; a reply resets them."""
    breaker = opened(Breaker())
    pauses = []
    now = 0.0
    for _ in range(6):
        pauses.append(breaker.until - now)
        now = breaker.until
        breaker.admit(now)
        assert breaker.failed(now, always(1.0), "cut", probe=True)
    breaker.answered()

    assert pauses == [1, 2, 4, 8, 15, 15]
    assert opened(breaker, 500.0).until - 500.0 == OUTAGE_PAUSES[0]
    assert opened(Breaker()).until > 0.8


def test_late_failures_change_nothing_and_a_late_reply_closes_it() -> None:
    """Requests that were sent before it opened may fail later: that is no news. A late reply shows that the vendor is
    back."""
    breaker = opened(Breaker())
    until = breaker.until

    assert not breaker.failed(0.5, always(1.0), "cut", probe=False)
    assert breaker.until == until
    assert breaker.answered()
    assert breaker.state is BreakerState.CLOSED


def test_after_an_aborted_probe_the_next_request_probes() -> None:
    """A probe that a reload or a cancellation interrupts must not keep the breaker open for ever."""
    breaker = opened(Breaker())
    breaker.admit(5.0)
    breaker.give_up()

    assert breaker.may_probe(5.0)


def test_refused_credentials_open_it_at_once() -> None:
    """One refusal with the vendor's own code is enough; the next request is after a minute, then after growing
    pauses."""
    breaker = Breaker()
    refusal = Refused(Reason.CREDENTIALS, "16")

    assert breaker.refused(0.0, always(1.0), refusal, probe=False)
    assert (breaker.refusal, breaker.until) == (refusal, CREDENTIALS_PAUSES[0])
    assert not breaker.refused(1.0, always(1.0), refusal, probe=False)
    assert breaker.until == CREDENTIALS_PAUSES[0]
    pauses = []
    for _ in range(4):
        now = breaker.until
        assert breaker.admit(now)
        breaker.refused(now, always(1.0), refusal, probe=True)
        pauses.append(breaker.until - now)
    assert pauses == [120, 240, 300, 300]


WITHOUT_CODE = Refused(Reason.CREDENTIALS, detail="HTTP 403 without the vendor's code")


def judged(breaker: Breaker, *contents: int, probe: bool = False) -> list[bool]:
    """Whether each of these refusals, for the content alone, opened it."""
    return [breaker.refused(0.0, always(1.0), WITHOUT_CODE, probe=probe, content=content) for content in contents]


def test_http_403_must_be_for_several_texts() -> None:
    """HTTP 403 without the vendor's code may be about one text: only several different ones open the breaker."""
    breaker = Breaker()

    assert judged(breaker, *range(FAILURES)) == [False] * (FAILURES - 1) + [True]
    assert breaker.refusal is WITHOUT_CODE
    assert not any(judged(Breaker(), *[7] * 50))


def test_a_reply_in_between_resets_the_count_of_refused_texts() -> None:
    """If the vendor accepts other texts it accepts the credentials."""
    breaker = Breaker()

    judged(breaker, *range(FAILURES - 1), SEVERAL, SEVERAL, SEVERAL)
    assert breaker.is_in_doubt
    breaker.answered()

    assert not breaker.is_in_doubt
    assert not any(judged(breaker, *range(FAILURES - 1)))


def test_a_refusal_of_several_texts_together_does_not_open_it() -> None:
    """Which text causes it is unknown: the next requests carry one push each."""
    breaker = Breaker()

    opened_it = judged(breaker, *[SEVERAL] * DOUBTS)

    assert not any(opened_it)
    assert breaker.is_in_doubt


def test_after_a_probe_refused_without_a_code_the_next_request_probes() -> None:
    """The text of the probe may have been refused although the vendor is back from its outage."""
    breaker = opened(Breaker())
    breaker.admit(5.0)

    breaker.refused(5.0, always(1.0), WITHOUT_CODE, probe=True, content=7)

    assert (breaker.state, breaker.until, breaker.refusal) == (BreakerState.OPEN, 6.0, None)


def test_a_login_refused_without_a_code_opens_it_at_once() -> None:
    """A login holds no text that could be the cause."""
    assert Breaker().refused(0.0, always(1.0), WITHOUT_CODE, probe=False)


# Quotas


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_a_used_up_quota_lasts_until_the_vendors_midnight(chance: float) -> None:
    """It lasts a little longer, at random, so that processes do not start together and the vendor's clock has passed
    midnight too (Q3)."""
    quotas = Quotas(EIGHT_HOURS)
    seconds = quotas.use_up("", 5.0, NOON, chance)

    assert 12 * 3600 + LATE[0] <= seconds <= 12 * 3600 + LATE[1]
    assert quotas.seconds_left("", 5.0 + 12 * 3600, NOON + 12 * 3600) > 0
    assert quotas.seconds_left("", 5.0 + seconds, NOON + seconds) == 0
    assert list(quotas.pop_ended(5.0 + seconds, NOON + seconds)) == [""]
    assert not quotas


def test_quotas_are_independent() -> None:
    """One used up quota does not close another."""
    quotas = Quotas(EIGHT_HOURS)
    quotas.use_up("public", 0.0, NOON, 0.0)

    assert quotas
    assert quotas.seconds_left("public", 1.0, NOON) > 0
    assert quotas.seconds_left("IM", 1.0, NOON) == 0


@pytest.mark.parametrize(("wall", "monotonic"), [(-7200.0, 1.0), (1.0, 0.0)])
def test_a_wrong_clock_does_not_close_a_quota_for_longer_than_a_day(wall: float, monotonic: float) -> None:
    """If the wall clock was set back, or the machine slept, the other clock ends it."""
    quotas = Quotas(EIGHT_HOURS)
    seconds = quotas.use_up("", 0.0, NOON, 0.0)

    assert quotas.seconds_left("", monotonic * seconds, NOON + (wall * seconds if wall > 0 else seconds + wall)) == 0


def test_a_slow_clock_at_the_vendor_does_not_cost_a_new_day() -> None:
    """Just after our midnight it may still be yesterday at the vendor: one more request is made, and its refusal counts
    for the day."""
    quotas = Quotas(EIGHT_HOURS)
    midnight = NOON + 12 * 3600
    first = quotas.use_up("", 0.0, midnight + 20, 1.0)
    second = quotas.use_up("", first, midnight + 20 + first, 1.0)

    assert YOUNG_DAY <= first <= YOUNG_DAY + LATE[1]
    assert second == pytest.approx(DAY - 20 - first + LATE[1])


# Retry budget


def test_repeats_are_a_tenth_one_a_second_and_a_reserve() -> None:
    """If everything fails for ten minutes, repeats are a tenth of the first requests, one a second, and a reserve."""
    budget = RetryBudget(0.0)
    repeats = 0
    for tick in range(6000):
        budget.first()
        repeats += budget.spend(tick / 10)

    assert 0.1 * 6000 + 600 <= repeats <= 0.1 * 6000 + 600 + RetryBudget.MOST


def test_the_reserve_of_a_quiet_time_is_a_minutes_worth() -> None:
    """With that reserve no push ends because of a few failures."""
    budget = RetryBudget(0.0)

    assert sum(budget.spend(10_000.0) for _ in range(1000)) == 60
