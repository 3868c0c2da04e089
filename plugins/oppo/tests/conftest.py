"""What the plug-in's tests share. They run apart from the core's, on installed wheels, as anybody's plug-in would.

Nothing of the core's own tests is used here, only what `pushgateway` ships.
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
    """Tests marked `anyio` run on asyncio, the only loop the gateway knows."""
    return "asyncio"


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of each encoding of a notification, in order."""
    calls: list[str] = []

    def emitter(name: str) -> None:
        real = getattr(splicing, name)

        def watched(*given: Any) -> Any:
            calls.append(name)
            return real(*given)

        monkeypatch.setattr(splicing, name, watched)

    emitter("encode_ordinary")
    emitter("encode_notification")
    return calls
