"""`Confirming`: which phones got a message, which did not in time, and which never will. Virtual time."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from operations_vendor import OperationsServer, operations_gateway, posted, receipt_certificate
from receipt_vendors import PerRequest, RequestServer, receipts_certificate
from toy_vendor import ToyServer, gateway

from pushgateway import Audience, FieldError, Gateway, Notification, PushToken, Statistics
from pushgateway.receipts import confirm as confirm_module
from pushgateway.receipts.confirm import Confirmation, Confirming
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import NoVerdict

NOTE = Notification("title", "body")
Script = Callable[[Gateway, Confirming], Awaitable[Confirmation]]


def now() -> float:
    return asyncio.get_running_loop().time()


def confirmed(server: OperationsServer, script: Script) -> Confirmation:
    async def main() -> Confirmation:
        async with operations_gateway(server, receipt_certificate()) as g:
            return await script(g, Confirming(g, all_receipts=True))

    return run_virtual(main())


async def come(
    g: Gateway, confirming: Confirming, server: OperationsServer, events: dict[str, str], after: float
) -> None:
    """Receipts of the last push to each token, handed over after some seconds, as the app does it."""
    await asyncio.sleep(after)
    for token, event in events.items():
        parameter = server.marks[token][1]
        body = posted((token, event, parameter), message_id=f"m-{parameter.partition('.')[0]}")
        await confirming.receive(g.receipts(1, {}, body).receipts)


def names(tokens: tuple[PushToken, ...]) -> str:
    return "".join(token.token for token in tokens)


def test_arrived_missing_and_dead_phones() -> None:
    """They follow from receipts and from the vendor's first reply; the result comes when the time is over, and not
    before."""
    server = OperationsServer()
    server.codes = {"d": "2", "e": "3"}

    async def script(g: Gateway, confirming: Confirming) -> Confirmation:
        outcomes = await g.multicast([PushToken(1, token) for token in "abcde"], NOTE)
        begun = now()
        _, found = await asyncio.gather(
            come(g, confirming, server, {"b": "dead", "a": "arrived"}, 30.0), confirming.confirm(outcomes, within=60.0)
        )
        assert now() - begun == pytest.approx(60.0)
        return found

    found = confirmed(server, script)

    assert (names(found.arrived), names(found.missing), names(found.dead)) == ("a", "ce", "bd")
    assert (found.ok, found.statistics) == (False, ())
    assert "'1'" not in repr(found)


def test_a_receipt_that_another_process_may_have_is_not_missing() -> None:
    """With two processes behind one address, the receipt of a delivered push may reach the other one. This process
    cannot know, so the phone is unconfirmed, not missing; a push that the vendor refused is missing all the same. With
    the other process's receipts handed on, it is confirmed."""
    server = OperationsServer()
    server.codes = {"b": "3"}

    async def main() -> tuple[Confirmation, Confirmation]:
        async with (
            operations_gateway(server, receipt_certificate()) as here,
            operations_gateway(server, receipt_certificate()) as there,
        ):
            confirming = Confirming(here)
            outcomes = await here.multicast([PushToken(1, token) for token in "abc"], NOTE)
            body = posted(("a", "arrived", server.marks["a"][1]))
            received = there.receipts(1, {}, body).receipts  # in the other process
            before = await confirming.confirm(outcomes, within=60.0)
            await confirming.receive(received)
            return before, await confirming.confirm(outcomes, within=60.0)

    before, after = run_virtual(main())

    assert (before.arrived, names(before.missing), names(before.unconfirmed)) == ((), "b", "ac")
    assert (names(after.arrived), names(after.missing), names(after.unconfirmed)) == ("a", "b", "c")
    assert not before.ok
    assert "'1'" not in repr(before)


def test_an_unconfirmed_phone_is_not_ok() -> None:
    """Without proof for every phone the result is not ok, whoever may have the receipt."""
    server = OperationsServer()

    async def main() -> Confirmation:
        async with operations_gateway(server, receipt_certificate()) as g:
            confirming = Confirming(g)
            outcomes = await g.multicast([PushToken(1, token) for token in "ab"], NOTE)
            await come(g, confirming, server, {"b": "arrived"}, 0.0)
            return await confirming.confirm(outcomes, within=1.0)

    found = run_virtual(main())

    assert (found.ok, found.missing, names(found.arrived), names(found.unconfirmed)) == (False, (), "b", "a")


def test_a_wrong_value_for_all_receipts_is_refused() -> None:
    """The error names the argument."""
    with pytest.raises(FieldError, match=r"Confirming\.all_receipts"):
        Confirming(gateway(ToyServer()), all_receipts="yes")  # type: ignore[arg-type]


