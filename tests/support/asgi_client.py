"""The server's side of ASGI, for tests of the receipts app: in virtual time and without a socket.

A `Post` records what the app answered and how much of the body it read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs

from pushgateway.receipts import Receipts


@attrs.define
class Post:
    """One request and the app's answer to it."""

    path: str
    chunks: Sequence[bytes | float | None] = (b"",)
    """The body in the order of arrival: bytes are a chunk, a number is a pause in seconds, None is a client that
    disconnects."""
    method: str = "POST"
    headers: Sequence[tuple[bytes, bytes]] = ((b"content-type", b"application/json"),)
    root_path: str = ""
    status: int = 0
    answer: dict[str, str] = attrs.field(factory=dict)
    content: bytes = b""
    taken: int = 0
    """Number of chunks that the app asked for."""

    async def to(self, app: Receipts) -> Post:
        """Send this request to the app."""
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
            self.content = message["body"]
            assert message == {"type": "http.response.body", "body": self.content}
            assert self.answer["content-length"] == str(len(self.content))
