"""Message ids, where the phones of a vendor drop repeats of one: a repeat has the same id, and no other push has it."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from list_vendor import BUSY, FORBIDDEN, ListServer, certificate, gateway

from pushgateway import Notification, Outcome, Push, PushToken, Status
from pushgateway.testing.virtual_time import run_virtual
from pushgateway.vendor import NoVerdict

TEXT = Notification("title", "body")
URL = "https://im.example/push"


class Picky(ListServer):
    """Refuses a request as a whole if it holds one of two phones."""

    def _push(self, body: dict[str, Any], region: str) -> dict[str, Any]:
        if {"k5", "k105"} & set(body["tokens"]):
            return {"code": FORBIDDEN}
        return super()._push(body, region)


def phones(count: int, first: int = 0) -> list[PushToken]:
    """Push tokens of different phones."""
    return [PushToken(1, f"k{number}") for number in range(first, first + count)]


def sent(
    server: ListServer,
    main: Callable[[Any], Coroutine[Any, Any, list[Outcome]]],
    connections: int = 8,
    **settings: Any,
) -> list[Outcome]:
    """What `main` returns with a gateway to the server, whose phones drop repeats of a message id."""

    async def run() -> list[Outcome]:
        async with gateway(server, certificate(dedupe="message", **settings), connections=connections) as g:
            outcomes: list[Outcome] = await main(g)
            return outcomes

    outcomes: list[Outcome] = run_virtual(run())
    return outcomes


def ids_of(server: ListServer) -> dict[str, list[str]]:
    """For each token the message ids under which it was sent to, in order."""
    ids: dict[str, list[str]] = defaultdict(list)
    for request in server.requests:
        for token, message_id in zip(request["tokens"], request["message_ids"], strict=True):
            ids[token].append(message_id)
    return ids


def test_the_pushes_of_a_request_have_one_id() -> None:
    """Without an id of the host's, each request has a new one."""
    server = ListServer()

    sent(server, lambda g: g.multicast(phones(2500), TEXT))

    ids = [set(request["message_ids"]) for request in server.requests]
    assert [len(those) for those in ids] == [1, 1, 1]
    assert len(set.union(*ids)) == 3


def test_the_hosts_id_of_a_message_makes_one_id_for_all_requests() -> None:
    """So a phone that gets the same message in a second send drops it; another certificate has another id."""
    server = ListServer()
    note = Notification("title", "body", dedupe_id="message-7")

    async def twice(g: Any) -> Any:
        await g.multicast(phones(1500), note)
        return await g.send_each([Push(phones(1)[0], note), Push(PushToken(1, "far-1"), note)])

    sent(server, twice)

    assert len({one for request in server.requests for one in request["message_ids"]}) == 1
    assert set(server.shown.values()) == {1}


@pytest.mark.parametrize("mixed", [False, True])
def test_an_equal_notification_that_is_sent_twice_is_shown_twice(mixed: bool) -> None:
    """Two sends have two ids, also when they are handed in together or one of them is being repeated."""
    server = ListServer()
    server.answers = ["0", NoVerdict("cut"), "0", "0"]

    async def often(g: Any) -> list[Outcome]:
        first = await g.multicast(phones(3), TEXT)
        cut = asyncio.create_task(g.multicast(phones(3), Notification("title", "body")))
        await asyncio.sleep(0.02)
        again = asyncio.create_task(g.send_each([Push(one, TEXT) for one in phones(3) * 2]))
        return [*first, *await cut, *await again]

    outcomes = sent(server, often, mixed=mixed)

    assert all(outcome.ok for outcome in outcomes)
    assert set(server.shown.values()) == {4}


@pytest.mark.parametrize("mixed", [False, True])
def test_a_push_without_a_verdict_is_repeated_under_its_id(mixed: bool) -> None:
    """The phones drop what they have already, so it is shown once and called no duplicate."""
    server = ListServer()
    server.answers = [NoVerdict("cut"), NoVerdict("cut")]

    outcomes = sent(server, lambda g: g.multicast(phones(4), TEXT), mixed=mixed)

    assert [(one.status, one.attempts, one.possible_duplicate) for one in outcomes] == [(Status.ACCEPTED, 3, False)] * 4
    assert all(len(set(ids)) == 1 for ids in ids_of(server).values())
    assert set(server.shown.values()) == {1}


def test_a_push_whose_id_is_set_shares_no_request_with_another_id() -> None:
    """Where a request has one id, a repeat and fresh pushes with an equal notification go apart."""
    server = ListServer()
    server.answers = [BUSY, BUSY, BUSY, BUSY]

    async def several(g: Any) -> list[Outcome]:
        tasks = []
        for first in range(0, 40, 4):
            tasks.append(asyncio.create_task(g.multicast(phones(4, first), TEXT)))
            await asyncio.sleep(0.03)
        return [one for task in tasks for one in await task]

    outcomes = sent(server, several, connections=1)

    assert all(outcome.ok for outcome in outcomes)
    assert all(len(set(request["message_ids"])) == 1 for request in server.requests)
    assert all(len(set(ids)) == 1 for ids in ids_of(server).values())
    assert max(len(ids) for ids in ids_of(server).values()) > 1


@pytest.mark.parametrize("mixed", [False, True])
def test_the_parts_of_a_refused_request_keep_its_id(mixed: bool) -> None:
    """Two requests are refused as a whole for one phone each: whatever is tried again has the id that it had, and parts
    of the two requests share none."""

    server = Picky()

    outcomes = sent(server, lambda g: g.multicast(phones(200), TEXT), connections=1, about="", size=100, mixed=mixed)

    assert [one.push_token.token for one in outcomes if not one.ok] == ["k5", "k105"]
    assert all(len(set(ids)) == 1 for ids in ids_of(server).values())
    assert mixed or all(len(set(request["message_ids"])) == 1 for request in server.requests)


