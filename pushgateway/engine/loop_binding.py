"""`LoopBinding`: a gateway works in one event loop of one process, those of its first call. Used by `Gateway` and
`Devices`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pushgateway.model.errors import LoopError
from pushgateway.transport import forks


class LoopBinding:
    """The event loop and the process of the first call; any other one is an error."""

    def __init__(
        self, on_bind: Callable[[asyncio.AbstractEventLoop], None] = lambda loop: None, what: str = "this gateway"
    ) -> None:
        """`on_bind` is called with the loop at the first call: what is made then is made in the right process. `what`:
        how errors name it."""
        self._on_bind = on_bind
        self._what = what
        self._loop: asyncio.AbstractEventLoop | None = None
        self._forks = -1  # `forks.count` at the first call

    def enter(self) -> asyncio.AbstractEventLoop:
        """The running loop; for the beginning of each call. Raises `LoopError` without a loop, in another one, or after
        a fork."""
        if self._forks not in (forks.count, -1):
            raise LoopError(f"{self._what} was used before a fork: make one in each process, after the fork")
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise LoopError("no event loop runs here: call this from async code, or use pushgateway.sync") from None
        if loop is self._loop:
            return loop
        if self._loop is not None:
            raise LoopError(f"{self._what} is used in another event loop: make one for each loop, or use one loop")
        self._loop, self._forks = loop, forks.count
        self._on_bind(loop)
        return loop
