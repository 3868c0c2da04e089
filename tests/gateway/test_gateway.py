"""The gateway: routing to vendors, order of outcomes, cancellation, certificates, reload."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from toy_vendor import ToyServer, certificate, gateway, note

from pushgateway import (
    Audience,
    Broadcast,
    BroadcastOutcome,
    Certificate,
    ConfigError,
    FieldError,
    Gateway,
    Outcome,
    Push,
    PushToken,
    Reason,
    Status,
)
from pushgateway.model.audience import LATE
from pushgateway.testing.virtual_time import run_virtual


def test_a_send_returns_the_vendors_verdict_for_its_own_token() -> None:
    """The outcome holds the push token it was made for, and the vendor's reply."""
    server = ToyServer()
    server.codes["dead"] = "2"

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return [await g.send(PushToken(1, token), note()) for token in ("alive", "dead")]

    alive, dead = run_virtual(main())

    assert (alive.status, alive.reason, alive.push_token) == (Status.ACCEPTED, None, PushToken("1", "alive"))
    assert alive.message_id == f"m-{alive.dedupe_id}"
    assert (dead.status, dead.reason, dead.vendor_code) == (Status.REJECTED, Reason.UNREGISTERED, "2")


def test_ten_thousand_cold_sends_make_one_login_and_full_batches() -> None:
    """Concurrent single sends share one login and are sent in the vendor's batches, each with its own outcome."""
    server = ToyServer()
    server.codes = {f"k{i}": "2" for i in range(0, 10_000, 7)}

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await asyncio.gather(*(g.send(PushToken(1, f"k{i}"), note(f"for k{i}")) for i in range(10_000)))

    outcomes = run_virtual(main())

    assert server.calls == {"login": 1, "push": 10}
    assert [outcome.push_token.token for outcome in outcomes] == [f"k{i}" for i in range(10_000)]
    assert all(outcome.ok == (i % 7 != 0) for i, outcome in enumerate(outcomes))
    assert all(title == f"for {token}" for token, title in server.ledger)
    assert set(server.ledger.values()) == {1}


def test_unknown_certificates_and_missing_plugins_affect_their_own_pushes_only() -> None:
    """A configuration mistake is never reported as a dead token."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(1), Certificate(2, "nobody-makes-this")) as g:
            return await g.send_each([Push(PushToken(key, "k"), note()) for key in (9, 1, 2)])

    unknown, fine, missing = run_virtual(main())

    assert (unknown.status, unknown.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert "'9' is not configured" in unknown.detail
    assert fine.ok
    assert (missing.status, missing.reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
    assert "no plug-in for brand 'nobody-makes-this' is installed" in missing.detail


def test_send_each_keeps_the_order_over_any_mix_of_certificates() -> None:
    """Outcome n is that of push n, whatever lanes and batches the pushes went through."""
    server = ToyServer()
    pushes = [Push(PushToken(1 + i % 3, f"k{i}"), note(f"n{i}")) for i in range(5000)]

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(1), certificate(2, size=7), certificate(3, mixed=False)) as g:
            return await g.send_each(pushes)

    outcomes = run_virtual(main())

    assert [outcome.push_token for outcome in outcomes] == [push.push_token for push in pushes]
    assert all(outcome.ok for outcome in outcomes)
    assert server.ledger == Counter((f"k{i}", f"n{i}") for i in range(5000))


def test_send_each_names_an_element_that_is_no_push_before_sending() -> None:
    """A mistake of the host is an exception, and nothing was sent."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server) as g:
            await g.send_each([Push(PushToken(1, "k"), note()), "not a push"])  # type: ignore[list-item]

    with pytest.raises(FieldError, match=r"pushes\[1\]: must be a Push, is str"):
        run_virtual(main())
    assert server.calls == {}


@pytest.mark.parametrize("pushes", [0, 1])
def test_send_each_of_no_push_and_of_one(pushes: int) -> None:
    """The shortest lists: no push gives no outcome, one push gives one."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each([Push(PushToken(1, "k"), note())] * pushes)

    assert len(run_virtual(main())) == pushes


def test_cancelling_a_waiting_send_stops_its_push() -> None:
    """A push whose caller was cancelled before it was sent is not sent."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> None:
        async with gateway(server, certificate(size=1), connections=1) as g:
            first = asyncio.create_task(g.send(PushToken(1, "first"), note()))
            await asyncio.sleep(1.5)
            gone = asyncio.create_task(g.send(PushToken(1, "gone"), note()))
            await asyncio.sleep(0.1)
            gone.cancel()
            last = await g.send(PushToken(1, "last"), note())
            assert last.ok
            assert (await first).ok

    run_virtual(main())

    assert {token for token, _ in server.ledger} == {"first", "last"}


