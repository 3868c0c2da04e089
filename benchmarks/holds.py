"""How long the event loop is blocked while batches of 1,000 are built, sent and read.

A callback that runs again in every turn of the loop measures each turn, because that is how long other tasks have to
wait. A turn may contain several steps, of the gateway and of callers that get their outcomes; the longest step is shown
too. What counts is this thread's CPU time, because a shared machine takes the processor away for longer than any turn
lasts; wall time is shown beside it. Pauses of the garbage collector are timed by its own callbacks and shown apart,
because they grow with what the host keeps.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

import attrs
from common import CERTIFICATE_ID, SEED, Stopwatch, Table, Target, make_pushes, neighbour, options, report
from contenders import SendAll, multicast, opened, send_each, stream
from pushgateway_oppo.sandbox import OppoSandbox
from transports import MakeTransport, transports, usual

from pushgateway import Certificate, Gateway, Push

MOST, SHORT = 20.0, 0.5
"""Milliseconds: the limit of the longest turn; turns shorter than `SHORT` are not recorded."""
COMING = 250
"""Callers of `send` that start per turn. A host that starts thousands at once blocks its loop itself."""
LONG_TEXT = "长长的一段话👨‍👩‍👧‍👦，写给\u0001大家看。" * 40
"""Longer than every limit, with grapheme clusters that must not be split and a control character to be removed."""
LONG_DATA = {f"field-{number:02d}": '值"\\' * 16 for number in range(30)}
"""Close to OPPO's limit, and slow to quote."""


@attrs.frozen
class Turn:
    """One turn of the event loop; all times in milliseconds."""

    cpu: float
    wall: float
    collecting: float
    """Garbage collection, as a part of the CPU time."""
    step: float
    """CPU of its longest step, without the garbage collector."""

    @property
    def own(self) -> float:
        """CPU time without the garbage collector."""
        return self.cpu - self.collecting


class Probe:
    """Measures every turn of the running loop while it is entered."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self._loop = asyncio.get_running_loop()
        self._collecting = self._began = self._step = 0.0

    def __enter__(self) -> Self:
        gc.callbacks.append(self._collects)
        self._plain = plain = asyncio.Handle._run

        def run(handle: asyncio.Handle) -> None:
            collecting, began = self._collecting, time.thread_time()
            plain(handle)
            took = time.thread_time() - began - (self._collecting - collecting)
            self._step = max(self._step, took)

        asyncio.Handle._run = run  # type: ignore[method-assign, assignment]
        self._last = (time.thread_time(), time.perf_counter(), self._collecting)
        self._handle = self._loop.call_soon(self._turn)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.Handle._run = self._plain  # type: ignore[method-assign]
        self._handle.cancel()
        gc.callbacks.remove(self._collects)

    def _turn(self) -> None:
        now = (time.thread_time(), time.perf_counter(), self._collecting)
        cpu, wall, collecting = (1000 * (new - old) for new, old in zip(now, self._last, strict=True))
        if wall > SHORT:
            self.turns.append(Turn(cpu, wall, collecting, 1000 * self._step))
        self._last, self._step = now, 0.0
        self._handle = self._loop.call_soon(self._turn)

    def _collects(self, phase: str, _: Mapping[str, Any]) -> None:
        if phase == "start":
            self._began = time.thread_time()
        else:
            self._collecting += time.thread_time() - self._began


def long_pushes(pushes: Sequence[Push]) -> Iterator[Push]:
    """The same pushes with texts that must be cleaned and cut, and with data close to OPPO's limit."""
    for push in pushes:
        note = push.notification
        note = attrs.evolve(note, title=note.title + LONG_TEXT, body=note.body + LONG_TEXT, data=LONG_DATA)
        yield Push(push.push_token, note)


