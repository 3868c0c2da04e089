"""Which pushes wait, which are sent first and which are refused, as a host sees it: retry budget, queue, priorities."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import Certificate, FieldError, Gateway, Outcome, Priority, Push, PushToken, Reason, Status
from pushgateway.engine.lane import TURN, Lane
from pushgateway.engine.pushes.runs import Run
from pushgateway.observe.events import Event, Shed
from pushgateway.testing.virtual_time import run_virtual


def now() -> float:
    return asyncio.get_running_loop().time()


def to(token: str, **more: Any) -> Push:
    return Push(PushToken(1, token), note(token), **more)


def of_kind(events: list[Event], kind: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


# Retry budget


def test_repeats_are_few_when_everything_fails() -> None:
    """Repeats are a tenth of the first requests and one a second, beside a reserve of a minute (O3)."""
    server = ToyServer()
    server.answers = ["6"] * 100_000
    attempts: Counter[str] = Counter()

    class Counting(ToyServer):
        def _push(self, items: list[list[str]]) -> Any:
            for token, *_ in items:
                attempts[token] += 1
            return super()._push(items)

    server = Counting()
    server.codes = {f"k{number}": "5" for number in range(3000)}

    async def main() -> None:
        async with gateway(server, certificate(size=1)) as g:
            for number in range(3000):
                asyncio.create_task(g.send(PushToken(1, f"k{number}"), note()))  # noqa: RUF006 - ended by the close
                await asyncio.sleep(0.1)

    run_virtual(main())

    repeats = attempts.total() - len(attempts)
    assert repeats <= 0.1 * len(attempts) + 300 + 60


# Queue


def test_a_full_queue_refuses_at_once_and_others_wait() -> None:
    """`try_send` ends `OVERLOADED` at once, `send` waits for a place; both outcomes are right."""
    server = ToyServer()
    server.latency = 5.0
    events: list[Event] = []

    async def main() -> tuple[list[Outcome], Outcome, Outcome]:
        async with gateway(server, certificate(size=1), connections=1, queue=3, observer=events.append) as g:
            waiting = [asyncio.create_task(g.send(PushToken(1, f"k{number}"), note())) for number in range(4)]
            await asyncio.sleep(0.01)
            begun = now()
            refused = await g.try_send(PushToken(1, "x"), note())
            assert now() == begun
            outcomes = await asyncio.gather(*waiting)
            return outcomes, refused, await g.try_send(PushToken(1, "y"), note())

    outcomes, refused, taken = run_virtual(main())

    assert all(outcome.ok for outcome in [*outcomes, taken])
    assert (refused.status, refused.reason, refused.attempts) == (Status.NOT_SENT, Reason.OVERLOADED, 0)
    assert of_kind(events, Shed) == [Shed(certificate_id="1", brand="toy", count=1)]
    assert ("x", "title") not in server.ledger


def test_a_full_queue_is_full_for_one_certificate_only() -> None:
    """Another certificate takes pushes nevertheless."""
    server = ToyServer()

    async def main() -> tuple[Outcome, Outcome]:
        async with gateway(server, certificate(1), certificate(2), queue=1) as g:
            first = asyncio.create_task(g.send(PushToken(1, "a"), note()))
            await asyncio.sleep(0)
            refused = await g.try_send(PushToken(1, "b"), note())
            taken = await g.try_send(PushToken(2, "b"), note())
            assert (await first).ok
            return refused, taken

    refused, taken = run_virtual(main())

    assert refused.reason is Reason.OVERLOADED
    assert taken.ok


@pytest.mark.parametrize("queue", [0, -1, True, 1.5, "9"])
def test_a_wrong_queue_is_named(queue: Any) -> None:
    """The error is raised when the gateway is made, and names the value."""
    with pytest.raises(FieldError, match=r"Gateway\.queue: must be a whole number"):
        Gateway([], queue=queue)


@pytest.mark.parametrize("figure", [0, -1, True, "fast", float("nan")])
def test_a_wrong_rate_is_named(figure: Any) -> None:
    """The error is raised when the certificate is made, and names the value."""
    for name in ("pushes_per_second", "requests_per_second"):
        with pytest.raises(FieldError, match=rf"Certificate\.{name}: must be more than 0 a second"):
            Certificate(1, "toy", {}, **{name: figure})


# Priorities


def test_an_urgent_push_is_sent_before_waiting_ones() -> None:
    """A call does not wait behind ten thousand offers, and all the offers still arrive."""
    server = ToyServer()
    server.latency = 0.1

    async def main() -> tuple[float, float]:
        async with gateway(server, certificate(size=10), connections=1, timeout=300) as g:
            bulk = asyncio.create_task(
                g.send_each([to(f"k{number}", priority=Priority.BULK) for number in range(10_000)])
            )
            await asyncio.sleep(5)
            begun = now()
            call = await g.send(PushToken(1, "call"), note(), priority=Priority.URGENT)
            took = now() - begun
            assert call.ok
            assert all(outcome.ok for outcome in await bulk)
            return took, now()

    took, whole = run_virtual(main())

    assert took <= 0.25
    assert whole > 100


def test_an_urgent_push_does_not_wait_for_the_rate_that_bulk_has_used() -> None:
    """It uses part of the rate of the next second."""
    server = ToyServer()

    async def main() -> float:
        limited = attrs.evolve(certificate(), pushes_per_second=10)
        async with gateway(server, limited, timeout=300) as g:
            bulk = asyncio.create_task(g.send_each([to(f"k{number}", priority=Priority.BULK) for number in range(100)]))
            await asyncio.sleep(2.05)
            begun = now()
            assert (await g.send(PushToken(1, "call"), note(), priority=Priority.URGENT)).ok
            took = now() - begun
            assert all(outcome.ok for outcome in await bulk)
            return took

    assert run_virtual(main()) <= 0.03


def test_bulk_pushes_are_sent_beside_many_chats() -> None:
    """Chats come faster than one connection takes them; offers still get a share."""
    server = ToyServer()
    server.latency = 0.1

    async def main() -> int:
        async with gateway(server, certificate(size=1), connections=1) as g:
            offers = [asyncio.create_task(g.send(**offer(number))) for number in range(9)]
            chats = [asyncio.create_task(g.send(PushToken(1, f"c{n}"), note("chat"))) for n in range(2000)]
            outcomes = await asyncio.gather(*offers)
            for chat in chats:
                chat.cancel()
            return sum(outcome.ok for outcome in outcomes)

    def offer(number: int) -> dict[str, Any]:
        return {"push_token": PushToken(1, f"o{number}"), "notification": note("offer"), "priority": Priority.BULK}

    assert run_virtual(main()) == 9


# Sends of one turn of the loop


def test_sends_of_the_turn_of_the_close_are_sent() -> None:
    """Sends are taken at the end of their turn of the loop; a close that begins in that turn takes them first, however
    many they are, and each is sent."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            sends = [asyncio.create_task(g.send(PushToken(1, f"t{number}"), note())) for number in range(8 * TURN)]
            closing = asyncio.create_task(g.aclose())
            outcomes = await asyncio.gather(*sends)
            await closing
            return outcomes

    outcomes = run_virtual(main())

    assert len(outcomes) == 8 * TURN
    assert all(outcome.ok and outcome.push_token.token == f"t{place}" for place, outcome in enumerate(outcomes))
    assert sum(server.ledger.values()) == 8 * TURN


def test_the_sends_of_one_turn_are_taken_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five thousand at once no step of the loop takes more than a thousand, in the order in which they came, and
    each counts for the queue's bound from the moment it was handed in."""
    taken: list[list[str]] = []
    submit = Lane.submit

    def noting(self: Lane, runs: Sequence[Run]) -> None:
        taken.append([push_token.token for run in runs for push_token in run.push_tokens])
        submit(self, runs)

    monkeypatch.setattr(Lane, "submit", noting)

    async def main() -> Outcome:
        async with gateway(ToyServer(), queue=5000) as g:
            sends = [asyncio.create_task(g.send(PushToken(1, f"t{number}"), note())) for number in range(5000)]
            last = asyncio.create_task(g.try_send(PushToken(1, "last"), note()))
            await asyncio.gather(*sends)
            return await last

    refused = run_virtual(main())

    assert refused.reason is Reason.OVERLOADED
    assert [token for piece in taken for token in piece] == [f"t{number}" for number in range(5000)]
    assert max(map(len, taken)) == TURN
