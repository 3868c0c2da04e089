"""The promise of `unbind` among real processes that share one SQLite file; on servers it is in `tests/services`."""

from pathlib import Path

from unbinding_processes import assert_nothing_left_afterwards


def test_two_processes_send_nothing_once_a_phone_is_unbound(tmp_path: Path) -> None:
    """By the clock that all processes of a machine have, from the moment when `unbind` or `bind` has returned."""
    assert_nothing_left_afterwards(f"sqlite:///{tmp_path}/devices.sqlite", 2)
