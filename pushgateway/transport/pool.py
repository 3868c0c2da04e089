"""The connections of a transport: opened, kept, used by one request at a time, closed.

`Pools` has a few connections for each certificate and server; `Sending` is one request that is being sent. Bytes are
parsed as HTTP by a library, in `h11_reply` and `llhttp_reply`; the plug-in reads what a reply means. A connection on
which a request was cut off is never used again, and its slot is free again, whatever cut it off. Used by both
transports.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Protocol

from pushgateway.model.checks import check_count, check_seconds
from pushgateway.transport.connection import MAX_IDLE, Connection, open_connection, start_tls
from pushgateway.transport.dns import Resolver
from pushgateway.transport.limit import TimeLimits, within
from pushgateway.transport.protocol import CONNECTIONS
from pushgateway.transport.request_head import Proxy, Target
from pushgateway.transport.slots import Slots
from pushgateway.transport.tls import Authorities
from pushgateway.vendor import NoVerdict
from pushgateway.vendor.refusals import TooLate

_PROXY_REFUSALS = {
    401: "it wants a user and password, or refuses those given",
    403: "it forbids this host",
    407: "it wants a user and password, or refuses those given",
    502: "it cannot reach the host",
    503: "it cannot serve now",
    504: "the host did not answer it in time",
}
"""What the status of a proxy's reply to CONNECT means."""
_COPIED_UP_TO = 64 * 1024
"""Bytes of a body up to which one write of head and body together, a copy, is cheaper than two writes."""


class Reply(Protocol):
    """A reply while it comes in."""

    status: int
    headers: dict[str, str]
    reusable: bool
    """When all of it was read: whether the connection can be used for another request."""

    async def read(self, connection: Connection) -> bytes:
        """Read all of it; returns the body. Raises `NoVerdict`, or `OSError` where the connection broke."""


class _Pool:
    """The connections of one certificate to one server."""

    def __init__(self, connections: int) -> None:
        self.slots = Slots(connections)
        self.closed = False
        self.idle: list[Connection] = []
        self.busy: dict[Connection, None] = {}  # as a set, in the order in which they were taken


