"""One certificate at work: batches, access tokens, repeats, deadlines, and how pushes end."""

import asyncio
import json
from collections import Counter
from typing import Any

from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import (
    Outcome,
    Push,
    PushToken,
    Reason,
    RetryPolicy,
    Status,
)
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import NoVerdict


def test_an_expired_access_token_costs_one_login_and_one_resend() -> None:
    """Forty sends that meet an expired token share the next login, and all are accepted."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=1)) as g:
            await g.send(PushToken(1, "warm"), note())
            server.refuse_access.add("t1")
            return await asyncio.gather(*(g.send(PushToken(1, f"k{i}"), note()) for i in range(40)))

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert server.calls["login"] == 2
    assert Counter(outcome.attempts for outcome in outcomes) == {2: 8, 1: 32}  # 8 connections used the old token
    assert set(server.ledger.values()) == {1}


def test_an_access_token_refused_right_after_its_login_ends_the_push() -> None:
    """After one further login and one further request the outcome is that the credentials are refused."""
    server = ToyServer()
    server.refuse_access = {f"t{n}" for n in range(1, 100)}

    async def main() -> Outcome:
        async with gateway(server) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.REJECTED, Reason.CREDENTIALS, 2)
    assert server.calls == {"login": 2, "push": 2}


def test_a_refused_login_is_remembered_for_all_sends() -> None:
    """500 sends after a refused login cost no further request, and none reports its token as dead."""
    server = ToyServer()
    server.login_answers = ["8"] * 1000

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            first = await g.send(PushToken(1, "a"), note())
            return [first, *await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(500)])]

    outcomes = run_virtual(main())

    assert server.calls == {"login": 1}
    assert {(o.status, o.reason, o.vendor_code) for o in outcomes} == {(Status.NOT_SENT, Reason.CREDENTIALS, "8")}


def test_two_pushes_for_one_token_are_in_two_batches_in_order() -> None:
    """A vendor's reply is matched by token, so a batch never holds a token twice; the first push is sent first."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, connections=1) as g:
            return await g.send_each([Push(PushToken(1, "same"), note(title)) for title in ("one", "two", "three")])

    outcomes = run_virtual(main())

    assert [[title for _, title, _ in batch] for batch in server.batches] == [["one"], ["two"], ["three"]]
    assert all(outcome.ok for outcome in outcomes)


def test_a_vendor_that_cannot_mix_gets_one_batch_per_distinct_notification() -> None:
    """Equal notifications share a batch, even if they are different objects."""
    server = ToyServer()
    pushes = [Push(PushToken(1, f"k{i}"), note(f"n{i % 2}")) for i in range(10)]

    async def main() -> None:
        async with gateway(server, certificate(mixed=False)) as g:
            await g.send_each(pushes)

    run_virtual(main())

    assert sorted([title for _, title, _ in batch] for batch in server.batches) == [["n0"] * 5, ["n1"] * 5]


