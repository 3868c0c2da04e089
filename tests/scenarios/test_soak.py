"""A gateway that works for long: memory, handles and every container inside it keep their size.

Mixed traffic with faults, against OPPO's sandbox in a process of its own, so that only the gateway is measured. A few
seconds in the everyday run; `tox -e soak -- 60` for an hour. Tokens are always new ones, so anything that is kept for
each token or push shows.
"""

import asyncio
import contextlib
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from container_sizes import containers

from pushgateway import Audience, Certificate, Gateway, Notification, Push, PushToken, Status
from pushgateway.engine.flow_control.retry import RetryPolicy

SERVER = """
import json, sys
from pushgateway.sandbox import Fault
from pushgateway.sandbox.serving.server import serve
from pushgateway_oppo.sandbox import OppoSandbox

sandbox = OppoSandbox(tokens=500, keep=False)
kinds = ("drop", "html", "cut", "empty", "shuffle", "omit", "twice", "text_data")
sandbox.faults.add(*[Fault(kind=kind, share=0.01, times=None) for kind in kinds])
sandbox.faults.add(*[Fault(kind="code", code=code, share=0.01, times=None) for code in ("-1", "-2", "11")])
sandbox.faults.add(Fault(kind="status", share=0.01, times=None), Fault(kind="expire", share=0.002, times=None))
sandbox.faults.add(Fault(kind="delay", seconds=0.4, share=0.01, times=None))
with serve(sandbox) as served:
    print(json.dumps([sandbox.settings(served.url), sandbox.tokens]), flush=True)
    sys.stdin.read()
"""
EVERYDAY = 4.0
"""Seconds of the everyday run."""
GROWTH = 3 * 1024 * 1024
"""Allowed difference in bytes between the middle and the last third of the run: the allocator's, not the gateway's."""
MOST = 200
"""Allowed entries of any container in an idle gateway with two certificates."""
CERTIFICATES = (7005, 7006)


