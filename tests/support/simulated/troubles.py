"""What goes wrong on a simulated day: drawn from the seed before it begins, each trouble with its own random generator.

A trouble has a kind, a time, a duration, a target and a strength, and does not depend on the others. So a failing day
can be repeated with one trouble less, until only those are left that the failure needs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import attrs

WIRE = ("refused", "connecting", "lost", "late", "cut", "html", "status", "odd", "slow")
"""On the network: nothing arrives, nothing comes back, or the reply is unreadable or late."""
VERDICTS = ("busy", "fast", "some", "items", "foreign", "stale", "blocked")
"""The vendor's replies: refusals of a request or of some of its pushes, replies in disorder or about other tokens,
expired access tokens, wrong credentials."""
ACCESS = ("login-fails", "login-silent", "revoked")
"""Logins fail, or access tokens expire early."""
LIMITS = ("tight", "quota", "hours")
"""The vendor allows less: per second, for the rest of its day, or nothing for a time that it names."""
STORES = ("gone", "full", "shut")
"""At vendors that store texts before they go to many phones: stored texts are lost, or no more are stored that day, or
for a time that the vendor names."""
RECEIPTS = ("held", "unanswered", "forged", "unkept")
"""Receipts come late and all together, are posted again although the host has taken them, are forged, or cannot be kept
by the host."""
CODE = ("misbehaviour", "clock")
"""In our own process: a plug-in that breaks its contract, a wall clock that jumps."""
HOST = ("cancel", "reload", "rotate", "remove", "nonsense", "reopen", "flood")
"""Actions of hosts and operators."""
KINDS = WIRE * 2 + VERDICTS * 2 + ACCESS * 2 + LIMITS + CODE + HOST * 2


@attrs.frozen
class Trouble:
    """One thing that goes wrong for a while."""

    kind: str
    begins: float
    lasts: float
    strength: float
    """The probability with which it affects a request; 1.0 is an outage."""
    app: str
    """The affected app; empty: all."""
    seed: int

    def __str__(self) -> str:
        whom = self.app or "everybody"
        return f"{self.kind} at {self.begins:.1f} s for {self.lasts:.1f} s, {whom}, strength {self.strength}"


def draw(
    chance: random.Random, apps: Sequence[str], until: float, kinds: Sequence[str] = KINDS, most: int = 16
) -> list[Trouble]:
    """The troubles of one day, three to `most` - 1; all are over at `until` seconds."""
    troubles = []
    for _ in range(chance.randrange(min(3, most - 1), most)):
        lasts = chance.choice([1.0, 5.0, 20.0, 60.0, 180.0])
        troubles.append(
            Trouble(
                kind=chance.choice(kinds),
                begins=round(chance.uniform(0, until - lasts), 1),
                lasts=lasts,
                strength=chance.choice([0.1, 0.3, 1.0]),
                app=chance.choice([*apps, ""]),
                seed=chance.getrandbits(32),
            )
        )
    return troubles


class Struck(NamedTuple):
    """A trouble that affects a request."""

    kind: str
    chance: random.Random
    """Its random generator."""
    ends: float
    """Loop seconds."""


class TroubleSchedule:
    """The troubles of a day, to be asked for those that are active."""

    def __init__(self, troubles: Sequence[Trouble]) -> None:
        self._all = [(trouble, random.Random(trouble.seed)) for trouble in troubles]

    def strikes(self, now: float, app: str, kinds: Sequence[str]) -> Struck | None:
        """The first trouble of these kinds that affects a request for `app` at this moment."""
        for trouble, chance in self._all:
            if (
                trouble.begins <= now < trouble.begins + trouble.lasts
                and trouble.kind in kinds
                and trouble.app in ("", app)
                and chance.random() < trouble.strength
            ):
                return Struck(trouble.kind, chance, trouble.begins + trouble.lasts)
        return None
