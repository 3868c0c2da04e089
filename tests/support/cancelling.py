"""Runs a call of the gateway, cancels it at one moment, and checks the gateway afterwards. For `test_cancellation.py`.

Everything runs in virtual time against the toy vendor. A call is cancelled either by `Task.cancel()` before a given
round of the event loop, or by a `CancelledError` at its k-th suspension (`CancelAt`). Tests try every round and every
suspension. Afterwards: nothing of the call is left over, concurrent sends ended as usual, and what was withdrawn was
not sent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Sequence
from typing import Any

import attrs
from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import Audience, Gateway, Outcome, Push, PushToken, Reason, Status
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import NoVerdict, Request, Response

CONNECTIONS = 2


class CancelAt:
    """An awaitable that runs a call and raises `CancelledError` in it at its k-th suspension."""

    def __init__(self, begin: Callable[[], Coroutine[Any, Any, Any]], k: int) -> None:
        self.begin = begin
        self.k = k
        self.fired = False

    def __await__(self) -> Generator[Any, Any, Any]:
        inner, value, error, count = self.begin().__await__(), None, None, 0
        while True:
            try:
                waited = inner.throw(error) if error is not None else inner.send(value)
            except StopIteration as done:
                return done.value
            error, count = None, count + 1
            if count == self.k:
                self.fired = True
                if waited is not None:
                    waited._asyncio_future_blocking = False
                    waited.cancel()
                error = asyncio.CancelledError()
                continue
            try:
                value = yield waited
            except BaseException as thrown:
                error = thrown


def at_rounds(acts: Sequence[tuple[int, Callable[[], object]]]) -> None:
    """Run these functions before these rounds of the running loop, counted from now."""
    loop: Any = asyncio.get_running_loop()
    run_once, rounds = loop._run_once, 0

    def counting() -> None:
        nonlocal rounds
        rounds += 1
        for when, act in acts:
            if when == rounds:
                act()
        run_once()

    loop._run_once = counting


class WatchedServer(ToyServer):
    """The toy vendor's server. It also records every token that was handed to it, even in an incomplete request."""

    def __init__(self) -> None:
        super().__init__()
        self.handed: set[str] = set()
        self.first_codes: dict[str, str] = {}
        """By token: the code that answers its first request."""
        self.poison = ""
        """A request that contains this token and others is refused as a whole."""

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        if request.url.endswith("push"):
            self.handed |= {token for token, *_ in json.loads(request.content)}
        elif request.url.endswith("broadcast"):
            self.handed |= set(json.loads(request.content)[1:])
        return await super().send(request, pool=pool, timeout=timeout)

    def _push(self, items: list[list[str]]) -> Response:
        if self.poison in [token for token, *_ in items] and len(items) > 1:
            return Response(200, {}, b'{"code":3}')
        return super()._push(items)

    def _perform(self, token: str, title: str, dedupe_id: str) -> str:
        return self.first_codes.pop(token, "") or super()._perform(token, title, dedupe_id)


@attrs.frozen
class Scene:
    """The circumstances of a cancelled call: vendor, settings, and what else happens at the same time."""

    prepare: Callable[[WatchedServer], None] = lambda server: None
    warm: bool = False
    """True: the gateway has an access token before the call."""
    region: str = ""
    meanwhile: Callable[[Gateway], Coroutine[Any, Any, None]] | None = None
    latency: float = 0.01
    options: dict[str, Any] = attrs.field(factory=dict)
    settings: dict[str, Any] = attrs.field(factory=dict)
    closes: bool = False

    def push(self, name: str, key: int = 1) -> Push:
        return Push(PushToken(key, f"{self.region}{name}"), note(name), timeout=25.0)


def _expired(server: WatchedServer) -> None:
    server.refuse_access = {"t1"}


def _retried(server: WatchedServer) -> None:
    server.first_codes = {f"{who}{number}": "5" for who in "vo" for number in range(5)}


def _cut(server: WatchedServer) -> None:
    server.answers = [NoVerdict("cut")]


def _poisoned(server: WatchedServer) -> None:
    server.poison = "o1"


def _unreached(server: WatchedServer) -> None:
    server.login_answers = [NoVerdict("connect", sent=False)]


async def _reload(g: Gateway) -> None:
    await asyncio.sleep(0.015)
    g.reload([certificate(1, secret="another"), certificate(2)])


async def _remove(g: Gateway) -> None:
    await asyncio.sleep(0.015)
    g.reload([certificate(1)])


async def _close(g: Gateway) -> None:
    await asyncio.sleep(0.015)
    await g.aclose(0.01)


