"""Streams of the blocking gateway: the host's source is read in the host's thread, memory is bounded, and no outcome is
lost.

Real threads, and no waiting for time to pass: servers and sources signal where they are.
"""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from toy_vendor import Toy, ToyServer

from pushgateway import Certificate, FieldError, LoopError, Notification, Outcome, Push, PushToken, Reason, Status
from pushgateway.sync import Gateway
from pushgateway.vendor import Request, Response

NOTE = Notification("title", "body")


class Gated(ToyServer):
    """Replies to the first push request at once and to the others after `release()`."""

    def __init__(self) -> None:
        super().__init__()
        self.latency = 0.0
        self._gate = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def release(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._gate.set)

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        self._loop = asyncio.get_running_loop()
        if request.url.endswith("push") and self.calls["push"]:
            await self._gate.wait()
        return await super().send(request, pool=pool, timeout=timeout)


class Source:
    """Yields pushes, for ever when no count is set; records how many were taken and by which thread."""

    def __init__(self, count: int | None = None, *, fails: bool = False) -> None:
        self.count = count
        self.fails = fails
        self.given = 0
        self.threads: set[threading.Thread] = set()

    def __iter__(self) -> Iterator[Push]:
        while self.count is None or self.given < self.count:
            self.threads.add(threading.current_thread())
            self.given += 1
            yield Push(PushToken(1, f"k{self.given}"), NOTE, context=self.given)
        if self.fails:
            raise RuntimeError("the source broke")


def opened(server: ToyServer, settings: dict[str, Any] | None = None, **options: Any) -> Gateway:
    certificate = Certificate(1, "toy", {"secret": "x", **(settings or {})})
    return Gateway([certificate], transport=server, vendors={"toy": Toy}, **options)


@pytest.fixture
def server() -> ToyServer:
    toy = ToyServer()
    toy.latency = 0.0
    return toy


@pytest.fixture
def gateway(server: ToyServer) -> Iterator[Gateway]:
    with opened(server) as gateway:
        yield gateway


@pytest.mark.parametrize("count", [0, 1, 10, 11, 500])
def test_every_push_has_one_outcome_and_its_row(gateway: Gateway, count: int) -> None:
    """Below, at and above the window; `context` ties each outcome to the host's row, also where the id is derived."""
    source = Source(count)

    outcomes = list(gateway.stream(source, window=10))

    assert sorted(rows(outcomes)) == list(range(1, count + 1))
    assert all(outcome.ok for outcome in outcomes)
    assert source.threads <= {threading.current_thread()}


def rows(outcomes: list[Outcome]) -> list[int]:
    return [outcome.context for outcome in outcomes if isinstance(outcome.context, int)]


def test_rows_of_one_message_are_distinguished_by_context(gateway: Gateway) -> None:
    """With the host's own id for the message each push has a derived one; the row comes back all the same."""
    note = Notification("title", "body", dedupe_id="message-1")
    pushes = [Push(PushToken(1, f"k{row}"), note, context=row) for row in range(500)]

    outcomes = list(gateway.stream(pushes))

    assert {outcome.context: outcome.push_token for outcome in outcomes} == {
        push.context: push.push_token for push in pushes
    }


@pytest.mark.parametrize("window", [1, 2, 50])
def test_the_source_is_never_more_than_the_window_ahead(gateway: Gateway, window: int) -> None:
    """Memory is bounded, however slow the consumer is."""
    source = Source(75)
    ahead = []

    for taken, _ in enumerate(gateway.stream(source, window=window)):
        ahead.append(source.given - taken)

    assert len(ahead) == 75
    assert max(ahead) <= window


def test_batches_stay_large(gateway: Gateway, server: ToyServer) -> None:
    """The handover between threads causes no additional requests."""
    count = len(list(gateway.stream(Source(20_000))))

    assert count == 20_000
    assert server.calls["push"] <= 200


def test_an_outcome_is_handed_over_when_it_is_known() -> None:
    """A single outcome is handed over, though the others are still missing."""
    server = Gated()
    first, rest = Push(PushToken(1, "first"), NOTE, coalesce=False), list(Source(20))

    with opened(server) as gateway:
        stream = gateway.stream([first, *rest])
        outcomes = [next(stream)]
        server.release()
        outcomes += stream

    assert len(outcomes) == 21
    assert all(outcome.ok for outcome in outcomes)


def test_a_source_that_blocks_delays_no_other_thread(gateway: Gateway) -> None:
    """While a cursor or a queue lets the stream wait, other threads send."""
    waits, sent = threading.Event(), threading.Event()
    others: list[Outcome] = []

    def source() -> Iterator[Push]:
        yield Push(PushToken(1, "before"), NOTE)
        waits.set()
        assert sent.wait(30)
        yield Push(PushToken(1, "after"), NOTE)

    def other() -> None:
        waits.wait()
        others.append(gateway.send(PushToken(1, "other"), NOTE))
        sent.set()

    thread = threading.Thread(target=other)
    thread.start()
    outcomes = list(gateway.stream(source()))
    thread.join()

    assert [outcome.ok for outcome in outcomes + others] == [True] * 3


