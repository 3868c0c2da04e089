"""Receipts of vendors that return one parameter for a whole request, or none: what they prove, and which push they
name."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal

import attrs
import pytest
from operations_vendor import OperationsServer, OperationsVendor, posted, receipt_certificate
from receipt_vendors import PerRequest, RequestServer, Unmarked, receipts_certificate
from toy_vendor import URL, gateway

from pushgateway import Audience, Gateway, Notification, Outcome, Proof, Push, PushToken, Reason, ReceivedReceipts
from pushgateway.certificates.receipt_signing import ReceiptSigner
from pushgateway.engine import receipts as receipts_module
from pushgateway.engine.session.plugin_guard import GuardedVendor
from pushgateway.observe import traces as traces_module
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Batch, Batching, CallBack, Exchange, Request, Saved, Secret, Vendor

NOTE = Notification("title", "body")
PHONES = [PushToken(1, token) for token in ("a", "b", "c")]
Script = Callable[[Gateway, RequestServer], Awaitable[Any]]


def played(script: Script, vendor: type[Vendor] = PerRequest, *certificates: Any, **options: Any) -> Any:
    async def main() -> Any:
        server = RequestServer()
        used = certificates or (receipts_certificate(),)
        async with gateway(server, *used, vendors={"toy": vendor}, **options) as g:
            return await script(g, server)

    return run_virtual(main())


def test_receipts_of_a_request_name_their_push_by_message_id_and_token() -> None:
    """One parameter for three phones: each receipt is taken, proves the message, and has no dedupe id; message id and
    push token are those of its outcome."""

    async def script(g: Gateway, server: RequestServer) -> tuple[list[Outcome], ReceivedReceipts]:
        outcomes = await g.multicast(PHONES, NOTE)
        ((tokens, (url, parameter), number),) = server.requests
        assert (tokens, g.admits(1, url.rsplit("/", 1)[1])) == (["a", "b", "c"], True)
        body = posted(*[(token, "arrived", parameter) for token in tokens], message_id=number)
        return outcomes, g.receipts(1, {}, body)

    outcomes, read = played(script)

    assert [(one.message_id, one.push_token) for one in read.receipts] == [
        (one.message_id, one.push_token) for one in outcomes
    ]
    assert {(one.dedupe_id, one.proof) for one in read.receipts} == {("", Proof.MESSAGE)}


def test_a_request_has_a_parameter_of_its_own() -> None:
    """Another request has another one, so its receipts for the same phone are new; the same request tried again has the
    same one, so that they are not."""

    async def script(g: Gateway, server: RequestServer) -> list[str]:
        await g.multicast(PHONES, NOTE)
        server.answers = ["5"]
        await g.multicast(PHONES, NOTE)
        return [server.callback(number).parameter for number in range(3)]

    first, second, again = played(script)

    assert first != second == again


def test_a_push_that_is_tried_again_with_others_has_another_parameter() -> None:
    """It may share its request with a further push to a phone that was in the first request too. With the same
    parameter, the receipts of that phone's two pushes would count as one."""
    signer = receipts_certificate().signer
    again, taken, further = (
        Push(PushToken(1, token), attrs.evolve(NOTE, title=dedupe_id), dedupe_id=dedupe_id)
        for token, dedupe_id in (("a", "again"), ("b", "taken"), ("b", "further"))
    )

    def parameter(*pushes: Push) -> str:
        batch = Batch.of(pushes)
        assert signer is not None
        signer.sign_batch(batch)
        assert batch.callback is not None
        return batch.callback.parameter

    assert parameter(again, taken) == parameter(again, taken)
    assert len({parameter(again, taken), parameter(again, further), parameter(again)}) == 3


def test_a_forged_parameter_of_a_request_is_not_taken() -> None:
    """The receipts of a vendor with one parameter for each request are taken only with one that was signed here."""

    async def script(g: Gateway, server: RequestServer) -> ReceivedReceipts:
        await g.multicast(PHONES, NOTE)
        parameter = server.callback().parameter
        forged = [parameter[:-1] + ("A" if parameter[-1] != "A" else "B"), "", parameter.replace("~", "")]
        return g.receipts(1, {}, posted(*[("a", "arrived", one) for one in (*forged, parameter)]))

    read = played(script)

    assert (len(read.receipts), read.forged) == (1, 3)


