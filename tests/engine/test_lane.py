"""One certificate at work: batches, access tokens, repeats, deadlines, the end."""

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
    """Forty sends that meet an expired token share the further login; nobody notices."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=1)) as g:
            await g.send(PushToken(1, "warm"), note())
            server.refuse_access.add("t1")
            return await asyncio.gather(*(g.send(PushToken(1, f"k{i}"), note()) for i in range(40)))

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert server.calls["login"] == 2
    assert Counter(outcome.attempts for outcome in outcomes) == {2: 8, 1: 32}  # 8 connections met the old token
    assert set(server.ledger.values()) == {1}


def test_an_access_token_refused_again_right_after_login_is_not_asked_for_forever() -> None:
    """One further login and one resend; then the truth is that the credentials are refused."""
    server = ToyServer()
    server.refuse_access = {f"t{n}" for n in range(1, 100)}

    async def main() -> Outcome:
        async with gateway(server) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.REJECTED, Reason.CREDENTIALS, 2)
    assert server.calls == {"login": 2, "push": 2}


def test_a_blocked_key_is_asked_for_once_for_all_sends() -> None:
    """A refused login is remembered: 500 sends after it cost no further call and keep their tokens."""
    server = ToyServer()
    server.login_answers = ["8"] * 1000

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            first = await g.send(PushToken(1, "a"), note())
            return [first, *await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(500)])]

    outcomes = run_virtual(main())

    assert server.calls == {"login": 1}
    assert {(o.status, o.reason, o.vendor_code) for o in outcomes} == {(Status.NOT_SENT, Reason.CREDENTIALS, "8")}


def test_one_token_twice_goes_in_two_batches_and_keeps_its_order() -> None:
    """A vendor's reply is matched by token, so a batch never holds one twice; the first comes first."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, connections=1) as g:
            return await g.send_each([Push(PushToken(1, "same"), note(title)) for title in ("one", "two", "three")])

    outcomes = run_virtual(main())

    assert [[title for _, title, _ in batch] for batch in server.batches] == [["one"], ["two"], ["three"]]
    assert all(outcome.ok for outcome in outcomes)


def test_a_vendor_that_cannot_mix_gets_one_batch_per_distinct_notification() -> None:
    """Equal notifications share a batch even when they are different objects."""
    server = ToyServer()
    pushes = [Push(PushToken(1, f"k{i}"), note(f"n{i % 2}")) for i in range(10)]

    async def main() -> None:
        async with gateway(server, certificate(mixed=False)) as g:
            await g.send_each(pushes)

    run_virtual(main())

    assert sorted((len(batch), {title for _, title, _ in batch}) for batch in server.batches) == [
        (5, {"n0"}),
        (5, {"n1"}),
    ]


