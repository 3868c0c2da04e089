"""Counts the Python calls of one operation of a warm gateway, and the files that they are in.

A profiler (`sys.setprofile`) counts each call of a Python function from the call of the operation until the event loop
is quiet again; resuming a generator or a coroutine counts as a call, calls of functions written in C do not. Core,
plug-in, transport and everything else (asyncio, the standard library, other packages) are counted apart. The vendor is
`stub.py` in a second process. Counts hardly depend on the machine, so they can be compared between two commits.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import FrameType
from typing import Any, TypeAlias

import attrs
from common import CERTIFICATE_ID, SEED, Table, Target, make_pushes, neighbour, options, report
from contenders import opened
from pushgateway_oppo.sandbox import OppoSandbox
from transports import MakeTransport, transports

from pushgateway import Audience, BroadcastOutcome, Certificate, Gateway, Outcome, Push

MOST_CALLS, MOST_FILES = 120, 15
"""Limits of one warm send, core and plug-in together."""
QUIET = 0.05
"""Seconds before and after an operation. Well above `linger` (0.01), so what was held back has left by then."""
WARM = 3
"""Times that an operation is done before it is counted: afterwards connections, login and caches are there."""

Operation: TypeAlias = Callable[[Gateway, Sequence[Push]], Awaitable[Sequence[Outcome | BroadcastOutcome]]]
"""Does one operation with these pushes; returns its outcomes."""
Function: TypeAlias = tuple[str, str]
"""Module and qualified name."""


@attrs.frozen
class Case:
    """An operation to be counted."""

    operation: Operation
    is_single: bool = True
    """False: it takes `--count` pushes."""
    linger: float = 0.01
    """Seconds, the gateway's option of that name."""


