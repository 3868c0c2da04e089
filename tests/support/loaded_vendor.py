"""The toy vendor under load: with a rate limit, an outage, a hang or a used up daily quota. Virtual time only.

`LoadedServer` counts requests and delivered pushes per second. `Offer` submits pushes at a steady rate and records
their outcomes.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import Callable

from toy_vendor import Toy, note

from pushgateway import Gateway, Outcome, Priority, PushToken
from pushgateway.vendor import NoVerdict, Rates, Request, Response

__all__ = ["LoadedServer", "Offer", "Quick"]


class Quick(Toy):
    """The toy vendor with a known rate: fifty pushes per second."""

    @property
    def rates(self) -> Rates:
        return Rates(pushes=50.0)


class LoadedServer:
    """A vendor and the transport to it. Its behaviour is given by functions of certificate and time."""

    def __init__(self) -> None:
        self.limit: Callable[[str, float], float] = lambda pool, now: math.inf
        """Pushes per second."""
        self.is_down: Callable[[str, float], bool] = lambda pool, now: False
        self.hangs: Callable[[str, float], bool] = lambda pool, now: False
        self.code: Callable[[str, float], str] = lambda pool, now: "0"
        """The reply code of every request."""
        self.latency = 0.05
        self.calls = Counter[tuple[str, int]]()
        self.logins: list[tuple[str, float]] = []
        self.served = Counter[tuple[str, int]]()
        self.first_tries = self.repeats = self.refused = 0
        self._seen: set[str] = set()
        self._level: dict[str, tuple[float, float]] = {}

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        now = asyncio.get_running_loop().time()
        what = request.url.rsplit("/", 1)[1]
        if what == "login":
            self.logins.append((pool, now))
        self.calls[pool, int(now)] += 1
        if what == "push":
            ids = {dedupe_id for _, _, dedupe_id in json.loads(request.content)}
            self.repeats += bool(ids & self._seen)
            self.first_tries += not ids & self._seen
            self._seen |= ids
        if self.is_down(pool, now):
            await asyncio.sleep(0.01)
            raise NoVerdict("refused", sent=False)
        if self.hangs(pool, now):
            await asyncio.sleep(timeout)
            raise NoVerdict("timeout")
        await asyncio.sleep(self.latency)
        return _reply(self._answer(what, request, pool, now))

    async def aclose(self) -> None:
        """Nothing to close."""

    def between(self, book: Counter[tuple[str, int]], pool: str, begin: int, end: int) -> int:
        """The sum over these seconds."""
        return sum(book[pool, second] for second in range(begin, end))

    def _answer(self, what: str, request: Request, pool: str, now: float) -> dict[str, object]:
        code = self.code(pool, now)
        if code != "0":
            return {"code": code}
        if what == "login":
            return {"code": 0, "token": f"t{len(self.logins)}"}
        items = json.loads(request.content)
        if not self._fits(pool, now, len(items)):
            self.refused += 1
            return {"code": 6}
        self.served[pool, int(now)] += len(items)
        return {"code": 0, "codes": {token: "0" for token, _, _ in items}}

    def _fits(self, pool: str, now: float, count: int) -> bool:
        """A token bucket that holds one second's worth."""
        limit = self.limit(pool, now)
        if limit == math.inf:
            return True
        level, at = self._level.get(pool, (limit, now))
        level = min(limit, level + (now - at) * limit)
        fits = level >= count
        self._level[pool] = (level - count if fits else level, now)
        return fits


class Offer:
    """Pushes submitted at a steady rate, and their outcomes."""

    def __init__(self, gateway: Gateway, *, timeout: float = 5.0) -> None:
        self.outcomes: list[tuple[float, float, Outcome]] = []
        """(time of submission, seconds until the outcome, outcome)."""
        self.waiting = 0
        self.most_waiting: Counter[int] = Counter()
        """By minute: the largest number of pushes that waited at the same time."""
        self._gateway = gateway
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()

    async def keep_up(self, certificate: str, per_second: float, seconds: float, priority: Priority) -> None:
        """Submit so many pushes per second, evenly in steps of a tenth of a second or more, and wait for the last
        outcome.
        """
        step = max(0.1, 1 / per_second)
        begun = self._loop.time()
        async with asyncio.TaskGroup() as group:
            for number in range(round(seconds / step)):
                await asyncio.sleep(begun + number * step - self._loop.time())
                for place in range(round(per_second * step)):
                    group.create_task(self._one(PushToken(certificate, f"p{number}-{place}"), priority))

    async def _one(self, push_token: PushToken, priority: Priority) -> None:
        begun = self._loop.time()
        self.waiting += 1
        self.most_waiting[int(begun) // 60] = max(self.waiting, self.most_waiting[int(begun) // 60])
        outcome = await self._gateway.try_send(push_token, note(), timeout=self._timeout, priority=priority)
        self.waiting -= 1
        self.outcomes.append((begun, self._loop.time() - begun, outcome))

    def accepted(self, begin: float, end: float) -> int:
        """Accepted pushes among those submitted between these times."""
        return sum(outcome.ok for begun, _, outcome in self.outcomes if begin <= begun < end)


def _reply(body: dict[str, object]) -> Response:
    return Response(200, {"content-type": "application/json"}, json.dumps(body).encode())
