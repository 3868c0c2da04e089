"""Fixtures for the tests of hosts: a gateway on sandboxes, a ledger to assert on, and a clock that can be moved.

In the `conftest.py` at the root of your tests:

    pytest_plugins = ["pushgateway.testing.fixtures"]

Nothing leaves the process, and in virtual time nothing waits. There is one certificate and one sandbox for each brand
with an installed plug-in and sandbox. This is not an entry point of pytest: then it would be imported into every test
run of everybody who has pushgateway installed.

PYTEST_DONT_REWRITE: nothing here uses `assert`, and pytest would warn where this file is imported before.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

import pytest

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import installed
from pushgateway.gateway import Gateway
from pushgateway.model.push import PushToken
from pushgateway.sandbox import Delivery, Sandbox, find_sandbox
from pushgateway.sandbox.find import SANDBOXES
from pushgateway.testing.transport import SandboxTransport
from pushgateway.testing.virtual_time import VirtualLoop, run_virtual

__all__ = [
    "PushClock",
    "PushLedger",
    "push_brands",
    "push_certificates",
    "push_clock",
    "push_ledger",
    "push_sandboxes",
    "push_tokens",
    "push_transport",
    "sandbox_gateway",
]

T = TypeVar("T")


class PushClock:
    """The wall clock of gateway and sandboxes: call it for epoch seconds.

    In virtual time (`run`, or a test on a `VirtualLoop`) it moves with the loop, so `await asyncio.sleep(3600)` is an
    hour and takes none. On a loop of real time it stands still until `advance`.
    """

    def __init__(self, epoch: float = 1_700_000_000.0) -> None:
        self._epoch = epoch

    def __call__(self) -> float:
        loop = _virtual_loop()
        return self._epoch + (0.0 if loop is None else loop.time())

    def advance(self, seconds: float) -> None:
        """Move the time forward by `seconds`, at once. In virtual time, timers that are due by then are called next."""
        loop = _virtual_loop()
        if loop is None:
            self._epoch += seconds
        else:
            loop.advance(seconds)

    def run(self, main: Coroutine[Any, Any, T], *, seed: int | None = None) -> T:
        """Run a coroutine to its end in virtual time, as `run_virtual` does, and return its result."""

        async def timed() -> T:
            try:
                return await main
            finally:
                passed.append(asyncio.get_running_loop().time())

        passed: list[float] = []
        try:
            return run_virtual(timed(), seed=seed)
        finally:
            self._epoch += sum(passed)


def _virtual_loop() -> VirtualLoop | None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop if isinstance(loop, VirtualLoop) else None


class PushLedger:
    """The pushes that reached each phone, by the sandboxes' ledgers."""

    def __init__(self, sandboxes: Mapping[str, Sandbox]) -> None:
        self._sandboxes = sandboxes

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """All deliveries of all brands, oldest first."""
        made = [delivery for sandbox in self._sandboxes.values() for delivery in sandbox.ledger.deliveries]
        return tuple(sorted(made, key=lambda delivery: delivery.at))

    def to(self, push_token: PushToken) -> tuple[Delivery, ...]:
        """The deliveries to one phone, oldest first."""
        return tuple(delivery for delivery in self.deliveries if delivery.token == push_token.token)

    def assert_delivered(self, push_token: PushToken, title: str | None = None, body: str | None = None) -> Delivery:
        """Assert that this phone got exactly one push, with this title and body if given; returns it."""
        got = self.to(push_token)
        if len(got) != 1:
            raise AssertionError(f"{push_token!r} got {len(got)} pushes, not one")
        for name, wanted, shown in (("title", title, got[0].title), ("body", body, got[0].body)):
            if wanted is not None and shown != wanted:
                raise AssertionError(f"{push_token!r} got another {name}: {shown!r}, not {wanted!r}")
        return got[0]

    def assert_silent(self, push_token: PushToken) -> None:
        """Assert that this phone got no push."""
        if got := self.to(push_token):
            raise AssertionError(f"{push_token!r} got {len(got)} pushes, not none")


@pytest.fixture
def push_clock() -> PushClock:
    """The clock of all other fixtures."""
    return PushClock()


@pytest.fixture
def push_brands() -> Sequence[str]:
    """Brands to have sandboxes of: all that are installed. Override it to have fewer."""
    return sorted(installed().keys() & installed(SANDBOXES).keys())


@pytest.fixture
def push_sandboxes(push_brands: Sequence[str], push_clock: PushClock) -> Mapping[str, Sandbox]:
    """A sandbox for each brand, with twenty phones: add faults, uninstall apps, look at screens."""
    return {brand: find_sandbox(brand)(clock=push_clock, seed=place) for place, brand in enumerate(push_brands)}


@pytest.fixture
def push_certificates(push_sandboxes: Mapping[str, Sandbox]) -> Sequence[Certificate]:
    """A certificate for each brand, whose id is the brand."""
    return [Certificate(brand, brand, sandbox.settings(_url(brand))) for brand, sandbox in push_sandboxes.items()]


@pytest.fixture
def push_tokens(push_sandboxes: Mapping[str, Sandbox]) -> Mapping[str, Sequence[PushToken]]:
    """By brand: the push tokens of its phones."""
    return {brand: [PushToken(brand, t) for t in sandbox.tokens] for brand, sandbox in push_sandboxes.items()}


@pytest.fixture
def push_transport(push_sandboxes: Mapping[str, Sandbox], push_clock: PushClock) -> SandboxTransport:
    """Carries requests to the sandboxes, for a gateway of your own making: `Gateway(..., transport=...)`."""
    return SandboxTransport({_url(brand): sandbox for brand, sandbox in push_sandboxes.items()}, clock=push_clock)


@pytest.fixture
def push_ledger(push_sandboxes: Mapping[str, Sandbox]) -> PushLedger:
    """The ledger of all sandboxes."""
    return PushLedger(push_sandboxes)


@pytest.fixture
def sandbox_gateway(
    push_certificates: Sequence[Certificate], push_transport: SandboxTransport, push_clock: PushClock
) -> Gateway:
    """A gateway with all certificates on all sandboxes. Close it where you use it: `async with sandbox_gateway:`."""
    rng = random.Random(0)  # noqa: S311 - repeatable
    return Gateway(push_certificates, transport=push_transport, clock=push_clock, rng=rng)


def _url(brand: str) -> str:
    return f"https://{brand}.sandbox.invalid"
