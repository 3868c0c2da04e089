"""Faults planted in receipts: marks, proofs, repeats, and what the host could not keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import pytest
from simulated.troubles import Trouble

from planted.plant import Plant, often, plant
from pushgateway import Proof, Receipt, ReceiptKind
from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.engine.receipts import ReceiptVerifier
from pushgateway.engine.saved_contents import SavedContent, Stored
from pushgateway.model.batch import Batch
from pushgateway.model.push import Push
from pushgateway.observe.traces import Traces

PLANTS: list[Plant] = []
Patch = pytest.MonkeyPatch
_callback_for, _callback_for_message = ReceiptSigner.callback_for, ReceiptSigner.callback_for_message
_mark, _verify = ReceiptVerifier._mark, ReceiptSigner.verify


@plant(PLANTS, "R2", troubles=())
def one_mark_for_all(patch: Patch) -> None:
    """All requests of a certificate have the same mark."""
    patch.setattr(ReceiptSigner, "callback_for_message", lambda self, *ids: _callback_for_message(self, "all"))


@plant(PLANTS, "R2", 2, troubles=())
def mark_of_another_push(patch: Patch) -> None:
    """A push has the mark of the push before it."""
    before: dict[ReceiptSigner, Push] = {}

    def callback_for(self: ReceiptSigner, push: Push) -> Any:
        former, before[self] = before.get(self, push), push
        return _callback_for(self, former)

    patch.setattr(ReceiptSigner, "callback_for", callback_for)


@plant(PLANTS, "R2", 15, troubles=())
def mark_of_another_content(patch: Patch) -> None:
    """What was stored of a notification is sent with the mark of another one."""
    get, first = SavedContent.get, list[Stored]()

    async def confused(self: SavedContent, save: Any) -> Stored:
        stored = await get(self, save)
        first.append(stored)
        return stored

    def sign_batch(self: ReceiptSigner, batch: Batch) -> None:
        known = [one.callback for one in first if one.callback is not None and one.callback.url == self.url]
        batch.callback = known[0] if known else self.callback_for_message(*batch.dedupe_ids)

    patch.setattr(SavedContent, "get", confused)
    patch.setattr(ReceiptSigner, "sign_batch", sign_batch)


@plant(PLANTS, "R2", 2, troubles=())
def no_mark(patch: Patch) -> None:
    """Pushes that share a request are not marked."""
    patch.setattr(ReceiptSigner, "sign", lambda self, push: push)


@plant(PLANTS, "R1", troubles=often("unanswered"))
def repeats_are_new(patch: Patch) -> None:
    """A receipt that is posted again comes out again."""
    patch.setattr(ReceiptVerifier, "_is_new", lambda self, receipt: True)


@plant(PLANTS, "R1", troubles=())
def phones_are_one(patch: Patch) -> None:
    """A receipt of one phone counts as a repeat of that of another one."""

    def blind(self: ReceiptVerifier, receipt: Receipt, kind: ReceiptKind) -> int:
        push_token = attrs.evolve(receipt.push_token, token="any")
        return _mark(self, attrs.evolve(receipt, push_token=push_token), kind)

    patch.setattr(ReceiptVerifier, "_mark", blind)


@plant(PLANTS, "R1", troubles=often("forged"))
def any_mark_is_right(patch: Patch) -> None:
    """Marks are not verified."""

    def verify(self: ReceiptSigner, receipt: Receipt) -> Receipt:
        return _verify(self, receipt) or attrs.evolve(receipt, proof=Proof.PUSH)

    patch.setattr(ReceiptSigner, "verify", verify)


@plant(PLANTS, "R1", troubles=often("unkept"))
def not_forgotten(patch: Patch) -> None:
    """A receipt that the host could not keep counts as received."""
    patch.setattr(ReceiptVerifier, "forget", lambda self, receipts: None)


@plant(PLANTS, "R1", troubles=())
def dead_without_cause(patch: Patch) -> None:
    """A dead token is never confirmed by what the gateway knows of its push."""
    patch.setattr(Traces, "confirmed", lambda self, receipts: frozenset())


@plant(PLANTS, "I5", troubles=often("forged"))
def dead_by_hearsay(patch: Patch) -> None:
    """Whatever a receipt calls dead is dead."""
    patch.setattr(ReceiptVerifier, "_judged", lambda self, fresh: fresh)


@plant(PLANTS, "I5", troubles=often("forged"))
def dead_although_arrived(patch: Patch) -> None:
    """A token is called dead although the push has arrived."""
    patch.setattr(ReceiptVerifier, "_has_arrived", lambda self, receipt: False)


@plant(PLANTS, "R1", troubles=())
def lost_among_others(patch: Patch) -> None:
    """Of the receipts in one request the last one is lost."""
    judged = ReceiptVerifier._judged

    def fewer(self: ReceiptVerifier, fresh: Sequence[Receipt]) -> Iterable[Receipt]:
        return judged(self, fresh[:-1] if len(fresh) > 1 else fresh)

    patch.setattr(ReceiptVerifier, "_judged", fewer)


@plant(PLANTS, "R1", 29, troubles=(Trouble("cut", 0.0, 420.0, 0.2, "", 3),))
def suspect_for_good(patch: Patch) -> None:
    """A token that was suspect cannot be confirmed any more."""

    def alike(self: ReceiptVerifier, receipt: Receipt, kind: ReceiptKind) -> int:
        return _mark(self, receipt, ReceiptKind.UNREGISTERED if kind is ReceiptKind.SUSPECT else kind)

    patch.setattr(ReceiptVerifier, "_mark", alike)
