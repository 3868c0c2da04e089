"""Receipts that come in: accepted only with a valid signature, counted once, and with bounded memory."""

import asyncio
import json
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from operations_vendor import (
    SECRET,
    OperationsServer,
    OperationsVendor,
    operations_gateway,
    parameter_of,
    posted,
    receipt_certificate,
)
from toy_vendor import certificate

from pushgateway import (
    Audience,
    FieldError,
    Gateway,
    Notification,
    Push,
    PushToken,
    Reason,
    Receipt,
    ReceiptKind,
    ReceivedReceipts,
)
from pushgateway.engine import receipts as receipts_module
from pushgateway.observe.events import Event, ReceiptsReceived
from pushgateway.sync import Gateway as SyncGateway
from pushgateway.testing.virtual_time import run_virtual

NOTE = Notification("title", "body")
NO_HEADERS: dict[str, str] = {}


def received(*bodies: bytes, secret: str | list[str] = SECRET, **options: Any) -> list[ReceivedReceipts]:
    async def main() -> list[ReceivedReceipts]:
        async with operations_gateway(OperationsServer(), receipt_certificate(secret=secret), **options) as g:
            return [g.receipts(1, NO_HEADERS, body) for body in bodies]

    return run_virtual(main())


def test_a_receipt_has_the_dedupe_id_of_its_push() -> None:
    """The dedupe id of the push's outcome comes back with the receipt."""
    server = OperationsServer()

    async def main() -> None:
        async with operations_gateway(server, receipt_certificate()) as g:
            made = await g.send(PushToken(1, "a"), NOTE)
            own = await g.send_each([Push(PushToken(1, "b"), NOTE, dedupe_id="row-7")])
            mine = await g.send(PushToken(1, "c"), Notification("a", "b", receipt_parameter="mine"))
            (url, parameter), (_, second) = server.marks["a"], server.marks["b"]

            read = g.receipts("1", NO_HEADERS, posted(("a", "arrived", parameter), ("b", "dead", second)))

            assert g.admits(1, url.rsplit("/", 1)[1])
            assert [one.dedupe_id for one in read.receipts] == [made.dedupe_id, "row-7"]
            assert [one.push_token for one in read.receipts] == [made.push_token, own[0].push_token]
            assert mine.ok
            assert server.marks.keys() == {"a", "b"}

    run_virtual(main())


def test_a_repeat_has_the_same_receipt_parameter() -> None:
    """The receipt of the attempt that succeeded is the receipt of the push."""
    server = OperationsServer()
    server.answers = ["5"]
    seen: list[dict[str, list[str]]] = []

    async def main() -> None:
        async with operations_gateway(server, receipt_certificate()) as g:
            send = asyncio.ensure_future(g.send(PushToken(1, "a"), NOTE))
            await asyncio.sleep(0.025)  # logged in at 10 ms, refused temporarily at 20 ms
            seen.append(dict(server.marks))
            server.marks.clear()
            assert (await send).attempts == 2
            seen.append(dict(server.marks))

    run_virtual(main())

    assert seen[0] == seen[1] != {}


def test_without_a_receipt_url_pushes_have_no_receipt_parameter() -> None:
    """Receipts that arrive nevertheless are taken as they are."""
    server = OperationsServer()

    async def main() -> ReceivedReceipts:
        async with operations_gateway(server) as g:
            await g.send(PushToken(1, "a"), NOTE)
            assert not g.admits(1, "")
            return g.receipts(1, NO_HEADERS, posted(("a", "arrived", "host's own")))

    read = run_virtual(main())

    assert server.marks == {}
    assert [(one.parameter, one.dedupe_id) for one in read.receipts] == [("host's own", "")]


def test_a_broadcast_to_tokens_asks_for_receipts_and_one_to_everyone_does_not() -> None:
    """Vendors post receipts only for phones that they can name."""
    server = OperationsServer()

    async def main() -> None:
        async with operations_gateway(server, receipt_certificate()) as g:
            named = await g.broadcast(1, Notification("a", "b", dedupe_id="n-1"), Audience.of_tokens(["x", "y"]))
            everyone = await g.broadcast(1, NOTE, Audience.everyone())
            url, parameter = json.loads(named.message_id or "")

            read = g.receipts(1, NO_HEADERS, posted(("x", "arrived", parameter), ("y", "arrived", parameter)))

            assert g.admits(1, url.rsplit("/", 1)[1])
            assert [one.dedupe_id for one in read.receipts] == ["n-1", "n-1"]
            assert json.loads(everyone.message_id or "") == [None, None]

    run_virtual(main())


