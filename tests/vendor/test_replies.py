"""Reading vendors' replies: codes, dates and verdicts are read strictly, and invalid input raises nothing
unexpected."""

import json
import time
from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pushgateway.model.reason import Reason
from pushgateway.vendor import (
    Reply,
    Response,
    code_text,
    read_json,
    read_posted,
    read_reply,
)
from pushgateway.vendor.exchange import MAX_RETRY_AFTER
from pushgateway.vendor.refusals import NoVerdict, Refused
from pushgateway.vendor.replies import MAX_POSTED

CANARY = "canary-5d1f"
NOW = 1_700_000_000
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("code"), inner, max_size=3)
    ),
    max_leaves=8,
)


def verdict(response: Response) -> Reply | Refused | NoVerdict:
    """The result of `read_reply` for a reply. Any other exception fails the test."""
    try:
        return read_reply(response)
    except (Refused, NoVerdict) as said:
        return said


def json_reply(status: int, body: Any, **headers: str) -> Response:
    """A reply with this JSON."""
    return Response(status, headers, json.dumps(body).encode())


@given(st.integers(-(10**9) + 1, 10**9 - 1))
def test_a_whole_number_is_a_code(number: int) -> None:
    """A number or its digits give the same text."""
    assert code_text(number) == code_text(str(number)) == str(number)


@pytest.mark.parametrize("limit", [10**9, -(10**9)])
def test_a_code_has_nine_digits_at_most(limit: int) -> None:
    """999,999,999 is a code in both forms; one more is none, as a number and as text."""
    inside = limit - 1 if limit > 0 else limit + 1

    assert code_text(inside) == code_text(str(inside)) == str(inside)
    assert code_text(limit) is code_text(str(limit)) is None


@pytest.mark.parametrize(
    "rubbish",
    [
        True,
        False,
        None,
        0.0,
        1.0,
        float("nan"),
        "",
        " ",
        " 11 ",
        "0\n",
        "+1",
        "--1",
        "1e3",
        "0x0",
        "0.0",
        "1_0",
        "\uff10",  # a full-width 0, which int() takes
        "\u0660",  # an Arabic 0
        "true",
        [],
        [0],
        {},
        b"0",
    ],
)
def test_invalid_values_are_no_code(rubbish: object) -> None:
    """A guess could turn an invalid reply into "accepted"."""
    assert code_text(rubbish) is None
    assert isinstance(verdict(json_reply(200, {"code": None if isinstance(rubbish, bytes) else rubbish})), NoVerdict)


@given(st.text() | st.integers() | st.floats() | st.from_regex(r"-?[0-9]{1,11}", fullmatch=True))
def test_every_code_is_a_short_whole_number(value: object) -> None:
    """Any input gives None, or the one way to write a whole number below a thousand million."""
    code = code_text(value)

    assert code is None or (code == str(int(code)) and abs(int(code)) < 10**9 and int(code) == int(str(value)))


@given(st.integers(0, 10**15 - 1))
@example(300)
@example(301)
@example(10**12)
def test_a_pause_in_seconds_is_limited(seconds: int) -> None:
    """Up to 300 seconds are used; a pause of thirty thousand years is 300 seconds."""
    pause = Response(429, {"retry-after": f" {seconds} "}).retry_after

    assert pause == min(seconds, MAX_RETRY_AFTER)


@given(st.integers(-(10**8), 10**8), st.integers(-(10**8), 10**8))
@example(300, 0)
@example(301, 0)
@example(-1, 0)
def test_a_pause_until_a_date_is_measured_by_the_vendors_clock(ahead: int, skew: int) -> None:
    """It is compared with the reply's own `Date`, so that a wrong clock here has no effect; a date in the past is no
    pause."""
    headers = {"retry-after": formatdate(NOW + ahead, usegmt=True), "date": formatdate(NOW, usegmt=True)}

    pause = Response(503, headers, received_at=NOW + skew).retry_after

    assert pause == min(max(ahead, 0), MAX_RETRY_AFTER)


