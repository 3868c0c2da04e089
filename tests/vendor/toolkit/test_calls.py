"""A vendor's own calls: which dialect has one, and lists longer than a request."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from toolkit_rules import RULES

from pushgateway.vendor import Call, Reason, Refused, Request, Response
from pushgateway.vendor.toolkit.calls import call, call_in_chunks, find_operation, in_chunks, listed


def run(made: Call[object], *replies: bytes) -> tuple[list[str], object]:
    """The URLs asked for, and the result."""
    exchange, urls, left = made.begin(), [], list(replies)
    try:
        request = next(exchange)
        while True:
            assert request is not None
            urls.append(request.url)
            request = exchange.send(Response(200, {}, left.pop(0)))
    except StopIteration as done:
        return urls, done.value


def test_a_call_asks_and_reads() -> None:
    """One request; it can be begun again."""
    made: Call[object] = call(
        "find", "cn", lambda: Request("GET", "https://a/x"), lambda reply: reply.content, repeatable=False
    )

    assert run(made, b"one") == (["https://a/x"], b"one")
    assert run(made, b"two") == (["https://a/x"], b"two")
    assert (made.name, made.region, made.repeatable) == ("find", "cn", False)


def many(values: Sequence[str], most: int = 16) -> Call[object]:
    return call_in_chunks(
        "tags",
        "cn",
        values,
        size=2,
        ask=lambda chunk: Request("GET", "https://a/" + "+".join(chunk)),
        read=lambda reply, chunk: (reply.content, len(chunk)),
        join=list,
        most=most,
    )


def test_a_long_list_takes_several_requests() -> None:
    """Each value once, in order; the results of all replies are joined."""
    urls, result = run(many(iter(["a", "b", "a", "c"])), b"1", b"2")

    assert urls == ["https://a/a+b", "https://a/c"]
    assert result == [(b"1", 2), (b"2", 1)]


def test_a_call_says_how_many_values_fit_into_a_request() -> None:
    """So that a recall of many phones makes one call for each request."""
    assert many(["a", "b", "c"]).most == 2


def test_mappings_of_several_requests_become_one() -> None:
    """Where the call says nothing else."""
    made = call_in_chunks(
        "tags",
        "",
        ["a", "b"],
        size=1,
        ask=lambda chunk: Request("GET", f"https://a/{chunk[0]}"),
        read=lambda reply, chunk: {chunk[0]: reply.content},
    )

    assert run(made, b"1", b"2")[1] == {"a": b"1", "b": b"2"}


@pytest.mark.parametrize(
    ("values", "sentence"), [([], "tags: needs"), (["a", "b", "c"], "tags: takes at most 2 values")]
)
def test_no_values_and_too_many_are_refused(values: list[str], sentence: str) -> None:
    """Before any request."""
    with pytest.raises(Refused, match=sentence):
        run(many(values, most=1))


def test_chunks() -> None:
    """At the size and one over; a single text is one value."""
    assert [list(part) for part in in_chunks(["a", "b", "c"], 2)] == [["a", "b"], ["c"]]
    assert listed("abc") == ["abc"]


def test_a_call_that_a_dialect_lacks_is_named() -> None:
    """With the dialect, or the setting, that has it."""
    assert find_operation(RULES, "old", "find").method == "GET"
    assert find_operation(RULES, "old", "later", {"later": "/x"}).path == ""
    for dialect, name, sentence in (
        ("new", "find", 'find: dialect = "new" has no such call; dialect = "old" has it'),
        (
            "old",
            "later",
            'later: no source shows its path in dialect = "old": set paths.later if you know it; dialect = "new"',
        ),
    ):
        with pytest.raises(Refused) as caught:
            find_operation(RULES, dialect, name)
        assert caught.value.reason is Reason.UNSUPPORTED
        assert caught.value.detail.startswith(sentence)
