"""Vendors that store a content before it goes to many phones: one save for all, and never a push with another's."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from list_vendor import BUSY, FAST, FORBIDDEN, QUOTA, UNKNOWN_CONTENT, Lister, ListServer, certificate, gateway

from pushgateway import Notification, Outcome, Push, PushToken, Reason, Status
from pushgateway.engine.saved_contents import SavedContents, Stored
from pushgateway.observe.events import BreakerChanged, Event, QuotaLatched, QuotaReleased
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import AccessExpired, AccessToken, NoVerdict, Refused, Request, Response, Saved

TEXT = Notification("title", "body")
URL = "https://im.example/push"
CUT = NoVerdict("cut")


def phones(count: int, first: int = 0) -> list[PushToken]:
    """Push tokens of different phones."""
    return [PushToken(1, f"k{number}") for number in range(first, first + count)]


def sent(
    server: ListServer,
    main: Callable[[Any], Coroutine[Any, Any, list[Outcome]]],
    options: dict[str, Any] | None = None,
    **settings: Any,
) -> list[Outcome]:
    """What `main` returns with a gateway to a vendor that stores the content of two pushes and more."""

    async def run() -> list[Outcome]:
        own = certificate(**{"saves": True, "least": 2, **settings})
        async with gateway(server, own, **(options or {})) as g:
            outcomes: list[Outcome] = await main(g)
            return outcomes

    outcomes: list[Outcome] = run_virtual(run())
    return outcomes


def multicast(server: ListServer, count: int, note: Notification = TEXT, **settings: Any) -> list[Outcome]:
    """Outcomes of one notification for so many phones."""
    return sent(server, lambda g: g.multicast(phones(count), note, timeout=3000.0), **settings)


def endings(outcomes: list[Outcome]) -> set[tuple[Status, Reason | None]]:
    """The different ways in which they ended."""
    return {(one.status, one.reason) for one in outcomes}


ACCEPTED: set[tuple[Status, Reason | None]] = {(Status.ACCEPTED, None)}


# One save for all


@pytest.mark.parametrize("rate", [None, 3000.0])
def test_a_multicast_to_100_000_phones_is_saved_once(rate: float | None) -> None:
    """Also where eight requests go at the same time, and where the rate spreads them over half a minute."""
    server = ListServer()

    outcomes = multicast(server, 100_000, rate=rate)

    assert endings(outcomes) == ACCEPTED
    assert (server.calls["save"], server.calls["push"]) == (1, 100)
    assert all(request["contents"] is None for request in server.requests)


@pytest.mark.parametrize("mixed", [False, True])
def test_a_notification_that_goes_alone_is_not_saved_and_shares_no_request(mixed: bool) -> None:
    """What a vendor has for single pushes only: each of these has a request of its own, also among many others of one
    call, and the others share theirs."""
    server, lone = ListServer(), Notification("for one", "body")
    pushes = [Push(one, lone if place % 10 == 0 else TEXT) for place, one in enumerate(phones(50))]

    settings: dict[str, Any] = {"alone": lone.title, "mixed": mixed, "saves": not mixed, "least": 1 if mixed else 2}
    outcomes = sent(server, lambda g: g.send_each(pushes), **settings)

    assert endings(outcomes) == ACCEPTED
    assert sorted(len(one["tokens"]) for one in server.requests) == [1, 1, 1, 1, 1, 45]
    assert server.calls["save"] == (0 if mixed else 1)
    alone = [one for one in server.requests if len(one["tokens"]) == 1]
    assert all(one["contents"] == [[lone.title, {}]] for one in alone)


def test_each_notification_and_each_server_has_its_own_content() -> None:
    """Three texts to two servers are six saves, and each phone shows its own text."""
    server = ListServer()
    notes = [Notification(f"t{number}", "body", data={"n": number}) for number in range(3)]
    pushes = [Push(PushToken(1, f"{'far-' if place % 2 else ''}k{place}"), notes[place % 3]) for place in range(600)]

    outcomes = sent(server, lambda g: g.send_each(pushes), size=10)

    assert endings(outcomes) == ACCEPTED
    assert server.calls["save"] == 6
    shown = {
        (push.push_token.token, json.dumps([push.notification.title, dict(push.notification.data)])) for push in pushes
    }
    assert set(server.shown) == shown


def test_notifications_that_are_equal_in_python_only_are_saved_each() -> None:
    """`1`, `True` and `1.0`: phones must not get another one's data."""
    server = ListServer()
    notes = [Notification("title", "body", data={"n": value}) for value in (1, True, 1.0)]
    pushes = [Push(one, notes[place % 3]) for place, one in enumerate(phones(60))]

    sent(server, lambda g: g.send_each(pushes))

    assert server.calls["save"] == 3
    assert {text for _, text in server.shown} == {json.dumps(["title", {"n": value}]) for value in (1, True, 1.0)}


