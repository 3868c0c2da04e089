"""One batch on its way, and what the gate is told of it.

Law of this file: a delivery asks and listens; what becomes of its pushes is the region's to conclude.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Hashable, Iterable, Sequence
from typing import TYPE_CHECKING

from pushgateway.engine.flow_control.breaker import SEVERAL
from pushgateway.engine.pushes.runs import Flight, Thinned
from pushgateway.engine.session import claims, results
from pushgateway.engine.session.vendor_session import Ask, VendorSession
from pushgateway.model.errors import AccessExpired, NoVerdict, Refused
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Notification
from pushgateway.vendor import AccessToken

if TYPE_CHECKING:
    from pushgateway.engine.endpoint import Endpoint


def content_number(notifications: Iterable[Notification]) -> int:
    """A number for the text of a request, `SEVERAL` where it holds different texts: what a firewall may judge."""
    texts = {(one.title, one.body) for one in notifications}
    return hash(texts.pop()) & sys.maxsize if len(texts) == 1 else SEVERAL


class Turn:
    """A place on the bench, given up when the batch is built."""

    __slots__ = ("_bench", "_held")

    def __init__(self, bench: asyncio.Lock) -> None:
        self._bench = bench
        self._held = False

    async def begin(self) -> None:
        await self._bench.acquire()
        self._held = True

    def end(self) -> None:
        if self._held:
            self._held = False
            self._bench.release()


class Delivery:
    """One batch on its way, and what the gate is told of it."""

    def __init__(
        self, region: Endpoint, session: VendorSession, flight: Flight, *, part: Hashable, quota: str, turn: Turn
    ) -> None:
        self.session = session
        self.flight = flight
        self.part = part
        self.turn = turn
        self._region = region
        self._gate = region.gate
        self._loop = asyncio.get_running_loop()
        self._quota = quota
        self._permit = self._gate.admit(self._loop.time(), flight.size)
        if not all(item.tries for item in flight.items):
            self._gate.budget.first()

    async def run(self, access: AccessToken | None) -> Sequence[Outcome]:
        """One exchange; who leaves while it is being built is not in it."""
        session = self.session
        while pushes := self.flight.pushes:
            ask = Ask("push", self._region.name, len(pushes), self._asking)
            try:
                exchange = claims.asked(session.vendor.push, pushes)
                outcomes = await session.run(exchange, access, ask)
                return results.checked(pushes, outcomes)
            except Thinned:
                self.flight.items = self._region.lane.still_wanted(self.flight.items, self._loop.time())
        return []

    def expired(self) -> None:
        """The access token was refused, and so the request: nothing of it was pushed."""
        self.flight.asked = False
        for waiting in self.flight.batch:
            waiting.attempts += 1

    def _asking(self) -> None:
        self.flight.asking(self._loop.time())
        self.turn.end()  # built: the next one may stand at the gate

    def heard(self, outcomes: Sequence[Outcome]) -> None:
        """There is an answer about each push."""
        if self.flight.asked:
            self._gate.answered(self._loop.time(), self._permit, outcomes, self._quota)

    def failed(self, error: Refused | NoVerdict, *, login: bool = False) -> None:
        """The request, or the login before it, failed as a whole."""
        login = login or (isinstance(error, Refused) and error.about == "login")
        if (self.flight.asked or login) and not isinstance(error, AccessExpired):
            content = None if login else content_number(push.notification for push in self.flight.pushes)
            self._gate.failed(self._loop.time(), self._permit, error, self._quota, content)

    def over(self) -> None:
        """It has come to its end, whatever that was."""
        self._gate.release(self._loop.time, self._permit)
        self._region.wake()
