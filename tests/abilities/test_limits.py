"""The search for limits and the ways of counting, and the limits of all installed brands at N and at N + 1.

The last test sends by the conformance kit's `ExchangeDriver`, without a gateway, so it shares no code with the search.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from pushgateway.abilities.brand import Abilities, abilities_of
from pushgateway.abilities.cells import Cell, CountedAs, Verdict, measure
from pushgateway.abilities.facts import load
from pushgateway.abilities.features import FEATURES, PLAIN, Feature, with_buttons
from pushgateway.abilities.limits import largest, smallest, way_of_counting
from pushgateway.certificates.plugins import Plugins, installed
from pushgateway.model.appearance import MOST_BUTTONS
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome
from pushgateway.model.push import Push, PushToken
from pushgateway.model.reason import Reason, Status
from pushgateway.sandbox import Delivery, find_sandbox
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH, HOST
from pushgateway.vendor.refusals import Refused

BY_NAME = {feature.name: feature for feature in FEATURES}


@functools.cache
def columns(brand: str) -> list[Abilities]:
    """What a brand can do."""
    return abilities_of(brand, Plugins())


@pytest.mark.parametrize("limit", [1, 2, 3, 31, 32, 33, 99])
def test_the_largest_that_fits(limit: int) -> None:
    """It is found exactly; none is found where the bound itself fits, and 0 says that nothing fits."""
    asked: list[int] = []

    async def fits(number: int) -> bool:
        asked.append(number)
        return number <= limit

    assert asyncio.run(largest(fits, 100)) == limit
    assert len(asked) <= 16
    assert asyncio.run(largest(fits, limit)) is None
    assert asyncio.run(largest(fits, 100, limit + 1)) == 0
    assert asyncio.run(largest(fits, 1000, limit)) == limit


@pytest.mark.parametrize("limit", [1, 2, 60, 3600])
def test_the_smallest_that_fits(limit: int) -> None:
    """From 1 on, where the start fits."""

    async def fits(number: int) -> bool:
        return number >= limit

    assert asyncio.run(smallest(fits, 3600)) == limit


@pytest.mark.parametrize("way", ["points", "utf16", "bytes", "double"])
def test_each_way_of_counting_is_found(way: CountedAs) -> None:
    """By Chinese letters and emoji, also where the limit is no multiple of their size."""
    text = BY_NAME["title"].text
    assert text is not None

    for limit in (40, 41, 42, 43):

        async def fits(count: int, letter: str, most: int = limit) -> bool:
            return measure(letter * count, way) <= most

        assert asyncio.run(way_of_counting(fits, text, limit)) == way


def test_an_unknown_way_of_counting_has_no_name() -> None:
    """A brand that refuses other letters, and one that counts in a way of its own."""
    text = BY_NAME["title"].text
    assert text is not None

    async def never(_count: int, _letter: str) -> bool:
        return False

    async def seven(count: int, _letter: str) -> bool:
        return 7 * count <= 40

    assert asyncio.run(way_of_counting(never, text, 40)) == asyncio.run(way_of_counting(seven, text, 40)) == ""


# The installed brands


@pytest.mark.parametrize("brand", installed())
def test_no_installed_brand_has_a_fault(brand: str) -> None:
    """No outcome of a plug-in of this repository disagrees with the phone, and each brand has a sandbox."""
    found = columns(brand)

    wrong = {name: cell.detail for one in found for name, cell in one.cells.items() if cell.verdict is Verdict.WRONG}
    assert wrong == {}
    assert [(one.brand, one.problem) for one in found] == [(brand, "")] * len(found)
    assert all({*BY_NAME, "intent", "parameters", "overrides", "rate"} <= one.cells.keys() for one in found)


class Phone:
    """Pushes to one brand by its plug-in's own exchanges."""

    def __init__(self, column: Abilities) -> None:
        options: Mapping[str, Any] = {"dialect": column.dialect} if column.dialect else {}
        kind = find_sandbox(column.brand)
        self.sandbox = kind(clock=lambda: EPOCH, tokens=0, **{**kind.demo_options, **options})
        self.driver = ExchangeDriver(load(Plugins().vendor(column.brand), self.sandbox.settings(HOST)), self.sandbox)

    def get(self, note: Notification) -> tuple[Outcome, Delivery | None]:
        """The outcome, and what a new phone shows."""
        (token,) = self.sandbox.register(1)
        for url in (note.picture, note.icon):
            self.sandbox.verify_picture(url or "")
        push = Push(PushToken("1", token), note, dedupe_id=f"d-{token[-20:]}")
        try:
            (outcome,) = self.driver.push([push])
        except Refused as refused:
            outcome = refused.outcome(push, sent=True)
        return outcome, next((one for one in self.sandbox.ledger.last(1) if one.token == token), None)


