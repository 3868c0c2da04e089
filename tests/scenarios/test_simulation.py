"""Ten hostile minutes of a host and its vendors, by seed, in virtual time: what happens at once breaks no promise.

Single sends, lists, streams, multicasts and broadcasts over several certificates and regions; lost, refused, cut and
late requests; limits, quotas, expired, revoked and refused access tokens; cancellations, reloads, closes and wrong
clocks. Then all troubles end, and everything must drain and go on. `simulated.ledger.PROMISES` says what is compared.
`tox -e simulate -- 5000` lives through more of them, with all processors.
"""

import random

import attrs
import pytest
from simulated.day import Plan, describe, live, shrink
from simulated.troubles import HOST, KINDS, Trouble

from pushgateway.engine import endpoint as region

pytestmark = pytest.mark.days


def test_a_hostile_day(day_seed: int) -> None:
    """Every promise holds: one true outcome for each push, in time; limits kept; and afterwards all is as before."""
    report = live(Plan.drawn(day_seed))

    if report.faults:
        pytest.fail(describe(live(shrink(report.plan, lambda plan: bool(live(plan).faults)))))
    assert report.outcomes.get("accepted", 0) > 6 * report.plan.connections


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_the_same_seed_is_the_same_day(seed: int) -> None:
    """What happened and when is the same to the last event, so that a failure can be looked at."""
    first, second, other = live(Plan.drawn(seed)), live(Plan.drawn(seed)), live(Plan.drawn(seed + 1))

    assert first.faults == other.faults == ()
    assert first.story == second.story != other.story
    assert (first.outcomes, first.calls) == (second.outcomes, second.calls)


def test_days_are_hostile() -> None:
    """Every kind of trouble is drawn, every ending is seen, and still most pushes arrive: the days test something."""
    days = [live(Plan.drawn(seed)) for seed in range(30)]

    drawn = {trouble.kind for seed in range(100) for trouble in Plan.drawn(seed).troubles}
    outcomes = {status: sum(day.outcomes.get(status, 0) for day in days) for status in ENDINGS}
    assert drawn == set(KINDS)
    assert min(outcomes.values()) > 200
    assert outcomes["accepted"] > sum(outcomes.values()) / 2


ENDINGS = ("accepted", "rejected", "not_sent", "unknown")


@pytest.mark.parametrize("seed", range(1000, 1010))
def test_a_calm_day(seed: int) -> None:
    """Without troubles whatever has the time arrives: nothing is forgotten, nothing waits for its deadline."""
    report = live(attrs.evolve(Plan.drawn(seed), troubles=()))

    assert report.faults == ()
    assert report.outcomes["accepted"] > report.outcomes.get("not_sent", 0) * 3


@pytest.mark.parametrize("kind", sorted(set(KINDS)))
def test_each_trouble_alone(kind: str) -> None:
    """At full strength for minutes, for everybody, again and again: no promise depends on troubles being rare."""
    plan = Plan.drawn(len(kind))
    again = [10.0, 100.0, 190.0] if kind in HOST else [10.0]
    lasts = 60.0 if kind in HOST else 300.0
    troubles = tuple(Trouble(kind, begins, lasts, 1.0, "", 7) for begins in again)

    report = live(attrs.evolve(plan, troubles=troubles))

    assert report.faults == ()


def test_shrinking_keeps_only_the_troubles_that_matter() -> None:
    """Dropped one by one, what is left still fails, and nothing of it can be spared."""
    calm = attrs.evolve(Plan.drawn(3), troubles=())
    chance = random.Random(3)
    kinds = ("slow", "busy", "nonsense", "clock", "slow", "items")
    plan = attrs.evolve(
        calm, troubles=tuple(Trouble(kind, 50.0, 100.0, 0.3, "", chance.randrange(9)) for kind in kinds)
    )

    def fails(plan: Plan) -> bool:
        return "clock" in {trouble.kind for trouble in plan.troubles}

    assert [trouble.kind for trouble in shrink(plan, fails).troubles] == ["clock"]


def test_a_failing_day_is_described_by_seed_and_troubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed is enough to live the day again."""
    monkeypatch.setattr(region, "may_repeat", lambda outcome, deduplicates: not outcome.ok)
    troubles = (Trouble("slow", 10.0, 20.0, 0.1, "c2", 1), Trouble("cut", 40.0, 300.0, 1.0, "", 2))

    report = live(attrs.evolve(Plan.drawn(0), troubles=troubles))

    assert "I4" in report.promises
    assert describe(report).startswith(f"seed 0: {len(report.faults)} broken promises\nI")
    assert describe(report).endswith("\ncut at 40.0 s for 300.0 s, everybody, strength 1.0")
