"""A batch that takes several steps of the loop to build: a push that ends meanwhile is left out, and the other pushes
are not affected."""

import asyncio
import gc
from collections.abc import Sequence
from typing import ClassVar

from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Outcome, Push, PushToken, Reason, Status
from pushgateway.testing.virtual_time import VirtualLoop, run_virtual
from pushgateway.vendor import Exchange


class Slow(Toy):
    """Takes a second for each push and yields to the event loop after it; `building` gets the loop's time at each
    yield."""

    building: ClassVar[asyncio.Queue[float]]

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for _ in batch:
            loop._jump(1.0)
            self.building.put_nowait(loop.time())
            yield None
        return (yield from Toy.push(self, batch))


def sent_to(server: ToyServer) -> list[list[str]]:
    return [[token for token, *_ in batch] for batch in server.batches]


def test_a_deadline_that_passes_at_a_checkpoint_is_kept() -> None:
    """That push ends `NOT_SENT` and is not in the request; the others arrive once."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        Slow.building = asyncio.Queue()
        async with gateway(server, vendors={"toy": Slow}, timeout=60.0) as g:
            timeouts = {"a": 60.0, "b": 2.5, "c": 60.0}
            return await g.send_each([Push(PushToken(1, key), note(), timeout=t) for key, t in timeouts.items()])

    first, late, last = run_virtual(main())

    assert (late.status, late.reason, late.attempts) == (Status.NOT_SENT, Reason.EXPIRED, 0)
    assert [outcome.ok and outcome.attempts for outcome in (first, last)] == [1, 1]
    assert sent_to(server) == [["a", "c"]]


def test_a_caller_that_is_cancelled_at_a_checkpoint_is_left_out() -> None:
    """Its push is not in the request, as if it had been cancelled in the queue; the others are not affected."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        Slow.building = asyncio.Queue()
        async with gateway(server, certificate(logs_in=False), vendors={"toy": Slow}, timeout=60.0) as g:
            sends = [asyncio.create_task(g.send(PushToken(1, key), note())) for key in "abc"]
            await Slow.building.get()
            sends[1].cancel()
            await asyncio.wait(sends)
            return [task.result() for task in sends if not task.cancelled()]

    outcomes = run_virtual(main())

    assert [outcome.push_token.token for outcome in outcomes if outcome.ok] == ["a", "c"]
    assert sorted(token for batch in sent_to(server) for token in batch) == ["a", "c"]


def test_when_all_callers_are_cancelled_no_request_is_made() -> None:
    """A batch without any remaining push makes no request."""
    server = ToyServer()
    complaints: list[object] = []

    async def main() -> list[Outcome]:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))
        Slow.building = asyncio.Queue()
        async with gateway(server, vendors={"toy": Slow}, timeout=60.0) as g:
            outcomes = await g.send_each([Push(PushToken(1, key), note(), timeout=1.5) for key in "abc"])
            await asyncio.sleep(30.0)  # the worker ends
            gc.collect()  # and would be reported
            return outcomes

    outcomes = run_virtual(main())

    assert {(outcome.status, outcome.reason) for outcome in outcomes} == {(Status.NOT_SENT, Reason.EXPIRED)}
    assert server.calls["push"] == 0
    assert complaints == []


def test_closing_at_a_checkpoint_ends_pushes_as_closed() -> None:
    """No request was made, so the pushes are not `UNKNOWN`."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        Slow.building = asyncio.Queue()
        async with gateway(server, vendors={"toy": Slow}, timeout=60.0) as g:
            sending = asyncio.create_task(g.send_each([Push(PushToken(1, key), note()) for key in map(str, range(50))]))
            await Slow.building.get()
            await g.aclose(grace=0)
            return await sending

    outcomes = run_virtual(main())

    assert {(outcome.status, outcome.reason) for outcome in outcomes} == {(Status.NOT_SENT, Reason.CLOSED)}
    assert server.calls["push"] == 0
