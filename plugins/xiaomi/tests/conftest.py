"""Fixtures of the plug-in's tests. They also run apart from the core's, with installed wheels."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, the only event loop that the gateway supports."""
    return "asyncio"
