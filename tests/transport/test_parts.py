"""The parts of the transports without a network: the time limit, names, the limit of open connections."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from pushgateway.testing import run_virtual
from pushgateway.transport import limit as limiting
from pushgateway.transport.connection import MAX_IDLE, Connection
from pushgateway.transport.dns import KEEP_FAILED, KEEP_FOUND, Resolver
from pushgateway.transport.limit import TimeLimits, within
from pushgateway.transport.pool import _most_open, _OpenConnections, _Pool, most_for_one
from pushgateway.transport.protocol import CONNECTIONS
from pushgateway.transport.slots import Slots

A, B = (socket.AF_INET, ("10.0.0.1", 443)), (socket.AF_INET, ("10.0.0.2", 443))


# The time limit


def test_a_peer_that_never_stops_sending_does_not_extend_the_limit() -> None:
    """With data in every turn of the loop the limit ends the request after 200 turns."""
    turns = 0

    async def main() -> None:
        def progress() -> int:
            nonlocal turns
            turns += 1
            assert turns < 1000
            return turns

        with pytest.raises(TimeoutError), within(0.0, progress):
            await asyncio.Event().wait()

    asyncio.run(main())

    assert turns == limiting._MOST


def test_turns_without_data_count_in_a_row() -> None:
    """Three turns without data, then data, and again: what arrived in time is still being read."""
    asked = 0

    async def main() -> None:
        def progress() -> int:
            nonlocal asked
            asked += 1
            return asked // 4 if asked < 40 else 10

        with pytest.raises(TimeoutError), within(0.0, progress):
            await asyncio.Event().wait()

    asyncio.run(main())

    assert asked > 40


def test_a_cancellation_at_the_limit_is_no_time_out() -> None:
    """A task that is cancelled in the turn in which its time is over is cancelled."""

    async def main() -> None:
        async def limited() -> None:
            with within(0.0):
                await asyncio.Event().wait()

        task = asyncio.ensure_future(limited())
        for _ in range(50):
            await asyncio.sleep(0)
            if task.cancelling():
                break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_a_limit_that_was_kept_has_no_later_effect() -> None:
    """It does not cancel what the task does later."""

    async def main() -> bool:
        with within(0.0):
            pass
        for _ in range(20):
            await asyncio.sleep(0)
        return True

    assert asyncio.run(main())


class Limit(within):
    """A limit that records when its time is over."""

    def __init__(self, name: str, over: list[str]) -> None:
        super().__init__(0.0)
        self.expire = lambda: over.append(name)  # type: ignore[method-assign]


def test_one_timer_serves_many_limits() -> None:
    """Each ends at its time and not before; one that was kept does not end; the timer is set for the earliest."""

    async def main() -> list[list[str]]:
        loop, limits, over = asyncio.get_running_loop(), TimeLimits(), list[str]()
        begun, kept, found = loop.time(), Limit("kept", over), list[list[str]]()
        wanted = ((Limit("second", over), 2.0), (kept, 1.5), (Limit("first", over), 1.0), (Limit("third", over), 3.0))
        timers = []
        for limit, when in wanted:
            limits.add(limit, begun + when, loop)
            timers.append(round(limits._timer.when() - begun, 6) if limits._timer else None)
        limits.discard(kept)
        limits.discard(kept)
        for seconds in (0.9, 0.2, 0.8, 0.2, 1.0):
            await asyncio.sleep(seconds)
            found.append(list(over))
        assert timers == [2.0, 1.5, 1.0, 1.0]
        assert limits._timer is None
        return found

    assert run_virtual(main()) == [[], ["first"], ["first"], ["first", "second"], ["first", "second", "third"]]


def test_remaining_limits_keep_their_timer() -> None:
    """Closing a transport ends no request that is still connecting, so that one keeps its limit."""

    async def main() -> list[str]:
        loop, limits, over = asyncio.get_running_loop(), TimeLimits(), list[str]()
        left, kept = Limit("left", over), Limit("kept", over)
        limits.add(left, loop.time() + 1.0, loop)
        limits.close()
        await asyncio.sleep(2.0)
        limits.add(kept, loop.time() + 1.0, loop)
        limits.discard(kept)
        limits.close()
        assert limits._timer is None
        limits.add(Limit("next", over), loop.time() + 1.0, loop)
        await asyncio.sleep(2.0)
        return over

    assert run_virtual(main()) == ["left", "next"]


def test_a_timer_of_a_closed_loop_is_replaced() -> None:
    """A transport that was not closed is used in another loop: its limits apply there."""
    limits, over = TimeLimits(), list[str]()

    async def first() -> None:
        limits.add(Limit("never", over), asyncio.get_running_loop().time() + 1.0, asyncio.get_running_loop())

    async def second() -> None:
        loop = asyncio.get_running_loop()
        limits.add(Limit("second", over), loop.time() + 5.0, loop)
        await asyncio.sleep(6.0)

    run_virtual(first())
    limits._running.clear()
    run_virtual(second())

    assert over == ["second"]


# Slots


def test_slots_are_given_in_the_order_of_the_requests() -> None:
    """None is used twice, and a free one is given to the task that has waited longest."""

    async def main() -> list[int]:
        slots, order = Slots(2), list[int]()

        async def use(number: int) -> None:
            if not slots.take():
                await slots.wait()
            order.append(number)
            assert slots.taken <= 2
            await asyncio.sleep(1.0)
            slots.give_back()

        async with asyncio.TaskGroup() as group:
            for number in range(7):
                group.create_task(use(number))
        assert slots.taken == 0
        return order

    assert run_virtual(main()) == list(range(7))


def test_a_number_of_slots_may_change_while_they_are_used() -> None:
    """More: those who wait get them at once. Fewer: nothing is taken away, and none is given until enough came back."""

    async def main() -> list[int]:
        slots, seen = Slots(2), list[int]()
        assert [slots.take() for _ in range(3)] == [True, True, False]
        waiting = [asyncio.create_task(slots.wait()) for _ in range(6)]
        for resized, given_back in ((4, 0), (1, 1), (1, 3), (3, 0)):
            await asyncio.sleep(0)
            slots.resize(resized)
            for _ in range(given_back):
                slots.give_back()
            await asyncio.sleep(0)
            seen.append(sum(task.done() for task in waiting))
        await asyncio.sleep(0)
        while slots.taken:
            slots.give_back()
            await asyncio.sleep(0)
        assert all(task.done() for task in waiting)
        assert [slots.take() for _ in range(4)] == [True] * 3 + [False]
        return seen

    assert run_virtual(main()) == [2, 2, 3, 5]


@pytest.mark.parametrize("handed_over", [False, True])
def test_a_slot_is_not_lost_when_its_waiter_is_cancelled(handed_over: bool) -> None:
    """The waiter is cancelled while it waits, or in the moment in which it is given the slot: the next one gets it."""

    async def main() -> int:
        slots = Slots(1)
        assert slots.take()
        first, second = (asyncio.create_task(slots.wait()) for _ in range(2))
        await asyncio.sleep(0)
        if handed_over:
            slots.give_back()
            first.cancel()
        else:
            first.cancel()
            await asyncio.sleep(0)
            slots.give_back()
        await second
        assert first.cancelled()
        assert not slots.take()
        slots.give_back()
        assert slots.take()
        return slots.taken

    assert run_virtual(main()) == 1


# Names


class Names:
    """Replaces the resolver of the machine; `found` is what it returns, or an exception that it raises."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.found: list[Any] | Exception = [A]
        self.asked = 0
        self.daemons: list[bool] = []
        monkeypatch.setattr(socket, "getaddrinfo", self._look_up)

    def _look_up(self, host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        self.asked += 1
        self.daemons.append(threading.current_thread().daemon)
        if isinstance(self.found, Exception):
            raise self.found
        return [(family, socket.SOCK_STREAM, 6, "", address) for family, address in self.found]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """A replacement for the resolver of the machine."""
    return Names(monkeypatch)


def later() -> tuple[Resolver, Callable[[float], None]]:
    """A resolver, and a function that moves its clock."""
    now = [1000.0]

    def move(seconds: float) -> None:
        now[0] += seconds

    return Resolver(clock=lambda: now[0]), move


async def looked_up(resolver: Resolver) -> tuple[Any, ...]:
    """The addresses, within the time that a test may take."""
    async with asyncio.timeout(5):
        return await resolver.addresses("a.example", 443)


def test_addresses_are_used_again_for_half_a_minute(names: Names) -> None:
    """A name that was not found is remembered for two seconds only, because that may change soon."""
    resolver, move = later()

    async def main() -> list[int]:
        asked = []
        for wait in (0.0, KEEP_FOUND - 1, 2.0):
            move(wait)
            assert await resolver.addresses("a.example", 443) == (A,)
            asked.append(names.asked)
        names.found = socket.gaierror(socket.EAI_AGAIN, "try again")
        for wait in (KEEP_FOUND + 1, KEEP_FAILED - 1, 2.0):
            move(wait)
            with pytest.raises(socket.gaierror):
                await resolver.addresses("a.example", 443)
            asked.append(names.asked)
        return asked

    assert asyncio.run(main()) == [1, 1, 2, 3, 3, 4]
    assert all(names.daemons)  # a hanging one does not keep the process from ending


def test_the_address_that_connected_comes_first_after_a_new_look_up(names: Names) -> None:
    """This holds as long as the address is one of the name's; afterwards it is forgotten, also when no address
    connects."""
    resolver, move = later()

    async def addresses() -> tuple[Any, ...]:
        move(KEEP_FOUND + 1)
        return await resolver.addresses("a.example", 443)

    async def main() -> None:
        names.found = [A, B]
        assert await addresses() == (A, B)
        resolver.prefer("a.example", 443, B)
        assert await resolver.addresses("a.example", 443) == (B, A)
        assert await addresses() == (B, A)
        names.found = [A]
        assert await addresses() == (A,)
        names.found = [A, B]
        assert await addresses() == (B, A)
        resolver.forget("a.example", 443)
        assert await addresses() == (A, B)

    asyncio.run(main())


def test_cancelling_one_waiter_of_a_look_up_affects_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both wait for one look-up, which is done once."""
    release, asked = threading.Event(), []

    def look_up(host: str, port: int, **_: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        release.wait(10)
        return [(A[0], socket.SOCK_STREAM, 6, "", A[1])]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async def main() -> object:
        resolver = Resolver()
        one, other = (asyncio.ensure_future(resolver.addresses("a.example", 443)) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        await asyncio.sleep(0)
        release.set()
        return await other

    assert asyncio.run(main()) == (A,)
    assert asked == ["a.example"]


def test_an_impossible_host_is_a_name_that_was_not_found(names: Names) -> None:
    """Python refuses a label of more than 63 characters before any look-up."""
    names.found = UnicodeEncodeError("idna", "a", 0, 1, "label too long")

    with pytest.raises(socket.gaierror):
        asyncio.run(looked_up(Resolver()))


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", (socket.AF_INET, ("127.0.0.1", 443))),
        ("::1", (socket.AF_INET6, ("::1", 443, 0, 0))),
    ],
)
def test_an_address_is_not_looked_up(names: Names, host: str, address: Any) -> None:
    """An address is its own result."""
    assert asyncio.run(Resolver().addresses(host, 443)) == (address,)
    assert names.asked == 0


def test_a_look_up_of_a_closed_loop_is_not_used(names: Names) -> None:
    """A loop that was closed during the look-up will never get its result."""
    resolver = Resolver()

    async def gone() -> None:
        resolver._running["a.example", 443] = asyncio.get_running_loop().create_future()

    asyncio.run(gone())

    assert asyncio.run(looked_up(resolver)) == (A,)


# Open connections


class Noting(Connection):
    """An open connection that records how it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = ""

    @property
    def fresh(self) -> bool:
        return True

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "cut"


def test_which_connections_are_kept() -> None:
    """The one used last is returned first; one that is too old, cut, or of a removed certificate is not returned."""

    async def main() -> None:
        ours, pool = _OpenConnections(10), _Pool(8)
        one, two, old, cut, gone = (Noting() for _ in range(5))
        ours.give_back(pool, one, 0.0, keep=True)
        ours.give_back(pool, two, 1.0, keep=True)
        ours.give_back(pool, cut, 1.0, keep=False)

        assert ours.take(pool, 1.0) is two
        assert ours.take(pool, 1.0) is one
        assert ours.take(pool, 1.0) is None
        assert cut.ended == "cut"
        ours.give_back(pool, old, 0.0, keep=True)
        assert ours.take(pool, MAX_IDLE) is None
        assert old.ended == "closed"
        ours.close(pool, busy=False)
        assert [one.ended, two.ended] == ["", ""]
        ours.give_back(pool, gone, 1.0, keep=True)
        assert gone.ended == "closed"
        ours.close(pool, busy=True)
        assert [one.ended, two.ended] == ["cut", "cut"]

    asyncio.run(main())


def test_the_oldest_idle_connection_is_closed_for_a_new_one() -> None:
    """It may be of any pool; connections in use count too."""

    async def main() -> list[str]:
        ours, mine, other = _OpenConnections(3), _Pool(8), _Pool(8)
        kept = [Noting() for _ in range(3)]
        ours.give_back(other, kept[0], 0.0, keep=True)
        ours.give_back(mine, kept[1], 1.0, keep=True)
        assert ours.places.take()
        assert ours.places.take()
        ours.give_back(other, kept[2], 2.0, keep=True)
        ours.close_idle_over_limit()
        made = [one.ended for one in kept]
        ours.close(mine, busy=False)
        assert ours._timer is not None
        ours.close(other, busy=False)
        assert ours._timer is None  # nothing is left to be closed by time
        return made

    assert asyncio.run(main()) == ["closed", "closed", ""]


def test_half_of_the_file_descriptors_are_left_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is ten thousand at most, also where the system has none."""
    import resource

    found = []
    for soft in (1024, 3, 1, 100_000, resource.RLIM_INFINITY):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        found.append(_most_open())

    assert found == [512, 1, 1, 10_000, 10_000]


def test_one_certificate_has_a_quarter_of_the_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """So vendors that do not answer leave some to the others; the usual number is never cut."""
    import resource

    found = []
    for soft in (1024, 2400, 16, 100_000):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        found.append(most_for_one())

    assert found == [128, 300, CONNECTIONS, 2500]


def test_a_closed_connection_sends_nothing() -> None:
    """A write to it sends nothing, and `sent` says so."""
    connection = Connection()

    with pytest.raises(ConnectionAbortedError):
        connection.write(b"x")
    assert connection.unsent
    assert not connection.idle


def test_data_that_was_read_no_longer_counts_as_unread() -> None:
    """Much data arrives in small parts and is read each time: the peer is never made to wait."""
    held: list[str] = []

    class Socket(asyncio.Transport):
        def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
            held.append(f"limit {high}")

        def pause_reading(self) -> None:
            held.append("pause")

        def resume_reading(self) -> None:
            held.append("resume")

    async def main() -> None:
        connection = Connection()
        connection.connection_made(Socket())
        for _ in range(20):
            connection.data_received(bytes(100_000))
            assert len(await connection.read()) == 100_000
        assert held == ["limit 0"]
        for _ in range(3):
            connection.data_received(bytes(100_000))
        assert not connection.idle
        assert len(await connection.read()) == 300_000
        assert connection.idle
        connection.pause_writing()
        assert not connection.idle

    asyncio.run(main())

    assert held == ["limit 0", "pause", "resume"]