async def send_in_turns(gateway: Gateway, pushes: Sequence[Push]) -> None:
    """Single sends of callers that start one after the other, as in a server."""
    accepted = 0

    async def call(push: Push) -> None:
        nonlocal accepted
        outcome = await gateway.send(push.push_token, push.notification)
        accepted += outcome.ok

    async with asyncio.TaskGroup() as group:
        for place, push in enumerate(pushes):
            group.create_task(call(push))
            if place % COMING == COMING - 1:
                await asyncio.sleep(0)
    if accepted != len(pushes):
        raise RuntimeError(f"{accepted} of {len(pushes)} pushes were accepted")


async def send_each_long(gateway: Gateway, pushes: Sequence[Push]) -> None:
    """`send_each` with all pushes in one call. The texts are cut on purpose."""
    accepted = sum(outcome.ok and bool(outcome.truncated) for outcome in await gateway.send_each(pushes))
    if accepted != len(pushes):
        raise RuntimeError(f"{accepted} of {len(pushes)} pushes were accepted and cut")


def turns_of(send_all: SendAll, pushes: Sequence[Push], settings: Mapping[str, Any], make: MakeTransport) -> list[Turn]:
    """Every turn of a loop in which a warm gateway sends these pushes."""

    async def run() -> list[Turn]:
        async with opened([Certificate(CERTIFICATE_ID, "oppo", settings)], make) as gateway:
            await gateway.send_each(pushes[:1])
            emitter = Stopwatch()
            with Probe() as probe:
                await send_all(gateway, pushes)
            emitter.read(len(pushes))
        return probe.turns

    return asyncio.run(run())


def measure(count: int, rounds: int) -> dict[str, list[list[Turn]]]:
    """Let the contenders take turns."""
    tokens = OppoSandbox(tokens=count, seed=SEED).tokens
    ordinary = list(make_pushes(tokens, count))
    long = list(long_pushes(ordinary))
    cases: Mapping[str, tuple[SendAll, Sequence[Push]]] = {
        "send, coalesced": (send_in_turns, ordinary),
        "send_each": (send_each, ordinary),
        "stream": (stream, ordinary),
        "multicast": (multicast, ordinary),
        "send_each, long texts and data": (send_each_long, long),
    }
    found: dict[str, list[list[Turn]]] = {}
    with neighbour(count) as settings:
        for _ in range(rounds):
            for name, (send_all, pushes) in cases.items():
                found.setdefault(name, []).append(turns_of(send_all, pushes, settings, transports()[usual()]))
    return found


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=20_000, rounds=3)
    rows: list[tuple[str | float, ...]] = []
    targets: list[Target] = []
    for name, found in measure(given.count, given.rounds).items():
        longest = _median(found, lambda turns: max(turn.own for turn in turns))
        row = [
            longest,
            _median(found, p99),
            _median(found, lambda turns: max(turn.step for turn in turns)),
            _median(found, lambda turns: max(turn.collecting for turn in turns)),
            _median(found, lambda turns: max(turn.cpu for turn in turns)),
            _median(found, lambda turns: max(turn.wall for turn in turns)),
        ]
        rows.append((name, *row))
        targets.append(Target(f"ms of CPU of the longest turn of {name}, at most", longest, MOST))
    heads = (
        "ms",
        "longest turn",
        "p99 of turns",
        "longest step",
        "longest GC",
        "turn with GC",
        "the same on the clock",
    )
    return report([Table("holds", heads, rows)], targets, as_json=given.as_json)


def p99(turns: Sequence[Turn]) -> float:
    """The 99th percentile of turn lengths, weighted by time: at a random moment of work, the current turn is at
    most this long in 99 of 100 cases.
    """
    ordered = sorted(turn.own for turn in turns)
    left = 0.99 * sum(ordered)
    for one in ordered:
        left -= one
        if left <= 0:
            return one
    return ordered[-1]


def _median(found: Sequence[list[Turn]], take: Callable[[list[Turn]], float]) -> float:
    return statistics.median(take(turns) for turns in found)


if __name__ == "__main__":
    sys.exit(main())
