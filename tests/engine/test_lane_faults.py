"""One certificate at work when its plug-in breaks the contract or its vendor behaves oddly: each push still has its
outcome."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Audience, Outcome, Push, PushToken, Reason, RetryPolicy, Status
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Exchange, NoVerdict, Refused, Request, Vendor


def outcomes_of(vendor: type[Vendor], count: int = 3, **options: Any) -> list[Outcome]:
    """Outcomes of pushes through another plug-in class and the toy server; virtual time ends the test if anything
    hangs."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, vendors={"toy": vendor}, timeout=20.0, **options) as g:
            return await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(count)])

    return run_virtual(main())


class KeepsNonsense(Toy):
    """Refuses a batch, keeping something that is no outcome, outcomes at places that do not exist, and another push's
    outcome."""

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        yield Request("POST", "https://toy.example/near/push", content=b"[]")
        foreign = Outcome.accepted(Push(PushToken(1, "foreign"), note()), "m")
        raise Refused(Reason.QUOTA_EXCEEDED, "7").keeping({0: None, "1": 2, 99: foreign, 1: foreign})  # type: ignore[dict-item]


class KeepsNonsenseSilently(Toy):
    """The same with a missing verdict in place of a refusal."""

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        yield Request("POST", "https://toy.example/near/push", content=b"[]")
        raise NoVerdict("nothing").keeping({0: "nonsense", -1: None})  # type: ignore[dict-item]


def test_outcomes_that_a_plugin_keeps_are_used_only_where_they_are_valid() -> None:
    """Every push gets an outcome, and none gets one that was made for another push."""
    refused = outcomes_of(KeepsNonsense)
    silent = outcomes_of(KeepsNonsenseSilently, retry=RetryPolicy(attempts=1))

    assert {(one.status, one.reason) for one in refused} == {(Status.REJECTED, Reason.QUOTA_EXCEEDED)}
    assert {(one.status, one.reason) for one in silent} == {(Status.UNKNOWN, Reason.NO_VERDICT)}


@pytest.mark.parametrize("what", ["region", "batching", "deduplicates", "push", "finish", "login"])
def test_a_plugin_that_raises_ends_its_own_pushes_only(what: str) -> None:
    """Each has an outcome, at once, that names the plug-in and quotes no content."""

    def raises(*_: object) -> Any:
        raise KeyError("a secret text")

    broken = type("Broken", (Toy,), {what: property(raises) if what in ("batching", "deduplicates") else raises})

    outcomes = outcomes_of(broken)

    assert {(one.status, one.reason) for one in outcomes} == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert all("broke its contract: KeyError" in one.detail and "secret" not in one.detail for one in outcomes)


@pytest.mark.parametrize("region", [None, 7, []])
def test_a_region_that_is_no_text_is_the_plugins_fault(region: Any) -> None:
    """The pushes end at once, not at their deadline."""
    outcomes = outcomes_of(type("Odd", (Toy,), {"region": lambda *_: region}))

    assert {one.reason for one in outcomes} == {Reason.CREDENTIALS}


def test_a_login_without_an_access_token_is_the_plugins_fault() -> None:
    """The pushes end, and the worker continues."""

    def login(*_: object) -> Any:
        yield Request("POST", "https://toy.example/near/login", content=b'{"secret": "x"}')
        return "a token"

    outcomes = outcomes_of(type("Odd", (Toy,), {"login": login}))

    assert {(one.status, one.reason) for one in outcomes} == {(Status.NOT_SENT, Reason.CREDENTIALS)}


def test_an_endless_exchange_is_stopped() -> None:
    """The number of requests of an exchange is bounded, whether or not the plug-in ever ends it."""

    def push(*_: object) -> Any:
        while True:
            yield Request("POST", "https://toy.example/near/push", content=b"[]")

    outcomes = outcomes_of(type("Endless", (Toy,), {"push": push}), retry=RetryPolicy(attempts=1))

    assert {one.status for one in outcomes} == {Status.UNKNOWN}
    assert "RuntimeError" in outcomes[0].detail


class ChokesOnOne(Toy):
    """Raises before its request when a certain push is in the batch."""

    def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
        if any(push.push_token.token == "k333" for push in batch):
            raise ValueError("k333")
        return (yield from super().push(batch))


def test_a_push_that_makes_the_plugin_fail_does_not_affect_the_others() -> None:
    """No request had been sent, so finding that push costs none."""
    outcomes = outcomes_of(ChokesOnOne, count=1000)

    assert [one.push_token.token for one in outcomes if not one.ok] == ["k333"]


def test_a_push_whose_size_is_unknown_is_sent_alone() -> None:
    """The other pushes of the queue are sent as usual."""

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


def test_a_transport_that_breaks_its_contract_is_named() -> None:
    """The detail names the transport and not the plug-in; the pushes are `UNKNOWN`, because how far the request came is
    not known."""

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


def test_after_a_new_login_only_pushes_that_have_not_ended_are_sent_again() -> None:
    """A push whose deadline passed, or whose caller was cancelled, during the login is not delivered afterwards."""
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


def test_a_long_pause_for_one_push_does_not_prevent_a_repeat_of_another() -> None:
    """Of one batch, one push has to wait a minute and another may be repeated at once, which it is."""
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


def test_connections_limit_broadcasts_too() -> None:
    """The number of requests under way is bounded for pushes and broadcasts together."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server, connections=2) as g:
            broadcasts = [asyncio.create_task(g.broadcast(1, note(), Audience.everyone())) for _ in range(20)]
            await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(10)])
            assert all(outcome.ok for outcome in await asyncio.gather(*broadcasts))

    run_virtual(main())

    assert server.peak == 2


def test_a_fault_of_many_pushes_is_one_log_line(caplog: pytest.LogCaptureFixture) -> None:
    """A refused key, or a vendor that is down, is one line in the log, also with a thousand pushes."""
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
    assert refused[1].endswith("; 7 more since the last line")  # eight connections; the others made no request
    assert server.calls["push"] == 9
    assert len(lines) < 8


def test_many_deadlines_at_once_do_not_block_the_loop() -> None:
    """Fifty thousand pushes that expire together are given their outcomes over several turns of the loop; each has its
    own."""
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