def test_a_dead_token_is_confirmed_by_message_id_and_token() -> None:
    """The message was pushed to this phone by this process: `UNREGISTERED`. The parameter alone proves no phone, so for
    a token that had another message, or none, it is only suspect."""

    async def script(g: Gateway, server: RequestServer) -> list[str]:
        await g.multicast(PHONES, NOTE)
        parameter, number = server.callback().parameter, server.requests[0][2]
        await g.send(PushToken(1, "d"), NOTE)
        tokens = ("a", "d", "never-pushed")
        read = g.receipts(1, {}, posted(*[(token, "dead", parameter) for token in tokens], message_id=number))
        other = g.receipts(1, {}, posted(("b", "dead", parameter), message_id="r-other"))
        assert {one.proof for one in read.receipts} == {Proof.MESSAGE}
        return [one.kind.value for one in (*read.receipts, *other.receipts)]

    assert played(script) == ["unregistered", "suspect", "suspect", "suspect"]


def test_the_parameter_of_one_request_confirms_nothing_of_another() -> None:
    """Who has true receipts of two requests cannot call a phone dead that has the first push: with the parameter of the
    second one it is only suspect, although message id and token are true."""

    async def script(g: Gateway, server: RequestServer) -> list[str]:
        await g.multicast(PHONES, NOTE)
        await g.send(PushToken(1, "d"), NOTE)
        (_, (_, first), number), (_, (_, second), _) = server.requests
        g.receipts(1, {}, posted(("a", "arrived", first), message_id=number))
        read = g.receipts(1, {}, posted(("a", "dead", second), ("b", "dead", second), message_id=number))
        true = g.receipts(1, {}, posted(("b", "dead", first), message_id=number))
        return [one.kind.value for one in (*read.receipts, *true.receipts)]

    assert played(script) == ["suspect", "suspect", "unregistered"]


