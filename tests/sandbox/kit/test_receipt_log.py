"""The log of posted receipts."""

from pushgateway.sandbox.kit.receipt_log import ReceiptLog
from pushgateway.vendor import Request


def request(name: str) -> Request:
    """A request with receipts."""
    return Request("POST", f"http://127.0.0.1/{name}", {}, b"[]")


def test_each_step_of_a_post_is_seen_once() -> None:
    """It is due, then it has ended; a reader that remembers the number gets what is new."""
    log = ReceiptLog()
    first = log.add(request("a"), 5.0)
    due = first.ending
    seen = log.number
    second = log.add(request("b"), 6.0)
    log.end(first, "posted")

    assert (due, first.ending, second.ending, first.at) == ("due", "posted", "due", 5.0)
    assert log.since(0) == [first, second, first]
    assert log.since(seen) == [second, first]
    assert log.since(log.number) == []


def test_memory_is_bounded() -> None:
    """Of three steps the last two stay."""
    log = ReceiptLog(most=2)
    posts = [log.add(request(name), 0.0) for name in "abc"]

    assert log.since(0) == posts[1:]


def test_a_repr_shows_no_content() -> None:
    """An address holds a secret part."""
    log = ReceiptLog()
    post = log.add(request("secret"), 0.0)

    assert "secret" not in repr(log) + repr(post)
