"""Which transport a gateway uses: the installed extra decides, or a name or an object of the host."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from raw_server import PLAIN, Behaviour, Server, serving

from pushgateway import ConfigError, FieldError, Gateway, HttpTransport, LeanTransport, sync
from pushgateway.config import load_config
from pushgateway.testing import SandboxTransport
from pushgateway.transport import Transport
from pushgateway.vendor import Request

every_gateway = pytest.mark.parametrize("make", [Gateway, sync.Gateway])
Make = Callable[..., Any]
MISSING = '"fast" needs httptools, which is not installed: pip install ".[fast]" in a checkout of this project'


@pytest.fixture
def without_httptools(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the extra `fast` were not installed."""
    monkeypatch.setitem(sys.modules, "httptools", None)
    monkeypatch.delitem(sys.modules, "pushgateway.transport.llhttp_reply", raising=False)


def used(gateway: Any) -> Transport:
    """The transport of a gateway, also of a blocking one."""
    transport: Transport = getattr(gateway, "_inner", gateway)._transport
    return transport


@every_gateway
def test_the_fast_transport_is_used_where_it_is_installed(make: Make) -> None:
    """No option is needed; each of the two can be named."""
    kinds = [type(used(make([], **option))) for option in ({}, {"transport": "fast"}, {"transport": "httpx"})]

    assert kinds == [LeanTransport, LeanTransport, HttpTransport]


@every_gateway
@pytest.mark.usefixtures("without_httptools")
def test_httpx_is_used_if_the_fast_transport_is_not_installed(make: Make) -> None:
    """Naming a transport that is not installed is an error, which says how to install it."""
    with pytest.raises(FieldError) as caught:
        make([], transport="fast")

    assert str(caught.value) == f"Gateway.transport: {MISSING}"
    assert [type(used(make([], **option))) for option in ({}, {"transport": "httpx"})] == [HttpTransport] * 2


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("fsat", 'must be "httpx" or "fast"'),
        ("", 'must be "httpx" or "fast"'),
        (7, 'must be "httpx", "fast" or an object that is a Transport, is int'),
        (LeanTransport, 'must be "httpx", "fast" or an object that is a Transport, is the class LeanTransport'),
    ],
)
@every_gateway
def test_an_object_that_is_no_transport_is_refused(make: Make, given: object, right: str) -> None:
    """The message names the argument and what would be right."""
    with pytest.raises(FieldError) as caught:
        make([], transport=given)

    assert caught.value.field == "Gateway.transport"
    assert str(caught.value) == f"Gateway.transport: {right}"


def test_a_transport_of_the_host_is_used_unchanged() -> None:
    """It may be any object with the methods of the protocol."""
    given = SandboxTransport({})

    assert used(Gateway([], transport=given)) is given


@pytest.mark.parametrize("name", [None, "httpx", "fast"])
def test_options_of_the_network_reach_each_transport(name: Any) -> None:
    """A wrong one is named as the gateway's, whichever transport is used."""
    with pytest.raises(FieldError, match=r"^Gateway\.proxy: must be http://host:port$"):
        Gateway([], transport=name, proxy="socks://x")

    assert used(Gateway([], transport=name, connections=3)).connections == 3  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["httpx", "fast"])
def test_a_gateway_closes_the_transport_that_it_made(name: Any) -> None:
    """Its connections are closed with it."""

    ended = asyncio.Event()

    def behaviour(server: Server) -> Behaviour:
        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await server.read(reader)
            writer.write(PLAIN)
            assert await reader.read() == b""
            ended.set()

        return run

    async def main() -> bool:
        async with serving(behaviour) as server:
            async with Gateway([], transport=name) as gateway:
                await used(gateway).send(Request("POST", server.url(), content=b"x"), pool="1", timeout=5)
                before = ended.is_set()
            async with asyncio.timeout(5):
                await ended.wait()
            return before

    assert asyncio.run(main()) is False


@pytest.mark.usefixtures("without_httptools")
def test_a_file_with_a_transport_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    """It is a problem of the file like all others, with the install command."""
    path = tmp_path / "pushgateway.toml"
    path.write_text('[gateway]\ntransport = "fast"\n', "utf-8")

    with pytest.raises(ConfigError) as caught:
        load_config(path)

    assert caught.value.problems == (f"gateway.transport: {MISSING}",)


@pytest.mark.parametrize(("name", "kind"), [("httpx", HttpTransport), ("fast", LeanTransport)])
def test_a_file_chooses_the_transport(tmp_path: Path, name: str, kind: type) -> None:
    """An argument in code overrides it."""
    path = tmp_path / "pushgateway.toml"
    path.write_text(f'[gateway]\ntransport = "{name}"\n', "utf-8")
    config = load_config(path)

    assert type(used(config.gateway())) is kind
    assert type(used(config.gateway(transport="httpx"))) is HttpTransport
