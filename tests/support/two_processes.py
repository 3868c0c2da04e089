"""Devices and gateways as in several processes that share one database, in one virtual time.

`Store` is a store with a life of its own: each call takes a while before and after it has its effect. `Wire` is a
transport to the toy vendor that dials before it sends, honours `Request.leave_before`, and notes when requests leave.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypeVar

from toy_vendor import ToyServer

from pushgateway.devices.memory import MemoryDevices
from pushgateway.devices.store import Bound, Counts, Verdict
from pushgateway.model.binding import Binding
from pushgateway.model.errors import StoreError
from pushgateway.model.push import PushToken
from pushgateway.vendor import Request, Response
from pushgateway.vendor.refusals import TooLate

T = TypeVar("T")


class Store:
    """A `DeviceStore` that several `Devices` share. `delay`: seconds, drawn before and after each call has its effect.
    `is_down`: it fails. `lost`: of so many changes the answer is lost. `calls` has the names of the calls."""

    name = "store"

    def __init__(self, delay: Callable[[], float] = lambda: 0.0, *, is_shared: bool = True) -> None:
        self.is_shared = is_shared
        self.inner = MemoryDevices(random.Random(3))
        self.delay = delay
        self.is_down = False
        self.lost = 0
        self.calls: list[str] = []

    async def _do(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        self.calls.append(name)
        await self._pause()
        if self.is_down:
            raise StoreError("store: is down")
        done = await call()
        await self._pause()
        if self.lost and name in ("bind", "unbind"):
            self.lost -= 1
            raise StoreError("store: the answer was lost")
        return done

    async def _pause(self) -> None:
        if seconds := self.delay():
            await asyncio.sleep(seconds)

    async def bind(self, *binding: Any, **options: Any) -> Bound:
        """See `DeviceStore`."""
        return await self._do("bind", lambda: self.inner.bind(*binding, **options))

    async def rotate(self, old: PushToken, new: PushToken, now: float) -> Binding | None:
        """See `DeviceStore`."""
        return await self._do("rotate", lambda: self.inner.rotate(old, new, now))

    async def unbind(self, user: str, device: str | None, *, keep: str | None = None) -> frozenset[int]:
        """See `DeviceStore`."""
        return await self._do("unbind", lambda: self.inner.unbind(user, device, keep=keep))

    async def of_users(self, users: Iterable[str]) -> Mapping[str, Sequence[Binding]]:
        """See `DeviceStore`."""
        return await self._do("of_users", lambda: self.inner.of_users(users))

    async def counts(self) -> Counts:
        """See `DeviceStore`."""
        return await self._do("counts", self.inner.counts)

    async def holding(self, bindings: Collection[int]) -> AbstractSet[int]:
        """See `DeviceStore`."""
        return await self._do("holding", lambda: self.inner.holding(bindings))

    async def retire(self, verdicts: Sequence[Verdict]) -> Sequence[Verdict]:
        """See `DeviceStore`."""
        return await self._do("retire", lambda: self.inner.retire(verdicts))

    async def retire_token(self, push_token: PushToken, before: float) -> bool:
        """See `DeviceStore`."""
        return await self._do("retire_token", lambda: self.inner.retire_token(push_token, before))

    async def prune(self, before: float) -> int:
        """See `DeviceStore`."""
        return await self._do("prune", lambda: self.inner.prune(before))

    async def aclose(self) -> None:
        """See `DeviceStore`."""


class Wire:
    """A transport to a `ToyServer`. `dial`: seconds until a connection is there. `left` has, for each push request, its
    tokens and the time at which its first byte left."""

    def __init__(self, server: ToyServer, dial: Callable[[], float] = lambda: 0.0) -> None:
        self.server = server
        self.dial = dial
        self.left: list[tuple[float, list[str]]] = []
        self.late = 0

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        """See `Transport.send`."""
        now = asyncio.get_running_loop().time
        if seconds := self.dial():
            await asyncio.sleep(seconds)
        if request.leave_before is not None and now() >= request.leave_before:
            self.late += 1
            raise TooLate
        if request.url.endswith("/push"):
            self.left.append((now(), [item[0] for item in json.loads(request.content)]))
        return await self.server.send(request, pool=pool, timeout=timeout)

    async def aclose(self) -> None:
        """See `Transport.aclose`."""
