"""Fixtures of the plug-in's tests.

The tests also run apart from the core's, with installed wheels, like those of any plug-in. So they use what
`pushgateway` ships, and nothing of the core's own tests.
"""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from pushgateway.vendor.toolkit.columns import Columns
from pushgateway.vendor.toolkit.form_json import FormEncoder

settings.register_profile("no deadline", settings(), deadline=None)  # a busy machine needs longer for an example
settings.load_profile("no deadline")


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

    def count_calls(name: str, owner: type, method: str) -> None:
        real = getattr(owner, method)

        def counting(*given: Any) -> Any:
            calls.append(name)
            return real(*given)

        monkeypatch.setattr(owner, method, counting)

    count_calls("encode_ordinary", FormEncoder, "encode")
    count_calls("encode_notification", Columns, "encode_fully")
    return calls
