"""How the transport on httpx reads a reply: h11 parses it.

What bytes mean as HTTP is decided by h11; here are the bounds. Imported when the first `HttpTransport` is made.
"""

from __future__ import annotations

import asyncio

import h11

from pushgateway.transport.body import MAX_HEAD, MAX_HEADERS, Body, decode_headers
from pushgateway.transport.connection import Connection
from pushgateway.vendor import NoVerdict

_SLICE = 8 * 1024
"""Bytes that h11 gets at once while it reads a head: it takes interim replies (1xx) one by one, some 60 us each, and a
flood of them must not hold the event loop."""
_TURN = 256
"""Pieces of a body between two turns of the event loop."""


class H11Reply:
    """A reply while it comes in, as h11 parses it."""

    def __init__(self, method: str) -> None:
        """`method`: of the request."""
        self.reusable = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self._h11 = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD + _SLICE)
        # h11 wants to see the request that it reads the reply to; ours is written without it, in one piece.
        self._h11.send(h11.Request(method=method, target="/", headers=[("host", "h")]))
        self._h11.send(h11.EndOfMessage())
        self._head = self._lines = 0

    async def read(self, connection: Connection) -> bytes:
        """See `pushgateway.transport.pool.Reply`."""
        try:
            await self._read_head(connection)
            return await self._read_body(connection)
        except h11.RemoteProtocolError as broken:
            raise ConnectionAbortedError(type(broken).__name__) from None

    async def _read_head(self, connection: Connection) -> None:
        while True:
            data = await connection.read()
            if not data:
                raise ConnectionAbortedError("cut")
            for begin in range(0, len(data), _SLICE):
                if begin and not self.status:
                    await asyncio.sleep(0)
                if not self.status:
                    self._count_lines(data[begin : begin + _SLICE])
                self._h11.receive_data(data[begin : begin + _SLICE])
                if not self.status:
                    self._head += len(data[begin : begin + _SLICE])
                    self._look_for_head()
            if self.status:
                return

    def _count_lines(self, data: bytes) -> None:
        """Before h11 reads them, which takes 0.2 ms for each."""
        end = data.find(b"\r\n\r\n")
        self._lines += data.count(b"\n") if end < 0 else data.count(b"\n", 0, end)
        if self._lines > MAX_HEADERS:
            raise NoVerdict(f"the head of the reply has more than {MAX_HEADERS} lines")

    def _look_for_head(self) -> None:
        while True:
            event = self._h11.next_event()
            if isinstance(event, h11.Response):
                self.status = event.status_code
                self.headers = decode_headers(event.headers)
                return
            if not isinstance(event, h11.InformationalResponse):
                break
        if event is not h11.NEED_DATA:
            raise ConnectionAbortedError("not a reply")  # 101: no request asked for another protocol
        if self._head > MAX_HEAD:
            raise NoVerdict(f"the head of the reply is larger than {MAX_HEAD} bytes")

    async def _read_body(self, connection: Connection) -> bytes:
        body = Body(self.headers.get("content-encoding", ""))
        parts = 0
        while True:
            parts += 1
            if not parts % _TURN:
                await asyncio.sleep(0)
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                self._h11.receive_data(await connection.read())
            elif isinstance(event, h11.Data):
                body.add(bytes(event.data))
            else:
                break
        self.reusable = self._h11.their_state is h11.DONE and not self._h11.trailing_data[0]
        return body.whole()