def test_a_pause_until_a_date_needs_a_clock() -> None:
    """Without a `Date` our clock at the time of the reply is used; without both there is no pause."""
    headers = {"retry-after": formatdate(NOW + 20, usegmt=True)}

    assert Response(503, headers, received_at=NOW).retry_after == 20
    assert Response(503, headers).retry_after is None


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "soon",
        "-1",
        "1.5",
        "1e3",
        "\uff15",
        "5, 7",
        "nan",
        "inf",
        "9" * 5000,
        "Mon, 99 Foo 2026",
        "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
        "Mon, 01 Jan 99999 00:00:00 GMT",
    ],
    ids=lambda value: repr(value)[:30],
)
def test_an_invalid_pause_is_no_pause(garbage: str) -> None:
    """Two headers in one, negative or endless numbers, and impossible dates are ignored, never an error."""
    assert Response(429, {"retry-after": garbage}, received_at=NOW).retry_after is None


@given(
    st.text(),
    st.lists(
        st.sampled_from(["Mon", ",", " ", "01", "Jan", "0", "9999", "12:00:00", ":", "-", "+2400", "GMT", "24:61", "a"])
    ).map(" ".join),
)
def test_any_date_and_retry_after_are_read_without_an_error(text: str, dateish: str) -> None:
    """The result is no pause, or one within its limits."""
    for one, other in ((text, dateish), (dateish, text), (dateish, dateish)):
        pause = Response(429, {"retry-after": one, "date": other}, received_at=NOW).retry_after
        assert pause is None or 0 <= pause <= MAX_RETRY_AFTER


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 429, 499, 500, 502, 503])
def test_a_readable_code_overrides_the_status(status: int) -> None:
    """The vendor's own code says more than the status, which may be of a server in between (H1)."""
    reply = verdict(json_reply(status, {"code": "-1", "message": "busy"}))

    assert isinstance(reply, Reply)
    assert (reply.code, reply.message, reply.body) == ("-1", "busy", {"code": "-1", "message": "busy"})


@pytest.mark.parametrize(
    ("status", "accepted"), [(200, True), (299, True), (300, False), (302, False), (400, False), (503, False)]
)
def test_success_under_an_error_status_is_a_contradiction(status: int, accepted: bool) -> None:
    """Code 0 counts up to status 299; from 300 on it is no verdict, because one of the two is wrong (H1, H13)."""
    reply = verdict(json_reply(status, {"code": 0}))

    assert isinstance(reply, Reply if accepted else NoVerdict)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Reason.INVALID_NOTIFICATION),
        (401, Reason.CREDENTIALS),
        (403, Reason.CREDENTIALS),
        (404, Reason.CREDENTIALS),
        (405, Reason.CREDENTIALS),
        (407, Reason.CREDENTIALS),
        (408, None),
        (413, Reason.INVALID_NOTIFICATION),
        (425, None),
        (429, Reason.RATE_LIMITED),
        (499, Reason.INVALID_NOTIFICATION),
        (500, None),
        (502, None),
        (503, None),
        (504, None),
        (200, None),
        (204, None),
        (301, None),
        (302, None),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>blocked</html>", b"{}", b'{"code": null}', b'["code", 0]', b"null"])
def test_without_a_code_the_status_decides(status: int, reason: Reason | None, body: bytes) -> None:
    """A firewall's 4xx is a refusal and never a dead token; other statuses prove nothing (H2, H3, H5, H13)."""
    said = verdict(Response(status, {}, body))

    if reason is None:
        assert isinstance(said, NoVerdict)
        assert said.sent
    else:
        assert isinstance(said, Refused)
        assert said.reason is reason
        assert said.reason is not Reason.UNREGISTERED


@pytest.mark.parametrize(("hint", "pause"), [(None, 60.0), ("garbage", 60.0), ("0", 0.0), ("5", 5.0), ("301", 300.0)])
def test_too_many_requests_pauses_a_minute_by_default(hint: str | None, pause: float) -> None:
    """429 without a hint gives a pause of 60 seconds; a readable hint is used (H11)."""
    said = verdict(Response(429, {} if hint is None else {"retry-after": hint}))

    assert isinstance(said, Refused)
    assert said.retry_after == pause


