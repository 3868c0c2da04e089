"""Cancellation of the parts below the gateway: `AccessTokens`, and the transport over a real socket.

The access tokens run in virtual time. The transport is the real one on loopback; it is cancelled at each of its
suspensions, on a new connection and on a reused one.
"""

import asyncio
import contextlib
import os

import pytest
from cancelling import CancelAt, at_rounds
from login_server import KEY, LoginServer, every_order, fresh
from raw_server import PLAIN, Behaviour, Server, serving

from pushgateway import HttpTransport
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import AccessToken, Request, Response


@every_order
@pytest.mark.parametrize("second", [None, 0, 1, 2])
def test_a_cancelled_waiter_takes_no_login_with_it(seed: int | None, second: int | None) -> None:
    """When one waiter leaves, even the one who started the login, the single login goes on and the others get its
    token.
    """

    async def waiting(when: int) -> tuple[bool, int, list[AccessToken]]:
        tokens, login_server = fresh(), LoginServer()
        waiters = [asyncio.create_task(tokens.get(KEY, login_server)) for _ in range(3)]
        cancels = [(when, waiters[0].cancel)]
        if second is not None:
            cancels.append((when + second, waiters[1].cancel))
        at_rounds(cancels)
        ended = await asyncio.gather(*waiters, return_exceptions=True)
        late = await tokens.get(KEY, login_server)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return isinstance(ended[0], AccessToken), len(login_server.times), [late, *(one for one in ended[2:])]

    async def main() -> list[tuple[bool, int, list[AccessToken]]]:
        found = []
        for when in range(1, 12):
            found.append(await waiting(when))
        return found

    found = run_virtual(main(), seed=seed)

    assert not found[0][0], "the first round is before the login"
    assert found[-1][0], "the last round is after it"
    assert {logins for _, logins, _ in found} == {1}
    assert all(isinstance(one, AccessToken) for *_, given in found for one in given)


# The transport

OPEN: set[asyncio.StreamWriter] = set()


def answering(server: Server) -> Behaviour:
    """Keeps the connection open and answers each request in two pieces. `OPEN` has the connections that are not
    closed.
    """

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        OPEN.add(writer)
        try:
            while True:
                await server.read(reader)
                writer.write(PLAIN[:30])
                await writer.drain()
                await asyncio.sleep(0)
                writer.write(PLAIN[30:])
                await writer.drain()
        finally:
            writer.close()
            OPEN.discard(writer)

    return behave


def sockets() -> int:
    """Number of sockets that this process has open."""
    count = 0
    for handle in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{handle}").startswith("socket:")
    return count


async def asked(transport: HttpTransport, server: Server) -> Response:
    request = Request("POST", server.url(), {"content-type": "text/plain"}, b"x" * 100)
    return await transport.send(request, pool="1", timeout=10.0)


@pytest.mark.anyio
@pytest.mark.parametrize("used", [False, True])
async def test_the_transport_cancelled_at_any_suspension_gives_its_connection_back(used: bool) -> None:
    """With one connection only: if it were lost, the next request could not be sent. No socket stays open."""
    async with serving(answering) as server:
        before = sockets()
        k = 0
        fired = True
        while fired:
            k += 1
            transport = HttpTransport(connections=1)
            if used:
                await asked(transport, server)
            sweep = CancelAt(lambda transport=transport: asked(transport, server), k)
            with contextlib.suppress(asyncio.CancelledError):
                await sweep
            fired = sweep.fired
            await asyncio.sleep(0)  # as in a real cancellation: callbacks of the socket run first
            reply = await asked(transport, server)
            assert reply.status == 200
            await transport.aclose()

        assert k > 1
        assert await closed(before)


@pytest.mark.anyio
async def test_the_transport_cancelled_by_its_task_gives_its_connection_back() -> None:
    """By `Task.cancel()` before each round of the loop, with two concurrent requests: the other one is not affected."""
    async with serving(answering) as server:
        before = sockets()
        for when in range(1, 40):
            transport = HttpTransport(connections=1)
            tasks = [asyncio.create_task(asked(transport, server)) for _ in range(2)]
            for _ in range(when):
                await asyncio.sleep(0)
            tasks[when % 2].cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert isinstance(ended[(when + 1) % 2], Response), ended
            assert (await asked(transport, server)).status == 200
            await transport.aclose()

        assert await closed(before)


async def closed(before: int) -> bool:
    """Whether both sides closed every socket within a few thousand rounds of the loop."""
    for _ in range(5_000):
        if not OPEN and sockets() <= before:
            return True
        await asyncio.sleep(0)
    return False


@pytest.mark.anyio
async def test_a_cancellation_is_no_verdict_of_the_transport() -> None:
    """`CancelledError` is raised unchanged. A `NoVerdict` would be taken for a network fault, and the request
    repeated.
    """
    async with serving(answering) as server:
        before = sockets()
        transport = HttpTransport()
        task = asyncio.create_task(asked(transport, server))
        await asyncio.sleep(0)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        await transport.aclose()
        assert await closed(before)
