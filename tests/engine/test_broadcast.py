"""Broadcasts: the content is saved once, the list is cut to the vendor's size, and nothing is sent twice without a
verdict."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway

from pushgateway import (
    Audience,
    BroadcastOutcome,
    FieldError,
    Notification,
    Outcome,
    PushFailed,
    PushToken,
    Reason,
    RetryPolicy,
    Status,
    SumStatus,
)
from pushgateway.model.audience import AudienceKind, Broadcast
from pushgateway.observe.events import BroadcastDone, Event
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import NoVerdict, Response

NOTE = Notification("title", "body")


def broadcast(server: ToyServer, audience: Audience, note: Notification = NOTE, **more: Any) -> BroadcastOutcome:
    async def main() -> BroadcastOutcome:
        async with gateway(server) as g:
            return await g.broadcast(1, note, audience, **more)

    return run_virtual(main())


def test_everyone_is_one_save_and_one_broadcast() -> None:
    """The outcome has both ids, and the fields that were cut and left out when saving."""
    server = ToyServer()

    outcome = broadcast(server, Audience.everyone())

    assert (outcome.status, outcome.message_id, outcome.task_ids) == (Status.ACCEPTED, "content-1", ("task-1",))
    assert (outcome.truncated, outcome.omitted) == (("body",), ("group",))
    assert outcome.outcomes == ()
    assert server.calls == {"login": 1, "save": 1, "broadcast": 1}


@pytest.mark.parametrize(("tokens", "requests"), [(3, 1), (4, 2), (7, 3)])
def test_a_long_list_is_cut_and_saved_once(tokens: int, requests: int) -> None:
    """A list of the vendor's size is one request, one more token makes one more request; the content is saved once."""
    server = ToyServer()
    names = [f"k{i}" for i in range(tokens)]

    outcome = broadcast(server, Audience.of_tokens(names))

    assert server.calls == {"login": 1, "save": 1, "broadcast": requests}
    assert [token for _, *part in server.sent_to for token in part] == names
    assert [one.push_token.token for one in outcome.outcomes] == names
    assert len(outcome.task_ids) == requests


def test_dead_tokens_in_an_accepted_broadcast_are_named() -> None:
    """Tokens that an accepted reply lists as failed get the outcome for it, in the order of the host's list."""
    server = ToyServer()
    server.bad.update({"k1", "k4"})

    outcome = broadcast(server, Audience.of_tokens(f"k{i}" for i in range(5)))

    assert (outcome.status, outcome.detail) == (SumStatus.PARTLY, "3 of 5 accepted")
    assert [one.reason for one in outcome.outcomes] == [None, Reason.UNREGISTERED, None, None, Reason.UNREGISTERED]


def test_regions_are_saved_and_sent_apart_and_keep_the_callers_order() -> None:
    """A token of another host gets its broadcast from there; the outcomes keep the host's order."""
    server = ToyServer()

    outcome = broadcast(server, Audience.of_tokens(["a", "far-b", "c", "far-d"]))

    assert server.calls == {"login": 2, "save": 2, "broadcast": 2}
    assert [one.push_token.token for one in outcome.outcomes] == ["a", "far-b", "c", "far-d"]


def test_saving_is_repeated_after_a_lost_reply() -> None:
    """A content that is stored twice shows nothing on any phone."""
    server = ToyServer()
    server.saves = [NoVerdict("lost"), NoVerdict("lost")]

    outcome = broadcast(server, Audience.everyone())

    assert outcome.ok
    assert (server.calls["save"], server.calls["broadcast"]) == (3, 1)


def test_a_broadcast_without_a_verdict_is_never_repeated() -> None:
    """The broadcast may have reached thousands: it ends `UNKNOWN`, with the content's id for the operator."""
    server = ToyServer()
    server.broadcasts = [NoVerdict("lost")]

    outcome = broadcast(server, Audience.everyone())

    assert (outcome.status, outcome.reason, outcome.message_id) == (Status.UNKNOWN, Reason.NO_VERDICT, "content-1")
    assert server.calls["broadcast"] == 1


