"""Meizu through a gateway: groups, failures, limits, broadcasts, receipts, the check of a certificate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pushgateway_meizu import Meizu
from pushgateway_meizu.sandbox import MeizuSandbox

from pushgateway import (
    Audience,
    BroadcastOutcome,
    Certificate,
    Gateway,
    Notification,
    Push,
    PushToken,
    Reason,
    Secret,
    Status,
    SumStatus,
)
from pushgateway.sandbox import Fault
from pushgateway.testing import SandboxTransport
from pushgateway.testing.conformance.sandbox_connection import EPOCH, Clock
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Outcome, ReceiptKind

NOTE = Notification("title", "text", intent="chat")
URL = "https://sandbox.invalid"


def setting(sandbox: MeizuSandbox, settings: dict[str, Any] | None = None, **certificate: Any) -> Gateway:
    """A gateway with one certificate for the sandbox."""
    made = Certificate(1, "meizu", {**sandbox.settings(URL), **(settings or {})}, **certificate)
    transport = SandboxTransport(sandbox, clock=sandbox.clock)
    return Gateway([made], transport=transport, clock=sandbox.clock, vendors={"meizu": Meizu})


def deliver(sandbox: MeizuSandbox, *pushes: Push) -> list[Outcome]:
    """Send these pushes."""

    async def main() -> list[Outcome]:
        async with setting(sandbox) as gateway:
            return await gateway.send_each(pushes)

    return run_virtual(main())


def broadcast(sandbox: MeizuSandbox, audience: Audience, note: Notification = NOTE, **more: Any) -> BroadcastOutcome:
    """Broadcast through a gateway."""

    async def main() -> BroadcastOutcome:
        async with setting(sandbox) as gateway:
            return await gateway.broadcast(1, note, audience, **more)

    return run_virtual(main())


def to(sandbox: MeizuSandbox, note: Notification = NOTE) -> list[Push]:
    """A push of the notification for every phone."""
    return [Push(PushToken(1, token), note) for token in sandbox.tokens]


@pytest.mark.parametrize(("count", "requests"), [(100, 1), (101, 2)])
def test_a_group_is_few_requests(count: int, requests: int) -> None:
    """100 tokens with one notification, and one more; there is no login."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=count)
    outcomes = deliver(sandbox, *to(sandbox))

    assert all(outcome.ok for outcome in outcomes)
    assert sandbox.ledger.calls == {"push": requests}
    assert sandbox.ledger.total == count


def test_each_target_ends_by_its_own_code() -> None:
    """What may pass is tried again: a server that is overloaded, and a rate. The others have their ending at once."""
    codes = {"519": 4, "518": 4, "110010": 1, "110011": 1, "520": 1, "110002": 1, "201": 1}
    sandbox = MeizuSandbox(clock=Clock(), tokens=len(codes) + 1)
    sandbox.target_codes.update(zip(sandbox.tokens, codes, strict=False))
    outcomes = deliver(sandbox, *to(sandbox))

    reasons = [
        *(Reason.UNAVAILABLE, Reason.RATE_LIMITED, Reason.MUTED, Reason.MUTED, Reason.MUTED, Reason.UNREGISTERED),
        *(Reason.CREDENTIALS, None),
    ]
    assert [one.reason for one in outcomes] == reasons
    assert [one.vendor_code for one in outcomes] == [*codes, None]
    assert [one.attempts for one in outcomes][2:] == [1] * 6
    assert min(one.attempts for one in outcomes[:2]) > 1
    assert sandbox.ledger.total == 1


def test_what_has_no_verdict_is_not_repeated() -> None:
    """Meizu drops no repeats, so the phone would show it twice."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=1)
    sandbox.faults.add(Fault(kind="drop", operation="push"))
    (outcome,) = deliver(sandbox, *to(sandbox))

    assert outcome.status is Status.UNKNOWN
    assert sandbox.ledger.calls["push"] == 1


@pytest.mark.parametrize("code", ["300", "500", "1001", "1003", "110010"])
def test_what_passes_is_tried_again(code: str) -> None:
    """A redirect, an error of the server, a rate."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=1)
    sandbox.faults.add(Fault(kind="code", operation="push", code=code))
    (outcome,) = deliver(sandbox, *to(sandbox))

    assert (outcome.ok, outcome.attempts) == (True, 2)


