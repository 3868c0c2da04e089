"""Faults planted in what only some kinds of vendors show: quotas with hours, compartments, times, recalls, and contents
that are stored for some time and for some phones."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import attrs
import pytest
from simulated.troubles import Trouble

from planted.plant import Plant, plant
from pushgateway.engine import token_operations
from pushgateway.engine.endpoint import Endpoint
from pushgateway.engine.flow_control.quota import Quotas
from pushgateway.engine.options import LaneOptions
from pushgateway.engine.saved_contents import SavedContent, SavedContents
from pushgateway.engine.session.access_tokens import AccessTokens
from pushgateway.engine.session.plugin_guard import GuardedVendor
from pushgateway.engine.token_operations import TokenOperations
from pushgateway.model.notification import Notification
from pushgateway.model.outcome import Outcome, TokenOutcome
from pushgateway.transport import CONNECTIONS

PLANTS: list[Plant] = []
Patch = pytest.MonkeyPatch
_init, _recall, _join = GuardedVendor.__init__, TokenOperations.recall, SavedContents.join
_CLOSED = (Trouble("hours", 20.0, 60.0, 1.0, "", 1),)


def _remade(patch: Patch, **changes: Any) -> None:
    """Change attributes of every vendor when it is made."""

    def init(self: GuardedVendor, *args: Any) -> None:
        _init(self, *args)
        for name, value in changes.items():
            setattr(self, name, value)

    patch.setattr(GuardedVendor, "__init__", init)


@plant(PLANTS, "Q2", troubles=_CLOSED)
def until_midnight(patch: Patch) -> None:
    """A quota that is closed for a time that the vendor names stays closed until midnight."""
    patch.setattr(Quotas, "close", lambda self, quota, now, wall, seconds: self.use_up(quota, now, wall, 0.5))


@plant(PLANTS, "Q2", troubles=_CLOSED)
def for_a_moment(patch: Patch) -> None:
    """A quota that is closed for a time that the vendor names is asked for again after a second."""

    def close(self: Quotas, quota: str, now: float, wall: float, seconds: float) -> float:
        self._until[quota] = wall + 1.0, now + 1.0
        return 1.0

    patch.setattr(Quotas, "close", close)


@plant(PLANTS, "B1", 11, troubles=())
def quotas_together(patch: Patch) -> None:
    """Pushes with different quotas share a request."""
    _remade(patch, _quota_of=None)


@plant(PLANTS, "B1", troubles=())
def compartments_together(patch: Patch) -> None:
    """Pushes of different compartments share a request."""
    _remade(patch, _compartment_of=None)


@plant(PLANTS, "B5", troubles=())
def channel_of_another(patch: Patch) -> None:
    """A channel that is refused costs the pushes that share the request."""
    _remade(patch, _compartment_of=None)


@plant(PLANTS, "B5", 7, troubles=())
def refused_together(patch: Patch) -> None:
    """A request that is refused as a whole is not split."""
    patch.setattr(Endpoint, "_searched", lambda self, delivery, refused: False)


@plant(PLANTS, "I7", troubles=())
def as_many_as_usual(patch: Patch) -> None:
    """The plug-in's number of connections is not kept."""
    patch.setattr(LaneOptions, "requests_at_once", lambda self, batching, named: self.connections or CONNECTIONS)


@plant(PLANTS, "A10", troubles=(Trouble("clock", 20.0, 300.0, 1.0, "", 1),))
def learns_no_time(patch: Patch) -> None:
    """The vendor's time is not learned from its refusals."""
    patch.setattr(AccessTokens, "learn_offset", lambda self, key, offset: None)


@plant(PLANTS, "V1", troubles=())
def recalled_by_message(patch: Patch) -> None:
    """Notifications are taken back by their message ids, where the vendor wants another id."""

    async def recall(self: TokenOperations, outcomes: Sequence[Outcome]) -> list[TokenOutcome]:
        return await _recall(self, [attrs.evolve(outcome, handle=None) for outcome in outcomes])

    patch.setattr(TokenOperations, "recall", recall)


@plant(PLANTS, "V1", troubles=())
def all_alive(patch: Patch) -> None:
    """What the vendor says of single tokens is not read."""
    patch.setattr(token_operations, "_of_answer", lambda made, reason: made)


@plant(PLANTS, "V1", troubles=())
def lists_of_any_length(patch: Patch) -> None:
    """A call has more tokens than the vendor takes."""
    patch.setattr(token_operations, "_most", lambda call: 1000)


@plant(PLANTS, "B2", troubles=())
def stored_for_one(patch: Patch) -> None:
    """A content is stored for a single phone too."""

    def init(self: GuardedVendor, *args: Any) -> None:
        _init(self, *args)
        self.batching = attrs.evolve(self.batching, least=1)

    patch.setattr(GuardedVendor, "__init__", init)


@plant(PLANTS, "B2", troubles=())
def stored_for_ever(patch: Patch) -> None:
    """What was stored is used after its lifetime."""

    def join(self: SavedContents, note: Notification) -> SavedContent:
        content = _join(self, note)
        content.users += 1  # so that it is never dropped
        return content

    patch.setattr(SavedContents, "join", join)
    patch.setattr(SavedContent, "until", property(lambda self: math.inf, lambda self, when: None))


@plant(PLANTS, "T7", troubles=())
def stored_by_title(patch: Patch) -> None:
    """What was stored of one notification is used for another one with the same title."""
    titles: dict[Hashable, Notification] = {}

    def join(self: SavedContents, note: Notification) -> SavedContent:
        return _join(self, titles.setdefault((id(self), note.title), note))

    patch.setattr(SavedContents, "join", join)
