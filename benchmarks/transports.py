"""The transports to measure, by the names that `Gateway(transport=...)` takes.

The only file of the benchmarks that imports them. The first one is the gateway's default. If the extra `fast` is not
installed, its transport has no rows and no targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pushgateway import Transport
from pushgateway.transport.auto import has_fast, make_transport

MakeTransport = Callable[[int], Transport]
"""Makes a transport from the number of connections per certificate."""


def transports() -> Mapping[str, MakeTransport]:
    """By name, the gateway's default first."""
    found: dict[str, MakeTransport] = {}
    if has_fast():
        found["fast"] = lambda connections: make_transport("fast", connections=connections)
    found["httpx"] = lambda connections: make_transport("httpx", connections=connections)
    return found


def usual() -> str:
    """The name of the gateway's default transport."""
    return next(iter(transports()))
