"""Scenarios: the plug-in is found by its entry point, imports only the contract, and is a pure translator.

Purity is checked in two ways: the imports in its sources, and the functions that it calls while it runs. Also here:
each region has its own host, and equal pushes make equal requests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs
import pytest

from pushgateway.certificates.certificate import Certificate
from pushgateway.certificates.plugins import VENDORS, Plugins, installed
from pushgateway.model.audience import Broadcast
from pushgateway.model.notification import Notification
from pushgateway.model.push import Push, PushToken
from pushgateway.sandbox.find import SANDBOXES, find_sandbox
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.harness import PREFIXED, Harness, audiences
from pushgateway.testing.conformance.promises import checks
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.testing.purity import IMPURE, Calls, imports_of
from pushgateway.vendor import Exchange, Request
from pushgateway.vendor.refusals import NoVerdict, Refused

PLUGIN_MODULES = frozenset({"pushgateway.vendor", "pushgateway.vendor.rules", "pushgateway.vendor.text"})
TOOLKIT = "pushgateway.vendor.toolkit"
"""The package whose modules a plug-in may import too."""


class PurityScenarios(Harness):
    """How the plug-in is found, and that it is pure."""

    @checks("found")
    def test_it_is_registered_under_its_brand(self) -> None:
        """An installed plug-in is found by its brand, and is this class."""
        assert self.vendor.brand in installed(), f"no entry point {self.vendor.brand!r} in the group {VENDORS}"
        found = Plugins().vendor(self.vendor.brand)

        assert found is self.vendor, f"the entry point {self.vendor.brand!r} leads to {found.__module__}"

    @checks("found")
    def test_its_sandbox_is_registered_too(self) -> None:
        """Hosts start the vendor's sandbox by the same brand: `pushgateway sandbox`, fixtures, tests."""
        brand = self.vendor.brand
        assert brand in installed(SANDBOXES), f"no entry point {brand!r} in the group {SANDBOXES}"
        mine, found = type(self.sandbox()), find_sandbox(brand)

        assert issubclass(mine, found), f"the entry point {brand!r} leads to {found.__name__}, not {mine.__name__}"

    @checks("imports")
    def test_it_imports_the_contract_only(self) -> None:
        """Of the core it imports only `pushgateway.vendor`, its `rules`, `text` and `toolkit`; others may change."""
        ours = [(where, name) for where, name in imports_of(self.package) if name.split(".")[0] == "pushgateway"]
        found = sorted(f"{where} imports {name}" for where, name in ours if not _is_open(name))

        assert not found, "; ".join(found)

    @checks("pure")
    def test_it_imports_nothing_impure(self) -> None:
        """A translator imports no clock, no random, no network and no tasks."""
        found = sorted(f"{where} imports {name}" for where, name in imports_of(self.package) if name in IMPURE)

        assert not found, "; ".join(found)

    @pytest.mark.parametrize("operation", ["login", "push", "broadcast", "receipts", "answers", "probe"])
    @checks("pure")
    def test_it_runs_without_clock_random_and_network(self, operation: str) -> None:
        """While an exchange runs, it calls no clock, no random, no socket, no task, no file and no log."""
        calls = Calls()
        play: Callable[[ExchangeDriver], None] = getattr(self, f"_{operation}")
        for driver in (self.driver(), self.driver(watching=calls.watching)):
            # The first run is not watched: what Python does only once (imports, caches) is not the plug-in's call.
            with suppress(Refused, NoVerdict):
                play(driver)

        assert not calls.seen, f"{operation} calls {', '.join(sorted(calls.seen))}"

    def _login(self, driver: ExchangeDriver) -> None:
        driver.log_in(driver.vendor.home_region)

    def _push(self, driver: ExchangeDriver) -> None:
        driver.push(self.pushes(driver.sandbox.tokens[: self.size]))

    def _broadcast(self, driver: ExchangeDriver) -> None:
        for audience in audiences(driver.sandbox).values():
            if audience.kind in driver.vendor.audiences:
                driver.broadcast(Broadcast(1, Notification("title", "for all"), audience))

    def _probe(self, driver: ExchangeDriver) -> None:
        with driver.watching():
            exchange = driver.vendor.probe()
        if exchange is not None:
            driver.carry(lambda: exchange, driver.vendor.home_region)

    def _receipts(self, driver: ExchangeDriver) -> None:
        with driver.watching():
            driver.vendor.receipts("1", {}, b"[]", EPOCH)

    def _answers(self, driver: ExchangeDriver) -> None:
        (push,) = self.pushes(driver.sandbox.tokens[:1])
        vendor, token, note = driver.vendor, push.push_token.token, push.notification
        with driver.watching():
            vendor.region(token), vendor.quota(note), vendor.weigh(note), vendor.batching, vendor.rates
            vendor.compartment(note), vendor.receipt_answer(True), vendor.marks, vendor.dead_tokens
            vendor.advice(), vendor.rulings(push)

    # Hosts

    @checks("hosts")
    def test_each_region_has_its_own_host(self) -> None:
        """Pushes and logins of a region go where its setting, or the rules, say; never to another region's host."""
        sandbox = self.make_sandbox(clock=lambda: EPOCH, tokens=3)
        settings = sandbox.settings(self.host)
        for token, region in self.regions.items():
            found = self.loaded().region(token)
            assert found == region, f"the token {token!r} is of the region {region!r}, region() says {found!r}"
        apart = {name: f"https://{name.replace('_', '-')}.invalid" for name, at in settings.items() if at == self.host}
        hosts = self._hosts({**settings, **apart})
        for region, (pushing, logging_in) in hosts.items():
            for other, (theirs, _) in hosts.items():
                if other != region and len(apart) > 1:
                    assert pushing != theirs, (
                        f"pushes of the regions {region!r} and {other!r} go to one host, {pushing}"
                    )
                    assert logging_in != theirs, f"a login of the region {region!r} goes to the host of {other!r}"
        rules = self.rules
        if rules is None:
            return
        without = {name: value for name, value in settings.items() if name not in apart}
        try:
            vendor = self.load(Certificate(1, self.vendor.brand, without))
        except AssertionError:
            return  # the address is a required setting
        rows = rules.dialects.get(vendor.dialect) or next(iter(rules.dialects.values()))
        for region, (pushing, _) in self._hosts(without).items():
            if region in rows.hosts:
                wanted = rows.hosts[region].url
                assert wanted.startswith(pushing), (
                    f"the region {region!r} is at {wanted} by the rules, pushes go to {pushing}"
                )

    def _hosts(self, settings: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
        """By region: where a push and where a login goes ("" where there is no request)."""
        vendor = self.load(Certificate(1, self.vendor.brand, settings))
        tokens = {vendor.region(token): token for token in (*PREFIXED, *self.regions, *self.sandbox().tokens)}
        note = Notification("title", "for all")
        return {
            region: (_host(vendor.push([Push(PushToken(1, token), note)])), _host(vendor.login(region, EPOCH)))
            for region, token in tokens.items()
        }

    @pytest.mark.parametrize("count", [1, 3])
    @checks("memory")
    def test_the_same_pushes_make_the_same_requests(self, count: int) -> None:
        """The requests have the same bytes: from one instance twice and from another, whatever was sent in between."""
        driver, other = self.driver(), self.driver()
        batch = self.pushes(driver.sandbox.tokens[: min(count, self.size)])
        first = _asked(driver, batch)
        other_note = Notification("another title", "something else", data={"key": "value"})
        driver.asked([Push(PushToken(1, driver.sandbox.tokens[-1]), other_note)])
        again = _asked(driver, batch)

        assert first == again, "the second time the same batch made another request: something is remembered"
        theirs = _asked(other, batch)
        assert first == theirs, "two instances with the same settings make different requests of one batch"

    @checks("memory")
    def test_the_same_login_makes_the_same_request(self) -> None:
        """With the same `now` the request of a login has the same bytes."""
        made = []
        for driver in (self.driver(), self.driver()):
            recorded = self.record_replies(driver.sandbox)
            for _ in range(2):
                driver.log_in(driver.vendor.home_region)
            made.append([request for request, _ in recorded])

        assert made[0] == made[1], "two instances with the same settings log in differently"
        assert made[0][: len(made[0]) // 2] == made[0][len(made[0]) // 2 :], f"the second login at {EPOCH} differs"


def _asked(driver: ExchangeDriver, batch: Sequence[Push]) -> list[Request]:
    """All requests for a batch, before `finish`, whose signature may be over the whole body. An id that the vendor gave
    in answer to the first of them is the same text each time."""
    driver.asked(batch)
    given = driver.saved[-1].id if driver.saves and driver.saved else ""
    asked = [*driver.saves, *driver.unfinished]
    if not given:
        return asked
    return [
        attrs.evolve(
            request,
            url=request.url.replace(given, "GIVEN"),
            content=request.content.replace(given.encode(), b"GIVEN"),
        )
        for request in asked
    ]


def _is_open(name: str) -> bool:
    """Whether a plug-in may import this module of the core."""
    return name in PLUGIN_MODULES or name == TOOLKIT or name.startswith(f"{TOOLKIT}.")


def _host(exchange: Exchange[Any] | None) -> str:
    """Scheme and host of the first request of an exchange."""
    for request in exchange or ():
        if request is not None:
            assert exchange is not None
            exchange.close()
            return "/".join(request.url.split("/")[:3])
    return ""
