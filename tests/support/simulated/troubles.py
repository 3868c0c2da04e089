"""What goes wrong on a simulated day: drawn from the seed before it begins, each trouble with its own random generator.

A trouble has a kind, a time, a duration, a target and a strength, and does not depend on the others. So a failing day
can be repeated with one trouble less, until only those are left that the failure needs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import attrs

WIRE = ("refused", "connecting", "lost", "late", "cut", "html", "status", "odd", "slow")
"""On the network: nothing arrives, nothing comes back, or the reply is unreadable or late."""
VERDICTS = ("busy", "fast", "items", "foreign", "stale", "blocked")
"""The vendor's replies: refusals, expired access tokens, wrong credentials."""
ACCESS = ("login-fails", "login-silent", "revoked")
"""Logins fail, or access tokens expire early."""
LIMITS = ("tight", "quota")
"""The vendor allows less: per second, or for the rest of its day."""
STORING = ("gone", "full")
"""At vendors that store texts before they go to many phones: stored texts are lost, or no more are stored that day."""
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


class TroubleSchedule:
    """The troubles of a day, to be asked for those that are active."""

    def __init__(self, troubles: Sequence[Trouble]) -> None:
        self._all = [(trouble, random.Random(trouble.seed)) for trouble in troubles]

    def strikes(self, now: float, app: str, kinds: Sequence[str]) -> tuple[str, random.Random] | None:
        """The first trouble of these kinds that affects a request for `app` at this moment, and its random
        generator.
        """
        for trouble, chance in self._all:
            if (
                trouble.begins <= now < trouble.begins + trouble.lasts
                and trouble.kind in kinds
                and trouble.app in ("", app)
                and chance.random() < trouble.strength
            ):
                return trouble.kind, chance
        return None
