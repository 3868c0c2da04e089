"""Logins: by client id and secret, by signed tokens, and what heals when one of them is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from pushgateway_huawei import Harmony, Huawei
from pushgateway_huawei.sandbox import HarmonySandbox, HuaweiSandbox
from pushgateway_huawei.sandbox.server import AUDIENCE, SUB_ACCOUNT

from pushgateway import Certificate, Gateway, Notification, PushToken, Reason, Status
from pushgateway.sandbox import Fault, Sandbox
from pushgateway.testing import SandboxTransport
from pushgateway.testing.conformance.exchange_driver import ExchangeDriver
from pushgateway.testing.conformance.sandbox_connection import EPOCH, HOST, Clock
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import AccessExpired, ClockSkew, NoVerdict, Outcome, Push, Refused, Request, Response, Secret
from pushgateway.vendor.toolkit.jwt import KeyFile, signed_jwt

Drivers = Callable[..., ExchangeDriver]
BRANDS: dict[str, tuple[type[Any], type[Any]]] = {
    "huawei": (Huawei, HuaweiSandbox),
    "harmony": (Harmony, HarmonySandbox),
}
NOTE = Notification("title", "text")
LOGINS = pytest.mark.parametrize(
    ("brand", "options"), [("huawei", {}), ("huawei", {"login": "service account", "version": "v2"}), ("harmony", {})]
)


def deliver(brand: str, sandbox: Sandbox, off: float = 0.0, count: int = 1, **settings: Any) -> list[Outcome]:
    """Send to the first phones through a gateway whose clock is `off` seconds wrong."""
    right = sandbox.clock

    async def main() -> list[Outcome]:
        certificate = Certificate(1, brand, {**sandbox.settings(HOST), **settings})
        transport = SandboxTransport(sandbox, clock=lambda: right() + off)
        async with Gateway(
            [certificate], transport=transport, vendors={brand: BRANDS[brand][0]}, clock=lambda: right() + off
        ) as gateway:
            return await gateway.send_each([Push(PushToken(1, token), NOTE) for token in sandbox.tokens[:count]])

    return run_virtual(main())


def sandbox_of(brand: str, **options: Any) -> Any:
    """A sandbox on the virtual clock."""
    return BRANDS[brand][1](clock=Clock(), **options)


@LOGINS
def test_an_expired_access_token_is_renewed(brand: str, options: dict[str, Any]) -> None:
    """Once, within the push; a signed token that the vendor ends is signed anew."""
    sandbox = sandbox_of(brand, **options)
    sandbox.faults.add(Fault(kind="expire", operation=sandbox.pushing[-1 if options else 0]))
    (outcome,) = deliver(brand, sandbox)

    assert outcome.ok
    assert sandbox.ledger.total == 1


@pytest.mark.parametrize("brand", ["huawei", "harmony"])
@pytest.mark.parametrize("hours", [-2.0, 2.0, 30.0, -30.0])
def test_a_clock_that_is_wrong_heals(brand: str, hours: float) -> None:
    """A token that was signed here is refused as expired, as signed in the future, or as valid for too long: the time
    of the reply is used, and the push arrives."""
    options = {"login": "service account"} if brand == "huawei" else {}
    sandbox = sandbox_of(brand, **options)
    outcomes = deliver(brand, sandbox, off=3600 * hours, count=3)

    assert [outcome.ok for outcome in outcomes] == [True] * 3, outcomes[0]


def test_a_signed_token_makes_no_request(driver: Drivers) -> None:
    """It names the key, the account and the audience, and lives an hour."""
    one = driver("harmony")
    with pytest.raises(StopIteration) as end:
        next(one.vendor.login("", EPOCH))  # type: ignore[arg-type]
    access = end.value.value
    parts = [part + "=" * (-len(part) % 4) for part in access.value.split(".")[:2]]
    header, claims = (json.loads(base64.urlsafe_b64decode(part)) for part in parts)

    assert header == {"kid": "sandbox-key", "typ": "JWT", "alg": "PS256"}
    assert claims == {"iss": SUB_ACCOUNT, "aud": AUDIENCE, "iat": int(EPOCH), "exp": int(EPOCH) + 3600}
    assert access.lifetime == 3600


@pytest.mark.parametrize(
    ("settings", "code"),
    [({"client_secret": "wrong"}, "12304"), ({"client_id": "7"}, "20003"), ({"client_id": "seven"}, "20002")],
)
def test_a_refused_login_names_the_setting(settings: dict[str, str], code: str) -> None:
    """By the sub_error of the reply; the token is kept."""
    (outcome,) = deliver("huawei", sandbox_of("huawei"), **settings)

    assert (outcome.status, outcome.reason, outcome.vendor_code) == (Status.NOT_SENT, Reason.CREDENTIALS, code)
    assert next(iter(settings)) in outcome.detail


def test_a_wrong_account_ends_credentials() -> None:
    """The second token in a row that was signed here is refused: it is the key, not its age."""
    sandbox = sandbox_of("harmony")
    account = {**json.loads(sandbox.service_account), "sub_account": "another"}
    (outcome,) = deliver("harmony", sandbox, service_account=json.dumps(account))

    assert outcome.reason is Reason.CREDENTIALS
    assert outcome.vendor_code == "80200001"
    assert sandbox.ledger.total == 0


@pytest.mark.parametrize("brand", ["huawei", "harmony"])
def test_statuses_without_a_code(driver: Drivers, brand: str) -> None:
    """503 is flow control, 401 asks for a new access token, a page of a proxy is no verdict."""

    def ended(status: int, kind: str = "") -> Exception:
        one = driver(brand, tokens=1)
        one.spoil = lambda _: Response(status, {"content-type": kind})
        with pytest.raises((Refused, NoVerdict)) as failed:
            one.push([Push(PushToken(1, one.sandbox.tokens[0]), NOTE)])
        return failed.value

    busy = ended(503)
    assert isinstance(busy, Refused)
    assert (busy.reason, busy.retry_after) == (Reason.RATE_LIMITED, None)
    assert isinstance(ended(401), AccessExpired)
    assert isinstance(ended(503, "text/html"), NoVerdict)
    assert isinstance(ended(502), NoVerdict)


def test_flow_control_costs_no_token() -> None:
    """A sandbox that takes 50 phones in a second answers 503 without a body: what it refused was not pushed, is
    repeated as far as the budget of repeats allows, and ends RATE_LIMITED otherwise."""
    sandbox = sandbox_of("huawei", tokens=300)
    sandbox.set_option("per_second", 50)

    async def main() -> list[Outcome]:
        certificate = Certificate(1, "huawei", sandbox.settings(HOST))
        transport = SandboxTransport(sandbox, clock=sandbox.clock, latency=lambda: 0.01)
        async with Gateway([certificate], transport=transport, clock=sandbox.clock) as gateway:
            pushes = [Push(PushToken(1, t), Notification("t", t), timeout=120.0) for t in sandbox.tokens]
            return await gateway.send_each(pushes)

    outcomes = run_virtual(main())
    accepted = [outcome.push_token.token for outcome in outcomes if outcome.ok]

    assert {outcome.reason for outcome in outcomes} <= {None, Reason.RATE_LIMITED}
    assert sandbox.ledger.total == len(accepted) > 50
    assert all(sandbox.ledger.count(token) == 1 for token in accepted)


# The sandbox


def ask(sandbox: Any, token: str, path: str = "", push_type: str = "0") -> tuple[int, str]:
    """Status and code of a send with this access token."""
    harmony = isinstance(sandbox, HarmonySandbox)
    url = f"https://x{path or ('/v3/388420000000000001/messages:send' if harmony else '/v1/100000001/messages:send')}"
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}", "push-type": push_type}
    answer = sandbox.answer(Request("POST", url, headers, b"{}")).response
    body = json.loads(answer.content) if answer.content else {}
    return answer.status, body.get("code", "")


def jwt(sandbox: Any, begin: float = EPOCH, end: float = EPOCH + 3600, **claims: Any) -> str:
    """A token signed with the sandbox's key."""
    file = KeyFile.read("x", Secret(sandbox.service_account), ("key_id",))
    header = {"kid": file.texts["key_id"], "typ": "JWT", "alg": "PS256"}
    usual = {"iss": SUB_ACCOUNT, "aud": AUDIENCE, "iat": int(begin), "exp": int(end)}
    return signed_jwt(header, {**usual, **claims}, file.sign)


