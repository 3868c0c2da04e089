"""Access tokens: one login for all callers, forgotten by value, never used for another key, and no task left after
closing.

Virtual time only, with several seeded orders of the loop's callbacks.
"""

import asyncio
import itertools
import logging
import random
from types import TracebackType
from typing import Any

import pytest
from login_server import DAY, EPOCH, KEY, LoginServer, busy, every_order, fresh, now, tried, wrong_key

from pushgateway.engine.session.access_tokens import AccessTokens
from pushgateway.model.reason import Reason
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import AccessToken
from pushgateway.vendor.refusals import ClockSkew, NoVerdict, Refused


@every_order
def test_ten_thousand_cold_sends_make_one_login(seed: int | None) -> None:
    """All callers wait for the same login and get the same token (A2)."""

    async def main() -> tuple[set[AccessToken], int]:
        tokens, login_server = fresh(), LoginServer()
        got = await asyncio.gather(*(tokens.get(KEY, login_server) for _ in range(10_000 if seed is None else 500)))
        await tokens.get(KEY, login_server)
        return set(got), len(login_server.times)

    got, logins = run_virtual(main(), seed=seed)

    assert [token.value for token in got] == ["access-1"]
    assert logins == 1


@every_order
@pytest.mark.parametrize("cancelled", [0, 1, 4])
def test_a_waiter_that_is_cancelled_does_not_cancel_the_login(seed: int | None, cancelled: int) -> None:
    """If any waiter is cancelled, also the first one, the others get their token from the login that is under way (A4,
    A13)."""

    async def main() -> tuple[list[Any], int]:
        tokens, login_server = fresh(), LoginServer()
        waiters = [asyncio.create_task(tokens.get(KEY, login_server)) for _ in range(5)]
        await asyncio.sleep(0.5)
        waiters[cancelled].cancel()
        return await asyncio.gather(*waiters, return_exceptions=True), len(login_server.times)

    results, logins = run_virtual(main(), seed=seed)

    kinds = [type(result) for result in results]
    assert kinds[cancelled] is asyncio.CancelledError
    assert kinds.count(AccessToken) == 4
    assert logins == 1


@every_order
def test_a_login_without_waiters_is_kept(seed: int | None) -> None:
    """If all waiters are cancelled, the token is still stored for the next send, and a failure is no unhandled
    exception."""

    async def main(failing: bool) -> int:
        tokens, login_server = fresh(), LoginServer()
        login_server.fails = busy if failing else (lambda: None)
        waiters = [asyncio.create_task(tokens.get(KEY, login_server)) for _ in range(3)]
        await asyncio.sleep(0.5)
        for waiter in waiters:
            waiter.cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
        await asyncio.sleep(0.6)
        await tried(tokens.get(KEY, login_server))
        return len(login_server.times)

    assert run_virtual(main(failing=False), seed=seed) == 1
    assert run_virtual(main(failing=True), seed=seed) == 1


@every_order
def test_a_token_is_forgotten_by_value(seed: int | None) -> None:
    """A late "expired" for an old token does not discard the new one; for the present one it does, once (A7, A8)."""

    async def main() -> list[str]:
        tokens, login_server = fresh(), LoginServer()
        first = await tokens.get(KEY, login_server)
        tokens.forget(KEY, first)
        second = await tokens.get(KEY, login_server)
        for _ in range(100):
            tokens.forget(KEY, first)
        third = await tokens.get(KEY, login_server)
        tokens.forget(("other", "cn"), third)
        tokens.forget(KEY, AccessToken(third.value, 5.0))  # another object with the same value
        fourth = await tokens.get(KEY, login_server)
        return [token.value for token in (first, second, third, fourth)]

    assert run_virtual(main(), seed=seed) == ["access-1", "access-2", "access-2", "access-3"]


@every_order
def test_a_thousand_sends_at_the_end_of_a_token_make_one_login(seed: int | None) -> None:
    """All senders get "expired" and all call `forget`: one new login for all of them (A1)."""

    async def main() -> tuple[set[str], int]:
        tokens, login_server = fresh(), LoginServer()

        async def send() -> str:
            used = await tokens.get(KEY, login_server)
            await asyncio.sleep(random.Random(id(used)).random())
            if used.value == "access-1":
                tokens.forget(KEY, used)
                used = await tokens.get(KEY, login_server)
            return used.value

        return set(await asyncio.gather(*(send() for _ in range(1000)))), len(login_server.times)

    assert run_virtual(main(), seed=seed) == ({"access-2"}, 2)


def depth(trace: TracebackType | None) -> int:
    """The number of frames that a traceback keeps alive."""
    return 0 if trace is None else 1 + depth(trace.tb_next)


def test_a_failure_raised_for_many_callers_does_not_grow() -> None:
    """The same exception is raised for each caller during its pause; it must not collect all their frames."""

    async def main() -> int:
        tokens, login_server = fresh(), LoginServer(takes=0.0)
        login_server.fails = wrong_key
        said = [await tried(tokens.get(KEY, login_server)) for _ in range(300)]
        error = said[-1]
        assert isinstance(error, Refused)
        return depth(error.__traceback__)

    assert run_virtual(main()) < 10