@pytest.mark.parametrize("own", [True, False])
def test_made_up_tokens_do_not_make_a_phone_forgotten_that_has_the_push(
    own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parameter is good for any token, so one can post more receipts than the window holds. The phone that has the
    push cannot be called dead after that either, whether they came with the parameter of its request or of another."""
    monkeypatch.setattr(receipts_module, "WINDOW", 10)

    async def script(g: Gateway, server: RequestServer) -> ReceivedReceipts:
        await g.multicast(PHONES, NOTE)
        await g.send(PushToken(1, "d"), NOTE)
        (_, (_, first), number), (_, (_, second), _) = server.requests
        g.receipts(1, {}, posted(("a", "arrived", first), message_id=number))
        used = first if own else second
        g.receipts(1, {}, posted(*[(f"made-up-{count}", "arrived", used) for count in range(100)], message_id=number))
        return g.receipts(1, {}, posted(("a", "dead", first), message_id=number))

    read = played(script)

    assert (read.receipts, read.forged) == ((), 1)


def test_more_phones_than_pushes_confirm_no_dead_token() -> None:
    """If made-up tokens came before the true receipt of a phone, it cannot be remembered: then the parameter confirms
    nothing any more."""

    async def script(g: Gateway, server: RequestServer) -> list[str]:
        await g.multicast(PHONES, NOTE)
        parameter, number = server.callback().parameter, server.requests[0][2]
        for count in range(4):
            g.receipts(1, {}, posted((f"made-up-{count}", "arrived", parameter), message_id=number))
        read = g.receipts(1, {}, posted(("a", "dead", parameter), message_id=number))
        return [one.kind.value for one in read.receipts]

    assert played(script) == ["suspect"]


def test_all_phones_of_a_request_may_arrive_but_one() -> None:
    """As many receipts as pushes are no reason for doubt."""

    async def script(g: Gateway, server: RequestServer) -> list[str]:
        await g.multicast(PHONES, NOTE)
        parameter, number = server.callback().parameter, server.requests[0][2]
        body = posted(("a", "arrived", parameter), ("b", "clicked", parameter), ("b", "arrived", parameter))
        g.receipts(1, {}, body)
        read = g.receipts(1, {}, posted(("c", "dead", parameter), message_id=number))
        return [one.kind.value for one in read.receipts]

    assert played(script) == ["unregistered"]


class Late(PerRequest):
    """Reports dead tokens only by receipts."""

    @property
    def dead_tokens(self) -> Literal["reply", "receipt"]:
        return "receipt"


class LateByPush(OperationsVendor):
    """The same, with a parameter of each push."""

    @property
    def dead_tokens(self) -> Literal["reply", "receipt"]:
        return "receipt"


@pytest.mark.parametrize("count", [3, 30])
@pytest.mark.parametrize(("vendor", "kind"), [(Late, "unregistered"), (PerRequest, "suspect")])
def test_where_only_receipts_report_dead_tokens_pushes_are_known_for_longer(
    vendor: type[Vendor], kind: str, count: int
) -> None:
    """`trace` knows the last pushes only. At such a vendor no reply would ever say that the token is dead, so its
    pushes confirm a receipt also after that, and only with their own parameter and message id."""

    async def script(g: Gateway, server: RequestServer) -> tuple[list[str], list[str]]:
        await g.multicast([PushToken(1, f"k{number}") for number in range(count)], NOTE)
        await g.multicast([PushToken(1, f"x{number}") for number in range(60)], NOTE)
        (_, (_, first), number), *_ = server.requests
        _, (_, second), other = server.requests[-1]
        true = g.receipts(1, {}, posted(("k1", "dead", first), message_id=number))
        forged = [(("k2", "dead", first), other), (("k2", "dead", second), number), (("kk", "dead", first), number)]
        reads = [g.receipts(1, {}, posted(one, message_id=message_id)) for one, message_id in forged]
        return [one.kind.value for one in true.receipts], [one.kind.value for read in reads for one in read.receipts]

    assert played(script, vendor, trace=1) == ([kind], ["suspect"] * 3)


def test_a_suspect_token_is_confirmed_by_a_later_receipt() -> None:
    """Where a reply was lost and the push was sent again, the vendor reports both requests. The first one is not known
    by its message id, and its receipt does not make that of the second one a repeat. Each comes out once, and after
    the confirmed one no suspect one does, whichever of the two comes again."""

    async def script(g: Gateway, server: RequestServer) -> list[tuple[list[str], int]]:
        await g.multicast(PHONES, NOTE)
        ((_, (_, parameter), taken),) = server.requests
        lost = "the vendor's id of the request whose reply was lost"
        bodies = [posted(("a", "dead", parameter), message_id=number) for number in (lost, lost, taken, taken, lost)]
        reads = [g.receipts(1, {}, body) for body in bodies]
        reads.append(g.receipts(1, {}, posted(("b", "dead", parameter), message_id=taken)))
        reads.append(g.receipts(1, {}, posted(("b", "dead", parameter), message_id=lost)))
        return [([one.kind.value for one in read.receipts], read.duplicates) for read in reads]

    assert played(script, Late) == [
        (["suspect"], 0),
        ([], 1),
        (["unregistered"], 0),
        ([], 1),
        ([], 1),
        (["unregistered"], 0),
        ([], 1),
    ]


def test_a_dead_token_beside_its_arrival_is_forged_in_any_order() -> None:
    """What is known of a push does not depend on the place of a receipt in its request."""

    async def script(g: Gateway, server: RequestServer) -> list[tuple[list[str], int]]:
        await g.multicast(PHONES, NOTE)
        parameter, number = server.callback().parameter, server.requests[0][2]
        pairs = [[("a", "dead", parameter), ("a", "arrived", parameter)]]
        pairs.append([("b", "clicked", parameter), ("b", "dead", parameter)])
        reads = [g.receipts(1, {}, posted(*pair, message_id=number)) for pair in pairs]
        return [([one.kind.value for one in read.receipts], read.forged) for read in reads]

    assert played(script) == [(["arrived"], 1), (["clicked"], 1)]


def test_what_has_arrived_is_not_known_for_longer() -> None:
    """A dead token of a push that arrived is no better confirmed when both windows have forgotten the receipt."""

    async def script(g: Gateway, server: RequestServer) -> list[str]:
        await g.multicast([*PHONES, *(PushToken(1, f"k{number}") for number in range(10))], NOTE)
        parameter, number = server.callback().parameter, server.requests[0][2]
        g.receipts(1, {}, posted(("a", "arrived", parameter), ("b", "clicked", parameter), message_id=number))
        await g.multicast([PushToken(1, f"x{number}") for number in range(60)], NOTE)
        g._verifier._seen[Proof.MESSAGE].clear()
        body = posted(*[(token, "dead", parameter) for token in "abc"], message_id=number)
        return [one.kind.value for one in g.receipts(1, {}, body).receipts]

    assert played(script, Late, trace=1) == ["suspect", "suspect", "unregistered"]


def test_pushes_that_are_known_for_longer_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are forgotten first."""
    monkeypatch.setattr(traces_module, "REPORTED_LATER", 60)

    async def script(g: Gateway, server: RequestServer) -> list[str]:
        for name in "kx":
            await g.multicast([PushToken(1, f"{name}{number}") for number in range(40)], NOTE)
        reads = []
        for token, place in (("k0", 0), ("k19", 0), ("k20", 0), ("x0", 1)):
            parameter, number = server.callback(place).parameter, server.requests[place][2]
            reads.append(g.receipts(1, {}, posted((token, "dead", parameter), message_id=number)))
        return [one.kind.value for read in reads for one in read.receipts]

    assert played(script, Late, trace=1) == ["suspect", "suspect", "unregistered", "unregistered"]


def test_pushes_with_a_parameter_each_are_known_for_longer_too() -> None:
    """By their dedupe id."""
    server = OperationsServer()

    async def main() -> list[str]:
        async with gateway(server, receipt_certificate(), vendors={"toy": LateByPush}, trace=1) as g:
            await g.multicast([*PHONES, *(PushToken(1, f"x{number}") for number in range(60))], NOTE)
            await g.multicast([PushToken(1, f"y{number}") for number in range(60)], NOTE)
            parameter = server.marks["a"][1]
            body = posted(("a", "dead", parameter), message_id=f"m-{parameter.partition('.')[0]}")
            return [one.kind.value for one in g.receipts(1, {}, body).receipts]

    assert run_virtual(main()) == ["unregistered"]


def test_the_parameter_of_a_request_with_many_phones_is_kept_with_them() -> None:
    """Large batches are kept as one record."""

    async def script(g: Gateway, server: RequestServer) -> list[str]:
        await g.multicast([PushToken(1, f"k{number}") for number in range(50)], NOTE)
        parameter, number = server.callback().parameter, server.requests[0][2]
        read = g.receipts(1, {}, posted(("k7", "dead", parameter), message_id=number))
        return [one.kind.value for one in read.receipts]

    assert played(script) == ["unregistered"]


class Saving(PerRequest):
    """Stores the notification before it goes to two phones or more; the parameter is a part of what is stored."""

    @property
    def batching(self) -> Batching:
        return Batching(2, least=2, saves=True)

    def save_push(self, notification: Notification, callback: CallBack | None, region: str) -> Exchange[Saved]:
        yield Request("POST", f"{URL}/near/save")
        return Saved("" if callback is None else callback.parameter)

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        assert (Batch.of(batch).saved is not None) == (len(batch) > 1)
        return (yield from super().push(batch))


def test_receipts_of_a_saved_content_are_verified() -> None:
    """All lists of a saved content have its parameter, the last phone, which goes alone, has its own; a dead token is
    confirmed by either."""

    async def script(g: Gateway, server: RequestServer) -> tuple[list[str], int]:
        await g.multicast([PushToken(1, token) for token in "abcde"], NOTE)
        parameters = {tuple(tokens): mark[1] for tokens, mark, _ in server.requests}
        numbers = {tuple(tokens): number for tokens, _, number in server.requests}
        reads = [
            g.receipts(1, {}, posted((tokens[0], "dead", parameters[tokens]), message_id=numbers[tokens]))
            for tokens in parameters
        ]
        return [one.kind.value for read in reads for one in read.receipts], len(set(parameters.values()))

    assert played(script, Saving) == (["unregistered"] * 3, 2)


def test_a_notification_with_its_own_receipt_fields_is_not_marked() -> None:
    """The host receives those receipts itself. A request without any other notification has no mark."""

    async def script(g: Gateway, server: RequestServer) -> list[Any]:
        await g.send(PHONES[0], attrs.evolve(NOTE, receipt_parameter="mine"))
        await g.send(PHONES[0], attrs.evolve(NOTE, receipt_url="https://mine.example"))
        await g.send(PHONES[0], NOTE)
        return [mark is None for _, mark, _ in server.requests]

    assert played(script) == [True, True, False]


def test_without_a_receipt_url_a_request_has_no_parameter() -> None:
    """Nobody would read its receipts."""

    async def script(g: Gateway, server: RequestServer) -> Any:
        await g.multicast(PHONES, NOTE)
        return server.requests[0][1]

    assert played(script, PerRequest, receipts_certificate(receipt_secret=None)) is None


def test_a_vendor_without_a_parameter_proves_nothing() -> None:
    """Its receipts are taken although the certificate has a secret, with `Proof.NONE`; a dead token is retired only if
    this process pushed that message to it."""

    async def script(g: Gateway, server: RequestServer) -> ReceivedReceipts:
        await g.multicast(PHONES, NOTE)
        assert server.requests[0][1] is None
        dead = [(token, "dead", "whatever stands there") for token in ("a", "never-pushed")]
        return g.receipts(1, {}, posted(*dead, message_id=server.requests[0][2]))

    read = played(script, Unmarked)

    assert [(one.kind.value, one.proof) for one in read.receipts] == [
        ("unregistered", Proof.NONE),
        ("suspect", Proof.NONE),
    ]


@pytest.mark.parametrize("event", ["arrived", "clicked"])
def test_a_phone_that_has_the_push_is_not_dead(event: str) -> None:
    """A receipt that it arrived, or that the user tapped it, contradicts one that calls the token dead."""

    async def script(g: Gateway, server: RequestServer) -> ReceivedReceipts:
        await g.multicast(PHONES, NOTE)
        parameter, number = server.callback().parameter, server.requests[0][2]
        g.receipts(1, {}, posted(("a", event, parameter), message_id=number))
        return g.receipts(1, {}, posted(("a", "dead", parameter), message_id=number))

    read = played(script)

    assert (read.receipts, read.forged) == ((), 1)


def test_where_nothing_is_proved_a_phone_that_has_the_push_is_not_dead_either() -> None:
    """A receipt of the same message on the same phone contradicts one that calls the token dead, whatever else the two
    say. One of another message, or one that names no message, does not: that token is suspect, as before."""

    async def script(g: Gateway, server: RequestServer) -> list[tuple[list[str], int]]:
        await g.multicast(PHONES, NOTE)
        await g.multicast(PHONES, NOTE)
        (_, _, first), (_, _, second) = server.requests
        reads = [
            g.receipts(1, {}, posted((token, event, text), message_id=number))
            for token, event, text, number in (
                ("a", "arrived", "", first),
                ("a", "dead", "", first),
                ("b", "clicked", "one text", first),
                ("b", "dead", "another", first),
                ("a", "dead", "", second),
                ("c", "arrived", "", ""),
                ("c", "dead", "", ""),
            )
        ]
        return [([one.kind.value for one in read.receipts], read.forged) for read in reads]

    assert played(script, Unmarked) == [
        (["arrived"], 0),
        ([], 1),
        (["clicked"], 0),
        ([], 1),
        (["unregistered"], 0),
        (["arrived"], 0),
        (["suspect"], 0),
    ]


def test_only_a_confirmed_dead_token_has_a_replacement() -> None:
    """A replacement decides who gets the pushes of a user, so one of a receipt that nothing confirms, of another kind,
    or that is the token itself is left out."""

    async def script(g: Gateway, server: RequestServer) -> list[PushToken | None]:
        await g.multicast(PHONES, NOTE)
        parameter, number = server.callback().parameter, server.requests[0][2]
        events = [("a", "dead=new"), ("never-pushed", "dead=new"), ("b", "arrived=new"), ("c", "dead=c")]
        body = posted(*[(token, event, parameter) for token, event in events], message_id=number)
        return [one.replacement for one in g.receipts(1, {}, body).receipts]

    assert played(script) == [PushToken(1, "new"), None, None, None]


def test_a_replacement_of_another_certificate_breaks_the_contract() -> None:
    """A plug-in that takes the token of another app for this one's is reported, and nothing is taken."""

    class Careless(PerRequest):
        def receipts(self, certificate_id: str, headers: Any, body: bytes, now: float) -> Any:
            read = super().receipts(certificate_id, headers, body, now)
            return [one and attrs.evolve(one, replacement=PushToken(2, "new")) for one in read]

    async def script(g: Gateway, server: RequestServer) -> ReceivedReceipts:
        await g.multicast(PHONES, NOTE)
        return g.receipts(1, {}, posted(("a", "dead", server.callback().parameter)))

    read = played(script, Careless)

    assert (read.receipts, read.reason) == ((), Reason.CREDENTIALS)
    assert "broke its contract" in read.detail


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "arrived"},
        {"event": None},
        {"event": 16},
        {"message_id": 7},
        {"task_id": b"t"},
        {"parameter": None},
        {"at": "1790000000"},
        {"at": float("nan")},
        {"at": True},
        {"replacement": "new"},
    ],
    ids=str,
)
def test_fields_of_a_wrong_type_break_the_contract(wrong: dict[str, Any]) -> None:
    """Nothing is raised to the host, and the plug-in is named."""

    class Careless(PerRequest):
        def receipts(self, certificate_id: str, headers: Any, body: bytes, now: float) -> Any:
            return [one and attrs.evolve(one, **wrong) for one in super().receipts(certificate_id, headers, body, now)]

    async def script(g: Gateway, server: RequestServer) -> ReceivedReceipts:
        await g.multicast(PHONES, NOTE)
        return g.receipts(1, {}, posted(("a", "dead", server.callback().parameter)))

    read = played(script, Careless)

    assert (read.receipts, read.reason) == ((), Reason.CREDENTIALS)
    assert "broke its contract" in read.detail


