"""`Gate` alone: the events it reports, and what it concludes from replies. Times are handed in."""

import math
import random
from typing import Any

import pytest
from toy_vendor import note

from pushgateway import Outcome, Push, PushToken, Reason
from pushgateway.engine.flow_control.breaker import Breaker
from pushgateway.engine.flow_control.gate import Gate
from pushgateway.engine.flow_control.rate import Rate
from pushgateway.engine.flow_control.refused_contents import RefusedContents
from pushgateway.engine.flow_control.size_limit import SizeLimit
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import (
    SAVED_CONTENTS,
    BreakerChanged,
    BreakerState,
    Event,
    QuotaLatched,
    QuotaReleased,
    RateChanged,
)
from pushgateway.vendor import NoVerdict, Rates, Refused

PUSH = Push(PushToken(1, "a"), note())
TAKEN = Outcome.accepted(PUSH, "m")
USED_UP = Outcome.rejected(PUSH, Reason.QUOTA_EXCEEDED, code="7")
TOO_FAST = Outcome.rejected(PUSH, Reason.RATE_LIMITED, code="6")
NOON = 1_700_020_800.0  # 2023-11-15 12:00 in China


def made(events: list[Event], **rates: float) -> Gate:
    """A gate that appends its events to `events`."""
    options: dict[str, Any] = {"emitter": Emitter(events.append, lambda: 0.0), "clock": lambda: NOON}
    rng = random.Random(7)
    return Gate("1", "toy", "near", rates=Rates(**rates), day_offset=8 * 3600.0, rng=rng, now=0.0, **options)


def opened(gate: Gate) -> None:
    """A gate with an open breaker: five requests in a row without a reply."""
    for _ in range(5):
        gate.failed(1.0, gate.admit(0.0, 1), NoVerdict("cut"), "")


def test_a_used_up_quota_is_one_event_however_many_replies_say_so() -> None:
    """Eight requests are under way when the daily quota is used up: all are refused, and there is one event."""
    events: list[Event] = []
    gate = made(events)
    permits = [gate.admit(0.0, 1) for _ in range(8)]

    for permit in permits:
        gate.answered(1.0, permit, [USED_UP], "")

    assert [type(event) for event in events] == [QuotaLatched]


def test_a_quota_that_is_used_up_within_a_batch_counts() -> None:
    """The first pushes of a batch were accepted and the last ones refused: the quota is used up from now on."""
    gate = made([])

    gate.answered(1.0, gate.admit(0.0, 2), [TAKEN, USED_UP], "")

    obstacle = gate.obstacle(1.0, "")
    assert obstacle is not None
    assert obstacle.reason is Reason.QUOTA_EXCEEDED


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    """The vendor asked for a minute and then, for a request sent before that, for a second: the minute is kept."""
    gate = made([])
    first, second = gate.admit(0.0, 1), gate.admit(0.0, 1)

    gate.failed(1.0, first, Refused(Reason.RATE_LIMITED, "6", retry_after=60.0), "")
    gate.failed(1.0, second, Refused(Reason.RATE_LIMITED, "6", retry_after=1.0), "")

    assert gate.delay(1.0) == 60.0


@pytest.mark.parametrize(("too_fast", "slower"), [(5, False), (6, True)])
def test_only_most_of_a_batch_means_that_the_certificate_is_too_fast(too_fast: int, slower: bool) -> None:
    """If half of ten phones or fewer are refused as too fast, those phones have had too much; more than half mean the
    certificate."""
    events: list[Event] = []
    gate = made(events, pushes=100.0)

    gate.answered(1.0, gate.admit(0.0, 10), [TOO_FAST] * too_fast + [TAKEN] * (10 - too_fast), "")

    assert any(isinstance(event, RateChanged) for event in events) is slower


def test_a_limited_rate_is_spread_over_ten_steps_a_second() -> None:
    """A hundred pushes a second are requests of ten at most; without a rate a batch may have its full size."""
    assert made([], pushes=100.0).next_size(0.0, 1000) == 10
    assert made([], pushes=100.0, requests=2.0).next_size(0.0, 1000) == 50
    assert made([]).next_size(0.0, 1000) == 1000


def test_a_replaced_gate_reports_that_its_limits_have_ended() -> None:
    """Settings change while the breaker is open and a quota is used up: an event reports the end of each."""
    events: list[Event] = []
    gate = made(events)
    gate.answered(1.0, gate.admit(0.0, 1), [USED_UP], "public")
    gate.saving_used_up(1.0, Refused(Reason.QUOTA_EXCEEDED, "7"))
    opened(gate)
    events.clear()

    gate.replaced()

    assert [type(event) for event in events] == [BreakerChanged, QuotaReleased, QuotaReleased]
    assert [event.state for event in events if isinstance(event, BreakerChanged)] == [BreakerState.CLOSED]


