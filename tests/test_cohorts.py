"""Pushes side by side: nothing is different for any of them but the price.

Law of this file: the oracle is always the same pushes each by itself.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import Toy, ToyServer, certificate, gateway, note

from pushgateway import Notification, Outcome, Priority, Push, PushToken, Reason, Status
from pushgateway.batching import PIECE, Queue
from pushgateway.deadlines import Deadlines
from pushgateway.flow import Many
from pushgateway.testing.virtual import run_virtual
from pushgateway.vendor import Batching
from pushgateway.waiting import Cohort, Column, Item, Waiting, by_sink, each, present

NOTES = [Notification("t", str(number)) for number in range(3)]


class Caller:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.withdrawn = False
        self.told: dict[Any, Outcome] = {}

    def put(self, place: Any, outcome: Outcome) -> None:
        """One."""
        self.told[place] = outcome

    def put_all(self, places: Sequence[Any], outcomes: Sequence[Outcome]) -> None:
        """Many."""
        self.told.update(zip(places, outcomes, strict=True))


def push(place: int, token: str = "", notification: Notification = NOTES[0]) -> Push:
    """With an id that tells its place."""
    return Push(PushToken(1, token or f"token-{place}"), notification, dedupe_id=f"id-{place}")


def cohort(pushes: Sequence[Push], first: int = 0, sink: Caller | None = None) -> Cohort:
    """These side by side; the first one has this place."""
    column = Column(list(pushes), [one.push_token for one in pushes], lambda ours, _: [one.dedupe_id for one in ours])
    places = range(first, first + len(pushes))
    return Cohort(column, places, Priority.NORMAL, 60.0, sink or Caller(), begun=0.0)


def places(items: Sequence[Item]) -> list[int]:
    """Which pushes these are."""
    return [one.place for one in each(items)]


def drained(queue: Queue, batching: Batching) -> list[list[int]]:
    """All batches, in their order."""
    found = []
    while queue.regions:
        batch, _ = queue.cut("", batching, lambda one: 5 * int(one.body))
        found.append(places(batch))
    return found


RUNS = st.lists(
    st.tuples(
        st.lists(st.tuples(st.sampled_from("abcdefghi"), st.integers(0, 2)), min_size=1, max_size=8),
        st.booleans(),  # side by side
        st.sampled_from([False, False, False, True]),  # the caller is gone
    ),
    max_size=8,
)


@given(RUNS, st.integers(1, 9), st.one_of(st.none(), st.integers(1, 400)))
def test_batches_are_the_same_side_by_side(
    runs: list[tuple[list[tuple[str, int]], bool, bool]], size: int, limit: int | None
) -> None:
    """Whatever tokens come twice, weigh too much or are taken back: the same pushes leave together, in the same order,
    and the queue counts them right at any time."""
    together, alone = Queue(), Queue()
    place = 0
    for members, side_by_side, gone in runs:
        pushes = [push(place + offset, token, NOTES[number]) for offset, (token, number) in enumerate(members)]
        sink = Caller()
        sink.withdrawn = gone
        apart = [Waiting(one, 60.0, sink, place + offset) for offset, one in enumerate(pushes)]
        alone.add(apart, "")
        together.add([cohort(pushes, place, sink)] if side_by_side else apart, "")
        place += len(members)
        assert len(together) == len(alone)
    batching = Batching(size, True, limit)

    assert drained(together, batching) == drained(alone, batching)
    assert len(together) == len(alone) == 0


def test_a_cohort_is_cut_where_the_batch_is_full() -> None:
    """The rest stays side by side, and both halves keep their deadline."""
    queue, filed = Queue(), Deadlines()
    whole = cohort([push(place) for place in range(10)])
    whole.files = filed
    filed.add([whole])
    queue.add([whole], "")

    first, _ = queue.cut("", Batching(4, True), lambda one: 0)

    assert places(first) == [0, 1, 2, 3]
    assert len(queue) == whole.size == 6
    assert sorted(places(filed.due(60.0, 100))) == list(range(10))


def test_a_weight_that_cannot_be_told_loses_no_cohort() -> None:
    """A plug-in's `weigh` fails: all are still there."""

    def broken(_: Notification) -> int:
        raise ArithmeticError("no weight")

    queue = Queue()
    queue.add([cohort([push(place) for place in range(5)])], "")
    with pytest.raises(ArithmeticError):
        queue.cut("", Batching(3, True, 10), broken)

    assert places(queue.clear()) == [0, 1, 2, 3, 4]


def test_what_does_not_fit_is_not_weighed_over_and_over() -> None:
    """Ten batches by weight of one cohort: each weighs its own pushes and a piece of the others at most."""
    weighed: list[Notification] = []

    def weigh(note: Notification) -> int:
        weighed.append(note)
        return 100

    queue = Queue()
    queue.add([cohort([push(place, notification=Notification("t", str(place))) for place in range(1000)])], "")
    sizes = []
    while queue.regions:
        batch, _ = queue.cut("", Batching(1000, True, 20_000), weigh)
        sizes.append(sum(item.size for item in batch))

    assert sum(sizes) == 1000
    assert len(weighed) <= 1000 + PIECE * len(sizes)


