"""Real processes that send to the same devices while these are unbound one by one: nothing leaves afterwards."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import PushToken
from pushgateway.devices import Devices
from pushgateway.sandbox.serving.server import serve

SENDER = Path(__file__).resolve().parent / "devices_sender.py"
PHONES = 6
BETWEEN = 0.2
"""Seconds between two unbindings."""


def start_sender(given: str) -> subprocess.Popen[str]:
    """A process of `devices_sender`."""
    command = [sys.executable, str(SENDER), given]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def unbind_while_sending(database: str, processes: int) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """When each token's binding had been ended (`time.monotonic`), by `unbind` or by another user's `bind`; and what
    each process noted."""
    oppo = OppoSandbox(tokens=PHONES)
    with serve(oppo) as served:
        given = json.dumps({"database": database, "settings": oppo.settings(served.url), "user": "ann"})
        running: list[subprocess.Popen[str]] = []

        async def scene() -> dict[str, float]:
            ended: dict[str, float] = {}
            async with Devices(database) as devices:
                for number, token in enumerate(oppo.tokens):
                    await devices.bind("ann", f"d{number}", PushToken(7005, token))
                running.extend(start_sender(given) for _ in range(processes))
                for one in running:
                    assert one.stdout is not None
                    assert await asyncio.to_thread(one.stdout.readline) == "ready\n"
                for number, token in enumerate(oppo.tokens):
                    await asyncio.sleep(BETWEEN)
                    if number % 2:
                        await devices.unbind("ann", f"d{number}")
                    else:
                        await devices.bind("bob", f"d{number}", PushToken(7005, token))
                    ended[token] = time.monotonic()
                await asyncio.sleep(BETWEEN)
            return ended

        try:
            ended = asyncio.run(scene())
            return ended, [json.loads(one.communicate(timeout=30)[0]) for one in running]
        finally:
            for one in running:
                one.kill()
                one.communicate()


def assert_nothing_left_afterwards(database: str, processes: int) -> None:
    """Of every process, and for every phone: it was sent to before, and not once its binding had been ended."""
    ended, noted = unbind_while_sending(database, processes)

    for one in noted:
        assert one["left"].keys() == ended.keys()
        assert {token: left for token, left in one["left"].items() if left >= ended[token]} == {}
        assert one["ends"]["unbound"] > 0
        assert one["ends"].keys() <= {"accepted", "unbound"}
