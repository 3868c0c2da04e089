"""When a login takes place: before the access token ends, once for all callers, by the vendor's own clock, and with
growing pauses while it fails.

Virtual time only, with several seeded orders of the loop's callbacks.
"""

import asyncio
import itertools
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest
from login_server import DAY, EPOCH, KEY, LoginServer, busy, every_order, fresh, now, tried, wrong_key

from pushgateway.engine.session.access_tokens import AccessTokens
from pushgateway.model.errors import PushgatewayError
from pushgateway.model.reason import Reason
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual
from pushgateway.vendor import AccessToken
from pushgateway.vendor.refusals import NoVerdict, Refused


@pytest.mark.parametrize("age", [0.0, 3600.0, DAY - 120.0])
def test_a_life_is_counted_from_the_vendors_creation_time(age: float) -> None:
    """A token that is already 23 hours old ends in one hour: the next login is before that end, not after it."""

    async def main() -> list[float]:
        tokens, login_server = fresh(), LoginServer(takes=0.0)
        login_server.gives = lambda: AccessToken(
            f"a{len(login_server.times)}", DAY, created_at=EPOCH - (age if len(login_server.times) == 1 else -now())
        )
        while len(login_server.times) < 2:
            await tokens.get(KEY, login_server)
            await asyncio.sleep(10.0)
        return login_server.times

    began, again = run_virtual(main())

    rest = DAY - age
    assert began + 0.5 * rest <= again <= began + 0.9 * rest + 10.0


@pytest.mark.parametrize(
    ("created_at", "lifetime", "serves"),
    [
        (EPOCH - 10 * DAY, DAY, 60.0),
        (EPOCH + 7 * DAY, 90.0, 90.0),
        (None, 30.0, 30.0),
        (None, 0.0, 60.0),
        (None, -1.0, 60.0),
        (None, float("nan"), 60.0),
    ],
)
def test_an_odd_creation_time_causes_no_series_of_logins(
    created_at: float | None, lifetime: float, serves: float
) -> None:
    """A token that should have ended long ago is used for a minute, one from the future for its lifetime. A short
    lifetime is kept; zero, negative and NaN count as a minute."""

    async def main() -> list[int]:
        tokens, login_server = fresh(), LoginServer(takes=0.0)
        login_server.gives = lambda: AccessToken(f"a{len(login_server.times)}", lifetime, created_at)
        values = []
        await tokens.get(KEY, login_server)
        for moment in (serves - 0.001, serves):
            await asyncio.sleep(moment - now())
            values.append((await tokens.get(KEY, login_server)).value)
        await asyncio.sleep(0.1)
        return [int(value[1:]) for value in values]

    before, after = run_virtual(main())

    assert before == 1
    assert after > 1


@every_order
def test_a_token_is_renewed_early_and_once(seed: int | None) -> None:
    """The renewal starts after four fifths of the lifetime at the earliest, in the background: nobody waits for it, and
    a thousand callers cause one login."""

    async def main() -> tuple[list[float], list[float], set[str]]:
        tokens, login_server = fresh(), LoginServer(takes=10.0)
        await tokens.get(KEY, login_server)
        born, waits, values = now(), [], set()
        while now() < born + DAY + 200:
            before = now()
            got = await asyncio.gather(*(tokens.get(KEY, login_server) for _ in range(10)))
            values |= {token.value for token in got}
            waits.append(now() - before)
            await asyncio.sleep(120.0)
        return login_server.times, waits, values

    times, waits, values = run_virtual(main(), seed=seed)

    assert len(times) == 2
    assert 0.8 * DAY <= times[1] - times[0] <= 0.9 * DAY + 120
    assert set(waits) == {0.0}
    assert values == {"access-1", "access-2"}


