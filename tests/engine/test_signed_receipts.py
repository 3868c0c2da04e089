"""Receipts that the vendor signs: no mark of ours is asked for, and what is not signed, or was long ago, is refused."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pytest
from receipt_vendors import FRESH, KEY, RequestServer, Signing, receipts_certificate, signed
from toy_vendor import gateway

from pushgateway import Certificate, Proof, PushToken, Reason, Receipt, ReceivedReceipts
from pushgateway.engine import receipts as receipts_module
from pushgateway.observe.events import Event, ReceiptsReceived
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Vendor

NOW = 1_790_000_000.0


def certificate(**more: Any) -> Certificate:
    return receipts_certificate(receipts_key=KEY, **more)


def body(*receipts: tuple[str, str], message_id: str = "r1", at: float | None = NOW, parameter: str = "") -> bytes:
    return json.dumps([[token, event, parameter, message_id, "", at] for token, event in receipts]).encode()


def received(
    *posts: tuple[bytes, Mapping[str, str]],
    vendor: type[Vendor] = Signing,
    secret: str | None = "a secret of thirty-two characters",
    now: float = NOW,
    **options: Any,
) -> list[ReceivedReceipts]:
    async def main() -> list[ReceivedReceipts]:
        used = certificate(receipt_secret=secret)
        async with gateway(RequestServer(), used, vendors={"toy": vendor}, clock=lambda: now, **options) as g:
            return [g.receipts(1, headers, content) for content, headers in posts]

    return run_virtual(main())


def test_a_signed_receipt_is_taken_without_a_mark_of_ours() -> None:
    """Its parameter is not ours, and all its fields are proved."""
    content = body(("a", "arrived"), parameter="the host's own")

    (read,) = received((content, signed(content, NOW)))

    assert [(one.push_token, one.proof, one.dedupe_id) for one in read.receipts] == [
        (PushToken(1, "a"), Proof.VENDOR, "")
    ]


def test_a_signed_dead_token_stays_unregistered() -> None:
    """No process has to know the push, because nobody else can have written "dead". Its replacement stays too."""
    content = body(("never-pushed", "dead=new"))

    (read,) = received((content, signed(content, NOW)), trace=0)

    assert [(one.kind.value, one.replacement) for one in read.receipts] == [("unregistered", PushToken(1, "new"))]


def test_a_wrong_signature_is_refused_and_counted() -> None:
    """Another key, a changed body, a changed time, or none at all: nothing is taken, one forged request is counted, and
    the sentence names no key."""
    content = body(("a", "arrived"))
    events: list[Event] = []
    right = signed(content, NOW)["X-Toy-Signature"]
    posts: list[tuple[bytes, Mapping[str, str]]] = [
        (content, signed(content, NOW, "another key")),
        (content.replace(b"arrived", b"dead"), signed(content, NOW)),
        (content, {"X-Toy-Signature": right.replace(str(NOW), str(NOW + 1))}),
        (content, {}),
    ]

    reads = received(*posts, observer=events.append)

    assert [(read.receipts, read.forged, read.unreadable, read.reason) for read in reads] == [
        ((), 1, 0, Reason.CREDENTIALS)
    ] * 4
    assert {read.detail for read in reads} == {"the signature of the receipts is wrong"}
    assert [event.forged for event in events if isinstance(event, ReceiptsReceived)] == [1] * 4


@pytest.mark.parametrize(("age", "taken"), [(0.0, 1), (FRESH, 1), (FRESH + 1, 0), (-FRESH, 1), (-FRESH - 1, 0)])
def test_the_age_of_a_signature_is_measured_by_this_machines_clock(age: float, taken: int) -> None:
    """A recorded request is good for ten minutes, and no longer."""
    content = body(("a", "arrived"))

    (read,) = received((content, signed(content, NOW - age)))

    assert (len(read.receipts), read.forged) == (taken, 1 - taken)


def test_the_plugin_gets_the_time_of_this_moment() -> None:
    """Not that of the gateway's start: a gateway runs for months."""
    clock = [NOW]
    content = body(("a", "arrived"))

    async def main() -> list[int]:
        async with gateway(RequestServer(), certificate(), vendors={"toy": Signing}, clock=lambda: clock[0]) as g:
            first = g.receipts(1, signed(content, NOW), content)
            clock[0] += FRESH + 1
            return [len(first.receipts), g.receipts(1, signed(content, NOW), content).forged]

    assert run_virtual(main()) == [1, 1]


