"""One TCP connection, with TLS where it is wanted, and how one is opened.

It knows no HTTP. It reports whether everything that was written was handed to the operating system (`unsent`), also
after the connection broke: that decides whether a push may be sent again. This is why TLS is done here: asyncio's own
TLS does not report how much it still holds. Certificates are verified by the context that is handed in; nothing here
can switch that off. Used by `pool`; the readers of replies (`h11_reply`, `llhttp_reply`) call `Connection.read`.
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

MAX_IDLE = 4.0
"""Seconds that an idle connection is kept: below the 5 s after which common servers close one."""
ATTEMPT_DELAY = 0.25
"""Seconds until the next address of a name is tried as well (RFC 8305, section 5: Connection Attempt Delay)."""
_MAX_UNREAD = 256 * 1024
"""Bytes that have arrived and were not read yet. More stay in the system's buffer, so that the peer has to wait."""
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""The process or the system has no file descriptor or memory left."""


class Connection(asyncio.Protocol):
    """One connection. One task at a time reads and writes it."""

    def __init__(self) -> None:
        self.unsent = False
        """Whether something that was written was not handed to the system (yet, or ever)."""
        self.received = 0
        """How often bytes have arrived."""
        self._socket: socket.socket | None = None
        self._transport: asyncio.Transport | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None  # after the handshake
        self._unread: list[bytes] = []
        self._unread_size = 0
        self._ended = False
        self._broken: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    # Called by the event loop

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        transport.set_write_buffer_limits(high=0)  # `pause_writing` is called for any rest, so that `unsent` is exact
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self.received += 1
        if self._tls is not None:
            data = self._decrypt(self._tls, data)
        if data:
            self._unread.append(data)
            self._unread_size += len(data)
            if self._unread_size > _MAX_UNREAD and self._transport is not None:
                self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        if self._tls is not None and not self._ended:  # without a closing alert anybody on the way may have cut it
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

    # Called by the transports

    def attach(self, sock: socket.socket) -> None:
        """`sock` is the socket of this connection; the event loop closes it."""
        self._socket = sock

    @property
    def idle(self) -> bool:
        """Whether it is open, everything written has left, and everything that came was read."""
        return self._transport is not None and not self._ended and not self._unread and not self.unsent

    @property
    def fresh(self) -> bool:
        """`idle`, and nothing lies unread in the system's buffer, where the event loop may not have looked yet: an end,
        or bytes that no request asked for."""
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
        """Write; what the system does not take at once is written later. Raises `OSError`."""
        if self._transport is None:
            self.unsent = True
            raise self._broken or ConnectionAbortedError("closed")
        if self._tls is not None:
            for part in parts:
                self._tls.write(part)
            parts = (self._outgoing.read(),)
        for part in parts:
            self._transport.write(memoryview(part))  # a rest is sliced off: a view is not copied for that

    async def read(self) -> bytes:
        """What has arrived, at least one byte; nothing at the end. Raises `OSError`."""
        while not self._unread:
            if self._broken is not None:
                raise self._broken.with_traceback(None)
            if self._ended:
                return b""
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._unread[0] if len(self._unread) == 1 else b"".join(self._unread)
        self._unread.clear()
        if self._unread_size > _MAX_UNREAD and self._transport is not None:
            self._transport.resume_reading()
        self._unread_size = 0
        return data

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Do the handshake with `host`, verified by `context`. Raises `OSError` (`ssl.SSLError` is one)."""
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
            except ssl.SSLError:
                self._flush()  # the alert that says why
                raise
            if data := await self.read():
                self._incoming.write(data)
            else:
                self._incoming.write_eof()
        self._flush()
        self._tls = tls
        if rest := self._decrypt(tls, b""):
            self._unread.append(rest)

    def close(self) -> None:
        """Close, in TLS after a closing alert."""
        if self._transport is None:
            return
        if self._tls is not None and not self._ended:
            with contextlib.suppress(ssl.SSLError, ValueError):  # it wants the peer's alert; ours is written
                self._tls.unwrap()
            self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once and drop what is not sent yet."""
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


async def open_connection(resolver: Resolver, host: str, port: int, timeout: float) -> Connection:  # noqa: ASYNC109
    """A connection to `host`, within `timeout` seconds. Raises `NoVerdict` with `sent` False."""
    step = "dns"
    try:
        with within(timeout):
            addresses = await resolver.addresses(host, port)
            step = "connect"
            return await _connect_any(resolver, (host, port), addresses)
    except socket.gaierror:
        detail = "dns: the host's name was not resolved"
    except TimeoutError:
        resolver.forget(host, port)
        detail = f"{step}: no answer in time"
    except OSError as failed:
        resolver.forget(host, port)
        detail = "connect: refused or unreachable"
        if failed.errno in _EXHAUSTED or (step == "dns" and failed.errno is None):
            detail = "resource: the process has no file descriptor or thread left"
    raise NoVerdict(detail, sent=False)


async def _connect_any(resolver: Resolver, name: tuple[str, int], addresses: tuple[Address, ...]) -> Connection:
    """The first address that answers (RFC 8305): the next one is tried `ATTEMPT_DELAY` seconds after the last, or at
    once when that failed. The one that answered is tried first next time. Raises `OSError`."""
    last: OSError = OSError("a name without an address")
    left = list(addresses)
    attempts: dict[asyncio.Task[Connection], Address] = {}
    try:
        while left or attempts:
            if left:
                address = left.pop(0)
                attempts[asyncio.create_task(_connect(*address))] = address
            done, _ = await asyncio.wait(
                attempts, timeout=ATTEMPT_DELAY if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                try:
                    connection = task.result()
                except OSError as failed:
                    del attempts[task]
                    last = failed
                else:
                    resolver.prefer(*name, attempts.pop(task))
                    return connection
            if last.errno in _EXHAUSTED:
                break
        raise last
    finally:
        for task in attempts:
            task.cancel()
            task.add_done_callback(_close_late)


def _close_late(task: asyncio.Task[Connection]) -> None:
    """Close a connection that was opened although another address had answered first."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()


async def _connect(family: int, address: object) -> Connection:
    loop = asyncio.get_running_loop()
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, address)  # type: ignore[arg-type]
        _, connection = await loop.create_connection(Connection, sock=sock)
        connection.attach(sock)
    except BaseException:
        sock.close()
        raise
    return connection


async def start_tls(
    connection: Connection,
    context: ssl.SSLContext,
    host: str,
    timeout: float,  # noqa: ASYNC109
) -> None:
    """TLS with `host`, within `timeout` seconds. Raises `NoVerdict` with `sent` False; it is closed then."""
    try:
        with within(timeout, lambda: connection.received):
            await connection.start_tls(context, host)
            return
    except TimeoutError:
        connection.abort()
        detail = "tls: no answer in time"
    except ssl.SSLCertVerificationError as untrusted:
        detail = f"tls: the server's certificate is not trusted ({untrusted.verify_message})"
    except OSError:  # `ssl.SSLError` is one
        detail = "tls: the handshake failed"
    except BaseException:
        connection.abort()
        raise
    connection.close()
    raise NoVerdict(detail, sent=False)
