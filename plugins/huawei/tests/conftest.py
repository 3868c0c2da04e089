"""Fixtures of the plug-in's tests.

The tests also run apart from the core's, with installed wheels, like those of any plug-in. So they use what
`pushgateway` ships, and nothing of the core's own tests. The key of the service account is made once for the run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from pushgateway_huawei import Harmony, Huawei
from pushgateway_huawei.sandbox import HarmonySandbox, HuaweiSandbox

from pushgateway.testing.conformance import ExchangeDriver, drive_plugin, load_plugin
from pushgateway.vendor import Vendor

settings.register_profile("no deadline", settings(), deadline=None)  # a busy machine needs longer for an example
settings.load_profile("no deadline")


BRANDS: dict[str, tuple[type[Any], type[Any]]] = {
    "huawei": (Huawei, HuaweiSandbox),
    "harmony": (Harmony, HarmonySandbox),
}


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of requests and replies copied from Huawei's documents."""
    return Path(__file__).resolve().parent / "samples"


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, the only event loop that the gateway supports."""
    return "asyncio"


@pytest.fixture
def load() -> Callable[..., Vendor]:
    """Loads a certificate of a brand: `load("huawei", client_id="7", …)`."""
    return lambda brand, **settings: load_plugin(BRANDS[brand][0], **settings)


@pytest.fixture
def driver() -> Callable[..., ExchangeDriver]:
    """Makes a plug-in with its own sandbox: `driver("harmony", {"test_messages": True}, tokens=3)`."""
    return lambda brand, *settings, **options: drive_plugin(*BRANDS[brand], *settings, **options)
