"""Blocking gateways with one shared state: one login, and a receipt that one of them has taken is known to both."""

import threading
from typing import Any

from operations_vendor import OperationsServer, OperationsVendor, parameter_of, posted, receipt_certificate
from toy_vendor import note

from pushgateway import PushToken, Receipt
from pushgateway.state import MemoryState
from pushgateway.sync import Gateway


def test_two_blocking_gateways_share_their_state() -> None:
    """Each has a thread and an event loop of its own. They log in once, and after `close` nothing is taken any more."""
    server, state = OperationsServer(), MemoryState()
    body = posted(("a", "arrived", parameter_of("a")))
    options: dict[str, Any] = {"transport": server, "vendors": {"toy": OperationsVendor}, "state": state}
    with Gateway([receipt_certificate()], **options) as one, Gateway([receipt_certificate()], **options) as other:
        sent = [gate.send(PushToken(1, "a"), note()).ok for gate in (one, other)]
        first = one.take_receipts(1, {}, body)
        meanwhile = other.take_receipts(1, {}, body)
        one.settle_receipts(first.receipts, taken=True)
        afterwards = other.take_receipts(1, {}, body)
    one.settle_receipts(first.receipts, taken=False)

    assert sent == [True, True]
    assert server.calls["login"] == 1
    assert [(len(each.receipts), each.elsewhere) for each in (first, meanwhile, afterwards)] == [(1, 0), (0, 1), (0, 0)]
    assert not one.take_receipts(1, {}, body).ok


def test_a_receipt_of_another_gateway_is_handed_over() -> None:
    """While the block lasts, and in the thread of the gateway that waits."""
    server, state = OperationsServer(), MemoryState()
    options: dict[str, Any] = {"transport": server, "vendors": {"toy": OperationsVendor}, "state": state}
    taken: list[tuple[Receipt, str]] = []
    was_called = threading.Event()

    def take(receipt: Receipt) -> None:
        taken.append((receipt, threading.current_thread().name))
        was_called.set()

    with Gateway([receipt_certificate()], **options) as one, Gateway([receipt_certificate()], **options) as other:
        with one.waiting_elsewhere([(PushToken(1, "a"), "id-1")], take):
            received = other.take_receipts(1, {}, posted(("a", "arrived", parameter_of("a"))))
            other.settle_receipts(received.receipts, taken=True)
            assert was_called.wait(20)
        count = len(taken)
    with one.waiting_elsewhere([(PushToken(1, "a"), "id-1")], take):  # after the close: nothing
        assert len(taken) == count
    assert {receipt.push_token.token for receipt, _ in taken} == {"a"}
    assert {name for _, name in taken} != {threading.current_thread().name}
