"""Which pushes must have their outcome by when.

Law of this file: pure; times are handed in. A push is filed under its deadline, rounded up to a grain, and taken out
when it has its outcome, so nothing is walked that is not due and nothing is kept that is done.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable

from pushgateway.engine.pushes.runs import Item

GRAIN = 0.05
"""Seconds; an outcome comes at most this much after its deadline."""

SLACK = 100
"""Keys of emptied grains that may stay, besides as many as there are grains: clearing up at once would cost more."""


class Deadlines:
    """Pushes by deadline."""

    def __init__(self) -> None:
        self._grains: dict[int, dict[Item, None]] = {}  # a dict keeps the order of arrival, a set would not
        self._order: list[int] = []  # a heap of the grains' keys; emptied grains leave theirs until it is their turn
        self._ordered: set[int] = set()

    def add(self, those: Iterable[Item]) -> float:
        """File pushes; the earliest deadline among them."""
        earliest, last = math.inf, None
        for item in those:
            if item.deadline != last:  # most of a call have the same
                last = item.deadline
                earliest = min(earliest, last)
                grain = self._grain(math.ceil(last / GRAIN))
            grain[item] = None
            item.grain = grain
        return earliest

    def _grain(self, key: int) -> dict[Item, None]:
        grain = self._grains.get(key)
        if grain is None:
            grain = self._grains[key] = {}
            if key not in self._ordered:
                self._ordered.add(key)
                heapq.heappush(self._order, key)
        return grain

    def discard(self, those: Iterable[Item]) -> None:
        """They have their outcome."""
        for item in those:
            grain = item.grain
            if grain is None:
                continue
            item.grain = None
            del grain[item]
            if not grain:
                del self._grains[math.ceil(item.deadline / GRAIN)]  # an emptied dict would keep its memory
                if len(self._order) > 2 * len(self._grains) + SLACK:
                    self._order = list(self._grains)
                    self._ordered = set(self._order)
                    heapq.heapify(self._order)

    def next(self) -> float | None:
        """When the next ones are due; None when none is filed."""
        while self._order:
            if self._order[0] in self._grains:
                return self._order[0] * GRAIN
            self._ordered.discard(heapq.heappop(self._order))
        return None

    def due(self, now: float, most: int) -> list[Item]:
        """Take out those whose deadline has passed: `most` pushes, or a cohort more."""
        taken: list[Item] = []
        size = 0
        while (when := self.next()) is not None and when <= now and size < most:
            due: list[Item] = []
            for item in self._grains[self._order[0]]:
                if size >= most:
                    break
                due.append(item)
                size += item.size
            self.discard(due)
            taken += due
        return taken
