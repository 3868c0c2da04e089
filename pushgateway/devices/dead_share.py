"""`DeadShare`: the share of tokens that a vendor calls dead. If it is very large, certificate or vendor are wrong, and
not the tokens.

Pure: the time is handed in. Different tokens are counted within the last 5 to 10 minutes, in bounded memory: if there
are very many, only those with certain digests are counted. Used by `Verdicts`.
"""

from __future__ import annotations

from typing import Final

WINDOW: Final = 300.0
"""Seconds."""
LEAST: Final = 100
"""Different tokens from which on a share counts: of fewer nothing can be concluded."""
MOST: Final = 0.2
"""The share of dead ones above which none is retired."""
SAMPLE: Final = 2048
"""Different tokens that are remembered of one window, at most."""


class _Sample:
    """Different tokens of one window, as numbers. `step`: only every so many numbers are in it."""

    def __init__(self) -> None:
        self.step = 1
        self.tried: set[int] = set()
        self.dead: set[int] = set()

    def add(self, number: int, *, is_dead: bool) -> None:
        """Count a token. A dead one was tried too."""
        if number % self.step:
            return
        self.tried.add(number)
        if is_dead:
            self.dead.add(number)
        if len(self.tried) > SAMPLE:
            self.thin(2 * self.step)

    def thin(self, step: int) -> None:
        """Keep every so many numbers only."""
        self.step = step
        self.tried = {number for number in self.tried if number % step == 0}
        self.dead = {number for number in self.dead if number % step == 0}


class DeadShare:
    """The share of dead tokens of one certificate."""

    def __init__(self) -> None:
        self._began = float("-inf")
        self._former, self._present = _Sample(), _Sample()

    def add(self, token: str, now: float, *, is_dead: bool) -> None:
        """Count a token that is sent to, or that the vendor calls dead. `now`: seconds."""
        self._turn(now)
        self._present.add(hash(token) & 0x7FFFFFFFFFFFFFFF, is_dead=is_dead)

    def _turn(self, now: float) -> None:
        if now - self._began < WINDOW:
            return
        self._former = self._present if now - self._began < 2 * WINDOW else _Sample()
        self._present = _Sample()
        self._began = now

    def counts(self, now: float) -> tuple[int, int]:
        """How many different tokens were dead, and how many were tried; about so many, if they are very many."""
        self._turn(now)
        step = max(self._former.step, self._present.step)
        for sample in (self._former, self._present):
            if sample.step < step:
                sample.thin(step)
        dead, tried = self._former.dead | self._present.dead, self._former.tried | self._present.tried
        return step * len(dead), step * len(tried)

    def is_too_high(self, now: float) -> bool:
        """Whether so many are dead that nothing should be concluded from it."""
        dead, tried = self.counts(now)
        return tried >= LEAST and dead > MOST * tried
