"""One certificate at work, when plug-ins break promises or vendors do odd things: each push has its outcome."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Audience, Outcome, Push, PushToken, Reason, RetryPolicy, Status
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Exchange, NoVerdict, Refused, Request, Vendor


def outcomes_of(vendor: type[Vendor], count: int = 3, **options: Any) -> list[Outcome]:
    """Send to the toy server through another plug-in class; virtual time ends the test if anything hangs."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, vendors={"toy": vendor}, timeout=20.0, **options) as g:
            return await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(count)])

    return run_virtual(main())


class KeepsNonsense(Toy):
    """Refuses, keeping what is no outcome, at places that do not exist, and another push's outcome."""

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        yield Request("POST", "https://toy.example/near/push", content=b"[]")
        stranger = Outcome.accepted(Push(PushToken(1, "stranger"), note()), "m")
        raise Refused(Reason.QUOTA_EXCEEDED, "7").keeping({0: None, "1": 2, 99: stranger, 1: stranger})  # type: ignore[dict-item]


class KeepsNonsenseSilently(Toy):
    """The same without a verdict."""

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        yield Request("POST", "https://toy.example/near/push", content=b"[]")
        raise NoVerdict("nothing").keeping({0: "nonsense", -1: None})  # type: ignore[dict-item]


def test_what_a_plugin_keeps_is_believed_only_where_it_is_true() -> None:
    """No push is orphaned and none gets an outcome that was made for another."""
    refused = outcomes_of(KeepsNonsense)
    silent = outcomes_of(KeepsNonsenseSilently, retry=RetryPolicy(attempts=1))

    assert {(one.status, one.reason) for one in refused} == {(Status.REJECTED, Reason.QUOTA_EXCEEDED)}
    assert {(one.status, one.reason) for one in silent} == {(Status.UNKNOWN, Reason.NO_VERDICT)}


@pytest.mark.parametrize("what", ["region", "batching", "deduplicates", "push", "authorize", "login"])
def test_a_plugin_that_raises_anywhere_costs_its_own_pushes(what: str) -> None:
    """Each has an outcome, at once, that blames the plug-in and quotes nothing."""

    def raises(*_: object) -> Any:
        raise KeyError("a secret text")

    broken = type("Broken", (Toy,), {what: property(raises) if what in ("batching", "deduplicates") else raises})

    outcomes = outcomes_of(broken)

    assert {(one.status, one.reason) for one in outcomes} == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert all("broke its contract: KeyError" in one.detail and "secret" not in one.detail for one in outcomes)


@pytest.mark.parametrize("region", [None, 7, []])
def test_a_region_that_is_no_text_is_the_plugins_fault(region: Any) -> None:
    """Told at once, not at the deadline."""
    outcomes = outcomes_of(type("Odd", (Toy,), {"region": lambda *_: region}))

    assert {one.reason for one in outcomes} == {Reason.CREDENTIALS}


def test_a_login_that_gives_no_access_token_is_the_plugins_fault() -> None:
    """And no worker dies of it."""

    def login(*_: object) -> Any:
        yield Request("POST", "https://toy.example/near/login", content=b'{"secret": "x"}')
        return "a token"

    outcomes = outcomes_of(type("Odd", (Toy,), {"login": login}))

    assert {(one.status, one.reason) for one in outcomes} == {(Status.NOT_SENT, Reason.CREDENTIALS)}


def test_a_plugin_that_asks_for_ever_is_stopped() -> None:
    """An exchange has an end, whether the plug-in knows one or not."""

    def push(*_: object) -> Any:
        while True:
            yield Request("POST", "https://toy.example/near/push", content=b"[]")

    outcomes = outcomes_of(type("Endless", (Toy,), {"push": push}), retry=RetryPolicy(attempts=1))

    assert {one.status for one in outcomes} == {Status.UNKNOWN}
    assert "RuntimeError" in outcomes[0].detail


class ChokesOnOne(Toy):
    """Raises before asking when a certain push is in the batch."""

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        if any(push.push_token.token == "k333" for push in batch):
            raise ValueError("k333")
        return (yield from super().push(batch))


def test_one_push_that_breaks_the_plugin_does_not_cost_the_others() -> None:
    """Nothing had left, so finding the one costs no request."""
    outcomes = outcomes_of(ChokesOnOne, count=1000)

    assert [one.push_token.token for one in outcomes if not one.ok] == ["k333"]


def test_one_push_that_cannot_be_weighed_goes_alone() -> None:
    """The queue goes on."""

    class Unweighable(Toy):
        def weigh(self, push: Push) -> int:
            if push.push_token.token == "k1":
                raise ValueError("k1")
            return 1

    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(max_bytes=100), vendors={"toy": Unweighable}) as g:
            return await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(50)])

    assert all(one.ok for one in run_virtual(main()))