def test_regions_share_neither_batches_nor_access_tokens() -> None:
    """A token of another host is never in a request to this host."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each([Push(PushToken(1, f"{'far-' * (i % 2)}{i}"), note()) for i in range(100)])

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert server.calls == {"login": 2, "push": 2}
    assert all(len({token.startswith("far-") for token, *_ in batch}) == 1 for batch in server.batches)


def test_only_temporarily_refused_pushes_of_a_batch_are_repeated() -> None:
    """Of a batch that fails in part only the pushes with a temporary refusal are sent again, with the same dedupe
    id."""
    server = ToyServer()
    server.answers = [lambda items: [[token, "5" if token == "b" else "0"] for token, *_ in items]]

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each([Push(PushToken(1, token), note()) for token in "abc"])

    outcomes = run_virtual(main())

    assert all(outcome.ok or outcome.repeated for outcome in outcomes)
    assert [[token for token, *_ in batch] for batch in server.batches] == [["a", "b", "c"], ["b"]]
    assert server.batches[0][1][2] == server.batches[1][0][2]
    assert [outcome.attempts for outcome in outcomes] == [1, 2, 1]


def test_after_the_last_attempt_the_vendors_refusal_is_the_outcome() -> None:
    """The number of attempts is bounded; the outcome holds the last refusal."""
    server = ToyServer()
    server.answers = ["5"] * 50

    async def main() -> Outcome:
        async with gateway(server, retry=RetryPolicy(attempts=3)) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.REJECTED, Reason.UNAVAILABLE, 3)
    assert server.calls["push"] == 3
    assert not server.ledger


def test_a_repeat_after_a_lost_reply_proves_that_the_first_attempt_arrived() -> None:
    """The vendor replies that it has the message already: the push is `ACCEPTED`, and was delivered once."""
    server = ToyServer()
    server.answers = [NoVerdict("the reply was lost")]

    async def main() -> Outcome:
        async with gateway(server) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.ACCEPTED, None, 2)
    assert not outcome.possible_duplicate
    assert sum(server.ledger.values()) == 1


def test_a_lost_reply_is_unknown_where_repeats_are_not_dropped() -> None:
    """Without deduplication a repeat could show the message twice, so the host has to decide."""
    server = ToyServer()
    server.dedupes = False
    server.answers = [NoVerdict("the reply was lost")]

    async def main() -> Outcome:
        async with gateway(server, certificate(dedupe=False)) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.UNKNOWN, Reason.NO_VERDICT, 1)
    assert sum(server.ledger.values()) == 1


def test_a_refusal_after_a_lost_reply_cannot_become_rejected() -> None:
    """The first attempt may have arrived; what the second reply says about the token does not change that."""
    server = ToyServer()
    server.answers = [NoVerdict("the reply was lost"), lambda items: [[token, "2"] for token, *_ in items]]

    async def main() -> Outcome:
        async with gateway(server) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.vendor_code) == (Status.UNKNOWN, Reason.NO_VERDICT, "2")


def test_a_push_that_was_not_sent_is_repeated_and_ends_not_sent() -> None:
    """A refused connection is no reply of the vendor: the push was not sent."""
    server = ToyServer()
    server.answers = [NoVerdict("connect: refused", sent=False)] * 4

    async def main() -> Outcome:
        async with gateway(server, certificate(dedupe=False)) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.NOT_SENT, Reason.UNAVAILABLE, 4)
    assert outcome.detail == "connect: refused"


def test_one_bad_notification_costs_the_others_only_a_few_requests() -> None:
    """A batch that is refused for its content is halved until the push that causes the refusal is alone; all others
    arrive once."""
    server = ToyServer()

    def judge(items: list[list[str]]) -> bool:
        return any(title == "poison" for _, title, _ in items)

    class Strict(ToyServer):
        def _push(self, items: list[list[str]]) -> Any:
            self.answers = ["3"] if judge(items) else []
            return super()._push(items)

    server = Strict()
    pushes = [Push(PushToken(1, f"k{i}"), note("poison" if i == 333 else "fine")) for i in range(1000)]

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each(pushes)

    outcomes = run_virtual(main())

    bad = [outcome for outcome in outcomes if not outcome.ok]
    assert [outcome.push_token.token for outcome in bad] == ["k333"]
    assert (bad[0].status, bad[0].reason) == (Status.REJECTED, Reason.INVALID_NOTIFICATION)
    assert sum(server.ledger.values()) == 999
    assert server.calls["push"] <= 21  # 1 + 2 for each of 10 halvings


def test_when_everything_is_refused_the_splitting_has_a_bound() -> None:
    """If a vendor refuses every content, each push is in at most two requests, and was alone in the last one."""
    server = ToyServer()
    server.answers = ["3"] * 5000

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each([Push(PushToken(1, f"k{i}"), note(f"text {i}")) for i in range(1000)])

    outcomes = run_virtual(main())

    assert {(o.status, o.reason) for o in outcomes} == {(Status.REJECTED, Reason.INVALID_NOTIFICATION)}
    assert server.calls["push"] <= 2000 + 10  # two for each push, and one for each size of batch
    assert sum(len(batch) == 1 for batch in server.batches) == 1000
    assert max(outcome.attempts for outcome in outcomes) <= 11


def test_a_refusal_does_not_replace_an_outcome_of_the_plugin() -> None:
    """A push that the plug-in refuses itself keeps that outcome when the batch, which it was not in, is refused."""
    server = ToyServer()
    server.answers = ["7"]

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each([Push(PushToken(1, "a"), note("")), Push(PushToken(1, "b"), note("fine"))])

    empty, other = run_virtual(main())

    assert (empty.status, empty.reason, empty.attempts) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION, 0)
    assert (other.status, other.reason, other.attempts) == (Status.REJECTED, Reason.QUOTA_EXCEEDED, 1)


def test_a_lost_reply_does_not_replace_an_outcome_of_the_plugin() -> None:
    """A push that the plug-in refuses itself was not in the request, so it is not `UNKNOWN` when the reply is lost."""
    server = ToyServer()
    server.answers = [NoVerdict("lost")]

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(dedupe=False)) as g:
            return await g.send_each([Push(PushToken(1, "a"), note("")), Push(PushToken(1, "b"), note("fine"))])

    empty, other = run_virtual(main())

    assert (empty.status, empty.reason, empty.attempts) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION, 0)
    assert (other.status, other.reason, other.attempts) == (Status.UNKNOWN, Reason.NO_VERDICT, 1)


def test_a_deadline_in_the_queue_ends_not_sent_in_time() -> None:
    """A push that waits behind a vendor that does not reply ends `NOT_SENT` at its deadline."""
    server = ToyServer()
    server.latency = 1000.0

    async def main() -> tuple[Outcome, float]:
        async with gateway(server, certificate(size=1, logs_in=False), connections=1, request_timeout=60.0) as g:
            hanging = asyncio.create_task(g.send(PushToken(1, "a"), note(), timeout=50.0))
            await asyncio.sleep(1)
            begun = asyncio.get_running_loop().time()
            waiting = await g.send(PushToken(1, "b"), note(), timeout=5.0)
            took = asyncio.get_running_loop().time() - begun
            hanging.cancel()
            return waiting, took

    outcome, took = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.EXPIRED)
    assert 5.0 <= took <= 5.25


def test_a_deadline_during_the_request_ends_unknown_in_time() -> None:
    """No push waits beyond its deadline, also when the time limit of the request is longer."""
    server = ToyServer()
    server.latency = 1000.0

    async def main() -> tuple[Outcome, float]:
        async with gateway(server, certificate(logs_in=False), request_timeout=60.0) as g:
            outcome = await g.send(PushToken(1, "a"), note(), timeout=5.0)
            return outcome, asyncio.get_running_loop().time()

    outcome, took = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.UNKNOWN, Reason.NO_VERDICT)
    assert 5.0 <= took <= 5.25


def test_a_short_deadline_does_not_shorten_those_of_its_batch() -> None:
    """Of two pushes in one batch with different deadlines, the one with the longer deadline still gets the vendor's
    verdict."""
    server = ToyServer()
    server.latency = 3.0

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(logs_in=False)) as g:
            return await g.send_each(
                [Push(PushToken(1, "impatient"), note(), timeout=1.0), Push(PushToken(1, "patient"), note())]
            )

    impatient, patient = run_virtual(main())

    assert impatient.status is Status.UNKNOWN
    assert patient.ok
    assert server.calls["push"] == 1


def test_connections_limit_the_requests_under_way() -> None:
    """A certificate never has more requests under way than its `connections`."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server, certificate(size=1), connections=3) as g:
            await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(50)])

    run_virtual(main())

    assert server.peak == 3


def test_max_bytes_cuts_batches_earlier() -> None:
    """The vendor's limit on bytes is kept as well as its limit on pushes."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server, certificate(max_bytes=10_000)) as g:
            await g.send_each([Push(PushToken(1, f"k{i}"), note("t" * 100, "b" * 100)) for i in range(100)])

    run_virtual(main())

    assert max(len(batch) for batch in server.batches) == 10_000 // (600 + 9 * 200 + 6 * 34)  # with token and id
    assert sum(len(batch) for batch in server.batches) == 100


def test_the_body_of_a_repeat_is_the_same_to_the_byte() -> None:
    """A repeat has the same id and content, so that the vendor can drop it."""
    server = ToyServer()
    server.answers = ["6", NoVerdict("lost")]

    async def main() -> Outcome:
        async with gateway(server) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert outcome.ok
    assert len(server.batches) == 3
    assert len({json.dumps(batch) for batch in server.batches}) == 1
