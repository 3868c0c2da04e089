"""How many requests at once: by the certificate, the gateway or the plug-in, and never more than the transport's.

A vendor without mixed batches needs about as many as requests per second times the seconds of a round trip.
"""

import asyncio
import random
from typing import Any

import attrs
import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Certificate, FieldError, Gateway, Outcome, Push, PushToken, Reason
from pushgateway.engine.flow_control.rate import LATE, Rate
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.transport import HttpTransport, Resizable
from pushgateway.vendor import Rates

ROUND_TRIP = 0.05
RATE = 6000.0
NEEDED = 300


@attrs.frozen
class Fast(Toy):
    """Says what it is good for."""

    per_second: float | None = RATE
    at_once: int | None = NEEDED

    @property
    def rates(self) -> Rates:
        return Rates(pushes=self.per_second, connections=self.at_once)


class Counting(ToyServer):
    """Also counts what arrived in each second, and has a transport's limit if the test sets one."""

    def __init__(self) -> None:
        super().__init__()
        self.latency = ROUND_TRIP
        self.arrived: list[float] = []
        self.sizes: dict[str, int] = {}

    async def send(self, request: Any, *, pool: str, timeout: float) -> Any:  # noqa: ASYNC109
        if request.url.endswith("/push"):
            self.arrived.append(asyncio.get_running_loop().time())
        return await super().send(request, pool=pool, timeout=timeout)

    def resize(self, pool: str, connections: int) -> None:
        """See `Resizable`."""
        self.sizes[pool] = connections


def fast(key: int = 1, *, connections: int | None = None, **settings: Any) -> Certificate:
    """A certificate of the fast vendor, without mixed batches unless the test says so."""
    return attrs.evolve(certificate(key, **{"mixed": False, "logs_in": False, **settings}), connections=connections)


def over(server: ToyServer, *certificates: Certificate, **options: Any) -> Gateway:
    """A gateway on it."""
    return gateway(server, *certificates, vendors={"toy": Fast}, timeout=60.0, **options)


def most_in(seconds: float, times: list[float]) -> int:
    """The most of these times that lie within so many seconds."""
    most = start = 0
    for end, time in enumerate(times):
        while times[start] <= time - seconds:
            start += 1
        most = max(most, end - start + 1)
    return most


@pytest.fixture(autouse=True)
def many_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may open as many files as it wants, whatever the machine of the test says."""
    monkeypatch.setattr("pushgateway.engine.options.most_for_one", lambda: 2500)


@pytest.mark.parametrize("how", ["send", "send_each", "stream"])
def test_different_texts_go_out_at_the_vendors_rate(how: str) -> None:
    """20,000 of them at 6,000 a second over a round trip of 50 ms take hardly longer than 20,000 / 6,000 seconds, and
    in no second more arrive than the vendor allows."""
    server, count = Counting(), 20_000

    async def main() -> tuple[list[Outcome], float]:
        async with over(server, fast()) as g:
            pushes = [Push(PushToken(1, f"k{number}"), note(f"t{number}")) for number in range(count)]
            if how == "send":
                outcomes = await asyncio.gather(*(g.send(one.push_token, one.notification) for one in pushes))
            elif how == "send_each":
                outcomes = await g.send_each(pushes)
            else:
                outcomes = [outcome async for outcome in g.stream(pushes)]
            return outcomes, asyncio.get_running_loop().time()

    outcomes, took = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert len(server.arrived) == count
    assert count / took >= 0.9 * RATE
    assert server.peak <= NEEDED
    assert most_in(1.0, server.arrived) <= RATE * (1 + LATE) + 1


@pytest.mark.parametrize(
    ("own", "settings", "used"),
    [(None, {}, 128), (200, {}, 200), (None, {"at_once": 100}, 100), (None, {"mixed": True}, 8)],
)
def test_a_plug_ins_number_leaves_connections_to_others(
    own: int | None, settings: dict[str, Any], used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the process may open few files, one vendor that does not answer must not hold them all. What the host sets
    is not cut."""
    monkeypatch.setattr("pushgateway.engine.options.most_for_one", lambda: 128)
    server = Counting()

    async def main() -> None:
        async with over(server, fast(connections=own, size=1, per_second=None, **settings)) as g:
            await g.send_each([Push(PushToken(1, f"k{number}"), note(f"t{number}")) for number in range(1000)])

    run_virtual(main())

    assert server.peak == used
    assert server.sizes == {"1": used}


