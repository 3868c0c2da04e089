"""The blocking gateway when it closes: every call returns its value, in whatever thread and at whatever moment.

Real threads, and no waiting for time to pass: a server that holds its replies signals when it has a request.
"""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
from toy_vendor import Toy, ToyServer

import pushgateway
from pushgateway import Audience, Certificate, FieldError, LoopError, Notification, Push, PushToken, Reason, Status
from pushgateway.sync import Gateway
from pushgateway.vendor import Request, Response

NOTE = Notification("title", "body")
CERTIFICATE = Certificate(1, "toy", {"secret": "x"})
TOKENS = [PushToken(1, token) for token in ("a", "b")]
FOREVER = 3600.0


class Holding(ToyServer):
    """Sets `asked` when it has a request for `held`, and replies when `release()` is called."""

    def __init__(self, held: str = "push") -> None:
        super().__init__()
        self.latency = 0.0
        self.held = held
        self.asked = threading.Event()
        self._gate = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self.when_asked: Callable[[], object] = self.asked.set

    def release(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._gate.set)

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        if request.url.endswith(self.held):
            self._loop = asyncio.get_running_loop()
            self.when_asked()
            await self._gate.wait()
        return await super().send(request, pool=pool, timeout=timeout)


def opened(server: ToyServer, **options: Any) -> Gateway:
    return Gateway([CERTIFICATE], transport=server, vendors={"toy": Toy}, **options)


@pytest.fixture
def signals() -> Iterator[Callable[[Callable[[], object]], None]]:
    """Sets what happens in the main thread on SIGUSR1."""
    before = signal.getsignal(signal.SIGUSR1)

    def on_signal(action: Callable[[], object]) -> None:
        signal.signal(signal.SIGUSR1, lambda *_: action())

    yield on_signal
    signal.signal(signal.SIGUSR1, before)


def test_a_closed_gateway_gives_the_values_of_the_async_one() -> None:
    """`NOT_SENT` / `CLOSED` for pushes, and the like for a broadcast and a check: nothing is raised."""
    async_one = pushgateway.Gateway([CERTIFICATE], transport=ToyServer(), vendors={"toy": Toy})

    async def expected() -> list[Any]:
        await async_one.aclose()
        return [
            await async_one.send(TOKENS[0], NOTE),
            *await async_one.send_each([Push(token, NOTE) for token in TOKENS]),
            *await async_one.multicast(TOKENS, NOTE),
            *[outcome async for outcome in async_one.stream([Push(token, NOTE) for token in TOKENS])],
            await async_one.broadcast(1, NOTE, Audience.of_tokens(["a", "b"])),
            await async_one.check(1),
            await async_one.check(2),
        ]

    closed = opened(ToyServer())
    closed.close()
    values: list[Any] = [
        closed.send(TOKENS[0], NOTE),
        *closed.send_each([Push(token, NOTE) for token in TOKENS]),
        *closed.multicast(iter(TOKENS), NOTE),
        *closed.stream([Push(token, NOTE) for token in TOKENS]),
        closed.broadcast(1, NOTE, Audience.of_tokens(["a", "b"])),
        closed.check(1),
        closed.check(2),
    ]

    assert [without_id(value) for value in values] == [without_id(value) for value in asyncio.run(expected())]
    assert {value.reason for value in values} == {Reason.CLOSED}


def without_id(value: Any) -> Any:
    # A push that is never sent needs no id; the async gateway makes one all the same.
    return attrs.evolve(value, dedupe_id="") if hasattr(value, "dedupe_id") else value


def test_a_closed_gateway_still_names_the_hosts_mistakes() -> None:
    """What is an error with the gateway open is an error with the gateway closed; so is a fork, and a running loop."""
    closed = opened(ToyServer())
    closed.close()

    async def in_a_loop() -> None:
        closed.send(TOKENS[0], NOTE)

    with pytest.raises(FieldError, match=r"pushes\[1\]"):
        closed.send_each([Push(TOKENS[0], NOTE), "no push"])  # type: ignore[list-item]
    with pytest.raises(FieldError, match=r"pushes\[0\]"):
        list(closed.stream(["no push"]))  # type: ignore[list-item]
    with pytest.raises(FieldError, match="timeout"):
        closed.send(TOKENS[0], NOTE, timeout=0)
    with pytest.raises(FieldError, match="rate"):
        closed.broadcast(1, NOTE, Audience.everyone(), rate=0)
    with pytest.raises(LoopError, match="event loop"):
        asyncio.run(in_a_loop())