def test_a_probe_that_failed_after_refused_credentials_does_not_shorten_the_pause() -> None:
    """The key is refused, a minute later the vendor cannot be reached: an operator still has to correct the key, so the
    pause is not a second."""
    gate = made([])
    gate.failed(0.0, gate.admit(0.0, 1), Refused(Reason.CREDENTIALS, "8"), "")
    probe = gate.admit(60.0, 1)

    gate.failed(61.0, probe, Refused(Reason.UNAVAILABLE, "5"), "")

    assert probe.probe
    obstacle = gate.obstacle(61.0 + 59.0, "")
    assert obstacle is not None
    assert obstacle.reason is Reason.CREDENTIALS


def test_the_time_a_push_needs_follows_from_earlier_replies() -> None:
    """Half as much again as a reply usually takes; zero before the first reply."""
    gate = made([])

    assert gate.seconds_needed == 0.0
    gate.answered(2.0, gate.admit(0.0, 1), [TAKEN], "")
    assert gate.seconds_needed == pytest.approx(3.0)


# Where nothing limits, the gate is not asked


def test_a_failure_is_remembered_where_nothing_limits() -> None:
    """A gate without rates delays nothing until the vendor fails; then its breaker counts as everywhere."""
    gate = made([])
    assert gate.is_free

    opened(gate)

    assert not gate.is_free
    assert gate.delay(1.1) > 0
    assert gate.next_size(3600.0, 100) == 1  # a probe


def test_rejections_are_counted_where_nothing_limits() -> None:
    """Most of a batch is refused as too fast: from now on there is a rate."""
    events: list[Event] = []
    gate = made(events)

    gate.answered(1.0, gate.admit(0.9, 2), [TOO_FAST, TOO_FAST], "")

    assert any(isinstance(event, RateChanged) for event in events)
    assert not gate.is_free
    gate.admit(1.0, 10)
    assert gate.delay(1.0) > 0


def test_a_gate_is_free_again_after_an_answer() -> None:
    """One failure and a good answer: nothing counts against the vendor any more. A rate always limits."""
    gate, limited = made([]), made([], pushes=100.0)
    gate.failed(1.0, gate.admit(0.0, 1), NoVerdict("cut"), "")
    assert not gate.is_free

    for one in (gate, limited):
        one.answered(2.0, one.admit(1.5, 1), [TAKEN], "")

    assert (gate.is_free, limited.is_free) == (True, False)


# Parts of the gate


def test_processes_do_not_probe_at_the_same_moment() -> None:
    """A pause is shortened at random by up to a fifth."""
    early, late = Breaker(), Breaker()
    for breaker, chance in ((early, 0.0), (late, 1.0)):
        breaker.refused(0.0, lambda chance=chance: chance, Refused(Reason.CREDENTIALS, "8"), probe=False)  # type: ignore[misc]

    assert (early.until, late.until) == (pytest.approx(48.0), 60.0)


def test_refused_texts_are_remembered_up_to_a_bound() -> None:
    """The oldest is forgotten first."""
    contents = RefusedContents()
    for number in range(RefusedContents.MOST + 1):
        contents.refused(number, 0.0, Refused(Reason.INVALID_NOTIFICATION, "3"))

    assert contents.refusal(0, 1.0) is None
    assert all(contents.refusal(number, 1.0) is not None for number in range(1, RefusedContents.MOST + 1))


def test_a_late_refusal_of_a_larger_request_does_not_raise_the_size_limit() -> None:
    """Two requests are under way and both are too large: the size of the smaller one counts."""
    limit = SizeLimit()
    limit.refused(0.0, 100)
    limit.refused(0.1, 400)

    assert limit.current(1.0) == 50
    assert SizeLimit().current(1.0) == math.inf


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        (25_200.0, 25_200.0, 25_200.0),  # a night of seven hours, which ends before midnight or after it
        (50_000.0, 50_000.0, 50_000.0),
        (1e12, 86_400.0, 86_400.0),  # a day is the most: quotas are counted by the day
        (None, 12 * 3600.0, 13 * 3600.0),
        *((odd, 12 * 3600.0, 13 * 3600.0) for odd in (0.0, -5.0, math.inf, math.nan)),  # no time: until midnight
    ],
)
def test_a_quota_is_closed_for_as_long_as_the_vendor_says(
    is_whole: bool, retry_after: float | None, least: float, most: float
) -> None:
    """Some vendors take a class of messages in some hours only. It is the same for a refused request and for refused
    pushes within one; other quotas stay open, and one event says for how long this one is closed."""
    events: list[Event] = []
    gate = made(events)
    refused = Refused(Reason.QUOTA_EXCEEDED, "10071", retry_after=retry_after)

    for permit in (gate.admit(0.0, 2), gate.admit(0.0, 2)):
        if is_whole:
            gate.failed(1.0, permit, refused, "news")
        else:
            gate.answered(1.0, permit, [TAKEN, refused.outcome(PUSH)], "news")

    (latched,) = events
    assert isinstance(latched, QuotaLatched)
    assert (latched.quota, least <= latched.seconds <= most) == ("news", True)
    assert gate.obstacle(1.0, "") is None
    obstacle = gate.obstacle(latched.seconds, "news")
    assert obstacle is not None
    assert (obstacle.reason, obstacle.retry_after) == (Reason.QUOTA_EXCEEDED, 1.0)
    assert gate.obstacle(1.0 + latched.seconds, "news") is None


