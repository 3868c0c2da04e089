"""Logins within a session: one, a second one if the access token is refused, and never a third.

The transport is a script of replies; the logins are written by each test.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from scripted_transport import PushAsk, Script, Scripted, ask, ending, log_in_once, session_over, token

from pushgateway.model.reason import Reason
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import AccessToken, Exchange, Request, Response
from pushgateway.vendor.refusals import AccessExpired, NoVerdict, Refused

CANARY = "canary-5d1f"
NO_VERDICT = NoVerdict("timeout")


def test_a_vendor_without_login_needs_none() -> None:
    """No access token is fetched, and no request is made."""

    async def main() -> tuple[AccessToken | None, int]:
        script = Script()
        return await session_over(script).login("cn"), len(script.asked)

    assert run_virtual(main()) == (None, 0)


def test_a_login_is_made_once_with_the_wall_clock() -> None:
    """Whether there is a login is found without a request; regions log in separately; the second time the token is
    stored."""

    async def main() -> tuple[list[str], list[tuple[str, str]]]:
        script = Script(token("a"), token("b"))
        session = session_over(script, log_in_once)
        got = [await session.login(region) for region in ("cn", "overseas", "cn")]
        return [one.value for one in got if one], [(request.url, request.headers["now"]) for request in script.asked]

    values, asked = run_virtual(main())

    assert values == ["a", "b", "a"]
    assert asked == [("https://login/cn", "1700000000.0"), ("https://login/overseas", "1700000000.0")]


@pytest.mark.parametrize("sent", [True, False])
def test_a_login_without_a_reply_means_that_nothing_was_sent(sent: bool) -> None:
    """Whether or not the login was sent, the request after it was not; the message says where it failed."""

    async def main() -> Any:
        return await ending(session_over(Script(NoVerdict("dns", sent=sent)), log_in_once).login("cn"))

    error = run_virtual(main())

    assert isinstance(error, NoVerdict)
    assert (error.sent, error.detail) == (False, "login: dns (login at https://login, region cn)")


def broken_now(region: str, now: float) -> Any:
    """Raises as soon as it is called."""
    raise KeyError(CANARY)


def broken_later(region: str, now: float) -> Any:
    """Raises on its reply."""
    yield ask(1)
    raise KeyError(CANARY)


def not_an_exchange(region: str, now: float) -> Any:
    """Returns the token itself, as an author of a plug-in may write by mistake."""
    return AccessToken(CANARY, 5.0)


@pytest.mark.parametrize("logging_in", [broken_now, broken_later, not_an_exchange])
def test_a_login_that_breaks_its_contract_is_a_refusal(
    logging_in: Callable[[str, float], Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The pushes of this certificate end with a message that names the plug-in and quotes nothing."""
    caplog.set_level(logging.DEBUG)

    async def main() -> Any:
        return await ending(session_over(Script(Response(200)), logging_in).login("cn"))

    error = run_virtual(main())

    assert isinstance(error, Refused)
    assert error.reason is Reason.CREDENTIALS
    assert "the scripted plug-in broke its contract: " in error.detail
    assert CANARY not in f"{error!r} {error} {error.detail} {caplog.text}"
    assert error.__suppress_context__ or error.__context__ is None


def test_a_login_that_disappears_is_a_refusal() -> None:
    """The vendor first returns a login and then None."""

    async def main() -> Any:
        # Two calls find out whether there is a login, the third is the login itself.
        logins = iter([log_in_once("cn", 0.0), log_in_once("cn", 0.0), None])
        return await ending(session_over(Script(), lambda _, __: next(logins)).login("cn"))

    error = run_virtual(main())

    assert isinstance(error, Refused)
    assert "broke its contract: login() takes back its exchange" in error.detail


def expiring(*good: str) -> Callable[[], Exchange[str]]:
    """Exchanges that take only these access tokens."""

    def begin() -> Exchange[str]:
        reply = yield ask(1)
        used = reply.content.decode()
        if used not in good:
            raise AccessExpired(Reason.CREDENTIALS, "11")
        return used

    return begin


