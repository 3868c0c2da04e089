"""`Confirmations`: asks the store which bindings hold, in bulk; `unbind` waits until no earlier answer counts any more.

The promise is that no request for a user begins after `unbind` has returned, in any process, and without a lock. An
answer of the store counts for `GOOD_FOR` seconds from the moment before the query was sent: a request must leave
within them, or the store is asked again. `unbind` commits, waits for longer than that, and returns. So an answer that
was made before the commit has lost its effect by then, and every later one says that the binding is gone. Clocks are
only used to measure such times within one process. Used by `Devices`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable
from collections.abc import Set as AbstractSet
from typing import Final, TypeAlias

from pushgateway.engine.bindings import Confirmation
from pushgateway.model.push import Owner, PushToken

Owned: TypeAlias = tuple[PushToken, Owner]

GOOD_FOR: Final = 0.25
"""Seconds that an answer of the store counts."""
MARGIN: Final = 0.05
"""Seconds that `unbind` waits beyond that: a thread may be held between the last look at the clock and the first
byte."""


class _Question:
    """What is asked about in one query."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.owned: list[Owned] = []
        self.answer: asyncio.Future[Confirmation] = loop.create_future()
        self.answer.add_done_callback(_retrieved)


def _retrieved(answer: asyncio.Future[Confirmation]) -> None:
    """All that asked may have gone: then nobody reads the error."""
    if not answer.cancelled():
        answer.exception()


class Confirmations:
    """Asks which bindings hold. For one event loop."""

    def __init__(self, holding: Callable[[Collection[int]], Awaitable[AbstractSet[int]]], *, is_shared: bool) -> None:
        """`holding`: asks the store which of these bindings have not ended. `is_shared`: other processes send for the
        same users, so `unbind` has to wait for their answers too."""
        self._holding = holding
        self._is_shared = is_shared
        self._waiting: _Question | None = None
        self._query: asyncio.Task[None] | None = None  # under way: what is asked meanwhile is asked in the next one
        self._counting: deque[tuple[float, list[Owned]]] = deque()  # answers that still count, the oldest first

    async def confirm(self, owned: Iterable[Owned]) -> Confirmation:
        """Which of these bindings have ended. Raises `StoreError`."""
        if self._waiting is None:
            loop = asyncio.get_running_loop()
            self._waiting = _Question(loop)
            if self._query is None:
                loop.call_soon(self._send)  # with what else is asked in this turn of the loop
        question = self._waiting
        question.owned += owned
        return await asyncio.shield(question.answer)

    def _send(self) -> None:
        question, self._waiting = self._waiting, None
        if question is not None:
            self._query = asyncio.get_running_loop().create_task(self._ask(question))
            self._query.add_done_callback(self._ended)

    def _ended(self, query: asyncio.Task[None]) -> None:
        self._query = None
        if not query.get_loop().is_closed():
            self._send()

    async def _ask(self, question: _Question) -> None:
        until = asyncio.get_running_loop().time() + GOOD_FOR
        self._counting.append((until, question.owned))  # before the query: an `unbind` meanwhile must wait for it
        self._forget(until - GOOD_FOR)
        bindings = {owner.binding for _, owner in question.owned}
        try:
            holding = await self._holding(bindings)
        except asyncio.CancelledError:
            question.answer.cancel()
            raise
        except Exception as failed:
            question.answer.set_exception(failed)
        else:
            question.answer.set_result(Confirmation(frozenset(bindings - holding), until))

    def _forget(self, now: float) -> None:
        while self._counting and self._counting[0][0] <= now:
            self._counting.popleft()

    async def wait_until_ended(self, is_meant: Callable[[PushToken, Owner], bool]) -> None:
        """Called when bindings have ended in the store: wait until no request for them can leave any more. `is_meant`:
        whether a push token with its owner is one of them.

        It does not matter when they ended: another call, or another process, may have ended them a moment ago.
        """
        now = asyncio.get_running_loop().time()
        until = now
        if self._is_shared:
            until += GOOD_FOR
        else:
            ends = (end for end, owned in self._counting if any(is_meant(*one) for one in owned))
            until = max(ends, default=now)
        if until > now:
            await asyncio.sleep(until - now + MARGIN)

    async def aclose(self) -> None:
        """Cancel the query under way."""
        if self._query is not None:
            self._query.cancel()
            await asyncio.wait([self._query])
