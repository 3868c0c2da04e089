"""A host whose clock is wrong: the vendor's clock is learned from its replies, and everything is asked once more.

With an access token that is signed here and with a time in each request; for every operation that there is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from signing_vendor import BOTH, EPOCH, KEY, TIME, Mute, Signing, SigningServer, Storing, Timed, certificate, gateway

from pushgateway import Audience, Gateway, Notification, Outcome, Push, PushToken, Reason, Status
from pushgateway.observe.events import BreakerChanged, Event
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Exchange, Refused

HOURS = 7200.0
NOTE = Notification("title", "body")
OPERATIONS: dict[str, Callable[[Gateway], Awaitable[Any]]] = {
    "push": lambda g: g.send(PushToken(1, "k"), NOTE),
    "save": lambda g: g.broadcast(1, NOTE, Audience.of_tokens(["k"])),
    "call": lambda g: g.vendor(1).ask_something(),
    "probe": lambda g: g.check(1),
}
"""By the first request that each makes."""


@pytest.mark.parametrize("off", [HOURS, -HOURS])
@pytest.mark.parametrize("first", OPERATIONS)
@pytest.mark.parametrize("vendor", [*BOTH, Mute])
def test_a_clock_that_is_two_hours_off_heals(vendor: type[Signing], first: str, off: float) -> None:
    """One refused request is all that it costs; what comes after it has the vendor's time from the beginning."""

    async def main() -> tuple[Any, SigningServer, list[Any]]:
        server = SigningServer(off=off)
        async with gateway(server, certificate(vendor)) as g:
            end = await OPERATIONS[first](g)
            others = [await operation(g) for operation in OPERATIONS.values()]
            return end, server, others

    end, server, others = run_virtual(main())

    assert end.ok
    assert all(one.ok for one in others)
    assert server.refused == {first: 1}
    assert max(map(abs, server.times[1:])) < 2.0 + (vendor is Signing) * 1.0


def test_a_saving_of_a_push_heals_too() -> None:
    """What comes before a push to many is asked once more like the push itself, and costs it nothing."""

    async def main() -> tuple[list[Any], SigningServer]:
        server = SigningServer(off=HOURS)
        async with gateway(server, certificate(Storing)) as g:
            return await g.multicast([PushToken(1, f"k{number}") for number in range(5)], NOTE), server

    outcomes, server = run_virtual(main())

    assert [(outcome.ok, outcome.attempts) for outcome in outcomes] == [(True, 1)] * 5
    assert (server.asked, server.refused) == ({"save": 2, "push": 1}, {"save": 1})


def test_a_broadcast_after_a_saving_heals_too() -> None:
    """The clock may be set while a broadcast is under way: then its second request is the one that is refused."""

    async def main() -> tuple[bool, SigningServer]:
        server = SigningServer()
        async with gateway(server, certificate(Timed)) as g:
            asyncio.get_running_loop().call_later(0.04, setattr, server, "off", HOURS)
            outcome = await g.broadcast(1, NOTE, Audience.of_tokens(["k"]))
            return outcome.ok, server

    ok, server = run_virtual(main())

    assert ok
    assert server.refused == {"broadcast": 1}
    assert server.asked == {"save": 1, "broadcast": 2}


@pytest.mark.parametrize("vendor", BOTH)
def test_each_refused_request_is_one_attempt(vendor: type[Signing]) -> None:
    """So the outcome of a push that was asked about twice says 2."""

    async def main() -> list[int]:
        async with gateway(SigningServer(off=HOURS), certificate(vendor)) as g:
            return [(await g.send(PushToken(1, f"k{number}"), NOTE)).attempts for number in range(2)]

    assert run_virtual(main()) == [2, 1]


