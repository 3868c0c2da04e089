"""Mutational fuzzing of every parser: generated inputs, and checks of what each parser makes of them.

An input depends only on the name of its target and its number, so a failing input can be generated again in any process
on any machine. A target is a function of a seeded `random.Random`: it generates one input, has it parsed, and asserts.
The expected result comes from an independent implementation in the target's file, never from the code under test.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

Target = Callable[[random.Random], None]

TOO_LONG = 2.0
"""CPU seconds allowed for one input. The largest inputs are about 200 KB; usual ones take microseconds."""
SHARD = 20_000
"""Number of inputs that a process takes at a time."""


class FailingInput(AssertionError):
    """An input that was parsed wrongly. The text says how to generate it again."""


def targets() -> dict[str, Target]:
    """Every target by name."""
    from fuzzing import calls, command_words, files, pages, receipts, replies, sandboxes, texts

    modules = (replies, texts, files, command_words, sandboxes, pages, calls, receipts)
    return {name: target for module in modules for name, target in module.TARGETS.items()}


def run_one(name: str, target: Target, number: int, chance: random.Random | None = None) -> None:
    """Run one input. Raises `FailingInput` if an assertion fails, or if it takes too long."""
    chance = chance or random.Random()
    seed = number * 1_000_003 + sum(name.encode())
    chance.seed(seed)
    begun = time.perf_counter()
    try:
        target(chance)
    except Exception as wrong:
        raise FailingInput(_sentence(name, number, f"{type(wrong).__name__}: {wrong}")) from wrong
    if time.perf_counter() - begun <= TOO_LONG:
        return
    # Perhaps the machine was busy: repeat and measure CPU time, which is too slow to read for each input.
    chance.seed(seed)
    begun = time.thread_time()
    target(chance)
    if (took := time.thread_time() - begun) > TOO_LONG:
        raise FailingInput(_sentence(name, number, f"it took {took:.1f} s"))


def run_range(name: str, numbers: Iterable[int]) -> float:
    """Run inputs of one target by number. Returns the CPU seconds that they took."""
    target, chance = targets()[name], random.Random()
    begun = time.process_time()
    for number in numbers:
        run_one(name, target, number, chance)
    return time.process_time() - begun


def run_many(name: str, count: int, processes: int | None = None) -> float:
    """Run the first `count` inputs of one target, in several processes if there are many. Returns CPU seconds."""
    if count <= SHARD:
        return run_range(name, range(count))
    # Spawned, not forked: a child of the test process would inherit its threads' locks.
    with ProcessPoolExecutor(processes or os.cpu_count(), get_context("spawn")) as pool:
        shards = [range(start, min(start + SHARD, count)) for start in range(0, count, SHARD)]
        return sum(pool.map(run_range, [name] * len(shards), shards))


def _sentence(name: str, number: int, what: str) -> str:
    return f"{name}, input {number}: {what[:600]}\nagain: pytest tests/scenarios/test_fuzz.py --input {name}:{number}"
