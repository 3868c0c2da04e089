"""What a code of the rules means for a request, for one push, and for a login."""

import json

import attrs
import pytest
from rules_of_codes import ROWS, pushes, row
from toolkit_rules import RULES

from pushgateway.vendor import AccessExpired, ClockSkew, NoVerdict, Reason, Refused, Response, Status
from pushgateway.vendor.toolkit.codes import CodeTable, seconds_closed

CODES = CodeTable(ROWS, code="result", message="reason")
(PUSH,) = pushes("t1")


def reply(code: object, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, named, json.dumps({"result": code, "reason": "words", "id": "m"}).encode())


def refused(code: object, status: int = 200, *, one_target: bool = False, **headers: str) -> Refused:
    with pytest.raises(Refused) as caught:
        CODES.read_accepted(reply(code, status, **headers), one_target=one_target)
    return caught.value


@pytest.mark.parametrize("code", [0, "0", 200])
def test_success_is_defined_by_the_rows(code: object) -> None:
    """Several codes may mean success, as numbers or as text."""
    assert CODES.read_accepted(reply(code)).body["id"] == "m"


@pytest.mark.parametrize("code", [0, 200])
def test_success_under_an_error_status_is_no_verdict(code: object) -> None:
    """The two contradict each other: the push may have been performed."""
    with pytest.raises(NoVerdict, match="contradicts"):
        CODES.read(reply(code, 502))


def test_success_in_part_is_read_under_4xx_and_not_under_5xx() -> None:
    """Which status a vendor sends with it is not known, but a server that failed has accepted nothing for certain."""
    codes = CodeTable({**ROWS, "300": attrs.evolve(ROWS["0"], reason="partial")}, code="result")

    assert codes.read(reply(300, 400)).code == "300"
    with pytest.raises(NoVerdict, match="HTTP 503 contradicts code 300"):
        codes.read(reply(300, 503))


def test_a_caller_may_read_further_codes_itself() -> None:
    """For example that of a partial success."""
    assert CODES.read_accepted(reply(100), also=("100",)).code == "100"


@pytest.mark.parametrize(
    ("code", "kind", "reason", "pause"),
    [
        (11, AccessExpired, Reason.CREDENTIALS, None),
        (12, ClockSkew, Reason.CREDENTIALS, None),
        (13, Refused, Reason.RATE_LIMITED, 60.0),
        (14, Refused, Reason.CREDENTIALS, None),
        (40, Refused, Reason.INVALID_NOTIFICATION, None),
        (99, Refused, Reason.INVALID_NOTIFICATION, None),
    ],
)
def test_the_refusal_of_a_request(code: int, kind: type, reason: Reason, pause: float | None) -> None:
    """It has kind, reason, the vendor's code and message, and the pause of the row; an unknown code is permanent."""
    found = refused(code)

    assert (type(found), found.reason, found.retry_after) == (kind, reason, pause)
    assert (found.code, found.message, found.about) == (str(code), "words", "")


def test_the_pause_of_the_reply_overrides_that_of_the_row() -> None:
    """The vendor knows better than the row; if waiting does not help there is no pause."""
    assert refused(13, 429, retry_after="5").retry_after == 5.0
    assert refused(40, retry_after="5").retry_after is None


MIDNIGHT = 1_795_968_000.0
"""2026-11-30 00:00 in China."""


@pytest.mark.parametrize(
    ("hours", "time", "seconds"),
    [
        ("07:00-23:00", 23 * 3600, 8 * 3600),
        ("07:00-23:00", 7 * 3600 - 1, 1),
        ("07:00-23:00", 7 * 3600, 900),
        ("07:00-23:00", 23 * 3600 - 1, 900),
        ("22:00-06:30", 6 * 3600 + 1800, 15 * 3600 + 1800),
        ("22:00-06:30", 3600, 900),
    ],
)
def test_hours_begin_after_so_many_seconds(hours: str, time: float, seconds: float) -> None:
    """Within the hours the clocks of the vendor's servers differ, and the code is not about the rest of the day."""
    assert seconds_closed(hours, MIDNIGHT + time) == seconds


def test_a_code_about_hours_says_when_they_begin() -> None:
    """By the vendor's clock, else by ours; not by either, the core closes the quota until midnight. A `Retry-After`, of
    which 300 seconds are read at most, makes the time longer, but not shorter: to ask again every few seconds would
    cost quota, and 0 would mean until midnight."""
    codes = CodeTable({**ROWS, "71": row("QUOTA_EXCEEDED", hours="07:00-23:00")}, code="result")

    def pause(response: Response) -> float | None:
        with pytest.raises(Refused) as caught:
            codes.read_accepted(response)
        return caught.value.retry_after

    assert pause(reply(71, date="Sun, 29 Nov 2026 22:00:00 GMT")) == 3600
    assert pause(attrs.evolve(reply(71), received_at=MIDNIGHT + 6 * 3600)) == 3600
    assert pause(reply(71)) is None
    assert pause(reply(71, date="Sun, 29 Nov 2026 22:00:00 GMT", retry_after="5")) == 3600
    assert pause(reply(71, date="Sun, 29 Nov 2026 22:00:00 GMT", retry_after="0")) == 3600
    assert pause(reply(71, date="Sun, 29 Nov 2026 22:59:00 GMT", retry_after="300")) == 300


@pytest.mark.parametrize("code", [100, 101])
def test_a_code_about_an_unnamed_target_retires_no_token(code: int) -> None:
    """It does not say which target it is about, so the core sends smaller requests to find out."""
    found = refused(code)

    assert (found.reason, found.about) == (Reason.INVALID_NOTIFICATION, "target")
    assert "does not name the target" in found.detail


