"""The lifecycle of a gateway: one event loop, one process, and a close that loses no outcome."""

import asyncio
import os
import random
from collections import Counter
from typing import Any

import pytest
from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import (
    LoopError,
    Outcome,
    PushToken,
    Reason,
    RetryPolicy,
    Status,
)
from pushgateway.testing.virtual_time import run_virtual

CLOSED = (Status.NOT_SENT, Reason.CLOSED)


def test_a_transport_of_the_host_stays_open() -> None:
    """The gateway closes only transports that it made itself."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server) as g:
            await g.send(PushToken(1, "a"), note())

    run_virtual(main())

    assert not server.closed


def test_processes_forked_before_the_first_call_make_ids_of_their_own() -> None:
    """A gateway is made before a fork and first used after it: two children never use the same id, because a vendor
    would drop one of the pushes."""
    shared = gateway(ToyServer(), rng=random.SystemRandom())
    ids = []
    for _ in range(2):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                outcome = run_virtual(shared.send(PushToken(9, "a"), note()))
                os.write(writing, outcome.dedupe_id.encode())
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        ids.append(os.read(reading, 100))
        os.close(reading)
        os.close(writing)

    assert len(ids[0]) == len(ids[1]) == 32
    assert ids[0] != ids[1]


def test_a_second_event_loop_is_refused_with_a_sentence() -> None:
    """A gateway that is shared between loops would fail in unclear ways."""
    server = ToyServer()
    shared = gateway(server)

    async def use() -> None:
        await shared.send(PushToken(1, "a"), note())

    async def main() -> None:
        await use()
        await shared.aclose()

    run_virtual(main())
    with pytest.raises(LoopError, match="another event loop"):
        run_virtual(use())


def test_no_event_loop_is_refused_with_a_sentence() -> None:
    """The message for sync code names `pushgateway.sync`."""
    with pytest.raises(LoopError, match=r"pushgateway\.sync"):
        gateway(ToyServer()).reload([certificate()])


def test_a_fork_is_refused_with_a_sentence() -> None:
    """Connections and access tokens must not be shared with a child process."""

    async def main() -> int:
        async with gateway(ToyServer()) as g:
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    await g.send(PushToken(1, "a"), note())
                except LoopError as refused:
                    code = 0 if "fork" in str(refused) else 2
                finally:
                    os._exit(code)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])  # noqa: ASYNC222 - nothing else runs

    assert run_virtual(main()) == 0


@pytest.mark.parametrize(
    ("grace", "took", "endings"),
    [
        (20.0, 14.1, {(Status.ACCEPTED, None): 100, (Status.NOT_SENT, Reason.CLOSED): 1}),
        (4.0, 4.1, {(Status.ACCEPTED, None): 20, (Status.UNKNOWN, Reason.NO_VERDICT): 20, CLOSED: 61}),
        (0.0, 0.1, {(Status.UNKNOWN, Reason.NO_VERDICT): 20, CLOSED: 81}),
    ],
)
def test_closing_sends_what_it_has_time_for_and_ends_the_rest(
    grace: float, took: float, endings: dict[Any, int]
) -> None:
    """Ten batches of three seconds, two at once: the outcomes differ for batches with a reply, for batches that were
    sent, and for batches that were not."""
    server = ToyServer()
    server.latency = 3.0

    async def main() -> tuple[Counter[Any], float]:
        g = gateway(server, certificate(size=10, logs_in=False), connections=2)
        tasks = [asyncio.create_task(g.send(PushToken(1, f"k{i}"), note())) for i in range(100)]
        await asyncio.sleep(1.0)
        begun = asyncio.get_running_loop().time()
        closings = asyncio.gather(g.aclose(grace), g.aclose(grace))
        await asyncio.sleep(0)
        late = await g.send(PushToken(1, "late"), note())
        await closings
        await g.aclose()
        took = asyncio.get_running_loop().time() - begun
        outcomes = [*await asyncio.gather(*tasks), late]
        return Counter((outcome.status, outcome.reason) for outcome in outcomes), took

    counted, elapsed = run_virtual(main())

    assert counted == endings
    assert elapsed <= took


def test_closing_sends_lingering_pushes() -> None:
    """Sends of the last moment are not lost if connections are free and there is time."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        g = gateway(server, certificate(logs_in=False), linger=1.0)
        await g.send(PushToken(1, "first"), note())
        tasks = [asyncio.create_task(g.send(PushToken(1, f"k{i}"), note())) for i in range(100)]
        await asyncio.sleep(0)
        await g.aclose(5.0)
        return await asyncio.gather(*tasks)

    assert all(outcome.ok for outcome in run_virtual(main()))


def test_closing_ends_a_push_that_waits_for_a_repeat() -> None:
    """A push that waits for its next attempt ends with the close, not after it."""
    server = ToyServer()
    server.answers = ["5"] * 10

    async def main() -> Outcome:
        g = gateway(server, retry=RetryPolicy(base=20.0))
        task = asyncio.create_task(g.send(PushToken(1, "a"), note()))
        await asyncio.sleep(0.5)
        await g.aclose()
        return await task

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.NOT_SENT, Reason.CLOSED, 1)