def test_closing_twice_or_from_many_threads_is_one_close() -> None:
    """Each of them returns when the close is complete; the background thread has ended then."""
    before = set(threading.enumerate())
    gateway = opened(ToyServer())
    assert gateway.send(TOKENS[0], NOTE).ok
    together = threading.Barrier(4)
    left_over: list[set[threading.Thread]] = []

    def close() -> None:
        together.wait()
        gateway.close()
        left_over.append({thread for thread in threading.enumerate() if thread.name == "pushgateway"} - before)

    closers = [threading.Thread(target=close) for _ in range(4)]
    for thread in closers:
        thread.start()
    for thread in closers:
        thread.join()
    gateway.close()
    gateway.reload([])

    assert left_over == [set()] * 4
    assert gateway.certificates == (CERTIFICATE,)


@pytest.mark.parametrize("round_", range(5))
def test_a_close_raises_nothing_in_other_threads(round_: int) -> None:
    """Calls at the time of the close end as values, whether they came before it, during it or after it."""
    gateway = opened(ToyServer())
    together = threading.Barrier(6)
    values: list[Any] = []
    thrown: list[BaseException] = []

    calls: list[Callable[[], list[Any]]] = [
        lambda: [gateway.send(TOKENS[0], NOTE)],
        lambda: gateway.send_each([Push(token, NOTE) for token in TOKENS]),
        lambda: list(gateway.stream([Push(token, NOTE) for token in TOKENS])),
        lambda: [gateway.broadcast(1, NOTE, Audience.everyone())],
        lambda: [gateway.check(1)],
    ]

    def work(call: Callable[[], list[Any]]) -> None:
        together.wait()
        try:
            for _ in range(200):
                got = call()
                values.extend(got)
                if got[0].reason is Reason.CLOSED:
                    return
        except BaseException as error:
            thrown.append(error)

    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    together.wait()
    gateway.close(0.0)
    for thread in threads:
        thread.join()

    assert thrown == []
    assert sum(value.reason is Reason.CLOSED for value in values) >= len(calls)


@pytest.mark.parametrize("held", ["login", "push", "broadcast"])
def test_calls_under_way_at_the_close_return_their_values(held: str) -> None:
    """Interrupted or not, the waiting thread gets an outcome."""
    server = Holding(held)
    gateway = opened(server, timeout=FOREVER, request_timeout=FOREVER)
    calls: dict[str, Callable[[], Any]] = {
        "login": lambda: gateway.check(1),
        "push": lambda: gateway.send(TOKENS[0], NOTE),
        "broadcast": lambda: gateway.broadcast(1, NOTE, Audience.everyone()),
    }
    values: list[Any] = []
    waiting = threading.Thread(target=lambda: values.append(calls[held]()))
    waiting.start()
    server.asked.wait()

    gateway.close(0.0)
    waiting.join()

    assert [value.ok for value in values] == [False]


def test_a_signal_may_close_while_its_own_thread_sends(signals: Callable[[Callable[[], object]], None]) -> None:
    """A handler of SIGTERM runs in the middle of a call of the main thread: the close does not wait for that call."""
    server = Holding()
    gateway = opened(server, timeout=FOREVER, request_timeout=FOREVER)
    signals(lambda: gateway.close(0.0))
    server.when_asked = lambda: os.kill(os.getpid(), signal.SIGUSR1)

    outcome = gateway.send(TOKENS[0], NOTE)

    assert (outcome.status, outcome.reason) == (Status.UNKNOWN, Reason.NO_VERDICT)


def test_an_interrupted_call_stops_its_waiting_pushes(signals: Callable[[Callable[[], object]], None]) -> None:
    """After Ctrl-C in a call nobody gets the outcome, so pushes that have not been sent are not sent."""
    server = Holding("login")

    def interrupt() -> None:
        raise KeyboardInterrupt

    signals(interrupt)
    server.when_asked = lambda: os.kill(os.getpid(), signal.SIGUSR1)

    with opened(server, timeout=FOREVER, request_timeout=FOREVER) as gateway:
        with pytest.raises(KeyboardInterrupt):
            gateway.send(PushToken(1, "interrupted"), NOTE)
        server.release()
        later = gateway.send(PushToken(1, "later"), NOTE)

    assert later.ok
    assert {token for token, _ in server.ledger} == {"later"}


def test_an_unreferenced_gateway_ends_its_thread() -> None:
    """A gateway that is neither closed nor kept leaves no thread and no loop."""
    before = set(threading.enumerate())
    gateway = opened(ToyServer())
    assert gateway.send(TOKENS[0], NOTE).ok
    (thread,) = set(threading.enumerate()) - before

    del gateway
    gc.collect()
    thread.join(30)

    assert not thread.is_alive()
