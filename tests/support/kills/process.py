"""One process that is going to be killed: it puts and sends, only sends, or empties the outbox and ends.

What it knows it writes to files beside the outbox: `put` gets what has been put after `Outbox.put` has returned,
`results` gets what the handler was given.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs

from pushgateway import Certificate, Gateway, Notification, Push, PushToken
from pushgateway.outbox import Outbox, Result, SQLiteStore, Worker
from pushgateway.outbox.settings import OutboxSettings
from pushgateway.outbox.verdicts import UnknownPolicy

Role = Literal["service", "worker", "last"]
OPTIONS: Mapping[str, Any] = {"timeout": 1.0, "lease": 3.0, "poll": 0.2, "most_lost": 50}
"""Of the workers: short leases, so that what a killed one held is soon sent again."""
UNKNOWN: Mapping[str, UnknownPolicy] = {"honor": "give_up"}
"""The policy of the brands that do not drop repeats; the others are sent again."""


@attrs.frozen
class Plan:
    """What all processes of one run share."""

    folder: Path
    settings: dict[str, dict[str, Any]]
    """By certificate id, which is the brand."""
    tokens: dict[str, Sequence[str]]
    url: str
    """Of the store; "": an SQLite file in the folder."""

    def outbox(self) -> Outbox:
        if self.url:
            return OutboxSettings(self.url, self.folder, {}).outbox()
        return Outbox(SQLiteStore(self.folder / "outbox.db", busy_timeout=30.0))


def run(plan: Plan, role: Role, seed: int) -> None:
    """The process. `last` ends when the outbox is empty; the others run until they are killed."""
    asyncio.run(_run(plan, role, random.Random(seed)))


async def _run(plan: Plan, role: Role, rng: random.Random) -> None:
    results = _Lines(plan.folder / "results")

    async def keep(found: Sequence[Result]) -> None:
        endings = [[*_name(one.outcome.push_token, one.outcome.context), one.outcome.status.value] for one in found]
        results.write(endings)

    certificates = [Certificate(brand, brand, settings) for brand, settings in plan.settings.items()]
    async with plan.outbox() as outbox, Gateway(certificates, timeout=1.0) as gateway:
        worker = Worker(outbox, gateway, results=keep, unknown_by_certificate=UNKNOWN, **OPTIONS)
        async with worker:
            if role == "service":
                await _put_for_ever(plan, outbox, rng)
            if role == "worker":
                await asyncio.Event().wait()
            await _empty(outbox)


async def _empty(outbox: Outbox) -> None:
    """Wait until nothing is left but dead letters."""
    while True:
        status = await outbox.status()
        if not any(status.total(state) for state in ("waiting", "delayed", "leased", "results")):
            return
        await asyncio.sleep(0.2)


async def _put_for_ever(plan: Plan, outbox: Outbox, rng: random.Random) -> None:
    put = _Lines(plan.folder / "put")
    while True:
        brand = rng.choice(list(plan.settings))
        title = f"{rng.getrandbits(64):016x}"
        note = Notification(title, "body")
        tokens = rng.sample(plan.tokens[brand], rng.randint(1, 30))
        pushes = [Push(PushToken(brand, token), note, context=title) for token in tokens]
        await outbox.put(pushes)
        put.write([_name(push.push_token, title) for push in pushes])
        await asyncio.sleep(rng.random() * 0.03)


def _name(push_token: PushToken, title: object) -> list[str]:
    """What a push is called here: a title is used for one `put` only, so brand, title and token name one push."""
    return [push_token.certificate_id, str(title), push_token.token]


class _Lines:
    """A file to which processes append. Each line is one system call; nevertheless a kill may cut it short, because the
    system writes page by page. It has a line break in front too, so that what another process appends is whole."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, value: object) -> None:
        line = f"\n{json.dumps(value)}\n".encode()
        assert os.write(self._handle, line) == len(line)