@pytest.mark.parametrize(("count", "least", "saves"), [(1, 2, 0), (2, 2, 1), (4, 5, 0), (5, 5, 1), (1, 1, 1)])
def test_a_batch_below_least_goes_without_a_saved_content(count: int, least: int, saves: int) -> None:
    """At the limit and below it."""
    server = ListServer()

    outcomes = multicast(server, count, least=least)

    assert endings(outcomes) == ACCEPTED
    assert server.calls["save"] == saves
    assert (server.requests[0]["saved"] is None) == (not saves)


def test_a_content_is_used_for_its_lifetime() -> None:
    """100 requests in 20 seconds, and contents that the vendor keeps for seven seconds."""
    server = ListServer()

    outcomes = multicast(server, 10_000, size=100, rate=500.0, lifetime=7.0)

    assert endings(outcomes) == ACCEPTED
    assert server.calls["save"] == 3


def test_a_lifetime_of_nothing_serves_those_who_wait() -> None:
    """Each new batch saves anew; nobody waits for ever."""
    server = ListServer()

    outcomes = multicast(server, 1000, size=100, lifetime=0.0, options={"connections": 4})

    assert endings(outcomes) == ACCEPTED
    assert 3 <= server.calls["save"] <= 10


def test_a_content_is_dropped_with_the_last_push() -> None:
    """A second send saves again: a phone may drop what it has seen under the same id."""
    server = ListServer()

    async def twice(g: Any) -> list[Outcome]:
        return [*await g.multicast(phones(10), TEXT), *await g.multicast(phones(10), TEXT)]

    sent(server, twice)

    assert server.calls["save"] == 2
    assert len({request["saved"] for request in server.requests}) == 2


def test_a_push_that_is_tried_again_uses_the_same_content() -> None:
    """It waits for its next try, so the content is kept."""
    server = ListServer()
    server.answers = [BUSY, BUSY]

    outcomes = multicast(server, 10)

    assert endings(outcomes) == ACCEPTED
    assert (server.calls["save"], server.calls["push"]) == (1, 3)


def test_at_most_so_many_contents_are_kept() -> None:
    """Those in use are kept in any case, and the oldest of the others go first."""

    async def main() -> None:
        contents = SavedContents()
        notes = [Notification("title", str(number)) for number in range(SavedContents.MOST + 10)]
        used = contents.join(notes[0])
        for note in notes[1:]:
            contents.leave(contents.join(note), is_needed=True)

        assert len(contents) == SavedContents.MOST
        assert contents.join(notes[0]) is used
        contents.leave(used, is_needed=False)
        contents.leave(used, is_needed=False)
        assert len(contents) == SavedContents.MOST - 1

    run_virtual(main())


def test_saving_holds_up_no_other_notification() -> None:
    """A save takes a second; pushes with other notifications leave meanwhile."""

    class Slow(ListServer):
        async def send(self, request: Request, *, pool: str, timeout: float) -> Any:  # noqa: ASYNC109
            self.latency = 1.0 if request.url.endswith("save") else 0.05
            return await super().send(request, pool=pool, timeout=timeout)

    async def both(g: Any) -> list[Outcome]:
        many = asyncio.create_task(g.multicast(phones(10), TEXT))
        await asyncio.sleep(0.1)
        begun = asyncio.get_running_loop().time()
        await g.send(PushToken(1, "a"), Notification("other", "body"))
        assert asyncio.get_running_loop().time() - begun < 0.2
        outcomes: list[Outcome] = await many
        return outcomes

    assert endings(sent(Slow(), both)) == ACCEPTED


# A save that fails


def test_a_save_without_a_verdict_is_repeated() -> None:
    """It reached nobody, so it is no doubt."""
    server = ListServer()
    server.saves = [CUT, CUT]

    outcomes = multicast(server, 10)

    assert endings(outcomes) == ACCEPTED
    assert {(one.attempts, one.possible_duplicate) for one in outcomes} == {(1, False)}
    assert server.calls["save"] == 3
    assert set(server.shown.values()) == {1}


