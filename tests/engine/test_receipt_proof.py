"""What a receipt proves and what it does not: anyone who has seen one real receipt can post it again with other values.

The signature binds certificate, push and phone. Event, the vendor's ids and time can be changed by anybody. Virtual
time; the toy vendor's message id of a push is `m-<dedupe id>`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import attrs
import pytest
from operations_vendor import (
    SECRET,
    OperationsServer,
    OperationsVendor,
    operations_gateway,
    posted,
    receipt_certificate,
)
from toy_vendor import certificate, gateway

from pushgateway import Audience, Gateway, Notification, Outcome, Proof, Push, PushToken, Receipt, ReceivedReceipts
from pushgateway.engine import receipts as receipts_module
from pushgateway.receipts.confirm import Confirming
from pushgateway.testing.virtual_time import run_virtual

NOTE = Notification("title", "body")
Script = Callable[[Gateway, OperationsServer], Awaitable[Any]]


def played(script: Script, *certificates: Any, server: OperationsServer | None = None, **options: Any) -> Any:
    async def main() -> Any:
        used = server or OperationsServer()
        async with operations_gateway(used, *certificates or [receipt_certificate()], **options) as g:
            return await script(g, used)

    return run_virtual(main())


def about(server: OperationsServer, token: str, event: str, message_id: str | None = None, task_id: str = "") -> bytes:
    """A receipt of the last push to `token`, with its real parameter, and with its real message id unless one is
    given."""
    parameter = server.marks[token][1]
    true = f"m-{parameter.partition('.')[0]}"
    return posted((token, event, parameter), message_id=true if message_id is None else message_id, task_id=task_id)


def kinds(*reads: ReceivedReceipts) -> list[str]:
    return [receipt.kind.value for read in reads for receipt in read.receipts]


def test_a_real_receipt_with_another_event_retires_no_token() -> None:
    """The phone has the push, so the same receipt with the event "dead" is a contradiction: it is dropped and counted
    as forged, in whatever order the two stand in one request."""

    async def script(
        g: Gateway, server: OperationsServer
    ) -> tuple[ReceivedReceipts, ReceivedReceipts, ReceivedReceipts]:
        await g.send(PushToken(1, "a"), NOTE)
        await g.send(PushToken(1, "b"), NOTE)
        arrived = g.receipts(1, {}, about(server, "a", "arrived"))
        changed = g.receipts(1, {}, about(server, "a", "dead"))
        parameter = server.marks["b"][1]
        true = f"m-{parameter.partition('.')[0]}"
        both = g.receipts(1, {}, posted(("b", "dead", parameter), ("b", "arrived", parameter), message_id=true))
        return arrived, changed, both

    arrived, changed, both = played(script)

    assert kinds(arrived) == ["arrived"]
    assert (kinds(changed), changed.forged) == ([], 1)
    assert (kinds(both), both.forged) == (["arrived"], 1)


def test_dead_is_confirmed_by_the_history_of_the_push() -> None:
    """The push was accepted here with this message id: `UNREGISTERED`, whether it was sent alone or with others."""

    async def script(g: Gateway, server: OperationsServer) -> list[ReceivedReceipts]:
        await g.send(PushToken(1, "a"), NOTE)
        await g.multicast([PushToken(1, f"k{number}") for number in range(20)], NOTE)
        return [g.receipts(1, {}, about(server, token, "dead")) for token in ("a", "k0", "k19")]

    reads = played(script)

    assert kinds(*reads) == ["unregistered"] * 3
    assert {receipt.proof for read in reads for receipt in read.receipts} == {Proof.PUSH}


@pytest.mark.parametrize("trace", [1000, 0])
def test_dead_without_a_history_is_suspect(trace: int) -> None:
    """With another message id, with none, or for a push that this process does not know (another worker's, or a
    forgotten one) the host gets the vendor's report that the token may be dead, and must not retire it for that
    alone."""

    async def script(g: Gateway, server: OperationsServer) -> list[ReceivedReceipts]:
        for token in "ab":
            await g.send(PushToken(1, token), NOTE)
        reads = [
            g.receipts(1, {}, about(server, "a", "dead", "m-other")),
            g.receipts(1, {}, about(server, "b", "dead", "")),
        ]
        signer = receipt_certificate().signer
        assert signer is not None
        elsewhere = signer.callback_for(Push(PushToken(1, "c"), NOTE, dedupe_id="of-another-worker")).parameter
        reads.append(g.receipts(1, {}, posted(("c", "dead", elsewhere), message_id="m-of-another-worker")))
        if not trace:
            await g.send(PushToken(1, "d"), NOTE)
            reads.append(g.receipts(1, {}, about(server, "d", "dead")))
        return reads

    reads = played(script, trace=trace)

    assert kinds(*reads) == ["suspect"] * (3 if trace else 4)
    assert {receipt.event for read in reads for receipt in read.receipts} == {"dead"}


def test_a_push_that_was_not_accepted_confirms_nothing() -> None:
    """A refused push has no receipts of its own: a report that its token is dead is only suspect."""
    server = OperationsServer()
    server.codes = {"a": "3"}

    async def script(g: Gateway, server: OperationsServer) -> ReceivedReceipts:
        await g.send(PushToken(1, "a"), NOTE)
        return g.receipts(1, {}, about(server, "a", "dead"))

    assert kinds(played(script, server=server)) == ["suspect"]


def test_the_parameter_of_a_broadcast_proves_no_phone() -> None:
    """It is the same for all phones of the broadcast, and `Receipt.proof` says so; a dead token that comes with it is
    only suspect."""

    async def script(g: Gateway, server: OperationsServer) -> ReceivedReceipts:
        named = await g.broadcast(1, Notification("a", "b", dedupe_id="n-1"), Audience.of_tokens(["x", "y"]))
        parameter = json.loads(named.message_id or "")[1]
        return g.receipts(1, {}, posted(("x", "arrived", parameter), ("made-up", "dead", parameter)))

    read = played(script)

    assert kinds(read) == ["arrived", "suspect"]
    assert [receipt.proof for receipt in read.receipts] == [Proof.MESSAGE, Proof.MESSAGE]


def test_without_a_secret_the_parameter_proves_nothing() -> None:
    """The vendor's message id, which only the vendor and this process know, still confirms a dead token."""

    async def script(g: Gateway, _: OperationsServer) -> list[ReceivedReceipts]:
        known: Outcome = await g.send(PushToken(1, "a"), NOTE)
        other = posted(("a", "dead", "host's own"), message_id="m-invented")
        true = posted(("a", "dead", "host's own"), message_id=known.message_id or "")
        return [g.receipts(1, {}, other), g.receipts(1, {}, true)]

    reads = played(script, certificate())

    assert kinds(*reads) == ["suspect", "unregistered"]
    assert {receipt.proof for read in reads for receipt in read.receipts} == {Proof.NONE}


