"""What Xiaomi's replies mean for each push, and what is never concluded from them."""

from typing import Any

import pytest
from pushgateway_xiaomi.settings import RULES
from xiaomi_client import ACCEPTED, batch, make, push, reply

from pushgateway import Notification, Reason, Status
from pushgateway.vendor import NoVerdict, Refused, Response

NOTE = Notification("Lena", "Lunch?")


def outcomes(data: Any, tokens: tuple[str, ...] = ("a", "b", "c"), channels: tuple[str | None, ...] = ()) -> list[Any]:
    """The outcomes of pushes to these tokens, under these channels, to a reply with these data."""
    names = channels or (None,) * len(tokens)
    notes = [Notification(f"t{place}", "b", channel_id=name) for place, name in enumerate(names)]
    return push(make(), batch(notes, tokens), {**ACCEPTED, "data": data})[0]


def raised(body: Any, tokens: tuple[str, ...] = ("a",), status: int = 200) -> Refused | NoVerdict:
    """What push() raises for a reply to these tokens."""
    with pytest.raises((Refused, NoVerdict)) as caught:
        push(make(), batch(NOTE, tokens), reply(body, status))
    found: Refused | NoVerdict = caught.value
    return found


def failed(code: int, reason: str = "") -> dict[str, Any]:
    """A refusal."""
    return {"result": "error", "code": code, "reason": reason, "trace_id": "X"}


def test_dead_tokens_that_the_reply_lists() -> None:
    """Where the reply has bad_regids, these are dead and the others accepted."""
    for listed in ("b,nobody", ["b"], [" b "]):
        seen = outcomes({"id": "s", "bad_regids": listed})

        assert [one.reason for one in seen] == [None, Reason.UNREGISTERED, None]
        assert [one.message_id for one in seen] == ["s", "s", "s"]
        assert seen[1].handle is None
        assert seen[0].handle.isdigit()


def test_what_was_left_out_and_cut_is_named_beside_dead_tokens() -> None:
    """For each push its own."""
    notes = [Notification("t", "b", group="g"), Notification("t" * 60, "b"), Notification("t", "b")]
    data = {"id": "s", "bad_regids": "a"}

    seen = push(make(), batch(notes, ("a", "b", "c")), {**ACCEPTED, "data": data})[0]

    assert [(one.omitted, one.truncated) for one in seen] == [(("group",), ()), ((), ("title",)), ((), ())]


def test_a_list_that_cannot_be_read_leaves_all_in_doubt() -> None:
    """A dead token may be any of them."""
    assert {one.status for one in outcomes({"id": "s", "bad_regids": 5})} == {Status.UNKNOWN}


def test_a_quota_that_ended_inside_the_request() -> None:
    """Xiaomi counts what it dropped and names nobody: nobody of that channel is called accepted."""
    some = outcomes({"id": "s", "channel_exceed_quota": "no_channel:1"})
    all_of_it = outcomes({"id": "s", "channel_exceed_quota": "no_channel:3"})
    none = outcomes({"id": "s", "channel_exceed_quota": "no_channel:0"})

    assert {(one.status, one.reason) for one in some} == {(Status.UNKNOWN, Reason.NO_VERDICT)}
    assert {(one.status, one.reason) for one in all_of_it} == {(Status.REJECTED, Reason.QUOTA_EXCEEDED)}
    assert all(one.ok for one in none)


def test_a_channel_of_which_all_were_dropped_beside_another() -> None:
    """Its pushes are over the quota, and the other channel's are accepted."""
    seen = outcomes({"id": "s", "channel_exceed_quota": "150001:2"}, channels=("150001", "150001", None))

    assert [one.reason for one in seen] == [Reason.QUOTA_EXCEEDED, Reason.QUOTA_EXCEEDED, None]


@pytest.mark.parametrize(
    "text", ["150009:1", "no_channel", "no_channel:x", 7, ["no_channel:1"], "no_channel:1,150001:2"]
)
def test_a_count_that_cannot_be_read_leaves_all_in_doubt(text: Any) -> None:
    """And one about a channel that was not in the request."""
    assert {one.status for one in outcomes({"id": "s", "channel_exceed_quota": text})} == {Status.UNKNOWN}