def test_pushes_whose_save_never_gets_a_verdict_are_not_sent() -> None:
    """For a batch that waits for the save of another one too."""
    server = ListServer()
    server.saves = [CUT] * 100

    outcomes = multicast(server, 50, size=10, least=1)

    assert endings(outcomes) == {(Status.NOT_SENT, Reason.UNAVAILABLE)}
    assert {one.attempts for one in outcomes} == {0}
    assert all(one.detail.startswith("save: ") for one in outcomes)
    assert not server.requests


def test_one_failed_save_is_that_of_all_who_wait_for_it() -> None:
    """They do not ask the same again one after the other."""
    server = ListServer()
    server.saves = [CUT]

    async def counted(g: Any) -> list[Outcome]:
        task = asyncio.create_task(g.multicast(phones(80), TEXT))
        await asyncio.sleep(0.06)
        assert server.calls["save"] == 1
        outcomes: list[Outcome] = await task
        return outcomes

    assert endings(sent(server, counted, size=10)) == ACCEPTED


@pytest.mark.parametrize("saves", [["0"], [CUT], [BUSY]])
def test_a_deadline_while_a_content_is_saved_leaves_nothing_in_doubt(saves: list[Any]) -> None:
    """Nothing but a text is at the vendor."""
    server = ListServer()
    server.latency, server.saves = 2.0, saves

    outcomes = sent(server, lambda g: g.multicast(phones(10), TEXT, timeout=1.0))

    assert endings(outcomes) == {(Status.NOT_SENT, Reason.EXPIRED)}
    assert not server.requests


def test_a_close_while_a_content_is_saved_leaves_nothing_in_doubt() -> None:
    """Those who save and those who wait for it."""
    server = ListServer()
    server.latency = 20.0

    async def closed(g: Any) -> list[Outcome]:
        task = asyncio.create_task(g.multicast(phones(50), TEXT))
        await asyncio.sleep(1)
        await g.aclose(1.0)
        outcomes: list[Outcome] = await task
        return outcomes

    outcomes = sent(server, closed, size=10)

    assert endings(outcomes) == {(Status.NOT_SENT, Reason.CLOSED)}


def test_a_content_that_is_refused_refuses_all_its_pushes() -> None:
    """One request for 100,000 phones. Pushes with another notification are sent."""
    server = ListServer()
    server.forbidden = {"title"}

    async def both(g: Any) -> list[Outcome]:
        others = asyncio.create_task(g.multicast(phones(10), Notification("other", "body")))
        bad = await g.multicast(phones(100_000), TEXT)
        assert endings(await others) == ACCEPTED
        outcomes: list[Outcome] = bad
        return outcomes

    outcomes = sent(server, both, about="")

    assert endings(outcomes) == {(Status.NOT_SENT, Reason.INVALID_NOTIFICATION)}
    assert {(one.vendor_code, one.attempts) for one in outcomes} == {(FORBIDDEN, 0)}
    assert (server.calls["save"], server.calls["push"]) == (2, 1)


def test_a_used_up_quota_of_saves_closes_saving_only() -> None:
    """Pushes go alone until the vendor's midnight, over all connections; then contents are saved again."""
    server = ListServer()
    server.saves = [QUOTA]
    events: list[Event] = []

    async def days(g: Any) -> list[Outcome]:
        begun = asyncio.get_running_loop().time()
        outcomes = await g.multicast(phones(400), TEXT)
        assert asyncio.get_running_loop().time() - begun < 400 / 8 * 0.05 + 0.5
        outcomes += await g.multicast(phones(30, 400), TEXT)
        await asyncio.sleep(86_400)
        outcomes += await g.multicast(phones(30, 500), TEXT)
        kept: list[Outcome] = outcomes
        return kept

    outcomes = sent(server, days, {"observer": events.append})

    assert endings(outcomes) == ACCEPTED
    assert set(server.shown.values()) == {1}
    assert server.calls["save"] == 2
    *alone, last = server.requests
    assert {(len(one["tokens"]), one["saved"]) for one in alone} == {(1, None)}
    assert len(last["tokens"]) == 30
    assert [type(one) for one in events if isinstance(one, QuotaLatched | QuotaReleased)] == [
        QuotaLatched,
        QuotaReleased,
    ]