def test_a_transport_that_breaks_its_promise_is_blamed_itself() -> None:
    """Not the plug-in; and how far the request came is unknown."""

    class Broken(ToyServer):
        async def send(self, request: Request, *, pool: str, timeout: float) -> Any:  # noqa: ASYNC109
            if request.url.endswith("push"):
                raise ZeroDivisionError("a secret text")
            return await super().send(request, pool=pool, timeout=timeout)

    async def main() -> Outcome:
        async with gateway(Broken(), certificate(dedupe=False)) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert outcome.status is Status.UNKNOWN
    assert outcome.detail.startswith("the transport broke its contract: ZeroDivisionError in ")
    assert "secret" not in outcome.detail


def test_after_a_new_login_only_those_still_wanted_are_sent_again() -> None:
    """A push whose deadline passed, or whose caller left, during the login is not delivered behind their back."""
    server = ToyServer()

    class SlowSecondLogin(ToyServer):
        async def send(self, request: Request, *, pool: str, timeout: float) -> Any:  # noqa: ASYNC109
            if request.url.endswith("login") and self.calls["login"] == 1:
                await asyncio.sleep(5.0)
            return await super().send(request, pool=pool, timeout=timeout)

    server = SlowSecondLogin()

    async def main() -> list[Any]:
        async with gateway(server) as g:
            await g.send(PushToken(1, "warm"), note())
            await asyncio.sleep(1)
            server.refuse_access.add("t1")
            late = asyncio.create_task(g.send(PushToken(1, "late"), note(), timeout=2.0))
            gone = asyncio.create_task(g.send(PushToken(1, "gone"), note()))
            wanted = asyncio.create_task(g.send(PushToken(1, "wanted"), note()))
            await asyncio.sleep(1)
            gone.cancel()
            return await asyncio.gather(late, gone, wanted, return_exceptions=True)

    late, _, wanted = run_virtual(main())

    assert (late.status, late.reason, late.attempts) == (Status.NOT_SENT, Reason.EXPIRED, 1)
    assert wanted.ok
    assert {token for token, _ in server.ledger} == {"warm", "wanted"}


def test_a_long_pause_for_one_does_not_cost_its_neighbours_their_repeat() -> None:
    """Of one batch, one is told to wait a minute and one may go again at once."""
    server = ToyServer()

    class Paused(Toy):
        def _outcome(self, push: Push, code: str | None) -> Outcome:
            outcome = super()._outcome(push, code)
            if code == "6":
                return Outcome.rejected(push, Reason.RATE_LIMITED, code=code, retry_after=60.0)
            return outcome

    server.answers = [lambda items: [[token, {"a": "6", "b": "5"}[token]] for token, *_ in items]]

    async def main() -> list[Outcome]:
        async with gateway(server, vendors={"toy": Paused}) as g:
            return await g.send_each([Push(PushToken(1, token), note()) for token in "ab"])

    paused, repeated = run_virtual(main())

    assert (paused.reason, paused.retry_after) == (Reason.RATE_LIMITED, 60.0)
    assert repeated.ok or repeated.repeated


def test_connections_bound_broadcasts_too() -> None:
    """What a certificate asks at once is bounded, whoever asks."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server, connections=2) as g:
            broadcasts = [asyncio.create_task(g.broadcast(1, note(), Audience.everyone())) for _ in range(20)]
            await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(10)])
            assert all(outcome.ok for outcome in await asyncio.gather(*broadcasts))

    run_virtual(main())

    assert server.peak == 2


def test_an_operator_hears_of_it_once_and_not_for_every_push(caplog: pytest.LogCaptureFixture) -> None:
    """A key that is refused, or a vendor that is down, is a line in the log; a thousand pushes are not a thousand."""
    server = ToyServer()
    server.answers = ["8"] * 1000

    async def main() -> None:
        async with gateway(server, certificate(size=1)) as g:
            await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(500)])
            await asyncio.sleep(61)
            await g.send(PushToken(1, "again"), note())

    run_virtual(main())

    lines = [record.getMessage() for record in caplog.records if record.name == "pushgateway.observe.emitter"]
    refused = [
        line for line in lines if line.startswith("certificate 1: pushes end rejected: credentials, vendor code 8")
    ]
    assert len(refused) == 2
    assert refused[1].endswith("; 7 more since the last line")  # eight connections; the others were answered here
    assert server.calls["push"] == 9
    assert len(lines) < 8


def test_many_deadlines_at_once_do_not_hold_the_loop() -> None:
    """Fifty thousand that expire together are told in turns; each still has its own outcome."""
    server = ToyServer()
    server.latency = 1000.0

    async def main() -> tuple[list[Outcome], int]:
        async with gateway(server, certificate(logs_in=False), timeout=5.0, request_timeout=60.0) as g:
            pushes = [Push(PushToken(1, f"k{i}"), note()) for i in range(50_000)]
            sending = asyncio.create_task(g.send_each(pushes))
            await asyncio.sleep(5.0)
            turns = 0
            while not sending.done() and turns < 10_000:
                turns += 1
                await asyncio.sleep(0)
            outcomes = await sending
            await g.aclose(0)
            return outcomes, turns

    outcomes, turns = run_virtual(main())

    assert {outcome.status for outcome in outcomes} == {Status.UNKNOWN, Status.NOT_SENT}
    assert turns >= 50
