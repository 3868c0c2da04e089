"""The gate by itself: what it tells observers, and what it learns of an answer. Times are handed in."""

import math
import random
from typing import Any

import pytest
from toy_vendor import note

from pushgateway import Outcome, Push, PushToken, Reason
from pushgateway.engine.flow_control.breaker import Breaker
from pushgateway.engine.flow_control.gate import Gate
from pushgateway.engine.flow_control.refused_contents import RefusedContents
from pushgateway.engine.flow_control.size_limit import SizeLimit
from pushgateway.observe.emitter import Emitter
from pushgateway.observe.events import BreakerChanged, BreakerState, Event, QuotaLatched, QuotaReleased, RateChanged
from pushgateway.vendor import NoVerdict, Rates, Refused

PUSH = Push(PushToken(1, "a"), note())
TAKEN = Outcome.accepted(PUSH, "m")
USED_UP = Outcome.rejected(PUSH, Reason.QUOTA_EXCEEDED, code="7")
TOO_FAST = Outcome.rejected(PUSH, Reason.RATE_LIMITED, code="6")
NOON = 1_700_020_800.0  # 2023-11-15 12:00 in China


def made(events: list[Event], **rates: float) -> Gate:
    """A gate that tells `events`."""
    options: dict[str, Any] = {"emitter": Emitter(events.append, lambda: 0.0), "clock": lambda: NOON}
    rng = random.Random(7)
    return Gate("1", "toy", "near", rates=Rates(**rates), day_offset=8 * 3600.0, rng=rng, now=0.0, **options)


def opened(gate: Gate) -> None:
    """Five requests in a row without an answer."""
    for _ in range(5):
        gate.failed(1.0, gate.admit(0.0, 1), NoVerdict("cut"), "")


def test_a_quota_is_told_once_however_many_answers_say_it() -> None:
    """Eight requests are under way when the day is used up: all are refused, and one event says it."""
    events: list[Event] = []
    gate = made(events)
    permits = [gate.admit(0.0, 1) for _ in range(8)]

    for permit in permits:
        gate.answered(1.0, permit, [USED_UP], "")

    assert [type(event) for event in events] == [QuotaLatched]


def test_a_quota_that_some_pushes_of_a_batch_used_up_counts() -> None:
    """The first pushes of a batch were taken and the last ones refused: the day is used up from now on."""
    gate = made([])

    gate.answered(1.0, gate.admit(0.0, 2), [TAKEN, USED_UP], "")

    obstacle = gate.obstacle(1.0, "")
    assert obstacle is not None
    assert obstacle.reason is Reason.QUOTA_EXCEEDED


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    """The vendor asked for a minute and then, to what had left before, for a second: the minute holds."""
    gate = made([])
    first, second = gate.admit(0.0, 1), gate.admit(0.0, 1)

    gate.failed(1.0, first, Refused(Reason.RATE_LIMITED, "6", retry_after=60.0), "")
    gate.failed(1.0, second, Refused(Reason.RATE_LIMITED, "6", retry_after=1.0), "")

    assert gate.delay(1.0) == 60.0


@pytest.mark.parametrize(("too_fast", "slower"), [(5, False), (6, True)])
def test_only_most_of_a_batch_says_that_we_are_too_fast(too_fast: int, slower: bool) -> None:
    """Half of ten phones or fewer have had too much themselves; more than half of them mean the certificate."""
    events: list[Event] = []
    gate = made(events, pushes=100.0)

    gate.answered(1.0, gate.admit(0.0, 10), [TOO_FAST] * too_fast + [TAKEN] * (10 - too_fast), "")

    assert any(isinstance(event, RateChanged) for event in events) is slower


def test_a_limited_rate_leaves_in_ten_steps_a_second() -> None:
    """A hundred pushes a second are requests of ten at most; without a figure a batch is as large as it may be."""
    assert made([], pushes=100.0).next_size(0.0, 1000) == 10
    assert made([], pushes=100.0, requests=2.0).next_size(0.0, 1000) == 50
    assert made([]).next_size(0.0, 1000) == 1000


def test_observers_are_told_that_nothing_of_a_replaced_gate_holds() -> None:
    """Settings change while the breaker is open and a quota is used up: both are told to be over."""
    events: list[Event] = []
    gate = made(events)
    gate.answered(1.0, gate.admit(0.0, 1), [USED_UP], "public")
    opened(gate)
    events.clear()

    gate.replaced()

    assert [type(event) for event in events] == [BreakerChanged, QuotaReleased]
    assert [event.state for event in events if isinstance(event, BreakerChanged)] == [BreakerState.CLOSED]


def test_a_probe_that_failed_after_refused_credentials_does_not_shorten_the_pause() -> None:
    """The key is refused, a minute later the vendor is away: still a person has to mend the key, so not a second."""
    gate = made([])
    gate.failed(0.0, gate.admit(0.0, 1), Refused(Reason.CREDENTIALS, "8"), "")
    probe = gate.admit(60.0, 1)

    gate.failed(61.0, probe, Refused(Reason.UNAVAILABLE, "5"), "")

    assert probe.probe
    obstacle = gate.obstacle(61.0 + 59.0, "")
    assert obstacle is not None
    assert obstacle.reason is Reason.CREDENTIALS


def test_answers_say_how_much_time_a_push_needs() -> None:
    """Half as much again as an answer usually takes; nothing before the first answer."""
    gate = made([])

    assert gate.seconds_needed == 0.0
    gate.answered(2.0, gate.admit(0.0, 1), [TAKEN], "")
    assert gate.seconds_needed == pytest.approx(3.0)


# What it is made of


def test_not_every_process_asks_again_at_the_same_moment() -> None:
    """A pause is up to a fifth shorter, by chance."""
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


def test_a_late_refusal_of_a_larger_request_does_not_raise_the_limit() -> None:
    """Two requests are under way and both are too large: the smaller one counts."""
    limit = SizeLimit()
    limit.refused(0.0, 100)
    limit.refused(0.1, 400)

    assert limit.current(1.0) == 50
    assert SizeLimit().current(1.0) == math.inf
