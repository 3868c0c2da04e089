"""Which transports there are to measure.

Law of this file: the one place that knows them. The default comes first; a faster one is measured where its extra is
installed, and where it is not, its rows and targets are not there at all.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping

from pushgateway import Transport
from pushgateway.transport import HttpTransport

FAST = "pushgateway.transport.lean_transport:LeanTransport"
"""`module:class` of the transport of the extra `fast`. It takes `connections`; without the extra, `ImportError`."""

MakeTransport = Callable[[int], Transport]
"""From connections for each certificate."""


def transports() -> Mapping[str, MakeTransport]:
    """By name, the default first; the other, if there is one, is called `fast`."""
    found: dict[str, MakeTransport] = {"default": lambda connections: HttpTransport(connections=connections)}
    module, _, name = FAST.partition(":")
    try:
        fast = getattr(importlib.import_module(module), name)
        fast()
    except ImportError:  # without the extra
        return found
    found["fast"] = lambda connections: fast(connections=connections)
    return found
