"""Several gateways with one shared state are, to the vendor, one: one rate and one day's quota, fairly divided.

Virtual time: each gateway is what a process of its own would be, and the store answers after a millisecond.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
from shared_gateways import TimedServer, UnsteadyState, closed, now, processes, pushed, unsteady
from toy_vendor import Toy, certificate, gateway, note

from pushgateway import (
    Audience,
    Certificate,
    Gateway,
    Notification,
    Outcome,
    PushToken,
    Reason,
    Receipt,
    ReceiptKind,
    RetryPolicy,
    Status,
)
from pushgateway.engine.flow_control.portions import fair_portion
from pushgateway.observe.events import Event, QuotaLatched, QuotaReleased, SharedStateChanged
from pushgateway.state import Contents, MemoryState, Wish
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import NoVerdict

RATE = 200.0
RECEIPT = Receipt(push_token=PushToken(1, "a"), kind=ReceiptKind.ARRIVED, event="")


@pytest.mark.parametrize(
    ("demand", "others", "portion"),
    [
        (50.0, [], 75.0),  # half of what nobody wants is lent to it
        (100.0, [], 100.0),
        (300.0, [300.0, 300.0, 300.0], 25.0),
        (300.0, [10.0, 300.0], 45.0),
        (10.0, [300.0, 300.0], 10.0),
        (10.0, [20.0], 10.0 + 70.0 / 3),
        (100.0, [0.0], 100.0),
    ],
)
def test_a_rate_is_divided_fairly(demand: float, others: list[float], portion: float) -> None:
    """Who wants less than an equal share gets what it wants, the others divide the rest, and a spare part is lent."""
    assert fair_portion(100.0, demand, others) == pytest.approx(portion)


def test_no_division_gives_away_more_than_there_is() -> None:
    """Whatever the demands are, the portions of all processes together are at most the rate."""
    for demands in ([1.0, 2.0, 3.0], [0.0, 0.0], [99.0, 99.0, 1.0, 0.5], [1e9] * 7, [33.0, 33.0, 33.0]):
        portions = [fair_portion(100.0, one, [*demands[:n], *demands[n + 1 :]]) for n, one in enumerate(demands)]

        assert sum(portions) <= 100.0 + 1e-9


LIMITED = Certificate(1, "toy", {"secret": "s3cret"}, pushes_per_second=RATE)
"""A certificate whose vendor takes `RATE` pushes a second."""

Program = Callable[[list[Gateway], TimedServer, UnsteadyState], Awaitable[Any]]


def shared_run(number: int, program: Program, given: Certificate = LIMITED, **options: Any) -> tuple[Any, TimedServer]:
    """What a program with so many gateways on one state returns, and the vendor's server."""
    server = TimedServer()

    async def main() -> Any:
        state = unsteady()
        gateways = processes(number, server, state, given, **options)
        try:
            return await program(gateways, server, state)
        finally:
            await closed(gateways)

    return run_virtual(main()), server


def test_four_processes_share_one_rate() -> None:
    """All four have more to send than they may: together they send what the vendor takes, within 3 %, and each a
    quarter of it, within 10 %. In no second is more sent than the rate and its borrowed hundredth."""

    async def program(gateways: list[Gateway], server: TimedServer, _: UnsteadyState) -> None:
        for number, gate in enumerate(gateways):
            pushed(gate, 4000, title=f"p{number}")
        await asyncio.sleep(21)

    _, server = shared_run(4, program)

    assert server.rate(1, 21) == pytest.approx(RATE, rel=0.03)
    for number in range(4):
        assert server.rate(1, 21, f"p{number}") == pytest.approx(RATE / 4, rel=0.1)
    assert max(server.rate(second, second + 1) for second in range(1, 20)) <= 1.03 * RATE


def test_a_process_that_begins_gets_its_share_within_a_second() -> None:
    """One process sends at the whole rate; a second one begins, and from one second later both have a half."""

    async def program(gateways: list[Gateway], server: TimedServer, _: UnsteadyState) -> None:
        pushed(gateways[0], 6000, title="first")
        await asyncio.sleep(5)
        pushed(gateways[1], 6000, title="second")
        await asyncio.sleep(6)

    _, server = shared_run(2, program)

    assert server.rate(1, 5, "first") == pytest.approx(RATE, rel=0.03)
    assert server.rate(6, 11, "first") == pytest.approx(RATE / 2, rel=0.05)
    assert server.rate(6, 11, "second") == pytest.approx(RATE / 2, rel=0.05)
    assert server.rate(5, 6) <= RATE + RATE / 2 / 10  # and the first request of the second one


