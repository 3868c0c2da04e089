"""A vendor that checks access tokens: each belongs to one app, and is refused after the test has revoked it.

Virtual time only, with the toy vendor's format. The certificate "k" logs in with the secret "key-k" unless the test
says otherwise. Every login, and every push with another app's access token, is recorded.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable

from toy_vendor import certificate

from pushgateway import Certificate
from pushgateway.vendor import Request, Response

__all__ = ["TokenVendor", "certificate_of"]


def certificate_of(key: str, secret: str = "", **settings: object) -> Certificate:
    """A certificate of this vendor, with a secret of its own."""
    return certificate(key, secret=secret or f"key-{key}", **settings)


class TokenVendor:
    """The vendor and the transport to it."""

    def __init__(self, *, last_wins: bool = False) -> None:
        """`last_wins`: a login revokes the earlier access tokens."""
        self.last_wins = last_wins
        self.login_takes = 0.05
        self.login_code: Callable[[str, float], str] = lambda secret, now: "0"
        """The reply code of a login, by secret and time."""
        self.takes: Callable[[str], float] = lambda token: 0.05
        """Seconds from the vendor's decision to the arrival of the reply, by the first token of a batch."""
        self.logins: list[tuple[str, float]] = []
        """(secret, time) of each login."""
        self.pushed: Counter[str] = Counter()
        """Accepted pushes by certificate."""
        self.misused: list[str] = []
        """Certificates that used another one's access token."""
        self._good: dict[str, str] = {}  # access token -> secret

    def revoke(self, secret: str) -> None:
        """The access tokens of an app are no longer valid."""
        self._good = {token: owner for token, owner in self._good.items() if owner != secret}

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        if request.url.endswith("/login"):
            return await self._login(json.loads(request.content)["secret"])
        items = json.loads(request.content)
        owner = self._good.get(request.headers["authorization"].removeprefix("Bearer "))
        if owner is not None:
            self.pushed[pool] += len(items)
            self.misused += [pool] * (owner != f"key-{pool}")
        await asyncio.sleep(self.takes(items[0][0]))
        return _reply({"code": 11} if owner is None else {"code": 0, "codes": {token: "0" for token, *_ in items}})

    async def aclose(self) -> None:
        """Nothing to close."""

    async def _login(self, secret: str) -> Response:
        now = asyncio.get_running_loop().time()
        self.logins.append((secret, now))
        token = f"access-{len(self.logins)}"
        await asyncio.sleep(self.login_takes)
        code = self.login_code(secret, now)
        if code != "0":
            return _reply({"code": code})
        if self.last_wins:
            self.revoke(secret)
        self._good[token] = secret
        return _reply({"code": 0, "token": token})


def _reply(body: dict[str, object]) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(body).encode())
