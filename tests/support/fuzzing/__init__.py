"""Mutational fuzzing of every parser: made inputs, and what must be true of each reading.

Law of this file: an input is made from the name of its target and its number, by nothing else, so that a failing one is
made again in another process, on another machine, on another day. A target is a function of a seeded random: it makes
one input, has it read, and asserts. What "right" means each target says by an oracle of its own, never by the code that
it looks at.
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
"""CPU seconds for one input; the largest are some 200 KB, and the usual ones take microseconds."""
SHARD = 20_000
"""Inputs that a process takes at a time."""


class FailingInput(AssertionError):
    """An input that was read wrongly; the text says how to make it again."""


def targets() -> dict[str, Target]:
    """Every parser by name."""
    from fuzzing import calls, command_words, files, receipts, replies, sandboxes, texts

    modules = (replies, texts, files, command_words, sandboxes, calls, receipts)
    return {name: target for module in modules for name, target in module.TARGETS.items()}


def run_one(name: str, target: Target, number: int, chance: random.Random | None = None) -> None:
    """One input. Raises `FailingInput` for whatever was wrong with its reading, time included."""
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
    # Perhaps the machine was busy: once more, by the processor's clock, which is too dear to be asked for each input.
    chance.seed(seed)
    begun = time.thread_time()
    target(chance)
    if (took := time.thread_time() - begun) > TOO_LONG:
        raise FailingInput(_sentence(name, number, f"it took {took:.1f} s"))


def run_range(name: str, numbers: Iterable[int]) -> float:
    """Inputs of one target by number; the CPU seconds they took."""
    target, chance = targets()[name], random.Random()
    begun = time.process_time()
    for number in numbers:
        run_one(name, target, number, chance)
    return time.process_time() - begun


def run_many(name: str, count: int, processes: int | None = None) -> float:
    """The first `count` inputs of one target, in several processes when they are many; CPU seconds in all."""
    if count <= SHARD:
        return run_range(name, range(count))
    # Spawned, not forked: a child of the test process would inherit its threads' locks.
    with ProcessPoolExecutor(processes or os.cpu_count(), get_context("spawn")) as pool:
        shards = [range(start, min(start + SHARD, count)) for start in range(0, count, SHARD)]
        return sum(pool.map(run_range, [name] * len(shards), shards))


def _sentence(name: str, number: int, what: str) -> str:
    return f"{name}, input {number}: {what[:600]}\nagain: pytest tests/scenarios/test_fuzz.py --input {name}:{number}"