def test_cancelling_a_send_under_way_does_not_affect_its_batch() -> None:
    """The other pushes of the batch get their outcomes."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Any]:
        async with gateway(server, certificate(logs_in=False)) as g:
            tasks = [asyncio.create_task(g.send(PushToken(1, f"k{i}"), note())) for i in range(3)]
            await asyncio.sleep(0.5)
            tasks[1].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

    first, cancelled, last = run_virtual(main())

    assert first.ok
    assert isinstance(cancelled, asyncio.CancelledError)
    assert last.ok


def test_a_cancelled_send_each_stops_every_waiting_push() -> None:
    """After the cancellation no further batch of it is sent."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> None:
        async with gateway(server, certificate(logs_in=False), connections=1) as g:
            task = asyncio.create_task(g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(5000)]))
            await asyncio.sleep(0.5)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await g.send(PushToken(1, "after"), note())

    run_virtual(main())

    assert [len(batch) for batch in server.batches] == [1000, 1]


def test_reload_refuses_an_invalid_set_as_a_whole() -> None:
    """The old set stays in use, and every problem is named."""
    server = ToyServer()

    async def main() -> tuple[tuple[str, ...], Outcome]:
        async with gateway(server) as g:
            with pytest.raises(ConfigError) as caught:
                g.reload([certificate(2), Certificate(3, "toy", {"secret": "x", "sice": 4}), Certificate(4, "toy")])
            return caught.value.problems, await g.send(PushToken(1, "a"), note())

    problems, outcome = run_virtual(main())

    assert len(problems) == 2
    assert problems[0].startswith("certificates['3'].sice")
    assert problems[1].startswith("certificates['4'].secret")
    assert outcome.ok


def test_reload_with_a_new_secret_sends_waiting_pushes_with_it() -> None:
    """The new secret works at once: the refused login is forgotten, and no waiting push is lost."""
    server = ToyServer()
    server.login_answers = ["8"]

    async def main() -> tuple[Outcome, Outcome]:
        async with gateway(server) as g:
            before = await g.send(PushToken(1, "a"), note())
            g.reload([certificate(secret="rotated")])
            return before, await g.send(PushToken(1, "a"), note())

    before, after = run_virtual(main())

    assert before.reason is Reason.CREDENTIALS
    assert after.ok
    assert server.secrets == ["s3cret", "rotated"]


def test_reload_keeps_unchanged_certificates_logged_in() -> None:
    """Only changed certificates log in again."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server, certificate(1), certificate(2, secret="two")) as g:
            await g.send_each([Push(PushToken(key, "a"), note()) for key in (1, 2)])
            g.reload([certificate(1), certificate(2, secret="two", size=5)])
            await g.send_each([Push(PushToken(key, "b"), note()) for key in (1, 2)])

    run_virtual(main())

    assert server.calls["login"] == 3


def test_removing_a_certificate_ends_its_waiting_pushes() -> None:
    """Requests under way end as they would have; waiting pushes and later ones are not sent."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> Counter[Any]:
        async with gateway(server, certificate(1, size=10, logs_in=False), certificate(2), connections=1) as g:
            tasks = [asyncio.create_task(g.send(PushToken(1, f"k{i}"), note())) for i in range(30)]
            await asyncio.sleep(0.5)
            g.reload([certificate(2)])
            tasks.append(asyncio.create_task(g.send(PushToken(1, "late"), note())))
            outcomes = await asyncio.gather(*tasks)
            return Counter((outcome.status, outcome.reason) for outcome in outcomes)

    assert run_virtual(main()) == {(Status.ACCEPTED, None): 10, (Status.NOT_SENT, Reason.CREDENTIALS): 21}


def test_a_message_id_of_the_host_gives_each_phone_its_own_dedupe_id() -> None:
    """The same message to the same phone has the same id at the vendor; two phones never share one."""
    server = ToyServer()
    message = note(dedupe_id="message-42")

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return [await g.send(PushToken(1, token), message) for token in ("a", "b", "a")]

    first, other, again = run_virtual(main())

    assert first.dedupe_id == again.dedupe_id != other.dedupe_id
    assert first.ok
    assert other.ok
    assert (again.status, again.reason, again.repeated) == (Status.ACCEPTED, None, True)
    assert set(server.ledger.values()) == {1}


