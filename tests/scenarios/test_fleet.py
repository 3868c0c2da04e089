"""One call for a mixed fleet: phones of every installed brand behind one gateway, with faults.

The long form is `tox -e fleet -- 1000000`.
"""

from collections import Counter

import fleet
import pytest

pytestmark = pytest.mark.days


def test_a_mixed_fleet_with_faults_agrees_with_every_ledger() -> None:
    """Outcomes are those of the sandboxes, in order, and nobody gets another one's text or data. Four of five pushes at
    least are accepted, and of every brand half, because a lost reply about a full request is a third of them; but for
    those that vivo takes by day only, which begins in the midst of it. Receipts come out once, and agree too."""
    report = fleet.play(16_000, seed=1)

    endings: dict[str, Counter[str]] = {}
    for (brand, ending), number in report.outcomes.items():
        endings.setdefault(brand, Counter())[ending] += number
    by_night = {brand: one.pop("quota_exceeded", 0) for brand, one in endings.items()}
    accepted = {brand: one["accepted"] / one.total() for brand, one in endings.items()}
    assert report.broken == []
    assert sorted(endings) == sorted(fleet.brands())
    assert {"harmony", "honor", "huawei", "meizu", "oppo", "vivo", "xiaomi"} <= set(endings)
    assert min(accepted.values()) > 0.5
    assert sum(accepted.values()) > 0.8 * len(accepted)
    assert [brand for brand, number in by_night.items() if number] == ["vivo"]
    assert all(report.receipts[brand, "arrived"] > 500 for brand in endings)
    assert report.receipts["xiaomi", "unregistered"] > 20


@pytest.mark.parametrize("dead", fleet.brands())
def test_a_vendor_that_is_down_does_not_slow_the_others(dead: str) -> None:
    """The others send within 5 % of their throughput, whoever is down."""
    names = fleet.brands()

    ratio = fleet.throughput(2_000, names, dead) / fleet.throughput(2_000, [one for one in names if one != dead], None)

    assert 0.95 <= ratio <= 1.05
