"""Pushes of one run, as a host sees them: each has the outcome that it would have had alone."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Outcome, Push, PushToken, Reason, Status
from pushgateway.testing.virtual_time import run_virtual


def test_two_pushes_for_one_phone_keep_their_order() -> None:
    """The second one has a timeout of its own, so they are not in one run; the first one is still sent first."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            calm = [Push(PushToken(1, f"t{number}"), note(), context=number) for number in range(6)]
            hurried = [Push(PushToken(1, "t5"), note(), timeout=5.0, context="hurried")]
            later = [Push(PushToken(1, f"t{number}"), note(), context=10 + number) for number in range(5, 10)]
            return await g.send_each([*calm, *hurried, *later])

    outcomes = run_virtual(main())

    assert [outcome.context for outcome in outcomes] == [*range(6), "hurried", *range(15, 20)]
    assert all(outcome.ok for outcome in outcomes)
    mine = [outcome.dedupe_id for outcome in outcomes if outcome.push_token.token == "t5"]
    sent = [dedupe_id for batch in server.batches for token, _, dedupe_id in batch if token == "t5"]
    assert sent == mine


@pytest.mark.parametrize("bad", [(), (3,), (0, 9)])
def test_a_refusal_is_the_outcome_of_the_push_it_names(bad: tuple[int, ...]) -> None:
    """In a batch from one run each push has its own outcome."""
    server = ToyServer()
    server.codes = {f"t{number}": "2" for number in bad}

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.multicast([PushToken(1, f"t{number}") for number in range(10)], note())

    outcomes = run_virtual(main())

    assert [number for number, outcome in enumerate(outcomes) if outcome.reason is Reason.UNREGISTERED] == list(bad)
    assert sum(outcome.status is Status.ACCEPTED for outcome in outcomes) == 10 - len(bad)
    assert [outcome.push_token.token for outcome in outcomes] == [f"t{number}" for number in range(10)]


def phones(count: int, name: str = "t") -> list[PushToken]:
    """So many push tokens of one certificate."""
    return [PushToken(1, f"{name}{number}") for number in range(count)]


def all_of(
    server: ToyServer, push_tokens: Sequence[PushToken], *, logs_in: bool = False, **options: Any
) -> list[Outcome]:
    """The outcomes of one notification for these push tokens."""

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(logs_in=logs_in), **options) as g:
            return await g.multicast(push_tokens, note())

    return run_virtual(main())


def test_pushes_of_two_regions_go_to_their_own_servers() -> None:
    """Phones of both regions in one call: each push goes to its own server, and the outcomes are in the host's
    order."""
    server = ToyServer()
    mixture = [one for pair in zip(phones(10), phones(10, "far-"), strict=True) for one in pair]

    outcomes = all_of(server, mixture)

    assert [outcome.push_token for outcome in outcomes] == mixture
    assert all(outcome.ok for outcome in outcomes)
    assert sorted({token.startswith("far-") for token, *_ in batch} for batch in server.batches) == [{False}, {True}]


def test_a_deadline_during_the_request_ends_each_push_unknown() -> None:
    """Each ends in time, and a later reply of the vendor changes nothing."""
    server = ToyServer()
    server.latency = 4.0

    outcomes = all_of(server, phones(10), timeout=3.0, request_timeout=20.0)

    assert [outcome.status for outcome in outcomes] == [Status.UNKNOWN] * 10
    assert server.ledger.total() == 10


def test_a_deadline_in_the_queue_ends_each_push_expired() -> None:
    """The only connection is busy for too long: waiting pushes end `EXPIRED` and are never sent."""
    server = ToyServer()
    server.latency = 4.0
    settings = {"connections": 1, "timeout": 3.0, "request_timeout": 20.0}

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=10, logs_in=False), **settings) as g:
            return await g.multicast(phones(25), note())

    outcomes = run_virtual(main())

    assert [outcome.status for outcome in outcomes] == [Status.UNKNOWN] * 10 + [Status.NOT_SENT] * 15
    assert {outcome.reason for outcome in outcomes[10:]} == {Reason.EXPIRED}
    assert len(server.batches) == 1


def test_a_failure_is_repeated_for_all_under_the_same_ids() -> None:
    """The whole batch fails once; each push is sent again with the same id."""
    server = ToyServer()
    server.answers = ["5"]

    outcomes = all_of(server, phones(10))

    assert all(outcome.ok and outcome.attempts == 2 for outcome in outcomes)
    assert server.batches[0] == server.batches[1]


def test_an_expired_access_token_counts_as_an_attempt() -> None:
    """There is one more login, and all pushes are sent once more."""
    server = ToyServer()
    server.refuse_access = {"t1"}

    outcomes = all_of(server, phones(10), logs_in=True)

    assert [(outcome.ok, outcome.attempts) for outcome in outcomes] == [(True, 2)] * 10
    assert server.calls["login"] == 2


