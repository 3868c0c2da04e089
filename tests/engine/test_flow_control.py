"""What a certificate may send and when, as a host sees it: rate, quota, breaker."""

import asyncio
from collections import Counter
from typing import Any

import attrs
import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Audience, Gateway, Outcome, Push, PushToken, Reason, Status
from pushgateway.observe.events import BreakerChanged, BreakerState, Event, QuotaLatched, QuotaReleased, RateChanged
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Notification, NoVerdict, Refused


def now() -> float:
    return asyncio.get_running_loop().time()


def to(token: str, **more: Any) -> Push:
    return Push(PushToken(1, token), note(token), **more)


def of_kind(events: list[Event], kind: type[Event]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


# Rate


def test_a_certificate_keeps_to_its_rate() -> None:
    """A thousand phones at a hundred a second take ten seconds; no push is refused."""
    server = ToyServer()

    async def main() -> float:
        limited = attrs.evolve(certificate(), pushes_per_second=100)
        async with gateway(server, limited) as g:
            outcomes = await g.send_each([to(f"k{number}") for number in range(1000)])
            assert all(outcome.ok for outcome in outcomes)
            return now()

    assert 9.0 <= run_virtual(main()) <= 10.5


def test_requests_have_a_rate_of_their_own() -> None:
    """With two requests a second and no limit of pushes there are few and full batches."""
    server = ToyServer()

    async def main() -> float:
        async with gateway(server, attrs.evolve(certificate(), requests_per_second=2)) as g:
            await asyncio.gather(*(spaced(g, number) for number in range(500)))
            return now()

    async def spaced(g: Gateway, number: int) -> None:
        await asyncio.sleep(number / 100)
        await g.send(PushToken(1, f"k{number}"), note())

    assert run_virtual(main()) <= 6.0
    assert server.calls["push"] <= 12


def test_flow_control_slows_down_one_certificate_only() -> None:
    """One "too fast" halves the rate, with one event for the observer; it is raised again until there is no limit."""
    server = ToyServer()
    events: list[Event] = []

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(1), certificate(2), observer=events.append) as g:
            await g.send_each([to(f"k{number}") for number in range(400)])
            server.answers = ["6"]
            outcome = await g.send(PushToken(1, "a"), note(), timeout=300)
            await asyncio.sleep(600)
            begun = now()
            outcomes = await g.send_each([Push(PushToken(2, f"k{number}"), note()) for number in range(900)])
            assert now() - begun < 0.1
            await asyncio.gather(*(g.send(PushToken(1, f"later{number}"), note()) for number in range(9)))
            return [outcome, *outcomes]

    outcomes = run_virtual(main())

    changes = of_kind(events, RateChanged)
    assert all(outcome.ok for outcome in outcomes)
    assert {change.certificate_id for change in changes} == {"1"}
    assert changes[0].pushes_per_second == pytest.approx(200, abs=1)
    assert (changes[-1].pushes_per_second, changes[-1].requests_per_second) == (None, None)


def test_a_vendors_pause_applies_to_all_later_pushes() -> None:
    """ "Come back in twenty seconds" is for the certificate: pushes sent meanwhile wait and then arrive."""
    server = ToyServer()

    class Pausing(Toy):
        def push(self, batch: Any) -> Any:
            try:
                return (yield from super().push(batch))
            except Exception as refused:
                refused.retry_after = 20.0  # type: ignore[attr-defined]
                raise

    async def main() -> tuple[float, list[Outcome]]:
        async with gateway(server, vendors={"toy": Pausing}) as g:
            server.answers = ["6"]
            first = asyncio.create_task(g.send(PushToken(1, "a"), note()))
            await asyncio.sleep(1)
            second = await g.send(PushToken(1, "b"), note())
            return now(), [await first, second]

    when, outcomes = run_virtual(main())

    assert 20.0 <= when <= 21.0
    assert all(outcome.ok for outcome in outcomes)


def test_a_shorter_pause_does_not_shorten_a_longer_one() -> None:
    """OPPO's code 13 asks for a minute, and the -2 of a request that was sent before it for less: the minute is
    kept."""
    server = ToyServer()
    pauses = [60.0, 0.5]

    class Pausing(Toy):
        def push(self, batch: Any) -> Any:
            try:
                return (yield from super().push(batch))
            except Refused as refused:
                refused.retry_after = pauses.pop(0)
                raise

    async def main() -> tuple[float, list[Outcome]]:
        async with gateway(server, vendors={"toy": Pausing}) as g:
            await g.send(PushToken(1, "warm"), note())
            server.answers, server.latency = ["6", "6"], 0.1
            first = []
            for key in "ab":
                first.append(asyncio.create_task(g.send(PushToken(1, key), note(key), timeout=300)))
                await asyncio.sleep(0.05)
            await asyncio.sleep(1)
            assert not pauses
            later = await g.send(PushToken(1, "c"), note("c"), timeout=300)
            return now(), [later, *await asyncio.gather(*first)]

    when, outcomes = run_virtual(main())

    assert 60.0 <= when <= 62.0
    assert all(outcome.ok for outcome in outcomes)