class CallCounter:
    """While it is entered, counts the Python calls in this thread by module and function."""

    def __init__(self) -> None:
        self.counts: Counter[Function] = Counter()

    def __enter__(self) -> CallCounter:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        del self.counts[__name__, self.__exit__.__qualname__]

    def _note(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            # The module's name, not the file's: what attrs generates has no file, but the module of its class.
            self.counts[frame.f_globals.get("__name__", ""), frame.f_code.co_qualname] += 1


def part_of(module: str) -> str:
    """Which part of a push's path a module belongs to: `core`, `plug-in`, `transport` or `other`."""
    package, _, rest = module.partition(".")
    if package == "pushgateway":
        return "transport" if rest.partition(".")[0] == "transport" else "core"
    return "plug-in" if package.startswith("pushgateway_") else "other"


@attrs.frozen
class Count:
    """The calls of one operation; a part is one of those of `part_of`."""

    calls: Mapping[str, int]
    """By part."""
    files: Mapping[str, int]
    """By part: in so many modules."""
    functions: Mapping[Function, int]

    @classmethod
    def of(cls, functions: Mapping[Function, int]) -> Count:
        """Sums up what a `CallCounter` has counted."""
        calls: Counter[str] = Counter()
        for (module, _), number in functions.items():
            calls[part_of(module)] += number
        return cls(calls, Counter(map(part_of, {module for module, _ in functions})), functions)

    @property
    def own_calls(self) -> int:
        """Of core and plug-in."""
        return self.calls["core"] + self.calls["plug-in"]

    @property
    def own_files(self) -> int:
        """Of core and plug-in."""
        return self.files["core"] + self.files["plug-in"]


async def send(gateway: Gateway, pushes: Sequence[Push]) -> Sequence[Outcome]:
    """One send with the gateway's usual options."""
    return [await gateway.send(pushes[0].push_token, pushes[0].notification)]


async def send_alone(gateway: Gateway, pushes: Sequence[Push]) -> Sequence[Outcome]:
    """One send that shares its request with no other, by its own option."""
    return [await gateway.send(pushes[0].push_token, pushes[0].notification, coalesce=False)]


async def send_each(gateway: Gateway, pushes: Sequence[Push]) -> Sequence[Outcome]:
    """Different notifications in one call."""
    return await gateway.send_each(pushes)


async def multicast(gateway: Gateway, pushes: Sequence[Push]) -> Sequence[Outcome]:
    """One notification for many phones."""
    return await gateway.multicast([push.push_token for push in pushes], pushes[0].notification)


async def broadcast(gateway: Gateway, pushes: Sequence[Push]) -> Sequence[BroadcastOutcome]:
    """One notification for all phones of a certificate: it is saved, then broadcast."""
    return [await gateway.broadcast(CERTIFICATE_ID, pushes[0].notification, Audience.everyone())]


CASES = {
    "send": Case(send),
    "send, coalesce=False": Case(send_alone),
    "send, linger 0": Case(send, linger=0.0),
    "send_each": Case(send_each, is_single=False),
    "multicast": Case(multicast, is_single=False),
    "broadcast": Case(broadcast),
}


def count_calls(
    case: Case, pushes: Sequence[Push], settings: Mapping[str, Any], make: MakeTransport, rounds: int
) -> Count:
    """The round with the median number of calls of core and plug-in. Raises `RuntimeError` unless all is accepted."""

    async def once(gateway: Gateway) -> Count:
        with CallCounter() as counter:
            outcomes = await case.operation(gateway, pushes)
            await asyncio.sleep(QUIET)
        if not all(outcome.ok for outcome in outcomes):
            raise RuntimeError("not everything was accepted")
        return Count.of(counter.counts)

    async def run() -> list[Count]:
        certificate = Certificate(CERTIFICATE_ID, "oppo", settings)
        async with opened([certificate], make, linger=case.linger) as gateway:
            for _ in range(WARM):
                await case.operation(gateway, pushes)
                await asyncio.sleep(QUIET)
            return [await once(gateway) for _ in range(rounds)]

    counts = asyncio.run(run())
    middle = statistics.median_low(count.own_calls for count in counts)
    return next(count for count in counts if count.own_calls == middle)


def measure(count: int, rounds: int) -> dict[str, dict[str, Count]]:
    """The counts of each case with each transport."""
    pushes = list(make_pushes(OppoSandbox(tokens=count, seed=SEED).tokens, count))
    with neighbour(count) as settings:
        return {
            name: {
                transport: count_calls(case, pushes[:1] if case.is_single else pushes, settings, make, rounds)
                for transport, make in transports().items()
            }
            for name, case in CASES.items()
        }


def tables(counts: Mapping[str, Mapping[str, Count]], count: int, listed: str | None) -> list[Table]:
    """The counts of all cases; with `listed`, also each function of that case that is ours."""
    heads = ("what", "pushes", "core", "plug-in", "core + plug-in", "per push", "files", "transport", "other")
    rows: list[tuple[str | int | float, ...]] = []
    for name, of_case in counts.items():
        size = 1 if CASES[name].is_single else count
        for transport, found in of_case.items():
            calls = found.calls
            own = (calls["core"], calls["plug-in"], found.own_calls, found.own_calls / size, found.own_files)
            rows.append((f"{name} ({transport} transport)", size, *own, calls["transport"], calls["other"]))
    result = [Table("calls", heads, rows)]
    if listed is not None:
        result += [_functions(f"{listed} ({transport})", found) for transport, found in counts[listed].items()]
    return result


def _functions(name: str, count: Count) -> Table:
    ours = sorted((module, function) for module, function in count.functions if part_of(module) != "other")
    rows = [(module, function, count.functions[module, function]) for module, function in ours]
    return Table(name, ("module", "function", "calls"), rows)


def targets(counts: Mapping[str, Mapping[str, Count]]) -> list[Target]:
    """What one warm send may take. The transport is not counted, so any will do: the first one."""
    found = next(iter(counts["send"].values()))
    return [
        Target("Python calls of one warm send, core and plug-in, at most", found.own_calls, MOST_CALLS),
        Target("files of one warm send, core and plug-in, at most", found.own_files, MOST_FILES),
    ]


def main() -> int:
    """Count and report; 1 when a target is missed."""

    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--functions", choices=CASES, help="also list each function of ours in this case")

    given = options(__doc__ or "", count=1_000, rounds=5, more=more)
    counts = measure(given.count, given.rounds)
    return report(tables(counts, given.count, given.functions), targets(counts), as_json=given.as_json)


if __name__ == "__main__":
    sys.exit(main())
