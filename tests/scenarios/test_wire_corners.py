"""Rare cases of requests to a vendor and of its replies."""

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Audience, BroadcastOutcome, CallOutcome, Outcome, Push, PushToken, Reason, Status
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Broadcast, Exchange, Request, Response


class Swapping(Toy):
    """Returns the outcomes of other phones."""

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        outcomes = yield from super().push(batch)
        return list(reversed(outcomes))

    def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
        outcome = yield from super().broadcast(broadcast, saved)
        return attrs.evolve(outcome, outcomes=tuple(reversed(outcome.outcomes)))


def test_nobody_gets_an_outcome_that_was_made_for_another() -> None:
    """If a plug-in mixes up its outcomes, the pushes end `UNKNOWN`."""
    server = ToyServer()

    async def main() -> tuple[list[Outcome], BroadcastOutcome]:
        async with gateway(server, vendors={"toy": Swapping}) as g:
            outcomes = await g.send_each([Push(PushToken(1, token), note()) for token in "ab"])
            return outcomes, await g.broadcast(1, note(), Audience.of_tokens(["a", "b"]))

    outcomes, spread = run_virtual(main())

    assert {one.status for one in outcomes} == {Status.UNKNOWN}
    assert {one.status for one in spread.outcomes} == {Status.UNKNOWN}


def test_a_login_that_something_in_between_refuses_passes() -> None:
    """HTTP 413 without the vendor's own code says nothing about the credentials: the reason is `UNAVAILABLE`, to be
    retried later.
    """

    class InBetween(ToyServer):
        async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
            return Response(413, {"content-type": "text/html"}, b"<html>no</html>")

    async def main() -> Outcome:
        async with gateway(InBetween()) as g:
            return await g.send(PushToken(1, "a"), note(), timeout=2.0)

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.UNAVAILABLE)


def test_a_caller_that_leaves_while_its_batch_is_built_is_not_in_it() -> None:
    """Building a large batch takes several turns of the loop. A push whose caller leaves meanwhile is not sent."""
    server = ToyServer()
    begun = asyncio.Event()

    class Yielding(Toy):
        def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
            begun.set()
            for _ in range(10):
                yield None
            return (yield from super().push(batch))

    async def main() -> Outcome:
        async with gateway(server, certificate(logs_in=False), vendors={"toy": Yielding}) as g:
            first, second = (asyncio.create_task(g.send(PushToken(1, token), note())) for token in "ab")
            await begun.wait()
            first.cancel()
            return await second

    assert run_virtual(main()).ok
    assert {token for token, _ in server.ledger} == {"b"}


def test_the_connections_of_a_certificate_that_came_back_are_kept() -> None:
    """Removed and added again while a batch of the old one is being sent: the new one already uses the connections."""

    class Forgetting(ToyServer):
        forgotten = 0

        async def forget(self, pool: str) -> None:
            self.forgotten += 1

    server = Forgetting()
    server.latency = 2.0

    async def main() -> None:
        async with gateway(server, certificate(1, logs_in=False), certificate(2)) as g:
            first = asyncio.create_task(g.send(PushToken(1, "a"), note()))
            await asyncio.sleep(1.0)
            g.reload([certificate(2)])
            await asyncio.sleep(0.1)
            g.reload([certificate(1, logs_in=False), certificate(2)])
            second = asyncio.create_task(g.send(PushToken(1, "b"), note()))
            assert (await first).ok
            assert (await second).ok

    run_virtual(main())

    assert server.forgotten == 0


def test_a_call_whose_new_login_is_refused_was_not_sent() -> None:
    """The vendor refused the old access token with a readable reply, so nothing was done, and the next request was
    never sent.
    """
    server = ToyServer()
    server.login_answers = ["0", "8"]

    async def main() -> CallOutcome[Any]:
        async with gateway(server) as g:
            await g.send(PushToken(1, "warm"), note())
            server.refuse_access.add("t1")
            return await g.vendor(1).ping()

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
