"""The outbox's processes are killed at random moments (`kill -9`), and no push is lost or doubled.

`tox -e kills -- 500` does it five hundred times.
"""

from pathlib import Path

import pytest
from kills.judge import BRANDS, play, read_lines


@pytest.mark.days
def test_killed_processes_lose_nothing(tmp_path: Path) -> None:
    """What `put` had returned has been delivered or reported, and a vendor that drops repeats shows nothing twice; the
    outbox is empty at the end."""
    report = play(tmp_path, 12, seed=1)

    assert report.broken == []
    assert report.put > 100
    assert {brand for brand, _ in report.results} == set(BRANDS)


def test_a_line_that_a_kill_has_cut_short_is_left_out(tmp_path: Path) -> None:
    """The lines of other processes are read; one that is cut short without a kill is a fault."""
    path = tmp_path / "put"
    path.write_text('\n[["oppo", "title", "a"]]\n\n[["oppo", "title"\n[["oppo", "title", "b"]]\n\n[["oppo"')

    assert list(read_lines(path, 0)) == [[["oppo", "title", "a"]], [["oppo", "title", "b"]]]
    path.write_text('[["oppo"\n' * 3)
    with pytest.raises(ValueError, match="delimiter"):
        list(read_lines(path, 0))
