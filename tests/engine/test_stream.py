"""Streams: sources of any length, bounded memory, no outcome lost, and no task left at the end."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from toy_vendor import ToyServer, certificate, gateway

from pushgateway import FieldError, Notification, Outcome, Push, PushToken, Reason, Status
from pushgateway.testing.virtual_time import run_virtual


def push(number: int) -> Push:
    return Push(PushToken(1, f"k{number}"), Notification(f"n{number}", "body"), dedupe_id=f"id-{number}")


class Source:
    """An iterator that yields pushes one by one and counts how many were taken."""

    def __init__(self, count: int, *, fails: bool = False) -> None:
        self.count = count
        self.fails = fails
        self.given = 0

    async def __aiter__(self) -> AsyncIterator[Push]:
        for number in range(self.count):
            self.given += 1
            yield push(number)
        if self.fails:
            raise RuntimeError("the source broke")

    def __iter__(self) -> Iterator[Push]:
        for number in range(self.count):
            self.given += 1
            yield push(number)


@pytest.mark.parametrize("count", [0, 1, 10, 11, 5000])
def test_every_push_of_the_source_has_one_outcome(count: int) -> None:
    """Below, at and above the window: no outcome is missing or given twice, and each belongs to its token."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return [outcome async for outcome in g.stream(Source(count), window=10)]

    outcomes = run_virtual(main())

    assert sorted(outcome.dedupe_id for outcome in outcomes) == sorted(f"id-{i}" for i in range(count))
    assert all(outcome.ok for outcome in outcomes)
    assert all(token[1:] == title[1:] for token, title in server.ledger)
    assert sum(server.ledger.values()) == count


def test_a_plain_iterable_streams_as_well() -> None:
    """A list or a generator can be given as it is."""
    server = ToyServer()

    async def main() -> int:
        async with gateway(server) as g:
            return len([outcome async for outcome in g.stream(iter(Source(3000)))])

    assert run_virtual(main()) == 3000


@pytest.mark.parametrize("window", [1, 2, 50])
def test_the_source_is_never_more_than_the_window_ahead(window: int) -> None:
    """The window bounds the memory, however slow the consumer is."""
    server = ToyServer()
    source = Source(500)
    ahead = []

    async def main() -> None:
        async with gateway(server) as g:
            taken = 0
            async for _ in g.stream(source, window=window):
                ahead.append(source.given - taken)
                taken += 1
                await asyncio.sleep(0.05)

    run_virtual(main())

    assert len(ahead) == 500
    assert max(ahead) <= window