@every_order
@pytest.mark.parametrize("offset", [3600.0, -3600.0])
def test_a_wrong_clock_is_corrected_by_the_vendors_time(seed: int | None, offset: float) -> None:
    """The login is repeated once with the vendor's time, and every later login uses that time from the start (A10)."""

    async def main() -> tuple[list[float], str]:
        tokens, login_server = fresh(), LoginServer(takes=1.0)

        def judge() -> ClockSkew | None:
            behind = EPOCH + now() - 1.0 + offset - login_server.vendor_times[-1]
            if abs(behind) <= 600:
                return None
            skew = ClockSkew(Reason.CREDENTIALS, "19")
            skew.offset = offset
            return skew

        login_server.fails = judge
        login_server.gives = lambda: AccessToken("good", 1000.0, created_at=EPOCH + now() + offset)
        await asyncio.gather(*(tokens.get(KEY, login_server) for _ in range(10)))
        offsets = [at - EPOCH - began for at, began in zip(login_server.vendor_times, login_server.times, strict=True)]
        await asyncio.sleep(790)
        assert (await tokens.get(KEY, login_server), len(login_server.times)) == (
            AccessToken("good", 1000.0, EPOCH + 2.0 + offset),
            2,
        )
        tokens.forget(KEY, await tokens.get(KEY, login_server))
        value = (await tokens.get(KEY, login_server)).value
        offsets.append(login_server.vendor_times[-1] - EPOCH - login_server.times[-1])
        return offsets, value

    assert run_virtual(main(), seed=seed) == ([0.0, offset, offset], "good")


def test_a_token_made_by_a_wrong_time_is_forgotten_when_the_right_one_is_learned() -> None:
    """Also where it has taken the place of the refused one; a difference of less than a second changes nothing."""

    async def main() -> list[str]:
        tokens, login_server = fresh(), LoginServer()
        refused = await tokens.get(KEY, login_server)
        tokens.forget(KEY, refused)
        await tokens.get(KEY, login_server)  # as after a renewal in the background
        tokens.learn_offset(KEY, 300.0)
        tokens.forget(KEY, refused, contended=False)
        third = await tokens.get(KEY, login_server)
        tokens.learn_offset(KEY, 299.5)
        return [third.value, (await tokens.get(KEY, login_server)).value]

    assert run_virtual(main()) == ["access-3", "access-3"]


@pytest.mark.parametrize(("offset", "logins"), [(None, 1), (5.0, 2)])
def test_a_clock_that_cannot_be_corrected_is_a_refusal(offset: float | None, logins: int) -> None:
    """Without the vendor's time the clock cannot be corrected; a login that is refused again with it is not tried a
    third time."""

    async def main() -> tuple[Any, int]:
        tokens, login_server = fresh(), LoginServer(takes=0.0)

        def never() -> ClockSkew:
            skew = ClockSkew(Reason.CREDENTIALS, "19")
            skew.offset = offset
            return skew

        login_server.fails = never
        said = [await tried(tokens.get(KEY, login_server)) for _ in range(100)]
        return said[-1], len(login_server.times)

    said, count = run_virtual(main())

    assert isinstance(said, ClockSkew)
    assert count == logins


@every_order
def test_dropping_a_certificate_discards_everything(seed: int | None) -> None:
    """Token, refusal, clock offset and count of refused tokens are discarded: with new settings the first send logs in
    at once; other certificates keep theirs."""

    async def main() -> tuple[list[float], list[float], int]:
        tokens, login_server, other = fresh(), LoginServer(takes=0.0), LoginServer(takes=0.0)
        await tokens.get(("8", "cn"), other)
        skew = ClockSkew(Reason.CREDENTIALS, "19")
        skew.offset = 5000.0
        failures = iter([skew, None, wrong_key(), None, None])
        login_server.fails = lambda: next(failures)
        tokens.forget(KEY, await tokens.get(KEY, login_server))
        await tried(tokens.get(KEY, login_server))
        tokens.drop("7005")
        await tokens.get(KEY, login_server)
        tokens.drop("7005")
        await tokens.get(KEY, login_server)
        await tokens.get(("8", "cn"), other)
        return login_server.times, [at - EPOCH for at in login_server.vendor_times], len(other.times)

    times, clocks, others = run_virtual(main(), seed=seed)

    assert times == [0.0] * 5
    assert clocks == [0.0, 5000.0, 5000.0, 0.0, 0.0]
    assert others == 1


def test_dropping_a_certificate_resets_the_count_of_refused_tokens(caplog: pytest.LogCaptureFixture) -> None:
    """Three refused tokens of the old key and three of the new one do not count as six."""

    async def main() -> int:
        tokens, login_server = fresh(), LoginServer(takes=0.0)
        for round_ in range(6):
            if round_ == 3:
                tokens.drop("7005")
            tokens.forget(KEY, await tokens.get(KEY, login_server))
        return len(login_server.times)

    assert run_virtual(main()) == 6
    assert caplog.text == ""


