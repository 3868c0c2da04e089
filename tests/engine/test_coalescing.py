"""Single sends are joined into vendor batches: few requests under load, no waiting when idle."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import FieldError, Gateway, Outcome, Priority, Push, PushToken, Reason, RetryPolicy, Status
from pushgateway.testing.virtual_time import run_virtual


async def spread(g: Gateway, count: int, seconds: float, key: int = 1) -> list[float]:
    """Send `count` pushes one by one over `seconds`; returns how long each one took, in seconds."""
    loop = asyncio.get_running_loop()

    async def one(number: int) -> float:
        begun = loop.time()
        outcome = await g.send(PushToken(key, f"k{number}"), note(f"n{number}"))
        assert outcome.ok
        return loop.time() - begun

    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(one(number)))
        await asyncio.sleep(seconds / count)
    return await asyncio.gather(*tasks)


@pytest.mark.parametrize("latency", [0.001, 0.005, 0.05])
def test_ten_thousand_sends_over_a_second_are_a_hundred_calls(latency: float) -> None:
    """At most 110 vendor calls, and no send takes more than 20 ms longer than the vendor."""
    server = ToyServer()
    server.latency = latency

    async def main() -> list[float]:
        async with gateway(server, certificate(logs_in=False)) as g:
            return await spread(g, 10_000, 1.0)

    took = sorted(run_virtual(main()))

    assert server.calls["push"] <= 110
    assert took[int(len(took) * 0.99)] - latency <= 0.020
    assert sum(server.ledger.values()) == 10_000


def test_a_burst_of_ten_thousand_is_twelve_calls() -> None:
    """Full batches are sent at once, without lingering."""
    server = ToyServer()

    async def main() -> float:
        async with gateway(server, certificate(logs_in=False)) as g:
            await asyncio.gather(*(g.send(PushToken(1, f"k{i}"), note()) for i in range(10_000)))
            return asyncio.get_running_loop().time()

    took = run_virtual(main())

    assert server.calls["push"] <= 12
    assert took <= 3 * server.latency


def test_without_load_no_send_waits() -> None:
    """With one send a second each takes exactly as long as the vendor."""
    server = ToyServer()

    async def main() -> list[float]:
        async with gateway(server, certificate(logs_in=False)) as g:
            return await spread(g, 20, 20.0)

    took = run_virtual(main())

    assert max(took) == pytest.approx(server.latency)
    assert server.calls["push"] == 20


def test_two_sends_close_together_are_two_requests_within_the_linger() -> None:
    """The second push waits for others no longer than the linger."""
    server = ToyServer()

    async def main() -> float:
        async with gateway(server, certificate(logs_in=False), linger=0.5) as g:
            first = asyncio.create_task(g.send(PushToken(1, "a"), note()))
            await asyncio.sleep(0.1)
            await g.send(PushToken(1, "b"), note())
            assert (await first).ok
            return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(0.5 + server.latency)


def test_a_full_batch_does_not_linger() -> None:
    """When there are enough pushes for a full request, it is sent."""
    server = ToyServer()

    async def main() -> float:
        async with gateway(server, certificate(logs_in=False, size=10), linger=5.0) as g:
            first = asyncio.create_task(g.send(PushToken(1, "first"), note()))
            await asyncio.sleep(0.1)
            await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(10)])
            assert (await first).ok
            return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(0.1 + server.latency)


def test_while_all_connections_are_busy_pushes_collect() -> None:
    """With a slow vendor the batches get large without any setting."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> None:
        async with gateway(server, certificate(logs_in=False), connections=2) as g:
            await spread(g, 5_000, 5.0)

    run_virtual(main())

    assert server.calls["push"] <= 14
    assert max(len(batch) for batch in server.batches) >= 450


