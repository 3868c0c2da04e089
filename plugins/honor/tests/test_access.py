"""Logins, access tokens, the probe, and the time in each request."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pushgateway_honor.sandbox import CLIENT_ID, CLIENT_SECRET, HonorSandbox

from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH
from pushgateway.vendor import (
    AccessExpired,
    Notification,
    NoVerdict,
    Push,
    PushToken,
    Reason,
    Refused,
    Request,
    Response,
)

Drivers = Callable[..., ExchangeDriver]
PATHS = ["/auth/token", "/auth/realms/developer/protocol/openid-connect/token"]
FORM = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
SEND = "/api/v1/104400123/sendMessage"


def log_in(sandbox: HonorSandbox, path: str = PATHS[0], **form: str) -> tuple[int, Any]:
    """Status and body of a login's reply."""
    content = "&".join(f"{name}={value}" for name, value in {**FORM, **form}.items() if value)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = sandbox.answer(Request("POST", f"https://x{path}", headers, content.encode())).response
    assert response is not None
    return response.status, json.loads(response.content)


def send(sandbox: HonorSandbox, token: str, path: str = SEND, **headers: str) -> tuple[int, int]:
    """Status and code of the reply to an empty message."""
    usual = {
        "content-type": "application/json",
        "authorization": f"Bearer {token}",
        "timestamp": str(int(sandbox.clock() * 1000)),
    }
    given = {name: value for name, value in {**usual, **headers}.items() if value}
    response = sandbox.answer(Request("POST", f"https://x{path}", given, b"{}")).response
    assert response is not None
    return response.status, json.loads(response.content)["code"]


@pytest.mark.parametrize("path", PATHS)
def test_both_paths_log_in(path: str) -> None:
    """The current one, and that of Honor's guide."""
    sandbox = HonorSandbox(clock=lambda: EPOCH, lifetime=60)
    status, reply = log_in(sandbox, path)

    assert (status, reply["expires_in"], reply["token_type"]) == (200, 60, "Bearer")
    assert send(sandbox, reply["access_token"]) == (200, 80100003)


@pytest.mark.parametrize("path", PATHS)
def test_the_plug_in_logs_in_by_both_paths(driver: Drivers, path: str) -> None:
    """With the setting `login_path`."""
    one = driver({"login_path": path})
    one.log_in("")

    assert one.access is not None
    assert one.access.lifetime == 3600


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_id": "104400123"}, 401, "unauthorized_client"),
        ({"client_secret": "wrong"}, 401, "unauthorized_client"),
        ({"client_secret": ""}, 401, "unauthorized_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
    ],
)
def test_a_wrong_login_is_refused(form: dict[str, str], status: int, error: str) -> None:
    """With an error of OAuth; the app id is not the client id."""
    found, reply = log_in(HonorSandbox(clock=lambda: EPOCH), **form)

    assert (found, reply["error"]) == (status, error)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, {"error": "invalid_client", "error_description": "no"}, Reason.CREDENTIALS),
        (400, {"error": "a_new_word"}, Reason.CREDENTIALS),
        (401, {}, Reason.CREDENTIALS),
        (200, {"code": 80600003, "message": "busy"}, Reason.UNAVAILABLE),
        (429, {}, Reason.RATE_LIMITED),
        (500, {}, None),
        (200, {"expires_in": 3600}, None),
        (200, {"access_token": "a b", "expires_in": 3600}, None),
    ],
)
def test_what_a_login_may_answer(driver: Drivers, status: int, body: Any, reason: Reason | None) -> None:
    """Never a reason about a notification; None: no verdict."""
    one = driver()
    one.spoil_login = lambda _: Response(status, {}, json.dumps(body).encode())
    with pytest.raises((Refused, NoVerdict)) as raised:
        one.log_in("")

    assert getattr(raised.value, "reason", None) is reason
    assert not isinstance(raised.value, AccessExpired)


