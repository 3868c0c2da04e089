"""Nothing is left over: after ten thousand sends over a real loopback, after the close, and without a close.

Real sockets, the default transport, OPPO's sandbox served in a thread. What a process has open is read from
`/proc/self/fd`, `threading` and `asyncio`, before and after.
"""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Certificate, Gateway, Notification, Push, PushToken, Status
from pushgateway.sandbox import Fault
from pushgateway.sandbox.serving.server import serve

SENDS = 10_000
SECONDS = 60
"""A limit far above what such a process takes."""


def handles() -> Counter[str]:
    """Number of open file descriptors of this process, by kind: sockets, pipes, files."""
    found: Counter[str] = Counter()
    for handle in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found[os.readlink(f"/proc/self/fd/{handle}").split(":")[0].split("/")[0]] += 1
    return found


def threads() -> set[str]:
    """The names of the running threads."""
    return {thread.name for thread in threading.enumerate()}


async def settled(before: Counter[str]) -> bool:
    """Whether within a few thousand rounds no more is open than before. The other side closes a moment later."""
    for _ in range(20_000):
        if not handles() - before:
            return True
        await asyncio.sleep(0)
    return False


def gateway(sandbox: OppoSandbox, url: str) -> Gateway:
    return Gateway([Certificate(7005, "oppo", sandbox.settings(url))])


@pytest.mark.anyio
async def test_ten_thousand_sends_leave_nothing() -> None:
    """`send`, `send_each` and `stream`, with faults: the same tasks and threads as before, and after the close the
    same sockets.
    """
    sandbox = OppoSandbox(tokens=200, keep=False)
    note = Notification("title", "body")
    with serve(sandbox) as served:
        before, running, tasks = handles(), threads(), asyncio.all_tasks()
        g = gateway(sandbox, served.url)
        assert (await g.check(7005)).ok
        open_before = handles()
        sandbox.faults.add(*[Fault(kind=kind, after=after) for kind in ("drop", "html", "cut") for after in (2, 9, 40)])
        sandbox.faults.add(Fault(kind="expire", after=20), Fault(kind="code", code="-1", after=5))
        pushes = [Push(PushToken(7005, sandbox.tokens[number % 200]), note) for number in range(SENDS)]
        alone = [g.send(push.push_token, note, coalesce=False) for push in pushes[:200]]
        outcomes = await asyncio.gather(*alone)
        outcomes += await asyncio.gather(*(g.send(push.push_token, note) for push in pushes[200:5000]))
        outcomes += await g.send_each(pushes[5000:8000])
        outcomes += [outcome async for outcome in g.stream(pushes[8000:])]

        assert len(outcomes) == SENDS
        assert sum(outcome.status is Status.ACCEPTED for outcome in outcomes) >= SENDS - 3000
        assert asyncio.all_tasks() == tasks
        assert threads() == running
        # Both sides keep a connection for each worker; one more may belong to a pool that is being closed.
        assert (handles() - open_before)["socket"] <= 2 * 9
        await g.aclose()
        assert asyncio.all_tasks() == tasks
        assert threads() == running
        assert await settled(before)


SLOW = re.compile(r"Executing <.* took [0-9.]+ seconds")
"""A message of asyncio's development mode that depends on the speed of the machine."""
SETUP = """
import asyncio, gc, os, sys, threading
from pushgateway_oppo.sandbox import OppoSandbox
from pushgateway import Certificate, Gateway, LoopError, Notification, Push, PushToken
from pushgateway.sandbox.serving.server import serve

sandbox = OppoSandbox(tokens=50, keep=False)
note = Notification("title", "body")

def make(url):
    return Gateway([Certificate(7005, "oppo", sandbox.settings(url))])

def pushes(count):
    return [Push(PushToken(7005, sandbox.tokens[number % 50]), note) for number in range(count)]

async def use(g, count=50):
    assert all(outcome.ok for outcome in await g.send_each(pushes(count)))

with serve(sandbox) as served:
"""
DROPPED = """
    async def main():
        await use(make(served.url))
    asyncio.run(main())
    gc.collect()
"""
IN_THE_MIDDLE = """
    from pushgateway.sandbox import Fault
    async def main():
        g = make(served.url)
        await use(g)
        sandbox.faults.add(Fault(kind="delay", seconds=0.5, times=None))
        asyncio.get_running_loop().create_task(g.send(PushToken(7005, sandbox.tokens[0]), note))
        g.stream(pushes(100)).__anext__().close()
        for _ in range(20):
            await asyncio.sleep(0)
    asyncio.run(main())
    gc.collect()
"""
INTERRUPTED = """
    import signal
    from pushgateway.sandbox import Fault
    async def main():
        g = make(served.url)
        await use(g)
        sandbox.faults.add(Fault(kind="delay", seconds=0.5, times=None))
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
        await g.send(PushToken(7005, sandbox.tokens[0]), note)
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
    gc.collect()
"""
SECOND_LOOP = """
    g = make(served.url)
    asyncio.run(use(g))
    try:
        asyncio.run(use(g))
    except LoopError as refused:
        assert "another event loop" in str(refused)
    else:
        raise SystemExit("a second loop was let in")
    asyncio.run(use(make(served.url)))
    gc.collect()
"""
FORKED = """
    async def main():
        async with make(served.url) as g:
            await use(g)
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    await use(g)
                except LoopError as refused:
                    code = 0 if "fork" in str(refused) else 2
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            await use(g)
    asyncio.run(main())
"""
CLOSED = """
    async def main():
        async with make(served.url) as g:
            await use(g, 2000)
    for _ in range(3):
        asyncio.run(main())
    gc.collect()
    assert threading.active_count() == 2, threading.enumerate()
"""


@pytest.mark.parametrize(
    "program",
    [DROPPED, IN_THE_MIDDLE, INTERRUPTED, SECOND_LOOP, FORKED, CLOSED],
    ids=["dropped", "dropped in the middle", "interrupted", "second loop", "forked", "closed"],
)
def test_a_process_ends_without_a_word(program: str, tmp_path: Path) -> None:
    """In Python's development mode with every warning an error: whether closed or not, a process prints nothing to
    stderr.
    """
    # That a fork beside threads is a risk, as Python says from 3.12 on, is what one of these is about.
    options = ["-X", "dev", "-W", "error", "-W", "ignore:This process:DeprecationWarning"]
    command = [sys.executable, *options, "-c", SETUP + program]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False, cwd=tmp_path)

    printed = [line for line in ended.stderr.splitlines() if not SLOW.fullmatch(line)]
    assert (ended.returncode, printed, ended.stdout) == (0, [], "")
