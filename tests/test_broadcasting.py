"""Broadcasts: cut for the vendor, saved once, never sent twice without a verdict."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from toy import ToyServer, certificate, gateway

from pushgateway import (
    Audience,
    BroadcastOutcome,
    FieldError,
    Notification,
    Reason,
    Status,
)
from pushgateway.testing.virtual import run_virtual
from pushgateway.vendor import NoVerdict

NOTE = Notification("title", "body")


def broadcast(server: ToyServer, audience: Audience, note: Notification = NOTE, **more: Any) -> BroadcastOutcome:
    async def main() -> BroadcastOutcome:
        async with gateway(server) as g:
            return await g.broadcast(1, note, audience, **more)

    return run_virtual(main())


def test_everyone_is_one_save_and_one_broadcast() -> None:
    """Both ids come back, and what was cut when saving."""
    server = ToyServer()

    outcome = broadcast(server, Audience.everyone())

    assert (outcome.status, outcome.message_id, outcome.task_ids) == (Status.ACCEPTED, "content-1", ("task-1",))
    assert outcome.truncated == ("body",)
    assert outcome.outcomes == ()
    assert server.calls == {"login": 1, "save": 1, "broadcast": 1}


@pytest.mark.parametrize(("tokens", "requests"), [(3, 1), (4, 2), (7, 3)])
def test_a_long_list_is_cut_and_saved_once(tokens: int, requests: int) -> None:
    """At the vendor's size one request, one more token one more request; the content is saved once."""
    server = ToyServer()
    names = [f"k{i}" for i in range(tokens)]

    outcome = broadcast(server, Audience.of_tokens(names))

    assert server.calls == {"login": 1, "save": 1, "broadcast": requests}
    assert [token for _, *part in server.sent_to for token in part] == names
    assert [one.push_token.token for one in outcome.outcomes] == names
    assert len(outcome.task_ids) == requests


def test_dead_tokens_in_an_accepted_broadcast_are_named() -> None:
    """Per-target failures inside a success are the truth about those tokens, in the order given."""
    server = ToyServer()
    server.bad.update({"k1", "k4"})

    outcome = broadcast(server, Audience.of_tokens(f"k{i}" for i in range(5)))

    assert outcome.status is Status.ACCEPTED
    assert [one.reason for one in outcome.outcomes] == [None, Reason.UNREGISTERED, None, None, Reason.UNREGISTERED]


def test_regions_are_saved_and_sent_apart_and_keep_the_callers_order() -> None:
    """A token of another host gets its broadcast there."""
    server = ToyServer()

    outcome = broadcast(server, Audience.of_tokens(["a", "far-b", "c", "far-d"]))

    assert server.calls == {"login": 2, "save": 2, "broadcast": 2}
    assert [one.push_token.token for one in outcome.outcomes] == ["a", "far-b", "c", "far-d"]


def test_saving_is_repeated_after_a_lost_reply() -> None:
    """A text stored twice rings on no phone."""
    server = ToyServer()
    server.saves = [NoVerdict("lost"), NoVerdict("lost")]

    outcome = broadcast(server, Audience.everyone())

    assert outcome.ok
    assert (server.calls["save"], server.calls["broadcast"]) == (3, 1)


def test_a_broadcast_without_a_verdict_is_never_repeated() -> None:
    """It may have reached thousands: `UNKNOWN`, with the content's id for the operator."""
    server = ToyServer()
    server.broadcasts = [NoVerdict("lost")]

    outcome = broadcast(server, Audience.everyone())

    assert (outcome.status, outcome.reason, outcome.message_id) == (Status.UNKNOWN, Reason.NO_VERDICT, "content-1")
    assert server.calls["broadcast"] == 1


def test_a_broadcast_that_never_left_or_was_refused_for_now_is_repeated() -> None:
    """Surely nobody got it yet."""
    server = ToyServer()
    server.broadcasts = [NoVerdict("connect", sent=False), "5", "6"]

    outcome = broadcast(server, Audience.everyone())

    assert outcome.ok
    assert server.calls["broadcast"] == 4


