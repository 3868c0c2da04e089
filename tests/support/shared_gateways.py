"""Several gateways on one shared state, as several processes have it; and stores that fail. Virtual time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Sequence
from typing import Any

from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import Certificate, Gateway, Outcome, Push, PushToken
from pushgateway.state import MemoryState, SharedState
from pushgateway.vendor import NoVerdict, Request, Response


class TimedServer(ToyServer):
    """A toy server that notes when each push and each login came."""

    def __init__(self) -> None:
        super().__init__()
        self.push_times: list[float] = []
        self.login_times: list[float] = []
        self.by_title: dict[str, list[float]] = {}
        self.is_down = False

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        if request.url.endswith("/login"):
            self.login_times.append(now())
        if self.is_down:
            raise NoVerdict("nobody is there")
        return await super().send(request, pool=pool, timeout=timeout)

    def _push(self, items: list[list[str]]) -> Response:
        self.push_times += [now()] * len(items)
        for _, title, _ in items:
            self.by_title.setdefault(title, []).append(now())
        return super()._push(items)

    def rate(self, begin: float, end: float, title: str | None = None) -> float:
        """Pushes per second between two times; with `title`, those of one gateway (`pushed`)."""
        times = self.push_times if title is None else self.by_title.get(title, [])
        return sum(begin <= one < end for one in times) / (end - begin)


class UnsteadyState:
    """A store that can be made to fail, to be slow, or to lose everything. It counts the calls that reach it."""

    name = "unsteady"

    def __init__(self, inner: SharedState) -> None:
        self.inner = inner
        self.failure: Exception | None = None
        self.delay = 0.001
        self.slow_answers = 0.0  # seconds between the work and the answer
        self.names: list[str] = []  # of the calls that reached it
        self.failing = ""  # the method that fails

    @property
    def calls(self) -> int:
        """How many calls reached it."""
        return len(self.names)

    def __getattr__(self, name: str) -> Any:
        async def call(*values: Any, **named: Any) -> Any:
            self.names.append(name)
            await asyncio.sleep(self.delay)
            if self.failure is not None:
                raise self.failure
            if name == self.failing:
                raise ConnectionError
            answer = await getattr(self.inner, name)(*values, **named)
            if self.slow_answers:
                await asyncio.sleep(self.slow_answers)
            return answer

        return call


def now() -> float:
    """Loop seconds."""
    return asyncio.get_running_loop().time()


def unsteady() -> UnsteadyState:
    """An empty store whose answers take a millisecond."""
    return UnsteadyState(MemoryState(asyncio.get_running_loop().time))


def processes(
    number: int, server: ToyServer, state: object, *certificates: Certificate, **options: Any
) -> list[Gateway]:
    """So many gateways with the same certificates, each with random numbers of its own."""
    given = certificates or (certificate(),)
    return [gateway(server, *given, state=state, rng=random.Random(100 + one), **options) for one in range(number)]


def pushed(
    gate: Gateway, number: int, *, title: str = "title", key: int = 1, **options: Any
) -> Awaitable[list[Outcome]]:
    """Begin to send so many pushes, each to another phone."""
    note_ = note(title)
    return asyncio.ensure_future(
        gate.send_each([Push(PushToken(key, f"{title}-{one}"), note_, **options) for one in range(number)])
    )


async def closed(gateways: Sequence[Gateway]) -> None:
    """Close them all at once, without waiting for what they have."""
    await asyncio.gather(*(gate.aclose(grace=0) for gate in gateways))
