"""Batches of one notification and of different ones: settled pushes, the list of tokens, and outcomes in order."""

import functools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from rules_of_codes import ROWS

from pushgateway.vendor import (
    Batch,
    CallBack,
    Exchange,
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
from pushgateway.vendor.toolkit.batches import CHECKPOINT_EVERY, Frame, TokenRule, push_mixed, push_same, quoted_list
from pushgateway.vendor.toolkit.codes import CodeTable

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


def test_a_frame_is_written_around_its_target_and_speaks_in_every_outcome() -> None:
    """With or without refused tokens, each outcome says what was cut and left out."""
    frame = Frame(head=b"{", tail=b"}", truncated=("body",), omitted=("icon",), handle="7")
    sent = batch("a", "b")
    accepted = frame.outcomes(CodeTable(ROWS), sent, {}, message_id="m")
    partly = frame.outcomes(CodeTable(ROWS), sent, {"100": ["b"]}, message_id="m", failures=1)
    unsaid = frame.outcomes(CodeTable(ROWS), sent, {}, message_id="m", failures=1)

    assert frame.around(b"1") == b"{1}"
    assert [(one.message_id, one.truncated, one.omitted, one.handle) for one in accepted] == [
        ("m", ("body",), ("icon",), "7")
    ] * 2
    assert [one.reason for one in partly] == [None, Reason.UNREGISTERED]
    assert {(one.truncated, one.omitted) for one in partly} == {(("body",), ("icon",))}
    assert {one.status for one in unsaid} == {Status.UNKNOWN}


# Different notifications

GOOD, BAD, OTHER = Notification("good", "b"), Notification("bad", "b"), Notification("other", "b")


def encode(note: Notification) -> list[str] | Refused:
    """A new object for each call, so that calls can be distinguished."""
    return Refused(Reason.UNSUPPORTED, detail="title: bad") if note.title == "bad" else [note.title]


def mixed(*pairs: tuple[Notification, str]) -> Batch:
    """A push of its own notification for each token."""
    return Batch.of([Push(PushToken(1, token), note, dedupe_id=f"d-{token}") for note, token in pairs])


def run(given: Batch, answer: Response | Exception | None = None) -> tuple[Any, list[tuple[Batch, Any]], int]:
    """The outcomes of a batch, what was sent, and the number of checkpoints."""
    sent: list[tuple[Batch, Any]] = []
    checkpoints = 0

    def send(pushes: Batch, encoded: Sequence[list[str]]) -> Exchange[Sequence[Outcome]]:
        sent.append((pushes, encoded))
        yield Request("POST", "https://push.example")
        return [Outcome.accepted(push, one[0]) for push, one in zip(pushes, encoded, strict=True)]

    exchange = push_mixed(given, RULE, encode=encode, send=send)
    answered = functools.partial(exchange.send, answer if isinstance(answer, Response) else Response(200))
    step: Any = exchange.__next__
    while True:
        try:
            request = step()
        except StopIteration as stop:
            return stop.value, sent, checkpoints
        if request is None:
            checkpoints, step = checkpoints + 1, exchange.__next__
        else:
            step = functools.partial(exchange.throw, answer) if isinstance(answer, Exception) else answered


def test_each_of_different_pushes_keeps_its_place() -> None:
    """Settled pushes end NOT_SENT with their own sentence, and the others get the outcomes of the request."""
    outcomes, sent, _ = run(mixed((BAD, "a"), (GOOD, "b"), (GOOD, "odd,"), (BAD, "o;"), (OTHER, "c")))

    assert len(sent) == 1
    assert [(one.push_token.token, one.status, one.message_id or one.detail[:10]) for one in outcomes] == [
        ("a", Status.NOT_SENT, "title: bad"),
        ("b", Status.ACCEPTED, "good"),
        ("odd,", Status.NOT_SENT, "token: con"),
        ("o;", Status.NOT_SENT, "token: con"),
        ("c", Status.ACCEPTED, "other"),
    ]
    assert outcomes[0].reason is Reason.UNSUPPORTED


def test_different_pushes_that_must_not_be_sent_make_no_request() -> None:
    """All are settled."""
    outcomes, sent, _ = run(mixed((BAD, "a"), (GOOD, "odd,")))

    assert sent == []
    assert [one.status for one in outcomes] == [Status.NOT_SENT] * 2


def test_a_mixed_batch_without_settled_pushes_is_sent_as_it_is() -> None:
    """With its callback and message ids, and a shared notification is encoded once."""
    given = mixed((GOOD, "a"), (OTHER, "b"), (GOOD, "c")).under(["m", "n", "m"])
    given.callback = CallBack("https://im.example", "p")
    _, ((sent, encoded),), _ = run(given)

    assert sent is given
    assert encoded[0] is encoded[2]
    assert encoded[0] is not encoded[1]


def test_pushes_that_are_sent_keep_what_the_core_gave_the_batch() -> None:
    """Message ids and the callback."""
    given = mixed((BAD, "a"), (GOOD, "b")).under(["m-1", "m-2"])
    given.callback = CallBack("https://im.example", "p")
    _, ((sent, _encoded),), _ = run(given)

    assert (list(sent.message_ids), sent.callback) == (["m-2"], given.callback)


@pytest.mark.parametrize("failure", [NoVerdict("silent"), Refused(Reason.UNAVAILABLE)])
def test_a_failed_request_does_not_concern_settled_pushes_of_a_mix(failure: NoVerdict | Refused) -> None:
    """The error carries their outcomes."""
    with pytest.raises(type(failure)) as caught:
        run(mixed((BAD, "a"), (GOOD, "b")), failure)

    assert {place: one.detail for place, one in caught.value.kept.items()} == {0: "title: bad"}


def test_there_are_checkpoints_between_notifications() -> None:
    """A long batch does not hold up the event loop."""
    notes = [Notification(f"t{number}", "b") for number in range(3 * CHECKPOINT_EVERY)]
    _, _, checkpoints = run(mixed(*((note, f"t{n}") for n, note in enumerate(notes))))

    assert checkpoints == 3
