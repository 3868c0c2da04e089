"""Logins within a session: one, a second one if the access token is refused, and never a third.

The transport is a script of replies; the logins are written by each test.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from scripted_transport import PushAsk, Script, ask, ending, log_in_once, session_over, token

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
