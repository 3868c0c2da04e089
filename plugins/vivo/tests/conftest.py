"""Fixtures of the plug-in's tests.

The tests also run apart from the core's, with installed wheels, like those of any plug-in. So they use what
`pushgateway` ships, and nothing of the core's own tests.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pushgateway_vivo import Vivo
from pushgateway_vivo.sandbox import VivoSandbox

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import Plugins
from pushgateway.certificates.settings import load_vendors
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH, HOST


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of requests and replies in the shapes of the sources."""
    return Path(__file__).resolve().parent / "samples"


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, the only event loop that the gateway supports."""
    return "asyncio"


@pytest.fixture
def load() -> Callable[..., Vivo]:
    """Loads a certificate: `load(app_id="7", …)`."""

    def made(**settings: Any) -> Vivo:
        found = load_vendors([Certificate(1, "vivo", settings)], Plugins({"vivo": Vivo}))["1"]
        assert isinstance(found, Vivo)
        return found

    return made


@pytest.fixture
def driver(load: Callable[..., Vivo]) -> Callable[..., ExchangeDriver]:
    """Makes a plug-in with its own sandbox: `driver({"test_messages": True}, tokens=3)`. The first argument is further
    settings of the certificate, None leaves one out; the others are for the sandbox."""

    def made(settings: dict[str, Any] | None = None, **options: Any) -> ExchangeDriver:
        sandbox = VivoSandbox(**{"clock": lambda: EPOCH, **options})
        given = {**sandbox.settings(HOST), **(settings or {})}
        return ExchangeDriver(load(**{name: one for name, one in given.items() if one is not None}), sandbox)

    return made