@pytest.mark.parametrize("off", ["gateway", "certificate", "push"])
def test_without_coalescing_each_push_has_a_request_of_its_own(off: str) -> None:
    """The request is sent at once, holds one push, and equals the request of a single send to the byte."""
    server = ToyServer()
    alone = ToyServer()
    linger = {"linger": 0} if off == "gateway" else {}
    own = certificate(logs_in=False)
    if off == "certificate":
        own = type(own)(own.id, own.brand, own.settings, linger=0)

    async def main() -> list[Outcome]:
        async with gateway(server, own, **linger) as g:
            pushes = [
                Push(PushToken(1, f"k{i}"), note(f"n{i}"), dedupe_id=f"d{i}", coalesce=off != "push") for i in range(50)
            ]
            return await g.send_each(pushes)

    async def one_by_one() -> None:
        async with gateway(alone, certificate(logs_in=False)) as g:
            for i in range(50):
                await g.send_each([Push(PushToken(1, f"k{i}"), note(f"n{i}"), dedupe_id=f"d{i}")])

    outcomes = run_virtual(main())
    run_virtual(one_by_one())

    assert all(outcome.ok for outcome in outcomes)
    assert sorted(server.batches) == sorted(alone.batches)
    assert len(server.batches) == 50


def test_a_push_without_coalescing_does_not_linger() -> None:
    """It is sent at once, while the others linger."""
    server = ToyServer()

    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        async with gateway(server, certificate(logs_in=False), linger=5.0) as g:
            await g.send(PushToken(1, "first"), note())
            begun = loop.time()
            lingering = asyncio.create_task(g.send(PushToken(1, "lingering"), note()))
            await asyncio.sleep(0)
            assert (await g.send(PushToken(1, "call"), note(), coalesce=False)).ok
            quick = loop.time() - begun
            assert (await lingering).ok
            return quick, loop.time() - begun

    quick, _ = run_virtual(main())

    assert quick == pytest.approx(server.latency)
    assert [token for token, *_ in server.batches[1]] in (["call"], ["lingering"])


def test_lanes_never_wait_for_each_other() -> None:
    """While the vendor of one certificate does not reply, the pushes of another take as long as before."""
    hanging, server = ToyServer(), ToyServer()
    hanging.latency = 1000.0

    class Both(ToyServer):
        async def send(self, request: Any, *, pool: str, timeout: float) -> Any:  # noqa: ASYNC109
            return await (hanging if pool == "1" else server).send(request, pool=pool, timeout=timeout)

    async def main() -> float:
        async with gateway(Both(), certificate(1, logs_in=False), certificate(2, logs_in=False)) as g:
            stuck = [asyncio.create_task(g.send(PushToken(1, f"k{i}"), note(), timeout=9.0)) for i in range(500)]
            took = await spread(g, 1000, 1.0, key=2)
            outcomes = await asyncio.gather(*stuck)
            assert {outcome.status for outcome in outcomes} == {Status.UNKNOWN}
            return max(took)

    assert run_virtual(main()) <= 0.020 + server.latency


def test_a_region_without_replies_does_not_delay_the_other() -> None:
    """While the login at one host gets no reply, pushes for the other host are sent."""
    server = ToyServer()

    class FarHangs(ToyServer):
        async def send(self, request: Any, *, pool: str, timeout: float) -> Any:  # noqa: ASYNC109
            if "/far/login" in request.url:
                await asyncio.sleep(5.0)
            return await server.send(request, pool=pool, timeout=timeout)

    async def main() -> float:
        async with gateway(FarHangs(), certificate(size=1)) as g:
            far = [asyncio.create_task(g.send(PushToken(1, f"far-{i}"), note())) for i in range(100)]
            await asyncio.sleep(0.1)
            near = await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(100)])
            took = asyncio.get_running_loop().time()
            assert all(outcome.ok for outcome in near)
            assert all(outcome.ok for outcome in await asyncio.gather(*far))
            return took

    assert run_virtual(main()) < 1.0