# Quota


class TwoQuotas(Toy):
    """A vendor where marketing counts towards a quota, and nothing else does."""

    def quota(self, notification: Notification) -> str:
        return "public" if notification.title.startswith("offer") else ""


def test_a_used_up_quota_ends_pushes_at_once_until_the_vendors_midnight() -> None:
    """No request is made; the outcome comes at once and says how long to wait; on the next day pushes are sent again
    (Q2)."""
    server = ToyServer()
    events: list[Event] = []

    async def main() -> list[Outcome]:
        async with gateway(server, observer=events.append) as g:
            await g.send(PushToken(1, "warm"), note())
            server.answers = ["7"]
            first = await g.send(PushToken(1, "first"), note())
            calls = server.calls.total()
            local = []
            midnight = now() + of_kind(events, QuotaLatched)[0].seconds
            while now() < midnight:
                begun = now()
                local.append(await g.send(PushToken(1, f"k{len(local)}"), note()))
                assert now() == begun
                await asyncio.sleep(600)
            assert server.calls.total() == calls
            return [first, *local, await g.send(PushToken(1, "tomorrow"), note())]

    first, *local, tomorrow = run_virtual(main())

    assert (first.status, first.reason) == (Status.REJECTED, Reason.QUOTA_EXCEEDED)
    assert {(outcome.status, outcome.reason) for outcome in local} == {(Status.NOT_SENT, Reason.QUOTA_EXCEEDED)}
    assert [outcome.retry_after for outcome in local] == sorted((o.retry_after for o in local), reverse=True)  # type: ignore[type-var]
    assert len(local) > 20
    assert tomorrow.ok
    assert len(of_kind(events, QuotaLatched)) == len(of_kind(events, QuotaReleased)) == 1


def test_one_quota_does_not_stop_another() -> None:
    """The daily quota of marketing is used up; chats are sent, in requests of their own, and broadcasts count in the
    same way."""
    server = ToyServer()
    server.answers = [lambda items: [[token, "7" if title.startswith("offer") else "0"] for token, title, _ in items]]

    async def main() -> list[Outcome]:
        async with gateway(server, vendors={"toy": TwoQuotas}) as g:
            warm = await g.send(PushToken(1, "a"), note("offer 1"))
            outcomes = await g.send_each(
                [Push(PushToken(1, f"k{number}"), note(f"{'offer' if number % 2 else 'chat'}")) for number in range(10)]
            )
            offered = await g.broadcast(1, note("offer"), Audience.everyone())
            spread = await g.broadcast(1, note("news"), Audience.everyone())
            assert (offered.status, offered.reason) == (Status.NOT_SENT, Reason.QUOTA_EXCEEDED)
            assert spread.ok
            return [warm, *outcomes]

    warm, *outcomes = run_virtual(main())

    assert warm.reason is Reason.QUOTA_EXCEEDED
    assert [outcome.ok for outcome in outcomes] == [True, False] * 5
    assert server.calls["broadcast"] == 1


def test_a_used_up_quota_ends_waiting_pushes_too() -> None:
    """Ten thousand pushes wait for one connection: the first refusal ends them all, without another request."""
    server = ToyServer()
    server.answers = ["7"] * 100

    async def main() -> list[Outcome]:
        async with gateway(server, connections=1) as g:
            return await g.send_each([to(f"k{number}") for number in range(10_000)])

    outcomes = run_virtual(main())

    assert {outcome.reason for outcome in outcomes} == {Reason.QUOTA_EXCEEDED}
    assert Counter(outcome.status for outcome in outcomes) == {Status.REJECTED: 1000, Status.NOT_SENT: 9000}
    assert server.calls["push"] == 1


def test_changed_settings_reset_the_quota() -> None:
    """The new settings may be of another app, so requests are made again."""
    server = ToyServer()
    server.answers = ["7"]

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            first = await g.send(PushToken(1, "a"), note())
            g.reload([certificate(secret="other")])
            return [first, await g.send(PushToken(1, "b"), note())]

    first, second = run_virtual(main())

    assert (first.reason, second.ok) == (Reason.QUOTA_EXCEEDED, True)


# Breaker