def test_a_receipt_replayed_ten_times_is_one_event() -> None:
    """The first is new and nine are duplicates. Another kind for the same push is new too; another id of the vendor's
    is not, because the signature does not cover it."""
    good = parameter_of("a")
    first = posted(("a", "arrived", good))
    events: list[Event] = []

    reads = received(
        *[first] * 10,
        posted(("a", "whatever", good)),
        posted(("a", "something else", good)),
        posted(("a", "arrived", good), message_id="m2"),
        posted(("a", "arrived", good), task_id="t2"),
        observer=events.append,
    )

    assert [len(read.receipts) for read in reads] == [1] + [0] * 9 + [1, 0, 0, 0]
    assert [read.duplicates for read in reads] == [0] + [1] * 9 + [0, 1, 1, 1]
    counts = [event for event in events if isinstance(event, ReceiptsReceived)]
    assert (sum(event.fresh for event in counts), sum(event.duplicates for event in counts)) == (2, 12)
    assert [event.kinds for event in counts if event.kinds] == [((ReceiptKind.ARRIVED, 1),), ((ReceiptKind.OTHER, 1),)]


def test_a_receipt_that_is_given_back_is_new_again() -> None:
    """`forget_receipts` removes it from the window; giving back a receipt that never came has no effect."""

    async def main() -> list[int]:
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            body = posted(("a", "arrived", parameter_of("a")))
            read = g.receipts(1, NO_HEADERS, body)
            g.forget_receipts([*read.receipts, *read.receipts])
            return [len(read.receipts), *(len(g.receipts(1, NO_HEADERS, body).receipts) for _ in range(2))]

    assert run_virtual(main()) == [1, 1, 0]