def test_a_queue_that_is_full_still_refuses() -> None:
    """However many connections there are, no more pushes are held than `queue` says."""
    server = Counting()

    async def main() -> list[Outcome]:
        async with over(server, fast(), queue=500) as g:
            sends = (g.try_send(PushToken(1, f"k{number}"), note(f"t{number}")) for number in range(2000))
            return await asyncio.gather(*sends)

    outcomes = run_virtual(main())

    assert sum(outcome.ok for outcome in outcomes) == 500
    assert {outcome.reason for outcome in outcomes if not outcome.ok} == {Reason.OVERLOADED}


@pytest.mark.parametrize(
    ("certificates_own", "gateways_own", "transports", "settings", "used"),
    [
        (None, None, None, {}, 300),
        (None, None, None, {"at_once": None}, 8),
        (None, None, None, {"at_once": 3}, 3),
        (None, None, None, {"mixed": True}, 8),  # a few connections carry everything
        (None, 20, None, {}, 20),
        (40, None, None, {}, 40),
        (40, 20, None, {}, 40),
        (40, 20, None, {"mixed": True}, 40),
        (5, 20, None, {}, 5),
        (None, None, 100, {}, 100),
        (400, None, 100, {}, 100),
        (None, 20, 100, {}, 20),
        (None, None, 100, {"at_once": None}, 100),
        (None, None, 6, {"mixed": True}, 6),
    ],
)
def test_whose_number_counts(
    certificates_own: int | None, gateways_own: int | None, transports: int | None, settings: dict[str, Any], used: int
) -> None:
    """The certificate's, then the gateway's, then the plug-in's where a request holds one notification, then the usual
    one; at most as many as the host's own transport has. The transport gets the same number."""
    server = Counting()
    if transports is not None:
        server.connections = transports  # type: ignore[attr-defined]

    async def main() -> None:
        own = fast(connections=certificates_own, size=1, per_second=None, **settings)
        async with over(server, own, connections=gateways_own) as g:
            await g.send_each([Push(PushToken(1, f"k{number}"), note(f"t{number}")) for number in range(1000)])

    run_virtual(main())

    assert server.peak == used
    assert server.sizes == {"1": used}


@pytest.mark.parametrize(("before", "after"), [(4, 50), (50, 4)])
def test_a_reload_changes_the_number(before: int, after: int) -> None:
    """For what waits too; what is on its way ends as it would have."""
    server = Counting()

    async def main() -> tuple[int, int]:
        async with over(server, fast(connections=before, per_second=None)) as g:
            sends = g.send_each([Push(PushToken(1, f"k{number}"), note(f"t{number}")) for number in range(1000)])
            task = asyncio.create_task(sends)
            await asyncio.sleep(0.12)
            first, server.peak = server.peak, 0
            g.reload([fast(connections=after, per_second=None)])
            await asyncio.sleep(2 * ROUND_TRIP)
            server.peak = 0
            assert all(outcome.ok for outcome in await task)
            return first, server.peak

    assert run_virtual(main()) == (before, after)
    assert server.sizes == {"1": after}


@pytest.mark.parametrize("wrong", [0, -1, True, 1.5, "8"])
def test_a_wrong_number_is_named(wrong: Any) -> None:
    """Of the certificate and of the gateway."""
    with pytest.raises(FieldError, match=r"Certificate\.connections: must be a whole number, 1 or more"):
        Certificate(1, "toy", {}, connections=wrong)
    with pytest.raises(FieldError, match=r"Gateway\.connections: must be a whole number, 1 or more"):
        Gateway([], connections=wrong)


def test_the_shipped_transports_take_the_number() -> None:
    """So what the gateway sends at once never waits for a connection."""
    assert isinstance(HttpTransport(), Resizable)


def test_a_rate_makes_up_for_what_was_late() -> None:
    """Timers that fire some milliseconds late cost nothing, and in no window is more sent than the rate allows for it
    and for `LATE`."""
    rate, chance = Rate(RATE), random.Random(5)
    now, times = 0.0, list[float]()
    while now < 2.0:
        while rate.delay(now) <= 0:
            rate.spend(now, 1.0)
            times.append(now)
        now += 0.001 + chance.random() * 0.004

    assert len(times) >= 0.99 * 2.0 * RATE
    for seconds in (0.005, 0.05, 0.5, 1.0):
        assert most_in(seconds, times) <= RATE * (seconds + LATE) + 1


def test_after_a_pause_a_rate_is_not_made_up_for() -> None:
    """What was not sent in an idle minute is not sent in a burst afterwards."""
    rate = Rate(100.0)
    for now in (0.0, 60.0):
        burst = 0
        while rate.delay(now) <= 0:
            rate.spend(now, 1.0)
            burst += 1
        assert burst == 1