def test_a_message_given_twice_in_one_call_is_accepted() -> None:
    """The phone gets it once, and both pushes are accepted. If the host gives one id to
    pushes for two phones, the vendor's "repeated" proves nothing about the second phone."""
    server = ToyServer()
    message = note(dedupe_id="message-42")
    pushes = [Push(PushToken(1, "a"), message, context=number) for number in range(2)]
    pushes += [Push(PushToken(1, token), note(), dedupe_id="mine") for token in ("b", "c")]

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each(pushes)

    outcomes = run_virtual(main())

    assert sorted((one.status.value, one.repeated) for one in outcomes[:2]) == [("accepted", False), ("accepted", True)]
    assert [one.context for one in outcomes[:2]] == [0, 1]
    assert sorted((one.status.value, one.repeated) for one in outcomes[2:]) == [("accepted", False), ("rejected", True)]
    assert sum(server.ledger.values()) == 2


def test_new_pushes_get_distinct_dedupe_ids() -> None:
    """Without an id of the host every push gets one of its own, before the first attempt."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each([Push(PushToken(1, f"k{i}"), note()) for i in range(1000)])

    outcomes = run_virtual(main())

    assert len({outcome.dedupe_id for outcome in outcomes}) == 1000
    assert all(len(outcome.dedupe_id) == 32 for outcome in outcomes)


def test_check_tests_a_certificate_by_its_login() -> None:
    """What is wrong is said in words, and no push is needed."""
    server = ToyServer()
    server.login_answers = ["0", "8"]

    async def main() -> list[Any]:
        async with gateway(server, certificate(1), certificate(2, secret="2"), certificate(3, logs_in=False)) as g:
            return [await g.check(key) for key in (1, 2, 3, 4)]

    good, refused, without, unknown = run_virtual(main())

    assert (good.ok, good.brand) == (True, "toy")
    assert (refused.ok, refused.reason, refused.vendor_code) == (False, Reason.CREDENTIALS, "8")
    assert without.ok
    assert (unknown.ok, unknown.brand, unknown.reason) == (False, None, Reason.CREDENTIALS)
    assert "push" not in server.calls


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("timeout", 0),
        ("timeout", None),
        ("timeout", "5"),
        ("timeout", float("nan")),
        ("timeout", 10**400),
        ("request_timeout", -1),
        ("connections", 0),
        ("connections", 2.5),
        ("connections", True),
        ("retry", 3),
    ],
)
def test_options_are_checked_when_the_gateway_is_made(option: str, value: Any) -> None:
    """A wrong option is named before any push can be affected."""
    with pytest.raises(FieldError, match=f"Gateway.{option}"):
        Gateway([], **{option: value})


def test_the_context_of_a_push_is_in_its_outcome() -> None:
    """The host can tie outcomes to its own rows; the context goes nowhere else."""
    server = ToyServer()
    server.codes["b"] = "2"
    rows = [object(), {"row": 17}, None]

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            pushes = [Push(PushToken(1, token), note(), context=row) for token, row in zip("abc", rows, strict=True)]
            return await g.send_each(pushes)

    outcomes = run_virtual(main())

    assert all(outcome.context is row for outcome, row in zip(outcomes, rows, strict=True))
    assert "row" not in repr(outcomes[1])


def test_every_call_for_one_notification_takes_an_id_and_a_context() -> None:
    """A host that stores the id before it sends finds its row whether the receipt or the outcome comes first: both
    values are in the outcome, the id is in the request, and they are checked as `Push` checks them. One call without
    them changes nothing."""
    server = ToyServer()
    server.codes["dead"] = "2"
    row = {"row": 17}

    async def main() -> list[Outcome]:
        async with gateway(server, queue=1) as g:
            sent = await g.send(PushToken(1, "a"), note(), dedupe_id="row-1", context=row)
            tried = await g.try_send(PushToken(1, "dead"), note(dedupe_id="m"), dedupe_id="row-2", context=row)
            nowhere = await g.send(PushToken(9, "a"), note(), dedupe_id="row-3", context=row)
            alone = await g.send(PushToken(1, "b"), note(), context=row)
            full = asyncio.ensure_future(g.send(PushToken(1, "c"), note()))
            await asyncio.sleep(0)
            shed = await g.try_send(PushToken(1, "d"), note(), dedupe_id="row-5", context=row)
            many = await g.multicast([PushToken(1, "e"), PushToken(1, "dead")], note(), context=row)
            assert (await full).context is None
            for wrong in (7, None, b"row-1", 0):
                with pytest.raises(FieldError, match=r"Push\.dedupe_id"):
                    await g.send(PushToken(1, "a"), note(), dedupe_id=wrong)  # type: ignore[arg-type]
            return [sent, tried, nowhere, alone, shed, *many]

    sent, tried, nowhere, alone, shed, *many = run_virtual(main())

    assert (sent.dedupe_id, sent.message_id) == ("row-1", "m-row-1")
    assert (tried.dedupe_id, tried.reason) == ("row-2", Reason.UNREGISTERED)
    assert (nowhere.dedupe_id, nowhere.reason) == ("row-3", Reason.CREDENTIALS)
    assert (shed.dedupe_id, shed.reason) == ("row-5", Reason.OVERLOADED)
    assert len(alone.dedupe_id) == 32
    assert all(outcome.context is row for outcome in (sent, tried, nowhere, alone, shed, *many))
    assert many[0].dedupe_id != many[1].dedupe_id


def test_multicast_checks_every_token_before_sending() -> None:
    """A mistake of the host is named by its place."""
    server = ToyServer()

    async def main() -> None:
        async with gateway(server) as g:
            await g.multicast([PushToken(1, "a"), "b"], note())  # type: ignore[list-item]

    with pytest.raises(FieldError, match=r"push_tokens\[1\]: must be a PushToken, is str"):
        run_virtual(main())
    assert server.calls == {}


@pytest.mark.parametrize("more", [{}, {"dedupe_id": "message-1"}])
def test_a_phone_given_twice_in_a_multicast_gets_it_once(more: dict[str, str]) -> None:
    """This holds as in a broadcast, also with an id of the host's: both places have the one outcome. The same token of
    another certificate is another phone."""
    server = ToyServer()
    twice, other, namesake = PushToken(1, "a"), PushToken(1, "b"), PushToken(2, "a")

    async def main() -> tuple[list[Outcome], BroadcastOutcome]:
        async with gateway(server, certificate(1), certificate(2)) as g:
            outcomes = await g.multicast([twice, other, PushToken(" 1", "a\n"), namesake, twice], note(**more))
            return outcomes, await g.broadcast(1, note(**more), Audience.of_tokens(["a", "b", "a"]))

    outcomes, broadcast = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert [outcome.push_token for outcome in outcomes] == [twice, other, twice, namesake, twice]
    assert outcomes[0] is outcomes[2] is outcomes[4]
    assert sorted(token for batch in server.batches for token, _, _ in batch) == ["a", "a", "b"]
    assert [one.push_token for one in broadcast.outcomes] == [twice, other]


@pytest.mark.parametrize(
    ("until", "start", "wrong"),
    [
        (3600, None, ""),
        (-LATE, None, ""),
        (-LATE - 1, None, "Notification.show_until"),
        (3600, 3599, ""),
        (3600, 3600, "Broadcast.start_at"),
    ],
)
def test_a_display_window_that_shows_nothing_is_refused(until: float, start: float | None, wrong: str) -> None:
    """A window that is over, or that ends before the broadcast starts, would show the notification to nobody."""
    now = 1_700_000_000.0
    message = note(show_until=datetime.fromtimestamp(now + until, UTC))
    start_at = None if start is None else datetime.fromtimestamp(now + start, UTC)

    async def main() -> list[str]:
        found = []
        async with gateway(ToyServer(), clock=lambda: now) as g:
            try:
                assert (await g.broadcast(1, message, Audience.everyone(), start_at=start_at)).ok
            except FieldError as error:
                found.append(error.field)
            try:
                g.explain(Broadcast(1, message, Audience.everyone(), start_at=start_at))
            except FieldError as error:
                found.append(error.field)
        return found

    assert run_virtual(main()) == ([wrong] * 2 if wrong else [])


@pytest.mark.parametrize(("seconds", "fine"), [(3600, True), (0, True), (-LATE, True), (-LATE - 1, False)])
def test_a_start_in_the_past_is_refused(seconds: float, fine: bool) -> None:
    """A campaign dated last year is a mistake, not one that starts now; a minute is allowed, because clocks differ."""
    server = ToyServer()
    now = 1_700_000_000.0
    start = datetime.fromtimestamp(now + seconds, UTC)

    async def main() -> list[BroadcastOutcome]:
        async with gateway(server, clock=lambda: now) as g:
            if fine:
                assert g.explain(Broadcast(1, note(), Audience.everyone(), start_at=start)).outcome is None
                return [await g.broadcast(1, note(), Audience.everyone(), start_at=start)]
            with pytest.raises(FieldError, match=r"Broadcast\.start_at: lies in the past"):
                g.explain(Broadcast(1, note(), Audience.everyone(), start_at=start))
            with pytest.raises(FieldError, match=r"Broadcast\.start_at: lies in the past"):
                await g.broadcast(1, note(), Audience.everyone(), start_at=start)
            return []

    outcomes = run_virtual(main())

    assert [outcome.ok for outcome in outcomes] == [True] * fine
    assert fine or server.calls == {}