class Echo(Script):
    """Replies to a push with the access token it had, to a login with the next line."""

    async def send(self, request: Request, *, pool: str, timeout: float) -> Response:  # noqa: ASYNC109
        """See `Transport.send`."""
        if "authorization" not in request.headers:
            return await super().send(request, pool=pool, timeout=timeout)
        self.asked.append(request)
        return Response(200, {}, request.headers["authorization"].removeprefix("Bearer ").encode())


@pytest.mark.parametrize(
    ("good", "logins", "pushes", "ends"),
    [
        ("a", 1, 1, "a"),
        ("b", 2, 2, "b"),
        ("c", 2, 2, AccessExpired),  # the new one is refused too: no third attempt
    ],
)
def test_an_expired_token_costs_one_login_and_one_repeat(good: str, logins: int, pushes: int, ends: Any) -> None:
    """Afterwards it is a refusal, so that a blocked key does not cause endless logins (A7)."""

    async def main() -> tuple[Any, list[str]]:
        echo = Echo(token("a"), token("b"), token("c"))
        session = session_over(echo, log_in_once)
        first = await session.login("cn")
        end = await ending(session.run_with_access(first, expiring(good), PushAsk("cn")))
        return end, [request.url for request in echo.asked]

    end, urls = run_virtual(main())

    assert end == ends or isinstance(end, ends)
    assert (urls.count("https://login/cn"), urls.count("https://host/1")) == (logins, pushes)


def test_an_expired_token_of_a_vendor_without_login_is_a_refusal() -> None:
    """There is no login to make, so the refusal reaches the caller."""

    async def main() -> Any:
        return await ending(session_over(Script(token("x"))).run_with_access(None, expiring("a"), PushAsk("")))

    assert isinstance(run_virtual(main()), AccessExpired)


@pytest.mark.parametrize(
    ("line", "reason"),
    [(NO_VERDICT, Reason.UNAVAILABLE), (NoVerdict("dns", sent=False), Reason.UNAVAILABLE)],
)
def test_a_login_without_a_reply_after_an_expired_token_is_a_refusal(line: NoVerdict, reason: Reason) -> None:
    """The request before it was refused readably, so nobody got the push, and a temporary refusal is the right
    outcome."""

    async def main() -> Any:
        echo = Echo(token("a"), line)
        session = session_over(echo, log_in_once)
        return await ending(session.run_with_access(await session.login("cn"), expiring("b"), PushAsk("cn")))

    error = run_virtual(main())

    assert isinstance(error, Refused)
    assert not isinstance(error, AccessExpired)
    assert (error.reason, error.detail) == (reason, f"login: {line.detail}")


def test_many_with_one_expired_token_share_one_login() -> None:
    """Fifty requests under way are refused as expired: each is repeated once, with the one new token (A1)."""

    async def main() -> tuple[list[str], int]:
        echo = Echo(token("a"), 1.0, token("b"))
        session = session_over(echo, log_in_once)
        first = await session.login("cn")
        sends = [session.run_with_access(first, expiring("b"), PushAsk("cn")) for _ in range(50)]
        return await asyncio.gather(*sends), [request.url for request in echo.asked].count("https://login/cn")

    assert run_virtual(main()) == (["b"] * 50, 2)


# Without a request


def sign_here(region: str, now: float) -> Exchange[AccessToken]:
    """A login without a request."""
    return AccessToken(f"{region}:{now:.0f}", 1000.0)
    yield  # an exchange all the same


def test_an_access_token_that_is_signed_here_is_kept_like_any_other() -> None:
    """It is signed once for a region, by the wall clock, and anew when the most of its life is over."""

    async def main() -> list[str]:
        session = session_over(Script(), sign_here)
        values = []
        for wait in (0, 0, 700, 300):
            await asyncio.sleep(wait)
            access = await session.login("cn")
            assert access is not None
            values.append(access.value)
        return [*values, (await session.login("de") or AccessToken("", 0)).value]

    assert run_virtual(main()) == ["cn:1700000000"] * 3 + ["cn:1700001000", "de:1700001000"]


