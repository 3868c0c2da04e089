"""Odd replies of Push Kit: who is called accepted, dead, or in doubt, and that nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pushgateway_huawei import Huawei
from pushgateway_huawei.harmony import Harmony
from pushgateway_huawei.huawei import RULES

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.vendor import (
    Batch,
    Notification,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Reason,
    Refused,
    Response,
    Secret,
)
from pushgateway.vendor.toolkit.batches import Frame

Drivers = Callable[..., ExchangeDriver]
TOKENS = ("a", "b", "c")
HUAWEI = Huawei(client_id="1", client_secret=Secret("s"))


def pushes(size: int = 3) -> Batch:
    """A push of one notification for each token."""
    return Batch.of([Push(PushToken(1, token), Notification("t", "b")) for token in TOKENS[:size]])


def read(replies: Any, msg: Any, code: str = "80100000", status: int = 200, size: int = 3) -> list[Outcome]:
    """The outcomes by a reply with this `msg`, as text or as what is JSON in it."""
    text = msg if isinstance(msg, str) else json.dumps(msg)
    content = json.dumps({"code": code, "msg": text, "requestId": "1"}).encode()
    return list(replies.outcomes(Response(status, {}, content), Frame(head=b""), pushes(size)))


def reasons(outcomes: list[Outcome]) -> list[Reason | None]:
    """Their reasons."""
    return [one.reason for one in outcomes]


@pytest.mark.parametrize(
    "msg",
    [
        {"failure": None},
        {"failure": "two", "illegal_tokens": []},
        {"success": 1, "failure": 1},
        {"success": 1},
        {"success": 1, "failure": 0},
        {"failure": 1.0},
    ],
)
def test_a_success_in_part_without_names_accepts_nobody(msg: Any) -> None:
    """Whatever its counts look like: anybody may have failed."""
    assert reasons(read(HUAWEI.replies, msg)) == [Reason.NO_VERDICT] * 3


def test_fewer_successes_than_tokens_without_a_name_leave_doubt() -> None:
    """One is named, and one more has failed by the count of successes."""
    outcomes = read(HUAWEI.replies, {"success": 1, "failure": 1, "illegal_tokens": ["a"]})

    assert reasons(outcomes) == [Reason.UNREGISTERED, Reason.NO_VERDICT, Reason.NO_VERDICT]


def test_names_with_blanks_are_one_name() -> None:
    """Huawei's sample has blanks around keys: two lists of one reason are joined, and blanks around the JSON are
    nothing; a count that is there twice is no verdict."""
    lists = {"noRight": ["a"], " noRight": ["b"]}
    joined = read(Harmony.replies, f"  {json.dumps({'illegalTokens': lists})}\n")

    assert reasons(joined) == [Reason.CREDENTIALS, Reason.CREDENTIALS, None]
    with pytest.raises(NoVerdict):
        read(Harmony.replies, '{"failure":1," failure":2,"illegalTokens":{"noRight":["a"]}}')


def test_a_token_is_dead_only_if_nothing_else_is_said_of_it() -> None:
    """Two reasons for one token: the one that lets it live. A list without a reason is not of v3."""
    both = {"noRight": ["a"], "tokenFormatError": ["a", "b"]}
    listed = {"illegalTokens": ["c"], "illegal_tokens": ["b"]}

    assert reasons(read(Harmony.replies, {"illegalTokens": both})) == [Reason.CREDENTIALS, Reason.UNREGISTERED, None]
    assert reasons(read(Harmony.replies, {"illegalTokens": {"": ["a"]}, "failure": 1}))[0] is (
        Reason.INVALID_NOTIFICATION
    )
    assert reasons(read(HUAWEI.replies, {"illegalTokens": {"\n": ["a"]}}))[0] is Reason.INVALID_NOTIFICATION
    assert reasons(read(HUAWEI.replies, listed)) == [None, Reason.UNREGISTERED, Reason.UNREGISTERED]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_success_in_part_of_a_failed_server_is_no_verdict(status: int) -> None:
    """As a success is."""
    with pytest.raises(NoVerdict, match="contradicts"):
        read(HUAWEI.replies, {"success": 2, "failure": 1, "illegal_tokens": ["a"]}, status=status)


def test_a_recall_of_which_more_failed_than_are_named(driver: Drivers) -> None:
    """None of the others counts as taken back; and `noRight` is no dead token here either."""
    one = driver("harmony", tokens=1)

    def recalled(code: str, msg: Any, *tokens: str) -> Any:
        body = {"code": code, "msg": json.dumps(msg), "requestId": "1"}
        one.spoil = lambda _: Response(200, {}, json.dumps(body).encode())
        call = one.vendor.recall("5", tokens)
        return one.carry(call.begin, call.region)

    some = {"success": 1, "failure": 2, "illegalTokens": {"noRight": ["a"]}}
    unsaid = {"a": Reason.CREDENTIALS, "b": Reason.NO_VERDICT, "c": Reason.NO_VERDICT}
    assert recalled("80100020", some, *TOKENS) == unsaid
    assert recalled("80100020", {"illegalTokens": {"noRight": ["a"], "x": 5}}, *TOKENS) == unsaid
    assert recalled("80300007", {"failure": 1, "illegalTokens": {"noRight": ["a"]}}, "a") == {"a": Reason.CREDENTIALS}


@pytest.mark.parametrize("more", [{"failureCount": 1}, {"failureCount": 2, "errors": [{"index": 0}]}])
def test_topic_failures_that_are_not_named_are_no_verdict(driver: Drivers, more: Any) -> None:
    """More phones failed than are named."""
    one = driver("huawei", tokens=1)
    one.spoil = lambda _: Response(200, {}, json.dumps({"code": "80000000", "errors": [], **more}).encode())
    call = one.vendor.subscribe_topic("weather", ["a", "b"])  # type: ignore[attr-defined]
    with pytest.raises(NoVerdict, match="more failures"):
        one.carry(call.begin, call.region)


# Anything at all

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 5), st.sampled_from([1.0, "", "1", "-1", "a", "a,b"]))
LISTS = st.one_of(SCALARS, st.lists(st.sampled_from(["a", "b", " b", "c ", "A", "", None, 5]), max_size=4))
NAMES = st.sampled_from(["noRight", " noRight", "tokenFormatError", "tokenFormatError ", "new", "", "\n"])
GROUPS = st.one_of(LISTS, st.dictionaries(NAMES, LISTS, max_size=3))
DETAILS = st.fixed_dictionaries(
    {},
    optional={
        "success": SCALARS,
        "failure": SCALARS,
        "illegal_tokens": GROUPS,
        "illegalTokens": GROUPS,
        " illegalTokens ": GROUPS,
    },
)
CODES = st.sampled_from(
    [*RULES.codes, 80000000, 80100000, 80300007, "99", "", None, True, " 80000000", "0", 80100000.0]
)
BODIES = st.fixed_dictionaries(
    {"code": CODES}, optional={"msg": st.one_of(DETAILS.map(json.dumps), DETAILS, SCALARS), "requestId": SCALARS}
)
CONTENTS = st.one_of(
    BODIES.map(lambda body: json.dumps(body).encode()),
    st.binary(max_size=20),
    st.sampled_from([b"", b"<html></html>", b"[]", b'{"code":"80000000"', b'{"code":"80000000","code":"80300007"}']),
)
STATUSES = st.sampled_from([200, 200, 200, 201, 302, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504])


@given(st.sampled_from([HUAWEI.replies, Harmony.replies]), st.integers(1, 3), CONTENTS, STATUSES)
@settings(max_examples=400)
def test_any_reply_gives_each_push_one_outcome(replies: Any, size: int, content: bytes, status: int) -> None:
    """Or raises `Refused` or `NoVerdict`. Nobody who is named is accepted, and no more than the vendor counts; several
    pushes are never dead together by a code that names nobody."""
    sent = pushes(size)
    try:
        outcomes = list(replies.outcomes(Response(status, {}, content), Frame(head=b""), sent))
    except NoVerdict:
        return
    except Refused as refused:
        assert refused.reason is not Reason.UNREGISTERED or size == 1  # noqa: PT017 - any of several may be raised
        return
    body = json.loads(content)
    accepted = [one.push_token.token for one in outcomes if one.ok]

    assert [one.push_token for one in outcomes] == [push.push_token for push in sent]
    if accepted:
        text = body.get("msg")
        details = json.loads(text) if isinstance(text, str) and text.startswith("{") else {}
        assert status < 300 or str(body["code"]) == "80100000"
        assert str(body["code"]) != "80300007"
        most = details.get("success")
        assert type(most) is not int or most < 0 or len(accepted) <= most
        named = json.dumps([value for name, value in details.items() if "illegal" in name])
        assert not any(f'"{token}"' in named for token in accepted)