def test_batches_stay_large_in_a_stream() -> None:
    """The window is refilled in large portions, so that there are few requests."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server) as g:
            async for _ in g.stream(Source(20_000), window=4000):
                pass

    run_virtual(main())

    assert server.calls["push"] <= 60


def test_an_error_of_the_source_comes_after_the_outcomes_before_it() -> None:
    """Pushes that were given before the source failed keep their outcomes."""
    server = ToyServer()
    outcomes: list[Outcome] = []

    async def main() -> None:
        async with gateway(server) as g:
            async for outcome in g.stream(Source(25, fails=True), window=10):
                outcomes.append(outcome)

    with pytest.raises(RuntimeError, match="the source broke"):
        run_virtual(main())
    assert len(outcomes) == 25


def test_an_object_that_is_no_push_is_named_by_its_place() -> None:
    """It is a mistake of the host: an exception after the outcomes of everything before it."""
    server = ToyServer()
    outcomes: list[Outcome] = []

    async def main() -> None:
        async with gateway(server) as g:
            async for outcome in g.stream([push(0), "no push"]):  # type: ignore[list-item]
                outcomes.append(outcome)

    with pytest.raises(FieldError, match=r"pushes\[1\]: must be a Push, is str"):
        run_virtual(main())
    assert [outcome.status for outcome in outcomes] == [Status.ACCEPTED]


def test_leaving_a_stream_takes_back_waiting_pushes() -> None:
    """No task remains (the virtual loop would report it), and no further batch is sent."""
    server = ToyServer()
    server.latency = 1.0
    source = Source(100_000)

    async def main() -> None:
        async with gateway(server, certificate(size=10, logs_in=False)) as g:
            stream = g.stream(source, window=500)
            await anext(stream)
            await stream.aclose()
            sent = server.calls["push"]
            await asyncio.sleep(60)
            assert server.calls["push"] == sent

    run_virtual(main())

    assert source.given <= 1000


def test_a_window_below_one_is_refused() -> None:
    """The error is raised at the call, and names the argument."""

    async def main() -> None:
        async with gateway(ToyServer()) as g:
            async for _ in g.stream([push(0)], window=0):
                pass

    with pytest.raises(FieldError, match="window"):
        run_virtual(main())


class Topic:
    """A source that never ends: it waits for the next message, and records whether it was closed."""

    def __init__(self, *, stubborn: bool = False) -> None:
        self.stubborn = stubborn
        self.given = 0
        self.let_go = False

    async def __aiter__(self) -> AsyncIterator[Push]:
        while True:
            try:
                await asyncio.sleep(1.0)
            except asyncio.CancelledError:
                self.let_go = True
                if not self.stubborn:
                    raise
            self.given += 1
            yield push(self.given)


@pytest.mark.parametrize("stubborn", [False, True])
def test_closing_the_gateway_closes_an_endless_source(stubborn: bool) -> None:
    """The stream ends by itself with the outcomes of the pushes that were taken; no push is taken only to be refused.

    If a source replies to its cancellation with one more push, that push has an outcome too.
    """
    server = ToyServer()
    source = Topic(stubborn=stubborn)

    async def main() -> list[Outcome]:
        g = gateway(server)
        outcomes: list[Outcome] = []

        async def consume() -> None:
            outcomes.extend([outcome async for outcome in g.stream(source)])

        consumer = asyncio.create_task(consume())
        await asyncio.sleep(3.5)
        await g.aclose()
        await consumer
        return outcomes

    outcomes = run_virtual(main())

    assert source.let_go
    assert source.given == len(outcomes) == 3 + stubborn
    assert [outcome.reason for outcome in outcomes] == [None] * 3 + [Reason.CLOSED] * stubborn


@pytest.mark.parametrize("window", [1, 10, 300])
@pytest.mark.parametrize("plain", [True, False])
def test_closing_in_the_middle_of_a_stream_loses_no_outcome(window: int, plain: bool) -> None:
    """Each push that was taken has its outcome, accepted or not, and the rest of the source is not read."""
    server = ToyServer()
    source = Source(100_000)

    async def main() -> list[Outcome]:
        g = gateway(server)
        outcomes = []
        async for outcome in g.stream(iter(source) if plain else source, window=window):
            outcomes.append(outcome)
            if len(outcomes) == 20:
                await g.aclose(0.0)
        return outcomes

    outcomes = run_virtual(main())

    assert sorted(outcome.dedupe_id for outcome in outcomes) == sorted(f"id-{i}" for i in range(source.given))
    assert source.given <= 20 + window
    assert sum(outcome.ok for outcome in outcomes) == sum(server.ledger.values())


def test_a_stream_closed_before_its_source_was_read_ends_at_once() -> None:
    """It is started and closed in the same turn of the loop: no push was taken, so there is no outcome and nothing to
    wait for."""
    source = Source(10)

    async def main() -> list[Outcome]:
        g = gateway(ToyServer())
        stream = g.stream(source)
        first = asyncio.ensure_future(anext(stream, None))
        closing = asyncio.create_task(g.aclose())
        assert await first is None
        await closing
        return [outcome async for outcome in stream]

    assert run_virtual(main()) == []
    assert source.given == 0


def test_a_stream_started_after_the_close_has_an_outcome_for_every_push() -> None:
    """As with `send`, each is `NOT_SENT` / `CLOSED`."""

    async def main() -> list[Outcome]:
        g = gateway(ToyServer())
        await g.aclose()
        return [outcome async for outcome in g.stream(Source(11), window=10)]

    outcomes = run_virtual(main())

    assert [outcome.reason for outcome in outcomes] == [Reason.CLOSED] * 11


def test_an_error_of_the_source_is_raised_also_when_the_gateway_closes() -> None:
    """The source fails while it is closed: the outcomes come first, then its error."""

    async def failing() -> AsyncIterator[Push]:
        yield push(0)
        try:
            await asyncio.sleep(60.0)
        finally:
            raise RuntimeError("the source broke")

    outcomes: list[Outcome] = []

    async def main() -> None:
        g = gateway(ToyServer())
        async for outcome in g.stream(failing()):
            outcomes.append(outcome)
            await g.aclose()

    with pytest.raises(RuntimeError, match="the source broke"):
        run_virtual(main())
    assert [outcome.status for outcome in outcomes] == [Status.ACCEPTED]


def test_the_context_of_a_push_comes_back_with_its_outcome() -> None:
    """One message for many tokens has derived ids; `context` still ties each outcome to its push."""
    note = Notification("title", "body", dedupe_id="message-1")
    pushes = [Push(PushToken(1, f"k{row}"), note, context=row) for row in range(300)]

    async def main() -> dict[object, PushToken]:
        async with gateway(ToyServer()) as g:
            return {outcome.context: outcome.push_token async for outcome in g.stream(pushes, window=50)}

    assert run_virtual(main()) == {one.context: one.push_token for one in pushes}
