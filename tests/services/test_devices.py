"""The devices on PostgreSQL and MariaDB: the same promises as on SQLite, and a server that is killed under load."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from device_promises import *  # noqa: F403 - the same tests as without a server
from device_promises import table, token
from pushgateway_oppo.sandbox import OppoSandbox
from servers import Postgres, with_database
from unbinding_processes import assert_nothing_left_afterwards

from pushgateway import Certificate, Gateway, Notification, Push, PushToken, Reason
from pushgateway.devices import Devices
from pushgateway.devices.devices import open_store
from pushgateway.observe.events import DevicesChanged, Event
from pushgateway.testing import SandboxTransport


@pytest.fixture(params=["postgres_url", "mariadb_url"])
def url(request: pytest.FixtureRequest) -> str:
    """A new database."""
    found: str = request.getfixturevalue(request.param)
    return found


def test_three_processes_send_nothing_once_a_phone_is_unbound(url: str) -> None:
    """By the clock that all processes of a machine have, from the moment when `unbind` or `bind` has returned."""
    assert_nothing_left_afterwards(url, 3)


def test_a_device_whose_token_is_just_being_replaced_is_unbound_all_the_same(url: str) -> None:
    """While `unbind` waits for the transaction of a `rotate`, the old row goes and a new one comes: that one ends too.
    It holds whichever of the two comes first, many times over."""

    async def scene() -> None:
        here, there = (open_store(url, None, random.Random(seed)) for seed in range(2))
        try:
            for number in range(60):
                await here.bind("ann", "d1", token(f"a{number}"), "", 1.0)
                await asyncio.gather(
                    there.rotate(token(f"a{number}"), token(f"b{number}"), 2.0),
                    here.unbind("ann", "d1"),
                )
                assert await table(here, "ann") == []
        finally:
            await here.aclose()
            await there.aclose()

    asyncio.run(scene())


def test_logins_at_the_same_moment_leave_no_more_devices_than_allowed(url: str) -> None:
    """Neither transaction sees the device that the other one binds. One is left of them, also where one is allowed."""

    async def scene() -> None:
        here, there = (open_store(url, None, random.Random(seed)) for seed in range(2))
        try:
            for number in range(20):
                user, stores = f"u{number}", [here, there] * 2
                await asyncio.gather(
                    *(
                        store.bind(user, f"d{place}", token(f"{number}-{place}"), "", float(place), most=1)
                        for place, store in enumerate(stores)
                    )
                )
                assert len(await table(here, user)) == 1
        finally:
            await here.aclose()
            await there.aclose()

    asyncio.run(scene())


def test_a_killed_server_holds_up_neither_the_loop_nor_other_pushes(own_postgres: Postgres) -> None:
    """While PostgreSQL is gone, pushes without an owner are sent as always and pushes to users end unsent; when
    it is back, these are sent again, and a token that was called dead meanwhile is retired. The loop is never held."""
    oppo = OppoSandbox(tokens=3)
    owned, dead, plain = (PushToken(7005, token) for token in oppo.tokens)
    certificate = Certificate(7005, "oppo", {**oppo.settings("https://oppo.example")})
    events: list[Event] = []
    ends: dict[str, Counter[Reason | None]] = {"owned": Counter(), "plain": Counter()}
    lags: list[float] = []

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        is_over = asyncio.Event()

        async def keep(name: str, push: Push) -> None:
            while not is_over.is_set():
                (outcome,) = await gateway.send_each([push])
                ends[name][outcome.reason] += 1
                await asyncio.sleep(0.01)

        async def watch() -> None:
            while not is_over.is_set():
                began = loop.time()
                await asyncio.sleep(0.01)
                lags.append(loop.time() - began - 0.01)

        async with (
            Devices(with_database(own_postgres.url, "postgres")) as devices,
            Gateway(
                [certificate], devices=devices, transport=SandboxTransport(oppo), observer=events.append
            ) as gateway,
        ):
            first = await devices.bind("ann", "d1", owned)
            second = await devices.bind("ann", "d2", dead)
            note = Notification("title", "body")
            tasks = [
                asyncio.create_task(keep("owned", Push(owned, note, owner=first.owner, timeout=1.0))),
                asyncio.create_task(keep("plain", Push(plain, note))),
                asyncio.create_task(watch()),
            ]
            await asyncio.sleep(0.5)
            before = dict(ends["owned"])
            await asyncio.to_thread(own_postgres.stop, kill=True)
            devices.report_dead(dead, second.owner)
            await asyncio.sleep(3.0)
            gone = Counter(ends["owned"])
            await asyncio.to_thread(own_postgres.start)
            await asyncio.sleep(4.0)
            is_over.set()
            await asyncio.gather(*tasks)

            assert before.keys() == {None}
            assert gone[Reason.UNAVAILABLE] > 0
            assert ends["owned"][None] > gone[None]
            assert [one.push_token for one in (await devices.of_users(["ann"]))["ann"]] == [owned]

    asyncio.run(scene())

    changes: list[Any] = [event.available for event in events if isinstance(event, DevicesChanged)]
    assert changes == [False, True]
    assert ends["owned"].keys() <= {None, Reason.UNAVAILABLE, Reason.EXPIRED}
    assert ends["plain"].keys() == {None}
    assert max(lags) < 0.5
