"""The receipts that the simulated vendor posts, again and again until the host has taken them, and forged ones.

What became of a delivered push is drawn when it is delivered, and posted some time later, together with others of the
same app and address. Troubles (`RECEIPTS`) hold receipts back, lose the host's answer, and add forged ones, as anybody
can make them who knows the address and has seen others.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import attrs

from simulated.receipt_ledger import Posted, ReceiptLedger
from simulated.tasks import Tasks
from simulated.troubles import RECEIPTS, TroubleSchedule
from simulated.visits import App
from simulated.wire import ARRIVED, CLICKED, ENOUGH, FRESH, LATE, ODD, OFF, SIGNATURE, UNINSTALLED, Item, signature

PAUSES = (1.0, 5.0, 15.0, 30.0)
"""Seconds between two posts of what the host has not taken; the last one is repeated."""
Post = Callable[[str, Mapping[str, str], bytes], Coroutine[Any, Any, bool]]
"""Posts headers and body to an address. True: the host has taken it."""


@attrs.define(eq=False)
class Reports:
    """All receipts of the day."""

    _ledger: ReceiptLedger
    _schedule: TroubleSchedule
    _wall: Callable[[], float]
    """The vendor's clock."""
    _chance: random.Random
    _post: Post
    _address_of: Callable[[str], str]
    """What the host has entered in the vendor's console for an app."""
    tasks: Tasks = attrs.field(factory=Tasks, init=False)
    """Posts under way."""
    _waiting: dict[tuple[App, str], list[Posted]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    _seen: dict[App, list[Posted]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    """Receipts that the host has taken: of these others are forged."""
    _loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop, init=False)

    def delivered(self, app: App, item: Item, message_id: str) -> None:
        """A push was delivered: what became of it is reported later."""
        if not app.has_receipts:
            return
        address, parameter = item.mark or (self._address_of(app.name), "")
        for event, after in self._events(app, item.token):
            at = self._wall() + after
            posted = Posted(app.name, item.token, event, parameter, message_id, at, item.text)
            self._ledger.post(posted, app.kind)
            self._loop.call_later(after, self._put, app, address, posted)

    def _events(self, app: App, token: str) -> Sequence[tuple[str, float]]:
        """Events with the seconds after which they happen."""
        after = self._chance.choice([0.0, 0.01, 0.1, 1.0, 5.0])
        if app.has_died(token):
            return [(UNINSTALLED, after)]
        if self._chance.random() < 0.2:
            return [(self._chance.choice([OFF, LATE, ENOUGH, ODD]), after)]
        if self._chance.random() < 0.2:
            return [(ARRIVED, after), (CLICKED, after + self._chance.choice([0.0, 3.0, 20.0]))]
        return [(ARRIVED, after)]

    def _put(self, app: App, address: str, posted: Posted) -> None:
        waiting = self._waiting[app, address]
        if not waiting:
            struck = self._schedule.strikes(self._loop.time(), app.name, RECEIPTS[:1])
            pause = struck.chance.uniform(0.0, 40.0) if struck else self._chance.choice([0.0, 0.05, 0.5])
            self._loop.call_later(pause, self._send, app, address)
        waiting.append(posted)

    def _send(self, app: App, address: str) -> None:
        self.tasks.begin(self.deliver(app, address, self._waiting.pop((app, address))))

    async def deliver(self, app: App, address: str, reports: Sequence[Posted]) -> None:
        """Post these until the host has taken them."""
        for number in itertools.count():
            struck = self._schedule.strikes(self._loop.time(), app.name, RECEIPTS[1:3])
            kind, chance, _ = struck or ("", self._chance, 0.0)
            body = _body([posted.element for posted in reports])
            confirmed = self._ledger.confirmed(reports)
            taken = await self._post(address, self._signed(app, body), body)
            if taken:
                self._ledger.take(reports, confirmed)
                self._seen[app] += reports
            if kind == "forged":
                await self._forge(app, address, chance)
            if taken and kind != "unanswered":
                return
            await asyncio.sleep(PAUSES[min(number, len(PAUSES) - 1)])

    def _signed(self, app: App, body: bytes, *, key: str | None = None, age: float = 0.0) -> dict[str, str]:
        if not app.kind.signs_receipts:
            return {}
        at = repr(self._wall() - age)
        return {SIGNATURE: f"{at}:{signature(key or app.receipts_key, at, body.decode())}"}

    async def _forge(self, app: App, address: str, chance: random.Random) -> None:
        """Post what can be made of a receipt that the host has taken: for another phone, with another parameter, of a
        dead token, signed wrongly, not at all or long ago, or cut."""
        known = chance.choice(self._seen[app] or [None])
        if known is None:
            return
        token, event, parameter, message_id, at = known.element
        forged = [
            [f"{app.name}-never", chance.choice([UNINSTALLED, event]), parameter, message_id, at],
            [token, event, parameter[:-1] + ("y" if parameter.endswith("x") else "x"), message_id, at],
        ]
        if event in (ARRIVED, CLICKED):
            forged.append([token, UNINSTALLED, parameter, message_id, at])
        others: Sequence[object] = chance.choice(((), (None,), (["x"],), (known.element,)))
        body, old = _body([chance.choice(forged), *others]), _body([known.element])
        headers, posted = chance.choice(
            [
                (self._signed(app, body, key="another key"), body),
                (self._signed(app, old), body),
                (self._signed(app, old, age=FRESH + 50.0), old),
                ({}, body),
                ({}, body[:-9]),
            ]
        )
        await self._post(address, headers, posted)


def _body(elements: Sequence[object]) -> bytes:
    return json.dumps(elements).encode()
