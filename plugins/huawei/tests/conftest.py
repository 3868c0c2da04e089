"""Fixtures of the plug-in's tests.

The tests also run apart from the core's, with installed wheels, like those of any plug-in. So they use what
`pushgateway` ships, and nothing of the core's own tests. The key of the service account is made once for the run.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pushgateway_huawei import Harmony, Huawei
from pushgateway_huawei.sandbox import HarmonySandbox, HuaweiSandbox

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH, HOST
from pushgateway.vendor import Vendor

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

    def made(brand: str, **settings: Any) -> Vendor:
        certificate = Certificate(1, brand, settings)
        found = load_vendors([certificate], Plugins({brand: BRANDS[brand][0]}))["1"]
        assert isinstance(found, Vendor)
        return found

    return made


@pytest.fixture
def driver(load: Callable[..., Vendor]) -> Callable[..., ExchangeDriver]:
    """Makes a plug-in with its own sandbox: `driver("harmony", {"test_messages": True}, tokens=3)`. The first argument
    after the brand are further settings of the certificate, None leaves one out; the others are for the sandbox."""

    def made(brand: str, settings: dict[str, Any] | None = None, **options: Any) -> ExchangeDriver:
        sandbox = BRANDS[brand][1](**{"clock": lambda: EPOCH, **options})
        given = {**sandbox.settings(HOST), **(settings or {})}
        return ExchangeDriver(load(brand, **{name: one for name, one in given.items() if one is not None}), sandbox)

    return made