def test_a_content_that_is_refused_costs_one_request() -> None:
    """100 phones, one wrong message: it is not tried in halves."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=100)
    sandbox.faults.add(Fault(kind="code", operation="push", code="1005", times=None))
    outcomes = deliver(sandbox, *to(sandbox))

    assert {one.reason for one in outcomes} == {Reason.INVALID_NOTIFICATION}
    assert sandbox.ledger.calls["push"] == 1


@pytest.mark.parametrize("code", ["110019", "110051"])
def test_a_daily_limit_closes_its_type_only(code: str) -> None:
    """No more public messages until midnight in China; private ones are still asked for."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=1, daily_limit=0, daily_code=code)
    (token,) = sandbox.tokens
    news, chat = Notification("t", "b", intent="news"), NOTE

    async def main() -> list[Outcome]:
        async with setting(sandbox) as gateway:
            return [await gateway.send(PushToken(1, token), note) for note in (news, news, chat)]

    first, second, private = run_virtual(main())

    assert [one.reason for one in (first, second, private)] == [Reason.QUOTA_EXCEEDED] * 3
    assert [one.attempts for one in (first, second, private)] == [1, 0, 1]
    assert second.retry_after is not None
    assert 0 < second.retry_after <= 86_400


def test_public_messages_of_a_phone() -> None:
    """Three a day; the fourth is muted, another phone's first and private ones arrive."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=2, public_of_a_phone=3)
    phone, other = (PushToken(1, token) for token in sandbox.tokens)
    news = Notification("t", "b", intent="news")

    async def main() -> list[Outcome]:
        async with setting(sandbox) as gateway:
            return [
                *[await gateway.send(phone, news) for _ in range(4)],
                await gateway.send(other, news),
                await gateway.send(phone, NOTE),
            ]

    outcomes = run_virtual(main())

    assert [one.reason for one in outcomes] == [None, None, None, Reason.MUTED, None, None]


def test_many_messages_in_a_minute_are_folded() -> None:
    """The sixth to one phone; a minute later it gets the next."""
    clock = Clock()
    sandbox = MeizuSandbox(clock=clock, tokens=1, per_minute=5)
    phone = PushToken(1, sandbox.tokens[0])

    async def main() -> list[Outcome]:
        async with setting(sandbox) as gateway:
            sent = [await gateway.send(phone, NOTE) for _ in range(6)]
            await asyncio.sleep(61)
            return [*sent, await gateway.send(phone, NOTE)]

    outcomes = run_virtual(main())

    assert [one.vendor_code for one in outcomes] == [None] * 5 + ["520", None]
    assert outcomes[5].reason is Reason.MUTED


@pytest.mark.parametrize("counts", ["requests", "targets"])
def test_the_rate_of_the_app_is_kept(counts: str) -> None:
    """Faster than the vendor's figure of this day: the gateway slows down, and everybody gets it."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=60, per_second=20, rate_counts=counts)
    pushes = [Push(PushToken(1, token), Notification("t", f"for {token}")) for token in sandbox.tokens]
    outcomes = deliver(sandbox, *pushes)

    assert all(one.ok for one in outcomes)
    assert sandbox.ledger.total == 60


# Broadcasts


def test_a_list_is_one_task() -> None:
    """The notification is sent once, then 100 tokens at a time; each has its outcome, all have the task."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=201)
    dead = sandbox.tokens[7]
    sandbox.uninstall(dead)
    tokens = [*sandbox.tokens, dead]
    outcome = broadcast(sandbox, Audience.of_tokens(tokens))

    assert sandbox.ledger.calls == {"save": 1, "task_push": 3}
    assert outcome.status is SumStatus.PARTLY
    assert [one.reason for one in outcome.outcomes] == [None] * 200 + [Reason.UNREGISTERED]
    assert len(outcome.task_ids) == 1
    assert outcome.message_id == outcome.outcomes[0].message_id


def test_a_list_with_receipts_is_pushes() -> None:
    """Tasks have no receipts."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=101)
    note = Notification("t", "b", receipt_url="https://im.example/r", receipt_parameter="p")
    outcome = broadcast(sandbox, Audience.of_tokens(sandbox.tokens), note)

    assert outcome.ok
    assert sandbox.ledger.calls == {"push": 2}
    assert len(sandbox.callbacks()) == 2
    assert len(set(outcome.task_ids)) == 2


