"""vivo through a gateway: classes with quotas of their own, hours, contents that are saved, users, recall, receipts."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from pushgateway_vivo import Vivo
from pushgateway_vivo.sandbox import VivoSandbox

from pushgateway import Audience, Certificate, Gateway, Notification, Push, PushToken, Secret, Status
from pushgateway.testing import SandboxTransport
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual
from pushgateway.vendor import Outcome, Reason, ReceiptKind

CHAT, OFFER = Notification("title", "text", intent="chat"), Notification("title", "text", intent="marketing")


class Setting:
    """A sandbox and a gateway with one certificate for it, in virtual time."""

    def __init__(self, certificate: dict[str, Any] | None = None, tokens: int = 5, **options: Any) -> None:
        self.clock = loop_wall_clock()
        self.sandbox = VivoSandbox(clock=self.clock, tokens=tokens, **options)
        made = Certificate(1, "vivo", self.sandbox.settings("https://sandbox.invalid"), **(certificate or {}))
        transport = SandboxTransport(self.sandbox, clock=self.clock)
        self.gateway = Gateway([made], transport=transport, clock=self.clock, vendors={"vivo": Vivo})
        self.phones = [PushToken(1, token) for token in self.sandbox.tokens]

    @property
    def calls(self) -> dict[str, int]:
        """How often each call was made, without the login."""
        return {name: count for name, count in self.sandbox.ledger.calls.items() if name != "login"}


def run(main: Any) -> Any:
    """What a coroutine returns in virtual time."""
    return run_virtual(main)


def test_a_content_is_saved_once_for_a_long_list() -> None:
    """2,001 phones are three requests: two lists, and the last phone alone with the notification."""

    async def main() -> tuple[Setting, list[Outcome]]:
        one = Setting(tokens=2001)
        async with one.gateway as gateway:
            return one, await gateway.multicast(one.phones, CHAT)

    one, outcomes = run(main())

    assert all(outcome.ok for outcome in outcomes)
    assert one.calls == {"save": 1, "list": 2, "send": 1}
    assert len(one.sandbox.ledger.deliveries) == 2001


@pytest.mark.parametrize(("used", "name", "other"), [(OFFER, "operational", CHAT), (CHAT, "system", OFFER)])
def test_a_class_that_is_used_up_closes_itself_only(used: Notification, name: str, other: Notification) -> None:
    """Its next pushes end without a request, until midnight in China."""

    async def main() -> Any:
        one = Setting(**{f"daily_{name}": 1})
        async with one.gateway as gateway:
            first = [await gateway.send(phone, used) for phone in one.phones[:3]]
            asked = one.sandbox.ledger.calls["send"]
            return first, asked, await gateway.send(one.phones[0], other)

    first, asked, another = run(main())

    assert [outcome.reason for outcome in first] == [None, Reason.QUOTA_EXCEEDED, Reason.QUOTA_EXCEEDED]
    assert [outcome.status for outcome in first[1:]] == [Status.REJECTED, Status.NOT_SENT]
    assert asked == 2
    assert another.ok


def test_a_used_up_number_of_contents_costs_no_push() -> None:
    """Phones get the notification one by one."""

    async def main() -> Any:
        one = Setting(daily_saves=0)
        async with one.gateway as gateway:
            return one, await gateway.multicast(one.phones, OFFER)

    one, outcomes = run(main())

    assert all(outcome.ok for outcome in outcomes)
    assert one.calls == {"save": 1, "send": 5}


@pytest.mark.parametrize("options", [{"daily_operational": 0}, {"hours": True}])
def test_a_closed_class_costs_no_test_message(options: dict[str, Any]) -> None:
    """vivo counts none of them, and takes them at night."""

    async def main() -> Any:
        one = Setting(**options)
        await asyncio.sleep((22 * 3600 - (one.clock() % 86_400)) % 86_400)  # six in the morning in China
        trial = Notification("t", "b", intent="marketing", overrides={"vivo": {"pushMode": 1}})
        async with one.gateway as gateway:
            refused = await gateway.send(one.phones[0], OFFER)
            return refused, await gateway.send(one.phones[0], trial), await gateway.multicast(one.phones, trial)

    refused, single, several = run(main())

    assert refused.reason is Reason.QUOTA_EXCEEDED
    assert single.ok
    assert all(outcome.ok for outcome in several)


@pytest.mark.parametrize("options", [{"daily_operational": 0}, {"hours": True}])
def test_a_content_of_a_closed_class_closes_its_class_only(options: dict[str, Any]) -> None:
    """Whether vivo refuses it when it is saved, or its messages only: chats are still sent as lists, and one push shows
    that the class is closed."""

    async def main(closed_saves: bool) -> Any:
        one = Setting(closed_saves=closed_saves, **options)
        await asyncio.sleep((22 * 3600 - (one.clock() % 86_400)) % 86_400)  # six in the morning in China
        async with one.gateway as gateway:
            refused = await gateway.multicast(one.phones, OFFER)
            asked = one.calls
            again = await gateway.multicast(one.phones, OFFER)
            assert one.calls == asked
            await asyncio.sleep(10)
            return one, [*refused, *again], await gateway.multicast(one.phones, CHAT)

    for closed_saves in (False, True):
        one, refused, chats = run(main(closed_saves))

        assert {outcome.reason for outcome in refused} == {Reason.QUOTA_EXCEEDED}
        assert all(outcome.ok for outcome in chats)
        assert one.calls["save"] == 2
        assert one.calls["list"] == (1 if closed_saves else 2)


def test_a_used_up_number_of_broadcasts_costs_no_push() -> None:
    """Neither to one phone nor to a list of tokens, and no broadcast to tags."""

    async def main() -> Any:
        one = Setting(daily_broadcasts=1)
        one.sandbox.set_tags(one.sandbox.tokens[0], ["a"])
        async with one.gateway as gateway:
            casts = [await gateway.broadcast(1, OFFER, Audience.everyone()) for _ in range(3)]
            pushed = await gateway.send(one.phones[0], OFFER)
            others = Audience.of_tokens(one.sandbox.tokens), Audience.of_tags(["a"])
            return one, casts, pushed, [await gateway.broadcast(1, OFFER, audience) for audience in others]

    one, casts, pushed, others = run(main())

    assert [cast.reason for cast in casts] == [None, Reason.QUOTA_EXCEEDED, Reason.QUOTA_EXCEEDED]
    assert one.calls["everyone"] == 2
    assert pushed.ok
    assert all(other.ok for other in others)


@pytest.mark.parametrize("audience", [Audience.everyone(), Audience.of_tags(["a"]), Audience.of_tokens(["a", "b"])])
@pytest.mark.parametrize("options", [{"daily_operational": 0}, {"hours": True}])
def test_a_class_that_is_closed_costs_no_broadcast_of_the_other(audience: Audience, options: dict[str, Any]) -> None:
    """Neither when its number is used up, nor at night."""

    async def main() -> Any:
        one = Setting(**options)
        one.sandbox.register(["a", "b"])
        one.sandbox.set_tags("a", ["a"])
        await asyncio.sleep((22 * 3600 - (one.clock() % 86_400)) % 86_400)  # six in the morning in China
        async with one.gateway as gateway:
            return [await gateway.broadcast(1, note, audience) for note in (OFFER, OFFER, CHAT)]

    refused, again, chat = run(main())

    assert [one.reason for one in (refused, again)] == [Reason.QUOTA_EXCEEDED] * 2
    assert again.status is Status.NOT_SENT
    assert chat.ok


def test_the_night_ends_at_seven() -> None:
    """An offer that is refused at night closes offers until the morning, and chats go on; the outcome says when."""

    async def main() -> Any:
        one = Setting(hours=True)
        night = (22 * 3600 - (one.clock() % 86_400)) % 86_400  # six in the morning in China
        await asyncio.sleep(night)
        async with one.gateway as gateway:
            refused = [await gateway.send(phone, OFFER) for phone in one.phones[:2]]
            chat = await gateway.send(one.phones[0], CHAT)
            await asyncio.sleep(3605)
            return one, refused, chat, await gateway.send(one.phones[0], OFFER)

    one, refused, chat, later = run(main())

    assert [outcome.reason for outcome in refused] == [Reason.QUOTA_EXCEEDED] * 2
    assert all(3590 < (outcome.retry_after or 0) <= 3600 for outcome in refused)
    assert chat.ok
    assert later.ok
    assert one.calls["send"] == 3


def test_a_notification_for_one_user_goes_alone() -> None:
    """vivo has the user for single pushes only; a phone with another user drops it."""

    async def main() -> Any:
        one = Setting()
        one.sandbox.set_account(one.sandbox.tokens[0], "bob")
        async with one.gateway as gateway:
            return one, await gateway.multicast(one.phones, Notification("t", "b", user_id="ann"))

    one, outcomes = run(main())

    assert all(outcome.ok for outcome in outcomes)
    assert one.calls == {"send": 5}
    assert len(one.sandbox.ledger.deliveries) == 4


def test_a_list_is_taken_back() -> None:
    """From the phones that show it, by the id of the content, which is the message id of each push."""

    async def main() -> Any:
        one = Setting()
        async with one.gateway as gateway:
            outcomes = await gateway.multicast(one.phones, CHAT)
            return one, outcomes, await gateway.recall(outcomes[:2])

    one, outcomes, taken = run(main())

    assert len({outcome.message_id for outcome in outcomes}) == 1
    assert all(outcome.ok for outcome in taken)
    assert [len(phone.shown) for phone in one.sandbox.phones()] == [0, 0, 1, 1, 1]


def test_receipts_come_back_with_the_gateways_mark() -> None:
    """Of a list they prove the message; a mark of somebody else is forged."""

    async def main() -> Any:
        receipts = {"receipt_url": "https://im.example/r", "receipt_secret": Secret("of the address, long enough")}
        one = Setting(receipts)
        async with one.gateway as gateway:
            one.sandbox.receipts_at = gateway.receipt_address(1)
            outcomes = await gateway.multicast(one.phones, CHAT)
            (posted,) = one.sandbox.callbacks()
            changed = json.dumps(
                {task: {**element, "param": "mine"} for task, element in json.loads(posted.content).items()}
            )
            taken = gateway.receipts(1, dict(posted.headers), posted.content)
            return outcomes, taken, gateway.receipts(1, dict(posted.headers), changed.encode())

    outcomes, taken, forged = run(main())

    assert {receipt.push_token for receipt in taken.receipts} == {outcome.push_token for outcome in outcomes}
    assert {receipt.kind for receipt in taken.receipts} == {ReceiptKind.ARRIVED}
    assert (forged.receipts, forged.forged) == ((), 5)


def test_a_dead_token_among_live_ones() -> None:
    """Named in the reply, and the others are accepted."""

    async def main() -> Any:
        one = Setting()
        phones = [*one.phones, PushToken(1, "v2-dead")]
        async with one.gateway as gateway:
            return await gateway.send_each([Push(phone, CHAT) for phone in phones])

    outcomes = run(main())

    assert [outcome.reason for outcome in outcomes] == [None] * 5 + [Reason.UNREGISTERED]
