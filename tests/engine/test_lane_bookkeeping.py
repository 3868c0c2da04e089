"""What a lane counts and gives back: queue places, deadlines, attempts, repeats and connections, at the end of pushes,
of a broadcast and of the gateway."""

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Audience, BroadcastOutcome, Outcome, Push, PushToken, Reason, Status
from pushgateway.model.push import CallBack
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Broadcast, Exchange, NoVerdict, Refused


def now() -> float:
    return asyncio.get_running_loop().time()


def phones(count: int) -> list[PushToken]:
    return [PushToken(1, f"k{number}") for number in range(count)]


def to(token: str, **more: Any) -> Push:
    return Push(PushToken(1, token), note(), **more)


def test_the_count_of_the_queue_is_zero_when_all_pushes_have_ended() -> None:
    """With a queue of twenty, after three multicasts of twenty, the queue is as empty as before and takes a push that
    would not wait."""
    server = ToyServer()

    async def main() -> Outcome:
        async with gateway(server, queue=20) as g:
            for _ in range(3):
                assert all(one.ok for one in await g.multicast(phones(20), note()))
            return await g.try_send(PushToken(1, "a"), note())

    assert run_virtual(main()).ok


def test_deadlines_of_pushes_that_end_together_are_forgotten() -> None:
    """Otherwise the deadlines of a busy hour would stay in memory."""
    server = ToyServer()

    async def main() -> float | None:
        async with gateway(server) as g:
            await g.multicast(phones(500), note(), timeout=86400.0)
            return g._lanes.lane("1").completions._deadlines.next()

    assert run_virtual(main()) is None


def test_closing_repeats_a_temporary_refusal_if_there_is_time() -> None:
    """The vendor refused a push temporarily: a close with time left sends it once more, one without ends it."""

    def closed(grace: float) -> Outcome:
        server = ToyServer()
        server.answers = ["5"]

        async def main() -> Outcome:
            g = gateway(server)
            sending = asyncio.create_task(g.send(PushToken(1, "a"), note()))
            await asyncio.sleep(0.03)  # refused, and waits for its second attempt
            assert server.calls["push"] == 1
            await g.aclose(grace)
            return await sending

        return run_virtual(main())

    assert closed(5.0).ok
    assert (closed(0.0).status, closed(0.0).reason) == (Status.NOT_SENT, Reason.CLOSED)


def test_a_push_that_cannot_be_repeated_in_time_ends_at_once() -> None:
    """The vendor asks for a pause of a minute and the push has five seconds: it ends at once with the vendor's
    refusal."""
    server = ToyServer()

    class Later(Toy):
        def _refuse(self, code: str) -> None:
            if code == "5":
                raise Refused(Reason.UNAVAILABLE, code, retry_after=60.0)
            super()._refuse(code)

    server.answers = ["5"]

    async def main() -> tuple[Outcome, float]:
        async with gateway(server, vendors={"toy": Later}) as g:
            return await g.send(PushToken(1, "a"), note(), timeout=5.0), now()

    outcome, when = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.retry_after) == (Status.REJECTED, Reason.UNAVAILABLE, 60.0)
    assert when < 1.0


def test_repeats_have_a_budget() -> None:
    """Repeats are limited to a tenth of the requests, one a second and a reserve of sixty, so that a vendor that
    refuses everything temporarily gets few."""
    server = ToyServer()
    server.codes = {f"k{number}": "5" for number in range(200)}

    async def main() -> float:
        async with gateway(server, certificate(size=1)) as g:
            await g.send_each([to(f"k{number}") for number in range(200)])
            return now()

    took = run_virtual(main())

    assert 200 < server.calls["push"] <= 200 + 60 + 20 + took


def test_repeats_of_what_never_left_need_no_budget() -> None:
    """A vendor cannot be reached for two seconds while it has 200 requests at once: all pushes are accepted afterwards,
    although their repeats are more than the budget allows."""
    server = ToyServer()
    server.answers = [NoVerdict("refused", sent=False)] * 200

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=1), connections=200) as g:
            return await g.send_each([to(f"k{number}") for number in range(300)])

    outcomes = run_virtual(main())

    assert {one.status for one in outcomes} == {Status.ACCEPTED}
    assert sum(one.attempts == 2 for one in outcomes) == 200
    assert set(server.ledger.values()) == {1}


def test_every_request_of_a_search_is_an_attempt() -> None:
    """A batch is refused as a whole and its halves are sent again: each push has two attempts."""
    server = ToyServer()
    server.answers = ["3"]

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each([Push(PushToken(1, f"k{number}"), note(f"text {number}")) for number in range(4)])

    outcomes = run_virtual(main())

    assert [(one.ok, one.attempts) for one in outcomes] == [(True, 2)] * 4