def test_a_broadcast_that_was_not_sent_or_was_refused_temporarily_is_repeated() -> None:
    """In both cases no phone has got it yet."""
    server = ToyServer()
    server.broadcasts = [NoVerdict("connect", sent=False), "5", "6"]

    outcome = broadcast(server, Audience.everyone())

    assert outcome.ok
    assert server.calls["broadcast"] == 4


def test_an_access_token_that_expires_between_the_two_steps_is_renewed_once() -> None:
    """The vendor refused the broadcast readably, so it may be sent again."""
    server = ToyServer()

    class Expiring(ToyServer):
        def _answer(self, what: str, request: Any) -> Any:
            if what == "save":
                self.refuse_access.add("t1")
                return self._whole(self.saves, {"id": "content-1"})
            return super()._answer(what, request)

    server = Expiring()

    outcome = broadcast(server, Audience.everyone())

    assert outcome.ok
    assert server.calls == {"login": 2, "save": 1, "broadcast": 2}


def test_one_part_without_a_verdict_does_not_hide_the_others() -> None:
    """Each token has the outcome of its own part; the status of the whole says that there are both kinds."""
    server = ToyServer()
    server.broadcasts = ["0", NoVerdict("lost"), "0"]

    outcome = broadcast(server, Audience.of_tokens(f"k{i}" for i in range(9)))

    assert [one.status for one in outcome.outcomes] == (
        [Status.ACCEPTED] * 3 + [Status.UNKNOWN] * 3 + [Status.ACCEPTED] * 3
    )
    assert (outcome.status, outcome.reason) == (SumStatus.PARTLY, Reason.NO_VERDICT)
    assert len(outcome.task_ids) == 2


def test_after_the_quota_is_used_up_the_rest_is_not_sent() -> None:
    """No further request is made that the vendor would refuse; the rest is `NOT_SENT`, not `REJECTED`."""
    server = ToyServer()
    server.broadcasts = ["0", "7"]

    outcome = broadcast(server, Audience.of_tokens(f"k{i}" for i in range(9)))

    assert [(one.status, one.reason) for one in outcome.outcomes] == (
        [(Status.ACCEPTED, None)] * 3
        + [(Status.REJECTED, Reason.QUOTA_EXCEEDED)] * 3
        + [(Status.NOT_SENT, Reason.QUOTA_EXCEEDED)] * 3
    )
    assert server.calls["broadcast"] == 2


class FewBroadcasts(Toy):
    """Broadcasts have a daily quota of their own."""

    def broadcast_quota(self, broadcast: Broadcast) -> str:
        return "broadcasts"


@pytest.mark.parametrize(("kind", "goes_on"), [(Toy, False), (FewBroadcasts, True)])
def test_a_used_up_quota_of_broadcasts_closes_what_counts_against_it(kind: type[Toy], goes_on: bool) -> None:
    """Single pushes go on where a broadcast counts against another quota than its notification; further broadcasts do
    not."""
    server = ToyServer()
    server.broadcasts = ["7"]

    async def main() -> tuple[BroadcastOutcome, BroadcastOutcome, Outcome]:
        async with gateway(server, vendors={"toy": kind}) as g:
            first = await g.broadcast(1, NOTE, Audience.everyone())
            again = await g.broadcast(1, NOTE, Audience.everyone())
            return first, again, await g.send(PushToken(1, "k"), NOTE)

    first, again, pushed = run_virtual(main())

    assert (first.status, again.status) == (Status.REJECTED, Status.NOT_SENT)
    assert first.reason is again.reason is Reason.QUOTA_EXCEEDED
    assert server.calls["broadcast"] == 1
    assert pushed.reason is (None if goes_on else Reason.QUOTA_EXCEEDED)


