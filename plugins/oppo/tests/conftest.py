"""Fixtures of the plug-in's tests.

The tests also run apart from the core's, with installed wheels, like those of any plug-in. So they use what
`pushgateway` ships, and nothing of the core's own tests.
"""

from pathlib import Path
from typing import Any

import pytest
from pushgateway_oppo import splicing


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of requests and replies copied from OPPO's documents."""
    return Path(__file__).resolve().parent / "samples"


@pytest.fixture
def anyio_backend() -> str:
    """Tests marked `anyio` run on asyncio, the only event loop that the gateway supports."""
    return "asyncio"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the encoders called, one for each notification encoded, in order."""
    calls: list[str] = []

    def count_calls(name: str) -> None:
        real = getattr(splicing, name)

        def counting(*given: Any) -> Any:
            calls.append(name)
            return real(*given)

        monkeypatch.setattr(splicing, name, counting)

    count_calls("encode_ordinary")
    count_calls("encode_notification")
    return calls
