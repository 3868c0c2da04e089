"""The options of the network: of the gateway, of its transport, and what both of them say."""

from typing import Any

import pytest

from pushgateway import FieldError, Gateway, HttpTransport


def test_a_gateway_and_its_transport_agree_on_connections() -> None:
    """More requests at once than the transport has connections is a mistake of the host's, named as one."""
    with pytest.raises(FieldError) as caught:
        Gateway([], connections=32, transport=HttpTransport())

    assert caught.value.field == "Gateway.connections"
    assert "is 32, but the transport has 8: give HttpTransport(connections=32)" in str(caught.value)
    assert Gateway([], connections=8, transport=HttpTransport()) is not None
    assert Gateway([], transport=HttpTransport(connections=3)) is not None


@pytest.mark.parametrize("option", [{"proxy": "http://proxy:1"}, {"connect_timeout": 1.0}, {"ca_file": "x.pem"}])
def test_a_transport_of_the_hosts_has_its_own_options(option: dict[str, Any]) -> None:
    """An option that would be ignored is refused."""
    with pytest.raises(FieldError, match=r"Gateway.transport: has its own connect_timeout, proxy and ca_file"):
        Gateway([], transport=HttpTransport(), **option)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"proxy": "socks://x"}, "Gateway.proxy: must be http://host:port"),
        ({"connections": 0}, "Gateway.connections: must be a whole number, 1 or more"),
        ({"connect_timeout": 0}, "Gateway.connect_timeout: must be more than 0 seconds"),
        ({"ca_file": "/no/such/file"}, "Gateway.ca_file: must be a file with certificate authorities"),
    ],
)
def test_a_wrong_option_of_the_network_is_named_as_the_gateways(option: dict[str, Any], sentence: str) -> None:
    """The host gave it to the gateway, so the sentence names the gateway's argument."""
    with pytest.raises(FieldError, match=sentence):
        Gateway([], **option)
