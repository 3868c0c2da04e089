"""How the faster transport hears a reply: httptools (llhttp, in C) reads it, strictly.

Law of this file: what a reply means byte by byte is llhttp's to say. Here is kept what it found, with bounds. Imported
when the first `LeanTransport` is made, because it needs the extra `fast`.
"""

from __future__ import annotations

import asyncio

import httptools

from pushgateway.transport.body import MAX_HEAD, MAX_HEADERS, Body, decode_headers
from pushgateway.transport.connection import Wire
from pushgateway.transport.request_head import Headers
from pushgateway.vendor.refusals import NoVerdict

_SLICE = 32 * 1024
"""Bytes that httptools gets at once: in chunks of one byte these are some 5,000 calls, a few milliseconds."""


class LlhttpReply:
    """A reply as it comes in; its `on_` methods are what httptools calls. What follows a whole reply is not heard."""

    def __init__(self, method: str) -> None:
        """`method`: of the request."""
        self.complete = False
        self.reusable = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self._bodiless = method in ("HEAD", "CONNECT")  # nothing follows the head
        self._raw: Headers = []
        self._parts: list[bytes] = []
        self._body: Body | None = None
        self._head = 0
        self._to_the_end = False
        self._trouble: NoVerdict | None = None

    def on_message_begin(self) -> None:
        """See httptools."""
        self.reusable = False  # only a second message, which nobody asked for, comes when there was an end already

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        if self._body is None:  # else a trailer
            if len(self._raw) < MAX_HEADERS:
                self._raw.append((name, value))
            else:
                self._trouble = NoVerdict(f"the head of the reply has more than {MAX_HEADERS} lines")

    def on_headers_complete(self) -> None:
        """See httptools."""
        if self.complete:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:  # an interim reply: the real one is to come
            self._raw.clear()
            return
        self.headers = decode_headers(self._raw)
        try:
            self._body = Body(self.headers.get("content-encoding", ""))
        except NoVerdict as unreadable:
            self._trouble = unreadable  # raised where httptools does not wrap it
        self._to_the_end = not self.headers.keys() & {"content-length", "transfer-encoding"}
        self.complete = self._bodiless

    def on_body(self, part: bytes) -> None:
        """See httptools."""
        if not self.complete:
            self._parts.append(part)

    def on_message_complete(self) -> None:
        """See httptools."""
        if not self.complete and self.status >= 200:
            self.complete = True
            self.reusable = self._parser.should_keep_alive()

    async def read(self, wire: Wire) -> bytes:
        """Hear all of it; returns the body. Raises `NoVerdict`, or `OSError` where the wire broke."""
        self._parser = httptools.HttpResponseParser(self)
        try:
            while not self.complete:
                data = await wire.read()
                if not data:
                    self._end()
                    break
                if len(data) <= _SLICE:
                    self._feed(data)
                else:
                    await self._feed_slices(data)
            return b"" if self._body is None else self._body.whole()
        finally:
            del self._parser  # it refers to us: a circle would live until the garbage collection

    async def _feed_slices(self, data: bytes) -> None:
        """Other tasks get a turn between the slices."""
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
        if self._trouble is not None:
            raise self._trouble
        if self._body is None:
            self._head += len(data)
            if self._head > MAX_HEAD:
                raise NoVerdict(f"the head of the reply is larger than {MAX_HEAD} bytes")
            return
        for part in self._parts:
            self._body.add(part)
        self._parts.clear()

    def _end(self) -> None:
        """Nothing more comes. Only a reply that says nothing of its length is whole by that."""
        if self._body is None or not self._to_the_end:
            raise ConnectionAbortedError("cut")
        self.complete = True
