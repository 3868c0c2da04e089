"""One connection: bytes out, bytes in, TLS where asked for.

Law of this file: it knows no HTTP. It knows whether everything that was written was handed to the system (`unsent`),
also after the connection broke, and that is why TLS is done here: asyncio's own TLS hides how much it still holds.
Certificates are verified by the context that is handed in; nothing here could switch that off.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl

from pushgateway.transport.dns import Address, Resolver
from pushgateway.transport.limit import within
from pushgateway.vendor.refusals import NoVerdict

KEPT = 4.0
"""Seconds that an idle connection is kept: below the 5 s after which common servers drop one."""
STAGGER = 0.25
"""Seconds until the next address of a name is tried beside the last one (RFC 8305, section 5)."""
_ENOUGH = 256 * 1024
"""Bytes that arrived and that nobody has read yet: more stay in the system's buffer, and the peer waits."""
_SPENT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Wire(asyncio.Protocol):
    """One connection. Read and written by one task at a time."""

    def __init__(self) -> None:
        self.unsent = False
        """Whether something written was not handed to the system (yet, or ever)."""
        self.received = 0
        """How often bytes or the end have arrived."""
        self._socket: socket.socket | None = None
        self._transport: asyncio.Transport | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None  # once hands are shaken
        self._arrived: list[bytes] = []
        self._size = 0
        self._ended = False
        self._broken: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    # What the event loop calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        transport.set_write_buffer_limits(high=0)  # so that `unsent` is exact
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.received += 1
        if self._tls is not None:
            data = self._decrypt(self._tls, data)
        if data:
            self._arrived.append(data)
            self._size += len(data)
            if self._size > _ENOUGH and self._transport is not None:
                self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        if self._tls is not None and not self._ended:  # without a goodbye anybody on the way may have cut it
            self._broken = self._broken or ConnectionAbortedError("cut")
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if not self._ended:
            self._broken = self._broken or exc or ConnectionAbortedError("closed")
        self._ended = True
        self._transport = None
        self._wake()

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.unsent = True

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.unsent = False
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # What a transport calls

    def opened_on(self, sock: socket.socket) -> None:
        """`sock` carries it; the event loop closes it."""
        self._socket = sock

    @property
    def idle(self) -> bool:
        """Whether it is open and nothing came that nobody asked for."""
        return self._transport is not None and not self._ended and not self._arrived and not self.unsent

    @property
    def fresh(self) -> bool:
        """`idle`, and nothing lies unread in the system's buffer: the event loop may not have looked there yet."""
        if not self.idle or self._socket is None:
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            pass
        return False

    def write(self, *parts: bytes) -> None:
        """Write; what the system does not take at once goes out by and by. Raises `OSError`."""
        if self._transport is None:
            self.unsent = True
            raise self._broken or ConnectionAbortedError("closed")
        if self._tls is not None:
            for part in parts:
                self._tls.write(part)
            parts = (self._outgoing.read(),)
        for part in parts:
            self._transport.write(memoryview(part))  # what is left over is sliced: a view is not copied for that

    async def drain(self) -> None:
        """Wait until all is handed to the system. Raises `OSError`."""
        while self.unsent:
            if self._transport is None:
                raise self._broken or ConnectionAbortedError("closed")
            await self._wait()

    async def read(self) -> bytes:
        """What has arrived, at least a byte; nothing at the end. Raises `OSError`."""
        while not self._arrived:
            if self._broken is not None:
                raise self._broken.with_traceback(None)
            if self._ended:
                return b""
            await self._wait()
        data = self._arrived[0] if len(self._arrived) == 1 else b"".join(self._arrived)
        self._arrived.clear()
        if self._size > _ENOUGH and self._transport is not None:
            self._transport.resume_reading()
        self._size = 0
        return data

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in TLS with `host`, verified by `context`. Raises `OSError` (`ssl.SSLError` is one)."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
            except ssl.SSLError:
                self._flush()  # tells the peer why
                raise
            if data := await self.read():
                self._incoming.write(data)
            else:
                self._incoming.write_eof()
        self._flush()
        self._tls = tls
        if rest := self._decrypt(tls, b""):
            self._arrived.append(rest)

    def close(self) -> None:
        """Say goodbye and close."""
        if self._transport is None:
            return
        if self._tls is not None and not self._ended:
            with contextlib.suppress(ssl.SSLError, ValueError):  # it waits for the peer's goodbye; ours is written
                self._tls.unwrap()
            self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever is on its way."""
        if self._transport is not None:
            self._transport.abort()

    # TLS

    def _flush(self) -> None:
        if self._outgoing.pending and self._transport is not None:
            self._transport.write(self._outgoing.read())

    def _decrypt(self, tls: ssl.SSLObject, data: bytes) -> bytes:
        self._incoming.write(data)
        parts: list[bytes] = []
        try:
            while part := tls.read(65536):
                parts.append(part)
            self._ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._ended = True
        except ssl.SSLError as broken:
            self._broken, self._ended = broken, True
        self._flush()
        return parts[0] if len(parts) == 1 else b"".join(parts)


async def dial(resolver: Resolver, host: str, port: int, timeout: float) -> Wire:  # noqa: ASYNC109
    """A connection to `host`, within `timeout` seconds. Raises `NoVerdict` with `sent` False."""
    doing = "dns"
    try:
        with within(timeout):
            addresses = await resolver.addresses(host, port)
            doing = "connect"
            return await _connect_any(resolver, (host, port), addresses)
    except socket.gaierror:
        words = "dns: the host's name was not resolved"
    except TimeoutError:
        resolver.forget(host, port)
        words = f"{doing}: no answer in time"
    except OSError as failed:
        resolver.forget(host, port)
        words = "connect: refused or unreachable"
        if failed.errno in _SPENT or (doing == "dns" and failed.errno is None):
            words = "resource: the process has no file descriptor or thread left"
    raise NoVerdict(words, sent=False)


async def _connect_any(resolver: Resolver, name: tuple[str, int], addresses: tuple[Address, ...]) -> Wire:
    """The first address that answers (RFC 8305): the next one is tried `STAGGER` seconds after the last, or at once
    when that failed. The one that answered is tried first next time."""
    last: OSError = OSError("a name without an address")
    left = list(addresses)
    trying: dict[asyncio.Task[Wire], Address] = {}
    try:
        while left or trying:
            if left:
                address = left.pop(0)
                trying[asyncio.create_task(_connect(*address))] = address
            done, _ = await asyncio.wait(trying, timeout=STAGGER if left else None, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                try:
                    wire = task.result()
                except OSError as failed:
                    del trying[task]
                    last = failed
                else:
                    resolver.prefer(*name, trying.pop(task))
                    return wire
            if last.errno in _SPENT:
                break
        raise last
    finally:
        for task in trying:
            task.cancel()
            task.add_done_callback(_drop)


def _drop(task: asyncio.Task[Wire]) -> None:
    """A connection that came too late is closed."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()


async def _connect(family: int, address: object) -> Wire:
    loop = asyncio.get_running_loop()
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, address)  # type: ignore[arg-type]
        _, wire = await loop.create_connection(Wire, sock=sock)
        wire.opened_on(sock)
    except BaseException:
        sock.close()
        raise
    return wire


async def secure(wire: Wire, context: ssl.SSLContext, host: str, timeout: float) -> None:  # noqa: ASYNC109
    """TLS with `host`, within `timeout` seconds. Raises `NoVerdict` with `sent` False, and the wire is closed."""
    try:
        with within(timeout, lambda: wire.received):
            await wire.start_tls(context, host)
            return
    except TimeoutError:
        wire.abort()
        words = "tls: no answer in time"
    except ssl.SSLCertVerificationError as untrusted:
        words = f"tls: the server's certificate is not trusted ({untrusted.verify_message})"
    except OSError:  # `ssl.SSLError` is one
        words = "tls: the handshake failed"
    except BaseException:
        wire.abort()
        raise
    wire.close()
    raise NoVerdict(words, sent=False)