@pytest.mark.parametrize(("vendor", "requests"), [(Timed, 1), (Signing, 2)])
def test_without_a_date_a_wrong_clock_is_a_refusal(vendor: type[Signing], requests: int) -> None:
    """There is nothing to learn from. A time in the request is not sent once more; an access token is made once more,
    because it may have been too old, with a clock that is right."""

    async def main() -> tuple[Any, SigningServer]:
        server = SigningServer(off=HOURS)
        server.dated = False
        async with gateway(server, certificate(vendor)) as g:
            return await g.send(PushToken(1, "k"), NOTE), server

    outcome, server = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.vendor_code) == (Status.REJECTED, Reason.CREDENTIALS, TIME)
    assert (outcome.attempts, server.asked["push"]) == (requests, requests)


def test_a_token_that_is_too_old_is_made_anew_without_a_date() -> None:
    """Some vendors say of a token that has ended what they say of a wrong clock."""

    async def main() -> tuple[Any, SigningServer]:
        server = SigningServer()
        server.dated = False
        async with gateway(server, certificate()) as g:
            await g.send(PushToken(1, "k"), NOTE)
            await asyncio.sleep(600.0)  # the vendor takes it for 300 seconds
            return await g.send(PushToken(1, "k"), NOTE), server

    outcome, server = run_virtual(main())

    assert (outcome.ok, outcome.attempts, server.refused) == (True, 2, {"push": 1})


@pytest.mark.parametrize("vendor", [*BOTH, Mute])
def test_many_requests_at_once_share_what_was_learned(vendor: type[Signing]) -> None:
    """Eight under way are refused and asked once more; the rest is right at once, and one line is logged."""

    async def main() -> tuple[bool, SigningServer]:
        server = SigningServer(off=HOURS)
        async with gateway(server, certificate(vendor)) as g:
            outcomes = await asyncio.gather(*(g.send(PushToken(1, f"k{n}"), NOTE, coalesce=False) for n in range(40)))
            return all(one.ok for one in outcomes), server

    ok, server = run_virtual(main())

    assert ok
    assert server.refused["push"] == 8
    assert server.asked["push"] == 40 + server.refused["push"]


def test_a_clock_that_is_set_right_later_heals_again() -> None:
    """What was learned before counts until the vendor refuses a time again."""

    async def main() -> tuple[list[bool], SigningServer]:
        server = SigningServer(off=HOURS)
        async with gateway(server, certificate(Timed)) as g:
            ends = [(await g.send(PushToken(1, "k"), NOTE)).ok]
            server.off = 0.0
            ends += [(await g.send(PushToken(1, "k"), NOTE)).ok for _ in range(2)]
            return ends, server

    ends, server = run_virtual(main())

    assert ends == [True] * 3
    assert (server.asked["push"], server.refused["push"]) == (5, 2)


def test_a_reload_forgets_the_clock() -> None:
    """Nothing that was learned with other settings counts."""

    async def main() -> SigningServer:
        server = SigningServer(off=HOURS)
        async with gateway(server, certificate(Timed)) as g:
            await g.send(PushToken(1, "k"), NOTE)
            g.reload([certificate(Timed, vague=True), certificate(Signing, 2)])
            g.reload([certificate(Timed)])
            await g.send(PushToken(1, "k"), NOTE)
        return server

    assert run_virtual(main()).refused["push"] == 2


# A vendor whose code for a wrong time is not known


def refused_once(off: float, *, dated: bool = True, **settings: object) -> tuple[Any, SigningServer]:
    """The outcome of a push whose first request is refused for its key."""

    async def main() -> tuple[Any, SigningServer]:
        server = SigningServer(off=off)
        server.dated, server.refuses = dated, 1
        async with gateway(server, certificate(Mute, **settings)) as g:
            return await g.send(PushToken(1, "k"), NOTE), server

    return run_virtual(main())


