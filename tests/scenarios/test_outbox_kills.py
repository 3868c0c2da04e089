"""The outbox's processes are killed at random moments (`kill -9`), and no push is lost or doubled.

`tox -e kills -- 500` does it five hundred times.
"""

from pathlib import Path

import pytest
from kills.judge import BRANDS, play


@pytest.mark.days
def test_killed_processes_lose_nothing(tmp_path: Path) -> None:
    """What `put` had returned has been delivered or reported, and a vendor that drops repeats shows nothing twice; the
    outbox is empty at the end."""
    report = play(tmp_path, 12, seed=1)

    assert report.broken == []
    assert report.put > 100
    assert {brand for brand, _ in report.results} == set(BRANDS)