def test_many_distinct_notifications_are_sent_at_once_where_they_cannot_be_mixed() -> None:
    """A vendor with one notification per request gets requests over all its connections at once."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> float:
        async with gateway(server, certificate(mixed=False, logs_in=False), connections=8) as g:
            await g.send_each([Push(PushToken(1, f"k{i}"), note(f"n{i}")) for i in range(80)])
            return asyncio.get_running_loop().time()

    assert run_virtual(main()) == pytest.approx(10.0, abs=0.2)
    assert server.peak == 8


@pytest.mark.parametrize("linger", [-0.001, 60.001, True, "1", float("nan")])
def test_a_linger_out_of_range_is_named(linger: Any) -> None:
    """The linger is 0 to 60 seconds, for the gateway and for a certificate; the message names the value."""
    with pytest.raises(FieldError, match=r"Gateway\.linger"):
        Gateway([], linger=linger)
    with pytest.raises(FieldError, match=r"Certificate\.linger"):
        type(certificate())(1, "toy", linger=linger)


# Vendors that take one notification in a request


def test_a_push_that_can_share_with_nobody_does_not_linger() -> None:
    """Different texts leave at once while a connection is free, however shortly they follow each other."""
    server = ToyServer()

    async def main() -> list[float]:
        async with gateway(server, certificate(mixed=False, logs_in=False)) as g:
            return await spread(g, 100, 0.2)  # one every two milliseconds: five are on their way

    took = run_virtual(main())

    assert server.calls["push"] == 100
    assert max(took) <= server.latency + 0.001


@pytest.mark.parametrize("busy", [0, 1])
def test_a_group_of_single_sends_shares_a_request_without_linger(busy: int) -> None:
    """Its members are sent to in one turn of the loop, so nothing has to wait longer than that; whether the endpoint
    was idle before or has just sent something."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server, certificate(mixed=False, logs_in=False)) as g:
            others = [
                asyncio.create_task(g.send(PushToken(1, f"o{number}"), note(f"o{number}"))) for number in range(busy)
            ]
            await asyncio.sleep(0.001)
            outcomes = await asyncio.gather(*(g.send(PushToken(1, f"k{number}"), note()) for number in range(50)))
            assert all(outcome.ok for outcome in outcomes)
            await asyncio.gather(*others)

    run_virtual(main())

    assert sorted(map(len, server.batches)) == [1] * busy + [50]


@pytest.mark.parametrize("gap", [0.0, 0.0001])
def test_those_who_follow_a_push_of_their_notification_gather(gap: float) -> None:
    """The members of a group may be sent to one by one, each after a look into a database: the first push leaves at
    once, and the others share one request, `linger` seconds later at the most."""
    server = ToyServer()

    async def main() -> list[float]:
        async with gateway(server, certificate(mixed=False, logs_in=False), connections=300) as g:
            return await one_by_one(g, 50, gap)

    took = run_virtual(main())

    assert sorted(map(len, server.batches)) == [1, 49]
    assert took[0] == pytest.approx(server.latency)
    assert max(took) <= server.latency + 0.01 + 0.001


async def one_by_one(g: Gateway, count: int, gap: float, **options: Any) -> list[float]:
    """One notification to so many phones, each in a turn of the loop of its own; how long each took, in seconds."""
    loop = asyncio.get_running_loop()

    async def one(number: int) -> float:
        begun = loop.time()
        outcome = await g.send(PushToken(1, f"k{number}"), note(), **options)
        assert outcome.ok
        return loop.time() - begun

    tasks = []
    for number in range(count):
        tasks.append(asyncio.create_task(one(number)))
        await asyncio.sleep(gap)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    return await asyncio.gather(*tasks)


@pytest.mark.parametrize("options", [{"priority": Priority.URGENT}, {"timeout": 0.02}, {"coalesce": False}])
def test_who_cannot_wait_does_not_gather(options: dict[str, Any]) -> None:
    """An urgent push, one with hardly any time, and one that shares with nobody."""
    server = ToyServer()

    async def main() -> list[float]:
        async with gateway(server, certificate(mixed=False, logs_in=False), connections=300) as g:
            return await one_by_one(g, 5, 0.001, **options)

    assert max(run_virtual(main())) <= server.latency + 0.001