@every_order
@pytest.mark.parametrize("ending", ["token", "refused", "skew"])
def test_a_login_under_way_is_not_stored_after_a_drop(seed: int | None, ending: str) -> None:
    """The login began with the old settings: its waiters get its result, but the next send logs in with the new
    ones."""

    async def main() -> tuple[Any, str, list[float]]:
        tokens, old, new = fresh(), LoginServer(takes=10.0), LoginServer(takes=1.0)
        skew = ClockSkew(Reason.CREDENTIALS, "19")
        skew.offset = 5000.0
        old.fails = lambda: {"token": None, "refused": wrong_key(), "skew": skew if len(old.times) == 1 else None}[
            ending
        ]
        old.gives = lambda: AccessToken("old", DAY)
        waiter = asyncio.create_task(tried(tokens.get(KEY, old)))
        await asyncio.sleep(5)
        tokens.drop("7005")
        early = asyncio.create_task(tokens.get(KEY, new))
        answer = await waiter
        await early
        tokens.forget(KEY, early.result())
        value = (await tokens.get(KEY, new)).value
        return answer, value, [at - EPOCH for at in new.vendor_times]

    answer, value, clocks = run_virtual(main(), seed=seed)

    assert isinstance(answer, Refused if ending == "refused" else AccessToken)
    assert value == "access-2"
    assert clocks == [5.0, 20.0 if ending == "skew" else 10.0]


@every_order
def test_keys_are_never_mixed(seed: int | None) -> None:
    """With many certificates and regions, with and without failures, each key gets tokens of its own login only
    (A9)."""

    async def main() -> list[tuple[tuple[str, str], Any]]:
        tokens, rng, seen = fresh(), random.Random(5), []
        keys = [(certificate, region) for certificate in ("1", "2", "12") for region in ("", "1", "2")]

        async def use(key: tuple[str, str]) -> None:
            async def login(_: float) -> AccessToken:
                await asyncio.sleep(rng.random())
                if key == ("2", "1"):
                    raise Refused(Reason.UNAVAILABLE, "/".join(key))
                return AccessToken("/".join(key), 5.0)

            for _ in range(10):
                await asyncio.sleep(rng.random() * 3)
                got = await tried(tokens.get(key, login))
                seen.append((key, got))
                if isinstance(got, AccessToken) and rng.random() < 0.2:
                    tokens.forget(key, got)

        await asyncio.gather(*(use(key) for key in keys for _ in range(3)))
        await tokens.aclose()
        return seen

    for key, got in run_virtual(main(), seed=seed):
        assert (
            getattr(got, "value", None) == "/".join(key)
            or getattr(got, "code", None) == "2/1" == "/".join(key)
            or (isinstance(got, Refused) and got.code is None and "another process" in got.detail)
        )


@every_order
def test_closing_cancels_logins(seed: int | None) -> None:
    """Logins in the background and those of dropped certificates are cancelled too: no task runs afterwards (I9)."""

    async def main() -> list[type]:
        tokens, slow = fresh(), LoginServer(takes=1000.0)
        waiters = [asyncio.create_task(tokens.get((certificate, ""), slow)) for certificate in ("1", "2")]
        await asyncio.sleep(1)
        tokens.drop("1")
        await tokens.aclose()
        ended = await asyncio.gather(*waiters, return_exceptions=True)
        await tokens.aclose()
        assert now() == 1.0
        return [type(end) for end in ended]

    assert run_virtual(main(), seed=seed) == [NoVerdict] * 2


@pytest.mark.parametrize("lifetime", range(1, 25))
def test_a_token_may_end_between_two_readings_of_the_clock(lifetime: int) -> None:
    """The real clock advances during a call: a token that ends in the middle of any call is no error."""
    ticking = itertools.count(0.0, 1.0)

    async def main() -> set[str]:
        tokens = AccessTokens(wall=lambda: EPOCH, monotonic=lambda: next(ticking), rng=random.Random(1))
        login_server = LoginServer(takes=0.0, lifetime=lifetime)
        held = [await tokens.get(KEY, login_server) for _ in range(2)]
        tokens.forget(KEY, held[-1])
        held.append(await tokens.get(KEY, login_server))
        tokens.drop("7005")
        await tokens.aclose()
        return {type(one).__name__ for one in held}

    assert run_virtual(main()) == {"AccessToken"}


def test_a_log_shows_no_access_token(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the certificate whose tokens are refused again and again; it holds neither the tokens nor the
    vendor's text."""
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        tokens, login_server = fresh(), LoginServer(takes=0.0)
        login_server.gives = lambda: AccessToken("canary-5d1f", DAY)
        for _ in range(4):
            tokens.forget(KEY, await tokens.get(KEY, login_server))
        login_server.fails = lambda: Refused(Reason.CREDENTIALS, "14", "canary-5d1f")
        tokens.drop("7005")
        await tried(tokens.get(KEY, login_server))

    run_virtual(main())

    assert "certificate 7005" in caplog.text
    assert "canary-5d1f" not in caplog.text