def test_confirming_ends_when_every_phone_has_a_receipt() -> None:
    """The last receipt ends the waiting, in whatever portions they came."""
    server = OperationsServer()

    async def script(g: Gateway, confirming: Confirming) -> Confirmation:
        outcomes = await g.multicast([PushToken(1, token) for token in "ab"], NOTE)
        begun = now()
        *_, found = await asyncio.gather(
            come(g, confirming, server, {"a": "arrived"}, 5.0),
            come(g, confirming, server, {"b": "arrived"}, 9.0),
            confirming.confirm(outcomes, within=600.0),
        )
        assert now() - begun == pytest.approx(9.0)
        return found

    found = confirmed(server, script)

    assert (names(found.arrived), found.ok) == ("ab", True)


def test_a_receipt_may_be_faster_than_its_outcome() -> None:
    """It is remembered until it is asked for, and also for a second call."""
    server = OperationsServer()

    async def script(g: Gateway, confirming: Confirming) -> Confirmation:
        outcome = await g.send(PushToken(1, "a"), NOTE)
        await come(g, confirming, server, {"a": "arrived"}, 0.0)
        begun = now()
        first = await confirming.confirm(outcome, within=600.0)
        assert first == await confirming.confirm([outcome], within=600.0)
        assert now() == begun
        return first

    assert confirmed(server, script).ok


def test_a_receipt_of_another_push_does_not_confirm() -> None:
    """The same phone got another message: this one is still open."""
    server = OperationsServer()

    async def script(g: Gateway, confirming: Confirming) -> Confirmation:
        await g.send(PushToken(1, "a"), NOTE)
        former = server.marks["a"]
        outcome = await g.send(PushToken(1, "a"), Notification("another", "message"))
        server.marks["a"] = former
        _, found = await asyncio.gather(
            come(g, confirming, server, {"a": "arrived"}, 1.0), confirming.confirm(outcome, within=9.0)
        )
        return found

    found = confirmed(server, script)

    assert (names(found.arrived), names(found.missing)) == ("", "a")


def test_an_arrived_message_stays_arrived() -> None:
    """A token that is dead later had its message; a phone that was muted did not."""
    server = OperationsServer()

    async def script(g: Gateway, confirming: Confirming) -> Confirmation:
        outcomes = await g.multicast([PushToken(1, token) for token in "ab"], NOTE)
        await come(g, confirming, server, {"a": "arrived"}, 0.0)
        await come(g, confirming, server, {"a": "dead"}, 0.0)
        return await confirming.confirm(outcomes, within=9.0)

    found = confirmed(server, script)

    assert (names(found.arrived), names(found.missing), names(found.dead)) == ("a", "b", "")


def test_a_receipt_confirms_an_outcome_without_a_verdict() -> None:
    """Whether the push arrived was not known; the receipt proves it."""
    server = OperationsServer()
    server.answers = [NoVerdict("cut")]

    async def script(g: Gateway, confirming: Confirming) -> Confirmation:
        g.reload([receipt_certificate(dedupe=False)])
        outcome = await g.send(PushToken(1, "a"), NOTE)
        assert not outcome.ok
        _, found = await asyncio.gather(
            come(g, confirming, server, {"a": "arrived"}, 1.0), confirming.confirm(outcome, within=9.0)
        )
        return found

    assert names(confirmed(server, script).arrived) == "a"


