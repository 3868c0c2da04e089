"""Connections to the vendors' servers: opened, kept, lent to one request at a time, let go.

Law of this file: a library says what a reply means byte by byte (`reading`, `verifier`), the wire carries it, and here
is what lies between: which connection, and what had left. A connection on which a request was cut off is never used
again and never lost to its pool, whatever cut it off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Protocol

from pushgateway.model.checks import check_count, check_seconds
from pushgateway.transport.connection import KEPT, Wire, dial, secure
from pushgateway.transport.dns import Resolver
from pushgateway.transport.limit import within
from pushgateway.transport.request_head import Proxy, Target
from pushgateway.transport.tls import Trust
from pushgateway.vendor.refusals import NoVerdict

_REFUSALS = {
    401: "it wants a user and password, or refuses those given",
    403: "it forbids this host",
    407: "it wants a user and password, or refuses those given",
    502: "it cannot reach the host",
    503: "it cannot serve now",
    504: "the host did not answer it in time",
}
"""What a proxy says by the status of its reply to CONNECT."""
_SMALL = 64 * 1024
"""Bytes up to which copying head and body together is cheaper than handing them to the system apart."""


class Reply(Protocol):
    """A reply as it comes in."""

    status: int
    headers: dict[str, str]
    reusable: bool
    """Once it is whole: whether the connection is good for another."""

    async def read(self, wire: Wire) -> bytes:
        """Hear all of it; returns the body. Raises `NoVerdict`, or `OSError` where the wire broke."""


class _Pool:
    """The connections of one certificate to one server."""

    def __init__(self, connections: int) -> None:
        self.slots = asyncio.Semaphore(connections)
        self.closed = False
        self.idle: list[Wire] = []
        self.busy: set[Wire] = set()


class _Open:
    """Every open connection of a transport: the idle ones by the time since which they are idle.

    One timer closes them; it runs only while there are idle connections.
    """

    def __init__(self, most: int) -> None:
        self.places = asyncio.Semaphore(most)
        self._most = most
        self.in_use = 0
        """Requests that have a place: their connections are busy or being opened."""
        self._idle: dict[Wire, tuple[_Pool, float]] = {}  # the oldest first
        self._timer: asyncio.TimerHandle | None = None

    def take(self, pool: _Pool, now: float) -> Wire | None:
        """A kept connection of `pool` that is still good, the one used last."""
        while pool.idle:
            wire = pool.idle.pop()
            _, since = self._idle.pop(wire)
            if now - since < KEPT and wire.fresh:
                pool.busy.add(wire)
                return wire
            wire.close()
        return None

    def make_room(self) -> None:
        """Before one is opened: the oldest idle ones are closed until it has a place."""
        while self._idle and self.in_use + len(self._idle) > self._most:
            self._close_oldest()

    def give_back(self, pool: _Pool, wire: Wire, now: float, *, keep: bool) -> None:
        """A connection is not in use any more."""
        pool.busy.discard(wire)
        if not keep:
            wire.abort()
        elif pool.closed:
            wire.close()
        else:
            pool.idle.append(wire)
            self._idle[wire] = (pool, now)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_at(now + KEPT, self._sweep)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._idle:
            _, since = next(iter(self._idle.values()))
            if loop.time() < since + KEPT:
                self._timer = loop.call_at(since + KEPT, self._sweep)
                return
            self._close_oldest()

    def _close_oldest(self) -> None:
        wire = next(iter(self._idle))
        pool, _ = self._idle.pop(wire)
        pool.idle.remove(wire)
        wire.close()

    def close(self, pool: _Pool, *, busy: bool) -> None:
        """Keep none of `pool` any more; `busy`: also cut those in use."""
        pool.closed = True
        for wire in pool.idle:
            del self._idle[wire]
            wire.close()
        pool.idle.clear()
        if busy:
            for wire in pool.busy:
                wire.abort()
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


class Connections:
    """A few kept connections for each certificate and server."""

    def __init__(
        self,
        owner: str,
        listen: Callable[[str], Reply],
        *,
        connections: int,
        connect_timeout: float,
        ca_file: str | Path | None,
        proxy: str | None,
    ) -> None:
        """`owner`: the class that a wrong option is named after. `listen` makes the reply to a request's method."""
        check_count(f"{owner}.connections", connections)
        check_seconds(f"{owner}.connect_timeout", connect_timeout, optional=False)
        self._listen = listen
        self.per_pool = connections
        self._connect_timeout = connect_timeout
        self._proxy = None if proxy is None else Proxy.read(f"{owner}.proxy", proxy)
        self._trust = Trust(f"{owner}.ca_file", ca_file)
        self._resolver = Resolver()
        self._open_ones = _Open(_most_open())
        self._pools: dict[tuple[str, tuple[bool, str, int]], _Pool] = {}
        self._closer: AsyncGenerator[None, None] | None = None

    def sending(self, method: str, head: bytes, content: bytes) -> Sending:
        """A request that is to go out."""
        return Sending(head, content, self._listen(method))

    async def ask(self, sending: Sending, pool: str, target: Target, timeout: float) -> bytes:  # noqa: ASYNC109
        """Send on a connection of `pool` and hear the reply; returns its body. Raises `NoVerdict` and `OSError`.

        `timeout` (seconds) begins when there is a place for the request: waiting for one is not the vendor's time.
        """
        mine, ours = self._pool(pool, target), self._open_ones
        async with mine.slots:
            await ours.places.acquire()
            ours.in_use += 1
            try:
                with within(timeout, lambda: sending.received):
                    return await self._exchange(sending, mine, target)
            finally:
                ours.in_use -= 1
                ours.places.release()

    async def _exchange(self, sending: Sending, mine: _Pool, target: Target) -> bytes:
        ours, now = self._open_ones, asyncio.get_running_loop().time
        wire = ours.take(mine, now())
        if wire is None:
            ours.make_room()
            wire = await self._open(target)
            mine.busy.add(wire)
        keep = False
        try:
            content = await sending.through(wire)
            keep = sending.reply.reusable and wire.idle
        finally:
            ours.give_back(mine, wire, now(), keep=keep)
        return content

    async def _open(self, target: Target) -> Wire:
        proxy = self._proxy
        host, port = (target.host, target.port) if proxy is None else (proxy.host, proxy.port)
        wire = await dial(self._resolver, host, port, self._connect_timeout)
        if proxy is not None:
            await _tunnel(wire, proxy, target, self._listen("CONNECT"), self._connect_timeout)
        if target.tls:
            await secure(wire, self._trust.context(), target.host, self._connect_timeout)
        return wire

    def _pool(self, pool: str, target: Target) -> _Pool:
        key = (pool, target.origin)
        found = self._pools.get(key)
        if found is None:
            if self._closer is None:
                self._close_with_the_loop()
            found = self._pools[key] = _Pool(self.per_pool)
        return found

    def forget(self, pool: str) -> None:
        """The certificate is gone: close its connections, those in use when they are through."""
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

    def _close_with_the_loop(self) -> None:
        """A host that ends its loop and closed nothing shall hear no complaint about open sockets: the loop closes
        generators that wait, and so this one."""

        async def closer() -> AsyncGenerator[None, None]:
            try:
                yield
            finally:
                self._close()

        self._closer = closer()
        with contextlib.suppress(StopIteration):
            self._closer.__anext__().send(None)  # up to its `yield`, which waits for nothing