def test_a_lost_content_is_not_saved_anew_when_the_quota_is_used_up() -> None:
    """The vendor loses a content after the day's last one was saved: its pushes go alone."""
    server = ListServer()
    server.forgets = lambda saved: True
    server.saves = ["0", QUOTA]

    async def two(g: Any) -> list[Outcome]:
        first = asyncio.create_task(g.multicast(phones(5), TEXT))
        await asyncio.sleep(0.02)
        other = await g.multicast(phones(5, 10), Notification("other", "body"))
        return [*await first, *other]

    outcomes = sent(server, two)

    assert endings(outcomes) == ACCEPTED
    assert server.calls["save"] == 2
    assert set(server.shown.values()) == {1}


def test_a_single_push_that_would_be_saved_goes_without_when_the_quota_is_used_up() -> None:
    """Where even one push is saved before."""
    server = ListServer()
    server.saves = [QUOTA]

    outcomes = multicast(server, 3, least=1)

    assert endings(outcomes) == ACCEPTED
    assert server.calls["save"] == 1


def test_a_save_that_is_too_fast_slows_down_and_is_repeated() -> None:
    """The request counts against the vendor's rate as any other."""
    server = ListServer()
    server.saves = [FAST]

    outcomes = multicast(server, 10)

    assert endings(outcomes) == ACCEPTED
    assert server.calls["save"] == 2


def test_saves_count_against_the_rate_of_requests() -> None:
    """Ten notifications for two phones each are ten saves and ten pushes: twenty requests at four a second."""
    server = ListServer()
    pushes = [Push(one, Notification(f"t{place // 2}", "b")) for place, one in enumerate(phones(20))]
    took: list[float] = []

    async def timed(g: Any) -> list[Outcome]:
        outcomes: list[Outcome] = await g.send_each(pushes)
        took.append(asyncio.get_running_loop().time())
        return outcomes

    outcomes = sent(server, timed, requests=4.0)

    assert endings(outcomes) == ACCEPTED
    assert 4.4 < took[0] < 5.5


def test_saves_that_fail_open_the_breaker_as_pushes_do() -> None:
    """One failed save counts once, however many batches wait for it; five in a row mean that the vendor is not
    there."""
    server = ListServer()
    server.saves = [CUT]
    events: list[Event] = []

    multicast(server, 80, size=10, options={"observer": events.append})
    assert not [one for one in events if isinstance(one, BreakerChanged)]

    server.saves = [CUT] * 5
    outcomes = sent(
        server,
        lambda g: g.send_each(
            [Push(one, Notification(f"t{place // 10}", "b")) for place, one in enumerate(phones(50))]
        ),
        {"observer": events.append},
    )
    assert endings(outcomes) == ACCEPTED
    assert [one.state.value for one in events if isinstance(one, BreakerChanged)][:1] == ["open"]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda *_: None,
        lambda *_: 1 / 0,
        lambda *_: "text",
        lambda *_: returning(None),
        lambda *_: returning("content-1"),
        lambda *_: returning(Saved(7)),  # type: ignore[arg-type]
        lambda *_: returning(Saved("a", lifetime="long")),  # type: ignore[arg-type]
    ],
)
def test_a_plug_in_that_fails_to_save_ends_its_pushes(wrong: Any) -> None:
    """It is asked once and not in halves, and the outcome says what it did wrong."""
    asked: list[Any] = []

    def save_push(self: Any, *given: Any) -> Any:
        asked.append(given)
        return wrong(*given)

    vendor = type("Wrong", (Lister,), {"save_push": save_push})
    server = ListServer()

    outcomes = multicast(server, 100, options={"vendors": {"list": vendor}})

    assert endings(outcomes) == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert all("the list plug-in broke its contract" in one.detail for one in outcomes)
    assert len(asked) == 1
    assert not server.requests


def returning(value: object) -> Any:
    """An exchange with this result, without a request."""
    yield from ()
    return value


# A content that the vendor does not know any more


def test_an_unknown_content_is_saved_anew_once() -> None:
    """Eight requests go with the content that the vendor lost: one new save for all of them."""
    server = ListServer()
    server.forgets = lambda saved: saved == "near-0"

    outcomes = multicast(server, 80, size=10)

    assert endings(outcomes) == ACCEPTED
    assert server.calls["save"] == 2
    assert {one.attempts for one in outcomes} == {2}
    assert set(server.shown.values()) == {1}