def test_counts_of_a_broadcast_are_requested_at_growing_intervals() -> None:
    """After 5 s, then 10, 20 … at most 40 s; it ends when everybody is counted."""
    server = OperationsServer()
    times: list[float] = []

    def value() -> int:
        times.append(round(now()))
        return min(3, len(times) // 2)

    async def script(g: Gateway, confirming: Confirming) -> Confirmation:
        outcome = await g.broadcast(1, NOTE, Audience.everyone())
        server.value = value
        return await confirming.confirm(outcome, within=3600.0, poll=5.0, slowest=40.0)

    found = confirmed(server, script)

    assert times == [5, 15, 35, 75, 115, 155]
    assert found.statistics == (Statistics(valid=3, arrived=3),)
    assert (found.ok, found.arrived, found.missing) == (True, (), ())


def test_incomplete_counts_end_with_the_timeout() -> None:
    """They are requested a last time, and confirm nobody."""
    server = OperationsServer()

    async def script(g: Gateway, confirming: Confirming) -> Confirmation:
        outcome = await g.broadcast(1, NOTE, Audience.everyone())
        server.value = lambda: 2
        return await confirming.confirm(outcome, within=16.0)

    found = confirmed(server, script)

    assert (found.ok, found.statistics) == (False, (Statistics(valid=3, arrived=2),))
    assert [what for what, _ in server.called] == ["statistics"] * 3


def test_a_broadcast_to_tokens_waits_for_each_of_them() -> None:
    """Receipts of its task name the phones; complete counts do not replace a receipt that is missing."""
    server = OperationsServer()
    server.bad.add("c")

    async def script(g: Gateway, confirming: Confirming) -> Confirmation:
        outcome = await g.broadcast(1, NOTE, Audience.of_tokens(list("abc")))
        _, parameter = json.loads(outcome.message_id or "")
        server.value = lambda: 3

        async def posts() -> None:
            await asyncio.sleep(20.0)
            for task in ("another task", *outcome.task_ids):
                token = "a" if task in outcome.task_ids else "b"
                body = posted((token, "arrived", parameter), message_id=outcome.message_id or "", task_id=task)
                await confirming.receive(g.receipts(1, {}, body).receipts)

        _, found = await asyncio.gather(posts(), confirming.confirm(outcome, within=60.0))
        return found

    found = confirmed(server, script)

    assert (names(found.arrived), names(found.missing), names(found.dead)) == ("a", "b", "c")
    assert found.statistics == (Statistics(valid=3, arrived=3),)


def test_a_vendor_without_statistics_gets_one_request() -> None:
    """Then there is nothing to wait for if no phones are named."""

    async def main() -> tuple[Confirmation, float]:
        async with gateway(ToyServer()) as g:
            outcome = await g.broadcast(1, NOTE, Audience.everyone())
            begun = now()
            return await Confirming(g).confirm(outcome, within=3600.0), now() - begun

    found, seconds = run_virtual(main())

    assert (found.ok, seconds) == (False, 5.0)


def test_without_open_outcomes_confirming_ends_at_once() -> None:
    """There are no outcomes, or none that may still be confirmed."""
    server = OperationsServer()
    server.codes = {"a": "2", "b": "3"}

    async def script(g: Gateway, confirming: Confirming) -> Confirmation:
        assert await confirming.confirm([], within=60.0) == Confirmation(arrived=(), missing=(), dead=())
        outcomes = await g.multicast([PushToken(1, "a"), PushToken(1, "b")], NOTE)
        begun = now()
        found = await confirming.confirm(outcomes, within=60.0)
        assert now() == begun
        return found

    found = confirmed(server, script)

    assert (names(found.missing), names(found.dead)) == ("b", "a")


def test_memory_of_confirming_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Receipts that are not asked for are forgotten, the oldest first, and a call that was cancelled leaves nothing."""
    monkeypatch.setattr(confirm_module, "REMEMBERED", 2)
    server = OperationsServer()

    async def script(g: Gateway, confirming: Confirming) -> Confirmation:
        outcomes = await g.multicast([PushToken(1, token) for token in "abc"], NOTE)
        for token in "abc":
            await come(g, confirming, server, {token: "arrived"}, 0.0)
        task = asyncio.ensure_future(confirming.confirm(outcomes, within=60.0))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        assert confirming._open == {}
        return await confirming.confirm(outcomes, within=9.0)

    found = confirmed(server, script)

    assert (names(found.arrived), names(found.missing)) == ("bc", "a")


@pytest.mark.parametrize("wrong", [{"within": 0}, {"within": 9, "poll": -1}, {"within": 9, "slowest": "x"}])
def test_wrong_arguments_are_named(wrong: dict[str, Any]) -> None:
    """Invalid seconds, and an object that is no outcome."""

    async def main() -> None:
        async with operations_gateway(OperationsServer()) as g:
            with pytest.raises(FieldError, match=list(wrong)[-1]):
                await Confirming(g).confirm([], **wrong)
            with pytest.raises(FieldError, match="outcomes: must be"):
                await Confirming(g).confirm([NOTE], within=9)  # type: ignore[list-item]

    run_virtual(main())


def test_each_kind_of_receipt_ends_the_waiting_for_its_phone() -> None:
    """At a vendor with one parameter for each request, receipts are joined by message id and token: tapped is arrived;
    muted, dropped and limited are missing; an unknown event and a dead token that nothing confirms end nothing."""
    events = {"a": "clicked", "b": "muted", "c": "dropped", "d": "limited", "e": "dead", "f": "strange"}
    server = RequestServer()

    async def main() -> Confirmation:
        async with gateway(server, receipts_certificate(), vendors={"toy": PerRequest}) as g:
            confirming = Confirming(g)
            outcomes = await g.multicast([PushToken(1, token) for token in "abcdef"], NOTE)
            parameter, number = server.callback().parameter, server.requests[0][2]
            body = posted(*[(token, event, parameter) for token, event in events.items()], message_id=number)
            await confirming.receive(g.receipts(1, {}, body).receipts)
            return await confirming.confirm(outcomes, within=5.0)

    found = run_virtual(main())

    assert (names(found.arrived), names(found.missing)) == ("a", "bcd")
    assert (names(found.dead), names(found.unconfirmed)) == ("e", "f")


def test_a_tapped_notification_stays_arrived() -> None:
    """A later receipt of another kind, such as one that it was dropped as too old, changes nothing."""
    server = RequestServer()

    async def main() -> Confirmation:
        async with gateway(server, receipts_certificate(), vendors={"toy": PerRequest}) as g:
            confirming = Confirming(g)
            outcome = await g.send(PushToken(1, "a"), NOTE)
            for event in ("clicked", "dropped"):
                body = posted(("a", event, server.callback().parameter), message_id="r1")
                await confirming.receive(g.receipts(1, {}, body).receipts)
            return await confirming.confirm(outcome, within=5.0)

    assert names(run_virtual(main()).arrived) == "a"
