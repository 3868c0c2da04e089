"""Calls other than pushes: topics and broadcasts, recall, pictures, and the probe of a certificate."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pushgateway_huawei.sandbox.conditions import holds, topics_of

from pushgateway import Certificate, Gateway
from pushgateway.testing import SandboxTransport
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import HOST
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import (
    Audience,
    Batch,
    Broadcast,
    Call,
    Notification,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Reason,
    Refused,
    Response,
)

Drivers = Callable[..., ExchangeDriver]
NOTE = Notification("title", "text")


def carry(one: ExchangeDriver, call: Call[Any]) -> Any:
    """The result of a call."""
    return one.carry(call.begin, call.region)


def push(one: ExchangeDriver, message_id: str, *tokens: str, **fields: Any) -> list[Outcome]:
    """Push one notification."""
    note = Notification(**{"title": "title", "body": "text", **fields})
    batch = Batch.of([Push(PushToken(1, token), note) for token in tokens]).under([message_id] * len(tokens))
    return list(one.carry(lambda: one.vendor.push(batch), ""))


def replying(one: ExchangeDriver, body: Any, status: int = 200) -> ExchangeDriver:
    """Every reply is this one."""
    one.spoil = lambda _: Response(status, {}, json.dumps(body).encode())
    return one


# Topics


def test_topics_are_subscribed_listed_and_left(driver: Drivers) -> None:
    """The result names the tokens that failed, with Huawei's reason."""
    one = driver("huawei", tokens=2)
    first, second = one.sandbox.tokens

    assert carry(one, one.vendor.subscribe_topic("weather", [first, "dead", second])).keys() == {"dead"}  # type: ignore[attr-defined]
    assert carry(one, one.vendor.subscribe_topic("天气", [first])) == {}  # type: ignore[attr-defined]
    assert carry(one, one.vendor.topics(first)) == ("weather", "天气")  # type: ignore[attr-defined]
    assert carry(one, one.vendor.unsubscribe_topic("weather", [first])) == {}  # type: ignore[attr-defined]
    assert carry(one, one.vendor.topics(first)) == ("天气",)  # type: ignore[attr-defined]


def test_a_long_list_takes_several_requests(driver: Drivers) -> None:
    """1,000 tokens in each."""
    one = driver("huawei", tokens=1001)
    carry(one, one.vendor.subscribe_topic("weather", one.sandbox.tokens))  # type: ignore[attr-defined]

    assert [len(json.loads(request.content)["tokenArray"]) for request in one.requests] == [1000, 1]


@pytest.mark.parametrize("topic", ["", "a b", "a'b", "x" * 901])
def test_a_wrong_topic_is_refused_before_any_request(driver: Drivers, topic: str) -> None:
    """Letters, digits, Chinese characters and some signs, at most 900."""
    one = driver("huawei", tokens=1)
    with pytest.raises(Refused, match="topic: a topic must have 1 to 900") as refused:
        carry(one, one.vendor.subscribe_topic(topic, one.sandbox.tokens))  # type: ignore[attr-defined]

    assert refused.value.reason is Reason.INVALID_NOTIFICATION
    assert one.requests == []


def test_a_dead_token_alone_is_dead(driver: Drivers) -> None:
    """The code says so of the only token; of several it says nothing."""
    one = driver("huawei", tokens=0)
    for tokens, reason in ((["dead"], Reason.UNREGISTERED), (["dead", "gone"], Reason.INVALID_NOTIFICATION)):
        with pytest.raises(Refused) as refused:
            carry(one, one.vendor.subscribe_topic("weather", tokens))  # type: ignore[attr-defined]
        assert refused.value.reason is reason


