"""What is known when an ask ends: of an exchange that ends in an unusual way, and of broadcasts after a refusal."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Audience, Broadcast, BroadcastOutcome, Push, PushToken, Reason, RetryPolicy, Status
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import AudienceKind, Call, NoVerdict

TWO = Audience(AudienceKind.TOKENS, ("a", "b"))


@attrs.frozen
class YieldsTuples(Toy):
    """Yields a tuple in place of a request."""

    def ping(self) -> Call[str]:
        """An operation that would return another value."""

        def begin() -> Iterator[Any]:
            yield ("pong",)
            return "never"

        return Call(name="ping", begin=begin, region="near")

    def broadcast(self, broadcast: Broadcast, saved: str) -> Any:
        """See `Vendor.broadcast`."""
        yield ()


def test_a_tuple_that_is_yielded_is_no_result() -> None:
    """The end of an exchange is only what it returns: a yielded tuple is a fault of the plug-in, and nothing left."""
    server = ToyServer()

    async def main() -> tuple[Any, BroadcastOutcome]:
        async with gateway(server, vendors={"toy": YieldsTuples}) as g:
            called = await g.vendor(1).ping()
            return called, await g.broadcast(1, note(), Audience.everyone())

    called, sent = run_virtual(main())

    assert (called.status, called.reason, called.attempts) == (Status.NOT_SENT, Reason.CREDENTIALS, 0)
    assert (sent.status, sent.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert "must be a Request, is tuple" in called.detail
    assert "must be a Request, is tuple" in sent.detail


def test_an_exchange_that_waits_for_its_turn_is_closed_with_its_caller() -> None:
    """A large batch is read in a turn of its own; the gateway closes while it waits for that."""
    server, exchanges = ToyServer(), list[Any]()
    server.latency = 0.5  # seconds to each reply

    class Kept(Toy):
        """Keeps its exchanges."""

        def push(self, batch: Any) -> Any:
            """See `Vendor.push`."""
            exchanges.append(super().push(batch))
            return exchanges[-1]

    async def main() -> list[str]:
        g = gateway(server, vendors={"toy": attrs.frozen(Kept)})
        pushes = [Push(PushToken(1, f"t{number}"), note()) for number in range(40)]
        sent = asyncio.create_task(g.send_each(pushes))
        await asyncio.sleep(0.7)  # the login is over, and the request has left
        turn = g._lanes._fair_turn
        await turn._lock.acquire()
        await asyncio.sleep(1.0)  # the reply is there and waits for the turn
        before = [inspect.getgeneratorstate(one) for one in exchanges]
        await g.aclose(grace=0)
        await sent
        turn._lock.release()
        return [*before, *(inspect.getgeneratorstate(one) for one in exchanges)]

    assert run_virtual(main()) == ["GEN_SUSPENDED", "GEN_CLOSED"]


def broadcast_to_two(server: ToyServer, act: Callable[[Any], Any]) -> BroadcastOutcome:
    """A broadcast to two tokens; `act` closes the gateway or does nothing, a second after the call."""

    async def main() -> BroadcastOutcome:
        async with gateway(server, certificate(saves=False), retry=RetryPolicy(base=20, cap=30)) as g:
            sent = asyncio.create_task(g.broadcast(1, note(), TWO))
            await asyncio.sleep(1.0)
            await act(g)
            return await sent

    return run_virtual(main())


def test_a_refused_broadcast_is_not_in_doubt_when_the_gateway_closes_before_it_is_repeated() -> None:
    """The vendor has refused it readably; the pause before the next try changes nothing about that."""
    server = ToyServer()
    server.broadcasts = ["6"]

    outcome = broadcast_to_two(server, lambda g: g.aclose(grace=0))

    assert (outcome.status, outcome.reason) == (Status.REJECTED, Reason.RATE_LIMITED)
    assert [one.attempts for one in outcome.outcomes] == [1, 1]


def test_a_broadcast_whose_new_login_is_refused_was_not_sent() -> None:
    """The access token was refused, and so was the request; then the login: as for a push, it was not sent, and one
    request was made."""
    server = ToyServer()
    server.refuse_access, server.login_answers = {"t1"}, ["0", "8"]

    outcome = broadcast_to_two(server, lambda g: asyncio.sleep(0))

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert [one.attempts for one in outcome.outcomes] == [1, 1]


@pytest.mark.parametrize("sent", [False, True])
def test_a_broadcast_without_a_reply_is_in_doubt_only_if_it_left(sent: bool) -> None:
    """The connection broke before or after the request had left, and the gateway closes in the pause or at once."""
    server = ToyServer()
    server.broadcasts = [NoVerdict("cut", sent=sent)]

    outcome = broadcast_to_two(server, lambda g: g.aclose(grace=0))

    assert outcome.status is (Status.UNKNOWN if sent else Status.NOT_SENT)
