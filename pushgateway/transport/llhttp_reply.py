"""How the fast transport reads a reply: httptools (llhttp, in C) parses it, strictly.

What bytes mean as HTTP is decided by llhttp; here is kept what it found, within bounds. Imported when the first
`LeanTransport` is made, because it needs the extra `fast`.
"""

from __future__ import annotations

import asyncio

import httptools

from pushgateway.transport.body import MAX_HEAD, MAX_HEADERS, Body, decode_headers
from pushgateway.transport.connection import Connection
from pushgateway.transport.request_head import Headers
from pushgateway.vendor import NoVerdict

_SLICE = 32 * 1024
"""Bytes that httptools gets at once: in chunks of one byte these are some 5,000 calls, a few milliseconds."""


class LlhttpReply:
    """A reply while it comes in; httptools calls the `on_` methods. What follows a whole reply is not read."""

    def __init__(self, method: str) -> None:
        """`method`: of the request."""
        self.complete = False
        self.reusable = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self._has_no_body = method in ("HEAD", "CONNECT")
        self._raw: Headers = []
        self._parts: list[bytes] = []
        self._body: Body | None = None
        self._head = 0
        self._ends_with_connection = False
        self._problem: NoVerdict | None = None

    def on_message_begin(self) -> None:
        """See httptools."""
        self.reusable = False  # only a second reply, which no request asked for, begins when one was complete

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        if self._body is None:  # otherwise it is a trailer
            if len(self._raw) < MAX_HEADERS:
                self._raw.append((name, value))
            else:
                self._problem = NoVerdict(f"the head of the reply has more than {MAX_HEADERS} lines")

    def on_headers_complete(self) -> None:
        """See httptools."""
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:  # an interim reply: the final one is to come
            self._raw.clear()
            return
        self.headers = decode_headers(self._raw)
        try:
            self._body = Body(self.headers.get("content-encoding", ""))
        except NoVerdict as unreadable:
            self._problem = unreadable  # raised where httptools does not wrap it
        self._ends_with_connection = "content-length" not in self.headers and "transfer-encoding" not in self.headers
        self.complete = self._has_no_body

    def on_body(self, part: bytes) -> None:
        """See httptools."""
        if not self.complete:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """See httptools."""
        if not self.complete and self.status >= 200:
            self.complete = True
            self.reusable = self._parser.should_keep_alive()

    async def read(self, connection: Connection) -> bytes:
        """See `pushgateway.transport.pool.Reply`."""
        self._parser = httptools.HttpResponseParser(self)
        try:
            while not self.complete:
                data = await connection.read()
                if not data:
                    self._end()
                    break
                if len(data) <= _SLICE:
                    self._feed(data)
                else:
                    await self._feed_slices(data)
            return b"" if self._body is None else self._body.whole()
        finally:
            del self._parser  # it refers to this object: together they would live until the garbage collection

    async def _feed_slices(self, data: bytes) -> None:
        """Other tasks run between the slices."""
        for begin in range(0, len(data), _SLICE):
            self._feed(data[begin : begin + _SLICE])
            await asyncio.sleep(0)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as broken:
            if not self.complete:
                raise ConnectionAbortedError(type(broken).__name__) from None
            self.reusable = False
        if self._problem is not None:
            raise self._problem
        if self._body is None:
            self._head += len(data)
            if self._head > MAX_HEAD:
                raise NoVerdict(f"the head of the reply is larger than {MAX_HEAD} bytes")
            return
        for part in self._parts:
            self._body.add(part)
        self._parts.clear()

    def _end(self) -> None:
        """The connection has ended: that makes a reply whole only if it does not say how long it is."""
        if self._body is None or not self._ends_with_connection:
            raise ConnectionAbortedError("cut")
        self.complete = True