def test_the_id_of_the_request_takes_the_place_of_a_missing_id() -> None:
    """As in Xiaomi's SDK."""
    assert outcomes({}, ("a",))[0].message_id == "X1"
    assert outcomes("text", ("a",))[0].message_id == "X1"
    seen, _ = push(make(), batch(NOTE), {"result": "ok", "code": 0})
    assert (seen[0].ok, seen[0].message_id) == (True, None)


def test_no_valid_targets() -> None:
    """Of one push it says that the token is dead; of several the core sends smaller batches until each is alone."""
    body = failed(20301, "No valid targets!")
    alone, several = raised(body), raised(body, ("a", "b"))

    assert isinstance(alone, Refused)
    assert alone.reason is Reason.UNREGISTERED
    assert isinstance(several, Refused)
    assert (several.reason, several.about) == (Reason.INVALID_NOTIFICATION, "target")


def test_20301_with_another_reason_is_a_failure_of_the_server() -> None:
    """No token is dead because sending failed."""
    for text in ("", "internal error", "Invalid template!"):
        error = raised(failed(20301, text))

        assert isinstance(error, Refused)
        assert (error.reason, error.code) == (Reason.UNAVAILABLE, "20301")
    late = reply(failed(20301, "internal error"))
    with pytest.raises(Refused) as caught:
        push(make(), batch(NOTE), Response(200, {**late.headers, "retry-after": "7"}, late.content))
    assert caught.value.retry_after == 7


def test_a_channel_that_is_not_approved_is_about_its_compartment() -> None:
    """The core does not try its pushes one by one."""
    error = raised(failed(27001), ("a", "b"))

    assert isinstance(error, Refused)
    assert (error.reason, error.about) == (Reason.INVALID_NOTIFICATION, "compartment")


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_a_readable_code_counts_whatever_the_http_status(status: int) -> None:
    """Which status Xiaomi uses for refusals is not known."""
    error = raised(failed(21301), status=status)

    assert isinstance(error, Refused)
    assert error.reason is Reason.CREDENTIALS


@pytest.mark.parametrize(
    "body",
    [
        {"result": "error", "code": 0},
        {"result": "ok", "code": True},
        {"result": "ok"},
        b'{"code":0,"code":21301}',
        b'{"code":0,"data":{"id":"a","id":"b"}}',
        b'{"code":0,"data":{"bad_regids":""},"data":{"bad_regids":"a"}}',
        b"<html></html>",
        [],
    ],
)
def test_a_reply_that_contradicts_itself_is_no_verdict(body: Any) -> None:
    """It may have been accepted, and it may not."""
    assert isinstance(raised(body), NoVerdict)


def test_an_unknown_code_is_permanent_and_no_dead_token() -> None:
    """The readable copies of Xiaomi's table are cut off."""
    error = raised(failed(65999, "something new"))

    assert isinstance(error, Refused)
    assert (error.reason, error.code, error.message) == (Reason.INVALID_NOTIFICATION, "65999", "something new")


def test_rate_limits_name_a_pause() -> None:
    """A second at least for requests per second (M5)."""
    error = raised(failed(200002))

    assert isinstance(error, Refused)
    assert (error.reason, error.retry_after) == (Reason.RATE_LIMITED, 1.0)


def test_every_code_of_the_fact_sheet_is_there() -> None:
    """Each with a reason; the special ones by their meaning."""
    codes = RULES.codes

    assert len(codes) == 92
    assert codes["0"].host_reason is None
    assert {code for code, row in codes.items() if row.host_reason is Reason.UNREGISTERED} == {"20301", "10029"}
    assert codes["65003"].host_reason is Reason.MUTED  # usually offline: never a reason to retire a token
    assert {code for code, row in codes.items() if row.host_reason is Reason.QUOTA_EXCEEDED} == {
        "200001",
        "10034",
        "22101",
    }
