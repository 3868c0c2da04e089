"""Looks up host names, without waiting for the look-up of another name.

asyncio resolves names in the few threads that the whole process shares, so one name server that hangs delays all
look-ups. Here each name is looked up in a thread of its own, one at a time for each name; whoever needs the same name
meanwhile waits for that one. The thread is a daemon: a look-up that hangs does not keep the process from ending. Used
by `connection` and `pool`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import attrs

from pushgateway.model.secret import safe_repr

KEEP_FOUND = 30.0
"""Seconds that addresses are used again. `getaddrinfo` returns no time to live; open connections are kept beyond it."""
KEEP_FAILED = 2.0
"""Seconds until a look-up that failed is repeated."""

Address = tuple[int, Any]
"""An address family and what `socket.connect` wants."""


@safe_repr
@attrs.frozen
class _Known:
    """The end of a look-up, and until when it is used (seconds of the resolver's clock)."""

    found: tuple[Address, ...] | OSError
    until: float


class Resolver:
    """Looks up names and keeps what it found for a while. Belongs to one event loop, as its transport does."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        # A look-up needs it. Python would import it then, in that thread, and a process forked meanwhile could not
        # import it any more.
        import encodings.idna  # noqa: F401

        self._clock = clock
        self._known: dict[tuple[str, int], _Known] = {}
        self._preferred: dict[tuple[str, int], Address] = {}
        self._running: dict[tuple[str, int], asyncio.Future[tuple[Address, ...] | OSError]] = {}

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """The addresses of `host`, at least one. Raises `OSError` (`socket.gaierror` for a name without any)."""
        if (literal := _literal(host, port)) is not None:
            return (literal,)
        key = (host, port)
        known = self._known.get(key)
        if known is None or known.until <= self._clock():
            found = await asyncio.shield(self._start(key))  # whoever stops waiting does not stop the others
        else:
            found = known.found
        if isinstance(found, OSError):
            raise found.with_traceback(None)
        return found

    def prefer(self, host: str, port: int, address: Address) -> None:
        """`address` has answered: it comes first until a look-up no longer finds it or no address answers."""
        self._preferred[host, port] = address
        known = self._known.get((host, port))
        if known is not None and not isinstance(known.found, OSError) and known.found[0] != address:
            self._known[host, port] = _Known(_put_first(address, known.found), known.until)

    def forget(self, host: str, port: int) -> None:
        """No address of the name answers: look it up again next time."""
        self._known.pop((host, port), None)
        self._preferred.pop((host, port), None)

    def _start(self, key: tuple[str, int]) -> asyncio.Future[tuple[Address, ...] | OSError]:
        loop = asyncio.get_running_loop()
        look_up = self._running.get(key)
        if look_up is None or look_up.get_loop() is not loop:
            look_up = loop.create_future()
            try:
                threading.Thread(target=self._look_up, args=(key, loop, look_up), daemon=True).start()
            except RuntimeError:
                raise OSError("no thread left") from None
            self._running[key] = look_up
        return look_up

    def _look_up(self, key: tuple[str, int], loop: asyncio.AbstractEventLoop, look_up: asyncio.Future[Any]) -> None:
        found: tuple[Address, ...] | OSError
        try:
            rows = socket.getaddrinfo(*key, type=socket.SOCK_STREAM)
            found = tuple((family, address) for family, _, _, _, address in rows)
        except UnicodeError:
            found = socket.gaierror(socket.EAI_NONAME, "not a host's name")
        except OSError as failed:
            found = failed
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(self._store, key, found, look_up)

    def _store(self, key: tuple[str, int], found: tuple[Address, ...] | OSError, look_up: asyncio.Future[Any]) -> None:
        self._running.pop(key, None)
        preferred = self._preferred.get(key)
        if preferred is not None and not isinstance(found, OSError):
            found = _put_first(preferred, found)
        self._known[key] = _Known(found, self._clock() + (KEEP_FAILED if isinstance(found, OSError) else KEEP_FOUND))
        if not look_up.done():
            look_up.set_result(found)


def _put_first(address: Address, found: tuple[Address, ...]) -> tuple[Address, ...]:
    """`found` with `address` in front, if it is one of them."""
    return (address, *(other for other in found if other != address)) if address in found else found


def _literal(host: str, port: int) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return (socket.AF_INET, (host, port)) if address.version == 4 else (socket.AF_INET6, (host, port, 0, 0))
