"""Faults planted in batches: message ids, and contents that are stored before they go to many phones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from simulated.troubles import Trouble

from planted.plant import Plant, again, plant
from pushgateway.engine import endpoint
from pushgateway.engine.delivery import Delivery
from pushgateway.engine.flow_control.gate import Gate
from pushgateway.engine.pushes.runs import Run
from pushgateway.engine.saved_contents import SavedContent, SavedContents, Stored

PLANTS: list[Plant] = []
Patch = pytest.MonkeyPatch
_have_stored = Delivery.have_stored
_join = SavedContents.join


@plant(PLANTS, "B2", troubles=())
def saved_by_each(patch: Patch) -> None:
    """Each batch has its content stored, also while another one does."""

    async def get(self: SavedContent, save: Callable[[], Awaitable[Stored]]) -> Stored:
        return await save()

    patch.setattr(SavedContent, "get", get)


@plant(PLANTS, "B2", 3, troubles=())
def saved_elsewhere(patch: Patch) -> None:
    """What one server has stored is used at the other one."""
    contents = SavedContents()
    patch.setattr(SavedContents, "join", lambda self, note: _join(contents, note))


@plant(PLANTS, "T7", 4, troubles=())
def saved_for_others(patch: Patch) -> None:
    """The stored content of one notification goes to the phones of another one."""

    def join(self: SavedContents, note: Any) -> SavedContent:
        return _join(self, next(iter(self._all), note))

    patch.setattr(SavedContents, "join", join)


@plant(PLANTS, "B2", troubles=again("late"))
def doubtful_save(patch: Patch) -> None:
    """A push counts as sent while its content is being stored."""

    async def have_stored(self: Delivery, access: Any) -> Stored:
        for run in self.runs:
            run.asked = True
        return await _have_stored(self, access)

    patch.setattr(Delivery, "have_stored", have_stored)


@plant(PLANTS, "Q2", troubles=again("full"))
def saved_although_full(patch: Patch) -> None:
    """Contents are stored although their quota is used up."""
    patch.setattr(Gate, "may_save", lambda self, now: True)


@plant(PLANTS, "T7")
def renamed_message(patch: Patch) -> None:
    """A repeat has another message id."""
    patch.setattr(Run, "has_message_ids", False)


@plant(PLANTS, "T7", troubles=())
def one_name_for_all(patch: Patch) -> None:
    """All messages have the same id."""

    def message_ids(notes: Sequence[Any], dedupe_ids: Sequence[str], certificate_id: str) -> list[str]:
        return ["m"] * len(dedupe_ids)

    patch.setattr(endpoint, "message_ids", message_ids)


@plant(PLANTS, "B1", 19, troubles=(Trouble("busy", 0.0, 420.0, 0.5, "", 5),))
def names_together(patch: Patch) -> None:
    """Pushes with different message ids share a request of which the vendor takes one id."""
    patch.setattr(Run, "message_id", "")
