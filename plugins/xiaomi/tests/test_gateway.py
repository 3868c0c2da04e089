"""The plug-in in a gateway, against its sandbox: what hosts see."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import attrs
import pytest
from pushgateway_xiaomi import Xiaomi
from pushgateway_xiaomi.sandbox import PRIVATE, PUBLIC, XiaomiSandbox

from pushgateway import Audience, Certificate, Gateway, Notification, Outcome, Push, PushToken, Reason, Status
from pushgateway.sandbox import Fault
from pushgateway.testing import SandboxTransport
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import ReceiptKind, Secret

NOTE = Notification("Lena", "Lunch?", dedupe_id="m-1")
RECEIPTS = {"receipt_url": "https://im.example/push", "receipt_secret": "s" * 32}


class Host:
    """A gateway on a sandbox, in virtual time."""

    def __init__(self, tokens: int = 5, settings: dict[str, Any] | None = None, **options: Any) -> None:
        self.sandbox = XiaomiSandbox(clock=self.clock, tokens=tokens, **options)
        self.tokens = list(self.sandbox.tokens)
        given = {**self.sandbox.settings("https://xiaomi.invalid"), **(settings or {})}
        self.certificate = Certificate(1, "xiaomi", given, **RECEIPTS)

    def clock(self) -> float:
        """Epoch seconds: virtual time after a fixed day."""
        try:
            return 1_796_000_000.0 + asyncio.get_running_loop().time()
        except RuntimeError:
            return 1_796_000_000.0

    def run(self, work: Callable[[Gateway], Coroutine[Any, Any, Any]]) -> Any:
        """What the work returns."""

        async def main() -> Any:
            transport = SandboxTransport({"https://xiaomi.invalid": self.sandbox}, clock=self.clock)
            vendors = {"xiaomi": Xiaomi}
            async with Gateway([self.certificate], transport=transport, vendors=vendors, clock=self.clock) as gateway:
                return await work(gateway)

        return run_virtual(main())

    def to(self, *places: int) -> list[PushToken]:
        """The push tokens of these phones."""
        return [PushToken(1, self.tokens[place]) for place in places]

    def post(self, gateway: Gateway) -> Sequence[Any]:
        """The receipts that are due, as the gateway verifies them."""
        found = []
        for request in self.sandbox.callbacks():
            read = gateway.receipts(1, request.headers, request.content)
            assert (read.forged, read.unreadable, read.reason) == (0, 0, None), read
            found += read.receipts
        return found


def test_a_dead_token_is_accepted_and_reported_by_receipt() -> None:
    """Among others; the receipt names the regid that took its place."""
    host = Host()
    new = host.sandbox.replace(host.tokens[2])

    async def work(gateway: Gateway) -> tuple[list[Outcome], Sequence[Any]]:
        outcomes = await gateway.multicast(host.to(0, 1, 2), NOTE)
        return outcomes, host.post(gateway)

    outcomes, receipts = host.run(work)

    assert all(outcome.ok for outcome in outcomes)
    kinds = {receipt.push_token.token: receipt.kind for receipt in receipts}
    assert kinds == {
        host.tokens[0]: ReceiptKind.ARRIVED,
        host.tokens[1]: ReceiptKind.ARRIVED,
        host.tokens[2]: ReceiptKind.UNREGISTERED,
    }
    (dead,) = [receipt for receipt in receipts if receipt.kind is ReceiptKind.UNREGISTERED]
    assert dead.replacement == PushToken(1, new)
    assert dead.message_id == outcomes[2].message_id


def test_a_single_dead_token_is_refused_at_once() -> None:
    """And all of a list that are dead, each by itself."""
    host = Host()
    for token in host.tokens[:3]:
        host.sandbox.uninstall(token)

    async def work(gateway: Gateway) -> list[Outcome]:
        return [await gateway.send(host.to(0)[0], NOTE), *await gateway.multicast(host.to(1, 2), NOTE)]

    assert [one.reason for one in host.run(work)] == [Reason.UNREGISTERED] * 3


def test_a_repeat_after_no_verdict_shows_once() -> None:
    """The phone drops the second by its jobkey, so the gateway may repeat, and says nothing of a duplicate."""
    host = Host()
    host.sandbox.faults.add(Fault(kind="drop", operation="push", times=1))

    async def work(gateway: Gateway) -> list[Outcome]:
        return list(await gateway.multicast(host.to(0, 1, 2), NOTE))

    outcomes = host.run(work)

    assert all(one.ok and not one.possible_duplicate for one in outcomes)
    assert [host.sandbox.ledger.count(token) for token in host.tokens] == [1, 1, 1, 0, 0]
    assert host.sandbox.ledger.calls["push"] == 2


def test_a_channel_that_is_not_approved_costs_its_own_pushes() -> None:
    """One request for it; the other channel is sent."""
    host = Host(tokens=40, settings={"channels": {}, "intents": {}})
    pushes = [
        Push(token, Notification(f"t{place}", "b", channel_id="9" if place % 2 else PUBLIC))
        for place, token in enumerate(host.to(*range(40)))
    ]

    async def work(gateway: Gateway) -> list[Outcome]:
        return list(await gateway.send_each(pushes))

    outcomes = host.run(work)

    assert [one.ok for one in outcomes] == [place % 2 == 0 for place in range(40)]
    assert {one.vendor_code for one in outcomes[1::2]} == {"27001"}
    assert host.sandbox.ledger.calls["push_each"] == 2


def test_a_quota_of_public_messages_leaves_private_ones() -> None:
    """Each class of channels has its own."""
    host = Host(daily_limit=1)

    async def work(gateway: Gateway) -> list[Outcome]:
        notes = [Notification(f"t{place}", "b", channel_id=PUBLIC) for place in range(2)]
        first = [await gateway.send(host.to(place)[0], note) for place, note in enumerate(notes)]
        later = await gateway.send(host.to(2)[0], Notification("t3", "b", channel_id=PUBLIC))
        return [*first, later, await gateway.send(host.to(3)[0], NOTE)]

    outcomes = host.run(work)

    assert [one.reason for one in outcomes] == [None, Reason.QUOTA_EXCEEDED, Reason.QUOTA_EXCEEDED, None]
    assert host.sandbox.ledger.calls["push"] == 3  # none for the third


def test_taking_back() -> None:
    """By the handle of the outcome; the phone shows nothing any more."""
    host = Host()

    async def work(gateway: Gateway) -> Any:
        outcomes = await gateway.multicast(host.to(0, 1), NOTE)
        vendor: Any = gateway.vendor(1)
        return await vendor.recall(outcomes[0].handle, host.tokens[:2])

    taken = host.run(work)

    assert taken.ok
    assert taken.value == dict.fromkeys(host.tokens[:2])
    assert [len(phone.shown) for phone in host.sandbox.phones()] == [0] * 5


def test_a_chat_replaces_its_former_message() -> None:
    """By the replace key; others stay."""
    host = Host()

    async def work(gateway: Gateway) -> None:
        for number, key in enumerate(("chat-1", "chat-2", "chat-1", None, None)):
            await gateway.send(host.to(0)[0], Notification(f"t{number}", "b", replace_key=key))

    host.run(work)

    assert [one.title for one in host.sandbox.phones()[0].shown] == ["t1", "t2", "t3", "t4"]


def test_different_texts_to_a_thousand_phones_are_one_request() -> None:
    """And their receipts name each push."""
    host = Host(tokens=1000)

    async def work(gateway: Gateway) -> tuple[list[Outcome], Sequence[Any]]:
        pushes = [Push(token, Notification(f"for {token.token}", "b")) for token in host.to(*range(1000))]
        return await gateway.send_each(pushes), host.post(gateway)

    outcomes, receipts = host.run(work)

    assert all(one.ok for one in outcomes)
    assert host.sandbox.ledger.calls == {"push_each": 1}
    assert all(one.title == f"for {one.token}" for one in host.sandbox.ledger.deliveries)
    assert len(receipts) == 1000
    assert {receipt.push_token.token for receipt in receipts} == set(host.tokens)


def test_check_proves_the_secret_without_a_push() -> None:
    """By the quota query; a wrong secret is found."""
    host = Host()
    good = host.run(lambda gateway: gateway.check(1))
    host.certificate = attrs.evolve(
        host.certificate, settings={**host.certificate.settings, "app_secret": Secret("another")}
    )
    bad = host.run(lambda gateway: gateway.check(1))

    assert (good.ok, host.sandbox.ledger.total) == (True, 0)
    assert "the secret was accepted" in good.detail
    assert (bad.ok, bad.reason, bad.vendor_code) == (False, Reason.CREDENTIALS, "21301")


def test_a_wrong_secret_keeps_all_tokens() -> None:
    """No push ends with a reason about a phone."""
    host = Host(settings={"app_secret": "another"})

    async def work(gateway: Gateway) -> list[Outcome]:
        return list(await gateway.multicast(host.to(0, 1, 2), NOTE))

    assert {one.reason for one in host.run(work)} == {Reason.CREDENTIALS}


def test_accounts_and_topics() -> None:
    """Broadcasts reach whom they mean."""
    host = Host()
    host.sandbox.set_account(host.tokens[0], "ann")
    host.sandbox.set_tags(host.tokens[1], ["news"])

    async def work(gateway: Gateway) -> list[Any]:
        audiences = Audience.of_accounts(["ann"]), Audience.of_tags(["news"]), Audience.everyone()
        return [await gateway.broadcast(1, Notification(f"t{n}", "b"), one) for n, one in enumerate(audiences)]

    outcomes = host.run(work)

    assert [one.status for one in outcomes] == [Status.ACCEPTED] * 3
    assert [host.sandbox.ledger.count(token) for token in host.tokens] == [2, 2, 1, 1, 1]


def test_explain_names_the_call_and_no_secret() -> None:
    """Without sending anything."""
    host = Host()

    async def work(gateway: Gateway) -> Any:
        return gateway.explain(Push(host.to(0)[0], NOTE))

    found = host.run(work)

    assert host.sandbox.ledger.calls == {}
    assert "sandboxSecret" not in repr(found)
    assert found.quota == "private"


@pytest.mark.parametrize("seed", range(3))
def test_hostile_days_lose_and_mix_nothing(seed: int) -> None:
    """Faults of every kind: each phone gets its own text once at most, and what is accepted arrived."""
    host = Host(tokens=300, seed=seed)
    for kind in ("drop", "status", "html", "cut", "delay"):
        host.sandbox.faults.add(Fault(kind=kind, times=None, share=0.1))

    async def work(gateway: Gateway) -> list[Outcome]:
        pushes = [
            Push(token, Notification(f"for {token.token}", "b", channel_id=(PUBLIC, PRIVATE)[place % 2]))
            for place, token in enumerate(host.to(*range(300)))
        ]
        return list(await gateway.send_each(pushes))

    outcomes = host.run(work)

    for one in outcomes:
        times = host.sandbox.ledger.count(one.push_token.token)
        assert times <= 1
        assert times == 1 or not one.ok
    assert all(one.title == f"for {one.token}" for one in host.sandbox.ledger.deliveries)