@pytest.mark.parametrize("sandbox", [HuaweiSandbox, HarmonySandbox])
def test_the_sandbox_judges_signed_tokens(sandbox: type[Any]) -> None:
    """Expired, valid for more than a day, of another account or audience, changed."""
    one = sandbox(clock=lambda: EPOCH)
    right = jwt(one)

    assert ask(one, right)[1] == "80300010"  # past the access check: an empty body has no tokens
    assert ask(one, jwt(one, EPOCH - 7200, EPOCH - 3600))[1] == "80200005"
    assert ask(one, jwt(one, end=EPOCH + 90_000))[1] == "80300036"
    for wrong in (jwt(one, iss="other"), jwt(one, aud="other"), right[:-4] + "AAAA", "a.b.c"):
        assert ask(one, wrong)[1] == "80200001"
    one.expire_tokens()
    assert ask(one, right)[1] == "80200005"
    assert ask(one, jwt(one), path="/v9/x/messages:send") == (404, "")


def test_the_sandbox_judges_other_tokens() -> None:
    """No token, an unknown one, one of the login that has expired; HarmonyOS takes no token of the login."""
    now = [EPOCH]
    one = HuaweiSandbox(clock=lambda: now[0])
    token = one.access.login().token

    assert ask(one, "") == ask(one, "unknown") == (401, "80200001")
    assert ask(one, token)[1] == "80300010"
    assert ask(one, token, path="/v1/7/messages:send")[1] == "80300002"
    now[0] += 3601
    assert ask(one, token) == (401, "80200003")
    assert ask(HarmonySandbox(clock=lambda: EPOCH), token)[1] == "80200001"
    one.set_option("statuses", "200")
    assert ask(one, token) == (200, "80200003")


def test_too_many_logins_are_refused() -> None:
    """1,000 in five minutes for an app."""
    now = [EPOCH]
    one = HuaweiSandbox(clock=lambda: now[0])
    content = b"grant_type=client_credentials&client_id=100000001&client_secret=sandbox-secret%2B%2F%3D"
    form = {"content-type": "application/x-www-form-urlencoded"}

    def log_in() -> int:
        answer = one.answer(Request("POST", "https://x/oauth2/v3/token", form, content)).response
        assert answer is not None
        return answer.status

    assert [log_in() for _ in range(1001)] == [200] * 1000 + [503]
    now[0] += 301
    assert log_in() == 200


def test_a_clock_skew_is_one(driver: Drivers) -> None:
    """The code of an expired signed token is raised as a fault of the clock, so that the core learns the offset."""
    one = driver("harmony", tokens=1)
    one.sandbox.expire_tokens()
    one.log_in("")
    one.push([Push(PushToken(1, one.sandbox.tokens[0]), NOTE)])
    one.sandbox.expire_tokens()
    with pytest.raises(ClockSkew):
        one.push([Push(PushToken(1, one.sandbox.tokens[0]), attrs.evolve(NOTE, body="another"))])
