"""Fixtures of the plug-in's tests. They also run apart from the core's, with installed wheels."""

import pytest
from hypothesis import settings

settings.register_profile("no deadline", settings(), deadline=None)  # a busy machine needs longer for an example
settings.load_profile("no deadline")


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, the only event loop that the gateway supports."""
    return "asyncio"