def test_the_sandbox_judges_access_tokens() -> None:
    """None, another kind, an unknown and an expired one; an app id of another app; a path that is none."""
    now = [EPOCH]
    sandbox = HonorSandbox(clock=lambda: now[0])
    token = log_in(sandbox)[1]["access_token"]

    assert send(sandbox, "", authorization="") == send(sandbox, "unknown") == (401, 401)
    assert send(sandbox, token, authorization=token) == (401, 401)
    assert send(sandbox, token)[1] == 80100003
    assert send(sandbox, token, path="/api/v1/7/sendMessage")[1] == 80300002
    assert send(sandbox, token, path="/v1/7/messages:send") == (404, 404)
    now[0] += 3600
    assert send(sandbox, token) == (200, 80200003)
    sandbox.set_option("statuses", "by code")
    assert send(sandbox, token) == (401, 80200003)


@pytest.mark.parametrize("ends", [True, False])
def test_a_login_may_end_the_access_tokens_before_it(ends: bool) -> None:
    """With `one_token`."""
    sandbox = HonorSandbox(clock=lambda: EPOCH, one_token=ends)
    first, second = (log_in(sandbox)[1]["access_token"] for _ in range(2))

    assert first != second
    assert send(sandbox, first)[1] == (80200003 if ends else 80100003)
    assert send(sandbox, second)[1] == 80100003


@pytest.mark.parametrize(
    ("timestamp", "is_right"),
    [
        (str(int(EPOCH * 1000)), True),
        (str(int(EPOCH * 1000) + 600_000), True),
        (str(int(EPOCH * 1000) - 600_000), True),
        (str(int(EPOCH * 1000) + 600_001), False),
        (str(int(EPOCH * 1000) - 600_001), False),
        (str(int(EPOCH)), False),
        ("", False),
        ("now", False),
    ],
)
def test_the_time_of_a_request(timestamp: str, is_right: bool) -> None:
    """In milliseconds, by ten minutes near; with `ignored` it may be anything, as two clients leave it out."""
    sandbox = HonorSandbox(clock=lambda: EPOCH)
    token = log_in(sandbox)[1]["access_token"]

    assert send(sandbox, token, timestamp=timestamp) == (200, 80100003 if is_right else 80100001)
    sandbox.set_option("timestamp", "ignored")
    assert send(sandbox, token, timestamp=timestamp) == (200, 80100003)


def test_how_far_a_time_may_be_off_is_an_option() -> None:
    """In seconds; null: any time."""
    sandbox = HonorSandbox(clock=lambda: EPOCH, skew=5)
    token = log_in(sandbox)[1]["access_token"]
    late = str(int(EPOCH * 1000) - 5001)

    assert send(sandbox, token, timestamp=late)[1] == 80100001
    sandbox.set_option("skew", None)
    assert send(sandbox, token, timestamp=late)[1] == 80100003


# The probe


@pytest.mark.parametrize("options", [{}, {"all_invalid": "80300007"}, {"partial": "200"}, {"late_invalid": True}])
def test_the_probe_reaches_nobody(driver: Drivers, options: Any) -> None:
    """A message that shows nothing, to a token that nobody has: any answer about the token proves the settings."""
    one = driver(tokens=1, **options)
    exchange: Any = one.vendor.probe
    proved = one.carry(exchange, "")

    assert "login and the app id are right" in proved
    assert one.sandbox.ledger.total == 0
    assert json.loads(one.requests[-1].content) == {"data": "{}", "token": ["pushgateway-check"]}


def test_the_probe_finds_a_wrong_app_id(driver: Drivers) -> None:
    """The login alone would not."""
    one = driver({"app_id": "7"})
    exchange: Any = one.vendor.probe
    with pytest.raises(Refused) as refused:
        one.carry(exchange, "")

    assert (refused.value.reason, refused.value.code) == (Reason.CREDENTIALS, "80300002")


def test_an_expired_access_token_is_said_so(driver: Drivers) -> None:
    """So that the core logs in again."""
    one = driver(tokens=1)
    batch = [Push(PushToken(1, one.sandbox.tokens[0]), Notification("t", "b"))]
    assert one.push(batch)[0].ok
    one.sandbox.expire_tokens()
    one.spoil = lambda reply: reply
    with pytest.raises(AccessExpired):
        one.carry(lambda: one.vendor.push(batch), "")