@pytest.mark.parametrize(
    "content",
    [
        b'{"code": 0',
        b'{"code": 0}}',
        b'{"code": 0}{"code": 0}',
        b'{"code": 0} x',
        b"'code': 0",
        '{"code": 0}'.encode("utf-16"),
        '{"code": 0}'.encode("utf-16-le"),
        '{"code": 0}'.encode("utf-32"),
        b'{"code": \xff}',
        b'\xef\xbb\xbf\xef\xbb\xbf{"code": 0}',
        b'"{\\"code\\": 0}"',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"data":' * 100_000 + b"0" + b"}" * 100_000,
        b'{"code": ' + b"1" * 5000 + b"}",
        b'{"code": 0, "data": ' + b"1" * 5000 + b"}",
        b'{"code": NaN}',
        b'{"code": Infinity}',
        b'{"code": "\\ud800"}',
        b'{"CODE": 0}',
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_broken_reply_is_no_verdict(content: bytes) -> None:
    """Cut, doubled, in another encoding, endlessly deep or long: no other exception, and never "accepted" (H6, H9)."""
    assert isinstance(verdict(Response(200, {}, content)), NoVerdict)


def test_every_cut_of_a_reply_is_no_verdict() -> None:
    """A reply whose end is missing is no verdict, although its first bytes mean success (N13)."""
    whole = json.dumps({"code": 0, "message": "成功", "data": {"messageId": "m-1"}}, ensure_ascii=False).encode()

    read = [type(verdict(Response(200, {}, whole[:length]))) for length in range(len(whole) + 1)]

    assert read == [NoVerdict] * len(whole) + [Reply]


def test_odd_replies_with_a_readable_code_count() -> None:
    """A BOM, a wrong content type, a message that is no text, or odd data do not matter when the code is readable (H4,
    H6)."""
    bom = verdict(
        Response(200, {"content-type": "image/png"}, b'\xef\xbb\xbf{"code": "0", "message": ["m"], "data": NaN}')
    )
    surrogate = verdict(Response(200, {}, b'{"code": 0, "message": "\\ud800"}'))

    assert isinstance(bom, Reply)
    assert (bom.code, bom.message) == ("0", None)
    assert isinstance(surrogate, Reply)


def test_a_vendor_may_name_its_fields() -> None:
    """Another field for code and message, and another code for success."""
    body = {"result": 80000000, "desc": "ok", "code": 5}

    reply = read_reply(json_reply(200, body), code="result", message="desc", success="80000000")

    assert (reply.code, reply.message) == ("80000000", "ok")
    with pytest.raises(NoVerdict):
        read_reply(json_reply(500, body), code="result", success="80000000")


@given(st.integers(100, 599), ANY_JSON | st.fixed_dictionaries({"code": ANY_JSON, "message": ANY_JSON}))
def test_any_json_gets_a_verdict(status: int, body: Any) -> None:
    """Any JSON under any status gives a reply with a readable code, a refusal or no verdict (H8, H9)."""
    said = verdict(json_reply(status, body))

    assert not isinstance(said, Reply) or (
        said.code == code_text(body["code"]) and (said.code, status >= 400) != ("0", 1)
    )


@given(
    st.integers(100, 599), st.binary() | st.text().map(str.encode), st.dictionaries(st.text(), st.text(), max_size=3)
)
def test_any_bytes_get_a_verdict(status: int, content: bytes, headers: dict[str, str]) -> None:
    """Any bytes give one of the three results."""
    assert isinstance(verdict(Response(status, headers, content)), Reply | Refused | NoVerdict)


@pytest.mark.parametrize("status", [200, 404, 429, 500])
@pytest.mark.parametrize("content", [f"<p>{CANARY}</p>".encode(), f'"{CANARY}"'.encode(), CANARY.encode("utf-16")])
def test_a_verdict_quotes_no_body(status: int, content: bytes) -> None:
    """A captive portal's page may hold anything; only its length and kind are reported, in printable ASCII (H3)."""
    said = verdict(Response(status, {"content-type": f"text/\x1b\n{'x' * 99}; {CANARY}"}, content))

    assert CANARY not in f"{said!r} {said}"
    assert str(said).isascii()
    assert str(said).isprintable()
    assert len(str(said)) < 150


def test_json_is_read_whatever_the_status() -> None:
    """`read_json` returns the value, and reports kind and size of a body that is no JSON."""
    assert read_json(Response(500, {}, b"[1]")) == [1]
    with pytest.raises(NoVerdict, match=r"not JSON \(6 bytes of text/html\)"):
        read_json(Response(200, {"content-type": "text/html; charset=x"}, b"<html>"))
    with pytest.raises(NoVerdict, match=r"not UTF-8 \(1 bytes of no content type\)"):
        read_json(Response(200, {}, b"\xff"))


@pytest.mark.parametrize("zone", ["UTC0", "CST-8"])
def test_a_date_without_a_zone_is_utc(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This holds in any time zone of this process, because HTTP has no other."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        reply = Response(200, {"date": "Tue, 14 Nov 2023 22:13:20 -0000"})
        assert reply.date == NOW
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_pause_until_a_date_has_limits() -> None:
    """It is not below 0, and not above the longest pause."""
    for ahead, pause in ((-1, 0.0), (0, 0.0), (300, 300.0), (301, MAX_RETRY_AFTER), (10**6, MAX_RETRY_AFTER)):
        assert Response(503, {"retry-after": formatdate(NOW + ahead, usegmt=True)}, b"", NOW).retry_after == pause
    for seconds, pause in (("300", 300.0), ("1000", MAX_RETRY_AFTER), ("9" * 15, MAX_RETRY_AFTER), ("9" * 16, None)):
        assert Response(503, {"retry-after": seconds}).retry_after == pause


def test_a_wrong_clock_here_changes_no_pause() -> None:
    """A date to wait for is compared with the reply's own `Date`."""
    headers = {"retry-after": formatdate(NOW + 20, usegmt=True), "date": formatdate(NOW, usegmt=True)}

    assert [Response(503, headers, b"", NOW + skew).retry_after for skew in (-5000, 0, 5000)] == [20, 20, 20]


def test_a_missing_code_is_reported_with_the_status() -> None:
    """The status helps to find the cause; for a 200 the kind of the content is reported."""
    said = {status: verdict(Response(status)) for status in (200, 204, 500)}

    assert [getattr(one, "detail", "") for one in said.values()] == [
        "the reply is not JSON (0 bytes of no content type)",
        "HTTP 204 without the vendor's code",
        "HTTP 500 without the vendor's code",
    ]


def test_statuses_425_and_408_are_temporary() -> None:
    """425 and 408 say nothing about the notification."""
    for status in (408, 425):
        assert isinstance(verdict(Response(status)), NoVerdict)
    for status in (413, 414, 431):
        refused = verdict(Response(status))
        assert isinstance(refused, Refused)
        assert (refused.reason, refused.about) == (Reason.INVALID_NOTIFICATION, "size")


def test_a_content_type_is_quoted_short_and_printable() -> None:
    """It comes from outside and may be logged: no control character, no parameter, 40 characters at most."""
    kind = "text/\x1b[31m\u202ehtml" + "x" * 100 + "; boundary=secret"
    said = verdict(Response(200, {"content-type": kind}, b"<html>"))

    assert isinstance(said, NoVerdict)
    assert said.detail == f"the reply is not JSON (6 bytes of text/?[31m?html{'x' * 25})"


def test_a_body_of_a_vendor_is_limited_before_it_is_parsed() -> None:
    """At each limit it is read, one above it is refused; brackets within texts do not count."""

    def refusal(body: bytes) -> str:
        try:
            read_posted(body)
        except Refused as refused:
            return refused.detail if refused.reason is Reason.INVALID_NOTIFICATION else refused.reason.value
        return ""

    small, text = b"[" + b",".join([b"[]"] * 19_999) + b"]", json.dumps('["\\' * 50_000).encode()
    assert refusal(b"[" * 32 + b"]" * 32) == ""
    assert refusal(b"[" * 33 + b"]" * 33) == "the request is nested too deeply"
    assert refusal(small) == ""
    assert refusal(small[:-1] + b",[]]") == "the request is of too many parts"
    assert refusal(b"[" + text + b"]") == ""
    assert refusal(b"1" + b" " * (MAX_POSTED - 1)) == ""
    assert refusal(b"1" + b" " * MAX_POSTED) == f"the request is more than {MAX_POSTED} bytes"
    assert refusal(b"\xef\xbb\xbf[]") == ""
    assert refusal(b"\xff") == "the request is not UTF-8"
    assert refusal(b"{]") == "the request is not JSON"
