"""Broadcasts and vivo's other calls, against the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.vendor import (
    Audience,
    Broadcast,
    BroadcastOutcome,
    Notification,
    NoVerdict,
    Push,
    PushToken,
    Reason,
    Refused,
    Request,
    Response,
    Status,
)

Drivers = Callable[..., ExchangeDriver]
NOTE = Notification("t", "b")


def carried(one: ExchangeDriver, call: Any) -> Any:
    """The result of a call."""
    return one.carry(call.begin, call.region)


def broadcast(one: ExchangeDriver, audience: Audience, note: Notification = NOTE, **more: Any) -> BroadcastOutcome:
    """The outcome of a broadcast."""
    return one.broadcast(Broadcast("1", note, audience, **more))


def body(one: ExchangeDriver) -> Any:
    """The body of the last request."""
    return json.loads(one.requests[-1].content)


def test_to_everyone(driver: Drivers) -> None:
    """By one call, without a receipt parameter; the task is what statistics are asked about."""
    one = driver(tokens=3)
    outcome = broadcast(one, Audience.everyone(), Notification("长" * 41, "b", subtitle="s", intent="news"))

    assert one.requests[-1].url.endswith("/message/all")
    assert (outcome.ok, outcome.truncated, outcome.omitted) == (True, ("title",), ("subtitle",))
    assert outcome.task_ids == (outcome.message_id,)
    assert len(one.sandbox.ledger.deliveries) == 3
    with pytest.raises(Refused, match="receipt_parameter"):
        broadcast(one, Audience.everyone(), Notification("t", "b", receipt_parameter="m"))


def test_to_tags(driver: Drivers) -> None:
    """Some of the tags, all of them, none of them; one that the phones have is needed."""
    one = driver(tokens=4)
    for token, tags in zip(one.sandbox.tokens, (["a"], ["a", "b"], ["a", "b", "c"], ["b"]), strict=True):
        one.sandbox.set_tags(token, tags)
    outcome = broadcast(one, Audience.of_tags(["a"], all_of=["b"], none_of=["c"]))

    assert body(one)["tagExpression"] == {"orTags": ["a"], "andTags": ["b"], "notTags": ["c"]}
    assert outcome.ok
    assert [one.sandbox.ledger.count(token) for token in one.sandbox.tokens] == [0, 1, 0, 0]
    with pytest.raises(Refused, match="audience: vivo needs a tag that the phones have"):
        next(one.vendor.broadcast(Broadcast("1", NOTE, Audience.of_tags([], none_of=["c"])), ""))


def test_to_aliases(driver: Drivers) -> None:
    """One with the notification, several by a saved content; those that nobody has are counted."""
    one = driver(tokens=2)
    for token, alias in zip(one.sandbox.tokens, ("ann lee", "bob"), strict=True):
        one.sandbox.set_alias(token, alias)
    several = broadcast(one, Audience.of_aliases(["ann lee", "bob", "nobody"]))
    single = broadcast(one, Audience.of_aliases(["bob"]))

    assert several.requests == ((Status.ACCEPTED, None, 2), (Status.REJECTED, Reason.UNREGISTERED, 1))
    assert single.ok
    assert body(one)["alias"] == "bob"
    assert [one.sandbox.ledger.count(token) for token in one.sandbox.tokens] == [1, 2]


@pytest.mark.parametrize("more", [{"start_at": datetime(2027, 1, 1, tzinfo=UTC)}, {"rate": 5}])
def test_vivo_has_no_schedule(driver: Drivers, more: dict[str, Any]) -> None:
    """Refused by name, before the content is saved."""
    one = driver()
    for audience in (Audience.everyone(), Audience.of_tokens(["a", "b"])):
        with pytest.raises(Refused, match=f"{next(iter(more))}: vivo has no such thing"):
            broadcast(one, audience, **more)
        assert one.sandbox.ledger.calls["save"] == 0


def test_each_save_and_broadcast_has_an_id_of_its_own(driver: Drivers) -> None:
    """The same content may be sent on another day, and pushes keep theirs when they are repeated."""
    one = driver(tokens=2)
    save = next(one.vendor.save_push(NOTE, None, ""))
    push = next(one.vendor.push([Push(PushToken(1, "a"), NOTE, dedupe_id="d" * 64)]))
    long = next(one.vendor.push([Push(PushToken(1, "a"), NOTE, dedupe_id="d" * 65)]))
    assert save is not None
    assert push is not None
    assert long is not None

    def id_at(request: Request, now: float) -> str:
        return str(json.loads(one.vendor.finish(request, None, now).content)["requestId"])

    assert id_at(save, 1.0) != id_at(save, 2.0)
    assert id_at(push, 1.0) == id_at(push, 2.0) == "d" * 64
    assert len(id_at(long, 1.0)) == 32


def test_tags_are_made_and_given(driver: Drivers) -> None:
    """More than a thousand phones take more requests; those that failed are named with vivo's status."""
    one = driver(tokens=1)
    (token,) = one.sandbox.tokens
    assert carried(one, one.vendor.change_tags("add_tag", {"name": "vip", "group": "g"}))["result"] == 0
    failed = carried(one, one.vendor.tag("vip", [token, *(f"dead{number}" for number in range(1000))]))

    assert one.sandbox.phones()[0].tags == {"vip"}
    assert failed == {f"dead{number}": "1" for number in range(1000)}
    assert one.sandbox.ledger.calls["add_members"] == 2
    carried(one, one.vendor.tag("vip", [token], remove=True))
    assert one.sandbox.phones()[0].tags == frozenset()
    with pytest.raises(Refused, match="name: must not be blank"):
        carried(one, one.vendor.tag(" ", [token]))
    with pytest.raises(Refused, match="name: must be one of add_tag"):
        one.vendor.change_tags("send", {})