SCENES = {
    "cold login": Scene(),
    "warm": Scene(warm=True),
    "expired access": Scene(prepare=_expired),
    "small batches": Scene(settings={"size": 2}),
    "one by one": Scene(options={"linger": 0.0}),
    "retry pending": Scene(prepare=_retried),
    "no verdict, then again": Scene(prepare=_cut, warm=True),
    "split batch": Scene(prepare=_poisoned, warm=True),
    "slow vendor": Scene(latency=3.0),
    "second region": Scene(region="far-"),
    "login unreached at first": Scene(prepare=_unreached),
    "lingering": Scene(warm=True, options={"linger": 0.5}),
    "reload meanwhile": Scene(meanwhile=_reload),
    "another certificate removed": Scene(meanwhile=_remove),
    "close meanwhile": Scene(meanwhile=_close, closes=True),
}


# The calls


async def _send(g: Gateway, scene: Scene) -> list[Outcome]:
    push = scene.push("v0")
    return [await g.send(push.push_token, push.notification, timeout=push.timeout)]


async def _send_each(g: Gateway, scene: Scene) -> list[Outcome]:
    return await g.send_each([scene.push(f"v{number}", key) for number, key in enumerate((1, 2, 1, 9, 1))])


async def _multicast(g: Gateway, scene: Scene) -> list[Outcome]:
    return await g.multicast([scene.push(f"v{number}").push_token for number in range(3)], note("v"), timeout=25.0)


async def _source(scene: Scene) -> AsyncIterator[Push]:
    for number in range(5):
        await asyncio.sleep(0.004)
        yield scene.push(f"v{number}")


async def _stream(g: Gateway, scene: Scene, leave_after: int = 9) -> list[Outcome]:
    stream = g.stream(_source(scene), window=2)
    outcomes: list[Outcome] = []
    try:
        async for outcome in stream:
            outcomes.append(outcome)
            if len(outcomes) == leave_after:
                break
    finally:
        await stream.aclose()
    return outcomes


async def _stream_left(g: Gateway, scene: Scene) -> list[Outcome]:
    return await _stream(g, scene, 2)


async def _broadcast(g: Gateway, scene: Scene) -> list[Outcome]:
    tokens = [scene.push(f"v{number}").push_token.token for number in range(5)]
    outcome = await g.broadcast(1, note("v"), Audience.of_tokens(tokens), timeout=25.0)
    return list(outcome.outcomes)


async def _operation(g: Gateway, scene: Scene) -> list[Outcome]:
    await g.vendor(1, timeout=25.0).ping()
    return []


async def _check(g: Gateway, scene: Scene) -> list[Outcome]:
    await g.check(1)
    return []


async def _aclose(g: Gateway, scene: Scene) -> list[Outcome]:
    await asyncio.sleep(0.012)
    await g.aclose(0.02)
    return []


async def _with(g: Gateway, scene: Scene) -> list[Outcome]:
    async with g:
        return await _send_each(g, scene)


CALLS: dict[str, Callable[[Gateway, Scene], Coroutine[Any, Any, list[Outcome]]]] = {
    "send": _send,
    "send_each": _send_each,
    "multicast": _multicast,
    "stream": _stream,
    "stream left": _stream_left,
    "broadcast": _broadcast,
    "operation": _operation,
    "check": _check,
    "aclose": _aclose,
    "async with": _with,
}
CLOSING = {"aclose", "async with"}


# One run