@pytest.mark.parametrize("count", [0, 1, 250])
def test_an_error_of_the_source_comes_after_the_outcomes_before_it(gateway: Gateway, count: int) -> None:
    """Pushes that were given before the source failed keep their outcomes."""
    outcomes: list[Outcome] = []

    with pytest.raises(RuntimeError, match="the source broke"):
        outcomes.extend(gateway.stream(Source(count, fails=True)))
    assert sorted(rows(outcomes)) == list(range(1, count + 1))


def test_an_object_that_is_no_push_is_named_by_its_place(gateway: Gateway) -> None:
    """It is a mistake of the host: an exception after the outcomes of everything before it. An invalid window is an
    error at once."""
    outcomes: list[Outcome] = []

    with pytest.raises(FieldError, match=r"pushes\[1\]: must be a Push, is str"):
        outcomes.extend(gateway.stream([Push(PushToken(1, "a"), NOTE), "no push"]))  # type: ignore[list-item]
    with pytest.raises(FieldError, match="window"):
        next(gateway.stream([], window=0))
    assert [outcome.status for outcome in outcomes] == [Status.ACCEPTED]


def test_leaving_early_stops_waiting_pushes() -> None:
    """One request is under way at most; the other pushes are never sent, and the gateway keeps working."""
    server = Gated()

    with opened(server, {"size": 1, "logs_in": False}, connections=1) as gateway:
        with closing(gateway.stream(Source(50))) as stream:
            next(stream)
        server.release()
        after = gateway.send(PushToken(1, "after"), NOTE)

    assert after.ok
    assert server.calls["push"] <= 3


def test_a_close_from_another_thread_loses_no_outcome(server: ToyServer) -> None:
    """An endless source is closed, and every push taken from it has its outcome: accepted ones as accepted."""
    gateway = opened(server)
    source = Source()
    outcomes: list[Outcome] = []
    closer = threading.Thread(target=gateway.close)

    for outcome in gateway.stream(source, window=400):
        outcomes.append(outcome)
        if len(outcomes) == 1000:
            closer.start()
    closer.join()

    assert sorted(rows(outcomes)) == list(range(1, source.given + 1))
    assert sum(outcome.ok for outcome in outcomes) == sum(server.ledger.values())
    assert {outcome.reason for outcome in outcomes} <= {None, Reason.CLOSED}


def test_a_close_does_not_wait_for_the_source(server: ToyServer) -> None:
    """Pushes that the source still yields afterwards were taken from it, so they have an outcome: `NOT_SENT` /
    `CLOSED`."""
    gateway = opened(server)
    waits, closed = threading.Event(), threading.Event()
    given_after = []

    def source() -> Iterator[Push]:
        yield Push(PushToken(1, "before"), NOTE)
        waits.set()
        assert closed.wait(30)
        while True:
            given_after.append(1)
            yield Push(PushToken(1, "after"), NOTE)

    def close() -> None:
        waits.wait()
        gateway.close()
        closed.set()

    thread = threading.Thread(target=close)
    thread.start()
    outcomes = list(gateway.stream(source(), window=1))
    thread.join()

    assert [(o.push_token.token, o.reason) for o in outcomes] == [("before", None), ("after", Reason.CLOSED)]
    assert len(given_after) == 1


def test_outcomes_not_yet_taken_remain_after_the_close(server: ToyServer) -> None:
    """The consumer itself closes in the middle: the outcomes of pushes that were sent are still yielded."""
    gateway = opened(server)
    source = Source(100)
    stream = gateway.stream(source)
    outcomes = [next(stream)]
    gateway.close()

    outcomes += stream

    assert sorted(rows(outcomes)) == list(range(1, source.given + 1))
    assert sum(outcome.ok for outcome in outcomes) == sum(server.ledger.values())


def test_a_stream_is_an_error_in_a_loop_and_in_a_child(gateway: Gateway) -> None:
    """There no result would ever arrive, so it raises, and the child takes nothing from its copy of the source."""
    source = Source()
    in_a_child = gateway.stream(source, window=5)
    in_a_loop = gateway.stream(Source(), window=5)
    next(in_a_child)
    next(in_a_loop)
    given = source.given

    async def main() -> None:
        next(in_a_loop)

    child = os.fork()
    if child == 0:
        code = 1
        try:
            next(in_a_child)
        except LoopError as refused:
            code = 0 if "fork" in str(refused) and source.given == given else 2
        finally:
            os._exit(code)
    with pytest.raises(LoopError, match="event loop"):
        asyncio.run(main())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert next(in_a_child).ok