class _OpenConnections:
    """All open connections of a transport, at most `most`; the idle ones with the time since which they are idle.

    One timer closes idle ones; it runs only while there are any.
    """

    def __init__(self, most: int) -> None:
        self.places = Slots(most)
        """One for each request whose connection is busy or being opened."""
        self._most = most
        self._idle: dict[Connection, tuple[_Pool, float]] = {}  # the oldest first
        self._timer: asyncio.TimerHandle | None = None

    def take(self, pool: _Pool, now: float) -> Connection | None:
        """An idle connection of `pool` that can still be used, the one used last."""
        while pool.idle:
            connection = pool.idle.pop()
            _, since = self._idle.pop(connection)
            if now - since < MAX_IDLE and connection.fresh:
                pool.busy[connection] = None
                return connection
            connection.close()
        return None

    def close_idle_over_limit(self) -> None:
        """Called before a connection is opened: close the oldest idle ones until one more is within `most`."""
        while self._idle and self.places.taken + len(self._idle) > self._most:
            self._close_oldest()

    def give_back(self, pool: _Pool, connection: Connection, now: float, *, keep: bool) -> None:
        """A connection is no longer in use. `keep`: it can be used for another request."""
        pool.busy.pop(connection, None)
        if not keep:
            connection.abort()
        elif pool.closed:
            connection.close()
        else:
            pool.idle.append(connection)
            self._idle[connection] = (pool, now)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_at(now + MAX_IDLE, self._sweep)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._idle:
            _, since = next(iter(self._idle.values()))
            if loop.time() < since + MAX_IDLE:
                self._timer = loop.call_at(since + MAX_IDLE, self._sweep)
                return
            self._close_oldest()

    def _close_oldest(self) -> None:
        connection = next(iter(self._idle))
        pool, _ = self._idle.pop(connection)
        pool.idle.remove(connection)
        connection.close()

    def close(self, pool: _Pool, *, busy: bool) -> None:
        """Keep no connection of `pool` any more; `busy`: close those in use at once, too."""
        pool.closed = True
        for connection in pool.idle:
            del self._idle[connection]
            connection.close()
        pool.idle.clear()
        if busy:
            for connection in pool.busy:
                connection.abort()
        if not self._idle and self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _most_open() -> int:
    """How many connections may be open at once: half of the process's file descriptors, the rest is the host's."""
    try:
        import resource
    except ImportError:  # not on Windows
        return 1000
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10_000 if soft == resource.RLIM_INFINITY else max(1, min(10_000, soft // 2))


def most_for_one() -> int:
    """How many connections to each server one certificate should have at the most, where the host has not set a number:
    a quarter of all. While one or two vendors do not answer, their connections are all in use, and the others must
    have some."""
    return max(CONNECTIONS, _most_open() // 4)


class Pools:
    """A few connections for each certificate and server."""

    def __init__(
        self,
        owner: str,
        make_reply: Callable[[str], Reply],
        *,
        connections: int,
        connect_timeout: float,
        ca_file: str | Path | None,
        proxy: str | None,
    ) -> None:
        """`owner`: the class that an error names before a wrong option. `make_reply`: from a request's method.
        The others are the options of the transports. Raises `FieldError`."""
        check_count(f"{owner}.connections", connections)
        check_seconds(f"{owner}.connect_timeout", connect_timeout, optional=False)
        self._make_reply = make_reply
        self.per_pool = connections
        self._sizes: dict[str, int] = {}  # of pools that have another size
        self._connect_timeout = connect_timeout
        self._proxy = None if proxy is None else Proxy.read(f"{owner}.proxy", proxy)
        self._authorities = Authorities(f"{owner}.ca_file", ca_file)
        self._resolver = Resolver()
        self._open_ones = _OpenConnections(_most_open())
        self._limits = TimeLimits()
        self._pools: dict[tuple[str, tuple[bool, str, int]], _Pool] = {}
        self._closer: AsyncGenerator[None, None] | None = None

    async def exchange(self, sending: Sending, pool: str, target: Target, timeout: float) -> bytes:  # noqa: ASYNC109
        """Write a request on a connection of `pool` and read the reply; returns its body. Raises `NoVerdict` and
        `OSError` (`TimeoutError` is one); `sending.sent` then says whether the request had been sent completely.

        `timeout` (seconds) begins when there is a slot for the request: waiting for one is not the vendor's time.
        """
        key = (pool, target.origin)
        mine, ours = self._pools.get(key) or self._new_pool(key), self._open_ones
        if not mine.slots.take():
            await mine.slots.wait()
        try:
            if not ours.places.take():
                await ours.places.wait()
            try:
                with within(timeout, sending.count_received, limits=self._limits):
                    return await self._exchange(sending, mine, target)
            finally:
                ours.places.give_back()
        finally:
            mine.slots.give_back()

    async def _exchange(self, sending: Sending, mine: _Pool, target: Target) -> bytes:
        ours, now = self._open_ones, asyncio.get_running_loop().time
        connection = ours.take(mine, now())
        if connection is None:
            ours.close_idle_over_limit()
            connection = await self._open(target)
            mine.busy[connection] = None
        keep = False
        try:
            if sending.leave_before is not None and now() >= sending.leave_before:  # to connect has taken too long
                keep = True
                raise TooLate
            sending.write_to(connection)
            content = await sending.reply.read(connection)
            keep = sending.reply.reusable and connection.idle
        finally:
            ours.give_back(mine, connection, now(), keep=keep)
        return content

    async def _open(self, target: Target) -> Connection:
        proxy = self._proxy
        host, port = (target.host, target.port) if proxy is None else (proxy.host, proxy.port)
        connection = await open_connection(self._resolver, host, port, self._connect_timeout)
        if proxy is not None:
            await _open_tunnel(connection, proxy, target, self._make_reply("CONNECT"), self._connect_timeout)
        if target.tls:
            await start_tls(connection, self._authorities.context(), target.host, self._connect_timeout)
        return connection

    def _new_pool(self, key: tuple[str, tuple[bool, str, int]]) -> _Pool:
        if self._closer is None:
            self._close_with_the_loop()
        pool = self._pools[key] = _Pool(self._sizes.get(key[0], self.per_pool))
        return pool

    def resize(self, pool: str, connections: int) -> None:
        """From now on `pool` has so many connections to each server. Idle ones beyond that are closed by time."""
        self._sizes[pool] = connections
        for key, one in self._pools.items():
            if key[0] == pool:
                one.slots.resize(connections)

    def forget(self, pool: str) -> None:
        """The certificate is gone: close its connections, those in use when their request has ended."""
        self._sizes.pop(pool, None)
        for key in [key for key in self._pools if key[0] == pool]:
            self._open_ones.close(self._pools.pop(key), busy=False)

    async def aclose(self) -> None:
        """Close all connections."""
        self._close()
        if self._closer is not None:
            closer, self._closer = self._closer, None
            await closer.aclose()

    def _close(self) -> None:
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            self._open_ones.close(pool, busy=True)
        self._limits.close()

    def _close_with_the_loop(self) -> None:
        """Close all connections when the event loop is closed, so that a host that does not close the transport gets no
        warnings about open sockets: a loop closes the asynchronous generators that wait, and this is one."""

        async def closer() -> AsyncGenerator[None, None]:
            try:
                yield
            finally:
                self._close()

        self._closer = closer()
        with contextlib.suppress(StopIteration):
            self._closer.__anext__().send(None)  # up to its `yield`, which waits for nothing


class Sending:
    """One request that is being sent: its bytes, its reply, and whether all of it was sent."""

    __slots__ = ("_connection", "_content", "_head", "leave_before", "reply")

    def __init__(self, head: bytes, content: bytes, reply: Reply, leave_before: float | None = None) -> None:
        """`leave_before`: see `Request`."""
        self.reply = reply
        self.leave_before = leave_before
        self._head = head
        self._content = content
        self._connection: Connection | None = None

    @property
    def sent(self) -> bool:
        """Whether the last byte was handed to the operating system."""
        return self._connection is not None and not self._connection.unsent

    def count_received(self) -> int:
        """How often something has arrived."""
        return 0 if self._connection is None else self._connection.received

    def write_to(self, connection: Connection) -> None:
        """Write the request. Raises `OSError`."""
        self._connection = connection
        if len(self._content) <= _COPIED_UP_TO:
            connection.write(self._head + self._content)
        else:
            connection.write(self._head, self._content)


async def _open_tunnel(
    connection: Connection,
    proxy: Proxy,
    target: Target,
    reply: Reply,
    timeout: float,  # noqa: ASYNC109
) -> None:
    """Open a tunnel through a proxy to `target`. Raises `NoVerdict` with `sent` False; then it is closed."""
    where = f"[{target.host}]:{target.port}" if ":" in target.host else f"{target.host}:{target.port}"
    head = f"CONNECT {where} HTTP/1.1\r\nhost: {where}\r\n{proxy.authorization}\r\n".encode()
    try:
        with within(timeout, lambda: connection.received):
            connection.write(head)
            await reply.read(connection)
        if 200 <= reply.status < 300:
            return
        detail = f"proxy: {_PROXY_REFUSALS.get(reply.status, 'the tunnel was refused')} (HTTP {reply.status})"
    except TimeoutError:
        detail = "proxy: no answer in time"
    except (OSError, NoVerdict):
        detail = "proxy: the connection broke"
    except BaseException:
        connection.abort()
        raise
    connection.abort()
    raise NoVerdict(detail, sent=False)
