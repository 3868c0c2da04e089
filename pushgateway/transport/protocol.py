"""The protocol that every transport implements, and the figures that all of them share.

There is no network in this module. `httpx_transport` and `lean_transport` are the two transports that are shipped;
`pushgateway.testing` has one without a network, and a host may write its own.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pushgateway.vendor import Request, Response

CONNECTIONS = 8
"""Requests at once for each certificate and server, unless the host sets another number."""
MAX_REPLY = 4 * 1024 * 1024
"""Bytes of a reply's body, decoded. 1,000 items of a batch need about 150 KB."""


class Transport(Protocol):
    """Sends one request and returns its reply."""

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109 - the limit is ours
        """Send once. Requests of different `pool` (certificate ids) never share a connection. `timeout`: seconds for
        the whole of it, names and handshakes included.

        Raises `NoVerdict` where there is no whole reply, with `sent` False if it is sure that the request did not leave
        completely; and `TooLate` if `request.leave_before` was over when its first byte could have left.
        """

    async def aclose(self) -> None:
        """Close all connections."""


@runtime_checkable
class Forgetful(Protocol):
    """A transport that can close the connections of one certificate."""

    async def forget(self, pool: str) -> None:
        """Close the connections of `pool`, which is not used any more."""


@runtime_checkable
class Resizable(Protocol):
    """A transport that keeps a number of connections for each certificate and server, which the gateway sets."""

    def resize(self, pool: str, connections: int) -> None:
        """Send so many requests of `pool` at once to each server. A request beyond them waits, and that is not the
        vendor's time."""
