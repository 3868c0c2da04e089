"""One uvicorn server for one ASGI app on one loopback port, in a thread that can be stopped.

All code that depends on uvicorn is here. After `stop` nothing is left: no thread, no socket, no half-open connection.
It needs the extra `sandbox`. Used by `server`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from pushgateway.sandbox.serving.app import BREAK

KEEP_ALIVE = 75
"""Seconds that an idle connection is kept. uvicorn's default of 5 is less than HTTP clients assume."""


def _breakable(base: Any) -> Any:
    """The HTTP protocol class with a way to break its connection, for which ASGI has no message."""

    class Breakable(base):  # type: ignore[misc]
        app_state: dict[str, Any]

        def connection_made(self, transport: asyncio.Transport) -> None:
            self.app_state = {**self.app_state, BREAK: transport.abort}
            super().connection_made(transport)

    return Breakable


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.shutdown()  # uvicorn leaves it out when it is forced to exit
        # Connections that wait for a delayed reply are broken: waiting for them could take an hour.
        for connection in list(self.server_state.connections):
            transport = cast("asyncio.Transport | None", connection.transport)
            if transport is not None:
                transport.abort()
        self.force_exit = True
        await super().shutdown(sockets)


class ServerThread:
    """A running server, which accepts requests at `port` when the constructor returns."""

    def __init__(self, app: ASGIApp, port: int, context: ssl.SSLContext | None = None) -> None:
        """Raises `OSError` when the port is taken."""
        config = uvicorn.Config(
            app,
            http=_breakable(AutoHTTPProtocol),
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=1,
        )
        config.load()
        config.ssl = context
        self._socket = listen(port)
        self.port: int = self._socket.getsockname()[1]
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="pushgateway-sandbox", daemon=True
        )
        self._thread.start()
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        while not self._server.ready.wait(0.05):
            if not self._thread.is_alive():
                self._socket.close()
                raise RuntimeError("the sandbox's server did not start")

    def stop(self) -> None:
        """Break all connections, close the port and wait for the thread."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def listen(port: int) -> socket.socket:
    """A bound socket on loopback; port 0 is any free one. Raises `OSError` when the port is taken."""
    # asyncio switches Nagle's delay off only for sockets that name TCP; without it each reply takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.close()
        raise
    return listener
