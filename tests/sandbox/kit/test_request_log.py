"""The log of requests: bounded by number and by bytes, and silent in a `repr`."""

from pushgateway.sandbox.kit.request_log import LoggedRequest, RequestLog
from pushgateway.vendor import Request, Response


def logged(number: int, size: int = 1, reply: int | None = 1) -> LoggedRequest:
    """A request with bodies of so many bytes; `reply` None: without a reply."""
    request = Request("POST", "http://vendor.example/push", {}, b"q" * size)
    return LoggedRequest(number, 0.0, "push", request, None if reply is None else Response(200, {}, b"r" * reply), 0.0)


def test_requests_are_found_by_number_and_the_newest_comes_first() -> None:
    """A number that was never given has no request."""
    log = RequestLog()
    for number in (1, 2, 3):
        log.add(logged(number))

    assert log.get(2) is not None
    assert log.get(4) is None
    assert [one.number for one in log.last(2)] == [3, 2]
    assert len(log.last(9)) == len(log) == 3


def test_the_oldest_is_forgotten_beyond_the_number() -> None:
    """At the limit all are there, one more and the first is not."""
    log = RequestLog(most=2)
    log.add(logged(1))
    log.add(logged(2))
    full = log.get(1)
    log.add(logged(3))

    assert full is not None
    assert log.get(1) is None
    assert [one.number for one in log.last(9)] == [3, 2]


def test_the_oldest_is_forgotten_beyond_the_bytes() -> None:
    """Both bodies count; a request that is too large on its own is kept, alone."""
    log = RequestLog(most_bytes=10)
    log.add(logged(1, 5, None))
    log.add(logged(2, 2, 3))
    full = len(log)
    log.add(logged(3, 1, None))
    beyond = [one.number for one in log.last(9)]
    log.add(logged(4, 100))

    assert (full, beyond) == (2, [3, 2])
    assert [one.number for one in log.last(9)] == [4]


def test_clear_forgets_everything() -> None:
    """The bytes too: what comes then is limited anew."""
    log = RequestLog(most_bytes=4)
    log.add(logged(1, 2, 2))
    log.clear()
    log.add(logged(2))
    log.add(logged(3))

    assert [one.number for one in log.last(9)] == [3, 2]


def test_a_repr_shows_no_content() -> None:
    """Requests hold tokens and texts."""
    log = RequestLog()
    log.add(logged(1))

    assert repr(log) == "RequestLog(1 requests)"
    assert "vendor.example" not in repr(log.get(1))
