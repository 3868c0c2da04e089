"""Requests that are refused as a whole: the pushes that cause the refusal get it as their outcome, and no others do."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from toy_vendor import Toy, ToyServer, certificate, gateway, note

from pushgateway import Outcome, Push, PushToken, Reason, Status
from pushgateway.engine.flow_control.refused_contents import CONTENT_PAUSE, RefusedContents
from pushgateway.engine.flow_control.size_limit import SIZE_PAUSE, SIZE_TRIAL, SizeLimit
from pushgateway.observe.events import BreakerChanged, Event
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Exchange, Refused, Request, Response

Items = list[list[str]]


class Judging(ToyServer):
    """A server that refuses a push request as a whole if `judge` says so, with this HTTP status or this code of the
    vendor."""

    def __init__(self, judge: Callable[[Items], bool], *, status: int = 0, code: str = "") -> None:
        super().__init__()
        self.judge, self.status, self.code = judge, status, code
        self.sizes: list[int] = []
        self.refused = 0

    def _answer(self, what: str, request: Request) -> Response:
        self.sizes.append(len(request.content))
        return super()._answer(what, request)

    def _push(self, items: Items) -> Response:
        if not self.judge(items):
            return super()._push(items)
        self.refused += 1
        self.batches.append(items)
        if self.code:
            self.answers = [self.code]
            return super()._push(items)
        return Response(self.status, {"content-type": "text/html"}, b"<html>no</html>")


def holds(*titles: str) -> Callable[[Items], bool]:
    """A condition: whether a request holds one of these titles."""
    return lambda items: any(title in titles for _, title, _ in items)


def send(server: ToyServer, pushes: list[Push], *settings: Any, **options: Any) -> list[Outcome]:
    """Outcomes of pushes through a gateway of its own, in virtual time."""

    async def main() -> list[Outcome]:
        async with gateway(server, *settings, **options) as g:
            return await g.send_each(pushes)

    return run_virtual(main())


def chats(count: int, bad: Callable[[int], bool] = lambda number: False) -> list[Push]:
    """Pushes with a text of their own each; `bad` of them have a forbidden text."""
    texts = (f"bad {number}" if bad(number) else f"text {number}" for number in range(count))
    return [Push(PushToken(1, f"k{number}"), note(text)) for number, text in enumerate(texts)]


# A firewall in front of the vendor


def test_a_firewall_that_refuses_one_text_affects_that_push_only() -> None:
    """HTTP 403 without the vendor's code may be about one text: only that push gets the refusal, and no breaker
    opens."""
    events: list[Event] = []
    server = Judging(holds("bad 41"), status=403)

    outcomes = send(server, chats(100, lambda number: number == 41), observer=events.append)

    (bad,) = [outcome for outcome in outcomes if not outcome.ok]
    assert (bad.push_token.token, bad.status, bad.reason) == ("k41", Status.REJECTED, Reason.CREDENTIALS)
    assert not [event for event in events if isinstance(event, BreakerChanged)]
    assert server.calls["push"] <= 1 + 2 * 7 + 7


def test_one_forbidden_text_again_and_again_stops_no_other_push() -> None:
    """One user sends the same forbidden text for a minute beside sixty other pushes a second: the others arrive."""
    server = Judging(holds("bad"), status=403)

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            sends = []
            for second in range(60):
                sends.append(asyncio.create_task(g.send(PushToken(1, f"b{second}"), note("bad"))))
                sends += [
                    asyncio.create_task(g.send(PushToken(1, f"k{second}-{number}"), note(f"{second}-{number}")))
                    for number in range(60)
                ]
                await asyncio.sleep(1)
            return await asyncio.gather(*sends)

    outcomes = run_virtual(main())

    assert {outcome.push_token.token for outcome in outcomes if not outcome.ok} == {
        f"b{second}" for second in range(60)
    }


def test_a_forbidden_text_without_other_traffic_opens_no_breaker() -> None:
    """Ten times the same text and nothing else, each refused: the next text is still sent."""
    server = Judging(holds("bad"), status=403)

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            tries = [await g.send(PushToken(1, f"b{number}"), note("bad")) for number in range(10)]
            return [*tries, await g.send(PushToken(1, "a"), note("fine"))]

    *tries, other = run_virtual(main())

    assert {one.reason for one in tries} == {Reason.CREDENTIALS}
    assert other.ok


def test_credentials_that_are_refused_without_a_code_open_the_breaker_after_some_texts() -> None:
    """If every text is refused the credentials are the cause: a thousand pushes cost a dozen requests, not two
    thousand."""
    server = Judging(lambda items: True, status=403)

    outcomes = send(server, chats(1000))

    assert {outcome.reason for outcome in outcomes} == {Reason.CREDENTIALS}
    assert sum(outcome.status is Status.REJECTED for outcome in outcomes) <= 20
    assert all(outcome.attempts > 0 for outcome in outcomes if outcome.status is Status.REJECTED)
    assert server.calls["push"] <= 25


def test_a_batch_with_one_text_that_a_firewall_refuses_is_not_halved() -> None:
    """A firewall decides by text, and all pushes of the batch have the same."""
    server = Judging(holds("bad"), status=403)
    text = note("bad")

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            first = await g.multicast([PushToken(1, f"k{number}") for number in range(20_000)], text)
            return [*first, await g.send(PushToken(1, "a"), note("fine"))]

    *outcomes, other = run_virtual(main())

    assert {outcome.reason for outcome in outcomes} == {Reason.CREDENTIALS}
    assert server.calls["push"] <= 21
    assert other.ok


def test_a_probe_with_a_forbidden_text_does_not_mean_refused_credentials() -> None:
    """After an outage the first push is the probe; if a firewall refuses its text, that says nothing about the other
    pushes."""
    events: list[Event] = []
    down = True
    server = Judging(lambda items: down or holds("bad")(items), status=503)

    async def main() -> Outcome:
        nonlocal down
        async with gateway(server, observer=events.append) as g:
            lost = [asyncio.create_task(g.send(PushToken(1, f"k{i}"), note(f"{i}"), timeout=3)) for i in range(8)]
            await asyncio.gather(*lost)
            down, server.status = False, 403
            await g.send(PushToken(1, "b"), note("bad"))
            return await g.send(PushToken(1, "a"), note("fine"))

    assert run_virtual(main()).ok
    assert Reason.CREDENTIALS not in {event.reason for event in events if isinstance(event, BreakerChanged)}


# Contents that the vendor refuses


@pytest.mark.parametrize(("refused", "most"), [(1, 21), (20, 300), (100, 900)])
def test_only_the_pushes_that_cause_a_refusal_get_it(refused: int, most: int) -> None:
    """However many of a thousand are refused, each of them was alone in its request, and all others arrive."""
    server = Judging(lambda items: any(title.startswith("bad") for _, title, _ in items), code="3")
    step = 1000 // refused

    outcomes = send(server, chats(1000, lambda number: number % step == step - 1))

    bad = [outcome for outcome in outcomes if not outcome.ok]
    assert [one.push_token.token for one in bad] == [f"k{number}" for number in range(step - 1, 1000, step)]
    assert {(one.status, one.reason) for one in bad} == {(Status.REJECTED, Reason.INVALID_NOTIFICATION)}
    assert sum(server.ledger.values()) == 1000 - refused
    assert max(outcome.attempts for outcome in outcomes) <= 12
    assert server.calls["push"] <= most


def test_a_dead_token_that_the_refusal_does_not_name_is_found() -> None:
    """ "This token is dead" for a request with a hundred tokens, without naming one, retires no living phone."""

    class Unnamed(Toy):
        def _refuse(self, code: str) -> None:
            if code == "2":
                raise Refused(Reason.UNREGISTERED, code)
            super()._refuse(code)

    server = Judging(lambda items: any(token == "k7" for token, *_ in items), code="2")

    outcomes = send(server, chats(100), vendors={"toy": Unnamed})

    assert [one.push_token.token for one in outcomes if one.reason is Reason.UNREGISTERED] == ["k7"]
    assert sum(outcome.ok for outcome in outcomes) == 99


def test_new_pushes_are_sent_while_a_search_is_under_way() -> None:
    """Half of a thousand pushes are refused: pushes that come meanwhile are sent within a few requests."""
    server = Judging(lambda items: any(title.startswith("bad") for _, title, _ in items), code="3")

    async def main() -> tuple[float, Outcome]:
        async with gateway(server, connections=1) as g:
            search = asyncio.create_task(g.send_each(chats(1000, lambda number: number % 2 == 0)))
            await asyncio.sleep(2)
            loop = asyncio.get_running_loop()
            begun = loop.time()
            outcome = await g.send(PushToken(1, "fresh"), note("fine"))
            took = loop.time() - begun
            await search
            return took, outcome

    took, outcome = run_virtual(main())

    assert outcome.ok
    assert took <= 0.3


class SaysContent(Toy):
    """A vendor whose refusals say that they are about the content."""

    about: Any = "content"

    def _refuse(self, code: str) -> None:
        if code == "3":
            raise Refused(Reason.INVALID_NOTIFICATION, code, about=type(self).about)
        super()._refuse(code)


class SaysTarget(SaysContent):
    about = "target"


@pytest.mark.parametrize(("vendor", "most"), [(SaysContent, 10), (Toy, 80)])
@pytest.mark.parametrize("mixed", [True, False])
def test_one_forbidden_notification_to_ten_thousand_phones(vendor: type[Toy], most: int, mixed: bool) -> None:
    """What all pushes of a request share is not searched for in halves; if the vendor does not say what a refusal is
    about, a few single phones prove it."""
    server = Judging(holds("bad"), code="3")
    text = note("bad")

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(mixed=mixed), vendors={"toy": vendor}) as g:
            return await g.multicast([PushToken(1, f"k{number}") for number in range(10_000)], text)

    outcomes = run_virtual(main())

    assert {outcome.reason for outcome in outcomes} == {Reason.INVALID_NOTIFICATION}
    assert {outcome.vendor_code for outcome in outcomes} == {"3"}
    assert server.calls["push"] <= most
    assert all((outcome.status is Status.REJECTED) is (outcome.attempts > 0) for outcome in outcomes)


@pytest.mark.parametrize("vendor", [Toy, SaysTarget])
def test_a_phone_for_which_a_good_notification_is_refused_is_found(vendor: type[Toy]) -> None:
    """The same notification reaches all other phones, so it is not the cause."""
    bad = {f"k{number}" for number in range(100, 120)}
    server = Judging(lambda items: any(token in bad for token, *_ in items), code="3")
    text = note()

    async def main() -> list[Outcome]:
        async with gateway(server, vendors={"toy": vendor}) as g:
            return await g.multicast([PushToken(1, f"k{number}") for number in range(1000)], text)

    outcomes = run_virtual(main())

    assert {outcome.push_token.token for outcome in outcomes if not outcome.ok} == bad


def test_a_refused_notification_is_sent_again_after_a_while() -> None:
    """The vendor may accept now what it refused a minute ago."""
    contents = RefusedContents()
    refusal = Refused(Reason.INVALID_NOTIFICATION, "3")

    contents.refused("text", 0.0, refusal)

    assert contents.refusal("text", CONTENT_PAUSE - 0.1) is refusal
    assert contents.refusal("text", CONTENT_PAUSE) is None


def test_a_notification_that_was_accepted_is_not_the_cause() -> None:
    """Refusals for five phones prove nothing about the notification once another phone got it."""
    contents = RefusedContents()
    refusal = Refused(Reason.INVALID_NOTIFICATION, "3")
    contents.refused("text", 0.0, refusal, proofs=0)

    contents.accepted(["text", "another"], 1.0)
    for _ in range(9):
        contents.refused("text", 2.0, refusal, proofs=1)

    assert contents.refusal("text", 2.0) is None
    assert "another" not in contents


# Requests that are too large


def sized(server: Judging, limit: int) -> Judging:
    """A server that replies 413 to a request of more than `limit` bytes."""
    server.judge = lambda items: server.sizes[-1] > limit
    return server


@pytest.mark.parametrize("limit", [1024 * 1024, 64 * 1024, 16 * 1024, 2 * 1024])
def test_requests_that_are_too_large_become_smaller_and_nothing_is_lost(limit: int) -> None:
    """HTTP 413 says that the request is too large, not that a notification is wrong."""
    server = sized(Judging(lambda items: False, status=413), limit)
    pushes = [Push(PushToken(1, f"k{number}"), note("t" * 900)) for number in range(2000)]

    outcomes = send(server, pushes, certificate(max_bytes=None))

    assert all(outcome.ok for outcome in outcomes)
    assert sum(server.ledger.values()) == 2000


def test_the_size_limit_is_kept_and_raised_after_an_hour() -> None:
    """In the second round no request is too large, and an hour later a larger one is tried once."""
    server = sized(Judging(lambda items: False, status=413), 64 * 1024)

    async def main() -> list[int]:
        async with gateway(server, certificate(max_bytes=None)) as g:
            rounds = []
            for pause in (0, 60, SIZE_PAUSE, SIZE_PAUSE):
                await asyncio.sleep(pause)
                if pause == SIZE_PAUSE and len(rounds) == 3:
                    server.judge = lambda items: False
                server.refused = 0
                tokens = [f"{len(rounds)}-{number}" for number in range(1000)]
                outcomes = await g.send_each([Push(PushToken(1, token), note("t" * 900)) for token in tokens])
                assert all(outcome.ok for outcome in outcomes)
                rounds.append(server.refused)
            return rounds

    first, second, third, fourth = run_virtual(main())

    assert 0 < first <= 40
    assert second == 0
    assert third == 1
    assert fourth == 0


def test_a_push_that_is_too_large_alone_is_refused_alone() -> None:
    """The other pushes arrive."""
    server = sized(Judging(lambda items: False, status=413), 4 * 1024)
    pushes = [Push(PushToken(1, f"k{number}"), note("t" * (5000 if number == 3 else 10))) for number in range(50)]

    outcomes = send(server, pushes, certificate(max_bytes=None))

    (large,) = [outcome for outcome in outcomes if not outcome.ok]
    assert (large.push_token.token, large.status, large.reason) == ("k3", Status.REJECTED, Reason.INVALID_NOTIFICATION)
    assert "too large" in large.detail


def test_a_size_limit_is_halved_and_doubled_by_the_hour() -> None:
    """Late refusals of requests of the same size change nothing; above the largest request there is no limit any
    more."""
    limit = SizeLimit()

    limit.refused(0.0, 1000)
    limit.refused(1.0, 1000)

    assert limit.current(1.0) == 500
    assert limit.current(SIZE_PAUSE + 1.0) == 1000
    assert limit.current(SIZE_PAUSE + 1.0) == 500
    assert limit.current(SIZE_PAUSE + SIZE_TRIAL + 1.0) == 1000
    assert limit.current(2 * SIZE_PAUSE + 2 * SIZE_TRIAL + 1.0) == 2000
    assert limit.current(2 * SIZE_PAUSE + 3 * SIZE_TRIAL + 1.0) == float("inf")


def test_a_refused_larger_request_keeps_the_limit_for_another_hour() -> None:
    """One refused request an hour is the price of finding out."""
    limit = SizeLimit()
    limit.refused(0.0, 1000)
    assert limit.current(SIZE_PAUSE) == 1000

    limit.refused(SIZE_PAUSE + 1.0, 1000)

    assert limit.current(SIZE_PAUSE + SIZE_TRIAL + 1.0) == 500
    assert limit.current(2 * SIZE_PAUSE) == 500
    assert limit.current(2 * SIZE_PAUSE + 1.0) == 1000


def test_pushes_that_were_answered_are_not_sent_again_with_a_new_access_token() -> None:
    """A batch that takes two requests, the second of which needs a new access token: what the first one brought is
    kept, and only the others are sent again."""

    class InTwo(Toy):
        def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
            if len(batch) == 1:
                return (yield from super().push(batch))
            done = yield from super().push(batch[:1])
            try:
                return [*done, *(yield from super().push(batch[1:]))]
            except Refused as refused:
                raise refused.keeping(dict(enumerate(done))) from None

    server = ToyServer()
    server.dedupes = False
    server.answers = [lambda items: {token: "0" for token, *_ in items}, "11"]

    async def main() -> list[Outcome]:
        own = certificate(dedupe=False)
        async with gateway(server, own, vendors={"toy": InTwo}) as g:
            return await g.send_each([Push(PushToken(1, f"k{number}"), note()) for number in range(3)])

    outcomes = run_virtual(main())

    assert [outcome.ok for outcome in outcomes] == [True] * 3
    assert [token for items in server.batches for token, *_ in items].count("k0") == 1
    assert server.calls["login"] == 2