def test_a_plugin_that_names_no_known_mark_is_reported() -> None:
    """Its pushes end before any request, and its receipts are not taken: what proves them is unknown."""

    class Odd(PerRequest):
        marks = "batch"  # type: ignore[assignment]

    async def script(g: Gateway, server: RequestServer) -> tuple[Outcome, ReceivedReceipts]:
        return await g.send(PHONES[0], NOTE), g.receipts(1, {}, posted(("a", "arrived", "")))

    outcome, read = played(script, Odd)

    assert (outcome.reason, outcome.attempts, read.reason) == (Reason.CREDENTIALS, 0, Reason.CREDENTIALS)
    assert "marks: must be 'push', 'message' or 'none'" in outcome.detail
    assert "marks: must be" in read.detail


def test_a_broadcast_still_gives_its_own_id_back() -> None:
    """The parameter of a broadcast holds the id that the host gave it; only that of a request of pushes holds none."""
    signer = ReceiptSigner("1", "https://im.example.com/push", [Secret("a secret of thirty-two characters")])
    push = Push(PushToken(1, "a"), NOTE, dedupe_id="row-7")
    batch = Batch.of([push])

    signer.sign_batch(batch)

    assert batch.callback == signer.callback_for_message("row-7")
    assert "row-7" not in signer.callback_for_message("row-7").parameter
    assert "row-7" in signer.callback_for(push).parameter


