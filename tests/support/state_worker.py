"""One process with a gateway on a shared state, for the tests with several of them: commands come on stdin.

    python state_worker.py '{"settings": {…}, "state": "redis://…", "pushes_per_second": 100}'

Each command is a line of JSON and has a line of JSON as its answer, in order. `send`: so many pushes at once;
`flow`: pushes one by one at a rate, for so many seconds; `receipt`: a posted body; `confirm`: send pushes and wait for
their receipts; `end`: close the gateway.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from pushgateway import Certificate, Gateway, Notification, Outcome, Push, PushToken
from pushgateway.observe.events import Event, LoginDone, SharedStateChanged
from pushgateway.receipts import Confirming

NOTE = Notification("title", "body")


class Worker:
    """What one process does."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.logins: list[float] = []
        self.changes: list[bool] = []
        certificate = Certificate(
            7005,
            "oppo",
            given["settings"],
            pushes_per_second=given.get("pushes_per_second"),
            receipt_url="https://im.example.com/push",
            receipt_secret="a secret for receipts only",
        )
        self.gateway = Gateway([certificate], state=given["state"], observer=self.observe, timeout=60.0)

    def observe(self, event: Event) -> None:
        """Note logins and changes of the store."""
        if isinstance(event, LoginDone):
            self.logins.append(time.time())
        elif isinstance(event, SharedStateChanged):
            self.changes.append(event.available)

    async def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command."""
        match command["do"]:
            case "send":
                pushes = [Push(PushToken(7005, token), NOTE) for token in command["tokens"]]
                return summed(await self.gateway.send_each(pushes))
            case "flow":
                return await self.flow(command["tokens"], command["rate"], command["seconds"])
            case "confirm":
                outcomes = await self.gateway.send_each(
                    [Push(PushToken(7005, token), NOTE) for token in command["tokens"]]
                )
                found = await Confirming(self.gateway).confirm(outcomes, within=command["within"])
                return {"arrived": [one.token for one in found.arrived], "unconfirmed": len(found.unconfirmed)}
            case "receipt":
                taken = await self.gateway.take_receipts(7005, {}, command["body"].encode())
                await self.gateway.settle_receipts(taken.receipts, taken=True)
                return {"fresh": len(taken.receipts), "duplicates": taken.duplicates, "elsewhere": taken.elsewhere}
            case "learned":
                return {"logins": self.logins, "changes": self.changes}
        await self.gateway.aclose(grace=0.5)
        return {}

    async def flow(self, tokens: list[str], rate: float, seconds: float) -> dict[str, Any]:
        """Single pushes at even intervals, whatever becomes of those before; each with the seconds that it took."""
        begun, sent, took = time.monotonic(), [], list[float]()

        async def send(token: str) -> Outcome:
            handed_in = time.monotonic()
            outcome = await self.gateway.send(PushToken(7005, token), NOTE)
            took.append(time.monotonic() - handed_in)
            return outcome

        for number in range(round(rate * seconds)):
            await asyncio.sleep(begun + number / rate - time.monotonic())
            sent.append(asyncio.ensure_future(send(tokens[number % len(tokens)])))
        outcomes = await asyncio.gather(*sent)
        return {**summed(outcomes), "slowest": max(took, default=0.0)}


def summed(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """How many outcomes of each kind."""
    kinds = Counter("ok" if outcome.ok else f"{outcome.status.value} {outcome.reason}" for outcome in outcomes)
    return {"ok": kinds.pop("ok", 0), "others": dict(kinds)}


async def main(given: dict[str, Any]) -> None:
    """Answer commands until `end`."""
    worker = Worker(given)
    command: dict[str, Any] = {}
    while command.get("do") != "end":
        line = await asyncio.to_thread(sys.stdin.readline)
        command = json.loads(line or '{"do": "end"}')
        sys.stdout.write(json.dumps(await worker.answer(command)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