def answered(call: Any, **reply: Any) -> Any:
    """The result of a call of one request by this reply."""
    exchange = call.begin()
    next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(Response(200, content=json.dumps({"result": 0, **reply}).encode()))
    return end.value.value


def test_figures_are_those_of_the_task_that_was_asked_about(driver: Drivers) -> None:
    """Wherever they stand in the reply; those of other tasks are no answer."""
    call, other = driver().vendor.statistics("9", ""), {"taskId": "8", "target": 5}
    found = answered(call, statistics=[other, {"taskId": 9, "target": 7}])

    assert found.targets == 7
    with pytest.raises(NoVerdict):
        answered(call, statistics=[other])


@pytest.mark.parametrize(
    ("call", "reply"),
    [
        ("review", {"data": [{"desc": "ok"}]}),
        ("review", {"data": [{"taskId": None, "desc": "ok"}]}),
        ("tag", {"data": [{"userid": "a"}]}),
        ("tag", {"data": [{"userid": "a", "status": True}]}),
        ("tag", {"data": [{"status": 1}]}),
    ],
)
def test_a_reply_that_lacks_something_is_no_verdict(driver: Drivers, call: str, reply: dict[str, Any]) -> None:
    """And no text such as "None" comes out of it."""
    vendor: Any = driver().vendor
    with pytest.raises(NoVerdict):
        answered(vendor.review(["1"]) if call == "review" else vendor.tag("vip", ["a"]), **reply)


def test_one_task_may_be_given_as_a_text(driver: Drivers) -> None:
    """It is not taken apart."""
    request = next(driver().vendor.review("998877").begin())

    assert request.url.endswith("?taskIds=998877")


@pytest.mark.parametrize("ids", [100, 101])
def test_a_query_has_at_most_a_hundred_tasks(driver: Drivers, ids: int) -> None:
    """At the limit and one beyond; the commas are quoted in the URL."""
    one = driver()
    call = one.vendor.review([str(number) for number in range(ids)])
    if ids == 100:
        one.spoil = lambda reply: Response(200, content=b'{"result":0,"data":[{"taskId":"1","desc":"ok"}]}')
        assert carried(one, call) == {"1": "ok"}
        assert one.requests[-1].url.count("%2C") == 99
        return
    with pytest.raises(Refused, match="task_ids: must hold 1 to 100, holds 101"):
        carried(one, call)


def test_the_way_of_a_list(driver: Drivers) -> None:
    """Its statistics and its review, by the id of the saved content."""
    one = driver(tokens=3)
    tokens = list(one.sandbox.tokens)
    (outcome, *_) = one.push([Push(PushToken(1, token), NOTE) for token in [*tokens, "v2-dead"]])
    task = outcome.message_id or ""
    figures = carried(one, one.vendor.statistics(task, ""))

    assert (figures.targets, figures.valid, figures.arrived) == (4, 3, 3)
    assert carried(one, one.vendor.review([task])) == {task: "状态未知"}
    with pytest.raises(NoVerdict):
        carried(one, one.vendor.statistics("7", ""))


def test_tokens_are_checked(driver: Drivers) -> None:
    """An answer without a list says nothing."""
    one = driver(tokens=1)
    tokens = [*one.sandbox.tokens, "v2-dead"]

    assert carried(one, one.vendor.check_tokens(tokens)) == {tokens[0]: None, "v2-dead": Reason.UNREGISTERED}
    assert body(one) == {"appId": 100000001, "userType": 1, "userIds": tokens}
    one.sandbox.set_option("check", "nothing")
    with pytest.raises(NoVerdict):
        carried(one, one.vendor.check_tokens(tokens))


def test_taking_back_names_the_dead_only(driver: Drivers) -> None:
    """A living phone that does not show the push any more is no invalid user, and no dead token for us."""
    one = driver(tokens=2)
    first, second = one.sandbox.tokens
    (outcome,) = one.push([Push(PushToken(1, first), NOTE)])
    task = outcome.message_id or ""

    assert carried(one, one.vendor.recall(task, [first, second, "v2-dead"])) == {
        first: None,
        second: None,
        "v2-dead": Reason.UNREGISTERED,
    }
    assert carried(one, one.vendor.recall(task, [first])) == {first: None}


def test_recall_is_an_experiment(driver: Drivers) -> None:
    """A setting allows it; the call may not exist at all."""
    off = driver({"experimental_recall": False})
    with pytest.raises(Refused, match="recall: vivo documents none: set experimental_recall"):
        off.vendor.recall("1", ["a"])
    one = driver({"experimental_recall": True}, tokens=1, recall=False)
    with pytest.raises(Refused) as refused:
        carried(one, one.vendor.recall("1", ["a"]))

    assert refused.value.reason is Reason.CREDENTIALS