def test_whether_there_is_a_login_is_asked_once() -> None:
    """A vendor without one is asked about it once for each region, and then known to have none."""
    asked: list[str] = []

    def none(region: str, now: float) -> None:
        asked.append(region)

    async def main() -> list[Any]:
        session = session_over(Script(), none)
        before = session.held("cn")
        await session.login("cn")
        after = session.held("cn")
        assert after is not None
        return [before, after.access, await session.login("cn"), await session.login("de")]

    assert run_virtual(main()) == [None] * 4
    assert asked.count("cn") <= 2
    assert asked.count("de") <= 2


# Proof of the settings


def probing(*numbers: int) -> Exchange[str]:
    """A probe of these requests."""
    for number in numbers:
        yield ask(number)
    return "the key was accepted"


@pytest.mark.parametrize(
    ("logging_in", "probe", "lines", "ok", "proved", "says"),
    [
        (lambda _, __: None, None, 0, True, False, "settings are well formed; nothing was asked"),
        (sign_here, None, 0, True, False, "the access token was signed here; nothing was asked"),
        (log_in_once, None, 1, True, True, "the login was accepted"),
        (lambda _, __: None, probing(1), 1, True, True, "the key was accepted"),
        (sign_here, probing(1), 1, True, True, "the key was accepted"),
        (log_in_once, probing(1, 2), 3, True, True, "the key was accepted"),
        (sign_here, probing(), 0, True, False, "the key was accepted"),  # it has asked nobody
    ],
)
def test_what_proves_the_settings(
    monkeypatch: pytest.MonkeyPatch,
    logging_in: Any,
    probe: Exchange[str] | None,
    lines: int,
    ok: bool,
    proved: bool,
    says: str,
) -> None:
    """Only a request that the vendor took is a proof: one of the login, or of the plug-in's probe, which comes after
    it and whose sentence is shown."""
    left = [probing(), probe]  # the first only shows that there is a probe

    async def main() -> Any:
        script = Script(*[token("a")] * lines)
        if probe is not None:
            monkeypatch.setattr(Scripted, "probe", lambda _: left.pop(0))
        return await session_over(script, logging_in).prove(), len(script.asked)

    check, asked = run_virtual(main())

    assert (check.ok, check.proved, asked) == (ok, proved, lines)
    assert check.detail.startswith(says)


@pytest.mark.parametrize(
    ("raises", "reason", "code", "says"),
    [
        (Refused(Reason.CREDENTIALS, "21"), Reason.CREDENTIALS, "21", "the vendor refused the request with code 21"),
        (Refused(Reason.QUOTA_EXCEEDED, "9", detail="used up"), Reason.QUOTA_EXCEEDED, "9", "used up"),
        (NoVerdict("timeout"), Reason.UNAVAILABLE, None, "timeout"),
        (KeyError(CANARY), Reason.CREDENTIALS, None, "the scripted plug-in broke its contract: KeyError"),
    ],
)
def test_a_probe_that_fails_is_no_proof(
    monkeypatch: pytest.MonkeyPatch, raises: Exception, reason: Reason, code: str | None, says: str
) -> None:
    """The check says why, and shows nothing of what the plug-in was given."""

    def failing(_: object) -> Exchange[str]:
        yield ask(1)
        raise raises

    async def main() -> Any:
        monkeypatch.setattr(Scripted, "probe", failing)
        return await session_over(Script(Response(200))).prove()

    check = run_virtual(main())

    assert (check.ok, check.proved, check.reason, check.vendor_code) == (False, False, reason, code)
    assert check.detail.startswith(says)
    assert CANARY not in check.detail


@pytest.mark.parametrize("odd", [7, None, b"yes"])
def test_a_probe_that_returns_no_text_breaks_its_contract(monkeypatch: pytest.MonkeyPatch, odd: Any) -> None:
    """The check says so, and raises nothing."""

    def probe(_: object) -> Any:
        yield ask(1)
        return odd

    async def main() -> Any:
        monkeypatch.setattr(Scripted, "probe", probe)
        return await session_over(Script(Response(200))).prove()

    assert "broke its contract: probe(): must be a str" in run_virtual(main()).detail
