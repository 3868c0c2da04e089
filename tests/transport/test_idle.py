"""Idle connections: they are closed sooner than servers close them, and not used once the server has closed them.

Raw sockets on loopback; the loop's clock is moved on by hand, nobody waits. N15 of the catalogue.
"""

import asyncio

import pytest
from raw_server import BODY, PLAIN, TRANSPORTS, Behaviour, Kind, Server, replies, serving

from pushgateway.transport.connection import MAX_IDLE
from pushgateway.vendor import Request, Response

SERVERS_KEEP = 5.0
"""Seconds after which common servers close an idle connection, at the earliest."""
every_transport = pytest.mark.parametrize("kind", TRANSPORTS)


@every_transport
@pytest.mark.parametrize(("idle", "connections"), [(0.0, 1), (MAX_IDLE - 0.5, 1), (MAX_IDLE, 2), (SERVERS_KEEP, 2)])
def test_an_idle_connection_is_closed_before_the_server_closes_it(kind: Kind, idle: float, connections: int) -> None:
    """Up to the limit it is used again; from there on a new one is opened, and the old one is closed by us."""

    async def main() -> tuple[int, list[bytes]]:
        loop = asyncio.get_running_loop()
        plain, later = loop.time, [0.0]
        loop.time = lambda: plain() + later[0]  # type: ignore[method-assign]
        async with serving(replies(PLAIN, forever=True)) as server:
            transport, bodies = kind(), []
            for _ in range(2):
                request = Request("POST", server.url(), content=b"x")
                bodies.append((await transport.send(request, pool="1", timeout=60)).content)
                later[0] = idle
            await transport.aclose()
            return server.connections, bodies

    assert asyncio.run(main()) == (connections, [BODY, BODY])
    assert MAX_IDLE < SERVERS_KEEP


@every_transport
def test_a_connection_that_the_server_closed_is_not_used(kind: Kind) -> None:
    """The end of the connection has arrived, so a new one is opened, and the request arrives once."""

    async def main() -> tuple[Response, int, int]:
        gone = asyncio.Event()

        def once(server: Server) -> Behaviour:
            async def behaviour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await server.read(reader)
                writer.write(PLAIN)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
                gone.set()

            return behaviour

        async with serving(once) as server:
            transport = kind()
            await transport.send(Request("POST", server.url(), content=b"1"), pool="1", timeout=5)
            await gone.wait()
            for _ in range(20):  # turns of the loop in which the end is read
                await asyncio.sleep(0)
            reply = await transport.send(Request("POST", server.url(), content=b"2"), pool="1", timeout=5)
            await transport.aclose()
            return reply, server.connections, len(server.requests)

    reply, connections, requests = asyncio.run(main())

    assert (reply.content, connections, requests) == (BODY, 2, 2)
