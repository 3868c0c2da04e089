"""A broadcast to a list of tokens, some of which are not sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from pushgateway.vendor import (
    Audience,
    Broadcast,
    BroadcastOutcome,
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
from pushgateway.vendor.toolkit.broadcasts import any_or_all, broadcast_as_pushes, counted, send_broadcast

NOTE = Notification("t", "b")


def refuse(token: str) -> tuple[Reason, str] | None:
    return (Reason.INVALID_NOTIFICATION, "token: is odd") if token.startswith("odd") else None


def ask(values: Sequence[str]) -> Request:
    return Request("POST", "https://a.example/" + ";".join(values))


def read(response: Response, values: Sequence[str]) -> tuple[BroadcastOutcome, Mapping[str, Outcome]]:
    verdicts = {one: Outcome.accepted(Push(PushToken("7", one), NOTE), "m") for one in values}
    return BroadcastOutcome(certificate_id="7", status=Status.ACCEPTED), verdicts


def sent(audience: Audience) -> Any:
    return send_broadcast(Broadcast("7", NOTE, audience), "m", refuse=refuse, ask=ask, read=read)


def test_tokens_that_are_not_sent_keep_their_places() -> None:
    """The request has the others, and the outcomes are in the order given."""
    exchange = sent(Audience.of_tokens(["a", "odd1", "b"]))
    assert next(exchange).url == "https://a.example/a;b"

    with pytest.raises(StopIteration) as done:
        exchange.send(Response(200))

    statuses = [(one.push_token.token, one.status) for one in done.value.value.outcomes]
    assert statuses == [("a", Status.ACCEPTED), ("odd1", Status.NOT_SENT), ("b", Status.ACCEPTED)]


def test_a_list_of_nobody_makes_no_request() -> None:
    """The broadcast ends as its tokens do."""
    with pytest.raises(StopIteration) as done:
        next(sent(Audience.of_tokens(["odd1", "odd2"])))

    outcome = done.value.value
    assert (outcome.status, outcome.reason, len(outcome.outcomes)) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION, 2)


def test_a_failed_request_keeps_what_was_settled_before() -> None:
    """By place in the list."""
    exchange = sent(Audience.of_tokens(["a", "odd1"]))
    next(exchange)

    with pytest.raises(NoVerdict) as failed:
        exchange.throw(NoVerdict("no reply"))

    assert {place: one.status for place, one in failed.value.kept.items()} == {1: Status.NOT_SENT}


def test_other_audiences_have_no_outcomes_of_tokens() -> None:
    """Aliases are not checked as tokens."""
    exchange = sent(Audience.of_aliases(["odd1"]))
    assert next(exchange).url == "https://a.example/odd1"

    with pytest.raises(StopIteration) as done:
        exchange.send(Response(200))

    assert done.value.value.outcomes == ()


@pytest.mark.parametrize("is_alive", [True, False])
def test_a_list_of_tokens_may_be_pushes(is_alive: bool) -> None:
    """With an outcome each; the broadcast is accepted if one of them is, and each has the id of the notification."""
    asked: list[Push] = []

    def push(batch: Sequence[Push]) -> Any:
        asked.extend(batch)
        yield Request("POST", "https://a.example/")
        dead = [Outcome.not_sent(one, Reason.UNREGISTERED, "token: is dead") for one in batch]
        return [dead[0], Outcome.accepted(batch[1], "m-1", omitted=("badge",))] if is_alive else dead

    note = Notification("t", "b", dedupe_id="d-1")
    exchange = broadcast_as_pushes(Broadcast("7", note, Audience.of_tokens(["a", "b"])), push)
    next(exchange)
    with pytest.raises(StopIteration) as done:
        exchange.send(Response(200))

    outcome = done.value.value
    assert [(one.push_token.token, one.dedupe_id) for one in asked] == [("a", "d-1"), ("b", "d-1")]
    assert [one.ok for one in outcome.outcomes] == [False, is_alive]
    right = (Status.ACCEPTED, "m-1", ("badge",)) if is_alive else (Status.NOT_SENT, None, ())
    assert (outcome.status, outcome.message_id, outcome.omitted) == right
    assert outcome.task_ids == (("m-1",) if is_alive else ())


def test_aliases_with_an_ending_each_are_counted() -> None:
    """The request is accepted if one of them is; otherwise it ends as most of them."""
    aliases = Broadcast("7", NOTE, Audience.of_aliases(["ann", "bob", "cy"]))
    part = counted(aliases, {"ann": Reason.MUTED, "bob": None, "cy": Reason.MUTED}, task_ids=("t-1",))
    none = counted(aliases, {"ann": Reason.NO_VERDICT, "bob": Reason.MUTED, "cy": Reason.MUTED})

    assert (part.status, part.reason, part.task_ids) == (Status.ACCEPTED, None, ("t-1",))
    assert part.requests == ((Status.REJECTED, Reason.MUTED, 2), (Status.ACCEPTED, None, 1))
    assert (none.status, none.reason) == (Status.REJECTED, Reason.MUTED)
    assert none.requests == ((Status.UNKNOWN, Reason.NO_VERDICT, 1), (Status.REJECTED, Reason.MUTED, 2))


def test_tags_by_one_operation() -> None:
    """One of them, or all of them; a single one may be either."""
    assert any_or_all(Audience.of_tags(["a", "b"]), "ACME") == (("a", "b"), False)
    assert any_or_all(Audience.of_tags(all_of=["a", "b"]), "ACME") == (("a", "b"), True)
    assert any_or_all(Audience.of_tags(["a"], all_of=["a", "b"]), "ACME") == (("a", "b"), True)
    for audience in (Audience.of_tags(["a", "b"], all_of=["c"]), Audience.of_tags(["a"], none_of=["b"])):
        with pytest.raises(Refused, match="audience: ACME has any_of or all_of tags, not both, and no none_of"):
            any_or_all(audience, "ACME")