def test_what_one_process_does_not_need_the_others_have() -> None:
    """One process ends its pushes, one never had any, one sends a trickle: the busy one has nearly the whole rate from
    two seconds later, and the trickle is never held back."""

    async def program(gateways: list[Gateway], server: TimedServer, _: UnsteadyState) -> list[float]:
        pushed(gateways[0], 6000, title="busy")
        pushed(gateways[1], 400, title="ends")
        waited = []
        for number in range(140):
            begun = now()
            await gateways[2].send(PushToken(1, f"trickle-{number}"), note("trickle"))
            waited.append(now() - begun)
            await asyncio.sleep(max(0.0, begun + 0.1 - now()))
        return waited[20:]

    waited, server = shared_run(4, program)

    ended = server.by_title["ends"][-1]
    assert server.rate(ended + 2, 14) == pytest.approx(RATE, rel=0.05)
    assert max(waited) < 0.05


def test_a_process_with_nothing_to_send_holds_nothing() -> None:
    """Two seconds after its last push it has no portion in the store, and says only that it is there, twice a
    second."""

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> tuple[Contents, int]:
        await pushed(gateways[0], 50)
        await asyncio.sleep(2)
        before = state.calls
        await asyncio.sleep(10)
        return await state.inner.contents(), state.calls - before

    (contents, calls), _ = shared_run(1, program)

    assert (len(contents.processes), contents.portions) == (1, {})
    assert 15 <= calls <= 25


def test_single_pushes_do_not_wait_for_the_store() -> None:
    """A process that sends now and then sends at once: the store that takes 0.4 seconds is not on the way of a push."""

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> float:
        await gateways[0].send(PushToken(1, "first"), note())
        state.delay = 0.4
        longest = 0.0
        for number in range(10):
            await asyncio.sleep(5)
            begun = now()
            await gateways[0].send(PushToken(1, f"k{number}"), note())
            longest = max(longest, now() - begun)
        return longest

    longest, _ = shared_run(2, program)

    assert longest < 0.05


def test_a_used_up_day_is_known_to_all_within_a_second() -> None:
    """One process learns that the daily quota is used up: after a second the others end their pushes without a request,
    and each of them reports it once. A process that begins later knows it too."""
    events: list[Event] = []

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> list[Any]:
        for gate in gateways[:3]:
            await gate.send(PushToken(1, "a"), note())
        server.codes["used-up"] = "7"
        first = await gateways[0].send(PushToken(1, "used-up"), note())
        await asyncio.sleep(1)
        before = server.calls["push"]
        later = [await gate.send(PushToken(1, "b"), note()) for gate in gateways]
        return [first, *later, server.calls["push"] - before]

    found, _ = shared_run(4, program, observer=events.append)

    *outcomes, requests = found
    assert {outcome.reason for outcome in outcomes} == {Reason.QUOTA_EXCEEDED}
    assert all(outcome.retry_after > 3600 for outcome in outcomes[1:])
    assert requests == 0
    assert sum(isinstance(event, QuotaLatched) for event in events) == 4


@pytest.mark.parametrize("name", ["", "a/b", "é 中 %2F", "\ud800"])
def test_any_name_of_a_quota_is_shared(name: str) -> None:
    """A plug-in may make it of what the host gives: the other process closes the quota of the same name."""

    class Named(Toy):
        def quota(self, notification: Notification) -> str:
            return name

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> list[Any]:
        server.codes["used-up"] = "7"
        for gate, token in zip(gateways, ("used-up", "a"), strict=True):
            await gate.send(PushToken(1, token), note())
        await asyncio.sleep(1)
        return [(await gate.send(PushToken(1, "b"), note())).reason for gate in gateways]

    found, _ = shared_run(2, program, vendors={"toy": Named})

    assert found == [Reason.QUOTA_EXCEEDED] * 2


