"""Honor through a gateway: groups, repeats, dead and failed tokens, receipts, the check of a certificate."""

from __future__ import annotations

from typing import Any

import pytest
from pushgateway_honor import Honor
from pushgateway_honor.sandbox import HonorSandbox

from pushgateway import Certificate, Gateway, Notification, Push, PushToken, Reason, Secret, Status
from pushgateway.sandbox import Fault
from pushgateway.testing import SandboxTransport
from pushgateway.testing.conformance.sandbox_connection import Clock
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Outcome, ReceiptKind

NOTE = Notification("title", "text", intent="chat")


def setting(sandbox: HonorSandbox, **certificate: Any) -> Gateway:
    """A gateway with one certificate for the sandbox."""
    made = Certificate(1, "honor", sandbox.settings("https://sandbox.invalid"), **certificate)
    transport = SandboxTransport(sandbox, clock=sandbox.clock)
    return Gateway([made], transport=transport, clock=sandbox.clock, vendors={"honor": Honor})


def deliver(sandbox: HonorSandbox, *pushes: Push) -> list[Outcome]:
    """Send these pushes."""

    async def main() -> list[Outcome]:
        async with setting(sandbox) as gateway:
            return await gateway.send_each(pushes)

    return run_virtual(main())


@pytest.mark.parametrize(("count", "requests"), [(1000, 1), (1001, 2)])
def test_a_group_is_few_requests(count: int, requests: int) -> None:
    """1,000 tokens with one notification, and one more."""
    sandbox = HonorSandbox(clock=Clock(), tokens=count)
    outcomes = deliver(sandbox, *(Push(PushToken(1, token), NOTE) for token in sandbox.tokens))

    assert all(outcome.ok for outcome in outcomes)
    assert sandbox.ledger.calls == {"login": 1, "send": requests}
    assert sandbox.ledger.total == count


def test_a_failed_token_is_tried_again() -> None:
    """It certainly got nothing; so is not one that is dead, and none that was accepted."""
    sandbox = HonorSandbox(clock=Clock(), tokens=3)
    failed, dead, alive = sandbox.tokens
    sandbox.target_codes[failed] = "failTokens"
    sandbox.uninstall(dead)
    outcomes = deliver(sandbox, *(Push(PushToken(1, token), NOTE) for token in (failed, dead, alive)))

    assert [(one.reason, one.attempts) for one in outcomes] == [
        (Reason.UNAVAILABLE, 4),
        (Reason.UNREGISTERED, 1),
        (None, 1),
    ]
    assert [one.status for one in outcomes] == [Status.REJECTED, Status.REJECTED, Status.ACCEPTED]
    assert [sandbox.ledger.count(token) for token in (failed, dead, alive)] == [0, 0, 1]


def test_what_has_no_verdict_is_not_repeated() -> None:
    """Honor drops no repeats, so the phone would show it twice."""
    sandbox = HonorSandbox(clock=Clock(), tokens=1)
    sandbox.faults.add(Fault(kind="drop", operation="send"))
    (outcome,) = deliver(sandbox, Push(PushToken(1, sandbox.tokens[0]), NOTE))

    assert outcome.status is Status.UNKNOWN
    assert sandbox.ledger.calls["send"] == 1


@pytest.mark.parametrize("code", ["80200001", "80200003", "401"])
def test_an_access_token_that_is_refused_is_renewed(code: str) -> None:
    """Once, within the push."""
    sandbox = HonorSandbox(clock=Clock(), tokens=1)
    sandbox.faults.add(Fault(kind="code", operation="send", code=code))
    (outcome,) = deliver(sandbox, Push(PushToken(1, sandbox.tokens[0]), NOTE))

    assert outcome.ok
    assert sandbox.ledger.calls == {"login": 2, "send": 2}


@pytest.mark.parametrize("off", [-7200.0, 7200.0, 700.0])
def test_a_clock_that_is_wrong_heals(off: float) -> None:
    """Which code Honor has for a wrong time is not known: the vendor's time is learned from the refused reply, and what
    comes later has it from the beginning."""
    sandbox = HonorSandbox(clock=Clock(), tokens=2)
    certificate = Certificate(1, "honor", sandbox.settings("https://sandbox.invalid"))

    def clock() -> float:
        return sandbox.clock() + off

    async def main() -> list[Outcome]:
        transport = SandboxTransport(sandbox, clock=clock)
        async with Gateway([certificate], transport=transport, clock=clock, vendors={"honor": Honor}) as gateway:
            return [await gateway.send(PushToken(1, token), NOTE) for token in sandbox.tokens]

    outcomes = run_virtual(main())

    assert [(one.ok, one.attempts) for one in outcomes] == [(True, 2), (True, 1)]
    assert sandbox.ledger.calls["send"] == 3


def test_many_dead_tokens_without_names_are_found_one_by_one() -> None:
    """The living one beside them gets it, and only those who were alone in their request are dead."""
    sandbox = HonorSandbox(clock=Clock(), tokens=1, all_invalid="80300007")
    tokens = ["dead-1", "dead-2", "dead-3"]
    outcomes = deliver(sandbox, *(Push(PushToken(1, token), NOTE) for token in tokens))

    assert [one.reason for one in outcomes] == [Reason.UNREGISTERED] * 3
    assert sandbox.ledger.calls["send"] > 3


def test_receipts_are_verified_by_our_mark() -> None:
    """Honor signs nothing: a receipt with our parameter is taken, another is not; a tap comes after the delivery."""
    sandbox = HonorSandbox(clock=Clock(), tokens=1)
    gateway = setting(sandbox, receipt_secret=Secret("of the address, long"), receipt_url="https://im.example/r")

    async def main() -> Any:
        async with gateway:
            sandbox.receipts_at = gateway.receipt_address(1)
            outcome = await gateway.send(PushToken(1, sandbox.tokens[0]), NOTE)
            (posted,) = sandbox.callbacks()
            taken = gateway.receipts(1, dict(posted.headers), posted.content)
            tapped = posted.content.replace(b"40000002", b"40000007")
            forged = posted.content.replace(b'"biTag": "', b'"biTag": "x')
            return outcome, [gateway.receipts(1, {}, body) for body in (tapped, forged)], taken

    outcome, (tapped, forged), taken = run_virtual(main())

    (receipt,) = taken.receipts
    assert (receipt.kind, receipt.message_id) == (ReceiptKind.ARRIVED, outcome.message_id)
    assert [one.kind for one in tapped.receipts] == [ReceiptKind.CLICKED]
    assert (forged.receipts, forged.forged) == ((), 1)


@pytest.mark.parametrize(
    ("settings", "ok", "reason"),
    [
        ({}, True, None),
        ({"app_id": "7"}, False, Reason.CREDENTIALS),
        ({"client_secret": "wrong"}, False, Reason.CREDENTIALS),
    ],
)
def test_check_proves_all_three_credentials(settings: dict[str, str], ok: bool, reason: Reason | None) -> None:
    """The login proves two of them, the probe the app id."""
    sandbox = HonorSandbox(clock=Clock(), tokens=1)
    certificate = Certificate(1, "honor", {**sandbox.settings("https://sandbox.invalid"), **settings})

    async def main() -> Any:
        transport = SandboxTransport(sandbox, clock=sandbox.clock)
        async with Gateway([certificate], transport=transport, clock=sandbox.clock) as gateway:
            return await gateway.check(1)

    found = run_virtual(main())

    assert (found.ok, found.reason) == (ok, reason)
    assert sandbox.ledger.total == 0
