"""Fixtures of the plug-in's tests.

The tests also run apart from the core's, with installed wheels, like those of any plug-in. So they use what
`pushgateway` ships, and nothing of the core's own tests.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import settings
from pushgateway_meizu import Meizu
from pushgateway_meizu.sandbox import MeizuSandbox

from pushgateway.testing.conformance import ExchangeDriver, drive_plugin, load_plugin

settings.register_profile("no deadline", settings(), deadline=None)  # a busy machine needs longer for an example
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of requests and replies in the shapes of Meizu's document."""
    return Path(__file__).resolve().parent / "samples"


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, the only event loop that the gateway supports."""
    return "asyncio"


@pytest.fixture
def load() -> Callable[..., Meizu]:
    """Loads a certificate: `load(app_id="7", app_secret="s")`."""
    return partial(load_plugin, Meizu, app_id="123456", app_secret="mz-demo-secret")


@pytest.fixture
def driver() -> Callable[..., ExchangeDriver]:
    """Makes the plug-in with its own sandbox: `driver({"vip": False}, tokens=3)`."""
    return partial(drive_plugin, Meizu, MeizuSandbox)