def test_a_quota_of_saved_contents_is_closed_for_as_long_as_the_vendor_says() -> None:
    """Until its midnight where it names no time; nothing else is closed, and observers learn of both ends once."""
    for retry_after, seconds in ((None, 12 * 3600.0), (60.0, 60.0)):
        events: list[Event] = []
        gate = made(events)

        for _ in range(3):
            gate.saving_used_up(1.0, Refused(Reason.QUOTA_EXCEEDED, "7", retry_after=retry_after))

        assert gate.obstacle(1.0, "") is None
        assert not gate.may_save(1.0 + seconds - 1)
        assert gate.may_save(1.0 + seconds + 130)
        assert [type(event) for event in events] == [QuotaLatched, QuotaReleased]


class Noted:
    """Takes what a gate reports to other processes."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.quotas: list[tuple[str, float]] = []
        self.requests = 0

    def admitted(self) -> None:
        self.requests += 1

    def delayed(self, seconds: float) -> None:
        self.waits.append(seconds)

    def closed(self, quota: str, seconds: float) -> None:
        self.quotas.append((quota, seconds))


def test_other_processes_learn_what_waits_for_a_rate_and_nothing_else() -> None:
    """Pushes that wait for the rate are reported, with how long. Those that wait for the pause that the vendor wants
    are not: a larger portion of the rate would not help them."""
    gate, noted = made([], pushes=10.0), Noted()
    gate.shared = noted

    gate.note_wait(0.0)
    gate.admit(0.0, 5)
    gate.note_wait(0.1)
    gate.failed(0.1, gate.admit(0.1, 1), Refused(Reason.RATE_LIMITED, "6", retry_after=60.0), "")
    gate.note_wait(0.2)

    assert noted.waits == [pytest.approx(0.4)]
    assert noted.requests == 2


def test_an_open_breaker_is_no_wait_for_a_rate() -> None:
    """During an outage nothing is reported, although a probe has used up the rate for a moment."""
    gate, noted = made([], pushes=10.0), Noted()
    gate.shared = noted
    opened(gate)

    gate.note_wait(1.0)

    assert noted.waits == []


def test_other_processes_learn_of_each_closed_quota_once() -> None:
    """A quota that is used up is reported with its seconds, that of saved contents by its name; what another process
    reports is closed here and not reported back."""
    gate, noted = made([]), Noted()
    gate.shared = noted
    for _ in range(2):
        gate.answered(1.0, gate.admit(0.0, 1), [USED_UP], "public")
    gate.saving_used_up(1.0, Refused(Reason.QUOTA_EXCEEDED, "7", retry_after=600.0))
    gate.close(1.0, "private", 100.0)

    obstacle = gate.obstacle(1.0, "private")
    assert [name for name, _ in noted.quotas] == ["public", SAVED_CONTENTS]
    assert noted.quotas[1][1] == 600.0
    assert obstacle is not None
    assert obstacle.retry_after == pytest.approx(100.0)
    assert {name for name, _ in gate.closed_quotas(1.0)} == {"public", "private", SAVED_CONTENTS}

    gate.reopen(1.0, "private")
    assert gate.obstacle(1.0, "private") is None


def test_a_portion_of_a_rate_is_what_this_process_may_send() -> None:
    """The rate is 100 a second, and a quarter of it is for this process: it sends every 40 ms, and who waits already
    waits as much less or longer when the portion changes."""
    rate = Rate(100.0)
    rate.share(0.0, 25.0)
    rate.spend(0.0, 1)
    quarter = rate.delay(0.0)
    rate.share(0.0, 50.0)
    half = rate.delay(0.0)
    rate.share(0.0, 1.0)

    assert (quarter, half, rate.delay(0.0)) == pytest.approx((0.04, 0.02, 1.0))
    assert (rate.current(0.0), rate.most, rate.used) == (1.0, 100.0, 1)
