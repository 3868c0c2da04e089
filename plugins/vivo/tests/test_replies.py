"""Every code and status of vivo has its reason, alone and in a list; whatever names a token decides about it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pushgateway_vivo.replies import CODES, LOGIN_CODES, REPLIES, RULES

from pushgateway.vendor import (
    AccessExpired,
    Batch,
    ClockSkew,
    Notification,
    NoVerdict,
    Outcome,
    Push,
    PushToken,
    Reason,
    Refused,
    Response,
    Status,
)
from pushgateway.vendor.toolkit.batches import Frame

SHEET = {
    **dict.fromkeys(("10040",), Reason.UNAVAILABLE),
    **dict.fromkeys(("10000", "10043", "10045", "10094"), Reason.CREDENTIALS),
    **dict.fromkeys(("10070", "10071", "10073", "10252", "10254"), Reason.QUOTA_EXCEEDED),
    "10072": Reason.RATE_LIMITED,
    "10302": Reason.UNREGISTERED,
    **dict.fromkeys(
        (
            *("10050", "10054", "10055", "10056", "10057", "10058", "10059", "10060", "10061", "10062", "10063"),
            *("10064", "10065", "10066", "10067", "10068", "10069", "10085", "10096", "10097", "10104", "10150"),
            *("10151", "10153", "10154", "10301", "10305", "10306", "10352", "10353", "10471", "10473", "10601"),
            *("10609", "10614", "10616", "11000"),
        ),
        Reason.INVALID_NOTIFICATION,
    ),
}
"""The table of codes of the document: by code its meaning for us."""
LOGINS = {
    **dict.fromkeys(("10200", "10201", "10202", "10203", "10204", "10205", "10206", "10207"), Reason.CREDENTIALS),
    "10250": Reason.RATE_LIMITED,
}


def reply(result: object, **more: Any) -> Response:
    """A reply of vivo's."""
    return Response(200, content=json.dumps({"result": result, "desc": "失败", **more}).encode())


def batch(*tokens: str) -> Batch:
    """One push for each token."""
    return Batch.of([Push(PushToken(1, token), Notification("t", "b")) for token in tokens])


def outcomes(response: Response, *tokens: str, unsubscribed: str = "dead") -> list[Outcome]:
    """What a reply says of pushes to these tokens."""
    return list(REPLIES[unsubscribed].outcomes(response, Frame(head=b"", message_id="task"), batch(*tokens)))


def test_the_codes_are_those_of_the_sheet() -> None:
    """None is missing and none is more."""
    assert {code: row.host_reason for code, row in RULES.codes.items() if code != "0"} == SHEET
    assert {code: row.host_reason for code, row in RULES.login_codes.items()} == LOGINS


@pytest.mark.parametrize("code", SHEET)
def test_a_code_of_a_whole_request(code: str) -> None:
    """For a list it is raised; a dead token that is not named costs no token."""
    with pytest.raises(Refused) as refused:
        outcomes(reply(int(code)), "a", "b")

    wanted = Reason.INVALID_NOTIFICATION if code == "10302" else SHEET[code]
    assert (refused.value.reason, refused.value.code) == (wanted, code)
    assert refused.value.about == RULES.codes[code].about
    assert isinstance(refused.value, AccessExpired) is (code == "10000")


@pytest.mark.parametrize("code", SHEET)
def test_a_code_of_a_single_push(code: str) -> None:
    """Only 10302 is about its token."""
    if code == "10302":
        (outcome,) = outcomes(reply(code), "a")
        assert (outcome.status, outcome.reason) == (Status.REJECTED, Reason.UNREGISTERED)
        return
    with pytest.raises(Refused) as refused:
        outcomes(reply(code), "a")

    assert refused.value.reason is SHEET[code]


@pytest.mark.parametrize("code", LOGINS)
def test_a_code_of_a_login(code: str) -> None:
    """Never about a notification; the clock is corrected once."""
    found = LOGIN_CODES.login_refusal(LOGIN_CODES.read(reply(int(code))), reply(int(code)))

    assert isinstance(found, Refused)
    assert found.reason is LOGINS[code]
    assert isinstance(found, ClockSkew) is (code == "10207")