@contextlib.contextmanager
def sandbox() -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Settings and tokens of a sandbox in another process."""
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            settings, tokens = json.loads(server.stdout.readline())
            yield settings, tokens
        finally:
            server.terminate()


def resident() -> int:
    """Memory of this process in bytes."""
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Traffic:
    """Sends of every kind until the time is up."""

    def __init__(self, gateway: Gateway, tokens: list[str], settings: dict[str, Any], until: float) -> None:
        self.gateway, self.tokens, self.settings, self.until = gateway, tokens, settings, until
        self.chance = random.Random(5)
        self.outcomes: Counter[Status] = Counter()
        self.memory: list[int] = []
        self.number = 0
        self.next_look = 0.0

    def push(self) -> Push:
        self.number += 1
        # Half of them go to phones that do not exist, each of them once.
        token = self.chance.choice(self.tokens) if self.chance.random() < 0.5 else f"CN_{self.number:032x}"
        note = Notification(f"title {self.number % 7}", f"body {self.number}")
        return Push(PushToken(self.chance.choice(CERTIFICATES), token), note, timeout=self.chance.choice((0.3, 1.0)))

    async def run(self) -> None:
        await asyncio.gather(*(self._work() for _ in range(3)))

    async def _work(self) -> None:
        acts = [self._singles] * 3 + [self._list, self._stream, self._broadcast, self._cancelled, self._reload]
        while (now := time.monotonic()) < self.until:
            await self.chance.choice(acts)()
            if now >= self.next_look:
                self.next_look = now + 0.2
                self.memory.append(resident())

    async def _singles(self) -> None:
        pushes = [self.push() for _ in range(self.chance.randrange(1, 40))]
        sends = (self.gateway.send(push.push_token, push.notification, timeout=push.timeout) for push in pushes)
        self.outcomes.update(outcome.status for outcome in await asyncio.gather(*sends))

    async def _list(self) -> None:
        pushes = [self.push() for _ in range(self.chance.randrange(300))]
        self.outcomes.update(outcome.status for outcome in await self.gateway.send_each(pushes))

    async def _stream(self) -> None:
        stream = self.gateway.stream(self._supply(), window=self.chance.choice((1, 50)))
        leaves = self.chance.randrange(400)
        async with contextlib.aclosing(stream):
            async for outcome in stream:
                self.outcomes[outcome.status] += 1
                if (leaves := leaves - 1) < 0:
                    break

    def _supply(self) -> Iterator[Push]:
        for _ in range(200):
            if time.monotonic() >= self.until:
                return
            yield self.push()

    async def _broadcast(self) -> None:
        audience = Audience.of_tokens(self.chance.sample(self.tokens, 5))
        note = Notification("title", f"body {self.chance.random()}")
        await self.gateway.broadcast(self.chance.choice(CERTIFICATES), note, audience, timeout=1.0)

    async def _cancelled(self) -> None:
        tasks = [asyncio.create_task(self._singles()), asyncio.create_task(self._list())]
        await asyncio.sleep(self.chance.random() * 0.03)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _reload(self) -> None:
        # Change the settings of the second certificate, and change them back.
        changed = {**self.settings, "batch_size": self.chance.choice((100, 1000))}
        if self.chance.random() < 0.1:
            self.gateway.reload([Certificate(7005, "oppo", self.settings), Certificate(7006, "oppo", changed)])


@pytest.mark.anyio
async def test_a_gateway_that_works_for_long_stays_as_it_is(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """After the warm-up neither memory nor handles nor any container grows, whatever goes wrong at the vendor."""
    minutes = request.config.getoption("--minutes")
    seconds = minutes * 60 or EVERYDAY
    with sandbox() as (settings, tokens):
        certificates = [Certificate(key, "oppo", settings) for key in CERTIFICATES]
        options: dict[str, Any] = {"request_timeout": 0.3, "retry": RetryPolicy(attempts=3, base=0.05), "trace": MOST}
        tasks, running, handles = asyncio.all_tasks(), threading.active_count(), len(os.listdir("/proc/self/fd"))
        async with Gateway(certificates, **options) as gateway:
            traffic = Traffic(gateway, tokens, settings, time.monotonic() + seconds)
            await traffic.run()
            # Withdrawn pushes stay in their queue until their turn: one more send of each certificate removes them.
            for key in CERTIFICATES * 2:
                await gateway.send(PushToken(key, tokens[0]), Notification("title", "last"), timeout=5.0)
            sizes, used = containers(gateway), len(os.listdir("/proc/self/fd"))

    third = len(traffic.memory) // 3
    grown = statistics.median(traffic.memory[-third:]) - statistics.median(traffic.memory[third : 2 * third])
    if minutes:
        with capsys.disabled():
            summary = ", ".join(f"{count:,} {status.value}" for status, count in traffic.outcomes.items())
            print(f"{minutes:g} minutes: {summary}; {grown / 1024:+.0f} KB, {used - handles} handles")  # noqa: T201
    assert traffic.outcomes[Status.ACCEPTED] > 100
    assert len(traffic.outcomes) >= 3, "the faults did not come"
    assert grown < GROWTH, f"memory grew by {grown / 1024:.0f} KB"
    assert used - handles <= 4 * 9, "handles are kept"
    assert any("_lanes" in path for path in sizes), sorted(sizes)
    assert {path: size for path, size in sizes.items() if size > MOST} == {}
    assert asyncio.all_tasks() == tasks
    assert threading.active_count() == running


def test_containers_of_any_depth_are_seen() -> None:
    """The search for containers works: it finds those of the certificates, lanes and access tokens."""
    gateway = Gateway([Certificate(7005, "oppo", {"app_key": "key", "master_secret": "secret"})])

    found = containers(gateway)

    assert found["Gateway._lanes._certificates"] == 1
    assert found["Gateway._lanes._certificates[].settings"] == 2
