"""The options of the network: those of the gateway, those of its transport, and that the two agree."""

from typing import Any

import pytest

from pushgateway import FieldError, Gateway, HttpTransport


def test_a_gateway_and_its_transport_agree_on_connections() -> None:
    """Fewer connections in the transport than requests at once in the gateway is a mistake of the host, and reported as
    one."""
    with pytest.raises(FieldError) as caught:
        Gateway([], connections=32, transport=HttpTransport())

    assert caught.value.field == "Gateway.connections"
    assert "is 32, but the transport has 8: give HttpTransport(connections=32)" in str(caught.value)
    assert Gateway([], connections=8, transport=HttpTransport()) is not None
    assert Gateway([], transport=HttpTransport(connections=3)) is not None


@pytest.mark.parametrize("option", [{"proxy": "http://proxy:1"}, {"connect_timeout": 1.0}, {"ca_file": "x.pem"}])
def test_network_options_are_refused_beside_a_transport_of_the_host(option: dict[str, Any]) -> None:
    """Such an option would be ignored, so it is refused."""
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
def test_a_wrong_network_option_is_named_as_an_argument_of_the_gateway(option: dict[str, Any], sentence: str) -> None:
    """The host gave it to the gateway, so the message names the gateway's argument."""
    with pytest.raises(FieldError, match=sentence):
        Gateway([], **option)