def test_a_token_that_does_not_change_causes_few_logins() -> None:
    """A vendor that returns the same token all day: a handful of logins, no moment without a token, then a new one."""

    async def main() -> tuple[list[float], float]:
        tokens, login_server = fresh(), LoginServer(takes=0.2)

        def daily() -> AccessToken:
            day = int(now() // DAY)
            return AccessToken(f"day-{day}", DAY, created_at=EPOCH + day * DAY)

        login_server.gives = daily
        oldest = 0.0
        await tokens.get(KEY, login_server)
        while now() < 2 * DAY:
            used = await tokens.get(KEY, login_server)
            oldest = max(oldest, now() - int(used.value[4:]) * DAY)
            await asyncio.sleep(20.0)
        return login_server.times, oldest

    times, oldest = run_virtual(main())

    assert len(times) < 2 * 15
    assert min(later - sooner for sooner, later in itertools.pairwise(times)) >= 50.0
    assert oldest <= DAY + 70.0  # at most a minute after its end: vendors accept an old token ten minutes longer


def test_processes_do_not_renew_at_the_same_minute() -> None:
    """The logins of twenty processes that started together spread over more than an hour (A3)."""

    async def renewal(rng: random.Random) -> float:
        loop = asyncio.get_running_loop()
        tokens = AccessTokens(wall=loop_wall_clock(EPOCH), monotonic=loop.time, rng=rng)
        login_server = LoginServer(takes=0.0)
        while len(login_server.times) < 2:
            await tokens.get(KEY, login_server)
            await asyncio.sleep(300.0)
        return login_server.times[1]

    moments = sorted(run_virtual(renewal(random.Random(node))) for node in range(20))

    assert moments[-1] - moments[0] > 3600
    assert len(set(moments)) >= 10


@every_order
def test_a_refused_login_is_not_repeated_for_five_minutes(seed: int | None) -> None:
    """A thousand sends later it is still one login; the second takes place after 300 seconds and not before (A11)."""

    async def main() -> tuple[list[Any], list[float]]:
        tokens, login_server = fresh(), LoginServer(takes=0.0)
        login_server.fails = wrong_key
        said = [await tried(tokens.get(KEY, login_server)) for _ in range(1000)]
        for moment in (299.9, 300.0):
            await asyncio.sleep(moment - now())
            said += await asyncio.gather(*(tried(tokens.get(KEY, login_server)) for _ in range(10)))
        return said, login_server.times

    said, times = run_virtual(main(), seed=seed)

    assert times == [0.0, 300.0]
    assert {error.code for error in said} == {"14"}
    assert {error.reason for error in said} == {Reason.CREDENTIALS}


def test_a_refused_renewal_is_not_repeated_for_five_minutes_either() -> None:
    """A refused login in the background is followed by the same pause, and the old token is used until its end."""

    async def main() -> tuple[list[float], set[str]]:
        tokens, login_server = fresh(), LoginServer(takes=0.0, lifetime=10_000.0)
        await tokens.get(KEY, login_server)
        login_server.fails = wrong_key
        values = set()
        while now() < 9_999:
            values.add((await tokens.get(KEY, login_server)).value)
            await asyncio.sleep(3.0)
        return login_server.times, values

    times, values = run_virtual(main())

    assert len(times) >= 3
    assert min(later - sooner for sooner, later in itertools.pairwise(times)) >= 300.0
    assert values == {"access-1"}


def test_a_refused_renewal_keeps_its_pause_when_the_old_token_is_refused_too() -> None:
    """The fourth token that is refused within ten minutes pauses logins for a second; a longer pause stays."""

    async def main() -> tuple[Any, int, float]:
        tokens, login_server = fresh(), LoginServer(takes=0.0, lifetime=400.0)
        for _ in range(3):
            tokens.forget(KEY, await tokens.get(KEY, login_server))
        await tokens.get(KEY, login_server)
        login_server.fails = wrong_key
        await asyncio.sleep(390.0)
        old = await tokens.get(KEY, login_server)  # and a login in the background, which is refused
        await asyncio.sleep(1.0)
        tokens.forget(KEY, old)
        refused_at = login_server.times[-1]
        while now() < refused_at + 299.0:
            said = await tried(tokens.get(KEY, login_server))
            await asyncio.sleep(1.0)
        return said, len(login_server.times), refused_at

    said, logins, refused_at = run_virtual(main())

    assert refused_at == 390.0
    assert logins == 5
    assert isinstance(said, Refused)
    assert (said.reason, said.code) == (Reason.CREDENTIALS, "14")


def test_a_renewal_that_fails_is_repeated_once_a_minute_at_most() -> None:
    """The old token is still valid, so nobody waits, no send fails, and the vendor gets few logins."""

    async def main() -> tuple[list[float], set[str]]:
        tokens, login_server = fresh(), LoginServer(takes=0.0, lifetime=10_000.0)
        await tokens.get(KEY, login_server)
        login_server.fails = lambda: NoVerdict("silence")
        values = set()
        while now() < 9_999:
            values.add((await tokens.get(KEY, login_server)).value)
            await asyncio.sleep(0.5 if now() > 7_999 else 100.0)
        return login_server.times, values

    times, values = run_virtual(main())

    assert len(times) > 10
    assert min(later - sooner for sooner, later in itertools.pairwise(times)) >= 60.0
    assert values == {"access-1"}


@pytest.mark.parametrize("failure", [busy, lambda: NoVerdict("silence")])
def test_a_login_that_fails_is_tried_with_growing_pauses(failure: Callable[[], PushgatewayError]) -> None:
    """The pauses grow from half a second to 15 seconds and not further; the first success resets them (A5)."""

    async def main() -> tuple[list[float], float]:
        tokens, login_server = fresh(), LoginServer(takes=0.0)
        login_server.fails = failure
        while now() < 400:
            assert isinstance(await tried(tokens.get(KEY, login_server)), Refused | NoVerdict)
            await asyncio.sleep(0.05)
        failed = list(login_server.times)
        login_server.fails = lambda: None
        await asyncio.sleep(60)
        tokens.forget(KEY, await tokens.get(KEY, login_server))
        login_server.fails = failure
        again = now()
        await tried(tokens.get(KEY, login_server))
        while len(login_server.times) < len(failed) + 3:
            await tried(tokens.get(KEY, login_server))
            await asyncio.sleep(0.05)
        return failed, now() - again

    times, anew = run_virtual(main())

    pauses = [later - sooner for sooner, later in itertools.pairwise(times)]
    bounds = [min(2.0**number, 15.0) for number in range(len(pauses))]
    assert all(bound / 2 <= pause <= bound + 0.1 for pause, bound in zip(pauses, bounds, strict=True))
    assert len(times) > 10
    assert anew <= 3.2


def test_a_vendors_pause_after_a_login_is_kept() -> None:
    """The vendor's `retry_after` is the shortest pause for logins too: the next login is at that moment and not
    before."""

    async def main() -> list[float]:
        tokens, login_server = fresh(), LoginServer(takes=0.0)
        login_server.fails = lambda: Refused(Reason.RATE_LIMITED, "13", retry_after=120.0)
        for moment in (0.0, 119.9, 120.0):
            await asyncio.sleep(moment - now())
            await tried(tokens.get(KEY, login_server))
        return login_server.times

    assert run_virtual(main()) == [0.0, 120.0]


@pytest.mark.parametrize(("apart", "guarded"), [(149.0, True), (200.0, False), (201.0, False)])
def test_another_user_of_the_same_key_is_noticed(apart: float, guarded: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Three tokens refused within ten minutes may be chance; after the fourth, logins pause, and a log line says
    why."""
    caplog.set_level(logging.WARNING)

    async def main() -> list[Any]:
        tokens, login_server = fresh(), LoginServer(takes=0.0)
        said: list[Any] = []
        for _ in range(4):
            tokens.forget(KEY, await tokens.get(KEY, login_server))
            said.append(await tried(tokens.get(("other", "cn"), login_server)))
            await asyncio.sleep(apart)
        return [type(answer) for answer in [*said, await tried(tokens.get(KEY, login_server))]]

    kinds = run_virtual(main())

    assert kinds == [AccessToken] * 5  # the pause is shorter than the time between two logins
    assert ("another process" in caplog.text) is guarded


@every_order
def test_two_processes_with_one_key_log_in_once_a_minute_at_most(seed: int | None) -> None:
    """If every token is refused at once, the logins slow down to one a minute and do not stop (A7)."""

    async def main() -> tuple[list[float], set[Reason]]:
        tokens, login_server, reasons = fresh(), LoginServer(takes=0.0), set()
        while now() < 1800:
            got = await tried(tokens.get(KEY, login_server))
            if isinstance(got, AccessToken):
                tokens.forget(KEY, got)
            elif isinstance(got, Refused):
                reasons.add(got.reason)
            await asyncio.sleep(0.5)
        return login_server.times, reasons

    times, reasons = run_virtual(main(), seed=seed)

    pauses = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert pauses[:9] == [0.5, 0.5, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    assert set(pauses[9:]) == {60.0}
    assert len(pauses) > 30
    assert reasons == {Reason.UNAVAILABLE}  # a temporary reason: the key itself is good