def test_a_code_about_the_only_target_is_about_that_target() -> None:
    """This holds for a call that names one token alone."""
    assert refused(100, one_target=True).reason is Reason.UNREGISTERED


def test_an_unknown_code_of_a_broken_server_is_no_verdict() -> None:
    """HTTP 5xx with a code that has no row."""
    with pytest.raises(NoVerdict, match="HTTP 500 with the unknown code 99"):
        CODES.read_accepted(reply(99, 500))


@pytest.mark.parametrize("code", [11, 40, 99, 14])
def test_a_refused_login_is_about_the_credentials(code: int) -> None:
    """It is neither about a notification nor a reason to log in again."""
    response = reply(code)
    found = CODES.login_refusal(CODES.read(response), response)

    assert isinstance(found, Refused)
    assert (type(found), found.reason, found.code) == (Refused, Reason.CREDENTIALS, str(code))


def test_a_clock_skew_at_the_login_stays_a_clock_skew() -> None:
    """The core learns the offset and repeats the login."""
    response = reply(12)

    assert isinstance(CODES.login_refusal(CODES.read(response), response), ClockSkew)


def only(code: object, status: int = 200) -> object:
    response = reply(code, status)
    return CODES.only_push_refused(PUSH, CODES.read(response), response, ("title",))


def test_a_code_about_the_only_push_of_a_request() -> None:
    """A code about a target, or about a repeated id, is about that push."""
    dead, again = only(100), only(32)

    assert getattr(dead, "reason", None) is Reason.UNREGISTERED
    assert getattr(dead, "truncated", None) == ("title",)
    assert getattr(again, "status", None) is Status.REJECTED


@pytest.mark.parametrize("code", [13, 14, 40, 99])
def test_a_code_about_the_request_is_raised_for_a_single_push_too(code: int) -> None:
    """It is not about that push alone, and the core slows down or stops."""
    with pytest.raises(Refused):
        only(code)


def test_a_rejected_push_has_code_message_and_reason() -> None:
    """It has code, message and the sentence of the row; an unknown code is about the notification, never about the
    token."""
    dead, unknown = CODES.rejected(PUSH, "100", "gone", message_id="m"), CODES.rejected(PUSH, "99")

    assert (dead.reason, dead.message_id) == (Reason.UNREGISTERED, "m")
    assert (dead.vendor_code, dead.vendor_message) == ("100", "gone")
    assert (unknown.reason, unknown.detail) == (Reason.INVALID_NOTIFICATION, "unknown code")
    assert CODES.sentence("11") == "expired: log in again"


def test_a_success_in_part_is_read_like_a_success() -> None:
    """The reply names who was refused, whatever its HTTP status is."""
    codes = CodeTable({**ROWS, "80100000": row("partial")}, code="result", message="reason")

    assert (codes.accepted, codes.partial) == ({"0", "200"}, {"80100000"})
    assert codes.read_accepted(reply("80100000")).code == "80100000"
    assert codes.read(reply("80100000", 400)).code == "80100000"


def test_words_are_codes() -> None:
    """Only those that have a row; another word is no readable code."""
    codes = CodeTable({**ROWS, "noRight": row("CREDENTIALS")}, code="result", message="reason")

    assert codes.read(reply("noRight")).code == "noRight"
    with pytest.raises(NoVerdict):
        codes.read(reply("other"))


def test_a_code_about_the_content_is_not_tried_in_halves() -> None:
    """The refusal says that it is about what all pushes share."""
    codes = CodeTable({**ROWS, "41": row("INVALID_NOTIFICATION", "content")}, code="result", message="reason")

    assert codes.refusal(codes.read(reply(41)), reply(41)).about == "content"  # type: ignore[union-attr]
    with pytest.raises(Refused):
        codes.only_push_refused(PUSH, codes.read(reply(41)), reply(41))


def test_a_vendor_may_limit_the_rate_by_another_status() -> None:
    """Without a code, HTTP 503 of such a vendor is a refusal, and nothing was pushed."""
    codes = CodeTable(ROWS, busy=[503])

    with pytest.raises(Refused) as caught:
        codes.read(Response(503, {"retry-after": "7"}, b"busy"))
    assert (caught.value.reason, caught.value.retry_after) == (Reason.RATE_LIMITED, 7.0)
    with pytest.raises(Refused) as without:
        codes.read(Response(503, {}, b""))
    assert without.value.retry_after is None, "the core finds the rate by itself"
    for table, headers in ((CODES, {}), (codes, {"content-type": "text/html"})):  # a page is a proxy's word
        with pytest.raises(NoVerdict):
            table.read(Response(503, headers, b"busy"))


def test_a_vendor_may_refuse_an_access_token_by_status() -> None:
    """Without a code, HTTP 401 of such a vendor asks for a new one; with a code, the code counts."""
    codes = CodeTable(ROWS, expired=[401])

    with pytest.raises(AccessExpired) as caught:
        codes.read(Response(401))
    assert caught.value.reason is Reason.CREDENTIALS
    with pytest.raises(Refused) as usual:
        CODES.read(Response(401))
    assert not isinstance(usual.value, AccessExpired)
    assert codes.read(Response(401, content=b'{"code": 13}')).code == "13"


def test_each_place_has_its_codes() -> None:
    """Of a target or a login, with those of a request behind them."""
    rules = attrs.evolve(RULES, codes=ROWS, target_codes={"13": row("MUTED", "target")})

    assert CodeTable.of(rules).rows["13"].reason == "RATE_LIMITED"
    assert CodeTable.of(rules, "target_codes").rows["13"].reason == "MUTED"
    assert CodeTable.of(rules, "target_codes").rows["14"].reason == "CREDENTIALS"
    assert CodeTable.of(rules, "login_codes", code="error").code == "error"
