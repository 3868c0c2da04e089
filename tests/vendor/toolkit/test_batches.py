"""Batches of one notification: settled tokens, the list of tokens, and outcomes in order."""

import json

import pytest

from pushgateway.vendor import (
    Batch,
    Notification,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Reason,
    Refused,
    Request,
    Response,
    Status,
)
from pushgateway.vendor.toolkit.batches import TokenRule, push_same, quoted_list

RULE = TokenRule(vendor="Acme", longest=8)


def batch(*tokens: str) -> Batch:
    """A push of one notification for each token."""
    note = Notification("title", "text")
    return Batch.of([Push(PushToken(1, token), note) for token in tokens])


@pytest.mark.parametrize("token", ["a", "a-b_c.d:", "8letters", "a+/=~%"])
def test_what_may_be_a_token_is_sent(token: str) -> None:
    """Visible ASCII up to the longest."""
    assert RULE.problem(token) is None
    assert RULE.settle(batch(token, "b")) == {}


@pytest.mark.parametrize(
    ("token", "reason", "says"),
    [
        ("", Reason.INVALID_NOTIFICATION, "is empty"),
        ("a;b", Reason.INVALID_NOTIFICATION, "U+003B"),
        ("汉字", Reason.INVALID_NOTIFICATION, "U+6C49"),
        ('"' + "a" * 9, Reason.INVALID_NOTIFICATION, "U+0022"),
        ("9 letters".replace(" ", "-"), Reason.UNREGISTERED, "at most 8 characters, has 9"),
    ],
)
def test_what_is_no_token_is_settled_beside_good_ones(token: str, reason: Reason, says: str) -> None:
    """Dirt is not a dead token; only a clean text that is too long is one."""
    settled = RULE.settle(Batch.of([*batch("good"), *_odd(token)]))

    assert list(settled) == [1]
    assert (settled[1].status, settled[1].reason) == (Status.NOT_SENT, reason)
    assert says in settled[1].detail


def _odd(token: str) -> list[Push]:
    push_token = PushToken(1, "x")
    object.__setattr__(push_token, "token", token)  # some of these are refused when a PushToken is made
    return [Push(push_token, Notification("title", "text"))]


def test_a_list_of_tokens_is_json() -> None:
    """None, one and many."""
    for tokens in ([], ["a"], ["a", "b/c", "d+e="]):
        assert json.loads(quoted_list(tokens)) == tokens


def pushing(given: Batch, encode=len):
    """The exchange of a vendor that accepts everything."""
    return push_same(
        given,
        RULE,
        encode=encode,
        ask=lambda encoded, sent: Request("POST", "https://a.example", content=quoted_list(sent.tokens)),
        read=lambda response, encoded, sent: [Outcome.accepted(push, str(encoded)) for push in sent],
    )


def result(exchange, reply=None):
    """The end of an exchange."""
    with pytest.raises(StopIteration) as end:
        exchange.send(reply)
    return end.value.value


def test_each_push_has_its_outcome_in_order() -> None:
    """Settled ones keep their place, and the request holds the others."""
    given = Batch.of([*batch("a"), *_odd("b;"), *batch("c")])
    exchange = pushing(given)
    request = next(exchange)
    outcomes = result(exchange, Response(200))

    assert request.content == b'["a","c"]'
    assert [one.ok for one in outcomes] == [True, False, True]
    assert [one.push_token for one in outcomes] == list(given.push_tokens)
    assert outcomes[2].message_id == "2"


def test_nothing_is_asked_if_nothing_is_sent() -> None:
    """All tokens are settled, or the notification is refused."""

    def refuse(_: Batch) -> int:
        raise Refused(Reason.UNSUPPORTED, detail="network: there is no such thing")

    settled = result(pushing(Batch.of(_odd(""))))
    refused = result(pushing(Batch.of([*batch("a"), *_odd("b;")]), refuse))

    assert [one.reason for one in settled] == [Reason.INVALID_NOTIFICATION]
    assert [(one.status, one.reason) for one in refused] == [
        (Status.NOT_SENT, Reason.UNSUPPORTED),
        (Status.NOT_SENT, Reason.INVALID_NOTIFICATION),
    ]


def test_settled_pushes_keep_their_outcomes_if_the_request_fails() -> None:
    """By their places in the batch."""
    exchange = pushing(Batch.of([*_odd("b;"), *batch("a")]))
    next(exchange)
    with pytest.raises(NoVerdict) as failed:
        exchange.throw(NoVerdict("no reply"))

    assert {place: one.reason for place, one in failed.value.kept.items()} == {0: Reason.INVALID_NOTIFICATION}
