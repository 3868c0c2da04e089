"""Blocking gateways with one shared state: one login, and a receipt that one of them has taken is known to both."""

from typing import Any

from operations_vendor import OperationsServer, OperationsVendor, parameter_of, posted, receipt_certificate
from toy_vendor import note

from pushgateway import PushToken
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