def test_an_access_token_that_expires_between_the_two_steps_is_renewed_once() -> None:
    """The refusal was readable, so the broadcast may go again."""
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
    """Each token has the truth of its own part; the whole has the first that was not accepted."""
    server = ToyServer()
    server.broadcasts = ["0", NoVerdict("lost"), "0"]

    outcome = broadcast(server, Audience.of_tokens(f"k{i}" for i in range(9)))

    assert [one.status for one in outcome.outcomes] == (
        [Status.ACCEPTED] * 3 + [Status.UNKNOWN] * 3 + [Status.ACCEPTED] * 3
    )
    assert outcome.status is Status.UNKNOWN
    assert len(outcome.task_ids) == 2


def test_after_the_quota_is_used_up_the_rest_is_not_tried() -> None:
    """No further calls for what the vendor will refuse; the rest is `NOT_SENT`, not `REJECTED`."""
    server = ToyServer()
    server.broadcasts = ["0", "7"]

    outcome = broadcast(server, Audience.of_tokens(f"k{i}" for i in range(9)))

    assert [(one.status, one.reason) for one in outcome.outcomes] == (
        [(Status.ACCEPTED, None)] * 3
        + [(Status.REJECTED, Reason.QUOTA_EXCEEDED)] * 3
        + [(Status.NOT_SENT, Reason.QUOTA_EXCEEDED)] * 3
    )
    assert server.calls["broadcast"] == 2


def test_a_content_that_breaks_the_rules_never_leaves() -> None:
    """Refused by the plug-in itself: `NOT_SENT`, and no login for it either would matter."""
    server = ToyServer()

    outcome = broadcast(server, Audience.everyone(), Notification("", "body"))

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.INVALID_NOTIFICATION)
    assert outcome.detail == "title: must not be empty"
    assert "broadcast" not in server.calls


def test_an_audience_the_vendor_cannot_address_is_unsupported() -> None:
    """Found before any request."""
    server = ToyServer()

    outcome = broadcast(server, Audience.of_tags(["vip"]))

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.UNSUPPORTED)
    assert server.calls == {}


def test_an_unknown_certificate_is_told_for_every_token() -> None:
    """The same truth as for a push."""

    async def main() -> BroadcastOutcome:
        async with gateway(ToyServer()) as g:
            return await g.broadcast(9, NOTE, Audience.of_tokens(["a", "b"]))

    outcome = run_virtual(main())

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert [one.push_token.token for one in outcome.outcomes] == ["a", "b"]


def test_a_refused_login_is_no_refusal_of_the_broadcast() -> None:
    """Nothing of it left the process."""
    server = ToyServer()
    server.login_answers = ["8"]

    outcome = broadcast(server, Audience.of_tokens(["a"]))

    assert (outcome.status, outcome.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert outcome.outcomes[0].reason is Reason.CREDENTIALS


def test_closing_ends_a_broadcast_with_the_truth_about_each_part() -> None:
    """Sent, being sent, and never sent are three different things."""
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


def test_cancelling_the_caller_stops_what_has_not_left() -> None:
    """No further part leaves once nobody wants it."""
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


def test_past_its_time_limit_no_further_part_is_begun() -> None:
    """What was not begun is `EXPIRED`, and says so for each token."""
    server = ToyServer()
    server.latency = 5.0

    outcome = broadcast(server, Audience.of_tokens(f"k{i}" for i in range(9)), timeout=14.0)

    assert [(one.status, one.reason) for one in outcome.outcomes] == (
        [(Status.ACCEPTED, None)] * 3 + [(Status.NOT_SENT, Reason.EXPIRED)] * 6
    )


def test_a_vendor_without_a_saving_step_is_asked_once() -> None:
    """`save()` returning None means that there is none."""
    server = ToyServer()

    async def main() -> BroadcastOutcome:
        async with gateway(server, certificate(saves=False)) as g:
            return await g.broadcast(1, NOTE, Audience.everyone())

    outcome = run_virtual(main())

    assert outcome.ok
    assert outcome.message_id is None
    assert server.calls == {"login": 1, "broadcast": 1}


def test_start_and_rate_are_checked_at_once() -> None:
    """The host's own mistakes are exceptions that name the field."""
    with pytest.raises(FieldError, match=r"Broadcast\.start_at"):
        broadcast(ToyServer(), Audience.everyone(), start_at=datetime(2030, 1, 1))  # noqa: DTZ001
    with pytest.raises(FieldError, match=r"Broadcast\.rate"):
        broadcast(ToyServer(), Audience.everyone(), start_at=datetime(2030, 1, 1, tzinfo=UTC), rate=0)