def test_other_ids_and_events_do_not_make_a_receipt_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """One real receipt that is posted over and over with other ids and events is one receipt, and removes nothing from
    the window: earlier receipts are still known afterwards."""
    monkeypatch.setattr(receipts_module, "WINDOW", 10)

    async def script(g: Gateway, server: OperationsServer) -> tuple[list[ReceivedReceipts], ReceivedReceipts]:
        for token in "ab":
            await g.send(PushToken(1, token), NOTE)
        first = about(server, "a", "arrived")
        g.receipts(1, {}, first)
        varied = [about(server, "b", "arrived", f"m{number}", f"t{number}") for number in range(100)]
        varied += [about(server, "b", f"event {number}") for number in range(100)]
        return [g.receipts(1, {}, body) for body in varied], g.receipts(1, {}, first)

    reads, again = played(script)

    assert (sum(len(read.receipts) for read in reads), sum(read.duplicates for read in reads)) == (2, 198)
    assert (again.receipts, again.duplicates) == ((), 1)


def test_many_receipts_of_a_broadcast_remove_no_receipt_of_a_push(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parameter of a broadcast is valid for any number of phones, so its receipts have a window of their own."""
    monkeypatch.setattr(receipts_module, "WINDOW", 10)

    async def script(g: Gateway, server: OperationsServer) -> ReceivedReceipts:
        await g.send(PushToken(1, "a"), NOTE)
        first = about(server, "a", "arrived")
        g.receipts(1, {}, first)
        named = await g.broadcast(1, NOTE, Audience.of_tokens(["x"]))
        parameter = json.loads(named.message_id or "")[1]
        g.receipts(1, {}, posted(*[(f"made-up-{number}", "arrived", parameter) for number in range(100)]))
        return g.receipts(1, {}, first)

    assert played(script).duplicates == 1


def test_a_suspect_receipt_that_is_given_back_is_new_again() -> None:
    """`forget_receipts` takes back what the host got, also where its kind is not the one that the vendor posted."""

    async def script(g: Gateway, server: OperationsServer) -> list[ReceivedReceipts]:
        await g.send(PushToken(1, "a"), NOTE)
        body = about(server, "a", "dead", "m-other")
        first = g.receipts(1, {}, body)
        g.forget_receipts(first.receipts)
        return [first, g.receipts(1, {}, body), g.receipts(1, {}, body)]

    assert [kinds(read) for read in played(script)] == [["suspect"], ["suspect"], []]


def test_a_new_secret_does_not_make_an_old_receipt_new() -> None:
    """The same push with the same id is recognised under either secret."""
    both = receipt_certificate(secret=["a new secret of thirty characters", SECRET])
    marks = [receipt_certificate().signer, both.signer]

    async def script(g: Gateway, _: OperationsServer) -> list[ReceivedReceipts]:
        push = Push(PushToken(1, "a"), NOTE, dedupe_id="row-1")
        return [
            g.receipts(1, {}, posted(("a", "arrived", signer.callback_for(push).parameter)))
            for signer in marks
            if signer
        ]

    first, second = played(script, both)

    assert (len(first.receipts), second.duplicates) == (1, 1)


def test_another_message_id_confirms_no_other_push() -> None:
    """`Confirming` uses only what is proved: a real receipt of one push, with the message id of another, confirms the
    first only."""

    async def script(g: Gateway, server: OperationsServer) -> tuple[Any, Any]:
        confirming = Confirming(g)
        first = await g.send(PushToken(1, "a"), NOTE)
        parameter = server.marks["a"][1]
        second = await g.send(PushToken(1, "a"), NOTE)
        forged = posted(("a", "arrived", parameter), message_id=second.message_id or "")
        await confirming.receive(g.receipts(1, {}, forged).receipts)
        return await confirming.confirm(first, within=1.0), await confirming.confirm(second, within=1.0)

    first, second = played(script)

    assert (len(first.arrived), len(second.arrived)) == (1, 0)


def test_suspect_receipts_end_no_waiting() -> None:
    """A phone that is said to be dead without proof may still confirm: the waiting goes on, until the receipt comes."""

    async def script(g: Gateway, server: OperationsServer) -> Any:
        confirming = Confirming(g)
        outcome = await g.send(PushToken(1, "a"), NOTE)
        await confirming.receive(g.receipts(1, {}, about(server, "a", "dead", "m-other")).receipts)
        waiting = asyncio.ensure_future(confirming.confirm(outcome, within=60.0))
        await asyncio.sleep(5.0)
        await confirming.receive(g.receipts(1, {}, about(server, "a", "arrived")).receipts)
        return await waiting

    found = played(script)

    assert ([one.token for one in found.arrived], found.dead) == (["a"], ())


class Boastful(OperationsVendor):
    """A plug-in that sets the proof of its receipts, which is for the gateway to decide."""

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        return [
            one and attrs.evolve(one, proof=Proof.PUSH)
            for one in OperationsVendor.receipts(self, certificate_id, headers, body, now)
        ]


def test_a_plugin_does_not_decide_what_is_proved() -> None:
    """Only our signature decides what is proved, whatever a plug-in writes into a receipt."""

    async def main() -> ReceivedReceipts:
        async with gateway(OperationsServer(), certificate(), vendors={"toy": Boastful}) as g:
            return g.receipts(1, {}, posted(("a", "arrived", "host's own")))

    read = run_virtual(main())

    assert [receipt.proof for receipt in read.receipts] == [Proof.NONE]
