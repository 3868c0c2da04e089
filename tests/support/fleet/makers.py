"""The brands of the fleet: their sandboxes, and what these have delivered."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from pushgateway import Certificate, Gateway, Intent
from pushgateway.certificates.plugins import installed
from pushgateway.sandbox import Delivery, Fault, Phone, Sandbox, find_sandbox
from pushgateway.sandbox.find import SANDBOXES
from pushgateway.testing import SandboxTransport

FAULTS = (
    Fault(kind="drop", share=0.03, times=None),
    Fault(kind="refuse", share=0.03, times=None),
    Fault(kind="cut", share=0.02, times=None, size=30),
    Fault(kind="html", share=0.02, times=None),
    Fault(kind="empty", share=0.02, times=None),
    Fault(kind="status", share=0.03, times=None, status=503),
    Fault(kind="delay", share=0.03, times=None, seconds=15),
    Fault(kind="expire", share=0.01, times=3),
)
"""Of every brand, for each call; the vendor's own manglings are added."""
OPTIONS: Mapping[str, Mapping[str, Any]] = {"vivo": {"hours": True, "daily_saves": 6}}
"""Limits that are set in the sandboxes. Where nothing is saved any more, pushes go one by one."""
HOURS: Mapping[str, tuple[int, int]] = {"vivo": (7, 23)}
"""O'clock in China: from and until when the brand takes what is no chat."""
SLOW = 0.02
"""Seconds of one way to a vendor."""
RECEIPTS = "https://im.example/push"
SECRET = "a receipt secret of many characters"


def brands() -> Sequence[str]:
    """The installed brands that have a sandbox."""
    return [brand for brand in installed() if brand in installed(SANDBOXES)]


@attrs.define(eq=False)
class Maker:
    """One brand of the fleet, and what was delivered in this round."""

    brand: str
    certificate_id: str
    sandbox: Sandbox
    delivered: Counter[str] = attrs.field(factory=Counter)
    wrong: list[str] = attrs.field(factory=list)
    """A sentence for each delivery that was not meant for its phone."""

    def watch(self) -> None:
        """Check each delivery when the sandbox performs it. Text and data of a push name the token that it is for, or
        are for all."""

        def deliver(phone: Phone, delivery: Callable[[], Delivery]) -> None:
            self._check(phone.token, delivery())

        def deliver_all(tokens: Sequence[str], delivery: Callable[[str], Delivery]) -> None:
            for token in tokens:
                self._check(token, delivery(token))

        self.sandbox.deliver = deliver  # type: ignore[method-assign]
        self.sandbox.deliver_all = deliver_all  # type: ignore[method-assign]

    def _check(self, token: str, made: Delivery) -> None:
        self.delivered[token] += 1
        if not made.body.startswith("for all ") and made.body != f"for {token}":
            self.wrong.append(f"{self.brand}: a phone got the text of another one")
        if made.data.get("to") not in (token, "all"):
            self.wrong.append(f"{self.brand}: a phone got the data of another one")
        if (made.data.get("to") == "all") != made.body.startswith("for all "):
            self.wrong.append(f"{self.brand}: text and data of different pushes")

    def takes(self, intent: Intent, hour: float) -> bool:
        """Whether the brand takes pushes of this intent at this hour in China."""
        first, last = HOURS.get(self.brand, (0, 24))
        return intent is Intent.CHAT or first <= hour < last


def make_fleet(names: Sequence[str], clock: Callable[[], float], seed: int) -> list[Maker]:
    """A sandbox of each brand, watched."""
    fleet = []
    for number, brand in enumerate(names, start=7001):
        kind = find_sandbox(brand)
        sandbox = kind(clock=clock, seed=seed + number, tokens=0, keep=False, **kind.demo_options)
        maker = Maker(brand, str(number), sandbox)
        maker.watch()
        fleet.append(maker)
    return fleet


def make_harder(maker: Maker) -> None:
    """Faults of all kinds, and limits."""
    manglings = [Fault(kind=kind, share=0.1, times=None) for kind in maker.sandbox.manglings]
    maker.sandbox.faults.add(*FAULTS, *manglings)
    for name, value in OPTIONS.get(maker.brand, {}).items():
        maker.sandbox.set_option(name, value)


def certificates(fleet: Sequence[Maker], *, receipts: bool = False) -> list[Certificate]:
    """A certificate of each brand. `receipts`: they ask for receipts."""
    return [
        Certificate(
            maker.certificate_id,
            maker.brand,
            maker.sandbox.settings(_url(maker)),
            pushes_per_second=float("inf"),
            requests_per_second=float("inf"),
            receipt_url=RECEIPTS if receipts else None,
            receipt_secret=SECRET if receipts else None,
        )
        for maker in fleet
    ]


def gateway_for(fleet: Sequence[Maker], clock: Callable[[], float], rng: random.Random) -> Gateway:
    """One gateway with a certificate of each brand."""
    routes = {_url(maker): maker.sandbox for maker in fleet}
    transport = SandboxTransport(routes, clock=clock, latency=lambda: SLOW)
    return Gateway(
        certificates(fleet), transport=transport, clock=clock, rng=rng, queue=10**9, timeout=60.0, trace=20_000
    )


def _url(maker: Maker) -> str:
    return f"https://{maker.brand}.example"
