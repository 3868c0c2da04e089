"""Odd replies of Honor: who is called accepted, dead, failed, or in doubt, and that nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pushgateway_honor.replies import CODES, REPLIES, RULES

from pushgateway.vendor import (
    AccessExpired,
    Batch,
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


def read(data: Any, code: Any = 200, status: int = 200, size: int = 3) -> list[Outcome]:
    """The outcomes by a reply with this `data`."""
    content = json.dumps({"code": code, "message": "m", "data": data}).encode()
    return list(REPLIES.outcomes(Response(status, {}, content), Frame(head=b""), pushes(size)))


def reasons(outcomes: list[Outcome]) -> list[Reason | None]:
    """Their reasons."""
    return [one.reason for one in outcomes]


@pytest.mark.parametrize("code", [200, "200", 0, 80000000, 12200000, "12200000"])
@pytest.mark.parametrize("data", [None, {}, "", {"sendResult": True}, {"failTokens": None, "expireTokens": ""}])
def test_every_success_of_the_clients_is_one(code: Any, data: Any) -> None:
    """As a number or as text, with or without details."""
    assert reasons(read(data, code)) == [None] * 3


@pytest.mark.parametrize("code", [200, 80000000])
def test_a_success_that_sent_nothing_is_no_verdict(code: int) -> None:
    """`sendResult` is false: those who are named have failed, the others may have."""
    assert reasons(read({"sendResult": False}, code)) == [Reason.NO_VERDICT] * 3
    assert reasons(read({"sendResult": False, "expireTokens": ["a"]}, code)) == [
        Reason.UNREGISTERED,
        Reason.NO_VERDICT,
        Reason.NO_VERDICT,
    ]


@pytest.mark.parametrize("result", ["false", 0, 1, "", [], "no"])
def test_a_result_that_is_no_truth_value_leaves_doubt(result: Any) -> None:
    """Only true, or none at all, is a success."""
    assert reasons(read({"sendResult": result})) == [Reason.NO_VERDICT] * 3
    assert reasons(read({"sendResult": "true"})) == [None] * 3


def test_an_unknown_code_of_something_sent_is_no_refusal() -> None:
    """Which codes of success Honor has is not settled. A refusal of all would be sent again, in smaller requests, to
    those who have it; so those who are named have failed, and the others have no verdict."""
    assert reasons(read({"sendResult": True, "requestId": "1"}, 80100002)) == [Reason.NO_VERDICT] * 3
    assert reasons(read({"sendResult": True}, 12200001, size=1)) == [Reason.NO_VERDICT]
    assert reasons(read({"expireTokens": ["a"], "failTokens": ["b"]}, 80100002)) == [
        Reason.UNREGISTERED,
        Reason.UNAVAILABLE,
        Reason.NO_VERDICT,
    ]


@pytest.mark.parametrize("data", [None, {}, "text", {"sendResult": False}, {"sendResult": None, "failTokens": []}])
def test_an_unknown_code_of_nothing_sent_is_a_refusal(data: Any) -> None:
    """Of the request, and of no token. From a server that failed it is no verdict, whatever its lists say."""
    with pytest.raises(Refused) as refused:
        read(data, 80109999)
    with pytest.raises(NoVerdict):
        read({"sendResult": True, "expireTokens": ["a"]}, 80109999, status=500)

    assert (refused.value.reason, refused.value.about) == (Reason.INVALID_NOTIFICATION, "")


@pytest.mark.parametrize("result", [True, False, None])
def test_a_success_in_part_is_by_its_lists(result: bool | None) -> None:
    """What `sendResult` is then, is not known: it does not count."""
    data = {"sendResult": result, "failTokens": ["b"], "expireTokens": ["c"]}

    assert reasons(read(data, 80100000)) == [None, Reason.UNAVAILABLE, Reason.UNREGISTERED]


@pytest.mark.parametrize("data", [None, {}, {"failTokens": [], "expireTokens": []}, {"requestId": "1"}])
def test_a_success_in_part_that_names_nobody_is_no_verdict(data: Any) -> None:
    """Anybody may have failed."""
    with pytest.raises(NoVerdict, match="does not name the tokens"):
        read(data, 80100000)


def test_a_dead_token_has_failed_too() -> None:
    """In both lists it is dead, and the count of those who failed is that of the tokens."""
    data = {"failTokens": ["a", "b"], "expireTokens": ["b"]}

    assert reasons(read(data)) == reasons(read(data, 80100000)) == [Reason.UNAVAILABLE, Reason.UNREGISTERED, None]


@pytest.mark.parametrize("odd", [5, True, {"a": 1}, [1], ["a", None]])
@pytest.mark.parametrize("name", ["failTokens", "expireTokens"])
def test_a_list_that_cannot_be_read_leaves_doubt(name: str, odd: Any) -> None:
    """The other list is read nevertheless; data that is no object likewise."""
    other = {"failTokens": "expireTokens", "expireTokens": "failTokens"}[name]
    outcomes = read({name: odd, other: ["c"]})

    assert reasons(outcomes)[:2] == [Reason.NO_VERDICT] * 2
    assert outcomes[2].reason in (Reason.UNREGISTERED, Reason.UNAVAILABLE)
    assert reasons(read([{name: odd}])) == [Reason.NO_VERDICT] * 3
    assert reasons(read("text")) == [Reason.NO_VERDICT] * 3


def test_a_token_that_nobody_asked_for_leaves_doubt() -> None:
    """One more failed than are known: it may be any of them under another spelling."""
    assert reasons(read({"failTokens": ["x"]}, 80100000)) == [Reason.NO_VERDICT] * 3


def test_a_list_that_is_there_twice_is_no_verdict() -> None:
    """Which of the two Honor means is not known."""
    content = b'{"code":200,"data":{"failTokens":[],"failTokens":["a"]}}'
    with pytest.raises(NoVerdict, match="twice"):
        REPLIES.outcomes(Response(200, {}, content), Frame(head=b""), pushes())


@pytest.mark.parametrize("data", [None, {}, {"sendResult": False, "failTokens": [], "expireTokens": []}])
def test_all_invalid_is_about_a_target(data: Any) -> None:
    """Of one push it is dead; of several the core sends smaller requests."""
    assert reasons(read(data, 80300007, size=1)) == [Reason.UNREGISTERED]
    with pytest.raises(Refused) as refused:
        read(data, 80300007)
    assert (refused.value.reason, refused.value.about) == (Reason.INVALID_NOTIFICATION, "target")


def test_all_invalid_with_names_is_by_its_lists() -> None:
    """Everybody has failed: one that is not named has no verdict."""
    outcomes = read({"expireTokens": ["a"], "failTokens": ["b"]}, 80300007)

    assert reasons(outcomes) == [Reason.UNREGISTERED, Reason.UNAVAILABLE, Reason.NO_VERDICT]


@pytest.mark.parametrize(("code", "row"), RULES.codes.items(), ids=list(RULES.codes))
def test_every_code_of_the_rules(code: str, row: Any) -> None:
    """A refusal has the reason of its row, what it is about, and a sentence of what to do."""
    if row.reason in ("accepted", "partial") or row.scope == "target":
        assert code in {*CODES.accepted, *CODES.partial, "80300007"}
        return
    with pytest.raises(Refused) as refused:
        read(None, int(code))

    assert refused.value.reason is row.host_reason
    assert isinstance(refused.value, AccessExpired) == (row.reason == "expired")
    assert refused.value.about == row.about
    assert row.advice in refused.value.detail


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Reason.INVALID_NOTIFICATION),
        (401, Reason.CREDENTIALS),
        (403, Reason.CREDENTIALS),
        (404, Reason.CREDENTIALS),
        (429, Reason.RATE_LIMITED),
        (500, None),
        (503, None),
    ],
)
def test_a_status_without_a_code(status: int, kind: Reason | None) -> None:
    """401 asks for a new access token; a server that failed says nothing certain."""
    with pytest.raises((Refused, NoVerdict)) as raised:
        REPLIES.outcomes(Response(status, {}, b"<html></html>"), Frame(head=b""), pushes())

    assert getattr(raised.value, "reason", None) is kind
    assert isinstance(raised.value, AccessExpired) == (status == 401)


@pytest.mark.parametrize("status", [400, 500, 503])
def test_a_success_of_a_failed_server_is_no_verdict(status: int) -> None:
    """The status contradicts the code; of a success in part only that of a server."""
    with pytest.raises(NoVerdict, match="contradicts"):
        read({}, status=status)
    if status >= 500:
        with pytest.raises(NoVerdict, match="contradicts"):
            read({"failTokens": ["a"]}, 80100000, status=status)
    else:
        assert reasons(read({"failTokens": ["a"]}, 80100000, status=status))[1:] == [None, None]


# Anything at all

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-2, 5), st.sampled_from([1.0, "", "1", "a", "a,b"]))
LISTS = st.one_of(SCALARS, st.lists(st.sampled_from(["a", "b", " b", "A", "", None, 5]), max_size=4))
DATA = st.one_of(
    SCALARS,
    st.fixed_dictionaries(
        {}, optional={"sendResult": SCALARS, "failTokens": LISTS, "expireTokens": LISTS, "requestId": SCALARS}
    ),
)
CODE_TEXTS = st.sampled_from([*RULES.codes, 200, 80100000, 80300007, "99", "", None, True, " 200", 200.0])
BODIES = st.fixed_dictionaries({"code": CODE_TEXTS}, optional={"message": SCALARS, "data": DATA})
CONTENTS = st.one_of(
    BODIES.map(lambda body: json.dumps(body).encode()),
    st.binary(max_size=20),
    st.sampled_from([b"", b"<html></html>", b"[]", b'{"code":200', b'{"code":200,"code":80300007}']),
)
STATUSES = st.sampled_from([200, 200, 200, 201, 302, 400, 401, 403, 404, 408, 429, 500, 502, 503, 504])


@given(st.integers(1, 3), CONTENTS, STATUSES)
@settings(max_examples=400)
def test_any_reply_gives_each_push_one_outcome(size: int, content: bytes, status: int) -> None:
    """Or raises `Refused` or `NoVerdict`. Nobody who is named is accepted; several pushes are never dead together by a
    code that names nobody."""
    sent = pushes(size)
    try:
        outcomes = list(REPLIES.outcomes(Response(status, {}, content), Frame(head=b""), sent))
    except NoVerdict:
        return
    except Refused as refused:
        assert refused.reason is not Reason.UNREGISTERED  # noqa: PT017 - any of several may be raised
        return
    body = json.loads(content)
    data = body.get("data") if isinstance(body.get("data"), dict) else {}
    named = json.dumps([data.get("failTokens"), data.get("expireTokens")])

    assert [one.push_token for one in outcomes] == [push.push_token for push in sent]
    for one in outcomes:
        if one.ok:
            assert str(body["code"]) in {*CODES.accepted, *CODES.partial}
            assert f'"{one.push_token.token}"' not in named
            assert data.get("sendResult") is not False or str(body["code"]) == "80100000"
        if one.reason is Reason.UNREGISTERED and size > 1:
            assert one.push_token.token in json.dumps(data["expireTokens"])