def test_a_quota_that_somebody_opens_is_open_to_all() -> None:
    """More was bought at the vendor: opened in the store, every process sends again within a second."""
    events: list[Event] = []

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> list[bool]:
        for gate in gateways:
            await gate.send(PushToken(1, "a"), note())
        server.codes["used-up"] = "7"
        await gateways[0].send(PushToken(1, "used-up"), note())
        await asyncio.sleep(1)
        (key,) = (await state.inner.contents()).closed
        await state.inner.open_quota(key)
        await asyncio.sleep(1)
        return [(await gate.send(PushToken(1, "b"), note())).ok for gate in gateways]

    found, _ = shared_run(2, program, observer=events.append)

    assert found == [True, True]
    assert sum(isinstance(event, QuotaReleased) for event in events) == 2


@pytest.mark.parametrize("seconds", [12.0, 20.0, 28.0])
def test_the_end_of_an_outage_is_known_to_all_within_a_second(seconds: float) -> None:
    """Each process tests a vendor that does not answer less and less often, up to every 15 seconds. The first one that
    gets an answer reports it to the others, which test at once."""

    async def program(gateways: list[Gateway], server: TimedServer, _: UnsteadyState) -> list[float]:
        server.is_down = True
        for number, gate in enumerate(gateways):
            pushed(gate, 20, title=f"p{number}", timeout=90.0)
        await asyncio.sleep(seconds)
        server.is_down = False
        await asyncio.sleep(20)
        return sorted(times[0] for times in server.by_title.values())

    first, server = shared_run(4, program)

    assert len(server.push_times) == 80
    assert len(first) == 4
    assert first[-1] - first[0] < 1.0


def test_a_store_that_is_gone_costs_no_push_and_is_reported_once() -> None:
    """It fails for a minute while all send at the limit: not less is sent than before, not more than the vendor takes,
    and each process reports its end and its return once."""
    events: list[Event] = []

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> int:
        for number, gate in enumerate(gateways):
            pushed(gate, 8000, title=f"p{number}", timeout=1000.0)
        await asyncio.sleep(5)
        state.failure = ConnectionError("secret-in-an-error")
        await asyncio.sleep(2)
        before = state.calls
        await asyncio.sleep(58)
        calls = state.calls - before
        state.failure = None
        await asyncio.sleep(15)
        return calls

    calls, server = shared_run(4, program, observer=events.append)

    assert server.rate(6, 65) == pytest.approx(RATE, rel=0.03)
    assert server.rate(70, 80) == pytest.approx(RATE, rel=0.03)
    changes = [event.available for event in events if isinstance(event, SharedStateChanged)]
    assert sorted(changes) == [False] * 4 + [True] * 4
    assert calls < 4 * 20  # a probe every five seconds, not one for each request


def test_a_store_that_hangs_stops_nobody() -> None:
    """Its answers take two seconds, from the beginning: every process sends, with the whole rate as without a store."""

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> list[bool]:
        state.delay = 2.0
        outcomes = await asyncio.gather(*(pushed(gate, 100, title=f"p{n}") for n, gate in enumerate(gateways)))
        return [outcome.ok for its in outcomes for outcome in its]

    found, server = shared_run(3, program)

    assert found == [True] * 300
    assert server.push_times[-1] < 4.0


def test_an_idle_process_that_lost_the_store_has_an_equal_share() -> None:
    """It was idle when the store went: it begins at once, with an equal share of the rate."""

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> None:
        for gate in gateways:
            await gate.send(PushToken(1, "a"), note())
        await asyncio.sleep(3)
        state.failure = OSError()
        await asyncio.sleep(3)
        pushed(gateways[0], 6000, title="begins")
        await asyncio.sleep(10)

    _, server = shared_run(2, program)

    assert server.rate(7, 16, "begins") == pytest.approx(RATE / 2, rel=0.05)


def test_a_store_that_lost_everything_learns_closed_quotas_again() -> None:
    """It was restarted empty: the processes that know a closed quota say so, and a new process learns it."""

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> list[str]:
        await gateways[0].send(PushToken(1, "a"), note())
        server.codes["used-up"] = "7"
        await gateways[0].send(PushToken(1, "used-up"), note())
        await asyncio.sleep(1)
        state.failure = OSError()
        await asyncio.sleep(2)
        state.inner, state.failure = MemoryState(asyncio.get_running_loop().time), None
        await asyncio.sleep(10)
        return list((await state.inner.contents()).closed)

    found, _ = shared_run(1, program)

    assert len(found) == 1