def test_an_unknown_code_is_permanent_and_no_dead_token() -> None:
    """With HTTP 5xx it is no verdict."""
    with pytest.raises(Refused) as refused:
        outcomes(reply(10999), "a")
    with pytest.raises(NoVerdict):
        outcomes(Response(500, content=reply(10999).content), "a")
    with pytest.raises(NoVerdict):
        outcomes(Response(500, content=b"<html>"), "a")

    assert (refused.value.reason, refused.value.about) == (Reason.INVALID_NOTIFICATION, "")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (1, Reason.UNREGISTERED),
        (2, Reason.UNREGISTERED),
        (3, Reason.MUTED),
        (4, Reason.CREDENTIALS),
        ("2", Reason.UNREGISTERED),
        (5, Reason.INVALID_NOTIFICATION),
    ],
)
@pytest.mark.parametrize("result", [0, 10302, 10040, 10999])
def test_a_named_token_has_the_reason_of_its_status(status: object, reason: Reason, result: int) -> None:
    """Whatever the code is; beside a refusal nothing is known of the others."""
    user = {"status": status, "userid": "a"}
    (alone,) = outcomes(reply(result, invalidUser=user), "a")
    named, other = outcomes(reply(result, invalidUsers=[user]), "a", "b")

    assert alone.reason is named.reason is reason
    assert (named.vendor_code, named.status) == (str(status), Status.REJECTED)
    assert other.status is (Status.ACCEPTED if result == 0 else Status.UNKNOWN)


def test_an_unsubscribed_token_may_be_kept() -> None:
    """By a setting: the document of 2020 calls switched off notifications so too."""
    response = reply(0, invalidUsers=[{"status": 2, "userid": "a"}, {"status": 1, "userid": "b"}])

    kept, dead = outcomes(response, "a", "b", unsubscribed="keep")
    assert (kept.reason, dead.reason) == (Reason.MUTED, Reason.UNREGISTERED)


@pytest.mark.parametrize("nothing", [{}, {"invalidUsers": []}, {"invalidUser": None}, {"invalidUsers": None}])
def test_nobody_is_named(nothing: dict[str, Any]) -> None:
    """All are accepted under the id of the content."""
    found = outcomes(reply(0, **nothing), "a", "b")

    assert [(one.ok, one.message_id) for one in found] == [(True, "task")] * 2


@pytest.mark.parametrize(
    "users",
    ["a", {"status": 1}, [7], [{"status": "x", "userid": "a"}], [{"status": 1, "userid": 7}], [{"userid": "a"}]],
)
def test_names_that_cannot_be_read_leave_no_verdict(users: Any) -> None:
    """Each push may be meant."""
    assert {one.status for one in outcomes(reply(0, invalidUsers=users), "a", "b")} == {Status.UNKNOWN}


def test_another_token_is_named() -> None:
    """Which may be one of ours in another spelling; blanks around it do not matter."""
    (unknown,) = outcomes(reply(10302, invalidUser={"status": 1, "userid": "x"}), "a")
    (dead,) = outcomes(reply(10302, invalidUser={"status": 1, "userid": " a "}), "a")

    assert (unknown.status, dead.reason) == (Status.UNKNOWN, Reason.UNREGISTERED)


def test_one_thing_named_twice_is_no_verdict() -> None:
    """JSON parsers keep the last."""
    content = b'{"result":0,"invalidUser":{"status":1,"userid":"a"},"invalidUser":{"status":1,"userid":"b"}}'
    with pytest.raises(NoVerdict):
        outcomes(Response(200, content=content), "a")


def test_the_hours_of_operational_messages() -> None:
    """Until seven in the morning in China, by vivo's clock; without a time the core waits until midnight."""
    pauses = []
    for date in ("Sun, 29 Nov 2026 15:00:00 GMT", "Sun, 29 Nov 2026 22:59:59 GMT"):
        headers = {"date": date}
        found = CODES.refusal(CODES.read(reply(10071)), Response(200, headers, reply(10071).content))
        assert isinstance(found, Refused)
        pauses.append(found.retry_after)

    assert pauses == [8 * 3600, 1]