def test_a_reload_changes_the_linger_of_a_certificate() -> None:
    """With `linger=0` each push has a request of its own, as soon as the reload has returned."""
    server = ToyServer()

    async def main() -> tuple[int, int]:
        async with gateway(server) as g:
            await g.send_each([to(f"a{number}") for number in range(5)])
            before = server.calls["push"]
            g.reload([attrs.evolve(certificate(), linger=0.0)])
            await g.send_each([to(f"b{number}") for number in range(5)])
            return before, server.calls["push"] - before

    assert run_virtual(main()) == (1, 5)


@pytest.mark.parametrize("count", [1, 100])
def test_every_push_of_a_batch_has_a_receipt_parameter(count: int) -> None:
    """One push or many of one call: each has a receipt parameter of its own."""
    server = ToyServer()
    marks: list[CallBack | None] = []

    class Marked(Toy):
        def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
            marks.extend(push.callback for push in batch)
            return super().push(batch)

        def receipts(self, certificate_id: str, headers: Any, body: bytes, now: float) -> Any:
            return []

    own = attrs.evolve(certificate(), receipt_url="https://im.example.com/push", receipt_secret="x" * 16)

    async def main() -> list[Outcome]:
        async with gateway(server, own, vendors={"toy": Marked}) as g:
            return await g.multicast(phones(count), note())

    assert all(outcome.ok for outcome in run_virtual(main()))
    assert len({mark.parameter for mark in marks if mark is not None}) == len(marks) == count


# Broadcasts


def test_a_broadcast_that_expires_at_the_gate_frees_its_connection() -> None:
    """With one connection: pushes can use it again after a broadcast that expired while it waited, and after one that
    was sent."""
    server = ToyServer()

    async def main() -> tuple[BroadcastOutcome, Outcome, BroadcastOutcome, Outcome]:
        async with gateway(server, certificate(logs_in=False), connections=1) as g:
            await g.send(PushToken(1, "warm"), note())
            gate = g._lanes.lane("1").endpoint("near").gate
            gate.failed(now(), gate.admit(now(), 1), Refused(Reason.RATE_LIMITED, "6", retry_after=10.0), "")
            late = await g.broadcast(1, note(), Audience.everyone(), timeout=1.0)
            first = await g.send(PushToken(1, "a"), note())
            spread = await g.broadcast(1, note(), Audience.everyone())
            return late, first, spread, await g.send(PushToken(1, "b"), note())

    late, first, spread, second = run_virtual(main())

    assert (late.status, late.reason) == (Status.NOT_SENT, Reason.EXPIRED)
    assert first.ok
    assert spread.ok
    assert second.ok


def test_a_part_of_a_broadcast_without_a_request_is_not_sent() -> None:
    """The first part was sent, and the plug-in fails at the second before any request: that part is `NOT_SENT`."""
    server = ToyServer()

    class Failing(Toy):
        def save(self, broadcast: Broadcast) -> Any:
            if broadcast.audience.values[0].startswith("far-"):
                raise ValueError("a bug")
            return super().save(broadcast)

    async def main() -> BroadcastOutcome:
        async with gateway(server, vendors={"toy": Failing}) as g:
            return await g.broadcast(1, note(), Audience.of_tokens(["a", "far-b"]))

    outcome = run_virtual(main())

    assert [(one.status, one.reason) for one in outcome.outcomes] == [
        (Status.ACCEPTED, None),
        (Status.NOT_SENT, Reason.CREDENTIALS),
    ]


def test_a_broadcast_under_way_uses_the_grace_time_of_a_close() -> None:
    """Its content is saved when the close begins; it is then sent, and its next part too."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> BroadcastOutcome:
        g = gateway(server, certificate(logs_in=False))
        spread = asyncio.create_task(g.broadcast(1, note(), Audience.of_tokens(f"k{number}" for number in range(6))))
        await asyncio.sleep(0.5)
        await g.aclose(grace=10.0)
        return await spread

    outcome = run_virtual(main())

    assert outcome.ok
    assert server.calls["broadcast"] == 2


def test_a_failed_connection_counts_as_an_attempt() -> None:
    """No connection could be made: one attempt, though nothing was sent."""
    server = ToyServer()
    server.answers = [NoVerdict("connect: refused", sent=False)]

    async def main() -> Outcome:
        async with gateway(server) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert (outcome.ok, outcome.attempts) == (True, 2)
