"""A process that sends to the devices of one user, over and over, and notes when its requests leave.

`python devices_sender.py <JSON>` with `database`, `settings` (of an OPPO certificate) and `user`. Prints "ready" when
it has sent once, sends until its input ends, and prints a JSON object: for each token the time (`time.monotonic`, the
same clock in all processes of a machine) at which its last request left, and how many pushes ended in which way.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from typing import Any
from urllib.parse import unquote_plus

from pushgateway import Certificate, Gateway, HttpTransport, Notification, Push
from pushgateway.devices import Devices
from pushgateway.transport.pool import Sending
from pushgateway.vendor import Request, Response


class Slow(HttpTransport):
    """A transport whose connections often take longer than an answer of the database counts."""

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        """See `Transport.send`."""
        await asyncio.sleep(random.choice([0, 0.1, 0.24, 0.3]))
        return await super().send(request, pool=pool, timeout=timeout)


async def main(given: dict[str, Any]) -> dict[str, Any]:
    """Send until the input ends."""
    left: dict[str, float] = {}
    ends: Counter[str] = Counter()
    write_to = Sending.write_to

    def noted(sending: Sending, connection: Any) -> None:
        now, text = time.monotonic(), unquote_plus(sending._content.decode())
        left.update((token, now) for token in tokens if token in text)
        write_to(sending, connection)

    Sending.write_to = noted  # type: ignore[method-assign]
    certificate = Certificate(7005, "oppo", given["settings"], connections=2)
    transport = Slow()
    async with (
        Devices(given["database"]) as devices,
        Gateway([certificate], devices=devices, transport=transport) as gateway,
    ):
        bindings = (await devices.of_users([given["user"]]))[given["user"]]
        tokens = [one.push_token.token for one in bindings]
        is_over = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        count = 0
        while not is_over.done():
            count += 1
            note = Notification("title", f"number {count}")
            outcomes = await gateway.send_each(Push(one.push_token, note, owner=one.owner) for one in bindings)
            if count == 1:
                print("ready", flush=True)  # noqa: T201
            ends.update(outcome.reason.value if outcome.reason else "accepted" for outcome in outcomes)
            await asyncio.sleep(0)
        await transport.aclose()
    return {"left": left, "ends": ends}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(json.loads(sys.argv[1])))))  # noqa: T201