@pytest.mark.parametrize(
    "body", [{"errors": [{"index": 5}]}, {"errors": [5]}, {"errors": "x"}, {"errors": [{"index": True}]}]
)
def test_errors_that_make_no_sense_are_no_verdict(driver: Drivers, body: Any) -> None:
    """A place that the request did not have."""
    one = replying(driver("huawei", tokens=1), {"code": "80000000", **body})
    with pytest.raises(NoVerdict):
        carry(one, one.vendor.subscribe_topic("weather", ["a", "b"]))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("audience", "target", "reached"),
    [
        (Audience.of_tags(["a"]), {"topic": "a"}, [0, 1]),
        (Audience.of_tags(all_of=["a"]), {"topic": "a"}, [0, 1]),
        (Audience.of_tags(["a", "b"]), {"condition": "('a' in topics || 'b' in topics)"}, [0, 1, 2]),
        (Audience.of_tags(all_of=["a", "b"]), {"condition": "'a' in topics && 'b' in topics"}, [1]),
        (Audience.of_tags(["a"], none_of=["b"]), {"condition": "'a' in topics && !('b' in topics)"}, [0]),
        (Audience.of_tags(none_of=["b"]), {"condition": "!('b' in topics)"}, [0, 3]),
        (
            Audience.of_tags(["a", "b"], all_of=["c"], none_of=["d"]),
            {"condition": "('a' in topics || 'b' in topics) && 'c' in topics && !('d' in topics)"},
            [],
        ),
    ],
)
def test_tags_are_topics_and_conditions(driver: Drivers, audience: Audience, target: Any, reached: list[int]) -> None:
    """The smallest form that says it, and the phones that it means."""
    one = driver("huawei", tokens=4)
    tokens = one.sandbox.tokens
    for token, topics in zip(tokens, ("a", "ab", "b", ""), strict=True):
        one.sandbox.set_tags(token, topics)
    outcome = one.broadcast(Broadcast(1, NOTE, audience))
    message = json.loads(one.requests[-1].content)["message"]

    assert {name: message[name] for name in ("topic", "condition", "token") if name in message} == target
    assert outcome.ok
    assert outcome.task_ids == (outcome.message_id,)
    assert [place for place, token in enumerate(tokens) if one.sandbox.ledger.count(token)] == reached


def test_a_condition_has_five_topics_at_most(driver: Drivers) -> None:
    """A sixth is refused before any request; and so are a start and a speed."""
    one = driver("huawei", tokens=1)
    for names, passes in (("abcde", True), ("abcdef", False)):
        asked = Broadcast(1, NOTE, Audience.of_tags(list(names)))
        if passes:
            assert one.broadcast(asked).ok
            continue
        with pytest.raises(Refused, match="audience: must name at most 5 tags"):
            one.broadcast(asked)
    with pytest.raises(Refused, match="rate: Huawei has no such thing"):
        one.broadcast(Broadcast(1, NOTE, Audience.of_tags(["a"]), rate=5))


def test_the_body_of_a_broadcast_is_small_enough_with_its_condition(driver: Drivers) -> None:
    """4,096 bytes with the condition, which is no list of tokens."""
    one = driver("huawei", tokens=1)
    names = ["x" * 300 + str(number) for number in range(5)]
    outcome = one.broadcast(Broadcast(1, Notification("t", "b" * 4000), Audience.of_tags(names)))

    assert outcome.ok
    assert outcome.truncated == ("body",)
    assert len(one.requests[-1].content) <= 4096


@pytest.mark.parametrize(
    ("text", "topics", "is_meant"),
    [
        ("'a' in topics", {"a"}, True),
        ("'a' in topics && ('b' in topics || !('c' in topics))", {"a"}, True),
        ("'a' in topics && ('b' in topics || !('c' in topics))", {"a", "c"}, False),
        ("!('a' in topics) || 'b' in topics", {"a", "b"}, True),
    ],
)
def test_the_sandbox_reads_conditions(text: str, topics: set[str], is_meant: bool) -> None:
    """As Huawei's page has them."""
    assert holds(text, topics) is is_meant
    assert set(topics_of(text)) <= {"a", "b", "c"}


@pytest.mark.parametrize(
    "text", ["", "a in topics", "'a' in topics &&", "('a' in topics", "'a' in topics 'b' in topics", "!"]
)
def test_the_sandbox_refuses_what_is_no_condition(text: str) -> None:
    """Strictly."""
    with pytest.raises(ValueError, match=r"condition|topic|parenthesis"):
        topics_of(text)


# Recall


def test_a_notification_is_taken_back(driver: Drivers) -> None:
    """By the handle of its outcome, from the phones that are named; another one stays."""
    one = driver("harmony", tokens=2)
    first, second = one.sandbox.tokens
    outcome, _ = push(one, "m-1", first, second)
    push(one, "m-2", first)
    result = carry(one, one.vendor.recall(outcome.handle or "", [first]))

    assert result == {first: None}
    shown = {phone.token: [delivery.dedupe_id for delivery in phone.shown] for phone in one.sandbox.phones()}
    assert shown == {first: ["m-2"], second: ["m-1"]}


def test_a_recall_in_part_names_who_was_not_reached(driver: Drivers) -> None:
    """By Huawei's reason; where the reply names nobody, nothing is known; a dead token alone is dead."""
    one = driver("harmony", tokens=1)
    (token,) = one.sandbox.tokens
    unsaid = replying(driver("harmony", tokens=1), {"code": "80100020", "msg": "partly", "requestId": "1"})

    assert carry(one, one.vendor.recall("5", [token, "dead"])) == {token: None, "dead": Reason.UNREGISTERED}
    assert carry(unsaid, unsaid.vendor.recall("5", ["a", "b"])) == dict.fromkeys("ab", Reason.NO_VERDICT)
    with pytest.raises(Refused) as refused:
        carry(one, one.vendor.recall("5", ["dead"]))
    assert refused.value.reason is Reason.UNREGISTERED


