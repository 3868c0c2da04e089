"""Connections to the vendors' servers: opened, kept, lent to one request at a time, let go.

Law of this file: a library says what a reply means byte by byte (`reading`, `hearing`), the wire carries it, and here
is what lies between: which connection, and what had left. A connection on which a request was cut off is never used
again and never lost to its pool, whatever cut it off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Protocol

from pushgateway.errors import FieldError, NoVerdict
from pushgateway.transport.asking import Proxy, Target
from pushgateway.transport.resolving import Resolver
from pushgateway.transport.trust import Trust
from pushgateway.transport.wire import KEPT, Wire, dial, secure

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
        self._idle: list[tuple[Wire, float]] = []
        self._busy: set[Wire] = set()

    def take(self, now: float) -> Wire | None:
        """A kept connection that is still good, the one used last."""
        while self._idle:
            wire, since = self._idle.pop()
            if wire.idle and now - since < KEPT:
                self._busy.add(wire)
                return wire
            wire.close()
        return None

    def lend(self, wire: Wire) -> None:
        """A new connection is in use."""
        self._busy.add(wire)

    def give_back(self, wire: Wire, now: float, *, keep: bool) -> None:
        """A connection is not in use any more."""
        self._busy.discard(wire)
        if not keep:
            wire.abort()
        elif self.closed:
            wire.close()
        else:
            self._idle.append((wire, now))
            while self._idle and now - self._idle[0][1] >= KEPT:
                self._idle.pop(0)[0].close()

    def close(self, *, busy: bool) -> None:
        """Keep none any more; `busy`: also cut those in use."""
        self.closed = True
        for wire, _ in self._idle:
            wire.close()
        self._idle.clear()
        if busy:
            for wire in self._busy:
                wire.abort()


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
        if connections < 1:
            raise FieldError(f"{owner}.connections", "must be 1 or more")
        self._listen = listen
        self._connections = connections
        self._connect_timeout = connect_timeout
        self._proxy = None if proxy is None else Proxy.read(f"{owner}.proxy", proxy)
        self._trust = Trust(ca_file)
        self._resolver = Resolver()
        self._pools: dict[tuple[str, tuple[bool, str, int]], _Pool] = {}
        self._closer: AsyncGenerator[None, None] | None = None

    def sending(self, method: str, head: bytes, content: bytes) -> Sending:
        """A request that is to go out."""
        return Sending(head, content, self._listen(method))

    async def ask(self, sending: Sending, pool: str, target: Target) -> bytes:
        """Send on a connection of `pool` and hear the reply; returns its body. Raises `NoVerdict` and `OSError`."""
        mine = self._pool(pool, target)
        async with mine.slots:
            now = asyncio.get_running_loop().time
            wire = mine.take(now())
            if wire is None:
                wire = await self._open(target)
                mine.lend(wire)
            keep = False
            try:
                content = await sending.through(wire)
                keep = sending.reply.reusable and wire.idle
            finally:
                mine.give_back(wire, now(), keep=keep)
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
            found = self._pools[key] = _Pool(self._connections)
        return found

    def forget(self, pool: str) -> None:
        """The certificate is gone: close its connections, those in use when they are through."""
        for key in [key for key in self._pools if key[0] == pool]:
            self._pools.pop(key).close(busy=False)

    async def aclose(self) -> None:
        """Close all connections."""
        self._close()
        if self._closer is not None:
            closer, self._closer = self._closer, None
            await closer.aclose()

    def _close(self) -> None:
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close(busy=True)

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
        async with asyncio.timeout(timeout):
            wire.write(head)
            await reply.read(wire)
        if 200 <= reply.status < 300:
            return
        detail = "proxy: the connection was refused"
    except TimeoutError:
        detail = "proxy: no answer in time"
    except (OSError, NoVerdict):
        detail = "proxy: the connection broke"
    except BaseException:
        wire.abort()
        raise
    wire.abort()
    raise NoVerdict(detail, sent=False)