def of_size(feature: Feature, cell: Cell, size: int) -> Notification:
    """A notification with a value of this size: so many characters, bytes, seconds or buttons."""
    if feature.text is None:
        return with_buttons(size) if cell.counted == "pieces" else attrs.evolve(PLAIN, ttl=size)
    around = len(feature.text.written(feature.text.note("")))
    beside = feature.beside if cell.needs else {}
    return attrs.evolve(feature.text.note("x" * (size - around)), **beside)


def is_whole(outcome: Outcome, seen: Delivery | None, feature: Feature) -> bool:
    """Whether it is accepted, shown, and neither cut nor left out."""
    return outcome.ok and seen is not None and set(feature.words).isdisjoint((*outcome.truncated, *outcome.omitted))


def ended(outcome: Outcome, seen: Delivery | None, feature: Feature) -> Verdict | None:
    """What became of a feature beyond its limit, by the words of the outcome."""
    if outcome.status is Status.NOT_SENT and seen is None and outcome.reason is Reason.INVALID_NOTIFICATION:
        return Verdict.REFUSED
    if not outcome.ok or seen is None:
        return None
    if not set(feature.words).isdisjoint(outcome.omitted):
        return Verdict.LEFT_OUT
    return Verdict.CARRIED if set(feature.words).isdisjoint(outcome.truncated) else Verdict.CUT


@pytest.mark.parametrize("brand", installed())
def test_each_limit_is_right_at_n_and_at_n_plus_one(brand: str) -> None:
    """What is as long as the cell says arrives whole; one more is cut, refused or left out, as the cell says; and what
    comes out of a cut is no longer than the limit. A limit of all fields together is right within fifty bytes, because
    the ids of pushes, which are fields too, have other lengths here."""
    checked = 0
    for column in columns(brand):
        phone = Phone(column)
        for feature in FEATURES:
            cell = column.cells[feature.name]
            if cell.most is None:
                continue
            where, slack = f"{column.dialect} {feature.name} {cell.most}", 50 if cell.shared else 0
            outcome, seen = phone.get(of_size(feature, cell, cell.most - slack))
            assert is_whole(outcome, seen, feature), f"{where}: {outcome!r}"
            if cell.beyond is None:
                assert (cell.counted, cell.most) == ("pieces", MOST_BUTTONS), where
                continue
            outcome, seen = phone.get(of_size(feature, cell, cell.most + 1 + slack))
            assert ended(outcome, seen, feature) is cell.beyond, f"{where}: {outcome!r}"
            if cell.beyond is Verdict.CUT and feature.text is not None:
                shown = getattr(seen, feature.name)
                assert 0 < measure(shown, cell.counted) <= cell.most + slack, where
            checked += 1

    assert checked


@pytest.mark.parametrize("brand", installed())
def test_each_way_of_counting_is_right_for_wide_letters(brand: str) -> None:
    """As many Chinese letters and emoji as the cell's counting allows arrive whole, and one more of them does not."""
    for column in columns(brand):
        phone = Phone(column)
        for feature in FEATURES:
            cell, text = column.cells[feature.name], feature.text
            if not cell.counted or cell.most is None or text is None or cell.shared:
                continue
            around = measure(text.written(text.note("")), cell.counted)
            for letter in ("汉", "👍"):
                count = (cell.most - around) // measure(letter, cell.counted)
                for number, fits in ((count, True), (count + 1, False)):
                    note = attrs.evolve(text.note(letter * number), **(feature.beside if cell.needs else {}))
                    outcome, seen = phone.get(note)
                    assert is_whole(outcome, seen, feature) is fits, f"{feature.name}: {number} of {letter}"
