"""`LimitedConnection`: a connection of psycopg that waits for each reply of the server for a limited time.

The limits for statements and locks are kept by the server itself. A server that stands still, for example because its
disk does, keeps none of them and answers nothing, and psycopg would wait for ever. Used by `pushgateway.databases.sql`;
imported with the first PostgreSQL database that is made. Needs the extra `sql`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg

R = TypeVar("R")


class LimitedConnection(psycopg.Connection[Any]):
    """See above. After a reply that did not come in time it is closed, and `psycopg.OperationalError` is raised."""

    longest_reply = math.inf
    """Seconds."""

    def wait(self, gen: Generator[Any, Any, R], *arguments: Any, **options: Any) -> R:
        """What psycopg calls for each exchange with the server."""
        return super().wait(self._limited(gen), *arguments, **options)

    def _limited(self, exchange: Generator[Any, Any, R]) -> Generator[Any, Any, R]:
        """The same exchange. It is resumed several times a second, also while nothing has come."""
        until = time.monotonic() + self.longest_reply
        try:
            wanted = next(exchange)
            while True:
                ready = yield wanted
                if not ready and time.monotonic() > until:
                    break
                wanted = exchange.send(ready)
        except StopIteration as ended:
            result: R = ended.value
            return result
        exchange.close()
        self.close()
        raise psycopg.OperationalError("the server did not answer in time")
