"""Odd replies of Meizu: who is called accepted, dead, muted, or in doubt, and that nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pushgateway_meizu import Meizu
from pushgateway_meizu.replies import CODES, REPLIES, RULES

from pushgateway.vendor import (
    Audience,
    Batch,
    Broadcast,
    Notification,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Reason,
    Refused,
    Response,
)
from pushgateway.vendor.toolkit.batches import Frame

TOKENS = ("a", "b", "c")


def pushes(size: int = 3) -> Batch:
    """A push of one notification for each token."""
    return Batch.of([Push(PushToken(1, token), Notification("t", "b")) for token in TOKENS[:size]])


def outcomes(content: bytes, size: int = 3, status: int = 200) -> list[Outcome]:
    """The outcomes by a reply with this body."""
    return list(REPLIES.outcomes(Response(status, {}, content), Frame(head=b""), pushes(size)))


def reasons(value: Any, code: Any = "200", size: int = 3, **more: Any) -> list[Reason | None]:
    """The reasons by a reply with this `value`."""
    return [one.reason for one in outcomes(json.dumps({"code": code, "value": value, **more}).encode(), size)]


@pytest.mark.parametrize("code", ["200", 200])
@pytest.mark.parametrize("value", [None, {}, "", {"msgId": "m"}])
def test_nobody_failed(code: Any, value: Any) -> None:
    """An empty object, an empty text or null; the id beside the codes is no code."""
    assert reasons(value, code) == [None] * 3


def test_nobody_failed_without_a_value() -> None:
    """Two clients cannot read an empty text, so some servers may leave it out."""
    assert [one.ok for one in outcomes(b'{"code":"200","msgId":"m"}')] == [True] * 3


def test_those_who_failed_are_named() -> None:
    """Each by its code; the others have the id of the message."""
    found = outcomes(b'{"code":"200","msgId":"m","value":{"110002":["b"],"110010":["c"]}}')

    assert [one.reason for one in found] == [None, Reason.UNREGISTERED, Reason.MUTED]
    assert [(one.message_id, one.vendor_code) for one in found] == [("m", None), ("m", "110002"), ("m", "110010")]


def test_one_code_means_two_things() -> None:
    """110010 of a request is a rate, of a target the user's switch."""
    with pytest.raises(Refused) as refused:
        reasons("", "110010")

    assert refused.value.reason is Reason.RATE_LIMITED
    assert reasons({"110010": ["a"]}) == [Reason.MUTED, None, None]
    assert RULES.codes["110010"].reason != RULES.target_codes["110010"].reason


@pytest.mark.parametrize("value", [[], ["a"], True, 7, "text", 1.5])
def test_a_value_that_is_no_map_leaves_doubt(value: Any) -> None:
    """An empty list too: it is none of the shapes that were seen."""
    assert reasons(value) == [Reason.NO_VERDICT] * 3


@pytest.mark.parametrize("listed", [5, True, {"a": 1}, [1], ["a", None], None])
def test_a_list_that_cannot_be_read_leaves_doubt(listed: Any) -> None:
    """The other list is read nevertheless. Null is an empty list."""
    found = reasons({"519": listed, "110002": ["c"]})

    assert found[:2] == [None if listed is None else Reason.NO_VERDICT] * 2
    assert found[2] is Reason.UNREGISTERED


def test_a_target_that_nobody_asked_for_leaves_doubt() -> None:
    """It may be any of them under another spelling."""
    assert reasons({"110002": ["x", "b"]}) == [Reason.NO_VERDICT, Reason.UNREGISTERED, Reason.NO_VERDICT]


def test_a_target_under_two_codes_is_not_dead() -> None:
    """Whichever comes first."""
    for codes in (("110002", "110010"), ("110010", "110002")):
        assert reasons({code: ["a"] for code in codes})[0] is Reason.MUTED


@pytest.mark.parametrize(
    "content",
    [
        b'{"code":"200","value":{"110002":["a"]},"value":{}}',
        b'{"code":"200","value":{},"value":{"110002":["a"]}}',
        b'{"code":"200","value":{"110002":[],"110002":["a"]}}',
    ],
)
def test_what_is_there_twice_is_no_verdict(content: bytes) -> None:
    """Which of the two Meizu means is not known."""
    with pytest.raises(NoVerdict, match="twice"):
        outcomes(content)


@pytest.mark.parametrize(("code", "row"), RULES.codes.items(), ids=list(RULES.codes))
def test_every_code_of_a_request(code: str, row: Any) -> None:
    """A refusal has the reason of its row, what it is about, and a sentence of what to do."""
    if row.reason == "accepted":
        assert code in CODES.accepted
        return
    if row.scope == "target":
        assert reasons("", code, size=1) == [row.host_reason]
    with pytest.raises(Refused) as refused:
        reasons("", code)

    is_named = row.scope != "target"
    assert refused.value.reason is (row.host_reason if is_named else Reason.INVALID_NOTIFICATION)
    assert refused.value.about == row.about
    assert row.advice in refused.value.detail


@pytest.mark.parametrize(("code", "row"), RULES.target_codes.items(), ids=list(RULES.target_codes))
def test_every_code_of_a_target(code: str, row: Any) -> None:
    """It concerns that one only, and only two codes say that a token is dead."""
    assert reasons({code: ["b"]}) == [None, row.host_reason, None]
    assert (row.host_reason is Reason.UNREGISTERED) == (code in ("110002", "110003"))