def test_a_content_that_breaks_the_rules_is_not_sent() -> None:
    """The plug-in itself refuses it: `NOT_SENT`, and no request is made."""
    server = ToyServer()

    outcome = broadcast(server, Audience.everyone(), Notification("", "body"))

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)
    assert outcome.detail == "title: must not be empty"
    assert "broadcast" not in server.calls


def test_an_audience_the_vendor_cannot_address_is_unsupported() -> None:
    """The plug-in refuses the audience before any request."""
    server = ToyServer()

    outcome = broadcast(server, Audience.of_tags(["vip"]))

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.UNSUPPORTED)
    assert server.calls == {}


def test_an_unknown_certificate_is_the_outcome_of_every_token() -> None:
    """Each token gets the same outcome as a push with that certificate."""

    async def main() -> BroadcastOutcome:
        async with gateway(ToyServer()) as g:
            return await g.broadcast(9, NOTE, Audience.of_tokens(["a", "b"]))

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert [one.push_token.token for one in outcome.outcomes] == ["a", "b"]


def test_a_refused_login_is_no_refusal_of_the_broadcast() -> None:
    """No request of the broadcast itself was made, so it is `NOT_SENT`."""
    server = ToyServer()
    server.login_answers = ["8"]

    outcome = broadcast(server, Audience.of_tokens(["a"]))

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert outcome.outcomes[0].reason is Reason.CREDENTIALS


def test_closing_ends_each_part_of_a_broadcast_with_its_own_outcome() -> None:
    """Parts that were sent, are being sent, and were never sent have three different outcomes."""
    server = ToyServer()
    server.latency = 9.0

    async def main() -> BroadcastOutcome:
        g = gateway(server, certificate(logs_in=False))
        task = asyncio.create_task(g.broadcast(1, NOTE, Audience.of_tokens(f"k{i}" for i in range(9))))
        await asyncio.sleep(25)  # saved at 9 s, the first part sent at 18 s, the second under way
        await g.aclose(grace=1.0)
        return await task

    outcome = run_virtual(main())

    assert [one.status for one in outcome.outcomes] == (
        [Status.ACCEPTED] * 3 + [Status.UNKNOWN] * 3 + [Status.NOT_SENT] * 3
    )


def test_cancelling_the_caller_stops_parts_that_were_not_sent() -> None:
    """No further part is sent when nobody waits for the result."""
    server = ToyServer()
    server.latency = 5.0

    async def main() -> None:
        async with gateway(server, certificate(logs_in=False)) as g:
            task = asyncio.create_task(g.broadcast(1, NOTE, Audience.of_tokens(f"k{i}" for i in range(9))))
            await asyncio.sleep(12)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(60)

    run_virtual(main())

    assert server.calls["broadcast"] == 2  # saved at 5 s, the first part sent at 10 s, the second under way


def test_after_its_timeout_no_further_part_is_sent() -> None:
    """The tokens of parts that were not started are `EXPIRED`."""
    server = ToyServer()
    server.latency = 5.0

    outcome = broadcast(server, Audience.of_tokens(f"k{i}" for i in range(9)), timeout=14.0)

    assert [(one.status, one.reason) for one in outcome.outcomes] == (
        [(Status.ACCEPTED, None)] * 3 + [(Status.NOT_SENT, Reason.EXPIRED)] * 6
    )


def test_a_vendor_without_a_saving_step_gets_one_request() -> None:
    """If `save()` returns None there is nothing to save, and only the broadcast itself is sent."""
    server = ToyServer()

    async def main() -> BroadcastOutcome:
        async with gateway(server, certificate(saves=False)) as g:
            return await g.broadcast(1, NOTE, Audience.everyone())

    outcome = run_virtual(main())

    assert outcome.ok
    assert outcome.message_id is None
    assert server.calls == {"login": 1, "broadcast": 1}


def test_start_and_rate_are_checked_at_once() -> None:
    """Wrong arguments of the host raise an exception that names the field."""
    with pytest.raises(FieldError, match=r"Broadcast\.start_at"):
        broadcast(ToyServer(), Audience.everyone(), start_at=datetime(2030, 1, 1))  # noqa: DTZ001
    with pytest.raises(FieldError, match=r"Broadcast\.rate"):
        broadcast(ToyServer(), Audience.everyone(), start_at=datetime(2030, 1, 1, tzinfo=UTC), rate=0)


