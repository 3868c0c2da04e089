"""Which runs must have their outcomes by when.

Pure; times are handed in. A run is filed under its deadline, rounded up to a bucket, and taken out when it has its
outcomes, so nothing is walked that is not due and nothing is kept that is done. Used by `Completions`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable

from pushgateway.engine.pushes.runs import Run

BUCKET = 0.05
"""Seconds; an outcome comes at most this much after its deadline."""

SLACK = 100
"""Keys of emptied buckets that may stay, besides as many as there are buckets: clearing up at once would cost more."""


class Deadlines:
    """Runs by deadline. A run that leaves another one is filed in the same bucket by `Run` itself."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[Run, None]] = {}  # a dict keeps the order of arrival, a set would not
        self._order: list[int] = []  # a heap of the buckets' keys; emptied ones leave theirs until it is their turn
        self._ordered: set[int] = set()

    def add(self, runs: Iterable[Run]) -> float:
        """File runs; the earliest deadline among them."""
        earliest, last = math.inf, None
        for run in runs:
            if run.deadline != last:  # most of a call have the same
                last = run.deadline
                earliest = min(earliest, last)
                bucket = self._bucket(math.ceil(last / BUCKET))
            bucket[run] = None
            run.bucket = bucket
        return earliest

    def _bucket(self, key: int) -> dict[Run, None]:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = {}
            if key not in self._ordered:
                self._ordered.add(key)
                heapq.heappush(self._order, key)
        return bucket

    def discard(self, runs: Iterable[Run]) -> None:
        """They have their outcomes."""
        for run in runs:
            bucket = run.bucket
            if bucket is None:
                continue
            run.bucket = None
            del bucket[run]
            key = math.ceil(run.deadline / BUCKET)
            if not bucket and self._buckets.get(key) is bucket:
                del self._buckets[key]  # an emptied dict would keep its memory
                if len(self._order) > 2 * len(self._buckets) + SLACK:
                    self._order = list(self._buckets)
                    self._ordered = set(self._order)
                    heapq.heapify(self._order)

    def next(self) -> float | None:
        """When the next ones are due; None when none is filed."""
        while self._order:
            if self._order[0] in self._buckets:
                return self._order[0] * BUCKET
            self._ordered.discard(heapq.heappop(self._order))
        return None

    def due(self, now: float, most: int) -> list[Run]:
        """Take out those whose deadline has passed: `most` pushes, or as many more as the last run has."""
        taken: list[Run] = []
        size = 0
        while (when := self.next()) is not None and when <= now and size < most:
            due: list[Run] = []
            for run in self._buckets[self._order[0]]:
                if size >= most:
                    break
                due.append(run)
                size += run.size
            self.discard(due)
            taken += due
        return taken
