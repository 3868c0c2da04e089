"""A few minutes of a hostile day, by seed, in virtual time: the promises of the engine hold whatever happens at once.

Single sends, lists, streams and broadcasts; lost, refused, cut and late requests; expired and blocked access tokens;
cancellations, reloads and a close, all drawn from the seed. Afterwards the vendor's ledger is compared with every
outcome. A failing seed fails again the same way. `tox -e simulate` lives through many more days than the everyday run.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from toy import ToyServer, certificate, gateway, note

from pushgateway import Audience, Gateway, Outcome, Push, PushToken, Status
from pushgateway.testing.virtual import run_virtual
from pushgateway.vendor import NoVerdict, Request, Response


class HostileServer(ToyServer):
    """The toy vendor on a bad day."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.codes = {f"t{number}": chance.choice("25678") for number in range(0, 70, 7)}

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        self.latency = self.chance.choice([0, 0.001, 0.01, 0.5, 3])
        fate = self.chance.random()
        if fate < 0.05:
            await asyncio.sleep(self.chance.choice([0, 1]))
            raise NoVerdict("refused", sent=False)
        if fate < 0.07:
            await asyncio.sleep(timeout)
            raise NoVerdict("timeout", sent=False)
        if fate < 0.12 and request.url.endswith(("push", "broadcast")):
            await super().send(request, pool=pool, timeout=timeout)
            raise NoVerdict("cut")
        if fate < 0.14:
            return Response(200, {}, b"<html>")
        if fate < 0.19 and (not request.url.endswith("login") or self.chance.random() < 0.1):
            return Response(200, {}, b'{"code":%s}' % self.chance.choice([b"11", b"5", b"6", b"3", b"7", b"8", b"11"]))
        return await super().send(request, pool=pool, timeout=timeout)


class Day:
    """What happened, and what must be true of it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.dedupes = seed % 2 == 0
        self.mixed = seed % 5 != 0
        self.server = HostileServer(self.chance)
        self.server.dedupes = self.dedupes
        self.numbers = 0
        self.told: dict[str, tuple[Push, Outcome]] = {}

    def certificate(self, key: int, secret: str = "a") -> Any:
        size = self.chance.choice([1, 3, 1000])
        return certificate(key, dedupe=self.dedupes, mixed=self.mixed, size=size, secret=secret)

    def push(self) -> Push:
        self.numbers += 1
        token = self.chance.choice(["", "far-"]) + f"t{self.chance.randrange(100)}"
        timeout = self.chance.choice([None, 0.3, 1, 5])
        return Push(PushToken(self.chance.choice([1, 1, 2, 3]), token), note(f"n{self.numbers}"), timeout=timeout)

    def tell(self, push: Push, outcome: Outcome) -> None:
        assert outcome.push_token == push.push_token, "an outcome of another push"
        assert push.notification.title not in self.told, "two outcomes for one push"
        self.told[push.notification.title] = (push, outcome)

    async def single(self, g: Gateway) -> None:
        push = self.push()
        loop = asyncio.get_running_loop()
        begun = loop.time()
        outcome = await g.send(push.push_token, push.notification, timeout=push.timeout)
        assert loop.time() <= begun + (push.timeout or 30.0) + 0.06, "an outcome after its deadline"
        self.tell(push, outcome)

    async def several(self, g: Gateway) -> None:
        pushes = [self.push() for _ in range(self.chance.randrange(60))]
        outcomes = await g.send_each(pushes)
        for push, outcome in zip(pushes, outcomes, strict=True):
            self.tell(push, outcome)

    async def stream(self, g: Gateway) -> None:
        given: dict[object, Push] = {}

        async def source() -> AsyncIterator[Push]:
            for _ in range(self.chance.randrange(80)):
                if self.chance.random() < 0.2:
                    await asyncio.sleep(self.chance.random())
                push = self.push()
                push = Push(push.push_token, push.notification, timeout=push.timeout, context=push.notification.title)
                given[push.context] = push
                yield push

        leaves_after = self.chance.randrange(200)
        stream = g.stream(source(), window=self.chance.choice([1, 2, 10, 100]))
        taken = 0
        try:
            async for outcome in stream:
                self.tell(given.pop(outcome.context), outcome)
                taken += 1
                if taken > leaves_after:
                    break
            else:
                assert not given, "a push of the stream without an outcome"
        finally:
            await stream.aclose()

    async def broadcast(self, g: Gateway) -> None:
        tokens = [f"t{number}" for number in range(self.chance.randrange(1, 9))]
        audience = Audience.everyone() if self.chance.random() < 0.3 else Audience.of_tokens(tokens)
        title = self.chance.choice(["broadcast", ""])
        outcome = await g.broadcast(
            self.chance.choice([1, 2]), note(title), audience, timeout=self.chance.choice([1, 300])
        )
        assert len(outcome.outcomes) in (0, len(tokens))

    def reload(self, g: Gateway) -> None:
        one, two = self.certificate(1), self.certificate(2)
        g.reload(self.chance.choice([[one], [self.certificate(1, "b"), two], [two], [one, two], list(g.certificates)]))

    async def run(self) -> None:
        g = gateway(
            self.server,
            self.certificate(1),
            self.certificate(2),
            rng=random.Random(self.numbers),
            connections=self.chance.choice([1, 2, 8]),
            linger=self.chance.choice([0, 0.01, 0.5]),
        )
        acts: list[Callable[[Gateway], Coroutine[Any, Any, None]]]
        acts = [self.single] * 6 + [self.several] * 3 + [self.stream] * 2 + [self.broadcast]
        tasks = []
        for _ in range(self.chance.randrange(5, 40)):
            tasks.append(asyncio.create_task(self.chance.choice(acts)(g)))
            if self.chance.random() < 0.3:
                await asyncio.sleep(self.chance.choice([0, 0, 0.01, 0.5, 2]))
            if self.chance.random() < 0.15:
                self.chance.choice(tasks).cancel()
            if self.chance.random() < 0.1:
                self.reload(g)
        if self.chance.random() < 0.5:
            await asyncio.sleep(self.chance.choice([0, 1, 40]))
        grace = self.chance.choice([0, 0.2, 5])
        begun = asyncio.get_running_loop().time()
        await g.aclose(grace)
        assert asyncio.get_running_loop().time() <= begun + grace + 0.1, "a close that takes longer than its grace"
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
                raise ended
        assert not self.server.in_flight, "a request after the close"

    def check(self) -> None:
        by_title = Counter[str]()
        for (_, title), times in self.server.ledger.items():
            by_title[title] += times
        for title, (push, outcome) in self.told.items():
            times = self.server.ledger[push.push_token.token, title]
            assert by_title[title] == times, "a text on another's phone"
            if outcome.status is Status.ACCEPTED:
                assert times == 1 or (times > 1 and outcome.possible_duplicate), (outcome, times)
            elif outcome.status is not Status.UNKNOWN:
                assert not times or outcome.repeated, (outcome, times)
            assert times <= 1 or (outcome.possible_duplicate and not self.dedupes), (outcome, times)


def test_a_hostile_day(day_seed: int) -> None:
    """Every push one outcome, in time; what is accepted arrived once, what was refused or not sent never."""
    day = Day(day_seed)

    run_virtual(day.run(), seed=day_seed if day_seed % 3 else None)

    day.check()
    assert day.told or not day.numbers
