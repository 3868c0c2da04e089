"""Fixtures of the plug-in's tests.

The tests also run apart from the core's, with installed wheels, like those of any plug-in. So they use what
`pushgateway` ships, and nothing of the core's own tests.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pushgateway_meizu import Meizu
from pushgateway_meizu.sandbox import MeizuSandbox

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH, HOST


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

    def made(**settings: Any) -> Meizu:
        given = {"app_id": "123456", "app_secret": "mz-demo-secret", **settings}
        found = load_vendors([Certificate(1, "meizu", given)], Plugins({"meizu": Meizu}))["1"]
        assert isinstance(found, Meizu), found
        return found

    return made


@pytest.fixture
def driver(load: Callable[..., Meizu]) -> Callable[..., ExchangeDriver]:
    """Makes the plug-in with its own sandbox: `driver({"vip": False}, tokens=3)`. The first argument are further
    settings of the certificate, the others are for the sandbox."""

    def made(settings: dict[str, Any] | None = None, **options: Any) -> ExchangeDriver:
        sandbox = MeizuSandbox(**{"clock": lambda: EPOCH, **options})
        return ExchangeDriver(load(**{**sandbox.settings(HOST), **(settings or {})}), sandbox)

    return made
