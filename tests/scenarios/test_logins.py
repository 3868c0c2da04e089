"""Logins as hosts see them: slow, refused, failing, shared by processes, with clocks that jump; others are not
affected.

Whole gateways in virtual time, against a vendor that checks access tokens (`token_vendor`). Group A of the catalogue;
`tests/engine/test_access_tokens.py` tests the store alone.
"""

import asyncio
import itertools
import random
from collections import Counter

import pytest
from login_server import DAY, KEY, LoginServer, fresh
from token_vendor import TokenVendor, certificate_of
from toy_vendor import gateway, note

from pushgateway import Gateway, Outcome, PushToken, Reason, Status
from pushgateway.engine.session.access_tokens import AccessTokens
from pushgateway.testing.virtual_time import loop_wall_clock, run_virtual

pytestmark = pytest.mark.days

Timed = tuple[float, float, Outcome]
"""(time of submission, seconds until the outcome, outcome)."""


async def one(g: Gateway, key: str, token: str, within: float = 30.0) -> Timed:
    """Send one push and measure the time."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    outcome = await g.send(PushToken(key, token), note(), timeout=within)
    return begun, loop.time() - begun, outcome


async def steadily(g: Gateway, key: str, seconds: float, *, every: float = 1.0, within: float = 30.0) -> list[Timed]:
    """Send a push every `every` seconds, without waiting for those before it."""
    loop = asyncio.get_running_loop()
    end, tasks = loop.time() + seconds, []
    for number in itertools.count():
        if loop.time() >= end:
            return await asyncio.gather(*tasks)
        tasks.append(asyncio.create_task(one(g, key, f"p{number}", within)))
        await asyncio.sleep(every)
    raise AssertionError("counting has no end")


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_a_cold_start_of_many_certificates(seed: int | None) -> None:
    """Ten thousand concurrent sends of ten certificates: one login for each certificate, and all arrive (A2)."""
    vendor = TokenVendor()
    keys = [str(number) for number in range(10)]

    async def main() -> list[Timed]:
        async with gateway(vendor, *map(certificate_of, keys)) as g:  # type: ignore[arg-type]
            return await asyncio.gather(
                *(one(g, keys[n % 10], f"p{n}") for n in range(10_000 if seed is None else 500))
            )

    sends = run_virtual(main(), seed=seed)

    assert Counter(secret for secret, _ in vendor.logins) == {f"key-{key}": 1 for key in keys}
    assert {outcome.status for *_, outcome in sends} == {Status.ACCEPTED}


def test_fifty_processes_do_not_log_in_in_the_same_second() -> None:
    """Fifty processes that start together: a day later at most three renew their access token within one second
    (A3).
    """
    login_servers = [LoginServer(takes=0.05) for _ in range(50)]

    async def main() -> None:
        loop = asyncio.get_running_loop()
        stores = [
            AccessTokens(wall=loop_wall_clock(), monotonic=loop.time, rng=random.Random(f"node {number}"))
            for number in range(50)
        ]
        await asyncio.gather(
            *(store.get(KEY, login_server) for store, login_server in zip(stores, login_servers, strict=True))
        )
        await asyncio.sleep(0.79 * DAY)
        while loop.time() < 0.91 * DAY:
            for store, login_server in zip(stores, login_servers, strict=True):
                await store.get(KEY, login_server)
            await asyncio.sleep(1.0)

    run_virtual(main())

    renewals = Counter(int(at) for login_server in login_servers for at in login_server.times[1:])
    assert [len(login_server.times) for login_server in login_servers] == [2] * 50
    assert max(renewals.values()) <= 3


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_a_slow_login_costs_nobody_more_than_his_deadline(seed: int | None) -> None:
    """A login takes ten seconds. Callers with less time get their outcome in time, a caller who leaves does not
    stop the login, and the others arrive with that one login (A4).
    """
    vendor = TokenVendor()
    vendor.login_takes = 10.0

    async def main() -> tuple[list[Timed], list[Timed], list[bool]]:
        async with gateway(vendor, certificate_of("1")) as g:  # type: ignore[arg-type]
            leaving = [asyncio.create_task(one(g, "1", f"gone{n}")) for n in range(5)]
            await asyncio.sleep(0)
            hasty = [asyncio.create_task(one(g, "1", f"hasty{n}", within=2.0)) for n in range(20)]
            patient = [asyncio.create_task(one(g, "1", f"patient{n}")) for n in range(20)]
            await asyncio.sleep(1.0)
            for task in leaving:  # among them the one who began the login
                task.cancel()
            await asyncio.wait(leaving)
            return await asyncio.gather(*hasty), await asyncio.gather(*patient), [one.cancelled() for one in leaving]

    hasty, patient, gone = run_virtual(main(), seed=seed)

    assert {(outcome.status, outcome.reason) for *_, outcome in hasty} == {(Status.NOT_SENT, Reason.EXPIRED)}
    assert max(took for _, took, _ in hasty) <= 2.25
    assert all(outcome.ok and took <= 11 for _, took, outcome in patient)
    assert all(gone)
    assert (len(vendor.logins), vendor.pushed["1"]) == (1, 20)


def test_a_login_that_is_down_hurts_its_own_certificate_only() -> None:
    """One certificate's logins fail for ten minutes: few are tried, its pushes end `NOT_SENT` in time, the other
    certificate is not affected, and soon after the end all arrive again (A5).
    """
    vendor = TokenVendor()
    vendor.login_code = lambda secret, now: "5" if secret == "key-1" and now < 600 else "0"

    async def main() -> tuple[list[Timed], list[Timed]]:
        async with gateway(vendor, certificate_of("1"), certificate_of("2")) as g:  # type: ignore[arg-type]
            return await asyncio.gather(steadily(g, "1", 660, within=5.0), steadily(g, "2", 660, within=5.0))

    down, neighbour = run_virtual(main())

    tried = [at for secret, at in vendor.logins if secret == "key-1" and at < 600]
    away = [outcome for begun, _, outcome in down if begun < 590]
    assert len(tried) <= 100
    assert {(outcome.status, outcome.reason) for outcome in away} <= {
        (Status.NOT_SENT, Reason.UNAVAILABLE),
        (Status.NOT_SENT, Reason.EXPIRED),
    }
    assert max(took for _, took, _ in down) <= 5.25
    assert all(outcome.ok for begun, _, outcome in down if begun >= 630)
    assert all(outcome.ok and took < 1.0 for _, took, outcome in neighbour)


def two_processes(*, last_wins: bool) -> tuple[TokenVendor, list[list[Timed]]]:
    """Two gateways with one key for twenty minutes, a push per second in each."""
    vendor = TokenVendor(last_wins=last_wins)

    async def main() -> list[list[Timed]]:
        first = gateway(vendor, certificate_of("1"), rng=random.Random(1))  # type: ignore[arg-type]
        second = gateway(vendor, certificate_of("1"), rng=random.Random(2))  # type: ignore[arg-type]
        async with first, second:
            return await asyncio.gather(*(steadily(g, "1", 1200, within=10.0) for g in (first, second)))

    return vendor, run_virtual(main())


def test_two_processes_share_a_key_where_several_access_tokens_are_good() -> None:
    """One login each, and everything arrives (A7)."""
    vendor, sends = two_processes(last_wins=False)

    assert len(vendor.logins) == 2
    assert all(outcome.ok for of_one in sends for *_, outcome in of_one)


def test_two_processes_with_one_key_where_the_last_login_wins() -> None:
    """Each login ends the other's access token: logins become rare, and neither process is excluded for good (A7)."""
    vendor, sends = two_processes(last_wins=True)

    late = [at for _, at in vendor.logins if at >= 600]
    assert len(late) <= 30
    for of_one in sends:
        served = [int(begun // 150) for begun, _, outcome in of_one if outcome.ok]
        assert {4, 5, 6, 7} <= set(served), "one of them got nothing through for minutes"
        assert sum(outcome.ok for *_, outcome in of_one) >= 0.4 * len(of_one)
        reasons = {outcome.reason for *_, outcome in of_one}
        assert reasons <= {None, Reason.UNAVAILABLE, Reason.EXPIRED, Reason.NO_VERDICT}, "not the key, not the tokens"


@pytest.mark.parametrize("seed", [None, *range(5)])
def test_a_late_refusal_of_an_old_access_token(seed: int | None) -> None:
    """The refusal arrives when there is a new access token: the new one is used and not discarded (A8)."""
    vendor = TokenVendor()
    vendor.takes = lambda token: 5.0 if token.startswith("slow") else 0.05

    async def main() -> list[Timed]:
        async with gateway(vendor, certificate_of("1", size=1)) as g:  # type: ignore[arg-type]
            await one(g, "1", "first")
            vendor.revoke("key-1")
            slow = [asyncio.create_task(one(g, "1", f"slow{n}")) for n in range(3)]
            await asyncio.sleep(0.5)
            quick = [await one(g, "1", f"quick{n}") for n in range(3)]
            return [*quick, *await asyncio.gather(*slow), await one(g, "1", "last")]

    sends = run_virtual(main(), seed=seed)

    assert all(outcome.ok for *_, outcome in sends)
    assert [outcome.attempts for *_, outcome in sends] == [2, 1, 1, 2, 2, 2, 1]
    assert len(vendor.logins) == 2


@pytest.mark.parametrize("seed", range(5))
def test_access_tokens_stay_with_their_certificate(seed: int) -> None:
    """Thirty certificates whose access tokens are revoked at random: none is used for another certificate, and all
    pushes arrive (A9).
    """
    vendor, chance = TokenVendor(), random.Random(seed)
    keys = [str(number) for number in range(30)]

    async def kill() -> None:
        for _ in range(40):
            await asyncio.sleep(chance.random())
            vendor.revoke(f"key-{chance.choice(keys)}")

    async def main() -> list[Timed]:
        async with gateway(vendor, *map(certificate_of, keys)) as g:  # type: ignore[arg-type]
            killing = asyncio.create_task(kill())
            sends = await asyncio.gather(*(steadily(g, key, 20, every=0.2 + chance.random()) for key in keys))
            await killing
            return [one for of_one in sends for one in of_one]

    sends = run_virtual(main(), seed=seed)

    assert vendor.misused == []
    assert len(sends) > 500
    assert all(outcome.ok for *_, outcome in sends)


@pytest.mark.parametrize("step", [3600.0, -3600.0, 1.0, -86_400.0, 400 * 86_400.0])
def test_a_wall_clock_that_jumps(step: float) -> None:
    """During traffic, by any step: nothing is lost or late, and there are few logins (A10)."""
    vendor = TokenVendor()
    wrong = [0.0]

    async def main() -> list[Timed]:
        true = loop_wall_clock()
        async with gateway(vendor, certificate_of("1"), clock=lambda: true() + wrong[0]) as g:  # type: ignore[arg-type]
            asyncio.get_running_loop().call_at(30.0, lambda: wrong.__setitem__(0, step))
            return await steadily(g, "1", 120)

    sends = run_virtual(main())

    assert all(outcome.ok and took < 1.0 for _, took, outcome in sends)
    assert len(vendor.logins) <= 2


def test_a_machine_that_was_asleep() -> None:
    """The monotonic clock stood still for two days while the access token expired: one refusal, one login (A10)."""
    vendor = TokenVendor()
    slept = [0.0]

    async def main() -> list[Timed]:
        true = loop_wall_clock()
        async with gateway(vendor, certificate_of("1"), clock=lambda: true() + slept[0]) as g:  # type: ignore[arg-type]
            before = await steadily(g, "1", 10)
            slept[0] = 2 * DAY
            vendor.revoke("key-1")
            return [*before, *await steadily(g, "1", 10)]

    sends = run_virtual(main())

    assert all(outcome.ok for *_, outcome in sends)
    assert len(vendor.logins) == 2


def test_a_wrong_secret_until_it_is_corrected() -> None:
    """One login in five minutes, no token is retired, and a second after the reload pushes arrive (A11, A12)."""
    vendor = TokenVendor()
    vendor.login_code = lambda secret, now: "0" if secret == "key-1" else "8"

    async def main() -> tuple[list[Timed], int, Timed]:
        async with gateway(vendor, certificate_of("1", "wrong")) as g:  # type: ignore[arg-type]
            refused = await steadily(g, "1", 899, within=5.0)
            logins = len(vendor.logins)
            g.reload([certificate_of("1")])
            return refused, logins, await one(g, "1", "corrected")

    refused, logins, (_, took, corrected) = run_virtual(main())

    assert {(outcome.status, outcome.reason) for *_, outcome in refused} == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert logins <= 3
    assert corrected.ok
    assert took <= 1.0


@pytest.mark.parametrize("rounds", range(12))
def test_the_first_caller_leaves_at_any_moment_of_the_login(rounds: int) -> None:
    """Also between the vendor's reply and its storing: the login is not repeated (A13)."""

    async def main() -> tuple[int, str]:
        tokens, login_server = fresh(), LoginServer(takes=0.0)
        first = asyncio.create_task(tokens.get(KEY, login_server))
        for _ in range(rounds):
            await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        for _ in range(20):
            await asyncio.sleep(0)
        value = (await tokens.get(KEY, login_server)).value
        return len(login_server.times), value

    assert run_virtual(main()) == (1, "access-1")
