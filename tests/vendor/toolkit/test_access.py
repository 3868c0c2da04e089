"""Signing a login, and reading the access token from its reply."""

import base64
import json
from urllib.parse import parse_qsl

import attrs
import pytest

from pushgateway.vendor import AccessToken, NoVerdict, Reason, Refused, Request, Response
from pushgateway.vendor.rules import parse_rules
from pushgateway.vendor.toolkit.access import (
    access_token_reader,
    digest,
    digest_login,
    oauth_login,
    read_access_token,
    signed_login,
)
from pushgateway.vendor.toolkit.codes import CodeTable


def test_digests_are_those_of_the_joined_text() -> None:
    """Test vectors of SHA-256 and MD5 for "abc"; a lone surrogate raises nothing."""
    assert digest(["a", "bc"]) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(["ab", "c"], "md5") == "900150983cd24fb0d6963f7d28e17f72"
    assert digest(["\ud800"])


def test_an_access_token_at_the_limit_is_read() -> None:
    """It is unchanged, with lifetime and creation time."""
    access = read_access_token("t" * 8, 60.0, name="token", longest=8, created_at=5.0)

    assert (access.value, access.lifetime, access.created_at) == ("t" * 8, 60.0, 5.0)


@pytest.mark.parametrize("value", [None, 5, "", "t" * 9, "t t", "t\r\n", "té"])
def test_an_access_token_that_no_header_can_hold_is_refused(value: object) -> None:
    """It is missing, too long, or has a blank, a line end or a letter beyond ASCII."""
    with pytest.raises(NoVerdict, match="token"):
        read_access_token(value, 60.0, name="token", longest=8)


LOGIN = CodeTable(
    parse_rules(
        """
        brand = "acme"
        [sources]
        S = { title = "s" }
        [codes]
        [login_codes]
        12304 = { reason = "CREDENTIALS", meaning = "wrong secret", source = "S", seen = 2026-11-01, dialects = [] }
        503 = { reason = "UNAVAILABLE", meaning = "busy", source = "S", seen = 2026-11-01, dialects = [] }
        7 = { reason = "INVALID_NOTIFICATION", meaning = "wrong form", source = "S", seen = 2026-11-01, dialects = [] }
        [dialects]
        """
    ).login_codes,
    code="sub_error",
    message="error_description",
)


ACCEPTED = attrs.evolve(LOGIN.rows["503"], reason="accepted")


def log_in(response: Response) -> tuple[Request, AccessToken]:
    """The request of a login, and what this reply makes of it."""
    exchange = oauth_login("https://a.example/token", "7", "s+/=&c", (LOGIN,), lifetime=60.0)
    request = next(exchange)
    assert request is not None
    with pytest.raises(StopIteration) as end:
        exchange.send(response)
    return request, end.value.value


def test_an_oauth_login_is_a_form_and_its_reply_an_access_token() -> None:
    """The secret is quoted; `expires_in` counts, or the lifetime of the rules."""
    reply = {"access_token": "t/1", "expires_in": 3600, "token_type": "Bearer"}
    request, access = log_in(Response(200, content=json.dumps(reply).encode()))
    _, without = log_in(Response(200, content=b'{"access_token": "t"}'))

    assert dict(parse_qsl(request.content.decode())) == {
        "grant_type": "client_credentials",
        "client_id": "7",
        "client_secret": "s+/=&c",
    }
    assert (access.value, access.lifetime, without.lifetime) == ("t/1", 3600, 60.0)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, '{"error": 1101, "sub_error": 12304}', Reason.CREDENTIALS),
        (400, '{"error": 1101, "sub_error": 7}', Reason.CREDENTIALS),
        (400, '{"error": 1101, "sub_error": 99}', Reason.CREDENTIALS),
        (400, "no json", Reason.CREDENTIALS),
        (403, "", Reason.CREDENTIALS),
        (429, "", Reason.RATE_LIMITED),
        (503, '{"sub_error": 503}', Reason.UNAVAILABLE),
    ],
)
def test_a_refused_oauth_login_is_never_about_a_notification(status: int, body: str, reason: Reason) -> None:
    """By its code, or else by its status."""
    with pytest.raises(Refused) as raised:
        log_in(Response(status, content=body.encode()))

    assert raised.value.reason is reason


@pytest.mark.parametrize(("status", "body"), [(200, "{}"), (200, "<html>"), (502, "")])
def test_an_oauth_reply_without_a_verdict(status: int, body: str) -> None:
    """No token and no code: nothing is known."""
    with pytest.raises(NoVerdict):
        log_in(Response(status, content=body.encode()))


def test_the_reply_of_a_login_is_an_access_token_or_a_refusal() -> None:
    """A code about anything else than the credentials is none about a notification."""
    read = access_token_reader(CodeTable(LOGIN.rows | {"0": ACCEPTED}), 60.0, name="token")

    assert read(Response(200, content=b'{"code": 0, "token": "t"}')) == AccessToken("t", 60.0)
    for body, reason in ((b'{"code": 12304}', Reason.CREDENTIALS), (b'{"code": 7}', Reason.CREDENTIALS)):
        with pytest.raises(Refused) as refused:
            read(Response(200, content=body))
        assert refused.value.reason is reason
    with pytest.raises(NoVerdict):
        read(Response(200, content=b'{"code": 0}'))


def test_a_login_with_a_digest() -> None:
    """Fields and the digest of the joined parts, as a form or as JSON."""

    def read(response: Response) -> AccessToken:
        return AccessToken(response.content.decode(), 60)

    for encoding, parse in (("form", lambda body: dict(parse_qsl(body.decode()))), ("json", json.loads)):
        exchange = digest_login("https://a.example/x", {"a": "1"}, ["1", "s"], read, algorithm="md5", encoding=encoding)  # type: ignore[arg-type]
        request = next(exchange)
        assert request is not None
        assert parse(request.content) == {"a": "1", "sign": digest(["1", "s"], "md5")}
        with pytest.raises(StopIteration) as done:
            exchange.send(Response(200, {}, b"T"))
        assert done.value.value == AccessToken("T", 60)


def test_a_login_without_a_request() -> None:
    """The token is signed here, for its lifetime from now."""
    exchange = signed_login({"alg": "none"}, {"iss": "me"}, lambda text: b"signature", 3600, 1000.9)

    with pytest.raises(StopIteration) as done:
        next(exchange)

    access = done.value.value
    claims = json.loads(base64.urlsafe_b64decode(access.value.split(".")[1] + "=="))
    assert claims == {"iss": "me", "iat": 1000, "exp": 4600}
    assert (access.lifetime, access.created_at) == (3600, 1000.0)