class Sending:
    """One request on its way, and what is known of it."""

    def __init__(self, head: bytes, content: bytes, reply: Reply) -> None:
        self.reply = reply
        self._head = head
        self._content = content
        self._wire: Wire | None = None

    @property
    def sent(self) -> bool:
        """Whether the last byte was handed to the system."""
        return self._wire is not None and not self._wire.unsent

    @property
    def received(self) -> int:
        """How often something has arrived."""
        return 0 if self._wire is None else self._wire.received

    async def through(self, wire: Wire) -> bytes:
        """Write the request, hear the reply; returns its body."""
        self._wire = wire
        if len(self._content) <= _SMALL:
            wire.write(self._head + self._content)
        else:
            wire.write(self._head, self._content)
        return await self.reply.read(wire)


async def _tunnel(
    wire: Wire,
    proxy: Proxy,
    target: Target,
    reply: Reply,
    timeout: float,  # noqa: ASYNC109
) -> None:
    """Through a proxy to `target`. Raises `NoVerdict` with `sent` False, and the wire is closed."""
    where = f"[{target.host}]:{target.port}" if ":" in target.host else f"{target.host}:{target.port}"
    head = f"CONNECT {where} HTTP/1.1\r\nhost: {where}\r\n{proxy.authorization}\r\n".encode()
    try:
        with within(timeout, lambda: wire.received):
            wire.write(head)
            await reply.read(wire)
        if 200 <= reply.status < 300:
            return
        detail = f"proxy: {_REFUSALS.get(reply.status, 'the tunnel was refused')} (HTTP {reply.status})"
    except TimeoutError:
        detail = "proxy: no answer in time"
    except (OSError, NoVerdict):
        detail = "proxy: the connection broke"
    except BaseException:
        wire.abort()
        raise
    wire.abort()
    raise NoVerdict(detail, sent=False)
