"""Batches of one notification: their size, refused contents, and what keeps pushes apart."""

import json
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest
from list_vendor import FORBIDDEN, Lister, ListServer, certificate, gateway
from toy_vendor import Toy
from toy_vendor import ToyServer as MixedServer
from toy_vendor import certificate as toy_certificate
from toy_vendor import gateway as toy_gateway

from pushgateway import Badge, Button, Notification, OpenUrl, Outcome, Push, PushToken, Reason, Status
from pushgateway.engine.flow_control.refused_contents import PROOFS
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import Exchange, Refused

TEXT = Notification("title", "body")


def phones(count: int, first: int = 0) -> list[PushToken]:
    """Push tokens of different phones."""
    return [PushToken(1, f"k{number}") for number in range(first, first + count)]


def ran(main: Callable[[], Coroutine[Any, Any, list[Outcome]]]) -> list[Outcome]:
    """The outcomes that `main` returns, in virtual time."""
    outcomes: list[Outcome] = run_virtual(main())
    return outcomes


def multicast(server: ListServer, count: int, note: Notification = TEXT, **settings: Any) -> list[Outcome]:
    """Outcomes of one notification for so many phones, through a gateway of its own."""

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(**settings), timeout=300.0) as g:
            return await g.multicast(phones(count), note)

    return ran(main)


# Size


def test_a_limited_rate_cuts_no_request_of_one_notification() -> None:
    """100,000 phones at 3,000 a second: full requests of 1,000, at the vendor's rate."""
    server = ListServer()

    outcomes = multicast(server, 100_000, rate=3000.0)

    assert all(outcome.ok for outcome in outcomes)
    assert server.calls["push"] == 100


def test_a_request_holds_at_most_a_second_of_the_rate() -> None:
    """At 200 pushes a second a request of 1,000 would be refused as too fast."""
    server = ListServer()

    multicast(server, 1000, rate=200.0)

    assert {len(one["tokens"]) for one in server.requests} == {200}


# Refused contents


def test_a_forbidden_text_to_ten_thousand_phones_costs_a_request_for_each_full_batch_at_most() -> None:
    """The vendor says that its refusal is about the notification, so nothing is tried in halves, and what waits with
    the same notification ends without a request."""
    server = ListServer()
    server.forbidden = {"title"}

    outcomes = multicast(server, 10_000)

    assert server.calls["push"] <= 10
    assert {outcome.reason for outcome in outcomes} == {Reason.INVALID_NOTIFICATION}
    assert {outcome.status for outcome in outcomes} == {Status.REJECTED, Status.NOT_SENT}


def test_a_refusal_that_names_nothing_is_searched() -> None:
    """A refusal that may be about one phone costs no other phone its push: some are asked alone before the notification
    counts as refused. That is a few requests more."""
    server = ListServer()
    server.forbidden = {"title"}

    outcomes = multicast(server, 10_000, about="")

    assert server.calls["push"] <= 30
    assert {outcome.reason for outcome in outcomes} == {Reason.INVALID_NOTIFICATION}


def test_a_refusal_that_names_nothing_and_is_about_one_phone_costs_that_phone_only() -> None:
    """One of a thousand phones makes the vendor refuse the whole request, and its reply does not name it."""

    class Picky(ListServer):
        def _push(self, body: dict[str, Any], region: str) -> dict[str, Any]:
            return {"code": FORBIDDEN} if "k417" in body["tokens"] else super()._push(body, region)

    outcomes = multicast(Picky(), 1000, about="")

    assert [outcome.push_token.token for outcome in outcomes if not outcome.ok] == ["k417"]


def test_dead_phones_do_not_make_a_notification_refused() -> None:
    """Phones that are refused alone, one after the other, as dead: the notification goes to the others."""

    class Dead(Lister):
        def push(self, batch: Any) -> Any:
            yield from super().push(batch)
            if any(int(token[1:]) < 60 for token in batch.tokens):
                raise Refused(Reason.UNREGISTERED, "2")
            return Outcome.all_accepted(batch, ["m"] * len(batch), [()] * len(batch))

    async def main() -> list[Outcome]:
        async with gateway(ListServer(), certificate(size=8), vendors={"list": Dead}, connections=1, timeout=60.0) as g:
            return await g.multicast(phones(80), TEXT)

    outcomes = ran(main)

    assert len([outcome for outcome in outcomes if outcome.reason is Reason.UNREGISTERED]) == 60 > PROOFS
    assert len([outcome for outcome in outcomes if outcome.ok]) == 20


# Sameness


EQUAL_IN_PYTHON = [
    [{"data": {"n": value}} for value in (1, True, 1.0)],
    [{"data": {"n": [{"m": value}]}} for value in (0, False, 0.0, -0.0)],
    [{"parameters": {"n": value}} for value in (1, True, 1.0)],
    [{"overrides": {"list": {"n": value}}} for value in (1, True, 1.0)],
    [{"badge": Badge.add(1)}, {"badge": Badge.set(1)}, {}],
    [{"show_in_foreground": True}, {"show_in_foreground": False}],
    [{"buttons": (Button("a"),)}, {"buttons": (Button("a", OpenUrl("https://a.example")),)}, {}],
    [{"ttl": 1}, {}],
    [{name: "a"} for name in ("replace_key", "sound", "long_body", "picture", "icon", "group", "user_id")],
]