@pytest.mark.parametrize("beside", [True, False])
def test_a_closed_quota_that_could_not_be_published_is_published_later(beside: bool) -> None:
    """The one call that publishes it fails, and the store answers again before the next exchange: another call has
    found that out, or the exchange itself. The other process knows the quota all the same, within two seconds."""

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> list[Any]:
        for gate in gateways:
            await gate.send(PushToken(1, "a"), note())
        sharing = gateways[0]._sharing
        assert sharing is not None
        asked_at = sharing._asked_at
        while sharing._asked_at == asked_at:  # noqa: ASYNC110 - nothing reports it
            await asyncio.sleep(0.01)
        server.codes["used-up"] = "7"
        state.failing = "close_quota"
        await gateways[0].send(PushToken(1, "used-up"), note())
        await asyncio.sleep(0.01)
        state.failing, gone = "", sharing.guard.is_gone
        if beside:
            await asyncio.sleep(sharing.guard.seconds_to_probe())
            await gateways[0].settle_receipts([RECEIPT], taken=True)
        await asyncio.sleep(2)
        return [gone, (await gateways[1].send(PushToken(1, "b"), note())).reason]

    found, _ = shared_run(2, program, certificate())

    assert found == [True, Reason.QUOTA_EXCEEDED]


def test_a_store_that_lost_everything_without_a_failed_call_learns_closed_quotas_again() -> None:
    """It was restarted empty between two calls, so that nobody saw it: a process that begins learns what is closed."""

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> list[str]:
        await gateways[0].send(PushToken(1, "a"), note())
        server.codes["used-up"] = "7"
        await gateways[0].send(PushToken(1, "used-up"), note())
        await asyncio.sleep(1)
        state.inner = MemoryState(asyncio.get_running_loop().time)
        await asyncio.sleep(1)
        return list((await state.inner.contents()).closed)

    found, _ = shared_run(1, program)

    assert len(found) == 1


def test_what_is_closed_is_published_once() -> None:
    """Whatever else changes in the store: what it knows is not published again, and not by the other processes."""

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> int:
        for gate in gateways:
            await gate.send(PushToken(1, "a"), note())
        server.codes["used-up"] = "7"
        await gateways[0].send(PushToken(1, "used-up"), note())
        await asyncio.sleep(1)
        for number in range(5):
            await state.inner.close_quota(f"another/{number}", 100.0)
            await asyncio.sleep(1)
        return state.names.count("close_quota")

    found, _ = shared_run(3, program)

    assert found == 1


def test_a_quota_that_was_used_up_just_before_the_end_is_known_to_the_others() -> None:
    """A process learns it and is closed at once, as a command does: the store knows it."""

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> list[str]:
        server.codes["used-up"] = "7"
        await gateways[0].send(PushToken(1, "used-up"), note())
        await gateways[0].aclose()
        return list((await state.inner.contents()).closed)

    found, _ = shared_run(1, program)

    assert len(found) == 1


def test_very_many_processes_do_not_exceed_the_rate() -> None:
    """Of 250 processes each may send 0.4 % of the rate. The hundredth that a process may send in any case is no more
    than that, so that all together stay at the rate."""
    high = 20_000.0

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> None:
        pushed(gateways[0], 20_000, title="one", timeout=1000.0)
        for _ in range(100):
            held = (await state.inner.contents()).portions
            others = [Wish(key, high, 1000.0, high / 250) for key in held if key.endswith("/pushes")]
            for number in range(249):
                await state.inner.exchange(f"p{number}", others, hold=2.0, known=0)
            await asyncio.sleep(0.2)

    _, server = shared_run(1, program, attrs.evolve(LIMITED, pushes_per_second=high))

    assert server.rate(14, 20) == pytest.approx(high / 250, rel=0.05)


def test_a_reload_keeps_what_is_shared() -> None:
    """A setting changes that is no secret: the lane has new limits, and still shares them, and a closed quota."""

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> Any:
        await gateways[0].send(PushToken(1, "a"), note())
        server.codes["used-up"] = "7"
        await gateways[0].send(PushToken(1, "used-up"), note())
        await asyncio.sleep(1)
        gateways[0].reload([certificate(size=7)])
        await asyncio.sleep(1)
        return (await gateways[0].send(PushToken(1, "b"), note())).reason

    found, _ = shared_run(2, program)

    assert found is Reason.QUOTA_EXCEEDED