def test_what_was_dispersed_goes_on_one_by_one() -> None:
    """Each member with its deadline; one that ended is skipped, and a second dispersal finds the same members."""
    queue, filed = Queue(), Deadlines()
    whole = cohort([push(place) for place in range(3)])
    whole.files = filed
    filed.add([whole])
    queue.add([whole], "")

    members = whole.members()
    members[1].settled = True
    filed.discard(members[1:2])

    assert whole.members() is members
    assert list(present([whole])) == members
    assert filed.due(60.0, 100) == [members[0], members[2]]
    batch, _ = queue.cut("", Batching(9, True), lambda one: 0)
    assert (places(batch), len(queue)) == ([0, 2], 0)


def test_outcomes_find_their_sinks() -> None:
    """Neighbours of one sink together, each under its place, with or without company."""
    ours, theirs = Caller(), Caller()
    items: list[Item] = [
        Waiting(push(7), 60.0, ours, 7),
        cohort([push(place) for place in range(3)], sink=ours),
        cohort([push(5)], 5, sink=theirs),
        Waiting(push(8), 60.0, theirs, 8),
        Waiting(push(9), 60.0, theirs, 9),
    ]
    assert [(sink is ours, list(found)) for sink, found in by_sink(items)] == [
        (True, [7]),
        (True, [0, 1, 2]),
        (False, [5]),
        (False, [8, 9]),
    ]


def test_a_list_takes_outcomes_in_any_order() -> None:
    """Neighbours and strangers, each at its own place."""

    async def main() -> list[Outcome]:
        sink = Many(asyncio.get_running_loop(), 6)
        given = [Outcome.accepted(push(place), str(place)) for place in range(6)]
        sink.put_all(range(2, 5), given[2:5])
        sink.put(5, given[5])
        sink.put_all([1, 0], [given[1], given[0]])
        return await sink.outcomes()

    assert [outcome.message_id for outcome in run_virtual(main())] == ["0", "1", "2", "3", "4", "5"]


def test_two_pushes_for_a_phone_keep_their_order_between_others() -> None:
    """One of the two is in a hurry, so they do not travel together; the first one still goes first."""
    server = ToyServer()

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            calm = [Push(PushToken(1, f"t{number}"), note(), context=number) for number in range(6)]
            hurried = [Push(PushToken(1, "t5"), note(), timeout=5.0, context="hurried")]
            later = [Push(PushToken(1, f"t{number}"), note(), context=10 + number) for number in range(5, 10)]
            return await g.send_each([*calm, *hurried, *later])

    outcomes = run_virtual(main())

    assert [outcome.context for outcome in outcomes] == [*range(6), "hurried", *range(15, 20)]
    assert all(outcome.ok for outcome in outcomes)
    mine = [outcome.dedupe_id for outcome in outcomes if outcome.push_token.token == "t5"]
    sent = [dedupe_id for batch in server.batches for token, _, dedupe_id in batch if token == "t5"]
    assert sent == mine


@pytest.mark.parametrize("bad", [(), (3,), (0, 9)])
def test_a_refusal_hits_the_one_it_names(bad: tuple[int, ...]) -> None:
    """In a batch that travelled side by side each has its own outcome, and the others theirs at once."""
    server = ToyServer()
    server.codes = {f"t{number}": "2" for number in bad}

    async def main() -> list[Outcome]:
        async with gateway(server) as g:
            return await g.multicast([PushToken(1, f"t{number}") for number in range(10)], note())

    outcomes = run_virtual(main())

    assert [number for number, outcome in enumerate(outcomes) if outcome.reason is Reason.UNREGISTERED] == list(bad)
    assert sum(outcome.status is Status.ACCEPTED for outcome in outcomes) == 10 - len(bad)
    assert [outcome.push_token.token for outcome in outcomes] == [f"t{number}" for number in range(10)]


def phones(count: int, name: str = "t") -> list[PushToken]:
    """So many of one certificate."""
    return [PushToken(1, f"{name}{number}") for number in range(count)]


def all_of(
    server: ToyServer, push_tokens: Sequence[PushToken], *, logs_in: bool = False, **options: Any
) -> list[Outcome]:
    """What becomes of one notification for these."""

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(logs_in=logs_in), **options) as g:
            return await g.multicast(push_tokens, note())

    return run_virtual(main())


def test_two_regions_do_not_mix() -> None:
    """Phones of both in one call: each goes to its own server, and the outcomes are in the order given."""
    server = ToyServer()
    mixture = [one for pair in zip(phones(10), phones(10, "far-"), strict=True) for one in pair]

    outcomes = all_of(server, mixture)

    assert [outcome.push_token for outcome in outcomes] == mixture
    assert all(outcome.ok for outcome in outcomes)
    assert sorted({token.startswith("far-") for token, *_ in batch} for batch in server.batches) == [{False}, {True}]