def test_a_code_of_a_request_for_one_target() -> None:
    """What is not in the table of targets is looked up in that of requests; an unknown one is permanent."""
    assert reasons({"110009": ["a"], "777": ["b"]}) == [Reason.CREDENTIALS, Reason.INVALID_NOTIFICATION, None]


@pytest.mark.parametrize("status", [302, 400, 500, 503])
def test_a_success_of_a_failed_server_is_no_verdict(status: int) -> None:
    """The status contradicts the code."""
    with pytest.raises(NoVerdict, match="contradicts"):
        outcomes(b'{"code":"200","value":{}}', status=status)


def test_a_redirect_is_not_followed() -> None:
    """The signed form could reach another server; the core tries again later."""
    with pytest.raises(Refused) as refused:
        reasons("", "300", redirect="https://a.example/")

    assert (refused.value.reason, refused.value.code) == (Reason.UNAVAILABLE, "300")
    assert "not followed" in refused.value.detail


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({}, {"a": None, "b": None}),
        ({"110005": ["b"]}, {"a": None, "b": Reason.MUTED}),
        ({"519": ["a"], "110005": ["b"]}, {"a": Reason.UNAVAILABLE, "b": Reason.MUTED}),
        ({"110005": ["x"]}, {"a": Reason.NO_VERDICT, "b": Reason.NO_VERDICT}),
        ([], {"a": Reason.NO_VERDICT, "b": Reason.NO_VERDICT}),
    ],
)
def test_reasons_of_aliases(value: Any, wanted: Any) -> None:
    """An alias without a phone, or whose user has switched notifications off, has one code: it retires nothing."""
    content = json.dumps({"code": "200", "value": value}).encode()

    assert REPLIES.reasons(Response(200, {}, content), ["a", "b"]) == wanted


# Tasks


def answered(exchange: Any, value: Any) -> Any:
    """What an exchange of one request returns when Meizu accepts it with this `value`."""
    next(exchange)
    with pytest.raises(StopIteration) as ended:
        exchange.send(Response(200, {}, json.dumps({"code": "200", "value": value}).encode()))
    return ended.value.value


@pytest.mark.parametrize(
    ("value", "task"),
    [
        ({"taskId": 20457}, "20457"),
        ({"taskId": "20457"}, "20457"),
        ({"taskId": True}, None),
        ({"taskId": ""}, None),
        ({}, None),
        ("", None),
        ([], None),
    ],
)
def test_the_task_of_a_broadcast(load: Callable[..., Meizu], value: Any, task: str | None) -> None:
    """Code 200 accepts a broadcast to everyone, whatever its task is called: without a verdict a host might send it to
    everyone again. A list cannot be sent without the id of its task."""
    everyone = Broadcast(1, Notification("t", "b"), Audience.everyone())
    a_list = Broadcast(1, Notification("t", "b"), Audience.of_tokens(["a"]))

    outcome = answered(load().broadcast(everyone, ""), value)
    assert (outcome.ok, outcome.message_id, outcome.task_ids) == (True, task, (task,) if task else ())
    if task is not None:
        assert answered(load().save(a_list), value).id == task
    else:
        saving = load().save(a_list)
        assert saving is not None
        next(saving)
        with pytest.raises(NoVerdict):
            saving.send(Response(200, {}, json.dumps({"code": "200", "value": value}).encode()))


# Anything at all

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 5), st.sampled_from([1.0, "", "a", "a,b"]))
LISTS = st.one_of(SCALARS, st.lists(st.sampled_from(["a", "b", " b", "A", "", None, 5]), max_size=4))
CODE = st.sampled_from([*RULES.codes, *RULES.target_codes, "777", "msgId", "", " 200"])
VALUES = st.one_of(SCALARS, st.dictionaries(CODE, LISTS, max_size=3))
BODIES = st.fixed_dictionaries(
    {"code": st.one_of(CODE, st.sampled_from([200, None, True, 200.0]))},
    optional={"message": SCALARS, "value": VALUES, "msgId": SCALARS},
)
CONTENTS = st.one_of(
    BODIES.map(lambda body: json.dumps(body).encode()),
    st.binary(max_size=20),
    st.sampled_from([b"", b"<html></html>", b"[]", b'{"code":"200"', b'{"code":"200","code":"1006"}']),
)


@given(st.integers(1, 3), CONTENTS, st.sampled_from([200, 200, 302, 401, 404, 429, 500, 503]))
@settings(max_examples=300)
def test_any_reply_gives_each_push_one_outcome(size: int, content: bytes, status: int) -> None:
    """Or raises `Refused` or `NoVerdict`. Nobody who is named is accepted; several pushes are never dead together by a
    code that names nobody."""
    try:
        found = outcomes(content, size, status)
    except NoVerdict:
        return
    except Refused as refused:
        assert refused.reason is not Reason.UNREGISTERED  # noqa: PT017 - any of several may be raised
        return
    body = json.loads(content)
    named = json.dumps(body.get("value"))

    assert [one.push_token.token for one in found] == list(TOKENS[:size])
    for one in found:
        assert not one.ok or (str(body["code"]) == "200" and f'"{one.push_token.token}"' not in named)
        if one.reason is Reason.UNREGISTERED and size > 1:
            assert one.push_token.token in named
