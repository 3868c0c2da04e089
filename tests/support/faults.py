"""The table of network and HTTP faults: name -> (what the server sends, the outcome that the push must have).

One row is one fault of groups N and H of `catalogue.md`. Expected outcomes: `A` accepted, `U` unknown, `R(reason)`
rejected. `tests/transport/test_faults.py` runs each row through a whole gateway: every transport, fresh and reused
connections, plain and TLS.
"""

from __future__ import annotations

import asyncio
import gzip
import itertools
from collections.abc import Iterator

from faulty_server import Answer, reset
from raw_server import BODY, PLAIN

from pushgateway import Reason, Status

Ending = tuple[Status, Reason | None]
Rows = dict[str, tuple[Answer, Ending]]

A: Ending = (Status.ACCEPTED, None)
U: Ending = (Status.UNKNOWN, Reason.NO_VERDICT)


def R(reason: Reason) -> Ending:  # noqa: N802 - one letter beside A and U
    return Status.REJECTED, reason


# How a server answers


def says(*parts: bytes, then: str = "close", pause: float | None = None) -> Answer:
    """Send the parts with `pause` seconds after each, then close, reset or hang."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            if pause is not None:
                await asyncio.sleep(pause)
        if then == "reset":
            reset(writer)
        elif then == "hang":
            await reader.read()

    return answer


def floods(start: bytes, again: bytes) -> Answer:
    """Send `start`, then `again` without end."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while not writer.is_closing():
            writer.write(again)
            await writer.drain()
            await asyncio.sleep(
                0
            )  # over TLS drain() does not notice a lost connection without another turn of the loop

    return answer