# A broadcast in several parts


def test_a_broadcast_in_parts_says_that_part_of_it_was_accepted() -> None:
    """20 phones got it and the server of the last one cannot be reached: the status is neither "not sent" nor
    "accepted"."""
    server = ToyServer()
    events: list[Event] = []

    class Far(ToyServer):
        async def send(self, request: Any, **more: Any) -> Any:
            if "/far/" in request.url:
                raise NoVerdict("connect: unreachable", sent=False)
            return await super().send(request, **more)

    server = Far()
    audience = Audience.of_tokens([*(f"k{i}" for i in range(20)), "far-1"])

    async def main() -> BroadcastOutcome:
        async with gateway(server, observer=events.append) as g:
            return await g.broadcast(1, NOTE, audience)

    outcome = run_virtual(main())

    assert (outcome.status, outcome.ok) == (SumStatus.PARTLY, False)
    assert outcome.counts == {(Status.ACCEPTED, None): 20, (Status.NOT_SENT, Reason.UNAVAILABLE): 1}
    assert outcome.reason is Reason.UNAVAILABLE
    assert outcome.detail.startswith("20 of 21 accepted; of the others: ")
    assert "connect: unreachable" in outcome.detail
    (done,) = [event for event in events if isinstance(event, BroadcastDone)]
    assert (done.status, done.accepted, done.targets) == (SumStatus.PARTLY, 20, 21)
    with pytest.raises(PushFailed, match="partly: unavailable"):
        outcome.raise_for_failure()


@pytest.mark.parametrize(
    ("bad", "status", "reason"),
    [
        (0, Status.ACCEPTED, None),
        (1, SumStatus.PARTLY, Reason.UNREGISTERED),
        (3, Status.REJECTED, Reason.UNREGISTERED),
    ],
)
def test_the_status_of_a_broadcast_is_that_of_its_tokens(
    bad: int, status: Status | SumStatus, reason: Reason | None
) -> None:
    """This holds within one accepted request too: none, one or all of three tokens are dead."""
    server = ToyServer()
    server.bad.update(f"k{number}" for number in range(bad))

    outcome = broadcast(server, Audience.of_tokens(["k0", "k1", "k2"]))

    assert (outcome.status, outcome.reason) == (status, reason)
    assert sum(outcome.counts.values()) == 3


@pytest.mark.parametrize("of", [Audience.of_aliases, Audience.of_accounts])
def test_parts_of_aliases_and_accounts_are_counted_by_their_size(of: Callable[[Iterable[str]], Audience]) -> None:
    """Aliases and accounts have no outcomes of their own: there are seven, and the middle three have no verdict."""

    class Named(Toy):
        audiences = frozenset({AudienceKind.ALIASES, AudienceKind.ACCOUNTS})

        def broadcast(self, broadcast: Any, saved: str) -> Any:
            outcome = yield from super().broadcast(broadcast, saved)
            return attrs.evolve(outcome, outcomes=())

    server = ToyServer()
    server.broadcasts = ["0", NoVerdict("lost"), "0"]

    async def main() -> BroadcastOutcome:
        async with gateway(server, vendors={"toy": Named}) as g:
            return await g.broadcast(1, NOTE, of(f"a{i}" for i in range(7)))

    outcome = run_virtual(main())

    assert [len(sent) - 1 for sent in server.sent_to] == [3, 3, 1]
    assert outcome.status is SumStatus.PARTLY
    assert outcome.counts == {(Status.ACCEPTED, None): 4, (Status.UNKNOWN, Reason.NO_VERDICT): 3}


