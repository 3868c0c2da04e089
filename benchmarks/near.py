"""Vendors in this process, for measurements that a network would disturb: delays, memory and calls.

They are transports that keep the contract of `Transport`; their replies are those of `stub.py`.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from stub import PATHS, answer

from pushgateway.vendor import Request, Response

AUTH = next(path for path, name in PATHS.items() if name == "auth")


class Distant:
    """A vendor that is `round_trip` seconds away. Counts its calls, logins excepted."""

    def __init__(self, round_trip: float) -> None:
        self.calls = 0
        self._round_trip = round_trip

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109 - the port's
        """See `Transport.send`."""
        path = urlsplit(request.url).path
        self.calls += path != AUTH
        reply = answer(path, request.content)
        await asyncio.sleep(self._round_trip)
        return Response(200, {"content-type": "application/json"}, reply)

    async def aclose(self) -> None:
        """Nothing to close."""


class Hanging(Distant):
    """A vendor that answers the login and then never again."""

    def __init__(self) -> None:
        super().__init__(0.0)

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109 - the port's
        """See `Transport.send`."""
        reply = await super().send(request, pool=pool, timeout=timeout)
        if self.calls:
            await asyncio.get_running_loop().create_future()
        return reply
