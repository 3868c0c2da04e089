"""What kind of vendor an app is at: what its plug-in says of it, and what its server does.

The vendors of one day are of different kinds: one that mixes notifications in a request, one whose requests hold one
notification for many phones, one that stores a notification before it goes to several phones, and one of any kind.
Everything else (access, ids, receipts, quotas, own calls) is drawn for each of them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

import attrs

from simulated.wire import NEWS

Batches = Literal["mixed", "same", "stored"]
BATCHES: Sequence[Batches] = ("mixed", "same", "stored")


@attrs.frozen(kw_only=True)
class Kind:
    """One kind of vendor. A setting of the plug-in, so its fields are plain values."""

    batches: Batches
    """`mixed`: a request may hold different notifications. `same`: one notification. `stored`: one, which is stored
    before it goes to two phones or more."""
    size: int
    """Pushes in a request, at most."""
    weighs: bool
    """The bytes of a request are limited too."""
    access: Literal["login", "signed", "timed", "key"]
    """`login`: an access token by a request. `signed`: an access token that the plug-in signs. `timed`: no login, and a
    signature over time and body of each request. `key`: no login, and the secret in each request."""
    lifetime: float
    """Seconds for which an access token is good."""
    is_vague: bool
    """It has one code for an access token that has expired and for one with a wrong time."""
    repeats: Literal["performed", "dropped", "dropped by phones"]
    """What becomes of a repeat: of one dedupe id at the vendor, or of one message id on the phone."""
    marks: Literal["push", "message", "none"]
    """What carries a parameter for receipts."""
    signs_receipts: bool
    reports_dead_tokens: bool
    """Dead tokens are only reported by receipts."""
    names_requests: bool
    """All pushes of a request have one message id."""
    has_handles: bool
    """A notification is taken back by another id than its message id."""
    recalls: bool
    checks_tokens: bool
    most_tokens: int | None
    """Tokens in one such call; None: the plug-in does not say."""
    has_quotas: bool
    """Notifications of the channel `NEWS` have a quota of their own."""
    has_compartments: bool
    """A channel that is not approved has the whole request refused."""
    stores_broadcasts: bool
    """A broadcast is saved before it is sent."""
    stored_for: float
    """Seconds for which a stored notification may be used."""
    connections: int | None
    """As in `Rates`."""
    pushes_per_second: int
    requests_per_second: int
    names_rates: bool
    """It publishes the last two."""

    @property
    def is_mixed(self) -> bool:
        """Whether a request may hold different notifications."""
        return self.batches == "mixed"

    @property
    def stores(self) -> bool:
        """Whether a notification is stored before it goes to several phones."""
        return self.batches == "stored"

    def quota_of(self, channel: str | None) -> str:
        """The class of quota of a notification in this channel."""
        return NEWS if self.has_quotas and channel == NEWS else ""

    @classmethod
    def drawn(cls, chance: random.Random, batches: Batches) -> Kind:
        """A vendor with such requests."""
        sizes = [3, 8, 8, 1000, 1000] if batches == "stored" else [1, 3, 8, 8, 1000, 1000]
        return cls(
            batches=batches,
            size=chance.choice(sizes),
            weighs=chance.random() < 0.3,
            access=chance.choice(["login", "login", "signed", "timed", "key"]),
            lifetime=chance.choice([70.0, 200.0, 86400.0]),
            is_vague=chance.random() < 0.5,
            repeats=chance.choice(["performed", "performed", "dropped", "dropped by phones"]),
            marks=chance.choice(["push", "message", "message", "none"]),
            signs_receipts=chance.random() < 0.3,
            reports_dead_tokens=chance.random() < 0.3,
            names_requests=chance.random() < 0.4,
            has_handles=chance.random() < 0.3,
            recalls=chance.random() < 0.7,
            checks_tokens=chance.random() < 0.7,
            most_tokens=chance.choice([None, 1, 5]),
            has_quotas=chance.random() < 0.5,
            has_compartments=chance.random() < 0.5,
            stores_broadcasts=chance.random() < 0.7,
            stored_for=chance.choice([0.0, 5.0, 3600.0]),
            connections=chance.choice([None, 3, 6]),
            pushes_per_second=chance.choice([100, 1000, 1000]),
            requests_per_second=chance.choice([20, 200]),
            names_rates=chance.random() < 0.3,
        )

    def __str__(self) -> str:
        words = [self.batches, f"size {self.size}", self.access, f"repeats {self.repeats}", f"marks {self.marks}"]
        flags = attrs.asdict(self, filter=lambda field, value: value is True)
        return ", ".join([*words, *(name.replace("_", " ") for name in flags)])