def test_a_deadline_while_the_vendor_is_asked() -> None:
    """Each is `UNKNOWN`, in time, and what the vendor says later changes nothing."""
    server = ToyServer()
    server.latency = 4.0

    outcomes = all_of(server, phones(10), timeout=3.0, request_timeout=20.0)

    assert [outcome.status for outcome in outcomes] == [Status.UNKNOWN] * 10
    assert server.ledger.total() == 10


def test_a_deadline_in_the_queue() -> None:
    """The one connection is busy for too long: who waits ends `EXPIRED` and never leaves."""
    server = ToyServer()
    server.latency = 4.0
    settings = {"connections": 1, "timeout": 3.0, "request_timeout": 20.0}

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=10, logs_in=False), **settings) as g:
            return await g.multicast(phones(25), note())

    outcomes = run_virtual(main())

    assert [outcome.status for outcome in outcomes] == [Status.UNKNOWN] * 10 + [Status.NOT_SENT] * 15
    assert {outcome.reason for outcome in outcomes[10:]} == {Reason.EXPIRED}
    assert len(server.batches) == 1


def test_a_failure_is_repeated_for_all_under_the_same_ids() -> None:
    """The whole batch fails once; each is tried again as it was."""
    server = ToyServer()
    server.answers = ["5"]

    outcomes = all_of(server, phones(10))

    assert all(outcome.ok and outcome.attempts == 2 for outcome in outcomes)
    assert server.batches[0] == server.batches[1]


def test_an_expired_access_token_costs_an_attempt() -> None:
    """One more login, and all go once more."""
    server = ToyServer()
    server.refuse_access = {"t1"}

    outcomes = all_of(server, phones(10), logs_in=True)

    assert [(outcome.ok, outcome.attempts) for outcome in outcomes] == [(True, 2)] * 10
    assert server.calls["login"] == 2


@pytest.mark.parametrize("grace", [0.0, 5.0])
def test_a_close_tells_each_what_became_of_it(grace: float) -> None:
    """With time it drains, without it gives back what waits and cuts off what is on its way."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        g = gateway(server, certificate(size=10, logs_in=False), connections=1)
        sending = asyncio.create_task(g.multicast(phones(25), note()))
        await asyncio.sleep(1.5)
        await g.aclose(grace)
        return await sending

    outcomes = run_virtual(main())

    statuses = [outcome.status for outcome in outcomes]
    if grace:
        assert statuses == [Status.ACCEPTED] * 25
    else:
        expected = [Status.ACCEPTED] * 10 + [Status.UNKNOWN] * 10 + [Status.NOT_SENT] * 5
        assert statuses == expected
        assert {outcome.reason for outcome in outcomes[20:]} == {Reason.CLOSED}


def test_who_leaves_takes_back_what_has_not_left() -> None:
    """A cancelled call: what waits stays, what is on its way is the vendor's; others of the same batch are not hurt."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=10, logs_in=False), connections=1) as g:
            sending = asyncio.create_task(g.multicast(phones(25), note()))
            await asyncio.sleep(0.5)
            others = asyncio.create_task(g.multicast(phones(8, "other"), note()))
            await asyncio.sleep(0)
            sending.cancel()
            return await others

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert sorted(len(batch) for batch in server.batches) == [8, 10]


def test_a_reload_sends_what_waits_with_the_new_settings() -> None:
    """Side by side in the queue when the certificate changes: nobody is lost, and the new size holds."""
    server = ToyServer()
    server.latency = 1.0

    async def main() -> list[Outcome]:
        async with gateway(server, certificate(size=10, logs_in=False), connections=1) as g:
            sending = asyncio.create_task(g.multicast(phones(25), note()))
            await asyncio.sleep(0.5)
            g.reload([certificate(size=4, logs_in=False)])
            return await sending

    outcomes = run_virtual(main())

    assert all(outcome.ok for outcome in outcomes)
    assert [len(batch) for batch in server.batches] == [10, 4, 4, 4, 3]
    assert server.ledger.total() == 25


def test_a_plug_in_that_fails_at_one_token_costs_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """`region` raises for one phone: the others travel on."""
    server = ToyServer()
    region = Toy.region

    def picky(self: Toy, token: str) -> str:
        if token == "t3":
            raise ArithmeticError("no such region")
        return region(self, token)

    monkeypatch.setattr(Toy, "region", picky)

    outcomes = all_of(server, phones(10))

    assert [number for number, outcome in enumerate(outcomes) if not outcome.ok] == [3]
    assert (outcomes[3].status, outcomes[3].reason) == (Status.NOT_SENT, Reason.CREDENTIALS)
