"""Starts and kills the processes, and compares at the end what they promised with what the sandboxes have done."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from multiprocessing.process import BaseProcess
from pathlib import Path

import attrs

from kills.process import UNKNOWN, Plan, Role, run
from pushgateway.sandbox.find import find_sandbox
from pushgateway.sandbox.kit.base import Sandbox
from pushgateway.sandbox.kit.faults import Fault
from pushgateway.sandbox.serving.server import serve

BRANDS = {"oppo": "the vendor", "xiaomi": "the phone", "meizu": "", "honor": ""}
"""Brand -> who drops a repeat, if anybody does."""
TOKENS = 3000
LONGEST = 120.0
"""Seconds that the last worker may take to empty the outbox."""

Key = tuple[str, str, str]


@attrs.define
class Report:
    """What was found."""

    kills: int = 0
    put: int = 0
    """Pushes whose `put` has returned."""
    delivered: int = 0
    results: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    """By brand and status."""
    twice: Counter[str] = attrs.field(factory=Counter)
    """By brand: pushes that were delivered more than once."""
    broken: list[str] = attrs.field(factory=list)
    """Promises that were not kept, one sentence each."""


def play(folder: Path, kills: int, seed: int = 0, url: str = "") -> Report:
    """Kill so many processes, let the rest be sent, and judge. `url`: of the store; "": a file in the folder."""
    rng = random.Random(seed)
    sandboxes = {brand: _sandbox(brand) for brand in BRANDS}
    with ExitStack() as stack:
        settings = {
            brand: sandbox.settings(stack.enter_context(serve(sandbox, post_receipts=False)).url)
            for brand, sandbox in sandboxes.items()
        }
        tokens = {brand: list(sandbox.tokens) for brand, sandbox in sandboxes.items()}
        plan = Plan(folder, settings, tokens, url)
        _kill(plan, kills, rng)
        left = _finish(plan, rng)
    return _judge(folder, sandboxes, kills, left)


def _sandbox(brand: str) -> Sandbox:
    made = find_sandbox(brand)(tokens=TOKENS)
    made.faults.add(Fault(kind="delay", seconds=0.05, share=0.3, times=None))
    # The push is performed and the reply is lost: the sender does not know.
    made.faults.add(Fault(kind="drop", share=0.03, times=None, performed=True))
    return made


def _context() -> multiprocessing.context.ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["kills.process"])
    return context


def _start(plan: Plan, role: Role, rng: random.Random) -> BaseProcess:
    process = _context().Process(target=run, args=(plan, role, rng.getrandbits(32)))
    process.start()
    return process


def _kill(plan: Plan, kills: int, rng: random.Random) -> None:
    """Keep a service and a worker running, and kill one of them at each of so many random moments."""
    roles: tuple[Role, Role] = ("service", "worker")
    running = {role: _start(plan, role, rng) for role in roles}
    pause = threading.Event()
    try:
        for _ in range(kills):
            pause.wait(rng.uniform(0.02, 0.7))
            role = rng.choice(roles)
            _end(running[role])
            running[role] = _start(plan, role, rng)
        pause.wait(1.0)
    finally:
        for process in running.values():
            _end(process)


def _end(process: BaseProcess) -> None:
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    process.close()


def _finish(plan: Plan, rng: random.Random) -> bool:
    """Let a last worker empty the outbox. False: it did not in time."""
    last = _start(plan, "last", rng)
    last.join(LONGEST)
    if last.exitcode != 0:
        last.kill()
        last.join()
        return False
    return True


def _judge(folder: Path, sandboxes: dict[str, Sandbox], kills: int, is_empty: bool) -> Report:
    put = {_key(one) for call in read_lines(folder / "put", kills) for one in call}
    results: dict[Key, set[str]] = {}
    for call in read_lines(folder / "results", kills):
        for *name, status in call:
            results.setdefault(_key(name), set()).add(status)
    delivered = Counter(
        (brand, one.title, one.token) for brand, box in sandboxes.items() for one in box.ledger.deliveries
    )
    report = Report(kills=kills, put=len(put), delivered=len(delivered))
    for (brand, _, _), statuses in results.items():
        report.results.update((brand, status) for status in statuses)
    report.twice.update(brand for (brand, _, _), times in delivered.items() if times > 1)
    if not is_empty:
        report.broken.append(f"the outbox was not empty after {LONGEST:.0f} seconds")
    for key in put:
        report.broken += _faults(key[0], results.get(key, set()), delivered[key])
    for key in delivered.keys() - put:  # put, but killed before it was written down
        report.broken += _faults(key[0], results.get(key, set()), delivered[key])
    return report


def _faults(brand: str, statuses: set[str], times: int) -> Iterator[str]:
    """What is wrong with a push that has these results and was delivered so many times."""
    gives_up = UNKNOWN.get(brand) == "give_up"
    if not statuses:
        yield f"{brand}: has no result"
    if len(statuses) > 1:
        yield f"{brand}: has different results: {', '.join(sorted(statuses))}"
    if not times and "accepted" in statuses:
        yield f"{brand}: accepted, and was not delivered"
    if not times and statuses == {"unknown"} and not gives_up:
        yield f"{brand}: lost"
    if times > 1 and (BRANDS[brand] or gives_up):
        yield f"{brand}: delivered {times} times"


def _key(name: list[str]) -> Key:
    brand, title, token = name
    return brand, title, token


def read_lines(path: Path, kills: int) -> Iterator[list[list[str]]]:
    """What processes have written to a file. A line that a kill has cut short is left out: its process had not gone on.
    Raises `ValueError` if more are incomplete than processes were killed: at each kill one, and two at the end."""
    if not path.exists():
        return
    torn = 0
    for line in filter(None, path.read_text(encoding="utf-8").split("\n")):
        try:
            yield json.loads(line)
        except ValueError:
            torn += 1
            if torn > kills + 2:
                raise
