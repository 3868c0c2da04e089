"""What the plug-in's tests share. They run apart from the core's, on installed wheels, as anybody's plug-in would.

Law of this file: nothing of the core's own tests is used here, only what `pushgateway` ships.
"""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of requests and replies copied from OPPO's documents."""
    return Path(__file__).resolve().parent / "samples"


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, the only loop the gateway knows."""
    return "asyncio"