def test_a_full_batch_of_followers_leaves_at_once() -> None:
    """As many as fit into a request need not wait for more."""
    server = ToyServer()

    async def main() -> list[float]:
        async with gateway(server, certificate(mixed=False, logs_in=False, size=10), connections=300) as g:
            return await one_by_one(g, 21, 0.0)

    took = run_virtual(main())

    assert sorted(map(len, server.batches)) == [1, 10, 10]
    assert max(took) <= server.latency + 0.001


@pytest.mark.parametrize(
    ("latency", "grace", "ends"),
    [
        (0.0005, 1.0, {(Status.ACCEPTED, None)}),  # nothing is on its way any more, and something gathers
        (0.05, 1.0, {(Status.ACCEPTED, None)}),
        (0.05, 0.0, {(Status.UNKNOWN, Reason.NO_VERDICT), (Status.NOT_SENT, Reason.CLOSED)}),
    ],
)
def test_followers_have_their_outcome_when_the_gateway_closes(latency: float, grace: float, ends: set[Any]) -> None:
    """Those that gather are sent within the grace, or end as not sent."""

    async def main() -> set[Any]:
        server = ToyServer()
        server.latency = latency
        g = gateway(server, certificate(mixed=False, logs_in=False))
        tasks = [asyncio.create_task(g.send(PushToken(1, "first"), note()))]
        await asyncio.sleep(0.001)
        tasks += [asyncio.create_task(g.send(PushToken(1, f"k{number}"), note())) for number in range(5)]
        await asyncio.sleep(0.001)
        await g.aclose(grace)
        assert all(task.done() for task in tasks)
        return {(outcome.status, outcome.reason) for outcome in await asyncio.gather(*tasks)}

    assert run_virtual(main()) == ends


@pytest.mark.parametrize("mixed", [True, False])
def test_a_closing_gateway_waits_for_no_others(mixed: bool) -> None:
    """What would wait for longer than the grace, so that others share its request, is sent at once instead."""

    async def main() -> tuple[list[Outcome], float]:
        g = gateway(ToyServer(), certificate(mixed=mixed, logs_in=False), linger=5.0)
        tasks = [asyncio.create_task(g.send(PushToken(1, "first"), note()))]
        await asyncio.sleep(0.1)
        tasks += [asyncio.create_task(g.send(PushToken(1, f"k{number}"), note())) for number in range(5)]
        await asyncio.sleep(0.1)
        await g.aclose(1.0)
        return await asyncio.gather(*tasks), asyncio.get_running_loop().time()

    outcomes, ended = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert ended < 0.3


@pytest.mark.parametrize("mixed", [True, False])
def test_a_push_that_is_tried_again_shortly_before_its_deadline_waits_for_no_others(mixed: bool) -> None:
    """It had time enough to share a request when it came, and has none any more."""
    server = ToyServer()
    server.latency = 0.01
    rng = random.Random(0)
    rng.random = lambda: 0.95  # type: ignore[method-assign]

    async def main() -> Outcome:
        retry = RetryPolicy(base=0.2, cap=0.2)
        own = certificate(mixed=mixed, logs_in=False)
        async with gateway(server, own, linger=0.1, retry=retry, rng=rng) as g:
            server.codes = {"k": "5"}
            late = asyncio.create_task(g.send(PushToken(1, "k"), note(), timeout=0.25))
            await asyncio.sleep(0.15)
            server.codes = {}
            await g.send(PushToken(1, "another"), note())
            return await late

    outcome = run_virtual(main())

    assert (outcome.status, outcome.attempts) == (Status.ACCEPTED, 2)


