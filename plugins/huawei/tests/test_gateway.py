"""Both brands through a gateway: mixed phones in one call, repeats, receipts, recall."""

from __future__ import annotations

from typing import Any

import pytest
from pushgateway_huawei import Harmony, Huawei
from pushgateway_huawei.sandbox import HarmonySandbox, HuaweiSandbox

from pushgateway import Certificate, Gateway, Notification, Push, PushToken, Secret, Status
from pushgateway.sandbox import Fault
from pushgateway.testing import SandboxTransport
from pushgateway.testing.conformance.sandbox_connection import Clock
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Outcome, Reason, ReceiptKind

KINDS: dict[str, tuple[type[Any], type[Any]]] = {
    "huawei": (Huawei, HuaweiSandbox),
    "harmony": (Harmony, HarmonySandbox),
}
BRANDS = pytest.mark.parametrize("brand", KINDS)
NOTE = Notification("title", "text", intent="chat")


def setting(brand: str, **certificate: Any) -> tuple[Any, Gateway]:
    """A sandbox, and a gateway with one certificate for it."""
    sandbox = KINDS[brand][1](clock=Clock())
    made = Certificate(1, brand, sandbox.settings("https://sandbox.invalid"), **certificate)
    transport = SandboxTransport(sandbox, clock=sandbox.clock)
    return sandbox, Gateway([made], transport=transport, clock=sandbox.clock)


@BRANDS
def test_only_harmony_repeats_what_has_no_verdict(brand: str) -> None:
    """The connection breaks after the request has arrived. A HarmonyOS phone drops the repeat, so it is sent again and
    shown once; an Android phone would show it twice, so it is not."""
    sandbox, gateway = setting(brand)
    sandbox.faults.add(Fault(kind="drop", operation="send"))

    async def main() -> Outcome:
        async with gateway:
            return await gateway.send(PushToken(1, sandbox.tokens[0]), NOTE)

    outcome = run_virtual(main())

    assert outcome.status is (Status.UNKNOWN if brand == "huawei" else Status.ACCEPTED)
    assert sandbox.ledger.count(sandbox.tokens[0]) == 1
    assert len(sandbox.phones()[0].shown) == 1


@BRANDS
def test_signed_receipts_need_no_parameter_of_ours(brand: str) -> None:
    """What Huawei signed is taken and names the push of the outcome; what it did not sign is refused."""
    sandbox, gateway = setting(brand, receipt_secret=Secret("of the address, long"), receipt_url="https://im.example/r")

    async def main() -> tuple[Outcome, Any, Any]:
        async with gateway:
            address = gateway.receipt_address(1)
            sandbox.receipts_at = address
            outcome = await gateway.send(PushToken(1, sandbox.tokens[0]), NOTE)
            (posted,) = sandbox.callbacks()
            taken = gateway.receipts(1, dict(posted.headers), posted.content)
            changed = {**posted.headers, "x-huawei-callback-id": "timestamp=1; nonce=n; value=x"}
            forged = gateway.receipts(1, changed, posted.content)
            return outcome, taken, forged

    outcome, taken, forged = run_virtual(main())

    (receipt,) = taken.receipts
    assert (receipt.kind, receipt.message_id) == (ReceiptKind.ARRIVED, outcome.message_id)
    assert receipt.push_token == outcome.push_token
    assert forged.receipts == ()
    assert forged.reason is Reason.CREDENTIALS


def test_a_recall_over_both_brands() -> None:
    """HarmonyOS takes it back, Android says that it cannot."""
    old, new = HuaweiSandbox(clock=Clock()), HarmonySandbox(clock=Clock())
    certificates = [
        Certificate(1, "huawei", old.settings("https://old.invalid")),
        Certificate(2, "harmony", new.settings("https://new.invalid")),
    ]
    transport = SandboxTransport({"https://old.invalid": old, "https://new.invalid": new}, clock=old.clock)

    async def main() -> Any:
        async with Gateway(certificates, transport=transport, clock=old.clock) as gateway:
            phones = [PushToken(1, old.tokens[0]), PushToken(2, new.tokens[0]), PushToken(2, new.tokens[1])]
            outcomes = await gateway.send_each([Push(phone, NOTE) for phone in phones])
            return outcomes, await gateway.recall(outcomes)

    outcomes, recalled = run_virtual(main())

    assert [one.ok for one in outcomes] == [True] * 3
    assert [one.ok for one in recalled] == [False, True, True]
    assert recalled[0].reason is Reason.UNSUPPORTED
    assert [len(phone.shown) for phone in new.phones()[:2]] == [0, 0]
    assert len(old.phones()[0].shown) == 1