@pytest.mark.parametrize("named", [2, 3])
def test_aliases_that_a_reply_names_are_counted_apart(named: int) -> None:
    """The sum says that a part was refused. Counts that are not those of the request are a fault of the plug-in, and
    the request has left."""

    class Naming(Toy):
        audiences = frozenset({AudienceKind.ALIASES})

        def broadcast(self, broadcast: Any, saved: str) -> Any:
            outcome = yield from super().broadcast(broadcast, saved)
            counts = ((Status.REJECTED, Reason.MUTED, named), (Status.ACCEPTED, None, 1))
            return attrs.evolve(outcome, outcomes=(), requests=counts)

    async def main() -> BroadcastOutcome:
        async with gateway(ToyServer(), vendors={"toy": Naming}) as g:
            return await g.broadcast(1, NOTE, Audience.of_aliases(["a", "b", "c"]))

    outcome = run_virtual(main())

    if named == 2:
        assert (outcome.status, outcome.reason) == (SumStatus.PARTLY, Reason.MUTED)
        assert outcome.counts == {(Status.REJECTED, Reason.MUTED): 2, (Status.ACCEPTED, None): 1}
    else:
        assert (outcome.status, outcome.counts) == (Status.UNKNOWN, {(Status.UNKNOWN, Reason.NO_VERDICT): 3})
        assert "must count each target of the request once" in outcome.detail


def test_one_task_of_several_requests_is_named_once() -> None:
    """Where the vendor has one task for all requests of a broadcast."""

    class OneTask(Toy):
        def broadcast(self, broadcast: Any, saved: str) -> Any:
            outcome = yield from super().broadcast(broadcast, saved)
            return attrs.evolve(outcome, task_ids=(saved,))

    async def main() -> BroadcastOutcome:
        async with gateway(ToyServer(), vendors={"toy": OneTask}) as g:
            return await g.broadcast(1, NOTE, Audience.of_tokens(f"k{i}" for i in range(7)))

    assert run_virtual(main()).task_ids == ("content-1",)


# The last refusal of the vendor


def test_a_deadline_at_the_gate_keeps_the_vendors_last_refusal() -> None:
    """A broadcast that is refused as too fast again and again until its deadline ends `RATE_LIMITED` with the vendor's
    code: it reached nobody."""
    server = ToyServer()
    server.broadcasts = ["6"] * 50

    async def main() -> BroadcastOutcome:
        slow = attrs.evolve(certificate(saves=False), requests_per_second=1)
        async with gateway(server, slow, retry=RetryPolicy(attempts=50, base=0.01, cap=0.02)) as g:
            return await g.broadcast(1, NOTE, Audience.everyone(), timeout=10.0)

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.vendor_code) == (Status.REJECTED, Reason.RATE_LIMITED, "6")


def test_a_deadline_at_the_gate_before_the_first_request_is_expired() -> None:
    """There was no request, so there is no refusal of the vendor: the outcome is `EXPIRED`."""

    async def main() -> BroadcastOutcome:
        slow = attrs.evolve(certificate(saves=False), requests_per_second=0.01)
        async with gateway(ToyServer(), slow) as g:
            await g.broadcast(1, NOTE, Audience.everyone())
            return await g.broadcast(1, NOTE, Audience.everyone(), timeout=5.0)

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.EXPIRED)


def test_a_call_that_expires_at_the_gate_keeps_the_vendors_last_refusal() -> None:
    """A call is refused as too fast, then its deadline passes while it waits: every request has its verdict, so it is
    not `UNKNOWN`."""

    class Fast(ToyServer):
        def _answer(self, what: str, request: Any) -> Any:
            if what != "ping":
                return super()._answer(what, request)
            return Response(200, {}, b'{"code": 6}')

    async def main() -> Any:
        slow = attrs.evolve(certificate(logs_in=False), requests_per_second=0.5)
        retry = RetryPolicy(attempts=50, base=0.01, cap=0.02)
        async with gateway(Fast(), slow, retry=retry, timeout=7.0) as g:
            return await g.vendor(1).ping()

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason, outcome.vendor_code) == (Status.REJECTED, Reason.RATE_LIMITED, "6")