@pytest.mark.parametrize(
    ("off", "options", "requests"),
    [
        (0.0, {}, 1),
        (58.0, {}, 1),
        (-58.0, {}, 1),
        (62.0, {}, 2),
        (-62.0, {}, 2),
        (62.0, {"dated": False}, 1),
        (62.0, {"has_time": False}, 1),
    ],
)
def test_a_refusal_may_be_for_the_time(off: float, options: dict[str, Any], requests: int) -> None:
    """It is asked once more by the vendor's time only if the clock is off by a minute, the reply has a `Date`, and a
    time is in the request at all."""
    outcome, server = refused_once(off, **options)

    assert server.asked["push"] == outcome.attempts == requests
    assert outcome.ok == (requests == 2)
    assert outcome.ok or (outcome.reason, outcome.vendor_code) == (Reason.CREDENTIALS, KEY)


class Pausing(Mute):
    """Has a checkpoint between a reply and what it says of it."""

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        """See `Vendor.push`."""
        try:
            return (yield from super().push(batch))
        except Refused:
            yield None
            raise


def test_a_refusal_after_a_checkpoint_may_be_for_the_time_too() -> None:
    """Whether the loop had a turn while a reply was read changes nothing about what the reply means."""

    async def main() -> Outcome:
        server = SigningServer(off=HOURS)
        server.refuses = 1
        vendors = {Mute.brand: Pausing}
        async with Gateway([certificate(Mute)], transport=server, clock=server.clock, vendors=vendors) as g:
            return await g.send(PushToken(1, "k"), NOTE)

    outcome = run_virtual(main())

    assert (outcome.ok, outcome.attempts) == (True, 2)


@pytest.mark.parametrize("vague", [False, True])
def test_a_refusal_of_the_access_may_be_for_the_time(*, vague: bool) -> None:
    """Whether the vendor calls a wrong time a wrong content or a wrong access token: once more is enough."""

    async def main() -> tuple[list[Any], SigningServer]:
        server = SigningServer(off=HOURS)
        async with gateway(server, certificate(Mute, vague=vague)) as g:
            return [await g.send(PushToken(1, f"k{number}"), NOTE) for number in range(2)], server

    outcomes, server = run_virtual(main())

    assert [(one.ok, one.attempts) for one in outcomes] == [(True, 2), (True, 1)]
    assert server.refused == {"push": 1}


def test_clocks_that_differ_end_with_the_vendors_refusal() -> None:
    """The `Date` of each reply is an hour off the one before it: the time is corrected once, and what is refused then
    is said as the plug-in says it, of the content, so that the others with it are not sent."""

    async def main() -> tuple[list[Any], SigningServer]:
        server = SigningServer()
        server.takes_no_time = True
        server.now = lambda: EPOCH + 3600.0 * server.asked["push"]  # type: ignore[method-assign]
        server.clock = lambda: EPOCH  # type: ignore[method-assign]
        async with gateway(server, certificate(Mute)) as g:
            return [await g.send(PushToken(1, f"k{number}"), NOTE) for number in range(2)], server

    outcomes, server = run_virtual(main())

    assert [one.status for one in outcomes] == [Status.REJECTED, Status.NOT_SENT]
    assert {one.reason for one in outcomes} == {Reason.INVALID_NOTIFICATION}
    assert server.asked["push"] == 2


def test_a_refusal_that_stays_is_the_vendors() -> None:
    """By the right time it is refused again, for another reason than the time, and is not asked a third time."""

    async def main() -> tuple[Any, SigningServer]:
        server = SigningServer(off=HOURS)
        server.takes_no_time = True
        async with gateway(server, certificate(Mute)) as g:
            return await g.send(PushToken(1, "k"), NOTE), server

    outcome, server = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.REJECTED, Reason.INVALID_NOTIFICATION)
    assert (outcome.vendor_code, server.asked["push"]) == (TIME, 2)


# Access tokens that are signed here


