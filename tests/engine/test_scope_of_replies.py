"""A vendor's reply changes only what it is about: one phone, one push of a batch, one quota.

Virtual time; outcomes are compared with what the vendor performed. Groups Q, B and H of the catalogue.
"""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest
from pushgateway_oppo.sandbox import OppoSandbox
from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import Certificate, Gateway, Notification, Outcome, Push, PushToken, Reason, RetryPolicy, Status
from pushgateway.observe.events import Event, QuotaLatched
from pushgateway.sandbox import Fault
from pushgateway.testing import SandboxTransport
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual
from pushgateway.vendor import NoVerdict

HOST = "https://api.push.oppomobile.com"


def oppo(sandbox: OppoSandbox, **options: Any) -> Gateway:
    """A gateway to this sandbox, in virtual time."""
    clock = loop_wall_clock()
    transport = SandboxTransport(sandbox, clock=clock, latency=lambda: 0.01)
    settings = {**sandbox.settings(HOST), **options.pop("settings", {})}
    return Gateway([Certificate(7005, "oppo", settings)], transport=transport, clock=clock, **options)


def pushes(tokens: list[str]) -> list[Push]:
    return [Push(PushToken(7005, token), Notification("title", f"for {token}")) for token in tokens]


@pytest.mark.parametrize("size", [1, 1000])
def test_a_muted_phone_affects_no_other_push(size: int) -> None:
    """`MUTED` is the outcome of that push only: its neighbours, later pushes and the quotas of other certificates are
    not affected (Q4)."""
    sandbox = OppoSandbox(clock=loop_wall_clock(), tokens=60)
    tokens = list(sandbox.tokens)
    events: list[Event] = []
    for token in tokens[:30]:
        sandbox.mute(token)

    async def main() -> list[Outcome]:
        async with oppo(sandbox, observer=events.append, settings={"batch_size": size}) as g:
            first = await g.send_each(pushes(tokens))
            return [*first, *await g.send_each(pushes(tokens[30:]))]

    outcomes = run_virtual(main())

    assert Counter((outcome.status, outcome.reason) for outcome in outcomes) == {
        (Status.REJECTED, Reason.MUTED): 30,
        (Status.ACCEPTED, None): 60,
    }
    assert {outcome.push_token.token for outcome in outcomes if not outcome.ok} == set(tokens[:30])
    assert all(outcome.attempts == 1 for outcome in outcomes)
    assert {type(event).__name__ for event in events} == {"LoginDone", "RequestDone", "OutcomeGiven"}


def test_only_the_vendors_refusal_closes_a_quota() -> None:
    """Two thousand pushes that may have counted close no quota; one refusal does, however few were accepted (Q6)."""
    server = ToyServer()
    events: list[Event] = []

    async def main() -> tuple[list[Outcome], list[Outcome], Outcome, int, Outcome]:
        retry = RetryPolicy(attempts=1)
        async with gateway(server, certificate(size=500), retry=retry, observer=events.append, connections=1) as g:
            doubtful = []
            for turn in range(4):
                server.answers = [NoVerdict("cut")]
                doubtful += await g.send_each([Push(PushToken(1, f"d{turn}-{n}"), note()) for n in range(500)])
                await asyncio.sleep(60.0)
            good = await g.send_each([Push(PushToken(1, f"g{n}"), note()) for n in range(500)])
            assert not [event for event in events if isinstance(event, QuotaLatched)]
            server.answers = ["7"]
            refused = await g.send(PushToken(1, "r"), note())
            asked = server.calls["push"]
            after = await g.send(PushToken(1, "after"), note())
            return doubtful, good, refused, server.calls["push"] - asked, after

    doubtful, good, refused, later, after = run_virtual(main())

    assert {outcome.status for outcome in doubtful} == {Status.UNKNOWN}
    assert all(outcome.ok for outcome in good)
    assert (refused.status, refused.reason) == (Status.REJECTED, Reason.QUOTA_EXCEEDED)
    assert (after.status, after.reason, later) == (Status.NOT_SENT, Reason.QUOTA_EXCEEDED, 0)
    assert [event.pushes for event in events if isinstance(event, QuotaLatched)] == [1]