def test_a_closed_gateway_leaves_nothing_in_the_store() -> None:
    """Its portions and its name are gone as soon as it is closed, and no task of it is left."""

    async def main() -> Any:
        state, server = unsteady(), TimedServer()
        gateways = processes(2, server, state, LIMITED)
        sending = [pushed(gate, 50, title=str(number)) for number, gate in enumerate(gateways)]
        await asyncio.gather(*sending)
        before = await state.inner.contents()
        await closed(gateways)
        return before, await state.inner.contents()

    before, after = run_virtual(main())

    assert len(before.processes) == 2
    assert before.portions
    assert (after.processes, after.portions) == ({}, {})


def test_a_value_that_is_no_state_is_refused() -> None:
    """A wrong type, a wrong URL: the error names the field, and quotes no password."""
    for wrong in (7, "redis:/x", "http://user:password@host", "sqlite://x"):
        with pytest.raises(ValueError, match=r"^(Gateway\.)?state") as refused:
            Gateway([certificate()], state=wrong)  # type: ignore[arg-type]
        assert "password" not in str(refused.value)


def test_a_broadcast_in_parts_gets_its_share() -> None:
    """A list of tokens is cut into parts that wait beside the queue: they ask for a portion as pushes do, beside a busy
    process, and wait no longer than at half the rate."""

    async def program(gateways: list[Gateway], server: TimedServer, _: UnsteadyState) -> float:
        pushed(gateways[0], 8000, title="busy")
        await asyncio.sleep(3)
        begun = now()
        audience = Audience.of_tokens([f"k{number}" for number in range(300)])
        await gateways[1].broadcast(1, note(), audience)
        return now() - begun

    took, server = shared_run(2, program)

    assert sum(map(len, server.sent_to)) == 400  # 300 tokens, and the id of the content with each three of them
    assert took == pytest.approx(300 / (RATE / 2), abs=1.0)


@pytest.mark.parametrize("rate", [2.0, 20.0])
def test_a_low_rate_is_shared_too(rate: float) -> None:
    """At two pushes a second for four processes, each sends one every two seconds; nobody stands still."""

    async def program(gateways: list[Gateway], server: TimedServer, _: UnsteadyState) -> None:
        for number, gate in enumerate(gateways):
            pushed(gate, 400, title=f"p{number}", timeout=1000.0)
        await asyncio.sleep(42)

    given = Certificate(1, "toy", {"secret": "s3cret"}, pushes_per_second=rate)
    _, server = shared_run(4, program, given)

    assert server.rate(2, 42) == pytest.approx(rate, rel=0.05)
    for number in range(4):
        assert server.rate(2, 42, f"p{number}") == pytest.approx(rate / 4, rel=0.1)


def test_a_rate_of_requests_is_shared_too() -> None:
    """At a vendor that counts requests, full batches of all processes together keep to its figure."""

    async def program(gateways: list[Gateway], server: TimedServer, _: UnsteadyState) -> tuple[int, int]:
        for number, gate in enumerate(gateways):
            pushed(gate, 20_000, title=f"p{number}", timeout=1000.0)
        await asyncio.sleep(1)
        before = server.calls["push"]
        await asyncio.sleep(20)
        return before, server.calls["push"]

    given = Certificate(1, "toy", {"secret": "s3cret", "size": 10}, requests_per_second=40.0)
    (before, after), server = shared_run(4, program, given)

    assert (after - before) / 20 == pytest.approx(40.0, rel=0.03)
    assert server.rate(1, 21) == pytest.approx(400.0, rel=0.03)