@pytest.mark.parametrize("off", [HOURS, -HOURS])
def test_a_token_signed_by_a_wrong_clock_may_be_refused_as_expired(off: float) -> None:
    """Many vendors have one code for all that can be wrong with a signed token; the `Date` shows what it was."""

    async def main() -> tuple[Any, SigningServer]:
        server = SigningServer(off=off)
        async with gateway(server, certificate(vague=True)) as g:
            return await g.send(PushToken(1, "k"), NOTE), server

    outcome, server = run_virtual(main())

    assert outcome.ok
    assert (outcome.attempts, server.refused["push"]) == (2, 1)


@pytest.mark.parametrize("has_codes", [True, False])
def test_a_signed_token_that_is_refused_twice_is_refused_credentials(has_codes: bool) -> None:
    """Each request counts as an attempt, the breaker opens, and neither other processes nor outages are blamed."""
    events: list[Event] = []

    async def main() -> tuple[list[Any], SigningServer]:
        server = SigningServer()
        server.key, server.has_codes = "another", has_codes
        async with gateway(server, certificate(), observer=events.append) as g:
            outcomes = [await g.send(PushToken(1, f"k{number}"), NOTE) for number in range(6)]
            await asyncio.sleep(400)
            server.key = "s3cret"
            return [*outcomes, await g.send(PushToken(1, "k"), NOTE)], server

    (first, *others, last), server = run_virtual(main())

    assert (first.status, first.reason, first.attempts) == (Status.REJECTED, Reason.CREDENTIALS, 2)
    assert first.detail == "the vendor refused the access token that was signed here, twice in a row"
    assert {(one.status, one.reason, one.attempts) for one in others} == {(Status.NOT_SENT, Reason.CREDENTIALS, 0)}
    assert last.ok
    assert server.asked["push"] == 3
    opened = next(one for one in events if isinstance(one, BreakerChanged))
    assert (opened.state.value, opened.reason) == ("open", Reason.CREDENTIALS)


def test_a_token_that_is_signed_anew_again_and_again_is_no_sign_of_another_process() -> None:
    """A vendor that refuses each after a few seconds gets a new one each time, and no pause comes between."""

    async def main() -> list[tuple[bool, int]]:
        server = SigningServer()
        ends = []
        async with gateway(server, certificate()) as g:
            for _ in range(20):
                server.refuses = 1
                outcome = await g.send(PushToken(1, "k"), NOTE)
                ends.append((outcome.ok, outcome.attempts))
                await asyncio.sleep(2)
        return ends

    assert run_virtual(main()) == [(True, 2)] * 20


def test_certificates_that_sign_here_do_not_share_a_token() -> None:
    """There is no request by which the logins of two certificates could be compared, so each has its own token."""

    async def main() -> list[Any]:
        server = SigningServer()
        async with gateway(server, certificate(key=1), certificate(key=2, secret="other")) as g:
            return [await g.send(PushToken(key, "k"), NOTE) for key in (1, 2, 1)]

    assert [one.ok for one in run_virtual(main())] == [True, False, True]


def test_a_check_under_way_when_the_gateway_closes_has_its_result() -> None:
    """As a broadcast and a call have: it raises nothing, and no request is left behind."""

    async def main() -> Any:
        server = SigningServer()
        g = gateway(server, certificate())
        check = asyncio.create_task(g.check(1))
        await asyncio.sleep(0.01)
        await g.aclose(grace=0)
        return await check

    check = run_virtual(main())

    assert (check.ok, check.reason) == (False, Reason.CLOSED)


@pytest.mark.parametrize("vendor", BOTH)
def test_a_time_that_is_never_taken_is_a_refusal(vendor: type[Signing]) -> None:
    """Where the vendor refuses its own time too, it is asked once more and not again."""

    async def main() -> tuple[Any, SigningServer]:
        server = SigningServer()
        server.takes_no_time = True
        async with gateway(server, certificate(vendor)) as g:
            return await g.send(PushToken(1, "k"), NOTE), server

    outcome, server = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.vendor_code) == (Status.REJECTED, Reason.CREDENTIALS, TIME)
    assert (outcome.attempts, server.asked["push"]) == (2, 2)