def test_a_content_that_has_taken_the_place_of_a_lost_one_is_kept() -> None:
    """A late reply says that the first one is lost; the second one is used by then."""

    async def main() -> None:
        content = SavedContents().join(TEXT)
        made = [Stored(Saved(name), None) for name in ("first", "second", "third")]

        async def save() -> Stored:
            return made.pop(0)

        first = await content.get(save)
        content.forget(first)
        second = await content.get(save)
        content.forget(first)

        assert await content.get(save) is second

    run_virtual(main())


def test_a_vendor_that_never_knows_its_contents_ends_unavailable() -> None:
    """After a few tries; the notification is not blamed, and nothing is searched in halves."""
    server = ListServer()
    server.forgets = lambda saved: True

    outcomes = multicast(server, 100)

    assert endings(outcomes) == {(Status.REJECTED, Reason.UNAVAILABLE)}
    assert {one.vendor_code for one in outcomes} == {UNKNOWN_CONTENT}
    assert server.calls["push"] <= 8


# What changes while a content is saved


def test_a_reload_while_a_content_is_saved_sends_with_the_new_settings() -> None:
    """What was saved with the old settings is not used."""
    server = ListServer()

    async def reloaded(g: Any) -> list[Outcome]:
        task = asyncio.create_task(g.multicast(phones(30), TEXT))
        await asyncio.sleep(0.03)
        g.reload([certificate(saves=True, least=2, size=999)])
        outcomes: list[Outcome] = await task
        return outcomes

    outcomes = sent(server, reloaded, size=10)

    assert endings(outcomes) == ACCEPTED
    assert server.calls["save"] == 2
    assert {request["saved"] for request in server.requests} == {"near-1"}


@pytest.mark.parametrize("answer", ["0", BUSY, CUT])
def test_nothing_leaves_when_the_certificate_is_removed_meanwhile(answer: Any) -> None:
    """However the save ends."""
    server = ListServer()
    server.saves = [answer]

    async def removed(g: Any) -> list[Outcome]:
        task = asyncio.create_task(g.multicast(phones(30), TEXT))
        await asyncio.sleep(0.03)
        g.reload([])
        outcomes: list[Outcome] = await task
        return outcomes

    outcomes = sent(server, removed, size=10)

    assert endings(outcomes) == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert not server.requests


def test_a_daily_quota_that_is_used_up_meanwhile_stops_the_push() -> None:
    """A push of the same quota was refused while the content was saved: no further request is made."""
    server = ListServer()
    server.answers = [QUOTA]

    async def both(g: Any) -> list[Outcome]:
        single = asyncio.create_task(g.send(PushToken(1, "a"), Notification("other", "body")))
        await asyncio.sleep(0.02)
        outcomes: list[Outcome] = await g.multicast(phones(10), TEXT)
        assert (await single).reason is Reason.QUOTA_EXCEEDED
        return outcomes

    outcomes = sent(server, both)

    assert endings(outcomes) == {(Status.NOT_SENT, Reason.QUOTA_EXCEEDED)}
    assert (server.calls["save"], server.calls["push"]) == (1, 1)


def test_who_is_taken_back_while_a_content_is_saved_gets_nothing() -> None:
    """The others do; what is left below `least` goes without the content."""
    server = ListServer()
    server.latency = 0.5

    async def some(g: Any) -> list[Outcome]:
        tasks = [asyncio.create_task(g.send(one, TEXT)) for one in phones(4)]
        await asyncio.sleep(0.2)
        for task in tasks[1:]:
            task.cancel()
        return [await tasks[0]]

    outcomes = sent(server, some)

    assert endings(outcomes) == ACCEPTED
    assert [(request["tokens"], request["saved"]) for request in server.requests] == [(["k0"], None)]
    assert server.calls["save"] == 1


# What belongs to the content


def test_the_mark_for_receipts_is_saved_with_the_content() -> None:
    """The requests that use it have the same one, and those without a saved content have their own."""
    server = ListServer()

    async def several(g: Any) -> list[Outcome]:
        outcomes: list[Outcome] = await g.multicast(phones(30), TEXT)
        return [*outcomes, await g.send(PushToken(1, "a"), TEXT)]

    sent(server, several, size=10, receipt_url=URL)

    (saved,) = server.saved
    *many, single = server.requests
    assert saved["parameter"] is not None
    assert {request["parameter"] for request in many} == {saved["parameter"]}
    assert single["parameter"] not in (None, saved["parameter"])