def test_more_certificates_than_one_call_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty-five certificates send at the same moment in both processes, ten in each call to the store: each
    certificate keeps to its rate. (A call takes 250.)"""
    monkeypatch.setattr("pushgateway.engine.sharing.AT_ONCE", 10)
    number, rate = 25, 10.0

    async def main() -> TimedServer:
        server, state = TimedServer(), unsteady()
        given = [Certificate(key, "toy", {"secret": f"s{key}"}, pushes_per_second=rate) for key in range(1, number + 1)]
        gateways = processes(2, server, state, *given)
        for gate in gateways:
            for key in range(1, number + 1):
                pushed(gate, 60, title=f"c{key}", key=key)
        await asyncio.sleep(6)
        await closed(gateways)
        return server

    server = run_virtual(main())

    assert [server.rate(1, 6, f"c{key}") for key in range(1, number + 1)] == pytest.approx([rate] * number, rel=0.1)


def test_the_later_end_of_a_quota_holds_here_too() -> None:
    """This process knows that a quota is closed for a while, and learns that it is for longer: no second event."""
    events: list[Event] = []

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> list[float | None]:
        await gateways[0].send(PushToken(1, "a"), note())
        server.codes["used-up"] = "7"
        await gateways[0].send(PushToken(1, "used-up"), note())
        await asyncio.sleep(1)
        (key,) = (await state.inner.contents()).closed
        first = (await gateways[0].send(PushToken(1, "b"), note())).retry_after
        await state.inner.close_quota(key, 80_000.0)
        await asyncio.sleep(1)
        return [first, (await gateways[0].send(PushToken(1, "b"), note())).retry_after]

    (first, second), _ = shared_run(1, program, observer=events.append)

    assert first < 70_000 < second
    assert sum(isinstance(event, QuotaLatched) for event in events) == 1


@pytest.mark.parametrize("seed", range(3))
def test_hostile_minutes_of_the_store_cost_nothing(seed: int) -> None:
    """For ten minutes the store fails, hangs, is slow or loses everything at random moments, and processes come and go:
    every push is accepted, never more is sent than the rate and what a process may send that was just there, there is
    at most one login a minute at a vendor where the last one wins, and in the end the store holds nothing."""
    rng = random.Random(seed)
    begun: list[Awaitable[list[Outcome]]] = []

    async def main() -> tuple[list[Outcome], TimedServer, Contents]:
        server, state = TimedServer(), unsteady()
        gateways = processes(4, server, state, LIMITED, timeout=200.0)
        await asyncio.gather(*(gate.send(PushToken(1, "first"), note()) for gate in gateways))
        while now() < 600:
            trouble = rng.choice(["fails", "hangs", "slow", "empty", "none", "none", "none"])
            state.failure = ConnectionError() if trouble == "fails" else None
            state.delay = {"hangs": 60.0, "slow": 0.3}.get(trouble, 0.001)
            if trouble == "empty":
                state.inner = MemoryState(asyncio.get_running_loop().time)
            for place in range(4):
                if rng.random() < 0.5:
                    begun.append(pushed(gateways[place], rng.randrange(1, 400), title=f"p{len(begun)}"))
            await asyncio.sleep(rng.uniform(1, 20))
        state.failure, state.delay = None, 0.001
        outcomes = [outcome for its in await asyncio.gather(*begun) for outcome in its]
        await asyncio.sleep(6)
        await closed(gateways)
        return outcomes, server, await state.inner.contents()

    outcomes, server, left = run_virtual(main(), seed=seed)

    assert {outcome.status for outcome in outcomes} == {Status.ACCEPTED}
    assert server.calls["login"] == 1
    assert max(server.rate(second, second + 5) for second in range(1, 600)) <= 1.25 * RATE
    assert (left.processes, left.portions) == ({}, {})


def test_a_process_that_something_else_holds_back_leaves_its_part() -> None:
    """One process has much to send and cannot: its network is gone, and later the vendor is so slow for it that its
    connections are all busy. The other one has nearly the whole rate meanwhile."""
    other = TimedServer()

    async def program(gateways: list[Gateway], server: TimedServer, state: UnsteadyState) -> None:
        options: dict[str, Any] = {"connections": 1, "retry": RetryPolicy(attempts=99), "rng": random.Random(9)}
        held_back = gateway(other, LIMITED, state=state, **options)
        pushed(gateways[0], 12_000, title="free", timeout=1000.0)
        pushed(held_back, 12_000, title="held-back", timeout=1000.0)
        await asyncio.sleep(5)
        other.answers = [NoVerdict("no network", sent=False)] * 1000
        await asyncio.sleep(15)
        other.answers, other.latency = [], 2.0
        await asyncio.sleep(30)
        await closed([held_back])

    _, server = shared_run(1, program)

    assert server.rate(2, 5) == pytest.approx(RATE / 2, rel=0.05)
    assert server.rate(8, 20) >= 0.9 * RATE
    assert server.rate(30, 50) >= 0.9 * RATE - other.rate(30, 50)
