"""A transport without a network: requests go straight into sandboxes.

It implements `pushgateway.transport.Transport`. Time passes only through
`asyncio.sleep` and `asyncio.timeout`, so under a virtual-time loop nothing waits. Each call yields to the loop, so
that races between concurrent requests can show. Used by tests of hosts and plug-ins, and by the conformance kit.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping

import attrs

from pushgateway.model.errors import FieldError
from pushgateway.sandbox.kit.base import Sandbox
from pushgateway.vendor import Request, Response
from pushgateway.vendor.refusals import NoVerdict, TooLate


class SandboxTransport:
    """Carries requests to one sandbox, or to several by the start of the URL.

    `latency` gives the seconds one way takes (drawn twice per request), `clock` the wall clock that stamps replies.
    `under_way` and `peak` count requests under way, `pools` requests by pool.
    """

    def __init__(
        self,
        sandboxes: Sandbox | Mapping[str, Sandbox],
        *,
        clock: Callable[[], float] = time.time,
        latency: Callable[[], float] = lambda: 0.0,
    ) -> None:
        if not isinstance(sandboxes, Sandbox | Mapping):
            raise FieldError("sandboxes", "must be a Sandbox or a mapping of URL starts to sandboxes")
        by_start = {"": sandboxes} if isinstance(sandboxes, Sandbox) else dict(sandboxes)
        # The longest start wins, whatever the order given.
        self._routes = sorted(by_start.items(), key=lambda route: -len(route[0]))
        self._clock = clock
        self._latency = latency
        self.closed = False
        self.under_way = 0
        self.peak = 0
        self.pools: Counter[str] = Counter()

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109 - as in `Transport`
        """Send once. Raises `NoVerdict`, with `sent` False if it is certain that the request did not arrive; and
        `TooLate`."""
        sandbox = self._sandbox(request.url)
        if request.leave_before is not None and asyncio.get_running_loop().time() >= request.leave_before:
            raise TooLate
        self.pools[pool] += 1
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        try:
            async with asyncio.timeout(timeout):
                return await self._carry(sandbox, request)
        except TimeoutError:
            raise NoVerdict("no reply within the time limit") from None
        finally:
            self.under_way -= 1

    async def aclose(self) -> None:
        """Close it: further requests raise `NoVerdict` with `sent` False."""
        self.closed = True

    def _sandbox(self, url: str) -> Sandbox:
        if self.closed:
            raise NoVerdict("the transport is closed", sent=False)
        for start, sandbox in self._routes:
            if url.startswith(start):
                return sandbox
        raise NoVerdict("no sandbox serves this host", sent=False)

    async def _carry(self, sandbox: Sandbox, request: Request) -> Response:
        await asyncio.sleep(max(self._latency(), 0.0))
        answer = sandbox.answer(request)
        await asyncio.sleep(max(self._latency(), 0.0) + answer.delay)
        if answer.response is None:
            what = "before a reply came" if answer.sent else "before the request was sent"
            raise NoVerdict(f"the connection broke {what}", sent=answer.sent)
        return attrs.evolve(answer.response, received_at=self._clock())
