"""A vendor's login server for tests of `AccessTokens`, and the callback orders that those tests run with.

Virtual time only. `LoginServer` counts logins and answers as the test says.
"""

import asyncio
import itertools
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from pushgateway.engine.session.access_tokens import AccessTokens
from pushgateway.model.errors import PushgatewayError
from pushgateway.model.reason import Reason
from pushgateway.testing.virtual_time import loop_wall_clock
from pushgateway.vendor import AccessToken
from pushgateway.vendor.refusals import Refused

T = TypeVar("T")
DAY = 86400.0
EPOCH = 1_700_000_000.0
KEY = ("7005", "cn")
SEEDS = [None, *range(3)]
every_order = pytest.mark.parametrize("seed", SEEDS)


def now() -> float:
    """Virtual seconds."""
    return asyncio.get_running_loop().time()


def fresh() -> AccessTokens:
    """An empty store that uses the running loop's clocks."""
    loop = asyncio.get_running_loop()
    return AccessTokens(wall=loop_wall_clock(EPOCH), monotonic=loop.time, rng=random.Random(1))


class LoginServer:
    """A login server that takes `takes` seconds per login; `times` has the virtual time at which each login began."""

    def __init__(self, takes: float = 1.0, lifetime: float = DAY) -> None:
        self.takes = takes
        self.lifetime = lifetime
        self.times: list[float] = []
        self.vendor_times: list[float] = []  # by login: the argument that says the vendor's time
        self.fails: Callable[[], PushgatewayError | None] = lambda: None
        self.gives: Callable[[], AccessToken] = self.new
        self._numbers = itertools.count(1)

    def new(self) -> AccessToken:
        """A new access token for each login, created now."""
        return AccessToken(f"access-{next(self._numbers)}", self.lifetime)

    async def __call__(self, vendor_now: float) -> AccessToken:
        self.times.append(now())
        self.vendor_times.append(vendor_now)
        await asyncio.sleep(self.takes)
        if (failure := self.fails()) is not None:
            raise failure
        return self.gives()


async def tried(call: Coroutine[Any, Any, T]) -> T | PushgatewayError:
    """The result of a call: its value, or the exception as a value."""
    try:
        return await call
    except PushgatewayError as error:
        return error


def wrong_key() -> Refused:
    """The refusal for a wrong key."""
    return Refused(Reason.CREDENTIALS, "14")


def busy() -> Refused:
    """The refusal of a server that is down."""
    return Refused(Reason.UNAVAILABLE, "-1")