def test_followers_go_out_with_new_settings_after_a_reload() -> None:
    """What gathers is not lost, and is sent to where the new settings say."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(mixed=False, logs_in=False)) as g:
            tasks = [asyncio.create_task(g.send(PushToken(1, "first"), note()))]
            await asyncio.sleep(0.001)
            tasks += [asyncio.create_task(g.send(PushToken(1, f"k{number}"), note())) for number in range(5)]
            await asyncio.sleep(0.001)
            g.reload([certificate(logs_in=False)])
            return await asyncio.gather(*tasks)

    assert all(outcome.ok for outcome in run_virtual(main()))
    assert sum(server.ledger.values()) == 6


def test_followers_that_are_taken_back_are_not_sent() -> None:
    """The caller was cancelled while they gathered."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server, certificate(mixed=False, logs_in=False)) as g:
            first = asyncio.create_task(g.send(PushToken(1, "first"), note()))
            await asyncio.sleep(0.001)
            tasks = [asyncio.create_task(g.send(PushToken(1, f"k{number}"), note())) for number in range(5)]
            await asyncio.sleep(0.001)
            for task in tasks[:4]:
                task.cancel()
            await asyncio.gather(first, *tasks, return_exceptions=True)

    run_virtual(main())

    assert {token for token, _ in server.ledger} == {"first", "k4"}


def chats() -> list[list[Push]]:
    """Messages in random order, each with a push for each phone: 70 % of the pushes are single texts, 30 % are those
    of groups of 50 with one text each."""
    sizes = [1] * 1400 + [50] * 12
    random.Random(3).shuffle(sizes)
    numbers = itertools.count()
    return [
        [Push(PushToken(1, f"k{next(numbers)}"), text) for _ in range(size)]
        for place, size in enumerate(sizes)
        if (text := note(f"t{place}"))
    ]


async def each_at_its_time(g: Gateway, messages: list[list[Push]], seconds: float) -> list[Outcome]:
    """Single sends, those of a message in one turn of the loop, over so many seconds."""
    tasks = []
    for message in messages:
        tasks += [asyncio.create_task(g.send(push.push_token, push.notification)) for push in message]
        await asyncio.sleep(seconds / len(messages))
    return await asyncio.gather(*tasks)


async def member_by_member(g: Gateway, messages: list[list[Push]], gap: float) -> list[Outcome]:
    """Single sends, each in a turn of its own, so many seconds apart within a message; a message each millisecond."""

    async def one_message(message: list[Push]) -> list[asyncio.Task[Outcome]]:
        tasks = []
        for push in message:
            tasks.append(asyncio.create_task(g.send(push.push_token, push.notification)))
            await asyncio.sleep(gap)
        return tasks

    begun = []
    for message in messages:
        begun.append(asyncio.create_task(one_message(message)))
        await asyncio.sleep(0.001)
    return [await task for tasks in await asyncio.gather(*begun) for task in tasks]


async def all_at_once(g: Gateway, messages: list[list[Push]]) -> list[Outcome]:
    """Single sends, all in one turn."""
    return await asyncio.gather(*(g.send(one.push_token, one.notification) for message in messages for one in message))


async def in_one_call(g: Gateway, messages: list[list[Push]]) -> list[Outcome]:
    """One `send_each`."""
    return await g.send_each([push for message in messages for push in message])


async def mixed_up_in_one_call(g: Gateway, messages: list[list[Push]]) -> list[Outcome]:
    """One `send_each` in which the members of a group do not stand beside each other."""
    pushes = [push for message in messages for push in message]
    random.Random(4).shuffle(pushes)
    return await g.send_each(pushes)


@pytest.mark.parametrize(("connections", "latency"), [(8, 0.001), (300, 0.05)])
@pytest.mark.parametrize(
    "send",
    [
        partial(each_at_its_time, seconds=0.3),
        partial(each_at_its_time, seconds=10.0),
        partial(member_by_member, gap=0.0),
        partial(member_by_member, gap=0.001),
        all_at_once,
        in_one_call,
        mixed_up_in_one_call,
    ],
)
def test_group_chats_take_hardly_more_requests_than_they_must(
    send: Callable[[Gateway, list[list[Push]]], Awaitable[list[Outcome]]], latency: float, connections: int
) -> None:
    """At most 1.1 times the least possible, which is one for each text; with few messages and with many at once."""
    server = ToyServer()
    server.latency = latency
    messages = chats()

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(mixed=False, logs_in=False), timeout=60.0, connections=connections) as g:
            return await send(g, messages)

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert len(messages) <= server.calls["push"] <= 1.1 * len(messages)
