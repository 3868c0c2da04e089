"""How much memory a push takes while it waits for a vendor that does not answer.

Every byte that Python allocates is counted (tracemalloc), so the result does not depend on the machine. Push tokens and
notifications exist before the measurement: they are the host's. A caller of `send` is a task of the host. What such a
task takes when it waits for a bare future is measured too and subtracted; the rest is the gateway's.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import sys
import tracemalloc
from collections.abc import Awaitable, Callable, Sequence

from common import CERTIFICATE_ID, SEED, Table, Target, make_pushes, options, report
from contenders import TIMEOUT
from near import Hanging
from pushgateway_oppo.sandbox import OppoSandbox
from stub import settings

from pushgateway import Certificate, Gateway, Push

MOST = 2048.0
"""Bytes of the gateway for each push."""
Wait = Callable[[], Awaitable[object]]


def per_push(begin: Callable[[Gateway], Sequence[Wait]], count: int) -> float:
    """Bytes for each of `count` pushes while the callers that `begin` returns are waiting."""

    async def run() -> float:
        certificate = Certificate(CERTIFICATE_ID, "oppo", settings(1))
        async with Gateway([certificate], transport=Hanging(), timeout=TIMEOUT, request_timeout=TIMEOUT) as gateway:
            check = await gateway.check(CERTIFICATE_ID)  # logs in
            callers = begin(gateway)
            gc.collect()
            tracemalloc.start()
            tasks = [asyncio.create_task(_one(caller)) for caller in callers]
            for _ in range(count // 1000 + 20):  # `send_each` takes in 1,000 pushes per turn
                await asyncio.sleep(0)
            gc.collect()
            taken = tracemalloc.get_traced_memory()[0]
            tracemalloc.stop()
            if not check.ok or any(task.done() for task in tasks):
                raise RuntimeError("a push does not wait")
            await gateway.aclose(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return taken / count

    return asyncio.run(run())


async def _one(wait: Wait) -> None:
    await wait()


async def _bare() -> None:
    await asyncio.get_running_loop().create_future()


def main() -> int:
    """Measure and report; 1 when a target is missed."""
    given = options(__doc__ or "", count=100_000, rounds=1)
    pushes = list(make_pushes(OppoSandbox(tokens=given.count, seed=SEED).tokens, given.count))
    ways: dict[str, Callable[[Gateway], Sequence[Wait]]] = {
        "send, with the caller's task": lambda gateway: [_sending(gateway, push) for push in pushes],
        "apart: a task that waits for a bare future": lambda _: [_bare for _ in pushes],
        "send_each": lambda gateway: [lambda: gateway.send_each(pushes)],
    }
    bytes_of = {
        way: statistics.median(per_push(begin, given.count) for _ in range(given.rounds)) for way, begin in ways.items()
    }
    whole, bare, each = bytes_of.values()
    rows = [("send, without the caller's task", given.count, whole - bare)]
    rows += [(way, given.count, found) for way, found in bytes_of.items()]
    targets = [
        Target("bytes of the gateway for a waiting send, at most", whole - bare, MOST),
        Target("bytes of the gateway for a waiting push of send_each, at most", each, MOST),
    ]
    return report([Table("waiting", ("what waits", "pushes", "bytes/push"), rows)], targets, as_json=given.as_json)


def _sending(gateway: Gateway, push: Push) -> Wait:
    return lambda: gateway.send(push.push_token, push.notification)


if __name__ == "__main__":
    sys.exit(main())