def page(content: bytes, *headers: str, status: int = 200) -> bytes:
    """A whole HTTP reply."""
    lines = [f"HTTP/1.1 {status} So", *headers, f"Content-Length: {len(content)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def head(*headers: str) -> bytes:
    """The head of a reply with these headers and no length of the body."""
    return "\r\n".join(["HTTP/1.1 200 OK", *headers]).encode() + b"\r\n\r\n"


def slices(reply: bytes) -> Iterator[bytes]:
    """The reply in single bytes."""
    return (reply[place : place + 1] for place in range(len(reply)))


# The table

CHUNKED = head("Transfer-Encoding: chunked")
WHOLE_CHUNK = b"%x\r\n%s\r\n" % (len(BODY), BODY)
HTML = b"<html><body>Please log in</body></html>"
ZIP = "Content-Encoding: gzip"

CONNECTION: Rows = {
    "never": (says(then="hang"), U),
    "ends-at-once": (says(), U),
    "resets-at-once": (says(then="reset"), U),
    "drips-its-head": (says(*slices(PLAIN[:30]), pause=0.05), U),
    "drips-its-body": (says(PLAIN[:-10], *slices(PLAIN[-10:]), pause=0.08), U),
    "hangs-in-its-head": (says(PLAIN[:30], then="hang"), U),
    "hangs-in-its-body": (says(PLAIN[:-1], then="hang"), U),
    "single-bytes": (says(*slices(PLAIN), pause=0), A),
    "pauses-that-fit": (says(PLAIN[:20], PLAIN[20:60], PLAIN[60:], pause=0.05), A),
}

HTTP: Rows = {
    "bad-status-line": (says(b"HTTP/9.9 what\r\n\r\n"), U),
    "not-http": (says(b"SSH-2.0-OpenSSH_9.6\r\n" * 3), U),
    "bad-status": (says(b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"), U),
    "two-lengths": (says(head("Content-Length: 10", "Content-Length: 11") + BODY), U),
    "negative-length": (says(head("Content-Length: -1") + BODY), U),
    "odd-length": (says(head("Content-Length: ten") + BODY), U),
    "too-many-headers": (says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000), U),
    "too-long-header": (says(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1_000_000), U),
    "endless-headers": (floods(b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 5000 + b"\r\n"), U),
    "endless-100": (floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), U),
    "endless-103": (floods(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100), U),
    "100-then-200": (says(b"HTTP/1.1 100 Continue\r\n\r\n", PLAIN), A),
    "101": (says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), U),
    "chunked": (says(CHUNKED + WHOLE_CHUNK + b"0\r\n\r\n"), A),
    "chunked-in-bytes": (says(*slices(CHUNKED + WHOLE_CHUNK + b"0\r\n\r\n"), pause=0), A),
    "chunk-cut": (says(CHUNKED + WHOLE_CHUNK[:-6]), U),
    "chunks-without-end": (says(CHUNKED + WHOLE_CHUNK), U),
    "chunk-reset": (says(CHUNKED + WHOLE_CHUNK, then="reset"), U),
    "bad-chunk-size": (says(CHUNKED + b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"), U),
    "huge-chunk-size": (says(CHUNKED + b"f" * 40 + b"\r\n" + BODY), U),
    "no-length": (says(head("Connection: close") + BODY), A),
    "no-length-reset": (says(head("Connection: close") + BODY, then="reset"), U),
    "two-replies": (says(PLAIN + PLAIN), A),
}

BODIES: Rows = {
    "huge-declared": (says(head("Content-Length: 99999999999") + b"x", then="hang"), U),
    "endless-body": (floods(CHUNKED, b"10000\r\n" + b"x" * 0x10000 + b"\r\n"), U),
    "gzip": (says(page(gzip.compress(BODY, mtime=0), ZIP)), A),
    "gzip-bomb": (says(page(gzip.compress(bytes(30_000_000), mtime=0), ZIP)), U),
    "bad-gzip": (says(page(b"nope", ZIP)), U),
    "cut-gzip": (says(page(gzip.compress(BODY, mtime=0)[:-4], ZIP)), U),
    "other-encoding": (says(page(BODY, "Content-Encoding: br")), U),
    "empty": (says(page(b"")), U),
    "204": (says(b"HTTP/1.1 204 No Content\r\n\r\n"), U),
    "html": (says(page(HTML, "Content-Type: text/html")), U),
    "wrong-type": (says(page(BODY, "Content-Type: text/html")), A),
    "bom": (says(page(b"\xef\xbb\xbf" + BODY)), A),
    "utf-16": (says(page(BODY.decode().encode("utf-16"))), U),
    "cut-json": (says(page(BODY[:-1])), U),
    "garbage-behind": (says(page(BODY + b"x")), U),
    "two-documents": (says(page(BODY + BODY)), U),
    "deep": (says(page(b"[" * 100_000)), U),
    "long-number": (says(page(b'{"code":' + b"1" * 5000 + b"}")), U),
    "no-code": (says(page(b"{}")), U),
}

STATUSES: Rows = {
    "500-with-0": (says(page(BODY, status=500)), U),
    "500-html": (says(page(HTML, status=500)), U),
    "502": (says(page(HTML, status=502)), U),
    "503-with-code": (says(page(b'{"code":5}', status=503)), R(Reason.UNAVAILABLE)),
    "504": (says(page(b"", status=504)), U),
    "200-dead-token": (says(page(b'{"code":2}')), R(Reason.UNREGISTERED)),
    "400": (says(page(HTML, status=400)), R(Reason.INVALID_NOTIFICATION)),
    "403": (says(page(HTML, status=403)), R(Reason.CREDENTIALS)),
    "404": (says(page(HTML, status=404)), R(Reason.CREDENTIALS)),
    "405": (says(page(HTML, status=405)), R(Reason.CREDENTIALS)),
    "413": (says(page(HTML, status=413)), R(Reason.INVALID_NOTIFICATION)),
    "429": (says(page(HTML, status=429)), R(Reason.RATE_LIMITED)),
}


IN_TIME = {"single-bytes", "chunked-in-bytes", "pauses-that-fit"}
"""Slow replies that must still be read in time. They run separately, so that load on the machine does not make them
late."""
FLOODS = {name for name in HTTP | BODIES if name.startswith(("endless", "too-"))}
"""Rows that use much CPU. They do not run at the same time as rows that must be in time."""


def redirects(canary: str) -> Rows:
    """Redirects to `canary`, a server that must never be contacted."""
    to = f"Location: {canary}"
    return {f"redirect-{status}": (says(page(b"", to, status=status)), U) for status in (301, 302, 303, 307, 308)}


def cuts(step: int) -> Rows:
    """The reply cut after every `step`th byte, by end of stream and by reset. Only the whole one is a verdict."""
    places = range(0, len(PLAIN), step)
    rows: Rows = {
        f"cut-{then}-{place}": (says(PLAIN[:place], then=then), U)
        for place, then in itertools.product(places, ("close", "reset"))
    }
    return rows | {"not-cut": (says(PLAIN), A)}


def rows(canary: str, step: int) -> Rows:
    """All rows."""
    return CONNECTION | HTTP | BODIES | STATUSES | redirects(canary) | cuts(step)
