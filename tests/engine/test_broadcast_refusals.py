"""Broadcast requests with a list that are refused as a whole: the targets that cause the refusal get it, and nobody
gets the broadcast twice."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

import attrs
import pytest
from toy_vendor import Toy, ToyServer, gateway

from pushgateway import Audience, BroadcastOutcome, Notification, Outcome, PushToken, Reason, Status, SumStatus
from pushgateway.model.audience import AudienceKind
from pushgateway.observe.events import BreakerChanged, Event
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Broadcast, Exchange, NoVerdict, Refused, Request, Response

NOTE = Notification("title", "body")
HTML = {"content-type": "text/html"}


@attrs.frozen
class Wide(Toy):
    """The toy vendor with lists of up to 1000."""

    audience_size: ClassVar[int] = 1000


class Judging(ToyServer):
    """A server that refuses a broadcast request if `judge` says so for its tokens, with an HTTP status or a vendor's
    code.

    `reached`: how often each token was in a request that was performed.
    """

    def __init__(self, judge: Callable[[list[str]], bool], *, status: int = 0, code: str = "") -> None:
        super().__init__()
        self.judge, self.status, self.code = judge, status, code
        self.reached: Counter[str] = Counter()
        self.lost: set[int] = set()

    def _answer(self, what: str, request: Request) -> Response:
        if what != "broadcast":
            return super()._answer(what, request)
        tokens = json.loads(request.content)[1:]
        if self.judge(tokens):
            self.sent_to.append(["refused", *tokens])
            if self.code:
                return Response(200, {"content-type": "application/json"}, json.dumps({"code": self.code}).encode())
            return Response(self.status, HTML, b"<html>no</html>")
        self.reached.update(tokens)
        if self.calls["broadcast"] in self.lost:
            raise NoVerdict("lost")
        return super()._answer(what, request)


def broadcast(server: ToyServer, names: list[str], vendor: type[Toy] = Wide, **options: Any) -> BroadcastOutcome:
    """The result of one broadcast to these tokens, through a gateway of its own."""

    async def main() -> BroadcastOutcome:
        async with gateway(server, vendors={"toy": vendor}, **options) as g:
            return await g.broadcast(1, NOTE, Audience.of_tokens(names), timeout=3600.0)

    return run_virtual(main())


def tokens(count: int) -> list[str]:
    return [f"k{number}" for number in range(count)]


def refused(outcome: BroadcastOutcome) -> list[str]:
    return [one.push_token.token for one in outcome.outcomes if not one.ok]


@pytest.mark.parametrize("status", [413, 414, 431])
@pytest.mark.parametrize("most", [1, 7, 100, 999])
def test_a_list_that_is_too_large_for_a_proxy_becomes_shorter(status: int, most: int) -> None:
    """A request that was refused as too large reached nobody: everybody gets the broadcast once, in shorter lists."""
    server = Judging(lambda those: len(those) > most, status=status)

    outcome = broadcast(server, tokens(1000))

    assert outcome.status is Status.ACCEPTED
    assert server.reached == Counter(tokens(1000))


def test_the_next_broadcast_uses_the_shorter_length() -> None:
    """The size that was refused is not tried again for an hour."""
    server = Judging(lambda those: len(those) > 300, status=413)

    async def main() -> list[int]:
        async with gateway(server, vendors={"toy": Wide}) as g:
            await g.broadcast(1, NOTE, Audience.of_tokens(tokens(1000)))
            before = server.calls["broadcast"]
            await g.broadcast(1, NOTE, Audience.of_tokens(tokens(1000)))
            return [before, server.calls["broadcast"] - before]

    first, second = run_virtual(main())

    assert first > second
    assert len([1 for one in server.sent_to[first:] if one[0] == "refused"]) == 0


@pytest.mark.parametrize(("status", "code", "reason"), [(403, "", Reason.CREDENTIALS), (0, "3", None), (400, "", None)])
def test_a_refusal_is_the_outcome_of_the_one_token_that_causes_it(
    status: int, code: str, reason: Reason | None
) -> None:
    """A refusal that names no token is repeated with smaller lists until the token is found; the others get the
    broadcast once, and no breaker opens."""
    events: list[Event] = []
    server = Judging(lambda those: "k641" in those, status=status, code=code)

    outcome = broadcast(server, tokens(1000), observer=events.append)

    assert (outcome.status, refused(outcome)) == (SumStatus.PARTLY, ["k641"])
    (bad,) = [one for one in outcome.outcomes if not one.ok]
    assert (bad.status, bad.reason) == (Status.REJECTED, reason or Reason.INVALID_NOTIFICATION)
    assert server.reached == Counter(set(tokens(1000)) - {"k641"})
    assert server.calls["broadcast"] <= 1 + 5 + 1 + 2 * 10
    assert not [event for event in events if isinstance(event, BreakerChanged)]


def test_bad_tokens_at_the_beginning_do_not_mean_a_bad_notification() -> None:
    """The tokens that are sent to alone first are taken from the whole length of the list."""
    bad = set(tokens(20))
    server = Judging(lambda those: not bad.isdisjoint(those), code="3")

    outcome = broadcast(server, tokens(1000))

    assert refused(outcome) == tokens(20)
    assert server.reached == Counter(set(tokens(1000)) - bad)


@pytest.mark.parametrize(("status", "code"), [(403, ""), (0, "3")])
def test_a_notification_that_is_refused_for_everybody_costs_six_requests(status: int, code: str) -> None:
    """If it is refused for some single tokens and accepted for none, the notification is the cause, and the rest of the
    list is not tried."""
    server = Judging(lambda those: True, status=status, code=code)

    outcome = broadcast(server, tokens(2500))

    assert server.calls["broadcast"] == 6
    assert [one.status for one in outcome.outcomes] == [Status.REJECTED] * 1000 + [Status.NOT_SENT] * 1500
    assert {one.reason for one in outcome.outcomes} == {outcome.reason}


def test_a_notification_refused_in_one_region_is_tried_in_another() -> None:
    """Another server may decide differently."""
    server = Judging(lambda those: not those[0].startswith("far-"), code="8")

    outcome = broadcast(server, [*tokens(3), "far-a"])

    assert [one.reason for one in outcome.outcomes] == [Reason.CREDENTIALS] * 3 + [None]


def test_a_smaller_list_without_a_verdict_is_not_repeated() -> None:
    """It may have reached somebody, so no further request is made for these tokens."""
    server = Judging(lambda those: len(those) > 300, status=413)
    server.lost = {3}

    outcome = broadcast(server, tokens(1000))

    lost = [one for one in outcome.outcomes if not one.ok]
    assert {(one.status, one.reason) for one in lost} == {(Status.UNKNOWN, Reason.NO_VERDICT)}
    assert len(lost) == 250
    assert server.reached == Counter(tokens(1000))


def test_outcomes_that_the_plugin_has_set_stay() -> None:
    """A token that the plug-in could not send to is not sent to again; an outcome for another token is ignored."""

    @attrs.frozen
    class Settles(Wide):
        def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
            values = broadcast.audience.values
            own = {
                place: Outcome(push_token=PushToken("1", value), status=Status.NOT_SENT, reason=Reason.UNSUPPORTED)
                for place, value in enumerate(values)
                if value == "k3"
            }
            try:
                return (yield from super().broadcast(broadcast, saved))
            except Refused as failed:
                other = Outcome(push_token=PushToken("1", "k9"), status=Status.ACCEPTED)
                raise failed.keeping({**own, len(values) + 5: other}) from None

    server = Judging(lambda those: "k5" in those or "k3" in those, code="3")

    outcome = broadcast(server, tokens(8), Settles)

    assert {one.push_token.token: one.reason for one in outcome.outcomes if not one.ok} == {
        "k3": Reason.UNSUPPORTED,
        "k5": Reason.INVALID_NOTIFICATION,
    }
    assert len(outcome.outcomes) == 8


@pytest.mark.parametrize("of", [Audience.of_aliases, Audience.of_accounts])
def test_lists_of_aliases_and_accounts_become_shorter_too(of: Callable[[Iterable[str]], Audience]) -> None:
    """They are counted for each request, each one once."""

    @attrs.frozen
    class Named(Wide):
        audiences: ClassVar[frozenset[AudienceKind]] = frozenset({AudienceKind.ALIASES, AudienceKind.ACCOUNTS})

        def broadcast(self, broadcast: Broadcast, saved: str) -> Exchange[BroadcastOutcome]:
            return attrs.evolve((yield from super().broadcast(broadcast, saved)), outcomes=())

    server = Judging(lambda those: "k5" in those, code="3")

    async def main() -> BroadcastOutcome:
        async with gateway(server, vendors={"toy": Named}) as g:
            return await g.broadcast(1, NOTE, of(tokens(40)))

    outcome = run_virtual(main())

    assert outcome.counts == {
        (Status.ACCEPTED, None): 39,
        (Status.REJECTED, Reason.INVALID_NOTIFICATION): 1,
    }


def test_a_search_ends_at_the_time_limit() -> None:
    """A token that was not reached by then is `EXPIRED`, which does not say that the token is bad."""
    server = Judging(lambda those: "k5" in those, code="3")
    server.latency = 1.0

    async def main() -> BroadcastOutcome:
        async with gateway(server, vendors={"toy": Wide}) as g:
            return await g.broadcast(1, NOTE, Audience.of_tokens(tokens(1000)), timeout=10.5)

    outcome = run_virtual(main())

    ended = {one.push_token.token: (one.status, one.reason) for one in outcome.outcomes}
    assert ended["k5"] == (Status.NOT_SENT, Reason.EXPIRED)
    assert set(ended.values()) == {(Status.ACCEPTED, None), (Status.NOT_SENT, Reason.EXPIRED)}


def test_parts_that_closing_prevents_end_closed() -> None:
    """Only the part that was under way is `NO_VERDICT`: for the others no request was made."""
    server = ToyServer()
    server.latency = 5.0

    async def main() -> BroadcastOutcome:
        g = gateway(server)
        task = asyncio.create_task(g.broadcast(1, NOTE, Audience.of_tokens(tokens(9)), timeout=600.0))
        await asyncio.sleep(12.0)
        await g.aclose(grace=0.0)
        return await task

    outcome = run_virtual(main())

    assert [(one.status, one.reason) for one in outcome.outcomes] == [
        *[(Status.UNKNOWN, Reason.NO_VERDICT)] * 3,
        *[(Status.NOT_SENT, Reason.CLOSED)] * 6,
    ]
