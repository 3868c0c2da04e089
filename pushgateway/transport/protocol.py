"""The port: what a lane needs of a network.

Law of this file: no network. It says what a transport owes everybody else; the rooms beside it keep the promise.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from pushgateway.vendor import Request, Response

CONNECTIONS = 8
"""Requests at once for each certificate and server, where nothing else is said."""
MAX_REPLY = 4 * 1024 * 1024
"""Bytes of a reply's body, decoded; 1,000 items of a batch need about 150 KB."""


class Transport(Protocol):
    """The port: what a lane needs of a network."""

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109 - the limit is ours
        """Ask once. `pool` keeps connections of different certificates apart; `timeout` is in seconds, for all of it.

        Raises `NoVerdict`, with `sent` False when it is sure that the request did not leave completely.
        """

    async def aclose(self) -> None:
        """Close all connections."""


@runtime_checkable
class Forgetful(Protocol):
    """A transport that can let go of one certificate's connections."""

    async def forget(self, pool: str) -> None:
        """Close the connections of `pool`, which is not used any more."""
