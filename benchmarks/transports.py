"""Which transports there are to measure, by the names that `Gateway(transport=...)` takes.

The only file of the benchmarks that knows them. The first is the one that a gateway uses if nothing is said. Where the
extra `fast` is not installed, rows and targets of that transport are not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pushgateway import Transport
from pushgateway.transport.auto import has_fast, make_transport

MakeTransport = Callable[[int], Transport]
"""From connections for each certificate."""


def transports() -> Mapping[str, MakeTransport]:
    """By name, the gateway's own choice first."""
    found: dict[str, MakeTransport] = {}
    if has_fast():
        found["fast"] = lambda connections: make_transport("fast", connections=connections)
    found["httpx"] = lambda connections: make_transport("httpx", connections=connections)
    return found


def usual() -> str:
    """The name of the one that a gateway uses if nothing is said."""
    return next(iter(transports()))
