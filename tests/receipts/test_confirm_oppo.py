"""Confirming messages with OPPO's own plug-in: operations, statistics and receipts through one gateway.

Virtual time, the strict sandbox, no network.
"""

import random

import pytest
from pushgateway_oppo import Oppo
from pushgateway_oppo.sandbox import OppoSandbox

from pushgateway import Audience, CallOutcome, Certificate, Gateway, Notification, PushToken, Reason, Statistics, Status
from pushgateway.receipts.confirm import Confirmation, Confirming
from pushgateway.testing import SandboxTransport
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual

HOST = "https://api.push.oppomobile.com"
NOTE = Notification("Duty", "Water in the server room")


def gateway(oppo: OppoSandbox, **receipts: str) -> Gateway:
    clock = loop_wall_clock()
    certificate = Certificate(7005, "oppo", {**oppo.settings(HOST)}, **receipts)
    transport = SandboxTransport(oppo, clock=clock, latency=lambda: 0.01)
    return Gateway([certificate], transport=transport, clock=clock, rng=random.Random(3))


def test_statistics_confirm_a_broadcast_to_everyone() -> None:
    """They are requested by task, and end the waiting when all phones are counted."""
    oppo = OppoSandbox(clock=loop_wall_clock(), tokens=7)

    async def main() -> Confirmation:
        async with gateway(oppo) as g:
            outcome = await g.broadcast(7005, NOTE, Audience.everyone())
            return await Confirming(g).confirm(outcome, within=3600.0)

    found = run_virtual(main())

    assert found.ok
    assert [(counts.targets, counts.arrived) for counts in found.statistics] == [(7, 7)]
    assert oppo.ledger.calls["statistics"] == 1


@pytest.mark.parametrize("dialect", ["v1.3", "current"])
def test_receipts_confirm_a_broadcast_to_tokens(dialect: str) -> None:
    """Each phone is named, the dead one too; with statistics where the dialect has them."""
    oppo = OppoSandbox(clock=loop_wall_clock(), dialect=dialect, tokens=3)
    tokens = [*oppo.tokens, "CN_" + "0" * 32]

    async def main() -> Confirmation:
        settings = {"receipt_url": "https://im.example.com/push", "receipt_secret": "a secret of many letters"}
        async with gateway(oppo, **settings) as g:
            confirming = Confirming(g)
            outcome = await g.broadcast(7005, NOTE, Audience.of_tokens(tokens))
            for due in oppo.callbacks():
                received = g.receipts(7005, due.headers, due.content)
                assert (received.forged, received.unreadable) == (0, 0)
                await confirming.receive(received.receipts)
            return await confirming.confirm(outcome, within=60.0)

    found = run_virtual(main())

    assert found.arrived == tuple(PushToken(7005, token) for token in tokens[:3])
    assert (found.missing, found.dead) == ((), (PushToken(7005, tokens[3]),))


def test_operations_of_oppo_go_through_the_gateway() -> None:
    """There is one login, the calls are typed, and a dead token is a readable refusal that stops nothing."""
    oppo = OppoSandbox(clock=loop_wall_clock(), tokens=2)

    async def main() -> tuple[CallOutcome[Statistics], list[Status]]:
        async with gateway(oppo) as g:
            vendor = g.vendor(7005)
            named = await vendor.subscribe_alias(oppo.tokens[0], "ann")
            refused = await vendor.subscribe_alias("CN_" + "0" * 32, "ben")
            push = await g.send(PushToken(7005, oppo.tokens[0]), NOTE)
            return await vendor.ask(Oppo.statistics, "0" * 24), [named.status, refused.status, push.status]

    counts, statuses = run_virtual(main())

    assert statuses == [Status.ACCEPTED, Status.REJECTED, Status.ACCEPTED]
    assert (counts.status, counts.reason) == (Status.REJECTED, Reason.INVALID_NOTIFICATION)
    assert oppo.ledger.calls["auth"] == 1