@pytest.mark.parametrize("handle", ["", "m-1", "-1", "2147483648"])
def test_a_handle_that_is_none_is_refused(driver: Drivers, handle: str) -> None:
    """Before any request; and so is a recall without a client id."""
    one, bare = driver("harmony"), driver("harmony", {"client_id": None})
    with pytest.raises(Refused, match=r"handle: must be the Outcome\.handle"):
        carry(one, one.vendor.recall(handle, ["a"]))
    with pytest.raises(Refused, match="client_id: is not among the settings"):
        carry(bare, bare.vendor.recall("5", ["a"]))
    assert one.requests == bare.requests == []


def test_android_has_no_recall(driver: Drivers) -> None:
    """A notification there is replaced by another one with the same key."""
    with pytest.raises(Refused) as refused:
        driver("huawei").vendor.recall("5", ["a"])

    assert refused.value.reason is Reason.UNSUPPORTED


# Repeats


def test_a_repeat_is_shown_once(driver: Drivers) -> None:
    """The phone drops the second message with one id, and keeps the first."""
    one = driver("harmony", tokens=1)
    (token,) = one.sandbox.tokens
    for title in ("first", "second"):
        (outcome,) = push(one, "m-1", token, title=title)
        assert outcome.ok

    assert [delivery.title for delivery in one.sandbox.phones()[0].shown] == ["first"]
    assert one.sandbox.ledger.dropped["repeated"] == 1
    assert one.vendor.deduplicates == "message"
    assert driver("huawei").vendor.deduplicates is False


# Pictures


def test_a_picture_is_verified_before_it_is_sent(driver: Drivers) -> None:
    """Huawei refuses one that is not; the URL of the result is sent."""
    one = driver("harmony", tokens=1)
    (token,) = one.sandbox.tokens
    url = carry(one, one.vendor.verify_image("https://a.example/p.png"))  # type: ignore[attr-defined]
    (outcome,) = push(one, "m-1", token, picture=url)

    assert outcome.ok
    assert one.sandbox.ledger.deliveries[0].picture == url
    with pytest.raises(Refused) as refused:
        push(one, "m-2", token, token + "x", picture="https://a.example/p.png")
    assert (refused.value.code, refused.value.about) == ("80100022", "content")
    with pytest.raises(Refused):
        carry(one, one.vendor.verify_image("ftp://a"))  # type: ignore[attr-defined]
    one = replying(one, {"code": "83010000", "msg": "ok"})
    with pytest.raises(NoVerdict):
        carry(one, one.vendor.verify_image("https://a.example/p.png"))  # type: ignore[attr-defined]


# The probe


@pytest.mark.parametrize(
    ("body", "proved"),
    [
        ({"code": "80000000", "msg": "Success"}, True),
        ({"code": "80300007", "msg": "All the tokens are invalid."}, True),
        ({"code": "80100000", "msg": '{"success":0,"failure":1,"illegal_tokens":["pushgateway-check"]}'}, True),
        ({"code": "80300002", "msg": "no right"}, False),
    ],
)
def test_the_probe_proves_login_and_app_id(driver: Drivers, body: Any, proved: bool) -> None:
    """Whether `validate_only` looks at the token is not known: both answers prove the settings."""
    one = replying(driver("huawei"), body)
    exchange = one.vendor.probe()
    assert exchange is not None
    if not proved:
        with pytest.raises(Refused) as refused:
            one.carry(lambda: exchange, "")
        assert refused.value.reason is Reason.CREDENTIALS
        return
    assert "the login and the app id are right" in one.carry(lambda: exchange, "")
    assert json.loads(one.requests[-1].content)["validate_only"] is True


def test_check_says_what_was_proved(driver: Drivers) -> None:
    """Huawei: by the probe; HarmonyOS has none, and the token is signed here, so nothing is."""

    async def checked(one: ExchangeDriver) -> Any:
        certificate = Certificate(1, one.vendor.brand, one.sandbox.settings(HOST))
        async with Gateway([certificate], transport=SandboxTransport(one.sandbox)) as gateway:
            return await gateway.check(1)

    old, new = (run_virtual(checked(driver(brand))) for brand in ("huawei", "harmony"))

    assert old.ok
    assert "app id" in old.detail
    assert driver("harmony").vendor.probe() is None
    assert new.ok
    assert "prove" in new.detail or "signed" in new.detail