def test_the_window_is_bounded_and_forgets_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window knows as many receipts as its size; with one more the first is new again."""
    monkeypatch.setattr(receipts_module, "WINDOW", 3)
    bodies = [posted((token, "arrived", parameter_of(token))) for token in "abcd"]

    within = received(*bodies[:3], bodies[0])
    beyond = received(*bodies, bodies[0], bodies[3])

    assert [read.duplicates for read in within] == [0, 0, 0, 1]
    assert [read.duplicates for read in beyond] == [0, 0, 0, 0, 0, 1]


def test_the_window_needs_little_memory() -> None:
    """A remembered receipt takes some 150 bytes, so a full window takes some 15 MB."""

    async def main() -> int:
        async with operations_gateway(OperationsServer()) as g:
            tracemalloc.start()
            for start in range(0, 5000, 1000):
                g.receipts(1, NO_HEADERS, posted(*[(f"{start + i}", "arrived", "") for i in range(1000)]))
            size, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return size

    assert run_virtual(main()) < 5000 * 250
    assert receipts_module.WINDOW * 250 <= 25_000_000


def test_forged_receipts_are_dropped_and_counted() -> None:
    """None of thousands is accepted, however it is made: guessed, another push's, cut, spliced; real ones among them
    are accepted."""
    draw = random.Random(11)
    good, others = parameter_of("a"), [parameter_of(token) for token in ("b", "c")]

    def forged() -> str:
        guess = "".join(draw.choices("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", k=16))
        made: list[Callable[[], str]] = [
            lambda: f"id-1.{guess}",
            lambda: draw.choice(others),
            lambda: f"id-{draw.randrange(99)}.{draw.choice([good, *others])[-16:]}"[: draw.randrange(4, 21)],
            lambda: guess[: draw.randrange(17)],
            lambda: good[: draw.randrange(len(good))],
            lambda: "",
        ]
        return draw.choice(made)()

    bodies = [posted(*[("a", "arrived", forged()) for _ in range(500)]) for _ in range(40)]
    reads = received(*bodies, posted(("a", "arrived", "x"), ("a", "arrived", good)))

    assert sum(len(read.receipts) for read in reads[:-1]) == 0
    assert sum(read.forged for read in reads[:-1]) == 20_000
    assert (len(reads[-1].receipts), reads[-1].forged) == (1, 1)


def test_an_unreadable_element_does_not_affect_the_others() -> None:
    """The others are kept, and it is counted."""
    (read,) = received(posted(None, ("a", "arrived", parameter_of("a")), 7, {}))

    assert (len(read.receipts), read.unreadable, read.ok) == (1, 3, True)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"not json", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"[" * 10_000_000, b" " * (1024 * 1024 + 1)],
    ids=["empty", "object", "text", "bytes", "deep", "deep objects", "10 MB", "too long"],
)
def test_a_body_without_receipts_is_a_value_and_takes_no_memory(body: bytes) -> None:
    """It gives a reason and a message, never an exception; however deep or large the body is, memory does not grow."""

    async def main() -> ReceivedReceipts:
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            tracemalloc.start()
            read = g.receipts(1, NO_HEADERS, body)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < (len(body) if len(body) <= 1024 * 1024 else 0) + 100_000
            return read

    read = run_virtual(main())

    assert (read.ok, read.reason, read.unreadable) == (False, Reason.INVALID_NOTIFICATION, 1)
    assert read.detail


def test_problems_of_receiving_are_values() -> None:
    """An unknown certificate, a vendor without receipts and a closed gateway are reasons; a wrong type is a mistake of
    the host and raises."""

    async def main() -> list[Reason | None]:
        from toy_vendor import ToyServer, gateway

        async with gateway(ToyServer()) as plain:
            unsupported = plain.receipts(1, NO_HEADERS, b"[]").reason
        g = operations_gateway(OperationsServer(), receipt_certificate())
        with pytest.raises(FieldError, match="body: must be bytes"):
            g.receipts(1, NO_HEADERS, "[]")  # type: ignore[arg-type]
        unknown = g.receipts(2, NO_HEADERS, b"[]").reason
        await g.aclose()
        return [unsupported, unknown, g.receipts(1, NO_HEADERS, b"[]").reason]

    assert run_virtual(main()) == [Reason.UNSUPPORTED, Reason.CREDENTIALS, Reason.CLOSED]


def test_receipts_of_a_broken_plugin_name_the_plugin_and_quote_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """This holds for whatever it raises, and for a receipt of another certificate."""

    class Careless(OperationsVendor):
        def receipts(self, certificate_id: str, headers: Any, body: bytes, now: float) -> list[Receipt | None]:
            return list(super().receipts("another", headers, body, now))

    async def main() -> list[ReceivedReceipts]:
        server = OperationsServer()
        async with operations_gateway(server, receipt_certificate()) as g:
            first = g.receipts(1, NO_HEADERS, b'["broken"]')
        async with Gateway([receipt_certificate()], transport=server, vendors={"toy": Careless}) as g:
            return [first, g.receipts(1, NO_HEADERS, posted(("a", "arrived", parameter_of("a"))))]

    reads = run_virtual(main())

    assert [read.reason for read in reads] == [Reason.CREDENTIALS] * 2
    assert "broke its contract: KeyError" in reads[0].detail
    assert "secret text" not in f"{caplog.text}{reads}"


def test_a_posted_token_that_is_invalid_is_unreadable(caplog: pytest.LogCaptureFixture) -> None:
    """Anybody can post anything: the receipt is counted as unreadable, and neither the plug-in nor the certificate is
    named as the cause."""
    (read,) = received(posted(("a\x00b", "arrived", parameter_of("a"))))

    assert (read.reason, read.unreadable) == (Reason.INVALID_NOTIFICATION, 1)
    assert read.detail == "what stands there for a token can be none"
    assert "contract" not in caplog.text


def test_a_new_secret_is_used_at_once_and_the_old_one_still_accepted() -> None:
    """After a reload, receipts of pushes before it are accepted, and those under a secret that was removed are not."""

    async def main() -> list[int]:
        before = posted(("a", "arrived", parameter_of("a")))
        another = "another secret of many characters"
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            g.reload([receipt_certificate(secret=[another, SECRET])])
            both = len(g.receipts(1, NO_HEADERS, before).receipts)
            g.reload([receipt_certificate(secret=another)])
            gone = g.receipts(1, NO_HEADERS, before).forged
            g.reload([certificate(2)])
            assert not g.admits(1, "x")
            return [both, gone]

    assert run_virtual(main()) == [1, 1]


def test_the_log_counts_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """There is one line on receipts with a wrong signature; duplicates are not worth one."""
    good = parameter_of("cAnArY")

    received(posted(("cAnArY", "arrived", "f0rged"), None), *[posted(("cAnArY", "arrived", good))] * 2)

    (line,) = [record.getMessage() for record in caplog.records]
    assert line == "certificate 1: 1 receipts that do not prove themselves and 1 that cannot be read came in"
    assert not any(word in caplog.text for word in ("cAnArY", "f0rged", good))


def test_listeners_get_each_accepted_receipt_once() -> None:
    """They get no duplicate and no forged receipt."""

    async def main() -> list[str]:
        given: list[Receipt] = []
        async with operations_gateway(OperationsServer(), receipt_certificate()) as g:
            g._verifier.listeners.append(given.append)
            body = posted(("a", "arrived", parameter_of("a")), ("a", "arrived", "forged"))
            g.receipts(1, NO_HEADERS, body)
            g.receipts(1, NO_HEADERS, body)
        return [one.dedupe_id for one in given]

    assert run_virtual(main()) == ["id-1"]


def test_the_blocking_gateway_receives_receipts_too() -> None:
    """It returns the same values, also when it is closed."""
    body = posted(("a", "arrived", parameter_of("a")))

    with SyncGateway([receipt_certificate()], transport=OperationsServer(), vendors={"toy": OperationsVendor}) as g:
        first, second = g.receipts(1, NO_HEADERS, body), g.receipts(1, NO_HEADERS, body)
        g.forget_receipts(first.receipts)
        third = g.receipts(1, NO_HEADERS, body)
        signer = receipt_certificate().signer
        assert signer is not None
        admitted = [g.admits(1, signer.url.rsplit("/", 1)[1]), g.admits(1, "x")]

    assert [len(read.receipts) for read in (first, second, third)] == [1, 0, 1]
    assert admitted == [True, False]
    assert (g.receipts(1, NO_HEADERS, body).reason, g.admits(1, "x")) == (Reason.CLOSED, False)