def test_aliases_are_counted_each() -> None:
    """One that nobody has, or whose user has switched notifications off, is not accepted; it is no dead token."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=3)
    for token, alias in zip(sandbox.tokens, ("ann", "bob", "cy"), strict=True):
        sandbox.set_alias(token, alias)
    sandbox.mute(sandbox.tokens[1])
    outcome = broadcast(sandbox, Audience.of_aliases(["ann", "bob", "nobody"]))

    assert (outcome.status, outcome.reason) == (SumStatus.PARTLY, Reason.MUTED)
    assert outcome.counts == {(Status.REJECTED, Reason.MUTED): 2, (Status.ACCEPTED, None): 1}
    assert sandbox.ledger.total == 1
    assert sandbox.ledger.calls == {"save": 1, "task_aliases": 1}


@pytest.mark.parametrize(
    ("audience", "reached"),
    [
        (Audience.everyone(), 4),
        (Audience.of_tags(["a"]), 2),
        (Audience.of_tags(["a", "b"]), 3),
        (Audience.of_tags(all_of=["a", "b"]), 1),
        (Audience.of_tags(["a"], all_of=["b"]), 1),
    ],
)
def test_a_task_for_everyone_or_tags(audience: Audience, reached: int) -> None:
    """One request; its task has the figures."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=4)
    for token, tags in zip(sandbox.tokens, (["a"], ["b"], ["a", "b"], []), strict=True):
        sandbox.set_tags(token, tags)

    async def main() -> Any:
        async with setting(sandbox) as gateway:
            outcome = await gateway.broadcast(1, NOTE, audience)
            return outcome, await gateway.vendor(1).statistics(outcome.message_id, outcome.task_ids[0])

    outcome, figures = run_virtual(main())

    assert (outcome.ok, sandbox.ledger.total) == (True, reached)
    assert (figures.value.targets, figures.value.arrived) == (reached, reached)


@pytest.mark.parametrize(
    "audience",
    [
        Audience.of_tags(["a", "b"], all_of=["c"]),
        Audience.of_tags(["a"], none_of=["b"]),
        Audience.of_tags(["a,b"]),
        Audience.of_tags(["t" * 21]),
        Audience.of_tags(map(str, range(101))),
        Audience.of_aliases(["a" * 61]),
        Audience.of_aliases(["a,b"]),
        Audience.of_accounts(["ann"]),
    ],
)
def test_what_an_audience_cannot_be(audience: Audience) -> None:
    """It is refused before any request."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=1)
    outcome = broadcast(sandbox, audience)

    assert outcome.status is Status.NOT_SENT
    assert outcome.reason in (Reason.UNSUPPORTED, Reason.INVALID_NOTIFICATION)
    assert not sandbox.ledger.calls


@pytest.mark.parametrize(
    ("audience", "is_timed"),
    [
        (lambda tokens: Audience.everyone(), True),
        (lambda tokens: Audience.of_tags(["a"]), True),
        (Audience.of_tokens, False),
        (lambda tokens: Audience.of_aliases(["ann"]), False),
    ],
)
def test_start_and_speed(audience: Callable[[Any], Audience], is_timed: bool) -> None:
    """For everyone and for tags, on the clock of China; a list cannot wait."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=1)
    sandbox.set_tags(sandbox.tokens[0], ["a"])
    sandbox.set_alias(sandbox.tokens[0], "ann")
    start = datetime.fromtimestamp(EPOCH, UTC) + timedelta(hours=9)
    outcome = broadcast(sandbox, audience(sandbox.tokens), start_at=start, rate=50)

    if not is_timed:
        assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.UNSUPPORTED)
        assert not sandbox.ledger.calls
        return
    (shown,) = sandbox.ledger.deliveries
    assert (outcome.ok, shown.start_at, shown.rate) == (True, start.timestamp(), 50)


# Receipts and the certificate


