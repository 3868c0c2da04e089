"""A server's side of ASGI, for tests of the receipts app: virtual time and no socket.

Law of this file: what a real server does and nothing else. `Post` says what the app answered and how much it read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs

from pushgateway.receipts import Receipts


@attrs.define
class Post:
    """One request, and what came of it."""

    path: str
    chunks: Sequence[bytes | float | None] = (b"",)
    """The body as it comes: a number is a pause in seconds, None a client that leaves."""
    method: str = "POST"
    headers: Sequence[tuple[bytes, bytes]] = ((b"content-type", b"application/json"),)
    root_path: str = ""
    status: int = 0
    answer: dict[str, str] = attrs.field(factory=dict)
    taken: int = 0
    """Chunks that the app asked for."""

    async def to(self, app: Receipts) -> Post:
        """Make the request."""
        scope = {
            "type": "http",
            "method": self.method,
            "path": self.path,
            "root_path": self.root_path,
            "headers": list(self.headers),
            "query_string": b"",
        }
        await app(scope, self._receive, self._send)
        return self

    async def _receive(self) -> dict[str, Any]:
        while self.taken < len(self.chunks):
            chunk = self.chunks[self.taken]
            self.taken += 1
            if chunk is None:
                return {"type": "http.disconnect"}
            if isinstance(chunk, float):
                await asyncio.sleep(chunk)
                continue
            return {"type": "http.request", "body": chunk, "more_body": self.taken < len(self.chunks)}
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.answer = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            assert message == {"type": "http.response.body", "body": b""}
