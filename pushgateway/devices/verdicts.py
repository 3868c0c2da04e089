"""`Verdicts`: dead tokens that vendors name, on their way to the store.

A push has its outcome at once; its verdict waits here, in bounded memory, and is written with others. While the store
cannot be used it is tried again. If a vendor calls very many tokens dead, none is retired (`DeadShare`). Used by
`Devices`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import islice
from typing import Final

from pushgateway.devices.dead_share import DeadShare
from pushgateway.devices.store import Verdict
from pushgateway.model.errors import StoreError
from pushgateway.model.push import PushToken

GATHERED: Final = 1.0
"""Seconds that a verdict waits for others: so a whole batch is counted before the first of it is retired."""
AT_ONCE: Final = 500
"""Verdicts in one transaction."""
MOST: Final = 10_000
"""Verdicts that may wait. Further ones are dropped: the next push to such a token brings another one."""
LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries while the store cannot be used."""


class Verdicts:
    """Dead tokens that wait. For one event loop."""

    def __init__(
        self,
        retire: Callable[[Sequence[Verdict]], Awaitable[Sequence[Verdict]]],
        *,
        retired: Callable[[str, int], None],
        stopped: Callable[[str, tuple[int, int], bool], None],
    ) -> None:
        """`retire`: writes verdicts to the store. `retired`: called with a certificate id and the number of tokens that
        were retired. `stopped`: called when retiring stops or resumes for a certificate, with the numbers of dead and
        of tried tokens, and whether it stops."""
        self._retire = retire
        self._retired = retired
        self._stopped = stopped
        self._shares: dict[str, DeadShare] = {}
        self._stopped_for: set[str] = set()
        self._waiting: dict[int, Verdict] = {}  # by binding
        self._writer: asyncio.Task[None] | None = None

    def count_tried(self, push_tokens: Iterable[PushToken]) -> None:
        """Pushes are sent to these."""
        now = asyncio.get_running_loop().time()
        for push_token in push_tokens:
            self._share(push_token.certificate_id).add(push_token.token, now, is_dead=False)

    def add(self, push_token: PushToken, verdict: Verdict) -> None:
        """A vendor calls the token of a binding dead. Of several verdicts about one binding that of the latest
        generation counts, in whichever order they come."""
        loop = asyncio.get_running_loop()
        self._share(verdict.certificate_id).add(push_token.token, loop.time(), is_dead=True)
        known = self._waiting.get(verdict.binding)
        if len(self._waiting) < MOST and (known is None or known.generation < verdict.generation):
            self._waiting[verdict.binding] = verdict
        if self._writer is None:
            self._writer = loop.create_task(self._write())

    def _share(self, certificate_id: str) -> DeadShare:
        share = self._shares.get(certificate_id)
        if share is None:
            share = self._shares[certificate_id] = DeadShare()
        return share

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def _write(self) -> None:
        pause = GATHERED
        try:
            while self._waiting:
                await asyncio.sleep(pause)
                pause = GATHERED if await self._write_some() else min(2 * pause, LONGEST_PAUSE)
        finally:
            self._writer = None

    async def _write_some(self) -> bool:
        """Write what may be written; False: the store cannot be used now."""
        self._drop_unsure()
        some = list(islice(self._waiting.values(), AT_ONCE))
        try:
            retired = await self._retire(some) if some else ()
        except StoreError:
            return False
        for verdict in some:
            if self._waiting.get(verdict.binding) is verdict:  # no other one came meanwhile
                del self._waiting[verdict.binding]
        counts: dict[str, int] = {}
        for verdict in retired:
            counts[verdict.certificate_id] = counts.get(verdict.certificate_id, 0) + 1
        for certificate_id, count in counts.items():
            self._retired(certificate_id, count)
        return True

    def _drop_unsure(self) -> None:
        """Drop the verdicts of certificates of which too many tokens are called dead."""
        now = asyncio.get_running_loop().time()
        for certificate_id in {verdict.certificate_id for verdict in self._waiting.values()}:
            share = self._shares[certificate_id]
            is_stopped = share.is_too_high(now)
            if is_stopped != (certificate_id in self._stopped_for):
                (self._stopped_for.add if is_stopped else self._stopped_for.discard)(certificate_id)
                self._stopped(certificate_id, share.counts(now), is_stopped)
        self._waiting = {
            binding: verdict
            for binding, verdict in self._waiting.items()
            if verdict.certificate_id not in self._stopped_for
        }

    async def aclose(self) -> None:
        """Write once more what waits, as far as the store can be used."""
        writer = self._writer
        if writer is not None:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
        while self._waiting and await self._write_some():
            pass