def test_pushes_with_different_notifications_in_a_request_have_ids_of_their_own() -> None:
    """Each has its dedupe id, or one that is made of the host's id of the message, and keeps it."""
    server = ListServer()
    server.answers = [NoVerdict("cut")]
    notes = [Notification(f"t{number}", "body", dedupe_id="m" if number > 7 else None) for number in range(10)]

    outcomes = sent(server, lambda g: g.send_each(list(map(Push, phones(10), notes))), mixed=True, marked="none")

    first, second = server.requests
    own = dict(zip(first["tokens"], first["message_ids"], strict=True))
    assert own == dict(zip(second["tokens"], second["message_ids"], strict=True))
    assert [own[one.push_token.token] for one in outcomes[:8]] == [one.dedupe_id for one in outcomes[:8]]
    assert len(set(own.values())) == 9  # 8 and one of the message


def test_a_host_that_repeats_its_pushes_under_their_ids_repeats_their_message_id() -> None:
    """A host sends its pushes again under the ids that it gave them: alone, and the same ones together. With others
    they have another id, which no phone has seen."""
    server = ListServer()
    a, b, c = (Push(one, TEXT, dedupe_id=f"row-{number}") for number, one in enumerate(phones(3)))

    async def often(g: Any) -> list[Outcome]:
        for pushes in ([a], [a], [a, b], [a, b], [a, c]):
            outcomes: list[Outcome] = await g.send_each(pushes)
        return outcomes

    sent(server, often)

    ids = [request["message_ids"][0] for request in server.requests]
    assert ids[0] == ids[1] == "row-0"
    assert ids[2] == ids[3]
    assert len({ids[0], ids[2], ids[4]}) == 3
    assert server.shown["k2", json.dumps(["title", {}])] == 1


def test_a_mark_on_each_push_changes_no_message_id() -> None:
    """Pushes are marked for their receipts again with each try."""
    server = Picky()

    sent(server, lambda g: g.multicast(phones(10), TEXT), about="", marked="push", receipt_url=URL)

    ids = ids_of(server)
    assert all(len(set(those)) == 1 for those in ids.values())
    assert max(map(len, ids.values())) > 1
    assert not any(None in request["parameters"] for request in server.requests)


def test_a_reload_changes_no_message_id() -> None:
    """Pushes that wait for another try are sent by the new settings, under the ids that they had."""
    server = ListServer()
    server.answers = [NoVerdict("cut")]

    async def reloaded(g: Any) -> list[Outcome]:
        task = asyncio.create_task(g.multicast(phones(3), TEXT))
        await asyncio.sleep(0.06)
        g.reload([certificate(dedupe="message", size=999)])
        outcomes: list[Outcome] = await task
        return outcomes

    outcomes = sent(server, reloaded)

    assert all(outcome.ok for outcome in outcomes)
    assert all(len(set(ids)) == 1 for ids in ids_of(server).values())
    assert set(server.shown.values()) == {1}


def test_a_reload_that_ends_mixed_requests_puts_no_two_ids_into_one() -> None:
    """What shared a request with another notification has ids of its own, and waits by them for another try."""
    server = ListServer()
    server.answers = [NoVerdict("cut")]
    notes = [TEXT, Notification("other", "body"), TEXT, TEXT]

    async def reloaded(g: Any) -> list[Outcome]:
        pushes = [Push(phone, note) for phone, note in zip(phones(4), notes, strict=True)]
        task = asyncio.create_task(g.send_each(pushes))
        await asyncio.sleep(0.06)
        g.reload([certificate(dedupe="message", mixed=False)])
        outcomes: list[Outcome] = await task
        return outcomes

    outcomes = sent(server, reloaded, mixed=True)

    assert all(outcome.ok for outcome in outcomes)
    assert all(len(set(request["message_ids"])) == 1 for request in server.requests[1:])
    assert all(len(set(ids)) == 1 for ids in ids_of(server).values())
    assert set(server.shown.values()) == {1}


def test_other_vendors_get_the_dedupe_ids() -> None:
    """Where the phones drop no repeats of a message, its id is that of each push."""
    server = ListServer()

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(dedupe=True)) as g:
            outcomes: list[Outcome] = await g.multicast(phones(3), TEXT)
            return outcomes

    outcomes: list[Outcome] = run_virtual(main())

    assert server.requests[0]["message_ids"] == [one.dedupe_id for one in outcomes]


def test_explain_shows_the_message_id() -> None:
    """That of a push alone: its own id, or one that is made of the host's id of the message."""
    server = ListServer()
    note = Notification("title", "body", dedupe_id="message-7")

    async def explained(g: Any) -> list[Outcome]:
        shown = json.loads(g.explain(Push(phones(1)[0], note)).request.content)
        outcomes: list[Outcome] = await g.multicast(phones(1), note)
        assert shown["message_ids"] == server.requests[0]["message_ids"]
        return outcomes

    assert sent(server, explained)[0].ok


def test_one_push_for_each_request_has_its_own_id() -> None:
    """Where the vendor has no batches."""
    server = ListServer()

    outcomes = sent(server, lambda g: g.multicast(phones(3), TEXT), size=1)

    assert sorted(one for request in server.requests for one in request["message_ids"]) == sorted(
        one.dedupe_id for one in outcomes
    )