@pytest.mark.parametrize("grace", [0.0, 5.0])
def test_a_close_gives_each_push_its_outcome(grace: float) -> None:
    """With time all are sent; without it waiting pushes end `NOT_SENT` and requests under way are interrupted."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        g = gateway(server, certificate(size=10, logs_in=False), connections=1)
        sending = asyncio.create_task(g.multicast(phones(25), note()))
        await asyncio.sleep(1.5)
        await g.aclose(grace)
        return await sending

    outcomes = run_virtual(main())

    statuses = [outcome.status for outcome in outcomes]
    if grace:
        assert statuses == [Status.ACCEPTED] * 25
    else:
        expected = [Status.ACCEPTED] * 10 + [Status.UNKNOWN] * 10 + [Status.NOT_SENT] * 5
        assert statuses == expected
        assert {outcome.reason for outcome in outcomes[20:]} == {Reason.CLOSED}


def test_a_cancelled_call_takes_back_waiting_pushes() -> None:
    """Waiting pushes of a cancelled call are not sent, those under way may arrive; other pushes of the same batch are
    not affected."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=10, logs_in=False), connections=1) as g:
            sending = asyncio.create_task(g.multicast(phones(25), note()))
            await asyncio.sleep(0.5)
            others = asyncio.create_task(g.multicast(phones(8, "other"), note()))
            await asyncio.sleep(0)
            sending.cancel()
            return await others

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert sorted(len(batch) for batch in server.batches) == [8, 10]


def test_a_reload_sends_waiting_pushes_with_the_new_settings() -> None:
    """The pushes wait in one run when the certificate changes: none is lost, and the new batch size applies."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=10, logs_in=False), connections=1) as g:
            sending = asyncio.create_task(g.multicast(phones(25), note()))
            await asyncio.sleep(0.5)
            g.reload([certificate(size=4, logs_in=False)])
            return await sending

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert [len(batch) for batch in server.batches] == [10, 4, 4, 4, 3]
    assert server.ledger.total() == 25


def test_a_plugin_that_fails_for_one_token_affects_that_push_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """`region` raises for one phone: the other pushes are sent."""
    server = ToyServer()
    region = Toy.region

    def picky(self: Toy, token: str) -> str:
        if token == "t3":
            raise ArithmeticError("no such region")
        return region(self, token)

    monkeypatch.setattr(Toy, "region", picky)

    outcomes = all_of(server, phones(10))

    assert [number for number, outcome in enumerate(outcomes) if not outcome.ok] == [3]
    assert (outcomes[3].status, outcomes[3].reason) == (Status.NOT_SENT, Reason.CREDENTIALS)


@pytest.mark.parametrize("number", [0, 4, 9])
@pytest.mark.parametrize("at", [0.0, 0.5])
def test_a_cancelled_send_takes_back_its_own_push_only(number: int, at: float) -> None:
    """Ten single sends of one moment are one run; one is cancelled before (or while) they wait for the only connection:
    it is not sent, and the nine others are."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(logs_in=False), connections=1) as g:
            first = asyncio.create_task(g.send(PushToken(1, "first"), note()))
            await asyncio.sleep(0.1)
            sends = [asyncio.create_task(g.send(one, note())) for one in phones(10)]
            await asyncio.sleep(at)
            sends.pop(number).cancel()
            return [await one for one in (first, *sends)]

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    left = [token for batch in server.batches for token, *_ in batch]
    assert left == ["first", *[f"t{place}" for place in range(10) if place != number]]


def test_a_send_cancelled_during_the_request_affects_no_other() -> None:
    """Its push was sent; the others have their outcomes, and nothing waits for the cancelled one."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(logs_in=False)) as g:
            sends = [asyncio.create_task(g.send(one, note())) for one in phones(10)]
            await asyncio.sleep(0.5)
            sends.pop(3).cancel()
            return [await one for one in sends]

    outcomes = run_virtual(main())

    assert [outcome.push_token for outcome in outcomes] == [one for one in phones(10) if one.token != "t3"]
    assert all(outcome.ok for outcome in outcomes)
    assert server.ledger.total() == 10


def test_single_sends_with_different_options_keep_their_order() -> None:
    """Of the sends of a moment neighbours with equal options form a run, and no other push overtakes them."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            calm = [g.send(one, note()) for one in phones(6)]
            alone = [g.send(PushToken(1, "t5"), note(), timeout=5.0)]
            later = [g.send(one, note()) for one in phones(12)[5:]]
            return list(await asyncio.gather(*calm, *alone, *later))

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    mine = [outcome.dedupe_id for outcome in outcomes if outcome.push_token.token == "t5"]
    assert [dedupe_id for batch in server.batches for token, _, dedupe_id in batch if token == "t5"] == mine


@pytest.mark.parametrize("settings", [{"size": 1}, {"size": 3}, {"size": 4}])
def test_small_batches_keep_the_order_too(settings: dict[str, int]) -> None:
    """Where a request holds few pushes, single sends and a list are still sent in order, each once."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(logs_in=False, **settings), connections=1) as g:
            sends = asyncio.gather(*[g.send(one, note()) for one in phones(10)])
            return [*await sends, *await g.multicast(phones(10, "m"), note())]

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert max(map(len, server.batches)) == settings["size"]
    left = [token for batch in server.batches for token, *_ in batch]
    assert left == [one.token for one in (*phones(10), *phones(10, "m"))]
