"""Rare cases of values and receipts."""

import asyncio

import pytest
from toy_vendor import ToyServer, gateway, note

from pushgateway import FieldError, Notification, Outcome, Priority, Push, PushToken, Receipt, ReceiptKind, Status
from pushgateway.receipts.confirm import Confirmation, Confirming
from pushgateway.testing.virtual_time import run_virtual

A, B = PushToken(1, "a"), PushToken(1, "b")


def reported(push_token: PushToken, kind: ReceiptKind) -> Receipt:
    return Receipt(push_token=push_token, kind=kind, event="word", dedupe_id=f"d-{push_token.token}")


def confirmed(*receipts: Receipt) -> Confirmation:
    """The confirmation of pushes to A and B after these receipts."""
    outcomes = [
        Outcome(push_token=token, status=Status.ACCEPTED, dedupe_id=f"d-{token.token}", attempts=1) for token in (A, B)
    ]

    async def main() -> Confirmation:
        async with gateway(ToyServer()) as g:
            confirming = Confirming(g)
            found = asyncio.create_task(confirming.confirm(outcomes, within=10.0))
            await asyncio.sleep(1.0)
            for receipt in receipts:
                await confirming.receive([receipt])
            return await found

    return run_virtual(main())


def test_what_has_arrived_stays_so() -> None:
    """A push that has arrived stays so when a later receipt reports its token as dead."""
    found = confirmed(reported(A, ReceiptKind.ARRIVED), reported(A, ReceiptKind.UNREGISTERED))

    assert (found.arrived, found.dead, found.unconfirmed) == ((A,), (), (B,))


def test_a_suspicion_confirms_nothing() -> None:
    """A receipt of kind `SUSPECT` leaves its phone unconfirmed."""
    found = confirmed(reported(A, ReceiptKind.SUSPECT), reported(B, ReceiptKind.ARRIVED))

    assert (found.arrived, found.missing, found.unconfirmed) == ((B,), (), (A,))


def test_a_twin_of_a_push_has_its_place_in_the_queue() -> None:
    """The same push to another phone or under another id has the same priority."""
    push = Push(A, note(), priority=Priority.URGENT)

    assert push.with_dedupe_id("d").priority is Priority.URGENT
    assert Push.copies([push], [B], ["d"])[0].priority is Priority.URGENT


def test_a_brand_has_one_spelling_in_overrides() -> None:
    """As in a certificate, blanks around it are removed and it becomes lower case; two spellings of one brand are
    an error.
    """
    assert list(Notification("t", "b", overrides={" OPPO ": {"x": 1}}).overrides) == ["oppo"]
    with pytest.raises(FieldError, match="names a brand twice"):
        Notification("t", "b", overrides={"oppo": {}, "Oppo": {}})


def test_two_keys_of_one_text_are_refused() -> None:
    """Objects of subclasses of `str` may differ although their texts are equal; in JSON one would replace the other."""

    class Own(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return 1

        def __eq__(self, other: object) -> bool:
            return self is other

    with pytest.raises(FieldError, match="two keys are the same text"):
        Notification("t", "b", data={Own("k"): 1, Own("k"): 2})