class Run:
    """One call in one scene, cancelled at the given moment, with all checks afterwards."""

    def __init__(self, call: str, scene: str) -> None:
        self.call, self.scene, self.closes = CALLS[call], SCENES[scene], SCENES[scene].closes or call in CLOSING
        self.server = WatchedServer()
        self.server.latency = self.scene.latency
        self.reached = False
        """True if the cancellation came before the end of the call."""
        self.handed_then: set[str] | None = None
        self.others: list[asyncio.Task[Outcome]] = []
        self.outcomes: list[Outcome] = []

    async def _noted(self, g: Gateway) -> list[Outcome]:
        try:
            return await self.call(g, self.scene)
        except asyncio.CancelledError:
            self.handed_then = set(self.server.handed)
            raise

    async def main(self, at: Sequence[tuple[int, str]] = (), k: int = 0) -> None:
        """Cancel before the rounds in `at` (round, "victim" or "other"), or at suspension `k` of the call; 0: none."""
        certificates = [certificate(key, **self.scene.settings) for key in (1, 2)]
        g = gateway(self.server, *certificates, **{"connections": CONNECTIONS, **self.scene.options})
        if self.scene.warm:
            await g.send_each([Push(PushToken(1, f"{region}warm"), note("warm")) for region in ("", "far-")])
        self.scene.prepare(self.server)
        loop = asyncio.get_running_loop()
        first = [loop.create_task(self._other(g, number)) for number in range(2)]
        awaited = CancelAt(lambda: self._noted(g), k)
        victim = loop.create_task(self._awaited(awaited))
        self.others = [*first, *(loop.create_task(self._other(g, number)) for number in range(2, 4))]
        happening = [] if self.scene.meanwhile is None else [loop.create_task(self.scene.meanwhile(g))]
        tasks = {"victim": victim, "other": self.others[1]}
        at_rounds([(when, lambda who=who: self._cancel(tasks[who])) for when, who in at])
        ended, *_ = await asyncio.gather(victim, *self.others, *happening, return_exceptions=True)
        self.reached = self.reached or awaited.fired
        if isinstance(ended, list):
            self.outcomes = ended
        else:
            assert isinstance(ended, asyncio.CancelledError), ended
        await self._look(g)

    async def _awaited(self, awaited: CancelAt) -> Any:
        return await awaited

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        if task.cancel():
            self.reached = True

    async def _other(self, g: Gateway, number: int) -> Outcome:
        push = self.scene.push(f"o{number}")
        return await g.send(push.push_token, push.notification, timeout=push.timeout)

    async def _look(self, g: Gateway) -> None:
        if self.handed_then is not None:
            late = {token for token in self.server.handed - self.handed_then if token.removeprefix("far-")[0] == "v"}
            assert not late, "what was taken back left all the same"
        outcomes = [task.result() for task in self.others if not task.cancelled()]
        for outcome in [*outcomes, *self.outcomes]:
            self._compare(outcome)
        assert self.closes or all(outcome.ok for outcome in outcomes), "others noticed"
        assert max(self.server.ledger.values(), default=0) <= 1, "somebody got it twice"
        if not self.closes:
            await self._serves_as_before(g)
        await g.aclose(1.0)
        assert (await g.send(PushToken(1, "late"), note())).reason is Reason.CLOSED
        assert not self.server.open_requests, "a request after the close"

    def _compare(self, outcome: Outcome) -> None:
        token = outcome.push_token.token
        times = sum(count for (to, _), count in self.server.ledger.items() if to == token)
        if token in {name for sent in self.server.sent_to for name in sent[1:]}:
            return  # reached by a broadcast, and the toy's ledger has pushes only
        if outcome.status is Status.ACCEPTED:
            assert times == 1, "accepted, and nobody got it"
        elif outcome.status is not Status.UNKNOWN:
            assert not times, "refused or not sent, and somebody got it"

    async def _serves_as_before(self, g: Gateway) -> None:
        loop = asyncio.get_running_loop()
        for region in ("", "far-"):
            begun = loop.time()
            name = f"{region}next"
            assert (await g.send(PushToken(1, name), note(name), timeout=20.0)).ok, "the next send failed"
            # Enough for a login, a refused access token and the pause after a failed login, but not for a timeout.
            assert loop.time() - begun <= 5 * self.scene.latency + 1.1, f"it took {loop.time() - begun} s"
        self.server.peak = 0
        names = [f"{region}after{number}" for region in ("", "far-") for number in range(2 * CONNECTIONS)]
        after = [g.send(PushToken(1, name), note(name), coalesce=False) for name in names]
        assert all(outcome.ok for outcome in await asyncio.gather(*after)), "the next sends failed"
        assert self.server.peak == 2 * CONNECTIONS, "a connection was lost, or one too many given"


def run(call: str, scene: str, *, at: Sequence[tuple[int, str]] = (), k: int = 0) -> Run:
    """Do one run. The note on an exception says how to repeat it."""
    one = Run(call, scene)
    try:
        run_virtual(one.main(at, k))
    except BaseException as wrong:
        wrong.add_note(f"again: cancelling.run({call!r}, {scene!r}, at={list(at)!r}, k={k})")
        raise
    return one


def at_every_round(call: str, scene: str) -> int:
    """Cancel before round 1, 2, … until the call ends before it is cancelled. Returns the number of rounds."""
    when = 1
    while run(call, scene, at=[(when, "victim")]).reached:
        when += 1
    return when - 1


def at_every_suspension(call: str, scene: str) -> int:
    """Cancel at suspension 1, 2, … of the call until it has no more. Returns the number of suspensions."""
    k = 1
    while run(call, scene, k=k).reached:
        k += 1
    return k - 1


def in_pairs(call: str, scene: str, gaps: Sequence[int]) -> int:
    """Cancel in each round, and `gap` rounds later cancel the same call again or another one. Returns the number of
    first rounds.
    """
    when = 1
    while run(call, scene, at=[(when, "victim")]).reached:
        for gap in gaps:
            run(call, scene, at=[(when, "victim"), (when + gap, "other")])
            run(call, scene, at=[(when, "other"), (when + gap, "victim")])
            if gap:
                run(call, scene, at=[(when, "victim"), (when + gap, "victim")])
        when += 1
    return when - 1