def test_the_parameter_of_a_request_is_weighed_once() -> None:
    """For a vendor with a limit of bytes it makes the request smaller once; it is not counted with each push."""

    class Small(PerRequest):
        max_bytes = 10_000

        def weigh(self, notification: Notification) -> int:
            return 100

    signer = ReceiptSigner("1", "https://im.example.com/push", [Secret("a secret of thirty-two characters")])
    vendor = Small(Secret("s"), max_bytes=10_000)

    marked = GuardedVendor(vendor, "1", print, signer)
    plain = GuardedVendor(vendor, "1", print)

    assert (marked.weigh(NOTE), marked.weigh_each([NOTE, NOTE])) == (100, [100, 100])
    assert (marked.batching.max_bytes, plain.batching.max_bytes) == (10_000 - signer.weight, 10_000)


def test_explain_shows_the_mark_of_a_request_without_its_secret() -> None:
    """The address's secret part and the MAC are hidden; that there is a mark can be seen."""

    async def script(g: Gateway, server: RequestServer) -> str:
        explanation = g.explain(Push(PHONES[0], NOTE))
        await g.send(PHONES[0], NOTE)
        mark = explanation.requests[0].headers["mark"]
        callback = server.callback()
        assert callback.url.rsplit("/", 1)[1] not in mark
        assert callback.parameter.rpartition(".")[2] not in mark
        return mark

    assert "https://im.example.com/push/1/" in played(script)


def test_a_broadcast_names_no_phone_at_such_a_vendor_either() -> None:
    """A receipt of a broadcast proves its message."""

    async def script(g: Gateway, server: RequestServer) -> ReceivedReceipts:
        named = await g.broadcast(1, Notification("a", "b", dedupe_id="n-1"), Audience.of_tokens(["x"]))
        parameter = json.loads(named.message_id or "")[1]
        return g.receipts(1, {}, posted(("x", "arrived", parameter)))

    read = played(script)

    assert [(one.dedupe_id, one.proof) for one in read.receipts] == [("n-1", Proof.MESSAGE)]