@pytest.mark.parametrize("kind", ["send", "broadcast"])
def test_receipts_are_verified_by_our_mark(kind: str) -> None:
    """Meizu signs nothing: a receipt with our parameter is taken, another is not, nor one with another token."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=1)
    gateway = setting(sandbox, receipt_secret=Secret("of the address, long"), receipt_url="https://im.example/r")

    async def main() -> Any:
        async with gateway:
            if kind == "send":
                outcome: Any = await gateway.send(PushToken(1, sandbox.tokens[0]), NOTE)
            else:
                outcome = await gateway.broadcast(1, NOTE, Audience.of_tokens(sandbox.tokens))
            (posted,) = sandbox.callbacks()
            forged = posted.content.replace(b"param%22%3A+%22", b"param%22%3A+%22x")
            other = posted.content.replace(b"access_token=", b"access_token=x")
            assert forged != posted.content != other
            bodies = (forged, other, posted.content)
            return outcome, posted.url, [gateway.receipts(1, dict(posted.headers), body) for body in bodies]

    outcome, url, (forged, other, taken) = run_virtual(main())

    (receipt,) = taken.receipts
    assert url.startswith("https://im.example/r")
    assert (receipt.kind, receipt.push_token.token) == (ReceiptKind.ARRIVED, sandbox.tokens[0])
    assert receipt.message_id == (outcome.message_id or outcome.outcomes[0].message_id)
    assert (forged.receipts, forged.forged) == ((), 1)
    assert (other.receipts, other.forged, other.reason) == ((), 1, Reason.CREDENTIALS)


def test_an_address_that_is_not_registered_makes_the_push_fail() -> None:
    """The addresses of receipts must be in Meizu's console."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=1, registered=False)
    asked, plain = deliver(
        sandbox,
        Push(PushToken(1, sandbox.tokens[0]), Notification("t", "b", receipt_url="https://im.example/r")),
        Push(PushToken(1, sandbox.tokens[0]), Notification("t", "b")),
    )

    assert (asked.reason, asked.vendor_code) == (Reason.INVALID_NOTIFICATION, "1005")
    assert plain.ok


@pytest.mark.parametrize(
    ("settings", "ok", "reason"),
    [
        ({}, True, None),
        ({"app_id": "7"}, False, Reason.CREDENTIALS),
        ({"app_secret": "wrong"}, False, Reason.CREDENTIALS),
    ],
)
def test_check_proves_the_credentials(settings: dict[str, str], ok: bool, reason: Reason | None) -> None:
    """And says that there are no new phones."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=1)

    async def main() -> Any:
        async with setting(sandbox, settings) as gateway:
            return await gateway.check(1)

    found = run_virtual(main())

    assert (found.ok, found.reason, found.proved) == (ok, reason, ok)
    assert ("no new phones for China since 2026-02-27" in found.detail) is ok
    assert sandbox.ledger.total == 0


@pytest.mark.parametrize(("longer", "advised"), [(0, False), (1, True)])
def test_check_says_that_the_address_of_receipts_is_too_long(longer: int, advised: bool) -> None:
    """Meizu takes 128 bytes: with a longer address no push would leave, so the check of the certificate says it."""
    sandbox, usual = MeizuSandbox(clock=Clock(), tokens=1), "https://im.example.com/"

    async def main(receipt_url: str) -> Any:
        async with setting(sandbox, receipt_url=receipt_url, receipt_secret="s" * 32) as gateway:
            return await gateway.check(1), len(gateway.receipt_address(1))

    _, length = run_virtual(main(f"{usual}p"))
    found, length = run_virtual(main(f"{usual}{'p' * (1 + 128 - length + longer)}"))
    sentences = [one for one in found.advice if "receipt_url: must have at most 128 bytes, has 129" in one]

    assert length == 128 + longer
    assert found.ok
    assert bool(sentences) is advised


def test_tokens_are_checked() -> None:
    """Alive, dead, switched off, with one request for each."""
    sandbox = MeizuSandbox(clock=Clock(), tokens=3)
    tokens = [PushToken(1, token) for token in sandbox.tokens]
    sandbox.uninstall(tokens[1].token)
    sandbox.mute(tokens[2].token)

    async def main() -> Any:
        async with setting(sandbox) as gateway:
            return await gateway.check_tokens(tokens)

    found = run_virtual(main())

    assert [one.reason for one in found] == [None, Reason.UNREGISTERED, Reason.MUTED]
    assert sandbox.ledger.calls == {"switch": 3}