@pytest.mark.parametrize("several", EQUAL_IN_PYTHON, ids=range(len(EQUAL_IN_PYTHON)))
def test_notifications_that_differ_in_anything_share_no_request(several: list[dict[str, Any]]) -> None:
    """`1`, `True` and `1.0` are equal in Python, and so are `0.0` and `-0.0`: phones must not get another one's
    data."""
    server = ListServer()
    notes = [Notification("title", "body", **fields) for fields in several]
    pushes = [Push(one, notes[place % len(notes)]) for place, one in enumerate(phones(6 * len(notes)))]

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.send_each(pushes)

    outcomes = ran(main)

    assert all(outcome.ok for outcome in outcomes)
    meant = {push.push_token.token: place % len(notes) for place, push in enumerate(pushes)}
    shared = [{meant[token] for token in one["tokens"]} for one in server.requests]
    assert all(len(those) == 1 for those in shared)
    assert {len(one["tokens"]) for one in server.requests} == {6}
    for one in server.requests:
        data = [json.dumps(content[1]) for content in one["contents"]]
        assert data == [json.dumps(dict(notes[meant[one["tokens"][0]]].data))] * 6


# Compartments


def with_compartments(method: Any, count: int = 12) -> tuple[MixedServer, list[Outcome]]:
    """Pushes of three channels through a vendor that mixes them, with this `compartment`."""
    server = MixedServer()
    vendor = type("Apart", (Toy,), {"compartment": method})

    async def main() -> list[Outcome]:
        async with toy_gateway(server, toy_certificate(), vendors={"toy": vendor}) as g:
            notes = [Notification(f"c{number % 3}", f"{number}") for number in range(count)]
            return await g.send_each(list(map(Push, phones(count), notes)))

    outcomes: list[Outcome] = run_virtual(main())
    return server, outcomes


def test_pushes_of_different_compartments_share_no_request() -> None:
    """A vendor that mixes notifications gets a request for each compartment, as few as that makes."""
    server, outcomes = with_compartments(lambda _, note: note.title)

    assert all(outcome.ok for outcome in outcomes)
    assert sorted(sorted({title for _, title, _ in batch}) for batch in server.batches) == [["c0"], ["c1"], ["c2"]]


def test_compartment_and_quota_both_keep_pushes_apart() -> None:
    """Two quotas and three compartments make six requests."""
    vendor = type(
        "Apart", (Toy,), {"compartment": lambda _, one: one.title, "quota": lambda _, one: str(int(one.body) % 2)}
    )
    server = MixedServer()

    async def main() -> None:
        async with toy_gateway(server, vendors={"toy": vendor}) as g:
            await g.send_each([Push(one, Notification(f"c{n % 3}", f"{n}")) for n, one in enumerate(phones(60))])

    run_virtual(main())

    assert sorted(len(batch) for batch in server.batches) == [10] * 6


@pytest.mark.parametrize(("about", "least", "most"), [("compartment", 3, 3), ("", 41, 90)])
def test_a_refused_compartment_is_not_searched(about: Any, least: int, most: int) -> None:
    """A channel that is not approved costs its pushes one request and other channels nothing. Where the code does not
    say so, each push of the channel is tried alone."""

    class Channels(Toy):
        def compartment(self, notification: Notification) -> str:
            return notification.title

        def push(self, batch: Sequence[Push]) -> Exchange[Sequence[Outcome]]:
            outcomes = yield from super().push(batch)
            if any(push.notification.title == "c1" for push in batch):
                raise Refused(Reason.INVALID_NOTIFICATION, "27", about=about)
            return outcomes

    server = MixedServer()

    async def main() -> list[Outcome]:
        async with toy_gateway(server, toy_certificate(), vendors={"toy": Channels}, timeout=600.0) as g:
            notes = [Notification(f"c{number % 3}", f"{number}") for number in range(120)]
            return await g.send_each(list(map(Push, phones(120), notes)))

    outcomes: list[Outcome] = run_virtual(main())

    assert [outcome.ok for outcome in outcomes] == [number % 3 != 1 for number in range(120)]
    assert {outcome.reason for outcome in outcomes[1::3]} == {Reason.INVALID_NOTIFICATION}
    assert least <= server.calls["push"] <= most


def test_a_vendor_that_cannot_mix_is_not_asked_for_compartments() -> None:
    """Its requests hold one notification anyway."""
    vendor = type("Asked", (Lister,), {"compartment": lambda *_: 1 / 0})

    async def main() -> list[Outcome]:
        async with gateway(ListServer(), vendors={"list": vendor}) as g:
            return await g.multicast(phones(2), TEXT)

    assert all(outcome.ok for outcome in run_virtual(main()))


@pytest.mark.parametrize("wrong", [lambda *_: 7, lambda *_: 1 / 0])
def test_a_compartment_that_is_no_text_ends_the_push(wrong: Any) -> None:
    """The plug-in broke its contract: nothing is sent, and the outcome says so."""
    server, outcomes = with_compartments(wrong)

    assert {(one.status, one.reason) for one in outcomes} == {(Status.NOT_SENT, Reason.CREDENTIALS)}
    assert all("broke its contract" in one.detail for one in outcomes)
    assert not server.batches