@pytest.mark.parametrize("code", ["2", "3", "5", None])
def test_an_error_at_any_place_of_a_batch(code: str | None) -> None:
    """A final refusal, a temporary one or a missing verdict is the outcome of the push at that place, whichever place
    it is; all others have their own (B13)."""
    count = 100

    async def main(place: int) -> tuple[list[Outcome], Counter[tuple[str, str]]]:
        server = ToyServer()
        odd = f"k{place}"
        server.codes = {odd: code} if code is not None else {}
        if code is None:
            server.answers = [lambda items: {token: "0" for token, *_ in items if token != odd}]
        async with gateway(server, certificate(logs_in=False), retry=RetryPolicy(attempts=1)) as g:
            return await g.send_each([Push(PushToken(1, f"k{n}"), note()) for n in range(count)]), server.ledger

    reasons = {"2": Reason.UNREGISTERED, "3": Reason.INVALID_NOTIFICATION, "5": Reason.UNAVAILABLE}
    for place in range(count):
        outcomes, ledger = run_virtual(main(place))

        odd = outcomes.pop(place)
        assert odd.reason is (Reason.NO_VERDICT if code is None else reasons[code])
        assert odd.push_token.token == f"k{place}"
        assert all(outcome.ok for outcome in outcomes)
        assert set(ledger.values()) == {1}
        assert len(ledger) == count - (code is not None)


@pytest.mark.parametrize("place", [0, 1, 255, 256, 257, 511, 512, 998, 999])
def test_a_dead_token_at_any_place_of_a_full_batch(place: int) -> None:
    """The same over OPPO's own protocol, at the ends of a batch of a thousand and where its reader yields to the event
    loop (B13)."""
    sandbox = OppoSandbox(clock=loop_wall_clock(), tokens=1000)
    tokens = list(sandbox.tokens)
    sandbox.uninstall(tokens[place])

    async def main() -> list[Outcome]:
        async with oppo(sandbox) as g:
            return await g.send_each(pushes(tokens))

    outcomes = run_virtual(main())

    assert sandbox.ledger.calls["unicast_batch"] == 1
    assert [n for n, outcome in enumerate(outcomes) if outcome.reason is Reason.UNREGISTERED] == [place]
    assert sum(outcome.ok for outcome in outcomes) == 999
    assert len(sandbox.ledger.deliveries) == 999


def test_the_reply_to_another_batch() -> None:
    """A proxy exchanges two replies: a push whose token is not in the reply has no verdict, and none is `ACCEPTED`
    because another was (H15)."""
    server = ToyServer()
    mixed = [f"k{n}" for n in range(10)]

    async def main() -> list[Outcome]:
        other = {f"other{n}": "0" for n in range(10)}
        server.answers = [lambda items: other, lambda items: {**other, mixed[0]: "0"}]
        options: dict[str, Any] = {"retry": RetryPolicy(attempts=1), "connections": 1}
        async with gateway(server, certificate(logs_in=False, size=10), **options) as g:
            whole = await g.send_each([Push(PushToken(1, token), note()) for token in mixed])
            return [*whole, *await g.send_each([Push(PushToken(1, token), note()) for token in mixed])]

    outcomes = run_virtual(main())

    assert [outcome.status for outcome in outcomes[:10]] == [Status.UNKNOWN] * 10
    assert [outcome.ok for outcome in outcomes[10:]] == [True, *[False] * 9]
    assert {outcome.status for outcome in outcomes[11:]} == {Status.UNKNOWN}


@pytest.mark.parametrize("seed", range(4))
def test_foreign_items_in_a_reply_of_oppo(seed: int) -> None:
    """With items of other pushes, missing ones, double ones and any order only pushes that were performed are
    `ACCEPTED` (B3, B4, H15)."""
    sandbox = OppoSandbox(clock=loop_wall_clock(), tokens=300, seed=seed)
    tokens = list(sandbox.tokens)
    dead = set(random.Random(seed).sample(tokens, 30))
    for token in dead:
        sandbox.uninstall(token)
    kinds = ("omit", "shuffle", "extra", "twice")
    sandbox.faults.add(*(Fault(kind=kind, operation="unicast_batch", times=None) for kind in kinds))

    async def main() -> list[Outcome]:
        async with oppo(sandbox, retry=RetryPolicy(attempts=1)) as g:
            return await g.send_each(pushes(tokens))

    outcomes = run_virtual(main())

    assert {outcome.push_token.token for outcome in outcomes if outcome.reason is Reason.UNREGISTERED} <= dead
    assert all(sandbox.ledger.count(outcome.push_token.token) == 1 for outcome in outcomes if outcome.ok)
    assert sum(outcome.status is Status.UNKNOWN for outcome in outcomes) == 1
    assert {delivery.token: delivery.body for delivery in sandbox.ledger.deliveries} == {
        token: f"for {token}" for token in tokens if token not in dead
    }
