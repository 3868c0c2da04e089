"""Four real processes on one SQLite file are one sender to the vendor. The same with a real Redis: `tests/services`."""

from pathlib import Path

import pytest
from several_processes import *  # noqa: F403 - the tests

pytestmark = pytest.mark.days


@pytest.fixture
def state_url(tmp_path: Path) -> str:
    """A file that is not there yet: the processes make it, all at the same moment."""
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def measured() -> float:
    """Seconds for which a rate is measured."""
    return 4.0
