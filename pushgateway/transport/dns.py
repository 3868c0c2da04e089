"""Names to addresses, without waiting for anybody else's name.

Law of this file: asyncio resolves in the few threads that the whole process shares, so one server of names that hangs
holds up everybody. Here each name is looked up in a thread of its own, one at a time per name, and whoever asks
meanwhile waits for that one. The thread is a daemon: a look-up that hangs does not keep the process from ending.
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

FRESH = 30.0
"""Seconds that addresses are used again. `getaddrinfo` tells no time to live; kept connections live on beyond it."""
FAILED = 2.0
"""Seconds that a failed look-up is believed."""

Address = tuple[int, Any]
"""An address family and what `socket.connect` wants."""


@safe_repr
@attrs.frozen
class _Known:
    found: tuple[Address, ...] | OSError
    until: float


class Resolver:
    """Looks up names, remembers them for a while. Of one event loop, as the transport it belongs to."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        # Looking up a name needs it. Python would import it then, in that thread, and a process forked meanwhile could
        # not import it any more.
        import encodings.idna  # noqa: F401

        self._clock = clock
        self._known: dict[tuple[str, int], _Known] = {}
        self._answered: dict[tuple[str, int], Address] = {}
        self._asked: dict[tuple[str, int], asyncio.Future[tuple[Address, ...] | OSError]] = {}

    async def addresses(self, host: str, port: int) -> tuple[Address, ...]:
        """The addresses of `host`, at least one. Raises `OSError` (`socket.gaierror` for a name without any)."""
        if (literal := _literal(host, port)) is not None:
            return (literal,)
        key = (host, port)
        known = self._known.get(key)
        if known is None or known.until <= self._clock():
            found = await asyncio.shield(self._ask(key))  # whoever stops waiting does not stop the others
        else:
            found = known.found
        if isinstance(found, OSError):
            raise found.with_traceback(None)
        return found

    def prefer(self, host: str, port: int, address: Address) -> None:
        """`address` has answered: it comes first until a look-up no longer has it or none of them answers."""
        self._answered[host, port] = address
        known = self._known.get((host, port))
        if known is not None and not isinstance(known.found, OSError) and known.found[0] != address:
            self._known[host, port] = _Known(_first(address, known.found), known.until)

    def forget(self, host: str, port: int) -> None:
        """None of these addresses answers: look the name up again next time."""
        self._known.pop((host, port), None)
        self._answered.pop((host, port), None)

    def _ask(self, key: tuple[str, int]) -> asyncio.Future[tuple[Address, ...] | OSError]:
        loop = asyncio.get_running_loop()
        asked = self._asked.get(key)
        if asked is None or asked.get_loop() is not loop:
            asked = loop.create_future()
            try:
                threading.Thread(target=self._look_up, args=(key, loop, asked), daemon=True).start()
            except RuntimeError:
                raise OSError("no thread left") from None
            self._asked[key] = asked
        return asked

    def _look_up(self, key: tuple[str, int], loop: asyncio.AbstractEventLoop, asked: asyncio.Future[Any]) -> None:
        found: tuple[Address, ...] | OSError
        try:
            rows = socket.getaddrinfo(*key, type=socket.SOCK_STREAM)
            found = tuple((family, address) for family, _, _, _, address in rows)
        except UnicodeError:
            found = socket.gaierror(socket.EAI_NONAME, "not a host's name")
        except OSError as failed:
            found = failed
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(self._learn, key, found, asked)

    def _learn(self, key: tuple[str, int], found: tuple[Address, ...] | OSError, asked: asyncio.Future[Any]) -> None:
        self._asked.pop(key, None)
        answered = self._answered.get(key)
        if answered is not None and not isinstance(found, OSError):
            found = _first(answered, found)
        self._known[key] = _Known(found, self._clock() + (FAILED if isinstance(found, OSError) else FRESH))
        if not asked.done():
            asked.set_result(found)


def _first(address: Address, found: tuple[Address, ...]) -> tuple[Address, ...]:
    """`found` with `address` in front, if it is one of them."""
    return (address, *(other for other in found if other != address)) if address in found else found


def _literal(host: str, port: int) -> Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return (socket.AF_INET, (host, port)) if address.version == 4 else (socket.AF_INET6, (host, port, 0, 0))
