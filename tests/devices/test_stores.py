"""The adapters that need no server: memory and SQLite."""

from pathlib import Path

import pytest
from device_promises import *  # noqa: F403 - the same tests as on real servers


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the bindings are kept."""
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/devices.sqlite"