def test_a_content_with_receipt_fields_of_its_own_is_not_marked() -> None:
    """As a push."""
    server = ListServer()

    multicast(server, 3, Notification("title", "body", receipt_url="https://own.example"), receipt_url=URL)

    assert (server.saved[0]["parameter"], server.requests[0]["parameter"]) == (None, None)


def test_an_access_token_that_expires_at_the_save_is_renewed_once() -> None:
    """The pushes go with the new one."""

    class LoggingIn(Lister):
        def login(self, region: str, now: float) -> Any:
            def log_in() -> Any:
                logins.append(now)
                yield from ()
                return AccessToken(f"t{len(logins)}", 86_400.0)

            return log_in()

        def save_push(self, *given: Any) -> Any:
            saved = yield from super().save_push(*given)
            if len(server.saved) == 1:
                raise AccessExpired(Reason.CREDENTIALS, "11")
            return saved

    class Noting(ListServer):
        async def send(self, request: Request, *, pool: str, timeout: float) -> Any:  # noqa: ASYNC109
            access.append(request.headers["authorization"])
            return await super().send(request, pool=pool, timeout=timeout)

    logins: list[float] = []
    access: list[str] = []
    server = Noting()

    outcomes = multicast(server, 30, size=10, options={"vendors": {"list": LoggingIn}})

    assert endings(outcomes) == ACCEPTED
    first, *others = access
    assert len(others) == 4
    assert set(others) == {f"Bearer t{len(logins)}"} != {first}


def test_a_refused_login_at_the_save_says_nothing_of_the_notification() -> None:
    """The next notification ends for the same reason; no content counts as refused."""

    class Locked(Lister):
        def save_push(self, *given: Any) -> Any:
            yield from super().save_push(*given)
            raise Refused(Reason.CREDENTIALS, "8")

    server = ListServer()
    outcomes = multicast(server, 30, options={"vendors": {"list": Locked}})

    assert endings(outcomes) == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert server.calls["save"] == 1


def test_a_save_that_is_refused_for_a_phone_costs_no_token() -> None:
    """Whatever the plug-in says: there was no phone in that request."""

    class Odd(Lister):
        def save_push(self, *given: Any) -> Any:
            yield from super().save_push(*given)
            raise Refused(Reason.UNREGISTERED, "2")

    outcomes = multicast(ListServer(), 30, options={"vendors": {"list": Odd}})

    assert endings(outcomes) == {(Status.NOT_SENT, Reason.INVALID_NOTIFICATION)}
    assert {one.vendor_code for one in outcomes} == {"2"}


def test_a_probe_with_a_stored_content_shows_that_the_credentials_are_right_again() -> None:
    """The open breaker is no obstacle to the request that tests whether it may be closed."""

    class Locked(Lister):
        def push(self, batch: Any) -> Any:
            outcomes = yield from super().push(batch)
            if len(server.requests) == 1:
                raise Refused(Reason.CREDENTIALS, "8")
            return outcomes

    async def later(g: Any) -> list[Outcome]:
        first = await g.send(PushToken(1, "a"), TEXT)
        assert first.reason is Reason.CREDENTIALS
        await asyncio.sleep(61)
        return [await g.send(PushToken(1, "a"), TEXT)]

    server = ListServer()

    assert endings(sent(server, later, {"vendors": {"list": Locked}}, least=1)) == ACCEPTED
    assert server.calls["save"] == 2


def test_a_firewall_that_forbids_a_text_to_be_stored_stops_no_other() -> None:
    """HTTP 403 without the vendor's code: that notification is not sent, and another one is."""

    class Firewall(ListServer):
        async def send(self, request: Request, *, pool: str, timeout: float) -> Any:  # noqa: ASYNC109
            if b"title" in request.content:
                self.calls["forbidden"] += 1
                return Response(403, {"content-type": "text/html"}, b"<html>no</html>")
            return await super().send(request, pool=pool, timeout=timeout)

    server = Firewall()

    async def both(g: Any) -> list[Outcome]:
        bad = await g.multicast(phones(500), TEXT)
        assert endings(bad) == {(Status.NOT_SENT, Reason.CREDENTIALS)}
        outcomes: list[Outcome] = await g.multicast(phones(10), Notification("other", "body"))
        return outcomes

    assert endings(sent(server, both, size=10)) == ACCEPTED
    assert server.calls["forbidden"] <= 10
