"""The longest text, the shortest and longest `ttl` and the most buttons that a brand carries, found by sending them.

A limit is the largest value that arrives whole; what becomes of one more is asked too. How it counts is found with
Chinese letters and emoji: it is the way of counting by which their longest texts have the same size. Used by
`brand`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

import attrs

from pushgateway.abilities.asking import Asker
from pushgateway.abilities.cells import Cell, CountedAs, Verdict, measure
from pushgateway.abilities.features import BUTTONS, PLAIN, Feature, Text, with_buttons
from pushgateway.model.notification import Notification

LETTERS: Final = 8192
"""Letters up to which the limit of a text is looked for."""
SECONDS: Final = 2**31
"""Seconds up to which the limit of a `ttl` is looked for."""
WIDE: Final = ("长", "😀")
"""Letters that show how a limit counts: the first counts 1, 1, 3 or 2, the other 1, 2, 4 or 2."""
WAYS: Final[tuple[CountedAs, ...]] = ("points", "utf16", "bytes", "double")
LONGER: Final = 10
"""Letters that are added to another field, to see whether both share a limit. So few fit into every title."""

Fits = Callable[[int], Awaitable[bool]]
"""Whether a value of this size arrives whole."""


async def with_limit(asker: Asker, feature: Feature, cell: Cell) -> Cell:
    """`cell`, of which the sample is carried, with its limits."""
    sample = feature.sample(asker.now)
    if feature.text is not None:
        return await _with_text_limit(asker, feature, feature.text, cell)
    if sample.ttl is not None:
        return await _with_time_limit(asker, feature, sample.ttl, cell)
    if sample.buttons:
        return await _with_number_of_buttons(asker, feature, cell)
    return cell


async def _with_text_limit(asker: Asker, feature: Feature, text: Text, cell: Cell) -> Cell:
    async def fits(count: int, letter: str = "x") -> bool:
        return await is_whole(asker, feature, text.note(letter * count))

    most = await largest(fits, LETTERS)
    if not most:
        return cell
    size, shared = len(text.written(text.note("x" * most))), await _is_shared(asker, feature, text.note("x" * most))
    way: CountedAs = await way_of_counting(fits, text, size) if text.is_free and not shared else ""
    # What is left for a field beside the others differs by the digits of a push's id.
    beyond = text.note("x" * (most + (LONGER if shared else 1)))
    ending = (await asker.ask(with_beside(feature, beyond))).cell(*feature.words)
    return _limited(attrs.evolve(cell, most=size, counted="bytes" if shared else way, shared=shared), ending)


async def _is_shared(asker: Asker, feature: Feature, longest: Notification) -> bool:
    """Whether another field that is longer costs this one a part of its longest value, or is cut itself."""
    other = "body" if feature.name == "title" else "title"
    longer = attrs.evolve(longest, **{other: getattr(PLAIN, other) + "x" * LONGER})
    answer = await asker.ask(with_beside(feature, longer))
    return answer.cell(*feature.words).verdict is not Verdict.CARRIED or bool(answer.outcome.truncated)


def _limited(cell: Cell, ending: Cell) -> Cell:
    """`cell` with what becomes of one more; that alone if it is wrong."""
    if ending.verdict is Verdict.WRONG:
        return ending
    return attrs.evolve(cell, beyond=ending.verdict, reason=ending.reason, detail=ending.detail)


def with_beside(feature: Feature, note: Notification) -> Notification:
    """`note` with the fields that the feature may need beside it."""
    return attrs.evolve(note, **feature.beside)


async def is_whole(asker: Asker, feature: Feature, note: Notification) -> bool:
    """Whether the feature arrives as it is."""
    answer = await asker.ask(with_beside(feature, note))
    return answer.cell(*feature.words).verdict is Verdict.CARRIED


async def largest(fits: Fits, most: int, start: int = 1) -> int | None:
    """The largest number that fits, where all from `start` to it do. None: `most` fits too. 0: `start` does not."""
    if not await fits(start):
        return 0
    low, high = start, min(2 * start, most)
    while await fits(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if await fits(middle) else (low, middle)
    return low


async def smallest(fits: Fits, start: int) -> int:
    """The smallest number from 1 on that fits, where `start` and all between do."""
    if await fits(1):
        return 1
    low, high = 1, start
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if await fits(middle) else (middle, high)
    return high


async def way_of_counting(fits: Callable[[int, str], Awaitable[bool]], text: Text, limit: int) -> CountedAs:
    """How a limit counts that was found with Latin letters; "": in none of the known ways, or others are refused."""
    for way in WAYS:
        around = measure(text.written(text.note("")), way)
        for letter in WIDE:
            count = (limit - around) // measure(letter, way)
            if count < 1 or not await fits(count, letter) or await fits(count + 1, letter):
                break
        else:
            return way
    return ""


async def _with_time_limit(asker: Asker, feature: Feature, sample: int, cell: Cell) -> Cell:
    async def fits(seconds: int) -> bool:
        return await is_whole(asker, feature, attrs.evolve(PLAIN, ttl=seconds))

    odd = await asker.ask(attrs.evolve(PLAIN, ttl=sample + 1))
    kept = None if odd.seen is None else odd.seen.ttl
    if kept is not None and kept > sample + 1:  # rounded up to the vendor's unit, as the contract allows
        asker.ttl_unit = kept - sample
    least, most = await smallest(fits, sample), await largest(fits, SECONDS, sample)
    cell = attrs.evolve(cell, least=least if least > 1 else None, most=most, counted="seconds", step=asker.ttl_unit)
    if most is None:
        return cell
    ending = await asker.ask(attrs.evolve(PLAIN, ttl=most + 1))
    return _limited(cell, ending.cell(*feature.words))


async def _with_number_of_buttons(asker: Asker, feature: Feature, cell: Cell) -> Cell:
    async def fits(number: int) -> bool:
        return await is_whole(asker, feature, with_buttons(number))

    most = await largest(fits, BUTTONS)
    cell = attrs.evolve(cell, most=most or BUTTONS, counted="pieces")
    if most is None:
        return cell
    return _limited(cell, (await asker.ask(with_buttons(most + 1))).cell(*feature.words))