def test_in_an_outage_pushes_wait_and_few_requests_are_made() -> None:
    """After five failures in a row single pushes test whether the vendor is back; when it is, the waiting ones
    arrive."""
    server = ToyServer()
    server.answers = [NoVerdict("connect: refused", sent=False)] * 8
    events: list[Event] = []

    async def main() -> list[Outcome]:
        async with gateway(server, observer=events.append, connections=1) as g:
            sends = []
            for number in range(200):
                sends.append(asyncio.create_task(g.send(PushToken(1, f"k{number}"), note(), timeout=60)))
                await asyncio.sleep(0.1)
            return await asyncio.gather(*sends)

    outcomes = run_virtual(main())

    states = [change.state for change in of_kind(events, BreakerChanged)]
    assert states[:2] == [BreakerState.OPEN, BreakerState.HALF_OPEN]
    assert states[-1] is BreakerState.CLOSED
    assert sum(outcome.ok for outcome in outcomes) >= 195  # the first few had used up their attempts
    assert [len(batch) for batch in server.batches][:1] == [1]  # the probe carried one push


def test_a_push_with_a_short_deadline_ends_at_once_in_an_outage() -> None:
    """Its deadline comes before the next request is allowed, so waiting cannot help."""
    server = ToyServer()
    server.answers = [NoVerdict("connect: refused", sent=False)] * 1000

    async def main() -> tuple[Outcome, float]:
        async with gateway(server, certificate(size=1)) as g:
            await g.send_each([to(f"k{number}", timeout=40) for number in range(20)])
            begun = now()
            outcome = await g.send(PushToken(1, "short"), note(), timeout=0.2)
            return outcome, now() - begun

    outcome, took = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.UNAVAILABLE)
    assert outcome.retry_after is not None
    assert "connect: refused" in outcome.detail
    assert took == 0.0


def test_refused_credentials_cost_one_request_a_minute() -> None:
    """A key without the right to push costs one request, then one after a minute; only an operator can correct the key,
    and a reload makes it effective at once."""
    server = ToyServer()
    server.answers = ["8"] * 1000

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            outcomes = []
            for number in range(100):
                outcomes.append(await g.send(PushToken(1, f"k{number}"), note()))
                await asyncio.sleep(1)
            assert server.calls["push"] == 2
            server.answers.clear()
            g.reload([certificate(secret="fixed")])
            outcomes.append(await g.send(PushToken(1, "fixed"), note()))
            return outcomes

    *outcomes, fixed = run_virtual(main())

    assert {outcome.reason for outcome in outcomes} == {Reason.CREDENTIALS}
    assert {outcome.vendor_code for outcome in outcomes} == {"8"}
    assert Counter(outcome.status for outcome in outcomes) == {Status.REJECTED: 2, Status.NOT_SENT: 98}
    assert fixed.ok


def test_one_failing_server_of_a_vendor_does_not_stop_the_other() -> None:
    """Each region has a breaker of its own."""
    server = ToyServer()

    class HalfDown(ToyServer):
        async def send(self, request: Any, *, pool: str, timeout: float) -> Any:  # noqa: ASYNC109
            if "far" in request.url:
                raise NoVerdict("connect: refused", sent=False)
            return await super().send(request, pool=pool, timeout=timeout)

    server = HalfDown()

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=1)) as g:
            far = [to(f"far-{number}", timeout=20) for number in range(40)]
            near = [to(f"k{number}", timeout=1) for number in range(40)]
            return await g.send_each([*far, *near])

    outcomes = run_virtual(main())

    assert not any(outcome.ok for outcome in outcomes[:40])
    assert all(outcome.ok for outcome in outcomes[40:])


def test_closing_does_not_wait_for_an_open_breaker() -> None:
    """Every waiting push has expired, so closing does not wait for the breaker."""
    server = ToyServer()
    server.answers = [NoVerdict("connect: refused", sent=False)] * 1000

    async def main() -> float:
        g = gateway(server, certificate(size=1))
        await g.send_each([to(f"k{number}", timeout=8) for number in range(20)])
        begun = now()
        await g.aclose(30.0)
        return now() - begun

    assert run_virtual(main()) < 0.1


def test_a_broadcast_waits_no_longer_than_its_deadline() -> None:
    """Pushes hold every connection and wait for the vendor's pause; the broadcast behind them ends by its deadline."""
    server = ToyServer()
    server.answers = ["6"]

    class Pausing(Toy):
        def _refuse(self, code: str) -> None:
            if code == "6":
                raise Refused(Reason.RATE_LIMITED, code, retry_after=60.0)
            super()._refuse(code)

    async def main() -> tuple[Any, float]:
        async with gateway(server, certificate(size=1), vendors={"toy": Pausing}) as g:
            sends = [asyncio.create_task(g.send(PushToken(1, f"k{number}"), note())) for number in range(30)]
            await asyncio.sleep(1)
            begun = now()
            outcome = await g.broadcast(1, note(), Audience.everyone(), timeout=2.0)
            took = now() - begun
            await asyncio.gather(*sends)
            return outcome, took

    outcome, took = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.EXPIRED)
    assert took <= 2.05
    assert server.calls["broadcast"] == 0