def test_regions_share_neither_batches_nor_access_tokens() -> None:
    """A token of another host never travels with the ones of this host."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each([Push(PushToken(1, f"{'far-' * (i % 2)}{i}"), note()) for i in range(100)])

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert server.calls == {"login": 2, "push": 2}
    assert all(len({token.startswith("far-") for token, *_ in batch}) == 1 for batch in server.batches)


def test_a_temporary_refusal_is_repeated_for_those_it_hit_only() -> None:
    """Of a half failed batch only the transient ones go again, with the same dedupe id."""
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


def test_repeating_ends_with_the_attempts_allowed_and_says_what_the_vendor_said() -> None:
    """Capped: after the last attempt the refusal is the outcome."""
    server = ToyServer()
    server.answers = ["5"] * 50

    async def main() -> Outcome:
        async with gateway(server, retry=RetryPolicy(attempts=3)) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.REJECTED, Reason.UNAVAILABLE, 3)
    assert server.calls["push"] == 3
    assert not server.ledger


def test_a_lost_reply_is_repeated_where_repeats_are_dropped_and_proves_the_first_try() -> None:
    """The vendor has it already: that is `ACCEPTED`, delivered once."""
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
    """Without deduplication a repeat might ring twice, so the host decides."""
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
    """The first try may have arrived; what the second says about the token does not undo it."""
    server = ToyServer()
    server.answers = [NoVerdict("the reply was lost"), lambda items: [[token, "2"] for token, *_ in items]]

    async def main() -> Outcome:
        async with gateway(server) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.vendor_code) == (Status.UNKNOWN, Reason.NO_VERDICT, "2")


def test_what_never_left_is_repeated_and_ends_not_sent() -> None:
    """A refused connection is no verdict on anything: the push did not leave."""
    server = ToyServer()
    server.answers = [NoVerdict("connect: refused", sent=False)] * 4

    async def main() -> Outcome:
        async with gateway(server, certificate(dedupe=False)) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.attempts) == (Status.NOT_SENT, Reason.UNAVAILABLE, 4)
    assert outcome.detail == "connect: refused"


def test_one_bad_notification_costs_the_others_only_a_few_requests() -> None:
    """A batch refused for its content is halved until the guilty one is alone; all others arrive once."""
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
    """A vendor that refuses every content is asked at most twice for each push, and each push was alone in the end."""
    server = ToyServer()
    server.answers = ["3"] * 5000

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each([Push(PushToken(1, f"k{i}"), note(f"text {i}")) for i in range(1000)])

    outcomes = run_virtual(main())

    assert {(o.status, o.reason) for o in outcomes} == {(Status.REJECTED, Reason.INVALID_NOTIFICATION)}
    assert server.calls["push"] <= 2000 + 10  # twice, and one for each size of batch
    assert sum(len(batch) == 1 for batch in server.batches) == 1000
    assert max(outcome.attempts for outcome in outcomes) <= 11


def test_what_the_plugin_settles_itself_keeps_its_own_outcome_when_the_rest_is_refused() -> None:
    """A locally refused push does not take over the fate of a batch it was not in."""
    server = ToyServer()
    server.answers = ["7"]

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each([Push(PushToken(1, "a"), note("")), Push(PushToken(1, "b"), note("fine"))])

    empty, other = run_virtual(main())

    assert (empty.status, empty.reason, empty.attempts) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION, 0)
    assert (other.status, other.reason, other.attempts) == (Status.REJECTED, Reason.QUOTA_EXCEEDED, 1)


def test_what_the_plugin_settles_itself_keeps_its_own_outcome_when_there_is_no_verdict() -> None:
    """The same when the reply to the rest is lost: it was not in the request, so nothing about it is unknown."""
    server = ToyServer()
    server.answers = [NoVerdict("lost")]

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(dedupe=False)) as g:
            return await g.send_each([Push(PushToken(1, "a"), note("")), Push(PushToken(1, "b"), note("fine"))])

    empty, other = run_virtual(main())

    assert (empty.status, empty.reason, empty.attempts) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION, 0)
    assert (other.status, other.reason, other.attempts) == (Status.UNKNOWN, Reason.NO_VERDICT, 1)


def test_a_deadline_in_the_queue_ends_not_sent_in_time() -> None:
    """Who waits behind a hanging vendor gets the truth at its deadline: it never left."""
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


def test_a_deadline_while_the_vendor_is_asked_ends_unknown_in_time() -> None:
    """Nobody waits beyond its deadline, also when the request's own limit is longer."""
    server = ToyServer()
    server.latency = 1000.0

    async def main() -> tuple[Outcome, float]:
        async with gateway(server, certificate(logs_in=False), request_timeout=60.0) as g:
            outcome = await g.send(PushToken(1, "a"), note(), timeout=5.0)
            return outcome, asyncio.get_running_loop().time()

    outcome, took = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.UNKNOWN, Reason.NO_VERDICT)
    assert 5.0 <= took <= 5.25


def test_a_short_deadline_does_not_shorten_its_neighbours() -> None:
    """Two pushes in one batch, one impatient: the patient one still gets the vendor's verdict."""
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


def test_connections_bound_what_is_under_way() -> None:
    """No more requests at once than asked for, for each certificate."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server, certificate(size=1), connections=3) as g:
            await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(50)])

    run_virtual(main())

    assert server.peak == 3


def test_max_bytes_cuts_batches_earlier() -> None:
    """The vendor's limit on bytes counts as much as its limit on pushes."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server, certificate(max_bytes=10_000)) as g:
            await g.send_each([Push(PushToken(1, f"k{i}"), note("t" * 100, "b" * 100)) for i in range(100)])

    run_virtual(main())

    assert max(len(batch) for batch in server.batches) == 10_000 // (600 + 9 * 200 + 6 * 34)  # with token and id
    assert sum(len(batch) for batch in server.batches) == 100


def test_the_body_of_a_repeat_is_the_same_to_the_byte() -> None:
    """A resend carries the same id and content, so a vendor can drop it."""
    server = ToyServer()
    server.answers = ["6", NoVerdict("lost")]

    async def main() -> Outcome:
        async with gateway(server) as g:
            return await g.send(PushToken(1, "a"), note())

    outcome = run_virtual(main())

    assert outcome.ok
    assert len(server.batches) == 3
    assert len({json.dumps(batch) for batch in server.batches}) == 1