def test_a_replay_is_the_same_message_phone_kind_and_time() -> None:
    """A request posted again is one of duplicates, under a new signature too. The vendor may report one kind twice of a
    push, at another time; and each message, phone and kind is another receipt."""
    first = body(("a", "arrived"))
    others = [
        body(("a", "arrived"), at=NOW + 1),
        body(("a", "arrived"), message_id="r2"),
        body(("b", "arrived")),
        body(("a", "clicked")),
    ]

    again, later, *new = received(
        (first, signed(first, NOW)), (first, signed(first, NOW + 5)), *[(one, signed(one, NOW)) for one in others]
    )

    assert (len(again.receipts), len(later.receipts), later.duplicates) == (1, 0, 1)
    assert [len(read.receipts) for read in new] == [1] * 4


def test_a_signed_receipt_that_is_given_back_is_new_again() -> None:
    """`forget_receipts` works by the same fields."""
    content = body(("a", "dead"))

    async def main() -> list[int]:
        async with gateway(RequestServer(), certificate(), vendors={"toy": Signing}, clock=lambda: NOW) as g:
            read = g.receipts(1, signed(content, NOW), content)
            g.forget_receipts(read.receipts)
            return [len(g.receipts(1, signed(content, NOW), content).receipts) for _ in range(2)]

    assert run_virtual(main()) == [1, 0]


def test_signed_receipts_have_a_window_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is bounded like the others."""
    monkeypatch.setattr(receipts_module, "WINDOW", 2)
    posts = [body((token, "arrived")) for token in "abc"]

    reads = received(*[(one, signed(one, NOW)) for one in (*posts, posts[0], posts[2])])

    assert [read.duplicates for read in reads] == [0, 0, 0, 0, 1]


def test_an_arrived_push_may_be_called_dead_later() -> None:
    """The vendor signed both: the user may have removed the app after it."""
    arrived, dead = body(("a", "arrived")), body(("a", "dead"), at=NOW + 60)

    reads = received((arrived, signed(arrived, NOW)), (dead, signed(dead, NOW)))

    assert [one.kind.value for read in reads for one in read.receipts] == ["arrived", "unregistered"]


def test_the_secret_address_is_still_asked_for() -> None:
    """A signature does not open the address: without `receipt_secret` there is none. `gateway.receipts`, which the host
    calls itself, takes the receipts nevertheless."""
    content = body(("a", "arrived"))

    async def main() -> tuple[bool, bool, bool, int]:
        used = certificate(receipt_secret=None)
        async with gateway(RequestServer(), used, vendors={"toy": Signing}, clock=lambda: NOW) as g:
            closed = g.admits(1, "")
            taken = len(g.receipts(1, signed(content, NOW), content).receipts)
        async with gateway(RequestServer(), certificate(), vendors={"toy": Signing}, clock=lambda: NOW) as g:
            signer = certificate().signer
            assert signer is not None
            return closed, g.admits(1, signer.url.rsplit("/", 1)[1]), g.admits(1, "x" * 24), taken

    assert run_virtual(main()) == (False, True, False, 1)


class Vague(Signing):
    """Says something that is only like True."""

    proves_receipts: ClassVar[Any] = "yes"


class Reading(Signing):
    """Does not sign, and has no mark."""

    proves_receipts: ClassVar[bool] = False  # type: ignore[misc]

    def receipts(
        self, certificate_id: str, headers: Mapping[str, str], body: bytes, now: float
    ) -> Sequence[Receipt | None]:
        return [self._read(certificate_id, *one) for one in json.loads(body)]


def test_only_true_proves_receipts() -> None:
    """A plug-in that says anything else is reported and its receipts are not taken, because a proof decides about
    tokens; one that says False proves nothing."""
    content = body(("a", "dead"))

    (vague,) = received((content, signed(content, NOW)), vendor=Vague)
    (plain,) = received((content, {}), vendor=Reading)

    assert (vague.receipts, vague.reason) == ((), Reason.CREDENTIALS)
    assert "proves_receipts: must be True or False" in vague.detail
    assert [(one.kind.value, one.proof) for one in plain.receipts] == [("suspect", Proof.NONE)]


def test_the_log_names_the_certificate_of_forged_requests(caplog: pytest.LogCaptureFixture) -> None:
    """One line, without anything that was posted."""
    content = body(("cAnArY", "arrived"))

    received((content, signed(content, NOW, "another key")))

    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("certificate 1: 1 receipts that do not prove themselves")
    assert "cAnArY" not in line


def test_a_signed_receipt_of_a_marked_push_has_its_dedupe_id() -> None:
    """Where such a vendor returns our parameter too, the push is named by its own id."""
    from operations_vendor import parameter_of

    class Both(Signing):
        marks = "push"  # type: ignore[assignment]

    content = body(("a", "arrived"), parameter=parameter_of("a", "row-7"))
    forged = body(("b", "arrived"), parameter=parameter_of("a", "row-7"))

    reads = received((content, signed(content, NOW)), (forged, signed(forged, NOW)), vendor=Both)

    assert [(one.dedupe_id, one.proof) for read in reads for one in read.receipts] == [
        ("row-7", Proof.VENDOR),
        ("", Proof.VENDOR),
    ]
