"""Names to addresses: a request does not wait for another host's name, and a dead address costs one attempt."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from raw_server import PLAIN, TRANSPORTS, Kind, ask, replies, serving

from pushgateway.vendor import NoVerdict, Request, Response

SOON = 0.2
every_transport = pytest.mark.parametrize("kind", TRANSPORTS)


def names(monkeypatch: pytest.MonkeyPatch, look_up: Callable[[str, int], list[tuple[str, int]]]) -> None:
    """`look_up` replaces the resolver of the machine."""

    def getaddrinfo(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in look_up(host, port)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@every_transport
def test_a_hanging_look_up_delays_no_other_host(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty requests wait in one thread for one host whose resolver does not reply; another host's name is found as
    usual."""
    release = threading.Event()

    def look_up(host: str, port: int) -> list[tuple[str, int]]:
        if host != "localhost":
            release.wait()
        return [("127.0.0.1", port)]

    async def main() -> tuple[list[Any], float, int]:
        transport = kind(connections=50)
        before = threading.active_count()
        async with serving(replies(PLAIN)) as server:
            request = Request("POST", "https://dead.example/push")
            waiting = [asyncio.ensure_future(transport.send(request, pool="1", timeout=SOON)) for _ in range(40)]
            await asyncio.sleep(0.01)
            begun = time.perf_counter()
            await ask(server.url(host="localhost"), transport=transport)
            took = time.perf_counter() - begun
            threads = threading.active_count() - before
            endings = await asyncio.gather(*waiting, return_exceptions=True)
        await transport.aclose()
        return endings, took, threads

    names(monkeypatch, look_up)
    try:
        endings, took, threads = asyncio.run(main())
    finally:
        release.set()

    assert {(type(one), one.sent) for one in endings} == {(NoVerdict, False)}
    assert took < SOON
    assert threads <= 2  # the other host's may be about to end


@every_transport
def test_a_failed_look_up_is_remembered_for_seconds_only(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two requests in a row use the resolver once; five seconds later it is used again."""
    asked = []
    now = [0.0]

    def look_up(host: str, port: int) -> list[tuple[str, int]]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    async def main() -> list[int]:
        transport = kind()
        transport._pools._resolver._clock = lambda: now[0]
        counts = []
        for later in (0.0, 0.0, 5.0):
            now[0] += later
            with pytest.raises(NoVerdict, match="dns: the host"):
                await ask("https://nowhere.example/push", transport=transport)
            counts.append(len(asked))
        await transport.aclose()
        return counts

    names(monkeypatch, look_up)

    assert asyncio.run(main()) == [1, 1, 2]


@every_transport
def test_a_new_address_is_used_after_one_failure(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old address is dead, or a dead one stands before the living one: each costs one attempt at most."""

    async def main() -> tuple[bool, Response, Response]:
        async with serving(replies(PLAIN)) as server:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                dead, living = free.getsockname(), ("127.0.0.1", server.port)
                found = [dead]
                names(monkeypatch, lambda *_: found)
                transport = kind()
                with pytest.raises(NoVerdict) as caught:
                    await ask(server.url(host="localhost"), transport=transport)
                found[:] = [living]
                second = await ask(server.url(host="localhost"), transport=transport)
                await transport.aclose()
                found[:] = [dead, living]
                transport = kind()
                third = await ask(server.url(host="localhost"), transport=transport)
                await transport.aclose()
            return caught.value.sent, second, third

    sent, second, third = asyncio.run(main())

    assert not sent
    assert (second.status, third.status) == (200, 200)
